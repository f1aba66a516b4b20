/* SPDX-License-Identifier: Apache-2.0 */
#include "plots/set.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "results/statistics.h"

static double field(const struct tram__row *r, size_t offset) {
    double v;
    memcpy(&v, (const char *)r + offset, sizeof v);
    return v;
}

struct tram__range tram__range_of(const struct tram__cell *c, size_t offset) {
    struct tram__range out = {NAN, NAN, NAN, 0};
    if (!c)
        return out;
    double *v = tram__needed(malloc(c->count * sizeof *v));
    for (uint32_t i = 0; i < c->count; i++)
        if (!isnan(field(c->rows[i], offset)))
            v[out.count++] = field(c->rows[i], offset);
    if (out.count) {
        tram_sort(v, out.count);
        out.low = v[0];
        out.mid = tram_percentile_sorted(v, out.count, 0.5);
        out.high = v[out.count - 1];
    }
    free(v);
    return out;
}

bool tram__unsteady(const struct tram__cell *c) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < c->count; i++)
        count += c->rows[i]->unsteady;
    return 2 * count > c->count;
}

/* ---- intervals of a median: order statistics, whose coverage is that of the sign test ---- */

/* How many repetitions are left off at either end: as many as leave 95 per cent, none where nothing does. */
static uint32_t trimmed(uint32_t n, double *coverage) {
    double term = n <= 1000 ? pow(0.5, n) : 0, below = term; /* binomial(n, 1/2) up to k */
    uint32_t k = 0;
    *coverage = 1 - 2 * below;
    while (n <= 1000 && k + 1 < n / 2) {
        term *= (double)(n - k) / (k + 1);
        if (2 * (below + term) > 0.05)
            break;
        below += term;
        *coverage = 1 - 2 * below;
        k++;
    }
    return k;
}

double tram__coverage(uint32_t n) {
    double coverage;
    trimmed(n, &coverage);
    return n ? 100 * coverage : 0;
}

static struct tram__range ratios(const struct tram__cell *slow, const struct tram__cell *fast, bool rate) {
    size_t offset = rate ? offsetof(struct tram__row, execs_per_s) : offsetof(struct tram__row, p50_ns);
    struct tram__range out = {NAN, NAN, NAN, 0};
    if (!slow || !fast)
        return out;
    double base = tram__range_of(slow, offset).mid, head = tram__range_of(fast, offset).mid, coverage;
    double *v = tram__needed(malloc(fast->count * sizeof *v));
    for (uint32_t i = 0; i < fast->count; i++)
        for (uint32_t k = 0; k < slow->count; k++) {
            if (slow->rows[k]->repetition != fast->rows[i]->repetition)
                continue;
            double a = field(slow->rows[k], offset), b = field(fast->rows[i], offset);
            if (!isnan(a) && !isnan(b))
                v[out.count++] = rate ? b / a : a / b;
            break;
        }
    out.mid = rate ? head / base : base / head;
    out.low = out.high = out.mid;
    if (out.count) {
        uint32_t k = trimmed(out.count, &coverage);
        tram_sort(v, out.count);
        out.low = fmin(v[k], out.mid);
        out.high = fmax(v[out.count - 1 - k], out.mid);
    }
    free(v);
    return out;
}

bool tram__by_rate(const struct tram__set *s, const struct tram__at *at) {
    return at->v[TRAM__AXIS_INFLIGHT] > 1 && !s->open;
}

struct tram__range tram__gain(const struct tram__set *s, unsigned mode, unsigned base,
                              const struct tram__at *at) {
    return ratios(tram__cell_at(s, base, at), tram__cell_at(s, mode, at), tram__by_rate(s, at));
}

int tram__fastest_eager(const struct tram__set *s, const struct tram__at *at) {
    int fastest = -1;
    double best = NAN;
    for (unsigned m = 0; m < s->mode_count; m++) {
        const struct tram__cell *c = tram__cell_at(s, m, at);
        if (s->modes[m].role != TRAM__ROLE_EAGER || !c)
            continue;
        double t = tram__by_rate(s, at) ? 1 / TRAM__RANGE(c, execs_per_s).mid : TRAM__RANGE(c, p50_ns).mid;
        if (isnan(t) || t >= best)
            continue;
        best = t;
        fastest = (int)m;
    }
    return fastest;
}

/* ---- names ---- */

const char *tram__point_name(const struct tram__set *s, const struct tram__at *at, char *out, size_t size) {
    char bytes[TRAM__CELL];
    uint64_t actors = at->v[TRAM__AXIS_ACTORS], inflight = at->v[TRAM__AXIS_INFLIGHT];
    size_t used = (size_t)snprintf(out, size, "%s", tram__print_bytes(at->v[TRAM__AXIS_BYTES], bytes));
    if (used < size && (s->value_count[TRAM__AXIS_ACTORS] > 1 || actors > 1))
        used += (size_t)snprintf(out + used, size - used, ", %llu %.*s%s", (unsigned long long)actors,
                                 (int)strlen(s->actors_word) - 1, s->actors_word, actors == 1 ? "" : "s");
    if (used < size && (s->value_count[TRAM__AXIS_INFLIGHT] > 1 || inflight > 1))
        snprintf(out + used, size - used, ", %llu in flight", (unsigned long long)inflight);
    return out;
}

const char *tram__set_name(const struct tram__set *s, char *out, size_t size) {
    char scenario[TRAM__NAME], source[TRAM__NAME / 2];
    size_t used =
        (size_t)snprintf(out, size, "%s%s%s", tram__plot_text(s->scenario, scenario, sizeof scenario),
                         *s->variant ? ", " : "", s->variant);
    if (s->source && used < size)
        snprintf(out + used, size - used, " (%s)", tram__plot_text(s->source, source, sizeof source));
    return out;
}
