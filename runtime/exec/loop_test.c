/* SPDX-License-Identifier: Apache-2.0
 *
 * What an actor does with a graph when a peer breaks the protocol, which the fault backend has it believe.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "channel/channel.h"

static struct tram *runtime;

static int echo(void *self, struct tram_call *c) {
    (void)self;
    struct tram_bytes in = tram_arg(c, 0);
    return tram_result_copy(c, 0, in.data, in.size);
}

/* From now on in this process, the message with the number given reads as a breach. */
static int distrust(void *self, struct tram_call *c) {
    struct tram__fault f = {0};
    memcpy(&f.break_at, tram_arg(c, 0).data, sizeof f.break_at);
    tram__channel_fault_set(&f);
    return echo(self, c);
}

static const struct tram_method methods[] = {
    {.name = "echo", .fn = echo}, {.name = "distrust", .fn = distrust}, {0}};
static const struct tram_class classes[] = {{.name = "Wary", .methods = methods}, {0}};

static void call(struct tram_actor *a, const char *method, uint64_t value) {
    struct tram_ref ref;
    assert_int_equal(tram_call(a, method, &value, sizeof value, &ref), TRAM_OK);
    assert_int_equal(tram_get(&ref, &value, sizeof value, NULL, 10), TRAM_OK);
}

/* The graph is given up; its actor is named, lives and serves. A driver that only polls learns it too. */
static void breach(bool polls, enum tram_thread thread) {
    struct tram_actor *actor;
    struct tram_graph *g;
    struct tram_compiled *x;
    struct tram_ref refs[3];
    char got[8];
    assert_int_equal(tram_actor_create(runtime, "Wary", NULL, &actor), TRAM_OK);
    call(actor, "distrust", 3);
    assert_int_equal(tram_graph_create(runtime, &g), TRAM_OK);
    tram_graph_output(g, tram_graph_bind(g, actor, "echo", tram_graph_input(g, 64)));
    struct tram_compile_options o = {.channel = "fault", .thread = thread};
    assert_int_equal(tram_graph_compile(g, &o, &x), TRAM_OK);
    for (int i = 0; i < 3; i++)
        assert_int_equal(tram_execute(x, "n", 1, &refs[i]), TRAM_OK);
    for (int i = 0; i < 2; i++)
        assert_int_equal(tram_get(&refs[i], got, sizeof got, NULL, 10), TRAM_OK);
    int status;
    do
        status = tram_get(&refs[2], got, sizeof got, NULL, polls ? 0 : 15);
    while (polls && status == TRAM_ERR_TIMED_OUT); /* a test that hangs here has failed */
    assert_int_equal(status, TRAM_ERR_PROTOCOL);
    char text[160];
    snprintf(text, sizeof text,
             "actor %s stopped its part of the graph: a peer broke the protocol; execution 3 is lost",
             tram_actor_name(actor));
    assert_string_equal(tram_last_error()->text, text);
    assert_int_equal(tram_last_error()->execution, 3);
    assert_int_equal(tram_execute(x, "n", 1, &refs[0]), TRAM_ERR_PROTOCOL);
    call(actor, "echo", 1);
    assert_int_equal(tram_teardown(x), TRAM_OK);
    tram_graph_destroy(g);
}

static void a_breach_names_the_actor(void **state) {
    (void)state;
    breach(false, TRAM_THREAD_OWN);
}

static void who_polls_learns_of_a_breach(void **state) {
    (void)state;
    breach(true, TRAM_THREAD_OWN);
}

static void a_breach_on_the_main_thread(void **state) {
    (void)state;
    breach(false, TRAM_THREAD_MAIN);
}

/* Every value has at most so many readers: compile says whose has more. */
static void too_many_readers(void **state) {
    (void)state;
    enum { READERS = 17 }; /* the fault backend takes 16 */
    struct tram_actor *actors[READERS];
    struct tram_graph *g;
    struct tram_compiled *x;
    for (int i = 0; i < READERS; i++)
        assert_int_equal(tram_actor_create(runtime, "Wary", NULL, &actors[i]), TRAM_OK);
    for (int readers = READERS - 1; readers <= READERS; readers++) {
        assert_int_equal(tram_graph_create(runtime, &g), TRAM_OK);
        struct tram_node in = tram_graph_input(g, 64);
        for (int i = 0; i < readers; i++)
            tram_graph_output(g, tram_graph_bind(g, actors[i], "echo", in));
        struct tram_compile_options o = {.channel = "fault"};
        int status = tram_graph_compile(g, &o, &x);
        if (readers == READERS) {
            assert_int_equal(status, TRAM_ERR_TOO_LARGE);
            assert_string_equal(tram_last_error()->text,
                                "input is read by 17 actors; a channel (fault) takes 16 readers");
        } else {
            assert_int_equal(status, TRAM_OK);
            assert_int_equal(tram_teardown(x), TRAM_OK);
        }
        tram_graph_destroy(g);
    }
}

int main(int argc, char **argv) {
    if (tram_init(&argc, &argv, classes, &runtime) != TRAM_OK)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_breach_names_the_actor), cmocka_unit_test(who_polls_learns_of_a_breach),
        cmocka_unit_test(a_breach_on_the_main_thread), cmocka_unit_test(too_many_readers)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tram_fini(runtime);
    return failed;
}
