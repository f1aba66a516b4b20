/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening and closing a loop: its tasks and steps from the plan, everything that an execution will need allocated.
 */
#include "exec/loop_task.h"

#include "base/error.h"
#include "exec/pin.h"

#include <stdlib.h>
#include <string.h>

/* The waiter's question: a stop is ours; deaths elsewhere are the driver's business, and watched for by nobody here. */
static int interrupted(void *arg) {
    struct tram__loop *l = arg;
    return tram__load32_acquire(&l->control) ? TRAM_ERR_TORN_DOWN : TRAM_OK;
}

static int bad_plan(const char *what) {
    return tram__fail(TRAM_ERR_PROTOCOL, "a plan with %s", what);
}

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
    t->arg_results = calloc(count + 1, sizeof(struct tram__loop_result *));
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
        struct tram__loop_result *r = &t->results[i];
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
    t->call.room = tram__loop_room;
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
        l->stream->interrupted = tram__loop_cut_off;
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
