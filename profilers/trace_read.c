/* SPDX-License-Identifier: Apache-2.0 */
#include "profilers/trace_read.h"

#include "profilers/run.h"
#include "profilers/trace_state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum { MOST_BUNDLE = 64 << 20 };

const unsigned char *tram__map_file(const char *path, size_t *size, char *why, size_t why_size) {
    static const unsigned char nothing[1];
    struct stat st;
    const void *p = MAP_FAILED;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st))
        snprintf(why, why_size, "%s: %s", path, strerror(errno));
    else if (!S_ISREG(st.st_mode))
        snprintf(why, why_size, "%s: not a regular file", path);
    else if (!st.st_size)
        p = nothing;
    else if ((p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0)) == MAP_FAILED)
        snprintf(why, why_size, "%s: %s", path, strerror(errno));
    if (p != MAP_FAILED)
        *size = (size_t)st.st_size;
    if (fd >= 0)
        close(fd);
    return p == MAP_FAILED ? NULL : p;
}

void tram__unmap_file(const unsigned char *data, size_t size) {
    if (size)
        munmap((void *)(uintptr_t)data, size);
}

unsigned char *tram__unsqueeze(const unsigned char *data, size_t size, size_t *out) {
    z_stream z = {.next_in = (unsigned char *)(uintptr_t)data, .avail_in = (unsigned)size};
    size_t room = size < MOST_BUNDLE / 8 ? 8 * size + 1024 : MOST_BUNDLE;
    unsigned char *to = size <= MOST_BUNDLE ? malloc(room) : NULL;
    int status = to && inflateInit(&z) == Z_OK ? Z_OK : Z_MEM_ERROR;
    while (status == Z_OK) {
        z.next_out = to + z.total_out;
        z.avail_out = (unsigned)(room - z.total_out);
        status = inflate(&z, Z_NO_FLUSH);
        if (status == Z_BUF_ERROR || (status == Z_OK && z.avail_out))
            status = Z_DATA_ERROR; /* more was to come */
        if (status == Z_OK && z.avail_out == 0) {
            unsigned char *more = room < MOST_BUNDLE ? realloc(to, 2 * room) : NULL;
            to = more ? more : to;
            room *= more ? 2 : 1;
            status = more ? Z_OK : Z_DATA_ERROR;
        }
    }
    *out = z.total_out;
    inflateEnd(&z);
    if (status == Z_STREAM_END)
        return to;
    free(to);
    return NULL;
}

/* ---- descriptors ---- */

static char *text_of(const struct tram__field *f) {
    char *text = malloc(f->value + 1);
    if (text)
        tram__run_text(text, f->value + 1, (const char *)f->data, f->value);
    return text;
}

/* pid and tid stand where the others of their kind do. */
static void take_process(struct tram__trace_reader *r, struct tram__trace_track *t, struct tram__cursor c,
                         bool thread) {
    struct tram__field f;
    while (tram__take_field(&c, &f)) {
        bool name =
            f.number == (thread ? TRAM__PF_THREAD_NAME : TRAM__PF_PROCESS_NAME) && f.wire == TRAM__BYTES;
        if (f.number == TRAM__PF_PROCESS_PID && f.wire == TRAM__VARINT)
            t->pid = (int32_t)f.value;
        else if (thread && f.number == TRAM__PF_THREAD_TID && f.wire == TRAM__VARINT)
            t->tid = (int32_t)f.value;
        else if (name && thread && !t->name)
            t->name = text_of(&f);
        else if (name && !thread && !t->process)
            t->process = text_of(&f);
        else
            tram__trace_wrong(r, "field %u in a %s", f.number, thread ? "thread" : "process");
    }
    if (c.bad || (!thread && !t->process))
        tram__trace_wrong(r, "a %s that is cut", thread ? "thread" : "process");
    r->report->threads += thread;
    r->report->processes += !thread;
}

static void take_parent(struct tram__trace_reader *r, struct tram__trace_track *t, uint64_t uuid) {
    const struct tram__trace_track *p = tram__trace_track_of(r, uuid, false);
    if (!p || p == t) {
        tram__trace_wrong(r, "a track under one that is not there");
        return;
    }
    t->pid = p->pid;
    t->tid = p->tid;
    if (p->process && !t->process)
        t->process = strdup(p->process);
}

static bool is_counter(struct tram__trace_reader *r, struct tram__cursor c) {
    struct tram__field f;
    while (tram__take_field(&c, &f))
        if (f.number != TRAM__PF_COUNTER_UNIT && f.number != TRAM__PF_COUNTER_UNIT_NAME)
            tram__trace_wrong(r, "field %u in a counter", f.number);
    return !c.bad;
}

static void take_track(struct tram__trace_reader *r, struct tram__cursor c) {
    struct tram__field f;
    struct tram__cursor look = c;
    uint64_t uuid = 0;
    while (tram__take_field(&look, &f))
        if (f.number == TRAM__PF_UUID && f.wire == TRAM__VARINT)
            uuid = f.value;
    if (look.bad || !uuid || tram__trace_track_of(r, uuid, false)) {
        tram__trace_wrong(r, look.bad ? "a track that is cut"
                             : !uuid  ? "a track without a number"
                                      : "a track that is there already");
        return;
    }
    struct tram__trace_track *t = tram__trace_track_of(r, uuid, true);
    r->no_memory |= !t;
    while (t && tram__take_field(&c, &f)) {
        if (f.number == TRAM__PF_TRACK_NAME && f.wire == TRAM__BYTES && !t->name)
            t->name = text_of(&f);
        else if (f.number == TRAM__PF_PROCESS && f.wire == TRAM__BYTES)
            take_process(r, t, tram__inside(&f), false);
        else if (f.number == TRAM__PF_THREAD && f.wire == TRAM__BYTES)
            take_process(r, t, tram__inside(&f), true);
        else if (f.number == TRAM__PF_PARENT && f.wire == TRAM__VARINT)
            take_parent(r, t, f.value);
        else if (f.number == TRAM__PF_COUNTER && f.wire == TRAM__BYTES)
            t->counter = is_counter(r, tram__inside(&f));
        else if (f.number != TRAM__PF_UUID && f.number != TRAM__PF_ORDERING && f.number != TRAM__PF_RANK &&
                 f.number != TRAM__PF_MERGE && f.number != TRAM__PF_DESCRIPTION)
            tram__trace_wrong(r, "field %u in a track", f.number);
    }
}

/* ---- sequences ---- */

static void take_clocks(struct tram__trace_reader *r, struct tram__trace_sequence *s, struct tram__cursor c) {
    struct tram__field f, g;
    uint64_t monotonic = 0;
    bool deltas = false;
    while (tram__take_field(&c, &f)) {
        struct tram__cursor clock = tram__inside(&f);
        uint64_t id = 0, time = 0, incremental = 0;
        if (f.number == TRAM__PF_PRIMARY && f.wire == TRAM__VARINT)
            continue;
        while (f.number == TRAM__PF_CLOCKS && tram__take_field(&clock, &g)) {
            uint64_t *to = g.number == TRAM__PF_CLOCK_ID      ? &id
                           : g.number == TRAM__PF_CLOCK_TIME  ? &time
                           : g.number == TRAM__PF_INCREMENTAL ? &incremental
                                                              : NULL;
            if (to)
                *to = g.value;
            clock.bad |= !to || g.wire != TRAM__VARINT;
        }
        if (clock.bad || (id != TRAM__PF_MONOTONIC && !(id == TRAM__PF_DELTAS && incremental == 1 && !time)))
            tram__trace_wrong(r, "a clock that is not known");
        monotonic = id == TRAM__PF_MONOTONIC ? time : monotonic;
        deltas |= id == TRAM__PF_DELTAS;
    }
    if (c.bad)
        tram__trace_wrong(r, "clocks that are cut");
    if (deltas) {
        s->deltas = true;
        s->clock_ns = monotonic;
    }
}

static void take_defaults(struct tram__trace_reader *r, struct tram__trace_sequence *s,
                          struct tram__cursor c) {
    struct tram__field f, g;
    while (tram__take_field(&c, &f)) {
        struct tram__cursor event = tram__inside(&f);
        if (f.number == TRAM__PF_TIMESTAMP_CLOCK && f.wire == TRAM__VARINT)
            s->default_clock = f.value;
        else if (f.number == TRAM__PF_EVENT_DEFAULTS && f.wire == TRAM__BYTES) {
            while (tram__take_field(&event, &g))
                if (g.number == TRAM__PF_TRACK_UUID && g.wire == TRAM__VARINT)
                    s->default_track = g.value;
                else
                    event.bad = true;
            if (event.bad)
                tram__trace_wrong(r, "defaults that are not known");
        } else
            tram__trace_wrong(r, "field %u in defaults", f.number);
    }
    if (c.bad)
        tram__trace_wrong(r, "defaults that are cut");
}

static void take_interned(struct tram__trace_reader *r, struct tram__trace_sequence *s,
                          struct tram__cursor c) {
    struct tram__field f, g, text;
    while (tram__take_field(&c, &f)) {
        struct tram__trace_strings *to = f.number == TRAM__PF_CATEGORIES         ? &s->categories
                                         : f.number == TRAM__PF_NAMES            ? &s->names
                                         : f.number == TRAM__PF_ANNOTATION_NAMES ? &s->annotations
                                                                                 : NULL;
        struct tram__cursor entry = tram__inside(&f);
        uint64_t iid = 0;
        text.data = NULL;
        while (tram__take_field(&entry, &g)) {
            if (g.number == TRAM__PF_IID && g.wire == TRAM__VARINT)
                iid = g.value;
            else if (g.number == TRAM__PF_TEXT && g.wire == TRAM__BYTES)
                text = g;
            else
                entry.bad = true;
        }
        if (!to || entry.bad || f.wire != TRAM__BYTES)
            tram__trace_wrong(r, "names that are not known");
        else
            tram__trace_set_string(r, to, iid, &text);
    }
    if (c.bad)
        tram__trace_wrong(r, "names that are cut");
}

/* ---- packets ---- */

struct packet {
    uint64_t timestamp, clock, sequence, flags;
    bool has_timestamp, has_clock;
    struct tram__field event, interned, track, clocks, defaults, squeezed; /* data NULL: not there */
};

static bool take_packet(struct tram__trace_reader *r, struct tram__cursor c, struct packet *p) {
    struct tram__field f;
    *p = (struct packet){0};
    while (tram__take_field(&c, &f)) {
        struct tram__field *inner = f.number == TRAM__PF_TRACK_EVENT      ? &p->event
                                    : f.number == TRAM__PF_INTERNED       ? &p->interned
                                    : f.number == TRAM__PF_TRACK          ? &p->track
                                    : f.number == TRAM__PF_CLOCK_SNAPSHOT ? &p->clocks
                                    : f.number == TRAM__PF_DEFAULTS       ? &p->defaults
                                    : f.number == TRAM__PF_COMPRESSED     ? &p->squeezed
                                                                          : NULL;
        if (inner && f.wire == TRAM__BYTES)
            *inner = f;
        else if (f.number == TRAM__PF_TIMESTAMP && f.wire == TRAM__VARINT)
            p->timestamp = f.value, p->has_timestamp = true;
        else if (f.number == TRAM__PF_TIMESTAMP_CLOCK && f.wire == TRAM__VARINT)
            p->clock = f.value, p->has_clock = true;
        else if (f.number == TRAM__PF_SEQUENCE && f.wire == TRAM__VARINT)
            p->sequence = f.value;
        else if (f.number == TRAM__PF_SEQUENCE_FLAGS && f.wire == TRAM__VARINT)
            p->flags = f.value;
        else if (f.number != TRAM__PF_FIRST || f.wire != TRAM__VARINT)
            tram__trace_wrong(r, "field %u of kind %u in a packet", f.number, (unsigned)f.wire);
    }
    if (c.bad)
        tram__trace_wrong(r, "a packet that is cut");
    return !c.bad;
}

/* CLOCK_MONOTONIC of the packet. */
static uint64_t time_of(struct tram__trace_reader *r, struct tram__trace_sequence *s,
                        const struct packet *p) {
    uint64_t clock = p->has_clock ? p->clock : s->default_clock;
    if (!p->has_timestamp || (clock != TRAM__PF_MONOTONIC && !(clock == TRAM__PF_DELTAS && s->deltas)) ||
        p->timestamp >> 62 || s->clock_ns >> 62) {
        tram__trace_wrong(r, "an event without a time that makes sense");
        return s->clock_ns;
    }
    if (clock == TRAM__PF_MONOTONIC)
        return p->timestamp;
    s->clock_ns += p->timestamp;
    return s->clock_ns;
}

static void use_packets(struct tram__trace_reader *r, struct tram__cursor c);

static void use_squeezed(struct tram__trace_reader *r, const struct tram__field *f) {
    size_t size = 0;
    unsigned char *data = r->squeezed ? NULL : tram__unsqueeze(f->data, f->value, &size);
    if (!data) {
        tram__trace_wrong(r, "squeezed packets that are none");
        return;
    }
    r->squeezed = true;
    use_packets(r, (struct tram__cursor){.at = data, .end = data + size});
    r->squeezed = false;
    free(data);
}

static void use_packet(struct tram__trace_reader *r, struct tram__cursor c) {
    struct packet p;
    r->report->packets++;
    if (!take_packet(r, c, &p))
        return;
    if (p.squeezed.data) {
        r->report->packets--;
        use_squeezed(r, &p.squeezed);
        return;
    }
    struct tram__trace_sequence *s = tram__trace_sequence_of(r, p.sequence, true);
    if (!s || (p.flags & TRAM__PF_NEEDS && !s->cleared)) {
        tram__trace_wrong(r, s ? "sequence %llu has not begun" : "a packet of sequence %llu",
                          (unsigned long long)p.sequence);
        return;
    }
    if (p.flags & TRAM__PF_CLEARED && s->cleared)
        tram__trace_wrong(r, "sequence %llu begins twice", (unsigned long long)p.sequence);
    s->cleared |= (p.flags & TRAM__PF_CLEARED) != 0;
    if (p.clocks.data)
        take_clocks(r, s, tram__inside(&p.clocks));
    if (p.defaults.data)
        take_defaults(r, s, tram__inside(&p.defaults));
    if (p.interned.data)
        take_interned(r, s, tram__inside(&p.interned));
    if (p.track.data)
        take_track(r, tram__inside(&p.track));
    if (p.event.data)
        tram__trace_take_event(r, s, tram__inside(&p.event), time_of(r, s, &p));
}

static void use_packets(struct tram__trace_reader *r, struct tram__cursor c) {
    struct tram__field f;
    bool own = !r->squeezed;
    for (;;) {
        if (own)
            r->packet = c.at;
        if (!tram__take_field(&c, &f))
            break;
        if (f.number == TRAM__PF_PACKET && f.wire == TRAM__BYTES)
            use_packet(r, tram__inside(&f));
        else
            tram__trace_wrong(r, "field %u in place of a packet", f.number);
    }
    if (c.bad)
        tram__trace_wrong(r, "the file is cut, or no Perfetto trace");
}

int tram__trace_read(const char *path, const struct tram__trace_handler *h, struct tram__trace_report *out,
                     char *why, size_t why_size) {
    size_t size = 0;
    memset(out, 0, sizeof *out);
    const unsigned char *data = tram__map_file(path, &size, why, why_size);
    if (!data)
        return -1;
    struct tram__trace_reader r = {.handler = h, .report = out, .begin = data, .packet = data};
    use_packets(&r, (struct tram__cursor){.at = data, .end = data + size});
    if (!out->packets)
        tram__trace_wrong(&r, "no Perfetto trace");
    tram__trace_finish(&r);
    tram__trace_free(&r);
    tram__unmap_file(data, size);
    if (r.no_memory)
        snprintf(why, why_size, "%s: out of memory", path);
    return r.no_memory ? -1 : 0;
}
