/* SPDX-License-Identifier: Apache-2.0
 *
 * Loaded before all else into the processes of a counted trial: its malloc and its kin (base/malloc_trap.h) take the place of the C
 * library's, and count; system calls of the threads that join are trapped (base/syscall_trap.h), and counted.
 */
#include "base/syscall_trap.h"
#include "harness/counting.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

#if defined(TRAM__SYSCALL_TRAP)

#include "base/malloc_trap.h"

enum { FUTEX_WAITV = 449 }; /* Linux 5.16; one number on all machines */
#define EXPORT __attribute__((visibility("default")))

/* Of all processes of the trial. */
struct shared {
    _Atomic uint32_t on;
    _Atomic uint64_t allocations, syscalls, futexes;
};
static struct shared nothing, *shared = &nothing;

static __attribute__((constructor)) void open_shared(void) {
    const char *path = getenv("TRAM_COUNTING");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    void *p = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (p != MAP_FAILED)
        shared = p;
    if (fd >= 0)
        close(fd);
}

static void tram__syscall_seen(long number) {
    if (!atomic_load_explicit(&shared->on, memory_order_relaxed))
        return;
    atomic_fetch_add_explicit(&shared->syscalls, 1, memory_order_relaxed);
    if (number == SYS_futex || number == FUTEX_WAITV)
        atomic_fetch_add_explicit(&shared->futexes, 1, memory_order_relaxed);
}

EXPORT int tram_counting_module_join(void) {
    static _Thread_local int joined; /* 1: yes, -1: it cannot */
    if (!joined) {
        joined = tram__syscall_prepare() == 0 ? 1 : -1;
        tram__syscall_trap(joined == 1);
    }
    return joined == 1 ? 0 : -1;
}

EXPORT void tram_counting_module_begin(void) {
    atomic_store(&shared->allocations, 0);
    atomic_store(&shared->syscalls, 0);
    atomic_store(&shared->futexes, 0);
    atomic_store(&shared->on, 1);
}

EXPORT void tram_counting_module_end(struct tram_counts *out) {
    atomic_store(&shared->on, 0);
    *out = (struct tram_counts){.allocations = atomic_load(&shared->allocations),
                                .syscalls = atomic_load(&shared->syscalls),
                                .futexes = atomic_load(&shared->futexes)};
}

static void tram__malloc_seen(bool freed) {
    if (__builtin_expect(atomic_load_explicit(&shared->on, memory_order_relaxed), 0) && !freed)
        atomic_fetch_add_explicit(&shared->allocations, 1, memory_order_relaxed);
}

#endif
