/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of several rooms share: roles that run side by side in threads or in processes, seeded
 * randomness, and a watch for lost wakes.
 *
 * Linking this wraps tram__futex_wait: the runtime looks again once a second while it sleeps, which would turn
 * a lost wake into a mere delay. Here such a sleep lasts until somebody ends it, and one that nobody ends
 * within TRAM__TEST_LONG_S counts as lost.
 */
#ifndef TRAM_BASE_TEST_SUPPORT_H
#define TRAM_BASE_TEST_SUPPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRAM__TEST_LONG_S 20.0 /* what cannot take this long unless it is broken */

#if defined(__SANITIZE_THREAD__)
enum { TRAM__TEST_TSAN = 1, TRAM__TEST_SANITIZED = 1 };
#elif defined(__SANITIZE_ADDRESS__)
enum { TRAM__TEST_TSAN = 0, TRAM__TEST_SANITIZED = 1 };
#else
enum { TRAM__TEST_TSAN = 0, TRAM__TEST_SANITIZED = 0 };
#endif

/* For roles, which cannot jump out of their thread or process as a cmocka assert would: complain, return 1. */
#define CHECK(condition)                                         \
    do {                                                         \
        if (!(condition)) {                                      \
            tram__test_complain(__FILE__, __LINE__, #condition); \
            return 1;                                            \
        }                                                        \
    } while (0)
void tram__test_complain(const char *file, int line, const char *what);

enum tram__test_mode { TRAM__TEST_THREADS, TRAM__TEST_PROCESSES };

/* Runs role 0 .. count - 1 at once, each with its index, and waits for all; returns how many failed: returned
 * nonzero, died, or slept through a lost wake. */
unsigned tram__test_run(enum tram__test_mode mode, unsigned count, int (*role)(void *arg, unsigned index),
                        void *arg);

/* Sleeps of this process that nobody ended. */
unsigned tram__test_lost_wakes(void);

/* xorshift; the state must not be 0. */
uint64_t tram__test_random(uint64_t *state);
/* A seed never 0: from TRAM_TEST_SEED, else a fixed one. */
uint64_t tram__test_seed(void);
/* An unsigned number from the environment. */
uint64_t tram__test_setting(const char *name, uint64_t otherwise);
/* Mostly nothing; else a short spin, a yield, or now and then a sleep of up to 100 us. */
void tram__test_stall(uint64_t *state, unsigned sleep_one_in);
void tram__test_sleep_us(unsigned us);

/* Content that depends on the seed, the message and the offset. */
void tram__test_fill(void *to, size_t size, uint64_t seed, uint64_t n);
bool tram__test_filled(const void *from, size_t size, uint64_t seed, uint64_t n);

#endif
