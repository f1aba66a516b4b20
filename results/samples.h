/* SPDX-License-Identifier: Apache-2.0
 *
 * The rows of a set by case, and the samples in them. For compare.c.
 */
#ifndef TRAM_RESULTS_SAMPLES_H
#define TRAM_RESULTS_SAMPLES_H

#include "results/read.h"

/* The rows of one case, by block. */
struct tram__rows {
    const char *name;
    const struct tram_result_row **at, *first; /* the first of them in the set */
    size_t count;
};

struct tram__index {
    const struct tram_result_row **rows;
    struct tram__rows *cases; /* by name */
    size_t case_count;
};

int tram__index_make(const struct tram_result_set *s, struct tram__index *out); /* -1: memory */
void tram__index_free(struct tram__index *x);
const struct tram__rows *tram__index_find(const struct tram__index *x,
                                          const char *name); /* NULL: it is not there */

/* One sample a block, the median of its rows, or one a row. `counter`: NULL for the time. NaN where it is not counted.
 * Both need room for r->count; `blocks` may be NULL. Returns the number of samples. */
size_t tram__samples(const struct tram__rows *r, bool by_block, const char *counter, double *out,
                     int64_t *blocks);

#endif
