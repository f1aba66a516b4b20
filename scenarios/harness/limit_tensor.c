/* SPDX-License-Identifier: Apache-2.0
 *
 * The limit of a transfer between devices that are host memory: the bare copies. The maker keeps the elements in memory of
 * its own; by loan they are in the slot already. Staged, they pass through the slot: copied out of the maker's memory into
 * it, and out of it into the receiver's.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/limit.h"

/* Where the order of message n on hop 1 is, and the elements; small ones are beside the flag. */
static struct tram_order *order_at(const struct limit *s, uint32_t n) {
    return (struct tram_order *)(void *)limit_slot_at(s, 1, n)->payload;
}

static unsigned char *elements_at(const struct limit *s, uint32_t n) {
    if (!s->tensor_stride)
        return limit_slot_at(s, 1, n)->payload + sizeof(struct tram_order);
    return s->tensors + limit_position(s, n) * s->tensor_stride;
}

void limit_tensor_plan(struct limit *s) {
    const struct tram_case *c = s->c;
    bool inside = c->tensor <= LIMIT_IN_SLOT - sizeof(struct tram_order);
    bool stays = c->picked == TRAM_TRANSPORT_IPC;
    s->tensor_stride = inside ? 0 : (c->tensor + 4095) / 4096 * 4096;
    s->stages_out = !stays && tram_device_of(&c->devices, 0) && c->picked != TRAM_TRANSPORT_SHM;
    s->stays = stays;
}

/* Whether process k brings the elements into memory of its own. */
static bool stages_in(const struct limit *s, unsigned k) {
    const char *maker = tram_device_of(&s->c->devices, 0), *here = tram_device_of(&s->c->devices, k - 1);
    if (!here || s->c->picked == TRAM_TRANSPORT_SHM)
        return false;
    return !s->stays || !tram_same_device(maker, here);
}

bool limit_tensor_copies(const struct limit *s) {
    bool any = !s->c->loan || s->stages_out;
    for (unsigned k = 2; k <= s->c->actors; k++)
        any |= stages_in(s, k);
    return any;
}

/* Memory of this process for a tensor. */
static unsigned char *own_memory(const struct limit *s) {
    unsigned char *p = tram_layout_alloc(s->c->tensor);
    if (!p)
        _Exit(1);
    return p;
}

void limit_tensor_make(const struct limit *s, uint32_t n) {
    static unsigned char *own, *staged; /* of this process */
    const struct tram_order *o = (const struct tram_order *)(const void *)limit_slot_at(s, 0, n)->payload;
    unsigned char *shared = elements_at(s, n), *to = shared;
    size_t bytes = s->c->tensor, end = tram_order_stamp_at(bytes);
    *order_at(s, n) = *o;
    if (limit_gpu_makes(s, o, shared, limit_position(s, n)))
        return;
    if (!own) {
        own = own_memory(s);
        staged = own_memory(s);
    }
    if (s->stages_out)
        to = staged;
    if (o->check)
        tram_order_fill(to, bytes, o->stamp);
    else if (!s->c->loan)
        limit_copy(s, to, own, bytes);
    memcpy(to + end, &o->stamp, bytes - end);
    if (to != shared)
        limit_copy(s, shared, to, bytes);
}

void limit_tensor_take(const struct limit *s, unsigned k, struct tram_receipt *r, uint32_t n) {
    static unsigned char *own, *wanted;
    const struct tram_order *o = order_at(s, n);
    const unsigned char *at = elements_at(s, n);
    size_t bytes = s->c->tensor, end = tram_order_stamp_at(bytes);
    if (limit_gpu_takes(s, o, at, limit_position(s, n), r))
        return;
    if (stages_in(s, k)) {
        if (!own)
            own = own_memory(s);
        limit_copy(s, own, at, bytes);
        at = own;
    }
    *r = (struct tram_receipt){.part = o->stamp};
    memcpy(&r->stamp, at + end, bytes - end);
    if (!o->check)
        return;
    if (!wanted)
        wanted = own_memory(s);
    tram_order_fill(wanted, bytes, o->stamp);
    r->wrong = memcmp(at, wanted, bytes) != 0;
}
