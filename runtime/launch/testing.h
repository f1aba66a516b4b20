/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of whole processes share: the classes their actors serve, and short ways to check a status.
 */
#ifndef TRAM_LAUNCH_TESTING_H
#define TRAM_LAUNCH_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tramline/tramline.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif

/* Class "Test"; its create takes a tag, and fails with code 7 when that is "bad". Methods, on argument 0:
 *
 *   echo      copies it                          pass      forwards it
 *   sneak     forwards it without declaring so   maybe     forwards it unless it begins with 'c': then copies
 *   join      all arguments, one after another   tag       it, followed by the actor's tag
 *   grow      as many bytes as its u64 says      size      its size, as a u64
 *   obey      does what the first byte says (below), then copies
 *   obey_pass the same, then forwards
 *   calls     how many methods have run here, as a u64
 *   thread    1 on the actor's main thread, else 0, as a u64
 *   alone     copies it; fails with code 9 when another `alone` runs at the same time
 *   mark      copies it, and notes its first byte      marks     the bytes noted so far, which it forgets
 *   gate      copies it, once nothing has the name that it is, followed by a 0; meanwhile that name with ".in" exists
 *
 * Class "Farewell": its create takes a path, which its destroy unlinks. */
extern const struct tram_class test_classes[];

/* First byte for obey; all but DO_NOTHING leave alone what follows it. */
enum test_order {
    DO_NOTHING = 'n',
    DO_FAIL = 'f',  /* with code 42 and the text "asked to fail" */
    DO_SLEEP = 's', /* for the milliseconds in the u32 at offset 4 */
    DO_HANG = 'h',  /* for ever */
    DO_EXIT = 'x',  /* exit(3) */
    DO_ABORT = 'a',
    DO_CRASH = 'v', /* a segmentation fault */
};
struct test_order_bytes {
    char order, pad[3];
    uint32_t ms;
};

/* The runtime under test: tram_init in main stores it here. */
extern struct tram *test_runtime;
/* Mailboxes when the environment has TRAM_TEST_MAILBOX, else sockets; and tram_init with that. */
enum tram_eager_transport test_transport(void);
int test_init(int *argc, char ***argv, const struct tram_class *classes, struct tram **out);

/* Starts an actor of class Test with this name, which is its tag as well. */
struct tram_actor *test_actor(const char *name);

/* Fails the test with the library's own message when `status` is not 0. */
#define OK(call) test_ok((call), #call, __FILE__, __LINE__)
void test_ok(int status, const char *what, const char *file, int line);
/* Fails the test unless `call` returns `status` and leaves it, with a text, in tram_last_error. */
#define FAILS(call, status) test_fails((call), (status), #call, __FILE__, __LINE__)
void test_fails(int status, int expected, const char *what, const char *file, int line);
/* The last error's text contains this. */
#define SAYS(part) test_says((part), __FILE__, __LINE__)
void test_says(const char *part, const char *file, int line);

/* A pattern that depends on the position and on the seed, and its check. */
void test_fill(void *data, size_t size, uint64_t seed);
bool test_filled(const void *data, size_t size, uint64_t seed);

/* One call or execution with its result: `size` patterned bytes out and back. */
void test_echo_call(struct tram_actor *a, const char *method, size_t size, uint64_t seed);
void test_echo_execute(struct tram_compiled *x, size_t size, uint64_t seed);

/* input -> method of each actor in turn -> output, every edge limited to `bytes`. */
struct tram_compiled *test_chain(size_t bytes, const struct tram_compile_options *options, const char *method,
                                 size_t count, struct tram_actor *const *actors);

/* A gate for `gate`, closed: its name, size and all, is what the method takes. */
struct test_gate {
    char name[48];
};
void test_gate_close(struct test_gate *g);
/* Waits until a method stands at the gate. */
void test_gate_await(const struct test_gate *g);
void test_gate_open(const struct test_gate *g);

/* Stops a process and waits until the last of its threads has stopped: SIGSTOP alone lets them run on a little. */
void test_stop(int pid);

uint64_t test_now_ns(void);
void test_pause_ms(unsigned ms);

#endif
