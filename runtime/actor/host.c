/* SPDX-License-Identifier: Apache-2.0
 *
 * Starting the supervisor. The host program keeps its own children, SIGCHLD and waits: a clone with no exit
 * signal makes an intermediate process that only __WALL reaps; it makes the supervisor and ends, so the
 * supervisor becomes init's child and never the host's.
 */
#include "actor/runtime.h"
#include "actor/supervisor.h"
#include "base/datagram.h"
#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PINGS = 9, STOP_MS = 2000, ANSWER_MS = 10000 };

/* Runs in the copy of the host program; nothing but calls that are safe there, and that no sanitizer takes for those of
 * a thread of the host's. */
static void become_supervisor(const char *path, char *const argv[], int link, int driver) {
    long high_link = syscall(SYS_fcntl, link, F_DUPFD, 16),
         high_driver = syscall(SYS_fcntl, driver, F_DUPFD, 16);
    if (high_link < 0 || high_driver < 0 || syscall(SYS_dup3, high_link, TRAM__FD_LINK, 0) < 0 ||
        syscall(SYS_dup3, high_driver, TRAM__FD_OTHER, 0) < 0)
        _exit(126);
    syscall(SYS_close_range, TRAM__FD_OTHER + 1, ~0u, 0);
    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL); /* an ignored SIGCHLD, inherited, would keep us from reaping */
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execv(path, argv);
    _exit(127);
}

static int launch(struct tram *t, int link, int driver) {
    const char *path = t->worker ? t->worker : "/proc/self/exe";
    char serve[] = TRAM__SERVE_OPTION "supervisor";
    char *const argv[] = {t->worker ? t->worker : t->program, serve, NULL};
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* no handler of the host's may run in its copies */
    long middle = syscall(SYS_clone, 0, NULL, NULL, NULL, NULL); /* exit signal 0 */
    if (middle == 0) {
        long pid = syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
        if (pid == 0)
            become_supervisor(path, argv, link, driver);
        _exit(pid < 0 ? errno : 0);
    }
    int cause = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = cause;
    if (middle < 0)
        return tram__fail_errno("starting the supervisor");
    int how = 0;
    while (waitpid((pid_t)middle, &how, __WALL) < 0 && errno == EINTR)
        ;
    if (!WIFEXITED(how) || WEXITSTATUS(how)) {
        errno = WIFEXITED(how) ? WEXITSTATUS(how) : EINTR;
        return tram__fail_errno("starting the supervisor");
    }
    return TRAM_OK;
}

/* The answer to the last order; one to an earlier order, which was too late, is passed over. */
static int take_answer(struct tram *t, struct tram__order_answer *a, int *fd) {
    struct pollfd p = {.fd = t->supervisor, .events = POLLIN};
    int ready, got = -1;
    ssize_t n;
    do {
        while ((ready = poll(&p, 1, ANSWER_MS)) < 0 && errno == EINTR)
            ;
        n = ready > 0 ? tram__datagram_receive(t->supervisor, a, sizeof *a, &got) : -1;
    } while (n == (ssize_t)sizeof *a && a->number != t->orders);
    if (n != (ssize_t)sizeof *a)
        return tram__fail(TRAM_ERR_PEER_DEAD, "the supervisor %s (%s)", ready ? "ended" : "does not answer",
                          t->worker ? t->worker
                                    : "this program, executed again: does main call tram_init first?");
    if (fd)
        *fd = got;
    else if (got >= 0)
        close(got);
    if (a->error) {
        errno = a->error;
        return tram__fail_errno("the supervisor");
    }
    return TRAM_OK;
}

static int order(struct tram *t, enum tram__order what, uint32_t index, int cpu, int link) {
    struct tram__order_message m = {TRAM__SUPERVISOR_VERSION, what, index, cpu, ++t->orders};
    if (tram__datagram_send(t->supervisor, &m, sizeof m, link) < 0)
        return tram__fail(TRAM_ERR_PEER_DEAD, "the supervisor is gone");
    return TRAM_OK;
}

static int compare(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* A usable CPU other than `mine`, or that one if there is no other. */
static int other_cpu(const struct tram *t, int mine) {
    for (unsigned i = 0; i < t->cpus.count; i++)
        if (t->cpus.cpu[i] != mine)
            return t->cpus.cpu[i];
    return mine;
}

static int ping_all(struct tram *t, int cpu, uint64_t *took) {
    for (int i = -1; i <= PINGS; i++) { /* the first moves the supervisor there, the last lets it go */
        struct tram__order_answer a;
        uint64_t start = tram__now_ns();
        int status = order(t, TRAM__ORDER_PING, 0, i < PINGS ? cpu : -1, -1);
        if (status || (status = take_answer(t, &a, NULL)))
            return status;
        if (i >= 0 && i < PINGS)
            took[i] = tram__now_ns() - start;
    }
    return TRAM_OK;
}

/* The cost of a sleep and a wake: half of a blocking round trip with the supervisor, the median of a few, across CPUs
 * if there are several. Left alone, the kernel would soon pull both to one CPU, where a wake costs a tenth: so this
 * thread stays where it is meanwhile, and the supervisor elsewhere. */
static int measure_block(struct tram *t) {
    uint64_t took[PINGS];
    cpu_set_t before;
    bool known = sched_getaffinity(0, sizeof before, &before) == 0;
    int mine = sched_getcpu();
    tram__cpus_bind(mine);
    int status = ping_all(t, other_cpu(t, mine), took);
    if (known)
        sched_setaffinity(0, sizeof before, &before);
    if (status)
        return status;
    qsort(took, PINGS, sizeof took[0], compare);
    t->block_ns = took[PINGS / 2] / 2;
    return TRAM_OK;
}

int tram__host_start(struct tram *t) {
    if (t->supervisor >= 0)
        return tram__host_check(t);
    int pair[2], status, roster = -1;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return tram__fail_errno("a socket pair for the supervisor");
    int self = (int)syscall(SYS_pidfd_open, getpid(), 0);
    if (self < 0) {
        status = tram__fail_errno("pidfd_open (Linux 5.3 or later is needed)");
        goto err_pair;
    }
    status = launch(t, pair[1], self);
    close(self);
    close(pair[1]);
    pair[1] = -1;
    if (status)
        goto err_pair;
    t->supervisor = pair[0];
    struct tram__order_answer a;
    if ((status = take_answer(t, &a, &roster)))
        goto err_started;
    if ((status = tram__roster_map(roster, &t->roster)))
        goto err_started;
    t->supervisor_pidfd = (int)syscall(SYS_pidfd_open, a.pid, 0);
    close(roster);
    roster = -1;
    if ((status = measure_block(t)))
        goto err_started;
    return TRAM_OK;
err_started:
    if (roster >= 0)
        close(roster);
    if (t->roster)
        tram__roster_unmap(t->roster);
    t->roster = NULL;
    if (t->supervisor_pidfd >= 0)
        close(t->supervisor_pidfd);
    t->supervisor = t->supervisor_pidfd = -1;
    t->orders = 0;
err_pair:
    close(pair[0]);
    if (pair[1] >= 0)
        close(pair[1]);
    return status;
}

int tram__host_spawn(struct tram *t, uint32_t index, int link, int cpu, int *pid) {
    struct tram__order_answer a;
    int status = order(t, TRAM__ORDER_SPAWN, index, cpu, link);
    if (status || (status = take_answer(t, &a, NULL)))
        return status;
    *pid = a.pid;
    return TRAM_OK;
}

void tram__host_expect_end(struct tram *t, uint32_t index) {
    order(t, TRAM__ORDER_EXPECT_END, index, -1, -1);
}

void tram__host_kill(struct tram *t, uint32_t index) {
    order(t, TRAM__ORDER_KILL, index, -1, -1);
}

int tram__host_check(struct tram *t) {
    struct pollfd p = {.fd = t->supervisor, .events = 0};
    if (t->supervisor < 0 || (poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR))))
        return tram__fail(TRAM_ERR_PEER_DEAD, "the supervisor is gone, and its actors with it");
    return TRAM_OK;
}

void tram__host_stop(struct tram *t) {
    if (t->supervisor < 0)
        return;
    close(t->supervisor);
    t->supervisor = -1;
    if (t->supervisor_pidfd >= 0) {
        struct pollfd p = {.fd = t->supervisor_pidfd, .events = POLLIN};
        poll(&p, 1, STOP_MS);
        close(t->supervisor_pidfd);
        t->supervisor_pidfd = -1;
    }
}
