/* SPDX-License-Identifier: Apache-2.0
 *
 * The driver: results for the user, puts, and what actors must be told.
 */
#include "base/copy.h"
#include "base/error.h"
#include "base/timeouts.h"
#include "eager/future.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

/* ---- what actors have to know ---- */

void tram__eager_tell(struct tram_actor *a) {
    struct tram__caller *c = a->eager;
    Tram__Wire__Drop m = TRAM__WIRE__DROP__INIT;
    uint32_t count = c->drop_count, forgets = c->forget_count;
    Tram__Wire__Place *places = calloc(count + 1, sizeof *places), **list = calloc(count + 1, sizeof *list);
    m.forgets = calloc(forgets + 1, sizeof *m.forgets);
    if (places && list && m.forgets) { /* else: the next time */
        for (uint32_t i = 0; i < count; i++) {
            tram__place_pack(&c->drops[i], &places[i]);
            list[i] = &places[i];
        }
        if (forgets)
            memcpy(m.forgets, c->forgets, forgets * sizeof *m.forgets);
        m.n_forgets = forgets;
        m.n_drops = count;
        m.drops = list;
        m.acked = c->acked = c->done;
        c->drop_count = c->forget_count = 0; /* what comes in while it is sent is for the next time */
        c->drop_bytes = 0;
        struct tram__send send = {.type = TRAM__FRAME_DROP, .spec = &m.base};
        if (!a->gone)
            tram__actor_send(a, &send);
    }
    free(places);
    free(list);
    free(m.forgets);
}

enum { DROP_BYTES = 1 << 20 };

/* After the user let go of something: memory that is worth it goes back at once, the rest with the next call. */
static void settle(struct tram__eager *e) {
    if (!e->dropping)
        return;
    e->dropping = false;
    for (struct tram_actor *a = e->t->actors; a; a = a->next) {
        struct tram__caller *c = a->eager;
        if (c && !a->gone && (c->drop_bytes >= DROP_BYTES || c->forget_count))
            tram__eager_tell(a);
    }
}

/* ---- references ---- */

struct tram__future *tram__future_find(struct tram__eager *e, const struct tram_ref *r) {
    struct tram__future *f =
        r->id < (uint64_t)e->chunk_count * TRAM__FUTURE_CHUNK ? tram__future_at(e, (uint32_t)r->id) : NULL;
    if (f && f->uses == r->generation && r->output < f->object_count && f->objects[r->output].user)
        return f;
    tram__fail(TRAM_ERR_CONSUMED, "the result of this call was already fetched or released");
    return NULL;
}

static int failed(const struct tram__future *f, uint32_t output) {
    const struct tram__failure *why = tram__failure_or(f->failure);
    if (!f->failure && f->objects[output].state == TRAM__OBJECT_GONE)
        return tram__fail(TRAM_ERR_CONSUMED, "the result of %s.%s was moved into a call that failed",
                          f->actor->name, f->method);
    if (why->status == TRAM_ERR_TASK)
        tram__fail(TRAM_ERR_TASK, "%s.%s failed with code %d: %s", why->actor, why->method, why->code,
                   why->text);
    else if (why->status == TRAM_ERR_PEER_DEAD)
        tram__fail(why->status, "%s", why->text);
    else
        tram__fail(why->status, "%s.%s: %s", why->actor, why->method, why->text);
    struct tram_error *e = tram__error();
    e->code = why->code;
    snprintf(e->actor, sizeof e->actor, "%s", why->actor);
    snprintf(e->method, sizeof e->method, "%s", why->method);
    return e->status;
}

static void give_up(struct tram__eager *e, const struct tram_ref *r) {
    tram__future_at(e, (uint32_t)r->id)->objects[r->output].user = false;
    tram__future_unhold(e, (uint32_t)r->id, r->output);
    settle(e);
}

/* Where a stored result lies. Its owner announced its store before it was used, but maybe nobody has looked yet. */
static const void *find_stored(struct tram__eager *e, const struct tram__place *at) {
    const void *p = tram__store_at(&e->store, at);
    if (!p) {
        tram__actors_pump(e->t, NULL);
        p = tram__store_at(&e->store, at);
    }
    return p;
}

static int eager_borrow(struct tram__source *s, const struct tram_ref *r, struct tram_bytes *out,
                        double timeout_s) {
    struct tram__eager *e = (struct tram__eager *)s;
    struct tram__future *f = tram__future_find(e, r);
    if (!f)
        return TRAM_ERR_CONSUMED;
    struct tram__span span = e->t->trace ? tram__span_begin() : (struct tram__span){.mark = 0};
    if (f->actor)
        tram__eager_push(f->get_name, f->call);
    int status = f->done ? TRAM_OK : tram__actor_await(f->actor, &f->done, timeout_s);
    if (f->actor)
        tram__eager_pop();
    if (f->actor && (!status || timeout_s > 0)) /* a look that found nothing is no wait */
        tram__span(&span, TRAM__EVENT_AWAIT, f->traced, f->actor->index, f->call);
    e->fetching = span;
    if (status == TRAM_ERR_TIMED_OUT) {
        tram__fail(status, "%s.%s has not answered within %g s", f->actor->name, f->method, timeout_s);
        snprintf(tram__error()->actor, sizeof tram__error()->actor, "%s", f->actor->name);
        return status;
    }
    const struct tram__object *o = &f->objects[r->output];
    const void *data = NULL;
    if (f->done && o->state == TRAM__OBJECT_INLINE)
        data = tram__object_data(o);
    else if (f->done && o->state == TRAM__OBJECT_STORED && !(data = find_stored(e, &o->place)))
        status = tram__fail(TRAM_ERR_SYSTEM, "the result of %s.%s lies in a store that could not be mapped",
                            f->actor->name, f->method);
    else if (f->done && o->state != TRAM__OBJECT_STORED)
        status = failed(f, r->output);
    if (!status && !data)
        status = tram__fail(TRAM_ERR_PROTOCOL, "a result without a value");
    if (status) {
        give_up(e, r);
        return status;
    }
    if (f->actor) {
        const struct tram__caller *c = f->actor->eager;
        if (c->done - c->acked >= TRAM__UNTOLD)
            tram__eager_tell(f->actor);
    }
    *out = (struct tram_bytes){data, o->size};
    return TRAM_OK;
}

static int eager_release(struct tram__source *s, const struct tram_ref *r) {
    struct tram__eager *e = (struct tram__eager *)s;
    if (!tram__future_find(e, r))
        return TRAM_ERR_CONSUMED;
    give_up(e, r);
    return TRAM_OK;
}

enum { LOOK_AT_ALL = 16 };

/* Takes in what has arrived first: nobody else does while the program does not wait. Now and then from all actors, lest
 * one that cannot get rid of its replies holds up what this result waits for. */
static int eager_ready(struct tram__source *s, const struct tram_ref *r) {
    struct tram__eager *e = (struct tram__eager *)s;
    const struct tram__future *f = tram__future_find(e, r);
    if (!f)
        return TRAM_ERR_CONSUMED;
    if (f->done || tram__actor_pump(f->actor) != TRAM_OK || f->done)
        return 1;
    if (++e->looks % LOOK_AT_ALL == 0)
        tram__actors_pump(e->t, f->actor);
    return f->done;
}

static int watch_all(struct tram__eager *e) {
    for (struct tram_actor *a = e->t->actors; a; a = a->next) {
        struct tram__caller *c = a->eager;
        if (!c || c->watched || a->gone)
            continue;
        if (epoll_ctl(e->any, EPOLL_CTL_ADD, a->link.fd, &(struct epoll_event){.events = EPOLLIN}) != 0)
            return tram__fail_errno("watching for replies of %s", a->name);
        c->watched = true;
    }
    return TRAM_OK;
}

/* The descriptor tells of all actors, for the same reason. Nothing is taken in here: it might be the result of a reference
 * that was armed before. */
static int eager_arm(struct tram__source *s, const struct tram_ref *r, int *fd) {
    struct tram__eager *e = (struct tram__eager *)s;
    const struct tram__future *f = tram__future_find(e, r);
    if (!f)
        return TRAM_ERR_CONSUMED;
    int status = watch_all(e);
    if (status)
        return status;
    *fd = e->any;
    return f->done || !tram__actors_arm(e->t); /* what a mailbox holds already does not ring */
}

static void eager_disarm(struct tram__source *s) {
    tram__actors_disarm(((struct tram__eager *)s)->t);
}

/* Of the result that was borrowed last. */
static void eager_copied(struct tram__source *s, const struct tram_ref *r, uint64_t bytes) {
    struct tram__eager *e = (struct tram__eager *)s;
    (void)bytes;
    if (__builtin_expect(e->fetching.ring != NULL, 0)) {
        const struct tram__future *f = tram__future_find(e, r);
        if (f && f->actor)
            tram__span(&e->fetching, TRAM__EVENT_FETCH, f->traced, f->actor->index, f->call);
    }
}

const struct tram__source_ops tram__eager_ops = {.borrow = eager_borrow,
                                                 .copied = eager_copied,
                                                 .release = eager_release,
                                                 .ready = eager_ready,
                                                 .arm = eager_arm,
                                                 .disarm = eager_disarm};

/* ---- puts ---- */

enum { QUIET_NS = 20000000 };

static bool awaits_replies(const struct tram__eager *e) {
    for (const struct tram__caller *c = e->callers; c; c = c->next)
        if (c->sent > c->done)
            return true;
    return false;
}

/* Calls may be done with what they took, and nobody has looked: takes in what actors have to say, until there is room or
 * they have been quiet for a while (they may have had to wait for us with what comes next). */
static void *take_once_heard(struct tram__eager *e, uint64_t size, struct tram__place *at) {
    uint64_t until = tram__now_ns() + QUIET_NS, heard = e->heard;
    void *room = NULL;
    while (!room && awaits_replies(e) && tram__now_ns() < until) {
        tram__actors_pump(e->t, NULL);
        if (e->heard != heard) {
            heard = e->heard;
            until = tram__now_ns() + QUIET_NS;
            room = tram__store_take(&e->store, size, at);
        } else {
            tram__yield();
        }
    }
    return room ? room : tram__store_take(&e->store, size, at);
}

int tram__eager_put(struct tram__eager *e, uint64_t size, void **room, uint32_t *index) {
    struct tram__place at;
    *room = tram__store_take(&e->store, size, &at);
    if (!*room && tram_last_error()->status != TRAM_ERR_TOO_LARGE)
        *room = take_once_heard(e, size, &at);
    if (!*room)
        return tram_last_error()->status;
    *index = tram__future_take(e, 1);
    if (*index == TRAM__NO_FUTURE) {
        tram__store_give(&e->store, &at);
        return TRAM_ERR_NO_MEMORY;
    }
    struct tram__future *f = tram__future_at(e, *index);
    f->method = "put";
    f->done = true;
    tram__object_store(e, &f->one, &at, NULL);
    return TRAM_OK;
}

int tram_put_loan(struct tram *t, size_t size, void **buffer, struct tram_ref *ref) {
    struct tram__eager *e = t->eager;
    uint32_t index;
    int status = tram__eager_put(e, size, buffer, &index);
    if (status)
        return status;
    struct tram__future *f = tram__future_at(e, index);
    tram__future_hold(e, index, 0);
    f->one.user = true;
    *ref = (struct tram_ref){.source = &e->source, .id = index, .generation = f->uses};
    return TRAM_OK;
}

int tram_put(struct tram *t, const void *data, size_t size, struct tram_ref *ref) {
    void *buffer;
    if (size && !data)
        return tram__fail(TRAM_ERR_INVALID, "a put of %zu bytes at NULL", size);
    int status = tram_put_loan(t, size, &buffer, ref);
    if (!status)
        tram__copy(buffer, data, size);
    return status;
}

int tram_eager_stats(const struct tram *t, struct tram_eager_stats *out) {
    const struct tram__eager *e = t->eager;
    *out = e->stats;
    out->outstanding = e->taken;
    out->outstanding_bytes += (uint64_t)e->chunk_count * TRAM__FUTURE_CHUNK * sizeof(struct tram__future);
    return TRAM_OK;
}

/* ---- the whole ---- */

/* A quarter of what there is, for each process's store. */
static uint64_t default_store(void) {
    uint64_t bytes = tram__memory_available() / 4;
    return bytes < UINT64_C(16) << 20 ? UINT64_C(16) << 20 : bytes;
}

int tram__eager_init(struct tram *t) {
    struct tram__eager *e = calloc(1, sizeof *e);
    if (!e)
        return tram__fail(TRAM_ERR_NO_MEMORY, "eager calls");
    int status = tram__timeout_find("TRAM_GET_TIMEOUT", 0, TRAM__GET_TIMEOUT_S, &e->source.get_timeout_s);
    if (status) {
        free(e);
        return status;
    }
    e->any = epoll_create1(EPOLL_CLOEXEC);
    if (e->any < 0) {
        free(e);
        return tram__fail_errno("a descriptor for all actors");
    }
    if (t->bell >= 0)
        epoll_ctl(e->any, EPOLL_CTL_ADD, t->bell, &(struct epoll_event){.events = EPOLLIN});
    e->source.ops = &tram__eager_ops;
    e->t = t;
    e->free = TRAM__NO_FUTURE;
    if (!t->store_bytes)
        t->store_bytes = default_store();
    tram__store_init(&e->store, TRAM__DRIVER, "the driver", t->store_bytes);
    t->eager = e;
    tram__eager_listen(t);
    return TRAM_OK;
}

void tram__eager_fini(struct tram *t) {
    struct tram__eager *e = t->eager;
    if (!e)
        return;
    for (uint32_t i = 0; i < e->chunk_count * TRAM__FUTURE_CHUNK; i++)
        if (tram__future_at(e, i)->uses % 2)
            tram__future_give(e, i);
    for (uint32_t i = 0; i < e->chunk_count; i++)
        free(e->chunks[i]);
    while (e->callers) {
        struct tram__caller *c = e->callers;
        e->callers = c->next;
        free(c->calls);
        free(c->drops);
        free(c->forgets);
        free(c);
    }
    tram__builder_free(e->builder);
    tram__store_fini(&e->store);
    close(e->any);
    free(e);
    t->eager = NULL;
}
