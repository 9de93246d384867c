#include "CChecksum.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define TARGET __attribute__((target("pclmul,sse4.1")))

// Gopal et al., "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction" (Intel 2009), with the
// constants for the reflected polynomial 0xEDB88320: x^n mod P, moved by one bit.
//
// Takes 64 bytes and more, a multiple of 16.
TARGET static uint32_t folded(uint32_t crc, const unsigned char *bytes, size_t count) {
    const __m128i by64 = _mm_set_epi64x(0x01c6e41596, 0x0154442bd4);
    const __m128i by16 = _mm_set_epi64x(0x00ccaa009e, 0x01751997d0);
    const __m128i to64 = _mm_set_epi64x(0, 0x0163cd6124);
    const __m128i reduction = _mm_set_epi64x(0x01f7011641, 0x01db710641);
    const __m128i low = _mm_setr_epi32(~0, 0, ~0, 0);
    __m128i x[4];
    for (int i = 0; i < 4; i++) x[i] = _mm_loadu_si128((const __m128i *)(bytes + 16 * i));
    x[0] = _mm_xor_si128(x[0], _mm_cvtsi32_si128((int)crc));
    bytes += 64;
    count -= 64;
    for (; count >= 64; bytes += 64, count -= 64) {
        for (int i = 0; i < 4; i++) {
            __m128i next = _mm_loadu_si128((const __m128i *)(bytes + 16 * i));
            __m128i product = _mm_clmulepi64_si128(x[i], by64, 0x00);
            x[i] = _mm_xor_si128(_mm_xor_si128(_mm_clmulepi64_si128(x[i], by64, 0x11), product), next);
        }
    }
    __m128i sum = x[0];
    for (int i = 1; i < 4; i++) {
        __m128i product = _mm_clmulepi64_si128(sum, by16, 0x00);
        sum = _mm_xor_si128(_mm_xor_si128(_mm_clmulepi64_si128(sum, by16, 0x11), product), x[i]);
    }
    for (; count >= 16; bytes += 16, count -= 16) {
        __m128i next = _mm_loadu_si128((const __m128i *)bytes);
        __m128i product = _mm_clmulepi64_si128(sum, by16, 0x00);
        sum = _mm_xor_si128(_mm_xor_si128(_mm_clmulepi64_si128(sum, by16, 0x11), product), next);
    }
    // 128 bits to 64, to 32.
    sum = _mm_xor_si128(_mm_srli_si128(sum, 8), _mm_clmulepi64_si128(sum, by16, 0x10));
    sum = _mm_xor_si128(
        _mm_srli_si128(sum, 4), _mm_clmulepi64_si128(_mm_and_si128(sum, low), to64, 0x00));
    __m128i quotient = _mm_clmulepi64_si128(_mm_and_si128(sum, low), reduction, 0x10);
    quotient = _mm_clmulepi64_si128(_mm_and_si128(quotient, low), reduction, 0x00);
    return (uint32_t)_mm_extract_epi32(_mm_xor_si128(sum, quotient), 1);
}

uint32_t CChecksum_crc32(uint32_t crc, const void *bytes, size_t count, size_t *taken) {
    __builtin_cpu_init();
    *taken = count >= 64 && __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1")
                 ? count & ~(size_t)15
                 : 0;
    return *taken ? folded(crc, bytes, *taken) : crc;
}
#else
uint32_t CChecksum_crc32(uint32_t crc, const void *bytes, size_t count, size_t *taken) {
    (void)bytes;
    (void)count;
    *taken = 0;
    return crc;
}
#endif
