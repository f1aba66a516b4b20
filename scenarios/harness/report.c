/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "harness/report_figures.h"

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

static void print_transfer(const struct tram_run *r) {
    const struct tram_settings *s = r->settings;
    printf("  %s, %s; compiled: %s%s%s\n", s->device,
           s->loan ? "made in place" : "copied once by who makes it", tram_transport_text(r->picked),
           s->transport == TRAM_TRANSPORT_AUTO ? " (picked)" : "",
           s->check ? "; every tensor is made and compared as a whole" : "");
    for (unsigned i = 0; i < r->device_count; i++) {
        const struct tram_device_info *d = &r->devices[i].info;
        printf("  %s: %s, %.1f GiB%s%s\n", r->devices[i].name, d->name, (double)d->bytes / (1 << 30),
               d->versions[0] ? ", " : "", d->versions);
    }
}

void tram_report_header(const struct tram_run *r) {
    const struct tram_settings *s = r->settings;
    char placement[128];
    print_placement(r, placement, sizeof placement);
    printf("%s: %s\n", r->scenario->name, r->scenario->summary);
    char rate[40] = "";
    if (s->rate)
        snprintf(rate, sizeof rate, ", %llu a second", (unsigned long long)s->rate);
    printf("  %s in flight%s%s%s, wait %s, %llu repetitions in fresh processes, seed %llu\n", s->inflight,
           rate, s->loan ? ", by loan" : "", s->main_thread ? ", compiled on main threads" : "",
           tram_wait_text(s->wait), (unsigned long long)s->repetitions, (unsigned long long)s->seed);
    if (r->scenario->parts)
        print_parts(&s->points[0].input);
    if (s->points[0].tensor)
        print_transfer(r);
    printf("  %s, %u of %u usable CPUs, %s\n", r->environment.machine.cpu_model, s->placement.count,
           s->placement.usable, r->environment.machine.kernel);
    printf("  %s; tramline %s%s%.12s\n\n", placement, TRAM_VERSION, tram_build()->commit ? " " : "",
           tram_build()->commit ? tram_build()->commit : "");
}

/* What else these CPUs did when nothing was measured. */
static void print_noise(const struct tram_run *r) {
    const struct tram_noise_gaps *before = &r->environment.before.gaps, *after = &r->environment.after.gaps;
    char a[TRAM_CELL], b[TRAM_CELL], c[TRAM_CELL], d[TRAM_CELL];
    if (isnan(before->lost_share) || isnan(after->lost_share))
        return;
    printf("  noise: %s of a CPU before, %s after; longest gap %s, %s\n",
           tram_print_percent(before->lost_share, a), tram_print_percent(after->lost_share, b),
           tram_print_ns(before->longest_ns, c), tram_print_ns(after->longest_ns, d));
}

static void print_floors(const struct tram_run *r) {
    const struct tram_floor *f = &r->floor;
    char a[TRAM_CELL], b[TRAM_CELL], c[TRAM_CELL], d[TRAM_CELL], e[TRAM_CELL], g[32], h[TRAM_CELL];
    if (r->settings->brief) {
        printf("Brief: no floors, no idle figures\n  timer %s\n", tram_print_ns(f->timer_ns, e));
        print_noise(r);
        printf("\n");
        return;
    }
    printf("Floors of this machine in this run (median of %zu)\n", r->floor_count);
    printf("  round trips: cache line %s, futex %s (from idle %s), AF_UNIX %s, polled %s\n  timer %s\n",
           tram_print_ns(f->cacheline_rtt_ns, a), tram_print_ns(f->futex_rtt_ns, b),
           tram_print_ns(f->futex_idle_rtt_ns, h), tram_print_ns(f->unix_rtt_ns, c),
           tram_print_ns(f->unix_poll_rtt_ns, d), tram_print_ns(f->timer_ns, e));
    for (size_t i = 0; i < f->copies; i++) {
        if (f->copy[i].bytes < TRAM_FLOOR_COPY_SHOWN)
            continue;
        tram__size_print(f->copy[i].bytes, g, sizeof g);
        printf("  copying %s: %.1f GB/s on one core, %.1f GB/s from another\n", g, f->copy[i].local / 1e9,
               f->copy[i].cross_core / 1e9);
    }
    print_noise(r);
    printf("\n");
}

/* ---- the table ---- */

static int mode_width(const struct tram_settings *s) {
    int width = 9;
    for (int m = 0; m < TRAM_MODES; m++)
        if (s->modes[m] && (int)strlen(tram_mode_names[m]) >= width)
            width = (int)strlen(tram_mode_names[m]) + 1;
    return width;
}

static int actors_width(const struct tram_settings *s) {
    return (int)strlen(tram_actors_word(s));
}

static void print_titles(const struct tram_settings *s) {
    printf("%-*s", mode_width(s), "mode");
    if (s->show_actors)
        printf(" %*s", actors_width(s), tram_actors_word(s));
    if (s->show_inflight)
        printf(" %8s", "inflight");
    printf(" %9s %9s %9s %9s %9s %9s %9s\n", "size", "p50", "p99", "rate", "CPU/exec", "x limit", "vs eager");
}

static void print_row(const struct tram_run *r, size_t point, int mode) {
    const struct tram_settings *s = r->settings;
    const struct tram_point *at = &s->points[point];
    char bytes[32], p50[TRAM_CELL], p99[TRAM_CELL], rate[TRAM_CELL], cpu[TRAM_CELL], limit[TRAM_CELL],
        gain[TRAM_CELL];
    tram__size_print(tram_point_bytes(at), bytes, sizeof bytes);
    printf("%-*s", mode_width(s), tram_mode_names[mode]);
    if (s->show_actors)
        printf(" %*u", actors_width(s), tram_actors_shown(at));
    if (s->show_inflight)
        printf(" %8u", at->inflight);
    printf(" %9s %9s%c%9s %9s %9s %9s %9s\n", bytes, tram_print_ns(TRAM_LATENCY(r, point, mode, p50_ns), p50),
           tram_unsteady(r, point, mode) ? '~' : ' ', tram_print_ns(tram_tail(r, point, mode), p99),
           tram_print_rate(TRAM_FIGURE(r, point, mode, execs_per_s), rate),
           tram_print_ns(TRAM_FIGURE(r, point, mode, cpu_ns_per_exec), cpu),
           tram_print_ratio(tram_slower(r, point, mode, TRAM_MODE_LIMIT), limit),
           tram_print_ratio(tram_gain_over_eager(r, point, mode), gain));
}

static void print_repetition(const struct tram_run *r, size_t point, int mode, uint64_t i) {
    const struct tram_trial *t = tram_run_trial(r, point, mode, i);
    char a[TRAM_CELL], b[TRAM_CELL], c[TRAM_CELL], d[TRAM_CELL];
    if (!t->ok)
        return;
    printf("    %llu: p50 %s, timed singly %s, p90 %s, p99.9 %s", (unsigned long long)i + 1,
           tram_print_ns(t->p50_ns, a), tram_print_ns(t->tail_p50_ns, b), tram_print_ns(t->p90_ns, c),
           tram_print_ns(t->p999_ns, d));
    printf("; %llu executions by %llu, %llu samples", (unsigned long long)t->iterations,
           (unsigned long long)t->batch, (unsigned long long)t->samples);
    if (!isnan(t->copies))
        printf("; %s copies of %s B and %s sleeps each", tram_print_count(t->copies, a),
               tram_print_count(t->copies > 0 ? t->copied_bytes / t->copies : 0, b),
               tram_print_count(t->sleeps, c));
    if (!isnan(t->allocations))
        printf("; %s allocations each", tram_print_count(t->allocations, a));
    if (!isnan(t->syscalls))
        printf("; %s system calls each, %s of them futex", tram_print_count(t->syscalls, a),
               tram_print_count(t->futexes, b));
    if (t->c.tensor && !isnan(t->maps))
        printf(", %.0f maps on devices", t->maps);
    if (t->compile_ns >= 0)
        printf("; compiled in %s", tram_print_ns((double)t->compile_ns, a));
    if (t->channel_bytes >= 0)
        printf(", %lld B shared", (long long)t->channel_bytes);
    if (!isnan(t->fill_ns))
        printf("; fill %s, check %s", tram_print_ns(t->fill_ns, a), tram_print_ns(t->check_ns, b));
    if (!t->steady)
        printf("; not steady: %+.0f%% over the pass", 100 * t->drift);
    if (t->load.run_delay_share > 0.01 || t->load.steal_share > 0.01)
        printf("; waited for a CPU %.1f%% of the time, %.1f%% stolen", 100 * t->load.run_delay_share,
               100 * t->load.steal_share);
    printf("%s%s\n", t->note[0] ? "; " : "", t->note);
}

/* Where the time of a single execution goes, from the bare pattern upwards. */
static void print_ladders(const struct tram_run *r) {
    const struct tram_settings *s = r->settings;
    char line[512], size_text[32];
    bool titled = false;
    for (size_t point = 0; point < s->point_count; point++) {
        const struct tram_point *at = &s->points[point];
        double p50_ns[TRAM_MODES];
        for (int m = 0; m < TRAM_MODES; m++)
            p50_ns[m] = TRAM_FIGURE(r, point, m, p50_ns);
        if (s->rate || at->inflight > 1 || !tram_ladder(p50_ns, at->tensor != 0, line, sizeof line))
            continue;
        tram__size_print(tram_point_bytes(at), size_text, sizeof size_text);
        printf("%s  ", titled ? "" : "\nShares of the p50, one in flight\n");
        if (s->show_actors)
            printf("%u %.*s%s, ", tram_actors_shown(at), actors_width(s) - 1, tram_actors_word(s),
                   tram_actors_shown(at) == 1 ? "" : "s");
        printf("%s, %s\n", size_text, line);
        titled = true;
    }
}

/* What was traced, and what tracing cost. */
static void print_traces(const struct tram_run *r) {
    const struct tram_settings *s = r->settings;
    char size_text[32], a[TRAM_CELL], b[TRAM_CELL];
    if (r->traced)
        printf("\nTraces, of trials of their own\n");
    for (size_t i = 0; r->traced && i < s->point_count * TRAM_MODES; i++) {
        const struct tram_trial *t = &r->traced[i];
        if (!t->ok)
            continue;
        tram__size_print(tram_point_bytes(&s->points[i / TRAM_MODES]), size_text, sizeof size_text);
        printf("  %s, %s: p50 %s traced, %s without: %s\n", tram_mode_names[i % TRAM_MODES], size_text,
               tram_print_ns(t->p50_ns, a), tram_print_ns(t->untraced_p50_ns, b), t->trace);
        uint64_t ran = t->warmup + t->iterations + t->samples;
        if (t->c.mode == TRAM_MODE_COMPILED && t->window.first > ran)
            printf("    nothing of it is in the window from %llu on: %llu executions ran (see --iters)\n",
                   (unsigned long long)t->window.first, (unsigned long long)ran);
    }
}

/* Which cases failed, could not keep up with the rate, or were late for parts of the time. */
void tram_report_missed(const struct tram_run *r, FILE *f) {
    const struct tram_settings *s = r->settings;
    char name[256], rate[TRAM_CELL];
    for (size_t point = 0; point < s->point_count; point++)
        for (int m = 0; m < TRAM_MODES; m++) {
            const struct tram_trial *failed = tram_run_failed(r, point, m);
            double missed = s->modes[m] ? TRAM_FIGURE(r, point, m, missed) : NAN;
            bool behind = s->modes[m] && tram_fell_behind(r, point, m);
            tram_case_name(r, point, m, name, sizeof name);
            if (failed)
                fprintf(f, "failed: %s, of which %llu of %llu repetitions were measured: %s\n", name,
                        (unsigned long long)tram_run_measured(r, point, m),
                        (unsigned long long)s->repetitions, failed->why);
            if (behind)
                fprintf(f,
                        "%s cannot keep up: it reached %s; its latencies grow for as long as it is tried\n",
                        name, tram_print_rate(TRAM_FIGURE(r, point, m, execs_per_s), rate));
            else if (tram_times_behind(r, point, m))
                fprintf(f, "%s fell behind in %llu of %llu repetitions: a queue that grew is in those\n",
                        name, (unsigned long long)tram_times_behind(r, point, m),
                        (unsigned long long)tram_run_measured(r, point, m));
            else if (missed >= 0.001)
                fprintf(f, "%s: %.1f%% of its executions began a period late or more\n", name, 100 * missed);
        }
}

/* Whether there is something that eager calls have in the store by loan and a graph run uncompiled copies there. */
static bool copies_loans(const struct tram_settings *s) {
    bool large = false;
    for (size_t point = 0; point < s->point_count; point++)
        for (size_t part = 0; part < s->points[point].input.count; part++)
            large |= s->points[point].input.size[part] >= TRAM_PUT_FROM;
    return s->loan && large && s->modes[TRAM_MODE_GRAPH_EAGER];
}

/* How to read the table. */
void tram_report_legend(const struct tram_run *r, FILE *f) {
    const struct tram_settings *s = r->settings;
    bool deep = false, single = false;
    char timer[TRAM_CELL];
    for (size_t point = 0; point < s->point_count; point++) {
        deep |= s->points[point].inflight > 1;
        single |= s->points[point].inflight == 1;
    }
    const char *fastest = tram_eager_modes(r) > 1 ? "the fastest " : "";
    if (s->rate) {
        fprintf(f,
                "\nAn open loop: %llu executions a second are due, whether those before are done or not. p50 "
                "and p99: from when it was\n"
                "due to its result. x limit: p50 over limit's. vs eager: %seager's p50 over this. CPU/exec: "
                "of all but the driver.\n",
                (unsigned long long)s->rate, fastest);
        return;
    }
    if (deep)
        fprintf(f,
                "\n%sp50 and p99: from submission to result, timed singly. x limit and vs eager: by rate.\n",
                single ? "More than one in flight: " : "");
    if (single)
        fprintf(
            f,
            "\n%service time of a closed loop. p50: %s; p99: timed singly, with the timer's %s in it.\n"
            "x limit: p50 over limit's. vs eager: %seager's p50 over this. CPU/exec: of all processes.\n%s%s",
            deep ? "One in flight: s" : "S", s->loan ? "timed singly as well" : "of batches",
            tram_print_ns(r->floor.timer_ns, timer), fastest,
            s->loan ? "By loan, filling the input and reading the result are not in the times.\n" : "",
            copies_loans(s) ? "graph-eager takes no loan: copying the input in is in its times.\n" : "");
}

void tram_report_table(const struct tram_run *r) {
    const struct tram_settings *s = r->settings;
    if (!s->quiet)
        print_floors(r);
    bool drifts = false;
    print_titles(s);
    for (size_t point = 0; point < s->point_count; point++) {
        for (int m = 0; m < TRAM_MODES; m++) {
            if (!s->modes[m])
                continue;
            print_row(r, point, m);
            drifts |= tram_unsteady(r, point, m);
            for (uint64_t i = 0; s->verbose && i < s->repetitions; i++)
                print_repetition(r, point, m, i);
        }
    }
    if (drifts)
        printf("~ not steady: over the pass it climbed or fell by more than 5%% in most repetitions\n");
    tram_report_missed(r, stdout);
    if (s->quiet)
        return;
    tram_report_notes(r, stdout);
    if (s->verbose)
        print_ladders(r);
    print_traces(r);
    tram_report_legend(r, stdout);
}
