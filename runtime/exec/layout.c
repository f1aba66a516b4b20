/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/layout.h"

#include "actor/tensor.h"
#include "base/error.h"
#include "probe/sink.h"

#include <stdlib.h>
#include <string.h>

enum { PAGE = 4096, SPARE_SLOTS = 256, SPARE_BYTES = 1024 * 1024 };

uint32_t tram__layout_slots(const struct tram__schedule *s, uint32_t inflight) {
    uint64_t largest = TRAM__LINE;
    for (uint32_t c = 0; c < s->channel_count; c++) {
        uint64_t bytes = s->channels[c].capacity + s->channels[c].device_bytes;
        if (bytes > largest)
            largest = (bytes + PAGE - 1) / PAGE * PAGE;
    }
    uint64_t spare = SPARE_BYTES / largest / (s->channel_count ? s->channel_count : 1);
    if (spare > SPARE_SLOTS)
        spare = SPARE_SLOTS;
    return inflight > spare ? inflight : (uint32_t)spare;
}

static int no_memory(void) {
    return tram__fail(TRAM_ERR_NO_MEMORY, "the layout of a graph");
}

/* What an actor holds privately for the results of one task. */
static uint64_t local_bytes(const struct tram__task_plan *t) {
    uint64_t bytes = 0;
    for (uint32_t k = 0; k < t->result_count; k++)
        bytes += t->results[k].channel < 0 ? tram__layout_local(t->results[k].capacity) : 0;
    return bytes;
}

int tram__layout_create(const struct tram__schedule *s, const struct tram__channel_ops *ops, uint32_t slots,
                        struct tram__layout *out) {
    struct tram__layout l = {.schedule = s, .slots = slots};
    l.bytes = calloc(s->participant_count, sizeof *l.bytes);
    l.channels = calloc(s->channel_count, sizeof *l.channels);
    struct tram__channel_need *needs = calloc(s->channel_count, sizeof *needs);
    if (!l.bytes || !l.channels || !needs)
        goto err;
    for (uint32_t p = 0; p < s->participant_count; p++)
        l.bytes[p] = sizeof(struct tram__region_head);
    for (uint32_t c = 0; c < s->channel_count; c++) { /* lines */
        const struct tram__channel_plan *plan = &s->channels[c];
        struct tram__channel_shape shape = {plan->capacity, slots};
        ops->measure(&shape, &needs[c]);
        l.channels[c].acks = calloc(plan->reader_count, sizeof *l.channels[c].acks);
        if (!l.channels[c].acks)
            goto err;
        l.channels[c].lines = l.bytes[plan->writer];
        l.bytes[plan->writer] += needs[c].writer_lines;
        for (uint32_t i = 0; i < plan->reader_count; i++) {
            l.channels[c].acks[i] = l.bytes[plan->readers[i]];
            l.bytes[plan->readers[i]] += needs[c].reader_lines;
        }
    }
    for (uint32_t p = 0; p < s->participant_count; p++)
        l.bytes[p] = (l.bytes[p] + PAGE - 1) / PAGE * PAGE;
    for (uint32_t c = 0; c < s->channel_count; c++) { /* extents */
        l.channels[c].extent = l.bytes[s->channels[c].writer];
        l.bytes[s->channels[c].writer] += needs[c].writer_extent;
    }
    for (uint32_t p = 0; p < s->participant_count; p++) {
        l.total += l.bytes[p];
        for (uint32_t i = 0; i < s->participants[p].task_count; i++)
            l.local += local_bytes(&s->participants[p].tasks[i]);
    }
    free(needs);
    *out = l;
    return TRAM_OK;
err:
    free(needs);
    tram__layout_destroy(&l);
    return no_memory();
}

void tram__layout_destroy(struct tram__layout *l) {
    for (uint32_t c = 0; l->channels && c < l->schedule->channel_count; c++)
        free(l->channels[c].acks);
    free(l->channels);
    free(l->bytes);
    *l = (struct tram__layout){0};
}

/* ---- the plan of one participant ---- */

static void *copy_of(const void *from, size_t bytes) {
    void *p = malloc(bytes ? bytes : 1);
    if (p && bytes)
        memcpy(p, from, bytes);
    return p;
}

static bool involves(const struct tram__channel_plan *c, uint32_t participant) {
    return c->writer == participant || tram__channel_reads(c, participant);
}

/* Marks the channels that `self` must know: its own, those that may carry the payloads it writes (their
 * readers' acks bound its window), and those whose payloads may reach it by reference. */
static void mark_channels(const struct tram__schedule *s, uint32_t self, bool *wanted) {
    for (uint32_t c = 0; c < s->channel_count; c++) {
        const struct tram__channel_plan *plan = &s->channels[c];
        if (involves(plan, self))
            wanted[c] = true;
        for (uint32_t i = 0; i < plan->carrier_count; i++) {
            uint32_t carrier = plan->carriers[i];
            if (plan->writer == self)
                wanted[carrier] = true;
            if (involves(&s->channels[carrier], self))
                wanted[c] = true;
        }
    }
}

static Tram__Wire__Channel *plan_channel(const struct tram__layout *l, uint32_t id, uint32_t self) {
    const struct tram__channel_plan *plan = &l->schedule->channels[id];
    Tram__Wire__Channel *m = malloc(sizeof *m);
    if (!m)
        return NULL;
    tram__wire__channel__init(m);
    m->id = id;
    m->writer = plan->writer;
    m->capacity = plan->capacity;
    m->device_bytes = plan->device_bytes;
    m->pinned = tram__channel_pinned(l->schedule, plan, self);
    m->copied = tram__channel_reads(plan, self) && tram__channel_copied(l->schedule, plan, self);
    if (plan->transport == TRAM_TRANSPORT_CUSTOM)
        m->custom = strdup(l->schedule->graph->nodes[plan->node].tensor->custom);
    if (tram__probe_sink) {
        char name[200];
        tram__schedule_channel_name(l->schedule, id, name, sizeof name);
        m->name = strdup(name);
    }
    m->lines = l->channels[id].lines;
    m->extent = l->channels[id].extent;
    m->n_readers = m->n_acks = plan->reader_count;
    m->readers = copy_of(plan->readers, plan->reader_count * sizeof *m->readers);
    m->acks = copy_of(l->channels[id].acks, plan->reader_count * sizeof *m->acks);
    m->n_carriers = plan->carrier_count;
    m->carriers = copy_of(plan->carriers, plan->carrier_count * sizeof *m->carriers);
    return m->readers && m->acks && m->carriers && m->custom && m->name ? m : NULL;
}

static bool plan_channels(const struct tram__layout *l, uint32_t self, Tram__Wire__Prepare *m, bool *peers) {
    const struct tram__schedule *s = l->schedule;
    bool *wanted = calloc(s->channel_count, sizeof *wanted);
    m->channels = calloc(s->channel_count, sizeof(void *));
    bool ok = wanted && m->channels;
    if (ok)
        mark_channels(s, self, wanted);
    for (uint32_t c = 0; ok && c < s->channel_count; c++) {
        if (!wanted[c])
            continue;
        Tram__Wire__Channel *channel = plan_channel(l, c, self);
        ok = channel != NULL;
        if (!ok)
            break;
        m->channels[m->n_channels++] = channel;
        peers[s->channels[c].writer] = true;
        for (uint32_t i = 0; i < s->channels[c].reader_count; i++)
            peers[s->channels[c].readers[i]] = true;
    }
    free(wanted);
    return ok;
}

static bool plan_peers(const struct tram__layout *l, Tram__Wire__Prepare *m, const bool *peers) {
    m->participants = calloc(l->schedule->participant_count, sizeof(void *));
    for (uint32_t p = 0; m->participants && p < l->schedule->participant_count; p++) {
        if (!peers[p])
            continue;
        Tram__Wire__Participant *one = malloc(sizeof *one);
        if (!one)
            return false;
        tram__wire__participant__init(one);
        one->id = p;
        one->bytes = l->bytes[p];
        one->actor =
            p ? 1 + l->schedule->graph->nodes[l->schedule->participants[p].tasks[0].node].actor_index : 0;
        m->participants[m->n_participants++] = one;
    }
    return m->participants != NULL;
}

static Tram__Wire__Tensor *plan_tensor(const struct tram_tensor_hint *h) {
    Tram__Wire__Tensor *m = malloc(sizeof *m);
    if (!m)
        return NULL;
    tram__tensor_pack(h, m);
    m->shape = copy_of(m->shape, m->n_shape * sizeof *m->shape);
    m->strides = copy_of(m->strides, m->n_strides * sizeof *m->strides);
    return m;
}

static Tram__Wire__Task *plan_task(const struct tram__layout *l, const struct tram__task_plan *t) {
    Tram__Wire__Task *m = malloc(sizeof *m);
    if (!m)
        return NULL;
    tram__wire__task__init(m);
    const struct tram__node *node = &l->schedule->graph->nodes[t->node];
    m->node = t->node;
    m->method = strdup(node->method);
    m->n_releases = t->release_count;
    m->releases = copy_of(t->releases, t->release_count * sizeof *m->releases);
    m->n_shape = node->shape_count;
    m->shape = copy_of(node->shape, node->shape_count * sizeof *m->shape);
    m->results = calloc(t->result_count, sizeof(void *));
    for (uint32_t k = 0; m->results && k < t->result_count; k++) {
        Tram__Wire__Result *result = malloc(sizeof *result);
        if (!result)
            return NULL;
        tram__wire__result__init(result);
        result->capacity = t->results[k].capacity;
        result->channel = t->results[k].channel;
        m->results[m->n_results++] = result;
        const struct tram__node *value = &l->schedule->graph->nodes[t->results[k].node];
        if (value->tensor && !(result->tensor = plan_tensor(value->tensor)))
            return NULL;
    }
    m->arguments = calloc(t->arg_count + 1, sizeof(void *));
    for (uint32_t k = 0; m->arguments && k < t->arg_count; k++) {
        Tram__Wire__Source *source = malloc(sizeof *source);
        if (!source)
            return NULL;
        tram__wire__source__init(source);
        source->kind = t->args[k].kind;
        source->index = t->args[k].index;
        source->result = t->args[k].result;
        const struct tram_tensor_hint *tensor = l->schedule->graph->nodes[node->args[k]].tensor;
        source->target = tensor ? tensor->target : TRAM_WHERE_DEFAULT;
        source->tensor_bytes = tensor ? tram_tensor_bytes(&tensor->tensor) : 0;
        m->arguments[m->n_arguments++] = source;
    }
    return m->method && m->releases && m->shape && m->results && m->arguments ? m : NULL;
}

static bool plan_constants(const struct tram__layout *l, const struct tram__participant_plan *p,
                           Tram__Wire__Prepare *m) {
    m->constants = calloc(p->constant_count + 1, sizeof *m->constants);
    for (uint32_t i = 0; m->constants && i < p->constant_count; i++)
        m->constants[m->n_constants++] = l->schedule->graph->nodes[p->constants[i]].bytes;
    return m->constants != NULL;
}

void *tram__layout_constants(const struct tram__layout *l, uint32_t self, size_t *size) {
    const struct tram__participant_plan *p = &l->schedule->participants[self];
    const struct tram__node *nodes = l->schedule->graph->nodes;
    *size = 0;
    for (uint32_t i = 0; i < p->constant_count; i++)
        *size += tram__layout_padded(nodes[p->constants[i]].bytes);
    if (!*size)
        return NULL;
    char *all = calloc(1, *size), *at = all;
    if (!all)
        no_memory();
    for (uint32_t i = 0; all && i < p->constant_count; i++) {
        memcpy(at, nodes[p->constants[i]].data, nodes[p->constants[i]].bytes);
        at += tram__layout_padded(nodes[p->constants[i]].bytes);
    }
    return all;
}

static bool plan_work(const struct tram__layout *l, uint32_t self, Tram__Wire__Prepare *m) {
    const struct tram__participant_plan *p = &l->schedule->participants[self];
    if (!plan_constants(l, p, m))
        return false;
    m->tasks = calloc(p->task_count + 1, sizeof(void *));
    m->ops = calloc(p->op_count + 1, sizeof(void *));
    for (uint32_t i = 0; m->tasks && i < p->task_count; i++) {
        Tram__Wire__Task *task = plan_task(l, &p->tasks[i]);
        if (!task)
            return false;
        m->tasks[m->n_tasks++] = task;
    }
    for (uint32_t i = 0; m->ops && i < p->op_count; i++) {
        Tram__Wire__Op *op = malloc(sizeof *op);
        if (!op)
            return false;
        tram__wire__op__init(op);
        op->kind = p->ops[i].kind;
        op->index = p->ops[i].index;
        m->ops[m->n_ops++] = op;
    }
    return m->tasks && m->ops;
}

Tram__Wire__Prepare *tram__layout_plan(const struct tram__layout *l, uint32_t self) {
    Tram__Wire__Prepare *m = malloc(sizeof *m);
    bool *peers = calloc(l->schedule->participant_count, sizeof *peers);
    bool ok = m && peers;
    if (ok) {
        tram__wire__prepare__init(m);
        m->self = self;
        m->slots = l->slots;
        peers[self] = true;
        for (uint32_t p = 0; self == 0 && p < l->schedule->participant_count; p++)
            peers[p] = true; /* the driver reads everyone's counters */
        ok = plan_channels(l, self, m, peers) && plan_peers(l, m, peers) && plan_work(l, self, m);
    }
    free(peers);
    if (ok)
        return m;
    if (m)
        tram__wire__prepare__free_unpacked(m, NULL);
    no_memory();
    return NULL;
}
