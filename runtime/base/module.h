/* SPDX-License-Identifier: Apache-2.0
 *
 * Parts of Tramline that are loaded when they are asked for: libtramline_NAME.so, where TRAM_MODULE_DIR says, or where the
 * library was built or installed.
 */
#ifndef TRAM_BASE_MODULE_H
#define TRAM_BASE_MODULE_H

#include <stddef.h>

/* The address of a symbol in the module of this name; NULL, and one line in `why`, when either is not there. It stays loaded. */
void *tram__module_symbol(const char *name, const char *symbol, char *why, size_t why_size);

#endif
