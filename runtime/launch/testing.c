/* SPDX-License-Identifier: Apache-2.0 */
#include "testing.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct tram *test_runtime;

/* ---- the actors' side ------------------------------------------------------------------------------------
 */

struct state {
    char tag[64];
    _Atomic uint64_t calls; /* ordinary calls and graphs run on threads of their own */
    _Atomic int alone;
    char marks[256]; /* not guarded: for the main thread alone */
    size_t mark_count;
};

static void count(void *self) {
    atomic_fetch_add_explicit(&((struct state *)self)->calls, 1, memory_order_relaxed);
}

static int copy_first(struct tram_call *c) {
    struct tram_bytes in = tram_arg(c, 0);
    return tram_result_copy(c, 0, in.data, in.size);
}

static int echo(void *self, struct tram_call *c) {
    count(self);
    return copy_first(c);
}

static int pass(void *self, struct tram_call *c) {
    count(self);
    return tram_forward(c, 0, 0);
}

static int maybe(void *self, struct tram_call *c) {
    struct tram_bytes in = tram_arg(c, 0);
    count(self);
    return in.size && *(const char *)in.data == 'c' ? copy_first(c) : tram_forward(c, 0, 0);
}

static int join(void *self, struct tram_call *c) {
    size_t total = 0;
    count(self);
    for (size_t i = 0; i < tram_arg_count(c); i++)
        total += tram_arg(c, i).size;
    char *out = tram_result_reserve(c, 0, total);
    for (size_t i = 0; out && i < tram_arg_count(c); i++) {
        struct tram_bytes in = tram_arg(c, i);
        memcpy(out, in.data, in.size);
        out += in.size;
    }
    return 0;
}

static int tag(void *self, struct tram_call *c) {
    const struct state *s = self;
    struct tram_bytes in = tram_arg(c, 0);
    size_t more = strlen(s->tag);
    count(self);
    char *out = tram_result_reserve(c, 0, in.size + more);
    if (!out)
        return 0; /* the call has failed already; the method's own code must not matter */
    memcpy(out, in.data, in.size);
    memcpy(out + in.size, s->tag, more);
    return 0;
}

static int grow(void *self, struct tram_call *c) {
    uint64_t bytes;
    count(self);
    memcpy(&bytes, tram_arg(c, 0).data, sizeof bytes);
    void *out = tram_result_reserve(c, 0, bytes);
    if (out)
        test_fill(out, bytes, bytes);
    return 0;
}

static int size(void *self, struct tram_call *c) {
    uint64_t bytes = tram_arg(c, 0).size;
    count(self);
    return tram_result_copy(c, 0, &bytes, sizeof bytes);
}

static int calls(void *self, struct tram_call *c) {
    uint64_t n = atomic_load_explicit(&((struct state *)self)->calls, memory_order_relaxed);
    return tram_result_copy(c, 0, &n, sizeof n);
}

static int thread(void *self, struct tram_call *c) {
    uint64_t main = gettid() == getpid();
    count(self);
    return tram_result_copy(c, 0, &main, sizeof main);
}

static int alone(void *self, struct tram_call *c) {
    struct state *s = self;
    if (atomic_exchange(&s->alone, 1))
        return tram_fail(c, 9, "not alone");
    for (volatile int i = 0; i < 300; i++)
        ;
    sched_yield();
    atomic_store(&s->alone, 0);
    return copy_first(c);
}

static int mark(void *self, struct tram_call *c) {
    struct state *s = self;
    if (s->mark_count < sizeof s->marks && tram_arg(c, 0).size)
        s->marks[s->mark_count++] = *(const char *)tram_arg(c, 0).data;
    return copy_first(c);
}

static int marks(void *self, struct tram_call *c) {
    struct state *s = self;
    size_t n = s->mark_count;
    s->mark_count = 0;
    return tram_result_copy(c, 0, s->marks, n);
}

static int gate(void *self, struct tram_call *c) {
    struct tram_bytes in = tram_arg(c, 0);
    char inside[sizeof(struct test_gate) + 4];
    count(self);
    snprintf(inside, sizeof inside, "%s.in", (const char *)in.data);
    close(open(inside, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    while (access(in.data, F_OK) == 0)
        test_pause_ms(1);
    unlink(inside);
    return copy_first(c);
}

static void crash(void) {
    int *volatile nowhere = (int *)4096;
    signal(SIGSEGV, SIG_DFL); /* a sanitizer would turn it into an exit */
    *nowhere = 1;
}

static int carry_out(struct tram_call *c) {
    struct tram_bytes in = tram_arg(c, 0);
    struct test_order_bytes o = {0};
    memcpy(&o, in.data, in.size < sizeof o ? in.size : sizeof o);
    switch (o.order) {
    case DO_FAIL:
        return tram_fail(c, 42, "asked to %s", "fail");
    case DO_SLEEP:
        test_pause_ms(o.ms);
        return 0;
    case DO_HANG:
        for (;;)
            pause();
    case DO_EXIT:
        exit(3);
    case DO_ABORT:
        abort();
    case DO_CRASH:
        crash();
    }
    return 0;
}

static int obey(void *self, struct tram_call *c) {
    count(self);
    int code = carry_out(c);
    return code ? code : copy_first(c);
}

static int obey_pass(void *self, struct tram_call *c) {
    count(self);
    int code = carry_out(c);
    return code ? code : tram_forward(c, 0, 0);
}

static int create(const void *args, size_t bytes, void **self) {
    struct state *s = calloc(1, sizeof *s);
    if (!s || bytes >= sizeof s->tag)
        return 1;
    if (bytes)
        memcpy(s->tag, args, bytes);
    if (strcmp(s->tag, "bad") == 0) {
        free(s);
        return 7;
    }
    *self = s;
    return 0;
}

static void destroy(void *self) {
    free(self);
}

static int remember_path(const void *args, size_t bytes, void **self) {
    *self = strndup(args, bytes);
    return *self ? 0 : 1;
}

static void unlink_path(void *self) {
    unlink(self);
    free(self);
}

static const struct tram_method test_methods[] = {{.name = "echo", .fn = echo},
                                                  {.name = "pass", .fn = pass, .forwards = 1},
                                                  {.name = "sneak", .fn = pass},
                                                  {.name = "maybe", .fn = maybe, .forwards = 1},
                                                  {.name = "join", .fn = join},
                                                  {.name = "tag", .fn = tag},
                                                  {.name = "grow", .fn = grow},
                                                  {.name = "size", .fn = size},
                                                  {.name = "obey", .fn = obey},
                                                  {.name = "obey_pass", .fn = obey_pass, .forwards = 1},
                                                  {.name = "calls", .fn = calls},
                                                  {.name = "thread", .fn = thread},
                                                  {.name = "alone", .fn = alone},
                                                  {.name = "mark", .fn = mark},
                                                  {.name = "marks", .fn = marks},
                                                  {.name = "gate", .fn = gate},
                                                  {0}};
static const struct tram_method no_methods[] = {{0}};

const struct tram_class test_classes[] = {
    {.name = "Test", .methods = test_methods, .create = create, .destroy = destroy},
    {.name = "Farewell", .methods = no_methods, .create = remember_path, .destroy = unlink_path},
    {0}};

/* ---- the driver's side -----------------------------------------------------------------------------------
 */

void test_ok(int status, const char *what, const char *file, int line) {
    if (status) {
        print_error("%s:%d: %s\n    gave %d (%s): %s\n", file, line, what, status, tram_status_text(status),
                    tram_last_error()->text);
        _fail(file, line);
    }
}

void test_fails(int status, int expected, const char *what, const char *file, int line) {
    const struct tram_error *e = tram_last_error();
    if (status == expected && (!status || (e->status == status && e->text[0] && !strchr(e->text, '\n'))))
        return;
    print_error("%s:%d: %s\n    gave %d (%s), not %d (%s); the last error is %d: %s\n", file, line, what,
                status, tram_status_text(status), expected, tram_status_text(expected), e->status, e->text);
    _fail(file, line);
}

void test_says(const char *part, const char *file, int line) {
    if (strstr(tram_last_error()->text, part))
        return;
    print_error("%s:%d: the message does not say \"%s\": %s\n", file, line, part, tram_last_error()->text);
    _fail(file, line);
}

enum tram_eager_transport test_transport(void) {
    return getenv("TRAM_TEST_MAILBOX") ? TRAM_EAGER_MAILBOX : TRAM_EAGER_SOCKET;
}

int test_init(int *argc, char ***argv, const struct tram_class *list, struct tram **out) {
    struct tram_options o = {.eager = test_transport()};
    return tram_init_with(argc, argv, list, &o, out);
}

struct tram_actor *test_actor(const char *name) {
    struct tram_actor *a = NULL;
    struct tram_actor_options o = {.name = name, .args = name, .args_size = strlen(name)};
    OK(tram_actor_create(test_runtime, "Test", &o, &a));
    return a;
}

static uint64_t pattern(uint64_t at, uint64_t seed) {
    return (at + 1) * UINT64_C(0x9E3779B97F4A7C15) ^ seed * UINT64_C(0xD1342543DE82EF95);
}

void test_fill(void *data, size_t bytes, uint64_t seed) {
    unsigned char *p = data;
    for (size_t i = 0; i < bytes; i += 8) {
        uint64_t v = pattern(i, seed);
        memcpy(p + i, &v, bytes - i < 8 ? bytes - i : 8);
    }
}

bool test_filled(const void *data, size_t bytes, uint64_t seed) {
    const unsigned char *p = data;
    for (size_t i = 0; i < bytes; i += 8) {
        uint64_t v = pattern(i, seed);
        if (memcmp(p + i, &v, bytes - i < 8 ? bytes - i : 8) != 0)
            return false;
    }
    return true;
}

/* Buffers for `bytes` each way; the second is dirty, so that bytes that were never written show. */
static void make_buffers(size_t bytes, uint64_t seed, void **out, void **in) {
    *out = malloc(bytes + 1);
    *in = malloc(bytes + 1);
    assert_non_null(*out);
    assert_non_null(*in);
    test_fill(*out, bytes, seed);
    memset(*in, 0xA5, bytes + 1);
}

static void check_back(struct tram_ref *r, void *in, size_t bytes, uint64_t seed) {
    size_t got = SIZE_MAX;
    OK(tram_get(r, in, bytes, &got, 30));
    assert_int_equal(got, bytes);
    assert_true(test_filled(in, bytes, seed));
    assert_int_equal(((unsigned char *)in)[bytes], 0xA5);
}

void test_echo_call(struct tram_actor *a, const char *method, size_t bytes, uint64_t seed) {
    void *out, *in;
    struct tram_ref r;
    make_buffers(bytes, seed, &out, &in);
    OK(tram_call(a, method, out, bytes, &r));
    check_back(&r, in, bytes, seed);
    free(out);
    free(in);
}

void test_echo_execute(struct tram_compiled *x, size_t bytes, uint64_t seed) {
    void *out, *in;
    struct tram_ref r;
    make_buffers(bytes, seed, &out, &in);
    OK(tram_execute(x, out, bytes, &r));
    check_back(&r, in, bytes, seed);
    free(out);
    free(in);
}

struct tram_compiled *test_chain(size_t bytes, const struct tram_compile_options *options, const char *method,
                                 size_t n, struct tram_actor *const *actors) {
    struct tram_graph *g;
    struct tram_compiled *x = NULL;
    OK(tram_graph_create(test_runtime, &g));
    struct tram_node node = tram_graph_input(g, bytes);
    for (size_t i = 0; i < n; i++)
        node = tram_graph_bind(g, actors[i], method, node);
    tram_graph_output(g, node);
    OK(tram_graph_compile(g, options, &x));
    tram_graph_destroy(g);
    return x;
}

void test_gate_close(struct test_gate *g) {
    static unsigned last;
    memset(g, 0, sizeof *g);
    snprintf(g->name, sizeof g->name, "/tmp/tramline_gate_%d_%u", (int)getpid(), last++);
    int fd = open(g->name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    close(fd);
}

void test_gate_await(const struct test_gate *g) {
    char inside[sizeof g->name + 4];
    snprintf(inside, sizeof inside, "%s.in", g->name);
    for (int ms = 0; access(inside, F_OK) != 0; ms++) {
        assert_true(ms < 20000);
        test_pause_ms(1);
    }
}

void test_gate_open(const struct test_gate *g) {
    assert_int_equal(unlink(g->name), 0);
}

static bool stopped(const char *stat) {
    char text[512] = "", run = '?';
    FILE *f = fopen(stat, "re");
    if (!f)
        return true; /* the thread has ended meanwhile */
    size_t n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    if (n && strrchr(text, ')'))
        sscanf(strrchr(text, ')'), ") %c", &run);
    return run == 'T';
}

void test_stop(int pid) {
    char path[320];
    bool all = false;
    assert_int_equal(kill(pid, SIGSTOP), 0);
    for (int ms = 0; !all && ms < 10000; ms++) {
        snprintf(path, sizeof path, "/proc/%d/task", pid);
        DIR *d = opendir(path);
        assert_non_null(d);
        all = true;
        for (struct dirent *e; (e = readdir(d));) {
            snprintf(path, sizeof path, "/proc/%d/task/%s/stat", pid, e->d_name);
            all &= e->d_name[0] == '.' || stopped(path);
        }
        closedir(d);
        if (!all)
            test_pause_ms(1);
    }
    assert_true(all);
}

uint64_t test_now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void test_pause_ms(unsigned ms) {
    struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000};
    while (nanosleep(&t, &t) != 0)
        ;
}
