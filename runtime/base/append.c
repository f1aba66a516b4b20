/* SPDX-License-Identifier: Apache-2.0 */
#include "base/append.h"

#include <stdlib.h>
#include <string.h>

bool tram__append(void *array, uint32_t *count, size_t element, const void *value) {
    char *at;
    memcpy(&at, array, sizeof at);                         /* a pointer to any type of element */
    if ((*count & (*count - 1)) == 0 && (*count || !at)) { /* one that was emptied still has room for one */
        at = realloc(at, (*count ? 2 * (size_t)*count : 1) * element);
        if (!at)
            return false;
        memcpy(array, &at, sizeof at);
    }
    memcpy(at + *count * element, value, element);
    ++*count;
    return true;
}
