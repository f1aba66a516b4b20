/* SPDX-License-Identifier: Apache-2.0
 *
 * How the elements of each announced tensor travel: by the shortest way that the devices of all who have to do with it allow, or
 * by the one that was asked for.
 */
#include "schedule/schedule.h"

#include "base/error.h"
#include "base/tensor.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "cuda" of "cuda:1". */
static bool same_backend(const char *a, const char *b) {
    size_t n = strcspn(a, ":");
    return strcspn(b, ":") == n && memcmp(a, b, n) == 0;
}

/* Some node of the participant, which is no driver: it says what is known of the actor. */
static const struct tram__node *actor_node(const struct tram__schedule *s, uint32_t participant) {
    return &s->graph->nodes[s->participants[participant].tasks[0].node];
}

static const char *device_of(const struct tram__schedule *s, uint32_t participant) {
    return participant ? actor_node(s, participant)->device : NULL;
}

/* Why participant p cannot use, or order by its events, what the writer of the edge keeps on its device, in `why`; false:
 * it can. Both have devices of one kind. */
static bool out_of_reach(const struct tram__schedule *s, uint32_t writer, uint32_t p, char *why,
                         size_t size) {
    const struct tram__node *from = actor_node(s, writer), *to = actor_node(s, p);
    if (!to->ties->lends)
        snprintf(why, size, "actor %s on %s cannot lend its memory (%s)", s->participants[p].name, to->device,
                 to->ties->why_not);
    else if (!tram__ties_reach(to->ties, from->ties))
        snprintf(why, size, "actor %s on %s cannot reach the memory of actor %s on %s",
                 s->participants[p].name, to->device, s->participants[writer].name, from->device);
    else
        return false;
    return true;
}

bool tram__channel_copied(const struct tram__schedule *s, const struct tram__channel_plan *c,
                          uint32_t reader) {
    const struct tram__ties *ties = reader ? actor_node(s, reader)->ties : NULL;
    if (!ties)
        return false;
    if (c->transport == TRAM_TRANSPORT_PINNED)
        return !ties->pins_read_only && s->graph->nodes[c->node].tensor->target != TRAM_ON_CPU;
    return c->transport == TRAM_TRANSPORT_IPC && ties->identity != actor_node(s, c->writer)->ties->identity;
}

bool tram__channel_pinned(const struct tram__schedule *s, const struct tram__channel_plan *c,
                          uint32_t participant) {
    const struct tram__ties *ties = participant ? actor_node(s, participant)->ties : NULL;
    return c->transport == TRAM_TRANSPORT_PINNED && ties &&
           (c->writer == participant || ties->pins_read_only || tram__channel_copied(s, c, participant));
}

/* By a task that takes it, be it of the same actor, or it may be a forward itself. */
static bool may_be_forwarded(const struct tram_graph *g, uint32_t node) {
    if (g->nodes[tram__graph_task(g, node)].forwards)
        return true;
    for (uint32_t i = node + 1; i < g->node_count; i++)
        for (uint32_t k = 0; g->nodes[i].forwards && k < g->nodes[i].arg_count; k++)
            if (g->nodes[i].args[k] == node)
                return true;
    return false;
}

/* Why the elements cannot go another way than the messages, maybe in `why`; NULL: they can. */
static const char *why_in_messages(const struct tram__schedule *s, const struct tram__channel_plan *c,
                                   char *why, size_t size) {
    if (!c->writer)
        return "it is part of the input";
    if (may_be_forwarded(s->graph, c->node))
        return "a method may forward it";
    if (!tram_tensor_bytes(&s->graph->nodes[c->node].tensor->tensor))
        return "it has no elements";
    for (uint32_t i = 0; i <= c->reader_count; i++) {
        uint32_t p = i ? c->readers[i - 1] : c->writer;
        if (device_of(s, p))
            continue;
        snprintf(why, size, "%s%s has no device", p ? "actor " : "the ", s->participants[p].name);
        return why;
    }
    return NULL;
}

/* Why the elements cannot stay where they are made, maybe in `why`; NULL: they can. */
static const char *obstacle(const struct tram__schedule *s, const struct tram__channel_plan *c, char *why,
                            size_t size) {
    const char *writer = device_of(s, c->writer);
    if (c->writer && s->graph->nodes[c->node].tensor->target == TRAM_ON_CPU)
        return "it is wanted on the CPU";
    const char *tied = why_in_messages(s, c, why, size);
    if (tied)
        return tied;
    for (uint32_t i = 0; i <= c->reader_count; i++) {
        uint32_t p = i ? c->readers[i - 1] : c->writer;
        const char *device = device_of(s, p);
        if (!same_backend(writer, device))
            snprintf(why, size, "actor %s is on %s, actor %s on %s", s->participants[c->writer].name, writer,
                     s->participants[p].name, device);
        else if (!out_of_reach(s, c->writer, p, why, size))
            continue;
        return why;
    }
    return NULL;
}

enum { MOST_EDGES = 240 }; /* of one actor: each may take a descriptor of one frame */

/* Counts the edge with all who have to do with it; false, and not counted, when that is one too many. */
static bool count_edge(const struct tram__channel_plan *c, uint32_t *edges) {
    bool room = edges[c->writer] < MOST_EDGES;
    for (uint32_t i = 0; i < c->reader_count; i++)
        room &= edges[c->readers[i]] < MOST_EDGES;
    edges[c->writer] += room;
    for (uint32_t i = 0; i < c->reader_count; i++)
        edges[c->readers[i]] += room;
    return room;
}

/* The value's elements do not go by the messages: these are their head. */
static void leave_messages(struct tram__schedule *s, struct tram__channel_plan *c) {
    const struct tram_tensor_hint *h = s->graph->nodes[c->node].tensor;
    c->device_bytes = (tram_tensor_bytes(&h->tensor) + 255) / 256 * 256;
    c->capacity = tram__tensor_head_bytes(h);
    struct tram__participant_plan *p = &s->participants[c->writer];
    for (uint32_t t = 0; t < p->task_count; t++)
        for (uint32_t k = 0; k < p->tasks[t].result_count; k++)
            if (p->tasks[t].results[k].node == c->node)
                p->tasks[t].results[k].capacity = c->capacity;
}

/* The best way for a value that does not stay on a device; shm: no party has one. */
static enum tram_transport through_host(const struct tram__schedule *s, const struct tram__channel_plan *c) {
    enum tram_transport best = TRAM_TRANSPORT_SHM;
    for (uint32_t i = 0; i <= c->reader_count; i++) {
        uint32_t p = i ? c->readers[i - 1] : c->writer;
        if (!device_of(s, p))
            continue;
        if (actor_node(s, p)->ties->pins)
            return TRAM_TRANSPORT_PINNED;
        best = TRAM_TRANSPORT_STAGED;
    }
    return best;
}

int tram__schedule_refuse(const struct tram__schedule *s, uint32_t node, enum tram_transport t, int status,
                          const char *reason, ...) {
    char name[160], way[80], text[320];
    va_list args;
    va_start(args, reason);
    vsnprintf(text, sizeof text, reason, args);
    va_end(args);
    tram__graph_name(s->graph, node, name, sizeof name);
    tram__schedule_transport_name(s, node, t, way, sizeof way);
    return tram__fail(status, "the tensor of %s cannot travel by %s: %s", name, way, text);
}

static int choose(struct tram__schedule *s, struct tram__channel_plan *c, uint32_t *edges) {
    char why[320];
    const char *reason = NULL;
    c->transport = s->graph->nodes[c->node].tensor->transport;
    bool any = c->transport == TRAM_TRANSPORT_AUTO, custom = c->transport == TRAM_TRANSPORT_CUSTOM;
    if (any && s->graph->no_ipc) {
        c->transport = through_host(s, c);
    } else if (any || custom || c->transport == TRAM_TRANSPORT_IPC) {
        reason = custom ? why_in_messages(s, c, why, sizeof why) : obstacle(s, c, why, sizeof why);
        if (!reason && !count_edge(c, edges))
            reason = "an actor has as many such edges as it can";
        if (!reason) {
            leave_messages(s, c);
            c->transport = custom ? TRAM_TRANSPORT_CUSTOM : TRAM_TRANSPORT_IPC;
        } else if (any) {
            reason = NULL;
            c->transport = through_host(s, c);
        }
    }
    if (c->transport == TRAM_TRANSPORT_PINNED && through_host(s, c) == TRAM_TRANSPORT_SHM)
        reason = "no actor that makes it or takes it has a device";
    return reason ? tram__schedule_refuse(s, c->node, c->transport, TRAM_ERR_INVALID, "%s", reason) : TRAM_OK;
}

int tram__schedule_transports(struct tram__schedule *s) {
    uint32_t *edges = calloc(s->participant_count, sizeof *edges);
    int status = edges ? TRAM_OK : tram__fail(TRAM_ERR_NO_MEMORY, "a schedule");
    for (uint32_t i = 0; !status && i < s->channel_count; i++)
        if (s->channels[i].kind == TRAM__CHANNEL_VALUE && s->graph->nodes[s->channels[i].node].tensor)
            status = choose(s, &s->channels[i], edges);
    free(edges);
    return status;
}
