/* SPDX-License-Identifier: Apache-2.0
 *
 * Midranks are multiples of a half: ranks are kept doubled, as integers, so that the distributions are arrays. All of
 * their terms are positive: sums of doubles lose nothing that matters.
 */
#include "results/rank_tests.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "results/rank_distribution.h"

struct ranked {
    double value;
    size_t index;
};

static int by_value(const void *a, const void *b) {
    double x = ((const struct ranked *)a)->value, y = ((const struct ranked *)b)->value;
    return (x > y) - (x < y);
}

/* Doubled midranks of v; returns the sum of t^3 - t over its ties. */
static double rank_all(struct ranked *v, size_t n, uint32_t *doubled) {
    double ties = 0;
    qsort(v, n, sizeof *v, by_value);
    for (size_t i = 0; i < n;) {
        size_t end = i + 1;
        while (end < n && v[end].value == v[i].value)
            end++;
        double t = (double)(end - i);
        ties += t * t * t - t;
        for (size_t k = i; k < end; k++)
            doubled[v[k].index] = (uint32_t)(i + 1 + end); /* ranks i + 1 to end, their mean twice */
        i = end;
    }
    return ties;
}

/* One-sided normal tails with continuity correction; a statistic that cannot vary says nothing. */
static void normal_tails(double mean, double variance, struct tram_rank_test *t) {
    double sd = sqrt(variance);
    t->exact = false;
    t->p_greater = variance > 0 ? 0.5 * erfc((t->statistic - mean - 0.5) / sd / M_SQRT2) : 1;
    t->p_less = variance > 0 ? 0.5 * erfc((mean - t->statistic - 0.5) / sd / M_SQRT2) : 1;
}

int tram_signed_rank(const double *x, size_t n, double shift, struct tram_rank_test *out) {
    struct tram_rank_test t = {.p_greater = 1, .p_less = 1, .exact = true};
    struct ranked *v = calloc(n + 1, sizeof *v);
    uint32_t *doubled = calloc(n + 1, sizeof *doubled);
    int status = v && doubled && n <= TRAM_RANK_SAMPLES ? 0 : -1;
    if (status)
        goto done;
    for (size_t i = 0; i < n; i++)
        if (x[i] != shift)
            v[t.n] = (struct ranked){fabs(x[i] - shift), t.n}, t.n++;
    double ties = rank_all(v, t.n, doubled), size = (double)t.n;
    for (size_t i = 0, k = 0; i < n; i++)
        if (x[i] != shift && x[i] > shift)
            t.statistic += doubled[k++] / 2.0;
        else if (x[i] != shift)
            k++;
    if (t.n > TRAM_SIGNED_RANK_EXACT)
        normal_tails(size * (size + 1) / 4, size * (size + 1) * (2 * size + 1) / 24 - ties / 48, &t);
    else
        status = tram__signed_sum_tails(doubled, t.n, (uint32_t)(2 * t.statistic), &t.p_less, &t.p_greater);
    if (!status)
        *out = t;
done:
    free(doubled);
    free(v);
    return status;
}

/* U of b over a, and the tails of its rank sum. */
static int finish_rank_sum(const uint32_t *doubled, size_t m, size_t n, double ties,
                           struct tram_rank_test *t) {
    uint32_t sum = 0; /* of b, whose ranks stand behind those of a */
    double a = (double)m, b = (double)n;
    for (size_t i = m; i < m + n; i++)
        sum += doubled[i];
    t->statistic = sum / 2.0 - b * (b + 1) / 2;
    if (m + n <= TRAM_RANK_SUM_EXACT)
        return tram__subset_sum_tails(doubled, m + n, n, sum, &t->p_less, &t->p_greater);
    normal_tails(a * b / 2, a * b / 12 * (a + b + 1 - ties / ((a + b) * (a + b - 1))), t);
    return 0;
}

int tram_rank_sum(const double *a, size_t m, const double *b, size_t n, double shift,
                  struct tram_rank_test *out) {
    struct tram_rank_test t = {.n = m + n, .p_greater = 1, .p_less = 1, .exact = true};
    if (m > TRAM_RANK_SAMPLES || n > TRAM_RANK_SAMPLES)
        return -1;
    struct ranked *v = calloc(m + n + 1, sizeof *v);
    uint32_t *doubled = calloc(m + n + 1, sizeof *doubled);
    int status = v && doubled ? 0 : -1;
    if (!status) {
        for (size_t i = 0; i < m; i++)
            v[i] = (struct ranked){a[i], i};
        for (size_t j = 0; j < n; j++)
            v[m + j] = (struct ranked){b[j] - shift, m + j};
        double ties = rank_all(v, m + n, doubled);
        if (m && n)
            status = finish_rank_sum(doubled, m, n, ties, &t);
    }
    free(doubled);
    free(v);
    if (!status)
        *out = t;
    return status;
}

int tram_holm(const double *p, size_t n, double *adjusted) {
    struct ranked *v = calloc(n + 1, sizeof *v);
    double most = 0;
    if (!v)
        return -1;
    for (size_t i = 0; i < n; i++)
        v[i] = (struct ranked){p[i], i};
    qsort(v, n, sizeof *v, by_value);
    for (size_t i = 0; i < n; i++) {
        most = fmax(most, fmin(1, (double)(n - i) * v[i].value));
        adjusted[v[i].index] = most;
    }
    free(v);
    return 0;
}

double tram_signed_rank_smallest(size_t n) {
    return n < 2000 ? ldexp(1, -(int)n) : 0;
}

double tram_rank_sum_smallest(size_t m, size_t n) {
    double p = 1;
    for (size_t i = 1; i <= n && p > 0; i++)
        p *= (double)i / (double)(m + i);
    return p;
}

/* The loops end: the p of 2000 samples is 0. */
size_t tram_signed_rank_least(double level) {
    size_t n = 0;
    if (!(level > 0))
        return SIZE_MAX;
    while (tram_signed_rank_smallest(n) > level)
        n++;
    return n;
}

size_t tram_rank_sum_least(double level) {
    size_t n = 0;
    if (!(level > 0))
        return SIZE_MAX;
    while (tram_rank_sum_smallest(n, n) > level)
        n++;
    return n;
}
