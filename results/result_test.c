/* SPDX-License-Identifier: Apache-2.0 */
#include "results/output.h"
#include "results/result.h"
#include "results/testing.h"

#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64];
static char path[128];
static char why[512];

static int enter(void **state) {
    (void)state;
    if (test_folder_make(folder))
        return -1;
    snprintf(path, sizeof path, "%s/out.json", folder);
    return 0;
}

static int leave(void **state) {
    (void)state;
    return test_folder_remove(folder);
}

static int files_in_folder(void) {
    DIR *dir = opendir(folder);
    int n = 0;
    for (struct dirent *e; (e = readdir(dir));)
        n += e->d_name[0] != '.';
    closedir(dir);
    return n;
}

static struct tram_row sample_row(const char *name, const char *scenario) {
    return (struct tram_row){
        .name = name,
        .repetitions = 2,
        .iterations = 9007199254740993, /* 2^53 + 1: a double would lose it */
        .scenario = scenario,
        .mode = "compiled",
        .payload_bytes = 1,
        .actors = 3,
        .inflight = 4,
        .p50_ns = 105.25,
        .p5_ns = 100,
        .p90_ns = 110,
        .p95_ns = NAN,
        .p99_ns = NAN,
        .p999_ns = INFINITY,
        .execs_per_s = 9.5e6,
        .cpu_ns_per_exec = 210.5,
        .samples = 100,
        .compile_ns = 1234567890123456789,
        .channel_bytes = TRAM_ABSENT,
        .fill_ns = 1,
        .check_ns = NAN,
    };
}

static json_t *written(const struct tram_results *r) {
    if (tram_results_write(r, path, why, sizeof why) != 0)
        fail_msg("%s", why);
    json_error_t error;
    json_t *json = json_load_file(path, 0, &error);
    if (!json)
        fail_msg("%s", error.text);
    return json;
}

static json_int_t integer(const json_t *o, const char *key) {
    const json_t *v = json_object_get(o, key);
    if (!json_is_integer(v))
        fail_msg("%s is no integer", key);
    return json_integer_value(v);
}

static void row_has_the_shape(void **state) {
    (void)state;
    const struct tram_counter counters[] = {{"wakes", 3}, {"bad", NAN}, {"p50_ns", 1}};
    const struct tram_label labels[] = {{"wait", "spin"}, {"name", "other"}};
    struct tram_row row = sample_row("roundtrip/size:1", "roundtrip");
    row.counters = counters, row.counter_count = 3;
    row.labels = labels, row.label_count = 2;
    struct tram_results *r = tram_results_create(json_pack("{s:i}", "json_schema_version", 1));
    assert_int_equal(tram_results_add(r, &row), 0);
    json_t *file = written(r), *got = json_array_get(json_object_get(file, "benchmarks"), 0);
    assert_string_equal(json_string_value(json_object_get(got, "name")), "roundtrip/size:1");
    assert_string_equal(json_string_value(json_object_get(got, "run_name")), "roundtrip/size:1");
    assert_string_equal(json_string_value(json_object_get(got, "run_type")), "iteration");
    assert_string_equal(json_string_value(json_object_get(got, "time_unit")), "ns");
    assert_string_equal(json_string_value(json_object_get(got, "wait")), "spin");
    assert_true(integer(got, "iterations") == 9007199254740993);
    assert_true(integer(got, "compile_ns") == 1234567890123456789);
    assert_int_equal(integer(got, "threads"), 1);
    assert_int_equal(integer(got, "repetitions"), 2);
    assert_int_equal(integer(got, "actors"), 3);
    assert_true(json_real_value(json_object_get(got, "real_time")) == 105.25);
    assert_true(json_real_value(json_object_get(got, "p50_ns")) == 105.25);
    assert_true(json_real_value(json_object_get(got, "cpu_time")) == 210.5);
    assert_true(json_real_value(json_object_get(got, "wakes")) == 3);
    static const char *const nulls[] = {"p99_ns", "p999_ns", "channel_bytes", "check_ns", "bad"};
    for (size_t i = 0; i < sizeof nulls / sizeof nulls[0]; i++)
        assert_true(json_is_null(json_object_get(got, nulls[i])));
    assert_int_equal(integer(json_object_get(file, "context"), "json_schema_version"), 1);
    assert_null(json_object_get(got, "block"));
    json_decref(file);
    tram_results_destroy(r);
}

static void blocks_are_written_where_there_are_any(void **state) {
    (void)state;
    static const int64_t blocks[] = {7, 0, TRAM_ABSENT};
    struct tram_results *r = tram_results_create(NULL);
    for (size_t i = 0; i < 3; i++) {
        struct tram_row row = sample_row("a/1", "a");
        row.block = blocks[i];
        assert_int_equal(tram_results_add(r, &row), 0);
    }
    json_t *file = written(r), *rows = json_object_get(file, "benchmarks");
    assert_int_equal(integer(json_array_get(rows, 0), "block"), 7);
    assert_null(json_object_get(json_array_get(rows, 1), "block"));
    assert_null(json_object_get(json_array_get(rows, 2), "block"));
    json_decref(file);
    tram_results_destroy(r);
}

static void families_and_instances(void **state) {
    (void)state;
    static const struct {
        const char *name, *scenario;
        int family, instance;
    } rows[] = {{"a/1", "a", 0, 0}, {"a/2", "a", 0, 1}, {"b/1", "b", 1, 0},
                {"a/1", "a", 0, 0}, {"b/2", "b", 1, 1}, {"a/3", "a", 0, 2}};
    struct tram_results *r = tram_results_create(NULL);
    for (size_t i = 0; i < 6; i++) {
        struct tram_row row = sample_row(rows[i].name, rows[i].scenario);
        assert_int_equal(tram_results_add(r, &row), 0);
    }
    json_t *file = written(r);
    for (size_t i = 0; i < 6; i++) {
        const json_t *got = json_array_get(json_object_get(file, "benchmarks"), i);
        assert_int_equal(integer(got, "family_index"), rows[i].family);
        assert_int_equal(integer(got, "per_family_instance_index"), rows[i].instance);
    }
    json_decref(file);
    tram_results_destroy(r);
}

static void floor_survives_a_new_context(void **state) {
    (void)state;
    struct tram_floor floor = {.cacheline_rtt_ns = 99.5, .futex_rtt_ns = NAN, .copies = 2};
    floor.copy[1] = (struct tram_floor_copy){65536, 1e10, NAN, "memcpy"};
    floor.socket_count = 1;
    floor.sockets[0] = (struct tram_floor_sockets){"scatter", 8, 1, 2e4, NAN, NAN};
    struct tram_results *r = tram_results_create(NULL);
    assert_int_equal(tram_results_set_floor(r, &floor), 0);
    assert_int_equal(tram_results_set_context(r, json_pack("{s:s}", "host_name", "h")), 0);
    json_t *file = written(r), *got = json_object_get(json_object_get(file, "context"), "floor");
    assert_true(json_real_value(json_object_get(got, "cacheline_rtt_ns")) == 99.5);
    assert_true(json_is_null(json_object_get(got, "futex_rtt_ns")));
    json_t *copy = json_array_get(json_object_get(got, "copy_bytes_per_s"), 1);
    assert_int_equal(integer(copy, "bytes"), 65536);
    assert_true(json_real_value(json_object_get(copy, "local")) == 1e10);
    assert_true(json_is_null(json_object_get(copy, "cross_core")));
    json_t *sockets = json_array_get(json_object_get(got, "socket_patterns"), 0);
    assert_string_equal(json_string_value(json_object_get(sockets, "pattern")), "scatter");
    assert_int_equal(integer(sockets, "actors"), 8);
    assert_true(json_real_value(json_object_get(sockets, "rtt_ns")) == 2e4);
    assert_true(json_is_null(json_object_get(sockets, "requests_ns")));
    assert_true(json_is_null(json_object_get(sockets, "handovers_ns")));
    assert_string_equal(json_string_value(json_object_get(json_object_get(file, "context"), "host_name")),
                        "h");
    json_decref(file);
    tram_results_destroy(r);
}

static void put(const char *name, const char *text) {
    FILE *f = fopen(name, "we");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void replaces_whole_files(void **state) {
    (void)state;
    struct stat st, link_st;
    char link_path[160];
    struct tram_results *r = tram_results_create(NULL);
    put(path, "old");
    assert_int_equal(chmod(path, 0640), 0);
    assert_int_equal(tram_results_check_path(path, why, sizeof why), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 3);
    snprintf(link_path, sizeof link_path, "%s/link", folder);
    assert_int_equal(symlink("out.json", link_path), 0);
    assert_int_equal(tram_results_write(r, link_path, why, sizeof why), 0);
    assert_int_equal(lstat(link_path, &link_st), 0);
    assert_true(S_ISLNK(link_st.st_mode));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    json_t *file = json_load_file(path, 0, NULL);
    assert_non_null(file);
    json_decref(file);
    assert_int_equal(files_in_folder(), 2);
    tram_results_destroy(r);
}

static void leftovers_are_no_obstacle(void **state) {
    (void)state;
    char stale[160];
    snprintf(stale, sizeof stale, "%s.%ld-0.tmp", path, (long)getpid());
    put(stale, "half");
    struct tram_results *r = tram_results_create(NULL);
    json_decref(written(r));
    assert_int_equal(files_in_folder(), 2);
    tram_results_destroy(r);
}

static void bad_paths_say_why(void **state) {
    (void)state;
    struct tram_results *r = tram_results_create(NULL);
    char missing[160], dangling[160], name[400];
    snprintf(missing, sizeof missing, "%s/none/out.json", folder);
    snprintf(dangling, sizeof dangling, "%s/dangling", folder);
    assert_int_equal(symlink("nothing", dangling), 0);
    memset(name, 'x', sizeof name - 1);
    memcpy(name, "/tmp/", 5);
    name[sizeof name - 1] = '\0';
    const char *const bad[] = {missing, dangling, folder, name, "", "/proc/version/x"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        why[0] = '\0';
        assert_int_equal(tram_results_check_path(bad[i], why, sizeof why), -1);
        assert_true(strlen(why) > 10);
        assert_int_equal(tram_results_write(r, bad[i], why, sizeof why), -1);
    }
    assert_int_equal(tram_results_check_path(path, why, sizeof why), 0);
    assert_int_equal(files_in_folder(), 1);
    tram_results_destroy(r);
}

/* Runs in a child whose standard output is the file; what was printed around the result must all be there. */
static void print_and_write(void) {
    struct tram_results *r = tram_results_create(NULL);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    dup2(fd, STDOUT_FILENO);
    printf("before\n");
    int bad = tram_results_check_path("/dev/stdout", why, sizeof why);
    bad |= tram_results_write(r, "/dev/stdout", why, sizeof why);
    printf("after\n");
    fflush(stdout);
    _exit(bad != 0);
}

static void standard_output_is_written_in_place(void **state) {
    (void)state;
    int status;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0)
        print_and_write();
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    char text[512] = "";
    FILE *f = fopen(path, "re");
    assert_non_null(f);
    assert_true(fread(text, 1, sizeof text - 1, f) > 0);
    fclose(f);
    assert_true(strncmp(text, "before\n{", 8) == 0);
    assert_non_null(strstr(text, "}\nafter\n"));
}

static void devices_and_pipes_are_written_directly(void **state) {
    (void)state;
    struct tram_results *r = tram_results_create(NULL);
    assert_int_equal(tram_results_check_path("/dev/null", why, sizeof why), 0);
    assert_int_equal(tram_results_write(r, "/dev/null", why, sizeof why), 0);
    struct stat st;
    assert_int_equal(stat("/dev/null", &st), 0);
    assert_true(S_ISCHR(st.st_mode));
    if (access("/dev/full", W_OK) == 0) {
        assert_int_equal(tram_results_write(r, "/dev/full", why, sizeof why), -1);
        assert_non_null(strstr(why, "No space"));
    }
    int ends[2];
    char name[32], text[256] = "";
    assert_int_equal(pipe(ends), 0);
    snprintf(name, sizeof name, "/dev/fd/%d", ends[1]);
    assert_int_equal(tram_results_write(r, name, why, sizeof why), 0);
    assert_true(read(ends[0], text, sizeof text - 1) > 0);
    assert_int_equal(text[0], '{');
    close(ends[0]);
    close(ends[1]);
    tram_results_destroy(r);
}

/* "json" is written at one path, and the other, unless it is NULL, is written as "csv" or read. */
static int apart(const char *json, const char *other, bool read) {
    const struct tram__file_name names[] = {
        {"markdown", NULL}, {"json", json}, {read ? NULL : "csv", other}, {"samples", NULL}};
    why[0] = '\0';
    return tram__outputs_apart(names, sizeof names / sizeof *names, why, sizeof why);
}

static void outputs_are_apart(void **state) {
    (void)state;
    char other[160], same[200], hard[160];
    snprintf(other, sizeof other, "%s/other", folder);
    snprintf(same, sizeof same, "%s/../%s/./out.json", folder, strrchr(folder, '/') + 1);
    snprintf(hard, sizeof hard, "%s/link", folder);
    for (int there = 0; there < 2; there++) {
        if (there)
            put(path, "old");
        assert_int_equal(apart(path, other, false), 0);
        assert_int_equal(apart(path, other, true), 0);
        assert_int_equal(apart(path, NULL, false), 0);
        assert_int_equal(apart(path, same, false), -1);
        assert_non_null(strstr(why, "--csv="));
        assert_non_null(strstr(why, ": --json="));
        assert_int_equal(apart(path, same, true), -1);
        assert_non_null(strstr(why, "--json="));
        assert_non_null(strstr(why, "is read, and would be written over"));
    }
    assert_int_equal(link(path, hard), 0);
    assert_int_equal(apart(path, hard, true), -1);
    assert_int_equal(unlink(hard), 0);
    assert_int_equal(symlink("out.json", hard), 0);
    assert_int_equal(apart(hard, path, true), -1);
    assert_int_equal(apart("/dev/null", "/dev/null", false), 0);
    assert_int_equal(chdir(folder), 0);
    assert_int_equal(apart("new", "./new", false), -1);
    assert_int_equal(apart("none/new", "none/new", false), 0); /* it is told when it cannot be written */
    assert_int_equal(chdir("/"), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(row_has_the_shape, enter, leave),
        cmocka_unit_test_setup_teardown(blocks_are_written_where_there_are_any, enter, leave),
        cmocka_unit_test_setup_teardown(families_and_instances, enter, leave),
        cmocka_unit_test_setup_teardown(floor_survives_a_new_context, enter, leave),
        cmocka_unit_test_setup_teardown(replaces_whole_files, enter, leave),
        cmocka_unit_test_setup_teardown(leftovers_are_no_obstacle, enter, leave),
        cmocka_unit_test_setup_teardown(bad_paths_say_why, enter, leave),
        cmocka_unit_test_setup_teardown(outputs_are_apart, enter, leave),
        cmocka_unit_test_setup_teardown(standard_output_is_written_in_place, enter, leave),
        cmocka_unit_test_setup_teardown(devices_and_pipes_are_written_directly, enter, leave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
