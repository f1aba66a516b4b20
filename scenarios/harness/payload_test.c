/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/payload.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void parts_lie_apart(void **state) {
    (void)state;
    const uint64_t sizes[] = {1, 100, 5000, 1, 4096, 4097};
    const size_t offsets[] = {0, 64, 4096, 9152, 9216, 16384};
    struct tram_layout l;
    tram_layout_make(sizes, 6, &l);
    assert_int_equal(l.count, 6);
    assert_int_equal(l.total, 1 + 100 + 5000 + 1 + 4096 + 4097);
    for (size_t i = 0; i < l.count; i++) {
        assert_int_equal(l.size[i], sizes[i]);
        assert_int_equal(l.offset[i], offsets[i]);
    }
    assert_int_equal(l.stride, 24576);
    tram_layout_make(sizes, 1, &l);
    assert_int_equal(l.stride, 64);
}

static void contents_depend_on_everything(void **state) {
    (void)state;
    const struct tram_payload p = {1, 7, 0};
    const struct tram_payload others[] = {{2, 7, 0}, {1, 8, 0}, {1, 7, 1}};
    unsigned char data[1000];
    for (size_t size = 1; size <= sizeof data; size += 37) {
        tram_payload_fill(data, size, &p);
        assert_int_equal(tram_payload_check(data, size, &p), size);
        data[size / 2] ^= 1;
        assert_int_equal(tram_payload_check(data, size, &p), size / 2);
    }
    tram_payload_fill(data, sizeof data, &p);
    for (size_t i = 0; i < 3; i++)
        assert_true(tram_payload_check(data, sizeof data, &others[i]) < sizeof data);
}

/* Large enough for a chance match of all probes to be out of the question. */
static void digest_tells_parts_apart(void **state) {
    (void)state;
    const uint64_t sizes[] = {1, 4000, 100000};
    struct tram_layout l;
    struct tram_bytes parts[TRAM_MAX_PARTS];
    struct tram_digest digest[TRAM_MAX_PARTS];
    tram_layout_make(sizes, 3, &l);
    unsigned char *data = tram_layout_alloc(l.stride);
    assert_non_null(data);
    for (size_t i = 0; i < l.count; i++)
        tram_payload_fill(data + l.offset[i], l.size[i], &(struct tram_payload){5, 9, i});
    tram_layout_parts(&l, data, parts);
    tram_digest_make(parts, l.count, digest);
    size_t whole = l.count * sizeof *digest;
    assert_int_equal(tram_digest_check(digest, &l, 5, 9), whole);
    assert_true(tram_digest_check(digest, &l, 5, 10) < whole);
    assert_true(tram_digest_check(digest, &l, 6, 9) < whole);

    parts[1].size--; /* a part that is short */
    tram_digest_make(parts, l.count, digest);
    assert_int_equal(tram_digest_check(digest, &l, 5, 9), sizeof *digest);
    parts[1].size++;

    data[l.offset[2] + l.size[2] - 1] ^= 1; /* a last byte that is wrong */
    tram_digest_make(parts, l.count, digest);
    assert_int_equal(tram_digest_check(digest, &l, 5, 9), whole - 1);
    free(data);
}

static void nothing_is_a_part_too(void **state) {
    (void)state;
    const struct tram_bytes nothing = {NULL, 0};
    struct tram_digest digest;
    tram_digest_make(&nothing, 1, &digest);
    assert_int_equal(digest.size, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_lie_apart),
        cmocka_unit_test(contents_depend_on_everything),
        cmocka_unit_test(digest_tells_parts_apart),
        cmocka_unit_test(nothing_is_a_part_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
