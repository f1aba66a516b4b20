/* SPDX-License-Identifier: Apache-2.0
 *
 * Latency against how rarely it is exceeded: percentile p stands at 1/(1-p), so that a decade to the right is ten
 * times rarer. All of it is timed singly, the median too, with the timer's cost in it. The bars are from the
 * smallest to the largest repetition.
 */
#include "plots/facts.h"
#include "plots/figure.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    size_t offset;
    double odds; /* 1/(1-p) */
    const char *name;
} percentiles[] = {{offsetof(struct tram__row, tail_p50_ns), 2, "p50"},
                   {offsetof(struct tram__row, p90_ns), 10, "p90"},
                   {offsetof(struct tram__row, p95_ns), 20, "p95"},
                   {offsetof(struct tram__row, p99_ns), 100, "p99"},
                   {offsetof(struct tram__row, p999_ns), 1000, "p99.9"}};
enum { PERCENTILES = sizeof percentiles / sizeof *percentiles };

/* Only what every repetition has: the median of those that ran longest would stand beside the median of all. */
static struct tram__range range_at(const struct tram__set *s, unsigned mode, const struct tram__at *at,
                                   unsigned i) {
    const struct tram__cell *c = tram__cell_at(s, mode, at);
    struct tram__range r = tram__range_of(c, percentiles[i].offset);
    return c && r.count == c->count ? r : (struct tram__range){NAN, NAN, NAN, 0};
}

/* Returns which percentiles it has, a bit for each. */
static unsigned put_table(struct tram__draw *d, const struct tram__set *s, const struct tram__at *at,
                          struct tram__span *span) {
    char column[TRAM__NAME];
    unsigned drawn = 0;
    fprintf(d->table.f, "percentile\tone_in");
    for (unsigned m = 0; m < s->mode_count; m++) {
        fprintf(d->table.f, "\t%s", tram__column(&s->modes[m], "ns", column));
        fprintf(d->table.f, "\t%s", tram__column(&s->modes[m], "least_ns", column));
        fprintf(d->table.f, "\t%s", tram__column(&s->modes[m], "most_ns", column));
    }
    fprintf(d->table.f, "\n");
    *span = TRAM__SPAN_EMPTY;
    for (unsigned i = 0; i < PERCENTILES; i++) {
        bool any = false;
        for (unsigned m = 0; m < s->mode_count; m++)
            any |= !isnan(range_at(s, m, at, i).mid);
        if (!any)
            continue;
        fprintf(d->table.f, "%s\t%g", percentiles[i].name, percentiles[i].odds);
        for (unsigned m = 0; m < s->mode_count; m++) {
            struct tram__range r = range_at(s, m, at, i);
            fprintf(d->table.f, "\t%.6g\t%.6g\t%.6g", r.mid, r.low, r.high);
            tram__span_add(span, &r);
        }
        fprintf(d->table.f, "\n");
        drawn |= 1u << i;
    }
    return drawn;
}

static double rarest_of(unsigned drawn) {
    double rarest = 0;
    for (unsigned i = 0; i < PERCENTILES; i++)
        if (drawn >> i & 1)
            rarest = percentiles[i].odds;
    return rarest;
}

static void put_script(struct tram__draw *d, const struct tram__set *s, unsigned drawn, bool cut) {
    FILE *o = d->script.f;
    const char *file = d->figure.name, *separator = "";
    char mode[TRAM__NAME], across[TRAM__CELL];
    fprintf(o, "set logscale x\nset xrange [1.7:%.6g]\nset xtics (", rarest_of(drawn) * 1.3);
    for (unsigned i = 0; i < PERCENTILES; i++)
        if (drawn >> i & 1) {
            fprintf(o, "%s'%s' %g", separator, percentiles[i].name, percentiles[i].odds);
            separator = ", ";
        }
    fprintf(o, ")\nset ylabel 'latency, timed singly'\nplot ");
    for (unsigned m = 0; m < s->mode_count; m++) {
        double aside = pow(1.02, (double)m - (s->mode_count - 1) / 2.0);
        fprintf(
            o,
            "'%s.tsv' using ($2*%.4g):%u:%u:%u with yerrorbars lc %u pt 0 lw 1 notitle, \\\n  '%s.tsv' using "
            "($2*%.4g):%u with linespoints ",
            file, aside, 3 * m + 3, 3 * m + 4, 3 * m + 5, s->modes[m].colour, file, aside, 3 * m + 3);
        tram__draw_style(o, &s->modes[m]);
        fprintf(o, " title '%s'%s", tram__plot_text(s->modes[m].name, mode, sizeof mode),
                m + 1 < s->mode_count ? ", \\\n  " : "");
    }
    for (unsigned m = 0; cut && m < s->mode_count; m++) {
        snprintf(across, sizeof across, "$2*%.4g", pow(1.02, (double)m - (s->mode_count - 1) / 2.0));
        tram__draw_edges(d, &s->modes[m], across, 3 * m + 4, 3 * m + 5);
    }
    fprintf(o, "\n");
}

/* The curves that have fewer percentiles than others; returns how many. */
static unsigned put_ends(FILE *w, const struct tram__set *s, const struct tram__at *at, unsigned drawn) {
    char mode[TRAM__NAME];
    unsigned count = 0;
    for (unsigned m = 0; m < s->mode_count; m++) {
        int last = -1, rarest = -1;
        for (unsigned i = 0; i < PERCENTILES; i++) {
            if (!isnan(range_at(s, m, at, i).mid))
                last = (int)i;
            if (drawn >> i & 1)
                rarest = (int)i;
        }
        if (last < 0 || last == rarest)
            continue;
        fprintf(w, "%s%s at %s", count++ ? ", " : " Curves that end early, for too few executions: ",
                tram__plot_text(s->modes[m].name, mode, sizeof mode), percentiles[last].name);
    }
    fputs(count ? "." : "", w);
    return count;
}

/* Returns how many curves end early. */
static unsigned put_words(FILE *w, const struct tram__set *s, const struct tram__at *at, unsigned drawn,
                          bool cut) {
    struct tram__slice here = {TRAM__AXES, *at};
    double timer = tram__json_number(s->input->json, "context/floor/timer_ns");
    char point[TRAM__NAME], cell[TRAM__CELL];
    fprintf(
        w,
        "Latency at each percentile, %s, every execution timed singly%s%s%s%s. A percentile is there only "
        "where ten executions or more are expected beyond it. The bars are from the smallest to the "
        "largest repetition.",
        tram__point_name(s, at, point, sizeof point), s->open ? ", from when it was due" : "",
        timer > 0 ? ", with the timer’s " : "", timer > 0 ? tram__print_ns(timer, cell) : "",
        timer > 0 ? " in it" : "");
    if (cut)
        fprintf(w, " One that leaves the figure goes on: an open triangle marks it.");
    unsigned ends = put_ends(w, s, at, drawn);
    tram__words_floors(w, s);
    tram__words_unsteady(w, s, &here);
    return ends;
}

static void make_one(struct tram__figures *all, const struct tram__set *s, const struct tram__at *at) {
    struct tram__draw d;
    char name[TRAM__TITLE], point[TRAM__NAME], suffix[TRAM__NAME];
    struct tram__slice here = {TRAM__AXES, *at};
    struct tram__span span;
    tram__draw_begin(&d, all, TRAM__KIND_PERCENTILES, s, tram__slice_suffix(s, &here, suffix, sizeof suffix));
    unsigned drawn = put_table(&d, s, at, &span);
    if (!(drawn & (drawn - 1))) { /* one at most */
        tram__draw_drop(&d);
        return;
    }
    bool cut = tram__span_cut(&span);
    unsigned ends = put_words(d.words.f, s, at, drawn, cut);
    snprintf(d.figure.title, sizeof d.figure.title, "Percentiles: %s", tram__set_name(s, name, sizeof name));
    snprintf(d.figure.subtitle, sizeof d.figure.subtitle, "%s; medians, bars least to most%s%s",
             tram__point_name(s, at, point, sizeof point), cut ? "; △: farther" : "",
             ends ? "; short curve: too few samples" : "");
    tram__draw_script(&d, "percentile p, at 1/(1-p): how rarely it is exceeded", s->mode_count);
    tram__draw_log(&d, 'y', span.low, span.high, "ns");
    tram__draw_floors(&d, s, span.low / 1.25, span.high);
    put_script(&d, s, drawn, cut);
    tram__draw_end(&d);
}

/* Of all cases the first, one in the middle and the last. */
void tram__make_percentiles(struct tram__figures *all, const struct tram__set *s) {
    uint32_t count;
    struct tram__at *at = tram__cases(s, &count);
    uint32_t taken[] = {0, count / 2, count - 1};
    for (int i = 0; i < 3; i++)
        if (i == 0 || taken[i] != taken[i - 1])
            make_one(all, s, &at[taken[i]]);
    free(at);
}
