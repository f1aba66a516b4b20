/* SPDX-License-Identifier: Apache-2.0
 *
 * The driver's side of eager calls: futures and references. A reference's id is a future's index and the
 * number of times that future was used, so a stale one is noticed.
 */
#include "actor/ref.h"
#include "actor/wire.pb-c.h"
#include "base/error.h"
#include "eager/eager.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = 256, MAX_CHUNKS = 4096, NONE = -1 };

struct future {
    struct tram_actor *actor;
    const char *method; /* of the actor's own table */
    uint32_t uses;      /* odd: taken */
    int32_t next_free;
    bool done, abandoned; /* abandoned: released before its reply came */
    int status;           /* ERR_TASK with code and text, or 0 */
    int code;
    char *text;
    struct tram__buffer data;
    size_t size;
};

struct eager {
    struct tram__source source; /* first: a reference leads here */
    struct tram *t;
    struct future *chunks[MAX_CHUNKS];
    uint32_t chunk_count;
    int32_t free;
    struct tram__arena arena;
};

static struct future *future_at(struct eager *e, uint32_t index) {
    return &e->chunks[index / CHUNK][index % CHUNK];
}

static int grow(struct eager *e) {
    struct future *chunk = e->chunk_count < MAX_CHUNKS ? calloc(CHUNK, sizeof *chunk) : NULL;
    if (!chunk)
        return tram__fail(TRAM_ERR_NO_MEMORY, "more than %u calls outstanding", e->chunk_count * CHUNK);
    for (int i = 0; i < CHUNK; i++)
        chunk[i].next_free = i + 1 < CHUNK ? (int32_t)(e->chunk_count * CHUNK) + i + 1 : NONE;
    e->free = (int32_t)(e->chunk_count * CHUNK);
    e->chunks[e->chunk_count++] = chunk;
    return TRAM_OK;
}

static void give_back(struct eager *e, uint32_t index) {
    struct future *f = future_at(e, index);
    free(f->text);
    f->text = NULL;
    f->uses++;
    f->next_free = e->free;
    e->free = (int32_t)index;
}

static void on_reply(struct tram_actor *a, const struct tram__frame *frame) {
    struct eager *e = a->t->eager;
    ProtobufCAllocator *allocator = tram__arena_reset(&e->arena);
    Tram__Wire__TaskReply *m = tram__wire__task_reply__unpack(allocator, frame->spec_size, frame->spec);
    uint32_t index = m ? (uint32_t)m->task : 0;
    struct future *f = m && index < e->chunk_count * CHUNK ? future_at(e, index) : NULL;
    if (f && f->uses == (uint32_t)(m->task >> 32) && f->actor == a && !f->done) {
        f->done = true;
        f->status = m->status;
        f->code = m->code;
        if (m->status)
            f->text = strdup(m->text);
        f->size = frame->payload_size;
        if (f->abandoned) {
            give_back(e, index);
        } else if (f->size && !tram__link_take_large(&a->link, frame, &f->data)) {
            if (tram__buffer_room(&f->data, f->size))
                memcpy(f->data.data, frame->payload, f->size);
            else
                f->status = TRAM_ERR_NO_MEMORY;
        }
    }
    if (m)
        tram__wire__task_reply__free_unpacked(m, allocator);
}

int tram_call(struct tram_actor *a, const char *method, const void *data, size_t size, struct tram_ref *ref) {
    struct eager *e = a->t->eager;
    const struct tram__method_info *info = tram__actor_method(a, method);
    if (!info)
        return tram__fail(TRAM_ERR_NOT_FOUND, "class %s of actor %s has no method '%s'", a->class_name,
                          a->name, method);
    int status;
    if (info->results > 1)
        return tram__fail(TRAM_ERR_UNSUPPORTED, "%s.%s has %u results; an eager call takes one", a->name,
                          method, info->results);
    if (e->free == NONE && (status = grow(e)))
        return status;
    uint32_t index = (uint32_t)e->free;
    struct future *f = future_at(e, index);
    e->free = f->next_free;
    f->uses++;
    f->actor = a;
    f->method = info->name;
    f->done = f->abandoned = false;
    f->size = 0;

    Tram__Wire__TaskSpec spec = TRAM__WIRE__TASK_SPEC__INIT;
    Tram__Wire__Argument argument = TRAM__WIRE__ARGUMENT__INIT, *arguments[1] = {&argument};
    argument.bytes = size;
    spec.task = (uint64_t)f->uses << 32 | index;
    spec.actor = a->index;
    spec.method = (char *)(uintptr_t)method;
    spec.n_arguments = 1;
    spec.arguments = arguments;
    spec.results = 1;
    struct tram__send send = {
        .type = TRAM__FRAME_CALL, .spec = &spec.base, .payload = data, .payload_size = size};
    status = tram__actor_send(a, &send);
    if (status) {
        give_back(e, index);
        return status;
    }
    *ref = (struct tram_ref){.source = &e->source, .id = index, .generation = f->uses};
    return TRAM_OK;
}

/* The future of a reference, or NULL with a message. */
static struct future *find(struct tram__source *s, const struct tram_ref *r) {
    struct eager *e = (struct eager *)s;
    struct future *f = r->id < (uint64_t)e->chunk_count * CHUNK ? future_at(e, (uint32_t)r->id) : NULL;
    if (f && f->uses == r->generation && !f->abandoned)
        return f;
    tram__fail(TRAM_ERR_CONSUMED, "the result of this call was already fetched or released");
    return NULL;
}

static int failed(struct future *f) {
    if (f->status == TRAM_ERR_TASK)
        tram__fail(TRAM_ERR_TASK, "%s.%s failed with code %d: %s", f->actor->name, f->method, f->code,
                   f->text ? f->text : "");
    else
        tram__fail(f->status, "%s.%s: %s", f->actor->name, f->method,
                   f->text ? f->text : tram_status_text(f->status));
    struct tram_error *e = tram__error();
    e->code = f->code;
    snprintf(e->actor, sizeof e->actor, "%s", f->actor->name);
    snprintf(e->method, sizeof e->method, "%s", f->method);
    return e->status;
}

static int eager_borrow(struct tram__source *s, const struct tram_ref *r, struct tram_bytes *out,
                        double timeout_s) {
    struct future *f = find(s, r);
    if (!f)
        return TRAM_ERR_CONSUMED;
    int status = tram__actor_await(f->actor, &f->done, timeout_s);
    if (status == TRAM_ERR_TIMED_OUT) {
        tram__fail(status, "%s.%s has not answered within %g s", f->actor->name, f->method, timeout_s);
        snprintf(tram__error()->actor, sizeof tram__error()->actor, "%s", f->actor->name);
        return status;
    }
    if (!status && f->status)
        status = failed(f);
    if (status) {
        give_back((struct eager *)s, (uint32_t)r->id);
        return status;
    }
    *out = (struct tram_bytes){f->data.data, f->size};
    return TRAM_OK;
}

static int eager_release(struct tram__source *s, const struct tram_ref *r) {
    struct future *f = find(s, r);
    if (!f)
        return TRAM_ERR_CONSUMED;
    if (f->done || f->actor->gone)
        give_back((struct eager *)s, (uint32_t)r->id);
    else
        f->abandoned = true;
    return TRAM_OK;
}

/* Takes in what has arrived first: nobody else does while the program does not wait. */
static int eager_ready(struct tram__source *s, const struct tram_ref *r) {
    struct future *f = find(s, r);
    if (!f)
        return TRAM_ERR_CONSUMED;
    return f->done || (tram__actor_pump(f->actor) != TRAM_OK || f->done) ? 1 : 0;
}

static int eager_arm(struct tram__source *s, const struct tram_ref *r, int *fd) {
    int ready = eager_ready(s, r);
    if (!ready)
        *fd = find(s, r)->actor->link.fd;
    return ready;
}

static const struct tram__source_ops ops = {
    .borrow = eager_borrow, .release = eager_release, .ready = eager_ready, .arm = eager_arm};

int tram__eager_init(struct tram *t) {
    struct eager *e = calloc(1, sizeof *e);
    if (!e)
        return tram__fail(TRAM_ERR_NO_MEMORY, "eager calls");
    e->source.ops = &ops;
    e->source.get_timeout_s = 10;
    e->t = t;
    e->free = NONE;
    t->eager = e;
    t->on_frame[TRAM__FRAME_REPLY] = on_reply;
    return TRAM_OK;
}

void tram__eager_fini(struct tram *t) {
    struct eager *e = t->eager;
    for (uint32_t i = 0; e && i < e->chunk_count * CHUNK; i++) {
        free(future_at(e, i)->text);
        tram__buffer_free(&future_at(e, i)->data);
    }
    for (uint32_t i = 0; e && i < e->chunk_count; i++)
        free(e->chunks[i]);
    free(e);
    t->eager = NULL;
}
