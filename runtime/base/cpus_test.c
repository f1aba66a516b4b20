/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cpus.h"

#include "base/error.h"

#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void the_usable_are_those_of_the_affinity(void **state) {
    (void)state;
    struct tram__cpus c;
    cpu_set_t set;
    assert_int_equal(sched_getaffinity(0, sizeof set, &set), 0);
    tram__cpus_usable(&c);
    assert_int_equal(c.count, CPU_COUNT(&set));
    assert_in_range(c.usable, 1, c.count);
    for (unsigned i = 0; i < c.count; i++) {
        assert_true(CPU_ISSET((size_t)c.cpu[i], &set));
        assert_true(i == 0 || c.cpu[i - 1] < c.cpu[i]);
    }
}

static void binding_leaves_one(void **state) {
    (void)state;
    struct tram__cpus before, after;
    cpu_set_t set;
    sched_getaffinity(0, sizeof set, &set);
    tram__cpus_usable(&before);
    int last = before.cpu[before.count - 1];
    assert_int_equal(tram__cpus_bind(last), 0);
    tram__cpus_usable(&after);
    assert_int_equal(after.count, 1);
    assert_int_equal(after.usable, 1);
    assert_int_equal(after.cpu[0], last);
    const int absent[] = {-1, CPU_SETSIZE - 1, CPU_SETSIZE, 1 << 30};
    for (size_t i = 0; i < sizeof absent / sizeof *absent; i++) {
        assert_int_equal(tram__cpus_bind(absent[i]), -1);
        assert_int_equal(errno, EINVAL);
    }
    assert_int_equal(sched_setaffinity(0, sizeof set, &set), 0);
}

static void a_list_is_parsed(void **state) {
    (void)state;
    struct tram__cpus there, c;
    char list[256];
    tram__cpus_usable(&there);
    int first = there.cpu[0], last = there.cpu[there.count - 1];
    snprintf(list, sizeof list, "%d", last);
    assert_int_equal(tram__cpus_parse(list, &c), TRAM_OK);
    assert_int_equal(c.count, 1);
    assert_int_equal(c.usable, 1);
    assert_int_equal(c.cpu[0], last);
    snprintf(list, sizeof list, "%d,%d-%d,%d", last, first, first, last);
    assert_int_equal(tram__cpus_parse(list, &c), TRAM_OK);
    assert_int_equal(c.count, first == last ? 1 : 2); /* each once, in order */
    assert_int_equal(c.cpu[0], first);
    assert_int_equal(c.cpu[c.count - 1], last);
    assert_in_range(c.usable, 1, there.usable);
    if (last - first + 1 != (int)there.count)
        return;
    snprintf(list, sizeof list, "%d-%d", first, last);
    assert_int_equal(tram__cpus_parse(list, &c), TRAM_OK);
    assert_int_equal(c.count, there.count);
    assert_int_equal(c.usable, there.usable); /* the quota holds for a list of all of them, too */
}

static void refuse(const char *list) {
    struct tram__cpus c = {.count = 77};
    char text[160];
    assert_int_equal(tram__cpus_parse(list, &c), TRAM_ERR_INVALID);
    snprintf(text, sizeof text, "'%s' is not a list of CPUs such as 0,2-5", list);
    assert_string_equal(tram_last_error()->text, text);
    assert_int_equal(c.count, 77); /* outputs are set only on success */
}

static void what_is_not_a_list_is_refused(void **state) {
    (void)state;
    const char *const after[] = {",", ",,", "-", "-a", "-,", " ", "x", ", ", "--1", "-+1", ".5"};
    const char *const alone[] = {"", "a", ",", "-", "-1", "+0", " 0", "5-2", "1-0", "0x0"};
    struct tram__cpus there;
    tram__cpus_usable(&there);
    for (size_t i = 0; i < sizeof after / sizeof *after; i++) {
        char list[64];
        snprintf(list, sizeof list, "%d%s", there.cpu[0], after[i]);
        refuse(list);
    }
    for (size_t i = 0; i < sizeof alone / sizeof *alone; i++)
        refuse(alone[i]);
}

static void an_absent_cpu_is_named(void **state) {
    (void)state;
    struct tram__cpus there, c;
    tram__cpus_usable(&there);
    int first = there.cpu[0], last = there.cpu[there.count - 1];
    char list[64], text[128];
    snprintf(list, sizeof list, "%d-%d", last, last + 3);
    assert_int_equal(tram__cpus_parse(list, &c), TRAM_ERR_INVALID);
    snprintf(text, sizeof text, "CPU %d is not there (usable: %u of them, %d to %d)", last + 1, there.count,
             first, last);
    assert_string_equal(tram_last_error()->text, text);
    assert_int_equal(tram__cpus_parse("99999999999999999999", &c), TRAM_ERR_INVALID);
    assert_non_null(strstr(tram_last_error()->text, "is not there"));
    assert_int_equal(tram__cpus_parse("1024", &c), TRAM_ERR_INVALID);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_usable_are_those_of_the_affinity),
        cmocka_unit_test(binding_leaves_one),
        cmocka_unit_test(a_list_is_parsed),
        cmocka_unit_test(what_is_not_a_list_is_refused),
        cmocka_unit_test(an_absent_cpu_is_named),
    };
    return cmocka_run_group_tests_name("cpus", tests, NULL, NULL);
}
