/* SPDX-License-Identifier: Apache-2.0 */
#include "channel/channel_contract.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void backends_are_found_by_name(void **state) {
    (void)state;
    assert_ptr_equal(tram__channel_backend("shm"), &tram__channel_shm);
    assert_ptr_equal(tram__channel_backend("fault"), &tram__channel_fault);
    assert_null(tram__channel_backend("carrier pigeon"));
    assert_int_equal(tram_last_error()->status, TRAM_ERR_INVALID);
    assert_string_equal(tram_last_error()->text, "there is no channel backend 'carrier pigeon'");
}

/* ---- shm's own layout ---- */

static void shm_measures_lines_and_extents(void **state) {
    (void)state;
    struct tram__channel_need need;
    const struct {
        struct tram__channel_shape shape;
        uint64_t lines, extent;
    } cases[] = {
        {{1, 1}, 128, 0},
        {{104, 5}, 640, 0},
        {{105, 5}, 640, 20480},
        {{4096, 2}, 256, 8192},
        {{4097, 2}, 256, 16384},
        {{TRAM_MAX_BYTES, TRAM_MAX_INFLIGHT}, 524288, TRAM_MAX_BYTES * TRAM_MAX_INFLIGHT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tram__channel_shm.measure(&cases[i].shape, &need);
        assert_int_equal(need.writer_lines, cases[i].lines);
        assert_int_equal(need.writer_extent, cases[i].extent);
        assert_int_equal(need.reader_lines, TRAM__LINE);
    }
}

/* Payloads up to 104 bytes travel in the slot, larger ones in the extent; kind 3 does not exist. */
static int play_kinds(struct tram__rig_view *v) {
    struct tram__message m;
    if (v->self == 0) {
        CHECK(tram__rig_send(v, 0, 1, 104, 1) == 0);
        CHECK(tram__rig_send(v, 0, 2, 105, 1) == 0);
        CHECK(tram__rig_send(v, 0, 3, 10, 1) == 0);
        unsigned char *slot = (unsigned char *)v->writers[0].lines + (size_t)TRAM__LINE * 3;
        tram__store_relaxed((tram__word64 *)(void *)(slot + 104), 10 << 10 | 3);
        tram__rig_step(v, 1);
        return 0;
    }
    CHECK(tram__rig_await(v, 0, 1) == 0);
    CHECK(tram__rig_read(v, 0, 1, 0, &m) == TRAM_OK);
    CHECK(m.forward == 0 &&
          (const unsigned char *)m.data == (const unsigned char *)v->readers[0].lines + 128);
    CHECK(tram__rig_read(v, 0, 2, 0, &m) == TRAM_OK);
    CHECK(m.forward == 1 &&
          (const unsigned char *)m.data == (const unsigned char *)v->readers[0].extent + 8192);
    CHECK(tram__rig_read(v, 0, 3, 0, &m) == TRAM_ERR_PROTOCOL);
    CHECK(strcmp(tram_last_error()->text, "channel 0: its writer published a payload of kind 3") == 0);
    return 0;
}

static void shm_puts_small_payloads_in_the_slot(void **state) {
    (void)state;
    struct tram__rig_plan plan = {.ops = &tram__channel_shm,
                                  .wait = tram__wait_plan(TRAM_WAIT_AUTO, 1, 2, 20000),
                                  .participants = 2,
                                  .slots = 4,
                                  .channel_count = 1,
                                  .channels = {{.capacity = 105, .reader_count = 1, .readers = {1}}}};
    assert_int_equal(tram__rig_run(&plan, TRAM__TEST_THREADS, play_kinds, NULL), 0);
}

/* ---- the fault backend's own ---- */

static int play_break(struct tram__rig_view *v) {
    struct tram__message m;
    for (uint64_t n = 1; n <= 2; n++) {
        if (v->self == 0)
            CHECK(tram__rig_send(v, 0, n, 30, 1) == 0);
        else
            CHECK(tram__rig_read(v, 0, n, TRAM__TEST_LONG_S, &m) == (n == 2 ? TRAM_ERR_PROTOCOL : TRAM_OK));
    }
    return v->self && strcmp(tram_last_error()->text, "channel 0: broken on purpose at message 2");
}

static void fault_breaks_where_it_was_told(void **state) {
    (void)state;
    struct tram__rig_plan plan = {.ops = &tram__channel_fault,
                                  .wait = tram__wait_plan(TRAM_WAIT_AUTO, 1, 2, 20000),
                                  .participants = 2,
                                  .slots = 2,
                                  .channel_count = 1,
                                  .channels = {{.capacity = 64, .reader_count = 1, .readers = {1}}}};
    tram__channel_fault_set(&(struct tram__fault){.break_at = 2});
    assert_int_equal(tram__rig_run(&plan, TRAM__TEST_THREADS, play_break, NULL), 0);
}

int main(void) {
    const struct CMUnitTest own[] = {
        cmocka_unit_test(backends_are_found_by_name),
        cmocka_unit_test(shm_measures_lines_and_extents),
        cmocka_unit_test(shm_puts_small_payloads_in_the_slot),
        cmocka_unit_test(fault_breaks_where_it_was_told),
    };
    int failed = cmocka_run_group_tests_name("backends", own, NULL, NULL);
    tram__channel_fault_set(&(struct tram__fault){.seed = tram__test_seed(), .stall_one_in = 6});
    for (size_t i = 0; tram__channel_backends[i]; i++) {
        failed += tram__channel_contract(tram__channel_backends[i], TRAM__TEST_THREADS);
        if (TRAM__TEST_TSAN)
            printf("skipped between processes: ThreadSanitizer does not see across them\n");
        else
            failed += tram__channel_contract(tram__channel_backends[i], TRAM__TEST_PROCESSES);
    }
    return failed != 0;
}
