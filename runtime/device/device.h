/* SPDX-License-Identifier: Apache-2.0
 *
 * Devices: where tensors lie, and what works on them. A device has memory, which can be lent to other processes of the host,
 * and streams, which do what they are given one after the other while the host goes on. Backends stand behind one table of
 * hooks: "host", whose streams are threads and whose memory is shared memory, everywhere; "cuda", a module that is loaded
 * when it is asked for; "fault", host stalled at random, for tests.
 *
 * Order. A memory comes with events, numbered lines on which a stream says how far it has come: after `signal(s, m, e, n)`
 * whoever awaits (m, e, n), in this process or another, goes on once all that `s` was given before is done. The numbers of
 * one event only grow. A signal has to be given before its await is (a channel carries the news); the await is over when the
 * work is.
 *
 * Threads. A stream belongs to one thread at a time. The others may be called by several threads for several memories.
 */
#ifndef TRAM_DEVICE_DEVICE_H
#define TRAM_DEVICE_DEVICE_H

#include "base/seam.h"
#include "base/ties.h"

/* The longest that giving something to a stream blocks. */
#define TRAM__ROOM_S 0.05

struct tram__stream; /* of the backend */

/* An open device; backends put theirs behind it. */
struct tram__device {
    const struct tram__device_ops *ops;
    int ordinal;
    tram__word64 maps; /* how often memory was allocated, imported or pinned, and given back */
};

enum tram__memory_kind {
    TRAM__MEMORY_OWN,      /* allocated here, zeroed; may be lent to others */
    TRAM__MEMORY_IMPORTED, /* lent by another process: to be read only */
    TRAM__MEMORY_PINNED, /* host memory that exists, made fit for direct copies; `data` is the host's address */
};

/* What another process needs to import a memory: bytes that may travel in any message, and a descriptor. */
struct tram__memory_handle {
    int fd;        /* or -1; of the memory's owner until it is unmapped */
    uint32_t size; /* of `bytes` */
    unsigned char *bytes;
};

struct tram__memory {
    enum tram__memory_kind kind;
    void *data; /* on the device */
    uint64_t size;
    uint32_t events;
    bool read_only;                    /* PINNED: the host may not write it either */
    struct tram__memory_handle handle; /* OWN: made by map; IMPORTED: borrowed, during map */
    void *own;                         /* of the backend */
};

enum tram__work_kind {
    TRAM__WORK_GEMM,   /* c = a b: float32, row-major; a: m x k, b: k x n, c: m x n */
    TRAM__WORK_DIFFER, /* *largest = the largest |a[i] - b[i]| of n float32, once the stream was waited for */
};

struct tram__work {
    enum tram__work_kind kind;
    uint32_t m, n, k;
    const float *a, *b; /* on the device */
    float *c;
    float *largest; /* on the host */
};

struct tram__device_facts {
    char name[128];     /* "NVIDIA H200", "host: 2 CPUs" */
    char versions[128]; /* of driver and libraries, or empty */
    uint64_t bytes;     /* of memory in all, and */
    uint64_t available; /* now */
    bool computes;      /* `compute` is there */
    struct tram__ties ties;
};

struct tram__device_ops {
    const char *name;
    /* Opens device `ordinal`; ERR_NOT_FOUND with the reason when it is not there. */
    int (*open)(int ordinal, struct tram__device **out);
    /* Everything of it has been given back. */
    void (*close)(struct tram__device *d);
    int (*facts)(struct tram__device *d, struct tram__device_facts *out);
    /* Allocates, imports or pins, as m->kind says, with m->size and m->events set; for IMPORTED the handle too. 0, ERR_NO_MEMORY
     * or another status with the reason. */
    int (*map)(struct tram__device *d, struct tram__memory *m);
    /* Gives it back. Nothing that uses it may be under way here; whoever has imported it has given that back before, unless this
     * process ends: not every backend stands it otherwise. */
    void (*unmap)(struct tram__device *d, struct tram__memory *m);
    int (*stream)(struct tram__device *d, struct tram__stream **out);
    /* Ends a stream; what it still has to do is dropped as soon as can be, or done: afterwards nothing of it is under way. */
    void (*drop)(struct tram__stream *s);
    /* Each of these returns before the stream has done it: 0 or a status. ERR_FULL, without a message: the stream has as much
     * to do as it can hold, or as it must have done before it can take this, and TRAM__ROOM_S have passed; nothing was given to
     * it, and the same can be tried again. Copies go between any of: memory of the device, imported memory, and host memory,
     * which has to stay as it is until then. */
    int (*copy)(struct tram__stream *s, void *to, const void *from, uint64_t size);
    int (*compute)(struct tram__stream *s, const struct tram__work *w);
    /* m: OWN. */
    int (*signal)(struct tram__stream *s, struct tram__memory *m, uint32_t event, uint64_t n);
    /* m: OWN or IMPORTED. */
    int (*await)(struct tram__stream *s, const struct tram__memory *m, uint32_t event, uint64_t n);
    /* Blocks until the stream has done everything: 0, ERR_TIMED_OUT without a message, or what went wrong in it. Seconds as in
     * the public header. */
    int (*wait)(struct tram__stream *s, double timeout_s);
};

/* For backends: memory was mapped or given back, on whatever thread. */
static inline void tram__device_mapped(struct tram__device *d) {
    atomic_fetch_add_explicit(&d->maps, 1, memory_order_relaxed);
}

extern const struct tram__device_ops tram__device_host;
extern const struct tram__device_ops tram__device_fault;

/* Opens what "host", "cuda" or "cuda:1" names. ERR_INVALID for what is no such name, ERR_NOT_FOUND with the reason when the
 * device, its driver or its module is not there. */
int tram__device_open(const char *name, struct tram__device **out);
static inline void tram__device_close(struct tram__device *d) {
    if (d)
        d->ops->close(d);
}

/* Its number says what is wrong with a fault device besides. */
enum tram__fault_number {
    TRAM__FAULT_PINS_WRITABLE = 1, /* pins, but not memory that the host may only read */
    TRAM__FAULT_PINS_NOTHING,      /* says that it pins, and fails to */
    TRAM__FAULT_KEEPS,             /* does not lend its memory */
    TRAM__FAULT_ALONE,             /* reaches no memory but its own */
    TRAM__FAULT_IMPORTS_NOTHING,   /* says that it reaches others' memory, and fails to import it */
};

/* How the fault backend behaves in this process, for tests (in others, TRAM_FAULT_STALLS of the environment says stall_one_in):
 * one operation in so many stalls (0: none), and the map with this
 * number, from 1, fails for lack of memory (0: none). */
struct tram__device_faults {
    uint64_t seed;
    uint32_t stall_one_in;
    uint64_t fail_map;
};
void tram__device_fault_set(const struct tram__device_faults *f);

#endif
