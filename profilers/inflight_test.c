/* SPDX-License-Identifier: Apache-2.0
 *
 * What is in flight on each edge, of made-up runs: known to the byte and to the nanosecond.
 */
#include "profilers/inflight.h"
#include "profilers/testing.h"

struct change {
    uint64_t edge, ns, bytes;
};
static struct change seen[64];
static uint32_t seen_count;

static void see(void *arg, uint32_t edge, uint64_t ns, uint64_t bytes) {
    (void)arg;
    assert_true(seen_count < 64);
    seen[seen_count++] = (struct change){edge, ns - SYNTHETIC_BEGIN, bytes};
}

static void expect(const struct change *all, uint32_t count) {
    char why[TRAM__RUN_WHY] = "";
    struct tram__run run;
    GOOD(tram__run_open(&run, folder, why, sizeof why), why);
    struct tram__writer w = {.run = &run};
    seen_count = 0;
    assert_true(tram__inflight_tell(&w, see, NULL));
    for (uint32_t i = 0; i < seen_count; i++)
        if (i >= count || memcmp(&seen[i], &all[i], sizeof *all) != 0)
            print_error("change %u: edge %llu at %llu: %llu bytes\n", i, (unsigned long long)seen[i].edge,
                        (unsigned long long)seen[i].ns, (unsigned long long)seen[i].bytes);
    assert_int_equal(seen_count, count);
    assert_memory_equal(seen, all, count * sizeof *all);
    tram__run_close(&run);
}

/* The driver (0) writes c0, which both actors read, and c1, which the second reads: edges 0, 1 and 2. */
static void graph(void) {
    static const char text[] = "tramline graph 1\ngraph 7\n"
                               "participant 0 0 driver\nparticipant 1 1 A#0\nparticipant 2 2 B#0\n"
                               "channel 0 0 0 64 c0 all\nreader 0 1\nreader 0 2\n"
                               "channel 1 0 0 64 c1 one\nreader 1 2\nschedule\n";
    synthetic_file(folder, "graph-7", text, sizeof text - 1);
}

static void ring(uint32_t actor, struct tram__event *e, uint64_t count) {
    for (uint64_t i = 0; i < count; i++)
        e[i].time += SYNTHETIC_BEGIN;
    struct synthetic_ring r = {.folder = folder,
                               .process = "one",
                               .thread = "main",
                               .actor = actor,
                               .pid = 50 + (int)actor,
                               .tid = 50 + (int)actor,
                               .number = 1,
                               .first = {SYNTHETIC_BEGIN, SYNTHETIC_BEGIN, 0},
                               .last = {SYNTHETIC_BEGIN + 9000, SYNTHETIC_BEGIN + 9000, 0},
                               .events = e,
                               .count = count};
    synthetic_write(&r);
}

static struct tram__event bytes(uint32_t channel, uint64_t size, uint64_t at) {
    return synthetic_event(TRAM__EVENT_BYTES, channel, 7, size, at, at);
}
static struct tram__event wrote(uint32_t channel, uint64_t n, uint64_t begin, uint64_t end) {
    return synthetic_event(TRAM__EVENT_WRITE, channel, 7, n, begin, end);
}
static struct tram__event read_by(uint32_t channel, uint64_t n, uint64_t begin, uint64_t end) {
    return synthetic_event(TRAM__EVENT_READ_WAIT, channel, 7, n, begin, end);
}

static void sizes_and_readers(void **state) {
    (void)state;
    graph();
    struct tram__event driver[] = {bytes(0, 100, 10), wrote(0, 1, 10, 50), wrote(0, 2, 60, 90),
                                   bytes(0, 7, 100), wrote(0, 3, 100, 130)};
    struct tram__event a[] = {read_by(0, 1, 0, 40) /* before the WRITE has ended */, read_by(0, 2, 40, 95),
                              read_by(0, 3, 95, 125)};
    struct tram__event b[] = {read_by(0, 1, 0, 110)}; /* and no more */
    ring(0, driver, 5);
    ring(1, a, 3);
    ring(2, b, 1);
    const struct change all[] = {{0, 10, 100}, {1, 10, 100}, {0, 40, 0},    {0, 60, 100},  {1, 60, 200},
                                 {0, 95, 0},   {0, 100, 7},  {1, 100, 207}, {1, 110, 107}, {0, 125, 0}};
    expect(all, sizeof all / sizeof *all);
}

/* The results of one task are published when the first is told; what nobody was seen to read goes with what came after it. */
static void published_together(void **state) {
    (void)state;
    graph();
    struct tram__event driver[] = {bytes(0, 1, 10), wrote(0, 1, 10, 50), bytes(1, 2, 50), wrote(1, 1, 50, 60),
                                   wrote(1, 2, 70, 80)};
    struct tram__event b[] = {read_by(1, 2, 20, 90), read_by(1, 5, 90, 95) /* that was not written */};
    ring(0, driver, 5);
    ring(2, b, 2);
    const struct change all[] = {{0, 10, 1}, {1, 10, 1}, {2, 10, 2}, {2, 70, 4}, {2, 90, 0}};
    expect(all, sizeof all / sizeof *all);
}

/* What was written before sizes were told, as in a ring that is torn, is left out. */
static void no_size(void **state) {
    (void)state;
    graph();
    struct tram__event driver[] = {wrote(0, 1, 10, 50), bytes(9, 5, 60), bytes(1, 5, 70),
                                   wrote(1, 2, 70, 80)};
    ring(0, driver, 4);
    const struct change all[] = {{2, 70, 5}};
    expect(all, 1);
}

static void counters_in_a_trace(void **state) {
    (void)state;
    enum { ACTORS = 2, EXECUTIONS = 300 };
    char name[300], why[TRAM__RUN_WHY] = "";
    uint32_t graph_id;
    struct tram__counts c;
    synthetic_chain(folder, ACTORS, EXECUTIONS, TRAM__CLOCK_TSC);
    assert_int_equal(test_round(false, &c, NULL).samples, 2 * EXECUTIONS + 2 * EXECUTIONS * (ACTORS + 1));
    struct tram__run run;
    GOOD(tram__run_open(&run, folder, why, sizeof why), why);
    assert_true(tram__inflight_name(&run, 1, name, sizeof name, &graph_id));
    assert_string_equal(name, "c1 Stage#0.step -> Stage#1, bytes in flight");
    assert_int_equal(graph_id, 1);
    assert_false(tram__inflight_name(&run, ACTORS + 1, name, sizeof name, &graph_id));
    tram__run_close(&run);
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, enter, leave)
    const struct CMUnitTest tests[] = {TEST(sizes_and_readers), TEST(published_together), TEST(no_size),
                                       TEST(counters_in_a_trace)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
