/* SPDX-License-Identifier: Apache-2.0
 *
 * Channels for tests without a compiler and without actors: participants with a region each, wired as exec
 * wires them. Between threads all use one mapping, so that ThreadSanitizer sees who touches what; between
 * processes each maps its peers read-only, so that a store to another's memory ends it.
 */
#ifndef TRAM_CHANNEL_CHANNEL_RIG_H
#define TRAM_CHANNEL_CHANNEL_RIG_H

#include "base/region.h"
#include "base/test_support.h"
#include "channel/channel.h"

enum { TRAM__RIG_MAX = 6 }; /* participants, channels, readers of one */

struct tram__rig_channel {
    uint32_t writer; /* participant */
    uint64_t capacity;
    uint32_t reader_count;
    uint32_t readers[TRAM__RIG_MAX];
    uint32_t carrier_count;
    uint32_t carriers[TRAM__RIG_MAX]; /* channels that may pass its payload on */
};

struct tram__rig_plan {
    const struct tram__channel_ops *ops;
    struct tram__wait_plan wait;
    uint32_t participants, slots, channel_count;
    struct tram__rig_channel channels[TRAM__RIG_MAX];
};

/* At the start of each region. */
struct tram__rig_head {
    _Alignas(TRAM__LINE) tram__word32 sleeping;
    tram__word64 step;  /* what this participant tells the others outside of any channel */
    tram__word32 epoch; /* participant 0: not 0 means that somebody died */
    struct tram__wait_counts counts;
};

/* One participant's endpoints, by channel; only those it has are open. */
struct tram__rig_view {
    const struct tram__rig_plan *plan;
    uint32_t self;
    struct tram__rig_head *heads[TRAM__RIG_MAX]; /* between processes only our own is writable */
    struct tram__waiter waiter;
    struct tram__writer writers[TRAM__RIG_MAX];
    struct tram__reader readers[TRAM__RIG_MAX];
    const tram__word64 *acks[TRAM__RIG_MAX][TRAM__RIG_MAX * TRAM__RIG_MAX];
    struct tram__sleeper readers_of[TRAM__RIG_MAX][TRAM__RIG_MAX];
    struct tram__sleeper writers_of[TRAM__RIG_MAX][TRAM__RIG_MAX];
    struct tram__origin origins[TRAM__RIG_MAX][TRAM__RIG_MAX];
    void *arg;
};

/* Allocates and wires everything, runs `role` once for each participant at once, frees everything. Returns how
 * many failed. */
unsigned tram__rig_run(const struct tram__rig_plan *plan, enum tram__test_mode mode,
                       int (*role)(struct tram__rig_view *v), void *arg);

/* Tells the others that we got to `step`, and waits until participant `who` did; nonzero: it never does. */
void tram__rig_step(struct tram__rig_view *v, uint64_t step);
int tram__rig_await(struct tram__rig_view *v, uint32_t who, uint64_t step);
/* Waits until participant `who` is asleep on `name`, and a little longer. */
int tram__rig_await_sleep(struct tram__rig_view *v, uint32_t who, uint32_t name);

/* One operation with the fence and the wakes that belong to it, as exec does them. */
void tram__rig_publish(struct tram__rig_view *v, uint32_t channel, uint64_t n, const struct tram__message *m);
void tram__rig_release(struct tram__rig_view *v, uint32_t channel, uint64_t n);
int tram__rig_loan(struct tram__rig_view *v, uint32_t channel, uint64_t n, double timeout_s);
int tram__rig_read(struct tram__rig_view *v, uint32_t channel, uint64_t n, double timeout_s,
                   struct tram__message *out);
/* Loans (within TRAM__TEST_LONG_S), fills with the pattern of (seed, n) and publishes. */
int tram__rig_send(struct tram__rig_view *v, uint32_t channel, uint64_t n, uint64_t size, uint64_t seed);

#endif
