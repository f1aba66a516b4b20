/* SPDX-License-Identifier: Apache-2.0
 *
 * Being told to stop (SIGINT, SIGTERM, SIGHUP) while files are written: the program then ends in order, with no
 * file half written and without the folder it worked in. Told twice it ends at once.
 */
#ifndef TRAM_PLOTS_STOP_H
#define TRAM_PLOTS_STOP_H

/* From here on; a signal that was ignored before stays so. */
void tram__stop_watch(void);
/* The signal's number, or 0. */
int tram__stop_signal(void);

#endif
