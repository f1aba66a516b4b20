/* SPDX-License-Identifier: Apache-2.0
 *
 * What the command line asks for.
 */
#ifndef TRAM_HARNESS_SETTINGS_H
#define TRAM_HARNESS_SETTINGS_H

#include "base/cpus.h"
#include "base/options.h"
#include "harness/harness.h"
#include "harness/payload.h"

/* The order is that of the table: from the floor upwards. */
enum tram_mode {
    TRAM_MODE_LIMIT,
    TRAM_MODE_COMPILED,
    TRAM_MODE_EAGER_SHM,
    TRAM_MODE_EAGER,
    TRAM_MODE_GRAPH_EAGER,
    TRAM_MODES
};

extern const char *const tram_mode_names[TRAM_MODES];

/* One combination of what is swept. */
struct tram_point {
    struct tram_layout input;
    uint32_t actors, inflight;
};

static inline struct tram_shape tram_shape_make(const struct tram_layout *input, unsigned actors, bool loan) {
    return (struct tram_shape){actors, input->total, input->count, input->size, loan}; /* borrows the sizes */
}

/* Bytes of each result of an execution with this input. */
static inline size_t tram_reply_bytes(const struct tram_scenario *s, const struct tram_layout *input) {
    return s->parts ? input->count * sizeof(struct tram_digest) : input->total;
}

struct tram_settings {
    bool modes[TRAM_MODES];
    enum tram_wait wait;
    struct tram_point *points; /* every combination of actors, in-flight limit and size, in this order */
    size_t point_count;
    bool show_actors, show_inflight;           /* in the table: there are several */
    uint64_t iters, warmup, repetitions, seed; /* iters, warmup 0: as many as the time allows */
    bool loan, main_thread, no_check, quiet, verbose, list, version, help;
    double timeout_s;
    const char *cpus, *json, *graph, *schedule;
    const char *inflight;        /* as given */
    struct tram__cpus placement; /* [0]: the driver; the actors follow in turn */
};

#define TRAM_MAX_SIZE (UINT64_C(1) << 30) /* of a payload, with all its parts */

enum { TRAM_MAX_ACTORS = 512 };

/* 0, or TRAM_ERR_INVALID with a message that names option and value. The caller frees out->points. */
int tram_settings_parse(int argc, char **argv, const struct tram_scenario *scenario,
                        struct tram_settings *out);
void tram_settings_help(const struct tram_scenario *s);

#endif
