/* SPDX-License-Identifier: Apache-2.0
 *
 * The links of an actor: the driver's, and those to other actors. A process looks at them in turn, and sleeps on all at once.
 */
#include "actor/serve.h"
#include "actor/wire.pb-c.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct tram__peer *tram__serve_peer(const struct tram__serve *s, uint32_t index) {
    for (struct tram__peer *p = s->peers; p; p = p->next)
        if (p->index == index)
            return p;
    for (struct tram__peer *p = s->dead; p; p = p->next)
        if (p->index == index)
            return p;
    return NULL;
}

/* The link is of no more use, whatever the reason: the other end is to know it too. */
static void lose(struct tram__serve *s, struct tram__peer *p, int status) {
    if (status != TRAM_ERR_PEER_DEAD)
        fprintf(stderr, "tramline: actor %s: its link to %s broke: %s\n", s->name, p->name,
                tram_last_error()->text);
    tram__link_break(&p->link);
    p->gone = s->bury = true;
    p->broke = status != TRAM_ERR_PEER_DEAD;
}

/* Of those that are gone only the name is kept. Not while something is being sent, maybe to one of them. */
static void bury(struct tram__serve *s) {
    struct tram__peer **at = &s->peers;
    while (*at) {
        struct tram__peer *p = *at;
        if (!p->gone) {
            at = &p->next;
            continue;
        }
        *at = p->next;
        tram__link_close(&p->link);
        p->next = s->dead;
        s->dead = p;
        s->peer_count--;
    }
    s->bury = false;
}

int tram__serve_on_peer(struct tram__serve *s, const struct tram__frame *f) {
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
        if (s->mailbox && tram__link_offer(&p->link, s->bell))
            tram__link_break(&p->link); /* that it is gone, or dead already, shows at the first look */
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

bool tram__serve_take(struct tram__serve *s) {
    bool any = false;
    if (s->bury && !s->sending)
        bury(s);
    for (struct tram__peer *p = s->peers; p; p = p->next) {
        struct tram__frame f;
        int got = 0;
        if (p->gone || !(p->ready || tram__link_is_memory(&p->link) || tram__link_is_memory(&s->link)))
            continue;
        p->ready = false;
        while ((got = tram__link_poll(&p->link, &f)) == 1) {
            any = true;
            s->on_peer_frame(s, p, &f);
            if (!tram__link_pending(&p->link))
                break;
        }
        if (got < 0) {
            lose(s, p, got);
            s->on_peer_gone(s, p);
            any = true;
        }
    }
    return any;
}

bool tram__serve_probe(struct tram__serve *s) {
    nfds_t n = 0, i = 1;
    bool pending = tram__link_pending(&s->link);
    s->polls[n++] = (struct pollfd){.fd = s->full ? -1 : s->link.fd, .events = POLLIN};
    for (struct tram__peer *p = s->peers; p; p = p->next)
        s->polls[n++] = (struct pollfd){.fd = p->gone ? -1 : p->link.fd, .events = POLLIN};
    if (poll(s->polls, n, 0) <= 0)
        return pending;
    for (struct tram__peer *p = s->peers; p; p = p->next)
        p->ready = s->polls[i++].revents != 0;
    return pending || s->polls[0].revents;
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
}

bool tram__serve_sleep(struct tram__serve *s, const struct tram__link *full, int timeout_ms) {
    nfds_t n = 0;
    bool news = false;
    s->polls[n++] = (struct pollfd){.fd = s->bell, .events = POLLIN};
    s->polls[n++] =
        (struct pollfd){.fd = full ? -1 : s->doorbell, .events = POLLIN}; /* answered between frames */
    if (!s->full && !full)
        s->polls[n++] = (struct pollfd){.fd = s->link.fd, .events = POLLIN};
    for (struct tram__peer *p = s->peers; p; p = p->next)
        if (!p->gone)
            s->polls[n++] = (struct pollfd){.fd = p->link.fd, .events = POLLIN};
    if (full && !full->full_box)
        s->polls[n++] = (struct pollfd){.fd = full->fd, .events = POLLOUT};
    bool may_sleep = !s->mailbox || arm_all(s, full);
    if (may_sleep)
        poll(s->polls, n, timeout_ms);
    if (s->mailbox)
        disarm_all(s);
    if (may_sleep && s->polls[0].revents)
        tram__ring_heard(s->bell);
    for (nfds_t i = 2; may_sleep && i < n; i++)
        news |= s->polls[i].revents != 0;
    return news || s->mailbox;
}

struct stall {
    struct tram__serve *s;
    const struct tram__link *link;
};

/* Graphs on the main thread get on meanwhile: whoever is to take what is being sent may be waiting for one of them. */
static int stalled(void *arg) {
    struct stall *stall = arg;
    struct tram__serve *s = stall->s;
    tram__serve_probe(s);
    if (tram__serve_take(s) || (s->turn && s->turn(s)))
        return TRAM_OK;
    if (!s->turn || !s->arm(s))
        tram__serve_sleep(s, stall->link, 1000);
    if (s->turn)
        s->disarm(s);
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

void tram__serve_close_peers(struct tram__serve *s) {
    for (struct tram__peer *p = s->peers; p; p = p->next)
        p->gone = true;
    bury(s);
    while (s->dead) {
        struct tram__peer *p = s->dead;
        s->dead = p->next;
        free(p);
    }
    free(s->polls);
}
