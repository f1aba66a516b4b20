/* SPDX-License-Identifier: Apache-2.0
 *
 * Actors and the supervisor that end unasked, or stand still.
 */
#include "testing.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { GOAL_MS = 50, BOUND_MS = 5000 };

static struct tram_actor *a[3]; /* new ones for each test: "ann", "bob", "cat" */

static int three_actors(void **state) {
    static const char *const names[] = {"ann", "bob", "cat"};
    (void)state;
    for (int i = 0; i < 3; i++)
        a[i] = test_actor(names[i]);
    return 0;
}

static int no_actors(void **state) {
    (void)state;
    for (int i = 0; i < 3; i++)
        tram_actor_destroy(a[i]);
    return 0;
}

/* Every edge takes an order; only bob obeys it. */
static struct tram_compiled *chain_with_bob(const struct tram_compile_options *o) {
    struct tram_graph *g;
    struct tram_compiled *x = NULL;
    OK(tram_graph_create(test_runtime, &g));
    struct tram_node n = tram_graph_bind(g, a[0], "echo", tram_graph_input(g, 200));
    n = tram_graph_bind(g, a[1], "obey", n);
    tram_graph_output(g, tram_graph_bind(g, a[2], "echo", n));
    OK(tram_graph_compile(g, o, &x));
    tram_graph_destroy(g);
    return x;
}

static void bob_died(int status, uint64_t execution) {
    FAILS(status, TRAM_ERR_PEER_DEAD);
    assert_string_equal(tram_last_error()->actor, "bob");
    assert_int_equal(tram_last_error()->execution, execution);
    SAYS("bob");
}

static void within_the_bound(const char *what, uint64_t since_ns) {
    double ms = (double)(test_now_ns() - since_ns) / 1e6;
    printf("%s: %.2f ms (goal %d ms)\n", what, ms, GOAL_MS);
    assert_true(ms < BOUND_MS);
}

/* ---- compiled graphs ------------------------------------------------------------------------------------- */

struct killing {
    int pid;
    uint64_t at_ns;
};

static void *kill_soon(void *arg) {
    struct killing *k = arg;
    test_pause_ms(100);
    k->at_ns = test_now_ns();
    kill(k->pid, SIGKILL);
    return NULL;
}

/* The driver waits, without a timeout, when an actor dies with executions in it, before it and behind it. */
static void killed_with_waiter(enum tram_wait wait, const char *what) {
    struct tram_compile_options o = {.inflight = 8, .wait = wait};
    struct tram_compiled *x = chain_with_bob(&o);
    struct tram_ref refs[8];
    struct killing k = {.pid = tram_actor_pid(a[1])};
    pthread_t killer;
    test_echo_execute(x, 0, 1);
    for (int i = 0; i < 8; i++)
        OK(tram_execute(x, i < 3 ? "n" : "h", 1, &refs[i])); /* executions 2 to 9; from 5 on bob hangs */
    assert_int_equal(pthread_create(&killer, NULL, kill_soon, &k), 0);
    char got[8];
    OK(tram_get(&refs[2], got, sizeof got, NULL, -1)); /* so 2 and 3 are published as well */
    bob_died(tram_get(&refs[3], got, sizeof got, NULL, -1), 5);
    SAYS("signal 9");
    SAYS("execution 5");
    for (uint64_t i = 4; i < 8; i++)
        bob_died(tram_get(&refs[i], got, sizeof got, NULL, -1), 2 + i);
    pthread_join(killer, NULL);
    within_the_bound(what, k.at_ns);
    for (int i = 0; i < 2; i++) { /* published in full before the death: still good */
        OK(tram_get(&refs[i], got, sizeof got, NULL, -1));
        assert_int_equal(got[0], 'n');
    }
    FAILS(tram_get(&refs[4], got, sizeof got, NULL, -1), TRAM_ERR_CONSUMED);
    bob_died(tram_execute(x, "n", 1, &refs[0]), 0);
    void *room;
    bob_died(tram_execute_loan(x, 1, &room), 0);
    OK(tram_teardown(x));
}

static void killed_while_running(void **state) {
    (void)state;
    killed_with_waiter(TRAM_WAIT_AUTO, "kill to last get, wait=auto");
}

static void killed_while_blocking(void **state) {
    (void)state;
    killed_with_waiter(TRAM_WAIT_BLOCK, "kill to last get, wait=block");
}

static void killed_while_spinning(void **state) {
    (void)state;
    killed_with_waiter(TRAM_WAIT_SPIN, "kill to last get, wait=spin");
}

/* Nobody waits when it happens: a borrowed result stays readable, the next look says who died. */
static void killed_while_nobody_waits(void **state) {
    (void)state;
    struct tram_compiled *x = chain_with_bob(NULL);
    struct tram_ref held, r;
    struct tram_bytes lent;
    unsigned char data[200];
    test_fill(data, sizeof data, 3);
    data[0] = DO_NOTHING;
    OK(tram_execute(x, data, sizeof data, &held));
    OK(tram_get_borrow(&held, &lent, 10));
    OK(tram_execute(x, "h", 1, &r));
    uint64_t start = test_now_ns();
    kill(tram_actor_pid(a[1]), SIGKILL);
    bob_died(tram_get(&r, data, sizeof data, NULL, 20), 2);
    within_the_bound("kill to get, same thread", start);
    assert_int_equal(lent.size, sizeof data);
    test_fill(data, sizeof data, 3);
    assert_memory_equal((const char *)lent.data + 1, data + 1, sizeof data - 1);
    OK(tram_release(&held));
    OK(tram_teardown(x));
}

/* A loan was out, or the window full, when an actor died. */
static void killed_with_a_loan(void **state) {
    (void)state;
    struct tram_compile_options o = {.inflight = 1};
    struct tram_compiled *x = chain_with_bob(&o);
    struct tram_ref r;
    void *room;
    test_echo_execute(x, 0, 1);
    OK(tram_execute_loan(x, 1, &room));
    kill(tram_actor_pid(a[1]), SIGKILL);
    test_pause_ms(200);
    *(char *)room = DO_NOTHING;
    int status = tram_execute_commit(x, 1, &r); /* may be let through: then its get tells */
    if (status == TRAM_OK)
        status = tram_get(&r, NULL, 0, NULL, 20);
    FAILS(status, TRAM_ERR_PEER_DEAD);
    assert_string_equal(tram_last_error()->actor, "bob");
    OK(tram_teardown(x));
}

/* Survivors serve ordinary calls and other graphs, before and after the broken one is torn down. */
static void survivors_go_on(void **state) {
    (void)state;
    struct tram_actor *survivors[] = {a[2], a[0]};
    struct tram_compiled *x = chain_with_bob(NULL), *other = test_chain(200, NULL, "echo", 2, survivors), *y;
    struct tram_graph *g;
    struct tram_ref r;
    test_echo_execute(other, 200, 1);
    OK(tram_execute(x, "h", 1, &r));
    kill(tram_actor_pid(a[1]), SIGKILL);
    bob_died(tram_get(&r, NULL, 0, NULL, 20), 1);
    test_echo_call(a[0], "echo", 5000, 1);
    test_echo_call(a[2], "echo", 5000, 2);
    for (uint64_t i = 0; i < 20; i++)
        test_echo_execute(other, 200, i);
    y = test_chain(200, NULL, "pass", 2, survivors); /* compiled while the broken one still stands */
    test_echo_execute(y, 200, 5);
    OK(tram_teardown(x));
    for (uint64_t i = 0; i < 20; i++)
        test_echo_execute(i % 2 ? y : other, 200, i);
    OK(tram_teardown(y));
    OK(tram_teardown(other));

    y = NULL;
    OK(tram_graph_create(test_runtime, &g));
    tram_graph_output(g, tram_graph_bind(g, a[1], "echo", tram_graph_input(g, 8)));
    bob_died(tram_graph_compile(g, NULL, &y), 0);
    tram_graph_destroy(g);
    struct tram_actor *again[] = {a[0], test_actor("bea"), a[2]};
    y = test_chain(200, NULL, "echo", 3, again);
    test_echo_execute(y, 200, 6);
    OK(tram_teardown(y));
    tram_actor_destroy(again[1]);
}

struct killing_at {
    int pid;
    unsigned delay_us;
};

static void *kill_at(void *arg) {
    const struct killing_at *k = arg;
    usleep(k->delay_us);
    kill(k->pid, SIGKILL);
    return NULL;
}

/* Compile, some executions, teardown: each call either succeeds or names the dead, and results that come are right. */
static void one_life(uint64_t *completed) {
    static const char *const expected = "result";
    struct tram_ref refs[4];
    struct tram_graph *g;
    struct tram_compiled *x = NULL;
    int status = TRAM_OK;
    OK(tram_graph_create(test_runtime, &g));
    struct tram_node n = tram_graph_input(g, 200);
    for (int i = 0; i < 3; i++)
        n = tram_graph_bind(g, a[i], "pass", n);
    tram_graph_output(g, n);
    status = tram_graph_compile(g, NULL, &x);
    tram_graph_destroy(g);
    while (status == TRAM_OK) {
        int submitted = 0;
        for (; submitted < 4 && status == TRAM_OK; submitted += status == TRAM_OK)
            status = tram_execute(x, expected, 6, &refs[submitted]);
        for (int i = 0; i < submitted; i++) {
            char got[8];
            int outcome = tram_get(&refs[i], got, sizeof got, NULL, 20);
            if (outcome == TRAM_OK)
                assert_memory_equal(got, expected, 6);
            *completed += outcome == TRAM_OK;
            status = status ? status : outcome;
        }
    }
    bob_died(status, tram_last_error()->execution);
    if (x)
        OK(tram_teardown_within(x, 10));
}

static void one_kill(unsigned delay_us, uint64_t *completed) {
    struct killing_at k = {tram_actor_pid(a[1]), delay_us};
    pthread_t killer;
    assert_int_equal(pthread_create(&killer, NULL, kill_at, &k), 0);
    one_life(completed);
    pthread_join(killer, NULL);
    tram_actor_destroy(a[1]);
    a[1] = test_actor("bob");
}

static void killed_at_any_moment(void **state) {
    (void)state;
    uint64_t completed = 0;
    unsigned random = 777;
    for (int i = 0; i < 60; i++) {
        random = random * 1103515245u + 12345u;
        one_kill(random / 65536 % (i % 2 ? 1500 : 8000), &completed);
    }
    for (unsigned delay_us = 8000; !completed && delay_us < 10000000; delay_us *= 2) /* a slow machine */
        one_kill(delay_us, &completed);
    assert_true(completed > 0);
}

static void destroyed_under_a_graph(void **state) {
    (void)state;
    struct tram_compiled *x = chain_with_bob(NULL);
    struct tram_ref r;
    test_echo_execute(x, 0, 1);
    tram_actor_destroy(a[1]);
    bob_died(tram_execute(x, "n", 1, &r), 0);
    OK(tram_teardown(x));
    test_echo_call(a[0], "echo", 64, 1);
}

/* ---- ordinary calls -------------------------------------------------------------------------------------- */

static void killed_with_calls_pending(void **state) {
    (void)state;
    struct tram_ref lost[5], fine[5], early;
    char got[16];
    OK(tram_call(a[1], "echo", "early", 5, &early));
    OK(tram_get_borrow(&early, &(struct tram_bytes){0}, 10));
    for (int i = 0; i < 5; i++) {
        OK(tram_call(a[1], "obey", "h", 1, &lost[i]));
        OK(tram_call(a[0], "echo", "fine", 4, &fine[i]));
    }
    uint64_t start = test_now_ns();
    kill(tram_actor_pid(a[1]), SIGKILL);
    for (int i = 0; i < 5; i++)
        bob_died(tram_get(&lost[i], got, sizeof got, NULL, -1), 0);
    within_the_bound("kill to last get of 5 ordinary calls", start);
    SAYS("signal 9");
    for (int i = 0; i < 5; i++) {
        OK(tram_get(&fine[i], got, sizeof got, NULL, 10));
        assert_memory_equal(got, "fine", 4);
    }
    OK(tram_get(&early, got, sizeof got, NULL, 0)); /* it was here already */
    assert_memory_equal(got, "early", 5);
    bob_died(tram_call(a[1], "echo", "x", 1, &lost[0]), 0);
    test_echo_call(a[2], "echo", 100000, 1);
}

/* ---- ends of the actor's own making ---------------------------------------------------------------------- */

static void ends_itself(char order, const char *how) {
    struct tram_ref r;
    char got[8];
    struct tram_actor *eager = test_actor("bob");
    struct tram_compiled *x = chain_with_bob(NULL);
    OK(tram_call(eager, "obey", &order, 1, &r));
    bob_died(tram_get(&r, got, sizeof got, NULL, 20), 0);
    SAYS(how);
    OK(tram_execute(x, &order, 1, &r));
    bob_died(tram_get(&r, got, sizeof got, NULL, 20), 1);
    SAYS(how);
    OK(tram_teardown(x));
    test_echo_call(a[0], "echo", 10, 1);
    tram_actor_destroy(eager);
}

static void exits(void **state) {
    (void)state;
    ends_itself(DO_EXIT, "exited with status 3");
}

static void aborts(void **state) {
    (void)state;
    ends_itself(DO_ABORT, "signal 6");
}

static void crashes(void **state) {
    (void)state;
    ends_itself(DO_CRASH, "signal 11");
}

/* ---- standing still is not death ------------------------------------------------------------------------- */

static void stopped_and_continued(void **state) {
    (void)state;
    struct tram_compiled *x = chain_with_bob(NULL);
    struct tram_ref refs[3], call;
    char got[8];
    test_echo_execute(x, 0, 1);
    test_stop(tram_actor_pid(a[1]));
    for (int i = 0; i < 3; i++)
        OK(tram_execute(x, "n", 1, &refs[i]));
    OK(tram_call(a[1], "echo", "x", 1, &call));
    FAILS(tram_get(&refs[0], got, sizeof got, NULL, 0.2), TRAM_ERR_TIMED_OUT);
    assert_string_equal(tram_last_error()->actor, "bob");
    assert_int_equal(tram_last_error()->execution, 2);
    FAILS(tram_get(&call, got, sizeof got, NULL, 0.1), TRAM_ERR_TIMED_OUT);
    assert_string_equal(tram_last_error()->actor, "bob");
    test_echo_call(a[0], "echo", 10, 1);
    kill(tram_actor_pid(a[1]), SIGCONT);
    for (int i = 0; i < 3; i++)
        OK(tram_get(&refs[i], got, sizeof got, NULL, 20));
    OK(tram_get(&call, got, sizeof got, NULL, 20));
    OK(tram_teardown(x));
}

/* The wait for a free slot is bounded as well, and names who holds it. */
static void stopped_with_the_window_full(void **state) {
    (void)state;
    struct tram_compile_options o = {.inflight = 2, .submit_timeout_s = 0.2};
    struct tram_compiled *x = test_chain(100000, &o, "echo", 3, a);
    struct tram_ref r;
    int status = TRAM_OK;
    test_echo_execute(x, 100000, 1);
    test_stop(tram_actor_pid(a[0]));
    for (int i = 0; i < 10 && status == TRAM_OK; i++) { /* given up unread, they still take their slots */
        status = tram_execute(x, "n", 1, &r);
        if (status == TRAM_OK)
            OK(tram_release(&r));
    }
    FAILS(status, TRAM_ERR_TIMED_OUT);
    assert_string_equal(tram_last_error()->actor, "ann");
    kill(tram_actor_pid(a[0]), SIGCONT);
    for (uint64_t i = 0; i < 10; i++)
        test_echo_execute(x, 100000, i);
    OK(tram_teardown(x));
}

/* ---- the supervisor -------------------------------------------------------------------------------------- */

static int parent_of(int pid) {
    char path[64], text[512] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    int fd = open(path, O_RDONLY), parent = -1;
    if (fd < 0)
        return -1;
    if (read(fd, text, sizeof text - 1) > 0 && strrchr(text, ')'))
        sscanf(strrchr(text, ')'), ") %*c %d", &parent);
    close(fd);
    return parent;
}

/* True when the process is gone, or dead and left to an init that is slow to reap. */
static bool ended(int pid) {
    char path[64], text[512] = "", state = 'Z';
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    int fd = open(path, O_RDONLY);
    if (fd < 0)
        return true;
    if (read(fd, text, sizeof text - 1) > 0 && strrchr(text, ')'))
        sscanf(strrchr(text, ')'), ") %c", &state);
    close(fd);
    return state == 'Z' || state == 'X';
}

static void without_supervisor(enum tram_wait wait, const char *what) {
    struct tram *t;
    struct tram_actor *actor, *more = NULL;
    struct tram_graph *g;
    struct tram_compiled *x, *y = NULL;
    struct tram_ref pending[2], call, early;
    char got[8];
    struct tram_compile_options o = {.wait = wait};
    OK(tram_init(NULL, NULL, test_classes, &t));
    OK(tram_actor_create(t, "Test", &(struct tram_actor_options){.name = "orphan"}, &actor));
    OK(tram_graph_create(t, &g));
    tram_graph_output(g, tram_graph_bind(g, actor, "obey", tram_graph_input(g, 64)));
    OK(tram_graph_compile(g, &o, &x));
    int pid = tram_actor_pid(actor);
    OK(tram_execute(x, "n", 1, &early));
    for (int i = 0; i < 2; i++)
        OK(tram_execute(x, "h", 1, &pending[i]));
    OK(tram_call(actor, "obey", "h", 1, &call));
    OK(tram_get(&early, got, sizeof got, NULL, 10));
    uint64_t start = test_now_ns();
    assert_int_equal(kill(parent_of(pid), SIGKILL), 0);
    FAILS(tram_get(&pending[0], got, sizeof got, NULL, 15), TRAM_ERR_PEER_DEAD);
    FAILS(tram_get(&pending[1], got, sizeof got, NULL, 15), TRAM_ERR_PEER_DEAD);
    within_the_bound(what, start);
    FAILS(tram_get(&call, got, sizeof got, NULL, 15), TRAM_ERR_PEER_DEAD);
    assert_string_equal(tram_last_error()->actor, "orphan");
    for (int i = 0; i < 500 && !ended(pid); i++)
        test_pause_ms(10);
    assert_true(ended(pid));
    FAILS(tram_execute(x, "n", 1, &early), TRAM_ERR_PEER_DEAD);
    FAILS(tram_actor_create(t, "Test", NULL, &more), TRAM_ERR_PEER_DEAD);
    SAYS("supervisor");
    tram_graph_destroy(g);
    OK(tram_graph_create(t, &g));
    tram_graph_output(g, tram_graph_bind(g, actor, "obey", tram_graph_input(g, 64)));
    FAILS(tram_graph_compile(g, &o, &y), TRAM_ERR_PEER_DEAD);
    tram_graph_destroy(g);
    OK(tram_teardown(x));
    start = test_now_ns();
    tram_fini(t);
    assert_true(test_now_ns() - start < 8000000000u);
}

static void supervisor_killed(void **state) {
    (void)state;
    without_supervisor(TRAM_WAIT_AUTO, "supervisor's kill to last get, wait=auto");
}

static void supervisor_killed_while_spinning(void **state) {
    (void)state;
    without_supervisor(TRAM_WAIT_SPIN, "supervisor's kill to last get, wait=spin");
}

int main(int argc, char **argv) {
    if (test_init(&argc, &argv, test_classes, &test_runtime) != TRAM_OK)
        return 1;
#define WITH_ACTORS(f) cmocka_unit_test_setup_teardown(f, three_actors, no_actors)
    const struct CMUnitTest tests[] = {
        WITH_ACTORS(killed_while_running),
        WITH_ACTORS(killed_while_blocking),
        WITH_ACTORS(killed_while_spinning),
        WITH_ACTORS(killed_while_nobody_waits),
        WITH_ACTORS(killed_with_a_loan),
        WITH_ACTORS(survivors_go_on),
        WITH_ACTORS(killed_at_any_moment),
        WITH_ACTORS(destroyed_under_a_graph),
        WITH_ACTORS(killed_with_calls_pending),
        WITH_ACTORS(exits),
        WITH_ACTORS(aborts),
        WITH_ACTORS(crashes),
        WITH_ACTORS(stopped_and_continued),
        WITH_ACTORS(stopped_with_the_window_full),
        cmocka_unit_test(supervisor_killed),
        cmocka_unit_test(supervisor_killed_while_spinning),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tram_fini(test_runtime);
    return failed;
}
