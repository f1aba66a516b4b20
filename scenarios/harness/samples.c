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

#include "results/output.h"

enum { MOST = 1 << 20 };
#define HEADER "# case\trepetition\tpass\texecutions\tns of each execution, a column for each sample\n"

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
    gzFile gz;
    int fd;           /* what is compressed */
    const char *lost; /* why something is missing; NULL: nothing is */
};

int tram_samples_open(struct tram_samples **out, char *why, size_t why_size) {
    struct tram_samples *s = calloc(1, sizeof *s);
    int fd = s ? memfd_create("tramline-samples", MFD_CLOEXEC) : -1, twin = fd < 0 ? -1 : dup(fd);
    gzFile gz = twin < 0 ? NULL : gzdopen(twin, "wb6"); /* which closes its own */
    if (!gz) {
        snprintf(why, why_size, "memory for samples: %s", strerror(errno ? errno : ENOMEM));
        if (twin >= 0)
            close(twin);
        if (fd >= 0)
            close(fd);
        free(s);
        return -1;
    }
    gzbuffer(gz, 1 << 18);
    gzputs(gz, HEADER);
    *s = (struct tram_samples){.gz = gz, .fd = fd};
    *out = s;
    return 0;
}

int tram_samples_file(struct tram_samples *s) {
    int fd = memfd_create("tramline-samples", MFD_CLOEXEC);
    if (fd > 0)
        return fd;
    s->lost = "a trial had no memory for them";
    return 0;
}

/* One pass, read from the trial's file: 1; 0: there is no more; -1: it is not whole. */
static int get(FILE *f, struct head *h, double **ns) {
    size_t n = fread(h, 1, sizeof *h, f);
    if (!n)
        return 0;
    if (n != sizeof *h || h->count > MOST || !memchr(h->pass, '\0', sizeof h->pass))
        return -1;
    *ns = malloc((h->count + 1) * sizeof **ns);
    return *ns && fread(*ns, sizeof **ns, h->count, f) == h->count ? 1 : -1;
}

static bool put_pass(gzFile gz, const char *name, uint64_t repetition, const struct head *h,
                     const double *ns) {
    bool good = gzprintf(gz, "%s\t%llu\t%s\t%llu", name, (unsigned long long)repetition, h->pass,
                         (unsigned long long)h->executions) > 0;
    for (uint64_t i = 0; good && i < h->count; i++)
        good = gzprintf(gz, h->executions > 1 ? "\t%.2f" : "\t%.0f", ns[i]) > 0;
    return good && gzputc(gz, '\n') == '\n';
}

void tram_samples_add(struct tram_samples *s, int fd, const char *name, uint64_t repetition) {
    FILE *f = fdopen(fd, "r");
    struct head h;
    double *ns = NULL;
    int got = f ? 0 : -1, passes = 0;
    if (!f)
        close(fd);
    else
        rewind(f);
    while (f && (got = get(f, &h, &ns)) > 0) {
        if (!put_pass(s->gz, name, repetition, &h, ns))
            s->lost = "there is no memory for more of them";
        passes++;
        free(ns);
        ns = NULL;
    }
    free(ns);
    if (f)
        fclose(f);
    if (got < 0 || !passes)
        s->lost = "a trial could not hand all of them over";
}

/* All that is in the file, mapped, or NULL. */
static char *map(int fd, size_t *size) {
    off_t end = lseek(fd, 0, SEEK_END);
    void *p = end > 0 ? mmap(NULL, (size_t)end, PROT_READ, MAP_PRIVATE, fd, 0) : MAP_FAILED;
    *size = end > 0 ? (size_t)end : 0;
    return p == MAP_FAILED ? NULL : p;
}

int tram_samples_write(struct tram_samples *s, const char *path, char *why, size_t why_size) {
    size_t size = 0;
    int status = 0;
    if (gzclose(s->gz) != Z_OK)
        s->lost = "there is no memory for more of them";
    char *data = map(s->fd, &size);
    if (!data) {
        snprintf(why, why_size, "cannot write %s: out of memory", path);
        status = -1;
    } else {
        status = tram__output_write(path, data, size, why, why_size);
        munmap(data, size);
    }
    if (!status && s->lost) {
        snprintf(why, why_size, "some samples are missing: %s", s->lost);
        status = -1;
    }
    close(s->fd);
    free(s);
    return status;
}

void tram_samples_forget(struct tram_samples *s) {
    if (!s)
        return;
    gzclose(s->gz);
    close(s->fd);
    free(s);
}
