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

#define PAGE       UINT64_C(4096)
#define FIRST_STEP (UINT64_C(16) << 20)
#define MOST_STEP  (UINT64_C(256) << 20) /* unless one object is larger */

static uint64_t rounded(uint64_t size) {
    return (size + PAGE - 1) & ~(PAGE - 1);
}

void tram__store_init(struct tram__store *s, uint32_t owner, const char *name, uint64_t limit) {
    *s = (struct tram__store){.owner = owner, .limit = limit & ~(PAGE - 1)};
    snprintf(s->name, sizeof s->name, "%s", name);
}

/* ---- maps ---- */

static void close_map(struct tram__map *g) {
    tram__region_close(&g->region);
    close(g->fd);
    free(g);
}

void tram__store_forget(struct tram__store *s, uint32_t owner) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < s->map_count; i++) {
        if (s->maps[i]->owner == owner && s->maps[i] != s->mine)
            close_map(s->maps[i]);
        else
            s->maps[kept++] = s->maps[i];
    }
    s->map_count = kept;
}

void tram__store_fini(struct tram__store *s) {
    for (uint32_t i = 0; i < s->map_count; i++)
        close_map(s->maps[i]);
    free(s->maps);
    free(s->blocks);
    *s = (struct tram__store){0};
}

static struct tram__map *find(const struct tram__store *s, uint32_t owner) {
    for (uint32_t i = 0; i < s->map_count; i++)
        if (s->maps[i]->owner == owner)
            return s->maps[i];
    return NULL;
}

/* Takes what is in `like`, in any case. */
static struct tram__map *add(struct tram__store *s, const struct tram__map *like) {
    struct tram__map *g = malloc(sizeof *g);
    struct tram__map **list = realloc(s->maps, (s->map_count + 1) * sizeof(struct tram__map *));
    if (list)
        s->maps = list;
    if (!g || !list) {
        struct tram__region region = like->region;
        tram__region_close(&region);
        close(like->fd);
        free(g);
        tram__fail(TRAM_ERR_NO_MEMORY, "a map of an object store");
        return NULL;
    }
    *g = *like;
    s->maps[s->map_count++] = g;
    return g;
}

/* What is read for the first time here is made resident at once, with all before it: its owner has long done so. */
const void *tram__store_at(struct tram__store *s, const struct tram__place *at) {
    struct tram__map *g = find(s, at->owner);
    if (!g || at->offset > g->region.size || at->size > g->region.size - at->offset)
        return NULL;
    uint64_t end = rounded(at->offset + at->size);
    if (end > g->resident && g != s->mine) {
        tram__region_prefault_read(&g->region, g->resident, end);
        g->resident = end;
    }
    return (const char *)g->region.base + at->offset;
}

struct tram__map *tram__store_tell(struct tram__store *s, const struct tram__place *at, uint32_t to) {
    struct tram__map *g = find(s, at->owner);
    if (!g || at->owner == to || (g->known[to / 64] >> to % 64 & 1))
        return NULL;
    g->known[to / 64] |= UINT64_C(1) << to % 64;
    return g;
}

int tram__store_learn(struct tram__store *s, const struct tram__frame *f) {
    Tram__Wire__Store *m = tram__wire__store__unpack(NULL, f->spec_size, f->spec);
    struct tram__map g = {.fd = f->fd_count ? f->fds[0] : -1};
    int status = TRAM_OK;
    if (!m || f->fd_count != 1 || m->owner >= TRAM__ENDS || m->owner == s->owner)
        status = tram__fail(TRAM_ERR_PROTOCOL, "a store that makes no sense");
    else if (!find(s, m->owner))
        status = tram__region_map_reserved(g.fd, m->size, &g.region);
    for (size_t i = 0; i < f->fd_count; i++)
        if (!g.region.base || i)
            close(f->fds[i]);
    if (!status && g.region.base) {
        g.owner = m->owner;
        status = add(s, &g) ? TRAM_OK : TRAM_ERR_NO_MEMORY;
    }
    if (m)
        tram__wire__store__free_unpacked(m, NULL);
    return status;
}

/* ---- objects of our own ---- */

static bool insert(struct tram__store *s, uint32_t at, struct tram__block block) {
    if (s->block_count == s->block_capacity) {
        uint32_t capacity = s->block_capacity ? 2 * s->block_capacity : 16;
        struct tram__block *list = realloc(s->blocks, capacity * sizeof *list);
        if (!list) {
            tram__fail(TRAM_ERR_NO_MEMORY, "%u blocks of an object store", capacity);
            return false;
        }
        s->blocks = list;
        s->block_capacity = capacity;
    }
    memmove(s->blocks + at + 1, s->blocks + at, (s->block_count - at) * sizeof *s->blocks);
    s->blocks[at] = block;
    s->block_count++;
    return true;
}

static void erase(struct tram__store *s, uint32_t at) {
    s->block_count--;
    memmove(s->blocks + at, s->blocks + at + 1, (s->block_count - at) * sizeof *s->blocks);
}

/* The first block that is free and large enough; block_count: none. */
static uint32_t fit(const struct tram__store *s, uint64_t size) {
    uint32_t i = 0;
    while (i < s->block_count && (s->blocks[i].taken || s->blocks[i].size < size))
        i++;
    return i;
}

static bool full(const struct tram__store *s, uint64_t size) {
    tram__fail(TRAM_ERR_FULL,
               "the object store of %s is full: %llu of its %llu bytes hold %llu objects, and %llu more are "
               "wanted in one piece; release references, or raise store_bytes",
               s->name, (unsigned long long)s->used, (unsigned long long)s->limit,
               (unsigned long long)s->objects, (unsigned long long)size);
    return false;
}

static bool reserve(struct tram__store *s) {
    struct tram__map g = {.owner = s->owner};
    if (s->mine)
        return true;
    if (tram__region_reserve("tramline-store", s->limit, &g.region, &g.fd))
        return false;
    s->mine = add(s, &g);
    return s->mine != NULL;
}

/* Takes more memory, until `size` bytes in one piece lie free at the end: twice what there is while that is little. */
static bool grow(struct tram__store *s, uint64_t size) {
    if (!reserve(s))
        return false;
    struct tram__map *g = s->mine;
    struct tram__block *last = s->block_count ? &s->blocks[s->block_count - 1] : NULL;
    uint64_t tail = last && !last->taken ? last->size : 0, least = size - tail, left = s->limit - g->resident;
    uint64_t step = g->resident < FIRST_STEP ? FIRST_STEP : g->resident < MOST_STEP ? g->resident : MOST_STEP;
    if (least > left)
        return full(s, size);
    step = step < least ? least : step > left ? left : step;
    uint64_t available = tram__memory_available();
    if (step > available && least <= available)
        step = least;
    if (step > available) {
        tram__fail(TRAM_ERR_NO_MEMORY,
                   "the object store of %s needs %llu bytes more, and %llu are available here", s->name,
                   (unsigned long long)step, (unsigned long long)available);
        return false;
    }
    if (tram__region_prefault(&g->region, g->resident, g->resident + step))
        return false;
    if (tail)
        last->size += step;
    else if (!insert(s, s->block_count, (struct tram__block){g->resident, step, false}))
        return false;
    g->resident += step;
    return true;
}

void *tram__store_take(struct tram__store *s, uint64_t size, struct tram__place *at) {
    uint64_t room = rounded(size ? size : 1);
    if (size > s->limit || room > s->limit) {
        tram__fail(
            TRAM_ERR_TOO_LARGE,
            "an object of %llu bytes is larger than the object store of %s, which takes %llu (store_bytes)",
            (unsigned long long)size, s->name, (unsigned long long)s->limit);
        return NULL;
    }
    if (fit(s, room) == s->block_count && !grow(s, room))
        return NULL;
    uint32_t i = fit(s, room);
    struct tram__block found = s->blocks[i], rest = {found.offset + room, found.size - room, false};
    if (rest.size && !insert(s, i + 1, rest))
        return NULL;
    s->blocks[i] = (struct tram__block){found.offset, room, true};
    s->used += room;
    s->objects++;
    *at = (struct tram__place){s->owner, found.offset, size};
    return (char *)s->mine->region.base + found.offset;
}

bool tram__store_give(struct tram__store *s, const struct tram__place *at) {
    uint32_t low = 0, high = at->owner == s->owner ? s->block_count : 0;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (s->blocks[middle].offset < at->offset)
            low = middle + 1;
        else
            high = middle;
    }
    if (at->owner != s->owner || low == s->block_count || s->blocks[low].offset != at->offset ||
        !s->blocks[low].taken)
        return false;
    struct tram__block *b = &s->blocks[low];
    b->taken = false;
    s->used -= b->size;
    s->objects--;
    if (low + 1 < s->block_count && !b[1].taken) {
        b->size += b[1].size;
        erase(s, low + 1);
    }
    if (low && !b[-1].taken) {
        b[-1].size += b->size;
        erase(s, low);
    }
    return true;
}
