/* SPDX-License-Identifier: Apache-2.0
 *
 * Pictures of gnuplot's inside a page: without what a page has once for all, with its colours, and with words for
 * those who do not see them.
 */
#ifndef TRAM_PLOTS_SVG_H
#define TRAM_PLOTS_SVG_H

#include "plots/figure.h"

/* The figure's picture, NAME.svg in the folder, as an element; `number` keeps its ids apart from others'. False,
 * with nothing written, when the file cannot be read or is none of gnuplot's. */
bool tram__svg_inline(FILE *page, const struct tram__figure *f, const char *folder, unsigned number);

#endif
