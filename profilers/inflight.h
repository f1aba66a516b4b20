/* SPDX-License-Identifier: Apache-2.0
 *
 * What is under way on each edge of the graphs, in the order of time: messages are there from when their WRITE begins until the
 * READ that takes them ends. Rings are gone through side by side, so that memory follows what is in flight and not the run.
 */
#ifndef TRAM_PROFILERS_INFLIGHT_H
#define TRAM_PROFILERS_INFLIGHT_H

#include "profilers/lane.h"

/* After each change: how many bytes are on the edge, of the run, from then on. */
typedef void tram__inflight_fn(void *arg, uint32_t edge, uint64_t ns, uint64_t bytes);

/* False: memory. */
bool tram__inflight_tell(struct tram__writer *w, tram__inflight_fn *fn, void *arg);

/* The same as counters of a Perfetto trace, below the driver's process. */
bool tram__inflight_write(struct tram__writer *w, uint64_t process_track);

/* "c1 Party#0.make -> Party#1, bytes in flight" of an edge of the run; false: there is none. graph: its number. */
bool tram__inflight_name(const struct tram__run *r, uint32_t edge, char *out, size_t size, uint32_t *graph);

#endif
