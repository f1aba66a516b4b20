/* SPDX-License-Identifier: Apache-2.0
 *
 * The commands of tram-trace. Each gets what follows its name, prints, and returns the exit status: 2 for bad input, with one
 * line that names the file or the option.
 */
#ifndef TRAM_PROFILERS_COMMAND_H
#define TRAM_PROFILERS_COMMAND_H

#include <stdbool.h>

int tram__command_recover(int argc, char **argv);
int tram__command_check(int argc, char **argv);
int tram__command_merge(int argc, char **argv);
int tram__command_summary(int argc, char **argv);

/* Takes "-o FILE", "--name=VALUE" or "--name" out of the arguments. */
struct tram__flag {
    const char *name;   /* "-o", "--json" */
    const char **value; /* NULL: it has none */
    bool *given;        /* may be NULL */
};
/* The rest, files, moves to the front of argv: their number, or -1 after a line about what is wrong. */
int tram__flags(const char *command, int argc, char **argv, const struct tram__flag *flags);

#endif
