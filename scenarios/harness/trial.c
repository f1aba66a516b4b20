/* SPDX-License-Identifier: Apache-2.0
 *
 * Two timing passes. The first times batches and divides: its median is what a single execution takes, free of the
 * timer's cost. The second times every execution: the tail, with the timer's cost in it. Payloads are filled before
 * and checked after the timed intervals.
 */
#include "harness/trial.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/seam.h"
#include "harness/drift.h"
#include "harness/floor.h"
#include "harness/payload.h"
#include "probe/probe.h"
#include "probe/sink.h"
#include "results/statistics.h"

enum {
    BATCH_NS = 50 * 1000,     /* two thousand times the timer's cost */
    BATCH_BYTES = 256 * 1024, /* of payloads, each way: they stay in the second-level cache */
    MAX_SAMPLES = 200 * 1000,
    MIN_BATCHES = 10,
    P99_SAMPLES = 1000,
    WAKES = 21,
};
#define SETTLE_NS     (50 * UINT64_C(1000000))
#define IDLE_NS       (200 * UINT64_C(1000000))
#define WARMUP_NS     (100 * UINT64_C(1000000))
#define PASS_NS       (300 * UINT64_C(1000000))
#define LONG_BATCH_NS 100e6
#define LONG_PASS_NS  (1000 * UINT64_C(1000000)) /* where a 99th percentile comes of it */

struct runner {
    struct tram_trial *t;
    const struct tram_mode_ops *ops;
    void *state;
    unsigned char *from, *to;
    size_t to_stride;
    uint32_t batch, results; /* results: of one execution */
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

/* CPU time of this process and of all that work for the mode. */
static uint64_t cpu_ns(const struct runner *r) {
    struct timespec ts;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    uint64_t sum = (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
    for (int i = 0; i < r->pid_count; i++) {
        clockid_t clock;
        if (clock_getcpuclockid(r->pids[i], &clock) == 0 && clock_gettime(clock, &ts) == 0)
            sum += (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
    }
    return sum;
}

/* The order of execution n. */
static struct tram_order order_of(const struct runner *r, uint64_t n) {
    const struct tram_case *c = &r->t->c;
    return tram_order_make(c->seed, n, c->tensor, c->check_all || r->verifies);
}

/* One part of the input of execution n. Without checks it may be anything, but an order has to say what to make. */
static void fill_part(const struct runner *r, void *to, size_t part, uint64_t n) {
    const struct tram_case *c = &r->t->c;
    struct tram_order order;
    if (c->tensor) {
        order = order_of(r, n);
        memcpy(to, &order, sizeof order);
    } else if (c->check) {
        tram_payload_fill(to, c->input.size[part], &(struct tram_payload){c->seed, n, part});
    }
}

static void fill(struct runner *r, uint32_t count) {
    const struct tram_layout *input = &r->t->c.input;
    uint64_t start = tram__now_ns();
    for (uint32_t i = 0; i < count; i++)
        for (size_t part = 0; part < input->count; part++)
            fill_part(r, r->from + i * input->stride + input->offset[part], part, r->next + i);
    r->fill_ns += tram__now_ns() - start;
}

/* 0, or -1 with what is wrong with result k of execution n. */
static int check_result(struct runner *r, const void *result, uint32_t k, uint64_t n) {
    const struct tram_case *c = &r->t->c;
    char why[64];
    size_t at = 0;
    if (c->tensor) {
        struct tram_order order = order_of(r, n);
        if (tram_order_met(result, &order, why, sizeof why))
            return 0;
        snprintf(r->t->why, sizeof r->t->why, "execution %llu: receiver %u got %s", (unsigned long long)n,
                 k + 1, why);
        return -1;
    }
    at = tram_case_digests(c)
             ? tram_digest_check(result, &c->input, c->seed, n)
             : tram_payload_check(result, c->input.total, &(struct tram_payload){c->seed, n, 0});
    if (at == tram_case_reply(c))
        return 0;
    snprintf(r->t->why, sizeof r->t->why, "execution %llu returned a wrong byte at offset %zu of result %u",
             (unsigned long long)n, at, k);
    return -1;
}

static int check(struct runner *r, uint32_t count) {
    const struct tram_case *c = &r->t->c;
    uint64_t start = tram__now_ns();
    for (uint32_t i = 0; c->check && i < count * r->results; i++)
        if (check_result(r, r->to + i * r->to_stride, i % r->results, r->next + i / r->results))
            return -1;
    r->check_ns += tram__now_ns() - start;
    return 0;
}

/* One execution by loan, of which only the exchange is timed. */
static int run_loan(struct runner *r, uint64_t *elapsed_ns, uint64_t *cpu) {
    const struct tram_case *c = &r->t->c;
    void *buffers[TRAM_MAX_PARTS];
    char *why = r->t->why;
    uint64_t begin = tram__now_ns();
    if (r->ops->loan(r->state, buffers, why))
        return -1;
    for (size_t part = 0; part < c->input.count; part++)
        fill_part(r, buffers[part], part, r->next);
    uint64_t cpu_start = cpu ? cpu_ns(r) : 0, start = tram__now_ns();
    if (r->ops->exchange(r->state, r->lent, why))
        return -1;
    uint64_t end = tram__now_ns();
    if (cpu)
        *cpu += cpu_ns(r) - cpu_start;
    for (uint32_t k = 0; k < r->results; k++) {
        if (r->lent[k].size != tram_case_reply(c)) {
            snprintf(why, TRAM_WHY, "execution %llu returned %zu bytes as result %u",
                     (unsigned long long)r->next, r->lent[k].size, k);
            return -1;
        }
        if (c->check && check_result(r, r->lent[k].data, k, r->next))
            return -1;
    }
    r->fill_ns += start - begin;
    r->check_ns += tram__now_ns() - end;
    r->took[0] = *elapsed_ns = end - start;
    r->filled++;
    r->next++;
    return r->ops->release(r->state, why);
}

/* Eager calls know no executions: they are recorded while a batch has any of those that are wanted. */
static void watch_window(const struct runner *r, uint32_t count) {
    const struct tram_trace_options *w = &r->t->window;
    if (r->t->trace[0] && w->first && r->t->c.mode != TRAM_MODE_COMPILED)
        tram__probe_switch(r->next + count > w->first && r->next < w->first + w->count);
}

/* One batch: *elapsed_ns is its timed part. By loan a batch is one execution. */
static int run_batch(struct runner *r, uint32_t count, bool each, uint64_t *elapsed_ns, uint64_t *cpu) {
    watch_window(r, r->t->c.loan ? 1 : count);
    if (r->t->c.loan)
        return run_loan(r, elapsed_ns, cpu);
    struct tram_batch b = {
        .first = r->next, .count = count, .from = r->from, .to = r->to, .to_stride = r->to_stride};
    b.took_ns = each ? r->took : NULL;
    fill(r, count);
    uint64_t cpu_start = cpu ? cpu_ns(r) : 0, start = tram__now_ns();
    if (r->ops->run(r->state, &b, r->t->why))
        return -1;
    *elapsed_ns = tram__now_ns() - start;
    if (cpu)
        *cpu += cpu_ns(r) - cpu_start;
    if (check(r, count))
        return -1;
    r->filled += count;
    r->next += count;
    return 0;
}

/* At least `least`, but never more than `most`. */
static uint32_t clamp(uint64_t v, uint64_t least, uint64_t most) {
    if (v < least)
        v = least;
    return (uint32_t)(v > most ? most : v);
}

/* Doubles until the time or the number is reached, then sets the batch by the best speed seen: one disturbance must
 * not shrink it. */
static int warm_up(struct runner *r) {
    const struct tram_case *c = &r->t->c;
    uint32_t most = r->batch, count = clamp(c->inflight, 1, most);
    uint64_t start = tram__now_ns(), done = 0;
    double best_ns = INFINITY;
    for (;;) {
        uint64_t elapsed;
        if (run_batch(r, count, false, &elapsed, NULL))
            return -1;
        best_ns = fmin(best_ns, (double)elapsed / count);
        done += count;
        if (r->t->warmup ? done >= r->t->warmup : tram__now_ns() - start >= WARMUP_NS)
            break;
        count = clamp(2 * (uint64_t)count, 1, most);
        if (r->t->warmup && count > r->t->warmup - done)
            count = clamp(r->t->warmup - done, 1, most);
    }
    uint64_t wanted = (uint64_t)(BATCH_NS / fmax(best_ns, 1));
    /* In a pipeline, filling and draining are part of every batch: keep them a small one, within reason. */
    uint64_t affordable = (uint64_t)(LONG_BATCH_NS / fmax(best_ns, 1)), least = 64 * c->inflight;
    if (least > affordable)
        least = affordable > 2 * c->inflight ? affordable : 2 * c->inflight;
    r->batch = clamp(wanted, c->inflight > 1 ? least : 1, most);
    r->fill_ns = r->check_ns = r->filled = 0;
    return 0;
}

/* A few executions whose tensors are checked as a whole: twice the slots, so that each has held another one's. */
static int verify(struct runner *r) {
    const struct tram_case *c = &r->t->c;
    uint64_t elapsed;
    int status = 0;
    r->verifies = true;
    for (uint32_t done = 0; c->tensor && c->check && !status && done < 2 * c->inflight + 1; done++)
        status = run_batch(r, 1, false, &elapsed, NULL);
    r->verifies = false;
    return status;
}

/* Until the number that was asked for; else for a while, and up to a longer one for `wanted` samples. */
static bool pass_goes_on(const struct runner *r, uint64_t start, uint64_t done, uint64_t wanted) {
    if (r->t->iters)
        return done < r->t->iters;
    uint64_t took = tram__now_ns() - start;
    return done < MIN_BATCHES || took < PASS_NS || (done < wanted && took < LONG_PASS_NS);
}

/* Why a pass ended. */
static const char *stop_of(const struct runner *r, uint64_t start, bool full) {
    if (full)
        return "samples";
    if (r->t->iters)
        return "iterations";
    return tram__now_ns() - start > 2 * PASS_NS ? "slow" : "time";
}

/* First pass: batches. */
static int time_batches(struct runner *r) {
    struct tram_trial *t = r->t;
    uint64_t start = tram__now_ns(), done = 0, timed = 0, cpu = 0;
    size_t batches = 0;
    while (batches < MAX_SAMPLES && pass_goes_on(r, start, done, 0)) {
        uint64_t elapsed;
        uint32_t count = t->iters ? clamp(t->iters - done, 1, r->batch) : r->batch;
        if (run_batch(r, count, false, &elapsed, &cpu))
            return -1;
        r->samples[batches++] = (double)elapsed / count;
        done += count;
        timed += elapsed;
    }
    struct tram_drift drift = tram_drift_of(r->samples, batches);
    t->drift = drift.share;
    t->steady = drift.steady;
    snprintf(t->stop, sizeof t->stop, "%s", stop_of(r, start, batches == MAX_SAMPLES));
    t->p50_ns = tram_median(r->samples, batches);
    t->execs_per_s = timed ? (double)done * 1e9 / (double)timed : NAN;
    t->cpu_ns_per_exec = (double)cpu / (double)done;
    t->iterations = done;
    t->batch = r->batch;
    return 0;
}

static double percentile(const struct runner *r, double p) {
    return tram_percentile_allowed(r->sample_count, p)
               ? tram_percentile_sorted(r->samples, r->sample_count, p)
               : NAN;
}

/* Second pass: each execution. */
static int time_each(struct runner *r) {
    struct tram_trial *t = r->t;
    uint64_t start = tram__now_ns(), done = 0;
    while (r->sample_count < MAX_SAMPLES && pass_goes_on(r, start, done, P99_SAMPLES)) {
        uint64_t elapsed;
        uint64_t left = MAX_SAMPLES - r->sample_count;
        uint32_t count = t->iters ? clamp(t->iters - done, 1, r->batch) : r->batch;
        count = clamp(count, 1, left);
        if (run_batch(r, count, true, &elapsed, NULL))
            return -1;
        for (uint32_t i = 0; i < count; i++)
            r->samples[r->sample_count++] = (double)r->took[i];
        done += count;
    }
    tram_sort(r->samples, r->sample_count);
    t->tail_p50_ns = percentile(r, 0.5);
    t->p90_ns = percentile(r, 0.9);
    t->p99_ns = percentile(r, 0.99);
    t->p999_ns = percentile(r, 0.999);
    t->samples = r->sample_count;
    if (t->c.inflight > 1) /* a batch then says how many at a time, not how long one takes */
        t->p50_ns = t->tail_p50_ns;
    return 0;
}

static void sleep_ns(uint64_t ns) {
    struct timespec t = {.tv_sec = (time_t)(ns / 1000000000u), .tv_nsec = (long)(ns % 1000000000u)};
    nanosleep(&t, NULL);
}

/* Third pass: idleness. */
static int time_idle(struct runner *r) {
    double wakes[WAKES];
    sleep_ns(SETTLE_NS);
    uint64_t cpu = cpu_ns(r), start = tram__now_ns();
    sleep_ns(IDLE_NS);
    r->t->idle_cpu = (double)(cpu_ns(r) - cpu) / (double)(tram__now_ns() - start);
    for (int i = 0; i < WAKES; i++) {
        uint64_t elapsed;
        sleep_ns(TRAM_FLOOR_IDLE_NS);
        if (run_batch(r, 1, false, &elapsed, NULL))
            return -1;
        wakes[i] = (double)elapsed;
    }
    r->t->wake_ns = tram_median(wakes, WAKES);
    return 0;
}

static void read_counters(struct runner *r, const struct tram_mode_counters *before) {
    struct tram_mode_counters after;
    struct tram_trial *t = r->t;
    double done = (double)r->filled;
    r->ops->counters(r->state, &after);
    t->copies = after.copies >= 0 ? (after.copies - before->copies) / done : NAN;
    t->copied_bytes = after.copied_bytes >= 0 ? (after.copied_bytes - before->copied_bytes) / done : NAN;
    t->sleeps = after.sleeps >= 0 ? (after.sleeps - before->sleeps) / done : NAN;
    t->maps = after.maps >= 0 ? after.maps - before->maps : NAN;
    t->compile_ns = after.compile_ns;
    t->channel_bytes = after.channel_bytes;
    snprintf(t->note, sizeof t->note, "%s", after.note ? after.note : "");
    t->fill_ns = t->c.check ? (double)r->fill_ns / done : NAN;
    t->check_ns = t->c.check ? (double)r->check_ns / done : NAN;
}

static int measure(struct runner *r) {
    const struct tram_case *c = &r->t->c;
    struct tram_mode_counters before;
    r->to_stride = tram_layout_stride(tram_case_reply(c));
    r->results = tram_case_results(c);
    size_t to_bytes = r->to_stride * r->results; /* of one execution */
    uint64_t most = BATCH_BYTES / (to_bytes > c->input.stride ? to_bytes : c->input.stride);
    if (r->t->trace[0] && r->t->window.first)
        most = c->inflight; /* so that the window is met */
    r->batch = c->loan ? 1 : clamp(most, c->inflight > 1 ? 4 * c->inflight : 1, 1u << 20);
    r->from = tram_layout_alloc(r->batch * c->input.stride);
    r->to = tram_layout_alloc(r->batch * to_bytes);
    r->lent = calloc(r->results, sizeof *r->lent);
    r->took = calloc(r->batch, sizeof *r->took);
    r->samples = calloc(MAX_SAMPLES, sizeof *r->samples);
    if (!r->from || !r->to || !r->lent || !r->took || !r->samples) {
        snprintf(r->t->why, sizeof r->t->why, "out of memory for payloads of %zu bytes", c->input.total);
        return -1;
    }
    r->next = 1;
    if (verify(r) || warm_up(r))
        return -1;
    r->pid_count = r->ops->pids(r->state, r->pids);
    r->ops->counters(r->state, &before);
    struct tram_load start, end;
    tram_load_read(r->pids, r->pid_count, &start);
    tram__probe_measure(true);
    int failed = time_batches(r) || time_each(r);
    tram__probe_measure(false);
    tram_load_read(r->pids, r->pid_count, &end);
    r->t->load = tram_load_between(&start, &end);
    if (failed)
        return -1;
    read_counters(r, &before);
    if (verify(r))
        return -1;
    r->t->idle_cpu = r->t->wake_ns = NAN;
    return r->t->idle ? time_idle(r) : 0;
}

/* What is known of a traced trial goes into its trace. */
static void note(const struct tram_trial *t) {
    const struct tram_case *c = &t->c;
    tram__probe_note("scenario", "%s", c->scenario->name);
    tram__probe_note("mode", "%s", tram_mode_names[c->mode]);
    tram__probe_note("payload_bytes", "%zu", c->tensor ? c->tensor : c->input.total);
    tram__probe_note("actors", "%u", c->actors);
    tram__probe_note("inflight", "%u", c->inflight);
    tram__probe_note("version", "%s", TRAM_VERSION);
    tram__probe_note("p50_traced_ns", "%.1f", t->p50_ns);
    tram__probe_note("p50_untraced_ns", "%.1f", t->untraced_p50_ns);
}

static const struct tram_mode_ops *const all_modes[TRAM_MODES] = {
    &tram_mode_limit, &tram_mode_compiled, &tram_mode_eager_shm, &tram_mode_eager, &tram_mode_graph_eager};

void tram_trial_serve(int fd, const struct tram_scenario *scenario, int argc, char **argv) {
    struct tram_trial *t = mmap(NULL, sizeof *t, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (t == MAP_FAILED) {
        fprintf(stderr, "%s: %s is for the harness's own use\n", scenario->name, argv[1]);
        exit(2);
    }
    close(fd);
    struct tram_options options = {.wait = t->c.wait};
    if (t->c.mode == TRAM_MODE_EAGER_SHM)
        options.eager = TRAM_EAGER_MAILBOX;
    struct runner r = {.t = t, .ops = all_modes[t->c.mode]};
    t->c.scenario = scenario;
    if (tram_init_with(&argc, &argv, scenario->classes, &options, &tram_harness_runtime) ||
        (t->trace[0] && tram_trace_open(tram_harness_runtime, t->trace, &t->window))) {
        snprintf(t->why, sizeof t->why, "%s", tram_last_error()->text);
        exit(1);
    }
    if (r.ops->open(&t->c, &r.state, t->why) == 0) {
        t->ok = measure(&r) == 0;
        r.ops->close(r.state);
    }
    if (t->trace[0])
        note(t);
    free(r.from);
    free(r.to);
    free(r.lent);
    free(r.took);
    free(r.samples);
    tram_fini(tram_harness_runtime);
    exit(t->ok ? 0 : 1);
}

int tram_trial_run(struct tram_trial *t, char *program) {
    char option[64];
    int how, status = -1;
    int fd = memfd_create("tramline-trial", MFD_CLOEXEC);
    struct tram_trial *shared = MAP_FAILED;
    if (fd >= 0 && ftruncate(fd, sizeof *t) == 0)
        shared = mmap(NULL, sizeof *t, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (shared == MAP_FAILED) {
        snprintf(t->why, sizeof t->why, "memory for a trial: %s", strerror(errno));
        goto out;
    }
    *shared = *t;
    snprintf(option, sizeof option, TRAM_TRIAL_OPTION "%d", fd);
    fflush(stdout);
    pid_t self = getpid(), pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        fcntl(fd, F_SETFD, 0);
        if (getppid() == self)
            execl("/proc/self/exe", program, option, (char *)NULL);
        _exit(127);
    }
    if (pid < 0) {
        snprintf(t->why, sizeof t->why, "fork: %s", strerror(errno));
        goto out;
    }
    while (waitpid(pid, &how, 0) < 0 && errno == EINTR)
        ;
    *t = *shared;
    status = t->ok ? 0 : -1;
    if (WIFSIGNALED(how)) {
        snprintf(t->why, sizeof t->why, "the trial was killed by signal %d (%s)", WTERMSIG(how),
                 strsignal(WTERMSIG(how)));
        status = -1;
    } else if (status && !t->why[0]) {
        snprintf(t->why, sizeof t->why, "the trial exited with status %d", WEXITSTATUS(how));
    }
out:
    if (shared != MAP_FAILED)
        munmap(shared, sizeof *t);
    if (fd >= 0)
        close(fd);
    return status;
}
