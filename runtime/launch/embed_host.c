/* SPDX-License-Identifier: Apache-2.0
 *
 * A host program with a life of its own: children that it waits for, a SIGCHLD handler, a timer that interrupts every system call,
 * threads, descriptors. The runtime is embedded in it twice, and must leave all of that alone. install_test.sh builds it against
 * what is installed. Says what is wrong and exits with 1.
 */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <tramline/tramline.h>

enum { CHILDREN = 40, EXECUTIONS = 3000, CALLS = 500 };

static void die(const char *what) {
    fprintf(stderr, "embed_host: %s (%s)\n", what, tram_last_error()->text);
    exit(1);
}
#define MUST(condition)      \
    do {                     \
        if (!(condition))    \
            die(#condition); \
    } while (0)

/* ---- the host's own signals and children ---- */

static atomic_int chld_seen, alarms, reaped;
static atomic_int pids[CHILDREN];
static atomic_bool over;

static void on_chld(int number) {
    (void)number;
    atomic_fetch_add(&chld_seen, 1);
}
static void on_alarm(int number) {
    (void)number;
    atomic_fetch_add(&alarms, 1);
}

static void pause_ms(long ms) {
    struct timespec left = {.tv_nsec = ms * 1000000};
    while (nanosleep(&left, &left) && errno == EINTR)
        ;
}

/* Makes children, and waits for any child: there must be none but these. */
static void *parent(void *arg) {
    (void)arg;
    for (int i = 0; i < CHILDREN; i++) {
        pid_t pid = fork();
        MUST(pid >= 0);
        if (pid == 0)
            _exit(i);
        atomic_store(&pids[i], pid);
        int how;
        pid_t got;
        while ((got = waitpid(-1, &how, 0)) < 0 && errno == EINTR)
            ;
        MUST(got == pid);
        MUST(WIFEXITED(how) && WEXITSTATUS(how) == i);
        atomic_fetch_add(&reaped, 1);
        pause_ms(5);
    }
    MUST(waitpid(-1, NULL, WNOHANG) < 0 &&
         errno == ECHILD); /* whom the runtime started is no child of ours */
    atomic_store(&over, true);
    return NULL;
}

static int descriptors(void) {
    int count = 0;
    DIR *d = opendir("/proc/self/fd");
    while (d && readdir(d))
        count++;
    if (d)
        closedir(d);
    return count;
}

static int threads(void) {
    int count = 0;
    DIR *d = opendir("/proc/self/task");
    while (d && readdir(d))
        count++;
    if (d)
        closedir(d);
    return count;
}

/* ---- what it uses the runtime for ---- */

static int echo(void *self, struct tram_call *c) {
    struct tram_bytes in = tram_arg(c, 0);
    (void)self;
    return tram_result_copy(c, 0, in.data, in.size);
}
static const struct tram_method methods[] = {{.name = "echo", .fn = echo}, {0}};
static const struct tram_class classes[] = {{.name = "Echo", .methods = methods}, {0}};

static void work(struct tram *t) {
    struct tram_actor *a, *b;
    struct tram_graph *g;
    struct tram_compiled *x;
    struct tram_ref r;
    uint64_t n, got;
    size_t size;
    MUST(tram_actor_create(t, "Echo", NULL, &a) == 0 && tram_actor_create(t, "Echo", NULL, &b) == 0);
    MUST(tram_graph_create(t, &g) == 0);
    tram_graph_output(
        g, tram_graph_bind(g, b, "echo", tram_graph_bind(g, a, "echo", tram_graph_input(g, sizeof n))));
    MUST(tram_graph_compile(g, NULL, &x) == 0);
    tram_graph_destroy(g);
    for (n = 0; n < EXECUTIONS; n++) {
        MUST(tram_execute(x, &n, sizeof n, &r) == 0 && tram_get(&r, &got, sizeof got, &size, 20) == 0 &&
             got == n);
        if (n % (EXECUTIONS / CALLS) == 0)
            MUST(tram_call(a, "echo", &n, sizeof n, &r) == 0 &&
                 tram_get(&r, &got, sizeof got, &size, 20) == 0 && got == n);
        if (n % 100 == 0)
            pause_ms(2); /* both sides fall asleep */
    }
    MUST(tram_teardown(x) == 0);
}

int main(int argc, char **argv) {
    struct tram *t = NULL;
    struct sigaction chld = {.sa_handler = on_chld}, alarm_action = {.sa_handler = on_alarm}, now;
    sigset_t mask, mask_now;
    pthread_t thread;
    const struct itimerval each_ms = {{0, 1000}, {0, 1000}}, none = {{0, 0}, {0, 0}};
    if (tram_init(&argc, &argv, classes,
                  &t)) /* an actor never returns from here: what follows is the host alone */
        die("tram_init");
    tram_fini(t);
    int before = descriptors(), threads_before = threads();
    sigaction(SIGCHLD, &chld, NULL);
    sigaction(SIGALRM, &alarm_action, NULL); /* without SA_RESTART */
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR2);
    pthread_sigmask(SIG_SETMASK, &mask, NULL);
    setitimer(ITIMER_REAL, &each_ms, NULL);
    MUST(pthread_create(&thread, NULL, parent, NULL) == 0);
    for (int round = 0; round < 2 || !atomic_load(&over); round++) {
        MUST(tram_init(&argc, &argv, classes, &t) == 0);
        work(t);
        tram_fini(t);
    }
    pthread_join(thread, NULL);
    setitimer(ITIMER_REAL, &none, NULL);
    sigaction(SIGCHLD, NULL, &now);
    pthread_sigmask(SIG_SETMASK, NULL, &mask_now);
    MUST(now.sa_handler == on_chld);
    MUST(sigismember(&mask_now, SIGUSR2) == 1 && sigismember(&mask_now, SIGCHLD) == 0 &&
         sigismember(&mask_now, SIGALRM) == 0);
    MUST(atomic_load(&reaped) == CHILDREN && atomic_load(&chld_seen) > 0 &&
         atomic_load(&chld_seen) <= CHILDREN);
    MUST(atomic_load(&alarms) > 10);
    MUST(descriptors() == before);
    MUST(threads() == threads_before);
    printf("embedded\n");
    return 0;
}
