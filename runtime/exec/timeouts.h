/* SPDX-License-Identifier: Apache-2.0
 *
 * A graph's timeouts: what compile was told, else the environment, else the defaults. They travel with the graph.
 */
#ifndef TRAM_EXEC_TIMEOUTS_H
#define TRAM_EXEC_TIMEOUTS_H

#include "tramline/tramline.h"

struct tram__timeouts {
    double submit_s, get_s, teardown_s;
};

/* 0, or ERR_INVALID with a message that names the option or the variable, and its value. */
int tram__timeouts_find(const struct tram_compile_options *o, struct tram__timeouts *out);

#endif
