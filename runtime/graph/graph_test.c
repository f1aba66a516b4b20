/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/graph.h"

#include "base/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct tram_graph *g, *other;

static int set_up(void **state) {
    (void)state;
    return tram_graph_create(NULL, &g) || tram_graph_create(NULL, &other);
}

static int tear_down(void **state) {
    (void)state;
    tram_graph_destroy(g);
    tram_graph_destroy(other);
    return 0;
}

static struct tram_node task_of(size_t count, const struct tram_node *args) {
    char actor[] = "Add#1", method[] = "add"; /* copied */
    const struct tram__node like = {.actor = (struct tram_actor *)&g, .actor_name = actor, .method = method};
    return tram__graph_add_task(g, &like, count, args);
}

#define TASK(...)                                                                 \
    task_of(sizeof((struct tram_node[]){__VA_ARGS__}) / sizeof(struct tram_node), \
            (struct tram_node[]){__VA_ARGS__})

/* The graph is refused, again and again, for this reason. */
static void expect_mistake(int status, const char *text) {
    for (int i = 0; i < 2; i++) {
        tram__fail(TRAM_ERR_FULL, "something else");
        assert_int_equal(tram__graph_check(g), status);
        assert_int_equal(tram_last_error()->status, status);
        assert_string_equal(tram_last_error()->text, text);
    }
}

static void a_good_graph_passes(void **state) {
    (void)state;
    struct tram_node in = tram_graph_input(g, 64), a = TASK(in, in), b = TASK(a);
    tram_graph_output(g, b);
    tram_graph_output(g, a);
    assert_int_equal(tram__graph_check(g), TRAM_OK);
    assert_int_equal(tram__graph_check(g), TRAM_OK);
    assert_int_equal(g->node_count, 3);
    assert_int_equal(g->nodes[1].arg_count, 2);
    assert_int_equal(g->nodes[2].args[0], a.index);
    assert_int_equal(g->outputs[0], b.index);
    char name[32];
    tram__graph_name(g, in.index, name, sizeof name);
    assert_string_equal(name, "input");
    tram__graph_name(g, b.index, name, sizeof name);
    assert_string_equal(name, "Add#1.add");
    tram__graph_name(g, b.index, name, 4);
    assert_string_equal(name, "Add");
}

static void limits_are_those_of_the_arguments(void **state) {
    (void)state;
    struct tram_node in = tram_graph_input(g, TRAM_MAX_BYTES), a = TASK(in), b = TASK(a), c = TASK(b),
                     d = TASK(b, c);
    tram_graph_limit(g, a, 10);
    tram_graph_limit(g, a, 20); /* the last one counts */
    tram_graph_limit(g, c, 70);
    tram_graph_output(g, d);
    assert_int_equal(tram__graph_check(g), TRAM_OK);
    assert_true(g->nodes[in.index].limit == TRAM_MAX_BYTES);
    assert_int_equal(g->nodes[a.index].bytes, 20);
    assert_int_equal(g->nodes[b.index].bytes, 20);
    assert_int_equal(g->nodes[c.index].bytes, 70);
    assert_int_equal(g->nodes[d.index].bytes, 70);
}

/* ---- mistakes ---- */

static void second_input_empty(void) {
    tram_graph_input(g, 8);
    tram_graph_input(g, 0);
}
static void empty_constant(void) {
    tram_graph_constant(g, "", 0);
}
static void limit_of_constant(void) {
    tram_graph_limit(g, tram_graph_constant(g, "x", 1), 8);
}
static void constant_as_output(void) {
    tram_graph_output(g, tram_graph_constant(g, "x", 1));
}
static void list_as_output(void) {
    tram_graph_output(g, tram_graph_list(g, TASK(tram_graph_input(g, 8))));
}
static void list_of_foreigners(void) {
    tram_graph_list(g, tram_graph_input(g, 8), tram_graph_input(other, 8));
}
static void result_too_high(void) {
    tram_graph_result(g, TASK(tram_graph_input(g, 8)), 1);
}
static void result_of_input(void) {
    tram_graph_result(g, tram_graph_input(g, 8), 0);
}
static void after_input(void) {
    struct tram_node in = tram_graph_input(g, 8);
    tram_graph_after(g, TASK(in), in);
}
static void unit_of_one_actor(void) {
    struct tram_node in = tram_graph_input(g, 8);
    tram_graph_unit(g, 2, (struct tram_node[]){TASK(in), TASK(in)});
}
static void two_units(void) {
    struct tram_node a = TASK(tram_graph_input(g, 8));
    tram_graph_unit(g, 1, &a);
    tram_graph_unit(g, 1, &a);
}
static void empty_unit(void) {
    tram_graph_unit(g, 0, NULL);
}
static void task_twice_in_a_unit(void) {
    struct tram_node a = TASK(tram_graph_input(g, 8));
    tram_graph_unit(g, 2, (struct tram_node[]){a, a});
}
static void lists_too_deep(void) {
    struct tram_node l = tram_graph_list(g, tram_graph_input(g, 8));
    for (int i = 1; i < 64; i++)
        l = tram_graph_list(g, l);
    if (g->status)
        fail();
    tram_graph_list(g, tram_graph_input(g, 8), l);
}
static void empty_input(void) {
    tram_graph_input(g, 0);
}
static void giant_input(void) {
    tram_graph_input(g, TRAM_MAX_BYTES + 1);
}
static void empty_limit(void) {
    tram_graph_limit(g, TASK(tram_graph_input(g, 8)), 0);
}
static void giant_limit(void) {
    tram_graph_limit(g, TASK(tram_graph_input(g, 8)), SIZE_MAX);
}
static void limit_of_nothing(void) {
    tram_graph_limit(g, (struct tram_node){g, 3}, 8);
}
static void limit_elsewhere(void) {
    tram_graph_limit(g, tram_graph_input(other, 8), 8);
}
static void no_argument(void) {
    tram_graph_output(g, task_of(0, NULL));
}
static void too_many_arguments(void) {
    struct tram_node in = tram_graph_input(g, 8), args[TRAM__MAX_ARGS + 1];
    for (int i = 0; i < TRAM__MAX_ARGS + 1; i++)
        args[i] = in;
    tram_graph_output(g, task_of(TRAM__MAX_ARGS, args));
    assert_int_equal(tram__graph_check(g), TRAM_OK);
    task_of(TRAM__MAX_ARGS + 1, args);
}
static void argument_elsewhere(void) {
    TASK(tram_graph_input(g, 8), tram_graph_input(other, 8));
}
static void argument_that_is_none(void) {
    TASK((struct tram_node){g, 0});
}
static void argument_without_graph(void) {
    TASK((struct tram_node){NULL, 0});
}
static void no_output(void) {
    TASK(tram_graph_input(g, 8));
}
static void nothing(void) {
}
static void input_as_output(void) {
    tram_graph_output(g, tram_graph_input(g, 8));
}
static void output_twice(void) {
    struct tram_node a = TASK(tram_graph_input(g, 8));
    tram_graph_output(g, a);
    tram_graph_output(g, a);
}
static void output_elsewhere(void) {
    tram_graph_output(g, tram_graph_input(other, 8));
}
static void output_that_is_none(void) {
    tram_graph_output(g, (struct tram_node){g, UINT32_MAX});
}
static void too_many_nodes(void) {
    struct tram_node in = tram_graph_input(g, 8), a = in;
    for (int i = 1; i < TRAM__MAX_NODES; i++)
        a = TASK(in);
    tram_graph_output(g, a);
    assert_int_equal(tram__graph_check(g), TRAM_OK);
    TASK(in);
}
/* Each of these follows from the mistake before it. */
static void one_after_the_other(void) {
    struct tram_node in = tram_graph_input(g, 0), a = TASK(in);
    tram_graph_limit(g, a, 0);
    tram_graph_output(g, a);
}

static const struct {
    void (*make)(void);
    int status;
    const char *text;
} mistakes[] = {
    {second_input_empty, TRAM_ERR_INVALID, "the limit of input 1 is 0 bytes; it can be 1 to 4294967296"},
    {empty_constant, TRAM_ERR_INVALID, "the limit of a constant is 0 bytes; it can be 1 to 4294967296"},
    {limit_of_constant, TRAM_ERR_INVALID, "a limit for a constant"},
    {constant_as_output, TRAM_ERR_INVALID, "an output is not a task"},
    {list_as_output, TRAM_ERR_INVALID, "an output is not a task"},
    {list_of_foreigners, TRAM_ERR_INVALID, "argument 1 of a list is a node of another graph"},
    {result_too_high, TRAM_ERR_INVALID, "result 1 of Add#1.add, which has 1"},
    {result_of_input, TRAM_ERR_INVALID, "the node of a result is not a task"},
    {after_input, TRAM_ERR_INVALID, "the earlier end of a control edge is not a task"},
    {unit_of_one_actor, TRAM_ERR_INVALID, "a unit of two tasks of actor Add#1, which runs one at a time"},
    {two_units, TRAM_ERR_INVALID, "Add#1.add is in two units"},
    {empty_unit, TRAM_ERR_INVALID, "a unit of no tasks"},
    {task_twice_in_a_unit, TRAM_ERR_INVALID, "Add#1.add is in a unit twice"},
    {lists_too_deep, TRAM_ERR_TOO_LARGE, "lists in lists, more than 64 deep"},
    {empty_input, TRAM_ERR_INVALID, "the limit of the input is 0 bytes; it can be 1 to 4294967296"},
    {giant_input, TRAM_ERR_INVALID, "the limit of the input is 4294967297 bytes; it can be 1 to 4294967296"},
    {empty_limit, TRAM_ERR_INVALID, "the limit of a result is 0 bytes; it can be 1 to 4294967296"},
    {giant_limit, TRAM_ERR_INVALID,
     "the limit of a result is 18446744073709551615 bytes; it can be 1 to 4294967296"},
    {limit_of_nothing, TRAM_ERR_INVALID, "the node of a limit is not a node"},
    {limit_elsewhere, TRAM_ERR_INVALID, "the node of a limit is a node of another graph"},
    {no_argument, TRAM_ERR_INVALID,
     "Add#1.add takes nothing, so its result needs a limit (tram_graph_limit)"},
    {too_many_arguments, TRAM_ERR_TOO_LARGE, "Add#1.add has more than 1024 arguments"},
    {argument_elsewhere, TRAM_ERR_INVALID, "argument 1 of Add#1.add is a node of another graph"},
    {argument_that_is_none, TRAM_ERR_INVALID, "argument 0 of Add#1.add is not a node"},
    {argument_without_graph, TRAM_ERR_INVALID, "argument 0 of Add#1.add is a node of another graph"},
    {no_output, TRAM_ERR_INVALID, "the graph has no output"},
    {nothing, TRAM_ERR_INVALID, "the graph has no output"},
    {input_as_output, TRAM_ERR_INVALID, "an output is not a task"},
    {output_twice, TRAM_ERR_INVALID, "Add#1.add is an output twice"},
    {output_elsewhere, TRAM_ERR_INVALID, "an output is a node of another graph"},
    {output_that_is_none, TRAM_ERR_INVALID, "an output is not a node"},
    {too_many_nodes, TRAM_ERR_FULL, "more than 1048576 nodes"},
    {one_after_the_other, TRAM_ERR_INVALID, "the limit of the input is 0 bytes; it can be 1 to 4294967296"},
};

static void every_mistake_has_its_message(void **state) {
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        mistakes[i].make();
        expect_mistake(mistakes[i].status, mistakes[i].text);
        tear_down(state);
        assert_int_equal(set_up(state), 0);
    }
}

static void the_first_mistake_wins(void **state) {
    (void)state;
    struct tram_node none = tram__graph_mistake(g, TRAM_ERR_NOT_FOUND, "the %s", "first");
    assert_ptr_equal(none.graph, g);
    expect_mistake(TRAM_ERR_NOT_FOUND, "the first");
    empty_input();
    no_argument();
    output_twice();
    input_as_output();
    assert_ptr_equal(tram__graph_mistake(g, TRAM_ERR_FULL, "the second").graph, g);
    expect_mistake(TRAM_ERR_NOT_FOUND, "the first");
}

/* Refused, and then as it was. */
static void a_frozen_graph_stays(void **state) {
    (void)state;
    struct tram_node task = TASK(tram_graph_input(g, 8));
    tram_graph_output(g, task);
    g->frozen = true;
    uint32_t nodes = g->node_count;
    tram__fail(TRAM_ERR_FULL, "something else");
    tram_graph_input(g, 8);
    assert_int_equal(tram_last_error()->status, TRAM_ERR_INVALID);
    assert_string_equal(tram_last_error()->text, "the graph was compiled and takes no changes");
    tram_graph_limit(g, task, 1);
    tram_graph_unit(g, 1, &task);
    assert_int_equal(tram__graph_check(g), TRAM_OK);
    assert_int_equal(g->node_count, nodes);
    assert_int_equal(g->nodes[task.index].bytes, 8);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_good_graph_passes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(limits_are_those_of_the_arguments, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_mistake_has_its_message, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_first_mistake_wins, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_frozen_graph_stays, set_up, tear_down),
    };
    tram_graph_destroy(NULL);
    return cmocka_run_group_tests_name("graph", tests, NULL, NULL);
}
