/* SPDX-License-Identifier: Apache-2.0 */
#include "results/compare_parts.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "results/statistics.h"

struct work {
    struct tram__index base, head;
    struct tram__pair *pairs; /* of the cases */
    struct tram_samples *samples;
    struct tram_decision *decisions;
    double *values; /* the logarithms that samples point to */
};

/* ---- Which cases ---- */

static int by_place(const void *a, const void *b) {
    const struct tram_result_row *x = ((const struct tram__pair *)a)->base->first,
                                 *y = ((const struct tram__pair *)b)->base->first;
    return (x > y) - (x < y);
}

static int match_cases(struct tram_arms *a, struct work *w) {
    size_t most = w->base.case_count, added = w->head.case_count;
    w->pairs = calloc(most + 1, sizeof *w->pairs);
    a->missing = calloc(most + 1, sizeof *a->missing);
    a->added = calloc(added + 1, sizeof *a->added);
    if (!w->pairs || !a->missing || !a->added)
        return -1;
    for (size_t i = 0; i < most; i++) {
        const struct tram__rows *base = &w->base.cases[i], *head = tram__index_find(&w->head, base->name);
        if (head)
            w->pairs[a->case_count++] = (struct tram__pair){base, head};
        else
            a->missing[a->missing_count++] = base->name;
    }
    for (size_t i = 0; i < added; i++)
        if (!tram__index_find(&w->base, w->head.cases[i].name))
            a->added[a->added_count++] = w->head.cases[i].name;
    qsort(w->pairs, a->case_count, sizeof *w->pairs, by_place);
    return 0;
}

/* ---- Times ---- */

/* The largest that a file of the base tells: a figure that is absent is no floor, and what is judged says nothing of how
 * it is judged. */
static double timer_step(const struct tram_result_set *base) {
    double most = 0;
    for (size_t i = 0; i < base->file_count; i++)
        most = fmax(most, json_number_value(tram_result_context(&base->files[i], "floor.timer_step_ns")));
    return most;
}

/* A reading that times a batch of executions tells its median to a step over the batch. `batches`: room for one a row. */
static double timer_floor(const struct tram__rows *r, double step, double base_ns, double *batches) {
    for (size_t i = 0; i < r->count; i++) {
        double v = tram_result_number(r->at[i], "batch");
        batches[i] = v > 0 ? v : 1;
    }
    return 2 * step / tram_median(batches, r->count) / base_ns;
}

static size_t logarithms(const struct tram__rows *r, bool paired, double *out, double *median) {
    size_t count = tram__samples(r, paired, NULL, out, NULL);
    double *copy = out + count; /* there is room for twice the rows */
    memcpy(copy, out, count * sizeof *out);
    *median = tram_median(copy, count);
    for (size_t i = 0; i < count; i++)
        out[i] = log(out[i]);
    return count;
}

static int take_times(struct tram_arms *a, struct work *w, const struct tram_decide_options *o) {
    double step = a->timer_step_ns = timer_step(a->base);
    size_t room = 2 * (a->base->row_count + a->head->row_count), used = 0;
    w->samples = calloc(a->case_count + 1, sizeof *w->samples);
    w->decisions = calloc(a->case_count + 1, sizeof *w->decisions);
    w->values = calloc(room + 1, sizeof *w->values);
    if (!w->samples || !w->decisions || !w->values)
        return -1;
    for (size_t i = 0; i < a->case_count; i++) {
        const struct tram__pair *p = &w->pairs[i];
        struct tram_case *c = &a->cases[i];
        struct tram_samples *s = &w->samples[i];
        c->name = p->base->name;
        s->paired = a->paired;
        s->a = w->values + used;
        s->a_count = c->base_count = logarithms(p->base, a->paired, w->values + used, &c->base_ns);
        used += s->a_count;
        s->b = w->values + used;
        s->b_count = c->head_count = logarithms(p->head, a->paired, w->values + used, &c->head_ns);
        used += s->b_count;
        s->floor = timer_floor(p->base, step, c->base_ns, w->values + used);
    }
    if (tram_decide(w->samples, a->case_count, o, w->decisions))
        return -1;
    tram_decide_power(w->samples, a->case_count, o, w->decisions);
    return 0;
}

/* The ratio of p99 per block, where both have one. */
static int take_p99(const struct tram__pair *p, double confidence, struct tram_case *c) {
    size_t n = 0;
    double *a = calloc(p->base->count + 1, sizeof *a), *b = calloc(p->head->count + 1, sizeof *b);
    int status = a && b ? 0 : -1;
    if (!status) {
        size_t blocks = tram__samples(p->base, true, "p99_ns", a, NULL);
        tram__samples(p->head, true, "p99_ns", b, NULL);
        for (size_t i = 0; i < blocks; i++)
            if (isfinite(a[i]) && isfinite(b[i]))
                a[n++] = log(b[i]) - log(a[i]);
        status = tram_hodges_lehmann(a, n, confidence, &c->p99);
    }
    if (!status) {
        c->p99_count = n;
        c->p99 = (struct tram_estimate){exp(c->p99.value), exp(c->p99.low), exp(c->p99.high)};
    }
    free(a);
    free(b);
    return status;
}

/* ---- All of it ---- */

static int compare_cases(struct tram_arms *a, struct work *w, const struct tram_decide_options *o) {
    a->cases = calloc(a->case_count + 1, sizeof *a->cases);
    if (!a->cases || take_times(a, w, o))
        return -1;
    for (size_t i = 0; i < a->case_count; i++) {
        struct tram_case *c = &a->cases[i];
        c->time = w->decisions[i];
        c->verdict = c->time.verdict;
        double level = o->alpha / (double)a->case_count;
        if (tram__compare_counters(&w->pairs[i], level / TRAM_EXACT_COUNTERS, c) ||
            (a->paired && take_p99(&w->pairs[i], 1 - level, c)))
            return -1;
    }
    return tram__compare_load(a, w->pairs, o->alpha);
}

static int check_counts(const struct tram_arms *a, const struct work *w, char *why, size_t why_size) {
    for (size_t i = 0; i < a->case_count; i++) {
        const struct tram__pair *p = &w->pairs[i];
        size_t most = p->base->count > p->head->count ? p->base->count : p->head->count;
        if (most <= TRAM_RANK_SAMPLES)
            continue;
        snprintf(why, why_size, "%s: %s has %zu rows, more than the %d that are compared",
                 p->base->count == most ? a->base->path : a->head->path, p->base->name, most,
                 (int)TRAM_RANK_SAMPLES);
        return -1;
    }
    return 0;
}

int tram__arms_compare(struct tram_arms *out, const struct tram_decide_options *o, char *why,
                       size_t why_size) {
    struct work w = {0};
    snprintf(why, why_size, "out of memory");
    int status = tram__index_make(out->base, &w.base) || tram__index_make(out->head, &w.head) ||
                         match_cases(out, &w) || check_counts(out, &w, why, why_size)
                     ? -1
                     : 0;
    if (!status) {
        status = tram__find_pairing(out, w.pairs) || compare_cases(out, &w, o) ? -1 : 0;
    }
    tram__index_free(&w.base);
    tram__index_free(&w.head);
    free(w.pairs);
    free(w.samples);
    free(w.decisions);
    free(w.values);
    return status;
}

void tram__arms_free(struct tram_arms *a) {
    free(a->cases);
    free(a->missing);
    free(a->added);
    *a = (struct tram_arms){0};
}
