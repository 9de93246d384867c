// Tiles of 6 rows and 16 columns for processors with AVX2 and FMA.
#if defined(__x86_64__)
#include "variant.h"
#include <immintrin.h>

#pragma STDC FP_CONTRACT OFF

#define TARGET __attribute__((target("avx2,fma")))
#define VECTOR __m256
#define FLOATS 8
#define ZERO _mm256_setzero_ps
#define LOAD _mm256_loadu_ps
#define STORE _mm256_storeu_ps
#define SPREAD _mm256_set1_ps
#define FMA _mm256_fmadd_ps
#define MULTIPLY _mm256_mul_ps
#define ADD _mm256_add_ps
#include "tiles.h"

#define TILES(VECTORS) \
    TILE(1, VECTORS) TILE(2, VECTORS) TILE(3, VECTORS) TILE(4, VECTORS) TILE(5, VECTORS) TILE(6, VECTORS)
TILES(1)
TILES(2)

#define NAMES(VECTORS) tile_1_##VECTORS, tile_2_##VECTORS, tile_3_##VECTORS, tile_4_##VECTORS, tile_5_##VECTORS, \
                       tile_6_##VECTORS
static const tile_kernel kernels[] = {NAMES(1), NAMES(2)};

// r[i][j] → r[j][i]
TARGET static inline void transpose(__m256 r[8]) {
    __m256 s[8];
    for (int i = 0; i < 8; i += 2) {
        s[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
        s[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
    }
    for (int i = 0; i < 8; i += 4) {
        r[i] = _mm256_shuffle_ps(s[i], s[i + 2], 0x44);
        r[i + 1] = _mm256_shuffle_ps(s[i], s[i + 2], 0xEE);
        r[i + 2] = _mm256_shuffle_ps(s[i + 1], s[i + 3], 0x44);
        r[i + 3] = _mm256_shuffle_ps(s[i + 1], s[i + 3], 0xEE);
    }
    for (int i = 0; i < 4; i++) {
        s[i] = _mm256_permute2f128_ps(r[i], r[i + 4], 0x20);
        s[i + 4] = _mm256_permute2f128_ps(r[i], r[i + 4], 0x31);
    }
    for (int i = 0; i < 8; i++) r[i] = s[i];
}

TARGET static void pack_along(ptrdiff_t k, int count, int columns, const float *x, ptrdiff_t row, float *panel) {
    for (int first = 0; first < columns; first += 8) {
        int present = count - first < 8 ? count - first : 8;
        ptrdiff_t p = 0;
        for (; present == 8 && p + 8 <= k; p += 8) {
            __m256 r[8];
            for (int j = 0; j < 8; j++) r[j] = _mm256_loadu_ps(x + (first + j) * row + p);
            transpose(r);
            for (int i = 0; i < 8; i++) _mm256_storeu_ps(panel + (p + i) * columns + first, r[i]);
        }
        for (; p < k; p++)
            for (int j = 0; j < 8; j++)
                panel[p * columns + first + j] = j < present ? x[(first + j) * row + p] : 0;
    }
}

TARGET static void store_along(int rows, int count, int columns, float alpha, int beta, float *tile, float *c,
                         ptrdiff_t c_row) {
    __m256i mask = _mm256_cmpgt_epi32(_mm256_set1_epi32(rows), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
    __m256 factor = _mm256_set1_ps(alpha);
    for (int first = 0; first < count; first += 8) {
        __m256 r[8];
        // Rows beyond the tile's are scratch that the mask leaves out.
        for (int i = 0; i < 8; i++) r[i] = _mm256_loadu_ps(tile + i * columns + first);
        transpose(r);
        for (int j = 0; j < 8; j++) {
            if (first + j >= count) break;
            float *out = c + (first + j) * c_row;
            __m256 value = _mm256_mul_ps(factor, r[j]);
            if (beta) value = _mm256_add_ps(_mm256_maskload_ps(out, mask), value);
            _mm256_maskstore_ps(out, mask, value);
        }
    }
}

#include "straight.h"

const product_variant CKernels_variant_avx2 = {6, 8, 2, kernels, pack_across, store_across, pack_along, store_along};
#endif
