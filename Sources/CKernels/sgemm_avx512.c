// Tiles of 14 rows and 32 columns for processors with AVX-512.
#if defined(__x86_64__)
#include "variant.h"
#include <immintrin.h>

#pragma STDC FP_CONTRACT OFF

#define TARGET __attribute__((target("avx512f,fma")))
#define VECTOR __m512
#define FLOATS 16
#define ZERO _mm512_setzero_ps
#define LOAD _mm512_loadu_ps
#define STORE _mm512_storeu_ps
#define SPREAD _mm512_set1_ps
#define FMA _mm512_fmadd_ps
#define MULTIPLY _mm512_mul_ps
#define ADD _mm512_add_ps
#include "tiles.h"

#define TILES(VECTORS)                                                                                         \
    TILE(1, VECTORS) TILE(2, VECTORS) TILE(3, VECTORS) TILE(4, VECTORS) TILE(5, VECTORS) TILE(6, VECTORS)      \
    TILE(7, VECTORS) TILE(8, VECTORS) TILE(9, VECTORS) TILE(10, VECTORS) TILE(11, VECTORS) TILE(12, VECTORS)   \
    TILE(13, VECTORS) TILE(14, VECTORS)
TILES(1)
TILES(2)

#define NAMES(VECTORS) tile_1_##VECTORS, tile_2_##VECTORS, tile_3_##VECTORS, tile_4_##VECTORS, tile_5_##VECTORS, \
                       tile_6_##VECTORS, tile_7_##VECTORS, tile_8_##VECTORS, tile_9_##VECTORS,                   \
                       tile_10_##VECTORS, tile_11_##VECTORS, tile_12_##VECTORS, tile_13_##VECTORS,               \
                       tile_14_##VECTORS
static const tile_kernel kernels[] = {NAMES(1), NAMES(2)};

// r[i][j] → r[j][i]
TARGET static inline void transpose(__m512 r[16]) {
    __m512 s[16];
    for (int i = 0; i < 16; i += 2) {
        s[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
        s[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
    }
    for (int i = 0; i < 16; i += 4) {
        r[i] = _mm512_shuffle_ps(s[i], s[i + 2], 0x44);
        r[i + 1] = _mm512_shuffle_ps(s[i], s[i + 2], 0xEE);
        r[i + 2] = _mm512_shuffle_ps(s[i + 1], s[i + 3], 0x44);
        r[i + 3] = _mm512_shuffle_ps(s[i + 1], s[i + 3], 0xEE);
    }
    for (int i = 0; i < 4; i++) {
        s[i] = _mm512_shuffle_f32x4(r[i], r[i + 4], 0x88);
        s[i + 4] = _mm512_shuffle_f32x4(r[i], r[i + 4], 0xDD);
        s[i + 8] = _mm512_shuffle_f32x4(r[i + 8], r[i + 12], 0x88);
        s[i + 12] = _mm512_shuffle_f32x4(r[i + 8], r[i + 12], 0xDD);
    }
    for (int i = 0; i < 8; i++) {
        r[i] = _mm512_shuffle_f32x4(s[i], s[i + 8], 0x88);
        r[i + 8] = _mm512_shuffle_f32x4(s[i], s[i + 8], 0xDD);
    }
}

TARGET static void pack_along(ptrdiff_t k, int count, int columns, const float *x, ptrdiff_t row, float *panel) {
    for (int first = 0; first < columns; first += 16) {
        int present = count - first < 16 ? count - first : 16;
        for (ptrdiff_t p = 0; p < k; p += 16) {
            int depth = k - p < 16 ? (int)(k - p) : 16;
            __mmask16 mask = (__mmask16)((1u << depth) - 1);
            __m512 r[16];
            for (int j = 0; j < 16; j++)
                r[j] = j < present ? _mm512_maskz_loadu_ps(mask, x + (first + j) * row + p) : _mm512_setzero_ps();
            transpose(r);
            if (depth == 16)
                for (int i = 0; i < 16; i++) _mm512_storeu_ps(panel + (p + i) * columns + first, r[i]);
            else
                for (int i = 0; i < 16; i++)
                    if (i < depth) _mm512_storeu_ps(panel + (p + i) * columns + first, r[i]);
        }
    }
}

TARGET static void store_along(int rows, int count, int columns, float alpha, int beta, float *tile, float *c,
                         ptrdiff_t c_row) {
    __mmask16 mask = (__mmask16)((1u << rows) - 1);
    __m512 factor = _mm512_set1_ps(alpha);
    for (int first = 0; first < count; first += 16) {
        __m512 r[16];
        // Rows beyond the tile's are scratch that the mask leaves out.
        for (int i = 0; i < 16; i++) r[i] = _mm512_loadu_ps(tile + i * columns + first);
        transpose(r);
        for (int j = 0; j < 16; j++) {
            if (first + j >= count) break;
            float *out = c + (first + j) * c_row;
            __m512 value = _mm512_mul_ps(factor, r[j]);
            if (beta) value = _mm512_add_ps(_mm512_maskz_loadu_ps(mask, out), value);
            _mm512_mask_storeu_ps(out, mask, value);
        }
    }
}

#include "straight.h"

const product_variant CKernels_variant_avx512 = {14, 16, 2, kernels, pack_across, store_across, pack_along, store_along};
#endif
