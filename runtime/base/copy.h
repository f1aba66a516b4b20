/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TRAM_BASE_COPY_H
#define TRAM_BASE_COPY_H

#include <stddef.h>

/* memcpy by the kernel that is fastest for the size: streaming stores past the last-level cache's share,
 * which save the read of every destination line. Ends with a store fence, so that a release store may follow.
 */
void tram__copy(void *to, const void *from, size_t size);

#endif
