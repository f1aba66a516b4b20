/* SPDX-License-Identifier: Apache-2.0
 *
 * A run as a Perfetto trace.
 */
#ifndef TRAM_PROFILERS_PERFETTO_H
#define TRAM_PROFILERS_PERFETTO_H

#include "profilers/lane.h"

/* Writes the trace, but does not close the sink. counts: what it has. -1: memory. */
int tram__perfetto_write(const struct tram__run *r, struct tram__sink *sink, struct tram__counts *counts);
/* Looks at all rings for messages that were both written and read. */
bool tram__flows_find(struct tram__writer *w);

#endif
