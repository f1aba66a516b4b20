/* SPDX-License-Identifier: Apache-2.0 */
#include "plots/figure.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "plots/facts.h"
#include "plots/plots_sample.h"

static char path[64], why[TRAM__WHY];
static struct tram__input in;
static struct tram__sets sets;
static struct tram__figures figures;

static int open_sample(bool hostile) {
    bool kinds[TRAM__KINDS];
    memset(kinds, 1, sizeof kinds);
    snprintf(path, sizeof path, "/tmp/tram-figure-test-%ld.json", (long)getpid());
    if (tram__sample_write(path, hostile) || tram__input_read(path, &in, why))
        return -1;
    tram__sets_make(&in, 1, &sets);
    tram__figures_make(&in, 1, &sets, kinds, &figures);
    return 0;
}

static int enter(void **state) {
    (void)state;
    return open_sample(false);
}

static int enter_hostile(void **state) {
    (void)state;
    return open_sample(true);
}

static int leave(void **state) {
    (void)state;
    tram__figures_free(&figures);
    tram__sets_free(&sets);
    tram__input_close(&in);
    return unlink(path);
}

static const struct tram__figure *figure(const char *name) {
    for (uint32_t i = 0; i < figures.count; i++)
        if (strcmp(figures.at[i].name, name) == 0)
            return &figures.at[i];
    fail_msg("no figure %s", name);
    return NULL;
}

static void has_every_kind_there_is_data_for(void **state) {
    (void)state;
    static const char *const names[] = {"roundtrip-ladder",
                                        "roundtrip-latency",
                                        "roundtrip-speedup",
                                        "roundtrip-percentiles-b1",
                                        "roundtrip-percentiles-b1024",
                                        "roundtrip-percentiles-b1048576",
                                        "roundtrip-order",
                                        "chain-ladder",
                                        "chain-speedup-i1",
                                        "chain-speedup-i4",
                                        "chain-speedup-a2",
                                        "chain-speedup-a4",
                                        "chain-scaling-i1",
                                        "chain-scaling-i4",
                                        "chain-throughput-a2",
                                        "chain-throughput-a4",
                                        "chain-percentiles-a2-i1",
                                        "chain-percentiles-a2-i4",
                                        "chain-percentiles-a4-i4",
                                        "chain-order"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        figure(names[i]);
    assert_int_equal(figures.count, sizeof names / sizeof *names);
}

static void tables_are_exact(void **state) {
    (void)state;
    assert_string_equal(figure("chain-ladder")->table,
                        "row\tcase\tmode\tp50_ns\tfrom_percent\tto_percent\tof_ns\n"
                        "0\t1 B, 2 actors\tlimit\t2020\t0\t10\t20200\n"
                        "0\t1 B, 2 actors\tcompiled\t2525\t10\t12.5\t20200\n"
                        "0\t1 B, 2 actors\teager-shm\t8080\t12.5\t40\t20200\n"
                        "0\t1 B, 2 actors\teager\t20200\t40\t100\t20200\n"
                        "1\t1 B, 4 actors\tlimit\t4040\t0\t10\t40400\n"
                        "1\t1 B, 4 actors\tcompiled\t5050\t10\t12.5\t40400\n"
                        "1\t1 B, 4 actors\teager-shm\t16160\t12.5\t40\t40400\n"
                        "1\t1 B, 4 actors\teager\t40400\t40\t100\t40400\n");
    assert_string_equal(
        figure("chain-speedup-i1")->table,
        "actors\tfastest_eager\tlimit_speedup\tlimit_low\tlimit_high\tcompiled_speedup\tcompiled_low"
        "\tcompiled_high\n"
        "2\teager-shm\t4\t4\t4\t3.2\t3.2\t3.2\n"
        "4\teager-shm\t4\t4\t4\t3.2\t3.2\t3.2\n");
    /* The band is from p5 to p95, and where those are missing that of the repetitions. */
    assert_non_null(
        strstr(figure("chain-scaling-i1")->table,
               "\n2\t2020\t1800\t4000\t2525\t2250\t5000\t8080\t7200\t16000\t20200\t18000\t40000\t22220\t"
               "19800\t44000\t8000\n4\t"));
    assert_non_null(strstr(figure("chain-scaling-i1")->words, "from p5 to p95 of the executions"));
    assert_non_null(strstr(figure("chain-scaling-i1")->words, "timed singly, with the timer in them"));
    assert_null(strstr(figure("chain-scaling-i4")->words, "timed singly"));
    assert_non_null(strstr(figure("chain-scaling-i4")->table, "\n2\t2020\t2000\t2040\t2525\t2500\t2550\t"));
    assert_non_null(strstr(figure("chain-scaling-i4")->words, "from the smallest to the largest repetition"));
    assert_non_null(strstr(figure("roundtrip-percentiles-b1")->table, "\np99\t100\t300.3\t300.3\t300.3\t"));
    assert_null(strstr(figure("roundtrip-percentiles-b1")->table, "p99.9"));
    assert_non_null(strstr(figure("roundtrip-latency")->table, "\tNaN\n1048576\t")); /* 1024: no floor */
    assert_non_null(strstr(figure("roundtrip-latency")->table, "\t209715\n"));
    assert_non_null(strstr(figure("roundtrip-latency")->words, "One copy: "));
    assert_non_null(strstr(figure("roundtrip-order")->table, "limit\t3\t102.102\t0.9901\t1 B\n"));
}

static void ladders_name_their_steps(void **state) {
    (void)state;
    assert_non_null(strstr(figure("chain-ladder")->words,
                           "to compiled is the runtime, from there to eager-shm "
                           "the per-call work, from there to eager the transport."));
}

/* The ladder of chain again, after the test changed the set. */
static const char *chain_ladder(void) {
    bool kinds[TRAM__KINDS] = {[TRAM__KIND_LADDER] = true};
    tram__figures_free(&figures);
    tram__figures_make(&in, 1, &sets, kinds, &figures);
    return figure("chain-ladder")->words;
}

static void ladders_tell_steps_that_copy(void **state) {
    (void)state;
    static const char wanted[] =
        "compiled is the runtime, from there to eager-shm the copies and the per-call "
        "work, from there to eager the transport.";
    sets.at[1].loan = true;
    assert_non_null(strstr(chain_ladder(), wanted));
    sets.at[1].loan = false;
    sets.at[1].tensors = true;
    assert_non_null(strstr(chain_ladder(), wanted));
}

/* limit, eager-shm and graph-eager are not there: as modes that the suite does not know. */
static void ladders_tell_only_steps_that_are_there(void **state) {
    (void)state;
    sets.at[1].modes[0].role = sets.at[1].modes[2].role = TRAM__ROLE_OTHER;
    assert_non_null(
        strstr(chain_ladder(), "lies. From compiled to eager is the per-call work and the transport."));
}

static void ladders_name_cases_of_another_order(void **state) {
    (void)state;
    assert_null(strstr(figure("chain-ladder")->words, "Not so"));
    for (uint32_t i = 0; i < in.row_count; i++)
        if (strcmp(in.rows[i].mode, "eager") == 0 && in.rows[i].actors == 4)
            in.rows[i].p50_ns = 15000;
    assert_non_null(strstr(chain_ladder(), " Not so where the order is another: at 1 B, 4 actors (eager took "
                                           "less than eager-shm); a step back cannot be shown."));
}

static void by_loan_no_copy_is_drawn(void **state) {
    (void)state;
    bool kinds[TRAM__KINDS] = {[TRAM__KIND_LATENCY] = true};
    tram__figures_free(&figures);
    sets.at[0].loan = true;
    tram__figures_make(&in, 1, &sets, kinds, &figures);
    assert_non_null(strstr(figure("roundtrip-latency")->table, "\tNaN\n"));
    assert_null(strstr(figure("roundtrip-latency")->table, "\t209715\n"));
    assert_null(strstr(figure("roundtrip-latency")->script, "one copy"));
    assert_null(strstr(figure("roundtrip-latency")->words, "One copy: "));
    assert_null(strstr(figure("roundtrip-latency")->words, "timed singly")); /* the line is as well */
}

/* A p50 of batches may lie below the p5 of executions that were timed singly: the figures are as measured. */
static void bands_are_as_measured(void **state) {
    (void)state;
    bool kinds[TRAM__KINDS] = {[TRAM__KIND_SCALING] = true};
    for (uint32_t i = 0; i < in.row_count; i++)
        if (strcmp(in.rows[i].mode, "limit") == 0 && in.rows[i].inflight == 1)
            in.rows[i].p5_ns = 3000;
    tram__figures_free(&figures);
    tram__figures_make(&in, 1, &sets, kinds, &figures);
    assert_non_null(strstr(figure("chain-scaling-i1")->table, "\n2\t2020\t3000\t4000\t2525\t2250\t5000\t"));
}

/* Too few executions of eager for a p99, and a repetition of limit far off. */
static void percentiles_tell_what_is_not_drawn(void **state) {
    (void)state;
    bool kinds[TRAM__KINDS] = {[TRAM__KIND_PERCENTILES] = true, [TRAM__KIND_ORDER] = true};
    const struct tram__figure *f = figure("roundtrip-percentiles-b1");
    assert_non_null(strstr(f->script, "'p50' 2, 'p90' 10, 'p95' 20, 'p99' 100)"));
    assert_null(strstr(f->subtitle, "△"));
    for (uint32_t i = 0; i < in.row_count; i++) {
        if (strcmp(in.rows[i].mode, "eager") == 0)
            in.rows[i].p99_ns = NAN;
        if (strcmp(in.rows[i].mode, "limit") == 0 && in.rows[i].repetition == 2)
            in.rows[i].p50_ns = in.rows[i].p99_ns = 1e7;
    }
    tram__figures_free(&figures);
    tram__figures_make(&in, 1, &sets, kinds, &figures);
    f = figure("roundtrip-percentiles-b1");
    assert_non_null(strstr(f->words, "Curves that end early, for too few executions: eager at p95."));
    assert_string_equal(f->subtitle,
                        "1 B; medians, bars least to most; △: farther; short curve: too few samples");
    assert_non_null(strstr(f->script, ":($5 > "));
    assert_non_null(strstr(figure("roundtrip-order")->script,
                           "eq 'limit' && $4 > 100 ? 97 : NaN) with points lc 1 pt 8"));
    assert_non_null(strstr(figure("roundtrip-order")->subtitle, "; △: farther"));
}

static void scripts_stand_alone(void **state) {
    (void)state;
    for (uint32_t i = 0; i < figures.count; i++) {
        const struct tram__figure *f = &figures.at[i];
        char output[2 * TRAM__TITLE];
        snprintf(output, sizeof output, "\nset output '%s.svg'\nplot '%s.tsv'", f->name, f->name);
        if (!strstr(f->script, output))
            fail_msg("%s: %s", f->name, f->script);
        assert_non_null(strstr(f->script, "\nset colorsequence podo\n"));
        assert_non_null(strstr(f->script, "\nreplot\n"));
        assert_true(strlen(f->words) > 40);
    }
}

static void scaling_has_its_slope(void **state) {
    (void)state;
    /* compiled: 2525 and 5050 ns for 2 and 4 actors */
    assert_non_null(strstr(figure("chain-scaling-i1")->script, "title 'compiled +1.26\u00a0µs'"));
    assert_non_null(strstr(figure("chain-scaling-i1")->words, "compiled 1.26\u00a0µs"));
}

static void gains_are_by_rate_when_executions_overlap(void **state) {
    (void)state;
    const struct tram__set *s = &sets.at[1];
    struct tram__at at = {{1, 2, 4}};
    assert_string_equal(s->scenario, "chain");
    struct tram__range g = tram__gain(s, 1, 2, &at);
    assert_true(fabs(g.mid - 3.2) < 1e-9 && fabs(g.low - 3.2) < 1e-9 && g.count == 3);
    assert_int_equal(tram__fastest_eager(s, &at), 2);
    at.v[TRAM__AXIS_ACTORS] = 3;
    assert_true(isnan(tram__gain(s, 1, 2, &at).mid));
    assert_int_equal(tram__fastest_eager(s, &at), -1);
}

static void facts_find_the_extremes(void **state) {
    (void)state;
    struct tram__facts f;
    tram__facts_make(&sets.at[0], &f);
    assert_int_equal(f.count, 3);
    assert_int_equal(f.at[f.best].at.v[TRAM__AXIS_BYTES], 1);
    assert_int_equal(f.at[f.worst].at.v[TRAM__AXIS_BYTES], 1048576);
    assert_int_equal(f.at[f.nearest].at.v[TRAM__AXIS_BYTES], 1048576);
    assert_int_equal(f.at[f.farthest].at.v[TRAM__AXIS_BYTES], 1);
    tram__facts_free(&f);
}

static void intervals_say_how_surely_they_cover(void **state) {
    (void)state;
    assert_true(tram__coverage(0) == 0 && tram__coverage(1) == 0);
    assert_true(tram__coverage(3) == 75 && tram__coverage(5) == 93.75);
    assert_true(fabs(tram__coverage(6) - 96.875) < 1e-9);
    assert_true(fabs(tram__coverage(9) - 100 * (1 - 2 * 10.0 / 512)) < 1e-9); /* one left off at either end */
    assert_true(tram__coverage(100) >= 95 && tram__coverage(100) < 97.5);
}

/* No text of a file may end a string of gnuplot's, begin a command, or be two columns. */
static void foreign_texts_are_made_plain(void **state) {
    (void)state;
    assert_true(figures.count > 10);
    for (uint32_t i = 0; i < figures.count; i++) {
        const struct tram__figure *f = &figures.at[i];
        assert_null(strpbrk(f->script, "`&"));
        assert_null(strstr(f->script, "'_script_'"));
        assert_null(strpbrk(f->table, "`<\"\\"));
        assert_null(strstr(f->script, "\u202e"));
        assert_null(strstr(f->script, "\ufffe"));
        assert_null(strstr(f->table, "\u202e"));
        assert_true(strspn(f->name, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(f->name));
        size_t quotes = 0;
        for (const char *p = f->script; *p; p++) {
            quotes += *p == '\'';
            if (*p == '\n') {
                assert_int_equal(quotes % 2, 0);
                quotes = 0;
            }
        }
    }
}

static void numbers_are_told_in_three_digits(void **state) {
    (void)state;
    char out[TRAM__CELL], slug[8], plain[8];
    assert_string_equal(tram__print_ns(304.4, out), "304\u00a0ns");
    assert_string_equal(tram__print_ns(999.6, out), "1.00\u00a0µs");
    assert_string_equal(tram__print_ns(1.5e9, out), "1.50\u00a0s");
    assert_string_equal(tram__print_ns(NAN, out), "-");
    assert_string_equal(tram__print_ratio(12.34, out), "12.3\u00a0×");
    assert_string_equal(tram__print_tick(2e4, "/s", out), "20 k/s");
    assert_string_equal(tram__print_tick(5e-9 * 1e9, "ns", out), "5 ns");
    assert_string_equal(tram__slug("../A b--C/..", slug, sizeof slug), "a-b-c");
    assert_string_equal(tram__plot_text("a\tb'µµµ", plain, sizeof plain),
                        "a_b_µ"); /* no half of a character */
    assert_string_equal(tram__plot_text("\u202eb\ufffe", plain, sizeof plain), "?b?");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(has_every_kind_there_is_data_for, enter, leave),
        cmocka_unit_test_setup_teardown(tables_are_exact, enter, leave),
        cmocka_unit_test_setup_teardown(ladders_name_their_steps, enter, leave),
        cmocka_unit_test_setup_teardown(ladders_tell_steps_that_copy, enter, leave),
        cmocka_unit_test_setup_teardown(ladders_tell_only_steps_that_are_there, enter, leave),
        cmocka_unit_test_setup_teardown(ladders_name_cases_of_another_order, enter, leave),
        cmocka_unit_test_setup_teardown(by_loan_no_copy_is_drawn, enter, leave),
        cmocka_unit_test_setup_teardown(bands_are_as_measured, enter, leave),
        cmocka_unit_test_setup_teardown(percentiles_tell_what_is_not_drawn, enter, leave),
        cmocka_unit_test_setup_teardown(scripts_stand_alone, enter, leave),
        cmocka_unit_test_setup_teardown(scaling_has_its_slope, enter, leave),
        cmocka_unit_test_setup_teardown(gains_are_by_rate_when_executions_overlap, enter, leave),
        cmocka_unit_test_setup_teardown(facts_find_the_extremes, enter, leave),
        cmocka_unit_test(intervals_say_how_surely_they_cover),
        cmocka_unit_test_setup_teardown(foreign_texts_are_made_plain, enter_hostile, leave),
        cmocka_unit_test(numbers_are_told_in_three_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
