/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the tasks of a graph run: on a thread of their own, or on the actor's main thread, in the order that the header
 * states, beside ordinary calls and other graphs.
 */
#include "testing.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { MANY = SANITIZED ? 300 : 3000 };

static struct tram_actor *a[2]; /* "ann", "bob" */

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

static struct tram_compile_options on_main(uint32_t inflight, enum tram_wait wait) {
    return (struct tram_compile_options){.thread = TRAM_THREAD_MAIN, .inflight = inflight, .wait = wait};
}

/* input -> method of each actor -> output, on the actors' main threads, 8 deep. */
static struct tram_compiled *chain(const char *method, size_t count, struct tram_actor *const *actors) {
    struct tram_compile_options o = on_main(8, TRAM_WAIT_AUTO);
    return test_chain(64, &o, method, count, actors);
}

static uint64_t pause_below(uint64_t *random, uint64_t turns) {
    *random = *random * UINT64_C(6364136223846793005) + 1442695040888963407u;
    for (volatile uint64_t i = (*random >> 33) % turns; i; i--)
        ;
    return *random;
}

static void expect(struct tram_ref *r, const char *text) {
    char got[256];
    size_t n = 0;
    OK(tram_get(r, got, sizeof got - 1, &n, 30));
    got[n] = 0;
    assert_string_equal(got, text);
}

static uint64_t number(struct tram_ref *r) {
    uint64_t value = 99;
    OK(tram_get(r, &value, sizeof value, NULL, 30));
    return value;
}

/* ---- which thread ---- */

static void tasks_run_where_they_are_told(void **state) {
    (void)state;
    struct tram_compile_options own = {.thread = TRAM_THREAD_OWN};
    struct tram_compiled *x[] = {chain("thread", 1, a), test_chain(64, &own, "thread", 1, a),
                                 test_chain(64, NULL, "thread", 1, a)};
    struct tram_ref r;
    for (int i = 0; i < 9; i++) { /* both kinds on one actor, and calls */
        OK(tram_execute(x[i % 3], "?", 1, &r));
        assert_int_equal(number(&r), i % 3 == 0);
        OK(tram_call(a[0], "thread", "?", 1, &r));
        assert_int_equal(number(&r), 1);
    }
    for (int i = 0; i < 3; i++)
        OK(tram_teardown(x[(i + 1) % 3]));
}

static void there_are_two_kinds(void **state) {
    (void)state;
    struct tram_graph *g;
    struct tram_compiled *x;
    struct tram_compile_options o = {.thread = (enum tram_thread)2};
    OK(tram_graph_create(test_runtime, &g));
    tram_graph_output(g, tram_graph_bind(g, a[0], "echo", tram_graph_input(g, 8)));
    FAILS(tram_graph_compile(g, &o, &x), TRAM_ERR_INVALID);
    SAYS("2 is no thread");
    tram_graph_destroy(g);
}

/* ---- the order ---- */

/* What one call and executions of two graphs did, as they were noted, when all had arrived before any could run. */
static void one_call_then_each_graph(void **state) {
    (void)state;
    struct tram_compiled *x = chain("mark", 1, a), *y = chain("mark", 1, a);
    struct tram_ref held, calls[3], executions[6];
    struct test_gate g;
    test_gate_close(&g);
    OK(tram_call(a[0], "gate", &g, sizeof g, &held));
    test_gate_await(&g);
    for (int i = 0; i < 3; i++) { /* against the order in which they will run */
        OK(tram_execute(y, &"123"[i], 1, &executions[3 + i]));
        OK(tram_execute(x, &"abc"[i], 1, &executions[i]));
        OK(tram_call(a[0], "mark", &"XYZ"[i], 1, &calls[i]));
    }
    test_gate_open(&g);
    for (int i = 5; i >= 0; i--)
        OK(tram_release(&executions[i]));
    for (int i = 0; i < 3; i++)
        OK(tram_release(&calls[i]));
    OK(tram_release(&held));
    OK(tram_call(a[0], "marks", "", 0, &held));
    expect(&held, "a1Xb2Yc3Z");
    OK(tram_teardown(x));
    OK(tram_teardown(y));
}

/* A turn ends where a task has to wait: here for another actor, between two tasks of one execution. */
static void a_turn_ends_where_it_would_wait(void **state) {
    (void)state;
    struct tram_graph *graph;
    struct tram_compiled *x, *y = chain("mark", 1, a);
    struct tram_compile_options o = on_main(8, TRAM_WAIT_AUTO);
    struct tram_ref held, r, other;
    struct test_gate g;
    OK(tram_graph_create(test_runtime, &graph));
    struct tram_node in = tram_graph_input(graph, sizeof g), there = tram_graph_bind(graph, a[0], "mark", in);
    there = tram_graph_bind(graph, a[1], "gate", there);
    tram_graph_output(graph, tram_graph_bind(graph, a[0], "mark", there));
    OK(tram_graph_compile(graph, &o, &x));
    tram_graph_destroy(graph);
    for (int i = 0; i < 3; i++) {
        test_gate_close(&g);
        OK(tram_execute(x, &g, sizeof g, &r));
        test_gate_await(&g); /* ann has had her turn, and has another to come */
        OK(tram_execute(y, "1", 1, &other));
        expect(&other, "1");
        OK(tram_call(a[0], "mark", "X", 1, &held));
        expect(&held, "X");
        OK(tram_execute(y, "2", 1, &other));
        expect(&other, "2");
        test_gate_open(&g);
        expect(&r, g.name);
        OK(tram_call(a[0], "marks", "", 0, &held));
        expect(&held, "/1X2/");
    }
    OK(tram_teardown(x));
    OK(tram_teardown(y));
}

/* ---- nothing overlaps, nothing holds anything up ---- */

struct runner {
    struct tram_compiled *x;
    uint64_t wrong;
};

static void *run_many(void *arg) {
    struct runner *r = arg;
    struct tram_ref refs[8];
    char got[64];
    for (int i = 0; i < MANY / 8; i++) {
        for (int k = 0; k < 8; k++)
            r->wrong += tram_execute(r->x, "x", 1, &refs[k]) != TRAM_OK;
        for (int k = 0; k < 8; k++)
            r->wrong += tram_get(&refs[k * 3 % 8], got, sizeof got, NULL, 30) != TRAM_OK;
    }
    return NULL;
}

/* Two graphs from threads of their own, and calls from this one, all on the same two actors, in both directions. */
static void one_thing_at_a_time(void **state) {
    (void)state;
    struct tram_actor *backwards[] = {a[1], a[0]};
    struct runner r[2] = {{.x = chain("alone", 2, a)}, {.x = chain("alone", 2, backwards)}};
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run_many, &r[i]), 0);
    for (int i = 0; i < MANY / 4; i++) {
        struct tram_ref refs[4];
        for (int k = 0; k < 4; k++)
            OK(tram_call(a[k % 2], "alone", "call", 4, &refs[k]));
        for (int k = 0; k < 4; k++)
            expect(&refs[k], "call");
    }
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(r[0].wrong + r[1].wrong, 0);
    OK(tram_teardown(r[0].x));
    OK(tram_teardown(r[1].x));
}

/* Two graphs over both actors, 8 deep, driven by one thread and fetched in every way that makes one wait for the other. */
static void fetched_in_awkward_orders(void **state) {
    (void)state;
    struct tram_actor *backwards[] = {a[1], a[0], a[1]};
    struct tram_compiled *x = chain("tag", 2, a), *y = chain("tag", 3, backwards);
    for (int round = 0; round < MANY / 10; round++) {
        struct tram_ref r[16];
        int group = 1 << round % 4;
        for (int i = 0; i < 16; i++)
            OK(tram_execute((i / group) % 2 ? y : x, "-", 1, &r[i]));
        for (int i = 0; i < 16; i++) {
            int k = round % 3 == 0 ? 15 - i : round % 3 == 1 ? i * 5 % 16 : (i + 8) % 16;
            expect(&r[k], (k / group) % 2 ? "-bobannbob" : "-annbob");
        }
    }
    OK(tram_teardown(x));
    OK(tram_teardown(y));
}

/* The window from ann to bob is full while bob stands at a gate: ann waits for room, in her turns only. */
static void a_full_window_stops_nothing_else(void **state) {
    (void)state;
    enum { BIG = 1 << 20 };
    struct tram_compile_options o = on_main(2, TRAM_WAIT_BLOCK);
    struct tram_compiled *x, *y = chain("echo", 1, a);
    struct tram_graph *graph;
    struct test_gate g;
    OK(tram_graph_create(test_runtime, &graph));
    struct tram_node n = tram_graph_bind(graph, a[0], "echo", tram_graph_input(graph, BIG));
    tram_graph_output(graph, tram_graph_bind(graph, a[1], "gate", n));
    OK(tram_graph_compile(graph, &o, &x));
    tram_graph_destroy(graph);
    for (int round = 0; round < 5; round++) {
        struct tram_ref r[4], c;
        test_gate_close(&g);
        for (int i = 0; i < 4; i++) {
            OK(tram_execute(x, &g, sizeof g, &r[i]));
            if (i < 2)
                OK(tram_release(
                    &r[i])); /* given up unread, so that the window is not held back by the limit */
        }
        test_gate_await(&g);
        for (int i = 0; i < 20; i++) {
            OK(tram_execute(y, "y", 1, &c));
            expect(&c, "y");
            OK(tram_call(a[0], "echo", "call", 4, &c));
            expect(&c, "call");
        }
        assert_int_equal(tram_ready(&r[2]), 0);
        test_gate_open(&g);
        expect(&r[3], g.name);
        expect(&r[2], g.name);
    }
    OK(tram_teardown(x));
    OK(tram_teardown(y));
}

/* ---- sleeping ---- */

/* Pauses of every length up to a sleep's: a lost wake would hang here. */
static void no_wake_is_lost(void **state) {
    (void)state;
    static const enum tram_wait waits[] = {TRAM_WAIT_BLOCK, TRAM_WAIT_AUTO};
    struct tram_actor *both[] = {a[0], a[1], a[0]};
    for (int w = 0; w < 2; w++) {
        struct tram_compile_options o = on_main(8, waits[w]);
        struct tram_compiled *x = test_chain(64, &o, "echo", 3, both), *y = test_chain(64, &o, "echo", 1, a);
        uint64_t random = (uint64_t)w + 1;
        struct tram_ref r[3];
        for (int i = 0; i < MANY; i++) {
            OK(tram_execute(x, "x", 1, &r[0]));
            pause_below(&random, 40000);
            OK(tram_execute(y, "y", 1, &r[1]));
            if (pause_below(&random, 40000) >> 63)
                OK(tram_call(a[i % 2], "echo", "call", 4, &r[2]));
            expect(&r[0], "x");
            expect(&r[1], "y");
            if (random >> 63)
                expect(&r[2], "call");
        }
        struct tram_stats s;
        OK(tram_compiled_stats(x, &s));
        print_message("          %d executions, %llu sleeps, %llu wakes\n", (int)MANY,
                      (unsigned long long)s.sleeps, (unsigned long long)s.wakes);
        assert_true(waits[w] != TRAM_WAIT_BLOCK || s.sleeps > 0);
        OK(tram_teardown(x));
        OK(tram_teardown(y));
    }
}

/* The next message arrives just as the main thread, having answered the last, goes to sleep. Nothing else would wake it. */
static void a_message_meets_the_sleep(void **state) {
    (void)state;
    struct tram_compile_options o = on_main(8, TRAM_WAIT_BLOCK);
    uint64_t random = 7;
    for (int k = 0; k < 2; k++) { /* they are on different CPUs, of which one is not ours */
        struct tram_compiled *x = test_chain(64, &o, "echo", 1, &a[k]);
        struct tram_ref r;
        uint64_t until = test_now_ns() + 2000000000u; /* on a busy machine that is less often */
        for (int i = 0; i < 10 * MANY && test_now_ns() < until; i++) {
            OK(tram_execute(x, "x", 1, &r));
            for (int n = 0; n < 3000 && !tram_ready(&r); n++)
                ; /* awake, for as long as it takes when all is well */
            expect(&r, "x");
            pause_below(&random, 3000);
        }
        OK(tram_teardown(x));
    }
}

/* ---- ends ---- */

static void torn_down_in_flight(void **state) {
    (void)state;
    for (int i = 0; i < MANY / 100; i++) {
        struct tram_compiled *x = chain("echo", 2, a), *y = chain("tag", 2, a);
        struct tram_ref r[9];
        for (int k = 0; k < 8; k++)
            OK(tram_execute(x, "x", 1, &r[k]));
        OK(tram_execute(y, "-", 1, &r[8]));
        OK(tram_teardown(x));
        FAILS(tram_get(&r[0], &(char){0}, 1, NULL, 10), TRAM_ERR_TORN_DOWN);
        expect(&r[8], "-annbob"); /* the other goes on */
        OK(tram_teardown(y));
    }
    test_echo_call(a[0], "echo", 100, 1);
}

/* A method that does not return holds up the teardown, which can be repeated. */
static void torn_down_with_a_method_stuck(void **state) {
    (void)state;
    struct tram_compiled *x = chain("gate", 1, a);
    struct test_gate g;
    struct tram_ref r;
    test_gate_close(&g);
    OK(tram_execute(x, &g, sizeof g, &r));
    test_gate_await(&g);
    FAILS(tram_teardown_within(x, 0.05), TRAM_ERR_TIMED_OUT);
    SAYS("actor ann did not stop the graph in time: it is busy");
    test_gate_open(&g);
    OK(tram_teardown(x));
    test_echo_call(a[0], "echo", 10, 1);
}

static void a_death_names_its_actor(void **state) {
    (void)state;
    struct tram_compiled *x = chain("obey", 2, a), *y = chain("echo", 1, a), *z = chain("echo", 1, &a[1]);
    struct tram_ref r, other;
    OK(tram_execute(x, "n", 1, &r));
    expect(&r, "n");
    OK(tram_execute(x, "h", 1, &r)); /* ann hangs */
    OK(tram_execute(z, "z", 1, &other));
    expect(&other, "z");
    OK(kill(tram_actor_pid(a[0]), SIGKILL));
    FAILS(tram_get(&r, &(char){0}, 1, NULL, 20), TRAM_ERR_PEER_DEAD);
    SAYS("actor ann");
    SAYS("execution 2 is lost");
    assert_string_equal(tram_last_error()->actor, "ann");
    FAILS(tram_execute(y, "y", 1, &r), TRAM_ERR_PEER_DEAD);
    OK(tram_execute(z, "z", 1, &other)); /* the survivor's other graphs go on */
    expect(&other, "z");
    OK(tram_teardown(x));
    OK(tram_teardown(y));
    OK(tram_teardown(z));
    test_echo_call(a[1], "echo", 10, 1);
}

static void a_task_fails(void **state) {
    (void)state;
    struct tram_compiled *x = chain("obey", 2, a);
    struct tram_ref r[3];
    for (int i = 0; i < 3; i++)
        OK(tram_execute(x, &"nfn"[i], 1, &r[i]));
    FAILS(tram_get(&r[1], &(char){0}, 1, NULL, 30), TRAM_ERR_TASK);
    SAYS("ann.obey failed in execution 2 with code 42: asked to fail");
    expect(&r[0], "n");
    expect(&r[2], "n");
    OK(tram_teardown(x));
}

/* ---- the rest of the language ---- */

/* A unit, a control edge that runs against the data, no input, two outputs, a forward. */
static void units_edges_and_outputs(void **state) {
    (void)state;
    struct tram_graph *g;
    struct tram_compiled *x;
    struct tram_compile_options o = on_main(8, TRAM_WAIT_AUTO);
    OK(tram_graph_create(test_runtime, &g));
    struct tram_node c = tram_graph_constant(g, "c", 1), p = tram_graph_bind(g, a[0], "tag", c),
                     q = tram_graph_bind(g, a[1], "tag", c), f = tram_graph_bind(g, a[1], "pass", p),
                     s = tram_graph_bind(g, a[0], "mark", c);
    tram_graph_limit(g, p, 8);
    tram_graph_limit(g, q, 8);
    tram_graph_unit(g, 2, (struct tram_node[]){p, q});
    tram_graph_after(g, s, q);
    tram_graph_output(g, q);
    tram_graph_output(g, f);
    tram_graph_output(g, s);
    OK(tram_graph_compile(g, &o, &x));
    tram_graph_destroy(g);
    for (int i = 0; i < MANY / 10; i++) {
        struct tram_ref r[8][3];
        for (int k = 0; k < 8; k++)
            OK(tram_execute_parts(x, 0, NULL, r[k]));
        for (int k = 0; k < 8; k++) {
            expect(&r[k][2], "c");
            expect(&r[k][1], "cann");
            expect(&r[k][0], "cbob");
        }
    }
    OK(tram_teardown(x));
}

int main(int argc, char **argv) {
    if (test_init(&argc, &argv, test_classes, &test_runtime) != TRAM_OK)
        return 1;
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(tasks_run_where_they_are_told),
        TEST(there_are_two_kinds),
        TEST(one_call_then_each_graph),
        TEST(a_turn_ends_where_it_would_wait),
        TEST(one_thing_at_a_time),
        TEST(fetched_in_awkward_orders),
        TEST(a_full_window_stops_nothing_else),
        TEST(no_wake_is_lost),
        TEST(a_message_meets_the_sleep),
        TEST(torn_down_in_flight),
        TEST(torn_down_with_a_method_stuck),
        TEST(a_death_names_its_actor),
        TEST(a_task_fails),
        TEST(units_edges_and_outputs),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tram_fini(test_runtime);
    return failed;
}
