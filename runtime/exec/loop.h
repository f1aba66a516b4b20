/* SPDX-License-Identifier: Apache-2.0
 *
 * The actor's side of a compiled graph: a thread that runs the actor's operations, execution after execution.
 */
#ifndef TRAM_EXEC_LOOP_H
#define TRAM_EXEC_LOOP_H

#include "actor/call.h"
#include "actor/serve.h"
#include "exec/participant.h"

#include <pthread.h>

struct tram__loop_task;

struct tram__loop {
    struct tram__loop *next; /* of the same actor */
    struct tram__serve *serve;
    struct tram__participant participant;
    struct tram__message *messages; /* by reader: what this execution received */
    struct tram__loop_task *tasks;
    struct tram__message *constants;
    char *constant_data; /* theirs, one after the other */
    uint64_t constant_bytes;
    pthread_t thread;
    bool started;
    tram__word32 control;  /* 1: stop */
    tram__word32 finished; /* the thread has nothing more to do */
    bool asked;            /* the driver waits for an answer to its teardown */
};

/* Resolves tasks and methods; the participant is open. */
int tram__loop_prepare(struct tram__loop *l);
int tram__loop_start(struct tram__loop *l);
/* Tells the thread to stop at its next wait; it rings the actor's doorbell when it has. */
void tram__loop_stop(struct tram__loop *l);
/* Joins the thread, which has finished or was never started, and frees all but `l` itself. */
void tram__loop_close(struct tram__loop *l);

/* The actor process: registers for PREPARE, CONNECT and TEARDOWN. */
void tram__exec_serve_init(struct tram__serve *s);
void tram__exec_serve_fini(struct tram__serve *s);

#endif
