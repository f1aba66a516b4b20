/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/limit.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COPIES_FROM = 256 * 1024 };
#define TRY_NS 15000000u /* for one candidate */

static const char *const kernels[LIMIT_KERNELS] = {"memcpy", "streaming stores"};

/* Where process k of n runs, the driver being process 0 on CPU 0 of those there are. */
enum placement { IN_TURN, IN_BLOCKS, ON_ONE, PLACEMENTS };
static const char *const placements[PLACEMENTS] = {"CPUs in turn", "CPUs in blocks", "one CPU"};

static unsigned cpu_of(enum placement p, unsigned k, unsigned processes, unsigned cpus) {
    return p == IN_TURN ? k % cpus : p == IN_BLOCKS ? k * cpus / processes : 0;
}

static void place(const struct limit *s, enum placement p) {
    for (unsigned k = 1; k <= s->peers; k++) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET((size_t)s->c->placement.cpu[cpu_of(p, k, s->peers + 1, s->c->placement.count)], &set);
        sched_setaffinity(s->pid[k - 1], sizeof set, &set);
    }
}

struct candidate {
    uint32_t strategy, kernel, mask;
    enum placement placement;
};

static void adopt(const struct limit *s, const struct candidate *c) {
    atomic_store(&s->control->strategy, c->strategy);
    atomic_store(&s->control->kernel, c->kernel);
    atomic_store(&s->control->mask, c->mask);
    place(s, c->placement);
}

/* What the tries share: payloads, and the best so far. */
struct search {
    struct limit *s;
    limit_run_fn *run;
    struct tram_batch batch;
    struct candidate best;
    double best_ns;
    bool failed;
    char *why;
};

/* Times one candidate by its best batch, after one to settle; keeps it if it is the best yet. */
static void try(struct search *h, struct candidate c) {
    uint64_t start = tram__now_ns(), now = start;
    double best = 1e300;
    adopt(h->s, &c);
    for (int i = 0; !h->failed && (i < 4 || now - start < TRY_NS) && (i < 2 || now - start < 20 * TRY_NS);
         i++) {
        uint64_t before = tram__now_ns();
        h->failed = h->run(h->s, &h->batch, h->why) != 0;
        now = tram__now_ns();
        if (i && (double)(now - before) < best)
            best = (double)(now - before);
    }
    if (best < h->best_ns) {
        h->best = c;
        h->best_ns = best;
    }
}

/* More processes than CPUs, and free to wait in any way. */
static void try_waiting(struct search *h) {
    const struct tram_case *c = h->s->c;
    struct candidate start = h->best;
    for (uint32_t i = LIMIT_YIELD; i < LIMIT_STRATEGIES; i++) {
        for (int p = 0; p < (c->placement.count > 1 ? PLACEMENTS : 1); p++) {
            struct candidate next = start;
            next.strategy = i;
            next.placement = (enum placement)p;
            try(h, next);
        }
    }
}

static void try_copies(struct search *h) {
    const struct limit *s = h->s;
    struct candidate start = h->best;
    h->best_ns = 1e300;
    for (uint32_t kernel = 0; kernel < LIMIT_KERNELS; kernel++) {
        for (int more = 0; more < (start.mask == s->most - 1 ? 1 : 2); more++) {
            struct candidate next = start;
            next.kernel = kernel;
            next.mask = more ? s->most - 1 : start.mask;
            if (s->c->size >= COPIES_FROM || kernel == LIMIT_PLAIN)
                try(h, next);
        }
    }
}

int limit_choose(struct limit *s, limit_run_fn *run, char *why) {
    const struct tram_case *c = s->c;
    bool crowded = c->actors + 1 > c->placement.count;
    struct search h = {.s = s, .run = run, .why = why, .best_ns = 1e300};
    h.best = (struct candidate){.strategy = c->wait == TRAM_WAIT_BLOCK           ? LIMIT_SLEEP
                                            : crowded && c->placement.count == 1 ? LIMIT_YIELD
                                                                                 : LIMIT_SPIN,
                                .mask = atomic_load(&s->control->mask)};
    if (!s->extents)
        h.best.mask = s->most - 1;
    h.batch.count = c->size >= COPIES_FROM ? c->inflight : 20 + c->inflight;
    h.batch.first = 1;
    h.batch.stride = s->stride;
    size_t bytes = s->stride * h.batch.count;
    unsigned char *from = aligned_alloc(4096, bytes), *to = aligned_alloc(4096, bytes * s->results);
    if (!from || !to) {
        snprintf(why, TRAM_WHY, "limit: out of memory");
        h.failed = true;
    } else {
        memset(from, 1, bytes);
        memset(to, 1, bytes * s->results);
        h.batch.from = from;
        h.batch.to = to;
        if (crowded && c->wait == TRAM_WAIT_AUTO)
            try_waiting(&h);
        if (s->extents && !c->loan)
            try_copies(&h);
        adopt(s, &h.best);
    }
    snprintf(s->note, sizeof s->note, "%s, %s, %u slots%s%s", limit_strategies[h.best.strategy].name,
             kernels[h.best.kernel], h.best.mask + 1, crowded ? ", " : "",
             crowded ? placements[h.best.placement] : "");
    free(from);
    free(to);
    return h.failed ? -1 : 0;
}
