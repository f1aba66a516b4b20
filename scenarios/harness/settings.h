/* SPDX-License-Identifier: Apache-2.0
 *
 * What the command line asks for.
 */
#ifndef TRAM_HARNESS_SETTINGS_H
#define TRAM_HARNESS_SETTINGS_H

#include "base/cpus.h"
#include "base/options.h"
#include "harness/harness.h"

/* The order is that of the table: from the floor upwards. */
enum tram_mode { TRAM_MODE_LIMIT, TRAM_MODE_COMPILED, TRAM_MODE_EAGER, TRAM_MODES };

extern const char *const tram_mode_names[TRAM_MODES];

struct tram_settings {
    bool modes[TRAM_MODES];
    enum tram_wait wait;
    uint64_t sizes[TRAM__MAX_SIZES];
    size_t size_count;
    uint64_t inflight, iters, warmup, repetitions, seed; /* iters, warmup 0: as many as the time allows */
    bool loan, no_check, quiet, verbose, list, version, help;
    double timeout_s;
    const char *cpus, *json;
    struct tram__cpus placement; /* [0]: the driver; the actors follow in turn */
};

#define TRAM_MAX_SIZE (UINT64_C(1) << 30)

/* 0, or TRAM_ERR_INVALID with a message that names option and value. */
int tram_settings_parse(int argc, char **argv, struct tram_settings *out);
void tram_settings_help(const struct tram_scenario *s);

#endif
