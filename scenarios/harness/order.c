/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/order.h"

#include <stdio.h>
#include <string.h>

struct tram_tensor tram_order_tensor(size_t bytes) {
    bool floats = bytes % sizeof(float) == 0;
    return (struct tram_tensor){
        .dtype = floats ? TRAM_F32 : TRAM_U8, .rank = 1, .shape = {floats ? bytes / sizeof(float) : bytes}};
}

struct tram_order tram_order_make(uint64_t seed, uint64_t execution, size_t bytes, bool check) {
    uint64_t x = (seed * 0xBF58476D1CE4E5B9u + execution) * 0x9E3779B97F4A7C15u;
    return (struct tram_order){.stamp = x ^ x >> 32, .bytes = bytes, .check = check};
}

/* Small whole numbers: as floats they are exact, and none is the same as that of the execution before. */
void tram_order_fill(void *to, size_t bytes, uint64_t stamp) {
    size_t at = tram_order_stamp_at(bytes), count = at / sizeof(float);
    float *f = to;
    for (size_t i = 0; i < count; i++)
        f[i] = (float)((i * 7 + (stamp & 0xFFFF)) & 0xFFFFF);
    memset((char *)to + count * sizeof *f, 0, bytes - count * sizeof *f);
    memcpy((char *)to + at, &stamp, bytes - at);
}

bool tram_order_met(const struct tram_receipt *r, const struct tram_order *o, char *why, size_t why_size) {
    uint64_t ends = 0;
    memcpy(&ends, &o->stamp, o->bytes - tram_order_stamp_at(o->bytes));
    if (r->stamp == ends && r->part == o->stamp && !r->wrong)
        return true;
    snprintf(why, why_size, "%s",
             r->stamp != ends      ? "a tensor with another one's end"
             : r->part != o->stamp ? "a tensor with another one's CPU part"
                                   : "a tensor with wrong contents");
    return false;
}
