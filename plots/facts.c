/* SPDX-License-Identifier: Apache-2.0 */
#include "plots/facts.h"

#include <math.h>
#include <stdlib.h>

static int by_place(const void *a, const void *b) {
    const struct tram__at *x = a, *y = b;
    static const enum tram__axis order[] = {TRAM__AXIS_INFLIGHT, TRAM__AXIS_ACTORS, TRAM__AXIS_BYTES};
    for (int i = 0; i < TRAM__AXES; i++)
        if (x->v[order[i]] != y->v[order[i]])
            return x->v[order[i]] < y->v[order[i]] ? -1 : 1;
    return 0;
}

struct tram__at *tram__cases(const struct tram__set *s, uint32_t *count) {
    struct tram__at *at = tram__needed(malloc((s->cell_count + 1) * sizeof *at));
    uint32_t unique = 0;
    for (uint32_t i = 0; i < s->cell_count; i++)
        at[i] = s->cells[i].at;
    qsort(at, s->cell_count, sizeof *at, by_place);
    for (uint32_t i = 0; i < s->cell_count; i++)
        if (!unique || by_place(&at[unique - 1], &at[i]) != 0)
            at[unique++] = at[i];
    *count = unique;
    return at;
}

static struct tram__fact fact_of(const struct tram__set *s, const struct tram__at *at) {
    int compiled = tram__mode_of(s, TRAM__ROLE_COMPILED), limit = tram__mode_of(s, TRAM__ROLE_LIMIT);
    struct tram__fact f = {*at, -1, {NAN, NAN, NAN, 0}, NAN, NAN, NAN, NAN};
    f.eager = tram__fastest_eager(s, at);
    if (compiled >= 0)
        f.compiled_ns = TRAM__RANGE(tram__cell_at(s, (unsigned)compiled, at), p50_ns).mid;
    if (compiled >= 0 && f.eager >= 0) {
        f.gain = tram__gain(s, (unsigned)compiled, (unsigned)f.eager, at);
        f.eager_ns = TRAM__RANGE(tram__cell_at(s, (unsigned)f.eager, at), p50_ns).mid;
    }
    if (compiled >= 0 && limit >= 0) {
        f.over_limit = tram__gain(s, (unsigned)limit, (unsigned)compiled, at).mid;
        f.limit_ns = TRAM__RANGE(tram__cell_at(s, (unsigned)limit, at), p50_ns).mid;
    }
    return f;
}

bool tram__told(const struct tram__range *gain) {
    return gain->count < 2 || gain->low > 1 || gain->high < 1;
}

static bool gains_more(const struct tram__range *a, const struct tram__range *b) {
    bool told = tram__told(a);
    return told != tram__told(b) ? told : a->mid > b->mid;
}

static void take(struct tram__facts *out, uint32_t i) {
    const struct tram__fact *f = &out->at[i];
    if (!isnan(f->gain.mid)) {
        if (!out->gains || gains_more(&f->gain, &out->at[out->best].gain))
            out->best = i;
        if (!out->gains || f->gain.mid < out->at[out->worst].gain.mid)
            out->worst = i;
        if (!out->gains || f->gain.count < out->repetitions)
            out->repetitions = f->gain.count;
        out->gains++;
    }
    if (!isnan(f->over_limit)) {
        if (!out->limits || f->over_limit < out->at[out->nearest].over_limit)
            out->nearest = i;
        if (!out->limits || f->over_limit > out->at[out->farthest].over_limit)
            out->farthest = i;
        out->limits++;
    }
}

void tram__facts_make(const struct tram__set *s, struct tram__facts *out) {
    uint32_t cases;
    struct tram__at *at = tram__cases(s, &cases);
    *out = (struct tram__facts){.at = tram__needed(malloc((cases + 1) * sizeof *out->at))};
    for (uint32_t i = 0; i < cases; i++) {
        struct tram__fact f = fact_of(s, &at[i]);
        if (isnan(f.compiled_ns))
            continue;
        out->at[out->count] = f;
        take(out, out->count++);
    }
    free(at);
}

void tram__facts_free(struct tram__facts *f) {
    free(f->at);
    *f = (struct tram__facts){0};
}
