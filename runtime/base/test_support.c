/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test_support.h"

#include "base/seam.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MAX_ROLES = 16 };
#define PATIENCE_NS ((uint64_t)(TRAM__TEST_LONG_S * 1e9))

static _Atomic unsigned lost_wakes;

void __real_tram__futex_wait(const struct tram__watch *watch, unsigned count, uint64_t until_ns);
void __wrap_tram__futex_wait(const struct tram__watch *watch, unsigned count, uint64_t until_ns);

void __wrap_tram__futex_wait(const struct tram__watch *watch, unsigned count, uint64_t until_ns) {
    uint64_t now = tram__now_ns();
    if (until_ns < now + 500000000u) { /* a test's own short timeout */
        __real_tram__futex_wait(watch, count, until_ns);
        return;
    }
    until_ns = now + PATIENCE_NS;
    __real_tram__futex_wait(watch, count, until_ns);
    if (tram__now_ns() >= until_ns) {
        lost_wakes++;
        fprintf(stderr, "a sleep on %u words was not ended for %.0f s\n", count, TRAM__TEST_LONG_S);
    }
}

unsigned tram__test_lost_wakes(void) {
    return lost_wakes;
}

void tram__test_complain(const char *file, int line, const char *what) {
    fprintf(stderr, "%s:%d: process %d: not so: %s\n", file, line, (int)getpid(), what);
}

/* ---- roles ---- */

struct thread_role {
    int (*role)(void *arg, unsigned index);
    void *arg;
    unsigned index;
    int failed;
};

static void *thread_main(void *p) {
    struct thread_role *r = p;
    r->failed = r->role(r->arg, r->index) != 0;
    return NULL;
}

static unsigned run_threads(unsigned count, int (*role)(void *, unsigned), void *arg) {
    struct thread_role roles[MAX_ROLES];
    pthread_t threads[MAX_ROLES];
    unsigned failed = 0, before = lost_wakes;
    for (unsigned i = 0; i < count; i++) {
        roles[i] = (struct thread_role){role, arg, i, 0};
        if (pthread_create(&threads[i], NULL, thread_main, &roles[i]) != 0)
            abort();
    }
    for (unsigned i = 0; i < count; i++) {
        pthread_join(threads[i], NULL);
        failed += (unsigned)roles[i].failed;
    }
    return failed + lost_wakes - before;
}

static unsigned run_processes(unsigned count, int (*role)(void *, unsigned), void *arg) {
    pid_t pids[MAX_ROLES];
    unsigned failed = 0;
    fflush(NULL);
    for (unsigned i = 0; i < count; i++) {
        pids[i] = fork();
        if (pids[i] < 0)
            abort();
        if (pids[i] == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            /* A crash is to end this process, not to jump back into the parent's test. */
            signal(SIGSEGV, SIG_DFL);
            signal(SIGBUS, SIG_DFL);
            lost_wakes = 0;
            int bad = role(arg, i) != 0 || lost_wakes;
            fflush(NULL);
            _exit(bad);
        }
    }
    for (unsigned i = 0; i < count; i++) {
        int status;
        if (waitpid(pids[i], &status, 0) != pids[i])
            abort();
        if (WIFSIGNALED(status))
            fprintf(stderr, "role %u died of signal %d\n", i, WTERMSIG(status));
        failed += status != 0;
    }
    return failed;
}

unsigned tram__test_run(enum tram__test_mode mode, unsigned count, int (*role)(void *arg, unsigned index),
                        void *arg) {
    if (count > MAX_ROLES)
        abort();
    return mode == TRAM__TEST_THREADS ? run_threads(count, role, arg) : run_processes(count, role, arg);
}

/* ---- randomness and content ---- */

uint64_t tram__test_random(uint64_t *state) {
    uint64_t x = *state;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    *state = x;
    return x * 0x2545F4914F6CDD1Du >> 8; /* the low bits of xorshift alone are weak */
}

uint64_t tram__test_setting(const char *name, uint64_t otherwise) {
    const char *text = getenv(name);
    return text && *text ? strtoull(text, NULL, 0) : otherwise;
}

uint64_t tram__test_seed(void) {
    uint64_t seed = tram__test_setting("TRAM_TEST_SEED", 20240229);
    return seed ? seed : 1;
}

void tram__test_sleep_us(unsigned us) {
    struct timespec t = {.tv_nsec = (long)us * 1000};
    nanosleep(&t, NULL);
}

void tram__test_stall(uint64_t *state, unsigned sleep_one_in) {
    uint64_t r = tram__test_random(state);
    if (r % sleep_one_in == 0)
        tram__test_sleep_us((unsigned)(r >> 32) % 100);
    else if (r % 64 == 1)
        tram__yield();
    else if (r % 4 == 2)
        for (uint64_t i = 0; i < (r >> 40) % 64; i++)
            tram__pause();
}

static uint64_t pattern(uint64_t seed, uint64_t n, uint64_t word) {
    uint64_t x = (seed + n * 0x9E3779B97F4A7C15u) ^ (word + 1) * 0xD6E8FEB86659FD93u;
    return (x ^ x >> 32) * 0xD6E8FEB86659FD93u;
}

void tram__test_fill(void *to, size_t size, uint64_t seed, uint64_t n) {
    unsigned char *p = to;
    size_t word = 0;
    for (; word < size / 8; word++) {
        uint64_t x = pattern(seed, n, word);
        memcpy(p + 8 * word, &x, 8);
    }
    uint64_t x = pattern(seed, n, word);
    memcpy(p + 8 * word, &x, size % 8);
}

bool tram__test_filled(const void *from, size_t size, uint64_t seed, uint64_t n) {
    const unsigned char *p = from;
    uint64_t difference = 0;
    size_t word = 0;
    for (; word < size / 8; word++) {
        uint64_t x;
        memcpy(&x, p + 8 * word, 8);
        difference |= x ^ pattern(seed, n, word);
    }
    uint64_t x = pattern(seed, n, word);
    return !difference && memcmp(p + 8 * word, &x, size % 8) == 0;
}
