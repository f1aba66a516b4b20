/* SPDX-License-Identifier: Apache-2.0
 *
 * The report's page: one file that loads nothing, made of words, figures and tables. Every text of a file is
 * escaped where it is put in.
 */
#ifndef TRAM_PLOTS_PAGE_H
#define TRAM_PLOTS_PAGE_H

#include "plots/facts.h"
#include "plots/figure.h"

struct tram__trace {
    const char *path; /* as it was given or found */
    char *link;       /* from the page's folder, escaped for a link */
};

struct tram__page {
    FILE *out;
    const struct tram__input *inputs;
    unsigned input_count;
    const struct tram__sets *sets;
    struct tram__facts *facts; /* by set */
    const struct tram__figures *figures;
    const char *folder; /* where the pictures of the figures that are drawn lie */
    const struct tram__trace *traces;
    unsigned trace_count;
};

void tram__page_write(const struct tram__page *p);

/* ---- its parts ---- */

void tram__page_style(FILE *out);
void tram__page_summary(
    const struct tram__page *p); /* the answer: headline, sentences, a line for each set */
/* "REGRESSED: of 4 cases, head against base, 1 REGRESSED, 2 OK; 1 missing in the head." */
void tram__page_verdicts(const struct tram__page *p, const struct tram__input *comparison);
void tram__page_comparison(const struct tram__page *p, unsigned input);
/* The figures of a set, or, where it is NULL, of an input that has none. */
void tram__page_figures(const struct tram__page *p, const struct tram__set *set,
                        const struct tram__input *in);
void tram__page_point(FILE *o, const struct tram__set *s, const struct tram__at *at);
void tram__page_set_words(const struct tram__page *p, uint32_t set);
void tram__page_set_table(const struct tram__page *p, uint32_t set);
void tram__page_floors(const struct tram__page *p);
void tram__page_environment(const struct tram__page *p);
void tram__page_runs(const struct tram__page *p); /* what ran, and how quiet the machine was */
void tram__page_reading(const struct tram__page *p);

/* How many machines the results are of; into `each`, unless it is NULL, the first input of every one. */
unsigned tram__page_machines(const struct tram__page *p, const struct tram__input *each[]);

/* What of a run says that the machine was not quiet: the load when it began, and seconds that the host took; NaN
 * where that is nothing to warn of. */
void tram__page_noise(const struct tram__input *in, double *load, double *stolen_s);

#endif
