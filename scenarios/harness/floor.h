/* SPDX-License-Identifier: Apache-2.0
 *
 * The floors of this machine: what two processes reach with raw flags, futexes, sockets and copies, and several over
 * sockets. Shares nothing with the runtime but placement, the clock and, where that is to be the same, the way of
 * waiting, so that it can be held against it.
 */
#ifndef TRAM_HARNESS_FLOOR_H
#define TRAM_HARNESS_FLOOR_H

#include <stddef.h>

#include "base/cpus.h"
#include "harness/harness.h"
#include "results/result.h"

/* The idle time before each round trip of futex_idle_rtt_ns. */
#define TRAM_FLOOR_IDLE_NS 3000000

struct tram_floor_params {
    int cpu;                  /* of the calling thread while it measures */
    int peer_cpu;             /* of the other process; the same CPU is fine: spinning then yields */
    const size_t *copy_sizes; /* bytes; borrowed */
    size_t copy_count;        /* at most TRAM_FLOOR_MAX_SIZES */
    double figure_s;          /* time for each latency, five times as much for one that blocks; 0: 60 ms */
    bool timer_only;          /* of the latencies nothing but the clock's, and no copies: the rest is NaN */
    double copy_s; /* time for each size of copy; 0: 20 ms. Sizes that need longer are copied once each way */
};

/* Measures everything, blocking for about 18 * figure_s + copy_count * copy_s. Forks a process for each figure
 * and reaps it; the caller must be single-threaded (a parent-death signal follows the thread that forked).
 * The caller's affinity is restored. Needs three times the largest size of memory. Returns 0, or -1 with one
 * line in `why`. */
int tram_floor_measure(const struct tram_floor_params *params, struct tram_floor *out, char *why,
                       size_t why_size);

/* Largest message of a pattern over sockets: beyond it the copies count. */
enum { TRAM_FLOOR_SOCKET_BYTES = 64 };

struct tram_floor_sockets_params {
    enum tram_pattern pattern;
    uint32_t actors; /* processes other than the caller's */
    size_t bytes,
        reply; /* of the value passed on, and of an answer to a scatter: 1 to TRAM_FLOOR_SOCKET_BYTES */
    enum tram_wait wait;
    double block_ns;                    /* what a sleep and a wake cost here; matters to TRAM_WAIT_AUTO */
    const struct tram__cpus *placement; /* the caller on the first, the others in turn; borrowed */
    double figure_s;                    /* time for each of one or two figures; 0: 0.12 s, asleep 0.2 s */
};

/* The pattern over raw socket pairs between `actors` processes and the caller, waiting as `wait` says. Scatter: a message
 * to each and one back from each. Chain: a task to each, the value with the first, then the value from one to the next
 * and back; the same with a request to hand on before each task but the first; and without any of these. Blocks for about figure_s each, a second longer where not even one round
 * is done by then: the figure is then NaN. As above for the rest. */
int tram_floor_measure_sockets(const struct tram_floor_sockets_params *params, struct tram_floor_sockets *out,
                               char *why, size_t why_size);

/* The median of each figure over several measurements with the same sizes; NaN is passed over. n is at
 * least 1. */
void tram_floor_median(const struct tram_floor *all, size_t n, struct tram_floor *out);

#endif
