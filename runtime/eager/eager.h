/* SPDX-License-Identifier: Apache-2.0
 *
 * Per-call dispatch. Each call builds a task spec, resolves its arguments, serialises it with the small ones, sends it to
 * the actor's queue, is looked up and run there, and comes back as a reply that completes a future.
 *
 * Who knows what. The driver submits every call, so it alone counts who still needs a result (future.h) and decides when
 * an object may go. Small values travel inside the frames, large ones lie in their maker's store (store.h) and are read
 * in place. A call that takes the result of one that is not finished yet is sent at once; the driver asks the producer
 * (SEND) to hand the result straight to the consumer (DELIVERY), which runs the call when it has all its arguments.
 * Calls on one actor run in the order in which they were submitted; each is known by its number in that order.
 *
 * What a producer keeps. The driver may ask for a result that has just been sent to it: a SEND that crossed the reply.
 * So an actor keeps the small results of each call until the driver has said that it took their reply in (`acked`, in
 * frames that it sends anyway); the driver asks nobody for a result that it has, and a SEND is sent before any `acked`
 * that covers its call: the result is there, or it is still to come.
 */
#ifndef TRAM_EAGER_EAGER_H
#define TRAM_EAGER_EAGER_H

#include "actor/call.h"
#include "actor/runtime.h"
#include "actor/serve.h"
#include "actor/wire.pb-c.h"
#include "eager/store.h"

enum tram__argument_kind {
    TRAM__INLINE, /* in the frame */
    TRAM__STORED, /* in a store */
    TRAM__SENT,   /* to come from another actor */
    TRAM__OWN,    /* a result of an earlier call on the same actor */
    TRAM__FAILED, /* the call that should have made it failed */
    TRAM__ABSENT, /* only waited for */
};

/* Larger values go into the store. */
enum { TRAM__INLINE_MOST = 32 * 1024 };

static inline size_t tram__padded(size_t n) {
    return (n + 7) & ~(size_t)7;
}

/* Why a call has no results, and whose fault it is. */
struct tram__failure {
    int32_t status, code;
    char actor[64], method[64];
    char text[TRAM__CALL_TEXT];
};

/* Each allocates, and returns NULL when memory is short. */
struct tram__failure *tram__failure_make(int status, int code, const char *actor, const char *method,
                                         const char *text);
struct tram__failure *tram__failure_copy(const struct tram__failure *f);
/* Into a message that borrows it, and out of one; the second allocates as those do. */
void tram__failure_pack(const struct tram__failure *f, Tram__Wire__Failure *m);
struct tram__failure *tram__failure_unpack(const Tram__Wire__Failure *m);
/* This one or, when there was no memory for it, one that says so. */
const struct tram__failure *tram__failure_or(const struct tram__failure *f);
void tram__place_pack(const struct tram__place *p, Tram__Wire__Place *m);
struct tram__place tram__place_unpack(const Tram__Wire__Place *m);
/* The frame that announces a store, into *send; *m and the map must live as long. */
void tram__store_frame(const struct tram__map *g, Tram__Wire__Store *m, struct tram__send *send);

/* Driver: registers for replies. Fails for lack of memory, or a bad timeout in the environment. */
int tram__eager_init(struct tram *t);
void tram__eager_fini(struct tram *t);

/* Actor: registers for calls. */
void tram__eager_serve_init(struct tram__serve *s);
void tram__eager_serve_fini(struct tram__serve *s);

#endif
