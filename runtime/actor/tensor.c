/* SPDX-License-Identifier: Apache-2.0
 *
 * Tensor arguments and results of a call. Values travel as bytes in host memory. On an actor with a device, an argument is
 * copied there when it is first asked for, and a result is made there and copied back when the method has returned. What
 * stays on devices (struct tram__slot_view) is used in place, or on our device's own copy of it; what goes by a transport of
 * the program's own is fetched when it is first asked for, and put when the method has returned.
 */
#include "actor/tensor.h"

#include "base/copy.h"
#include "base/error.h"
#include "base/tensor.h"
#include "base/transport.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

int tram__call_stream_open(struct tram__device *d, struct tram_stream **out) {
    struct tram_stream *s = calloc(1, sizeof *s);
    if (!s)
        return tram__fail(TRAM_ERR_NO_MEMORY, "a stream");
    int status = d->ops->stream(d, &s->stream);
    if (status) {
        free(s);
        return status;
    }
    s->device = d;
    s->call = 1;
    *out = s;
    return TRAM_OK;
}

static void close_bounce(struct tram_stream *s, struct tram__staged *at) {
    void *host = at->bounce.data;
    if (at->bounce.size)
        s->device->ops->unmap(s->device, &at->bounce);
    free(host);
    at->bounce = (struct tram__memory){.handle.fd = -1};
}

static void close_staged(struct tram_stream *s, struct tram__staged *list, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        if (list[i].memory.size)
            s->device->ops->unmap(s->device, &list[i].memory);
        close_bounce(s, &list[i]);
        free(list[i].host);
    }
    free(list);
}

void tram__call_stream_close(struct tram_stream *s) {
    if (!s)
        return;
    s->device->ops->drop(s->stream);
    close_staged(s, s->args, s->arg_count);
    close_staged(s, s->results, s->result_count);
    free(s);
}

/* ---- room on the device ---- */

enum { PAGE = 4096 };
#define SLICE_S 0.05

static int torn_down(void) {
    return tram__fail(TRAM_ERR_TORN_DOWN, "the graph was torn down");
}

/* The stream was full: what it was offered is offered again, unless that is to end. */
static bool again(const struct tram_stream *s, int status) {
    return status == TRAM_ERR_FULL && !(s->interrupted && s->interrupted(s->arg));
}

static int taken(int status) {
    return status == TRAM_ERR_FULL ? torn_down() : status;
}

int tram__stream_copy(struct tram_stream *s, void *to, const void *from, uint64_t size) {
    int status;
    do
        status = s->device->ops->copy(s->stream, to, from, size);
    while (again(s, status));
    return taken(status);
}

int tram__stream_compute(struct tram_stream *s, const struct tram__work *w) {
    int status;
    do
        status = s->device->ops->compute(s->stream, w);
    while (again(s, status));
    return taken(status);
}

int tram__stream_signal(struct tram_stream *s, struct tram__memory *m, uint32_t event, uint64_t n) {
    int status;
    do
        status = s->device->ops->signal(s->stream, m, event, n);
    while (again(s, status));
    return taken(status);
}

int tram__stream_await(struct tram_stream *s, const struct tram__memory *m, uint32_t event, uint64_t n) {
    int status;
    do
        status = s->device->ops->await(s->stream, m, event, n);
    while (again(s, status));
    return taken(status);
}

/* Until the stream has done everything. */
static int wait_for(struct tram_stream *s) {
    int status;
    do
        status = s->device->ops->wait(s->stream, s->interrupted ? SLICE_S : -1);
    while (status == TRAM_ERR_TIMED_OUT && !s->interrupted(s->arg));
    return status == TRAM_ERR_TIMED_OUT ? torn_down() : status;
}

static struct tram__staged *entry(struct tram__staged **list, uint32_t *count, uint32_t index) {
    if (index >= *count) {
        struct tram__staged *more = realloc(*list, (index + 1) * sizeof *more);
        if (!more) {
            tram__fail(TRAM_ERR_NO_MEMORY, "room for %u tensors", index + 1);
            return NULL;
        }
        for (; *count <= index; ++*count)
            more[*count] = (struct tram__staged){.memory.handle.fd = -1};
        *list = more;
    }
    return &(*list)[index];
}

/* Room for so many bytes, what it held being lost: as before if that was enough. */
static int make_room(struct tram_stream *s, struct tram__staged *at, uint64_t bytes) {
    if (at->memory.size >= bytes && at->memory.size)
        return TRAM_OK;
    int status = at->memory.size ? wait_for(s) : TRAM_OK; /* it may be in use */
    if (status)
        return status;
    if (at->memory.size)
        s->device->ops->unmap(s->device, &at->memory);
    at->memory = (struct tram__memory){.kind = TRAM__MEMORY_OWN, .size = bytes ? bytes : 1};
    status = s->device->ops->map(s->device, &at->memory);
    if (status)
        at->memory.size = 0;
    return status;
}

/* Records the thread's last error as the call's failure. */
static int fail_call(struct tram_call *c, int status) {
    return tram_fail(c, status, "%s", tram_last_error()->text);
}

int tram__call_reserve_arg(struct tram_stream *s, uint32_t leaf, uint64_t bytes) {
    struct tram__staged *at = entry(&s->args, &s->arg_count, leaf);
    return at ? make_room(s, at, bytes) : TRAM_ERR_NO_MEMORY;
}

int tram__call_reserve_result(struct tram_stream *s, uint32_t result, uint64_t bytes) {
    struct tram__staged *at = entry(&s->results, &s->result_count, result);
    return at ? make_room(s, at, bytes) : TRAM_ERR_NO_MEMORY;
}

int tram__call_reserve_bounce(struct tram_stream *s, uint32_t leaf, uint64_t bytes) {
    struct tram__staged *at = entry(&s->args, &s->arg_count, leaf);
    if (!at)
        return TRAM_ERR_NO_MEMORY;
    if (at->bounce.size >= bytes)
        return TRAM_OK;
    close_bounce(s, at);
    bytes = (bytes + PAGE - 1) / PAGE * PAGE;
    at->bounce =
        (struct tram__memory){.kind = TRAM__MEMORY_PINNED, .data = aligned_alloc(PAGE, bytes), .size = bytes};
    int status = at->bounce.data ? s->device->ops->map(s->device, &at->bounce)
                                 : tram__fail(TRAM_ERR_NO_MEMORY, "%llu bytes on the way to the device",
                                              (unsigned long long)bytes);
    if (status) {
        at->bounce.size = 0;
        close_bounce(s, at);
    }
    return status;
}

/* The same while a call runs, which counts it when there was not enough. */
static int make_room_late(struct tram_call *c, struct tram__staged *at, uint64_t bytes) {
    c->maps += at->memory.size < bytes || !at->memory.size;
    return make_room(c->stream, at, bytes);
}

static bool on_device(const struct tram_call *c, enum tram_where where) {
    return c->stream && where != TRAM_ON_CPU;
}

/* ---- arguments ---- */

/* Where the device copies an argument's elements from, which are at `from` on the host or on a device. */
static const void *on_the_way(struct tram_call *c, uint32_t leaf, const struct tram__staged *at,
                              const void *from, uint64_t bytes) {
    if (!c->bounces || !c->bounces[leaf] || bytes > at->bounce.size)
        return from;
    tram__copy(at->bounce.data, from, bytes);
    c->copies++;
    c->copied_bytes += bytes;
    return at->bounce.data;
}

/* To our device, from where t->data says that it is. */
static int to_device(struct tram_call *c, uint32_t leaf, struct tram_tensor *t) {
    struct tram_stream *s = c->stream;
    struct tram__staged *at = entry(&s->args, &s->arg_count, leaf);
    uint64_t bytes = tram_tensor_bytes(t);
    if (!at)
        return TRAM_ERR_NO_MEMORY;
    if (at->call != s->call) {
        int status = make_room_late(c, at, bytes);
        if (!status)
            status = tram__stream_copy(s, at->memory.data, on_the_way(c, leaf, at, t->data, bytes), bytes);
        if (status)
            return status;
        at->call = s->call;
        c->copies++;
        c->copied_bytes += bytes;
    }
    t->data = at->memory.data;
    t->where = TRAM_ON_DEVICE;
    return TRAM_OK;
}

/* Room on the host for elements that belong on the device, at->host; NULL: there is no memory. True when it is new. */
static bool host_room(struct tram_stream *s, struct tram__staged *at, uint64_t bytes) {
    if (at->host && at->host_bytes >= bytes)
        return false;
    if (wait_for(s)) /* it may be in use */
        return false;
    free(at->host);
    at->host = aligned_alloc(64, bytes / 64 * 64 + 64); /* none is somewhere too */
    at->host_bytes = at->host ? bytes : 0;
    at->host_call = 0;
    return true;
}

int tram__call_reserve_host(struct tram_stream *s, uint32_t leaf, uint64_t bytes) {
    struct tram__staged *at = entry(&s->args, &s->arg_count, leaf);
    bool fresh = at && host_room(s, at, bytes);
    if (!at || !at->host)
        return tram__fail(TRAM_ERR_NO_MEMORY, "%llu bytes of a tensor", (unsigned long long)bytes);
    if (fresh)
        memset(at->host, 0, bytes); /* resident */
    return TRAM_OK;
}

/* By the program's transport, once in an execution. The slot is given back, and the memory filled again, after all that the
 * stream is given here. */
static int fetch(struct tram_call *c, const struct tram__slot_view *slot, uint64_t bytes) {
    struct tram__custom_end *e = slot->custom;
    c->stream->used = true;
    if (e->holds == slot->n || !bytes)
        return TRAM_OK;
    tram__transport_begin();
    int code = e->ops->get(e->end, slot->event, slot->data, bytes, c->stream);
    if (code) {
        tram__transport_failed(e->ops, "get", code);
        return code;
    }
    e->holds = slot->n;
    c->copies++;
    c->copied_bytes += bytes;
    return TRAM_OK;
}

/* The elements lie in a slot of an edge: there they are used, or from there they are brought. */
static int from_slot(struct tram_call *c, uint32_t leaf, enum tram_where where, struct tram_tensor *t) {
    struct tram_stream *s = c->stream;
    const struct tram__slot_view *slot = c->arg_slots ? &c->arg_slots[leaf] : NULL;
    uint64_t bytes = tram_tensor_bytes(t);
    if (!s || !slot || !slot->memory || bytes > slot->bytes)
        return tram__fail(TRAM_ERR_PROTOCOL, "a tensor whose elements are not here");
    int status =
        slot->custom ? fetch(c, slot, bytes) : tram__stream_await(s, slot->memory, slot->event, slot->n);
    t->data = slot->data;
    if (status || where != TRAM_ON_CPU)
        return status || !slot->copied ? status : to_device(c, leaf, t);
    struct tram__staged *at = entry(&s->args, &s->arg_count, leaf);
    if (at)
        c->maps += host_room(s, at, bytes);
    if (!at || !at->host)
        return tram__fail(TRAM_ERR_NO_MEMORY, "%llu bytes of a tensor", (unsigned long long)bytes);
    if (at->host_call != s->call) {
        status = tram__stream_copy(s, at->host, slot->data, bytes);
        if (!status)
            status = wait_for(s);
        at->host_call = s->call;
        c->copies++;
        c->copied_bytes += bytes;
    }
    t->data = at->host;
    t->where = TRAM_ON_CPU;
    return status;
}

int tram_arg_tensor(struct tram_call *c, size_t index, enum tram_where where, struct tram_tensor *out,
                    struct tram_bytes *part) {
    uint32_t leaf = tram__call_leaf(c, index);
    if (leaf == TRAM__NO_LEAF)
        return tram_fail(c, TRAM_ERR_INVALID, "argument %zu is no tensor: it is a list, or there is none",
                         index);
    if ((unsigned)where > TRAM_ON_DEVICE)
        return tram_fail(c, TRAM_ERR_INVALID, "argument %zu is wanted in place %d", index, (int)where);
    if (where == TRAM_WHERE_DEFAULT && c->targets)
        where = (enum tram_where)c->targets[leaf];
    if (where == TRAM_ON_DEVICE && !c->stream)
        return tram_fail(c, TRAM_ERR_INVALID, "argument %zu is wanted on a device, and the actor has none",
                         index);
    struct tram_tensor t;
    int status = tram__tensor_view_any(c->args[leaf].data, c->args[leaf].size, &t, part);
    bool elsewhere = !status && !t.data;
    if (elsewhere)
        status = from_slot(c, leaf, where, &t);
    if (status)
        return tram_fail(c, status, "argument %zu: %s", index, tram_last_error()->text);
    if (!elsewhere && on_device(c, where)) {
        if ((status = to_device(c, leaf, &t)))
            return fail_call(c, status);
        c->stream->used = true;
    }
    *out = t;
    return 0;
}

/* ---- results ---- */

/* Its elements are made where its readers find them. It is what was announced, so it fits. */
static int into_slot(struct tram_call *c, size_t index, enum tram_where where, struct tram_tensor *t,
                     size_t part_bytes, void **part) {
    const struct tram__slot_view *slot = c->results[index].slot;
    size_t size = tram__tensor_head_size(t, part_bytes);
    void *value = tram_result_reserve(c, index, size);
    if (!value)
        return c->code;
    int status = tram__tensor_lay_head(value, size, t, part_bytes, part);
    if (status)
        return fail_call(c, status);
    t->data = slot->data;
    c->results[index].in_slot = true;
    c->stream->making = c;
    size_t bytes = c->results[index].element_bytes = tram_tensor_bytes(t);
    if (where != TRAM_ON_CPU)
        return 0;
    struct tram__staged *at = entry(&c->stream->results, &c->stream->result_count, (uint32_t)index);
    if (at)
        c->maps += host_room(c->stream, at, bytes);
    if (!at || !at->host)
        return tram_fail(c, TRAM_ERR_NO_MEMORY, "result %zu: %zu bytes of a tensor", index, bytes);
    t->data = c->results[index].elements = at->host; /* from here it goes to the slot */
    t->where = TRAM_ON_CPU;
    c->stream->used = true;
    return 0;
}

static bool stays_on_host(const struct tram_call *c, size_t index) {
    return index < c->result_count && c->results[index].tensor &&
           c->results[index].tensor->transport == TRAM_TRANSPORT_SHM;
}

int tram_result_tensor(struct tram_call *c, size_t index, enum tram_where where, struct tram_tensor *t,
                       size_t part_bytes, void **part) {
    if (where == TRAM_WHERE_DEFAULT && stays_on_host(c, index))
        where = TRAM_ON_CPU;
    if ((unsigned)where > TRAM_ON_DEVICE)
        return tram_fail(c, TRAM_ERR_INVALID, "result %zu is wanted in place %d", index, (int)where);
    if (where == TRAM_ON_DEVICE && !c->stream)
        return tram_fail(c, TRAM_ERR_INVALID, "result %zu is wanted on a device, and the actor has none",
                         index);
    size_t size = tram_tensor_value_bytes(t, part_bytes);
    if (!size)
        return tram_fail(c, TRAM_ERR_INVALID, "result %zu: %s", index, tram_last_error()->text);
    if (index < c->result_count && c->results[index].tensor &&
        tram__tensor_fits(c->results[index].tensor, t, part_bytes))
        return tram_fail(c, TRAM_ERR_INVALID, "result %zu: %s", index, tram_last_error()->text);
    if (index < c->result_count && c->results[index].slot && c->results[index].tensor)
        return into_slot(c, index, where, t, part_bytes, part);
    void *value = tram_result_reserve(c, index, size);
    if (!value)
        return c->code;
    int status = tram_tensor_lay(value, size, t, part_bytes, part);
    if (status || !on_device(c, where))
        return status ? fail_call(c, status) : 0;
    struct tram__staged *at = entry(&c->stream->results, &c->stream->result_count, (uint32_t)index);
    uint64_t bytes = tram_tensor_bytes(t);
    status = at ? make_room_late(c, at, bytes) : TRAM_ERR_NO_MEMORY;
    if (status)
        return fail_call(c, status);
    c->results[index].elements = t->data;
    c->results[index].element_bytes = bytes;
    c->stream->used = true;
    t->data = at->memory.data;
    t->where = TRAM_ON_DEVICE;
    return 0;
}

int tram__call_check(struct tram_call *c) {
    for (uint32_t i = 0; i < c->result_count; i++) {
        const struct tram__call_result *r = &c->results[i];
        struct tram_bytes value =
            r->forward ? c->args[r->forward - 1] : (struct tram_bytes){r->data, r->size};
        struct tram_tensor t;
        struct tram_bytes part;
        if (!r->tensor)
            continue;
        if (tram__tensor_view_any(value.data, value.size, &t, &part) ||
            tram__tensor_fits(r->tensor, &t, part.size))
            return tram_fail(c, TRAM_ERR_INVALID, "result %u: %s", i, tram_last_error()->text);
        if (!r->in_slot && !t.data)
            return tram_fail(c, TRAM_ERR_INVALID, "result %u: the head of a tensor without its elements", i);
    }
    return 0;
}

/* ---- what was announced ---- */

void tram__tensor_unpack(const Tram__Wire__Tensor *m, struct tram_tensor_hint *out) {
    *out = (struct tram_tensor_hint){
        .tensor = {.dtype = (enum tram_dtype)m->dtype, .rank = (uint32_t)m->n_shape},
        .is_static = m->is_static,
        .part_bytes = m->part_bytes,
        .transport = (enum tram_transport)m->transport,
        .target = (enum tram_where)m->target};
    for (size_t i = 0; i < m->n_shape && i < TRAM_MAX_RANK; i++)
        out->tensor.shape[i] = m->shape[i];
    for (size_t i = 0; i < m->n_strides && i < TRAM_MAX_RANK; i++)
        out->tensor.strides[i] = m->strides[i];
}

void tram__tensor_pack(const struct tram_tensor_hint *h, Tram__Wire__Tensor *m) {
    tram__wire__tensor__init(m);
    m->dtype = h->tensor.dtype;
    m->n_shape = m->n_strides = h->tensor.rank;
    m->shape = (uint64_t *)(uintptr_t)h->tensor.shape;
    m->strides = (int64_t *)(uintptr_t)h->tensor.strides;
    m->is_static = h->is_static != 0;
    m->part_bytes = h->part_bytes;
    m->target = h->target;
    m->transport = h->transport;
}

/* ---- after the method ---- */

/* Hands a result to the program's transport; it is published after the stream has done that. */
static int put(struct tram_call *c, const struct tram__call_result *r) {
    struct tram__custom_end *e = r->slot->custom;
    c->stream->used = true;
    e->holds = r->slot->n;
    tram__transport_begin();
    int code = r->element_bytes
                   ? e->ops->put(e->end, r->slot->event, r->slot->data, r->element_bytes, c->stream)
                   : 0;
    if (code) {
        tram__transport_failed(e->ops, "put", code);
        return code;
    }
    c->copies += r->element_bytes != 0;
    c->copied_bytes += r->element_bytes;
    return TRAM_OK;
}

int tram__call_settle(struct tram_call *c, int code) {
    struct tram_stream *s = c->stream;
    int status = TRAM_OK;
    for (uint32_t i = 0; !code && !status && i < c->result_count; i++) {
        const struct tram__call_result *r = &c->results[i];
        if (r->elements && r->in_slot)
            status = tram__stream_copy(s, r->slot->data, r->elements, r->element_bytes);
        else if (r->elements)
            status = tram__stream_copy(s, r->elements, s->results[i].memory.data, r->element_bytes);
        if (!status && r->in_slot && r->slot->custom)
            status = put(c, r);
        else if (!status && r->in_slot)
            status = tram__stream_signal(s, r->slot->memory, r->slot->event, r->slot->n);
        if (!r->elements)
            continue;
        c->copies++;
        c->copied_bytes += r->element_bytes;
    }
    int waited = s->used ? wait_for(s) : TRAM_OK; /* arguments are given back after this */
    s->used = false;
    s->making = NULL;
    s->call++;
    if (code || (!status && !waited))
        return code;
    return fail_call(c, status ? status : waited);
}

/* ---- the stream ---- */

struct tram_stream *tram_call_stream(struct tram_call *c) {
    return c->stream;
}

static int no_stream(void) {
    return tram__fail(TRAM_ERR_INVALID, "there is no stream: the actor has no device");
}

int tram_stream_copy(struct tram_stream *s, void *to, const void *from, size_t size) {
    if (!s)
        return no_stream();
    s->used = true;
    return tram__stream_copy(s, to, from, size);
}

/* Whether this is in a result's slot, whose readers wait for the stream themselves. */
static bool in_slot(const struct tram_stream *s, const void *p) {
    const char *at = p;
    for (uint32_t i = 0; s->making && i < s->making->result_count; i++) {
        const struct tram__call_result *r = &s->making->results[i];
        const char *from = r->in_slot && !r->slot->custom ? r->slot->data : NULL;
        if (from && at >= from && at < from + r->slot->bytes)
            return true;
    }
    return false;
}

int tram_stream_gemm(struct tram_stream *s, uint32_t m, uint32_t n, uint32_t k, const float *a,
                     const float *b, float *c) {
    if (!s)
        return no_stream();
    struct tram__work w = {.kind = TRAM__WORK_GEMM, .m = m, .n = n, .k = k, .a = a, .b = b, .c = c};
    s->used |= !in_slot(s, c);
    return tram__stream_compute(s, &w);
}

int tram_stream_differ(struct tram_stream *s, const float *a, const float *b, uint32_t n, float *largest) {
    if (!s)
        return no_stream();
    s->used = true;
    struct tram__work w = {.kind = TRAM__WORK_DIFFER, .n = n, .a = a, .b = b, .largest = largest};
    return tram__stream_compute(s, &w);
}

int tram_stream_wait(struct tram_stream *s) {
    return s ? wait_for(s) : no_stream();
}

/* ---- the actor's own memory ---- */

struct owned {
    struct owned *next;
    struct tram__memory memory;
};

/* Of this process, which is one actor: it ends with it. */
static struct owned *all_owned;
static pthread_mutex_t owned_lock = PTHREAD_MUTEX_INITIALIZER;

void *tram_device_alloc(struct tram_call *c, size_t size) {
    struct tram_stream *s = c->stream;
    struct owned *o = s ? malloc(sizeof *o) : NULL;
    if (!o) {
        tram_fail(c, s ? TRAM_ERR_NO_MEMORY : TRAM_ERR_INVALID, "%zu bytes on a device: %s", size,
                  s ? "no memory" : "the actor has none");
        return NULL;
    }
    o->memory = (struct tram__memory){.kind = TRAM__MEMORY_OWN, .size = size ? size : 1, .handle.fd = -1};
    int status = s->device->ops->map(s->device, &o->memory);
    if (status) {
        free(o);
        fail_call(c, status);
        return NULL;
    }
    c->maps++;
    pthread_mutex_lock(&owned_lock);
    o->next = all_owned;
    all_owned = o;
    pthread_mutex_unlock(&owned_lock);
    return o->memory.data;
}

void tram_device_free(struct tram_call *c, void *p) {
    pthread_mutex_lock(&owned_lock);
    struct owned **at = &all_owned;
    while (*at && (*at)->memory.data != p)
        at = &(*at)->next;
    struct owned *o = p ? *at : NULL;
    if (o)
        *at = o->next;
    pthread_mutex_unlock(&owned_lock);
    if (o)
        c->stream->device->ops->unmap(c->stream->device, &o->memory);
    free(o);
}
