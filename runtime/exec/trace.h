/* SPDX-License-Identifier: Apache-2.0
 *
 * Compiled graphs, traced: what each thread does in an execution, one slice after the other, without a gap between them; and
 * the graph itself, for whoever reads the trace.
 */
#ifndef TRAM_EXEC_TRACE_H
#define TRAM_EXEC_TRACE_H

#include "probe/probe.h"
#include "schedule/schedule.h"

/* One thread's place in its trace. */
struct tram__tracer {
    struct tram__ring *ring; /* of the execution under way; NULL: it is not recorded */
    uint64_t mark;           /* ticks: what came before it is told */
    uint32_t graph;
};

/* Waits shorter than this are told with what follows them: the window was open. */
enum { TRAM__TRACE_SHORT_NS = 200 };

/* Execution n begins here. */
static inline void tram__trace_enter(struct tram__tracer *t, uint64_t n) {
    struct tram__ring *r = tram__probe;
    t->ring = __builtin_expect(r != NULL, 0) && tram__probe_wants(r, n) ? r : NULL;
}
/* The same, and what happened before is not of it. */
static inline void tram__trace_begin(struct tram__tracer *t, uint64_t n) {
    tram__trace_enter(t, n);
    if (__builtin_expect(t->ring != NULL, 0))
        t->mark = tram__probe_now(t->ring);
}
/* This is what the time since the mark went to. */
static inline void tram__trace(struct tram__tracer *t, enum tram__event_kind kind, uint32_t name,
                               uint64_t n) {
    if (__builtin_expect(t->ring != NULL, 0)) {
        uint64_t now = tram__probe_now(t->ring);
        tram__probe_slice(t->ring, kind, name, t->graph, n, t->mark, now);
        t->mark = now;
    }
}
/* The same of a wait, unless it was none. */
void tram__trace_wait(struct tram__tracer *t, enum tram__event_kind kind, uint32_t name, uint64_t n);

/* For struct tram__waiter: sleeps of the calling thread. */
void tram__trace_sleep(bool awake);

/* Leaves the graph beside the rings, if this process is traced: 0 also when it is not. */
int tram__trace_graph(const struct tram__schedule *s, uint64_t graph);

#endif
