/* SPDX-License-Identifier: Apache-2.0
 *
 * Summaries of made-up runs, whose critical path is known to the nanosecond; from the folder, and from the trace of it.
 */
#include "profilers/command.h"
#include "profilers/summary.h"
#include "profilers/testing.h"

#include <jansson.h>
#include <math.h>
#include <unistd.h>

enum { ACTORS = 4, EXECUTIONS = 500 };

static struct tram__source source;
static struct tram__summary summary;

static void make(const char *what, uint64_t only) {
    char why[TRAM__RUN_WHY] = "";
    GOOD(tram__source_open(&source, what, why, sizeof why), why);
    GOOD(tram__summary_make(&summary, &source, only, why, sizeof why), why);
}
static void forget(void) {
    tram__summary_free(&summary);
    tram__source_close(&source);
}

/* The parts of every path are all of it. */
static void parts_are_the_whole(const struct tram__graph_sum *g) {
    uint64_t sum = g->driver.ns + g->busy.ns + g->unknown.ns;
    for (uint32_t t = 0; t < g->graph->task_count; t++)
        sum += g->tasks_critical[t].ns;
    for (uint32_t e = 0; e < g->edge_count; e++)
        sum += g->edges[e].critical.ns;
    for (uint32_t c = 0; c < g->graph->channel_count; c++)
        sum += g->writes_critical[c].ns;
    assert_int_equal(sum, g->total.ns);
}

static void check_chain(const struct tram__graph_sum *g, uint64_t paths) {
    parts_are_the_whole(g);
    assert_int_equal(g->paths, paths);
    assert_int_equal(g->total.ns, paths * (1080 + 500 * ACTORS));
    assert_int_equal(g->driver.ns, paths * (100 + 80)); /* copies in, and copies out */
    assert_int_equal(g->unknown.ns, 0);
    assert_int_equal(g->edge_count, ACTORS + 1);
    for (uint32_t e = 0; e <= ACTORS; e++) {
        uint64_t ns = e == 0 ? 400 : e < ACTORS ? 250 : 750;
        assert_int_equal(g->edges[e].critical.ns, paths * ns);
        assert_int_equal(g->edges[e].critical.count, paths);
        assert_int_equal(g->edges[e].latency.ns, g->edges[e].latency.count * ns);
        assert_int_equal(g->edges[e].most_depth, 1);
        double all = (double)(g->edges[e].latency.count - 1) * SYNTHETIC_STEP_NS + (double)ns;
        assert_true(fabs(g->edges[e].depth - (double)g->edges[e].latency.ns / all) < 1e-9);
    }
    for (uint32_t t = 0; t < ACTORS; t++) {
        assert_int_equal(g->tasks_critical[t].ns, paths * 250);
        assert_int_equal(g->tasks[t].ns % 250, 0);
    }
}

static void a_chain(void **state) {
    (void)state;
    struct tram__counts c;
    for (uint32_t clock = 0; clock < 2; clock++) {
        synthetic_chain(folder, ACTORS, EXECUTIONS, clock);
        test_round(clock, &c, NULL);
        for (int k = 0; k < 2; k++) {
            make(k ? path : folder, 0);
            assert_int_equal(summary.graph_count, 1);
            const struct tram__graph_sum *g = &summary.graphs[0];
            assert_int_equal(g->executions, EXECUTIONS);
            assert_int_equal(g->p50_ns, 1080 + 500 * ACTORS);
            assert_int_equal(g->looked_at, EXECUTIONS);
            assert_int_equal(g->compute_sum_ns, EXECUTIONS * ACTORS * 250);
            assert_int_equal(g->compute_union_ns, EXECUTIONS * ACTORS * 250); /* one after the other */
            check_chain(g, g->paths);
            forget();
            make(k ? path : folder, 77);
            check_chain(&summary.graphs[0], 1);
            forget();
        }
    }
}

/* An actor that sleeps in its waits burns less. */
static void sleeps(void **state) {
    (void)state;
    synthetic_chain(folder, 1, 2, TRAM__CLOCK_MONOTONIC);
    const uint64_t at = SYNTHETIC_BEGIN;
    struct tram__event e[] = {synthetic_event(TRAM__EVENT_SLEEP, 0, 0, 0, at + 100, at + 400),
                              synthetic_event(TRAM__EVENT_SLEEP, 0, 0, 0, at + 500, at + 600),
                              synthetic_event(TRAM__EVENT_READ_WAIT, 0, 1, 1, at, at + 1000),
                              synthetic_event(TRAM__EVENT_COMPUTE, 1, 1, 1, at + 1000, at + 1500)};
    struct synthetic_ring r = {.folder = folder,
                               .process = "Stage#0",
                               .thread = "graph 1",
                               .actor = 1,
                               .pid = 4243,
                               .tid = 5243,
                               .number = 1,
                               .first = {at - 1, at - 1, 0},
                               .last = {at + 9999, at + 9999, 0},
                               .events = e,
                               .count = 4};
    synthetic_write(&r);
    struct tram__counts c;
    test_round(false, &c, NULL);
    for (int k = 0; k < 2; k++) {
        make(k ? path : folder, 0);
        const struct tram__actor_sum *a = &summary.graphs[0].actors[1];
        assert_int_equal(a->read_wait.ns, 1000);
        assert_int_equal(a->slept, 400);
        assert_int_equal(a->compute.ns, 500);
        forget();
    }
}

static void printed(void **state) {
    (void)state;
    char *text = NULL;
    size_t size;
    synthetic_chain(folder, ACTORS, EXECUTIONS, TRAM__CLOCK_TSC);
    make(folder, 0);
    FILE *f = open_memstream(&text, &size);
    assert_non_null(f);
    assert_int_equal(tram__summary_json(&summary, f), 0);
    fclose(f);
    json_t *j = json_loads(text, 0, NULL), *graph = json_array_get(json_object_get(j, "graphs"), 0);
    assert_int_equal(json_integer_value(json_object_get(graph, "p50_ns")), 1080 + 500 * ACTORS);
    json_t *p = json_object_get(graph, "critical_path");
    double sum = 0;
    static const char *const parts[] = {"driver_ns", "tasks_ns", "edges_ns", "writes_ns", "unattributed_ns"};
    for (size_t i = 0; i < 5; i++)
        sum += json_real_value(json_object_get(p, parts[i]));
    assert_true(sum > 1080 + 500 * ACTORS - 1e-6 && sum < 1080 + 500 * ACTORS + 1e-6);
    json_decref(j);
    free(text);
    f = open_memstream(&text, &size);
    tram__summary_table(&summary, f);
    fclose(f);
    assert_non_null(strstr(text, "unattributed"));
    assert_non_null(strstr(text, "c1 Stage#0.step -> Stage#1"));
    free(text);
    f = open_memstream(&text, &size);
    tram__summary_dot(&summary, f);
    fclose(f);
    assert_non_null(strstr(text, "color=red"));
    free(text);
    forget();
}

/* Whatever the events are, it ends, and the parts are the whole. */
static void random_events(void **state) {
    (void)state;
    uint64_t random = synthetic_now_ns();
    print_message("seed %llu\n", (unsigned long long)random);
    for (int round = 0; round < 30; round++) {
        struct tram__event e[600];
        synthetic_chain(folder, ACTORS, 100, TRAM__CLOCK_MONOTONIC);
        for (uint32_t a = 0; a <= ACTORS; a++) {
            for (int i = 0; i < 600; i++) {
                uint64_t v = synthetic_random(&random),
                         begin = SYNTHETIC_BEGIN + v % 40 * (round % 2 ? 1 : 977);
                e[i] = synthetic_event((enum tram__event_kind)(1 + v / 64 % TRAM__EVENT_EXECUTION),
                                       (uint32_t)(v / 4096 % 7), 1, 1 + v / 65536 % 30, begin,
                                       begin + v / (1 << 24) % 3000);
            }
            struct synthetic_ring r = {.folder = folder,
                                       .process = "any",
                                       .thread = "any",
                                       .actor = a,
                                       .pid = 4242 + (int)a,
                                       .tid = 9000 + (int)a,
                                       .number = 1,
                                       .first = {1, 1, 0},
                                       .last = {1, 1, 0},
                                       .events = e,
                                       .count = 600};
            synthetic_write(&r);
        }
        make(folder, 0);
        parts_are_the_whole(&summary.graphs[0]);
        forget();
    }
}

static void bad_input(void **state) {
    (void)state;
    char why[TRAM__RUN_WHY] = "", number[] = "--execution=0", none[] = "--execution=100000";
    synthetic_chain(folder, 1, 10, TRAM__CLOCK_MONOTONIC);
    synthetic_file(folder, "notes", "x", 1);
    char file[80];
    snprintf(file, sizeof file, "%s/notes", folder);
    assert_int_equal(tram__source_open(&source, file, why, sizeof why), -1);
    assert_non_null(strstr(why, file));
    assert_int_equal(tram__command_summary(2, (char *[]){folder, number}), 2);
    assert_int_equal(tram__command_summary(2, (char *[]){folder, none}), 2);
    assert_int_equal(tram__command_summary(0, NULL), 2);
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, enter, leave)
    const struct CMUnitTest tests[] = {TEST(a_chain), TEST(sleeps), TEST(printed), TEST(random_events),
                                       TEST(bad_input)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
