/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/order.h"

#include "base/append.h"
#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What is missing, for want of memory, will be noticed when it is used. Takes the descriptors that go with it, from *fd on. */
static void keep_lent(struct tram_actor *a, const Tram__Wire__Answer *m, const struct tram__frame *f,
                      size_t *fd) {
    for (size_t i = 0; i < m->n_lent; i++) {
        const Tram__Wire__Lent *from = m->lent[i];
        struct tram__lent lent = {.channel = from->channel, .size = from->handle.len, .fd = -1};
        lent.handle = malloc(lent.size + 1);
        if (lent.handle && lent.size)
            memcpy(lent.handle, from->handle.data, lent.size);
        if (!lent.handle || !tram__append(&a->answer_lent, &a->answer_lent_count, sizeof lent, &lent)) {
            free(lent.handle);
            return;
        }
        if (from->descriptor && *fd < f->fd_count)
            a->answer_lent[a->answer_lent_count - 1].fd = f->fds[(*fd)++];
    }
}

static void keep_unpinned(struct tram_actor *a, const Tram__Wire__Answer *m) {
    for (size_t i = 0; i < m->n_unpinned; i++) {
        const Tram__Wire__Unpinned *from = m->unpinned[i];
        struct tram__unpinned u = {from->channel, from->status, strdup(from->text)};
        if (!u.text || !tram__append(&a->answer_unpinned, &a->answer_unpinned_count, sizeof u, &u)) {
            free(u.text);
            a->answer_status = TRAM_ERR_NO_MEMORY;
            return;
        }
    }
}

void tram__order_answered(struct tram_actor *a, const struct tram__frame *f) {
    Tram__Wire__Answer *m = tram__wire__answer__unpack(NULL, f->spec_size, f->spec);
    size_t fd = 0;
    if (m && m->order == a->order && !a->answered) { /* not a late one, nor what followed from a failure */
        if (fd < f->fd_count && a->answer_fd < 0)
            a->answer_fd = f->fds[fd++];
        if (m->bell && fd < f->fd_count && a->answer_bell < 0)
            a->answer_bell = f->fds[fd++];
        a->answered = true;
        a->answer_status = m->status;
        snprintf(a->answer_text, sizeof a->answer_text, "%s", m->text);
        keep_lent(a, m, f, &fd);
        keep_unpinned(a, m);
    }
    for (; fd < f->fd_count; fd++)
        close(f->fds[fd]);
    if (m)
        tram__wire__answer__free_unpacked(m, NULL);
}

static int too_busy(const struct tram_actor *a, const char *doing) {
    tram__fail(TRAM_ERR_TIMED_OUT, "actor %s did not %s in time: it is busy", a->name, doing);
    snprintf(tram__error()->actor, sizeof tram__error()->actor, "%s", a->name);
    return TRAM_ERR_TIMED_OUT;
}

uint64_t tram__order_new(struct tram_actor *a) {
    tram__order_close(&a->answer_fd);
    tram__order_close(&a->answer_bell);
    tram__lent_free(a->answer_lent, a->answer_lent_count);
    a->answer_lent = NULL;
    a->answer_lent_count = 0;
    tram__unpinned_free(a->answer_unpinned, a->answer_unpinned_count);
    a->answer_unpinned = NULL;
    a->answer_unpinned_count = 0;
    a->answered = false;
    return ++a->order;
}

int tram__order_ask(struct tram_actor *a, struct tram__send send, uint64_t deadline_ns) {
    int status = tram__actor_send_until(a, &send, deadline_ns);
    return status == TRAM_ERR_TIMED_OUT ? too_busy(a, "take an order") : status;
}

int tram__order_await(struct tram_actor *a, const char *doing, uint64_t deadline_ns) {
    int status = tram__actor_await(a, &a->answered, tram__left_s(deadline_ns));
    if (status == TRAM_ERR_TIMED_OUT)
        return too_busy(a, doing);
    if (status)
        return status;
    if (a->answer_status)
        return tram__fail(a->answer_status, "actor %s: %s", a->name, a->answer_text);
    return TRAM_OK;
}

int tram__order_end(struct tram_compiled *x, bool halt, uint64_t deadline_ns) {
    Tram__Wire__Teardown m = TRAM__WIRE__TEARDOWN__INIT;
    m.graph = x->id;
    m.halt = halt;
    int status = TRAM_OK, first = TRAM_OK;
    struct tram_error why;
    for (uint32_t i = 0; i < x->actor_count; i++) {
        m.order = tram__order_new(x->actors[i]);
        if (!x->actors[i]->gone)
            tram__order_ask(x->actors[i], (struct tram__send){.type = TRAM__FRAME_TEARDOWN, .spec = &m.base},
                            deadline_ns);
    }
    for (uint32_t i = 0; i < x->actor_count; i++) {
        struct tram_actor *a = x->actors[i];
        if (a->gone)
            continue;
        status = tram__order_await(a, "stop the graph", deadline_ns);
        if (status == TRAM_ERR_PEER_DEAD)
            continue; /* it has stopped as well */
        if (status && !first) {
            first = status;
            why = *tram_last_error();
        }
    }
    if (first)
        *tram__error() = why;
    return first;
}

/* Device memory is not freed while another process has it open: where some is lent, all have let go of it before any frees its
 * own. */
int tram__order_stop(struct tram_compiled *x, uint64_t deadline_ns) {
    if (x->lends && !x->halted) {
        int status = tram__order_end(x, true, deadline_ns);
        if (status)
            return status;
        x->halted = true;
    }
    return tram__order_end(x, false, deadline_ns);
}
