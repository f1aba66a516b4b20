/* SPDX-License-Identifier: Apache-2.0
 *
 * Protobuf, field by field, from bytes that may be anything.
 */
#ifndef TRAM_PROFILERS_DECODE_H
#define TRAM_PROFILERS_DECODE_H

#include "profilers/encode.h"

#include <stdbool.h>

struct tram__cursor {
    const unsigned char *at, *end;
    bool bad; /* not protobuf from here on */
};
struct tram__field {
    uint32_t number;
    enum tram__wire wire;
    uint64_t value; /* of a number; of bytes: how many */
    const unsigned char *data;
};

static inline bool tram__take_varint(struct tram__cursor *c, uint64_t *out) {
    uint64_t v = 0;
    for (unsigned shift = 0; c->at < c->end && shift < 64; shift += 7) {
        unsigned char b = *c->at++;
        if (shift == 63 && b > 1)
            break;
        v |= (uint64_t)(b & 0x7F) << shift;
        if (b < 0x80) {
            *out = v;
            return true;
        }
    }
    c->bad = true;
    return false;
}

/* The next field; false: the end, or *bad. */
static inline bool tram__take_field(struct tram__cursor *c, struct tram__field *f) {
    uint64_t tag;
    if (c->bad || c->at == c->end || !tram__take_varint(c, &tag))
        return false;
    f->number = (uint32_t)(tag >> 3);
    f->wire = (enum tram__wire)(tag & 7);
    c->bad = tag >> 3 == 0 || tag >> 3 >= 1u << 29;
    f->data = NULL;
    size_t size = f->wire == TRAM__FIXED64 ? 8 : 4;
    if (c->bad)
        return false;
    if (f->wire == TRAM__VARINT)
        return tram__take_varint(c, &f->value);
    if (f->wire == TRAM__BYTES) {
        if (!tram__take_varint(c, &f->value))
            return false;
        c->bad = f->value > (size_t)(c->end - c->at);
        f->data = c->at;
        c->at += c->bad ? 0 : f->value;
    } else {
        c->bad = (f->wire != TRAM__FIXED64 && f->wire != TRAM__FIXED32) || (size_t)(c->end - c->at) < size;
        f->value = 0;
        if (!c->bad)
            memcpy(&f->value, c->at, size); /* little endian, as this machine (base/seam.h) */
        c->at += c->bad ? 0 : size;
    }
    return !c->bad;
}
static inline struct tram__cursor tram__inside(const struct tram__field *f) {
    return (struct tram__cursor){.at = f->data, .end = f->data ? f->data + f->value : NULL, .bad = !f->data};
}

#endif
