/* SPDX-License-Identifier: Apache-2.0 */
#include "plots/rows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/test_support.h"
#include "plots/page.h"
#include "plots/plots_sample.h"

static char folder[64], path[128], why[TRAM__WHY];

static int enter(void **state) {
    (void)state;
    strcpy(folder, "/tmp/tram-plots-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/in.json", folder);
    return 0;
}

static int leave(void **state) {
    (void)state;
    unlink(path);
    return rmdir(folder);
}

static void write_text(const char *text, size_t size) {
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, size, f), size);
    assert_int_equal(fclose(f), 0);
}

#define ROW_OF(mode, actors)                                                       \
    "{\"name\":\"a\",\"run_name\":\"a/"                                            \
    "mode:limit\",\"run_type\":\"iteration\",\"time_unit\":\"ns\",\"real_time\":5" \
    ",\"repetitions\":1,\"iterations\":1,\"scenario\":\"a\",\"mode\":" mode        \
    ",\"payload_bytes\":1,\"actors\":" actors ",\"inflight\":1,\"repetition_index\":0,\"p50_ns\":"
#define ROW               ROW_OF("\"limit\"", "1")
#define CASE              "{\"name\":\"a\",\"verdict\":\"OK\","
#define COMPARISON(cases) "{\"tramline_comparison_version\":1,\"verdict\":\"OK\",\"cases\":[" cases "]}"
#define CONTEXT(context) \
    "{\"context\":{\"tramline_schema_version\":1," context "},\"benchmarks\":[" ROW "5}]}"
#define FLOOR(floor)  CONTEXT("\"floor\":{" floor "}")
#define FILE_OF(rows) "{\"context\":{\"tramline_schema_version\":1},\"benchmarks\":[" rows "]}"

static void says_what_is_wrong(void **state) {
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"", ": it is empty"},
        {" \n", ": it is empty"},
        {"{\"context\":", ": no JSON, or cut: line 1"},
        {"[1, 2]", ": context.tramline_schema_version is missing: no result file of Tramline"},
        {"{\"context\":{\"library_version\":\"1\"},\"benchmarks\":[]}",
         ": context.tramline_schema_version is missing: no result file of Tramline"},
        {"{\"context\":{\"tramline_schema_version\":9}}",
         ": context.tramline_schema_version: 1 is wanted, not 9"},
        {"{\"context\":{\"tramline_schema_version\":1}}", ": benchmarks: a list is wanted"},
        {FILE_OF(""), ": benchmarks: there are no rows"},
        {FILE_OF("{\"run_type\":\"aggregate\"}"), ": benchmarks: there are no rows"},
        {FILE_OF("7"), ": benchmarks[0]: an object is wanted"},
        {FILE_OF("{}"), ": benchmarks[0].run_name: a text is wanted, not missing"},
        {FILE_OF(ROW "null}"), ": benchmarks[0].p50_ns: a number above 0 is wanted, not null"},
        {FILE_OF(ROW "0}"), ": benchmarks[0].p50_ns: a number above 0 is wanted, not 0"},
        {FILE_OF(ROW "-5.5}"), ": benchmarks[0].p50_ns: a number above 0 is wanted, not -5.5"},
        {FILE_OF(ROW "\"fast\"}"), ": benchmarks[0].p50_ns: a number above 0 is wanted, not \"fast\""},
        {FILE_OF(ROW "1e300}"), ": benchmarks[0].p50_ns: a number above 0 is wanted, not 1e300"},
        {FILE_OF(ROW "5}," ROW "5,\"p99_ns\":-1}"),
         ": benchmarks[1].p99_ns: a number above 0 is wanted, not -1"},
        {FILE_OF(ROW_OF("\"limit\"", "0") "5}"),
         ": benchmarks[0].actors: a whole number from 1 to 1000000 is wanted, not 0"},
        {FILE_OF(ROW "5,\"mode\":\"eager\"}"), ": no JSON, or cut: line 1"}, /* mode stands twice */
        {FILE_OF(ROW_OF("\"\"", "1") "5}"), ": benchmarks[0].mode: a text is wanted, not \"\""},
        {FILE_OF(ROW "5}," ROW "6}"),
         ": benchmarks[1].repetition_index: a/mode:limit has a second row with 0"},
        {FILE_OF(ROW "5,\"block\":2}," ROW "6,\"block\":1}," ROW "6,\"block\":2}"),
         ": benchmarks[2].repetition_index: a/mode:limit has a second row with 0 of block 2"},
        {FILE_OF(ROW "5}," ROW "null,\"kept_up\":\"no\"}"),
         ": benchmarks[1].repetition_index: a/mode:limit has a second row with 0"},
        {FILE_OF(ROW "5}," ROW "6,\"block\":2}"),
         ": benchmarks[1].block: it is there, and rows before have none"},
        {FILE_OF(ROW "5,\"cpu_time\":\"x\"}"),
         ": benchmarks[0].cpu_time: a time from 0 to 1e19 ns is wanted, not \"x\""},
        {CONTEXT("\"num_cpus\":-5"),
         ": context.num_cpus: a whole number from 1 to 1000000 is wanted, not -5"},
        {CONTEXT("\"num_cpus\":\"x\""),
         ": context.num_cpus: a whole number from 1 to 1000000 is wanted, not \"x\""},
        {FLOOR("\"futex_rtt_ns\":1e30"),
         ": context.floor.futex_rtt_ns: 0, or a time from 0.001 to 1e19 ns is wanted, not 1e30"},
        {FLOOR("\"timer_ns\":-3"),
         ": context.floor.timer_ns: 0, or a time from 0.001 to 1e19 ns is wanted, not -3"},
        {FLOOR("\"timer_ns\":{}"),
         ": context.floor.timer_ns: 0, or a time from 0.001 to 1e19 ns is wanted, not {...}"},
        {FLOOR("\"copy_bytes_per_s\":[{\"bytes\":1,\"local\":-1}]"),
         ": context.floor.copy_bytes_per_s[0].local: 0, or a number from 0.001 to 1e19 is wanted, not -1"},
        {COMPARISON(""), ": cases: there are none"},
        {"{\"tramline_comparison_version\":2}", ": tramline_comparison_version: 1 is wanted"},
        {"{\"tramline_comparison_version\":1,\"missing\":[\"a\"]}", ": verdict: a text is wanted"},
        {COMPARISON(CASE "\"p50\":{\"ratio\":\"1\"}}"),
         ": cases[0].p50.ratio: a number above 0 is wanted, or null"},
        {COMPARISON(CASE "\"ratio\":1}"), ": cases[0].p50.ratio: a number above 0 is wanted, or null"},
        {COMPARISON(CASE "\"p50\":{\"ratio\":1,\"low\":-1,\"high\":1}}"),
         ": cases[0].p50.low: a number above 0 is wanted, or null"},
        {COMPARISON(CASE "\"p50\":{\"ratio\":1,\"low\":null}}"),
         ": cases[0].p50.high: a number above 0 is wanted, or null"},
        {COMPARISON("{\"p50\":1}"), ": cases[0].name: a text is wanted"},
        {COMPARISON("{\"name\":\"a\"}"), ": cases[0].verdict: a text is wanted"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tram__input in;
        write_text(cases[i].text, strlen(cases[i].text));
        if (tram__input_read(path, &in, why) != -1)
            fail_msg("it takes %s", cases[i].text);
        if (strncmp(why, path, strlen(path)) != 0 ||
            strncmp(why + strlen(path), cases[i].message, strlen(cases[i].message)) != 0)
            fail_msg("of %s it says: %s", cases[i].text, why);
        assert_null(strchr(why, '\n'));
    }
}

static void names_what_cannot_be_read(void **state) {
    (void)state;
    struct tram__input in;
    assert_int_equal(tram__input_read("/nonexistent/a.json", &in, why), -1);
    assert_string_equal(why, "/nonexistent/a.json: No such file or directory");
    assert_int_equal(tram__input_read("/tmp", &in, why), -1);
    assert_string_equal(why, "/tmp: Is a directory");
}

static void reads_rows(void **state) {
    (void)state;
    struct tram__input in;
    assert_int_equal(tram__sample_write(path, false), 0);
    assert_int_equal(tram__input_read(path, &in, why), 0);
    assert_int_equal(in.kind, TRAM__INPUT_RESULT);
    assert_int_equal(in.row_count, 3 * 5 * (3 + 4));
    assert_string_equal(in.rows[0].scenario, "roundtrip");
    assert_true(in.rows[0].p50_ns == 100.1);
    assert_true(in.rows[0].p999_ns != in.rows[0].p999_ns); /* null is NaN */
    assert_true(tram__json_number(in.json, "context/floor/futex_rtt_ns") == 50000);
    assert_string_equal(tram__json_text_at(in.json, "context/machine/cpu_model"), "Example CPU");
    assert_null(tram__json_at(in.json, "context/nothing/here"));
    tram__input_close(&in);
}

/* All that can be made of an input, without gnuplot. */
static void make_all(const struct tram__input *in) {
    struct tram__sets sets;
    struct tram__figures figures;
    struct tram__memory page;
    bool kinds[TRAM__KINDS];
    memset(kinds, 1, sizeof kinds);
    tram__sets_make(in, 1, &sets);
    tram__figures_make(in, 1, &sets, kinds, &figures);
    struct tram__facts *facts = calloc(sets.count + 1, sizeof *facts);
    for (uint32_t i = 0; i < sets.count; i++)
        tram__facts_make(&sets.at[i], &facts[i]);
    tram__memory_open(&page);
    tram__page_write(&(struct tram__page){
        .out = page.f, .inputs = in, .input_count = 1, .sets = &sets, .facts = facts, .figures = &figures});
    tram__memory_close(&page);
    assert_true(page.size > 1000);
    free(page.text);
    for (uint32_t i = 0; i < sets.count; i++)
        tram__facts_free(&facts[i]);
    free(facts);
    tram__figures_free(&figures);
    tram__sets_free(&sets);
}

static char *sample_text(size_t *size, bool hostile) {
    assert_int_equal(tram__sample_write(path, hostile), 0);
    FILE *f = fopen(path, "re");
    assert_non_null(f);
    char *text = malloc(1 << 20);
    *size = fread(text, 1, 1 << 20, f);
    fclose(f);
    return text;
}

static void cut_files_are_refused(void **state) {
    (void)state;
    struct tram__input in;
    size_t size;
    char *text = sample_text(&size, false);
    for (size_t cut = 0; cut + 3 < size; cut += 1 + size / 211) {
        write_text(text, cut);
        assert_int_equal(tram__input_read(path, &in, why), -1);
    }
    free(text);
}

/* Bytes are changed where they make other JSON: digits, letters, signs. What is still read must be drawn without
 * harm. */
static void changed_files_do_no_harm(void **state) {
    (void)state;
    static const char others[] = "0123456789-+.eE,:[]{}\"x\\n";
    uint64_t random = tram__test_seed();
    struct tram__input in;
    size_t size, read = 0;
    char *text = sample_text(&size, true), *changed = malloc(size);
    for (int i = 0; i < (TRAM__TEST_SANITIZED ? 150 : 400); i++) {
        memcpy(changed, text, size);
        for (uint64_t k = 0; k <= tram__test_random(&random) % 4; k++)
            changed[tram__test_random(&random) % size] =
                others[tram__test_random(&random) % (sizeof others - 1)];
        write_text(changed, size);
        if (tram__input_read(path, &in, why))
            continue;
        make_all(&in);
        tram__input_close(&in);
        read++;
    }
    assert_true(read > 10);
    free(changed);
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(says_what_is_wrong, enter, leave),
        cmocka_unit_test(names_what_cannot_be_read),
        cmocka_unit_test_setup_teardown(reads_rows, enter, leave),
        cmocka_unit_test_setup_teardown(cut_files_are_refused, enter, leave),
        cmocka_unit_test_setup_teardown(changed_files_do_no_harm, enter, leave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
