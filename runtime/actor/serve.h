/* SPDX-License-Identifier: Apache-2.0
 *
 * The actor's side: its state, and the main thread's loop, which takes frames from the driver and hands each
 * to the room that registered for it.
 */
#ifndef TRAM_ACTOR_SERVE_H
#define TRAM_ACTOR_SERVE_H

#include "actor/link.h"
#include "actor/roster.h"
#include "actor/tensor.h"
#include "base/wait.h"
#include "tramline/tramline.h"

/* A link to another actor of the same runtime. */
struct tram__peer {
    struct tram__peer *next;
    uint32_t index;
    char name[64];
    struct tram__link link;
    bool gone;  /* its link ended, */
    bool broke; /* though it may live */
    bool ready; /* something is there to be taken */
};

struct tram__serve {
    const struct tram_class *classes;
    const struct tram_transport_ops *transports; /* the program's own, or NULL */
    const struct tram_class *class;              /* its own */
    void *self;                                  /* the user's state */
    char name[64];
    uint32_t index;
    const struct tram__roster *roster;
    struct tram__link link;
    enum tram_wait wait;
    uint64_t block_ns;
    uint32_t cpus;
    uint64_t store_bytes;
    struct tram__device *device; /* NULL: none */
    struct tram_stream *stream;  /* of calls on the main thread; NULL: no device */
    struct tram__peer *peers;
    uint32_t peer_count;
    struct tram__peer *dead; /* links that ended: without a descriptor */
    bool bury;               /* some peer is gone, and not among those yet */
    struct pollfd *polls;    /* for sleeping on all links */
    int bell; /* eventfd that others ring when the main thread sleeps: with mailboxes the other ends of our links, and
                     whoever graphs that run on the main thread wait for */
    bool mailbox; /* links go through shared memory */
    bool full;    /* enough calls are queued: the driver's next frames wait in its link */
    int doorbell; /* eventfd: another thread of this process wants on_doorbell to run on the main thread */
    tram__word32 doorbell_rung;
    void (*on_doorbell)(struct tram__serve *s);
    int (*on_frame[TRAM__FRAME_TYPES])(struct tram__serve *s,
                                       const struct tram__frame *f); /* 0, or: end the actor */
    /* May be called while a frame is being sent: then it must not send itself (`sending`). */
    void (*on_peer_frame)(struct tram__serve *s, struct tram__peer *p, const struct tram__frame *f);
    void (*on_peer_gone)(struct tram__serve *s, struct tram__peer *p);
    bool sending, lost;                        /* lost: a send to the driver failed */
    void (*on_created)(struct tram__serve *s); /* name, index and settings are known */
    void (*on_idle)(
        struct tram__serve *s); /* before the main thread sleeps, and now and then if it never does */
    /* Work that a room above has for the main thread; `turn` is NULL while there is none. The thread then waits by
     * `turn_plan`, and looks at its link only now and then. turn does a bounded share of what can be done without
     * waiting; true: there was some. arm comes before a sleep, and has `bell` rung for work to come; true: do not sleep.
     * disarm comes after either. */
    bool (*turn)(struct tram__serve *s);
    bool (*arm)(struct tram__serve *s);
    void (*disarm)(struct tram__serve *s);
    struct tram__wait_plan turn_plan;
    bool orderly;       /* told to end, rather than left by the driver */
    void *eager, *exec; /* of the rooms above; exec is not NULL while this process runs graphs */
};

/* Any thread: has on_doorbell run soon on the main thread. */
void tram__serve_ring(struct tram__serve *s);

/* Sends a frame on the driver's link or on a peer's; while there is no room, takes in what the peers send, so that two
 * actors that send to each other both get on, and gives turns. Not from within a turn. */
int tram__serve_send(struct tram__serve *s, struct tram__link *to, struct tram__send *send);

/* ---- links.c ---- */

/* The link to actor `index`, be it gone, or NULL. */
struct tram__peer *tram__serve_peer(const struct tram__serve *s, uint32_t index);
/* A PEER frame; 0, or: end the actor. */
int tram__serve_on_peer(struct tram__serve *s, const struct tram__frame *f);
/* Takes what the peers have sent: those that are `ready`, or cheap to look at. False: there was nothing. */
bool tram__serve_take(struct tram__serve *s);
/* With peers, and links that are sockets: one system call for all that finds out which peers have something (`ready`), and
 * whether the driver does. */
bool tram__serve_probe(struct tram__serve *s);
/* Waits in poll(2) for the driver, the doorbell, the bell, any peer, or room in `full` (NULL: none). True when there may be
 * something in a link. */
bool tram__serve_sleep(struct tram__serve *s, const struct tram__link *full, int timeout_ms);
void tram__serve_close_peers(struct tram__serve *s);

/* Closes the device: after all that uses it. */
void tram__serve_close_device(struct tram__serve *s);

/* Serves on TRAM__FD_LINK until the driver says to end or is gone; returns the exit status of the process.
 * The caller then ends the rooms above and, if the end is orderly, runs the class's destroy. */
int tram__serve_run(struct tram__serve *s);

/* The class `name`, or NULL; the method `name` of `class`, or NULL. */
const struct tram_class *tram__class_find(const struct tram_class *classes, const char *name);
const struct tram_method *tram__method_find(const struct tram_class *c, const char *name);

#endif
