/* SPDX-License-Identifier: Apache-2.0
 *
 * What disturbed a measurement, as the kernel counts it: of the threads that took part, and of the machine. From /proc, so for
 * before and after what is timed, never in it.
 */
#ifndef TRAM_HARNESS_LOAD_H
#define TRAM_HARNESS_LOAD_H

#include <stdint.h>
#include <sys/types.h>

/* Sums up to now; NaN where the kernel does not say. */
struct tram_load {
    uint64_t ns; /* CLOCK_MONOTONIC */
    double processes;
    double run_delay_s;            /* threads were ready to run and did not (schedstat) */
    double voluntary, involuntary; /* their context switches */
    double steal_s;                /* all CPUs of the machine, taken by its host */
    double throttled_s;            /* this control group, for having used up its quota */
    double pressure_s;             /* some task of the machine waited for a CPU */
};

/* Of the calling process and of `count` others, with all their threads. */
void tram_load_read(const pid_t *pids, int count, struct tram_load *out);

/* Between two of them. */
struct tram_load_change {
    double run_delay_share; /* of the time between, mean of the processes: of each mostly one thread runs */
    double involuntary_switches_per_s, voluntary_switches_per_s;
    double steal_share; /* of one CPU's time */
    double throttled_share, pressure_share;
};
struct tram_load_change tram_load_between(const struct tram_load *before, const struct tram_load *after);

#endif
