/* SPDX-License-Identifier: Apache-2.0
 *
 * The end of compiled graphs: teardown, what is left usable after it, actors that are busy meanwhile.
 */
#include "testing.h"

#include <dirent.h>
#include <linux/sockios.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static struct tram_actor *a[2]; /* "ann", "bob" */

static void twice_and_after(void **state) {
    (void)state;
    struct tram_compiled *x = test_chain(64, NULL, "echo", 2, a);
    struct tram_ref r, other, copy;
    struct tram_bytes lent;
    struct tram_stats s;
    char data[64] = "";
    void *room;
    OK(tram_execute(x, data, 64, &r));
    OK(tram_execute(x, data, 64, &other));
    OK(tram_get_borrow(&other, &lent, 10));
    copy = r;
    OK(tram_compiled_stats(x, &s));
    assert_int_equal(s.executions, 2);
    assert_true(s.channel_bytes > 0 && s.compile_ns > 0);
    OK(tram_teardown(x)); /* with a result unread and another one lent */
    OK(tram_teardown(x));
    OK(tram_teardown_within(x, 0));
    FAILS(tram_get(&r, data, 64, NULL, 10), TRAM_ERR_TORN_DOWN);
    FAILS(tram_release(&other), TRAM_ERR_TORN_DOWN);
    FAILS(tram_get_borrow(&copy, &lent, 10), TRAM_ERR_TORN_DOWN);
    FAILS(tram_execute(x, data, 64, &r), TRAM_ERR_TORN_DOWN);
    FAILS(tram_execute_loan(x, 64, &room), TRAM_ERR_TORN_DOWN);
    FAILS(tram_execute_commit(x, 64, &r), TRAM_ERR_TORN_DOWN);
    FAILS(tram_compiled_stats(x, &s), TRAM_ERR_TORN_DOWN);
}

static void actors_are_reused(void **state) {
    (void)state;
    for (uint64_t i = 0; i < 20; i++) {
        struct tram_compiled *x = test_chain(100 + 100 * i, NULL, i % 2 ? "echo" : "pass", 2, a);
        test_echo_execute(x, 100, i);
        OK(tram_teardown(x));
    }
    test_echo_call(a[0], "echo", 100, 1);
}

static void with_executions_in_flight(void **state) {
    (void)state;
    for (int i = 0; i < 30; i++) {
        struct tram_compiled *x = test_chain(3000, NULL, "echo", 2, a);
        struct tram_ref refs[10];
        char data[3000] = "";
        for (int k = 0; k < 10; k++)
            OK(tram_execute(x, data, sizeof data, &refs[k]));
        OK(tram_teardown(x));
    }
}

/* Often enough to meet a graph's thread that is interrupted just as it reports its end. */
static void many_lives(void **state) {
    (void)state;
    for (uint64_t i = 0; i < 600; i++) {
        struct tram_compiled *x = test_chain(i % 2 ? 100000 : 100, NULL, "echo", 2, a);
        test_echo_execute(x, 100, i);
        OK(tram_teardown_within(x, 10));
    }
}

/* A method that does not return holds the teardown up; the actor goes on serving calls and other graphs. */
static void with_a_method_stuck(void **state) {
    (void)state;
    struct tram_actor *order[] = {a[1], a[0]};
    struct tram_compiled *x = test_chain(64, NULL, "obey", 2, order), *y;
    struct test_order_bytes o = {.order = DO_SLEEP, .ms = 1000};
    struct tram_ref r;
    OK(tram_execute(x, &o, sizeof o, &r)); /* sleeps in bob, then in ann */
    test_pause_ms(100);
    FAILS(tram_teardown_within(x, 0.05), TRAM_ERR_TIMED_OUT);
    assert_string_equal(tram_last_error()->actor, "bob");
    SAYS("bob");
    test_echo_call(a[1], "echo", 64, 2);
    y = test_chain(64, NULL, "echo", 2, a);
    test_echo_execute(y, 64, 3);
    FAILS(tram_teardown_within(x, 0), TRAM_ERR_TIMED_OUT);
    OK(tram_teardown_within(x, 30));
    FAILS(tram_get(&r, NULL, 0, NULL, 1), TRAM_ERR_TORN_DOWN);
    test_echo_execute(y, 64, 4);
    OK(tram_teardown(y));
}

/* The late answer to a teardown that timed out must not be taken for the answer to what is asked next. */
static void late_answers(void **state) {
    (void)state;
    for (uint32_t i = 0; i < 8; i++) {
        struct tram_compiled *x = test_chain(64, NULL, "obey", 1, a), *y;
        struct test_order_bytes o = {.order = DO_SLEEP, .ms = 20};
        struct tram_ref r;
        OK(tram_execute(x, &o, sizeof o, &r));
        test_pause_ms(10);
        FAILS(tram_teardown_within(x, 0), TRAM_ERR_TIMED_OUT);
        test_pause_ms(7 + i % 4); /* about when the method returns */
        y = test_chain(64, NULL, "echo", 1, a);
        test_echo_execute(y, 64, i);
        OK(tram_teardown(x));
        OK(tram_teardown(y));
    }
}

/* tram_fini, too, is bounded with a method stuck in a graph and another one in a call. */
static void fini_with_methods_stuck(void **state) {
    (void)state;
    struct tram *t;
    struct tram_actor *stuck;
    struct tram_graph *g;
    struct tram_compiled *x;
    struct tram_ref r;
    OK(tram_init(NULL, NULL, test_classes, &t));
    OK(tram_actor_create(t, "Test", NULL, &stuck));
    for (int call = 0; call < 2; call++) {
        OK(tram_graph_create(t, &g));
        tram_graph_output(g, tram_graph_bind(g, stuck, "obey", tram_graph_input(g, 64)));
        OK(tram_graph_compile(g, NULL, &x));
        tram_graph_destroy(g);
        OK(tram_execute(x, "h", 1, &r));
    }
    OK(tram_call(stuck, "obey", "h", 1, &r));
    int pid = tram_actor_pid(stuck);
    uint64_t start = test_now_ns();
    tram_fini(t);
    assert_true(test_now_ns() - start < 8000000000u);
    for (int i = 0; i < 500 && kill(pid, 0) == 0; i++)
        test_pause_ms(10);
    assert_int_equal(kill(pid, 0), -1);
}

/* ---- what stays behind ----------------------------------------------------------------------------------- */

static int open_descriptors(int pid) {
    char path[64];
    int count = 0;
    snprintf(path, sizeof path, "/proc/%d/fd", pid);
    DIR *d = opendir(path);
    assert_non_null(d);
    while (readdir(d))
        count++;
    closedir(d);
    return count;
}

static int graph_mappings(int pid) {
    char path[64], line[512];
    int count = 0;
    snprintf(path, sizeof path, "/proc/%d/maps", pid);
    FILE *f = fopen(path, "re");
    assert_non_null(f);
    while (fgets(line, sizeof line, f))
        count += strstr(line, "memfd:tramline-graph") != NULL;
    fclose(f);
    return count;
}

/* Descriptors and mappings, here and in the actors, after graphs and actors have come and gone. */
static void nothing_is_left(void **state) {
    (void)state;
    int pids[] = {getpid(), tram_actor_pid(a[0]), tram_actor_pid(a[1])}, before[3];
    for (int i = 0; i < 3; i++)
        before[i] = open_descriptors(pids[i]);
    for (uint64_t round = 0; round < 20; round++) {
        struct tram_compiled *x = test_chain(10000, NULL, round % 2 ? "echo" : "pass", 2, a);
        test_echo_execute(x, 10000, round);
        assert_true(graph_mappings(pids[0]) > 0 && graph_mappings(pids[1]) > 0);
        OK(tram_teardown(x));
        struct tram_actor *third = test_actor("cyd");
        tram_actor_destroy(third);
        struct tram_actor_options bad = {.args = "bad", .args_size = 3};
        FAILS(tram_actor_create(test_runtime, "Test", &bad, &third), TRAM_ERR_TASK);
    }
    for (int i = 0; i < 3; i++) {
        assert_int_equal(open_descriptors(pids[i]), before[i]);
        assert_int_equal(graph_mappings(pids[i]), 0);
    }
}

/* ---- an actor that does not even read its socket --------------------------------------------------------- */

/* Bytes that wait in the fullest socket of this process, and what it takes. */
static bool socket_is_full(void) {
    for (int fd = 3; fd < 256; fd++) {
        int queued, room;
        socklen_t size = sizeof room;
        if (getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, &size) == 0 && ioctl(fd, SIOCOUTQ, &queued) == 0 &&
            queued >= room)
            return true;
    }
    return false;
}

/* Calls to an actor that stands still, until not a byte more would go in. */
static void fill_socket(struct tram_actor *actor) {
    struct tram_ref r;
    for (int i = 0; i < 10000 && !socket_is_full(); i++)
        OK(tram_call(actor, "echo", "x", 1, &r));
    assert_true(socket_is_full());
}

static void bounds_hold_with_a_full_socket(void **state) {
    (void)state;
    struct tram *t;
    struct tram_actor *stuck;
    struct tram_graph *g, *h;
    struct tram_compiled *x, *y = NULL;
    struct tram_ref r;
    struct tram_actor_options o = {.name = "stuck"};
    OK(tram_init(NULL, NULL, test_classes, &t));
    OK(tram_actor_create(t, "Test", &o, &stuck));
    OK(tram_graph_create(t, &g));
    tram_graph_output(g, tram_graph_bind(g, stuck, "echo", tram_graph_input(g, 64)));
    OK(tram_graph_compile(g, NULL, &x));
    test_stop(tram_actor_pid(stuck));
    fill_socket(stuck);
    uint64_t start = test_now_ns();
    FAILS(tram_teardown_within(x, 0.1), TRAM_ERR_TIMED_OUT);
    assert_string_equal(tram_last_error()->actor, "stuck");
    assert_true(test_now_ns() - start < 3000000000u);
    FAILS(tram_execute(x, "x", 1, &r), TRAM_ERR_TORN_DOWN); /* parts of it may have stopped */
    start = test_now_ns();
    tram_actor_destroy(stuck); /* killed after 2 s */
    assert_true(test_now_ns() - start < 8000000000u);
    OK(tram_graph_create(t, &h));
    tram_graph_output(h, tram_graph_bind(h, stuck, "echo", tram_graph_input(h, 64)));
    FAILS(tram_graph_compile(h, NULL, &y), TRAM_ERR_PEER_DEAD);
    tram_graph_destroy(h);
    OK(tram_teardown(x)); /* nobody is left to wait for */
    tram_graph_destroy(g);
    tram_fini(t);
}

int main(int argc, char **argv) {
    if (tram_init(&argc, &argv, test_classes, &test_runtime) != TRAM_OK)
        return 1;
    a[0] = test_actor("ann");
    a[1] = test_actor("bob");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(twice_and_after),
        cmocka_unit_test(actors_are_reused),
        cmocka_unit_test(with_executions_in_flight),
        cmocka_unit_test(many_lives),
        cmocka_unit_test(with_a_method_stuck),
        cmocka_unit_test(late_answers),
        cmocka_unit_test(fini_with_methods_stuck),
        cmocka_unit_test(nothing_is_left),
        cmocka_unit_test(bounds_hold_with_a_full_socket),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tram_fini(test_runtime);
    return failed;
}
