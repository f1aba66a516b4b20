/* SPDX-License-Identifier: Apache-2.0 */
#include "profilers/json.h"

#include "profilers/inflight.h"
#include "profilers/perfetto.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { LINE = 4096, SLOT_TIDS = 1 << 24, GPU_TIDS = 1 << 26, FIRST_NAMES = 64 };

/* One ring on its way out. Names are quoted once each: there are few. */
struct names {
    uint64_t *keys;
    char **texts;
    uint32_t count, size;
};
struct json {
    struct tram__writer w;
    struct tram__scope scope;
    struct names names;
    bool first;
};

static char *quote(const char *text) {
    json_t *s = json_string(text);
    char *out = s ? json_dumps(s, JSON_ENCODE_ANY) : NULL;
    json_decref(s);
    return out;
}

static void put(struct json *j, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void put(struct json *j, const char *format, ...) {
    char *to = (char *)tram__sink_room(j->w.sink, LINE);
    size_t used = (size_t)snprintf(to, LINE, "%s", j->first ? "\n" : ",\n");
    va_list args;
    va_start(args, format);
    int n = vsnprintf(to + used, LINE - used, format, args);
    va_end(args);
    if (n > 0 && (size_t)n < LINE - used) {
        j->w.sink->next += used + (size_t)n;
        j->first = false;
    }
}

static bool widen(struct names *n) {
    uint32_t size = n->size ? 2 * n->size : FIRST_NAMES;
    uint64_t *keys = calloc(size, sizeof *keys);
    char **texts = calloc(size, sizeof *texts);
    if (!keys || !texts) {
        free(keys);
        free(texts);
        return false;
    }
    for (uint32_t i = 0; i < n->size; i++) {
        uint32_t at = (uint32_t)(n->keys[i] * UINT64_C(0x9E3779B97F4A7C15) >> 32) & (size - 1);
        while (n->texts[i] && texts[at])
            at = (at + 1) & (size - 1);
        if (n->texts[i])
            keys[at] = n->keys[i], texts[at] = n->texts[i];
    }
    free(n->keys);
    free(n->texts);
    *n = (struct names){keys, texts, n->count, size};
    return true;
}

/* The name of an event, quoted. */
static const char *name_of(struct json *j, const struct tram__event *e) {
    struct names *n = &j->names;
    char text[TRAM__EVENT_TEXT];
    uint64_t key = tram__event_key(e);
    if ((n->count >= 1 << 20 || n->count * 2 >= n->size) && (n->count >= 1 << 20 || !widen(n)))
        return "\"\"";
    uint32_t at = (uint32_t)(key * UINT64_C(0x9E3779B97F4A7C15) >> 32) & (n->size - 1);
    while (n->texts[at] && n->keys[at] != key)
        at = (at + 1) & (n->size - 1);
    if (!n->texts[at]) {
        struct tram__view *v =
            tram__kind(tram__event_kind(e))->graph ? tram__scope_view(&j->scope, e->group) : NULL;
        tram__event_text(j->scope.process, v ? v->graph : NULL, e, text, sizeof text);
        n->keys[at] = key;
        n->texts[at] = quote(text);
        n->count += n->texts[at] != NULL;
    }
    return n->texts[at] ? n->texts[at] : "\"\"";
}

static void forget_names(struct names *n) {
    for (uint32_t i = 0; i < n->size; i++)
        free(n->texts[i]);
    free(n->keys);
    free(n->texts);
    memset(n, 0, sizeof *n);
}

static void put_flow(struct json *j, uint64_t id, bool ends, int pid, unsigned tid, uint64_t ns) {
    put(j,
        "{\"ph\":\"%s\",\"id\":\"0x%llx\",\"name\":\"message\",\"cat\":\"message\",\"pid\":%d,"
        "\"tid\":%u,\"ts\":%llu.%03u%s}",
        ends ? "f" : "s", (unsigned long long)id, pid, tid, (unsigned long long)(ns / 1000),
        (unsigned)(ns % 1000), ends ? ",\"bp\":\"e\"" : "");
    j->w.counts.flows += !ends;
}

static void put_flows(struct json *j, const struct tram__event *e, bool read, uint64_t ns, unsigned tid) {
    uint32_t count, first = tram__scope_edges(&j->scope, e, read, &count);
    for (uint32_t k = 0; k < count; k++) {
        uint64_t id = tram__flow_take(&j->w.flows, first + k, tram__scope_number(e), read);
        if (id)
            put_flow(j, id, read, (int)j->scope.process->pid, tid, ns);
    }
    uint64_t numbers;
    uint32_t handed = read ? tram__scope_handed(&j->scope, e, &numbers) : 0;
    for (uint32_t k = 0; handed && k < TRAM__FLOW_HANDS; k++) {
        uint64_t id = tram__flow_take(&j->w.flows, handed, numbers + k, true);
        if (id)
            put_flow(j, id, true, (int)j->scope.process->pid, tid, ns);
    }
}

/* From a task to what it had a GPU do. */
static void put_work(struct json *j, const struct tram__event *e, uint64_t ns, unsigned tid) {
    uint64_t flows[256];
    uint32_t count = tram__gpu_flows(j->w.gpu, tram__gpu_task(e->group, e->number, e->name), flows,
                                     sizeof flows / sizeof *flows);
    for (uint32_t i = 0; i < count; i++)
        put_flow(j, flows[i], false, (int)j->scope.process->pid, tid, ns);
}

/* name: quoted. */
static void put_sample(struct json *j, const char *name, int pid, uint64_t ns, uint64_t value) {
    put(j, "{\"ph\":\"C\",\"name\":%s,\"pid\":%d,\"ts\":%llu.%03u,\"args\":{\"value\":%llu}}", name, pid,
        (unsigned long long)(ns / 1000), (unsigned)(ns % 1000), (unsigned long long)value);
    j->w.counts.samples++;
}

static void put_event(struct json *j, const struct tram__event *e, bool died) {
    const struct tram__kind *k = tram__kind(tram__event_kind(e));
    uint64_t begin, end;
    unsigned tid = (unsigned)j->scope.thread->tid;
    tram__run_span(j->w.run, j->scope.thread, e, &begin, &end);
    if (died)
        end = j->w.run->end_ns > begin ? j->w.run->end_ns : begin;
    uint64_t length = end - begin;
    if (k->place == TRAM__PLACE_NONE || k->place == TRAM__PLACE_BYTES) {
        j->w.counts.unknown += k->place == TRAM__PLACE_NONE;
        return;
    }
    if (k->place == TRAM__PLACE_COUNTER) {
        put_sample(j, name_of(j, e), (int)j->scope.process->pid, begin, e->number);
        return;
    }
    if (k->place == TRAM__PLACE_SLOT)
        tid = SLOT_TIDS + e->name % SLOT_TIDS;
    put(j,
        "{\"ph\":\"X\",\"name\":%s,\"cat\":\"%s\",\"pid\":%d,\"tid\":%u,\"ts\":%llu.%03u,\"dur\":%llu.%03u,"
        "\"args\":{\"%s\":%llu,\"group\":%u%s}}",
        name_of(j, e), tram__category_text(k->category), (int)j->scope.process->pid, tid,
        (unsigned long long)(begin / 1000), (unsigned)(begin % 1000), (unsigned long long)(length / 1000),
        (unsigned)(length % 1000), k->graph ? "execution" : "call", (unsigned long long)e->number, e->group,
        died ? ",\"died here\":true" : "");
    j->w.counts.slices++;
    put_flows(j, e, false, begin, tid);
    put_flows(j, e, true, end, tid);
    if (j->w.gpu && tram__event_kind(e) == TRAM__EVENT_COMPUTE)
        put_work(j, e, begin, tid);
}

static bool put_thread(struct json *j, const struct tram__run_thread *t) {
    if (!tram__scope_open(&j->scope, &j->w, t))
        return false;
    char *process = quote(j->scope.process->name), *thread = quote(t->name);
    if (process && thread) {
        put(j, "{\"ph\":\"M\",\"name\":\"process_name\",\"pid\":%d,\"args\":{\"name\":%s}}",
            (int)j->scope.process->pid, process);
        put(j, "{\"ph\":\"M\",\"name\":\"thread_name\",\"pid\":%d,\"tid\":%d,\"args\":{\"name\":%s}}",
            (int)j->scope.process->pid, (int)t->tid, thread);
    }
    for (uint64_t i = 0; i < t->count; i++)
        put_event(j, &t->events[i], false);
    if (tram__event_kind(&t->open) != TRAM__EVENT_NONE)
        put_event(j, &t->open, true);
    bool good = process && thread;
    free(process);
    free(thread);
    forget_names(&j->names);
    tram__scope_close(&j->scope);
    return good;
}

/* ---- what is in flight ---- */

struct inflight {
    struct json *j;
    char **names; /* by edge, quoted */
};

static void put_inflight(void *arg, uint32_t edge, uint64_t ns, uint64_t bytes) {
    struct inflight *i = arg;
    if (i->names[edge])
        put_sample(i->j, i->names[edge], i->j->w.run->driver_pid, ns, bytes);
}

static bool put_edges(struct json *j) {
    const struct tram__run *r = j->w.run;
    struct inflight i = {j, calloc(r->edge_count + 1, sizeof(char *))};
    char name[300];
    uint32_t graph;
    bool good = i.names != NULL;
    for (uint32_t e = 0; good && e < r->edge_count; e++) {
        if (!tram__inflight_name(r, e, name, sizeof name - 16, &graph))
            continue;
        if (r->graph_count > 1)
            snprintf(name + strlen(name), 16, ", %u", graph);
        i.names[e] = quote(name);
    }
    good = good && tram__inflight_tell(&j->w, put_inflight, &i);
    for (uint32_t e = 0; i.names && e < r->edge_count; e++)
        free(i.names[e]);
    free(i.names);
    return good;
}

/* ---- what GPUs did ---- */

struct gpu {
    struct json *j;
    struct tram__gpu_set *set;
    uint32_t source, lanes; /* source: 1 + the one that is being told; lanes: of all */
    uint32_t first;         /* lane of its group */
    char **names;           /* of the source, quoted */
    uint64_t name_count;
};

static void forget_gpu_names(struct gpu *g) {
    for (uint64_t i = 0; i < g->name_count; i++)
        free(g->names[i]);
    free(g->names);
    g->names = NULL;
    g->name_count = 0;
}

static void begin_source(struct gpu *g, uint32_t source) {
    char text[TRAM__GPU_NAME];
    uint64_t at = 0;
    forget_gpu_names(g);
    g->source = 1 + source;
    while (tram__gpu_next_name(&g->set->sources[source], &at, text, sizeof text)) {
        char **names = realloc(g->names, (g->name_count + 1) * sizeof *names);
        g->j->w.no_memory |= !names;
        if (!names)
            return;
        g->names = names;
        names[g->name_count++] = quote(text);
    }
}

static void put_gpu(void *arg, const struct tram__gpu_slice *s) {
    struct gpu *g = arg;
    const struct tram__gpu_record *r = s->record;
    int pid = g->set->sources[s->source].pid;
    char kind[80];
    if (g->source != 1 + s->source)
        begin_source(g, s->source);
    if (s->new_lane) {
        char name[180];
        if (!s->lane)
            g->first = g->lanes;
        g->lanes++;
        snprintf(name, sizeof name, "%s, %s", s->outer, s->inner);
        char *quoted = quote(name);
        put(g->j, "{\"ph\":\"M\",\"name\":\"thread_name\",\"pid\":%d,\"tid\":%u,\"args\":{\"name\":%s}}", pid,
            GPU_TIDS + g->first + s->lane, quoted ? quoted : "\"\"");
        free(quoted);
    }
    const char *way = tram__gpu_text(s->kind, r->detail);
    snprintf(kind, sizeof kind, "\"%s\"", way ? way : tram__gpu_text(s->kind, 0));
    const char *name = r->name && r->name <= g->name_count ? g->names[r->name - 1] : kind;
    uint64_t length = s->end - s->begin;
    put(g->j,
        "{\"ph\":\"X\",\"name\":%s,\"cat\":\"%s\",\"pid\":%d,\"tid\":%u,\"ts\":%llu.%03u,\"dur\":%llu.%03u,"
        "\"args\":{\"bytes\":%llu}}",
        name ? name : kind, tram__category_text(s->category), pid, GPU_TIDS + g->first + s->lane,
        (unsigned long long)(s->begin / 1000), (unsigned)(s->begin % 1000),
        (unsigned long long)(length / 1000), (unsigned)(length % 1000), (unsigned long long)r->bytes);
    if (s->flow)
        put_flow(g->j, s->flow, true, pid, GPU_TIDS + g->first + s->lane, s->begin);
}

static bool put_gpus(struct json *j, struct tram__gpu_set *set) {
    struct gpu g = {.j = j, .set = set};
    bool good = tram__gpu_tell(&j->w, set, put_gpu, &g);
    forget_gpu_names(&g);
    return good && !j->w.no_memory;
}

int tram__json_write(const struct tram__run *r, struct tram__sink *sink, struct tram__counts *counts) {
    struct json j = {.w = {.run = r, .sink = sink}, .first = true};
    if (!tram__flows_init(&j.w.flows, r->edge_count, 0))
        return -1;
    struct tram__gpu_set gpu;
    bool good = tram__gpu_open(&gpu, (struct tram__run *)(uintptr_t)r, 0) && tram__flows_find(&j.w);
    j.w.gpu = gpu.count ? &gpu : NULL;
    unsigned char *p = tram__sink_room(sink, LINE);
    sink->next += (size_t)snprintf(
        (char *)p, LINE,
        "{\"displayTimeUnit\":\"ns\",\"otherData\":{\"clock\":\"CLOCK_MONOTONIC\",\"error_ns\":%llu,"
        "\"dropped\":%llu},\"traceEvents\":[",
        (unsigned long long)r->error_ns, (unsigned long long)r->dropped);
    for (uint32_t i = 0; good && i < r->thread_count; i++)
        good = put_thread(&j, &r->threads[i]);
    good = good && put_edges(&j) && put_gpus(&j, &gpu);
    p = tram__sink_room(sink, LINE);
    sink->next += (size_t)snprintf((char *)p, LINE, "\n]}\n");
    tram__flows_free(&j.w.flows);
    tram__gpu_close(&gpu);
    if (counts)
        *counts = j.w.counts;
    return good ? 0 : -1;
}
