/* SPDX-License-Identifier: Apache-2.0
 *
 * Payloads whose every byte depends on seed, execution and offset.
 */
#ifndef TRAM_HARNESS_PAYLOAD_H
#define TRAM_HARNESS_PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void tram_payload_fill(void *to, size_t size, uint64_t seed, uint64_t execution);
/* Offset of the first byte that differs, or `size` when all are right. */
size_t tram_payload_check(const void *from, size_t size, uint64_t seed, uint64_t execution);

#endif
