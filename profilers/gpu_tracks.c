/* SPDX-License-Identifier: Apache-2.0 */
#include "profilers/gpu_tracks.h"

#include "profilers/encode.h"
#include "profilers/lane.h"

#include <string.h>

enum { FILE_NAMES = 256 };

/* The number of a record's name in its sequence: of the file, or of the kind. */
static uint64_t name_of(const struct tram__gpu_record *r, uint32_t kind, uint64_t file_names) {
    uint32_t way = kind == TRAM__GPU_COPY && r->detail < TRAM__GPU_WAYS ? r->detail : 0;
    return r->name && r->name <= file_names ? FILE_NAMES + r->name : kind * TRAM__GPU_WAYS + way;
}

static unsigned char *put_entry(unsigned char *p, unsigned field, uint64_t iid, const char *text,
                                size_t size) {
    unsigned char *entry;
    p = entry = tram__put_open(p, field);
    p = tram__put_uint(p, TRAM__PF_IID, iid);
    p = tram__put_bytes(p, TRAM__PF_TEXT, text, size);
    tram__put_close(entry, p);
    return p;
}

static void tell_string(struct tram__writer *w, uint32_t sequence, bool first, unsigned field, uint64_t iid,
                        const char *text, size_t size) {
    unsigned char *p = tram__sink_room(w->sink, 512 + size), *packet, *inner;
    p = packet = tram__put_open(p, TRAM__PF_PACKET);
    p = tram__put_uint(p, TRAM__PF_SEQUENCE, sequence);
    p = tram__put_uint(p, TRAM__PF_SEQUENCE_FLAGS, first ? TRAM__PF_CLEARED : TRAM__PF_NEEDS);
    if (first)
        p = tram__put_uint(p, TRAM__PF_FIRST, 1);
    p = inner = tram__put_open(p, TRAM__PF_INTERNED);
    p = put_entry(p, field, iid, text, size);
    tram__put_close(inner, p);
    tram__put_close(packet, p);
    w->sink->next = p;
}

/* All strings that the records of a file may need. How many names of its own the file has. */
static uint64_t tell_strings(struct tram__writer *w, const struct tram__gpu_source *src, uint32_t sequence) {
    char text[TRAM__GPU_NAME];
    uint64_t count = 0, at = 0;
    for (uint32_t i = 1; i < TRAM__CATEGORIES; i++)
        tell_string(w, sequence, i == 1, TRAM__PF_CATEGORIES, i, tram__category_text(i),
                    strlen(tram__category_text(i)));
    for (uint32_t kind = 1; kind < TRAM__GPU_KINDS; kind++)
        for (uint32_t way = 0; way < TRAM__GPU_WAYS; way++) {
            const char *of_kind = tram__gpu_text(kind, way);
            if (of_kind)
                tell_string(w, sequence, false, TRAM__PF_NAMES, kind * TRAM__GPU_WAYS + way, of_kind,
                            strlen(of_kind));
        }
    while (tram__gpu_next_name(src, &at, text, sizeof text))
        tell_string(w, sequence, false, TRAM__PF_NAMES, FILE_NAMES + ++count, text, strlen(text));
    return count;
}

/* ---- slices ---- */

/* Of one source after the other. */
struct making {
    struct tram__writer *w;
    const struct tram__gpu_set *set;
    const uint64_t *process_tracks;
    uint64_t outer, file_names, lanes[TRAM__GPU_LANES];
    uint32_t source, sequence; /* source: 1 + the one that is being told; 0: none */
    char outer_name[64];
};

static void begin_source(struct making *m, uint32_t source) {
    m->source = 1 + source;
    m->outer = 0;
    m->sequence = ++m->w->next_sequence;
    m->file_names = tell_strings(m->w, &m->set->sources[source], m->sequence);
}

static void begin_lane(struct making *m, const struct tram__gpu_slice *s) {
    const struct tram__run *run = m->w->run;
    uint64_t process = 0;
    for (uint32_t p = 0; p < run->process_count; p++)
        if (run->processes[p].pid == m->set->sources[s->source].pid)
            process = m->process_tracks[p];
    if (!m->outer || strcmp(s->outer, m->outer_name) != 0) {
        struct tram__track t = {.name = s->outer, .parent = process, .rank = 50};
        m->outer = tram__track_declare(m->w, &t);
        snprintf(m->outer_name, sizeof m->outer_name, "%s", s->outer);
    }
    struct tram__track t = {.name = s->inner, .parent = m->outer, .rank = s->lane, .own = true};
    m->lanes[s->lane] = tram__track_declare(m->w, &t);
}

static void put_edge(struct making *m, const struct tram__gpu_slice *s, bool begins) {
    unsigned char *p = tram__sink_room(m->w->sink, 512), *packet, *event;
    p = packet = tram__put_open(p, TRAM__PF_PACKET);
    p = tram__put_uint(p, TRAM__PF_TIMESTAMP, begins ? s->begin : s->end);
    p = tram__put_uint(p, TRAM__PF_TIMESTAMP_CLOCK, TRAM__PF_MONOTONIC);
    p = tram__put_uint(p, TRAM__PF_SEQUENCE, m->sequence);
    p = tram__put_uint(p, TRAM__PF_SEQUENCE_FLAGS, TRAM__PF_NEEDS);
    p = event = tram__put_open(p, TRAM__PF_TRACK_EVENT);
    p = tram__put_uint(p, TRAM__PF_TYPE, begins ? TRAM__PF_BEGIN : TRAM__PF_END);
    p = tram__put_uint(p, TRAM__PF_TRACK_UUID, m->lanes[s->lane]);
    if (begins) {
        p = tram__put_uint(p, TRAM__PF_NAME, name_of(s->record, s->kind, m->file_names));
        p = tram__put_uint(p, TRAM__PF_CATEGORY, s->category);
        if (s->record->bytes)
            p = tram__put_fact(p, "bytes", s->record->bytes);
        if (s->flow)
            p = tram__put_fixed64(p, TRAM__PF_FLOW_END, s->flow);
    }
    tram__put_close(event, p);
    tram__put_close(packet, p);
    m->w->sink->next = p;
}

static void put_slice(void *arg, const struct tram__gpu_slice *s) {
    struct making *m = arg;
    if (m->source != 1 + s->source)
        begin_source(m, s->source);
    if (s->new_lane)
        begin_lane(m, s);
    put_edge(m, s, true);
    put_edge(m, s, false);
}

bool tram__gpu_write(struct tram__writer *w, struct tram__gpu_set *s, const uint64_t *process_tracks) {
    struct making m = {.w = w, .set = s, .process_tracks = process_tracks};
    return tram__gpu_tell(w, s, put_slice, &m);
}
