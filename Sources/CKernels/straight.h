// Packing and storing where rows stay rows, for the variant that includes this with VECTOR, FLOATS, LOAD, STORE,
// SPREAD, MULTIPLY, ADD and TARGET. Panels of a variant are two registers wide.

TARGET static void pack_across(ptrdiff_t k, ptrdiff_t width, const float *x, ptrdiff_t row, float *panels,
                               ptrdiff_t panel_stride) {
    ptrdiff_t whole = width / (2 * FLOATS), rest = width % (2 * FLOATS);
    ptrdiff_t padded = (rest + FLOATS - 1) / FLOATS * FLOATS;
    for (ptrdiff_t p = 0; p < k; p++, x += row) {
        if (p + rows_ahead < k)
            for (ptrdiff_t j = 0; j < width; j += 16) __builtin_prefetch(x + rows_ahead * row + j, 0, 3);
        float *out = panels + p * 2 * FLOATS;
        for (ptrdiff_t q = 0; q < whole; q++, out += panel_stride) {
            STORE(out, LOAD(x + q * 2 * FLOATS));
            STORE(out + FLOATS, LOAD(x + q * 2 * FLOATS + FLOATS));
        }
        if (rest) {
            out = panels + whole * panel_stride + p * padded;
            for (ptrdiff_t j = 0; j < padded; j++) out[j] = j < rest ? x[whole * 2 * FLOATS + j] : 0;
        }
    }
}

TARGET static void store_across(int rows, int count, int columns, float alpha, int beta, const float *tile,
                                float *c, ptrdiff_t c_row) {
    VECTOR factor = SPREAD(alpha);
    for (int i = 0; i < rows; i++, tile += columns, c += c_row) {
        int j = 0;
        for (; j + FLOATS <= count; j += FLOATS) {
            VECTOR value = MULTIPLY(factor, LOAD(tile + j));
            STORE(c + j, beta ? ADD(LOAD(c + j), value) : value);
        }
        for (; j < count; j++) {
            float value = alpha * tile[j];
            c[j] = beta ? c[j] + value : value;
        }
    }
}
