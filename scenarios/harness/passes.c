/* SPDX-License-Identifier: Apache-2.0
 *
 * Two timing passes. The first times batches and divides: its median is what a single execution takes, free of the
 * timer's cost. The second times every execution: the tail, with the timer's cost in it. Or one pass, at a given rate.
 */
#include <math.h>
#include <stdio.h>
#include <time.h>

#include "base/seam.h"
#include "harness/drift.h"
#include "harness/floor.h"
#include "harness/runner.h"
#include "harness/samples.h"
#include "results/statistics.h"

enum {
    BATCH_NS = 50 * 1000, /* two thousand times the timer's cost */
    LEAST_BATCHES = 3,
    LEAST_EXECUTIONS = 10,
    P99_SAMPLES = 1000,
    WAKES = 21,
    WARM_BATCHES = 8, /* or four times as long: the first alone may be slow */
};
/* An open loop that is this much of its time behind schedule in the end has a queue that grows for as long as it lasts: its
 * latencies then say how long that was. */
static const double BEHIND = 0.05;
#define SETTLE_NS       (50 * UINT64_C(1000000))
#define IDLE_NS         (200 * UINT64_C(1000000))
#define LONG_BATCH_NS   100e6
#define LONGEST_PASS_NS (3000 * UINT64_C(1000000)) /* for a 99th percentile at a given rate */

/* How long things take unless their number is given. */
struct lengths {
    uint64_t warmup_ns, pass_ns, long_pass_ns; /* long: where a 99th percentile comes of it */
};
/* Brief: launches differ by more than a pass does within itself, for each has its channels elsewhere in memory, so many short ones
 * say more in the same time. */
static const struct lengths *lengths_by(bool brief, bool paced) {
    enum { MS = 1000000 };
    static const struct lengths usual = {100 * MS, 300 * MS, 1000 * MS},
                                short_ones = {30 * MS, 50 * MS, 100 * MS};
    return brief && !paced ? &short_ones : &usual;
}
static const struct lengths *lengths_of(const struct tram_runner *r) {
    return lengths_by(r->t->brief, r->t->period_ns);
}

unsigned tram_trial_pass_ms(bool brief, bool paced) {
    return (unsigned)(lengths_by(brief, paced)->pass_ns / 1000000);
}

int tram_runner_warm_up(struct tram_runner *r) {
    const struct tram_case *c = &r->t->c;
    uint32_t most = r->batch, count = tram_clamp(c->inflight, 1, most);
    uint64_t start = tram__now_ns(), done = 0;
    double best_ns = INFINITY;
    for (uint32_t batches = 1;; batches++) {
        uint64_t elapsed;
        if (tram_runner_batch(r, count, false, &elapsed, NULL))
            return -1;
        best_ns = fmin(best_ns, (double)elapsed / count);
        done += count;
        uint64_t took = tram__now_ns() - start, wanted_ns = lengths_of(r)->warmup_ns;
        bool long_enough = batches > 1 && took >= (batches < WARM_BATCHES ? 4 : 1) * wanted_ns;
        if (r->t->warmup ? done >= r->t->warmup || (r->t->counted && long_enough) : long_enough)
            break;
        count = tram_clamp(2 * (uint64_t)count, 1, most);
        if (r->t->warmup && count > r->t->warmup - done)
            count = tram_clamp(r->t->warmup - done, 1, most);
    }
    uint64_t wanted = (uint64_t)(BATCH_NS / fmax(best_ns, 1));
    /* In a pipeline, filling and draining are part of every batch: keep them a small one, within reason. */
    uint64_t affordable = (uint64_t)(LONG_BATCH_NS / fmax(best_ns, 1)), least = 64 * c->inflight;
    if (least > affordable)
        least = affordable > 2 * c->inflight ? affordable : 2 * c->inflight;
    r->batch = tram_clamp(wanted, c->inflight > 1 ? least : 1, most);
    if (r->t->period_ns)
        r->batch = r->paced_batch;
    r->fill_ns = r->check_ns = r->filled = r->missed = r->behind_ns = 0;
    return 0;
}

int tram_runner_verify(struct tram_runner *r) {
    const struct tram_case *c = &r->t->c;
    uint64_t elapsed;
    int status = 0;
    r->verifies = true;
    for (uint32_t done = 0; c->tensor && c->check && !status && done < 2 * c->inflight + 1; done++)
        status = tram_runner_batch(r, 1, false, &elapsed, NULL);
    r->verifies = false;
    return status;
}

/* Until the number that was asked for; else for a while, and up to `longest_ns` for `wanted` samples. done: executions, in so many
 * batches. */
static bool pass_goes_on(const struct tram_runner *r, uint64_t start, uint64_t done, uint64_t batches,
                         uint64_t wanted, uint64_t longest_ns) {
    if (r->t->iters)
        return done < r->t->iters;
    uint64_t took = tram__now_ns() - start;
    return done < LEAST_EXECUTIONS || batches < LEAST_BATCHES || took < lengths_of(r)->pass_ns ||
           (done < wanted && took < longest_ns);
}

/* Why a pass ended. */
static const char *stop_of(const struct tram_runner *r, uint64_t start, bool full) {
    if (full)
        return "samples";
    if (r->t->iters)
        return "iterations";
    return tram__now_ns() - start > 2 * lengths_of(r)->pass_ns ? "slow" : "time";
}

/* Of so many samples, in the order in which they were taken. */
static void set_drift(struct tram_runner *r, size_t count, uint64_t start) {
    struct tram_drift drift = tram_drift_of(r->samples, count);
    r->t->drift = drift.share;
    r->t->steady = drift.steady;
    snprintf(r->t->stop, sizeof r->t->stop, "%s", stop_of(r, start, count == TRAM_MAX_SAMPLES));
}

/* The samples themselves, for whoever asked for them, as they came. */
static void keep(const struct tram_runner *r, const char *pass, uint32_t executions, size_t count) {
    if (r->t->samples_fd > 0)
        tram_samples_put(r->t->samples_fd, pass, executions, r->samples, count);
}

/* What a pass took in all. */
struct sums {
    uint64_t done, timed_ns, cpu_ns;
};
static void set_sums(struct tram_trial *t, const struct sums *s) {
    t->execs_per_s = s->timed_ns ? (double)s->done * 1e9 / (double)s->timed_ns : NAN;
    t->cpu_ns_per_exec = (double)s->cpu_ns / (double)s->done;
    t->iterations = s->done;
}

/* First pass: batches. */
static int time_batches(struct tram_runner *r) {
    struct tram_trial *t = r->t;
    struct sums sums = {0};
    uint64_t start = tram__now_ns();
    size_t batches = 0;
    while (batches < TRAM_MAX_SAMPLES && pass_goes_on(r, start, sums.done, batches, 0, 0)) {
        uint64_t elapsed;
        uint32_t count = t->iters ? tram_clamp(t->iters - sums.done, 1, r->batch) : r->batch;
        if (tram_runner_batch(r, count, false, &elapsed, &sums.cpu_ns))
            return -1;
        r->samples[batches++] = (double)elapsed / count;
        sums.done += count;
        sums.timed_ns += elapsed;
    }
    set_drift(r, batches, start);
    t->batch = tram_clamp(sums.done, 1, r->batch);
    keep(r, "batch", (uint32_t)t->batch, batches);
    t->p50_ns = tram_median(r->samples, batches);
    set_sums(t, &sums);
    return 0;
}

static double percentile(const struct tram_runner *r, double p) {
    return tram_percentile_allowed(r->sample_count, p)
               ? tram_percentile_sorted(r->samples, r->sample_count, p)
               : NAN;
}

static void set_tail(struct tram_runner *r) {
    struct tram_trial *t = r->t;
    tram_sort(r->samples, r->sample_count);
    t->tail_p50_ns = percentile(r, 0.5);
    t->p5_ns = percentile(r, 0.05);
    t->p90_ns = percentile(r, 0.9);
    t->p95_ns = percentile(r, 0.95);
    t->p99_ns = percentile(r, 0.99);
    t->p999_ns = percentile(r, 0.999);
    t->samples = r->sample_count;
}

/* Times each execution, until P99_SAMPLES or `longest_ns`. cpu_ns is counted where it is asked for. */
static int sample_each(struct tram_runner *r, uint64_t longest_ns, bool cpu, struct sums *sums) {
    struct tram_trial *t = r->t;
    uint64_t start = tram__now_ns();
    while (r->sample_count < TRAM_MAX_SAMPLES &&
           pass_goes_on(r, start, sums->done, LEAST_BATCHES, P99_SAMPLES, longest_ns)) {
        uint64_t elapsed, left = TRAM_MAX_SAMPLES - r->sample_count;
        uint32_t count = t->iters ? tram_clamp(t->iters - sums->done, 1, r->batch) : r->batch;
        count = tram_clamp(count, 1, left);
        if (tram_runner_batch(r, count, true, &elapsed, cpu ? &sums->cpu_ns : NULL))
            return -1;
        for (uint32_t i = 0; i < count; i++)
            r->samples[r->sample_count++] = (double)r->took[i];
        sums->done += count;
        sums->timed_ns += elapsed;
    }
    return 0;
}

/* Of each execution; it is no batch's. */
static void set_median(struct tram_runner *r) {
    r->t->p50_ns = tram_percentile_sorted(r->samples, r->sample_count, 0.5);
    r->t->batch = 1;
}

/* Second pass: each execution. */
static int time_each(struct tram_runner *r) {
    struct sums sums = {0};
    if (sample_each(r, lengths_of(r)->long_pass_ns, false, &sums))
        return -1;
    keep(r, "single", 1, r->sample_count);
    set_tail(r);
    if (r->t->c.inflight > 1) /* a batch then says how many at a time, not how long one takes */
        set_median(r);
    return 0;
}

/* An open loop: executions are due at fixed times, and each time is counted from then on. */
static int time_paced(struct tram_runner *r) {
    struct tram_trial *t = r->t;
    struct sums sums = {0};
    uint64_t start = tram__now_ns();
    if (sample_each(r, LONGEST_PASS_NS, true, &sums))
        return -1;
    set_drift(r, r->sample_count, start);
    keep(r, "open", 1, r->sample_count);
    set_tail(r);
    set_median(r);
    set_sums(t, &sums);
    t->fell_behind = (double)r->behind_ns > BEHIND * (double)(sums.done * t->period_ns);
    t->missed = (double)r->missed / (double)sums.done;
    return 0;
}

int tram_runner_time(struct tram_runner *r) {
    r->t->missed = NAN;
    return r->t->period_ns ? time_paced(r) : time_batches(r) || time_each(r) ? -1 : 0;
}

static void sleep_ns(uint64_t ns) {
    struct timespec t = {.tv_sec = (time_t)(ns / 1000000000u), .tv_nsec = (long)(ns % 1000000000u)};
    nanosleep(&t, NULL);
}

int tram_runner_time_idle(struct tram_runner *r) {
    double wakes[WAKES];
    sleep_ns(SETTLE_NS);
    uint64_t cpu = tram_runner_cpu_ns(r), start = tram__now_ns();
    sleep_ns(IDLE_NS);
    r->t->idle_cpu = (double)(tram_runner_cpu_ns(r) - cpu) / (double)(tram__now_ns() - start);
    for (int i = 0; i < WAKES; i++) {
        uint64_t elapsed;
        sleep_ns(TRAM_FLOOR_IDLE_NS);
        if (tram_runner_batch(r, 1, false, &elapsed, NULL))
            return -1;
        wakes[i] = (double)elapsed;
    }
    r->t->wake_ns = tram_median(wakes, WAKES);
    return 0;
}
