/* SPDX-License-Identifier: Apache-2.0
 *
 * A comparison on the page: its verdict first, then what stands in the way of believing it, then case by case.
 */
#include <math.h>
#include <string.h>

#include "plots/comparison.h"
#include "plots/page.h"

static const char *item(const json_t *all, size_t index) {
    const char *text = json_string_value(json_array_get(all, index));
    return text ? text : "?";
}

/* ", 1 REGRESSED, 3 OK": verdicts in the order in which they first come. */
static void put_counts(FILE *o, const json_t *comparison) {
    enum { MOST = 8 };
    struct {
        const char *name;
        size_t count;
    } seen[MOST];
    unsigned kinds = 0, k;
    char why[TRAM__WHY];
    struct tram__comparison_case c;
    for (size_t i = 0; i < tram__comparison_count(comparison); i++) {
        if (tram__comparison_case(comparison, i, &c, why, sizeof why))
            continue; /* it was looked at when the file was read */
        for (k = 0; k < kinds && strcmp(seen[k].name, c.verdict) != 0; k++)
            ;
        if (k == kinds && kinds < MOST) {
            seen[kinds].name = c.verdict;
            seen[kinds++].count = 0;
        }
        if (k < MOST)
            seen[k].count++;
    }
    for (k = 0; k < kinds; k++) {
        fprintf(o, ", %zu ", seen[k].count);
        tram__html(o, seen[k].name);
    }
}

void tram__page_verdicts(const struct tram__page *p, const struct tram__input *comparison) {
    FILE *o = p->out;
    const json_t *j = comparison->json;
    const char *verdict = tram__json_text_at(j, "verdict");
    size_t cases = tram__comparison_count(j), missing = json_array_size(json_object_get(j, "missing")),
           added = json_array_size(json_object_get(j, "new"));
    tram__html(o, verdict);
    if (strcmp(verdict, "ENVIRONMENT") == 0)
        fprintf(o, ": base and head cannot be compared, %zu case%s", cases, cases == 1 ? "" : "s");
    else {
        fprintf(o, ": of %zu case%s, head against base", cases, cases == 1 ? "" : "s");
        put_counts(o, j);
    }
    if (missing)
        fprintf(o, "; %zu missing in the head", missing);
    if (added)
        fprintf(o, "; %zu new in the head", added);
    if (json_is_false(json_object_get(j, "gates")))
        fputs("; it cannot gate", o);
    fputc('.', o);
}

/* What is to be known beside the cases, the gravest first. */
static void put_lines(FILE *o, const json_t *comparison) {
    static const char *const lines[][2] = {{"environment", "environment"}, {"missing", "missing in the head"},
                                           {"refusals", "not gated"},      {"advice", "advice only"},
                                           {"new", "new in the head"},     {"notes", "note"}};
    bool begun = false;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        const json_t *all = json_object_get(comparison, lines[i][0]);
        for (size_t k = 0; k < json_array_size(all); k++) {
            fprintf(o, "%s<li><b>%s</b>: ", begun ? "" : "<ul>\n", lines[i][1]);
            tram__html(o, item(all, k));
            fputs("</li>\n", o);
            begun = true;
        }
    }
    if (begun)
        fputs("</ul>\n", o);
}

static const char *ratio_text(double ratio, char *out) {
    if (isnan(ratio))
        snprintf(out, TRAM__CELL, "-");
    else
        snprintf(out, TRAM__CELL, ratio < 1000 ? "%.3f" : "%.4g", ratio);
    return out;
}

/* Counters are exact: where one differs, that is part of the verdict. */
static void put_changes(FILE *o, const struct tram__comparison_case *c) {
    for (size_t i = 0; i < json_array_size(c->changes); i++) {
        const json_t *one = json_array_get(c->changes, i);
        double base = tram__json_number(one, "base"), head = tram__json_number(one, "head"),
               above = tram__json_number(one, "rows_above"), rows = tram__json_number(one, "rows");
        fputs("<br><span class=\"soft\">", o);
        tram__html(o, tram__json_text_at(one, "name"));
        if (isnan(base) || isnan(head))
            fprintf(o, ": counted in the %s only", isnan(base) ? "head" : "base");
        else if (isnan(above) || isnan(rows))
            fprintf(o, ": %.10g, and %.10g in the head", base, head);
        else
            fprintf(o, ": %.10g, and %.10g in %.10g of %.10g rows of the head", base, head, above, rows);
        fputs("</span>", o);
    }
}

static void put_case(FILE *o, const struct tram__comparison_case *c, double delta) {
    char ratio[TRAM__CELL], low[TRAM__CELL], high[TRAM__CELL];
    fputs("<tr><th scope=\"row\">", o);
    tram__html(o, c->name);
    put_changes(o, c);
    if (c->delta > delta)
        fprintf(o, "<br><span class=\"soft\">up to %.3g %% is no change here: twice the timer’s step</span>",
                100 * c->delta);
    fprintf(o, "</th><td class=\"n\">%s</td><td class=\"n\">", ratio_text(c->ratio, ratio));
    if (isnan(c->low))
        fputc('-', o);
    else
        fprintf(o, "%s to %s", ratio_text(c->low, low), ratio_text(c->high, high));
    fputs("</td><td>", o);
    tram__html(o, c->verdict);
    fputs("</td></tr>\n", o);
}

void tram__page_comparison(const struct tram__page *p, unsigned input) {
    const struct tram__input *in = &p->inputs[input];
    FILE *o = p->out;
    char why[TRAM__WHY];
    struct tram__comparison_case c;
    size_t count = tram__comparison_count(in->json);
    double delta = tram__comparison_delta(in->json);
    fprintf(o, "<section id=\"c%u\"><h2>Comparison: ", input);
    tram__html(o, tram__json_text_at(in->json, "verdict"));
    fputs("</h2>\n<p>", o);
    tram__page_verdicts(p, in);
    fputs(" <span class=\"soft\">", o);
    tram__html(o, in->shown);
    fputs("</span></p>\n", o);
    put_lines(o, in->json);
    tram__page_figures(p, NULL, in);
    if (count)
        fputs("<div class=\"scroll\"><table><thead><tr><th>case</th><th class=\"n\">head over base</th><th "
              "class=\"n\">interval</th><th>verdict</th></tr></thead><tbody>\n",
              o);
    for (size_t i = 0; i < count; i++)
        if (!tram__comparison_case(in->json, i, &c, why, sizeof why))
            put_case(o, &c, delta);
    if (count)
        fputs("</tbody></table></div>", o);
    fputs("</section>\n", o);
}
