/* SPDX-License-Identifier: Apache-2.0 */
#include "plots/comparison.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>

static bool take(const json_t *one, const char *key, double *out) {
    const json_t *v = json_object_get(one, key);
    double number = json_is_number(v) ? json_number_value(v) : NAN;
    if (!(number >= 1e-9 && number <= 1e9)) /* a ratio of times */
        return false;
    *out = number;
    return true;
}

int tram__comparison_case(const json_t *comparison, size_t index, struct tram__comparison_case *out,
                          char *why, size_t why_size) {
    const json_t *one = json_array_get(json_object_get(comparison, "cases"), index);
    struct tram__comparison_case c = {.name = json_string_value(json_object_get(one, "name")),
                                      .verdict = json_string_value(json_object_get(one, "verdict"))};
    const char *field = NULL;
    if (!c.name || !*c.name) {
        snprintf(why, why_size, "cases[%zu].name: a text is wanted", index);
        return -1;
    }
    if (!take(one, "ratio", &c.ratio))
        field = "ratio";
    c.low = c.high = c.ratio;
    if (!field && json_is_number(json_object_get(one, "low")) && !take(one, "low", &c.low))
        field = "low";
    if (!field && json_is_number(json_object_get(one, "high")) && !take(one, "high", &c.high))
        field = "high";
    if (field) {
        snprintf(why, why_size, "cases[%zu].%s: a number above 0 is wanted", index, field);
        return -1;
    }
    c.verdict = c.verdict ? c.verdict : "";
    *out = c;
    return 0;
}

size_t tram__comparison_count(const json_t *comparison) {
    return json_array_size(json_object_get(comparison, "cases"));
}

double tram__comparison_delta(const json_t *comparison) {
    const json_t *v = json_object_get(comparison, "delta");
    double delta = json_is_number(v) ? json_number_value(v) : NAN;
    return delta > 0 && delta < 1 ? delta : NAN;
}
