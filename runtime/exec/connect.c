/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/connect.h"

#include "base/error.h"
#include "exec/order.h"

#include <stdlib.h>
#include <string.h>

/* The plan of one participant, with how to wait. */
static Tram__Wire__Prepare *make_plan(const struct tram_compiled *x, const struct tram__layout *l,
                                      uint32_t self, const struct tram_compile_options *o) {
    Tram__Wire__Prepare *m = tram__layout_plan(l, self);
    if (!m)
        return NULL;
    m->graph = x->id;
    m->wait = (uint32_t)x->wait;
    m->cpu = (uint32_t)(x->cpu + 1);
    m->on_main = x->thread == TRAM_THREAD_MAIN;
    m->threads = l->schedule->participant_count;
    m->cpus = x->t->cpus.usable;
    m->block_ns = x->t->block_ns;
    m->backend = strdup(o->channel ? o->channel : "shm");
    if (m->backend)
        return m;
    tram__wire__prepare__free_unpacked(m, NULL);
    tram__fail(TRAM_ERR_NO_MEMORY, "a plan");
    return NULL;
}

/* The descriptors that a participant hands out; -1: none. */
struct given {
    int region;
    int bell; /* of an actor whose main thread runs the graph, and the driver's; the latter is not ours to close */
    struct tram__lent *lent;
    uint32_t lent_count;
};

/* Every participant allocates; given[p] becomes what it hands out. */
static int prepare(struct tram_compiled *x, const struct tram__layout *l,
                   const struct tram_compile_options *o, struct given *given, uint64_t deadline_ns) {
    int status;
    for (uint32_t i = 0; i < x->actor_count; i++) {
        Tram__Wire__Prepare *m = make_plan(x, l, i + 1, o);
        if (!m)
            return TRAM_ERR_NO_MEMORY;
        m->order = tram__order_new(x->actors[i]);
        struct tram__send send = {.type = TRAM__FRAME_PREPARE, .spec = &m->base};
        void *constants = tram__layout_constants(l, i + 1, &send.payload_size);
        send.payload = constants;
        status = constants || !send.payload_size ? tram__order_ask(x->actors[i], send, deadline_ns)
                                                 : TRAM_ERR_NO_MEMORY;
        free(constants);
        tram__wire__prepare__free_unpacked(m, NULL);
        if (status)
            return status;
    }
    Tram__Wire__Prepare *mine = make_plan(x, l, 0, o);
    if (!mine)
        return TRAM_ERR_NO_MEMORY;
    if ((status = tram__participant_allocate(&x->participant, mine, NULL, NULL)))
        return status;
    given[0] = (struct given){.region = x->participant.region_fd, .bell = x->bell};
    x->participant.region_fd = -1;
    for (uint32_t i = 0; i < x->actor_count; i++) {
        struct tram_actor *a = x->actors[i];
        if ((status = tram__order_await(a, "allocate its channels", deadline_ns)))
            return status;
        given[i + 1] = (struct given){a->answer_fd, a->answer_bell, a->answer_lent, a->answer_lent_count};
        a->answer_fd = a->answer_bell = -1;
        a->answer_lent = NULL;
        a->answer_lent_count = 0;
        if (given[i + 1].region < 0 || (x->thread == TRAM_THREAD_MAIN && given[i + 1].bell < 0))
            return tram__fail(TRAM_ERR_PROTOCOL, "actor %s answered without its region or bell", a->name);
    }
    return TRAM_OK;
}

/* The regions and bells of the peers of actor i, as CONNECT takes them; at most two for each participant of its plan. */
static size_t list_given(const Tram__Wire__Prepare *plan, const struct given *given, uint32_t *ids,
                         int *fds) {
    size_t count = 0;
    for (size_t k = 0; k < plan->n_participants; k++) {
        uint32_t id = plan->participants[k]->id;
        if (id == plan->self)
            continue;
        ids[count] = id;
        fds[count++] = given[id].region;
        if (given[id].bell < 0)
            continue;
        ids[count] = id | TRAM__BELL;
        fds[count++] = given[id].bell;
    }
    return count;
}

/* Sends actor i what others lend it: to a writer its readers, to a reader the writer. */
static int connect_devices(struct tram_compiled *x, const struct tram__schedule *s, uint32_t i,
                           const struct given *given, uint64_t deadline_ns) {
    int status = TRAM_OK;
    for (uint32_t p = 1; p < s->participant_count; p++) {
        for (uint32_t k = 0; !status && p != i + 1 && k < given[p].lent_count; k++) {
            struct tram__lent *lent = &given[p].lent[k];
            const struct tram__channel_plan *c =
                lent->channel < s->channel_count ? &s->channels[lent->channel] : NULL;
            if (!c || !(c->writer == i + 1 || (c->writer == p && tram__channel_reads(c, i + 1))))
                continue;
            Tram__Wire__Connect m = TRAM__WIRE__CONNECT__INIT;
            Tram__Wire__Lent one = TRAM__WIRE__LENT__INIT, *list = &one;
            m.graph = x->id;
            m.order = x->actors[i]->order;
            m.n_lent = 1;
            m.lent = &list;
            one.channel = lent->channel;
            one.participant = p;
            one.handle = (ProtobufCBinaryData){lent->size, lent->handle};
            one.descriptor = lent->fd >= 0;
            status = tram__order_ask(x->actors[i],
                                     (struct tram__send){.type = TRAM__FRAME_CONNECT,
                                                         .spec = &m.base,
                                                         .fds = &lent->fd,
                                                         .fd_count = lent->fd >= 0},
                                     deadline_ns);
        }
    }
    return status;
}

/* Sends actor i the regions of its peers, as many frames as their descriptors need. */
static int connect_actor(struct tram_compiled *x, const struct tram__layout *l, uint32_t i,
                         const struct given *given, uint64_t deadline_ns) {
    Tram__Wire__Prepare *plan = tram__layout_plan(l, i + 1);
    if (!plan)
        return TRAM_ERR_NO_MEMORY;
    uint32_t *ids = malloc(2 * plan->n_participants * sizeof *ids);
    int *fds = malloc(2 * plan->n_participants * sizeof *fds);
    int status = ids && fds ? TRAM_OK : tram__fail(TRAM_ERR_NO_MEMORY, "a graph's descriptors");
    size_t count = status ? 0 : list_given(plan, given, ids, fds), at = 0;
    bool last = false;
    while (!status && !last) {
        Tram__Wire__Connect m = TRAM__WIRE__CONNECT__INIT;
        m.graph = x->id;
        m.order = x->actors[i]->order;
        m.participants = ids + at;
        m.n_participants = count - at < TRAM__FRAME_FDS ? count - at : TRAM__FRAME_FDS;
        m.last = last = at + m.n_participants == count;
        struct tram__send send = {
            .type = TRAM__FRAME_CONNECT, .spec = &m.base, .fds = fds + at, .fd_count = m.n_participants};
        at += m.n_participants;
        status = tram__order_ask(x->actors[i], send, deadline_ns);
    }
    free(ids);
    free(fds);
    tram__wire__prepare__free_unpacked(plan, NULL);
    return status;
}

/* Our own view of the actors. */
static int map_actors(struct tram_compiled *x, const struct given *given) {
    const Tram__Wire__Prepare *mine = x->participant.plan;
    int status = TRAM_OK;
    for (size_t i = 0; !status && i < mine->n_participants; i++) {
        uint32_t id = mine->participants[i]->id;
        if (!id)
            continue;
        status = tram__participant_map(&x->participant, id, given[id].region);
        if (!status && given[id].bell >= 0)
            status = tram__participant_bell(&x->participant, id, given[id].bell);
    }
    return status ? status : tram__participant_open(&x->participant);
}

/* What the actor could not pin is staged, unless pinned was asked for. */
static int check_unpinned(struct tram_compiled *x, const struct tram__schedule *s,
                          const struct tram_actor *a) {
    for (uint32_t i = 0; i < a->answer_unpinned_count; i++) {
        const struct tram__unpinned *u = &a->answer_unpinned[i];
        if (u->channel >= s->channel_count || s->channels[u->channel].transport != TRAM_TRANSPORT_PINNED)
            return tram__fail(TRAM_ERR_PROTOCOL, "actor %s could not pin channel %u, which it need not",
                              a->name, u->channel);
        uint32_t node = s->channels[u->channel].node;
        x->names[node].transport = TRAM_TRANSPORT_STAGED;
        if (s->graph->nodes[node].tensor->transport == TRAM_TRANSPORT_PINNED)
            return tram__schedule_refuse(s, node, TRAM_TRANSPORT_PINNED, u->status, "actor %s on %s: %s",
                                         a->name, a->device, u->text);
    }
    return TRAM_OK;
}

static int connect_all(struct tram_compiled *x, const struct tram__layout *l, const struct given *given,
                       uint64_t deadline_ns) {
    int status = TRAM_OK;
    for (uint32_t i = 0; i < x->actor_count; i++)
        tram__order_new(x->actors[i]);
    for (uint32_t i = 0; !status && i < x->actor_count; i++)
        status = connect_devices(x, l->schedule, i, given, deadline_ns);
    for (uint32_t i = 0; !status && i < x->actor_count; i++)
        status = connect_actor(x, l, i, given, deadline_ns);
    if (!status)
        status = map_actors(x, given);
    for (uint32_t i = 0; !status && i < x->actor_count; i++)
        if (!(status = tram__order_await(x->actors[i], "start the graph", deadline_ns)))
            status = check_unpinned(x, l->schedule, x->actors[i]);
    return status;
}

int tram__connect(struct tram_compiled *x, const struct tram__layout *l, const struct tram_compile_options *o,
                  uint64_t deadline_ns) {
    uint32_t count = l->schedule->participant_count;
    struct given *given = malloc(count * sizeof *given);
    if (!given)
        return tram__fail(TRAM_ERR_NO_MEMORY, "a graph");
    for (uint32_t i = 0; i < count; i++)
        given[i] = (struct given){.region = -1, .bell = -1};
    int status = prepare(x, l, o, given, deadline_ns);
    if (!status)
        status = connect_all(x, l, given, deadline_ns);
    for (uint32_t i = 0; i < count; i++) {
        tram__order_close(&given[i].region);
        tram__lent_free(given[i].lent, given[i].lent_count);
        if (i)
            tram__order_close(&given[i].bell);
    }
    free(given);
    return status;
}
