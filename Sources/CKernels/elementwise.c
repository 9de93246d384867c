// Loops around the exponential function, for the plain instruction set and for AVX2.
#include "CKernels.h"
#include <string.h>

#pragma STDC FP_CONTRACT OFF

// Vectors are handed only to functions of this file that are inlined, so how they are passed does not matter.
#pragma clang diagnostic ignored "-Wpsabi"

typedef float lanes __attribute__((ext_vector_type(8)));
typedef int bits __attribute__((ext_vector_type(8)));

// `count` floats, zeros behind them. Macros, so that the code is made for the caller's instruction set.
#define load(from, count)                                            \
    ({                                                               \
        lanes loaded = (lanes)0;                                     \
        if ((count) == 8)                                            \
            memcpy(&loaded, (from), sizeof loaded);                  \
        else                                                         \
            memcpy(&loaded, (from), (size_t)(count) * sizeof(float)); \
        loaded;                                                      \
    })
#define store(to, count, value)                                      \
    do {                                                             \
        lanes stored = (value);                                      \
        if ((count) == 8)                                            \
            memcpy((to), &stored, sizeof stored);                    \
        else                                                         \
            memcpy((to), &stored, (size_t)(count) * sizeof(float));  \
    } while (0)
// (0+4)+(2+6) and (1+5)+(3+7)
#define lane_sum(v) ((((v)[0] + (v)[4]) + ((v)[2] + (v)[6])) + (((v)[1] + (v)[5]) + ((v)[3] + (v)[7])))

#define TARGET
#define NAME(function) function##_plain
#include "elementwise.h"
#undef TARGET
#undef NAME

#if defined(__x86_64__)
#define TARGET __attribute__((target("avx2")))
#define NAME(function) function##_avx2
#include "elementwise.h"
#undef TARGET
#undef NAME
#define CHOOSE(variant, function) ((variant) == CKernels_none ? function##_plain : function##_avx2)
#else
#define CHOOSE(variant, function) function##_plain
#endif

void CKernels_swiglu_forward(int variant, ptrdiff_t n, float *y, const float *gate, const float *up) {
    CHOOSE(variant, swiglu_forward)(n, y, gate, up);
}

void CKernels_swiglu_backward(int variant, ptrdiff_t n, float *gate, float *up, const float *d_output) {
    CHOOSE(variant, swiglu_backward)(n, gate, up, d_output);
}

void CKernels_gelu_forward(int variant, int form, ptrdiff_t n, float *y, const float *x) {
    CHOOSE(variant, gelu_forward)(form, n, y, x);
}

void CKernels_gelu_backward(int variant, int form, ptrdiff_t n, float *x, const float *d_output) {
    CHOOSE(variant, gelu_backward)(form, n, x, d_output);
}

void CKernels_tanh_forward(int variant, ptrdiff_t n, float *y, const float *x) {
    CHOOSE(variant, tanh_forward)(n, y, x);
}

float CKernels_largest(int variant, ptrdiff_t n, const float *x) { return CHOOSE(variant, largest)(n, x); }

float CKernels_exponentials(int variant, ptrdiff_t n, float *x, float shift) {
    return CHOOSE(variant, exponentials)(n, x, shift);
}

void CKernels_softmax_backward(int variant, ptrdiff_t n, float *scores, float *d_scores, float maximum, float inverse,
                               float projection) {
    CHOOSE(variant, softmax_backward)(n, scores, d_scores, maximum, inverse, projection);
}
