/* SPDX-License-Identifier: Apache-2.0 */
#include "results/compare.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "results/compare_parts.h"
#include "results/plain.h"

int tram__line(struct tram_lines *l, const char *format, ...) {
    char **more = realloc(l->at, (l->count + 1) * sizeof *more), *text;
    va_list args;
    if (!more)
        return -1;
    l->at = more;
    va_start(args, format);
    int n = vasprintf(&text, format, args);
    va_end(args);
    if (n < 0)
        return -1;
    l->at[l->count++] = tram__plain(text); /* what a file says of its machine may have anything in it */
    return 0;
}

static void free_lines(struct tram_lines *l) {
    for (size_t i = 0; i < l->count; i++)
        free(l->at[i]);
    free(l->at);
}

/* ---- Environment: the base's copy differs from it, or the arms were loaded, or waited, differently ---- */

static int look_at_load(struct tram_comparison *c, const struct tram_arms *a, const char *head_name) {
    for (size_t i = 0; i < TRAM_LOADS; i++) {
        const struct tram_load *l = &a->load[i];
        if (l->flagged &&
            tram__line(&c->environment,
                       "arms loaded, or waiting, differently: %s%s is %.4g in the base, %.4g in the %s",
                       l->name, l->crowded ? ", of crowded cases," : "", l->base, l->head, head_name))
            return -1;
    }
    return 0;
}

/* Of the base and its copy. Where runs may disagree, that those of one do says nothing. */
static int look_at_change(struct tram_comparison *c, const char *name, const struct tram_counter_change *k) {
    bool no_base = isnan(k->base);
    if (no_base || isnan(k->head))
        return tram__line(&c->notes, "%s: %s is %.10g in the %s, and not counted in the %s", name, k->name,
                          no_base ? k->head : k->base, no_base ? "base's copy" : "base",
                          no_base ? "base" : "base's copy");
    return k->above
               ? tram__line(
                     &c->environment,
                     "the base differs from its own copy: %s, %s is %.10g and, in %zu of %zu rows, %.10g",
                     name, k->name, k->base, k->above, k->rows, k->head)
               : tram__line(&c->environment, "the base differs from its own copy: %s, %s is %.10g and %.10g",
                            name, k->name, k->base, k->head);
}

static int look_at_again(struct tram_comparison *c) {
    for (size_t i = 0; i < c->again.case_count; i++) {
        const struct tram_case *k = &c->again.cases[i];
        if ((k->time.verdict == TRAM_VERDICT_REGRESSED || k->time.verdict == TRAM_VERDICT_IMPROVED) &&
            tram__line(&c->environment, "the base differs from its own copy: %s, ratio %.3f", k->name,
                       k->time.ratio))
            return -1;
        for (unsigned n = 0; n < k->change_count; n++)
            if (look_at_change(c, k->name, &k->changes[n]))
                return -1;
    }
    return look_at_load(c, &c->again, "copy");
}

/* ---- What is only advice, and what cannot be said at all ---- */

static int look_at_pairing(struct tram_comparison *c, const struct tram_arms *a, const char *of) {
    return !a->apart[0] ? 0
                        : tram__line(&c->advice, "%snot interleaved; drift not excluded (%s)", of, a->apart);
}

/* A file that two sets have, or a copy of it, is no run of each: what is compared with itself is always well. */
static int look_at_files(struct tram_comparison *c, const struct tram_result_set *a, const char *a_name,
                         const struct tram_result_set *b, const char *b_name) {
    for (size_t i = 0; i < a->file_count; i++)
        for (size_t k = 0; k < b->file_count; k++) {
            const struct tram_result_file *x = &a->files[i], *y = &b->files[k];
            bool same = x->inode == y->inode && x->device == y->device;
            if (x->inode && (same || json_equal(x->json, y->json)))
                return tram__line(&c->advice, "%.200s of the %s and %.200s of the %s are the same %s",
                                  x->path, a_name, y->path, b_name, same ? "file" : "run");
        }
    return 0;
}

/* A load that one arm alone has figures of cannot be compared, and may be what the other hides. */
static int look_at_recorded(struct tram_comparison *c, const struct tram_arms *a, const char *head_name) {
    for (size_t i = 0; i < TRAM_LOADS; i++) {
        const struct tram_load *l = &a->load[i];
        if (isnan(l->base) != isnan(l->head) &&
            tram__line(&c->advice, "%s%s was recorded in the %s only, not in the %s", l->name,
                       l->crowded ? ", of crowded cases," : "", isnan(l->base) ? head_name : "base",
                       isnan(l->base) ? "base" : head_name))
            return -1;
    }
    return 0;
}

/* The copy shows nothing either where it has too few blocks: it has as many as the others when it is paired. */
static int look_at_counts(struct tram_comparison *c) {
    size_t few = 0, least = 0, most = 0;
    for (size_t i = 0; i < c->arms.case_count; i++) {
        const struct tram_case *k = &c->arms.cases[i];
        size_t n = k->base_count < k->head_count ? k->base_count : k->head_count;
        if (k->time.enough)
            continue;
        few++;
        least = k->time.least;
        most = n > most ? n : most;
    }
    const char *advice = c->arms.paired ? "run ci/gate with --blocks=" : "run both with --repetitions=";
    return !few
               ? 0
               : tram__line(&c->refusals,
                            "%zu of %zu cases have too few %s to be significant: at most %zu, %zu are needed "
                            "(%s%zu or more%s)",
                            few, c->arms.case_count, c->arms.paired ? "blocks" : "repetitions", most, least,
                            advice, least, c->arms.paired ? "" : ", or use ci/gate");
}

/* What a timer can tell of a case that is too short for it is next to nothing. */
static int look_at_floors(struct tram_comparison *c) {
    const struct tram_case *worst = NULL;
    size_t coarse = 0;
    for (size_t i = 0; i < c->arms.case_count; i++) {
        const struct tram_case *k = &c->arms.cases[i];
        coarse += k->time.coarse;
        if (k->time.coarse && (!worst || k->time.delta > worst->time.delta))
            worst = k;
    }
    return !worst
               ? 0
               : tram__line(
                     &c->refusals,
                     "%zu of %zu cases are too short for the timer: twice its step is %.3g times the p50 of "
                     "%s, and more than %d times delta",
                     coarse, c->arms.case_count, worst->time.delta, worst->name, TRAM_DECIDE_COARSE);
}

/* What would have been asked of figures that are not there. */
static int look_at_absent(struct tram_comparison *c) {
    unsigned recorded = 0;
    for (size_t i = 0; i < TRAM_LOADS; i++)
        recorded += !isnan(c->arms.load[i].base) && !isnan(c->arms.load[i].head);
    if (!recorded &&
        tram__line(&c->notes,
                   "whether the arms were loaded alike cannot be told: %s, %s and %s were not recorded",
                   c->arms.load[0].name, c->arms.load[1].name, c->arms.load[2].name))
        return -1;
    return c->arms.timer_step_ns > 0 ? 0 : tram__line(&c->notes, "the timer's step was not recorded");
}

static void conclude(struct tram_comparison *c) {
    static const int statuses[] = {0, 0, 3, 1, 4};
    c->verdict = c->arms.missing_count ? TRAM_VERDICT_REGRESSED : TRAM_VERDICT_OK;
    for (size_t i = 0; i < c->arms.case_count; i++)
        if (c->arms.cases[i].verdict > c->verdict && c->arms.cases[i].verdict != TRAM_VERDICT_IMPROVED)
            c->verdict = c->arms.cases[i].verdict;
    if (c->environment.count) {
        c->verdict = TRAM_VERDICT_ENVIRONMENT;
        for (size_t i = 0; i < c->arms.case_count; i++)
            c->arms.cases[i].verdict = TRAM_VERDICT_ENVIRONMENT;
    }
    c->exit_status = statuses[c->verdict];
}

int tram_compare(const struct tram_result_set *base, const struct tram_result_set *head,
                 const struct tram_result_set *again, const struct tram_decide_options *o,
                 struct tram_comparison *out, char *why, size_t why_size) {
    struct tram_comparison c = {
        .options = *o, .arms = {.base = base, .head = head}, .again = {.base = base, .head = again}};
    int status = tram__arms_compare(&c.arms, o, why, why_size);
    if (!status && again)
        status = tram__arms_compare(&c.again, o, why, why_size);
    if (!status && c.again.missing_count) {
        snprintf(why, why_size, "%s: %s is missing, which the base has", again->path, c.again.missing[0]);
        status = -1;
    }
    if (!status) {
        snprintf(why, why_size, "out of memory");
        status = look_at_files(&c, base, "base", head, "head") || look_at_pairing(&c, &c.arms, "") ||
                         look_at_recorded(&c, &c.arms, "head") ||
                         tram__compare_context(base, head, "head", &c.advice, &c.notes) ||
                         look_at_load(&c, &c.arms, "head") || look_at_counts(&c) || look_at_floors(&c) ||
                         look_at_absent(&c) || tram__compare_uncounted(&c.arms, &c.notes)
                     ? -1
                     : 0;
    }
    if (!status && again)
        status = look_at_files(&c, base, "base", again, "copy") ||
                         look_at_files(&c, head, "head", again, "copy") ||
                         look_at_pairing(&c, &c.again, "the copy of the base: ") ||
                         look_at_recorded(&c, &c.again, "copy") ||
                         tram__compare_context(base, again, "copy", &c.advice, &c.notes) || look_at_again(&c)
                     ? -1
                     : 0;
    if (status) {
        tram_comparison_free(&c);
        return -1;
    }
    conclude(&c);
    *out = c;
    return 0;
}

void tram_comparison_free(struct tram_comparison *c) {
    tram__arms_free(&c->arms);
    tram__arms_free(&c->again);
    free_lines(&c->environment);
    free_lines(&c->advice);
    free_lines(&c->refusals);
    free_lines(&c->notes);
}
