/* SPDX-License-Identifier: Apache-2.0
 *
 * Load on one arm only. With a CPU for each process, whoever waits for one or is switched out was disturbed, and a small
 * difference says it. Processes that outnumber the CPUs do that to each other, thousands of times a second (sched_yield
 * counts as well), and the more the slower they are. Of such cases a disturbance is what more than doubles a counter, by
 * the second and by the execution: a slower program waits longer in each execution, but not more often in a second; a
 * faster one more often in a second, but not longer in each execution. An arm that itself waits in another way, as one that
 * blocks where the other spins, looks the same to these counters: what is said of it is that it was loaded, or waited,
 * differently.
 */
#include "results/compare_parts.h"

#include <math.h>
#include <stdlib.h>

#include "results/statistics.h"

enum part { ROOMY, CROWDED, ALL }; /* by whether the CPUs are enough for the actors and the driver */

/* Roomy: a difference within the margin is let pass. A share of 1% moves a median by about that much at most; a system
 * that is left alone switches a busy process out a few times a second. Crowded: so is a factor of two, of what exceeds
 * the margin. */
static const struct source {
    const char *name;
    enum part part;
    double margin;
} sources[TRAM_LOADS] = {
    {"run_delay_share", ROOMY, 0.01},
    {"involuntary_switches_per_s", ROOMY, 10},
    {"steal_share", ALL, 0.01},
    {"run_delay_share", CROWDED, 0.01},
    {"involuntary_switches_per_s", CROWDED, 10},
};
static const double factor = 2;

/* ---- Figures ---- */

/* What was running together: a block, or, without blocks, a repetition of one file. */
struct unit {
    int64_t file, number;
    double value;
};

static int by_unit(const void *a, const void *b) {
    const struct unit *x = a, *y = b;
    if (x->file != y->file)
        return x->file < y->file ? -1 : 1;
    return (x->number > y->number) - (x->number < y->number);
}

/* The mean of each unit over the cases, in place; returns the number of units. */
static size_t means(struct unit *u, size_t count) {
    size_t units = 0;
    qsort(u, count, sizeof *u, by_unit);
    for (size_t i = 0, end; i < count; i = end) {
        double sum = 0;
        for (end = i; end < count && by_unit(&u[end], &u[i]) == 0; end++)
            sum += u[end].value;
        u[units] = u[i];
        u[units++].value = sum / (double)(end - i);
    }
    return units < TRAM_RANK_SAMPLES ? units : TRAM_RANK_SAMPLES; /* more say nothing new */
}

/* A case is crowded when it is in one of the arms, or might be. */
static bool is_crowded(const struct tram_result_set *s, const struct tram_result_row *row) {
    double actors = tram_result_number(row, "actors");
    return !(actors < s->files[row->file].cpus);
}

/* Crowded: the logarithm, by the second or, `each`, by the execution. */
static double figure_of(const struct tram_result_row *row, const struct source *s, bool each) {
    double v = tram_result_number(row, s->name), per_s = tram_result_number(row, "execs_per_s");
    return s->part == CROWDED ? log(v + s->margin) - log(each ? per_s : 1) : v;
}

/* The figures of one arm. */
struct figures {
    struct unit *units;
    double *scratch;
    size_t count;
};

static void collect(const struct tram__rows *r, const struct source *s, bool each, bool paired,
                    struct figures *out) {
    for (size_t i = 0; i < r->count; i++) {
        const struct tram_result_row *row = r->at[i];
        double v = figure_of(row, s, each);
        if (isfinite(v))
            out->units[out->count++] = paired ? (struct unit){0, row->block, v}
                                              : (struct unit){(int64_t)row->file, row->repetition_index, v};
    }
}

static void collect_all(const struct tram_arms *a, const struct tram__pair *pairs, const struct source *s,
                        bool each, struct figures *base, struct figures *head) {
    base->count = head->count = 0;
    for (size_t i = 0; i < a->case_count; i++) {
        const struct tram__pair *p = &pairs[i];
        bool crowded = is_crowded(a->base, p->base->first) || is_crowded(a->head, p->head->first);
        if (s->part != ALL && crowded != (s->part == CROWDED))
            continue;
        collect(p->base, s, each, a->paired, base);
        collect(p->head, s, each, a->paired, head);
    }
    base->count = means(base->units, base->count);
    head->count = means(head->units, head->count);
}

static double mean_of(const struct unit *u, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += u[i].value / (double)n;
    return n ? sum : NAN;
}

/* ---- Tests ---- */

/* Of a difference beyond the margin: whether head has more, or less. */
struct found {
    double more, less, shift;
};

static int test(const struct figures *base, const struct figures *head, bool paired, double margin,
                struct found *out) {
    struct tram_rank_test more, less;
    struct tram_estimate shift;
    double *a = base->scratch, *b = head->scratch;
    size_t m = base->count, n = head->count, both = 0;
    for (size_t i = 0; !paired && i < m; i++)
        a[i] = base->units[i].value;
    for (size_t k = 0; !paired && k < n; k++)
        b[k] = head->units[k].value;
    for (size_t i = 0, k = 0; paired && i < m && k < n;) {
        int order = by_unit(&base->units[i], &head->units[k]);
        if (order == 0)
            a[both++] = head->units[k].value - base->units[i].value;
        i += order <= 0;
        k += order >= 0;
    }
    if (paired ? tram_signed_rank(a, both, margin, &more) || tram_signed_rank(a, both, -margin, &less) ||
                     tram_hodges_lehmann(a, both, 0.95, &shift)
               : tram_rank_sum(a, m, b, n, margin, &more) || tram_rank_sum(a, m, b, n, -margin, &less) ||
                     tram_hodges_lehmann_shift(a, m, b, n, 0.95, &shift))
        return -1;
    *out = (struct found){more.p_greater, less.p_less, shift.value};
    return 0;
}

static int look(const struct tram_arms *a, const struct tram__pair *pairs, const struct source *s,
                struct figures *base, struct figures *head, struct tram_load *out) {
    bool crowded = s->part == CROWDED;
    struct found by_second = {1, 1, NAN},
                 by_execution = {0, 0, NAN}; /* which is asked of crowded ones only */
    double margin = crowded ? log(factor) : s->margin;
    *out = (struct tram_load){.name = s->name, .crowded = crowded, .margin = crowded ? factor : s->margin};
    for (int each = crowded; each >= 0; each--) { /* by the second last: that is what is shown */
        collect_all(a, pairs, s, each, base, head);
        if (base->count && head->count &&
            test(base, head, a->paired, margin, each ? &by_execution : &by_second))
            return -1;
    }
    double base_mean = mean_of(base->units, base->count), head_mean = mean_of(head->units, head->count);
    out->base = crowded ? exp(base_mean) - s->margin : base_mean;
    out->head = crowded ? exp(head_mean) - s->margin : head_mean;
    out->shift = crowded ? exp(by_second.shift) : by_second.shift;
    double more = fmax(by_second.more, by_execution.more), less = fmax(by_second.less, by_execution.less);
    out->p = fmin(1, fmin(more, less) * 2 * TRAM_LOADS);
    return 0;
}

int tram__compare_load(struct tram_arms *a, const struct tram__pair *pairs, double alpha) {
    size_t rows[2] = {1, 1};
    for (size_t i = 0; i < a->case_count; i++)
        rows[0] += pairs[i].base->count, rows[1] += pairs[i].head->count;
    struct figures base = {calloc(rows[0], sizeof *base.units), calloc(rows[0], sizeof *base.scratch), 0};
    struct figures head = {calloc(rows[1], sizeof *head.units), calloc(rows[1], sizeof *head.scratch), 0};
    int status = base.units && base.scratch && head.units && head.scratch ? 0 : -1;
    for (size_t k = 0; k < TRAM_LOADS && !status; k++) {
        status = look(a, pairs, &sources[k], &base, &head, &a->load[k]);
        a->load[k].flagged = a->load[k].p <= alpha;
    }
    free(base.units);
    free(base.scratch);
    free(head.units);
    free(head.scratch);
    return status;
}
