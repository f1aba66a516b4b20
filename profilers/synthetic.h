/* SPDX-License-Identifier: Apache-2.0
 *
 * Folders of runs that never were, for tests and measurements.
 */
#ifndef TRAM_PROFILERS_SYNTHETIC_H
#define TRAM_PROFILERS_SYNTHETIC_H

#include "probe/ring.h"

#include <stdio.h>

struct synthetic_ring {
    const char *folder, *process, *thread;
    uint32_t actor, clock;
    int pid, tid, number;
    bool open_end;             /* it was not closed in good order */
    uint64_t dropped, written; /* written: what its head says; 0: what there is */
    struct tram__snapshot first, last;
    struct tram__event *events;
    uint64_t count;
    struct tram__event under_way; /* its kind NONE: nothing */
};

/* An empty folder in /tmp, with a control file; the name is the caller's, at least 64 bytes. */
void synthetic_folder(char *folder);
void synthetic_remove(const char *folder);
void synthetic_file(const char *folder, const char *name, const void *data, size_t size);
void synthetic_write(const struct synthetic_ring *r);
/* strings: ends with NULL. */
void synthetic_names(const char *folder, int pid, const char *const *strings);
struct tram__event synthetic_event(enum tram__event_kind kind, uint32_t name, uint32_t group, uint64_t number,
                                   uint64_t begin, uint64_t end);

/* A chain of actors behind the driver, graph 1, one execution in flight: 5 slices of the driver and 3 of each actor, and
 * actors + 1 messages, in every execution of SYNTHETIC_STEP_NS; messages of SYNTHETIC_BYTES. */
enum { SYNTHETIC_BEGIN = 1000000000, SYNTHETIC_STEP_NS = 10000, SYNTHETIC_BYTES = 4096 };
void synthetic_chain(const char *folder, unsigned actors, uint64_t executions, uint32_t clock);

uint64_t synthetic_random(uint64_t *state);
uint64_t synthetic_now_ns(void);

#endif
