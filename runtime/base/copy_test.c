/* SPDX-License-Identifier: Apache-2.0 */
#include "base/copy.h"

#include "base/test_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { GUARD = 512, STREAMED = 24 << 20 /* where copy.c begins to stream */, MOST = STREAMED + 4096 };

static unsigned char *from, *to;

static int set_up(void **state) {
    (void)state;
    from = malloc(MOST + 2 * GUARD);
    to = malloc(MOST + 2 * GUARD);
    if (!from || !to)
        return 1;
    tram__test_fill(from, MOST + 2 * GUARD, tram__test_seed(), 1);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    free(from);
    free(to);
    return 0;
}

/* Copies between two alignments, and looks at what came and at what lies around it. */
static void copy_one(size_t size, size_t to_at, size_t from_at) {
    unsigned char guard[GUARD];
    memset(guard, 0xA5, sizeof guard);
    unsigned char *target = to + GUARD + to_at;
    memset(target - GUARD, 0xA5, GUARD);
    memset(target + size, 0xA5, GUARD - to_at);
    tram__copy(target, from + from_at, size);
    assert_int_equal(memcmp(target, from + from_at, size), 0);
    assert_int_equal(memcmp(target - GUARD, guard, GUARD), 0);
    assert_int_equal(memcmp(target + size, guard, GUARD - to_at), 0);
}

static void small_sizes(void **state) {
    (void)state;
    for (size_t size = 0; size < 600; size++)
        for (size_t at = 0; at < 8; at++)
            copy_one(size, at * 9 % 64, at * 7 % 64);
    tram__copy(NULL, NULL, 0);
}

static void around_the_threshold(void **state) {
    (void)state;
    const int offsets[] = {-1, 0, 1, 15, 63, 64, 65, 255, 256, 257, 4000};
    const size_t alignments[][2] = {{0, 0}, {1, 0}, {0, 1}, {63, 17}, {32, 32}};
    for (size_t i = 0; i < sizeof offsets / sizeof *offsets; i++)
        for (size_t k = 0; k < sizeof alignments / sizeof *alignments; k++)
            copy_one((size_t)(STREAMED + offsets[i]), alignments[k][0], alignments[k][1]);
}

static void every_alignment_streams(void **state) {
    (void)state;
    for (size_t at = 0; at < 64; at += 3)
        copy_one(STREAMED + 129, at, 64 - at);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_sizes),
        cmocka_unit_test(around_the_threshold),
        cmocka_unit_test(every_alignment_streams),
    };
    return cmocka_run_group_tests_name("copy", tests, set_up, tear_down);
}
