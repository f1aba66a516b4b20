/* SPDX-License-Identifier: Apache-2.0 */
#include "profilers/lane.h"

#include "profilers/encode.h"

#include <stdlib.h>
#include <string.h>

enum {
    ANNOTATION_EXECUTION = 1,
    ANNOTATION_CALL,
    ANNOTATION_GRAPH,
    ANNOTATION_SLOT,
    ANNOTATION_NODE,
    MOST_NAMES = 1 << 20,
    DEEPEST = 4096,
    MOST_WORK = 256, /* of one task: what is beyond has no flow */
    PACKET = 160,    /* the most that one takes without names and flows */
};

/* ---- the sequence ---- */

static unsigned char *put_entry(unsigned char *p, unsigned field, uint32_t iid, const char *text) {
    unsigned char *entry;
    p = entry = tram__put_open(p, field);
    p = tram__put_uint(p, TRAM__PF_IID, iid);
    p = tram__put_text(p, TRAM__PF_TEXT, text);
    tram__put_close(entry, p);
    return p;
}

static unsigned char *put_clock(unsigned char *p, uint64_t id, uint64_t ns) {
    unsigned char *clock;
    p = clock = tram__put_open(p, TRAM__PF_CLOCKS);
    p = tram__put_uint(p, TRAM__PF_CLOCK_ID, id);
    p = tram__put_uint(p, TRAM__PF_CLOCK_TIME, ns);
    if (id == TRAM__PF_DELTAS)
        p = tram__put_uint(p, TRAM__PF_INCREMENTAL, 1);
    tram__put_close(clock, p);
    return p;
}

/* What all packets of the sequence rest on. */
static void begin_sequence(struct tram__lane *l) {
    static const char *const annotations[] = {[ANNOTATION_EXECUTION] = "execution",
                                              [ANNOTATION_CALL] = "call",
                                              [ANNOTATION_GRAPH] = "graph",
                                              [ANNOTATION_SLOT] = "slot",
                                              [ANNOTATION_NODE] = "node"};
    struct tram__sink *s = l->scope->w->sink;
    unsigned char *p = tram__sink_room(s, 2048), *packet, *inner, *event;
    p = packet = tram__put_open(p, TRAM__PF_PACKET);
    p = tram__put_uint(p, TRAM__PF_SEQUENCE, l->sequence);
    p = tram__put_uint(p, TRAM__PF_SEQUENCE_FLAGS, TRAM__PF_CLEARED);
    p = tram__put_uint(p, TRAM__PF_FIRST, 1);
    p = inner = tram__put_open(p, TRAM__PF_CLOCK_SNAPSHOT);
    p = put_clock(p, TRAM__PF_DELTAS, 0);
    p = put_clock(p, TRAM__PF_MONOTONIC, l->clock_ns);
    tram__put_close(inner, p);
    p = inner = tram__put_open(p, TRAM__PF_DEFAULTS);
    p = tram__put_uint(p, TRAM__PF_TIMESTAMP_CLOCK, TRAM__PF_DELTAS);
    p = event = tram__put_open(p, TRAM__PF_EVENT_DEFAULTS);
    p = tram__put_uint(p, TRAM__PF_TRACK_UUID, l->track);
    tram__put_close(event, p);
    tram__put_close(inner, p);
    p = inner = tram__put_open(p, TRAM__PF_INTERNED);
    for (uint32_t i = 1; i < TRAM__CATEGORIES; i++)
        p = put_entry(p, TRAM__PF_CATEGORIES, i, tram__category_text(i));
    for (uint32_t i = 1; i < sizeof annotations / sizeof *annotations; i++)
        p = put_entry(p, TRAM__PF_ANNOTATION_NAMES, i, annotations[i]);
    tram__put_close(inner, p);
    tram__put_close(packet, p);
    s->next = p;
}

bool tram__lane_open(struct tram__lane *l, struct tram__scope *s, uint64_t track, uint64_t begin_ns,
                     uint32_t held) {
    *l = (struct tram__lane){
        .scope = s, .track = track, .clock_ns = begin_ns, .sequence = ++s->w->next_sequence};
    l->sorts = held == UINT32_MAX;
    l->held_most = l->sorts ? 64 : held;
    l->held = held ? malloc(l->held_most * sizeof *l->held) : NULL;
    if (held && !l->held)
        return false;
    begin_sequence(l);
    return true;
}

/* ---- names ---- */

static bool widen_names(struct tram__lane *l) {
    uint32_t size = l->table_size ? 2 * l->table_size : 32;
    uint64_t *keys = calloc(size, sizeof *keys);
    uint32_t *iids = calloc(size, sizeof *iids);
    if (!keys || !iids) {
        free(keys);
        free(iids);
        return false;
    }
    for (uint32_t i = 0; i < l->table_size; i++) {
        uint32_t at = (uint32_t)(l->keys[i] * UINT64_C(0x9E3779B97F4A7C15) >> 32) & (size - 1);
        while (l->keys[i] && keys[at])
            at = (at + 1) & (size - 1);
        if (l->keys[i])
            keys[at] = l->keys[i], iids[at] = l->iids[i];
    }
    free(l->keys);
    free(l->iids);
    l->keys = keys;
    l->iids = iids;
    l->table_size = size;
    return true;
}

static void tell_name(struct tram__lane *l, uint32_t iid, const char *text) {
    struct tram__sink *s = l->scope->w->sink;
    unsigned char *p = tram__sink_room(s, 1024), *packet, *interned;
    p = packet = tram__put_open(p, TRAM__PF_PACKET);
    p = tram__put_uint(p, TRAM__PF_SEQUENCE, l->sequence);
    p = tram__put_uint(p, TRAM__PF_SEQUENCE_FLAGS, TRAM__PF_NEEDS);
    p = interned = tram__put_open(p, TRAM__PF_INTERNED);
    p = put_entry(p, TRAM__PF_NAMES, iid, text);
    tram__put_close(interned, p);
    tram__put_close(packet, p);
    s->next = p;
}

/* The first of its name. */
static uint32_t new_name(struct tram__lane *l, uint32_t at, uint64_t key, const struct tram__event *e,
                         bool died) {
    char text[TRAM__EVENT_TEXT + 16];
    struct tram__view *v =
        tram__kind(tram__event_kind(e))->graph ? tram__scope_view(l->scope, e->group) : NULL;
    tram__event_text(l->scope->process, v ? v->graph : NULL, e, text, TRAM__EVENT_TEXT);
    if (died)
        strcat(text, ", died here");
    if (l->names >= MOST_NAMES)
        return 1;
    l->keys[at] = key;
    l->iids[at] = ++l->names;
    tell_name(l, l->names, text);
    return l->names;
}

static uint32_t name_of(struct tram__lane *l, const struct tram__event *e) {
    bool died = e == &l->scope->thread->open;
    uint64_t key = died ? UINT64_MAX : tram__event_key(e);
    if (l->names * 2 >= l->table_size && !widen_names(l))
        return 1;
    uint32_t at = (uint32_t)(key * UINT64_C(0x9E3779B97F4A7C15) >> 32) & (l->table_size - 1);
    while (l->keys[at] && l->keys[at] != key)
        at = (at + 1) & (l->table_size - 1);
    return __builtin_expect(l->keys[at] == key, 1) ? l->iids[at] : new_name(l, at, key, e, died);
}

/* ---- events ---- */

static unsigned char *put_front(struct tram__lane *l, unsigned char *p, uint64_t ns) {
    p = tram__put_uint(p, TRAM__PF_TIMESTAMP, ns - l->clock_ns);
    l->clock_ns = ns;
    return tram__put_uint(p, TRAM__PF_SEQUENCE, l->sequence);
}
/* The same of what refers to names: it says so. */
static unsigned char *put_named_front(struct tram__lane *l, unsigned char *p, uint64_t ns) {
    return tram__put_uint(put_front(l, p, ns), TRAM__PF_SEQUENCE_FLAGS, TRAM__PF_NEEDS);
}

static unsigned char *put_number(unsigned char *p, uint32_t iid, uint64_t value) {
    unsigned char *size = p + 1;
    *p = TRAM__PF_ANNOTATION << 3 | TRAM__BYTES;
    p = tram__put_uint(p + 2, TRAM__PF_ANNOTATION_NAME, iid);
    p = tram__put_uint(p, TRAM__PF_UINT, value);
    *size = (unsigned char)(p - size - 1);
    return p;
}

static unsigned char *put_facts(const struct tram__lane *l, unsigned char *p, const struct tram__event *e) {
    const struct tram__kind *k = tram__kind(tram__event_kind(e));
    if (!k->graph && !e->number)
        return p;
    p = put_number(p, k->graph ? ANNOTATION_EXECUTION : ANNOTATION_CALL, e->number);
    if (k->graph && l->scope->w->many_graphs)
        p = put_number(p, ANNOTATION_GRAPH, e->group);
    if (k->place == TRAM__PLACE_SLOT)
        p = put_number(p, ANNOTATION_SLOT, e->name);
    if (tram__event_kind(e) == TRAM__EVENT_COMPUTE) /* two tasks may have one name */
        p = put_number(p, ANNOTATION_NODE, e->name);
    return p;
}

static unsigned char *put_flows(struct tram__lane *l, unsigned char *p, const struct tram__event *e,
                                bool read, uint32_t first, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        uint64_t id = tram__flow_take(&l->scope->w->flows, first + i, tram__scope_number(e), read);
        if (id)
            p = tram__put_fixed64(p, read ? TRAM__PF_FLOW_END : TRAM__PF_FLOW, id);
        l->scope->w->counts.flows += id && !read;
    }
    return p;
}

/* Results that others handed to the call that runs here. */
static unsigned char *put_handed(struct tram__lane *l, unsigned char *p, const struct tram__event *e) {
    uint64_t numbers;
    uint32_t edge = tram__scope_handed(l->scope, e, &numbers);
    for (uint32_t i = 0; edge && i < TRAM__FLOW_HANDS; i++) {
        uint64_t id = tram__flow_take(&l->scope->w->flows, edge, numbers + i, true);
        if (id)
            p = tram__put_fixed64(p, TRAM__PF_FLOW_END, id);
    }
    return p;
}

/* Two sizes of one byte each do for most packets. */
static unsigned char *put_open(unsigned char *p, unsigned field, bool large) {
    if (large)
        return tram__put_open(p, field);
    *p = (unsigned char)(field << 3 | TRAM__BYTES);
    return p + 2;
}
static void put_close(unsigned char *inside, const unsigned char *end, bool large) {
    if (large)
        tram__put_close(inside, end);
    else
        inside[-1] = (unsigned char)(end - inside);
}

/* Flows from a task to what it had a GPU do. */
static uint32_t put_to_work(struct tram__writer *w, const struct tram__event *e, uint64_t *flows) {
    if (!w->gpu || !w->gpu->link_count)
        return 0;
    uint32_t count = tram__gpu_flows(w->gpu, tram__gpu_task(e->group, e->number, e->name), flows, MOST_WORK);
    w->counts.flows += count;
    return count;
}

static void put_begin(struct tram__lane *l, const struct tram__slice *s) {
    enum tram__event_kind kind = tram__event_kind(s->event);
    uint32_t departs = 0, arrives = 0, to = 0, from = 0, name = name_of(l, s->event);
    if (kind == TRAM__EVENT_WRITE || kind == TRAM__EVENT_SEND || kind == TRAM__EVENT_REPLY ||
        kind == TRAM__EVENT_HAND)
        to = tram__scope_edges(l->scope, s->event, false, &departs);
    if (kind == TRAM__EVENT_RUN || kind == TRAM__EVENT_DECODE)
        from = tram__scope_edges(l->scope, s->event, true, &arrives);
    uint64_t work[MOST_WORK];
    uint32_t works = kind == TRAM__EVENT_COMPUTE ? put_to_work(l->scope->w, s->event, work) : 0;
    bool hands = kind == TRAM__EVENT_RUN && l->scope->w->flows.hands, large = departs + works > 2 || hands;
    unsigned char *p =
                      tram__sink_room(l->scope->w->sink, PACKET + (departs + works + TRAM__FLOW_HANDS) * 10u),
                  *packet, *event;
    p = packet = put_open(p, TRAM__PF_PACKET, large);
    p = put_named_front(l, p, s->begin);
    p = event = put_open(p, TRAM__PF_TRACK_EVENT, large);
    p = tram__put_uint(p, TRAM__PF_TYPE, TRAM__PF_BEGIN);
    p = tram__put_uint(p, TRAM__PF_NAME, name);
    p = tram__put_uint(p, TRAM__PF_CATEGORY, tram__kind(kind)->category);
    p = put_facts(l, p, s->event);
    p = put_flows(l, p, s->event, false, to, departs);
    for (uint32_t i = 0; i < works; i++)
        p = tram__put_fixed64(p, TRAM__PF_FLOW, work[i]);
    p = put_flows(l, p, s->event, true, from, arrives);
    if (hands)
        p = put_handed(l, p, s->event);
    put_close(event, p, large);
    put_close(packet, p, large);
    l->scope->w->sink->next = p;
    l->scope->w->counts.slices++;
}

/* A message arrives in the end of a wait for it, which may have begun before the message was made. An arrow goes to where its
 * slice begins: so it gets a moment of its own. */
static void put_arrival(struct tram__lane *l, const struct tram__slice *s) {
    struct tram__writer *w = l->scope->w;
    uint32_t count, edge = tram__scope_edges(l->scope, s->event, true, &count);
    uint64_t id = count ? tram__flow_take(&w->flows, edge, s->event->number, true) : 0;
    if (!id)
        return;
    uint32_t name = name_of(l, s->event);
    unsigned char *p = tram__sink_room(w->sink, PACKET), *packet, *event;
    p = packet = put_open(p, TRAM__PF_PACKET, false);
    p = put_named_front(l, p, s->end);
    p = event = put_open(p, TRAM__PF_TRACK_EVENT, false);
    p = tram__put_uint(p, TRAM__PF_TYPE, TRAM__PF_INSTANT);
    p = tram__put_uint(p, TRAM__PF_NAME, name);
    p = tram__put_uint(p, TRAM__PF_CATEGORY, TRAM__CATEGORY_READ);
    p = tram__put_fixed64(p, TRAM__PF_FLOW_END, id);
    put_close(event, p, false);
    put_close(packet, p, false);
    w->sink->next = p;
    w->counts.instants++;
}

static void put_end(struct tram__lane *l, const struct tram__slice *s) {
    if (tram__event_kind(s->event) == TRAM__EVENT_READ_WAIT)
        put_arrival(l, s);
    unsigned char *p = tram__sink_room(l->scope->w->sink, PACKET), *packet, *event;
    p = packet = put_open(p, TRAM__PF_PACKET, false);
    p = put_front(l, p, s->end);
    p = event = put_open(p, TRAM__PF_TRACK_EVENT, false);
    p = tram__put_uint(p, TRAM__PF_TYPE, TRAM__PF_END);
    put_close(event, p, false);
    put_close(packet, p, false);
    l->scope->w->sink->next = p;
}

/* ---- order ---- */

static void end_until(struct tram__lane *l, uint64_t ns) {
    while (l->open_count && l->open[l->open_count - 1].end <= ns)
        put_end(l, &l->open[--l->open_count]);
}

/* Slices come by ascending beginnings, the outer ones first. */
static void put_slice(struct tram__lane *l, struct tram__slice s) {
    uint64_t begin = s.begin, end = s.end;
    end_until(l, s.begin);
    if (s.begin < l->clock_ns)
        s.begin = l->clock_ns;
    if (s.end < s.begin)
        s.end = s.begin;
    if (l->open_count && s.end > l->open[l->open_count - 1].end)
        s.end = l->open[l->open_count - 1].end;
    if (s.begin > s.end)
        s.begin = s.end; /* the clock stands at the end of what is open, at most */
    l->scope->w->counts.clipped += s.begin != begin || s.end != end;
    put_begin(l, &s);
    if (l->open_count == l->open_most && l->open_most < DEEPEST) {
        uint32_t most = l->open_most ? 2 * l->open_most : 8;
        struct tram__slice *open = realloc(l->open, most * sizeof *open);
        if (open)
            l->open = open, l->open_most = most;
    }
    if (l->open_count < l->open_most) {
        l->open[l->open_count++] = s;
        return;
    }
    s.end = s.begin; /* too deep */
    l->scope->w->counts.clipped++;
    put_end(l, &s);
}

/* A slice that begins when another does and was recorded after it lies around it. */
static int by_begin(const void *a, const void *b) {
    const struct tram__slice *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    if (x->end != y->end)
        return x->end > y->end ? -1 : 1;
    return x->event > y->event ? -1 : x->event < y->event;
}

static void hold_all(struct tram__lane *l, struct tram__slice s) {
    if (l->held_count == l->held_most) {
        struct tram__slice *held = realloc(l->held, 2 * l->held_most * sizeof *held);
        if (!held) {
            l->scope->w->no_memory = true;
            return;
        }
        l->held = held;
        l->held_most *= 2;
    }
    l->held[l->held_count++] = s;
}

void tram__lane_add(struct tram__lane *l, const struct tram__event *e, uint64_t begin, uint64_t end) {
    struct tram__slice s = {begin, end, e};
    if (!l->held_most) {
        put_slice(l, s);
        return;
    }
    if (l->sorts) {
        hold_all(l, s);
        return;
    }
    if (l->held_count == l->held_most) { /* the older half goes */
        uint32_t half = l->held_most / 2;
        for (uint32_t i = 0; i < half; i++)
            put_slice(l, l->held[i]);
        l->held_count -= half;
        memmove(l->held, l->held + half, l->held_count * sizeof *l->held);
    }
    uint32_t at = l->held_count++;
    for (; at && l->held[at - 1].begin >= begin; at--)
        l->held[at] = l->held[at - 1];
    l->held[at] = s;
}

void tram__lane_sample(struct tram__lane *l, uint64_t ns, int64_t value) {
    struct tram__writer *w = l->scope->w;
    unsigned char *p = tram__sink_room(w->sink, PACKET), *packet, *event;
    if (ns < l->clock_ns)
        ns = l->clock_ns;
    p = packet = put_open(p, TRAM__PF_PACKET, false);
    p = put_front(l, p, ns);
    p = event = put_open(p, TRAM__PF_TRACK_EVENT, false);
    p = tram__put_uint(p, TRAM__PF_TYPE, TRAM__PF_SAMPLE);
    p = tram__put_uint(p, TRAM__PF_VALUE, (uint64_t)value);
    put_close(event, p, false);
    put_close(packet, p, false);
    w->sink->next = p;
    w->counts.samples++;
}

void tram__lane_close(struct tram__lane *l) {
    if (l->sorts && l->held_count)
        qsort(l->held, l->held_count, sizeof *l->held, by_begin);
    for (uint32_t i = 0; i < l->held_count; i++)
        put_slice(l, l->held[i]);
    end_until(l, UINT64_MAX);
    free(l->held);
    free(l->open);
    free(l->keys);
    free(l->iids);
    memset(l, 0, sizeof *l);
}
