/* SPDX-License-Identifier: Apache-2.0 */
#include "results/result.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "results/csv.h"
#include "results/json_values.h"
#include "results/output.h"

struct tram_results {
    json_t *context; /* without the floor */
    json_t *floor;   /* or NULL */
    json_t *rows;
};

struct tram_results *tram_results_create(json_t *context) {
    struct tram_results *r = calloc(1, sizeof *r);
    if (!context)
        context = json_object();
    json_t *rows = json_array();
    if (!r || !context || !rows) {
        json_decref(context);
        json_decref(rows);
        free(r);
        return NULL;
    }
    r->context = context;
    r->rows = rows;
    return r;
}

void tram_results_destroy(struct tram_results *r) {
    if (!r)
        return;
    json_decref(r->context);
    json_decref(r->floor);
    json_decref(r->rows);
    free(r);
}

int tram_results_set_context(struct tram_results *r, json_t *context) {
    if (!context)
        return -1;
    json_decref(r->context);
    r->context = context;
    return 0;
}

/* ---- Floors ---- */

static json_t *copies_json(const struct tram_floor *floor) {
    json_t *all = json_array();
    for (size_t i = 0; i < floor->copies && i < TRAM_FLOOR_MAX_SIZES; i++) {
        const struct tram_floor_copy *c = &floor->copy[i];
        struct tram__object o = tram__object_new();
        tram__put_integer(&o, "bytes", (int64_t)c->bytes);
        tram__put_number(&o, "local", c->local);
        tram__put_number(&o, "cross_core", c->cross_core);
        tram__put_text(&o, "cross_core_kernel", c->cross_core_kernel);
        if (json_array_append_new(all, tram__object_done(&o)) != 0) {
            json_decref(all);
            return NULL;
        }
    }
    return all;
}

static json_t *sockets_json(const struct tram_floor *floor) {
    json_t *all = json_array();
    for (size_t i = 0; i < floor->socket_count && i < TRAM_FLOOR_MAX_SOCKETS; i++) {
        const struct tram_floor_sockets *s = &floor->sockets[i];
        struct tram__object o = tram__object_new();
        tram__put_text(&o, "pattern", s->pattern);
        tram__put_integer(&o, "actors", s->actors);
        tram__put_integer(&o, "bytes", (int64_t)s->bytes);
        tram__put_number(&o, "rtt_ns", s->rtt_ns);
        tram__put_number(&o, "requests_ns", s->requests_ns);
        tram__put_number(&o, "handovers_ns", s->handovers_ns);
        if (json_array_append_new(all, tram__object_done(&o)) != 0) {
            json_decref(all);
            return NULL;
        }
    }
    return all;
}

int tram_results_set_floor(struct tram_results *r, const struct tram_floor *floor) {
    struct tram__object o = tram__object_new();
    tram__put_number(&o, "cacheline_rtt_ns", floor->cacheline_rtt_ns);
    tram__put_number(&o, "futex_rtt_ns", floor->futex_rtt_ns);
    tram__put_number(&o, "futex_idle_rtt_ns", floor->futex_idle_rtt_ns);
    tram__put_number(&o, "unix_rtt_ns", floor->unix_rtt_ns);
    tram__put_number(&o, "unix_poll_rtt_ns", floor->unix_poll_rtt_ns);
    tram__put_number(&o, "timer_ns", floor->timer_ns);
    tram__put_number(&o, "timer_step_ns", floor->timer_step_ns);
    tram__put(&o, "copy_bytes_per_s", copies_json(floor));
    tram__put(&o, "socket_patterns", sockets_json(floor));
    json_t *json = tram__object_done(&o);
    if (!json)
        return -1;
    json_decref(r->floor);
    r->floor = json;
    return 0;
}

/* ---- Rows ---- */

/* A family is a scenario, an instance one case of it; repetitions of a case share both numbers. */
struct place {
    json_int_t family, instance;
};

static json_int_t integer_of(const json_t *row, const char *key) {
    return json_integer_value(json_object_get(row, key));
}

static bool text_equals(const json_t *row, const char *key, const char *text) {
    const char *have = json_string_value(json_object_get(row, key));
    return have && text && strcmp(have, text) == 0;
}

static struct place place_of(const struct tram_results *r, const struct tram_row *row) {
    struct place p = {-1, 0};
    json_int_t families = 0;
    size_t i;
    json_t *old;
    json_array_foreach(r->rows, i, old) {
        json_int_t family = integer_of(old, "family_index"),
                   instance = integer_of(old, "per_family_instance_index");
        if (family >= families)
            families = family + 1;
        if (text_equals(old, "run_name", row->name))
            return (struct place){family, instance};
        if (!text_equals(old, "scenario", row->scenario))
            continue;
        p.family = family;
        if (instance >= p.instance)
            p.instance = instance + 1;
    }
    if (p.family < 0)
        p.family = families;
    return p;
}

static void put_figures(struct tram__object *o, const struct tram_row *row) {
    tram__put_text(o, "scenario", row->scenario);
    tram__put_text(o, "mode", row->mode);
    tram__put_integer(o, "payload_bytes", (int64_t)row->payload_bytes);
    tram__put_integer(o, "actors", row->actors);
    tram__put_integer(o, "inflight", row->inflight);
    tram__put_number(o, "p50_ns", row->p50_ns);
    tram__put_number(o, "p5_ns", row->p5_ns);
    tram__put_number(o, "p90_ns", row->p90_ns);
    tram__put_number(o, "p95_ns", row->p95_ns);
    tram__put_number(o, "p99_ns", row->p99_ns);
    tram__put_number(o, "p999_ns", row->p999_ns);
    tram__put_number(o, "execs_per_s", row->execs_per_s);
    tram__put_number(o, "cpu_ns_per_exec", row->cpu_ns_per_exec);
    tram__put_integer(o, "samples", row->samples);
    tram__put_integer(o, "compile_ns", row->compile_ns);
    tram__put_integer(o, "channel_bytes", row->channel_bytes);
    tram__put_number(o, "fill_ns", row->fill_ns);
    tram__put_number(o, "check_ns", row->check_ns);
}

static void put_extras(struct tram__object *o, const struct tram_row *row) {
    for (size_t i = 0; i < row->counter_count; i++)
        if (!json_object_get(o->json, row->counters[i].name))
            tram__put_number(o, row->counters[i].name, row->counters[i].value);
    for (size_t i = 0; i < row->label_count; i++)
        if (!json_object_get(o->json, row->labels[i].name))
            tram__put_text(o, row->labels[i].name, row->labels[i].value);
}

int tram_results_add(struct tram_results *r, const struct tram_row *row) {
    struct tram__object o = tram__object_new();
    struct place place = place_of(r, row);
    tram__put_text(&o, "name", row->name);
    tram__put_integer(&o, "family_index", place.family);
    tram__put_integer(&o, "per_family_instance_index", place.instance);
    tram__put_text(&o, "run_name", row->name);
    tram__put_text(&o, "run_type", "iteration");
    tram__put_integer(&o, "repetitions", row->repetitions);
    tram__put_integer(&o, "repetition_index", row->repetition_index);
    if (row->block > 0)
        tram__put_integer(&o, "block", row->block);
    tram__put_integer(&o, "threads", 1);
    tram__put_integer(&o, "iterations", (int64_t)row->iterations);
    tram__put_number(&o, "real_time", row->p50_ns);
    tram__put_number(&o, "cpu_time", row->cpu_ns_per_exec);
    tram__put_text(&o, "time_unit", "ns");
    put_figures(&o, row);
    put_extras(&o, row);
    return json_array_append_new(r->rows, tram__object_done(&o));
}

/* ---- The file ---- */

static char *to_text(const struct tram_results *r) {
    struct tram__object file = tram__object_new();
    json_t *context = json_copy(r->context);
    if (context && r->floor && json_object_set(context, "floor", r->floor) != 0) {
        json_decref(context);
        context = NULL;
    }
    tram__put(&file, "context", context);
    tram__put(&file, "benchmarks", json_incref(r->rows));
    json_t *json = tram__object_done(&file);
    char *text = json ? json_dumps(json, JSON_INDENT(2)) : NULL;
    json_decref(json);
    return text;
}

int tram_results_write(const struct tram_results *r, const char *path, char *why, size_t why_size) {
    char *text = to_text(r);
    if (!text) {
        snprintf(why, why_size, "cannot write %s: out of memory", path);
        return -1;
    }
    size_t size = strlen(text);
    text[size] = '\n'; /* in place of the terminator: a text file ends with a newline */
    int result = tram__output_write(path, text, size + 1, why, why_size);
    free(text);
    return result;
}

int tram_results_write_csv(const struct tram_results *r, const char *path, char *why, size_t why_size) {
    char *text = tram__csv(r->rows);
    if (!text) {
        snprintf(why, why_size, "cannot write %s: out of memory", path);
        return -1;
    }
    int result = tram__output_write(path, text, strlen(text), why, why_size);
    free(text);
    return result;
}

int tram_results_check_path(const char *path, char *why, size_t why_size) {
    return tram__output_check(path, why, why_size);
}
