/* SPDX-License-Identifier: Apache-2.0
 *
 * The deadlock check. Each task waits for the task before it on its actor, for the tasks whose results it takes, and for
 * those that a control edge puts before it; the members of a unit wait as one. There is an order in which all can run
 * if and only if these waits have no cycle; then the per-actor lists cannot deadlock either, whatever the timing, for
 * each list is in bind order and every wait in it is one of these.
 */
#include "schedule/schedule.h"

#include "base/error.h"

#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX

/* Vertices are units and tasks without one; waits[i] says that `to` waits for `from`. */
struct order {
    const struct tram_graph *g;
    uint32_t *vertex; /* by node */
    uint32_t count;
    struct wait {
        uint32_t from, to, next; /* next: of the same `from` */
    } * waits;
    uint32_t wait_count;
    uint32_t *first; /* by vertex */
    uint32_t *open;  /* by vertex: what it still waits for */
    uint32_t *queue;
    uint32_t *member; /* by vertex: a task of it */
    uint32_t *depth;  /* by vertex: vertices before it on the longest path there */
};

static void add_wait(struct order *o, uint32_t from_node, uint32_t to_node) {
    uint32_t from = o->vertex[from_node], to = o->vertex[to_node];
    o->waits[o->wait_count] = (struct wait){from, to, o->first[from]};
    o->first[from] = o->wait_count++;
    o->open[to]++;
}

static void find_vertices(struct order *o) {
    const struct tram_graph *g = o->g;
    o->count = g->unit_count;
    for (uint32_t i = 0; i < g->node_count; i++) {
        if (g->nodes[i].kind != TRAM__NODE_TASK)
            continue;
        o->vertex[i] = g->nodes[i].unit ? g->nodes[i].unit - 1 : o->count++;
        o->member[o->vertex[i]] = i;
    }
}

static bool find_waits(struct order *o, const uint32_t *participant) {
    const struct tram_graph *g = o->g;
    uint32_t *last =
        malloc((g->node_count + 1) * sizeof *last); /* by participant: its task that was bound last */
    if (!last)
        return false;
    memset(last, 0xff, (g->node_count + 1) * sizeof *last);
    for (uint32_t i = 0; i < g->node_count; i++) {
        const struct tram__node *n = &g->nodes[i];
        if (n->kind != TRAM__NODE_TASK)
            continue;
        if (last[participant[i]] != NONE)
            add_wait(o, last[participant[i]], i);
        last[participant[i]] = i;
        for (uint32_t a = 0; a < n->arg_count; a++) {
            uint32_t task = tram__graph_task(g, n->args[a]);
            if (g->nodes[task].kind == TRAM__NODE_TASK)
                add_wait(o, task, i);
        }
        for (uint32_t a = 0; a < n->after_count; a++)
            add_wait(o, n->after[a], i);
    }
    free(last);
    return true;
}

/* The tasks of a vertex, one after the other. */
static uint32_t add_tasks(const struct order *o, uint32_t vertex, uint32_t *tasks) {
    const struct tram_graph *g = o->g;
    uint32_t task = o->member[vertex], unit = g->nodes[task].unit;
    if (!unit) {
        tasks[0] = task;
        return 1;
    }
    memcpy(tasks, g->units[unit - 1].tasks, g->units[unit - 1].count * sizeof *tasks);
    return g->units[unit - 1].count;
}

/* Serves every vertex that waits for nothing more; returns how many there were. */
static uint32_t run(struct order *o, uint32_t *longest, uint32_t *tasks) {
    uint32_t served = 0, queued = 0;
    *longest = 0;
    for (uint32_t v = 0; v < o->count; v++)
        if (!o->open[v])
            o->queue[queued++] = v;
    while (served < queued) {
        uint32_t v = o->queue[served++];
        if (tasks)
            tasks += add_tasks(o, v, tasks);
        if (o->depth[v] >= *longest)
            *longest = o->depth[v] + 1;
        for (uint32_t w = o->first[v]; w != NONE; w = o->waits[w].next) {
            uint32_t to = o->waits[w].to;
            if (o->depth[to] <= o->depth[v])
                o->depth[to] = o->depth[v] + 1;
            if (--o->open[to] == 0)
                o->queue[queued++] = to;
        }
    }
    return served;
}

/* Where a method is bound on an actor more than once: which of the actor's tasks this is, from 1. */
static void add_position(const struct tram_graph *g, uint32_t task, char *name, size_t size) {
    uint32_t position = 0, same = 0;
    for (uint32_t i = 0; i < g->node_count; i++) {
        const struct tram__node *n = &g->nodes[i];
        if (n->kind != TRAM__NODE_TASK || n->actor != g->nodes[task].actor)
            continue;
        position += i <= task;
        same += strcmp(n->method, g->nodes[task].method) == 0;
    }
    size_t used = strlen(name);
    if (same > 1)
        snprintf(name + used, size - used, " (task %u)", position);
}

static size_t add_name(const struct order *o, uint32_t vertex, char *out, size_t size) {
    const struct tram_graph *g = o->g;
    uint32_t task = o->member[vertex], unit = g->nodes[task].unit,
             count = unit ? g->units[unit - 1].count : 1;
    size_t used = (size_t)snprintf(out, size, "%s", unit ? "{" : "");
    for (uint32_t i = 0; i < count && used < size; i++) {
        char name[160];
        uint32_t member = unit ? g->units[unit - 1].tasks[i] : task;
        tram__graph_name(g, member, name, sizeof name);
        add_position(g, member, name, sizeof name);
        used += (size_t)snprintf(out + used, size - used, "%s%s", i ? " + " : "", name);
    }
    if (unit && used < size)
        used += (size_t)snprintf(out + used, size - used, "}");
    return used;
}

enum { MOST_SHOWN = 5 };

/* Every vertex that is left waits for another that is left: going back from one leads into a cycle. */
static int report(struct order *o) {
    uint32_t *waits_for = o->queue, *seen = o->first; /* both have served */
    for (uint32_t v = 0; v < o->count; v++)
        waits_for[v] = seen[v] = NONE;
    for (uint32_t w = 0; w < o->wait_count; w++)
        if (o->open[o->waits[w].from] && o->open[o->waits[w].to] && waits_for[o->waits[w].to] == NONE)
            waits_for[o->waits[w].to] = o->waits[w].from;
    uint32_t v = 0, steps = 0;
    while (!o->open[v])
        v++;
    for (; seen[v] == NONE; v = waits_for[v])
        seen[v] = steps++;
    char text[480];
    size_t used = 0;
    uint32_t at = v, length = steps - seen[v];
    for (uint32_t i = 0; i < length && used < sizeof text; i++, at = waits_for[at]) {
        if (length > MOST_SHOWN && i >= MOST_SHOWN - 1 && i < length - 1) { /* first ones and the last */
            if (i == MOST_SHOWN - 1)
                used += (size_t)snprintf(text + used, sizeof text - used, "... (%u more) waits for ",
                                         length - MOST_SHOWN);
            continue;
        }
        used += add_name(o, at, text + used, sizeof text - used);
        if (used < sizeof text)
            used += (size_t)snprintf(text + used, sizeof text - used, " waits for ");
    }
    if (used < sizeof text)
        add_name(o, v, text + used, sizeof text - used);
    return tram__fail(TRAM_ERR_INVALID, "deadlock: %s", text);
}

int tram__schedule_order(const struct tram_graph *g, const uint32_t *participant, uint32_t *longest,
                         uint32_t *tasks) {
    struct order o = {.g = g};
    size_t waits = g->node_count + 1, n = g->node_count + (size_t)g->unit_count + 1;
    for (uint32_t i = 0; i < g->node_count; i++)
        waits += g->nodes[i].arg_count + (size_t)g->nodes[i].after_count;
    o.vertex = calloc(n, sizeof *o.vertex);
    o.waits = calloc(waits, sizeof *o.waits);
    o.first = malloc(n * sizeof *o.first);
    o.open = calloc(n, sizeof *o.open);
    o.queue = calloc(n, sizeof *o.queue);
    o.member = calloc(n, sizeof *o.member);
    o.depth = calloc(n, sizeof *o.depth);
    bool enough = o.vertex && o.waits && o.first && o.open && o.queue && o.member && o.depth;
    int status = TRAM_OK;
    if (enough) {
        memset(o.first, 0xff, n * sizeof *o.first);
        find_vertices(&o);
        enough = find_waits(&o, participant);
    }
    if (!enough)
        status = tram__fail(TRAM_ERR_NO_MEMORY, "the order of %u nodes", g->node_count);
    else if (run(&o, longest, tasks) < o.count)
        status = report(&o);
    free(o.vertex);
    free(o.waits);
    free(o.first);
    free(o.open);
    free(o.queue);
    free(o.member);
    free(o.depth);
    return status;
}
