/* SPDX-License-Identifier: Apache-2.0
 *
 * The middle of a compile: every participant allocates its region (PREPARE) and has those of its peers (CONNECT).
 */
#ifndef TRAM_EXEC_CONNECT_H
#define TRAM_EXEC_CONNECT_H

#include "exec/exec.h"

/* Of the actors of `x`, which know their names and how to wait, and of the driver, whose participant is open then; they have begun to
 * run the graph. After a failure what was begun at the actors is the caller's to end. By an absolute deadline. */
int tram__connect(struct tram_compiled *x, const struct tram__layout *l, const struct tram_compile_options *o,
                  uint64_t deadline_ns);

#endif
