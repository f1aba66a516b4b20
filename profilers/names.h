/* SPDX-License-Identifier: Apache-2.0
 *
 * What events are called in a trace.
 */
#ifndef TRAM_PROFILERS_NAMES_H
#define TRAM_PROFILERS_NAMES_H

#include "profilers/run.h"

enum tram__category {
    TRAM__CATEGORY_READ = 1,
    TRAM__CATEGORY_COMPUTE,
    TRAM__CATEGORY_WRITE,
    TRAM__CATEGORY_EAGER,
    TRAM__CATEGORY_WAIT,
    TRAM__CATEGORY_PROGRAM,
    TRAM__CATEGORY_GPU,
    TRAM__CATEGORY_COLLECTIVE,
    TRAM__CATEGORIES
};
enum { TRAM__EVENT_TEXT = 320 };

/* Where the slices of a kind go, whom they may overlap. */
enum tram__place {
    TRAM__PLACE_NONE,    /* no event */
    TRAM__PLACE_THREAD,  /* one after the other, or one inside another */
    TRAM__PLACE_SLEEP,   /* inside the wait that is told after it */
    TRAM__PLACE_SLOT,    /* executions: one after the other in each slot */
    TRAM__PLACE_QUEUE,   /* calls that have arrived: any number side by side */
    TRAM__PLACE_PROGRAM, /* ranges of the program, one inside another */
    TRAM__PLACE_COUNTER,
    TRAM__PLACE_BYTES /* of messages that follow: inflight.h tells */
};

struct tram__kind {
    enum tram__category category;
    enum tram__place place;
    bool graph;         /* of a compiled graph, else of calls or of the thread */
    const char *prefix; /* of its name */
};
/* By enum tram__event_kind; of a number that is none, TRAM__PLACE_NONE. */
const struct tram__kind *tram__kind(unsigned kind);
const char *tram__category_text(unsigned category);
/* There is only one of the kind. */
static inline bool tram__event_nameless(enum tram__event_kind kind) {
    return kind == TRAM__EVENT_EXECUTION || kind == TRAM__EVENT_SLEEP || kind == TRAM__EVENT_ANY ||
           kind == TRAM__EVENT_HAND;
}
/* Whether it names something of its own: events whose key is the same have the same name. */
static inline uint64_t tram__event_key(const struct tram__event *e) {
    enum tram__event_kind kind = tram__event_kind(e);
    uint32_t group = tram__event_of_graph(kind) ? e->group : 0;
    uint32_t name = tram__event_nameless(kind) ? 0 : e->name;
    return ((uint64_t)group << 32 | name) * 31 + kind;
}
/* The name; graph: the event's, or NULL. */
void tram__event_text(const struct tram__run_process *p, const struct tram__run_graph *graph,
                      const struct tram__event *e, char *out, size_t size);

#endif
