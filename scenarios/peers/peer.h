/* SPDX-License-Identifier: Apache-2.0
 *
 * What the peers in C share: the scenarios' patterns by other means than Tramline's, for comparison. A peer is one program,
 * one launch of it one case in fresh processes; options, payloads, both timing passes and the result file are the
 * harness's own, and one execution is in flight.
 *
 * A peer may know several ways to do the same. As the limit does, the driver tries each before anything is timed, and keeps
 * the best: so each peer stands at its best for that pattern, size and number of processes, and says how.
 */
#ifndef TRAM_PEERS_PEER_H
#define TRAM_PEERS_PEER_H

#include <stdatomic.h>

#include "base/seam.h"
#include "harness/trial.h"

enum { PEER_MAX_ACTORS = 64, PEER_VERSION = 160, PEER_STOP = 255 };

/* In memory that all processes of a case share: which way follows execution `next >> 8`. */
struct peer_turn {
    _Alignas(128) _Atomic uint64_t next;
};

/* What every process of a case knows of it; the first member of a peer's own state. */
struct peer_team {
    const struct tram_case *c;
    struct peer_turn *turn;
    uint64_t done; /* executions */
    uint32_t way;
    pid_t pid[PEER_MAX_ACTORS]; /* the driver's: of the others */
    uint32_t pids;
    char note[TRAM_NOTE];
};

static inline bool peer_scatters(const struct tram_case *c) {
    return c->scenario->pattern == TRAM_PATTERN_SCATTER;
}

/* Whether there are more processes than CPUs. */
static inline bool peer_crowded(const struct tram_case *c) {
    return c->actors + 1 > c->placement.count;
}

/* Every process calls it after each execution: all take the next way after the same one. */
static inline void peer_done(struct peer_team *t) {
    uint64_t next = atomic_load_explicit(&t->turn->next, memory_order_acquire);
    if (next >> 8 == ++t->done)
        t->way = (uint32_t)(next & 255);
}

/* One execution: the payload at `from`, result k to `to` + k * `stride`. 0 or -1 with `why`. */
typedef int peer_exchange_fn(struct peer_team *t, const unsigned char *from, unsigned char *to, size_t stride,
                             char *why);

/* The loop of every peer, with its exchange inlined. */
static inline int peer_run(struct peer_team *t, struct tram_batch *b, peer_exchange_fn *exchange, char *why) {
    size_t results = tram_case_results(t->c) * b->to_stride, stride = t->c->input.stride;
    for (uint32_t i = 0; i < b->count; i++) {
        uint64_t start = b->took_ns ? tram__now_ns() : 0;
        if (exchange(t, b->from + i * stride, b->to + i * results, b->to_stride, why))
            return -1;
        if (b->took_ns)
            b->took_ns[i] = tram__now_ns() - start;
        peer_done(t);
    }
    return 0;
}

/* The driver's search, at the end of open. */
struct peer_search {
    struct peer_team *team;
    const struct tram_mode_ops *ops;
    const char *const *ways;                               /* names; a NULL ends them */
    bool (*fits)(const struct tram_case *c, uint32_t way); /* NULL: all do */
};
/* Tries each way and, with more processes than CPUs, each placement; keeps the best and names it in the team's note. 0, or
 * -1 with `why`. */
int peer_choose(const struct peer_search *s, char *why);

/* Ends a case whose processes end by themselves: they take the way PEER_STOP after one more execution. */
void peer_stop(struct peer_team *t, const struct tram_mode_ops *ops);

/* Hooks that are the same for all. `state` begins with the team. */
int peer_pids(void *state, pid_t *out);
void peer_counters(void *state, struct tram_mode_counters *out);

/* Of children that serve until they are killed: forks one, which runs `serve` on its CPU and never returns; and kills them
 * all. 0, or -1 with `why`. */
int peer_fork(struct peer_team *t, void (*serve)(void *state, unsigned k), void *state, char *why);
void peer_kill(struct peer_team *t);
/* Zeroed memory for children to share; NULL with `why` when there is none. */
void *peer_share(size_t bytes, char *why);

struct peer_mode {
    const char *name;
    const struct tram_mode_ops *ops;
};

struct peer {
    const char *program, *summary;
    const struct peer_mode *modes; /* a NULL name ends them; the first is the default */
    void (*version)(char *out, size_t size);
};

struct peer_options {
    const char *mode, *scenario, *size, *cpus, *json;
    uint64_t actors, iters, warmup, seed, repetition, repetitions, timeout_s;
    bool no_check, print_version, help;
};

struct peer_case {
    const struct peer *peer;
    const struct peer_mode *mode;
    struct peer_options options;
    struct tram_trial trial;
    int argc;
    char **argv;
};

/* Reads the command line, the same in every process of a case, and sets an alarm: a run that hangs ends. -1, or the status
 * to exit with, after a message or what was asked for. */
int peer_parse(int argc, char **argv, const struct peer *peer, struct peer_case *out);
/* The driver: measures, prints one line, writes the result file. Returns the exit status. */
int peer_measure(struct peer_case *p);

#endif
