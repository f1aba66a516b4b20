/* SPDX-License-Identifier: Apache-2.0
 *
 * What a run must say about itself: the tool, the machine, the placement, and how noisy the machine was. A
 * whitelist: of the process's environment variables nothing is read.
 */
#ifndef TRAM_RESULTS_ENVIRONMENT_H
#define TRAM_RESULTS_ENVIRONMENT_H

#include <stdint.h>
#include <time.h>

#include <jansson.h>

#include "results/machine.h"

enum { TRAM_SCHEMA_VERSION = 1 };

/* How this copy of the tool was built. `commit` is NULL outside a git checkout; `dirty` is then -1. */
struct tram_build {
    const char *version, *commit, *compiler, *flags;
    int dirty;
};
const struct tram_build *tram_build(void);

/* Of processes that did nothing but read the clock, one on each CPU: where two readings lie TRAM_GAP_NS or more apart, something
 * else ran. NaN: not measured. */
#define TRAM_GAP_NS 1000
struct tram_noise_gaps {
    double seconds;           /* for how long */
    double lost_share, per_s; /* of the time, and gaps a second, on the CPU that lost most: */
    int cpu;
    double longest_ns; /* of all CPUs */
};

/* The machine's noise at one moment; NaN where it cannot be read. */
struct tram_noise {
    struct tram_noise_gaps gaps; /* for whoever measures them to set */
    double load_avg[3];
    double steal_s;          /* of all CPUs, since boot */
    double cpu_pressure_10s; /* per cent of time in which some task waited for a CPU */
    double cpu_pressure_s;   /* the same in total, since boot */
};
void tram_noise_read(struct tram_noise *out);
/* For how long this process's control group was kept from running, as it had used up its quota; NaN: it has no count. */
double tram_throttled_s(void);

struct tram_environment_params {
    int argc;
    char *const *argv; /* borrowed until the last tram_environment_json */
    uint64_t seed;
    unsigned pass_ms;           /* how long each case is timed; 0: it does not go by time */
    const char *affinity_asked; /* such as "0-1"; NULL: nothing was asked; copied */
};

struct tram_environment {
    struct tram_environment_params params;
    struct tram__machine machine;
    struct timespec start, end; /* CLOCK_REALTIME; end.tv_sec 0: the run has not ended */
    char affinity_asked[256];
    char affinity_got[256]; /* what the calling thread may use when the run begins */
    struct tram_noise before, after;
};

void tram_environment_begin(const struct tram_environment_params *params, struct tram_environment *out);
void tram_environment_end(struct tram_environment *e);

/* The `context` of a result file, the caller's to free; NULL when memory ran out. */
json_t *tram_environment_json(const struct tram_environment *e);

#endif
