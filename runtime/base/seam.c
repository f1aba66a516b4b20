/* SPDX-License-Identifier: Apache-2.0 */
#include "base/seam.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { MAX_WATCHES = 8 };
#define SLICE_NS (10u * 1000 * 1000)

void tram__yield(void) {
    sched_yield();
}

uint64_t tram__now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t tram__ticks_per_us(void) {
    static _Atomic uint64_t cached; /* racing first calls measure twice and agree well enough */
    uint64_t known = atomic_load_explicit(&cached, memory_order_relaxed);
    if (known)
        return known;
    uint64_t n0 = tram__now_ns(), t0 = tram__ticks(), n1;
    do
        n1 = tram__now_ns();
    while (n1 - n0 < 1000000);
    known = (tram__ticks() - t0) * 1000 / (n1 - n0);
    if (!known)
        known = 1;
    atomic_store_explicit(&cached, known, memory_order_relaxed);
    return known;
}

static struct timespec to_timespec(uint64_t ns) {
    return (struct timespec){.tv_sec = (time_t)(ns / 1000000000u), .tv_nsec = (long)(ns % 1000000000u)};
}

void tram__futex_wait(const struct tram__watch *watch, unsigned count, uint64_t until_ns) {
    static atomic_bool no_waitv;
    struct timespec until = to_timespec(until_ns);
    if (!atomic_load_explicit(&no_waitv, memory_order_relaxed)) {
        struct futex_waitv v[MAX_WATCHES];
        for (unsigned i = 0; i < count && i < MAX_WATCHES; i++)
            v[i] = (struct futex_waitv){
                .val = watch[i].value,
                .uaddr = (uintptr_t)watch[i].word,
                .flags = FUTEX_32}; /* not private: the words lie in pages of several processes */
        if (syscall(SYS_futex_waitv, v, count, 0, &until, CLOCK_MONOTONIC) >= 0 || errno == EAGAIN ||
            errno == EINTR || errno == ETIMEDOUT)
            return; /* else the kernel does not know the call, or a filter does not let it through */
        atomic_store_explicit(&no_waitv, true, memory_order_relaxed);
    }
    uint64_t slice = tram__now_ns() + SLICE_NS;
    if (slice < until_ns)
        until = to_timespec(slice);
    for (unsigned i = 1; i < count; i++)
        if (tram__load32_acquire(watch[i].word) != watch[i].value)
            return;
    syscall(SYS_futex, watch[0].word, FUTEX_WAIT_BITSET, watch[0].value, &until, NULL,
            FUTEX_BITSET_MATCH_ANY);
}

void tram__futex_wake(const tram__word32 *word) {
    syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

void tram__ring(int eventfd) {
    uint64_t one = 1;
    if (write(eventfd, &one, sizeof one) < 0)
        tram__pause(); /* full: it is readable already */
}

void tram__ring_heard(int eventfd) {
    uint64_t rings;
    if (read(eventfd, &rings, sizeof rings) < 0)
        tram__pause(); /* nobody rang, or it was heard before */
}
