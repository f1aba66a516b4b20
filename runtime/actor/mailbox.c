/* SPDX-License-Identifier: Apache-2.0
 *
 * Each end owns one page-aligned region that the kernel lets nobody else write (base/region.h).
 *
 *   writer: fills ring[written ..); written += size (release, R4)    reader: written (acquire, A4); reads
 *   reader: done with it; taken += size (release, R5)                writer: taken (acquire, A5); overwrites
 *
 * A frame never wraps: what is left at the end of the ring is skipped, marked by a first word of zero, where a frame has its
 * magic. The reader takes what it skips.
 *
 * Sleeping is the pair of base/wait.c with an eventfd in place of a futex, because a process sleeps on many links at once:
 *
 *   sleeper: asleep = 1; fence(seq_cst); looks at every ring again; poll(2) on its bell and the sockets; asleep = 0
 *   waker:   written or taken; fence(seq_cst); if asleep: write(bell)
 *
 * A bell that rings for a sleeper that found something by itself makes one poll return early, no more.
 *
 * A hostile end can only spoil what it writes: `written` and `taken` are checked against what is possible before use, and a
 * frame's header is copied before it is checked (link.c).
 */
#include "actor/mailbox.h"

#include "base/error.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define MAGIC   0x4D424F58u
#define VERSION 1u

_Static_assert(offsetof(struct tram__mailbox_page, ring) == 4 * TRAM__LINE, "the shared layout is fixed");

static struct tram__mailbox_page *mine(const struct tram__mailbox *m) {
    return m->mine.base;
}

static const struct tram__mailbox_page *theirs(const struct tram__mailbox *m) {
    return m->theirs.base;
}

int tram__mailbox_open(struct tram__mailbox *m, int *fd) {
    *m = (struct tram__mailbox){.bell = -1, .room_until = TRAM__RING};
    int status = tram__region_create("tramline-mailbox", sizeof(struct tram__mailbox_page), &m->mine, fd);
    if (status)
        return status;
    mine(m)->magic = MAGIC;
    mine(m)->version = VERSION;
    return TRAM_OK;
}

int tram__mailbox_accept(struct tram__mailbox *m, int fd, int bell) {
    int status = tram__region_map(fd, sizeof(struct tram__mailbox_page), &m->theirs);
    if (status)
        return status;
    if (theirs(m)->magic != MAGIC || theirs(m)->version != VERSION)
        return tram__fail(TRAM_ERR_PROTOCOL, "a mailbox that is none");
    m->bell = fcntl(bell, F_DUPFD_CLOEXEC, 3);
    return m->bell >= 0 ? TRAM_OK : tram__fail_errno("a mailbox's bell");
}

void tram__mailbox_close(struct tram__mailbox *m) {
    tram__region_close(&m->mine);
    tram__region_close(&m->theirs);
    if (m->bell >= 0)
        close(m->bell);
    m->bell = -1;
}

/* ---- writing ---- */

static bool has_room(struct tram__mailbox *m, uint64_t size) {
    if (m->written + size <= m->room_until)
        return true;
    uint64_t taken = tram__load_acquire(&theirs(m)->taken); /* A5 */
    if (taken <= m->written && m->written - taken <= TRAM__RING)
        m->room_until = taken + TRAM__RING;
    return m->written + size <= m->room_until;
}

unsigned char *tram__mailbox_room(struct tram__mailbox *m, size_t size) {
    size_t at = m->written % TRAM__RING, left = TRAM__RING - at;
    m->wanted = size <= left ? size : left + size;
    if (!has_room(m, m->wanted))
        return NULL;
    if (size <= left)
        return mine(m)->ring + at;
    memset(mine(m)->ring + at, 0, sizeof(uint32_t));
    m->written += left; /* published along with the frame */
    return mine(m)->ring;
}

static void wake(struct tram__mailbox *m, uint32_t from) {
    tram__fence_seq_cst();
    if (tram__load32_relaxed(&theirs(m)->asleep) >= from)
        tram__ring(m->bell);
}

void tram__mailbox_publish(struct tram__mailbox *m, size_t size) {
    m->written += size;
    tram__store_release(&mine(m)->written, m->written); /* R4 */
    wake(m, TRAM__FOR_FRAMES);
}

/* ---- reading ---- */

size_t tram__mailbox_look(struct tram__mailbox *m, const unsigned char **out) {
    for (;;) {
        uint64_t written = tram__load_acquire(&theirs(m)->written), have = written - m->taken; /* A4 */
        size_t at = m->taken % TRAM__RING, left = TRAM__RING - at;
        uint32_t first;
        if (have == 0 || have > TRAM__RING)
            return 0;
        *out = theirs(m)->ring + at;
        memcpy(&first, *out, sizeof first);
        if (first)
            return have < left ? have : left;
        tram__mailbox_take(m, left < have ? left : have);
    }
}

bool tram__mailbox_more(const struct tram__mailbox *m, size_t size) {
    return tram__load_acquire(&theirs(m)->written) != m->taken + size;
}

void tram__mailbox_take(struct tram__mailbox *m, size_t size) {
    m->taken += size;
    tram__store_release(&mine(m)->taken, m->taken); /* R5 */
    wake(m, TRAM__FOR_FRAMES_OR_ROOM);
}

/* ---- sleeping ---- */

bool tram__mailbox_arm(struct tram__mailbox *m, bool for_frames, bool for_room) {
    const unsigned char *unused;
    tram__store32_relaxed(&mine(m)->asleep, for_room ? TRAM__FOR_FRAMES_OR_ROOM : TRAM__FOR_FRAMES);
    tram__fence_seq_cst();
    return !(for_frames && tram__mailbox_look(m, &unused)) && !(for_room && has_room(m, m->wanted));
}

void tram__mailbox_disarm(struct tram__mailbox *m) {
    tram__store32_relaxed(&mine(m)->asleep, TRAM__AWAKE);
}
