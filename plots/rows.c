/* SPDX-License-Identifier: Apache-2.0 */
#include "plots/rows.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/append.h"
#include "plots/text.h"
#include "results/read_row.h"

const char *tram__json_shown(const json_t *v, char *out, size_t size) {
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
        return tram__plots_fail(w->why, "%s: benchmarks[%zu].%s: a text is wanted, not %s", w->path, w->row,
                                key, tram__json_shown(v, value, sizeof value));
    *out = json_string_value(v);
    return 0;
}

static int take_count(const struct where *w, const char *key, json_int_t least, json_int_t most,
                      uint64_t *out) {
    char value[80];
    const json_t *v = json_object_get(w->json, key);
    if (!json_is_integer(v) || json_integer_value(v) < least || json_integer_value(v) > most)
        return tram__plots_fail(
            w->why, "%s: benchmarks[%zu].%s: a whole number from %lld to %lld is wanted, not %s", w->path,
            w->row, key, (long long)least, (long long)most, tram__json_shown(v, value, sizeof value));
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
        return tram__plots_fail(w->why, "%s: benchmarks[%zu].%s: a number above 0 is wanted, not %s", w->path,
                                w->row, key, tram__json_shown(v, value, sizeof value));
    *out = json_number_value(v);
    return 0;
}

/* A share of all, which may be none. */
static int take_share(const struct where *w, const char *key, double *out) {
    char value[80];
    const json_t *v = json_object_get(w->json, key);
    *out = json_is_number(v) ? json_number_value(v) : NAN;
    return !v || json_is_null(v) || (*out >= 0 && *out <= 1)
               ? 0
               : tram__plots_fail(w->why, "%s: benchmarks[%zu].%s: a number from 0 to 1 is wanted, not %s",
                                  w->path, w->row, key, tram__json_shown(v, value, sizeof value));
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
        return tram__plots_fail(w->why, "%s: benchmarks[%zu]: an object is wanted", w->path, w->row);
    if (take_text(w, "run_name", &r->name) || take_text(w, "scenario", &r->scenario) ||
        take_text(w, "mode", &r->mode) || take_count(w, "payload_bytes", 0, INT64_MAX / 4, &r->bytes) ||
        take_count(w, "actors", 1, 1000000, &actors) || take_count(w, "inflight", 1, 1000000, &inflight) ||
        take_count(w, "repetition_index", 0, 1000000, &repetition) ||
        take_figure(w, "p50_ns", true, &r->p50_ns) || take_share(w, "missed_share", &r->missed_share))
        return -1;
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++)
        if (take_figure(w, figures[i].key, false, (double *)((char *)r + figures[i].at)))
            return -1;
    r->actors = count_shown(r->name, (uint32_t)actors);
    r->inflight = (uint32_t)inflight;
    r->repetition = (uint32_t)repetition;
    r->open = strcmp(tram__json_text_at(w->json, "loop"), "open") == 0;
    r->unsteady = strcmp(tram__json_text_at(w->json, "steady"), "no") == 0;
    r->note = json_string_value(json_object_get(w->json, "note"));
    return 0;
}

/* Other tools may have added means and the like to the repetitions. */
static bool is_aggregate(const json_t *row) {
    return strcmp(tram__json_text_at(row, "run_type"), "aggregate") == 0;
}

/* Where executions were due faster than they could be done, times tell how long the run was and nothing else. */
static bool kept_up(const json_t *row) {
    return strcmp(tram__json_text_at(row, "kept_up"), "no") != 0;
}

static int take_late(const struct where *w, struct tram__input *in, struct tram_result_row *read) {
    struct tram__late late = {.repetitions = 1};
    uint64_t repetition;
    if (take_text(w, "run_name", &late.name) || take_count(w, "repetition_index", 0, 1000000, &repetition))
        return -1;
    const json_t *block = json_object_get(w->json, "block");
    *read =
        (struct tram_result_row){.name = late.name,
                                 .repetition_index = (uint32_t)repetition,
                                 .block = json_is_integer(block) ? json_integer_value(block) : TRAM_ABSENT};
    for (uint32_t i = 0; i < in->late_count; i++)
        if (strcmp(in->late[i].name, late.name) == 0) {
            in->late[i].repetitions++;
            return 0;
        }
    return tram__append(&in->late, &in->late_count, sizeof late, &late)
               ? 0
               : tram__plots_fail(w->why, "%s: out of memory", w->path);
}

/* Of cases that fell behind in most repetitions the others go as well. */
static void leave_out(struct tram__input *in) {
    for (uint32_t k = 0; k < in->late_count; k++) {
        struct tram__late *late = &in->late[k];
        uint32_t kept = 0, count = 0;
        for (uint32_t i = 0; i < in->row_count; i++)
            count += strcmp(in->rows[i].name, late->name) == 0;
        late->of = late->repetitions + count;
        late->left_out = 2 * late->repetitions > late->of;
        for (uint32_t i = 0; late->left_out && i < in->row_count; i++)
            if (strcmp(in->rows[i].name, late->name) != 0)
                in->rows[kept++] = in->rows[i];
        if (late->left_out)
            in->row_count = kept;
    }
}

/* A row into the input. `read`: as compare has it, which refuses what is not as the programs write it, drawn or not;
 * of one that fell behind and has no times, what tells it from others. */
static int take_one(const struct where *w, struct tram__input *in, struct tram_result_row *read) {
    const struct tram__read_error e = {w->why, TRAM__WHY};
    if (!kept_up(w->json))
        return take_late(w, in, read);
    if (take_row(w, &in->rows[in->row_count]) || tram__read_row(w->json, w->path, w->row, read, &e))
        return -1;
    in->row_count++;
    return 0;
}

/* As compare does, of a file alone; a row's `file` is where it stands in the list. */
static int refuse_duplicates(const struct tram__input *in, const struct tram_result_row *rows, size_t count,
                             char *why) {
    const struct tram_result_row *second;
    char of_block[TRAM__OF_BLOCK];
    if (tram__find_second(rows, count, false, &second, of_block))
        return tram__plots_fail(why, "%s: out of memory", in->path);
    return !second
               ? 0
               : tram__plots_fail(why, "%s: benchmarks[%zu].repetition_index: %s has a second row with %u%s",
                                  in->path, second->file, second->name, second->repetition_index, of_block);
}

static int take_all(struct tram__input *in, const json_t *all, struct tram_result_row *read, char *why) {
    size_t count = 0;
    for (size_t i = 0; i < json_array_size(all); i++) {
        struct where w = {in->path, i, json_array_get(all, i), why};
        if (is_aggregate(w.json))
            continue;
        if (take_one(&w, in, &read[count]))
            return -1;
        read[count].file = i;
        if ((read[count].block > 0) != (read[0].block > 0))
            return tram__plots_fail(why, "%s: benchmarks[%zu].block: %s", in->path, i,
                                    read[0].block > 0 ? "it is missing, and rows before have one"
                                                      : "it is there, and rows before have none");
        count++;
    }
    return refuse_duplicates(in, read, count, why);
}

int tram__rows_take(struct tram__input *in, char *why) {
    const json_t *all = json_object_get(in->json, "benchmarks");
    if (!json_is_array(all))
        return tram__plots_fail(why, "%s: benchmarks: a list is wanted", in->path);
    if (json_array_size(all) > TRAM__MAX_ROWS)
        return tram__plots_fail(why, "%s: benchmarks: %zu rows, more than %d", in->path, json_array_size(all),
                                TRAM__MAX_ROWS);
    in->rows = calloc(json_array_size(all) + 1, sizeof *in->rows);
    if (!in->rows)
        return tram__plots_fail(why, "%s: out of memory", in->path);
    struct tram_result_row *read = tram__needed(calloc(json_array_size(all) + 1, sizeof *read));
    int status = take_all(in, all, read, why);
    free(read);
    if (status)
        return -1;
    leave_out(in);
    return in->row_count || in->late_count
               ? 0
               : tram__plots_fail(why, "%s: benchmarks: there are no rows", in->path);
}
