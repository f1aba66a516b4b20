/* SPDX-License-Identifier: Apache-2.0 */
#include <immintrin.h>
#include <string.h>

#include "harness/limit.h"

#if defined(__x86_64__)
static void stream_copy(unsigned char *to, const unsigned char *from, size_t size) {
    size_t whole = size / 64 * 64; /* extents are page-aligned; results may not be */
    if ((uintptr_t)to % 16) {
        memcpy(to, from, size);
        return;
    }
    for (size_t i = 0; i < whole; i += 64)
        for (size_t k = 0; k < 64; k += 16)
            _mm_stream_si128((__m128i *)(void *)(to + i + k),
                             _mm_loadu_si128((const __m128i *)(const void *)(from + i + k)));
    memcpy(to + whole, from + whole, size - whole);
    _mm_sfence();
}

__attribute__((target("avx512f"))) static void stream_copy_512(unsigned char *to, const unsigned char *from,
                                                               size_t size) {
    size_t whole = size / 128 * 128;
    for (size_t i = 0; i < whole; i += 128) {
        __m512i a = _mm512_loadu_si512(from + i), b = _mm512_loadu_si512(from + i + 64);
        _mm512_stream_si512((void *)(to + i), a);
        _mm512_stream_si512((void *)(to + i + 64), b);
    }
    memcpy(to + whole, from + whole, size - whole);
    _mm_sfence();
}
#endif

void limit_copy(const struct limit *s, unsigned char *to, const unsigned char *from, size_t size) {
#if defined(__x86_64__)
    if (size >= atomic_load_explicit(&s->control->stream_from, memory_order_relaxed)) {
        if (__builtin_cpu_supports("avx512f") && (uintptr_t)to % 64 == 0)
            stream_copy_512(to, from, size);
        else
            stream_copy(to, from, size);
        return;
    }
#endif
    memcpy(to, from, size);
}
