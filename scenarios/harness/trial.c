/* SPDX-License-Identifier: Apache-2.0 */
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
#include <unistd.h>

#include "base/error.h"
#include "base/seam.h"
#include "harness/counting.h"
#include "harness/runner.h"
#include "probe/probe.h"
#include "probe/sink.h"
#include "results/statistics.h"

enum {
    BATCH_BYTES = 256 * 1024, /* of payloads, each way: they stay in the second-level cache */
    PACED_BYTES = 256 << 20,  /* of a schedule, each way */
};
static const double PACED_S = 0.05;
enum { COUNTED_RUNS = 24, LEAST_COUNTED_RUNS = 3, COUNTED_EXECUTIONS = 32, COUNTED_NS = 500000000 };

static void read_counters(struct tram_runner *r, const struct tram_mode_counters *before) {
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

/* A batch of an open loop lasts for about PACED_S. */
static uint32_t paced_batch(const struct tram_runner *r, size_t to_bytes) {
    const struct tram_case *c = &r->t->c;
    if (!r->t->period_ns)
        return 0;
    uint64_t fit = PACED_BYTES / (to_bytes > c->input.stride ? to_bytes : c->input.stride),
             least = 2 * c->inflight;
    return tram_clamp((uint64_t)(PACED_S * 1e9 / (double)r->t->period_ns), least, fit > least ? fit : least);
}

/* What so many runs say, if all but one in twelve say the same; else NaN. */
static double agreed(uint64_t *values, size_t count, double executions) {
    size_t same = 0;
    double sorted[COUNTED_RUNS];
    for (size_t i = 0; i < count; i++)
        sorted[i] = (double)values[i];
    double middle = tram_median(sorted, count);
    for (size_t i = 0; i < count; i++)
        same += (double)values[i] == middle;
    return 12 * same >= 11 * count ? middle / executions : NAN;
}

/* Exact counts, in short runs: one that the kernel disturbed is among many that it did not. */
static int take_counts(struct tram_runner *r) {
    uint64_t allocations[COUNTED_RUNS], syscalls[COUNTED_RUNS], futexes[COUNTED_RUNS], elapsed;
    uint32_t each = tram_clamp(COUNTED_EXECUTIONS, 1, r->batch);
    if (tram_counting_join())
        return 0;
    uint64_t start = tram__now_ns();
    size_t runs = 0;
    for (; runs < LEAST_COUNTED_RUNS || (runs < COUNTED_RUNS && tram__now_ns() - start < COUNTED_NS);
         runs++) {
        struct tram_counts c;
        tram_counting_begin();
        int status = tram_runner_batch(r, each, false, &elapsed, NULL);
        tram_counting_end(&c);
        if (status)
            return -1;
        allocations[runs] = c.allocations;
        syscalls[runs] = c.syscalls;
        futexes[runs] = c.futexes;
    }
    r->t->allocations = agreed(allocations, runs, each);
    r->t->syscalls = agreed(syscalls, runs, each);
    r->t->futexes = agreed(futexes, runs, each);
    return 0;
}

static int measure(struct tram_runner *r) {
    const struct tram_case *c = &r->t->c;
    struct tram_mode_counters before;
    r->to_stride = tram_layout_stride(tram_case_reply(c));
    r->results = tram_case_results(c);
    size_t to_bytes = r->to_stride * r->results; /* of one execution */
    uint64_t most = BATCH_BYTES / (to_bytes > c->input.stride ? to_bytes : c->input.stride);
    if (r->t->trace[0] && r->t->window.first)
        most = c->inflight; /* so that the window is met */
    r->batch = c->loan ? 1 : tram_clamp(most, c->inflight > 1 ? 4 * c->inflight : 1, 1u << 20);
    r->paced_batch = paced_batch(r, to_bytes);
    if (r->t->period_ns && r->batch < r->paced_batch)
        r->batch = r->paced_batch;
    r->from = tram_layout_alloc(r->batch * c->input.stride);
    r->to = tram_layout_alloc(r->batch * to_bytes);
    r->lent = calloc(r->results, sizeof *r->lent);
    r->took = calloc(r->batch, sizeof *r->took);
    r->samples = calloc(TRAM_MAX_SAMPLES, sizeof *r->samples);
    if (!r->from || !r->to || !r->lent || !r->took || !r->samples) {
        snprintf(r->t->why, sizeof r->t->why, "out of memory for payloads of %zu bytes", c->input.total);
        return -1;
    }
    r->next = 1;
    if (tram_runner_verify(r) || tram_runner_warm_up(r))
        return -1;
    if (r->t->counted)
        return take_counts(r);
    r->pid_count = r->ops->pids(r->state, r->pids);
    r->ops->counters(r->state, &before);
    struct tram_load start, end;
    tram_load_read(r->pids, r->pid_count, &start);
    tram__probe_measure(true);
    int failed = tram_runner_time(r);
    tram__probe_measure(false);
    tram_load_read(r->pids, r->pid_count, &end);
    r->t->load = tram_load_between(&start, &end);
    if (failed)
        return -1;
    read_counters(r, &before);
    if (tram_runner_verify(r))
        return -1;
    r->t->idle_cpu = r->t->wake_ns = NAN;
    return r->t->idle ? tram_runner_time_idle(r) : 0;
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

int tram_trial_measure(struct tram_trial *t, const struct tram_mode_ops *ops) {
    struct tram_runner r = {.t = t, .ops = ops};
    if (ops->open(&t->c, &r.state, t->why) == 0) {
        t->ok = measure(&r) == 0;
        ops->close(r.state);
    }
    free(r.from);
    free(r.to);
    free(r.lent);
    free(r.took);
    free(r.samples);
    return t->ok ? 0 : -1;
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
    t->c.scenario = scenario;
    if (tram_init_with(&argc, &argv, scenario->classes, &options, &tram_harness_runtime) ||
        (t->trace[0] && tram_trace_open(tram_harness_runtime, t->trace, &t->window))) {
        snprintf(t->why, sizeof t->why, "%s", tram_last_error()->text);
        exit(1);
    }
    tram_trial_measure(t, all_modes[t->c.mode]);
    if (t->trace[0])
        note(t);
    tram_fini(tram_harness_runtime);
    exit(t->ok ? 0 : 1);
}

/* ---- Interrupts ---- */

static const int interrupts[] = {SIGINT, SIGTERM, SIGHUP};
enum { INTERRUPTS = sizeof interrupts / sizeof interrupts[0] };
static volatile sig_atomic_t interrupted, running; /* which signal, and the trial's process; or 0 */

static void on_interrupt(int number) {
    int error = errno;
    interrupted = number;
    if (running) /* it is not reaped yet; its own processes end with it */
        kill(running, SIGKILL);
    errno = error;
}

void tram_trial_guard(void) {
    struct sigaction before, now = {.sa_handler = on_interrupt, .sa_flags = SA_RESTART};
    for (size_t i = 0; i < INTERRUPTS; i++)
        if (sigaction(interrupts[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
            sigaction(interrupts[i], &now, NULL);
}

int tram_trial_interrupted(void) {
    return interrupted;
}

/* As fork; in the parent no interrupt comes before `running` is set. */
static pid_t fork_guarded(void) {
    sigset_t held, before;
    sigemptyset(&held);
    for (size_t i = 0; i < INTERRUPTS; i++)
        sigaddset(&held, interrupts[i]);
    sigprocmask(SIG_BLOCK, &held, &before);
    pid_t pid = fork();
    running = pid > 0 ? pid : 0;
    sigprocmask(SIG_SETMASK, &before, NULL);
    return pid;
}

/* Reaps it only once no interrupt would kill it, or who has its number by then. */
static void await(pid_t pid, int *how) {
    siginfo_t ended;
    while (waitid(P_PID, (id_t)pid, &ended, WEXITED | WNOWAIT) < 0 && errno == EINTR)
        ;
    running = 0;
    while (waitpid(pid, how, 0) < 0 && errno == EINTR)
        ;
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
    pid_t self = getpid(), pid = fork_guarded();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        fcntl(fd, F_SETFD, 0);
        if (t->samples_fd > 0)
            fcntl(t->samples_fd, F_SETFD, 0);
        if (t->counted && !tram_counting_prepare())
            _exit(127);
        if (getppid() == self)
            execl("/proc/self/exe", program, option, (char *)NULL);
        _exit(127);
    }
    if (pid < 0) {
        snprintf(t->why, sizeof t->why, "fork: %s", strerror(errno));
        goto out;
    }
    await(pid, &how);
    *t = *shared;
    status = t->ok && how == 0 ? 0 : -1;
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
