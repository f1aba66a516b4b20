/* SPDX-License-Identifier: Apache-2.0 */
#include "schedule/schedule.h"

#include "base/append.h"
#include "base/error.h"

#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX

/* What the passes share. */
struct work {
    const struct tram_graph *g;
    struct tram__schedule *s;
    uint32_t *participant; /* by node: that makes the value */
    uint32_t *task;        /* by node: index among that participant's tasks */
    uint32_t *channel;     /* by node: that takes the value, or NONE */
    uint32_t *seen;        /* by node or channel, scratch: the last that marked it */
    size_t most_channels;
};

static bool append(uint32_t **list, uint32_t *count, uint32_t value) {
    return tram__append(list, count, sizeof value, &value);
}

static bool is_task(const struct tram__node *n) {
    return n->kind == TRAM__NODE_TASK;
}

static struct tram__task_plan *task_plan(struct work *w, uint32_t node) {
    return &w->s->participants[w->participant[node]].tasks[w->task[node]];
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
        if (n->kind == TRAM__NODE_RESULT) {
            w->participant[i] = w->participant[n->of];
            w->task[i] = w->task[n->of];
        }
        if (!is_task(n))
            continue;
        uint32_t p = participant_of(s, n->actor);
        if (p == NONE) {
            p = s->participant_count++;
            s->participants[p].actor = n->actor;
            s->participants[p].name = n->actor_name;
        }
        w->participant[i] = p;
        w->task[i] = s->participants[p].task_count++;
        s->task_count++;
    }
    for (uint32_t p = 1; p < s->participant_count; p++) {
        s->participants[p].tasks = calloc(s->participants[p].task_count, sizeof *s->participants[p].tasks);
        if (!s->participants[p].tasks)
            return false;
    }
    return true;
}

/* ---- channels ---- */

bool tram__channel_reads(const struct tram__channel_plan *c, uint32_t participant) {
    /* Readers are added in the order of the nodes, so the one asked for is most often the last. */
    for (uint32_t i = c->reader_count; i-- > 0;)
        if (c->readers[i] == participant)
            return true;
    return false;
}

static bool add_reader(struct tram__channel_plan *c, uint32_t reader) {
    return tram__channel_reads(c, reader) || append(&c->readers, &c->reader_count, reader);
}

static uint32_t add_channel(struct work *w, enum tram__channel_kind kind, uint32_t node, uint32_t writer,
                            uint64_t capacity) {
    struct tram__schedule *s = w->s;
    s->channels[s->channel_count] =
        (struct tram__channel_plan){.kind = kind, .node = node, .writer = writer, .capacity = capacity};
    return s->channel_count++;
}

/* The channel of a node's value, made on first use, gets `reader`, unless that is who makes it. */
static bool connect(struct work *w, uint32_t node, uint32_t reader) {
    if (w->participant[node] == reader)
        return true;
    if (w->channel[node] == NONE)
        w->channel[node] =
            add_channel(w, TRAM__CHANNEL_VALUE, node, w->participant[node], w->g->nodes[node].bytes);
    return add_reader(&w->s->channels[w->channel[node]], reader);
}

static bool connect_args(struct work *w, uint32_t node) {
    const struct tram__node *n = &w->g->nodes[node];
    for (uint32_t k = 0; k < n->arg_count; k++)
        if (w->g->nodes[n->args[k]].kind != TRAM__NODE_CONSTANT &&
            !connect(w, n->args[k], w->participant[node]))
            return false;
    return true;
}

/* The node whose value tells participant p that `task` has run: one that goes there already, else result 0. */
static uint32_t sign_of(struct work *w, uint32_t task, uint32_t p) {
    for (uint32_t i = 0; i < w->g->nodes[task].results; i++)
        if (w->channel[task + i] != NONE && tram__channel_reads(&w->s->channels[w->channel[task + i]], p))
            return task + i;
    return task;
}

/* True when the task would wait for no message at all. */
static bool waits_for_nothing(struct work *w, uint32_t node) {
    const struct tram__node *n = &w->g->nodes[node];
    for (uint32_t k = 0; k < n->arg_count; k++)
        if (w->g->nodes[n->args[k]].kind != TRAM__NODE_CONSTANT)
            return false;
    return n->after_count == 0;
}

static bool find_channels(struct work *w) {
    const struct tram_graph *g = w->g;
    struct tram__schedule *s = w->s;
    s->channels = calloc(w->most_channels, sizeof *s->channels);
    s->outputs = calloc(g->output_count, sizeof *s->outputs);
    s->inputs = calloc(g->input_count + 1, sizeof *s->inputs);
    s->start = -1;
    bool ok = s->channels && s->outputs && s->inputs;
    for (uint32_t i = 0; ok && i < g->node_count; i++)
        ok = !is_task(&g->nodes[i]) || connect_args(w, i);
    for (uint32_t i = 0; ok && i < g->output_count; i++)
        ok = connect(w, g->outputs[i], 0);
    for (uint32_t i = 0; ok && i < g->node_count; i++)
        for (uint32_t k = 0; ok && k < g->nodes[i].after_count; k++)
            ok = connect(w, sign_of(w, g->nodes[i].after[k], w->participant[i]), w->participant[i]);
    for (uint32_t i = 0; ok && i < g->node_count; i++) {
        if (!is_task(&g->nodes[i]) || !waits_for_nothing(w, i))
            continue;
        if (s->start < 0)
            s->start = (int32_t)add_channel(w, TRAM__CHANNEL_START, 0, 0, 1);
        ok = add_reader(&s->channels[s->start], w->participant[i]);
    }
    if (!ok)
        return false;
    for (uint32_t i = 0; i < g->output_count; i++)
        s->outputs[i] = w->channel[g->outputs[i]];
    s->output_count = g->output_count;
    for (uint32_t i = 0; i < g->input_count; i++)
        s->inputs[i] = w->channel[g->inputs[i]] == NONE ? -1 : (int32_t)w->channel[g->inputs[i]];
    s->input_count = g->input_count;
    return true;
}

/* One token for each member of a unit, to all others. */
static bool add_tokens(struct work *w, const struct tram__unit *u) {
    for (uint32_t i = 0; i < u->count; i++) {
        uint32_t c = add_channel(w, TRAM__CHANNEL_TOKEN, u->tasks[i], w->participant[u->tasks[i]], 1);
        for (uint32_t k = 0; k < u->count; k++)
            if (k != i && !add_reader(&w->s->channels[c], w->participant[u->tasks[k]]))
                return false;
    }
    return true;
}

/* Marks every node that may hold `node`'s payload by reference, through methods that forward. A task comes after
 * its arguments, so one pass forward finds them all. */
static void mark_holders(struct work *w, uint32_t node, uint32_t mark) {
    w->seen[node] = mark;
    for (uint32_t v = node + 1; v < w->g->node_count; v++) {
        const struct tram__node *n = &w->g->nodes[v];
        if (n->kind == TRAM__NODE_RESULT && w->seen[n->of] == mark && n->of != node)
            w->seen[v] = mark;
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
        if (plan->kind != TRAM__CHANNEL_VALUE)
            continue;
        mark_holders(w, plan->node, c + 1);
        for (uint32_t v = plan->node + 1; v < w->g->node_count; v++)
            if (w->seen[v] == c + 1 && w->channel[v] != NONE &&
                !append(&plan->carriers, &plan->carrier_count, w->channel[v]))
                return false;
    }
    return true;
}

/* ---- tasks ---- */

/* Index of a constant among those of participant p. */
static uint32_t constant_of(struct work *w, uint32_t p, uint32_t node) {
    struct tram__participant_plan *part = &w->s->participants[p];
    for (uint32_t i = 0; i < part->constant_count; i++)
        if (part->constants[i] == node)
            return i;
    return append(&part->constants, &part->constant_count, node) ? part->constant_count - 1 : NONE;
}

static bool plan_arg(struct work *w, uint32_t node, uint32_t arg, struct tram__arg_plan *out) {
    uint32_t p = w->participant[node];
    const struct tram__node *n = &w->g->nodes[arg];
    if (n->kind == TRAM__NODE_CONSTANT)
        *out = (struct tram__arg_plan){TRAM__FROM_CONSTANT, constant_of(w, p, arg), 0};
    else if (w->participant[arg] == p)
        *out = (struct tram__arg_plan){TRAM__FROM_TASK, w->task[arg],
                                       n->kind == TRAM__NODE_RESULT ? n->part : 0};
    else
        *out = (struct tram__arg_plan){TRAM__FROM_CHANNEL, w->channel[arg], 0};
    return out->index != NONE;
}

static bool plan_task(struct work *w, uint32_t node) {
    const struct tram__node *n = &w->g->nodes[node];
    struct tram__task_plan *t = task_plan(w, node);
    t->node = node;
    t->args = calloc(n->arg_count + 1, sizeof *t->args);
    t->arg_count = n->arg_count;
    t->results = calloc(n->results, sizeof *t->results);
    t->result_count = n->results;
    if (!t->args || !t->results)
        return false;
    for (uint32_t i = 0; i < n->results; i++) {
        uint32_t channel = w->channel[node + i];
        t->results[i] = (struct tram__result_plan){.node = node + i,
                                                   .capacity = w->g->nodes[node + i].bytes,
                                                   .channel = channel == NONE ? -1 : (int32_t)channel};
    }
    for (uint32_t k = 0; k < n->arg_count; k++)
        if (!plan_arg(w, node, n->args[k], &t->args[k]))
            return false;
    return true;
}

/* ---- operations ---- */

static void add_op(struct tram__participant_plan *part, enum tram__op_kind kind, uint32_t index) {
    part->ops[part->op_count++] = (struct tram__op){kind, index};
}

/* READ, once for each channel that the participant (whose mark it is) has not read yet. */
static void add_read(struct work *w, struct tram__participant_plan *part, uint32_t channel, uint32_t mark) {
    if (w->seen[channel] == mark)
        return;
    w->seen[channel] = mark;
    add_op(part, TRAM__OP_READ, channel);
}

/* A unit's tokens: ours, then the others'. */
static void plan_tokens(struct work *w, uint32_t p, uint32_t node, const uint32_t *token) {
    struct tram__participant_plan *part = &w->s->participants[p];
    const struct tram__unit *u = &w->g->units[w->g->nodes[node].unit - 1];
    uint32_t first = token[w->g->nodes[node].unit - 1];
    for (uint32_t i = 0; i < u->count; i++)
        if (u->tasks[i] == node)
            add_op(part, TRAM__OP_WRITE, first + i);
    for (uint32_t i = 0; i < u->count; i++)
        if (u->tasks[i] != node)
            add_op(part, TRAM__OP_READ, first + i);
}

/* Everything that task i of participant p waits for, its computation, and what it hands out. `token`: by unit, the
 * channel of its first token. */
static void plan_task_ops(struct work *w, uint32_t p, uint32_t i, const uint32_t *token) {
    struct tram__participant_plan *part = &w->s->participants[p];
    const struct tram__task_plan *t = &part->tasks[i];
    const struct tram__node *n = &w->g->nodes[t->node];
    for (uint32_t k = 0; k < t->arg_count; k++)
        if (t->args[k].kind == TRAM__FROM_CHANNEL)
            add_read(w, part, t->args[k].index, p + 1);
    for (uint32_t k = 0; k < n->after_count; k++)
        if (w->participant[n->after[k]] != p)
            add_read(w, part, w->channel[sign_of(w, n->after[k], p)], p + 1);
    if (waits_for_nothing(w, t->node))
        add_read(w, part, (uint32_t)w->s->start, p + 1);
    if (n->unit)
        plan_tokens(w, p, t->node, token);
    add_op(part, TRAM__OP_COMPUTE, i);
    for (uint32_t k = 0; k < t->result_count; k++)
        if (t->results[k].channel >= 0)
            add_op(part, TRAM__OP_WRITE, (uint32_t)t->results[k].channel);
}

/* A local result may be an argument that its task forwarded, and so on: whatever it may refer to lasts until the last
 * task that takes it. Going backwards, each task hands its own end on to what it may refer to. */
static void extend_ends(struct work *w, uint32_t p, uint32_t *end, uint32_t *task_end) {
    struct tram__participant_plan *part = &w->s->participants[p];
    for (uint32_t i = part->task_count; i-- > 0;) {
        const struct tram__task_plan *t = &part->tasks[i];
        uint32_t until = w->g->nodes[t->node].forwards && task_end[i] > i ? task_end[i] : i;
        for (uint32_t k = 0; k < t->arg_count; k++) {
            uint32_t *e = t->args[k].kind == TRAM__FROM_CHANNEL ? &end[t->args[k].index]
                          : t->args[k].kind == TRAM__FROM_TASK  ? &task_end[t->args[k].index]
                                                                : NULL;
            if (e && (*e == NONE || *e < until))
                *e = until;
        }
    }
}

/* For each channel that participant p reads, the last of p's tasks that may use its message. A message that is only
 * waited for is given back by the task that waited. */
static bool plan_releases(struct work *w, uint32_t p) {
    struct tram__participant_plan *part = &w->s->participants[p];
    size_t channels = w->s->channel_count, tasks = part->task_count;
    uint32_t *end = malloc((channels + tasks) * sizeof *end), *task_end = end + channels;
    if (!end)
        return false;
    for (size_t i = 0; i < channels + tasks; i++)
        end[i] = NONE;
    for (size_t i = 0; i < tasks; i++)
        task_end[i] = (uint32_t)i;
    extend_ends(w, p, end, task_end);
    bool ok = true;
    for (uint32_t i = 0, waiting = 0; ok && i < part->op_count; i++) {
        if (part->ops[i].kind == TRAM__OP_COMPUTE) {
            for (; ok && waiting < i; waiting++) { /* the operations since the computation before */
                uint32_t c = part->ops[waiting].index, last = part->ops[i].index;
                if (part->ops[waiting].kind != TRAM__OP_READ)
                    continue;
                if (end[c] != NONE && end[c] > last)
                    last = end[c];
                ok = append(&part->tasks[last].releases, &part->tasks[last].release_count, c);
            }
            waiting = i + 1;
        }
    }
    free(end);
    return ok;
}

static bool plan_driver(struct work *w) {
    struct tram__schedule *s = w->s;
    struct tram__participant_plan *part = &s->participants[0];
    part->ops = calloc((size_t)s->input_count + 1 + s->output_count, sizeof *part->ops);
    if (!part->ops)
        return false;
    for (uint32_t i = 0; i < s->input_count; i++)
        if (s->inputs[i] >= 0)
            add_op(part, TRAM__OP_WRITE, (uint32_t)s->inputs[i]);
    if (s->start >= 0)
        add_op(part, TRAM__OP_WRITE, (uint32_t)s->start);
    for (uint32_t i = 0; i < s->output_count; i++)
        add_op(part, TRAM__OP_READ, s->outputs[i]);
    return true;
}

/* Most operations that a participant can have. */
static size_t most_ops(const struct work *w, const struct tram__participant_plan *part) {
    size_t most = 1;
    for (uint32_t i = 0; i < part->task_count; i++) {
        const struct tram__node *n = &w->g->nodes[part->tasks[i].node];
        most += 2 + (size_t)n->arg_count + n->after_count + n->results;
        most += n->unit ? w->g->units[n->unit - 1].count : 0;
    }
    return most;
}

static bool plan_actors(struct work *w, const uint32_t *token) {
    struct tram__schedule *s = w->s;
    memset(w->seen, 0, w->most_channels * sizeof *w->seen);
    for (uint32_t p = 1; p < s->participant_count; p++) {
        struct tram__participant_plan *part = &s->participants[p];
        part->ops = calloc(most_ops(w, part), sizeof *part->ops);
        if (!part->ops)
            return false;
        for (uint32_t i = 0; i < part->task_count; i++)
            plan_task_ops(w, p, i, token);
        if (!plan_releases(w, p))
            return false;
    }
    return true;
}

static bool plan(struct work *w) {
    bool ok = find_channels(w);
    for (uint32_t i = 0; ok && i < w->g->node_count; i++)
        ok = !is_task(&w->g->nodes[i]) || plan_task(w, i);
    uint32_t *token = calloc(w->g->unit_count + 1, sizeof *token);
    ok = ok && token && find_carriers(w);
    for (uint32_t i = 0; ok && i < w->g->unit_count; i++) {
        token[i] = w->s->channel_count;
        ok = add_tokens(w, &w->g->units[i]);
    }
    ok = ok && plan_driver(w) && plan_actors(w, token) && tram__schedule_covers(w->s);
    free(token);
    return ok;
}

int tram__schedule_create(const struct tram_graph *g, struct tram__schedule **out) {
    struct work w = {.g = g, .s = calloc(1, sizeof *w.s)};
    size_t n = g->node_count;
    w.most_channels = n + 1;
    for (uint32_t i = 0; i < g->unit_count; i++)
        w.most_channels += g->units[i].count;
    w.participant = calloc(n, sizeof(uint32_t));
    w.task = calloc(n, sizeof(uint32_t));
    w.channel = malloc(n * sizeof(uint32_t));
    w.seen = calloc(w.most_channels, sizeof(uint32_t));
    bool ok = w.s && w.participant && w.task && w.channel && w.seen;
    for (size_t i = 0; ok && i < n; i++)
        w.channel[i] = NONE;
    if (ok)
        w.s->graph = g;
    ok = ok && find_participants(&w);
    int status = ok ? tram__schedule_order(g, w.participant, &w.s->longest, NULL) : TRAM_OK;
    ok = ok && !status && plan(&w);
    if (ok && (status = tram__schedule_transports(w.s)))
        ok = false;
    free(w.participant);
    free(w.task);
    free(w.channel);
    free(w.seen);
    if (!ok) {
        tram__schedule_destroy(w.s);
        return status ? status : tram__fail(TRAM_ERR_NO_MEMORY, "a schedule of %zu nodes", n);
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
            free(part->tasks[i].results);
            free(part->tasks[i].releases);
        }
        free(part->tasks);
        free(part->ops);
        free(part->constants);
    }
    for (uint32_t c = 0; s->channels && c < s->channel_count; c++) {
        free(s->channels[c].readers);
        free(s->channels[c].carriers);
    }
    free(s->participants);
    free(s->channels);
    free(s->inputs);
    free(s->outputs);
    free(s->covers);
    free(s);
}
