/* SPDX-License-Identifier: Apache-2.0
 *
 * For rank_tests_peers.py: reads one data set a line from standard input, prints what the rank tests say of it.
 *   signed SHIFT CONFIDENCE N x...        n statistic p_greater p_less exact value low high
 *   sum SHIFT CONFIDENCE M N a... b...    the same of two samples; the estimate is that of the shift
 *   percentile P CONFIDENCE N x...        value low high
 *   holm N p...                           p...
 *   power N OTHER LEVEL EFFECT SD POWER   power effect sd
 *   above T FREEDOM NONCENTRALITY         P(T > t)
 */
#include <stdio.h>
#include <string.h>

#include "results/power.h"
#include "results/rank_tests.h"
#include "results/statistics.h"

enum { MOST = 2 * TRAM_RANK_SAMPLES };

static double values[MOST];

static int read_values(size_t n) {
    for (size_t i = 0; i < n && n <= MOST; i++)
        if (scanf("%lf", &values[i]) != 1)
            return -1;
    return n <= MOST ? 0 : -1;
}

static int print_test(const struct tram_rank_test *t, const struct tram_estimate *e) {
    printf("%zu %.17g %.17g %.17g %d %.17g %.17g %.17g\n", t->n, t->statistic, t->p_greater, t->p_less,
           t->exact, e->value, e->low, e->high);
    return 0;
}

static int signed_rank(void) {
    double shift, confidence;
    size_t n;
    struct tram_rank_test t;
    struct tram_estimate e;
    if (scanf("%lf %lf %zu", &shift, &confidence, &n) != 3 || read_values(n) ||
        tram_signed_rank(values, n, shift, &t) || tram_hodges_lehmann(values, n, confidence, &e))
        return -1;
    return print_test(&t, &e);
}

static int rank_sum(void) {
    double shift, confidence;
    size_t m, n;
    struct tram_rank_test t;
    struct tram_estimate e;
    if (scanf("%lf %lf %zu %zu", &shift, &confidence, &m, &n) != 4 || read_values(m + n) ||
        tram_rank_sum(values, m, values + m, n, shift, &t) ||
        tram_hodges_lehmann_shift(values, m, values + m, n, confidence, &e))
        return -1;
    return print_test(&t, &e);
}

static int percentile(void) {
    double p, confidence;
    size_t n;
    if (scanf("%lf %lf %zu", &p, &confidence, &n) != 3 || read_values(n))
        return -1;
    tram_sort(values, n);
    struct tram_estimate e = tram_percentile_interval(values, n, p, confidence);
    printf("%.17g %.17g %.17g\n", e.value, e.low, e.high);
    return 0;
}

static int holm(void) {
    size_t n;
    if (scanf("%zu", &n) != 1 || read_values(n) || tram_holm(values, n, values))
        return -1;
    for (size_t i = 0; i < n; i++)
        printf("%.17g ", values[i]);
    printf("\n");
    return 0;
}

static int power(void) {
    struct tram_design d;
    double effect, sd, wanted;
    if (scanf("%zu %zu %lf %lf %lf %lf", &d.n, &d.other, &d.level, &effect, &sd, &wanted) != 6)
        return -1;
    printf("%.17g %.17g %.17g\n", tram_power(&d, effect, sd), tram_power_effect(&d, wanted, sd),
           tram_power_sd(&d, wanted, effect));
    return 0;
}

static int above(void) {
    double t, freedom, noncentrality;
    if (scanf("%lf %lf %lf", &t, &freedom, &noncentrality) != 3)
        return -1;
    printf("%.17g\n", tram_noncentral_t_above(t, freedom, noncentrality));
    return 0;
}

int main(void) {
    static const struct {
        const char *name;
        int (*run)(void);
    } commands[] = {{"signed", signed_rank}, {"sum", rank_sum}, {"percentile", percentile},
                    {"holm", holm},          {"power", power},  {"above", above}};
    char name[16];
    while (scanf("%15s", name) == 1) {
        int status = -1;
        for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
            if (strcmp(commands[i].name, name) == 0)
                status = commands[i].run();
        if (status) {
            fprintf(stderr, "rank_tests_driver: %s: a bad line\n", name);
            return 2;
        }
    }
    return 0;
}
