/* SPDX-License-Identifier: Apache-2.0
 *
 * The lines below the table: what its figures mean against the floors of the same run, and what disturbed them.
 */
#include <math.h>
#include <stdio.h>

#include "harness/report_figures.h"

/* Lines of a paragraph that may have none. */
struct notes {
    FILE *f;
    bool begun;
};

/* An empty line before the first. */
static void begin(struct notes *n) {
    if (!n->begun)
        fprintf(n->f, "\n");
    n->begun = true;
}

static void print_idle(const struct tram_run *r, int mode, struct notes *n) {
    char a[TRAM_CELL], b[96];
    double idle = TRAM_FIGURE(r, 0, mode, idle_cpu), wake = TRAM_FIGURE(r, 0, mode, wake_ns);
    double floor = r->floor.futex_idle_rtt_ns;
    if (isnan(idle))
        return;
    begin(n);
    if (tram_disturbed(wake, floor / 2)) { /* one wake may be all it takes */
        snprintf(b, sizeof b, "a futex round trip from idle: %s, disturbed", tram_print_ns(floor, a));
    } else {
        tram_print_ratio(wake / floor, a);
        snprintf(b, sizeof b, "%s a futex round trip from idle (two wakes)", a);
    }
    fprintf(n->f, "%s, idle, uses %.2f%% of a CPU; waking it takes %s, %s\n", tram_mode_names[mode],
            100 * idle, tram_print_ns(wake, a), b);
}

/* "1 actor", "8 actors". */
static const char *plural(uint32_t count) {
    return count == 1 ? "" : "s";
}

/* In place of what a mode is of a floor, where that is so far above it that it was no floor. False: it was one. */
static bool print_disturbed(struct notes *n, const char *floor_name, double floor_ns, const char *mode,
                            double ns) {
    char a[TRAM_CELL], b[TRAM_CELL];
    if (!tram_disturbed(ns, floor_ns))
        return false;
    fprintf(n->f, "%s: %s, disturbed; %s took %s\n", floor_name, tram_print_ns(floor_ns, a), mode,
            tram_print_ns(ns, b));
    return true;
}

/* Eager calls to several actors, against the same pattern over raw sockets. */
static void print_sockets(const struct tram_run *r, size_t point, const struct tram_floor_sockets *f,
                          struct notes *n) {
    char a[TRAM_CELL], b[TRAM_CELL], c[TRAM_CELL], name[64];
    double eager = TRAM_FIGURE(r, point, TRAM_MODE_EAGER, p50_ns);
    bool chain = r->scenario->pattern == TRAM_PATTERN_CHAIN;
    if (isnan(eager) || isnan(f->rtt_ns))
        return;
    begin(n);
    snprintf(name, sizeof name, "raw socket %s, %u actor%s", chain ? "chain" : "scatter", f->actors,
             plural(f->actors));
    if (print_disturbed(n, name, chain ? fmax(fmax(f->requests_ns, f->rtt_ns), f->handovers_ns) : f->rtt_ns,
                        "eager", eager))
        return;
    if (!chain) {
        fprintf(n->f, "eager, %u actor%s, is %s the raw socket scatter (%u message%s out, %u back)\n",
                f->actors, plural(f->actors), tram_print_ratio(eager / f->rtt_ns, a), f->actors,
                plural(f->actors), f->actors);
        return;
    }
    fprintf(
        n->f,
        "eager, %u actor%s, is %s the raw socket chain of the same messages (%u task%s, %u request%s to hand "
        "on, %u hand-over%s),\n  %s that without the requests, %s the %u hand-overs alone\n",
        f->actors, plural(f->actors), tram_print_ratio(eager / f->requests_ns, a), f->actors,
        plural(f->actors), f->actors - 1, plural(f->actors - 1), f->actors, plural(f->actors),
        tram_print_ratio(eager / f->rtt_ns, b), tram_print_ratio(eager / f->handovers_ns, c), f->actors + 1);
}

static void print_all_sockets(const struct tram_run *r, struct notes *n) {
    const struct tram_settings *s = r->settings;
    for (size_t i = 0; i < r->floor.socket_count; i++) {
        const struct tram_floor_sockets *f = &r->floor.sockets[i];
        size_t point = 0;
        while (s->points[point].actors != f->actors || s->points[point].inflight != 1 ||
               s->points[point].input.total != f->bytes)
            point++; /* run.c took it from one of them */
        print_sockets(r, point, f, n);
    }
}

enum { BUSY_PERCENT = 5, STOLEN_PERCENT = 5, LOST_PERCENT = 20 };

/* Others used the CPUs while it was measured, or just before or after. Where actors outnumber them, their waiting for a CPU says
 * nothing, as they wait for one another; a brief run listens for too short a time to say what was lost. */
static void print_busy(const struct tram_run *r, struct notes *n) {
    const struct tram_settings *s = r->settings;
    double waited = 0, stolen = 0, before = 100 * r->environment.before.gaps.lost_share,
           after = 100 * r->environment.after.gaps.lost_share;
    for (size_t point = 0; point < s->point_count; point++)
        for (int m = 0; m < TRAM_MODES; m++) { /* fmax passes over NaN */
            stolen = fmax(stolen, 100 * TRAM_FIGURE(r, point, m, load.steal_share));
            if (s->points[point].actors < s->placement.count)
                waited = fmax(waited, 100 * TRAM_FIGURE(r, point, m, load.run_delay_share));
        }
    bool lost = !s->brief && !isnan(before + after) && fmax(before, after) >= LOST_PERCENT;
    if (!lost && waited < BUSY_PERCENT && stolen < STOLEN_PERCENT)
        return;
    begin(n);
    fprintf(n->f, "others used these CPUs: ");
    if (waited >= BUSY_PERCENT)
        fprintf(n->f, "in the median repetition of a case its processes waited for one %.0f%% of the time%s",
                waited, lost || stolen >= STOLEN_PERCENT ? ";\n  " : "");
    if (stolen >= STOLEN_PERCENT)
        fprintf(n->f, "the host took %.0f%% of a CPU in the median repetition of a case%s", stolen,
                lost ? ";\n  " : "");
    if (lost)
        fprintf(n->f, "%.0f%% of a CPU before the run, %.0f%% after it", before, after);
    fprintf(n->f, "\n");
}

/* What the figures mean against the floors of the same run. */
static void print_ratios(const struct tram_run *r, struct notes *n) {
    const struct tram_settings *s = r->settings;
    char a[TRAM_CELL];
    double limit = TRAM_FIGURE(r, 0, TRAM_MODE_LIMIT, p50_ns),
           eager = TRAM_FIGURE(r, 0, TRAM_MODE_EAGER, p50_ns);
    bool alone = s->points[0].actors < s->placement.count; /* each on a CPU of its own */
    if (s->brief || s->rate || s->points[0].inflight > 1 || tram_point_bytes(&s->points[0]) > 64)
        return;
    if (!isnan(limit) && !r->scenario->actors && !s->loan && s->wait != TRAM_WAIT_BLOCK) {
        begin(n);
        if (!print_disturbed(n, "cache line", r->floor.cacheline_rtt_ns, "the limit", limit))
            fprintf(n->f, "limit is %s the cache-line round trip\n",
                    tram_print_ratio(limit / r->floor.cacheline_rtt_ns, a));
    }
    if (s->modes[TRAM_MODE_COMPILED] && alone)
        print_idle(r, TRAM_MODE_COMPILED, n);
    if (!isnan(eager) && !r->scenario->actors) {
        double floor = s->wait == TRAM_WAIT_BLOCK ? r->floor.unix_rtt_ns : r->floor.unix_poll_rtt_ns;
        begin(n);
        if (!print_disturbed(n, s->wait == TRAM_WAIT_BLOCK ? "AF_UNIX" : "polled AF_UNIX", floor, "eager",
                             eager))
            fprintf(n->f, "eager is %s the %s AF_UNIX round trip\n", tram_print_ratio(eager / floor, a),
                    s->wait == TRAM_WAIT_BLOCK ? "blocking" : "polled");
    }
}

/* Where the actor fell asleep in most executions, the wake is in the figure: say so. */
static void print_sleepers(const struct tram_run *r, struct notes *n) {
    const struct tram_settings *s = r->settings;
    char size_text[32], a[TRAM_CELL];
    for (size_t point = 0; point < s->point_count; point++) {
        double sleeps = s->modes[TRAM_MODE_COMPILED] ? TRAM_FIGURE(r, point, TRAM_MODE_COMPILED, sleeps) : 0;
        if (r->scenario->actors || s->wait != TRAM_WAIT_AUTO || !(sleeps >= 0.5))
            continue;
        tram__size_print(s->points[point].input.total, size_text, sizeof size_text);
        begin(n);
        fprintf(n->f,
                "compiled, %s: %.1f sleeps an execution, with their wakes (a futex round trip: %s) in the "
                "figure;\n"
                "  --wait=spin shows it without\n",
                size_text, sleeps, tram_print_ns(r->floor.futex_rtt_ns, a));
    }
}

void tram_report_notes(const struct tram_run *r, FILE *f) {
    struct notes n = {.f = f};
    print_busy(r, &n);
    print_ratios(r, &n);
    if (!r->settings->rate)
        print_all_sockets(r, &n);
    print_sleepers(r, &n);
}
