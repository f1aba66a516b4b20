/* SPDX-License-Identifier: Apache-2.0
 *
 * struct tram, the driver's side of a runtime, and its actors. The rooms above hang their own state and frame
 * handlers on it; launch/ puts the pieces together.
 */
#ifndef TRAM_ACTOR_RUNTIME_H
#define TRAM_ACTOR_RUNTIME_H

#include "actor/link.h"
#include "actor/roster.h"
#include "base/cpus.h"
#include "base/ties.h"
#include "base/wait.h"
#include "tramline/tensor.h"

struct tram__method_info {
    char *name;
    bool forwards;
    uint32_t results;
    uint32_t traced;            /* its number among the names of a trace, 0: none */
    void *call_name, *get_name; /* of ranges (probe/sink.h) */
};

/* Device memory that a participant of a graph lends to others, or the address of its end, for one channel. */
struct tram__lent {
    uint32_t channel, participant;
    void *handle;
    size_t size;
    int fd; /* or -1 */
};

/* A channel whose payloads an actor could not pin, and why. */
struct tram__unpinned {
    uint32_t channel;
    int status;
    char *text;
};

struct tram_actor {
    struct tram *t;
    struct tram_actor *next;
    uint32_t index;
    int pid;
    int cpu;                             /* -1: any */
    bool pinned;                         /* the user chose it */
    char *name, *class_name, *device;    /* device: NULL: none */
    struct tram__ties ties;              /* of its device, */
    struct tram_device_info device_info; /* with what people know it by */
    struct tram__method_info *methods;   /* as the actor itself declared them */
    size_t method_count;
    struct tram__link link;
    struct tram__site site; /* waiting for its replies */
    bool gone;              /* its link ended */
    bool ended;             /* by tram_actor_destroy */
    void *eager;            /* of the room above */
    /* The first ANSWER to the last order, for whoever waits for it. */
    uint64_t order;
    bool answered;
    int answer_status;
    char answer_text[512];
    int answer_fd, answer_bell; /* or -1; belong to whoever waits */
    struct tram__lent *answer_lent;
    uint32_t answer_lent_count;
    struct tram__unpinned *answer_unpinned;
    uint32_t answer_unpinned_count;
};

typedef void tram__on_frame(struct tram_actor *a, const struct tram__frame *f);

struct tram {
    const struct tram_class *classes;
    const struct tram_transport_ops *transports; /* the program's own, or NULL */
    char *trace;                                 /* the file that is to be written; NULL: none */
    enum tram_wait wait;
    char *worker; /* NULL: this program */
    char *program;
    struct tram__cpus cpus;
    struct tram__wait_plan plan; /* for eager waits; renewed as actors come and go */
    uint64_t block_ns;           /* cost of a sleep and a wake here, measured when the supervisor started */
    int supervisor;              /* socket, -1: not started */
    int supervisor_pidfd;
    uint32_t orders; /* given to it */
    const struct tram__roster *roster;
    struct tram_actor *actors; /* newest first */
    uint32_t next_index;
    uint32_t live;
    tram__on_frame *on_frame[TRAM__FRAME_TYPES];
    void (*on_gone)(struct tram_actor *a); /* its link ended, whatever the reason */
    struct pollfd *polls;                  /* for sleeping on all links */
    uint32_t poll_capacity;
    uint64_t store_bytes;
    int bell;           /* eventfd that actors ring when we sleep; -1: eager calls go through sockets */
    void *eager, *exec; /* of the rooms above */
};

/* ---- host.c: the supervisor, seen from the driver ---- */

/* Starts the supervisor unless it runs. */
int tram__host_start(struct tram *t);
/* Has it spawn an actor process that is born with `link`; returns its pid in *pid. */
int tram__host_spawn(struct tram *t, uint32_t index, int link, int cpu, int *pid);
/* Announces that an actor is about to end in good order / has it killed. */
void tram__host_expect_end(struct tram *t, uint32_t index);
void tram__host_kill(struct tram *t, uint32_t index);
/* 0 while the supervisor lives, else ERR_PEER_DEAD with a message. */
int tram__host_check(struct tram *t);
/* Ends the supervisor and, with it, every actor that is left; waits until it is gone (at most 2 s). */
void tram__host_stop(struct tram *t);

/* ---- actor.c: actors, seen from the driver ---- */

const struct tram__method_info *tram__actor_method(const struct tram_actor *a, const char *method);
/* Takes and handles the frames that have arrived; ERR_PEER_DEAD (with tram__actor_dead's message) at the end.
 */
int tram__actor_pump(struct tram_actor *a);
/* True when the actor is gone, by its link or by the roster (a child of its own may keep the link open); what it had sent is
 * taken in first. */
bool tram__actor_lost(struct tram_actor *a);
/* The same for every actor but this one (NULL: none is left out), whose ends are then known. */
void tram__actors_pump(struct tram *t, const struct tram_actor *but);
/* Before and after sleeping on the bell, where there are mailboxes: false when some actor has sent something. */
bool tram__actors_arm(struct tram *t);
void tram__actors_disarm(struct tram *t);
/* Waits until *done, pumping this actor's link, and now and then the others' too, lest one that cannot get rid of its
 * replies holds up what this one waits for: 0, ERR_TIMED_OUT (no message) or ERR_PEER_DEAD. */
int tram__actor_await(struct tram_actor *a, const bool *done, double timeout_s);
/* Sends a frame, pumping all links while the socket is full. */
int tram__actor_send(struct tram_actor *a, struct tram__send *s);
/* The same until `deadline_ns`: ERR_TIMED_OUT, without a message, when nothing of the frame was sent by then.
 */
int tram__actor_send_until(struct tram_actor *a, struct tram__send *s, uint64_t deadline_ns);
/* Sets the error for a death: "actor Echo#0 (pid 12) was killed by signal 9 (Killed)"; returns ERR_PEER_DEAD.
 */
int tram__actor_dead(struct tram_actor *a);
void tram__actors_fini(struct tram *t);
/* With what the entries hold. */
void tram__lent_free(struct tram__lent *list, uint32_t count);
void tram__unpinned_free(struct tram__unpinned *list, uint32_t count);

#endif
