/* SPDX-License-Identifier: Apache-2.0 */
#include "actor/supervisor.h"

#include "actor/roster.h"
#include "base/cpus.h"
#include "base/datagram.h"
#include "base/error.h"
#include "base/region.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct supervisor {
    const char *program;
    struct tram__roster *roster;
    int roster_fd;
    pid_t self;
    cpu_set_t affinity;
    bool expected[TRAM__MAX_ACTORS]; /* to end, so that its end is no death */
    /* Entry 0 is the driver's socket, 1 its pidfd, 2 + k a living actor whose index is actor_of[k]. */
    struct pollfd watch[2 + TRAM__MAX_ACTORS];
    uint32_t actor_of[TRAM__MAX_ACTORS];
    nfds_t watches;
};

static int pidfd_open(pid_t pid) {
    return (int)syscall(SYS_pidfd_open, pid, 0);
}

/* In the child, between fork and exec: only calls that are safe there. */
static void become_actor(const struct supervisor *s, uint32_t index, int link, int cpu) {
    char serve[] = TRAM__SERVE_OPTION "actor", number[16];
    char *const argv[] = {(char *)(uintptr_t)s->program, serve, number, NULL};
    snprintf(number, sizeof number, "%u", index);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != s->self)
        _exit(126);
    int high_link = fcntl(link, F_DUPFD, 16), high_roster = fcntl(s->roster_fd, F_DUPFD, 16);
    if (high_link < 0 || high_roster < 0 || dup2(high_link, TRAM__FD_LINK) < 0 ||
        dup2(high_roster, TRAM__FD_OTHER) < 0)
        _exit(126);
    syscall(SYS_close_range, TRAM__FD_OTHER + 1, ~0u, 0);
    if (cpu >= 0)
        tram__cpus_bind(cpu);
    execv("/proc/self/exe", argv);
    _exit(127);
}

static void answer(uint32_t number, pid_t pid, int error, int fd) {
    struct tram__order_answer a = {.pid = pid, .error = error, .number = number};
    tram__datagram_send(TRAM__FD_LINK, &a, sizeof a, fd);
}

static void spawn(struct supervisor *s, const struct tram__order_message *m, int link) {
    struct tram__roster_entry *e = &s->roster->actors[m->index];
    pid_t pid = fork(); /* single-threaded, and exec follows: nothing is inherited half-way */
    if (pid == 0)
        become_actor(s, m->index, link, m->cpu);
    if (pid < 0) {
        answer(m->number, -1, errno, -1);
        return;
    }
    int fd = pidfd_open(pid); /* cannot race: the child is ours and not reaped yet */
    if (fd < 0) {
        int error = errno;
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        answer(m->number, -1, error, -1);
        return;
    }
    s->expected[m->index] = false;
    s->actor_of[s->watches - 2] = m->index;
    s->watch[s->watches++] = (struct pollfd){.fd = fd, .events = POLLIN};
    tram__store32_relaxed(&e->pid, (uint32_t)pid);
    tram__store32_relaxed(&s->roster->alive, (uint32_t)s->watches - 2);
    tram__store32_release(&e->life, TRAM__LIFE_ALIVE);
    answer(m->number, pid, 0, -1);
}

static void reap(struct supervisor *s, nfds_t at) {
    uint32_t index = s->actor_of[at - 2];
    struct tram__roster_entry *e = &s->roster->actors[index];
    int how = 0;
    if (waitpid((pid_t)tram__load32_relaxed(&e->pid), &how, WNOHANG) <= 0)
        return;
    close(s->watch[at].fd);
    s->watches--;
    s->watch[at] = s->watch[s->watches];
    s->actor_of[at - 2] = s->actor_of[s->watches - 2];
    tram__store32_relaxed(&e->wait_status, (uint32_t)how);
    tram__store32_relaxed(&s->roster->alive, (uint32_t)s->watches - 2);
    tram__store32_release(&e->life, s->expected[index] ? TRAM__LIFE_ENDED : TRAM__LIFE_DEAD);
    tram__store32_release(&s->roster->epoch, tram__load32_relaxed(&s->roster->epoch) + 1); /* R3 */
    tram__futex_wake(&s->roster->epoch);
}

static void kill_actor(struct supervisor *s, uint32_t index) {
    for (nfds_t i = 2; i < s->watches; i++)
        if (s->actor_of[i - 2] == index)
            syscall(SYS_pidfd_send_signal, s->watch[i].fd, SIGKILL, NULL, 0);
}

/* Answers from the CPU that the driver wants to time us on, or, -1, wherever the kernel likes from now on. */
static void pong(const struct supervisor *s, uint32_t number, int cpu) {
    if (cpu >= 0)
        tram__cpus_bind(cpu);
    else
        sched_setaffinity(0, sizeof s->affinity, &s->affinity);
    answer(number, 0, 0, -1);
}

/* One order from the driver; false when the driver hung up. */
static bool obey(struct supervisor *s) {
    struct tram__order_message m = {.version = 0};
    int link;
    ssize_t n = tram__datagram_receive(TRAM__FD_LINK, &m, sizeof m, &link);
    if (n <= 0)
        return n < 0 && errno == EINTR;
    bool sane = (size_t)n == sizeof m && m.version == TRAM__SUPERVISOR_VERSION && m.index < TRAM__MAX_ACTORS;
    if (sane && m.order == TRAM__ORDER_SPAWN && link >= 0)
        spawn(s, &m, link);
    else if (sane && m.order == TRAM__ORDER_EXPECT_END)
        s->expected[m.index] = true;
    else if (sane && m.order == TRAM__ORDER_KILL)
        kill_actor(s, m.index);
    else if (sane && m.order == TRAM__ORDER_PING)
        pong(s, m.number, m.cpu);
    else
        answer(m.number, 0, EPROTO, -1);
    if (link >= 0)
        close(link);
    return true;
}

/* The driver is gone: nothing of it may stay. */
static void end_all(struct supervisor *s) {
    for (nfds_t i = 2; i < s->watches; i++)
        syscall(SYS_pidfd_send_signal, s->watch[i].fd, SIGKILL, NULL, 0);
    for (nfds_t i = 2; i < s->watches; i++)
        waitpid((pid_t)tram__load32_relaxed(&s->roster->actors[s->actor_of[i - 2]].pid), NULL, 0);
}

int tram__supervisor_serve(const char *program) {
    static struct supervisor s;
    struct tram__region region;
    /* A Ctrl-C at the terminal is the driver's to handle; its end reaches us in any case. Not a session of our own: the
     * kernel's autogroups would share each CPU half and half between the driver and all the actors on it. */
    setpgid(0, 0);
    s = (struct supervisor){.program = program, .self = getpid()};
    sched_getaffinity(0, sizeof s.affinity, &s.affinity);
    if (tram__region_create("tramline-roster", sizeof(struct tram__roster), &region, &s.roster_fd) !=
        TRAM_OK) {
        answer(0, -1, errno, -1);
        return 1;
    }
    s.roster = region.base;
    s.roster->magic = TRAM__ROSTER_MAGIC;
    s.roster->version = TRAM__ROSTER_VERSION;
    s.roster->supervisor_pid = (uint32_t)getpid();
    s.watch[0] = (struct pollfd){.fd = TRAM__FD_LINK, .events = POLLIN};
    s.watch[1] = (struct pollfd){.fd = TRAM__FD_OTHER, .events = POLLIN};
    s.watches = 2;
    answer(0, getpid(), 0, s.roster_fd);
    for (;;) {
        if (poll(s.watch, s.watches, -1) < 0 && errno != EINTR)
            break;
        for (nfds_t i = s.watches; i-- > 2;)
            if (s.watch[i].revents)
                reap(&s, i);
        if (s.watch[1].revents || (s.watch[0].revents && !obey(&s)))
            break;
    }
    end_all(&s);
    return 0;
}
