/* SPDX-License-Identifier: Apache-2.0
 *
 * The shared-memory channel.
 *
 * Memory. The writer's region holds K slots of 128 bytes and, when payloads may exceed what a slot holds, K
 * page- aligned extents. Each reader's region holds that reader's ack. Every region has one writing process,
 * enforced by the kernel (base/region.h); all else is mapped read-only.
 *
 * Protocol. Message n (from 1) uses slot n mod K.
 *
 *   writer: wait until every ack >= n - K (A2); fill the slot; seq = n (R1)
 *   reader: wait until seq == n (A1); read the slot; ack = n (R2)
 *
 * R1/A1 publishes the slot's header and payload: the release store of seq follows all of the writer's stores
 * to the slot (streaming stores were fenced by tram__copy), and a reader that acquires n therefore sees them.
 * R2/A2 gives the slot back: the reader's last loads from it precede its release store of ack, so a writer
 * that acquired ack >= n - K cannot overwrite what is still being read. As slot n mod K holds n - K before n,
 * and every reader acknowledges n - K before n is written, a reader that waits for n sees n - K (or 0) and
 * then n, never more: anything else is a breach by the peer. seq only grows, so there is no ABA; the futex
 * word is its low half, which repeats after 2^32 messages, in which a sleeper cannot sleep through: the
 * kernel compares before it sleeps, and the waker wakes after every change that finds `sleeping` set
 * (base/wait.c has that argument).
 *
 * A forward writes no payload: the slot says in which channel's slot n the payload lies. The ack set of that
 * channel's writer contains the acks of the forwarding channel's readers, so the payload outlives them all.
 *
 * A hostile peer. A reader can only write its own region: withhold acks (the writer times out) or advance
 * them (it spoils what it reads itself, and, in a channel with several readers, nothing: the writer takes the
 * minimum). The driver, which need not read acks (exec/execute.c), can be misled by an actor that publishes a result
 * before its time: then other readers of the same input may see what comes after it. A writer can spoil its
 * payloads; its sizes and kinds are checked once, on a copy, before use.
 */
#include "base/error.h"
#include "channel/channel.h"

enum { PAGE = 4096, IN_SLOT = 104, KIND_BITS = 2, KIND_MASK = 3, SIZE_SHIFT = 10 };
enum kind { KIND_IN_SLOT, KIND_EXTENT, KIND_FORWARD };

/* The payload ends where the header begins, in the second line of the pair: up to 40 bytes travel with `seq` in one
 * line, and a longer payload fills the first line before the second is touched. Were the polled line written first,
 * the reader would take it away half-filled, and the writer would have to fetch it again for `seq`. */
struct slot {
    unsigned char payload[IN_SLOT];
    tram__word64 size_kind; /* size << SIZE_SHIFT | start of the payload << KIND_BITS | kind */
    tram__word32 status;
    tram__word32 whence; /* KIND_FORWARD: the channel; status not 0: the node */
    tram__word64 seq;
};
_Static_assert(sizeof(struct slot) == TRAM__LINE, "a slot is a pair of cache lines");
_Static_assert(IN_SLOT < 1 << (SIZE_SHIFT - KIND_BITS), "the start of a payload fits its bits");

static uint64_t stride(const struct tram__channel_shape *shape) {
    return (shape->capacity + PAGE - 1) / PAGE * PAGE;
}

static void shm_measure(const struct tram__channel_shape *shape, struct tram__channel_need *need) {
    need->writer_lines = (uint64_t)shape->slots * sizeof(struct slot);
    need->writer_extent = shape->capacity > IN_SLOT ? shape->slots * stride(shape) : 0;
    need->reader_lines = TRAM__LINE;
}

static struct slot *writer_slot(struct tram__writer *w, uint32_t slot) {
    return (struct slot *)w->lines + slot;
}

/* The window looks full: read the acks again, and wait for those that lag. */
static int refresh_window(struct tram__writer *w, uint64_t n, double timeout_s) {
    uint64_t least = UINT64_MAX, until_ns = 0; /* 0: no ack lagged yet */
    uint64_t target = n > w->shape.slots ? n - w->shape.slots : 0;
    for (uint32_t i = 0; i < w->ack_count; i++) {
        if (tram__load_acquire(w->acks[i]) < target) { /* A2 */
            if (until_ns && timeout_s > 0)
                timeout_s = tram__left_s(until_ns);
            else
                until_ns = tram__deadline_ns(timeout_s);
            int status =
                tram__wait(w->waiter, &w->site, w->acks[i], target, tram__name_of_ack(w->id), timeout_s);
            if (status)
                return status;
        }
        uint64_t ack = tram__load_acquire(w->acks[i]); /* A2 */
        if (ack < least)
            least = ack;
    }
    /* A reader that claims to have read what was not written yet spoils only what it reads itself. */
    if (least > n - 1)
        least = n - 1;
    w->writable = least + w->shape.slots;
    return TRAM_OK;
}

static int shm_loan(struct tram__writer *w, uint64_t n, uint32_t slot, double timeout_s) {
    (void)slot;
    return n <= w->writable ? TRAM_OK : refresh_window(w, n, timeout_s);
}

static void *shm_room(struct tram__writer *w, uint32_t slot, uint64_t size) {
    if (size <= IN_SLOT) /* aligned to 8 */
        return writer_slot(w, slot)->payload + (IN_SLOT - (size + 7) / 8 * 8);
    return (unsigned char *)w->extent + slot * stride(&w->shape);
}

static void shm_publish(struct tram__writer *w, uint64_t n, uint32_t slot, const struct tram__message *m) {
    struct slot *s = writer_slot(w, slot);
    uintptr_t start = (uintptr_t)m->data - (uintptr_t)s->payload; /* >= IN_SLOT: elsewhere */
    enum kind kind = m->forward ? KIND_FORWARD : m->size && start >= IN_SLOT ? KIND_EXTENT : KIND_IN_SLOT;
    uint64_t size_kind = m->size << SIZE_SHIFT | kind;
    if (kind == KIND_IN_SLOT && m->size)
        size_kind |= start << KIND_BITS;
    tram__store_relaxed(&s->size_kind, size_kind);
    tram__store32_relaxed(&s->status, (uint32_t)m->status);
    tram__store32_relaxed(&s->whence, m->forward ? m->forward - 1 : m->origin);
    tram__store_release(&s->seq, n); /* R1 */
}

/* Our `word` has moved: wakes those who sleep on it. */
static void wake(const struct tram__sleeper *sleepers, uint32_t count, const tram__word64 *word,
                 struct tram__waiter *waiter) {
    bool woken = false; /* one call wakes all that sleep on the word */
    for (uint32_t i = 0; i < count; i++) {
        const struct tram__sleeper *s = &sleepers[i];
        uint32_t sleeping = tram__load32_relaxed(s->sleeping);
        if (__builtin_expect(sleeping == 0, 1))
            continue;
        if (sleeping == s->name && !woken) {
            tram__count(&waiter->counts->wakes, 1);
            tram__futex_wake(tram__low_half(word));
            woken = true;
        } else if (s->bell >= 0 && (sleeping == TRAM__RINGS || sleeping == TRAM__RINGS_FOR(s->name))) {
            tram__count(&waiter->counts->wakes, 1);
            tram__ring(s->bell);
        }
    }
}

static void shm_wake_readers(struct tram__writer *w, uint32_t slot) {
    wake(w->readers, w->reader_count, &writer_slot(w, slot)->seq, w->waiter);
}

static int breach(const struct tram__reader *r, const char *what, uint64_t value) {
    return tram__fail(TRAM_ERR_PROTOCOL, "channel %u: its writer published %s %llu", r->id, what,
                      (unsigned long long)value);
}

static int shm_read(struct tram__reader *r, uint64_t n, uint32_t slot, double timeout_s,
                    struct tram__message *out) {
    const struct slot *s = (const struct slot *)r->lines + slot;
    int status =
        tram__wait(r->waiter, &r->site, &s->seq, n, tram__name_of_message(r->id), timeout_s); /* A1 */
    if (__builtin_expect(status, 0))
        return status;
    __builtin_prefetch(s);                      /* the first line: a longer payload begins there */
    uint64_t seq = tram__load_relaxed(&s->seq); /* acquired above; only checked for being exactly n */
    uint64_t size_kind = tram__load_relaxed(&s->size_kind);
    uint64_t size = size_kind >> SIZE_SHIFT,
             start = (size_kind >> KIND_BITS) % (1 << (SIZE_SHIFT - KIND_BITS));
    uint32_t whence = tram__load32_relaxed(&s->whence);
    if (__builtin_expect(seq != n, 0))
        return breach(r, "message out of turn", seq);
    *out = (struct tram__message){.size = size, .status = (int32_t)tram__load32_relaxed(&s->status)};
    switch (size_kind & KIND_MASK) {
    case KIND_IN_SLOT:
        if (start > IN_SLOT || size > IN_SLOT - start)
            return breach(r, "a short payload of size", size);
        out->data = s->payload + start;
        out->origin = whence;
        return TRAM_OK;
    case KIND_EXTENT:
        if (size > r->shape.capacity || !r->extent)
            return breach(r, "a payload of size", size);
        out->data = (const unsigned char *)r->extent + slot * stride(&r->shape);
        out->forward = 1 + r->id;
        out->origin = whence;
        return TRAM_OK;
    case KIND_FORWARD:
        for (uint32_t i = 0; i < r->origin_count; i++) {
            const struct tram__origin *o = &r->origins[i];
            if (o->id != whence)
                continue;
            if (size > o->shape.capacity || size > r->shape.capacity)
                return breach(r, "a forward of size", size);
            out->data = (const unsigned char *)o->extent + slot * stride(&o->shape);
            out->forward = 1 + o->id;
            return TRAM_OK;
        }
        return breach(r, "a forward of channel", whence);
    default:
        return breach(r, "a payload of kind", size_kind & KIND_MASK);
    }
}

static void shm_expect(const struct tram__reader *r, uint32_t slot) {
    __builtin_prefetch((const struct slot *)r->lines + slot);
    __builtin_prefetch(&((const struct slot *)r->lines + slot)->seq);
}

static void shm_release(struct tram__reader *r, uint64_t n) {
    tram__store_release(r->ack, n); /* R2 */
}

static void shm_wake_writers(struct tram__reader *r) {
    wake(r->writers, r->writer_count, r->ack, r->waiter);
}

const struct tram__channel_ops tram__channel_shm = {
    .name = "shm",
    .most_readers =
        TRAM_MAX_READERS, /* a writer looks at each reader's `sleeping`: tens of microseconds for so many */
    .measure = shm_measure,
    .loan = shm_loan,
    .room = shm_room,
    .publish = shm_publish,
    .wake_readers = shm_wake_readers,
    .read = shm_read,
    .expect = shm_expect,
    .release = shm_release,
    .wake_writers = shm_wake_writers,
};
