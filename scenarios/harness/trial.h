/* SPDX-License-Identifier: Apache-2.0
 *
 * A trial: one case, once, in a process of its own. The harness executes the program again for it, with a shared
 * memfd that carries the request in and the figures out.
 */
#ifndef TRAM_HARNESS_TRIAL_H
#define TRAM_HARNESS_TRIAL_H

#include "harness/load.h"
#include "harness/mode.h"

#define TRAM_TRIAL_OPTION "--tramline-trial=" /* with the memfd's number */

struct tram_trial {
    /* request */
    struct tram_case c; /* its pointers are set again in the trial */
    uint64_t iters, warmup;
    uint64_t period_ns;        /* of an open loop; 0: a closed one */
    int samples_fd;            /* a file that is to have every sample (samples.h); 0: none */
    bool brief;                /* shorter passes */
    bool counted;              /* nothing is timed: exact counts are taken */
    bool idle;                 /* a third pass: what an idle actor costs, and how long it takes to wake */
    char trace[TRAM_MAX_PATH]; /* the file to be written; empty: none */
    struct tram_trace_options window;
    double untraced_p50_ns; /* of this case, for the trace's notes */
    /* figures, when ok */
    bool ok;
    char why[TRAM_WHY];
    double p50_ns; /* batched pass; of latencies when more than one is in flight */
    double p5_ns, p90_ns, p95_ns, p99_ns, p999_ns; /* NaN below the sample rule */
    double tail_p50_ns;                            /* individually timed, beside the tail */
    double execs_per_s, cpu_ns_per_exec;
    double fill_ns, check_ns;            /* per execution; NaN with --no-check */
    double copies, copied_bytes, sleeps; /* per execution; NaN where the mode does not count */
    /* Of each execution, in all threads that take part, when most runs of some executions agree; else NaN. */
    double allocations, syscalls, futexes;
    double maps;     /* in all, since the warm-up */
    double idle_cpu; /* of one CPU, by the other processes while nothing runs; NaN: no third pass */
    double wake_ns;  /* one execution after 3 ms of idleness */
    uint64_t batch;  /* executions timed together */
    uint64_t iterations, samples; /* of the first and the second pass */
    int64_t compile_ns, channel_bytes;
    struct tram_load_change load; /* over both passes */
    double missed; /* of an open loop: the share of executions that began a period late or more; else NaN */
    bool
        fell_behind; /* and whether its schedule ran away from it: latencies then say how long it was tried */
    double drift;    /* of the time that a batch takes, over the first pass, as a share of it; NaN: too few */
    bool steady;     /* it is small, or no more than chance */
    char stop
        [16]; /* why the first pass ended: iterations, time, samples (no room for more), slow (it took the least number) */
    char note[TRAM_NOTE];
};

/* Opens the mode, warms it up, times both passes and closes it, in this process: 0, or -1 with t->why. */
int tram_trial_measure(struct tram_trial *t, const struct tram_mode_ops *ops);
/* In the process of the trial: runs it and exits. */
void tram_trial_serve(int fd, const struct tram_scenario *scenario, int argc, char **argv);
/* In the harness: runs it in a fresh process. 0, or -1 with t->why. */
int tram_trial_run(struct tram_trial *t, char *program);
/* From here on SIGINT, SIGTERM and SIGHUP, unless they are ignored, end the trial that runs, and no more; which of them came, or
 * 0. A trial that failed as one had come is to be taken for not measured. */
void tram_trial_guard(void);
int tram_trial_interrupted(void);
/* How long a pass of it is where nobody asked for a number of executions. paced: at a rate. */
unsigned tram_trial_pass_ms(bool brief, bool paced);

#endif
