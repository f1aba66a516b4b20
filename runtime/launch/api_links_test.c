/* SPDX-License-Identifier: Apache-2.0
 *
 * Links that fill up, break or end between processes: nobody is held up by them, and what was whole is not lost.
 */
#include "objects_testing.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

enum { MIB = 1 << 20, LARGE = 100000 };

/* ---- the actors' side ------------------------------------------------------------------------------------ */

static int grow(void *self, struct tram_call *c) {
    struct making m;
    (void)self;
    memcpy(&m, tram_arg(c, 0).data, sizeof m);
    void *to = tram_result_reserve(c, 0, m.size);
    if (!to)
        return 1;
    test_fill(to, m.size, m.seed);
    return 0;
}

static int echo(void *self, struct tram_call *c) {
    struct tram_bytes b = tram_arg(c, 0);
    (void)self;
    return tram_result_copy(c, 0, b.data, b.size);
}

static int nap(void *self, struct tram_call *c) {
    uint32_t ms;
    (void)self;
    memcpy(&ms, tram_arg(c, 0).data, sizeof ms);
    test_pause_ms(ms);
    return tram_result_copy(c, 0, &ms, sizeof ms);
}

/* Leaves a child behind that holds all its descriptors for a while. */
static int leave_a_child(void *self, struct tram_call *c) {
    (void)self;
    (void)c;
    if (fork() == 0) {
        prctl(PR_SET_PDEATHSIG, 0);
        sleep(5);
        _exit(0);
    }
    _exit(5);
}

/* From now on as many descriptors as are open, and `more`. */
static int descriptors(void *self, struct tram_call *c) {
    uint32_t more;
    int next = dup(0);
    (void)self;
    memcpy(&more, tram_arg(c, 0).data, sizeof more);
    close(next);
    struct rlimit r = {(rlim_t)next + more, (rlim_t)next + more};
    setrlimit(RLIMIT_NOFILE, &r);
    return tram_result_copy(c, 0, &more, sizeof more);
}

/* How many object stores are mapped here. */
static int stores(void *self, struct tram_call *c) {
    uint64_t count = 0;
    char line[512];
    FILE *maps = fopen("/proc/self/maps", "r");
    (void)self;
    while (maps && fgets(line, sizeof line, maps))
        count += strstr(line, "tramline-store") != NULL;
    if (maps)
        fclose(maps);
    return tram_result_copy(c, 0, &count, sizeof count);
}

static int keep_path(const void *args, size_t size, void **self) {
    *self = size ? strndup(args, size) : NULL;
    return 0;
}

static void unlink_path(void *self) {
    if (self)
        unlink(self);
    free(self);
}

static const struct tram_method methods[] = {{.name = "grow", .fn = grow},
                                             {.name = "echo", .fn = echo},
                                             {.name = "nap", .fn = nap},
                                             {.name = "leave_a_child", .fn = leave_a_child},
                                             {.name = "descriptors", .fn = descriptors},
                                             {.name = "stores", .fn = stores},
                                             {0}};
static const struct tram_class classes[] = {
    {.name = "Linked", .methods = methods, .create = keep_path, .destroy = unlink_path}, {0}};

/* ---- the driver's side ----------------------------------------------------------------------------------- */

static struct tram_actor *linked(struct tram *t, const char *path) {
    struct tram_actor *a;
    struct tram_actor_options o = {.args = path, .args_size = path ? strlen(path) : 0};
    OK(tram_actor_create(t, "Linked", &o, &a));
    return a;
}

static void number_call(struct tram_actor *a, const char *method, uint32_t n, struct tram_ref *r) {
    OK(tram_call(a, method, &n, sizeof n, r));
}

/* A call and its result: everything before it has been done. */
static void settle(struct tram_actor *a) {
    struct tram_ref r;
    OK(tram_call(a, "echo", "x", 1, &r));
    IS_TEXT(&r, "x");
}

/* `from` has handed results on to `to`, which has never handed one on to `from`. */
static void link_one_way(struct tram_actor *from, struct tram_actor *to) {
    struct tram_ref r;
    for (int i = 0; i < 5; i++) {
        number_call(from, "nap", 20, &r);
        OK(try_call(to, "echo", &r, V(v_move(&r))));
        OK(tram_get(&r, &(uint32_t){0}, 4, NULL, 20));
    }
}

/* More than a link takes: the producer gets stuck in handing it on, until the consumer is dead. */
static void a_consumer_dies_with_a_full_link(void **state) {
    (void)state;
    enum { N = 60, BYTES = 20000 };
    static struct tram_ref r[N], d[N];
    struct tram_actor *from = linked(test_runtime, NULL), *to = linked(test_runtime, NULL);
    struct later l;
    link_one_way(from, to);
    test_stop(tram_actor_pid(to));
    number_call(from, "nap", 100, NULL);
    for (int i = 0; i < N; i++) {
        grow_call(from, BYTES, (uint64_t)i, &r[i]);
        OK(try_call(to, "echo", &d[i], V(v_ref(&r[i]))));
    }
    signal_later(&l, tram_actor_pid(to), SIGKILL, 500);
    for (int i = 0; i < N; i++)
        IS_GROWN(&r[i], BYTES, (uint64_t)i);
    finish_later(&l);
    for (int i = 0; i < N; i++)
        FAILS(tram_get(&d[i], NULL, 0, NULL, 20), TRAM_ERR_PEER_DEAD);
    settle(from);
    tram_actor_destroy(from);
    tram_actor_destroy(to);
}

/* The consumer cannot take the descriptor that comes with a large result: it says so, and both live on. */
static void a_link_breaks(void **state) {
    (void)state;
    struct tram_actor *from = linked(test_runtime, NULL), *to = linked(test_runtime, NULL);
    struct tram_ref r, d;
    link_one_way(from, to);
    number_call(to, "descriptors", 0, &r);
    OK(tram_get(&r, &(uint32_t){0}, 4, NULL, 20));
    number_call(from, "nap", 100, NULL);
    grow_call(from, LARGE, 1, &r);
    OK(try_call(to, "echo", &d, V(v_ref(&r))));
    FAILS(tram_get(&d, NULL, 0, NULL, 20), TRAM_ERR_PEER_DEAD);
    SAYS("link");
    settle(to);
    settle(from);
    IS_GROWN(&r, LARGE, 1);
    tram_actor_destroy(from);
    tram_actor_destroy(to);
}

/* A consumer that outlives many producers keeps nothing of them. */
static void producers_come_and_go(void **state) {
    (void)state;
    enum { PRODUCERS = 40 };
    struct tram_actor *to = linked(test_runtime, NULL);
    struct tram_ref r, d;
    settle(to);
    number_call(to, "descriptors", 12, &r);
    OK(tram_get(&r, &(uint32_t){0}, 4, NULL, 20));
    for (uint64_t i = 0; i < PRODUCERS; i++) {
        struct tram_actor *from = linked(test_runtime, NULL);
        grow_call(from, LARGE, i, &r);
        OK(try_call(to, "echo", &d, V(v_move(&r))));
        IS_GROWN(&d, LARGE, i);
        tram_actor_destroy(from);
    }
    OK(tram_call(to, "stores", NULL, 0, &r));
    IS_NUMBER(&r, 1); /* its own */
    tram_actor_destroy(to);
}

/* Its link stays open, and yet it is dead. */
static void a_child_holds_the_link(void **state) {
    (void)state;
    struct tram_actor *a = linked(test_runtime, NULL);
    struct tram_ref r;
    OK(tram_call(a, "leave_a_child", NULL, 0, &r));
    FAILS(tram_get(&r, NULL, 0, NULL, -1), TRAM_ERR_PEER_DEAD);
    SAYS("exited with status 5");
    FAILS(tram_call(a, "echo", "x", 1, &r), TRAM_ERR_PEER_DEAD);
    tram_actor_destroy(a);
}

/* The main thread is stuck in a reply that nobody takes in; the graph it also runs gets on. */
static void a_graph_behind_replies(void **state) {
    (void)state;
    enum { N = 100, BYTES = 8000 };
    static struct tram_ref r[N];
    struct tram_actor *a = linked(test_runtime, NULL);
    struct tram_compile_options o = {.thread = TRAM_THREAD_MAIN};
    struct tram_compiled *x = test_chain(64, &o, "echo", 1, &a);
    for (int i = 0; i < N; i++)
        grow_call(a, BYTES, (uint64_t)i, &r[i]);
    test_pause_ms(100);
    for (uint64_t i = 0; i < 20; i++)
        test_echo_execute(x, 40, i);
    for (int i = 0; i < N; i++)
        IS_GROWN(&r[i], BYTES, (uint64_t)i);
    OK(tram_teardown(x));
    tram_actor_destroy(a);
}

/* An actor that nobody's gets listened to ends in good order all the same. */
static void an_end_with_unread_replies(void **state) {
    (void)state;
    enum { N = 300, BYTES = 8000 };
    static struct tram_ref r[N];
    char path[] = "/tmp/tramline_links_test.XXXXXX";
    struct tram *t;
    struct tram_options o = {.eager = test_transport()};
    close(mkstemp(path));
    OK(tram_init_with(NULL, NULL, classes, &o, &t));
    struct tram_actor *a = linked(t, path);
    for (int i = 0; i < N; i++)
        grow_call(a, BYTES, 1, &r[i]);
    test_pause_ms(100);
    tram_fini(t);
    assert_int_equal(access(path, F_OK), -1);
}

/* A result that others were meant to take is put off, but not for long, and not lost when its actor ends. */
static void results_that_were_put_off(void **state) {
    (void)state;
    struct tram_value text = v_text("soon");
    struct tram_call_params p = {.value_count = 1, .values = &text, .onward = 1};
    struct tram_actor *a = linked(test_runtime, NULL);
    struct tram_ref r, slow;
    uint64_t begin = test_now_ns();
    number_call(a, "nap", 100, NULL);
    OK(tram_call_with(a, "echo", &p, &r));
    number_call(a, "nap", 3000, &slow);
    IS_TEXT(&r, "soon");
    assert_true(tram_ready(&slow) == 0 || test_now_ns() - begin > UINT64_C(3000000000));
    OK(tram_release(&slow));
    tram_actor_destroy(a);
    a = linked(test_runtime, NULL);
    number_call(a, "nap", 50, NULL);
    OK(tram_call_with(a, "echo", &p, &r));
    tram_actor_destroy(a);
    IS_TEXT(&r, "soon");
}

/* The consumer is dead, and nobody knows: the call fails, and what it was to take is still there. */
static void a_move_into_the_dead(void **state) {
    (void)state;
    struct tram_actor *from = linked(test_runtime, NULL), *to = linked(test_runtime, NULL);
    struct tram_ref r, d;
    link_one_way(from, to);
    number_call(from, "nap", 300, NULL);
    grow_call(from, 100, 5, &r);
    kill_now(tram_actor_pid(to));
    FAILS(try_call(to, "echo", &d, V(v_move(&r))), TRAM_ERR_PEER_DEAD);
    IS_GROWN(&r, 100, 5);
    tram_actor_destroy(from);
    tram_actor_destroy(to);
}

/* Until a process has nothing more to do: its main thread was found asleep many times in a row. On a busy machine what it has
 * to do keeps it ready to run, and not asleep. */
static void until_asleep(int pid) {
    char path[64], state = '?';
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    for (int asleep = 0, tries = 0; asleep < 20; asleep = state == 'S' ? asleep + 1 : 0) {
        FILE *f = fopen(path, "re");
        assert_non_null(f);
        assert_int_equal(fscanf(f, "%*d (%*[^)]) %c", &state), 1);
        fclose(f);
        assert_true(++tries < 6000);
        test_pause_ms(10);
    }
}

/* The producer is dead, and nobody knows; its reply was sent before. */
static void a_result_of_the_dead(void **state) {
    (void)state;
    static const size_t sizes[] = {100, MIB};
    for (int i = 0; i < 4; i++) {
        size_t size = sizes[i % 2];
        struct tram_actor *from = linked(test_runtime, NULL), *to = linked(test_runtime, NULL);
        struct tram_ref r, d;
        if (i >= 2)
            link_one_way(from, to);
        grow_call(from, size, 5, &r);
        until_asleep(tram_actor_pid(from));
        kill_now(tram_actor_pid(from));
        OK(try_call(to, "echo", &d, V(v_ref(&r))));
        IS_GROWN(&d, size, 5);
        IS_GROWN(&r, size, 5);
        tram_actor_destroy(from);
        tram_actor_destroy(to);
    }
}

/* Calls that are done with what they took give it back, though nobody has fetched their results yet. */
static void a_put_hears_of_calls_that_are_done(void **state) {
    (void)state;
    enum { N = 60, BYTES = 30000 };
    static struct tram_ref r[N];
    static char large[40 * MIB];
    struct tram *t;
    struct tram_options o = {.eager = test_transport(), .store_bytes = 64 * MIB};
    struct making m = {BYTES, 1};
    struct tram_ref p;
    OK(tram_init_with(NULL, NULL, classes, &o, &t));
    struct tram_actor *a = linked(t, NULL);
    for (int i = 0; i < N; i++)
        OK(try_call(a, "grow", &r[i], V(v_bytes(&m, sizeof m), v_bytes(large, MIB))));
    test_pause_ms(300);
    OK(tram_put(t, large, sizeof large, &p));
    for (int i = 0; i < N; i++)
        IS_GROWN(&r[i], BYTES, 1);
    tram_fini(t);
}

static void bad_arguments(void **state) {
    (void)state;
    struct tram_actor *a = linked(test_runtime, NULL);
    struct tram_ref r;
    struct tram_value list = v_list(NULL, 2);
    FAILS(tram_call(a, "echo", NULL, 8, &r), TRAM_ERR_INVALID);
    SAYS("argument 0 of Linked#");
    FAILS(tram_call(a, "echo", NULL, MIB, &r), TRAM_ERR_INVALID);
    FAILS(tram_call(a, NULL, "x", 1, &r), TRAM_ERR_INVALID);
    SAYS("without a method");
    FAILS(tram_call_with(a, "echo", NULL, &r), TRAM_ERR_INVALID);
    FAILS(tram_call_with(a, "echo", &(struct tram_call_params){.value_count = 1}, &r), TRAM_ERR_INVALID);
    FAILS(tram_call_with(a, "echo", &(struct tram_call_params){.value_count = 1, .values = &list}, &r),
          TRAM_ERR_INVALID);
    FAILS(tram_put(test_runtime, NULL, 100, &r), TRAM_ERR_INVALID);
    OK(tram_put(test_runtime, NULL, 0, &r));
    OK(tram_release(&r));
    tram_actor_destroy(a);
}

int main(int argc, char **argv) {
    OK(test_init(&argc, &argv, classes, &test_runtime));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_consumer_dies_with_a_full_link),
        cmocka_unit_test(a_link_breaks),
        cmocka_unit_test(producers_come_and_go),
        cmocka_unit_test(a_child_holds_the_link),
        cmocka_unit_test(a_graph_behind_replies),
        cmocka_unit_test(an_end_with_unread_replies),
        cmocka_unit_test(results_that_were_put_off),
        cmocka_unit_test(a_move_into_the_dead),
        cmocka_unit_test(a_result_of_the_dead),
        cmocka_unit_test(a_put_hears_of_calls_that_are_done),
        cmocka_unit_test(bad_arguments),
    };
    if (getenv("TRAM_TEST_ONLY"))
        cmocka_set_test_filter(getenv("TRAM_TEST_ONLY"));
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tram_fini(test_runtime);
    return failed;
}
