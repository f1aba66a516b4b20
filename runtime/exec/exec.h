/* SPDX-License-Identifier: Apache-2.0
 *
 * Compiled execution, the driver's side.
 */
#ifndef TRAM_EXEC_EXEC_H
#define TRAM_EXEC_EXEC_H

#include "actor/ref.h"
#include "actor/runtime.h"
#include "base/tensor.h"
#include "base/timeouts.h"
#include "exec/participant.h"
#include "exec/trace.h"

/* What is known of a node once the graph itself may be gone: who to name in an error. */
struct tram__node_name {
    struct tram_actor *actor; /* NULL: the input */
    char *method;
    enum tram_transport transport; /* AUTO: no announced tensor, or one that does not travel */
};

/* One part of the input. */
struct tram__input {
    struct tram__writer *writer; /* NULL: no task reads it */
    uint64_t limit;
    void *unread;                    /* no writer: `limit` bytes to lend */
    struct tram_tensor_hint *tensor; /* what it has to be; NULL: anything */
    struct tram__message message;    /* of the next execution, once loaned: its room and the size asked for */
};

enum tram__result_state {
    TRAM__PENDING,
    TRAM__LENT,
    TRAM__GIVEN_UP
}; /* given up: fetched, released or kept aside */

/* A result that was moved out of the way. */
struct tram__kept {
    struct tram__message message; /* its data is `data` */
    void *data;
    uint64_t capacity;
    bool live; /* not fetched or released yet */
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
    struct tram__timeouts timeouts;
    uint64_t id;
    enum tram_wait wait; /* of all its threads */
    enum tram_thread thread;
    int cpu; /* where all of them run; -1: each where its actor does */
    uint64_t next, oldest;
    uint32_t next_slot, oldest_slot, slots, inflight;
    uint8_t *state; /* by slot and output: enum tram__result_state */
    uint32_t *left; /* by slot: outputs not given up yet */
    bool loaned;    /* by execute_loan, until the commit */
    /* FULL_WAITS: results kept aside, by row and output; kept_rows: whose execution's they are, 0: nobody's. Else NULL. */
    struct tram__kept *kept;
    uint64_t *kept_rows;
    uint32_t most_kept;
    bool kept_unseen;    /* some that tram_compiled_arm has not told of */
    bool lent_by_borrow; /* the last borrow lent what was not lent before */
    int bell;            /* eventfd that actors ring when our `sleeping` says so */
    int events_fd;       /* of event loops; -1: not asked for */
    int *process_fds;    /* by actor, in events_fd */
    uint64_t *arrived;   /* by output: the last message that tram_compiled_arm saw */
    /* Once the graph can run no more: ERR_PEER_DEAD or, when an actor stopped its part over a breach of the
     * protocol, ERR_PROTOCOL. */
    int dead;
    struct tram_actor *who; /* died or stopped; NULL: the supervisor died */
    uint64_t looked_ns;     /* when a wait that timed out last looked for who died or stopped */
    bool lends;             /* some of its edges lie on devices: their ends are given up in two steps */
    bool halted;            /* all that are alive have done the first */
    bool closing, torn;     /* closing: a teardown has begun */
    uint64_t channel_bytes, compile_ns;
    struct tram__tracer tracer;
    uint64_t *submitted; /* by slot: ticks, 0: not recorded; NULL: the driver is not traced */
};

int tram__exec_init(struct tram *t);
/* Tears down what is left (the actors may be gone already) and frees every compiled graph. */
void tram__exec_fini(struct tram *t);

/* ---- failure.c: each sets the thread's error and returns its status ---- */

int tram__exec_torn(void);
/* The thread's error is about part `i` of an input of `count`: says so; its status. */
int tram__exec_input_wrong(size_t count, size_t i);
/* The graph lost an actor; n: the execution that is lost with it, 0: none. */
int tram__exec_lost(struct tram_compiled *x, uint64_t n);
int tram__exec_no_progress(struct tram_compiled *x, uint64_t n, double timeout_s);
int tram__exec_task_failed(struct tram_compiled *x, uint64_t n, const struct tram__message *m);
/* Without a message: whether an actor died or stopped; the same, asking the supervisor too; the same after a timeout. */
int tram__exec_look(struct tram_compiled *x);
int tram__exec_interrupted(void *x);
int tram__exec_look_after_timeout(struct tram_compiled *x);

/* ---- results.c ---- */

/* Slot of execution n, which is in flight. */
static inline uint32_t tram__exec_slot(const struct tram_compiled *x, uint64_t n) {
    uint64_t slot = x->oldest_slot + (n - x->oldest);
    return (uint32_t)(slot < x->slots ? slot : slot - x->slots);
}

extern const struct tram__source_ops tram__exec_source_ops;
/* Counts a copy that the driver made. */
void tram__exec_count_copy(struct tram__source *s, uint64_t bytes);
/* Waits for the oldest execution in flight and moves its results aside. */
int tram__exec_keep_oldest(struct tram_compiled *x, double timeout_s);

/* ---- events.c ---- */

int tram__exec_arm_ref(struct tram__source *s, const struct tram_ref *r, int *fd);
void tram__exec_disarm(struct tram__source *s);
void tram__exec_close_events(struct tram_compiled *x);

/* Wires the source and the waiter of a graph whose participant is open (execute.c). */
void tram__exec_arm(struct tram_compiled *x);

#endif
