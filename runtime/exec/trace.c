/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/trace.h"

#include "base/error.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void tram__trace_enter_ring(struct tram__tracer *t, uint64_t n) {
    struct tram__ring *r = t->mute ? NULL : tram__probe, *before = t->ring;
    if (r)
        r->quiet = !tram__probe_wants(r, n);
    t->ring = r && !r->quiet ? r : NULL;
    if (t->ring && t->ring != before) {
        t->mark = tram__probe_now(r);
        memset(t->told, 0xFF, t->writer_count * sizeof *t->told);
    }
    t->on = (t->ring != NULL) | (t->sink != NULL);
}

void tram__trace_begin_ring(struct tram__tracer *t, uint64_t n) {
    tram__trace_enter_ring(t, n);
    if (t->ring)
        t->mark = tram__probe_now(t->ring);
}

void tram__trace_wait_until(struct tram__tracer *t, enum tram__event_kind kind, uint32_t name, uint64_t n,
                            uint64_t now) {
    uint64_t least = TRAM__TRACE_SHORT_NS;
    if (t->ring->clock == TRAM__CLOCK_TSC)
        least = least * tram__ticks_per_us() / 1000;
    if (now - t->mark < least)
        return;
    tram__probe_slice(t->ring, kind, name, t->graph, n, t->mark, now);
    t->mark = now;
}

void tram__trace_wait(struct tram__tracer *t, enum tram__event_kind kind, uint32_t name, uint64_t n) {
    if (t->ring)
        tram__trace_wait_until(t, kind, name, n, tram__probe_now(t->ring));
}

void tram__trace_bytes(struct tram__tracer *t, uint32_t writer, uint32_t name, uint64_t bytes) {
    t->told[writer] = bytes;
    tram__probe_slice(t->ring, TRAM__EVENT_BYTES, name, t->graph, bytes, t->mark, t->mark);
}

void tram__trace_sleep(bool awake) {
    static _Thread_local uint64_t begin;
    struct tram__ring *r = tram__probe;
    if (!r || r->quiet)
        return;
    uint64_t now = tram__probe_now(r);
    if (awake && begin)
        tram__probe_slice(r, TRAM__EVENT_SLEEP, 0, 0, 0, begin, now);
    begin = awake ? 0 : now;
}

/* ---- ranges ---- */

static void *range_name(const struct tram__tracer *t, const char *what, const struct tram__participant *p,
                        uint32_t channel) {
    char text[240];
    const Tram__Wire__Channel *c = tram__participant_channel(p, channel);
    if (c && *c->name)
        snprintf(text, sizeof text, "%s %s", what, c->name);
    else
        snprintf(text, sizeof text, "%s c%u", what, channel);
    return t->sink->name(text);
}

static int name_all(struct tram__tracer *t, const struct tram__participant *p, const char *actor) {
    char text[240];
    t->reads = calloc(p->reader_count + 1, sizeof *t->reads);
    t->writes = calloc(p->writer_count + 1, sizeof *t->writes);
    t->tasks = calloc(p->plan->n_tasks + 1, sizeof *t->tasks);
    if (!t->reads || !t->writes || !t->tasks)
        return tram__fail(TRAM_ERR_NO_MEMORY, "the names of ranges");
    for (uint32_t i = 0; i < p->reader_count; i++)
        t->reads[i] = range_name(t, "READ", p, p->readers[i].id);
    for (uint32_t i = 0; i < p->writer_count; i++)
        t->writes[i] = range_name(t, "WRITE", p, p->writers[i].id);
    for (size_t i = 0; i < p->plan->n_tasks; i++) {
        snprintf(text, sizeof text, "COMPUTE %s.%s", actor, p->plan->tasks[i]->method);
        t->tasks[i] = t->sink->name(text);
    }
    return TRAM_OK;
}

int tram__trace_open(struct tram__tracer *t, const struct tram__participant *p, const char *actor) {
    t->writer_count = p->writer_count;
    t->told = malloc((t->writer_count + 1) * sizeof *t->told);
    if (!t->told)
        return tram__fail(TRAM_ERR_NO_MEMORY, "what is traced of %u channels", t->writer_count);
    t->sink = tram__probe_sink;
    t->on = t->sink != NULL;
    return t->sink ? name_all(t, p, actor) : TRAM_OK;
}

void tram__trace_close(struct tram__tracer *t) {
    free(t->reads);
    free(t->writes);
    free(t->tasks);
    free(t->told);
    t->reads = t->writes = t->tasks = NULL;
    t->told = NULL;
    t->sink = NULL;
    t->on = false;
}

/* ---- the graph ---- */

/* A name is one line. */
static const char *one_line(const char *name, char *out, size_t size) {
    snprintf(out, size, "%s", name);
    for (char *p = out; *p; p++)
        if ((unsigned char)*p < ' ')
            *p = ' ';
    return out;
}

/* A line each, a name being the rest of its line; then the schedule as people read it:
 *   participant ID ACTOR NAME           ACTOR: 1 + its number, 0 for the driver
 *   channel ID KIND WRITER BYTES NAME   KIND: enum tram__channel_kind
 *   reader CHANNEL PARTICIPANT
 *   task NODE PARTICIPANT NAME */
static void write_graph(const struct tram__schedule *s, uint64_t graph, FILE *f) {
    char name[200], line[200];
    fprintf(f, "tramline graph %u\ngraph %llu\n", TRAM__RING_VERSION, (unsigned long long)graph);
    for (uint32_t p = 0; p < s->participant_count; p++) {
        const struct tram__participant_plan *part = &s->participants[p];
        uint32_t actor = p ? 1 + s->graph->nodes[part->tasks[0].node].actor_index : 0;
        fprintf(f, "participant %u %u %s\n", p, actor, one_line(part->name, line, sizeof line));
    }
    for (uint32_t c = 0; c < s->channel_count; c++) {
        const struct tram__channel_plan *plan = &s->channels[c];
        tram__schedule_channel_name(s, c, name, sizeof name);
        fprintf(f, "channel %u %d %u %llu %s\n", c, (int)plan->kind, plan->writer,
                (unsigned long long)(plan->capacity + plan->device_bytes), one_line(name, line, sizeof line));
        for (uint32_t i = 0; i < plan->reader_count; i++)
            fprintf(f, "reader %u %u\n", c, plan->readers[i]);
    }
    for (uint32_t p = 1; p < s->participant_count; p++) {
        for (uint32_t i = 0; i < s->participants[p].task_count; i++) {
            uint32_t node = s->participants[p].tasks[i].node;
            tram__graph_name(s->graph, node, name, sizeof name);
            fprintf(f, "task %u %u %s\n", node, p, one_line(name, line, sizeof line));
        }
    }
    fprintf(f, "schedule\n");
    tram__schedule_print(s, f);
}

int tram__trace_graph(const struct tram__schedule *s, uint64_t graph) {
    char path[4200];
    if (!tram__probe_folder())
        return TRAM_OK;
    snprintf(path, sizeof path, "%s/graph-%llu", tram__probe_folder(), (unsigned long long)graph);
    FILE *f = fopen(path, "we");
    if (f)
        write_graph(s, graph, f);
    int error = !f || ferror(f) ? errno : 0;
    if (f && fclose(f) && !error)
        error = errno;
    return error ? tram__fail(TRAM_ERR_SYSTEM, "%s: %s", path, strerror(error)) : TRAM_OK;
}
