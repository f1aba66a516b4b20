/* SPDX-License-Identifier: Apache-2.0
 *
 * Rank tests and the estimates that belong to them: they ask nothing of the shape of the noise but what each
 * declaration says, and an outlier has no more weight than any other extreme sample. Pure functions: any thread may
 * call them. Samples must be finite. Functions that return int return 0, or -1 when memory ran out or there are more
 * than TRAM_RANK_SAMPLES samples; nothing is then set.
 */
#ifndef TRAM_RESULTS_RANK_TESTS_H
#define TRAM_RESULTS_RANK_TESTS_H

#include <stdbool.h>
#include <stddef.h>

enum {
    TRAM_RANK_SAMPLES = 2000,     /* of one sample: Hodges-Lehmann makes n (n + 1) / 2 pairs */
    TRAM_SIGNED_RANK_EXACT = 500, /* samples: beyond it the normal approximation */
    TRAM_RANK_SUM_EXACT = 100,    /* both samples together: beyond it the normal approximation */
};

struct tram_rank_test {
    size_t n; /* samples that count: a signed-rank test drops those that equal the shift */
    double
        statistic; /* W+, the sum of the ranks above the shift; U, the pairs in which b is the greater one */
    double p_greater; /* of a statistic as large as this one or larger, with nothing there */
    double p_less;    /* of one as small or smaller */
    bool exact;
};

/* One-sample Wilcoxon signed-rank test of the median of x against `shift`, one-sided both ways. Assumes that x is
 * symmetric about its median, as a difference of two arms of one block is when the arms are alike. Exact: with the
 * ranks as they are (midranks for ties, zeros dropped before ranking) each sign is as likely as the other, so W+ is a
 * sum of independent terms, whose distribution is found by convolution. Wilcoxon, Biometrics Bulletin 1 (1945) 80;
 * Hollander, Wolfe, Chicken, Nonparametric Statistical Methods, 3rd ed. (2014), section 3.1, comment 5 for ties.
 * Beyond TRAM_SIGNED_RANK_EXACT: normal with tie and continuity correction, formula (3.14) there. */
int tram_signed_rank(const double *x, size_t n, double shift, struct tram_rank_test *out);

/* Wilcoxon rank-sum (Mann-Whitney) test of b against a + shift, one-sided both ways: p_greater is small when b lies
 * above. Assumes that both have the same shape. Exact: the distribution of the sum of midranks over all ways to choose
 * which samples are b's. Mann and Whitney, Ann. Math. Stat. 18 (1947) 50; Hollander, Wolfe, Chicken, section 4.1,
 * comment 5 for ties. Beyond TRAM_RANK_SUM_EXACT: normal with tie and continuity correction, Lehmann, Nonparametrics
 * (1975), section 1.4. */
int tram_rank_sum(const double *a, size_t m, const double *b, size_t n, double shift,
                  struct tram_rank_test *out);

/* low is -INFINITY and high INFINITY where so few samples can give no interval of that confidence. */
struct tram_estimate {
    double value, low, high;
};

/* Hodges-Lehmann: the median of the means of all pairs (Walsh averages), with the interval of at least `confidence`
 * that the signed-rank distribution gives. Hodges and Lehmann, Ann. Math. Stat. 34 (1963) 598; the interval: Tukey, in
 * Hollander, Wolfe, Chicken, section 3.3. NaN when n is 0. */
int tram_hodges_lehmann(const double *x, size_t n, double confidence, struct tram_estimate *out);

/* The same for the shift from a to b: the median of all b[j] - a[i], the interval by the Mann-Whitney distribution.
 * Hollander, Wolfe, Chicken, sections 4.2 and 4.3 (Moses). */
int tram_hodges_lehmann_shift(const double *a, size_t m, const double *b, size_t n, double confidence,
                              struct tram_estimate *out);

/* Order statistics that enclose the p-quantile with at least `confidence`, the same in each tail, whatever the
 * distribution: how many samples lie below it is binomial. Conover, Practical Nonparametric Statistics, 3rd ed.
 * (1999), section 3.2; David and Nagaraja, Order Statistics, 3rd ed. (2003), section 7.1. `value` is
 * tram_percentile_sorted's. */
struct tram_estimate tram_percentile_interval(const double *sorted, size_t n, double p, double confidence);

/* Holm's step-down adjustment of n p-values: those at most alpha may all be rejected, with at most alpha chance of any
 * error, however the tests depend on each other. Holm, Scand. J. Stat. 6 (1979) 65. `adjusted` may be `p`. */
int tram_holm(const double *p, size_t n, double *adjusted);

/* The smallest p that there is: 2^-n; and, of two samples, 1 / C(m + n, n). */
double tram_signed_rank_smallest(size_t n);
double tram_rank_sum_smallest(size_t m, size_t n);

/* The fewest samples with which a one-sided exact test can be significant at all: and of each of two
 * samples. SIZE_MAX when level is not above 0. */
size_t tram_signed_rank_least(double level);
size_t tram_rank_sum_least(double level);

#endif
