/* SPDX-License-Identifier: Apache-2.0
 *
 * Compiled execution, the driver's side.
 */
#ifndef TRAM_EXEC_EXEC_H
#define TRAM_EXEC_EXEC_H

#include "actor/ref.h"
#include "actor/runtime.h"
#include "exec/participant.h"

/* What is known of a node once the graph itself may be gone: who to name in an error. */
struct tram__node_name {
    struct tram_actor *actor; /* NULL: the input */
    char *method;
};

/* One part of the input. */
struct tram__input {
    struct tram__writer *writer; /* NULL: no task reads it */
    uint64_t limit;
    struct tram__message message; /* of the next execution, once loaned: its room and the size asked for */
};

/*
 * Executions are numbered from 1. [oldest, next) are in flight: submitted, with at least one output that the
 * user still has a right to. Their messages lie in slots n mod slots; oldest_slot belongs to `oldest`,
 * next_slot to `next`. next - oldest never exceeds `inflight`, which never exceeds the number of slots.
 */
struct tram_compiled {
    struct tram__source source; /* first: a reference leads here */
    struct tram *t;
    struct tram_compiled *next_of_runtime;
    struct tram__participant participant;
    struct tram_actor **actors; /* by participant - 1 */
    uint32_t actor_count;
    struct tram__node_name *names; /* by node */
    uint32_t node_count;
    struct tram__input *inputs; /* by part */
    uint32_t input_count;
    struct tram__writer *start; /* NULL: no task waits for it */
    struct tram__reader **outputs;
    bool *covers; /* by output, see schedule.h */
    uint32_t output_count;
    double submit_timeout_s;
    uint64_t id;
    int cpu; /* where compile ran */
    uint64_t next, oldest;
    uint32_t next_slot, oldest_slot, slots, inflight;
    uint8_t *given_up; /* by slot and output: fetched or released */
    uint32_t *left;    /* by slot: outputs not given up yet */
    bool loaned;       /* by execute_loan, until the commit */
    /* Once the graph can run no more: ERR_PEER_DEAD or, when an actor stopped its part over a breach of the
     * protocol, ERR_PROTOCOL. */
    int dead;
    struct tram_actor *who; /* died or stopped; NULL: the supervisor died */
    uint64_t looked_ns;     /* when a wait that timed out last looked for who died or stopped */
    bool closing, torn;     /* closing: a teardown has begun */
    uint64_t channel_bytes, compile_ns;
};

int tram__exec_init(struct tram *t);
/* Tears down what is left (the actors may be gone already) and frees every compiled graph. */
void tram__exec_fini(struct tram *t);

/* Wires the source and the waiter of a graph whose participant is open (execute.c). */
void tram__exec_arm(struct tram_compiled *x);

#endif
