/* SPDX-License-Identifier: Apache-2.0 */
#include "plots/page.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "plots/svg.h"

static void put_head(const struct tram__page *p) {
    FILE *o = p->out;
    const char *separator = ": ";
    char name[TRAM__TITLE];
    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>Tramline report",
          o);
    for (uint32_t i = 0; i < p->sets->count && i < 6; i++) {
        fputs(separator, o);
        tram__html(o, tram__set_name(&p->sets->at[i], name, sizeof name));
        separator = "; ";
    }
    fputs("</title>\n", o);
    tram__page_style(o);
    fputs("</head>\n<body>\n", o);
}

/* "2026-01-02", or "2026-01-02 to 2026-01-05": a day as it stands is also its order. */
static void put_days(const struct tram__page *p) {
    char first[16] = "", last[16] = "";
    for (unsigned i = 0; i < p->input_count; i++) {
        char day[16];
        snprintf(day, sizeof day, "%.10s", tram__json_text_at(p->inputs[i].json, "context/run/start_utc"));
        if (!*day)
            continue;
        if (!*first || strcmp(day, first) < 0)
            memcpy(first, day, sizeof first);
        if (strcmp(day, last) > 0)
            memcpy(last, day, sizeof last);
    }
    tram__html(p->out, first);
    if (strcmp(first, last) != 0) {
        fputs(" to ", p->out);
        tram__html(p->out, last);
    }
}

/* The machines and the days of the results, in one line. */
static void put_kicker(const struct tram__page *p) {
    FILE *o = p->out;
    const struct tram__input **machines = tram__needed(malloc((p->input_count + 1) * sizeof *machines));
    unsigned count = tram__page_machines(p, machines);
    fputs("<p class=\"kicker\">Tramline report", o);
    if (count > 1)
        fprintf(o, " · %u machines", count);
    for (unsigned i = 0; i < count; i++) {
        fputs(i ? "; " : count > 1 ? ": " : " · ", o);
        tram__html(o, tram__json_text_at(machines[i]->json, "context/machine/cpu_model"));
        double cpus = tram__json_number(machines[i]->json, "context/num_cpus");
        if (isnan(cpus))
            fputs(", an unknown number of CPUs", o);
        else
            fprintf(o, ", %.0f CPU%s", cpus, cpus == 1 ? "" : "s");
    }
    if (count) {
        fputs(" · ", o);
        put_days(p);
    }
    fputs("</p>\n", o);
    free(machines);
}

static void put_links(const struct tram__page *p) {
    FILE *o = p->out;
    char name[TRAM__TITLE];
    fputs("<nav aria-label=\"Sections\">", o);
    for (uint32_t i = 0; i < p->sets->count; i++) {
        fprintf(o, "<a href=\"#s%u\">", i);
        tram__html(o, tram__set_name(&p->sets->at[i], name, sizeof name));
        fputs("</a> ", o);
    }
    for (unsigned i = 0; i < p->input_count; i++)
        if (p->inputs[i].kind == TRAM__INPUT_COMPARISON) {
            fprintf(o, "<a href=\"#c%u\">", i);
            tram__html(o, p->inputs[i].shown);
            fputs("</a> ", o);
        }
    if (p->sets->count)
        fputs("<a href=\"#floors\">floors</a> <a href=\"#environment\">environment</a> <a "
              "href=\"#runs\">noise</a> ",
              o);
    if (p->trace_count)
        fputs("<a href=\"#traces\">traces</a> ", o);
    fputs("<a href=\"#reading\">how to read it</a></nav>\n", o);
}

/* ---- figures ---- */

static void put_figure(const struct tram__page *p, uint32_t number) {
    const struct tram__figure *f = &p->figures->at[number];
    FILE *o = p->out;
    fputs("<figure>\n<h3>", o);
    tram__html(o, f->title);
    fputs("</h3><p class=\"soft\">", o);
    tram__html(o, f->subtitle);
    fputs("</p>\n", o);
    bool drawn = false;
    if (f->drawn) {
        fputs("<div class=\"scroll\">", o);
        drawn = tram__svg_inline(o, f, p->folder, number);
        fputs("</div>\n", o);
    }
    if (!drawn)
        fputs("<p class=\"soft\">No picture: gnuplot did not draw it. What it would show is below.</p>\n", o);
    fputs("<figcaption>", o);
    tram__html(o, f->words);
    fprintf(o, "</figcaption>\n<details%s><summary>Data</summary><pre>", drawn ? "" : " open");
    tram__html(o, f->table);
    fputs("</pre></details>\n</figure>\n", o);
}

void tram__page_figures(const struct tram__page *p, const struct tram__set *set,
                        const struct tram__input *in) {
    for (uint32_t i = 0; i < p->figures->count; i++)
        if (set ? p->figures->at[i].set == set : !p->figures->at[i].set && p->figures->at[i].input == in)
            put_figure(p, i);
}

static void put_set(const struct tram__page *p, uint32_t i) {
    char name[TRAM__TITLE];
    const struct tram__set *s = &p->sets->at[i];
    fprintf(p->out, "<section id=\"s%u\"><h2>", i);
    tram__html(p->out, tram__set_name(s, name, sizeof name));
    fputs("</h2>\n", p->out);
    tram__page_set_words(p, i);
    tram__page_figures(p, s, NULL);
    tram__page_set_table(p, i);
    fputs("</section>\n", p->out);
}

/* ---- other inputs ---- */

static void put_trace_summary(const struct tram__page *p, const struct tram__input *in) {
    char a[TRAM__CELL], b[TRAM__CELL];
    double traced = tram__json_number(in->json, "p50_traced_ns");
    double without = tram__json_number(in->json, "p50_untraced_ns");
    fputs("<section><h2>A traced run</h2>\n<p>", p->out);
    tram__html(p->out, in->shown);
    fprintf(p->out, ": p50 %s traced, %s without.</p>\n", tram__print_ns(traced, a),
            tram__print_ns(without, b));
    tram__page_figures(p, NULL, in);
    fputs("</section>\n", p->out);
}

static void put_traces(const struct tram__page *p) {
    FILE *o = p->out;
    if (!p->trace_count)
        return;
    fputs("<section id=\"traces\"><h2>Traces</h2>\n<p>For ui.perfetto.dev, or <code>tram-trace "
          "summary</code>.</p>\n<ul>\n",
          o);
    for (unsigned i = 0; i < p->trace_count; i++) {
        fprintf(o, "<li><a href=\"%s\">", p->traces[i].link);
        tram__html(o, tram__base_name(p->traces[i].path));
        fputs("</a></li>\n", o);
    }
    fputs("</ul></section>\n", o);
}

/* What p50 is depends on how a set was timed: what is here is told. */
static void put_times(const struct tram__page *p) {
    bool open = false, batches = false, single = false, deep = false;
    for (uint32_t i = 0; i < p->sets->count; i++) {
        const struct tram__set *s = &p->sets->at[i];
        bool one = s->value_count[TRAM__AXIS_INFLIGHT] && s->values[TRAM__AXIS_INFLIGHT][0] == 1;
        open |= s->open;
        single |= !s->open && s->loan && one;
        batches |= !s->open && !s->loan && one;
        deep |= !s->open && (s->value_count[TRAM__AXIS_INFLIGHT] > 1 || !one);
    }
    if (!p->sets->count)
        return;
    fputs("<dt>p50 and the tail</dt><dd>", p->out);
    if (batches)
        fputs("p50 is the median of batches, the service time of a closed loop. ", p->out);
    if (single)
        fprintf(p->out, "%s, p50 is the service time of a closed loop, timed singly. ",
                batches ? "By loan, with nothing copied" : "Here, by loan");
    if (deep)
        fputs("With more than one in flight p50 is from submission to result, timed singly. ", p->out);
    if (open)
        fprintf(p->out, "%s p50 is from when an execution was due to its result, timed singly. ",
                batches || single || deep ? "In an open loop (a rate)" : "In an open loop, as here,");
    fputs("Percentiles of the tail are timed singly, with the timer’s own cost in them.</dd>\n", p->out);
}

void tram__page_reading(const struct tram__page *p) {
    fputs("<section id=\"reading\"><h2>How to read it</h2>\n<dl>\n"
          "<dt>limit</dt><dd>The bare pattern by processes on the same CPUs: raw flags and copies, no "
          "runtime. The best of "
          "the candidates that were tried.</dd>\n"
          "<dt>compiled</dt><dd>The graph of actor tasks, compiled once into schedules and preallocated "
          "channels.</dd>\n"
          "<dt>eager</dt><dd>The same tasks called one by one over sockets; results go from actor to "
          "actor.</dd>\n"
          "<dt>eager-shm</dt><dd>The same calls over mailboxes in shared memory: what is left is the "
          "per-call "
          "work.</dd>\n"
          "<dt>graph-eager</dt><dd>The graph run uncompiled: a call for each task.</dd>\n"
          "<dt>of limit, vs eager</dt><dd>Time over the limit’s, 1 at best; and the fastest eager mode’s "
          "time over this "
          "one’s, above 1 where this one is faster. Both compare figures of one run only.</dd>\n",
          p->out);
    put_times(p);
    fputs("<dt>repetitions and intervals</dt><dd>Each repetition runs in fresh processes, modes in random "
          "order, and counts "
          "as one sample. An interval is of the median over paired repetitions, by order statistics; how "
          "surely it covers "
          "stands beside it.</dd>\n</dl></section>\n",
          p->out);
}

void tram__page_write(const struct tram__page *p) {
    put_head(p);
    fputs("<header>\n", p->out);
    put_kicker(p);
    tram__page_summary(p);
    put_links(p);
    fputs("</header>\n<main>\n", p->out);
    for (uint32_t i = 0; i < p->sets->count; i++)
        put_set(p, i);
    for (unsigned i = 0; i < p->input_count; i++)
        if (p->inputs[i].kind == TRAM__INPUT_COMPARISON)
            tram__page_comparison(p, i);
        else if (p->inputs[i].kind == TRAM__INPUT_SUMMARY)
            put_trace_summary(p, &p->inputs[i]);
    tram__page_floors(p);
    tram__page_environment(p);
    tram__page_runs(p);
    put_traces(p);
    tram__page_reading(p);
    fputs("</main>\n</body>\n</html>\n", p->out);
}
