/* SPDX-License-Identifier: Apache-2.0
 *
 * A comparison of two builds, as far as it is shown: what `compare --json` writes, in which all else is passed over.
 *
 *   {"tramline_comparison_version": 1,
 *    "verdict": "REGRESSED",                of all of it; "gates": false where it is no more than advice
 *    "delta": 0.05,                         what counts as a change, as a ratio less 1
 *    "environment": [], "advice": [], "refusals": [], "notes": [],       lines of text
 *    "missing": [], "new": [],              names of cases that one side alone has
 *    "cases": [{"name": "roundtrip/...",
 *               "verdict": "OK",
 *               "delta": 0.05,              the one in force: more where the timer is coarse
 *               "p50": {"ratio": 1.02,      head over base: above 1 is slower
 *                       "low": 0.99, "high": 1.04},   its interval; null: no bound is known
 *               "counters_changed": [{"name": "copies_per_exec", "base": 2, "head": 3}]}]}
 */
#ifndef TRAM_PLOTS_COMPARISON_H
#define TRAM_PLOTS_COMPARISON_H

#include <stdint.h>

#include <jansson.h>

struct tram__comparison_case {
    const char *name, *verdict; /* borrowed from the input */
    double ratio, low, high;    /* NaN: not known; low and high: both or none */
    double delta;               /* or NaN */
    const json_t *changes;      /* counters_changed */
};

/* One case; 0, or -1 with its field's name and what is wrong with it in `why` ("cases[3].p50.ratio: ..."). */
int tram__comparison_case(const json_t *comparison, size_t index, struct tram__comparison_case *out,
                          char *why, size_t why_size);
size_t tram__comparison_count(const json_t *comparison);
/* NaN when there is none. */
double tram__comparison_delta(const json_t *comparison);
/* All of it, as above. */
int tram__comparison_check(const json_t *comparison, char *why, size_t why_size);

#endif
