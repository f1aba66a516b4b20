/* SPDX-License-Identifier: Apache-2.0
 *
 * Transports that the program brings along: finding one, and what is said when one fails.
 */
#ifndef TRAM_BASE_TRANSPORT_H
#define TRAM_BASE_TRANSPORT_H

#include "tramline/tensor.h"

/* The transport of that name, all of whose hooks are there. NULL, with the error set: there is none (ERR_NOT_FOUND), or it
 * lacks one (ERR_INVALID). `table` may be NULL. */
const struct tram_transport_ops *tram__transport_find(const struct tram_transport_ops *table,
                                                      const char *name);
/* A hook is about to be called: what an earlier one had to say is forgotten. */
void tram__transport_begin(void);
/* A hook returned `code`, not 0: the thread's error says so, or what the hook itself had to say; ERR_SYSTEM. */
int tram__transport_failed(const struct tram_transport_ops *ops, const char *hook, int code);

#endif
