/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether what is measured stays what it is: a pass whose times climb or fall is not steady, and its median says little.
 */
#ifndef TRAM_HARNESS_DRIFT_H
#define TRAM_HARNESS_DRIFT_H

#include <stdbool.h>
#include <stddef.h>

struct tram_drift {
    double share; /* change from the first to the last, as a share of the median; NaN: too few to say */
    bool steady;  /* at most 5 %, or no more than chance makes of it (1 %), or not known */
};

/* Of a series in the order in which it was measured: medians of up to 20 pieces, Theil-Sen's slope of these (Sen 1968) and the
 * test of Mann (1945) and Kendall, by its normal approximation. `series` is left as it is. */
struct tram_drift tram_drift_of(const double *series, size_t count);

#endif
