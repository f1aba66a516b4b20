/* SPDX-License-Identifier: Apache-2.0 */
#include "results/compare_parts.h"

#include <math.h>
#include <stdlib.h>

#include "results/statistics.h"

/* ---- What is counted exactly: it does not depend on the machine's load ---- */

static const char *const exact[TRAM_EXACT_COUNTERS] = {
    "copies_per_exec",      "copied_bytes_per_exec", "device_maps",
    "allocations_per_exec", "syscalls_per_exec",     "futex_calls_per_exec",
};

/* A counter of one arm's rows. */
struct counted {
    double median; /* of those that have a figure */
    size_t with, rows;
};

static int count(const struct tram__rows *r, const char *counter, struct counted *out) {
    double *values = calloc(r->count + 1, sizeof *values);
    size_t n = 0;
    if (!values)
        return -1;
    for (size_t i = 0; i < r->count; i++) {
        double v = tram_result_number(r->at[i], counter);
        if (isfinite(v))
            values[n++] = v;
    }
    *out = (struct counted){tram_median(values, n), n, r->count};
    free(values);
    return 0;
}

/* Whether `a` has no figure where `b` has one. A row has none when its runs disagreed, as those of sockets now and then do:
 * half of the rows without are too many when all others have one, and none at all when most others have. */
static bool lacks(const struct counted *a, const struct counted *b) {
    return 2 * a->with <= a->rows && (b->with == b->rows || (!a->with && 2 * b->with > b->rows));
}

int tram__compare_counters(const struct tram__pair *p, struct tram_case *c) {
    for (size_t i = 0; i < TRAM_EXACT_COUNTERS; i++) {
        struct counted base, head;
        if (count(p->base, exact[i], &base) || count(p->head, exact[i], &head))
            return -1;
        struct tram_counter_change *change = &c->changes[c->change_count];
        *change = (struct tram_counter_change){exact[i], base.median, head.median};
        if (lacks(&base, &head))
            change->base = NAN;
        else if (lacks(&head, &base))
            change->head = NAN;
        else if (!base.with || !head.with || base.median == head.median)
            continue;
        c->change_count++;
        if (isnan(change->base) || isnan(change->head)) /* exact in one arm only: no way up or down */
            c->verdict = c->verdict < TRAM_VERDICT_AMBIGUOUS ? TRAM_VERDICT_AMBIGUOUS : c->verdict;
        else if (change->head > change->base)
            c->verdict = TRAM_VERDICT_REGRESSED;
    }
    return 0;
}

/* ---- Load on one arm only ---- */

/* A difference within the margin is let pass. A share of 1% moves a median by about that much at most; a system that
 * is left alone switches a busy process out a few times a second. */
static const struct {
    const char *name;
    double margin;
} loads[TRAM_LOAD_COUNTERS] = {
    {"run_delay_share", 0.01},
    {"involuntary_switches_per_s", 10},
    {"steal_share", 0.01},
};

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

static void collect(const struct tram__rows *r, const char *name, bool paired, struct unit *u,
                    size_t *count) {
    for (size_t i = 0; i < r->count; i++) {
        const struct tram_result_row *row = r->at[i];
        double v = tram_result_number(row, name);
        if (isfinite(v))
            u[(*count)++] = paired ? (struct unit){0, row->block, v}
                                   : (struct unit){(int64_t)row->file, row->repetition_index, v};
    }
}

static double mean_of(const struct unit *u, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += u[i].value / (double)n;
    return n ? sum : NAN;
}

/* The tests of a difference beyond the margin, both ways. a and b: scratch. */
static int test_load(const struct unit *base, size_t m, const struct unit *head, size_t n, bool paired,
                     double *a, double *b, struct tram_load *out) {
    struct tram_rank_test more, less;
    struct tram_estimate shift;
    size_t both = 0;
    for (size_t i = 0; !paired && i < m; i++)
        a[i] = base[i].value;
    for (size_t k = 0; !paired && k < n; k++)
        b[k] = head[k].value;
    for (size_t i = 0, k = 0; paired && i < m && k < n;) {
        int order = by_unit(&base[i], &head[k]);
        if (order == 0)
            a[both++] = head[k].value - base[i].value;
        i += order <= 0;
        k += order >= 0;
    }
    if (paired
            ? tram_signed_rank(a, both, out->margin, &more) ||
                  tram_signed_rank(a, both, -out->margin, &less) || tram_hodges_lehmann(a, both, 0.95, &shift)
            : tram_rank_sum(a, m, b, n, out->margin, &more) ||
                  tram_rank_sum(a, m, b, n, -out->margin, &less) ||
                  tram_hodges_lehmann_shift(a, m, b, n, 0.95, &shift))
        return -1;
    out->shift = shift.value;
    out->p = fmin(1, fmin(more.p_greater, less.p_less) * 2 * TRAM_LOAD_COUNTERS);
    return 0;
}

int tram__compare_load(const struct tram__pair *pairs, size_t count, bool paired, double alpha,
                       struct tram_load *out) {
    size_t rows[2] = {0, 0};
    for (size_t i = 0; i < count; i++)
        rows[0] += pairs[i].base->count, rows[1] += pairs[i].head->count;
    struct unit *base = calloc(rows[0] + 1, sizeof *base), *head = calloc(rows[1] + 1, sizeof *head);
    double *a = calloc(rows[0] + 1, sizeof *a), *b = calloc(rows[1] + 1, sizeof *b);
    int status = base && head && a && b ? 0 : -1;
    for (size_t k = 0; k < TRAM_LOAD_COUNTERS && !status; k++) {
        size_t m = 0, n = 0;
        out[k] = (struct tram_load){.name = loads[k].name, .margin = loads[k].margin, .shift = NAN, .p = 1};
        for (size_t i = 0; i < count; i++) {
            collect(pairs[i].base, loads[k].name, paired, base, &m);
            collect(pairs[i].head, loads[k].name, paired, head, &n);
        }
        m = means(base, m), n = means(head, n);
        out[k].base = mean_of(base, m);
        out[k].head = mean_of(head, n);
        if (m && n)
            status = test_load(base, m, head, n, paired, a, b, &out[k]);
        out[k].flagged = out[k].p <= alpha;
    }
    free(base);
    free(head);
    free(a);
    free(b);
    return status;
}
