/* SPDX-License-Identifier: Apache-2.0
 *
 * Gaps are found where there are some: two spinning processes share one CPU, and each is kept from it.
 */
#include "harness/gaps.h"

#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static struct tram__cpus one_cpu(void) {
    struct tram__cpus all;
    tram__cpus_usable(&all);
    all.count = 1;
    return all;
}

static void a_rival(void **state) {
    (void)state;
    struct tram__cpus cpu = one_cpu();
    struct tram_noise_gaps gaps;
    pid_t rival = fork();
    if (rival == 0) {
        tram__cpus_bind(cpu.cpu[0]);
        for (;;)
            ;
    }
    assert_true(rival > 0);
    tram_gaps_measure(&cpu, 0.5, &gaps);
    kill(rival, SIGKILL);
    assert_int_equal(waitpid(rival, NULL, 0), rival);
    assert_true(gaps.lost_share > 0.1 && gaps.lost_share <= 1);
    assert_true(gaps.longest_ns > TRAM_GAP_NS && gaps.per_s > 0);
    assert_int_equal(gaps.cpu, cpu.cpu[0]);
}

static void no_cpu(void **state) {
    (void)state;
    struct tram__cpus none = {.count = 0};
    struct tram_noise_gaps gaps;
    tram_gaps_measure(&none, 0.01, &gaps);
    assert_true(isnan(gaps.lost_share) && isnan(gaps.longest_ns) && gaps.cpu == -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_rival), cmocka_unit_test(no_cpu)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
