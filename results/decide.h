/* SPDX-License-Identifier: Apache-2.0
 *
 * What is said of cases that two arms, a base and a head, were timed in. No I/O.
 */
#ifndef TRAM_RESULTS_DECIDE_H
#define TRAM_RESULTS_DECIDE_H

#include <stdbool.h>
#include <stddef.h>

/* In this order the later one is what a run of many cases is called. */
enum tram_verdict {
    TRAM_VERDICT_OK,          /* the ratio is below 1 + delta */
    TRAM_VERDICT_IMPROVED,    /* it is below 1 - delta */
    TRAM_VERDICT_AMBIGUOUS,   /* none of the others is shown */
    TRAM_VERDICT_REGRESSED,   /* it is above 1 + delta */
    TRAM_VERDICT_ENVIRONMENT, /* the machine was not the same for both */
};
const char *tram_verdict_text(enum tram_verdict v); /* "REGRESSED" */

struct tram_decide_options {
    double delta; /* what the ratio may be off from 1 */
    double alpha; /* the chance of any false verdict of one kind over all cases */
};

/* One case: the logarithms of the times of base and head. Paired: a[i] and b[i] are of one block. */
struct tram_samples {
    const double *a, *b;
    size_t a_count, b_count;
    bool paired;
    double floor; /* the relative difference that the timer can tell: delta is at least this much; 0: any */
};

struct tram_decision {
    enum tram_verdict verdict;
    double delta;                         /* the one in force */
    double ratio, low, high;              /* head over base: Hodges-Lehmann, and its interval */
    double p_regressed, p_ok, p_improved; /* Holm-adjusted */
    /* Of r = ln(head / base) per block; unpaired: of ln(time), pooled. It is that of the normal noise whose Hodges-Lehmann
     * interval would be as wide (Lehmann, Ann. Math. Stat. 34 (1963) 1507), and the plain one where there are too few for such
     * an interval. NaN: fewer than two. */
    double sd;
    size_t least; /* samples that each arm should have for anything to be significant */
    bool coarse;  /* the floor is more than TRAM_DECIDE_COARSE times the delta asked for: OK is not said */
    bool enough;  /* there are as many, or more of one arm make up for it */
    /* The smallest ratio that is REGRESSED in nine runs of ten; INFINITY: none. With few blocks of which some are far off it is
     * found less often than that, with 20 and a tenth of them in three runs of four. Set by _power. */
    double sees;
    double sd_wanted; /* the largest sd that lets a ratio of TRAM_DECIDE_EFFECT be so. Set by _power */
};

#define TRAM_DECIDE_COARSE 4
#define TRAM_DECIDE_POWER  0.9
#define TRAM_DECIDE_EFFECT 1.08

/* REGRESSED: the test rejects ratio <= 1 + delta; IMPROVED: it rejects ratio >= 1 - delta; OK: it rejects ratio >= 1 +
 * delta, at a level of alpha after Holm's adjustment over the cases, by signed ranks when paired, else by rank sums. The
 * intervals are Bonferroni's: all of them hold together with a confidence of 1 - alpha. -1: memory ran out, or there are
 * more than TRAM_RANK_SAMPLES samples of one case. */
int tram_decide(const struct tram_samples *cases, size_t count, const struct tram_decide_options *o,
                struct tram_decision *out);
/* What the tests could have seen, at the level that Holm's first step has; takes milliseconds for a case. */
void tram_decide_power(const struct tram_samples *cases, size_t count, const struct tram_decide_options *o,
                       struct tram_decision *out);

#endif
