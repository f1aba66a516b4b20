/* SPDX-License-Identifier: Apache-2.0
 *
 * Submitting a call: each argument is resolved to bytes in the frame, an object in a store, or a result to come; the call
 * is sent, and before it the producers of what is to come are asked to send it on.
 *
 * Sending may take in replies (the socket was full). A result that was found pending may so have arrived when its producer
 * is asked for it; it is still there, for no frame with an `acked` that covers it goes out in between: those to other
 * actors are sent by no handler, and that of this call was chosen before anything was resolved.
 */
#include "actor/tensor.h"
#include "base/error.h"
#include "eager/future.h"

#include "base/append.h"
#include "base/copy.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST_ARGUMENTS = 2048, MOST_DEPTH = 64, LOOK_AT_ALL = 256 };

/* A result to be sent on by its producer. */
struct request {
    struct tram_actor *producer;
    Tram__Wire__Send message;
};

struct tram__builder {
    struct tram__eager *e;
    struct tram_actor *actor;
    const char *method;
    uint32_t future;
    uint32_t argument_count;
    Tram__Wire__Argument arguments[MOST_ARGUMENTS], *list[MOST_ARGUMENTS];
    Tram__Wire__Place places[MOST_ARGUMENTS];
    Tram__Wire__Failure failures[MOST_ARGUMENTS];
    uint32_t *shape, shape_count;
    bool lists;
    uint32_t where;      /* of the argument that is being added */
    const void *payload; /* of one inline argument where it is, of several in `gathered` */
    uint64_t payload_size;
    struct tram__buffer gathered;
    struct request *requests;
    uint32_t request_count;
    struct tram_ref **moved;
    uint32_t moved_count;
};

void tram__builder_free(struct tram__builder *b) {
    if (!b)
        return;
    tram__buffer_free(&b->gathered);
    free(b->shape);
    free(b->requests);
    free(b->moved);
    free(b);
}

static int no_memory(const struct tram__builder *b) {
    return tram__fail(TRAM_ERR_NO_MEMORY, "a call of %s.%s", b->actor->name, b->method);
}

/* ---- what others have to know first ---- */

/* Tells the actor of the store that a place lies in. */
static int tell(struct tram__builder *b, const struct tram__place *at) {
    struct tram__map *g = tram__store_tell(&b->e->store, at, 1 + b->actor->index);
    if (!g)
        return TRAM_OK;
    Tram__Wire__Store m;
    struct tram__send send;
    tram__store_frame(g, &m, &send);
    return tram__actor_send(b->actor, &send);
}

static int send_peer(struct tram_actor *to, const struct tram_actor *other, int fd) {
    Tram__Wire__Peer m = TRAM__WIRE__PEER__INIT;
    m.index = other->index;
    m.name = other->name;
    struct tram__send send = {.type = TRAM__FRAME_PEER, .spec = &m.base, .fds = &fd, .fd_count = 1};
    return tram__actor_send(to, &send);
}

/* Gives two actors a link to each other. That one of them is dead shows when it is next spoken to. */
static int link_up(struct tram_actor *a, struct tram_actor *b) {
    struct tram__caller *c = tram__caller_of(a), *d = tram__caller_of(b);
    int pair[2];
    if (!c || !d)
        return TRAM_ERR_NO_MEMORY;
    if (c->linked[b->index / 64] >> b->index % 64 & 1)
        return TRAM_OK;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return tram__fail_errno("a socket pair for actors %s and %s", a->name, b->name);
    int status = send_peer(a, b, pair[0]);
    if (!status)
        status = send_peer(b, a, pair[1]);
    close(pair[0]);
    close(pair[1]);
    if (status)
        return status;
    c->linked[b->index / 64] |= UINT64_C(1) << b->index % 64;
    d->linked[a->index / 64] |= UINT64_C(1) << a->index % 64;
    return TRAM_OK;
}

/* ---- arguments ---- */

static Tram__Wire__Argument *add_argument(struct tram__builder *b, enum tram__argument_kind kind) {
    Tram__Wire__Argument *m = &b->arguments[b->argument_count];
    tram__wire__argument__init(m);
    m->kind = kind;
    m->target = b->where;
    b->list[b->argument_count++] = m;
    return m;
}

static int add_inline(struct tram__builder *b, const void *data, uint64_t size) {
    bool first = !b->payload_size && b->argument_count == 0;
    add_argument(b, TRAM__INLINE)->bytes = size;
    if (first) {
        b->payload = data;
        b->payload_size = size;
        return TRAM_OK;
    }
    uint64_t at = tram__padded(b->payload_size), need = at + size;
    if (b->payload != b->gathered.data || need > b->gathered.capacity) {
        struct tram__buffer more = {0};
        if (need > b->gathered.capacity && !tram__buffer_room(&more, 2 * need))
            return TRAM_ERR_NO_MEMORY;
        unsigned char *to = more.data ? more.data : b->gathered.data;
        if (b->payload_size)
            memcpy(to, b->payload, b->payload_size);
        if (more.data) {
            tram__buffer_free(&b->gathered);
            b->gathered = more;
        }
        b->payload = b->gathered.data;
    }
    if (at > b->payload_size)
        memset(b->gathered.data + b->payload_size, 0, at - b->payload_size);
    if (size)
        memcpy(b->gathered.data + at, data, size);
    b->payload_size = need;
    return TRAM_OK;
}

static int add_stored(struct tram__builder *b, const struct tram__place *at) {
    int status = tell(b, at);
    if (status)
        return status;
    uint32_t i = b->argument_count;
    tram__place_pack(at, &b->places[i]);
    add_argument(b, TRAM__STORED)->place = &b->places[i];
    return TRAM_OK;
}

/* Large bytes: an object that this call alone holds. */
static int add_large(struct tram__builder *b, const void *data, uint64_t size) {
    uint32_t index;
    void *room;
    int status = tram__eager_put(b->e, size, &room, &index);
    if (status)
        return status;
    tram__copy(room, data, size);
    if (!tram__future_claim(b->e, b->future, (struct tram__hold){index, 0, b->argument_count})) {
        tram__future_done(b->e, index);
        return no_memory(b);
    }
    return add_stored(b, &tram__future_at(b->e, index)->one.place);
}

static int add_failed(struct tram__builder *b, const struct tram__failure *f) {
    uint32_t i = b->argument_count;
    tram__failure_pack(tram__failure_or(f), &b->failures[i]);
    Tram__Wire__Argument *m = add_argument(b, TRAM__FAILED);
    m->failure = &b->failures[i];
    return TRAM_OK;
}

/* The maker of a result that is not there yet may be dead, and we the first to notice; then what it had sent is taken in, and
 * the result may be there. Else it gets a link to our actor. */
static int reach(struct tram__builder *b, const struct tram__future *f) {
    if (f->actor == b->actor || tram__actor_lost(f->actor))
        return TRAM_OK;
    int status = link_up(f->actor, b->actor);
    return f->done ? TRAM_OK : status;
}

/* A result that is not there yet: of this actor, or to be sent by another. */
static int add_pending(struct tram__builder *b, const struct tram__future *f, uint32_t result,
                       enum tram_value_kind kind) {
    uint64_t call = tram__future_call(f);
    bool own = f->actor == b->actor;
    Tram__Wire__Argument *m = add_argument(b, own ? TRAM__OWN : TRAM__SENT);
    m->after = kind == TRAM_AFTER;
    if (own) {
        m->call = call;
        m->result = result;
        m->moved = kind == TRAM_MOVE;
        return TRAM_OK;
    }
    m->from = f->actor->index;
    struct request r = {f->actor, TRAM__WIRE__SEND__INIT};
    r.message.call = call;
    r.message.result = result;
    r.message.to = b->actor->index;
    r.message.argument = b->argument_count - 1;
    r.message.after = m->after;
    r.message.moved = kind == TRAM_MOVE;
    return tram__append(&b->requests, &b->request_count, sizeof r, &r) ? TRAM_OK : no_memory(b);
}

static int add_reference(struct tram__builder *b, const struct tram_value *v, uint32_t at) {
    struct tram__eager *e = b->e;
    struct tram_ref *r = v->ref;
    if (!r || !r->source)
        return tram__fail(TRAM_ERR_CONSUMED,
                          "argument %u of %s.%s is an empty reference: never set, or already fetched "
                          "or released",
                          at, b->actor->name, b->method);
    if (r->source != &e->source)
        return tram__fail(
            TRAM_ERR_INVALID, "argument %u of %s.%s is a reference of %s", at, b->actor->name, b->method,
            r->source->ops == &tram__eager_ops ? "another runtime" : "a compiled graph: fetch it first");
    struct tram__future *f = tram__future_find(e, r);
    if (!f)
        return tram__fail(TRAM_ERR_CONSUMED, "argument %u of %s.%s was already fetched or released", at,
                          b->actor->name, b->method);
    int status = f->done ? TRAM_OK : reach(b, f);
    if (status || (f->done && v->kind == TRAM_AFTER))
        return status;
    const struct tram__object *o = &f->objects[r->output];
    if (!tram__future_claim(e, b->future,
                            (struct tram__hold){(uint32_t)r->id, r->output, b->argument_count}) ||
        (v->kind == TRAM_MOVE && !tram__append(&b->moved, &b->moved_count, sizeof r, &r)))
        return no_memory(b);
    switch ((enum tram__object_state)o->state) {
    case TRAM__OBJECT_PENDING:
        return add_pending(b, f, r->output, v->kind);
    case TRAM__OBJECT_INLINE:
        return add_inline(b, tram__object_data(o), o->size);
    case TRAM__OBJECT_STORED:
        return add_stored(b, &o->place);
    case TRAM__OBJECT_FAILED:
    case TRAM__OBJECT_GONE:
        break;
    }
    return add_failed(b, f->failure);
}

/* What stands for a value in the shape; what is only waited for is no element of its list. */
static uint32_t head_of(const struct tram_value *v) {
    const struct tram_value *values = v->data;
    uint32_t elements = 0;
    if (v->kind != TRAM_LIST)
        return 0;
    for (size_t i = 0; values && i < v->size; i++)
        elements += values[i].kind != TRAM_AFTER;
    return 1 + elements;
}

static int null_data(const struct tram__builder *b, const struct tram_value *v, uint32_t at) {
    return tram__fail(TRAM_ERR_INVALID, "argument %u of %s.%s is %zu %s at NULL", at, b->actor->name,
                      b->method, v->size, v->kind == TRAM_LIST ? "values" : "bytes");
}

static int add_value(struct tram__builder *b, const struct tram_value *v, uint32_t at, unsigned depth) {
    uint32_t head = head_of(v);
    if (v->kind != TRAM_AFTER && !tram__append(&b->shape, &b->shape_count, sizeof head, &head))
        return no_memory(b);
    if (v->kind != TRAM_LIST && b->argument_count == MOST_ARGUMENTS)
        return tram__fail(TRAM_ERR_TOO_LARGE, "%s.%s has more than %d arguments and results to wait for",
                          b->actor->name, b->method, (int)MOST_ARGUMENTS);
    int status = TRAM_OK;
    b->where = (uint32_t)v->where;
    if (b->where > TRAM_ON_DEVICE)
        return tram__fail(TRAM_ERR_INVALID, "argument %u of %s.%s is wanted in place %d", at, b->actor->name,
                          b->method, v->where);
    switch (v->kind) {
    case TRAM_BYTES:
        if (v->size && !v->data)
            return null_data(b, v, at);
        return v->size > TRAM__INLINE_MOST ? add_large(b, v->data, v->size) : add_inline(b, v->data, v->size);
    case TRAM_REF:
    case TRAM_MOVE:
    case TRAM_AFTER:
        return add_reference(b, v, at);
    case TRAM_LIST:
        b->lists = true;
        if (v->size && !v->data)
            return null_data(b, v, at);
        if (depth == MOST_DEPTH)
            return tram__fail(TRAM_ERR_TOO_LARGE, "lists in lists, more than %d deep", (int)MOST_DEPTH);
        for (size_t i = 0; !status && i < v->size; i++)
            status = add_value(b, (const struct tram_value *)v->data + i, at, depth + 1);
        return status;
    }
    return tram__fail(TRAM_ERR_INVALID, "argument %u of %s.%s is of kind %d", at, b->actor->name, b->method,
                      (int)v->kind);
}

/* ---- the call ---- */

static int send_call(struct tram__builder *b, struct tram__caller *c, uint64_t acked,
                     const struct tram_call_params *p, const struct tram__method_info *info, bool silent) {
    Tram__Wire__TaskSpec m = TRAM__WIRE__TASK_SPEC__INIT;
    uint64_t limits[TRAM_MAX_RESULTS];
    m.call = c->sent + 1;
    m.method = (char *)(uintptr_t)b->method;
    m.n_arguments = b->argument_count;
    m.arguments = b->list;
    m.n_shape = b->lists ? b->shape_count : 0;
    m.shape = b->shape;
    for (uint32_t i = 0; p->limits && i < info->results; i++)
        limits[i] = p->limits[i];
    m.n_limits = p->limits ? info->results : 0;
    Tram__Wire__Tensor tensors[TRAM_MAX_RESULTS], *announced[TRAM_MAX_RESULTS];
    for (uint32_t i = 0; p->tensors && i < info->results; i++) {
        if (!p->tensors[i])
            continue;
        tram__tensor_pack(p->tensors[i], &tensors[i]);
        tensors[i].result = i;
        announced[m.n_tensors++] = &tensors[i];
    }
    m.tensors = announced;
    m.limits = limits;
    m.silent = silent;
    m.onward = p->onward != 0;
    m.acked = acked;
    struct tram__send send = {
        .type = TRAM__FRAME_CALL, .spec = &m.base, .payload = b->payload, .payload_size = b->payload_size};
    return tram__actor_send(b->actor, &send);
}

/* That a producer is dead is not this call's failure: the consumer hears of it from their link, and says so. */
static void ask_producers(struct tram__builder *b, uint64_t call) {
    for (uint32_t i = 0; i < b->request_count; i++) {
        struct request *r = &b->requests[i];
        r->message.to_call = call;
        struct tram__send send = {.type = TRAM__FRAME_SEND, .spec = &r->message.base};
        if (!r->producer->gone && tram__actor_send(r->producer, &send) && !r->producer->gone)
            tram__host_kill(r->producer->t, r->producer->index); /* else the call would wait for ever */
    }
}

static int build(struct tram__eager *e, uint32_t future, struct tram_actor *a, const char *method,
                 const struct tram_call_params *p) {
    struct tram__builder *b = e->builder;
    if (!b && !(b = e->builder = calloc(1, sizeof *b)))
        return tram__fail(TRAM_ERR_NO_MEMORY, "calls");
    b->e = e;
    b->future = future;
    b->actor = a;
    b->method = method;
    b->argument_count = b->shape_count = b->request_count = b->moved_count = 0;
    b->lists = false;
    b->payload = NULL;
    b->payload_size = 0;
    int status = TRAM_OK;
    for (size_t i = 0; !status && i < p->value_count; i++)
        status = add_value(b, &p->values[i], (uint32_t)i, 0);
    return status;
}

static void give_up_moved(const struct tram__builder *b) {
    for (uint32_t i = 0; i < b->moved_count; i++)
        if (b->moved[i]->source)
            tram_release(b->moved[i]);
}

/* The call is on its way: its future and references are made good. */
static void submitted(struct tram__eager *e, struct tram__caller *c, struct tram_actor *a,
                      const struct tram__method_info *info, struct tram_ref *refs) {
    struct tram__builder *b = e->builder;
    struct tram__future *f = tram__future_at(e, b->future);
    c->sent++;
    c->calls[c->sent & (c->capacity - 1)] = b->future;
    f->actor = a;
    f->method = info->name;
    f->traced = info->traced;
    f->get_name = info->get_name;
    f->call = (uint32_t)c->sent;
    for (uint32_t i = 0; refs && i < info->results; i++) {
        tram__future_hold(e, b->future, i);
        f->objects[i].user = true;
    }
    if (!refs && f->held_count)
        c->orphan = c->sent; /* what it holds may be worth knowing about */
    give_up_moved(b);
    for (uint32_t i = 0; refs && i < info->results; i++) /* last: they may lie where those given up did */
        refs[i] =
            (struct tram_ref){.source = &e->source, .id = b->future, .generation = f->uses, .output = i};
}

/* Takes in the replies that nobody waits for, for the memory that goes with them: the actor may need it for this call.
 * Should it be dead, sending says so. */
static void hear_of_orphans(struct tram__eager *e, const struct tram__caller *c, struct tram_actor *a) {
    uint64_t heard = UINT64_MAX;
    if (e->stats.calls % LOOK_AT_ALL == 0 && e->taken > LOOK_AT_ALL)
        tram__actors_pump(e->t, NULL); /* for a program that only ever submits */
    while (c->orphan > c->done && e->heard != heard) {
        heard = e->heard;
        tram__actor_pump(a);
    }
}

/* What results are announced to be makes sense. */
static int check_tensors(const struct tram_actor *a, const char *method, const struct tram__method_info *info,
                         const struct tram_call_params *p) {
    for (uint32_t i = 0; p->tensors && i < info->results; i++)
        if (p->tensors[i] && !tram_tensor_value_bytes(&p->tensors[i]->tensor, p->tensors[i]->part_bytes))
            return tram__fail(TRAM_ERR_INVALID, "result %u of %s.%s: %s", i, a->name, method,
                              tram_last_error()->text);
    return TRAM_OK;
}

static int check_arguments(const struct tram_actor *a, const char *method, const struct tram_call_params *p) {
    if (!method || !p)
        return tram__fail(TRAM_ERR_INVALID, "a call on %s without a %s", a->name,
                          method ? "struct tram_call_params" : "method");
    if (p->value_count && !p->values)
        return tram__fail(TRAM_ERR_INVALID, "%s.%s: %zu values at NULL", a->name, method, p->value_count);
    return TRAM_OK;
}

static int submit(struct tram_actor *a, const char *method, const struct tram_call_params *p,
                  struct tram_ref *refs) {
    struct tram__eager *e = a->t->eager;
    struct tram__span span = e->t->trace ? tram__span_begin() : (struct tram__span){.mark = 0};
    int status = check_arguments(a, method, p);
    if (status)
        return status;
    const struct tram__method_info *info = tram__actor_method(a, method);
    if (!info)
        return tram__fail(TRAM_ERR_NOT_FOUND, "class %s of actor %s has no method '%s'", a->class_name,
                          a->name, method);
    if (a->gone)
        return tram__actor_dead(a);
    if (p->tensors && (status = check_tensors(a, method, info, p)))
        return status;
    struct tram__caller *c = tram__caller_of(a);
    if (!c)
        return TRAM_ERR_NO_MEMORY;
    hear_of_orphans(e, c, a);
    if (c->drop_count || c->forget_count || c->done - c->acked >= TRAM__UNTOLD)
        tram__eager_tell(a);
    uint64_t acked = c->done;
    uint32_t index = tram__future_take(e, info->results);
    if (index == TRAM__NO_FUTURE)
        return TRAM_ERR_NO_MEMORY;
    status = build(e, index, a, method, p);
    if (!status && !tram__caller_reserve(c))
        status = tram__fail(TRAM_ERR_NO_MEMORY, "a call of %s.%s", a->name, method);
    if (!status && tram__actor_lost(a))
        status = tram__actor_dead(a);
    if (!status) {
        ask_producers(e->builder, c->sent + 1); /* first: they get on while the call is sent */
        tram__span(&span, TRAM__EVENT_ENCODE, info->traced, a->index, c->sent + 1);
        status = send_call(e->builder, c, acked, p, info, !refs);
        if (status) {
            struct tram_error why = *tram_last_error();
            if (!a->gone) /* there will be no call with the number that they were told */
                tram__host_kill(a->t, a->index);
            give_up_moved(e->builder); /* their makers were told that nobody else wants them */
            *tram__error() = why;
        }
    }
    if (status) {
        tram__future_done(e, index);
        return status;
    }
    c->acked = acked;
    e->stats.calls++;
    submitted(e, c, a, info, refs);
    tram__span(&span, TRAM__EVENT_SEND, info->traced, a->index, c->sent);
    return TRAM_OK;
}

int tram_call_with(struct tram_actor *a, const char *method, const struct tram_call_params *p,
                   struct tram_ref *refs) {
    if (__builtin_expect(tram__probe_sink == NULL, 1))
        return submit(a, method, p, refs);
    const struct tram__method_info *info = method ? tram__actor_method(a, method) : NULL;
    const struct tram__caller *c = a->eager;
    tram__eager_push(info ? info->call_name : NULL, c ? c->sent + 1 : 1);
    int status = submit(a, method, p, refs);
    tram__eager_pop();
    return status;
}

int tram_call(struct tram_actor *a, const char *method, const void *data, size_t size,
              struct tram_ref *refs) {
    struct tram_value value = {.kind = TRAM_BYTES, .data = data, .size = size};
    return tram_call_with(a, method, &(struct tram_call_params){.value_count = 1, .values = &value}, refs);
}
