/* SPDX-License-Identifier: Apache-2.0
 *
 * Payloads: the parts of an input and where they lie, their contents (every byte depends on seed, execution, part and
 * offset), and the digest by which a small reply shows that all parts arrived.
 */
#ifndef TRAM_HARNESS_PAYLOAD_H
#define TRAM_HARNESS_PAYLOAD_H

#include <stddef.h>
#include <stdint.h>

#include "tramline/tramline.h"

enum { TRAM_MAX_PARTS = 8 };

/* An input in one buffer of `stride` bytes: a part begins on a cache line of its own, or on a page when it is larger than
 * one. A buffer for several inputs holds one at every `stride`. */
struct tram_layout {
    size_t count;
    size_t size[TRAM_MAX_PARTS], offset[TRAM_MAX_PARTS];
    size_t total; /* of the sizes */
    size_t stride;
};
void tram_layout_make(const uint64_t *sizes, size_t count, struct tram_layout *out);

/* What a buffer of `size` bytes takes among others of its kind. */
size_t tram_layout_stride(size_t size);
/* Memory for such buffers, on a page boundary and resident; NULL when there is none. Freed by free. */
void *tram_layout_alloc(size_t bytes);

/* The input at `base`, as arguments. */
static inline void tram_layout_parts(const struct tram_layout *l, const unsigned char *base,
                                     struct tram_bytes *parts) {
    for (size_t i = 0; i < l->count; i++)
        parts[i] = (struct tram_bytes){base + l->offset[i], l->size[i]};
}

/* One part of one execution's input. */
struct tram_payload {
    uint64_t seed, execution;
    size_t part;
};
void tram_payload_fill(void *to, size_t size, const struct tram_payload *p);
/* Offset of the first byte that differs, or `size` when all are right. */
size_t tram_payload_check(const void *from, size_t size, const struct tram_payload *p);

/* What a small reply says of one part: its size and a few of its bytes, the first and the last among them. To make one
 * touches that many cache lines, so that passing the part on is what takes the time. */
enum { TRAM_DIGEST_BYTES = 4 };
struct tram_digest {
    uint32_t size;
    unsigned char bytes[TRAM_DIGEST_BYTES];
};
_Static_assert(sizeof(struct tram_digest) == 8, "a digest has no padding: it is compared byte by byte");

void tram_digest_make(const struct tram_bytes *parts, size_t count, struct tram_digest *out);
/* Offset of the first byte that differs from the digest of this execution's input, or its size when all are right. */
size_t tram_digest_check(const struct tram_digest *from, const struct tram_layout *l, uint64_t seed,
                         uint64_t execution);

#endif
