/* SPDX-License-Identifier: Apache-2.0
 *
 * Eager calls, traced: the stages of a call, one after the other on the thread that does them. The two sides know a call by
 * its actor and its number there.
 */
#ifndef TRAM_EAGER_TRACE_H
#define TRAM_EAGER_TRACE_H

#include "probe/probe.h"
#include "probe/sink.h"

struct tram__span {
    struct tram__ring *ring; /* NULL: nothing is recorded */
    uint64_t mark;           /* ticks: what came before it is told */
};

/* What follows begins here. */
static inline struct tram__span tram__span_begin(void) {
    struct tram__span s = {.ring = tram__probe};
    if (__builtin_expect(s.ring != NULL, 0)) {
        s.ring = tram__probe_on(s.ring) ? s.ring : NULL;
        s.mark = s.ring ? tram__probe_now(s.ring) : 0;
    }
    return s;
}
/* This is what the time since the mark went to: a stage of call `call` on actor `actor`. */
static inline void tram__span(struct tram__span *s, enum tram__event_kind kind, uint32_t name, uint32_t actor,
                              uint64_t call) {
    if (__builtin_expect(s->ring != NULL, 0)) {
        uint64_t now = tram__probe_now(s->ring);
        tram__probe_slice(s->ring, kind, name, 1 + actor, call, s->mark, now);
        s->mark = now;
    }
}

/* The same as ranges, where there is a sink: a call, the wait for its result, and its method. */
static inline void tram__eager_push(void *name, uint64_t call) {
    if (__builtin_expect(tram__probe_sink != NULL, 0))
        tram__probe_sink->begin(TRAM__RANGE_EAGER, name, call);
}
static inline void tram__eager_pop(void) {
    if (__builtin_expect(tram__probe_sink != NULL, 0))
        tram__probe_sink->end();
}

#endif
