/* SPDX-License-Identifier: Apache-2.0 */
#include "results/rank_tests.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>

#include <gsl/gsl_cdf.h>

#include "results/rank_distribution.h"
#include "results/statistics.h"

/* As in rank_distribution.c; it also takes what a binomial sum of many terms is off by. */
#define SLACK 1e-12

/* The c-th from each end; c 0: there is none, the interval is open. */
static struct tram_estimate of_pairs(double *pairs, size_t count, size_t c) {
    struct tram_estimate e = {tram_median(pairs, count), -INFINITY, INFINITY};
    if (c > 0 && c <= count)
        e.low = pairs[c - 1], e.high = pairs[count - c];
    return e;
}

int tram_hodges_lehmann(const double *x, size_t n, double confidence, struct tram_estimate *out) {
    size_t count = 0, c;
    if (n > TRAM_RANK_SAMPLES)
        return -1;
    double *pairs = calloc(n * (n + 1) / 2 + 1, sizeof *pairs);
    if (!pairs || tram__signed_rank_cut(n, (1 - confidence) / 2, &c)) {
        free(pairs);
        return -1;
    }
    for (size_t i = 0; i < n; i++)
        for (size_t j = i; j < n; j++)
            pairs[count++] = (x[i] + x[j]) / 2;
    *out = of_pairs(pairs, count, c);
    free(pairs);
    return 0;
}

int tram_hodges_lehmann_shift(const double *a, size_t m, const double *b, size_t n, double confidence,
                              struct tram_estimate *out) {
    size_t count = 0, c;
    if (m > TRAM_RANK_SAMPLES || n > TRAM_RANK_SAMPLES)
        return -1;
    double *pairs = calloc(m * n + 1, sizeof *pairs);
    if (!pairs || tram__rank_sum_cut(m, n, (1 - confidence) / 2, &c)) {
        free(pairs);
        return -1;
    }
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++)
            pairs[count++] = b[j] - a[i];
    *out = of_pairs(pairs, count, c);
    free(pairs);
    return 0;
}

/* The largest l from 0 to n with P(fewer than l of n) <= tail, where each is one with chance p. */
static size_t binomial_cut(size_t n, double p, double tail) {
    size_t low = 0, high = n;
    while (low < high) {
        size_t l = low + (high - low + 1) / 2;
        if (gsl_cdf_binomial_P((unsigned)(l - 1), p, (unsigned)n) <= tail * (1 + SLACK))
            low = l;
        else
            high = l - 1;
    }
    return low;
}

struct tram_estimate tram_percentile_interval(const double *sorted, size_t n, double p, double confidence) {
    struct tram_estimate e = {tram_percentile_sorted(sorted, n, p), -INFINITY, INFINITY};
    if (!n || n > UINT_MAX || !(p > 0 && p < 1))
        return e;
    /* Seen from the other end, those above the quantile are the ones that count. */
    size_t below = binomial_cut(n, p, (1 - confidence) / 2),
           above = binomial_cut(n, 1 - p, (1 - confidence) / 2);
    if (below)
        e.low = sorted[below - 1];
    if (above)
        e.high = sorted[n - above];
    return e;
}
