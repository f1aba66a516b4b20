/* SPDX-License-Identifier: Apache-2.0 */
#include "results/csv.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void put_text(FILE *f, const char *text) {
    if (!strpbrk(text, ",\"\r\n")) {
        fputs(text, f);
        return;
    }
    fputc('"', f);
    for (; *text; text++) {
        if (*text == '"')
            fputc('"', f);
        fputc(*text, f);
    }
    fputc('"', f);
}

static void put_value(FILE *f, const json_t *v) {
    if (json_is_string(v))
        put_text(f, json_string_value(v));
    else if (json_is_integer(v))
        fprintf(f, "%lld", (long long)json_integer_value(v));
    else if (json_is_real(v))
        fprintf(f, "%.17g", json_real_value(v));
    else if (json_is_boolean(v))
        fputs(json_is_true(v) ? "true" : "false", f);
}

/* An object with every key, in their order. */
static json_t *columns_of(const json_t *rows) {
    json_t *columns = json_object(), *row, *value;
    const char *key;
    size_t i;
    bool good = columns != NULL;
    json_array_foreach(rows, i, row) {
        json_object_foreach(row, key, value) {
            if (good && !json_object_get(columns, key))
                good = json_object_set_new(columns, key, json_true()) == 0;
        }
    }
    if (good)
        return columns;
    json_decref(columns);
    return NULL;
}

char *tram__csv(const json_t *rows) {
    json_t *columns = columns_of(rows), *row, *unused;
    const char *key;
    char *text = NULL;
    size_t size, i;
    FILE *f = columns ? open_memstream(&text, &size) : NULL;
    if (!f) {
        json_decref(columns);
        return NULL;
    }
    bool first = true;
    json_object_foreach(columns, key, unused) {
        fputs(first ? "" : ",", f);
        put_text(f, key);
        first = false;
    }
    fputc('\n', f);
    json_array_foreach(rows, i, row) {
        first = true;
        json_object_foreach(columns, key, unused) {
            fputs(first ? "" : ",", f);
            put_value(f, json_object_get(row, key));
            first = false;
        }
        fputc('\n', f);
    }
    json_decref(columns);
    if (fclose(f) == 0)
        return text;
    free(text);
    return NULL;
}
