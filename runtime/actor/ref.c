/* SPDX-License-Identifier: Apache-2.0 */
#include "actor/ref.h"

#include "base/copy.h"
#include "base/error.h"

static int consumed(void) {
    return tram__fail(TRAM_ERR_CONSUMED, "the reference is empty: never set, or already fetched or released");
}

/* Outcomes after which the reference can be used again. */
static int stays(int status) {
    return status == TRAM_OK || status == TRAM_ERR_TIMED_OUT;
}

int tram_get_borrow(struct tram_ref *r, struct tram_bytes *out, double timeout_s) {
    if (!r->source)
        return consumed();
    int status = r->source->ops->borrow(r->source, r, out, timeout_s);
    if (__builtin_expect(!stays(status), 0))
        r->source = NULL;
    return status;
}

int tram_release(struct tram_ref *r) {
    if (!r->source)
        return consumed();
    struct tram__source *s = r->source;
    r->source = NULL;
    return s->ops->release(s, r);
}

int tram_get(struct tram_ref *r, void *buffer, size_t capacity, size_t *size, double timeout_s) {
    struct tram_bytes got;
    int status = tram_get_borrow(r, &got, timeout_s);
    if (status)
        return status;
    if (got.size > capacity)
        return tram__fail(TRAM_ERR_TOO_LARGE, "the result has %zu bytes, the buffer %zu", got.size, capacity);
    tram__copy(buffer, got.data, got.size);
    if (r->source->ops->copied)
        r->source->ops->copied(r->source, got.size);
    if (size)
        *size = got.size;
    return tram_release(r);
}
