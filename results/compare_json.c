/* SPDX-License-Identifier: Apache-2.0
 *
 * The whole comparison for scripts, and the head for those who read Google Benchmark's files.
 */
#include <math.h>
#include <stdlib.h>

#include "results/compare_write.h"
#include "results/json_values.h"
#include "results/samples.h"
#include "results/statistics.h"

static int dump(json_t *json, FILE *f) {
    int status = json ? json_dumpf(json, f, JSON_INDENT(2)) : -1;
    json_decref(json);
    fputc('\n', f);
    return status;
}

/* The list with one more; NULL, and from then on, when memory ran out. */
static json_t *append(json_t *all, json_t *value) {
    if (json_array_append_new(all, value) == 0)
        return all;
    json_decref(all);
    return NULL;
}

static json_t *texts_json(char *const *lines, size_t count) {
    json_t *all = json_array();
    for (size_t i = 0; i < count; i++)
        all = append(all, tram__json_text(lines[i]));
    return all;
}

static json_t *set_json(const struct tram_result_set *s) {
    struct tram__object o = tram__object_new();
    const json_t *tool = json_object_get(s->files[0].context, "tool");
    tram__put_text(&o, "path", s->path);
    tram__put_integer(&o, "files", (int64_t)s->file_count);
    tram__put_integer(&o, "rows", (int64_t)s->row_count);
    tram__put(&o, "tool", tool ? json_deep_copy(tool) : json_null());
    return tram__object_done(&o);
}

static json_t *interval_json(double value, double low, double high) {
    struct tram__object o = tram__object_new();
    tram__put_number(&o, "ratio", value);
    tram__put_number(&o, "low", low > 0 ? low : NAN); /* exp(-INFINITY): there is no bound */
    tram__put_number(&o, "high", high);
    return tram__object_done(&o);
}

static json_t *changes_json(const struct tram_case *k) {
    json_t *all = json_array();
    for (unsigned i = 0; i < k->change_count; i++) {
        struct tram__object o = tram__object_new();
        tram__put_text(&o, "name", k->changes[i].name);
        tram__put_number(&o, "base", k->changes[i].base);
        tram__put_number(&o, "head", k->changes[i].head);
        if (k->changes[i].above) {
            tram__put_integer(&o, "rows_above", (int64_t)k->changes[i].above);
            tram__put_integer(&o, "rows", (int64_t)k->changes[i].rows);
        }
        all = append(all, tram__object_done(&o));
    }
    return all;
}

static json_t *case_json(const struct tram_case *k) {
    const struct tram_decision *d = &k->time;
    struct tram__object o = tram__object_new();
    tram__put_text(&o, "name", k->name);
    tram__put_text(&o, "verdict", tram_verdict_text(k->verdict));
    tram__put_text(&o, "time_verdict", tram_verdict_text(d->verdict));
    tram__put_number(&o, "base_p50_ns", k->base_ns);
    tram__put_number(&o, "head_p50_ns", k->head_ns);
    tram__put_integer(&o, "base_samples", (int64_t)k->base_count);
    tram__put_integer(&o, "head_samples", (int64_t)k->head_count);
    tram__put(&o, "p50", interval_json(d->ratio, d->low, d->high));
    tram__put_number(&o, "delta", d->delta);
    tram__put_number(&o, "p_regressed", d->p_regressed);
    tram__put_number(&o, "p_ok", d->p_ok);
    tram__put_number(&o, "p_improved", d->p_improved);
    tram__put_number(&o, "sd", d->sd);
    tram__put_number(&o, "sd_wanted_for_8_percent", d->sd_wanted);
    tram__put_number(&o, "smallest_ratio_seen", d->sees);
    tram__put_integer(&o, "samples_needed", d->least < INT64_MAX ? (int64_t)d->least : -1);
    tram__put(&o, "p99_advisory",
              k->p99_count ? interval_json(k->p99.value, k->p99.low, k->p99.high) : json_null());
    tram__put(&o, "counters_changed", changes_json(k));
    return tram__object_done(&o);
}

static json_t *cases_json(const struct tram_arms *a) {
    json_t *all = json_array();
    for (size_t i = 0; i < a->case_count; i++)
        all = append(all, case_json(&a->cases[i]));
    return all;
}

static json_t *load_json(const struct tram_arms *a) {
    json_t *all = json_array();
    for (size_t i = 0; i < TRAM_LOADS; i++) {
        const struct tram_load *l = &a->load[i];
        struct tram__object o = tram__object_new();
        tram__put_text(&o, "name", l->name);
        tram__put_bool(&o, "crowded", l->crowded);
        tram__put_number(&o, "base", l->base);
        tram__put_number(&o, "head", l->head);
        tram__put_number(&o, "shift", l->shift);
        tram__put_number(&o, "margin", l->margin);
        tram__put_number(&o, "p", l->p);
        tram__put_bool(&o, "flagged", l->flagged);
        all = append(all, tram__object_done(&o));
    }
    return all;
}

static json_t *again_json(const struct tram_arms *a) {
    struct tram__object o = tram__object_new();
    if (!a->head) {
        json_decref(tram__object_done(&o));
        return json_null();
    }
    tram__put(&o, "set", set_json(a->head));
    tram__put_bool(&o, "paired", a->paired);
    tram__put(&o, "cases", cases_json(a));
    tram__put(&o, "load", load_json(a));
    return tram__object_done(&o);
}

int tram_comparison_json(const struct tram_comparison *c, FILE *f) {
    const struct tram_arms *a = &c->arms;
    struct tram__object o = tram__object_new();
    tram__put_integer(&o, "tramline_comparison_version", TRAM_COMPARISON_VERSION);
    tram__put_text(&o, "verdict", tram_verdict_text(c->verdict));
    tram__put_integer(&o, "exit_status", c->exit_status);
    tram__put_bool(&o, "gates", !c->advice.count && !c->refusals.count);
    tram__put_bool(&o, "paired", a->paired);
    tram__put(&o, "blocks", a->paired ? json_integer((json_int_t)a->blocks) : json_null());
    tram__put_number(&o, "timer_step_ns", a->timer_step_ns > 0 ? a->timer_step_ns : NAN);
    tram__put_number(&o, "delta", c->options.delta);
    tram__put_number(&o, "alpha", c->options.alpha);
    tram__put_number(&o, "interval_confidence_all_cases", 1 - c->options.alpha);
    tram__put(&o, "base", set_json(a->base));
    tram__put(&o, "head", set_json(a->head));
    tram__put(&o, "again", again_json(&c->again));
    tram__put(&o, "environment", texts_json(c->environment.at, c->environment.count));
    tram__put(&o, "advice", texts_json(c->advice.at, c->advice.count));
    tram__put(&o, "refusals", texts_json(c->refusals.at, c->refusals.count));
    tram__put(&o, "notes", texts_json(c->notes.at, c->notes.count));
    tram__put(&o, "missing", texts_json((char *const *)a->missing, a->missing_count));
    tram__put(&o, "new", texts_json((char *const *)a->added, a->added_count));
    tram__put(&o, "load", load_json(a));
    tram__put(&o, "cases", cases_json(a));
    return dump(tram__object_done(&o), f);
}

/* ---- The head alone, for others ---- */

/* What the rows of a case have in `field`. */
static size_t values_of(const struct tram__rows *r, const char *field, double *values) {
    size_t n = 0;
    for (size_t i = 0; i < r->count; i++) {
        double v = tram_result_number(r->at[i], field);
        if (isfinite(v))
            values[n++] = v;
    }
    return n;
}

/* `each` of the cases of the head, into `rows`; -1 when memory ran out. */
static int each_case(const struct tram_comparison *c, json_t *rows,
                     int each(const struct tram__rows *r, double *values, json_t *rows)) {
    const struct tram_arms *a = &c->arms;
    struct tram__index index = {0};
    double *values = calloc(a->head->row_count + 1, sizeof *values);
    int status = values && rows ? tram__index_make(a->head, &index) : -1;
    for (size_t i = 0; i < a->case_count && !status; i++)
        status = each(tram__index_find(&index, a->cases[i].name), values, rows);
    for (size_t i = 0; i < a->added_count && !status; i++)
        status = each(tram__index_find(&index, a->added[i]), values, rows);
    tram__index_free(&index);
    free(values);
    return status;
}

static int dump_all(int status, json_t *json, FILE *f) {
    if (status == 0)
        return dump(json, f);
    json_decref(json);
    return -1;
}

static double median_of(const struct tram__rows *r, const char *field, double *values) {
    size_t n = values_of(r, field, values);
    return n ? tram_median(values, n) : 0; /* compare.py wants a number */
}

static json_int_t iterations_of(const struct tram__rows *r) {
    json_int_t sum = 0, most = INT64_MAX;
    for (size_t i = 0; i < r->count; i++) {
        json_int_t n = json_integer_value(json_object_get(r->at[i]->json, "iterations"));
        sum = n < most - sum ? sum + n : most;
    }
    return sum;
}

static int gbench_row(const struct tram__rows *r, double *values, json_t *rows) {
    struct tram__object o = tram__object_new();
    tram__put_text(&o, "name", r->name);
    tram__put_text(&o, "run_name", r->name);
    tram__put_text(&o, "run_type", "iteration");
    tram__put_integer(&o, "repetitions", 1);
    tram__put_integer(&o, "repetition_index", 0);
    tram__put_integer(&o, "threads", 1);
    tram__put_integer(&o, "iterations", iterations_of(r));
    tram__put_number(&o, "real_time", median_of(r, "real_time", values));
    tram__put_number(&o, "cpu_time", median_of(r, "cpu_time", values));
    tram__put_text(&o, "time_unit", "ns");
    return json_array_append_new(rows, tram__object_done(&o));
}

int tram_comparison_gbench(const struct tram_comparison *c, FILE *f) {
    struct tram__object o = tram__object_new();
    json_t *rows = json_array();
    int status = each_case(c, rows, gbench_row);
    tram__put(&o, "context", json_deep_copy(c->arms.head->files[0].context));
    tram__put(&o, "benchmarks", rows);
    return dump_all(status, tram__object_done(&o), f);
}

static void put_metric(struct tram__object *o, const char *measure, double *values, size_t n) {
    struct tram__object metric = tram__object_new();
    tram__put_number(&metric, "value", tram_median(values, n)); /* which sorts them */
    tram__put_number(&metric, "lower_value", values[0]);
    tram__put_number(&metric, "upper_value", values[n - 1]);
    tram__put(o, measure, tram__object_done(&metric));
}

static int bencher_case(const struct tram__rows *r, double *values, json_t *rows) {
    static const struct {
        const char *measure, *field;
    } measures[] = {{"latency", "real_time"}, {"throughput", "execs_per_s"}};
    struct tram__object o = tram__object_new();
    for (size_t i = 0; i < sizeof measures / sizeof *measures; i++) {
        size_t n = values_of(r, measures[i].field, values);
        if (n)
            put_metric(&o, measures[i].measure, values, n);
    }
    return json_object_set_new(rows, r->name, tram__object_done(&o));
}

int tram_comparison_bencher(const struct tram_comparison *c, FILE *f) {
    json_t *cases = json_object();
    return dump_all(each_case(c, cases, bencher_case), cases, f);
}
