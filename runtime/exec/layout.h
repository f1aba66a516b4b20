/* SPDX-License-Identifier: Apache-2.0
 *
 * Where everything lies in the participants' regions, and the plan of one participant as it is sent to an
 * actor.
 */
#ifndef TRAM_EXEC_LAYOUT_H
#define TRAM_EXEC_LAYOUT_H

#include "actor/wire.pb-c.h"
#include "base/seam.h"
#include "base/wait.h"
#include "channel/channel.h"
#include "schedule/schedule.h"

#define TRAM__REGION_MAGIC   0x4E474552u
#define TRAM__REGION_VERSION 1u

/* Among the participants of a CONNECT, with a participant's number: the descriptor is not its region but its bell, which
 * it may have rung in place of a futex's wake (exec/events.c, exec/turns.c). */
#define TRAM__BELL UINT32_C(0x80000000)

/* The head of every region, written by its owner alone. Acks, slots and extents follow. */
struct tram__region_head {
    uint32_t magic, version;
    uint64_t graph;
    uint64_t bytes;
    uint32_t participant;
    uint32_t reserved;
    _Alignas(TRAM__LINE) tram__word32 sleeping; /* see base/wait.h; one thread per participant */
    _Alignas(TRAM__LINE) struct tram__wait_counts waits;
    tram__word64 done; /* executions finished */
    tram__word64 copies, copied_bytes, maps;
    tram__word32 stopped; /* the thread gave up: a status, negated */
};
_Static_assert(offsetof(struct tram__region_head, sleeping) == TRAM__LINE, "the shared layout is fixed");
_Static_assert(offsetof(struct tram__region_head, waits) == 2 * TRAM__LINE, "the shared layout is fixed");
_Static_assert(sizeof(struct tram__region_head) % TRAM__LINE == 0,
               "acks and slots follow on a line of their own");

/* Offsets of one channel. */
struct tram__channel_place {
    uint64_t lines, extent;
    uint64_t *acks; /* by reader */
};

struct tram__layout {
    const struct tram__schedule *schedule; /* borrowed */
    uint32_t slots;
    uint64_t *bytes; /* of each participant's region */
    struct tram__channel_place *channels;
    uint64_t total;
    uint64_t local; /* what actors hold privately besides: results that only they read */
};

/* Longest text of a failure that travels in place of a payload: what a slot holds. */
enum { TRAM__FAILURE_TEXT = 104 };

/* Bytes held for a result that stays in its actor: room for a failure's text in any case. */
static inline uint64_t tram__layout_local(uint64_t capacity) {
    return capacity > TRAM__FAILURE_TEXT ? capacity : TRAM__FAILURE_TEXT;
}

/* Constants follow one another, each on a line of its own. */
static inline uint64_t tram__layout_padded(uint64_t bytes) {
    return (bytes + 63) / 64 * 64;
}

/* Slots for an in-flight limit: that many, and more while they take little memory. Acks are read once in K messages
 * (a cache line to fetch from each reader): with 256 that leaves the 99th percentile. */
uint32_t tram__layout_slots(const struct tram__schedule *s, uint32_t inflight);

int tram__layout_create(const struct tram__schedule *s, const struct tram__channel_ops *ops, uint32_t slots,
                        struct tram__layout *out);
void tram__layout_destroy(struct tram__layout *l);

/* The plan of participant `self`: channels, peers, tasks and operations that concern it. The caller sets the
 * scalar fields on waiting, and frees it with tram__wire__prepare__free_unpacked(m, NULL). NULL with a
 * message when memory is short. */
Tram__Wire__Prepare *tram__layout_plan(const struct tram__layout *l, uint32_t self);
/* The constants of participant `self`, one after the other, to be freed by the caller; NULL with a message when memory is
 * short, and when there are none (*size 0). */
void *tram__layout_constants(const struct tram__layout *l, uint32_t self, size_t *size);

#endif
