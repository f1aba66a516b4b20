/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/drift.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { COUNT = 1000 };
static double series[COUNT];

/* Noise of 1 % around a line from 100 to 100 + climb. */
static void make(size_t count, double climb) {
    uint64_t state = 42;
    for (size_t i = 0; i < count; i++) {
        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        series[i] =
            100 + climb * (double)i / (double)(count - 1) + (double)(state >> 33) / (double)(1u << 31) - 0.5;
    }
}

static void lines(void **state) {
    (void)state;
    make(COUNT, 0);
    struct tram_drift d = tram_drift_of(series, COUNT);
    assert_true(d.steady && fabs(d.share) < 0.01);
    make(COUNT, 20);
    d = tram_drift_of(series, COUNT);
    assert_false(d.steady);
    assert_true(d.share > 0.15 && d.share < 0.2); /* of a median of 110 */
    make(COUNT, -20);
    assert_true(!tram_drift_of(series, COUNT).steady && tram_drift_of(series, COUNT).share < -0.18);
    make(COUNT, 3); /* certain, and small */
    assert_true(tram_drift_of(series, COUNT).steady);
    make(8, 50);
    assert_false(tram_drift_of(series, 8).steady);
}

/* One disturbance is none, nor is an outlier; and the series stays as it was. */
static void disturbances(void **state) {
    (void)state;
    make(COUNT, 0);
    for (size_t i = 0; i < COUNT / 10; i++)
        series[COUNT - 1 - i] = 500;
    double last = series[COUNT - 1], first = series[0];
    assert_true(tram_drift_of(series, COUNT).steady);
    assert_true(series[COUNT - 1] == last && series[0] == first);
}

static void few(void **state) {
    (void)state;
    make(7, 100);
    assert_true(isnan(tram_drift_of(series, 7).share) && tram_drift_of(series, 7).steady);
    assert_true(isnan(tram_drift_of(series, 0).share));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(lines), cmocka_unit_test(disturbances),
                                       cmocka_unit_test(few)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
