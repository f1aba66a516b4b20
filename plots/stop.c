/* SPDX-License-Identifier: Apache-2.0 */
#include "plots/stop.h"

#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>

static _Atomic int told; /* it alone is passed on: relaxed */

static void on_signal(int number) {
    atomic_store_explicit(&told, number, memory_order_relaxed);
}

void tram__stop_watch(void) {
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    /* Without SA_RESTART: what waits for a pipe to be opened, or read, waits no longer. */
    const struct sigaction act = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    struct sigaction old;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (sigaction(numbers[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
            sigaction(numbers[i], &act, NULL);
}

int tram__stop_signal(void) {
    return atomic_load_explicit(&told, memory_order_relaxed);
}
