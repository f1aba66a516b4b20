/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading the names of a file of probe/gpu.h, for tests of who writes it.
 */
#ifndef TRAM_PROFILERS_GPU_TESTING_H
#define TRAM_PROFILERS_GPU_TESTING_H

#include "probe/gpu.h"

#include <string.h>

/* The one of that number, from 1, into `out`, 256 bytes; empty: there is none. `at`: where the head has its names. */
static inline const char *gpu_name_of(const struct tram__gpu_head *head, const char *at, uint32_t number,
                                      char *out) {
    const char *end = at + head->names_used;
    uint16_t size = 0;
    out[0] = '\0';
    for (uint32_t i = 1; number && at < end; i++, at += size) {
        memcpy(&size, at, sizeof size);
        at += sizeof size;
        if (i != number)
            continue;
        memcpy(out, at, size);
        out[size] = '\0';
    }
    return out;
}

#endif
