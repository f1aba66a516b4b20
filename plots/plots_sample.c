/* SPDX-License-Identifier: Apache-2.0 */
#include "plots/plots_sample.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "results/result.h"

enum { REPETITIONS = 3, MODES = 5 };
static const char *const modes[MODES] = {"limit", "compiled", "eager-shm", "eager", "graph-eager"};
static const double factors[MODES] = {1, 1.25, 4, 10, 11};
#define HOSTILE_NAME "<script>alert(\"x\")</script>'`touch pwned`$(touch pwned)\\&{}%s"
#define HOSTILE      HOSTILE_NAME "\n\u202e\ufffe" /* what no case may be called: see results/read_row.c */

static const char *in_name(const char *text) {
    return strcmp(text, HOSTILE) == 0 ? HOSTILE_NAME : text;
}

static int add(struct tram_results *r, const char *scenario, const char *mode, double ns, uint64_t bytes,
               uint32_t actors, uint32_t inflight, uint32_t repetition, bool hostile) {
    char name[512];
    const struct tram_counter counters[] = {{"tail_p50_ns", ns * 1.1}};
    const struct tram_label labels[] = {{"note", hostile ? HOSTILE : "made up"}};
    snprintf(name, sizeof name, "%s/mode:%s/size:%llu/actors:%u/inflight:%u%s", in_name(scenario),
             in_name(mode), (unsigned long long)bytes, actors, inflight,
             hostile ? "/device:" HOSTILE_NAME : "");
    const struct tram_row row = {
        .name = name,
        .repetition_index = repetition,
        .repetitions = REPETITIONS,
        .iterations = 1000,
        .scenario = scenario,
        .mode = mode,
        .payload_bytes = bytes,
        .actors = actors,
        .inflight = inflight,
        .p50_ns = ns * (1 + 0.01 * repetition),
        .p5_ns = inflight == 1 ? ns * 0.9 : NAN,
        .p90_ns = ns * 1.5,
        .p95_ns = inflight == 1 ? ns * 2 : NAN,
        .p99_ns = ns * 3,
        .p999_ns = NAN,
        .execs_per_s = inflight * 1e9 / ns,
        .cpu_ns_per_exec = ns * 2,
        .samples = 5000,
        .compile_ns = TRAM_ABSENT,
        .channel_bytes = TRAM_ABSENT,
        .fill_ns = NAN,
        .check_ns = NAN,
        .counters = counters,
        .counter_count = 1,
        .labels = labels,
        .label_count = 1,
    };
    return tram_results_add(r, &row);
}

static int add_all(struct tram_results *r, bool hostile) {
    static const uint64_t sizes[] = {1, 1024, 1048576};
    const char *roundtrip = hostile ? HOSTILE : "roundtrip";
    int status = 0;
    for (uint32_t i = 0; i < REPETITIONS; i++)
        for (int m = 0; m < MODES; m++) {
            const char *mode = hostile && m == 4 ? HOSTILE : modes[m];
            for (int k = 0; k < 3; k++)
                status |= add(r, roundtrip, mode, factors[m] * 100 + (double)sizes[k] / 10, sizes[k], 1, 1, i,
                              hostile);
            for (uint32_t actors = 2; actors <= 4; actors += 2)
                for (uint32_t inflight = 1; inflight <= 4; inflight += 3)
                    status |=
                        add(r, "chain", mode, factors[m] * 1000 * actors, 1, actors, inflight, i, hostile);
        }
    return status;
}

static json_t *context(bool hostile) {
    return json_pack(
        "{s:i,s:i,s:{s:s,s:i},s:{s:s,s:b},s:{s:[s,s],s:i,s:s,s:s,s:{s:{s:[f],s:f},s:{s:[f],s:f}}}}",
        "tramline_schema_version", 1, "num_cpus", 2, "machine", "cpu_model",
        hostile ? HOSTILE : "Example CPU", "numa_nodes", 1, "tool", "version", "0.1.0", "git_dirty", 0, "run",
        "argv", "./scenarios/roundtrip", hostile ? HOSTILE : "--size=1,1k,1M", "seed", 1, "start_utc",
        "2026-01-02T03:04:05.250Z", "end_utc", "2026-01-02T03:04:15.750Z", "noise", "before", "load_avg",
        0.05, "steal_s", 1.0, "after", "load_avg", 1.5, "steal_s", 1.01);
}

int tram__sample_write(const char *path, bool hostile) {
    char why[512] = "out of memory";
    struct tram_floor floor = {.cacheline_rtt_ns = 100,
                               .futex_rtt_ns = 50000,
                               .futex_idle_rtt_ns = NAN,
                               .unix_rtt_ns = 60000,
                               .unix_poll_rtt_ns = 900,
                               .timer_ns = 20,
                               .timer_step_ns = 10,
                               .copies = 2,
                               .socket_count = 1};
    floor.copy[0] = (struct tram_floor_copy){1048576, 1e10, 5e9, "memcpy"};
    floor.copy[1] = (struct tram_floor_copy){1024, 1e10, 5e9, "memcpy"};
    floor.sockets[0] = (struct tram_floor_sockets){"chain", 2, 1, 9000, 8000, 7000};
    struct tram_results *r = tram_results_create(context(hostile));
    if (!r || add_all(r, hostile) != 0 || tram_results_set_floor(r, &floor) != 0 ||
        tram_results_write(r, path, why, sizeof why) != 0) {
        fprintf(stderr, "plots_sample: %s\n", why);
        tram_results_destroy(r);
        return -1;
    }
    tram_results_destroy(r);
    return 0;
}
