/* SPDX-License-Identifier: Apache-2.0
 *
 * The supervisor: one single-threaded process per host and driver, which spawns the actors, reaps them and
 * announces their deaths. It kills them all and leaves when its driver ends, however that ends.
 */
#ifndef TRAM_ACTOR_SUPERVISOR_H
#define TRAM_ACTOR_SUPERVISOR_H

#include <stdint.h>

/* First argument of the processes that the runtime starts: "--tramline-serve=supervisor" or "...=actor". */
#define TRAM__SERVE_OPTION "--tramline-serve="

/* Descriptors that they are born with. */
enum { TRAM__FD_LINK = 3, TRAM__FD_OTHER = 4 }; /* supervisor: the driver's pidfd; actor: the roster */

#define TRAM__SUPERVISOR_VERSION 1u

enum tram__order { TRAM__ORDER_SPAWN = 1, TRAM__ORDER_EXPECT_END, TRAM__ORDER_KILL, TRAM__ORDER_PING };

/* Driver -> supervisor, over a SOCK_SEQPACKET pair; SPAWN carries the actor's end of its link. */
struct tram__order_message {
    uint32_t version;
    uint32_t order;  /* enum tram__order */
    uint32_t index;  /* of the actor */
    int32_t cpu;     /* -1: any */
    uint32_t number; /* from 1; of its answer too, which may come when nobody waits for it any more */
};
/* Supervisor -> driver, after its start (with the roster attached) and in answer to SPAWN and PING. */
struct tram__order_answer {
    int32_t pid;
    int32_t error;   /* errno, or 0 */
    uint32_t number; /* of the order; 0: after its start */
};

/* Serves on TRAM__FD_LINK until the driver is gone; returns the exit status. */
int tram__supervisor_serve(const char *program);

#endif
