/* SPDX-License-Identifier: Apache-2.0
 *
 * The actor's side of eager calls: what its files share.
 */
#ifndef TRAM_EAGER_SERVE_H
#define TRAM_EAGER_SERVE_H

#include "eager/queue.h"
#include "eager/trace.h"

#include <stdlib.h>

struct tram__eager_serve {
    struct tram_call call; /* first: room() gets here from it */
    struct tram__serve *serve;
    struct tram__store store;
    struct tram__queue queue;
    struct tram__entry *running; /* whose results are being made */
    uint64_t reported;           /* calls up to this one are known to be done */
    bool busy;                   /* running a call, or sending what it made */
    bool deferred;               /* replies that need not hurry are due */
    struct tram__arena arena, queued_arena,
        peer_arena; /* for frames that are handled while others still are */
    struct tram_bytes *args;
    uint32_t *argument_of;                             /* by index into args: the argument of the spec, */
    uint8_t *targets;                                  /* and where it is wanted if it is a tensor */
    struct tram_tensor_hint tensors[TRAM_MAX_RESULTS]; /* what results were announced to be */
    uint32_t arg_capacity;
    struct tram__call_result results[TRAM_MAX_RESULTS];
    struct tram__span span; /* of the call under way */
    /* By method of the class: its number among the names of a trace, and its name for ranges; NULL: there is none. */
    uint32_t *traced;
    void **ranges;
    uint32_t depth_name, bytes_name; /* of counters: the calls that wait, and what they hold */
};

/* What there must be memory for. Without, the actor ends: its driver reads the death. */
static inline void *tram__must(void *p) {
    if (!p)
        abort();
    return p;
}

/* Number of a method among the names of a trace. */
uint32_t tram__eager_traced(struct tram__eager_serve *e, const char *method);

void tram__eager_name_ranges(struct tram__eager_serve *e);

/* ---- run.c ---- */

void tram__eager_serve_call(struct tram__eager_serve *e); /* makes e->call ready for its first use */
/* Runs a call that has all its arguments: its outcomes, or its failure, are then in the entry. */
void tram__eager_run(struct tram__eager_serve *e, struct tram__entry *n, const Tram__Wire__TaskSpec *m,
                     const unsigned char *payload, size_t payload_size);

/* Empties the outcomes of a call: nobody will ever hold what it stored. */
void tram__eager_forget(struct tram__eager_serve *e, struct tram__entry *n);

/* ---- deliver.c ---- */

/* Hands an outcome of a call that has run to whoever waits for it. */
void tram__eager_deliver(struct tram__eager_serve *e, struct tram__entry *n, const struct tram__target *t);
/* Tells the driver; not at all when it does not want to know the results and holds none of our memory. */
int tram__eager_reply(struct tram__eager_serve *e, struct tram__entry *n, uint64_t call);
/* Sends the replies that were put off, and tells of calls that are done and need none. */
int tram__eager_report(struct tram__eager_serve *e);
/* An argument for a call of our own has come: in a message, as an outcome, or not at all. False when memory is short. */
bool tram__eager_attach(struct tram__eager_serve *e, uint64_t call, const struct tram__input *in);

#endif
