/* SPDX-License-Identifier: Apache-2.0
 *
 * An execution that spins allocates nothing and makes no system call, in the driver as in the actor.
 *
 * Allocations are counted by this program's own malloc and its kin (base/malloc_trap.h), in every process of it. System calls are
 * counted by trapping them (base/syscall_trap.h). The driver's thread and the actor's graph thread do so for themselves; the
 * latter is told by the first byte of a payload.
 */
#include "base/syscall_trap.h"
#include "testing.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#if defined(TRAM__SYSCALL_TRAP)

#include "base/malloc_trap.h"

enum { EXECUTIONS = 100000, LEAST = 2000, LIMIT_S = 2, BYTES = 4096 };

/* ---- allocations ----------------------------------------------------------------------------------------- */

static atomic_ulong allocations;

static void tram__malloc_seen(bool freed) {
    (void)freed;
    atomic_fetch_add_explicit(&allocations, 1, memory_order_relaxed);
}

/* ---- system calls ---------------------------------------------------------------------------------------- */

static _Thread_local volatile unsigned long system_calls, first_call;

static void tram__syscall_seen(long number) {
    if (!system_calls++)
        first_call = (unsigned long)number;
}

/* ---- one thread's counts ---------------------------------------------------------------------------------- */

struct counts {
    uint64_t allocations, system_calls, first_call;
};

static struct counts allocations_before; /* of the whole process: its other threads are idle meanwhile */

static void begin(void) {
    allocations_before.allocations = atomic_load(&allocations);
    system_calls = 0;
    tram__syscall_trap(true);
}

static struct counts end(void) {
    tram__syscall_trap(false);
    return (struct counts){atomic_load(&allocations) - allocations_before.allocations, system_calls,
                           first_call};
}

static void allocate_on_purpose(void) {
    void *volatile p = malloc(100);
    free(p);
}

/* ---- the actor -------------------------------------------------------------------------------------------- */

enum order { NOTHING = 'n', INSTALL = 'i', BEGIN = 'b', END = 'e', ALLOCATE = 'a', CALL_SYSTEM = 's' };

/* 0, or 1 when the result is in place already. */
static int obey(struct tram_call *c) {
    struct counts counts;
    int64_t installed;
    switch (*(const char *)tram_arg(c, 0).data) {
    case INSTALL:
        installed = tram__syscall_prepare();
        tram_result_copy(c, 0, &installed, sizeof installed);
        return 1;
    case BEGIN:
        begin();
        return 0;
    case END:
        counts = end();
        tram_result_copy(c, 0, &counts, sizeof counts);
        return 1;
    case ALLOCATE:
        allocate_on_purpose();
        return 0;
    case CALL_SYSTEM:
        syscall(SYS_getppid);
        return 0;
    }
    return 0;
}

static int echo(void *self, struct tram_call *c) {
    (void)self;
    struct tram_bytes in = tram_arg(c, 0);
    return obey(c) ? 0 : tram_result_copy(c, 0, in.data, in.size);
}

static int pass(void *self, struct tram_call *c) {
    (void)self;
    return obey(c) ? 0 : tram_forward(c, 0, 0);
}

static const struct tram_method methods[] = {
    {.name = "echo", .fn = echo}, {.name = "pass", .fn = pass, .forwards = 1}, {0}};
static const struct tram_class classes[] = {{.name = "Hot", .methods = methods}, {0}};

/* ---- the driver ------------------------------------------------------------------------------------------- */

static struct tram_actor *actor;

static void execute(struct tram_compiled *x, char order, size_t size, void *result, size_t room) {
    static char data[BYTES];
    struct tram_ref r;
    size_t n;
    data[0] = order;
    OK(tram_execute(x, data, size, &r));
    OK(tram_get(&r, result, room, &n, 20));
}

/* The same without a copy on the driver's side. */
static void execute_in_place(struct tram_compiled *x, size_t size) {
    struct tram_ref r;
    struct tram_bytes lent;
    void *room;
    OK(tram_execute_loan(x, size, &room));
    *(char *)room = NOTHING;
    OK(tram_execute_commit(x, size, &r));
    OK(tram_get_borrow(&r, &lent, 20));
    OK(tram_release(&r));
}

static struct tram_compiled *spinning(const char *method) {
    struct tram_compile_options o = {.inflight = 1, .wait = TRAM_WAIT_SPIN};
    struct tram_compiled *x = test_chain(BYTES, &o, method, 1, &actor);
    int64_t installed = 1;
    assert_int_equal(tram__syscall_prepare(),
                     0); /* again: cmocka puts a handler of its own before each test */
    execute(x, INSTALL, 1, &installed, sizeof installed);
    assert_int_equal(installed, 0);
    return x;
}

/* Runs many executions (fewer on a slow machine) with both sides counting. */
static void run(struct tram_compiled *x, size_t size, bool in_place, struct counts *mine,
                struct counts *its) {
    static char result[BYTES];
    uint64_t until = test_now_ns() + LIMIT_S * 1000000000u;
    unsigned n = 0;
    for (int i = 0; i < 100; i++)
        execute(x, NOTHING, size, result, sizeof result);
    execute(x, BEGIN, size, result, sizeof result);
    begin();
    while (n < EXECUTIONS && (n < LEAST || n % 256 || test_now_ns() < until)) {
        if (in_place)
            execute_in_place(x, size);
        else
            execute(x, NOTHING, size, result, sizeof result);
        n++;
    }
    *mine = end();
    execute(x, END, size, its, sizeof *its);
    printf("%s, %zu B, %u executions: driver %lu allocations, %lu system calls; actor %lu, %lu\n",
           in_place ? "in place" : "by copy", size, n, mine->allocations, mine->system_calls,
           its->allocations, its->system_calls);
}

/* A wait of a million polls asks whether the supervisor still lives (base/wait.c): the other side lost its CPU for at least
 * 20 ms, which a busy machine does to it. */
static void expect_nothing(const char *who, const struct counts *c, uint64_t took_ns) {
    uint64_t asked = c->first_call == SYS_poll ? took_ns / 20000000u : 0;
    if (c->system_calls > asked)
        print_error("%s: the first system call was number %lu\n", who, (unsigned long)c->first_call);
    assert_int_equal(c->allocations, 0);
    assert_true(c->system_calls <= asked);
}

static void nothing(const char *method, bool in_place) {
    static const size_t sizes[] = {1, BYTES};
    struct tram_compiled *x = spinning(method);
    struct counts mine, its;
    for (size_t i = 0; i < 2; i++) {
        uint64_t start = test_now_ns();
        run(x, sizes[i], in_place, &mine, &its);
        uint64_t took_ns = test_now_ns() - start;
        expect_nothing("the driver", &mine, took_ns);
        expect_nothing("the actor", &its, took_ns);
    }
    OK(tram_teardown(x));
}

static void by_copy(void **state) {
    (void)state;
    nothing("echo", false);
}

static void in_place(void **state) {
    (void)state;
    nothing("pass", true);
}

/* Without this, counters that never count would pass. */
static void the_counters_count(void **state) {
    (void)state;
    struct tram_compiled *x = spinning("echo");
    struct counts c;
    char result[BYTES];
    begin();
    allocate_on_purpose();
    long parent = syscall(SYS_getppid);
    syscall(SYS_getppid);
    c = end();
    assert_int_equal(c.allocations, 2); /* the malloc and its free */
    assert_int_equal(c.system_calls, 2);
    assert_int_equal(c.first_call, SYS_getppid);
    assert_int_equal(parent, getppid());

    execute(x, ALLOCATE, 1, result, sizeof result); /* a thread's first makes system calls: for its arena */
    execute(x, BEGIN, 1, result, sizeof result);
    execute(x, ALLOCATE, 1, result, sizeof result);
    for (int i = 0; i < 3; i++)
        execute(x, CALL_SYSTEM, 1, result, sizeof result);
    execute(x, END, 1, &c, sizeof c);
    assert_int_equal(c.allocations, 2);
    assert_int_equal(c.system_calls, 3);
    assert_int_equal(c.first_call, SYS_getppid);
    OK(tram_teardown(x));
}

int main(int argc, char **argv) {
    if (tram_init(&argc, &argv, classes, &test_runtime) != TRAM_OK)
        return 1;
    if (tram__syscall_prepare() != 0) {
        printf("skipped: this kernel has no Syscall User Dispatch (Linux 5.11, x86): %s\n", strerror(errno));
        return 77;
    }
    if (tram_actor_create(test_runtime, "Hot", NULL, &actor) != TRAM_OK)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_counters_count),
        cmocka_unit_test(by_copy),
        cmocka_unit_test(in_place),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tram_fini(test_runtime);
    return failed;
}

#else

int main(void) {
    printf("skipped: %s\n", SANITIZED ? "a sanitizer allocates and makes system calls of its own"
                                      : "the counting of system calls is written for x86-64");
    return 77;
}

#endif
