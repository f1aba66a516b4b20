/* SPDX-License-Identifier: Apache-2.0
 *
 * However a driver ends, nothing of it stays; and while it lives, its own children and signals stay its own.
 *
 * A driver under test is this program executed again as "driver_end_test drive STATE END". It and all that it starts
 * carry a mark in the environment, by which they are found in /proc.
 */
#include "testing.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { READY_FD = 9, GONE_MS = 10000 };

static char mark[64]; /* NAME=value */

/* ---- the driver under test ------------------------------------------------------------------------------- */

static void end_myself(const char *how) {
    if (strcmp(how, "exit") == 0)
        exit(0); /* without tram_fini */
    if (strcmp(how, "_exit") == 0)
        _exit(0);
    if (strcmp(how, "segv") == 0) {
        signal(SIGSEGV, SIG_DFL);
        raise(SIGSEGV);
    }
    for (;;) /* someone kills me */
        pause();
}

static void say_ready(void) {
    if (write(READY_FD, "r", 1) != 1)
        _exit(90);
}

/* STATE is "early": ready before there is any actor; "idle": with a graph compiled; "busy": executing it. */
static int drive(const char *state, const char *how) {
    struct tram_actor *a[2];
    struct tram_graph *g;
    struct tram_compiled *x;
    struct tram_ref r, call;
    static char data[100000];
    if (strcmp(state, "early") == 0)
        say_ready();
    for (int i = 0; i < 2; i++)
        if (tram_actor_create(test_runtime, "Test", NULL, &a[i]))
            return 91;
    tram_graph_create(test_runtime, &g);
    struct tram_node n = tram_graph_bind(g, a[0], "echo", tram_graph_input(g, sizeof data));
    tram_graph_output(g, tram_graph_bind(g, a[1], "echo", n));
    if (tram_graph_compile(g, NULL, &x))
        return 92;
    if (strcmp(state, "early") != 0)
        say_ready();
    bool busy = strcmp(state, "idle") != 0, endless = strcmp(how, "wait") == 0;
    for (int i = 0; busy && (i < 20 || endless); i++) {
        if (tram_execute(x, data, sizeof data, &r) || tram_call(a[0], "echo", data, sizeof data, &call) ||
            tram_get(&r, data, sizeof data, NULL, 10) || tram_get(&call, data, sizeof data, NULL, 10))
            return 93;
    }
    if (busy) /* and with work under way */
        tram_execute(x, data, sizeof data, &r);
    end_myself(how);
    return 0;
}

/* ---- finding what is left -------------------------------------------------------------------------------- */

static bool has_mark(const char *pid) {
    char path[300];
    static char text[1 << 18];
    snprintf(path, sizeof path, "/proc/%s/environ", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n, used = 0;
    while (used < (ssize_t)sizeof text && (n = read(fd, text + used, sizeof text - (size_t)used)) > 0)
        used += n;
    close(fd);
    return used > 0 && memmem(text, (size_t)used, mark, strlen(mark)) != NULL;
}

/* Living processes that carry the mark; one that is dead and not yet reaped has no environment left. */
static int marked_processes(void) {
    int count = 0;
    DIR *d = opendir("/proc");
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));)
        if (e->d_name[0] >= '1' && e->d_name[0] <= '9' && atoi(e->d_name) != getpid() && has_mark(e->d_name))
            count++;
    closedir(d);
    return count;
}

static int shm_names(void) {
    int count = 0;
    DIR *d = opendir("/dev/shm");
    for (struct dirent *e; d && (e = readdir(d));)
        count += strstr(e->d_name, "tram") != NULL;
    if (d)
        closedir(d);
    return count;
}

static void nothing_is_left(const char *state, const char *how) {
    int left = 0;
    for (int ms = 0; (left = marked_processes()) && ms < GONE_MS; ms += 10)
        test_pause_ms(10);
    if (left)
        print_error("driver %s, ended by %s: %d processes are left\n", state, how, left);
    assert_int_equal(left, 0);
    assert_int_equal(shm_names(), 0);
}

/* ---- ends ------------------------------------------------------------------------------------------------ */

static pid_t start_driver(const char *state, const char *how, int *ready) {
    int pair[2];
    assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        char program[] = "driver_end_test", verb[] = "drive", first[16], second[16];
        char *const argv[] = {program, verb, first, second, NULL};
        snprintf(first, sizeof first, "%s", state);
        snprintf(second, sizeof second, "%s", how);
        setpgid(0, 0);
        putenv(mark);
        if (dup2(pair[1], READY_FD) < 0 || fcntl(READY_FD, F_SETFD, 0) != 0)
            _exit(126);
        execv("/proc/self/exe", argv);
        _exit(127);
    }
    close(pair[1]);
    *ready = pair[0];
    return pid;
}

/* `signal` 0: the driver ends itself. */
static void end_driver(const char *state, const char *how, int signal_number, unsigned delay_us) {
    int ready, status;
    char byte;
    pid_t pid = start_driver(state, how, &ready);
    assert_int_equal(read(ready, &byte, 1), 1);
    if (strcmp(state, "idle") == 0 && signal_number)
        assert_int_equal(marked_processes(),
                         4); /* driver, supervisor, actors: they are found while they live */
    if (signal_number) {
        usleep(delay_us);
        assert_int_equal(kill(signal_number == SIGINT ? -pid : pid, signal_number), 0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    close(ready);
    if (signal_number) {
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), signal_number);
    } else if (WIFEXITED(status)) { /* 9x: it did not come that far */
        assert_false(WEXITSTATUS(status) >= 90 && WEXITSTATUS(status) < 100);
    }
    nothing_is_left(state, signal_number ? strsignal(signal_number) : how);
}

static void end_in_every_way(const char *state) {
    static const int signals[] = {SIGKILL, SIGINT, SIGTERM};
    static const char *const own[] = {"exit", "_exit", "segv"};
    for (size_t i = 0; i < 3; i++) {
        end_driver(state, "wait", signals[i], 20000);
        end_driver(state, own[i], 0, 0);
    }
}

static void idle(void **state) {
    (void)state;
    end_in_every_way("idle");
}

static void busy(void **state) {
    (void)state;
    end_in_every_way("busy");
}

/* At any moment from before the supervisor's start until well into the first executions. */
static void while_starting(void **state) {
    (void)state;
    unsigned random = 12345;
    for (int i = 0; i < (SANITIZED ? 40 : 150); i++) {
        random = random * 1103515245u + 12345u;
        unsigned most = SANITIZED ? 150000 : i % 2 ? 6000 : 25000;
        end_driver("early", "wait", i % 4 == 3 ? SIGINT : SIGKILL, random / 65536 % most);
    }
}

/* ---- a host program with a life of its own --------------------------------------------------------------- */

enum { CHILDREN = 64 };
static _Atomic int seen_pids[CHILDREN];
static _Atomic int seen;

static void on_child(int number, siginfo_t *info, void *context) {
    (void)number;
    (void)context;
    int i = atomic_fetch_add(&seen, 1);
    if (i < CHILDREN)
        atomic_store(&seen_pids[i], info->si_pid);
}

static pid_t own_child(int code) {
    pid_t pid = fork();
    if (pid == 0)
        _exit(code);
    assert_true(pid > 0);
    return pid;
}

static void own_children_stay_own(void **state) {
    (void)state;
    struct sigaction act = {.sa_sigaction = on_child, .sa_flags = SA_SIGINFO | SA_RESTART}, old;
    struct tram *t;
    struct tram_actor *a, *b;
    pid_t mine[3];
    int status;
    sigemptyset(&act.sa_mask);
    sigaction(SIGCHLD, &act, &old);
    mine[0] = own_child(5);
    OK(tram_init(NULL, NULL, test_classes, &t));
    OK(tram_actor_create(t, "Test", NULL, &a));
    mine[1] = own_child(6);
    OK(tram_actor_create(t, "Test", NULL, &b));
    test_echo_call(a, "echo", 100, 1);
    kill(tram_actor_pid(b), SIGKILL);
    tram_actor_destroy(a);
    mine[2] = own_child(7);
    tram_fini(t);
    for (int found = 0; found < 3; found++) {
        pid_t pid = waitpid(-1, &status, 0);
        assert_true(pid == mine[0] || pid == mine[1] || pid == mine[2]);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) >= 5);
    }
    assert_int_equal(waitpid(-1, &status, __WALL), -1);
    assert_int_equal(errno, ECHILD);
    for (int i = 0; i < atomic_load(&seen) && i < CHILDREN; i++) {
        int pid = atomic_load(&seen_pids[i]);
        assert_true(pid == mine[0] || pid == mine[1] || pid == mine[2]);
    }
    assert_true(atomic_load(&seen) >= 1);
    sigaction(SIGCHLD, &old, NULL);
}

/* What a host ignores must not be ignored by the supervisor: it would never reap an actor. */
static void host_ignores_signals(void **state) {
    (void)state;
    static const int ignored[] = {SIGCHLD, SIGPIPE, SIGTERM, SIGINT};
    struct tram *t;
    struct tram_actor *a, *b;
    struct tram_ref r;
    for (size_t i = 0; i < 4; i++)
        signal(ignored[i], SIG_IGN);
    OK(tram_init(NULL, NULL, test_classes, &t));
    OK(tram_actor_create(t, "Test", NULL, &a));
    OK(tram_actor_create(t, "Test", NULL, &b));
    OK(tram_call(a, "obey", "h", 1, &r));
    kill(tram_actor_pid(a), SIGKILL);
    FAILS(tram_get(&r, NULL, 0, NULL, 10), TRAM_ERR_PEER_DEAD);
    SAYS("signal 9");
    tram_actor_destroy(b);
    tram_fini(t);
    for (size_t i = 0; i < 4; i++)
        signal(ignored[i], SIG_DFL);
}

/* ---- a host with threads --------------------------------------------------------------------------------- */

static atomic_bool stop;

static void *allocate_and_free(void *arg) {
    (void)arg;
    while (!atomic_load(&stop)) {
        void *volatile p = malloc(1000);
        free(p);
        FILE *f = fopen("/dev/null", "re"); /* takes libc's locks, which a copy of us would inherit */
        if (f)
            fclose(f);
    }
    return NULL;
}

static void *live_one_life(void *arg) {
    struct tram *t = NULL;
    struct tram_actor *a;
    (void)arg;
    OK(tram_init(NULL, NULL, test_classes, &t));
    OK(tram_actor_create(t, "Test", NULL, &a));
    test_echo_call(a, "echo", 70000, 1);
    return t;
}

static void host_has_threads(void **state) {
    (void)state;
    pthread_t threads[3];
    atomic_store(&stop, false);
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, allocate_and_free, NULL), 0);
    for (int i = 0; i < 5; i++)
        tram_fini(live_one_life(NULL));
    atomic_store(&stop, true);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
}

/* The thread that created the actors ends; they must not. */
static void creating_thread_ends(void **state) {
    (void)state;
    pthread_t thread;
    void *made = NULL;
    assert_int_equal(pthread_create(&thread, NULL, live_one_life, NULL), 0);
    pthread_join(thread, &made);
    struct tram *t = made;
    struct tram_actor *a;
    test_pause_ms(50);
    OK(tram_actor_create(t, "Test", NULL, &a));
    test_echo_call(a, "echo", 70000, 1);
    tram_fini(t);
}

int main(int argc, char **argv) {
    if (tram_init(&argc, &argv, test_classes, &test_runtime) != TRAM_OK)
        return 1;
    if (argc == 4 && strcmp(argv[1], "drive") == 0)
        return drive(argv[2], argv[3]);
    snprintf(mark, sizeof mark, "TRAM_DRIVER_END_TEST=%d.%llx", (int)getpid(),
             (unsigned long long)test_now_ns());
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(idle),
        cmocka_unit_test(busy),
        cmocka_unit_test(while_starting),
        cmocka_unit_test(own_children_stay_own),
        cmocka_unit_test(host_ignores_signals),
        cmocka_unit_test(host_has_threads),
        cmocka_unit_test(creating_thread_ends),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tram_fini(test_runtime);
    return failed;
}
