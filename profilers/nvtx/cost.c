/* SPDX-License-Identifier: Apache-2.0
 *
 * What a range costs where no profiler is: nvtx_cost [RANGES] prints the ns of a push and a pop, the best of several passes.
 *
 *   loop   counting alone
 *   off    without the sink: the branch that is left of it
 *   on     the same with TRAM_NVTX=on: nobody listens, so nothing is called
 *   nvtx   calling the sink nevertheless
 *
 * As a profiler is looked for at the first call, this one refuses to run under one.
 */
#include "base/module.h"
#include "exec/trace.h"

#include <stdio.h>
#include <stdlib.h>

enum { PASSES = 9 };

static struct tram__tracer tracer;
static void *names[1];

static __attribute__((noinline)) void loop(uint64_t count) {
    for (uint64_t i = 0; i < count; i++)
        __asm__ volatile("" : : "r"(i) : "memory");
}

static __attribute__((noinline)) void ranges(uint64_t count) {
    for (uint64_t i = 0; i < count; i++) {
        if (__builtin_expect(tracer.on, 0))
            tram__trace_push(&tracer, TRAM__RANGE_COMPUTE, names, 0, i);
        __asm__ volatile("" : : "r"(i) : "memory");
        if (__builtin_expect(tracer.on, 0))
            tram__trace_pop(&tracer);
    }
}

static double best_ns(void (*body)(uint64_t), uint64_t count) {
    double best = 1e9;
    body(count / 10);
    for (int i = 0; i < PASSES; i++) {
        uint64_t begin = tram__now_ns();
        body(count);
        double ns = (double)(tram__now_ns() - begin) / (double)count;
        best = ns < best ? ns : best;
    }
    return best;
}

int main(int argc, char **argv) {
    char why[400];
    uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 10) : 10000000;
    if (!count || tram__probe_watched()) {
        fprintf(stderr, count ? "nvtx_cost: not under a profiler\n" : "usage: nvtx_cost [RANGES]\n");
        return 2;
    }
    printf("loop %6.2f ns\n", best_ns(loop, count));
    printf("off  %6.2f ns\n", best_ns(ranges, count));
    setenv("TRAM_NVTX", "on", 1);
    if (tram__probe_sink_open("nvtx_cost", true))
        return 1;
    tracer.sink = tram__probe_sink;
    tracer.on = tracer.sink != NULL;
    printf("on   %6.2f ns\n", best_ns(ranges, count));
    tram__probe_sink_module *enter = NULL;
    *(void **)&enter = tram__module_symbol(TRAM__SINK_MODULE, TRAM__SINK_SYMBOL, why, sizeof why);
    tracer.sink = enter ? enter(TRAM__SINK_VERSION) : NULL;
    tracer.on = true;
    printf("nvtx %6.2f ns\n", best_ns(ranges, count));
    return !tracer.sink;
}
