/* SPDX-License-Identifier: Apache-2.0
 *
 * Compares two sets of results, case by case: the times by rank tests (decide.h), counters exactly, and whether the
 * machine was the same for both. No I/O.
 */
#ifndef TRAM_RESULTS_COMPARE_H
#define TRAM_RESULTS_COMPARE_H

#include "results/decide.h"
#include "results/rank_tests.h"
#include "results/read.h"

enum { TRAM_EXACT_COUNTERS = 6, TRAM_LOADS = 5 };

/* The median of an exact counter, where the arms differ; NaN: that arm's runs have no figure in common. Where the medians are one
 * and some rows of the head have more than any of the base, it is the largest of each. */
struct tram_counter_change {
    const char *name;
    double base, head;
    size_t above, rows; /* so many of the head's, of those with a figure; 0: it is the medians that differ */
};

struct tram_case {
    const char *name;
    enum tram_verdict verdict; /* that of the time, REGRESSED when a counter went up, and no better than
                                AMBIGUOUS when one is not exact any more, or was not, or is larger in a few rows */
    struct tram_decision time;
    double base_ns, head_ns; /* medians */
    size_t base_count, head_count;
    size_t p99_count;         /* blocks that have both; 0: p99 says nothing. Unpaired: always 0 */
    struct tram_estimate p99; /* of the ratio; advisory */
    struct tram_counter_change changes[TRAM_EXACT_COUNTERS];
    unsigned change_count;
    bool not_compared[TRAM_EXACT_COUNTERS]; /* too few rows have a figure, in both arms */
};

/* Whether one arm was disturbed more than the other, or waited differently, by a counter of what the machine did. */
struct tram_load {
    const char *name;
    bool
        crowded; /* of cases whose actors and driver outnumber the CPUs; else of the others, or (steal) all */
    double margin;     /* the difference that is let pass; crowded: the ratio */
    double base, head; /* means; NaN: not counted */
    double shift;      /* head less base; crowded: head over base. Hodges-Lehmann */
    double p;          /* of a difference beyond the margin, Bonferroni-adjusted */
    bool flagged;
};

/* Two arms. Names belong to the sets. */
struct tram_arms {
    const struct tram_result_set *base, *head;
    bool paired;
    char apart[400];         /* why they are not interleaved, or not known to be; empty: they are */
    double timer_step_ns;    /* the largest that a file of the base tells; 0: none does */
    size_t blocks;           /* paired: of the case with the most */
    struct tram_case *cases; /* in the base's order */
    size_t case_count;
    const char **missing, **added; /* in the base only; in the head only */
    size_t missing_count, added_count;
    struct tram_load load[TRAM_LOADS];
};

/* Lines of text. */
struct tram_lines {
    char **at;
    size_t count;
};

struct tram_comparison {
    struct tram_decide_options options;
    struct tram_arms arms;
    struct tram_arms again; /* the base against its copy; no cases: there is none */
    enum tram_verdict verdict;
    int exit_status; /* 0, 1 (REGRESSED, or a case is missing), 3 (AMBIGUOUS), 4 (ENVIRONMENT) */
    struct tram_lines environment; /* what makes it ENVIRONMENT */
    struct tram_lines advice;   /* why verdicts are advice only: not interleaved, other machine or options */
    struct tram_lines refusals; /* why nothing can be gated: too few blocks, a coarse timer */
    struct tram_lines notes;    /* what else differs */
};

/* `again`: a copy of the base, built apart; or NULL. The sets must outlive the comparison. 0, or -1 with a line in why. */
int tram_compare(const struct tram_result_set *base, const struct tram_result_set *head,
                 const struct tram_result_set *again, const struct tram_decide_options *o,
                 struct tram_comparison *out, char *why, size_t why_size);
void tram_comparison_free(struct tram_comparison *c);

#endif
