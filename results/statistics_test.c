/* SPDX-License-Identifier: Apache-2.0 */
#include "results/statistics.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void expect(double got, double want) {
    assert_float_equal((float)got, (float)want, 1e-6f);
}

static void sorts(void **state) {
    (void)state;
    double v[] = {3, -1, 2.5, INFINITY, 0, -1};
    const double want[] = {-1, -1, 0, 2.5, 3, INFINITY};
    tram_sort(v, 6);
    for (int i = 0; i < 6; i++)
        assert_true(v[i] == want[i]);
    tram_sort(NULL, 0);
}

static void interpolates(void **state) {
    (void)state;
    double v[] = {40, 10, 30, 20};
    expect(tram_percentile(v, 4, 0.5), 25);
    expect(tram_percentile_sorted(v, 4, 0), 10);
    expect(tram_percentile_sorted(v, 4, 1), 40);
    expect(tram_percentile_sorted(v, 4, 0.25), 17.5);
    expect(tram_percentile_sorted(v, 4, 0.9), 37);
    expect(tram_percentile_sorted(v, 4, -3), 10);
    expect(tram_percentile_sorted(v, 4, 7), 40);
    double one[] = {6};
    expect(tram_percentile(one, 1, 0.99), 6);
    assert_true(isnan(tram_percentile(one, 0, 0.5)));
}

static void medians(void **state) {
    (void)state;
    double odd[] = {9, 1, 5}, even[] = {4, 1, 3, 2}, wild[] = {1, INFINITY, 1};
    expect(tram_median(odd, 3), 5);
    expect(tram_median(even, 4), 2.5);
    expect(tram_median(wild, 3), 1);
}

static void needs_enough_samples(void **state) {
    (void)state;
    static const struct {
        double p;
        size_t least;
    } cases[] = {{0.5, 20}, {0.9, 100}, {0.99, 1000}, {0.999, 10000}, {0.9999, 100000}, {0.05, 200}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_true(tram_percentile_allowed(cases[i].least, cases[i].p));
        assert_false(tram_percentile_allowed(cases[i].least - 1, cases[i].p));
    }
    assert_false(tram_percentile_allowed(SIZE_MAX, 1));
    assert_false(tram_percentile_allowed(SIZE_MAX, 0));
    assert_false(tram_percentile_allowed(SIZE_MAX, NAN));
    assert_false(tram_percentile_allowed(0, 0.5));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sorts),
        cmocka_unit_test(interpolates),
        cmocka_unit_test(medians),
        cmocka_unit_test(needs_enough_samples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
