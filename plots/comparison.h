/* SPDX-License-Identifier: Apache-2.0
 *
 * A comparison of two builds, as far as it is drawn. The schema, in which all else is passed over:
 *
 *   {"delta": 0.05,                         what counts as a change, as a ratio less 1; or null
 *    "cases": [{"name": "roundtrip/...",
 *               "ratio": 1.02,              head over base: above 1 is slower
 *               "low": 0.99, "high": 1.04,  its interval; null where there is none
 *               "verdict": "OK"}]}          or null
 */
#ifndef TRAM_PLOTS_COMPARISON_H
#define TRAM_PLOTS_COMPARISON_H

#include <stdint.h>

#include <jansson.h>

struct tram__comparison_case {
    const char *name, *verdict; /* borrowed from the input; verdict: "" when there is none */
    double ratio, low, high;    /* low and high: ratio, where there is no interval */
};

/* One case; 0, or -1 with its field's name and what is wrong with it in `why` ("cases[3].ratio: ..."). */
int tram__comparison_case(const json_t *comparison, size_t index, struct tram__comparison_case *out,
                          char *why, size_t why_size);
size_t tram__comparison_count(const json_t *comparison);
/* NaN when there is none. */
double tram__comparison_delta(const json_t *comparison);

#endif
