/* SPDX-License-Identifier: Apache-2.0 */
#include "base/wait.h"

#include "base/test_support.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define NAME   5u
#define SOON_S 0.01

/* One waiter, and what may end its wait. */
struct bed {
    _Alignas(TRAM__LINE) tram__word64 word;
    _Alignas(TRAM__LINE) tram__word32 sleeping;
    _Alignas(TRAM__LINE) tram__word32 epoch, control;
    _Alignas(TRAM__LINE) tram__word32 asked; /* how often `interrupted` was */
    int answer;                              /* what it returned */
    struct tram__wait_counts counts;
    struct tram__site site;
    struct tram__waiter waiter;
};

enum { BLOCKS, SPINS, AUTOS, YIELDS, POLICIES };

static struct tram__wait_plan plan_of(int policy) {
    const enum tram_wait policies[] = {TRAM_WAIT_BLOCK, TRAM_WAIT_SPIN, TRAM_WAIT_AUTO, TRAM_WAIT_AUTO};
    return tram__wait_plan(policies[policy], policy == YIELDS ? 3 : 2, 2, 20000);
}

static int interrupted(void *arg) {
    struct bed *b = arg;
    atomic_fetch_add(&b->asked, 1);
    return b->answer;
}

static void make(struct bed *b, int policy) {
    memset(b, 0, sizeof *b);
    b->waiter = (struct tram__waiter){.plan = plan_of(policy),
                                      .sleeping = &b->sleeping,
                                      .epoch = &b->epoch,
                                      .control = &b->control,
                                      .interrupted = interrupted,
                                      .arg = b,
                                      .counts = &b->counts};
}

static int wait_for(struct bed *b, uint64_t target, double timeout_s) {
    return tram__wait(&b->waiter, &b->site, &b->word, target, NAME, timeout_s);
}

/* The waker's half of the protocol. */
static void arrive(struct bed *b, uint64_t value) {
    tram__store_release(&b->word, value);
    tram__fence_seq_cst(); /* F2 */
    if (tram__load32_relaxed(&b->sleeping) == NAME)
        tram__futex_wake(tram__low_half(&b->word));
}

/* ---- plans and timeouts ---- */

static void plans_follow_threads_and_cpus(void **state) {
    (void)state;
    assert_int_equal(tram__wait_plan(TRAM_WAIT_AUTO, 2, 2, 1000).yields, 0);
    assert_true(tram__wait_plan(TRAM_WAIT_AUTO, 3, 2, 1000).yields > 0);
    assert_int_equal(tram__wait_plan(TRAM_WAIT_BLOCK, 3, 2, 1000).yields, 0);
    assert_int_equal(tram__wait_plan(TRAM_WAIT_SPIN, 3, 2, 1000).yields, 0);
    struct tram__wait_plan p = tram__wait_plan(TRAM_WAIT_AUTO, 2, 2, 40000);
    assert_int_equal(p.block_ticks, 40 * tram__ticks_per_us());
    assert_true(p.cap_ticks >= p.block_ticks);
}

static void deadlines(void **state) {
    (void)state;
    uint64_t now = tram__now_ns();
    assert_true(tram__deadline_ns(-1) == UINT64_MAX);
    assert_true(tram__deadline_ns(1e300) == UINT64_MAX);
    assert_true(tram__deadline_ns(0.0 / 0.0) == UINT64_MAX);
    assert_true(tram__deadline_ns(0) >= now);
    assert_true(tram__deadline_ns(2.5) >= now + 2500000000u);
    assert_true(tram__deadline_ns(2.5) < now + 3600000000000u);
}

static void what_is_there_needs_no_wait(void **state) {
    (void)state;
    for (int policy = 0; policy < POLICIES; policy++) {
        struct bed b;
        make(&b, policy);
        tram__store_release(&b.word, 7);
        assert_int_equal(wait_for(&b, 7, 0), 0);
        assert_int_equal(wait_for(&b, 3, -1), 0);
        assert_int_equal(wait_for(&b, 8, 0), TRAM_ERR_TIMED_OUT);
        assert_int_equal(b.counts.sleeps, 0);
        assert_int_equal(b.asked, 0);
    }
}

static void timeouts_pass(void **state) {
    (void)state;
    for (int policy = 0; policy < POLICIES; policy++) {
        struct bed b;
        make(&b, policy);
        uint64_t t0 = tram__now_ns();
        assert_int_equal(wait_for(&b, 1, SOON_S), TRAM_ERR_TIMED_OUT);
        assert_true(tram__now_ns() - t0 >= (uint64_t)(SOON_S * 1e9));
        assert_int_equal(wait_for(&b, 1, 1e-9), TRAM_ERR_TIMED_OUT);
        assert_int_equal(b.sleeping, 0);
        if (policy == SPINS)
            assert_int_equal(b.counts.sleeps, 0);
        else
            assert_true(b.counts.sleeps >= 1);
    }
}

/* ---- being woken and interrupted ---- */

/* What another thread does to a waiter: waits until it sleeps, or a moment if it never does, then acts. */
struct other {
    struct bed *b;
    int policy;
    void (*act)(struct bed *b);
    pthread_t thread;
};

static void *act_later(void *arg) {
    struct other *o = arg;
    while (o->policy != SPINS && tram__load32_relaxed(&o->b->sleeping) != NAME)
        tram__test_sleep_us(20);
    tram__test_sleep_us(2000);
    o->act(o->b);
    return NULL;
}

static int wait_while(struct bed *b, int policy, void (*act)(struct bed *b)) {
    struct other o = {.b = b, .policy = policy, .act = act};
    unsigned lost = tram__test_lost_wakes();
    assert_int_equal(pthread_create(&o.thread, NULL, act_later, &o), 0);
    int status = wait_for(b, 1, policy % 2 ? -1 : 3 * TRAM__TEST_LONG_S);
    pthread_join(o.thread, NULL);
    assert_int_equal(tram__test_lost_wakes(), lost);
    assert_int_equal(b->sleeping, 0);
    return status;
}

static void send_it(struct bed *b) {
    arrive(b, 1);
}

static void arrival_ends_the_wait(void **state) {
    (void)state;
    for (int policy = 0; policy < POLICIES; policy++) {
        struct bed b;
        make(&b, policy);
        assert_int_equal(wait_while(&b, policy, send_it), 0);
        assert_int_equal(b.counts.sleeps, policy == SPINS ? 0 : 1);
        assert_int_equal(b.counts.yields > 0, policy == YIELDS);
        assert_int_equal(b.asked, 0);
    }
}

static void change_epoch(struct bed *b) {
    tram__store32_release(&b->epoch, 1);
    tram__futex_wake(&b->epoch);
}

static void change_control(struct bed *b) {
    tram__store32_release(&b->control, 1);
    tram__futex_wake(&b->control);
}

static void epoch_and_control_interrupt(void **state) {
    (void)state;
    void (*const acts[])(struct bed *) = {change_epoch, change_control};
    for (int policy = 0; policy < POLICIES; policy++) {
        for (int i = 0; i < 2; i++) {
            struct bed b;
            make(&b, policy);
            b.answer = TRAM_ERR_PEER_DEAD;
            assert_int_equal(wait_while(&b, policy, acts[i]), TRAM_ERR_PEER_DEAD);
            assert_int_equal(b.asked, 1);
            assert_int_equal(b.waiter.epoch_seen, i == 0);
            assert_int_equal(b.waiter.control_seen, i == 1);
            assert_int_equal(wait_for(&b, 1, 0), TRAM_ERR_TIMED_OUT); /* seen once, not again */
        }
    }
}

static void a_change_before_the_wait_interrupts_it(void **state) {
    (void)state;
    const double timeouts[] = {0, SOON_S, -1};
    for (int policy = 0; policy < POLICIES; policy++) {
        for (int i = 0; i < 3; i++) {
            struct bed b;
            make(&b, policy);
            b.answer = TRAM_ERR_TORN_DOWN;
            change_control(&b);
            assert_int_equal(wait_for(&b, 1, timeouts[i]), TRAM_ERR_TORN_DOWN);
            assert_int_equal(b.sleeping, 0);
        }
    }
}

static void no_control_is_fine(void **state) {
    (void)state;
    for (int policy = 0; policy < POLICIES; policy++) {
        struct bed b;
        make(&b, policy);
        b.waiter.control = NULL;
        assert_int_equal(wait_while(&b, policy, send_it), 0);
        assert_int_equal(wait_for(&b, 2, SOON_S), TRAM_ERR_TIMED_OUT);
        b.answer = TRAM_ERR_PEER_DEAD;
        tram__store_release(&b.word, 0);
        assert_int_equal(wait_while(&b, policy, change_epoch), TRAM_ERR_PEER_DEAD);
    }
}

static void change_then_send(struct bed *b) {
    change_epoch(b);
    while (!atomic_load(&b->asked))
        tram__test_sleep_us(20);
    tram__test_sleep_us(1000);
    arrive(b, 1);
}

static void an_interruption_may_be_none_of_ours(void **state) {
    (void)state;
    for (int policy = 0; policy < POLICIES; policy++) {
        struct bed b;
        make(&b, policy);
        assert_int_equal(wait_while(&b, policy, change_then_send), 0);
        assert_int_equal(b.asked, 1);
    }
}

/* ---- what a site learns ---- */

/* A wait of `us` at a site, as a thread that spins and then sleeps lives through it. */
static uint64_t budget_after(const struct tram__wait_plan *plan, struct tram__site *site, uint64_t us) {
    struct tram__spin s;
    uint64_t until = tram__now_ns() + us * 1000;
    bool slept = false;
    tram__spin_begin(&s, plan, site, false);
    while (tram__now_ns() < until)
        for (int i = 0; i < 32; i++) /* the clock alone would leave too few polls to learn from */
            slept = slept || !tram__spin_more(&s);
    tram__spin_end(&s, slept);
    return site->budget_ticks;
}

static void budgets_follow_the_waits(void **state) {
    (void)state;
    struct tram__wait_plan plan = tram__wait_plan(TRAM_WAIT_AUTO, 2, 2, 10000);
    struct tram__site site = {0};
    uint64_t us = tram__ticks_per_us(), budget = 0;
    for (int i = 0; i < 60; i++) { /* far beyond what is worth a spin */
        budget = budget_after(&plan, &site, 1500);
        assert_true(budget <= plan.cap_ticks);
    }
    assert_true(budget > 0);
    assert_true(budget < plan.cap_ticks / 8);
    uint64_t low = budget;
    for (int i = 0; i < 200 && budget < 60 * us; i++) /* within it; a busy machine spoils some */
        budget = budget_after(&plan, &site, 60);
    assert_true(budget > low && budget >= 60 * us);
    assert_true(budget <= plan.cap_ticks);
    for (int i = 0; i < 2000 && budget > 40 * us; i++)
        budget = budget_after(&plan, &site, 15);
    assert_true(budget <= 40 * us); /* short waits need little */
}

static void blocking_learns_nothing(void **state) {
    (void)state;
    struct tram__wait_plan plan = tram__wait_plan(TRAM_WAIT_BLOCK, 2, 2, 10000);
    struct tram__site site = {0};
    assert_int_equal(budget_after(&plan, &site, 100), 0);
}

/* A wait in which the word has come after so many polls; whether all of it was spent awake. */
static bool awake_for(const struct tram__wait_plan *plan, struct tram__site *site, unsigned polls) {
    struct tram__spin s;
    bool more = true;
    tram__spin_begin(&s, plan, site, false);
    for (unsigned i = 0; i < polls && more; i++)
        more = tram__spin_more(&s);
    tram__spin_end(&s, !more);
    return more;
}

static void long_yields_are_slept_through(void **state) {
    (void)state;
    enum { POLLS = 3 }; /* with two yields */
    struct tram__wait_plan plan = tram__wait_plan(TRAM_WAIT_AUTO, 3, 2, 1);
    struct tram__site site = {0};
    plan.block_ticks = 0; /* every yield is longer than that */
    awake_for(&plan, &site, POLLS);
    assert_int_equal(site.naps, 0); /* one may be an accident */
    for (unsigned naps = 16; naps <= 1024; naps *= 4) {
        awake_for(&plan, &site, POLLS);
        assert_int_equal(site.naps, naps);
        for (unsigned i = 0; i < naps; i++)
            assert_false(awake_for(&plan, &site, POLLS));
        assert_int_equal(site.naps, 0);
    }
    awake_for(&plan, &site, POLLS);
    assert_int_equal(site.naps, 1024); /* the most */
    while (site.naps)
        awake_for(&plan, &site, POLLS);
    plan.block_ticks = UINT64_MAX / 64; /* and now none is */
    for (unsigned dozed = 512; site.dozed; dozed /= 2) {
        assert_true(awake_for(&plan, &site, POLLS));
        assert_int_equal(site.dozed, dozed);
        assert_int_equal(site.naps, 0);
    }
}

static void most_yields_are_not_timed(void **state) {
    (void)state;
    struct tram__wait_plan plan = tram__wait_plan(TRAM_WAIT_AUTO, 3, 2, 1000000);
    struct tram__site site = {0};
    struct tram__spin s;
    for (int i = 0; i < 64; i++) {
        tram__spin_begin(&s, &plan, &site, false);
        while (!s.yields)
            assert_true(tram__spin_more(&s));
        assert_int_equal(s.yielded != 0, i % 16 == 0);
        tram__spin_end(&s, true);
    }
}

/* ---- no wake is lost ---- */

enum { SLEEP_ONE_IN = 2000, DIRTY_LINES = 48 };

struct game {
    struct bed beds[2];
    /* Each side writes all of these before it wakes the other. As the other just did so too, the stores take long to
     * leave the store buffer, and the word behind them: the window that F2 closes. */
    struct {
        _Alignas(TRAM__LINE) uint64_t word;
    } dirty[DIRTY_LINES];
    uint64_t rounds, seed;
};

/* Each waits for the other's number and answers with the next. */
static int play(void *arg, unsigned self) {
    struct game *g = arg;
    struct bed *own = &g->beds[self], *peer = &g->beds[1 - self];
    uint64_t random = g->seed + self;
    for (uint64_t n = 1; n <= g->rounds; n++) {
        for (unsigned half = 0; half < 2; half++) {
            if (half != self) {
                CHECK(wait_for(own, n, 2 * TRAM__TEST_LONG_S) == 0);
                CHECK(tram__load32_relaxed(&own->sleeping) == 0);
                continue;
            }
            uint64_t r = tram__test_random(&random);
            if (r % 16 == 0)
                tram__test_stall(&random, SLEEP_ONE_IN / 16);
            for (uint64_t i = 0; i < (r >> 8) % 64; i++) /* so as to meet the other on its way to sleep */
                tram__pause();
            for (unsigned i = 0; i < (r >> 32) % (DIRTY_LINES + 1); i++)
                g->dirty[i].word = n;
            arrive(peer, n);
        }
    }
    return 0;
}

static void no_wake_is_lost(void **state) {
    (void)state;
    static const struct {
        int policies[2];
        uint64_t rounds;
    } games[] = {
        {{BLOCKS, SPINS}, 200000}, {{BLOCKS, BLOCKS}, 20000}, {{SPINS, SPINS}, 2000},
        {{AUTOS, AUTOS}, 20000},   {{YIELDS, YIELDS}, 50000}, {{BLOCKS, YIELDS}, 10000},
    };
    for (size_t i = 0; i < sizeof games / sizeof *games; i++) {
        static struct game g;
        memset(&g, 0, sizeof g);
        g.seed = tram__test_seed() + i;
        g.rounds = games[i].rounds / (TRAM__TEST_SANITIZED ? 10 : 1);
        make(&g.beds[0], games[i].policies[0]);
        make(&g.beds[1], games[i].policies[1]);
        uint64_t t0 = tram__now_ns();
        assert_int_equal(tram__test_run(TRAM__TEST_THREADS, 2, play, &g), 0);
        printf("game %zu: %llu rounds, %.2f s, %llu sleeps\n", i, (unsigned long long)g.rounds,
               (double)(tram__now_ns() - t0) / 1e9,
               (unsigned long long)(g.beds[0].counts.sleeps + g.beds[1].counts.sleeps));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plans_follow_threads_and_cpus),
        cmocka_unit_test(deadlines),
        cmocka_unit_test(what_is_there_needs_no_wait),
        cmocka_unit_test(timeouts_pass),
        cmocka_unit_test(arrival_ends_the_wait),
        cmocka_unit_test(epoch_and_control_interrupt),
        cmocka_unit_test(a_change_before_the_wait_interrupts_it),
        cmocka_unit_test(no_control_is_fine),
        cmocka_unit_test(an_interruption_may_be_none_of_ours),
        cmocka_unit_test(budgets_follow_the_waits),
        cmocka_unit_test(blocking_learns_nothing),
        cmocka_unit_test(long_yields_are_slept_through),
        cmocka_unit_test(most_yields_are_not_timed),
        cmocka_unit_test(no_wake_is_lost),
    };
    return cmocka_run_group_tests_name("wait", tests, NULL, NULL);
}
