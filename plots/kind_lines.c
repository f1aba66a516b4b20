/* SPDX-License-Identifier: Apache-2.0
 *
 * A line for each mode along one axis, and a band around it: latency against payload, scaling over actors,
 * throughput over executions in flight. The band of a latency is from p5 to p95 of the executions where the file
 * has them; else, and of a rate, from the smallest to the largest repetition, which says how far the figure can be
 * trusted and nothing about single executions. The figure says which.
 */
#include "plots/figure.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "results/result.h"
#include "results/statistics.h"

struct lines {
    enum tram__kind kind;
    enum tram__axis axis;
    bool rate;
    const char *title, *measure, *column, *unit;
};
static const struct lines latency = {TRAM__KIND_LATENCY,
                                     TRAM__AXIS_BYTES,
                                     false,
                                     "Latency against payload",
                                     "p50 of an execution",
                                     "p50",
                                     "ns"};
static const struct lines scaling = {
    TRAM__KIND_SCALING, TRAM__AXIS_ACTORS, false, "Scaling", "p50 of an execution", "p50", "ns"};
static const struct lines throughput = {
    TRAM__KIND_THROUGHPUT, TRAM__AXIS_INFLIGHT, true, "Throughput", "executions a second", "rate", "/s"};

/* What is drawn of one figure. */
struct plan {
    const struct lines *lines;
    const struct tram__set *set;
    const struct tram__slice *slice;
    bool tails; /* the band is of executions */
    bool floor; /* there is one of this pattern */
    struct tram__span span;
    bool cut; /* some band is not drawn whole */
    uint32_t points;
};

static struct tram__at point_of(const struct plan *p, uint32_t i) {
    struct tram__at at = p->slice->at;
    at.v[p->lines->axis] = p->set->values[p->lines->axis][i];
    return at;
}

static bool has_tails(const struct plan *p) {
    for (unsigned m = 0; m < p->set->mode_count; m++)
        for (uint32_t i = 0; i < p->set->value_count[p->lines->axis]; i++) {
            struct tram__at at = point_of(p, i);
            const struct tram__cell *c = tram__cell_at(p->set, m, &at);
            if (c && (isnan(TRAM__RANGE(c, p5_ns).mid) || isnan(TRAM__RANGE(c, p95_ns).mid)))
                return false;
        }
    return !p->lines->rate;
}

static struct tram__range band_of(const struct plan *p, unsigned mode, const struct tram__at *at) {
    const struct tram__cell *c = tram__cell_at(p->set, mode, at);
    struct tram__range r = p->lines->rate ? TRAM__RANGE(c, execs_per_s) : TRAM__RANGE(c, p50_ns);
    if (p->tails) {
        r.low = TRAM__RANGE(c, p5_ns).mid;
        r.high = TRAM__RANGE(c, p95_ns).mid;
    }
    return r;
}

/* What the machine needs for a point whatever runs on it: copying the payload once from another core, or the
 * same messages over bare sockets. NaN where it was not measured, and of a copy where none is made, by loan, or it is
 * too small for the rate to be a time. */
static double floor_ns(const struct plan *p, const struct tram__at *at) {
    const json_t *floors = tram__json_at(p->set->input->json, "context/floor");
    bool bytes = p->lines->axis == TRAM__AXIS_BYTES;
    const json_t *all = json_object_get(floors, bytes ? "copy_bytes_per_s" : "socket_patterns");
    for (size_t i = 0; !p->lines->rate && i < json_array_size(all); i++) {
        const json_t *one = json_array_get(all, i);
        double size = (double)at->v[TRAM__AXIS_BYTES], rate = tram__json_number(one, "cross_core");
        if (tram__json_number(one, "bytes") != size)
            continue;
        if (bytes)
            return rate > 0 && size >= TRAM_FLOOR_COPY_SHOWN && !p->set->loan ? size / rate * 1e9 : NAN;
        if (tram__json_number(one, "actors") != (double)at->v[TRAM__AXIS_ACTORS])
            continue;
        const char *key = strcmp(tram__json_text_at(one, "pattern"), "chain") == 0 ? "requests_ns" : "rtt_ns";
        double ns = tram__json_number(one, key);
        return ns > 0 ? ns : NAN;
    }
    return NAN;
}

/* Of the lines through each two points the median slope, which one odd point does not move. NaN for fewer than
 * two. */
static double slope_of(const struct plan *p, unsigned mode) {
    uint32_t n = p->set->value_count[p->lines->axis];
    double *all = tram__needed(malloc(((size_t)n * n + 1) * sizeof *all));
    size_t count = 0;
    for (uint32_t i = 0; i < n && n <= 1000; i++)
        for (uint32_t k = i + 1; k < n; k++) {
            struct tram__at a = point_of(p, i), b = point_of(p, k);
            double dy = band_of(p, mode, &b).mid - band_of(p, mode, &a).mid;
            if (!isnan(dy))
                all[count++] = dy / (double)(b.v[p->lines->axis] - a.v[p->lines->axis]);
        }
    double slope = count ? tram_median(all, count) : NAN;
    free(all);
    return slope;
}

static void put_titles(FILE *t, const struct plan *p) {
    static const char *const names[TRAM__AXES] = {"payload_bytes", "actors", "inflight"};
    char column[TRAM__NAME], what[3][TRAM__NAME];
    const char *unit = p->lines->rate ? "per_s" : "ns";
    snprintf(what[0], sizeof what[0], "%s_%s", p->lines->column, unit);
    snprintf(what[1], sizeof what[1], p->tails ? "p5_ns" : "%s_least_%s", p->lines->column, unit);
    snprintf(what[2], sizeof what[2], p->tails ? "p95_ns" : "%s_most_%s", p->lines->column, unit);
    fprintf(t, "%s", names[p->lines->axis]);
    for (unsigned m = 0; m < p->set->mode_count; m++)
        for (int i = 0; i < 3; i++)
            fprintf(t, "\t%s", tram__column(&p->set->modes[m], what[i], column));
    fprintf(t, "\tfloor_ns\n");
}

static void put_table(FILE *t, struct plan *p) {
    put_titles(t, p);
    p->span = TRAM__SPAN_EMPTY;
    for (uint32_t i = 0; i < p->set->value_count[p->lines->axis]; i++) {
        struct tram__at at = point_of(p, i);
        double floor = floor_ns(p, &at);
        bool any = false;
        fprintf(t, "%llu", (unsigned long long)at.v[p->lines->axis]);
        for (unsigned m = 0; m < p->set->mode_count; m++) {
            struct tram__range r = band_of(p, m, &at);
            fprintf(t, "\t%.6g\t%.6g\t%.6g", r.mid, r.low, r.high);
            tram__span_add(&p->span, &r);
            any |= !isnan(r.mid);
        }
        fprintf(t, "\t%.6g\n", floor);
        p->floor |= floor >= p->span.low / 2 && floor <= p->span.high * 2;
        p->points += any;
    }
}

static void put_plot(struct tram__draw *d, const struct plan *p) {
    FILE *o = d->script.f;
    const char *file = d->figure.name;
    char mode[TRAM__NAME], slope[TRAM__CELL];
    fprintf(o, "plot ");
    for (unsigned m = 0; m < p->set->mode_count; m++)
        fprintf(o, "'%s.tsv' using 1:%u:%u with filledcurves lc %u notitle, \\\n  ", file, 3 * m + 3,
                3 * m + 4, p->set->modes[m].colour);
    for (unsigned m = 0; m < p->set->mode_count; m++) {
        double per = p->lines->axis == TRAM__AXIS_ACTORS ? slope_of(p, m) : NAN;
        fprintf(o, "%s'%s.tsv' using 1:%u with linespoints ", m ? ", \\\n  " : "", file, 3 * m + 2);
        tram__draw_style(o, &p->set->modes[m]);
        fprintf(o, " title '%s%s%s'", tram__plot_text(p->set->modes[m].name, mode, sizeof mode),
                isnan(per) ? ""
                : per < 0  ? " "
                           : " +",
                isnan(per) ? "" : tram__print_ns(per, slope));
    }
    if (p->floor)
        fprintf(o, ", \\\n  '%s.tsv' using 1:%u with lines lc rgb '#909090' dt 3 lw 1.5 title '%s'", file,
                3 * p->set->mode_count + 2, p->lines->axis == TRAM__AXIS_BYTES ? "one copy" : "bare sockets");
    fprintf(o, "\n");
}

/* The line is of batches, the band is not: else both are timed singly. */
static bool is_mixed(const struct plan *p) {
    return p->tails && !p->set->loan && !p->set->open && p->slice->at.v[TRAM__AXIS_INFLIGHT] == 1;
}

static void put_words(FILE *w, const struct plan *p, const char *fixed) {
    char slope[TRAM__CELL];
    const char *separator = "";
    fprintf(w, "%s against %s, %s; both axes are logarithmic. The band is %s.",
            p->lines->rate ? "Executions a second" : "The p50 of an execution",
            p->lines->axis == TRAM__AXIS_BYTES    ? "its payload"
            : p->lines->axis == TRAM__AXIS_ACTORS ? "the number of actors it goes through"
                                                  : "how many of them are in flight",
            fixed,
            p->tails         ? "from p5 to p95 of the executions"
            : p->lines->rate ? "from the smallest to the largest repetition"
                             : "from the smallest to the largest repetition’s p50");
    if (is_mixed(p))
        fputs(
            " Those are timed singly, with the timer in them, the line’s p50 in batches, without it, so that "
            "the line may lie outside.",
            w);
    if (p->cut)
        fprintf(w, " Where it leaves the figure, some repetition was farther off.");
    if (p->floor)
        fprintf(w, p->lines->axis == TRAM__AXIS_BYTES
                       ? " One copy: what moving the payload once from another core takes."
                       : " Bare sockets: what the messages of eager calls take with nothing else done.");
    if (p->lines->axis != TRAM__AXIS_ACTORS)
        return;
    fprintf(w, " One more of the %s adds, by the median slope between any two points: ", p->set->actors_word);
    for (unsigned m = 0; m < p->set->mode_count; m++) {
        double per = slope_of(p, m);
        if (isnan(per))
            continue;
        fprintf(w, "%s%s %s", separator, p->set->modes[m].name, tram__print_ns(per, slope));
        separator = ", ";
    }
    fprintf(w, ".");
}

static void make_one(struct tram__figures *all, const struct lines *lines, const struct tram__set *s,
                     const struct tram__slice *slice) {
    struct plan p = {.lines = lines, .set = s, .slice = slice};
    struct tram__draw d;
    char name[TRAM__TITLE], fixed[TRAM__NAME], suffix[TRAM__NAME];
    p.tails = has_tails(&p);
    tram__draw_begin(&d, all, lines->kind, s, tram__slice_suffix(s, slice, suffix, sizeof suffix));
    put_table(d.table.f, &p);
    if (p.points < 2) {
        tram__draw_drop(&d);
        return;
    }
    p.cut = tram__span_cut(&p.span);
    tram__slice_name(s, slice, fixed, sizeof fixed);
    snprintf(d.figure.title, sizeof d.figure.title, "%s: %s", lines->title,
             tram__set_name(s, name, sizeof name));
    snprintf(d.figure.subtitle, sizeof d.figure.subtitle, "%s; band %s%s", fixed,
             p.tails ? "from p5 to p95 of the executions" : "from the smallest to the largest repetition",
             lines->axis == TRAM__AXIS_ACTORS ? "; in the key what one more adds" : "");
    tram__draw_script(&d, tram__axis_title(s, lines->axis), s->mode_count + p.floor);
    tram__draw_marks(&d, lines->axis, s);
    tram__draw_log(&d, 'y', p.span.low, p.span.high, lines->unit);
    fprintf(d.script.f, "set ylabel '%s'\n", lines->measure);
    if (!lines->rate)
        tram__draw_floors(&d, s, p.span.low / 1.25, p.span.high);
    put_plot(&d, &p);
    put_words(d.words.f, &p, fixed);
    if (!lines->rate)
        tram__words_floors(d.words.f, s);
    tram__words_unsteady(d.words.f, s, slice);
    tram__draw_end(&d);
}

static void make_all(struct tram__figures *all, const struct lines *lines, const struct tram__set *s) {
    struct tram__slice slices[TRAM__MAX_SLICES];
    unsigned n = tram__slices(s, lines->axis, 2, slices);
    for (unsigned i = 0; i < n; i++)
        make_one(all, lines, s, &slices[i]);
}

void tram__make_latency(struct tram__figures *all, const struct tram__set *s) {
    make_all(all, &latency, s);
}

void tram__make_scaling(struct tram__figures *all, const struct tram__set *s) {
    make_all(all, &scaling, s);
}

void tram__make_throughput(struct tram__figures *all, const struct tram__set *s) {
    if (!s->open) /* else the rate is the schedule's */
        make_all(all, &throughput, s);
}
