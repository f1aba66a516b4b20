/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/duel.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cpus.h"
#include "base/seam.h"

int tram_duel_fail(struct tram_duel *d, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(d->why, d->why_size, format, args);
    va_end(args);
    return -1;
}

int tram_duel_fail_errno(struct tram_duel *d, const char *what) {
    return tram_duel_fail(d, "cannot measure floors: %s: %s", what, strerror(errno));
}

bool tram_duel_alive(struct tram_duel *d) {
    if (!d->gone && waitpid(d->child, NULL, WNOHANG) != 0)
        d->gone = true;
    return !d->gone;
}

void tram_duel_stop(struct tram_duel *d) {
    if (d->gone)
        return;
    kill(d->child, SIGKILL);
    while (waitpid(d->child, NULL, 0) < 0 && errno == EINTR)
        ;
    d->gone = true;
}

/* The child inherits the peer's CPU: whatever can fail, fails here, where there is somebody to tell. */
int tram_duel_start(struct tram_duel *d, void (*serve)(struct tram_duel *)) {
    if (tram__cpus_bind(d->params->peer_cpu) != 0)
        return tram_duel_fail(d, "cannot measure floors on CPU %d: %s", d->params->peer_cpu, strerror(errno));
    d->parent = getpid();
    d->gone = false;
    d->child = fork();
    if (d->child < 0)
        return tram_duel_fail_errno(d, "fork");
    if (d->child == 0) {
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == d->parent)
            serve(d);
        _exit(1);
    }
    if (tram__cpus_bind(d->params->cpu) == 0)
        return 0;
    tram_duel_fail(d, "cannot measure floors on CPU %d: %s", d->params->cpu, strerror(errno));
    tram_duel_stop(d);
    return -1;
}

int tram_duel_died(struct tram_duel *d, const char *figure) {
    return tram_duel_fail(d, "cannot measure floors: the other process died (%s)", figure);
}

void *tram_duel_map(size_t size, int sharing) {
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, sharing | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

void tram_duel_unmap(void *p, size_t size) {
    if (p)
        munmap(p, size);
}

void tram_duel_reset(struct tram_duel *d) {
    memset(d->shared, 0, sizeof *d->shared); /* fork orders this for the child */
}

uint64_t tram_duel_deadline(double seconds) {
    return tram__now_ns() + (uint64_t)(seconds * 1e9);
}
