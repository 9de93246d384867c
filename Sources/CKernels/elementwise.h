// The elementwise loops of one instruction set; the file that includes this defines NAME and TARGET.
//
// Every operation is one of IEEE 754 on eight lanes, without contraction, in one order: all instruction sets give the
// same bits.

// e^x within 2 ulp on [−87.3, 88.3]; 0 below, clamped above; NaN stays NaN. Range reduction and polynomial of Cephes
// `expf` (Moshier): x = n·ln 2 + r, |r| ≤ ln 2 ÷ 2, with ln 2 split in two so that n · high part is exact.
TARGET static inline __attribute__((always_inline)) lanes NAME(exponential)(lanes x) {
    bits vanishes = x < -87.33654f;
    lanes v = vanishes ? (lanes)0 : x;
    v = v > 88.37626f ? (lanes)88.37626f : v;
    // Adding 1.5 · 2^23 rounds to the nearest integer, which then stands in the low bits of the sum.
    lanes shifted = v * 1.44269504f + 12582912.0f;
    lanes n = shifted - 12582912.0f;
    lanes r = (v - n * 0.693359375f) - n * -2.12194440e-4f;
    lanes p = r * 1.9875691500e-4f + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    lanes fraction = (p * (r * r) + r) + 1.0f;
    bits exponent = ((bits)shifted - (0x4B400000 - 127)) << 23;
    lanes result = fraction * (lanes)exponent;
    return vanishes ? (lanes)0 : result;
}

TARGET static inline __attribute__((always_inline)) lanes NAME(sigmoid)(lanes x) { return 1.0f / (1.0f + NAME(exponential)(-x)); }

TARGET static void NAME(swiglu_forward)(ptrdiff_t n, float *y, const float *gate, const float *up) {
    for (ptrdiff_t i = 0; i < n; i += 8) {
        int count = n - i < 8 ? (int)(n - i) : 8;
        lanes x = load(gate + i, count);
        store(y + i, count, x * NAME(sigmoid)(x) * load(up + i, count));
    }
}

TARGET static void NAME(swiglu_backward)(ptrdiff_t n, float *gate, float *up, const float *d_output) {
    for (ptrdiff_t i = 0; i < n; i += 8) {
        int count = n - i < 8 ? (int)(n - i) : 8;
        lanes x = load(gate + i, count), v = load(up + i, count), d = load(d_output + i, count);
        lanes s = NAME(sigmoid)(x);
        lanes silu = x * s;
        store(gate + i, count, d * v * (s + silu * (1.0f - s)));
        store(up + i, count, d * silu);
    }
}

// What GELU multiplies x by; its derivative in `slope`.
//
// `form` 0: Φ(x), the complementary error function by formula 7.1.26 of Abramowitz & Stegun (error below 1.5e-7 of it).
// `form` 1: (1 + tanh u) ÷ 2 = sigmoid(2u) with u = √(2/π) · (x + 0.044715 x³).
TARGET static inline __attribute__((always_inline)) lanes NAME(gelu_factor)(int form, lanes x, lanes *slope) {
    if (form == 1) {
        lanes square = x * x;
        lanes s = NAME(sigmoid)(x * (square * 0.0713548162726f + 1.59576912161f));
        *slope = s * (1.0f - s) * (square * 0.2140644488178f + 1.59576912161f);
        return s;
    }
    lanes magnitude = x < 0.0f ? -x : x;
    lanes bell = NAME(exponential)(x * x * -0.5f);
    lanes t = 1.0f / (magnitude * 0.231641888f + 1.0f); // 0.3275911 ÷ √2
    lanes p = t * 1.061405429f - 1.453152027f;
    p = p * t + 1.421413741f;
    p = p * t - 0.284496736f;
    p = p * t + 0.254829592f;
    lanes tail = p * t * bell * 0.5f; // Φ(−|x|)
    *slope = bell * 0.398942280401f;
    return x < 0.0f ? tail : 1.0f - tail;
}

TARGET static void NAME(gelu_forward)(int form, ptrdiff_t n, float *y, const float *x) {
    for (ptrdiff_t i = 0; i < n; i += 8) {
        int count = n - i < 8 ? (int)(n - i) : 8;
        lanes v = load(x + i, count), slope;
        store(y + i, count, v * NAME(gelu_factor)(form, v, &slope));
    }
}

TARGET static void NAME(gelu_backward)(int form, ptrdiff_t n, float *x, const float *d_output) {
    for (ptrdiff_t i = 0; i < n; i += 8) {
        int count = n - i < 8 ? (int)(n - i) : 8;
        lanes v = load(x + i, count), slope;
        lanes factor = NAME(gelu_factor)(form, v, &slope);
        store(x + i, count, load(d_output + i, count) * (factor + v * slope));
    }
}

TARGET static void NAME(tanh_forward)(ptrdiff_t n, float *y, const float *x) {
    for (ptrdiff_t i = 0; i < n; i += 8) {
        int count = n - i < 8 ? (int)(n - i) : 8;
        store(y + i, count, NAME(sigmoid)(load(x + i, count) * 2.0f) * 2.0f - 1.0f);
    }
}

TARGET static float NAME(largest)(ptrdiff_t n, const float *x) {
    lanes most = (lanes)-__builtin_inff();
    ptrdiff_t i = 0;
    for (; i + 8 <= n; i += 8) {
        lanes next = load(x + i, 8);
        most = next > most ? next : most;
    }
    float result = most[0];
    for (int j = 1; j < 8; j++) result = most[j] > result ? most[j] : result;
    for (; i < n; i++) result = x[i] > result ? x[i] : result;
    return result;
}

TARGET static float NAME(exponentials)(ptrdiff_t n, float *x, float shift) {
    lanes sum = (lanes)0;
    ptrdiff_t i = 0;
    for (; i + 8 <= n; i += 8) {
        lanes e = NAME(exponential)(load(x + i, 8) - shift);
        store(x + i, 8, e);
        sum += e;
    }
    float total = lane_sum(sum);
    if (i < n) {
        int count = (int)(n - i);
        lanes e = NAME(exponential)(load(x + i, count) - shift);
        store(x + i, count, e);
        for (int j = 0; j < count; j++) total += e[j];
    }
    return total;
}

TARGET static void NAME(softmax_backward)(ptrdiff_t n, float *scores, float *d_scores, float maximum, float inverse,
                                          float projection) {
    for (ptrdiff_t i = 0; i < n; i += 8) {
        int count = n - i < 8 ? (int)(n - i) : 8;
        lanes p = NAME(exponential)(load(scores + i, count) - maximum) * inverse;
        store(scores + i, count, p);
        store(d_scores + i, count, p * (load(d_scores + i, count) - projection));
    }
}
