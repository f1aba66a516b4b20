/* SPDX-License-Identifier: Apache-2.0
 *
 * What a scenario tells the harness; the harness does the rest: options, processes, order, timing, checks, floors,
 * table and result file.
 */
#ifndef TRAM_HARNESS_HARNESS_H
#define TRAM_HARNESS_HARNESS_H

#include <stdbool.h>

#include "tramline/tramline.h"

struct tram_scenario {
    const char *name, *summary;
    const char *examples; /* lines for --help */
    const struct tram_class *classes;
    const char *class_name; /* of every actor */
    unsigned actors;
    /* Adds the graph from its input of at most `bytes` to its output. `loan`: pass payloads on by reference. */
    void (*build)(struct tram_graph *g, struct tram_actor **actors, size_t bytes, bool loan);
    /* Submits the eager counterpart of one execution, whose result is `ref`. */
    int (*call)(struct tram_actor **actors, const void *data, size_t size, bool loan, struct tram_ref *ref);
};

/* The whole of main; returns the exit status: 0, 1 when a run failed, 2 for bad usage. */
int tram_scenario_main(int argc, char **argv, const struct tram_scenario *scenario);

#endif
