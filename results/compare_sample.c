/* SPDX-License-Identifier: Apache-2.0
 *
 * Writes a result file with made-up figures of a made-up machine, for testing what compares them: compare_sample FILE
 * [NAME=VALUE]... Figures that a name below does not set are the same for every file, noise apart.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "results/environment.h"
#include "results/result.h"

static struct {
    const char *name, *value;
} settings[] = {
    {"blocks", "20"},     /* 0: rows have none */
    {"first", "1"},       /* the first block */
    {"start", "0"},       /* s; a block begins a minute after the one before; "-": that is not told */
    {"took", "25"},       /* s, for a block */
    {"counted", "99999"}, /* later blocks have no system calls */
    {"repetitions", "1"}, /* in each block, or in all without blocks */
    {"seed", "1"},        /* of the noise of this arm */
    {"noise", "0.01"},    /* standard deviation of ln(time) of this arm; blocks have 5% in common */
    {"compiled", "1"},    /* times of the case, by this */
    {"eager", "1"},         {"cases", "2"},  /* 1: without the eager one; 3: with one more */
    {"p99", "1"},           {"step", "20"},  /* of the timer */
    {"batch", "100"},       {"copies", "2"}, /* counters: "-" is null */
    {"extra", "0"},                          /* in each of so many blocks, one of these more: */
    {"more", "1"},          {"syscalls", "-"},   {"delay", "-"},          {"switches", "-"},
    {"steal", "-"},         {"cpu", "Test CPU"}, {"kernel", "Linux 6.1"}, {"compiler", "GNU 12"},
    {"option", "--size=1"}, {"schema", "1"},     {"version", "0.1.0"},    {"actors", "1"},
    {"affinity", "0-1"},    {"asked", "-"},      {"quota", "-"},          {"pass", "50"},
};

static const char *text(const char *name) {
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        if (strcmp(settings[i].name, name) == 0)
            return settings[i].value;
    abort();
}

static double number(const char *name) {
    return strcmp(text(name), "-") == 0 ? NAN : strtod(text(name), NULL);
}

static void set(const char *argument) {
    const char *value = strchr(argument, '=');
    for (size_t i = 0; value && i < sizeof settings / sizeof *settings; i++)
        if (strlen(settings[i].name) == (size_t)(value - argument) &&
            strncmp(settings[i].name, argument, (size_t)(value - argument)) == 0) {
            settings[i].value = value + 1;
            return;
        }
    fprintf(stderr, "compare_sample: %s: NAME=VALUE is wanted\n", argument);
    exit(2);
}

/* About normal: the sum of twelve draws from a sequence of their own. */
static double noise(uint64_t seed, uint64_t block, uint64_t place) {
    uint64_t s = (seed * 1000003 + block) * 1000003 + place + 88172645463325252u;
    double sum = -6;
    for (int i = 0; i < 12 + 20; i++) {
        s ^= s << 13, s ^= s >> 7, s ^= s << 17;
        sum += i < 20 ? 0 : (double)(s >> 11) / 9007199254740992.0;
    }
    return sum;
}

static int add(struct tram_results *r, const char *mode, double ns, int64_t block, uint32_t repetition) {
    char name[100];
    snprintf(name, sizeof name, "sample/mode:%s/size:1", mode);
    uint64_t place = (uint64_t)mode[0] * 1000 + repetition;
    double shared = block ? 0.05 * noise(0, (uint64_t)block, place) : 0;
    ns *= exp(shared + number("noise") * noise((uint64_t)number("seed"), (uint64_t)block, place));
    double extra = block && block <= number("extra") ? number("more") : 0;
    const struct tram_counter counters[] = {
        {"copies_per_exec", number("copies") + extra},
        {"syscalls_per_exec", block <= number("counted") ? number("syscalls") + extra : NAN},
        {"run_delay_share", number("delay")},
        {"steal_share", number("steal")},
        {"involuntary_switches_per_s", number("switches")},
        {"batch", number("batch")}};
    const struct tram_row row = {.name = name,
                                 .repetition_index = repetition,
                                 .repetitions = (uint32_t)number("repetitions"),
                                 .block = block,
                                 .iterations = 1000,
                                 .scenario = "sample",
                                 .mode = mode,
                                 .payload_bytes = 1,
                                 .actors = (uint32_t)number("actors"),
                                 .inflight = 1,
                                 .p50_ns = ns,
                                 .p5_ns = ns * 0.9,
                                 .p90_ns = ns * 1.5,
                                 .p95_ns = ns * 2,
                                 .p99_ns = ns * 2 * number("p99"),
                                 .p999_ns = NAN,
                                 .execs_per_s = 1e9 / ns,
                                 .cpu_ns_per_exec = ns * 2,
                                 .samples = 1000,
                                 .compile_ns = TRAM_ABSENT,
                                 .channel_bytes = TRAM_ABSENT,
                                 .fill_ns = NAN,
                                 .check_ns = NAN,
                                 .counters = counters,
                                 .counter_count = sizeof counters / sizeof *counters};
    return tram_results_add(r, &row);
}

static const char *utc(double s, char *out) {
    struct tm t;
    if (isnan(s))
        return NULL;
    time_t whole = 1782000000 + (time_t)s;
    strftime(out, 40, "%Y-%m-%dT%H:%M:%S.000Z", gmtime_r(&whole, &t));
    return out;
}

static json_t *quota(void) {
    double cpus = number("quota");
    return isnan(cpus) ? json_string("unlimited") : json_real(cpus);
}

static json_t *context(const char *path) {
    char start[40], end[40];
    double blocks = fmax(number("blocks"), 1), first = number("start") + 60 * number("first");
    return json_pack(
        "{s:i, s:i, s:i, s:[], s:{s:s, s:s, s:o}, s:{s:s, s:s}, s:{s:[s, s, s, s], s:s?, s:s?, s:i, "
        "s:{s:s, s:s}}}",
        "json_schema_version", 1, "tramline_schema_version", (int)number("schema"), "num_cpus", 16, "caches",
        "machine", "cpu_model", text("cpu"), "kernel", text("kernel"), "cgroup_quota_cpus", quota(), "tool",
        "version", text("version"), "compiler", text("compiler"), "run", "argv", "./scenarios/sample",
        "--json", path, text("option"), "start_utc", utc(first, start), "end_utc",
        utc(first + 60 * (blocks - 1) + number("took"), end), "pass_ms", (int)number("pass"), "affinity",
        "asked", text("asked"), "got", text("affinity"));
}

int main(int argc, char **argv) {
    char why[512] = "out of memory";
    for (int i = 2; i < argc; i++)
        set(argv[i]);
    struct tram_results *r = argc > 1 ? tram_results_create(context(argv[1])) : NULL;
    const struct tram_floor floor = {.timer_step_ns = number("step")};
    int64_t first = number("blocks") > 0 ? (int64_t)number("first") : 0;
    int64_t count = number("blocks") > 0 ? (int64_t)number("blocks") : 1;
    int status = r ? tram_results_set_floor(r, &floor) : -1;
    for (int64_t b = first; b < first + count && !status; b++)
        for (uint32_t i = 0; i < (uint32_t)number("repetitions") && !status; i++) {
            status = add(r, "compiled", 400 * number("compiled"), b, i);
            if (!status && number("cases") > 1)
                status = add(r, "eager", 5000 * number("eager"), b, i);
            if (!status && number("cases") > 2)
                status = add(r, "new|one", 9e6, b, i);
        }
    if (!status)
        status = tram_results_write(r, argv[1], why, sizeof why);
    if (status)
        fprintf(stderr, "compare_sample: %s\n", why);
    tram_results_destroy(r);
    return status ? 2 : 0;
}
