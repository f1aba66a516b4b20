/* SPDX-License-Identifier: Apache-2.0
 *
 * The table for people, in 120 columns, and the same in Markdown.
 */
#include "results/compare_write.h"

#include <math.h>
#include <string.h>

#include "results/plain.h"

enum { WIDTH = 118, NAME = 52 };

/* Words of a text in lines of the table's width; what a file or its name has in it does not steer the terminal. */
static void wrap(FILE *f, char *text, const char *indent) {
    size_t used = 0;
    tram__plain(text);
    for (const char *p = text; *p;) {
        size_t n = strcspn(p, " ");
        for (n = n < WIDTH - 4 ? n : WIDTH - 4; (p[n] & 0xc0) == 0x80;)
            n--; /* never within a character */
        if (used && used + 1 + n > WIDTH) {
            fprintf(f, "\n%s", indent);
            used = strlen(indent);
            fprintf(f, "%.*s", (int)n, p);
        } else {
            fprintf(f, "%s%.*s", used ? " " : "", (int)n, p);
            used += used != 0;
        }
        used += n;
        p += n;
        p += strspn(p, " ");
    }
    fputc('\n', f);
}

static void print_lines(FILE *f, const char *what, const struct tram_lines *l) {
    char text[TRAM__LINE];
    for (size_t i = 0; i < l->count; i++) {
        snprintf(text, sizeof text, "%s: %s", what, l->at[i]);
        wrap(f, text, "  ");
    }
}

static void print_arm(FILE *f, const char *what, const struct tram_result_set *s) {
    const struct tram_result_file *file = &s->files[0];
    const char *version = json_string_value(tram_result_context(file, "tool.version")),
               *commit = json_string_value(tram_result_context(file, "tool.git_commit"));
    char text[TRAM__LINE];
    snprintf(text, sizeof text, "%s: %s, %zu file%s, tramline %.20s%s%.12s%s", what, s->path, s->file_count,
             s->file_count == 1 ? "" : "s", version ? version : "?", commit ? " " : "", commit ? commit : "",
             json_is_true(tram_result_context(file, "tool.git_dirty")) ? " with changes" : "");
    wrap(f, text, "  ");
}

static int name_width(const struct tram_comparison *c) {
    size_t most = 4;
    for (size_t i = 0; i < c->arms.case_count; i++)
        most = fmax(most, strlen(c->arms.cases[i].name));
    return (int)(most < NAME ? most : NAME);
}

/* On a line of its own where it is longer. */
static void print_name(FILE *f, const struct tram_case *k, int width) {
    if (strlen(k->name) > (size_t)width)
        fprintf(f, "%s\n%*s", k->name, width, "");
    else
        fprintf(f, "%-*s", width, k->name);
}

static void print_case(FILE *f, const struct tram_case *k, double delta, int width) {
    const struct tram_decision *d = &k->time;
    char base[24], head[24], ratio[24], interval[64], sd[24], sees[24], text[TRAM__LINE];
    print_name(f, k, width);
    fprintf(f, " %8s %8s %6s  %-14s %6s %6s  %s\n", tram__time_text(k->base_ns, base, sizeof base),
            tram__time_text(k->head_ns, head, sizeof head), tram__ratio_text(d->ratio, ratio, sizeof ratio),
            tram__interval_text(d->low, d->high, interval, sizeof interval),
            tram__percent_text(d->sd, sd, sizeof sd), tram__ratio_text(d->sees, sees, sizeof sees),
            tram_verdict_text(k->verdict));
    for (unsigned i = 0; i < k->change_count; i++)
        fprintf(f, "    %s\n", tram__change_text(&k->changes[i], text, sizeof text));
    if (d->delta > delta)
        fprintf(f, "    delta is %s here: twice the timer's step\n",
                tram__percent_text(d->delta, sd, sizeof sd));
}

static void print_p99(FILE *f, const struct tram_arms *a, int width) {
    char ratio[24], interval[64];
    bool any = false;
    for (size_t i = 0; i < a->case_count; i++) {
        const struct tram_case *k = &a->cases[i];
        if (!k->p99_count)
            continue;
        if (!any)
            fprintf(f, "\np99, advisory: head over base, of no verdict\n");
        any = true;
        print_name(f, k, width);
        fprintf(f, " %24s  %s\n", tram__ratio_text(k->p99.value, ratio, sizeof ratio),
                tram__interval_text(k->p99.low, k->p99.high, interval, sizeof interval));
    }
}

/* Three digits, and no power of ten. */
static const char *plain_number(double v, char *out, size_t size) {
    snprintf(out, size, fabs(v) < 999.5 ? "%.3g" : "%.0f", v);
    return out;
}

static void print_load(FILE *f, const struct tram_arms *a) {
    char base[24], head[24];
    for (size_t i = 0; i < TRAM_LOADS; i++) {
        const struct tram_load *l = &a->load[i];
        if (isfinite(l->base) && isfinite(l->head))
            fprintf(f, "%s%s: %s in the base, %s in the head, %s to be off by more than %s%g\n", l->name,
                    l->crowded ? ", crowded" : "", plain_number(l->base, base, sizeof base),
                    plain_number(l->head, head, sizeof head), l->flagged ? "shown" : "not shown",
                    l->crowded ? "factor " : "", l->margin);
    }
}

/* OK is shown by a test; AMBIGUOUS says nothing. */
static void print_again(FILE *f, const struct tram_comparison *c) {
    char delta[24];
    size_t shown = 0;
    for (size_t i = 0; i < c->again.case_count; i++)
        shown += c->again.cases[i].time.verdict == TRAM_VERDICT_OK;
    fprintf(
        f,
        "the base against its copy: the copy is shown to be at most delta (%s) slower in %zu of %zu cases\n",
        tram__percent_text(c->options.delta, delta, sizeof delta), shown, c->again.case_count);
}

int tram_comparison_table(const struct tram_comparison *c, FILE *f) {
    const struct tram_arms *a = &c->arms;
    char text[TRAM__LINE];
    int width = name_width(c);
    print_arm(f, "base", a->base);
    print_arm(f, "head", a->head);
    if (c->again.head)
        print_arm(f, "copy of the base", c->again.head);
    if (a->paired)
        fprintf(f, "%zu blocks\n", a->blocks);
    if (a->case_count)
        fprintf(f, "\n%-*s %8s %8s %6s  %-14s %6s %6s  verdict\n", width, "case", "base", "head", "ratio",
                "interval", "sd", "sees");
    for (size_t i = 0; i < a->case_count; i++)
        print_case(f, &a->cases[i], c->options.delta, width);
    print_p99(f, a, width);
    fputc('\n', f);
    for (size_t i = 0; i < a->missing_count; i++)
        fprintf(f, "missing in the head: %s\n", a->missing[i]);
    for (size_t i = 0; i < a->added_count; i++)
        fprintf(f, "new in the head: %s\n", a->added[i]);
    if (a->case_count) {
        wrap(f, tram__legend_text(c, text, sizeof text), "  ");
        wrap(f, tram__sensitivity_text(c, text, sizeof text), "  ");
    }
    print_load(f, a);
    if (c->again.head && !c->environment.count)
        print_again(f, c);
    print_lines(f, "note", &c->notes);
    print_lines(f, "advice only", &c->advice);
    print_lines(f, "not gated", &c->refusals);
    print_lines(f, "environment", &c->environment);
    fprintf(f, "%s\n", tram__summary_text(c, text, sizeof text));
    return 0;
}

/* ---- Markdown ---- */

/* What would be markup is escaped. */
static void put_plain(FILE *f, const char *text) {
    for (; *text; text++) {
        if (strchr("\\`*_{}[]<>#|~", *text))
            fputc('\\', f);
        fputc(*text, f);
    }
}

static void put_items(FILE *f, const char *what, char *const *lines, size_t count) {
    for (size_t i = 0; i < count; i++) {
        fprintf(f, "- **%s**: ", what);
        put_plain(f, lines[i]);
        fputc('\n', f);
    }
}

static void put_row(FILE *f, const struct tram_case *k) {
    const struct tram_decision *d = &k->time;
    const char *mark = k->verdict == TRAM_VERDICT_REGRESSED ? "**" : "";
    char base[24], head[24], ratio[24], interval[64], sd[24], sees[24], text[TRAM__LINE];
    fputs("| ", f);
    put_plain(f, k->name);
    fprintf(f, " | %s | %s | %s | %s | %s | %s | ", tram__time_text(k->base_ns, base, sizeof base),
            tram__time_text(k->head_ns, head, sizeof head), tram__ratio_text(d->ratio, ratio, sizeof ratio),
            tram__interval_text(d->low, d->high, interval, sizeof interval),
            tram__percent_text(d->sd, sd, sizeof sd), tram__ratio_text(d->sees, sees, sizeof sees));
    if (k->p99_count)
        fprintf(f, "%s, %s", tram__ratio_text(k->p99.value, ratio, sizeof ratio),
                tram__interval_text(k->p99.low, k->p99.high, interval, sizeof interval));
    fprintf(f, " | %s%s%s", mark, tram_verdict_text(k->verdict), mark);
    for (unsigned i = 0; i < k->change_count; i++) {
        fputs("; ", f);
        put_plain(f, tram__change_text(&k->changes[i], text, sizeof text));
    }
    fputs(" |\n", f);
}

int tram_comparison_markdown(const struct tram_comparison *c, FILE *f) {
    const struct tram_arms *a = &c->arms;
    char text[TRAM__LINE];
    fprintf(f, "### %s\n\n", tram__summary_text(c, text, sizeof text));
    put_items(f, "environment", c->environment.at, c->environment.count);
    put_items(f, "missing in the head", (char *const *)a->missing, a->missing_count);
    put_items(f, "not gated", c->refusals.at, c->refusals.count);
    put_items(f, "advice only", c->advice.at, c->advice.count);
    put_items(f, "new in the head", (char *const *)a->added, a->added_count);
    put_items(f, "note", c->notes.at, c->notes.count);
    if (!a->case_count)
        return 0;
    fputs("\n| case | base | head | ratio | interval | sd | sees | p99, advisory | verdict |\n"
          "|---|--:|--:|--:|:--|--:|--:|:--|:--|\n",
          f);
    for (size_t i = 0; i < a->case_count; i++)
        put_row(f, &a->cases[i]);
    fputc('\n', f);
    if (a->paired)
        fprintf(f, "%zu blocks. ", a->blocks);
    put_plain(f, tram__legend_text(c, text, sizeof text));
    fputc(' ', f);
    put_plain(f, tram__sensitivity_text(c, text, sizeof text));
    fputc('\n', f);
    return 0;
}
