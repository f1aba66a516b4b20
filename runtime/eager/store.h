/* SPDX-License-Identifier: Apache-2.0
 *
 * The object store: large arguments and results lie in shared memory, written once by the process that makes them and
 * read in place by all others. Each process has a store of its own: one region (base/region.h) of addresses for all that it
 * may ever hold, which takes memory, prefaulted, only as far as it is used, and uses it again and again. Others map it when
 * they first hear of it. Which objects are still needed is the driver's to know (eager/future.h); the store only does what
 * it is told.
 */
#ifndef TRAM_EAGER_STORE_H
#define TRAM_EAGER_STORE_H

#include "actor/link.h"
#include "actor/roster.h"
#include "base/region.h"

#include <stdbool.h>

/* Owners and ends of links: 0 the driver, else 1 + the actor. */
enum { TRAM__DRIVER = 0, TRAM__ENDS = 1 + TRAM__MAX_ACTORS };

struct tram__place {
    uint32_t owner;
    uint64_t offset, size;
};

/* Anybody's store, as it is mapped here. */
struct tram__map {
    uint32_t owner;
    struct tram__region region;
    int fd;
    uint64_t resident;                      /* bytes from its beginning that are prefaulted here */
    uint64_t known[(TRAM__ENDS + 63) / 64]; /* ends of links that were told of it */
};

struct tram__store {
    uint32_t owner;
    char name[64];          /* for messages: "the driver", "actor Echo#0" */
    uint64_t limit;         /* bytes that it may take */
    uint64_t used, objects; /* now */
    struct tram__map **maps;
    uint32_t map_count;
    struct tram__map *mine; /* NULL before the first object */
    /* What is prefaulted of our own, all of it, in order of offset. */
    struct tram__block {
        uint64_t offset, size;
        bool taken;
    } * blocks;
    uint32_t block_count, block_capacity;
};

void tram__store_init(struct tram__store *s, uint32_t owner, const char *name, uint64_t limit);
void tram__store_fini(struct tram__store *s);

/* Room for an object in our own store. NULL with the error set: ERR_TOO_LARGE for more than the store can ever hold,
 * ERR_FULL, ERR_NO_MEMORY. */
void *tram__store_take(struct tram__store *s, uint64_t size, struct tram__place *at);
/* Gives it back; false when there is no such object. */
bool tram__store_give(struct tram__store *s, const struct tram__place *at);

/* Where an object of anybody's lies in this process; NULL when its store is not known, or the place makes no sense. */
const void *tram__store_at(struct tram__store *s, const struct tram__place *at);
/* The store to tell the end `to` about before it hears of this place, marked as told; NULL: it knows. */
struct tram__map *tram__store_tell(struct tram__store *s, const struct tram__place *at, uint32_t to);
/* Maps a store that came with a frame; takes its descriptors. 0 or a status. */
int tram__store_learn(struct tram__store *s, const struct tram__frame *f);
/* Unmaps the store of an owner that is dead, once nobody needs an object in it any more. */
void tram__store_forget(struct tram__store *s, uint32_t owner);

#endif
