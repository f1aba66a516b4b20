/* SPDX-License-Identifier: Apache-2.0
 *
 * The scenarios' patterns over raw socket pairs: what eager calls between these processes, placed and waiting in the
 * same way, cost before any spec, queue or look-up. One pair between the parent and each child; in a chain one more
 * between neighbours, so that the value travels without the parent.
 *
 * Waiting is the runtime's own policy (base/wait.h), with the one liberty that a wait which goes to sleep does so in
 * recv and not in a poll before it: a floor makes no call that it could do without.
 *
 * As in duel.h, children serve until they are killed, the parent-death signal included. The death of one closes its
 * sockets; its neighbours end by that, and theirs, until the parent reads the end of one. What takes too long (spinning
 * with many more processes than CPUs) has no figure.
 */
#include "harness/floor.h"

#include <errno.h>
#include <math.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/seam.h"
#include "base/wait.h"
#include "results/statistics.h"

enum {
    TASK_BYTES = 64,
    REQUEST_BYTES = 48,
    MOST_BYTES = TASK_BYTES + TRAM_FLOOR_SOCKET_BYTES,
    MAX_SAMPLES = 1 << 16
};
enum { POLLS_PER_CLOCK = 64 };
#define SLICE_US 100000 /* how long the parent sleeps before it looks at the clock */
#define GRACE_NS UINT64_C(1000000000)

/* One end of a pair. */
struct line {
    int fd;
    struct tram__site site;
};

/* What the parent of a chain sends: the value alone; each child its task; and, before each task but the first, the one before
 * it a request to hand its result on there. A runtime that dispatches call by call cannot do without: when it sends a call
 * it does not know yet who will take the result. */
enum traffic { HANDOVERS, TASKS, REQUESTS };

/* What a child waits for and writes to; `previous` is its parent for the first of a chain, `next` for the last. */
struct seat {
    struct line parent, previous;
    int next;
    bool first, last;
};

struct team {
    const struct tram_floor_sockets_params *params;
    enum traffic traffic;
    struct tram__wait_plan plan;
    unsigned running;   /* children */
    pid_t *child;       /* [actors] */
    struct line *lines; /* [actors]: the parent's ends */
    double *samples;    /* MAX_SAMPLES */
    char *why;
    size_t why_size;
};

enum outcome { ARRIVED, LATE, GONE };

static int fail(struct team *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
static int fail(struct team *t, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(t->why, t->why_size, format, args);
    va_end(args);
    return -1;
}

static int fail_errno(struct team *t, const char *what) {
    return fail(t, "cannot measure the floors of sockets: %s: %s", what, strerror(errno));
}

static void close_fd(int fd) {
    if (fd >= 0)
        close(fd);
}

/* ---- messages ---- */

static enum outcome give(int fd, size_t size) {
    static const char message[MOST_BYTES];
    return send(fd, message, size, MSG_NOSIGNAL) == (ssize_t)size ? ARRIVED : GONE;
}

static enum outcome take(const struct tram__wait_plan *plan, struct line *l, size_t size, uint64_t late_ns) {
    char message[MOST_BYTES];
    struct tram__spin spin;
    bool sleeps = plan->policy == TRAM_WAIT_BLOCK;
    uint32_t failed = 0;
    tram__spin_begin(&spin, plan, &l->site, true);
    for (size_t got = 0; got < size;) {
        ssize_t n = recv(l->fd, message + got, size - got, sleeps ? 0 : MSG_DONTWAIT);
        if (n > 0) {
            got += (size_t)n;
            continue;
        }
        if (n == 0 || (errno != EAGAIN && errno != EINTR))
            return GONE;
        if ((sleeps || ++failed % POLLS_PER_CLOCK == 0) && late_ns != UINT64_MAX && tram__now_ns() > late_ns)
            return LATE;
        sleeps = sleeps || !tram__spin_more(&spin);
    }
    tram__spin_end(&spin, sleeps);
    return ARRIVED;
}

/* ---- the other processes ---- */

static bool is_chain(const struct team *t) {
    return t->params->pattern == TRAM_PATTERN_CHAIN;
}

/* The value of a chain comes with the first task, as the argument of a call does. */
static size_t task_bytes(const struct team *t, bool first) {
    return TASK_BYTES + (first ? t->params->bytes : 0);
}

static void serve(const struct team *t, struct seat *s) {
    const struct tram_floor_sockets_params *p = t->params;
    size_t out = is_chain(t) ? p->bytes : p->reply;
    for (;;) {
        if (t->traffic != HANDOVERS &&
            take(&t->plan, &s->parent, task_bytes(t, s->first), UINT64_MAX) != ARRIVED)
            return;
        if (t->traffic == REQUESTS && !s->last &&
            take(&t->plan, &s->parent, REQUEST_BYTES, UINT64_MAX) != ARRIVED)
            return;
        struct line *from = s->first ? &s->parent : &s->previous;
        if (!(t->traffic != HANDOVERS && s->first) && take(&t->plan, from, p->bytes, UINT64_MAX) != ARRIVED)
            return;
        if (give(s->next, out) != ARRIVED)
            return;
    }
}

static void stop(struct team *t) {
    for (unsigned k = 0; k < t->running; k++)
        kill(t->child[k], SIGKILL);
    for (unsigned k = 0; k < t->running; k++) {
        while (waitpid(t->child[k], NULL, 0) < 0 && errno == EINTR)
            ;
        close(t->lines[k].fd);
    }
    t->running = 0;
}

/* The child inherits its CPU and the descriptors of its seat: whatever can fail, fails here. `up` is the pair between
 * parent and child, `on` that between the child and the next, `previous` the child's end of the one before. */
static int start_one(struct team *t, const int up[2], const int on[2], int previous) {
    unsigned k = t->running;
    const struct tram__cpus *cpus = t->params->placement;
    const struct timeval slice = {.tv_usec = SLICE_US};
    int cpu = cpus->cpu[(k + 1) % cpus->count];
    if (setsockopt(up[0], SOL_SOCKET, SO_RCVTIMEO, &slice, sizeof slice) != 0)
        return fail_errno(t, "SO_RCVTIMEO");
    if (tram__cpus_bind(cpu) != 0)
        return fail(t, "cannot measure the floors of sockets on CPU %d: %s", cpu, strerror(errno));
    pid_t parent = getpid(), pid = fork();
    if (pid < 0)
        return fail_errno(t, "fork");
    if (pid == 0) {
        struct seat s = {.parent = {.fd = up[1]}, .previous = {.fd = previous}};
        s.first = !is_chain(t) || k == 0;
        s.last = on[0] < 0;
        s.next = on[0] >= 0 ? on[0] : up[1];
        for (unsigned i = 0; i < k; i++)
            close(t->lines[i].fd);
        close(up[0]);
        close_fd(on[1]);
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent)
            serve(t, &s);
        _exit(1);
    }
    t->child[k] = pid;
    t->lines[k] = (struct line){.fd = up[0]};
    t->running++;
    return 0;
}

static int start(struct team *t) {
    int previous = -1, status = 0;
    while (!status && t->running < t->params->actors) {
        int up[2], on[2] = {-1, -1};
        bool last = !is_chain(t) || t->running + 1 == t->params->actors;
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, up) != 0) {
            status = fail_errno(t, "socketpair");
            break;
        }
        if (!last && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, on) != 0)
            status = fail_errno(t, "socketpair");
        else
            status = start_one(t, up, on, previous);
        if (status)
            close(up[0]);
        close(up[1]);
        close_fd(on[0]);
        close_fd(previous);
        previous = on[1];
    }
    close_fd(previous);
    int cpu = t->params->placement->cpu[0];
    if (!status && tram__cpus_bind(cpu) != 0)
        status = fail(t, "cannot measure the floors of sockets on CPU %d: %s", cpu, strerror(errno));
    if (status)
        stop(t);
    return status;
}

/* ---- figures ---- */

static enum outcome scatter_once(struct team *t, uint64_t late_ns) {
    enum outcome got = ARRIVED;
    for (unsigned k = 0; got == ARRIVED && k < t->running; k++)
        got = give(t->lines[k].fd, t->params->bytes);
    for (unsigned k = 0; got == ARRIVED && k < t->running; k++)
        got = take(&t->plan, &t->lines[k], t->params->reply, late_ns);
    return got;
}

static enum outcome chain_once(struct team *t, uint64_t late_ns) {
    enum outcome got = ARRIVED;
    for (unsigned k = 0; t->traffic != HANDOVERS && got == ARRIVED && k < t->running; k++) {
        if (t->traffic == REQUESTS && k > 0)
            got = give(t->lines[k - 1].fd, REQUEST_BYTES);
        if (got == ARRIVED)
            got = give(t->lines[k].fd, task_bytes(t, k == 0));
    }
    if (t->traffic == HANDOVERS)
        got = give(t->lines[0].fd, t->params->bytes);
    return got == ARRIVED ? take(&t->plan, &t->lines[t->running - 1], t->params->bytes, late_ns) : got;
}

/* The median of the later half: by then wherever there is something to learn or to settle, it has. */
static int time_rounds(struct team *t, double *out) {
    size_t count = 0;
    uint64_t t0 = tram__now_ns(), t1 = t0, until = t0 + (uint64_t)(t->params->figure_s * 1e9);
    for (; count < MAX_SAMPLES && (!count || t1 < until); t0 = t1) {
        enum outcome got = is_chain(t) ? chain_once(t, until + GRACE_NS) : scatter_once(t, until + GRACE_NS);
        if (got == GONE)
            return fail(t, "cannot measure the floors of sockets: one of the other processes died");
        if (got == LATE)
            break;
        t1 = tram__now_ns();
        t->samples[count++] = (double)(t1 - t0);
    }
    *out = count ? tram_median(t->samples + count / 2, count - count / 2) : NAN;
    return 0;
}

/* With processes of its own. */
static int measure_one(struct team *t, enum traffic traffic, double *out) {
    t->traffic = traffic;
    if (start(t) != 0)
        return -1;
    int status = time_rounds(t, out);
    stop(t);
    return status;
}

static int check_params(struct team *t) {
    const struct tram_floor_sockets_params *p = t->params;
    if (!p->actors || !p->bytes || !p->reply || p->bytes > TRAM_FLOOR_SOCKET_BYTES ||
        p->reply > TRAM_FLOOR_SOCKET_BYTES)
        return fail(t, "cannot measure the floors of sockets for %u processes, %zu bytes and %zu back",
                    p->actors, p->bytes, p->reply);
    return 0;
}

int tram_floor_measure_sockets(const struct tram_floor_sockets_params *params, struct tram_floor_sockets *out,
                               char *why, size_t why_size) {
    struct tram_floor_sockets_params p = *params;
    struct team t = {.params = &p, .why = why, .why_size = why_size};
    cpu_set_t old;
    if (!(p.figure_s > 0))
        p.figure_s = p.wait == TRAM_WAIT_BLOCK ? 0.2 : 0.12;
    if (check_params(&t) != 0)
        return -1;
    if (sched_getaffinity(0, sizeof old, &old) != 0)
        return fail_errno(&t, "sched_getaffinity");
    t.plan = tram__wait_plan(p.wait, p.actors + 1, p.placement->usable, (uint64_t)p.block_ns);
    t.child = calloc(p.actors, sizeof *t.child);
    t.lines = calloc(p.actors, sizeof *t.lines);
    t.samples = malloc(MAX_SAMPLES * sizeof *t.samples);
    struct tram_floor_sockets got = {
        .actors = p.actors, .bytes = p.bytes, .requests_ns = NAN, .handovers_ns = NAN};
    got.pattern = is_chain(&t) ? "chain" : "scatter";
    int status = t.child && t.lines && t.samples ? 0 : fail_errno(&t, "memory");
    if (!status)
        status = measure_one(&t, is_chain(&t) ? TASKS : HANDOVERS, &got.rtt_ns);
    if (!status && is_chain(&t))
        status = measure_one(&t, REQUESTS, &got.requests_ns);
    if (!status && is_chain(&t))
        status = measure_one(&t, HANDOVERS, &got.handovers_ns);
    free(t.child);
    free(t.lines);
    free(t.samples);
    sched_setaffinity(0, sizeof old, &old);
    if (!status)
        *out = got;
    return status;
}
