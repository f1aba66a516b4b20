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

enum { COUNTED_ONCE = 3 }; /* from here on */

/* A counter of one arm's rows. */
struct counted {
    double median, least, most; /* of those that have a figure */
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
    double median = tram_median(values, n); /* which sorts them */
    *out = (struct counted){median, n ? values[0] : NAN, n ? values[n - 1] : NAN, n, r->count};
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

/* The rows that have a figure, and how many of them are above `most`. System calls, futex calls and allocations are counted once for
 * all repetitions of a launch: those are one. */
static size_t count_above(const struct tram__rows *r, size_t counter, double most, size_t *above) {
    size_t rows = 0;
    *above = 0;
    for (size_t i = 0; i < r->count; i++) {
        double v = tram_result_number(r->at[i], exact[counter]);
        if (isnan(v) || (counter >= COUNTED_ONCE && r->at[i]->repetition_index))
            continue;
        rows++;
        *above += v > most;
    }
    return rows;
}

/* Rows of the head that are above all of the base, as where a copy more is made now and then: the medians do not tell them. Were both
 * arms one program whose rows vary, so many of the largest would all be the head's with this chance (Rosenbaum, Ann. Math. Stat. 25
 * (1954) 146). Where the base's are all alike, two are not passed over either. */
static enum tram_verdict look_above(const struct tram__pair *p, size_t counter, const struct counted *base,
                                    double level, struct tram_counter_change *out) {
    size_t none, above, rows = count_above(p->head, counter, base->most, &above),
                        both = rows + count_above(p->base, counter, base->most, &none);
    double chance = 1;
    for (size_t i = 0; i < above; i++)
        chance *= (double)(rows - i) / (double)(both - i);
    bool shown = above && chance <= level, alike = base->least == base->most;
    if (!shown && (above < 2 || !alike))
        return TRAM_VERDICT_OK;
    out->above = above;
    out->rows = rows;
    return shown ? TRAM_VERDICT_REGRESSED : TRAM_VERDICT_AMBIGUOUS;
}

int tram__compare_counters(const struct tram__pair *p, double level, struct tram_case *c) {
    for (size_t i = 0; i < TRAM_EXACT_COUNTERS; i++) {
        struct counted base, head;
        enum tram_verdict worse = TRAM_VERDICT_OK;
        if (count(p->base, exact[i], &base) || count(p->head, exact[i], &head))
            return -1;
        struct tram_counter_change *change = &c->changes[c->change_count];
        *change = (struct tram_counter_change){exact[i], base.median, head.median, 0, 0};
        bool lacks_base = lacks(&base, &head), lacks_head = !lacks_base && lacks(&head, &base);
        if (lacks_base || lacks_head) { /* exact in one arm only: no way up or down */
            *(lacks_base ? &change->base : &change->head) = NAN;
            worse = TRAM_VERDICT_AMBIGUOUS;
        } else if (!mostly(&base) || !mostly(&head)) {
            c->not_compared[i] = true;
            continue;
        } else if (head.median > base.median) {
            worse = TRAM_VERDICT_REGRESSED;
        } else {
            worse = look_above(p, i, &base, level, change);
            if (change->above)
                change->base = base.most, change->head = head.most;
            else if (base.median == head.median)
                continue;
        }
        c->change_count++;
        c->verdict = worse > c->verdict ? worse : c->verdict;
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
