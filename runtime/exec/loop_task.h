/* SPDX-License-Identifier: Apache-2.0
 *
 * What a loop runs: its steps and tasks, resolved when the graph is prepared (loop_open.c) and run execution after execution (loop.c).
 */
#ifndef TRAM_EXEC_LOOP_TASK_H
#define TRAM_EXEC_LOOP_TASK_H

#include "exec/edge.h"
#include "exec/loop.h"

struct tram__loop_arg {
    const struct tram__message *message; /* of a reader or of an earlier task; stays where it is */
};

/* One result of a task. */
struct tram__loop_result {
    struct tram__writer *writer; /* NULL: it stays here */
    unsigned char *local;        /* then in this */
    uint64_t capacity;
    struct tram__message message; /* of the execution under way */
    struct tram__edge *edge;      /* on which its elements stay on the device; NULL: in the message */
    struct tram__slot_view slot;
};

struct tram__loop_task {
    struct tram_call call; /* first: tram__loop_room() gets here from it */
    struct tram__loop *loop;
    tram_method_fn *fn;
    uint32_t node;
    struct tram__loop_result *results;
    uint32_t slot; /* of the execution under way */
    struct tram__loop_arg *args;
    struct tram_bytes *bytes;
    uint8_t *targets;                 /* by argument: enum tram_where of a tensor */
    uint8_t *bounces;                 /* by argument: it goes to the device by way of pinned memory */
    struct tram_tensor_hint *tensors; /* by result: what it has to be, if anything */
    struct tram__item *items;         /* NULL: the arguments are in a row */
    /* Of edges on the device, all NULL when the task has to do with none: by argument, and by release. */
    struct tram__edge **arg_edges, **release_edges;
    const struct tram__loop_result *
        *arg_results; /* by argument: the result on such an edge that an earlier task here made */
    struct tram__slot_view *arg_slots;
    bool on_device, ran;
    struct tram__reader **releases;
    uint32_t release_count;
    uint32_t writes; /* results that other participants read */
};

/* An operation with its operand found. Until it has gone through, it has done nothing that others see: it can be tried
 * again from its beginning. */
struct tram__loop_step {
    enum tram__op_kind kind;
    uint32_t reader;              /* READ */
    struct tram__loop_task *task; /* COMPUTE, with its WRITEs */
    struct tram__writer *token;   /* WRITE of a token */
};

/* Where a method writes a result of its call: of tram_call. */
void *tram__loop_room(struct tram_call *c, uint32_t result, uint64_t size);
/* The question of a wait for the device, which may be for what a dead peer gave to it (the graph is lost then in any case): a status
 * when it is to end. */
int tram__loop_cut_off(void *arg);

#endif
