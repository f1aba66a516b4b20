/* SPDX-License-Identifier: Apache-2.0 */
#include "schedule/schedule.h"

#include "base/error.h"
#include "base/test_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { ACTORS = 5 };

static const char actors[ACTORS]; /* only their addresses count */
static const char *const names[ACTORS] = {"A", "B", "C", "D", "E"};

static struct tram_node add(struct tram_graph *g, int actor, const char *method, size_t count,
                            const struct tram_node *args) {
    const struct tram__node like = {.actor = (struct tram_actor *)(uintptr_t)&actors[actor],
                                    .actor_index = (uint32_t)actor,
                                    .actor_name = (char *)(uintptr_t)names[actor],
                                    .method = (char *)(uintptr_t)method,
                                    .forwards = method[0] == 'f'}; /* "forward" and the like do */
    return tram__graph_add_task(g, &like, count, args);
}

#define TASK(g, actor, method, ...)                                                                   \
    add((g), (actor), (method), sizeof((struct tram_node[]){__VA_ARGS__}) / sizeof(struct tram_node), \
        (struct tram_node[]){__VA_ARGS__})

/* ---- golden texts ---- */

static void expect(struct tram_graph *g, const char *golden) {
    struct tram__schedule *s;
    char *text = NULL;
    size_t size = 0;
    assert_int_equal(tram__graph_check(g), TRAM_OK);
    assert_int_equal(tram__schedule_create(g, &s), TRAM_OK);
    FILE *out = open_memstream(&text, &size);
    tram__schedule_print(s, out);
    fclose(out);
    assert_string_equal(text, golden);
    free(text);
    tram__schedule_destroy(s);
    tram_graph_destroy(g);
}

static struct tram_graph *new_graph(void) {
    struct tram_graph *g;
    assert_int_equal(tram_graph_create(NULL, &g), TRAM_OK);
    return g;
}

static void echo(void **state) {
    (void)state;
    struct tram_graph *g = new_graph();
    tram_graph_output(g, TASK(g, 0, "echo", tram_graph_input(g, 64)));
    expect(g, "driver\n"
              "  WRITE   c0 input -> A, 64 B\n"
              "  READ    c1 A.echo\n"
              "A\n"
              "  READ    c0 input\n"
              "  COMPUTE A.echo(c0) then releases c0\n"
              "  WRITE   c1 A.echo -> driver, 64 B\n");
}

static void chain_of_three(void **state) {
    (void)state;
    struct tram_graph *g = new_graph();
    struct tram_node node = tram_graph_input(g, 8);
    for (int i = 0; i < 3; i++)
        node = TASK(g, i, "step", node);
    tram_graph_limit(g, node, 5000);
    tram_graph_output(g, node);
    expect(g, "driver\n"
              "  WRITE   c0 input -> A, 8 B\n"
              "  READ    c3 C.step\n"
              "A\n"
              "  READ    c0 input\n"
              "  COMPUTE A.step(c0) then releases c0\n"
              "  WRITE   c1 A.step -> B, 8 B\n"
              "B\n"
              "  READ    c1 A.step\n"
              "  COMPUTE B.step(c1) then releases c1\n"
              "  WRITE   c2 B.step -> C, 8 B\n"
              "C\n"
              "  READ    c2 B.step\n"
              "  COMPUTE C.step(c2) then releases c2\n"
              "  WRITE   c3 C.step -> driver, 5000 B\n");
}

static void scatter_and_gather(void **state) {
    (void)state;
    struct tram_graph *g = new_graph();
    struct tram_node in = tram_graph_input(g, 8), part[3];
    for (int i = 0; i < 3; i++)
        part[i] = TASK(g, i, "work", in);
    tram_graph_output(g, TASK(g, 3, "gather", part[0], part[1], part[2]));
    expect(g, "driver\n"
              "  WRITE   c0 input -> A, B, C, 8 B\n"
              "  READ    c4 D.gather\n"
              "A\n"
              "  READ    c0 input\n"
              "  COMPUTE A.work(c0) then releases c0\n"
              "  WRITE   c1 A.work -> D, 8 B\n"
              "B\n"
              "  READ    c0 input\n"
              "  COMPUTE B.work(c0) then releases c0\n"
              "  WRITE   c2 B.work -> D, 8 B\n"
              "C\n"
              "  READ    c0 input\n"
              "  COMPUTE C.work(c0) then releases c0\n"
              "  WRITE   c3 C.work -> D, 8 B\n"
              "D\n"
              "  READ    c1 A.work\n"
              "  READ    c2 B.work\n"
              "  READ    c3 C.work\n"
              "  COMPUTE D.gather(c1, c2, c3) then releases c1, c2, c3\n"
              "  WRITE   c4 D.gather -> driver, 8 B\n");
}

/* A's first result stays with A; A receives the input once for both of its tasks. */
static void one_actor_twice(void **state) {
    (void)state;
    struct tram_graph *g = new_graph();
    struct tram_node in = tram_graph_input(g, 8), first = TASK(g, 0, "first", in);
    g->nodes[first.index].forwards = false;
    tram_graph_output(g, TASK(g, 0, "second", first, in, first));
    expect(g, "driver\n"
              "  WRITE   c0 input -> A, 8 B\n"
              "  READ    c1 A.second\n"
              "A\n"
              "  READ    c0 input\n"
              "  COMPUTE A.first(c0)\n"
              "  COMPUTE A.second(A.first, c0, A.first) then releases c0\n"
              "  WRITE   c1 A.second -> driver, 8 B\n");
}

static void one_value_for_two_tasks_is_received_once(void **state) {
    (void)state;
    struct tram_graph *g = new_graph();
    struct tram_node in = tram_graph_input(g, 8), a = TASK(g, 0, "make", in);
    struct tram_node x = TASK(g, 1, "use", a, a), y = TASK(g, 1, "again", a, in);
    tram_graph_output(g, x);
    tram_graph_output(g, y);
    expect(g, "driver\n"
              "  WRITE   c0 input -> A, B, 8 B\n"
              "  READ    c2 B.use\n"
              "  READ    c3 B.again\n"
              "A\n"
              "  READ    c0 input\n"
              "  COMPUTE A.make(c0) then releases c0\n"
              "  WRITE   c1 A.make -> B, 8 B\n"
              "B\n"
              "  READ    c1 A.make\n"
              "  COMPUTE B.use(c1, c1)\n"
              "  WRITE   c2 B.use -> driver, 8 B\n"
              "  READ    c0 input\n"
              "  COMPUTE B.again(c1, c0) then releases c1, c0\n"
              "  WRITE   c3 B.again -> driver, 8 B\n");
}

static void forwards_hold_what_they_pass_on(void **state) {
    (void)state;
    struct tram_graph *g = new_graph();
    struct tram_node in = tram_graph_input(g, 4096);
    struct tram_node a = TASK(g, 0, "forward", in), b = TASK(g, 1, "forward", a), c = TASK(g, 2, "use", b);
    tram_graph_output(g, c);
    expect(g, "driver\n"
              "  WRITE   c0 input -> A, 4096 B, held by c1, c2\n"
              "  READ    c3 C.use\n"
              "A\n"
              "  READ    c0 input\n"
              "  COMPUTE A.forward(c0) then releases c0\n"
              "  WRITE   c1 A.forward -> B, 4096 B, held by c2\n"
              "B\n"
              "  READ    c1 A.forward\n"
              "  COMPUTE B.forward(c1) then releases c1\n"
              "  WRITE   c2 B.forward -> C, 4096 B\n"
              "C\n"
              "  READ    c2 B.forward\n"
              "  COMPUTE C.use(c2) then releases c2\n"
              "  WRITE   c3 C.use -> driver, 4096 B\n");
}

/* A's local result may be the input itself: A keeps it until the last task that reads the result. */
static void a_local_forward_keeps_its_message(void **state) {
    (void)state;
    struct tram_graph *g = new_graph();
    struct tram_node in = tram_graph_input(g, 200), a = TASK(g, 0, "forward", in), b = TASK(g, 0, "use", a);
    tram_graph_output(g, b);
    expect(g, "driver\n"
              "  WRITE   c0 input -> A, 200 B\n"
              "  READ    c1 A.use\n"
              "A\n"
              "  READ    c0 input\n"
              "  COMPUTE A.forward(c0)\n"
              "  COMPUTE A.use(A.forward) then releases c0\n"
              "  WRITE   c1 A.use -> driver, 200 B\n");
}

static void an_output_may_have_other_readers_too(void **state) {
    (void)state;
    struct tram_graph *g = new_graph();
    struct tram_node in = tram_graph_input(g, 8), a = TASK(g, 0, "x", in);
    tram_graph_output(g, a);
    tram_graph_output(g, TASK(g, 1, "y", a)); /* an output that others read as well */
    expect(g, "driver\n"
              "  WRITE   c0 input -> A, 8 B\n"
              "  READ    c1 A.x\n"
              "  READ    c2 B.y\n"
              "A\n"
              "  READ    c0 input\n"
              "  COMPUTE A.x(c0) then releases c0\n"
              "  WRITE   c1 A.x -> B, driver, 8 B\n"
              "B\n"
              "  READ    c1 A.x\n"
              "  COMPUTE B.y(c1) then releases c1\n"
              "  WRITE   c2 B.y -> driver, 8 B\n");
}

static struct tram_node split(struct tram_graph *g, int actor, uint32_t results, struct tram_node arg) {
    const struct tram__node like = {.actor = (struct tram_actor *)(uintptr_t)&actors[actor],
                                    .actor_index = (uint32_t)actor,
                                    .actor_name = (char *)(uintptr_t)names[actor],
                                    .method = (char *)(uintptr_t) "split",
                                    .results = results};
    return tram__graph_add_task(g, &like, 1, &arg);
}

static void parts_and_results(void **state) {
    (void)state;
    struct tram_graph *g = new_graph();
    struct tram_node small = tram_graph_input(g, 8), large = tram_graph_input(g, 4096);
    tram_graph_input(g, 16); /* nobody takes it */
    struct tram_node both = split(g, 0, 3, small), last = tram_graph_result(g, both, 2);
    tram_graph_limit(g, last, 100);
    struct tram_node end = TASK(g, 1, "join", large, tram_graph_result(g, both, 0), last);
    tram_graph_output(g, end);
    tram_graph_output(g, last);
    expect(g, "driver\n"
              "  WRITE   c0 input 0 -> A, 8 B\n"
              "  WRITE   c1 input 1 -> B, 4096 B\n"
              "  READ    c4 B.join\n"
              "  READ    c3 A.split[2]\n"
              "A\n"
              "  READ    c0 input 0\n"
              "  COMPUTE A.split(c0) then releases c0\n"
              "  WRITE   c2 A.split -> B, 8 B\n"
              "  WRITE   c3 A.split[2] -> B, driver, 100 B\n"
              "B\n"
              "  READ    c1 input 1\n"
              "  READ    c2 A.split\n"
              "  READ    c3 A.split[2]\n"
              "  COMPUTE B.join(c1, c2, c3) then releases c1, c2, c3\n"
              "  WRITE   c4 B.join -> driver, 4096 B\n");
}

static void lists_constants_and_no_input(void **state) {
    (void)state;
    struct tram_graph *g = new_graph();
    struct tram_node one = tram_graph_constant(g, "abc", 3), made = add(g, 0, "make", 0, NULL);
    tram_graph_limit(g, made, 32);
    struct tram_node inner = tram_graph_list(g, made, one);
    tram_graph_output(g, TASK(g, 1, "use", tram_graph_list(g, inner, one), made, one));
    expect(g,
           "driver\n"
           "  WRITE   c2 start -> A\n"
           "  READ    c1 B.use\n"
           "A\n"
           "  READ    c2 start\n"
           "  COMPUTE A.make() then releases c2\n"
           "  WRITE   c0 A.make -> B, 32 B\n"
           "B\n"
           "  READ    c0 A.make\n"
           "  COMPUTE B.use([[c0, constant of 3 B], constant of 3 B], c0, constant of 3 B) then releases c0\n"
           "  WRITE   c1 B.use -> driver, 32 B\n");
}

static void control_edges(void **state) {
    (void)state;
    struct tram_graph *g = new_graph();
    struct tram_node in = tram_graph_input(g, 8), a = TASK(g, 0, "begin", in), b = TASK(g, 1, "second", in);
    struct tram_node c = TASK(g, 1, "third", in);
    tram_graph_after(g, b, a);
    tram_graph_after(g, c, a);
    tram_graph_after(g, c, b); /* in bind order anyway */
    tram_graph_output(g, c);
    expect(g, "driver\n"
              "  WRITE   c0 input -> A, B, 8 B\n"
              "  READ    c1 B.third\n"
              "A\n"
              "  READ    c0 input\n"
              "  COMPUTE A.begin(c0) then releases c0\n"
              "  WRITE   c2 A.begin -> B, 8 B\n"
              "B\n"
              "  READ    c0 input\n"
              "  READ    c2 A.begin\n"
              "  COMPUTE B.second(c0) then releases c2\n"
              "  COMPUTE B.third(c0) then releases c0\n"
              "  WRITE   c1 B.third -> driver, 8 B\n");
}

static void a_unit_begins_together(void **state) {
    (void)state;
    struct tram_graph *g = new_graph();
    struct tram_node in = tram_graph_input(g, 8), a = TASK(g, 0, "left", in), b = TASK(g, 1, "right", in);
    tram_graph_unit(g, 2, (struct tram_node[]){a, b});
    tram_graph_output(g, a);
    tram_graph_output(g, b);
    expect(g, "driver\n"
              "  WRITE   c0 input -> A, B, 8 B\n"
              "  READ    c1 A.left\n"
              "  READ    c2 B.right\n"
              "A\n"
              "  READ    c0 input\n"
              "  WRITE   c3 token of A.left -> B\n"
              "  READ    c4 token of B.right\n"
              "  COMPUTE A.left(c0) then releases c0, c4\n"
              "  WRITE   c1 A.left -> driver, 8 B\n"
              "B\n"
              "  READ    c0 input\n"
              "  WRITE   c4 token of B.right -> A\n"
              "  READ    c3 token of A.left\n"
              "  COMPUTE B.right(c0) then releases c0, c3\n"
              "  WRITE   c2 B.right -> driver, 8 B\n");
}

/* ---- pictures ---- */

static void drawn(struct tram_graph *g, const char *suffix, unsigned show, char *text, size_t size) {
    char path[64] = "/tmp/tramline_schedule_test.XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    unlink(path);
    strcat(path, suffix);
    assert_int_equal(tram_graph_visualize(g, path, show), TRAM_OK);
    FILE *f = fopen(path, "r");
    size_t n = fread(text, 1, size - 1, f);
    text[n] = '\0';
    fclose(f);
    unlink(path);
}

static void graphs_are_drawn(void **state) {
    (void)state;
    static char text[1 << 16];
    struct tram_graph *g = new_graph();
    struct tram_node in = tram_graph_input(g, 8), both = split(g, 0, 2, in);
    struct tram_node end = TASK(g, 1, "say \"hi\"", tram_graph_list(g, tram_graph_result(g, both, 1)),
                                tram_graph_constant(g, "k", 1));
    struct tram_node same = TASK(g, 1, "more", end);
    tram_graph_after(g, same, both);
    tram_graph_unit(g, 2, (struct tram_node[]){both, TASK(g, 2, "other", in)});
    tram_graph_output(g, same);
    tram_graph_output(g, both);
    drawn(g, ".dot", TRAM_SHOW_SIZES, text, sizeof text);
    assert_non_null(strstr(text, "n0 [label=\"input\", shape=box, style=\"rounded,bold\"]"));
    assert_non_null(strstr(text, "n1 [label=\"A.split\", shape=box, style=filled, fillcolor=\"#8dd3c7\"]"));
    assert_non_null(
        strstr(text, "[label=\"B.say \\\"hi\\\"\", shape=box, style=filled, fillcolor=\"#ffffb3\"]"));
    assert_non_null(strstr(text, "n0 -> n1 [label=\"8 B, shm\"]"));
    assert_non_null(strstr(text, "n1 -> n5 [label=\"[1] 8 B, shm\"]"));
    assert_non_null(strstr(text, "n5 -> n6 [label=\"8 B, local\", style=dashed]"));
    assert_non_null(strstr(text, "n1 -> n6 [style=dotted, arrowhead=empty]"));
    assert_non_null(strstr(text, "label=\"unit 0\"; style=dashed; n1; n7;"));
    assert_non_null(strstr(text, "n6 -> out0"));
    drawn(g, ".dot", TRAM_SHOW_SCHEDULE, text, sizeof text);
    assert_non_null(strstr(text, "label=\"driver\""));
    assert_non_null(strstr(text, "COMPUTE\\nA.split"));
    drawn(g, ".txt", 0, text, sizeof text);
    assert_non_null(strstr(text, "  WRITE   c0 input -> A, C, 8 B\n"));
    assert_int_equal(tram_graph_visualize(g, "x.pdf", 0), TRAM_ERR_INVALID);
    tram_graph_limit(g, end, 99); /* it is not frozen by being drawn */
    assert_int_equal(tram__graph_check(g), TRAM_OK);
    tram_graph_destroy(g);
}

/* ---- impossible orders ---- */

static void expect_deadlock(struct tram_graph *g, const char *text) {
    struct tram__schedule *s;
    assert_int_equal(tram__graph_check(g), TRAM_OK);
    assert_int_equal(tram__schedule_create(g, &s), TRAM_ERR_INVALID);
    assert_string_equal(tram_last_error()->text, text);
    tram_graph_destroy(g);
}

/* ---- how tensors travel ---- */

enum { ONE = 1, TWO, KEEPS, ALONE, PINS, WRITABLE };

static const struct tram__ties ties[] = {
    [ONE] = {.identity = ONE, .reaches = {TWO, KEEPS}, .reach_count = 2, .lends = true},
    [TWO] = {.identity = TWO, .reaches = {ONE}, .reach_count = 1, .lends = true},
    [KEEPS] = {.identity = KEEPS, .reaches = {ONE}, .reach_count = 1, .why_not = "it is mine"},
    [ALONE] = {.identity = ALONE, .lends = true},
    [PINS] = {.identity = PINS, .lends = true, .pins = true, .pins_read_only = true},
    [WRITABLE] = {.identity = WRITABLE, .lends = true, .pins = true},
};
static const char *const devices[] = {
    [ONE] = "x:1", [TWO] = "x:2", [KEEPS] = "x:3", [ALONE] = "x:4", [PINS] = "y:1", [WRITABLE] = "y:2"};

/* A task of an actor with this device; 0: none. */
static struct tram_node on_device(struct tram_graph *g, int actor, int device, struct tram_node arg) {
    const struct tram__node like = {.actor = (struct tram_actor *)(uintptr_t)&actors[actor],
                                    .actor_index = (uint32_t)actor,
                                    .actor_name = (char *)(uintptr_t)names[actor],
                                    .method = (char *)(uintptr_t) "t",
                                    .device = (char *)(uintptr_t)devices[device],
                                    .ties = device ? &ties[device] : NULL};
    return tram__graph_add_task(g, &like, 1, &arg);
}

/* A makes a tensor on this device, B and C take it on theirs; `says`: a part of the schedule, or how the error goes on after
 * "the tensor of A.t". */
static void travels(int from, int to_b, int to_c, enum tram_transport transport, enum tram_where target,
                    const char *says) {
    static const char refused[] = "the tensor of A.t";
    struct tram_tensor_hint h = {.tensor = {.dtype = TRAM_F32, .rank = 1, .shape = {1000}},
                                 .is_static = 1,
                                 .transport = transport,
                                 .target = target};
    struct tram_graph *g = new_graph();
    struct tram__schedule *s;
    char *text = NULL;
    size_t size = 0;
    struct tram_node made = on_device(g, 0, from, tram_graph_input(g, 8));
    tram_graph_tensor(g, made, &h);
    for (int i = 0; i < 2; i++) {
        struct tram_node end = on_device(g, 1 + i, i ? to_c : to_b, made);
        tram_graph_limit(g, end, 8);
        tram_graph_output(g, end);
    }
    int status = tram__graph_check(g);
    if (status || (status = tram__schedule_create(g, &s))) {
        assert_int_equal(status, TRAM_ERR_INVALID);
        assert_memory_equal(tram_last_error()->text, refused, sizeof refused - 1);
        assert_string_equal(tram_last_error()->text + sizeof refused - 1, says);
    } else {
        FILE *out = open_memstream(&text, &size);
        tram__schedule_print(s, out);
        fclose(out);
        if (!strstr(text, says))
            fail_msg("'%s' is not in\n%s", says, text);
        free(text);
        tram__schedule_destroy(s);
    }
    tram_graph_destroy(g);
}

#define BY(name) TRAM_TRANSPORT_##name

static void tensors_travel(void **state) {
    (void)state;
    travels(ONE, ONE, ONE, BY(AUTO), 0, "A.t -> B, C, 32 B, f32 [1000] by ipc\n");
    travels(ONE, TWO, ONE, BY(IPC), 0, "A.t -> B, C, 32 B, f32 [1000] by ipc, copied by B\n");
    travels(ONE, TWO, TWO, BY(AUTO), 0, "A.t -> B, C, 32 B, f32 [1000] by ipc, copied by B and C\n");
    travels(ONE, ONE, ALONE, BY(AUTO), 0, "A.t -> B, C, 4024 B, f32 [1000] by staged\n");
    travels(KEEPS, KEEPS, KEEPS, BY(AUTO), 0, "A.t -> B, C, 4024 B, f32 [1000] by staged\n");
    travels(ONE, 0, ONE, BY(AUTO), 0, "f32 [1000] by staged\n");
    travels(ONE, ONE, ONE, BY(AUTO), TRAM_ON_CPU, "f32 [1000] by staged\n");
    travels(0, 0, 0, BY(AUTO), 0, "f32 [1000] by shm\n");
    travels(0, 0, 0, BY(STAGED), 0, "f32 [1000] by staged\n");
    travels(ONE, ONE, ONE, BY(STAGED), TRAM_ON_DEVICE, "f32 [1000] by staged\n");
    travels(ONE, ONE, ONE, BY(SHM), 0, "f32 [1000] by shm\n");
    travels(PINS, 0, 0, BY(AUTO), 0, "f32 [1000] by pinned\n");
    travels(PINS, PINS, PINS, BY(AUTO), 0, "f32 [1000] by ipc\n");
    travels(PINS, WRITABLE, PINS, BY(PINNED), 0, "f32 [1000] by pinned, copied by B\n");
    travels(0, 0, WRITABLE, BY(AUTO), 0, "f32 [1000] by pinned, copied by C\n");
    travels(0, 0, WRITABLE, BY(AUTO), TRAM_ON_CPU, "f32 [1000] by pinned\n");
    travels(ONE, 0, 0, BY(PINNED), 0, "f32 [1000] by pinned\n");
}

static void tensors_that_cannot_travel(void **state) {
    (void)state;
    travels(ONE, ONE, ALONE, BY(IPC), 0,
            " cannot travel by ipc: actor C on x:4 cannot reach the memory of actor A on x:1");
    travels(KEEPS, ONE, ONE, BY(IPC), 0,
            " cannot travel by ipc: actor A on x:3 cannot lend its memory (it is mine)");
    travels(ONE, ONE, PINS, BY(IPC), 0, " cannot travel by ipc: actor A is on x:1, actor C on y:1");
    travels(ONE, 0, ONE, BY(IPC), 0, " cannot travel by ipc: actor B has no device");
    travels(ONE, ONE, ONE, BY(SHM), TRAM_ON_DEVICE,
            ": by shm it stays in host memory, and it is wanted on the device");
    travels(0, 0, 0, BY(PINNED), 0,
            " cannot travel by pinned: no actor that makes it or takes it has a device");
    travels(ONE, ONE, ONE, (enum tram_transport)77, 0, ": transport 77");
}

static void units_in_two_orders(void **state) {
    (void)state;
    struct tram_graph *g = new_graph();
    struct tram_node in = tram_graph_input(g, 8);
    struct tram_node a1 = TASK(g, 0, "a1", in), a2 = TASK(g, 0, "a2", in);
    struct tram_node b1 = TASK(g, 1, "b1", in), b2 = TASK(g, 1, "b2", in);
    tram_graph_unit(g, 2, (struct tram_node[]){a1, b2});
    tram_graph_unit(g, 2, (struct tram_node[]){a2, b1});
    tram_graph_output(g, a2);
    expect_deadlock(g, "deadlock: {A.a1 + B.b2} waits for {A.a2 + B.b1} waits for {A.a1 + B.b2}");
}

static void a_late_control_edge(void **state) {
    (void)state;
    struct tram_graph *g = new_graph();
    struct tram_node a = TASK(g, 0, "begin", tram_graph_input(g, 8)), b = TASK(g, 1, "middle", a);
    struct tram_node c = TASK(g, 2, "end", b);
    tram_graph_output(g, c);
    tram_graph_after(g, a, c);
    expect_deadlock(g, "deadlock: A.begin waits for C.end waits for B.middle waits for A.begin");
}

static void against_bind_order(void **state) {
    (void)state;
    struct tram_graph *g = new_graph();
    struct tram_node in = tram_graph_input(g, 8), a = TASK(g, 0, "one", in), b = TASK(g, 0, "two", in);
    tram_graph_output(g, b);
    tram_graph_after(g, a, b);
    expect_deadlock(g, "deadlock: A.one waits for A.two waits for A.one");
}

static void after_itself(void **state) {
    (void)state;
    struct tram_graph *g = new_graph();
    struct tram_node a = TASK(g, 0, "one", tram_graph_input(g, 8));
    tram_graph_output(g, a);
    tram_graph_after(g, a, a);
    expect_deadlock(g, "deadlock: A.one waits for A.one");
}

/* ---- invariants of random graphs ---- */

static struct tram_graph *random_graph(uint64_t *random) {
    struct tram_graph *g = new_graph();
    uint32_t tasks = 1 + (uint32_t)(tram__test_random(random) % 24);
    uint32_t some = 1 + (uint32_t)(tram__test_random(random) % ACTORS);
    bool forwards = tram__test_random(random) % 2;
    tram_graph_input(g, 8);
    for (uint32_t i = 1; i <= tasks; i++) {
        struct tram_node args[4];
        size_t count = 1 + tram__test_random(random) % 4;
        for (size_t k = 0; k < count; k++)
            args[k] = (struct tram_node){g, (uint32_t)(tram__test_random(random) % i)};
        bool forward = forwards && tram__test_random(random) % 2;
        add(g, (int)(tram__test_random(random) % some), forward ? "f" : "m", count, args);
    }
    for (uint32_t i = 1; i < g->node_count; i++)
        if (i == tasks || tram__test_random(random) % 5 == 0)
            tram_graph_output(g, (struct tram_node){g, i});
    assert_int_equal(tram__graph_check(g), TRAM_OK);
    return g;
}

static bool reads(const struct tram__channel_plan *c, uint32_t participant) {
    uint32_t times = 0;
    for (uint32_t i = 0; i < c->reader_count; i++)
        times += c->readers[i] == participant;
    assert_in_range(times, 0, 1);
    return times;
}

/* Every value that must cross reaches each other participant that uses it, and nobody else. */
static void check_channels(const struct tram__schedule *s) {
    const struct tram_graph *g = s->graph;
    for (uint32_t c = 0; c < s->channel_count; c++) {
        const struct tram__channel_plan *plan = &s->channels[c];
        assert_true(plan->reader_count > 0);
        assert_int_equal(plan->capacity, g->nodes[plan->node].bytes);
        for (uint32_t p = 0; p < s->participant_count; p++) {
            bool uses = false;
            for (uint32_t v = 0; v < g->node_count; v++)
                for (uint32_t k = 0; k < g->nodes[v].arg_count; k++)
                    uses |=
                        g->nodes[v].args[k] == plan->node && g->nodes[v].actor == s->participants[p].actor;
            for (uint32_t i = 0; p == 0 && i < g->output_count; i++)
                uses |= g->outputs[i] == plan->node;
            assert_int_equal(reads(plan, p), uses && p != plan->writer);
        }
        for (uint32_t d = 0; d < c; d++)
            assert_int_not_equal(s->channels[d].node, plan->node);
    }
    assert_int_equal(s->output_count, g->output_count);
    for (uint32_t i = 0; i < s->output_count; i++)
        assert_int_equal(s->channels[s->outputs[i]].node, g->outputs[i]);
}

/* Whether node v may hold node u's payload by reference. */
static bool holds(const struct tram_graph *g, uint32_t v, uint32_t u) {
    if (u == v)
        return true;
    bool any = false;
    for (uint32_t k = 0; g->nodes[v].forwards && k < g->nodes[v].arg_count; k++)
        any |= g->nodes[v].args[k] >= u && holds(g, g->nodes[v].args[k], u);
    return any;
}

static void check_carriers(const struct tram__schedule *s) {
    for (uint32_t c = 0; c < s->channel_count; c++) {
        const struct tram__channel_plan *plan = &s->channels[c];
        for (uint32_t d = 0; d < s->channel_count; d++) {
            uint32_t times = 0;
            for (uint32_t i = 0; i < plan->carrier_count; i++)
                times += plan->carriers[i] == d;
            assert_int_equal(times, d != c && holds(s->graph, s->channels[d].node, plan->node));
        }
    }
}

/* READ before use, WRITE directly after its COMPUTE, every task once and in order. */
static void check_order(const struct tram__schedule *s, const struct tram__participant_plan *p) {
    bool read[64] = {false};
    uint32_t next = 0;
    for (uint32_t i = 0; i < p->op_count; i++) {
        const struct tram__op *op = &p->ops[i];
        if (op->kind == TRAM__OP_READ) {
            assert_false(read[op->index]); /* once */
            read[op->index] = true;
            assert_true(reads(&s->channels[op->index], (uint32_t)(p - s->participants)));
        } else if (op->kind == TRAM__OP_COMPUTE) {
            const struct tram__task_plan *t = &p->tasks[op->index];
            assert_int_equal(op->index, next++);
            for (uint32_t k = 0; k < t->arg_count; k++) {
                uint32_t from = t->args[k].index, node = s->graph->nodes[t->node].args[k];
                if (t->args[k].kind == TRAM__FROM_CHANNEL)
                    assert_true(read[from] && s->channels[from].node == node);
                else
                    assert_true(from < op->index && p->tasks[from].node == node);
            }
            bool written = i + 1 < p->op_count && op[1].kind == TRAM__OP_WRITE;
            int32_t channel = t->results[0].channel;
            assert_int_equal(written, channel >= 0);
            if (written)
                assert_true(op[1].index == (uint32_t)channel && s->channels[channel].node == t->node);
        } else if (p->actor) {
            assert_true(i > 0 && op[-1].kind == TRAM__OP_COMPUTE);
        }
    }
    assert_int_equal(next, p->task_count);
    for (uint32_t c = 0; c < s->channel_count; c++)
        assert_int_equal(read[c], reads(&s->channels[c], (uint32_t)(p - s->participants)));
}

/* The result of p's task may be the message of channel c, passed on within p. What came by way of another participant
 * is held by the ack of the channel that brought it. */
static bool refers(const struct tram__schedule *s, const struct tram__participant_plan *p, uint32_t task,
                   uint32_t c) {
    const struct tram__task_plan *t = &p->tasks[task];
    bool any = false;
    for (uint32_t k = 0; s->graph->nodes[t->node].forwards && k < t->arg_count; k++)
        any |=
            t->args[k].kind == TRAM__FROM_CHANNEL ? t->args[k].index == c : refers(s, p, t->args[k].index, c);
    return any;
}

/* Each message is released once, at or after the last task that may look at it, by way of locals too. */
static void check_releases(const struct tram__schedule *s, const struct tram__participant_plan *p) {
    for (uint32_t c = 0; c < s->channel_count; c++) {
        uint32_t times = 0, released_at = 0, last_use = 0;
        for (uint32_t i = 0; i < p->task_count; i++) {
            const struct tram__task_plan *t = &p->tasks[i];
            for (uint32_t k = 0; k < t->release_count; k++)
                if (t->releases[k] == c)
                    times++, released_at = i;
            for (uint32_t k = 0; k < t->arg_count; k++) {
                if (t->args[k].kind == TRAM__FROM_CHANNEL && t->args[k].index == c)
                    last_use = i;
                if (t->args[k].kind == TRAM__FROM_TASK && refers(s, p, t->args[k].index, c))
                    last_use = i;
            }
        }
        assert_int_equal(times, p->actor && reads(&s->channels[c], (uint32_t)(p - s->participants)));
        if (times)
            assert_true(released_at >= last_use);
    }
}

/* With room for one message everywhere, an execution comes to its end: nobody waits for what comes later. */
static void check_it_ends(const struct tram__schedule *s) {
    bool written[64] = {false}, moved = true;
    uint32_t at[ACTORS + 1] = {0}, left = 0;
    for (uint32_t p = 0; p < s->participant_count; p++)
        left += s->participants[p].op_count;
    while (moved) {
        moved = false;
        for (uint32_t p = 0; p < s->participant_count; p++) {
            const struct tram__participant_plan *part = &s->participants[p];
            for (; at[p] < part->op_count; at[p]++, left--, moved = true) {
                const struct tram__op *op = &part->ops[at[p]];
                if (op->kind == TRAM__OP_READ && !written[op->index])
                    break;
                if (op->kind == TRAM__OP_WRITE)
                    written[op->index] = true;
            }
        }
    }
    assert_int_equal(left, 0);
}

static void random_graphs_keep_the_rules(void **state) {
    (void)state;
    uint64_t seed = tram__test_seed(), random = seed;
    printf("TRAM_TEST_SEED=%llu\n", (unsigned long long)seed);
    for (int i = 0; i < 4000; i++) {
        struct tram_graph *g = random_graph(&random);
        struct tram__schedule *s;
        assert_int_equal(tram__schedule_create(g, &s), TRAM_OK);
        check_channels(s);
        check_carriers(s);
        for (uint32_t p = 0; p < s->participant_count; p++) {
            check_order(s, &s->participants[p]);
            check_releases(s, &s->participants[p]);
        }
        check_it_ends(s);
        tram__schedule_destroy(s);
        tram_graph_destroy(g);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(echo),
        cmocka_unit_test(chain_of_three),
        cmocka_unit_test(scatter_and_gather),
        cmocka_unit_test(one_actor_twice),
        cmocka_unit_test(one_value_for_two_tasks_is_received_once),
        cmocka_unit_test(forwards_hold_what_they_pass_on),
        cmocka_unit_test(a_local_forward_keeps_its_message),
        cmocka_unit_test(an_output_may_have_other_readers_too),
        cmocka_unit_test(parts_and_results),
        cmocka_unit_test(lists_constants_and_no_input),
        cmocka_unit_test(control_edges),
        cmocka_unit_test(a_unit_begins_together),
        cmocka_unit_test(graphs_are_drawn),
        cmocka_unit_test(tensors_travel),
        cmocka_unit_test(tensors_that_cannot_travel),
        cmocka_unit_test(units_in_two_orders),
        cmocka_unit_test(a_late_control_edge),
        cmocka_unit_test(against_bind_order),
        cmocka_unit_test(after_itself),
        cmocka_unit_test(random_graphs_keep_the_rules),
    };
    tram__schedule_destroy(NULL);
    return cmocka_run_group_tests_name("schedule", tests, NULL, NULL);
}
