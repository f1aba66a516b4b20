/* SPDX-License-Identifier: Apache-2.0
 *
 * Tensors of calls that run on one thread of an actor with a device: where they lie there.
 */
#ifndef TRAM_ACTOR_TENSOR_H
#define TRAM_ACTOR_TENSOR_H

#include "actor/call.h"
#include "actor/wire.pb-c.h"
#include "device/device.h"
#include "tramline/tensor.h"

/* One end of an edge whose elements go by a transport of the program's own. */
struct tram__custom_end {
    const struct tram_transport_ops *ops; /* NULL: no such edge */
    void *end;
    bool open;
    uint64_t holds; /* of which execution the value is that lies in its memory: it was put, or fetched */
};

/* One slot of an edge on the device, for the execution under way: what lies there, and the event that orders it. */
struct tram__slot_view {
    struct tram__memory *memory; /* whose event it is: the writer's; NULL: none */
    void *data;
    uint64_t bytes;
    uint32_t event; /* the slot */
    uint64_t n;
    bool copied; /* an argument's, which lies on another device than ours: it is copied to ours first */
    struct tram__custom_end
        *custom; /* there is no event: a result is put, and an argument fetched to `data`. NULL: not so */
};

/* Room on the device for one argument or result of the call under way; kept for the next. */
struct tram__staged {
    struct tram__memory memory; /* size 0: none yet */
    uint64_t call;              /* the call that it was filled for */
    struct tram__memory bounce; /* of the host, pinned, on the way to it; size 0: none */
    void *host;                 /* elements that were asked for on the CPU, and lay on the device */
    uint64_t host_bytes, host_call;
};

struct tram_stream {
    struct tram__device *device; /* of the actor */
    struct tram__stream *stream;
    struct tram__staged *args, *results; /* by index */
    uint32_t arg_count, result_count;
    uint64_t call; /* number of the one under way */
    bool used; /* what was given to the stream may concern more than the slots of edges: it is waited for */
    const struct tram_call *making; /* some result of this call is made in a slot; NULL: none is */
    /* Asked while the host waits for the stream, or for room in it: not 0 ends the wait. NULL: it does not end. */
    int (*interrupted)(void *arg);
    void *arg;
};

/* A stream on an open device, for the calls of one thread; 0 or a status. */
int tram__call_stream_open(struct tram__device *d, struct tram_stream **out);
void tram__call_stream_close(struct tram_stream *s); /* NULL is fine */

/* The device's hooks, on this stream: while it is full they are tried again, until that is interrupted (ERR_TORN_DOWN). */
int tram__stream_copy(struct tram_stream *s, void *to, const void *from, uint64_t size);
int tram__stream_compute(struct tram_stream *s, const struct tram__work *w);
int tram__stream_signal(struct tram_stream *s, struct tram__memory *m, uint32_t event, uint64_t n);
int tram__stream_await(struct tram_stream *s, const struct tram__memory *m, uint32_t event, uint64_t n);

/* Room for an argument or result that was announced with so many bytes of elements: 0 or a status. */
int tram__call_reserve_arg(struct tram_stream *s, uint32_t leaf, uint64_t bytes);
int tram__call_reserve_result(struct tram_stream *s, uint32_t result, uint64_t bytes);

/* Room on the host for an argument that lies on the device, and is going to be asked for on the CPU. */
int tram__call_reserve_host(struct tram_stream *s, uint32_t leaf, uint64_t bytes);

/* Pinned memory of the host on an argument's way to the device: its elements are copied there first if the call says so. */
int tram__call_reserve_bounce(struct tram_stream *s, uint32_t leaf, uint64_t bytes);

/* The hint in a message, and a message of the hint, whose arrays are borrowed from it. */
void tram__tensor_unpack(const Tram__Wire__Tensor *m, struct tram_tensor_hint *out);
void tram__tensor_pack(const struct tram_tensor_hint *h, Tram__Wire__Tensor *m);

/* After a method that succeeded: results are what they were announced to be, or the code of the failure. */
int tram__call_check(struct tram_call *c);
/* After the method, whose code this is: brings results from the device and waits for the stream. Returns the code, or that of
 * a failure of its own. */
int tram__call_settle(struct tram_call *c, int code);

#endif
