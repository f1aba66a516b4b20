/* SPDX-License-Identifier: Apache-2.0
 *
 * Execution n, for each operation in order: READ waits for message n of a channel; COMPUTE waits for free
 * slots, runs the method with its results in place, and gives back the messages used for the last time; its WRITEs
 * publish the results. One seq_cst fence follows both the acks and the publications, then whoever sleeps is
 * woken.
 */
#include "exec/loop.h"

#include "base/copy.h"
#include "base/error.h"
#include "exec/loop_task.h"
#include "probe/gpu.h"
#include "probe/watch.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static void *result_room(struct tram__loop_task *t, struct tram__loop_result *r, uint64_t size) {
    return r->writer ? r->writer->ops->room(r->writer, t->slot, size) : r->local;
}

void *tram__loop_room(struct tram_call *c, uint32_t result, uint64_t size) {
    struct tram__loop_task *t = (struct tram__loop_task *)c;
    return result_room(t, &t->results[result], size);
}

int tram__loop_cut_off(void *arg) {
    const struct tram__loop *l = arg;
    const Tram__Wire__Prepare *plan = l->participant.plan;
    for (size_t i = 0; i < plan->n_participants; i++)
        if (plan->participants[i]->actor && plan->participants[i]->actor <= TRAM__MAX_ACTORS &&
            tram__roster_gone(l->serve->roster, plan->participants[i]->actor - 1))
            return TRAM_ERR_TORN_DOWN;
    return tram__load32_acquire(&l->control) ? TRAM_ERR_TORN_DOWN : TRAM_OK;
}

/* ---- one operation ---- */

/* Every result is a failure, of this task or of one it depends on: its text travels in place of a payload. */
static void set_failure(struct tram__loop_task *t, int32_t code, uint32_t node, const void *text,
                        uint64_t size) {
    if (size > TRAM__FAILURE_TEXT)
        size = TRAM__FAILURE_TEXT;
    for (uint32_t i = 0; i < t->call.result_count; i++) {
        struct tram__loop_result *r = &t->results[i];
        void *to = result_room(t, r, size);
        memcpy(to, text, size);
        r->message = (struct tram__message){.data = to, .size = size, .status = code, .origin = node};
    }
}

/* The result is argument `from`: passed on by reference when it lies in an extent, else copied. */
static void set_forward(struct tram__loop_task *t, struct tram__loop_result *r,
                        const struct tram__message *from) {
    if (from->forward) {
        r->message = (struct tram__message){.data = from->data, .size = from->size, .forward = from->forward};
        return;
    }
    void *to = result_room(t, r, from->size);
    tram__copy(to, from->data, from->size);
    t->call.copies++;
    t->call.copied_bytes += from->size;
    r->message = (struct tram__message){.data = to, .size = from->size};
}

static void set_results(struct tram__loop_task *t) {
    struct tram_call *c = &t->call;
    for (uint32_t i = 0; i < c->result_count; i++) {
        const struct tram__call_result *left = &c->results[i];
        if (left->forward)
            set_forward(t, &t->results[i], t->args[left->forward - 1].message);
        else
            t->results[i].message = (struct tram__message){.data = left->data, .size = left->size};
    }
}

/* The code of a forward that its edge cannot take, or 0. */
static int check_forwards(struct tram__loop_task *t) {
    struct tram_call *c = &t->call;
    for (uint32_t i = 0; i < c->result_count; i++) {
        if (!c->results[i].forward)
            continue;
        uint64_t size = t->args[c->results[i].forward - 1].message->size;
        if (size > t->results[i].capacity)
            return tram_fail(c, TRAM_ERR_TOO_LARGE, "a forward of %llu bytes exceeds the limit of %llu",
                             (unsigned long long)size, (unsigned long long)t->results[i].capacity);
    }
    return 0;
}

static void run_method(struct tram__loop_task *t, void *self) {
    struct tram_call *c = &t->call;
    tram__call_reset(c);
    int code = tram__call_run(c, t->fn, self);
    if (!code && c->may_forward)
        code = check_forwards(t);
    if (__builtin_expect(code, 0))
        set_failure(t, code, t->node, c->text, strlen(c->text));
    else
        set_results(t);
    if (c->copies) {
        struct tram__region_head *head = t->loop->participant.head;
        tram__count(&head->copies, c->copies);
        tram__count(&head->copied_bytes, c->copied_bytes);
        c->copies = c->copied_bytes = 0;
    }
    if (__builtin_expect(c->maps, 0)) {
        tram__count(&t->loop->participant.head->maps, c->maps);
        c->maps = 0;
    }
}

static void wake_writers(struct tram__loop_task *t) {
    for (uint32_t i = 0; i < t->release_count; i++)
        t->releases[i]->ops->wake_writers(t->releases[i]);
}

/* Publishes every result that others read, then wakes whoever sleeps for it or for what was given back. */
static void publish(struct tram__loop_task *t, uint64_t n) {
    for (uint32_t i = 0; i < t->call.result_count; i++) {
        struct tram__writer *w = t->results[i].writer;
        if (w)
            w->ops->publish(w, n, t->slot, &t->results[i].message);
    }
    tram__fence_seq_cst(); /* F2 of base/wait.c, for the messages and for the acks before them */
    for (uint32_t i = 0; i < t->call.result_count; i++) {
        struct tram__writer *w = t->results[i].writer;
        if (w)
            w->ops->wake_readers(w, t->slot);
    }
    wake_writers(t);
}

/* What an edge has in the slot of execution n, or brings there. */
static struct tram__slot_view view_of(struct tram__edge *e, uint64_t n, uint32_t slot) {
    bool custom = e->custom.ops != NULL;
    struct tram__memory *m = e->writes || custom ? &e->own : &e->peers[0].memory;
    return (struct tram__slot_view){.memory = m,
                                    .data = (char *)m->data + (custom ? 0 : slot * e->stride),
                                    .bytes = e->stride,
                                    .event = slot,
                                    .n = n,
                                    .copied = e->copied,
                                    .custom = custom ? &e->custom : NULL};
}

/* The slots of the execution under way; what is made in ours waits, on the device, for those who still read there. */
static int enter_slots(struct tram__loop_task *t, uint64_t n, uint32_t slot) {
    struct tram_stream *s = t->loop->stream;
    uint64_t slots = t->loop->participant.plan->slots;
    for (uint32_t i = 0; i < t->call.arg_count; i++) {
        struct tram__edge *e = t->arg_edges[i];
        if (t->arg_results[i]) /* in the order of our own stream */
            t->arg_slots[i] = t->arg_results[i]->slot;
        else if (e)
            t->arg_slots[i] = view_of(e, n, slot);
    }
    for (uint32_t i = 0; i < t->call.result_count; i++) {
        struct tram__edge *e = t->results[i].edge;
        if (!e)
            continue;
        t->results[i].slot = view_of(e, n, slot);
        for (uint32_t k = 0; n > slots && k < e->peer_count; k++) {
            int status = tram__stream_await(s, &e->peers[k].memory, slot, n - slots);
            if (status)
                return status;
        }
    }
    return TRAM_OK;
}

/* What was read on the device is given back once the stream has come this far. */
static int leave_slots(struct tram__loop_task *t, uint64_t n, uint32_t slot) {
    struct tram_stream *s = t->loop->stream;
    for (uint32_t i = 0; i < t->release_count; i++) {
        const struct tram__edge *e = t->release_edges[i];
        int status =
            e && !e->custom.ops ? tram__stream_signal(s, &t->release_edges[i]->own, slot, n) : TRAM_OK;
        if (status)
            return status;
    }
    return TRAM_OK;
}

/* Runs the method, unless an argument says that there is nothing to run it on. */
static int work(struct tram__loop *l, struct tram__loop_task *t, uint64_t n, uint32_t slot) {
    const struct tram__message *bad = NULL;
    for (uint32_t i = 0; i < t->call.arg_count; i++) {
        const struct tram__message *m = t->args[i].message;
        t->bytes[i] = (struct tram_bytes){m->data, m->size};
        if (__builtin_expect(m->status, 0) && !bad)
            bad = m;
    }
    int entered = __builtin_expect(t->on_device, 0) ? enter_slots(t, n, slot) : TRAM_OK;
    if (entered)
        return entered;
    t->ran = bad == NULL;
    if (__builtin_expect(bad != NULL, 0))
        set_failure(t, bad->status, bad->origin, bad->data, bad->size);
    else
        run_method(t, l->serve->self);
    if (__builtin_expect(l->stream != NULL, 0) && tram__loop_cut_off(l))
        return TRAM_ERR_TORN_DOWN; /* a wait for the device may have ended early: nothing goes on from there */
    return TRAM_OK;
}

/* Gives back what was used for the last time, and publishes the results. */
static int hand_over(struct tram__loop_task *t, uint64_t n, uint32_t slot) {
    int left = __builtin_expect(t->on_device, 0) ? leave_slots(t, n, slot) : TRAM_OK;
    if (left)
        return left;
    for (uint32_t i = 0; i < t->release_count; i++)
        t->releases[i]->ops->release(t->releases[i], n);
    if (t->writes || t->release_count)
        publish(t, n);
    return TRAM_OK;
}

/* The first result of the task from `from` on that others read; result_count: there is none. */
static uint32_t next_write(const struct tram__loop_task *t, uint32_t from) {
    while (from < t->call.result_count && !t->results[from].writer)
        from++;
    return from;
}

static void push_write(const struct tram__loop *l, const struct tram__writer *w, uint64_t n) {
    tram__trace_push(&l->tracer, TRAM__RANGE_WRITE, l->tracer.writes, (size_t)(w - l->participant.writers),
                     n);
}

/* Tells of the WRITEs, of which the first took the time of all: they were published one after the other, and whoever slept was
 * woken. Its range has ended. */
static void trace_writes(struct tram__loop *l, const struct tram__loop_task *t, uint64_t n) {
    bool first = true;
    for (uint32_t i = next_write(t, 0); i < t->call.result_count; i = next_write(t, i + 1)) {
        if (!first) {
            push_write(l, t->results[i].writer, n);
            tram__trace_pop(&l->tracer);
        }
        first = false;
        const struct tram__loop_result *r = &t->results[i];
        tram__trace_write(&l->tracer, (uint32_t)(r->writer - l->participant.writers), r->writer->id,
                          r->message.size + (r->edge ? r->edge->stride : 0), n);
    }
}

/* The slots of the results are free: the rest of a task, told. */
static __attribute__((noinline)) int compute_told(struct tram__loop *l, struct tram__loop_task *t, uint64_t n,
                                                  uint32_t slot) {
    struct tram__tracer *tracer = &l->tracer;
    uint32_t first = next_write(t, 0);
    bool writes = first < t->call.result_count;
    if (writes)
        tram__trace_wait(tracer, TRAM__EVENT_WRITE_WAIT, t->results[first].writer->id, n);
    if (tracer->ring)
        tram__probe_begin(tracer->ring, TRAM__EVENT_COMPUTE, t->node, tracer->graph, n, tracer->mark);
    tram__trace_push(tracer, TRAM__RANGE_COMPUTE, tracer->tasks, (size_t)(t - l->tasks), n);
    if (tram__probe_watch)
        tram__probe_watch->begin(tram__gpu_task(tracer->graph, n, t->node));
    int status = work(l, t, n, slot);
    if (tram__probe_watch)
        tram__probe_watch->end();
    tram__trace_pop(tracer);
    if (t->ran) /* else it only passes a failure on */
        tram__trace(tracer, TRAM__EVENT_COMPUTE, t->node, n);
    if (!status && writes)
        push_write(l, t->results[first].writer, n);
    int over = status ? status : hand_over(t, n, slot);
    if (!status && writes)
        tram__trace_pop(tracer);
    if (tracer->ring)
        tram__probe_end(tracer->ring);
    if (!over)
        trace_writes(l, t, n);
    return over;
}

/* Computes, and writes: the WRITEs of a task follow its COMPUTE in every schedule. */
static int compute(struct tram__loop *l, struct tram__loop_task *t, uint64_t n, uint32_t slot,
                   double timeout_s) {
    for (uint32_t i = 0; i < t->call.result_count; i++) {
        struct tram__writer *w = t->results[i].writer;
        int status = w ? w->ops->loan(w, n, slot, timeout_s) : TRAM_OK;
        if (__builtin_expect(status, 0))
            return status;
    }
    t->slot = slot;
    if (__builtin_expect(l->tracer.on, 0))
        return compute_told(l, t, n, slot);
    int status = work(l, t, n, slot);
    return status ? status : hand_over(t, n, slot);
}

/* Tells the other members of a unit that its task here can begin. */
static int write_token(struct tram__writer *w, uint64_t n, uint32_t slot, double timeout_s) {
    struct tram__message m = {.data = NULL};
    int status = w->ops->loan(w, n, slot, timeout_s);
    if (status)
        return status;
    w->ops->publish(w, n, slot, &m);
    tram__fence_seq_cst(); /* F2 of base/wait.c */
    w->ops->wake_readers(w, slot);
    return TRAM_OK;
}

/* ---- all operations of an execution ---- */

static int run_step(struct tram__loop *l, const struct tram__loop_step *s, double timeout_s) {
    struct tram__reader *r;
    switch (s->kind) {
    case TRAM__OP_READ:
        r = &l->participant.readers[s->reader];
        return r->ops->read(r, l->n, l->slot, timeout_s, &l->messages[s->reader]);
    case TRAM__OP_COMPUTE:
        return compute(l, s->task, l->n, l->slot, timeout_s);
    case TRAM__OP_WRITE:
        return write_token(s->token, l->n, l->slot, timeout_s);
    }
    return TRAM_OK;
}

static void push_step(const struct tram__loop *l, const struct tram__loop_step *s) {
    if (s->kind == TRAM__OP_READ)
        tram__trace_push(&l->tracer, TRAM__RANGE_READ, l->tracer.reads, s->reader, l->n);
    else
        push_write(l, s->token, l->n);
}

/* What came between the step before this one and the turn in which this one goes through. */
static void trace_turn(struct tram__loop *l, const struct tram__loop_step *s, uint64_t since) {
    uint64_t turn = l->tracer.mark;
    if (!l->tracer.ring || s->kind != TRAM__OP_READ)
        return;
    l->tracer.mark = since;
    tram__trace_wait_until(&l->tracer, TRAM__EVENT_BETWEEN, l->participant.readers[s->reader].id, l->n, turn);
    l->tracer.mark = turn;
}

/* The same, told. In a turn, where a step that has to wait is tried again and again, it is told of once it has gone through: it
 * waited while others had the thread. */
static int run_step_told(struct tram__loop *l, const struct tram__loop_step *s, double timeout_s) {
    bool reads = s->kind == TRAM__OP_READ, turn = timeout_s == 0;
    if (s->kind == TRAM__OP_COMPUTE)
        return run_step(l, s, timeout_s);
    uint64_t mark = l->tracer.mark;
    if (!turn)
        push_step(l, s);
    else if (l->tracer.ring)
        l->tracer.mark = tram__probe_now(l->tracer.ring);
    int status = run_step(l, s, timeout_s);
    if (turn && status)
        l->tracer.mark = mark;
    else if (turn) {
        trace_turn(l, s, mark);
        push_step(l, s);
    }
    if (!turn || !status)
        tram__trace_pop(&l->tracer);
    if (!status && reads)
        tram__trace(&l->tracer, TRAM__EVENT_READ_WAIT, l->participant.readers[s->reader].id, l->n);
    else if (!status)
        tram__trace_write(&l->tracer, (uint32_t)(s->token - l->participant.writers), s->token->id, 0, l->n);
    return status;
}

static __attribute__((noinline)) int run_steps_told(struct tram__loop *l, double timeout_s) {
    int status = TRAM_OK;
    for (; !status && l->at < l->step_count; l->at += !status)
        status = run_step_told(l, &l->steps[l->at], timeout_s);
    return status;
}

static int run_steps(struct tram__loop *l, double timeout_s) {
    for (; l->at < l->step_count; l->at++) {
        int status = run_step(l, &l->steps[l->at], timeout_s);
        if (__builtin_expect(status, 0))
            return status;
    }
    return TRAM_OK;
}

int tram__loop_run(struct tram__loop *l, double timeout_s) {
    int status = __builtin_expect(l->tracer.on, 0) ? run_steps_told(l, timeout_s) : run_steps(l, timeout_s);
    if (__builtin_expect(status, 0))
        return status;
    tram__store_relaxed(&l->participant.head->done, l->n);
    l->at = 0;
    l->n++;
    tram__trace_enter(&l->tracer, l->n);
    if (++l->slot == l->participant.plan->slots)
        l->slot = 0; /* n mod slots */
    return TRAM_OK;
}

/* The name of the ack that this writer needs first, or 0. */
static uint32_t window_of(struct tram__writer *w, const struct tram__loop *l) {
    return w && w->ops->loan(w, l->n, l->slot, 0) == TRAM_ERR_TIMED_OUT ? tram__name_of_ack(w->id) : 0;
}

uint32_t tram__loop_waits_for(struct tram__loop *l) {
    const struct tram__loop_step *s = &l->steps[l->at];
    uint32_t name = 0;
    if (s->kind == TRAM__OP_READ) {
        struct tram__reader *r = &l->participant.readers[s->reader];
        int status = r->ops->read(r, l->n, l->slot, 0, &l->messages[s->reader]);
        return status == TRAM_ERR_TIMED_OUT ? tram__name_of_message(r->id) : 0;
    }
    if (s->kind == TRAM__OP_WRITE)
        return window_of(s->token, l);
    for (uint32_t i = 0; i < s->task->call.result_count && !name; i++)
        name = window_of(s->task->results[i].writer, l);
    return name;
}

void tram__loop_give_up(struct tram__loop *l, int status) {
    fprintf(stderr, "tramline: actor %s stopped its graph: %s\n", l->serve->name, tram_last_error()->text);
    tram__store32_release(&l->participant.head->stopped, (uint32_t)-status);
}

/* ---- the thread ---- */

static void *run(void *arg) {
    struct tram__loop *l = arg;
    char name[32];
    int status;
    snprintf(name, sizeof name, "graph %llu", (unsigned long long)l->participant.plan->graph);
    if (tram__probe_thread(name))
        tram__probe_note("untraced", "%s, %s: %s", l->serve->name, name, tram_last_error()->text);
    tram__trace_begin(&l->tracer, l->n);
    do
        status = tram__loop_run(l, -1);
    while (!status);
    if (status != TRAM_ERR_TORN_DOWN)
        tram__loop_give_up(l, status);
    tram__probe_thread_end();
    tram__store32_release(&l->finished, 1);
    tram__serve_ring(l->serve);
    return NULL;
}

int tram__loop_start(struct tram__loop *l) {
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS};
    sigset_t all, before;
    sigfillset(&all);
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
        sigdelset(&all, faults[i]);              /* a method's own faults reach the program's handlers */
    pthread_sigmask(SIG_SETMASK, &all, &before); /* all else stays with the main thread */
    int error = pthread_create(&l->thread, NULL, run, l);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error)
        return tram__fail(TRAM_ERR_SYSTEM, "starting a graph's thread: %s", strerror(error));
    pthread_setname_np(l->thread, "tram-graph");
    cpu_set_t set;
    CPU_ZERO(&set);
    if (l->participant.plan->cpu && l->participant.plan->cpu <= CPU_SETSIZE) {
        CPU_SET(l->participant.plan->cpu - 1, &set);
        pthread_setaffinity_np(l->thread, sizeof set, &set); /* it runs elsewhere if that cannot be */
    }
    l->started = true;
    return TRAM_OK;
}

void tram__loop_stop(struct tram__loop *l) {
    tram__store32_release(&l->control, 1);
    tram__futex_wake(&l->control);
}

void tram__loop_halt(struct tram__loop *l) {
    if (l->halted)
        return;
    if (l->started && !l->on_main)
        pthread_join(l->thread, NULL);
    tram__call_stream_close(l->stream);
    tram__edges_leave(&l->participant);
    l->stream = NULL;
    l->halted = l->over = true;
}
