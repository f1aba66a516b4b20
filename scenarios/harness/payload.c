/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/payload.h"

#include <string.h>

static uint64_t key_of(uint64_t seed, uint64_t execution) {
    uint64_t x = seed * 0xBF58476D1CE4E5B9u + execution + 1;
    x ^= x >> 30;
    x *= 0x94D049BB133111EBu;
    return x ^ x >> 31;
}

static uint64_t word(uint64_t key, size_t index) {
    uint64_t x = (key + index) * 0x9E3779B97F4A7C15u;
    return x ^ x >> 32;
}

void tram_payload_fill(void *to, size_t size, uint64_t seed, uint64_t execution) {
    uint64_t key = key_of(seed, execution);
    unsigned char *p = to;
    size_t i = 0;
    for (; (i + 1) * 8 <= size; i++) {
        uint64_t w = word(key, i);
        memcpy(p + i * 8, &w, 8);
    }
    uint64_t w = word(key, i);
    memcpy(p + i * 8, &w, size - i * 8);
}

size_t tram_payload_check(const void *from, size_t size, uint64_t seed, uint64_t execution) {
    uint64_t key = key_of(seed, execution);
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
