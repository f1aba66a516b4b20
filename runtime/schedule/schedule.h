/* SPDX-License-Identifier: Apache-2.0
 *
 * From a graph to what each participant does for one execution: a list of READ, COMPUTE and WRITE. A schedule
 * is data: it can be printed, tested and sent, and knows nothing of memory or processes.
 */
#ifndef TRAM_SCHEDULE_SCHEDULE_H
#define TRAM_SCHEDULE_SCHEDULE_H

#include "graph/graph.h"

#include <stdbool.h>
#include <stdio.h>

enum tram__op_kind { TRAM__OP_READ, TRAM__OP_COMPUTE, TRAM__OP_WRITE };
enum tram__source_kind { TRAM__FROM_CHANNEL, TRAM__FROM_TASK };

struct tram__op {
    enum tram__op_kind kind;
    uint32_t index; /* READ, WRITE: channel; COMPUTE: task of this participant */
};

struct tram__arg_plan {
    enum tram__source_kind kind;
    uint32_t index; /* channel, or task of this participant */
};

struct tram__task_plan {
    uint32_t node;
    uint64_t capacity; /* of its result */
    int32_t channel;   /* that takes the result, -1: only tasks of this participant read it */
    struct tram__arg_plan *args;
    uint32_t arg_count;
    uint32_t *releases; /* channels whose message no later task of this participant uses */
    uint32_t release_count;
};

/* Participant 0 is the driver; the actors follow in the order in which they were first bound. */
struct tram__participant_plan {
    struct tram_actor *actor; /* NULL: the driver */
    const char *name;
    struct tram__task_plan *tasks;
    uint32_t task_count;
    struct tram__op *ops;
    uint32_t op_count;
};

/* One node's value on its way from its producer to every other participant that uses it: received once by
 * each. */
struct tram__channel_plan {
    uint32_t node;
    uint32_t writer; /* participant */
    uint64_t capacity;
    uint32_t *readers; /* participants, each once */
    uint32_t reader_count;
    /* Other channels that may carry this one's payload by reference, because methods forward it: the slot
     * stays taken until their readers have released it too. */
    uint32_t *carriers;
    uint32_t carrier_count;
};

struct tram__schedule {
    const struct tram_graph *graph; /* borrowed */
    struct tram__participant_plan *participants;
    uint32_t participant_count;
    struct tram__channel_plan *channels;
    uint32_t channel_count;
    int32_t input;     /* channel of the input, -1: none reads it */
    uint32_t *outputs; /* channel of each output */
    /* Of each output: whoever has read it knows that all readers of the input, and of what carries the input by
     * reference, have released it (the driver itself apart). */
    bool *covers;
    uint32_t output_count;
};

/* Schedules a graph that passed tram__graph_check; the graph must outlive the result. */
int tram__schedule_create(const struct tram_graph *g, struct tram__schedule **out);
void tram__schedule_destroy(struct tram__schedule *s);
/* Fills `covers` of a schedule that is otherwise complete (covers.c). False when memory is short. */
bool tram__schedule_covers(struct tram__schedule *s);
/* The per-participant lists as text. */
void tram__schedule_print(const struct tram__schedule *s, FILE *out);

#endif
