/* SPDX-License-Identifier: Apache-2.0
 *
 * The actor's main thread in the life of its compiled graphs: allocate, map and start, stop and free.
 */
#include "base/error.h"
#include "exec/edge.h"
#include "exec/loop.h"
#include "exec/pin.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct tram__loop *find(struct tram__serve *s, uint64_t graph) {
    struct tram__loop *l = s->exec;
    while (l && l->participant.plan->graph != graph)
        l = l->next;
    return l;
}

/* Answers with `status`, its text from the thread's last error, and descriptors. */
static int answer_with(struct tram__serve *s, uint64_t order, int status, Tram__Wire__Answer *with,
                       const int *fds, size_t fd_count) {
    Tram__Wire__Answer m = *with;
    m.order = order;
    m.status = status;
    if (status)
        m.text = (char *)(uintptr_t)tram_last_error()->text;
    struct tram__send send = {.type = TRAM__FRAME_ANSWER, .spec = &m.base, .fds = fds, .fd_count = fd_count};
    return tram__link_send(&s->link, &send) ? 1 : 0;
}

static int answer(struct tram__serve *s, uint64_t order, int status) {
    Tram__Wire__Answer none = TRAM__WIRE__ANSWER__INIT;
    return answer_with(s, order, status, &none, NULL, 0);
}

/* Last in the list: the order in which graphs were compiled is that of their turns. */
static void append(struct tram__serve *s, struct tram__loop *l) {
    struct tram__loop **p = (struct tram__loop **)&s->exec;
    while (*p)
        p = &(*p)->next;
    *p = l;
}

static void drop(struct tram__serve *s, struct tram__loop *l) {
    for (struct tram__loop **p = (struct tram__loop **)&s->exec; *p; p = &(*p)->next) {
        if (*p == l) {
            *p = l->next;
            break;
        }
    }
    tram__loop_close(l);
    free(l);
    tram__turns_renew(s);
}

/* The thread is at work, and has to be stopped before its graph can go. The main thread is here, and not at work. */
static bool thread_runs(const struct tram__loop *l) {
    return l->started && !l->on_main && !tram__load32_acquire(&l->finished);
}

/* Takes the constants out of a frame. */
static int keep_constants(struct tram__loop *l, const struct tram__frame *f) {
    if (!f->payload_size)
        return TRAM_OK;
    l->constant_data = aligned_alloc(64, tram__layout_padded(f->payload_size));
    if (!l->constant_data)
        return tram__fail(TRAM_ERR_NO_MEMORY, "%zu bytes of constants", f->payload_size);
    memcpy(l->constant_data, f->payload, f->payload_size);
    l->constant_bytes = f->payload_size;
    return TRAM_OK;
}

/* The answer to PREPARE: our region, our bell, and what we lend. */
static int hand_out(struct tram__serve *s, const struct tram__loop *l, uint64_t order) {
    const struct tram__participant *p = &l->participant;
    Tram__Wire__Answer m = TRAM__WIRE__ANSWER__INIT;
    Tram__Wire__Lent *lent = calloc(p->edge_count + 1, sizeof *lent),
                     **list = calloc(p->edge_count + 1, sizeof *list);
    int *fds = malloc((p->edge_count + 2) * sizeof *fds), status = TRAM_OK;
    size_t count = 0;
    if (!lent || !list || !fds) {
        status = tram__fail(TRAM_ERR_NO_MEMORY, "the answer about a graph");
    } else if (p->edge_count + 2 > TRAM__FRAME_FDS) {
        status = tram__fail(TRAM_ERR_TOO_LARGE, "%u edges on the device; an actor takes %d", p->edge_count,
                            (int)TRAM__FRAME_FDS - 2);
    } else {
        fds[count++] = p->region_fd;
        if ((m.bell = p->plan->on_main))
            fds[count++] = s->bell;
        for (uint32_t i = 0; i < p->edge_count; i++) {
            const struct tram__memory_handle *h = tram__edge_lends(&p->edges[i]);
            if (!h)
                continue;
            tram__wire__lent__init(&lent[i]);
            lent[i].channel = p->edges[i].channel;
            lent[i].handle = (ProtobufCBinaryData){h->size, h->bytes};
            lent[i].descriptor = h->fd >= 0;
            if (h->fd >= 0)
                fds[count++] = h->fd;
            list[m.n_lent++] = &lent[i];
        }
        m.lent = list;
    }
    Tram__Wire__Answer none = TRAM__WIRE__ANSWER__INIT;
    int failed = answer_with(s, order, status, status ? &none : &m, fds, status ? 0 : count);
    free(lent);
    free(list);
    free(fds);
    return failed;
}

static int on_prepare(struct tram__serve *s, const struct tram__frame *f) {
    Tram__Wire__Prepare *m = tram__wire__prepare__unpack(NULL, f->spec_size, f->spec);
    if (!m)
        return 1;
    uint64_t order = m->order;
    struct tram__loop *l = calloc(1, sizeof *l);
    if (!l) {
        tram__wire__prepare__free_unpacked(m, NULL);
        return answer(s, order, tram__fail(TRAM_ERR_NO_MEMORY, "a graph"));
    }
    l->serve = s;
    int status = tram__participant_allocate(&l->participant, m, s->device, s->transports);
    if (!status)
        status = keep_constants(l, f);
    append(s, l);
    int failed = status ? answer(s, order, status) : hand_out(s, l, order);
    if (l->participant.region_fd >= 0)
        close(l->participant.region_fd);
    l->participant.region_fd = -1;
    return failed;
}

static int import_all(struct tram__loop *l, const Tram__Wire__Connect *m, const struct tram__frame *f) {
    size_t fd = m->n_participants;
    for (size_t i = 0; i < m->n_lent; i++) {
        const Tram__Wire__Lent *lent = m->lent[i];
        if (lent->descriptor && fd == f->fd_count)
            return tram__fail(TRAM_ERR_PROTOCOL, "device memory came without its descriptor");
        int status = tram__edge_import(&l->participant, lent->channel, lent->participant, lent->handle.data,
                                       lent->handle.len, lent->descriptor ? f->fds[fd++] : -1);
        if (status)
            return status;
    }
    return TRAM_OK;
}

static int map_all(struct tram__loop *l, const Tram__Wire__Connect *m, const struct tram__frame *f) {
    if (m->n_participants > f->fd_count)
        return tram__fail(TRAM_ERR_PROTOCOL, "%zu regions came with %zu descriptors", m->n_participants,
                          f->fd_count);
    for (size_t i = 0; i < m->n_participants; i++) {
        uint32_t id = m->participants[i];
        int status = id & TRAM__BELL ? tram__participant_bell(&l->participant, id & ~TRAM__BELL, f->fds[i])
                                     : tram__participant_map(&l->participant, id, f->fds[i]);
        if (status)
            return status;
    }
    return import_all(l, m, f);
}

static int start(struct tram__loop *l) {
    int status = tram__participant_open(&l->participant);
    if (!status)
        status = tram__loop_prepare(l);
    if (!status && !l->on_main)
        status = tram__loop_start(l);
    l->started = status == TRAM_OK;
    tram__turns_renew(l->serve);
    return status;
}

/* The answer to CONNECT: it runs, without what could not be pinned. */
static int tell_started(struct tram__serve *s, const struct tram__loop *l, uint64_t order) {
    const struct tram__participant *p = &l->participant;
    Tram__Wire__Answer m = TRAM__WIRE__ANSWER__INIT;
    Tram__Wire__Unpinned *unpinned = calloc(p->pin_count + 1, sizeof *unpinned),
                         **list = calloc(p->pin_count + 1, sizeof *list);
    int status = unpinned && list ? TRAM_OK : tram__fail(TRAM_ERR_NO_MEMORY, "the answer about a graph");
    for (uint32_t i = 0; !status && i < p->pin_count; i++) {
        if (!p->pins[i].status)
            continue;
        tram__wire__unpinned__init(&unpinned[i]);
        unpinned[i].channel = p->pins[i].channel;
        unpinned[i].status = p->pins[i].status;
        unpinned[i].text = (char *)(uintptr_t)p->pins[i].why;
        list[m.n_unpinned++] = &unpinned[i];
    }
    m.unpinned = list;
    int failed = answer_with(s, order, status, &m, NULL, 0);
    free(unpinned);
    free(list);
    return failed;
}

static int on_connect(struct tram__serve *s, const struct tram__frame *f) {
    Tram__Wire__Connect *m = tram__wire__connect__unpack(NULL, f->spec_size, f->spec);
    struct tram__loop *l = m ? find(s, m->graph) : NULL;
    int end = 1;
    if (l) {
        int status = l->started ? TRAM_ERR_PROTOCOL : map_all(l, m, f);
        if (!status && m->last)
            status = start(l);
        end = status ? answer(s, m->order, status) : m->last ? tell_started(s, l, m->order) : 0;
    }
    for (size_t i = 0; i < f->fd_count; i++)
        close(f->fds[i]);
    if (m)
        tram__wire__connect__free_unpacked(m, NULL);
    return end;
}

/* What a TEARDOWN asks for, of a graph whose thread does not run. */
static void end(struct tram__serve *s, struct tram__loop *l, bool halt) {
    l->asked = 0;
    if (!halt) {
        drop(s, l);
        return;
    }
    tram__loop_halt(l);
    tram__turns_renew(s);
}

static int on_teardown(struct tram__serve *s, const struct tram__frame *f) {
    Tram__Wire__Teardown *m = tram__wire__teardown__unpack(NULL, f->spec_size, f->spec);
    if (!m)
        return 1;
    uint64_t order = m->order;
    bool halt = m->halt;
    struct tram__loop *l = find(s, m->graph);
    tram__wire__teardown__free_unpacked(m, NULL);
    if (l && thread_runs(l)) {
        l->asked = order;
        l->asked_to_halt = halt;
        tram__loop_stop(l); /* answered by on_doorbell */
        return 0;
    }
    if (l)
        end(s, l, halt);
    return answer(s, order, TRAM_OK);
}

/* Some graph's thread has finished: if the driver asked for that, it is told. */
static void on_doorbell(struct tram__serve *s) {
    struct tram__loop *next;
    for (struct tram__loop *l = s->exec; l; l = next) {
        next = l->next;
        if (!l->asked || !tram__load32_acquire(&l->finished))
            continue;
        uint64_t order = l->asked;
        end(s, l, l->asked_to_halt);
        answer(s, order, TRAM_OK);
    }
}

void tram__exec_serve_init(struct tram__serve *s) {
    s->on_frame[TRAM__FRAME_PREPARE] = on_prepare;
    s->on_frame[TRAM__FRAME_CONNECT] = on_connect;
    s->on_frame[TRAM__FRAME_TEARDOWN] = on_teardown;
    s->on_doorbell = on_doorbell;
}

/* The actor ends: threads that can stop are stopped, one that is inside a method ends with the process. What others lend is
 * let go of before anything is freed. */
void tram__exec_serve_fini(struct tram__serve *s) {
    for (struct tram__loop *l = s->exec; l; l = l->next)
        if (thread_runs(l))
            tram__loop_stop(l);
    for (struct tram__loop *l = s->exec; l; l = l->next) {
        for (int ms = 0; thread_runs(l); ms++) {
            if (ms == 100)
                return;
            usleep(1000);
        }
        tram__loop_halt(l);
    }
    while (s->exec)
        drop(s, s->exec);
}
