/* SPDX-License-Identifier: Apache-2.0 */
#include "results/rank_distribution.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <gsl/gsl_cdf.h>

#include "results/rank_tests.h"

/* A tail such as (1 - 0.8) / 2 is a little less than a tenth in binary. */
#define SLACK 1e-12

/* Terms that are all even are halved: without ties, doubled ranks are. */
static uint32_t unit_of(const uint32_t *terms, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (terms[i] % 2)
            return 1;
    return 2;
}

static size_t total_of(const uint32_t *terms, size_t n) {
    size_t total = 0;
    for (size_t i = 0; i < n; i++)
        total += terms[i];
    return total;
}

/* Sums from the ends, the small terms first. */
static void tails_of(const double *chance, size_t count, size_t at, double whole, double *at_most,
                     double *at_least) {
    double below = 0, above = 0;
    for (size_t i = 0; i <= at && i < count; i++)
        below += chance[i];
    for (size_t i = count; i-- > at;)
        above += chance[i];
    *at_most = fmin(1, below / whole);
    *at_least = fmin(1, above / whole);
}

/* One more term, drawn or not: the chances of the sums up to `last`. Most of the time of a comparison is spent here. */
static void add_term(const double *restrict from, double *restrict to, size_t term, size_t last) {
    for (size_t s = 0; s < term && s <= last; s++)
        to[s] = from[s] / 2;
    for (size_t s = term; s <= last; s++)
        to[s] = (from[s] + from[s - term]) / 2;
}

/* chance[s] of every sum s up to half of all terms, as an array of *count: the others are as likely as what they lack of all. NULL:
 * memory ran out. */
static double *signed_sums(const uint32_t *terms, size_t n, uint32_t unit, size_t *count) {
    size_t half = total_of(terms, n) / unit / 2, reached = 0;
    double *chance = calloc(half + 1, sizeof *chance), *next = calloc(half + 1, sizeof *next);
    if (!chance || !next) {
        free(chance);
        free(next);
        return NULL;
    }
    chance[0] = 1;
    for (size_t i = 0; i < n; i++) {
        reached += terms[i] / unit;
        add_term(chance, next, terms[i] / unit, reached < half ? reached : half);
        double *before = chance;
        chance = next;
        next = before;
    }
    free(next);
    *count = half + 1;
    return chance;
}

/* P(sum < s). */
static double below(const double *chance, size_t s) {
    double sum = 0;
    for (size_t i = 0; i < s; i++)
        sum += chance[i];
    return sum;
}

int tram__signed_sum_tails(const uint32_t *terms, size_t n, uint32_t sum, double *at_most, double *at_least) {
    uint32_t unit = unit_of(terms, n);
    size_t count, total = total_of(terms, n) / unit, s = sum / unit;
    bool upper = s > total - s;
    double *chance = signed_sums(terms, n, unit, &count);
    if (!chance)
        return -1;
    size_t near = upper ? total - s : s;
    double tail = fmin(1, below(chance, near + 1)), rest = 1 - below(chance, near);
    *at_most = upper ? rest : tail;
    *at_least = upper ? tail : rest;
    free(chance);
    return 0;
}

/* ways[s]: subsets of k terms with the sum s; NULL: memory ran out. */
static double *subset_sums(const uint32_t *terms, size_t n, size_t k, uint32_t unit, size_t *count) {
    size_t most = total_of(terms, n) / unit, row = most + 1, reached = 0;
    double *ways = calloc((k + 1) * row, sizeof *ways);
    if (!ways)
        return NULL;
    ways[0] = 1;
    for (size_t i = 0; i < n; i++) {
        size_t term = terms[i] / unit;
        reached += term;
        for (size_t j = i < k ? i + 1 : k; j > 0; j--) {
            double *to = ways + j * row;
            const double *from = ways + (j - 1) * row;
            for (size_t s = term; s <= reached; s++)
                to[s] += from[s - term];
        }
    }
    memmove(ways, ways + k * row, row * sizeof *ways);
    *count = row;
    return ways;
}

int tram__subset_sum_tails(const uint32_t *terms, size_t n, size_t k, uint32_t sum, double *at_most,
                           double *at_least) {
    uint32_t unit = unit_of(terms, n);
    size_t count, rest = total_of(terms, n) - sum;
    bool others = k > n - k; /* fewer are left behind: their sum is the rest */
    double *ways = subset_sums(terms, n, others ? n - k : k, unit, &count), whole = 0;
    if (!ways)
        return -1;
    for (size_t s = 0; s < count; s++)
        whole += ways[s];
    if (others)
        tails_of(ways, count, rest / unit, whole, at_least, at_most);
    else
        tails_of(ways, count, sum / unit, whole, at_most, at_least);
    free(ways);
    return 0;
}

/* The largest c with P(sum < c) <= tail, of an array whose first sum is `first`. */
static size_t cut_of(const double *chance, size_t count, size_t first, double whole, double tail) {
    double below = 0;
    size_t c = 0;
    for (size_t s = first; s < count; s++, c++) {
        below += chance[s] / whole;
        if (below > tail * (1 + SLACK))
            break;
    }
    return c;
}

static size_t normal_cut(double mean, double sd, double tail) {
    return (size_t)fmax(0, floor(mean + sd * gsl_cdf_ugaussian_Pinv(tail) + 0.5));
}

static uint32_t *ranks_to(size_t n) {
    uint32_t *ranks = calloc(n + 1, sizeof *ranks);
    for (size_t i = 0; ranks && i < n; i++)
        ranks[i] = (uint32_t)i + 1;
    return ranks;
}

int tram__signed_rank_cut(size_t n, double tail, size_t *c) {
    double size = (double)n;
    if (n > TRAM_SIGNED_RANK_EXACT) {
        *c = normal_cut(size * (size + 1) / 4, sqrt(size * (size + 1) * (2 * size + 1) / 24), tail);
        return 0;
    }
    uint32_t *ranks = ranks_to(n);
    size_t count;
    double *chance = ranks ? signed_sums(ranks, n, 1, &count) : NULL;
    if (chance)
        *c = cut_of(chance, count, 0, 1, tail);
    free(ranks);
    free(chance);
    return chance ? 0 : -1;
}

int tram__rank_sum_cut(size_t m, size_t n, double tail, size_t *c) {
    double a = (double)m, b = (double)n, whole = 0;
    if (m + n > TRAM_RANK_SUM_EXACT) {
        *c = normal_cut(a * b / 2, sqrt(a * b * (a + b + 1) / 12), tail);
        return 0;
    }
    size_t k = m < n ? m : n, count;
    uint32_t *ranks = ranks_to(m + n);
    double *ways = ranks ? subset_sums(ranks, m + n, k, 1, &count) : NULL;
    if (ways) {
        for (size_t s = 0; s < count; s++)
            whole += ways[s];
        *c = cut_of(ways, count, k * (k + 1) / 2, whole, tail);
    }
    free(ranks);
    free(ways);
    return ways ? 0 : -1;
}
