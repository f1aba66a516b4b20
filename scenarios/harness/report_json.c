/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>

#include "harness/report_figures.h"

struct tram_row tram_trial_row(const struct tram_trial *t) {
    return (struct tram_row){.iterations = t->iterations,
                             .payload_bytes = t->c.tensor ? t->c.tensor : t->c.input.total,
                             .actors = t->c.actors,
                             .inflight = t->c.inflight,
                             .p50_ns = t->p50_ns,
                             .p5_ns = t->p5_ns,
                             .p90_ns = t->p90_ns,
                             .p95_ns = t->p95_ns,
                             .p99_ns = t->p99_ns,
                             .p999_ns = t->p999_ns,
                             .execs_per_s = t->execs_per_s,
                             .cpu_ns_per_exec = t->cpu_ns_per_exec,
                             .samples = (int64_t)t->samples,
                             .compile_ns = t->compile_ns,
                             .channel_bytes = t->channel_bytes,
                             .fill_ns = t->fill_ns,
                             .check_ns = t->check_ns};
}

static int add_row(struct tram_results *results, const struct tram_run *r, size_t point, int mode,
                   uint64_t i) {
    const struct tram_trial *t = tram_run_trial(r, point, mode, i);
    const struct tram_point *at = &r->settings->points[point];
    char name[256], parts[TRAM_PARTS_TEXT];
    tram_case_name(r, point, mode, name, sizeof name);
    const struct tram_counter counters[] = {
        {"tail_p50_ns", t->tail_p50_ns},
        {"copies_per_exec", t->copies},
        {"copied_bytes_per_exec", t->copied_bytes},
        {"sleeps_per_exec", t->sleeps},
        {"allocations_per_exec", t->allocations},
        {"syscalls_per_exec", t->syscalls},
        {"futex_calls_per_exec", t->futexes},
        {"device_maps", t->maps},
        {"batch", (double)t->batch},
        {"idle_cpu", t->idle_cpu},
        {"wake_ns", t->wake_ns},
        {"rate_asked_per_s", r->settings->rate ? (double)r->settings->rate : NAN},
        {"missed_share", t->missed},
        {"drift", t->drift},
        {"run_delay_share", t->load.run_delay_share},
        {"involuntary_switches_per_s", t->load.involuntary_switches_per_s},
        {"voluntary_switches_per_s", t->load.voluntary_switches_per_s},
        {"steal_share", t->load.steal_share},
        {"throttled_share", t->load.throttled_share},
        {"cpu_pressure_share", t->load.pressure_share},
    };
    struct tram_label labels[12];
    size_t label_count = 0;
    if (r->settings->rate)
        labels[label_count++] = (struct tram_label){"kept_up", t->fell_behind ? "no" : "yes"};
    labels[label_count++] = (struct tram_label){"loop", r->settings->rate ? "open" : "closed"};
    labels[label_count++] =
        (struct tram_label){"validation", r->settings->no_check               ? "none"
                                          : at->tensor && !r->settings->check ? "ends of every tensor"
                                                                              : "every payload"};
    labels[label_count++] = (struct tram_label){"stop_reason", t->stop};
    labels[label_count++] = (struct tram_label){"steady", isnan(t->drift) ? "unknown"
                                                          : t->steady     ? "yes"
                                                                          : "no"};
    if (t->note[0])
        labels[label_count++] = (struct tram_label){"note", t->note};
    if (r->scenario->parts)
        labels[label_count++] = (struct tram_label){"parts", tram_print_parts(&at->input, parts)};
    if (at->tensor) {
        labels[label_count++] = (struct tram_label){"device", r->settings->device};
        labels[label_count++] = (struct tram_label){"transport", tram_transport_text(r->picked)};
        if (r->device_count)
            labels[label_count++] = (struct tram_label){"device_name", r->devices[0].info.name};
    }
    struct tram_row row = tram_trial_row(t);
    row.name = name;
    row.repetition_index = (uint32_t)i;
    row.repetitions = (uint32_t)r->settings->repetitions;
    row.block = (int64_t)r->settings->block;
    row.scenario = r->scenario->name;
    row.mode = tram_mode_names[mode];
    row.counters = counters;
    row.counter_count = sizeof counters / sizeof counters[0];
    row.labels = labels;
    row.label_count = label_count;
    return tram_results_add(results, &row);
}

int tram_report_rows(const struct tram_run *r, const char *json, const char *csv, char *why,
                     size_t why_size) {
    const struct tram_settings *s = r->settings;
    struct tram_results *results = tram_results_create(tram_environment_json(&r->environment));
    int status = results ? tram_results_set_floor(results, &r->floor) : -1;
    for (size_t point = 0; !status && point < s->point_count; point++)
        for (int m = 0; m < TRAM_MODES; m++)
            for (uint64_t i = 0; !status && s->modes[m] && i < s->repetitions; i++)
                if (tram_run_trial(r, point, m, i)->ok)
                    status = add_row(results, r, point, m, i);
    if (status)
        snprintf(why, why_size, "out of memory");
    else if (json)
        status = tram_results_write(results, json, why, why_size);
    if (!status && csv)
        status = tram_results_write_csv(results, csv, why, why_size);
    tram_results_destroy(results);
    return status;
}
