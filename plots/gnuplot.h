/* SPDX-License-Identifier: Apache-2.0
 *
 * Writing figures into a folder, and having gnuplot draw them there.
 */
#ifndef TRAM_PLOTS_GNUPLOT_H
#define TRAM_PLOTS_GNUPLOT_H

#include "plots/figure.h"

/* Makes a folder, and those it lies in, where they are missing. 0, or -1 with a line in `why` (TRAM__WHY bytes). */
int tram__folder_make(const char *path, char *why);

/* NAME.tsv and NAME.gp into the folder. As above. */
int tram__figure_write(const struct tram__figure *f, const char *folder, char *why);

enum tram__drawn { TRAM__DRAWN, TRAM__NO_GNUPLOT, TRAM__NOT_DRAWN };
/* Runs gnuplot on NAME.gp in the folder; what is drawn are NAME.svg and NAME.png, or with `bare` the first
 * alone, without its title. `why` is set when it could not be drawn. Blocks until gnuplot ends, a minute at
 * most. */
enum tram__drawn tram__figure_draw(const struct tram__figure *f, const char *folder, bool bare, char *why);

#endif
