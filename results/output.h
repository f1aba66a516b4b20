/* SPDX-License-Identifier: Apache-2.0
 *
 * Writing a file whole or not at all. Errors as in results/result.h.
 */
#ifndef TRAM_RESULTS_OUTPUT_H
#define TRAM_RESULTS_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

int tram__output_write(const char *path, const char *text, size_t size, char *why, size_t why_size);
int tram__output_check(const char *path, char *why, size_t why_size);

/* Whether standard output is open and took all that was printed so far; -1 also when it is closed, and the next file that is
 * opened would take its number. */
int tram__stdout_check(char *why, size_t why_size);

/* Whether two paths lead to one regular file, also one that is not there yet. */
bool tram__output_same(const char *a, const char *b);

/* A file that a program was told of. */
struct tram__file_name {
    const char *option; /* "json": it is written; NULL: it is read */
    const char *path;   /* NULL: the option was not given */
};
/* Whether no file that is written is one that is read, or written twice, by whatever path: 0, or -1 with a line that names the
 * option. To be asked before anything is written. */
int tram__outputs_apart(const struct tram__file_name *names, size_t count, char *why, size_t why_size);

#endif
