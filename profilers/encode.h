/* SPDX-License-Identifier: Apache-2.0
 *
 * Protobuf, as much as a trace needs, and the numbers of Perfetto's fields.
 */
#ifndef TRAM_PROFILERS_ENCODE_H
#define TRAM_PROFILERS_ENCODE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum tram__wire { TRAM__VARINT, TRAM__FIXED64, TRAM__BYTES, TRAM__FIXED32 = 5 };

enum {
    TRAM__PF_PACKET = 1,
    /* TracePacket */
    TRAM__PF_CLOCK_SNAPSHOT = 6,
    TRAM__PF_TIMESTAMP = 8,
    TRAM__PF_SEQUENCE = 10,
    TRAM__PF_TRACK_EVENT = 11,
    TRAM__PF_INTERNED = 12,
    TRAM__PF_SEQUENCE_FLAGS = 13,
    TRAM__PF_DROPPED = 42,
    TRAM__PF_COMPRESSED = 50,
    TRAM__PF_TIMESTAMP_CLOCK = 58,
    TRAM__PF_DEFAULTS = 59,
    TRAM__PF_TRACK = 60,
    TRAM__PF_FIRST = 87,
    TRAM__PF_CLEARED = 1, /* flags */
    TRAM__PF_NEEDS = 2,
    /* TrackDescriptor */
    TRAM__PF_UUID = 1,
    TRAM__PF_TRACK_NAME = 2,
    TRAM__PF_PROCESS = 3,
    TRAM__PF_THREAD = 4,
    TRAM__PF_PARENT = 5,
    TRAM__PF_COUNTER = 8,
    TRAM__PF_ORDERING = 11,
    TRAM__PF_RANK = 12,
    TRAM__PF_DESCRIPTION = 14,
    TRAM__PF_MERGE = 15,
    TRAM__PF_EXPLICIT = 3, /* ordering */
    TRAM__PF_NO_MERGE = 2,
    TRAM__PF_PROCESS_PID = 1,
    TRAM__PF_PROCESS_NAME = 6,
    TRAM__PF_THREAD_PID = 1,
    TRAM__PF_THREAD_TID = 2,
    TRAM__PF_THREAD_NAME = 5,
    TRAM__PF_COUNTER_UNIT = 3,
    TRAM__PF_COUNTER_UNIT_NAME = 6,
    TRAM__PF_UNIT_COUNT = 2,
    TRAM__PF_UNIT_BYTES = 3,
    /* TrackEvent */
    TRAM__PF_CATEGORY = 3,
    TRAM__PF_ANNOTATION = 4,
    TRAM__PF_TYPE = 9,
    TRAM__PF_NAME = 10,
    TRAM__PF_NAME_TEXT = 23, /* where it is not interned */
    TRAM__PF_TRACK_UUID = 11,
    TRAM__PF_VALUE = 30,
    TRAM__PF_FLOW = 47,
    TRAM__PF_FLOW_END = 48,
    TRAM__PF_BEGIN = 1, /* types */
    TRAM__PF_END = 2,
    TRAM__PF_INSTANT = 3,
    TRAM__PF_SAMPLE = 4,
    /* DebugAnnotation */
    TRAM__PF_ANNOTATION_NAME = 1,
    TRAM__PF_ANNOTATION_TEXT = 10, /* its name, where it is not interned */
    TRAM__PF_UINT = 3,
    TRAM__PF_STRING = 6,
    /* InternedData, and its entries */
    TRAM__PF_CATEGORIES = 1,
    TRAM__PF_NAMES = 2,
    TRAM__PF_ANNOTATION_NAMES = 3,
    TRAM__PF_IID = 1,
    TRAM__PF_TEXT = 2,
    /* ClockSnapshot */
    TRAM__PF_CLOCKS = 1,
    TRAM__PF_PRIMARY = 2,
    TRAM__PF_CLOCK_ID = 1,
    TRAM__PF_CLOCK_TIME = 2,
    TRAM__PF_INCREMENTAL = 3,
    TRAM__PF_MONOTONIC = 3, /* clocks */
    TRAM__PF_DELTAS = 64,
    /* TracePacketDefaults */
    TRAM__PF_EVENT_DEFAULTS = 11,
};

static inline unsigned char *tram__put_varint(unsigned char *p, uint64_t v) {
    for (; v >= 0x80; v >>= 7)
        *p++ = (unsigned char)(v | 0x80);
    *p++ = (unsigned char)v;
    return p;
}
static inline unsigned char *tram__put_uint(unsigned char *p, unsigned field, uint64_t v) {
    return tram__put_varint(tram__put_varint(p, field << 3 | TRAM__VARINT), v);
}
static inline unsigned char *tram__put_fixed64(unsigned char *p, unsigned field, uint64_t v) {
    p = tram__put_varint(p, field << 3 | TRAM__FIXED64);
    memcpy(p, &v, sizeof v);
    return p + sizeof v;
}
static inline unsigned char *tram__put_bytes(unsigned char *p, unsigned field, const void *data,
                                             size_t size) {
    p = tram__put_varint(tram__put_varint(p, field << 3 | TRAM__BYTES), size);
    memcpy(p, data, size);
    return p + size;
}
static inline unsigned char *tram__put_text(unsigned char *p, unsigned field, const char *text) {
    return tram__put_bytes(p, field, text, strlen(text));
}
/* A message whose size is known afterwards: four bytes are kept for it. Readers take a number with idle bytes. */
static inline unsigned char *tram__put_open(unsigned char *p, unsigned field) {
    return tram__put_varint(p, field << 3 | TRAM__BYTES) + 4;
}
/* Ends what begins at `inside`, which tram__put_open returned. */
static inline void tram__put_close(unsigned char *inside, const unsigned char *end) {
    size_t size = (size_t)(end - inside);
    inside[-4] = (unsigned char)(size | 0x80);
    inside[-3] = (unsigned char)(size >> 7 | 0x80);
    inside[-2] = (unsigned char)(size >> 14 | 0x80);
    inside[-1] = (unsigned char)(size >> 21 & 0x7F);
}

/* A number beside an event, under a name that is not interned. */
static inline unsigned char *tram__put_fact(unsigned char *p, const char *name, uint64_t value) {
    unsigned char *annotation;
    p = annotation = tram__put_open(p, TRAM__PF_ANNOTATION);
    p = tram__put_text(p, TRAM__PF_ANNOTATION_TEXT, name);
    p = tram__put_uint(p, TRAM__PF_UINT, value);
    tram__put_close(annotation, p);
    return p;
}

#endif
