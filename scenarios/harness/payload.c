/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/payload.h"

#include <stdlib.h>
#include <string.h>

enum { LINE = 64, PAGE = 4096 };

static size_t round_up(size_t size, size_t to) {
    return (size + to - 1) / to * to;
}

size_t tram_layout_stride(size_t size) {
    return round_up(size, size > PAGE ? PAGE : LINE);
}

void *tram_layout_alloc(size_t bytes) {
    size_t whole = round_up(bytes, PAGE);
    void *p = aligned_alloc(PAGE, whole);
    if (p)
        memset(p, 1, whole);
    return p;
}

void tram_layout_make(const uint64_t *sizes, size_t count, struct tram_layout *out) {
    *out = (struct tram_layout){.count = count};
    size_t end = 0;
    for (size_t i = 0; i < count; i++) {
        out->size[i] = sizes[i];
        out->offset[i] = round_up(end, sizes[i] > PAGE ? PAGE : LINE);
        out->total += sizes[i];
        end = out->offset[i] + sizes[i];
    }
    out->stride = tram_layout_stride(end);
}

/* ---- contents ---- */

static uint64_t key_of(const struct tram_payload *p) {
    uint64_t x = p->seed * 0xBF58476D1CE4E5B9u + p->execution + 1 + p->part * 0xD6E8FEB86659FD93u;
    x ^= x >> 30;
    x *= 0x94D049BB133111EBu;
    return x ^ x >> 31;
}

static uint64_t word(uint64_t key, size_t index) {
    uint64_t x = (key + index) * 0x9E3779B97F4A7C15u;
    return x ^ x >> 32;
}

void tram_payload_fill(void *to, size_t size, const struct tram_payload *payload) {
    uint64_t key = key_of(payload);
    unsigned char *p = to;
    size_t i = 0;
    for (; (i + 1) * 8 <= size; i++) {
        uint64_t w = word(key, i);
        memcpy(p + i * 8, &w, 8);
    }
    uint64_t w = word(key, i);
    memcpy(p + i * 8, &w, size - i * 8);
}

size_t tram_payload_check(const void *from, size_t size, const struct tram_payload *payload) {
    uint64_t key = key_of(payload);
    const unsigned char *p = from;
    size_t i = 0;
    uint64_t have, wanted;
    for (; (i + 1) * 8 <= size; i++) {
        memcpy(&have, p + i * 8, 8);
        if (have != word(key, i))
            break;
    }
    wanted = word(key, i);
    for (size_t at = i * 8; at < size; at++)
        if (p[at] != ((const unsigned char *)&wanted)[at - i * 8])
            return at;
    return size;
}

/* ---- digests ---- */

/* Evenly from the first byte to the last. */
static size_t probe(size_t size, size_t k) {
    return size ? (size - 1) * k / (TRAM_DIGEST_BYTES - 1) : 0;
}

void tram_digest_make(const struct tram_bytes *parts, size_t count, struct tram_digest *out) {
    for (size_t i = 0; i < count; i++) {
        const unsigned char *data = parts[i].data;
        out[i].size = (uint32_t)parts[i].size;
        for (size_t k = 0; k < TRAM_DIGEST_BYTES; k++)
            out[i].bytes[k] = parts[i].size ? data[probe(parts[i].size, k)] : 0;
    }
}

size_t tram_digest_check(const struct tram_digest *from, const struct tram_layout *l, uint64_t seed,
                         uint64_t execution) {
    size_t bytes = l->count * sizeof *from;
    struct tram_digest wanted[TRAM_MAX_PARTS];
    for (size_t i = 0; i < l->count; i++) {
        uint64_t key = key_of(&(struct tram_payload){seed, execution, i});
        wanted[i].size = (uint32_t)l->size[i];
        for (size_t k = 0; k < TRAM_DIGEST_BYTES; k++) {
            size_t at = probe(l->size[i], k);
            uint64_t w = word(key, at / 8);
            wanted[i].bytes[k] = ((const unsigned char *)&w)[at % 8];
        }
    }
    for (size_t at = 0; at < bytes; at++)
        if (((const unsigned char *)from)[at] != ((const unsigned char *)wanted)[at])
            return at;
    return bytes;
}
