/* SPDX-License-Identifier: Apache-2.0 */
#include "results/csv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void becomes(const char *rows, const char *expected) {
    json_t *j = json_loads(rows, 0, NULL);
    assert_non_null(j);
    char *text = tram__csv(j);
    assert_non_null(text);
    assert_string_equal(text, expected);
    free(text);
    json_decref(j);
}

static void rows(void **state) {
    (void)state;
    becomes("[]", "\n");
    becomes("[{\"name\":\"a\",\"n\":1},{\"name\":\"b\",\"n\":null,\"x\":0.5}]", "name,n,x\na,1,\nb,,0.5\n");
    becomes("[{\"n\":9007199254740993,\"b\":true}]", "n,b\n9007199254740993,true\n");
}

static void quoting(void **state) {
    (void)state;
    becomes("[{\"a,b\":\"one, \\\"two\\\"\",\"c\":\"line\\nline\",\"d\":\"plain\"}]",
            "\"a,b\",c,d\n\"one, \"\"two\"\"\",\"line\nline\",plain\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(rows), cmocka_unit_test(quoting)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
