/* SPDX-License-Identifier: Apache-2.0 */
#include "actor/serve.h"

#include "actor/supervisor.h"
#include "actor/wire.pb-c.h"
#include "base/error.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

const struct tram_class *tram__class_find(const struct tram_class *classes, const char *name) {
    for (const struct tram_class *c = classes; c && c->name; c++)
        if (strcmp(c->name, name) == 0)
            return c;
    return NULL;
}

const struct tram_method *tram__method_find(const struct tram_class *c, const char *name) {
    for (const struct tram_method *m = c->methods; m && m->name; m++)
        if (strcmp(m->name, name) == 0)
            return m;
    return NULL;
}

/* The write comes first: a main thread that sees `doorbell_rung` finds the descriptor readable, and empties it. The
 * other way round it could find nothing to read, and then be woken for ever by a bell that it no longer knows of. */
void tram__serve_ring(struct tram__serve *s) {
    tram__ring(s->doorbell);
    tram__store32_release(&s->doorbell_rung, 1);
}

/* A ring between the store and the read is lost as a flag but not as an event: its write precedes the read, and what
 * it announces precedes its write. */
static void answer_doorbell(struct tram__serve *s) {
    tram__store32_relaxed(&s->doorbell_rung, 0);
    tram__fence_seq_cst();         /* the store is not to wait until after the read */
    tram__ring_heard(s->doorbell); /* maybe for an earlier ring; the flag is reason enough */
    if (s->on_doorbell)
        s->on_doorbell(s);
}

static int say_hello(struct tram__serve *s, int status, const char *text) {
    size_t count = 0;
    for (const struct tram_method *m = s->class ? s->class->methods : NULL; m && m->name; m++)
        count++;
    Tram__Wire__Method *methods = calloc(count + 1, sizeof *methods);
    Tram__Wire__Method **list = calloc(count + 1, sizeof *list);
    if (!methods || !list) {
        free(methods);
        free(list);
        return tram__fail(TRAM_ERR_NO_MEMORY, "a list of methods");
    }
    for (size_t i = 0; i < count; i++) {
        tram__wire__method__init(&methods[i]);
        methods[i].name = (char *)(uintptr_t)s->class->methods[i].name;
        methods[i].forwards = s->class->methods[i].forwards;
        methods[i].results = s->class->methods[i].results > 0 ? (uint32_t)s->class->methods[i].results : 1;
        list[i] = &methods[i];
    }
    Tram__Wire__Hello hello = TRAM__WIRE__HELLO__INIT;
    hello.status = status;
    hello.text = (char *)(uintptr_t)text;
    hello.n_methods = count;
    hello.methods = list;
    struct tram__send send = {.type = TRAM__FRAME_HELLO, .spec = &hello.base};
    status = tram__link_send(&s->link, &send);
    free(methods);
    free(list);
    return status;
}

/* The first frame: which class, with what arguments. */
static int create(struct tram__serve *s, const struct tram__frame *f) {
    Tram__Wire__Create *m = tram__wire__create__unpack(NULL, f->spec_size, f->spec);
    if (!m)
        return 1;
    snprintf(s->name, sizeof s->name, "%s", m->name);
    s->index = m->index;
    s->wait = (enum tram_wait)m->wait;
    s->block_ns = m->block_ns;
    s->cpus = m->cpus;
    s->store_bytes = m->store_bytes;
    s->on_created(s);
    if (m->mailbox)
        s->bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    char text[256] = "";
    int status = TRAM_OK;
    s->class = tram__class_find(s->classes, m->class_name);
    if (!s->class) {
        status = TRAM_ERR_NOT_FOUND;
        snprintf(text, sizeof text, "there is no class '%s'", m->class_name);
    } else if (s->class->create) {
        int code = s->class->create(f->payload_size ? f->payload : NULL, f->payload_size, &s->self);
        if (code) {
            status = TRAM_ERR_TASK;
            snprintf(text, sizeof text, "create of class %s returned %d", m->class_name, code);
        }
    }
    tram__wire__create__free_unpacked(m, NULL);
    if (say_hello(s, status, text) || status)
        return 1;
    return s->bell >= 0 && tram__link_offer(&s->link, s->bell) ? 1 : 0;
}

static int end(struct tram__serve *s, const struct tram__frame *f) {
    (void)f;
    s->orderly = true;
    return 1;
}

static int handle(struct tram__serve *s, const struct tram__frame *f) {
    if (!s->on_frame[f->type]) {
        fprintf(stderr, "tramline: actor %s: a frame of type %d was not expected\n", s->name, (int)f->type);
        return 1;
    }
    return s->on_frame[f->type](s, f);
}

/* ---- peers ---- */

struct tram__peer *tram__serve_peer(const struct tram__serve *s, uint32_t index) {
    struct tram__peer *p = s->peers;
    while (p && p->index != index)
        p = p->next;
    return p;
}

static int on_peer(struct tram__serve *s, const struct tram__frame *f) {
    Tram__Wire__Peer *m = tram__wire__peer__unpack(NULL, f->spec_size, f->spec);
    struct tram__peer *p = calloc(1, sizeof *p);
    struct pollfd *polls = realloc(s->polls, (s->peer_count + 5) * sizeof *polls);
    if (polls)
        s->polls = polls;
    bool ok = m && p && polls && f->fd_count == 1;
    if (ok) {
        p->index = m->index;
        snprintf(p->name, sizeof p->name, "%s", m->name);
        tram__link_open(&p->link, f->fds[0]);
        ok = s->bell < 0 || tram__link_offer(&p->link, s->bell) == TRAM_OK;
        p->next = s->peers;
        s->peers = p;
        s->peer_count++;
    } else {
        for (size_t i = 0; i < f->fd_count; i++)
            close(f->fds[i]);
        free(p);
    }
    if (m)
        tram__wire__peer__free_unpacked(m, NULL);
    return ok ? 0 : 1;
}

/* Takes what the peers have sent; only those from which something is awaited, or all. */
static bool take_from_peers(struct tram__serve *s, bool all) {
    bool any = false;
    for (struct tram__peer *p = s->peers; p; p = p->next) {
        struct tram__frame f;
        int got = 0;
        if (p->gone || !(all || p->awaited || tram__link_is_memory(&p->link)))
            continue;
        while ((got = tram__link_poll(&p->link, &f)) == 1) {
            any = true;
            s->on_peer_frame(s, p, &f);
            if (!tram__link_pending(&p->link))
                break;
        }
        if (got < 0) {
            p->gone = any = true;
            s->on_peer_gone(s, p);
        }
    }
    return any;
}

/* With mailboxes: false when there is something to take, or room for what a link could not be sent. */
static bool arm_all(struct tram__serve *s, const struct tram__link *full) {
    bool may_sleep = tram__link_arm(&s->link, !s->full && !full, full == &s->link);
    for (struct tram__peer *p = s->peers; p; p = p->next)
        if (!p->gone)
            may_sleep &= tram__link_arm(&p->link, true, full == &p->link);
    return may_sleep;
}

static void disarm_all(struct tram__serve *s) {
    tram__link_disarm(&s->link);
    for (struct tram__peer *p = s->peers; p; p = p->next)
        tram__link_disarm(&p->link);
    tram__ring_heard(s->bell);
}

/* Waits in poll(2) for the driver, the doorbell, any peer, or room in `full` (NULL: none). */
static void sleep_on_links(struct tram__serve *s, const struct tram__link *full, int timeout_ms) {
    nfds_t n = 0;
    s->polls[n++] = (struct pollfd){.fd = s->doorbell, .events = POLLIN};
    s->polls[n++] = (struct pollfd){.fd = s->bell, .events = POLLIN}; /* -1 is passed over */
    if (!s->full && !full)
        s->polls[n++] = (struct pollfd){.fd = s->link.fd, .events = POLLIN};
    for (struct tram__peer *p = s->peers; p; p = p->next)
        if (!p->gone)
            s->polls[n++] = (struct pollfd){.fd = p->link.fd, .events = POLLIN};
    if (full && !full->full_box)
        s->polls[n++] = (struct pollfd){.fd = full->fd, .events = POLLOUT};
    if (s->bell < 0) {
        poll(s->polls, n, timeout_ms);
        return;
    }
    if (arm_all(s, full))
        poll(s->polls, n, timeout_ms);
    disarm_all(s);
}

struct stall {
    struct tram__serve *s;
    const struct tram__link *link;
};

static int stalled(void *arg) {
    struct stall *stall = arg;
    if (!take_from_peers(stall->s, true))
        sleep_on_links(stall->s, stall->link, 1000);
    return TRAM_OK;
}

int tram__serve_send(struct tram__serve *s, struct tram__link *to, struct tram__send *send) {
    struct stall stall = {s, to};
    send->stalled = stalled;
    send->arg = &stall;
    s->sending = true;
    int status = tram__link_send(to, send);
    s->sending = false;
    return status;
}

/* ---- the main thread ---- */

enum { ALL_PEERS = 16 };

/* Looks once at the links: 1 when there was something, 0, or a status: ERR_TORN_DOWN when a frame said to end. */
static int look(struct tram__serve *s, bool all) {
    struct tram__frame f;
    int got = s->full ? 0 : tram__link_poll(&s->link, &f);
    if (got == 1 && handle(s, &f))
        return TRAM_ERR_TORN_DOWN;
    if (got == 0 && s->peers && take_from_peers(s, all))
        return s->lost ? TRAM_ERR_PEER_DEAD : 1;
    return got;
}

/* Until a frame says to end, or the driver is gone. */
static int loop(struct tram__serve *s) {
    struct tram__site site = {0};
    struct tram__wait_plan plan = {.policy = TRAM_WAIT_BLOCK}; /* until create says how */
    uint32_t planned_for = 0;
    for (;;) {
        uint32_t alive = tram__load32_relaxed(&s->roster->alive);
        if (s->class && alive != planned_for) { /* actors came or went: more or fewer threads than CPUs */
            planned_for = alive;
            plan = tram__wait_plan(s->wait, alive + 1, s->cpus, s->block_ns);
        }
        struct tram__spin spin;
        bool slept = false, all = false;
        int got;
        /* The CPU belongs to the graphs' threads while there are any: this one then sleeps at once. */
        struct tram__wait_plan block = {.policy = TRAM_WAIT_BLOCK};
        if (tram__link_is_memory(&s->link))
            tram__spin_begin(&spin, s->exec ? &block : &plan, &site);
        else
            tram__spin_begin_calls(&spin, s->exec ? &block : &plan, &site);
        while ((got = look(s, all)) == 0) {
            all = spin.polls % ALL_PEERS == 0;
            if (tram__load32_acquire(&s->doorbell_rung)) {
                answer_doorbell(s);
            } else if (!tram__spin_more(&spin)) {
                slept = all = true;
                if (s->on_idle)
                    s->on_idle(s);
                sleep_on_links(s, NULL, -1);
            }
        }
        tram__spin_end(&spin, slept);
        if (got < 0)
            return got == TRAM_ERR_PEER_DEAD || got == TRAM_ERR_TORN_DOWN ? 0 : 1;
    }
}

static void close_peers(struct tram__serve *s) {
    while (s->peers) {
        struct tram__peer *p = s->peers;
        s->peers = p->next;
        tram__link_close(&p->link);
        free(p);
    }
    free(s->polls);
}

int tram__serve_run(struct tram__serve *s) {
    signal(SIGPIPE, SIG_IGN);
    if (tram__roster_map(TRAM__FD_OTHER, &s->roster) != TRAM_OK) {
        fprintf(stderr, "tramline: an actor process is started by its supervisor only: %s\n",
                tram_last_error()->text);
        return 2;
    }
    close(TRAM__FD_OTHER);
    s->doorbell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    s->on_frame[TRAM__FRAME_CREATE] = create;
    s->on_frame[TRAM__FRAME_EXIT] = end;
    s->on_frame[TRAM__FRAME_PEER] = on_peer;
    s->bell = -1;
    s->polls = calloc(4, sizeof *s->polls);
    if (!s->polls)
        return 1;
    tram__link_open(&s->link, TRAM__FD_LINK);
    int status = loop(s);
    tram__link_close(&s->link);
    close_peers(s);
    close(s->doorbell);
    if (s->bell >= 0)
        close(s->bell);
    return status;
}
