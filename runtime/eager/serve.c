/* SPDX-License-Identifier: Apache-2.0
 *
 * The actor's side of eager calls: takes specs in order of arrival, runs each when its turn has come and its arguments are
 * there, and hands its results on.
 *
 * Backpressure. When many calls are queued the driver's further frames stay in the link. That cannot stand still: of all
 * the calls that have not run, take the one that was submitted first. Those it takes results of have run. Whatever came to
 * their actors before the request to hand the results on was submitted before it, so has run, and does not fill a queue.
 */
#include "eager/serve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_QUEUED = 4096 };
#define MOST_QUEUED_BYTES (UINT64_C(64) << 20)

/* The argument was to come from a peer that is gone. */
static void attach_loss(struct tram__eager_serve *e, uint64_t call, uint32_t argument,
                        const struct tram__peer *p) {
    char text[TRAM__CALL_TEXT];
    snprintf(text, sizeof text, "%s %s %s before it handed its result on",
             p->broke ? "the link to actor" : "actor", p->name, p->broke ? "broke" : "ended");
    struct tram__input in = {.argument = argument, .kind = TRAM__FAILED};
    in.failure = tram__must(tram__failure_make(TRAM_ERR_PEER_DEAD, 0, p->name, "", text));
    tram__eager_attach(e, call, &in);
}

static void update_full(struct tram__eager_serve *e) {
    const struct tram__queue *q = &e->queue;
    e->serve->full = q->arrived - q->run > MOST_QUEUED || q->bytes > MOST_QUEUED_BYTES;
}

/* ---- running ---- */

/* How many calls wait here, and how much memory they hold: told where it changes. */
static void count_queue(struct tram__eager_serve *e) {
    struct tram__ring *r = tram__probe;
    if (__builtin_expect(r == NULL, 1) || !tram__probe_on(r))
        return;
    const struct tram__queue *q = &e->queue;
    uint64_t now = tram__probe_now(r);
    if (!e->depth_name) {
        e->depth_name = tram__probe_name("queued calls");
        e->bytes_name = tram__probe_name("bytes of queued calls");
    }
    tram__probe_slice(r, TRAM__EVENT_COUNTER, e->depth_name, 0, q->arrived - q->run, now, now);
    tram__probe_slice(r, TRAM__EVENT_COUNTER, e->bytes_name, 1, q->bytes, now, now);
}

uint32_t tram__eager_traced(struct tram__eager_serve *e, const char *method) {
    const struct tram_class *class = e->serve->class;
    if (__builtin_expect(tram__probe == NULL, 1))
        return 0;
    const struct tram_method *m = tram__method_find(class, method);
    size_t count = 0;
    while (class->methods && class->methods[count].name)
        count++;
    if (!m || (!e->traced && !(e->traced = calloc(count, sizeof *e->traced))))
        return 0;
    uint32_t *number = &e->traced[m - class->methods];
    if (!*number)
        *number = tram__probe_name(method);
    return *number;
}

static void deliver_all(struct tram__eager_serve *e, struct tram__entry *n) {
    for (const struct tram__target *t = n->targets; t; t = t->next)
        tram__eager_deliver(e, n, t);
}

/* The call was decoded, and its turn has come. */
static void trace_turn(struct tram__eager_serve *e, struct tram__entry *n, uint32_t name, uint64_t call) {
    struct tram__span *s = &e->span;
    if (__builtin_expect(s->ring == NULL, 1))
        return;
    if (n->came)
        tram__probe_slice(s->ring, TRAM__EVENT_QUEUE, name, 1 + e->serve->index, call, n->came, s->mark);
    n->came = 0;
    tram__span(s, TRAM__EVENT_DECODE, name, e->serve->index, call);
}

/* Small results go first to those who compute with them. Of stored ones the driver hears before anybody can be done with
 * them, so that it knows of the memory that it may give back, and that this lives on should we not. 0, or: the driver is
 * gone. */
static int run_one(struct tram__eager_serve *e, struct tram__entry *n, const Tram__Wire__TaskSpec *m,
                   const void *payload, size_t payload_size) {
    uint32_t name = tram__eager_traced(e, m->method);
    e->busy = true;
    trace_turn(e, n, name, m->call);
    if (e->deferred && tram__eager_report(e)) { /* no reply waits for another call */
        e->busy = false;
        return 1;
    }
    tram__eager_run(e, n, m, payload, payload_size);
    tram__entry_free_inputs(n);
    n->state = TRAM__ENTRY_RUN;
    e->queue.run = m->call;
    bool stored = tram__entry_stores(n);
    if (!stored)
        deliver_all(e, n);
    int status = tram__eager_reply(e, n, m->call);
    if (stored)
        deliver_all(e, n);
    tram__span(&e->span, TRAM__EVENT_REPLY, name, e->serve->index, m->call);
    e->busy = false;
    return status ? 1 : 0;
}

/* Runs what has become ready, in order. */
static int run_ready(struct tram__eager_serve *e) {
    struct tram__queue *q = &e->queue;
    struct tram__entry *n;
    int end = 0;
    while (!end && !e->busy && (n = tram__queue_find(q, q->run + 1)) && n->state == TRAM__ENTRY_QUEUED &&
           !n->missing) {
        ProtobufCAllocator *allocator = tram__arena_reset(&e->queued_arena);
        e->span = tram__span_begin();
        Tram__Wire__TaskSpec *m = tram__wire__task_spec__unpack(allocator, n->spec_size, n->frame);
        if (!m)
            return 1;
        end = run_one(e, n, m, n->frame + n->payload_at, n->payload_size);
        tram__wire__task_spec__free_unpacked(m, allocator);
        q->bytes -= n->payload_at + n->payload_size;
        free(n->frame);
        n->frame = NULL;
        count_queue(e);
    }
    update_full(e);
    return end;
}

/* ---- frames of the driver ---- */

/* An argument that is a result of an earlier call here: true when that has yet to run. */
static bool await_own(struct tram__eager_serve *e, const Tram__Wire__TaskSpec *m, uint32_t argument) {
    const Tram__Wire__Argument *a = m->arguments[argument];
    struct tram__entry *n = tram__queue_find(&e->queue, a->call);
    struct tram__target target = {.result = a->result,
                                  .to = e->serve->index,
                                  .to_call = m->call,
                                  .argument = argument,
                                  .after = a->after};
    if (n && n->state == TRAM__ENTRY_RUN) {
        tram__eager_deliver(e, n, &target);
        return false;
    }
    if (!n || n->state != TRAM__ENTRY_QUEUED || a->call >= m->call)
        return false; /* run.c finds that it makes no sense */
    struct tram__target *t = tram__must(malloc(sizeof *t));
    *t = target;
    t->next = n->targets;
    n->targets = t;
    if (a->moved)
        n->unwanted |= UINT64_C(1) << a->result % 64;
    return true;
}

/* Arguments that are still to come. */
static uint32_t count_missing(struct tram__eager_serve *e, struct tram__entry *n,
                              const Tram__Wire__TaskSpec *m) {
    uint32_t missing = 0;
    for (uint32_t i = 0; i < m->n_arguments; i++) {
        const Tram__Wire__Argument *a = m->arguments[i];
        if (a->kind == TRAM__OWN)
            missing += await_own(e, m, i);
        if (a->kind != TRAM__SENT || tram__entry_input(n, i))
            continue;
        struct tram__peer *p = tram__serve_peer(e->serve, a->from);
        if (p && p->gone)
            attach_loss(e, m->call, i, p);
        else
            missing += p != NULL;
    }
    return missing;
}

static bool enqueue(struct tram__eager_serve *e, struct tram__entry *n, const struct tram__frame *f) {
    n->payload_at = tram__padded(f->spec_size);
    n->spec_size = f->spec_size;
    n->payload_size = f->payload_size;
    n->frame = aligned_alloc(64, (n->payload_at + n->payload_size + 64) & ~(size_t)63);
    if (!n->frame)
        return false;
    memcpy(n->frame, f->spec, f->spec_size);
    if (f->payload_size)
        memcpy(n->frame + n->payload_at, f->payload, f->payload_size);
    n->state = TRAM__ENTRY_QUEUED;
    e->queue.bytes += n->payload_at + n->payload_size;
    return true;
}

static int on_call(struct tram__serve *s, const struct tram__frame *f) {
    struct tram__eager_serve *e = s->eager;
    struct tram__queue *q = &e->queue;
    ProtobufCAllocator *allocator = tram__arena_reset(&e->arena);
    struct tram__span span = tram__span_begin();
    Tram__Wire__TaskSpec *m = tram__wire__task_spec__unpack(allocator, f->spec_size, f->spec);
    if (!m)
        return 1;
    tram__queue_retire(q, m->acked);
    struct tram__entry *n = m->call == q->arrived + 1 ? tram__queue_make(q, m->call) : NULL;
    int end = 1;
    if (n) {
        q->arrived = m->call;
        n->silent = m->silent;
        n->onward = m->onward;
        n->missing = count_missing(e, n, m);
        n->came = 0;
        if (!n->missing && q->run + 1 == m->call) {
            e->span = span;
            end = run_one(e, n, m, f->payload, f->payload_size);
        } else {
            end = enqueue(e, n, f) ? 0 : 1;
            tram__span(&span, TRAM__EVENT_DECODE, tram__eager_traced(e, m->method), s->index, m->call);
            n->came = span.ring ? span.mark : 0;
            count_queue(e);
        }
    }
    tram__wire__task_spec__free_unpacked(m, allocator);
    return end ? end : run_ready(e);
}

static int on_send(struct tram__serve *s, const struct tram__frame *f) {
    struct tram__eager_serve *e = s->eager;
    ProtobufCAllocator *allocator = tram__arena_reset(&e->arena);
    Tram__Wire__Send *m = tram__wire__send__unpack(allocator, f->spec_size, f->spec);
    struct tram__entry *n = m ? tram__queue_find(&e->queue, m->call) : NULL;
    struct tram__target *t = n ? calloc(1, sizeof *t) : NULL;
    if (t) {
        *t = (struct tram__target){n->targets, m->result, m->to, m->to_call, m->argument, m->after};
        if (m->moved)
            n->unwanted |= UINT64_C(1) << m->result % 64;
        if (n->state == TRAM__ENTRY_RUN) {
            tram__eager_deliver(e, n, t);
            free(t);
        } else {
            n->targets = t;
        }
    }
    if (m)
        tram__wire__send__free_unpacked(m, allocator);
    return t ? run_ready(e) : 1; /* arguments may have come while it was sent */
}

static int on_drop(struct tram__serve *s, const struct tram__frame *f) {
    struct tram__eager_serve *e = s->eager;
    Tram__Wire__Drop *m = tram__wire__drop__unpack(NULL, f->spec_size, f->spec);
    if (!m)
        return 1;
    tram__queue_retire(&e->queue, m->acked);
    for (size_t i = 0; i < m->n_forgets; i++)
        tram__store_forget(&e->store, m->forgets[i]);
    for (size_t i = 0; i < m->n_drops; i++) {
        struct tram__place at = tram__place_unpack(m->drops[i]);
        tram__store_give(&e->store, &at);
    }
    tram__wire__drop__free_unpacked(m, NULL);
    return 0;
}

static int on_store(struct tram__serve *s, const struct tram__frame *f) {
    struct tram__eager_serve *e = s->eager;
    tram__store_learn(&e->store, f); /* should it fail, the call that reads there says so */
    return 0;
}

/* ---- frames of peers ---- */

static void on_delivery(struct tram__eager_serve *e, struct tram__peer *p, const struct tram__frame *f) {
    ProtobufCAllocator *allocator = tram__arena_reset(&e->peer_arena);
    Tram__Wire__Delivery *m = tram__wire__delivery__unpack(allocator, f->spec_size, f->spec);
    if (!m || !m->value) {
        fprintf(stderr, "tramline: actor %s: a delivery of %s makes no sense\n", e->serve->name, p->name);
        if (m)
            tram__wire__delivery__free_unpacked(m, allocator);
        return;
    }
    struct tram__input in = {.argument = m->argument, .kind = (enum tram__argument_kind)m->value->kind};
    if (m->failure) {
        in.kind = TRAM__FAILED;
        in.failure = tram__must(tram__failure_unpack(m->failure));
    } else if (in.kind == TRAM__INLINE) {
        in.size = f->payload_size;
        in.data = tram__must(malloc(in.size ? in.size : 1));
        if (in.size)
            memcpy(in.data, f->payload, in.size);
    } else if (m->value->place) {
        in.place = tram__place_unpack(m->value->place);
    }
    tram__eager_attach(e, m->call, &in);
    tram__wire__delivery__free_unpacked(m, allocator);
}

static void on_peer_frame(struct tram__serve *s, struct tram__peer *p, const struct tram__frame *f) {
    struct tram__eager_serve *e = s->eager;
    if (f->type == TRAM__FRAME_DELIVERY)
        on_delivery(e, p, f);
    else if (f->type == TRAM__FRAME_STORE)
        tram__store_learn(&e->store, f);
    if (!s->sending && run_ready(e))
        s->lost = true;
}

/* What was to come from it will not come. */
static void on_peer_gone(struct tram__serve *s, struct tram__peer *p) {
    struct tram__eager_serve *e = s->eager;
    struct tram__queue *q = &e->queue;
    for (uint64_t call = q->run + 1; call <= q->arrived; call++) {
        const struct tram__entry *n = tram__queue_find(q, call);
        Tram__Wire__TaskSpec *m = n && n->state == TRAM__ENTRY_QUEUED && n->missing
                                      ? tram__wire__task_spec__unpack(NULL, n->spec_size, n->frame)
                                      : NULL;
        for (uint32_t i = 0; m && i < m->n_arguments; i++) {
            if (m->arguments[i]->kind != TRAM__SENT || m->arguments[i]->from != p->index ||
                tram__entry_input(n, i))
                continue;
            attach_loss(e, call, i, p);
        }
        if (m)
            tram__wire__task_spec__free_unpacked(m, NULL);
    }
    if (!s->sending && run_ready(e))
        s->lost = true;
}

/* Arguments may come while the report is sent, and then there is more to report. */
static void on_idle(struct tram__serve *s) {
    struct tram__eager_serve *e = s->eager;
    while (!s->lost && e->reported < e->queue.run)
        if (tram__eager_report(e) || run_ready(e))
            s->lost = true;
}

/* ---- the whole ---- */

/* The names of its methods, where there is a sink for ranges. */
void tram__eager_name_ranges(struct tram__eager_serve *e) {
    const struct tram_class *class = e->serve->class;
    char text[200];
    size_t count = 0;
    while (class->methods && class->methods[count].name)
        count++;
    e->ranges = tram__must(calloc(count + 1, sizeof *e->ranges));
    for (size_t i = 0; i < count; i++) {
        snprintf(text, sizeof text, "RUN %s.%s", e->serve->name, class->methods[i].name);
        e->ranges[i] = tram__probe_sink->name(text);
    }
}

static void on_created(struct tram__serve *s) {
    struct tram__eager_serve *e = s->eager;
    char name[80];
    snprintf(name, sizeof name, "actor %s", s->name);
    tram__store_init(&e->store, 1 + s->index, name, s->store_bytes);
}

void tram__eager_serve_init(struct tram__serve *s) {
    struct tram__eager_serve *e = tram__must(calloc(1, sizeof *e));
    tram__eager_serve_call(e);
    e->serve = s;
    e->queue.first = 1;
    s->eager = e;
    s->on_frame[TRAM__FRAME_CALL] = on_call;
    s->on_frame[TRAM__FRAME_SEND] = on_send;
    s->on_frame[TRAM__FRAME_DROP] = on_drop;
    s->on_frame[TRAM__FRAME_STORE] = on_store;
    s->on_peer_frame = on_peer_frame;
    s->on_peer_gone = on_peer_gone;
    s->on_idle = on_idle;
    s->on_created = on_created;
}

void tram__eager_serve_fini(struct tram__serve *s) {
    struct tram__eager_serve *e = s->eager;
    tram__queue_free(&e->queue);
    tram__store_fini(&e->store);
    free(e->traced);
    free(e->ranges);
    free(e->args);
    free(e->argument_of);
    free(e->targets);
    free(e);
    s->eager = NULL;
}
