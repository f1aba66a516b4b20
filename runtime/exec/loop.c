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
#include "exec/edge.h"
#include "exec/pin.h"
#include "probe/gpu.h"
#include "probe/watch.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct arg {
    const struct tram__message *message; /* of a reader or of an earlier task; stays where it is */
};

/* One result of a task. */
struct result {
    struct tram__writer *writer; /* NULL: it stays here */
    unsigned char *local;        /* then in this */
    uint64_t capacity;
    struct tram__message message; /* of the execution under way */
    struct tram__edge *edge;      /* on which its elements stay on the device; NULL: in the message */
    struct tram__slot_view slot;
};

struct tram__loop_task {
    struct tram_call call; /* first: room() gets here from it */
    struct tram__loop *loop;
    tram_method_fn *fn;
    uint32_t node;
    struct result *results;
    uint32_t slot; /* of the execution under way */
    struct arg *args;
    struct tram_bytes *bytes;
    uint8_t *targets;                 /* by argument: enum tram_where of a tensor */
    uint8_t *bounces;                 /* by argument: it goes to the device by way of pinned memory */
    struct tram_tensor_hint *tensors; /* by result: what it has to be, if anything */
    struct tram__item *items;         /* NULL: the arguments are in a row */
    /* Of edges on the device, all NULL when the task has to do with none: by argument, and by release. */
    struct tram__edge **arg_edges, **release_edges;
    const struct result *
        *arg_results; /* by argument: the result on such an edge that an earlier task here made */
    struct tram__slot_view *arg_slots;
    bool on_device, ran;
    struct tram__reader **releases;
    uint32_t release_count;
    uint32_t writes; /* results that other participants read */
};

static void *result_room(struct tram__loop_task *t, struct result *r, uint64_t size) {
    return r->writer ? r->writer->ops->room(r->writer, t->slot, size) : r->local;
}

static void *room(struct tram_call *c, uint32_t result, uint64_t size) {
    struct tram__loop_task *t = (struct tram__loop_task *)c;
    return result_room(t, &t->results[result], size);
}

/* The waiter's question: a stop is ours; deaths elsewhere are the driver's business, and watched for by nobody here. */
static int interrupted(void *arg) {
    struct tram__loop *l = arg;
    return tram__load32_acquire(&l->control) ? TRAM_ERR_TORN_DOWN : TRAM_OK;
}

/* The same of a wait for the device, which may be for what a dead peer gave to it: the graph is lost then in any case. */
static int device_interrupted(void *arg) {
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
        struct result *r = &t->results[i];
        void *to = result_room(t, r, size);
        memcpy(to, text, size);
        r->message = (struct tram__message){.data = to, .size = size, .status = code, .origin = node};
    }
}

/* The result is argument `from`: passed on by reference when it lies in an extent, else copied. */
static void set_forward(struct tram__loop_task *t, struct result *r, const struct tram__message *from) {
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
    if (__builtin_expect(l->stream != NULL, 0) && device_interrupted(l))
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
        const struct result *r = &t->results[i];
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

static int bad_plan(const char *what) {
    return tram__fail(TRAM_ERR_PROTOCOL, "a plan with %s", what);
}

/* An operation with its operand found. Until it has gone through, it has done nothing that others see: it can be tried
 * again from its beginning. */
struct tram__loop_step {
    enum tram__op_kind kind;
    uint32_t reader;              /* READ */
    struct tram__loop_task *task; /* COMPUTE, with its WRITEs */
    struct tram__writer *token;   /* WRITE of a token */
};

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

/* True when the channel takes a result of the task: its WRITE is part of the COMPUTE. */
static bool takes_result(const struct tram__loop_task *t, uint32_t channel) {
    for (uint32_t k = 0; t && k < t->call.result_count; k++)
        if (t->results[k].writer && t->results[k].writer->id == channel)
            return true;
    return false;
}

static int find_steps(struct tram__loop *l) {
    const Tram__Wire__Prepare *plan = l->participant.plan;
    const struct tram__loop_task *last = NULL; /* computed */
    l->steps = calloc(plan->n_ops + 1, sizeof *l->steps);
    if (!l->steps)
        return tram__fail(TRAM_ERR_NO_MEMORY, "%zu steps", plan->n_ops);
    for (size_t i = 0; i < plan->n_ops; i++) {
        const Tram__Wire__Op *op = plan->ops[i];
        struct tram__loop_step step = {.kind = (enum tram__op_kind)op->kind};
        if (op->kind == TRAM__OP_READ)
            step.reader =
                (uint32_t)(tram__participant_reader(&l->participant, op->index) - l->participant.readers);
        else if (op->kind == TRAM__OP_COMPUTE)
            last = step.task = &l->tasks[op->index];
        else if (takes_result(last, op->index))
            continue;
        else
            step.token = tram__participant_writer(&l->participant, op->index);
        l->steps[l->step_count++] = step;
    }
    l->n = 1;
    l->slot = 1 % plan->slots;
    return l->step_count ? TRAM_OK : bad_plan("nothing to do");
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

/* ---- opening and closing ---- */

/* Room on the device for an announced argument that is not used where it lies, and on the way there. */
static int reserve_arg(struct tram__loop *l, struct tram__loop_task *t, uint32_t k,
                       const Tram__Wire__Source *s) {
    struct tram__participant *p = &l->participant;
    bool in_place = t->arg_results[k] || (t->arg_edges[k] && !t->arg_edges[k]->copied);
    if (l->stream && in_place && s->target == TRAM_ON_CPU)
        return tram__call_reserve_host(l->stream, k, s->tensor_bytes);
    if (!l->stream || !s->tensor_bytes || s->target == TRAM_ON_CPU || in_place)
        return TRAM_OK;
    const Tram__Wire__Channel *c =
        s->kind == TRAM__FROM_CHANNEL ? tram__participant_channel(p, s->index) : NULL;
    if (c && c->pinned && c->copied) {
        t->bounces[k] = tram__call_reserve_bounce(l->stream, k, s->tensor_bytes) == TRAM_OK;
        if (!t->bounces[k])
            tram__pin_failed(p, c->id);
    }
    return tram__call_reserve_arg(l->stream, k, s->tensor_bytes);
}

static int prepare_args(struct tram__loop *l, struct tram__loop_task *t, const Tram__Wire__Task *plan) {
    size_t count = plan->n_arguments;
    t->args = calloc(count + 1, sizeof *t->args);
    t->bytes = calloc(count + 1, sizeof *t->bytes);
    t->targets = calloc(count + 1, sizeof *t->targets);
    t->bounces = calloc(count + 1, sizeof *t->bounces);
    t->arg_edges = calloc(count + 1, sizeof(struct tram__edge *));
    t->arg_results = calloc(count + 1, sizeof(struct result *));
    t->arg_slots = calloc(count + 1, sizeof *t->arg_slots);
    if (!t->args || !t->bytes || !t->targets || !t->bounces || !t->arg_edges || !t->arg_results ||
        !t->arg_slots)
        return tram__fail(TRAM_ERR_NO_MEMORY, "a task of %zu arguments", count);
    for (size_t k = 0; k < count; k++) {
        const Tram__Wire__Source *s = plan->arguments[k];
        struct tram__reader *r = tram__participant_reader(&l->participant, s->index);
        if (s->kind == TRAM__FROM_TASK && s->index < (size_t)(t - l->tasks) &&
            s->result < l->tasks[s->index].call.result_count)
            t->args[k].message = &l->tasks[s->index].results[s->result].message;
        else if (s->kind == TRAM__FROM_CONSTANT && s->index < l->participant.plan->n_constants)
            t->args[k].message = &l->constants[s->index];
        else if (s->kind == TRAM__FROM_CHANNEL && r)
            t->args[k].message = &l->messages[r - l->participant.readers];
        else
            return bad_plan("an argument from nowhere");
        t->targets[k] = (uint8_t)s->target;
        t->arg_edges[k] = s->kind == TRAM__FROM_CHANNEL ? tram__edge_find(&l->participant, s->index) : NULL;
        if (s->kind == TRAM__FROM_TASK && l->tasks[s->index].results[s->result].edge)
            t->arg_results[k] = &l->tasks[s->index].results[s->result];
        t->on_device |= t->arg_edges[k] || t->arg_results[k];
        int status = reserve_arg(l, t, (uint32_t)k, s);
        if (status)
            return status;
        if (!l->stream && s->target == TRAM_ON_DEVICE)
            return tram__fail(TRAM_ERR_INVALID,
                              "argument %zu of %s is a tensor for a device, and the actor has none", k,
                              plan->method);
    }
    t->call.targets = t->targets;
    t->call.bounces = t->bounces;
    t->call.arg_slots = t->arg_slots;
    t->call.args = t->bytes;
    t->call.arg_count = (uint32_t)count;
    if (!plan->n_shape)
        return TRAM_OK;
    t->items = tram__call_items(plan->shape, plan->n_shape, (uint32_t)count, &t->call.item_count);
    t->call.items = t->items;
    return t->items ? TRAM_OK : bad_plan("lists that do not fit its arguments");
}

/* Written: resident before the first execution. */
static unsigned char *resident(uint64_t bytes) {
    unsigned char *p = aligned_alloc(64, tram__layout_padded(bytes));
    if (p)
        memset(p, 0, bytes);
    return p;
}

/* The result has to be this tensor: there is room for it on the device, should it be made there. */
static int announce(struct tram__loop *l, struct tram__loop_task *t, uint32_t i,
                    const Tram__Wire__Tensor *m) {
    if (m->n_shape > TRAM_MAX_RANK || m->n_strides > TRAM_MAX_RANK)
        return bad_plan("a tensor that makes no sense");
    tram__tensor_unpack(m, &t->tensors[i]);
    t->call.results[i].tensor = &t->tensors[i];
    t->call.announced = true;
    if (t->results[i].edge || t->tensors[i].transport == TRAM_TRANSPORT_SHM)
        return TRAM_OK;
    return l->stream ? tram__call_reserve_result(l->stream, i, tram_tensor_bytes(&t->tensors[i].tensor))
                     : TRAM_OK;
}

static int prepare_results(struct tram__loop *l, struct tram__loop_task *t, const Tram__Wire__Task *plan) {
    t->results = calloc(plan->n_results + 1, sizeof *t->results);
    t->call.results = calloc(plan->n_results + 1, sizeof *t->call.results);
    t->tensors = calloc(plan->n_results + 1, sizeof *t->tensors);
    if (!t->results || !t->call.results || !t->tensors)
        return tram__fail(TRAM_ERR_NO_MEMORY, "a task of %zu results", plan->n_results);
    for (size_t i = 0; i < plan->n_results; i++) {
        struct result *r = &t->results[i];
        r->capacity = t->call.results[i].limit = plan->results[i]->capacity;
        t->call.result_count = (uint32_t)i + 1;
        if (plan->results[i]->channel >= 0)
            r->edge = tram__edge_find(&l->participant, (uint32_t)plan->results[i]->channel);
        t->on_device |= r->edge != NULL;
        t->call.results[i].slot = r->edge ? &r->slot : NULL;
        int status =
            plan->results[i]->tensor ? announce(l, t, (uint32_t)i, plan->results[i]->tensor) : TRAM_OK;
        if (status)
            return status;
        if (plan->results[i]->channel >= 0) {
            r->writer = tram__participant_writer(&l->participant, (uint32_t)plan->results[i]->channel);
            t->writes++;
            if (!r->writer)
                return bad_plan("a result that goes nowhere");
            continue;
        }
        uint64_t bytes = tram__layout_local(r->capacity);
        r->local = resident(bytes);
        if (!r->local)
            return tram__fail(TRAM_ERR_NO_MEMORY, "%llu bytes for the result of %s",
                              (unsigned long long)bytes, plan->method);
    }
    return TRAM_OK;
}

static int prepare_task(struct tram__loop *l, struct tram__loop_task *t, const Tram__Wire__Task *plan) {
    const struct tram_method *m = tram__method_find(l->serve->class, plan->method);
    if (!m)
        return tram__fail(TRAM_ERR_NOT_FOUND, "class %s has no method '%s'", l->serve->class->name,
                          plan->method);
    t->loop = l;
    t->fn = m->fn;
    t->node = plan->node;
    t->call.room = room;
    t->call.may_forward = m->forwards;
    t->call.stream = l->stream;
    int status = prepare_results(l, t, plan);
    if (status)
        return status;
    t->releases = calloc(plan->n_releases + 1, sizeof *t->releases);
    t->release_edges = calloc(plan->n_releases + 1, sizeof(struct tram__edge *));
    if (!t->releases || !t->release_edges)
        return tram__fail(TRAM_ERR_NO_MEMORY, "a task");
    for (size_t i = 0; i < plan->n_releases; i++) {
        struct tram__reader *r = tram__participant_reader(&l->participant, plan->releases[i]);
        if (!r)
            return bad_plan("a release of a channel that is not read");
        t->release_edges[t->release_count] = tram__edge_find(&l->participant, plan->releases[i]);
        t->on_device |= t->release_edges[t->release_count] != NULL;
        t->releases[t->release_count++] = r;
    }
    return prepare_args(l, t, plan);
}

static int check_ops(const struct tram__loop *l) {
    const Tram__Wire__Prepare *plan = l->participant.plan;
    for (size_t i = 0; i < plan->n_ops; i++) {
        const Tram__Wire__Op *op = plan->ops[i];
        bool ok = op->kind == TRAM__OP_READ ? tram__participant_reader(&l->participant, op->index) != NULL
                  : op->kind == TRAM__OP_COMPUTE ? op->index < plan->n_tasks
                  : op->kind == TRAM__OP_WRITE ? tram__participant_writer(&l->participant, op->index) != NULL
                                               : false;
        if (!ok)
            return bad_plan("an operation on nothing");
    }
    return TRAM_OK;
}

int tram__loop_prepare(struct tram__loop *l) {
    const Tram__Wire__Prepare *plan = l->participant.plan;
    l->messages = calloc(l->participant.reader_count + 1, sizeof *l->messages);
    l->tasks = calloc(plan->n_tasks + 1, sizeof *l->tasks);
    l->constants = calloc(plan->n_constants + 1, sizeof *l->constants);
    if (!l->messages || !l->tasks || !l->constants)
        return tram__fail(TRAM_ERR_NO_MEMORY, "%zu tasks", plan->n_tasks);
    if (l->serve->device) {
        int opened = tram__call_stream_open(l->serve->device, &l->stream);
        if (opened)
            return opened;
        l->stream->interrupted = device_interrupted;
        l->stream->arg = l;
    }
    int status = tram__pins_map(&l->participant);
    if (status)
        return status;
    uint64_t used = 0;
    for (size_t i = 0; i < plan->n_constants; i++) {
        if (used > l->constant_bytes || plan->constants[i] > l->constant_bytes - used)
            return bad_plan("constants that are not there");
        l->constants[i] = (struct tram__message){.data = l->constant_data + used, .size = plan->constants[i]};
        used += tram__layout_padded(plan->constants[i]);
    }
    for (size_t i = 0; i < plan->n_tasks; i++)
        if ((status = prepare_task(l, &l->tasks[i], plan->tasks[i])))
            return status;
    struct tram__waiter *w = &l->participant.waiter;
    w->plan = tram__wait_plan((enum tram_wait)plan->wait, plan->threads, plan->cpus, plan->block_ns);
    w->control = &l->control;
    w->interrupted = interrupted;
    w->arg = l;
    w->on_sleep = tram__trace_sleep;
    l->on_main = plan->on_main;
    l->tracer.graph = (uint32_t)plan->graph;
    if ((status = check_ops(l)) || (status = find_steps(l)) ||
        (status = tram__trace_open(&l->tracer, &l->participant, l->serve->name)))
        return status;
    tram__trace_begin(&l->tracer, l->n); /* a thread of its own begins again, once it has its ring */
    return TRAM_OK;
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

void tram__loop_close(struct tram__loop *l) {
    tram__loop_halt(l);
    for (size_t i = 0; l->tasks && i < l->participant.plan->n_tasks; i++) {
        for (uint32_t k = 0; k < l->tasks[i].call.result_count; k++)
            free(l->tasks[i].results[k].local);
        free(l->tasks[i].results);
        free(l->tasks[i].call.results);
        free(l->tasks[i].items);
        free(l->tasks[i].targets);
        free(l->tasks[i].bounces);
        free(l->tasks[i].arg_edges);
        free(l->tasks[i].arg_results);
        free(l->tasks[i].arg_slots);
        free(l->tasks[i].release_edges);
        free(l->tasks[i].tensors);
        free(l->tasks[i].args);
        free(l->tasks[i].bytes);
        free(l->tasks[i].releases);
    }
    free(l->steps);
    free(l->tasks);
    free(l->messages);
    free(l->constants);
    free(l->constant_data);
    tram__trace_close(&l->tracer);
    tram__participant_close(&l->participant);
}
