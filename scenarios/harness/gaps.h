/* SPDX-License-Identifier: Apache-2.0
 *
 * What a CPU does besides what it is asked to: a process on each reads the clock in a loop, and where two readings lie apart it
 * was kept from running, by interrupts, by others or by the machine's host.
 */
#ifndef TRAM_HARNESS_GAPS_H
#define TRAM_HARNESS_GAPS_H

#include "base/cpus.h"
#include "results/environment.h"

/* All CPUs of the placement at once, for that long. Blocks; forks a process for each and reaps it, so the caller must be
 * single-threaded. What could not be measured stays NaN. */
void tram_gaps_measure(const struct tram__cpus *cpus, double seconds, struct tram_noise_gaps *out);

#endif
