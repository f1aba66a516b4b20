/* SPDX-License-Identifier: Apache-2.0 */
#include "profilers/names.h"
#include "profilers/trace_state.h"

#include <stdlib.h>

enum { DEEPEST = 8192, FLOWS = 1024 };
_Static_assert(TRAM__CATEGORIES <= 12, "the report has room for all");

/* A TrackEvent, taken apart. */
struct parts {
    uint64_t type, name, track, category;
    int64_t value;
    const char *text;
    char text_buffer[256];
    uint64_t flows[FLOWS];
    uint32_t flow_count, flow_ends; /* the ends come after the beginnings */
    struct tram__trace_open facts;
    bool has_value, has_category;
};

/* A debug annotation. */
static void take_fact(struct tram__trace_reader *r, struct tram__trace_sequence *s, struct parts *p,
                      struct tram__cursor c) {
    struct tram__field f;
    char buffer[128];
    const char *name = NULL, *text = NULL;
    uint64_t value = 0, size = 0;
    while (tram__take_field(&c, &f)) {
        if (f.number == TRAM__PF_ANNOTATION_NAME && f.wire == TRAM__VARINT)
            name = tram__trace_string(&s->annotations, f.value);
        else if (f.number == TRAM__PF_ANNOTATION_TEXT && f.wire == TRAM__BYTES) {
            tram__run_text(buffer, sizeof buffer, (const char *)f.data, f.value);
            name = buffer;
        } else if (f.number == TRAM__PF_UINT && f.wire == TRAM__VARINT)
            value = f.value;
        else if (f.number == TRAM__PF_STRING && f.wire == TRAM__BYTES)
            text = (const char *)f.data, size = f.value;
        else
            tram__trace_wrong(r, "field %u in an annotation", f.number);
    }
    if (c.bad || !name) {
        tram__trace_wrong(r, c.bad ? "an annotation that is cut" : "an annotation without a name");
        return;
    }
    if (strcmp(name, "graph") == 0)
        p->facts.graph = value;
    if (strcmp(name, "node") == 0)
        p->facts.node = (uint32_t)value + 1;
    if (strcmp(name, "execution") == 0 || strcmp(name, "call") == 0) {
        p->facts.number = value;
        p->facts.has_number = true;
    }
    if (r->handler->fact && p->type == TRAM__PF_INSTANT)
        r->handler->fact(r->handler->arg, name, text, size, value);
}

static void take_flow(struct tram__trace_reader *r, struct parts *p, uint64_t id, bool ends) {
    if (p->flow_count == FLOWS || (!ends && p->flow_ends)) {
        tram__trace_wrong(r, "flows that are too many, or in disorder");
        return;
    }
    p->flows[p->flow_count++] = id;
    p->flow_ends += ends;
}

static void take_part(struct tram__trace_reader *r, struct tram__trace_sequence *s, struct parts *p,
                      const struct tram__field *f) {
    if (f->number == TRAM__PF_TYPE && f->wire == TRAM__VARINT)
        p->type = f->value;
    else if (f->number == TRAM__PF_NAME && f->wire == TRAM__VARINT) {
        p->text = tram__trace_string(&s->names, f->value);
        if (!p->text)
            tram__trace_wrong(r, "name %llu is not given", (unsigned long long)f->value);
    } else if (f->number == TRAM__PF_NAME_TEXT && f->wire == TRAM__BYTES) {
        tram__run_text(p->text_buffer, sizeof p->text_buffer, (const char *)f->data, f->value);
        p->text = p->text_buffer;
    } else if (f->number == TRAM__PF_CATEGORY && f->wire == TRAM__VARINT) {
        const char *text = tram__trace_string(&s->categories, f->value);
        p->has_category = true;
        for (unsigned k = 1; text && k < TRAM__CATEGORIES; k++)
            if (strcmp(text, tram__category_text(k)) == 0)
                p->category = k;
        if (!p->category)
            tram__trace_wrong(r, "category %llu is not known", (unsigned long long)f->value);
    } else if (f->number == TRAM__PF_TRACK_UUID && f->wire == TRAM__VARINT)
        p->track = f->value;
    else if (f->number == TRAM__PF_VALUE && f->wire == TRAM__VARINT)
        p->value = (int64_t)f->value, p->has_value = true;
    else if (f->number == TRAM__PF_ANNOTATION && f->wire == TRAM__BYTES)
        take_fact(r, s, p, tram__inside(f));
    else if ((f->number == TRAM__PF_FLOW || f->number == TRAM__PF_FLOW_END) && f->wire == TRAM__FIXED64)
        take_flow(r, p, f->value, f->number == TRAM__PF_FLOW_END);
    else
        tram__trace_wrong(r, "field %u in an event", f->number);
}

static void begin(struct tram__trace_reader *r, struct tram__trace_track *t, const struct parts *p,
                  uint64_t ns) {
    if (t->open_count == t->open_most) {
        uint32_t most = t->open_most ? 2 * t->open_most : 8;
        struct tram__trace_open *open = most <= DEEPEST ? realloc(t->open, most * sizeof *open) : NULL;
        if (!open) {
            tram__trace_wrong(r, "more than %u slices inside one another", t->open_count);
            return;
        }
        t->open = open;
        t->open_most = most;
    }
    t->open[t->open_count] = p->facts;
    t->open[t->open_count].name = p->text;
    t->open[t->open_count].category = (unsigned)p->category;
    t->open[t->open_count++].begin = ns;
    if (!p->text || p->text == p->text_buffer)
        tram__trace_wrong(r, "a slice without a name");
}

static void end(struct tram__trace_reader *r, struct tram__trace_track *t, uint64_t ns) {
    if (!t->open_count) {
        tram__trace_wrong(r, "the end of a slice that has not begun, on track \"%s\"",
                          t->name ? t->name : "");
        return;
    }
    const struct tram__trace_open *o = &t->open[--t->open_count];
    r->report->slices++;
    r->report->by_category[o->category < TRAM__CATEGORIES ? o->category : 0]++;
    if (r->handler->event && o->name)
        r->handler->event(r->handler->arg, &(struct tram__trace_event){.track = t,
                                                                       .name = o->name,
                                                                       .category = o->category,
                                                                       .begin = o->begin,
                                                                       .end = ns,
                                                                       .number = o->number,
                                                                       .graph = o->graph,
                                                                       .node = o->node,
                                                                       .slice = true,
                                                                       .scratch = &t->scratch,
                                                                       .has_number = o->has_number});
}

static void moment(struct tram__trace_reader *r, const struct tram__trace_track *t, const struct parts *p,
                   uint64_t ns) {
    r->report->moments++;
    if (r->handler->event && p->text)
        r->handler->event(r->handler->arg, &(struct tram__trace_event){.track = t,
                                                                       .name = p->text,
                                                                       .category = (unsigned)p->category,
                                                                       .begin = ns,
                                                                       .end = ns,
                                                                       .number = p->facts.number,
                                                                       .graph = p->facts.graph,
                                                                       .has_number = p->facts.has_number});
}

void tram__trace_take_event(struct tram__trace_reader *r, struct tram__trace_sequence *s,
                            struct tram__cursor c, uint64_t ns) {
    struct tram__field f;
    struct parts p;
    memset(&p, 0, offsetof(struct parts, text_buffer));
    p.flow_count = p.flow_ends = 0;
    p.facts = (struct tram__trace_open){0};
    p.has_value = p.has_category = false;
    p.track = s->default_track;
    while (tram__take_field(&c, &f))
        take_part(r, s, &p, &f);
    struct tram__trace_track *t = tram__trace_track_of(r, p.track, false);
    if (c.bad || !t || (t && t->last_ns > ns) || (t && t->counter != (p.type == TRAM__PF_SAMPLE))) {
        tram__trace_wrong(r, c.bad             ? "an event that is cut"
                             : !t              ? "an event on a track that is not there"
                             : t->last_ns > ns ? "an event before the one before it"
                                               : "an event on a track for others");
        return;
    }
    t->last_ns = ns;
    for (uint32_t i = 0; i < p.flow_count; i++)
        tram__trace_add_flow(r, p.flows[i], i >= p.flow_count - p.flow_ends, ns);
    if (p.type == TRAM__PF_BEGIN)
        begin(r, t, &p, ns);
    else if (p.type == TRAM__PF_END)
        end(r, t, ns);
    else if (p.type == TRAM__PF_INSTANT)
        moment(r, t, &p, ns);
    else if (p.type == TRAM__PF_SAMPLE && p.has_value)
        r->report->samples++;
    else
        tram__trace_wrong(r, "an event of type %llu", (unsigned long long)p.type);
}
