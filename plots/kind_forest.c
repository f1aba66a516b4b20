/* SPDX-License-Identifier: Apache-2.0
 *
 * The forest of a comparison: each case's ratio of head over base with its interval, and the range around 1 that
 * is no change.
 */
#include "plots/comparison.h"
#include "plots/figure.h"

#include <math.h>
#include <string.h>

enum { MAX_CASES = 60, NAME_SHOWN = 52, LONG_SHOWN = 72 };

/* A verdict's colour of podo: red for what got worse, green for better, grey for no change, orange for all else. */
static const char *colour_of(const char *verdict) {
    static const char *const colours[][2] = {
        {"REGRESSED", "7"}, {"IMPROVED", "4"}, {"OK", "rgb '#606060'"}, {"", "rgb '#606060'"}};
    for (size_t i = 0; i < sizeof colours / sizeof *colours; i++)
        if (strcmp(verdict, colours[i][0]) == 0)
            return colours[i][1];
    return "2";
}

static const char *name_at(const struct tram__input *in, size_t i) {
    char why[TRAM__WHY];
    struct tram__comparison_case c;
    return tram__comparison_case(in->json, i, &c, why, sizeof why) ? "" : c.name;
}

static bool has_part(const char *name, const char *part, size_t n) {
    for (const char *at = strchr(name, '/'); at; at = strchr(at + 1, '/'))
        if (strcspn(at + 1, "/") == n && strncmp(at + 1, part, n) == 0)
            return true;
    return false;
}

/* Whether a part of a name ("inflight:1") tells the cases that are drawn apart. */
static bool differs(const struct tram__input *in, size_t count, const char *part, size_t n) {
    for (size_t i = 0; i < count; i++)
        if (!has_part(name_at(in, i), part, n))
            return true;
    return count < 2;
}

static bool is_long(const struct tram__input *in, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (strlen(name_at(in, i)) > NAME_SHOWN)
            return true;
    return false;
}

/* Of names that are too long the program's, the mode and what differs; where that is too long yet, what follows on
 * the mode begins later. */
static const char *shown(const struct tram__input *in, size_t count, size_t i, char *out, size_t size) {
    const char *name = name_at(in, i), *at = strchr(name, '/');
    char kept[TRAM__TITLE], cut[2 * TRAM__TITLE];
    size_t used = strcspn(name, "/"), head = used < LONG_SHOWN / 3 ? used : LONG_SHOWN / 3;
    if (!is_long(in, count))
        return tram__plot_text(name, out, size);
    used = (size_t)snprintf(kept, sizeof kept, "%.*s", (int)head, name);
    for (; at && used < sizeof kept; at = strchr(at + 1, '/')) {
        size_t n = strcspn(at + 1, "/");
        bool mode = strncmp(at + 1, "mode:", 5) == 0;
        if (mode || differs(in, count, at + 1, n))
            used += (size_t)snprintf(kept + used, sizeof kept - used, "/%.*s", (int)n, at + 1);
        if (mode && used < LONG_SHOWN * 2 / 3)
            head = used;
    }
    used = strlen(kept);
    if (used <= LONG_SHOWN)
        return tram__plot_text(kept, out, size);
    const char *from = kept + head + (used - LONG_SHOWN), *part = strchr(from, '/');
    while (!part && ((unsigned char)*from & 0xc0) == 0x80) /* no half of a character */
        from++;
    snprintf(cut, sizeof cut, "%.*s/…%s", (int)head, kept, part ? part : from);
    return tram__plot_text(cut, out, size);
}

static void put_cases(struct tram__draw *d, const struct tram__input *in, size_t count, double span[2]) {
    FILE *o = d->script.f;
    char name[TRAM__TITLE], verdict[TRAM__CELL], why[TRAM__WHY];
    struct tram__comparison_case c;
    fprintf(d->table.f, "row\tcase\tratio\tlow\thigh\tverdict\n");
    fprintf(o, "set ytics noenhanced (");
    for (size_t i = 0; i < count; i++) {
        if (tram__comparison_case(in->json, i, &c, why, sizeof why))
            continue; /* it was looked at when the file was read */
        fprintf(d->table.f, "%zu\t%s\t%.5g\t%.5g\t%.5g\t%s\n", i, tram__plot_text(c.name, name, sizeof name),
                c.ratio, c.low, c.high, tram__plot_text(c.verdict, verdict, sizeof verdict));
        fprintf(o, "%s'%s' %zu", i ? ", " : "", shown(in, count, i, name, sizeof name), i);
        span[0] = fmin(span[0], fmin(c.low, c.ratio)); /* passes over NaN */
        span[1] = fmax(span[1], fmax(c.high, c.ratio));
        if (c.delta > 0 && c.delta < 1) {
            span[0] = fmin(span[0], 1 - 1.1 * c.delta);
            span[1] = fmax(span[1], 1 + 1.1 * c.delta);
        }
    }
    fprintf(o, ")\n");
}

static void put_verdicts(struct tram__draw *d, const struct tram__input *in, size_t count) {
    char verdict[TRAM__CELL], why[TRAM__WHY];
    struct tram__comparison_case c;
    for (size_t i = 0; i < count; i++) {
        if (tram__comparison_case(in->json, i, &c, why, sizeof why) || !*c.verdict)
            continue;
        fprintf(
            d->script.f,
            "set label '%s' at graph 1, first %zu left offset 0.7,0 font ',12' textcolor %s%s noenhanced\n",
            tram__plot_text(c.verdict, verdict, sizeof verdict), i, *colour_of(c.verdict) == 'r' ? "" : "lt ",
            colour_of(c.verdict));
    }
}

/* Where nothing counts as a change: of all cases, and of those whose own is wider. */
static void put_delta(struct tram__draw *d, const struct tram__input *in, size_t count,
                      const double span[2]) {
    static const char look[] = "behind fillcolor rgb '#e6e6e6' fillstyle solid 1 noborder";
    FILE *o = d->script.f;
    double delta = tram__comparison_delta(in->json);
    char why[TRAM__WHY];
    struct tram__comparison_case c;
    if (!isnan(delta))
        fprintf(o, "set object 1 rectangle from %.6g, graph 0 to %.6g, graph 1 %s\n", 1 - delta, 1 + delta,
                look);
    for (size_t i = 0; i < count; i++)
        if (!tram__comparison_case(in->json, i, &c, why, sizeof why) && c.delta > fmax(delta, 0))
            fprintf(o, "set object %zu rectangle from %.6g, first %g to %.6g, first %g %s\n", i + 2,
                    fmax(1 - c.delta, span[0]), (double)i - 0.4, fmin(1 + c.delta, span[1]), (double)i + 0.4,
                    look);
}

/* A ratio whose interval is not known is a ring with no bar. */
static void put_plot(struct tram__draw *d) {
    static const char *const verdicts[] = {"REGRESSED", "IMPROVED", "OK", "AMBIGUOUS"};
    FILE *o = d->script.f;
    const char *file = d->figure.name;
    fprintf(o, "group(v) = v eq 'REGRESSED' ? 0 : v eq 'IMPROVED' ? 1 : v eq 'OK' ? 2 : 3\nplot ");
    for (size_t i = 0; i < 4; i++)
        fprintf(
            o,
            "'%s.tsv' using (group(strcol(6)) != %zu ? NaN : strcol(4) eq 'NaN' ? NaN : $3):1:4:5 with "
            "xerrorbars lc %s pt 7 ps 0.8 lw 2 notitle, \\\n  "
            "'%s.tsv' using (group(strcol(6)) != %zu ? NaN : strcol(4) eq 'NaN' ? $3 : NaN):1 with points lc "
            "%s pt 6 ps 0.8 lw 2 notitle%s",
            file, i, colour_of(verdicts[i]), file, i, colour_of(verdicts[i]), i < 3 ? ", \\\n  " : "\n");
}

/* Between marks: 1, 2 or 5 of some power of ten; four of them or so, which have room beside long names. */
static double step_of(double span) {
    double power = pow(10, floor(log10(span / 4))), left = span / 4 / power;
    return power * (left <= 1 ? 1 : left <= 2 ? 2 : left <= 5 ? 5 : 10);
}

void tram__make_forest(struct tram__figures *all, const struct tram__input *in) {
    struct tram__draw d;
    size_t total = tram__comparison_count(in->json), count = total < MAX_CASES ? total : MAX_CASES;
    double delta = tram__comparison_delta(in->json);
    double span[2] = {isnan(delta) ? 0.98 : 1 - 1.4 * delta, isnan(delta) ? 1.02 : 1 + 1.4 * delta};
    if (!count)
        return;
    tram__draw_begin(&d, all, TRAM__KIND_FOREST, NULL, "");
    d.figure.input = in;
    d.figure.width = is_long(in, count) ? 1080 : 900;
    d.figure.height = 150 + 26 * (unsigned)count;
    snprintf(d.figure.title, sizeof d.figure.title, "Head against base");
    if (isnan(delta))
        snprintf(d.figure.subtitle, sizeof d.figure.subtitle,
                 "ratio of times with its interval; right of 1 is slower");
    else
        snprintf(d.figure.subtitle, sizeof d.figure.subtitle,
                 "ratio of times with its interval; right of 1 is slower, inside ±%.3g per cent no change",
                 100 * delta);
    tram__draw_script(&d, "head over base", 1);
    put_cases(&d, in, count, span);
    put_verdicts(&d, in, count);
    FILE *o = d.script.f;
    put_delta(&d, in, count, span);
    fprintf(o,
            "set arrow from 1, graph 0 to 1, graph 1 nohead back lt 1 lc rgb '#404040'\nset xrange "
            "[%.6g:%.6g]\nset xtics %g\n"
            "set yrange [%g:-0.6]\nset rmargin 14\nset grid noytics\nset border 1\nset ytics scale 0\n",
            span[0] - 0.03 * (span[1] - span[0]), span[1] + 0.03 * (span[1] - span[0]),
            step_of(span[1] - span[0]), (double)count - 0.4);
    put_plot(&d);
    fprintf(d.words.f, "Each case’s ratio of head over base, with its interval; right of 1 the head is "
                       "slower. A ring with no "
                       "bar: no interval is known.");
    if (!isnan(delta))
        fprintf(d.words.f, " Inside the grey range, ±%.3g %%, nothing counts as a change.", 100 * delta);
    if (total > count)
        fprintf(d.words.f, " The first %zu of %zu cases are drawn.", count, total);
    if (is_long(in, count))
        fprintf(d.words.f, " Names are too long to be shown whole: what all cases have is left out.");
    tram__draw_end(&d);
}
