/* SPDX-License-Identifier: Apache-2.0
 *
 * The actor's side of eager calls: take a spec off the queue (the link's receive buffer, in order of
 * arrival), look the method up, run it, reply.
 */
#include "actor/call.h"
#include "actor/wire.pb-c.h"
#include "base/error.h"
#include "eager/eager.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_ARGS = 64 };

struct eager_serve {
    struct tram_call call; /* first: room() gets to the buffer from it */
    struct tram__buffer result;
    struct tram__arena arena;
    struct tram_bytes args[MAX_ARGS];
    struct tram__call_result results[1];
};

static void *room(struct tram_call *c, uint32_t result, uint64_t size) {
    struct eager_serve *e = (struct eager_serve *)c;
    (void)result;
    return tram__buffer_room(&e->result, size ? size : 1);
}

/* Lays the arguments over the payload; false when the sizes do not add up. */
static bool lay_out(struct eager_serve *e, const Tram__Wire__TaskSpec *m, const struct tram__frame *f) {
    const unsigned char *p = f->payload;
    uint64_t left = f->payload_size;
    if (m->n_arguments > MAX_ARGS)
        return false;
    for (size_t i = 0; i < m->n_arguments; i++) {
        uint64_t bytes = m->arguments[i]->bytes;
        if (bytes > left)
            return false;
        e->args[i] = (struct tram_bytes){p, bytes};
        p += bytes;
        left -= bytes;
    }
    return left == 0;
}

static int on_call(struct tram__serve *s, const struct tram__frame *f) {
    struct eager_serve *e = s->eager;
    ProtobufCAllocator *allocator = tram__arena_reset(&e->arena);
    Tram__Wire__TaskSpec *m = tram__wire__task_spec__unpack(allocator, f->spec_size, f->spec);
    if (!m)
        return 1;
    Tram__Wire__TaskReply reply = TRAM__WIRE__TASK_REPLY__INIT;
    struct tram__send send = {.type = TRAM__FRAME_REPLY, .spec = &reply.base};
    const struct tram_method *method = tram__method_find(s->class, m->method);
    struct tram_call *c = &e->call;
    reply.task = m->task;
    tram__call_reset(c);
    if (!method || m->actor != s->index || !lay_out(e, m, f)) {
        reply.status = method ? TRAM_ERR_PROTOCOL : TRAM_ERR_NOT_FOUND;
        reply.text = (char *)(uintptr_t)(method ? "a call that makes no sense" : "there is no such method");
    } else {
        c->args = e->args;
        c->arg_count = (uint32_t)m->n_arguments;
        c->may_forward = method->forwards;
        reply.code = tram__call_run(c, method->fn, s->self);
        if (reply.code) {
            reply.status = TRAM_ERR_TASK;
            reply.text = c->text;
        } else if (c->results[0].forward) {
            send.payload = c->args[c->results[0].forward - 1].data;
            send.payload_size = c->args[c->results[0].forward - 1].size;
        } else {
            send.payload = c->results[0].data;
            send.payload_size = c->results[0].size;
        }
    }
    int status = tram__link_send(&s->link, &send);
    tram__wire__task_spec__free_unpacked(m, allocator);
    return status ? 1 : 0;
}

void tram__eager_serve_init(struct tram__serve *s) {
    struct eager_serve *e = calloc(1, sizeof *e);
    if (!e)
        abort(); /* an actor that has barely started: its driver reads the death */
    e->call.room = room;
    e->call.results = e->results;
    e->call.result_count = 1;
    e->results[0].limit = TRAM_MAX_BYTES;
    s->eager = e;
    s->on_frame[TRAM__FRAME_CALL] = on_call;
}

void tram__eager_serve_fini(struct tram__serve *s) {
    struct eager_serve *e = s->eager;
    tram__buffer_free(&e->result);
    free(e);
    s->eager = NULL;
}
