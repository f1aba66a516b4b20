/* SPDX-License-Identifier: Apache-2.0
 *
 * What a traced run leaves behind: a folder of files that the runtime writes and the profilers read. Everything is written
 * in place through shared mappings, so a process that is killed loses nothing that it had recorded.
 *
 *   control         what all processes of the run obey, and what they are known by
 *   names-PID       the strings of one process, numbered from 1; PID.2 is the second process that had this number
 *   ring-PID-K      the events of one of its threads
 *   notes           what is known of the run: a line each, a key without spaces and a value
 *   graph-N         a compiled graph as text: what channels and tasks are (exec/trace.c)
 *
 * Readers believe nothing: a file may be cut, or torn where its writer died.
 */
#ifndef TRAM_PROBE_RING_H
#define TRAM_PROBE_RING_H

#include "base/seam.h"

#define TRAM__RING_MAGIC    UINT64_C(0x474E49524D415254) /* "TRAMRING" */
#define TRAM__NAMES_MAGIC   UINT64_C(0x4D414E4D41525420) /* " TRAMNAM" */
#define TRAM__CONTROL_MAGIC UINT64_C(0x4E4F434D41525420) /* " TRAMCON" */
#define TRAM__RING_VERSION  1u

enum tram__clock { TRAM__CLOCK_MONOTONIC /* ns */, TRAM__CLOCK_TSC };

/* What an event tells. A slice lasts from `time` for `length`; marks and counters have no length. */
enum tram__event_kind {
    TRAM__EVENT_NONE,
    /* Of a compiled graph: `group` is the graph, `number` the execution, `name` a channel, or a node for COMPUTE and what
     * the driver waits for. */
    TRAM__EVENT_READ_WAIT,  /* for a message */
    TRAM__EVENT_READ_COPY,  /* out of the channel */
    TRAM__EVENT_COMPUTE,    /* the method */
    TRAM__EVENT_WRITE_WAIT, /* for a free slot */
    TRAM__EVENT_WRITE_COPY, /* into the channel, by the runtime */
    TRAM__EVENT_WRITE,      /* publishing: who reads sees it from here on; wakes included */
    TRAM__EVENT_EXECUTION,  /* the driver: from submission to the last result. name: the slot */
    /* Of eager calls: `group` is 1 + the actor that is called, `number` the call on it, `name` a method. */
    TRAM__EVENT_ENCODE, /* the driver: its arguments, and what others are to send */
    TRAM__EVENT_SEND,   /* the driver */
    TRAM__EVENT_DECODE, /* the actor: the call; the driver: the reply */
    TRAM__EVENT_QUEUE, /* from its arrival until its turn, with its arguments there: overlaps what the thread does */
    TRAM__EVENT_RESOLVE, /* where its arguments lie */
    TRAM__EVENT_RUN,     /* the method */
    TRAM__EVENT_REPLY,   /* results to those who take them, and to the driver */
    TRAM__EVENT_AWAIT,   /* the driver, for a result; replies are taken in meanwhile */
    /* Of the thread: */
    TRAM__EVENT_SLEEP,
    TRAM__EVENT_MARK,    /* a range of the program's own; `name` */
    TRAM__EVENT_COUNTER, /* `name`; number: its value; group 1: bytes, 0: a number */
    TRAM__EVENT_FETCH,   /* of eager calls: the driver copies a result out */
    TRAM__EVENT_HAND, /* of eager calls: a result goes to the actor that takes it. group, number: the call there; name: which
                            argument */
    TRAM__EVENT_ANY, /* the program waits for any of several results; group, number: 0 */
    /* Of a compiled graph again: */
    TRAM__EVENT_BYTES,     /* messages on channel `name` have `number` bytes from here on; no slice */
    TRAM__EVENT_TIMED_OUT, /* the driver waited for a message, in vain */
    TRAM__EVENT_BETWEEN, /* a graph on a main thread: others had it, or none could go on, until `name` could be read */
    TRAM__EVENT_KINDS
};

struct tram__event {
    uint64_t time;        /* ticks of the ring's clock */
    uint64_t kind_length; /* kind in the upper 8 bits, ticks in the others */
    uint32_t name, group;
    uint64_t number;
};
_Static_assert(sizeof(struct tram__event) == 32, "the shared layout is fixed");

static inline enum tram__event_kind tram__event_kind(const struct tram__event *e) {
    return (enum tram__event_kind)(e->kind_length >> 56);
}
static inline bool tram__event_of_graph(enum tram__event_kind kind) {
    return kind < TRAM__EVENT_ENCODE || kind >= TRAM__EVENT_BYTES;
}
static inline uint64_t tram__event_length(const struct tram__event *e) {
    return e->kind_length & (UINT64_MAX >> 8);
}

/* Both clocks at one moment, and how far apart the readings around it were: the most by which they may differ. */
struct tram__snapshot {
    uint64_t ticks, ns, error_ns;
};

/* In front of the events of a ring, a page. */
struct tram__ring_head {
    uint64_t magic;
    uint32_t version, event_bytes;
    uint64_t capacity; /* events */
    uint32_t clock;    /* enum tram__clock */
    uint32_t actor;    /* 1 + its number; 0: the driver */
    int32_t pid, tid;
    char process[64], thread[32];
    struct tram__snapshot first, last; /* last.ns 0: it was not closed in good order */
    /* What is under way, so that it is seen when the thread dies in it: good when open_time is not 0. */
    _Alignas(TRAM__LINE) tram__word64 open_time;
    tram__word64 open_kind, open_name, open_number; /* name: with the group in the upper half */
    _Alignas(TRAM__LINE) tram__word64 written;      /* events, whole (release) */
    tram__word64 dropped;                           /* for want of room */
};
enum { TRAM__RING_EVENTS_AT = 4096 };
_Static_assert(sizeof(struct tram__ring_head) <= TRAM__RING_EVENTS_AT, "the head fits its page");

struct tram__names_head {
    uint64_t magic;
    uint32_t version, reserved;
    tram__word64 used; /* bytes after the head, whole strings: each a length of 16 bits, and so many bytes */
};
enum { TRAM__NAMES_BYTES = 1 << 20, TRAM__NAME_MOST = 200 };

struct tram__control {
    uint64_t magic;
    uint32_t version;
    int32_t driver_pid;
    uint64_t ring_events;  /* capacity of every ring */
    uint64_t window_first; /* executions, from 1, that are recorded */
    uint64_t window_count; /* 0: all from there on */
    tram__word32 on;       /* of eager calls: 1 while they are recorded */
};

#endif
