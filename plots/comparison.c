/* SPDX-License-Identifier: Apache-2.0 */
#include "plots/comparison.h"

#include <math.h>
#include <stdio.h>

#include "plots/rows.h"

/* A ratio of times; null is none, and NaN. */
static int take(const json_t *one, const char *key, double *out) {
    const json_t *v = tram__json_at(one, key);
    double number = json_is_number(v) ? json_number_value(v) : NAN;
    *out = number;
    return json_is_null(v) || (number > 0 && number <= 1e100) ? 0 : -1;
}

/* The first of two that is wrong, or NULL. */
static const char *take_interval(const json_t *one, struct tram__comparison_case *c) {
    static const char *const keys[] = {"p50/ratio", "p50/low", "p50/high"}, *const names[] = {"p50.ratio",
                                                                                              "p50.low",
                                                                                              "p50.high"};
    double *const to[] = {&c->ratio, &c->low, &c->high};
    for (int i = 0; i < 3; i++)
        if (take(one, keys[i], to[i]))
            return names[i];
    if (isnan(c->ratio + c->low + c->high))
        c->low = c->high = NAN;
    return NULL;
}

int tram__comparison_case(const json_t *comparison, size_t index, struct tram__comparison_case *out,
                          char *why, size_t why_size) {
    const json_t *one = json_array_get(json_object_get(comparison, "cases"), index);
    struct tram__comparison_case c = {.name = tram__json_text_at(one, "name"),
                                      .verdict = tram__json_text_at(one, "verdict"),
                                      .delta = tram__json_number(one, "delta"),
                                      .changes = json_object_get(one, "counters_changed")};
    if (!*c.name || !*c.verdict) {
        snprintf(why, why_size, "cases[%zu].%s: a text is wanted", index, *c.name ? "verdict" : "name");
        return -1;
    }
    const char *wrong = take_interval(one, &c);
    if (wrong) {
        snprintf(why, why_size, "cases[%zu].%s: a number above 0 is wanted, or null", index, wrong);
        return -1;
    }
    *out = c;
    return 0;
}

size_t tram__comparison_count(const json_t *comparison) {
    return json_array_size(json_object_get(comparison, "cases"));
}

double tram__comparison_delta(const json_t *comparison) {
    double delta = tram__json_number(comparison, "delta");
    return delta > 0 && delta < 1 ? delta : NAN;
}

int tram__comparison_check(const json_t *comparison, char *why, size_t why_size) {
    const json_t *version = json_object_get(comparison, "tramline_comparison_version");
    struct tram__comparison_case c;
    size_t count = tram__comparison_count(comparison);
    if (json_integer_value(version) != 1) {
        snprintf(why, why_size, "tramline_comparison_version: 1 is wanted");
        return -1;
    }
    if (!*tram__json_text_at(comparison, "verdict")) {
        snprintf(why, why_size, "verdict: a text is wanted");
        return -1;
    }
    for (size_t i = 0; i < count; i++)
        if (tram__comparison_case(comparison, i, &c, why, why_size))
            return -1;
    if (count || json_array_size(json_object_get(comparison, "missing")) ||
        json_array_size(json_object_get(comparison, "new")))
        return 0;
    snprintf(why, why_size, "cases: there are none");
    return -1;
}
