/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/floor.h"

#include <errno.h>
#include <math.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cpus.h"
#include "base/seam.h"

static char why[512];
static const size_t sizes[] = {1, 4096, 1000003, 4 << 20};

static struct tram_floor_params params_on(int cpu, int peer_cpu) {
    return (struct tram_floor_params){.cpu = cpu,
                                      .peer_cpu = peer_cpu,
                                      .copy_sizes = sizes,
                                      .copy_count = 4,
                                      .figure_s = 0.02,
                                      .copy_s = 0.01};
}

static void assert_no_children(void) {
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

static void show(const char *where, const struct tram_floor *f, double seconds) {
    printf("%s in %.2f s: cache line %.0f ns, futex %.0f ns, socket %.0f ns, polled %.0f ns, timer %.1f ns "
           "by %.0f\n",
           where, seconds, f->cacheline_rtt_ns, f->futex_rtt_ns, f->unix_rtt_ns, f->unix_poll_rtt_ns,
           f->timer_ns, f->timer_step_ns);
    for (size_t i = 0; i < f->copies; i++)
        printf("  copy %zu B: local %.2f GB/s, cross %.2f GB/s by %s\n", f->copy[i].bytes,
               f->copy[i].local / 1e9, f->copy[i].cross_core / 1e9, f->copy[i].cross_core_kernel);
}

static void measure_on(const char *where, int cpu, int peer_cpu) {
    struct tram_floor f;
    struct tram_floor_params p = params_on(cpu, peer_cpu);
    uint64_t t0 = tram__now_ns();
    if (tram_floor_measure(&p, &f, why, sizeof why) != 0)
        fail_msg("%s", why);
    show(where, &f, (double)(tram__now_ns() - t0) / 1e9);
    assert_no_children();
    const double figures[] = {f.cacheline_rtt_ns, f.futex_rtt_ns, f.unix_rtt_ns,
                              f.unix_poll_rtt_ns, f.timer_ns,     f.timer_step_ns};
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++)
        assert_true(figures[i] > 0 && figures[i] < 1e9);
    assert_int_equal(f.copies, 4);
    for (size_t i = 0; i < f.copies; i++) {
        assert_int_equal(f.copy[i].bytes, sizes[i]);
        assert_true(f.copy[i].local > 0 && isfinite(f.copy[i].local));
        assert_true(f.copy[i].cross_core > 0 && isfinite(f.copy[i].cross_core));
        assert_non_null(f.copy[i].cross_core_kernel);
    }
}

static void two_cpus(void **state) {
    (void)state;
    struct tram__cpus cpus;
    cpu_set_t before, after;
    tram__cpus_usable(&cpus);
    if (cpus.count < 2) {
        printf("skipped: only one CPU\n");
        skip();
    }
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    measure_on("two CPUs", cpus.cpu[0], cpus.cpu[1]);
    assert_int_equal(sched_getaffinity(0, sizeof after, &after), 0);
    assert_true(CPU_EQUAL(&before, &after));
}

static void one_cpu(void **state) {
    (void)state;
    struct tram__cpus cpus;
    tram__cpus_usable(&cpus);
    measure_on("one CPU", cpus.cpu[0], cpus.cpu[0]);
}

static void mistakes_are_errors(void **state) {
    (void)state;
    struct tram_floor f;
    struct tram__cpus cpus;
    tram__cpus_usable(&cpus);
    const size_t nothing = 0;
    struct tram_floor_params p = params_on(cpus.cpu[0], 1023);
    assert_int_equal(tram_floor_measure(&p, &f, why, sizeof why), -1);
    assert_non_null(strstr(why, "1023"));
    p = params_on(-1, cpus.cpu[0]);
    assert_int_equal(tram_floor_measure(&p, &f, why, sizeof why), -1);
    p = params_on(cpus.cpu[0], cpus.cpu[0]);
    p.copy_count = TRAM_FLOOR_MAX_SIZES + 1;
    assert_int_equal(tram_floor_measure(&p, &f, why, sizeof why), -1);
    p.copy_sizes = &nothing, p.copy_count = 1;
    assert_int_equal(tram_floor_measure(&p, &f, why, sizeof why), -1);
    assert_no_children();
}

/* Root is exempt from the limit on processes, so the limit is set on another user in a child of the test. */
static void no_more_processes(void) {
    struct tram_floor f;
    struct tram__cpus cpus;
    tram__cpus_usable(&cpus);
    struct tram_floor_params p = params_on(cpus.cpu[0], cpus.cpu[0]);
    const struct rlimit none = {0, 0};
    if ((geteuid() == 0 && setresuid(65534, 65534, 65534) != 0) || setrlimit(RLIMIT_NPROC, &none) != 0)
        _exit(77);
    int result = tram_floor_measure(&p, &f, why, sizeof why);
    _exit(result == -1 && strstr(why, "fork") ? 0 : 1);
}

static void failing_fork_is_an_error(void **state) {
    (void)state;
    int status;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0)
        no_more_processes();
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77)
        skip();
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* A child of `parent` other than `but`, waited for up to 5 s; 0 when there is none or the kernel does not
 * tell. */
static pid_t child_of(pid_t parent, pid_t but) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)parent, (int)parent);
    for (int i = 0; i < 5000; i++, usleep(1000)) {
        FILE *f = fopen(path, "re");
        if (!f)
            return 0;
        int pid, found = 0;
        while (fscanf(f, "%d", &pid) == 1)
            if (pid != but)
                found = pid;
        fclose(f);
        if (found)
            return found;
    }
    return 0;
}

/* Whichever figure is being measured when the other process is killed, the answer is an error, and soon. */
static void death_of_the_peer_is_an_error(void **state) {
    (void)state;
    struct tram_floor f;
    struct tram__cpus cpus;
    int status;
    tram__cpus_usable(&cpus);
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    if (access(path, R_OK) != 0)
        skip();
    for (unsigned delay_ms = 30; delay_ms < 390; delay_ms += 60) {
        pid_t killer = fork();
        if (killer == 0) {
            usleep(delay_ms * 1000);
            pid_t victim = child_of(getppid(), getpid());
            _exit(victim ? kill(victim, SIGKILL) != 0 : 1);
        }
        struct tram_floor_params p = params_on(cpus.cpu[0], cpus.cpu[cpus.count - 1]);
        p.figure_s = 0.06, p.copy_s = 1;
        uint64_t t0 = tram__now_ns();
        assert_int_equal(tram_floor_measure(&p, &f, why, sizeof why), -1);
        printf("killed after %u ms: %s\n", delay_ms, why);
        assert_non_null(strstr(why, "died"));
        assert_true(tram__now_ns() - t0 < UINT64_C(3000000000));
        assert_int_equal(waitpid(killer, &status, 0), killer);
        assert_int_equal(status, 0);
        assert_no_children();
    }
}

static void measure_for_ever(void) {
    struct tram_floor f;
    struct tram__cpus cpus;
    tram__cpus_usable(&cpus);
    struct tram_floor_params p = params_on(cpus.cpu[0], cpus.cpu[cpus.count - 1]);
    p.figure_s = 30;
    tram_floor_measure(&p, &f, why, sizeof why);
    _exit(1);
}

static void peer_dies_with_this_process(void **state) {
    (void)state;
    /* The orphan is handed to us, so that its end can be waited for. */
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    pid_t pid = fork();
    if (pid == 0)
        measure_for_ever();
    pid_t peer = child_of(pid, 0);
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    if (peer) {
        int status;
        assert_int_equal(waitpid(peer, &status, 0), peer);
        assert_true(status != 0);
    }
    assert_no_children();
}

static void medians(void **state) {
    (void)state;
    struct tram_floor all[3], f;
    memset(all, 0, sizeof all);
    for (int i = 0; i < 3; i++) {
        all[i].cacheline_rtt_ns = 100 + i;
        all[i].futex_rtt_ns = i == 1 ? NAN : 10 + i;
        all[i].unix_rtt_ns = NAN;
        all[i].copies = 1;
        all[i].copy[0] = (struct tram_floor_copy){64, 5.0 - i, 7.0 + i, "memcpy"};
    }
    tram_floor_median(all, 3, &f);
    assert_true(f.cacheline_rtt_ns == 101);
    assert_true(f.futex_rtt_ns == 11);
    assert_true(isnan(f.unix_rtt_ns));
    assert_true(f.copy[0].local == 4 && f.copy[0].cross_core == 8);
    assert_int_equal(f.copy[0].bytes, 64);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(medians),
        cmocka_unit_test(mistakes_are_errors),
        cmocka_unit_test(failing_fork_is_an_error),
        cmocka_unit_test(death_of_the_peer_is_an_error),
        cmocka_unit_test(peer_dies_with_this_process),
        cmocka_unit_test(one_cpu),
        cmocka_unit_test(two_cpus),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
