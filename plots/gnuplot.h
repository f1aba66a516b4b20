/* SPDX-License-Identifier: Apache-2.0
 *
 * Writing figures into a folder, and having gnuplot draw them there.
 */
#ifndef TRAM_PLOTS_GNUPLOT_H
#define TRAM_PLOTS_GNUPLOT_H

#include "plots/figure.h"

/* Makes a folder, and those it lies in, where they are missing. 0, or -1 with a line in `why` (TRAM__WHY bytes). */
int tram__folder_make(const char *path, char *why);

/* NAME.tsv and NAME.gp of each into the folder. As above. */
int tram__figures_write(const struct tram__figures *f, const char *folder, char *why);

enum tram__drawn { TRAM__DRAWN, TRAM__NO_GNUPLOT, TRAM__NOT_DRAWN };
/* Runs gnuplot on each NAME.gp in the folder; what is drawn are NAME.svg and NAME.png, or with `bare` the first
 * alone, without its title. Sets each figure's `drawn`; TRAM__NOT_DRAWN: some are not, and `why` tells the first
 * and how many. Blocks until gnuplot ends, a minute at most; when it does not end, those after are not tried. */
enum tram__drawn tram__figures_draw(struct tram__figures *f, const char *folder, bool bare, char *why);

#endif
