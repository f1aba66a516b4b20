/* SPDX-License-Identifier: Apache-2.0
 *
 * What plot and report have in common: their options and their inputs.
 */
#ifndef TRAM_PLOTS_COMMAND_H
#define TRAM_PLOTS_COMMAND_H

#include "base/options.h"
#include "plots/figure.h"

enum { TRAM__MAX_INPUTS = 64 };

struct tram__command {
    const char *program, *help;
    bool traces_allowed;
    const char *folder; /* set before: when none is given */
    bool kinds[TRAM__KINDS];
    struct tram__option_values traces;
    struct tram__input inputs[TRAM__MAX_INPUTS];
    unsigned input_count;
};

/* Takes the arguments and reads the inputs. 0: go on; else the program ends, with *status, everything having
 * been said. */
int tram__command_begin(struct tram__command *c, int argc, char **argv, int *status);
void tram__command_end(struct tram__command *c);
/* The same, and the status to end with. */
int tram__command_finish(struct tram__command *c, int status);

/* Whether DIR/NAME, with each of `endings` (to NULL) after it, is none of the files that are read; -1 with a line in
 * `why`, of TRAM__WHY bytes, when it would be written over one. */
int tram__command_spare(const struct tram__command *c, const char *name, const char *const *endings,
                        char *why);

/* A line, in which what would steer a terminal, or begin another line, is a '?'. */
void tram__command_line(FILE *to, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
