/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/load.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/seam.h"
#include "results/environment.h"
#include "results/machine.h"

/* Adds what one thread has; a file that is not there makes it NaN, a thread that has ended adds nothing. */
static void add_thread(const char *task, const char *tid, struct tram_load *l) {
    char path[400], line[256];
    double waited_ns, switches;
    snprintf(path, sizeof path, "%s/%s/schedstat", task, tid);
    if (!tram__read_line(path, line, sizeof line) || sscanf(line, "%*s %lf", &waited_ns) != 1)
        waited_ns = access("/proc/self/schedstat", F_OK) == 0 ? 0 : NAN;
    l->run_delay_s += waited_ns / 1e9;
    snprintf(path, sizeof path, "%s/%s/status", task, tid);
    FILE *f = fopen(path, "re");
    while (f && fgets(line, sizeof line, f)) {
        if (sscanf(line, "voluntary_ctxt_switches: %lf", &switches) == 1)
            l->voluntary += switches;
        else if (sscanf(line, "nonvoluntary_ctxt_switches: %lf", &switches) == 1)
            l->involuntary += switches;
    }
    if (f)
        fclose(f);
}

static void add_process(pid_t pid, struct tram_load *l) {
    char task[64];
    snprintf(task, sizeof task, "/proc/%d/task", (int)pid);
    DIR *d = opendir(task);
    struct dirent *e;
    if (!d)
        l->run_delay_s = l->voluntary = l->involuntary = NAN;
    l->processes++;
    while (d && (e = readdir(d)))
        if (e->d_name[0] != '.')
            add_thread(task, e->d_name, l);
    if (d)
        closedir(d);
}

void tram_load_read(const pid_t *pids, int count, struct tram_load *out) {
    struct tram_noise machine;
    *out = (struct tram_load){.ns = tram__now_ns()};
    tram_noise_read(&machine);
    out->steal_s = machine.steal_s;
    out->pressure_s = machine.cpu_pressure_s;
    out->throttled_s = tram_throttled_s();
    add_process(getpid(), out);
    for (int i = 0; i < count; i++)
        add_process(pids[i], out);
}

/* A counter that steps back, as a host's of stolen time may, has counted nothing. */
static double per(double before, double after, double of) {
    return after < before ? 0 : (after - before) / of;
}

struct tram_load_change tram_load_between(const struct tram_load *before, const struct tram_load *after) {
    double s = (double)(after->ns - before->ns) / 1e9;
    return (struct tram_load_change){
        .run_delay_share = per(before->run_delay_s, after->run_delay_s, s * after->processes),
        .involuntary_switches_per_s = per(before->involuntary, after->involuntary, s),
        .voluntary_switches_per_s = per(before->voluntary, after->voluntary, s),
        .steal_share = per(before->steal_s, after->steal_s, s),
        .throttled_share = per(before->throttled_s, after->throttled_s, s),
        .pressure_share = per(before->pressure_s, after->pressure_s, s)};
}
