/* SPDX-License-Identifier: Apache-2.0 */
#include "profilers/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum { TRIES = 100, HEAD = 16, SQUEEZE = 1 };

static int failed(const char *path, int error, char *why, size_t size) {
    snprintf(why, size, "%s: %s", path, strerror(error));
    return -1;
}

/* A name taken by the remains of a dead process with our number is passed over. */
static int open_temporary(struct tram__sink *s) {
    for (int i = 0; i < TRIES; i++) {
        snprintf(s->temporary, sizeof s->temporary, "%s.%ld-%d.tmp", s->path, (long)getpid(), i);
        int fd = open(s->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd >= 0 || errno != EEXIST)
            return fd;
    }
    return -1;
}

static int open_file(struct tram__sink *s, const char *path) {
    struct stat st;
    bool there = stat(path, &st) == 0;
    if (!there && (errno != ENOENT || strlen(path) >= sizeof s->path))
        return -1;
    s->renames = !there || S_ISREG(st.st_mode);
    if (!s->renames || !there || !realpath(path, s->path))
        strncpy(s->path, path, sizeof s->path - 1);
    s->fd = s->renames ? open_temporary(s) : open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    if (s->fd >= 0 && s->renames && there)
        fchmod(s->fd, st.st_mode & 0777);
    return s->fd;
}

int tram__sink_open(struct tram__sink *s, const char *path, bool deflate, char *why, size_t why_size) {
    memset(s, 0, sizeof *s);
    s->deflate = deflate;
    s->squeezed_size = deflate ? compressBound(TRAM__SINK_BUFFER) + HEAD : 0;
    s->buffer = s->next = malloc(TRAM__SINK_BUFFER);
    s->squeezed = deflate ? malloc(s->squeezed_size) : NULL;
    if (!s->buffer || (deflate && !s->squeezed))
        failed(path, ENOMEM, why, why_size);
    else if (open_file(s, path) < 0)
        failed(path, errno, why, why_size);
    else
        return 0;
    free(s->buffer);
    free(s->squeezed);
    return -1;
}

/* All, or what was there before. */
static void write_whole(struct tram__sink *s, const unsigned char *data, size_t size) {
    for (size_t at = 0; at < size && !s->error;) {
        ssize_t n = write(s->fd, data + at, size - at);
        if (n > 0)
            at += (size_t)n;
        else if (n == 0 || errno != EINTR)
            s->error = n == 0 ? ENOSPC : errno;
    }
    if (!s->error)
        s->bytes += size;
    else if (s->renames && ftruncate(s->fd, (off_t)s->bytes))
        s->bytes = 0; /* the file ends inside a packet: its readers take what is whole */
}

static unsigned char *varint(unsigned char *p, uint64_t v) {
    for (; v >= 0x80; v >>= 7)
        *p++ = (unsigned char)(v | 0x80);
    *p++ = (unsigned char)v;
    return p;
}

/* Packet { compressed_packets (50) }. */
static void write_squeezed(struct tram__sink *s, size_t size) {
    unsigned char head[HEAD], inner[HEAD];
    unsigned long out = s->squeezed_size - HEAD;
    if (compress2(s->squeezed + HEAD, &out, s->buffer, size, SQUEEZE) != Z_OK) {
        s->error = ENOMEM;
        return;
    }
    unsigned char *i = varint(varint(inner, 50 << 3 | 2), out), *p = head;
    *p++ = 0x0A;
    p = varint(p, (size_t)(i - inner) + out);
    memcpy(p, inner, (size_t)(i - inner));
    size_t front = (size_t)(p - head) + (size_t)(i - inner);
    memcpy(s->squeezed + HEAD - front, head, front);
    write_whole(s, s->squeezed + HEAD - front, front + out);
}

void tram__sink_flush(struct tram__sink *s) {
    size_t size = (size_t)(s->next - s->buffer);
    s->next = s->buffer;
    s->pieces += size;
    if (!size || s->error)
        return;
    if (s->deflate)
        write_squeezed(s, size);
    else
        write_whole(s, s->buffer, size);
}

int tram__sink_close(struct tram__sink *s, char *why, size_t why_size) {
    tram__sink_flush(s);
    int error = s->error, status = error ? 1 : 0;
    if (close(s->fd) && !error)
        error = errno, status = 1;
    if (s->renames && rename(s->temporary, s->path)) {
        error = errno, status = -1;
        unlink(s->temporary);
    }
    if (status == 1)
        snprintf(why, why_size, "%s: %s: the trace is cut", s->path, strerror(error));
    else if (status)
        failed(s->path, error, why, why_size);
    free(s->buffer);
    free(s->squeezed);
    return status;
}

void tram__sink_abandon(struct tram__sink *s) {
    close(s->fd);
    if (s->renames)
        unlink(s->temporary);
    free(s->buffer);
    free(s->squeezed);
}
