/* SPDX-License-Identifier: Apache-2.0 */
#include "results/environment.h"

#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "results/json_values.h"
#include "results_build.h"

const struct tram_build *tram_build(void) {
    static const struct tram_build build = {
        .version = TRAM_BUILD_VERSION,
        .commit = TRAM_BUILD_COMMIT,
        .compiler = TRAM_BUILD_COMPILER,
        .flags = TRAM_BUILD_FLAGS,
        .dirty = TRAM_BUILD_DIRTY,
    };
    return &build;
}

static double read_steal_s(void) {
    char line[512];
    double ticks;
    long rate = sysconf(_SC_CLK_TCK);
    /* cpu user nice system idle iowait irq softirq steal */
    if (!tram__read_line("/proc/stat", line, sizeof line) || rate <= 0 ||
        sscanf(line, "cpu %*f %*f %*f %*f %*f %*f %*f %lf", &ticks) != 1)
        return NAN;
    return ticks / (double)rate;
}

static struct tram_noise no_noise(void) {
    return (struct tram_noise){.gaps = {NAN, NAN, NAN, -1, NAN},
                               .load_avg = {NAN, NAN, NAN},
                               .steal_s = NAN,
                               .cpu_pressure_10s = NAN,
                               .cpu_pressure_s = NAN};
}

void tram_noise_read(struct tram_noise *out) {
    char line[256];
    double total_us;
    *out = no_noise();
    out->steal_s = read_steal_s();
    if (getloadavg(out->load_avg, 3) != 3)
        out->load_avg[0] = out->load_avg[1] = out->load_avg[2] = NAN;
    if (tram__read_line("/proc/pressure/cpu", line, sizeof line) &&
        sscanf(line, "some avg10=%lf avg60=%*f avg300=%*f total=%lf", &out->cpu_pressure_10s, &total_us) == 2)
        out->cpu_pressure_s = total_us / 1e6;
}

double tram_throttled_s(void) {
    char text[64];
    if (tram__cgroup_field("cpu", "cpu.stat", "throttled_usec", text, sizeof text))
        return strtod(text, NULL) / 1e6;
    return tram__cgroup_field("cpu", "cpu.stat", "throttled_time", text, sizeof text)
               ? strtod(text, NULL) / 1e9
               : NAN;
}

/* The calling thread's CPUs, as "0-3,6". */
static void read_affinity(char *out, size_t size) {
    cpu_set_t set;
    size_t used = 0;
    out[0] = '\0';
    if (sched_getaffinity(0, sizeof set, &set) != 0)
        return;
    for (int i = 0; i < CPU_SETSIZE && used + 16 < size; i++) {
        if (!CPU_ISSET((size_t)i, &set))
            continue;
        int last = i;
        while (last + 1 < CPU_SETSIZE && CPU_ISSET((size_t)last + 1, &set))
            last++;
        used += (size_t)snprintf(out + used, size - used, "%s%d", used ? "," : "", i);
        if (last > i)
            used += (size_t)snprintf(out + used, size - used, "-%d", last);
        i = last;
    }
}

void tram_environment_begin(const struct tram_environment_params *params, struct tram_environment *out) {
    memset(out, 0, sizeof *out);
    out->params = *params;
    if (params->affinity_asked)
        snprintf(out->affinity_asked, sizeof out->affinity_asked, "%s", params->affinity_asked);
    out->params.affinity_asked = NULL;
    read_affinity(out->affinity_got, sizeof out->affinity_got);
    tram__machine_read(&out->machine);
    clock_gettime(CLOCK_REALTIME, &out->start);
    tram_noise_read(&out->before);
    out->after = no_noise();
}

void tram_environment_end(struct tram_environment *e) {
    tram_noise_read(&e->after);
    clock_gettime(CLOCK_REALTIME, &e->end);
}

/* ---- To JSON ---- */

static void put_utc(struct tram__object *o, const char *key, const struct timespec *t) {
    struct tm tm;
    char text[40] = "", whole[24];
    if (t->tv_sec && gmtime_r(&t->tv_sec, &tm) && strftime(whole, sizeof whole, "%Y-%m-%dT%H:%M:%S", &tm))
        snprintf(text, sizeof text, "%s.%03dZ", whole, (int)(t->tv_nsec / 1000000));
    tram__put_text(o, key, text);
}

/* Google Benchmark's form: local time with its offset from UTC, "2024-05-01T12:00:00+02:00". */
static void put_date(struct tram__object *o, const char *key, const struct timespec *t) {
    struct tm tm;
    char text[40] = "", whole[24], zone[8];
    if (localtime_r(&t->tv_sec, &tm) && strftime(whole, sizeof whole, "%Y-%m-%dT%H:%M:%S", &tm) &&
        strftime(zone, sizeof zone, "%z", &tm) == 5)
        snprintf(text, sizeof text, "%s%.3s:%.2s", whole, zone, zone + 3);
    tram__put_text(o, key, text);
}

static json_t *caches_json(const struct tram__machine *m) {
    json_t *all = json_array();
    for (unsigned i = 0; i < m->caches; i++) {
        const struct tram__cache *c = &m->cache[i];
        struct tram__object o = tram__object_new();
        tram__put_text(&o, "type", c->type);
        tram__put_integer(&o, "level", c->level);
        tram__put_integer(&o, "size", c->bytes);
        tram__put_integer(&o, "num_sharing", c->sharing);
        json_array_append_new(all, tram__object_done(&o));
    }
    return all;
}

static json_t *load_json(const struct tram_noise *n) {
    json_t *load = json_array();
    for (int i = 0; i < 3 && isfinite(n->load_avg[i]); i++)
        json_array_append_new(load, json_real(n->load_avg[i]));
    return load;
}

static json_t *gaps_json(const struct tram_noise_gaps *g) {
    struct tram__object o = tram__object_new();
    tram__put_number(&o, "seconds", g->seconds);
    tram__put_number(&o, "lost_share", g->lost_share);
    tram__put_number(&o, "gaps_per_s", g->per_s);
    tram__put_integer(&o, "cpu", g->cpu);
    tram__put_number(&o, "longest_ns", g->longest_ns);
    return tram__object_done(&o);
}

static json_t *noise_json(const struct tram_noise *n) {
    struct tram__object o = tram__object_new();
    tram__put(&o, "gaps", isfinite(n->gaps.lost_share) ? gaps_json(&n->gaps) : json_null());
    tram__put(&o, "load_avg", isfinite(n->load_avg[0]) ? load_json(n) : json_null());
    tram__put_number(&o, "steal_s", n->steal_s);
    tram__put_number(&o, "cpu_pressure_avg10_percent", n->cpu_pressure_10s);
    tram__put_number(&o, "cpu_pressure_total_s", n->cpu_pressure_s);
    return tram__object_done(&o);
}

static json_t *tool_json(void) {
    const struct tram_build *b = tram_build();
    struct tram__object o = tram__object_new();
    tram__put_text(&o, "name", "tramline");
    tram__put_text(&o, "version", b->version);
    tram__put_text(&o, "git_commit", b->commit);
    tram__put_bool(&o, "git_dirty", b->dirty);
    tram__put_text(&o, "compiler", b->compiler);
    tram__put_text(&o, "compiler_flags", b->flags);
    return tram__object_done(&o);
}

static json_t *run_json(const struct tram_environment *e) {
    struct tram__object o = tram__object_new(), affinity = tram__object_new(), noise = tram__object_new();
    json_t *argv = json_array();
    for (int i = 0; i < e->params.argc; i++)
        json_array_append_new(argv, tram__json_text(e->params.argv[i]));
    tram__put(&o, "argv", argv);
    /* JSON integers end at 2^63 - 1 for most readers; a larger seed is kept exactly, as text. */
    char seed[24];
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)e->params.seed);
    tram__put(&o, "seed",
              e->params.seed <= INT64_MAX ? json_integer((json_int_t)e->params.seed) : json_string(seed));
    tram__put(&o, "pass_ms", e->params.pass_ms ? json_integer(e->params.pass_ms) : json_null());
    put_utc(&o, "start_utc", &e->start);
    put_utc(&o, "end_utc", &e->end);
    tram__put_text(&affinity, "asked", e->affinity_asked);
    tram__put_text(&affinity, "got", e->affinity_got);
    tram__put(&o, "affinity", tram__object_done(&affinity));
    tram__put(&noise, "before", noise_json(&e->before));
    tram__put(&noise, "after", noise_json(&e->after));
    tram__put(&o, "noise", tram__object_done(&noise));
    return tram__object_done(&o);
}

static json_t *machine_json(const struct tram__machine *m) {
    struct tram__object o = tram__object_new(), v = tram__object_new();
    tram__put_text(&o, "cpu_model", m->cpu_model);
    tram__put_integer(&o, "numa_nodes", m->numa_nodes);
    tram__put_integer(&o, "ram_bytes", m->ram_bytes);
    tram__put_text(&o, "kernel", m->kernel);
    tram__put_text(&o, "glibc", m->glibc);
    tram__put_bool(&v, "hypervisor", m->hypervisor);
    tram__put_text(&v, "hypervisor_name", m->hypervisor_name);
    tram__put_text(&v, "dmi_vendor", m->dmi_vendor);
    tram__put_text(&v, "dmi_product", m->dmi_product);
    tram__put(&o, "virtualisation", tram__object_done(&v));
    bool unlimited = m->quota_known && m->quota_cpus < 0;
    tram__put(&o, "cgroup_quota_cpus",
              unlimited              ? json_string("unlimited")
              : m->quota_cpus >= 0.0 ? json_real(m->quota_cpus)
                                     : json_null());
    tram__put_text(&o, "clocksource", m->clocksource);
    tram__put_text(&o, "governor", m->governor);
    tram__put_number(&o, "frequency_mhz", m->governor_mhz < 0 ? NAN : m->governor_mhz);
    tram__put_text(&o, "transparent_huge_pages", m->huge_pages);
    tram__put_text(&o, "transparent_huge_pages_shmem", m->shmem_huge_pages);
    return tram__object_done(&o);
}

json_t *tram_environment_json(const struct tram_environment *e) {
    const struct tram__machine *m = &e->machine;
    struct tram__object o = tram__object_new();
    put_date(&o, "date", &e->start);
    tram__put_text(&o, "host_name", m->host);
    tram__put_text(&o, "executable", e->params.argc ? e->params.argv[0] : NULL);
    tram__put_integer(&o, "num_cpus", m->cpus);
    tram__put_integer(&o, "mhz_per_cpu", m->mhz < 0 ? -1 : llround(m->mhz));
    tram__put_bool(&o, "cpu_scaling_enabled", m->scaling);
    tram__put(&o, "caches", caches_json(m));
    tram__put(&o, "load_avg", load_json(&e->before));
#ifdef NDEBUG
    tram__put_text(&o, "library_build_type", "release");
#else
    tram__put_text(&o, "library_build_type", "debug");
#endif
    tram__put_integer(&o, "json_schema_version", 1);
    tram__put_integer(&o, "tramline_schema_version", TRAM_SCHEMA_VERSION);
    tram__put(&o, "tool", tool_json());
    tram__put(&o, "run", run_json(e));
    tram__put(&o, "machine", machine_json(m));
    return tram__object_done(&o);
}
