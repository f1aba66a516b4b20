/* SPDX-License-Identifier: Apache-2.0
 *
 * Execution n, for each operation in order: READ waits for message n of a channel; COMPUTE waits for a free
 * slot, runs the method with its result in place, and gives back the messages used for the last time; WRITE
 * publishes the result. One seq_cst fence follows both the acks and the publication, then whoever sleeps is
 * woken.
 */
#include "exec/loop.h"

#include "base/copy.h"
#include "base/error.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct arg {
    const struct tram__message *message; /* of a reader or of an earlier task; stays where it is */
};

struct tram__loop_task {
    struct tram_call call; /* first: room() gets here from it */
    struct tram__loop *loop;
    tram_method_fn *fn;
    uint32_t node;
    uint64_t capacity;
    struct tram__writer *writer; /* NULL: the result stays here */
    unsigned char *local;        /* then in this */
    uint32_t slot;               /* of the execution under way */
    struct arg *args;
    struct tram_bytes *bytes;
    struct tram__reader **releases;
    uint32_t release_count;
    struct tram__message result;
};

static void *room(struct tram_call *c, uint64_t size) {
    struct tram__loop_task *t = (struct tram__loop_task *)c;
    if (size > t->capacity)
        return NULL;
    return t->writer ? t->writer->ops->room(t->writer, t->slot, size) : t->local;
}

/* ---- one operation ---- */

/* The result is a failure, of this task or of one it depends on: its text travels in place of a payload. */
static void set_failure(struct tram__loop_task *t, int32_t code, uint32_t node, const void *text,
                        uint64_t size) {
    if (size > TRAM__FAILURE_TEXT)
        size = TRAM__FAILURE_TEXT;
    void *to = t->writer ? t->writer->ops->room(t->writer, t->slot, size) : t->local;
    memcpy(to, text, size);
    t->result = (struct tram__message){.data = to, .size = size, .status = code, .origin = node};
}

/* The result is argument `from`: passed on by reference when it lies in an extent, else copied. */
static void set_forward(struct tram__loop_task *t, const struct tram__message *from) {
    struct tram_call *c = &t->call;
    if (from->size > t->capacity) {
        tram_fail(c, TRAM_ERR_TOO_LARGE, "a forward of %llu bytes exceeds the limit of %llu",
                  (unsigned long long)from->size, (unsigned long long)t->capacity);
        set_failure(t, c->code, t->node, c->text, strlen(c->text));
        return;
    }
    if (from->forward) {
        t->result = (struct tram__message){.data = from->data, .size = from->size, .forward = from->forward};
        return;
    }
    void *to = room(c, from->size);
    tram__copy(to, from->data, from->size);
    c->copies++;
    c->copied_bytes += from->size;
    t->result = (struct tram__message){.data = to, .size = from->size};
}

static void run_method(struct tram__loop_task *t, void *self) {
    struct tram_call *c = &t->call;
    tram__call_reset(c);
    int code = tram__call_run(c, t->fn, self);
    if (__builtin_expect(code, 0))
        set_failure(t, code, t->node, c->text, strlen(c->text));
    else if (c->forward)
        set_forward(t, t->args[c->forward - 1].message);
    else
        t->result = (struct tram__message){.data = c->result, .size = c->result_size};
    if (c->copies) {
        struct tram__region_head *head = t->loop->participant.head;
        tram__count(&head->copies, c->copies);
        tram__count(&head->copied_bytes, c->copied_bytes);
        c->copies = c->copied_bytes = 0;
    }
}

static void wake_writers(struct tram__loop_task *t) {
    for (uint32_t i = 0; i < t->release_count; i++)
        t->releases[i]->ops->wake_writers(t->releases[i]);
}

static int compute(struct tram__loop *l, struct tram__loop_task *t, uint64_t n, uint32_t slot) {
    if (t->writer) {
        int status = t->writer->ops->loan(t->writer, n, slot, -1);
        if (status)
            return status;
    }
    t->slot = slot;
    const struct tram__message *bad = NULL;
    for (uint32_t i = 0; i < t->call.arg_count; i++) {
        const struct tram__message *m = t->args[i].message;
        t->bytes[i] = (struct tram_bytes){m->data, m->size};
        if (__builtin_expect(m->status, 0) && !bad)
            bad = m;
    }
    if (__builtin_expect(bad != NULL, 0))
        set_failure(t, bad->status, bad->origin, bad->data, bad->size);
    else
        run_method(t, l->serve->self);
    for (uint32_t i = 0; i < t->release_count; i++)
        t->releases[i]->ops->release(t->releases[i], n);
    if (!t->writer && t->release_count) {
        tram__fence_seq_cst(); /* F2 of base/wait.c */
        wake_writers(t);
    }
    return TRAM_OK;
}

static void publish(struct tram__loop_task *t, uint64_t n, uint32_t slot) {
    t->writer->ops->publish(t->writer, n, slot, &t->result);
    tram__fence_seq_cst(); /* F2 of base/wait.c, for the message and for the acks before it */
    t->writer->ops->wake_readers(t->writer, slot);
    wake_writers(t);
}

/* ---- the thread ---- */

/* An operation with its operand found. */
struct step {
    enum tram__op_kind kind;
    uint32_t reader;              /* READ */
    struct tram__loop_task *task; /* COMPUTE, WRITE */
};

static int run_steps(struct tram__loop *l, const struct step *steps, size_t count, uint64_t n,
                     uint32_t slot) {
    struct tram__participant *p = &l->participant;
    for (size_t i = 0; i < count; i++) {
        const struct step *s = &steps[i];
        int status = TRAM_OK;
        switch (s->kind) {
        case TRAM__OP_READ: {
            struct tram__reader *r = &p->readers[s->reader];
            status = r->ops->read(r, n, slot, -1, &l->messages[s->reader]);
            break;
        }
        case TRAM__OP_COMPUTE:
            status = compute(l, s->task, n, slot);
            break;
        case TRAM__OP_WRITE:
            publish(s->task, n, slot);
            break;
        }
        if (__builtin_expect(status, 0))
            return status;
    }
    return TRAM_OK;
}

static struct tram__loop_task *task_of_channel(struct tram__loop *l, uint32_t channel) {
    for (size_t i = 0; i < l->participant.plan->n_tasks; i++)
        if (l->tasks[i].writer && l->tasks[i].writer->id == channel)
            return &l->tasks[i];
    return NULL;
}

static struct step *find_steps(struct tram__loop *l) {
    const Tram__Wire__Prepare *plan = l->participant.plan;
    struct step *steps = calloc(plan->n_ops + 1, sizeof *steps);
    for (size_t i = 0; steps && i < plan->n_ops; i++) {
        const Tram__Wire__Op *op = plan->ops[i];
        steps[i].kind = (enum tram__op_kind)op->kind;
        if (op->kind == TRAM__OP_READ) {
            struct tram__reader *r = tram__participant_reader(&l->participant, op->index);
            steps[i].reader = r ? (uint32_t)(r - l->participant.readers) : 0;
        } else if (op->kind == TRAM__OP_COMPUTE) {
            steps[i].task = &l->tasks[op->index];
        } else {
            steps[i].task = task_of_channel(l, op->index);
        }
    }
    return steps;
}

static void *run(void *arg) {
    struct tram__loop *l = arg;
    struct tram__participant *p = &l->participant;
    size_t count = p->plan->n_ops;
    uint32_t slots = p->plan->slots, slot = 0;
    struct step *steps = find_steps(l);
    int status = steps ? TRAM_OK : TRAM_ERR_NO_MEMORY;
    for (uint64_t n = 1; !status; n++) {
        if (++slot == slots)
            slot = 0; /* n mod slots */
        status = run_steps(l, steps, count, n, slot);
        if (!status)
            tram__store_relaxed(&p->head->done, n);
    }
    if (status != TRAM_ERR_TORN_DOWN) {
        fprintf(stderr, "tramline: actor %s stopped its graph: %s\n", l->serve->name,
                tram_last_error()->text);
        tram__store32_release(&p->head->stopped, (uint32_t)-status);
    }
    free(steps);
    tram__store32_release(&l->finished, 1);
    tram__serve_ring(l->serve);
    return NULL;
}

/* The waiter's question: deaths elsewhere are the driver's business, a stop is ours. */
static int interrupted(void *arg) {
    struct tram__loop *l = arg;
    return tram__load32_acquire(&l->control) ? TRAM_ERR_TORN_DOWN : TRAM_OK;
}

/* ---- opening and closing ---- */

static int bad_plan(const char *what) {
    return tram__fail(TRAM_ERR_PROTOCOL, "a plan with %s", what);
}

static int prepare_args(struct tram__loop *l, struct tram__loop_task *t, const Tram__Wire__Task *plan) {
    size_t count = plan->n_arguments;
    t->args = calloc(count + 1, sizeof *t->args);
    t->bytes = calloc(count + 1, sizeof *t->bytes);
    if (!t->args || !t->bytes)
        return tram__fail(TRAM_ERR_NO_MEMORY, "a task of %zu arguments", count);
    for (size_t k = 0; k < count; k++) {
        const Tram__Wire__Source *s = plan->arguments[k];
        struct tram__reader *r = tram__participant_reader(&l->participant, s->index);
        if (s->kind == TRAM__FROM_TASK && s->index < (size_t)(t - l->tasks))
            t->args[k].message = &l->tasks[s->index].result;
        else if (s->kind == TRAM__FROM_CHANNEL && r)
            t->args[k].message = &l->messages[r - l->participant.readers];
        else
            return bad_plan("an argument from nowhere");
    }
    t->call.args = t->bytes;
    t->call.arg_count = (uint32_t)count;
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
    t->capacity = plan->capacity;
    t->call.room = room;
    t->call.limit = plan->capacity;
    t->call.may_forward = m->forwards;
    if (plan->channel >= 0) {
        t->writer = tram__participant_writer(&l->participant, (uint32_t)plan->channel);
        if (!t->writer)
            return bad_plan("a result that goes nowhere");
    } else {
        uint64_t bytes = tram__layout_local(plan->capacity);
        t->local = calloc(1, bytes); /* calloc and a write: resident before the first execution */
        if (!t->local)
            return tram__fail(TRAM_ERR_NO_MEMORY, "%llu bytes for the result of %s",
                              (unsigned long long)bytes, plan->method);
        memset(t->local, 0, bytes);
    }
    t->releases = calloc(plan->n_releases + 1, sizeof *t->releases);
    if (!t->releases)
        return tram__fail(TRAM_ERR_NO_MEMORY, "a task");
    for (size_t i = 0; i < plan->n_releases; i++) {
        struct tram__reader *r = tram__participant_reader(&l->participant, plan->releases[i]);
        if (!r)
            return bad_plan("a release of a channel that is not read");
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
    if (!l->messages || !l->tasks)
        return tram__fail(TRAM_ERR_NO_MEMORY, "%zu tasks", plan->n_tasks);
    for (size_t i = 0; i < plan->n_tasks; i++) {
        int status = prepare_task(l, &l->tasks[i], plan->tasks[i]);
        if (status)
            return status;
    }
    struct tram__waiter *w = &l->participant.waiter;
    w->plan = tram__wait_plan((enum tram_wait)plan->wait, plan->threads, plan->cpus, plan->block_ns);
    w->epoch = &l->serve->roster->epoch;
    w->epoch_seen = tram__load32_acquire(w->epoch);
    w->control = &l->control;
    w->interrupted = interrupted;
    w->arg = l;
    return check_ops(l);
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
    l->started = true;
    return TRAM_OK;
}

void tram__loop_stop(struct tram__loop *l) {
    tram__store32_release(&l->control, 1);
    tram__futex_wake(&l->control);
}

void tram__loop_close(struct tram__loop *l) {
    if (l->started)
        pthread_join(l->thread, NULL);
    for (size_t i = 0; l->tasks && i < l->participant.plan->n_tasks; i++) {
        free(l->tasks[i].local);
        free(l->tasks[i].args);
        free(l->tasks[i].bytes);
        free(l->tasks[i].releases);
    }
    free(l->tasks);
    free(l->messages);
    tram__participant_close(&l->participant);
}
