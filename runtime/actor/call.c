/* SPDX-License-Identifier: Apache-2.0 */
#include "actor/call.h"

#include "actor/tensor.h"
#include "base/copy.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- arguments ---- */

struct tram_list tram_args(const struct tram_call *c) {
    return (struct tram_list){c, 0, c->items ? c->item_count : c->arg_count};
}

size_t tram_list_count(struct tram_list l) {
    return l.count;
}

struct tram_bytes tram_list_bytes(struct tram_list l, size_t index) {
    if (index >= l.count)
        return (struct tram_bytes){0};
    uint32_t leaf = l.call->items ? l.call->items[l.first + index].leaf : (uint32_t)index;
    return leaf == TRAM__NO_LEAF ? (struct tram_bytes){0} : l.call->args[leaf];
}

struct tram_list tram_list_at(struct tram_list l, size_t index) {
    struct tram_list none = {l.call, 0, 0};
    if (index >= l.count || !l.call->items)
        return none;
    const struct tram__item *i = &l.call->items[l.first + index];
    return i->leaf == TRAM__NO_LEAF ? (struct tram_list){l.call, i->first, i->count} : none;
}

size_t tram_arg_count(const struct tram_call *c) {
    return tram_args(c).count;
}

struct tram_bytes tram_arg(const struct tram_call *c, size_t index) {
    if (__builtin_expect(!c->items && index < c->arg_count, 1))
        return c->args[index];
    return tram_list_bytes(tram_args(c), index);
}

uint32_t tram__call_leaf(const struct tram_call *c, size_t index) {
    if (index >= tram_arg_count(c))
        return TRAM__NO_LEAF;
    return c->items ? c->items[index].leaf : (uint32_t)index;
}

/* Position after the element at `at`, or 0 when the shape ends before it does. */
static size_t element_end(const uint32_t *shape, size_t count, size_t at) {
    for (uint64_t open = 1; open; at++) {
        if (at >= count)
            return 0;
        open += shape[at] ? (uint64_t)shape[at] - 1 : 0;
        open--;
    }
    return at;
}

/* Lists are taken apart breadth first, so that the elements of each follow one another. Until its turn comes, a list's
 * `first` is its position in the shape and its `count` the number of leaves before it. */
struct tram__item *tram__call_items(const uint32_t *shape, size_t shape_count, uint32_t leaves,
                                    uint32_t *count) {
    struct tram__item *items = calloc(shape_count + 1, sizeof *items);
    uint32_t used = 0, leaf = 0;
    size_t at = 0;
    while (items && at < shape_count) {
        items[used++] = shape[at] ? (struct tram__item){TRAM__NO_LEAF, (uint32_t)at, leaf}
                                  : (struct tram__item){leaf, 0, 0};
        size_t end = element_end(shape, shape_count, at);
        if (!end)
            goto wrong;
        for (; at < end; at++)
            leaf += shape[at] == 0;
    }
    if (!items || leaf != leaves)
        goto wrong;
    *count = used;
    for (uint32_t i = 0; i < used; i++) {
        if (items[i].leaf != TRAM__NO_LEAF)
            continue;
        uint32_t elements = shape[items[i].first] - 1;
        at = items[i].first + 1;
        leaf = items[i].count;
        items[i].first = used;
        items[i].count = elements;
        for (uint32_t k = 0; k < elements; k++) {
            items[used++] = shape[at] ? (struct tram__item){TRAM__NO_LEAF, (uint32_t)at, leaf}
                                      : (struct tram__item){leaf, 0, 0};
            for (size_t end = element_end(shape, shape_count, at); at < end; at++)
                leaf += shape[at] == 0;
        }
    }
    return items;
wrong:
    free(items);
    return NULL;
}

/* ---- results ---- */

int tram_fail(struct tram_call *c, int code, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(c->text, sizeof c->text, format, args);
    va_end(args);
    c->code = code ? code : 1;
    return c->code;
}

static bool has_result(struct tram_call *c, size_t index) {
    if (index < c->result_count)
        return true;
    tram_fail(c, TRAM_ERR_INVALID, "result %zu of a method with %u", index, c->result_count);
    return false;
}

void *tram_result_reserve(struct tram_call *c, size_t index, size_t size) {
    if (!has_result(c, index))
        return NULL;
    struct tram__call_result *r = &c->results[index];
    if (size > r->limit) {
        tram_fail(c, TRAM_ERR_TOO_LARGE, "a result of %zu bytes exceeds the limit of %llu", size,
                  (unsigned long long)r->limit);
        return NULL;
    }
    int before = c->code;
    c->code = 0;
    void *room = c->room(c, (uint32_t)index, size);
    if (!room) {
        if (!c->code)
            tram_fail(c, TRAM_ERR_NO_MEMORY, "a result of %zu bytes", size);
        return NULL;
    }
    c->code = before;
    r->data = room;
    r->size = size;
    r->forward = 0;
    r->elements = NULL;
    r->in_slot = false;
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
    uint32_t leaf = tram__call_leaf(c, arg);
    if (index >= c->result_count || leaf == TRAM__NO_LEAF)
        return tram_fail(c, TRAM_ERR_INVALID, "forward of argument %zu to result %zu: there is no such", arg,
                         index);
    if (!c->may_forward)
        return tram_fail(c, TRAM_ERR_UNSUPPORTED,
                         "the method forwards but is not declared with .forwards = 1");
    c->results[index].forward = leaf + 1;
    c->results[index].elements = NULL;
    c->results[index].in_slot = false;
    return 0;
}

int tram__call_run(struct tram_call *c, tram_method_fn *fn, void *self) {
    int code = fn(self, c);
    if (__builtin_expect(c->stream != NULL, 0))
        code = tram__call_settle(c, code ? code : c->code);
    if (__builtin_expect(c->announced, 0) && !code && !c->code)
        code = tram__call_check(c);
    if (__builtin_expect(code || c->code, 0)) {
        if (!c->text[0])
            snprintf(c->text, sizeof c->text, "the method returned %d", code);
        return code ? code : c->code;
    }
    return 0;
}
