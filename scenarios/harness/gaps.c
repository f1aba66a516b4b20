/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/gaps.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/seam.h"

/* Of one CPU, shared with the process there. */
struct seen {
    uint64_t lost_ns, longest_ns, count, all_ns;
};

static void watch(struct seen *s, int cpu, double seconds) {
    tram__cpus_bind(cpu);
    uint64_t begin = tram__now_ns(), last = begin, end = begin + (uint64_t)(seconds * 1e9);
    while (last < end) {
        uint64_t now = tram__now_ns(), gap = now - last;
        last = now;
        if (gap < TRAM_GAP_NS)
            continue;
        s->lost_ns += gap;
        s->count++;
        s->longest_ns = gap > s->longest_ns ? gap : s->longest_ns;
    }
    s->all_ns = last - begin;
}

static void take(const struct seen *s, int cpu, struct tram_noise_gaps *out) {
    double share = (double)s->lost_ns / (double)s->all_ns;
    if (!s->all_ns)
        return;
    out->longest_ns = fmax(out->longest_ns, (double)s->longest_ns); /* passes over NaN */
    if (isnan(out->lost_share) || share > out->lost_share) {
        out->lost_share = share;
        out->per_s = (double)s->count * 1e9 / (double)s->all_ns;
        out->cpu = cpu;
    }
}

void tram_gaps_measure(const struct tram__cpus *cpus, double seconds, struct tram_noise_gaps *out) {
    size_t bytes = cpus->count * sizeof(struct seen);
    pid_t self = getpid(), *pids = calloc(cpus->count, sizeof *pids);
    struct seen *seen = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    *out = (struct tram_noise_gaps){
        .seconds = seconds, .lost_share = NAN, .longest_ns = NAN, .per_s = NAN, .cpu = -1};
    for (unsigned i = 0; pids && seen != MAP_FAILED && i < cpus->count; i++)
        if ((pids[i] = fork()) == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            if (getppid() == self)
                watch(&seen[i], cpus->cpu[i], seconds);
            _exit(0);
        }
    for (unsigned i = 0; pids && seen != MAP_FAILED && i < cpus->count; i++) {
        while (pids[i] > 0 && waitpid(pids[i], NULL, 0) < 0 && errno == EINTR)
            ;
        take(&seen[i], cpus->cpu[i], out);
    }
    if (seen != MAP_FAILED)
        munmap(seen, bytes);
    free(pids);
}
