/* SPDX-License-Identifier: Apache-2.0
 *
 * The actor's side of a compiled graph: its operations, execution after execution, run by a thread of its own or, in
 * turns, by the actor's main thread (turns.c).
 */
#ifndef TRAM_EXEC_LOOP_H
#define TRAM_EXEC_LOOP_H

#include "actor/call.h"
#include "actor/serve.h"
#include "exec/participant.h"
#include "exec/trace.h"

#include <pthread.h>

struct tram__loop_task;
struct tram__loop_step;

struct tram__loop {
    struct tram__loop *next; /* of the same actor */
    struct tram__serve *serve;
    struct tram__participant participant;
    struct tram__message *messages; /* by reader: what this execution received */
    struct tram__loop_task *tasks;
    struct tram__message *constants;
    char *constant_data; /* theirs, one after the other */
    uint64_t constant_bytes;
    struct tram__loop_step *steps;
    size_t step_count, at; /* at: the step that is next, */
    uint64_t n;            /* of this execution, */
    uint32_t slot;         /* which is in this slot */
    bool on_main; /* the main thread runs it: of what follows, only `started` and `over` mean anything */
    bool started;
    bool over;          /* the main thread has given it up */
    uint32_t waits_for; /* the main thread: what `sleeping` names while it sleeps; 0: it does not */
    pthread_t thread;
    tram__word32 control;       /* 1: stop */
    tram__word32 finished;      /* the thread has nothing more to do */
    struct tram_stream *stream; /* NULL: the actor has no device */
    struct tram__tracer tracer;
    uint64_t asked;     /* the order of a teardown that is still to be answered; 0: none */
    bool asked_to_halt; /* that is all it asks for */
    bool halted;
};

/* Resolves tasks and methods; the participant is open. */
int tram__loop_prepare(struct tram__loop *l);
/* Runs the steps that are left of the execution under way: 0 once it is finished. ERR_TIMED_OUT, without a message, when
 * a step would have to wait for longer than `timeout_s`: the next call goes on there. Else it can go on no more. */
int tram__loop_run(struct tram__loop *l, double timeout_s);
/* The name of the word (channel.h) that the next step has to wait for; 0: it need not wait. */
uint32_t tram__loop_waits_for(struct tram__loop *l);
/* It can go on no more, for this reason: tells the log and the driver. */
void tram__loop_give_up(struct tram__loop *l, int status);

/* Starts the thread. */
int tram__loop_start(struct tram__loop *l);
/* Tells the thread to stop at its next wait; it rings the actor's doorbell when it has. */
void tram__loop_stop(struct tram__loop *l);
/* Joins the thread, if there is one, which has finished; drops its stream and lets go of what others lend. */
void tram__loop_halt(struct tram__loop *l);
/* Halts it; frees all but `l` itself. */
void tram__loop_close(struct tram__loop *l);

/* Graphs have come or gone: has the main thread give turns to those that are its own. */
void tram__turns_renew(struct tram__serve *s);

/* The actor process: registers for PREPARE, CONNECT and TEARDOWN. */
void tram__exec_serve_init(struct tram__serve *s);
void tram__exec_serve_fini(struct tram__serve *s);

#endif
