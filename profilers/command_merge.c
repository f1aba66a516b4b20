/* SPDX-License-Identifier: Apache-2.0
 *
 * Traces concatenate, but for the numbers of their packet sequences, which every file counts from 1: each file's are put behind
 * those of the files before it. Tracks and flows have numbers that two runs do not share; two copies of one run would, and are
 * refused.
 */
#include "profilers/command.h"
#include "profilers/sink.h"
#include "profilers/trace_state.h"

#include <stdio.h>
#include <stdlib.h>

struct merge {
    struct tram__sink sink;
    struct tram__trace_report report;
    struct tram__trace_reader tracks; /* of all files: who is there already */
    uint64_t base, highest;           /* sequences: of the files before; of all so far */
    const char *wrong;
};

static void look_at_track(struct merge *m, struct tram__cursor c) {
    struct tram__field f;
    while (tram__take_field(&c, &f)) {
        if (f.number != TRAM__PF_UUID || f.wire != TRAM__VARINT)
            continue;
        if (tram__trace_track_of(&m->tracks, f.value, false))
            m->wrong = "has a track that was there before: is it the same trace twice?";
        else if (!tram__trace_track_of(&m->tracks, f.value, true))
            m->wrong = "out of memory";
    }
}

static void copy_packet(struct merge *m, struct tram__cursor c) {
    struct tram__field f;
    size_t most = (size_t)(c.end - c.at) + 32;
    if (most > TRAM__SINK_BUFFER) {
        m->wrong = "has a packet that is too large";
        return;
    }
    unsigned char *p = tram__sink_room(&m->sink, most), *packet;
    p = packet = tram__put_open(p, TRAM__PF_PACKET);
    for (const unsigned char *from = c.at; tram__take_field(&c, &f); from = c.at) {
        if (f.number == TRAM__PF_SEQUENCE && f.wire == TRAM__VARINT && f.value < UINT32_MAX) {
            uint64_t id = m->base + f.value;
            p = tram__put_uint(p, TRAM__PF_SEQUENCE, id);
            m->highest = id > m->highest ? id : m->highest;
            continue;
        }
        memcpy(p, from, (size_t)(c.at - from));
        p += c.at - from;
        if (f.number == TRAM__PF_TRACK && f.wire == TRAM__BYTES)
            look_at_track(m, tram__inside(&f));
    }
    tram__put_close(packet, p);
    m->sink.next = p;
    if (c.bad)
        m->wrong = "cut, or no Perfetto trace";
}

static void copy_packets(struct merge *m, struct tram__cursor c, bool squeezed) {
    struct tram__field f, g;
    while (!m->wrong && tram__take_field(&c, &f)) {
        struct tram__cursor inside = tram__inside(&f), look = inside;
        if (f.number != TRAM__PF_PACKET || f.wire != TRAM__BYTES) {
            m->wrong = "no Perfetto trace";
            return;
        }
        if (!tram__take_field(&look, &g) || g.number != TRAM__PF_COMPRESSED || squeezed) {
            copy_packet(m, inside);
            continue;
        }
        size_t size = 0;
        unsigned char *data = g.data ? tram__unsqueeze(g.data, g.value, &size) : NULL;
        if (!data)
            m->wrong = "squeezed packets that are none";
        else
            copy_packets(m, (struct tram__cursor){.at = data, .end = data + size}, true);
        free(data);
    }
    if (c.bad)
        m->wrong = "cut, or no Perfetto trace";
}

static int merge_file(struct merge *m, const char *path) {
    char why[512];
    size_t size;
    const unsigned char *data = tram__map_file(path, &size, why, sizeof why);
    if (!data) {
        fprintf(stderr, "tram-trace merge: %s\n", why);
        return -1;
    }
    m->base = m->highest;
    copy_packets(m, (struct tram__cursor){.at = data, .end = data + size}, false);
    tram__unmap_file(data, size);
    if (m->wrong)
        fprintf(stderr, "tram-trace merge: %s: %s\n", path, m->wrong);
    return m->wrong ? -1 : 0;
}

int tram__command_merge(int argc, char **argv) {
    const char *out = NULL;
    bool deflate = false;
    char why[512];
    const struct tram__flag flags[] = {{"-o", &out, NULL}, {"--deflate", NULL, &deflate}, {0}};
    int files = tram__flags("merge", argc, argv, flags), status = 0;
    if (files < 0)
        return 2;
    if (!files || !out) {
        fprintf(stderr, "tram-trace merge: files and -o FILE are wanted\n");
        return 2;
    }
    struct merge *m = calloc(1, sizeof *m);
    if (!m || tram__sink_open(&m->sink, out, deflate, why, sizeof why)) {
        fprintf(stderr, "tram-trace merge: %s\n", m ? why : "out of memory");
        free(m);
        return 2;
    }
    m->tracks.report = &m->report;
    for (int i = 0; i < files && !status; i++)
        status = merge_file(m, argv[i]);
    if (status)
        tram__sink_abandon(&m->sink);
    else if ((status = tram__sink_close(&m->sink, why, sizeof why)))
        fprintf(stderr, "tram-trace merge: %s\n", why);
    tram__trace_free(&m->tracks);
    free(m);
    return status ? 2 : 0;
}
