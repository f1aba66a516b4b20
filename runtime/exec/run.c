/* SPDX-License-Identifier: Apache-2.0
 *
 * A graph through eager calls: what running it costs when nothing is compiled. The order of the calls and where each takes
 * its arguments from is worked out once; a run then makes one call for each task, all before any result is awaited, and
 * hands on every reference with the last call that takes it, so that only outputs come back to the driver.
 *
 * Order. Calls on an actor run in the order of submission, and a call waits for its arguments: both as in a compiled graph.
 * A control edge from another actor is a TRAM_AFTER. The members of a unit begin when all of them can: when the arguments
 * of each are there and the task before each on its actor is done; each waits for all of that.
 */
#include "base/append.h"
#include "base/error.h"
#include "exec/exec.h"
#include "schedule/schedule.h"

#include <stdlib.h>
#include <string.h>

/* Where the bytes of an input part or of a constant go. */
struct use {
    struct tram_value *value;
    uint32_t node;
    bool last;
};

struct call {
    const struct tram__node *task;
    uint32_t node;
    struct tram_value *values;
    uint32_t value_count;
    size_t *limits;
    const struct tram_tensor_hint **tensors; /* NULL: no result was announced as one */
    bool silent;                             /* nobody takes any of its results */
    bool onward;                             /* only other calls do */
    uint32_t *releases;                      /* nodes whose reference nobody takes after this call */
    uint32_t release_count;
};

struct run {
    uint64_t changes; /* of the graph, when this was made */
    struct call *calls;
    uint32_t call_count;
    struct tram_ref *refs; /* by node: within a run, the results that are still to be taken */
    uint32_t *uses;        /* by node: how often it is taken in a run */
    uint32_t *left;        /* the same, while calls are made */
    struct use *bytes;
    uint32_t byte_count;
    struct tram_value **lists; /* to be freed */
    uint32_t list_count;
};

/* Larger values that several tasks take are put into the store once, rather than sent along with each. */
enum { PUT_FROM = 4096 };

static void free_run(void *run) {
    struct run *r = run;
    for (uint32_t i = 0; r->calls && i < r->call_count; i++) {
        free(r->calls[i].values);
        free(r->calls[i].limits);
        free(r->calls[i].tensors);
        free(r->calls[i].releases);
    }
    for (uint32_t i = 0; i < r->list_count; i++)
        free(r->lists[i]);
    free(r->lists);
    free(r->calls);
    free(r->refs);
    free(r->uses);
    free(r->left);
    free(r->bytes);
    free(r);
}

/* ---- what is needed when ---- */

/* Calls `visit` for every task that must have run before `node`'s call begins, but for those on the same actor. */
static bool each_after(const struct tram_graph *g, const uint32_t *previous, uint32_t node,
                       bool (*visit)(void *arg, uint32_t before), void *arg) {
    const struct tram__node *task = &g->nodes[node];
    bool ok = true;
    for (uint32_t i = 0; ok && i < task->after_count; i++)
        if (g->nodes[task->after[i]].actor != task->actor)
            ok = visit(arg, task->after[i]);
    const struct tram__unit *u = task->unit ? &g->units[task->unit - 1] : NULL;
    for (uint32_t m = 0; ok && u && m < u->count; m++) {
        const struct tram__node *other = &g->nodes[u->tasks[m]];
        if (u->tasks[m] == node)
            continue;
        for (uint32_t i = 0; ok && i < other->arg_count; i++) {
            uint32_t from = tram__graph_task(g, other->args[i]);
            if (g->nodes[from].kind == TRAM__NODE_TASK)
                ok = visit(arg, from);
        }
        for (uint32_t i = 0; ok && i < other->after_count; i++)
            ok = visit(arg, other->after[i]);
        if (ok && previous[u->tasks[m]] != UINT32_MAX)
            ok = visit(arg, previous[u->tasks[m]]);
    }
    return ok;
}

static bool count_use(void *arg, uint32_t before) {
    ((struct run *)arg)->uses[before]++;
    return true;
}

static void count_uses(const struct tram_graph *g, struct run *r, const uint32_t *previous) {
    for (uint32_t i = 0; i < g->node_count; i++) {
        const struct tram__node *n = &g->nodes[i];
        if (n->kind != TRAM__NODE_TASK)
            continue;
        for (uint32_t a = 0; a < n->arg_count; a++)
            r->uses[n->args[a]]++;
        each_after(g, previous, i, count_use, r);
    }
    for (uint32_t i = 0; i < g->output_count; i++)
        r->uses[g->outputs[i]]++;
}

/* ---- the calls ---- */

struct maker {
    const struct tram_graph *g;
    struct run *r;
    struct call *c;
};

static bool add_release(struct call *c, uint32_t node) {
    return tram__append(&c->releases, &c->release_count, sizeof node, &node);
}

static bool fill_leaf(struct maker *m, uint32_t node, struct tram_value *v) {
    bool last = --m->r->left[node] == 0;
    const struct tram_tensor_hint *tensor = m->g->nodes[node].tensor;
    *v = (struct tram_value){.kind = last ? TRAM_MOVE : TRAM_REF,
                             .ref = &m->r->refs[node],
                             .where = tensor ? (int)tensor->target : TRAM_WHERE_DEFAULT};
    enum tram__node_kind kind = m->g->nodes[node].kind;
    if (kind != TRAM__NODE_INPUT && kind != TRAM__NODE_CONSTANT)
        return true;
    struct use use = {v, node, last};
    return tram__append(&m->r->bytes, &m->r->byte_count, sizeof use, &use);
}

/* `count` elements from *at of the shape on, and their leaves from *leaf on. */
static bool fill(struct maker *m, struct tram_value *values, uint32_t count, uint32_t *at, uint32_t *leaf) {
    const struct tram__node *task = m->c->task;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t head = task->shape ? task->shape[(*at)++] : 0;
        if (!head) {
            if (!fill_leaf(m, task->args[(*leaf)++], &values[i]))
                return false;
            continue;
        }
        struct tram_value *inside = calloc(head, sizeof *inside);
        if (!inside || !tram__append(&m->r->lists, &m->r->list_count, sizeof inside, &inside)) {
            free(inside);
            return false;
        }
        values[i] = (struct tram_value){.kind = TRAM_LIST, .data = inside, .size = head - 1};
        if (!fill(m, inside, head - 1, at, leaf))
            return false;
    }
    return true;
}

/* Elements of the outermost list. */
static uint32_t element_count(const struct tram__node *task) {
    uint32_t count = 0;
    if (!task->shape)
        return task->arg_count;
    for (uint32_t at = 0; at < task->shape_count; count++)
        for (uint64_t open = 1; open; at++)
            open += task->shape[at] ? (uint64_t)task->shape[at] - 2 : (uint64_t)-1;
    return count;
}

static bool add_after(void *arg, uint32_t before) {
    struct maker *m = arg;
    if (--m->r->left[before] == 0 && !add_release(m->c, before))
        return false;
    m->c->values[m->c->value_count++] = (struct tram_value){.kind = TRAM_AFTER, .ref = &m->r->refs[before]};
    return true;
}

static bool count_one(void *arg, uint32_t before) {
    (void)before;
    ++*(uint32_t *)arg;
    return true;
}

static bool make_call(const struct tram_graph *g, struct run *r, struct call *c, uint32_t node,
                      const uint32_t *previous) {
    const struct tram__node *task = &g->nodes[node];
    struct maker m = {g, r, c};
    uint32_t afters = 0, at = 0, leaf = 0, elements = element_count(task);
    each_after(g, previous, node, count_one, &afters);
    *c = (struct call){.task = task, .node = node, .value_count = elements, .silent = true, .onward = true};
    c->values = calloc(elements + afters + 1, sizeof *c->values);
    c->limits = calloc(task->results, sizeof *c->limits);
    if (!c->values || !c->limits || !fill(&m, c->values, elements, &at, &leaf) ||
        !each_after(g, previous, node, add_after, &m))
        return false;
    for (uint32_t i = 0; i < task->results; i++) {
        const struct tram_tensor_hint *tensor = g->nodes[node + i].tensor;
        if (tensor && !c->tensors && !(c->tensors = calloc(task->results, sizeof tensor)))
            return false;
        if (tensor)
            c->tensors[i] = tensor;
        c->limits[i] = g->nodes[node + i].bytes;
        c->silent &= r->uses[node + i] == 0;
        for (uint32_t k = 0; k < g->output_count; k++)
            c->onward &= g->outputs[k] != node + i;
    }
    for (uint32_t i = 0; !c->silent && i < task->results; i++)
        if (r->uses[node + i] == 0 && !add_release(c, node + i))
            return false;
    return true;
}

/* By node: the task before it on the same actor; and by node, from 1, which of the actors it is on. False when memory is
 * short. */
static bool find_actors(const struct tram_graph *g, uint32_t *previous, uint32_t *participant) {
    uint32_t count = 0, most = 0;
    for (uint32_t i = 0; i < g->node_count; i++)
        if (g->nodes[i].kind == TRAM__NODE_TASK && g->nodes[i].actor_index > most)
            most = g->nodes[i].actor_index;
    uint32_t *last = malloc((most + (size_t)1) * sizeof *last); /* by actor: its task that was bound last */
    if (!last)
        return false;
    memset(last, 0xff, (most + (size_t)1) * sizeof *last);
    for (uint32_t i = 0; i < g->node_count; i++) {
        if (g->nodes[i].kind != TRAM__NODE_TASK)
            continue;
        uint32_t *before = &last[g->nodes[i].actor_index];
        previous[i] = *before;
        participant[i] = *before == UINT32_MAX ? ++count : participant[*before];
        *before = i;
    }
    free(last);
    return true;
}

static bool make_calls(const struct tram_graph *g, struct run *r, const uint32_t *tasks,
                       const uint32_t *previous) {
    count_uses(g, r, previous);
    memcpy(r->left, r->uses, g->node_count * sizeof *r->left);
    for (uint32_t i = 0; i < r->call_count; i++)
        if (!make_call(g, r, &r->calls[i], tasks[i], previous))
            return false;
    return true;
}

static int make_run(const struct tram_graph *g, struct run **out) {
    size_t n = g->node_count + (size_t)1;
    struct run *r = calloc(1, sizeof *r);
    uint32_t *previous = calloc(n, sizeof *previous), *participant = calloc(n, sizeof *participant),
             *tasks = calloc(n, sizeof *tasks), longest;
    int status = TRAM_ERR_NO_MEMORY;
    if (!r || !previous || !participant || !tasks)
        goto out;
    r->changes = g->changes;
    r->calls = calloc(n, sizeof *r->calls);
    r->refs = calloc(n, sizeof *r->refs);
    r->uses = calloc(n, sizeof *r->uses);
    r->left = calloc(n, sizeof *r->left);
    if (!r->calls || !r->refs || !r->uses || !r->left)
        goto out;
    if (!find_actors(g, previous, participant))
        goto out;
    for (uint32_t i = 0; i < g->node_count; i++)
        r->call_count += g->nodes[i].kind == TRAM__NODE_TASK;
    status = tram__schedule_order(g, participant, &longest, tasks);
    if (!status && !make_calls(g, r, tasks, previous))
        status = TRAM_ERR_NO_MEMORY;
out:
    free(previous);
    free(participant);
    free(tasks);
    if (!status)
        *out = r;
    else if (r)
        free_run(r);
    return status == TRAM_ERR_NO_MEMORY ? tram__fail(status, "a run of %u nodes", g->node_count) : status;
}

/* ---- a run ---- */

static int check_parts(const struct tram_graph *g, size_t count, const struct tram_bytes *parts) {
    if (count != g->input_count)
        return tram__fail(TRAM_ERR_INVALID, "an input of %zu part%s; the graph takes %u", count,
                          count == 1 ? "" : "s", g->input_count);
    for (size_t i = 0; i < count; i++) {
        uint64_t limit = g->nodes[g->inputs[i]].bytes;
        if (parts[i].size > limit)
            return tram__fail(TRAM_ERR_TOO_LARGE, "part %zu of the input: %zu bytes exceed the limit of %llu",
                              i, parts[i].size, (unsigned long long)limit);
        const struct tram_tensor_hint *tensor = g->nodes[g->inputs[i]].tensor;
        if (tensor && tram__tensor_check(tensor, parts[i].data, parts[i].size))
            return tram__exec_input_wrong(count, i);
    }
    return TRAM_OK;
}

/* Puts what is large and taken several times into the store, and lets every use of the rest be the bytes themselves. */
static int place_bytes(struct tram_graph *g, struct run *r, const struct tram_bytes *parts) {
    for (uint32_t i = 0; i < r->byte_count; i++) {
        struct use *u = &r->bytes[i];
        const struct tram__node *n = &g->nodes[u->node];
        struct tram_bytes b =
            n->kind == TRAM__NODE_INPUT ? parts[n->part] : (struct tram_bytes){n->data, n->limit};
        bool put = b.size >= PUT_FROM && r->uses[u->node] > 1;
        u->value->kind = !put ? TRAM_BYTES : u->last ? TRAM_MOVE : TRAM_REF;
        u->value->data = b.data;
        u->value->size = b.size;
        int status =
            put && !r->refs[u->node].source ? tram_put(g->t, b.data, b.size, &r->refs[u->node]) : TRAM_OK;
        if (status)
            return status;
    }
    return TRAM_OK;
}

static int make_all_calls(struct tram_graph *g, struct run *r) {
    for (uint32_t i = 0; i < r->call_count; i++) {
        struct call *c = &r->calls[i];
        struct tram_call_params p = {.value_count = c->value_count,
                                     .values = c->values,
                                     .limits = c->limits,
                                     .tensors = c->tensors,
                                     .onward = c->onward};
        int status = tram_call_with(g->nodes[c->node].actor, c->task->method, &p,
                                    c->silent ? NULL : &r->refs[c->node]);
        if (status)
            return status;
        for (uint32_t k = 0; k < c->release_count; k++)
            tram_release(&r->refs[c->releases[k]]);
    }
    return TRAM_OK;
}

int tram_graph_run_parts(struct tram_graph *g, size_t count, const struct tram_bytes *parts,
                         struct tram_ref *refs) {
    struct run *r = g->run;
    int status = tram__graph_check(g);
    if (!status)
        status = check_parts(g, count, parts);
    if (status)
        return status;
    if (r && r->changes != g->changes) {
        free_run(r);
        g->run = r = NULL;
    }
    if (!r && (status = make_run(g, &r)))
        return status;
    g->run = r;
    g->free_run = free_run;
    status = place_bytes(g, r, parts);
    if (!status)
        status = make_all_calls(g, r);
    for (uint32_t i = 0; !status && i < g->output_count; i++) {
        refs[i] = r->refs[g->outputs[i]];
        r->refs[g->outputs[i]].source = NULL;
    }
    struct tram_error kept = *tram_last_error();
    for (uint32_t i = 0; status && i < g->node_count; i++)
        if (r->refs[i].source)
            tram_release(&r->refs[i]);
    if (status)
        *tram__error() = kept;
    return status;
}

int tram_graph_run(struct tram_graph *g, const void *data, size_t size, struct tram_ref *refs) {
    size_t count = g->input_count || size ? 1 : 0;
    return tram_graph_run_parts(g, count, &(struct tram_bytes){data, size}, refs);
}
