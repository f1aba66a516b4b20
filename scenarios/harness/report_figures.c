/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/report_figures.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "results/statistics.h"

struct tram_trial *tram_run_trial(const struct tram_run *r, size_t point, int mode, uint64_t repetition) {
    return &r->trials[(point * TRAM_MODES + (size_t)mode) * r->settings->repetitions + repetition];
}

uint64_t tram_run_measured(const struct tram_run *r, size_t point, int mode) {
    uint64_t count = 0;
    for (uint64_t i = 0; r->settings->modes[mode] && i < r->settings->repetitions; i++)
        count += tram_run_trial(r, point, mode, i)->ok;
    return count;
}

const struct tram_trial *tram_run_failed(const struct tram_run *r, size_t point, int mode) {
    for (uint64_t i = 0; r->settings->modes[mode] && i < r->settings->repetitions; i++) {
        const struct tram_trial *t = tram_run_trial(r, point, mode, i);
        if (!t->ok && t->why[0])
            return t;
    }
    return NULL;
}

/* At most TRAM_MAX_PARTS sizes of at most TRAM_MAX_SIZE: they fit. */
const char *tram_print_parts(const struct tram_layout *l, char *out) {
    for (size_t i = 0, used = 0; i < l->count; i++)
        used += (size_t)snprintf(out + used, TRAM_PARTS_TEXT - used, "%s%zu", i ? "," : "", l->size[i]);
    return out;
}

void tram_case_name(const struct tram_run *r, size_t point, int mode, char *out, size_t out_size) {
    const struct tram_point *p = &r->settings->points[point];
    char parts[TRAM_PARTS_TEXT];
    bool several = r->scenario->parts != NULL;
    const struct tram_settings *s = r->settings;
    int used = snprintf(out, out_size, "%s/mode:%s/size:%zu%s%s/%s:%u/inflight:%u%s%s", r->scenario->name,
                        tram_mode_names[mode], tram_point_bytes(p), several ? "/parts:" : "",
                        several ? tram_print_parts(&p->input, parts) : "", tram_actors_word(s),
                        tram_actors_shown(p), p->inflight, s->loan ? "/loan:1" : "",
                        s->main_thread && mode == TRAM_MODE_COMPILED ? "/thread:main" : "");
    if (s->rate && used > 0 && (size_t)used < out_size)
        used += snprintf(out + used, out_size - (size_t)used, "/rate:%llu", (unsigned long long)s->rate);
    if (p->tensor && used > 0 && (size_t)used < out_size)
        snprintf(out + used, out_size - (size_t)used, "/device:%s/transport:%s%s", s->device, s->how,
                 s->check ? "/check:1" : "");
}

/* ---- numbers as text ---- */

const char *tram_print_ns(double ns, char *out) {
    if (isnan(ns))
        snprintf(out, TRAM_CELL, "-");
    else if (ns < 999.5)
        snprintf(out, TRAM_CELL, "%.0f ns", ns);
    else if (ns < 999.5e3)
        snprintf(out, TRAM_CELL, ns < 9.995e3 ? "%.2f us" : ns < 99.95e3 ? "%.1f us" : "%.0f us", ns / 1e3);
    else
        snprintf(out, TRAM_CELL, ns < 9.995e6 ? "%.2f ms" : ns < 99.95e6 ? "%.1f ms" : "%.0f ms", ns / 1e6);
    return out;
}

const char *tram_print_rate(double per_s, char *out) {
    double v = per_s < 999.5 ? per_s : per_s < 999.5e3 ? per_s / 1e3 : per_s / 1e6;
    const char *unit = per_s < 999.5 ? "/s" : per_s < 999.5e3 ? "k/s" : "M/s";
    if (isnan(per_s))
        snprintf(out, TRAM_CELL, "-");
    else
        snprintf(out, TRAM_CELL,
                 v < 0.995   ? "%.3g%s"
                 : v < 9.995 ? "%.2f%s"
                 : v < 99.95 ? "%.1f%s"
                             : "%.0f%s",
                 v, unit);
    return out;
}

const char *tram_print_percent(double share, char *out) {
    snprintf(out, TRAM_CELL, 100 * share < 9.95 ? "%.2g%%" : "%.0f%%", 100 * share);
    return out;
}

const char *tram_print_count(double count, char *out) {
    snprintf(out, TRAM_CELL, count < 999.5 ? "%.3g" : "%.0f", count);
    return out;
}

const char *tram_print_ratio(double ratio, char *out) {
    if (isnan(ratio))
        snprintf(out, TRAM_CELL, "-");
    else
        snprintf(out, TRAM_CELL, ratio < 9.995 ? "%.2f x" : ratio < 99.95 ? "%.1f x" : "%.0f x", ratio);
    return out;
}

/* ---- figures over the repetitions ---- */

static double field(const struct tram_trial *t, size_t offset) {
    double v;
    memcpy(&v, (const char *)t + offset, sizeof v);
    return v;
}

/* of_all: NaN unless every repetition has the figure. */
static double median_of(const struct tram_run *r, size_t point, int mode, size_t offset, bool of_all) {
    uint64_t n = r->settings->repetitions;
    double *v = malloc(n * sizeof *v), median = NAN;
    size_t have = 0;
    for (uint64_t i = 0; v && r->settings->modes[mode] && i < n; i++) {
        const struct tram_trial *t = tram_run_trial(r, point, mode, i);
        double one = field(t, offset);
        if (t->ok && !isnan(one))
            v[have++] = one;
    }
    if (have && (!of_all || have == tram_run_measured(r, point, mode)))
        median = tram_median(v, have);
    free(v);
    return median;
}

double tram_figure(const struct tram_run *r, size_t point, int mode, size_t offset) {
    return median_of(r, point, mode, offset, false);
}

double tram_tail(const struct tram_run *r, size_t point, int mode) {
    if (tram_fell_behind(r, point, mode))
        return NAN;
    return median_of(r, point, mode, offsetof(struct tram_trial, p99_ns), true);
}

bool tram_disturbed(double ns, double floor_ns) {
    return 2 * ns < floor_ns;
}

uint64_t tram_times_behind(const struct tram_run *r, size_t point, int mode) {
    uint64_t count = 0;
    for (uint64_t i = 0; r->settings->rate && i < r->settings->repetitions; i++) {
        const struct tram_trial *t = tram_run_trial(r, point, mode, i);
        count += t->ok && t->fell_behind;
    }
    return count;
}

bool tram_fell_behind(const struct tram_run *r, size_t point, int mode) {
    return 2 * tram_times_behind(r, point, mode) > tram_run_measured(r, point, mode);
}

bool tram_unsteady(const struct tram_run *r, size_t point, int mode) {
    uint64_t count = 0;
    for (uint64_t i = 0; i < r->settings->repetitions; i++) {
        const struct tram_trial *t = tram_run_trial(r, point, mode, i);
        count += t->ok && !t->steady;
    }
    return 2 * count > tram_run_measured(r, point, mode) && !tram_fell_behind(r, point, mode);
}

double tram_slower(const struct tram_run *r, size_t point, int mode, int base) {
    if (tram_fell_behind(r, point, mode) || tram_fell_behind(r, point, base))
        return NAN;
    if (r->settings->points[point].inflight > 1 && !r->settings->rate)
        return TRAM_FIGURE(r, point, base, execs_per_s) / TRAM_FIGURE(r, point, mode, execs_per_s);
    return TRAM_FIGURE(r, point, mode, p50_ns) / TRAM_FIGURE(r, point, base, p50_ns);
}

/* The ways to dispatch per call: a speed-up is told against the fastest of them. */
static const enum tram_mode eager_modes[] = {TRAM_MODE_EAGER_SHM, TRAM_MODE_EAGER, TRAM_MODE_GRAPH_EAGER};
enum { EAGER_MODES = sizeof eager_modes / sizeof eager_modes[0] };

double tram_gain_over_eager(const struct tram_run *r, size_t point, int mode) {
    double least = NAN;
    for (size_t i = 0; i < EAGER_MODES; i++)
        least = fmin(least, tram_slower(r, point, eager_modes[i], mode)); /* passes over NaN */
    return least;
}

unsigned tram_eager_modes(const struct tram_run *r) {
    unsigned count = 0;
    for (size_t i = 0; i < EAGER_MODES; i++)
        count += r->settings->modes[eager_modes[i]];
    return count;
}
