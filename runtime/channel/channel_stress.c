/* SPDX-License-Identifier: Apache-2.0
 *
 * Millions of messages between two processes, in rounds. Each round draws from the seed how many slots there
 * are, how large messages get, how both sides wait and how often they stall. TRAM_STRESS_MESSAGES sets how
 * many in all, TRAM_TEST_SEED repeats a failure.
 */
#include "channel/channel_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct round {
    uint64_t seed, messages;
    unsigned sleep_one_in; /* stalls of each side */
    bool stalls;
};

/* Both sides draw the same sizes. Mostly small ones, where an execution costs least and races most. */
static uint64_t next_size(uint64_t *sizes, uint64_t capacity) {
    uint64_t r = tram__test_random(sizes);
    uint64_t most = r % 16 && capacity > 160 ? 160 : capacity;
    return (r >> 8) % (most + 1);
}

static int play(struct tram__rig_view *v) {
    const struct round *r = v->arg;
    uint64_t sizes = r->seed, stalls = r->seed + v->self + 1;
    uint64_t capacity = v->plan->channels[0].capacity;
    for (uint64_t n = 1; n <= r->messages; n++) {
        uint64_t size = next_size(&sizes, capacity);
        if (r->stalls)
            tram__test_stall(&stalls, r->sleep_one_in);
        if (v->self == 0) {
            CHECK(tram__rig_send(v, 0, n, size, r->seed) == 0);
            continue;
        }
        struct tram__message m;
        CHECK(tram__rig_read(v, 0, n, 2 * TRAM__TEST_LONG_S, &m) == TRAM_OK);
        CHECK(m.size == size && m.status == 0);
        if (r->stalls)
            tram__test_stall(&stalls, r->sleep_one_in);
        CHECK(tram__test_filled(m.data, size, r->seed, n));
        tram__rig_release(v, 0, n);
    }
    CHECK(tram__load32_relaxed(v->waiter.sleeping) == 0);
    return 0;
}

static void ten_million_messages_arrive(void **state) {
    (void)state;
    static const uint32_t slots[] = {1, 2, 3, 8, 10, 64};
    static const uint64_t capacities[] = {8, 104, 160, 1000, 5000};
    static const char *const names[] = {"auto", "auto, yielding", "block"};
    uint64_t seed = tram__test_seed(), random = seed, round_number = 0;
    uint64_t left = tram__test_setting("TRAM_STRESS_MESSAGES", TRAM__TEST_SANITIZED ? 300000 : 10000000);
    uint64_t per_round = left / 15 + 1;
    while (left) {
        uint64_t draw = tram__test_random(&random);
        unsigned policy = round_number % 3;
        uint32_t k = slots[draw % 6];
        /* What sleeps for every message, or may when other processes want the CPUs too, gets fewer of them. */
        static const uint64_t many[] = {4, 1, 16}, few[] = {32, 8, 32};
        uint64_t share = (k < 8 ? few : many)[policy];
        struct round r = {.seed = tram__test_random(&random) | 1,
                          .messages = per_round / share + 1,
                          .stalls = (draw >> 40) % 4 != 0,
                          .sleep_one_in = (draw >> 48) % 2 ? 20000 : 100000};
        if (r.messages > left)
            r.messages = left;
        struct tram__rig_plan plan = {
            .ops = &tram__channel_shm,
            .participants = 2,
            .slots = k,
            .channel_count = 1,
            .channels = {{.capacity = capacities[(draw >> 8) % 5], .reader_count = 1, .readers = {1}}}};
        plan.wait = tram__wait_plan(policy == 2 ? TRAM_WAIT_BLOCK : TRAM_WAIT_AUTO, policy == 1 ? 9 : 1, 2,
                                    (draw >> 16) % 2 ? 10000 : 40000);
        uint64_t t0 = tram__now_ns();
        unsigned failed =
            tram__rig_run(&plan, TRAM__TEST_TSAN ? TRAM__TEST_THREADS : TRAM__TEST_PROCESSES, play, &r);
        printf("round %llu: %llu messages, %u slots, up to %llu bytes, %s%s: %.2f s\n",
               (unsigned long long)round_number, (unsigned long long)r.messages, plan.slots,
               (unsigned long long)plan.channels[0].capacity, names[policy], r.stalls ? ", stalling" : "",
               (double)(tram__now_ns() - t0) / 1e9);
        if (failed)
            fail_msg("round %llu failed; repeat with TRAM_TEST_SEED=%llu", (unsigned long long)round_number,
                     (unsigned long long)seed);
        left -= r.messages;
        round_number++;
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(ten_million_messages_arrive)};
    if (TRAM__TEST_TSAN)
        printf("between threads: ThreadSanitizer does not see across processes\n");
    return cmocka_run_group_tests_name("channel stress", tests, NULL, NULL);
}
