/* SPDX-License-Identifier: Apache-2.0
 *
 * What a set's figures come to: where compiled gains most and least over the fastest eager mode, and where it is
 * nearest to the limit and farthest from it.
 */
#ifndef TRAM_PLOTS_FACTS_H
#define TRAM_PLOTS_FACTS_H

#include "plots/set.h"

/* Of the limit's time what compiled may take and the limit be right, noise apart. */
#define TRAM__BELOW_LIMIT 0.98

/* Of one case; `over_limit` is how many times the limit's time compiled takes. NaN: not measured. */
struct tram__fact {
    struct tram__at at;
    int eager; /* the fastest at this point, or -1 */
    struct tram__range gain;
    double over_limit;
    double compiled_ns, eager_ns, limit_ns; /* medians of p50 */
};

struct tram__facts {
    struct tram__fact *at;         /* cases that compiled has, by in flight, actors and size */
    uint32_t count, gains, limits; /* gains, limits: how many have each */
    /* indices; of no meaning while their count is 0. best: of the cases whose gain can be told, if there are any */
    uint32_t best, worst, nearest, farthest;
    uint32_t repetitions; /* the fewest behind a gain */
};

/* Whether a gain can be told from none: its interval leaves out 1, or there is no interval. */
bool tram__told(const struct tram__range *gain);

void tram__facts_make(const struct tram__set *s, struct tram__facts *out);
void tram__facts_free(struct tram__facts *f);

/* Every case of a set once, by in flight, actors and size: the caller's to free. */
struct tram__at *tram__cases(const struct tram__set *s, uint32_t *count);

#endif
