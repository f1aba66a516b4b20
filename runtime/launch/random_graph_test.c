/* SPDX-License-Identifier: Apache-2.0
 *
 * Random graphs, executed compiled, on threads of the graph's own or on main threads, and through eager calls; compared with
 * what a plain interpreter makes of them: up to 64 tasks on up to 16 actors, parts, constants, lists, several results,
 * forwards, control edges and units, and tasks that fail. TRAM_TEST_SEED repeats a run; TRAM_TEST_GRAPHS sets how many.
 */
#include "testing.h"

#include <stdlib.h>
#include <string.h>

enum { ACTORS = 16, TASKS = 64, NODES = 512, ARGS = 5, MOST_BYTES = 6000, EXECUTIONS = 16 };

/* ---- what tasks compute: a hash of the arguments and their arrangement, spun out ---- */

static uint64_t mix(uint64_t h, const void *data, size_t size) {
    const unsigned char *p = data;
    for (size_t i = 0; i < size; i++)
        h = (h ^ p[i]) * 0x100000001B3u;
    return h ^ size << 40;
}

static uint64_t step(uint64_t *h) {
    uint64_t z = (*h += 0x9E3779B97F4A7C15u);
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    return z ^ z >> 27;
}

static void spin_out(uint64_t h, void *to, size_t size) {
    for (size_t i = 0; i < size; i++)
        ((unsigned char *)to)[i] = (unsigned char)(step(&h) >> 56);
}

/* Results are at most this long, less for most. */
static size_t length_of(uint64_t h) {
    return h % 4 ? h / 4 % 150 : h / 4 % 5000;
}

static bool fails(uint64_t h) {
    return h / 1000 % 97 == 0;
}

static uint64_t hash_list(uint64_t h, struct tram_list l) {
    for (size_t i = 0; i < tram_list_count(l); i++) {
        struct tram_bytes b = tram_list_bytes(l, i);
        if (b.data)
            h = mix(h, b.data, b.size);
        else
            h = hash_list(mix(h, "[", 1), tram_list_at(l, i)) * 3;
    }
    return h;
}

static int run(struct tram_call *c, uint64_t h, unsigned results) {
    for (unsigned i = 0; i < results; i++) {
        uint64_t mine = h + i;
        size_t size = length_of(step(&mine));
        void *out = tram_result_reserve(c, i, size);
        if (!out)
            return 0;
        spin_out(h + i, out, size);
    }
    return fails(h) ? tram_fail(c, (int)(h % 500) + 1, "%llx", (unsigned long long)h) : 0;
}

static int one(void *self, struct tram_call *c) {
    (void)self;
    return run(c, hash_list(1, tram_args(c)), 1);
}
static int three(void *self, struct tram_call *c) {
    (void)self;
    return run(c, hash_list(3, tram_args(c)), 3);
}
/* Passes two of its (plain) arguments on. */
static int pass(void *self, struct tram_call *c) {
    (void)self;
    uint64_t h = hash_list(2, tram_args(c));
    int code = tram_forward(c, 0, h % tram_arg_count(c));
    return code ? code : tram_forward(c, 1, h / 64 % tram_arg_count(c));
}

static const struct tram_method methods[] = {{.name = "one", .fn = one},
                                             {.name = "pass", .fn = pass, .forwards = 1, .results = 2},
                                             {.name = "three", .fn = three, .results = 3},
                                             {0}};
static const struct tram_class classes[] = {{.name = "Any", .methods = methods}, {0}};

/* ---- a graph, as the test remembers it ---- */

struct value {
    unsigned char *data;
    size_t size;
    int code; /* not 0: failed, in `who` */
    int who;
};

struct node {
    enum { INPUT, CONSTANT, LIST, TASK } kind;
    struct tram_node handle;
    int result; /* of the task at this index - result */
    int method; /* TASK */
    int actor;
    int args[ARGS], arg_count;
    struct value value;
};

static struct tram *runtime;
static struct tram_actor *actors[ACTORS];

struct plan {
    uint64_t random;
    struct tram_graph *g;
    struct node nodes[NODES];
    int count, inputs, outputs;
    int input[4], output[TASKS];
    size_t limits[4];
};

static uint64_t below(struct plan *p, uint64_t n) {
    return step(&p->random) % n;
}

/* Some earlier node; a pass takes no lists, and nobody else takes what is none. */
static int some_node(struct plan *p, bool lists) {
    for (;;) {
        int i = (int)below(p, (uint64_t)p->count);
        if (below(p, 2) && p->count > 8)
            i = p->count - 1 - (int)below(p, 8);
        if (lists || p->nodes[i].kind != LIST)
            return i;
    }
}

static int add(struct plan *p, struct node n) {
    p->nodes[p->count] = n;
    return p->count++;
}

static void add_args(struct plan *p, struct node *n, struct tram_node *handles, bool lists, int least) {
    n->arg_count = least + (int)below(p, (uint64_t)(ARGS + 1 - least));
    for (int k = 0; k < n->arg_count; k++) {
        n->args[k] = some_node(p, lists);
        handles[k] = p->nodes[n->args[k]].handle;
    }
}

static void add_task(struct plan *p, int use_actors) {
    struct node n = {.kind = TASK, .method = (int)below(p, 3), .actor = (int)below(p, (uint64_t)use_actors)};
    struct tram_node handles[ARGS];
    if (p->count == 0)
        n.method = 0;
    if (p->count)
        add_args(p, &n, handles, n.method != 1, n.method == 1 ? 1 : 0);
    n.handle =
        tram_graph_bind_args(p->g, actors[n.actor], methods[n.method].name, (size_t)n.arg_count, handles);
    int results = methods[n.method].results ? methods[n.method].results : 1, first = add(p, n);
    for (int i = 0; i < results; i++) {
        if (i) {
            n.handle = tram_graph_result(p->g, p->nodes[first].handle, (size_t)i);
            n.result = i;
            add(p, n);
        }
        tram_graph_limit(p->g, p->nodes[first + i].handle, MOST_BYTES);
    }
}

static void add_list(struct plan *p) {
    struct node n = {.kind = LIST};
    struct tram_node handles[ARGS];
    add_args(p, &n, handles, true, 0);
    n.handle = tram_graph_list_nodes(p->g, (size_t)n.arg_count, handles);
    add(p, n);
}

static int some_task(struct plan *p) {
    for (;;) {
        int i = (int)below(p, (uint64_t)p->count);
        if (p->nodes[i].kind == TASK)
            return i;
    }
}

static void make(struct plan *p, uint64_t seed) {
    *p = (struct plan){.random = seed};
    OK(tram_graph_create(runtime, &p->g));
    p->inputs = (int)below(p, 4);
    for (int i = 0; i < p->inputs; i++) {
        p->limits[i] = below(p, 2) ? 40 : MOST_BYTES;
        p->input[i] = add(p, (struct node){.kind = INPUT, .handle = tram_graph_input(p->g, p->limits[i])});
    }
    if (below(p, 2))
        add(p, (struct node){.kind = CONSTANT,
                             .handle = tram_graph_constant(p->g, "constant", 8),
                             .value = {.data = (unsigned char *)(uintptr_t) "constant", .size = 8}});
    int tasks = 1 + (int)below(p, below(p, 4) ? 12 : TASKS), use_actors = 1 + (int)below(p, ACTORS);
    for (int i = 0; i < tasks; i++) {
        if (p->count && below(p, 6) == 0)
            add_list(p);
        add_task(p, use_actors);
    }
    for (uint64_t i = below(p, 4); i > 0; i--) {
        int x = some_task(p), y = some_task(p);
        if (x != y && p->nodes[x].result == 0 && p->nodes[y].result == 0)
            tram_graph_after(p->g, p->nodes[x > y ? x : y].handle, p->nodes[x > y ? y : x].handle);
    }
    if (below(p, 4) == 0) { /* a unit may be impossible: then compile says so */
        int x = some_task(p), y = some_task(p);
        if (p->nodes[x].actor != p->nodes[y].actor)
            tram_graph_unit(p->g, 2, (struct tram_node[]){p->nodes[x].handle, p->nodes[y].handle});
    }
    bool taken[NODES] = {false};
    for (uint64_t i = 1 + below(p, 5); i > 0; i--) {
        int x = some_task(p);
        if (taken[x])
            continue;
        taken[x] = true;
        p->output[p->outputs++] = x;
        tram_graph_output(p->g, p->nodes[x].handle);
    }
}

/* ---- the interpreter ---- */

static uint64_t hash_args(const struct plan *p, uint64_t h, const struct node *n) {
    for (int k = 0; k < n->arg_count; k++) {
        const struct node *arg = &p->nodes[n->args[k]];
        if (arg->kind == LIST)
            h = hash_args(p, mix(h, "[", 1), arg) * 3;
        else
            h = mix(h, arg->value.data, arg->value.size);
    }
    return h;
}

/* The first argument that failed, lists taken apart, or NULL. */
static const struct value *bad_arg(const struct plan *p, const struct node *n) {
    for (int k = 0; k < n->arg_count; k++) {
        const struct node *arg = &p->nodes[n->args[k]];
        const struct value *bad = arg->kind == LIST ? bad_arg(p, arg) : arg->value.code ? &arg->value : NULL;
        if (bad)
            return bad;
    }
    return NULL;
}

static void set(struct value *v, const void *data, size_t size) {
    v->data = realloc(v->data, size + 1);
    v->size = size;
    v->code = 0;
    if (data)
        memcpy(v->data, data, size);
}

static void interpret(struct plan *p) {
    static const uint64_t salt[] = {1, 2, 3};
    for (int i = 0; i < p->count; i++) {
        struct node *n = &p->nodes[i];
        if (n->kind != TASK)
            continue;
        const struct value *bad = bad_arg(p, n);
        uint64_t h = hash_args(p, salt[n->method], n);
        if (bad) {
            n->value.code = bad->code;
            n->value.who = bad->who;
        } else if (n->method == 1) {
            int from = (int)((n->result ? h / 64 : h) % (uint64_t)n->arg_count);
            set(&n->value, p->nodes[n->args[from]].value.data, p->nodes[n->args[from]].value.size);
        } else {
            uint64_t mine = h + (uint64_t)n->result;
            set(&n->value, NULL, length_of(step(&mine)));
            spin_out(h + (uint64_t)n->result, n->value.data, n->value.size);
            n->value.code = fails(h) ? (int)(h % 500) + 1 : 0;
            n->value.who = n->actor;
        }
    }
}

static bool right(struct plan *p, struct tram_ref *r, int node) {
    struct tram_bytes got;
    const struct value *v = &p->nodes[node].value;
    int status = tram_get_borrow(r, &got, 30);
    if (v->code)
        return status == TRAM_ERR_TASK && tram_last_error()->code == v->code &&
               strcmp(tram_last_error()->actor, tram_actor_name(actors[v->who])) == 0;
    bool same = status == TRAM_OK && got.size == v->size && memcmp(got.data, v->data, v->size) == 0;
    return status == TRAM_OK && tram_release(r) == TRAM_OK && same;
}

/* ---- running ---- */

struct tally {
    unsigned ran, impossible, failures;
};

/* Fills in an input. */
static void draw_input(struct plan *p, unsigned char data[4][MOST_BYTES], struct tram_bytes *parts) {
    for (int i = 0; i < p->inputs; i++) {
        parts[i] = (struct tram_bytes){data[i], below(p, p->limits[i] + 1)};
        spin_out(step(&p->random), data[i], parts[i].size);
    }
}

/* Whether an execution's results are what the interpreter makes of the input; fetched in some order. */
static bool all_right(struct plan *p, const struct tram_bytes *parts, struct tram_ref *refs,
                      struct tally *t) {
    bool ok = true;
    for (int i = 0; i < p->inputs; i++)
        set(&p->nodes[p->input[i]].value, parts[i].data, parts[i].size);
    interpret(p);
    uint64_t first = below(p, (uint64_t)p->outputs);
    for (int k = 0; k < p->outputs; k++) {
        int o = (int)((first + (uint64_t)k) % (uint64_t)p->outputs);
        t->failures += p->nodes[p->output[o]].value.code != 0;
        ok &= right(p, &refs[o], p->output[o]);
    }
    return ok;
}

static bool execute(struct plan *p, struct tram_compiled *x, uint32_t inflight, struct tally *t) {
    static unsigned char data[EXECUTIONS][4][MOST_BYTES];
    struct tram_bytes parts[EXECUTIONS][4];
    struct tram_ref refs[EXECUTIONS][TASKS];
    bool ok = true;
    for (int done = 0, sent = 0; done < EXECUTIONS; done++) {
        for (; sent < EXECUTIONS && sent - done < (int)inflight; sent++) {
            draw_input(p, data[sent], parts[sent]);
            OK(tram_execute_parts(x, (size_t)p->inputs, parts[sent], refs[sent]));
        }
        ok &= all_right(p, parts[done], refs[done], t);
    }
    return ok;
}

/* The same through eager calls, two runs at a time. */
static bool run_uncompiled(struct plan *p, struct tally *t) {
    static unsigned char data[2][4][MOST_BYTES];
    struct tram_bytes parts[2][4];
    struct tram_ref refs[2][TASKS];
    bool ok = true;
    for (int i = 0; i < 2; i++) {
        draw_input(p, data[i], parts[i]);
        OK(tram_graph_run_parts(p->g, (size_t)p->inputs, parts[i], refs[i]));
    }
    for (int i = 0; i < 2; i++)
        ok &= all_right(p, parts[i], refs[i], t);
    return ok;
}

static void random_graphs(void **state) {
    (void)state;
    const char *text = getenv("TRAM_TEST_SEED"), *many = getenv("TRAM_TEST_GRAPHS");
    uint64_t seed = text ? strtoull(text, NULL, 10) : 20261121;
    int graphs = many ? atoi(many) : SANITIZED ? 150 : 2000;
    static struct plan p;
    struct tally t = {0};
    for (int i = 0; i < graphs; i++) {
        struct tram_compiled *x;
        make(&p, seed + (uint64_t)i * 7919);
        struct tram_compile_options o = {.inflight = 1 + (uint32_t)below(&p, 4),
                                         .thread = (enum tram_thread)below(&p, 2)};
        int status = tram_graph_compile(p.g, &o, &x);
        bool ok = true;
        if (status == TRAM_ERR_INVALID && strncmp(tram_last_error()->text, "deadlock: ", 10) == 0) {
            t.impossible++;
            struct tram_bytes nothing[4] = {{0}};
            FAILS(tram_graph_run_parts(p.g, (size_t)p.inputs, nothing, NULL), TRAM_ERR_INVALID);
        } else {
            OK(status);
            t.ran++;
            ok = execute(&p, x, o.inflight, &t) && run_uncompiled(&p, &t);
            OK(tram_teardown(x));
        }
        if (!ok) {
            tram_graph_visualize(p.g, "/tmp/tramline_random_graph.txt", 0);
            fail_msg(
                "graph %d of seed %llu: last error: %s; repeat with TRAM_TEST_SEED=%llu TRAM_TEST_GRAPHS=1; "
                "its schedule is in /tmp/tramline_random_graph.txt",
                i, (unsigned long long)seed, tram_last_error()->text,
                (unsigned long long)(seed + (uint64_t)i * 7919));
        }
        for (int k = 0; k < p.count; k++)
            if (p.nodes[k].kind != CONSTANT)
                free(p.nodes[k].value.data);
        tram_graph_destroy(p.g);
    }
    printf("TRAM_TEST_SEED=%llu: %u graphs ran, %u were impossible, %u results were failures\n",
           (unsigned long long)seed, t.ran, t.impossible, t.failures);
    struct tram_eager_stats stats;
    for (int i = 0; i < ACTORS; i++) { /* a reply tells that all calls before it are done, wanted or not */
        struct tram_ref r;
        struct tram_bytes got;
        OK(tram_call(actors[i], "one", "x", 1, &r));
        if (tram_get_borrow(&r, &got, 30) == TRAM_OK)
            OK(tram_release(&r));
    }
    OK(tram_eager_stats(runtime, &stats));
    assert_int_equal(stats.stored, 0);
    assert_true(t.ran > t.impossible);
    assert_true(t.failures > 0);
}

int main(int argc, char **argv) {
    if (test_init(&argc, &argv, classes, &runtime) != TRAM_OK)
        return 1;
    for (int i = 0; i < ACTORS; i++)
        if (tram_actor_create(runtime, "Any", NULL, &actors[i]) != TRAM_OK)
            return 1;
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_graphs)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tram_fini(runtime);
    return failed;
}
