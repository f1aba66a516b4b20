/* SPDX-License-Identifier: Apache-2.0
 *
 * Waiting for the time at which something is due.
 */
#ifndef TRAM_HARNESS_PACE_H
#define TRAM_HARNESS_PACE_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "base/seam.h"

/* A moment. crowded: others need this CPU. */
static inline void tram_pace(bool crowded) {
    if (crowded)
        tram__yield();
    else
        tram__pause();
}

/* Asleep for as long as that cannot make it late, then awake. */
static inline void tram_pace_until(uint64_t due_ns, bool crowded) {
    enum { FAR_NS = 300000, AWAKE_NS = 200000 };
    for (uint64_t now; (now = tram__now_ns()) < due_ns;) {
        uint64_t left = due_ns - now;
        if (left > FAR_NS)
            nanosleep(&(struct timespec){.tv_sec = (time_t)((left - AWAKE_NS) / 1000000000u),
                                         .tv_nsec = (long)((left - AWAKE_NS) % 1000000000u)},
                      NULL);
        else
            tram_pace(crowded);
    }
}

#endif
