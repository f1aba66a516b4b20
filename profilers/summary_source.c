/* SPDX-License-Identifier: Apache-2.0 */
#include "profilers/names.h"
#include "profilers/summary.h"
#include "profilers/trace_read.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static bool is_wait(enum tram__event_kind kind) {
    return kind == TRAM__EVENT_READ_WAIT || kind == TRAM__EVENT_WRITE_WAIT || kind == TRAM__EVENT_AWAIT ||
           kind == TRAM__EVENT_ANY || kind == TRAM__EVENT_TIMED_OUT;
}

/* ---- a folder ---- */

static void tell_thread(const struct tram__run *r, const struct tram__run_thread *t, tram__told_fn *fn,
                        void *arg) {
    uint64_t slept = 0, write_end = 0, write_begin = 0;
    for (uint64_t i = 0; i < t->count; i++) {
        const struct tram__event *e = &t->events[i];
        struct tram__told told = {.kind = tram__event_kind(e),
                                  .actor = r->processes[t->process].actor,
                                  .graph = e->group,
                                  .name = e->name,
                                  .number = e->number};
        if (told.kind >= TRAM__EVENT_KINDS || told.kind == TRAM__EVENT_BYTES)
            continue;
        tram__run_span(r, t, e, &told.begin, &told.end);
        if (told.kind == TRAM__EVENT_SLEEP) {
            slept += told.end - told.begin;
            continue;
        }
        if (told.kind == TRAM__EVENT_WRITE) { /* as one of several results: from when the first began */
            told.begin = e->time == write_end ? write_begin : told.begin;
            write_begin = told.begin;
            write_end = e->time + tram__event_length(e);
        } else
            write_end = 0;
        if (is_wait(told.kind))
            told.slept = slept < told.end - told.begin ? slept : told.end - told.begin;
        slept = 0;
        fn(arg, &told);
    }
}

/* ---- a trace ---- */

struct text {
    char *data;
    size_t size;
};
struct reading {
    struct tram__source *source;
    tram__told_fn *fn;
    void *arg;
    /* Of the facts: the graph whose text comes, the process that is told. */
    uint64_t graph, pid, actor;
    uint32_t *graph_ids;
    struct text *texts;
    uint32_t text_count;
    uint32_t runs;
    bool first, no_memory;
};

static void add_text(struct reading *r, const char *text, size_t size) {
    uint32_t i = 0;
    for (; i < r->text_count && r->graph_ids[i] != r->graph; i++)
        ;
    if (i == r->text_count) {
        uint32_t *ids = realloc(r->graph_ids, (i + 1) * sizeof *ids);
        r->graph_ids = ids ? ids : r->graph_ids;
        struct text *texts = realloc(r->texts, (i + 1) * sizeof *texts);
        r->texts = texts ? texts : r->texts;
        r->no_memory |= !ids || !texts;
        if (r->no_memory)
            return;
        ids[i] = (uint32_t)r->graph;
        texts[i] = (struct text){0};
        r->text_count++;
    }
    char *data = realloc(r->texts[i].data, r->texts[i].size + size + 1);
    r->no_memory |= !data;
    if (!data)
        return;
    memcpy(data + r->texts[i].size, text, size);
    r->texts[i].data = data;
    r->texts[i].size += size;
}

/* What the program itself has to say about the run. */
static void take_note(struct tram__source *s, const char *key, const char *text) {
    if (strcmp(key, "p50_traced_ns") == 0)
        s->traced_ns = strtod(text, NULL);
    else if (strcmp(key, "p50_untraced_ns") == 0)
        s->untraced_ns = strtod(text, NULL);
}

static void take_notes(struct tram__source *s) {
    char key[64], text[64];
    for (const char *line = s->run.about; line && *line; line += strcspn(line, "\n"), line += *line == '\n')
        if (sscanf(line, "%63s %63s", key, text) == 2)
            take_note(s, key, text);
}

static void take_fact(void *arg, const char *name, const char *text, size_t size, uint64_t value) {
    struct reading *r = arg;
    char note[64];
    if (strcmp(name, "graph") == 0)
        r->graph = value;
    else if (strcmp(name, "schedule") == 0 && text && r->first)
        add_text(r, text, size);
    else if (strcmp(name, "pid") == 0)
        r->pid = value;
    else if (strcmp(name, "actor") == 0)
        r->actor = value;
    else if (strcmp(name, "error_ns") == 0)
        r->runs++;
    else if (strcmp(name, "dropped") == 0)
        r->source->run.dropped = value;
    else if (text && size && size < sizeof note) {
        snprintf(note, sizeof note, "%.*s", (int)size, text);
        take_note(r->source, name, note);
    }
}

static void add_process(struct reading *r) {
    struct tram__run *run = &r->source->run;
    struct tram__run_process *p = realloc(run->processes, (run->process_count + 1) * sizeof *p);
    r->no_memory |= !p;
    if (!p)
        return;
    run->processes = p;
    p[run->process_count++] = (struct tram__run_process){.pid = (int32_t)r->pid, .actor = (uint32_t)r->actor};
}

/* What kind of event has this name, and of which channel. */
static enum tram__event_kind kind_of(const char *name, unsigned category, unsigned *channel) {
    for (unsigned k = 1; k < TRAM__EVENT_KINDS; k++) {
        const struct tram__kind *kind = tram__kind(k);
        size_t n = strlen(kind->prefix);
        if (kind->category != category || !n || strncmp(name, kind->prefix, n) != 0)
            continue;
        if (!kind->graph || k == TRAM__EVENT_EXECUTION || sscanf(name + n, "c%u", channel) == 1)
            return (enum tram__event_kind)k;
    }
    return category == TRAM__CATEGORY_COMPUTE ? TRAM__EVENT_COMPUTE : TRAM__EVENT_NONE;
}

static bool find_task(const struct tram__run_graph *g, const char *name, uint32_t *node) {
    for (uint32_t i = 0; g && i < g->task_count; i++)
        if (strcmp(g->tasks[i].name, name) == 0) {
            *node = g->tasks[i].node;
            return true;
        }
    return false;
}

static void take_event(void *arg, const struct tram__trace_event *e) {
    struct reading *r = arg;
    struct tram__run *run = &r->source->run;
    if (!e->slice) {
        if (r->first && strcmp(e->name, "process") == 0)
            add_process(r);
        return;
    }
    struct tram__told t = {
        .number = e->number, .begin = e->begin, .end = e->end, .graph = (uint32_t)e->graph};
    t.kind = kind_of(e->name, e->category, &t.name);
    if (t.kind == TRAM__EVENT_SLEEP)
        *e->scratch += e->end - e->begin;
    if (!r->fn || t.kind == TRAM__EVENT_NONE || t.kind == TRAM__EVENT_SLEEP)
        return;
    if (!t.graph && tram__kind(t.kind)->graph && run->graph_count == 1)
        t.graph = run->graphs[0]->id;
    if (t.kind == TRAM__EVENT_COMPUTE && e->node)
        t.name = e->node - 1;
    else if (t.kind == TRAM__EVENT_COMPUTE &&
             !find_task(tram__run_graph_find(run, t.graph), e->name, &t.name))
        return;
    for (uint32_t i = 0; i < run->process_count; i++)
        if (run->processes[i].pid == e->track->pid) {
            t.actor = run->processes[i].actor;
            if (!run->processes[i].name[0] && e->track->process)
                snprintf(run->processes[i].name, sizeof run->processes[i].name, "%s", e->track->process);
        }
    if (is_wait(t.kind))
        t.slept = *e->scratch < t.end - t.begin ? *e->scratch : t.end - t.begin;
    *e->scratch = 0;
    r->fn(r->arg, &t);
}

static int read_trace(struct tram__source *s, struct reading *r, char *why, size_t why_size) {
    static struct tram__trace_report report;
    const struct tram__trace_handler h = {.arg = r, .event = take_event, .fact = take_fact};
    if (tram__trace_read(s->path, &h, &report, why, why_size))
        return -1;
    if (report.errors)
        snprintf(why, why_size, "%s: %.300s", s->path, report.lines[0]);
    else if (r->runs != 1)
        snprintf(why, why_size, "%s: %s", s->path,
                 r->runs ? "more than one run: summarise each by itself" : "no trace of Tramline's");
    return report.errors || r->runs != 1 ? -1 : 0;
}

static bool add_graphs(struct tram__run *run, struct reading *r) {
    char why[128];
    bool cut;
    for (uint32_t i = 0; i < r->text_count && !r->no_memory; i++) {
        struct tram__run_graph *g =
            tram__run_graph_parse(r->texts[i].data, r->texts[i].size, &cut, why, sizeof why);
        if (g && !tram__run_insert_graph(run, g))
            r->no_memory = true;
    }
    return !r->no_memory;
}

/* Its processes and graphs. */
static int open_trace(struct tram__source *s, char *why, size_t why_size) {
    struct reading r = {.source = s, .first = true};
    int status = read_trace(s, &r, why, why_size);
    if (!status && !add_graphs(&s->run, &r)) {
        snprintf(why, why_size, "%s: out of memory", s->path);
        status = -1;
    }
    tram__run_number_edges(&s->run);
    for (uint32_t i = 0; i < r.text_count; i++)
        free(r.texts[i].data);
    free(r.texts);
    free(r.graph_ids);
    return status;
}

/* ---- either ---- */

int tram__source_open(struct tram__source *s, const char *path, char *why, size_t why_size) {
    struct stat st;
    memset(s, 0, sizeof *s);
    snprintf(s->path, sizeof s->path, "%s", path);
    if (stat(path, &st)) {
        snprintf(why, why_size, "%s: %s", path, strerror(errno));
        return -1;
    }
    s->trace = !S_ISDIR(st.st_mode);
    int status = s->trace ? open_trace(s, why, why_size) : tram__run_open(&s->run, path, why, why_size);
    if (status && s->trace)
        tram__run_close(&s->run);
    if (!status)
        take_notes(s);
    if (!status && s->run.dropped)
        snprintf(s->note, sizeof s->note, "%llu events found no room and are missing",
                 (unsigned long long)s->run.dropped);
    return status;
}

int tram__source_tell(struct tram__source *s, tram__told_fn *fn, void *arg, char *why, size_t why_size) {
    struct reading r = {.source = s, .fn = fn, .arg = arg};
    if (s->trace)
        return read_trace(s, &r, why, why_size);
    for (uint32_t i = 0; i < s->run.thread_count; i++)
        tell_thread(&s->run, &s->run.threads[i], fn, arg);
    return 0;
}

void tram__source_close(struct tram__source *s) {
    tram__run_close(&s->run);
}
