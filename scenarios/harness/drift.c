/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/drift.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "results/statistics.h"

enum { PIECES = 20, LEAST = 8 };
static const double SMALL = 0.05, CHANCE = 0.01;

/* Medians of `pieces` parts of equal length. False: memory. */
static bool condense(const double *series, size_t count, double *medians, size_t pieces) {
    double *copy = malloc(count * sizeof *copy);
    if (!copy)
        return false;
    memcpy(copy, series, count * sizeof *copy);
    for (size_t i = 0; i < pieces; i++) {
        size_t from = i * count / pieces, to = (i + 1) * count / pieces;
        medians[i] = tram_median(copy + from, to - from);
    }
    free(copy);
    return true;
}

struct tram_drift tram_drift_of(const double *series, size_t count) {
    double medians[PIECES], slopes[PIECES * (PIECES - 1) / 2];
    struct tram_drift d = {.share = NAN, .steady = true};
    size_t n = count < PIECES ? count : PIECES, pairs = 0;
    if (n < LEAST || !condense(series, count, medians, n))
        return d;
    int score = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t k = i + 1; k < n; k++) {
            slopes[pairs++] = (medians[k] - medians[i]) / (double)(k - i);
            score += (medians[k] > medians[i]) - (medians[k] < medians[i]);
        }
    double slope = tram_median(slopes, pairs), m = (double)n, variance = m * (m - 1) * (2 * m + 5) / 18,
           z = score ? (abs(score) - 1) / sqrt(variance) : 0, p = erfc(z / sqrt(2));
    double middle = tram_median(medians, n);
    d.share = middle > 0 ? slope * (m - 1) / middle : NAN;
    d.steady = !(fabs(d.share) > SMALL && p < CHANCE);
    return d;
}
