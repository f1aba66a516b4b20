/* SPDX-License-Identifier: Apache-2.0 */
#include "base/transport.h"

#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* What a hook on this thread had to say, and of which code. */
static _Thread_local struct {
    int code; /* 0: nothing */
    char text[256];
} said;

const struct tram_transport_ops *tram__transport_find(const struct tram_transport_ops *table,
                                                      const char *name) {
    const struct tram_transport_ops *o = table;
    while (o && o->name && strcmp(o->name, name) != 0)
        o++;
    if (!o || !o->name) {
        tram__fail(TRAM_ERR_NOT_FOUND, "no transport '%s' was given to tram_init_with", name);
        return NULL;
    }
    const char *missing = !o->open      ? "open"
                          : !o->connect ? "connect"
                          : !o->put     ? "put"
                          : !o->get     ? "get"
                          : !o->close   ? "close"
                                        : NULL;
    if (!missing)
        return o;
    tram__fail(TRAM_ERR_INVALID, "transport %s has no hook '%s'", name, missing);
    return NULL;
}

void tram__transport_begin(void) {
    said.code = 0;
}

int tram_transport_fail(int code, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(said.text, sizeof said.text, format, args);
    va_end(args);
    said.code = code ? code : 1;
    return said.code;
}

int tram__transport_failed(const struct tram_transport_ops *ops, const char *hook, int code) {
    if (said.code == code)
        tram__fail(TRAM_ERR_SYSTEM, "transport %s: %s: %s", ops->name, hook, said.text);
    else
        tram__fail(TRAM_ERR_SYSTEM, "transport %s: %s failed with code %d", ops->name, hook, code);
    said.code = 0;
    return TRAM_ERR_SYSTEM;
}
