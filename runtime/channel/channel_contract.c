/* SPDX-License-Identifier: Apache-2.0
 *
 * Each test is a plan, and one role that every participant runs, branching on who it is. Participants order
 * themselves by steps, which do not pass through the channel under test.
 */
#include "channel/channel_contract.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SOON_S 0.02
#define LONG_S TRAM__TEST_LONG_S

struct variant {
    const struct tram__channel_ops *ops;
    enum tram__test_mode mode;
    struct tram__wait_plan wait;
};

/* One channel from participant 0 to the `readers` that follow. */
static struct tram__rig_plan star(const struct variant *x, uint32_t readers, uint32_t slots,
                                  uint64_t capacity) {
    struct tram__rig_plan plan = {.ops = x->ops,
                                  .wait = x->wait,
                                  .participants = 1 + readers,
                                  .slots = slots,
                                  .channel_count = 1,
                                  .channels = {{.capacity = capacity, .reader_count = readers}}};
    for (uint32_t i = 0; i < readers; i++)
        plan.channels[0].readers[i] = i + 1;
    return plan;
}

/* Channel i from participant i to i + 1, each passing on what came by the one before. */
static struct tram__rig_plan forwarding_chain(const struct variant *x, uint32_t channels, uint32_t slots,
                                              uint64_t capacity) {
    struct tram__rig_plan plan = {.ops = x->ops,
                                  .wait = x->wait,
                                  .participants = channels + 1,
                                  .slots = slots,
                                  .channel_count = channels};
    for (uint32_t c = 0; c < channels; c++) {
        plan.channels[c] = (struct tram__rig_channel){
            .writer = c, .capacity = capacity, .reader_count = 1, .readers = {c + 1}};
        for (uint32_t carrier = c + 1; carrier < channels; carrier++)
            plan.channels[c].carriers[plan.channels[c].carrier_count++] = carrier;
    }
    return plan;
}

static void expect_success(const struct variant *x, const struct tram__rig_plan *plan,
                           int (*role)(struct tram__rig_view *v)) {
    assert_int_equal(tram__rig_run(plan, x->mode, role, NULL), 0);
}

static int expect_message(struct tram__rig_view *v, uint32_t c, uint64_t n, uint64_t size, uint64_t seed) {
    struct tram__message m;
    CHECK(tram__rig_read(v, c, n, 2 * LONG_S, &m) == TRAM_OK);
    CHECK(m.size == size && m.status == 0);
    CHECK(tram__test_filled(m.data, size, seed, n));
    return 0;
}

/* ---- order and content ---- */

static uint64_t size_of_message(uint64_t n, uint64_t capacity) {
    static const uint64_t sizes[] = {0, 1, 103, 104, 105, 4095, 4096, 4097, UINT64_MAX};
    uint64_t size = sizes[n % (sizeof sizes / sizeof *sizes)];
    return size < capacity ? size : capacity;
}

static int play_sizes(struct tram__rig_view *v) {
    uint64_t capacity = v->plan->channels[0].capacity;
    for (uint64_t n = 1; n <= 600; n++) {
        uint64_t size = size_of_message(n, capacity);
        if (v->self == 0) {
            CHECK(tram__rig_send(v, 0, n, size, 7) == 0);
        } else {
            CHECK(expect_message(v, 0, n, size, 7) == 0);
            tram__rig_release(v, 0, n);
        }
    }
    return 0;
}

static void every_size_arrives_in_order(void **state) {
    const uint64_t capacities[] = {1, 64, 104, 105, 4096, 10000};
    for (size_t i = 0; i < sizeof capacities / sizeof *capacities; i++) {
        struct tram__rig_plan plan = star(*state, 1, 3, capacities[i]);
        expect_success(*state, &plan, play_sizes);
    }
}

static void one_slot_is_enough(void **state) {
    struct tram__rig_plan plan = star(*state, 1, 1, 5000);
    expect_success(*state, &plan, play_sizes);
}

static void several_readers_each_get_everything(void **state) {
    struct tram__rig_plan plan = star(*state, 3, 4, 5000);
    expect_success(*state, &plan, play_sizes);
}

static int play_failures(struct tram__rig_view *v) {
    static const char text[] = "why the task failed";
    const uint64_t sizes[] = {sizeof text, 0, 3000};
    for (uint64_t n = 1; n <= 3; n++) {
        uint64_t size = sizes[n - 1];
        struct tram__message m = {
            .size = size, .status = n == 2 ? INT32_MIN : -10, .origin = 41 + (uint32_t)n};
        if (v->self == 0) {
            CHECK(tram__rig_loan(v, 0, n, LONG_S) == TRAM_OK);
            void *room = v->plan->ops->room(&v->writers[0], (uint32_t)(n % v->plan->slots), size);
            memset(room, 0, size);
            memcpy(room, text, size < sizeof text ? size : sizeof text);
            m.data = room;
            tram__rig_publish(v, 0, n, &m);
        } else {
            struct tram__message got;
            CHECK(tram__rig_read(v, 0, n, LONG_S, &got) == TRAM_OK);
            CHECK(got.status == m.status && got.origin == m.origin && got.size == size);
            CHECK(size == 0 || strcmp(got.data, text) == 0);
            tram__rig_release(v, 0, n);
        }
    }
    return 0;
}

static void status_and_origin_are_carried(void **state) {
    struct tram__rig_plan plan = star(*state, 1, 2, 4000);
    expect_success(*state, &plan, play_failures);
}

/* ---- the window ---- */

enum { WINDOW = 3 };

static int play_window(struct tram__rig_view *v) {
    if (v->self == 0) {
        for (uint64_t n = 1; n <= WINDOW; n++)
            CHECK(tram__rig_send(v, 0, n, 200, 1) == 0);
        CHECK(tram__rig_loan(v, 0, WINDOW + 1, 0) == TRAM_ERR_TIMED_OUT);
        tram__rig_step(v, 1);
        CHECK(tram__rig_await(v, 1, 1) == 0); /* it has read, not released */
        CHECK(tram__rig_loan(v, 0, WINDOW + 1, SOON_S) == TRAM_ERR_TIMED_OUT);
        tram__rig_step(v, 2);
        CHECK(tram__rig_send(v, 0, WINDOW + 1, 200, 1) == 0);
        CHECK(tram__rig_loan(v, 0, WINDOW + 2, 0) == TRAM_ERR_TIMED_OUT);
        tram__rig_step(v, 3);
        CHECK(tram__rig_send(v, 0, WINDOW + 2, 200, 1) == 0); /* asleep until message 3 is released */
        CHECK(tram__rig_loan(v, 0, WINDOW + 3, SOON_S) == TRAM_OK);
        CHECK(tram__rig_loan(v, 0, WINDOW + 4, SOON_S) == TRAM_ERR_TIMED_OUT);
        tram__rig_step(v, 4);
        return 0;
    }
    CHECK(tram__rig_await(v, 0, 1) == 0);
    for (uint64_t n = 1; n <= WINDOW; n++)
        CHECK(expect_message(v, 0, n, 200, 1) == 0);
    tram__rig_step(v, 1);
    CHECK(tram__rig_await(v, 0, 2) == 0);
    for (uint64_t n = 1; n <= WINDOW; n++) /* still what they were */
        CHECK(expect_message(v, 0, n, 200, 1) == 0);
    tram__rig_release(v, 0, 1);
    CHECK(tram__rig_await(v, 0, 3) == 0);
    CHECK(tram__rig_await_sleep(v, 0, tram__name_of_ack(0)) == 0);
    tram__rig_release(v, 0, 3); /* 2 and 3 in one */
    return tram__rig_await(v, 0, 4);
}

static void the_window_blocks_and_resumes(void **state) {
    struct tram__rig_plan plan = star(*state, 1, WINDOW, 4000);
    expect_success(*state, &plan, play_window);
}

/* Reader 2 is slow: reader 1 gets no further than the window, and then both get on. */
static int play_slow_reader(struct tram__rig_view *v) {
    struct tram__message m;
    if (v->self == 0) {
        for (uint64_t n = 1; n <= 10 * WINDOW; n++)
            CHECK(tram__rig_send(v, 0, n, 50, 2) == 0);
        return 0;
    }
    if (v->self == 2) {
        CHECK(tram__rig_await(v, 1, 1) == 0);
        CHECK(tram__rig_await_sleep(v, 0, tram__name_of_ack(0)) == 0);
    }
    for (uint64_t n = 1; n <= 10 * WINDOW; n++) {
        if (v->self == 1 && n == WINDOW + 1) {
            CHECK(tram__rig_read(v, 0, n, SOON_S, &m) == TRAM_ERR_TIMED_OUT);
            tram__rig_step(v, 1);
        }
        CHECK(expect_message(v, 0, n, 50, 2) == 0);
        tram__rig_release(v, 0, n);
    }
    return 0;
}

static void the_slowest_reader_sets_the_pace(void **state) {
    struct tram__rig_plan plan = star(*state, 2, WINDOW, 64);
    expect_success(*state, &plan, play_slow_reader);
}

static int play_read_timeouts(struct tram__rig_view *v) {
    struct tram__message m;
    if (v->self == 1) {
        CHECK(tram__rig_read(v, 0, 1, 0, &m) == TRAM_ERR_TIMED_OUT);
        CHECK(tram__rig_read(v, 0, 1, SOON_S, &m) == TRAM_ERR_TIMED_OUT);
        tram__rig_step(v, 1);
        CHECK(expect_message(v, 0, 1, 10, 3) == 0);
        CHECK(expect_message(v, 0, 1, 10, 3) == 0); /* good until released */
        CHECK(tram__rig_read(v, 0, 2, 0, &m) == TRAM_ERR_TIMED_OUT);
        CHECK(tram__load32_relaxed(v->waiter.sleeping) == 0);
        return 0;
    }
    CHECK(tram__rig_await(v, 1, 1) == 0);
    CHECK(tram__rig_await_sleep(v, 1, tram__name_of_message(0)) == 0);
    return tram__rig_send(v, 0, 1, 10, 3);
}

static void a_read_times_out_and_then_succeeds(void **state) {
    struct tram__rig_plan plan = star(*state, 1, 2, 64);
    expect_success(*state, &plan, play_read_timeouts);
}

/* A death is announced while the reader sleeps, and seen by the writer that is about to. */
static int play_interruption(struct tram__rig_view *v) {
    struct tram__message m;
    if (v->self == 1) {
        CHECK(tram__rig_read(v, 0, 2, -1, &m) == TRAM_ERR_PEER_DEAD);
        return 0;
    }
    CHECK(tram__rig_send(v, 0, 1, 0, 1) == 0);
    CHECK(tram__rig_await_sleep(v, 1, tram__name_of_message(0)) == 0);
    tram__store32_release(&v->heads[0]->epoch, 1);
    tram__futex_wake(&v->heads[0]->epoch);
    CHECK(tram__rig_loan(v, 0, 3, -1) == TRAM_ERR_PEER_DEAD);
    return 0;
}

static void a_death_ends_every_wait(void **state) {
    struct tram__rig_plan plan = star(*state, 1, 2, 64);
    expect_success(*state, &plan, play_interruption);
}

/* ---- forwards ---- */

static int pass_on(struct tram__rig_view *v, uint64_t n) {
    struct tram__message m;
    uint32_t in = v->self - 1, out = v->self;
    CHECK(tram__rig_read(v, in, n, 2 * LONG_S, &m) == TRAM_OK);
    CHECK(m.forward == 1); /* from channel 0, however many hands it passed through */
    CHECK(tram__rig_loan(v, out, n, 2 * LONG_S) == TRAM_OK);
    tram__rig_publish(v, out, n, &m);
    tram__rig_release(v, in, n);
    return 0;
}

static int play_forwards(struct tram__rig_view *v) {
    uint32_t last = v->plan->participants - 1;
    uint64_t count = 200;
    for (uint64_t n = 1; n <= count; n++) {
        uint64_t size = 105 + n % 9000;
        if (v->self == 0) {
            CHECK(tram__rig_send(v, 0, n, size, 4) == 0);
        } else if (v->self < last) {
            CHECK(pass_on(v, n) == 0);
        } else {
            CHECK(expect_message(v, last - 1, n, size, 4) == 0);
            tram__rig_release(v, last - 1, n);
        }
    }
    return 0;
}

static void a_payload_is_read_by_reference(void **state) {
    for (uint32_t channels = 2; channels <= 4; channels++) {
        struct tram__rig_plan plan = forwarding_chain(*state, channels, 2, 10000);
        expect_success(*state, &plan, play_forwards);
    }
}

/* The reader by reference holds message 1: its slot stays taken although the middleman released it. */
static int play_held_forward(struct tram__rig_view *v) {
    if (v->self == 0) {
        CHECK(tram__rig_send(v, 0, 1, 500, 5) == 0);
        CHECK(tram__rig_await(v, 1, 1) == 0 && tram__rig_await(v, 2, 1) == 0);
        CHECK(tram__rig_loan(v, 0, 2, SOON_S) == TRAM_ERR_TIMED_OUT);
        tram__rig_step(v, 1);
        return tram__rig_send(v, 0, 2, 500, 5); /* asleep until the third party releases */
    }
    if (v->self == 1) {
        CHECK(pass_on(v, 1) == 0);
        tram__rig_step(v, 1);
        return pass_on(v, 2);
    }
    CHECK(expect_message(v, 1, 1, 500, 5) == 0);
    tram__rig_step(v, 1);
    CHECK(tram__rig_await(v, 0, 1) == 0);
    CHECK(tram__rig_await_sleep(v, 0, tram__name_of_ack(0)) == 0);
    CHECK(expect_message(v, 1, 1, 500, 5) == 0);
    tram__rig_release(v, 1, 1);
    return expect_message(v, 1, 2, 500, 5);
}

static void a_forward_holds_the_first_slot(void **state) {
    struct tram__rig_plan plan = forwarding_chain(*state, 2, 1, 500);
    expect_success(*state, &plan, play_held_forward);
}

/* ---- hostile peers ---- */

/* Participant 0 publishes what it must not; reader 1 has channel 1, in which it may pass channel 0 on. */
static const struct hostile {
    uint64_t n, size;
    uint32_t forward;
    bool beyond_slot; /* claims more than lies in the room it used */
    const char *text;
} hostile[] = {
    {3, 10, 0, false, "message out of turn 3"},
    {(UINT64_C(1) << 63) + 1, 10, 0, false, "message out of turn 9223372036854775809"},
    {1, 105, 0, true, "a short payload of size 105"},
    {1, UINT64_MAX >> 10, 0, true, "a short payload of size 18014398509481983"},
    {1, 501, 0, false, "a payload of size 501"},
    {1, UINT64_C(1) << 40, 0, false, "a payload of size 1099511627776"},
    {1, 10, 1 + 1, false, "a forward of channel 1"},
    {1, 10, 1 + 77, false, "a forward of channel 77"},
    {1, 10, UINT32_MAX, false, "a forward of channel 4294967294"},
};

static int play_hostile_writer(struct tram__rig_view *v) {
    const struct hostile *h = v->arg;
    struct tram__writer *w = &v->writers[0];
    struct tram__message m;
    if (v->self == 0) {
        m = (struct tram__message){.size = h->size, .forward = h->forward};
        m.data = v->plan->ops->room(w, 1, h->beyond_slot ? 1 : 500);
        v->plan->ops->publish(w, h->n, 1, &m);
        tram__fence_seq_cst();
        v->plan->ops->wake_readers(w, 1);
        return 0;
    }
    CHECK(v->plan->ops->read(&v->readers[0], 1, 1, LONG_S, &m) == TRAM_ERR_PROTOCOL);
    CHECK(tram_last_error()->status == TRAM_ERR_PROTOCOL);
    char text[128];
    snprintf(text, sizeof text, "channel 0: its writer published %s", h->text);
    CHECK(strcmp(tram_last_error()->text, text) == 0);
    return 0;
}

static void a_hostile_writer_is_found_out(void **state) {
    const struct variant *x = *state;
    struct tram__rig_plan plan = star(x, 1, 2, 500);
    for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++)
        assert_int_equal(tram__rig_run(&plan, x->mode, play_hostile_writer, (void *)&hostile[i]), 0);
}

/* The middleman claims more than the channel it names, or its own, has room for. */
static int play_hostile_forward(struct tram__rig_view *v) {
    struct tram__message m;
    if (v->self == 0)
        return tram__rig_send(v, 0, 1, 500, 6);
    if (v->self == 1) {
        CHECK(tram__rig_read(v, 0, 1, LONG_S, &m) == TRAM_OK);
        m.size = *(uint64_t *)v->arg;
        tram__rig_publish(v, 1, 1, &m);
        return 0;
    }
    CHECK(tram__rig_read(v, 1, 1, LONG_S, &m) == TRAM_ERR_PROTOCOL);
    CHECK(strstr(tram_last_error()->text, "channel 1: its writer published a forward of size") != NULL);
    return 0;
}

static void a_forward_keeps_within_both_limits(void **state) {
    const struct variant *x = *state;
    uint64_t too_large = 501, above_own = 301;
    struct tram__rig_plan plan = forwarding_chain(x, 2, 2, 500);
    assert_int_equal(tram__rig_run(&plan, x->mode, play_hostile_forward, &too_large), 0);
    plan.channels[1].capacity = 300;
    assert_int_equal(tram__rig_run(&plan, x->mode, play_hostile_forward, &above_own), 0);
}

static bool within(const void *data, uint64_t size, const void *base, uint64_t bytes) {
    uint64_t offset = (uint64_t)((const unsigned char *)data - (const unsigned char *)base);
    return base && offset <= bytes && size <= bytes - offset;
}

/* The writer scribbles over its lines, which are all that the readers take on trust, with valid messages in
 * between: whatever a read hands out lies where payloads lie. */
static int play_scribbler(struct tram__rig_view *v) {
    struct tram__channel_need need;
    struct tram__writer *w = &v->writers[0];
    struct tram__reader *r = &v->readers[0];
    uint64_t random = tram__test_seed() + v->self;
    v->plan->ops->measure(v->self ? &r->shape : &w->shape, &need);
    for (uint64_t round = 1; round <= 2000; round++) {
        if (v->self == 0) {
            CHECK(tram__rig_await(v, 1, round - 1) == 0);
            void *room = v->plan->ops->room(w, 1, 300);
            v->plan->ops->publish(w, 1, 1, &(struct tram__message){.data = room, .size = 300});
            tram__word32 *words = w->lines;
            for (unsigned i = 0; i < 1 + round % 4; i++) {
                uint64_t x = tram__test_random(&random);
                size_t header = (2 * TRAM__LINE - 24) / sizeof *words; /* of slot 1: the last 24 bytes */
                size_t at = header + (round % 2 ? 0 : x % 6);
                uint32_t old = tram__load32_relaxed(&words[at]);
                tram__store32_relaxed(&words[at],
                                      round % 3 ? old ^ UINT32_C(1) << (x >> 8) % 32 : (uint32_t)(x >> 16));
            }
            tram__rig_step(v, round);
            continue;
        }
        struct tram__message m;
        CHECK(tram__rig_await(v, 0, round) == 0);
        int status = v->plan->ops->read(r, 1, 1, 0, &m);
        CHECK(status == TRAM_OK || status == TRAM_ERR_PROTOCOL || status == TRAM_ERR_TIMED_OUT);
        if (status == TRAM_OK)
            CHECK(within(m.data, m.size, r->lines, need.writer_lines) ||
                  within(m.data, m.size, r->extent, need.writer_extent));
        tram__rig_step(v, round);
    }
    return 0;
}

static void a_scribbling_writer_leads_nobody_astray(void **state) {
    struct tram__rig_plan plan = star(*state, 1, 2, 500);
    expect_success(*state, &plan, play_scribbler);
}

/* Reader 1 claims to have read what was never written, then takes it back; reader 2 is honest and slow. */
static int play_hostile_reader(struct tram__rig_view *v) {
    uint64_t claim = *(uint64_t *)v->arg;
    bool alone = v->plan->participants == 2;
    if (v->self == 0) {
        CHECK(tram__rig_await(v, 1, 1) == 0);
        for (uint64_t n = 1; n <= WINDOW; n++)
            CHECK(tram__rig_send(v, 0, n, 20, 8) == 0);
        if (!alone) {
            CHECK(tram__rig_loan(v, 0, WINDOW + 1, SOON_S) == TRAM_ERR_TIMED_OUT);
            return 0;
        }
        CHECK(tram__rig_loan(v, 0, WINDOW + 1, SOON_S) == TRAM_OK); /* it spoils only what it reads */
        tram__rig_step(v, 1);
        CHECK(tram__rig_await(v, 1, 2) == 0);
        CHECK(tram__rig_loan(v, 0, 2 * WINDOW + 1, SOON_S) == TRAM_ERR_TIMED_OUT);
        return 0;
    }
    if (v->self == 2)
        return 0;
    v->plan->ops->release(&v->readers[0], claim);
    tram__rig_step(v, 1);
    if (!alone)
        return 0;
    CHECK(tram__rig_await(v, 0, 1) == 0);
    v->plan->ops->release(&v->readers[0], 1);
    tram__rig_step(v, 2);
    return 0;
}

static void acks_from_the_future_open_no_window(void **state) {
    const struct variant *x = *state;
    const uint64_t claims[] = {1000, UINT64_MAX - 1, UINT64_MAX};
    for (size_t i = 0; i < sizeof claims / sizeof *claims; i++) {
        for (uint32_t readers = 1; readers <= 2; readers++) {
            struct tram__rig_plan plan = star(x, readers, WINDOW, 64);
            assert_int_equal(tram__rig_run(&plan, x->mode, play_hostile_reader, (void *)&claims[i]), 0);
        }
    }
}

/* ---- all of it ---- */

int tram__channel_contract(const struct tram__channel_ops *ops, enum tram__test_mode mode) {
    static const struct {
        const char *name;
        enum tram_wait policy;
        unsigned threads;
    } policies[] = {
        {"spins", TRAM_WAIT_AUTO, 1}, {"yields", TRAM_WAIT_AUTO, 9}, {"blocks", TRAM_WAIT_BLOCK, 1}};
    int failed = 0;
    for (size_t i = 0; i < sizeof policies / sizeof *policies; i++) {
        struct variant x = {ops, mode, tram__wait_plan(policies[i].policy, policies[i].threads, 2, 20000)};
#define TEST(f) \
    { #f, f, NULL, NULL, &x }
        const struct CMUnitTest tests[] = {
            TEST(every_size_arrives_in_order),
            TEST(one_slot_is_enough),
            TEST(several_readers_each_get_everything),
            TEST(status_and_origin_are_carried),
            TEST(the_window_blocks_and_resumes),
            TEST(the_slowest_reader_sets_the_pace),
            TEST(a_read_times_out_and_then_succeeds),
            TEST(a_death_ends_every_wait),
            TEST(a_payload_is_read_by_reference),
            TEST(a_forward_holds_the_first_slot),
            TEST(a_hostile_writer_is_found_out),
            TEST(a_forward_keeps_within_both_limits),
            TEST(a_scribbling_writer_leads_nobody_astray),
            TEST(acks_from_the_future_open_no_window),
        };
#undef TEST
        char name[96];
        snprintf(name, sizeof name, "%s between %s, %s", ops->name,
                 mode == TRAM__TEST_THREADS ? "threads" : "processes", policies[i].name);
        failed += cmocka_run_group_tests_name(name, tests, NULL, NULL);
    }
    return failed;
}
