// The blocking of products: which tile is computed from which packed panel, in memory that each thread keeps.
#include "CKernels.h"
#include "variant.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#pragma STDC FP_CONTRACT OFF

enum {
    // Longest block of the inner dimension where rows of B lie across it: a strip of packed panels stays in the
    // second cache.
    across_depth = 512,
    // Panels packed together, so that each row of B is read in one piece.
    strip_panels = 4,
    // Rows of A that a strip is used for before the next is packed.
    across_rows = 256,
    // Longest block where B lies along the inner dimension and is read in place.
    along_depth = 2048,
    // Rows of A that are packed at a time then.
    along_rows = 256,
    // Rows this many floats apart, or a multiple of it, fall into the same few lines of the first cache: a tile of them
    // is copied before it is used. The copies lie `copy_gap` floats further apart than they are long.
    conflict_across = 512,
    conflict_along = 1024,
    copy_gap = 16,
    tile_floats = maximum_tile_rows * maximum_panel_columns,
};

// MARK: - Memory of a thread

typedef struct {
    float *floats;
    size_t count;
} workspace;

static pthread_key_t workspace_key;
static pthread_once_t workspace_once = PTHREAD_ONCE_INIT;
static int has_key;

static void release(void *value) {
    workspace *space = value;
    free(space->floats);
    free(space);
}

static void make_key(void) { has_key = pthread_key_create(&workspace_key, release) == 0; }

// At least `count` floats, aligned to cache lines, with undefined contents; NULL when there is no memory.
static float *reserve(size_t count) {
    pthread_once(&workspace_once, make_key);
    if (!has_key) return NULL;
    workspace *space = pthread_getspecific(workspace_key);
    if (space == NULL) {
        space = calloc(1, sizeof *space);
        if (space == NULL) return NULL;
        if (pthread_setspecific(workspace_key, space) != 0) {
            free(space);
            return NULL;
        }
    }
    if (space->count < count) {
        void *memory = NULL;
        if (posix_memalign(&memory, 64, count * sizeof(float)) != 0) return NULL;
        memset(memory, 0, count * sizeof(float));
        free(space->floats);
        space->floats = memory;
        space->count = count;
    }
    return space->floats;
}

// MARK: - Blocks

// Length of the blocks that `k` is cut into: equal ones of at most `longest`.
static ptrdiff_t depth_of(ptrdiff_t k, ptrdiff_t longest) {
    ptrdiff_t blocks = (k + longest - 1) / longest;
    return blocks == 0 ? 1 : (k + blocks - 1) / blocks;
}

static ptrdiff_t smaller(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }

// Registers that `columns` columns take.
static int vectors_for(const product_variant *variant, ptrdiff_t columns) {
    return (int)((columns + variant->vector_floats - 1) / variant->vector_floats);
}

static tile_kernel kernel_for(const product_variant *variant, int rows, int vectors) {
    return variant->kernels[(vectors - 1) * variant->tile_rows + rows - 1];
}

// Rows of tile `index` when `rows` rows are cut into `tiles` tiles of nearly equal height.
static int rows_of_tile(ptrdiff_t rows, ptrdiff_t tiles, ptrdiff_t index) {
    return (int)(rows / tiles + (index < rows % tiles));
}

// Copies `rows` rows of `count` floats to rows that lie count + copy_gap floats apart.
static void copy_rows(ptrdiff_t rows, ptrdiff_t count, const float *x, ptrdiff_t row, float *out) {
    for (ptrdiff_t i = 0; i < rows; i++)
        memcpy(out + i * (count + copy_gap), x + i * row, (size_t)count * sizeof(float));
}

// One product, and the memory of its thread.
typedef struct {
    const product_variant *variant;
    ptrdiff_t m, n, k;
    float alpha;
    const float *a;
    ptrdiff_t a_row, a_inner;
    const float *b;
    ptrdiff_t b_inner, b_column;
    int beta;
    float *c;
    ptrdiff_t c_row;
    float *tile, *panels, *copies;
} product;

static ptrdiff_t panel_columns(const product_variant *variant) {
    return variant->vector_floats * variant->panel_vectors;
}

// The tiles of rows first_m … first_m + height of A by one strip of packed panels.
static void strip_across(const product *p, ptrdiff_t first_m, ptrdiff_t height, const float *a, ptrdiff_t a_row,
                         ptrdiff_t first_n, ptrdiff_t width, ptrdiff_t length, ptrdiff_t panel_stride, int adds) {
    const product_variant *variant = p->variant;
    ptrdiff_t tiles = (height + variant->tile_rows - 1) / variant->tile_rows;
    for (ptrdiff_t j = 0, q = 0; j < width; j += panel_columns(variant), q++) {
        int count = (int)smaller(panel_columns(variant), width - j);
        int vectors = vectors_for(variant, count);
        ptrdiff_t m = 0;
        for (ptrdiff_t t = 0; t < tiles; t++) {
            int rows = rows_of_tile(height, tiles, t), columns = vectors * variant->vector_floats;
            tile_kernel kernel = kernel_for(variant, rows, vectors);
            const float *panel = p->panels + q * panel_stride;
            float *c = p->c + (first_m + m) * p->c_row + first_n + j;
            if (count == columns) {
                kernel(length, a + m * a_row, a_row, p->a_inner, panel, p->alpha, adds, c, p->c_row);
            } else {
                kernel(length, a + m * a_row, a_row, p->a_inner, panel, 1, 0, p->tile, columns);
                variant->store_across(rows, count, columns, p->alpha, adds, p->tile, c, p->c_row);
            }
            m += rows;
        }
    }
}

// B's rows lie across the inner dimension (b_column is 1): they are packed, A is read in place.
static int product_across(product p) {
    ptrdiff_t strip = strip_panels * panel_columns(p.variant);
    ptrdiff_t depth = depth_of(p.k, across_depth), panel_stride = depth * panel_columns(p.variant);
    int copies = p.a_inner == 1 && p.a_row % conflict_across == 0;
    ptrdiff_t rows = smaller(p.m, across_rows);
    p.tile = reserve((size_t)(tile_floats + depth * strip + (copies ? rows * (depth + copy_gap) : 0)));
    if (p.tile == NULL) return -1;
    p.panels = p.tile + tile_floats;
    p.copies = p.panels + depth * strip;
    for (ptrdiff_t first_m = 0; first_m < p.m; first_m += across_rows) {
        ptrdiff_t height = smaller(across_rows, p.m - first_m);
        for (ptrdiff_t first_k = 0; first_k < p.k; first_k += depth) {
            ptrdiff_t length = smaller(depth, p.k - first_k), a_row = p.a_row;
            const float *a = p.a + first_m * p.a_row + first_k * p.a_inner;
            if (copies) {
                copy_rows(height, length, a, p.a_row, p.copies);
                a = p.copies;
                a_row = length + copy_gap;
            }
            for (ptrdiff_t first_n = 0; first_n < p.n; first_n += strip) {
                ptrdiff_t width = smaller(strip, p.n - first_n);
                p.variant->pack_across(length, width, p.b + first_k * p.b_inner + first_n, p.b_inner, p.panels,
                                       panel_stride);
                strip_across(&p, first_m, height, a, a_row, first_n, width, length, panel_stride,
                             p.beta || first_k > 0);
            }
        }
    }
    return 0;
}

// All columns of C for rows first_m … first_m + height of A, which are packed.
static void columns_along(const product *p, ptrdiff_t first_m, ptrdiff_t height, ptrdiff_t first_k,
                          ptrdiff_t length, ptrdiff_t depth) {
    const product_variant *variant = p->variant;
    ptrdiff_t tiles = (p->n + variant->tile_rows - 1) / variant->tile_rows, n = 0;
    int adds = p->beta || first_k > 0;
    for (ptrdiff_t t = 0; t < tiles; t++) {
        int rows = rows_of_tile(p->n, tiles, t);
        const float *b = p->b + n * p->b_column + first_k;
        ptrdiff_t b_column = p->b_column;
        if (p->copies != NULL) {
            copy_rows(rows, length, b, b_column, p->copies);
            b = p->copies;
            b_column = length + copy_gap;
        }
        for (ptrdiff_t i = 0; i < height; i += panel_columns(variant)) {
            int count = (int)smaller(panel_columns(variant), height - i);
            int vectors = vectors_for(variant, count), columns = vectors * variant->vector_floats;
            kernel_for(variant, rows, vectors)(length, b, b_column, 1, p->panels + i * depth, 1, 0, p->tile, columns);
            variant->store_along(rows, count, columns, p->alpha, adds, p->tile,
                                 p->c + (first_m + i) * p->c_row + n, p->c_row);
        }
        n += rows;
    }
}

// B's columns lie along the inner dimension (b_inner is 1), as A's rows do: the transpose is computed, with A's
// rows packed and B, the weights, read in place, each once for `along_rows` rows of A.
static int product_along(product p) {
    ptrdiff_t depth = depth_of(p.k, along_depth), width = panel_columns(p.variant);
    ptrdiff_t packed_rows = (smaller(p.m, along_rows) + width - 1) / width * width;
    int copies = p.b_column % conflict_along == 0;
    p.tile = reserve(
        (size_t)(tile_floats + depth * packed_rows + (copies ? maximum_tile_rows * (depth + copy_gap) : 0)));
    if (p.tile == NULL) return -1;
    p.panels = p.tile + tile_floats;
    p.copies = copies ? p.panels + depth * packed_rows : NULL;
    for (ptrdiff_t first_m = 0; first_m < p.m; first_m += along_rows) {
        ptrdiff_t height = smaller(along_rows, p.m - first_m);
        for (ptrdiff_t first_k = 0; first_k < p.k; first_k += depth) {
            ptrdiff_t length = smaller(depth, p.k - first_k);
            for (ptrdiff_t i = 0; i < height; i += width) {
                int count = (int)smaller(width, height - i);
                p.variant->pack_along(length, count, vectors_for(p.variant, count) * p.variant->vector_floats,
                                      p.a + (first_m + i) * p.a_row + first_k, p.a_row, p.panels + i * depth);
            }
            columns_along(&p, first_m, height, first_k, length, depth);
        }
    }
    return 0;
}

// MARK: - Entry

int CKernels_widest(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    // The compiler's runtime asks the operating system, too, whether it keeps the wide registers.
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("fma")) return CKernels_avx512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return CKernels_avx2;
#endif
    return CKernels_none;
}

int CKernels_sgemm(int variant, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, float alpha, const float *a,
                   ptrdiff_t a_row, ptrdiff_t a_inner, const float *b, ptrdiff_t b_inner, ptrdiff_t b_column,
                   int beta, float *c, ptrdiff_t c_row) {
#if defined(__x86_64__)
    const product_variant *chosen = variant == CKernels_avx512 ? &CKernels_variant_avx512 : &CKernels_variant_avx2;
    if (k == 0) {
        if (!beta)
            for (ptrdiff_t i = 0; i < m; i++) memset(c + i * c_row, 0, (size_t)n * sizeof(float));
        return 0;
    }
    product p = {chosen, m, n, k, alpha, a, a_row, a_inner, b, b_inner, b_column, beta, c, c_row, NULL, NULL, NULL};
    if (b_column == 1) return product_across(p);
    if (b_inner == 1 && a_inner == 1) return product_along(p);
#endif
    return -1;
}
