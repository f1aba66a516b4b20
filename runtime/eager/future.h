/* SPDX-License-Identifier: Apache-2.0
 *
 * The driver's futures: one for each call, or put, that is not done with, and who still needs its results. A reference's id
 * is a future's index, with the number of times that the future was used, so that a stale one is noticed.
 *
 * A result is held by the user's reference, by each call that takes it until that call is done, and by each result that is
 * the same object (a forward). When nobody holds it any more its memory goes; when that is so for all results of a call
 * that is done, so does the future.
 */
#ifndef TRAM_EAGER_FUTURE_H
#define TRAM_EAGER_FUTURE_H

#include "actor/ref.h"
#include "eager/eager.h"
#include "eager/trace.h"

enum tram__object_state {
    TRAM__OBJECT_PENDING,
    TRAM__OBJECT_INLINE, /* the value is here */
    TRAM__OBJECT_STORED, /* it lies in somebody's store */
    TRAM__OBJECT_FAILED, /* the future's failure is in its place */
    TRAM__OBJECT_GONE,   /* the call is done, and nobody wanted to know the value here */
};

enum { TRAM__SMALL = 32 };

struct tram__object {
    uint32_t holds;
    uint8_t state; /* enum tram__object_state */
    bool user;     /* one of the holds is the user's reference */
    /* STORED, and the object of another result: that one, which this one holds. */
    bool is_forward;
    uint32_t forward_future, forward_result;
    uint64_t size;
    union {
        unsigned char small[TRAM__SMALL]; /* INLINE up to this size */
        void *data;                       /* INLINE above: malloc */
        struct tram__place place;         /* STORED */
    };
};

/* A result that a call takes, and as which of its arguments. */
struct tram__hold {
    uint32_t future, result, argument;
};

struct tram__future {
    struct tram_actor *actor; /* NULL: of a put */
    const char *method;       /* of the actor's own table */
    uint32_t uses;            /* odd: taken */
    uint32_t next_free;
    uint32_t call;   /* low half of its number on its actor */
    uint32_t traced; /* its method's number among the names of a trace */
    void *get_name;  /* of the range in which it is waited for */
    bool done;
    uint32_t object_count, alive; /* alive: objects that are held */
    struct tram__object one, *objects;
    uint32_t held_count;
    struct tram__hold few[2], *held; /* by the call, until it is done */
    struct tram__failure *failure;
};

enum { TRAM__FUTURE_CHUNK = 256, TRAM__FUTURE_CHUNKS = 4096 };
#define TRAM__NO_FUTURE UINT32_MAX

/* What the driver knows of the calls on one actor (tram_actor.eager). */
struct tram__caller {
    struct tram__caller *next;
    bool watched;               /* in `any` */
    uint64_t sent, done, acked; /* numbers of calls: submitted, done in order, and told to be */
    uint64_t orphan;            /* the last call whose result was let go before its reply was taken in */
    uint32_t *calls;            /* futures of (done, sent], by number mod capacity */
    uint32_t capacity;          /* a power of two, or 0 */
    struct tram__place *drops;  /* of its objects: to be told */
    uint32_t drop_count;
    uint64_t drop_bytes;
    uint32_t *forgets; /* owners of stores that it may unmap: to be told */
    uint32_t forget_count;
    uint64_t stored;                         /* objects in its store that somebody holds */
    uint64_t linked[(TRAM__ENDS + 63) / 64]; /* actors that it has a link to */
};

struct tram__eager {
    struct tram__source source; /* first: a reference leads here */
    struct tram *t;
    struct tram__store store;
    struct tram__future *chunks[TRAM__FUTURE_CHUNKS];
    uint32_t chunk_count, free, taken;
    struct tram__arena arena;
    struct tram__builder *builder; /* see call.c */
    struct tram__caller *callers;  /* all of them */
    int any; /* an epoll descriptor for the links of all actors that were called, from the first sleep on it on: each
                reply costs its sender more then */
    uint32_t looks;                /* at results that were not ready */
    uint64_t heard;                /* frames that came from actors */
    struct tram__span fetching;    /* the result that was borrowed last */
    bool dropping;                 /* some actor's memory may be worth giving back */
    struct tram_eager_stats stats; /* outstanding_bytes: all but the chunks */
};

static inline struct tram__future *tram__future_at(struct tram__eager *e, uint32_t index) {
    return &e->chunks[index / TRAM__FUTURE_CHUNK][index % TRAM__FUTURE_CHUNK];
}

/* A future with `results` results that are pending and held by nobody; its index, or TRAM__NO_FUTURE with the error set. */
uint32_t tram__future_take(struct tram__eager *e, uint32_t results);
/* Back to the pool at once, objects and all. */
void tram__future_give(struct tram__eager *e, uint32_t index);
void tram__future_hold(struct tram__eager *e, uint32_t index, uint32_t result);
void tram__future_unhold(struct tram__eager *e, uint32_t index, uint32_t result);
/* Makes the call's claim on a result a part of its future; false when memory is short. */
bool tram__future_claim(struct tram__eager *e, uint32_t index, struct tram__hold claim);
/* The call is done: what it held is let go, and the future itself when nobody wants its results. */
void tram__future_done(struct tram__eager *e, uint32_t index);
/* Sets a result: by value (copied; false when memory is short), or as a stored object of its own (owner NULL: the
 * driver). */
bool tram__object_set(struct tram__eager *e, struct tram__object *o, const void *data, uint64_t size);
void tram__object_store(struct tram__eager *e, struct tram__object *o, const struct tram__place *at,
                        struct tram__caller *owner);
const void *tram__object_data(const struct tram__object *o);

/* The number of the future's call on its actor. */
uint64_t tram__future_call(const struct tram__future *f);
/* The caller's state for an actor; NULL with the error set when memory is short. */
struct tram__caller *tram__caller_of(struct tram_actor *a);
/* Records that call number ++sent is this future's; false when memory is short. */
bool tram__caller_reserve(struct tram__caller *c);

/* ---- reply.c ---- */

void tram__eager_listen(struct tram *t); /* registers for what comes back */

/* Nobody needs anything in the store of an actor that is dead: it is unmapped here, and soon everywhere. */
void tram__eager_forget_store(struct tram__eager *e, uint32_t owner);

/* ---- driver.c ---- */

extern const struct tram__source_ops tram__eager_ops;
/* The future of a reference of this runtime that is still the user's, or NULL. */
struct tram__future *tram__future_find(struct tram__eager *e, const struct tram_ref *r);
/* A stored object in the driver's own store, that nobody holds yet: its room, and its future, which is done. */
int tram__eager_put(struct tram__eager *e, uint64_t size, void **room, uint32_t *index);
/* Tells the actor which replies were taken in, and which of its objects nobody holds: not from within a frame's handler. */
void tram__eager_tell(struct tram_actor *a);
enum { TRAM__UNTOLD = 256 }; /* replies after which it must be told */

/* ---- call.c ---- */

void tram__builder_free(struct tram__builder *b);

#endif
