/* SPDX-License-Identifier: Apache-2.0
 *
 * The critical path of an execution, walked backwards from its end. At any moment one participant is looked at: what it last
 * did before that moment took the time. A message that it had to wait for leads to its writer, at the moment at which the WRITE
 * began; a message that was there already does not. So the parts follow one another without a gap or an overlap, and what no
 * event accounts for is a part of its own.
 */
#include "profilers/summary.h"

#include <stdlib.h>

enum { MOST_STEPS = 4096, MIDDLE_PARTS = 10, LEAST_PATHS = 20 };

struct walk {
    const struct tram__graph_sum *g;
    const struct tram__row *r;
    struct tram__step *steps;
    uint32_t count, most;
    uint64_t at; /* when */
    uint32_t participant;
};

/* What the participant did last before the moment. */
struct last {
    enum tram__step_kind kind;
    uint32_t index;
    uint64_t begin, end;
    bool found;
};

static void consider(const struct walk *w, struct last *l, enum tram__step_kind kind, uint32_t index,
                     uint64_t begin, uint64_t end) {
    if (!end || end > w->at || begin >= w->at ||
        (l->found && (end < l->end || (end == l->end && begin <= l->begin))))
        return;
    *l = (struct last){kind, index, begin, end, true};
}

static struct last find_last(const struct walk *w) {
    const struct tram__run_graph *graph = w->g->graph;
    struct last l = {.found = false};
    for (uint32_t e = 0; e < w->g->edge_count; e++)
        if (w->g->edges[e].reader == w->participant)
            consider(w, &l, TRAM__STEP_EDGE, e, w->r->read_begin[e], w->r->read_end[e]);
    for (uint32_t t = 0; t < graph->task_count; t++)
        if (graph->tasks[t].participant == w->participant)
            consider(w, &l, TRAM__STEP_TASK, t, w->r->compute_begin[t], w->r->compute_end[t]);
    for (uint32_t c = 0; c < graph->channel_count && w->participant; c++)
        if (graph->channels[c].writer == w->participant)
            consider(w, &l, TRAM__STEP_WRITE, c, w->r->write_begin[c], w->r->write_end[c]);
    return l;
}

/* From `begin` to the moment; the moment is `begin` then. */
static void step(struct walk *w, enum tram__step_kind kind, uint32_t index, uint64_t begin) {
    if (begin < w->r->begin)
        begin = w->r->begin;
    if (begin >= w->at || w->count == w->most)
        return;
    w->steps[w->count++] = (struct tram__step){kind, index, begin, w->at};
    w->at = begin;
}

/* Over a message: to its writer (true) when it had to be waited for, or when nothing here came before it. */
static bool follow(struct walk *w, const struct last *l) {
    const struct tram__edge_sum *e = &w->g->edges[l->index];
    uint64_t written = w->r->write_begin[e->channel];
    struct walk here = *w;
    here.at = l->begin;
    bool waited = written >= l->begin, idle = !find_last(&here).found;
    if (written && written <= l->end && (waited || idle)) {
        step(w, TRAM__STEP_EDGE, l->index, waited ? written : l->begin);
        step(w, w->participant ? TRAM__STEP_BUSY : TRAM__STEP_DRIVER, 0,
             written); /* if nobody waited for it yet */
        w->at = written < w->at ? written : w->at;
        w->participant = w->g->graph->channels[e->channel].writer;
        return true;
    }
    step(w, TRAM__STEP_EDGE, l->index, l->begin);
    return false;
}

uint32_t tram__summary_path(const struct tram__graph_sum *g, const struct tram__row *r,
                            struct tram__step *steps, uint32_t most) {
    struct walk w = {.g = g, .r = r, .steps = steps, .most = most, .at = r->end};
    bool moved = false;
    for (uint32_t i = 0; i < most && w.at > r->begin && w.count + 2 < w.most; i++) {
        struct last l = find_last(&w);
        if (!l.found || l.end <= r->begin || (w.participant == 0 && moved))
            break; /* where the driver wrote the input, the rest is its own */
        step(&w, w.participant ? TRAM__STEP_UNKNOWN : TRAM__STEP_DRIVER, 0, l.end);
        if (l.kind == TRAM__STEP_EDGE)
            moved |= follow(&w, &l);
        else
            step(&w, l.kind, l.index, l.begin);
    }
    step(&w, w.participant ? TRAM__STEP_UNKNOWN : TRAM__STEP_DRIVER, 0, r->begin);
    return w.count;
}

/* ---- over all ---- */

static int by_length(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void count_step(struct tram__graph_sum *g, const struct tram__step *s) {
    struct tram__tally *to = s->kind == TRAM__STEP_DRIVER  ? &g->driver
                             : s->kind == TRAM__STEP_TASK  ? &g->tasks_critical[s->index]
                             : s->kind == TRAM__STEP_EDGE  ? &g->edges[s->index].critical
                             : s->kind == TRAM__STEP_WRITE ? &g->writes_critical[s->index]
                             : s->kind == TRAM__STEP_BUSY  ? &g->busy
                                                           : &g->unknown;
    to->count++;
    to->ns += s->end - s->begin;
}

bool tram__summary_paths(struct tram__graph_sum *g) {
    uint64_t *lengths = malloc((g->row_count + 1) * sizeof *lengths), n = 0, low = 0, high = UINT64_MAX;
    struct tram__step *steps = malloc(MOST_STEPS * sizeof *steps);
    bool good = lengths && steps;
    for (uint64_t i = 0; good && i < g->row_count; i++) {
        struct tram__row r = tram__summary_row(g, i);
        if (r.end > r.begin) {
            lengths[n++] = r.end - r.begin;
            g->mean_ns += r.end - r.begin;
        }
    }
    if (good && n) {
        qsort(lengths, n, sizeof *lengths, by_length);
        g->looked_at = n;
        g->p50_ns = lengths[n / 2];
        g->mean_ns /= n;
        if (n >= LEAST_PATHS) { /* those about the median */
            low = lengths[n / 2 - n / (2 * MIDDLE_PARTS)];
            high = lengths[n / 2 + n / (2 * MIDDLE_PARTS)];
        }
    }
    for (uint64_t i = 0; good && i < g->row_count; i++) {
        struct tram__row r = tram__summary_row(g, i);
        uint64_t length = r.end - r.begin;
        if (r.end <= r.begin || length < low || length > high)
            continue;
        g->paths++;
        g->total.count++;
        g->total.ns += length;
        uint32_t count = tram__summary_path(g, &r, steps, MOST_STEPS);
        for (uint32_t k = 0; k < count; k++)
            count_step(g, &steps[k]);
    }
    free(lengths);
    free(steps);
    return good;
}
