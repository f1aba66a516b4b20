/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/try.h"

#include <sched.h>

#include "base/seam.h"
#include "results/statistics.h"

enum { LEAST_BATCHES = 3, MOST_BATCHES = 4096 };
#define TRY_NS      UINT64_C(15000000)
#define MOST_TRY_NS (20 * TRY_NS)

const char *const tram_placement_names[TRAM_PLACEMENTS] = {"CPUs in turn", "CPUs in blocks", "one CPU"};

static unsigned place_of(enum tram_placement p, unsigned k, unsigned processes, unsigned cpus) {
    return p == TRAM_IN_TURN ? k % cpus : p == TRAM_IN_BLOCKS ? k * cpus / processes : 0;
}

void tram_place(const pid_t *pids, unsigned count, const struct tram__cpus *cpus, enum tram_placement p) {
    for (unsigned k = 1; k <= count; k++) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET((size_t)cpus->cpu[place_of(p, k, count + 1, cpus->count)], &set);
        sched_setaffinity(pids[k - 1], sizeof set, &set);
    }
}

double tram_try(tram_run_fn *run, void *state, struct tram_batch *b, char *why) {
    double took[MOST_BATCHES];
    size_t batches = 0;
    if (run(state, b, why))
        return -1;
    uint64_t start = tram__now_ns(), before = start;
    while (batches < MOST_BATCHES && (batches < LEAST_BATCHES || before - start < TRY_NS) &&
           (!batches || before - start < MOST_TRY_NS)) {
        if (run(state, b, why))
            return -1;
        uint64_t now = tram__now_ns();
        took[batches++] = (double)(now - before);
        before = now;
    }
    return tram_median(took, batches);
}
