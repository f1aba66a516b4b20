/* SPDX-License-Identifier: Apache-2.0
 *
 * What is read back of our own files, what each kind of bad file is told, and files that are spoilt at random.
 */
#include "results/read.h"

#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "results/environment.h"
#include "results/result.h"
#include "results/testing.h"

static char folder[64], path[128], why[512];
static struct tram_result_set set;

static int enter(void **state) {
    (void)state;
    if (test_folder_make(folder))
        return -1;
    snprintf(path, sizeof path, "%s/a.json", folder);
    return 0;
}

static int leave(void **state) {
    (void)state;
    return test_folder_remove(folder);
}

static void put(const char *name, const char *text, size_t size) {
    FILE *f = fopen(name, "we");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, size, f), size);
    fclose(f);
}

#define ROW(name, index, time, more)                                                                         \
    "{\"name\": \"" name "\", \"run_name\": \"" name "\", \"run_type\": \"iteration\", \"repetitions\": 2, " \
    "\"repetition_index\": " #index ", \"iterations\": 10, \"real_time\": " #time ", \"cpu_time\": 2.5, "    \
    "\"time_unit\": \"ns\", \"copies_per_exec\": 2, \"p99_ns\": null" more "}"
#define FILE_OF(rows)                                                                         \
    "{\"context\": {\"tramline_schema_version\": 1, \"machine\": {\"cpu_model\": \"X\"}}, \n" \
    "\"benchmarks\": [" rows "]}"

static const char good[] = FILE_OF(ROW("a", 0, 1.5, ", \"block\": 3") ", " ROW("a", 1, 2, ", \"block\": 3"));

static void refused(const char *what, const char *wanted) {
    why[0] = '\0';
    if (tram_result_set_read(what, &set, why, sizeof why) != -1)
        fail_msg("%s was taken, for which '%s' was wanted", what, wanted);
    if (!strstr(why, wanted) || !strstr(why, what) || strchr(why, '\n'))
        fail_msg("'%s', not '%s'", why, wanted);
}

/* What one change to the good file is told. */
static void spoilt(const char *from, const char *to, const char *wanted) {
    char text[2 * sizeof good];
    const char *at = strstr(good, from);
    assert_non_null(at);
    int n = snprintf(text, sizeof text, "%.*s%s%s", (int)(at - good), good, to, at + strlen(from));
    put(path, text, (size_t)n);
    refused(path, wanted);
}

static void reads_what_we_write(void **state) {
    (void)state;
    struct tram_environment e;
    const struct tram_counter counters[] = {{"copies_per_exec", 2}, {"device_maps", NAN}};
    tram_environment_begin(&(struct tram_environment_params){.seed = 1}, &e);
    struct tram_results *r = tram_results_create(tram_environment_json(&e));
    const struct tram_floor floor = {.timer_step_ns = 10};
    struct tram_row row = {.name = "a/1",
                           .scenario = "a",
                           .mode = "eager",
                           .repetitions = 1,
                           .iterations = 5,
                           .actors = 1,
                           .inflight = 1,
                           .p50_ns = 99.5,
                           .p5_ns = NAN,
                           .p90_ns = NAN,
                           .p95_ns = NAN,
                           .p99_ns = 120,
                           .p999_ns = NAN,
                           .cpu_ns_per_exec = NAN,
                           .counters = counters,
                           .counter_count = 2,
                           .block = 4};
    assert_int_equal(tram_results_set_floor(r, &floor), 0);
    assert_int_equal(tram_results_add(r, &row), 0);
    assert_int_equal(tram_results_write(r, path, why, sizeof why), 0);
    tram_results_destroy(r);
    if (tram_result_set_read(path, &set, why, sizeof why))
        fail_msg("%s", why);
    assert_int_equal(set.row_count, 1);
    assert_true(set.blocks);
    const struct tram_result_row *got = &set.rows[0];
    assert_string_equal(got->name, "a/1");
    assert_int_equal(got->block, 4);
    assert_true(got->p50_ns == 99.5);
    assert_true(isnan(got->cpu_ns_per_exec));
    assert_true(tram_result_number(got, "p99_ns") == 120);
    assert_true(tram_result_number(got, "copies_per_exec") == 2);
    assert_true(isnan(tram_result_number(got, "device_maps")));
    assert_true(isnan(tram_result_number(got, "nothing")));
    assert_true(isnan(tram_result_number(got, "name")));
    assert_true(json_number_value(tram_result_context(&set.files[0], "floor.timer_step_ns")) == 10);
    assert_non_null(tram_result_context(&set.files[0], "num_cpus"));
    assert_null(tram_result_context(&set.files[0], "floor.timer_step_ns.more"));
    assert_null(tram_result_context(&set.files[0], "run.affinity.asked"));
    tram_result_set_free(&set);
    tram_result_set_free(&set);
}

static void files_of_a_folder_are_one_set(void **state) {
    (void)state;
    static const char one[] = FILE_OF(ROW("a", 0, 1, "")),
                      two[] = FILE_OF(ROW("b", 0, 2, "") "," ROW("a", 0, 3, ""));
    char other[160];
    refused(folder, "there is no *.json in it");
    put(path, two, sizeof two - 1);
    snprintf(other, sizeof other, "%s/0.json", folder);
    put(other, one, sizeof one - 1);
    snprintf(other, sizeof other, "%s/.hidden.json", folder);
    put(other, "{", 1);
    snprintf(other, sizeof other, "%s/notes.txt", folder);
    put(other, "{", 1);
    if (tram_result_set_read(folder, &set, why, sizeof why))
        fail_msg("%s", why);
    assert_int_equal(set.file_count, 2);
    assert_int_equal(set.row_count, 3);
    assert_false(set.blocks);
    assert_true(set.rows[0].p50_ns == 1 && set.rows[2].p50_ns == 3);
    assert_int_equal(set.rows[0].file, 0);
    assert_int_equal(set.rows[2].file, 1);
    tram_result_set_free(&set);
    snprintf(other, sizeof other, "%s/z.json", folder);
    assert_int_equal(mkdir(other, 0755), 0);
    why[0] = '\0';
    assert_int_equal(tram_result_set_read(folder, &set, why, sizeof why), -1);
    assert_non_null(strstr(why, "z.json"));
}

static void bad_files_say_why(void **state) {
    (void)state;
    char missing[160];
    snprintf(missing, sizeof missing, "%s/none", folder);
    refused(missing, "No such file");
    refused("/dev/null", "it is no regular file");
    assert_int_equal(mkfifo(path, 0600), 0); /* that nobody writes to */
    refused(path, "it is no regular file; a pipe or a device is not read");
    assert_int_equal(unlink(path), 0);
    put(path, "", 0);
    refused(path, "it is empty");
    put(path, good, sizeof good - 10);
    refused(path, "no JSON, or cut: line 2");
    put(path, "\0\0\0\0", 4);
    refused(path, "no JSON");
    put(path, "[1]", 3);
    refused(path, "no result file of Tramline: context.tramline_schema_version is missing");
    put(path, "{\"benchmarks\": []}", 18);
    refused(path, "no result file of Tramline");
    put(path, "hello\nworld\n", 12);
    refused(path, "no JSON, or cut: line 1");
    spoilt("_version\": 1", "_version\": 2", "context.tramline_schema_version: 1 is wanted, not 2");
    spoilt("_version\": 1", "_version\": \"1\"", "1 is wanted, not \"1\"");
    spoilt("{\"cpu_model\": \"X\"}", "{}, \"floor\": {\"timer_step_ns\": 1e20}",
           "context.floor.timer_step_ns: 0, or a time from 0.001 to 1e19 ns is wanted, not 1e20");
    spoilt("{\"cpu_model\": \"X\"}", "{}, \"floor\": {\"timer_step_ns\": \"9\"}", "not \"9\"");
    spoilt("\"benchmarks\": [", "\"rows\": [", "benchmarks: it is missing; a list of rows is wanted");
    spoilt("\"benchmarks\": [", "\"benchmarks\": 7, \"x\": [", "benchmarks: a list of rows is wanted, not 7");
    spoilt("\"benchmarks\": [", "\"benchmarks\": [], \"x\": [", "benchmarks: it has no rows");
    spoilt("\"benchmarks\": [", "\"benchmarks\": [7, ", "benchmarks[0]: it is no row");
    spoilt("\"cpu_time\": 2.5", "\"cpu_time\": 2.5, \"cpu_time\": 3", "duplicate object key");
}

static void bad_rows_say_why(void **state) {
    (void)state;
    static const char *const times[] = {"0",       "-1.5", "0.0009765625", "2e19", "null",
                                        "\"1.5\"", "true", "{}",           "[1]"};
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        char to[40];
        snprintf(to, sizeof to, "\"real_time\": %s", times[i]);
        spoilt("\"real_time\": 1.5", to,
               "benchmarks[0].real_time: a time from 0.001 to 1e19 ns is wanted, not ");
        assert_non_null(strstr(why, times[i][0] == '{' ? "{...}" : times[i][0] == '[' ? "[...]" : times[i]));
    }
    spoilt("\"real_time\": 1.5", "\"real_time\": 5e-324", "real_time: a time from 0.001");
    spoilt("\"real_time\": 1.5", "\"real_time\": 1.7e308", "real_time: a time from 0.001");
    spoilt("\"real_time\": 1.5", "\"real\": 1.5",
           "benchmarks[0].real_time: it is missing; a time from 0.001");
    spoilt("\"real_time\": 1.5", "\"real_time\": NaN", "near 'NaN'");
    spoilt("\"real_time\": 1.5", "\"real_time\": 1e999", "real number overflow");
    spoilt("\"run_name\": \"a\"", "\"run_name\": \"\"", "run_name: a name of at most 300");
    spoilt("\"run_name\": \"a\"", "\"run_name\": \"a\\nb\"", "not \"a\\nb\"");
    spoilt("\"run_name\": \"a\"", "\"run_name\": \"a\\u009b2J\"", "not \"a?2J\"");
    spoilt("\"run_name\": \"a\"", "\"run_name\": \"a\\u202eb\"",
           "none of them a control is wanted, not \"a?b\"");
    spoilt("\"name\": \"a\"", "\"name\": \"a\\u2067b\"", "benchmarks[0].name: a name of at most 300");
    spoilt("\"run_name\": \"a\"", "\"run_name\": 3", "not 3");
    spoilt("\"iteration\"", "\"aggregate\"", "run_type: \"iteration\" is wanted, not \"aggregate\"");
    spoilt("\"ns\"", "\"us\"", "time_unit: \"ns\" is wanted, not \"us\"");
    spoilt("\"repetition_index\": 0", "\"repetition_index\": -1", "repetition_index: a whole number from 0");
    spoilt("\"repetition_index\": 0", "\"repetition_index\": 0.5", "not 0.5");
    spoilt("\"repetition_index\": 0", "\"repetition_index\": 4294967296", "not 4294967296");
    spoilt("\"repetitions\": 2", "\"repetitions\": 0", "repetitions: a whole number from 1");
    spoilt("\"iterations\": 10", "\"iterations\": 0", "iterations: a whole number from 1");
    spoilt("\"cpu_time\": 2.5", "\"cpu_time\": -2.5",
           "cpu_time: a time from 0 to 1e19 ns is wanted, not -2.5");
    spoilt("\"p99_ns\": null", "\"p99_ns\": 0", "p99_ns: a time from 0.001 to 1e19 ns is wanted, not 0");
    spoilt("\"p99_ns\": null", "\"p99_ns\": null, \"batch\": 0.5",
           "batch: a number from 1 to 1e19 is wanted, not 0.5");
    spoilt("\"copies_per_exec\": 2", "\"copies_per_exec\": \"2\"",
           "copies_per_exec: a number from 0 to 1e19 or null is wanted");
    spoilt("\"block\": 3", "\"block\": 0", "block: a whole number from 1 is wanted, not 0");
    spoilt("\"block\": 3", "\"block\": 3.5", "not 3.5");
    spoilt("\"block\": 3", "\"block\": null", "benchmarks[1].block: it is there, and rows before have none");
    spoilt("3}]", "null}]", "benchmarks[1].block: it is missing, and rows before have one");
    spoilt("\"repetition_index\": 1", "\"repetition_index\": 0",
           "repetition_index: a has a second row with 0 of block 3");
}

static void implausible_figures_say_why(void **state) {
    (void)state;
    static const struct {
        const char *name, *wanted, *bad[4];
    } figures[] = {
        {"copies_per_exec", "a number from 0 to 1e19", {"-1", "1e20", "true", "[]"}},
        {"copied_bytes_per_exec", "a number from 0", {"-1"}},
        {"device_maps", "a number from 0", {"-0.5", "1e308"}},
        {"allocations_per_exec", "a number from 0", {"-1e-3"}},
        {"syscalls_per_exec", "a number from 0", {"-4"}},
        {"futex_calls_per_exec", "a number from 0", {"-4"}},
        {"execs_per_s", "a number from 0", {"-1"}},
        {"cpu_ns_per_exec", "a number from 0", {"-1", "1e20"}},
        {"fill_ns", "a number from 0", {"-1"}},
        {"check_ns", "a number from 0", {"-1"}},
        {"tail_p50_ns", "a number from 0", {"-1"}},
        {"channel_bytes", "a number from 0", {"-1"}},
        {"voluntary_switches_per_s", "a number from 0", {"-1"}},
        {"involuntary_switches_per_s", "a number from 0", {"-1"}},
        {"run_delay_share", "a share from 0 to 1e6", {"-5", "1e7", "\"1\""}},
        {"steal_share", "a share from 0", {"-0.01"}},
        {"throttled_share", "a share from 0", {"-0.01"}},
        {"cpu_pressure_share", "a share from 0", {"-0.01"}},
        {"missed_share", "a share from 0", {"-0.01"}},
        {"actors", "a whole number from 1", {"0", "-1", "1.5", "4294967296"}},
        {"inflight", "a whole number from 1", {"0", "-1", "1.5"}},
        {"threads", "a whole number from 1", {"0", "-1", "1.5"}},
        {"payload_bytes", "a whole number from 0", {"-1", "1.5"}},
        {"samples", "a whole number from 0", {"-1", "1.5"}},
    };
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++)
        for (size_t k = 0; k < 4 && figures[i].bad[k]; k++) {
            char to[100], wanted[160];
            snprintf(to, sizeof to, "\"%s\": %s, \"time_unit\"", figures[i].name, figures[i].bad[k]);
            snprintf(wanted, sizeof wanted, "benchmarks[0].%s: %s", figures[i].name, figures[i].wanted);
            if (i == 0) /* it is there */
                snprintf(to, sizeof to, "\"%s\": %s", figures[i].name, figures[i].bad[k]);
            spoilt(i ? "\"time_unit\"" : "\"copies_per_exec\": 2", to, wanted);
            assert_non_null(strstr(why, figures[i].bad[k][0] == '[' ? "[...]" : "not "));
        }
    spoilt("{\"tramline", "{\"json_schema_version\": 2, \"tramline",
           "context.json_schema_version: 1, which is Google Benchmark's, is wanted, not 2");
}

static void duplicates_in_a_folder(void **state) {
    (void)state;
    char other[160];
    static const char one[] = FILE_OF(ROW("a", 0, 1, ", \"block\": 1"));
    put(path, one, sizeof one - 1);
    snprintf(other, sizeof other, "%s/b.json", folder);
    put(other, one, sizeof one - 1);
    why[0] = '\0';
    assert_int_equal(tram_result_set_read(folder, &set, why, sizeof why), -1);
    assert_non_null(strstr(why, "b.json: repetition_index: a has a second row with 0 of block 1"));
}

/* ---- Files that are spoilt at random ---- */

static void spoilt_files(void **state) {
    (void)state;
    unsigned rounds = test_random_begin(10000), taken = 0;
    char text[4 * sizeof good];
    for (unsigned i = 0; i < rounds; i++) {
        memcpy(text, good, sizeof good);
        put(path, text, test_spoil(text, sizeof good - 1, sizeof text));
        why[0] = '\0';
        if (tram_result_set_read(path, &set, why, sizeof why)) {
            assert_true(strncmp(why, path, strlen(path)) == 0 && !strchr(why, '\n'));
            continue;
        }
        taken++;
        for (size_t k = 0; k < set.row_count; k++)
            assert_true(set.rows[k].p50_ns > 0 && isfinite(set.rows[k].p50_ns) && set.rows[k].name[0]);
        tram_result_set_free(&set);
    }
    print_message("%u files, %u of them taken\n", rounds, taken);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reads_what_we_write, enter, leave),
        cmocka_unit_test_setup_teardown(files_of_a_folder_are_one_set, enter, leave),
        cmocka_unit_test_setup_teardown(bad_files_say_why, enter, leave),
        cmocka_unit_test_setup_teardown(bad_rows_say_why, enter, leave),
        cmocka_unit_test_setup_teardown(implausible_figures_say_why, enter, leave),
        cmocka_unit_test_setup_teardown(duplicates_in_a_folder, enter, leave),
        cmocka_unit_test_setup_teardown(spoilt_files, enter, leave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
