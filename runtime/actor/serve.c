/* SPDX-License-Identifier: Apache-2.0 */
#include "actor/serve.h"

#include "actor/supervisor.h"
#include "actor/wire.pb-c.h"
#include "base/error.h"
#include "probe/probe.h"
#include "probe/sink.h"
#include "probe/watch.h"

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

/* What the message says is borrowed from *facts. */
static int tell_ties(struct tram__device *d, struct tram__device_facts *facts, Tram__Wire__Ties *out) {
    int status = d->ops->facts(d, facts);
    if (status)
        return status;
    out->identity = facts->ties.identity;
    out->reaches = facts->ties.reaches;
    out->n_reaches = facts->ties.reach_count;
    out->lends = facts->ties.lends;
    out->why_not = facts->ties.why_not;
    out->pins = facts->ties.pins;
    out->pins_read_only = facts->ties.pins_read_only;
    out->name = facts->name;
    out->versions = facts->versions;
    out->bytes = facts->bytes;
    out->available = facts->available;
    return TRAM_OK;
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
    Tram__Wire__Ties ties = TRAM__WIRE__TIES__INIT;
    struct tram__device_facts facts;
    if (!status && s->device) {
        status = tell_ties(s->device, &facts, &ties);
        text = status ? tram_last_error()->text : text;
        hello.ties = &ties;
    }
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

static int open_device(struct tram__serve *s, const char *name) {
    int status = *name ? tram__device_open(name, &s->device) : TRAM_OK;
    if (!status && s->device && strcmp(s->device->ops->name, "cuda") == 0)
        tram__probe_watch_open(s->name);
    if (!status && s->device)
        status = tram__call_stream_open(s->device, &s->stream);
    return status;
}

void tram__serve_close_device(struct tram__serve *s) {
    tram__call_stream_close(s->stream);
    tram__probe_watch_close(); /* the last stream has been waited for */
    tram__device_close(s->device);
    s->stream = NULL;
    s->device = NULL;
}

static int open_trace(const struct tram__serve *s, const char *folder) {
    struct tram__probe_params p = {.folder = folder, .process = s->name, .actor = 1 + s->index};
    int status = tram__probe_open(&p);
    return status ? status : tram__probe_thread("main");
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
    s->mailbox = m->mailbox;
    char text[512] = "";
    int status = tram__probe_sink_open(s->name, false);
    if (!status && *m->trace)
        status = open_trace(s, m->trace);
    if (!status)
        status = open_device(s, m->device);
    s->class = tram__class_find(s->classes, m->class_name);
    if (status) {
        snprintf(text, sizeof text, "actor %s: %.400s", s->name, tram_last_error()->text);
    } else if (!s->class) {
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
    return s->mailbox && tram__link_offer(&s->link, s->bell) ? 1 : 0;
}

static int end(struct tram__serve *s, const struct tram__frame *f) {
    (void)f;
    s->on_idle(s); /* what was put off */
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

/* ---- the main thread's loop ---- */

/* With turns to give, links that are sockets are looked at once in so many microseconds: a look is a system call, as long
 * as many turns that find nothing to do. The clock is read once in so many rounds: it takes as long as a turn itself. Whoever
 * waits for long is idle: at first, and again and again. */
enum { LOOK_US = 5, LOOK_ROUNDS = 4, IDLE_FIRST = 32, IDLE = 1024 };

/* How the main thread waits, and what it knows of the wait under way. */
struct waiting {
    struct tram__site site, turn_site;
    struct tram__wait_plan plan; /* for frames alone */
    uint32_t planned_for;
    struct tram__spin spin;
    bool begun, slept;
    uint64_t looked;       /* at the links, and there was nothing; 0: look again */
    uint32_t rounds, busy; /* busy: with a turn that found something to do */
};

/* The CPU belongs to the graphs' threads while there are any: without turns to give, this one then sleeps at once. */
static void begin_wait(struct tram__serve *s, struct waiting *w) {
    static const struct tram__wait_plan block = {.policy = TRAM_WAIT_BLOCK};
    uint32_t alive = tram__load32_relaxed(&s->roster->alive);
    if (s->class && alive != w->planned_for) { /* actors came or went: more or fewer threads than CPUs */
        w->planned_for = alive;
        w->plan = tram__wait_plan(s->wait, alive + 1, s->cpus, s->block_ns);
    }
    const struct tram__wait_plan *plan = s->exec ? &block : &w->plan;
    if (s->turn)
        tram__spin_begin(&w->spin, &s->turn_plan, &w->turn_site, false);
    else
        tram__spin_begin(&w->spin, plan, &w->site, !tram__link_is_memory(&s->link));
    w->begun = true;
    w->slept = false;
}

static void end_wait(struct waiting *w) {
    if (w->begun)
        tram__spin_end(&w->spin, w->slept);
    w->begun = false;
}

static void sleep_once(struct tram__serve *s, struct waiting *w) {
    s->on_idle(s);
    if (!s->turn || !s->arm(s)) {
        w->slept = true;
        w->looked = tram__serve_sleep(s, NULL, -1) || !s->turn ? 0 : tram__ticks();
    }
    if (s->turn)
        s->disarm(s);
}

/* Nothing to do: polls on or sleeps. */
static void wait_more(struct tram__serve *s, struct waiting *w) {
    if (!w->begun)
        begin_wait(s, w);
    if (!tram__spin_more(&w->spin))
        sleep_once(s, w);
    else if (w->spin.polls == IDLE_FIRST || w->spin.polls % IDLE == 0)
        s->on_idle(s);
}

static bool look_is_due(const struct tram__serve *s, struct waiting *w) {
    if (!s->turn || !w->looked || tram__link_is_memory(&s->link))
        return true;
    return ++w->rounds % LOOK_ROUNDS == 0 && tram__ticks() - w->looked >= LOOK_US * tram__ticks_per_us();
}

/* Takes one frame of the driver, or what the peers have: 1, 0 when there was nothing, or a status; ERR_TORN_DOWN: a frame
 * said to end. No frame is left received and not taken while the thread sleeps: after each that was taken comes a look, and
 * after a look that found none, whole or in part, poll(2) or the bell tells of more. */
static int look(struct tram__serve *s, struct waiting *w) {
    struct tram__frame f;
    if (!look_is_due(s, w))
        return 0;
    bool probes = s->peers && !tram__link_is_memory(&s->link);
    bool driver = (!probes || tram__serve_probe(s)) && !s->full;
    int got = driver ? tram__link_poll(&s->link, &f) : 0;
    if (got == 1)
        got = handle(s, &f) ? TRAM_ERR_TORN_DOWN : 1;
    else if (got == 0 && s->peers && tram__serve_take(s))
        got = s->lost ? TRAM_ERR_PEER_DEAD : 1;
    w->looked = got || !s->turn ? 0 : tram__ticks();
    return got;
}

/* Until a frame says to end, or the driver is gone. A round is one frame of the driver at most, then one turn for whoever
 * has some. */
static int loop(struct tram__serve *s) {
    struct waiting w = {.plan = {.policy = TRAM_WAIT_BLOCK}}; /* until create says how */
    for (;;) {
        int got = look(s, &w);
        if (got)
            end_wait(&w);
        if (got < 0 && got != TRAM_ERR_PEER_DEAD && got != TRAM_ERR_TORN_DOWN)
            fprintf(stderr, "tramline: actor %s: its link to the driver broke: %s\n", s->name,
                    tram_last_error()->text);
        if (got < 0)
            return got == TRAM_ERR_PEER_DEAD || got == TRAM_ERR_TORN_DOWN ? 0 : 1;
        if (tram__load32_acquire(&s->doorbell_rung))
            answer_doorbell(s);
        if (s->turn && s->turn(s)) {
            end_wait(&w);
            if (++w.busy % IDLE_FIRST == 0)
                s->on_idle(s); /* it may never be */
        } else if (!got) {
            wait_more(s, &w);
        }
    }
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
    s->on_frame[TRAM__FRAME_PEER] = tram__serve_on_peer;
    s->bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    s->polls = calloc(5, sizeof *s->polls);
    if (!s->polls || s->bell < 0)
        return 1;
    tram__link_open(&s->link, TRAM__FD_LINK);
    int status = loop(s);
    tram__link_close(&s->link);
    tram__serve_close_peers(s);
    close(s->doorbell);
    close(s->bell);
    return status;
}
