/* SPDX-License-Identifier: Apache-2.0
 *
 * The limit: the bare pattern with no runtime. Processes in a ring hand a payload on through raw flags and slots in
 * shared memory. It shares placement and the clock with the runtime and nothing else. One in flight it is a cache-line
 * round trip; deeper, a ring of that depth. Where there is a choice (how to hand over on one CPU, which copy kernel)
 * it tries the candidates first, keeps the best and names it.
 */
#include <errno.h>
#include <immintrin.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/seam.h"
#include "harness/mode.h"

enum { IN_SLOT = 120, CALIBRATE_FROM = 256 * 1024, POLLS_PER_CLOCK = 1 << 16 };

enum strategy { SPIN, YIELD, SLEEP, STRATEGIES };
enum kernel { PLAIN, STREAM, KERNELS };
static const char *const strategies[STRATEGIES] = {"spin", "yield", "futex"};
static const char *const kernels[KERNELS] = {"memcpy", "streaming stores"};

/* Copying to the same place every time can be slower than taking turns among a few. What fits a slot takes turns in any
 * case: how far a cache line is from a core depends on its address. */
enum { MOST_TURNS = 64, TURN_BYTES = 512 * 1024 };

struct slot {
    _Alignas(128) _Atomic uint32_t seq;
    _Atomic uint32_t asleep;
    unsigned char payload[IN_SLOT];
};
_Static_assert(sizeof(struct slot) == 128, "flag and small payload are one transfer");

struct control {
    _Alignas(128) _Atomic int strategy;
    _Atomic int kernel;
    _Atomic uint32_t
        mask; /* slots of each hop in use, a power of two and at least those in flight, less one */
};

struct state {
    const struct tram_case *c;
    struct control *control;
    uint32_t most;          /* slots of each hop there are */
    struct slot *slots;     /* [hop][most] */
    unsigned char *extents; /* [hop][most], `stride` each; NULL when payloads fit the slots */
    size_t stride, bytes;
    unsigned peers;
    pid_t pid[TRAM_MAX_PIDS];
    uint32_t sent; /* executions so far */
    char note[64];
};

/* The mask only changes while nothing is in flight, and n is never used twice. */
static size_t position(const struct state *s, unsigned hop, uint32_t n) {
    return (size_t)hop * s->most + (n & atomic_load_explicit(&s->control->mask, memory_order_relaxed));
}

static struct slot *slot_at(const struct state *s, unsigned hop, uint32_t n) {
    return &s->slots[position(s, hop, n)];
}

static unsigned char *room(const struct state *s, unsigned hop, uint32_t n) {
    if (!s->extents)
        return slot_at(s, hop, n)->payload;
    return s->extents + position(s, hop, n) * s->stride;
}

/* ---- hand-over ---- */

/* Waits for message n: false when `deadline_ns` passed. */
static bool await(const struct state *s, unsigned hop, uint32_t n, uint64_t deadline_ns) {
    for (uint32_t polls = 1;; polls++) {
        struct slot *slot = slot_at(s, hop, n);
        uint32_t seq = atomic_load_explicit(&slot->seq, memory_order_acquire);
        if (seq == n)
            return true;
        int strategy = atomic_load_explicit(&s->control->strategy, memory_order_relaxed);
        if (strategy == YIELD)
            sched_yield();
        if (strategy == SLEEP) {
            atomic_store(&slot->asleep, 1);
            if (atomic_load(&slot->seq) == seq)
                syscall(SYS_futex, &slot->seq, FUTEX_WAIT, seq, &(struct timespec){.tv_sec = 1}, NULL, 0);
        }
        if ((strategy == SLEEP || polls % POLLS_PER_CLOCK == 0) && tram__now_ns() > deadline_ns)
            return false;
    }
}

static void post(const struct state *s, struct slot *slot, uint32_t n) {
    if (atomic_load_explicit(&s->control->strategy, memory_order_relaxed) != SLEEP) {
        atomic_store_explicit(&slot->seq, n, memory_order_release);
        return;
    }
    atomic_store(&slot->seq, n);
    if (atomic_exchange(&slot->asleep, 0))
        syscall(SYS_futex, &slot->seq, FUTEX_WAKE, 1, NULL, NULL, 0);
}

/* ---- copies ---- */

#if defined(__x86_64__)
static void stream_copy(unsigned char *to, const unsigned char *from, size_t size) {
    size_t whole = size / 64 * 64; /* extents are page-aligned; results may not be */
    if ((uintptr_t)to % 16) {
        memcpy(to, from, size);
        return;
    }
    for (size_t i = 0; i < whole; i += 64)
        for (size_t k = 0; k < 64; k += 16)
            _mm_stream_si128((__m128i *)(void *)(to + i + k),
                             _mm_loadu_si128((const __m128i *)(const void *)(from + i + k)));
    memcpy(to + whole, from + whole, size - whole);
    _mm_sfence();
}

__attribute__((target("avx512f"))) static void stream_copy_512(unsigned char *to, const unsigned char *from,
                                                               size_t size) {
    size_t whole = size / 128 * 128;
    for (size_t i = 0; i < whole; i += 128) {
        __m512i a = _mm512_loadu_si512(from + i), b = _mm512_loadu_si512(from + i + 64);
        _mm512_stream_si512((void *)(to + i), a);
        _mm512_stream_si512((void *)(to + i + 64), b);
    }
    memcpy(to + whole, from + whole, size - whole);
    _mm_sfence();
}
#endif

static void copy(const struct state *s, unsigned char *to, const unsigned char *from) {
#if defined(__x86_64__)
    if (atomic_load_explicit(&s->control->kernel, memory_order_relaxed) == STREAM) {
        if (__builtin_cpu_supports("avx512f") && (uintptr_t)to % 64 == 0)
            stream_copy_512(to, from, s->c->size);
        else
            stream_copy(to, from, s->c->size);
        return;
    }
#endif
    memcpy(to, from, s->c->size);
}

/* ---- the other processes ---- */

static void peer(const struct state *s, unsigned hop, pid_t parent) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    tram__cpus_bind(s->c->placement.cpu[(hop + 1) % s->c->placement.count]);
    for (uint32_t n = 1;; n++) {
        if (!await(s, hop, n, UINT64_MAX))
            _exit(1);
        if (!s->c->loan) /* by loan it passes the flag on, and the payload stays where it is */
            copy(s, room(s, hop + 1, n), room(s, hop, n));
        post(s, slot_at(s, hop + 1, n), n);
    }
}

static void limit_close(void *state) {
    struct state *s = state;
    for (unsigned i = 0; i < s->peers; i++) {
        kill(s->pid[i], SIGKILL);
        waitpid(s->pid[i], NULL, 0);
    }
    if (s->control)
        munmap(s->control, s->bytes);
    free(s);
}

/* ---- batches ---- */

static int late(const struct state *s, uint64_t n, char *why) {
    snprintf(why, TRAM_WHY, "limit: execution %llu was not finished within %g s", (unsigned long long)n,
             s->c->timeout_s);
    return -1;
}

static int limit_run(void *state, struct tram_batch *b, char *why) {
    struct state *s = state;
    uint32_t inflight = s->c->inflight, first = s->sent + 1;
    uint64_t deadline = tram__now_ns() + (uint64_t)(s->c->timeout_s * 1e9) * (1 + b->count / 1000);
    for (uint32_t sent = 0, got = 0; got < b->count;) {
        while (sent < b->count && sent - got < inflight) {
            if (b->took_ns)
                b->took_ns[sent] = tram__now_ns();
            copy(s, room(s, 0, first + sent), b->from + sent * b->stride);
            post(s, slot_at(s, 0, first + sent), first + sent);
            sent++;
        }
        if (!await(s, s->peers, first + got, deadline))
            return late(s, b->first + got, why);
        copy(s, b->to + got * b->stride, room(s, s->peers, first + got));
        if (b->took_ns)
            b->took_ns[got] = tram__now_ns() - b->took_ns[got];
        got++;
    }
    s->sent += b->count;
    return 0;
}

static int limit_loan(void *state, void **buffer, char *why) {
    struct state *s = state;
    (void)why;
    *buffer = room(s, 0, s->sent + 1);
    return 0;
}

static int limit_exchange(void *state, struct tram_bytes *result, char *why) {
    struct state *s = state;
    uint32_t n = ++s->sent;
    post(s, slot_at(s, 0, n), n);
    if (!await(s, s->peers, n, tram__now_ns() + (uint64_t)(s->c->timeout_s * 1e9)))
        return late(s, n, why);
    *result = (struct tram_bytes){room(s, 0, n), s->c->size};
    return 0;
}

static int limit_release(void *state, char *why) {
    (void)state;
    (void)why;
    return 0;
}

/* ---- choosing ---- */

/* The least time of a few executions with the present strategy and kernel; UINT64_MAX on failure. */
static uint64_t try(struct state *s, unsigned char *from, unsigned char *to, uint64_t *took, uint32_t count,
                    char *why) {
    uint64_t best = UINT64_MAX;
    struct tram_batch b = {.first = 1, .count = count, .from = from, .to = to, .took_ns = took};
    for (int i = 0; i < 4; i++) {
        uint64_t start = tram__now_ns();
        if (limit_run(s, &b, why))
            return UINT64_MAX;
        uint64_t took_ns = tram__now_ns() - start;
        if (i && took_ns < best)
            best = took_ns;
    }
    return best;
}

static int choose(struct state *s, char *why) {
    const struct tram_case *c = s->c;
    bool one_cpu = c->placement.count == 1 && c->wait == TRAM_WAIT_AUTO;
    uint32_t count = c->size >= CALIBRATE_FROM ? c->inflight : 200 + c->inflight;
    unsigned char *from = aligned_alloc(4096, s->stride), *to = aligned_alloc(4096, s->stride);
    uint64_t *took = calloc(count, sizeof *took), best = UINT64_MAX, t = 0;
    if (!from || !to || !took) {
        snprintf(why, TRAM_WHY, "limit: out of memory");
        t = UINT64_MAX;
    } else {
        memset(from, 1, s->stride);
        memset(to, 1, s->stride);
    }
    int strategy = c->wait == TRAM_WAIT_BLOCK ? SLEEP
                   : c->placement.count == 1  ? YIELD
                                              : SPIN,
        kernel = PLAIN;
    atomic_store(&s->control->strategy, strategy);
    for (int i = YIELD; one_cpu && t != UINT64_MAX && i < STRATEGIES; i++) {
        atomic_store(&s->control->strategy, i);
        t = try(s, from, to, took, count, why);
        if (t < best)
            best = t, strategy = i;
    }
    atomic_store(&s->control->strategy, strategy);
    best = UINT64_MAX;
    for (int i = PLAIN; c->size >= CALIBRATE_FROM && !c->loan && t != UINT64_MAX && i < KERNELS; i++) {
        atomic_store(&s->control->kernel, i);
        t = try(s, from, to, took, count, why);
        if (t < best)
            best = t, kernel = i;
    }
    atomic_store(&s->control->kernel, kernel);
    uint32_t mask = atomic_load(&s->control->mask), more = s->most - 1;
    best = UINT64_MAX;
    if (!s->extents)
        mask = more;
    for (int i = 0; mask != more && t != UINT64_MAX && i < 2; i++) {
        atomic_store(&s->control->mask, i ? more : mask);
        t = try(s, from, to, took, count, why);
        if (i && t < best)
            mask = more;
        best = t;
    }
    atomic_store(&s->control->mask, mask);
    snprintf(s->note, sizeof s->note, "%s, %s, %u slots", strategies[strategy], kernels[kernel], mask + 1);
    free(from);
    free(to);
    free(took);
    return t == UINT64_MAX ? -1 : 0;
}

static int limit_open(const struct tram_case *c, void **state, char *why) {
    struct state *s = calloc(1, sizeof *s);
    if (!s) {
        snprintf(why, TRAM_WHY, "out of memory");
        return -1;
    }
    unsigned hops = c->scenario->actors + 1;
    s->c = c;
    s->stride = (c->size + 4095) / 4096 * 4096;
    size_t turns = c->size <= IN_SLOT ? MOST_TURNS : c->loan ? 1 : TURN_BYTES / s->stride;
    for (s->most = 1; s->most < c->inflight || (s->most < MOST_TURNS && 2 * s->most <= turns);)
        s->most *= 2;
    size_t slots = (size_t)hops * s->most;
    size_t extents = c->size > IN_SLOT ? slots * s->stride : 0;
    size_t head = (sizeof(struct control) + slots * sizeof(struct slot) + 4095) / 4096 * 4096;
    s->bytes = head + extents;
    void *shared =
        mmap(NULL, s->bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (shared == MAP_FAILED) {
        snprintf(why, TRAM_WHY, "limit: %zu bytes of shared memory: %s", s->bytes, strerror(errno));
        free(s);
        return -1;
    }
    s->control = shared;
    uint32_t used = 1;
    while (used < c->inflight)
        used *= 2;
    s->control->mask = used - 1;
    s->slots = (struct slot *)(s->control + 1);
    s->extents = extents ? (unsigned char *)shared + head : NULL;
    pid_t self = getpid();
    for (unsigned i = 0; i < c->scenario->actors; i++) {
        pid_t pid = fork();
        if (pid == 0)
            peer(s, i, self);
        if (pid < 0) {
            snprintf(why, TRAM_WHY, "limit: fork: %s", strerror(errno));
            limit_close(s);
            return -1;
        }
        s->pid[s->peers++] = pid;
    }
    tram__cpus_bind(c->placement.cpu[0]);
    if (choose(s, why)) {
        limit_close(s);
        return -1;
    }
    *state = s;
    return 0;
}

static void limit_counters(void *state, struct tram_mode_counters *out) {
    struct state *s = state;
    *out = (struct tram_mode_counters){-1, -1, -1, -1, (int64_t)s->bytes, NULL};
    out->note = s->note;
}

static int limit_pids(void *state, pid_t *out) {
    struct state *s = state;
    memcpy(out, s->pid, s->peers * sizeof *out);
    return (int)s->peers;
}

const struct tram_mode_ops tram_mode_limit = {.name = "limit",
                                              .open = limit_open,
                                              .run = limit_run,
                                              .loan = limit_loan,
                                              .exchange = limit_exchange,
                                              .release = limit_release,
                                              .counters = limit_counters,
                                              .pids = limit_pids,
                                              .close = limit_close};
