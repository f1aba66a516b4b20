/* SPDX-License-Identifier: Apache-2.0 */
#include "results/read_row.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "results/plain.h"

enum { MOST_NAME = 300 };

int tram__read_fail(const struct tram__read_error *e, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(e->why, e->size, format, args);
    va_end(args);
    if (e->size)
        tram__plain(e->why);
    return -1;
}

int tram__read_value(const struct tram__read_error *e, const char *path, const char *field,
                     const json_t *value, const char *wanted) {
    if (!value)
        return tram__read_fail(e, "%s: %s: it is missing; %s is wanted", path, field, wanted);
    if (json_is_object(value) || json_is_array(value))
        return tram__read_fail(e, "%s: %s: %s is wanted, not %s", path, field, wanted,
                               json_is_object(value) ? "{...}" : "[...]");
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    tram__read_fail(e, "%s: %s: %s is wanted, not %.60s", path, field, wanted, text ? text : "this");
    free(text);
    return -1;
}

enum kind {
    NAME,     /* plain text */
    THIS,     /* the text that is wanted, and no other */
    WHOLE,    /* an integer from `least` to `most` */
    TIME,     /* a plausible one */
    AT_LEAST, /* a number from `least` to TRAM__MOST_NS */
    SHARE,    /* of one CPU's time, or of one thread's */
};

/* A share may be that of all CPUs, or threads, together, and the kernel counts some by the hundredth of a second, or in steps of two
 * seconds, which may all fall into a short pass. */
static const double most_share = 1e6;

static const struct field {
    const char *name;
    enum kind kind;
    bool optional; /* may be missing or null */
    json_int_t least, most;
    const char *wanted;
} fields[] = {
    {"name", NAME, false, 0, 0, "a name of at most 300 characters, none of them a control"},
    {"run_name", NAME, false, 0, 0, "a name of at most 300 characters, none of them a control"},
    {"run_type", THIS, false, 0, 0, "\"iteration\""},
    {"time_unit", THIS, false, 0, 0, "\"ns\""},
    {"repetitions", WHOLE, false, 1, UINT32_MAX, "a whole number from 1"},
    {"repetition_index", WHOLE, false, 0, UINT32_MAX, "a whole number from 0"},
    {"iterations", WHOLE, false, 1, INT64_MAX, "a whole number from 1"},
    {"threads", WHOLE, true, 1, UINT32_MAX, "a whole number from 1"},
    {"actors", WHOLE, true, 1, UINT32_MAX, "a whole number from 1"},
    {"inflight", WHOLE, true, 1, UINT32_MAX, "a whole number from 1"},
    {"payload_bytes", WHOLE, true, 0, INT64_MAX, "a whole number from 0"},
    {"samples", WHOLE, true, 0, INT64_MAX, "a whole number from 0"},
    {"block", WHOLE, true, 1, INT64_MAX - 1, "a whole number from 1"},
    {"real_time", TIME, false, 0, 0, TRAM__TIME_WANTED},
    {"p50_ns", TIME, true, 0, 0, TRAM__TIME_WANTED},
    {"p5_ns", TIME, true, 0, 0, TRAM__TIME_WANTED},
    {"p90_ns", TIME, true, 0, 0, TRAM__TIME_WANTED},
    {"p95_ns", TIME, true, 0, 0, TRAM__TIME_WANTED},
    {"p99_ns", TIME, true, 0, 0, TRAM__TIME_WANTED},
    {"p999_ns", TIME, true, 0, 0, TRAM__TIME_WANTED},
    {"cpu_time", AT_LEAST, true, 0, 0, "a time from 0 to 1e19 ns"},
    {"device_maps", AT_LEAST, true, 0, 0, "a number from 0 to 1e19"},
    {"batch", AT_LEAST, true, 1, 0, "a number from 1 to 1e19"},
};

bool tram__is_time(const json_t *v) {
    double ns = json_number_value(v);
    return json_is_number(v) && ns >= TRAM__LEAST_NS && ns <= TRAM__MOST_NS;
}

static bool is_name(const json_t *v) {
    const char *text = json_string_value(v);
    return text && *text && strlen(text) <= MOST_NAME && tram__is_plain(text);
}

static bool is_as_wanted(const struct field *f, const json_t *v) {
    const char *text = json_string_value(v);
    switch (f->kind) {
    case NAME:
        return is_name(v);
    case THIS: /* without its quotes */
        return text && strlen(text) + 2 == strlen(f->wanted) &&
               strncmp(text, f->wanted + 1, strlen(text)) == 0;
    case WHOLE:
        return json_is_integer(v) && json_integer_value(v) >= f->least && json_integer_value(v) <= f->most;
    case TIME:
        return tram__is_time(v);
    case AT_LEAST:
        return json_is_number(v) && json_number_value(v) >= (double)f->least &&
               json_number_value(v) <= TRAM__MOST_NS;
    case SHARE:
        return json_is_number(v) && json_number_value(v) >= 0 && json_number_value(v) <= most_share;
    }
    return false;
}

static bool ends_in(const char *name, const char *end) {
    size_t n = strlen(name), k = strlen(end);
    return n > k && strcmp(name + n - k, end) == 0;
}

/* What has its unit in its name is an amount. */
static const struct field *counter_of(const char *name) {
    static const struct field amount = {"", AT_LEAST, true, 0, 0, "a number from 0 to 1e19 or null"};
    static const struct field share = {"", SHARE, true, 0, 0, "a share from 0 to 1e6 or null"};
    static const char *const ends[] = {"_ns", "_per_exec", "_per_s", "_bytes"};
    if (ends_in(name, "_share"))
        return &share;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (ends_in(name, ends[i]))
            return &amount;
    return NULL;
}

static int check(const json_t *v, const struct field *f, const char *name, const char *path, size_t index,
                 const struct tram__read_error *e) {
    char field[MOST_NAME + 40];
    if ((f->optional && (!v || json_is_null(v))) || is_as_wanted(f, v))
        return 0;
    snprintf(field, sizeof field, "benchmarks[%zu].%.*s", index, (int)MOST_NAME, name);
    return tram__read_value(e, path, field, v, f->wanted);
}

int tram__read_row(const json_t *json, const char *path, size_t index, struct tram_result_row *out,
                   const struct tram__read_error *e) {
    const char *key;
    json_t *v;
    if (!json_is_object(json))
        return tram__read_fail(e, "%s: benchmarks[%zu]: it is no row", path, index);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (check(json_object_get(json, fields[i].name), &fields[i], fields[i].name, path, index, e))
            return -1;
    json_object_foreach((json_t *)json, key, v) {
        const struct field *counter = counter_of(key);
        if (counter && check(v, counter, key, path, index, e))
            return -1;
    }
    const json_t *cpu = json_object_get(json, "cpu_time"), *block = json_object_get(json, "block");
    *out = (struct tram_result_row){
        .name = json_string_value(json_object_get(json, "run_name")),
        .repetition_index = (uint32_t)json_integer_value(json_object_get(json, "repetition_index")),
        .block = json_is_integer(block) ? json_integer_value(block) : TRAM_ABSENT,
        .p50_ns = json_number_value(json_object_get(json, "real_time")),
        .cpu_ns_per_exec = json_is_number(cpu) ? json_number_value(cpu) : NAN,
        .json = json,
    };
    return 0;
}

int tram__by_case(const void *a, const void *b) {
    const struct tram_result_row *x = *(const struct tram_result_row *const *)a,
                                 *y = *(const struct tram_result_row *const *)b;
    int names = strcmp(x->name, y->name);
    if (names)
        return names;
    if (x->block != y->block)
        return x->block < y->block ? -1 : 1;
    if (x->repetition_index != y->repetition_index)
        return x->repetition_index < y->repetition_index ? -1 : 1;
    return (x->file > y->file) - (x->file < y->file);
}

int tram__find_second(const struct tram_result_row *rows, size_t count, bool apart,
                      const struct tram_result_row **out, char of_block[TRAM__OF_BLOCK]) {
    const struct tram_result_row **sorted = calloc(count + 1, sizeof *sorted);
    *out = NULL;
    *of_block = '\0';
    if (!sorted)
        return -1;
    for (size_t i = 0; i < count; i++)
        sorted[i] = &rows[i];
    qsort(sorted, count, sizeof *sorted, tram__by_case);
    for (size_t i = 1; i < count && !*out; i++) {
        const struct tram_result_row *x = sorted[i - 1], *y = sorted[i];
        if (strcmp(x->name, y->name) == 0 && x->block == y->block &&
            x->repetition_index == y->repetition_index && (!apart || x->file == y->file))
            *out = y;
    }
    if (*out && (*out)->block > 0)
        snprintf(of_block, TRAM__OF_BLOCK, " of block %lld", (long long)(*out)->block);
    free(sorted);
    return 0;
}
