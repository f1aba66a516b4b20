/* SPDX-License-Identifier: Apache-2.0
 *
 * Transports of the program's own, for tests: elements go through an anonymous file that readers open by its number in the
 * writer's process. What the hooks did, in all processes together, is counted, and they can be told to fail.
 */
#ifndef TRAM_LAUNCH_TRANSPORT_TESTING_H
#define TRAM_LAUNCH_TRANSPORT_TESTING_H

#include "testing.h"
#include "tramline/tensor.h"

#include <stdatomic.h>

struct test_hooks {
    _Atomic int opens, connects, puts, gets;
    _Atomic int closes[2];                     /* of readers' ends, of writers' */
    _Atomic int closed_too_early;              /* writers' ends, while a reader had its own open */
    _Atomic int open_readers;                  /* ends */
    _Atomic int wrong;                         /* calls with a slot or a size that is out of bounds */
    _Atomic int fail_open, fail_put, fail_get; /* with this code, 0: not at all; */
    _Atomic int fail_connect;                  /* of so many readers, from the last on, with code 6 */
    _Atomic int say_why;                       /* with a text of their own */
    _Atomic int address;                       /* bytes that open says it used; 0: the truth */
};

/* Shared by the driver and its actors: the first thing in main. */
struct test_hooks *test_hooks_share(void);
/* As if nothing had happened. */
void test_hooks_reset(void);

/* "file": the stream copies; "hands": the CPU does, to and from what the host can reach; "holey": has no get; "secret": in the
 * driver's table alone. */
const struct tram_transport_ops *test_transports(void);

#endif
