/* SPDX-License-Identifier: Apache-2.0
 *
 * A comparison as text, each form for its readers: people, scripts, CI. Into a stream that the caller looks after.
 */
#ifndef TRAM_RESULTS_COMPARE_WRITE_H
#define TRAM_RESULTS_COMPARE_WRITE_H

#include <stdio.h>

#include "results/compare.h"

enum { TRAM_COMPARISON_VERSION = 1 };

/* Each 0, or -1 when memory ran out. */
int tram_comparison_table(const struct tram_comparison *c, FILE *f);
int tram_comparison_markdown(const struct tram_comparison *c, FILE *f);
int tram_comparison_json(const struct tram_comparison *c, FILE *f);
int tram_comparison_csv(const struct tram_comparison *c, FILE *f);
int tram_comparison_junit(const struct tram_comparison *c, FILE *f);
/* The head alone, a row a case, medians: what Google Benchmark's compare.py takes for a run. */
int tram_comparison_gbench(const struct tram_comparison *c, FILE *f);
/* The same in Bencher's metric format: of each case the latency in ns and the throughput in executions per second, each the median,
 * the smallest and the largest of its rows. */
int tram_comparison_bencher(const struct tram_comparison *c, FILE *f);

/* ---- What they share. Texts of a line; every function returns `out` ---- */

enum { TRAM__LINE = 800 };

char *tram__time_text(double ns, char *out, size_t size);     /* "343 ns", "1.08 us" */
char *tram__ratio_text(double ratio, char *out, size_t size); /* "1.080"; "-" for what is not known */
char *tram__interval_text(double low, double high, char *out, size_t size); /* "1.071 to 1.092" */
char *tram__percent_text(double part, char *out, size_t size);              /* "1.2%" */
/* "REGRESSED: 1 of 5 cases, 1 missing": what is to be known first. */
char *tram__summary_text(const struct tram_comparison *c, char *out, size_t size);
/* "copies_per_exec went from 2 to 3" */
char *tram__change_text(const struct tram_counter_change *k, char *out, size_t size);
/* "Largest sd of r per block: 2.1% (...). ..." */
char *tram__sensitivity_text(const struct tram_comparison *c, char *out, size_t size);
/* What the columns mean, of this comparison. */
char *tram__legend_text(const struct tram_comparison *c, char *out, size_t size);

#endif
