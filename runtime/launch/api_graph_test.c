/* SPDX-License-Identifier: Apache-2.0
 *
 * Compiled graphs over one actor: sizes, the in-flight window, loans, failures, mistakes in building.
 */
#include "testing.h"

#include <stdlib.h>
#include <string.h>

static struct tram_actor *actor;

static void sizes_around_the_slot(void **state) {
    (void)state;
    static const size_t limits[] = {1, 8, 103, 104, 105, 128, 4096, 4097, 1 << 20};
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        size_t limit = limits[i];
        struct tram_compiled *x = test_chain(limit, NULL, "echo", 1, &actor);
        static const size_t sizes[] = {0, 1, 7, 8, 103, 104, 105, 4095, 4096, 4097, 65537};
        for (uint64_t round = 0; round < 3; round++) {
            for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++)
                if (sizes[k] <= limit)
                    test_echo_execute(x, sizes[k], round + k);
            test_echo_execute(x, limit, round);
            test_echo_execute(x, limit - 1, round);
        }
        OK(tram_teardown(x));
    }
}

static void very_large(void **state) {
    (void)state;
    enum { BYTES = 40 << 20 };
    struct tram_compile_options o = {.inflight = 2};
    struct tram_compiled *x = test_chain(BYTES, &o, "echo", 1, &actor);
    for (uint64_t i = 0; i < 3; i++)
        test_echo_execute(x, BYTES - i * 4097, i);
    OK(tram_teardown(x));
}

static void input_too_large(void **state) {
    (void)state;
    struct tram_compiled *x = test_chain(104, NULL, "echo", 1, &actor);
    char data[106] = "";
    struct tram_ref r = {0};
    void *buffer = NULL;
    FAILS(tram_execute(x, data, 105, &r), TRAM_ERR_TOO_LARGE);
    SAYS("105");
    SAYS("104");
    FAILS(tram_execute_loan(x, 105, &buffer), TRAM_ERR_TOO_LARGE);
    assert_null(r.source);
    assert_null(buffer);
    test_echo_execute(x, 104, 1);
    OK(tram_teardown(x));
}

/* The result is larger than the edge that carries it, be it in a slot, an extent or inside the actor. */
static void result_too_large(void **state) {
    (void)state;
    static const uint64_t limits[] = {16, 104, 4096};
    for (size_t i = 0; i < 3; i++) {
        for (int local = 0; local < 2; local++) {
            struct tram_graph *g;
            struct tram_compiled *x;
            struct tram_ref r;
            uint64_t ask = limits[i] + 1, got;
            char size[32];
            OK(tram_graph_create(test_runtime, &g));
            struct tram_node n = tram_graph_bind(g, actor, "grow", tram_graph_input(g, 8));
            tram_graph_limit(g, n, limits[i]);
            struct tram_node out = local ? tram_graph_bind(g, actor, "size", n) : n;
            tram_graph_output(g, out);
            OK(tram_graph_compile(g, NULL, &x));
            tram_graph_destroy(g);
            OK(tram_execute(x, &ask, sizeof ask, &r));
            FAILS(tram_get(&r, NULL, 0, NULL, 10), TRAM_ERR_TASK);
            snprintf(size, sizeof size, "%llu", (unsigned long long)ask);
            SAYS(size);
            snprintf(size, sizeof size, "%llu", (unsigned long long)limits[i]);
            SAYS(size);
            assert_string_equal(tram_last_error()->actor, "main");
            assert_string_equal(tram_last_error()->method, "grow");
            assert_int_equal(tram_last_error()->execution, 1);
            ask = limits[i]; /* and on it goes */
            unsigned char buffer[4096];
            size_t bytes;
            OK(tram_execute(x, &ask, sizeof ask, &r));
            OK(tram_get(&r, buffer, sizeof buffer, &bytes, 10));
            if (local) {
                memcpy(&got, buffer, sizeof got);
                assert_int_equal(got, ask);
            } else {
                assert_int_equal(bytes, ask);
                assert_true(test_filled(buffer, ask, ask));
            }
            OK(tram_teardown(x));
        }
    }
}

static void results_in_any_order(void **state) {
    (void)state;
    static const uint32_t limits[] = {1, 2, 7, 64};
    for (size_t k = 0; k < sizeof limits / sizeof limits[0]; k++) {
        uint32_t inflight = limits[k];
        struct tram_compile_options o = {.inflight = inflight};
        struct tram_compiled *x = test_chain(200, &o, "echo", 1, &actor);
        struct tram_ref refs[64], more = {0};
        unsigned char data[200], got[200];
        for (uint64_t round = 0; round < 5; round++) {
            for (uint32_t i = 0; i < inflight; i++) {
                test_fill(data, sizeof data, round * 100 + i);
                OK(tram_execute(x, data, sizeof data, &refs[i]));
            }
            FAILS(tram_execute(x, data, sizeof data, &more), TRAM_ERR_FULL);
            assert_null(more.source);
            for (uint32_t j = 0; j < inflight; j++) {
                uint32_t i = (j * 5 + (uint32_t)round) % inflight; /* 5 shares no factor with any of them */
                size_t n;
                OK(tram_get(&refs[i], got, sizeof got, &n, 10));
                assert_int_equal(n, sizeof got);
                assert_true(test_filled(got, sizeof got, round * 100 + i));
                FAILS(tram_get(&refs[i], got, sizeof got, &n, 10), TRAM_ERR_CONSUMED);
            }
        }
        OK(tram_teardown(x));
    }
}

static void released_unread(void **state) {
    (void)state;
    struct tram_compile_options o = {.inflight = 3};
    struct tram_compiled *x = test_chain(5000, &o, "echo", 1, &actor);
    struct tram_ref r, copy;
    char data[5000] = "";
    for (int i = 0; i < 100; i++) { /* many more than there are slots */
        OK(tram_execute(x, data, sizeof data, &r));
        copy = r;
        OK(tram_release(&r));
        FAILS(tram_release(&r), TRAM_ERR_CONSUMED);
        FAILS(tram_get(&copy, data, sizeof data, NULL, 10), TRAM_ERR_CONSUMED);
    }
    test_echo_execute(x, 5000, 1);
    OK(tram_teardown(x));
}

static void a_borrow_holds_the_window(void **state) {
    (void)state;
    struct tram_compile_options o = {.inflight = 4};
    struct tram_compiled *x = test_chain(4096, &o, "echo", 1, &actor);
    struct tram_ref refs[4], held;
    struct tram_bytes lent;
    unsigned char data[4096];
    test_echo_execute(x, 4096, 1);
    test_fill(data, sizeof data, 77);
    OK(tram_execute(x, data, sizeof data, &held)); /* execution 2 */
    OK(tram_get_borrow(&held, &lent, 10));
    for (int i = 0; i < 3; i++) {
        test_fill(data, sizeof data, (uint64_t)i);
        OK(tram_execute(x, data, sizeof data, &refs[i]));
        OK(tram_get(&refs[i], data, sizeof data, NULL, 10));
    }
    FAILS(tram_execute(x, data, sizeof data, &refs[3]), TRAM_ERR_FULL);
    SAYS("execution 2 ");
    assert_int_equal(lent.size, 4096);
    assert_true(test_filled(lent.data, lent.size, 77)); /* nothing overwrote it */
    OK(tram_release(&held));
    for (uint64_t i = 0; i < 20; i++)
        test_echo_execute(x, 4096, i);
    OK(tram_teardown(x));
}

static void loan_and_commit(void **state) {
    (void)state;
    static const size_t limits[] = {64, 104, 105, 100000};
    for (size_t k = 0; k < 4; k++) {
        struct tram_compiled *x = test_chain(limits[k], NULL, "echo", 1, &actor);
        struct tram_ref r = {0};
        unsigned char *got = malloc(limits[k]);
        void *room;
        size_t n;
        FAILS(tram_execute_commit(x, 1, &r), TRAM_ERR_INVALID);
        for (uint64_t i = 0; i < 30; i++) {
            size_t size = i % 3 ? limits[k] : limits[k] / 2;
            OK(tram_execute_loan(x, limits[k], &room));
            test_fill(room, size, i);
            FAILS(tram_execute_commit(x, limits[k] + 1, &r), TRAM_ERR_TOO_LARGE);
            OK(tram_execute_commit(x, size, &r));
            FAILS(tram_execute_commit(x, size, &r), TRAM_ERR_INVALID);
            OK(tram_get(&r, got, limits[k], &n, 10));
            assert_int_equal(n, size);
            assert_true(test_filled(got, size, i));
        }
        OK(tram_execute_loan(x, 1, &room)); /* a loan that is never committed is no execution */
        test_echo_execute(x, limits[k], 5);
        struct tram_stats s;
        OK(tram_compiled_stats(x, &s));
        assert_int_equal(s.executions, 31);
        free(got);
        OK(tram_teardown(x));
    }
}

static void small_buffers_and_timeouts(void **state) {
    (void)state;
    struct tram_compiled *x = test_chain(64, NULL, "obey", 1, &actor);
    struct test_order_bytes o = {.order = DO_SLEEP, .ms = 200};
    struct tram_ref r, s;
    size_t n;
    OK(tram_execute(x, &o, sizeof o, &r));
    FAILS(tram_get(&r, &o, sizeof o, &n, 0), TRAM_ERR_TIMED_OUT);
    FAILS(tram_get(&r, &o, sizeof o, &n, 0.02), TRAM_ERR_TIMED_OUT);
    assert_string_equal(tram_last_error()->actor, "main");
    assert_int_equal(tram_last_error()->execution, 1);
    OK(tram_execute(x, "n234567", 7, &s));
    OK(tram_get(&r, &o, sizeof o, &n, 20));
    FAILS(tram_get(&s, &o, 6, &n, 10), TRAM_ERR_TOO_LARGE);
    OK(tram_get(&s, &o, 7, &n, 10));
    assert_memory_equal(&o, "n234567", 7);
    OK(tram_teardown(x));
}

static void failing_method(void **state) {
    (void)state;
    static const size_t limits[] = {8, 64, 4096}; /* smaller than the text, larger, beyond the slot */
    for (size_t k = 0; k < 3; k++) {
        struct tram_compiled *x = test_chain(limits[k], NULL, "obey", 1, &actor);
        struct tram_ref refs[9];
        char got[4096];
        for (int i = 0; i < 9; i++)
            OK(tram_execute(x, i % 3 == 1 ? "f" : "n", 1, &refs[i]));
        for (uint64_t i = 0; i < 9; i++) {
            struct tram_ref copy = refs[i];
            if (i % 3 != 1) {
                OK(tram_get(&refs[i], got, sizeof got, NULL, 10));
                continue;
            }
            FAILS(tram_get(&refs[i], got, sizeof got, NULL, 10), TRAM_ERR_TASK);
            assert_int_equal(tram_last_error()->code, 42);
            assert_int_equal(tram_last_error()->execution, i + 1);
            assert_string_equal(tram_last_error()->actor, "main");
            assert_string_equal(tram_last_error()->method, "obey");
            SAYS("asked to fail");
            FAILS(tram_get(&copy, got, sizeof got, NULL, 10), TRAM_ERR_CONSUMED);
        }
        test_echo_execute(x, 1, 0);
        OK(tram_teardown(x));
    }
}

/* ---- mistakes in building ------------------------------------------------------------------------------- */

static struct tram_graph *new_graph(void) {
    struct tram_graph *g;
    OK(tram_graph_create(test_runtime, &g));
    return g;
}

static void refused(struct tram_graph *g, int status, const char *says) {
    struct tram_compiled *x = NULL;
    FAILS(tram_graph_compile(g, NULL, &x), status);
    SAYS(says);
    FAILS(tram_graph_compile(g, NULL, &x), status); /* the mistake stays with the graph */
    assert_null(x);
    tram_graph_destroy(g);
}

static void mistakes(void **state) {
    (void)state;
    struct tram_graph *g = new_graph(), *other = new_graph();
    struct tram_node foreign = tram_graph_input(other, 8);
    tram_graph_output(g, tram_graph_bind(g, actor, "echo", foreign));
    refused(g, TRAM_ERR_INVALID, "another graph");
    tram_graph_destroy(other);

    g = new_graph();
    tram_graph_bind(g, actor, "echo", tram_graph_input(g, 8));
    refused(g, TRAM_ERR_INVALID, "no output");

    g = new_graph();
    tram_graph_output(g, tram_graph_bind(g, actor, "sing", tram_graph_input(g, 8)));
    refused(g, TRAM_ERR_NOT_FOUND, "'sing'");

    g = new_graph();
    struct tram_node in = tram_graph_input(g, 8);
    tram_graph_output(g, in);
    refused(g, TRAM_ERR_INVALID, "output");

    g = new_graph();
    tram_graph_output(g, tram_graph_bind(g, actor, "echo", tram_graph_input(g, 0)));
    refused(g, TRAM_ERR_INVALID, "0 bytes");
}

static void actor_of_another_runtime(void **state) {
    (void)state;
    struct tram *t;
    struct tram_actor *stranger;
    OK(tram_init(NULL, NULL, test_classes, &t));
    struct tram_actor_options o = {.name = "stranger"};
    OK(tram_actor_create(t, "Test", &o, &stranger));
    struct tram_graph *g = new_graph();
    tram_graph_output(g, tram_graph_bind(g, stranger, "echo", tram_graph_input(g, 8)));
    refused(g, TRAM_ERR_INVALID, "stranger");
    tram_fini(t);
}

static void bad_compile_options(void **state) {
    (void)state;
    struct tram_graph *g = new_graph();
    struct tram_compiled *x = NULL;
    tram_graph_output(g, tram_graph_bind(g, actor, "echo", tram_graph_input(g, 8)));
    struct tram_compile_options many = {.inflight = TRAM_MAX_INFLIGHT + 1},
                                most = {.inflight = TRAM_MAX_INFLIGHT};
    FAILS(tram_graph_compile(g, &many, &x), TRAM_ERR_INVALID);
    SAYS("4097");
    SAYS("4096");
    struct tram_compile_options pigeon = {.channel = "pigeon"};
    int status = tram_graph_compile(g, &pigeon, &x);
    assert_true(status < 0);
    SAYS("pigeon");
    assert_null(x);
    OK(tram_graph_compile(g, &most, &x)); /* the same graph, once the options are good */
    test_echo_execute(x, 8, 1);
    OK(tram_teardown(x));
    tram_graph_destroy(g);
}

/* Memory that does not exist is refused before anything is touched: on a channel, and inside an actor. */
static void too_much_memory(void **state) {
    (void)state;
    for (int local = 0; local < 2; local++) {
        struct tram_graph *g = new_graph();
        struct tram_compiled *x = NULL;
        struct tram_compile_options o = {.inflight = local ? 1 : 1000};
        struct tram_node n = tram_graph_bind(g, actor, "echo", tram_graph_input(g, 64));
        tram_graph_limit(g, n, TRAM_MAX_BYTES);
        for (int i = 0; local && i < 200; i++) { /* results that never leave the actor: 800 GiB of them */
            n = tram_graph_bind(g, actor, "echo", n);
            tram_graph_limit(g, n, TRAM_MAX_BYTES);
        }
        if (local) {
            n = tram_graph_bind(g, actor, "size", n);
            tram_graph_limit(g, n, 8);
        }
        tram_graph_output(g, n);
        FAILS(tram_graph_compile(g, &o, &x), TRAM_ERR_NO_MEMORY);
        SAYS("main.echo");
        SAYS("4294967296");
        SAYS(local ? "1 x " : "1000 x ");
        if (!local)
            SAYS("input 1000 x 64");
        assert_null(x);
        tram_graph_destroy(g);
        test_echo_call(actor, "echo", 1000, 1); /* nobody died of it */
        x = test_chain(64, NULL, "echo", 1, &actor);
        test_echo_execute(x, 64, 1);
        OK(tram_teardown(x));
    }
}

int main(int argc, char **argv) {
    if (tram_init(&argc, &argv, test_classes, &test_runtime) != TRAM_OK)
        return 1;
    actor = test_actor("main");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_around_the_slot),
        cmocka_unit_test(very_large),
        cmocka_unit_test(input_too_large),
        cmocka_unit_test(result_too_large),
        cmocka_unit_test(results_in_any_order),
        cmocka_unit_test(released_unread),
        cmocka_unit_test(a_borrow_holds_the_window),
        cmocka_unit_test(loan_and_commit),
        cmocka_unit_test(small_buffers_and_timeouts),
        cmocka_unit_test(failing_method),
        cmocka_unit_test(mistakes),
        cmocka_unit_test(actor_of_another_runtime),
        cmocka_unit_test(bad_compile_options),
        cmocka_unit_test(too_much_memory),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tram_fini(test_runtime);
    return failed;
}
