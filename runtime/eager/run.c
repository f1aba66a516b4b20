/* SPDX-License-Identifier: Apache-2.0
 *
 * Running one call: arguments are laid out where they lie, results are made where they will stay.
 */
#include "eager/serve.h"

#include "actor/tensor.h"
#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- failures ---- */

static void fail(struct tram__eager_serve *e, struct tram__entry *n, int status, int code, const char *method,
                 const char *text) {
    free(n->failure);
    n->failure = tram__must(tram__failure_make(status, code, e->serve->name, method, text));
}

/* ---- results ---- */

static void forget_stored(struct tram__eager_serve *e, struct tram__outcome *o) {
    if (o->kind == TRAM__STORED && !o->forward)
        tram__store_give(&e->store, &o->place);
    o->kind = TRAM__INLINE;
    o->size = 0;
    o->forward = 0;
}

void tram__eager_forget(struct tram__eager_serve *e, struct tram__entry *n) {
    for (uint32_t i = 0; i < n->outcome_count; i++)
        forget_stored(e, &n->outcomes[i]);
}

static void *room(struct tram_call *c, uint32_t result, uint64_t size) {
    struct tram__eager_serve *e = (struct tram__eager_serve *)c;
    struct tram__outcome *o = &e->running->outcomes[result];
    forget_stored(e, o);
    void *to;
    if (size > TRAM__INLINE_MOST) {
        to = tram__store_take(&e->store, size, &o->place);
        if (to)
            o->kind = TRAM__STORED;
        else
            tram_fail(c, tram_last_error()->status, "%s", tram_last_error()->text);
    } else {
        to = tram__buffer_room(&o->buffer, size ? size : 1);
    }
    if (to)
        o->size = size;
    return to;
}

void tram__eager_serve_call(struct tram__eager_serve *e) {
    e->call.room = room;
    e->call.results = e->results;
}

/* The result is an argument: the same object if that is stored, else its bytes. False: larger than it may be. */
static bool set_forward(struct tram__eager_serve *e, struct tram__entry *n, const Tram__Wire__TaskSpec *m,
                        uint32_t i) {
    struct tram_call *c = &e->call;
    uint32_t leaf = c->results[i].forward - 1, argument = e->argument_of[leaf];
    struct tram_bytes from = c->args[leaf];
    const struct tram__input *in = tram__entry_input(n, argument);
    if (from.size > c->results[i].limit) {
        tram_fail(c, TRAM_ERR_TOO_LARGE, "a forward of %zu bytes exceeds the limit of %llu", from.size,
                  (unsigned long long)c->results[i].limit);
        return false;
    }
    struct tram__outcome *o = &n->outcomes[i];
    forget_stored(e, o);
    o->size = from.size;
    if (m->arguments[argument]->kind == TRAM__STORED || (in && in->kind == TRAM__STORED)) {
        o->kind = TRAM__STORED;
        o->place = in ? in->place : tram__place_unpack(m->arguments[argument]->place);
        o->forward = 1 + argument;
        return true;
    }
    void *to = tram__buffer_room(&o->buffer, from.size ? from.size : 1);
    if (to && from.size)
        memcpy(to, from.data, from.size);
    return to != NULL;
}

/* The result has to be this tensor. */
static void announce(struct tram__eager_serve *e, const Tram__Wire__Tensor *m) {
    if (m->result >= e->call.result_count || m->n_shape > TRAM_MAX_RANK || m->n_strides > TRAM_MAX_RANK)
        return;
    tram__tensor_unpack(m, &e->tensors[m->result]);
    e->call.results[m->result].tensor = &e->tensors[m->result];
    e->call.announced = true;
}

static void run_method(struct tram__eager_serve *e, struct tram__entry *n, const Tram__Wire__TaskSpec *m,
                       const struct tram_method *method) {
    struct tram_call *c = &e->call;
    c->result_count = n->outcome_count;
    tram__call_reset(c);
    for (uint32_t i = 0; i < n->outcome_count; i++) {
        c->results[i].limit =
            i < m->n_limits && m->limits[i] < TRAM_MAX_BYTES ? m->limits[i] : TRAM_MAX_BYTES;
        c->results[i].tensor = NULL;
    }
    c->announced = false;
    for (size_t i = 0; i < m->n_tensors; i++)
        announce(e, m->tensors[i]);
    c->targets = e->targets;
    c->may_forward = method->forwards;
    c->stream = e->serve->stream;
    e->running = n;
    if (tram__probe_sink && !e->ranges)
        tram__eager_name_ranges(e);
    tram__eager_push(e->ranges ? e->ranges[method - e->serve->class->methods] : NULL, m->call);
    int code = tram__call_run(c, method->fn, e->serve->self);
    tram__eager_pop();
    for (uint32_t i = 0; !code && i < n->outcome_count; i++)
        if (c->results[i].forward && !set_forward(e, n, m, i))
            code = c->code ? c->code : TRAM_ERR_NO_MEMORY;
    e->running = NULL;
    if (!code)
        return;
    tram__eager_forget(e, n);
    fail(e, n, TRAM_ERR_TASK, code, method->name, c->text);
}

/* ---- arguments ---- */

static bool make_room(struct tram__eager_serve *e, size_t count) {
    if (count <= e->arg_capacity)
        return true;
    struct tram_bytes *args = realloc(e->args, count * sizeof *args);
    if (args)
        e->args = args;
    uint32_t *argument_of = realloc(e->argument_of, count * sizeof *argument_of);
    if (argument_of)
        e->argument_of = argument_of;
    uint8_t *targets = realloc(e->targets, count * sizeof *targets);
    if (targets)
        e->targets = targets;
    if (!args || !argument_of || !targets)
        return false;
    e->arg_capacity = (uint32_t)count;
    return true;
}

/* FAILED: an argument did, and its failure is the call's own. */
enum laid { LAID, LAID_BADLY, LAID_FAILED };

static enum laid lay_out(struct tram__eager_serve *e, struct tram__entry *n, const Tram__Wire__TaskSpec *m,
                         const unsigned char *payload, size_t left) {
    struct tram_call *c = &e->call;
    c->args = e->args;
    c->arg_count = 0;
    for (uint32_t i = 0; i < m->n_arguments; i++) {
        const Tram__Wire__Argument *a = m->arguments[i];
        const struct tram__input *in =
            a->kind == TRAM__SENT || a->kind == TRAM__OWN ? tram__entry_input(n, i) : NULL;
        struct tram_bytes to = {0};
        struct tram__place place = {0};
        if (a->after)
            continue;
        enum tram__argument_kind kind = in ? in->kind : (enum tram__argument_kind)a->kind;
        if (kind == TRAM__INLINE && in) {
            to = (struct tram_bytes){in->data, in->size};
        } else if (kind == TRAM__INLINE && a->bytes <= left) {
            size_t step = tram__padded(a->bytes) < left ? tram__padded(a->bytes) : left;
            to = (struct tram_bytes){payload, a->bytes};
            payload += step;
            left -= step;
        } else if (kind == TRAM__STORED && (in || a->place)) {
            place = in ? in->place : tram__place_unpack(a->place);
            to = (struct tram_bytes){tram__store_at(&e->store, &place), place.size};
            if (!to.data)
                return LAID_BADLY;
        } else if (kind == TRAM__FAILED && in) {
            n->failure = tram__must(tram__failure_copy(in->failure));
            return LAID_FAILED;
        } else if (kind == TRAM__FAILED && a->failure) {
            n->failure = tram__must(tram__failure_unpack(a->failure));
            return LAID_FAILED;
        } else {
            return LAID_BADLY;
        }
        e->argument_of[c->arg_count] = i;
        e->targets[c->arg_count] = (uint8_t)a->target;
        e->args[c->arg_count++] = to;
    }
    return LAID;
}

void tram__eager_run(struct tram__eager_serve *e, struct tram__entry *n, const Tram__Wire__TaskSpec *m,
                     const unsigned char *payload, size_t payload_size) {
    struct tram_call *c = &e->call;
    const struct tram_method *method = tram__method_find(e->serve->class, m->method);
    struct tram__item *items = NULL;
    uint32_t results = method && method->results > 0 ? (uint32_t)method->results : 1;
    enum laid laid = make_room(e, m->n_arguments + 1) && tram__entry_outcomes(n, results)
                         ? lay_out(e, n, m, payload, payload_size)
                         : LAID_BADLY;
    if (laid == LAID && m->n_shape) {
        items = tram__call_items(m->shape, m->n_shape, c->arg_count, &c->item_count);
        laid = items ? LAID : LAID_BADLY;
    }
    c->items = items;
    uint32_t name = tram__eager_traced(e, m->method);
    tram__span(&e->span, TRAM__EVENT_RESOLVE, name, e->serve->index, m->call);
    bool runs = laid == LAID && method;
    if (e->span.ring && runs)
        tram__probe_begin(e->span.ring, TRAM__EVENT_RUN, name, 1 + e->serve->index, m->call, e->span.mark);
    if (laid == LAID_BADLY)
        fail(e, n, TRAM_ERR_PROTOCOL, 0, m->method, "a call that makes no sense, or no memory for it");
    else if (laid == LAID && !method)
        fail(e, n, TRAM_ERR_NOT_FOUND, 0, m->method, "there is no such method");
    else if (laid == LAID)
        run_method(e, n, m, method);
    if (runs) /* else it only passes a failure on */
        tram__span(&e->span, TRAM__EVENT_RUN, name, e->serve->index, m->call);
    if (e->span.ring && runs)
        tram__probe_end(e->span.ring);
    free(items);
}
