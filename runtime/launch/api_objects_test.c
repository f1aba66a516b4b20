/* SPDX-License-Identifier: Apache-2.0
 *
 * References as arguments, results that travel from actor to actor, and the object store, through the public header.
 */
#include "objects_testing.h"

#include <stdlib.h>

enum { ACTORS = 8, INLINE = 32 * 1024, MIB = 1 << 20 };
#define SIZES \
    { 0, 1, 32, 33, 4096, INLINE - 1, INLINE, INLINE + 1, 100 * 1024, MIB, MIB + 5, 20 * MIB }

static struct tram_actor *a[ACTORS]; /* shared: every test leaves them as they were */

static int quiet(void **state) {
    (void)state;
    ALL_QUIET(test_runtime, a, ACTORS);
    return 0;
}

/* Takes in what every actor has said so far. */
static void hear_all(void) {
    for (int i = 0; i < ACTORS; i++) {
        struct tram_ref r;
        OK(tram_call(a[i], "echo", "now", 3, &r));
        IS_TEXT(&r, "now");
    }
}

/* ---- arguments ------------------------------------------------------------------------------------------- */

static void a_result_to_another_actor(void **state) {
    (void)state;
    static const size_t sizes[] = SIZES;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct tram_ref r, d, moved, e;
        uint64_t want = digest_grown(digest_start(), sizes[i], i);
        grow_call(a[0], sizes[i], i, &r);
        OK(try_call(a[1], "digest", &d, V(v_ref(&r))));
        OK(try_call(a[2], "echo", &e, V(v_ref(&r))));
        IS_NUMBER(&d, want);
        IS_GROWN(&e, sizes[i], i);
        OK(try_call(a[3], "digest", &d, V(v_ref(&r)))); /* by now it is there */
        IS_NUMBER(&d, want);
        moved = r;
        OK(try_call(a[4], "digest", &d, V(v_move(&moved))));
        IS_NUMBER(&d, want);
        FAILS(tram_release(&r), TRAM_ERR_CONSUMED);
        assert_null(moved.source);
    }
}

static void a_result_to_the_same_actor(void **state) {
    (void)state;
    static const size_t sizes[] = SIZES;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct tram_ref r, s, d, e;
        grow_call(a[0], sizes[i], i, &r);
        OK(try_call(a[0], "echo", &s, V(v_ref(&r))));
        OK(try_call(a[0], "digest", &d, V(v_move(&s), v_ref(&r))));
        IS_NUMBER(&d, digest_grown(digest_grown(digest_start(), sizes[i], i), sizes[i], i));
        OK(try_call(a[0], "echo", &e, V(v_ref(&r))));
        IS_GROWN(&e, sizes[i], i);
        IS_GROWN(&r, sizes[i], i);
    }
}

static void a_put_to_all(void **state) {
    (void)state;
    static const size_t sizes[] = SIZES;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct tram_ref p, d[ACTORS];
        void *room = NULL;
        if (i % 2) {
            OK(tram_put_loan(test_runtime, sizes[i], &room, &p));
            test_fill(room, sizes[i], i);
        } else {
            room = malloc(sizes[i] + 8);
            test_fill(room, sizes[i], i);
            OK(tram_put(test_runtime, room, sizes[i], &p));
            memset(room, 0, sizes[i]);
            free(room);
        }
        for (int k = 0; k < ACTORS; k++)
            OK(try_call(a[k], "digest", &d[k], V(v_ref(&p))));
        assert_int_equal(tram_ready(&p), 1);
        for (int k = 0; k < ACTORS; k++)
            IS_NUMBER(&d[k], digest_grown(digest_start(), sizes[i], i));
        IS_GROWN(&p, sizes[i], i);
    }
}

static void stored_once(void **state) {
    (void)state;
    struct tram_eager_stats before, during, after;
    struct tram_ref p, d[ACTORS];
    void *room;
    tram_eager_stats(test_runtime, &before);
    OK(tram_put_loan(test_runtime, 10 * MIB, &room, &p));
    test_fill(room, 10 * MIB, 3);
    for (int k = 0; k < ACTORS; k++)
        OK(try_call(a[k], "digest", &d[k], V(v_ref(&p))));
    OK(tram_release(&p)); /* the calls still hold it */
    tram_eager_stats(test_runtime, &during);
    assert_int_equal(during.stored_ever - before.stored_ever, 1);
    assert_int_equal(during.stored_bytes_ever - before.stored_bytes_ever, 10 * MIB);
    for (int k = 0; k < ACTORS; k++)
        IS_NUMBER(&d[k], digest_grown(digest_start(), 10 * MIB, 3));
    tram_eager_stats(test_runtime, &after);
    assert_int_equal(after.stored_ever, during.stored_ever);
    assert_int_equal(after.stored, 0);
    assert_int_equal(after.stored_bytes, 0);
}

static void large_bytes(void **state) {
    (void)state;
    static const size_t sizes[] = SIZES;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct tram_ref d, e;
        void *data = malloc(sizes[i] + 8);
        test_fill(data, sizes[i], i);
        OK(try_call(a[1], "digest", &d,
                    V(v_text("x"), v_bytes(data, sizes[i]), v_text(""), v_bytes(data, sizes[i]))));
        OK(tram_call(a[2], "echo", data, sizes[i], &e));
        memset(data, 0, sizes[i]); /* copied by then */
        free(data);
        uint64_t h = digest_bytes(digest_start(), "x", 1);
        h = digest_bytes(digest_grown(h, sizes[i], i), "", 0);
        IS_NUMBER(&d, digest_grown(h, sizes[i], i));
        IS_GROWN(&e, sizes[i], i);
    }
}

static void no_arguments_and_empty_ones(void **state) {
    (void)state;
    struct tram_ref r;
    OK(try_call(a[0], "digest", &r, NULL, 0));
    IS_NUMBER(&r, digest_start());
    OK(try_call(a[0], "digest", &r, V(v_bytes(NULL, 0), v_bytes(NULL, 0), v_text(""))));
    uint64_t h = digest_start();
    for (int i = 0; i < 3; i++)
        h = digest_bytes(h, "", 0);
    IS_NUMBER(&r, h);
}

static void chains(size_t size, bool move, int laps) {
    struct tram_ref r[4 * ACTORS + 1];
    int n = laps * ACTORS;
    grow_call(a[0], size, 9, &r[0]);
    for (int i = 0; i < n; i++)
        OK(try_call(a[(i + 1) % ACTORS], "echo", &r[i + 1], V(move ? v_move(&r[i]) : v_ref(&r[i]))));
    if (!move)
        for (int i = 0; i < n; i += 2)
            IS_GROWN(&r[i], size, 9);
    IS_GROWN(&r[n], size, 9);
    if (!move)
        for (int i = 1; i < n; i += 2)
            OK(tram_release(&r[i]));
}

static void chains_of_eight(void **state) {
    (void)state;
    static const size_t sizes[] = {0, 8, INLINE, INLINE + 1, MIB};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        chains(sizes[i], false, 4);
        chains(sizes[i], true, 4);
    }
    chains(20 * MIB, true, 1);
}

/* The usual way to write a chain: one reference, which is given up and set by each call. */
static void a_chain_in_one_reference(void **state) {
    (void)state;
    struct tram_ref r;
    grow_call(a[0], MIB, 4, &r);
    for (int i = 1; i < ACTORS; i++)
        OK(try_call(a[i], "echo", &r, V(v_move(&r))));
    IS_GROWN(&r, MIB, 4);
    grow_call(a[0], 10, 4, &r);
    for (int i = 0; i < 100; i++) /* there already, or not */
        OK(try_call(a[i / 3 % ACTORS], "echo", &r, V(v_move(&r))));
    IS_GROWN(&r, 10, 4);
}

static void taken_by_many(void **state) {
    (void)state;
    enum { CALLS = 200 };
    static const size_t sizes[] = {100, 3 * MIB};
    for (int i = 0; i < 2; i++) {
        struct tram_ref r, d[CALLS];
        grow_call(a[0], sizes[i], 5, &r);
        for (int k = 0; k < CALLS; k++)
            OK(try_call(a[k % ACTORS], "digest", &d[k], (struct tram_value[]){v_ref(&r), v_ref(&r)},
                        k % 3 ? 1 : 2));
        OK(tram_release(&r));
        uint64_t once = digest_grown(digest_start(), sizes[i], 5), twice = digest_grown(once, sizes[i], 5);
        for (int k = CALLS; k-- > 0;)
            IS_NUMBER(&d[k], k % 3 ? once : twice);
    }
}

static void moved_and_taken_by_one_call(void **state) {
    (void)state;
    for (int same = 0; same < 2; same++) {
        struct tram_ref r, copy, d;
        grow_call(a[0], 100 * 1000, 5, &r);
        copy = r;
        OK(try_call(a[!same], "digest", &d, V(v_ref(&copy), v_move(&r), v_move(&copy))));
        uint64_t h = digest_start();
        for (int i = 0; i < 3; i++)
            h = digest_grown(h, 100 * 1000, 5);
        IS_NUMBER(&d, h);
        FAILS(tram_get(&r, NULL, 0, NULL, 1), TRAM_ERR_CONSUMED);
        FAILS(tram_get(&copy, NULL, 0, NULL, 1), TRAM_ERR_CONSUMED);
    }
}

static void lists(void **state) {
    (void)state;
    static const size_t sizes[] = {10, INLINE + 1};
    for (int i = 0; i < 2; i++) {
        struct tram_ref r, s, p, d, late;
        uint32_t ms = 20;
        OK(tram_put(test_runtime, "put", 3, &p));
        grow_call(a[0], sizes[i], 1, &r);
        grow_call(a[1], sizes[i], 2, &s);
        OK(try_call(a[3], "nap", &late, V(v_bytes(&ms, sizeof ms), v_text("late"))));
        struct tram_value inner[] = {v_ref(&s), v_text("in"), v_ref(&late)};
        struct tram_value outer[] = {v_list(inner, 3), v_ref(&r), v_list(NULL, 0), v_move(&s)};
        OK(try_call(a[2], "digest", &d, V(v_text("0"), v_list(outer, 4), v_ref(&p), v_list(inner, 2))));
        uint64_t h = digest_bytes(digest_start(), "0", 1);
        h = digest_grown(digest_open(digest_open(h)), sizes[i], 2);
        h = digest_close(digest_bytes(digest_bytes(h, "in", 2), "late", 4));
        h = digest_close(digest_open(digest_grown(h, sizes[i], 1)));
        h = digest_close(digest_grown(h, sizes[i], 2));
        h = digest_bytes(h, "put", 3);
        h = digest_close(digest_bytes(digest_grown(digest_open(h), sizes[i], 2), "in", 2));
        IS_NUMBER(&d, h);
        OK(tram_release(&r));
        OK(tram_release(&p));
        OK(tram_release(&late));
    }
}

static void an_order_in_a_list(void **state) {
    (void)state;
    struct tram_ref first, d;
    uint32_t ms = 30;
    OK(try_call(a[0], "nap", &first, V(v_bytes(&ms, sizeof ms), v_text("late"))));
    struct tram_value inner[] = {v_after(&first), v_text("in"), v_after(&first)};
    OK(try_call(a[1], "digest", &d, V(v_list(inner, 3), v_after(&first))));
    IS_NUMBER(&d, digest_close(digest_bytes(digest_open(digest_start()), "in", 2)));
    assert_int_equal(tram_ready(&first), 1);
    IS_TEXT(&first, "late");
}

static void too_many_arguments(void **state) {
    (void)state;
    enum { MOST = 2048 };
    static struct tram_value values[MOST + 1];
    struct tram_eager_stats before, after;
    struct tram_ref r = {0}, d;
    uint64_t h = digest_start();
    grow_call(a[0], 100, 3, &d);
    for (int i = 0; i <= MOST; i++) {
        values[i] = v_ref(&d);
        if (i < MOST)
            h = digest_grown(h, 100, 3);
    }
    OK(try_call(a[1], "digest", &r, values, MOST));
    IS_NUMBER(&r, h);
    OK(tram_eager_stats(test_runtime, &before));
    FAILS(try_call(a[1], "digest", &r, values, MOST + 1), TRAM_ERR_TOO_LARGE);
    SAYS("2048");
    struct tram_value nested[100];
    for (int i = 0; i < 100; i++)
        nested[i] = v_list(&nested[i + 1], i < 99);
    FAILS(try_call(a[1], "digest", &r, nested, 1), TRAM_ERR_TOO_LARGE);
    FAILS(try_call(a[1], "digest", &r, V((struct tram_value){.kind = (enum tram_value_kind)77})),
          TRAM_ERR_INVALID);
    OK(tram_eager_stats(test_runtime, &after));
    assert_int_equal(after.calls, before.calls);
    assert_int_equal(after.outstanding, before.outstanding);
    OK(tram_release(&d));
}

/* ---- order ----------------------------------------------------------------------------------------------- */

static void control_only_waits(void **state) {
    (void)state;
    struct tram_ref n[3], failed, d;
    uint32_t ms = 50, code = 9;
    char text[64];
    size_t size, got;
    OK(try_call(a[0], "notes", &d, NULL, 0));
    OK(tram_get(&d, NULL, 0, &got, 10) == TRAM_ERR_TOO_LARGE ? tram_release(&d) : 0);
    OK(try_call(a[1], "nap", &n[0], V(v_bytes(&ms, sizeof ms), v_text("1"))));
    OK(try_call(a[2], "note", &n[1], V(v_text("2"), v_after(&n[0]))));
    OK(try_call(a[2], "fail", &failed, V(v_bytes(&code, sizeof code), v_after(&n[1]))));
    OK(try_call(a[2], "note", &n[2], V(v_after(&failed), v_text("3"))));
    OK(try_call(a[3], "join", &d, V(v_after(&failed), v_ref(&n[2]), v_after(&n[1]), v_ref(&n[1]))));
    OK(tram_get(&d, text, sizeof text, &size, 10));
    assert_int_equal(size, 2);
    assert_memory_equal(text, "32", 2);
    assert_int_equal(tram_ready(&n[0]), 1);
    FAILS(tram_get(&failed, NULL, 0, NULL, 10), TRAM_ERR_TASK);
    OK(try_call(a[4], "join", &d, V(v_after(&n[2]), v_text("late")))); /* done long ago */
    IS_TEXT(&d, "late");
    for (int i = 0; i < 3; i++)
        OK(tram_release(&n[i]));
}

static void submission_order_with_late_arguments(void **state) {
    (void)state;
    enum { N = 60 };
    struct tram_ref r, late[N], d[N];
    char want[N + 1] = "";
    uint32_t ms = 1;
    struct tram_actor *fresh = maker("fresh");
    for (int i = 0; i < N; i++) {
        char c = (char)('A' + i % 26);
        want[i] = c;
        if (i % 3 == 0) {
            OK(try_call(a[i % ACTORS], "nap", &late[i], V(v_bytes(&ms, sizeof ms), v_bytes(&c, 1))));
            OK(try_call(fresh, "note", &d[i], V(v_move(&late[i]))));
        } else {
            OK(try_call(fresh, "note", &d[i], V(v_bytes(&c, 1))));
        }
    }
    OK(try_call(fresh, "notes", &r, NULL, 0));
    IS_TEXT(&r, want);
    for (int i = 0; i < N; i++)
        OK(tram_release(&d[i]));
    tram_actor_destroy(fresh);
}

/* ---- several results ------------------------------------------------------------------------------------- */

static void three_results(void **state) {
    (void)state;
    static const struct making m[3] = {{50, 1}, {MIB, 2}, {INLINE, 3}};
    static const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    for (int round = 0; round < 6 * 3; round++) {
        struct tram_ref r[3], d[3] = {{0}};
        OK(tram_call(a[0], "grow3", m, sizeof m, r));
        for (int k = 0; k < 3; k++) {
            int i = orders[round % 6][k];
            switch ((round / 6 + i) % 3) { /* each is fetched, released or passed on */
            case 0:
                IS_GROWN(&r[i], m[i].size, m[i].seed);
                break;
            case 1:
                OK(tram_release(&r[i]));
                break;
            default:
                OK(try_call(a[(round + i) % ACTORS], "digest", &d[i], V(v_move(&r[i]))));
            }
        }
        for (int i = 0; i < 3; i++)
            if (d[i].source)
                IS_NUMBER(&d[i], digest_grown(digest_start(), m[i].size, m[i].seed));
    }
}

static void results_all_moved(void **state) {
    (void)state;
    static const struct making m[3] = {
        {50, 1}, {60, 2}, {INLINE, 3}}; /* small: the driver never hears of them */
    for (int round = 0; round < 50; round++) {
        struct tram_ref r[3], d;
        OK(tram_call(a[0], "grow3", m, sizeof m, r));
        OK(try_call(a[1], "digest", &d, V(v_move(&r[2]), v_move(&r[0]), v_move(&r[1]))));
        uint64_t h = digest_grown(digest_start(), m[2].size, 3);
        IS_NUMBER(&d, digest_grown(digest_grown(h, m[0].size, 1), m[1].size, 2));
    }
}

static void sixty_four_results(void **state) {
    (void)state;
    struct tram_ref r[TRAM_MAX_RESULTS], d;
    uint64_t n = 1000;
    OK(tram_call(a[0], "many", &n, sizeof n, r));
    OK(try_call(a[1], "echo", &d, V(v_move(&r[63]))));
    IS_NUMBER(&d, n + 63);
    OK(try_call(a[1], "echo", &d, V(v_ref(&r[62]))));
    IS_NUMBER(&d, n + 62);
    for (uint64_t k = 0; k < 63; k++) {
        uint64_t i = k * 5 % 63;
        IS_NUMBER(&r[i], n + i);
    }
    OK(tram_call(a[0], "many", &n, sizeof n, r)); /* all given up before they are there */
    for (int i = 0; i < TRAM_MAX_RESULTS; i++)
        OK(tram_release(&r[i]));
}

/* ---- forwards -------------------------------------------------------------------------------------------- */

static void forwards(void **state) {
    (void)state;
    static const size_t sizes[] = SIZES;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct tram_eager_stats before, after;
        struct tram_ref r, p, f[5], d[3];
        void *room;
        OK(tram_eager_stats(test_runtime, &before));
        grow_call(a[0], sizes[i], i, &r);
        OK(tram_put_loan(test_runtime, sizes[i], &room, &p));
        test_fill(room, sizes[i], i + 100);
        OK(try_call(a[1], "pass", &f[0], V(v_ref(&r))));     /* of another actor's object */
        OK(try_call(a[2], "pass", &f[1], V(v_move(&f[0])))); /* of a forward */
        OK(try_call(a[0], "pass", &f[2], V(v_ref(&f[1]))));  /* back at its maker */
        OK(try_call(a[3], "pass", &f[3], V(v_move(&p))));    /* of a put */
        OK(tram_call(a[4], "pass", room, sizes[i], &f[4]));  /* of bytes */
        OK(tram_release(&r));
        OK(try_call(a[5], "digest", &d[0], V(v_ref(&f[2]), v_ref(&f[3]))));
        OK(try_call(a[6], "digest", &d[1], V(v_ref(&f[4]))));
        uint64_t h = digest_grown(digest_start(), sizes[i], i);
        IS_NUMBER(&d[0], digest_grown(h, sizes[i], i + 100));
        IS_NUMBER(&d[1], digest_grown(digest_start(), sizes[i], i + 100));
        hear_all();
        OK(tram_eager_stats(test_runtime, &after));
        assert_int_equal(after.stored_ever - before.stored_ever, sizes[i] > INLINE ? 3 : 1);
        assert_int_equal(after.stored, sizes[i] > INLINE ? 3 : 1);
        IS_GROWN(&f[1], sizes[i], i);
        IS_GROWN(&f[2], sizes[i], i);
        OK(tram_eager_stats(test_runtime, &after));
        assert_int_equal(after.stored, sizes[i] > INLINE ? 2 : 1); /* a put is stored in any case */
        IS_GROWN(&f[3], sizes[i], i + 100);
        IS_GROWN(&f[4], sizes[i], i + 100);
    }
}

static void forwards_of_several_results(void **state) {
    (void)state;
    for (int round = 0; round < 20; round++) {
        struct tram_ref x, y, s[2], t[2], d;
        grow_call(a[0], MIB, 1, &x);
        grow_call(a[1], round % 2 ? 100 : MIB, 2, &y);
        OK(try_call(a[2], "swap", s, V(v_move(&x), v_move(&y))));
        OK(try_call(a[round % 3], "swap", t, V(v_ref(&s[0]), v_ref(&s[0]))));
        OK(tram_release(&s[0]));
        if (round % 4 > 1)
            IS_GROWN(&t[1], round % 2 ? 100 : MIB, 2);
        OK(try_call(a[3], "digest", &d, V(v_move(&s[1]), v_move(&t[0]))));
        uint64_t h = digest_grown(digest_start(), MIB, 1);
        IS_NUMBER(&d, digest_grown(h, round % 2 ? 100 : MIB, 2));
        if (round % 4 <= 1)
            OK(tram_release(&t[1]));
    }
}

static void a_long_chain_of_forwards(void **state) {
    (void)state;
    enum { N = 3000 };
    struct tram_eager_stats s;
    static struct tram_ref r[N];
    struct tram_ref copy;
    grow_call(a[0], MIB, 1, &r[0]);
    for (int i = 1; i < N; i++)
        OK(try_call(a[i % ACTORS], "pass", &r[i], V(v_move(&r[i - 1]))));
    struct tram_bytes lent;
    OK(tram_get_borrow(&r[N - 1], &lent, 60));
    hear_all();
    OK(tram_eager_stats(test_runtime, &s));
    assert_int_equal(s.stored, 1);
    copy = r[N - 1];
    IS_GROWN(&r[N - 1], MIB, 1);
    FAILS(tram_release(&copy), TRAM_ERR_CONSUMED);
    OK(tram_eager_stats(test_runtime, &s));
    assert_int_equal(s.stored, 0);
}

/* ---- memory ---------------------------------------------------------------------------------------------- */

/* A runtime with small stores. */
static struct tram *small_stores(size_t bytes, struct tram_actor **x, struct tram_actor **y) {
    struct tram *t;
    OK(tram_init_with(NULL, NULL, maker_classes, &(struct tram_options){.store_bytes = bytes}, &t));
    *x = maker_of(t, "xen");
    *y = maker_of(t, "yen");
    return t;
}

static void memory_is_used_again(void **state) {
    (void)state;
    struct tram_actor *both[2];
    struct tram *t = small_stores(32 * MIB, &both[0], &both[1]);
    for (int i = 0; i < 30; i++) { /* each round more than half of every store */
        struct tram_ref r, p, f, d;
        void *room;
        grow_call(both[0], 20 * MIB, 1, &r);
        OK(tram_put_loan(t, 20 * MIB, &room, &p));
        memset(room, i, 4096);
        OK(try_call(both[1], "pass", &f, V(v_move(&r))));
        OK(try_call(both[1], "digest", &d, V(v_ref(&f))));
        OK(tram_release(&p));
        IS_NUMBER(&d, digest_grown(digest_start(), 20 * MIB, 1));
        IS_GROWN(&f, 20 * MIB, 1);
    }
    ALL_QUIET(t, both, 2);
    tram_fini(t);
}

/* Whatever was there before, an empty store holds what fits it. */
static void an_empty_store_is_in_one_piece(void **state) {
    (void)state;
    static const size_t sizes[] = {1, 20, 31, 5, 32, 17, 32};
    struct tram_actor *both[2];
    struct tram *t = small_stores(32 * MIB, &both[0], &both[1]);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct tram_ref r;
        void *room;
        OK(tram_put_loan(t, sizes[i] * MIB, &room, &r));
        OK(tram_release(&r));
    }
    tram_fini(t);
}

static void fire_and_forget(void **state) {
    (void)state;
    struct tram_actor *both[2];
    struct tram *t = small_stores(32 * MIB, &both[0], &both[1]);
    struct making m = {5 * MIB, 1};
    struct tram_ref r;
    for (int i = 0; i < 200; i++) {
        OK(tram_call(both[0], "grow", &m, sizeof m, NULL));
        OK(tram_call(both[1], "note", "n", 1, NULL));
        OK(tram_call(both[1], "fail", "1234", 4, NULL));
    }
    OK(tram_call(both[1], "notes", "", 0, &r));
    struct tram_bytes got;
    OK(tram_get_borrow(&r, &got, 30));
    assert_int_equal(got.size, 200);
    OK(tram_release(&r));
    for (int i = 0; i < 30; i++) { /* objects that only silent calls take */
        grow_call(both[0], 5 * MIB, 1, &r);
        OK(try_call(both[1], "digest", NULL, V(v_move(&r))));
        ALL_QUIET(t, both, 2);
    }
    tram_fini(t);
}

/* The driver never waits for anything, and still its store is not filled by what nobody needs any more. */
static void large_arguments_nobody_waits_for(void **state) {
    (void)state;
    struct tram_actor *both[2];
    struct tram *t = small_stores(32 * MIB, &both[0], &both[1]);
    void *data = calloc(1, 10 * MIB);
    for (int i = 0; i < 12; i++) {
        OK(tram_call(both[0], "digest", data, 10 * MIB, NULL));
        test_pause_ms(SANITIZED ? 400 : 100); /* it has long run */
    }
    ALL_QUIET(t, both, 2);
    free(data);
    tram_fini(t);
}

/* An actor that never sleeps tells of such calls as well. */
static void nobody_waits_and_nobody_sleeps(void **state) {
    (void)state;
    struct tram *t;
    struct tram_actor *x, *y;
    struct tram_eager_stats s = {0};
    void *data = calloc(1, MIB);
    OK(tram_init_with(NULL, NULL, maker_classes, &(struct tram_options){.wait = TRAM_WAIT_SPIN}, &t));
    x = maker_of(t, "awake");
    y = maker_of(t, "also awake");
    OK(tram_call(x, "digest", data, MIB, NULL));
    for (int i = 0; i < 100; i++) {
        uint32_t ms = 20;
        struct tram_ref r;
        OK(tram_call(y, "nap", &ms, sizeof ms, &r)); /* its wait takes in what the other one has to say */
        IS_TEXT(&r, "");
        OK(tram_eager_stats(t, &s));
        if (!s.stored)
            break;
    }
    assert_int_equal(s.stored, 0);
    assert_int_equal(s.outstanding, 0);
    free(data);
    tram_fini(t);
}

static void full_stores(void **state) {
    (void)state;
    struct tram_actor *both[2];
    struct tram *t = small_stores(32 * MIB, &both[0], &both[1]);
    struct tram_eager_stats before, after;
    struct tram_ref p[8] = {{0}}, r = {0}, kept[3], d;
    void *data = calloc(1, 33 * MIB);
    for (int round = 0; round < 3; round++) { /* of the driver */
        for (int i = 0; i < 4; i++)
            OK(tram_put(t, data, 8 * MIB, &p[i]));
        OK(tram_eager_stats(t, &before));
        FAILS(tram_put(t, data, 4096, &p[4]), TRAM_ERR_FULL);
        SAYS("the driver is full");
        SAYS("store_bytes");
        FAILS(tram_call(both[0], "echo", data, INLINE + 1, &r), TRAM_ERR_FULL);
        FAILS(try_call(both[0], "join", &r, V(v_text("x"), v_bytes(data, MIB), v_ref(&p[0]))), TRAM_ERR_FULL);
        assert_null(r.source);
        assert_null(p[4].source);
        OK(tram_eager_stats(t, &after));
        assert_int_equal(after.calls, before.calls);
        assert_int_equal(after.outstanding, before.outstanding);
        assert_int_equal(after.stored_ever, before.stored_ever);
        OK(tram_release(&p[round]));
        OK(tram_call(both[0], "digest", data, 8 * MIB, &r));
        IS_NUMBER(&r, digest_bytes(digest_start(), data, 8 * MIB));
        for (int i = 0; i < 4; i++)
            if (i != round)
                OK(tram_release(&p[i]));
    }
    FAILS(tram_put(t, data, 33 * MIB, &p[0]), TRAM_ERR_TOO_LARGE);
    SAYS("store_bytes");
    FAILS(tram_put(t, "", SIZE_MAX, &p[0]), TRAM_ERR_TOO_LARGE);
    FAILS(tram_call(both[0], "echo", data, 33 * MIB, &r), TRAM_ERR_TOO_LARGE);
    for (int round = 0; round < 3; round++) { /* of an actor */
        for (int i = 0; i < 3; i++)
            grow_call(both[0], 8 * MIB, (uint64_t)i, &kept[i]);
        grow_call(both[0], 12 * MIB, 3, &r);
        OK(try_call(both[1], "digest", &d, V(v_ref(&r))));
        FAILS(tram_get(&d, NULL, 0, NULL, 30), TRAM_ERR_TASK);
        assert_string_equal(tram_last_error()->actor, "xen");
        assert_string_equal(tram_last_error()->method, "grow");
        assert_int_equal(tram_last_error()->code, TRAM_ERR_FULL);
        SAYS("store of actor xen is full");
        FAILS(tram_get(&r, NULL, 0, NULL, 30), TRAM_ERR_TASK);
        for (int i = 0; i < 3; i++)
            IS_GROWN(&kept[i], 8 * MIB, (uint64_t)i);
    }
    grow_call(both[0], 40 * MIB, 3, &r); /* more than it can ever hold */
    FAILS(tram_get(&r, NULL, 0, NULL, 30), TRAM_ERR_TASK);
    assert_int_equal(tram_last_error()->code, TRAM_ERR_TOO_LARGE);
    SAYS("store_bytes");
    grow_call(both[0], 8 * MIB, 3, &r);
    IS_GROWN(&r, 8 * MIB, 3);
    ALL_QUIET(t, both, 2);
    free(data);
    tram_fini(t);
}

static void a_failed_call_keeps_no_room(void **state) {
    (void)state;
    struct tram_actor *both[2];
    struct tram *t = small_stores(32 * MIB, &both[0], &both[1]);
    struct making m = {8 * MIB, 1};
    for (int i = 0; i < 20; i++) {
        struct tram_ref r;
        OK(tram_call(both[0], "stuff", &m, sizeof m, &r));
        FAILS(tram_get(&r, NULL, 0, NULL, 30), TRAM_ERR_TASK);
        assert_int_equal(tram_last_error()->code, 5);
    }
    ALL_QUIET(t, both, 2);
    tram_fini(t);
}

static void limits(void **state) {
    (void)state;
    static const struct making m[3] = {{50, 1}, {MIB, 2}, {60, 3}};
    static const size_t enough[3] = {50, MIB, 60}, short_of[3] = {50, MIB - 1, 60}, none[1] = {0};
    struct tram_value v = v_bytes(m, sizeof m);
    struct tram_ref r[3], p;
    struct tram_call_params ps = {.value_count = 1, .values = &v, .limits = enough};
    OK(tram_call_with(a[0], "grow3", &ps, r));
    for (int i = 0; i < 3; i++)
        IS_GROWN(&r[i], m[i].size, m[i].seed);
    ps.limits = short_of;
    OK(tram_call_with(a[0], "grow3", &ps, r));
    for (int i = 0; i < 3; i++) {
        FAILS(tram_get(&r[i], NULL, 0, NULL, 30), TRAM_ERR_TASK);
        assert_int_equal(tram_last_error()->code, TRAM_ERR_TOO_LARGE);
        SAYS("1048576 bytes exceeds the limit of 1048575");
    }
    ps.limits = none;
    OK(tram_call_with(a[0], "echo", &ps, r));
    FAILS(tram_get(&r[0], NULL, 0, NULL, 30), TRAM_ERR_TASK);
    void *data = calloc(1, MIB);
    OK(tram_put(test_runtime, data, MIB, &p));
    v = v_move(&p);
    ps.limits = &short_of[1];
    OK(tram_call_with(a[0], "pass", &ps, r));
    FAILS(tram_get(&r[0], NULL, 0, NULL, 30), TRAM_ERR_TASK);
    SAYS("1048576");
    free(data);
}

/* ---- references that cannot be arguments ------------------------------------------------------------------ */

static void wrong_references(void **state) {
    (void)state;
    struct tram_eager_stats before, after;
    struct tram_ref good, r = {0}, empty = {0}, gone, copy, other, compiled, m1, m2;
    struct tram *t;
    struct tram_actor *x;
    struct tram_graph *g;
    struct tram_compiled *c;
    OK(tram_init_with(NULL, NULL, maker_classes, NULL, &t));
    x = maker_of(t, "elsewhere");
    grow_call(x, 10, 1, &other);
    OK(tram_graph_create(test_runtime, &g));
    tram_graph_output(g, tram_graph_bind(g, a[0], "echo", tram_graph_input(g, 64)));
    OK(tram_graph_compile(g, NULL, &c));
    OK(tram_execute(c, "hi", 2, &compiled));
    grow_call(a[0], 10, 1, &good);
    OK(tram_call(a[0], "echo", "1", 1, &gone));
    copy = gone;
    OK(tram_release(&gone));
    OK(tram_eager_stats(test_runtime, &before));

    FAILS(try_call(a[1], "join", &r, V(v_ref(&good), v_ref(&other))), TRAM_ERR_INVALID);
    SAYS("argument 1 of elf.join is a reference of another runtime");
    FAILS(try_call(a[1], "join", &r, V(v_ref(&compiled))), TRAM_ERR_INVALID);
    SAYS("argument 0 of elf.join is a reference of a compiled graph");
    FAILS(try_call(a[1], "join", &r, V(v_ref(&good), v_move(&good), v_ref(&empty))), TRAM_ERR_CONSUMED);
    SAYS("argument 2 of elf.join is an empty reference");
    FAILS(try_call(a[1], "join", &r, V(v_ref(NULL))), TRAM_ERR_CONSUMED);
    FAILS(try_call(a[1], "join", &r, V(v_after(&empty))), TRAM_ERR_CONSUMED);
    FAILS(try_call(a[1], "join", &r, V(v_ref(&gone))), TRAM_ERR_CONSUMED);
    FAILS(try_call(a[1], "join", &r, V(v_ref(&copy))), TRAM_ERR_CONSUMED);
    SAYS("already fetched or released");
    struct tram_value in_list[] = {v_text("x"), v_move(&good), v_move(&copy)};
    FAILS(try_call(a[1], "join", &r, V(v_list(in_list, 3))), TRAM_ERR_CONSUMED);
    FAILS(try_call(a[1], "sing", &r, V(v_move(&good))), TRAM_ERR_NOT_FOUND);
    assert_null(r.source);
    OK(tram_eager_stats(test_runtime, &after));
    assert_int_equal(after.calls, before.calls);
    assert_int_equal(after.outstanding, before.outstanding);

    m1 = m2 = good; /* none of them gave it up; now one does */
    OK(try_call(a[1], "join", &r, V(v_move(&m1))));
    assert_null(m1.source);
    FAILS(try_call(a[1], "join", &r, V(v_move(&m1))), TRAM_ERR_CONSUMED);
    FAILS(try_call(a[1], "join", &r, V(v_move(&m2))), TRAM_ERR_CONSUMED);
    FAILS(tram_get(&good, NULL, 0, NULL, 1), TRAM_ERR_CONSUMED);
    IS_GROWN(&r, 10, 1);
    IS_GROWN(&other, 10, 1);
    IS_TEXT(&compiled, "hi");
    OK(tram_teardown(c));
    tram_graph_destroy(g);
    tram_fini(t);
}

/* ---- waiting --------------------------------------------------------------------------------------------- */

static void timeouts(void **state) {
    (void)state;
    uint32_t ms = 300;
    struct tram_ref r, d, e;
    OK(try_call(a[0], "nap", &r, V(v_bytes(&ms, sizeof ms), v_text("slow"))));
    OK(try_call(a[1], "echo", &d, V(v_move(&r))));
    OK(try_call(a[2], "join", &e, V(v_ref(&d), v_text("!"))));
    FAILS(tram_get(&e, NULL, 0, NULL, 0), TRAM_ERR_TIMED_OUT);
    FAILS(tram_get(&e, NULL, 0, NULL, 0.02), TRAM_ERR_TIMED_OUT);
    assert_int_equal(tram_ready(&e), 0);
    IS_TEXT(&e, "slow!");
    IS_TEXT(&d, "slow");
}

static void any_of_dependent_results(void **state) {
    (void)state;
    struct tram_ref slow, fast, d[3];
    size_t i = 99;
    uint32_t ms = 300, short_ms = 30;
    OK(try_call(a[0], "nap", &slow, V(v_bytes(&ms, sizeof ms), v_text("slow"))));
    OK(try_call(a[1], "nap", &fast, V(v_bytes(&short_ms, sizeof short_ms), v_text("fast"))));
    OK(try_call(a[2], "echo", &d[0], V(v_move(&slow))));
    OK(try_call(a[3], "echo", &d[1], V(v_move(&fast))));
    OK(try_call(a[4], "echo", &d[2], V(v_ref(&d[0]))));
    FAILS(tram_wait_any(d, 3, 0, &i), TRAM_ERR_TIMED_OUT);
    OK(tram_wait_any(d, 3, 20, &i));
    assert_int_equal(i, 1);
    IS_TEXT(&d[1], "fast");
    OK(tram_wait_any(d, 3, 20, &i));
    assert_int_not_equal(i, 1); /* either of the others: it is handed on before it is told */
    IS_TEXT(&d[i], "slow");
    size_t other = 2 - i;
    OK(tram_wait_any(d, 3, 20, &i));
    assert_int_equal(i, other);
    IS_TEXT(&d[i], "slow");
    FAILS(tram_wait_any(d, 3, 20, &i), TRAM_ERR_CONSUMED);
}

/* What is waited for hangs on an actor that cannot get rid of its replies until the driver takes them in. */
static void waiting_takes_in_replies_of_others(void **state) {
    (void)state;
    enum { N = 2000 };
    static struct tram_ref r[N];
    for (int by_ready = 0; by_ready < 2; by_ready++) {
        struct tram_ref d;
        size_t at;
        for (int i = 0; i < N; i++)
            grow_call(a[0], 2000, (uint64_t)i, &r[i]);
        OK(try_call(a[1], "echo", &d, V(v_ref(&r[N - 1]))));
        uint64_t until = test_now_ns() + UINT64_C(20000000000);
        if (by_ready)
            while (!tram_ready(&d))
                assert_true(test_now_ns() < until);
        else
            OK(tram_wait_any(&d, 1, 20, &at));
        IS_GROWN(&d, 2000, N - 1);
        for (int i = 0; i < N; i++)
            IS_GROWN(&r[i], 2000, (uint64_t)i);
    }
}

/* ---- many ------------------------------------------------------------------------------------------------ */

static void many_outstanding(void **state) {
    (void)state;
    enum { N = SANITIZED ? 20000 : 100000, ODD = 7919 };
    struct tram_ref *r = calloc(N, sizeof *r);
    struct tram_actor *x = maker("x");
    struct tram_eager_stats before, full, after;
    uint64_t driver = resident_bytes(0), actor = resident_bytes(tram_actor_pid(x));
    OK(tram_eager_stats(test_runtime, &before));
    for (uint64_t i = 0; i < N; i++)
        OK(tram_call(x, "echo", &i, sizeof i, &r[i]));
    OK(tram_eager_stats(test_runtime, &full));
    assert_int_equal(full.outstanding - before.outstanding, N);
    double each = (double)full.outstanding_bytes / N;
    printf("%d outstanding calls: %.0f bytes each set aside; resident memory grew by %.0f bytes each in the "
           "driver, "
           "%.0f in the actor\n",
           (int)N, each, (double)(resident_bytes(0) - driver) / N,
           (double)(resident_bytes(tram_actor_pid(x)) - actor) / N);
    assert_true(each > 32 && each < 512);
    for (uint64_t k = 0; k < N; k++) {
        uint64_t i = k * ODD % N;
        IS_NUMBER(&r[i], i);
    }
    OK(tram_eager_stats(test_runtime, &after));
    assert_int_equal(after.outstanding, before.outstanding);
    tram_actor_destroy(x);
    free(r);
}

/* Results that are larger than a reference count as well. */
static void outstanding_bytes_count_results(void **state) {
    (void)state;
    enum { N = 500, BYTES = 20000 };
    static struct tram_ref r[N];
    struct tram_eager_stats before, after;
    OK(tram_eager_stats(test_runtime, &before));
    for (int i = 0; i < N; i++)
        grow_call(a[0], BYTES, 1, &r[i]);
    for (int i = 0; i < N; i++) {
        struct tram_bytes got;
        OK(tram_get_borrow(&r[i], &got, 30));
    }
    OK(tram_eager_stats(test_runtime, &after));
    assert_true(after.outstanding_bytes >= before.outstanding_bytes + UINT64_C(1) * N * BYTES);
    for (int i = 0; i < N; i++)
        IS_GROWN(&r[i], BYTES, 1);
    OK(tram_eager_stats(test_runtime, &after));
    assert_true(after.outstanding_bytes < before.outstanding_bytes + UINT64_C(1) * N * BYTES);
}

/* Tokens go round a ring of three both ways, all sent before any is fetched. */
static void rings(size_t tokens, size_t hops, size_t size) {
    struct tram_ref *r = calloc(tokens, sizeof *r);
    for (size_t k = 0; k < tokens; k++)
        grow_call(a[k % 3], size, k, &r[k]);
    for (size_t h = 1; h <= hops; h++)
        for (size_t k = 0; k < tokens; k++)
            OK(try_call(a[(k % 2 ? k + h : k + 2 * h) % 3], "echo", &r[k], V(v_move(&r[k]))));
    for (size_t k = tokens; k-- > 0;)
        IS_GROWN(&r[k], size, k);
    free(r);
}

static void rings_both_ways(void **state) {
    (void)state;
    size_t hops = SANITIZED ? 20 : 200;
    rings(1, 10 * hops, 8);
    rings(64, hops, 200);
    rings(32, hops, 30 * 1024);
    rings(8, hops / 4, 100 * 1024);
}

/* Everybody takes from everybody, so that every link is busy in both directions. */
static void all_to_all(void **state) {
    (void)state;
    enum { ROUNDS = 12, BYTES = 20000 };
    static struct tram_ref r[2][ACTORS];
    struct tram_value values[ACTORS];
    size_t total = BYTES;
    for (int i = 0; i < ACTORS; i++)
        grow_call(a[i], BYTES, (uint64_t)i, &r[0][i]);
    static struct tram_ref all[ROUNDS][ACTORS];
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < ACTORS; i++) {
            for (int k = 0; k < ACTORS; k++)
                values[k] = v_ref(&r[0][k]);
            OK(try_call(a[i], "digest", &all[round][i], values, ACTORS));
            OK(try_call(a[(i + round) % ACTORS], "echo", &r[1][i], V(v_ref(&r[0][i]))));
        }
        for (int i = 0; i < ACTORS; i++) {
            OK(tram_release(&r[0][i]));
            r[0][i] = r[1][i];
        }
    }
    uint64_t h = digest_start();
    for (int i = 0; i < ACTORS; i++)
        h = digest_grown(h, total, (uint64_t)i);
    for (int round = 0; round < ROUNDS; round++)
        for (int i = 0; i < ACTORS; i++)
            IS_NUMBER(&all[round][i], h);
    for (int i = 0; i < ACTORS; i++)
        IS_GROWN(&r[0][i], BYTES, (uint64_t)i);
}

int main(int argc, char **argv) {
    static const char *const names[ACTORS] = {"ann", "elf", "cat", "dog", "eel", "fox", "gnu", "hen"};
    struct tram_options o = {.store_bytes = 256 * MIB, .eager = test_transport()};
    if (tram_init_with(&argc, &argv, maker_classes, &o, &test_runtime) != TRAM_OK)
        return 1;
    for (int i = 0; i < ACTORS; i++)
        a[i] = maker(names[i]);
#define QUIET(f) cmocka_unit_test_teardown(f, quiet)
    const struct CMUnitTest tests[] = {
        QUIET(many_outstanding), /* first: what it says of resident memory is then of use */
        QUIET(a_result_to_another_actor),
        QUIET(a_result_to_the_same_actor),
        QUIET(a_put_to_all),
        QUIET(stored_once),
        QUIET(large_bytes),
        QUIET(no_arguments_and_empty_ones),
        QUIET(chains_of_eight),
        QUIET(a_chain_in_one_reference),
        QUIET(taken_by_many),
        QUIET(moved_and_taken_by_one_call),
        QUIET(lists),
        QUIET(an_order_in_a_list),
        QUIET(too_many_arguments),
        QUIET(control_only_waits),
        QUIET(submission_order_with_late_arguments),
        QUIET(three_results),
        QUIET(results_all_moved),
        QUIET(sixty_four_results),
        QUIET(forwards),
        QUIET(forwards_of_several_results),
        QUIET(a_long_chain_of_forwards),
        QUIET(memory_is_used_again),
        QUIET(an_empty_store_is_in_one_piece),
        QUIET(fire_and_forget),
        QUIET(large_arguments_nobody_waits_for),
        QUIET(nobody_waits_and_nobody_sleeps),
        QUIET(full_stores),
        QUIET(a_failed_call_keeps_no_room),
        QUIET(limits),
        QUIET(wrong_references),
        QUIET(timeouts),
        QUIET(any_of_dependent_results),
        QUIET(waiting_takes_in_replies_of_others),
        QUIET(outstanding_bytes_count_results),
        QUIET(rings_both_ways),
        QUIET(all_to_all),
    };
    if (getenv("TRAM_TEST_ONLY"))
        cmocka_set_test_filter(getenv("TRAM_TEST_ONLY"));
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tram_fini(test_runtime);
    return failed;
}
