/* SPDX-License-Identifier: Apache-2.0
 *
 * Sets of which one was spoilt are compared and written in every form, or refused with a line. Forms of JSON are whole, or
 * say that memory ran out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "results/compare_write.h"
#include "results/testing.h"

enum { BLOCKS = 9, ROOM = 16384 };

static char path[] = "/tmp/tram-compare-XXXXXX", why[512];

static size_t make(char *text, double factor) {
    int n = snprintf(
        text, ROOM,
        "{\"context\": {\"tramline_schema_version\": 1, \"num_cpus\": 2, \"run\": {\"argv\": [\"./a\", "
        "\"--size=1\", \"--json\"]}, \"floor\": {\"timer_step_ns\": 10}}, \"benchmarks\": [\n");
    for (int block = 1; block <= BLOCKS; block++)
        for (int k = 0; k < 2; k++)
            n += snprintf(
                text + n, ROOM - (size_t)n,
                "%s{\"name\":\"%s\",\"run_name\":\"%s\",\"run_type\":\"iteration\",\"repetitions\":1,"
                "\"repetition_index\":0,\"iterations\":9,\"real_time\":%.3f,\"cpu_time\":2.5,\"time_unit\":"
                "\"ns\",\"block\":%d,\"p99_ns\":%d,\"copies_per_exec\":%d,\"run_delay_share\":0.%d,"
                "\"batch\":%d}\n",
                block + k > 1 ? "," : "", k ? "one" : "two", k ? "one" : "two", (100 + block) * factor, block,
                200 + block, 2 + k, block, 1 + block % 2);
    return (size_t)n + (size_t)snprintf(text + n, ROOM - (size_t)n, "]}\n");
}

static int read_text(const char *text, size_t size, struct tram_result_set *out) {
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, size, f), size);
    fclose(f);
    return tram_result_set_read(path, out, why, sizeof why);
}

static void all_forms(const struct tram_comparison *c, FILE *f) {
    static int (*const forms[])(const struct tram_comparison *, FILE *) = {
        tram_comparison_table, tram_comparison_markdown, tram_comparison_json,   tram_comparison_csv,
        tram_comparison_junit, tram_comparison_gbench,   tram_comparison_bencher};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        assert_int_equal(forms[i](c, f), 0);
}

static void spoilt_sets(void **state) {
    (void)state;
    static char good[ROOM], text[ROOM];
    const struct tram_decide_options o = {0.05, 0.01};
    unsigned rounds = test_random_begin(1500), taken = 0, verdicts[5] = {0};
    struct tram_result_set base, other;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    FILE *f = fopen("/dev/null", "we");
    assert_non_null(f);
    assert_int_equal(read_text(good, make(good, 1), &base), 0);
    size_t size = make(good, 1.001);
    for (unsigned i = 0; i < rounds; i++) {
        struct tram_comparison c;
        memcpy(text, good, size);
        why[0] = '\0';
        if (read_text(text, test_spoil(text, size, sizeof text), &other)) {
            assert_true(why[0] && !strchr(why, '\n'));
            continue;
        }
        bool swap = test_draw(2), again = test_draw(3) == 0;
        if (tram_compare(swap ? &other : &base, swap ? &base : &other, again ? &other : NULL, &o, &c, why,
                         sizeof why)) {
            assert_true(why[0] && !strchr(why, '\n') && !strstr(why, "memory"));
        } else {
            all_forms(&c, f);
            verdicts[c.verdict]++;
            tram_comparison_free(&c);
        }
        taken++;
        tram_result_set_free(&other);
    }
    print_message("%u of %u sets were compared:", taken, rounds);
    for (enum tram_verdict v = TRAM_VERDICT_OK; v <= TRAM_VERDICT_ENVIRONMENT; v++)
        print_message(" %u %s", verdicts[v], tram_verdict_text(v));
    print_message("\n");
    tram_result_set_free(&base);
    fclose(f);
    unlink(path);
}

static size_t left; /* allocations of JSON until one fails; those after it do not */
static bool ran_out;

static void *scarce(size_t size) {
    bool now = left-- == 0;
    ran_out |= now;
    return now ? NULL : malloc(size);
}

static void nothing_is_dropped(void **state) {
    (void)state;
    static int (*const forms[])(const struct tram_comparison *, FILE *) = {
        tram_comparison_json, tram_comparison_gbench, tram_comparison_bencher};
    static char good[ROOM];
    const struct tram_decide_options o = {0.05, 0.01};
    struct tram_result_set base;
    struct tram_comparison c;
    snprintf(path, sizeof path, "/tmp/tram-compare-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(read_text(good, make(good, 1), &base), 0);
    assert_int_equal(tram_compare(&base, &base, NULL, &o, &c, why, sizeof why), 0);
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        char *whole, *text;
        size_t size, failed = 0;
        FILE *f = open_memstream(&whole, &size);
        assert_int_equal(forms[i](&c, f), 0);
        fclose(f);
        do {
            f = open_memstream(&text, &size);
            left = failed++;
            ran_out = false;
            json_set_alloc_funcs(scarce, free);
            int status = forms[i](&c, f);
            json_set_alloc_funcs(malloc, free);
            fclose(f);
            if (!status)
                assert_string_equal(text, whole);
            free(text);
        } while (ran_out);
        assert_true(failed > 20);
        free(whole);
    }
    tram_comparison_free(&c);
    tram_result_set_free(&base);
    unlink(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(spoilt_sets), cmocka_unit_test(nothing_is_dropped)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
