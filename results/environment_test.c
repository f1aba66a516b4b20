/* SPDX-License-Identifier: Apache-2.0 */
#include "results/environment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char program[] = "./scenarios/roundtrip", size[] = "--size=1", odd[] = "\xff!";
static char *arguments[] = {program, size, odd, NULL};

static json_t *context(uint64_t seed, const char *asked) {
    struct tram_environment e;
    tram_environment_begin(
        &(struct tram_environment_params){
            .argc = 3, .argv = arguments, .seed = seed, .affinity_asked = asked},
        &e);
    tram_environment_end(&e);
    json_t *json = tram_environment_json(&e);
    assert_non_null(json);
    return json;
}

static const json_t *at(const json_t *o, const char *a, const char *b) {
    const json_t *v = json_object_get(o, a);
    v = b ? json_object_get(v, b) : v;
    if (!v)
        fail_msg("no %s %s", a, b ? b : "");
    return v;
}

static const char *text_at(const json_t *o, const char *a, const char *b) {
    const char *text = json_string_value(at(o, a, b));
    if (!text)
        fail_msg("%s %s is no text", a, b ? b : "");
    return text;
}

static void has_what_google_benchmark_has(void **state) {
    (void)state;
    json_t *c = context(1, NULL);
    static const char *const keys[] = {"date",     "host_name",   "executable",
                                       "num_cpus", "mhz_per_cpu", "cpu_scaling_enabled",
                                       "caches",   "load_avg",    "library_build_type"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        at(c, keys[i], NULL);
    assert_int_equal(json_integer_value(at(c, "json_schema_version", NULL)), 1);
    assert_int_equal(json_integer_value(at(c, "tramline_schema_version", NULL)), 1);
    assert_string_equal(text_at(c, "executable", NULL), program);
    assert_true(json_integer_value(at(c, "num_cpus", NULL)) >= 1);
    assert_true(json_is_array(at(c, "caches", NULL)));
    size_t i;
    const json_t *cache;
    json_array_foreach(at(c, "caches", NULL), i, cache) {
        assert_true(json_integer_value(json_object_get(cache, "size")) >= 1024);
        assert_true(json_is_string(json_object_get(cache, "type")));
        assert_true(json_is_integer(json_object_get(cache, "level")));
        assert_true(json_integer_value(json_object_get(cache, "num_sharing")) >= 1);
    }
    json_decref(c);
}

static void says_how_it_ran(void **state) {
    (void)state;
    json_t *c = context(UINT64_MAX, "0-1");
    assert_int_equal(json_array_size(at(c, "run", "argv")), 3);
    assert_string_equal(json_string_value(json_array_get(at(c, "run", "argv"), 2)), "?!");
    assert_string_equal(text_at(c, "run", "seed"), "18446744073709551615");
    const char *start = text_at(c, "run", "start_utc"), *end = text_at(c, "run", "end_utc");
    assert_int_equal(strlen(start), strlen("2024-01-02T03:04:05.678Z"));
    assert_true(strcmp(start, end) <= 0);
    const json_t *affinity = at(c, "run", "affinity");
    assert_string_equal(json_string_value(json_object_get(affinity, "asked")), "0-1");
    assert_true(json_is_string(json_object_get(affinity, "got")));
    const json_t *after = json_object_get(at(c, "run", "noise"), "after");
    assert_non_null(json_object_get(after, "steal_s"));
    assert_true(json_is_null(json_object_get(after, "gaps"))); /* nobody measured any */
    json_decref(c);
    c = context(INT64_MAX, NULL);
    assert_true(json_integer_value(at(c, "run", "seed")) == INT64_MAX);
    assert_true(json_is_null(json_object_get(at(c, "run", "affinity"), "asked")));
    json_decref(c);
}

static void says_what_was_built(void **state) {
    (void)state;
    json_t *c = context(1, NULL);
    assert_true(strlen(text_at(c, "tool", "version")) >= 5);
    assert_true(strlen(text_at(c, "tool", "compiler")) >= 3);
    const json_t *commit = at(c, "tool", "git_commit"), *dirty = at(c, "tool", "git_dirty");
    if (json_is_string(commit))
        assert_true(strlen(json_string_value(commit)) >= 40);
    else
        assert_true(json_is_null(commit) && json_is_null(dirty));
    json_decref(c);
}

static void keeps_the_environment_to_itself(void **state) {
    (void)state;
    setenv("TRAM_TEST_SECRET", "hunter2-hunter2", 1);
    json_t *c = context(1, NULL);
    char *text = json_dumps(c, 0);
    assert_non_null(text);
    assert_null(strstr(text, "hunter2"));
    free(text);
    json_decref(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_what_google_benchmark_has),
        cmocka_unit_test(says_how_it_ran),
        cmocka_unit_test(says_what_was_built),
        cmocka_unit_test(keeps_the_environment_to_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
