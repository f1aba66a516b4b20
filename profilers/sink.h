/* SPDX-License-Identifier: Apache-2.0
 *
 * A trace file in the making: written beside its place and renamed there in the end, so that the place has a whole trace or
 * what it had before. A device or a pipe is written to as it is.
 */
#ifndef TRAM_PROFILERS_SINK_H
#define TRAM_PROFILERS_SINK_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TRAM__SINK_BUFFER = 1 << 20 };

struct tram__sink {
    int fd, error; /* error: errno of the first write that failed; nothing is written from then on */
    bool deflate;  /* packets in bundles, as Perfetto has them (compressed_packets) */
    bool renames;
    unsigned char *buffer, *next,
        *squeezed;                /* between buffer and next: what was not written yet, whole pieces */
    size_t squeezed_size, pieces; /* pieces: bytes, before they are squeezed */
    uint64_t bytes;               /* in the file */
    char path[PATH_MAX], temporary[PATH_MAX + 32];
};

/* -1, with one line. Nothing is left behind then. */
int tram__sink_open(struct tram__sink *s, const char *path, bool deflate, char *why, size_t why_size);
/* Writes what there is, up to `next`: it must end with a whole packet. */
void tram__sink_flush(struct tram__sink *s);
/* Room for so many bytes, at most TRAM__SINK_BUFFER, at s->next, which the caller moves on over a whole packet. */
static inline unsigned char *tram__sink_room(struct tram__sink *s, size_t bytes) {
    if (__builtin_expect((size_t)(s->buffer + TRAM__SINK_BUFFER - s->next) < bytes, 0))
        tram__sink_flush(s);
    return s->next;
}
/* Puts the file into its place. 0; 1: it is cut, for a write failed, with one line; -1: it is not there, with one line. */
int tram__sink_close(struct tram__sink *s, char *why, size_t why_size);
/* Leaves the place as it was. */
void tram__sink_abandon(struct tram__sink *s);

#endif
