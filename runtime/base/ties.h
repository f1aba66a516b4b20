/* SPDX-License-Identifier: Apache-2.0
 *
 * What decides how tensors travel between devices, as far as it can be known of each alone: an actor tells it of its device,
 * and schedules go by it.
 */
#ifndef TRAM_BASE_TIES_H
#define TRAM_BASE_TIES_H

#include <stdbool.h>
#include <stdint.h>

enum { TRAM__MOST_REACHES = 16 };

struct tram__ties {
    uint64_t identity; /* equal for two opens of the same piece of hardware, in whatever process */
    uint32_t
        reach_count; /* other devices whose memory it uses directly, once that was imported: their identities */
    uint64_t reaches[TRAM__MOST_REACHES];
    bool lends;          /* memory and its events can be imported by other processes; */
    char why_not[120];   /* else why they cannot */
    bool pins;           /* copies of host memory gain by its being pinned */
    bool pins_read_only; /* memory that the host may only read can be pinned too */
};

/* Its own memory is always in reach. */
static inline bool tram__ties_reach(const struct tram__ties *from, const struct tram__ties *to) {
    bool found = from->identity == to->identity;
    for (uint32_t i = 0; i < from->reach_count; i++)
        found |= from->reaches[i] == to->identity;
    return found;
}

#endif
