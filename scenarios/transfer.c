/* SPDX-License-Identifier: Apache-2.0
 *
 * One actor makes a tensor on its device and others take it there; each answers with a few bytes. The maker has the elements
 * in memory of its own and copies them into its result; by loan they are made in place, that is, they are there already. In
 * every execution the tensor's end is the stamp of the order, written and read on the devices; checked executions make all of
 * it anew and compare it where it arrives.
 */
#include <stdlib.h>
#include <string.h>

#include "harness/harness.h"
#include "harness/order.h"

struct party {
    struct tram_order order; /* of the call under way */
    void *host, *device;     /* a tensor's worth each, once it is needed */
    size_t host_bytes, device_bytes;
};

/* Room for so many bytes on the host, or on the device; NULL, and the call has failed. */
static void *host_room(struct party *p, struct tram_call *c, size_t bytes) {
    if (p->host_bytes >= bytes)
        return p->host;
    free(p->host);
    p->host = aligned_alloc(64, (bytes + 63) / 64 * 64);
    p->host_bytes = p->host ? bytes : 0;
    if (p->host)
        memset(p->host, 1, bytes);
    else
        tram_fail(c, 1, "%zu bytes for a tensor", bytes);
    return p->host;
}

static void *device_room(struct party *p, struct tram_call *c, size_t bytes) {
    if (!tram_call_stream(c))
        return host_room(p, c, bytes);
    if (p->device_bytes >= bytes)
        return p->device;
    tram_device_free(c, p->device);
    p->device = tram_device_alloc(c, bytes);
    p->device_bytes = p->device ? bytes : 0;
    return p->device;
}

static int move(struct tram_call *c, void *to, const void *from, size_t bytes) {
    if (tram_call_stream(c))
        return tram_stream_copy(tram_call_stream(c), to, from, bytes);
    memcpy(to, from, bytes);
    return 0;
}

static int make(struct party *p, struct tram_call *c, bool loan) {
    struct tram_order *o = &p->order;
    void *part;
    memcpy(o, tram_arg(c, 0).data, sizeof *o);
    struct tram_tensor t = tram_order_tensor(o->bytes);
    size_t end = tram_order_stamp_at(o->bytes);
    int code = tram_result_tensor(c, 0, TRAM_WHERE_DEFAULT, &t, sizeof *o, &part);
    if (code)
        return code;
    memcpy(part, o, sizeof *o);
    if (o->check) {
        void *host = host_room(p, c, o->bytes);
        if (!host)
            return 1;
        tram_order_fill(host, o->bytes, o->stamp);
        return move(c, t.data, host, o->bytes);
    }
    if (!loan) {
        void *own = device_room(p, c, o->bytes);
        code = own ? move(c, t.data, own, o->bytes) : 1;
    }
    return code ? code : move(c, (char *)t.data + end, &o->stamp, o->bytes - end);
}

static int make_by_copy(void *self, struct tram_call *c) {
    return make(self, c, false);
}

static int make_in_place(void *self, struct tram_call *c) {
    return make(self, c, true);
}

/* *wrong: something before the tensor's end is not as it was ordered. */
static int compare(struct party *p, struct tram_call *c, const struct tram_tensor *t,
                   const struct tram_order *o, uint64_t *wrong) {
    struct tram_stream *s = tram_call_stream(c);
    void *host = host_room(p, c, o->bytes), *own = host && s ? device_room(p, c, o->bytes) : host;
    size_t end = tram_order_stamp_at(o->bytes);
    float largest = 0;
    if (!own)
        return 1;
    tram_order_fill(host, o->bytes, o->stamp);
    if (!s) {
        *wrong = memcmp(t->data, host, end) != 0;
        return 0;
    }
    size_t count = end / sizeof(float), rest = end - count * sizeof(float);
    char tail[sizeof(float)] = {0};
    int status = tram_stream_copy(s, own, host, o->bytes);
    if (!status)
        status = tram_stream_differ(s, t->data, own, (uint32_t)count, &largest);
    if (!status) /* what makes no whole number of floats */
        status = tram_stream_copy(s, tail, (const char *)t->data + end - rest, rest);
    if (!status)
        status = tram_stream_wait(s);
    *wrong = !(largest == 0) || memcmp(tail, (const char *)host + end - rest, rest) != 0;
    return status;
}

static int take(void *self, struct tram_call *c) {
    struct party *p = self;
    struct tram_order *o = &p->order;
    struct tram_tensor t;
    struct tram_bytes part;
    struct tram_receipt *r;
    int code = tram_arg_tensor(c, 0, TRAM_WHERE_DEFAULT, &t, &part);
    if (code)
        return code;
    if (part.size != sizeof *o || !(r = tram_result_reserve(c, 0, sizeof *r)))
        return tram_fail(c, 1, "a CPU part of %zu bytes", part.size);
    memcpy(o, part.data, sizeof *o);
    *r = (struct tram_receipt){.part = o->stamp};
    if (o->check && (code = compare(p, c, &t, o, &r->wrong)))
        return code;
    size_t end = tram_order_stamp_at(o->bytes);
    code = move(c, &r->stamp, (const char *)t.data + end, o->bytes - end);
    if (!code && tram_call_stream(c))
        code = tram_stream_wait(tram_call_stream(c));
    return code;
}

static int create(const void *args, size_t size, void **self) {
    (void)args;
    (void)size;
    return (*self = calloc(1, sizeof(struct party))) ? 0 : 1;
}

static void destroy(void *self) {
    struct party *p = self;
    free(p->host);
    free(p); /* memory on the device ends with the actor */
}

static const char *method(const struct tram_shape *shape) {
    return shape->loan ? "make_in_place" : "make";
}

static struct tram_tensor_hint hint(const struct tram_shape *shape) {
    return (struct tram_tensor_hint){.tensor = tram_order_tensor(shape->tensor),
                                     .is_static = 1,
                                     .part_bytes = sizeof(struct tram_order),
                                     .transport = shape->transport};
}

static void build(struct tram_graph *g, struct tram_actor **actors, const struct tram_shape *shape) {
    struct tram_tensor_hint h = hint(shape);
    struct tram_node tensor =
        tram_graph_bind(g, actors[0], method(shape), tram_graph_input(g, sizeof(struct tram_order)));
    tram_graph_tensor(g, tensor, &h);
    for (unsigned k = 1; k < shape->actors; k++) {
        struct tram_node receipt = tram_graph_bind(g, actors[k], "take", tensor);
        tram_graph_limit(g, receipt, sizeof(struct tram_receipt));
        tram_graph_output(g, receipt);
    }
    if (shape->edge)
        *shape->edge = tensor;
}

static int call(struct tram_actor **actors, const struct tram_shape *shape, const struct tram_value *parts,
                struct tram_ref *refs) {
    struct tram_ref tensor;
    struct tram_call_params p = {.value_count = 1, .values = parts, .onward = 1};
    int status = tram_call_with(actors[0], method(shape), &p, &tensor);
    for (unsigned k = 1; !status && k < shape->actors; k++) {
        /* The last to take it takes it over: the driver itself never sees it. */
        struct tram_value value = {.kind = k + 1 < shape->actors ? TRAM_REF : TRAM_MOVE, .ref = &tensor};
        p = (struct tram_call_params){.value_count = 1, .values = &value};
        status = tram_call_with(actors[k], "take", &p, &refs[k - 1]);
    }
    return status;
}

int main(int argc, char **argv) {
    static const struct tram_method methods[] = {{.name = "make", .fn = make_by_copy},
                                                 {.name = "make_in_place", .fn = make_in_place},
                                                 {.name = "take", .fn = take},
                                                 {0}};
    static const struct tram_class classes[] = {
        {.name = "Party", .methods = methods, .create = create, .destroy = destroy}, {0}};
    static const struct tram_scenario transfer = {
        .name = "transfer",
        .summary = "one actor makes a tensor on its device, others take it there and answer with a few bytes",
        .examples =
            "  ./scenarios/transfer                                   40 MB on the host device\n"
            "  ./scenarios/transfer --loan                            made in place: nothing is copied\n"
            "  ./scenarios/transfer --size=1:1G:x8 --device=cuda      a sweep on one GPU\n"
            "  ./scenarios/transfer --device=cpu,cuda --receivers=4   from the CPU to four on a GPU\n"
            "  ./scenarios/transfer --device=cuda:0,cuda:1            from one GPU to another\n",
        .classes = classes,
        .class_name = "Party",
        .pattern = TRAM_PATTERN_TRANSFER,
        .actors = "1",
        .build = build,
        .call = call,
    };
    return tram_scenario_main(argc, argv, &transfer);
}
