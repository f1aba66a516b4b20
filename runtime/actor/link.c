/* SPDX-License-Identifier: Apache-2.0 */
#include "actor/link.h"

#include "base/error.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    IN_FIRST = 64 * 1024,
    SPEC_MAX = 64 * 1024 * 1024, /* a schedule of tens of thousands of tasks */
    GATHER = 4096,               /* payloads up to this are copied behind the spec: one plain send */
};
#define MAGIC 0x4D415254u /* "TRAM" */

struct header {
    uint32_t magic;
    uint16_t type;
    uint16_t fd_count;
    uint64_t spec_size;
    uint64_t payload_size;
};
_Static_assert(sizeof(struct header) == 24, "the header keeps the spec aligned");

static size_t padded(size_t n) {
    return (n + 7) & ~(size_t)7;
}

void *tram__buffer_room(struct tram__buffer *b, size_t size) {
    if (size <= b->capacity)
        return b->data;
    size_t capacity = (size + 4095) & ~(size_t)4095;
    void *data = aligned_alloc(64, capacity);
    if (!data) {
        tram__fail(TRAM_ERR_NO_MEMORY, "a buffer of %zu bytes", size);
        return NULL;
    }
    free(b->data);
    *b = (struct tram__buffer){data, capacity};
    return data;
}

void tram__buffer_free(struct tram__buffer *b) {
    free(b->data);
    *b = (struct tram__buffer){0};
}

void tram__link_open(struct tram__link *l, int fd) {
    *l = (struct tram__link){.fd = fd};
}

void tram__link_close(struct tram__link *l) {
    if (l->fd >= 0)
        close(l->fd);
    for (size_t i = l->fd_taken; i < l->fd_count; i++)
        close(l->fds[i]);
    tram__buffer_free(&l->in);
    tram__buffer_free(&l->large);
    tram__buffer_free(&l->out);
    free(l->fds);
    if (l->box)
        tram__mailbox_close(l->box);
    free(l->box);
    *l = (struct tram__link){.fd = -1};
}

void tram__link_break(struct tram__link *l) {
    shutdown(l->fd, SHUT_RDWR);
    l->ended = true;
}

static int keep_fds(struct tram__link *l, struct msghdr *msg) {
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        if (l->fd_count + n > l->fd_capacity) {
            size_t capacity = l->fd_count + n + 16;
            int *fds = realloc(l->fds, capacity * sizeof *fds);
            if (!fds)
                return tram__fail(TRAM_ERR_NO_MEMORY, "room for %zu descriptors", capacity);
            l->fds = fds;
            l->fd_capacity = capacity;
        }
        memcpy(l->fds + l->fd_count, CMSG_DATA(c), n * sizeof(int));
        l->fd_count += n;
    }
    if (msg->msg_flags & MSG_CTRUNC)
        return tram__fail(TRAM_ERR_SYSTEM,
                          "descriptors were lost on the way (is the limit of open files reached?)");
    return TRAM_OK;
}

/* Receives once into [to, to + room): the number of bytes, 0 when there are none now, or a status. */
static ssize_t receive(struct tram__link *l, void *to, size_t room) {
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(TRAM__FRAME_FDS * sizeof(int))];
    } control;
    struct iovec iov = {to, room};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control.bytes,
                         .msg_controllen = sizeof control.bytes};
    ssize_t n = recvmsg(l->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n > 0) {
        if (msg.msg_controllen || msg.msg_flags & MSG_CTRUNC) {
            int status = keep_fds(l, &msg);
            if (status)
                return status;
        }
        return n;
    }
    if (n == 0)
        return tram__fail(TRAM_ERR_PEER_DEAD, "the other end closed the connection");
    if (errno == EAGAIN || errno == EINTR)
        return 0;
    if (errno == ECONNRESET)
        return tram__fail(TRAM_ERR_PEER_DEAD, "the other end closed the connection");
    return tram__fail_errno("receiving from a peer");
}

/* Makes room for a frame of `need` bytes from l->begin on, keeping what was received. */
static int reserve_in(struct tram__link *l, size_t need) {
    if (l->begin == l->end)
        l->begin = l->end = 0;
    if (l->begin + need <= l->in.capacity)
        return TRAM_OK;
    if (need <= l->in.capacity) {
        memmove(l->in.data, l->in.data + l->begin, l->end - l->begin);
    } else {
        struct tram__buffer old = l->in;
        l->in = (struct tram__buffer){0};
        if (!tram__buffer_room(&l->in, need)) {
            l->in = old;
            return TRAM_ERR_NO_MEMORY;
        }
        if (old.data)
            memcpy(l->in.data, old.data + l->begin, l->end - l->begin);
        free(old.data);
    }
    l->end -= l->begin;
    l->begin = 0;
    return TRAM_OK;
}

static int check_header(const struct header *h) {
    if (h->magic != MAGIC || h->type == 0 || h->type >= TRAM__FRAME_TYPES || h->spec_size > SPEC_MAX ||
        h->payload_size > (UINT64_C(1) << 40))
        return tram__fail(TRAM_ERR_PROTOCOL, "a frame of type %u, %llu + %llu bytes makes no sense", h->type,
                          (unsigned long long)h->spec_size, (unsigned long long)h->payload_size);
    return TRAM_OK;
}

/* The payload is too large for the receive buffer: receives it into its own, all or what there is now. */
static int poll_large(struct tram__link *l, const struct header *h, size_t head) {
    size_t total = padded(h->payload_size);
    if (!l->large_pending) {
        if (total && !tram__buffer_room(&l->large, total)) /* none: the spec alone is large */
            return TRAM_ERR_NO_MEMORY;
        size_t have = l->end - l->begin - head;
        if (have > total)
            have = total;
        if (have)
            memcpy(l->large.data, l->in.data + l->begin + head, have);
        /* What follows in `in` belongs to the next frame; there is none unless this one is complete. */
        memmove(l->in.data + l->begin + head, l->in.data + l->begin + head + have,
                l->end - l->begin - head - have);
        l->end -= have;
        l->large_have = have;
        l->large_pending = true;
    }
    while (l->large_have < total) {
        ssize_t n = receive(l, l->large.data + l->large_have, total - l->large_have);
        if (n <= 0)
            return (int)n;
        l->large_have += (size_t)n;
    }
    l->large_pending = false;
    return 1;
}

static int deliver(struct tram__link *l, const struct header *h, size_t head, bool large,
                   struct tram__frame *f) {
    *f = (struct tram__frame){
        .type = (enum tram__frame_type)h->type,
        .spec = l->in.data + l->begin + sizeof *h,
        .spec_size = h->spec_size,
        .payload = large ? l->large.data : l->in.data + l->begin + head,
        .payload_size = h->payload_size,
        .fds = l->fds + l->fd_taken,
        .fd_count = h->fd_count,
    };
    if (l->fd_taken + h->fd_count > l->fd_count)
        return tram__fail(TRAM_ERR_PROTOCOL, "a frame came without its %u descriptors", h->fd_count);
    l->fd_taken += h->fd_count;
    l->begin += large ? head : head + padded(h->payload_size);
    return 1;
}

static int poll_socket(struct tram__link *l, struct tram__frame *f) {
    if (l->fd_taken == l->fd_count)
        l->fd_taken = l->fd_count = 0;
    bool received = false;
    for (;;) {
        size_t have = l->end - l->begin;
        size_t need = sizeof(struct header);
        if (have >= need) {
            struct header h;
            memcpy(&h, l->in.data + l->begin, sizeof h);
            int status = check_header(&h);
            if (status)
                return status;
            size_t head = sizeof h + padded(h.spec_size);
            bool large = head + padded(h.payload_size) > IN_FIRST;
            need = large ? head : head + padded(h.payload_size);
            if (have >= need) {
                if (large && (status = poll_large(l, &h, head)) <= 0)
                    return status;
                return deliver(l, &h, head, large, f);
            }
        }
        if (received)
            return 0; /* one system call a poll: a partial frame is rare and its rest is on the way */
        int status = reserve_in(l, need > IN_FIRST ? need : IN_FIRST);
        if (status)
            return status;
        ssize_t n = receive(l, l->in.data + l->end, l->in.capacity - l->end);
        if (n <= 0)
            return (int)n;
        l->end += (size_t)n;
        received = true;
    }
}

/* ---- the mailbox ---- */

int tram__link_offer(struct tram__link *l, int bell) {
    int fds[2] = {-1, bell};
    l->box = calloc(1, sizeof *l->box);
    if (!l->box)
        return tram__fail(TRAM_ERR_NO_MEMORY, "a mailbox");
    int status = tram__mailbox_open(l->box, &fds[0]);
    if (status) {
        free(l->box);
        l->box = NULL;
        return status;
    }
    struct tram__send send = {.type = TRAM__FRAME_MAILBOX, .fds = fds, .fd_count = 2};
    status = tram__link_send(l, &send);
    close(fds[0]);
    return status;
}

/* The other end's offer: we may write from the next send on. */
static int accept_offer(struct tram__link *l, const struct tram__frame *f) {
    int status = TRAM_ERR_PROTOCOL;
    if (l->box && !l->switch_due && !l->writes && f->fd_count == 2)
        status = tram__mailbox_accept(l->box, f->fds[0], f->fds[1]);
    for (size_t i = 0; i < f->fd_count; i++)
        close(f->fds[i]);
    l->switch_due = !status;
    return status;
}

/* Nothing in the mailbox, for long: is the other end still there? What it wrote before its end is seen after it. A frame in the
 * socket says nothing: it may have ended between that and its EXTERNAL. */
static int check_end(struct tram__link *l) {
    struct pollfd p = {.fd = l->fd, .events = POLLRDHUP};
    const unsigned char *unused;
    if (poll(&p, 1, 0) <= 0 || tram__mailbox_look(l->box, &unused) >= sizeof(struct header))
        return 0;
    l->ended = true;
    return tram__fail(TRAM_ERR_PEER_DEAD, "the other end closed the connection");
}

enum { EMPTY_LOOKS = 1024 };

static int poll_box(struct tram__link *l, struct tram__frame *f) {
    const unsigned char *at;
    struct header h;
    if (l->borrowed)
        tram__mailbox_take(l->box, l->borrowed);
    l->borrowed = 0;
    size_t have = tram__mailbox_look(l->box, &at);
    if (have < sizeof h)
        return ++l->box->empty % EMPTY_LOOKS ? 0 : check_end(l);
    memcpy(&h, at, sizeof h);
    int status = check_header(&h);
    if (status)
        return status;
    size_t head = sizeof h + padded(h.spec_size), total = head + padded(h.payload_size);
    if (total > have)
        return tram__fail(TRAM_ERR_PROTOCOL, "a frame of %zu bytes where there are %zu", total, have);
    l->borrowed = total;
    if (h.type == TRAM__FRAME_EXTERNAL) {
        l->external = true;
        return 0;
    }
    *f = (struct tram__frame){.type = (enum tram__frame_type)h.type,
                              .spec = at + sizeof h,
                              .spec_size = h.spec_size,
                              .payload = (void *)(uintptr_t)(at + head),
                              .payload_size = h.payload_size};
    return 1;
}

/* A frame that was polled and not yet given back is no news. */
bool tram__link_arm(struct tram__link *l, bool for_frames, bool for_room) {
    if (!l->box)
        return true;
    if (for_frames && l->borrowed) { /* else whoever sends may still be reading it */
        tram__mailbox_take(l->box, l->borrowed);
        l->borrowed = 0;
    }
    return tram__mailbox_arm(l->box, for_frames && tram__link_is_memory(l), for_room && l->full_box);
}

void tram__link_disarm(struct tram__link *l) {
    if (l->box)
        tram__mailbox_disarm(l->box);
}

int tram__link_poll(struct tram__link *l, struct tram__frame *f) {
    for (;;) {
        if (tram__link_is_memory(l)) {
            int got = poll_box(l, f);
            if (got || !l->external)
                return got;
        }
        int got = poll_socket(l, f);
        if (got != 1)
            return got;
        if (f->type == TRAM__FRAME_MAILBOX) {
            if ((got = accept_offer(l, f)))
                return got;
        } else if (f->type == TRAM__FRAME_SWITCH && l->box && l->box->theirs.base) {
            l->reads = true;
        } else {
            l->external = false;
            return 1;
        }
    }
}

void tram__link_wait(const struct tram__link *l, bool writable, int timeout_ms) {
    struct pollfd p = {.fd = l->fd, .events = (short)(POLLIN | (writable ? POLLOUT : 0))};
    poll(&p, 1, timeout_ms);
}

static int send_all(struct tram__link *l, struct iovec *iov, size_t count, const struct tram__send *s) {
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(TRAM__FRAME_FDS * sizeof(int))];
    } control;
    struct msghdr msg = {.msg_iov = iov, .msg_iovlen = count};
    if (s->fd_count) {
        memset(&control, 0, sizeof control);
        msg.msg_control = control.bytes;
        msg.msg_controllen = CMSG_SPACE(s->fd_count * sizeof(int));
        struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(s->fd_count * sizeof(int));
        memcpy(CMSG_DATA(c), s->fds, s->fd_count * sizeof(int));
    }
    bool begun = false;
    while (msg.msg_iovlen) {
        ssize_t n = sendmsg(l->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0) {
            if (errno == EINTR)
                continue;
            if (errno == EPIPE || errno == ECONNRESET)
                return tram__fail(TRAM_ERR_PEER_DEAD, "the other end closed the connection");
            if (errno != EAGAIN)
                return tram__fail_errno("sending to a peer");
            int status = s->stalled ? s->stalled(s->arg) : TRAM_OK;
            if (status && !(status == TRAM_ERR_TIMED_OUT && begun))
                return status;
            if (!s->stalled) {
                struct pollfd p = {.fd = l->fd, .events = POLLOUT};
                poll(&p, 1, -1);
            }
            continue;
        }
        begun = true;
        if (l->marker)
            tram__mailbox_publish(l->box, l->marker);
        l->marker = 0;
        msg.msg_control = NULL; /* the descriptors went with the first byte */
        msg.msg_controllen = 0;
        while (msg.msg_iovlen && (size_t)n >= msg.msg_iov->iov_len) {
            n -= (ssize_t)msg.msg_iov->iov_len;
            msg.msg_iov++;
            msg.msg_iovlen--;
        }
        if (msg.msg_iovlen) {
            msg.msg_iov->iov_base = (char *)msg.msg_iov->iov_base + n;
            msg.msg_iov->iov_len -= (size_t)n;
        }
    }
    return TRAM_OK;
}

static int send_by_socket(struct tram__link *l, const struct tram__send *s) {
    static const char zeros[8];
    size_t spec_size = s->spec ? protobuf_c_message_get_packed_size(s->spec) : 0;
    size_t head = sizeof(struct header) + padded(spec_size);
    bool gather = s->payload_size <= GATHER;
    unsigned char *out = tram__buffer_room(&l->out, head + (gather ? padded(s->payload_size) : 0));
    if (!out)
        return TRAM_ERR_NO_MEMORY;
    struct header h = {MAGIC, (uint16_t)s->type, (uint16_t)s->fd_count, spec_size, s->payload_size};
    memcpy(out, &h, sizeof h);
    if (s->spec)
        protobuf_c_message_pack(s->spec, out + sizeof h);
    memset(out + sizeof h + spec_size, 0, head - sizeof h - spec_size);
    struct iovec iov[3] = {{out, head}};
    size_t count = 1;
    size_t tail = padded(s->payload_size) - s->payload_size;
    if (gather) {
        if (s->payload_size)
            memcpy(out + head, s->payload, s->payload_size);
        memset(out + head + s->payload_size, 0, tail);
        iov[0].iov_len += s->payload_size + tail;
    } else {
        iov[count++] = (struct iovec){(void *)(uintptr_t)s->payload, s->payload_size};
        if (tail)
            iov[count++] = (struct iovec){(void *)(uintptr_t)zeros, tail};
    }
    return send_all(l, iov, count, s);
}

static int send_by_box(struct tram__link *l, const struct tram__send *s) {
    size_t spec_size = s->spec ? protobuf_c_message_get_packed_size(s->spec) : 0;
    size_t head = sizeof(struct header) + padded(spec_size), total = head + padded(s->payload_size);
    bool external = s->fd_count || total > TRAM__RING_FRAME;
    unsigned char *to;
    struct header h = {MAGIC, s->type, 0, spec_size, s->payload_size};
    if (external) {
        h = (struct header){.magic = MAGIC, .type = TRAM__FRAME_EXTERNAL};
        total = sizeof h;
    }
    while (!(to = tram__mailbox_room(l->box, total))) {
        if (l->ended)
            return tram__fail(TRAM_ERR_PEER_DEAD, "the other end closed the connection");
        l->full_box = true;
        int status = s->stalled ? s->stalled(s->arg) : TRAM_OK;
        l->full_box = false;
        if (status)
            return status;
        if (!s->stalled)
            tram__yield();
    }
    memcpy(to, &h, sizeof h);
    if (!external) {
        if (spec_size)
            protobuf_c_message_pack(s->spec, to + sizeof h);
        if (s->payload_size)
            memcpy(to + head, s->payload, s->payload_size);
    }
    if (!external) {
        tram__mailbox_publish(l->box, total);
        return TRAM_OK;
    }
    l->marker = total; /* not yet: nothing may come of it, for lack of room in the socket */
    int status = send_by_socket(l, s);
    l->marker = 0;
    return status;
}

int tram__link_send(struct tram__link *l, const struct tram__send *s) {
    if (l->switch_due) {
        struct tram__send change = {.type = TRAM__FRAME_SWITCH, .stalled = s->stalled, .arg = s->arg};
        int status = send_by_socket(l, &change);
        if (status)
            return status;
        l->switch_due = false;
        l->writes = true;
    }
    return l->writes ? send_by_box(l, s) : send_by_socket(l, s);
}

static void *arena_alloc(void *data, size_t size) {
    struct tram__arena *a = data;
    size_t at = (a->used + 15) & ~(size_t)15;
    if (at + size > sizeof a->memory)
        return malloc(size);
    a->used = at + size;
    return a->memory + at;
}

static void arena_free(void *data, void *p) {
    struct tram__arena *a = data;
    if ((unsigned char *)p < a->memory || (unsigned char *)p >= a->memory + sizeof a->memory)
        free(p);
}

ProtobufCAllocator *tram__arena_reset(struct tram__arena *a) {
    a->allocator = (ProtobufCAllocator){arena_alloc, arena_free, a};
    a->used = 0;
    return &a->allocator;
}
