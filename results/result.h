/* SPDX-License-Identifier: Apache-2.0
 *
 * The result file: Google Benchmark's JSON shape, so that the tools around it read ours. One row per case and
 * repetition. Functions that may fail return 0 or -1 with one line, no newline, in `why`. One thread at a
 * time.
 */
#ifndef TRAM_RESULTS_RESULT_H
#define TRAM_RESULTS_RESULT_H

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

/* ---- Floors: what this machine does with no runtime at all ---- */

enum {
    TRAM_FLOOR_MAX_SIZES = 32,
    TRAM_FLOOR_MAX_SOCKETS = 64,
    TRAM_FLOOR_COPY_SHOWN =
        4096, /* bytes: the rate of less is that of many small copies, and no floor of one */
};

struct tram_floor_copy {
    size_t bytes;
    double local;      /* bytes per second: memcpy on one core, source and destination its own */
    double cross_core; /* the same when another core has just written the source; by the best kernel */
    const char *cross_core_kernel; /* static text */
};

/* Several processes over AF_UNIX stream socket pairs, waiting as the run does. */
struct tram_floor_sockets {
    const char *pattern; /* static text: "chain" or "scatter" */
    uint32_t actors;     /* processes other than the driver */
    size_t bytes;
    double rtt_ns;       /* of a chain: a task message to each process, then the value from one to the next */
    double requests_ns;  /* of a chain: the same, with a request to hand on for every value but the last */
    double handovers_ns; /* of a chain: the value's way alone */
};

/* NaN: not measured. */
struct tram_floor {
    double cacheline_rtt_ns;  /* two flags, two spinning processes */
    double futex_rtt_ns;      /* the same, both asleep in between */
    double futex_idle_rtt_ns; /* the same after 3 ms in which nothing ran */
    double unix_rtt_ns;       /* one byte over a blocking AF_UNIX stream socket */
    double unix_poll_rtt_ns;  /* the same, polled */
    double timer_ns;          /* one reading of the clock */
    double timer_step_ns;     /* the smallest difference between two readings that is not 0 */
    size_t copies;
    struct tram_floor_copy copy[TRAM_FLOOR_MAX_SIZES];
    size_t socket_count;
    struct tram_floor_sockets sockets[TRAM_FLOOR_MAX_SOCKETS];
};

/* ---- Rows ---- */

#define TRAM_ABSENT INT64_C(-1) /* of an integer; of a double it is NaN. Both are null in the file. */

struct tram_counter {
    const char *name;
    double value;
};

struct tram_label {
    const char *name, *value;
};

/* Everything is copied when the row is added. */
struct tram_row {
    const char
        *name; /* the case, without the repetition: "roundtrip/mode:compiled/size:1/actors:1/inflight:1" */
    uint32_t repetition_index, repetitions;
    int64_t block; /* of runs that were interleaved, from 1; 0 or TRAM_ABSENT: none, and not in the file */
    uint64_t iterations;
    const char *scenario, *mode;
    uint64_t payload_bytes;
    uint32_t actors, inflight;
    double p50_ns;                                 /* per execution; becomes real_time */
    double p5_ns, p90_ns, p95_ns, p99_ns, p999_ns; /* of executions timed singly */
    double execs_per_s;
    double cpu_ns_per_exec; /* all processes; becomes cpu_time */
    int64_t samples;        /* individually timed executions behind the tail */
    int64_t compile_ns, channel_bytes;
    double fill_ns, check_ns; /* per execution, outside the timed interval */
    const struct tram_counter
        *counters; /* at the row's top level, beside those above; a name already there wins */
    size_t counter_count;
    const struct tram_label *labels;
    size_t label_count;
};

struct tram_results;

/* Takes over `context` (see environment.h; NULL: an empty one). NULL when memory ran out. */
struct tram_results *tram_results_create(json_t *context);
void tram_results_destroy(struct tram_results *r); /* NULL is fine */

/* Replaces the context, as once the run has ended; floors are kept. Takes over `context`. */
int tram_results_set_context(struct tram_results *r, json_t *context);
int tram_results_set_floor(struct tram_results *r, const struct tram_floor *floor);
int tram_results_add(struct tram_results *r, const struct tram_row *row);

/* Writes the file whole or not at all: into a temporary one beside it, synced and renamed over `path` (the
 * file behind it when it is a link). A pipe, a device and whatever is this process's standard output or error
 * are written directly. */
int tram_results_write(const struct tram_results *r, const char *path, char *why, size_t why_size);

/* The same of the rows alone, as comma-separated values (csv.h). */
int tram_results_write_csv(const struct tram_results *r, const char *path, char *why, size_t why_size);

/* Whether tram_results_write would be able to, asked before a long run. Leaves an existing file as it is and
 * no new one behind. */
int tram_results_check_path(const char *path, char *why, size_t why_size);

#endif
