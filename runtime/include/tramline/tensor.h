/* SPDX-License-Identifier: Apache-2.0
 *
 * Tensors as arguments and results. A tensor value is bytes like any other: a head that says what it is, a CPU part for
 * whatever goes with it (it may be empty), and the elements. So it travels wherever bytes do, in eager calls and compiled
 * graphs, all of it or nothing.
 *
 * An actor may have a device (struct tram_actor_options). Its methods then find tensor arguments on the device, and make
 * tensor results there: the runtime brings the elements there before they are first touched, and away once the method has
 * returned and its stream is done. Conventions are those of tramline.h.
 */
#ifndef TRAMLINE_TENSOR_H
#define TRAMLINE_TENSOR_H

#include "tramline/tramline.h"

#ifdef __cplusplus
extern "C" {
#endif

/* name, bytes of an element, text */
#define TRAM_DTYPE_MAP(X) \
    X(U8, 1, "u8")        \
    X(I8, 1, "i8")        \
    X(BOOL, 1, "bool")    \
    X(I16, 2, "i16")      \
    X(F16, 2, "f16")      \
    X(BF16, 2, "bf16")    \
    X(I32, 4, "i32")      \
    X(F32, 4, "f32")      \
    X(I64, 8, "i64")      \
    X(F64, 8, "f64")

enum tram_dtype {
    TRAM_DTYPE_NONE,
#define TRAM_DTYPE_ENUM(name, bytes, text) TRAM_##name,
    TRAM_DTYPE_MAP(TRAM_DTYPE_ENUM)
#undef TRAM_DTYPE_ENUM
};

/* Bytes of an element, 0 for what is no dtype; its name, "none" for that. */
size_t tram_dtype_bytes(enum tram_dtype d);
const char *tram_dtype_text(enum tram_dtype d);

#define TRAM_MAX_RANK 8

enum tram_where {
    TRAM_WHERE_DEFAULT, /* on the actor's device if it has one, else on the CPU */
    TRAM_ON_CPU,
    TRAM_ON_DEVICE,
};

struct tram_tensor {
    enum tram_dtype dtype;
    uint32_t rank;                  /* 0: one element */
    uint64_t shape[TRAM_MAX_RANK];  /* elements in each dimension */
    int64_t strides[TRAM_MAX_RANK]; /* in elements, not negative; all 0: row-major, without gaps */
    enum tram_where where;          /* ON_CPU or ON_DEVICE */
    void *data;                     /* there, aligned to 8 bytes, and to 64 when it takes more than 32 KiB */
};

/* Bytes that the elements take, gaps included; 0 also when the tensor makes no sense, with the error set. */
size_t tram_tensor_bytes(const struct tram_tensor *t);

/* The device of an actor, as it was when the actor started. ERR_NOT_FOUND when it has none. */
struct tram_device_info {
    char name[128];     /* "NVIDIA H200" */
    char versions[128]; /* of driver and libraries, or empty */
    uint64_t bytes;     /* of its memory, and */
    uint64_t available; /* how much of that was free */
};
int tram_actor_device(const struct tram_actor *a, struct tram_device_info *out);

/* ---- Tensor values in memory, of the driver or of anybody: for inputs, puts and results ---- */

/* Bytes of a whole value: its head, a CPU part of this size, and the elements. 0 with the error set when the tensor makes no
 * sense. Also the limit that an edge for it needs. */
size_t tram_tensor_value_bytes(const struct tram_tensor *t, size_t part_bytes);
/* Writes the head of a value into `buffer` (aligned to 8) of tram_tensor_value_bytes, and sets t->data, t->where and *part to
 * where the elements and the CPU part go. `part` may be NULL. */
int tram_tensor_lay(void *buffer, size_t size, struct tram_tensor *t, size_t part_bytes, void **part);
/* What a value is: borrowed, and not to be written. ERR_INVALID, with what is wrong, for bytes that are none. */
int tram_tensor_view(const void *value, size_t size, struct tram_tensor *out, struct tram_bytes *part);

/* ---- Edges that carry tensors ---- */

struct tram_stream; /* of the calls of one thread, below */

/* How the elements of an announced tensor travel in a compiled graph; schedules and pictures say what was picked. Compile
 * refuses what cannot be, and says why.
 *
 *   auto    by ipc where that is possible, else pinned where the device of some party gains by that, else staged where some
 *           party has a device, else shm
 *   shm     they stay in host memory: made and found on the CPU unless a method asks otherwise; no target ON_DEVICE
 *   staged  through host memory, copied from the device and to it
 *   pinned  the same, that memory being made fit for direct copies by every party that has a device: there is one
 *   ipc     not at all: readers use them where they were made, or a copy that the runtime makes on their own device. All are
 *           actors with devices of one kind that lend their memory and reach the writer's, and no method that has to do with
 *           the value forwards
 *   custom  by a transport of the program's own, which the hint names. All are actors with devices, and no method that has to
 *           do with the value forwards
 *
 * name, text */
#define TRAM_TRANSPORT_MAP(X) \
    X(AUTO, "auto")           \
    X(SHM, "shm")             \
    X(STAGED, "staged")       \
    X(PINNED, "pinned")       \
    X(IPC, "ipc")             \
    X(CUSTOM, "custom")

enum tram_transport {
#define TRAM_TRANSPORT_ENUM(name, text) TRAM_TRANSPORT_##name,
    TRAM_TRANSPORT_MAP(TRAM_TRANSPORT_ENUM)
#undef TRAM_TRANSPORT_ENUM
};

/* Its name, "none" for what is no transport; and what a name stands for: ERR_INVALID, with all names, for none. */
const char *tram_transport_text(enum tram_transport t);
int tram_transport_parse(const char *text, enum tram_transport *out);

/* A way for elements to travel that a program brings along (struct tram_options). All its processes have it, as they have
 * its classes. The driver takes no part in it. What goes with the elements, and the news that they are there, goes by the
 * edge's channel: a value is published once its put is done, and a slot is put again once every reader has given back what
 * was in it, so that a transport need not order anything itself. Each value is put once, and fetched at most once by each
 * actor that takes it, as soon as a method asks for it; one without elements is neither. Each of these is a copy to struct tram_stats.
 *
 * open, connect and close run on the actor's main thread, put and get on the one that runs the graph's tasks, never at once
 * for one end. All but close return 0 or a code of their own: a compile that fails with ERR_SYSTEM, or the failure of the
 * task, whose code it is. Hooks do not block for the other side. put and get neither allocate nor map. */
struct tram_transport_ops {
    const char *name;
    /* At compile, by the actor that makes the values: room for `slots` values of at most `bytes`, a multiple of 256, for so
     * many readers. `address` is what they connect by: room for *address_size bytes, which is set to what was used. */
    int (*open)(size_t slots, size_t bytes, size_t readers, void *address, size_t *address_size, void **end);
    /* At compile, by each reader, with what open was called with and wrote. The address is borrowed. */
    int (*connect)(const void *address, size_t address_size, size_t slots, size_t bytes, void **end);
    /* Hands over, or fetches, the value in `slot`, from or to memory of the actor's device. When it returns that is done, or
     * given to the stream, which the runtime then waits for. What makes the value at `from` was given to the stream too, and
     * may not be done: a put that does not go through the stream waits for it first. Nothing uses `to`. */
    int (*put)(void *end, size_t slot, const void *from, size_t bytes, struct tram_stream *s);
    int (*get)(void *end, size_t slot, void *to, size_t bytes, struct tram_stream *s);
    /* At teardown, and where a compile failed, of either end. Nothing of it is under way. Readers come first, unless their
     * actors died or all of them end at once. */
    void (*close)(void *end);
};
#define TRAM_MAX_ADDRESS 1024 /* what open has room for */
/* Inside a hook: records why it fails, in up to 255 bytes; returns `code` (1 if it is 0), for the hook to return. */
int tram_transport_fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What a value is going to be. */
struct tram_tensor_hint {
    struct tram_tensor tensor; /* dtype, rank; shape: the largest; strides: of what is static */
    int is_static;             /* shape and strides are exactly these, in every execution */
    size_t part_bytes;         /* the largest CPU part; 0: nothing but the tensor */
    enum tram_transport transport;
    enum tram_where target; /* where tram_arg_tensor finds it by default; ON_DEVICE: its readers have one */
    const char *custom;     /* CUSTOM: the name of the transport */
};

/* The value of this node, a part of the input or a result, is a tensor as described: that is its limit, device memory for it is
 * there once the graph is compiled, and another value is a failure of the task that made it (of tram_execute for the input:
 * ERR_INVALID), which says what the edge has and what came. */
void tram_graph_tensor(struct tram_graph *g, struct tram_node node, const struct tram_tensor_hint *hint);
/* How the value of this node, of the graph that was compiled, travels: never AUTO, and STAGED also where AUTO had picked
 * PINNED and the system refused. ERR_INVALID for what was not announced as a tensor, or is taken by nobody but the actor that
 * makes it. Until teardown; does not block. */
int tram_compiled_transport(const struct tram_compiled *x, struct tram_node node, enum tram_transport *out);

/* ---- Inside a method. These return 0, or record a failure and return the code to return ---- */

/* Argument `index` as a tensor, which is not to be written, and its CPU part, which is always on the CPU. On the device the
 * elements are there for whatever the call's stream does from now on. Borrowed until the method returns. `part` may be NULL. */
int tram_arg_tensor(struct tram_call *c, size_t index, enum tram_where where, struct tram_tensor *out,
                    struct tram_bytes *part);
/* Makes result `index` a tensor with t's dtype, shape and strides: sets t->data and t->where, and *part to room for the CPU
 * part, all to be filled in. On the device that is up to the call's stream, which the runtime waits for when the method has
 * returned. */
int tram_result_tensor(struct tram_call *c, size_t index, enum tram_where where, struct tram_tensor *t,
                       size_t part_bytes, void **part);

/* The stream of the calling thread's calls; NULL when the actor has no device. What it is given it does in order. What a method
 * gave to it is done before its results are there, except work on a result's own memory on an edge by ipc: that is ordered with
 * whoever reads it. So graphs and calls on one actor, which have a stream each, see each other's finished work. */
struct tram_stream *tram_call_stream(struct tram_call *c);
/* Each is given to the stream and returns 0 or a status. Copies go between any of device and CPU memory, which has to stay. */
int tram_stream_copy(struct tram_stream *s, void *to, const void *from, size_t size);
/* c = a b, float32, row-major; a: m x k, b: k x n, c: m x n, all on the device. ERR_UNSUPPORTED where no BLAS is. */
int tram_stream_gemm(struct tram_stream *s, uint32_t m, uint32_t n, uint32_t k, const float *a,
                     const float *b, float *c);
/* *largest = the largest |a[i] - b[i]| of n float32 on the device; *largest is on the CPU, and good after a wait. */
int tram_stream_differ(struct tram_stream *s, const float *a, const float *b, uint32_t n, float *largest);
/* Blocks until all of it is done. */
int tram_stream_wait(struct tram_stream *s);

/* Memory on the actor's device for the actor's own use, zeroed: state, weights. All its methods may use it, until it is given
 * back or the actor ends. Blocks, and may map: not for every call. NULL, and the call's failure recorded, when there is none,
 * or no device. */
void *tram_device_alloc(struct tram_call *c, size_t size);
/* Nothing may use it any more: wait for the streams first. `p` may be NULL. */
void tram_device_free(struct tram_call *c, void *p);

#ifdef __cplusplus
}
#endif
#endif
