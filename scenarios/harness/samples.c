/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/samples.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <zlib.h>

enum { MOST = 1 << 20 };

/* In front of the samples of a pass. */
struct head {
    char pass[16];
    uint64_t executions, count;
};

static bool put_all(int fd, const void *data, size_t size) {
    for (const char *p = data; size;) {
        ssize_t n = write(fd, p, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        p += n;
        size -= (size_t)n;
    }
    return true;
}

void tram_samples_put(int fd, const char *pass, uint32_t executions, const double *ns, size_t count) {
    struct head h = {.executions = executions, .count = count};
    snprintf(h.pass, sizeof h.pass, "%s", pass);
    if (put_all(fd, &h, sizeof h))
        put_all(fd, ns, count * sizeof *ns);
}

struct tram_samples {
    gzFile file;
    char *path, *part;
};

static int failed(const char *path, char *why, size_t why_size) {
    snprintf(why, why_size, "cannot write %s: %s", path, strerror(errno ? errno : EIO));
    return -1;
}

int tram_samples_file(void) {
    return memfd_create("tramline-samples", MFD_CLOEXEC);
}

static void forget(struct tram_samples *s) {
    free(s->path);
    free(s->part);
    free(s);
}

int tram_samples_open(const char *path, struct tram_samples **out, char *why, size_t why_size) {
    struct tram_samples *s = calloc(1, sizeof *s);
    if (s && (s->path = strdup(path)) && asprintf(&s->part, "%s.part", path) < 0)
        s->part = NULL;
    if (!s || !s->path || !s->part) {
        if (s)
            forget(s);
        snprintf(why, why_size, "out of memory");
        return -1;
    }
    s->file = gzopen(s->part, "wb6");
    if (!s->file) {
        failed(path, why, why_size);
        forget(s);
        return -1;
    }
    gzbuffer(s->file, 1 << 18);
    *out = s;
    return 0;
}

/* One pass, read from the trial's file; false: there is no more of it that is whole. */
static bool get(FILE *f, struct head *h, double **ns) {
    if (fread(h, sizeof *h, 1, f) != 1 || h->count > MOST || !memchr(h->pass, '\0', sizeof h->pass))
        return false;
    *ns = malloc((h->count + 1) * sizeof **ns);
    return *ns && fread(*ns, sizeof **ns, h->count, f) == h->count;
}

int tram_samples_add(struct tram_samples *s, int fd, const char *name, uint64_t repetition, char *why,
                     size_t why_size) {
    FILE *f = fdopen(fd, "r");
    struct head h;
    double *ns = NULL;
    bool good = f != NULL;
    if (!f)
        close(fd);
    else
        rewind(f);
    while (good && get(f, &h, &ns)) {
        good = gzprintf(s->file, "%s\t%llu\t%s\t%llu", name, (unsigned long long)repetition, h.pass,
                        (unsigned long long)h.executions) > 0;
        for (uint64_t i = 0; good && i < h.count; i++)
            good = gzprintf(s->file, h.executions > 1 ? "\t%.2f" : "\t%.0f", ns[i]) > 0;
        good = good && gzputc(s->file, '\n') == '\n';
        free(ns);
        ns = NULL;
    }
    free(ns);
    if (f)
        fclose(f);
    return good ? 0 : failed(s->path, why, why_size);
}

int tram_samples_close(struct tram_samples *s, int keep, char *why, size_t why_size) {
    if (!s)
        return 0;
    int status = 0;
    if (gzclose(s->file) != Z_OK || (keep && rename(s->part, s->path)))
        status = failed(s->path, why, why_size);
    if (status || !keep)
        unlink(s->part);
    forget(s);
    return status;
}
