/* SPDX-License-Identifier: Apache-2.0
 *
 * The life of a trace in the driver: its folder is made before the first actor, and turned into the file when all have ended,
 * by the trace library, which is loaded by name.
 */
#ifndef TRAM_LAUNCH_TRACE_H
#define TRAM_LAUNCH_TRACE_H

#include "actor/runtime.h"

/* Opens what TRAM_TRACE asks for. */
int tram__trace_init(struct tram *t);
/* Writes the file; what goes wrong is told on standard error, for the program has done its work. */
void tram__trace_fini(struct tram *t);

#endif
