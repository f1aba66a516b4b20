/* SPDX-License-Identifier: Apache-2.0
 *
 * Waiting for results: ready checks, any of several, event loops, a full graph, timeouts and where they come from.
 */
#include "testing.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

static struct tram_actor *a[2];
static const struct test_order_bytes nap = {.order = DO_SLEEP, .ms = 100};

static int set_up(void **state) {
    (void)state;
    a[0] = test_actor("ann");
    a[1] = test_actor("bob");
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    tram_actor_destroy(a[0]);
    tram_actor_destroy(a[1]);
    return 0;
}

static void expect(struct tram_ref *r, uint64_t value) {
    uint64_t got = 0;
    OK(tram_get(r, &got, sizeof got, NULL, 20));
    assert_int_equal(got, value);
}

/* ---- ready, any ---- */

static void ready_does_not_wait(void **state) {
    (void)state;
    struct tram_compiled *x = test_chain(64, NULL, "obey", 1, a);
    struct tram_ref r[2], e;
    OK(tram_execute(x, &nap, sizeof nap, &r[0]));
    OK(tram_execute(x, "n", 1, &r[1]));
    OK(tram_call(a[1], "obey", &nap, sizeof nap, &e));
    assert_int_equal(tram_ready(&r[0]), 0);
    assert_int_equal(tram_ready(&r[1]), 0);
    assert_int_equal(tram_ready(&e), 0);
    for (int i = 0; i < 2000 && !(tram_ready(&r[1]) && tram_ready(&e)); i++)
        test_pause_ms(5);
    assert_int_equal(tram_ready(&r[0]), 1);
    assert_int_equal(tram_ready(&e), 1);
    char got[64];
    OK(tram_get(&r[1], got, sizeof got, NULL, 0));
    OK(tram_get(&e, got, sizeof got, NULL, 0));
    FAILS(tram_ready(&e), TRAM_ERR_CONSUMED);
    OK(tram_release(&r[0]));
    OK(tram_teardown(x));
    OK(tram_execute(x = test_chain(64, NULL, "obey", 1, a), "f", 1, &r[0]));
    for (int i = 0; i < 2000 && !tram_ready(&r[0]); i++)
        test_pause_ms(1);
    assert_int_equal(tram_ready(&r[0]), 1); /* a failure is an answer */
    FAILS(tram_get(&r[0], got, sizeof got, NULL, 0), TRAM_ERR_TASK);
    OK(tram_teardown(x));
    FAILS(tram_ready(&r[1]), TRAM_ERR_CONSUMED);
}

/* Of two graphs and a call, whichever is first. */
static void any_of_several(void **state) {
    (void)state;
    struct tram_compiled *x = test_chain(64, NULL, "obey", 1, &a[0]),
                         *y = test_chain(64, NULL, "obey", 1, &a[1]);
    struct tram_ref r[4] = {{0}};
    size_t i = 99;
    char got[64];
    struct test_order_bytes longer = nap;
    longer.ms = 400;
    for (int round = 0; round < 3; round++) {
        OK(tram_execute(x, &longer, sizeof longer, &r[0]));
        OK(tram_execute(y, &nap, sizeof nap, &r[2]));
        OK(tram_call(a[1], "obey", "n", 1, &r[3]));
        FAILS(tram_wait_any(r, 1, 0, &i), TRAM_ERR_TIMED_OUT);
        FAILS(tram_wait_any(r, 1, 0.02, &i), TRAM_ERR_TIMED_OUT);
        OK(tram_wait_any(r, 4, 20, &i));
        assert_int_equal(i, 3);
        OK(tram_get(&r[3], got, sizeof got, NULL, 0));
        OK(tram_wait_any(r, 4, 20, &i));
        assert_int_equal(i, 2);
        OK(tram_get(&r[2], got, sizeof got, NULL, 0));
        OK(tram_wait_any(r, 4, TRAM_DEFAULT_TIMEOUT, &i));
        assert_int_equal(i, 0);
        OK(tram_get(&r[0], got, sizeof got, NULL, 0));
        FAILS(tram_wait_any(r, 4, 20, &i), TRAM_ERR_CONSUMED);
    }
    OK(tram_execute(x, "h", 1, &r[0]));
    OK(tram_execute(y, "h", 1, &r[1]));
    OK(kill(tram_actor_pid(a[1]), SIGKILL));
    OK(tram_wait_any(r, 2, 20, &i)); /* a death is an answer */
    assert_int_equal(i, 1);
    FAILS(tram_get(&r[1], got, sizeof got, NULL, 0), TRAM_ERR_PEER_DEAD);
    OK(kill(tram_actor_pid(a[0]), SIGKILL));
    FAILS(tram_get(&r[0], got, sizeof got, NULL, 20), TRAM_ERR_PEER_DEAD);
    OK(tram_teardown(x));
    OK(tram_teardown(y));
}

/* ---- an event loop ---- */

/* The example of the manual: thousands of executions beside a second source that is always busy. */
static void an_event_loop(void **state) {
    (void)state;
    enum { ALL = 5000, DEPTH = 16 };
    struct tram_compile_options o = {.inflight = DEPTH};
    struct tram_compiled *x = test_chain(64, &o, "echo", 2, a);
    struct tram_ref refs[DEPTH];
    uint64_t sent = 0, got = 0, others = 0, sleeps = 0;
    int pipe_fds[2];
    OK(pipe(pipe_fds));
    assert_int_equal(write(pipe_fds[1], "x", 1),
                     1); /* its reader puts back what it took: never empty for long */
    int loop = epoll_create1(EPOLL_CLOEXEC), fd = tram_compiled_fd(x);
    assert_true(fd >= 0);
    assert_int_equal(tram_compiled_fd(x), fd);
    OK(epoll_ctl(loop, EPOLL_CTL_ADD, fd, &(struct epoll_event){.events = EPOLLIN, .data.fd = fd}));
    OK(epoll_ctl(loop, EPOLL_CTL_ADD, pipe_fds[0],
                 &(struct epoll_event){.events = EPOLLIN, .data.fd = pipe_fds[0]}));
    while (got < ALL) {
        while (sent < ALL && sent - got < DEPTH) {
            OK(tram_execute(x, &sent, sizeof sent, &refs[sent % DEPTH]));
            sent++;
        }
        int arrived = tram_compiled_arm(x);
        assert_true(arrived >= 0);
        struct epoll_event events[2];
        bool alone = got % 3 == 0; /* now and then nothing else keeps the loop awake */
        if (alone)
            OK(epoll_ctl(loop, EPOLL_CTL_DEL, pipe_fds[0], NULL));
        int n = epoll_wait(loop, events, 2, arrived ? 0 : 20000);
        assert_true(arrived || n > 0);
        sleeps += !arrived;
        for (int i = 0; i < n; i++) {
            char c;
            if (events[i].data.fd != pipe_fds[0])
                continue;
            assert_int_equal(read(pipe_fds[0], &c, 1), 1);
            assert_int_equal(write(pipe_fds[1], &c, 1), 1);
            others++;
        }
        if (alone)
            OK(epoll_ctl(loop, EPOLL_CTL_ADD, pipe_fds[0],
                         &(struct epoll_event){.events = EPOLLIN, .data.fd = pipe_fds[0]}));
        while (got < sent && tram_ready(&refs[got % DEPTH]) == 1) {
            expect(&refs[got % DEPTH], got);
            got++;
        }
    }
    assert_true(others > 0);
    printf("%llu sleeps, %llu events of the other source\n", (unsigned long long)sleeps,
           (unsigned long long)others);
    close(loop);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
    OK(tram_teardown(x));
    FAILS(tram_compiled_arm(x), TRAM_ERR_TORN_DOWN);
    assert_int_equal(tram_compiled_fd(x), -1);
}

/* It tells of a death as well, and only of what is new. */
static void an_event_loop_hears_of_deaths(void **state) {
    (void)state;
    struct tram_compiled *x = test_chain(64, NULL, "obey", 1, &a[1]);
    struct tram_ref r;
    int loop = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN};
    OK(epoll_ctl(loop, EPOLL_CTL_ADD, tram_compiled_fd(x), &event));
    assert_int_equal(tram_compiled_arm(x), 0);
    assert_int_equal(epoll_wait(loop, &event, 1, 20), 0);
    OK(tram_execute(x, "n", 1, &r));
    assert_true(tram_compiled_arm(x) == 1 || epoll_wait(loop, &event, 1, 20000) == 1);
    while (!tram_ready(&r))
        test_pause_ms(1);
    tram_compiled_arm(x);
    assert_int_equal(tram_compiled_arm(x), 0); /* not fetched yet, but no news */
    OK(tram_release(&r));
    OK(tram_execute(x, "h", 1, &r));
    assert_int_equal(tram_compiled_arm(x), 0);
    OK(kill(tram_actor_pid(a[1]), SIGKILL));
    assert_int_equal(epoll_wait(loop, &event, 1, 20000), 1);
    for (int i = 0; i < 2000 && tram_compiled_arm(x) != 1; i++)
        test_pause_ms(1); /* until the supervisor has reaped it */
    assert_int_equal(tram_ready(&r), 1);
    FAILS(tram_get(&r, NULL, 0, NULL, 0), TRAM_ERR_PEER_DEAD);
    close(loop);
    OK(tram_teardown(x));
}

/* ---- a full graph ---- */

static void a_full_graph_fails_at_once(void **state) {
    (void)state;
    struct tram_compiled *x = test_chain(64, &(struct tram_compile_options){.inflight = 2}, "echo", 1, a);
    struct tram_ref r[3];
    uint64_t v = 7;
    for (int i = 0; i < 2; i++)
        OK(tram_execute(x, &v, sizeof v, &r[i]));
    FAILS(tram_execute(x, &v, sizeof v, &r[2]), TRAM_ERR_FULL);
    expect(&r[1], 7);
    FAILS(tram_execute(x, &v, sizeof v, &r[2]), TRAM_ERR_FULL); /* the older one holds the window */
    expect(&r[0], 7);
    OK(tram_execute(x, &v, sizeof v, &r[2]));
    expect(&r[2], 7);
    OK(tram_teardown(x));
}

/* It waits, and keeps results aside; they are fetched in any order, once, small and large, good and bad. */
static void a_full_graph_waits(void **state) {
    (void)state;
    enum { ALL = 200 };
    struct tram_compile_options o = {.inflight = 3, .full = TRAM_FULL_WAITS, .kept = ALL};
    struct tram_compiled *x = test_chain(6000, &o, "obey", 2, a);
    struct tram_ref r[ALL];
    static char data[6000], got[6000];
    for (size_t i = 0; i < ALL; i++) {
        memset(data, (int)('A' + i % 20), sizeof data);
        data[0] = i % 10 == 9 ? 'f' : 'n';
        OK(tram_execute(x, data, i % 2 ? 6000 : 9, &r[i]));
    }
    for (size_t k = 0; k < ALL; k++) {
        size_t i = k * 77 % ALL, size; /* every one, in some order */
        assert_int_equal(tram_ready(&r[i]) == 1 || i + 3 >= ALL, 1);
        struct tram_ref again = r[i];
        if (i % 10 == 9) {
            FAILS(tram_get(&r[i], got, sizeof got, &size, 20), TRAM_ERR_TASK);
            assert_int_equal(tram_last_error()->execution, i + 1);
            assert_string_equal(tram_last_error()->actor, "ann");
        } else {
            OK(tram_get(&r[i], got, sizeof got, &size, 20));
            assert_int_equal(size, i % 2 ? 6000 : 9);
            assert_int_equal(got[0], 'n');
            assert_int_equal(got[size - 1], 'A' + i % 20);
        }
        FAILS(tram_get(&again, got, sizeof got, &size, 20), TRAM_ERR_CONSUMED);
    }
    struct tram_bytes lent;
    OK(tram_execute(x, "n", 1, &r[0]));
    OK(tram_get_borrow(&r[0], &lent, 20));
    for (int i = 1; i < 3; i++)
        OK(tram_execute(x, "n", 1, &r[i]));
    FAILS(tram_execute(x, "n", 1, &r[3]), TRAM_ERR_FULL);
    SAYS("output 0 of execution 201 is lent out");
    OK(tram_release(&r[0]));
    OK(tram_execute(x, "n", 1, &r[3]));
    for (int i = 1; i < 4; i++)
        OK(tram_release(&r[i]));
    OK(tram_teardown(x));
}

static void what_is_kept_is_bounded(void **state) {
    (void)state;
    struct tram_compile_options o = {.inflight = 2, .full = TRAM_FULL_WAITS, .kept = 5};
    struct tram_compiled *x = test_chain(64, &o, "echo", 1, a);
    struct tram_ref r[9];
    for (uint64_t i = 0; i < 7; i++)
        OK(tram_execute(x, &i, sizeof i, &r[i]));
    uint64_t v = 7;
    FAILS(tram_execute(x, &v, sizeof v, &r[7]), TRAM_ERR_FULL);
    SAYS("results of 5 executions are kept aside, which is the limit; execution 1 is not fetched");
    expect(&r[3], 3);
    OK(tram_execute(x, &v, sizeof v, &r[7]));
    FAILS(tram_execute(x, &v, sizeof v, &r[8]), TRAM_ERR_FULL);
    for (uint64_t i = 1; i < 8; i++)
        if (i != 3)
            expect(&r[i], i);
    for (uint64_t i = 100; i < 150; i++) { /* those that were fetched since do not count */
        OK(tram_execute(x, &i, sizeof i, &r[1]));
        expect(&r[1], i);
    }
    FAILS(tram_get(&r[3], &v, sizeof v, NULL, 0), TRAM_ERR_CONSUMED);
    expect(&r[0], 0);
    OK(tram_teardown(x));
}

/* A get that fails for lack of room lends nothing: the result can still be kept aside. */
static void too_small_a_buffer_holds_nothing(void **state) {
    (void)state;
    struct tram_compile_options o = {.inflight = 1, .full = TRAM_FULL_WAITS};
    struct tram_compiled *x = test_chain(64, &o, "echo", 1, a);
    struct tram_ref r[3];
    struct tram_bytes lent;
    char small[2];
    for (uint64_t i = 0; i < 2; i++) {
        OK(tram_execute(x, &i, sizeof i, &r[i]));
        FAILS(tram_get(&r[i], small, sizeof small, NULL, 10), TRAM_ERR_TOO_LARGE);
    }
    OK(tram_get_borrow(&r[1], &lent, 10));
    FAILS(tram_get(&r[1], small, sizeof small, NULL, 10), TRAM_ERR_TOO_LARGE);
    FAILS(tram_execute(x, &o, 8, &r[2]), TRAM_ERR_FULL); /* it was lent before */
    SAYS("lent");
    expect(&r[0], 0);
    expect(&r[1], 1);
    OK(tram_teardown(x));
}

static void arm_tells_of_what_is_kept(void **state) {
    (void)state;
    struct tram_compile_options o = {.inflight = 1, .full = TRAM_FULL_WAITS};
    struct tram_compiled *x = test_chain(64, &o, "obey", 1, a);
    struct tram_ref r[2];
    uint64_t quick = DO_NOTHING, got;
    assert_int_equal(tram_compiled_arm(x), 0);
    OK(tram_execute(x, &quick, sizeof quick, &r[0]));
    OK(tram_execute(x, &nap, sizeof nap, &r[1])); /* keeps the first aside */
    assert_int_equal(tram_ready(&r[0]), 1);
    assert_int_equal(tram_compiled_arm(x), 1);
    OK(tram_get(&r[0], &got, sizeof got, NULL, 10));
    OK(tram_release(&r[1]));
    OK(tram_teardown(x));
}

/* TRAM_DEFAULT_TIMEOUT among the options is no number to wait for. */
static void default_timeouts_of_a_graph(void **state) {
    (void)state;
    struct test_order_bytes longer = nap;
    longer.ms = 500;
    char got[64];
    struct tram_ref r;
    setenv("TRAM_GET_TIMEOUT", "0.05", 1);
    struct tram_compile_options o = {.get_timeout_s = TRAM_DEFAULT_TIMEOUT,
                                     .submit_timeout_s = TRAM_DEFAULT_TIMEOUT};
    struct tram_compiled *x = test_chain(64, &o, "obey", 1, a);
    unsetenv("TRAM_GET_TIMEOUT");
    OK(tram_execute(x, &longer, sizeof longer, &r));
    FAILS(tram_get(&r, got, sizeof got, NULL, TRAM_DEFAULT_TIMEOUT), TRAM_ERR_TIMED_OUT);
    OK(tram_get(&r, got, sizeof got, NULL, 20));
    OK(tram_teardown(x));
}

/* ---- timeouts ---- */

static void timeouts_travel_with_the_graph(void **state) {
    (void)state;
    struct test_order_bytes longer = nap;
    longer.ms = 1500;
    char got[64];
    struct tram_ref r[3];
    setenv("TRAM_SUBMIT_TIMEOUT", "0.05", 1);
    setenv("TRAM_GET_TIMEOUT", "0.1", 1);
    struct tram_compile_options o = {.inflight = 1, .full = TRAM_FULL_WAITS};
    struct tram_compiled *x = test_chain(64, &o, "obey", 1, a);
    unsetenv("TRAM_SUBMIT_TIMEOUT");
    unsetenv("TRAM_GET_TIMEOUT");
    OK(tram_execute(x, &longer, sizeof longer, &r[0]));
    uint64_t start = test_now_ns();
    FAILS(tram_execute(x, "n", 1, &r[1]), TRAM_ERR_TIMED_OUT);
    SAYS("ann");
    FAILS(tram_get(&r[0], got, sizeof got, NULL, TRAM_DEFAULT_TIMEOUT), TRAM_ERR_TIMED_OUT);
    SAYS("within 0.1 s");
    struct tram_bytes one = {"n", 1};
    FAILS(tram_execute_within(x, 1, &one, 0, &r[1]), TRAM_ERR_TIMED_OUT);
    assert_true(test_now_ns() - start < 1400000000u);
    OK(tram_execute_within(x, 1, &one, 20, &r[1]));
    OK(tram_get(&r[0], got, sizeof got, NULL, TRAM_DEFAULT_TIMEOUT));
    OK(tram_get(&r[1], got, sizeof got, NULL, 20));
    OK(tram_teardown(x));
    o.get_timeout_s = TRAM_TRY_ONCE; /* what compile is told comes before the environment */
    setenv("TRAM_GET_TIMEOUT", "100", 1);
    x = test_chain(64, &o, "obey", 1, a);
    unsetenv("TRAM_GET_TIMEOUT");
    OK(tram_execute(x, &nap, sizeof nap, &r[0]));
    FAILS(tram_get(&r[0], got, sizeof got, NULL, TRAM_DEFAULT_TIMEOUT), TRAM_ERR_TIMED_OUT);
    OK(tram_get(&r[0], got, sizeof got, NULL, -1));
    OK(tram_teardown(x));
}

static void a_bad_environment_is_named(void **state) {
    (void)state;
    struct tram_graph *g;
    struct tram_compiled *x;
    OK(tram_graph_create(test_runtime, &g));
    tram_graph_output(g, tram_graph_bind(g, a[0], "echo", tram_graph_input(g, 8)));
    setenv("TRAM_TEARDOWN_TIMEOUT", "soon", 1);
    FAILS(tram_graph_compile(g, NULL, &x), TRAM_ERR_INVALID);
    SAYS("TRAM_TEARDOWN_TIMEOUT=soon: a number of seconds is wanted");
    unsetenv("TRAM_TEARDOWN_TIMEOUT");
    OK(tram_graph_compile(g, NULL, &x));
    tram_graph_destroy(g);
    OK(tram_teardown(x));
}

int main(int argc, char **argv) {
    if (test_init(&argc, &argv, test_classes, &test_runtime) != TRAM_OK)
        return 1;
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(ready_does_not_wait),
        TEST(any_of_several),
        TEST(an_event_loop),
        TEST(an_event_loop_hears_of_deaths),
        TEST(a_full_graph_fails_at_once),
        TEST(a_full_graph_waits),
        TEST(what_is_kept_is_bounded),
        TEST(too_small_a_buffer_holds_nothing),
        TEST(arm_tells_of_what_is_kept),
        TEST(default_timeouts_of_a_graph),
        TEST(timeouts_travel_with_the_graph),
        TEST(a_bad_environment_is_named),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tram_fini(test_runtime);
    return failed;
}
