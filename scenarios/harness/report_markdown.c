/* SPDX-License-Identifier: Apache-2.0
 *
 * The table for a page or a comment: Markdown, as GitHub and others show it.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "harness/report_figures.h"
#include "results/output.h"

static void put_titles(const struct tram_settings *s, FILE *f) {
    fprintf(f, "| mode |%s%s%s size | p50 | p99 | rate | CPU/exec | x limit | vs eager |\n",
            s->show_actors ? " " : "", s->show_actors ? tram_actors_word(s) : "", s->show_actors ? " |" : "");
    fprintf(f, "|---|%s---:|---:|---:|---:|---:|---:|---:|\n", s->show_actors ? "---:|" : "");
}

static void put_row(const struct tram_run *r, size_t point, int mode, FILE *f) {
    const struct tram_settings *s = r->settings;
    const struct tram_point *at = &s->points[point];
    char bytes[32], cell[6][TRAM_CELL];
    tram__size_print(tram_point_bytes(at), bytes, sizeof bytes);
    fprintf(f, "| %s |", tram_mode_names[mode]);
    if (s->show_actors)
        fprintf(f, " %u |", tram_actors_shown(at));
    if (at->inflight > 1)
        snprintf(bytes + strlen(bytes), sizeof bytes - strlen(bytes), ", %u deep", at->inflight);
    fprintf(f, " %s | %s%s | %s | %s | %s | %s | %s |\n", bytes,
            tram_print_ns(TRAM_LATENCY(r, point, mode, p50_ns), cell[0]),
            tram_unsteady(r, point, mode) ? " \\~" : "", tram_print_ns(tram_tail(r, point, mode), cell[1]),
            tram_print_rate(TRAM_FIGURE(r, point, mode, execs_per_s), cell[2]),
            tram_print_ns(TRAM_FIGURE(r, point, mode, cpu_ns_per_exec), cell[3]),
            tram_print_ratio(tram_slower(r, point, mode, TRAM_MODE_LIMIT), cell[4]),
            tram_print_ratio(tram_gain_over_eager(r, point, mode), cell[5]));
}

int tram_report_markdown(const struct tram_run *r, const char *path, char *why, size_t why_size) {
    const struct tram_settings *s = r->settings;
    char *text = NULL, a[TRAM_CELL], b[TRAM_CELL], c[TRAM_CELL];
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (!f) {
        snprintf(why, why_size, "out of memory");
        return -1;
    }
    fprintf(f, "**%s**: %s. %s in flight%s, wait %s, %llu repetitions in fresh processes, medians.\n\n",
            r->scenario->name, r->scenario->summary, s->inflight, s->loan ? ", by loan" : "",
            tram_wait_text(s->wait), (unsigned long long)s->repetitions);
    put_titles(s, f);
    bool drifts = false;
    for (size_t point = 0; point < s->point_count; point++)
        for (int m = 0; m < TRAM_MODES; m++)
            if (s->modes[m]) {
                put_row(r, point, m, f);
                drifts |= tram_unsteady(r, point, m);
            }
    if (drifts)
        fprintf(f,
                "\n\\~ not steady: over the pass it climbed or fell by more than 5%% in most repetitions.\n");
    fputc('\n', f);
    tram_report_missed(r, f);
    tram_report_legend(r, f);
    fprintf(f, "\n%s, %u CPUs, %s. Floors in this run: cache line %s, futex %s, polled AF_UNIX %s.\n",
            r->environment.machine.cpu_model, s->placement.count, r->environment.machine.kernel,
            tram_print_ns(r->floor.cacheline_rtt_ns, a), tram_print_ns(r->floor.futex_rtt_ns, b),
            tram_print_ns(r->floor.unix_poll_rtt_ns, c));
    int status = fclose(f) == 0 ? tram__output_write(path, text, size, why, why_size) : -1;
    free(text);
    return status;
}
