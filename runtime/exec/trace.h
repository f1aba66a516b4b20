/* SPDX-License-Identifier: Apache-2.0
 *
 * Compiled graphs, traced: what each thread does in an execution, one slice after the other, without a gap between them; and
 * the graph itself, for whoever reads the trace. The same as ranges, for the sink (probe/sink.h): a READ, COMPUTE or WRITE
 * of the schedule is one. What a thread tells it tells only if `on`, which is one branch for both.
 */
#ifndef TRAM_EXEC_TRACE_H
#define TRAM_EXEC_TRACE_H

#include "exec/participant.h"
#include "probe/probe.h"
#include "probe/sink.h"
#include "schedule/schedule.h"

/* One thread's place in its trace. */
struct tram__tracer {
    struct tram__ring *ring; /* of the execution under way; NULL: it is not recorded */
    uint64_t mark;           /* ticks: what came before it is told */
    uint32_t graph;
    bool mute;                           /* of a runtime that is not traced, in a process that is */
    bool on;                             /* the execution under way is told to somebody */
    const struct tram__probe_sink *sink; /* to this as well; NULL: there is none */
    void **reads, **writes,
        **tasks; /* its names, by position among the participant's readers, writers and tasks */
    uint64_t
        *told; /* by writer: the bytes of its messages, as the ring has them; UINT64_MAX: it has nothing */
    uint32_t writer_count;
};

/* Waits shorter than this are told with what follows them: the window was open. */
enum { TRAM__TRACE_SHORT_NS = 200 };

/* Execution n begins here; if the one before it was recorded, where that ended. Without a ring there is nothing to do: `on` is
 * then what the sink makes it, once (tram__trace_open). */
void tram__trace_enter_ring(struct tram__tracer *t, uint64_t n);
static inline void tram__trace_enter(struct tram__tracer *t, uint64_t n) {
    if (__builtin_expect(tram__probe != NULL || t->ring != NULL,
                         0)) /* a graph may go from one thread to another */
        tram__trace_enter_ring(t, n);
}
/* The same, and what happened before is not of it. */
void tram__trace_begin_ring(struct tram__tracer *t, uint64_t n);
static inline void tram__trace_begin(struct tram__tracer *t, uint64_t n) {
    if (__builtin_expect(tram__probe != NULL || t->ring != NULL, 0))
        tram__trace_begin_ring(t, n);
}
/* This is what the time since the mark went to. What a READ waited for has come before the clock is read: the processor would
 * read it while the message is on its way, and the message would seem to come before it was sent. */
static inline void tram__trace(struct tram__tracer *t, enum tram__event_kind kind, uint32_t name,
                               uint64_t n) {
    if (__builtin_expect(t->ring != NULL, 0)) {
        if (kind == TRAM__EVENT_READ_WAIT)
            tram__settle();
        uint64_t now = tram__probe_now(t->ring);
        tram__probe_slice(t->ring, kind, name, t->graph, n, t->mark, now);
        t->mark = now;
    }
}
/* The same of a WRITE, by position of the writer, of a message of so many bytes: they are told when they are others than before. */
void tram__trace_bytes(struct tram__tracer *t, uint32_t writer, uint32_t name, uint64_t bytes);
static inline void tram__trace_write(struct tram__tracer *t, uint32_t writer, uint32_t name, uint64_t bytes,
                                     uint64_t n) {
    if (__builtin_expect(t->ring != NULL, 0)) {
        if (t->told[writer] != bytes)
            tram__trace_bytes(t, writer, name, bytes);
        tram__trace(t, TRAM__EVENT_WRITE, name, n);
    }
}
/* The same of a wait, unless it was none. */
void tram__trace_wait(struct tram__tracer *t, enum tram__event_kind kind, uint32_t name, uint64_t n);
/* There is a ring; the wait ended at `now`. */
void tram__trace_wait_until(struct tram__tracer *t, enum tram__event_kind kind, uint32_t name, uint64_t n,
                            uint64_t now);

/* A range of the sink, if there is one, and its end, on the same thread. */
static inline void tram__trace_push(const struct tram__tracer *t, enum tram__range what, void *const *names,
                                    size_t which, uint64_t n) {
    if (t->sink)
        t->sink->begin(what, names[which], n);
}
static inline void tram__trace_pop(const struct tram__tracer *t) {
    if (t->sink)
        t->sink->end();
}

/* The participant is open. Asks the sink, if there is one, for the names of what it does. actor: who runs its tasks. */
int tram__trace_open(struct tram__tracer *t, const struct tram__participant *p, const char *actor);
void tram__trace_close(struct tram__tracer *t);

/* For struct tram__waiter: sleeps of the calling thread. */
void tram__trace_sleep(bool awake);

/* Leaves the graph beside the rings, if this process is traced: 0 also when it is not. */
int tram__trace_graph(const struct tram__schedule *s, uint64_t graph);

#endif
