/* SPDX-License-Identifier: Apache-2.0 */
#include "results/statistics.h"

#include <math.h>
#include <stdlib.h>

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void tram_sort(double *values, size_t n) {
    if (n > 1)
        qsort(values, n, sizeof *values, ascending);
}

double tram_percentile_sorted(const double *sorted, size_t n, double p) {
    if (!n)
        return NAN;
    double rank = fmin(fmax(p, 0.0), 1.0) * (double)(n - 1);
    size_t below = (size_t)rank;
    if (below >= n - 1)
        return sorted[n - 1];
    double part = rank - (double)below;
    /* Not a + part * (b - a) at part 0: an infinite neighbour would turn an exact sample into NaN. */
    return part == 0.0 ? sorted[below] : sorted[below] * (1.0 - part) + sorted[below + 1] * part;
}

double tram_percentile(double *values, size_t n, double p) {
    tram_sort(values, n);
    return tram_percentile_sorted(values, n, p);
}

double tram_median(double *values, size_t n) {
    return tram_percentile(values, n, 0.5);
}

bool tram_percentile_allowed(size_t n, double p) {
    if (!(p > 0.0 && p < 1.0))
        return false;
    /* 1 - 0.9 is a little less than a tenth in binary: without the slack 100 samples would not do for p90. */
    return (double)n * (p < 0.5 ? p : 1.0 - p) >= 10.0 * (1.0 - 1e-9);
}
