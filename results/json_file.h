/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading a file of JSON that somebody handed in.
 */
#ifndef TRAM_RESULTS_JSON_FILE_H
#define TRAM_RESULTS_JSON_FILE_H

#include <stddef.h>

#include <jansson.h>

/* The regular file at `path` (a pipe, or a device, may never end, or never begin), of at most `most` bytes, in which no key stands twice in an object: 0, and *out is the
 * caller's; or -1 with one line in `why`, which may quote the file and its name as they are. */
int tram__json_read(const char *path, size_t most, json_t **out, char *why, size_t why_size);

#endif
