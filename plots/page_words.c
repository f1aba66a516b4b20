/* SPDX-License-Identifier: Apache-2.0
 *
 * What a set's figures say, in sentences that are put together from them.
 */
#include <math.h>

#include "plots/page.h"

void tram__page_point(FILE *o, const struct tram__set *s, const struct tram__at *at) {
    char point[TRAM__TITLE];
    tram__html(o, tram__point_name(s, at, point, sizeof point));
}

static const char *eager_name(const struct tram__set *s, const struct tram__fact *f) {
    return f->eager < 0 ? "" : s->modes[f->eager].name;
}

/* "2.93 × (2.76 to 3.18)": with its interval where there is one. */
static void put_gain(FILE *o, const struct tram__range *g) {
    char mid[TRAM__CELL], low[TRAM__CELL], high[TRAM__CELL];
    fprintf(o, "<b>%s</b>", tram__print_ratio(g->mid, mid));
    if (g->count > 1)
        fprintf(o, " <span class=\"soft\">(%s to %s)</span>", tram__print_ratio(g->low, low),
                tram__print_ratio(g->high, high));
}

static void put_times(FILE *o, const struct tram__set *s, const struct tram__fact *f) {
    char a[TRAM__CELL], b[TRAM__CELL];
    if (tram__by_rate(s, &f->at)) {
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
    return g->high < 1 ? ": slower" : !tram__told(g) ? ": no difference can be told" : "";
}

static void put_gains(FILE *o, const struct tram__set *s, const struct tram__facts *f) {
    const struct tram__fact *best = &f->at[f->best], *worst = &f->at[f->worst];
    fputs(f->gains > 1 && tram__told(&best->gain) ? "Compiled gains most over the fastest eager mode at "
          : f->gains > 1                          ? "Compiled against the fastest eager mode, at "
                                                  : "Over the fastest eager mode compiled gains, at ",
          o);
    tram__page_point(o, s, &best->at);
    fputs(": ", o);
    put_gain(o, &best->gain);
    put_times(o, s, best);
    fprintf(o, "%s.", remark(&best->gain));
    if (f->best != f->worst) {
        fputs(tram__told(&worst->gain) ? " It gains least at " : " Against it, at ", o);
        tram__page_point(o, s, &worst->at);
        fputs(": ", o);
        put_gain(o, &worst->gain);
        put_times(o, s, worst);
        fprintf(o, "%s.", remark(&worst->gain));
    }
    uint32_t untold = 0;
    for (uint32_t i = 0; i < f->count; i++)
        untold += !isnan(f->at[i].gain.mid) && !tram__told(&f->at[i].gain);
    if (untold > !tram__told(&worst->gain))
        fprintf(o, " No difference can be told in %u of %u cases.", untold, f->gains);
    fputc(' ', o);
}

/* "At 1 KiB it takes 0.31 × the limit's time": what no runtime can be right about is said beside it. */
static void put_below(FILE *o, const struct tram__set *s, const struct tram__fact *near) {
    char a[TRAM__CELL];
    fputs("At ", o);
    tram__page_point(o, s, &near->at);
    fprintf(o,
            " it takes <b>%s</b> the limit’s time: below 1 the limit was disturbed, or none of its "
            "candidates was the "
            "best way there.",
            tram__print_ratio(near->over_limit, a));
}

static void put_limits(FILE *o, const struct tram__set *s, const struct tram__facts *f) {
    char a[TRAM__CELL];
    const struct tram__fact *near = &f->at[f->nearest], *far = &f->at[f->farthest];
    bool below = near->over_limit < TRAM__BELOW_LIMIT;
    if (below)
        put_below(o, s, near);
    else if (f->nearest == f->farthest)
        fprintf(o, "It takes <b>%s</b> the limit’s time.", tram__print_ratio(near->over_limit, a));
    if (f->nearest == f->farthest)
        return;
    if (far->over_limit < TRAM__BELOW_LIMIT)
        fputs(" It takes most of that at ", o);
    else if (below)
        fputs(" It is farthest from the limit at ", o);
    else {
        fputs("It comes nearest to the limit at ", o);
        tram__page_point(o, s, &near->at);
        fprintf(o, ", with <b>%s</b> its time, and is farthest from it at ",
                tram__print_ratio(near->over_limit, a));
    }
    tram__page_point(o, s, &far->at);
    fprintf(o, ", with <b>%s</b>.", tram__print_ratio(far->over_limit, a));
}

/* Which modes could not keep up with a schedule. */
static void put_missed(FILE *o, const struct tram__set *s) {
    enum { MOST = 12 };
    char mode[TRAM__NAME];
    unsigned put = 0, late = 0;
    for (uint32_t i = 0; i < s->cell_count; i++) {
        const struct tram__cell *c = &s->cells[i];
        double missed = TRAM__RANGE(c, missed_share).mid;
        if (!(missed >= 0.001) || late++ >= MOST)
            continue;
        fputs(put++ ? "; "
                    : "<p class=\"warn\"><b>Begun a period late or more</b>, in the median repetition: ",
              o);
        tram__html(o, tram__plot_text(s->modes[c->mode].name, mode, sizeof mode));
        fputs(", ", o);
        tram__page_point(o, s, &c->at);
        fprintf(o, ", %.1f %% of the executions", 100 * missed);
    }
    if (late > put)
        fprintf(o, "; and %u more cases", late - put);
    if (put)
        fputs(".</p>\n", o);
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
    if (s->open)
        fputs("<p class=\"soft\">An open loop: executions are due at a fixed rate, whether those before are "
              "done or not, "
              "and each is timed from when it was due. Modes are compared by these times.</p>\n",
              o);
    put_missed(o, s);
    if (s->main_thread)
        fputs("<p class=\"soft\">Compiled graphs ran in turns on the actors’ main threads.</p>\n", o);
    if (s->more_modes)
        fputs("<p class=\"soft\">There are more modes in the file than a figure can tell apart; the last are "
              "left out.</p>\n",
              o);
}
