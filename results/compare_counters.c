/* SPDX-License-Identifier: Apache-2.0
 *
 * What is counted exactly: it does not depend on the machine's load.
 */
#include "results/compare_parts.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "results/statistics.h"

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

/* A row has no figure when its runs disagreed, as those of sockets now and then do, and those of yields nearly always. The few that
 * agree by chance say nothing. */
static bool mostly(const struct counted *c) {
    return 2 * c->with > c->rows;
}

/* Whether `a` has no figure where `b` has one: half of the rows without are too many when all others have one, and none at all when
 * most others have. */
static bool lacks(const struct counted *a, const struct counted *b) {
    return !mostly(a) && (b->with == b->rows || (!a->with && mostly(b)));
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
        else if (!mostly(&base) || !mostly(&head) || base.median == head.median) {
            c->not_compared[i] = !mostly(&base) || !mostly(&head);
            continue;
        }
        c->change_count++;
        if (isnan(change->base) || isnan(change->head)) /* exact in one arm only: no way up or down */
            c->verdict = c->verdict < TRAM_VERDICT_AMBIGUOUS ? TRAM_VERDICT_AMBIGUOUS : c->verdict;
        else if (change->head > change->base)
            c->verdict = TRAM_VERDICT_REGRESSED;
    }
    return 0;
}

/* Whether a row has the counter, if only as null: programs and versions without it have nothing to compare. */
static bool is_named(const struct tram_result_set *s, const char *counter) {
    for (size_t i = 0; i < s->row_count; i++)
        if (json_object_get(s->rows[i].json, counter))
            return true;
    return false;
}

int tram__compare_uncounted(const struct tram_arms *a, struct tram_lines *notes) {
    char text[TRAM_EXACT_COUNTERS * 80] = "";
    size_t used = 0;
    for (size_t i = 0; i < TRAM_EXACT_COUNTERS; i++) {
        size_t cases = 0;
        for (size_t k = 0; k < a->case_count; k++)
            cases += a->cases[k].not_compared[i];
        if (cases && (is_named(a->base, exact[i]) || is_named(a->head, exact[i])))
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%s in %zu of %zu cases",
                                     used ? ", " : "", exact[i], cases, a->case_count);
    }
    return used ? tram__line(notes, "not compared, for neither side has enough figures: %s", text) : 0;
}
