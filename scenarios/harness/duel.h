/* SPDX-License-Identifier: Apache-2.0
 *
 * Two processes, for one bare figure: this one, and a child that serves until it is killed, so that there is no protocol for
 * stopping, and no end of this process leaves it behind: the parent-death signal kills it. Every wait of the parent notices a
 * child that died.
 *
 * Orders: a flag's release store publishes what was written before it, the payload included; the matching acquire load is
 * in tram_duel_await.
 */
#ifndef TRAM_HARNESS_DUEL_H
#define TRAM_HARNESS_DUEL_H

#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "harness/floor.h"

enum { TRAM_DUEL_SAMPLES = 1 << 16, TRAM_DUEL_CHECK_EVERY = 1 << 16 };

typedef _Atomic uint32_t tram_flag;

/* How far a line is from a core depends on its address, by a quarter here: the cache-line figure takes turns among these,
 * the others use the first of them. */
enum { TRAM_DUEL_LINES = 64 };
struct tram_duel_lines {
    _Alignas(128) tram_flag ping; /* written by the parent */
    _Alignas(128) tram_flag pong; /* written by the child */
};
struct tram_duel_shared {
    struct tram_duel_lines lines[TRAM_DUEL_LINES];
};

/* One measurement: this process, its child, and what they share. */
struct tram_duel {
    const struct tram_floor_params *params;
    bool yields; /* both on one CPU */
    struct tram_duel_shared *shared;
    int own, peer; /* ends of a socket pair */
    char *source;  /* what the child writes and the parent copies */
    size_t size, blocks;
    double *samples; /* TRAM_DUEL_SAMPLES of them */
    pid_t parent, child;
    bool gone; /* the child ended and was reaped */
    char *why;
    size_t why_size;
};

/* One line into why; -1. */
int tram_duel_fail(struct tram_duel *d, const char *format, ...) __attribute__((format(printf, 2, 3)));
int tram_duel_fail_errno(struct tram_duel *d, const char *what);
int tram_duel_died(struct tram_duel *d, const char *figure);

/* Starts the child, on the peer's CPU, and goes to its own: 0, or -1 with why and no child. `serve` does not return. */
int tram_duel_start(struct tram_duel *d, void (*serve)(struct tram_duel *));
/* Ends it, if it is there. */
void tram_duel_stop(struct tram_duel *d);
bool tram_duel_alive(struct tram_duel *d);

/* Before a child is started: fork orders this for it. */
void tram_duel_reset(struct tram_duel *d);
uint64_t tram_duel_deadline(double seconds); /* ns of CLOCK_MONOTONIC */

/* Pages that are there, MAP_SHARED with the child or MAP_PRIVATE; NULL: there are none, which may be unmapped. */
void *tram_duel_map(size_t size, int sharing);
void tram_duel_unmap(void *p, size_t size);

/* Spins without pause: the figure is the bare round trip. False: the child died. */
static inline bool tram_duel_await(struct tram_duel *d, tram_flag *f, uint32_t value, bool yields) {
    for (uint32_t i = 1; atomic_load_explicit(f, memory_order_acquire) != value; i++) {
        if (yields)
            sched_yield();
        if (i % TRAM_DUEL_CHECK_EVERY == 0 && d->child && !tram_duel_alive(d))
            return false;
    }
    return true;
}

/* Bytes a second of copying `size` bytes, by this process and from the child's cache (floor_copy.c): 0, or -1 with why. */
int tram_floor_measure_copy(struct tram_duel *d, size_t size, struct tram_floor_copy *out);

#endif
