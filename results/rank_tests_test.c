/* SPDX-License-Identifier: Apache-2.0 */
#include "results/rank_tests.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "results/statistics.h"

static void near(double got, double want) {
    if (!(got == want || fabs(got - want) <= 1e-12))
        fail_msg("%.15g, not %.15g", got, want);
}

static void signed_ranks(const double *x, size_t n, double shift, size_t left, double w, double greater,
                         double less) {
    struct tram_rank_test t;
    assert_int_equal(tram_signed_rank(x, n, shift, &t), 0);
    assert_int_equal(t.n, left);
    near(t.statistic, w);
    near(t.p_greater, greater);
    near(t.p_less, less);
    assert_true(t.exact);
}

static void signed_rank_by_hand(void **state) {
    (void)state;
    const double all[] = {1, 2, 3}, one_below[] = {-1, 2, 3, 4}, tied[] = {1, 1, -1}, zeros[] = {0, 0, 2, 0};
    signed_ranks(all, 3, 0, 3, 6, 1 / 8., 1);
    signed_ranks(all, 3, 4, 3, 0, 1, 1 / 8.);
    signed_ranks(one_below, 4, 0, 4, 9, 2 / 16., 15 / 16.); /* 9 and 10 of 0 to 10 */
    signed_ranks(tied, 3, 0, 3, 4, 4 / 8., 7 / 8.);         /* ranks 2, 2, 2: two or three signs of three */
    signed_ranks(zeros, 4, 0, 1, 1, 1 / 2., 1);
    signed_ranks(zeros, 4, 2, 3, 0, 1, 1 / 8.); /* the 2 is the zero now */
    signed_ranks(zeros, 2, 0, 0, 0, 1, 1);
    signed_ranks(NULL, 0, 0, 0, 0, 1, 1);
    signed_ranks(all, 1, 0, 1, 1, 1 / 2., 1);
}

/* Samples that are all equal are significant when there are enough of them: no sign is the other one. */
static void signed_rank_of_equals(void **state) {
    (void)state;
    double x[100];
    for (size_t i = 0; i < 100; i++)
        x[i] = 0.07;
    signed_ranks(x, 10, 0, 10, 55, 1 / 1024., 1);
    signed_ranks(x, 100, 0, 100, 5050, ldexp(1, -100), 1);
    signed_ranks(x, 100, 0.07, 0, 0, 1, 1);
}

static void rank_sums(const double *a, size_t m, const double *b, size_t n, double shift, double u,
                      double greater, double less) {
    struct tram_rank_test t;
    assert_int_equal(tram_rank_sum(a, m, b, n, shift, &t), 0);
    near(t.statistic, u);
    near(t.p_greater, greater);
    near(t.p_less, less);
    assert_true(t.exact);
}

static void rank_sum_by_hand(void **state) {
    (void)state;
    const double a[] = {1, 2, 3}, b[] = {4, 5}, c[] = {2, 4}, same[] = {7, 7, 7};
    rank_sums(a, 3, b, 2, 0, 6, 1 / 10., 1);
    rank_sums(b, 2, a, 3, 0, 0, 1, 1 / 10.);
    rank_sums(a, 3, b, 2, 10, 0, 1, 1 / 10.);
    /* 1 2= 2= 3 4, ranks 1 2.5 2.5 4 5: c has 7.5; of the ten pairs 7.5 twice, 9 once and both 6.5 of 2.5 + 4 not. */
    rank_sums(a, 3, c, 2, 0, 4.5, 3 / 10., 9 / 10.);
    rank_sums(same, 3, same, 2, 0, 3, 1, 1);
    rank_sums(same, 0, same, 2, 0, 0, 1, 1);
    rank_sums(NULL, 0, NULL, 0, 0, 0, 1, 1);
    rank_sums(a, 1, b, 1, 0, 1, 1 / 2., 1);
}

/* Where the exact method ends, the approximation goes on. */
static void approximations_meet_the_exact(void **state) {
    (void)state;
    double x[TRAM_SIGNED_RANK_EXACT + 1], y[TRAM_RANK_SUM_EXACT + 1];
    struct tram_rank_test exact, normal;
    for (size_t i = 0; i < sizeof x / sizeof *x; i++)
        x[i] = (double)i * 1.25 - 140;
    assert_int_equal(tram_signed_rank(x, TRAM_SIGNED_RANK_EXACT, 30.1, &exact), 0);
    assert_int_equal(tram_signed_rank(x, TRAM_SIGNED_RANK_EXACT + 1, 30.1, &normal), 0);
    assert_true(exact.exact && !normal.exact);
    assert_true(fabs(exact.p_greater - normal.p_greater) < 0.02);
    for (size_t i = 0; i < sizeof y / sizeof *y; i++)
        y[i] = (double)(i * 37 % 101);
    assert_int_equal(tram_rank_sum(y, 50, y + 50, 50, 3, &exact), 0);
    assert_int_equal(tram_rank_sum(y, 50, y + 50, 51, 3, &normal), 0);
    assert_true(exact.exact && !normal.exact);
    assert_true(fabs(exact.p_less - normal.p_less) < 0.05);
    double same[TRAM_RANK_SUM_EXACT] = {0};
    assert_int_equal(tram_rank_sum(same, 100, same, 100, 0, &normal), 0);
    assert_true(normal.p_greater == 1 && normal.p_less == 1);
}

static void too_many_are_refused(void **state) {
    (void)state;
    struct tram_rank_test t;
    struct tram_estimate e;
    const double *none = NULL;
    assert_int_equal(tram_signed_rank(none, TRAM_RANK_SAMPLES + 1, 0, &t), -1);
    assert_int_equal(tram_rank_sum(none, TRAM_RANK_SAMPLES + 1, none, 1, 0, &t), -1);
    assert_int_equal(tram_hodges_lehmann(none, TRAM_RANK_SAMPLES + 1, 0.9, &e), -1);
    assert_int_equal(tram_hodges_lehmann_shift(none, 1, none, TRAM_RANK_SAMPLES + 1, 0.9, &e), -1);
}

static void expect(const struct tram_estimate *e, double value, double low, double high) {
    near(e->value, value);
    near(e->low, low);
    near(e->high, high);
}

static void estimates_by_hand(void **state) {
    (void)state;
    struct tram_estimate e;
    const double x[] = {1, 2, 4, 8, 16, 32};
    /* Walsh averages of 1, 2, 4: 1 1.5 2 2.5 3 4. */
    assert_int_equal(tram_hodges_lehmann(x, 3, 0.75, &e), 0);
    expect(&e, 2.25, 1, 4); /* 1 - 2 / 8 */
    assert_int_equal(tram_hodges_lehmann(x, 3, 0.76, &e), 0);
    expect(&e, 2.25, -INFINITY, INFINITY);
    /* P(W < 2) of 5 is 2 / 32: an interval of 87.5%, from the second to the fourteenth of fifteen. */
    assert_int_equal(tram_hodges_lehmann(x, 5, 0.87, &e), 0);
    expect(&e, 5, 1.5, 12);
    assert_int_equal(tram_hodges_lehmann(x, 1, 0.5, &e), 0);
    expect(&e, 1, -INFINITY, INFINITY);
    assert_int_equal(tram_hodges_lehmann(NULL, 0, 0.5, &e), 0);
    assert_true(isnan(e.value) && isinf(e.low) && isinf(e.high));
    /* Differences 3 4 2 3 1 2. */
    const double a[] = {1, 2, 3}, b[] = {4, 5};
    assert_int_equal(tram_hodges_lehmann_shift(a, 3, b, 2, 0.8, &e), 0);
    expect(&e, 2.5, 1, 4);
    assert_int_equal(tram_hodges_lehmann_shift(a, 3, b, 2, 0.81, &e), 0);
    expect(&e, 2.5, -INFINITY, INFINITY);
    assert_int_equal(tram_hodges_lehmann_shift(a, 0, b, 2, 0.8, &e), 0);
    assert_true(isnan(e.value) && isinf(e.low) && isinf(e.high));
}

/* A test at a level and the interval of that confidence say the same. */
static void intervals_and_tests_agree(void **state) {
    (void)state;
    double x[20];
    for (size_t i = 0; i < 20; i++)
        x[i] = sin((double)(i * i)) + 0.1;
    struct tram_estimate e;
    struct tram_rank_test above, below;
    assert_int_equal(tram_hodges_lehmann(x, 20, 0.98, &e), 0);
    assert_int_equal(tram_signed_rank(x, 20, e.low - 1e-9, &above), 0);
    assert_int_equal(tram_signed_rank(x, 20, e.low + 1e-9, &below), 0);
    assert_true(above.p_greater <= 0.01 && below.p_greater > 0.01);
    assert_int_equal(tram_signed_rank(x, 20, e.high + 1e-9, &above), 0);
    assert_int_equal(tram_signed_rank(x, 20, e.high - 1e-9, &below), 0);
    assert_true(above.p_less <= 0.01 && below.p_less > 0.01);
}

static void percentiles(void **state) {
    (void)state;
    double x[100];
    for (size_t i = 0; i < 100; i++)
        x[i] = (double)i + 1;
    /* The classical interval of the median of 100: from the 40th to the 61st. */
    struct tram_estimate e = tram_percentile_interval(x, 100, 0.5, 0.95);
    expect(&e, 50.5, 40, 61);
    e = tram_percentile_interval(x, 6, 0.5, 0.95); /* 1 - 2 / 64 */
    expect(&e, 3.5, 1, 6);
    e = tram_percentile_interval(x, 5, 0.5, 0.95);
    expect(&e, 3, -INFINITY, INFINITY);
    e = tram_percentile_interval(x, 100, 0.99, 0.95);
    expect(&e, 99.01, 97, INFINITY);
    e = tram_percentile_interval(x, 100, 1, 0.95);
    expect(&e, 100, -INFINITY, INFINITY);
    assert_true(isnan(tram_percentile_interval(x, 0, 0.5, 0.95).value));
}

static void holm(void **state) {
    (void)state;
    double p[] = {0.01, 0.04, 0.03, 0.005}, one = 0.02, large[] = {0.9, 0.8};
    assert_int_equal(tram_holm(p, 4, p), 0);
    near(p[0], 0.03);
    near(p[1], 0.06);
    near(p[2], 0.06); /* at least what a smaller one has */
    near(p[3], 0.02);
    assert_int_equal(tram_holm(&one, 1, &one), 0);
    near(one, 0.02);
    assert_int_equal(tram_holm(large, 2, large), 0);
    near(large[0], 1);
    near(large[1], 1);
    assert_int_equal(tram_holm(NULL, 0, NULL), 0);
}

static void fewest_samples(void **state) {
    (void)state;
    assert_int_equal(tram_signed_rank_least(0.01), 7);
    assert_int_equal(tram_signed_rank_least(1 / 128.), 7);
    assert_int_equal(tram_signed_rank_least(0.001), 10);
    assert_int_equal(tram_signed_rank_least(1), 0);
    assert_true(tram_signed_rank_least(0) == SIZE_MAX);
    assert_true(tram_signed_rank_least(NAN) == SIZE_MAX);
    assert_int_equal(tram_rank_sum_least(0.01), 5); /* 1 / 252 */
    assert_int_equal(tram_rank_sum_least(1 / 70.), 4);
    assert_int_equal(tram_rank_sum_least(1), 0);
    assert_true(tram_rank_sum_least(-1) == SIZE_MAX);
    assert_true(tram_signed_rank_smallest(0) == 1 && tram_signed_rank_smallest(10) == 1 / 1024.);
    assert_true(tram_signed_rank_smallest(5000) == 0 && tram_rank_sum_smallest(0, 5) == 1);
    near(tram_rank_sum_smallest(3, 2), 1 / 10.);
    near(tram_rank_sum_smallest(10, 3), 1 / 286.);
    assert_true(tram_rank_sum_smallest(2000, 2000) == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signed_rank_by_hand),
        cmocka_unit_test(signed_rank_of_equals),
        cmocka_unit_test(rank_sum_by_hand),
        cmocka_unit_test(approximations_meet_the_exact),
        cmocka_unit_test(too_many_are_refused),
        cmocka_unit_test(estimates_by_hand),
        cmocka_unit_test(intervals_and_tests_agree),
        cmocka_unit_test(percentiles),
        cmocka_unit_test(holm),
        cmocka_unit_test(fewest_samples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
