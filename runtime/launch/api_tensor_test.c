/* SPDX-License-Identifier: Apache-2.0
 *
 * Tensors as arguments and results: by calls, graphs and graphs that are run, between actors with a device and without.
 * TRAM_TEST_DEVICE names another device than the host's.
 */
#include "testing.h"
#include "tramline/tensor.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST = 1 << 20 }; /* elements */

/* ---- the actors' side ------------------------------------------------------------------------------------ */

struct order {
    uint64_t count; /* elements */
    uint32_t seed, strided;
};

struct seen {
    uint64_t count;
    uint32_t seed, right, on_device, rank, part;
};

static void fill(float *to, uint64_t count, uint32_t seed) {
    for (uint64_t i = 0; i < count; i++)
        to[i] = (float)((i * 7 + seed) % 8191);
}

static struct tram_tensor shaped(const struct order *o) {
    struct tram_tensor t = {.dtype = TRAM_F32, .rank = 2, .shape = {o->count, 1}};
    if (o->strided) { /* every other element */
        t.strides[0] = 2;
        t.strides[1] = 1;
    }
    return t;
}

/* Makes a tensor where results are made by default, with its seed as the CPU part. */
static int make(void *self, struct tram_call *c) {
    static float host[2 * MOST];
    struct order o;
    void *part;
    (void)self;
    memcpy(&o, tram_arg(c, 0).data, sizeof o);
    struct tram_tensor t = shaped(&o);
    int code = tram_result_tensor(c, 0, TRAM_WHERE_DEFAULT, &t, sizeof o, &part);
    if (code)
        return code;
    memcpy(part, &o, sizeof o);
    size_t count = tram_tensor_bytes(&t) / sizeof *host;
    if (t.where == TRAM_ON_CPU) {
        fill(t.data, count, o.seed);
        return 0;
    }
    if (tram_stream_wait(tram_call_stream(c))) /* `host` is free again */
        return 1;
    fill(host, count, o.seed);
    return tram_stream_copy(tram_call_stream(c), t.data, host, count * sizeof *host);
}

/* What has arrived: asked for on the device or not as the second argument says. */
static int look(void *self, struct tram_call *c) {
    static float host[2 * MOST], expected[2 * MOST];
    struct tram_tensor t, again;
    struct tram_bytes part;
    struct order o;
    uint32_t where = TRAM_WHERE_DEFAULT;
    (void)self;
    if (tram_arg_count(c) > 1)
        memcpy(&where, tram_arg(c, 1).data, sizeof where);
    int code = tram_arg_tensor(c, 0, (enum tram_where)where, &t, &part);
    if (!code)
        code =
            tram_arg_tensor(c, 0, (enum tram_where)where, &again, NULL); /* the same, and not brought twice */
    if (code)
        return code;
    if (again.data != t.data || part.size != sizeof o)
        return tram_fail(c, 9, "another place, or a part of %zu bytes", part.size);
    memcpy(&o, part.data, sizeof o);
    size_t bytes = tram_tensor_bytes(&t);
    if (t.where == TRAM_ON_DEVICE) {
        if (tram_stream_copy(tram_call_stream(c), host, t.data, bytes) ||
            tram_stream_wait(tram_call_stream(c)))
            return 1;
    } else {
        memcpy(host, t.data, bytes);
    }
    fill(expected, bytes / sizeof *host, o.seed);
    struct seen s = {.count = t.shape[0],
                     .seed = o.seed,
                     .right = t.dtype == TRAM_F32 && memcmp(host, expected, bytes) == 0,
                     .on_device = t.where == TRAM_ON_DEVICE,
                     .rank = t.rank,
                     .part = o.count == t.shape[0]};
    return tram_result_copy(c, 0, &s, sizeof s);
}

/* The tensor again, elements copied on the device where there is one. */
static int copy(void *self, struct tram_call *c) {
    struct tram_tensor in, out;
    struct tram_bytes part;
    void *room;
    (void)self;
    int code = tram_arg_tensor(c, 0, TRAM_WHERE_DEFAULT, &in, &part);
    out = in;
    if (!code)
        code = tram_result_tensor(c, 0, TRAM_WHERE_DEFAULT, &out, part.size, &room);
    if (code)
        return code;
    memcpy(room, part.data, part.size);
    if (out.where == TRAM_ON_DEVICE)
        return tram_stream_copy(tram_call_stream(c), out.data, in.data, tram_tensor_bytes(&in));
    memcpy(out.data, in.data, tram_tensor_bytes(&in));
    return 0;
}

static int pass(void *self, struct tram_call *c) {
    (void)self;
    return tram_forward(c, 0, 0);
}

/* Two square matrices, multiplied; and the largest difference to the third argument. */
static int multiply(void *self, struct tram_call *c) {
    struct tram_tensor a, b, expected, out;
    static float largest;
    (void)self;
    struct tram_stream *s = tram_call_stream(c);
    int code = tram_arg_tensor(c, 0, TRAM_ON_DEVICE, &a, NULL);
    if (!code)
        code = tram_arg_tensor(c, 1, TRAM_ON_DEVICE, &b, NULL);
    if (!code)
        code = tram_arg_tensor(c, 2, TRAM_ON_DEVICE, &expected, NULL);
    if (code)
        return code;
    out = a;
    if ((code = tram_result_tensor(c, 0, TRAM_ON_DEVICE, &out, 0, NULL)))
        return code;
    uint32_t n = (uint32_t)a.shape[0];
    int status = tram_stream_gemm(s, n, n, n, a.data, b.data, out.data);
    if (status)
        return tram_fail(c, status, "%s", tram_last_error()->text);
    if (tram_stream_differ(s, out.data, expected.data, n * n, &largest) || tram_stream_wait(s))
        return 1;
    return largest == 0 ? 0 : tram_fail(c, 3, "differs by %g", (double)largest);
}

/* make, but for an order with seed 13: that fails after the elements are made; 99: the process ends; 77: it takes long. */
static int make_or_not(void *self, struct tram_call *c) {
    struct order o;
    memcpy(&o, tram_arg(c, 0).data, sizeof o);
    int code = make(self, c);
    if (o.seed == 99)
        _exit(7);
    if (o.seed == 77)
        usleep(400000);
    return code ? code : o.seed == 13 ? tram_fail(c, 13, "made and not given") : 0;
}

/* Gives its stream work for a while, and its readers the result to come. */
static int slow(void *self, struct tram_call *c) {
    struct tram_tensor t = {.dtype = TRAM_F32, .rank = 2, .shape = {512, 512}};
    (void)self;
    int code = tram_result_tensor(c, 0, TRAM_WHERE_DEFAULT, &t, 0, NULL);
    for (int i = 0; !code && i < 100; i++)
        code = tram_stream_gemm(tram_call_stream(c), 512, 512, 512, t.data, t.data, t.data);
    return code;
}

/* copy, in more pieces than a stream holds at a time. */
static int flood(void *self, struct tram_call *c) {
    struct tram_tensor in, out;
    (void)self;
    int code = tram_arg_tensor(c, 0, TRAM_WHERE_DEFAULT, &in, NULL);
    out = in;
    if (!code)
        code = tram_result_tensor(c, 0, TRAM_WHERE_DEFAULT, &out, 0, NULL);
    for (int i = 0; !code && i < 3000; i++)
        code = tram_stream_copy(tram_call_stream(c), out.data, in.data, sizeof(float));
    return code;
}

/* The bytes of a tensor are not the tensor. */
static int sneak(void *self, struct tram_call *c) {
    (void)self;
    return tram_result_copy(c, 0, tram_arg(c, 0).data, tram_arg(c, 0).size);
}

/* What fits what was announced by its shape, and is spread out far beyond. */
static int spread(void *self, struct tram_call *c) {
    struct tram_tensor t = {.dtype = TRAM_F32, .rank = 2, .shape = {4, 1}, .strides = {1 << 20, 1}};
    (void)self;
    return tram_result_tensor(c, 0, TRAM_WHERE_DEFAULT, &t, 0, NULL);
}

/* First a little, then more: what is under way for the first is not in the way of the second. */
static int twice(void *self, struct tram_call *c) {
    static char first[1 << 19], bytes[1 << 20];
    struct tram_tensor t = {.dtype = TRAM_U8, .rank = 1, .shape = {1 << 19}};
    (void)self;
    int code = tram_result_tensor(c, 0, TRAM_WHERE_DEFAULT, &t, 0, NULL);
    for (int i = 0; !code && i < 50 && t.where == TRAM_ON_DEVICE; i++)
        code = tram_stream_copy(tram_call_stream(c), t.data, first, sizeof first);
    t.shape[0] = 1 << 20;
    memset(bytes, 7, sizeof bytes);
    if (!code)
        code = tram_result_tensor(c, 0, TRAM_WHERE_DEFAULT, &t, 0, NULL);
    if (code)
        return code;
    if (t.where == TRAM_ON_DEVICE)
        return tram_stream_copy(tram_call_stream(c), t.data, bytes, sizeof bytes);
    memcpy(t.data, bytes, sizeof bytes);
    return tram_stream_wait(tram_call_stream(c)) == TRAM_ERR_INVALID ? 0 : 1;
}

static int nonsense(void *self, struct tram_call *c) {
    struct tram_tensor t = {.dtype = TRAM_F32, .rank = 9};
    (void)self;
    return tram_result_tensor(c, 0, TRAM_WHERE_DEFAULT, &t, 0, NULL);
}

/* A tensor first, then bytes in its place, or a failure: nothing of it may come later. */
static int change_its_mind(void *self, struct tram_call *c) {
    struct tram_tensor t = {.dtype = TRAM_U8, .rank = 1, .shape = {100}};
    (void)self;
    int code = tram_result_tensor(c, 0, TRAM_WHERE_DEFAULT, &t, 0, NULL);
    if (code)
        return code;
    return *(const char *)tram_arg(c, 0).data == 'f' ? tram_fail(c, 8, "it did not")
                                                     : tram_result_copy(c, 0, "bytes", 5);
}

/* Memory of the actor's own: "n..." allocates, "k" says whether it began as zeros and still holds what was put there. */
static int keep(void *self, struct tram_call *c) {
    static unsigned char host[3][4096];
    static void *mine[3];
    (void)self;
    struct tram_stream *s = tram_call_stream(c);
    const char *what = tram_arg(c, 0).data;
    for (size_t i = 0; i < 3; i++) {
        if (*what == 'n') {
            if (!(mine[i] = tram_device_alloc(c, sizeof host[i])))
                return 1;
            if (tram_stream_copy(s, host[i], mine[i], sizeof host[i]) || tram_stream_wait(s))
                return 1;
            for (size_t k = 0; k < sizeof host[i]; k++)
                if (host[i][k])
                    return tram_fail(c, 1, "memory that is not zeroed");
            memset(host[i], (int)i + 1, sizeof host[i]);
            if (tram_stream_copy(s, mine[i], host[i], sizeof host[i]) || tram_stream_wait(s))
                return 1;
            continue;
        }
        memset(host[i], 0, sizeof host[i]);
        if (tram_stream_copy(s, host[i], mine[i], sizeof host[i]) || tram_stream_wait(s))
            return 1;
        for (size_t k = 0; k < sizeof host[i]; k++)
            if (host[i][k] != i + 1)
                return tram_fail(c, 1, "memory %zu lost what it held", i);
        if (*what == 'f')
            tram_device_free(c, mine[i]);
    }
    return tram_result_copy(c, 0, "kept", 4);
}

/* Matrices of the actor's own: a diagonal of ones, and some that are told from each other. */
enum { SIDE = 320, KINDS = 4 };

static float element(uint32_t kind, uint32_t i) {
    return (float)((i * 7 + kind * 1001) % 4093);
}

static float *ones, *kinds[KINDS], *product;

/* "p": puts them there; a byte 0 to KINDS - 1: the product of the ones and that one, made in the result itself while the method
 * goes on, so that nothing but the order of events keeps its readers from coming too early. */
static int multiply_there(void *self, struct tram_call *c) {
    static float host[SIDE * SIDE];
    struct tram_stream *s = tram_call_stream(c);
    unsigned char what = *(const unsigned char *)tram_arg(c, 0).data;
    (void)self;
    for (uint32_t k = 0; what == 'p' && k <= KINDS; k++) {
        float **at = k == KINDS ? &ones : &kinds[k];
        for (uint32_t i = 0; i < SIDE * SIDE; i++)
            host[i] = k == KINDS ? i % SIDE == i / SIDE : element(k, i);
        if (!(*at = tram_device_alloc(c, sizeof host)) || tram_stream_copy(s, *at, host, sizeof host) ||
            tram_stream_wait(s))
            return 1;
    }
    if (what == 'p')
        return (product = tram_device_alloc(c, sizeof host)) ? tram_result_copy(c, 0, "done", 4) : 1;
    struct tram_tensor t = {.dtype = TRAM_F32, .rank = 2, .shape = {SIDE, SIDE}};
    void *part;
    int code = tram_result_tensor(c, 0, TRAM_WHERE_DEFAULT, &t, 1, &part);
    if (code)
        return code;
    *(unsigned char *)part = what;
    return tram_stream_gemm(s, SIDE, SIDE, SIDE, ones, kinds[what], t.data);
}

/* The same in memory of the actor's own, and how many elements of it are wrong: "?" and the kind. */
static int multiply_here(void *self, struct tram_call *c) {
    static float host[SIDE * SIDE];
    struct tram_stream *s = tram_call_stream(c);
    const unsigned char *what = tram_arg(c, 0).data;
    uint32_t wrong = 0;
    (void)self;
    if (what[0] != '?')
        return tram_stream_gemm(s, SIDE, SIDE, SIDE, ones, kinds[what[0]], product);
    if (tram_stream_copy(s, host, product, sizeof host) || tram_stream_wait(s))
        return 1;
    for (uint32_t i = 0; i < SIDE * SIDE; i++)
        wrong += host[i] != element(what[1], i);
    return tram_result_copy(c, 0, &wrong, sizeof wrong);
}

/* Whether the product is the one that its CPU part says it is: how many elements are not. */
static int inspect(void *self, struct tram_call *c) {
    struct tram_tensor t;
    struct tram_bytes part;
    (void)self;
    int code = tram_arg_tensor(c, 0, TRAM_ON_CPU, &t, &part);
    if (code)
        return code;
    uint32_t wrong = 0, kind = *(const unsigned char *)part.data;
    for (uint32_t i = 0; i < SIDE * SIDE; i++)
        wrong += ((const float *)t.data)[i] != element(kind, i);
    uint32_t said[2] = {kind, wrong};
    return tram_result_copy(c, 0, said, sizeof said);
}

static const struct tram_method methods[] = {{.name = "make", .fn = make},
                                             {.name = "look", .fn = look},
                                             {.name = "sneak", .fn = sneak},
                                             {.name = "slow", .fn = slow},
                                             {.name = "flood", .fn = flood},
                                             {.name = "keep", .fn = keep},
                                             {.name = "multiply_there", .fn = multiply_there},
                                             {.name = "multiply_here", .fn = multiply_here},
                                             {.name = "inspect", .fn = inspect},
                                             {.name = "spread", .fn = spread},
                                             {.name = "twice", .fn = twice},
                                             {.name = "make_or_not", .fn = make_or_not},
                                             {.name = "copy", .fn = copy},
                                             {.name = "pass", .fn = pass, .forwards = 1},
                                             {.name = "multiply", .fn = multiply},
                                             {.name = "nonsense", .fn = nonsense},
                                             {.name = "change_its_mind", .fn = change_its_mind},
                                             {0}};
static const struct tram_class classes[] = {{.name = "Tensors", .methods = methods}, {0}};

/* ---- the driver's side ----------------------------------------------------------------------------------- */

enum { CPU, DEVICE, OTHER, ACTORS };
static struct tram_actor *a[ACTORS];

static const char *device(void) {
    const char *name = getenv("TRAM_TEST_DEVICE");
    return name ? name : "host";
}

static int set_up(void **state) {
    const char *names[ACTORS] = {"cpu", "dev", "other"};
    (void)state;
    for (int i = 0; i < ACTORS; i++) {
        struct tram_actor_options o = {.name = names[i], .device = i == CPU ? NULL : device()};
        OK(tram_actor_create(test_runtime, "Tensors", &o, &a[i]));
    }
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    for (int i = 0; i < ACTORS; i++)
        tram_actor_destroy(a[i]);
    return 0;
}

static void expect_seen(struct tram_ref *r, const struct order *o, bool on_device) {
    struct seen s;
    OK(tram_get(r, &s, sizeof s, NULL, 30));
    assert_int_equal(s.count, o->count);
    assert_int_equal(s.seed, o->seed);
    assert_int_equal(s.right, 1);
    assert_int_equal(s.rank, 2);
    assert_int_equal(s.part, 1);
    assert_int_equal(s.on_device, on_device);
}

static const uint64_t counts[] = {0, 1, 10, 1000, 100000, MOST};

static void by_calls(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        for (int from = 0; from < ACTORS; from++) {
            struct order o = {counts[i], (uint32_t)(i * 10 + (size_t)from), i % 2};
            struct tram_ref made, copied, passed, looked[ACTORS];
            OK(tram_call(a[from], "make", &o, sizeof o, &made));
            struct tram_value v = {.kind = TRAM_MOVE, .ref = &made};
            struct tram_call_params p = {.value_count = 1, .values = &v};
            OK(tram_call_with(a[(from + 1) % ACTORS], "copy", &p, &copied));
            v.ref = &copied;
            OK(tram_call_with(a[from], "pass", &p, &passed));
            v = (struct tram_value){.kind = TRAM_REF, .ref = &passed};
            for (int to = 0; to < ACTORS; to++)
                OK(tram_call_with(a[to], "look", &p, &looked[to]));
            for (int to = 0; to < ACTORS; to++)
                expect_seen(&looked[to], &o, to != CPU);
            OK(tram_release(&passed));
        }
    }
}

/* input -> make at `first` -> copy at each -> look at the last, which asks for `where`; and the tensor itself. */
static struct tram_graph *pipeline(int first, uint32_t where) {
    struct tram_graph *g;
    OK(tram_graph_create(test_runtime, &g));
    struct tram_node n = tram_graph_bind(g, a[first], "make", tram_graph_input(g, sizeof(struct order)));
    tram_graph_limit(g, n, 2 * MOST * sizeof(float) + 256);
    for (int i = 1; i <= ACTORS; i++)
        n = tram_graph_bind(g, a[(first + i) % ACTORS], i == 2 ? "pass" : "copy", n);
    struct tram_node l =
        tram_graph_bind(g, a[(first + 1) % ACTORS], "look", n, tram_graph_constant(g, &where, sizeof where));
    tram_graph_limit(g, l, sizeof(struct seen));
    tram_graph_output(g, l);
    tram_graph_output(g, n);
    return g;
}

static void expect_tensor(struct tram_ref *r, const struct order *o) {
    struct tram_bytes value, part;
    struct tram_tensor t;
    static float expected[2 * MOST];
    OK(tram_get_borrow(r, &value, 30));
    OK(tram_tensor_view(value.data, value.size, &t, &part));
    assert_int_equal(t.dtype, TRAM_F32);
    assert_int_equal(t.shape[0], o->count);
    assert_int_equal(part.size, sizeof *o);
    assert_memory_equal(part.data, o, sizeof *o);
    size_t bytes = tram_tensor_bytes(&t);
    fill(expected, bytes / sizeof *expected, o->seed);
    assert_memory_equal(t.data, expected, bytes);
    OK(tram_release(r));
}

static void by_graphs(void **state) {
    (void)state;
    for (int first = 0; first < ACTORS; first++) {
        for (uint32_t where = TRAM_WHERE_DEFAULT; where <= TRAM_ON_CPU; where++) {
            struct tram_graph *g = pipeline(first, where);
            struct tram_compile_options options = {.inflight = 2,
                                                   .thread = where ? TRAM_THREAD_MAIN : TRAM_THREAD_OWN};
            bool on_device = where != TRAM_ON_CPU && (first + 1) % ACTORS != CPU;
            struct tram_compiled *x = NULL;
            for (int way = 0; way < 2; way++) { /* run, then compiled */
                if (way)
                    OK(tram_graph_compile(g, &options, &x));
                for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
                    struct order o = {counts[i], (uint32_t)i, i % 2};
                    struct tram_ref r[2];
                    OK(x ? tram_execute(x, &o, sizeof o, r) : tram_graph_run(g, &o, sizeof o, r));
                    expect_seen(&r[0], &o, on_device);
                    expect_tensor(&r[1], &o);
                }
            }
            OK(tram_teardown(x));
            tram_graph_destroy(g);
        }
    }
}

static struct tram_tensor_hint hint_of(uint64_t count, enum tram_where target, int is_static) {
    return (struct tram_tensor_hint){.tensor = {.dtype = TRAM_F32, .rank = 2, .shape = {count, 1}},
                                     .is_static = is_static,
                                     .part_bytes = sizeof(struct order),
                                     .target = target};
}

struct stage {
    int actor;
    const char *method;
};

/* input -> first -> second -> look at `looker` -> output; what the two give is announced. */
static struct tram_graph *pipe_of(const struct tram_tensor_hint *h, struct stage first, struct stage second,
                                  int looker) {
    struct tram_graph *g;
    OK(tram_graph_create(test_runtime, &g));
    struct tram_node m =
        tram_graph_bind(g, a[first.actor], first.method, tram_graph_input(g, sizeof(struct order)));
    tram_graph_tensor(g, m, h);
    struct tram_node n = tram_graph_bind(g, a[second.actor], second.method, m);
    tram_graph_tensor(g, n, h);
    struct tram_node l = tram_graph_bind(g, a[looker], "look", n);
    tram_graph_limit(g, l, sizeof(struct seen));
    tram_graph_output(g, l);
    return g;
}

static struct tram_graph *announced(const struct tram_tensor_hint *h, int maker, int looker) {
    return pipe_of(h, (struct stage){maker, "make"}, (struct stage){DEVICE, "copy"}, looker);
}

static void as_announced(void **state) {
    (void)state;
    for (int i = 0; i < 12; i++) {
        enum tram_where target = i % 3 ? TRAM_ON_CPU : TRAM_WHERE_DEFAULT;
        struct tram_tensor_hint h = hint_of(1000, target, i & 1);
        struct tram_graph *g = announced(&h, i % ACTORS, OTHER);
        struct tram_compiled *x = NULL;
        struct tram_stats stats;
        struct tram_ref r;
        for (int way = 0; way < 2; way++) {
            if (way)
                OK(tram_graph_compile(g, NULL, &x));
            for (uint64_t count = 998; count <= 1002; count++) {
                struct order o = {count, (uint32_t)i, 0};
                OK(x ? tram_execute(x, &o, sizeof o, &r) : tram_graph_run(g, &o, sizeof o, &r));
                if (count == 1000 || (count < 1000 && !h.is_static)) {
                    expect_seen(&r, &o, target != TRAM_ON_CPU);
                    continue;
                }
                FAILS(tram_get(&r, &o, sizeof o, NULL, 30), TRAM_ERR_TASK);
                assert_string_equal(tram_last_error()->method, "make");
                assert_string_equal(tram_last_error()->actor, tram_actor_name(a[i % ACTORS]));
                SAYS("result 0: f32 [");
                SAYS(h.is_static ? "the edge is for f32 [1000, 1]"
                                 : "the edge is for f32 [at most 1000, at most 1]");
            }
        }
        OK(tram_compiled_stats(x, &stats));
        assert_int_equal(stats.maps, 0); /* all of it was there */
        OK(tram_teardown(x));
        tram_graph_destroy(g);
    }
}

/* Without a word about it, room on the device is made when it is first needed, and counted. */
static void not_announced(void **state) {
    (void)state;
    struct order o = {1000, 1, 0};
    struct tram_graph *g = pipeline(CPU, TRAM_WHERE_DEFAULT);
    struct tram_compiled *x;
    struct tram_stats before, after;
    struct tram_ref r[2];
    OK(tram_graph_compile(g, NULL, &x));
    tram_graph_destroy(g);
    for (int i = 0; i < 3; i++) {
        OK(tram_execute(x, &o, sizeof o, r));
        expect_seen(&r[0], &o, true);
        expect_tensor(&r[1], &o);
        OK(tram_compiled_stats(x, i ? &after : &before));
    }
    assert_true(before.maps > 0);
    assert_int_equal(after.maps, before.maps);
    OK(tram_teardown(x));
}

static void announced_inputs(void **state) {
    (void)state;
    static char value[8192] __attribute__((aligned(8)));
    struct tram_tensor_hint h = hint_of(100, TRAM_ON_DEVICE, 1);
    struct tram_graph *g;
    struct tram_compiled *x = NULL;
    struct tram_ref r;
    struct order o = {100, 4, 0};
    OK(tram_graph_create(test_runtime, &g));
    struct tram_node in = tram_graph_input(g, 1);
    tram_graph_tensor(g, in, &h);
    struct tram_node l = tram_graph_bind(g, a[DEVICE], "look", in);
    tram_graph_limit(g, l, sizeof(struct seen));
    tram_graph_output(g, l);
    for (int way = 0; way < 2; way++) {
        if (way)
            OK(tram_graph_compile(g, NULL, &x));
        for (o.count = 99; o.count <= 100; o.count++) {
            struct tram_tensor t = shaped(&o);
            void *part;
            size_t size = tram_tensor_value_bytes(&t, sizeof o);
            OK(tram_tensor_lay(value, size, &t, sizeof o, &part));
            fill(t.data, o.count, o.seed);
            memcpy(part, &o, sizeof o);
            int status = x ? tram_execute(x, value, size, &r) : tram_graph_run(g, value, size, &r);
            if (o.count == 100) {
                OK(status);
                expect_seen(&r, &o, true);
            } else {
                FAILS(status, TRAM_ERR_INVALID);
                SAYS("the input: f32 [99, 1] with a part of 16 bytes came, the edge is for f32 [100, 1]");
            }
        }
    }
    OK(tram_teardown(x));
    tram_graph_destroy(g);
}

/* make at one, copy at the other, and both look at what comes: every edge between the two stays on the device. */
static struct tram_graph *between_devices(uint64_t count, int one, int other, uint32_t where) {
    struct tram_tensor_hint h = hint_of(count, TRAM_WHERE_DEFAULT, 0);
    struct tram_graph *g;
    OK(tram_graph_create(test_runtime, &g));
    struct tram_node m = tram_graph_bind(g, a[one], "make_or_not", tram_graph_input(g, sizeof(struct order)));
    tram_graph_tensor(g, m, &h);
    struct tram_node n = tram_graph_bind(g, a[other], "copy", m);
    tram_graph_tensor(g, n, &h);
    for (int i = 0; i < 2; i++) {
        struct tram_node l = tram_graph_bind(g, a[i ? one : other], "look", i ? n : m,
                                             tram_graph_constant(g, &where, sizeof where));
        tram_graph_limit(g, l, sizeof(struct seen));
        tram_graph_output(g, l);
    }
    return g;
}

/* The schedule as text, or the graph as .dot, with sizes. */
static void says_as(struct tram_graph *g, const char *suffix, const char *part) {
    char path[64], text[4096] = "";
    snprintf(path, sizeof path, "/tmp/tramline_tensor.XXXXXX%s", suffix);
    int fd = mkstemps(path, 4);
    assert_true(fd >= 0);
    OK(tram_graph_visualize(g, path, TRAM_SHOW_SIZES));
    assert_true(read(fd, text, sizeof text - 1) > 0);
    close(fd);
    unlink(path);
    if (!strstr(text, part))
        fail_msg("%s", text);
}

static void says(struct tram_graph *g, const char *part) {
    says_as(g, ".txt", part);
}

static void edges_stay_on_the_device(void **state) {
    (void)state;
    enum { INFLIGHT = 4, ROUNDS = 60 };
    for (int way = 0; way < 4; way++) {
        uint64_t most = way & 1 ? 100000 : 100;
        uint32_t where = way == 3 ? TRAM_ON_CPU : TRAM_WHERE_DEFAULT;
        struct tram_graph *g = between_devices(most, DEVICE, OTHER, where);
        struct tram_compile_options o = {.inflight = INFLIGHT,
                                         .thread = way & 2 ? TRAM_THREAD_MAIN : TRAM_THREAD_OWN};
        struct tram_compiled *x;
        struct tram_stats stats;
        struct tram_ref r[INFLIGHT][2];
        says(g, "dev.make_or_not -> other, 64 B, f32 [at most");
        says(g, " by ipc");
        says_as(g, ".dot", " B, ipc\"");
        OK(tram_graph_compile(g, &o, &x));
        tram_graph_destroy(g);
        for (uint32_t i = 0; i < ROUNDS + INFLIGHT; i++) {
            struct order order = {i % 7 ? most - i % 5 : i % 3, 100 + i, 0}, before = {0, 0, 0};
            if (i >= INFLIGHT) {
                uint32_t k = i - INFLIGHT;
                before = (struct order){k % 7 ? most - k % 5 : k % 3, 100 + k, 0};
                for (int n = 0; n < 2; n++)
                    expect_seen(&r[k % INFLIGHT][n], &before, where != TRAM_ON_CPU);
            }
            if (i < ROUNDS)
                OK(tram_execute(x, &order, sizeof order, r[i % INFLIGHT]));
        }
        OK(tram_compiled_stats(x, &stats));
        if (where != TRAM_ON_CPU) {
            assert_int_equal(stats.maps, 0);
            assert_true(stats.copied_bytes <=
                        ROUNDS * (sizeof(struct order) + 4 * sizeof(struct seen))); /* no elements */
        }
        OK(tram_teardown(x));
    }
}

/* What fails on the way is a failure of all that takes it, and the next execution is as good as any. */
static void failures_on_the_device(void **state) {
    (void)state;
    struct tram_graph *g = between_devices(1000, OTHER, DEVICE, TRAM_WHERE_DEFAULT);
    struct tram_compiled *x;
    struct tram_ref r[2];
    OK(tram_graph_compile(g, NULL, &x));
    tram_graph_destroy(g);
    for (uint32_t i = 0; i < 60; i++) {
        struct order o = {1000 - i, i % 3 ? i + 200 : 13, 0};
        OK(tram_execute(x, &o, sizeof o, r));
        for (int k = 0; k < 2; k++) {
            if (o.seed != 13) {
                expect_seen(&r[k], &o, true);
                continue;
            }
            FAILS(tram_get(&r[k], &o, sizeof o, NULL, 30), TRAM_ERR_TASK);
            assert_int_equal(tram_last_error()->code, 13);
            SAYS("made and not given");
        }
    }
    OK(tram_teardown(x));
}

/* The sender dies while its device is at it: who waits there, be it on the main thread, is not held up for ever, nor who has given
 * its own device all that this can hold meanwhile. */
static void deaths_under_way(void **state) {
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct tram_tensor_hint h = {.tensor = {.dtype = TRAM_F32, .rank = 2, .shape = {512, 512}},
                                     .is_static = 1};
        struct tram_graph *g = pipe_of(&h, (struct stage){DEVICE, "slow"},
                                       (struct stage){OTHER, i & 2 ? "flood" : "copy"}, OTHER);
        struct tram_compiled *x;
        struct tram_ref r;
        struct order o = {10, 1, 0};
        struct tram_compile_options options = {.thread = i & 1 ? TRAM_THREAD_MAIN : TRAM_THREAD_OWN};
        OK(tram_graph_compile(g, &options, &x));
        tram_graph_destroy(g);
        OK(tram_execute(x, "go", 2, &r));
        test_pause_ms(100);
        kill(tram_actor_pid(a[DEVICE]), SIGKILL);
        int status = tram_get(&r, &o, sizeof o, NULL, 30);
        assert_true(status == TRAM_ERR_PEER_DEAD ||
                    status == TRAM_ERR_TASK); /* without BLAS, or done before */
        OK(tram_teardown(x));
        OK(tram_call(a[OTHER], "make", &o, sizeof o, &r)); /* it lives */
        o = (struct order){10, 1, 0};
        expect_tensor(&r, &o);
        tram_actor_destroy(a[DEVICE]);
        struct tram_actor_options again = {.name = "dev", .device = device()};
        OK(tram_actor_create(test_runtime, "Tensors", &again, &a[DEVICE]));
    }
}

/* How much device memory an actor has mapped, where it is the host's. */
static int mapped(const struct tram_actor *actor) {
    char path[64], line[512];
    int count = 0;
    snprintf(path, sizeof path, "/proc/%d/maps", tram_actor_pid(actor));
    FILE *f = fopen(path, "re");
    assert_non_null(f);
    while (fgets(line, sizeof line, f))
        count += strstr(line, "tramline-device") != NULL;
    fclose(f);
    return count;
}

/* Nobody frees what it lends before all have let go of it, however long one of them takes. */
static void teardowns_in_two_steps(void **state) {
    (void)state;
    for (int busy = DEVICE; busy <= OTHER; busy++) {
        int idle = busy == DEVICE ? OTHER : DEVICE, before[ACTORS] = {0};
        struct tram_compiled *x;
        struct tram_ref r[2], made;
        struct order o = {1000, 77, 0};
        for (int i = DEVICE; i <= OTHER; i++) {
            OK(tram_call(a[i], "make", &o, sizeof o, &made)); /* its own room for that stays */
            OK(tram_release(&made));
            before[i] = mapped(a[i]);
        }
        struct tram_graph *g = between_devices(1000, busy, idle, TRAM_WHERE_DEFAULT);
        OK(tram_graph_compile(g, NULL, &x));
        tram_graph_destroy(g);
        int whole = mapped(a[idle]);
        OK(tram_execute(x, &o, sizeof o, r));
        test_pause_ms(50);
        FAILS(tram_teardown_within(x, 0.1), TRAM_ERR_TIMED_OUT);
        SAYS(tram_actor_name(a[busy]));
        if (strcmp(device(), "cuda") != 0) {
            assert_true(mapped(a[idle]) < whole); /* it has let go, */
            assert_true(mapped(a[idle]) > before[idle]);
        }
        FAILS(tram_execute(x, &o, sizeof o, r), TRAM_ERR_TORN_DOWN);
        OK(tram_teardown(x));
        for (int i = DEVICE; i <= OTHER; i++)
            assert_int_equal(mapped(a[i]), before[i]); /* and then all is gone */
    }
}

/* More than an actor can have on its device: the rest is staged. */
static void very_many_edges(void **state) {
    (void)state;
    enum { EDGES = 260 };
    static struct tram_ref r[EDGES];
    struct tram_tensor_hint h = hint_of(100, TRAM_WHERE_DEFAULT, 0);
    struct tram_graph *g;
    struct tram_compiled *x;
    struct order o = {100, 1, 0};
    OK(tram_graph_create(test_runtime, &g));
    struct tram_node in = tram_graph_input(g, sizeof o);
    for (int i = 0; i < EDGES; i++) {
        struct tram_node m = tram_graph_bind(g, a[DEVICE], "make", in);
        tram_graph_tensor(g, m, &h);
        struct tram_node l = tram_graph_bind(g, a[OTHER], "look", m);
        tram_graph_limit(g, l, sizeof(struct seen));
        tram_graph_output(g, l);
    }
    OK(tram_graph_compile(g, NULL, &x));
    tram_graph_destroy(g);
    for (o.seed = 1; o.seed < 4; o.seed++) {
        OK(tram_execute(x, &o, sizeof o, r));
        for (int i = 0; i < EDGES; i++)
            expect_seen(&r[i], &o, true);
    }
    OK(tram_teardown(x));
}

static void what_is_not_the_tensor(void **state) {
    (void)state;
    static const struct {
        const char *method, *says;
    } bad[] = {{"sneak", "the head of a tensor without its elements"}, {"spread", "with strides"}};
    for (int i = 0; i < 2; i++) {
        struct tram_tensor_hint h = hint_of(100, TRAM_WHERE_DEFAULT, 0);
        struct tram_graph *g =
            pipe_of(&h, (struct stage){DEVICE, "make"}, (struct stage){OTHER, bad[i].method}, DEVICE);
        struct tram_compiled *x;
        struct tram_ref r;
        struct order o = {100, 1, 0};
        OK(tram_graph_compile(g, NULL, &x));
        tram_graph_destroy(g);
        for (int k = 0; k < 3; k++) {
            OK(tram_execute(x, &o, sizeof o, &r));
            FAILS(tram_get(&r, &o, sizeof o, NULL, 30), TRAM_ERR_TASK);
            assert_string_equal(tram_last_error()->method, bad[i].method);
            SAYS(bad[i].says);
        }
        OK(tram_teardown(x));
    }
    for (int i = 0; i < ACTORS; i++) {
        struct tram_ref r;
        struct tram_bytes value;
        struct tram_tensor t;
        OK(tram_call(a[i], "twice", "x", 1, &r));
        OK(tram_get_borrow(&r, &value, 30));
        OK(tram_tensor_view(value.data, value.size, &t, NULL));
        assert_int_equal(t.shape[0], 1 << 20);
        for (int k = 0; k < 1 << 20; k++)
            if (((const char *)t.data)[k] != 7)
                fail_msg("byte %d", k);
        OK(tram_release(&r));
    }
}

/* The sender, or the receiver, dies: the other lives on, and takes part in the next graph. */
static void deaths_on_the_device(void **state) {
    (void)state;
    for (int dies = DEVICE; dies <= OTHER; dies++) {
        struct tram_graph *g = between_devices(100000, DEVICE, OTHER, TRAM_WHERE_DEFAULT);
        struct tram_compiled *x;
        struct tram_ref r[2];
        struct order o = {100000, 5, 0}, end = {100000, 99, 0};
        OK(tram_graph_compile(g, NULL, &x));
        tram_graph_destroy(g);
        OK(tram_execute(x, &o, sizeof o, r));
        for (int k = 0; k < 2; k++)
            expect_seen(&r[k], &o, true);
        if (dies == OTHER)
            kill(tram_actor_pid(a[OTHER]), SIGKILL);
        OK(dies == OTHER ? 0 : tram_execute(x, &end, sizeof end, r));
        int status = dies == OTHER ? tram_execute(x, &o, sizeof o, r) : TRAM_OK;
        for (int k = 0; !status && k < 2; k++)
            FAILS(tram_get(&r[k], &o, sizeof o, NULL, 30), TRAM_ERR_PEER_DEAD);
        OK(tram_teardown(x));
        tram_actor_destroy(a[dies]);
        struct tram_actor_options again = {.name = dies == DEVICE ? "dev" : "other", .device = device()};
        OK(tram_actor_create(test_runtime, "Tensors", &again, &a[dies]));
        g = between_devices(1000, DEVICE, OTHER, TRAM_WHERE_DEFAULT);
        OK(tram_graph_compile(g, NULL, &x));
        tram_graph_destroy(g);
        o.count = 1000;
        OK(tram_execute(x, &o, sizeof o, r));
        for (int k = 0; k < 2; k++)
            expect_seen(&r[k], &o, true);
        OK(tram_teardown(x));
    }
}

static void edges_that_cannot_be(void **state) {
    (void)state;
    struct tram_tensor_hint h = hint_of(100, TRAM_ON_DEVICE, 1);
    struct tram_graph *g = announced(&h, CPU, CPU);
    struct tram_compiled *x;
    FAILS(tram_graph_compile(g, NULL, &x), TRAM_ERR_INVALID);
    SAYS("actor cpu: argument 0 of look is a tensor for a device, and the actor has none");
    tram_graph_destroy(g);
    h = hint_of(100, TRAM_WHERE_DEFAULT, 1);
    h.transport = TRAM_TRANSPORT_IPC;
    g = announced(&h, CPU, CPU);
    FAILS(tram_graph_compile(g, NULL, &x), TRAM_ERR_INVALID);
    SAYS("the tensor of cpu.make cannot travel by ipc: actor cpu has no device");
    tram_graph_destroy(g);
    g = announced(&h, OTHER, OTHER);
    says(g, "other.make -> dev, 64 B, f32 [100, 1] by ipc");
    tram_graph_destroy(g);
    h.transport = TRAM_TRANSPORT_STAGED;
    g = announced(&h, OTHER, OTHER);
    says(g, "other.make -> dev, 448 B, f32 [100, 1] by staged\n");
    tram_graph_destroy(g);
    h.transport = TRAM_TRANSPORT_AUTO;
    g = announced(&h, CPU, CPU);
    says(g, "cpu.make -> dev, 448 B, f32 [100, 1] by staged\n");
    tram_graph_destroy(g);
    OK(tram_graph_create(test_runtime, &g));
    tram_graph_tensor(g, tram_graph_input(g, 10), NULL);
    FAILS(tram_graph_compile(g, NULL, &x), TRAM_ERR_INVALID);
    SAYS("the tensor of input");
    tram_graph_destroy(g);
    h.tensor.dtype = TRAM_DTYPE_NONE;
    g = announced(&h, CPU, CPU);
    FAILS(tram_graph_compile(g, NULL, &x), TRAM_ERR_INVALID);
    SAYS("the tensor of cpu.make: a tensor of dtype 0");
    tram_graph_destroy(g);
    const struct tram_tensor_hint *hints[] = {&h};
    struct tram_ref r;
    FAILS(tram_call_with(a[CPU], "copy", &(struct tram_call_params){.tensors = hints}, &r), TRAM_ERR_INVALID);
    SAYS("result 0 of cpu.copy");
}

/* What compile says of an edge between two actors on these devices, and whether it works where ipc is not insisted on. NULL: it
 * is not known before it is tried that one cannot import the other's memory. */
static void between(const char *from, const char *to, const char *says) {
    struct tram_actor *pair[2];
    struct tram_tensor_hint h = hint_of(100, TRAM_WHERE_DEFAULT, 1);
    for (int i = 0; i < 2; i++) {
        struct tram_actor_options o = {.name = i ? "right" : "left", .device = i ? to : from};
        OK(tram_actor_create(test_runtime, "Tensors", &o, &pair[i]));
    }
    for (int way = 0; way < 2; way++) {
        struct tram_graph *g;
        struct tram_compiled *x;
        struct tram_ref r;
        struct order o = {100, 1, 0};
        h.transport = way ? TRAM_TRANSPORT_AUTO : TRAM_TRANSPORT_IPC;
        OK(tram_graph_create(test_runtime, &g));
        struct tram_node m = tram_graph_bind(g, pair[0], "make", tram_graph_input(g, sizeof o));
        tram_graph_tensor(g, m, &h);
        struct tram_node l = tram_graph_bind(g, pair[1], "look", m);
        tram_graph_limit(g, l, sizeof(struct seen));
        tram_graph_output(g, l);
        if (!says && !way) {
            FAILS(tram_graph_compile(g, NULL, &x), TRAM_ERR_UNSUPPORTED);
            SAYS("fault: memory of others is refused on purpose");
            SAYS(strcmp(from, "fault:5") == 0 ? "actor left: " : "actor right: ");
        } else if (!way && *says) {
            FAILS(tram_graph_compile(g, NULL, &x), TRAM_ERR_INVALID);
            SAYS(says);
        } else {
            enum tram_transport picked;
            OK(tram_graph_compile(g, NULL, &x));
            OK(tram_compiled_transport(x, m, &picked));
            assert_true(says && !*says ? picked == TRAM_TRANSPORT_IPC : picked != TRAM_TRANSPORT_IPC);
            OK(tram_execute(x, &o, sizeof o, &r));
            expect_seen(&r, &o, true);
            OK(tram_teardown(x));
        }
        tram_graph_destroy(g);
    }
    for (int i = 0; i < 2; i++)
        tram_actor_destroy(pair[i]);
}

/* A reader on another device has the elements copied to its own, once in each execution, and then finds them there. */
static void from_device_to_device(void **state) {
    (void)state;
    enum { ROUNDS = 40, COUNT = 5000 };
    const char *kind = strcmp(device(), "fault") == 0 ? "fault" : "host";
    struct tram_stats stats[4];
    for (int way = 0; way < 4; way++) { /* to the same device or another; found there or on the CPU */
        struct tram_actor *pair[2];
        struct tram_graph *g;
        struct tram_compiled *x;
        struct tram_ref r;
        struct tram_tensor_hint h = hint_of(COUNT, TRAM_WHERE_DEFAULT, 0);
        uint32_t where = way & 2 ? TRAM_ON_CPU : TRAM_ON_DEVICE;
        for (int i = 0; i < 2; i++) {
            char name[16];
            snprintf(name, sizeof name, "%s:%d", kind, i && way & 1 ? 1 : 0);
            struct tram_actor_options o = {.name = i ? "right" : "left", .device = name};
            OK(tram_actor_create(test_runtime, "Tensors", &o, &pair[i]));
        }
        OK(tram_graph_create(test_runtime, &g));
        struct tram_node m = tram_graph_bind(g, pair[0], "make", tram_graph_input(g, sizeof(struct order)));
        tram_graph_tensor(g, m, &h);
        struct tram_node l =
            tram_graph_bind(g, pair[1], "look", m, tram_graph_constant(g, &where, sizeof where));
        tram_graph_limit(g, l, sizeof(struct seen));
        tram_graph_output(g, l);
        says(g, way & 1 ? " by ipc, copied by right\n" : " by ipc\n");
        says_as(g, ".dot", way & 1 ? " B, ipc, copied\"" : " B, ipc\"");
        OK(tram_graph_compile(g, NULL, &x));
        tram_graph_destroy(g);
        for (uint32_t i = 0; i < ROUNDS; i++) {
            struct order o = {COUNT, i, 0};
            OK(tram_execute(x, &o, sizeof o, &r));
            expect_seen(&r, &o, where == TRAM_ON_DEVICE);
        }
        OK(tram_compiled_stats(x, &stats[way]));
        OK(tram_teardown(x));
        for (int i = 0; i < 2; i++)
            tram_actor_destroy(pair[i]);
    }
    assert_int_equal(stats[1].maps, 0);
    assert_int_equal(stats[1].copies, stats[0].copies + ROUNDS);
    assert_int_equal(stats[1].copied_bytes, stats[0].copied_bytes + ROUNDS * COUNT * sizeof(float));
    assert_int_equal(stats[2].copies, stats[1].copies); /* to the CPU: straight from where they lie */
    assert_int_equal(stats[3].copies, stats[2].copies);
}

/* What the actors tell of their devices decides. */
static void devices_apart(void **state) {
    (void)state;
    between("fault:3", "fault",
            "the tensor of left.make cannot travel by ipc: actor left on fault:3 cannot "
            "lend its memory (refused on purpose)");
    between("fault", "fault:4",
            "the tensor of left.make cannot travel by ipc: actor right on fault:4 cannot "
            "reach the memory of actor left on fault");
    between("fault", "fault:5", NULL);
    between("fault:5", "fault:1", NULL);
    between("host", "fault", "actor left is on host, actor right on fault");
    between("fault:4", "fault:4", "");
}

/* Made, asked for and found on the CPU without a word of the methods', though both have devices: nothing goes there. */
static void tensors_that_stay_on_the_host(void **state) {
    (void)state;
    struct tram_tensor_hint h = hint_of(5000, TRAM_WHERE_DEFAULT, 0);
    struct tram_compiled *x = NULL;
    struct tram_stats stats;
    struct tram_ref r;
    h.transport = TRAM_TRANSPORT_SHM;
    struct tram_graph *g = announced(&h, OTHER, OTHER);
    says(g, "f32 [at most 5000, at most 1] by shm\n");
    for (int way = 0; way < 2; way++) {
        if (way)
            OK(tram_graph_compile(g, NULL, &x));
        for (uint32_t i = 0; i < 10; i++) {
            struct order o = {5000 - i, i, 0};
            OK(x ? tram_execute(x, &o, sizeof o, &r) : tram_graph_run(g, &o, sizeof o, &r));
            expect_seen(&r, &o, false);
        }
    }
    OK(tram_compiled_stats(x, &stats));
    assert_int_equal(stats.maps, 0);
    assert_true(stats.copied_bytes <= 10 * (sizeof(struct order) + 2 * sizeof(struct seen)));
    OK(tram_teardown(x));
    tram_graph_destroy(g);
}

/* What was picked can be asked for. */
static void transports_are_told(void **state) {
    (void)state;
    struct tram_tensor_hint h = hint_of(100, TRAM_WHERE_DEFAULT, 1);
    enum tram_transport got = TRAM_TRANSPORT_AUTO;
    struct tram_compiled *x;
    struct tram_graph *g;
    OK(tram_graph_create(test_runtime, &g));
    struct tram_node in = tram_graph_input(g, sizeof(struct order));
    struct tram_node made[4] = {tram_graph_bind(g, a[DEVICE], "make", in)};
    made[1] = tram_graph_bind(g, a[OTHER], "copy", made[0]); /* by ipc, then from there to the CPU, */
    made[2] = tram_graph_bind(g, a[CPU], "copy", made[1]);   /* and from there nowhere else */
    made[3] = tram_graph_bind(g, a[CPU], "copy", made[2]);
    for (int i = 0; i < 4; i++)
        tram_graph_tensor(g, made[i], &h);
    struct tram_node l = tram_graph_bind(g, a[CPU], "look", made[3]);
    tram_graph_output(g, l);
    OK(tram_graph_compile(g, NULL, &x));
    OK(tram_compiled_transport(x, made[0], &got));
    assert_int_equal(got, TRAM_TRANSPORT_IPC);
    OK(tram_compiled_transport(x, made[1], &got));
    assert_string_equal(tram_transport_text(got), strcmp(device(), "cuda") == 0 ? "pinned" : "staged");
    FAILS(tram_compiled_transport(x, made[2], &got), TRAM_ERR_INVALID);
    FAILS(tram_compiled_transport(x, in, &got), TRAM_ERR_INVALID);
    FAILS(tram_compiled_transport(x, l, &got), TRAM_ERR_INVALID);
    FAILS(tram_compiled_transport(x, (struct tram_node){g, 1000}, &got), TRAM_ERR_INVALID);
    SAYS("node 1000 is no announced tensor that travels");
    OK(tram_teardown(x));
    FAILS(tram_compiled_transport(x, made[0], &got), TRAM_ERR_TORN_DOWN);
    tram_graph_destroy(g);
}

struct trip {
    const char *from, *to; /* devices */
    enum tram_transport asked, picked;
    uint32_t copies;        /* of elements, in each execution */
    const char *says;       /* the schedule; picked AUTO: the error */
    enum tram_where target; /* ON_CPU: its taker's device has nothing to do with it */
};

static void travel(const struct trip *t, uint64_t count) {
    enum { ROUNDS = 20 };
    struct tram_actor *pair[2];
    struct tram_tensor_hint h = hint_of(count, t->target, 1);
    struct tram_graph *g;
    struct tram_compiled *x;
    struct tram_stats stats;
    struct tram_ref r;
    enum tram_transport picked;
    h.transport = t->asked;
    for (int i = 0; i < 2; i++) {
        struct tram_actor_options o = {.name = i ? "right" : "left", .device = i ? t->to : t->from};
        OK(tram_actor_create(test_runtime, "Tensors", &o, &pair[i]));
    }
    OK(tram_graph_create(test_runtime, &g));
    struct tram_node m = tram_graph_bind(g, pair[0], "make", tram_graph_input(g, sizeof(struct order)));
    tram_graph_tensor(g, m, &h);
    struct tram_node l = tram_graph_bind(g, pair[1], "look", m);
    tram_graph_limit(g, l, sizeof(struct seen));
    tram_graph_output(g, l);
    if (t->picked == TRAM_TRANSPORT_AUTO) {
        assert_int_not_equal(tram_graph_compile(g, NULL, &x), TRAM_OK);
        SAYS(t->says);
    } else {
        says(g, t->says);
        OK(tram_graph_compile(g, NULL, &x));
        OK(tram_compiled_transport(x, m, &picked));
        assert_string_equal(tram_transport_text(picked), tram_transport_text(t->picked));
        for (uint32_t i = 0; i < ROUNDS; i++) {
            struct order o = {count, i, 0};
            OK(tram_execute(x, &o, sizeof o, &r));
            expect_seen(&r, &o, t->to && t->target != TRAM_ON_CPU);
        }
        OK(tram_compiled_stats(x, &stats));
        assert_int_equal(stats.copied_bytes, ROUNDS * (sizeof(struct order) + 2 * sizeof(struct seen) +
                                                       t->copies * count * sizeof(float)));
        assert_int_equal(stats.maps, 0);
        OK(tram_teardown(x));
    }
    tram_graph_destroy(g);
    for (int i = 0; i < 2; i++)
        tram_actor_destroy(pair[i]);
}

#define BY(name) TRAM_TRANSPORT_##name

/* By memory that devices copy to and from directly, as far as they can. */
static void pinned_edges(void **state) {
    (void)state;
    static const struct trip trips[] = {
        {NULL, "host", BY(AUTO), BY(STAGED), 1, " by staged\n", 0},
        {NULL, "host", BY(PINNED), BY(PINNED), 1, " by pinned\n", 0},
        {"host", NULL, BY(PINNED), BY(PINNED), 1, " by pinned\n", 0},
        {"host", "host:1", BY(PINNED), BY(PINNED), 2, " by pinned\n", 0},
        {NULL, NULL, BY(AUTO), BY(SHM), 0, " by shm\n", 0},
        {"fault:1", NULL, BY(AUTO), BY(PINNED), 1, " by pinned\n", 0},
        {NULL, "fault:1", BY(AUTO), BY(PINNED), 2, " by pinned, copied by right\n", 0},
        {NULL, "fault:1", BY(PINNED), BY(PINNED), 0, " by pinned\n", TRAM_ON_CPU},
        {NULL, "fault:2", BY(AUTO), BY(STAGED), 1, " by pinned\n", 0},
        {"fault:2", NULL, BY(AUTO), BY(STAGED), 1, " by pinned\n", 0},
        {NULL, "fault:2", BY(PINNED), BY(AUTO), 0,
         "left.make cannot travel by pinned: actor right on fault:2: fault:", 0},
        {NULL, NULL, BY(PINNED), BY(AUTO), 0, "by pinned: no actor that makes it or takes it has a device",
         0},
    };
    for (size_t i = 0; i < sizeof trips / sizeof *trips; i++)
        travel(&trips[i], i % 2 ? 1000 : 100000);
    /* What fits into the slots needs no registration: there is nothing that could fail. */
    const struct trip small = {.to = "fault:2",
                               .asked = TRAM_TRANSPORT_AUTO,
                               .picked = TRAM_TRANSPORT_PINNED,
                               .copies = 1,
                               .says = " by pinned\n"};
    travel(&small, 2);
}

/* The driver lays tensors into the input in place. */
static void from_the_driver(void **state) {
    (void)state;
    struct tram_graph *g;
    struct tram_compiled *x;
    struct tram_ref r[2];
    OK(tram_graph_create(test_runtime, &g));
    struct tram_node in = tram_graph_input(g, MOST * sizeof(float) + 128);
    for (int i = CPU; i <= DEVICE; i++) {
        struct tram_node l = tram_graph_bind(g, a[i], "look", in);
        tram_graph_limit(g, l, sizeof(struct seen));
        tram_graph_output(g, l);
    }
    OK(tram_graph_compile(g, NULL, &x));
    tram_graph_destroy(g);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        struct order o = {counts[i], (uint32_t)i, 0};
        struct tram_tensor t = shaped(&o);
        void *buffer, *part;
        size_t size = tram_tensor_value_bytes(&t, sizeof o);
        OK(tram_execute_loan(x, size, &buffer));
        OK(tram_tensor_lay(buffer, size, &t, sizeof o, &part));
        fill(t.data, o.count, o.seed);
        memcpy(part, &o, sizeof o);
        OK(tram_execute_commit(x, size, r));
        expect_seen(&r[0], &o, false);
        expect_seen(&r[1], &o, true);
    }
    OK(tram_teardown(x));
}

static void products(void **state) {
    (void)state;
    enum { N = 64 };
    static float m[3][N * N];
    static char values[3][N * N * sizeof(float) + 256] __attribute__((aligned(8)));
    struct tram_value v[3];
    struct tram_ref r;
    for (int i = 0; i < N * N; i++) {
        m[0][i] = (float)(i % 5 - 2);
        m[1][i] = (float)(i % 3 - 1);
    }
    for (int i = 0; i < N * N; i++)
        for (int k = 0; k < N; k++)
            m[2][i] += m[0][i / N * N + k] * m[1][k * N + i % N];
    for (int i = 0; i < 3; i++) {
        struct tram_tensor t = {.dtype = TRAM_F32, .rank = 2, .shape = {N, N}};
        size_t size = tram_tensor_value_bytes(&t, 0);
        OK(tram_tensor_lay(values[i], size, &t, 0, NULL));
        memcpy(t.data, m[i], sizeof m[i]);
        v[i] = (struct tram_value){.kind = TRAM_BYTES, .data = values[i], .size = size};
    }
    OK(tram_call_with(a[DEVICE], "multiply", &(struct tram_call_params){.value_count = 3, .values = v}, &r));
    struct tram_bytes value;
    int status = tram_get_borrow(&r, &value, 30);
    if (status == TRAM_ERR_TASK && strstr(tram_last_error()->text, "OpenBLAS")) {
        print_message("without products: %s\n", tram_last_error()->text);
        return;
    }
    OK(status);
    struct tram_tensor t;
    OK(tram_tensor_view(value.data, value.size, &t, NULL));
    assert_memory_equal(t.data, m[2], sizeof m[2]);
    OK(tram_release(&r));
}

static void fails(int actor, const char *method, const void *data, size_t size, const char *says) {
    struct tram_ref r;
    OK(tram_call(a[actor], method, data, size, &r));
    FAILS(tram_get(&r, NULL, 0, NULL, 30), TRAM_ERR_TASK);
    SAYS(says);
}

static void memory_of_their_own(void **state) {
    (void)state;
    struct tram_ref r;
    char got[16];
    for (int round = 0; round < 3; round++) {
        for (const char *what = "nkkf"; *what; what++) {
            OK(tram_call(a[DEVICE], "keep", what, 1, &r));
            OK(tram_get(&r, got, sizeof got, NULL, 30));
        }
    }
    fails(CPU, "keep", "n", 1, "4096 bytes on a device: the actor has none");
}

/* Results that are still being made when they are handed on, several in flight, slots used again and again. */
static void work_under_way(void **state) {
    enum { INFLIGHT = 3, EXECUTIONS = 24 };
    (void)state;
    struct tram_tensor_hint h = {.tensor = {.dtype = TRAM_F32, .rank = 2, .shape = {SIDE, SIDE}},
                                 .is_static = 1,
                                 .part_bytes = 1,
                                 .transport = TRAM_TRANSPORT_IPC};
    struct tram_compile_options o = {.inflight = INFLIGHT};
    struct tram_ref r[EXECUTIONS];
    struct tram_graph *g;
    struct tram_compiled *x;
    char got[16];
    OK(tram_call(a[DEVICE], "multiply_there", "p", 1, &r[0]));
    int there = tram_get(&r[0], got, sizeof got, NULL, 30);
    assert_int_equal(there, TRAM_OK);
    OK(tram_graph_create(test_runtime, &g));
    struct tram_node made = tram_graph_bind(g, a[DEVICE], "multiply_there", tram_graph_input(g, 1));
    tram_graph_tensor(g, made, &h);
    struct tram_node seen = tram_graph_bind(g, a[OTHER], "inspect", made);
    tram_graph_limit(g, seen, 8);
    tram_graph_output(g, seen);
    OK(tram_graph_compile(g, &o, &x));
    for (uint32_t i = 0; i < EXECUTIONS + INFLIGHT; i++) {
        unsigned char kind = (unsigned char)(i * 3 % KINDS);
        uint32_t said[2];
        if (i >= INFLIGHT) {
            int status = tram_get(&r[i - INFLIGHT], said, sizeof said, NULL, 30);
            if (status == TRAM_ERR_TASK && strstr(tram_last_error()->text, "OpenBLAS"))
                skip();
            assert_int_equal(status, TRAM_OK);
            assert_int_equal(said[0], (i - INFLIGHT) * 3 % KINDS);
            assert_int_equal(said[1], 0);
        }
        if (i < EXECUTIONS)
            OK(tram_execute(x, &kind, 1, &r[i]));
    }
    OK(tram_teardown(x));
    tram_graph_destroy(g);
}

/* The same for oneself: it is there for calls, on another stream, when the execution's result is; and after teardown. */
static void work_for_oneself(void **state) {
    (void)state;
    struct tram_graph *g;
    struct tram_compiled *x;
    struct tram_ref r;
    char got[16];
    OK(tram_call(a[DEVICE], "multiply_there", "p", 1, &r));
    OK(tram_get(&r, got, sizeof got, NULL, 30));
    for (unsigned char kind = 0; kind < 2 * KINDS; kind++) {
        unsigned char of = kind % KINDS, ask[2] = {'?', of};
        uint32_t wrong = 1;
        OK(tram_graph_create(test_runtime, &g));
        struct tram_node done = tram_graph_bind(g, a[DEVICE], "multiply_here", tram_graph_input(g, 2));
        tram_graph_output(g, done);
        OK(tram_graph_compile(g, NULL, &x));
        OK(tram_execute(x, &of, 1, &r));
        int status = tram_get(&r, got, sizeof got, NULL, 30);
        if (status == TRAM_ERR_TASK && strstr(tram_last_error()->text, "OpenBLAS"))
            skip();
        assert_int_equal(status, TRAM_OK);
        if (kind >= KINDS)
            OK(tram_teardown(x));
        OK(tram_call(a[DEVICE], "multiply_here", ask, sizeof ask, &r));
        OK(tram_get(&r, &wrong, sizeof wrong, NULL, 30));
        assert_int_equal(wrong, 0);
        if (kind < KINDS)
            OK(tram_teardown(x));
        tram_graph_destroy(g);
    }
}

static void mistakes(void **state) {
    (void)state;
    struct order o = {10, 1, 0};
    uint32_t wanted = TRAM_ON_DEVICE;
    struct tram_ref made, r;
    char got[16];
    size_t size;
    fails(CPU, "look", "not one", 7, "argument 0: 7 bytes that are no tensor");
    fails(CPU, "nonsense", "x", 1, "result 0: a tensor of rank 9");
    OK(tram_call(a[CPU], "make", &o, sizeof o, &made));
    struct tram_value v[] = {{.kind = TRAM_MOVE, .ref = &made},
                             {.kind = TRAM_BYTES, .data = &wanted, .size = sizeof wanted}};
    OK(tram_call_with(a[CPU], "look", &(struct tram_call_params){.value_count = 2, .values = v}, &r));
    FAILS(tram_get(&r, got, sizeof got, NULL, 30), TRAM_ERR_TASK);
    SAYS("argument 0 is wanted on a device, and the actor has none");
    for (int i = 0; i < ACTORS; i++) {
        OK(tram_call(a[i], "change_its_mind", "b", 1, &r));
        OK(tram_get(&r, got, sizeof got, &size, 30));
        assert_int_equal(size, 5);
        assert_memory_equal(got, "bytes", 5);
        fails(i, "change_its_mind", "f", 1, "it did not");
    }
}

static void devices_that_are_not_there(void **state) {
    static const struct {
        const char *device, *says;
        int status;
    } bad[] = {{"gpu", "device 'gpu'", TRAM_ERR_INVALID},
               {"host:x", "device 'host:x'", TRAM_ERR_INVALID},
               {"host:9", "host:7", TRAM_ERR_NOT_FOUND},
               {"cuda:77", "cuda:77", TRAM_ERR_NOT_FOUND}};
    struct tram_actor *none;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct tram_actor_options o = {.name = "eve", .device = bad[i].device};
        FAILS(tram_actor_create(test_runtime, "Tensors", &o, &none), bad[i].status);
        SAYS(bad[i].says);
        SAYS("eve");
    }
}

int main(int argc, char **argv) {
    OK(test_init(&argc, &argv, classes, &test_runtime));
    if (set_up(NULL))
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_calls),
        cmocka_unit_test(by_graphs),
        cmocka_unit_test(from_the_driver),
        cmocka_unit_test(as_announced),
        cmocka_unit_test(not_announced),
        cmocka_unit_test(announced_inputs),
        cmocka_unit_test(edges_stay_on_the_device),
        cmocka_unit_test(failures_on_the_device),
        cmocka_unit_test(deaths_on_the_device),
        cmocka_unit_test(what_is_not_the_tensor),
        cmocka_unit_test(teardowns_in_two_steps),
        cmocka_unit_test(very_many_edges),
        cmocka_unit_test(deaths_under_way),
        cmocka_unit_test(edges_that_cannot_be),
        cmocka_unit_test(devices_apart),
        cmocka_unit_test(from_device_to_device),
        cmocka_unit_test(tensors_that_stay_on_the_host),
        cmocka_unit_test(transports_are_told),
        cmocka_unit_test(pinned_edges),
        cmocka_unit_test(products),
        cmocka_unit_test(memory_of_their_own),
        cmocka_unit_test(work_under_way),
        cmocka_unit_test(work_for_oneself),
        cmocka_unit_test(mistakes),
        cmocka_unit_test(devices_that_are_not_there),
    };
    int failed = cmocka_run_group_tests_name("tensors of actors", tests, NULL, NULL);
    tear_down(NULL);
    tram_fini(test_runtime);
    return failed;
}
