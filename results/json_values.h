/* SPDX-License-Identifier: Apache-2.0
 *
 * Building JSON objects without a check after each key: the first failure (only memory can fail) is
 * remembered.
 */
#ifndef TRAM_RESULTS_JSON_VALUES_H
#define TRAM_RESULTS_JSON_VALUES_H

#include <stdint.h>

#include <jansson.h>

struct tram__object {
    json_t *json;
    int failed;
};

struct tram__object tram__object_new(void);
/* The object, or NULL (and nothing to free) when anything failed. */
json_t *tram__object_done(struct tram__object *o);

/* Takes the reference; NULL is a failure. */
void tram__put(struct tram__object *o, const char *key, json_t *value);
void tram__put_text(struct tram__object *o, const char *key, const char *text); /* NULL or "": null */
void tram__put_number(struct tram__object *o, const char *key, double value);   /* not finite: null */
void tram__put_integer(struct tram__object *o, const char *key, int64_t value); /* negative: null */
void tram__put_bool(struct tram__object *o, const char *key, int value);        /* negative: null */

/* A string; bytes that are not UTF-8 (an argument may hold any) become '?'. */
json_t *tram__json_text(const char *text);

#endif
