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

#include "base/seam.h"

static char why[512];
static struct tram__cpus cpus;

static struct tram_floor_sockets_params params_of(enum tram_pattern pattern, uint32_t actors) {
    return (struct tram_floor_sockets_params){.pattern = pattern,
                                              .actors = actors,
                                              .bytes = 1,
                                              .reply = 1,
                                              .block_ns = 30000,
                                              .placement = &cpus,
                                              .figure_s = 0.03};
}

static void assert_no_children(void) {
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

static unsigned open_descriptors(void) {
    unsigned n = 0;
    for (int fd = 0; fd < 256; fd++)
        n += dup2(fd, fd) == fd;
    return n;
}

static void assert_figure(double ns) {
    assert_true(ns > 0 && ns < 1e10);
}

static void measure(const struct tram_floor_sockets_params *p) {
    struct tram_floor_sockets f;
    if (tram_floor_measure_sockets(p, &f, why, sizeof why) != 0)
        fail_msg("%s", why);
    printf("%s of %u on %u CPUs, wait %d, %zu B: %.0f ns, hand-overs alone %.0f ns\n", f.pattern, f.actors,
           p->placement->count, (int)p->wait, f.bytes, f.rtt_ns, f.handovers_ns);
    assert_int_equal(f.actors, p->actors);
    assert_int_equal(f.bytes, p->bytes);
    assert_figure(f.rtt_ns);
    if (p->pattern == TRAM_PATTERN_CHAIN)
        assert_figure(f.handovers_ns);
    else
        assert_true(isnan(f.handovers_ns));
    assert_int_equal(isnan(f.requests_ns), isnan(f.handovers_ns));
    assert_no_children();
}

static void every_pattern_and_wait(void **state) {
    (void)state;
    static const uint32_t actors[] = {1, 2, 5};
    cpu_set_t before, after;
    unsigned open = open_descriptors();
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    for (int pattern = TRAM_PATTERN_CHAIN; pattern <= TRAM_PATTERN_SCATTER; pattern++) {
        for (int wait = TRAM_WAIT_AUTO; wait <= TRAM_WAIT_SPIN; wait++) {
            for (size_t i = 0; i < 3; i++) {
                struct tram_floor_sockets_params p = params_of((enum tram_pattern)pattern, actors[i]);
                p.wait = (enum tram_wait)wait;
                p.bytes = p.reply = i ? TRAM_FLOOR_SOCKET_BYTES : 1;
                measure(&p);
            }
        }
    }
    assert_int_equal(sched_getaffinity(0, sizeof after, &after), 0);
    assert_true(CPU_EQUAL(&before, &after));
    assert_int_equal(open_descriptors(), open);
}

static void one_cpu(void **state) {
    (void)state;
    struct tram__cpus one = {.count = 1, .usable = 1, .cpu = {cpus.cpu[0]}};
    struct tram_floor_sockets_params p = params_of(TRAM_PATTERN_CHAIN, 3);
    p.placement = &one;
    measure(&p);
    p.pattern = TRAM_PATTERN_SCATTER;
    p.reply = 64;
    measure(&p);
}

/* Spinning with far more processes than CPUs: with or without a figure, it ends. */
static void it_ends_in_time(void **state) {
    (void)state;
    struct tram_floor_sockets f;
    struct tram__cpus one = {.count = 1, .usable = 1, .cpu = {cpus.cpu[0]}};
    struct tram_floor_sockets_params p = params_of(TRAM_PATTERN_CHAIN, 40);
    p.placement = &one;
    p.wait = TRAM_WAIT_SPIN;
    uint64_t t0 = tram__now_ns();
    assert_int_equal(tram_floor_measure_sockets(&p, &f, why, sizeof why), 0);
    double took_s = (double)(tram__now_ns() - t0) / 1e9;
    printf("40 spinning on one CPU: %.0f ns and %.0f ns, in %.2f s\n", f.rtt_ns, f.handovers_ns, took_s);
    assert_true(took_s < 20); /* this process waits for its turn like the others */
    assert_true(isnan(f.rtt_ns) || f.rtt_ns > 0);
    assert_no_children();
}

static void mistakes_are_errors(void **state) {
    (void)state;
    struct tram_floor_sockets f;
    struct tram_floor_sockets_params p = params_of(TRAM_PATTERN_CHAIN, 0);
    assert_int_equal(tram_floor_measure_sockets(&p, &f, why, sizeof why), -1);
    p = params_of(TRAM_PATTERN_CHAIN, 1);
    p.bytes = TRAM_FLOOR_SOCKET_BYTES + 1;
    assert_int_equal(tram_floor_measure_sockets(&p, &f, why, sizeof why), -1);
    assert_non_null(strstr(why, "65 bytes"));
    p = params_of(TRAM_PATTERN_SCATTER, 1);
    p.reply = 0;
    assert_int_equal(tram_floor_measure_sockets(&p, &f, why, sizeof why), -1);
    struct tram__cpus none = {.count = 1, .usable = 1, .cpu = {1023}};
    p = params_of(TRAM_PATTERN_SCATTER, 2);
    p.placement = &none;
    assert_int_equal(tram_floor_measure_sockets(&p, &f, why, sizeof why), -1);
    assert_non_null(strstr(why, "1023"));
    assert_no_children();
}

/* Half of the pairs can be made: what was started is ended and closed. */
static void lack_of_descriptors_is_an_error(void **state) {
    (void)state;
    struct tram_floor_sockets f;
    struct rlimit old, few;
    unsigned open = open_descriptors();
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    few = old;
    for (few.rlim_cur = open + 2; few.rlim_cur < open + 12; few.rlim_cur++) {
        struct tram_floor_sockets_params p = params_of(TRAM_PATTERN_CHAIN, 20);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
        assert_int_equal(tram_floor_measure_sockets(&p, &f, why, sizeof why), -1);
        assert_non_null(strstr(why, "socketpair"));
        assert_no_children();
    }
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_int_equal(open_descriptors(), open);
}

/* Child number `n` of `parent`, not counting `but`, waited for up to 5 s; 0 when the kernel does not tell. */
static pid_t child_of(pid_t parent, pid_t but, int n) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)parent, (int)parent);
    for (int i = 0; i < 5000; i++, usleep(1000)) {
        FILE *f = fopen(path, "re");
        if (!f)
            return 0;
        int pid, found = 0, seen = 0;
        while (!found && fscanf(f, "%d", &pid) == 1)
            if (pid != but && seen++ == n)
                found = pid;
        fclose(f);
        if (found)
            return found;
    }
    return 0;
}

static bool kernel_names_children(void) {
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    return access(path, R_OK) == 0;
}

/* Whichever of the processes is killed, the answer is an error, and soon. */
static void death_of_one_is_an_error(void **state) {
    (void)state;
    struct tram_floor_sockets f;
    int status;
    if (!kernel_names_children())
        skip();
    for (int i = 0; i < 12; i++) {
        int victim = i % 4;
        pid_t killer = fork();
        if (killer == 0) {
            usleep(50000);
            pid_t pid = child_of(getppid(), getpid(), victim);
            _exit(pid ? kill(pid, SIGKILL) != 0 : 1);
        }
        struct tram_floor_sockets_params p = params_of(i < 8 ? TRAM_PATTERN_CHAIN : TRAM_PATTERN_SCATTER, 4);
        p.figure_s = 5;
        p.wait = i < 4 ? TRAM_WAIT_BLOCK : TRAM_WAIT_AUTO;
        uint64_t t0 = tram__now_ns();
        assert_int_equal(tram_floor_measure_sockets(&p, &f, why, sizeof why), -1);
        assert_non_null(strstr(why, "died"));
        assert_true(tram__now_ns() - t0 < UINT64_C(3000000000));
        assert_int_equal(waitpid(killer, &status, 0), killer);
        assert_int_equal(status, 0);
        assert_no_children();
    }
}

static void measure_for_ever(void) {
    struct tram_floor_sockets f;
    struct tram_floor_sockets_params p = params_of(TRAM_PATTERN_CHAIN, 3);
    p.figure_s = 30;
    tram_floor_measure_sockets(&p, &f, why, sizeof why);
    _exit(1);
}

static void they_die_with_this_process(void **state) {
    (void)state;
    if (!kernel_names_children())
        skip();
    /* The orphans are handed to us, so that their end can be waited for. */
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    pid_t pid = fork();
    if (pid == 0)
        measure_for_ever();
    assert_true(child_of(pid, 0, 2) > 0);
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    for (int i = 0; i < 3; i++)
        assert_true(waitpid(-1, NULL, 0) > 0);
    assert_no_children();
}

static void medians(void **state) {
    (void)state;
    static struct tram_floor all[3], f;
    for (int i = 0; i < 3; i++) {
        all[i].socket_count = 2;
        all[i].sockets[0] = (struct tram_floor_sockets){"chain", 2, 1, 30 + i, 40 + i, i == 1 ? NAN : 10 + i};
        all[i].sockets[1] = (struct tram_floor_sockets){"chain", 4, 1, 70 - i, NAN, NAN};
    }
    tram_floor_median(all, 3, &f);
    assert_int_equal(f.socket_count, 2);
    assert_true(f.sockets[0].rtt_ns == 31 && f.sockets[0].handovers_ns == 11);
    assert_true(f.sockets[0].requests_ns == 41);
    assert_true(f.sockets[1].rtt_ns == 69 && isnan(f.sockets[1].handovers_ns));
    assert_int_equal(f.sockets[1].actors, 4);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(medians),
        cmocka_unit_test(mistakes_are_errors),
        cmocka_unit_test(lack_of_descriptors_is_an_error),
        cmocka_unit_test(death_of_one_is_an_error),
        cmocka_unit_test(they_die_with_this_process),
        cmocka_unit_test(one_cpu),
        cmocka_unit_test(every_pattern_and_wait),
        cmocka_unit_test(it_ends_in_time),
    };
    tram__cpus_usable(&cpus);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
