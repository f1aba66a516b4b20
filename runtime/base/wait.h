/* SPDX-License-Identifier: Apache-2.0
 *
 * Waiting: one policy for channels and sockets. A thread polls, then spins within a budget learnt at each
 * place where it waits, or yields when there are more threads than CPUs, then sleeps. Where a yield hands the CPU
 * to a program that does not give it back, it sleeps at once. An idle wait costs no CPU.
 */
#ifndef TRAM_BASE_WAIT_H
#define TRAM_BASE_WAIT_H

#include "base/seam.h"
#include "tramline/tramline.h"

/* How the threads of one graph, or of eager calls, wait. Chosen once, from threads against usable CPUs. */
struct tram__wait_plan {
    enum tram_wait policy;
    uint32_t yields;      /* > 0: oversubscribed, yield this often instead of spinning */
    uint64_t cap_ticks;   /* never spin longer than this */
    uint64_t block_ticks; /* what one sleep and wake costs here */
};

/* `threads` busy threads on `cpus` CPUs; `block_ns` as measured on this machine. */
struct tram__wait_plan tram__wait_plan(enum tram_wait policy, unsigned threads, unsigned cpus,
                                       uint64_t block_ns);

/* One place where a thread waits; what it learnt there. Zero-initialised. */
struct tram__site {
    uint64_t budget_ticks;
    /* Of who yields: waits so far, to time one now and then; how many are to be slept through at once, and how many it was last (1: none, but
     * the next is timed). */
    uint32_t waits;
    uint16_t naps, dozed;
};

/* ---- Spinning on any condition ---- */

struct tram__spin {
    const struct tram__wait_plan *plan;
    struct tram__site *site;
    uint64_t start, budget; /* ticks; start 0: the clock was not read yet */
    uint64_t yielded;       /* ticks, before the last yield; 0: they are not timed */
    uint32_t polls, yields;
    bool calls;      /* each poll is a system call */
    bool pushed_out; /* a yield lasted long */
};

/* calls: each poll is a system call, a hundred times as long as a look at a word. */
static inline void tram__spin_begin(struct tram__spin *s, const struct tram__wait_plan *plan,
                                    struct tram__site *site, bool calls) {
    *s = (struct tram__spin){.plan = plan, .site = site, .calls = calls};
}
/* After a poll that failed: true to poll again (having paused or yielded), false when it is time to sleep. */
bool tram__spin_more(struct tram__spin *s);
/* The wait is over: what happened teaches the site its budget. */
void tram__spin_end(struct tram__spin *s, bool slept);

/* ---- Waiting for a shared word to reach a value ---- */

/* Counters of one thread, in memory that others may read. */
struct tram__wait_counts {
    tram__word64 sleeps, wakes, yields;
};

/* One waiting thread. */
struct tram__waiter {
    struct tram__wait_plan plan;
    tram__word32
        *sleeping; /* names the word this thread sleeps on, for those who may have to wake it; 0 awake */
    const tram__word32 *epoch; /* changes when some process died; may be NULL */
    uint32_t epoch_seen;
    const tram__word32 *control; /* changes when this thread is told to stop; may be NULL */
    uint32_t control_seen;
    /* Asked when epoch or control changed, once a second asleep and once in a million polls: 0 to go on waiting,
     * else the status to return. */
    int (*interrupted)(void *arg);
    void *arg;
    struct tram__wait_counts *counts;
    void (*on_sleep)(bool awake); /* called around every sleep: false, then true; may be NULL */
};

/* Waits until *word >= target (acquire). `name` (not 0) goes into `sleeping`. timeout_s as in the public
 * header. Returns 0, TRAM_ERR_TIMED_OUT (no message set) or what `interrupted` returned. */
int tram__wait_slow(struct tram__waiter *w, struct tram__site *site, const tram__word64 *word,
                    uint64_t target, uint32_t name, double timeout_s);

static inline int tram__wait(struct tram__waiter *w, struct tram__site *site, const tram__word64 *word,
                             uint64_t target, uint32_t name, double timeout_s) {
    if (__builtin_expect(tram__load_acquire(word) >= target, 1))
        return 0;
    return tram__wait_slow(w, site, word, target, name, timeout_s);
}

/* Absolute CLOCK_MONOTONIC nanoseconds of a timeout that starts now; UINT64_MAX for a negative one. */
uint64_t tram__deadline_ns(double timeout_s);
/* Seconds until then; 0 when it has passed, negative for UINT64_MAX. */
double tram__left_s(uint64_t deadline_ns);

#endif
