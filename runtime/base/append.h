/* SPDX-License-Identifier: Apache-2.0
 *
 * Arrays that grow at their end.
 */
#ifndef TRAM_BASE_APPEND_H
#define TRAM_BASE_APPEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Appends *value, of `element` bytes, to the array whose pointer is *array. Its capacity is the next power of two of its
 * count, so only a count that is one grows it; an array that is emptied may keep its memory. False, with nothing changed, when memory is short. */
bool tram__append(void *array, uint32_t *count, size_t element, const void *value);

#endif
