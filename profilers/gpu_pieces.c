/* SPDX-License-Identifier: Apache-2.0
 *
 * What GPUs did, piece by piece: which track each belongs on, and what it is called.
 */
#include "profilers/gpu_tracks.h"
#include "profilers/lane.h"

#include <stdlib.h>
#include <string.h>

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
static const char *const way_texts[TRAM__GPU_WAYS] = {
    [TRAM__GPU_TO_DEVICE] = "copy to the device",         [TRAM__GPU_TO_HOST] = "copy to the host",
    [TRAM__GPU_ON_DEVICE] = "copy on the device",         [TRAM__GPU_ON_HOST] = "copy on the host",
    [TRAM__GPU_BETWEEN_DEVICES] = "copy between devices",
};

const char *tram__gpu_text(uint32_t kind, uint32_t way) {
    if (kind >= TRAM__GPU_KINDS || way >= TRAM__GPU_WAYS)
        return NULL;
    if (way)
        return kind == TRAM__GPU_COPY ? way_texts[way] : NULL;
    return kind_texts[kind];
}

static unsigned category_of(uint32_t kind) {
    if (kind >= TRAM__GPU_COMMUNICATOR)
        return TRAM__CATEGORY_COLLECTIVE;
    return kind == TRAM__GPU_SYNC ? TRAM__CATEGORY_WAIT : TRAM__CATEGORY_GPU;
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

static const struct tram__gpu_link *link_of(const struct tram__gpu_set *s, uint32_t source, uint64_t record) {
    size_t low = 0, high = s->link_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        const struct tram__gpu_link *l = &s->links[middle];
        if (l->source < source || (l->source == source && l->record < record))
            low = middle + 1;
        else
            high = middle;
    }
    const struct tram__gpu_link *l = low < s->link_count ? &s->links[low] : NULL;
    return l && l->source == source && l->record == record && l->begun ? l : NULL;
}

static int by_record(const void *a, const void *b) {
    const struct tram__gpu_link *x = a, *y = b;
    if (x->source != y->source)
        return x->source < y->source ? -1 : 1;
    return x->record < y->record ? -1 : x->record > y->record;
}

/* Records that make sense, as pieces, by group and time. */
static uint64_t collect(struct tram__writer *w, const struct tram__gpu_source *src, struct piece *out) {
    const struct tram__run *run = w->run;
    uint64_t first = run->begin_ns > FAR_NS ? run->begin_ns - FAR_NS : 0, last = run->end_ns + FAR_NS,
             count = 0;
    for (uint64_t i = 0; i < src->count; i++) {
        const struct tram__gpu_record *r = &src->records[i];
        uint32_t kind = tram__load32_acquire((tram__word32 *)(uintptr_t)&r->kind);
        if (!kind || kind >= TRAM__GPU_KINDS || !kind_texts[kind])
            continue;
        uint64_t end = r->end_ns ? r->end_ns : run->end_ns > r->begin_ns ? run->end_ns : r->begin_ns;
        if (r->begin_ns < first || end > last || end < r->begin_ns) {
            w->counts.unknown++;
            continue;
        }
        out[count++] = (struct piece){group_of(r, kind), r->begin_ns, end, i};
    }
    qsort(out, count, sizeof *out, by_group);
    return count;
}

/* Of one source that is being told. */
struct telling {
    struct tram__writer *w;
    const struct tram__gpu_set *set;
    uint32_t source, lane_count;
    uint64_t free_at[TRAM__GPU_LANES];
    tram__gpu_fn *fn;
    void *arg;
};

static void tell_piece(struct telling *t, const struct piece *p) {
    const struct tram__gpu_source *src = &t->set->sources[t->source];
    const struct tram__gpu_record *r = &src->records[p->record];
    uint32_t i = 0; /* the first lane that is free by then */
    while (i < t->lane_count && t->free_at[i] > p->begin)
        i++;
    if (i == TRAM__GPU_LANES) { /* more side by side than anybody would look at */
        t->w->counts.clipped++;
        return;
    }
    const struct tram__gpu_link *link = link_of(t->set, t->source, p->record);
    struct tram__gpu_slice s = {.source = t->source,
                                .lane = i,
                                .new_lane = i == t->lane_count,
                                .begin = p->begin,
                                .end = p->end,
                                .group = p->group,
                                .flow = link ? link->flow : 0,
                                .record = r,
                                .kind = tram__load32_relaxed((tram__word32 *)(uintptr_t)&r->kind)};
    s.category = category_of(s.kind);
    if (s.new_lane)
        name_group(p->group, i, s.outer, s.inner, sizeof s.outer);
    t->lane_count += s.new_lane;
    t->free_at[i] = p->end;
    t->fn(t->arg, &s);
    t->w->counts.slices++;
}

static bool tell_source(struct telling *t) {
    const struct tram__gpu_source *src = &t->set->sources[t->source];
    struct piece *pieces = malloc((src->count + 1) * sizeof *pieces);
    if (!pieces)
        return false;
    uint64_t count = collect(t->w, src, pieces);
    for (uint64_t i = 0; i < count; i++) {
        if (!i || pieces[i].group != pieces[i - 1].group)
            t->lane_count = 0;
        tell_piece(t, &pieces[i]);
    }
    free(pieces);
    return true;
}

bool tram__gpu_tell(struct tram__writer *w, struct tram__gpu_set *s, tram__gpu_fn *fn, void *arg) {
    bool good = true;
    if (s->link_count)
        qsort(s->links, s->link_count, sizeof *s->links, by_record);
    for (uint32_t i = 0; good && i < s->count; i++) {
        struct telling t = {.w = w, .set = s, .source = i, .fn = fn, .arg = arg};
        good = tell_source(&t);
    }
    return good;
}

const char *tram__gpu_next_name(const struct tram__gpu_source *src, uint64_t *at, char *out, size_t size) {
    uint16_t length;
    if (*at + sizeof length > src->names_bytes)
        return NULL;
    memcpy(&length, src->names + *at, sizeof length);
    if (length > src->names_bytes - *at - sizeof length)
        return NULL;
    tram__run_text(out, size, src->names + *at + sizeof length, length);
    *at += sizeof length + length;
    return out;
}
