/* SPDX-License-Identifier: Apache-2.0 */
#include "eager/future.h"

#include "base/append.h"
#include "base/error.h"

#include <stdlib.h>
#include <string.h>

static bool grow(struct tram__eager *e) {
    uint32_t first = e->chunk_count * TRAM__FUTURE_CHUNK;
    struct tram__future *chunk =
        e->chunk_count < TRAM__FUTURE_CHUNKS ? calloc(TRAM__FUTURE_CHUNK, sizeof *chunk) : NULL;
    if (!chunk) {
        tram__fail(TRAM_ERR_NO_MEMORY, "%u results of calls are outstanding; the limit is %d", e->taken,
                   TRAM__FUTURE_CHUNK * TRAM__FUTURE_CHUNKS);
        return false;
    }
    for (uint32_t i = 0; i < TRAM__FUTURE_CHUNK; i++)
        chunk[i].next_free = i + 1 < TRAM__FUTURE_CHUNK ? first + i + 1 : TRAM__NO_FUTURE;
    e->chunks[e->chunk_count++] = chunk;
    e->free = first;
    return true;
}

uint32_t tram__future_take(struct tram__eager *e, uint32_t results) {
    if (e->free == TRAM__NO_FUTURE && !grow(e))
        return TRAM__NO_FUTURE;
    uint32_t index = e->free;
    struct tram__future *f = tram__future_at(e, index);
    struct tram__object *objects = &f->one;
    if (results > 1 && !(objects = calloc(results, sizeof *objects))) {
        tram__fail(TRAM_ERR_NO_MEMORY, "%u results", results);
        return TRAM__NO_FUTURE;
    }
    if (results > 1)
        e->stats.outstanding_bytes += results * sizeof *objects;
    e->free = f->next_free;
    e->taken++;
    *f = (struct tram__future){.uses = f->uses + 1, .object_count = results, .objects = objects};
    f->held = f->few;
    return index;
}

/* ---- objects ---- */

bool tram__object_set(struct tram__eager *e, struct tram__object *o, const void *data, uint64_t size) {
    void *to = o->small;
    if (size > TRAM__SMALL) {
        to = malloc(size);
        if (!to)
            return false;
        o->data = to;
        e->stats.outstanding_bytes += size;
    }
    if (size)
        memcpy(to, data, size);
    o->size = size;
    o->state = TRAM__OBJECT_INLINE;
    return true;
}

const void *tram__object_data(const struct tram__object *o) {
    return o->size > TRAM__SMALL ? o->data : o->small;
}

static struct tram_actor *owner_of(struct tram__eager *e, const struct tram__place *at) {
    struct tram_actor *a = e->t->actors;
    while (a && a->index + 1 != at->owner)
        a = a->next;
    return a;
}

void tram__object_store(struct tram__eager *e, struct tram__object *o, const struct tram__place *at,
                        struct tram__caller *owner) {
    o->place = *at;
    o->size = at->size;
    o->state = TRAM__OBJECT_STORED;
    if (owner)
        owner->stored++;
    e->stats.stored++;
    e->stats.stored_bytes += at->size;
    e->stats.stored_ever++;
    e->stats.stored_bytes_ever += at->size;
}

void tram__eager_forget_store(struct tram__eager *e, uint32_t owner) {
    tram__store_forget(&e->store, owner);
    for (struct tram__caller *c = e->callers; c; c = c->next)
        tram__append(&c->forgets, &c->forget_count, sizeof owner, &owner);
    e->dropping = true;
}

/* Nobody holds the object any more: its owner may use the memory again. */
static void drop(struct tram__eager *e, const struct tram__place *at) {
    e->stats.stored--;
    e->stats.stored_bytes -= at->size;
    if (at->owner == TRAM__DRIVER) {
        tram__store_give(&e->store, at);
        return;
    }
    struct tram_actor *a = owner_of(e, at);
    struct tram__caller *c = a ? a->eager : NULL;
    if (c && --c->stored == 0 && a->gone)
        tram__eager_forget_store(e, at->owner);
    if (c && !a->gone && tram__append(&c->drops, &c->drop_count, sizeof *at, at))
        c->drop_bytes += at->size;
    e->dropping = true;
}

static void free_object(struct tram__eager *e, struct tram__object *o) {
    if (o->state == TRAM__OBJECT_INLINE && o->size > TRAM__SMALL) {
        free(o->data);
        e->stats.outstanding_bytes -= o->size;
    }
    o->state = TRAM__OBJECT_GONE;
}

/* ---- futures ---- */

void tram__future_give(struct tram__eager *e, uint32_t index) {
    struct tram__future *f = tram__future_at(e, index);
    for (uint32_t i = 0; i < f->object_count; i++)
        free_object(e, &f->objects[i]);
    if (f->objects != &f->one) {
        free(f->objects);
        e->stats.outstanding_bytes -= f->object_count * sizeof *f->objects;
    }
    if (f->held != f->few)
        free(f->held);
    free(f->failure);
    f->failure = NULL;
    f->uses++;
    f->next_free = e->free;
    e->free = index;
    e->taken--;
}

void tram__future_hold(struct tram__eager *e, uint32_t index, uint32_t result) {
    struct tram__future *f = tram__future_at(e, index);
    if (f->objects[result].holds++ == 0)
        f->alive++;
}

uint64_t tram__future_call(const struct tram__future *f) {
    const struct tram__caller *c = f->actor->eager;
    return c->sent - (uint32_t)((uint32_t)c->sent - f->call);
}

/* Nobody will ask for the reply, yet there may be memory to give back with it. */
static void orphan(const struct tram__future *f) {
    struct tram__caller *c = f->actor->eager;
    uint64_t call = tram__future_call(f);
    if (call > c->orphan)
        c->orphan = call;
}

/* A forward lets go of what it is a forward of: down the line. */
void tram__future_unhold(struct tram__eager *e, uint32_t index, uint32_t result) {
    for (bool more = true; more;) {
        struct tram__future *f = tram__future_at(e, index);
        struct tram__object *o = &f->objects[result];
        more = false;
        if (--o->holds)
            return;
        f->alive--;
        uint32_t next = o->forward_future, next_result = o->forward_result;
        if (o->state == TRAM__OBJECT_STORED && o->is_forward)
            more = true;
        else if (o->state == TRAM__OBJECT_STORED)
            drop(e, &o->place);
        if (f->done) {
            free_object(e, o);
            if (!f->alive)
                tram__future_give(e, index);
        } else if (f->actor) {
            orphan(f);
        }
        index = next;
        result = next_result;
    }
}

bool tram__future_claim(struct tram__eager *e, uint32_t index, struct tram__hold claim) {
    struct tram__future *f = tram__future_at(e, index);
    if (f->held_count == 2 && f->held == f->few) {
        struct tram__hold *held = malloc(4 * sizeof *held);
        if (!held)
            return false;
        memcpy(held, f->few, sizeof f->few);
        f->held = held;
        f->held[f->held_count++] = claim;
    } else if (f->held == f->few) {
        f->held[f->held_count++] = claim;
    } else if (!tram__append(&f->held, &f->held_count, sizeof claim, &claim)) {
        return false;
    }
    tram__future_hold(e, claim.future, claim.result);
    return true;
}

void tram__future_done(struct tram__eager *e, uint32_t index) {
    struct tram__future *f = tram__future_at(e, index);
    f->done = true;
    for (uint32_t i = 0; i < f->held_count; i++)
        tram__future_unhold(e, f->held[i].future, f->held[i].result);
    f->held_count = 0;
    for (uint32_t i = 0; i < f->object_count; i++) {
        struct tram__object *o = &f->objects[i];
        if (o->holds)
            continue;
        if (o->state == TRAM__OBJECT_STORED && o->is_forward)
            tram__future_unhold(e, o->forward_future, o->forward_result);
        else if (o->state == TRAM__OBJECT_STORED)
            drop(e, &o->place);
        free_object(e, o);
    }
    if (!f->alive)
        tram__future_give(e, index);
}

/* ---- calls on one actor ---- */

struct tram__caller *tram__caller_of(struct tram_actor *a) {
    struct tram__eager *e = a->t->eager;
    if (a->eager)
        return a->eager;
    struct tram__caller *c = calloc(1, sizeof *c);
    if (!c) {
        tram__fail(TRAM_ERR_NO_MEMORY, "calls on %s", a->name);
        return NULL;
    }
    c->next = e->callers;
    e->callers = c;
    return a->eager = c;
}

bool tram__caller_reserve(struct tram__caller *c) {
    uint64_t used = c->sent - c->done;
    if (used < c->capacity)
        return true;
    uint32_t capacity = c->capacity ? 2 * c->capacity : 64;
    uint32_t *calls = malloc(capacity * sizeof *calls);
    if (!calls)
        return false;
    for (uint64_t n = c->done + 1; n <= c->sent; n++)
        calls[n & (capacity - 1)] = c->calls[n & (c->capacity - 1)];
    free(c->calls);
    c->calls = calls;
    c->capacity = capacity;
    return true;
}
