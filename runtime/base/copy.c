/* SPDX-License-Identifier: Apache-2.0 */
#include "base/copy.h"

#include <stdint.h>
#include <string.h>

/* Measured on three-copy round trips between two cores: memcpy wins by 10% at 16 MiB, streaming by 30% at 64
 * MiB. */
#define STREAM_FROM (24u << 20)

#if defined(__x86_64__)
#include <immintrin.h>

static const char *stream_sse2(char *to, const char *from, const char *end) {
    for (; from + 64 <= end; from += 64, to += 64) {
        __m128i a = _mm_loadu_si128((const __m128i *)(const void *)from);
        __m128i b = _mm_loadu_si128((const __m128i *)(const void *)(from + 16));
        __m128i c = _mm_loadu_si128((const __m128i *)(const void *)(from + 32));
        __m128i d = _mm_loadu_si128((const __m128i *)(const void *)(from + 48));
        _mm_stream_si128((__m128i *)(void *)to, a);
        _mm_stream_si128((__m128i *)(void *)(to + 16), b);
        _mm_stream_si128((__m128i *)(void *)(to + 32), c);
        _mm_stream_si128((__m128i *)(void *)(to + 48), d);
    }
    return from;
}

__attribute__((target("avx512f"))) static const char *stream_avx512(char *to, const char *from,
                                                                    const char *end) {
    for (; from + 256 <= end; from += 256, to += 256) {
        __m512i a = _mm512_loadu_si512(from);
        __m512i b = _mm512_loadu_si512(from + 64);
        __m512i c = _mm512_loadu_si512(from + 128);
        __m512i d = _mm512_loadu_si512(from + 192);
        _mm512_stream_si512((void *)to, a);
        _mm512_stream_si512((void *)(to + 64), b);
        _mm512_stream_si512((void *)(to + 128), c);
        _mm512_stream_si512((void *)(to + 192), d);
    }
    return from;
}

static void stream(char *to, const char *from, size_t size) {
    const char *end = from + size;
    size_t head = (64 - ((uintptr_t)to & 63)) & 63;
    memcpy(to, from, head);
    to += head, from += head;
    const char *done =
        __builtin_cpu_supports("avx512f") ? stream_avx512(to, from, end) : stream_sse2(to, from, end);
    memcpy(to + (done - from), done, (size_t)(end - done));
    _mm_sfence();
}
#endif

void tram__copy(void *to, const void *from, size_t size) {
    if (!size)
        return;
#if defined(__x86_64__)
    if (size >= STREAM_FROM) {
        stream(to, from, size);
        return;
    }
#endif
    memcpy(to, from, size);
}
