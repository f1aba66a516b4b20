/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plots/comparison.h"
#include "plots/rows.h"
#include "plots/text.h"
#include "results/json_file.h"
#include "results/plain.h"
#include "results/read_row.h"

int tram__plots_fail(char *why, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(why, TRAM__WHY, format, args);
    va_end(args);
    tram__plain(why);
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

/* ---- files ---- */

/* A floor's figures: times, rates, and what they are of; none may be so large or small that it is none. */
static int check_figures(const json_t *of, const char *field, const char *path,
                         const struct tram__read_error *e) {
    const char *key;
    json_t *v;
    char name[TRAM__TITLE];
    json_object_foreach((json_t *)(uintptr_t)of, key, v) {
        size_t n = strlen(key);
        double number = json_number_value(v);
        bool time = n > 3 && strcmp(key + n - 3, "_ns") == 0;
        if (json_is_number(v) ? number != 0 && !tram__is_time(v) : time && !json_is_null(v)) {
            snprintf(name, sizeof name, "%s.%.60s", field, key);
            return tram__read_value(e, path, name, v,
                                    time ? "0, or " TRAM__TIME_WANTED : "0, or a number from 0.001 to 1e19");
        }
        for (size_t i = 0; i < json_array_size(v); i++) {
            snprintf(name, sizeof name, "%.100s.%.60s[%zu]", field, key, i);
            if (check_figures(json_array_get(v, i), name, path, e))
                return -1;
        }
    }
    return 0;
}

static int check_context(const struct tram__input *in, char *why) {
    const struct tram__read_error e = {why, TRAM__WHY};
    const json_t *cpus = tram__json_at(in->json, "context/num_cpus");
    json_int_t count = json_integer_value(cpus);
    if (cpus && !json_is_null(cpus) && (count < 1 || count > 1000000))
        return tram__read_value(&e, in->path, "context.num_cpus", cpus, "a whole number from 1 to 1000000");
    return check_figures(tram__json_at(in->json, "context/floor"), "context.floor", in->path, &e);
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
        return tram__comparison_check(in->json, what, sizeof what)
                   ? tram__plots_fail(why, "%s: %s", in->path, what)
                   : 0;
    }
    in->kind = TRAM__INPUT_RESULT;
    if (!version)
        return tram__plots_fail(
            why, "%s: context.tramline_schema_version is missing: no result file of Tramline", in->path);
    if (json_integer_value(version) != 1)
        return tram__plots_fail(why, "%s: context.tramline_schema_version: 1 is wanted, not %s", in->path,
                                tram__json_shown(version, value, sizeof value));
    return tram__rows_take(in, why) ? -1 : check_context(in, why);
}

int tram__input_read(const char *path, struct tram__input *out, char *why) {
    struct tram__input in = {.path = path, .shown = tram__base_name(path)};
    char text[TRAM__WHY];
    if (tram__json_read(path, TRAM__MAX_FILE, &in.json, text, sizeof text))
        return tram__plots_fail(why, "%s", text);
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
    free(in->late);
    *in = (struct tram__input){0};
}

/* ---- several of them ---- */

const char *tram__base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

/* The last parts of a path, so many of them; all of it where there are no more. */
static const char *tail_of(const char *path, unsigned parts) {
    const char *p = path + strlen(path);
    for (; p > path; p--)
        if (p[-1] == '/' && *p && parts-- == 1)
            break;
    return p;
}

static bool ends_alike(const struct tram__input *inputs, unsigned count, unsigned of, unsigned parts) {
    for (unsigned i = 0; i < count; i++)
        if (i != of && strcmp(tail_of(inputs[i].path, parts), tail_of(inputs[of].path, parts)) == 0)
            return true;
    return false;
}

void tram__inputs_name(struct tram__input *inputs, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        unsigned parts = 1;
        while (tail_of(inputs[i].path, parts) != inputs[i].path && ends_alike(inputs, count, i, parts))
            parts++;
        inputs[i].shown = tail_of(inputs[i].path, parts);
    }
}

bool tram__same_machine(const struct tram__input *a, const struct tram__input *b) {
    return strcmp(tram__json_text_at(a->json, "context/machine/cpu_model"),
                  tram__json_text_at(b->json, "context/machine/cpu_model")) == 0 &&
           json_equal(tram__json_at(a->json, "context/num_cpus"), tram__json_at(b->json, "context/num_cpus"));
}
