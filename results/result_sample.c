/* SPDX-License-Identifier: Apache-2.0
 *
 * Writes a result file with made-up figures, for testing the tools that read such files: result_sample PATH
 * FACTOR.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "results/environment.h"
#include "results/result.h"

enum { REPETITIONS = 10 };

static int add(struct tram_results *r, const char *name, const char *mode, double ns, uint32_t repetition) {
    const struct tram_counter counters[] = {{"copies_per_exec", 2}, {"wakes_per_exec", NAN}};
    const struct tram_label labels[] = {{"wait", "auto"}};
    const struct tram_row row = {
        .name = name,
        .repetition_index = repetition,
        .repetitions = REPETITIONS,
        .iterations = 1000000,
        .scenario = "sample",
        .mode = mode,
        .payload_bytes = 1,
        .actors = 1,
        .inflight = 1,
        .p50_ns = ns + repetition,
        .p5_ns = ns * 0.9,
        .p90_ns = ns * 1.5,
        .p95_ns = ns * 2,
        .p99_ns = ns * 3,
        .p999_ns = NAN,
        .execs_per_s = 1e9 / ns,
        .cpu_ns_per_exec = ns * 2,
        .samples = 5000,
        .compile_ns = 1234567890123456789,
        .channel_bytes = TRAM_ABSENT,
        .fill_ns = 12.5,
        .check_ns = 11,
        .counters = counters,
        .counter_count = 2,
        .labels = labels,
        .label_count = 1,
    };
    return tram_results_add(r, &row);
}

int main(int argc, char **argv) {
    char why[512] = "out of memory";
    if (argc != 3) {
        fprintf(stderr, "usage: result_sample PATH FACTOR\n");
        return 2;
    }
    double factor = strtod(argv[2], NULL);
    struct tram_environment e;
    tram_environment_begin(&(struct tram_environment_params){.argc = argc, .argv = argv, .seed = 1}, &e);
    struct tram_results *r = tram_results_create(NULL);
    if (!r)
        return 2;
    struct tram_floor floor = {.cacheline_rtt_ns = 100, .futex_rtt_ns = NAN, .copies = 1};
    floor.copy[0] = (struct tram_floor_copy){4096, 1e10, 5e9, "memcpy"};
    for (uint32_t i = 0; i < REPETITIONS; i++) {
        add(r, "sample/mode:compiled/size:1", "compiled", 200 * factor, i);
        add(r, "sample/mode:eager/size:1", "eager", 5000 * factor, i);
    }
    tram_environment_end(&e);
    int result = 0;
    if (tram_results_set_floor(r, &floor) != 0 ||
        tram_results_set_context(r, tram_environment_json(&e)) != 0 ||
        tram_results_write(r, argv[1], why, sizeof why) != 0) {
        fprintf(stderr, "result_sample: %s\n", why);
        result = 2;
    }
    tram_results_destroy(r);
    return result;
}
