/* SPDX-License-Identifier: Apache-2.0
 *
 * The calling thread's last error: decided once, where the cause is known, and returned from there on.
 */
#ifndef TRAM_BASE_ERROR_H
#define TRAM_BASE_ERROR_H

#include "tramline/tramline.h"

/* Sets the thread's last error to `status` with a formatted line; returns `status`. */
int tram__fail(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same for ERR_SYSTEM, followed by ": " and the text of errno. */
int tram__fail_errno(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The thread's last error, to fill in who and when after tram__fail. */
struct tram_error *tram__error(void);

#endif
