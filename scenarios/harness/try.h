/* SPDX-License-Identifier: Apache-2.0
 *
 * Trying ways to run the same thing, to keep the best: what a way takes, and where processes may run. For the limit and the peers.
 */
#ifndef TRAM_HARNESS_TRY_H
#define TRAM_HARNESS_TRY_H

#include "base/cpus.h"
#include "harness/mode.h"

/* Where process k of n runs, the driver being process 0 on the first of the CPUs. */
enum tram_placement { TRAM_IN_TURN, TRAM_IN_BLOCKS, TRAM_ON_ONE, TRAM_PLACEMENTS };
extern const char *const tram_placement_names[TRAM_PLACEMENTS];

/* Places processes 1 to `count`, all but the driver; one that cannot be placed stays where it is. */
void tram_place(const pid_t *pids, unsigned count, const struct tram__cpus *cpus, enum tram_placement p);

/* Runs a batch: 0, or -1 with `why`. */
typedef int tram_run_fn(void *state, struct tram_batch *b, char *why);

/* What a batch takes, in ns: the median over 15 ms or more, after one batch to settle. The median and not the best, as what is
 * reported is one, and a way that only is fast at times is not to be picked. Negative, with `why`, when one failed. */
double tram_try(tram_run_fn *run, void *state, struct tram_batch *b, char *why);

#endif
