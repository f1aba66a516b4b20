/* SPDX-License-Identifier: Apache-2.0 */
#include "profilers/perfetto.h"

#include "profilers/encode.h"
#include "profilers/inflight.h"
#include "profilers/perfetto_thread.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TEXT_PIECE = 32768, TRAMLINE_SEQUENCE = 1 };

/* ---- which messages have a flow ---- */

static void see(struct tram__scope *s, const struct tram__event *e) {
    uint32_t count, first;
    bool read;
    switch (tram__event_kind(e)) {
    case TRAM__EVENT_WRITE:
    case TRAM__EVENT_SEND:
    case TRAM__EVENT_REPLY:
    case TRAM__EVENT_HAND:
        read = false;
        break;
    case TRAM__EVENT_READ_WAIT:
    case TRAM__EVENT_RUN:
    case TRAM__EVENT_DECODE:
        read = true;
        break;
    default:
        return;
    }
    s->w->flows.hands |= tram__event_kind(e) == TRAM__EVENT_HAND;
    first = tram__scope_edges(s, e, read, &count);
    for (uint32_t k = 0; k < count; k++)
        tram__flow_seen(&s->w->flows, first + k, tram__scope_number(e), read);
}

/* Results that may have been handed to a call: looked for only once some result was, to some call. */
static void see_handed(struct tram__scope *s, const struct tram__event *e) {
    uint64_t numbers;
    uint32_t edge = tram__scope_handed(s, e, &numbers);
    for (uint32_t k = 0; edge && k < TRAM__FLOW_HANDS; k++)
        tram__flow_seen(&s->w->flows, edge, numbers + k, true);
}

static bool each_event(struct tram__writer *w,
                       void (*take)(struct tram__scope *s, const struct tram__event *e)) {
    for (uint32_t i = 0; i < w->run->thread_count; i++) {
        struct tram__scope s;
        if (!tram__scope_open(&s, w, &w->run->threads[i]))
            return false;
        for (uint64_t k = 0; k < s.thread->count; k++)
            take(&s, &s.thread->events[k]);
        tram__scope_close(&s);
    }
    return true;
}

bool tram__flows_find(struct tram__writer *w) {
    if (!each_event(w, see) || (w->flows.hands && !each_event(w, see_handed)))
        return false;
    tram__flows_match(&w->flows);
    if (w->flows.left_out)
        tram__run_note((struct tram__run *)(uintptr_t)w->run,
                       "%llu messages have no arrow: there are too many",
                       (unsigned long long)w->flows.left_out);
    return true;
}

/* ---- who there is ---- */

static uint64_t declare_process(struct tram__writer *w, const struct tram__run_process *p) {
    unsigned char *at = tram__sink_room(w->sink, 1024), *packet, *track, *process;
    uint64_t id = tram__track_new(w);
    at = packet = tram__put_open(at, TRAM__PF_PACKET);
    at = tram__put_uint(at, TRAM__PF_SEQUENCE, TRAMLINE_SEQUENCE);
    at = track = tram__put_open(at, TRAM__PF_TRACK);
    at = tram__put_uint(at, TRAM__PF_UUID, id);
    at = tram__put_uint(at, TRAM__PF_ORDERING, TRAM__PF_EXPLICIT);
    at = process = tram__put_open(at, TRAM__PF_PROCESS);
    at = tram__put_uint(at, TRAM__PF_PROCESS_PID, (uint32_t)p->pid);
    at = tram__put_text(at, TRAM__PF_PROCESS_NAME, p->name);
    tram__put_close(process, at);
    tram__put_close(track, at);
    tram__put_close(packet, at);
    w->sink->next = at;
    return id;
}

static uint64_t declare_thread(struct tram__writer *w, const struct tram__run_thread *t, uint64_t parent) {
    unsigned char *at = tram__sink_room(w->sink, 1024), *packet, *track, *thread;
    uint64_t id = tram__track_new(w);
    at = packet = tram__put_open(at, TRAM__PF_PACKET);
    at = tram__put_uint(at, TRAM__PF_SEQUENCE, TRAMLINE_SEQUENCE);
    at = track = tram__put_open(at, TRAM__PF_TRACK);
    at = tram__put_uint(at, TRAM__PF_UUID, id);
    at = tram__put_uint(at, TRAM__PF_PARENT, parent);
    at = tram__put_uint(at, TRAM__PF_ORDERING, TRAM__PF_EXPLICIT);
    at = thread = tram__put_open(at, TRAM__PF_THREAD);
    at = tram__put_uint(at, TRAM__PF_THREAD_PID, (uint32_t)w->run->processes[t->process].pid);
    at = tram__put_uint(at, TRAM__PF_THREAD_TID, (uint32_t)t->tid);
    at = tram__put_text(at, TRAM__PF_THREAD_NAME, t->name);
    tram__put_close(thread, at);
    tram__put_close(track, at);
    tram__put_close(packet, at);
    w->sink->next = at;
    return id;
}

/* ---- about the run ---- */

static unsigned char *put_text_fact(unsigned char *p, const char *name, const char *text, size_t size) {
    unsigned char *annotation;
    p = annotation = tram__put_open(p, TRAM__PF_ANNOTATION);
    p = tram__put_text(p, TRAM__PF_ANNOTATION_TEXT, name);
    p = tram__put_bytes(p, TRAM__PF_STRING, text, size);
    tram__put_close(annotation, p);
    return p;
}

/* A moment on the track "tramline", open for its facts; ended by end_moment. */
struct moment {
    unsigned char *packet, *event, *at;
};
static struct moment begin_moment(struct tram__writer *w, uint64_t track, const char *name, size_t room) {
    struct moment m = {.at = tram__sink_room(w->sink, 1024 + room)};
    m.at = m.packet = tram__put_open(m.at, TRAM__PF_PACKET);
    /* A nanosecond apart, lest they be stacked. */
    m.at = tram__put_uint(m.at, TRAM__PF_TIMESTAMP, w->run->begin_ns + w->counts.instants);
    m.at = tram__put_uint(m.at, TRAM__PF_TIMESTAMP_CLOCK, TRAM__PF_MONOTONIC);
    m.at = tram__put_uint(m.at, TRAM__PF_SEQUENCE, TRAMLINE_SEQUENCE);
    m.at = m.event = tram__put_open(m.at, TRAM__PF_TRACK_EVENT);
    m.at = tram__put_uint(m.at, TRAM__PF_TYPE, TRAM__PF_INSTANT);
    m.at = tram__put_uint(m.at, TRAM__PF_TRACK_UUID, track);
    m.at = tram__put_text(m.at, TRAM__PF_NAME_TEXT, name);
    return m;
}
static void end_moment(struct tram__writer *w, struct moment *m) {
    tram__put_close(m->event, m->at);
    tram__put_close(m->packet, m->at);
    w->sink->next = m->at;
    w->counts.instants++;
}

/* What the run itself said. */
static void tell_about(struct tram__writer *w, uint64_t track) {
    char key[64];
    for (const char *line = w->run->about, *next; line && *line; line = next) {
        size_t n = strcspn(line, "\n"), k = strcspn(line, " \n"), v = k < n ? k + 1 : n;
        next = line + n + (line[n] == '\n');
        snprintf(key, sizeof key, "%.*s", (int)(k < sizeof key ? k : sizeof key - 1), line);
        struct moment m = begin_moment(w, track, "note", TEXT_PIECE);
        m.at = put_text_fact(m.at, key, line + v, n - v < TEXT_PIECE ? n - v : TEXT_PIECE);
        end_moment(w, &m);
    }
}

/* The driver's arguments, when it is this process that writes its trace. */
static size_t program(const struct tram__run *r, char *out, size_t size) {
    FILE *f = r->driver_pid == getpid() ? fopen("/proc/self/cmdline", "re") : NULL;
    char raw[2048];
    size_t n = f ? fread(raw, 1, sizeof raw, f) : 0;
    if (f)
        fclose(f);
    for (size_t i = 0; i + 1 < n; i++)
        if (!raw[i])
            raw[i] = ' ';
    tram__run_text(out, size, raw, n);
    return strlen(out);
}

static void tell_run(struct tram__writer *w, uint64_t track) {
    const struct tram__run *r = w->run;
    char line[2048];
    bool ticks = false;
    for (uint32_t i = 0; i < r->thread_count; i++)
        ticks |= r->threads[i].clock == TRAM__CLOCK_TSC;
    struct moment m = begin_moment(w, track, "run", 16384);
    const char *clock = ticks ? "time stamp counter, as CLOCK_MONOTONIC" : "CLOCK_MONOTONIC";
    m.at = put_text_fact(m.at, "clock", clock, strlen(clock));
    m.at = tram__put_fact(m.at, "error_ns", r->error_ns);
    m.at = tram__put_fact(m.at, "events", r->events);
    m.at = tram__put_fact(m.at, "dropped", r->dropped);
    m.at = tram__put_fact(m.at, "driver_pid", (uint32_t)r->driver_pid);
    m.at = tram__put_fact(m.at, "window_first", r->window_first);
    m.at = tram__put_fact(m.at, "window_count", r->window_count);
    size_t n = program(r, line, sizeof line);
    if (n)
        m.at = put_text_fact(m.at, "program", line, n);
    for (uint32_t i = 0; i < r->note_count && i < TRAM__RUN_NOTES; i++)
        m.at = put_text_fact(m.at, "note", r->notes[i], strlen(r->notes[i]));
    end_moment(w, &m);
    for (uint32_t i = 0; i < r->process_count; i++) {
        m = begin_moment(w, track, "process", 512);
        m.at = tram__put_fact(m.at, "pid", (uint32_t)r->processes[i].pid);
        m.at = tram__put_fact(m.at, "actor", r->processes[i].actor);
        end_moment(w, &m);
    }
}

/* The file of a graph, in pieces that follow one another. */
static void tell_graph(struct tram__writer *w, uint64_t track, const struct tram__run_graph *g) {
    size_t at = 0;
    do {
        size_t n = g->text_size - at < TEXT_PIECE ? g->text_size - at : TEXT_PIECE;
        while (n > 4 && at + n < g->text_size && ((unsigned char)g->text[at + n] & 0xC0) == 0x80)
            n--; /* between two characters */
        struct moment m = begin_moment(w, track, "graph", TEXT_PIECE);
        m.at = tram__put_fact(m.at, "graph", g->id);
        m.at = put_text_fact(m.at, "schedule", g->text + at, n);
        end_moment(w, &m);
        at += n;
    } while (at < g->text_size);
}

/* Times of the trace are those of CLOCK_MONOTONIC. */
static void tell_clock(struct tram__writer *w) {
    unsigned char *p = tram__sink_room(w->sink, 256), *packet, *snapshot, *clock;
    p = packet = tram__put_open(p, TRAM__PF_PACKET);
    p = tram__put_uint(p, TRAM__PF_SEQUENCE, TRAMLINE_SEQUENCE);
    p = tram__put_uint(p, TRAM__PF_SEQUENCE_FLAGS, TRAM__PF_CLEARED);
    p = snapshot = tram__put_open(p, TRAM__PF_CLOCK_SNAPSHOT);
    p = clock = tram__put_open(p, TRAM__PF_CLOCKS);
    p = tram__put_uint(p, TRAM__PF_CLOCK_ID, TRAM__PF_MONOTONIC);
    p = tram__put_uint(p, TRAM__PF_CLOCK_TIME, w->run->begin_ns);
    tram__put_close(clock, p);
    p = tram__put_uint(p, TRAM__PF_PRIMARY, TRAM__PF_MONOTONIC);
    tram__put_close(snapshot, p);
    tram__put_close(packet, p);
    w->sink->next = p;
}

static bool write_threads(struct tram__writer *w) {
    const struct tram__run *r = w->run;
    uint64_t *tracks = calloc(r->process_count + 1, sizeof *tracks);
    bool good = tracks != NULL;
    for (uint32_t i = 0; good && i < r->process_count; i++)
        tracks[i] = declare_process(w, &r->processes[i]);
    for (uint32_t i = 0; good && i < r->thread_count; i++) {
        const struct tram__run_thread *t = &r->threads[i];
        good = tram__perfetto_thread(w, t, tracks[t->process], declare_thread(w, t, tracks[t->process]));
    }
    for (uint32_t i = 0; good && i < r->process_count; i++)
        if (!r->processes[i].actor)
            good = tram__inflight_write(w, tracks[i]);
    if (good && w->gpu)
        good = tram__gpu_write(w, w->gpu, tracks);
    free(tracks);
    return good;
}

int tram__perfetto_write(const struct tram__run *r, struct tram__sink *sink, struct tram__counts *counts) {
    struct tram__writer w = {.run = r, .sink = sink, .next_sequence = TRAMLINE_SEQUENCE};
    w.salt = ((uint64_t)(uint32_t)r->driver_pid << 32 ^ r->begin_ns ^ (r->end_ns - r->begin_ns) << 20) *
                 UINT64_C(0x9E3779B97F4A7C15) >>
             1;
    w.many_graphs = r->graph_count > 1;
    if (!tram__flows_init(&w.flows, r->edge_count, w.salt))
        return -1;
    struct tram__gpu_set gpu;
    bool good = tram__gpu_open(&gpu, (struct tram__run *)(uintptr_t)r, w.salt) && tram__flows_find(&w);
    w.gpu = gpu.count ? &gpu : NULL;
    if (good) {
        tell_clock(&w);
        struct tram__track t = {.name = "tramline", .description = "about this trace"};
        uint64_t track = tram__track_declare(&w, &t);
        tell_run(&w, track);
        tell_about(&w, track);
        for (uint32_t i = 0; i < r->graph_count; i++)
            tell_graph(&w, track, r->graphs[i]);
        good = write_threads(&w);
    }
    tram__flows_free(&w.flows);
    tram__gpu_close(&gpu);
    if (counts)
        *counts = w.counts;
    return good ? 0 : -1;
}
