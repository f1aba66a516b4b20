/* SPDX-License-Identifier: Apache-2.0
 *
 * Actors and ordinary calls, through the public header.
 */
#include "testing.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct tram_actor *actor; /* shared by the tests that leave it as it was */

/* ---- actors ----------------------------------------------------------------------------------------------
 */

static void names_and_pids(void **state) {
    (void)state;
    struct tram_actor *a, *b;
    struct tram_ref r;
    char got[64];
    size_t n;
    OK(tram_actor_create(test_runtime, "Test", NULL, &a));
    assert_non_null(strstr(tram_actor_name(a), "Test#"));
    b = test_actor("beth");
    assert_string_equal(tram_actor_name(b), "beth");
    assert_int_not_equal(tram_actor_pid(a), tram_actor_pid(b));
    assert_int_equal(kill(tram_actor_pid(a), 0), 0);
    OK(tram_call(b, "tag", "I am ", 5, &r));
    OK(tram_get(&r, got, sizeof got, &n, 10));
    assert_int_equal(n, 9);
    assert_memory_equal(got, "I am beth", 9);
    OK(tram_call(a, "tag", "", 0, &r)); /* without arguments the tag is empty */
    OK(tram_get(&r, got, sizeof got, &n, 10));
    assert_int_equal(n, 0);
    tram_actor_destroy(a);
    tram_actor_destroy(b);
}

static void create_fails(void **state) {
    (void)state;
    struct tram_actor *a = NULL;
    struct tram_actor_options bad = {.args = "bad", .args_size = 3};
    FAILS(tram_actor_create(test_runtime, "Test", &bad, &a), TRAM_ERR_TASK);
    SAYS("Test");
    SAYS("7");
    FAILS(tram_actor_create(test_runtime, "Nobody", NULL, &a), TRAM_ERR_NOT_FOUND);
    SAYS("'Nobody'");
    struct tram_actor_options large = {.args = "x", .args_size = 64 * 1024 + 1};
    FAILS(tram_actor_create(test_runtime, "Test", &large, &a), TRAM_ERR_TOO_LARGE);
    SAYS("65537");
    struct tram_actor_options nowhere = {.cpu = 100000};
    FAILS(tram_actor_create(test_runtime, "Test", &nowhere, &a), TRAM_ERR_INVALID);
    SAYS("99999");
    assert_null(a);
    test_echo_call(actor, "echo", 100, 1); /* the others go on */
}

static void destroy_runs_the_class(void **state) {
    (void)state;
    char path[] = "/tmp/tramline-farewell-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    struct tram_actor *a;
    struct tram_actor_options o = {.args = path, .args_size = strlen(path)};
    OK(tram_actor_create(test_runtime, "Farewell", &o, &a));
    int pid = tram_actor_pid(a);
    assert_int_equal(access(path, F_OK), 0);
    tram_actor_destroy(a);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(kill(pid, 0), -1);
    assert_int_equal(errno, ESRCH);
    tram_actor_destroy(a); /* once is enough, twice does no harm */
}

static void calls_to_a_destroyed_actor(void **state) {
    (void)state;
    struct tram_actor *a = test_actor("gone");
    struct test_order_bytes hang = {.order = DO_HANG};
    struct tram_ref pending, none;
    OK(tram_call(a, "obey", &hang, sizeof hang, &pending));
    uint64_t start = test_now_ns();
    tram_actor_destroy(a); /* it hangs: killed after 2 s */
    assert_true(test_now_ns() - start < 8000000000u);
    FAILS(tram_get(&pending, NULL, 0, NULL, 5), TRAM_ERR_PEER_DEAD);
    assert_string_equal(tram_last_error()->actor, "gone");
    FAILS(tram_call(a, "echo", "x", 1, &none), TRAM_ERR_PEER_DEAD);
    assert_string_equal(tram_last_error()->actor, "gone");
    SAYS("tram_actor_destroy");
}

/* ---- calls -----------------------------------------------------------------------------------------------
 */

static void sizes(void **state) {
    (void)state;
    static const size_t list[] = {0,     1,     7,     8,       9,        4095,   4096,  4097,
                                  65535, 65536, 65537, 1 << 20, 40 << 20, 262144, 100003};
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        test_echo_call(actor, "echo", list[i], i);
        test_echo_call(actor, "pass", list[i], i + 100);
    }
}

static void large_one_way(void **state) {
    (void)state;
    enum { BYTES = 40 << 20 };
    uint64_t bytes = BYTES, got = 0;
    struct tram_ref r;
    struct tram_bytes lent;
    OK(tram_call(actor, "grow", &bytes, sizeof bytes, &r));
    OK(tram_get_borrow(&r, &lent, 30));
    assert_int_equal(lent.size, BYTES);
    assert_true(test_filled(lent.data, lent.size, BYTES));
    OK(tram_release(&r));
    void *out = calloc(1, BYTES);
    OK(tram_call(actor, "size", out, BYTES, &r));
    OK(tram_get(&r, &got, sizeof got, NULL, 30));
    assert_int_equal(got, BYTES);
    free(out);
}

static void order_and_any_order(void **state) {
    (void)state;
    enum { N = 600 }; /* more than one chunk of futures */
    static struct tram_ref refs[N];
    uint64_t v, before, after;
    struct tram_ref r;
    OK(tram_call(actor, "calls", "", 0, &r));
    OK(tram_get(&r, &before, sizeof before, NULL, 10));
    for (uint64_t i = 0; i < N; i++)
        OK(tram_call(actor, "echo", &i, sizeof i, &refs[i]));
    OK(tram_call(actor, "calls", "", 0, &r)); /* behind them all */
    OK(tram_get(&r, &after, sizeof after, NULL, 10));
    assert_int_equal(after - before, N);
    for (uint64_t k = 0; k < N; k++) {
        uint64_t i = (k * 7) % N;
        OK(tram_get(&refs[i], &v, sizeof v, NULL, 10));
        assert_int_equal(v, i);
    }
}

/* Neither side can take in all the other sends before it has sent its own. */
static void both_ways_at_once(void **state) {
    (void)state;
    enum { N = 64, BYTES = 1 << 20 };
    static struct tram_ref refs[N];
    unsigned char *out = malloc(BYTES), *in = malloc(BYTES);
    size_t n;
    for (uint64_t i = 0; i < N; i++) {
        test_fill(out, BYTES, i);
        OK(tram_call(actor, "echo", out, BYTES, &refs[i]));
    }
    for (uint64_t i = N; i-- > 0;) {
        OK(tram_get(&refs[i], in, BYTES, &n, 30));
        assert_int_equal(n, BYTES);
        assert_true(test_filled(in, BYTES, i));
    }
    free(out);
    free(in);
}

static void method_fails(void **state) {
    (void)state;
    struct tram_ref r;
    OK(tram_call(actor, "obey", "f", 1, &r));
    FAILS(tram_get(&r, NULL, 0, NULL, 10), TRAM_ERR_TASK);
    const struct tram_error *e = tram_last_error();
    assert_int_equal(e->code, 42);
    assert_int_equal(e->execution, 0);
    assert_string_equal(e->actor, "main");
    assert_string_equal(e->method, "obey");
    SAYS("asked to fail");
    FAILS(tram_get(&r, NULL, 0, NULL, 10), TRAM_ERR_CONSUMED);
    OK(tram_call(actor, "sneak", "x", 1, &r));
    FAILS(tram_get(&r, NULL, 0, NULL, 10), TRAM_ERR_TASK);
    SAYS("forwards");
    test_echo_call(actor, "echo", 10, 3);
}

static void unknown_method(void **state) {
    (void)state;
    struct tram_ref r = {0};
    FAILS(tram_call(actor, "sing", "x", 1, &r), TRAM_ERR_NOT_FOUND);
    SAYS("'sing'");
    SAYS("Test");
    assert_null(r.source);
}

static void timeout_then_success(void **state) {
    (void)state;
    struct test_order_bytes o = {.order = DO_SLEEP, .ms = 200};
    struct tram_ref r;
    size_t n;
    OK(tram_call(actor, "obey", &o, sizeof o, &r));
    FAILS(tram_get(&r, &o, sizeof o, &n, 0), TRAM_ERR_TIMED_OUT);
    FAILS(tram_get(&r, &o, sizeof o, &n, 0.02), TRAM_ERR_TIMED_OUT);
    assert_string_equal(tram_last_error()->actor, "main");
    SAYS("obey");
    OK(tram_get(&r, &o, sizeof o, &n, 20));
    assert_int_equal(n, sizeof o);
}

static void too_small_a_buffer(void **state) {
    (void)state;
    struct tram_ref r;
    char got[8];
    size_t n;
    OK(tram_call(actor, "echo", "12345678", 8, &r));
    FAILS(tram_get(&r, got, 7, &n, 10), TRAM_ERR_TOO_LARGE);
    SAYS("8 bytes");
    SAYS("7");
    OK(tram_get(&r, got, 8, &n, 10)); /* the reference stayed good */
    assert_memory_equal(got, "12345678", 8);
}

static void released_early(void **state) {
    (void)state;
    struct test_order_bytes o = {.order = DO_SLEEP, .ms = 50};
    for (int i = 0; i < 20; i++) { /* futures are used again, while replies to their former use arrive */
        struct tram_ref r, s;
        o.ms = i == 0 ? 50 : 1;
        OK(tram_call(actor, "obey", &o, sizeof o, &r));
        struct tram_ref copy = r;
        OK(tram_release(&r));
        FAILS(tram_release(&r), TRAM_ERR_CONSUMED);
        FAILS(tram_get(&copy, NULL, 0, NULL, 10), TRAM_ERR_CONSUMED);
        OK(tram_call(actor, "echo", &i, sizeof i, &s));
        int v = -1;
        OK(tram_get(&s, &v, sizeof v, NULL, 10));
        assert_int_equal(v, i);
    }
}

static void fetched_twice(void **state) {
    (void)state;
    struct tram_ref r, copy, empty = {0};
    struct tram_bytes lent;
    char got[8];
    OK(tram_call(actor, "echo", "once", 4, &r));
    copy = r;
    OK(tram_get(&r, got, sizeof got, NULL, 10));
    FAILS(tram_get(&r, got, sizeof got, NULL, 10), TRAM_ERR_CONSUMED);
    FAILS(tram_get(&copy, got, sizeof got, NULL, 10), TRAM_ERR_CONSUMED);
    FAILS(tram_get(&copy, got, sizeof got, NULL, 10), TRAM_ERR_CONSUMED);
    OK(tram_call(actor, "echo", "lent", 4, &r));
    copy = r;
    OK(tram_get_borrow(&r, &lent, 10));
    OK(tram_get_borrow(&r, &lent, 10)); /* lent again, the same bytes */
    assert_memory_equal(lent.data, "lent", 4);
    OK(tram_release(&r));
    FAILS(tram_release(&copy), TRAM_ERR_CONSUMED);
    FAILS(tram_get(&empty, got, sizeof got, NULL, 10), TRAM_ERR_CONSUMED);
    FAILS(tram_get_borrow(&empty, &lent, 10), TRAM_ERR_CONSUMED);
    FAILS(tram_release(&empty), TRAM_ERR_CONSUMED);
}

static void actors_do_not_wait_for_each_other(void **state) {
    (void)state;
    struct tram_actor *slow = test_actor("slow");
    struct test_order_bytes o = {.order = DO_SLEEP, .ms = 300};
    struct tram_ref r;
    OK(tram_call(slow, "obey", &o, sizeof o, &r));
    for (int i = 0; i < 50; i++)
        test_echo_call(actor, "echo", 64, (uint64_t)i);
    FAILS(tram_get(&r, &o, sizeof o, NULL, 0), TRAM_ERR_TIMED_OUT);
    OK(tram_get(&r, &o, sizeof o, NULL, 20));
    tram_actor_destroy(slow);
}

/* A second runtime in one process, under each waiting policy. */
static void waiting_policies(void **state) {
    (void)state;
    static const enum tram_wait list[] = {TRAM_WAIT_BLOCK, TRAM_WAIT_SPIN};
    for (size_t i = 0; i < 2; i++) {
        struct tram *t;
        struct tram_actor *a;
        struct tram_options o = {.wait = list[i]};
        OK(tram_init_with(NULL, NULL, test_classes, &o, &t));
        OK(tram_actor_create(t, "Test", NULL, &a));
        for (int k = 0; k < 30; k++)
            test_echo_call(a, "echo", (size_t)k * 300, (uint64_t)k);
        tram_fini(t);
    }
    struct tram *t = NULL;
    struct tram_options o = {.wait = (enum tram_wait)17}, worker = {.worker = "/nowhere/worker"};
    FAILS(tram_init_with(NULL, NULL, test_classes, &o, &t), TRAM_ERR_INVALID);
    FAILS(tram_init_with(NULL, NULL, test_classes, &worker, &t), TRAM_ERR_SYSTEM);
    SAYS("/nowhere/worker");
    assert_null(t);
}

/* Another executable serves the actors, as for a library or another language; here it is this one by its path. */
static void another_worker(void **state) {
    (void)state;
    char path[4096];
    struct tram *t;
    struct tram_actor *a = NULL;
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    assert_true(n > 0);
    path[n] = '\0';
    struct tram_options o = {.worker = path};
    OK(tram_init_with(NULL, NULL, NULL, &o, &t)); /* the driver knows no classes: the worker does */
    OK(tram_actor_create(t, "Test", NULL, &a));
    test_echo_call(a, "echo", 1000, 1);
    tram_fini(t);
    a = NULL;
    struct tram_options wrong = {.worker = "/bin/false"}; /* it does not call tram_init */
    OK(tram_init_with(NULL, NULL, test_classes, &wrong, &t));
    FAILS(tram_actor_create(t, "Test", NULL, &a), TRAM_ERR_PEER_DEAD);
    SAYS("/bin/false");
    FAILS(tram_actor_create(t, "Test", NULL, &a), TRAM_ERR_PEER_DEAD);
    assert_null(a);
    tram_fini(t);
}

int main(int argc, char **argv) {
    if (test_init(&argc, &argv, test_classes, &test_runtime) != TRAM_OK)
        return 1;
    actor = test_actor("main");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_pids),
        cmocka_unit_test(create_fails),
        cmocka_unit_test(destroy_runs_the_class),
        cmocka_unit_test(calls_to_a_destroyed_actor),
        cmocka_unit_test(sizes),
        cmocka_unit_test(large_one_way),
        cmocka_unit_test(order_and_any_order),
        cmocka_unit_test(both_ways_at_once),
        cmocka_unit_test(method_fails),
        cmocka_unit_test(unknown_method),
        cmocka_unit_test(timeout_then_success),
        cmocka_unit_test(too_small_a_buffer),
        cmocka_unit_test(released_early),
        cmocka_unit_test(fetched_twice),
        cmocka_unit_test(actors_do_not_wait_for_each_other),
        cmocka_unit_test(waiting_policies),
        cmocka_unit_test(another_worker),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tram_fini(test_runtime);
    return failed;
}
