/* SPDX-License-Identifier: Apache-2.0 */
#include "results/plain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "results/testing.h"

static void by_hand(void **state) {
    (void)state;
    static const struct {
        const char *text, *wanted;
    } cases[] = {
        {"", ""},
        {"a b/c:1|\"", "a b/c:1|\""},
        {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80",
         "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"}, /* letters and signs */
        {"a\tb\nc\x1b[2J\x7f", "a?b?c?[2J?"},
        {"\xc2\x80 \xc2\x9b"
         "2J\xc2\x9f\xc2\xa0",
         "? ?2J?\xc2\xa0"}, /* C1: a terminal takes U+009B for ESC [; U+00A0 is none */
        {"\xe2\x80\x8d\xe2\x80\x8e\xe2\x80\x8f\xe2\x80\x90", "\xe2\x80\x8d??\xe2\x80\x90"},
        {"\xe2\x80\xa7\xe2\x80\xa8\xe2\x80\xaa\xe2\x80\xae\xe2\x80\xaf", "\xe2\x80\xa7???\xe2\x80\xaf"},
        {"\xe2\x81\xa5\xe2\x81\xa6\xe2\x81\xa9\xe2\x81\xaa", "\xe2\x81\xa5??\xe2\x81\xaa"},
        {"\x9b"
         "2J\x80\xff",
         "?2J??"},                         /* bytes by themselves */
        {"a\xe2\x82", "a??"},              /* cut */
        {"\xc0\x9b\xe0\x82\x9b", "?????"}, /* longer than need be */
        {"\xed\xa0\x80 \xf4\x90\x80\x80", "??? ????"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[64];
        strcpy(text, cases[i].text);
        assert_int_equal(tram__is_plain(text), strcmp(cases[i].text, cases[i].wanted) == 0);
        assert_string_equal(tram__plain(text), cases[i].wanted);
        assert_true(tram__is_plain(text));
    }
}

/* Whatever the bytes are, what comes out is plain, no longer, and stays as it is. */
static void by_chance(void **state) {
    (void)state;
    static const char pieces[] = "a\x1b\x9b\xc2\x80\x8e\xa8\xe2\xf0\x9f\xed\xff";
    for (unsigned rounds = test_random_begin(20000); rounds; rounds--) {
        char text[16], once[16];
        size_t n = test_draw(sizeof text);
        for (size_t i = 0; i < n; i++)
            text[i] = pieces[test_draw(sizeof pieces - 1)];
        text[n] = '\0';
        strcpy(once, tram__plain(text));
        assert_true(strlen(once) <= n && tram__is_plain(once));
        assert_string_equal(tram__plain(text), once);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(by_hand), cmocka_unit_test(by_chance)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
