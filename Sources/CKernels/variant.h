// What a variant brings to the blocking of sgemm.c.
#ifndef CKERNELS_VARIANT_H
#define CKERNELS_VARIANT_H

#include <stddef.h>

enum {
    // The largest tile of a variant, for the memory behind it.
    maximum_tile_rows = 16,
    maximum_panel_columns = 32,
    // Rows of B that are on their way while one is packed.
    rows_ahead = 8,
};

// c[i · c_row + j] = alpha · Σ a[i · a_row + p · a_inner] · panel[p · columns + j] (+ c[…] with beta 1), p ascending, by fused
// multiply-adds that start from zero.
typedef void (*tile_kernel)(ptrdiff_t k, const float *a, ptrdiff_t a_row, ptrdiff_t a_inner, const float *panel,
                            float alpha, int beta, float *c, ptrdiff_t c_row);

// panel[p · columns + j] = x[j · row + p] for j < count, 0 for the other columns.
typedef void (*transposing_pack)(ptrdiff_t k, int count, int columns, const float *x, ptrdiff_t row, float *panel);

// Packs `k` rows of `width` floats, `row` apart, as panels side by side: column j of a panel's p-th row is at
// p · columns + j, and panel q begins at q · panel_stride. The last panel is padded with zeros to whole registers.
typedef void (*straight_pack)(ptrdiff_t k, ptrdiff_t width, const float *x, ptrdiff_t row, float *panels,
                              ptrdiff_t panel_stride);

// c[i · c_row + j] = alpha · tile[i · columns + j] (+ c[…] with beta 1) for i < rows, j < count.
typedef void (*straight_store)(int rows, int count, int columns, float alpha, int beta, const float *tile, float *c,
                               ptrdiff_t c_row);

// c[j · c_row + i] = alpha · tile[i · columns + j] (+ c[…] with beta 1) for i < rows, j < count.
typedef void (*transposing_store)(int rows, int count, int columns, float alpha, int beta, float *tile, float *c,
                                  ptrdiff_t c_row);

typedef struct {
    int tile_rows;     // rows of the largest tile
    int vector_floats; // floats of a register
    int panel_vectors; // registers of the widest panel
    // [panel_vectors][tile_rows]: a tile of i + 1 rows and v + 1 registers is at v · tile_rows + i.
    const tile_kernel *kernels;
    straight_pack pack_across;
    straight_store store_across;
    transposing_pack pack_along;
    transposing_store store_along;
} product_variant;

#if defined(__x86_64__)
extern const product_variant CKernels_variant_avx2;
extern const product_variant CKernels_variant_avx512;
#endif

#endif
