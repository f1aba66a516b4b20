/* SPDX-License-Identifier: Apache-2.0
 *
 * What the plots are made from: result files, and beside them comparisons and summaries of traces, told apart by
 * what is in them. A file is foreign until proven otherwise: everything that is drawn has been checked here, and
 * bad input is one line that names the file and the field.
 */
#ifndef TRAM_PLOTS_ROWS_H
#define TRAM_PLOTS_ROWS_H

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
    double compute_ns, comm_ns, total_ns; /* of a case that overlaps both; compute and comm: each alone */
};

struct tram__input {
    enum tram__input_kind kind;
    const char *path; /* borrowed */
    json_t *json; /* all of it; the context and what belongs to another kind of input are taken from here */
    struct tram__row *rows;
    uint32_t row_count;
};

/* 0, or -1 with one line in `why` (TRAM__WHY bytes) and nothing to close. */
int tram__input_read(const char *path, struct tram__input *out, char *why);
void tram__input_close(struct tram__input *in);

/* Follows keys ("machine/kernel") from an object; NULL when a step is missing. */
const json_t *tram__json_at(const json_t *from, const char *keys);
/* The same for values: NaN, or "", when it is no finite number or no text. */
double tram__json_number(const json_t *from, const char *keys);
const char *tram__json_text_at(const json_t *from, const char *keys);

#endif
