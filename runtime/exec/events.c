/* SPDX-License-Identifier: Apache-2.0
 *
 * Sleeping on a descriptor. The driver's `sleeping` word then says "ring my bell": an actor that publishes writes to the
 * driver's eventfd, where it would otherwise wake a futex; the argument that no wake is lost is the one of base/wait.c,
 * with the same fences. An actor's death is its pidfd becoming readable. An epoll descriptor joins them.
 */
#include "base/error.h"
#include "exec/exec.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

static int add(int to, int fd) {
    return epoll_ctl(to, EPOLL_CTL_ADD, fd, &(struct epoll_event){.events = EPOLLIN});
}

static int add_process(int to, int pid) {
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    int status = fd < 0 ? -1 : add(to, fd);
    if (status && fd >= 0)
        close(fd);
    return status ? -1 : fd;
}

static void close_processes(struct tram_compiled *x) {
    for (uint32_t i = 0; x->process_fds && i < x->actor_count; i++) {
        if (x->process_fds[i] >= 0)
            close(x->process_fds[i]);
        x->process_fds[i] = -1;
    }
}

int tram_compiled_fd(struct tram_compiled *x) {
    if (x->closing) {
        tram__exec_torn();
        return -1;
    }
    if (x->events_fd >= 0)
        return x->events_fd;
    int fd = epoll_create1(EPOLL_CLOEXEC);
    bool ok = fd >= 0 && add(fd, x->bell) == 0 && add(fd, x->t->supervisor_pidfd) == 0;
    for (uint32_t i = 0; ok && i < x->actor_count; i++) {
        x->process_fds[i] = add_process(fd, x->actors[i]->pid);
        ok = x->process_fds[i] >= 0 || tram__exec_look(x); /* that it is gone already, arm tells */
    }
    if (!ok) {
        tram__fail_errno("a descriptor for events");
        close_processes(x);
        if (fd >= 0)
            close(fd);
        return -1;
    }
    return x->events_fd = fd;
}

void tram__exec_close_events(struct tram_compiled *x) {
    close_processes(x);
    if (x->events_fd >= 0)
        close(x->events_fd);
    if (x->bell >= 0)
        close(x->bell);
    x->events_fd = x->bell = -1;
}

/* From here on, who publishes rings. */
static void arm(struct tram_compiled *x) {
    tram__ring_heard(x->bell);
    tram__store32_relaxed(x->participant.waiter.sleeping, TRAM__RINGS);
    tram__fence_seq_cst(); /* F1 of base/wait.c */
}

void tram__exec_disarm(struct tram__source *s) {
    struct tram_compiled *x = (struct tram_compiled *)s;
    if (!x->torn)
        tram__store32_relaxed(x->participant.waiter.sleeping, 0);
}

int tram__exec_arm_ref(struct tram__source *s, const struct tram_ref *r, int *fd) {
    struct tram_compiled *x = (struct tram_compiled *)s;
    if (!x->torn && (*fd = tram_compiled_fd(x)) < 0)
        return tram_last_error()->status;
    if (!x->torn && tram__load32_relaxed(x->participant.waiter.sleeping) != TRAM__RINGS)
        arm(x);
    return s->ops->ready(s, r); /* the re-check after F1 */
}

/* True when an output has a message that it had not at the last call. */
static bool something_new(struct tram_compiled *x) {
    bool any = x->kept_unseen;
    x->kept_unseen = false;
    for (uint32_t i = 0; i < x->output_count; i++) {
        struct tram__reader *r = x->outputs[i];
        struct tram__message m;
        if (x->arrived[i] + 1 < x->oldest)
            x->arrived[i] = x->oldest - 1;
        while (x->arrived[i] + 1 < x->next) {
            uint64_t n = x->arrived[i] + 1;
            if (r->ops->read(r, n, tram__exec_slot(x, n), 0, &m))
                break;
            x->arrived[i] = n;
            any = true;
        }
    }
    return any;
}

int tram_compiled_arm(struct tram_compiled *x) {
    if (x->closing)
        return tram__exec_torn();
    if (tram_compiled_fd(x) < 0)
        return tram_last_error()->status;
    arm(x);
    bool any = something_new(x);
    if (x->dead || tram__exec_interrupted(x) || any) {
        tram__exec_disarm(&x->source);
        return 1;
    }
    return 0;
}
