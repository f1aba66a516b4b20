/* SPDX-License-Identifier: Apache-2.0
 *
 * References when something goes wrong: calls that fail, actors that die, stand still or are ended.
 */
#include "objects_testing.h"

#include <signal.h>
#include <stdlib.h>

enum { ACTORS = 6, MIB = 1 << 20 };

static struct tram_actor *a[ACTORS]; /* new ones for each test */
static const char *const names[ACTORS] = {"ann", "bob", "cat", "dog", "eel", "fox"};

static int new_actors(void **state) {
    (void)state;
    for (int i = 0; i < ACTORS; i++)
        a[i] = maker(names[i]);
    return 0;
}

static int no_actors(void **state) {
    struct tram_eager_stats s;
    (void)state;
    for (int i = 0; i < ACTORS; i++)
        tram_actor_destroy(a[i]);
    tram_eager_stats(test_runtime, &s);
    assert_int_equal(s.stored, 0);
    assert_int_equal(s.stored_bytes, 0);
    assert_int_equal(s.outstanding, 0);
    return 0;
}

static void link_all(void) {
    struct tram_ref r;
    for (int i = 0; i < ACTORS; i++) {
        for (int k = 0; k < ACTORS; k++) {
            grow_call(a[i], 10, 1, &r);
            OK(try_call(a[k], "echo", &r, V(v_move(&r))));
            IS_GROWN(&r, 10, 1);
        }
    }
}

static void nap_call(struct tram_actor *x, uint32_t ms, const char *text, struct tram_ref *r) {
    OK(try_call(x, "nap", r, V(v_bytes(&ms, sizeof ms), v_text(text))));
}

static void failed_call(struct tram_actor *x, uint32_t code, struct tram_ref *r) {
    OK(tram_call(x, "fail", &code, sizeof code, r));
}

static void fails_with(struct tram_ref *r, int code, const char *who) {
    FAILS(tram_get(r, NULL, 0, NULL, 30), TRAM_ERR_TASK);
    assert_int_equal(tram_last_error()->code, code);
    assert_string_equal(tram_last_error()->actor, who);
    assert_string_equal(tram_last_error()->method, "fail");
    SAYS("no luck");
    SAYS(who);
    assert_null(r->source);
}

static void lost_with(struct tram_ref *r, const char *who) {
    FAILS(tram_get(r, NULL, 0, NULL, 30), TRAM_ERR_PEER_DEAD);
    assert_string_equal(tram_last_error()->actor, who);
    SAYS(who);
}

/* ---- calls that fail ------------------------------------------------------------------------------------- */

static void failures_travel(void **state) {
    (void)state;
    for (int round = 0; round < 3; round++) {
        struct tram_ref f, ok, one, two, three, beside, list, silent;
        failed_call(a[0], 77, &f);
        grow_call(a[1], 100, 1, &ok);
        if (round == 1) /* pending, there, or on its way */
            assert_true(tram_ready(&f) >= 0);
        if (round == 2)
            test_pause_ms(30);
        OK(try_call(a[1], "join", &one, V(v_ref(&ok), v_ref(&f))));
        OK(try_call(a[2], "pass", &two, V(v_move(&one))));
        OK(try_call(a[0], "join", &three, V(v_ref(&two), v_ref(&ok))));
        OK(try_call(a[3], "digest", NULL, V(v_ref(&two))));
        struct tram_value values[] = {v_ref(&ok), v_move(&two)};
        OK(try_call(a[4], "digest", &list, V(v_list(values, 2))));
        OK(try_call(a[4], "join", &silent, V(v_after(&three), v_ref(&ok))));
        OK(try_call(a[1], "echo", &beside, V(v_ref(&ok))));
        fails_with(&three, 77, "ann");
        fails_with(&list, 77, "ann");
        fails_with(&f, 77, "ann");
        IS_GROWN(&silent, 100, 1);
        IS_GROWN(&beside, 100, 1);
        IS_GROWN(&ok, 100, 1);
    }
}

static void the_first_failure_counts(void **state) {
    (void)state;
    struct tram_ref f, g, r;
    failed_call(a[0], 1, &f);
    failed_call(a[1], 2, &g);
    OK(try_call(a[2], "join", &r, V(v_text("x"), v_ref(&g), v_ref(&f))));
    fails_with(&r, 2, "bob");
    OK(try_call(a[2], "join", &r, V(v_move(&f), v_move(&g))));
    fails_with(&r, 1, "ann");
}

static void failure_of_several_results(void **state) {
    (void)state;
    struct tram_ref f, s[2], r;
    failed_call(a[0], 5, &f);
    OK(try_call(a[1], "swap", s, V(v_text("x"), v_move(&f))));
    OK(try_call(a[2], "echo", &r, V(v_move(&s[1]))));
    fails_with(&r, 5, "ann");
    fails_with(&s[0], 5, "ann");
}

/* ---- actors that die ------------------------------------------------------------------------------------- */

static void killed_before_it_ran(void **state) {
    (void)state;
    struct tram_ref nap, r, d, e, after;
    nap_call(a[0], 60000, "", &nap);
    grow_call(a[0], 100, 1, &r);
    OK(try_call(a[1], "echo", &d, V(v_ref(&r))));
    OK(try_call(a[2], "echo", &e, V(v_move(&d))));
    OK(try_call(a[2], "join", &after, V(v_after(&r), v_text("on"))));
    struct later l;
    signal_later(&l, tram_actor_pid(a[0]), SIGKILL, 50);
    lost_with(&e, "ann"); /* while it waits */
    finish_later(&l);
    lost_with(&r, "ann");
    lost_with(&nap, "ann");
    IS_TEXT(&after, "on");
    grow_call(a[1], 100, 2, &r);
    OK(try_call(a[2], "echo", &d, V(v_move(&r))));
    IS_GROWN(&d, 100, 2);
    FAILS(tram_call(a[0], "echo", "x", 1, &r), TRAM_ERR_PEER_DEAD);
}

/* Nobody has noticed the death when its result is passed on; whether the two had met before makes no difference. */
static void dead_unnoticed(void **state) {
    (void)state;
    for (int met = 0; met < 2; met++) {
        struct tram_ref nap, r, s, d, after, other;
        if (met) {
            grow_call(a[met], 10, 1, &r);
            OK(try_call(a[5], "echo", &r, V(v_move(&r))));
            IS_GROWN(&r, 10, 1);
        }
        grow_call(a[4], 100, 1, &other);
        nap_call(a[met], 60000, "", &nap);
        grow_call(a[met], 100, 1, &r);
        grow_call(a[met], 100, 1, &s);
        kill_now(tram_actor_pid(a[met]));
        OK(try_call(a[5], "join", &d, V(v_ref(&other), v_ref(&r))));
        OK(try_call(a[5], "join", &after, V(v_after(&r), v_ref(&other))));
        lost_with(&d, names[met]);
        IS_GROWN(&after, 100, 1);
        IS_GROWN(&other, 100, 1);
        OK(tram_release(&r));
        OK(tram_release(&s));
        OK(tram_release(&nap));
    }
}

static void killed_after_it_handed_on(void **state) {
    (void)state;
    struct tram_ref r, kept, moved, d[3], nap, small, never;
    struct tram_bytes lent;
    grow_call(a[0], 3 * MIB, 1, &r);
    grow_call(a[0], 2 * MIB, 2, &kept);
    grow_call(a[0], 100, 3, &small);
    nap_call(a[2], 300, "", &nap);
    OK(try_call(a[2], "digest", &d[0], V(v_move(&r), v_ref(&nap)))); /* runs after the death */
    OK(tram_get_borrow(&kept, &lent, 30));
    OK(try_call(a[1], "pass", &moved, V(v_ref(&kept))));
    IS_GROWN(&small, 100, 3);
    grow_call(a[0], 100, 3, &small);
    nap_call(a[0], 60000, "", &never);
    test_pause_ms(20);
    kill_now(tram_actor_pid(a[0]));
    assert_true(test_filled(lent.data, lent.size, 2));
    IS_NUMBER(&d[0], digest_bytes(digest_grown(digest_start(), 3 * MIB, 1), "", 0));
    OK(try_call(a[3], "digest", &d[1], V(v_ref(&kept)))); /* which had not heard of the segment */
    OK(try_call(a[4], "digest", &d[2], V(v_move(&moved))));
    IS_NUMBER(&d[1], digest_grown(digest_start(), 2 * MIB, 2));
    IS_NUMBER(&d[2], digest_grown(digest_start(), 2 * MIB, 2));
    lost_with(&never, "ann");
    IS_GROWN(&small, 100, 3); /* it had been sent */
    IS_GROWN(&kept, 2 * MIB, 2);
    OK(tram_release(&nap));
}

static void consumer_killed(void **state) {
    (void)state;
    enum { N = 300 };
    static struct tram_ref r[N], d[N], e[N];
    for (int i = 0; i < N; i++) {
        grow_call(a[0], i % 3 ? 3000 : 100000, (uint64_t)i, &r[i]);
        d[i] = (struct tram_ref){0};
        int status = try_call(a[1], "echo", &d[i], V(v_ref(&r[i])));
        if (status)
            FAILS(status, i > N / 2 ? TRAM_ERR_PEER_DEAD : TRAM_OK);
        OK(try_call(a[2], "echo", &e[i], V(v_ref(&r[i]))));
        if (i == N / 2)
            kill(tram_actor_pid(a[1]), SIGKILL);
    }
    for (int i = 0; i < N; i++) {
        IS_GROWN(&e[i], i % 3 ? 3000 : 100000, (uint64_t)i);
        IS_GROWN(&r[i], i % 3 ? 3000 : 100000, (uint64_t)i);
    }
    for (int i = 0; i < N; i++) {
        struct tram_bytes got;
        if (!d[i].source)
            continue;
        if (tram_get_borrow(&d[i], &got, 30) == TRAM_OK)
            IS_GROWN(&d[i], i % 3 ? 3000 : 100000, (uint64_t)i);
        else
            assert_string_equal(tram_last_error()->actor, "bob");
    }
    FAILS(tram_call(a[1], "echo", "x", 1, &d[0]), TRAM_ERR_PEER_DEAD);
}

/* Deaths at any moment of a mesh of calls: whatever comes is right, or PEER_DEAD of the one that died. */
static void killed_in_a_mesh(void **state) {
    (void)state;
    enum { N = 400 };
    static struct tram_ref r[N];
    struct later l;
    unsigned lost = 0;
    signal_later(&l, tram_actor_pid(a[1]), SIGKILL, 3);
    for (int i = 0; i < N; i++) {
        size_t size = i % 5 ? 500 : 60000;
        struct tram_actor *x = a[i % 7 % ACTORS];
        int status =
            i < 10 ? tram_call(x, "grow", &(struct making){size, 1}, sizeof(struct making), &r[i])
                   : try_call(x, i % 2 ? "pass" : "echo", &r[i], V(v_ref(&r[i - 7]), v_after(&r[i - 3])));
        if (status) {
            FAILS(status, TRAM_ERR_PEER_DEAD);
            assert_string_equal(tram_last_error()->actor, "bob");
            grow_call(a[0], size, 1, &r[i]);
        }
    }
    finish_later(&l);
    for (int i = 0; i < N; i++) {
        struct tram_bytes got;
        int status = tram_get_borrow(&r[i], &got, 30);
        if (status) {
            FAILS(status, TRAM_ERR_PEER_DEAD);
            assert_string_equal(tram_last_error()->actor, "bob");
            lost++;
        } else {
            assert_true(test_filled(got.data, got.size, 1));
            OK(tram_release(&r[i]));
        }
    }
    printf("%u of %d results were lost\n", lost, (int)N);
}

/* Forwards that were handed on, and whose maker died before the driver heard of them: what they are lives on as long as
 * somebody reads it. */
static void forwarder_killed_unheard(void **state) {
    (void)state;
    enum { EXTRA = 220, N = 100, BYTES = 40000 };
    static struct tram_ref extra[EXTRA], d[N], over[N];
    struct tram_ref nap, late;
    link_all();
    nap_call(a[2], 600, "", &nap);  /* the consumer looks at nothing for a while */
    nap_call(a[3], 100, "", &late); /* until then all calls wait in the queue */
    OK(try_call(a[1], "echo", &extra[0], V(v_ref(&late))));
    for (int i = 1; i < EXTRA; i++)
        OK(tram_call(a[1], "echo", "x", 1, &extra[i]));
    for (int i = 0; i < N; i++) {
        struct tram_ref p;
        void *room;
        OK(tram_put_loan(test_runtime, BYTES, &room, &p));
        test_fill(room, BYTES, (uint64_t)i);
        OK(try_call(a[1], "pass", &p, V(v_move(&p))));
        OK(try_call(a[2], "digest", &d[i], V(v_move(&p))));
    }
    test_pause_ms(300);
    kill_now(tram_actor_pid(a[1]));
    FAILS(tram_call(a[1], "echo", "x", 1, NULL), TRAM_ERR_PEER_DEAD); /* all it had sent is taken in */
    for (int i = 0; i < N; i++) {                                     /* into whatever room was given back */
        void *room;
        OK(tram_put_loan(test_runtime, BYTES, &room, &over[i]));
        memset(room, 0xEE, BYTES);
    }
    unsigned lost = 0;
    for (int i = 0; i < N; i++) {
        struct tram_bytes got;
        int status = tram_get_borrow(&d[i], &got, 30);
        uint64_t h = digest_grown(digest_start(), BYTES, (uint64_t)i);
        if (status) {
            FAILS(status, TRAM_ERR_PEER_DEAD);
            assert_string_equal(tram_last_error()->actor, "bob");
            lost++;
            continue;
        }
        assert_memory_equal(got.data, &h, sizeof h);
        OK(tram_release(&d[i]));
    }
    printf("%u of %d were lost\n", lost, (int)N);
    for (int i = 0; i < N; i++)
        OK(tram_release(&over[i]));
    for (int i = 0; i < EXTRA; i++)
        OK(tram_release(&extra[i]));
    OK(tram_release(&nap));
    OK(tram_release(&late));
}

/* ---- actors that stand still ----------------------------------------------------------------------------- */

static void stopped_with_a_full_queue(void **state) {
    (void)state;
    enum { N = 6000 };
    static struct tram_ref d[N];
    struct tram_ref nap;
    struct later l;
    link_all();
    nap_call(a[1], 100, "", &nap);
    for (int i = 0; i < N; i++) {
        struct tram_ref r, s;
        grow_call(a[i % 2 * 2], 600, (uint64_t)i, &r);
        OK(try_call(a[1], "echo", &s, (struct tram_value[]){v_move(&r), v_ref(&nap)}, i % 50 ? 1 : 2));
        OK(try_call(a[3], "echo", &d[i], V(v_move(&s))));
        if (i == 500) {
            test_stop(tram_actor_pid(a[1]));
            signal_later(&l, tram_actor_pid(a[1]), SIGCONT, 400);
        }
    }
    finish_later(&l);
    for (int i = N; i-- > 0;)
        IS_GROWN(&d[i], 600, (uint64_t)i);
    OK(tram_release(&nap));
}

/* While an actor sends to one that is stopped, what it waited for arrives: it must not be forgotten. */
static void ready_while_sending(void **state) {
    (void)state;
    enum { N = 20, CALLS = 100, BYTES = 4000 };
    static struct tram_ref r[N], d[CALLS];
    struct tram_ref late, waits;
    link_all();
    for (int i = 0; i < N; i++)
        grow_call(a[0], BYTES, (uint64_t)i, &r[i]); /* run, but their replies are not taken in */
    nap_call(a[1], 300, "late", &late);
    OK(try_call(a[0], "echo", &waits, V(v_move(&late))));
    test_pause_ms(100);
    test_stop(tram_actor_pid(a[2]));
    for (int i = 0; i < CALLS; i++)
        OK(try_call(a[2], "echo", &d[i], V(v_ref(&r[i % N]))));
    test_pause_ms(500); /* the first fills the third's socket; meanwhile the second delivers */
    kill(tram_actor_pid(a[2]), SIGCONT);
    IS_TEXT(&waits, "late");
    for (int i = 0; i < CALLS; i++)
        IS_GROWN(&d[i], BYTES, (uint64_t)(i % N));
    for (int i = 0; i < N; i++)
        OK(tram_release(&r[i]));
}

static void stopped_then_killed(void **state) {
    (void)state;
    enum {
        N = 60,
        BYTES = 20000
    }; /* too much for the socket between the two, and few enough calls for the driver's */
    static struct tram_ref d[N];
    struct tram_ref r[N];
    struct later l;
    link_all();
    test_stop(tram_actor_pid(a[1]));
    for (int i = 0; i < N; i++) {
        grow_call(a[0], BYTES, (uint64_t)i, &r[i]); /* it gets stuck in handing these on */
        OK(try_call(a[1], "echo", &d[i], V(v_ref(&r[i]))));
    }
    signal_later(&l, tram_actor_pid(a[1]), SIGKILL, 100);
    for (int i = 0; i < N; i++)
        IS_GROWN(&r[i], BYTES, (uint64_t)i);
    finish_later(&l);
    lost_with(&d[0], "bob");
    for (int i = 1; i < N; i++)
        OK(tram_release(&d[i]));
}

/* ---- actors that are ended ------------------------------------------------------------------------------- */

static void destroyed_with_results_wanted(void **state) {
    (void)state;
    enum { N = 500, BYTES = 8000 };
    static struct tram_ref r[N];
    struct tram_ref large, d, lost, nap, e;
    grow_call(a[0], 3 * MIB, 1, &large);
    for (int i = 0; i < N; i++) /* more than its socket holds */
        grow_call(a[0], BYTES, (uint64_t)i, &r[i]);
    OK(try_call(a[1], "digest", &d, V(v_ref(&r[N - 1]), v_ref(&large))));
    nap_call(a[1], 300, "", &nap);
    OK(try_call(a[0], "echo", &lost, V(v_ref(&nap)))); /* will not have its argument in time */
    OK(try_call(a[2], "echo", &e, V(v_ref(&lost))));
    tram_actor_destroy(a[0]);
    for (int i = 0; i < N; i++)
        IS_GROWN(&r[i], BYTES, (uint64_t)i);
    IS_NUMBER(&d, digest_grown(digest_grown(digest_start(), BYTES, N - 1), 3 * MIB, 1));
    OK(try_call(a[3], "digest", &d, V(v_ref(&large))));
    IS_NUMBER(&d, digest_grown(digest_start(), 3 * MIB, 1));
    IS_GROWN(&large, 3 * MIB, 1);
    lost_with(&lost, "ann");
    lost_with(&e, "ann");
    OK(tram_release(&nap));
}

static void a_runtime_ends_in_the_middle(void **state) {
    (void)state;
    for (int round = 0; round < 4; round++) {
        struct tram *t;
        struct tram_actor *x, *y;
        struct tram_ref r, p;
        OK(tram_init_with(NULL, NULL, maker_classes, NULL, &t));
        x = maker_of(t, "x");
        y = maker_of(t, "y");
        for (int i = 0; i < 100; i++) {
            grow_call(x, i % 2 ? 100 : 100000, 1, &r);
            OK(try_call(y, i % 3 ? "pass" : "echo", &r, V(v_move(&r))));
            OK(try_call(x, "digest", round % 2 ? &r : NULL, V(v_move(&r))));
        }
        OK(tram_put(t, "x", 1, &p));
        tram_fini(t);
    }
}

/* Actors come and go: what their stores took does not stay with the driver. */
static void segments_of_the_dead_go(void **state) {
    (void)state;
    struct tram_ref r;
    uint64_t before = 0;
    for (int i = 0; i < 12; i++) {
        struct tram_actor *x = maker("guest");
        grow_call(x, MIB, 1, &r);
        IS_GROWN(&r, MIB, 1);
        if (i % 2)
            kill_now(tram_actor_pid(x));
        tram_actor_destroy(x);
        if (i == 1)
            before = resident_bytes(0);
    }
    uint64_t grown = resident_bytes(0) > before ? resident_bytes(0) - before : 0;
    printf("ten actors that came and went left %.1f MiB resident\n", (double)grown / MIB);
    assert_true(SANITIZED || grown < 40 * MIB);
}

int main(int argc, char **argv) {
    if (test_init(&argc, &argv, maker_classes, &test_runtime) != TRAM_OK)
        return 1;
#define ALONE(f) cmocka_unit_test_setup_teardown(f, new_actors, no_actors)
    const struct CMUnitTest tests[] = {
        ALONE(failures_travel),
        ALONE(the_first_failure_counts),
        ALONE(failure_of_several_results),
        ALONE(killed_before_it_ran),
        ALONE(dead_unnoticed),
        ALONE(killed_after_it_handed_on),
        ALONE(consumer_killed),
        ALONE(killed_in_a_mesh),
        ALONE(forwarder_killed_unheard),
        ALONE(stopped_with_a_full_queue),
        ALONE(ready_while_sending),
        ALONE(stopped_then_killed),
        ALONE(destroyed_with_results_wanted),
        ALONE(a_runtime_ends_in_the_middle),
        ALONE(segments_of_the_dead_go),
    };
    if (getenv("TRAM_TEST_ONLY"))
        cmocka_set_test_filter(getenv("TRAM_TEST_ONLY"));
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tram_fini(test_runtime);
    return failed;
}
