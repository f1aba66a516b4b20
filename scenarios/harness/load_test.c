/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/load.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

static void shares(void **state) {
    (void)state;
    const struct tram_load before = {
        .ns = 1000, .processes = 2, .run_delay_s = 1, .voluntary = 10, .involuntary = 4, .steal_s = 3};
    struct tram_load after = before;
    after.ns += 2000000000;
    after.run_delay_s += 0.4;
    after.voluntary += 100;
    after.involuntary += 6;
    after.steal_s += 0.5;
    struct tram_load_change c = tram_load_between(&before, &after);
    assert_true(fabs(c.run_delay_share - 0.1) < 1e-12); /* of two processes, in two seconds */
    assert_true(c.voluntary_switches_per_s == 50 && c.involuntary_switches_per_s == 3);
    assert_true(c.steal_share == 0.25 && c.throttled_share == 0);
}

/* A host's count of stolen time may step back, and what the kernel does not count is not nothing. */
static void odd_counters(void **state) {
    (void)state;
    const struct tram_load before = {.ns = 1000, .processes = 1, .steal_s = 3, .pressure_s = NAN},
                           after = {.ns = 2000000, .processes = 1, .steal_s = 2.99, .pressure_s = NAN};
    struct tram_load_change c = tram_load_between(&before, &after);
    assert_true(c.steal_share == 0);
    assert_true(isnan(c.pressure_share));
}

static void this_process(void **state) {
    (void)state;
    struct tram_load a, b;
    pid_t self = getpid();
    tram_load_read(NULL, 0, &a);
    for (int i = 0; i < 20; i++)
        usleep(1000);
    tram_load_read(&self, 1, &b);
    assert_true(a.processes == 1 && b.processes == 2 && b.ns > a.ns);
    assert_true(isnan(a.voluntary) || b.voluntary >= 2 * (a.voluntary + 20)); /* it counts twice in b */
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(shares), cmocka_unit_test(odd_counters),
                                       cmocka_unit_test(this_process)};
    return cmocka_run_group_tests_name("load", tests, NULL, NULL);
}
