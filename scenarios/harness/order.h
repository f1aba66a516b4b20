/* SPDX-License-Identifier: Apache-2.0
 *
 * Tensors that an actor makes: what the driver orders, and the receipt by which it sees that exactly that tensor arrived. A
 * tensor ends in the order's stamp, which is different in every execution; when the order says so, all of it is made anew
 * and compared where it arrives.
 */
#ifndef TRAM_HARNESS_ORDER_H
#define TRAM_HARNESS_ORDER_H

#include <stdbool.h>

#include "tramline/tensor.h"

/* The input of an execution, and the CPU part of the tensor that is made. */
struct tram_order {
    uint64_t stamp;
    uint64_t bytes; /* of the tensor */
    uint64_t check; /* 1: all of it */
};

struct tram_receipt {
    uint64_t stamp; /* the tensor's last bytes */
    uint64_t part;  /* the stamp in its CPU part */
    uint64_t wrong; /* 1: something else is not as ordered */
};

/* A tensor of so many bytes: float32 when they are a multiple of 4. */
struct tram_tensor tram_order_tensor(size_t bytes);
struct tram_order tram_order_make(uint64_t seed, uint64_t execution, size_t bytes, bool check);
/* Offset of the stamp in the tensor; as much of it is there as there is room for. */
static inline size_t tram_order_stamp_at(size_t bytes) {
    return bytes > sizeof(uint64_t) ? bytes - sizeof(uint64_t) : 0;
}
/* All of a tensor of `bytes`. */
void tram_order_fill(void *to, size_t bytes, uint64_t stamp);
/* Whether this is the receipt for what was ordered; else `why` gets what is wrong. */
bool tram_order_met(const struct tram_receipt *r, const struct tram_order *o, char *why, size_t why_size);

#endif
