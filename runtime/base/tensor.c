/* SPDX-License-Identifier: Apache-2.0
 *
 * Tensor values as bytes: a head, the CPU part, the elements.
 */
#include "base/tensor.h"

#include "base/error.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define MAGIC UINT32_C(0x4E535454)

/* Followed by `rank` extents and, if strided, as many strides, 8 bytes each. The CPU part follows, then the elements, both
 * aligned. */
struct head {
    uint32_t magic;
    uint8_t dtype, rank, strided, elsewhere; /* elsewhere: the elements are not here */
    uint64_t part_bytes;
};
_Static_assert(sizeof(struct head) == 16, "the layout is fixed");

enum { LINE = 64, LARGE = 32 * 1024 };

size_t tram_dtype_bytes(enum tram_dtype d) {
    switch (d) {
#define CASE(name, bytes, text) \
    case TRAM_##name:           \
        return bytes;
        TRAM_DTYPE_MAP(CASE)
#undef CASE
    case TRAM_DTYPE_NONE:
        break;
    }
    return 0;
}

const char *tram_dtype_text(enum tram_dtype d) {
    switch (d) {
#define CASE(name, bytes, text) \
    case TRAM_##name:           \
        return text;
        TRAM_DTYPE_MAP(CASE)
#undef CASE
    case TRAM_DTYPE_NONE:
        break;
    }
    return "none";
}

const char *tram_transport_text(enum tram_transport t) {
    switch (t) {
#define CASE(name, text)        \
    case TRAM_TRANSPORT_##name: \
        return text;
        TRAM_TRANSPORT_MAP(CASE)
#undef CASE
    }
    return "none";
}

int tram_transport_parse(const char *text, enum tram_transport *out) {
    static const char *const names[] = {
#define NAME(name, text) text,
        TRAM_TRANSPORT_MAP(NAME)
#undef NAME
    };
    static const char all[] =
#define NAME(name, text) ", " text
        TRAM_TRANSPORT_MAP(NAME)
#undef NAME
        ;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(text, names[i]) == 0) {
            *out = (enum tram_transport)i;
            return TRAM_OK;
        }
    }
    return tram__fail(TRAM_ERR_INVALID, "transport '%s': one of %s is wanted", text, all + 2);
}

static bool is_strided(const struct tram_tensor *t) {
    for (uint32_t i = 0; i < t->rank; i++)
        if (t->strides[i])
            return true;
    return false;
}

/* *bytes of the elements, gaps included; 0, or ERR_INVALID. */
static int measure(const struct tram_tensor *t, uint64_t *bytes) {
    uint64_t size = tram_dtype_bytes(t->dtype), last = 0, count = 1;
    bool strided, empty = false;
    if (!size)
        return tram__fail(TRAM_ERR_INVALID, "a tensor of dtype %d", (int)t->dtype);
    if (t->rank > TRAM_MAX_RANK)
        return tram__fail(TRAM_ERR_INVALID, "a tensor of rank %u; at most %d", t->rank, TRAM_MAX_RANK);
    strided = is_strided(t);
    for (uint32_t i = 0; i < t->rank; i++)
        empty |= t->shape[i] == 0;
    for (uint32_t i = 0; i < t->rank; i++) {
        uint64_t step = 0;
        if (t->strides[i] < 0)
            return tram__fail(TRAM_ERR_INVALID, "a tensor with a stride of %" PRId64, t->strides[i]);
        if (!empty && (__builtin_mul_overflow(count, t->shape[i], &count) ||
                       __builtin_mul_overflow(t->shape[i] - 1, (uint64_t)t->strides[i], &step) ||
                       __builtin_add_overflow(last, step, &last)))
            return tram__fail(TRAM_ERR_INVALID, "a tensor of more elements than there are addresses");
    }
    if (strided)
        count = last + 1;
    if (empty)
        count = 0;
    if (count > TRAM_MAX_BYTES / size)
        return tram__fail(TRAM_ERR_INVALID,
                          "a tensor of %" PRIu64 " elements of %s; a value takes %llu bytes at most", count,
                          tram_dtype_text(t->dtype), (unsigned long long)TRAM_MAX_BYTES);
    *bytes = count * size;
    return TRAM_OK;
}

size_t tram_tensor_bytes(const struct tram_tensor *t) {
    uint64_t bytes;
    return measure(t, &bytes) ? 0 : bytes;
}

/* Where the CPU part and the elements begin. */
struct places {
    uint64_t part, elements, end;
};

static struct places place(uint32_t rank, bool strided, uint64_t part_bytes, uint64_t bytes) {
    struct places p = {.part = sizeof(struct head) + (strided ? 2 : 1) * (uint64_t)rank * 8};
    uint64_t align = bytes > LARGE ? LINE : 8;
    p.elements = (p.part + part_bytes + align - 1) / align * align;
    p.end = p.elements + bytes;
    return p;
}

size_t tram_tensor_value_bytes(const struct tram_tensor *t, size_t part_bytes) {
    uint64_t bytes;
    if (measure(t, &bytes))
        return 0;
    if (part_bytes > TRAM_MAX_BYTES) {
        tram__fail(TRAM_ERR_INVALID, "a CPU part of %zu bytes", part_bytes);
        return 0;
    }
    return place(t->rank, is_strided(t), part_bytes, bytes).end;
}

static int lay(void *buffer, size_t size, struct tram_tensor *t, size_t part_bytes, void **part,
               bool elsewhere) {
    uint64_t bytes;
    int status = measure(t, &bytes);
    if (status)
        return status;
    struct head h = {.magic = MAGIC,
                     .dtype = (uint8_t)t->dtype,
                     .rank = (uint8_t)t->rank,
                     .strided = is_strided(t),
                     .elsewhere = elsewhere,
                     .part_bytes = part_bytes};
    struct places p = place(t->rank, h.strided, part_bytes, elsewhere ? 0 : bytes);
    char *to = buffer;
    if (part_bytes > TRAM_MAX_BYTES || p.end > size)
        return tram__fail(TRAM_ERR_INVALID, "a tensor value of %" PRIu64 " bytes does not fit %zu", p.end,
                          size);
    memcpy(to, &h, sizeof h);
    memcpy(to + sizeof h, t->shape, t->rank * sizeof *t->shape);
    if (h.strided)
        memcpy(to + sizeof h + t->rank * sizeof *t->shape, t->strides, t->rank * sizeof *t->strides);
    memset(to + p.part + part_bytes, 0, p.elements - p.part - part_bytes);
    t->data = elsewhere ? NULL : to + p.elements;
    t->where = elsewhere ? TRAM_ON_DEVICE : TRAM_ON_CPU;
    if (part)
        *part = to + p.part;
    return TRAM_OK;
}

int tram_tensor_lay(void *buffer, size_t size, struct tram_tensor *t, size_t part_bytes, void **part) {
    return lay(buffer, size, t, part_bytes, part, false);
}

int tram__tensor_lay_head(void *buffer, size_t size, struct tram_tensor *t, size_t part_bytes, void **part) {
    return lay(buffer, size, t, part_bytes, part, true);
}

uint64_t tram__tensor_head_size(const struct tram_tensor *t, size_t part_bytes) {
    return place(t->rank, is_strided(t), part_bytes, 0).end;
}

uint64_t tram__tensor_head_bytes(const struct tram_tensor_hint *h) {
    return place(h->tensor.rank, true, h->part_bytes, 0).end;
}

int tram__tensor_view_any(const void *value, size_t size, struct tram_tensor *out, struct tram_bytes *part) {
    struct head h;
    struct tram_tensor t = {.where = TRAM_ON_CPU};
    uint64_t bytes;
    const char *from = value;
    if (size < sizeof h || (memcpy(&h, value, sizeof h), h.magic != MAGIC))
        return tram__fail(TRAM_ERR_INVALID, "%zu bytes that are no tensor", size);
    t.dtype = (enum tram_dtype)h.dtype;
    t.rank = h.rank;
    uint64_t head = place(h.rank, h.strided, 0, 0).part;
    if (h.rank > TRAM_MAX_RANK || head > size)
        return tram__fail(TRAM_ERR_INVALID, "%zu bytes of a tensor of rank %u", size, h.rank);
    memcpy(t.shape, from + sizeof h, t.rank * sizeof *t.shape);
    if (h.strided)
        memcpy(t.strides, from + sizeof h + t.rank * sizeof *t.shape, t.rank * sizeof *t.strides);
    int status = measure(&t, &bytes);
    if (status)
        return status;
    struct places p = place(t.rank, h.strided, h.part_bytes, h.elsewhere ? 0 : bytes);
    if (h.part_bytes > size || p.end > size)
        return tram__fail(TRAM_ERR_INVALID, "a tensor value of %" PRIu64 " bytes in %zu", p.end, size);
    if (h.elsewhere)
        t.where = TRAM_ON_DEVICE;
    else
        t.data = (void *)(uintptr_t)(from + p.elements);
    *out = t;
    if (part)
        *part = (struct tram_bytes){from + p.part, h.part_bytes};
    return TRAM_OK;
}

int tram_tensor_view(const void *value, size_t size, struct tram_tensor *out, struct tram_bytes *part) {
    struct tram_tensor t;
    int status = tram__tensor_view_any(value, size, &t, part);
    if (!status && !t.data)
        return tram__fail(TRAM_ERR_INVALID,
                          "a tensor whose elements lie on a device: ask for it by tram_arg_tensor");
    if (!status)
        *out = t;
    return status;
}

/* "f32 [3, at most 4]" into `out`. */
static void describe(const struct tram_tensor *t, bool most, char *out, size_t size) {
    size_t used = (size_t)snprintf(out, size, "%s [", tram_dtype_text(t->dtype));
    for (uint32_t i = 0; i < t->rank && used < size; i++)
        used += (size_t)snprintf(out + used, size - used, "%s%s%" PRIu64, i ? ", " : "",
                                 most ? "at most " : "", t->shape[i]);
    if (used < size)
        snprintf(out + used, size - used, "]%s", is_strided(t) ? " with strides" : "");
}

void tram__tensor_describe(const struct tram_tensor_hint *h, char *out, size_t size) {
    describe(&h->tensor, !h->is_static, out, size);
}

static bool fits(const struct tram_tensor_hint *h, const struct tram_tensor *t, size_t part_bytes) {
    const struct tram_tensor *e = &h->tensor;
    bool good = t->dtype == e->dtype && t->rank == e->rank && part_bytes <= h->part_bytes &&
                tram_tensor_bytes(t) <= tram_tensor_bytes(e); /* strides may spread it out */
    for (uint32_t i = 0; good && i < e->rank; i++)
        good = h->is_static ? t->shape[i] == e->shape[i] && t->strides[i] == e->strides[i]
                            : t->shape[i] <= e->shape[i];
    return good;
}

int tram__tensor_fits(const struct tram_tensor_hint *h, const struct tram_tensor *t, size_t part_bytes) {
    char came[160], expected[200];
    if (fits(h, t, part_bytes))
        return TRAM_OK;
    describe(t, false, came, sizeof came);
    tram__tensor_describe(h, expected, sizeof expected);
    return tram__fail(TRAM_ERR_INVALID,
                      "%s with a part of %zu bytes came, the edge is for %s with one of at most %zu", came,
                      part_bytes, expected, h->part_bytes);
}

int tram__tensor_check(const struct tram_tensor_hint *h, const void *value, size_t size) {
    struct tram_tensor t;
    struct tram_bytes part;
    int status = tram__tensor_view_any(value, size, &t, &part);
    return status ? status : tram__tensor_fits(h, &t, part.size);
}
