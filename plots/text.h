/* SPDX-License-Identifier: Apache-2.0
 *
 * Texts: numbers for readers, and foreign texts made safe for what they are put into.
 */
#ifndef TRAM_PLOTS_TEXT_H
#define TRAM_PLOTS_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { TRAM__CELL = 32, TRAM__NAME = 96, TRAM__TITLE = 256 };

/* Into `out`, of TRAM__CELL bytes, which they return. NaN: "-". */
const char *tram__print_ns(double ns, char *out);         /* "304 ns", "4.45 µs" */
const char *tram__print_rate(double per_s, char *out);    /* "3.15M/s" */
const char *tram__print_ratio(double ratio, char *out);   /* "1.13 ×" */
const char *tram__print_bytes(uint64_t bytes, char *out); /* "64 KiB" */
/* A mark on an axis: "1 µs", "0.5". */
const char *tram__print_tick(double value, const char *unit, char *out);

/* As far as `size` goes, into `out`, which they return. Plot text: one line without what gnuplot's strings and
 * tables read otherwise, nor what steers a terminal (results/plain.h) or is no XML. Slug: lower case, digits and '-' only, for names of files. */
const char *tram__plot_text(const char *text, char *out, size_t size);
const char *tram__slug(const char *text, char *out, size_t size);

/* With what HTML reads otherwise escaped, in text and in attributes; of what steers the reader's view lines and tabs
 * alone are kept. */
void tram__html(FILE *f, const char *text);

/* Text that is put together; it ends the program, with a line, when memory runs out: nothing could be drawn then. */
struct tram__memory {
    FILE *f;
    char *text;
    size_t size;
};
void tram__memory_open(struct tram__memory *m);
void tram__memory_close(struct tram__memory *m); /* `text` is the caller's to free from then on */
void *tram__needed(void *allocated);             /* what it is given, never NULL */

#endif
