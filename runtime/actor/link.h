/* SPDX-License-Identifier: Apache-2.0
 *
 * Framed messages over a stream socket, with descriptors: how a driver and an actor talk outside compiled
 * graphs. A frame is a header, a protobuf spec (wire.proto) and a payload, each padded to 8 bytes.
 */
#ifndef TRAM_ACTOR_LINK_H
#define TRAM_ACTOR_LINK_H

#include "actor/mailbox.h"

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tram__frame_type {
    TRAM__FRAME_CREATE = 1, /* driver -> actor, first */
    TRAM__FRAME_HELLO,
    TRAM__FRAME_CALL,
    TRAM__FRAME_REPLY,
    TRAM__FRAME_DONE,
    TRAM__FRAME_SEND,
    TRAM__FRAME_DELIVERY,
    TRAM__FRAME_DROP,
    TRAM__FRAME_STORE,
    TRAM__FRAME_PEER,
    TRAM__FRAME_MAILBOX,  /* within link.c: the sender's page and bell */
    TRAM__FRAME_SWITCH,   /* from here on its frames are in its mailbox */
    TRAM__FRAME_EXTERNAL, /* in the mailbox: the next frame is in the socket */
    TRAM__FRAME_PREPARE,
    TRAM__FRAME_CONNECT,
    TRAM__FRAME_TEARDOWN,
    TRAM__FRAME_ANSWER,
    TRAM__FRAME_EXIT,
    TRAM__FRAME_TYPES,
};

enum { TRAM__FRAME_FDS = 250 }; /* descriptors in one frame at most; the kernel's own limit is 253 */

/* A received frame; borrowed until the link's next call, but for the descriptors, which are the receiver's.
 */
struct tram__frame {
    enum tram__frame_type type;
    const uint8_t *spec;
    size_t spec_size;
    void *payload; /* 8-byte aligned */
    size_t payload_size;
    int *fds;
    size_t fd_count;
};

/* A buffer that grows and is reused. */
struct tram__buffer {
    unsigned char *data;
    size_t capacity;
};
/* Room for `size` bytes; old content is lost. NULL with a message when memory is short. */
void *tram__buffer_room(struct tram__buffer *b, size_t size);
void tram__buffer_free(struct tram__buffer *b);

struct tram__link {
    int fd;
    struct tram__buffer in; /* received and not yet taken: [begin, end) */
    size_t begin, end;
    struct tram__buffer large; /* payload of a frame that does not fit `in` */
    size_t large_have;
    bool large_pending;
    struct tram__buffer out;
    int *fds;
    size_t fd_count, fd_capacity, fd_taken;
    /* Shared memory in place of the socket, each direction from its SWITCH on. */
    struct tram__mailbox *box;      /* NULL: not offered */
    bool writes, reads, switch_due; /* switch_due: the other end has offered too */
    bool external;                  /* the next frame is in the socket */
    bool ended;                     /* seen while the mailbox was empty */
    bool full_box; /* what could not be sent waits for room in the mailbox, not in the socket */
    size_t
        marker; /* bytes of an EXTERNAL in the mailbox, to be published when its frame has begun in the socket */
    size_t borrowed; /* bytes of the mailbox's frame that was polled last */
};

void tram__link_open(struct tram__link *l, int fd); /* takes the descriptor */
void tram__link_close(struct tram__link *l);
/* Nothing good can come of it any more: both ends find it ended, whoever is sending too. */
void tram__link_break(struct tram__link *l);

/* Offers the other end a mailbox: as soon as both have, frames travel through it. `bell`: our eventfd, for when we sleep. To
 * be called once, before more than a few frames were sent. 0 or a status. */
int tram__link_offer(struct tram__link *l, int bell);
/* True when a look at the link is a look at memory, and not a system call. */
static inline bool tram__link_is_memory(const struct tram__link *l) {
    return l->reads && !l->external;
}
/* Before and after sleeping in poll(2) on the socket and the bell, for frames, or for room for what could not be sent: false
 * when there is what is waited for: do not sleep. */
bool tram__link_arm(struct tram__link *l, bool for_frames, bool for_room);
void tram__link_disarm(struct tram__link *l);

/* Takes the next frame without blocking: 1, 0 when none is complete, or a status (ERR_PEER_DEAD at the end of
 * the stream). */
int tram__link_poll(struct tram__link *l, struct tram__frame *f);
/* True when bytes that were received are not taken yet. */
static inline bool tram__link_pending(const struct tram__link *l) {
    return l->begin != l->end || (l->reads && tram__mailbox_more(l->box, l->borrowed));
}
/* Sends a frame whole. While the socket is full it calls `stalled` (which should receive, then wait for
 * either direction), or, when that is NULL, waits for room. A status of `stalled` ends it, but for
 * ERR_TIMED_OUT once a part was sent: the stream must not break off inside a frame. ERR_PEER_DEAD when the
 * other end is gone. */
struct tram__send {
    enum tram__frame_type type;
    const ProtobufCMessage *spec; /* may be NULL */
    const void *payload;
    size_t payload_size;
    const int *fds;
    size_t fd_count;
    int (*stalled)(void *arg);
    void *arg;
};
int tram__link_send(struct tram__link *l, const struct tram__send *s);

/* Waits in poll(2) until the link is readable, or writable too if asked; timeout in ms, negative: for ever. */
void tram__link_wait(const struct tram__link *l, bool writable, int timeout_ms);

/* An allocator for unpacking one small message at a time without malloc: reset before each use. What does not
 * fit falls back to malloc. */
struct tram__arena {
    ProtobufCAllocator allocator;
    size_t used;
    _Alignas(16) unsigned char memory[2048];
};
ProtobufCAllocator *tram__arena_reset(struct tram__arena *a);

#endif
