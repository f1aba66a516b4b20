/* SPDX-License-Identifier: Apache-2.0
 *
 * The option table: a program's options, their checks and their help in one place. A bad one is reported in one line
 * that names the option and the value.
 */
#ifndef TRAM_BASE_OPTIONS_H
#define TRAM_BASE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tram__option_kind {
    TRAM__OPTION_FLAG,    /* bool *: set to true */
    TRAM__OPTION_NUMBER,  /* uint64_t *: whole, from `min` to `max` */
    TRAM__OPTION_SECONDS, /* double *: from `min` to `max` */
    TRAM__OPTION_PERCENT, /* double *: a part of one, above `min` and below `max` per cent: "5" or "5%" is 0.05 */
    TRAM__OPTION_TEXT, /* const char **: borrowed from argv; `min` 1: an empty one is refused */
    TRAM__OPTION_EACH, /* struct tram__option_values *: the same, of each time that it is given */
};

enum { TRAM__OPTION_VALUES = 64 };
struct tram__option_values {
    const char *at[TRAM__OPTION_VALUES];
    unsigned count;
};

struct tram__option {
    const char *name; /* long, without dashes */
    char letter;      /* short, or 0 */
    enum tram__option_kind kind;
    const char *argument; /* as the help shows it; NULL for a flag */
    const char *help;
    void *target;
    uint64_t min, max;
};

/* Parses argv into the targets; `table` ends with a NULL name. Returns 0, or TRAM_ERR_INVALID with a message such as
 * "--iters=-3: a whole number from 1 to 1000000000 is wanted". What is not an option is an error. */
int tram__options_parse(int argc, char **argv, const struct tram__option *table);
/* The same for a program that takes arguments besides: they are argv[*rest] to argv[argc - 1], in their order. */
int tram__options_parse_rest(int argc, char **argv, const struct tram__option *table, int *rest);
/* Prints a line or two per option. */
void tram__options_help(const struct tram__option *table);

/* A size: digits and an optional k, M or G (powers of 1024), from 1 to `max`. Sets *end behind it. False if it is not
 * one; *end then is unchanged. */
bool tram__size_parse(const char *text, uint64_t max, const char **end, uint64_t *out);

/* START:COUNT, two whole numbers from 1 of at most 18 digits. False if it is not that. */
bool tram__window_parse(const char *text, uint64_t *first, uint64_t *count);

enum { TRAM__MAX_SIZES = 64 };
/* LIST ("1,4k,1M") or MIN:MAX:xF ("1:64M:x4"): at most TRAM__MAX_SIZES sizes, ascending as given. 0 or
 * TRAM_ERR_INVALID with a message that names the bad part. */
int tram__sizes_parse(const char *text, uint64_t max, uint64_t *sizes, size_t *count);
/* "1 B", "64 KiB", "1.5 MiB" into `out`. */
void tram__size_print(uint64_t bytes, char *out, size_t size);

#endif
