/* SPDX-License-Identifier: Apache-2.0 */
#include "results/json_values.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct tram__object tram__object_new(void) {
    json_t *json = json_object();
    return (struct tram__object){.json = json, .failed = !json};
}

json_t *tram__object_done(struct tram__object *o) {
    json_t *json = o->json;
    o->json = NULL;
    if (!o->failed)
        return json;
    json_decref(json);
    return NULL;
}

void tram__put(struct tram__object *o, const char *key, json_t *value) {
    if (json_object_set_new(o->json, key, value) != 0)
        o->failed = 1;
}

json_t *tram__json_text(const char *text) {
    json_t *json = json_string(text);
    if (json)
        return json;
    char *plain = strdup(text);
    if (!plain)
        return NULL;
    for (char *p = plain; *p; p++)
        if ((unsigned char)*p >= 0x80)
            *p = '?';
    json = json_string(plain);
    free(plain);
    return json;
}

void tram__put_text(struct tram__object *o, const char *key, const char *text) {
    tram__put(o, key, text && *text ? tram__json_text(text) : json_null());
}

void tram__put_number(struct tram__object *o, const char *key, double value) {
    tram__put(o, key, isfinite(value) ? json_real(value) : json_null());
}

void tram__put_integer(struct tram__object *o, const char *key, int64_t value) {
    tram__put(o, key, value < 0 ? json_null() : json_integer(value));
}

void tram__put_bool(struct tram__object *o, const char *key, int value) {
    tram__put(o, key, value < 0 ? json_null() : json_boolean(value));
}
