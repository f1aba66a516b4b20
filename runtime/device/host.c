/* SPDX-License-Identifier: Apache-2.0
 *
 * The host as a device. Its memory is shared memory that its process alone may write (base/region.h), with a line for each
 * event in front; a stream is a thread that takes operations from a ring.
 *
 * An operation that takes less time than handing it over is done at once when nothing waits before it. So a signal is either
 * done before the news of it can reach anybody, and needs no wake, or it comes from the ring, and then always wakes. A giver
 * that waits for the stream does not wait for the thread to wake up: whoever has the turn carries out what is in the ring,
 * the thread or the giver.
 *
 *   giver:   ring[given mod DEPTH] = op; given + 1 (release, R1)     worker: given (acquire, A1); takes it
 *   worker:  has done it; done + 1 (release, R2)                     giver:  done (acquire, A2): idle, or room in the ring
 *   worker:  leaves the turn (release, R4)                           next:   enters it (acquire, A4); `done` is its own
 *   signal:  word = n (release, R3)                                  await:  word >= n (acquire, A3)
 *
 * Sleeping is the pair of base/wait.c: `asleep` and `awaited` are stored before a seq_cst fence and another look at the
 * word; whoever moves the word stores it before such a fence and its look at them.
 */
#include "base/copy.h"
#include "base/error.h"
#include "base/region.h"
#include "base/wait.h"
#include "device/device.h"

#include <dlfcn.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef TRAM_HAVE_CBLAS
#include <cblas.h>
#endif

enum { DEVICES = 8, DEPTH = 1024, AT_ONCE = 256 * 1024, PAGE = 4096, PLAIN = 1 << 16 };
#define CHECK_NS 1000000000u

enum op_kind { OP_COPY, OP_COMPUTE, OP_SIGNAL, OP_AWAIT };

struct op {
    enum op_kind kind;
    void *to;
    const void *from;
    uint64_t size;
    struct tram__work work;
    tram__word64 *line;
    const tram__word64 *awaited;
    uint64_t n;
};

struct tram__stream {
    _Alignas(TRAM__LINE) tram__word64 given;
    tram__word32 awaited; /* the giver sleeps until `done` moves */
    _Alignas(TRAM__LINE) tram__word64 done;
    tram__word32 asleep; /* the thread sleeps until `given` moves */
    tram__word32 turn;   /* enum turn */
    tram__word32 stop;
    pthread_t thread;
    struct op ring[DEPTH];
};

/* Of carrying out operations. */
enum turn { TURN_FREE, TURN_TAKEN, TURN_WANTED /* taken, and the thread sleeps until it is free */ };

/* What others need to import a memory. */
struct blob {
    uint64_t size, bytes; /* bytes: of the whole region */
    uint32_t events, reserved;
};

struct mapped {
    struct tram__region region;
    struct blob blob;
};

/* ---- memory ---- */

static uint64_t lines_of(uint32_t events) {
    return ((uint64_t)events * TRAM__LINE + PAGE - 1) / PAGE * PAGE;
}

static int allocate(struct tram__memory *m, struct mapped *own) {
    if (m->size > UINT64_MAX / 2)
        return tram__fail(TRAM_ERR_NO_MEMORY, "host: %llu bytes", (unsigned long long)m->size);
    uint64_t bytes = lines_of(m->events) + (m->size + PAGE - 1) / PAGE * PAGE,
             available = tram__memory_available();
    bytes = bytes ? bytes : PAGE;
    if (bytes > available)
        return tram__fail(TRAM_ERR_NO_MEMORY, "host: %llu bytes are wanted, %llu are available",
                          (unsigned long long)bytes, (unsigned long long)available);
    own->blob = (struct blob){.size = m->size, .bytes = bytes, .events = m->events};
    int status = tram__region_create("tramline-device", bytes, &own->region, &m->handle.fd);
    m->handle.bytes = (unsigned char *)&own->blob;
    m->handle.size = sizeof own->blob;
    return status;
}

static int import(struct tram__memory *m, struct mapped *own) {
    if (m->handle.size != sizeof own->blob || m->handle.fd < 0)
        return tram__fail(TRAM_ERR_PROTOCOL, "host: a handle of %u bytes", m->handle.size);
    memcpy(&own->blob, m->handle.bytes, sizeof own->blob);
    const struct blob *b = &own->blob;
    if (b->size != m->size || b->events != m->events || b->bytes > UINT64_MAX / 2 ||
        b->bytes < lines_of(b->events) || b->bytes - lines_of(b->events) < b->size)
        return tram__fail(TRAM_ERR_PROTOCOL,
                          "host: a handle of %llu bytes and %u events, where %llu and %u are expected",
                          (unsigned long long)b->size, b->events, (unsigned long long)m->size, m->events);
    return tram__region_map(m->handle.fd, b->bytes, &own->region);
}

static int host_map(struct tram__device *d, struct tram__memory *m) {
    if (m->kind == TRAM__MEMORY_PINNED) {
        tram__device_mapped(d);
        return TRAM_OK;
    }
    struct mapped *own = calloc(1, sizeof *own);
    if (!own)
        return tram__fail(TRAM_ERR_NO_MEMORY, "host: a memory");
    int status = m->kind == TRAM__MEMORY_OWN ? allocate(m, own) : import(m, own);
    if (status) {
        free(own);
        return status;
    }
    m->own = own;
    m->data = (char *)own->region.base + lines_of(m->events);
    tram__device_mapped(d);
    return TRAM_OK;
}

static void host_unmap(struct tram__device *d, struct tram__memory *m) {
    struct mapped *own = m->own;
    tram__device_mapped(d);
    if (m->kind == TRAM__MEMORY_OWN && own)
        close(m->handle.fd);
    if (own)
        tram__region_close(&own->region);
    free(own);
    *m = (struct tram__memory){.handle.fd = -1};
}

static tram__word64 *line_of(const struct tram__memory *m, uint32_t event) {
    struct mapped *own = m->own;
    return (tram__word64 *)(void *)((char *)own->region.base + (uint64_t)event * TRAM__LINE);
}

/* ---- work ---- */

#ifdef TRAM_HAVE_CBLAS
static __typeof__(cblas_sgemm) *gemm;

/* One thread: streams are the threads here. Its pool would be made as it is loaded. */
static void load_blas(void) {
    static const char variable[] = "OPENBLAS_NUM_THREADS";
    bool set = !getenv(variable);
    if (set)
        setenv(variable, "1", 0);
    void *library = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
    if (set)
        unsetenv(variable);
    if (library)
        *(void **)&gemm = dlsym(library, "cblas_sgemm");
}

static bool has_blas(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load_blas);
    return gemm != NULL;
}
#else
static bool has_blas(void) {
    return false;
}
#endif

static void compute(const struct tram__work *w) {
    switch (w->kind) {
    case TRAM__WORK_GEMM:
#ifdef TRAM_HAVE_CBLAS
        gemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)w->m, (int)w->n, (int)w->k, 1, w->a, (int)w->k,
             w->b, (int)w->n, 0, w->c, (int)w->n);
#endif
        break;
    case TRAM__WORK_DIFFER:
        *w->largest = 0;
        for (uint32_t i = 0; i < w->n; i++)
            if (!(fabsf(w->a[i] - w->b[i]) <= *w->largest)) /* what is no number differs */
                *w->largest = fabsf(w->a[i] - w->b[i]);
        break;
    }
}

/* ---- streams ---- */

/* Until the word is there. ERR_TIMED_OUT; ERR_TORN_DOWN: the stream is to stop. */
static int come(const struct tram__stream *s, const tram__word64 *word, uint64_t n, uint64_t until_ns) {
    uint64_t value;
    while ((value = tram__load_acquire(word)) < n) { /* A3 */
        struct tram__watch watch[] = {{tram__low_half(word), (uint32_t)value}, {&s->stop, 0}};
        uint64_t now = tram__now_ns();
        if (tram__load32_acquire(&s->stop))
            return TRAM_ERR_TORN_DOWN;
        if (now >= until_ns)
            return TRAM_ERR_TIMED_OUT;
        tram__futex_wait(watch, 2, until_ns - now < CHECK_NS ? until_ns : now + CHECK_NS);
    }
    return TRAM_OK;
}

static int run_op(const struct tram__stream *s, const struct op *op, uint64_t until_ns) {
    switch (op->kind) {
    case OP_COPY:
        tram__copy(op->to, op->from, op->size);
        break;
    case OP_COMPUTE:
        compute(&op->work);
        break;
    case OP_SIGNAL:
        tram__store_release(op->line, op->n); /* R3 */
        tram__futex_wake(tram__low_half(op->line));
        break;
    case OP_AWAIT:
        return come(s, op->awaited, op->n, until_ns);
    }
    return TRAM_OK;
}

static bool enter(struct tram__stream *s) {
    uint32_t free_turn = TURN_FREE;
    return atomic_compare_exchange_strong_explicit(&s->turn, &free_turn, TURN_TAKEN, memory_order_acquire,
                                                   memory_order_relaxed); /* A4 */
}

static void leave(struct tram__stream *s) {
    if (atomic_exchange_explicit(&s->turn, TURN_FREE, memory_order_release) == TURN_WANTED) /* R4 */
        tram__futex_wake(&s->turn);
}

/* The thread's: the giver has the turn only for as long as it waits. */
static void enter_in_turn(struct tram__stream *s) {
    while (!enter(s)) {
        uint32_t taken = TURN_TAKEN;
        atomic_compare_exchange_strong_explicit(&s->turn, &taken, TURN_WANTED, memory_order_relaxed,
                                                memory_order_relaxed);
        struct tram__watch watch = {&s->turn, TURN_WANTED};
        tram__futex_wait(&watch, 1, UINT64_MAX);
    }
}

/* Carries out what is in the ring, in one's turn. ERR_TIMED_OUT and ERR_TORN_DOWN as above. */
static int work(struct tram__stream *s, uint64_t until_ns) {
    uint64_t done = tram__load_relaxed(&s->done);
    while (done != tram__load_acquire(&s->given)) { /* A1 */
        int status =
            tram__load32_acquire(&s->stop) ? TRAM_ERR_TORN_DOWN : run_op(s, &s->ring[done % DEPTH], until_ns);
        if (status)
            return status;
        tram__store_release(&s->done, ++done); /* R2 */
        tram__fence_seq_cst();
        if (tram__load32_relaxed(&s->awaited))
            tram__futex_wake(tram__low_half(&s->done));
    }
    return TRAM_OK;
}

/* Sleeps until there is something to do, or the stream is to stop: then false. What is done already need not be done by
 * the thread: it may see more than there is. */
static bool more(struct tram__stream *s) {
    uint64_t given;
    while ((given = tram__load_acquire(&s->given)) == tram__load_acquire(&s->done)) {
        struct tram__watch watch[] = {{tram__low_half(&s->given), (uint32_t)given}, {&s->stop, 0}};
        tram__store32_relaxed(&s->asleep, 1);
        tram__fence_seq_cst();
        if (tram__load_acquire(&s->given) == given && !tram__load32_acquire(&s->stop))
            tram__futex_wait(watch, 2, UINT64_MAX);
        tram__store32_relaxed(&s->asleep, 0);
        if (tram__load32_acquire(&s->stop))
            return false;
    }
    return !tram__load32_acquire(&s->stop);
}

static void *serve(void *arg) {
    struct tram__stream *s = arg;
    int status = TRAM_OK;
    while (!status && more(s)) {
        enter_in_turn(s);
        status = work(s, UINT64_MAX);
        leave(s);
    }
    return NULL;
}

static int host_stream(struct tram__device *d, struct tram__stream **out) {
    (void)d;
    struct tram__stream *s =
        aligned_alloc(TRAM__LINE, (sizeof *s + TRAM__LINE - 1) / TRAM__LINE * TRAM__LINE);
    if (!s)
        return tram__fail(TRAM_ERR_NO_MEMORY, "host: a stream");
    memset(s, 0, sizeof *s);
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are the program's */
    int error = pthread_create(&s->thread, NULL, serve, s);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error) {
        free(s);
        return tram__fail(TRAM_ERR_SYSTEM, "host: starting a stream: %s", strerror(error));
    }
    pthread_setname_np(s->thread, "tram-stream");
    *out = s;
    return TRAM_OK;
}

static void host_drop(struct tram__stream *s) {
    tram__store32_release(&s->stop, 1);
    tram__futex_wake(&s->stop);
    tram__futex_wake(tram__low_half(&s->given)); /* where the kernel watches the first word alone */
    pthread_join(s->thread, NULL);
    free(s);
}

static bool idle(const struct tram__stream *s) {
    return tram__load_acquire(&s->done) == tram__load_relaxed(&s->given); /* A2 */
}

/* Sleeps until `done` is at least this. */
static int sleep_until(struct tram__stream *s, uint64_t done, double timeout_s) {
    uint64_t until = tram__deadline_ns(timeout_s), now;
    while ((now = tram__load_acquire(&s->done)) < done) { /* A2 */
        struct tram__watch watch = {tram__low_half(&s->done), (uint32_t)now};
        if (tram__now_ns() >= until)
            return TRAM_ERR_TIMED_OUT;
        tram__store32_relaxed(&s->awaited, 1);
        tram__fence_seq_cst();
        if (tram__load_acquire(&s->done) == now)
            tram__futex_wait(&watch, 1, until);
        tram__store32_relaxed(&s->awaited, 0);
    }
    return TRAM_OK;
}

static int give(struct tram__stream *s, const struct op *op, bool at_once) {
    uint64_t given = tram__load_relaxed(&s->given);
    if (at_once && idle(s)) {
        run_op(s, op, UINT64_MAX);
        return TRAM_OK;
    }
    if (given - tram__load_acquire(&s->done) >= DEPTH && /* A2 */
        sleep_until(s, given - DEPTH + 1, TRAM__ROOM_S))
        return TRAM_ERR_FULL;
    s->ring[given % DEPTH] = *op;
    tram__store_release(&s->given, given + 1); /* R1 */
    tram__fence_seq_cst();
    if (tram__load32_relaxed(&s->asleep))
        tram__futex_wake(tram__low_half(&s->given));
    return TRAM_OK;
}

static int host_copy(struct tram__stream *s, void *to, const void *from, uint64_t size) {
    return give(s, &(struct op){.kind = OP_COPY, .to = to, .from = from, .size = size}, size <= AT_ONCE);
}

static int host_compute(struct tram__stream *s, const struct tram__work *w) {
    if (w->kind == TRAM__WORK_GEMM && !has_blas())
        return tram__fail(TRAM_ERR_UNSUPPORTED,
                          "host: matrix products need OpenBLAS (libopenblas.so.0), which is not here");
    return give(s, &(struct op){.kind = OP_COMPUTE, .work = *w},
                w->kind == TRAM__WORK_DIFFER && w->n <= PLAIN);
}

static int host_signal(struct tram__stream *s, struct tram__memory *m, uint32_t event, uint64_t n) {
    tram__word64 *line = line_of(m, event);
    if (idle(s)) {
        tram__store_release(line, n); /* R3 */
        return TRAM_OK;
    }
    return give(s, &(struct op){.kind = OP_SIGNAL, .line = line, .n = n}, false);
}

static int host_await(struct tram__stream *s, const struct tram__memory *m, uint32_t event, uint64_t n) {
    const tram__word64 *line = line_of(m, event);
    if (tram__load_acquire(line) >= n) /* A3 */
        return TRAM_OK;
    return give(s, &(struct op){.kind = OP_AWAIT, .awaited = line, .n = n}, false);
}

static int host_wait(struct tram__stream *s, double timeout_s) {
    if (idle(s))
        return TRAM_OK;
    if (!enter(s))
        return sleep_until(s, tram__load_relaxed(&s->given), timeout_s);
    int status = work(s, tram__deadline_ns(timeout_s));
    leave(s); /* should something be left, the thread is awake, or wakes now */
    return status;
}

/* ---- the device ---- */

static int host_facts(struct tram__device *d, struct tram__device_facts *out) {
    *out = (struct tram__device_facts){
        .computes = has_blas(),
        .ties = {.identity = (uint64_t)d->ordinal, .lends = true, .pins_read_only = true}};
    for (uint64_t i = 0; i < DEVICES; i++)
        if (i != out->ties.identity)
            out->ties.reaches[out->ties.reach_count++] = i;
    snprintf(out->name, sizeof out->name, "host memory, %ld CPUs", sysconf(_SC_NPROCESSORS_ONLN));
    snprintf(out->versions, sizeof out->versions, "%s", has_blas() ? "OpenBLAS" : "");
    out->bytes = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    out->available = tram__memory_available();
    return TRAM_OK;
}

static int host_open(int ordinal, struct tram__device **out) {
    if (ordinal >= DEVICES)
        return tram__fail(TRAM_ERR_NOT_FOUND, "host:%d: there are host:0 to host:%d", ordinal, DEVICES - 1);
    struct tram__device *d = calloc(1, sizeof *d);
    if (!d)
        return tram__fail(TRAM_ERR_NO_MEMORY, "host: a device");
    *d = (struct tram__device){.ops = &tram__device_host, .ordinal = ordinal};
    *out = d;
    return TRAM_OK;
}

static void host_close(struct tram__device *d) {
    free(d);
}

const struct tram__device_ops tram__device_host = {
    .name = "host",
    .open = host_open,
    .close = host_close,
    .facts = host_facts,
    .map = host_map,
    .unmap = host_unmap,
    .stream = host_stream,
    .drop = host_drop,
    .copy = host_copy,
    .compute = host_compute,
    .signal = host_signal,
    .await = host_await,
    .wait = host_wait,
};
