/* SPDX-License-Identifier: Apache-2.0
 *
 * Channels: one writer, N readers, K slots, messages numbered from 1. Message n lies in slot n mod K, which
 * the caller keeps count of and passes in, so that no operation divides. Backends stand behind one table of
 * hooks, chosen at compile of the graph; exec opens the endpoints over memory that it allocated and mapped.
 */
#ifndef TRAM_CHANNEL_CHANNEL_H
#define TRAM_CHANNEL_CHANNEL_H

#include "base/seam.h"
#include "base/wait.h"

struct tram__message {
    const void
        *data; /* read: borrowed until release; publish: what `room` returned (ignored for a forward) */
    uint64_t size;
    int32_t status;  /* 0, or the code of a failed task; the data then is its text */
    uint32_t origin; /* status not 0: the node that failed */
    /* Where the payload lies. Read: 0 in the slot itself, or 1 + the channel in whose extent n it is.
     * Publish: 0 in our own room, or 1 + that channel, to pass it on without a copy. */
    uint32_t forward;
};

struct tram__channel_shape {
    uint64_t capacity; /* bytes of the largest payload */
    uint32_t slots;    /* K >= 1 */
};

/* Shared memory that a channel needs. Offsets of lines are multiples of TRAM__LINE, of extents of 4096. */
struct tram__channel_need {
    uint64_t writer_lines, writer_extent; /* in the writer's region */
    uint64_t reader_lines;                /* in each reader's region */
};

/* A thread of another process that may sleep until a word of ours moves. */
struct tram__sleeper {
    const tram__word32 *sleeping; /* its word, read-only here */
    uint32_t name;                /* what it holds when it sleeps on ours */
    int bell; /* eventfd to write to when it holds one of the next two; -1: it never does */
};
/* In `sleeping`, of a thread that sleeps on its bell and not on a futex: ring for a change of any word, or of the word
 * with this name. */
#define TRAM__RINGS           UINT32_MAX
#define TRAM__RINGS_FOR(name) ((name) | UINT32_C(0x80000000))

/* Names of the words of channel `id` that a thread can sleep on. */
static inline uint32_t tram__name_of_message(uint32_t id) {
    return 2 * id + 1;
}
static inline uint32_t tram__name_of_ack(uint32_t id) {
    return 2 * id + 2;
}

struct tram__writer {
    const struct tram__channel_ops *ops;
    uint32_t id;
    struct tram__channel_shape shape;
    void *lines, *extent;      /* in our region */
    const tram__word64 **acks; /* every ack that must pass n - K before message n may be written */
    uint32_t ack_count;
    struct tram__sleeper *readers;
    uint32_t reader_count;
    struct tram__waiter *waiter;
    struct tram__site site;
    uint64_t writable; /* messages up to this one fit the window as last read */
};

/* Where payloads that arrive by reference lie: the slots of another channel, in its writer's region. */
struct tram__origin {
    uint32_t id;
    struct tram__channel_shape shape;
    const void *extent;
};

struct tram__reader {
    const struct tram__channel_ops *ops;
    uint32_t id;
    struct tram__channel_shape shape;
    const void *lines, *extent;    /* in the writer's region, read-only */
    tram__word64 *ack;             /* in our region */
    struct tram__sleeper *writers; /* those whose window waits for our ack */
    uint32_t writer_count;
    struct tram__origin *origins;
    uint32_t origin_count;
    struct tram__waiter *waiter;
    struct tram__site site;
};

struct tram__channel_ops {
    const char *name;
    uint32_t most_readers; /* of one channel */
    /* Bytes for a shape. Pure. */
    void (*measure)(const struct tram__channel_shape *shape, struct tram__channel_need *need);
    /* Waits until message n may be written. 0, ERR_TIMED_OUT, or what interrupted the waiter. */
    int (*loan)(struct tram__writer *w, uint64_t n, uint32_t slot, double timeout_s);
    /* Where a payload of `size` <= capacity goes, once loaned. Never NULL, never blocks. */
    void *(*room)(struct tram__writer *w, uint32_t slot, uint64_t size);
    /* Makes message n visible to every reader. Never blocks. A sleeping reader needs wake_readers after it.
     */
    void (*publish)(struct tram__writer *w, uint64_t n, uint32_t slot, const struct tram__message *m);
    /* After publish and a seq_cst fence: wakes the readers that sleep. */
    void (*wake_readers)(struct tram__writer *w, uint32_t slot);
    /* Waits for message n; the result is good until released. 0, ERR_TIMED_OUT, ERR_PROTOCOL, or interrupted.
     */
    int (*read)(struct tram__reader *r, uint64_t n, uint32_t slot, double timeout_s,
                struct tram__message *out);
    /* A hint: the message in this slot is read next. */
    void (*expect)(const struct tram__reader *r, uint32_t slot);
    /* Gives back every message up to n. Never blocks. A sleeping writer needs wake_writers after it. */
    void (*release)(struct tram__reader *r, uint64_t n);
    /* After release and a seq_cst fence: wakes the writers that sleep. */
    void (*wake_writers)(struct tram__reader *r);
};

/* The backends there are; ends with NULL. */
extern const struct tram__channel_ops *const tram__channel_backends[];
/* Finds a backend and checks its table; NULL with a message naming the backend or the hook that is missing.
 */
const struct tram__channel_ops *tram__channel_backend(const char *name);
extern const struct tram__channel_ops tram__channel_shm;
extern const struct tram__channel_ops tram__channel_fault;

/* What the fault backend does in this process, for tests: every operation may stall (spinning or asleep) and
 * the message numbered `break_at` reads as a breach of the protocol. Zeroed: it behaves as shm. */
struct tram__fault {
    uint64_t seed;
    uint32_t stall_one_in; /* 0: never */
    uint64_t break_at;     /* 0: never */
};
void tram__channel_fault_set(const struct tram__fault *f);

#endif
