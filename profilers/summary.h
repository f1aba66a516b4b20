/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the time of a run went: for each actor and each edge of a graph, and along the critical path of its executions.
 */
#ifndef TRAM_PROFILERS_SUMMARY_H
#define TRAM_PROFILERS_SUMMARY_H

#include "profilers/run.h"

/* ---- what is told (summary_source.c) ---- */

struct tram__told {
    enum tram__event_kind kind;
    uint32_t actor; /* 1 + its number; 0: the driver */
    uint32_t graph, name;
    uint64_t number, begin, end;
    uint64_t slept; /* of a wait */
};
typedef void tram__told_fn(void *arg, const struct tram__told *t);

/* A folder, or a Perfetto trace: its graphs and, as often as asked, all that it tells. */
struct tram__source {
    struct tram__run run; /* of a trace: its processes and graphs alone */
    char path[4096];
    bool trace;
    char note[300]; /* what makes it less than whole; empty: nothing */
    double traced_ns,
        untraced_ns; /* medians that the program measured, with the trace and without; 0: it did not say */
};
int tram__source_open(struct tram__source *s, const char *path, char *why, size_t why_size);
int tram__source_tell(struct tram__source *s, tram__told_fn *fn, void *arg, char *why, size_t why_size);
void tram__source_close(struct tram__source *s);

/* ---- what it comes to ---- */

struct tram__tally {
    uint64_t count, ns;
};
struct tram__actor_sum {
    struct tram__tally read_wait, write_wait, copy, compute, write;
    struct tram__tally between; /* turns on a main thread: no CPU of the graph's own */
    uint64_t slept, begin, end; /* from its first to its last */
    uint64_t written;           /* the end of its last WRITE so far */
};
struct tram__edge_sum {
    uint32_t channel, reader;               /* participants */
    struct tram__tally wait, copy, latency; /* latency: from the WRITE's beginning to the READ's end */
    struct tram__tally critical;            /* on critical paths */
    double depth;        /* messages on the edge, mean over the time looked at (Little's law) */
    uint64_t most_depth; /* at any time */
};

enum tram__step_kind {
    TRAM__STEP_DRIVER,
    TRAM__STEP_TASK,
    TRAM__STEP_EDGE,
    TRAM__STEP_WRITE,
    TRAM__STEP_BUSY, /* the message was there, and its reader at something else: another execution or graph, a call */
    TRAM__STEP_UNKNOWN
};
/* A part of the critical path, from its end backwards. */
struct tram__step {
    enum tram__step_kind kind;
    uint32_t index; /* task, edge of the graph, channel */
    uint64_t begin, end;
};

/* One execution: times of every operation, 0: not recorded. */
struct tram__row {
    uint64_t *write_begin, *write_end, *read_begin, *read_end, *compute_begin, *compute_end;
    uint64_t begin, end;
};
struct tram__graph_sum {
    const struct tram__run_graph *graph;
    struct tram__actor_sum *actors; /* by participant */
    struct tram__edge_sum *edges;
    struct tram__tally *tasks, *tasks_critical;                 /* by task */
    struct tram__tally *writes, *write_waits, *writes_critical; /* by channel */
    uint32_t edge_count, first_edge;
    uint64_t executions, lowest, highest; /* that were recorded */
    /* Those that are looked at one by one: a block in the middle. */
    uint64_t first, row_count, row_words;
    uint64_t *words; /* of all rows */
    uint64_t looked_at, p50_ns, mean_ns;
    /* On the critical paths of executions about the median, in all and each part. */
    uint64_t paths;
    struct tram__tally total, driver, busy, unknown;
    uint64_t compute_sum_ns, compute_union_ns; /* overlap */
};
struct tram__call_sum {
    uint32_t actor;
    enum tram__event_kind kind;
    struct tram__tally tally;
};
struct tram__summary {
    struct tram__source *source;
    struct tram__graph_sum *graphs;
    uint32_t graph_count;
    struct tram__call_sum *calls; /* of eager calls, by actor and kind */
    uint32_t call_count;
    uint64_t only; /* this execution; 0: all */
    bool no_memory;
};

int tram__summary_make(struct tram__summary *s, struct tram__source *source, uint64_t only, char *why,
                       size_t why_size);
void tram__summary_free(struct tram__summary *s);
struct tram__row tram__summary_row(const struct tram__graph_sum *g, uint64_t at);
/* The critical path of one execution (summary_path.c): at most `most` steps, from its end backwards; their number. The steps
 * lie behind one another from its end to its beginning. */
uint32_t tram__summary_path(const struct tram__graph_sum *g, const struct tram__row *r,
                            struct tram__step *steps, uint32_t most);
/* Over all that are looked at. False: memory. */
bool tram__summary_paths(struct tram__graph_sum *g);

/* ---- how it is shown (summary_print.c) ---- */

/* What a kind of event of a call is called, or NULL; what a process is. */
const char *tram__summary_stage(enum tram__event_kind kind);
void tram__summary_process(const struct tram__summary *s, uint32_t actor, char *out, size_t size);
void tram__summary_table(const struct tram__summary *s, FILE *f);
/* 0, or -1: memory, or f cannot take it. */
int tram__summary_json(const struct tram__summary *s, FILE *f);
void tram__summary_dot(const struct tram__summary *s, FILE *f);

#endif
