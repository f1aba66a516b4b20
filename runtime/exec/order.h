/* SPDX-License-Identifier: Apache-2.0
 *
 * Orders to the actors of a graph (PREPARE, CONNECT, TEARDOWN) and what they answer: one at a time each, by number, so that a late
 * answer is not taken for another's. Deadlines are absolute, of tram__now_ns.
 */
#ifndef TRAM_EXEC_ORDER_H
#define TRAM_EXEC_ORDER_H

#include "exec/exec.h"

#include <unistd.h>

/* The number of a new order for the actor. What it answered to the last one is let go. */
uint64_t tram__order_new(struct tram_actor *a);
/* Sends a frame of the last order. */
int tram__order_ask(struct tram_actor *a, struct tram__send send, uint64_t deadline_ns);
/* Waits for the answer to what was asked last; the status that it has. What the actor should do is for the error's text. */
int tram__order_await(struct tram_actor *a, const char *doing, uint64_t deadline_ns);
/* Takes an answer, with the descriptors that come with it: the handler of TRAM__FRAME_ANSWER. */
void tram__order_answered(struct tram_actor *a, const struct tram__frame *f);

/* Of a descriptor that came with an answer; -1 from then on, as where there is none. */
static inline void tram__order_close(int *fd) {
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* Has every actor that is alive stop, and free all; or only stop, if `halt`. */
int tram__order_end(struct tram_compiled *x, bool halt, uint64_t deadline_ns);
/* The same, in as many steps as it takes. */
int tram__order_stop(struct tram_compiled *x, uint64_t deadline_ns);

#endif
