/* SPDX-License-Identifier: Apache-2.0
 *
 * Traces that a report links to: those that are named, and those that lie beside a result file with its name
 * before theirs (out.json: out.pftrace, out.compiled.pftrace).
 */
#ifndef TRAM_PLOTS_TRACES_H
#define TRAM_PLOTS_TRACES_H

#include "plots/page.h"

struct tram__traces {
    struct tram__trace *at;
    uint32_t count;
};

/* Links lead from `folder`, which is there. 0, or -1 with a line in `why` (TRAM__WHY bytes) and nothing to free. */
int tram__traces_find(const char *const *named, unsigned named_count, const struct tram__input *inputs,
                      unsigned input_count, const char *folder, struct tram__traces *out, char *why);
void tram__traces_free(struct tram__traces *t);

#endif
