/* SPDX-License-Identifier: Apache-2.0 */
#include "profilers/summary.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_ROWS = 20000, MOST_WORDS = 16 << 20 };

static void add(struct tram__tally *t, uint64_t ns) {
    t->count++;
    t->ns += ns;
}

static struct tram__graph_sum *graph_of(struct tram__summary *s, uint32_t id) {
    for (uint32_t i = 0; i < s->graph_count; i++)
        if (s->graphs[i].graph->id == id)
            return &s->graphs[i];
    return NULL;
}

/* The participant of an actor; false: it takes no part. */
static bool participant_of(const struct tram__run_graph *g, uint32_t actor, uint32_t *out) {
    for (*out = 0; *out < g->participant_count; ++*out)
        if (g->participants[*out].actor == actor)
            return true;
    return false;
}

/* The edge of a channel that this participant reads, among those of its graph. */
static bool edge_of(const struct tram__graph_sum *g, uint32_t channel, uint32_t participant, uint32_t *out) {
    const struct tram__run_channel *c = &g->graph->channels[channel];
    for (uint32_t k = 0; k < c->reader_count; k++)
        if (c->readers[k] == participant) {
            *out = c->first_edge - g->first_edge + k;
            return true;
        }
    return false;
}

/* ---- the first time: sums ---- */

static void sum_call(struct tram__summary *s, const struct tram__told *t) {
    uint32_t i = 0;
    for (; i < s->call_count && (s->calls[i].actor != t->actor || s->calls[i].kind != t->kind); i++)
        ;
    if (i == s->call_count) {
        struct tram__call_sum *calls = realloc(s->calls, (i + 1) * sizeof *calls);
        s->no_memory |= !calls;
        if (!calls)
            return;
        s->calls = calls;
        calls[s->call_count++] = (struct tram__call_sum){.actor = t->actor, .kind = t->kind};
    }
    add(&s->calls[i].tally, t->end - t->begin);
}

static void sum_execution(struct tram__graph_sum *g, const struct tram__told *t) {
    g->lowest = !g->executions || t->number < g->lowest ? t->number : g->lowest;
    g->highest = t->number > g->highest ? t->number : g->highest;
    g->executions++;
}

static void sum_channel(struct tram__graph_sum *g, const struct tram__told *t, uint32_t participant) {
    uint64_t ns = t->end - t->begin;
    uint32_t e;
    if (t->kind == TRAM__EVENT_WRITE)
        add(&g->writes[t->name], ns);
    else if (t->kind == TRAM__EVENT_WRITE_WAIT)
        add(&g->write_waits[t->name], ns);
    else if ((t->kind == TRAM__EVENT_READ_WAIT || t->kind == TRAM__EVENT_READ_COPY) &&
             edge_of(g, t->name, participant, &e))
        add(t->kind == TRAM__EVENT_READ_WAIT ? &g->edges[e].wait : &g->edges[e].copy, ns);
}

static void sum(void *arg, const struct tram__told *t) {
    struct tram__summary *s = arg;
    uint64_t ns = t->end - t->begin;
    uint32_t p;
    if (!tram__event_of_graph(t->kind)) {
        if (t->kind != TRAM__EVENT_MARK && t->kind != TRAM__EVENT_COUNTER)
            sum_call(s, t);
        return;
    }
    struct tram__graph_sum *g = graph_of(s, t->graph);
    if (!g || !participant_of(g->graph, t->actor, &p))
        return;
    struct tram__actor_sum *a = &g->actors[p];
    if (t->kind == TRAM__EVENT_EXECUTION) {
        sum_execution(g, t);
        return;
    }
    /* Of several results of one task the WRITEs begin together: what they share counts once. */
    uint64_t shared = t->kind == TRAM__EVENT_WRITE && t->begin < a->written && a->written <= t->end
                          ? a->written - t->begin
                          : 0;
    if (t->kind == TRAM__EVENT_WRITE)
        a->written = t->end;
    a->begin = !a->begin || t->begin < a->begin ? t->begin : a->begin;
    a->end = t->end > a->end ? t->end : a->end;
    a->slept += t->slept;
    if (t->kind == TRAM__EVENT_COMPUTE) {
        add(&a->compute, ns);
        const struct tram__run_task *task = tram__run_graph_task(g->graph, t->name);
        if (task)
            add(&g->tasks[task - g->graph->tasks], ns);
        return;
    }
    add(t->kind == TRAM__EVENT_READ_WAIT || t->kind == TRAM__EVENT_TIMED_OUT ? &a->read_wait
        : t->kind == TRAM__EVENT_WRITE_WAIT                                  ? &a->write_wait
        : t->kind == TRAM__EVENT_WRITE                                       ? &a->write
        : t->kind == TRAM__EVENT_BETWEEN                                     ? &a->between
                                                                             : &a->copy,
        ns - shared);
    if (t->name < g->graph->channel_count)
        sum_channel(g, t, p);
}

/* ---- the second time: rows ---- */

struct tram__row tram__summary_row(const struct tram__graph_sum *g, uint64_t at) {
    uint64_t *w = g->words + at * g->row_words;
    uint32_t c = g->graph->channel_count, e = g->edge_count, t = g->graph->task_count;
    struct tram__row r = {.begin = w[0], .end = w[1]};
    r.write_begin = w + 2;
    r.write_end = r.write_begin + c;
    r.read_begin = r.write_end + c;
    r.read_end = r.read_begin + e;
    r.compute_begin = r.read_end + e;
    r.compute_end = r.compute_begin + t;
    return r;
}

static void fill(void *arg, const struct tram__told *t) {
    struct tram__summary *s = arg;
    struct tram__graph_sum *g = tram__event_of_graph(t->kind) ? graph_of(s, t->graph) : NULL;
    uint32_t p, e;
    if (!g || t->number < g->first || t->number - g->first >= g->row_count ||
        !participant_of(g->graph, t->actor, &p))
        return;
    struct tram__row r = tram__summary_row(g, t->number - g->first);
    if (t->kind == TRAM__EVENT_EXECUTION) {
        uint64_t *w = g->words + (t->number - g->first) * g->row_words;
        w[0] = t->begin;
        w[1] = t->end;
    } else if (t->kind == TRAM__EVENT_COMPUTE) {
        const struct tram__run_task *task = tram__run_graph_task(g->graph, t->name);
        if (task) {
            r.compute_begin[task - g->graph->tasks] = t->begin;
            r.compute_end[task - g->graph->tasks] = t->end;
        }
    } else if (t->name < g->graph->channel_count && t->kind == TRAM__EVENT_WRITE &&
               g->graph->channels[t->name].writer == p) {
        r.write_begin[t->name] = t->begin;
        r.write_end[t->name] = t->end;
    } else if (t->name < g->graph->channel_count && t->kind == TRAM__EVENT_READ_WAIT &&
               edge_of(g, t->name, p, &e)) {
        r.read_begin[e] = t->begin;
        r.read_end[e] = t->end;
    }
}

static bool make_rows(struct tram__graph_sum *g, uint64_t only) {
    const struct tram__run_graph *graph = g->graph;
    g->row_words = 2 + 2 * ((uint64_t)graph->channel_count + g->edge_count + graph->task_count);
    uint64_t most = MOST_WORDS / g->row_words < MOST_ROWS ? MOST_WORDS / g->row_words : MOST_ROWS;
    uint64_t span = g->executions ? g->highest - g->lowest + 1 : 0;
    g->row_count = only ? (only >= g->lowest && only <= g->highest) : span < most ? span : most;
    g->first = only ? only : g->lowest + (span - g->row_count) / 2;
    g->words = calloc(g->row_count * g->row_words + 1, sizeof *g->words);
    return g->words != NULL;
}

/* ---- latencies and overlap ---- */

struct interval {
    uint64_t begin, end;
};
static int by_begin(const void *a, const void *b) {
    const struct interval *x = a, *y = b;
    return (x->begin > y->begin) - (x->begin < y->begin);
}

/* How long methods ran in all, and how long any did. */
static bool find_overlap(struct tram__graph_sum *g) {
    uint32_t tasks = g->graph->task_count;
    uint64_t end = 0;
    size_t count = 0;
    struct interval *all = malloc((g->row_count * tasks + 1) * sizeof *all);
    if (!all)
        return false;
    for (uint64_t i = 0; i < g->row_count; i++) {
        struct tram__row r = tram__summary_row(g, i);
        for (uint32_t t = 0; t < tasks; t++)
            if (r.compute_end[t])
                all[count++] = (struct interval){r.compute_begin[t], r.compute_end[t]};
    }
    qsort(all, count, sizeof *all, by_begin);
    for (size_t i = 0; i < count; i++) {
        uint64_t from = all[i].begin > end ? all[i].begin : end;
        g->compute_sum_ns += all[i].end - all[i].begin;
        g->compute_union_ns += all[i].end > from ? all[i].end - from : 0;
        end = all[i].end > end ? all[i].end : end;
    }
    free(all);
    return true;
}

static void find_latency(struct tram__graph_sum *g, uint32_t edge) {
    struct tram__edge_sum *e = &g->edges[edge];
    uint64_t first = UINT64_MAX, last = 0, taken = 0,
             held = 0; /* taken: rows whose message was, up to the time of row i */
    for (uint64_t i = 0; i < g->row_count; i++) {
        struct tram__row r = tram__summary_row(g, i);
        uint64_t begin = r.write_begin[e->channel], end = r.read_end[edge];
        if (!begin || end < begin)
            continue;
        add(&e->latency, end - begin);
        first = begin < first ? begin : first;
        last = end > last ? end : last;
        held++;
        for (; taken < i; taken++) { /* messages are taken in their order */
            struct tram__row before = tram__summary_row(g, taken);
            uint64_t put = before.write_begin[e->channel], gone = before.read_end[edge];
            if (!put || gone < put)
                continue;
            if (gone > begin)
                break;
            held--;
        }
        e->most_depth = held > e->most_depth ? held : e->most_depth;
    }
    e->depth = last > first ? (double)e->latency.ns / (double)(last - first) : 0;
}

/* ---- all of it ---- */

static bool begin_graph(struct tram__graph_sum *g, const struct tram__run_graph *graph) {
    g->graph = graph;
    for (uint32_t c = 0; c < graph->channel_count; c++)
        g->edge_count += graph->channels[c].reader_count;
    g->first_edge = graph->channel_count ? graph->channels[0].first_edge : 0;
    g->actors = calloc(graph->participant_count + 1, sizeof *g->actors);
    g->edges = calloc(g->edge_count + 1, sizeof *g->edges);
    g->tasks = calloc(graph->task_count + 1, sizeof *g->tasks);
    g->tasks_critical = calloc(graph->task_count + 1, sizeof *g->tasks_critical);
    g->writes = calloc(graph->channel_count + 1, sizeof *g->writes);
    g->write_waits = calloc(graph->channel_count + 1, sizeof *g->write_waits);
    g->writes_critical = calloc(graph->channel_count + 1, sizeof *g->writes_critical);
    if (!g->actors || !g->edges || !g->tasks || !g->tasks_critical || !g->writes || !g->write_waits ||
        !g->writes_critical)
        return false;
    for (uint32_t c = 0, e = 0; c < graph->channel_count; c++)
        for (uint32_t k = 0; k < graph->channels[c].reader_count; k++, e++) {
            g->edges[e].channel = c;
            g->edges[e].reader = graph->channels[c].readers[k];
        }
    return true;
}

int tram__summary_make(struct tram__summary *s, struct tram__source *source, uint64_t only, char *why,
                       size_t why_size) {
    *s = (struct tram__summary){.source = source, .only = only};
    s->graphs = calloc(source->run.graph_count + 1, sizeof *s->graphs);
    bool good = s->graphs != NULL;
    for (uint32_t i = 0; good && i < source->run.graph_count; i++) {
        s->graph_count++;
        good = begin_graph(&s->graphs[i], source->run.graphs[i]);
    }
    if (good && tram__source_tell(source, sum, s, why, why_size))
        goto err_free;
    for (uint32_t i = 0; good && i < s->graph_count; i++)
        good = make_rows(&s->graphs[i], only);
    if (good && tram__source_tell(source, fill, s, why, why_size))
        goto err_free;
    for (uint32_t i = 0; good && i < s->graph_count; i++) {
        for (uint32_t e = 0; e < s->graphs[i].edge_count; e++)
            find_latency(&s->graphs[i], e);
        good = find_overlap(&s->graphs[i]) && tram__summary_paths(&s->graphs[i]);
    }
    if (good && !s->no_memory)
        return 0;
    snprintf(why, why_size, "%s: out of memory", source->path);
err_free:
    tram__summary_free(s);
    return -1;
}

void tram__summary_free(struct tram__summary *s) {
    for (uint32_t i = 0; i < s->graph_count; i++) {
        free(s->graphs[i].actors);
        free(s->graphs[i].edges);
        free(s->graphs[i].tasks);
        free(s->graphs[i].tasks_critical);
        free(s->graphs[i].writes);
        free(s->graphs[i].write_waits);
        free(s->graphs[i].writes_critical);
        free(s->graphs[i].words);
    }
    free(s->graphs);
    free(s->calls);
    memset(s, 0, sizeof *s);
}
