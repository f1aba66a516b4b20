/* SPDX-License-Identifier: Apache-2.0
 *
 * What is taken and what is free is known to the owner alone, outside the shared pages, so that no reader can spoil it.
 */
#include "eager/store.h"

#include "actor/wire.pb-c.h"
#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAGE          UINT64_C(4096)
#define FIRST_SEGMENT (UINT64_C(16) << 20)
#define MOST_SEGMENT  (UINT64_C(256) << 20) /* unless one object is larger */

void tram__store_init(struct tram__store *s, uint32_t owner, const char *name, uint64_t limit) {
    *s = (struct tram__store){.owner = owner, .limit = limit};
    snprintf(s->name, sizeof s->name, "%s", name);
}

static void close_segment(struct tram__segment *g) {
    tram__region_close(&g->region);
    close(g->fd);
    free(g->blocks);
    free(g);
}

void tram__store_forget(struct tram__store *s, uint32_t owner) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < s->segment_count; i++) {
        if (s->segments[i]->owner == owner)
            close_segment(s->segments[i]);
        else
            s->segments[kept++] = s->segments[i];
    }
    s->segment_count = kept;
}

void tram__store_fini(struct tram__store *s) {
    for (uint32_t i = 0; i < s->segment_count; i++)
        close_segment(s->segments[i]);
    free(s->segments);
    *s = (struct tram__store){0};
}

static uint64_t rounded(uint64_t size) {
    return (size + PAGE - 1) & ~(PAGE - 1);
}

/* ---- segments ---- */

static struct tram__segment *find(const struct tram__store *s, uint32_t owner, uint32_t number) {
    for (uint32_t i = 0; i < s->segment_count; i++)
        if (s->segments[i]->owner == owner && s->segments[i]->number == number)
            return s->segments[i];
    return NULL;
}

/* Takes what is in `like`, in any case. */
static struct tram__segment *add(struct tram__store *s, const struct tram__segment *like) {
    struct tram__segment *g = malloc(sizeof *g);
    struct tram__segment **list =
        realloc(s->segments, (s->segment_count + 1) * sizeof(struct tram__segment *));
    if (list)
        s->segments = list;
    if (!g || !list) {
        struct tram__region region = like->region;
        tram__region_close(&region);
        close(like->fd);
        free(like->blocks);
        free(g);
        tram__fail(TRAM_ERR_NO_MEMORY, "a segment of %s's object store", s->name);
        return NULL;
    }
    *g = *like;
    s->segments[s->segment_count++] = g;
    return g;
}

const void *tram__store_at(const struct tram__store *s, const struct tram__place *at) {
    const struct tram__segment *g = find(s, at->owner, at->segment);
    if (!g || at->offset > g->region.size || at->size > g->region.size - at->offset)
        return NULL;
    return (const char *)g->region.base + at->offset;
}

struct tram__segment *tram__store_tell(struct tram__store *s, const struct tram__place *at, uint32_t to) {
    struct tram__segment *g = find(s, at->owner, at->segment);
    if (!g || at->owner == to || (g->known[to / 64] >> to % 64 & 1))
        return NULL;
    g->known[to / 64] |= UINT64_C(1) << to % 64;
    return g;
}

int tram__store_learn(struct tram__store *s, const struct tram__frame *f) {
    Tram__Wire__Segment *m = tram__wire__segment__unpack(NULL, f->spec_size, f->spec);
    struct tram__segment g = {.fd = f->fd_count ? f->fds[0] : -1};
    int status = TRAM_OK;
    if (!m || f->fd_count != 1 || m->owner >= TRAM__ENDS || m->owner == s->owner)
        status = tram__fail(TRAM_ERR_PROTOCOL, "a segment that makes no sense");
    else if (!find(s, m->owner, m->number))
        status = tram__region_map(g.fd, m->size, &g.region);
    for (size_t i = 0; i < f->fd_count; i++)
        if (!g.region.base || i)
            close(f->fds[i]);
    if (!status && g.region.base) {
        g.owner = m->owner;
        g.number = m->number;
        status = add(s, &g) ? TRAM_OK : TRAM_ERR_NO_MEMORY;
    }
    if (m)
        tram__wire__segment__free_unpacked(m, NULL);
    return status;
}

/* ---- objects of our own ---- */

static bool insert(struct tram__segment *g, uint32_t at, struct tram__block block) {
    if (g->block_count == g->block_capacity) {
        uint32_t capacity = g->block_capacity ? 2 * g->block_capacity : 16;
        struct tram__block *list = realloc(g->blocks, capacity * sizeof *list);
        if (!list)
            return false;
        g->blocks = list;
        g->block_capacity = capacity;
    }
    memmove(g->blocks + at + 1, g->blocks + at, (g->block_count - at) * sizeof *g->blocks);
    g->blocks[at] = block;
    g->block_count++;
    return true;
}

static void erase(struct tram__segment *g, uint32_t at) {
    g->block_count--;
    memmove(g->blocks + at, g->blocks + at + 1, (g->block_count - at) * sizeof *g->blocks);
}

/* The first block that is free and large enough, cut to size; UINT64_MAX: none. */
static uint64_t take_from(struct tram__segment *g, uint64_t size) {
    for (uint32_t i = 0; i < g->block_count; i++) {
        struct tram__block *b = &g->blocks[i];
        if (b->taken || b->size < size)
            continue;
        struct tram__block rest = {b->offset + size, b->size - size, false};
        uint64_t offset = b->offset;
        if (rest.size && !insert(g, i + 1, rest))
            return UINT64_MAX;
        g->blocks[i] = (struct tram__block){offset, size, true};
        return offset;
    }
    return UINT64_MAX;
}

static int full(const struct tram__store *s, uint64_t size) {
    return tram__fail(
        TRAM_ERR_FULL,
        "the object store of %s is full: %llu of its %llu bytes hold %llu objects, and %llu more are "
        "wanted; release references, or raise store_bytes",
        s->name, (unsigned long long)s->used, (unsigned long long)s->limit, (unsigned long long)s->objects,
        (unsigned long long)size);
}

/* One segment more, of at least `size` bytes: twice what there is while that is little. */
static struct tram__segment *grow(struct tram__store *s, uint64_t size) {
    uint64_t bytes = s->bytes < FIRST_SEGMENT  ? FIRST_SEGMENT
                     : s->bytes < MOST_SEGMENT ? s->bytes
                                               : MOST_SEGMENT;
    uint64_t left = s->limit - s->bytes;
    if (bytes > left)
        bytes = left & ~(PAGE - 1);
    if (bytes < size)
        bytes = size;
    uint64_t available = tram__memory_available();
    if (bytes > left) {
        full(s, size);
        return NULL;
    }
    if (bytes > available) {
        tram__fail(TRAM_ERR_NO_MEMORY,
                   "the object store of %s needs %llu bytes more, and %llu are available here", s->name,
                   (unsigned long long)bytes, (unsigned long long)available);
        return NULL;
    }
    struct tram__segment g = {.owner = s->owner, .number = s->own};
    if (tram__region_create("tramline-store", bytes, &g.region, &g.fd))
        return NULL;
    if (!insert(&g, 0, (struct tram__block){0, bytes, false})) {
        tram__region_close(&g.region);
        close(g.fd);
        tram__fail(TRAM_ERR_NO_MEMORY, "a segment of %s's object store", s->name);
        return NULL;
    }
    struct tram__segment *added = add(s, &g);
    if (added) {
        s->own++;
        s->bytes += bytes;
    }
    return added;
}

void *tram__store_take(struct tram__store *s, uint64_t size, struct tram__place *at) {
    uint64_t room = rounded(size ? size : 1), offset = UINT64_MAX;
    struct tram__segment *g = NULL;
    if (size > s->limit || room > s->limit) {
        tram__fail(
            TRAM_ERR_TOO_LARGE,
            "an object of %llu bytes is larger than the object store of %s, which takes %llu (store_bytes)",
            (unsigned long long)size, s->name, (unsigned long long)s->limit);
        return NULL;
    }
    for (uint32_t i = 0; i < s->segment_count && offset == UINT64_MAX; i++) {
        g = s->segments[i];
        if (g->owner == s->owner)
            offset = take_from(g, room);
    }
    if (offset == UINT64_MAX) {
        g = grow(s, room);
        if (!g)
            return NULL;
        offset = take_from(g, room);
    }
    s->used += room;
    s->used_ever += room;
    s->objects++;
    s->objects_ever++;
    *at = (struct tram__place){s->owner, g->number, offset, size};
    return (char *)g->region.base + offset;
}

bool tram__store_give(struct tram__store *s, const struct tram__place *at) {
    struct tram__segment *g = at->owner == s->owner ? find(s, at->owner, at->segment) : NULL;
    uint32_t low = 0, high = g ? g->block_count : 0;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (g->blocks[middle].offset < at->offset)
            low = middle + 1;
        else
            high = middle;
    }
    if (!g || low == g->block_count || g->blocks[low].offset != at->offset || !g->blocks[low].taken)
        return false;
    struct tram__block *b = &g->blocks[low];
    b->taken = false;
    s->used -= b->size;
    s->objects--;
    if (low + 1 < g->block_count && !b[1].taken) {
        b->size += b[1].size;
        erase(g, low + 1);
    }
    if (low && !b[-1].taken) {
        b[-1].size += b->size;
        erase(g, low);
    }
    return true;
}
