/* SPDX-License-Identifier: Apache-2.0
 *
 * Random graphs of tensors between actors with devices and without, some edges announced and some not, executed compiled and
 * through eager calls, and compared with what a plain interpreter makes of them. TRAM_TEST_SEED repeats a run,
 * TRAM_TEST_GRAPHS sets how many, TRAM_TEST_DEVICE names another device than the host's.
 */
#include "transport_testing.h"

#include <stdlib.h>
#include <string.h>

enum { ACTORS = 6, TASKS = 20, ARGS = 3, MOST = 3000, EXECUTIONS = 8 };

static uint64_t mix(uint64_t h, const void *data, size_t size) {
    const unsigned char *p = data;
    for (size_t i = 0; i < size; i++)
        h = (h ^ p[i]) * 0x100000001B3u;
    return h ^ h >> 31;
}

static uint64_t step(uint64_t *h) {
    uint64_t z = (*h += 0x9E3779B97F4A7C15u);
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    return z ^ z >> 27;
}

static void spin_out(uint64_t h, float *to, size_t count) {
    for (size_t i = 0; i < count; i++)
        to[i] = (float)(step(&h) % 65536);
}

static bool fails(uint64_t h) {
    return h / 1000 % 41 == 0;
}

/* What a task is told, in every execution: how many elements it makes, and which of its tensors it wants on the CPU. */
struct order {
    uint64_t count;
    uint32_t on_cpu;
    uint32_t salt;
};

/* ---- the actors' side ------------------------------------------------------------------------------------ */

/* The hash of all arguments from the second on: the first ones' bytes, then tensors. */
static int hash_args(struct tram_call *c, uint64_t *h) {
    static _Thread_local float host[MOST]; /* graphs on threads of their own run beside calls */
    struct order o;
    memcpy(&o, tram_arg(c, 0).data, sizeof o);
    *h = mix(o.salt, tram_arg(c, 1).data, tram_arg(c, 1).size);
    for (size_t i = 2; i < tram_arg_count(c); i++) {
        struct tram_tensor t;
        struct tram_bytes part;
        int code = tram_arg_tensor(c, i, o.on_cpu >> i & 1 ? TRAM_ON_CPU : TRAM_WHERE_DEFAULT, &t, &part);
        if (code)
            return code;
        size_t bytes = tram_tensor_bytes(&t);
        if (t.where == TRAM_ON_DEVICE && (tram_stream_copy(tram_call_stream(c), host, t.data, bytes) ||
                                          tram_stream_wait(tram_call_stream(c))))
            return tram_fail(c, 1, "copying from the device");
        *h = mix(mix(*h, t.where == TRAM_ON_DEVICE ? host : t.data, bytes), part.data, part.size);
    }
    return 0;
}

static int combine(void *self, struct tram_call *c) {
    static _Thread_local float host[2][MOST];
    static _Thread_local int turn;
    struct order o;
    uint64_t h;
    void *part;
    (void)self;
    memcpy(&o, tram_arg(c, 0).data, sizeof o);
    int code = hash_args(c, &h);
    struct tram_tensor t = {.dtype = TRAM_F32, .rank = 1, .shape = {o.count}};
    if (!code)
        code = tram_result_tensor(c, 0, o.on_cpu & 1 ? TRAM_ON_CPU : TRAM_WHERE_DEFAULT, &t, sizeof h, &part);
    if (code)
        return code;
    memcpy(part, &h, sizeof h);
    float *to = t.where == TRAM_ON_DEVICE ? host[turn ^= 1] : t.data;
    spin_out(h, to, o.count);
    if (t.where == TRAM_ON_DEVICE && tram_stream_copy(tram_call_stream(c), t.data, to, o.count * sizeof *to))
        return 1;
    return fails(h) ? tram_fail(c, (int)(h % 500) + 1, "by chance") : 0;
}

static int digest(void *self, struct tram_call *c) {
    uint64_t h;
    (void)self;
    int code = hash_args(c, &h);
    return code ? code : tram_result_copy(c, 0, &h, sizeof h);
}

static int pass(void *self, struct tram_call *c) {
    (void)self;
    return tram_forward(c, 0, 2);
}

static const struct tram_method methods[] = {{.name = "combine", .fn = combine},
                                             {.name = "digest", .fn = digest},
                                             {.name = "pass", .fn = pass, .forwards = 1},
                                             {0}};
static const struct tram_class classes[] = {{.name = "Any", .methods = methods}, {0}};

/* ---- a graph, as the test remembers it ------------------------------------------------------------------- */

enum what { COMBINE, DIGEST, PASS };

struct task {
    enum what what;
    int actor;
    struct order order;
    int args[ARGS], arg_count;
    struct tram_node node;
    struct tram_tensor_hint hint; /* what was announced; dtype NONE: nothing */
    /* Of an execution. */
    uint64_t h, count; /* a tensor: spun out of h */
    int code, who;     /* code not 0: failed, in `who` */
};

struct plan {
    uint64_t random;
    struct tram_graph *g;
    struct tram_node in;
    struct task tasks[TASKS];
    int count, outputs, output[TASKS];
};

static struct tram *runtime;
static struct tram_actor *actors[ACTORS];
static struct test_hooks *hooks;
static bool by_hand; /* the host reaches the devices' memory */

static uint64_t below(struct plan *p, uint64_t n) {
    return step(&p->random) % n;
}

/* A limit, or an announcement that fits what the task makes. */
static void bound(struct plan *p, struct task *t, uint64_t count) {
    struct tram_tensor_hint h = {.tensor = {.dtype = TRAM_F32, .rank = 1, .shape = {count}},
                                 .part_bytes = sizeof(uint64_t)};
    if (below(p, 3) == 0) {
        tram_graph_limit(p->g, t->node, tram_tensor_value_bytes(&h.tensor, sizeof(uint64_t)));
        return;
    }
    h.is_static = below(p, 2) == 0;
    if (!h.is_static)
        h.tensor.shape[0] += below(p, 100);
    static const enum tram_transport asked[] = {TRAM_TRANSPORT_AUTO, TRAM_TRANSPORT_AUTO,
                                                TRAM_TRANSPORT_STAGED, TRAM_TRANSPORT_SHM,
                                                TRAM_TRANSPORT_PINNED};
    h.transport = asked[below(p, sizeof asked / sizeof *asked - (t->actor < 2))]; /* pinned: of a device */
    h.target = below(p, 4) ? TRAM_WHERE_DEFAULT : TRAM_ON_CPU;
    tram_graph_tensor(p->g, t->node, &h);
    t->hint = h;
}

/* True when the value can go by a transport of the program's own. */
static bool may_go_its_own_way(const struct plan *p, int task) {
    const struct task *t = &p->tasks[task];
    bool ok = t->hint.tensor.dtype && t->hint.tensor.shape[0] && t->actor >= 2 && t->what != PASS;
    for (int i = task + 1; ok && i < p->count; i++)
        for (int k = 0; k < p->tasks[i].arg_count; k++)
            ok &= p->tasks[i].args[k] != task || (p->tasks[i].actor >= 2 && p->tasks[i].what != PASS);
    return ok;
}

/* Once all that takes a value is known. */
static void choose_own_ways(struct plan *p) {
    for (int i = 0; i < p->count; i++) {
        struct task *t = &p->tasks[i];
        if (!may_go_its_own_way(p, i) || below(p, 2))
            continue;
        t->hint.transport = TRAM_TRANSPORT_CUSTOM;
        t->hint.custom = by_hand && below(p, 2) ? "hands" : "file";
        tram_graph_tensor(p->g, t->node, &t->hint);
    }
}

static void add_task(struct plan *p) {
    struct task *t = &p->tasks[p->count];
    struct tram_node args[ARGS + 2];
    int tensors[TASKS], tensor_count = 0;
    for (int i = 0; i < p->count; i++)
        if (p->tasks[i].what != DIGEST)
            tensors[tensor_count++] = i;
    *t = (struct task){.what = tensor_count ? (enum what)(below(p, 7) / 2 % 3) : COMBINE,
                       .actor = (int)below(p, ACTORS)};
    t->order = (struct order){below(p, 5) ? below(p, MOST) + 1 : below(p, 3), (uint32_t)below(p, 32),
                              (uint32_t)below(p, 1000)};
    int least = t->what == COMBINE ? 0 : 1;
    if (tensor_count)
        t->arg_count = least + (int)below(p, (uint64_t)(t->what == PASS ? 1 : ARGS + 1 - least));
    args[0] = tram_graph_constant(p->g, &t->order, sizeof t->order);
    args[1] = p->in;
    for (int i = 0; i < t->arg_count; i++) {
        int recent = tensor_count > 4 && below(p, 2) ? tensor_count - 4 : 0;
        t->args[i] = tensors[recent + (int)below(p, (uint64_t)(tensor_count - recent))];
        args[2 + i] = p->tasks[t->args[i]].node;
    }
    t->node =
        tram_graph_bind_args(p->g, actors[t->actor], methods[t->what].name, (size_t)t->arg_count + 2, args);
    if (t->what == DIGEST) {
        tram_graph_limit(p->g, t->node, sizeof(uint64_t));
        tram_graph_output(p->g, t->node);
        p->output[p->outputs++] = p->count;
    } else if (t->what == PASS) {
        t->order.count = p->tasks[t->args[0]].order.count;
        bound(p, t, t->order.count);
    } else {
        bound(p, t, t->order.count);
    }
    p->count++;
}

static void make(struct plan *p, uint64_t seed) {
    *p = (struct plan){.random = seed};
    OK(tram_graph_create(runtime, &p->g));
    p->in = tram_graph_input(p->g, 64);
    for (uint64_t tasks = 2 + below(p, TASKS - 2); tasks > 0 || !p->outputs; tasks -= tasks > 0) {
        if (p->count == TASKS) { /* without an output so far */
            tram_graph_destroy(p->g);
            make(p, step(&p->random));
            return;
        }
        add_task(p);
    }
    choose_own_ways(p);
}

static void interpret(struct plan *p, struct tram_bytes in) {
    static float elements[MOST];
    for (int i = 0; i < p->count; i++) {
        struct task *t = &p->tasks[i];
        uint64_t h = mix(t->order.salt, in.data, in.size);
        t->code = 0;
        for (int k = 0; k < t->arg_count && !t->code; k++) {
            const struct task *a = &p->tasks[t->args[k]];
            t->code = a->code;
            t->who = a->who;
            spin_out(a->h, elements, a->count);
            h = mix(mix(h, elements, a->count * sizeof *elements), &a->h, sizeof a->h);
        }
        if (t->code)
            continue;
        t->h = t->what == PASS ? p->tasks[t->args[0]].h : h;
        t->count = t->what == PASS ? p->tasks[t->args[0]].count : t->order.count;
        if (t->what == COMBINE && fails(h)) {
            t->code = (int)(h % 500) + 1;
            t->who = t->actor;
        }
    }
}

static bool right(struct plan *p, struct tram_ref *refs, struct tram_bytes in, unsigned *failures) {
    bool ok = true;
    interpret(p, in);
    for (int i = 0; i < p->outputs; i++) {
        const struct task *t = &p->tasks[p->output[i]];
        uint64_t got = 0;
        int status = tram_get(&refs[i], &got, sizeof got, NULL, 30);
        *failures += t->code != 0;
        if (t->code)
            ok &= status == TRAM_ERR_TASK && tram_last_error()->code == t->code &&
                  strcmp(tram_last_error()->actor, tram_actor_name(actors[t->who])) == 0;
        else
            ok &= status == TRAM_OK && got == t->h;
    }
    return ok;
}

static bool execute(struct plan *p, struct tram_compiled *x, uint32_t inflight, unsigned *failures) {
    static unsigned char data[EXECUTIONS][64];
    struct tram_ref refs[EXECUTIONS][TASKS];
    bool ok = true;
    size_t size[EXECUTIONS];
    for (int done = 0, sent = 0; done < EXECUTIONS; done++) {
        for (; sent < EXECUTIONS && sent - done < (int)inflight; sent++) {
            size[sent] = below(p, 65);
            for (size_t i = 0; i < size[sent]; i++)
                data[sent][i] = (unsigned char)step(&p->random);
            OK(x ? tram_execute(x, data[sent], size[sent], refs[sent])
                 : tram_graph_run(p->g, data[sent], size[sent], refs[sent]));
        }
        ok &= right(p, refs[done], (struct tram_bytes){data[done], size[done]}, failures);
    }
    return ok;
}

static void random_tensor_graphs(void **state) {
    (void)state;
    const char *text = getenv("TRAM_TEST_SEED"), *many = getenv("TRAM_TEST_GRAPHS");
    uint64_t seed = text ? strtoull(text, NULL, 10) : 20261121;
    int graphs = many ? atoi(many) : SANITIZED ? 60 : 600;
    static struct plan p;
    unsigned failures = 0;
    for (int i = 0; i < graphs; i++) {
        struct tram_compiled *x;
        make(&p, seed + (uint64_t)i * 7919);
        struct tram_compile_options o = {.inflight = 1 + (uint32_t)below(&p, 4),
                                         .thread = (enum tram_thread)below(&p, 2)};
        OK(tram_graph_compile(p.g, &o, &x));
        bool ok = execute(&p, x, o.inflight, &failures) && execute(&p, NULL, 2, &failures);
        OK(tram_teardown(x));
        if (!ok) {
            tram_graph_visualize(p.g, "/tmp/tramline_random_tensors.txt", 0);
            fail_msg("graph %d of seed %llu: last error: %s; repeat with TRAM_TEST_SEED=%llu "
                     "TRAM_TEST_GRAPHS=1; its schedule "
                     "is in /tmp/tramline_random_tensors.txt",
                     i, (unsigned long long)seed, tram_last_error()->text,
                     (unsigned long long)(seed + (uint64_t)i * 7919));
        }
        tram_graph_destroy(p.g);
    }
    printf("TRAM_TEST_SEED=%llu: %d graphs, %u results were failures, %d values went their own way\n",
           (unsigned long long)seed, graphs, failures, hooks->puts);
    assert_true(failures > 0);
    assert_int_equal(hooks->closes[0], hooks->connects);
    assert_int_equal(hooks->closes[1], hooks->opens);
    assert_int_equal(hooks->closed_too_early + hooks->wrong, 0);
}

int main(int argc, char **argv) {
    const char *device = getenv("TRAM_TEST_DEVICE") ? getenv("TRAM_TEST_DEVICE") : "host";
    hooks = test_hooks_share();
    by_hand = strcmp(device, "cuda") != 0;
    struct tram_options own = {.eager = test_transport(), .transports = test_transports()};
    if (tram_init_with(&argc, &argv, classes, &own, &runtime) != TRAM_OK)
        return 1;
    static const int ordinals[ACTORS] = {0, 0, 0, 1, 1, 4};
    for (int i = 0; i < ACTORS; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s:%d", device, strcmp(device, "cuda") == 0 ? 0 : ordinals[i]);
        struct tram_actor_options o = {.device = i < 2 ? NULL : name};
        OK(tram_actor_create(runtime, "Any", &o, &actors[i]));
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_tensor_graphs)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tram_fini(runtime);
    return failed;
}
