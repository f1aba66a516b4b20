/* SPDX-License-Identifier: Apache-2.0
 *
 * What a trial runs its case with: batches of executions, filled before and checked after what is timed (runner.c), and the passes
 * made of them (passes.c).
 */
#ifndef TRAM_HARNESS_RUNNER_H
#define TRAM_HARNESS_RUNNER_H

#include "harness/trial.h"

enum { TRAM_MAX_SAMPLES = 200 * 1000 };

struct tram_runner {
    struct tram_trial *t;
    const struct tram_mode_ops *ops;
    void *state;
    unsigned char *from, *to;
    size_t to_stride;
    uint32_t batch, results; /* results: of one execution */
    uint32_t paced_batch;    /* of an open loop: so many have a schedule together */
    int64_t behind_ns; /* how late it was at the end of its last batch, which the next one begins with */
    uint64_t missed;   /* executions of it that began a period or more after they were due */
    struct tram_bytes *lent; /* by loan: the results */
    uint64_t next;           /* execution */
    bool verifies;           /* tensors are made and compared as a whole */
    uint64_t fill_ns, check_ns, filled;
    uint64_t *took; /* of one batch */
    double *samples;
    size_t sample_count;
    pid_t pids[TRAM_MAX_PIDS];
    int pid_count;
};

/* CPU time of this process and of all that work for the mode; of an open loop of those others alone. */
uint64_t tram_runner_cpu_ns(const struct tram_runner *r);
/* One batch: *elapsed_ns is its timed part, *cpu, unless NULL, grows by what it took. each: r->took gets the time of every
 * execution; in an open loop from when it was due, for the batch then keeps to its schedule. By loan a batch is one execution. 0, or
 * -1 with the trial's `why`. */
int tram_runner_batch(struct tram_runner *r, uint32_t count, bool each, uint64_t *elapsed_ns, uint64_t *cpu);

/* Doubles until the time or the number is reached, then sets the batch by the best speed seen: one disturbance must not shrink
 * it. */
int tram_runner_warm_up(struct tram_runner *r);
/* A few executions whose tensors are checked as a whole: twice the slots, so that each has held another one's. */
int tram_runner_verify(struct tram_runner *r);
/* What is timed: batches and then each execution, or each of an open loop. */
int tram_runner_time(struct tram_runner *r);
/* Idleness: what it costs, and how long it takes to wake. */
int tram_runner_time_idle(struct tram_runner *r);

/* At least `least`, but never more than `most`. */
static inline uint32_t tram_clamp(uint64_t v, uint64_t least, uint64_t most) {
    if (v < least)
        v = least;
    return (uint32_t)(v > most ? most : v);
}

#endif
