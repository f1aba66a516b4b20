/* SPDX-License-Identifier: Apache-2.0
 *
 * What a graph can say: parts of the input, several results, constants, lists, tasks without arguments, control edges
 * and units; each shown by what comes out of executions.
 */
#include "testing.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static struct tram *runtime;
static struct tram_actor *actors[3];
static struct tram_graph *g;
static struct tram_compiled *x;

/* What the tasks of all actors note down, in the order of time. */
static struct log {
    _Atomic uint32_t next;
    char who[1 << 16];
} * history;

/* ---- methods ---- */

/* Renders its arguments: "(ab,[c,[d]],)". */
static size_t render(struct tram_list l, char *out, size_t size) {
    size_t used = 0;
    for (size_t i = 0; i < tram_list_count(l); i++) {
        struct tram_bytes b = tram_list_bytes(l, i);
        struct tram_list inner = tram_list_at(l, i);
        if (i)
            out[used++] = ',';
        if (b.data) {
            memcpy(out + used, b.data, b.size);
            used += b.size;
        } else {
            out[used++] = '[';
            used += render(inner, out + used, size - used);
            out[used++] = ']';
        }
    }
    return used;
}

static int show(void *self, struct tram_call *c) {
    (void)self;
    static char text[8192];
    return tram_result_copy(c, 0, text, render(tram_args(c), text, sizeof text));
}

/* Its argument, its argument twice, and its length as a digit; the fourth result it leaves alone. */
static int split(void *self, struct tram_call *c) {
    (void)self;
    struct tram_bytes in = tram_arg(c, 0);
    char digit = (char)('0' + in.size);
    char *twice = tram_result_reserve(c, 1, 2 * in.size);
    if (!twice)
        return 0;
    memcpy(twice, in.data, in.size);
    memcpy(twice + in.size, in.data, in.size);
    int code = tram_result_copy(c, 0, in.data, in.size);
    if (!code)
        code = tram_result_copy(c, 2, &digit, 1);
    if (in.size == 1 && *(const char *)in.data == '!')
        return tram_fail(c, 5, "no splitting of that");
    return code;
}

/* Result 0 is argument 1 and result 1 is argument 0, by reference. */
static int swap(void *self, struct tram_call *c) {
    (void)self;
    int code = tram_forward(c, 0, 1);
    return code ? code : tram_forward(c, 1, 0);
}

/* Notes its actor's letter down; its result is how often it ran. */
static int note(void *self, struct tram_call *c) {
    char *me = self;
    uint32_t at = atomic_fetch_add(&history->next, 1);
    history->who[at % sizeof history->who] = me[0];
    ((uint32_t *)self)[1]++;
    return tram_result_copy(c, 0, (uint32_t *)self + 1, sizeof(uint32_t));
}

/* Notes, waits a little, notes again in upper case. */
static int meet(void *self, struct tram_call *c) {
    char *me = self;
    history->who[atomic_fetch_add(&history->next, 1) % sizeof history->who] = me[0];
    test_pause_ms(2);
    history->who[atomic_fetch_add(&history->next, 1) % sizeof history->who] = (char)(me[0] - 'a' + 'A');
    return tram_result_copy(c, 0, me, 1);
}

static int count_args(void *self, struct tram_call *c) {
    (void)self;
    uint32_t n = (uint32_t)tram_arg_count(c);
    return tram_result_copy(c, 0, &n, sizeof n);
}

static int create(const void *args, size_t size, void **self) {
    *self = calloc(1, 8);
    if (*self && size)
        memcpy(*self, args, 1);
    return *self ? 0 : 1;
}

static void destroy(void *self) {
    free(self);
}

static const struct tram_method methods[] = {{.name = "show", .fn = show},
                                             {.name = "split", .fn = split, .results = 4},
                                             {.name = "swap", .fn = swap, .forwards = 1, .results = 2},
                                             {.name = "note", .fn = note},
                                             {.name = "meet", .fn = meet},
                                             {.name = "count", .fn = count_args},
                                             {0}};
static const struct tram_class classes[] = {
    {.name = "Say", .methods = methods, .create = create, .destroy = destroy}, {0}};

/* ---- fixtures ---- */

static int set_up(void **state) {
    (void)state;
    for (int i = 0; i < 3; i++)
        OK(tram_actor_create(runtime, "Say", &(struct tram_actor_options){.args = &"abc"[i], .args_size = 1},
                             &actors[i]));
    OK(tram_graph_create(runtime, &g));
    memset(history, 0, sizeof *history);
    x = NULL;
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    if (x)
        OK(tram_teardown(x));
    tram_graph_destroy(g);
    for (int i = 0; i < 3; i++)
        tram_actor_destroy(actors[i]);
    return 0;
}

static struct tram_node limited(struct tram_node n, size_t bytes) {
    tram_graph_limit(g, n, bytes);
    return n;
}

static struct tram_node bare(int actor, const char *method, size_t limit) {
    return limited(tram_graph_bind_args(g, actors[actor], method, 0, NULL), limit);
}

static void expect(struct tram_ref *r, const char *text) {
    char got[8192];
    size_t n = 0;
    OK(tram_get(r, got, sizeof got - 1, &n, 20));
    got[n] = '\0';
    assert_string_equal(got, text);
}

static struct tram_bytes bytes(const char *text) {
    return (struct tram_bytes){text, strlen(text)};
}

/* ---- tests ---- */

static void parts_go_where_they_are_named(void **state) {
    (void)state;
    struct tram_node one = tram_graph_input(g, 8), two = tram_graph_input(g, 5000);
    tram_graph_input(g, 3); /* for nobody */
    tram_graph_output(g, limited(tram_graph_bind(g, actors[0], "show", two, one), 6000));
    tram_graph_output(g, tram_graph_bind(g, actors[1], "show", one));
    OK(tram_graph_compile(g, &(struct tram_compile_options){.inflight = 2}, &x));
    struct tram_ref r[2];
    char large[5001];
    memset(large, 'x', 5000);
    large[5000] = '\0';
    for (int i = 0; i < 20; i++) {
        struct tram_bytes parts[] = {bytes("a"), bytes("bcd"), bytes("xyz")};
        OK(tram_execute_parts(x, 3, parts, r));
        expect(&r[0], "bcd,a");
        expect(&r[1], "a");
        parts[1] = bytes(large);
        OK(tram_execute_parts(x, 3, parts, r));
        struct tram_bytes got;
        OK(tram_get_borrow(&r[0], &got, 20));
        assert_int_equal(got.size, 5002);
        assert_memory_equal(got.data, large, 5000);
        OK(tram_release(&r[0]));
        OK(tram_release(&r[1]));
    }
    struct tram_bytes parts[] = {bytes("a"), bytes("b"), bytes("more")};
    FAILS(tram_execute_parts(x, 2, parts, r), TRAM_ERR_INVALID);
    SAYS("an input of 2 parts; the graph takes 3");
    FAILS(tram_execute(x, "a", 1, r), TRAM_ERR_INVALID);
    FAILS(tram_execute_parts(x, 3, parts, r), TRAM_ERR_TOO_LARGE);
    SAYS("part 2 of the input: 4 bytes exceed the limit of 3");
    parts[2].size = 3;
    OK(tram_execute_parts(x, 3, parts, r)); /* nothing was lost */
    expect(&r[0], "b,a");
    expect(&r[1], "a");
}

static void parts_are_filled_in_place(void **state) {
    (void)state;
    struct tram_node one = tram_graph_input(g, 8), two = tram_graph_input(g, 8192);
    tram_graph_output(g, tram_graph_bind(g, actors[0], "show", one, two));
    OK(tram_graph_compile(g, &(struct tram_compile_options){.inflight = 1}, &x));
    for (int i = 0; i < 20; i++) {
        void *room[2];
        struct tram_ref r;
        OK(tram_execute_loan_parts(x, 2, (size_t[]){4, 8192}, room));
        memcpy(room[0], "abcd", 4);
        memcpy(room[1], "efgh", 4);
        FAILS(tram_execute_commit_parts(x, 2, (size_t[]){5, 4}, &r), TRAM_ERR_TOO_LARGE);
        OK(tram_execute_commit_parts(x, 2, (size_t[]){i % 2 ? 4 : 2, 3}, &r));
        expect(&r, i % 2 ? "abcd,efg" : "ab,efg");
    }
}

static void a_task_has_several_results(void **state) {
    (void)state;
    struct tram_node s = limited(tram_graph_bind(g, actors[0], "split", tram_graph_input(g, 200)), 200);
    struct tram_node twice = tram_graph_result(g, s, 1), digit = tram_graph_result(g, s, 2);
    struct tram_node nothing = tram_graph_result(g, tram_graph_result(g, twice, 0), 3);
    limited(twice, 402);
    limited(digit, 1);
    tram_graph_output(g, tram_graph_bind(g, actors[1], "show", twice, digit));
    tram_graph_output(g, tram_graph_bind(g, actors[0], "show", digit, s)); /* never leaves the actor */
    tram_graph_output(g, digit);
    tram_graph_output(g, nothing);
    OK(tram_graph_compile(g, NULL, &x));
    struct tram_ref r[4];
    for (int i = 0; i < 50; i++) {
        OK(tram_execute(x, "hey", 3, r));
        expect(&r[2], "3");
        expect(&r[0], "heyhey,3");
        expect(&r[3], "");
        expect(&r[1], "3,hey");
    }
    char many[200];
    memset(many, 'm', sizeof many);
    OK(tram_execute(x, many, sizeof many, r)); /* the results lie in extents */
    struct tram_bytes got;
    OK(tram_get_borrow(&r[0], &got, 20));
    assert_int_equal(got.size, 402);
    OK(tram_release(&r[0]));
    for (int i = 1; i < 4; i++)
        OK(tram_release(&r[i]));
    OK(tram_execute(x, "!", 1, r)); /* a failure is that of every result */
    for (int i = 0; i < 4; i++) {
        FAILS(tram_get(&r[i], many, sizeof many, NULL, 20), TRAM_ERR_TASK);
        assert_int_equal(tram_last_error()->code, 5);
        assert_string_equal(tram_last_error()->method, "split");
        SAYS("no splitting of that");
    }
    OK(tram_execute(x, "ok", 2, r));
    expect(&r[0], "okok,2");
}

static void results_are_forwarded(void **state) {
    (void)state;
    struct tram_node one = tram_graph_input(g, 9000), two = tram_graph_input(g, 9000);
    struct tram_node s = tram_graph_bind(g, actors[0], "swap", one, two);
    struct tram_node again = tram_graph_bind(g, actors[1], "swap", s, tram_graph_result(g, s, 1));
    tram_graph_output(g, again);
    tram_graph_output(g, tram_graph_result(g, again, 1));
    tram_graph_output(g, tram_graph_result(g, s, 1));
    OK(tram_graph_compile(g, &(struct tram_compile_options){.inflight = 3}, &x));
    char *data[2] = {malloc(9000), malloc(9000)};
    struct tram_ref r[3];
    for (size_t n = 9000; n > 4500; n -= 500) {
        for (int i = 0; i < 2; i++)
            memset(data[i], (int)n / 100 + i, n);
        struct tram_bytes parts[2] = {{data[0], n}, {data[1], n - 1}}, got;
        OK(tram_execute_parts(x, 2, parts, r));
        for (int i = 0; i < 3; i++) {
            int part = i == 1; /* swapped twice, or once and the other one */
            OK(tram_get_borrow(&r[i], &got, 20));
            assert_int_equal(got.size, parts[part].size);
            assert_memory_equal(got.data, parts[part].data, got.size);
            OK(tram_release(&r[i]));
        }
    }
    free(data[0]);
    free(data[1]);
}

static void constants_and_lists(void **state) {
    (void)state;
    static char big[100000];
    memset(big, 'k', sizeof big);
    struct tram_node in = tram_graph_input(g, 8), abc = tram_graph_constant(g, "abc", 3);
    struct tram_node made = tram_graph_bind(g, actors[0], "show", in, abc);
    struct tram_node empty = tram_graph_list_nodes(g, 0, NULL);
    struct tram_node inner = tram_graph_list(g, made, abc), outer = tram_graph_list(g, inner, empty, in);
    tram_graph_output(g, limited(tram_graph_bind(g, actors[1], "show", outer, abc, inner), 100));
    tram_graph_output(
        g, limited(tram_graph_bind(g, actors[2], "count", outer, in, tram_graph_constant(g, big, sizeof big)),
                   4));
    OK(tram_graph_compile(g, NULL, &x));
    struct tram_ref r[2];
    uint32_t n;
    for (int i = 0; i < 20; i++) {
        OK(tram_execute(x, "in", 2, r));
        expect(&r[0], "[[in,abc,abc],[],in],abc,[in,abc,abc]");
        OK(tram_get(&r[1], &n, sizeof n, NULL, 20));
        assert_int_equal(n, 3);
    }
}

static void a_graph_without_input(void **state) {
    (void)state;
    struct tram_node first = bare(0, "note", 4), second = bare(1, "note", 4);
    tram_graph_output(g, limited(tram_graph_bind(g, actors[2], "count", first, second), 4));
    tram_graph_output(g, first);
    OK(tram_graph_compile(g, &(struct tram_compile_options){.inflight = 4}, &x));
    struct tram_ref r[4][2];
    uint32_t n, expected = 0;
    for (int i = 0; i < 100; i++) {
        for (int k = 0; k < 4; k++)
            OK(k % 2 ? tram_execute(x, NULL, 0, r[k]) : tram_execute_parts(x, 0, NULL, r[k]));
        for (int k = 0; k < 4; k++) {
            OK(tram_get(&r[k][1], &n, sizeof n, NULL, 20));
            assert_int_equal(n, ++expected); /* ran once for each execution, and not ahead of it */
            OK(tram_release(&r[k][0]));
        }
    }
    FAILS(tram_execute(x, "x", 1, r[0]), TRAM_ERR_INVALID);
    SAYS("an input of 1 part; the graph takes 0");
    OK(tram_execute(x, NULL, 0, r[0]));
    OK(tram_get(&r[0][0], &n, sizeof n, NULL, 20));
    test_pause_ms(20);
    assert_int_equal(atomic_load(&history->next), 2 * 401); /* nobody runs ahead */
}

static void control_edges_order_tasks(void **state) {
    (void)state;
    struct tram_node in = tram_graph_input(g, 8);
    struct tram_node c = tram_graph_bind(g, actors[2], "note", in),
                     a = tram_graph_bind(g, actors[0], "note", in);
    struct tram_node b = tram_graph_bind(g, actors[1], "note", in);
    tram_graph_after(g, c, b); /* from a later one to an earlier */
    tram_graph_after(g, b, a);
    tram_graph_output(g, c);
    tram_graph_output(g, a);
    OK(tram_graph_compile(g, &(struct tram_compile_options){.inflight = 1}, &x));
    struct tram_ref r[2];
    for (int i = 0; i < 200; i++) {
        OK(tram_execute(x, "", 0, r));
        OK(tram_release(&r[1]));
        char got[8];
        OK(tram_get(&r[0], got, sizeof got, NULL, 20));
        assert_memory_equal(history->who + 3 * (size_t)i, "abc", 3);
    }
}

/* Both begin before either ends. */
static void units_meet(void **state) {
    (void)state;
    struct tram_node in = tram_graph_input(g, 8);
    struct tram_node n[3] = {tram_graph_bind(g, actors[0], "meet", in),
                             tram_graph_bind(g, actors[1], "meet", in),
                             tram_graph_bind(g, actors[2], "meet", in)};
    tram_graph_unit(g, 3, n);
    for (int i = 0; i < 3; i++)
        tram_graph_output(g, n[i]);
    OK(tram_graph_compile(g, NULL, &x));
    struct tram_ref r[3];
    for (size_t i = 0; i < 20; i++) {
        OK(tram_execute(x, "", 0, r));
        for (int k = 0; k < 3; k++)
            expect(&r[k], (const char *[]){"a", "b", "c"}[k]);
        uint32_t began = 0;
        for (size_t k = 0; k < 3; k++)
            began += history->who[6 * i + k] >= 'a';
        assert_true(began >= 2); /* 2 ms are long, but a machine may be slow: most of the three */
    }
}

static void impossible_orders_are_named(void **state) {
    (void)state;
    struct tram_node in = tram_graph_input(g, 8);
    struct tram_node a1 = tram_graph_bind(g, actors[0], "note", in),
                     a2 = tram_graph_bind(g, actors[0], "show", in);
    struct tram_node b1 = tram_graph_bind(g, actors[1], "note", in),
                     b2 = tram_graph_bind(g, actors[1], "show", in);
    tram_graph_unit(g, 2, (struct tram_node[]){a1, b2});
    tram_graph_unit(g, 2, (struct tram_node[]){b1, a2});
    tram_graph_output(g, a2);
    FAILS(tram_graph_compile(g, NULL, &x), TRAM_ERR_INVALID);
    char text[512];
    snprintf(text, sizeof text,
             "deadlock: {%s.note + %s.show} waits for {%s.note + %s.show} waits for {%s.note + %s.show}",
             tram_actor_name(actors[0]), tram_actor_name(actors[1]), tram_actor_name(actors[1]),
             tram_actor_name(actors[0]), tram_actor_name(actors[0]), tram_actor_name(actors[1]));
    assert_string_equal(tram_last_error()->text, text);
}

int main(int argc, char **argv) {
    /* Forked processes inherit it, executed ones do not: it is a file. */
    const char *path = getenv("TRAM_TEST_HISTORY");
    char name[64] = "";
    if (!path) {
        snprintf(name, sizeof name, "/tmp/tramline_language.XXXXXX");
        int fd = mkstemp(name);
        if (fd < 0 || ftruncate(fd, sizeof *history) != 0)
            return 1;
        close(fd);
        path = name;
        setenv("TRAM_TEST_HISTORY", path, 1);
    }
    FILE *f = fopen(path, "r+e");
    if (!f)
        return 1;
    history = mmap(NULL, sizeof *history, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(f), 0);
    fclose(f);
    if (history == MAP_FAILED || tram_init(&argc, &argv, classes, &runtime) != TRAM_OK)
        return 1;
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(parts_go_where_they_are_named), TEST(parts_are_filled_in_place),
        TEST(a_task_has_several_results),    TEST(results_are_forwarded),
        TEST(constants_and_lists),           TEST(a_graph_without_input),
        TEST(control_edges_order_tasks),     TEST(units_meet),
        TEST(impossible_orders_are_named),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tram_fini(runtime);
    unlink(name);
    return failed;
}
