/* SPDX-License-Identifier: Apache-2.0
 *
 * Text that does not steer a terminal. Not plain are control characters (C0, DEL, C1), what turns the direction of
 * writing, what ends a line in Unicode, and bytes that are not UTF-8.
 */
#ifndef TRAM_RESULTS_PLAIN_H
#define TRAM_RESULTS_PLAIN_H

#include <stdbool.h>

bool tram__is_plain(const char *text);
/* In place: a '?' for each character that is not. Returns `text`. */
char *tram__plain(char *text);

#endif
