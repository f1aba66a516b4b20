/* SPDX-License-Identifier: Apache-2.0
 *
 * One row of a result file, how errors in it are told, and the order of rows. For read.c and samples.c.
 */
#ifndef TRAM_RESULTS_READ_ROW_H
#define TRAM_RESULTS_READ_ROW_H

#include "results/environment.h"
#include "results/read.h"

/* Times that are plausible: from a thousandth of a nanosecond to three centuries. */
#define TRAM__LEAST_NS    1e-3
#define TRAM__MOST_NS     1e19
#define TRAM__TIME_WANTED "a time from 0.001 to 1e19 ns"

enum { TRAM__OF_BLOCK = 40 };

struct tram__read_error {
    char *why;
    size_t size;
};

/* A line of text, whatever the file or its name has in it. Both return -1. */
int tram__read_fail(const struct tram__read_error *e, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* "FILE: FIELD: WANTED is wanted, not VALUE"; value NULL: it is missing. */
int tram__read_value(const struct tram__read_error *e, const char *path, const char *field,
                     const json_t *value, const char *wanted);

bool tram__is_time(const json_t *v);

/* Row `index` of the file; its number of the file is left to the caller. */
int tram__read_row(const json_t *json, const char *path, size_t index, struct tram_result_row *out,
                   const struct tram__read_error *e);

/* Sets *out to a row of whose case, block and repetition there is another, of whatever file, or with `apart` of the same; NULL:
 * there is none. `of_block` is " of block 7", or "" without blocks. 0, or -1 when memory ran out. */
int tram__find_second(const struct tram_result_row *rows, size_t count, bool apart,
                      const struct tram_result_row **out, char of_block[TRAM__OF_BLOCK]);

/* For qsort of pointers to rows: by case, then block, repetition and file. Of the rows of a set no two are equal. */
int tram__by_case(const void *a, const void *b);

#endif
