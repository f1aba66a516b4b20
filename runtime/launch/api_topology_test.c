/* SPDX-License-Identifier: Apache-2.0
 *
 * Compiled graphs over several actors: chains, forwarding, scatter and gather, several graphs at once.
 */
#include "testing.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static struct tram_actor *a[3]; /* "ann", "bob", "cat" */

static struct tram_graph *new_graph(void) {
    struct tram_graph *g;
    OK(tram_graph_create(test_runtime, &g));
    return g;
}

static struct tram_compiled *compiled(struct tram_graph *g, const struct tram_compile_options *o) {
    struct tram_compiled *x = NULL;
    OK(tram_graph_compile(g, o, &x));
    tram_graph_destroy(g);
    return x;
}

static void expect(struct tram_ref *r, const char *text) {
    char got[256] = "";
    size_t n;
    OK(tram_get(r, got, sizeof got - 1, &n, 10));
    got[n] = '\0';
    assert_string_equal(got, text);
}

static void chain(void **state) {
    (void)state;
    struct tram_compiled *x = test_chain(64, NULL, "tag", 3, a);
    struct tram_ref refs[10];
    for (int i = 0; i < 10; i++)
        OK(tram_execute(x, "0123456789" + i, 1, &refs[i]));
    for (int i = 0; i < 10; i++) {
        char text[16] = {(char)('0' + i)};
        strcat(text, "annbobcat");
        expect(&refs[i], text);
    }
    OK(tram_teardown(x));
}

/* A failure in the middle of a chain reaches the driver with its origin; the tasks after it do not run. */
static void failure_in_a_chain(void **state) {
    (void)state;
    for (size_t who = 0; who < 3; who++) {
        struct tram_graph *g = new_graph();
        struct tram_node n = tram_graph_input(g, 200);
        for (size_t i = 0; i < 3; i++)
            n = tram_graph_bind(g, a[i], i == who ? "obey" : "pass", n);
        tram_graph_output(g, n);
        struct tram_compiled *x = compiled(g, NULL);
        for (uint64_t i = 1; i <= 30; i++) {
            struct tram_ref r;
            char data[200] = "n";
            data[0] = i % 2 ? 'n' : 'f';
            OK(tram_execute(x, data, sizeof data, &r));
            if (i % 2) {
                OK(tram_get(&r, data, sizeof data, NULL, 10));
                continue;
            }
            FAILS(tram_get(&r, data, sizeof data, NULL, 10), TRAM_ERR_TASK);
            assert_string_equal(tram_last_error()->actor, tram_actor_name(a[who]));
            assert_string_equal(tram_last_error()->method, "obey");
            assert_int_equal(tram_last_error()->execution, i);
            assert_int_equal(tram_last_error()->code, 42);
            SAYS("asked to fail");
        }
        OK(tram_teardown(x));
    }
}

/* ---- forwarding ------------------------------------------------------------------------------------------
 */

/* Loan, three forwards, borrow: the bytes never move. */
static void forward_copies_nothing(void **state) {
    (void)state;
    enum { BYTES = 100000, DEPTH = 4 };
    struct tram_compile_options o = {.inflight = DEPTH};
    struct tram_compiled *x = test_chain(BYTES, &o, "pass", 3, a);
    struct tram_ref refs[DEPTH];
    struct tram_bytes lent;
    struct tram_stats s;
    void *room;
    for (uint64_t round = 0; round < 50; round++) {
        for (uint64_t i = 0; i < DEPTH; i++) {
            OK(tram_execute_loan(x, BYTES, &room));
            test_fill(room, BYTES - i, round * 10 + i);
            OK(tram_execute_commit(x, BYTES - i, &refs[i]));
        }
        for (uint64_t k = 0; k < DEPTH; k++) {
            uint64_t i = round % 2 ? k : DEPTH - 1 - k;
            OK(tram_get_borrow(&refs[i], &lent, 10));
            assert_int_equal(lent.size, BYTES - i);
            assert_true(test_filled(lent.data, lent.size, round * 10 + i));
            OK(tram_release(&refs[i]));
        }
    }
    OK(tram_compiled_stats(x, &s));
    assert_int_equal(s.executions, 50 * DEPTH);
    assert_int_equal(s.copies, 0);
    assert_int_equal(s.copied_bytes, 0);
    OK(tram_teardown(x));
}

/* The producer runs ahead while a reader far down the chain still holds a forwarded slot. */
static void forwarded_slot_is_not_reused(void **state) {
    (void)state;
    enum { BYTES = 8192, DEPTH = 3, N = 60 };
    struct tram_compile_options o = {.inflight = DEPTH};
    struct tram_graph *g = new_graph();
    struct tram_node in = tram_graph_input(g, BYTES);
    struct tram_node made = tram_graph_bind(g, a[0], "echo", in);
    struct tram_node passed = tram_graph_bind(g, a[1], "pass", made);
    tram_graph_output(g, tram_graph_bind(g, a[2], "obey_pass", passed)); /* slow at times */
    struct tram_compiled *x = compiled(g, &o);
    struct tram_ref refs[DEPTH];
    struct tram_bytes lent[DEPTH];
    unsigned char data[BYTES];
    for (uint64_t i = 0; i < N; i++) {
        struct test_order_bytes order = {.order = i % 7 ? DO_NOTHING : DO_SLEEP, .ms = 5};
        test_fill(data, BYTES, i);
        memcpy(data, &order, sizeof order);
        if (i >= DEPTH) { /* held until the slot is needed again */
            uint64_t old = i - DEPTH;
            unsigned char check[BYTES];
            test_fill(check, BYTES, old);
            assert_memory_equal((const char *)lent[old % DEPTH].data + 16, check + 16, BYTES - 16);
            OK(tram_release(&refs[old % DEPTH]));
        }
        OK(tram_execute(x, data, BYTES, &refs[i % DEPTH]));
        OK(tram_get_borrow(&refs[i % DEPTH], &lent[i % DEPTH], 10));
    }
    OK(tram_teardown(x));
}

/* The same pipelined: nothing waits for a result before the next is submitted. */
static void forward_pipelined(void **state) {
    (void)state;
    static const size_t sizes[] = {1, 104, 105, 5000};
    for (size_t k = 0; k < 4; k++) {
        size_t bytes = sizes[k];
        struct tram_compile_options o = {.inflight = 5};
        struct tram_compiled *x = test_chain(bytes, &o, "maybe", 3, a);
        struct tram_ref refs[5];
        unsigned char data[5000], got[5000], first;
        for (uint64_t i = 0; i < 400; i++) {
            if (i >= 5) {
                size_t n;
                OK(tram_get(&refs[i % 5], got, sizeof got, &n, 10));
                assert_int_equal(n, bytes);
                test_fill(data, bytes, i - 5);
                data[0] = (i - 5) % 3 ? 'p' : 'c';
                assert_memory_equal(got, data, bytes);
            }
            first = i % 3 ? 'p' : 'c'; /* some are copied, some forwarded */
            test_fill(data, bytes, i);
            data[0] = first;
            OK(tram_execute(x, data, bytes, &refs[i % 5]));
        }
        OK(tram_teardown(x));
    }
}

/* One value forwarded to one reader and copied by another, both outputs of the graph. */
static void forward_to_some(void **state) {
    (void)state;
    enum { BYTES = 6000 };
    struct tram_compile_options o = {.inflight = 2};
    struct tram_graph *g = new_graph();
    struct tram_node in = tram_graph_input(g, BYTES);
    struct tram_node passed = tram_graph_bind(g, a[0], "pass", in);
    tram_graph_output(g, passed);
    tram_graph_output(g, tram_graph_bind(g, a[1], "echo", passed));
    tram_graph_output(g, tram_graph_bind(g, a[2], "pass", in));
    struct tram_compiled *x = compiled(g, &o);
    struct tram_ref refs[2][3];
    unsigned char data[BYTES], got[BYTES];
    for (uint64_t i = 0; i < 100; i++) {
        for (uint64_t k = 0; i >= 2 && k < 3; k++) {
            size_t n;
            OK(tram_get(&refs[i % 2][(k + i) % 3], got, BYTES, &n, 10));
            assert_int_equal(n, BYTES);
            assert_true(test_filled(got, BYTES, i - 2));
        }
        test_fill(data, BYTES, i);
        OK(tram_execute(x, data, BYTES, refs[i % 2]));
    }
    OK(tram_teardown(x));
}

static void forward_undeclared(void **state) {
    (void)state;
    struct tram_compiled *x = test_chain(500, NULL, "sneak", 1, &a[0]);
    struct tram_ref r;
    OK(tram_execute(x, "x", 1, &r));
    FAILS(tram_get(&r, NULL, 0, NULL, 10), TRAM_ERR_TASK);
    SAYS("forwards");
    assert_string_equal(tram_last_error()->method, "sneak");
    OK(tram_teardown(x));
}

/* Forwarding within one actor, and on to another, from what that actor received. */
static void forward_inside_an_actor(void **state) {
    (void)state;
    static const size_t sizes[] = {50, 104, 105, 9000};
    for (size_t k = 0; k < 4; k++) {
        size_t bytes = sizes[k];
        struct tram_compile_options o = {.inflight = 2};
        struct tram_graph *g = new_graph();
        struct tram_node in = tram_graph_input(g, bytes);
        struct tram_node n = tram_graph_bind(g, a[0], "pass", in);
        n = tram_graph_bind(g, a[0], "pass", n);
        struct tram_node copied = tram_graph_bind(g, a[0], "echo", n);
        copied = tram_graph_bind(g, a[0], "pass", copied);
        n = tram_graph_bind(g, a[1], "pass", n);
        tram_graph_output(g, tram_graph_bind(g, a[1], "echo", n));
        tram_graph_output(g, copied);
        struct tram_compiled *x = compiled(g, &o);
        struct tram_ref refs[2][2];
        unsigned char data[9000], got[9000];
        for (uint64_t i = 0; i < 60; i++) {
            for (uint64_t out = 0; i >= 2 && out < 2; out++) {
                size_t size;
                OK(tram_get(&refs[i % 2][out], got, sizeof got, &size, 10));
                assert_int_equal(size, bytes);
                assert_true(test_filled(got, bytes, i - 2));
            }
            test_fill(data, bytes, i);
            OK(tram_execute(x, data, bytes, refs[i % 2]));
        }
        OK(tram_teardown(x));
    }
}

/* ---- shapes ----------------------------------------------------------------------------------------------
 */

static void scatter_and_gather(void **state) {
    (void)state;
    struct tram_graph *g = new_graph();
    struct tram_node in = tram_graph_input(g, 16), parts[3];
    for (size_t i = 0; i < 3; i++) {
        parts[i] = tram_graph_bind(g, a[i], "tag", in);
        tram_graph_limit(g, parts[i], 32);
    }
    struct tram_node all = tram_graph_bind(g, a[0], "join", parts[0], parts[1], parts[2]);
    tram_graph_limit(g, all, 100);
    tram_graph_output(g, all);
    tram_graph_output(g, parts[1]);
    struct tram_compiled *x = compiled(g, NULL);
    for (int i = 0; i < 50; i++) {
        struct tram_ref refs[2];
        OK(tram_execute(x, "-", 1, refs));
        expect(&refs[i % 2 ? 0 : 1], i % 2 ? "-ann-bob-cat" : "-bob");
        expect(&refs[i % 2 ? 1 : 0], i % 2 ? "-bob" : "-ann-bob-cat");
    }
    OK(tram_teardown(x));
}

/* One output is fetched, the other one given up or kept: each counts for the window. */
static void two_outputs(void **state) {
    (void)state;
    struct tram_compile_options o = {.inflight = 2};
    struct tram_graph *g = new_graph();
    struct tram_node in = tram_graph_input(g, 16);
    tram_graph_output(g, tram_graph_bind(g, a[0], "tag", in));
    tram_graph_output(g, tram_graph_bind(g, a[1], "tag", in));
    struct tram_compiled *x = compiled(g, &o);
    struct tram_ref one[2], two[2], three[2];
    OK(tram_execute(x, "1", 1, one));
    OK(tram_execute(x, "2", 1, two));
    expect(&two[0], "2ann");
    expect(&two[1], "2bob");
    expect(&one[1], "1bob");
    FAILS(tram_execute(x, "3", 1, three), TRAM_ERR_FULL); /* one[0] holds the window */
    SAYS("execution 1 ");
    FAILS(tram_get(&two[1], NULL, 0, NULL, 1), TRAM_ERR_CONSUMED);
    OK(tram_release(&one[0]));
    OK(tram_execute(x, "3", 1, three));
    expect(&three[1], "3bob");
    expect(&three[0], "3ann");
    OK(tram_teardown(x));
}

static void actor_twice(void **state) {
    (void)state;
    struct tram_graph *g = new_graph();
    struct tram_node n = tram_graph_input(g, 100);
    n = tram_graph_bind(g, a[0], "tag", n);
    n = tram_graph_bind(g, a[1], "tag", n);
    n = tram_graph_bind(g, a[0], "tag", n);
    n = tram_graph_bind(g, a[0], "tag", n);
    tram_graph_output(g, n);
    struct tram_compiled *x = compiled(g, NULL);
    struct tram_ref refs[10];
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < 10; i++)
            OK(tram_execute(x, "0123456789" + i, 1, &refs[i]));
        for (int i = 0; i < 10; i++) {
            char text[32] = {(char)('0' + i)};
            strcat(text, "annbobannann");
            expect(&refs[i], text);
        }
    }
    OK(tram_teardown(x));
}

/* A task that no output needs still runs, and still bounds the window. */
static void dead_end(void **state) {
    (void)state;
    struct tram_compile_options o = {.inflight = 2};
    struct tram_graph *g = new_graph();
    struct tram_node in = tram_graph_input(g, 5000);
    tram_graph_bind(g, a[1], "echo", in);
    tram_graph_output(g, tram_graph_bind(g, a[0], "echo", in));
    struct tram_compiled *x = compiled(g, &o);
    for (uint64_t i = 0; i < 100; i++)
        test_echo_execute(x, 5000, i);
    OK(tram_teardown(x));
}

/* ---- several graphs --------------------------------------------------------------------------------------
 */

struct runner {
    struct tram_compiled *x;
    uint64_t seed;
    int wrong;
};

static void *run_many(void *arg) {
    struct runner *r = arg;
    for (uint64_t i = 0; i < 300; i++) {
        unsigned char data[700], got[700];
        struct tram_ref ref;
        test_fill(data, sizeof data, r->seed + i);
        r->wrong += tram_execute(r->x, data, sizeof data, &ref) != TRAM_OK;
        r->wrong += tram_get(&ref, got, sizeof got, NULL, 10) != TRAM_OK;
        r->wrong += !test_filled(got, sizeof got, r->seed + i);
    }
    return NULL;
}

/* Two graphs over the same actors, used from one thread in turn and then from two threads at once. */
static void two_graphs(void **state) {
    (void)state;
    struct runner r[2] = {{.seed = 1}, {.seed = 1000}};
    pthread_t threads[2];
    struct tram_actor *backwards[] = {a[2], a[1], a[0]};
    r[0].x = test_chain(700, NULL, "echo", 3, a);
    r[1].x = test_chain(700, NULL, "maybe", 3, backwards);
    for (uint64_t i = 0; i < 50; i++)
        test_echo_execute(r[i % 2].x, 700, i);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run_many, &r[i]), 0);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(r[0].wrong + r[1].wrong, 0);
    OK(tram_teardown(r[0].x));
    test_echo_execute(r[1].x, 700, 9); /* the other goes on */
    OK(tram_teardown(r[1].x));
}

/* A graph is compiled once and stays as it was then; the compiled one lives on without it. */
static void a_compiled_graph_is_frozen(void **state) {
    (void)state;
    struct tram_graph *g = new_graph();
    struct tram_compiled *x = NULL, *y = NULL;
    struct tram_ref r;
    struct tram_node n = tram_graph_bind(g, a[0], "tag", tram_graph_input(g, 32));
    tram_graph_output(g, n);
    OK(tram_graph_compile(g, NULL, &x));
    FAILS(tram_graph_compile(g, NULL, &y), TRAM_ERR_INVALID);
    SAYS("the graph was compiled already");
    tram_graph_output(g, tram_graph_bind(g, a[1], "tag", n));
    SAYS("takes no changes");
    FAILS(tram_graph_compile(g, NULL, &y), TRAM_ERR_INVALID);
    tram_graph_limit(g, n, 5);
    SAYS("takes no changes");
    OK(tram_graph_run(g, "x", 1, &r)); /* it is as it was */
    expect(&r, "xann");
    tram_graph_destroy(g);
    for (int i = 0; i < 30; i++) {
        OK(tram_execute(x, "x", 1, &r));
        expect(&r, "xann");
    }
    OK(tram_teardown(x));
}

/* Its plan is larger than what a link receives at once. */
static void a_very_long_chain(void **state) {
    (void)state;
    enum { TASKS = 4000 };
    struct tram_graph *g = new_graph();
    struct tram_compiled *x;
    struct tram_ref r;
    struct tram_node n = tram_graph_input(g, 32);
    for (int i = 0; i < TASKS; i++)
        n = tram_graph_bind(g, a[i % 2], "echo", n);
    tram_graph_output(g, n);
    OK(tram_graph_compile(g, NULL, &x));
    tram_graph_destroy(g);
    OK(tram_execute(x, "far", 3, &r));
    expect(&r, "far");
    OK(tram_teardown(x));
}

/* A part that no task takes can be filled in like the others. */
static void an_unread_part_is_lent(void **state) {
    (void)state;
    struct tram_graph *g = new_graph();
    struct tram_compiled *x;
    struct tram_ref r;
    struct tram_node in = tram_graph_input(g, 32);
    size_t sizes[2] = {3, 100000};
    void *parts[2];
    tram_graph_input(g, 100000);
    tram_graph_output(g, tram_graph_bind(g, a[0], "echo", in));
    OK(tram_graph_compile(g, NULL, &x));
    tram_graph_destroy(g);
    OK(tram_execute_loan_parts(x, 2, sizes, parts));
    memcpy(parts[0], "abc", 3);
    memset(parts[1], 1, sizes[1]);
    OK(tram_execute_commit_parts(x, 2, sizes, &r));
    expect(&r, "abc");
    OK(tram_teardown(x));
}

static void calls_while_a_graph_runs(void **state) {
    (void)state;
    struct tram_compiled *x = test_chain(64, NULL, "obey", 1, &a[0]);
    struct test_order_bytes o = {.order = DO_SLEEP, .ms = 300};
    struct tram_ref r;
    OK(tram_execute(x, &o, sizeof o, &r));
    for (uint64_t i = 0; i < 20; i++)
        test_echo_call(a[0], "echo", 1000, i); /* served while the graph's task sleeps */
    FAILS(tram_get(&r, &o, sizeof o, NULL, 0), TRAM_ERR_TIMED_OUT);
    OK(tram_get(&r, &o, sizeof o, NULL, 20));
    for (uint64_t i = 0; i < 50; i++) {
        test_echo_execute(x, 64, 3 * (i % 20)); /* no byte of these patterns is an order */
        test_echo_call(a[0], "pass", 5000, i);
    }
    OK(tram_teardown(x));
}

int main(int argc, char **argv) {
    if (tram_init(&argc, &argv, test_classes, &test_runtime) != TRAM_OK)
        return 1;
    a[0] = test_actor("ann");
    a[1] = test_actor("bob");
    a[2] = test_actor("cat");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chain),
        cmocka_unit_test(failure_in_a_chain),
        cmocka_unit_test(forward_copies_nothing),
        cmocka_unit_test(forwarded_slot_is_not_reused),
        cmocka_unit_test(forward_pipelined),
        cmocka_unit_test(forward_to_some),
        cmocka_unit_test(forward_undeclared),
        cmocka_unit_test(forward_inside_an_actor),
        cmocka_unit_test(scatter_and_gather),
        cmocka_unit_test(two_outputs),
        cmocka_unit_test(actor_twice),
        cmocka_unit_test(dead_end),
        cmocka_unit_test(two_graphs),
        cmocka_unit_test(a_compiled_graph_is_frozen),
        cmocka_unit_test(a_very_long_chain),
        cmocka_unit_test(an_unread_part_is_lent),
        cmocka_unit_test(calls_while_a_graph_runs),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tram_fini(test_runtime);
    return failed;
}
