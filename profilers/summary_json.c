/* SPDX-License-Identifier: Apache-2.0 */
#include "profilers/summary.h"

#include <jansson.h>

static double share(uint64_t ns, uint64_t of) {
    return of ? (double)ns / (double)of : 0;
}
static double each(const struct tram__graph_sum *g, uint64_t ns) {
    return g->paths ? (double)ns / (double)g->paths : 0;
}
static double mean(const struct tram__tally *t) {
    return t->count ? (double)t->ns / (double)t->count : 0;
}

static json_t *actor_json(const struct tram__graph_sum *g, uint32_t p) {
    const struct tram__actor_sum *a = &g->actors[p];
    uint64_t own = a->read_wait.ns + a->write_wait.ns, waited = own + a->between.ns, all = a->end - a->begin;
    return json_pack("{s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:f,s:f,s:f,s:f}", "name",
                     g->graph->participants[p].name, "time_ns", (json_int_t)all, "wait_ns",
                     (json_int_t)waited, "between_turns_ns", (json_int_t)a->between.ns, "burnt_ns",
                     (json_int_t)(own > a->slept ? own - a->slept : 0), "copy_ns", (json_int_t)a->copy.ns,
                     "compute_ns", (json_int_t)a->compute.ns, "write_ns", (json_int_t)a->write.ns,
                     "wait_share", share(waited, all), "copy_share", share(a->copy.ns, all), "compute_share",
                     share(a->compute.ns, all), "write_share", share(a->write.ns, all));
}

static json_t *edge_json(const struct tram__graph_sum *g, const struct tram__edge_sum *e) {
    const struct tram__run_channel *c = &g->graph->channels[e->channel];
    uint64_t writes = g->writes[e->channel].count, waited = g->write_waits[e->channel].ns;
    return json_pack("{s:f,s:f,s:f,s:I,s:f,s:s,s:s,s:s,s:I,s:f,s:f,s:f,s:f,s:f}", "write_mean_ns",
                     mean(&g->writes[e->channel]), "slot_wait_mean_ns",
                     writes ? (double)waited / (double)writes : 0.0, "queue_mean", e->depth, "queue_most",
                     (json_int_t)e->most_depth, "copy_mean_ns", mean(&e->copy), "channel", c->name, "writer",
                     g->graph->participants[c->writer].name, "reader", g->graph->participants[e->reader].name,
                     "reads", (json_int_t)e->wait.count, "read_mean_ns", mean(&e->wait), "latency_mean_ns",
                     mean(&e->latency), "critical_ns", each(g, e->critical.ns), "critical_share",
                     share(e->critical.ns, g->total.ns), "on_path", each(g, e->critical.count));
}

static json_t *task_json(const struct tram__graph_sum *g, uint32_t t) {
    return json_pack("{s:s,s:I,s:f,s:f,s:f}", "name", g->graph->tasks[t].name, "count",
                     (json_int_t)g->tasks[t].count, "mean_ns", mean(&g->tasks[t]), "critical_ns",
                     each(g, g->tasks_critical[t].ns), "critical_share",
                     share(g->tasks_critical[t].ns, g->total.ns));
}

static json_t *path_json(const struct tram__graph_sum *g) {
    uint64_t tasks = 0, edges = 0, writes = 0;
    for (uint32_t t = 0; t < g->graph->task_count; t++)
        tasks += g->tasks_critical[t].ns;
    for (uint32_t e = 0; e < g->edge_count; e++)
        edges += g->edges[e].critical.ns;
    for (uint32_t c = 0; c < g->graph->channel_count; c++)
        writes += g->writes_critical[c].ns;
    return json_pack("{s:I,s:f,s:f,s:f,s:f,s:f,s:f,s:f}", "executions", (json_int_t)g->paths, "total_ns",
                     each(g, g->total.ns), "driver_ns", each(g, g->driver.ns), "tasks_ns", each(g, tasks),
                     "edges_ns", each(g, edges), "writes_ns", each(g, writes), "busy_ns", each(g, g->busy.ns),
                     "unattributed_ns", each(g, g->unknown.ns));
}

static json_t *graph_json(const struct tram__graph_sum *g) {
    json_t *actors = json_array(), *edges = json_array(), *tasks = json_array();
    for (uint32_t p = 0; p < g->graph->participant_count; p++)
        json_array_append_new(actors, actor_json(g, p));
    for (uint32_t e = 0; e < g->edge_count; e++)
        json_array_append_new(edges, edge_json(g, &g->edges[e]));
    for (uint32_t t = 0; t < g->graph->task_count; t++)
        json_array_append_new(tasks, task_json(g, t));
    return json_pack("{s:I,s:I,s:I,s:I,s:I,s:o,s:o,s:o,s:o,s:{s:I,s:I}}", "graph", (json_int_t)g->graph->id,
                     "executions", (json_int_t)g->executions, "looked_at", (json_int_t)g->looked_at, "p50_ns",
                     (json_int_t)g->p50_ns, "mean_ns", (json_int_t)g->mean_ns, "actors", actors, "edges",
                     edges, "tasks", tasks, "critical_path", path_json(g), "overlap", "compute_sum_ns",
                     (json_int_t)g->compute_sum_ns, "compute_union_ns", (json_int_t)g->compute_union_ns);
}

static json_t *calls_json(const struct tram__summary *s) {
    json_t *calls = json_array();
    for (uint32_t i = 0; i < s->call_count; i++) {
        const struct tram__call_sum *c = &s->calls[i];
        char name[80];
        const char *stage = tram__summary_stage(c->kind);
        tram__summary_process(s, c->actor, name, sizeof name);
        if (stage)
            json_array_append_new(calls, json_pack("{s:s,s:s,s:I,s:f,s:I}", "process", name, "stage", stage,
                                                   "count", (json_int_t)c->tally.count, "mean_ns",
                                                   mean(&c->tally), "sum_ns", (json_int_t)c->tally.ns));
    }
    return calls;
}

int tram__summary_json(const struct tram__summary *s, FILE *f) {
    json_t *graphs = json_array();
    for (uint32_t i = 0; i < s->graph_count; i++)
        json_array_append_new(graphs, graph_json(&s->graphs[i]));
    json_t *all = json_pack("{s:I,s:f,s:f,s:o,s:o}", "dropped", (json_int_t)s->source->run.dropped,
                            "p50_traced_ns", s->source->traced_ns, "p50_untraced_ns", s->source->untraced_ns,
                            "graphs", graphs, "calls", calls_json(s));
    int status = all ? json_dumpf(all, f, JSON_INDENT(2)) : -1;
    json_decref(all);
    return status || fputc('\n', f) == EOF ? -1 : 0;
}
