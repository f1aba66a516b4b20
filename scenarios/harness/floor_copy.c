/* SPDX-License-Identifier: Apache-2.0
 *
 * Copies: what this process has itself, and what the other has just written, by the fastest of a few kernels.
 */
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "base/seam.h"
#include "harness/duel.h"
#include "results/statistics.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum { MAX_KERNELS = 3 };
#define SMALL_COPIES (16u << 10) /* small copies are timed together until they make up this much */

struct kernel {
    const char *name;
    void (*copy)(char *to, const char *from, size_t size);
};

static void copy_memcpy(char *to, const char *from, size_t size) {
    memcpy(to, from, size);
}

#if defined(__x86_64__)
/* Stores that bypass the caches. Only whole steps of the aligned middle; the ends go by memcpy. */
#define STREAM(name, vector, width, load, store, attribute)                                        \
    attribute static void name(char *to, const char *from, size_t size) {                          \
        size_t head = (size_t)(-(uintptr_t)to & (width - 1)), i = head < size ? head : size;       \
        memcpy(to, from, i);                                                                       \
        for (; i + 4 * width <= size; i += 4 * width) {                                            \
            vector a = load((const void *)(from + i)), b = load((const void *)(from + i + width)); \
            vector c = load((const void *)(from + i + 2 * width)),                                 \
                   e = load((const void *)(from + i + 3 * width));                                 \
            store((void *)(to + i), a);                                                            \
            store((void *)(to + i + width), b);                                                    \
            store((void *)(to + i + 2 * width), c);                                                \
            store((void *)(to + i + 3 * width), e);                                                \
        }                                                                                          \
        memcpy(to + i, from + i, size - i);                                                        \
        _mm_sfence();                                                                              \
    }
STREAM(copy_stream16, __m128i, 16, _mm_loadu_si128, _mm_stream_si128, )
STREAM(copy_stream64, __m512i, 64, _mm512_loadu_si512, _mm512_stream_si512,
       __attribute__((target("avx512f"))))
#endif

static size_t usable_kernels(struct kernel *out) {
    size_t n = 0;
    out[n++] = (struct kernel){"memcpy", copy_memcpy};
#if defined(__x86_64__)
    out[n++] = (struct kernel){"stream16", copy_stream16};
    if (__builtin_cpu_supports("avx512f"))
        out[n++] = (struct kernel){"stream64", copy_stream64};
#endif
    return n;
}

/* The compiler must not see that nobody reads the copy. */
static void copy_blocks(const struct tram_duel *d, const struct kernel *k, char *to, const char *from) {
    for (size_t i = 0; i < d->blocks; i++) {
        k->copy(to + i * d->size, from + i * d->size, d->size);
        __asm__ volatile("" : : "r"(to) : "memory");
    }
}

static double measure_local(struct tram_duel *d, char *to, char *from) {
    const struct kernel memcpy_only = {"memcpy", copy_memcpy};
    size_t count = 0;
    memset(from, 1, d->size * d->blocks);
    copy_blocks(d, &memcpy_only, to, from);
    uint64_t until = tram_duel_deadline(d->params->copy_s / 4), t0, t1;
    do {
        t0 = tram__now_ns();
        copy_blocks(d, &memcpy_only, to, from);
        t1 = tram__now_ns();
        d->samples[count++] = (double)(t1 - t0);
    } while (count < TRAM_DUEL_SAMPLES && t1 < until);
    return (double)(d->size * d->blocks) / tram_median(d->samples, count) * 1e9;
}

/* Writes the source anew for each copy, and says so; the parent asks for the next. */
static void serve_source(struct tram_duel *d) {
    for (uint32_t n = 1;; n++) {
        tram_duel_await(d, &d->shared->lines[0].ping, n, d->yields);
        memset(d->source, (int)n, d->size * d->blocks);
        atomic_store_explicit(&d->shared->lines[0].pong, n, memory_order_release);
    }
}

static int measure_cross(struct tram_duel *d, char *to, struct tram_floor_copy *out) {
    struct kernel kernels[MAX_KERNELS];
    size_t many = usable_kernels(kernels), room = TRAM_DUEL_SAMPLES / many, count = 0;
    uint32_t n = 0;
    uint64_t until = tram_duel_deadline(d->params->copy_s * 3 / 4), t1;
    do {
        for (size_t k = 0; k < many; k++) {
            atomic_store_explicit(&d->shared->lines[0].ping, ++n, memory_order_release);
            if (!tram_duel_await(d, &d->shared->lines[0].pong, n, d->yields))
                return tram_duel_died(d, "copy");
            uint64_t t0 = tram__now_ns();
            copy_blocks(d, &kernels[k], to, d->source);
            t1 = tram__now_ns();
            d->samples[k * room + count] = (double)(t1 - t0);
            if (to[d->size * d->blocks - 1] != (char)n)
                return tram_duel_fail(d, "cannot measure floors: kernel %s copied wrongly", kernels[k].name);
        }
        count++;
    } while (count < room && t1 < until);
    out->cross_core = 0;
    for (size_t k = 0; k < many; k++) {
        double rate = (double)(d->size * d->blocks) / tram_median(d->samples + k * room, count) * 1e9;
        if (rate > out->cross_core) {
            out->cross_core = rate;
            out->cross_core_kernel = kernels[k].name;
        }
    }
    return 0;
}

int tram_floor_measure_copy(struct tram_duel *d, size_t size, struct tram_floor_copy *out) {
    d->size = size;
    d->blocks = size < SMALL_COPIES ? SMALL_COPIES / size : 1;
    size_t total = d->size * d->blocks;
    char *to = tram_duel_map(total, MAP_PRIVATE), *from = tram_duel_map(total, MAP_PRIVATE);
    d->source = tram_duel_map(total, MAP_SHARED);
    int result = to && from && d->source ? 0 : tram_duel_fail_errno(d, "memory to copy");
    if (result == 0) {
        out->bytes = size;
        out->local = measure_local(d, to, from);
        tram_duel_reset(d);
        result = tram_duel_start(d, serve_source);
    }
    if (result == 0) {
        result = measure_cross(d, to, out);
        tram_duel_stop(d);
    }
    tram_duel_unmap(to, total);
    tram_duel_unmap(from, total);
    tram_duel_unmap(d->source, total);
    return result;
}
