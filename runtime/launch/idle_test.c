/* SPDX-License-Identifier: Apache-2.0
 *
 * A compiled graph that waits costs next to no CPU, whether the driver waits in a get or is away.
 */
#include "testing.h"

#include <time.h>

enum { ACTORS = 3, WATCH_MS = 2000, GOAL_PERCENT = 1, BOUND_PERCENT = 10 };

static struct tram_actor *a[ACTORS];

/* CPU time of this process and all actors. */
static uint64_t cpu_ns(void) {
    uint64_t total = 0;
    for (int i = -1; i < ACTORS; i++) {
        clockid_t clock;
        struct timespec t;
        assert_int_equal(clock_getcpuclockid(i < 0 ? 0 : tram_actor_pid(a[i]), &clock), 0);
        assert_int_equal(clock_gettime(clock, &t), 0);
        total += (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
    }
    return total;
}

static void report(const char *what, uint64_t start_ns, uint64_t cpu_before) {
    double percent = 100.0 * (double)(cpu_ns() - cpu_before) / (double)(test_now_ns() - start_ns);
    printf("%s: %.3f%% of one CPU for the driver and %d actors (goal %d%%)\n", what, percent, (int)ACTORS,
           (int)GOAL_PERCENT);
    assert_true(percent < BOUND_PERCENT);
}

static void idle(enum tram_thread thread) {
    struct tram_compile_options options = {.thread = thread};
    struct tram_compiled *x = test_chain(64, &options, "obey", ACTORS, a);
    struct tram_ref r;
    for (uint64_t i = 0; i < 200; i++) { /* every place has learnt how long to spin */
        char byte = DO_NOTHING;
        OK(tram_execute(x, &byte, 1, &r));
        OK(tram_get(&r, &byte, 1, NULL, 10));
    }
    uint64_t start = test_now_ns(), before = cpu_ns();
    test_pause_ms(WATCH_MS);
    report("driver away", start, before);
    start = test_now_ns();
    before = cpu_ns();
    struct test_order_bytes o = {.order = DO_SLEEP, .ms = WATCH_MS / ACTORS};
    OK(tram_execute(x, &o, sizeof o, &r));
    OK(tram_get(&r, &o, sizeof o, NULL, 20)); /* everyone waits for the one that sleeps */
    report("driver in a get", start, before);
    OK(tram_teardown(x));
}

static void threads_of_their_own(void **state) {
    (void)state;
    idle(TRAM_THREAD_OWN);
}

static void main_threads(void **state) {
    (void)state;
    idle(TRAM_THREAD_MAIN);
}

int main(int argc, char **argv) {
    if (tram_init(&argc, &argv, test_classes, &test_runtime) != TRAM_OK)
        return 1;
    static const char *const names[ACTORS] = {"ann", "bob", "cat"};
    for (int i = 0; i < ACTORS; i++)
        a[i] = test_actor(names[i]);
    const struct CMUnitTest tests[] = {cmocka_unit_test(threads_of_their_own),
                                       cmocka_unit_test(main_threads)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tram_fini(test_runtime);
    return failed;
}
