/* SPDX-License-Identifier: Apache-2.0 */
#include "transport_testing.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static struct test_hooks *hooks;
static bool in_actor;

/* Maps the file of a process by its number, which stays open there. */
static void *map_of(int pid, int fd, size_t size) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/fd/%d", pid, fd);
    int own = open(path, O_RDWR | O_CLOEXEC);
    void *p = own < 0 ? MAP_FAILED : mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, own, 0);
    if (own >= 0)
        close(own);
    return p == MAP_FAILED ? NULL : p;
}

struct test_hooks *test_hooks_share(void) {
    const char *where = getenv("TRAM_TEST_HOOKS");
    char text[64];
    int pid = getpid(), fd = -1;
    in_actor = where && sscanf(where, "%d %d", &pid, &fd) == 2;
    if (!in_actor) {
        fd = memfd_create("test-hooks", MFD_CLOEXEC);
        snprintf(text, sizeof text, "%d %d", pid, fd);
        if (fd < 0 || ftruncate(fd, sizeof *hooks) != 0 || setenv("TRAM_TEST_HOOKS", text, 1) != 0)
            abort();
    }
    hooks = map_of(pid, fd, sizeof *hooks);
    return hooks;
}

void test_hooks_reset(void) {
    memset(hooks, 0, sizeof *hooks);
}

/* ---- the hooks ---- */

struct end {
    unsigned char *base;
    size_t slots, bytes;
    int fd; /* of the writer; -1: a reader's */
};

struct address {
    int pid, fd;
};

/* The code to fail with, or 0. */
static int told_to_fail(int code, const char *what) {
    if (!code)
        return 0;
    return hooks->say_why ? tram_transport_fail(code, "no %s\ntoday", what) : code;
}

static int make_end(int pid, int fd, size_t slots, size_t bytes, void **out) {
    struct end *e = malloc(sizeof *e);
    if (!e)
        return 1;
    *e = (struct end){map_of(pid, fd, slots * bytes), slots, bytes, -1};
    if (!e->base) {
        free(e);
        return 2;
    }
    *out = e;
    return 0;
}

static int file_open(size_t slots, size_t bytes, size_t readers, void *address, size_t *address_size,
                     void **end) {
    struct address a = {getpid(), memfd_create("test-transport", MFD_CLOEXEC)};
    int code = told_to_fail(hooks->fail_open, "room");
    if (!code && (!readers || *address_size != TRAM_MAX_ADDRESS || a.fd < 0 ||
                  ftruncate(a.fd, (off_t)(slots * bytes)) != 0))
        code = 3;
    if (!code)
        code = make_end(a.pid, a.fd, slots, bytes, end);
    if (code) {
        close(a.fd);
        return code;
    }
    ((struct end *)*end)->fd = a.fd;
    memcpy(address, &a, sizeof a);
    *address_size = hooks->address ? (size_t)hooks->address : sizeof a;
    hooks->opens++;
    return 0;
}

static int file_connect(const void *address, size_t address_size, size_t slots, size_t bytes, void **end) {
    struct address a;
    if (address_size != sizeof a)
        return 4;
    if (hooks->fail_connect && hooks->fail_connect-- > 0)
        return told_to_fail(6, "way");
    memcpy(&a, address, sizeof a);
    int code = make_end(a.pid, a.fd, slots, bytes, end);
    hooks->connects += !code;
    hooks->open_readers += !code;
    return code;
}

/* The slot's place, or NULL. */
static unsigned char *place(const struct end *e, size_t slot, size_t bytes) {
    bool ok = slot < e->slots && bytes && bytes <= e->bytes;
    hooks->wrong += !ok;
    return ok ? e->base + slot * e->bytes : NULL;
}

static int file_put(void *end, size_t slot, const void *from, size_t bytes, struct tram_stream *s) {
    void *to = place(end, slot, bytes);
    int code = told_to_fail(hooks->fail_put, "ink");
    if (code || !to)
        return code ? code : 1;
    hooks->puts++;
    return tram_stream_copy(s, to, from, bytes);
}

static int file_get(void *end, size_t slot, void *to, size_t bytes, struct tram_stream *s) {
    const void *from = place(end, slot, bytes);
    int code = told_to_fail(hooks->fail_get, "eyes");
    if (code || !from)
        return code ? code : 1;
    hooks->gets++;
    return tram_stream_copy(s, to, from, bytes);
}

static int hands_put(void *end, size_t slot, const void *from, size_t bytes, struct tram_stream *s) {
    void *to = place(end, slot, bytes);
    int code = told_to_fail(hooks->fail_put, "ink");
    if (code || !to || tram_stream_wait(s)) /* until what makes it is done */
        return code ? code : 1;
    hooks->puts++;
    memcpy(to, from, bytes);
    return 0;
}

static int hands_get(void *end, size_t slot, void *to, size_t bytes, struct tram_stream *s) {
    const void *from = place(end, slot, bytes);
    int code = told_to_fail(hooks->fail_get, "eyes");
    (void)s; /* nothing that it was given uses `to` any more */
    if (code || !from)
        return code ? code : 1;
    hooks->gets++;
    memcpy(to, from, bytes);
    return 0;
}

static void file_close(void *end) {
    struct end *e = end;
    bool writes = e->fd >= 0;
    if (writes) {
        close(e->fd);
        hooks->closed_too_early += hooks->open_readers > 0;
    } else {
        hooks->open_readers--;
    }
    hooks->closes[writes]++;
    munmap(e->base, e->slots * e->bytes);
    free(e);
}

static const struct tram_transport_ops all[] = {
    {"secret", file_open, file_connect, file_put, file_get, file_close},
    {"file", file_open, file_connect, file_put, file_get, file_close},
    {"hands", file_open, file_connect, hands_put, hands_get, file_close},
    {.name = "holey", .open = file_open, .connect = file_connect, .put = file_put, .close = file_close},
    {0}};

const struct tram_transport_ops *test_transports(void) {
    return in_actor ? all + 1 : all;
}
