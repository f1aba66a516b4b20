/* SPDX-License-Identifier: Apache-2.0
 *
 * One child per figure (duel.h). The futex code needs no Dekker fence: the kernel compares the word under its
 * own lock.
 */
#include "harness/floor.h"

#include <errno.h>
#include <linux/futex.h>
#include <math.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/cpus.h"
#include "base/seam.h"
#include "harness/duel.h"
#include "results/statistics.h"

enum { BATCH = 500, BATCH_YIELDING = 50 };

/* ---- Cache lines ---- */

static void serve_flags(struct tram_duel *d) {
    for (uint32_t n = 1;; n++) {
        struct tram_duel_lines *l = &d->shared->lines[n % TRAM_DUEL_LINES];
        tram_duel_await(d, &l->ping, n, d->yields);
        atomic_store_explicit(&l->pong, n, memory_order_release);
    }
}

static int measure_cacheline(struct tram_duel *d, double *out) {
    size_t count = 0, batch = d->yields ? BATCH_YIELDING : BATCH;
    uint32_t n = 0;
    uint64_t until = tram_duel_deadline(d->params->figure_s);
    while (count < TRAM_DUEL_SAMPLES && (!count || tram__now_ns() < until)) {
        uint64_t t0 = tram__now_ns();
        for (size_t i = 0; i < batch; i++) {
            struct tram_duel_lines *l = &d->shared->lines[++n % TRAM_DUEL_LINES];
            atomic_store_explicit(&l->ping, n, memory_order_release);
            if (!tram_duel_await(d, &l->pong, n, d->yields))
                return tram_duel_died(d, "cache line");
        }
        d->samples[count++] = (double)(tram__now_ns() - t0) / (double)batch;
    }
    *out = tram_median(d->samples, count);
    return 0;
}

/* ---- Futexes ---- */

/* A hypervisor polls for a while before it halts a processor, and learns from the wakes how long: a blocking figure
 * takes a few hundred milliseconds to settle. Measure it that much longer and keep the second half. */
enum { BLOCKING = 5 };

static double settled(struct tram_duel *d, size_t count) {
    return tram_median(d->samples + count / 2, count - count / 2);
}

static void wake(tram_flag *f) {
    syscall(SYS_futex, f, FUTEX_WAKE, 1, NULL, NULL, 0);
}

/* Sleeps at once. The timeout is only for noticing that the child died. */
static bool sleep_until(struct tram_duel *d, tram_flag *f, uint32_t value) {
    const struct timespec slice = {.tv_nsec = 100 * 1000 * 1000};
    while (atomic_load_explicit(f, memory_order_acquire) != value)
        if (syscall(SYS_futex, f, FUTEX_WAIT, value - 1, &slice, NULL, 0) != 0 && errno == ETIMEDOUT &&
            d->child && !tram_duel_alive(d))
            return false;
    return true;
}

static void serve_futex(struct tram_duel *d) {
    for (uint32_t n = 1;; n++) {
        sleep_until(d, &d->shared->lines[0].ping, n);
        atomic_store_explicit(&d->shared->lines[0].pong, n, memory_order_release);
        wake(&d->shared->lines[0].pong);
    }
}

/* Round trips, each after an idle time in which both processors go to sleep, or one after the other. */
static int time_futex(struct tram_duel *d, long idle_ns, double *out) {
    size_t count = 0;
    uint64_t until = tram_duel_deadline(BLOCKING * d->params->figure_s), t0 = tram__now_ns(), t1 = t0;
    for (uint32_t n = 1; count < TRAM_DUEL_SAMPLES && (!count || t1 < until); n++, t0 = t1) {
        if (idle_ns) {
            nanosleep(&(struct timespec){.tv_nsec = idle_ns}, NULL);
            t0 = tram__now_ns();
        }
        atomic_store_explicit(&d->shared->lines[0].ping, n, memory_order_release);
        wake(&d->shared->lines[0].ping);
        if (!sleep_until(d, &d->shared->lines[0].pong, n))
            return tram_duel_died(d, "futex");
        t1 = tram__now_ns();
        d->samples[count++] = (double)(t1 - t0);
    }
    *out = settled(d, count);
    return 0;
}

static int measure_futex(struct tram_duel *d, double *out) {
    return time_futex(d, 0, out);
}

static int measure_futex_idle(struct tram_duel *d, double *out) {
    return time_futex(d, TRAM_FLOOR_IDLE_NS, out);
}

/* ---- Sockets ---- */

/* One byte; 0 flags block. The kernel ends the wait when the other end is closed, as the death of its owner
 * does. */
static bool receive(int fd, char *byte, int flags, bool yields) {
    for (;;) {
        ssize_t n = recv(fd, byte, 1, flags);
        if (n == 1)
            return true;
        if (n == 0 || (errno != EAGAIN && errno != EINTR))
            return false;
        if (yields)
            sched_yield();
    }
}

static void serve_socket(struct tram_duel *d, int flags) {
    char byte;
    close(d->own);
    while (receive(d->peer, &byte, flags, d->yields))
        if (send(d->peer, &byte, 1, MSG_NOSIGNAL) != 1)
            break;
}

static void serve_blocking(struct tram_duel *d) {
    serve_socket(d, 0);
}

static void serve_polling(struct tram_duel *d) {
    serve_socket(d, MSG_DONTWAIT);
}

static int measure_socket(struct tram_duel *d, int flags, double *out) {
    size_t count = 0;
    char byte = 1;
    close(d->peer);
    d->peer = -1;
    uint64_t until = tram_duel_deadline((flags ? 1 : BLOCKING) * d->params->figure_s), t0 = tram__now_ns(),
             t1 = t0;
    for (; count < TRAM_DUEL_SAMPLES && (!count || t1 < until); t0 = t1) {
        if (send(d->own, &byte, 1, MSG_NOSIGNAL) != 1 || !receive(d->own, &byte, flags, d->yields))
            return tram_duel_died(d, "socket");
        t1 = tram__now_ns();
        d->samples[count++] = (double)(t1 - t0);
    }
    *out = settled(d, count);
    return 0;
}

static int measure_blocking(struct tram_duel *d, double *out) {
    return measure_socket(d, 0, out);
}

static int measure_polling(struct tram_duel *d, double *out) {
    return measure_socket(d, MSG_DONTWAIT, out);
}

/* ---- The clock ---- */

static void measure_timer(struct tram_duel *d, struct tram_floor *out) {
    size_t count = 0;
    uint64_t step = UINT64_MAX, until = tram_duel_deadline(d->params->figure_s), t1;
    do {
        uint64_t t0 = tram__now_ns(), before = t0;
        for (int i = 0; i < BATCH; i++) {
            t1 = tram__now_ns();
            if (t1 != before && t1 - before < step)
                step = t1 - before;
            before = t1;
        }
        d->samples[count++] = (double)(t1 - t0) / BATCH;
    } while (count < TRAM_DUEL_SAMPLES && t1 < until);
    out->timer_ns = tram_median(d->samples, count);
    out->timer_step_ns = step == UINT64_MAX ? NAN : (double)step;
}

/* ---- All of them ---- */

static int one_figure(struct tram_duel *d, void (*serve)(struct tram_duel *),
                      int (*measure)(struct tram_duel *, double *), double *out) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return tram_duel_fail_errno(d, "socketpair");
    d->own = ends[0], d->peer = ends[1];
    tram_duel_reset(d);
    int result = tram_duel_start(d, serve);
    if (result == 0) {
        result = measure(d, out);
        tram_duel_stop(d);
    }
    close(d->own);
    if (d->peer >= 0)
        close(d->peer);
    return result;
}

static int measure_all(struct tram_duel *d, struct tram_floor *out) {
    if (tram__cpus_bind(d->params->cpu) != 0)
        return tram_duel_fail(d, "cannot measure floors on CPU %d: %s", d->params->cpu, strerror(errno));
    measure_timer(d, out);
    if (d->params->timer_only) {
        out->cacheline_rtt_ns = out->futex_rtt_ns = out->futex_idle_rtt_ns = NAN;
        out->unix_rtt_ns = out->unix_poll_rtt_ns = NAN;
        return 0;
    }
    if (one_figure(d, serve_flags, measure_cacheline, &out->cacheline_rtt_ns) != 0 ||
        one_figure(d, serve_futex, measure_futex, &out->futex_rtt_ns) != 0 ||
        one_figure(d, serve_futex, measure_futex_idle, &out->futex_idle_rtt_ns) != 0 ||
        one_figure(d, serve_blocking, measure_blocking, &out->unix_rtt_ns) != 0 ||
        one_figure(d, serve_polling, measure_polling, &out->unix_poll_rtt_ns) != 0)
        return -1;
    out->copies = d->params->copy_count;
    for (size_t i = 0; i < out->copies; i++)
        if (tram_floor_measure_copy(d, d->params->copy_sizes[i], &out->copy[i]) != 0)
            return -1;
    return 0;
}

static int check_params(struct tram_duel *d) {
    if (d->params->copy_count > TRAM_FLOOR_MAX_SIZES)
        return tram_duel_fail(d, "cannot measure floors of more than %d sizes", TRAM_FLOOR_MAX_SIZES);
    for (size_t i = 0; i < d->params->copy_count; i++)
        if (!d->params->copy_sizes[i])
            return tram_duel_fail(d, "cannot measure the floor of copying nothing");
    if (d->params->cpu < 0 || d->params->cpu >= CPU_SETSIZE || d->params->peer_cpu < 0 ||
        d->params->peer_cpu >= CPU_SETSIZE)
        return tram_duel_fail(d, "cannot measure floors: there is no CPU %d or %d", d->params->cpu,
                              d->params->peer_cpu);
    return 0;
}

int tram_floor_measure(const struct tram_floor_params *params, struct tram_floor *out, char *why,
                       size_t why_size) {
    struct tram_floor_params p = *params;
    struct tram_floor floor = {0};
    cpu_set_t old;
    if (!(p.figure_s > 0))
        p.figure_s = 0.06;
    if (!(p.copy_s > 0))
        p.copy_s = 0.02;
    struct tram_duel d = {
        .params = &p, .yields = p.cpu == p.peer_cpu, .why = why, .why_size = why_size, .gone = true};
    if (check_params(&d) != 0)
        return -1;
    if (sched_getaffinity(0, sizeof old, &old) != 0)
        return tram_duel_fail_errno(&d, "sched_getaffinity");
    d.shared = tram_duel_map(sizeof *d.shared, MAP_SHARED);
    d.samples = malloc(TRAM_DUEL_SAMPLES * sizeof *d.samples);
    int result = d.shared && d.samples ? measure_all(&d, &floor) : tram_duel_fail_errno(&d, "memory");
    free(d.samples);
    tram_duel_unmap(d.shared, sizeof *d.shared);
    sched_setaffinity(0, sizeof old, &old);
    if (result == 0)
        *out = floor;
    return result;
}

/* ---- Medians over measurements ---- */

static double median_at(const struct tram_floor *all, size_t n, size_t offset) {
    double *values = malloc(n * sizeof *values), value;
    size_t count = 0;
    if (!values)
        return NAN;
    for (size_t i = 0; i < n; i++) {
        memcpy(&value, (const char *)&all[i] + offset, sizeof value);
        if (!isnan(value))
            values[count++] = value;
    }
    value = tram_median(values, count);
    free(values);
    return value;
}

/* Sizes and the names of kernels are the first measurement's. */
void tram_floor_median(const struct tram_floor *all, size_t n, struct tram_floor *out) {
    struct tram_floor median = all[0];
#define MEDIAN(field) median.field = median_at(all, n, offsetof(struct tram_floor, field))
    MEDIAN(cacheline_rtt_ns);
    MEDIAN(futex_rtt_ns);
    MEDIAN(futex_idle_rtt_ns);
    MEDIAN(unix_rtt_ns);
    MEDIAN(unix_poll_rtt_ns);
    MEDIAN(timer_ns);
    MEDIAN(timer_step_ns);
#undef MEDIAN
    for (size_t i = 0; i < median.copies; i++) {
        size_t at = offsetof(struct tram_floor, copy) + i * sizeof median.copy[0];
        median.copy[i].local = median_at(all, n, at + offsetof(struct tram_floor_copy, local));
        median.copy[i].cross_core = median_at(all, n, at + offsetof(struct tram_floor_copy, cross_core));
    }
    for (size_t i = 0; i < median.socket_count; i++) {
        size_t at = offsetof(struct tram_floor, sockets) + i * sizeof median.sockets[0];
        median.sockets[i].rtt_ns = median_at(all, n, at + offsetof(struct tram_floor_sockets, rtt_ns));
        median.sockets[i].requests_ns =
            median_at(all, n, at + offsetof(struct tram_floor_sockets, requests_ns));
        median.sockets[i].handovers_ns =
            median_at(all, n, at + offsetof(struct tram_floor_sockets, handovers_ns));
    }
    *out = median;
}
