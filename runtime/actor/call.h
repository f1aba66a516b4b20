/* SPDX-License-Identifier: Apache-2.0
 *
 * One invocation of a method, as its caller (eager or exec) prepares it and reads it off afterwards.
 */
#ifndef TRAM_ACTOR_CALL_H
#define TRAM_ACTOR_CALL_H

#include "tramline/tensor.h"

#include <stdbool.h>

enum { TRAM__CALL_TEXT = 256 };

/* One argument, or a list of them, among those of a call that has lists. */
struct tram__item {
    uint32_t leaf;         /* index into the call's args; TRAM__NO_LEAF: a list */
    uint32_t first, count; /* of a list: its elements, items that follow one another */
};
#define TRAM__NO_LEAF UINT32_MAX

/* What the method left for one result. */
struct tram__call_result {
    void *data;
    uint64_t size;
    uint32_t forward; /* 1 + index of the argument (in args) that is the result; 0: none */
    uint64_t limit;   /* set by the caller: the most bytes it takes */
    /* A tensor that is made on the device: where its elements go from there, within `data`; NULL: no such. */
    void *elements;
    uint64_t element_bytes;                /* of these, and of those in a slot */
    const struct tram_tensor_hint *tensor; /* set by the caller: what it has to be; NULL: anything */
    const struct tram__slot_view
        *slot;    /* set by the caller: where its elements are made to stay (tensor.h); NULL: nowhere */
    bool in_slot; /* and there they are */
};

struct tram_call {
    const struct tram_bytes *args;
    uint32_t arg_count;
    const struct tram__item *items; /* NULL: args in a row */
    uint32_t item_count;            /* of the outermost list; they come first */
    bool may_forward;
    /* Room for a result of size <= its limit, or NULL when there is no memory for it, with the call
     * failed if there is more to say. */
    void *(*room)(struct tram_call *c, uint32_t result, uint64_t size);
    struct tram__call_result *results;
    uint32_t result_count;
    struct tram_stream *stream; /* of the thread; NULL: the actor has no device */
    const struct tram__slot_view
        *arg_slots;         /* by index into args: where elements lie that are not in the value; or NULL */
    const uint8_t *bounces; /* by index into args: not 0: by way of pinned memory (tensor.h); NULL: none */
    const uint8_t *targets; /* by index into args: enum tram_where; NULL: the default */
    bool announced;         /* some result has to be a certain tensor */
    uint64_t maps;          /* device memory that was allocated */
    uint64_t copies, copied_bytes;
    int code; /* of tram_fail */
    char text[TRAM__CALL_TEXT];
};

/* Makes `c` ready for the next invocation; the caller then sets args. */
static inline void tram__call_reset(struct tram_call *c) {
    for (uint32_t i = 0; i < c->result_count; i++) {
        c->results[i].data = NULL;
        c->results[i].size = 0;
        c->results[i].forward = 0;
        c->results[i].elements = NULL;
        c->results[i].in_slot = false;
    }
    c->code = 0;
    c->text[0] = '\0';
}

/* Items for a shape as in graph/graph.h, to be freed by the caller; NULL when memory is short or the shape is not one of
 * `leaves` arguments. *count: of the outermost list. */
struct tram__item *tram__call_items(const uint32_t *shape, size_t shape_count, uint32_t leaves,
                                    uint32_t *count);

/* The argument in `args` that is element `index` of the outermost list; TRAM__NO_LEAF: a list, or there is none. */
uint32_t tram__call_leaf(const struct tram_call *c, size_t index);

/* Runs the method: 0, or the nonzero code of its failure, with c->text filled in. */
int tram__call_run(struct tram_call *c, tram_method_fn *fn, void *self);

#endif
