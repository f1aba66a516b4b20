/* SPDX-License-Identifier: Apache-2.0 */
#include "results/power.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "results/rank_tests.h"

static void near(double got, double want, double by) {
    if (!(fabs(got - want) <= by))
        fail_msg("%.12g, not %.12g", got, want);
}

/* With noncentrality 0 it is Student's, whose tail beyond 1.812461 is 5% for 10. */
static void noncentral_t(void **state) {
    (void)state;
    near(tram_noncentral_t_above(1.8124611228107335, 10, 0), 0.05, 1e-12);
    near(tram_noncentral_t_above(0, 5, 0), 0.5, 1e-12);
    near(tram_noncentral_t_above(0, 5, 1), 0.8413447460685429, 1e-12); /* the normal's: t > 0 when z > -1 */
    near(tram_noncentral_t_above(2, 10, 40), 1, 1e-12);
}

/* What a gate needs: 8% over a limit of 5%, in 90% of runs, of ten cases with a family alpha of 1%. */
static void what_a_gate_needs(void **state) {
    (void)state;
    double effect = log(1.08 / 1.05);
    near(tram_power_sd(&(struct tram_design){20, 0, 0.001}, 0.9, effect), 0.025, 0.001);
    near(tram_power_sd(&(struct tram_design){40, 0, 0.001}, 0.9, effect), 0.037, 0.001);
}

/* The three answers are of one another. */
static void answers_agree(void **state) {
    (void)state;
    static const struct tram_design designs[] = {{20, 0, 0.001}, {40, 0, 0.01}, {10, 12, 0.01}, {7, 0, 0.01}};
    for (size_t i = 0; i < sizeof designs / sizeof *designs; i++) {
        double effect = tram_power_effect(&designs[i], 0.9, 0.02);
        near(tram_power(&designs[i], effect, 0.02), 0.9, 1e-9);
        near(tram_power_sd(&designs[i], 0.9, effect), 0.02, 1e-9);
        assert_true(tram_power(&designs[i], effect * 1.1, 0.02) > 0.9);
    }
    near(tram_power(&designs[1], 0, 0.02), 0.01, 1e-9); /* with nothing there, the level */
}

static void nothing_to_see(void **state) {
    (void)state;
    const struct tram_design few = {6, 0, 0.01}, none = {0, 0, 0.01}, all = {20, 0, 0};
    const struct tram_design *const bad[] = {&few, &none, &all};
    for (size_t i = 0; i < 3; i++) {
        assert_true(tram_power(bad[i], 1, 0.01) == 0);
        assert_true(isinf(tram_power_effect(bad[i], 0.9, 0.01)));
        assert_true(tram_power_sd(bad[i], 0.9, 1) == 0);
    }
    const struct tram_design good = {20, 0, 0.01};
    assert_true(tram_power(&good, 0.01, 0) == 1);
    assert_true(tram_power(&good, 0, 0) == 0);
    assert_true(tram_power_effect(&good, 0.9, 0) == 0);
    assert_true(tram_power_sd(&good, 0.9, -1) == 0);
    assert_true(isinf(tram_power_effect(&good, 1, 0.01)));
}

/* The t test that stands for it does as the signed-rank test itself does on normal noise. */
static void as_often_as_the_test_finds_it(void **state) {
    (void)state;
    enum { RUNS = 4000, N = 20 };
    const double sd = 0.02, effect = 0.0175, level = 0.001;
    uint64_t s = 88172645463325252;
    unsigned found = 0;
    for (int run = 0; run < RUNS; run++) {
        double x[N];
        for (int i = 0; i < N; i++) {
            double u[2];
            for (int k = 0; k < 2; k++) {
                s ^= s << 13, s ^= s >> 7, s ^= s << 17;
                u[k] = ((double)(s >> 11) + 0.5) / 9007199254740992.0;
            }
            x[i] = effect + sd * sqrt(-2 * log(u[0])) * cos(6.283185307179586 * u[1]);
        }
        struct tram_rank_test t;
        assert_int_equal(tram_signed_rank(x, N, 0, &t), 0);
        found += t.p_greater <= level;
    }
    double said = tram_power(&(struct tram_design){N, 0, level}, effect, sd);
    print_message("found %.3f, said %.3f\n", found / (double)RUNS, said);
    near(found / (double)RUNS, said, 0.06);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(noncentral_t),
        cmocka_unit_test(what_a_gate_needs),
        cmocka_unit_test(answers_agree),
        cmocka_unit_test(nothing_to_see),
        cmocka_unit_test(as_often_as_the_test_finds_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
