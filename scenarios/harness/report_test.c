/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/report_figures.h"

static char line[512];

static bool whole_ladder(double limit, double compiled, double eager_shm, double eager, double graph_eager) {
    double p50_ns[TRAM_MODES];
    for (int m = 0; m < TRAM_MODES; m++)
        p50_ns[m] = NAN;
    p50_ns[TRAM_MODE_LIMIT] = limit;
    p50_ns[TRAM_MODE_COMPILED] = compiled;
    p50_ns[TRAM_MODE_EAGER_SHM] = eager_shm;
    p50_ns[TRAM_MODE_EAGER] = eager;
    p50_ns[TRAM_MODE_GRAPH_EAGER] = graph_eager;
    memset(line, 0, sizeof line);
    return tram_ladder(p50_ns, false, line, sizeof line);
}

static bool ladder(double limit, double compiled, double eager) {
    return whole_ladder(limit, compiled, NAN, eager, NAN);
}

static void every_rung(void **state) {
    (void)state;
    assert_true(whole_ladder(295, 334, 1000, 4090, 4499));
    assert_string_equal(line,
                        "of eager's 4.09 us: limit 7 %, the runtime (compiled - limit) 1 %, "
                        "per-call work (eager-shm - compiled) 16 %, transport (eager - eager-shm) 76 %; "
                        "graph-eager adds 10 %");
}

static void what_was_not_measured_is_stepped_over(void **state) {
    (void)state;
    assert_true(ladder(1000, NAN, 4000));
    assert_string_equal(line, "of eager's 4.00 us: limit 25 %, the runtime + per-call work + transport "
                              "(eager - limit) 75 %");
    assert_true(ladder(NAN, 1000, 4000));
    assert_string_equal(
        line, "of eager's 4.00 us: compiled 25 %, per-call work + transport (eager - compiled) 75 %");
}

static void the_slowest_is_the_whole(void **state) {
    (void)state;
    assert_true(ladder(1000, 900, NAN));
    assert_string_equal(line, "of limit's 1.00 us: limit 100 %, the runtime (compiled - limit) -10 %");
    assert_true(ladder(1000, 999, NAN)); /* not -0 */
    assert_string_equal(line, "of limit's 1.00 us: limit 100 %, the runtime (compiled - limit) 0 %");
}

static void one_rung_is_no_ladder(void **state) {
    (void)state;
    assert_false(ladder(1000, NAN, NAN));
    assert_false(ladder(NAN, NAN, NAN));
    assert_string_equal(line, "");
}

static void a_short_buffer_is_enough_for_what_fits(void **state) {
    (void)state;
    double p50_ns[TRAM_MODES];
    char small[16];
    for (int m = 0; m < TRAM_MODES; m++)
        p50_ns[m] = 1000 * (m + 1);
    assert_true(tram_ladder(p50_ns, false, small, sizeof small));
    assert_memory_equal(small, "of ", 3);
    assert_int_equal(strlen(small), sizeof small - 1);
}

/* A run of one point, one repetition. */
static void gains_are_over_the_fastest_eager(void **state) {
    (void)state;
    static const struct tram_scenario scenario = {.name = "test"};
    struct tram_point point = {.actors = 1, .inflight = 1};
    struct tram_settings settings = {.points = &point, .point_count = 1, .repetitions = 1};
    struct tram_run run = {.scenario = &scenario, .settings = &settings};
    run.trials = calloc(TRAM_MODES, sizeof *run.trials);
    for (int m = 0; m < TRAM_MODES; m++) {
        struct tram_trial *t = tram_run_trial(&run, 0, m, 0);
        t->ok = true;
        t->p50_ns = m >= TRAM_MODE_EAGER_SHM ? 3500 + 500 * (m - TRAM_MODE_EAGER_SHM) : 500;
        t->execs_per_s = m >= TRAM_MODE_EAGER_SHM ? 1e5 : 1e6;
    }
    settings.modes[TRAM_MODE_COMPILED] = true;
    assert_int_equal(tram_eager_modes(&run), 0);
    assert_true(isnan(tram_gain_over_eager(&run, 0, TRAM_MODE_COMPILED)));
    settings.modes[TRAM_MODE_EAGER] = true;
    assert_int_equal(tram_eager_modes(&run), 1);
    assert_true(tram_gain_over_eager(&run, 0, TRAM_MODE_COMPILED) == 8);
    assert_true(tram_gain_over_eager(&run, 0, TRAM_MODE_EAGER) == 1);
    settings.modes[TRAM_MODE_EAGER_SHM] = true;
    assert_true(tram_gain_over_eager(&run, 0, TRAM_MODE_COMPILED) == 7);
    point.inflight = 4; /* then by rate */
    assert_true(tram_gain_over_eager(&run, 0, TRAM_MODE_COMPILED) == 10);
    free(run.trials);
}

/* A run of one point, `repetitions` of mode compiled, for the caller to fill in. */
static struct tram_run one_mode(struct tram_settings *settings, struct tram_point *point,
                                uint64_t repetitions) {
    static const struct tram_scenario scenario = {.name = "test"};
    *point = (struct tram_point){.actors = 1, .inflight = 1};
    *settings = (struct tram_settings){.points = point, .point_count = 1, .repetitions = repetitions};
    settings->modes[TRAM_MODE_COMPILED] = true;
    struct tram_run run = {.scenario = &scenario, .settings = settings};
    run.trials = calloc(TRAM_MODES * repetitions, sizeof *run.trials);
    assert_non_null(run.trials);
    for (uint64_t i = 0; i < TRAM_MODES * repetitions; i++)
        run.trials[i].ok = true;
    return run;
}

static void a_tail_is_of_all_repetitions_or_none(void **state) {
    (void)state;
    struct tram_point point;
    struct tram_settings settings;
    struct tram_run run = one_mode(&settings, &point, 3);
    for (uint64_t i = 0; i < 3; i++) {
        struct tram_trial *t = tram_run_trial(&run, 0, TRAM_MODE_COMPILED, i);
        t->p50_ns = i ? 4e6 : 2e4;
        t->p99_ns = i ? NAN : 3e4; /* the fast one alone has samples enough */
    }
    assert_true(tram_figure(&run, 0, TRAM_MODE_COMPILED, offsetof(struct tram_trial, p50_ns)) == 4e6);
    assert_true(isnan(tram_tail(&run, 0, TRAM_MODE_COMPILED)));
    for (uint64_t i = 0; i < 3; i++)
        tram_run_trial(&run, 0, TRAM_MODE_COMPILED, i)->p99_ns = 5e6 + (double)i;
    assert_true(tram_tail(&run, 0, TRAM_MODE_COMPILED) == 5e6 + 1);
    struct tram_trial *last = tram_run_trial(&run, 0, TRAM_MODE_COMPILED, 2);
    assert_null(tram_run_failed(&run, 0, TRAM_MODE_COMPILED));
    *last = (struct tram_trial){.why = "it ended"}; /* of those that were measured */
    assert_ptr_equal(tram_run_failed(&run, 0, TRAM_MODE_COMPILED), last);
    assert_int_equal(tram_run_measured(&run, 0, TRAM_MODE_COMPILED), 2);
    assert_true(tram_tail(&run, 0, TRAM_MODE_COMPILED) == 5e6 + 0.5);
    assert_true(tram_figure(&run, 0, TRAM_MODE_COMPILED, offsetof(struct tram_trial, p50_ns)) == 2.01e6);
    free(run.trials);
}

/* The lines below the table, the caller's to free. */
static char *notes_of(const struct tram_run *run) {
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    assert_non_null(f);
    tram_report_notes(run, f);
    assert_int_equal(fclose(f), 0);
    return text;
}

static void says(const struct tram_run *run, const char *wanted) {
    char *text = notes_of(run);
    if (!strstr(text, wanted))
        fail_msg("wanted '%s' in: %s", wanted, text);
    free(text);
}

static void a_floor_above_what_it_holds_is_disturbed(void **state) {
    (void)state;
    struct tram_point point;
    struct tram_settings settings;
    struct tram_run run = one_mode(&settings, &point, 1);
    settings.modes[TRAM_MODE_LIMIT] = settings.modes[TRAM_MODE_EAGER] = true;
    settings.placement.count = 2;
    for (int m = 0; m < TRAM_MODES; m++)
        *tram_run_trial(&run, 0, m, 0) = (struct tram_trial){
            .ok = true, .p50_ns = m == TRAM_MODE_EAGER ? 4810 : 466, .idle_cpu = 0.0003, .wake_ns = 50e3};
    run.floor.cacheline_rtt_ns = 500;
    run.floor.unix_poll_rtt_ns = 3930;
    run.floor.futex_idle_rtt_ns = 119e3;
    says(&run, "limit is 0.93 x the cache-line round trip");
    says(&run, "waking it takes 50.0 us, 0.42 x a futex round trip from idle (two wakes)");
    says(&run, "eager is 1.22 x the polled AF_UNIX round trip");
    run.floor.cacheline_rtt_ns = 478e3;
    run.floor.unix_poll_rtt_ns = 478e3;
    run.floor.futex_idle_rtt_ns = 4e6;
    says(&run, "\ncache line: 478 us, disturbed; the limit took 466 ns\n");
    says(&run, "waking it takes 50.0 us, a futex round trip from idle: 4.00 ms, disturbed\n");
    says(&run, "\npolled AF_UNIX: 478 us, disturbed; eager took 4.81 us\n");
    free(run.trials);
}

static void raw_sockets_above_eager_are_disturbed(void **state) {
    (void)state;
    struct tram_point point;
    struct tram_settings settings;
    struct tram_run run = one_mode(&settings, &point, 1);
    struct tram_scenario several = {.name = "test", .actors = "8", .pattern = TRAM_PATTERN_SCATTER};
    run.scenario = &several;
    settings.modes[TRAM_MODE_EAGER] = true;
    point.actors = 8;
    tram_run_trial(&run, 0, TRAM_MODE_EAGER, 0)->p50_ns = 30e3;
    run.floor.socket_count = 1;
    run.floor.sockets[0] =
        (struct tram_floor_sockets){.actors = 8, .rtt_ns = 20e3, .requests_ns = 25e3, .handovers_ns = 3e6};
    says(&run, "eager, 8 actors, is 1.50 x the raw socket scatter");
    several.pattern = TRAM_PATTERN_CHAIN;
    says(&run, "raw socket chain, 8 actors: 3.00 ms, disturbed; eager took 30.0 us\n");
    run.floor.sockets[0].handovers_ns = 10e3;
    says(&run, "eager, 8 actors, is 1.20 x the raw socket chain");
    free(run.trials);
}

static void others_are_told(void **state) {
    (void)state;
    struct tram_point point;
    struct tram_settings settings;
    struct tram_run run = one_mode(&settings, &point, 1);
    struct tram_trial *t = tram_run_trial(&run, 0, TRAM_MODE_COMPILED, 0);
    point.actors = settings.placement.count = 2; /* they wait for one another */
    t->idle_cpu = NAN;
    t->load.run_delay_share = 0.4;
    t->load.steal_share = 0.01;
    run.environment.before.gaps.lost_share = 0.19;
    run.environment.after.gaps.lost_share = 0.03;
    char *text = notes_of(&run);
    assert_string_equal(text, "");
    free(text);
    run.environment.after.gaps.lost_share = 0.69;
    says(&run, "\nothers used these CPUs: 19% of a CPU before the run, 69% after it\n");
    t->load.steal_share = 0.12;
    says(&run, "CPUs: the host took 12% of a CPU in the median repetition of a case;\n  19% of a CPU before");
    settings.brief = true;
    says(&run, "CPUs: the host took 12% of a CPU in the median repetition of a case\n");
    point.actors = 1;
    says(
        &run,
        "CPUs: in the median repetition of a case its processes waited for one 40% of the time;\n  the host");
    t->load.steal_share = 0;
    says(&run, "waited for one 40% of the time\n");
    free(run.trials);
}

static void who_falls_behind_is_told(void **state) {
    (void)state;
    struct tram_point point;
    struct tram_settings settings;
    struct tram_run run = one_mode(&settings, &point, 2);
    char *text = NULL;
    settings.rate = 1000;
    for (int behind = 0; behind <= 2; behind++) {
        size_t size;
        if (behind)
            tram_run_trial(&run, 0, TRAM_MODE_COMPILED, (uint64_t)behind - 1)->fell_behind = true;
        FILE *f = open_memstream(&text, &size);
        assert_non_null(f);
        tram_report_missed(&run, f);
        assert_int_equal(fclose(f), 0);
        assert_true(behind || !*text);
        assert_true((behind == 1) == (strstr(text, " fell behind in 1 of 2 repetitions") != NULL));
        assert_true((behind == 2) == (strstr(text, " cannot keep up: ") != NULL));
        free(text);
    }
    free(run.trials);
}

static void figures_have_three_digits(void **state) {
    (void)state;
    static const struct {
        const char *(*print)(double, char *);
        double value;
        const char *text;
    } all[] = {
        {tram_print_rate, 28e3, "28.0k/s"},
        {tram_print_rate, 999.6e3, "1.00M/s"},
        {tram_print_rate, 999.4e3, "999k/s"},
        {tram_print_rate, 9.996e3, "10.0k/s"},
        {tram_print_rate, 2e6, "2.00M/s"},
        {tram_print_rate, 999.6, "1.00k/s"},
        {tram_print_rate, 57, "57.0/s"},
        {tram_print_rate, 0.0457, "0.0457/s"},
        {tram_print_rate, NAN, "-"},
        {tram_print_percent, 1, "100%"},
        {tram_print_percent, 0.0996, "10%"},
        {tram_print_percent, 0.046, "4.6%"},
        {tram_print_percent, 0.0003, "0.03%"},
        {tram_print_count, 1048576, "1048576"},
        {tram_print_count, 2, "2"},
        {tram_print_count, 0.123456, "0.123"},
        {tram_print_count, 999.6, "1000"},
    };
    char out[TRAM_CELL];
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        assert_string_equal(all[i].print(all[i].value, out), all[i].text);
}

static void a_large_execution_may_take_longer(void **state) {
    (void)state;
    struct tram_settings settings = {.timeout_s = -1};
    struct tram_point small = {.input.total = 64}, large = {.input.total = 24, .tensor = (size_t)1 << 30};
    assert_true(tram_timeout_s(&settings, &small) == 10);
    assert_true(tram_timeout_s(&settings, &large) == 42);
    settings.timeout_s = 1; /* as it was asked for */
    assert_true(tram_timeout_s(&settings, &large) == 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_rung),
        cmocka_unit_test(what_was_not_measured_is_stepped_over),
        cmocka_unit_test(the_slowest_is_the_whole),
        cmocka_unit_test(one_rung_is_no_ladder),
        cmocka_unit_test(a_short_buffer_is_enough_for_what_fits),
        cmocka_unit_test(gains_are_over_the_fastest_eager),
        cmocka_unit_test(a_tail_is_of_all_repetitions_or_none),
        cmocka_unit_test(a_floor_above_what_it_holds_is_disturbed),
        cmocka_unit_test(raw_sockets_above_eager_are_disturbed),
        cmocka_unit_test(others_are_told),
        cmocka_unit_test(who_falls_behind_is_told),
        cmocka_unit_test(figures_have_three_digits),
        cmocka_unit_test(a_large_execution_may_take_longer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
