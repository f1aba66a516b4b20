/* SPDX-License-Identifier: Apache-2.0
 *
 * Writing a file whole or not at all. Errors as in results/result.h.
 */
#ifndef TRAM_RESULTS_OUTPUT_H
#define TRAM_RESULTS_OUTPUT_H

#include <stddef.h>

int tram__output_write(const char *path, const char *text, size_t size, char *why, size_t why_size);
int tram__output_check(const char *path, char *why, size_t why_size);

#endif
