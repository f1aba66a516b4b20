/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/graph.h"

#include "base/append.h"
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NO_NODE UINT32_MAX
enum { NAME = 160 };

int tram_graph_create(struct tram *t, struct tram_graph **out) {
    struct tram_graph *g = calloc(1, sizeof *g);
    if (!g)
        return tram__fail(TRAM_ERR_NO_MEMORY, "a graph");
    g->t = t;
    *out = g;
    return TRAM_OK;
}

static void free_node(struct tram__node *n) {
    free(n->actor_name);
    free(n->method);
    free(n->device);
    free(n->args);
    free(n->shape);
    free(n->after);
    free(n->data);
    if (n->tensor)
        free((char *)(uintptr_t)n->tensor->custom);
    free(n->tensor);
}

void tram_graph_destroy(struct tram_graph *g) {
    if (!g)
        return;
    if (g->run)
        g->free_run(g->run);
    for (uint32_t i = 0; i < g->node_count; i++)
        free_node(&g->nodes[i]);
    for (uint32_t i = 0; i < g->unit_count; i++)
        free(g->units[i].tasks);
    free(g->nodes);
    free(g->outputs);
    free(g->inputs);
    free(g->units);
    free(g);
}

struct tram_node tram__graph_mistake(struct tram_graph *g, int status, const char *format, ...) {
    if (!g->status) {
        va_list args;
        va_start(args, format);
        vsnprintf(g->text, sizeof g->text, format, args);
        va_end(args);
        g->status = status;
    }
    return (struct tram_node){g, NO_NODE};
}

uint32_t tram__graph_task(const struct tram_graph *g, uint32_t node) {
    return g->nodes[node].kind == TRAM__NODE_RESULT ? g->nodes[node].of : node;
}

void tram__graph_name(const struct tram_graph *g, uint32_t node, char *out, size_t size) {
    const struct tram__node *n = &g->nodes[node], *task = &g->nodes[tram__graph_task(g, node)];
    switch (n->kind) {
    case TRAM__NODE_INPUT:
        if (g->input_count == 1)
            snprintf(out, size, "input");
        else
            snprintf(out, size, "input %u", n->part);
        break;
    case TRAM__NODE_TASK:
        snprintf(out, size, "%s.%s", n->actor_name, n->method);
        break;
    case TRAM__NODE_RESULT:
        snprintf(out, size, "%s.%s[%u]", task->actor_name, task->method, n->part);
        break;
    case TRAM__NODE_CONSTANT:
        snprintf(out, size, "constant");
        break;
    case TRAM__NODE_LIST:
        snprintf(out, size, "list");
        break;
    }
}

/* ---- growing ---- */

/* True when the graph may still change. */
static bool open_to_change(struct tram_graph *g) {
    if (g->frozen) /* said, and not kept: it can still be run and drawn as it is */
        tram__fail(TRAM_ERR_INVALID, "the graph was compiled and takes no changes");
    else
        g->changes++;
    return !g->frozen;
}

/* Takes what the node owns, in any case. */
static struct tram_node add(struct tram_graph *g, struct tram__node *node) {
    struct tram_node none = {g, NO_NODE};
    if (!open_to_change(g)) {
        free_node(node);
        return none;
    }
    if (g->node_count == TRAM__MAX_NODES)
        tram__graph_mistake(g, TRAM_ERR_FULL, "more than %d nodes", (int)TRAM__MAX_NODES);
    else if (!tram__append(&g->nodes, &g->node_count, sizeof *node, node))
        tram__graph_mistake(g, TRAM_ERR_NO_MEMORY, "a graph of %u nodes", g->node_count);
    else
        return (struct tram_node){g, g->node_count - 1};
    free_node(node);
    return none;
}

static bool limit_fits(struct tram_graph *g, const char *what, size_t max_bytes) {
    if (max_bytes >= 1 && max_bytes <= TRAM_MAX_BYTES)
        return true;
    tram__graph_mistake(g, TRAM_ERR_INVALID, "the limit of %s is %zu bytes; it can be 1 to %llu", what,
                        max_bytes, (unsigned long long)TRAM_MAX_BYTES);
    return false;
}

/* True for a node of this graph; else the mistake is kept. */
static bool ours(struct tram_graph *g, struct tram_node node, const char *what) {
    if (node.graph == g && node.index < g->node_count)
        return true;
    if (node.graph != g)
        tram__graph_mistake(g, TRAM_ERR_INVALID, "%s is a node of another graph", what);
    else
        tram__graph_mistake(g, TRAM_ERR_INVALID, "%s is not a node", what);
    return false;
}

/* The same for a task or a result of one, whose task it returns; else NO_NODE. */
static uint32_t our_task(struct tram_graph *g, struct tram_node node, const char *what) {
    if (!ours(g, node, what))
        return NO_NODE;
    uint32_t task = tram__graph_task(g, node.index);
    if (g->nodes[task].kind == TRAM__NODE_TASK)
        return task;
    tram__graph_mistake(g, TRAM_ERR_INVALID, "%s is not a task", what);
    return NO_NODE;
}

/* ---- values that no task makes ---- */

struct tram_node tram_graph_input(struct tram_graph *g, size_t max_bytes) {
    char what[NAME];
    snprintf(what, sizeof what, g->input_count ? "input %u" : "the input", g->input_count);
    if (!limit_fits(g, what, max_bytes))
        return (struct tram_node){g, NO_NODE};
    struct tram_node node =
        add(g, &(struct tram__node){.kind = TRAM__NODE_INPUT, .limit = max_bytes, .part = g->input_count});
    if (node.index != NO_NODE && !tram__append(&g->inputs, &g->input_count, sizeof *g->inputs, &node.index))
        return tram__graph_mistake(g, TRAM_ERR_NO_MEMORY, "an input");
    return node;
}

struct tram_node tram_graph_constant(struct tram_graph *g, const void *data, size_t size) {
    if (!limit_fits(g, "a constant", size))
        return (struct tram_node){g, NO_NODE};
    void *copy = malloc(size);
    if (!copy)
        return tram__graph_mistake(g, TRAM_ERR_NO_MEMORY, "a constant of %zu bytes", size);
    memcpy(copy, data, size);
    return add(g, &(struct tram__node){.kind = TRAM__NODE_CONSTANT, .limit = size, .data = copy});
}

/* ---- arguments ---- */

/* Takes `args` apart into n->args, with n->shape when there is a list among them. */
static bool arrange(struct tram_graph *g, struct tram__node *n, size_t count, const struct tram_node *args,
                    const char *of) {
    char what[NAME + 32];
    bool lists = false;
    for (size_t i = 0; i < count; i++) {
        snprintf(what, sizeof what, "argument %zu of %s", i, of);
        if (!ours(g, args[i], what))
            return false;
        lists |= g->nodes[args[i].index].kind == TRAM__NODE_LIST;
    }
    bool ok = true;
    for (size_t i = 0; ok && i < count; i++) {
        const struct tram__node *arg = &g->nodes[args[i].index];
        bool list = arg->kind == TRAM__NODE_LIST;
        uint32_t leaf = 0;
        if (n->arg_count + (list ? arg->arg_count : 1) > TRAM__MAX_ARGS) {
            tram__graph_mistake(g, TRAM_ERR_TOO_LARGE, "%s has more than %d arguments", of,
                                (int)TRAM__MAX_ARGS);
            return false;
        }
        for (uint32_t k = 0; ok && list && k < arg->arg_count; k++)
            ok = tram__append(&n->args, &n->arg_count, sizeof *n->args, &arg->args[k]);
        if (ok && !list)
            ok = tram__append(&n->args, &n->arg_count, sizeof *n->args, &args[i].index);
        if (ok && lists && !list)
            ok = tram__append(&n->shape, &n->shape_count, sizeof *n->shape, &leaf);
        for (uint32_t k = 0; ok && list && k < arg->shape_count; k++)
            ok = tram__append(&n->shape, &n->shape_count, sizeof *n->shape, &arg->shape[k]);
    }
    if (!ok)
        tram__graph_mistake(g, TRAM_ERR_NO_MEMORY, "%zu arguments of %s", count, of);
    return ok;
}

/* How deep the lists of a shape lie in each other. */
static unsigned depth_of(const uint32_t *shape, uint32_t count) {
    uint32_t left[TRAM__MAX_DEPTH + 2]; /* elements to come, of each list that is open */
    unsigned depth = 0, deepest = 0;
    for (uint32_t i = 0; i < count && depth <= TRAM__MAX_DEPTH; i++) {
        if (depth)
            left[depth - 1]--;
        if (shape[i])
            left[depth++] = shape[i] - 1;
        deepest = depth > deepest ? depth : deepest;
        while (depth && !left[depth - 1])
            depth--;
    }
    return deepest;
}

struct tram_node tram_graph_list_nodes(struct tram_graph *g, size_t count, const struct tram_node *nodes) {
    struct tram__node n = {.kind = TRAM__NODE_LIST};
    struct tram__node inside = {.kind = TRAM__NODE_LIST};
    uint32_t head = 1 + (uint32_t)count, leaf = 0;
    bool ok = arrange(g, &inside, count, nodes, "a list");
    if (ok) {
        ok = tram__append(&n.shape, &n.shape_count, sizeof head, &head);
        for (uint32_t i = 0; ok && i < (inside.shape ? inside.shape_count : inside.arg_count); i++)
            ok = tram__append(&n.shape, &n.shape_count, sizeof head, inside.shape ? &inside.shape[i] : &leaf);
        if (!ok)
            tram__graph_mistake(g, TRAM_ERR_NO_MEMORY, "a list");
        if (ok && depth_of(n.shape, n.shape_count) > TRAM__MAX_DEPTH) {
            tram__graph_mistake(g, TRAM_ERR_TOO_LARGE, "lists in lists, more than %d deep",
                                (int)TRAM__MAX_DEPTH);
            ok = false;
        }
    }
    free(inside.shape);
    n.args = inside.args;
    n.arg_count = inside.arg_count;
    if (ok)
        return add(g, &n);
    free_node(&n);
    return (struct tram_node){g, NO_NODE};
}

/* ---- tasks ---- */

struct tram_node tram__graph_add_task(struct tram_graph *g, const struct tram__node *like, size_t count,
                                      const struct tram_node *args) {
    char name[NAME];
    struct tram__node n = *like;
    snprintf(name, sizeof name, "%s.%s", n.actor_name, n.method);
    n.kind = TRAM__NODE_TASK;
    n.results = n.results ? n.results : 1;
    n.actor_name = strdup(like->actor_name);
    n.method = strdup(like->method);
    n.device = like->device ? strdup(like->device) : NULL;
    bool ok = arrange(g, &n, count, args, name);
    if (ok && (!n.actor_name || !n.method || (like->device && !n.device))) {
        tram__graph_mistake(g, TRAM_ERR_NO_MEMORY, "a task");
        ok = false;
    }
    if (!ok) {
        free_node(&n);
        return (struct tram_node){g, NO_NODE};
    }
    struct tram_node task = add(g, &n);
    for (uint32_t i = 1; task.index != NO_NODE && i < like->results; i++) {
        struct tram__node result = {.kind = TRAM__NODE_RESULT, .of = task.index, .part = i};
        if (add(g, &result).index == NO_NODE)
            return (struct tram_node){g, NO_NODE};
    }
    return task;
}

struct tram_node tram_graph_result(struct tram_graph *g, struct tram_node node, size_t index) {
    uint32_t task = our_task(g, node, "the node of a result");
    if (task == NO_NODE)
        return (struct tram_node){g, NO_NODE};
    if (index < g->nodes[task].results)
        return (struct tram_node){g, task + (uint32_t)index};
    return tram__graph_mistake(g, TRAM_ERR_INVALID, "result %zu of %s.%s, which has %u", index,
                               g->nodes[task].actor_name, g->nodes[task].method, g->nodes[task].results);
}

void tram_graph_limit(struct tram_graph *g, struct tram_node node, size_t max_bytes) {
    if (!open_to_change(g) || !ours(g, node, "the node of a limit") || !limit_fits(g, "a result", max_bytes))
        return;
    enum tram__node_kind kind = g->nodes[node.index].kind;
    if (kind == TRAM__NODE_CONSTANT || kind == TRAM__NODE_LIST)
        tram__graph_mistake(g, TRAM_ERR_INVALID, "a limit for a %s",
                            kind == TRAM__NODE_LIST ? "list" : "constant");
    else
        g->nodes[node.index].limit = max_bytes;
}

/* Copies what was announced, in place of what had been before. False when memory is short. */
static bool keep_tensor(struct tram__node *n, const struct tram_tensor_hint *hint) {
    bool custom = hint->transport == TRAM_TRANSPORT_CUSTOM;
    char *name = custom ? strdup(hint->custom) : NULL;
    struct tram_tensor_hint *kept = n->tensor ? n->tensor : calloc(1, sizeof *kept);
    if (!kept || (custom && !name)) {
        free(name);
        if (!n->tensor)
            free(kept);
        return false;
    }
    free((char *)(uintptr_t)kept->custom);
    *kept = *hint;
    kept->custom = name;
    if (hint->transport == TRAM_TRANSPORT_SHM)
        kept->target = TRAM_ON_CPU;
    n->tensor = kept;
    return true;
}

void tram_graph_tensor(struct tram_graph *g, struct tram_node node, const struct tram_tensor_hint *hint) {
    char name[NAME];
    if (!open_to_change(g) || !ours(g, node, "the node of a tensor"))
        return;
    struct tram__node *n = &g->nodes[node.index];
    tram__graph_name(g, node.index, name, sizeof name);
    if (!hint) {
        tram__graph_mistake(g, TRAM_ERR_INVALID, "the tensor of %s: no struct tram_tensor_hint", name);
        return;
    }
    size_t bytes = tram_tensor_value_bytes(&hint->tensor, hint->part_bytes);
    if (n->kind == TRAM__NODE_CONSTANT || n->kind == TRAM__NODE_LIST) {
        tram__graph_mistake(g, TRAM_ERR_INVALID, "a tensor announced for a %s", name);
    } else if (!bytes) {
        tram__graph_mistake(g, TRAM_ERR_INVALID, "the tensor of %s: %s", name, tram_last_error()->text);
    } else if (strcmp(tram_transport_text(hint->transport), "none") == 0) {
        tram__graph_mistake(g, TRAM_ERR_INVALID, "the tensor of %s: transport %d", name,
                            (int)hint->transport);
    } else if (hint->target > TRAM_ON_DEVICE) {
        tram__graph_mistake(g, TRAM_ERR_INVALID, "the tensor of %s: target %d", name, (int)hint->target);
    } else if (hint->transport == TRAM_TRANSPORT_SHM && hint->target == TRAM_ON_DEVICE) {
        tram__graph_mistake(
            g, TRAM_ERR_INVALID,
            "the tensor of %s: by shm it stays in host memory, and it is wanted on the device", name);
    } else if (hint->transport == TRAM_TRANSPORT_CUSTOM && (!hint->custom || !*hint->custom)) {
        tram__graph_mistake(g, TRAM_ERR_INVALID,
                            "the tensor of %s: its transport is custom, and which is not said", name);
    } else if (limit_fits(g, "a tensor", bytes)) {
        if (!keep_tensor(n, hint)) {
            tram__graph_mistake(g, TRAM_ERR_NO_MEMORY, "a tensor");
            return;
        }
        n->limit = bytes;
    }
}

/* ---- order ---- */

void tram_graph_after(struct tram_graph *g, struct tram_node node, struct tram_node before) {
    uint32_t task = our_task(g, node, "the later end of a control edge");
    uint32_t first = our_task(g, before, "the earlier end of a control edge");
    if (!open_to_change(g) || task == NO_NODE || first == NO_NODE)
        return;
    struct tram__node *n = &g->nodes[task];
    if (!tram__append(&n->after, &n->after_count, sizeof *n->after, &first))
        tram__graph_mistake(g, TRAM_ERR_NO_MEMORY, "a control edge");
}

/* True when `task` can join the unit. */
static bool may_join(struct tram_graph *g, const struct tram__unit *u, uint32_t task) {
    const struct tram__node *n = &g->nodes[task];
    if (n->unit) {
        tram__graph_mistake(g, TRAM_ERR_INVALID, "%s.%s is in two units", n->actor_name, n->method);
        return false;
    }
    for (uint32_t i = 0; i < u->count; i++) {
        if (u->tasks[i] == task) {
            tram__graph_mistake(g, TRAM_ERR_INVALID, "%s.%s is in a unit twice", n->actor_name, n->method);
            return false;
        }
        if (g->nodes[u->tasks[i]].actor == n->actor) {
            tram__graph_mistake(g, TRAM_ERR_INVALID,
                                "a unit of two tasks of actor %s, which runs one at a time", n->actor_name);
            return false;
        }
    }
    return true;
}

void tram_graph_unit(struct tram_graph *g, size_t count, const struct tram_node *nodes) {
    struct tram__unit u = {0};
    if (!open_to_change(g))
        return;
    if (!count) {
        tram__graph_mistake(g, TRAM_ERR_INVALID, "a unit of no tasks");
        return;
    }
    for (size_t i = 0; i < count; i++) {
        uint32_t task = our_task(g, nodes[i], "a member of a unit");
        if (task == NO_NODE || !may_join(g, &u, task)) {
            free(u.tasks);
            return;
        }
        if (!tram__append(&u.tasks, &u.count, sizeof task, &task)) {
            tram__graph_mistake(g, TRAM_ERR_NO_MEMORY, "a unit");
            free(u.tasks);
            return;
        }
    }
    if (!tram__append(&g->units, &g->unit_count, sizeof u, &u)) {
        tram__graph_mistake(g, TRAM_ERR_NO_MEMORY, "a unit");
        free(u.tasks);
        return;
    }
    for (uint32_t i = 0; i < u.count; i++)
        g->nodes[u.tasks[i]].unit = g->unit_count;
}

/* ---- outputs ---- */

void tram_graph_output(struct tram_graph *g, struct tram_node node) {
    char name[NAME];
    if (!open_to_change(g) || our_task(g, node, "an output") == NO_NODE)
        return;
    tram__graph_name(g, node.index, name, sizeof name);
    for (uint32_t i = 0; i < g->output_count; i++) {
        if (g->outputs[i] == node.index) {
            tram__graph_mistake(g, TRAM_ERR_INVALID, "%s is an output twice", name);
            return;
        }
    }
    if (!tram__append(&g->outputs, &g->output_count, sizeof *g->outputs, &node.index))
        tram__graph_mistake(g, TRAM_ERR_NO_MEMORY, "an output");
}

/* ---- the whole ---- */

/* Bytes of a task's result without a limit of its own: as many as its largest argument. */
static uint64_t largest_argument(const struct tram_graph *g, const struct tram__node *task) {
    uint64_t largest = 0;
    for (uint32_t i = 0; i < task->arg_count; i++)
        if (g->nodes[task->args[i]].bytes > largest)
            largest = g->nodes[task->args[i]].bytes;
    return largest;
}

int tram__graph_check(struct tram_graph *g) {
    if (g->status)
        return tram__fail(g->status, "%s", g->text);
    if (!g->output_count)
        return tram__fail(TRAM_ERR_INVALID, "the graph has no output");
    for (uint32_t i = 0; i < g->node_count; i++) {
        struct tram__node *n = &g->nodes[i];
        n->bytes = n->limit ? n->limit : largest_argument(g, &g->nodes[tram__graph_task(g, i)]);
        if (!n->bytes && n->kind != TRAM__NODE_LIST) {
            char name[NAME];
            tram__graph_name(g, i, name, sizeof name);
            return tram__fail(TRAM_ERR_INVALID,
                              "%s takes nothing, so its result needs a limit (tram_graph_limit)", name);
        }
    }
    return TRAM_OK;
}
