/* SPDX-License-Identifier: Apache-2.0 */
#include "profilers/gpu_tracks.h"

#include "profilers/encode.h"
#include "profilers/lane.h"

#include <stdlib.h>
#include <string.h>

enum { WAYS = 8, FILE_NAMES = 256, MOST_LANES = 64, LONGEST = 200 };
#define FAR_NS UINT64_C(3600000000000) /* an hour from all else is no time of this run */

/* ---- names ---- */

static const char *const kind_texts[TRAM__GPU_KINDS] = {
    [TRAM__GPU_KERNEL] = "kernel",
    [TRAM__GPU_COPY] = "copy",
    [TRAM__GPU_FILL] = "fill",
    [TRAM__GPU_CALL] = "call",
    [TRAM__GPU_SYNC] = "synchronise",
    [TRAM__GPU_OVERHEAD] = "recording",
    [TRAM__GPU_COMMUNICATOR] = "communicator",
    [TRAM__GPU_GROUP_CALL] = "group",
    [TRAM__GPU_COLLECTIVE_CALL] = "collective, called",
    [TRAM__GPU_P2P_CALL] = "send or receive, called",
    [TRAM__GPU_LAUNCH] = "launch",
    [TRAM__GPU_COLLECTIVE] = "collective",
    [TRAM__GPU_P2P] = "send or receive",
    [TRAM__GPU_PROXY] = "through the network",
    [TRAM__GPU_CHANNEL] = "a kernel's channel",
};
static const char *const way_texts[WAYS] = {
    [TRAM__GPU_TO_DEVICE] = "copy to the device",         [TRAM__GPU_TO_HOST] = "copy to the host",
    [TRAM__GPU_ON_DEVICE] = "copy on the device",         [TRAM__GPU_ON_HOST] = "copy on the host",
    [TRAM__GPU_BETWEEN_DEVICES] = "copy between devices",
};

static const char *kind_text(uint32_t kind, uint32_t way) {
    return kind == TRAM__GPU_COPY && way_texts[way] ? way_texts[way] : kind_texts[kind];
}

/* The number of a record's name in its sequence: of the file, or of the kind. */
static uint64_t name_of(const struct tram__gpu_record *r, uint32_t kind, uint64_t file_names) {
    uint32_t way = kind == TRAM__GPU_COPY && r->detail < WAYS ? r->detail : 0;
    return r->name && r->name <= file_names ? FILE_NAMES + r->name : kind * WAYS + way;
}

static unsigned category_of(uint32_t kind) {
    if (kind >= TRAM__GPU_COMMUNICATOR)
        return TRAM__CATEGORY_COLLECTIVE;
    return kind == TRAM__GPU_SYNC ? TRAM__CATEGORY_WAIT : TRAM__CATEGORY_GPU;
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
    char text[LONGEST + 1];
    uint16_t length;
    uint64_t count = 0;
    for (uint32_t i = 1; i < TRAM__CATEGORIES; i++)
        tell_string(w, sequence, i == 1, TRAM__PF_CATEGORIES, i, tram__category_text(i),
                    strlen(tram__category_text(i)));
    for (uint32_t kind = 1; kind < TRAM__GPU_KINDS; kind++)
        for (uint32_t way = 0; kind_texts[kind] && way < WAYS; way++)
            if (!way || (kind == TRAM__GPU_COPY && way_texts[way]))
                tell_string(w, sequence, false, TRAM__PF_NAMES, kind * WAYS + way, kind_text(kind, way),
                            strlen(kind_text(kind, way)));
    for (uint64_t at = 0; at + sizeof length <= src->names_bytes; at += sizeof length + length) {
        memcpy(&length, src->names + at, sizeof length);
        if (length > src->names_bytes - at - sizeof length)
            break;
        tram__run_text(text, sizeof text, src->names + at + sizeof length, length);
        tell_string(w, sequence, false, TRAM__PF_NAMES, FILE_NAMES + ++count, text, strlen(text));
    }
    return count;
}

/* ---- tracks ---- */

/* A record that is to be written, and the track that it belongs to. */
struct piece {
    uint64_t group, begin, end, record;
};

static int by_group(const void *a, const void *b) {
    const struct piece *x = a, *y = b;
    if (x->group != y->group)
        return x->group < y->group ? -1 : 1;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return x->end > y->end ? -1 : x->end < y->end;
}

/* Pieces of one group share a track: of a stream, of a thread's calls, or of one kind of NCCL's work. */
static uint64_t group_of(const struct tram__gpu_record *r, uint32_t kind) {
    bool on_stream = kind == TRAM__GPU_KERNEL || kind == TRAM__GPU_COPY || kind == TRAM__GPU_FILL;
    uint64_t class = on_stream ? TRAM__GPU_KERNEL : kind;
    bool of_thread = kind == TRAM__GPU_CALL || kind == TRAM__GPU_SYNC || kind == TRAM__GPU_OVERHEAD;
    return class << 56 | (uint64_t)(of_thread ? 0 : r->device & 0xFFFFFF) << 32 |
           (of_thread ? r->thread : r->stream);
}

static void name_group(uint64_t group, uint32_t lane, char *outer, char *inner, size_t size) {
    uint32_t kind = (uint32_t)(group >> 56), device = group >> 32 & 0xFFFFFF, id = (uint32_t)group;
    char also[16] = "";
    if (lane)
        snprintf(also, sizeof also, " (%u)", lane + 1);
    if (kind == TRAM__GPU_KERNEL) {
        snprintf(outer, size, "GPU %u", device);
        snprintf(inner, size, "stream %u%s", id, also);
    } else if (kind < TRAM__GPU_COMMUNICATOR) {
        snprintf(outer, size, "CUDA on the host");
        snprintf(inner, size, "%s, thread %u%s", kind_texts[kind], id, also);
    } else {
        snprintf(outer, size, "NCCL rank %u", device);
        snprintf(inner, size, "%s, communicator %u%s", kind_texts[kind], id, also);
    }
}

/* Of one source in the making. */
struct making {
    struct tram__writer *w;
    struct tram__gpu_set *set;
    const struct tram__gpu_source *src;
    uint64_t process, outer, file_names, lanes[MOST_LANES], free_at[MOST_LANES];
    uint32_t source, sequence, lane_count;
    char outer_name[64];
};

/* The track of the first lane that is free by then, made if need be. */
static uint64_t lane_for(struct making *m, const struct piece *p) {
    char outer[64], inner[96];
    uint32_t i = 0;
    while (i < m->lane_count && m->free_at[i] > p->begin)
        i++;
    if (i == MOST_LANES)
        return 0;
    if (i == m->lane_count) {
        name_group(p->group, i, outer, inner, sizeof outer);
        if (!m->outer || strcmp(outer, m->outer_name) != 0) {
            struct tram__track t = {.name = outer, .parent = m->process, .rank = 50};
            m->outer = tram__track_declare(m->w, &t);
            snprintf(m->outer_name, sizeof m->outer_name, "%s", outer);
        }
        struct tram__track t = {.name = inner, .parent = m->outer, .rank = i, .own = true};
        m->lanes[m->lane_count++] = tram__track_declare(m->w, &t);
    }
    m->free_at[i] = p->end;
    return m->lanes[i];
}

static const struct tram__gpu_link *link_of(const struct making *m, uint64_t record) {
    size_t low = 0, high = m->set->link_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        const struct tram__gpu_link *l = &m->set->links[middle];
        if (l->source < m->source || (l->source == m->source && l->record < record))
            low = middle + 1;
        else
            high = middle;
    }
    const struct tram__gpu_link *l = low < m->set->link_count ? &m->set->links[low] : NULL;
    return l && l->source == m->source && l->record == record && l->begun ? l : NULL;
}

static void put_edge(struct making *m, uint64_t track, uint64_t ns, const struct tram__gpu_record *r,
                     uint32_t kind, const struct tram__gpu_link *link) {
    unsigned char *p = tram__sink_room(m->w->sink, 512), *packet, *event;
    p = packet = tram__put_open(p, TRAM__PF_PACKET);
    p = tram__put_uint(p, TRAM__PF_TIMESTAMP, ns);
    p = tram__put_uint(p, TRAM__PF_TIMESTAMP_CLOCK, TRAM__PF_MONOTONIC);
    p = tram__put_uint(p, TRAM__PF_SEQUENCE, m->sequence);
    p = tram__put_uint(p, TRAM__PF_SEQUENCE_FLAGS, TRAM__PF_NEEDS);
    p = event = tram__put_open(p, TRAM__PF_TRACK_EVENT);
    p = tram__put_uint(p, TRAM__PF_TYPE, r ? TRAM__PF_BEGIN : TRAM__PF_END);
    p = tram__put_uint(p, TRAM__PF_TRACK_UUID, track);
    if (r) {
        p = tram__put_uint(p, TRAM__PF_NAME, name_of(r, kind, m->file_names));
        p = tram__put_uint(p, TRAM__PF_CATEGORY, category_of(kind));
        if (r->bytes)
            p = tram__put_fact(p, "bytes", r->bytes);
        if (link)
            p = tram__put_fixed64(p, TRAM__PF_FLOW_END, link->flow);
    }
    tram__put_close(event, p);
    tram__put_close(packet, p);
    m->w->sink->next = p;
}

static void put_piece(struct making *m, const struct piece *p) {
    const struct tram__gpu_record *r = &m->src->records[p->record];
    uint64_t track = lane_for(m, p);
    if (!track) { /* more side by side than anybody would look at */
        m->w->counts.clipped++;
        return;
    }
    put_edge(m, track, p->begin, r, (uint32_t)(tram__load32_relaxed((tram__word32 *)(uintptr_t)&r->kind)),
             link_of(m, p->record));
    put_edge(m, track, p->end, NULL, 0, NULL);
    m->w->counts.slices++;
}

/* Records that make sense, as pieces. */
static uint64_t collect(const struct making *m, struct piece *out) {
    const struct tram__run *run = m->w->run;
    uint64_t first = run->begin_ns > FAR_NS ? run->begin_ns - FAR_NS : 0, last = run->end_ns + FAR_NS,
             count = 0;
    for (uint64_t i = 0; i < m->src->count; i++) {
        const struct tram__gpu_record *r = &m->src->records[i];
        uint32_t kind = tram__load32_acquire((tram__word32 *)(uintptr_t)&r->kind);
        if (!kind || kind >= TRAM__GPU_KINDS || !kind_texts[kind])
            continue;
        uint64_t end = r->end_ns ? r->end_ns : run->end_ns > r->begin_ns ? run->end_ns : r->begin_ns;
        if (r->begin_ns < first || end > last || end < r->begin_ns) {
            m->w->counts.unknown++;
            continue;
        }
        out[count++] = (struct piece){group_of(r, kind), r->begin_ns, end, i};
    }
    return count;
}

static bool write_source(struct making *m) {
    struct piece *pieces = malloc((m->src->count + 1) * sizeof *pieces);
    if (!pieces)
        return false;
    uint64_t count = collect(m, pieces);
    qsort(pieces, count, sizeof *pieces, by_group);
    m->sequence = ++m->w->next_sequence;
    m->file_names = count ? tell_strings(m->w, m->src, m->sequence) : 0;
    for (uint64_t i = 0; i < count; i++) {
        if (!i || pieces[i].group != pieces[i - 1].group)
            m->lane_count = 0;
        put_piece(m, &pieces[i]);
    }
    free(pieces);
    return true;
}

static int by_record(const void *a, const void *b) {
    const struct tram__gpu_link *x = a, *y = b;
    if (x->source != y->source)
        return x->source < y->source ? -1 : 1;
    return x->record < y->record ? -1 : x->record > y->record;
}

bool tram__gpu_write(struct tram__writer *w, struct tram__gpu_set *s, const uint64_t *process_tracks) {
    bool good = true;
    if (s->link_count)
        qsort(s->links, s->link_count, sizeof *s->links, by_record);
    for (uint32_t i = 0; good && i < s->count; i++) {
        struct making m = {.w = w, .set = s, .src = &s->sources[i], .source = i};
        for (uint32_t p = 0; p < w->run->process_count; p++)
            if (w->run->processes[p].pid == s->sources[i].pid)
                m.process = process_tracks[p];
        good = write_source(&m);
    }
    return good;
}
