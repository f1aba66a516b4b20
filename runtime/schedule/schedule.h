/* SPDX-License-Identifier: Apache-2.0
 *
 * From a graph to what each participant does for one execution: a list of READ, COMPUTE and WRITE. A schedule
 * is data: it can be printed, tested and sent, and knows nothing of memory or processes.
 *
 * Every task of an actor runs, in bind order, before the actor's first task of the next execution. Before a task the
 * actor reads what it takes and what it must wait for, each message once; after it, it writes each result that
 * another participant uses. A task that would wait for nobody reads START from the driver, so that whatever an actor
 * does in execution n comes after the driver submitted n. The tasks of a unit each write a TOKEN when they are ready
 * and read the others' before they compute.
 */
#ifndef TRAM_SCHEDULE_SCHEDULE_H
#define TRAM_SCHEDULE_SCHEDULE_H

#include "graph/graph.h"

#include <stdbool.h>
#include <stdio.h>

enum tram__op_kind { TRAM__OP_READ, TRAM__OP_COMPUTE, TRAM__OP_WRITE };
enum tram__source_kind { TRAM__FROM_CHANNEL, TRAM__FROM_TASK, TRAM__FROM_CONSTANT };
enum tram__channel_kind { TRAM__CHANNEL_VALUE, TRAM__CHANNEL_START, TRAM__CHANNEL_TOKEN };

struct tram__op {
    enum tram__op_kind kind;
    uint32_t index; /* READ, WRITE: channel; COMPUTE: task of this participant */
};

struct tram__arg_plan {
    enum tram__source_kind kind;
    uint32_t index;  /* channel; task of this participant; constant of this participant */
    uint32_t result; /* FROM_TASK */
};

struct tram__result_plan {
    uint32_t node;
    uint64_t capacity;
    int32_t channel; /* that takes it, -1: at most tasks of this participant read it */
};

struct tram__task_plan {
    uint32_t node;
    struct tram__result_plan *results;
    uint32_t result_count;
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
    uint32_t *constants; /* nodes */
    uint32_t constant_count;
};

/* One value on its way from its producer to every other participant that uses it, received once by each; or an empty
 * message that only says when. */
struct tram__channel_plan {
    enum tram__channel_kind kind;
    uint32_t node;   /* VALUE: whose value; TOKEN: the task that is ready; START: none */
    uint32_t writer; /* participant */
    uint64_t capacity;
    enum tram_transport transport; /* of an announced tensor, once chosen; AUTO: it is none */
    uint64_t
        device_bytes; /* of elements that stay on the device, in each slot, or go by the program's own way; 0: all of the value is in the message */
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
    int32_t *inputs; /* channel of each part of the input, -1: no task reads it */
    uint32_t input_count;
    int32_t start;     /* the START channel, -1: every task waits for something else */
    uint32_t *outputs; /* channel of each output */
    /* Of each output: whoever has read it knows that all readers of what the driver writes, and of what carries it by
     * reference, have released it (the driver itself apart). */
    bool *covers;
    uint32_t output_count;
    uint32_t task_count, longest; /* longest: tasks one after the other on the longest path */
};

/* True when the participant is a reader. */
bool tram__channel_reads(const struct tram__channel_plan *c, uint32_t participant);

/* True when the reader works on a copy of its own: its device is another than the one that the elements stay on, or cannot pin
 * what the host may only read. */
bool tram__channel_copied(const struct tram__schedule *s, const struct tram__channel_plan *c,
                          uint32_t reader);

/* True when the participant, which makes the value or takes it, has pinned memory for that: the slots, or room of its own. */
bool tram__channel_pinned(const struct tram__schedule *s, const struct tram__channel_plan *c,
                          uint32_t participant);

/* Schedules a graph that passed tram__graph_check; the graph must outlive the result. ERR_INVALID when the order asked
 * for is impossible: the message is the cycle. */
int tram__schedule_create(const struct tram_graph *g, struct tram__schedule **out);
void tram__schedule_destroy(struct tram__schedule *s);
/* 0, or ERR_INVALID with the cycle as the message. `participant`: by node, that runs it, from 1. *longest: the vertices
 * of the longest path (order.c). `tasks`: NULL, or room for all task nodes, in an order in which they can run; the members
 * of a unit follow one another. */
int tram__schedule_order(const struct tram_graph *g, const uint32_t *participant, uint32_t *longest,
                         uint32_t *tasks);
/* How a value travels: "ipc", "custom NAME", into `out`. */
void tram__schedule_transport_name(const struct tram__schedule *s, uint32_t node, enum tram_transport t,
                                   char *out, size_t size);
/* "the tensor of A.x cannot travel by ipc: " and the reason, as the thread's error; `status`. */
int tram__schedule_refuse(const struct tram__schedule *s, uint32_t node, enum tram_transport t, int status,
                          const char *reason, ...) __attribute__((format(printf, 5, 6)));
/* Chooses the transport of every edge with an announced tensor, and takes its elements out of the messages where they have a way of
 * their own (transports.c). */
int tram__schedule_transports(struct tram__schedule *s);
/* Fills `covers` of a schedule that is otherwise complete (covers.c). False when memory is short. */
bool tram__schedule_covers(struct tram__schedule *s);
/* "c3 Echo#0.echo", "c0 start", "c4 token of A.x", into `out`. */
void tram__schedule_channel_name(const struct tram__schedule *s, uint32_t channel, char *out, size_t size);
/* The per-participant lists as text. */
void tram__schedule_print(const struct tram__schedule *s, FILE *out);

#endif
