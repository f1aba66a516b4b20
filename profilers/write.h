/* SPDX-License-Identifier: Apache-2.0
 *
 * From the folder of a run to a trace file.
 */
#ifndef TRAM_PROFILERS_WRITE_H
#define TRAM_PROFILERS_WRITE_H

#include "profilers/lane.h"

/* Writes the trace of an open run to `path`, as its ending says. 0; 1: it is there but cut; -1: it is not there; with one line
 * each. counts: may be NULL. */
int tram__trace_write(const struct tram__run *r, const char *path, bool deflate, struct tram__counts *counts,
                      char *why, size_t why_size);
/* Removes the files that a run makes, by their names, then the folder. -1, with one line: it stays, with what else it has. */
int tram__trace_remove(const char *folder, char *why, size_t why_size);

#endif
