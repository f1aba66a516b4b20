/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TRAM_RESULTS_CSV_H
#define TRAM_RESULTS_CSV_H

#include <jansson.h>

/* Rows of a result file as comma-separated values (RFC 4180, lines end with a newline alone): a column for every key that any row
 * has, in the order in which they come; null is empty. The caller's to free; NULL when memory ran out. */
char *tram__csv(const json_t *rows);

#endif
