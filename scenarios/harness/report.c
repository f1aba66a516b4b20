/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "results/statistics.h"

enum { CELL = 24, PARTS = 128 };

struct tram_trial *tram_run_trial(const struct tram_run *r, size_t point, int mode, uint64_t repetition) {
    return &r->trials[(point * TRAM_MODES + (size_t)mode) * r->settings->repetitions + repetition];
}

/* "1,1048576" for tools. At most TRAM_MAX_PARTS sizes of at most TRAM_MAX_SIZE: they fit. */
static const char *list_parts(const struct tram_layout *l, char out[PARTS]) {
    for (size_t i = 0, used = 0; i < l->count; i++)
        used += (size_t)snprintf(out + used, PARTS - used, "%s%zu", i ? "," : "", l->size[i]);
    return out;
}

void tram_case_name(const struct tram_run *r, size_t point, int mode, char *out, size_t out_size) {
    const struct tram_point *p = &r->settings->points[point];
    char parts[PARTS];
    bool several = r->scenario->parts != NULL;
    snprintf(out, out_size, "%s/mode:%s/size:%zu%s%s/actors:%u/inflight:%u%s", r->scenario->name,
             tram_mode_names[mode], p->input.total, several ? "/parts:" : "",
             several ? list_parts(&p->input, parts) : "", p->actors, p->inflight,
             r->settings->loan ? "/loan:1" : "");
}

/* ---- numbers as text ---- */

static const char *print_ns(double ns, char *out) {
    if (isnan(ns))
        snprintf(out, CELL, "-");
    else if (ns < 999.5)
        snprintf(out, CELL, "%.0f ns", ns);
    else if (ns < 999.5e3)
        snprintf(out, CELL, ns < 9.995e3 ? "%.2f us" : ns < 99.95e3 ? "%.1f us" : "%.0f us", ns / 1e3);
    else
        snprintf(out, CELL, ns < 9.995e6 ? "%.2f ms" : ns < 99.95e6 ? "%.1f ms" : "%.0f ms", ns / 1e6);
    return out;
}

static const char *print_rate(double per_s, char *out) {
    if (isnan(per_s))
        snprintf(out, CELL, "-");
    else if (per_s < 999.5)
        snprintf(out, CELL, "%.3g/s", per_s);
    else if (per_s < 999.5e3)
        snprintf(out, CELL, "%.3gk/s", per_s / 1e3);
    else
        snprintf(out, CELL, "%.3gM/s", per_s / 1e6);
    return out;
}

static const char *print_ratio(double ratio, char *out) {
    if (isnan(ratio))
        snprintf(out, CELL, "-");
    else
        snprintf(out, CELL, ratio < 9.995 ? "%.2f x" : ratio < 99.95 ? "%.1f x" : "%.0f x", ratio);
    return out;
}

/* ---- figures over the repetitions ---- */

static double field(const struct tram_trial *t, size_t offset) {
    double v;
    memcpy(&v, (const char *)t + offset, sizeof v);
    return v;
}

/* Median over the repetitions that have the figure; NaN when none has. */
static double over_repetitions(const struct tram_run *r, size_t point, int mode, size_t offset) {
    uint64_t n = r->settings->repetitions;
    double *v = malloc(n * sizeof *v), median = NAN;
    size_t have = 0;
    for (uint64_t i = 0; v && r->settings->modes[mode] && i < n; i++) {
        double one = field(tram_run_trial(r, point, mode, i), offset);
        if (!isnan(one))
            v[have++] = one;
    }
    if (have)
        median = tram_median(v, have);
    free(v);
    return median;
}

#define FIGURE(r, point, mode, name) over_repetitions((r), (point), (mode), offsetof(struct tram_trial, name))

/* How many times slower `mode` is than `base`: by latency, or by rate when executions overlap. */
static double slower(const struct tram_run *r, size_t point, int mode, int base) {
    if (r->settings->points[point].inflight > 1)
        return FIGURE(r, point, base, execs_per_s) / FIGURE(r, point, mode, execs_per_s);
    return FIGURE(r, point, mode, p50_ns) / FIGURE(r, point, base, p50_ns);
}

/* ---- the header ---- */

static void print_placement(const struct tram_run *r, char *out, size_t size) {
    const struct tram__cpus *p = &r->settings->placement;
    size_t used = (size_t)snprintf(out, size, "driver on CPU %d", p->cpu[0]);
    if (!r->scenario->actors) {
        snprintf(out + used, size - used, ", actor on %d", p->cpu[1 % p->count]);
        return;
    }
    used += (size_t)snprintf(out + used, size - used, ", actors in turn on ");
    for (unsigned i = 1; i <= p->count && i <= 8 && used < size; i++)
        used += (size_t)snprintf(out + used, size - used, "%s%d", i > 1 ? "," : "", p->cpu[i % p->count]);
}

static void print_parts(const struct tram_layout *l) {
    char size[32];
    for (size_t i = 0; i < l->count; i++) {
        tram__size_print(l->size[i], size, sizeof size);
        printf("%s%s", i ? ", " : "  parts of ", size);
    }
    printf("; results of %zu B\n", l->count * sizeof(struct tram_digest));
}

void tram_report_header(const struct tram_run *r) {
    static const char *const waits[] = {"auto", "block", "spin"};
    const struct tram_settings *s = r->settings;
    char placement[128];
    print_placement(r, placement, sizeof placement);
    printf("%s: %s\n", r->scenario->name, r->scenario->summary);
    printf("  %s in flight%s, wait %s, %llu repetitions in fresh processes, seed %llu\n", s->inflight,
           s->loan ? ", by loan" : "", waits[s->wait], (unsigned long long)s->repetitions,
           (unsigned long long)s->seed);
    if (r->scenario->parts)
        print_parts(&s->points[0].input);
    printf("  %s, %u of %u usable CPUs, %s\n", r->environment.machine.cpu_model, s->placement.count,
           s->placement.usable, r->environment.machine.kernel);
    printf("  %s; tramline %s%s%.12s\n\n", placement, TRAM_VERSION, tram_build()->commit ? " " : "",
           tram_build()->commit ? tram_build()->commit : "");
}

static void print_floors(const struct tram_run *r) {
    const struct tram_floor *f = &r->floor;
    char a[CELL], b[CELL], c[CELL], d[CELL], e[CELL], g[32], h[CELL];
    printf("Floors of this machine in this run (median of %llu)\n",
           (unsigned long long)r->settings->repetitions);
    printf("  round trips: cache line %s, futex %s (from idle %s), AF_UNIX %s, polled %s\n  timer %s\n",
           print_ns(f->cacheline_rtt_ns, a), print_ns(f->futex_rtt_ns, b), print_ns(f->futex_idle_rtt_ns, h),
           print_ns(f->unix_rtt_ns, c), print_ns(f->unix_poll_rtt_ns, d), print_ns(f->timer_ns, e));
    for (size_t i = 0; i < f->copies; i++) {
        if (f->copy[i].bytes < 4096)
            continue;
        tram__size_print(f->copy[i].bytes, g, sizeof g);
        printf("  copying %s: %.1f GB/s on one core, %.1f GB/s from another\n", g, f->copy[i].local / 1e9,
               f->copy[i].cross_core / 1e9);
    }
    printf("\n");
}

/* ---- the table ---- */

static void print_titles(const struct tram_settings *s) {
    printf("%-9s", "mode");
    if (s->show_actors)
        printf(" %6s", "actors");
    if (s->show_inflight)
        printf(" %8s", "inflight");
    printf(" %9s %9s %9s %9s %9s %9s %9s\n", "size", "p50", "p99", "rate", "CPU/exec", "x limit", "vs eager");
}

static void print_row(const struct tram_run *r, size_t point, int mode) {
    const struct tram_settings *s = r->settings;
    const struct tram_point *at = &s->points[point];
    char bytes[32], p50[CELL], p99[CELL], rate[CELL], cpu[CELL], limit[CELL], gain[CELL];
    tram__size_print(at->input.total, bytes, sizeof bytes);
    printf("%-9s", tram_mode_names[mode]);
    if (s->show_actors)
        printf(" %6u", at->actors);
    if (s->show_inflight)
        printf(" %8u", at->inflight);
    printf(" %9s %9s %9s %9s %9s %9s %9s\n", bytes, print_ns(FIGURE(r, point, mode, p50_ns), p50),
           print_ns(FIGURE(r, point, mode, p99_ns), p99),
           print_rate(FIGURE(r, point, mode, execs_per_s), rate),
           print_ns(FIGURE(r, point, mode, cpu_ns_per_exec), cpu),
           print_ratio(slower(r, point, mode, TRAM_MODE_LIMIT), limit),
           print_ratio(slower(r, point, TRAM_MODE_EAGER, mode), gain));
}

static void print_repetition(const struct tram_run *r, size_t point, int mode, uint64_t i) {
    const struct tram_trial *t = tram_run_trial(r, point, mode, i);
    char a[CELL], b[CELL], c[CELL], d[CELL];
    printf("    %llu: p50 %s, timed singly %s, p90 %s, p99.9 %s", (unsigned long long)i + 1,
           print_ns(t->p50_ns, a), print_ns(t->tail_p50_ns, b), print_ns(t->p90_ns, c),
           print_ns(t->p999_ns, d));
    printf("; %llu executions by %llu, %llu samples", (unsigned long long)t->iterations,
           (unsigned long long)t->batch, (unsigned long long)t->samples);
    if (!isnan(t->copies))
        printf("; %.3g copies of %.4g B and %.3g sleeps each", t->copies,
               t->copies > 0 ? t->copied_bytes / t->copies : 0.0, t->sleeps);
    if (t->compile_ns >= 0)
        printf("; compiled in %s", print_ns((double)t->compile_ns, a));
    if (t->channel_bytes >= 0)
        printf(", %lld B shared", (long long)t->channel_bytes);
    if (!isnan(t->fill_ns))
        printf("; fill %s, check %s", print_ns(t->fill_ns, a), print_ns(t->check_ns, b));
    printf("%s%s\n", t->note[0] ? "; " : "", t->note);
}

static void print_idle(const struct tram_run *r, int mode) {
    char a[CELL], b[CELL];
    double idle = FIGURE(r, 0, mode, idle_cpu), wake = FIGURE(r, 0, mode, wake_ns);
    if (!isnan(idle))
        printf("%s, idle, uses %.2f%% of a CPU; waking it takes %s, %s a futex round trip from idle\n",
               tram_mode_names[mode], 100 * idle, print_ns(wake, a),
               print_ratio(wake / r->floor.futex_idle_rtt_ns, b));
}

/* What the figures mean against the floors of the same run. */
static void print_ratios(const struct tram_run *r) {
    const struct tram_settings *s = r->settings;
    char a[CELL];
    bool alone = s->points[0].actors < s->placement.count; /* each on a CPU of its own */
    if (s->points[0].inflight > 1 || s->points[0].input.total > 64)
        return;
    printf("\n");
    if (s->modes[TRAM_MODE_LIMIT] && !r->scenario->actors && !s->loan && s->wait != TRAM_WAIT_BLOCK)
        printf("limit is %s the cache-line round trip\n",
               print_ratio(FIGURE(r, 0, TRAM_MODE_LIMIT, p50_ns) / r->floor.cacheline_rtt_ns, a));
    if (s->modes[TRAM_MODE_COMPILED] && alone)
        print_idle(r, TRAM_MODE_COMPILED);
    if (s->modes[TRAM_MODE_EAGER] && !r->scenario->actors) {
        double floor = s->wait == TRAM_WAIT_BLOCK ? r->floor.unix_rtt_ns : r->floor.unix_poll_rtt_ns;
        printf("eager is %s the %s AF_UNIX round trip\n",
               print_ratio(FIGURE(r, 0, TRAM_MODE_EAGER, p50_ns) / floor, a),
               s->wait == TRAM_WAIT_BLOCK ? "blocking" : "polled");
    }
}

/* Where the actor fell asleep in most executions, the wake is in the figure: say so. */
static void print_sleepers(const struct tram_run *r) {
    const struct tram_settings *s = r->settings;
    char size_text[32], a[CELL];
    for (size_t point = 0; point < s->point_count; point++) {
        double sleeps = s->modes[TRAM_MODE_COMPILED] ? FIGURE(r, point, TRAM_MODE_COMPILED, sleeps) : 0;
        if (r->scenario->actors || s->wait != TRAM_WAIT_AUTO || !(sleeps >= 0.5))
            continue;
        tram__size_print(s->points[point].input.total, size_text, sizeof size_text);
        printf("compiled, %s: %.1f sleeps an execution, with their wakes (a futex round trip: %s) in the "
               "figure;\n"
               "  --wait=spin shows it without\n",
               size_text, sleeps, print_ns(r->floor.futex_rtt_ns, a));
    }
}

void tram_report_table(const struct tram_run *r) {
    const struct tram_settings *s = r->settings;
    if (!s->quiet)
        print_floors(r);
    bool deep = false, single = false;
    print_titles(s);
    for (size_t point = 0; point < s->point_count; point++) {
        deep |= s->points[point].inflight > 1;
        single |= s->points[point].inflight == 1;
        for (int m = 0; m < TRAM_MODES; m++) {
            if (!s->modes[m])
                continue;
            print_row(r, point, m);
            for (uint64_t i = 0; s->verbose && i < s->repetitions; i++)
                print_repetition(r, point, m, i);
        }
    }
    if (s->quiet)
        return;
    print_ratios(r);
    print_sleepers(r);
    if (deep)
        printf("\n%sp50 and p99: from submission to result, timed singly. x limit and vs eager: by rate.\n",
               single ? "More than one in flight: " : "");
    if (single)
        printf(
            "\nService time of a closed loop. p50: %s; p99: timed singly, with the timer's %.0f ns in it.\n"
            "x limit: p50 over limit's. vs eager: eager's p50 over this. CPU/exec: of all processes.\n",
            s->loan ? "timed singly as well" : "of batches", r->floor.timer_ns);
}

/* ---- the result file ---- */

static int add_row(struct tram_results *results, const struct tram_run *r, size_t point, int mode,
                   uint64_t i) {
    const struct tram_trial *t = tram_run_trial(r, point, mode, i);
    const struct tram_point *at = &r->settings->points[point];
    char name[256], parts[PARTS];
    tram_case_name(r, point, mode, name, sizeof name);
    const struct tram_counter counters[] = {
        {"tail_p50_ns", t->tail_p50_ns},
        {"copies_per_exec", t->copies},
        {"copied_bytes_per_exec", t->copied_bytes},
        {"sleeps_per_exec", t->sleeps},
        {"batch", (double)t->batch},
        {"idle_cpu", t->idle_cpu},
        {"wake_ns", t->wake_ns},
    };
    struct tram_label labels[2];
    size_t label_count = 0;
    if (t->note[0])
        labels[label_count++] = (struct tram_label){"note", t->note};
    if (r->scenario->parts)
        labels[label_count++] = (struct tram_label){"parts", list_parts(&at->input, parts)};
    struct tram_row row = {
        .name = name,
        .repetition_index = (uint32_t)i,
        .repetitions = (uint32_t)r->settings->repetitions,
        .iterations = t->iterations,
        .scenario = r->scenario->name,
        .mode = tram_mode_names[mode],
        .payload_bytes = at->input.total,
        .actors = at->actors,
        .inflight = at->inflight,
        .p50_ns = t->p50_ns,
        .p90_ns = t->p90_ns,
        .p99_ns = t->p99_ns,
        .p999_ns = t->p999_ns,
        .execs_per_s = t->execs_per_s,
        .cpu_ns_per_exec = t->cpu_ns_per_exec,
        .samples = (int64_t)t->samples,
        .compile_ns = t->compile_ns,
        .channel_bytes = t->channel_bytes,
        .fill_ns = t->fill_ns,
        .check_ns = t->check_ns,
        .counters = counters,
        .counter_count = sizeof counters / sizeof counters[0],
        .labels = labels,
        .label_count = label_count,
    };
    return tram_results_add(results, &row);
}

int tram_report_json(const struct tram_run *r, const char *path, char *why, size_t why_size) {
    const struct tram_settings *s = r->settings;
    struct tram_results *results = tram_results_create(tram_environment_json(&r->environment));
    int status = results ? tram_results_set_floor(results, &r->floor) : -1;
    for (size_t point = 0; !status && point < s->point_count; point++)
        for (int m = 0; m < TRAM_MODES; m++)
            for (uint64_t i = 0; !status && s->modes[m] && i < s->repetitions; i++)
                status = add_row(results, r, point, m, i);
    if (status)
        snprintf(why, why_size, "out of memory");
    else
        status = tram_results_write(results, path, why, why_size);
    tram_results_destroy(results);
    return status;
}
