/* SPDX-License-Identifier: Apache-2.0
 *
 * An actor's calls by number: those that came and wait for their turn or for arguments, those whose arguments came before
 * them, and those that have run and whose results somebody may still ask for.
 *
 *   retired  | first ... run | run + 1 ... last
 *            | have run      | wait, or are only known by an argument
 */
#ifndef TRAM_EAGER_QUEUE_H
#define TRAM_EAGER_QUEUE_H

#include "eager/eager.h"

/* An argument that did not come with the call. */
struct tram__input {
    struct tram__input *next;
    uint32_t argument;
    enum tram__argument_kind kind; /* INLINE, STORED, FAILED or ABSENT */
    void *data;                    /* INLINE: malloc */
    uint64_t size;
    struct tram__place place;
    struct tram__failure *failure;
};

/* Who waits for a result. */
struct tram__target {
    struct tram__target *next;
    uint32_t result;
    uint32_t to; /* actor */
    uint64_t to_call;
    uint32_t argument;
    bool after;
};

/* One result of a call that has run. */
struct tram__outcome {
    enum tram__argument_kind kind; /* INLINE or STORED */
    struct tram__buffer buffer;    /* INLINE; kept when the entry is used again */
    uint64_t size;
    struct tram__place place;
    uint32_t forward; /* 1 + the argument whose object it is; 0: none */
};

enum tram__entry_state { TRAM__ENTRY_KNOWN, TRAM__ENTRY_QUEUED, TRAM__ENTRY_RUN };

struct tram__entry {
    enum tram__entry_state state;
    unsigned char *frame; /* QUEUED: spec and payload, copied */
    size_t spec_size, payload_at, payload_size;
    struct tram__input *inputs;
    uint32_t missing;
    struct tram__target *targets;
    bool silent, onward, replied;
    uint64_t unwanted; /* results that the driver does not want, a bit each */
    struct tram__failure *failure;
    struct tram__outcome one, *outcomes;
    uint32_t outcome_count;
    struct tram__entry *next_free;
    uint64_t came; /* ticks, when it is traced; 0: it did not have to wait */
};

struct tram__queue {
    struct tram__entry **at; /* by number mod capacity */
    uint32_t capacity;       /* a power of two */
    uint64_t first, run, last;
    uint64_t arrived; /* the last call that came */
    uint64_t bytes;   /* of queued frames */
    struct tram__entry *free;
    uint32_t free_count;
};

/* The entry of a call, or NULL. */
struct tram__entry *tram__queue_find(const struct tram__queue *q, uint64_t call);
/* The same, made if need be; NULL for one that is retired or absurdly far ahead, or when memory is short. */
struct tram__entry *tram__queue_make(struct tram__queue *q, uint64_t call);
/* Lets go of calls up to this one that have run. */
void tram__queue_retire(struct tram__queue *q, uint64_t call);
void tram__queue_free(struct tram__queue *q);

/* Room for the outcomes of a call; false when memory is short. */
bool tram__entry_outcomes(struct tram__entry *n, uint32_t count);
/* True when a result of the call that has run is a stored object. */
bool tram__entry_stores(const struct tram__entry *n);
struct tram__input *tram__entry_input(const struct tram__entry *n, uint32_t argument);
void tram__entry_free_inputs(struct tram__entry *n);

#endif
