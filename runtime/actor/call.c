/* SPDX-License-Identifier: Apache-2.0 */
#include "actor/call.h"

#include "base/copy.h"

#include <stdarg.h>
#include <stdio.h>

size_t tram_arg_count(const struct tram_call *c) {
    return c->arg_count;
}

struct tram_bytes tram_arg(const struct tram_call *c, size_t index) {
    return index < c->arg_count ? c->args[index] : (struct tram_bytes){0};
}

int tram_fail(struct tram_call *c, int code, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(c->text, sizeof c->text, format, args);
    va_end(args);
    c->code = code ? code : 1;
    return c->code;
}

void *tram_result_reserve(struct tram_call *c, size_t index, size_t size) {
    if (index != 0) {
        tram_fail(c, TRAM_ERR_INVALID, "result %zu of a method with one result", index);
        return NULL;
    }
    void *room = c->room(c, size);
    if (!room) {
        tram_fail(c, TRAM_ERR_TOO_LARGE, "a result of %zu bytes exceeds the limit of %llu", size,
                  (unsigned long long)c->limit);
        return NULL;
    }
    c->result = room;
    c->result_size = size;
    c->forward = 0;
    return room;
}

int tram_result_copy(struct tram_call *c, size_t index, const void *data, size_t size) {
    void *room = tram_result_reserve(c, index, size);
    if (!room)
        return c->code;
    tram__copy(room, data, size);
    c->copies++;
    c->copied_bytes += size;
    return 0;
}

int tram_forward(struct tram_call *c, size_t index, size_t arg) {
    if (index != 0 || arg >= c->arg_count)
        return tram_fail(c, TRAM_ERR_INVALID, "forward of argument %zu to result %zu: there is no such", arg,
                         index);
    if (!c->may_forward)
        return tram_fail(c, TRAM_ERR_UNSUPPORTED,
                         "the method forwards but is not declared with .forwards = 1");
    c->forward = (uint32_t)arg + 1;
    return 0;
}

int tram__call_run(struct tram_call *c, tram_method_fn *fn, void *self) {
    int code = fn(self, c);
    if (__builtin_expect(code || c->code, 0)) {
        if (!c->text[0])
            snprintf(c->text, sizeof c->text, "the method returned %d", code);
        return code ? code : c->code;
    }
    return 0;
}
