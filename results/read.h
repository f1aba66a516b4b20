/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading what result.h writes, strictly: whatever is not as it is written there is an error that names the file, the
 * field and the value. A set is one file, or a folder: all *.json in it, in the order of their names, as if they were one
 * file.
 */
#ifndef TRAM_RESULTS_READ_H
#define TRAM_RESULTS_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <jansson.h>

#include "results/result.h"

enum {
    TRAM_READ_BYTES = 256 << 20, /* of one file */
    TRAM_READ_FILES = 10000,
    TRAM_READ_ROWS = 1000000, /* of a set */
};

/* Everything that is pointed to belongs to the set. */
struct tram_result_row {
    const char *name; /* the case */
    size_t file;
    uint32_t repetition_index;
    int64_t block; /* from 1, or TRAM_ABSENT, for all rows of a set alike */
    double p50_ns;
    double cpu_ns_per_exec; /* or NaN */
    const json_t *json;
};

struct tram_result_file {
    char *path;
    dev_t device; /* which file it is; inode 0: none, as of made-up sets */
    ino_t inode;
    json_t *json, *context; /* the context is borrowed from the file */
    double start_s, end_s;  /* when the run began and ended, since 1970; NaN: it does not say */
    unsigned cpus;          /* that the run might use; 0: it does not say */
};

struct tram_result_set {
    char *path; /* as it was given */
    struct tram_result_file *files;
    size_t file_count;
    struct tram_result_row
        *rows; /* in the order of the files; of one case, block and repetition there is one */
    size_t row_count;
    bool blocks; /* rows have blocks */
};

/* 0, or -1 with one line, no newline, in `why`; there is then nothing to free. */
int tram_result_set_read(const char *path, struct tram_result_set *out, char *why, size_t why_size);
void tram_result_set_free(struct tram_result_set *s);

/* A figure or counter at the top level of the row: NaN when it is null or not there. */
double tram_result_number(const struct tram_result_row *row, const char *name);
/* What stands at "machine.cpu_model" of a file's context; NULL: nothing, or null. */
const json_t *tram_result_context(const struct tram_result_file *f, const char *path);

#endif
