/* SPDX-License-Identifier: Apache-2.0
 *
 * Result files with made-up figures, the same ones every time, for the tests of this room.
 */
#ifndef TRAM_PLOTS_SAMPLE_H
#define TRAM_PLOTS_SAMPLE_H

#include <stdbool.h>

/* A round trip over three sizes and a chain over two numbers of actors and two depths, three repetitions each.
 * Hostile: the texts that a file may hold are markup, quotes and commands. 0, or -1 with a line on standard
 * error. */
int tram__sample_write(const char *path, bool hostile);

#endif
