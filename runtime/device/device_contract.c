/* SPDX-License-Identifier: Apache-2.0
 *
 * Each test is one role, run by one or two participants: a device is opened by them alone, never by the process that spawns
 * them, for some cannot be used on both sides of a fork.
 */
#include "device/device_contract.h"

#include "base/datagram.h"
#include "base/error.h"
#include "base/region.h"
#include "base/seam.h"
#include "base/test_support.h"
#include "device/device.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define LONG_S TRAM__TEST_LONG_S
#define LARGE  (UINT64_C(3) << 20)

struct variant {
    const char *device;
    enum tram__test_mode mode;
    int pair[2]; /* between the two participants */
};

/* What every role works with. */
struct view {
    const struct variant *v;
    unsigned self;
    struct tram__device *d;
    struct tram__stream *s;
};

/* An own memory; false with a complaint. */
static bool own(struct view *w, uint64_t size, uint32_t events, struct tram__memory *m) {
    *m = (struct tram__memory){.kind = TRAM__MEMORY_OWN, .size = size, .events = events};
    if (w->d->ops->map(w->d, m) == TRAM_OK)
        return true;
    tram__test_complain(__FILE__, __LINE__, tram_last_error()->text);
    return false;
}

static void give_back(struct view *w, struct tram__memory *m) {
    w->d->ops->unmap(w->d, m);
}

static int copy(struct view *w, void *to, const void *from, uint64_t size) {
    int status;
    do
        status = w->d->ops->copy(w->s, to, from, size);
    while (status == TRAM_ERR_FULL);
    return status;
}

static int done(struct view *w) {
    return w->d->ops->wait(w->s, LONG_S);
}

/* ---- what two participants tell each other ---- */

static bool tell(struct view *w, const void *data, size_t size, int fd) {
    return tram__datagram_send(w->v->pair[w->self], data, size, fd) == (ssize_t)size;
}

static bool hear(struct view *w, void *data, size_t size, int *fd) {
    int got;
    bool whole = tram__datagram_receive(w->v->pair[w->self], data, size, &got) == (ssize_t)size;
    if (fd)
        *fd = got;
    return whole;
}

struct lent {
    uint64_t size;
    uint32_t events, bytes;
    unsigned char handle[256];
};

static bool lend(struct view *w, const struct tram__memory *m) {
    struct lent l = {.size = m->size, .events = m->events, .bytes = m->handle.size};
    if (l.bytes > sizeof l.handle)
        return false;
    memcpy(l.handle, m->handle.bytes, l.bytes);
    return tell(w, &l, sizeof l, m->handle.fd);
}

static bool borrow(struct view *w, struct tram__memory *m) {
    struct lent l;
    int fd;
    if (!hear(w, &l, sizeof l, &fd))
        return false;
    *m = (struct tram__memory){
        .kind = TRAM__MEMORY_IMPORTED, .size = l.size, .events = l.events, .handle = {fd, l.bytes, l.handle}};
    int status = w->d->ops->map(w->d, m);
    if (status)
        tram__test_complain(__FILE__, __LINE__, tram_last_error()->text);
    if (fd >= 0)
        close(fd);
    return status == TRAM_OK;
}

/* ---- alone ---- */

static int facts_make_sense(struct view *w) {
    struct tram__device_facts f, again;
    CHECK(w->d->ops->facts(w->d, &f) == TRAM_OK);
    CHECK(f.name[0] && f.bytes && f.available && f.available <= f.bytes);
    CHECK(w->d->ops->facts(w->d, &again) == TRAM_OK);
    CHECK(f.ties.identity == again.ties.identity);
    CHECK(f.ties.lends != (f.ties.why_not[0] != '\0'));
    CHECK(f.ties.reach_count <= TRAM__MOST_REACHES && tram__ties_reach(&f.ties, &f.ties));
    for (uint32_t i = 0; i < f.ties.reach_count; i++)
        CHECK(f.ties.reaches[i] != f.ties.identity);
    return 0;
}

static int copies_of_all_sizes(struct view *w) {
    static const uint64_t sizes[] = {0, 1, 3, 8, 4095, 4096, 65536, 65537, LARGE};
    struct tram__memory a, b;
    unsigned char *in = malloc(LARGE), *out = malloc(LARGE);
    CHECK(in && out && own(w, LARGE, 0, &a) && own(w, LARGE, 0, &b));
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        tram__test_fill(in, sizes[i], 7, i);
        memset(out, 0xEE, LARGE);
        CHECK(copy(w, a.data, in, sizes[i]) == TRAM_OK);
        CHECK(copy(w, b.data, a.data, sizes[i]) == TRAM_OK);
        CHECK(copy(w, out, b.data, sizes[i]) == TRAM_OK);
        CHECK(done(w) == TRAM_OK);
        CHECK(tram__test_filled(out, sizes[i], 7, i));
        CHECK(sizes[i] == LARGE || out[sizes[i]] == 0xEE);
    }
    give_back(w, &a);
    give_back(w, &b);
    free(in);
    free(out);
    return 0;
}

/* Memory is zeroed, and a stream does what it is given in order, however much that is. */
static int a_stream_keeps_its_order(struct view *w) {
    enum { STEPS = 3000 };
    struct tram__memory a;
    uint64_t first[4] = {1, 1, 1, 1}, *given = malloc(STEPS * sizeof *given), last;
    CHECK(given && own(w, LARGE, 0, &a));
    CHECK(copy(w, first, (char *)a.data + LARGE - sizeof first, sizeof first) == TRAM_OK &&
          done(w) == TRAM_OK);
    CHECK(!first[0] && !first[1] && !first[2] && !first[3]);
    CHECK(copy(w, (char *)a.data + LARGE / 2, a.data, LARGE / 2) == TRAM_OK); /* the others queue behind it */
    for (uint64_t i = 0; i < STEPS; i++) {
        given[i] = i;
        CHECK(copy(w, a.data, &given[i], sizeof *given) == TRAM_OK);
    }
    CHECK(copy(w, &last, a.data, sizeof last) == TRAM_OK && done(w) == TRAM_OK);
    CHECK(last == STEPS - 1);
    give_back(w, &a);
    free(given);
    return 0;
}

/* One stream waits for another, be what it waits for done or under way. */
static int streams_wait_for_each_other(struct view *w) {
    struct tram__memory a, b;
    struct tram__stream *other;
    unsigned char *in = malloc(LARGE), *out = malloc(LARGE);
    CHECK(in && out && own(w, LARGE, 2, &a) && own(w, LARGE, 1, &b));
    CHECK(w->d->ops->stream(w->d, &other) == TRAM_OK);
    for (uint64_t n = 1; n <= 40; n++) {
        uint64_t size = n % 3 ? LARGE - n : n;
        tram__test_fill(in, size, 9, n);
        CHECK(w->d->ops->await(w->s, &b, 0, n - 1) == TRAM_OK); /* its last copy out of a */
        CHECK(copy(w, a.data, in, size) == TRAM_OK);
        CHECK(w->d->ops->signal(w->s, &a, 1, n) == TRAM_OK);
        CHECK(w->d->ops->await(other, &a, 1, n) == TRAM_OK);
        CHECK(w->d->ops->copy(other, b.data, a.data, size) == TRAM_OK);
        CHECK(w->d->ops->signal(other, &b, 0, n) == TRAM_OK);
        CHECK(w->d->ops->copy(other, out, b.data, size) == TRAM_OK);
        CHECK(w->d->ops->wait(other, LONG_S) == TRAM_OK);
        CHECK(tram__test_filled(out, size, 9, n));
    }
    w->d->ops->drop(other);
    give_back(w, &a);
    give_back(w, &b);
    free(in);
    free(out);
    return 0;
}

/* The same thing, but as it must not be taken for done: a stream that waits is not idle, and can be dropped. */
static int a_wait_can_end_early(struct view *w) {
    struct tram__memory a;
    struct tram__stream *other;
    CHECK(own(w, 4096, 1, &a));
    CHECK(w->d->ops->wait(w->s, 0) == TRAM_OK);
    CHECK(w->d->ops->stream(w->d, &other) == TRAM_OK);
    CHECK(strcmp(w->d->ops->name, "cuda") == 0 || /* where what was never recorded counts as done */
          (w->d->ops->await(other, &a, 0, 1) == TRAM_OK && w->d->ops->wait(other, 0) == TRAM_ERR_TIMED_OUT &&
           w->d->ops->wait(other, 0.02) == TRAM_ERR_TIMED_OUT));
    w->d->ops->drop(other);
    give_back(w, &a);
    return 0;
}

/* It holds only so much; whoever gives it more gets an answer all the same. CUDA keeps its own count, and blocks. */
static int a_full_stream_says_so(struct view *w) {
    enum { MANY = 100000 };
    struct tram__memory a;
    struct tram__stream *other;
    uint64_t x = 5;
    int status = TRAM_OK, given = 0;
    if (strcmp(w->d->ops->name, "cuda") == 0)
        return 0;
    CHECK(own(w, 4096, 1, &a) && w->d->ops->stream(w->d, &other) == TRAM_OK);
    CHECK(w->d->ops->await(other, &a, 0, 1) == TRAM_OK); /* never to come */
    for (; !status && given < MANY; given++)
        status = w->d->ops->copy(other, a.data, &x, sizeof x);
    CHECK(status == TRAM_ERR_FULL && given > 1);
    CHECK(w->d->ops->signal(other, &a, 0, 2) == TRAM_ERR_FULL);
    CHECK(w->d->ops->await(other, &a, 0, 2) == TRAM_ERR_FULL);
    CHECK(w->d->ops->wait(other, 0) == TRAM_ERR_TIMED_OUT);
    w->d->ops->drop(other);
    give_back(w, &a);
    return 0;
}

/* What it could not take it takes later, and in order. */
static int a_full_stream_goes_on(struct view *w) {
    enum { BEHIND = 300, STEPS = 3000 };
    struct tram__memory a;
    struct tram__stream *other;
    uint64_t *given = malloc(STEPS * sizeof *given), last = 0;
    int status;
    CHECK(given && own(w, LARGE, 1, &a) && w->d->ops->stream(w->d, &other) == TRAM_OK);
    for (int i = 0; i < BEHIND; i++)
        CHECK(copy(w, (char *)a.data + LARGE / 2, a.data, LARGE / 2) == TRAM_OK);
    CHECK(w->d->ops->signal(w->s, &a, 0, 1) == TRAM_OK && w->d->ops->await(other, &a, 0, 1) == TRAM_OK);
    for (uint64_t i = 0; i < STEPS; i++) {
        given[i] = i;
        do
            status = w->d->ops->copy(other, a.data, &given[i], sizeof *given);
        while (status == TRAM_ERR_FULL);
        CHECK(status == TRAM_OK);
    }
    CHECK(w->d->ops->wait(other, LONG_S) == TRAM_OK);
    CHECK(copy(w, &last, a.data, sizeof last) == TRAM_OK && done(w) == TRAM_OK && last == STEPS - 1);
    w->d->ops->drop(other);
    give_back(w, &a);
    free(given);
    return 0;
}

static int host_memory_is_pinned(struct view *w) {
    struct tram__memory a, pinned;
    unsigned char *host = aligned_alloc(4096, LARGE);
    CHECK(host && own(w, LARGE, 0, &a));
    uint64_t before = tram__load_relaxed(&w->d->maps);
    pinned = (struct tram__memory){.kind = TRAM__MEMORY_PINNED, .data = host, .size = LARGE};
    CHECK(w->d->ops->map(w->d, &pinned) == TRAM_OK);
    CHECK(pinned.data == host && tram__load_relaxed(&w->d->maps) == before + 1);
    tram__test_fill(host, LARGE, 3, 3);
    CHECK(copy(w, a.data, host, LARGE) == TRAM_OK && done(w) == TRAM_OK);
    memset(host, 0, LARGE);
    CHECK(copy(w, host, a.data, LARGE) == TRAM_OK && done(w) == TRAM_OK);
    CHECK(tram__test_filled(host, LARGE, 3, 3));
    give_back(w, &pinned);
    CHECK(tram__load_relaxed(&w->d->maps) == before + 2);
    give_back(w, &a);
    free(host);
    return 0;
}

/* As it is mapped from another process: not to be written. */
static int memory_to_be_read_is_pinned(struct view *w) {
    struct tram__device_facts f;
    struct tram__region mine, theirs;
    struct tram__memory a, pinned;
    unsigned char *out = malloc(LARGE);
    int fd;
    CHECK(w->d->ops->facts(w->d, &f) == TRAM_OK);
    CHECK(out && own(w, LARGE, 0, &a) && tram__region_create("tramline-test", LARGE, &mine, &fd) == TRAM_OK);
    CHECK(tram__region_map(fd, LARGE, &theirs) == TRAM_OK);
    pinned = (struct tram__memory){
        .kind = TRAM__MEMORY_PINNED, .data = theirs.base, .size = LARGE, .read_only = true};
    int status = w->d->ops->map(w->d, &pinned);
    CHECK(status == TRAM_OK || !f.ties.pins_read_only);
    tram__test_fill(mine.base, LARGE, 4, 4);
    CHECK(copy(w, a.data, theirs.base, LARGE) == TRAM_OK && copy(w, out, a.data, LARGE) == TRAM_OK);
    CHECK(done(w) == TRAM_OK && tram__test_filled(out, LARGE, 4, 4));
    if (!status)
        give_back(w, &pinned);
    give_back(w, &a);
    tram__region_close(&theirs);
    tram__region_close(&mine);
    close(fd);
    free(out);
    return 0;
}

static int products(struct view *w) {
    enum { M = 37, N = 53, K = 41 };
    static float a[M * K], b[K * N], c[M * N], expected[M * N];
    struct tram__device_facts f;
    struct tram__memory m;
    CHECK(w->d->ops->facts(w->d, &f) == TRAM_OK);
    CHECK(own(w, sizeof a + sizeof b + sizeof c, 0, &m));
    float *da = m.data, *db = da + M * K, *dc = db + K * N;
    struct tram__work work = {.kind = TRAM__WORK_GEMM, .m = M, .n = N, .k = K, .a = da, .b = db, .c = dc};
    if (!f.computes) {
        CHECK(w->d->ops->compute(w->s, &work) == TRAM_ERR_UNSUPPORTED);
        give_back(w, &m);
        return 0;
    }
    memset(expected, 0, sizeof expected);
    for (int i = 0; i < M * K; i++)
        a[i] = (float)(i % 7 - 3);
    for (int i = 0; i < K * N; i++)
        b[i] = (float)(i % 5 - 2);
    for (int i = 0; i < M; i++)
        for (int j = 0; j < N; j++)
            for (int k = 0; k < K; k++)
                expected[i * N + j] += a[i * K + k] * b[k * N + j];
    CHECK(copy(w, da, a, sizeof a) == TRAM_OK && copy(w, db, b, sizeof b) == TRAM_OK);
    CHECK(w->d->ops->compute(w->s, &work) == TRAM_OK);
    CHECK(copy(w, c, dc, sizeof c) == TRAM_OK && done(w) == TRAM_OK);
    for (int i = 0; i < M * N; i++)
        CHECK(c[i] == expected[i]); /* small whole numbers: exact in any order */
    give_back(w, &m);
    return 0;
}

static int differences(struct view *w) {
    static const uint32_t counts[] = {1, 1000, 300000};
    float *host = calloc(300000, sizeof *host), largest = -1;
    struct tram__memory m;
    CHECK(host && own(w, 2 * 300000 * sizeof *host, 0, &m));
    float *a = m.data, *b = a + 300000;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        uint32_t n = counts[i];
        struct tram__work work = {.kind = TRAM__WORK_DIFFER, .n = n, .a = a, .b = b, .largest = &largest};
        for (uint32_t k = 0; k < n; k++)
            host[k] = (float)(k % 1000);
        CHECK(copy(w, a, host, n * sizeof *host) == TRAM_OK && copy(w, b, host, n * sizeof *host) == TRAM_OK);
        CHECK(w->d->ops->compute(w->s, &work) == TRAM_OK && done(w) == TRAM_OK);
        CHECK(largest == 0);
        host[n - 1] -= 2.5f;
        CHECK(copy(w, b, host, n * sizeof *host) == TRAM_OK);
        CHECK(w->d->ops->compute(w->s, &work) == TRAM_OK && done(w) == TRAM_OK);
        CHECK(largest == 2.5f);
    }
    give_back(w, &m);
    free(host);
    return 0;
}

static int too_much_memory(struct view *w) {
    struct tram__memory m = {.kind = TRAM__MEMORY_OWN, .size = UINT64_C(1) << 50, .handle.fd = -1};
    CHECK(w->d->ops->map(w->d, &m) == TRAM_ERR_NO_MEMORY);
    CHECK(strstr(tram_last_error()->text, w->d->ops->name) || strcmp(w->d->ops->name, "fault") == 0);
    CHECK(own(w, 4096, 0, &m)); /* it goes on */
    give_back(w, &m);
    return 0;
}

static int work_maps_nothing(struct view *w) {
    struct tram__memory a;
    uint64_t before = tram__load_relaxed(&w->d->maps), x = 5;
    CHECK(own(w, 4096, 1, &a));
    CHECK(tram__load_relaxed(&w->d->maps) == before + 1);
    for (uint64_t n = 1; n < 100; n++)
        CHECK(copy(w, a.data, &x, sizeof x) == TRAM_OK && w->d->ops->signal(w->s, &a, 0, n) == TRAM_OK &&
              done(w) == TRAM_OK);
    CHECK(tram__load_relaxed(&w->d->maps) == before + 1);
    give_back(w, &a);
    CHECK(tram__load_relaxed(&w->d->maps) == before + 2);
    return 0;
}

/* ---- in twos ---- */

/* Messages through K slots of memory that is lent, each side's stream ordered by the other's events, the hosts telling each
 * other only that something was given. */
static int slots_are_lent(struct view *w) {
    enum { K = 3, MESSAGES = 200 };
    static const uint64_t sizes[] = {1, 100, 4096, 100000, LARGE};
    struct tram__memory mine, theirs;
    unsigned char *host = malloc(LARGE), news;
    CHECK(host && own(w, w->self ? 4096 : K * LARGE, K, &mine));
    CHECK(w->self ? borrow(w, &theirs) && lend(w, &mine) : lend(w, &mine) && borrow(w, &theirs));
    for (uint64_t n = 1; n <= MESSAGES; n++) {
        uint64_t size = sizes[n % 5];
        uint32_t slot = n % K;
        if (w->self == 0) {
            CHECK(n <= K || hear(w, &news, 1, NULL));
            CHECK(done(w) == TRAM_OK); /* `host` is filled again */
            tram__test_fill(host, size, 11, n);
            CHECK(n <= K || w->d->ops->await(w->s, &theirs, slot, n - K) == TRAM_OK);
            CHECK(copy(w, (char *)mine.data + slot * LARGE, host, size) == TRAM_OK);
            CHECK(w->d->ops->signal(w->s, &mine, slot, n) == TRAM_OK);
            CHECK(tell(w, "n", 1, -1));
        } else {
            CHECK(hear(w, &news, 1, NULL));
            CHECK(w->d->ops->await(w->s, &theirs, slot, n) == TRAM_OK);
            CHECK(copy(w, host, (char *)theirs.data + slot * LARGE, size) == TRAM_OK);
            CHECK(w->d->ops->signal(w->s, &mine, slot, n) == TRAM_OK);
            CHECK(n > MESSAGES - K || tell(w, "a", 1, -1));
            CHECK(done(w) == TRAM_OK);
            CHECK(tram__test_filled(host, size, 11, n));
        }
    }
    CHECK(done(w) == TRAM_OK);
    CHECK(tell(w, "e", 1, -1) && hear(w, &news, 1, NULL)); /* neither goes before the other is done */
    give_back(w, &theirs);
    give_back(w, &mine);
    free(host);
    return 0;
}

/* The owner gives its memory back while it is mapped elsewhere, as by a process that ends; where that is allowed it can still
 * be read. */
static int what_was_lent_stays(struct view *w) {
    struct tram__memory m;
    unsigned char news;
    if (strcmp(w->d->ops->name, "cuda") == 0)
        return 0;
    if (w->self == 0) {
        unsigned char in[1000];
        tram__test_fill(in, sizeof in, 5, 5);
        CHECK(own(w, 4096, 1, &m) && copy(w, m.data, in, sizeof in) == TRAM_OK && done(w) == TRAM_OK &&
              lend(w, &m));
        CHECK(hear(w, &news, 1, NULL));
        give_back(w, &m);
        CHECK(tell(w, "g", 1, -1));
        return 0;
    }
    unsigned char out[1000];
    CHECK(borrow(w, &m) && tell(w, "b", 1, -1) && hear(w, &news, 1, NULL));
    CHECK(copy(w, out, m.data, sizeof out) == TRAM_OK && done(w) == TRAM_OK);
    CHECK(tram__test_filled(out, sizeof out, 5, 5));
    give_back(w, &m);
    return 0;
}

/* ---- the rest ---- */

struct play {
    const struct variant *v;
    int (*role)(struct view *w);
};

static int participate(void *arg, unsigned self) {
    const struct play *p = arg;
    struct view w = {.v = p->v, .self = self};
    if (tram__device_open(p->v->device, &w.d) != TRAM_OK || w.d->ops->stream(w.d, &w.s) != TRAM_OK) {
        tram__test_complain(__FILE__, __LINE__, tram_last_error()->text);
        return 1;
    }
    int failed = p->role(&w);
    if (!failed) {
        w.d->ops->drop(w.s);
        tram__device_close(w.d);
    }
    return failed;
}

static void play(void **state, unsigned count, int (*role)(struct view *w)) {
    struct variant v = *(const struct variant *)*state;
    struct play p = {&v, role};
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, v.pair), 0);
    unsigned failed = tram__test_run(v.mode, count, participate, &p);
    close(v.pair[0]);
    close(v.pair[1]);
    assert_int_equal(failed, 0);
}

#define ALONE(role)                         \
    static void test_##role(void **state) { \
        play(state, 1, role);               \
    }
#define IN_TWOS(role)                       \
    static void test_##role(void **state) { \
        play(state, 2, role);               \
    }
ALONE(facts_make_sense)
ALONE(copies_of_all_sizes)
ALONE(a_stream_keeps_its_order)
ALONE(streams_wait_for_each_other)
ALONE(a_wait_can_end_early)
ALONE(a_full_stream_says_so)
ALONE(a_full_stream_goes_on)
ALONE(host_memory_is_pinned)
ALONE(memory_to_be_read_is_pinned)
ALONE(products)
ALONE(differences)
ALONE(too_much_memory)
ALONE(work_maps_nothing)
IN_TWOS(slots_are_lent)
IN_TWOS(what_was_lent_stays)

int tram__device_contract(const char *device, enum tram__test_mode mode) {
    struct variant v = {.device = device, .mode = mode};
    char name[64];
#define TEST(role) cmocka_unit_test_prestate(test_##role, &v)
    const struct CMUnitTest tests[] = {
        TEST(facts_make_sense),
        TEST(copies_of_all_sizes),
        TEST(a_stream_keeps_its_order),
        TEST(streams_wait_for_each_other),
        TEST(a_wait_can_end_early),
        TEST(a_full_stream_says_so),
        TEST(a_full_stream_goes_on),
        TEST(host_memory_is_pinned),
        TEST(memory_to_be_read_is_pinned),
        TEST(products),
        TEST(differences),
        TEST(too_much_memory),
        TEST(work_maps_nothing),
        TEST(slots_are_lent),
        TEST(what_was_lent_stays),
    };
    snprintf(name, sizeof name, "%s, %s", device, mode == TRAM__TEST_THREADS ? "threads" : "processes");
    return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}
