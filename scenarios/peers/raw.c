/* SPDX-License-Identifier: Apache-2.0
 *
 * Raw C over the kernel: a pipe or an AF_UNIX stream socket from each process to the next, read whole and written on.
 *
 * Reads block, poll, or poll and yield; buffers are the kernel's or hold a whole payload: each wins somewhere. What blocks is
 * cheap on one CPU and dear across two; a polled read across two CPUs is an order of magnitude faster; small buffers let
 * reader and writer of a large payload overlap.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "peers/raw.h"

enum { ROOM = 1 << 20, BLOCK = 0, POLL = 1, YIELD = 2, WAITS = 3, LARGE = 3 };
static const char *const ways[] = {
    "blocking",
    "polled",
    "polled and yielding",
    "blocking, 1 MiB buffers",
    "polled, 1 MiB buffers",
    "polled and yielding, 1 MiB buffers",
    NULL,
};

struct hop {
    int read, write;
};

struct raw {
    struct peer_team team;
    uint32_t adopted; /* the way that the descriptors are set for */
    bool sockets;
    unsigned down, results; /* hops that the driver writes, and reads; those come last */
    unsigned hops;
    struct hop *hop;
    unsigned char *buffer; /* of a process other than the driver: one payload */
};

/* ---- descriptors ---- */

static bool fits(const struct tram_case *c, uint32_t way) {
    if (way % WAITS == POLL && peer_crowded(c))
        return false; /* it would keep the CPU from the one it waits for */
    return way < LARGE || c->input.total > 4096;
}

static void set_room(const struct raw *r, const struct hop *h, size_t room) {
    int size = (int)room;
    if (!r->sockets)
        fcntl(h->write, F_SETPIPE_SZ, size); /* as far as the limit for users allows */
    else if (setsockopt(h->write, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size))
        setsockopt(h->write, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
}

static void set_polled(int fd, bool polled) {
    int flags = fcntl(fd, F_GETFL);
    fcntl(fd, F_SETFL, polled ? flags | O_NONBLOCK : flags & ~O_NONBLOCK);
}

static void drop(int *fd) {
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* Each process sets its own ends. */
static void follow(struct raw *r, const struct hop *in, unsigned ins, const struct hop *out, unsigned outs) {
    if (r->team.way == r->adopted)
        return;
    r->adopted = r->team.way;
    for (unsigned i = 0; i < ins; i++)
        set_polled(in[i].read, r->adopted % WAITS != BLOCK);
    for (unsigned i = 0; i < outs; i++)
        set_room(r, &out[i], r->adopted >= LARGE ? ROOM : r->sockets ? 208 * 1024 : 64 * 1024);
}

static int take(const struct raw *r, int fd, unsigned char *to) {
    size_t size = r->team.c->input.total;
    for (size_t got = 0; got < size;) {
        ssize_t n = read(fd, to + got, size - got);
        if (n > 0)
            got += (size_t)n;
        else if (n == 0 || (errno != EAGAIN && errno != EINTR))
            return -1;
        else if (r->adopted % WAITS == YIELD)
            sched_yield();
    }
    return 0;
}

static int give(const struct raw *r, int fd, const unsigned char *from) {
    size_t size = r->team.c->input.total;
    for (size_t put = 0; put < size;) {
        ssize_t n = write(fd, from + put, size - put);
        if (n > 0)
            put += (size_t)n;
        else if (errno != EINTR)
            return -1;
    }
    return 0;
}

/* ---- processes ---- */

static void serve(void *state, unsigned k) {
    struct raw *r = state;
    unsigned in = k - 1, out = peer_scatters(r->team.c) ? r->down + k - 1 : k;
    for (unsigned i = 0; i < r->hops; i++) { /* so that whoever dies ends them all */
        if (i != in)
            close(r->hop[i].read);
        if (i != out)
            close(r->hop[i].write);
    }
    for (;;) {
        if (take(r, r->hop[in].read, r->buffer) || give(r, r->hop[out].write, r->buffer))
            _exit(1);
        peer_done(&r->team);
        follow(r, &r->hop[in], 1, &r->hop[out], 1);
    }
}

static int exchange(struct peer_team *t, const unsigned char *from, unsigned char *to, size_t stride,
                    char *why) {
    struct raw *r = (struct raw *)t;
    const struct hop *up = r->hop + r->hops - r->results;
    follow(r, up, r->results, r->hop, r->down);
    int failed = 0;
    for (unsigned i = 0; i < r->down && !failed; i++)
        failed = give(r, r->hop[i].write, from);
    for (unsigned i = 0; i < r->results && !failed; i++)
        failed = take(r, up[i].read, to + i * stride);
    if (failed)
        snprintf(why, TRAM_WHY, "a process has ended");
    return failed;
}

static int raw_run(void *state, struct tram_batch *b, char *why) {
    return peer_run(state, b, exchange, why);
}

static void raw_close(void *state) {
    struct raw *r = state;
    peer_kill(&r->team);
    for (unsigned i = 0; i < r->hops; i++) {
        drop(&r->hop[i].read);
        drop(&r->hop[i].write);
    }
    free(r->hop);
    free(r->buffer);
    free(r);
}

/* ---- opening ---- */

static int open_hop(const struct raw *r, struct hop *h) {
    int fd[2];
    if (r->sockets ? socketpair(AF_UNIX, SOCK_STREAM, 0, fd) : pipe(fd))
        return -1;
    *h = (struct hop){fd[0], fd[1]};
    return 0;
}

static int start(struct raw *r, char *why) {
    while (r->hops < r->down + r->team.c->actors) {
        if (open_hop(r, &r->hop[r->hops])) {
            snprintf(why, TRAM_WHY, "%s: %s", r->sockets ? "socketpair" : "pipe", strerror(errno));
            return -1;
        }
        r->hops++;
    }
    for (unsigned k = 1; k <= r->team.c->actors; k++)
        if (peer_fork(&r->team, serve, r, why))
            return -1;
    for (unsigned i = 0; i < r->hops; i++) {
        if (i < r->hops - r->results)
            drop(&r->hop[i].read);
        if (i >= r->down)
            drop(&r->hop[i].write);
    }
    struct peer_search s = {.team = &r->team, .ways = ways, .fits = fits};
    s.ops = r->sockets ? &peer_raw_unix : &peer_raw_pipe;
    return peer_choose(&s, why);
}

static int open_raw(const struct tram_case *c, bool sockets, void **state, char *why) {
    struct raw *r = calloc(1, sizeof *r);
    if (r) {
        *r = (struct raw){.team = {.c = c}, .sockets = sockets, .down = peer_scatters(c) ? c->actors : 1};
        r->results = tram_case_results(c);
        r->hop = calloc(r->down + c->actors, sizeof *r->hop);
        r->buffer = tram_layout_alloc(c->input.stride);
    }
    signal(SIGPIPE, SIG_IGN);
    if (!r || !r->hop || !r->buffer)
        snprintf(why, TRAM_WHY, "out of memory");
    else if ((r->team.turn = peer_share(sizeof *r->team.turn, why)) && start(r, why) == 0) {
        *state = r;
        return 0;
    }
    if (r)
        raw_close(r);
    return -1;
}

static int open_pipe(const struct tram_case *c, void **state, char *why) {
    return open_raw(c, false, state, why);
}
static int open_unix(const struct tram_case *c, void **state, char *why) {
    return open_raw(c, true, state, why);
}

const struct tram_mode_ops peer_raw_pipe = {.name = "raw-pipe",
                                            .open = open_pipe,
                                            .run = raw_run,
                                            .counters = peer_counters,
                                            .pids = peer_pids,
                                            .close = raw_close};
const struct tram_mode_ops peer_raw_unix = {.name = "raw-unix",
                                            .open = open_unix,
                                            .run = raw_run,
                                            .counters = peer_counters,
                                            .pids = peer_pids,
                                            .close = raw_close};

static void version(char *out, size_t size) {
    struct utsname u;
    uname(&u);
    snprintf(out, size, "Linux %s", u.release);
}

int main(int argc, char **argv) {
    static const struct peer_mode modes[] = {
        {"raw-pipe", &peer_raw_pipe}, {"raw-unix", &peer_raw_unix}, {"raw-futex", &peer_raw_futex}, {0}};
    static const struct peer raw = {.program = "peer_raw",
                                    .summary =
                                        "the patterns over pipes, AF_UNIX sockets, or shared memory with "
                                        "futexes",
                                    .modes = modes,
                                    .version = version};
    struct peer_case p;
    int status = peer_parse(argc, argv, &raw, &p);
    return status >= 0 ? status : peer_measure(&p);
}
