/* SPDX-License-Identifier: Apache-2.0
 *
 * What the plots are made from: result files, and beside them comparisons and summaries of traces, told apart by
 * what is in them. A file is foreign until proven otherwise: everything that is drawn has been checked here, and
 * bad input is one line that names the file and the field.
 */
#ifndef TRAM_PLOTS_ROWS_H
#define TRAM_PLOTS_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

enum tram__input_kind { TRAM__INPUT_RESULT, TRAM__INPUT_COMPARISON, TRAM__INPUT_SUMMARY };

enum { TRAM__MAX_ROWS = 10000, TRAM__MAX_FILE = 64 << 20, TRAM__WHY = 512 };

/* One repetition of one case. Texts are borrowed from the input. NaN: not in the file; what is there is above 0. */
struct tram__row {
    const char *name, *scenario, *mode;
    const char *note; /* or NULL */
    uint64_t bytes;
    uint32_t actors; /* or receivers, as the case's name counts them */
    uint32_t inflight, repetition;
    double p5_ns, p50_ns, p90_ns, p95_ns, p99_ns, p999_ns;
    double tail_p50_ns; /* timed singly, as those above the median are */
    double execs_per_s, cpu_ns;
    double missed_share; /* of executions, those that began a period late or more; 0 is possible */
    bool unsteady;       /* over the pass its times climbed or fell by more than 5 %, beyond chance */
    bool open;           /* the rate is the schedule's: times are from when an execution was due */
    double compute_ns, comm_ns, total_ns; /* of a case that overlaps both; compute and comm: each alone */
};

/* A case that could not keep up with the rate it was asked for in some repetitions, which have no times. Where those
 * are most, the case is named and left out, as in the tables that the programs print. */
struct tram__late {
    const char *name; /* borrowed from the input */
    uint32_t repetitions, of;
    bool left_out;
};

struct tram__input {
    enum tram__input_kind kind;
    const char *path;  /* borrowed */
    const char *shown; /* of the path, what tells it from the other inputs */
    json_t *json; /* all of it; the context and what belongs to another kind of input are taken from here */
    struct tram__row *rows;
    uint32_t row_count;
    struct tram__late *late;
    uint32_t late_count;
};

/* 0, or -1 with one line in `why` (TRAM__WHY bytes) and nothing to close. */
int tram__input_read(const char *path, struct tram__input *out, char *why);
void tram__input_close(struct tram__input *in);

/* Sets what each is shown as: its file's name, and of the folders before it what is needed. */
void tram__inputs_name(struct tram__input *inputs, unsigned count);
/* The last part of a path. */
const char *tram__base_name(const char *path);
/* As far as their contexts tell. */
bool tram__same_machine(const struct tram__input *a, const struct tram__input *b);

/* Follows keys ("machine/kernel") from an object; NULL when a step is missing. */
const json_t *tram__json_at(const json_t *from, const char *keys);
/* The same for values: NaN, or "", when it is no finite number or no text. */
double tram__json_number(const json_t *from, const char *keys);
const char *tram__json_text_at(const json_t *from, const char *keys);

/* ---- for the files that read ---- */

/* One line into `why`, of TRAM__WHY bytes; -1. */
int tram__plots_fail(char *why, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* How a value stands in the file, for a message. */
const char *tram__json_shown(const json_t *v, char *out, size_t size);
/* The rows of a result file whose json is there. As tram__input_read; what is taken is the caller's to close. */
int tram__rows_take(struct tram__input *in, char *why);

#endif
