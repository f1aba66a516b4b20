/* SPDX-License-Identifier: Apache-2.0
 *
 * Figures over the repetitions of a run, and how they are written.
 */
#ifndef TRAM_HARNESS_REPORT_FIGURES_H
#define TRAM_HARNESS_REPORT_FIGURES_H

#include <math.h>

#include "harness/report.h"

enum { TRAM_CELL = 24, TRAM_PARTS_TEXT = 128 };

/* Into `out`, of TRAM_CELL bytes, which they return. NaN: "-". */
const char *tram_print_ns(double ns, char *out);
const char *tram_print_rate(double per_s, char *out);
const char *tram_print_ratio(double ratio, char *out);
const char *tram_print_percent(double share, char *out); /* share: 1 is 100% */
const char *tram_print_count(double count,
                             char *out); /* of an execution: three digits, or all of a whole number */
/* "1,1048576", for tools, into `out`, of TRAM_PARTS_TEXT bytes. */
const char *tram_print_parts(const struct tram_layout *l, char *out);

/* Median over the repetitions that have the figure; NaN when none has, as of a mode that was not asked for. */
double tram_figure(const struct tram_run *r, size_t point, int mode, size_t offset);
#define TRAM_FIGURE(r, point, mode, name) tram_figure((r), (point), (mode), offsetof(struct tram_trial, name))

/* Of most repetitions: an open loop's schedule ran away, so that its latencies say nothing; times climbed or fell. */
bool tram_fell_behind(const struct tram_run *r, size_t point, int mode);
uint64_t tram_times_behind(const struct tram_run *r, size_t point,
                           int mode); /* in how many repetitions it did */
bool tram_unsteady(const struct tram_run *r, size_t point, int mode);
/* A latency of a case, for a table: NaN where it fell behind. */
#define TRAM_LATENCY(r, point, mode, name) \
    (tram_fell_behind((r), (point), (mode)) ? (double)NAN : TRAM_FIGURE(r, point, mode, name))
/* The p99, likewise, in ns: NaN unless every repetition has one, for those that do are the faster ones. */
double tram_tail(const struct tram_run *r, size_t point, int mode);

/* Whether what is held against a floor took less than half as long: others had the CPUs while the floor was measured. */
bool tram_disturbed(double ns, double floor_ns);

/* How many times slower `mode` is than `base`: by latency, or by rate when executions overlap. */
double tram_slower(const struct tram_run *r, size_t point, int mode, int base);
/* How many times faster `mode` is than the fastest way measured to dispatch per call; NaN when there is none. */
double tram_gain_over_eager(const struct tram_run *r, size_t point, int mode);
/* How many such ways the run has. */
unsigned tram_eager_modes(const struct tram_run *r);

/* What the steps from one mode to the next take of the slowest, in one line: "of eager's 4.09 us: limit 7 %, ...". p50_ns:
 * by mode, NaN where there is none; tensors: calls copy what the graph leaves where it is. False, with nothing written, when fewer than two were measured. */
bool tram_ladder(const double p50_ns[TRAM_MODES], bool tensors, char *out, size_t size);

#endif
