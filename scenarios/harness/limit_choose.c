/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/limit.h"

#include <limits.h>
#include <linux/futex.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { COPIES_FROM = 256 * 1024 };

struct candidate {
    uint32_t strategy, mask;
    size_t stream_from, fragment;
    enum tram_placement placement;
};

/* Nothing is in flight. Whoever sleeps does so on the slot, and in the way, of the candidate before: it is woken, and so is, by the
 * changed word, who is about to sleep. What a slot holds between messages means nothing, as no number is used twice. */
static void wake_all(const struct limit *s) {
    for (size_t i = 0; i < (size_t)(s->peers + 1) * s->most; i++) {
        atomic_fetch_xor(&s->slots[i].seq, UINT32_C(1) << 31);
        if (atomic_load(&s->slots[i].asleep))
            syscall(SYS_futex, &s->slots[i].seq, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
    }
}

static void adopt(const struct limit *s, const struct candidate *c) {
    atomic_store(&s->control->strategy, c->strategy);
    atomic_store(&s->control->stream_from, c->stream_from);
    atomic_store(&s->control->fragment, c->fragment);
    atomic_store(&s->control->mask, c->mask);
    tram_place(s->pid, s->peers, &s->c->placement, c->placement);
    wake_all(s);
}

/* What the tries share: payloads, and the best so far. */
struct search {
    struct limit *s;
    tram_run_fn *run;
    struct tram_batch batch;
    struct candidate best;
    double best_ns;
    bool failed;
    char *why;
};

/* Keeps the candidate if it is the best yet. */
static void try(struct search *h, struct candidate c) {
    if (h->failed)
        return;
    adopt(h->s, &c);
    double ns = tram_try(h->run, h->s, &h->batch, h->why);
    h->failed = ns < 0;
    if (!h->failed && ns < h->best_ns) {
        h->best = c;
        h->best_ns = ns;
    }
}

/* With one slot for each in flight, and with all there are: many keep a writer from the line that its reader still polls, few stay
 * in the cache. */
static void try_slots(struct search *h, struct candidate next) {
    try(h, next);
    if (next.mask == h->s->most - 1)
        return;
    next.mask = h->s->most - 1;
    try(h, next);
}

/* More processes than CPUs, and free to wait in any way. */
static void try_waiting(struct search *h) {
    const struct tram_case *c = h->s->c;
    struct candidate start = h->best;
    for (uint32_t i = LIMIT_YIELD; i < LIMIT_STRATEGIES; i++) {
        for (int p = 0; p < (c->placement.count > 1 ? TRAM_PLACEMENTS : 1); p++) {
            struct candidate next = start;
            next.strategy = i;
            next.placement = (enum tram_placement)p;
            try(h, next);
        }
    }
}

/* Streaming stores win from some size on, if at all: none of the parts, or those at least as large as one of them. */
static void try_copies(struct search *h) {
    const size_t *size;
    size_t count = limit_copied(h->s, &size);
    struct candidate next = h->best;
    h->best_ns = INFINITY;
    try_slots(h, next);
    for (size_t i = 0; i < count; i++) {
        bool seen = size[i] < COPIES_FROM;
        for (size_t before = 0; before < i; before++)
            seen |= size[before] == size[i];
        next.stream_from = size[i];
        if (!seen)
            try_slots(h, next);
    }
}

/* In fragments the next copy begins before the last one has ended, on another CPU. */
static void try_fragments(struct search *h) {
    struct candidate next = h->best;
    size_t largest = h->s->c->input.size[0] / 2;
    if (largest > LIMIT_LARGEST_FRAGMENT)
        largest = LIMIT_LARGEST_FRAGMENT;
    for (size_t fragment = LIMIT_LEAST_FRAGMENT; fragment <= largest; fragment *= 4) {
        next.fragment = fragment;
        next.stream_from = LIMIT_NEVER;
        try(h, next);
        next.stream_from = fragment;
        try(h, next);
    }
}

static void describe(struct limit *s, const struct candidate *c, bool crowded) {
    const size_t *size;
    size_t count = limit_copied(s, &size);
    char kernel[64] = "memcpy", from[32], fragments[64] = "", size_of_one[32];
    if (c->stream_from != LIMIT_NEVER) {
        tram__size_print(c->stream_from, from, sizeof from);
        snprintf(kernel, sizeof kernel, "streaming stores%s%s", count > 1 ? " from " : "",
                 count > 1 ? from : "");
    }
    if (c->fragment != LIMIT_WHOLE) {
        tram__size_print(c->fragment, size_of_one, sizeof size_of_one);
        snprintf(fragments, sizeof fragments, " of fragments of %s", size_of_one);
    }
    snprintf(s->note, sizeof s->note, "%s, %s%s, %u slot%s%s%s", limit_strategies[c->strategy].name, kernel,
             fragments, c->mask + 1, c->mask ? "s" : "", crowded ? ", " : "",
             crowded ? tram_placement_names[c->placement] : "");
}

static bool copies_much(const struct limit *s) {
    const size_t *size;
    size_t count = limit_copied(s, &size), all = 0;
    for (size_t i = 0; i < count; i++)
        all += size[i];
    return all >= COPIES_FROM;
}

int limit_choose(struct limit *s, tram_run_fn *run, char *why) {
    const struct tram_case *c = s->c;
    bool crowded = c->actors + 1 > c->placement.count;
    struct search h = {.s = s, .run = run, .why = why, .best_ns = INFINITY};
    h.best = (struct candidate){.strategy = c->wait == TRAM_WAIT_BLOCK           ? LIMIT_SLEEP
                                            : crowded && c->placement.count == 1 ? LIMIT_YIELD
                                                                                 : LIMIT_SPIN,
                                .mask = atomic_load(&s->control->mask),
                                .stream_from = LIMIT_NEVER,
                                .fragment = LIMIT_WHOLE};
    h.batch.count = copies_much(s) ? c->inflight : 20 + c->inflight;
    h.batch.first = 1;
    h.batch.to_stride = tram_layout_stride(s->reply);
    size_t bytes = c->input.stride * h.batch.count, to_bytes = h.batch.to_stride * h.batch.count * s->results;
    unsigned char *from = tram_layout_alloc(bytes), *to = tram_layout_alloc(to_bytes);
    if (!from || !to) {
        snprintf(why, TRAM_WHY, "limit: out of memory");
        h.failed = true;
    } else {
        if (c->tensor)
            memset(from, 0, bytes); /* orders that ask for no check */
        h.batch.from = from;
        h.batch.to = to;
        if (crowded && c->wait == TRAM_WAIT_AUTO)
            try_waiting(&h); /* with few slots; the best way with many as well: */
        if (!s->extents && !s->tensors)
            try_slots(&h, h.best);
        if ((s->extents && !c->loan) || (s->tensors && !s->board && limit_tensor_copies(s)))
            try_copies(&h);
        if (s->ready)
            try_fragments(&h);
        adopt(s, &h.best);
    }
    describe(s, &h.best, crowded);
    free(from);
    free(to);
    return h.failed ? -1 : 0;
}
