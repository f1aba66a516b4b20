/* SPDX-License-Identifier: Apache-2.0
 *
 * What a rank test can see: how likely it is to find an effect of a given size. A rank test of n samples does about what
 * a t test of n * 3 / pi does when the noise is normal (Pitman's asymptotic relative efficiency; Hodges and Lehmann,
 * Ann. Math. Stat. 27 (1956) 324), so the power is that of the t test, by the noncentral t distribution, with so many
 * samples: Faul et al., Behav. Res. Methods 39 (2007) 175, "A.R.E. method". With heavier tails a rank test sees more
 * than that. A test that cannot be significant with so few samples has no power. Any thread may call these.
 */
#ifndef TRAM_RESULTS_POWER_H
#define TRAM_RESULTS_POWER_H

#include <stddef.h>

struct tram_design {
    size_t n;     /* samples, such as pairs of runs */
    size_t other; /* of a second, independent sample; 0: the first is tested alone, by signed ranks */
    double level; /* of the one-sided test */
};

/* The chance to find a shift of `effect`, in the units of sd, the standard deviation of a sample. NaN: memory. */
double tram_power(const struct tram_design *d, double effect, double sd);
/* The smallest effect that is found with a chance of `power` or more; INFINITY when there is none. */
double tram_power_effect(const struct tram_design *d, double power, double sd);
/* The largest standard deviation with which `effect` is found with a chance of `power` or more; 0: there is none. */
double tram_power_sd(const struct tram_design *d, double power, double effect);
/* The standard deviation of the normal noise whose Hodges-Lehmann interval, made of two such tests, is as wide (Lehmann, Ann. Math.
 * Stat. 34 (1963) 1507). NaN: there is no such interval, or too few samples for one. */
double tram_power_sd_of_interval(const struct tram_design *d, double width);

/* P(T > t) of the noncentral t distribution, t >= 0: Johnson, Kotz, Balakrishnan, Continuous Univariate Distributions
 * 2 (1995), formula (31.11), integrated over the chi distribution. NaN: memory. */
double tram_noncentral_t_above(double t, double freedom, double noncentrality);

#endif
