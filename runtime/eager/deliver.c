/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the outcomes of a call go: to other actors, to later calls on this one, to the driver.
 */
#include "eager/serve.h"

#include <stdlib.h>
#include <string.h>

/* Tells the other end of a link of the store that a place lies in. */
static int tell(struct tram__eager_serve *e, struct tram__link *link, uint32_t end,
                const struct tram__place *at) {
    struct tram__map *g = tram__store_tell(&e->store, at, end);
    if (!g)
        return TRAM_OK;
    Tram__Wire__Store m;
    struct tram__send send;
    tram__store_frame(g, &m, &send);
    return tram__serve_send(e->serve, link, &send);
}

static void describe(const struct tram__outcome *o, Tram__Wire__Value *v, Tram__Wire__Place *place) {
    tram__wire__value__init(v);
    v->kind = o->kind;
    if (o->kind == TRAM__STORED) {
        tram__place_pack(&o->place, place);
        v->place = place;
        v->forward = o->forward;
    } else {
        v->bytes = o->size;
    }
}

/* ---- to another actor ---- */

static void deliver_to(struct tram__eager_serve *e, struct tram__peer *p, const struct tram__entry *n,
                       const struct tram__target *t) {
    Tram__Wire__Delivery m = TRAM__WIRE__DELIVERY__INIT;
    Tram__Wire__Value value = TRAM__WIRE__VALUE__INIT;
    Tram__Wire__Place place;
    Tram__Wire__Failure failure;
    struct tram__send send = {.type = TRAM__FRAME_DELIVERY, .spec = &m.base};
    m.call = t->to_call;
    m.argument = t->argument;
    m.value = &value;
    if (t->after) {
        value.kind = TRAM__ABSENT;
    } else if (n->failure) {
        tram__failure_pack(n->failure, &failure);
        m.failure = &failure;
    } else {
        const struct tram__outcome *o = &n->outcomes[t->result];
        describe(o, &value, &place);
        if (o->kind == TRAM__INLINE) {
            send.payload = o->buffer.data;
            send.payload_size = o->size;
        } else if (tell(e, &p->link, 1 + p->index, &o->place)) {
            return; /* it is gone: nobody waits any more */
        }
    }
    tram__serve_send(e->serve, &p->link, &send);
}

/* ---- to a call of our own ---- */

bool tram__eager_attach(struct tram__eager_serve *e, uint64_t call, const struct tram__input *like) {
    struct tram__entry *n = tram__queue_make(&e->queue, call);
    struct tram__input *in = n && !tram__entry_input(n, like->argument) ? malloc(sizeof *in) : NULL;
    if (!in || n->state == TRAM__ENTRY_RUN) {
        free(in);
        free(like->data);
        free(like->failure);
        return false;
    }
    *in = *like;
    in->next = n->inputs;
    n->inputs = in;
    if (n->state == TRAM__ENTRY_QUEUED && n->missing)
        n->missing--;
    return true;
}

static void deliver_here(struct tram__eager_serve *e, const struct tram__entry *n,
                         const struct tram__target *t) {
    struct tram__input in = {.argument = t->argument};
    if (t->after) {
        in.kind = TRAM__ABSENT;
    } else if (n->failure) {
        in.kind = TRAM__FAILED;
        in.failure = tram__must(tram__failure_copy(n->failure));
    } else {
        const struct tram__outcome *o = &n->outcomes[t->result];
        in.kind = o->kind;
        in.size = o->size;
        in.place = o->place;
        if (o->kind == TRAM__INLINE) {
            in.data = tram__must(malloc(o->size ? o->size : 1));
            if (o->size)
                memcpy(in.data, o->buffer.data, o->size);
        }
    }
    tram__eager_attach(e, t->to_call, &in);
}

void tram__eager_deliver(struct tram__eager_serve *e, struct tram__entry *n, const struct tram__target *t) {
    if (!n->failure && t->result >= n->outcome_count)
        return;
    if (t->to == e->serve->index) {
        deliver_here(e, n, t);
        return;
    }
    struct tram__peer *p = tram__serve_peer(e->serve, t->to);
    if (!p || p->gone)
        return;
    struct tram__span span = tram__span_begin();
    deliver_to(e, p, n, t);
    tram__span(&span, TRAM__EVENT_HAND, t->argument, t->to, t->to_call);
}

/* ---- to the driver ---- */

static bool wants_reply(const struct tram__entry *n) {
    uint64_t all = n->outcome_count < 64 ? (UINT64_C(1) << n->outcome_count) - 1 : UINT64_MAX;
    bool unwanted = n->outcome_count && (n->unwanted & all) == all; /* none: there was no memory for them */
    return !n->silent && !n->replied && (tram__entry_stores(n) || !unwanted);
}

static int reply_many(struct tram__eager_serve *e, struct tram__entry *n, Tram__Wire__TaskReply *m,
                      struct tram__send *send) {
    Tram__Wire__Value values[TRAM_MAX_RESULTS], *list[TRAM_MAX_RESULTS];
    Tram__Wire__Place places[TRAM_MAX_RESULTS];
    size_t bytes = 0;
    for (uint32_t i = 0; i < n->outcome_count; i++) {
        const struct tram__outcome *o = &n->outcomes[i];
        describe(o, &values[i], &places[i]);
        list[i] = &values[i];
        if (o->kind == TRAM__INLINE)
            bytes += tram__padded(o->size);
        else if (tell(e, &e->serve->link, TRAM__DRIVER, &o->place))
            return TRAM_ERR_PEER_DEAD;
    }
    unsigned char *payload = tram__must(calloc(1, bytes + 1)), *at = payload;
    for (uint32_t i = 0; i < n->outcome_count; i++) {
        const struct tram__outcome *o = &n->outcomes[i];
        if (o->kind != TRAM__INLINE)
            continue;
        if (o->size)
            memcpy(at, o->buffer.data, o->size);
        at += tram__padded(o->size);
    }
    m->n_results = n->outcome_count;
    m->results = list;
    send->payload = payload;
    send->payload_size = bytes;
    int status = tram__serve_send(e->serve, &e->serve->link, send);
    free(payload);
    return status;
}

static int send_reply(struct tram__eager_serve *e, struct tram__entry *n, uint64_t call) {
    Tram__Wire__TaskReply m = TRAM__WIRE__TASK_REPLY__INIT;
    Tram__Wire__Failure failure;
    struct tram__send send = {.type = TRAM__FRAME_REPLY, .spec = &m.base};
    m.call = e->reported = call;
    n->replied = true;
    if (n->failure) {
        tram__failure_pack(n->failure, &failure);
        m.failure = &failure;
    } else if (n->outcome_count == 1 && n->one.kind == TRAM__INLINE) {
        send.payload = n->one.buffer.data;
        send.payload_size = n->one.size;
    } else {
        return reply_many(e, n, &m, &send);
    }
    return tram__serve_send(e->serve, &e->serve->link, &send);
}

/* Those before call `end`, in order: a reply says that all before it are done. */
static int send_deferred(struct tram__eager_serve *e, uint64_t end) {
    int status = TRAM_OK;
    for (uint64_t call = e->reported + 1; e->deferred && !status && call < end; call++) {
        struct tram__entry *n = tram__queue_find(&e->queue, call);
        if (n && wants_reply(n))
            status = send_reply(e, n, call);
    }
    e->deferred = false;
    return status;
}

static int send_done(struct tram__eager_serve *e) {
    Tram__Wire__Done m = TRAM__WIRE__DONE__INIT;
    m.call = e->reported = e->queue.run;
    struct tram__send send = {.type = TRAM__FRAME_DONE, .spec = &m.base};
    return tram__serve_send(e->serve, &e->serve->link, &send);
}

int tram__eager_report(struct tram__eager_serve *e) {
    int status = send_deferred(e, e->queue.run + 1);
    return status || e->reported >= e->queue.run ? status : send_done(e);
}

enum { UNREPORTED = 64 };

int tram__eager_reply(struct tram__eager_serve *e, struct tram__entry *n, uint64_t call) {
    if (n->silent)
        tram__eager_forget(e, n);
    bool wanted = wants_reply(n);
    if (!wanted || (n->onward && !tram__entry_stores(n))) {
        e->deferred |= wanted;
        return call - e->reported < UNREPORTED ? TRAM_OK : tram__eager_report(e);
    }
    int status = send_deferred(e, call);
    return status ? status : send_reply(e, n, call);
}
