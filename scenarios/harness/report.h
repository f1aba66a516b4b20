/* SPDX-License-Identifier: Apache-2.0
 *
 * What a person reads (standard output) and what tools read (the result file).
 */
#ifndef TRAM_HARNESS_REPORT_H
#define TRAM_HARNESS_REPORT_H

#include <stdio.h>

#include "harness/samples.h"
#include "harness/settings.h"
#include "harness/trial.h"
#include "results/environment.h"
#include "results/result.h"

struct tram_run_device {
    const char *name; /* as it was asked for */
    struct tram_device_info info;
};

/* Everything measured in one run. trials: [point][mode][repetition]; those of modes that were not asked
 * for, and of a case after it failed, stay untouched. */
struct tram_run {
    const struct tram_scenario *scenario;
    const struct tram_settings *settings;
    struct tram_environment environment;
    enum tram_transport picked; /* of a transfer: how its largest tensors travel, compiled; */
    struct tram_run_device devices[TRAM_MAX_DEVICES]; /* and on what */
    unsigned device_count;
    struct tram_trial *trials;
    struct tram_trial *traced;    /* [point][mode], where a trace was asked for; else NULL */
    struct tram_samples *samples; /* NULL: not asked for */
    struct tram_floor *floors;    /* one per repetition */
    size_t floor_count;           /* how many of them were measured */
    struct tram_floor floor;      /* their median */
};

struct tram_trial *tram_run_trial(const struct tram_run *r, size_t point, int mode, uint64_t repetition);
/* How many repetitions of a case were measured; and the trial by which it failed, after which it is not tried again, or NULL. */
uint64_t tram_run_measured(const struct tram_run *r, size_t point, int mode);
const struct tram_trial *tram_run_failed(const struct tram_run *r, size_t point, int mode);
/* "roundtrip/mode:compiled/size:1/actors:1/inflight:1" into `out`. */
void tram_case_name(const struct tram_run *r, size_t point, int mode, char *out, size_t out_size);

/* Whether the run is possible: its outputs, its traces, and a transfer's devices and memory, which it notes in `r`; draws what is to
 * be drawn. 0, or an exit status after a line. (prepare.c) */
int tram_run_prepare(struct tram *t, struct tram_run *r);
/* The request for one trial. */
struct tram_trial tram_run_request(const struct tram_run *r, size_t point, int mode, uint64_t repetition);
/* Whether all the traces that are asked for can be written, before anything is measured: 0, or -1 with the error set. */
int tram_run_try_trace(const struct tram_run *r);
/* Runs every case but the limit, and but those that failed, once more, traced (trace.c): 0, or -1 with `why`. */
int tram_run_traced(struct tram_run *r, char *program, char *why);

void tram_report_header(const struct tram_run *r);
void tram_report_table(const struct tram_run *r);
/* The lines below it: what disturbed the figures, and what they are of the floors. */
void tram_report_notes(const struct tram_run *r, FILE *f);
/* Its last lines: what failed, and who could not keep up with an open loop; how to read it. */
void tram_report_missed(const struct tram_run *r, FILE *f);
void tram_report_legend(const struct tram_run *r, FILE *f);
/* The figures of a trial. Whose they are (name, repetition, block, scenario and mode), counters and labels are still to be set. */
struct tram_row tram_trial_row(const struct tram_trial *t);
/* Write the result file (json, and its rows as csv: either may be NULL); the table as Markdown. 0 or -1 with `why`. */
int tram_report_rows(const struct tram_run *r, const char *json, const char *csv, char *why, size_t why_size);
int tram_report_markdown(const struct tram_run *r, const char *path, char *why, size_t why_size);

/* The files that are asked for (outputs.c). Whether they can be written, and are not the same: 0, or 2 after a line that names
 * option and path. */
int tram_outputs_try(const struct tram_run *r);
/* Writes all that can be written, also when another cannot. As above. */
int tram_outputs_write(const struct tram_run *r);
/* Which option, but for --trace, has this file; NULL: none. */
const char *tram_output_same(const struct tram_settings *s, const char *path);
/* `status`; or 2, after a line, where standard output is closed or something of it was lost. */
int tram_stdout_status(const char *program, int status);

#endif
