/* SPDX-License-Identifier: Apache-2.0 */
#include "profilers/names.h"
#include "profilers/summary.h"

#include <stdlib.h>
#include <string.h>

static const char *const kind_names[TRAM__EVENT_KINDS] = {
    [TRAM__EVENT_ENCODE] = "encode", [TRAM__EVENT_SEND] = "send",       [TRAM__EVENT_DECODE] = "decode",
    [TRAM__EVENT_QUEUE] = "queue",   [TRAM__EVENT_RESOLVE] = "resolve", [TRAM__EVENT_RUN] = "run",
    [TRAM__EVENT_REPLY] = "reply",   [TRAM__EVENT_AWAIT] = "await",     [TRAM__EVENT_FETCH] = "fetch",
    [TRAM__EVENT_HAND] = "hand on",  [TRAM__EVENT_ANY] = "wait any",
};

static double us(uint64_t ns) {
    return (double)ns / 1e3;
}
static double part(uint64_t ns, uint64_t of) {
    return of ? 100.0 * (double)ns / (double)of : 0;
}
static double mean_us(const struct tram__tally *t) {
    return t->count ? us(t->ns) / (double)t->count : 0;
}
/* Of each path. */
static double each_us(const struct tram__graph_sum *g, const struct tram__tally *t) {
    return g->paths ? us(t->ns) / (double)g->paths : 0;
}
static uint64_t burnt(const struct tram__actor_sum *a) {
    uint64_t waited = a->read_wait.ns + a->write_wait.ns;
    return waited > a->slept ? waited - a->slept : 0;
}
static const char *name_of(const struct tram__graph_sum *g, uint32_t participant) {
    return participant < g->graph->participant_count ? g->graph->participants[participant].name : "?";
}
static const char *writer_of(const struct tram__graph_sum *g, const struct tram__edge_sum *e) {
    return name_of(g, g->graph->channels[e->channel].writer);
}

/* ---- the parts of the critical path, the largest first ---- */

struct line {
    char name[260];
    const char *kind;
    const struct tram__tally *tally;
};

static int by_size(const void *a, const void *b) {
    const struct line *x = a, *y = b;
    return (x->tally->ns < y->tally->ns) - (x->tally->ns > y->tally->ns);
}

/* All that took any time, what is not attributed last; to be freed. NULL: memory. */
static struct line *lines_of(const struct tram__graph_sum *g, size_t *count) {
    const struct tram__run_graph *graph = g->graph;
    struct line *l = calloc((size_t)g->edge_count + graph->task_count + graph->channel_count + 3, sizeof *l);
    size_t n = 0;
    if (!l)
        return NULL;
    if (g->driver.ns) {
        snprintf(l[n].name, sizeof l->name, "driver");
        l[n++] = (struct line){.name = "driver", .kind = "driver", .tally = &g->driver};
    }
    for (uint32_t t = 0; t < graph->task_count; t++)
        if (g->tasks_critical[t].ns) {
            snprintf(l[n].name, sizeof l->name, "%.240s", graph->tasks[t].name);
            l[n].kind = "task";
            l[n++].tally = &g->tasks_critical[t];
        }
    for (uint32_t e = 0; e < g->edge_count; e++)
        if (g->edges[e].critical.ns) {
            snprintf(l[n].name, sizeof l->name, "%.160s -> %.60s", graph->channels[g->edges[e].channel].name,
                     name_of(g, g->edges[e].reader));
            l[n].kind = "edge";
            l[n++].tally = &g->edges[e].critical;
        }
    for (uint32_t c = 0; c < graph->channel_count; c++)
        if (g->writes_critical[c].ns) {
            snprintf(l[n].name, sizeof l->name, "WRITE %.240s", graph->channels[c].name);
            l[n].kind = "write";
            l[n++].tally = &g->writes_critical[c];
        }
    qsort(l, n, sizeof *l, by_size);
    if (g->busy.ns)
        l[n++] = (struct line){.name = "of who reads", .kind = "busy", .tally = &g->busy};
    l[n++] = (struct line){.name = "unattributed", .kind = "unattributed", .tally = &g->unknown};
    *count = n;
    return l;
}

/* ---- table ---- */

static void print_actors(const struct tram__graph_sum *g, FILE *f) {
    fprintf(f, "\n  %-20s %9s %8s %8s %8s %8s %8s   %s\n", "of its time, %", "us", "wait", "(burnt)", "copy",
            "compute", "write", "burnt: waiting, and not asleep");
    for (uint32_t p = 0; p < g->graph->participant_count; p++) {
        const struct tram__actor_sum *a = &g->actors[p];
        uint64_t all = a->end - a->begin;
        fprintf(f, "  %-20.20s %9.1f %8.1f %8.1f %8.1f %8.1f %8.1f\n", name_of(g, p), us(all),
                part(a->read_wait.ns + a->write_wait.ns + a->between.ns, all), part(burnt(a), all),
                part(a->copy.ns, all), part(a->compute.ns, all), part(a->write.ns, all));
    }
}

static void print_edges(const struct tram__graph_sum *g, FILE *f) {
    fprintf(f, "\n  %-36s %7s %7s %8s %7s %8s %6s %4s %8s %8s %8s\n", "edge, us in each execution", "slot",
            "WRITE", "READ", "copy", "latency", "queue", "most", "critical", "of path", "on path");
    for (uint32_t i = 0; i < g->edge_count; i++) {
        const struct tram__edge_sum *e = &g->edges[i];
        uint64_t n = g->writes[e->channel].count;
        char name[300];
        snprintf(name, sizeof name, "%s: %s -> %s", g->graph->channels[e->channel].name, writer_of(g, e),
                 name_of(g, e->reader));
        fprintf(f, "  %-36s %7.2f %7.2f %8.2f %7.2f %8.2f %6.2f %4llu %8.2f %7.1f%% %7.0f%%\n", name,
                n ? us(g->write_waits[e->channel].ns) / (double)n : 0, mean_us(&g->writes[e->channel]),
                mean_us(&e->wait), mean_us(&e->copy), mean_us(&e->latency), e->depth,
                (unsigned long long)e->most_depth, each_us(g, &e->critical),
                part(e->critical.ns, g->total.ns),
                g->paths ? 100.0 * (double)e->critical.count / (double)g->paths : 0);
    }
    fprintf(f, "  slot: the writer's wait for one. latency: from the beginning of the WRITE to the end of "
               "the READ.\n"
               "  queue: messages on the edge, mean of the time, and the most at once.\n"
               "  critical: what would be gained at most if the edge were free.\n");
}

static void print_path(const struct tram__summary *s, const struct tram__graph_sum *g, FILE *f) {
    size_t count = 0;
    struct line *l = lines_of(g, &count);
    fprintf(f, "\n  critical path of %s, mean of %llu: %.2f us\n",
            s->only ? "the execution" : "executions about the median", (unsigned long long)g->paths,
            each_us(g, &g->total));
    for (size_t i = 0; l && i < count; i++)
        fprintf(f, "  %9.2f us %6.1f%%  %-12s %s\n", each_us(g, l[i].tally),
                part(l[i].tally->ns, g->total.ns), l[i].kind, i + 1 < count ? l[i].name : "");
    free(l);
}

/* Every step of the one execution that is asked for. */
static void print_steps(const struct tram__graph_sum *g, FILE *f) {
    enum { MOST = 4096 };
    struct tram__step *steps = malloc(MOST * sizeof *steps);
    struct tram__row r = tram__summary_row(g, 0);
    uint32_t n = steps ? tram__summary_path(g, &r, steps, MOST) : 0;
    fprintf(f, "\n  in the order of time\n");
    while (n--) {
        const struct tram__step *s = &steps[n];
        const struct tram__run_graph *graph = g->graph;
        fprintf(f, "  %9.2f us +%.2f  %s%s", us(s->begin - r.begin), us(s->end - s->begin),
                s->kind == TRAM__STEP_DRIVER    ? "driver"
                : s->kind == TRAM__STEP_UNKNOWN ? "unattributed"
                : s->kind == TRAM__STEP_BUSY    ? "its reader is busy"
                : s->kind == TRAM__STEP_WRITE   ? "WRITE "
                                                : "",
                s->kind == TRAM__STEP_TASK    ? graph->tasks[s->index].name
                : s->kind == TRAM__STEP_WRITE ? graph->channels[s->index].name
                : s->kind == TRAM__STEP_EDGE  ? graph->channels[g->edges[s->index].channel].name
                                              : "");
        if (s->kind == TRAM__STEP_EDGE)
            fprintf(f, " -> %s", name_of(g, g->edges[s->index].reader));
        fputc('\n', f);
    }
    free(steps);
}

const char *tram__summary_stage(enum tram__event_kind kind) {
    return kind < TRAM__EVENT_KINDS ? kind_names[kind] : NULL;
}

void tram__summary_process(const struct tram__summary *s, uint32_t actor, char *out, size_t size) {
    snprintf(out, size, actor ? "actor %u" : "driver", actor - 1);
    for (uint32_t p = 0; p < s->source->run.process_count; p++)
        if (s->source->run.processes[p].actor == actor && s->source->run.processes[p].name[0])
            snprintf(out, size, "%s", s->source->run.processes[p].name);
}

static void print_calls(const struct tram__summary *s, FILE *f) {
    fprintf(f, "\neager calls\n  %-20s %-10s %10s %12s %12s\n", "process", "what", "count", "mean us",
            "in all us");
    for (uint32_t i = 0; i < s->call_count; i++) {
        const struct tram__call_sum *c = &s->calls[i];
        char name[80];
        tram__summary_process(s, c->actor, name, sizeof name);
        if (kind_names[c->kind])
            fprintf(f, "  %-20s %-10s %10llu %12.3f %12.1f\n", name, kind_names[c->kind],
                    (unsigned long long)c->tally.count, mean_us(&c->tally), us(c->tally.ns));
    }
}

void tram__summary_table(const struct tram__summary *s, FILE *f) {
    if (s->source->note[0])
        fprintf(f, "%s\n", s->source->note);
    if (s->source->traced_ns > 0 && s->source->untraced_ns > 0)
        fprintf(f, "the program measured a p50 of %.2f us traced, %.2f us without\n",
                s->source->traced_ns / 1e3, s->source->untraced_ns / 1e3);
    for (uint32_t i = 0; i < s->graph_count; i++) {
        const struct tram__graph_sum *g = &s->graphs[i];
        if (!g->executions) {
            fprintf(f, "%sgraph %u: none of its executions was recorded\n", i ? "\n" : "", g->graph->id);
            continue;
        }
        fprintf(f, "%sgraph %u: %llu executions, %llu looked at, p50 %.2f us, mean %.2f us\n", i ? "\n" : "",
                g->graph->id, (unsigned long long)g->executions, (unsigned long long)g->looked_at,
                us(g->p50_ns), us(g->mean_ns));
        print_actors(g, f);
        print_edges(g, f);
        print_path(s, g, f);
        if (s->only && g->paths)
            print_steps(g, f);
        if (g->compute_union_ns)
            fprintf(f, "\n  overlap: methods ran %.1f us in all, in %.1f us of time: %.2f at once\n",
                    us(g->compute_sum_ns), us(g->compute_union_ns),
                    (double)g->compute_sum_ns / (double)g->compute_union_ns);
    }
    if (s->call_count)
        print_calls(s, f);
}

/* ---- Graphviz ---- */

static void quoted(FILE *f, const char *text) {
    fputc('"', f);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            fputc('\\', f);
        fputc(*text, f);
    }
    fputc('"', f);
}

void tram__summary_dot(const struct tram__summary *s, FILE *f) {
    char label[400];
    fprintf(
        f,
        "digraph critical {\n  rankdir=LR;\n  node [shape=box, fontname=sans];\n  edge [fontname=sans];\n");
    for (uint32_t i = 0; i < s->graph_count; i++) {
        const struct tram__graph_sum *g = &s->graphs[i];
        for (uint32_t p = 0; p < g->graph->participant_count; p++) {
            struct tram__tally own = p ? (struct tram__tally){0} : g->driver;
            for (uint32_t t = 0; t < g->graph->task_count; t++)
                if (g->graph->tasks[t].participant == p)
                    own.ns += g->tasks_critical[t].ns, own.count += g->tasks_critical[t].count;
            bool critical = 2 * own.count >= g->paths && own.ns;
            snprintf(label, sizeof label, "%.200s, %.2f us", name_of(g, p), each_us(g, &own));
            fprintf(f, "  g%u_p%u [label=", g->graph->id, p);
            quoted(f, label);
            fprintf(f, "%s];\n", critical ? ", color=red, penwidth=2" : "");
        }
        for (uint32_t k = 0; k < g->edge_count; k++) {
            const struct tram__edge_sum *e = &g->edges[k];
            bool critical = 2 * e->critical.count >= g->paths && e->critical.ns;
            snprintf(label, sizeof label, "%.200s, %.2f us, %.0f%%", g->graph->channels[e->channel].name,
                     mean_us(&e->latency), part(e->critical.ns, g->total.ns));
            fprintf(f, "  g%u_p%u -> g%u_p%u [label=", g->graph->id, g->graph->channels[e->channel].writer,
                    g->graph->id, e->reader);
            quoted(f, label);
            fprintf(f, "%s];\n", critical ? ", color=red, penwidth=3" : "");
        }
    }
    fprintf(f, "}\n");
}
