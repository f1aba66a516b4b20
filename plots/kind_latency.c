/* SPDX-License-Identifier: Apache-2.0
 *
 * Latency against the payload: a line for each mode's p50 and a band around it. The band is from p5 to p95 of the executions
 * where the file has them, else from the smallest to the largest repetition, which says how far the figure can be trusted and
 * nothing about single executions; the figure says which.
 */
#include "plots/figure.h"

#include <math.h>

static bool has_tails(const struct tram__set *s, const struct tram__slice *l) {
    struct tram__at at = l->at;
    for (unsigned m = 0; m < s->mode_count; m++)
        for (uint32_t i = 0; i < s->value_count[l->axis]; i++) {
            at.v[l->axis] = s->values[l->axis][i];
            const struct tram__cell *c = tram__cell_at(s, m, &at);
            if (c && (isnan(TRAM__RANGE(c, p5_ns).mid) || isnan(TRAM__RANGE(c, p95_ns).mid)))
                return false;
        }
    return true;
}

static struct tram__range band_of(const struct tram__cell *c, bool tails) {
    struct tram__range r = TRAM__RANGE(c, p50_ns);
    if (tails) {
        r.low = TRAM__RANGE(c, p5_ns).mid;
        r.high = TRAM__RANGE(c, p95_ns).mid;
    }
    return r;
}

/* What copying the payload costs at least, where it was measured: once, from another core. NaN where it was not. */
static double copy_ns(const struct tram__input *in, uint64_t bytes) {
    const json_t *all = tram__json_at(in->json, "context/floor/copy_bytes_per_s");
    for (size_t i = 0; i < json_array_size(all); i++) {
        const json_t *one = json_array_get(all, i);
        double rate = tram__json_number(one, "cross_core");
        if (tram__json_number(one, "bytes") == (double)bytes && rate > 0 && bytes)
            return (double)bytes / rate * 1e9;
    }
    return NAN;
}

/* The table; returns how many values of the axis it has, and the least and the most of all times. */
static uint32_t put_table(struct tram__draw *d, const struct tram__set *s, const struct tram__slice *l,
                          bool tails, double *low, double *high, bool *copies) {
    char column[TRAM__NAME];
    struct tram__at at = l->at;
    uint32_t rows = 0;
    FILE *t = d->table.f;
    fprintf(t, "payload_bytes");
    for (unsigned m = 0; m < s->mode_count; m++)
        for (int i = 0; i < 3; i++)
            fprintf(t, "\t%s",
                    tram__column(&s->modes[m],
                                 i == 0  ? "p50_ns"
                                 : tails ? (i == 1 ? "p5_ns" : "p95_ns")
                                         : (i == 1 ? "p50_least_ns" : "p50_most_ns"),
                                 column));
    fprintf(t, "\tcopy_floor_ns\n");
    *low = *high = NAN;
    for (uint32_t i = 0; i < s->value_count[l->axis]; i++) {
        at.v[l->axis] = s->values[l->axis][i];
        double floor = copy_ns(s->input, at.v[l->axis]);
        bool any = false;
        fprintf(t, "%llu", (unsigned long long)at.v[l->axis]);
        for (unsigned m = 0; m < s->mode_count; m++) {
            struct tram__range r = band_of(tram__cell_at(s, m, &at), tails);
            fprintf(t, "\t%.6g\t%.6g\t%.6g", r.mid, r.low, r.high);
            *low = fmin(*low, r.low);
            *high = fmax(*high, r.high);
            any |= !isnan(r.mid);
        }
        fprintf(t, "\t%.6g\n", floor);
        *copies |= floor >= *low / 2;
        rows += any;
    }
    return rows;
}

static void put_script(struct tram__draw *d, const struct tram__set *s, bool copies) {
    FILE *o = d->script.f;
    const char *file = d->figure.name;
    char mode[TRAM__NAME];
    fprintf(o, "plot ");
    for (unsigned m = 0; m < s->mode_count; m++)
        fprintf(o, "'%s.tsv' using 1:%u:%u with filledcurves lc %u notitle, \\\n  ", file, 3 * m + 3,
                3 * m + 4, s->modes[m].colour);
    for (unsigned m = 0; m < s->mode_count; m++) {
        fprintf(o, "%s'%s.tsv' using 1:%u with linespoints ", m ? ", \\\n  " : "", file, 3 * m + 2);
        tram__draw_style(o, &s->modes[m]);
        fprintf(o, " title '%s'", tram__plain(s->modes[m].name, mode, sizeof mode));
    }
    if (copies)
        fprintf(o, ", \\\n  '%s.tsv' using 1:%u with lines lc rgb '#909090' dt 3 lw 1.5 title 'one copy'",
                file, 3 * s->mode_count + 2);
    fprintf(o, "\n");
}

static void make_one(struct tram__figures *all, const struct tram__set *s, const struct tram__slice *l) {
    struct tram__draw d;
    char name[TRAM__TITLE], fixed[TRAM__NAME], suffix[TRAM__NAME];
    double low, high;
    bool tails = has_tails(s, l), copies = false;
    tram__draw_begin(&d, all, TRAM__KIND_LATENCY, s, tram__slice_suffix(s, l, suffix, sizeof suffix));
    if (put_table(&d, s, l, tails, &low, &high, &copies) < 2) {
        tram__draw_drop(&d);
        return;
    }
    snprintf(d.figure.title, sizeof d.figure.title, "Latency against payload: %s",
             tram__set_name(s, name, sizeof name));
    snprintf(d.figure.subtitle, sizeof d.figure.subtitle, "%s; p50, band %s",
             tram__slice_name(s, l, fixed, sizeof fixed),
             tails ? "from p5 to p95 of the executions" : "from the smallest to the largest repetition");
    tram__draw_script(&d, tram__axis_title(s, l->axis), s->mode_count + copies);
    tram__draw_marks(&d, TRAM__AXIS_BYTES, s);
    tram__draw_log(&d, 'y', low, high, "ns");
    fprintf(d.script.f, "set ylabel 'p50 of an execution'\n");
    tram__draw_floors(&d, s->input, low / 1.25, high);
    put_script(&d, s, copies);
    fprintf(d.words.f,
            "The p50 of an execution against its payload, %s; both axes are logarithmic. The band is %s.",
            fixed,
            tails ? "from p5 to p95 of the executions"
                  : "from the smallest to the largest repetition’s p50: how far the figure can be trusted");
    if (copies)
        fprintf(d.words.f, " One copy: what moving the payload once from another core takes.");
    tram__draw_end(&d);
}

void tram__make_latency(struct tram__figures *all, const struct tram__set *s) {
    struct tram__slice slices[TRAM__MAX_SLICES];
    unsigned n = tram__slices(s, TRAM__AXIS_BYTES, 2, slices);
    for (unsigned i = 0; i < n; i++)
        make_one(all, s, &slices[i]);
}
