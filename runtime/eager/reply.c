/* SPDX-License-Identifier: Apache-2.0
 *
 * What comes back to the driver: replies, stores, deaths. None of this sends: it may run while a frame is being sent.
 */
#include "base/error.h"
#include "eager/future.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

static void fail_all(struct tram__future *f, struct tram__failure *failure) {
    free(f->failure);
    f->failure = failure;
    for (uint32_t i = 0; i < f->object_count; i++)
        if (f->objects[i].state == TRAM__OBJECT_PENDING)
            f->objects[i].state = TRAM__OBJECT_FAILED;
}

/* A result that is another object's: of one of the call's arguments. */
static bool set_forward(struct tram__eager *e, struct tram__future *f, struct tram__object *o,
                        uint32_t argument) {
    for (uint32_t i = 0; i < f->held_count; i++) {
        const struct tram__hold *h = &f->held[i];
        if (h->argument != argument)
            continue;
        o->is_forward = true;
        o->forward_future = h->future;
        o->forward_result = h->result;
        tram__future_hold(e, h->future, h->result);
        return true;
    }
    return false;
}

static bool set_object(struct tram__eager *e, struct tram__future *f, struct tram__object *o,
                       const Tram__Wire__Value *v, const unsigned char **payload, size_t *left) {
    if (v->kind == TRAM__INLINE) {
        if (v->bytes > *left || !tram__object_set(e, o, *payload, v->bytes))
            return false;
        size_t step = tram__padded(v->bytes) < *left ? tram__padded(v->bytes) : *left;
        *payload += step;
        *left -= step;
        return true;
    }
    if (v->kind != TRAM__STORED || !v->place || (!v->forward && v->place->owner != 1 + f->actor->index) ||
        (v->forward && !set_forward(e, f, o, v->forward - 1)))
        return false;
    struct tram__place at = tram__place_unpack(v->place);
    if (!v->forward) {
        tram__object_store(e, o, &at, f->actor->eager);
        return true;
    }
    o->place = at; /* counted with the object that it is */
    o->size = at.size;
    o->state = TRAM__OBJECT_STORED;
    return true;
}

static bool set_results(struct tram__eager *e, struct tram__future *f, const Tram__Wire__TaskReply *m,
                        const struct tram__frame *frame) {
    const unsigned char *payload = frame->payload;
    size_t left = frame->payload_size;
    if (m->n_results == 0)
        return f->object_count == 1 && tram__object_set(e, &f->one, payload, left);
    if (m->n_results != f->object_count)
        return false;
    bool ok = true;
    for (size_t i = 0; ok && i < m->n_results; i++)
        ok = set_object(e, f, &f->objects[i], m->results[i], &payload, &left);
    return ok;
}

/* Calls up to this one, which was not replied to, or not yet, are done. */
static void done_up_to(struct tram__eager *e, struct tram__caller *c, uint64_t call) {
    while (c->done < call) {
        uint32_t index = c->calls[++c->done & (c->capacity - 1)];
        struct tram__future *f = tram__future_at(e, index);
        for (uint32_t i = 0; i < f->object_count; i++)
            f->objects[i].state = TRAM__OBJECT_GONE;
        tram__future_done(e, index);
    }
}

static void on_reply(struct tram_actor *a, const struct tram__frame *frame) {
    struct tram__eager *e = a->t->eager;
    struct tram__caller *c = a->eager;
    ProtobufCAllocator *allocator = tram__arena_reset(&e->arena);
    struct tram__span span = e->t->trace ? tram__span_begin() : (struct tram__span){.mark = 0};
    uint32_t name = 0;
    e->heard++;
    Tram__Wire__TaskReply *m = tram__wire__task_reply__unpack(allocator, frame->spec_size, frame->spec);
    if (m && c && m->call > c->done && m->call <= c->sent) {
        done_up_to(e, c, m->call - 1);
        uint32_t index = c->calls[++c->done & (c->capacity - 1)];
        struct tram__future *f = tram__future_at(e, index);
        name = f->traced;
        if (m->failure)
            fail_all(f, tram__failure_unpack(m->failure));
        else if (!set_results(e, f, m, frame))
            fail_all(f, tram__failure_make(TRAM_ERR_PROTOCOL, 0, a->name, f->method,
                                           "a reply that makes no sense, or no memory for it"));
        tram__future_done(e, index);
        tram__span(&span, TRAM__EVENT_DECODE, name, a->index, m->call);
    }
    if (m)
        tram__wire__task_reply__free_unpacked(m, allocator);
}

static void on_done(struct tram_actor *a, const struct tram__frame *frame) {
    struct tram__caller *c = a->eager;
    Tram__Wire__Done *m = tram__wire__done__unpack(NULL, frame->spec_size, frame->spec);
    ((struct tram__eager *)a->t->eager)->heard++;
    if (m && c && m->call <= c->sent)
        done_up_to(a->t->eager, c, m->call);
    if (m)
        tram__wire__done__free_unpacked(m, NULL);
}

static void on_store(struct tram_actor *a, const struct tram__frame *frame) {
    struct tram__eager *e = a->t->eager;
    e->heard++;
    tram__store_learn(&e->store, frame); /* should it fail, whoever reads there says so */
}

/* What the actor still owed is lost; what it made before lives on in its store, which stays mapped as long as somebody
 * holds an object in it. */
static void on_gone(struct tram_actor *a) {
    struct tram__eager *e = a->t->eager;
    struct tram__caller *c = a->eager;
    if (!c)
        return;
    tram__actor_dead(a);
    char text[TRAM__CALL_TEXT];
    snprintf(text, sizeof text, "%.255s", tram_last_error()->text);
    if (c->watched)
        epoll_ctl(e->any, EPOLL_CTL_DEL, a->link.fd, NULL);
    while (c->done < c->sent) {
        uint32_t index = c->calls[++c->done & (c->capacity - 1)];
        struct tram__future *f = tram__future_at(e, index);
        fail_all(f, tram__failure_make(TRAM_ERR_PEER_DEAD, 0, a->name, f->method, text));
        tram__future_done(e, index);
    }
    c->drop_count = c->forget_count = 0;
    if (!c->stored)
        tram__eager_forget_store(e, 1 + a->index);
}

void tram__eager_listen(struct tram *t) {
    t->on_frame[TRAM__FRAME_REPLY] = on_reply;
    t->on_frame[TRAM__FRAME_DONE] = on_done;
    t->on_frame[TRAM__FRAME_STORE] = on_store;
    t->on_gone = on_gone;
}
