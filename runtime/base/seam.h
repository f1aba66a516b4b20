/* SPDX-License-Identifier: Apache-2.0
 *
 * The seam: every way in which the runtime touches time, other threads and other processes' memory. Nothing
 * above it calls a clock, a futex or an atomic by another name, so that one replacement of this header (and
 * of seam.c) puts the whole runtime under a deterministic scheduler. Death reaches the runtime through the
 * same calls: it is a word that changes (see actor/roster.h) among those that tram__futex_wait watches.
 */
#ifndef TRAM_BASE_SEAM_H
#define TRAM_BASE_SEAM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRAM__LINE 128 /* two cache lines: the adjacent-line prefetcher moves pairs */

typedef _Atomic uint32_t tram__word32;
typedef _Atomic uint64_t tram__word64;
_Static_assert(ATOMIC_INT_LOCK_FREE == 2 && ATOMIC_LLONG_LOCK_FREE == 2, "shared words must be lock-free");
_Static_assert(sizeof(tram__word64) == 8 && sizeof(tram__word32) == 4, "shared words have no hidden parts");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "a futex watches the low half of a 64-bit word");

static inline uint64_t tram__load_acquire(const tram__word64 *w) {
    return atomic_load_explicit(w, memory_order_acquire);
}
static inline uint64_t tram__load_relaxed(const tram__word64 *w) {
    return atomic_load_explicit(w, memory_order_relaxed);
}
static inline void tram__store_release(tram__word64 *w, uint64_t v) {
    atomic_store_explicit(w, v, memory_order_release);
}
static inline void tram__store_relaxed(tram__word64 *w, uint64_t v) {
    atomic_store_explicit(w, v, memory_order_relaxed);
}
static inline uint32_t tram__load32_acquire(const tram__word32 *w) {
    return atomic_load_explicit(w, memory_order_acquire);
}
static inline uint32_t tram__load32_relaxed(const tram__word32 *w) {
    return atomic_load_explicit(w, memory_order_relaxed);
}
static inline void tram__store32_release(tram__word32 *w, uint32_t v) {
    atomic_store_explicit(w, v, memory_order_release);
}
static inline void tram__store32_relaxed(tram__word32 *w, uint32_t v) {
    atomic_store_explicit(w, v, memory_order_relaxed);
}
/* Adds to a counter that one thread writes and others read: no read-modify-write cycle on the bus. */
static inline void tram__count(tram__word64 *w, uint64_t by) {
    atomic_store_explicit(w, atomic_load_explicit(w, memory_order_relaxed) + by, memory_order_relaxed);
}

/* ThreadSanitizer does not model fences. The two here order a store before a load (store buffering); no
 * happens-before edge depends on them, so it loses nothing by not seeing them. */
static inline void tram__fence_seq_cst(void) {
#if defined(__SANITIZE_THREAD__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wtsan"
    atomic_thread_fence(memory_order_seq_cst);
#pragma GCC diagnostic pop
#else
    atomic_thread_fence(memory_order_seq_cst);
#endif
}

static inline void tram__pause(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb");
#endif
}
void tram__yield(void);

/* Nanoseconds of CLOCK_MONOTONIC: comparable between the processes of one host. */
uint64_t tram__now_ns(void);
/* A cheaper clock for deciding how long to spin; only differences within one thread mean anything. */
static inline uint64_t tram__ticks(void) {
#if defined(__x86_64__)
    return __builtin_ia32_rdtsc();
#else
    return tram__now_ns();
#endif
}
/* Loads before it have their values before anything after it begins: ticks, above all. */
static inline void tram__settle(void) {
#if defined(__x86_64__)
    __builtin_ia32_lfence();
#endif
}
/* Ticks in a microsecond, measured once per process (about 1 ms on the first call). */
uint64_t tram__ticks_per_us(void);

struct tram__watch {
    const tram__word32 *word; /* any mapping of it, read-only included */
    uint32_t value;           /* sleep only while the word holds this */
};
/* Sleeps until a word changes and is woken, or the absolute CLOCK_MONOTONIC time passes; may wake for no
 * reason. `count` is 1 to 8. On kernels without futex_waitv (before 5.16) it watches the first word in slices
 * of 10 ms. */
void tram__futex_wait(const struct tram__watch *watch, unsigned count, uint64_t until_ns);
void tram__futex_wake(const tram__word32 *word);
/* Makes an eventfd readable. */
void tram__ring(int eventfd);
/* Makes it unreadable again, for all rings so far. Both are for non-blocking ones. */
void tram__ring_heard(int eventfd);

static inline const tram__word32 *tram__low_half(const tram__word64 *w) {
    return (const tram__word32 *)(const void *)w;
}

#endif
