/* SPDX-License-Identifier: Apache-2.0
 *
 * What recording costs: the least of several rounds, in ns. A benchmark, to be run by hand.
 */
#include "probe/probe.h"

#include "tramline/tramline.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { ROUNDS = 20, EVENTS = 100000 };

static double least(double a, double b) {
    return a < b ? a : b;
}

int main(void) {
    char folder[64], command[128];
    snprintf(folder, sizeof folder, "/tmp/tram-cost-%d", (int)getpid());
    struct tram__probe_params p = {.folder = folder,
                                   .process = "cost",
                                   .create = true,
                                   .ring_bytes = (uint64_t)2 * ROUNDS * EVENTS * sizeof(struct tram__event),
                                   .window_first = 1};
    if (tram__probe_open(&p) || tram__probe_thread("main")) {
        fprintf(stderr, "probe_cost: %s\n", tram_last_error()->text);
        return 1;
    }
    struct tram__ring *r = tram__probe;
    double clock_ns = 1e9, event_ns = 1e9;
    uint64_t sum = 0;
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t start = tram__now_ns();
        for (int i = 0; i < EVENTS; i++)
            sum += tram__probe_now(r);
        clock_ns = least(clock_ns, (double)(tram__now_ns() - start) / EVENTS);
        uint64_t mark = tram__probe_now(r);
        start = tram__now_ns();
        for (uint64_t i = 0; i < EVENTS; i++) {
            uint64_t now = tram__probe_now(r);
            tram__probe_slice(r, TRAM__EVENT_COMPUTE, 1, 1, i, mark, now);
            mark = now;
        }
        event_ns = least(event_ns, (double)(tram__now_ns() - start) / EVENTS);
    }
    printf("%s: a reading %.1f ns, an event %.1f ns with it (%llu of %d dropped)%s\n",
           r->clock == TRAM__CLOCK_TSC ? "TSC" : "CLOCK_MONOTONIC", clock_ns, event_ns,
           (unsigned long long)r->dropped, ROUNDS * EVENTS, sum ? "" : "!");
    tram__probe_close();
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command) != 0;
}
