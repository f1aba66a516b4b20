/* SPDX-License-Identifier: Apache-2.0 */
#include "schedule/schedule.h"

#include "base/error.h"

#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX

/* What the passes share; all arrays are indexed by node. */
struct work {
    const struct tram_graph *g;
    struct tram__schedule *s;
    uint32_t *participant; /* that produces the node */
    uint32_t *task;        /* index among that participant's tasks */
    uint32_t *channel;     /* or NONE */
    uint32_t *seen;        /* scratch: the last node or channel that marked it */
};

static bool append(uint32_t **list, uint32_t *count, uint32_t value) {
    /* Capacity is the next power of two, so only a count that is one grows. */
    if ((*count & (*count - 1)) == 0) {
        uint32_t *p = realloc(*list, (*count ? *count * 2 : 1) * sizeof *p);
        if (!p)
            return false;
        *list = p;
    }
    (*list)[(*count)++] = value;
    return true;
}

/* ---- participants and their tasks ---- */

static uint32_t participant_of(struct tram__schedule *s, struct tram_actor *actor) {
    for (uint32_t i = s->participant_count; i-- > 1;)
        if (s->participants[i].actor == actor)
            return i;
    return NONE;
}

static bool find_participants(struct work *w) {
    const struct tram_graph *g = w->g;
    struct tram__schedule *s = w->s;
    s->participants = calloc(g->node_count + 1, sizeof *s->participants);
    if (!s->participants)
        return false;
    s->participants[0].name = "driver";
    s->participant_count = 1;
    for (uint32_t i = 0; i < g->node_count; i++) {
        const struct tram__node *n = &g->nodes[i];
        if (n->kind == TRAM__NODE_INPUT)
            continue;
        uint32_t p = participant_of(s, n->actor);
        if (p == NONE) {
            p = s->participant_count++;
            s->participants[p].actor = n->actor;
            s->participants[p].name = n->actor_name;
        }
        w->participant[i] = p;
        w->task[i] = s->participants[p].task_count++;
    }
    for (uint32_t p = 1; p < s->participant_count; p++) {
        s->participants[p].tasks = calloc(s->participants[p].task_count, sizeof *s->participants[p].tasks);
        if (!s->participants[p].tasks)
            return false;
    }
    return true;
}

/* ---- channels ---- */

/* The channel of a node, made on first use; `reader` is added to it unless it is there. */
static bool connect(struct work *w, uint32_t node, uint32_t reader) {
    struct tram__schedule *s = w->s;
    if (w->participant[node] == reader)
        return true;
    if (w->channel[node] == NONE) {
        w->channel[node] = s->channel_count++;
        struct tram__channel_plan *c = &s->channels[w->channel[node]];
        c->node = node;
        c->writer = w->participant[node];
        c->capacity = w->g->nodes[node].limit;
    }
    struct tram__channel_plan *c = &s->channels[w->channel[node]];
    for (uint32_t i = 0; i < c->reader_count; i++)
        if (c->readers[i] == reader)
            return true;
    return append(&c->readers, &c->reader_count, reader);
}

static bool find_channels(struct work *w) {
    const struct tram_graph *g = w->g;
    struct tram__schedule *s = w->s;
    s->channels = calloc(g->node_count, sizeof *s->channels);
    s->outputs = calloc(g->output_count, sizeof *s->outputs);
    if (!s->channels || !s->outputs)
        return false;
    for (uint32_t i = 0; i < g->node_count; i++)
        for (uint32_t k = 0; k < g->nodes[i].arg_count; k++)
            if (!connect(w, g->nodes[i].args[k], w->participant[i]))
                return false;
    for (uint32_t i = 0; i < g->output_count; i++) {
        if (!connect(w, g->outputs[i], 0))
            return false;
        s->outputs[i] = w->channel[g->outputs[i]];
    }
    s->output_count = g->output_count;
    s->input = -1;
    for (uint32_t c = 0; c < s->channel_count; c++)
        if (g->nodes[s->channels[c].node].kind == TRAM__NODE_INPUT)
            s->input = (int32_t)c;
    return true;
}

/* Marks every node that may hold `node`'s payload by reference, through methods that forward. Nodes are in
 * topological order, so one pass forward finds them all. */
static void mark_holders(struct work *w, uint32_t node, uint32_t mark) {
    w->seen[node] = mark;
    for (uint32_t v = node + 1; v < w->g->node_count; v++) {
        const struct tram__node *n = &w->g->nodes[v];
        for (uint32_t k = 0; n->forwards && k < n->arg_count; k++)
            if (w->seen[n->args[k]] == mark)
                w->seen[v] = mark;
    }
}

static bool find_carriers(struct work *w) {
    struct tram__schedule *s = w->s;
    bool any = false;
    for (uint32_t i = 0; i < w->g->node_count; i++)
        any |= w->g->nodes[i].forwards;
    for (uint32_t c = 0; any && c < s->channel_count; c++) {
        struct tram__channel_plan *plan = &s->channels[c];
        mark_holders(w, plan->node, c + 1);
        for (uint32_t v = plan->node + 1; v < w->g->node_count; v++)
            if (w->seen[v] == c + 1 && w->channel[v] != NONE &&
                !append(&plan->carriers, &plan->carrier_count, w->channel[v]))
                return false;
    }
    return true;
}

/* ---- tasks and operations ---- */

static bool plan_task(struct work *w, uint32_t node) {
    const struct tram__node *n = &w->g->nodes[node];
    struct tram__task_plan *t = &w->s->participants[w->participant[node]].tasks[w->task[node]];
    t->node = node;
    t->capacity = n->limit;
    t->channel = w->channel[node] == NONE ? -1 : (int32_t)w->channel[node];
    t->args = calloc(n->arg_count, sizeof *t->args);
    t->arg_count = n->arg_count;
    if (!t->args)
        return false;
    for (uint32_t k = 0; k < n->arg_count; k++) {
        uint32_t arg = n->args[k];
        if (w->participant[arg] == w->participant[node])
            t->args[k] = (struct tram__arg_plan){TRAM__FROM_TASK, w->task[arg]};
        else
            t->args[k] = (struct tram__arg_plan){TRAM__FROM_CHANNEL, w->channel[arg]};
    }
    return true;
}

/* For each channel that participant p reads, the last of p's tasks that uses its message, be it by way of a
 * local result that refers to it. */
static bool plan_releases(struct work *w, uint32_t p) {
    struct tram__participant_plan *part = &w->s->participants[p];
    uint32_t *last = malloc(w->s->channel_count * sizeof *last); /* task, by channel */
    if (!last)
        return false;
    for (uint32_t c = 0; c < w->s->channel_count; c++)
        last[c] = NONE;
    for (uint32_t i = 0; i < part->task_count; i++) {
        const struct tram__task_plan *t = &part->tasks[i];
        for (uint32_t k = 0; k < t->arg_count; k++)
            if (t->args[k].kind == TRAM__FROM_CHANNEL)
                last[t->args[k].index] = i;
    }
    /* A local result may refer to any message that its producer could see: extend those to its last reader.
     */
    for (uint32_t i = part->task_count; i-- > 0;) {
        const struct tram__task_plan *t = &part->tasks[i];
        for (uint32_t k = 0; k < t->arg_count; k++) {
            if (t->args[k].kind != TRAM__FROM_TASK ||
                !w->g->nodes[part->tasks[t->args[k].index].node].forwards)
                continue;
            for (uint32_t c = 0; c < w->s->channel_count; c++)
                if (last[c] != NONE && last[c] < i)
                    last[c] = i;
            i = 0; /* i was the largest such reader: everything now lasts at least until it */
            break;
        }
    }
    bool ok = true;
    for (uint32_t c = 0; ok && c < w->s->channel_count; c++)
        if (last[c] != NONE)
            ok = append(&part->tasks[last[c]].releases, &part->tasks[last[c]].release_count, c);
    free(last);
    return ok;
}

static void plan_ops(struct work *w, uint32_t p) {
    struct tram__participant_plan *part = &w->s->participants[p];
    memset(w->seen, 0,
           w->g->node_count * sizeof *w->seen); /* by channel here: there are no more than nodes */
    for (uint32_t i = 0; i < part->task_count; i++) {
        const struct tram__task_plan *t = &part->tasks[i];
        for (uint32_t k = 0; k < t->arg_count; k++) {
            if (t->args[k].kind != TRAM__FROM_CHANNEL || w->seen[t->args[k].index])
                continue;
            w->seen[t->args[k].index] = 1;
            part->ops[part->op_count++] = (struct tram__op){TRAM__OP_READ, t->args[k].index};
        }
        part->ops[part->op_count++] = (struct tram__op){TRAM__OP_COMPUTE, i};
        if (t->channel >= 0)
            part->ops[part->op_count++] = (struct tram__op){TRAM__OP_WRITE, (uint32_t)t->channel};
    }
}

static bool plan_participants(struct work *w) {
    struct tram__schedule *s = w->s;
    for (uint32_t i = 0; i < w->g->node_count; i++)
        if (w->g->nodes[i].kind == TRAM__NODE_TASK && !plan_task(w, i))
            return false;
    for (uint32_t p = 0; p < s->participant_count; p++) {
        struct tram__participant_plan *part = &s->participants[p];
        size_t most = 2 * (size_t)part->task_count + 1 + s->output_count;
        for (uint32_t i = 0; i < part->task_count; i++)
            most += part->tasks[i].arg_count;
        part->ops = calloc(most, sizeof *part->ops);
        if (!part->ops)
            return false;
        if (p) {
            plan_ops(w, p);
            if (!plan_releases(w, p))
                return false;
            continue;
        }
        if (s->input >= 0)
            part->ops[part->op_count++] = (struct tram__op){TRAM__OP_WRITE, (uint32_t)s->input};
        for (uint32_t i = 0; i < s->output_count; i++)
            part->ops[part->op_count++] = (struct tram__op){TRAM__OP_READ, s->outputs[i]};
    }
    return true;
}

int tram__schedule_create(const struct tram_graph *g, struct tram__schedule **out) {
    struct work w = {.g = g, .s = calloc(1, sizeof *w.s)};
    size_t n = g->node_count;
    w.participant = calloc(n, sizeof(uint32_t));
    w.task = calloc(n, sizeof(uint32_t));
    w.channel = malloc(n * sizeof(uint32_t));
    w.seen = calloc(n, sizeof(uint32_t));
    bool ok = w.s && w.participant && w.task && w.channel && w.seen;
    for (size_t i = 0; ok && i < n; i++)
        w.channel[i] = NONE;
    if (ok)
        w.s->graph = g;
    ok = ok && find_participants(&w) && find_channels(&w) && find_carriers(&w) && plan_participants(&w) &&
         tram__schedule_covers(w.s);
    free(w.participant);
    free(w.task);
    free(w.channel);
    free(w.seen);
    if (!ok) {
        tram__schedule_destroy(w.s);
        return tram__fail(TRAM_ERR_NO_MEMORY, "a schedule of %zu nodes", n);
    }
    *out = w.s;
    return TRAM_OK;
}

void tram__schedule_destroy(struct tram__schedule *s) {
    if (!s)
        return;
    for (uint32_t p = 0; s->participants && p < s->participant_count; p++) {
        struct tram__participant_plan *part = &s->participants[p];
        for (uint32_t i = 0; part->tasks && i < part->task_count; i++) {
            free(part->tasks[i].args);
            free(part->tasks[i].releases);
        }
        free(part->tasks);
        free(part->ops);
    }
    for (uint32_t c = 0; s->channels && c < s->channel_count; c++) {
        free(s->channels[c].readers);
        free(s->channels[c].carriers);
    }
    free(s->participants);
    free(s->channels);
    free(s->outputs);
    free(s->covers);
    free(s);
}
