/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void every_status_has_its_text(void **state) {
    (void)state;
#define CHECK_TEXT(name, value, text)     \
    assert_int_equal(TRAM_##name, value); \
    assert_string_equal(tram_status_text(value), text);
    TRAM_STATUS_MAP(CHECK_TEXT)
#undef CHECK_TEXT
    assert_string_equal(tram_status_text(-9999), "unknown status");
    assert_string_equal(tram_status_text(1), "unknown status");
    assert_int_equal(TRAM_OK, 0);
}

static void a_failure_is_kept_whole(void **state) {
    (void)state;
    assert_int_equal(tram__fail(TRAM_ERR_TASK, "%s at %d", "stopped", 7), TRAM_ERR_TASK);
    strcpy(tram__error()->actor, "Echo#0");
    tram__error()->execution = 5;
    assert_ptr_equal(tram_last_error(), tram__error());
    assert_string_equal(tram_last_error()->text, "stopped at 7");
    assert_string_equal(tram_last_error()->actor, "Echo#0");
    tram__fail(TRAM_ERR_FULL, "next");
    assert_int_equal(tram_last_error()->status, TRAM_ERR_FULL);
    assert_string_equal(tram_last_error()->text, "next");
    assert_string_equal(tram_last_error()->actor, ""); /* nothing stays of the one before */
    assert_int_equal(tram_last_error()->execution, 0);
}

static void errno_is_named_and_a_long_text_cut(void **state) {
    (void)state;
    char text[700], expected[64];
    errno = ENOENT;
    assert_int_equal(tram__fail_errno("opening %s", "x"), TRAM_ERR_SYSTEM);
    snprintf(expected, sizeof expected, "opening x: %s", strerror(ENOENT));
    assert_string_equal(tram_last_error()->text, expected);
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    errno = ENOENT;
    tram__fail_errno("%s", text);
    assert_int_equal(strlen(tram_last_error()->text), sizeof tram_last_error()->text - 1);
    tram__fail(TRAM_ERR_INVALID, "%s", text);
    assert_int_equal(strlen(tram_last_error()->text), sizeof tram_last_error()->text - 1);
}

/* The cause is often that of an error already kept: its text may be an argument of the next. */
static void a_failure_may_quote_the_last_one(void **state) {
    (void)state;
    tram__fail(TRAM_ERR_INVALID, "the cause");
    tram__fail(TRAM_ERR_PROTOCOL, "what failed: %s", tram_last_error()->text);
    assert_string_equal(tram_last_error()->text, "what failed: the cause");
}

static void *fail_elsewhere(void *arg) {
    (void)arg;
    tram__fail(TRAM_ERR_FULL, "elsewhere");
    return NULL;
}

static void each_thread_has_its_own(void **state) {
    (void)state;
    pthread_t thread;
    tram__fail(TRAM_ERR_INVALID, "here");
    assert_int_equal(pthread_create(&thread, NULL, fail_elsewhere, NULL), 0);
    pthread_join(thread, NULL);
    assert_string_equal(tram_last_error()->text, "here");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_status_has_its_text),
        cmocka_unit_test(a_failure_is_kept_whole),
        cmocka_unit_test(errno_is_named_and_a_long_text_cut),
        cmocka_unit_test(a_failure_may_quote_the_last_one),
        cmocka_unit_test(each_thread_has_its_own),
    };
    return cmocka_run_group_tests_name("error", tests, NULL, NULL);
}
