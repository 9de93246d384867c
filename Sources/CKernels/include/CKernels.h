// The loops of training that a compiler does not make fast by itself, for one thread: matrix products of tens to
// hundreds of rows, and what is made of exponentials.
//
// Every element of a product is a chain of fused multiply-adds over k in ascending order, cut into blocks whose
// lengths depend on the inner dimension alone and which are added up in order. So the bits of an element depend
// neither on the number of rows and columns beside it nor on which of the variants computed it.
#ifndef CKERNELS_H
#define CKERNELS_H

#include <stddef.h>

// The kinds of code that are here, the wider the higher.
enum {
    CKernels_none = 0,   // this processor has none of them
    CKernels_avx2 = 1,   // AVX2 and FMA
    CKernels_avx512 = 2, // AVX-512F
};

// The widest variant that this processor and its operating system run.
int CKernels_widest(void);

// C = alpha · A · B + beta · C with beta 0 (C is overwritten, whatever it held) or 1.
//
// A is [m, k], its element (i, p) at a[i · a_row + p · a_inner]; one of the two strides is 1.
// B is [k, n], its element (p, j) at b[p · b_inner + j · b_column]; one of the two strides is 1.
// C is [m, n], its rows c_row apart, and overlaps neither factor.
// `variant` is one that CKernels_widest() reaches.
// Returns 0, or -1 when no memory for packed factors is to be had; C is untouched then.
int CKernels_sgemm(int variant, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, float alpha, const float *a,
                   ptrdiff_t a_row, ptrdiff_t a_inner, const float *b, ptrdiff_t b_inner, ptrdiff_t b_column,
                   int beta, float *c, ptrdiff_t c_row);

// Elementwise loops over `n` values. Any variant, CKernels_none among them, gives the same bits.

// y = gate ÷ (1 + e^−gate) · up; y may be one of the inputs.
void CKernels_swiglu_forward(int variant, ptrdiff_t n, float *y, const float *gate, const float *up);

// The gradients of gate and up, in their places.
void CKernels_swiglu_backward(int variant, ptrdiff_t n, float *gate, float *up, const float *d_output);

// y = x · Φ(x) with Φ the normal distribution function, or with `form` 1 its approximation by tanh; y may be x.
void CKernels_gelu_forward(int variant, int form, ptrdiff_t n, float *y, const float *x);

// The gradient of x, in its place.
void CKernels_gelu_backward(int variant, int form, ptrdiff_t n, float *x, const float *d_output);

// y = tanh(x); y may be x.
void CKernels_tanh_forward(int variant, ptrdiff_t n, float *y, const float *x);

// The largest of n ≥ 1 values; NaN loses every comparison.
float CKernels_largest(int variant, ptrdiff_t n, const float *x);

// x = e^(x − shift); returns the sum, in eight lanes and then the rest.
float CKernels_exponentials(int variant, ptrdiff_t n, float *x, float shift);

// p = e^(score − maximum) · inverse in place of the scores, p · (d − projection) in place of d_scores.
void CKernels_softmax_backward(int variant, ptrdiff_t n, float *scores, float *d_scores, float maximum, float inverse,
                               float projection);

#endif
