/* SPDX-License-Identifier: Apache-2.0
 *
 * The actor's side: its state, and the main thread's loop, which takes frames from the driver and hands each
 * to the room that registered for it.
 */
#ifndef TRAM_ACTOR_SERVE_H
#define TRAM_ACTOR_SERVE_H

#include "actor/link.h"
#include "actor/roster.h"
#include "base/wait.h"
#include "tramline/tramline.h"

struct tram__serve {
    const struct tram_class *classes;
    const struct tram_class *class; /* its own */
    void *self;                     /* the user's state */
    char name[64];
    uint32_t index;
    const struct tram__roster *roster;
    struct tram__link link;
    enum tram_wait wait;
    uint64_t block_ns;
    uint32_t cpus;
    int doorbell; /* eventfd: another thread of this process wants on_doorbell to run on the main thread */
    tram__word32 doorbell_rung;
    void (*on_doorbell)(struct tram__serve *s);
    int (*on_frame[TRAM__FRAME_TYPES])(struct tram__serve *s,
                                       const struct tram__frame *f); /* 0, or: end the actor */
    bool orderly;       /* told to end, rather than left by the driver */
    void *eager, *exec; /* of the rooms above; exec is not NULL while this process runs graphs */
};

/* Any thread: has on_doorbell run soon on the main thread. */
void tram__serve_ring(struct tram__serve *s);

/* Serves on TRAM__FD_LINK until the driver says to end or is gone; returns the exit status of the process.
 * The caller then ends the rooms above and, if the end is orderly, runs the class's destroy. */
int tram__serve_run(struct tram__serve *s);

/* The class `name`, or NULL; the method `name` of `class`, or NULL. */
const struct tram_class *tram__class_find(const struct tram_class *classes, const char *name);
const struct tram_method *tram__method_find(const struct tram_class *c, const char *name);

#endif
