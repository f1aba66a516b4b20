/* SPDX-License-Identifier: Apache-2.0
 *
 * Order statistics of samples. Pure functions: any thread may call them. Samples must not be NaN.
 */
#ifndef TRAM_RESULTS_STATISTICS_H
#define TRAM_RESULTS_STATISTICS_H

#include <stdbool.h>
#include <stddef.h>

/* Sorts ascending, in place. */
void tram_sort(double *values, size_t n);

/* The p-quantile (0 <= p <= 1, clamped) of ascending samples, by linear interpolation between the two samples
 * around rank p * (n - 1): what numpy, R and Google Benchmark's compare.py call the default, so that a
 * percentile here and one computed by others from the raw samples agree, and p = 0.5 is the median. NaN when
 * n is 0. */
double tram_percentile_sorted(const double *sorted, size_t n, double p);

/* The same for samples in any order, which it sorts in place. */
double tram_percentile(double *values, size_t n, double p);
double tram_median(double *values, size_t n);

/* Whether n samples say anything about percentile p: at least ten of them are expected beyond it, n >= 10 /
 * (1 - p), or n >= 10 / p below the median. */
bool tram_percentile_allowed(size_t n, double p);

#endif
