/* SPDX-License-Identifier: Apache-2.0 */
#include "results/power.h"

#include <math.h>
#include <stdbool.h>

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_errno.h>
#include <gsl/gsl_integration.h>
#include <gsl/gsl_math.h>
#include <gsl/gsl_randist.h>

#include "results/rank_tests.h"

enum { INTERVALS = 200 };

struct noncentral {
    double t, freedom, noncentrality;
};

/* At s, the root of a chi-square over its degrees of freedom, T > t when a standard normal exceeds t * s - delta. */
static double integrand(double s, void *arg) {
    const struct noncentral *c = arg;
    return 2 * c->freedom * s * gsl_ran_chisq_pdf(c->freedom * s * s, c->freedom) *
           gsl_cdf_ugaussian_P(c->noncentrality - c->t * s);
}

double tram_noncentral_t_above(double t, double freedom, double noncentrality) {
    struct noncentral c = {t, freedom, noncentrality};
    gsl_function f = {integrand, &c};
    double result = NAN, error;
    gsl_error_handler_t *before = gsl_set_error_handler_off(); /* by default it aborts */
    gsl_integration_workspace *w = gsl_integration_workspace_alloc(INTERVALS);
    if (w) {
        double low = sqrt(gsl_cdf_chisq_Pinv(1e-15, freedom) / freedom);
        double high = sqrt(gsl_cdf_chisq_Qinv(1e-15, freedom) / freedom);
        /* Rounding may keep it from so small an error; the result is then as good as doubles allow. */
        (void)gsl_integration_qag(&f, low, high, 1e-13, 1e-12, INTERVALS, GSL_INTEG_GAUSS61, w, &result,
                                  &error);
        gsl_integration_workspace_free(w);
    }
    gsl_set_error_handler(before);
    return result;
}

/* The t test that stands for the rank test: its effective samples, as the divisor of the variance, and its freedom. */
static bool as_t_test(const struct tram_design *d, double *samples, double *freedom) {
    const double efficiency = 3 / M_PI;
    double n = (double)d->n, m = (double)d->other;
    if (d->other) {
        *samples = n * m / (n + m) * efficiency;
        *freedom = (n + m) * efficiency - 2;
    } else {
        *samples = n * efficiency;
        *freedom = *samples - 1;
    }
    if (!(d->level > 0 && d->level < 1) || !(*freedom > 0))
        return false;
    return (d->other ? tram_rank_sum_smallest(d->n, d->other) : tram_signed_rank_smallest(d->n)) <= d->level;
}

/* Student's t with P(T > t) = level: 0 for a level of a half or more, which is no test that anyone makes. */
static double critical_value(double level, double freedom) {
    return level < 0.5 ? gsl_cdf_tdist_Qinv(level, freedom) : 0;
}

double tram_power(const struct tram_design *d, double effect, double sd) {
    double samples, freedom;
    if (!as_t_test(d, &samples, &freedom))
        return 0;
    if (!(sd > 0))
        return effect > 0;
    return tram_noncentral_t_above(critical_value(d->level, freedom), freedom, effect / sd * sqrt(samples));
}

/* The noncentrality that has this power, by bisection; INFINITY: there is none. */
static double noncentrality_for(const struct tram_design *d, double power, double *samples) {
    double freedom, low = 0, high = 1;
    if (!as_t_test(d, samples, &freedom) || !(power > 0 && power < 1))
        return INFINITY;
    double critical = critical_value(d->level, freedom);
    while (high < 1e6 && tram_noncentral_t_above(critical, freedom, high) < power)
        low = high, high *= 2;
    if (high >= 1e6)
        return INFINITY;
    for (int i = 0; i < 60 && high - low > 1e-12 * high; i++) {
        double middle = (low + high) / 2;
        if (tram_noncentral_t_above(critical, freedom, middle) < power)
            low = middle;
        else
            high = middle;
    }
    return high;
}

double tram_power_effect(const struct tram_design *d, double power, double sd) {
    double samples, noncentrality = noncentrality_for(d, power, &samples);
    return isfinite(noncentrality) ? noncentrality * sd / sqrt(samples) : INFINITY;
}

double tram_power_sd_of_interval(const struct tram_design *d, double width) {
    double samples, freedom;
    if (!isfinite(width) || !as_t_test(d, &samples, &freedom))
        return NAN;
    return width / 2 / critical_value(d->level, freedom) * sqrt(samples);
}

double tram_power_sd(const struct tram_design *d, double power, double effect) {
    double samples, noncentrality = noncentrality_for(d, power, &samples);
    return isfinite(noncentrality) && effect > 0 ? effect / noncentrality * sqrt(samples) : 0;
}
