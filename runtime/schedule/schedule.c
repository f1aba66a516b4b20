/* SPDX-License-Identifier: Apache-2.0 */
#include "schedule/schedule.h"

#include "base/append.h"
#include "base/error.h"
#include "base/tensor.h"

#include <stdarg.h>
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

/* ---- transports ---- */

/* "cuda" of "cuda:1". */
static bool same_backend(const char *a, const char *b) {
    size_t n = strcspn(a, ":");
    return strcspn(b, ":") == n && memcmp(a, b, n) == 0;
}

/* Some node of the participant, which is no driver: it says what is known of the actor. */
static const struct tram__node *actor_node(const struct tram__schedule *s, uint32_t participant) {
    return &s->graph->nodes[s->participants[participant].tasks[0].node];
}

static const char *device_of(const struct tram__schedule *s, uint32_t participant) {
    return participant ? actor_node(s, participant)->device : NULL;
}

/* Why participant p cannot use, or order by its events, what the writer of the edge keeps on its device, in `why`; false:
 * it can. Both have devices of one kind. */
static bool out_of_reach(const struct tram__schedule *s, uint32_t writer, uint32_t p, char *why,
                         size_t size) {
    const struct tram__node *from = actor_node(s, writer), *to = actor_node(s, p);
    if (!to->ties->lends)
        snprintf(why, size, "actor %s on %s cannot lend its memory (%s)", s->participants[p].name, to->device,
                 to->ties->why_not);
    else if (!tram__ties_reach(to->ties, from->ties))
        snprintf(why, size, "actor %s on %s cannot reach the memory of actor %s on %s",
                 s->participants[p].name, to->device, s->participants[writer].name, from->device);
    else
        return false;
    return true;
}

bool tram__channel_copied(const struct tram__schedule *s, const struct tram__channel_plan *c,
                          uint32_t reader) {
    const struct tram__ties *ties = reader ? actor_node(s, reader)->ties : NULL;
    if (!ties)
        return false;
    if (c->transport == TRAM_TRANSPORT_PINNED)
        return !ties->pins_read_only && s->graph->nodes[c->node].tensor->target != TRAM_ON_CPU;
    return c->transport == TRAM_TRANSPORT_IPC && ties->identity != actor_node(s, c->writer)->ties->identity;
}

bool tram__channel_pinned(const struct tram__schedule *s, const struct tram__channel_plan *c,
                          uint32_t participant) {
    const struct tram__ties *ties = participant ? actor_node(s, participant)->ties : NULL;
    return c->transport == TRAM_TRANSPORT_PINNED && ties &&
           (c->writer == participant || ties->pins_read_only || tram__channel_copied(s, c, participant));
}

/* By a task that takes it, be it of the same actor, or it may be a forward itself. */
static bool may_be_forwarded(const struct tram_graph *g, uint32_t node) {
    if (g->nodes[tram__graph_task(g, node)].forwards)
        return true;
    for (uint32_t i = node + 1; i < g->node_count; i++)
        for (uint32_t k = 0; g->nodes[i].forwards && k < g->nodes[i].arg_count; k++)
            if (g->nodes[i].args[k] == node)
                return true;
    return false;
}

/* Why the elements cannot go another way than the messages, maybe in `why`; NULL: they can. */
static const char *why_in_messages(const struct tram__schedule *s, const struct tram__channel_plan *c,
                                   char *why, size_t size) {
    if (!c->writer)
        return "it is part of the input";
    if (may_be_forwarded(s->graph, c->node))
        return "a method may forward it";
    if (!tram_tensor_bytes(&s->graph->nodes[c->node].tensor->tensor))
        return "it has no elements";
    for (uint32_t i = 0; i <= c->reader_count; i++) {
        uint32_t p = i ? c->readers[i - 1] : c->writer;
        if (device_of(s, p))
            continue;
        snprintf(why, size, "%s%s has no device", p ? "actor " : "the ", s->participants[p].name);
        return why;
    }
    return NULL;
}

/* Why the elements cannot stay where they are made, maybe in `why`; NULL: they can. */
static const char *obstacle(const struct tram__schedule *s, const struct tram__channel_plan *c, char *why,
                            size_t size) {
    const char *writer = device_of(s, c->writer);
    if (c->writer && s->graph->nodes[c->node].tensor->target == TRAM_ON_CPU)
        return "it is wanted on the CPU";
    const char *tied = why_in_messages(s, c, why, size);
    if (tied)
        return tied;
    for (uint32_t i = 0; i <= c->reader_count; i++) {
        uint32_t p = i ? c->readers[i - 1] : c->writer;
        const char *device = device_of(s, p);
        if (!same_backend(writer, device))
            snprintf(why, size, "actor %s is on %s, actor %s on %s", s->participants[c->writer].name, writer,
                     s->participants[p].name, device);
        else if (!out_of_reach(s, c->writer, p, why, size))
            continue;
        return why;
    }
    return NULL;
}

enum { MOST_EDGES = 240 }; /* of one actor: each may take a descriptor of one frame */

/* Counts the edge with all who have to do with it; false, and not counted, when that is one too many. */
static bool count_edge(const struct tram__channel_plan *c, uint32_t *edges) {
    bool room = edges[c->writer] < MOST_EDGES;
    for (uint32_t i = 0; i < c->reader_count; i++)
        room &= edges[c->readers[i]] < MOST_EDGES;
    edges[c->writer] += room;
    for (uint32_t i = 0; i < c->reader_count; i++)
        edges[c->readers[i]] += room;
    return room;
}

/* The value's elements do not go by the messages: these are their head. */
static void leave_messages(struct tram__schedule *s, struct tram__channel_plan *c) {
    const struct tram_tensor_hint *h = s->graph->nodes[c->node].tensor;
    c->device_bytes = (tram_tensor_bytes(&h->tensor) + 255) / 256 * 256;
    c->capacity = tram__tensor_head_bytes(h);
    struct tram__participant_plan *p = &s->participants[c->writer];
    for (uint32_t t = 0; t < p->task_count; t++)
        for (uint32_t k = 0; k < p->tasks[t].result_count; k++)
            if (p->tasks[t].results[k].node == c->node)
                p->tasks[t].results[k].capacity = c->capacity;
}

/* The best way for a value that does not stay on a device; shm: no party has one. */
static enum tram_transport through_host(const struct tram__schedule *s, const struct tram__channel_plan *c) {
    enum tram_transport best = TRAM_TRANSPORT_SHM;
    for (uint32_t i = 0; i <= c->reader_count; i++) {
        uint32_t p = i ? c->readers[i - 1] : c->writer;
        if (!device_of(s, p))
            continue;
        if (actor_node(s, p)->ties->pins)
            return TRAM_TRANSPORT_PINNED;
        best = TRAM_TRANSPORT_STAGED;
    }
    return best;
}

int tram__schedule_refuse(const struct tram__schedule *s, uint32_t node, enum tram_transport t, int status,
                          const char *reason, ...) {
    char name[160], way[80], text[320];
    va_list args;
    va_start(args, reason);
    vsnprintf(text, sizeof text, reason, args);
    va_end(args);
    tram__graph_name(s->graph, node, name, sizeof name);
    tram__schedule_transport_name(s, node, t, way, sizeof way);
    return tram__fail(status, "the tensor of %s cannot travel by %s: %s", name, way, text);
}

static int choose(struct tram__schedule *s, struct tram__channel_plan *c, uint32_t *edges) {
    char why[320];
    const char *reason = NULL;
    c->transport = s->graph->nodes[c->node].tensor->transport;
    bool any = c->transport == TRAM_TRANSPORT_AUTO, custom = c->transport == TRAM_TRANSPORT_CUSTOM;
    if (any && s->graph->no_ipc) {
        c->transport = through_host(s, c);
    } else if (any || custom || c->transport == TRAM_TRANSPORT_IPC) {
        reason = custom ? why_in_messages(s, c, why, sizeof why) : obstacle(s, c, why, sizeof why);
        if (!reason && !count_edge(c, edges))
            reason = "an actor has as many such edges as it can";
        if (!reason) {
            leave_messages(s, c);
            c->transport = custom ? TRAM_TRANSPORT_CUSTOM : TRAM_TRANSPORT_IPC;
        } else if (any) {
            reason = NULL;
            c->transport = through_host(s, c);
        }
    }
    if (c->transport == TRAM_TRANSPORT_PINNED && through_host(s, c) == TRAM_TRANSPORT_SHM)
        reason = "no actor that makes it or takes it has a device";
    return reason ? tram__schedule_refuse(s, c->node, c->transport, TRAM_ERR_INVALID, "%s", reason) : TRAM_OK;
}

static int choose_transports(struct tram__schedule *s) {
    uint32_t *edges = calloc(s->participant_count, sizeof *edges);
    int status = edges ? TRAM_OK : tram__fail(TRAM_ERR_NO_MEMORY, "a schedule");
    for (uint32_t i = 0; !status && i < s->channel_count; i++)
        if (s->channels[i].kind == TRAM__CHANNEL_VALUE && s->graph->nodes[s->channels[i].node].tensor)
            status = choose(s, &s->channels[i], edges);
    free(edges);
    return status;
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
    if (ok && (status = choose_transports(w.s)))
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
