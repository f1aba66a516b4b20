/* SPDX-License-Identifier: Apache-2.0
 *
 * Counting system calls exactly, by Syscall User Dispatch (Linux 5.11, x86-64): the kernel turns each call of a thread that is
 * trapped into a SIGSYS, whose handler tells of it, makes it and puts its result in place. For tests and for counted runs: a
 * trapped call costs about a microsecond more.
 *
 * Included by one file of a program or module: everything in it is static.
 */
#ifndef TRAM_BASE_SYSCALL_TRAP_H
#define TRAM_BASE_SYSCALL_TRAP_H

#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define TRAM__SYSCALL_TRAP 1

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#define PR_SYS_DISPATCH_ON           1
#endif

/* In the handler, for every call: async-signal-safe, and without calls of its own. */
static void tram__syscall_seen(long number);

static _Thread_local volatile char tram__syscall_selector; /* 0: let through, 1: trapped */

static void tram__on_sigsys(int number, siginfo_t *info, void *context) {
    (void)number;
    greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
    tram__syscall_selector = 0;
    tram__syscall_seen(info->si_syscall);
    register long r10 __asm__("r10") = r[REG_R10];
    register long r8 __asm__("r8") = r[REG_R8];
    register long r9 __asm__("r9") = r[REG_R9];
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"((long)info->si_syscall), "D"(r[REG_RDI]), "S"(r[REG_RSI]), "d"(r[REG_RDX]),
                       "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    r[REG_RAX] = result;
    tram__syscall_selector = 1;
}

/* Calls of this thread are trapped from now on, or let through. It was prepared. A trapped thread must make no other thread. */
static inline void tram__syscall_trap(bool on) {
    tram__syscall_selector = on;
}

/* Prepares the calling thread, whose calls are let through for now: 0, or -1 when the kernel cannot. */
static int tram__syscall_prepare(void) {
    /* What the kernel keeps of a handler; the C library's restorer makes the one call that must never be trapped. */
    struct {
        void *handler;
        unsigned long flags;
        char *restorer;
        unsigned long mask;
    } kernel;
    enum { RESTORER_BYTES = 16, KERNEL_MASK_BYTES = 8 };
    struct sigaction act = {.sa_sigaction = tram__on_sigsys, .sa_flags = SA_SIGINFO};
    sigemptyset(&act.sa_mask);
    if (sigaction(SIGSYS, &act, NULL) != 0 ||
        syscall(SYS_rt_sigaction, SIGSYS, NULL, &kernel, KERNEL_MASK_BYTES) != 0)
        return -1;
    tram__syscall_selector = 0;
    return prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, kernel.restorer, RESTORER_BYTES,
                 &tram__syscall_selector) == 0
               ? 0
               : -1;
}

#endif
#endif
