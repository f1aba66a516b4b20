/* SPDX-License-Identifier: Apache-2.0
 *
 * How many times faster than the fastest eager mode: by latency, or by rate when executions overlap. The interval
 * is of the ratios of paired repetitions, which ran side by side.
 */
#include "plots/figure.h"

#include <math.h>
#include <string.h>

struct summary {
    struct tram__span span;
    uint32_t points, repetitions;
};

/* Modes that are held against eager: the limit, compiled, and others that the suite does not know. */
static bool compared(const struct tram__mode *m) {
    return m->role != TRAM__ROLE_EAGER;
}

static struct summary put_table(struct tram__draw *d, const struct tram__set *s,
                                const struct tram__slice *l) {
    static const char *const names[TRAM__AXES] = {"payload_bytes", "actors", "inflight"};
    char column[TRAM__NAME], mode[TRAM__NAME];
    struct summary out = {TRAM__SPAN_EMPTY, 0, 0};
    struct tram__at at = l->at;
    FILE *t = d->table.f;
    fprintf(t, "%s\tfastest_eager", names[l->axis]);
    for (unsigned m = 0; m < s->mode_count; m++)
        if (compared(&s->modes[m])) {
            fprintf(t, "\t%s", tram__column(&s->modes[m], "speedup", column));
            fprintf(t, "\t%s", tram__column(&s->modes[m], "low", column));
            fprintf(t, "\t%s", tram__column(&s->modes[m], "high", column));
        }
    fprintf(t, "\n");
    for (uint32_t i = 0; i < s->value_count[l->axis]; i++) {
        at.v[l->axis] = s->values[l->axis][i];
        int base = tram__fastest_eager(s, &at);
        if (base < 0)
            continue;
        fprintf(t, "%llu\t%s", (unsigned long long)at.v[l->axis],
                tram__plot_text(s->modes[base].name, mode, sizeof mode));
        for (unsigned m = 0; m < s->mode_count; m++) {
            if (!compared(&s->modes[m]))
                continue;
            struct tram__range r = tram__gain(s, m, (unsigned)base, &at);
            fprintf(t, "\t%.5g\t%.5g\t%.5g", r.mid, r.low, r.high);
            tram__span_add(&out.span, &r);
            if (r.count && (!out.repetitions || r.count < out.repetitions))
                out.repetitions = r.count;
        }
        fprintf(t, "\n");
        out.points++;
    }
    return out;
}

/* Bars of one point stand beside each other: by this factor, on a logarithmic axis. */
static double beside(const struct tram__set *s, enum tram__axis axis, unsigned place) {
    uint32_t n = s->value_count[axis];
    double low = fmax((double)s->values[axis][0], 1);
    return pow(n > 1 ? (double)s->values[axis][n - 1] / low : 10, 0.007 * place);
}

static void put_script(struct tram__draw *d, const struct tram__set *s, enum tram__axis axis, bool cut) {
    FILE *o = d->script.f;
    const char *file = d->figure.name, *separator = "";
    char mode[TRAM__NAME], across[TRAM__CELL];
    unsigned column = 3, drawn = 0;
    fprintf(o, "set arrow from graph 0, first 1 to graph 1, first 1 nohead back lt 1 lw 1.2 lc rgb "
               "'#404040'\nplot ");
    for (unsigned m = 0; m < s->mode_count; m++) {
        if (!compared(&s->modes[m]))
            continue;
        double aside = beside(s, axis, drawn++);
        fprintf(o, "%s'%s.tsv' using ($1*%.4g):%u with lines lc %u dt %u lw 2 notitle", separator, file,
                aside, column, s->modes[m].colour, s->modes[m].dash);
        separator = ", \\\n  ";
        fprintf(o, "%s'%s.tsv' using ($1*%.4g):%u:%u:%u with yerrorbars lc %u pt %u lw 1.5 ps 0.9 title '%s'",
                separator, file, aside, column, column + 1, column + 2, s->modes[m].colour, s->modes[m].point,
                tram__plot_text(s->modes[m].name, mode, sizeof mode));
        column += 3;
    }
    column = 3;
    drawn = 0;
    for (unsigned m = 0; cut && m < s->mode_count; m++) {
        if (!compared(&s->modes[m]))
            continue;
        snprintf(across, sizeof across, "$1*%.4g", beside(s, axis, drawn++));
        tram__draw_edges(d, &s->modes[m], across, column + 1, column + 2);
        column += 3;
    }
    fprintf(o, "\n");
}

static void put_words(struct tram__draw *d, uint32_t repetitions, const char *fixed) {
    fprintf(d->words.f,
            "How many times faster than the fastest eager mode at that point, %s; above the line at 1 it is "
            "faster.",
            fixed);
    if (repetitions > 1)
        fprintf(d->words.f,
                " The bars are intervals of the median of paired repetitions: %u of them, which cover it in "
                "%.3g %% of "
                "such runs.",
                repetitions, tram__coverage(repetitions));
}

static void make_one(struct tram__figures *all, const struct tram__set *s, const struct tram__slice *l) {
    struct tram__draw d;
    char name[TRAM__TITLE], fixed[TRAM__NAME], suffix[TRAM__NAME];
    tram__draw_begin(&d, all, TRAM__KIND_SPEEDUP, s, tram__slice_suffix(s, l, suffix, sizeof suffix));
    struct summary sum = put_table(&d, s, l);
    if (!sum.points || isnan(sum.span.low)) {
        tram__draw_drop(&d);
        return;
    }
    bool cut = tram__span_cut(&sum.span);
    tram__slice_name(s, l, fixed, sizeof fixed);
    snprintf(d.figure.title, sizeof d.figure.title, "Speed-up over the fastest eager: %s",
             tram__set_name(s, name, sizeof name));
    if (sum.repetitions > 1)
        snprintf(d.figure.subtitle, sizeof d.figure.subtitle,
                 "%s; %.3g %% intervals of %u paired repetitions", fixed, tram__coverage(sum.repetitions),
                 sum.repetitions);
    else
        snprintf(d.figure.subtitle, sizeof d.figure.subtitle, "%s; one repetition: no intervals", fixed);
    tram__draw_script(&d, tram__axis_title(s, l->axis), 2);
    tram__draw_marks(&d, l->axis, s);
    tram__draw_log(&d, 'y', fmin(sum.span.low, 0.8), fmax(sum.span.high, 1.25), "");
    fprintf(d.script.f, "set ylabel 'times as fast as the fastest eager'\n");
    put_script(&d, s, l->axis, cut);
    put_words(&d, sum.repetitions, fixed);
    if (cut)
        fprintf(d.words.f, " A bar that leaves the figure goes on, which an open triangle marks: some "
                           "repetition was farther off.");
    tram__words_unsteady(d.words.f, s, l);
    tram__draw_end(&d);
}

void tram__make_speedup(struct tram__figures *all, const struct tram__set *s) {
    struct tram__slice slices[TRAM__MAX_SLICES];
    unsigned made = 0;
    if (tram__mode_of(s, TRAM__ROLE_EAGER) < 0)
        return;
    for (int a = 0; a < TRAM__AXES; a++) {
        unsigned n = tram__slices(s, (enum tram__axis)a, 2, slices);
        for (unsigned i = 0; i < n; i++, made++)
            make_one(all, s, &slices[i]);
    }
    if (!made) {
        tram__slices(s, TRAM__AXIS_BYTES, 1, slices);
        make_one(all, s, &slices[0]);
    }
}
