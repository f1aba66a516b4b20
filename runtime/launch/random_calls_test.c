/* SPDX-License-Identifier: Apache-2.0
 *
 * Random programs of eager calls, compared with what a plain interpreter makes of them: bytes, references, moves, waits
 * and lists as arguments, several results, forwards, tasks that fail, results fetched, lent and released in any order,
 * all interleaved. At the end nothing is stored or outstanding. TRAM_TEST_SEED repeats a run; TRAM_TEST_PROGRAMS sets how
 * many.
 */
#include "testing.h"

#include <stdlib.h>
#include <string.h>

enum { ACTORS = 8, VALUES = 256, ARGS = 6, RESULTS = 3, MIB = 1 << 20, TEXT = 32 };

static uint64_t step(uint64_t *h) {
    uint64_t z = (*h += 0x9E3779B97F4A7C15u);
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

/* ---- what methods compute: a hash of the arguments and their arrangement, spun out ---- */

static uint64_t mix(uint64_t h, const void *data, size_t size) {
    const unsigned char *p = data;
    size_t i = 0;
    for (; i + 8 <= size; i += 8) {
        uint64_t v;
        memcpy(&v, p + i, 8);
        h = (h ^ v) * 0x100000001B3u;
        h ^= h >> 31;
    }
    for (; i < size; i++)
        h = (h ^ p[i]) * 0x100000001B3u;
    return (h ^ (uint64_t)size << 32) * 0xD1342543DE82EF95u;
}

static uint64_t opened(uint64_t h) {
    return h * 3 + 1;
}
static uint64_t closed(uint64_t h) {
    return h * 5 + 2;
}

static size_t length_of(uint64_t h) {
    switch (h % 16) {
    case 0:
        return h / 16 % (200 * 1024);
    case 1:
    case 2:
        return h / 16 % (70 * 1024);
    case 3:
        return 32 * 1024 - 1 + h / 16 % 3;
    case 4:
        return h / 16 % 40 ? 0 : MIB;
    default:
        return h / 16 % 3000;
    }
}

static bool fails(uint64_t h) {
    return h / 1000 % 200 == 0;
}

static uint64_t hash_list(uint64_t h, struct tram_list l) {
    for (size_t i = 0; i < tram_list_count(l); i++) {
        struct tram_bytes b = tram_list_bytes(l, i);
        h = b.data ? mix(h, b.data, b.size) : closed(hash_list(opened(h), tram_list_at(l, i)));
    }
    return h;
}

static int run(struct tram_call *c, uint64_t h, size_t results) {
    for (size_t i = 0; i < results; i++) {
        uint64_t mine = h + i;
        size_t size = length_of(step(&mine));
        void *out = tram_result_reserve(c, i, size);
        if (!out)
            return 0;
        test_fill(out, size, mine);
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
/* Passes two of its (plain) arguments on; its third result is one of its own. */
static int pass(void *self, struct tram_call *c) {
    (void)self;
    uint64_t h = hash_list(2, tram_args(c));
    if (fails(h))
        return tram_fail(c, (int)(h % 500) + 1, "%llx", (unsigned long long)h);
    tram_forward(c, 0, h % tram_arg_count(c));
    tram_forward(c, 1, h / 64 % tram_arg_count(c));
    return tram_result_copy(c, 2, &h, sizeof h);
}
/* The number of calls here, to show that all have run, each once. */
static int count(void *self, struct tram_call *c) {
    struct tram_bytes in = tram_arg(c, 0);
    ++*(uint64_t *)self;
    return in.size ? 0 : tram_result_copy(c, 0, self, sizeof(uint64_t));
}
static int create(const void *args, size_t size, void **self) {
    (void)args;
    (void)size;
    *self = calloc(1, sizeof(uint64_t));
    return *self ? 0 : 1;
}

enum { ONE, PASS, THREE };
static const struct tram_method methods[] = {{.name = "one", .fn = one},
                                             {.name = "pass", .fn = pass, .forwards = 1, .results = 3},
                                             {.name = "three", .fn = three, .results = 3},
                                             {.name = "count", .fn = count},
                                             {0}};
static const struct tram_class classes[] = {
    {.name = "Any", .methods = methods, .create = create, .destroy = free}, {0}};

/* ---- values, as the test remembers them: shared by those that are the same, counted ---- */

struct value {
    unsigned users;
    size_t size;
    uint64_t fill; /* what test_fill made it of, or */
    uint64_t small;
    bool is_small;
    int code; /* not 0: failed, in `who` */
    int who;
    char text[TEXT];
};

struct held {
    struct tram_ref ref;
    struct value *v;
};

struct world {
    uint64_t random;
    struct held held[VALUES];
    int count;
    uint64_t counts[ACTORS]; /* calls of method count */
    unsigned calls, gets, failures, moves, forwards;
};

static struct tram *runtime;
static struct tram_actor *actors[ACTORS];
static uint64_t counted[ACTORS];

static uint64_t below(struct world *w, uint64_t n) {
    return step(&w->random) % n;
}

static void forget(struct value *v) {
    if (--v->users == 0)
        free(v);
}

static struct value *remember(const struct value *like) {
    struct value *v = malloc(sizeof *v);
    assert_non_null(v);
    *v = *like;
    v->users = 1;
    return v;
}

static uint64_t mix_value(uint64_t h, const struct value *v) {
    static unsigned char room[MIB + 64];
    if (v->is_small)
        return mix(h, &v->small, sizeof v->small);
    test_fill(room, v->size, v->fill);
    return mix(h, room, v->size);
}

static void hold(struct world *w, struct tram_ref ref, struct value *v) {
    w->held[w->count++] = (struct held){ref, v};
}

static void drop(struct world *w, int i) {
    forget(w->held[i].v);
    w->held[i] = w->held[--w->count];
}

/* ---- one call ---- */

struct building {
    struct tram_value values[64];
    const struct value *plain[64]; /* arguments in order, for forwards; NULL: a list */
    struct value bytes[16];
    unsigned char *data[16];
    int value_count, plain_count, byte_count;
    int moved[64], moved_count;
    uint64_t h;
    const struct value *bad; /* the first argument that failed */
};

static struct tram_value add_bytes(struct world *w, struct building *b) {
    struct value *v = &b->bytes[b->byte_count];
    uint64_t h = below(w, UINT64_MAX);
    *v = (struct value){.size = length_of(h), .fill = h};
    unsigned char *data = b->data[b->byte_count++] = malloc(v->size + 8);
    test_fill(data, v->size, h);
    return (struct tram_value){.kind = TRAM_BYTES, .data = data, .size = v->size};
}

static bool was_moved(const struct building *b, int i) {
    for (int k = 0; k < b->moved_count; k++)
        if (b->moved[k] == i)
            return true;
    return false;
}

/* Values into `to`, of a list or of the call itself. */
static int add_values(struct world *w, struct building *b, struct tram_value *to, int depth, bool lists,
                      int least) {
    int n = least + (int)below(w, (uint64_t)(ARGS + 1 - least)), used = 0;
    for (int k = 0; k < n; k++) {
        uint64_t what = below(w, 12);
        const struct value *v = NULL;
        if (what < 2 && lists && depth < 3 && b->value_count + ARGS <= 60) {
            struct tram_value *inner = &b->values[b->value_count];
            b->value_count += ARGS;
            b->h = opened(b->h);
            int count_inner = add_values(w, b, inner, depth + 1, true, 0);
            b->h = closed(b->h);
            to[used++] = (struct tram_value){.kind = TRAM_LIST, .data = inner, .size = (size_t)count_inner};
            continue;
        }
        if ((what < 5 || !w->count) && b->byte_count < 16) {
            v = &b->bytes[b->byte_count];
            to[used++] = add_bytes(w, b);
        } else if (w->count) {
            int i = (int)below(w, (uint64_t)w->count);
            if (below(w, 2) && w->count > 6)
                i = w->count - 1 - (int)below(w, 6);
            for (int tries = 0; w->held[i].v->code && tries < 3;
                 tries++) /* failures would soon be everywhere */
                i = (int)below(w, (uint64_t)w->count);
            enum tram_value_kind kind = what == 11 ? TRAM_AFTER : what > 8 ? TRAM_MOVE : TRAM_REF;
            to[used++] = (struct tram_value){.kind = kind, .ref = &w->held[i].ref};
            if (kind == TRAM_AFTER)
                continue;
            v = w->held[i].v;
            if (kind == TRAM_MOVE && !was_moved(b, i))
                b->moved[b->moved_count++] = i;
        }
        if (!v)
            continue;
        if (v->code && !b->bad)
            b->bad = v;
        if (!v->code)
            b->h = mix_value(b->h, v);
        if (depth == 0)
            b->plain[b->plain_count++] = v;
    }
    return used;
}

/* What the call should make of it. */
static void interpret(struct world *w, const struct building *b, int method, int actor, struct value *out) {
    for (int i = 0; i < RESULTS; i++)
        out[i] = (struct value){0};
    uint64_t h = b->h;
    if (b->bad) {
        for (int i = 0; i < RESULTS; i++)
            out[i] = *b->bad;
        return;
    }
    for (int i = 0; i < RESULTS; i++) {
        uint64_t mine = h + (uint64_t)i;
        if (method == PASS && i < 2) {
            out[i] = *b->plain[(i ? h / 64 : h) % (uint64_t)b->plain_count];
            w->forwards++;
        } else if (method == PASS) {
            out[i] = (struct value){.is_small = true, .small = h, .size = sizeof h};
        } else {
            out[i].size = length_of(step(&mine));
            out[i].fill = mine;
        }
        if (fails(h)) {
            out[i] = (struct value){.code = (int)(h % 500) + 1, .who = actor};
            snprintf(out[i].text, TEXT, "%llx", (unsigned long long)h);
        }
    }
}

static void call(struct world *w) {
    static const uint64_t salt[] = {1, 2, 3};
    struct building b = {.value_count = ARGS};
    struct value out[RESULTS];
    struct tram_ref refs[RESULTS];
    int method = (int)below(w, 3), actor = (int)below(w, ACTORS);
    int results = methods[method].results ? methods[method].results : 1;
    bool silent = below(w, 12) == 0;
    b.h = salt[method];
    int n = add_values(w, &b, b.values, 0, method != PASS, method == PASS);
    if (method == PASS && !b.plain_count) { /* nothing but waits */
        b.values[n++] = add_bytes(w, &b);
        b.plain[b.plain_count++] = &b.bytes[b.byte_count - 1];
        b.h = mix_value(b.h, b.plain[0]);
    }
    interpret(w, &b, method, actor, out);
    struct tram_call_params p = {.value_count = (size_t)n, .values = b.values};
    OK(tram_call_with(actors[actor], methods[method].name, &p, silent ? NULL : refs));
    w->calls++;
    w->moves += (unsigned)b.moved_count;
    for (int i = 0; i < b.byte_count; i++) {
        memset(b.data[i], 0xDD, b.bytes[i].size);
        free(b.data[i]);
    }
    for (int i = 0; i < b.moved_count; i++)
        assert_null(w->held[b.moved[i]].ref.source);
    for (int i = w->count; i-- > 0;)
        if (!w->held[i].ref.source)
            drop(w, i);
    for (int i = 0; !silent && i < results; i++)
        hold(w, refs[i], remember(&out[i]));
}

/* ---- the rest ---- */

static void put(struct world *w) {
    uint64_t h = below(w, UINT64_MAX);
    struct value v = {.size = length_of(h), .fill = h};
    struct tram_ref r;
    void *room;
    OK(tram_put_loan(runtime, v.size, &room, &r));
    test_fill(room, v.size, h);
    hold(w, r, remember(&v));
}

static void check(struct world *w, int i, bool keep) {
    struct held *x = &w->held[i];
    const struct value *v = x->v;
    struct tram_bytes got;
    int status = tram_get_borrow(&x->ref, &got, 60);
    w->gets++;
    if (v->code) {
        FAILS(status, TRAM_ERR_TASK);
        w->failures++;
        assert_int_equal(tram_last_error()->code, v->code);
        assert_string_equal(tram_last_error()->actor, tram_actor_name(actors[v->who]));
        SAYS(v->text);
        drop(w, i);
        return;
    }
    OK(status);
    assert_int_equal(got.size, v->size);
    if (v->is_small)
        assert_memory_equal(got.data, &v->small, sizeof v->small);
    else
        assert_true(test_filled(got.data, got.size, v->fill));
    if (keep) /* lent, and passed on as well */
        return;
    OK(tram_release(&x->ref));
    drop(w, i);
}

static void fetch_any(struct world *w) {
    struct tram_ref refs[VALUES];
    size_t at;
    for (int i = 0; i < w->count; i++)
        refs[i] = w->held[i].ref;
    OK(tram_wait_any(refs, (size_t)w->count, 60, &at));
    assert_int_equal(tram_ready(&refs[at]), 1);
    check(w, (int)at, false);
}

static void act(struct world *w) {
    uint64_t what = w->count > VALUES - 8 ? 90 : below(w, 100);
    if (what < 62 || !w->count) {
        call(w);
    } else if (what < 66) {
        put(w);
    } else if (what < 70) {
        int actor = (int)below(w, ACTORS);
        OK(tram_call(actors[actor], "count", "x", 1, NULL));
        counted[actor]++;
    } else if (what < 84) {
        int i = (int)below(w, (uint64_t)w->count);
        OK(tram_release(&w->held[i].ref));
        drop(w, i);
    } else if (what < 96) {
        check(w, (int)below(w, (uint64_t)w->count), below(w, 4) == 0);
    } else if (what < 98) {
        fetch_any(w);
    } else {
        assert_true(tram_ready(&w->held[below(w, (uint64_t)w->count)].ref) >= 0);
    }
}

static void finish(struct world *w) {
    struct tram_eager_stats s;
    while (w->count)
        if (below(w, 3))
            check(w, (int)below(w, (uint64_t)w->count), false);
        else
            fetch_any(w);
    for (int i = 0; i < ACTORS; i++) {
        struct tram_ref r;
        uint64_t n;
        OK(tram_call(actors[i], "count", "", 0, &r));
        OK(tram_get(&r, &n, sizeof n, NULL, 60));
        assert_int_equal(n, ++counted[i]);
    }
    OK(tram_eager_stats(runtime, &s));
    assert_int_equal(s.stored, 0);
    assert_int_equal(s.stored_bytes, 0);
    assert_int_equal(s.outstanding, 0);
}

static uint64_t running; /* seed of the program that runs */

static int say_seed(void **state) {
    (void)state;
    if (running)
        print_error("repeat with TRAM_TEST_SEED=%llu TRAM_TEST_PROGRAMS=1\n", (unsigned long long)running);
    return 0;
}

static void random_calls(void **state) {
    (void)state;
    const char *text = getenv("TRAM_TEST_SEED"), *many = getenv("TRAM_TEST_PROGRAMS");
    uint64_t seed = text ? strtoull(text, NULL, 10) : 20261121;
    int programs = many ? atoi(many) : SANITIZED ? 15 : 150;
    static struct world w;
    unsigned calls = 0, gets = 0, failures = 0, moves = 0, forwards = 0;
    for (int i = 0; i < programs; i++) {
        uint64_t mine = seed + (uint64_t)i * 7919;
        w = (struct world){.random = mine};
        running = mine;
        int steps = 50 + (int)below(&w, below(&w, 4) ? 150 : 800);
        for (int k = 0; k < steps; k++)
            act(&w);
        finish(&w);
        calls += w.calls;
        gets += w.gets;
        failures += w.failures;
        moves += w.moves;
        forwards += w.forwards;
    }
    printf("TRAM_TEST_SEED=%llu: %d programs, %u calls, %u moves, %u forwards, %u results fetched, %u of "
           "them failures\n",
           (unsigned long long)seed, programs, calls, moves, forwards, gets, failures);
    running = 0;
    assert_true(calls > 100 && failures > 0 && gets > failures);
}

int main(int argc, char **argv) {
    if (test_init(&argc, &argv, classes, &runtime) != TRAM_OK)
        return 1;
    for (int i = 0; i < ACTORS; i++)
        if (tram_actor_create(runtime, "Any", NULL, &actors[i]) != TRAM_OK)
            return 1;
    const struct CMUnitTest tests[] = {cmocka_unit_test_teardown(random_calls, say_seed)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tram_fini(runtime);
    return failed;
}
