/* SPDX-License-Identifier: Apache-2.0
 *
 * A way to run the pattern. The harness drives every mode through the same batches; a mode keeps its loop tight.
 */
#ifndef TRAM_HARNESS_MODE_H
#define TRAM_HARNESS_MODE_H

#include <sys/types.h>

#include "harness/settings.h"

/* Eager: parts from this size on are put into the store when they are taken more than once, or filled in by loan. A graph that
 * is run uncompiled takes bytes alone, and copies them in at each run. */
enum { TRAM_PUT_FROM = 4096 };

enum { TRAM_MAX_PIDS = TRAM_MAX_ACTORS, TRAM_WHY = 512, TRAM_NOTE = 96 };

/* What one trial runs; filled in by the harness, read by the modes. */
struct tram_case {
    const struct tram_scenario *scenario;
    enum tram_mode mode;
    enum tram_wait wait;
    struct tram_layout input;
    size_t tensor; /* of a transfer, as in struct tram_point; with: */
    struct tram_devices devices;
    enum tram_transport transport, picked; /* picked: what compile makes of it */
    uint32_t actors, inflight;
    bool loan, main_thread;
    bool check;     /* fill and check payloads; of tensors their ends always, and all of them now and then: */
    bool check_all; /* in every execution */
    uint64_t seed;
    double timeout_s;
    struct tram__cpus placement;
};

/* How many results an execution has. */
static inline uint32_t tram_case_results(const struct tram_case *c) {
    switch (c->scenario->pattern) {
    case TRAM_PATTERN_SCATTER:
        return c->actors;
    case TRAM_PATTERN_TRANSFER:
        return c->actors - 1;
    default:
        return 1;
    }
}

static inline struct tram_shape tram_case_shape(const struct tram_case *c) { /* borrows the sizes */
    return (struct tram_shape){.actors = c->actors,
                               .bytes = c->input.total,
                               .part_count = c->input.count,
                               .parts = c->input.size,
                               .loan = c->loan,
                               .tensor = c->tensor,
                               .transport = c->transport};
}

/* Whether a result is the digest of the input, not the payload itself. */
static inline bool tram_case_digests(const struct tram_case *c) {
    return c->scenario->parts != NULL;
}

/* Bytes of each result. */
static inline size_t tram_case_reply(const struct tram_case *c) {
    return tram_reply_bytes(c->scenario, &c->input);
}

/* `count` executions by copy, numbered from `first`: the input of i at `from` + i * the layout's stride, its result k to
 * `to` + (i * results + k) * to_stride. */
struct tram_batch {
    uint64_t first;
    uint32_t count;
    const unsigned char *from;
    unsigned char *to;
    size_t to_stride;
    uint64_t *took_ns; /* NULL, or the time of each execution, from submission to result */
    /* An open loop, with took_ns, for modes that say so: execution i is due i periods after the first, and its time counts from
     * then on. missed: how many were submitted a period or more after that. 0: each when there is room. */
    uint64_t period_ns, missed;
    int64_t
        behind_ns; /* how late the first is when the batch begins, negative: not yet due; in the end, the next one then */
};

/* When execution i of a batch that began at `begin_ns` is due. */
static inline uint64_t tram_batch_due(const struct tram_batch *b, uint64_t begin_ns, uint32_t i) {
    return begin_ns - (uint64_t)b->behind_ns + i * b->period_ns;
}
/* The batch has ended: says how late the next is. */
static inline void tram_batch_end(struct tram_batch *b, uint64_t begin_ns, uint64_t now_ns) {
    b->behind_ns = (int64_t)(now_ns - tram_batch_due(b, begin_ns, b->count));
}

/* Exact counters since the start; TRAM_ABSENT-like -1 where a mode has none. */
struct tram_mode_counters {
    double copies, copied_bytes, sleeps,
        maps; /* maps: of device memory: made, pinned, imported or given back */
    int64_t compile_ns, channel_bytes;
    const char *note; /* good until close: what the mode chose, such as its kernel; or NULL */
};

struct tram_mode_ops {
    const char *name;
    bool paces; /* `run` knows of periods; else the harness paces it, one execution at a time */
    /* Starts whatever processes it needs. `why` gets one line on failure. */
    int (*open)(const struct tram_case *c, void **state, char *why);
    /* Runs a batch, blocking; 0 or -1 with `why`. */
    int (*run)(void *state, struct tram_batch *b, char *why);
    /* By loan, one execution at a time: where the parts of its input are to be filled in; run it, and lend its results;
     * give them back. A mode that has no loan lends a buffer of its own. */
    int (*loan)(void *state, void **buffers, char *why);
    int (*exchange)(void *state, struct tram_bytes *results, char *why);
    int (*release)(void *state, char *why);
    void (*counters)(void *state, struct tram_mode_counters *out);
    /* Processes other than the caller that work for it. */
    int (*pids)(void *state, pid_t *out);
    void (*close)(void *state);
};

extern const struct tram_mode_ops tram_mode_limit, tram_mode_compiled, tram_mode_eager_shm, tram_mode_eager,
    tram_mode_graph_eager;

/* The runtime of this process, for the modes on it; set once by the harness. */
extern struct tram *tram_harness_runtime;

#endif
