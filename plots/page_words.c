/* SPDX-License-Identifier: Apache-2.0
 *
 * What the figures say, in sentences that are put together from them.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "plots/page.h"
#include "results/statistics.h"

static void html_point(FILE *o, const struct tram__set *s, const struct tram__at *at) {
    char point[TRAM__TITLE];
    tram__html(o, tram__point_name(s, at, point, sizeof point));
}

static const char *eager_name(const struct tram__set *s, const struct tram__fact *f) {
    return f->eager < 0 ? "" : s->modes[f->eager].name;
}

static bool overlapping(const struct tram__fact *f) {
    return f->at.v[TRAM__AXIS_INFLIGHT] > 1;
}

/* "2.93 × (2.76 to 3.18)": with its interval where there is one. */
static void put_gain(FILE *o, const struct tram__range *g) {
    char mid[TRAM__CELL], low[TRAM__CELL], high[TRAM__CELL];
    fprintf(o, "<b>%s</b>", tram__print_ratio(g->mid, mid));
    if (g->count > 1)
        fprintf(o, " <span class=\"soft\">(%s to %s)</span>", tram__print_ratio(g->low, low),
                tram__print_ratio(g->high, high));
}

/* ---- the headline ---- */

/* The first case of the first set that has both; false when no set has. */
static bool first_fact(const struct tram__page *p, uint32_t *set, uint32_t *fact) {
    for (uint32_t i = 0; i < p->sets->count; i++)
        for (uint32_t k = 0; k < p->facts[i].count; k++)
            if (!isnan(p->facts[i].at[k].gain.mid)) {
                *set = i;
                *fact = k;
                return true;
            }
    return false;
}

static void put_headline(const struct tram__page *p) {
    FILE *o = p->out;
    uint32_t set, fact;
    char a[TRAM__CELL], b[TRAM__CELL];
    fputs("<h1>", o);
    if (!first_fact(p, &set, &fact)) {
        const struct tram__input *compared = NULL;
        for (unsigned i = 0; i < p->input_count && !compared; i++)
            compared = p->inputs[i].kind == TRAM__INPUT_COMPARISON ? &p->inputs[i] : NULL;
        if (compared && !p->sets->count)
            tram__page_verdicts(p, compared);
        else
            fputs("What was measured", o);
        fputs("</h1>\n", o);
        return;
    }
    const struct tram__set *s = &p->sets->at[set];
    const struct tram__fact *f = &p->facts[set].at[fact];
    fputs("Compiled, ", o);
    tram__html(o, s->scenario);
    fputs(" (", o);
    html_point(o, s, &f->at);
    fprintf(o, ") takes %s: ", tram__print_ns(f->compiled_ns, a));
    if (f->gain.mid >= 1)
        fprintf(o, "%s as fast as the fastest eager call", tram__print_ratio(f->gain.mid, a));
    else
        fprintf(o, "%s the fastest eager call’s time", tram__print_ratio(1 / f->gain.mid, a));
    if (!isnan(f->over_limit))
        fprintf(o, ", %s the limit’s time", tram__print_ratio(f->over_limit, b));
    fputs(".</h1>\n", o);
}

static void put_range(const struct tram__page *p) {
    FILE *o = p->out;
    double near = NAN, far = NAN, *gains;
    uint32_t all = 0, cases = 0, slower = 0;
    char a[TRAM__CELL], b[TRAM__CELL], c[TRAM__CELL];
    for (uint32_t i = 0; i < p->sets->count; i++)
        all += p->facts[i].count;
    gains = tram__needed(malloc((all + 1) * sizeof *gains));
    for (uint32_t i = 0; i < p->sets->count; i++)
        for (uint32_t k = 0; k < p->facts[i].count; k++) {
            const struct tram__fact *f = &p->facts[i].at[k];
            near = fmin(near, f->over_limit);
            far = fmax(far, f->over_limit);
            if (!isnan(f->gain.mid))
                gains[cases++] = f->gain.mid;
            slower += f->gain.high < 1;
        }
    tram_sort(gains, cases);
    if (cases > 1) {
        fprintf(o,
                "<p class=\"lede\">Over all %u cases here, compiled graphs are %s to %s as fast as the "
                "fastest eager "
                "mode, %s in the median",
                cases, tram__print_ratio(gains[0], a), tram__print_ratio(gains[cases - 1], b),
                tram__print_ratio(tram_percentile_sorted(gains, cases, 0.5), c));
        if (slower)
            fprintf(o, ", and slower, with the whole interval below 1, in %u", slower);
        if (!isnan(near))
            fprintf(o, "; they take %s to %s the time of the bare pattern, the limit",
                    tram__print_ratio(near, a), tram__print_ratio(far, b));
        fputs(".</p>\n", o);
    }
    free(gains);
}

static void put_extreme(const struct tram__page *p, uint32_t set, uint32_t fact, bool gain) {
    FILE *o = p->out;
    char a[TRAM__CELL];
    const struct tram__fact *f = &p->facts[set].at[fact];
    fprintf(o, "<td><b>%s</b> <span class=\"soft\">",
            tram__print_ratio(gain ? f->gain.mid : f->over_limit, a));
    html_point(o, &p->sets->at[set], &f->at);
    fputs("</span></td>", o);
}

/* At best and at worst; the only case is both, and told once. */
static void put_extremes(const struct tram__page *p, uint32_t set, uint32_t count, uint32_t best,
                         uint32_t worst, bool gain) {
    if (count)
        put_extreme(p, set, best, gain);
    else
        fputs("<td>-</td>", p->out);
    if (count > 1)
        put_extreme(p, set, worst, gain);
    else
        fputs("<td></td>", p->out);
}

static void put_lines(const struct tram__page *p) {
    FILE *o = p->out;
    char name[TRAM__TITLE];
    if (!p->sets->count)
        return;
    fputs("<div class=\"scroll\"><table class=\"answer\"><thead><tr><th>compiled</th><th>over the fastest "
          "eager, at "
          "best</th><th>at worst</th><th>of the limit’s time, at best</th><th>at "
          "worst</th></tr></thead><tbody>\n",
          o);
    for (uint32_t i = 0; i < p->sets->count; i++) {
        const struct tram__facts *f = &p->facts[i];
        fprintf(o, "<tr><th scope=\"row\"><a href=\"#s%u\">", i);
        tram__html(o, tram__set_name(&p->sets->at[i], name, sizeof name));
        fputs("</a></th>", o);
        put_extremes(p, i, f->gains, f->best, f->worst, true);
        put_extremes(p, i, f->limits, f->nearest, f->farthest, false);
        fputs("</tr>\n", o);
    }
    fputs("</tbody></table></div>\n", o);
}

/* One kind of noise of all runs that had it: "Load when they began: a.json 1.92, b.json 2.03." */
static bool put_noise_of(const struct tram__page *p, bool stolen, bool begun) {
    double v[2];
    bool first = true;
    for (unsigned i = 0; i < p->input_count; i++) {
        if (p->inputs[i].kind != TRAM__INPUT_RESULT)
            continue;
        tram__page_noise(&p->inputs[i], &v[0], &v[1]);
        if (isnan(v[stolen]))
            continue;
        if (first)
            fprintf(p->out, "%s%s", begun ? "" : "<p class=\"warn\"><b>Not a quiet machine.</b>",
                    stolen ? " CPU seconds that the host took: " : " Load when the runs began: ");
        fputs(first ? "" : ", ", p->out);
        tram__html(p->out, tram__base_name(p->inputs[i].path));
        fprintf(p->out, " %.2f", v[stolen]);
        first = false;
    }
    if (!first)
        fputc('.', p->out);
    return begun || !first;
}

static void put_noise(const struct tram__page *p) {
    bool begun = put_noise_of(p, false, false);
    begun = put_noise_of(p, true, begun);
    if (begun)
        fputs(" Ratios within one run, whose modes ran interleaved, hold better than times.</p>\n", p->out);
}

void tram__page_summary(const struct tram__page *p) {
    put_headline(p);
    put_range(p);
    put_noise(p);
    put_lines(p);
}

/* ---- one set ---- */

static void put_times(FILE *o, const struct tram__set *s, const struct tram__fact *f) {
    char a[TRAM__CELL], b[TRAM__CELL];
    if (overlapping(f)) {
        fputs(", by rate, against ", o);
        tram__html(o, eager_name(s, f));
        return;
    }
    fprintf(o, ", %s against the %s of ", tram__print_ns(f->compiled_ns, a), tram__print_ns(f->eager_ns, b));
    tram__html(o, eager_name(s, f));
}

/* What an interval that has 1 in it, or lies below, means. */
static const char *remark(const struct tram__range *g) {
    if (g->count < 2)
        return "";
    return g->high < 1 ? ": slower" : g->low <= 1 && g->high >= 1 ? ": no difference can be told" : "";
}

static void put_gains(FILE *o, const struct tram__set *s, const struct tram__facts *f) {
    const struct tram__fact *best = &f->at[f->best], *worst = &f->at[f->worst];
    fputs(f->gains > 1 ? "Compiled gains most over the fastest eager mode at "
                       : "Over the fastest eager mode compiled gains, at ",
          o);
    html_point(o, s, &best->at);
    fputs(": ", o);
    put_gain(o, &best->gain);
    put_times(o, s, best);
    fprintf(o, "%s.", remark(&best->gain));
    if (f->best != f->worst) {
        fputs(" It gains least at ", o);
        html_point(o, s, &worst->at);
        fputs(": ", o);
        put_gain(o, &worst->gain);
        put_times(o, s, worst);
        fprintf(o, "%s.", remark(&worst->gain));
    }
    fputc(' ', o);
}

static void put_limits(FILE *o, const struct tram__set *s, const struct tram__facts *f) {
    char a[TRAM__CELL];
    const struct tram__fact *near = &f->at[f->nearest], *far = &f->at[f->farthest];
    if (f->nearest == f->farthest) {
        fprintf(o, "It takes <b>%s</b> the limit’s time.", tram__print_ratio(near->over_limit, a));
        return;
    }
    fprintf(o, "It comes nearest to the limit at ");
    html_point(o, s, &near->at);
    fprintf(o, ", with <b>%s</b> its time, and is farthest from it at ",
            tram__print_ratio(near->over_limit, a));
    html_point(o, s, &far->at);
    fprintf(o, ", with <b>%s</b>.", tram__print_ratio(far->over_limit, a));
    if (near->over_limit < 0.98)
        fputs(" Below 1 the limit was disturbed, or none of its candidates was the best way there.", o);
}

void tram__page_set_words(const struct tram__page *p, uint32_t set) {
    FILE *o = p->out;
    const struct tram__set *s = &p->sets->at[set];
    const struct tram__facts *f = &p->facts[set];
    fputs("<p>", o);
    if (f->gains)
        put_gains(o, s, f);
    if (f->limits)
        put_limits(o, s, f);
    if (!f->gains && !f->limits)
        fputs("Modes that could be held against each other were not measured.", o);
    fputs("</p>\n", o);
    if (f->gains && f->repetitions > 1)
        fprintf(o,
                "<p class=\"soft\">In brackets: the interval of the median of %u paired repetitions, which "
                "covers it in "
                "%.3g %% of such runs.</p>\n",
                f->repetitions, tram__coverage(f->repetitions));
    if (s->main_thread)
        fputs("<p class=\"soft\">Compiled graphs ran in turns on the actors’ main threads.</p>\n", o);
    if (s->more_modes)
        fputs("<p class=\"soft\">There are more modes in the file than a figure can tell apart; the last are "
              "left out.</p>\n",
              o);
}
