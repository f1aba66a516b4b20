/* SPDX-License-Identifier: Apache-2.0
 *
 * What a scenario tells the harness; the harness does the rest: options, processes, order, timing, checks, floors,
 * table and result file.
 */
#ifndef TRAM_HARNESS_HARNESS_H
#define TRAM_HARNESS_HARNESS_H

#include <stdbool.h>

#include "tramline/tensor.h"

/* Who hands what to whom; the limit does the same without a runtime. */
enum tram_pattern {
    TRAM_PATTERN_CHAIN,   /* driver -> actor 1 -> ... -> actor N -> driver; a round trip is a chain of one */
    TRAM_PATTERN_SCATTER, /* driver -> each of N actors -> driver: N results */
    /* driver -> actor 1, which makes a tensor -> each of N others -> driver: N results. The input is an order, the results are
     * receipts (harness/order.h) */
    TRAM_PATTERN_TRANSFER,
};

/* One execution's worth of what a scenario builds for. */
struct tram_shape {
    unsigned actors; /* in all */
    size_t bytes;    /* of the input: all its parts together */
    size_t part_count;
    const size_t *parts; /* their sizes */
    bool loan;           /* pass payloads on by reference */
    size_t tensor;       /* TRANSFER: its bytes, and how it is to travel */
    enum tram_transport transport;
    struct tram_node *edge; /* for `build` to say which node the tensor is; or NULL */
};

struct tram_scenario {
    const char *name, *summary;
    const char *examples; /* lines for --help */
    const struct tram_class *classes;
    const char *class_name; /* of every actor */
    enum tram_pattern pattern;
    const char
        *actors; /* default of --actors, of --receivers for TRANSFER; NULL: always one, and no such option */
    /* Default of --parts: the payload has parts of these sizes, and every result is their digest (harness/payload.h). NULL:
     * --size in its place, one part, and every result is the payload. */
    const char *parts;
    /* Adds the graph, from its input to its output or outputs. */
    void (*build)(struct tram_graph *g, struct tram_actor **actors, const struct tram_shape *shape);
    /* Submits the eager counterpart of one execution, `refs` for its results. The parts are bytes or, when they are large
     * and several actors take them, references of what was put into the store. */
    int (*call)(struct tram_actor **actors, const struct tram_shape *shape, const struct tram_value *parts,
                struct tram_ref *refs);
};

/* The whole of main; returns the exit status: 0, 1 when a run failed, 2 for bad usage, input or output. */
int tram_scenario_main(int argc, char **argv, const struct tram_scenario *scenario);

#endif
