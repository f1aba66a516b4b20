/* SPDX-License-Identifier: Apache-2.0
 *
 * Repetitions in the order in which they ran, each against the median of its case: where all drift together, it
 * was the machine.
 */
#include "plots/figure.h"

#include <math.h>
#include <stdlib.h>

#include "results/statistics.h"

/* The median over all cases of how far repetition `n` is off, in per cent; NaN when none has it. */
static double middle_of(const struct tram__set *s, uint32_t n) {
    double *all = tram__needed(malloc((s->cell_count + 1) * sizeof *all)), middle = NAN;
    size_t count = 0;
    for (uint32_t i = 0; i < s->cell_count; i++) {
        const struct tram__cell *c = &s->cells[i];
        double median = TRAM__RANGE(c, p50_ns).mid;
        for (uint32_t k = 0; k < c->count; k++)
            if (c->rows[k]->repetition == n) {
                all[count++] = 100 * (c->rows[k]->p50_ns / median - 1);
                break;
            }
    }
    if (count)
        middle = tram_median(all, count);
    free(all);
    return middle;
}

/* Rows by mode; the mode "median" is that of all cases. Returns how far off the farthest is. */
static double put_table(struct tram__draw *d, const struct tram__set *s, uint32_t repetitions) {
    char mode[TRAM__NAME], point[TRAM__TITLE];
    double most = 0;
    fprintf(d->table.f, "mode\trepetition\tp50_ns\toff_percent\tcase\n");
    for (unsigned m = 0; m < s->mode_count; m++)
        for (uint32_t i = 0; i < s->cell_count; i++) {
            const struct tram__cell *c = &s->cells[i];
            double median = TRAM__RANGE(c, p50_ns).mid;
            for (uint32_t k = 0; c->mode == m && k < c->count; k++) {
                double off = 100 * (c->rows[k]->p50_ns / median - 1);
                fprintf(d->table.f, "%s\t%u\t%.6g\t%.4g\t%s\n",
                        tram__plot_text(s->modes[m].name, mode, sizeof mode), c->rows[k]->repetition + 1,
                        c->rows[k]->p50_ns, off, tram__point_name(s, &c->at, point, sizeof point));
                most = fmax(most, fabs(off));
            }
        }
    for (uint32_t n = 0; n < repetitions; n++)
        if (!isnan(middle_of(s, n)))
            fprintf(d->table.f, "median\t%u\tNaN\t%.4g\tall\n", n + 1, middle_of(s, n));
    return most;
}

static void put_script(struct tram__draw *d, const struct tram__set *s, uint32_t repetitions, double most) {
    FILE *o = d->script.f;
    const char *file = d->figure.name;
    char mode[TRAM__NAME];
    double span = fmin(fmax(5, ceil(most * 1.1)), 100), wide = 0.5 / s->mode_count;
    fprintf(o,
            "set xrange [0.4:%u.6]\nset xtics %u\nset yrange [%g:%g]\nset format y '%%g %%%%'\n"
            "set ylabel 'p50 against its case’s median'\n"
            "set arrow from graph 0, first 0 to graph 1, first 0 nohead back lt 1 lc rgb '#404040'\nplot ",
            repetitions, 1 + repetitions / 12, -span, span);
    for (unsigned m = 0; m < s->mode_count; m++)
        fprintf(o,
                "'%s.tsv' using ($2%+.3f):(strcol(1) eq '%s' ? $4 : NaN) "
                "with points lc %u pt %u ps 0.8 title '%s', \\\n  ",
                file, (m - (s->mode_count - 1) / 2.0) * wide,
                tram__plot_text(s->modes[m].name, mode, sizeof mode), s->modes[m].colour, s->modes[m].point,
                mode);
    for (unsigned m = 0; most > span && m < s->mode_count; m++) /* none is 100 % below */
        fprintf(o,
                "'%s.tsv' using ($2%+.3f):(strcol(1) eq '%s' && $4 > %g ? %g : NaN) "
                "with points lc %u pt 8 ps 1.2 lw 1.5 notitle, \\\n  ",
                file, (m - (s->mode_count - 1) / 2.0) * wide,
                tram__plot_text(s->modes[m].name, mode, sizeof mode), span, 0.97 * span, s->modes[m].colour);
    fprintf(o,
            "'%s.tsv' using 2:(strcol(1) eq 'median' ? $4 : NaN) with lines lc rgb '#404040' lw 2 title "
            "'median'\n",
            file);
}

void tram__make_order(struct tram__figures *all, const struct tram__set *s) {
    struct tram__draw d;
    char name[TRAM__TITLE];
    uint32_t repetitions = 0, most_rows = 0;
    for (uint32_t i = 0; i < s->cell_count; i++) {
        const struct tram__cell *c = &s->cells[i];
        uint32_t last = c->rows[c->count - 1]->repetition + 1;
        repetitions = last > repetitions ? last : repetitions;
        most_rows = c->count > most_rows ? c->count : most_rows;
    }
    if (most_rows < 2 || repetitions > TRAM__MAX_ROWS)
        return;
    tram__draw_begin(&d, all, TRAM__KIND_ORDER, s, "");
    snprintf(d.figure.title, sizeof d.figure.title, "Repetitions in their order: %s",
             tram__set_name(s, name, sizeof name));
    double most = put_table(&d, s, repetitions);
    snprintf(d.figure.subtitle, sizeof d.figure.subtitle,
             "each p50 against the median of its case; where all move together, the machine did%s",
             most > 100 ? "; △: farther" : "");
    tram__draw_script(&d, "repetition", s->mode_count + 1);
    put_script(&d, s, repetitions, most);
    fprintf(
        d.words.f,
        "Every repetition’s p50 against the median of its case, in the order in which they ran. A slope or a "
        "step "
        "that all share is drift of the machine; a point far off is a repetition that something disturbed.%s",
        most > 100 ? " What is farther off than 100 % is an open triangle at the edge." : "");
    tram__draw_end(&d);
}
