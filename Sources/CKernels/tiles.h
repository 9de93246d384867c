// The tile kernels of a variant, generated for each number of rows and registers so that the accumulators stay in
// registers. The file that includes this defines VECTOR, FLOATS and the operations ZERO, LOAD, STORE, SPREAD, FMA, MULTIPLY, ADD,
// and TARGET.
#define TILE(ROWS, VECTORS)                                                                                       \
    TARGET static void tile_##ROWS##_##VECTORS(ptrdiff_t k, const float *a, ptrdiff_t a_row, ptrdiff_t a_inner,   \
                                               const float *panel, float alpha, int beta, float *c,               \
                                               ptrdiff_t c_row) {                                                 \
        VECTOR sums[ROWS][VECTORS];                                                                               \
        _Pragma("clang loop unroll(full)") for (int i = 0; i < ROWS; i++)                                         \
            _Pragma("clang loop unroll(full)") for (int v = 0; v < VECTORS; v++) sums[i][v] = ZERO();             \
        for (ptrdiff_t p = 0; p < k; p++) {                                                                       \
            VECTOR columns[VECTORS];                                                                              \
            _Pragma("clang loop unroll(full)") for (int v = 0; v < VECTORS; v++)                                  \
                columns[v] = LOAD(panel + v * FLOATS);                                                            \
            _Pragma("clang loop unroll(full)") for (int i = 0; i < ROWS; i++) {                                   \
                VECTOR x = SPREAD(a[i * a_row]);                                                                  \
                _Pragma("clang loop unroll(full)") for (int v = 0; v < VECTORS; v++)                              \
                    sums[i][v] = FMA(x, columns[v], sums[i][v]);                                                  \
            }                                                                                                     \
            panel += VECTORS * FLOATS;                                                                            \
            a += a_inner;                                                                                         \
        }                                                                                                         \
        VECTOR factor = SPREAD(alpha);                                                                            \
        _Pragma("clang loop unroll(full)") for (int i = 0; i < ROWS; i++) {                                       \
            _Pragma("clang loop unroll(full)") for (int v = 0; v < VECTORS; v++) {                                \
                VECTOR value = MULTIPLY(factor, sums[i][v]);                                                      \
                STORE(c + v * FLOATS, beta ? ADD(LOAD(c + v * FLOATS), value) : value);                           \
            }                                                                                                     \
            c += c_row;                                                                                           \
        }                                                                                                         \
    }
