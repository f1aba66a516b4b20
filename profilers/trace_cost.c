/* SPDX-License-Identifier: Apache-2.0
 *
 * What it costs to write a trace: trace_cost [EXECUTIONS [ACTORS [FILE]]] makes a run of a chain, writes its trace several
 * times, and prints the best: ns and bytes for each event that was recorded, and for each packet.
 */
#include "profilers/synthetic.h"
#include "profilers/write.h"

#include <stdlib.h>
#include <unistd.h>

enum { PASSES = 5 };

static int measure(const struct tram__run *run, const char *path, bool deflate) {
    char why[TRAM__RUN_WHY];
    struct tram__counts c;
    uint64_t best = UINT64_MAX, bytes = 0, packets = 0;
    for (int i = 0; i < (deflate ? 1 : PASSES); i++) {
        uint64_t begin = synthetic_now_ns();
        if (tram__trace_write(run, path, deflate, &c, why, sizeof why)) {
            fprintf(stderr, "trace_cost: %s\n", why);
            return 1;
        }
        uint64_t ns = synthetic_now_ns() - begin;
        best = ns < best ? ns : best;
    }
    FILE *f = fopen(path, "re");
    if (f && fseek(f, 0, SEEK_END) == 0)
        bytes = (uint64_t)ftell(f);
    if (f)
        fclose(f);
    packets = 2 * c.slices + c.instants + c.samples;
    printf(
        "%-9s %8.2f million events/s, %5.1f ns and %5.1f bytes an event; %5.1f ns and %5.1f bytes a packet\n",
        deflate ? "squeezed" : "plain", (double)run->events * 1e3 / (double)best,
        (double)best / (double)run->events, (double)bytes / (double)run->events,
        (double)best / (double)packets, (double)bytes / (double)packets);
    return 0;
}

int main(int argc, char **argv) {
    char folder[64], path[300], why[TRAM__RUN_WHY];
    uint64_t executions = argc > 1 ? strtoull(argv[1], NULL, 10) : 100000;
    unsigned actors = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 4;
    struct tram__run run;
    if (!executions || executions > 1000000000 || !actors || actors > 1000) {
        fprintf(stderr, "usage: trace_cost [EXECUTIONS [ACTORS [FILE]]]\n");
        return 2;
    }
    synthetic_folder(folder);
    synthetic_chain(folder, actors, executions, TRAM__CLOCK_TSC);
    snprintf(path, sizeof path, "%s", argc > 3 ? argv[3] : "/tmp/tramline-trace-cost.pftrace");
    int status = tram__run_open(&run, folder, why, sizeof why);
    if (status)
        fprintf(stderr, "trace_cost: %s\n", why);
    else {
        status = measure(&run, path, false) || measure(&run, path, true);
        tram__run_close(&run);
    }
    unlink(path);
    synthetic_remove(folder);
    return status != 0;
}
