/* SPDX-License-Identifier: Apache-2.0 */
#include "profilers/lane.h"

#include <stdlib.h>
#include <string.h>

bool tram__scope_open(struct tram__scope *s, struct tram__writer *w, const struct tram__run_thread *t) {
    const struct tram__run *r = w->run;
    *s = (struct tram__scope){.w = w, .thread = t, .process = &r->processes[t->process]};
    s->views = calloc(r->graph_count + 1, sizeof *s->views);
    for (uint32_t i = 0; s->views && i < r->graph_count; i++)
        s->views[i].graph = r->graphs[i];
    return s->views != NULL;
}

void tram__scope_close(struct tram__scope *s) {
    for (uint32_t i = 0; s->views && i < s->w->run->graph_count; i++)
        free(s->views[i].edges);
    free(s->views);
    s->views = NULL;
}

/* Which edge ends at this thread, of each channel. */
static void find_edges(struct tram__view *v, uint32_t actor) {
    const struct tram__run_graph *g = v->graph;
    v->edges = malloc((g->channel_count + 1) * sizeof *v->edges);
    for (uint32_t c = 0; v->edges && c < g->channel_count; c++) {
        v->edges[c] = -1;
        for (uint32_t k = 0; k < g->channels[c].reader_count; k++)
            if (g->participants[g->channels[c].readers[k]].actor == actor)
                v->edges[c] = (int64_t)g->channels[c].first_edge + k;
    }
}

struct tram__view *tram__scope_view(struct tram__scope *s, uint32_t id) {
    const struct tram__run *r = s->w->run;
    if (__builtin_expect(s->recent && s->recent->graph->id == id, 1))
        return s->recent;
    const struct tram__run_graph *g = tram__run_graph_find(r, id);
    if (!g)
        return NULL;
    uint32_t at = 0; /* ids ascend from 1 as a rule, without gaps */
    for (at = id && id <= r->graph_count ? id - 1 : 0; r->graphs[at] != g;)
        at = at + 1 < r->graph_count ? at + 1 : 0;
    s->recent = &s->views[at];
    if (!s->recent->edges)
        find_edges(s->recent, s->process->actor);
    return s->recent;
}

static uint32_t calls(struct tram__scope *s, const struct tram__event *e, bool read, uint32_t *count) {
    enum tram__event_kind kind = tram__event_kind(e);
    bool reply = kind == TRAM__EVENT_REPLY || kind == TRAM__EVENT_DECODE;
    bool departs = kind == TRAM__EVENT_REPLY || kind == TRAM__EVENT_SEND;
    uint32_t edge = 0;
    *count = 0;
    if ((departs || kind == TRAM__EVENT_RUN || kind == TRAM__EVENT_DECODE) && departs == !read &&
        !(kind == TRAM__EVENT_DECODE && s->process->actor) &&
        tram__flow_of_calls(&s->w->flows, e->group, reply ? TRAM__FLOW_REPLY : TRAM__FLOW_CALL, &edge))
        *count = 1;
    return edge;
}

uint32_t tram__scope_handed(struct tram__scope *s, const struct tram__event *e, uint64_t *numbers) {
    uint32_t edge = 0;
    if (tram__event_kind(e) != TRAM__EVENT_RUN || !s->w->flows.hands ||
        !tram__flow_of_calls(&s->w->flows, e->group, TRAM__FLOW_HAND, &edge))
        return 0;
    *numbers = e->number * TRAM__FLOW_HANDS;
    return edge;
}

uint32_t tram__scope_edges(struct tram__scope *s, const struct tram__event *e, bool read, uint32_t *count) {
    enum tram__event_kind kind = tram__event_kind(e);
    uint32_t hand;
    if (kind == TRAM__EVENT_HAND) {
        *count = !read && tram__flow_of_calls(&s->w->flows, e->group, TRAM__FLOW_HAND, &hand);
        return *count ? hand : 0;
    }
    if (kind != TRAM__EVENT_WRITE && kind != TRAM__EVENT_READ_WAIT)
        return calls(s, e, read, count);
    *count = 0;
    struct tram__view *v = (kind == TRAM__EVENT_WRITE) == !read ? tram__scope_view(s, e->group) : NULL;
    if (!v || e->name >= v->graph->channel_count)
        return 0;
    const struct tram__run_channel *c = &v->graph->channels[e->name];
    if (!read) {
        if (v->graph->participants[c->writer].actor == s->process->actor)
            *count = c->reader_count;
        return c->first_edge;
    }
    if (!v->edges || v->edges[e->name] < 0)
        return 0;
    *count = 1;
    return (uint32_t)v->edges[e->name];
}
