/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/settings.h"

static const size_t sizes[] = {1, 3, 4, 7, 8, 9, 12, 13, 16, 4096, 4097, 1 << 20};

/* What a receiver does. */
static struct tram_receipt take(const unsigned char *tensor, size_t bytes, const struct tram_order *part) {
    struct tram_receipt r = {.part = part->stamp};
    size_t end = tram_order_stamp_at(bytes);
    unsigned char *wanted = malloc(bytes);
    tram_order_fill(wanted, bytes, part->stamp);
    memcpy(&r.stamp, tensor + end, bytes - end);
    r.wrong = memcmp(tensor, wanted, end) != 0;
    free(wanted);
    return r;
}

static void every_byte_counts(void **state) {
    char why[64];
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct tram_order o = tram_order_make(1, 5, sizes[i], true),
                          other = tram_order_make(1, 6, sizes[i], true);
        unsigned char *tensor = malloc(sizes[i]);
        tram_order_fill(tensor, sizes[i], o.stamp);
        struct tram_receipt r = take(tensor, sizes[i], &o);
        assert_true(tram_order_met(&r, &o, why, sizeof why));
        for (size_t at = 0; at < sizes[i]; at += 1 + sizes[i] / 20) {
            tensor[at] ^= 1;
            r = take(tensor, sizes[i], &o);
            assert_false(tram_order_met(&r, &o, why, sizeof why));
            tensor[at] ^= 1;
        }
        r = take(tensor, sizes[i], &other);
        assert_false(tram_order_met(&r, &o, why, sizeof why)); /* another one's CPU part */
        r = take(tensor, sizes[i], &o);
        assert_false(tram_order_met(&r, &other, why, sizeof why));
        free(tensor);
    }
}

static void shapes(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct tram_tensor t = tram_order_tensor(sizes[i]);
        assert_int_equal(tram_tensor_bytes(&t), sizes[i]);
        assert_int_equal(t.dtype, sizes[i] % 4 ? TRAM_U8 : TRAM_F32);
    }
}

static void devices_in_turn(void **state) {
    static const struct tram_devices none = {.count = 0}, one = {{"host"}, 1},
                                     some = {{"cpu", "host:1", "cuda"}, 3};
    (void)state;
    assert_null(tram_device_of(&none, 0));
    assert_string_equal(tram_device_of(&one, 0), "host");
    assert_string_equal(tram_device_of(&one, 7), "host");
    assert_null(tram_device_of(&some, 0));
    assert_string_equal(tram_device_of(&some, 1), "host:1");
    assert_string_equal(tram_device_of(&some, 2), "cuda");
    assert_string_equal(tram_device_of(&some, 3), "host:1");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_counts),
        cmocka_unit_test(shapes),
        cmocka_unit_test(devices_in_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
