/* SPDX-License-Identifier: Apache-2.0 */
#include "results/decide.h"

#include <math.h>
#include <stdlib.h>

#include "results/power.h"
#include "results/rank_tests.h"

const char *tram_verdict_text(enum tram_verdict v) {
    static const char *const texts[] = {"OK", "IMPROVED", "AMBIGUOUS", "REGRESSED", "ENVIRONMENT"};
    return texts[v];
}

/* The p-values of one case, before they are adjusted. */
struct raw {
    double *regressed, *ok, *improved;
};

static int test_at(const struct tram_samples *s, const double *r, double shift, struct tram_rank_test *t) {
    return s->paired ? tram_signed_rank(r, s->a_count, shift, t)
                     : tram_rank_sum(s->a, s->a_count, s->b, s->b_count, shift, t);
}

static double sum_of_squares(const double *x, size_t n) {
    double mean = 0, sum = 0;
    for (size_t i = 0; i < n; i++)
        mean += x[i] / (double)n;
    for (size_t i = 0; i < n; i++)
        sum += (x[i] - mean) * (x[i] - mean);
    return sum;
}

static double plain_deviation(const struct tram_samples *s, const double *r) {
    if (s->paired)
        return s->a_count > 1 ? sqrt(sum_of_squares(r, s->a_count) / (double)(s->a_count - 1)) : NAN;
    if (s->a_count + s->b_count < 3)
        return NAN;
    return sqrt((sum_of_squares(s->a, s->a_count) + sum_of_squares(s->b, s->b_count)) /
                (double)(s->a_count + s->b_count - 2));
}

static int estimate(const struct tram_samples *s, const double *r, double confidence,
                    struct tram_estimate *e) {
    return s->paired ? tram_hodges_lehmann(r, s->a_count, confidence, e)
                     : tram_hodges_lehmann_shift(s->a, s->a_count, s->b, s->b_count, confidence, e);
}

/* What a one-sided test of this level is. */
static struct tram_design design_of(const struct tram_samples *s, double level) {
    return (struct tram_design){s->a_count, s->paired ? 0 : s->b_count, level};
}

/* By the interval at a confidence of 1 - level: what lies far off counts as the tests count it. Without one the plain one. */
static double deviation(const struct tram_samples *s, const double *r, double level,
                        const struct tram_estimate *e) {
    const struct tram_design side = design_of(s, level / 2);
    double sd = tram_power_sd_of_interval(&side, e->high - e->low);
    return isnan(sd) ? plain_deviation(s, r) : sd;
}

/* All that one case alone can say. */
static int look_at(const struct tram_samples *s, size_t i, size_t count, const struct tram_decide_options *o,
                   const struct raw *p, struct tram_decision *d) {
    double level = o->alpha / (double)count, *r = NULL;
    struct tram_rank_test above, below = {.p_less = 1};
    *d = (struct tram_decision){.delta = fmax(o->delta, s->floor), .sees = NAN, .sd_wanted = NAN};
    if (s->paired && !(r = calloc(s->a_count + 1, sizeof *r)))
        return -1;
    for (size_t k = 0; r && k < s->a_count; k++)
        r[k] = s->b[k] - s->a[k];
    struct tram_estimate e;
    int status = test_at(s, r, log1p(d->delta), &above) || estimate(s, r, 1 - level, &e);
    if (!status) {
        d->ratio = exp(e.value), d->low = exp(e.low), d->high = exp(e.high);
        d->sd = deviation(s, r, level, &e);
    }
    if (!status && d->delta < 1)
        status = test_at(s, r, log1p(-d->delta), &below);
    d->coarse = s->floor > TRAM_DECIDE_COARSE * o->delta;
    d->least = s->paired ? tram_signed_rank_least(level) : tram_rank_sum_least(level);
    d->enough = (s->paired ? tram_signed_rank_smallest(s->a_count)
                           : tram_rank_sum_smallest(s->a_count, s->b_count)) <= level;
    free(r);
    if (status)
        return -1;
    p->regressed[i] = above.p_greater;
    p->ok[i] = above.p_less;
    p->improved[i] = below.p_less;
    return 0;
}

static enum tram_verdict verdict_of(const struct tram_decision *d, double alpha) {
    if (d->p_regressed <= alpha)
        return TRAM_VERDICT_REGRESSED;
    if (d->p_improved <= alpha)
        return TRAM_VERDICT_IMPROVED;
    return d->p_ok <= alpha && !d->coarse ? TRAM_VERDICT_OK : TRAM_VERDICT_AMBIGUOUS;
}

int tram_decide(const struct tram_samples *cases, size_t count, const struct tram_decide_options *o,
                struct tram_decision *out) {
    double *all = calloc(3 * count + 1, sizeof *all);
    struct raw p = {all, all + count, all + 2 * count};
    int status = all ? 0 : -1;
    for (size_t i = 0; i < count && !status; i++)
        status = look_at(&cases[i], i, count, o, &p, &out[i]);
    if (!status)
        status = tram_holm(p.regressed, count, p.regressed) || tram_holm(p.ok, count, p.ok) ||
                         tram_holm(p.improved, count, p.improved)
                     ? -1
                     : 0;
    for (size_t i = 0; i < count && !status; i++) {
        out[i].p_regressed = p.regressed[i];
        out[i].p_ok = p.ok[i];
        out[i].p_improved = p.improved[i];
        out[i].verdict = verdict_of(&out[i], o->alpha);
    }
    free(all);
    return status;
}

void tram_decide_power(const struct tram_samples *cases, size_t count, const struct tram_decide_options *o,
                       struct tram_decision *out) {
    for (size_t i = 0; i < count; i++) {
        const struct tram_samples *s = &cases[i];
        const struct tram_design design = design_of(s, o->alpha / (double)count);
        double limit = log1p(out[i].delta);
        out[i].sees = isnan(out[i].sd)
                          ? INFINITY
                          : exp(limit + tram_power_effect(&design, TRAM_DECIDE_POWER, out[i].sd));
        out[i].sd_wanted = tram_power_sd(&design, TRAM_DECIDE_POWER, log(TRAM_DECIDE_EFFECT) - limit);
    }
}
