/* SPDX-License-Identifier: Apache-2.0 */
#include "eager/eager.h"

#include <stdio.h>
#include <stdlib.h>

struct tram__failure *tram__failure_make(int status, int code, const char *actor, const char *method,
                                         const char *text) {
    struct tram__failure *f = malloc(sizeof *f);
    if (!f)
        return NULL;
    f->status = status;
    f->code = code;
    snprintf(f->actor, sizeof f->actor, "%s", actor);
    snprintf(f->method, sizeof f->method, "%s", method);
    snprintf(f->text, sizeof f->text, "%s", text);
    return f;
}

struct tram__failure *tram__failure_copy(const struct tram__failure *f) {
    return tram__failure_make(f->status, f->code, f->actor, f->method, f->text);
}

void tram__failure_pack(const struct tram__failure *f, Tram__Wire__Failure *m) {
    tram__wire__failure__init(m);
    m->status = f->status;
    m->code = f->code;
    m->text = (char *)(uintptr_t)f->text;
    m->actor = (char *)(uintptr_t)f->actor;
    m->method = (char *)(uintptr_t)f->method;
}

struct tram__failure *tram__failure_unpack(const Tram__Wire__Failure *m) {
    return tram__failure_make(m->status ? m->status : TRAM_ERR_PROTOCOL, m->code, m->actor, m->method,
                              m->text);
}

const struct tram__failure *tram__failure_or(const struct tram__failure *f) {
    static const struct tram__failure unknown = {.status = TRAM_ERR_NO_MEMORY, .text = "out of memory"};
    return f ? f : &unknown;
}

void tram__place_pack(const struct tram__place *p, Tram__Wire__Place *m) {
    tram__wire__place__init(m);
    m->owner = p->owner;
    m->offset = p->offset;
    m->size = p->size;
}

struct tram__place tram__place_unpack(const Tram__Wire__Place *m) {
    return (struct tram__place){m->owner, m->offset, m->size};
}

void tram__store_frame(const struct tram__map *g, Tram__Wire__Store *m, struct tram__send *send) {
    tram__wire__store__init(m);
    m->owner = g->owner;
    m->size = g->region.size;
    *send = (struct tram__send){.type = TRAM__FRAME_STORE, .spec = &m->base, .fds = &g->fd, .fd_count = 1};
}
