/* SPDX-License-Identifier: Apache-2.0
 *
 * Announced edges whose elements go by a transport of the program's own. TRAM_TEST_DEVICE names another device than the host's.
 */
#include "transport_testing.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST = 100000, READERS = 3 }; /* MOST: elements */

/* ---- the actors' side ------------------------------------------------------------------------------------ */

enum { MAKE, FAIL, END, REST }; /* what to do: REST: make it, and take long */

struct order {
    uint64_t count; /* elements */
    uint32_t seed, what;
};

struct seen {
    uint64_t count;
    uint32_t seed, right, on_device, pad;
};

static int make(void *self, struct tram_call *c) {
    static _Thread_local float host[MOST];
    struct order o;
    void *part;
    (void)self;
    memcpy(&o, tram_arg(c, 0).data, sizeof o);
    struct tram_tensor t = {.dtype = TRAM_F32, .rank = 1, .shape = {o.count}};
    int code = tram_result_tensor(c, 0, o.seed % 5 ? TRAM_WHERE_DEFAULT : TRAM_ON_CPU, &t, sizeof o, &part);
    if (code)
        return code;
    memcpy(part, &o, sizeof o);
    size_t bytes = o.count * sizeof *host;
    test_fill(t.where == TRAM_ON_CPU ? t.data : host, bytes, o.seed);
    if (t.where == TRAM_ON_DEVICE && (code = tram_stream_copy(tram_call_stream(c), t.data, host, bytes)))
        return code;
    if (o.what == END)
        _exit(7);
    if (o.what == REST)
        test_pause_ms(300);
    return o.what == FAIL ? tram_fail(c, 13, "made and not given") : 0;
}

/* What has arrived, be it asked for where the second argument says. */
static int look(void *self, struct tram_call *c) {
    static _Thread_local float host[MOST];
    struct tram_tensor t;
    struct tram_bytes part;
    struct order o;
    uint32_t where = TRAM_WHERE_DEFAULT;
    (void)self;
    if (tram_arg_count(c) > 1)
        memcpy(&where, tram_arg(c, 1).data, sizeof where);
    int code = tram_arg_tensor(c, 0, (enum tram_where)where, &t, &part);
    if (code)
        return code;
    memcpy(&o, part.data, sizeof o);
    size_t bytes = tram_tensor_bytes(&t);
    if (t.where == TRAM_ON_DEVICE &&
        (tram_stream_copy(tram_call_stream(c), host, t.data, bytes) || tram_stream_wait(tram_call_stream(c))))
        return 1;
    struct seen s = {.count = t.shape[0],
                     .seed = o.seed,
                     .right = o.count == t.shape[0] &&
                              test_filled(t.where == TRAM_ON_DEVICE ? host : t.data, bytes, o.seed),
                     .on_device = t.where == TRAM_ON_DEVICE};
    return tram_result_copy(c, 0, &s, sizeof s);
}

/* The tensor again, copied on the device. */
static int copy(void *self, struct tram_call *c) {
    struct tram_tensor in, out;
    struct tram_bytes part;
    void *room;
    (void)self;
    int code = tram_arg_tensor(c, 0, TRAM_ON_DEVICE, &in, &part);
    out = in;
    if (!code)
        code = tram_result_tensor(c, 0, TRAM_ON_DEVICE, &out, part.size, &room);
    if (code)
        return code;
    memcpy(room, part.data, part.size);
    return tram_stream_copy(tram_call_stream(c), out.data, in.data, tram_tensor_bytes(&in));
}

static int pass(void *self, struct tram_call *c) {
    (void)self;
    return tram_forward(c, 0, 0);
}

/* Takes it, and looks away. */
static int ignore(void *self, struct tram_call *c) {
    (void)self;
    return tram_result_copy(c, 0, "seen", 4);
}

static const struct tram_method methods[] = {{.name = "make", .fn = make},
                                             {.name = "look", .fn = look},
                                             {.name = "copy", .fn = copy},
                                             {.name = "ignore", .fn = ignore},
                                             {.name = "pass", .fn = pass, .forwards = 1},
                                             {0}};
static const struct tram_class classes[] = {{.name = "Tensors", .methods = methods}, {0}};

/* ---- the driver's side ----------------------------------------------------------------------------------- */

enum { LEFT, RIGHT, ACTORS = 1 + READERS }; /* LEFT makes, the others look */

static struct test_hooks *hooks;
static struct tram_actor *a[ACTORS], *cpu;

static const char *device(void) {
    const char *name = getenv("TRAM_TEST_DEVICE");
    return name ? name : "host";
}

static struct tram_actor *start(int i) {
    static const char *const names[] = {"left", "right", "middle", "far"};
    struct tram_actor_options o = {.name = names[i], .device = device()};
    struct tram_actor *started = NULL;
    OK(tram_actor_create(test_runtime, "Tensors", &o, &started));
    return started;
}

static struct tram_tensor_hint hint_of(const char *name, uint64_t count, enum tram_where target) {
    return (struct tram_tensor_hint){.tensor = {.dtype = TRAM_F32, .rank = 1, .shape = {count}},
                                     .part_bytes = sizeof(struct order),
                                     .target = target,
                                     .transport = TRAM_TRANSPORT_CUSTOM,
                                     .custom = name};
}

/* input -> make at `left`, as announced -> look at each of the others. */
static struct tram_graph *fan(const struct tram_tensor_hint *h, struct tram_actor *left, int readers,
                              struct tram_actor *const *right) {
    struct tram_graph *g;
    OK(tram_graph_create(test_runtime, &g));
    struct tram_node m = tram_graph_bind(g, left, "make", tram_graph_input(g, sizeof(struct order)));
    tram_graph_tensor(g, m, h);
    for (int i = 0; i < readers; i++) {
        struct tram_node l = tram_graph_bind(g, right[i], "look", m);
        tram_graph_limit(g, l, sizeof(struct seen));
        tram_graph_output(g, l);
    }
    return g;
}

static void expect_seen(struct tram_ref *r, const struct order *o, bool on_device) {
    struct seen s;
    OK(tram_get(r, &s, sizeof s, NULL, 30));
    assert_int_equal(s.count, o->count);
    assert_int_equal(s.seed, o->seed);
    assert_int_equal(s.right, 1);
    assert_int_equal(s.on_device, on_device);
}

/* All that was opened was closed, readers' ends first, and nothing was out of bounds. */
static void expect_ends(int writers, int readers) {
    assert_int_equal(hooks->opens, writers);
    assert_int_equal(hooks->connects, readers);
    assert_int_equal(hooks->closes[1], writers);
    assert_int_equal(hooks->closes[0], readers);
    assert_int_equal(hooks->closed_too_early, 0);
    assert_int_equal(hooks->wrong, 0);
}

static struct order order_of(uint64_t most, uint32_t i) {
    return (struct order){i % 7 ? most - i % 5 : most / 2, 100 + i, MAKE};
}

/* One value after another, several under way. Each is put once, and fetched once by each reader. */
static void travel(const char *name, uint64_t most, int readers, enum tram_where target,
                   enum tram_thread thread) {
    enum { INFLIGHT = 4, ROUNDS = 60 };
    struct tram_compile_options options = {.inflight = INFLIGHT, .thread = thread};
    struct tram_tensor_hint h = hint_of(name, most, target);
    struct tram_graph *g = fan(&h, a[LEFT], readers, &a[RIGHT]);
    struct tram_ref r[INFLIGHT][READERS];
    struct tram_compiled *x;
    struct tram_stats stats;
    uint64_t elements = 0, made_on_cpu = 0;
    bool on_device = target != TRAM_ON_CPU;
    test_hooks_reset();
    for (uint32_t i = 0; i < 5; i++) { /* without having been compiled: as it always was */
        struct order o = order_of(most, i);
        OK(tram_graph_run(g, &o, sizeof o, r[0]));
        for (int k = 0; k < readers; k++)
            expect_seen(&r[0][k], &o, on_device);
    }
    assert_int_equal(hooks->puts + hooks->gets + hooks->opens, 0);
    OK(tram_graph_compile(g, &options, &x));
    for (uint32_t i = 0; i < ROUNDS + INFLIGHT; i++) {
        struct order o = order_of(most, i), before = order_of(most, i - INFLIGHT);
        for (int k = 0; i >= INFLIGHT && k < readers; k++)
            expect_seen(&r[i % INFLIGHT][k], &before, on_device);
        if (i >= ROUNDS)
            continue;
        elements += o.count * sizeof(float);
        made_on_cpu += o.seed % 5 ? 0 : o.count * sizeof(float);
        OK(tram_execute(x, &o, sizeof o, r[i % INFLIGHT]));
    }
    OK(tram_compiled_stats(x, &stats));
    uint64_t ways = 1 + (uint64_t)readers * (on_device ? 1 : 2);
    assert_int_equal(stats.copied_bytes,
                     ROUNDS * (sizeof(struct order) + 2 * (uint64_t)readers * sizeof(struct seen)) +
                         ways * elements + made_on_cpu);
    assert_true(stats.maps <= INFLIGHT); /* `make` asks for room on the CPU, which nobody announced */
    OK(tram_teardown(x));
    tram_graph_destroy(g);
    assert_int_equal(hooks->puts, ROUNDS);
    assert_int_equal(hooks->gets, ROUNDS * readers);
    expect_ends(1, readers);
}

static void there_and_right(void **state) {
    (void)state;
    for (unsigned way = 0; way < 16; way++)
        travel(way & 8 && strcmp(device(), "cuda") != 0 ? "hands" : "file", way & 1 ? MOST : 100,
               way & 2 ? READERS : 1, way & 4 ? TRAM_ON_CPU : TRAM_WHERE_DEFAULT,
               way & 1 ? TRAM_THREAD_MAIN : TRAM_THREAD_OWN);
}

/* What is fetched is fetched once for all tasks of an actor, and only if one of them asks. The actor that makes a value finds
 * it where it is. */
static void fetched_when_asked_for(void **state) {
    (void)state;
    enum { ROUNDS = 20 };
    struct tram_tensor_hint h = hint_of("file", 1000, TRAM_WHERE_DEFAULT);
    struct tram_graph *g;
    struct tram_compiled *x;
    struct tram_ref r[7];
    test_hooks_reset();
    OK(tram_graph_create(test_runtime, &g));
    struct tram_node m = tram_graph_bind(g, a[LEFT], "make", tram_graph_input(g, sizeof(struct order)));
    struct tram_node n = tram_graph_bind(g, a[RIGHT], "copy", m);
    tram_graph_tensor(g, m, &h);
    tram_graph_tensor(g, n, &h);
    for (uint32_t i = 0; i < 6; i++) { /* each value where it is made, and at the other; on the CPU too */
        uint32_t where = i % 3 ? TRAM_ON_DEVICE : TRAM_ON_CPU;
        struct tram_node l = tram_graph_bind(g, a[i % 2 ? LEFT : RIGHT], "look", i < 3 ? m : n,
                                             tram_graph_constant(g, &where, sizeof where));
        tram_graph_limit(g, l, sizeof(struct seen));
        tram_graph_output(g, l);
    }
    struct tram_node away = tram_graph_bind(g, a[RIGHT + 1], "ignore", m);
    tram_graph_limit(g, away, 4);
    tram_graph_output(g, away);
    OK(tram_graph_compile(g, NULL, &x));
    tram_graph_destroy(g);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        struct order o = {i % 4 ? 1000 - i : 0, i, MAKE}; /* without elements, there is nothing to put */
        char word[4];
        OK(tram_execute(x, &o, sizeof o, r));
        for (int k = 0; k < 6; k++)
            expect_seen(&r[k], &o, k % 3);
        OK(tram_get(&r[6], word, sizeof word, NULL, 30));
        assert_memory_equal(word, "seen", 4);
    }
    OK(tram_teardown(x));
    assert_int_equal(hooks->puts, 2 * ROUNDS * 3 / 4);
    assert_int_equal(hooks->gets, 2 * ROUNDS * 3 / 4);
    expect_ends(2, 3);
}

static void says_as(struct tram_graph *g, const char *suffix, const char *part) {
    char path[64], text[8192] = "";
    snprintf(path, sizeof path, "/tmp/tramline_transport.XXXXXX%s", suffix);
    int fd = mkstemps(path, 4);
    assert_true(fd >= 0);
    OK(tram_graph_visualize(g, path, TRAM_SHOW_SIZES));
    assert_true(read(fd, text, sizeof text - 1) > 0);
    close(fd);
    unlink(path);
    if (!strstr(text, part))
        fail_msg("%s", text);
}

static void told_by_name(void **state) {
    (void)state;
    char name[] = "file";
    struct tram_tensor_hint h = hint_of(name, 100, TRAM_ON_DEVICE);
    struct tram_graph *g = fan(&h, a[LEFT], 1, &a[RIGHT]);
    enum tram_transport got = TRAM_TRANSPORT_AUTO;
    struct tram_compiled *x;
    memset(name, 'x', 4); /* it was copied */
    says_as(g, ".txt", "left.make -> right, 48 B, f32 [at most 100] by custom file\n");
    says_as(g, ".dot", " B, custom file\"");
    OK(tram_graph_compile(g, NULL, &x));
    OK(tram_compiled_transport(x, (struct tram_node){g, 1}, &got));
    assert_string_equal(tram_transport_text(got), "custom");
    OK(tram_teardown(x));
    tram_graph_destroy(g);
    h.transport = TRAM_TRANSPORT_AUTO; /* never picked */
    g = fan(&h, a[LEFT], 1, &a[RIGHT]);
    says_as(g, ".txt", strcmp(device(), "cuda") == 0 ? " by " : " by ipc\n");
    tram_graph_destroy(g);
}

/* ---- refusals -------------------------------------------------------------------------------------------- */

static void refused(struct tram_graph *g, int status, const char *says) {
    struct tram_compiled *x;
    FAILS(tram_graph_compile(g, NULL, &x), status);
    SAYS(says);
    tram_graph_destroy(g);
    expect_ends(hooks->opens, hooks->connects);
}

static void names_that_will_not_do(void **state) {
    (void)state;
    struct tram_tensor_hint h = hint_of("nobody's", 100, TRAM_WHERE_DEFAULT);
    test_hooks_reset();
    refused(fan(&h, a[LEFT], 1, &a[RIGHT]), TRAM_ERR_NOT_FOUND,
            "the tensor of left.make cannot travel by custom nobody's: no transport 'nobody's' was given to "
            "tram_init_with");
    h.custom = "holey";
    refused(fan(&h, a[LEFT], 1, &a[RIGHT]), TRAM_ERR_INVALID,
            "the tensor of left.make cannot travel by custom holey: transport holey has no hook 'get'");
    h.custom = "secret";
    refused(fan(&h, a[LEFT], 1, &a[RIGHT]), TRAM_ERR_NOT_FOUND,
            "actor left: no transport 'secret' was given to tram_init_with");
    for (int i = 0; i < 2; i++) {
        h.custom = i ? "" : NULL;
        refused(fan(&h, a[LEFT], 1, &a[RIGHT]), TRAM_ERR_INVALID,
                "the tensor of left.make: its transport is custom, and which is not said");
    }
    assert_int_equal(hooks->opens, 0);
}

static void edges_that_cannot_be(void **state) {
    (void)state;
    struct tram_tensor_hint h = hint_of("file", 100, TRAM_WHERE_DEFAULT);
    struct tram_graph *g;
    test_hooks_reset();
    refused(fan(&h, a[LEFT], 2, (struct tram_actor *[]){a[RIGHT], cpu}), TRAM_ERR_INVALID,
            "the tensor of left.make cannot travel by custom file: actor cpu has no device");
    refused(fan(&h, cpu, 1, &a[RIGHT]), TRAM_ERR_INVALID,
            "the tensor of cpu.make cannot travel by custom file: actor cpu has no device");
    g = fan(&h, a[LEFT], 1, &a[RIGHT]);
    tram_graph_output(g, (struct tram_node){g, 1});
    refused(g, TRAM_ERR_INVALID, "custom file: the driver has no device");
    OK(tram_graph_create(test_runtime, &g));
    struct tram_node in = tram_graph_input(g, 1);
    tram_graph_tensor(g, in, &h);
    tram_graph_output(g, tram_graph_bind(g, a[LEFT], "look", in));
    refused(g, TRAM_ERR_INVALID, "the tensor of input cannot travel by custom file: it is part of the input");
    g = fan(&h, a[LEFT], 1, &a[RIGHT]);
    tram_graph_output(g, tram_graph_bind(g, a[RIGHT], "pass", (struct tram_node){g, 1}));
    refused(g, TRAM_ERR_INVALID, "left.make cannot travel by custom file: a method may forward it");
    h.tensor.shape[0] = 0;
    refused(fan(&h, a[LEFT], 1, &a[RIGHT]), TRAM_ERR_INVALID,
            "left.make cannot travel by custom file: it has no elements");
    assert_int_equal(hooks->opens, 0);
}

/* ---- hooks that fail ------------------------------------------------------------------------------------- */

/* Nothing is in the way of the next graph. */
static void still_works(void) {
    travel("file", 1000, READERS, TRAM_WHERE_DEFAULT, TRAM_THREAD_OWN);
}

static void ends_that_do_not_open(void **state) {
    (void)state;
    struct tram_tensor_hint h = hint_of("file", 100, TRAM_WHERE_DEFAULT);
    test_hooks_reset();
    hooks->fail_open = 5;
    refused(fan(&h, a[LEFT], 1, &a[RIGHT]), TRAM_ERR_SYSTEM,
            "actor left: transport file: open failed with code 5");
    hooks->say_why = 1;
    refused(fan(&h, a[LEFT], 1, &a[RIGHT]), TRAM_ERR_SYSTEM,
            "actor left: transport file: open: no room today");
    assert_int_equal(hooks->opens, 0);
    hooks->fail_open = 0;
    hooks->fail_connect = READERS; /* all of them */
    refused(fan(&h, a[LEFT], READERS, &a[RIGHT]), TRAM_ERR_SYSTEM,
            "actor right: transport file: connect: no way today");
    assert_int_equal(hooks->opens, 1);
    hooks->say_why = hooks->fail_connect = 0;
    hooks->address = TRAM_MAX_ADDRESS + 1;
    refused(fan(&h, a[LEFT], 1, &a[RIGHT]), TRAM_ERR_TOO_LARGE,
            "actor left: transport file: an address of 1025 bytes; it can have 1024");
    for (int i = 0; i < 10; i++) { /* some reader connects, another does not */
        test_hooks_reset();
        hooks->fail_connect = 1;
        refused(fan(&h, a[LEFT], READERS, &a[RIGHT]), TRAM_ERR_SYSTEM,
                ": transport file: connect failed with code 6");
        expect_ends(1, hooks->connects);
    }
    still_works();
}

static void elements_that_do_not_travel(void **state) {
    (void)state;
    struct tram_tensor_hint h = hint_of("file", 1000, TRAM_WHERE_DEFAULT);
    struct tram_graph *g = fan(&h, a[LEFT], 2, &a[RIGHT]);
    struct tram_compiled *x;
    struct tram_ref r[2];
    test_hooks_reset();
    OK(tram_graph_compile(g, NULL, &x));
    tram_graph_destroy(g);
    for (uint32_t i = 0; i < 40; i++) {
        struct order o = {1000 - i, i, i % 4 == 3 ? FAIL : MAKE};
        hooks->fail_put = i % 4 == 1 ? 21 : 0;
        hooks->fail_get = i % 4 == 2 ? -7 : 0; /* as a status it would say something else */
        hooks->say_why = i % 8 < 4;
        OK(tram_execute(x, &o, sizeof o, r));
        for (int k = 0; k < 2; k++) {
            if (i % 4 == 0) {
                expect_seen(&r[k], &o, true);
                continue;
            }
            FAILS(tram_get(&r[k], &o, sizeof o, NULL, 30), TRAM_ERR_TASK);
            const struct tram_error *e = tram_last_error();
            assert_int_equal(e->code, i % 4 == 1 ? 21 : i % 4 == 2 ? -7 : 13);
            assert_string_equal(e->actor, i % 4 != 2 ? "left" : k ? "middle" : "right");
            assert_string_equal(e->method, i % 4 != 2 ? "make" : "look");
            assert_int_equal(e->execution, i + 1);
            SAYS(i % 4 == 3   ? "made and not given"
                 : i % 4 == 1 ? i % 8 < 4 ? "transport file: put: no ink today"
                                          : "transport file: put failed with code 21"
                 : i % 8 < 4  ? "argument 0: transport file: get: no eyes today"
                              : "argument 0: transport file: get failed with code -7");
        }
    }
    OK(tram_teardown(x));
    expect_ends(1, 2);
}

/* ---- deaths ---------------------------------------------------------------------------------------------- */

/* The sender, or a receiver, dies: nobody hangs, and the others close their ends. */
static void deaths(void **state) {
    (void)state;
    for (int way = 0; way < 6; way++) {
        int dies = way % 3 == 2 ? RIGHT : LEFT;
        struct tram_compile_options options = {.inflight = 4,
                                               .thread = way < 3 ? TRAM_THREAD_OWN : TRAM_THREAD_MAIN};
        struct tram_tensor_hint h = hint_of("file", MOST, TRAM_WHERE_DEFAULT);
        struct tram_graph *g = fan(&h, a[LEFT], READERS, &a[RIGHT]);
        struct order o = {MOST, 5, MAKE}, last = {MOST, 6, way % 3 ? REST : END};
        struct tram_compiled *x;
        struct tram_ref r[2][READERS];
        test_hooks_reset();
        OK(tram_graph_compile(g, &options, &x));
        tram_graph_destroy(g);
        OK(tram_execute(x, &o, sizeof o, r[0]));
        for (int k = 0; k < READERS; k++)
            expect_seen(&r[0][k], &o, true);
        OK(tram_execute(x, &last, sizeof last, r[0])); /* it ends there, or rests and is killed */
        int more = tram_execute(x, &o, sizeof o, r[1]);
        test_pause_ms(way % 3 ? 100 : 0);
        if (way % 3)
            kill(tram_actor_pid(a[dies]), SIGKILL);
        int status = tram_get(&r[0][0], &o, sizeof o, NULL, 30);
        assert_int_equal(status, TRAM_ERR_PEER_DEAD);
        assert_string_equal(tram_last_error()->actor, dies == LEFT ? "left" : "right");
        if (!more)
            FAILS(tram_get(&r[1][0], &o, sizeof o, NULL, 30), TRAM_ERR_PEER_DEAD);
        OK(tram_teardown(x));
        assert_int_equal(hooks->closes[0], READERS - (dies == RIGHT));
        assert_int_equal(hooks->closes[1], dies == RIGHT);
        tram_actor_destroy(a[dies]);
        a[dies] = start(dies);
        still_works();
    }
}

/* A writer's end stays until all readers have closed theirs, however long one of them takes. */
static void teardown_while_busy(void **state) {
    (void)state;
    struct tram_tensor_hint h = hint_of("file", 1000, TRAM_WHERE_DEFAULT);
    struct tram_graph *g = fan(&h, a[LEFT], READERS, &a[RIGHT]);
    struct order o = {1000, 1, REST};
    struct tram_compiled *x;
    struct tram_ref r[READERS];
    test_hooks_reset();
    OK(tram_graph_compile(g, NULL, &x));
    tram_graph_destroy(g);
    OK(tram_execute(x, &o, sizeof o, r));
    test_pause_ms(50);
    FAILS(tram_teardown_within(x, 0.1), TRAM_ERR_TIMED_OUT);
    SAYS("left");
    assert_int_equal(hooks->closes[0], READERS);
    assert_int_equal(hooks->closes[1], 0);
    OK(tram_teardown(x));
    expect_ends(1, READERS);
}

int main(int argc, char **argv) {
    hooks = test_hooks_share();
    struct tram_options o = {.eager = test_transport(), .transports = test_transports()};
    OK(tram_init_with(&argc, &argv, classes, &o, &test_runtime));
    for (int i = 0; i < ACTORS; i++)
        a[i] = start(i);
    OK(tram_actor_create(test_runtime, "Tensors", &(struct tram_actor_options){.name = "cpu"}, &cpu));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_and_right),
        cmocka_unit_test(fetched_when_asked_for),
        cmocka_unit_test(told_by_name),
        cmocka_unit_test(names_that_will_not_do),
        cmocka_unit_test(edges_that_cannot_be),
        cmocka_unit_test(ends_that_do_not_open),
        cmocka_unit_test(elements_that_do_not_travel),
        cmocka_unit_test(teardown_while_busy),
        cmocka_unit_test(deaths),
    };
    int failed = cmocka_run_group_tests_name("transports of the program's own", tests, NULL, NULL);
    tram_fini(test_runtime);
    return failed;
}
