/* SPDX-License-Identifier: Apache-2.0
 *
 * One track of a Perfetto trace with a packet sequence of its own: its times are differences to the packet before, its names
 * are numbers, its track goes without saying. Inside of it slices follow one another or lie inside one another; one that would
 * overlap another is shortened, and counted.
 *
 * Slices are recorded when they end, the inner ones before the outer, and have to be written when they begin. So some are held
 * back, in the order in which they begin, until it is unlikely that anything will come around them.
 */
#ifndef TRAM_PROFILERS_LANE_H
#define TRAM_PROFILERS_LANE_H

#include "profilers/flows.h"
#include "profilers/gpu_tracks.h"
#include "profilers/names.h"
#include "profilers/sink.h"

struct tram__counts {
    uint64_t slices, instants, samples, flows, clipped, unknown;
};

/* Of a whole trace in the making. */
struct tram__writer {
    const struct tram__run *run;
    struct tram__sink *sink;
    struct tram__flows flows;
    struct tram__counts counts;
    uint64_t salt, next_track; /* tracks: numbers that another trace hardly has */
    uint32_t next_sequence;
    bool many_graphs, no_memory;
    struct tram__gpu_set *gpu; /* NULL: the run has nothing of the kind */
};

/* A graph as one thread sees it. */
struct tram__view {
    const struct tram__run_graph *graph;
    int64_t *edges; /* by channel: the one that the thread reads, -1: none; NULL: not looked up yet */
};
/* Of the ring that is being written. */
struct tram__scope {
    struct tram__writer *w;
    const struct tram__run_thread *thread;
    const struct tram__run_process *process;
    struct tram__view *views; /* by index of the graph */
    struct tram__view *recent;
    uint64_t process_track, thread_track;
};
bool tram__scope_open(struct tram__scope *s, struct tram__writer *w, const struct tram__run_thread *t);
void tram__scope_close(struct tram__scope *s);
/* The graph of an event; NULL: it is not known. */
struct tram__view *tram__scope_view(struct tram__scope *s, uint32_t id);
/* The edge on which the message of this event arrives (read) or, the first of *count, departs; count 0: none. */
uint32_t tram__scope_edges(struct tram__scope *s, const struct tram__event *e, bool read, uint32_t *count);

/* The number of that message. */
static inline uint64_t tram__scope_number(const struct tram__event *e) {
    return tram__event_kind(e) == TRAM__EVENT_HAND ? e->number * TRAM__FLOW_HANDS + e->name % TRAM__FLOW_HANDS
                                                   : e->number;
}
/* The edge on which results of other actors may arrive for the call that is run here, and the first of the TRAM__FLOW_HANDS numbers
 * that they may have; 0: none can. */
uint32_t tram__scope_handed(struct tram__scope *s, const struct tram__event *e, uint64_t *numbers);

struct tram__slice {
    uint64_t begin, end;
    const struct tram__event *event;
};
struct tram__lane {
    struct tram__scope *scope;
    uint64_t track, clock_ns; /* of its last packet */
    uint32_t sequence, names; /* names: given out */
    uint64_t *keys;           /* of them, by place: 0 is empty; then */
    uint32_t *iids;
    uint32_t table_size;
    struct tram__slice *held,
        *open; /* in the order of their beginnings; begun, not ended, the innermost last */
    uint32_t held_count, held_most, open_count, open_most;
    bool sorts; /* holds all, and sorts them in the end */
};

/* A track by this name under another; description may be NULL. Its number. */
struct tram__track {
    const char *name, *description;
    uint64_t parent;
    uint32_t rank;
    bool counter, bytes; /* bytes: what it counts; else just a number */
    bool own;            /* not shown as one with others of its name */
};
uint64_t tram__track_declare(struct tram__writer *w, const struct tram__track *t);
uint64_t tram__track_new(struct tram__writer *w);

/* held: how many slices it holds back; 0: slices come in their order, and go out at once; UINT32_MAX: all. */
bool tram__lane_open(struct tram__lane *l, struct tram__scope *s, uint64_t track, uint64_t begin_ns,
                     uint32_t held);
void tram__lane_add(struct tram__lane *l, const struct tram__event *e, uint64_t begin, uint64_t end);
/* A value of a counter's track; in the order of time. */
void tram__lane_sample(struct tram__lane *l, uint64_t ns, int64_t value);
/* Writes what was held back. */
void tram__lane_close(struct tram__lane *l);

#endif
