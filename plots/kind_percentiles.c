/* SPDX-License-Identifier: Apache-2.0
 *
 * Latency against how rarely it is exceeded: percentile p stands at 1/(1-p), so that each mark to the right is ten
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

/* Returns how many percentiles it has. */
static unsigned put_table(struct tram__draw *d, const struct tram__set *s, const struct tram__at *at,
                          struct tram__span *span, double *rarest) {
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
        drawn++;
        *rarest = percentiles[i].odds;
    }
    return drawn;
}

static void put_script(struct tram__draw *d, const struct tram__set *s, double rarest) {
    FILE *o = d->script.f;
    const char *file = d->figure.name;
    char mode[TRAM__NAME];
    fprintf(o, "set logscale x\nset xrange [1.7:%.6g]\nset xtics (", rarest * 1.3);
    for (unsigned i = 0; i < PERCENTILES; i++)
        if (percentiles[i].odds != 20 && percentiles[i].odds <= rarest)
            fprintf(o, "%s'%s' %g", i ? ", " : "", percentiles[i].name, percentiles[i].odds);
    fprintf(o, ")\nset ylabel 'latency, timed singly'\nplot ");
    for (unsigned m = 0; m < s->mode_count; m++) {
        double aside = pow(1.02, (double)m - (s->mode_count - 1) / 2.0);
        fprintf(
            o,
            "'%s.tsv' using ($2*%.4g):%u:%u:%u with yerrorbars lc %u pt 0 lw 1 notitle, \\\n  '%s.tsv' using "
            "($2*%.4g):%u with linespoints ",
            file, aside, 3 * m + 3, 3 * m + 4, 3 * m + 5, s->modes[m].colour, file, aside, 3 * m + 3);
        tram__draw_style(o, &s->modes[m]);
        fprintf(o, " title '%s'%s", tram__plain(s->modes[m].name, mode, sizeof mode),
                m + 1 < s->mode_count ? ", \\\n  " : "\n");
    }
}

static void make_one(struct tram__figures *all, const struct tram__set *s, const struct tram__at *at) {
    struct tram__draw d;
    char name[TRAM__TITLE], point[TRAM__NAME], suffix[TRAM__NAME], cell[TRAM__CELL];
    struct tram__slice here = {TRAM__AXES, *at};
    double timer = tram__json_number(s->input->json, "context/floor/timer_ns"), rarest;
    struct tram__span span;
    tram__draw_begin(&d, all, TRAM__KIND_PERCENTILES, s, tram__slice_suffix(s, &here, suffix, sizeof suffix));
    if (put_table(&d, s, at, &span, &rarest) < 2) {
        tram__draw_drop(&d);
        return;
    }
    bool cut = tram__span_cut(&span);
    tram__point_name(s, at, point, sizeof point);
    snprintf(d.figure.title, sizeof d.figure.title, "Percentiles: %s", tram__set_name(s, name, sizeof name));
    snprintf(d.figure.subtitle, sizeof d.figure.subtitle,
             "%s; median of the repetitions, bars from least to most", point);
    tram__draw_script(&d, "percentile p, at 1/(1-p): each mark is ten times rarer", s->mode_count);
    tram__draw_log(&d, 'y', span.low, span.high, "ns");
    tram__draw_floors(&d, s, span.low / 1.25, span.high);
    put_script(&d, s, rarest);
    fprintf(
        d.words.f,
        "Latency at each percentile, %s, every execution timed singly%s%s%s%s. A percentile is there only "
        "where ten "
        "executions or more are expected beyond it. The bars are from the smallest to the largest "
        "repetition.",
        point, s->open ? ", from when it was due" : "", timer > 0 ? ", with the timer’s " : "",
        timer > 0 ? tram__print_ns(timer, cell) : "", timer > 0 ? " in it" : "");
    if (cut)
        fprintf(d.words.f, " One that leaves the figure goes on.");
    tram__words_floors(d.words.f, s);
    tram__words_unsteady(d.words.f, s, &here);
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
