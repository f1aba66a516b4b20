/* SPDX-License-Identifier: Apache-2.0
 *
 * The parts of a comparison. For compare.c. Each 0, or -1 when memory ran out.
 */
#ifndef TRAM_RESULTS_COMPARE_PARTS_H
#define TRAM_RESULTS_COMPARE_PARTS_H

#include "results/compare.h"
#include "results/samples.h"

/* The rows of a case that both arms have. */
struct tram__pair {
    const struct tram__rows *base, *head;
};

/* Appends a line. */
int tram__line(struct tram_lines *l, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* compare_arms.c: fills in everything of `out`, whose arms are given. -1 with a line in `why`. */
int tram__arms_compare(struct tram_arms *out, const struct tram_decide_options *o, char *why,
                       size_t why_size);
void tram__arms_free(struct tram_arms *a);

/* compare_pairing.c: fills in paired, apart and blocks. */
int tram__find_pairing(struct tram_arms *a, const struct tram__pair *pairs);

/* compare_counters.c: what is exact of one case, whose verdict it may make worse. `level`: the chance that rows of one program,
 * whose counters vary, are told from each other, for each counter. */
int tram__compare_counters(const struct tram__pair *p, double level, struct tram_case *c);

/* The same: adds a note of what could not be compared for want of figures. */
int tram__compare_uncounted(const struct tram_arms *a, struct tram_lines *notes);

/* compare_load.c: fills in load. */
int tram__compare_load(struct tram_arms *a, const struct tram__pair *pairs, double alpha);

/* compare_context.c: adds why the sets are not alike. */
int tram__compare_context(const struct tram_result_set *base, const struct tram_result_set *head,
                          const char *head_name, struct tram_lines *advice, struct tram_lines *notes);

#endif
