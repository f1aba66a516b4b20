/* SPDX-License-Identifier: Apache-2.0
 *
 * Overlap, by the formula of the OSU micro-benchmarks: of communication that takes `comm` alone, beside computing
 * that takes `compute` alone, when both together take `total`, max(0, 100 - (total - compute) / comm * 100) per
 * cent are hidden.
 *
 * Result files have it of scenarios that measure all three. The summary of a trace has it of each graph:
 * communication there is the sum over the edges, each from the beginning of its write to the end of its read, so
 * what is hidden may lie behind computing or behind other communication.
 */
#include "plots/figure.h"

#include <math.h>

struct bar {
    double compute, comm, total;
};

static double hidden_percent(const struct bar *b) {
    return fmin(fmax(0, 100 - (b->total - b->compute) / b->comm * 100), 100);
}

static void put_row(struct tram__draw *d, unsigned row, const char *name, const struct bar *b) {
    double hidden = hidden_percent(b), whole = b->compute + b->comm, compute = 100 * b->compute / whole;
    double seen = compute + (100 - compute) * (1 - hidden / 100);
    if (!row)
        fprintf(d->table.f,
                "row\tcase\tcompute_ns\tcomm_ns\ttotal_ns\toverlap_percent\tcompute_to\texposed_to\n");
    fprintf(d->table.f, "%u\t%s\t%.6g\t%.6g\t%.6g\t%.4g\t%.4g\t%.4g\n", row, name, b->compute, b->comm,
            b->total, hidden, compute, seen);
    fprintf(d->script.f,
            "set ytics add ('%s' %u)\nset label '%.0f per cent hidden' at graph 1, first %u left offset "
            "0.7,0 font "
            "',12' textcolor rgb '#606060'\n",
            name, row, hidden, row);
}

static void begin(struct tram__draw *d, struct tram__figures *all, const struct tram__set *s,
                  const char *suffix, const char *title, unsigned rows) {
    tram__draw_begin(d, all, TRAM__KIND_OVERLAP, s, suffix);
    d->figure.height = 160 + 30 * rows;
    snprintf(d->figure.title, sizeof d->figure.title, "Overlap: %s", title);
    snprintf(d->figure.subtitle, sizeof d->figure.subtitle,
             "computing, and what of the communication was exposed and hidden");
    tram__draw_script(d, "share of both alone, per cent", 3);
    fprintf(d->script.f,
            "set style fill solid 0.85 border rgb 'white'\nset grid noytics xtics back\nset xrange [0:100]\n"
            "set yrange [%g:-0.6]\nset ytics ()\nunset border\nset tics scale 0\nset rmargin 18\nset key "
            "width 1\n",
            rows - 0.4);
}

static void end(struct tram__draw *d, const char *more) {
    const char *file = d->figure.name;
    fprintf(d->script.f,
            "plot '%s.tsv' using 7:1:(0):7:($1-0.36):($1+0.36) with boxxyerror lc 6 title 'computing', \\\n"
            "  '%s.tsv' using 8:1:7:8:($1-0.36):($1+0.36) with boxxyerror lc 7 title "
            "'exposed', \\\n"
            "  '%s.tsv' using 8:1:8:(100):($1-0.36):($1+0.36) with boxxyerror lc 3 title 'hidden'\n",
            file, file, file);
    fprintf(
        d->words.f,
        "A bar is computing and communication one after the other; what was hidden is the part of "
        "communication "
        "that running them together saved: max(0, 100 − (total − compute) / communication × 100) per cent.%s",
        more);
    tram__draw_end(d);
}

/* ---- result files ---- */

static bool bar_of(const struct tram__cell *c, struct bar *out) {
    *out = (struct bar){TRAM__RANGE(c, compute_ns).mid, TRAM__RANGE(c, comm_ns).mid,
                        TRAM__RANGE(c, total_ns).mid};
    return !isnan(out->compute + out->comm + out->total);
}

void tram__make_overlap(struct tram__figures *all, const struct tram__set *s) {
    enum { MAX_BARS = 24 };
    struct tram__draw d;
    struct bar b;
    char name[TRAM__TITLE], point[TRAM__TITLE], mode[TRAM__NAME], title[TRAM__TITLE];
    unsigned rows = 0, row = 0;
    for (uint32_t i = 0; i < s->cell_count && rows < MAX_BARS; i++)
        rows += bar_of(&s->cells[i], &b);
    if (!rows)
        return;
    begin(&d, all, s, "", tram__set_name(s, title, sizeof title), rows);
    for (uint32_t i = 0; i < s->cell_count && row < rows; i++)
        if (bar_of(&s->cells[i], &b)) {
            snprintf(name, sizeof name, "%.40s, %.100s",
                     tram__plot_text(s->modes[s->cells[i].mode].name, mode, sizeof mode),
                     tram__point_name(s, &s->cells[i].at, point, sizeof point));
            put_row(&d, row++, name, &b);
        }
    end(&d, "");
}

/* ---- summaries of traces ---- */

static bool graph_bar(const json_t *graph, struct bar *out) {
    double looked_at = tram__json_number(graph, "looked_at"),
           executions = tram__json_number(graph, "executions");
    double compute = tram__json_number(graph, "overlap/compute_union_ns"), comm = 0;
    const json_t *edges = json_object_get(graph, "edges");
    for (size_t i = 0; i < json_array_size(edges); i++) {
        const json_t *e = json_array_get(edges, i);
        double each = tram__json_number(e, "latency_mean_ns") * tram__json_number(e, "reads") / executions;
        comm += each > 0 ? each : 0;
    }
    *out = (struct bar){compute / looked_at, comm, tram__json_number(graph, "mean_ns")};
    return looked_at > 0 && compute >= 0 && comm > 0 && isfinite(comm) && out->total > 0;
}

void tram__make_trace_overlap(struct tram__figures *all, const struct tram__input *in) {
    enum { MAX_GRAPHS = 24 };
    const json_t *graphs = json_object_get(in->json, "graphs");
    struct tram__draw d;
    struct bar b;
    char name[TRAM__NAME];
    unsigned rows = 0, row = 0;
    for (size_t i = 0; i < json_array_size(graphs) && rows < MAX_GRAPHS; i++)
        rows += graph_bar(json_array_get(graphs, i), &b);
    if (!rows)
        return;
    begin(&d, all, NULL, "trace", "a traced run", rows);
    d.figure.input = in;
    for (size_t i = 0; i < json_array_size(graphs) && row < rows; i++)
        if (graph_bar(json_array_get(graphs, i), &b)) {
            snprintf(name, sizeof name, "graph %.0f", tram__json_number(json_array_get(graphs, i), "graph"));
            put_row(&d, row++, name, &b);
        }
    end(&d,
        " Communication is the sum over the graph’s edges, each from the beginning of its write to the end "
        "of its "
        "read; what is hidden lay behind computing or behind other communication. Traced runs are slower.");
}
