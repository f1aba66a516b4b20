/* SPDX-License-Identifier: Apache-2.0
 *
 * One invocation of a method, as its caller (eager or exec) prepares it and reads it off afterwards.
 */
#ifndef TRAM_ACTOR_CALL_H
#define TRAM_ACTOR_CALL_H

#include "tramline/tramline.h"

#include <stdbool.h>

enum { TRAM__CALL_TEXT = 256 };

struct tram_call {
    const struct tram_bytes *args;
    uint32_t arg_count;
    bool may_forward;
    /* Room for the result, or NULL when `size` is too large for it (`limit` then says what it takes). */
    void *(*room)(struct tram_call *c, uint64_t size);
    uint64_t limit;
    /* What the method left. */
    void *result;
    uint64_t result_size;
    uint32_t forward; /* 1 + index of the argument that is the result; 0: none */
    uint64_t copies, copied_bytes;
    int code; /* of tram_fail */
    char text[TRAM__CALL_TEXT];
};

/* Makes `c` ready for the next invocation; the caller then sets args. */
static inline void tram__call_reset(struct tram_call *c) {
    c->result = NULL;
    c->result_size = 0;
    c->forward = 0;
    c->code = 0;
    c->text[0] = '\0';
}

/* Runs the method: 0, or the nonzero code of its failure, with c->text filled in. */
int tram__call_run(struct tram_call *c, tram_method_fn *fn, void *self);

#endif
