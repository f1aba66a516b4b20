/* SPDX-License-Identifier: Apache-2.0
 *
 * One child per figure. It serves until it is killed, so there is no protocol for stopping, and no end of
 * this process leaves it behind: the parent-death signal kills it. Every wait of the parent notices a child
 * that died.
 *
 * Orders: a flag's release store publishes what was written before it, the payload included; the matching
 * acquire load is in await(). The futex code needs no Dekker fence: the kernel compares the word under its
 * own lock.
 */
#include "harness/floor.h"

#include <errno.h>
#include <linux/futex.h>
#include <math.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cpus.h"
#include "base/seam.h"
#include "results/statistics.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum { MAX_SAMPLES = 1 << 16, MAX_KERNELS = 3, BATCH = 500, BATCH_YIELDING = 50, CHECK_EVERY = 1 << 16 };
#define SMALL_COPIES (16u << 10) /* small copies are timed together until they make up this much */

typedef _Atomic uint32_t flag;

/* How far a line is from a core depends on its address, by a quarter here: the cache-line figure takes turns among these,
 * the others use the first of them. */
enum { LINES = 64 };
struct lines {
    _Alignas(128) flag ping; /* written by the parent */
    _Alignas(128) flag pong; /* written by the child */
};
struct shared {
    struct lines lines[LINES];
};

/* One measurement: this process, its child, and what they share. */
struct duel {
    const struct tram_floor_params *params;
    bool yields; /* both on one CPU */
    struct shared *shared;
    int own, peer; /* ends of a socket pair */
    char *source;  /* what the child writes and the parent copies */
    size_t size, blocks;
    double *samples; /* MAX_SAMPLES of them */
    pid_t parent, child;
    bool gone; /* the child ended and was reaped */
    char *why;
    size_t why_size;
};

static int fail(struct duel *d, const char *format, ...) __attribute__((format(printf, 2, 3)));
static int fail(struct duel *d, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(d->why, d->why_size, format, args);
    va_end(args);
    return -1;
}

static int fail_errno(struct duel *d, const char *what) {
    return fail(d, "cannot measure floors: %s: %s", what, strerror(errno));
}

static uint64_t deadline(double seconds) {
    return tram__now_ns() + (uint64_t)(seconds * 1e9);
}

/* ---- The other process ---- */

static bool alive(struct duel *d) {
    if (!d->gone && waitpid(d->child, NULL, WNOHANG) != 0)
        d->gone = true;
    return !d->gone;
}

static void stop(struct duel *d) {
    if (d->gone)
        return;
    kill(d->child, SIGKILL);
    while (waitpid(d->child, NULL, 0) < 0 && errno == EINTR)
        ;
    d->gone = true;
}

/* The child inherits the peer's CPU: whatever can fail, fails here, where there is somebody to tell. */
static int start(struct duel *d, void (*serve)(struct duel *)) {
    if (tram__cpus_bind(d->params->peer_cpu) != 0)
        return fail(d, "cannot measure floors on CPU %d: %s", d->params->peer_cpu, strerror(errno));
    d->parent = getpid();
    d->gone = false;
    d->child = fork();
    if (d->child < 0)
        return fail_errno(d, "fork");
    if (d->child == 0) {
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == d->parent)
            serve(d);
        _exit(1);
    }
    if (tram__cpus_bind(d->params->cpu) == 0)
        return 0;
    fail(d, "cannot measure floors on CPU %d: %s", d->params->cpu, strerror(errno));
    stop(d);
    return -1;
}

static int died(struct duel *d, const char *figure) {
    return fail(d, "cannot measure floors: the other process died (%s)", figure);
}

/* Spins without pause: the figure is the bare round trip. False: the child died. */
static inline bool await(struct duel *d, flag *f, uint32_t value, bool yields) {
    for (uint32_t i = 1; atomic_load_explicit(f, memory_order_acquire) != value; i++) {
        if (yields)
            sched_yield();
        if (i % CHECK_EVERY == 0 && d->child && !alive(d))
            return false;
    }
    return true;
}

/* ---- Cache lines ---- */

static void serve_flags(struct duel *d) {
    for (uint32_t n = 1;; n++) {
        struct lines *l = &d->shared->lines[n % LINES];
        await(d, &l->ping, n, d->yields);
        atomic_store_explicit(&l->pong, n, memory_order_release);
    }
}

static int measure_cacheline(struct duel *d, double *out) {
    size_t count = 0, batch = d->yields ? BATCH_YIELDING : BATCH;
    uint32_t n = 0;
    uint64_t until = deadline(d->params->figure_s);
    while (count < MAX_SAMPLES && (!count || tram__now_ns() < until)) {
        uint64_t t0 = tram__now_ns();
        for (size_t i = 0; i < batch; i++) {
            struct lines *l = &d->shared->lines[++n % LINES];
            atomic_store_explicit(&l->ping, n, memory_order_release);
            if (!await(d, &l->pong, n, d->yields))
                return died(d, "cache line");
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

static double settled(struct duel *d, size_t count) {
    return tram_median(d->samples + count / 2, count - count / 2);
}

static void wake(flag *f) {
    syscall(SYS_futex, f, FUTEX_WAKE, 1, NULL, NULL, 0);
}

/* Sleeps at once. The timeout is only for noticing that the child died. */
static bool sleep_until(struct duel *d, flag *f, uint32_t value) {
    const struct timespec slice = {.tv_nsec = 100 * 1000 * 1000};
    while (atomic_load_explicit(f, memory_order_acquire) != value)
        if (syscall(SYS_futex, f, FUTEX_WAIT, value - 1, &slice, NULL, 0) != 0 && errno == ETIMEDOUT &&
            d->child && !alive(d))
            return false;
    return true;
}

static void serve_futex(struct duel *d) {
    for (uint32_t n = 1;; n++) {
        sleep_until(d, &d->shared->lines[0].ping, n);
        atomic_store_explicit(&d->shared->lines[0].pong, n, memory_order_release);
        wake(&d->shared->lines[0].pong);
    }
}

/* Round trips, each after an idle time in which both processors go to sleep, or one after the other. */
static int time_futex(struct duel *d, long idle_ns, double *out) {
    size_t count = 0;
    uint64_t until = deadline(BLOCKING * d->params->figure_s), t0 = tram__now_ns(), t1 = t0;
    for (uint32_t n = 1; count < MAX_SAMPLES && (!count || t1 < until); n++, t0 = t1) {
        if (idle_ns) {
            nanosleep(&(struct timespec){.tv_nsec = idle_ns}, NULL);
            t0 = tram__now_ns();
        }
        atomic_store_explicit(&d->shared->lines[0].ping, n, memory_order_release);
        wake(&d->shared->lines[0].ping);
        if (!sleep_until(d, &d->shared->lines[0].pong, n))
            return died(d, "futex");
        t1 = tram__now_ns();
        d->samples[count++] = (double)(t1 - t0);
    }
    *out = settled(d, count);
    return 0;
}

static int measure_futex(struct duel *d, double *out) {
    return time_futex(d, 0, out);
}

static int measure_futex_idle(struct duel *d, double *out) {
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

static void serve_socket(struct duel *d, int flags) {
    char byte;
    close(d->own);
    while (receive(d->peer, &byte, flags, d->yields))
        if (send(d->peer, &byte, 1, MSG_NOSIGNAL) != 1)
            break;
}

static void serve_blocking(struct duel *d) {
    serve_socket(d, 0);
}

static void serve_polling(struct duel *d) {
    serve_socket(d, MSG_DONTWAIT);
}

static int measure_socket(struct duel *d, int flags, double *out) {
    size_t count = 0;
    char byte = 1;
    close(d->peer);
    d->peer = -1;
    uint64_t until = deadline((flags ? 1 : BLOCKING) * d->params->figure_s), t0 = tram__now_ns(), t1 = t0;
    for (; count < MAX_SAMPLES && (!count || t1 < until); t0 = t1) {
        if (send(d->own, &byte, 1, MSG_NOSIGNAL) != 1 || !receive(d->own, &byte, flags, d->yields))
            return died(d, "socket");
        t1 = tram__now_ns();
        d->samples[count++] = (double)(t1 - t0);
    }
    *out = settled(d, count);
    return 0;
}

static int measure_blocking(struct duel *d, double *out) {
    return measure_socket(d, 0, out);
}

static int measure_polling(struct duel *d, double *out) {
    return measure_socket(d, MSG_DONTWAIT, out);
}

/* ---- The clock ---- */

static void measure_timer(struct duel *d, struct tram_floor *out) {
    size_t count = 0;
    uint64_t step = UINT64_MAX, until = deadline(d->params->figure_s), t1;
    do {
        uint64_t t0 = tram__now_ns(), before = t0;
        for (int i = 0; i < BATCH; i++) {
            t1 = tram__now_ns();
            if (t1 != before && t1 - before < step)
                step = t1 - before;
            before = t1;
        }
        d->samples[count++] = (double)(t1 - t0) / BATCH;
    } while (count < MAX_SAMPLES && t1 < until);
    out->timer_ns = tram_median(d->samples, count);
    out->timer_step_ns = step == UINT64_MAX ? NAN : (double)step;
}

/* ---- Copies ---- */

struct kernel {
    const char *name;
    void (*copy)(char *to, const char *from, size_t size);
};

static void copy_memcpy(char *to, const char *from, size_t size) {
    memcpy(to, from, size);
}

#if defined(__x86_64__)
/* Stores that bypass the caches. Only whole steps of the aligned middle; the ends go by memcpy. */
#define STREAM(name, vector, width, load, store, attribute)                                        \
    attribute static void name(char *to, const char *from, size_t size) {                          \
        size_t head = (size_t)(-(uintptr_t)to & (width - 1)), i = head < size ? head : size;       \
        memcpy(to, from, i);                                                                       \
        for (; i + 4 * width <= size; i += 4 * width) {                                            \
            vector a = load((const void *)(from + i)), b = load((const void *)(from + i + width)); \
            vector c = load((const void *)(from + i + 2 * width)),                                 \
                   e = load((const void *)(from + i + 3 * width));                                 \
            store((void *)(to + i), a);                                                            \
            store((void *)(to + i + width), b);                                                    \
            store((void *)(to + i + 2 * width), c);                                                \
            store((void *)(to + i + 3 * width), e);                                                \
        }                                                                                          \
        memcpy(to + i, from + i, size - i);                                                        \
        _mm_sfence();                                                                              \
    }
STREAM(copy_stream16, __m128i, 16, _mm_loadu_si128, _mm_stream_si128, )
STREAM(copy_stream64, __m512i, 64, _mm512_loadu_si512, _mm512_stream_si512,
       __attribute__((target("avx512f"))))
#endif

static size_t usable_kernels(struct kernel *out) {
    size_t n = 0;
    out[n++] = (struct kernel){"memcpy", copy_memcpy};
#if defined(__x86_64__)
    out[n++] = (struct kernel){"stream16", copy_stream16};
    if (__builtin_cpu_supports("avx512f"))
        out[n++] = (struct kernel){"stream64", copy_stream64};
#endif
    return n;
}

/* The compiler must not see that nobody reads the copy. */
static void copy_blocks(const struct duel *d, const struct kernel *k, char *to, const char *from) {
    for (size_t i = 0; i < d->blocks; i++) {
        k->copy(to + i * d->size, from + i * d->size, d->size);
        __asm__ volatile("" : : "r"(to) : "memory");
    }
}

static double measure_local(struct duel *d, char *to, char *from) {
    const struct kernel memcpy_only = {"memcpy", copy_memcpy};
    size_t count = 0;
    memset(from, 1, d->size * d->blocks);
    copy_blocks(d, &memcpy_only, to, from);
    uint64_t until = deadline(d->params->copy_s / 4), t0, t1;
    do {
        t0 = tram__now_ns();
        copy_blocks(d, &memcpy_only, to, from);
        t1 = tram__now_ns();
        d->samples[count++] = (double)(t1 - t0);
    } while (count < MAX_SAMPLES && t1 < until);
    return (double)(d->size * d->blocks) / tram_median(d->samples, count) * 1e9;
}

/* Writes the source anew for each copy, and says so; the parent asks for the next. */
static void serve_source(struct duel *d) {
    for (uint32_t n = 1;; n++) {
        await(d, &d->shared->lines[0].ping, n, d->yields);
        memset(d->source, (int)n, d->size * d->blocks);
        atomic_store_explicit(&d->shared->lines[0].pong, n, memory_order_release);
    }
}

static int measure_cross(struct duel *d, char *to, struct tram_floor_copy *out) {
    struct kernel kernels[MAX_KERNELS];
    size_t many = usable_kernels(kernels), room = MAX_SAMPLES / many, count = 0;
    uint32_t n = 0;
    uint64_t until = deadline(d->params->copy_s * 3 / 4), t1;
    do {
        for (size_t k = 0; k < many; k++) {
            atomic_store_explicit(&d->shared->lines[0].ping, ++n, memory_order_release);
            if (!await(d, &d->shared->lines[0].pong, n, d->yields))
                return died(d, "copy");
            uint64_t t0 = tram__now_ns();
            copy_blocks(d, &kernels[k], to, d->source);
            t1 = tram__now_ns();
            d->samples[k * room + count] = (double)(t1 - t0);
            if (to[d->size * d->blocks - 1] != (char)n)
                return fail(d, "cannot measure floors: kernel %s copied wrongly", kernels[k].name);
        }
        count++;
    } while (count < room && t1 < until);
    out->cross_core = 0;
    for (size_t k = 0; k < many; k++) {
        double rate = (double)(d->size * d->blocks) / tram_median(d->samples + k * room, count) * 1e9;
        if (rate > out->cross_core) {
            out->cross_core = rate;
            out->cross_core_kernel = kernels[k].name;
        }
    }
    return 0;
}

static void *map(size_t size, int sharing) {
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, sharing | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

static void unmap(void *p, size_t size) {
    if (p)
        munmap(p, size);
}

static void reset_flags(struct duel *d) {
    memset(d->shared, 0, sizeof *d->shared); /* fork orders this for the child */
}

static int measure_copy(struct duel *d, size_t size, struct tram_floor_copy *out) {
    d->size = size;
    d->blocks = size < SMALL_COPIES ? SMALL_COPIES / size : 1;
    size_t total = d->size * d->blocks;
    char *to = map(total, MAP_PRIVATE), *from = map(total, MAP_PRIVATE);
    d->source = map(total, MAP_SHARED);
    int result = to && from && d->source ? 0 : fail_errno(d, "memory to copy");
    if (result == 0) {
        out->bytes = size;
        out->local = measure_local(d, to, from);
        reset_flags(d);
        result = start(d, serve_source);
    }
    if (result == 0) {
        result = measure_cross(d, to, out);
        stop(d);
    }
    unmap(to, total);
    unmap(from, total);
    unmap(d->source, total);
    return result;
}

/* ---- All of them ---- */

static int one_figure(struct duel *d, void (*serve)(struct duel *), int (*measure)(struct duel *, double *),
                      double *out) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return fail_errno(d, "socketpair");
    d->own = ends[0], d->peer = ends[1];
    reset_flags(d);
    int result = start(d, serve);
    if (result == 0) {
        result = measure(d, out);
        stop(d);
    }
    close(d->own);
    if (d->peer >= 0)
        close(d->peer);
    return result;
}

static int measure_all(struct duel *d, struct tram_floor *out) {
    if (tram__cpus_bind(d->params->cpu) != 0)
        return fail(d, "cannot measure floors on CPU %d: %s", d->params->cpu, strerror(errno));
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
        if (measure_copy(d, d->params->copy_sizes[i], &out->copy[i]) != 0)
            return -1;
    return 0;
}

static int check_params(struct duel *d) {
    if (d->params->copy_count > TRAM_FLOOR_MAX_SIZES)
        return fail(d, "cannot measure floors of more than %d sizes", TRAM_FLOOR_MAX_SIZES);
    for (size_t i = 0; i < d->params->copy_count; i++)
        if (!d->params->copy_sizes[i])
            return fail(d, "cannot measure the floor of copying nothing");
    if (d->params->cpu < 0 || d->params->cpu >= CPU_SETSIZE || d->params->peer_cpu < 0 ||
        d->params->peer_cpu >= CPU_SETSIZE)
        return fail(d, "cannot measure floors: there is no CPU %d or %d", d->params->cpu,
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
    struct duel d = {
        .params = &p, .yields = p.cpu == p.peer_cpu, .why = why, .why_size = why_size, .gone = true};
    if (check_params(&d) != 0)
        return -1;
    if (sched_getaffinity(0, sizeof old, &old) != 0)
        return fail_errno(&d, "sched_getaffinity");
    d.shared = map(sizeof *d.shared, MAP_SHARED);
    d.samples = malloc(MAX_SAMPLES * sizeof *d.samples);
    int result = d.shared && d.samples ? measure_all(&d, &floor) : fail_errno(&d, "memory");
    free(d.samples);
    unmap(d.shared, sizeof *d.shared);
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
