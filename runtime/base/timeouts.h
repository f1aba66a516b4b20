/* SPDX-License-Identifier: Apache-2.0
 *
 * Timeouts: what the program says, else the environment, else the defaults. Those of a graph travel with it.
 */
#ifndef TRAM_BASE_TIMEOUTS_H
#define TRAM_BASE_TIMEOUTS_H

#include "tramline/tramline.h"

struct tram__timeouts {
    double submit_s, get_s, teardown_s;
};

#define TRAM__GET_TIMEOUT_S 10

/* `given` unless that is 0, else what the environment's `variable` says, else `otherwise`; 0, or ERR_INVALID as below. */
int tram__timeout_find(const char *variable, double given, double otherwise, double *out);
/* 0, or ERR_INVALID with a message that names the option or the variable, and its value. */
int tram__timeouts_find(const struct tram_compile_options *o, struct tram__timeouts *out);

#endif
