/* SPDX-License-Identifier: Apache-2.0 */
#include "results/compare_write.h"

#include <math.h>

#include "results/rank_tests.h"

char *tram__time_text(double ns, char *out, size_t size) {
    static const char *const units[] = {"ns", "us", "ms", "s"};
    unsigned u = 0;
    for (; ns >= 999.5 && u < 3; u++)
        ns /= 1000;
    snprintf(out, size, "%.*f %s", ns < 9.995 ? 2 : ns < 99.95 ? 1 : 0, ns, units[u]);
    if (ns >= 1e6)
        snprintf(out, size, "%.3g s", ns);
    return out;
}

char *tram__ratio_text(double ratio, char *out, size_t size) {
    if (!isfinite(ratio))
        snprintf(out, size, "-");
    else
        snprintf(out, size, ratio < 1000 ? "%.3f" : "%.4g", ratio);
    return out;
}

char *tram__interval_text(double low, double high, char *out, size_t size) {
    char from[24], to[24];
    if (!(low > 0) || !isfinite(high)) /* the logarithm was not bounded */
        snprintf(out, size, "-");
    else
        snprintf(out, size, "%s to %s", tram__ratio_text(low, from, sizeof from),
                 tram__ratio_text(high, to, sizeof to));
    return out;
}

char *tram__percent_text(double part, char *out, size_t size) {
    if (!isfinite(part))
        snprintf(out, size, "-");
    else
        snprintf(out, size, part < 0.1 ? "%.2g%%" : "%.3g%%", part * 100);
    return out;
}

char *tram__change_text(const struct tram_counter_change *k, char *out, size_t size) {
    if (isnan(k->base) || isnan(k->head))
        snprintf(out, size, "%s is %.10g in the %s, and not counted in the other", k->name,
                 isnan(k->base) ? k->head : k->base, isnan(k->base) ? "head" : "base");
    else if (k->above)
        snprintf(out, size, "%s went up from %.10g to %.10g in %zu of %zu rows", k->name, k->base, k->head,
                 k->above, k->rows);
    else
        snprintf(out, size, "%s went %s from %.10g to %.10g", k->name, k->head > k->base ? "up" : "down",
                 k->base, k->head);
    return out;
}

static size_t count_of(const struct tram_comparison *c, enum tram_verdict v) {
    size_t count = 0;
    for (size_t i = 0; i < c->arms.case_count; i++)
        count += c->arms.cases[i].verdict == v;
    return count;
}

char *tram__summary_text(const struct tram_comparison *c, char *out, size_t size) {
    size_t cases = c->arms.case_count, used;
    used = (size_t)snprintf(out, size, "%s:", tram_verdict_text(c->verdict));
    if (c->verdict == TRAM_VERDICT_ENVIRONMENT) {
        snprintf(out + used, size - used, " the arms cannot be compared, %zu cases", cases);
        return out;
    }
    used += (size_t)snprintf(out + used, size - used, " of %zu cases", cases);
    for (enum tram_verdict v = TRAM_VERDICT_OK; v <= TRAM_VERDICT_REGRESSED; v++)
        if (count_of(c, v))
            used +=
                (size_t)snprintf(out + used, size - used, ", %zu %s", count_of(c, v), tram_verdict_text(v));
    if (c->arms.missing_count)
        used += (size_t)snprintf(out + used, size - used, "; %zu missing", c->arms.missing_count);
    if (c->arms.added_count)
        snprintf(out + used, size - used, "; %zu new", c->arms.added_count);
    return out;
}

char *tram__sensitivity_text(const struct tram_comparison *c, char *out, size_t size) {
    const struct tram_case *worst = NULL;
    char sd[24], wanted[24], sees[24];
    for (size_t i = 0; i < c->arms.case_count; i++) {
        const struct tram_case *k = &c->arms.cases[i];
        if (isfinite(k->time.sd) && (!worst || k->time.sd > worst->time.sd))
            worst = k;
    }
    if (!worst) {
        snprintf(out, size, "No standard deviation: nothing was repeated.");
        return out;
    }
    const struct tram_decision *d = &worst->time;
    size_t used = (size_t)snprintf(out, size, "Largest standard deviation of %s: %s (%s).",
                                   c->arms.paired ? "r = ln(head / base) per block" : "ln(time)",
                                   tram__percent_text(d->sd, sd, sizeof sd), worst->name);
    if (isfinite(d->sees))
        used += (size_t)snprintf(out + used, size - used, " It shows a ratio of %s in 90%% of runs.",
                                 tram__ratio_text(d->sees, sees, sizeof sees));
    if (d->delta >= TRAM_DECIDE_EFFECT - 1)
        snprintf(out + used, size - used, " 8%% is within delta.");
    else if (!(d->sd_wanted > 0))
        snprintf(out + used, size - used, " No standard deviation is small enough to show 8%% with so few.");
    else
        snprintf(out + used, size - used,
                 " To show 8%% in 90%% it must be at most %s, with %zu %s and %zu cases.",
                 tram__percent_text(d->sd_wanted, wanted, sizeof wanted), worst->base_count,
                 c->arms.paired ? "blocks" : "repetitions", c->arms.case_count);
    return out;
}

char *tram__legend_text(const struct tram_comparison *c, char *out, size_t size) {
    char alpha[24], whole[24];
    const char *tests = !c->arms.paired ? "rank-sum tests"
                        : c->arms.blocks <= TRAM_SIGNED_RANK_EXACT
                            ? "exact signed-rank tests"
                            : "signed-rank tests by the normal approximation";
    snprintf(
        out, size,
        "ratio: head over base, Hodges-Lehmann. interval: %s for all cases together, both ways (Bonferroni); "
        "the tests go one "
        "way, step by step, and may show what it does not. sd: of %s, "
        "what lies far off as the tests count it. sees: the smallest ratio that is REGRESSED in 90%% of runs "
        "like this one. Verdicts: %s, Holm-adjusted, family alpha %s.",
        tram__percent_text(1 - c->options.alpha, whole, sizeof whole),
        c->arms.paired ? "r = ln(head / base) per block" : "ln(time), both arms", tests,
        tram__percent_text(c->options.alpha, alpha, sizeof alpha));
    return out;
}
