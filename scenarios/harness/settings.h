/* SPDX-License-Identifier: Apache-2.0
 *
 * What the command line asks for.
 */
#ifndef TRAM_HARNESS_SETTINGS_H
#define TRAM_HARNESS_SETTINGS_H

#include <stdlib.h>
#include <string.h>

#include "base/cpus.h"
#include "base/options.h"
#include "harness/harness.h"
#include "harness/order.h"
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
const char *tram_wait_text(enum tram_wait wait);

/* One combination of what is swept. */
struct tram_point {
    struct tram_layout input;
    uint32_t actors, inflight;
    size_t tensor; /* that the first actor makes, the input being the order; 0: none */
};

/* Bytes of what is passed on. */
static inline size_t tram_point_bytes(const struct tram_point *p) {
    return p->tensor ? p->tensor : p->input.total;
}

/* Bytes of each result of an execution with this input. */
static inline size_t tram_reply_bytes(const struct tram_scenario *s, const struct tram_layout *input) {
    if (s->pattern == TRAM_PATTERN_TRANSFER)
        return sizeof(struct tram_receipt);
    return s->parts ? input->count * sizeof(struct tram_digest) : input->total;
}

enum { TRAM_MAX_DEVICES = 16, TRAM_DEVICE_NAME = 16 };

/* Where the actors of a transfer find their tensors: the maker on the first, the others in turn on the rest, or on the
 * same when it is the only one. */
struct tram_devices {
    char name[TRAM_MAX_DEVICES][TRAM_DEVICE_NAME]; /* "cpu": none */
    uint32_t count;
};

/* Whether these are the same: "host" is "host:0". */
static inline bool tram_same_device(const char *a, const char *b) {
    size_t n = strcspn(a, ":");
    return strcspn(b, ":") == n && memcmp(a, b, n) == 0 &&
           atoi(a[n] ? a + n + 1 : "0") == atoi(b[n] ? b + n + 1 : "0");
}

/* Of actor k from 0; NULL: on the CPU. */
static inline const char *tram_device_of(const struct tram_devices *d, uint32_t k) {
    if (!d->count)
        return NULL;
    const char *name = d->name[k && d->count > 1 ? 1 + (k - 1) % (d->count - 1) : 0];
    return name[0] == 'c' && name[1] == 'p' ? NULL : name;
}

struct tram_settings {
    bool modes[TRAM_MODES];
    enum tram_wait wait;
    struct tram_point *points; /* every combination of actors, in-flight limit and size, in this order */
    size_t point_count;
    bool show_actors, show_inflight; /* in the table: there are several */
    struct tram_devices devices;
    enum tram_transport transport;
    uint64_t iters, warmup, repetitions, seed, block,
        rate; /* iters, warmup 0: as many as the time allows; block 0: none; rate 0: a closed loop */
    bool loan, main_thread, check, no_check, brief, quiet, verbose, list, version, help;
    double timeout_s; /* negative: by the size, see tram_timeout_s */
    const char *cpus, *json, *csv, *markdown, *samples, *graph, *schedule;
    const char *trace; /* NULL: none */
    struct tram_trace_options window;
    const char *nvtx;            /* on, off or auto; NULL: as the environment has it */
    const char *inflight;        /* as given, like these */
    const char *device, *how;    /* of --transport */
    struct tram__cpus placement; /* [0]: the driver; the actors follow in turn */
};

/* "actors", or "receivers" where one more makes what they take; and how many to show as those. */
static inline const char *tram_actors_word(const struct tram_settings *s) {
    return s->points[0].tensor ? "receivers" : "actors";
}
static inline uint32_t tram_actors_shown(const struct tram_point *p) {
    return p->tensor ? p->actors - 1 : p->actors;
}

/* How long one execution may take: machines that are busy with others move 1 GiB in more than 10 s. */
static inline double tram_timeout_s(const struct tram_settings *s, const struct tram_point *p) {
    return s->timeout_s < 0 ? 10 + (double)(tram_point_bytes(p) >> 25) : s->timeout_s;
}

#define TRAM_MAX_SIZE (UINT64_C(1) << 30) /* of a payload, with all its parts */

enum { TRAM_MAX_ACTORS = 512, TRAM_MAX_PATH = 1024 };

/* out->trace: what it is without an option, or NULL. 0, or TRAM_ERR_INVALID with a message that names option and value. The caller frees out->points. */
int tram_settings_parse(int argc, char **argv, const struct tram_scenario *scenario,
                        struct tram_settings *out);
/* program: what it was called by. */
void tram_settings_help(const struct tram_scenario *s, const char *program);

#endif
