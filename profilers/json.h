/* SPDX-License-Identifier: Apache-2.0
 *
 * A run in the JSON that Chrome's tracer had: for tools that read nothing else. Perfetto's own format says more.
 */
#ifndef TRAM_PROFILERS_JSON_H
#define TRAM_PROFILERS_JSON_H

#include "profilers/lane.h"

/* As tram__perfetto_write. */
int tram__json_write(const struct tram__run *r, struct tram__sink *sink, struct tram__counts *counts);

#endif
