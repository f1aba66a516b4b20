/* SPDX-License-Identifier: Apache-2.0 */
#include "plots/rows.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plots/comparison.h"

static int fail(char *why, const char *format, ...) __attribute__((format(printf, 2, 3)));
static int fail(char *why, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(why, TRAM__WHY, format, args);
    va_end(args);
    for (char *p = why; *p; p++) /* one line, whatever a file's text holds */
        if ((unsigned char)*p < ' ')
            *p = ' ';
    return -1;
}

/* ---- reading values ---- */

const json_t *tram__json_at(const json_t *from, const char *keys) {
    char key[64];
    while (from && *keys) {
        size_t n = strcspn(keys, "/");
        if (n >= sizeof key)
            return NULL;
        memcpy(key, keys, n);
        key[n] = '\0';
        from = json_object_get(from, key);
        keys += n + (keys[n] == '/');
    }
    return from;
}

double tram__json_number(const json_t *from, const char *keys) {
    const json_t *v = tram__json_at(from, keys);
    double number = json_is_number(v) ? json_number_value(v) : NAN;
    return isfinite(number) ? number : NAN;
}

const char *tram__json_text_at(const json_t *from, const char *keys) {
    const char *text = json_string_value(tram__json_at(from, keys));
    return text ? text : "";
}

/* ---- rows ---- */

/* How a value stands in the file, for a message. */
static const char *shown(const json_t *v, char *out, size_t size) {
    char *text = v ? json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(6)) : NULL;
    snprintf(out, size, "%.60s", text ? text : "missing");
    free(text);
    return out;
}

struct where {
    const char *path;
    size_t row;
    const json_t *json;
    char *why;
};

static int take_text(const struct where *w, const char *key, const char **out) {
    char value[80];
    const json_t *v = json_object_get(w->json, key);
    if (!json_is_string(v) || !json_string_length(v))
        return fail(w->why, "%s: benchmarks[%zu].%s: a text is wanted, not %s", w->path, w->row, key,
                    shown(v, value, sizeof value));
    *out = json_string_value(v);
    return 0;
}

static int take_count(const struct where *w, const char *key, json_int_t least, json_int_t most,
                      uint64_t *out) {
    char value[80];
    const json_t *v = json_object_get(w->json, key);
    if (!json_is_integer(v) || json_integer_value(v) < least || json_integer_value(v) > most)
        return fail(w->why, "%s: benchmarks[%zu].%s: a whole number from %lld to %lld is wanted, not %s",
                    w->path, w->row, key, (long long)least, (long long)most, shown(v, value, sizeof value));
    *out = (uint64_t)json_integer_value(v);
    return 0;
}

/* From a picosecond to 300 years: what is beyond is no time, and would not be drawn. */
static bool sound(double v) {
    return v >= 1e-3 && v <= 1e19;
}

static int take_figure(const struct where *w, const char *key, bool needed, double *out) {
    char value[80];
    const json_t *v = json_object_get(w->json, key);
    *out = NAN;
    if (!needed && (!v || json_is_null(v)))
        return 0;
    if (!json_is_number(v) || !sound(json_number_value(v)))
        return fail(w->why, "%s: benchmarks[%zu].%s: a number above 0 is wanted, not %s", w->path, w->row,
                    key, shown(v, value, sizeof value));
    *out = json_number_value(v);
    return 0;
}

/* The number behind "/receivers:" in a case's name: a transfer counts those, and not who makes the tensor. */
static uint32_t count_shown(const char *name, uint32_t actors) {
    const char *at = strstr(name, "/receivers:");
    unsigned long n = at ? strtoul(at + strlen("/receivers:"), NULL, 10) : 0;
    return n > 0 && n < actors ? (uint32_t)n : actors;
}

static int take_row(const struct where *w, struct tram__row *r) {
    static const struct {
        const char *key;
        size_t at;
    } figures[] = {
        {"p5_ns", offsetof(struct tram__row, p5_ns)},
        {"p90_ns", offsetof(struct tram__row, p90_ns)},
        {"p95_ns", offsetof(struct tram__row, p95_ns)},
        {"p99_ns", offsetof(struct tram__row, p99_ns)},
        {"p999_ns", offsetof(struct tram__row, p999_ns)},
        {"tail_p50_ns", offsetof(struct tram__row, tail_p50_ns)},
        {"execs_per_s", offsetof(struct tram__row, execs_per_s)},
        {"cpu_ns_per_exec", offsetof(struct tram__row, cpu_ns)},
        {"overlap_compute_ns", offsetof(struct tram__row, compute_ns)},
        {"overlap_comm_ns", offsetof(struct tram__row, comm_ns)},
        {"overlap_total_ns", offsetof(struct tram__row, total_ns)},
    };
    uint64_t actors, inflight, repetition;
    if (!json_is_object(w->json))
        return fail(w->why, "%s: benchmarks[%zu]: an object is wanted", w->path, w->row);
    if (take_text(w, "run_name", &r->name) || take_text(w, "scenario", &r->scenario) ||
        take_text(w, "mode", &r->mode) || take_count(w, "payload_bytes", 0, INT64_MAX / 4, &r->bytes) ||
        take_count(w, "actors", 1, 1000000, &actors) || take_count(w, "inflight", 1, 1000000, &inflight) ||
        take_count(w, "repetition_index", 0, 1000000, &repetition) ||
        take_figure(w, "p50_ns", true, &r->p50_ns))
        return -1;
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++)
        if (take_figure(w, figures[i].key, false, (double *)((char *)r + figures[i].at)))
            return -1;
    r->actors = count_shown(r->name, (uint32_t)actors);
    r->inflight = (uint32_t)inflight;
    r->repetition = (uint32_t)repetition;
    r->note = json_string_value(json_object_get(w->json, "note"));
    return 0;
}

/* Other tools may have added means and the like to the repetitions. */
static bool is_aggregate(const json_t *row) {
    return strcmp(tram__json_text_at(row, "run_type"), "aggregate") == 0;
}

static int take_rows(struct tram__input *in, char *why) {
    const json_t *all = json_object_get(in->json, "benchmarks");
    if (!json_is_array(all))
        return fail(why, "%s: benchmarks: a list is wanted", in->path);
    if (json_array_size(all) > TRAM__MAX_ROWS)
        return fail(why, "%s: benchmarks: %zu rows, more than %d", in->path, json_array_size(all),
                    TRAM__MAX_ROWS);
    in->rows = calloc(json_array_size(all) + 1, sizeof *in->rows);
    if (!in->rows)
        return fail(why, "%s: out of memory", in->path);
    for (size_t i = 0; i < json_array_size(all); i++) {
        struct where w = {in->path, i, json_array_get(all, i), why};
        if (is_aggregate(w.json))
            continue;
        if (take_row(&w, &in->rows[in->row_count]))
            return -1;
        in->row_count++;
    }
    return in->row_count ? 0 : fail(why, "%s: benchmarks: there are no rows", in->path);
}

/* ---- files ---- */

/* Onto *text and *size, which are NULL and 0. */
static int read_whole(const char *path, char **text, size_t *size, char *why) {
    enum { STEP = 1 << 16 };
    FILE *f = fopen(path, "re");
    if (!f)
        return fail(why, "%s: %s", path, strerror(errno));
    for (size_t room = 0;;) {
        if (*size == room) {
            char *more = room < TRAM__MAX_FILE ? realloc(*text, room + STEP + room) : NULL;
            if (!more) {
                fail(why, "%s: %s", path, room < TRAM__MAX_FILE ? "out of memory" : "larger than 64 MiB");
                goto err_close;
            }
            *text = more;
            room += STEP + room;
        }
        size_t n = fread(*text + *size, 1, room - *size, f);
        *size += n;
        if (!n)
            break;
    }
    if (ferror(f)) {
        fail(why, "%s: %s", path, strerror(errno));
        goto err_close;
    }
    fclose(f);
    return 0;

err_close:
    free(*text);
    fclose(f);
    return -1;
}

static int parse(const char *path, json_t **out, char *why) {
    char *text = NULL;
    size_t size = 0;
    json_error_t error;
    if (read_whole(path, &text, &size, why))
        return -1;
    if (strspn(text ? text : "", " \t\r\n") >= size) {
        free(text);
        return fail(why, "%s: the file is empty", path);
    }
    *out = json_loadb(text, size, 0, &error);
    free(text);
    return *out ? 0 : fail(why, "%s: line %d: no JSON: %s", path, error.line, error.text);
}

static int take_kind(struct tram__input *in, char *why) {
    const json_t *version = tram__json_at(in->json, "context/tramline_schema_version");
    char value[80], what[TRAM__WHY / 2];
    if (json_is_array(json_object_get(in->json, "graphs")) && json_object_get(in->json, "p50_traced_ns")) {
        in->kind = TRAM__INPUT_SUMMARY;
        return 0;
    }
    if (json_object_get(in->json, "tramline_comparison_version")) {
        in->kind = TRAM__INPUT_COMPARISON;
        return tram__comparison_check(in->json, what, sizeof what) ? fail(why, "%s: %s", in->path, what) : 0;
    }
    in->kind = TRAM__INPUT_RESULT;
    if (!version)
        return fail(why, "%s: context.tramline_schema_version is missing: no result file of Tramline",
                    in->path);
    if (json_integer_value(version) != 1)
        return fail(why, "%s: context.tramline_schema_version: 1 is wanted, not %s", in->path,
                    shown(version, value, sizeof value));
    return take_rows(in, why);
}

int tram__input_read(const char *path, struct tram__input *out, char *why) {
    struct tram__input in = {.path = path};
    if (parse(path, &in.json, why))
        return -1;
    if (take_kind(&in, why)) {
        tram__input_close(&in);
        return -1;
    }
    *out = in;
    return 0;
}

void tram__input_close(struct tram__input *in) {
    json_decref(in->json);
    free(in->rows);
    *in = (struct tram__input){0};
}
