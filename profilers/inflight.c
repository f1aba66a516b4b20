/* SPDX-License-Identifier: Apache-2.0 */
#include "profilers/inflight.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_HELD = 1 << 16 }; /* messages on an edge: beyond it the oldest was not read, or nobody saw it */

struct message {
    uint64_t number, bytes;
};
/* Its messages in the order of their numbers, a ring. */
struct edge {
    uint64_t each; /* bytes of those that come */
    uint64_t bytes;
    struct message *held;
    uint32_t first, count, room; /* room: a power of two */
    bool known;                  /* `each` is */
};
/* The next event of a ring that matters here, and when it does: the events of a ring are in the order of that. */
struct cursor {
    struct tram__scope scope;
    uint64_t at, ns;
    uint64_t write_begin,
        write_end; /* of the last WRITE, ticks: results of one task are published when the first is */
};
struct walk {
    struct tram__writer *w;
    struct edge *edges;
    struct cursor *cursors;
    struct cursor **heap; /* the earliest first */
    uint32_t heap_count;
    tram__inflight_fn *fn;
    void *arg;
    bool no_memory;
};

/* ---- the edges ---- */

static bool widen(struct edge *e) {
    uint32_t room = e->room ? 2 * e->room : 8;
    struct message *held = malloc(room * sizeof *held);
    if (!held)
        return false;
    for (uint32_t i = 0; i < e->count; i++)
        held[i] = e->held[(e->first + i) & (e->room - 1)];
    free(e->held);
    e->held = held;
    e->first = 0;
    e->room = room;
    return true;
}

static void take_first(struct edge *e) {
    e->bytes -= e->held[e->first].bytes;
    e->first = (e->first + 1) & (e->room - 1);
    e->count--;
}

static void put(struct walk *k, uint32_t index, uint64_t number, uint64_t ns) {
    struct edge *e = &k->edges[index];
    if (!e->known)
        return;
    if (e->count == MOST_HELD)
        take_first(e);
    if (e->count == e->room && !widen(e)) {
        k->no_memory = true;
        return;
    }
    e->held[(e->first + e->count++) & (e->room - 1)] = (struct message){number, e->each};
    e->bytes += e->each;
    k->fn(k->arg, index, ns, e->bytes);
}

/* What came before a message that is read was read as well, or given up. */
static void take(struct walk *k, uint32_t index, uint64_t number, uint64_t ns) {
    struct edge *e = &k->edges[index];
    uint32_t before = e->count;
    while (e->count && e->held[e->first].number <= number)
        take_first(e);
    if (e->count != before)
        k->fn(k->arg, index, ns, e->bytes);
}

/* ---- the rings ---- */

/* Finds the next event that matters; false: there is none. */
static bool find_next(struct cursor *c) {
    const struct tram__run_thread *t = c->scope.thread;
    for (; c->at < t->count; c->at++) {
        const struct tram__event *e = &t->events[c->at];
        uint64_t end = e->time + tram__event_length(e);
        switch (tram__event_kind(e)) {
        case TRAM__EVENT_BYTES: /* of the WRITE that follows */
            c->ns = 0;
            return true;
        case TRAM__EVENT_WRITE:
            c->write_begin = e->time == c->write_end ? c->write_begin : e->time;
            c->write_end = end;
            c->ns = tram__run_ns(c->scope.w->run, t, c->write_begin);
            return true;
        case TRAM__EVENT_READ_WAIT:
            c->ns = tram__run_ns(c->scope.w->run, t, end);
            return true;
        default:
            break;
        }
    }
    return false;
}

static void sink_down(struct walk *k, uint32_t at) {
    struct cursor *c = k->heap[at];
    for (uint32_t child; (child = 2 * at + 1) < k->heap_count; at = child) {
        if (child + 1 < k->heap_count && k->heap[child + 1]->ns < k->heap[child]->ns)
            child++;
        if (k->heap[child]->ns >= c->ns)
            break;
        k->heap[at] = k->heap[child];
    }
    k->heap[at] = c;
}

static void take_event(struct walk *k, struct cursor *c) {
    const struct tram__event *e = &c->scope.thread->events[c->at];
    uint32_t count = 0, first;
    if (tram__event_kind(e) == TRAM__EVENT_BYTES) {
        struct tram__view *v = tram__scope_view(&c->scope, e->group);
        const struct tram__run_channel *channel =
            v && e->name < v->graph->channel_count ? &v->graph->channels[e->name] : NULL;
        for (uint32_t i = 0; channel && i < channel->reader_count; i++) {
            k->edges[channel->first_edge + i].each = e->number;
            k->edges[channel->first_edge + i].known = true;
        }
        return;
    }
    bool read = tram__event_kind(e) == TRAM__EVENT_READ_WAIT;
    first = tram__scope_edges(&c->scope, e, read, &count);
    for (uint32_t i = 0; i < count; i++)
        if (read)
            take(k, first + i, e->number, c->ns);
        else
            put(k, first + i, e->number, c->ns);
}

static bool open_all(struct walk *k) {
    const struct tram__run *r = k->w->run;
    k->edges = calloc(r->edge_count + 1, sizeof *k->edges);
    k->cursors = calloc(r->thread_count + 1, sizeof *k->cursors);
    k->heap = calloc(r->thread_count + 1, sizeof(struct cursor *));
    if (!k->edges || !k->cursors || !k->heap)
        return false;
    for (uint32_t i = 0; i < r->thread_count; i++) {
        if (!tram__scope_open(&k->cursors[i].scope, k->w, &r->threads[i]))
            return false;
        if (find_next(&k->cursors[i]))
            k->heap[k->heap_count++] = &k->cursors[i];
    }
    for (uint32_t i = k->heap_count / 2; i > 0; i--)
        sink_down(k, i - 1);
    return true;
}

static void close_all(struct walk *k) {
    for (uint32_t i = 0; k->cursors && i < k->w->run->thread_count; i++)
        if (k->cursors[i].scope.w)
            tram__scope_close(&k->cursors[i].scope);
    for (uint32_t i = 0; k->edges && i < k->w->run->edge_count; i++)
        free(k->edges[i].held);
    free(k->edges);
    free(k->cursors);
    free(k->heap);
}

bool tram__inflight_tell(struct tram__writer *w, tram__inflight_fn *fn, void *arg) {
    struct walk k = {.w = w, .fn = fn, .arg = arg};
    bool good = open_all(&k);
    while (good && k.heap_count && !k.no_memory) {
        struct cursor *c = k.heap[0];
        take_event(&k, c);
        c->at++;
        if (!find_next(c))
            k.heap[0] = k.heap[--k.heap_count];
        if (k.heap_count)
            sink_down(&k, 0);
    }
    close_all(&k);
    return good && !k.no_memory;
}

bool tram__inflight_name(const struct tram__run *r, uint32_t edge, char *out, size_t size, uint32_t *graph) {
    for (uint32_t g = 0; g < r->graph_count; g++) {
        const struct tram__run_graph *x = r->graphs[g];
        for (uint32_t c = 0; c < x->channel_count; c++) {
            const struct tram__run_channel *channel = &x->channels[c];
            if (edge < channel->first_edge || edge - channel->first_edge >= channel->reader_count)
                continue;
            *graph = x->id;
            snprintf(out, size, "%.160s -> %.60s, bytes in flight", channel->name,
                     x->participants[channel->readers[edge - channel->first_edge]].name);
            return true;
        }
    }
    return false;
}

/* ---- in a trace ---- */

struct counters {
    struct tram__writer *w;
    struct tram__scope scope; /* of no thread */
    struct tram__lane *lanes; /* by edge; scope NULL: nothing has been on it yet */
    uint64_t process_track, group;
    uint32_t group_graph;
    bool no_memory;
};

/* Edges of one graph lie together, and so do their counters. */
static uint64_t group_of(struct counters *c, uint32_t graph) {
    char name[64];
    if (c->group && c->group_graph == graph)
        return c->group;
    snprintf(name, sizeof name, "edges of graph %u", graph);
    struct tram__track t = {.name = name, .parent = c->process_track, .rank = 45000, .own = true};
    c->group_graph = graph;
    return c->group = tram__track_declare(c->w, &t);
}

static bool open_lanes(struct counters *c) {
    const struct tram__run *r = c->w->run;
    char name[300];
    uint32_t graph = 0;
    for (uint32_t e = 0; e < r->edge_count; e++) {
        if (!tram__inflight_name(r, e, name, sizeof name, &graph))
            continue;
        struct tram__track t = {
            .name = name, .parent = group_of(c, graph), .rank = e, .counter = true, .bytes = true};
        if (!tram__lane_open(&c->lanes[e], &c->scope, tram__track_declare(c->w, &t), r->begin_ns, 0))
            return false;
    }
    return true;
}

static void sample(void *arg, uint32_t edge, uint64_t ns, uint64_t bytes) {
    struct counters *c = arg;
    if (c->lanes[edge].scope)
        tram__lane_sample(&c->lanes[edge], ns, (int64_t)bytes);
}

bool tram__inflight_write(struct tram__writer *w, uint64_t process_track) {
    struct counters c = {.w = w, .scope = {.w = w}, .process_track = process_track};
    if (!w->run->edge_count)
        return true;
    c.lanes = calloc(w->run->edge_count, sizeof *c.lanes);
    bool good = c.lanes && open_lanes(&c) && tram__inflight_tell(w, sample, &c);
    for (uint32_t e = 0; c.lanes && e < w->run->edge_count; e++)
        if (c.lanes[e].scope)
            tram__lane_close(&c.lanes[e]);
    free(c.lanes);
    return good;
}
