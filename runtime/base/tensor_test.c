/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"
#include "base/test_support.h"
#include "tramline/tensor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct tram_tensor tensor(enum tram_dtype dtype, uint32_t rank, const uint64_t *shape) {
    struct tram_tensor t = {.dtype = dtype, .rank = rank};
    for (uint32_t i = 0; i < rank && i < TRAM_MAX_RANK; i++)
        t.shape[i] = shape[i];
    return t;
}

static void dtypes(void **state) {
    (void)state;
    assert_int_equal(tram_dtype_bytes(TRAM_F32), 4);
    assert_int_equal(tram_dtype_bytes(TRAM_BF16), 2);
    assert_int_equal(tram_dtype_bytes(TRAM_DTYPE_NONE), 0);
    assert_int_equal(tram_dtype_bytes((enum tram_dtype)99), 0);
    assert_string_equal(tram_dtype_text(TRAM_I64), "i64");
    assert_string_equal(tram_dtype_text((enum tram_dtype)99), "none");
}

static void sizes(void **state) {
    static const uint64_t shape[] = {3, 0, 5, 7};
    struct tram_tensor t = tensor(TRAM_F32, 0, NULL);
    (void)state;
    assert_int_equal(tram_tensor_bytes(&t), 4); /* one element */
    t = tensor(TRAM_F64, 1, shape);
    assert_int_equal(tram_tensor_bytes(&t), 24);
    t = tensor(TRAM_F64, 4, shape);
    assert_int_equal(tram_tensor_bytes(&t), 0); /* none */
    assert_true(tram_tensor_value_bytes(&t, 0) >= 16 + 32);
    t = tensor(TRAM_I16, 2, shape + 2);
    assert_int_equal(tram_tensor_bytes(&t), 70);
    t.strides[0] = 100;
    t.strides[1] = 3;
    assert_int_equal(tram_tensor_bytes(&t), 2 * (4 * 100 + 6 * 3 + 1));
    t.strides[0] = 0; /* the same row five times */
    assert_int_equal(tram_tensor_bytes(&t), 2 * (6 * 3 + 1));
}

static void what_was_laid_is_viewed(void **state) {
    static const uint64_t shape[] = {3, 2, 5, 1, 1, 2, 2, 2};
    static const size_t parts[] = {0, 1, 8, 1000, 70000};
    (void)state;
    for (uint32_t rank = 0; rank <= TRAM_MAX_RANK; rank++) {
        for (int i = 0; i < 20; i++) {
            struct tram_tensor t = tensor(i % 2 ? TRAM_U8 : TRAM_F64, rank, shape), seen;
            if (rank && i % 3 == 0)
                t.shape[0] = 20000;
            if (rank && i % 4 == 3)
                for (uint32_t k = 0; k < rank; k++)
                    t.strides[k] = 1 + (int64_t)k;
            size_t part_bytes = parts[i % 5], size = tram_tensor_value_bytes(&t, part_bytes),
                   bytes = tram_tensor_bytes(&t);
            char *value = aligned_alloc(64, (size + 63) / 64 * 64);
            void *part;
            struct tram_bytes seen_part;
            assert_true(size > bytes + part_bytes);
            assert_int_equal(tram_tensor_lay(value, size - 1, &t, part_bytes, &part), TRAM_ERR_INVALID);
            assert_int_equal(tram_tensor_lay(value, size, &t, part_bytes, &part), TRAM_OK);
            assert_int_equal((uintptr_t)t.data % (bytes > 32768 ? 64 : 8), 0);
            tram__test_fill(part, part_bytes, 1, 1);
            tram__test_fill(t.data, bytes, 2, 2);
            assert_int_equal(tram_tensor_view(value, size, &seen, &seen_part), TRAM_OK);
            assert_memory_equal(&seen, &t, sizeof t);
            assert_int_equal(seen_part.size, part_bytes);
            assert_true(tram__test_filled(seen_part.data, part_bytes, 1, 1));
            assert_true(tram__test_filled(seen.data, bytes, 2, 2));
            assert_int_equal(tram_tensor_view(value, size - 1, &seen, NULL), TRAM_ERR_INVALID);
            free(value);
        }
    }
}

static void refused(const struct tram_tensor *t, const char *says) {
    assert_int_equal(tram_tensor_value_bytes(t, 0), 0);
    if (!strstr(tram_last_error()->text, says))
        fail_msg("'%s' does not say '%s'", tram_last_error()->text, says);
}

static void tensors_that_make_no_sense(void **state) {
    static const uint64_t huge[] = {UINT64_MAX, 2}, large[] = {UINT64_C(1) << 31, 2};
    struct tram_tensor t = tensor(TRAM_DTYPE_NONE, 0, NULL);
    (void)state;
    refused(&t, "dtype 0");
    t = tensor(TRAM_F32, 0, NULL);
    t.rank = 9;
    refused(&t, "rank 9");
    t = tensor(TRAM_U8, 2, huge);
    refused(&t, "more elements");
    t = tensor(TRAM_F32, 2, large);
    refused(&t, "4294967296 elements of f32");
    t = tensor(TRAM_U8, 1, large);
    t.strides[0] = -1;
    refused(&t, "stride of -1");
    t.strides[0] = INT64_MAX;
    refused(&t, "more elements");
}

/* Whatever the bytes are: an error, or a tensor within them. */
static void random_bytes(void **state) {
    uint64_t random = tram__test_seed();
    uint64_t words[40];
    unsigned good = 0;
    (void)state;
    for (int i = 0; i < 200000; i++) {
        struct tram_tensor t = tensor(TRAM_I16, 2, (const uint64_t[]){3, 4}), seen;
        struct tram_bytes part;
        assert_int_equal(tram_tensor_lay(words, sizeof words, &t, 5, NULL), TRAM_OK);
        for (int k = 0; k < 3; k++) {
            uint64_t r = tram__test_random(&random);
            ((unsigned char *)words)[r % 40] = (unsigned char)(r >> 32);
        }
        size_t size = tram__test_random(&random) % (sizeof words + 1);
        if (tram_tensor_view(words, size, &seen, &part))
            continue;
        good++;
        const char *end = (const char *)words + size;
        assert_true((const char *)part.data >= (const char *)words &&
                    part.size <= (size_t)(end - (const char *)part.data));
        assert_true((const char *)seen.data >= (const char *)part.data + part.size);
        assert_true(tram_tensor_bytes(&seen) <= (size_t)(end - (const char *)seen.data));
    }
    assert_true(good > 100);
}

static void transports_by_name(void **state) {
    enum tram_transport t;
    unsigned count = 0;
    (void)state;
    for (int i = 0; strcmp(tram_transport_text((enum tram_transport)i), "none") != 0; i++, count++) {
        assert_int_equal(tram_transport_parse(tram_transport_text((enum tram_transport)i), &t), TRAM_OK);
        assert_int_equal(t, i);
    }
    assert_true(count > 3);
    assert_int_equal(tram_transport_parse("ip", &t), TRAM_ERR_INVALID);
    assert_non_null(strstr(tram_last_error()->text, "transport 'ip': one of auto, shm, staged, "));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dtypes),
        cmocka_unit_test(sizes),
        cmocka_unit_test(what_was_laid_is_viewed),
        cmocka_unit_test(tensors_that_make_no_sense),
        cmocka_unit_test(random_bytes),
        cmocka_unit_test(transports_by_name),
    };
    return cmocka_run_group_tests_name("tensors", tests, NULL, NULL);
}
