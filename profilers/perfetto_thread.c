/* SPDX-License-Identifier: Apache-2.0
 *
 * The events of one ring, on its tracks. The thread's own has what the thread does, which is one thing at a time. An actor's
 * main thread takes turns between calls and graphs: each graph there has a track, for its wait lasts through the others' turns.
 */
#include "profilers/perfetto_thread.h"

#include <stdlib.h>
#include <string.h>

enum {
    HELD = 4096,
    HELD_QUEUE = 0,
    MOST_SLOTS = 4096,
    MOST_QUEUE = 4096,
    MOST_LANES = 4096,
    MOST_COUNTERS = 4096,
    SLEEPS = 256
};

/* With the end of its last slice. */
struct queue_lane {
    struct tram__lane lane;
    uint64_t end_ns;
};
/* Executions of a graph that this thread submitted. */
struct executions {
    uint32_t graph, lane_count;
    uint64_t track;
    struct queue_lane **lanes;
    uint64_t *begins, *ends; /* of all, in the order in which they ended */
    size_t count, room;
};
struct graph_lane {
    uint32_t graph;
    struct tram__lane lane;
};
struct counter_lane {
    uint32_t name;
    struct tram__lane lane;
};
struct ring {
    struct tram__scope scope;
    struct tram__lane main, program;
    bool has_program, shared; /* shared: graphs have lanes of their own */
    struct graph_lane **graphs;
    struct queue_lane **queue;
    struct counter_lane **counters;
    struct executions **executions;
    uint32_t graph_count, queue_count, counter_count, executions_count;
    const struct tram__event *sleeps[SLEEPS];
    uint32_t sleep_count;
    struct tram__lane *last;  /* that had a slice */
    struct tram__event write; /* the last of them; its kind NONE: something came after it */
    uint64_t write_begin;
};

/* One more entry of an array of pointers, zeroed; NULL: too many, or no memory. */
static void *add(void *array, uint32_t *count, uint32_t most, size_t bytes) {
    void ***entries = array;
    void *one = *count < most ? calloc(1, bytes) : NULL;
    void **p = one ? realloc(*entries, (*count + 1) * sizeof *p) : NULL;
    if (!p) {
        free(one);
        return NULL;
    }
    p[(*count)++] = one;
    *entries = p;
    return one;
}

/* ---- lanes ---- */

static struct tram__lane *graph_lane(struct ring *r, uint32_t graph) {
    char name[80];
    for (uint32_t i = r->graph_count; i > 0; i--)
        if (r->graphs[i - 1]->graph == graph)
            return &r->graphs[i - 1]->lane;
    if (!tram__scope_view(&r->scope, graph))
        return &r->main;
    struct graph_lane *g = add(&r->graphs, &r->graph_count, MOST_LANES, sizeof *g);
    if (!g)
        return &r->main;
    snprintf(name, sizeof name, "%s: graph %u", r->scope.thread->name, graph);
    struct tram__track t = {.name = name, .parent = r->scope.thread_track, .rank = 1 + r->graph_count};
    g->graph = graph;
    if (!tram__lane_open(&g->lane, &r->scope, tram__track_declare(r->scope.w, &t), r->scope.w->run->begin_ns,
                         HELD)) {
        r->scope.w->no_memory = true;
        free(g);
        r->graph_count--;
        return &r->main;
    }
    return &g->lane;
}

/* A lane that is free at this time. */
static void add_queued(struct ring *r, const struct tram__event *e, uint64_t begin, uint64_t end) {
    struct queue_lane *q = NULL;
    for (uint32_t i = 0; i < r->queue_count && !q; i++)
        if (r->queue[i]->end_ns <= begin)
            q = r->queue[i];
    if (!q && (q = add(&r->queue, &r->queue_count, MOST_QUEUE, sizeof *q))) {
        struct tram__track t = {
            .name = "waiting calls", .parent = r->scope.thread_track, .rank = 10000 + r->queue_count};
        tram__lane_open(&q->lane, &r->scope, tram__track_declare(r->scope.w, &t), r->scope.w->run->begin_ns,
                        HELD_QUEUE);
    }
    if (!q) {
        r->scope.w->counts.unknown++;
        return;
    }
    q->end_ns = end;
    tram__lane_add(&q->lane, e, begin, end);
}

static void add_counter(struct ring *r, const struct tram__event *e, uint64_t ns) {
    struct counter_lane *c = NULL;
    char name[TRAM__EVENT_TEXT];
    for (uint32_t i = 0; i < r->counter_count && !c; i++)
        if (r->counters[i]->name == e->name)
            c = r->counters[i];
    if (!c && (c = add(&r->counters, &r->counter_count, MOST_COUNTERS, sizeof *c))) {
        tram__event_text(r->scope.process, NULL, e, name, sizeof name);
        struct tram__track t = {.name = name,
                                .parent = r->scope.process_track,
                                .rank = 20000 + r->counter_count,
                                .counter = true,
                                .bytes = e->group == 1};
        c->name = e->name;
        tram__lane_open(&c->lane, &r->scope, tram__track_declare(r->scope.w, &t), r->scope.w->run->begin_ns,
                        0);
    }
    if (c)
        tram__lane_sample(&c->lane, ns, (int64_t)e->number);
    else
        r->scope.w->counts.unknown++;
}

static void add_mark(struct ring *r, const struct tram__event *e, uint64_t begin, uint64_t end) {
    if (!r->has_program) {
        struct tram__track t = {.name = "program", .parent = r->scope.thread_track, .rank = 1};
        r->has_program = tram__lane_open(&r->program, &r->scope, tram__track_declare(r->scope.w, &t),
                                         r->scope.w->run->begin_ns, UINT32_MAX);
    }
    if (r->has_program)
        tram__lane_add(&r->program, e, begin, end);
    else
        r->scope.w->no_memory = true;
}

/* ---- executions ---- */

static struct executions *executions_of(struct ring *r, uint32_t graph) {
    char name[64];
    for (uint32_t i = r->executions_count; i > 0; i--)
        if (r->executions[i - 1]->graph == graph)
            return r->executions[i - 1];
    struct executions *x = add(&r->executions, &r->executions_count, MOST_LANES, sizeof *x);
    if (!x)
        return NULL;
    const struct tram__view *v = tram__scope_view(&r->scope, graph);
    snprintf(name, sizeof name, "executions of graph %u", graph);
    struct tram__track t = {.name = name,
                            .description = v ? v->graph->schedule : NULL,
                            .parent = r->scope.process_track,
                            .rank = 30000 + r->executions_count};
    x->graph = graph;
    x->track = tram__track_declare(r->scope.w, &t);
    return x;
}

/* A lane that is free at this time: as many as there are in flight, whatever the number of slots. */
static struct queue_lane *flight_of(struct ring *r, struct executions *x, uint64_t begin) {
    char name[32];
    for (uint32_t i = 0; i < x->lane_count; i++)
        if (x->lanes[i]->end_ns <= begin)
            return x->lanes[i];
    struct queue_lane *q = add(&x->lanes, &x->lane_count, MOST_QUEUE, sizeof *q);
    if (!q)
        return NULL;
    snprintf(name, sizeof name, "in flight %u", x->lane_count);
    struct tram__track t = {.name = name, .parent = x->track, .rank = x->lane_count};
    tram__lane_open(&q->lane, &r->scope, tram__track_declare(r->scope.w, &t), r->scope.w->run->begin_ns, 0);
    return q;
}

static void add_execution(struct ring *r, const struct tram__event *e, uint64_t begin, uint64_t end) {
    struct executions *x = executions_of(r, e->group);
    struct queue_lane *q = x ? flight_of(r, x, begin) : NULL;
    if (!q) {
        r->scope.w->counts.unknown++;
        return;
    }
    q->end_ns = end;
    tram__lane_add(&q->lane, e, begin, end);
    if (x->count == x->room) {
        size_t room = x->room ? 2 * x->room : 256;
        uint64_t *begins = realloc(x->begins, room * sizeof *begins);
        if (begins)
            x->begins = begins;
        uint64_t *ends = begins ? realloc(x->ends, room * sizeof *ends) : NULL;
        if (ends)
            x->ends = ends;
        r->scope.w->no_memory |= !ends;
        if (!ends)
            return;
        x->room = room;
    }
    x->begins[x->count] = begin;
    x->ends[x->count++] = end;
}

static int by_time(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void sort(uint64_t *times, size_t count) {
    for (size_t i = 1; i < count; i++)
        if (times[i] < times[i - 1]) {
            qsort(times, count, sizeof *times, by_time);
            return;
        }
}

/* How many are in flight, at each change. */
static void count_inflight(struct ring *r, struct executions *x) {
    struct tram__lane lane;
    char name[64];
    snprintf(name, sizeof name, "in flight, graph %u", x->graph);
    struct tram__track t = {.name = name, .parent = r->scope.process_track, .rank = 40000, .counter = true};
    tram__lane_open(&lane, &r->scope, tram__track_declare(r->scope.w, &t), r->scope.w->run->begin_ns, 0);
    sort(x->begins, x->count);
    sort(x->ends, x->count);
    for (size_t b = 0, e = 0; e < x->count;) {
        bool begins = b < x->count && x->begins[b] < x->ends[e];
        uint64_t ns = begins ? x->begins[b++] : x->ends[e++];
        tram__lane_sample(&lane, ns, b > e ? (int64_t)(b - e) : 0);
    }
    tram__lane_close(&lane);
}

/* ---- events ---- */

static void add_sleeps(struct ring *r, struct tram__lane *lane) {
    uint64_t begin, end;
    for (uint32_t i = 0; i < r->sleep_count; i++) {
        tram__run_span(r->scope.w->run, r->scope.thread, r->sleeps[i], &begin, &end);
        tram__lane_add(lane, r->sleeps[i], begin, end);
    }
    r->sleep_count = 0;
}

/* Results of one task are published together, and told one after the other: all took the time of the first. */
static uint64_t begin_of_write(struct ring *r, const struct tram__event *e, uint64_t begin) {
    const struct tram__event *w = &r->write;
    bool follows = tram__event_kind(w) == TRAM__EVENT_WRITE && w->group == e->group &&
                   w->number == e->number && w->time + tram__event_length(w) == e->time;
    r->write = *e;
    if (!follows)
        r->write_begin = begin;
    return r->write_begin;
}

static void add_slice(struct ring *r, const struct tram__event *e, uint64_t begin, uint64_t end) {
    enum tram__event_kind kind = tram__event_kind(e);
    struct tram__lane *lane = r->shared && tram__kind(kind)->graph ? graph_lane(r, e->group) : &r->main;
    add_sleeps(r, lane);
    if (kind == TRAM__EVENT_WRITE)
        begin = begin_of_write(r, e, begin);
    else
        r->write.kind_length = 0;
    tram__lane_add(lane, e, begin, end);
    r->last = lane;
}

static void add_event(struct ring *r, const struct tram__event *e) {
    uint64_t begin, end;
    tram__run_span(r->scope.w->run, r->scope.thread, e, &begin, &end);
    switch (tram__kind(tram__event_kind(e))->place) {
    case TRAM__PLACE_THREAD:
        add_slice(r, e, begin, end);
        break;
    case TRAM__PLACE_SLEEP:
        if (r->sleep_count == SLEEPS)
            add_sleeps(r, r->last);
        r->sleeps[r->sleep_count++] = e;
        break;
    case TRAM__PLACE_SLOT:
        add_execution(r, e, begin, end);
        break;
    case TRAM__PLACE_QUEUE:
        add_queued(r, e, begin, end);
        break;
    case TRAM__PLACE_PROGRAM:
        add_mark(r, e, begin, end);
        break;
    case TRAM__PLACE_COUNTER:
        add_counter(r, e, begin);
        break;
    case TRAM__PLACE_BYTES:
        break;
    case TRAM__PLACE_NONE:
        r->scope.w->counts.unknown++;
        break;
    }
}

/* How many events found no room, if any: none in the beginning, all in the end. */
static void tell_dropped(struct ring *r) {
    const struct tram__run *run = r->scope.w->run;
    const struct tram__run_thread *t = r->scope.thread;
    struct tram__lane lane;
    char name[64];
    if (!t->dropped)
        return;
    snprintf(name, sizeof name, "dropped events, %s", t->name);
    struct tram__track track = {
        .name = name, .parent = r->scope.process_track, .rank = 50000, .counter = true};
    tram__lane_open(&lane, &r->scope, tram__track_declare(r->scope.w, &track), run->begin_ns, 0);
    tram__lane_sample(&lane, t->first.ns > run->begin_ns ? t->first.ns : run->begin_ns, 0);
    tram__lane_sample(&lane, run->end_ns, (int64_t)t->dropped);
    tram__lane_close(&lane);
}

static void close_all(struct ring *r) {
    add_sleeps(r, r->last);
    tram__lane_close(&r->main);
    if (r->has_program)
        tram__lane_close(&r->program);
    for (uint32_t i = 0; i < r->graph_count; i++) {
        tram__lane_close(&r->graphs[i]->lane);
        free(r->graphs[i]);
    }
    for (uint32_t i = 0; i < r->queue_count; i++) {
        tram__lane_close(&r->queue[i]->lane);
        free(r->queue[i]);
    }
    for (uint32_t i = 0; i < r->counter_count; i++) {
        tram__lane_close(&r->counters[i]->lane);
        free(r->counters[i]);
    }
    for (uint32_t i = 0; i < r->executions_count; i++) {
        struct executions *x = r->executions[i];
        for (uint32_t k = 0; k < x->lane_count; k++) {
            tram__lane_close(&x->lanes[k]->lane);
            free(x->lanes[k]);
        }
        count_inflight(r, x);
        free(x->lanes);
        free(x->begins);
        free(x->ends);
        free(x);
    }
    free(r->graphs);
    free(r->queue);
    free(r->counters);
    free(r->executions);
}

bool tram__perfetto_thread(struct tram__writer *w, const struct tram__run_thread *t, uint64_t process_track,
                           uint64_t thread_track) {
    struct ring *r = calloc(1, sizeof *r);
    bool good = r && tram__scope_open(&r->scope, w, t);
    if (good) {
        r->scope.process_track = process_track;
        r->scope.thread_track = thread_track;
        r->shared = r->scope.process->actor && t->tid == r->scope.process->pid;
        r->last = &r->main;
        good = tram__lane_open(&r->main, &r->scope, thread_track, w->run->begin_ns, HELD);
    }
    for (uint64_t i = 0; good && i < t->count; i++)
        add_event(r, &t->events[i]);
    if (good && tram__event_kind(&t->open) != TRAM__EVENT_NONE) {
        struct tram__event *open = (struct tram__event *)(uintptr_t)&t->open;
        uint64_t begin = tram__run_ns(w->run, t, open->time);
        if (tram__kind(tram__event_kind(open))->place == TRAM__PLACE_THREAD)
            add_slice(r, open, begin, begin > w->run->end_ns ? begin : w->run->end_ns);
    }
    if (good) {
        close_all(r);
        tell_dropped(r);
    }
    if (r)
        tram__scope_close(&r->scope);
    free(r);
    return good && !w->no_memory;
}
