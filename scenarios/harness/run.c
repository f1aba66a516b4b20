/* SPDX-License-Identifier: Apache-2.0
 *
 * A run: every case of every repetition, and the floors once per repetition, in random order by seed, each in a fresh
 * process.
 */
#include <math.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/seam.h"
#include "harness/counting.h"
#include "harness/floor.h"
#include "harness/gaps.h"
#include "harness/report.h"

enum { COUNTED_WARMUP = 200, COUNTED_TRIES = 3, COUNTED_LONG_NS = 2000000000 };
#define BRIEF_S 0.005 /* of the timer's step, and of listening */
enum { FLOOR = -1 };  /* in place of a point */

struct job {
    int point, mode; /* point: index, or FLOOR */
};

static uint64_t next_random(uint64_t *state) {
    uint64_t z = (*state += 0x9E3779B97F4A7C15u);
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

static size_t make_jobs(const struct tram_settings *s, struct job *jobs) {
    size_t n = 0;
    jobs[n++] = (struct job){FLOOR, 0};
    for (size_t point = 0; point < s->point_count; point++)
        for (int m = 0; m < TRAM_MODES; m++)
            if (s->modes[m])
                jobs[n++] = (struct job){(int)point, m};
    return n;
}

static void shuffle(struct job *jobs, size_t n, uint64_t *random) {
    for (size_t i = n; i > 1; i--) {
        size_t k = next_random(random) % i;
        struct job swap = jobs[i - 1];
        jobs[i - 1] = jobs[k];
        jobs[k] = swap;
    }
}

/* Adds a size that is not there yet, while there is room; returns how many there are. */
static size_t add_size(size_t *sizes, size_t count, size_t size) {
    for (size_t i = 0; i < count; i++)
        if (sizes[i] == size)
            return count;
    if (count < TRAM_FLOOR_MAX_SIZES)
        sizes[count++] = size;
    return count;
}

/* The pattern over raw sockets, which eager calls to several actors are held against: once for each number of actors,
 * where the payload is small. */
static int run_sockets(struct tram_run *r, uint64_t repetition, char *why) {
    const struct tram_settings *s = r->settings;
    struct tram_floor *f = &r->floors[repetition];
    for (size_t i = 0; r->scenario->actors && s->modes[TRAM_MODE_EAGER] && i < s->point_count; i++) {
        const struct tram_point *point = &s->points[i];
        bool wanted = !point->tensor && point->inflight == 1 && point->input.total <= TRAM_FLOOR_SOCKET_BYTES;
        for (size_t k = 0; k < f->socket_count; k++)
            wanted &= f->sockets[k].actors != point->actors;
        if (!wanted || f->socket_count == TRAM_FLOOR_MAX_SOCKETS)
            continue;
        struct tram_floor_sockets_params p = {.pattern = r->scenario->pattern,
                                              .actors = point->actors,
                                              .bytes = point->input.total,
                                              .reply = tram_reply_bytes(r->scenario, &point->input),
                                              .wait = s->wait,
                                              .block_ns = f->unix_rtt_ns / 2,
                                              .placement = &s->placement};
        if (tram_floor_measure_sockets(&p, &f->sockets[f->socket_count], why, TRAM_WHY))
            return -1;
        f->socket_count++;
    }
    return 0;
}

static int run_floor(struct tram_run *r, uint64_t repetition, char *why) {
    const struct tram_settings *s = r->settings;
    size_t sizes[TRAM_FLOOR_MAX_SIZES];
    struct tram_floor_params p = {.cpu = s->placement.cpu[0],
                                  .peer_cpu = s->placement.cpu[1 % s->placement.count],
                                  .copy_sizes = sizes,
                                  .timer_only = s->brief,
                                  .figure_s = s->brief ? BRIEF_S : 0};
    for (size_t i = 0; i < s->point_count; i++)
        for (size_t part = 0; part < s->points[i].input.count; part++)
            p.copy_count =
                add_size(sizes, p.copy_count,
                         s->points[i].tensor ? s->points[i].tensor : s->points[i].input.size[part]);
    if (tram_floor_measure(&p, &r->floors[repetition], why, TRAM_WHY))
        return -1;
    return s->brief ? 0 : run_sockets(r, repetition, why);
}

struct tram_trial tram_run_request(const struct tram_run *r, size_t point, int mode, uint64_t repetition) {
    const struct tram_settings *s = r->settings;
    const struct tram_point *at = &s->points[point];
    return (struct tram_trial){
        .c = {.mode = (enum tram_mode)mode,
              .wait = s->wait,
              .input = at->input,
              .actors = at->actors,
              .inflight = at->inflight,
              .tensor = at->tensor,
              .devices = s->devices,
              .transport = s->transport,
              .picked = r->picked,
              .loan = s->loan,
              .main_thread = s->main_thread,
              .check = !s->no_check,
              .check_all = s->check,
              .seed = s->seed + repetition,
              .timeout_s = tram_timeout_s(s, at),
              .placement = s->placement},
        .iters = s->iters,
        .warmup = s->warmup,
        .brief = s->brief,
        .period_ns = s->rate ? 1000000000u / s->rate : 0,
        /* The limit may spin for ever: it has no idle state worth a figure. */
        .idle = point == 0 && mode != TRAM_MODE_LIMIT && at->inflight == 1 && s->wait != TRAM_WAIT_SPIN &&
                !s->rate && !s->brief,
    };
}

static void progress(const struct tram_run *r, const char *what, size_t done, size_t all) {
    if (!isatty(STDERR_FILENO) || r->settings->quiet)
        return;
    if (done < all)
        fprintf(stderr, "\r%s %zu of %zu ", what, done + 1, all);
    else
        fprintf(stderr, "\r%*s\r", 40, "");
}

/* A case that fails is told at once, and not tried again: the others are measured all the same. */
static void run_case(struct tram_run *r, struct job job, uint64_t repetition, char *program) {
    struct tram_trial *t = tram_run_trial(r, (size_t)job.point, job.mode, repetition);
    char name[256];
    if (tram_run_failed(r, (size_t)job.point, job.mode))
        return;
    tram_case_name(r, (size_t)job.point, job.mode, name, sizeof name);
    *t = tram_run_request(r, (size_t)job.point, job.mode, repetition);
    t->samples_fd = r->samples ? tram_samples_file(r->samples) : 0;
    if (tram_trial_run(t, program)) {
        if (tram_trial_interrupted())
            *t = (struct tram_trial){.samples_fd = t->samples_fd}; /* not measured, and no failure */
        t->ok = false;
        progress(r, "", 1, 1);
        if (t->why[0])
            fprintf(stderr, "%s: %s: %s\n", r->scenario->name, name, t->why);
        if (t->samples_fd > 0)
            close(t->samples_fd);
    } else if (t->samples_fd > 0) {
        tram_samples_add(r->samples, t->samples_fd, name, repetition);
    }
}

/* Of those of an interrupted run there may be none. */
static void keep_floor(struct tram_run *r, size_t count) {
    r->floor = (struct tram_floor){NAN, NAN, NAN, NAN, NAN, NAN, NAN, 0, {{0}}, 0, {{0}}};
    r->floor_count = count;
    if (count)
        tram_floor_median(r->floors, count, &r->floor);
}

/* An interrupted one ends early, and is no failure. */
static int run_all(struct tram_run *r, char *program, char *why) {
    const struct tram_settings *s = r->settings;
    struct job *jobs = calloc(s->point_count * TRAM_MODES + 1, sizeof *jobs);
    if (!jobs) {
        snprintf(why, TRAM_WHY, "out of memory");
        return -1;
    }
    size_t n = make_jobs(s, jobs), done = 0, floors = 0;
    uint64_t random = s->seed;
    int status = 0;
    for (uint64_t rep = 0; !status && rep < s->repetitions; rep++) {
        shuffle(jobs, n, &random);
        for (size_t i = 0; !status && !tram_trial_interrupted() && i < n; i++) {
            progress(r, "measuring", done++, n * s->repetitions);
            if (jobs[i].point == FLOOR)
                floors += !(status = run_floor(r, rep, why));
            else
                run_case(r, jobs[i], rep, program);
        }
    }
    free(jobs);
    progress(r, "measuring", done, done);
    keep_floor(r, floors);
    return tram_trial_interrupted() ? 0 : status;
}

/* Exact counts of one case; NaN where runs disagree, in each of a few trials, or it cannot be counted. */
static void count_case(const struct tram_run *r, size_t point, int mode, char *program,
                       struct tram_trial *t) {
    char name[256];
    *t = tram_run_request(r, point, mode, 0);
    t->counted = true;
    t->idle = false;
    t->period_ns = 0;
    t->warmup = COUNTED_WARMUP;
    t->allocations = t->syscalls = t->futexes = NAN;
    uint64_t start = tram__now_ns();
    for (int tries = 0; tries < COUNTED_TRIES && (isnan(t->allocations) || isnan(t->syscalls)); tries++) {
        struct tram_trial once = *t;
        if (tram_trial_run(&once, program)) {
            if (tram_trial_interrupted())
                return;
            tram_case_name(r, point, mode, name, sizeof name);
            fprintf(stderr, "%s: %s: its system calls are not counted: %s\n", r->scenario->name, name,
                    once.why);
            return;
        }
        t->allocations = isnan(t->allocations) ? once.allocations : t->allocations;
        t->syscalls = isnan(t->syscalls) ? once.syscalls : t->syscalls;
        t->futexes = isnan(t->futexes) ? once.futexes : t->futexes;
        if (tram__now_ns() - start > COUNTED_LONG_NS)
            return;
    }
}

/* Of every case but the limit's, after all that is timed: they are those of all its repetitions. */
static void count_all(struct tram_run *r, char *program) {
    const struct tram_settings *s = r->settings;
    bool possible = tram_counting_possible();
    size_t all = s->point_count * TRAM_MODES, done = 0;
    for (size_t point = 0; point < s->point_count; point++)
        for (int m = 0; m < TRAM_MODES; m++) {
            struct tram_trial t = {.allocations = NAN, .syscalls = NAN, .futexes = NAN};
            progress(r, "counting", done++, all);
            if (s->modes[m] && m != TRAM_MODE_LIMIT && possible && !tram_run_failed(r, point, m) &&
                !tram_trial_interrupted())
                count_case(r, point, m, program, &t);
            for (uint64_t i = 0; s->modes[m] && i < s->repetitions; i++) {
                struct tram_trial *of = tram_run_trial(r, point, m, i);
                of->allocations = t.allocations;
                of->syscalls = t.syscalls;
                of->futexes = t.futexes;
            }
        }
    progress(r, "counting", all, all);
}

static void list_cases(const struct tram_run *r) {
    const struct tram_settings *s = r->settings;
    char name[256];
    for (size_t point = 0; point < s->point_count; point++) {
        for (int m = 0; m < TRAM_MODES; m++) {
            if (!s->modes[m])
                continue;
            tram_case_name(r, point, m, name, sizeof name);
            printf("%s\n", name);
        }
    }
}

/* Everything below a run inherits the CPUs that were asked for. */
static void restrict_cpus(const struct tram__cpus *cpus) {
    cpu_set_t set;
    CPU_ZERO(&set);
    for (unsigned i = 0; i < cpus->count; i++)
        CPU_SET((size_t)cpus->cpu[i], &set);
    sched_setaffinity(0, sizeof set, &set);
}

/* How long the machine is listened to, before and after: in a run whose length was given, not longer than that may be; of
 * a brief one the comparison looks at the load of each case instead. */
static double noise_s(const struct tram_settings *s) {
    return s->brief ? BRIEF_S : s->iters ? 0.02 : 1;
}

/* How many of its trials are there, and whether a case failed. */
static uint64_t measured(const struct tram_run *r, bool *failed) {
    const struct tram_settings *s = r->settings;
    uint64_t count = 0;
    *failed = false;
    for (size_t point = 0; point < s->point_count; point++)
        for (int m = 0; m < TRAM_MODES; m++) {
            count += tram_run_measured(r, point, m);
            *failed |= tram_run_failed(r, point, m) != NULL;
        }
    return count;
}

/* 0, or the status to exit with, after a line. */
static int interrupted(const struct tram_run *r, uint64_t count) {
    const struct tram_settings *s = r->settings;
    int number = tram_trial_interrupted();
    size_t cases = 0;
    for (int m = 0; m < TRAM_MODES; m++)
        cases += s->modes[m] * s->point_count;
    if (!number)
        return 0;
    fprintf(stderr, "%s: interrupted (%s): %llu of %llu trials were measured\n", r->scenario->name,
            strsignal(number), (unsigned long long)count, (unsigned long long)(cases * s->repetitions));
    return 128 + number;
}

static int measure(struct tram_run *r, int argc, char **argv) {
    const struct tram_settings *s = r->settings;
    const char *name = r->scenario->name;
    char why[TRAM_WHY] = "";
    int status = 0;
    r->trials = calloc(s->point_count * TRAM_MODES * s->repetitions, sizeof *r->trials);
    r->floors = calloc(s->repetitions, sizeof *r->floors);
    if (!r->trials || !r->floors) {
        fprintf(stderr, "%s: out of memory\n", name);
        return 1;
    }
    tram_trial_guard();
    restrict_cpus(&s->placement);
    struct tram_environment_params p = {.argc = argc,
                                        .argv = argv,
                                        .seed = s->seed,
                                        .pass_ms = s->iters ? 0 : tram_trial_pass_ms(s->brief, s->rate),
                                        .affinity_asked = s->cpus};
    tram_environment_begin(&p, &r->environment);
    tram_gaps_measure(&s->placement, noise_s(s), &r->environment.before.gaps);
    if (!s->quiet)
        tram_report_header(r);
    if (tram_stdout_status(name, 0))
        return 2;
    status = s->samples ? tram_samples_open(&r->samples, why, sizeof why) : 0;
    if (!status)
        status = run_all(r, argv[0], why);
    bool failed = false;
    if (status)
        fprintf(stderr, "%s: %s\n", name, why);
    uint64_t count = measured(r, &failed);
    if (status || !count) {
        tram_samples_forget(r->samples);
        status = interrupted(r, 0);
        return status ? status : 1;
    }
    status = failed;
    tram_environment_end(&r->environment);
    count_all(r, argv[0]);
    if (!tram_trial_interrupted())
        tram_gaps_measure(&s->placement, noise_s(s), &r->environment.after.gaps);
    int traced = s->trace && !tram_trial_interrupted() ? tram_run_traced(r, argv[0], why) : 0;
    int ended = interrupted(r, count);
    if (traced && *why) {
        fprintf(stderr, "%s: --trace=%s: %s\n", name, s->trace, why);
        status = 2; /* the figures are good all the same */
    }
    signal(SIGPIPE,
           SIG_IGN); /* who reads the table may have read enough of it: the files are written all the same */
    tram_report_table(r);
    if (tram_outputs_write(r))
        status = 2;
    status = tram_stdout_status(name, status);
    return ended ? ended : status;
}

int tram_scenario_main(int argc, char **argv, const struct tram_scenario *scenario) {
    struct tram_scenario counted = *scenario;
    if (tram_counting_here()) {
        counted.classes = tram_counting_classes(scenario->classes);
        scenario = &counted;
    }
    size_t prefix = strlen(TRAM_TRIAL_OPTION);
    if (argc == 2 && strncmp(argv[1], TRAM_TRIAL_OPTION, prefix) == 0)
        tram_trial_serve(atoi(argv[1] + prefix), scenario, argc, argv);
    if (tram_stdout_status(scenario->name, 0)) /* closed: another file would take its number */
        return 2;
    struct tram_settings settings = {.trace = getenv("TRAM_TRACE")};
    unsetenv("TRAM_TRACE"); /* it is for the traced trials alone */
    struct tram *t;
    if (tram_init(&argc, &argv, scenario->classes, &t)) { /* serves, if this process is an actor */
        fprintf(stderr, "%s: %s\n", scenario->name, tram_last_error()->text);
        return 1;
    }
    struct tram_run run = {.scenario = scenario, .settings = &settings};
    if (tram_settings_parse(argc, argv, scenario, &settings)) {
        fprintf(stderr, "%s: %s\n", scenario->name, tram_last_error()->text);
        free(settings.points);
        tram_fini(t);
        return 2;
    }
    bool runs = !settings.help && !settings.version && !settings.list;
    int status = runs ? tram_run_prepare(t, &run) : 0;
    if (settings.help)
        tram_settings_help(scenario, argv[0]);
    else if (settings.version)
        printf("tramline %s\n", TRAM_VERSION);
    else if (settings.list)
        list_cases(&run);
    tram_fini(t); /* before anything is measured */
    if (!status)
        status = runs ? measure(&run, argc, argv) : tram_stdout_status(scenario->name, 0);
    free(settings.points);
    free(run.trials);
    free(run.traced);
    free(run.floors);
    return status;
}
