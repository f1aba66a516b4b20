/* SPDX-License-Identifier: Apache-2.0 */
#include "results/read.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "results/json_file.h"
#include "results/read_row.h"

/* ---- One file ---- */

static int parse(const char *path, struct tram_result_file *f, const struct tram__read_error *e) {
    char why[1024];
    if (tram__json_read(path, TRAM_READ_BYTES, &f->json, why, sizeof why))
        return tram__read_fail(e, "%s", why);
    f->context = json_object_get(f->json, "context");
    const json_t *version = json_object_get(f->context, "tramline_schema_version");
    if (!version)
        return tram__read_fail(
            e, "%s: no result file of Tramline: context.tramline_schema_version is missing", path);
    if (!json_is_integer(version) || json_integer_value(version) != TRAM_SCHEMA_VERSION)
        return tram__read_value(e, path, "context.tramline_schema_version", version, "1");
    const json_t *shape = json_object_get(f->context, "json_schema_version");
    if (shape && !(json_is_integer(shape) && json_integer_value(shape) == 1))
        return tram__read_value(e, path, "context.json_schema_version", shape,
                                "1, which is Google Benchmark's,");
    const json_t *step = tram_result_context(f, "floor.timer_step_ns");
    if (step && !(json_is_number(step) && json_number_value(step) == 0) && !tram__is_time(step))
        return tram__read_value(e, path, "context.floor.timer_step_ns", step, "0, or " TRAM__TIME_WANTED);
    const json_t *rows = json_object_get(f->json, "benchmarks");
    if (!json_is_array(rows))
        return tram__read_value(e, path, "benchmarks", rows, "a list of rows");
    if (json_array_size(rows) == 0)
        return tram__read_fail(e, "%s: benchmarks: it has no rows", path);
    return 0;
}

/* "2026-07-01T12:00:00.250Z" */
static double seconds_of(const struct tram_result_file *f, const char *path) {
    const char *text = json_string_value(tram_result_context(f, path));
    struct tm t = {0};
    int n = 0;
    double s;
    if (!text ||
        sscanf(text, "%4d-%2d-%2dT%2d:%2d:%lf%n", &t.tm_year, &t.tm_mon, &t.tm_mday, &t.tm_hour, &t.tm_min,
               &s, &n) != 6 ||
        strcmp(text + n, "Z") != 0 || !(s >= 0 && s < 61))
        return NAN;
    t.tm_year -= 1900;
    t.tm_mon -= 1;
    return (double)timegm(&t) + s;
}

/* How many are in a list such as "0-2,5"; 0: it is none. */
static unsigned cpus_in(const char *list) {
    unsigned first, last, count = 0;
    for (int n; *list; list += n + (list[n] == ',')) {
        if (sscanf(list, "%5u%n", &first, &n) != 1)
            return 0;
        last = first;
        if (list[n] == '-') {
            int more;
            if (sscanf(list + n, "-%5u%n", &last, &more) != 1 || last < first)
                return 0;
            n += more;
        }
        if (list[n] && list[n] != ',')
            return 0;
        count += last - first + 1;
    }
    return count;
}

/* What was asked for is of what was allowed; of a quota the runtime counts whole CPUs, rounded up, as is done here. */
static unsigned cpus_of(const struct tram_result_file *f) {
    static const char *const lists[] = {"run.affinity.asked", "run.affinity.got"};
    json_int_t all = json_integer_value(tram_result_context(f, "num_cpus"));
    unsigned least = all > 0 && all < UINT32_MAX ? (unsigned)all : 0;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        const char *list = json_string_value(tram_result_context(f, lists[i]));
        unsigned n = list ? cpus_in(list) : 0;
        least = n && (!least || n < least) ? n : least;
    }
    double quota = json_number_value(tram_result_context(f, "machine.cgroup_quota_cpus")); /* or a text */
    return quota > 0 && ceil(quota) < least ? (unsigned)ceil(quota) : least;
}

static int take_rows(struct tram_result_set *s, const struct tram__read_error *e) {
    const struct tram_result_file *f = &s->files[s->file_count - 1];
    const json_t *rows = json_object_get(f->json, "benchmarks");
    size_t count = json_array_size(rows);
    if (s->row_count + count > TRAM_READ_ROWS)
        return tram__read_fail(e, "%s: more than %d rows", f->path, (int)TRAM_READ_ROWS);
    struct tram_result_row *more = realloc(s->rows, (s->row_count + count) * sizeof *more);
    if (!more)
        return tram__read_fail(e, "%s: out of memory", f->path);
    s->rows = more;
    for (size_t i = 0; i < count; i++) {
        struct tram_result_row *row = &s->rows[s->row_count];
        if (tram__read_row(json_array_get(rows, i), f->path, i, row, e))
            return -1;
        row->file = s->file_count - 1;
        if (s->row_count++ == 0)
            s->blocks = row->block > 0;
        if (s->blocks != (row->block > 0))
            return tram__read_fail(e, "%s: benchmarks[%zu].block: %s", f->path, i,
                                   s->blocks ? "it is missing, and rows before have one"
                                             : "it is there, and rows before have none");
    }
    return 0;
}

static int add_file(struct tram_result_set *s, const char *path, const struct tram__read_error *e) {
    struct stat st;
    struct tram_result_file *f = &s->files[s->file_count++]; /* room was made */
    *f = (struct tram_result_file){.path = strdup(path)};
    if (!f->path)
        return tram__read_fail(e, "%s: out of memory", path);
    if (parse(path, f, e))
        return -1;
    if (stat(path, &st) == 0) {
        f->device = st.st_dev;
        f->inode = st.st_ino;
    }
    f->start_s = seconds_of(f, "run.start_utc");
    f->cpus = cpus_of(f);
    f->end_s = fmax(f->start_s, seconds_of(f, "run.end_utc"));
    return take_rows(s, e);
}

/* ---- A set ---- */

static int is_result(const struct dirent *e) {
    size_t n = strlen(e->d_name);
    return e->d_name[0] != '.' && n > 5 && strcmp(e->d_name + n - 5, ".json") == 0;
}

static int by_name(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int add_folder(struct tram_result_set *s, const char *path, const struct tram__read_error *e) {
    struct dirent **names = NULL;
    int count = scandir(path, &names, is_result, by_name), status = 0;
    if (count < 0)
        return tram__read_fail(e, "%s: %s", path, strerror(errno));
    if (count == 0 || count > TRAM_READ_FILES)
        status = tram__read_fail(e, count ? "%s: more than %d files" : "%s: there is no *.json in it", path,
                                 (int)TRAM_READ_FILES);
    else if (!(s->files = calloc((size_t)count, sizeof *s->files)))
        status = tram__read_fail(e, "%s: out of memory", path);
    for (int i = 0; i < count; i++) {
        char *file = NULL;
        if (!status && asprintf(&file, "%s/%s", path, names[i]->d_name) < 0)
            file = NULL, status = tram__read_fail(e, "%s: out of memory", path);
        if (!status)
            status = add_file(s, file, e);
        free(file);
        free(names[i]);
    }
    free(names);
    return status;
}

/* A block is of one run, whatever file it lies in; without blocks each file is a run of its own. */
static int refuse_duplicates(const struct tram_result_set *s, const struct tram__read_error *e) {
    const struct tram_result_row *second;
    char of_block[TRAM__OF_BLOCK];
    if (tram__find_second(s->rows, s->row_count, !s->blocks, &second, of_block))
        return tram__read_fail(e, "%s: out of memory", s->path);
    return !second ? 0
                   : tram__read_fail(e, "%s: repetition_index: %s has a second row with %u%s",
                                     s->files[second->file].path, second->name, second->repetition_index,
                                     of_block);
}

int tram_result_set_read(const char *path, struct tram_result_set *out, char *why, size_t why_size) {
    const struct tram__read_error e = {why, why_size};
    struct tram_result_set s = {.path = strdup(path)};
    struct stat st;
    int status;
    if (stat(path, &st) != 0)
        status = tram__read_fail(&e, "%s: %s", path, strerror(errno));
    else if (S_ISDIR(st.st_mode))
        status = add_folder(&s, path, &e);
    else if (!(s.files = calloc(1, sizeof *s.files)))
        status = tram__read_fail(&e, "%s: out of memory", path);
    else
        status = add_file(&s, path, &e);
    if (!status && !s.path)
        status = tram__read_fail(&e, "%s: out of memory", path);
    if (!status)
        status = refuse_duplicates(&s, &e);
    if (status)
        tram_result_set_free(&s);
    else
        *out = s;
    return status;
}

void tram_result_set_free(struct tram_result_set *s) {
    for (size_t i = 0; i < s->file_count; i++) {
        json_decref(s->files[i].json);
        free(s->files[i].path);
    }
    free(s->files);
    free(s->rows);
    free(s->path);
    *s = (struct tram_result_set){0};
}

double tram_result_number(const struct tram_result_row *row, const char *name) {
    const json_t *v = json_object_get(row->json, name);
    return json_is_number(v) ? json_number_value(v) : NAN;
}

const json_t *tram_result_context(const struct tram_result_file *f, const char *path) {
    const json_t *at = f->context;
    for (char key[64]; *path; path += strcspn(path, "."), path += *path == '.') {
        snprintf(key, sizeof key, "%.*s", (int)strcspn(path, "."), path);
        at = json_object_get(at, key);
    }
    return json_is_null(at) ? NULL : at;
}
