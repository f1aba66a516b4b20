/* SPDX-License-Identifier: Apache-2.0 */
#include "profilers/encode.h"
#include "profilers/lane.h"

uint64_t tram__track_new(struct tram__writer *w) {
    uint64_t id = w->salt + ++w->next_track;
    return id ? id : tram__track_new(w);
}

uint64_t tram__track_declare(struct tram__writer *w, const struct tram__track *t) {
    uint64_t id = tram__track_new(w);
    size_t description = t->description ? strlen(t->description) : 0;
    if (description > TRAM__SINK_BUFFER / 2)
        description = TRAM__SINK_BUFFER / 2;
    unsigned char *p = tram__sink_room(w->sink, 1024 + description), *packet, *track, *counter;
    p = packet = tram__put_open(p, TRAM__PF_PACKET);
    p = tram__put_uint(p, TRAM__PF_SEQUENCE, 1);
    p = track = tram__put_open(p, TRAM__PF_TRACK);
    p = tram__put_uint(p, TRAM__PF_UUID, id);
    if (t->parent)
        p = tram__put_uint(p, TRAM__PF_PARENT, t->parent);
    p = tram__put_bytes(p, TRAM__PF_TRACK_NAME, t->name, strnlen(t->name, 500));
    p = tram__put_uint(p, TRAM__PF_RANK, t->rank);
    if (t->own)
        p = tram__put_uint(p, TRAM__PF_MERGE, TRAM__PF_NO_MERGE);
    if (description)
        p = tram__put_bytes(p, TRAM__PF_DESCRIPTION, t->description, description);
    if (t->counter) {
        p = counter = tram__put_open(p, TRAM__PF_COUNTER);
        p = tram__put_uint(p, TRAM__PF_COUNTER_UNIT, t->bytes ? TRAM__PF_UNIT_BYTES : TRAM__PF_UNIT_COUNT);
        tram__put_close(counter, p);
    }
    tram__put_close(track, p);
    tram__put_close(packet, p);
    w->sink->next = p;
    return id;
}
