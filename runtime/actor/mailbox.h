/* SPDX-License-Identifier: Apache-2.0
 *
 * Shared memory under a link: a ring of frames in each direction, in place of the socket. The socket stays: for frames with
 * descriptors, for those too large for the ring, and for its end, which is the other side's death.
 */
#ifndef TRAM_ACTOR_MAILBOX_H
#define TRAM_ACTOR_MAILBOX_H

#include "base/region.h"
#include "base/seam.h"

/* Bytes of a ring; a frame may take half of it. */
enum { TRAM__RING = 128 * 1024, TRAM__RING_FRAME = TRAM__RING / 2 };

/* The page that one end writes and the other reads. */
struct tram__mailbox_page {
    uint32_t magic, version;
    _Alignas(TRAM__LINE) tram__word64 written; /* bytes in all */
    _Alignas(TRAM__LINE) tram__word64 taken;   /* bytes of the other end's ring */
    _Alignas(TRAM__LINE) tram__word32 asleep;  /* enum tram__asleep */
    _Alignas(TRAM__LINE) unsigned char ring[TRAM__RING];
};

enum tram__asleep { TRAM__AWAKE, TRAM__FOR_FRAMES, TRAM__FOR_FRAMES_OR_ROOM };

struct tram__mailbox {
    struct tram__region mine, theirs; /* theirs: none until the other end has offered */
    int bell;                         /* theirs: an eventfd */
    uint64_t written, taken;          /* as in our page, or about to be */
    uint64_t room_until; /* `written` may reach this: their `taken` as last seen, and the ring's size */
    uint64_t wanted;     /* bytes that a sender waits for */
    uint32_t empty;      /* looks that found nothing */
};

/* Makes our end; *fd is the caller's, to be sent to the other end. 0 or a status. */
int tram__mailbox_open(struct tram__mailbox *m, int *fd);
/* Maps the other end's page; takes neither descriptor but keeps a copy of the bell. 0 or a status. */
int tram__mailbox_accept(struct tram__mailbox *m, int fd, int bell);
void tram__mailbox_close(struct tram__mailbox *m);

/* Contiguous room for a frame of `size` bytes (a multiple of 8, at most RING_FRAME), or NULL: none now. */
unsigned char *tram__mailbox_room(struct tram__mailbox *m, size_t size);
/* What was written there is a frame: publishes it, and wakes the other end if it sleeps. */
void tram__mailbox_publish(struct tram__mailbox *m, size_t size);
/* The next bytes that were published and not taken, as far as they are contiguous; 0: none. */
size_t tram__mailbox_look(struct tram__mailbox *m, const unsigned char **out);
/* Whether there is more than `size` bytes. */
bool tram__mailbox_more(const struct tram__mailbox *m, size_t size);
/* Gives back the first `size` of them. */
void tram__mailbox_take(struct tram__mailbox *m, size_t size);

/* Before sleeping on our bell, for frames, or for room for `wanted`: false when there is what is waited for: do not sleep. */
bool tram__mailbox_arm(struct tram__mailbox *m, bool for_frames, bool for_room);
void tram__mailbox_disarm(struct tram__mailbox *m);

#endif
