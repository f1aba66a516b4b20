/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/graph.h"

#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NO_NODE UINT32_MAX

int tram_graph_create(struct tram *t, struct tram_graph **out) {
    struct tram_graph *g = calloc(1, sizeof *g);
    if (!g)
        return tram__fail(TRAM_ERR_NO_MEMORY, "a graph");
    g->t = t;
    *out = g;
    return TRAM_OK;
}

void tram_graph_destroy(struct tram_graph *g) {
    if (!g)
        return;
    for (uint32_t i = 0; i < g->node_count; i++) {
        free(g->nodes[i].actor_name);
        free(g->nodes[i].method);
        free(g->nodes[i].args);
    }
    free(g->nodes);
    free(g->outputs);
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

void tram__graph_name(const struct tram_graph *g, uint32_t node, char *out, size_t size) {
    const struct tram__node *n = &g->nodes[node];
    if (n->kind == TRAM__NODE_INPUT)
        snprintf(out, size, "input");
    else
        snprintf(out, size, "%s.%s", n->actor_name, n->method);
}

/* Doubles an array; false when memory is short. */
static bool grow(void **array, uint32_t *capacity, size_t element) {
    uint32_t wanted = *capacity ? *capacity * 2 : 16;
    void *p = realloc(*array, wanted * element);
    if (!p)
        return false;
    *array = p;
    *capacity = wanted;
    return true;
}

static struct tram_node add(struct tram_graph *g, const struct tram__node *node) {
    if (g->node_count == TRAM__MAX_NODES)
        return tram__graph_mistake(g, TRAM_ERR_FULL, "more than %d nodes", (int)TRAM__MAX_NODES);
    if (g->node_count == g->node_capacity && !grow((void **)&g->nodes, &g->node_capacity, sizeof *g->nodes))
        return tram__graph_mistake(g, TRAM_ERR_NO_MEMORY, "a graph of %u nodes", g->node_count);
    g->nodes[g->node_count] = *node;
    return (struct tram_node){g, g->node_count++};
}

static bool limit_fits(struct tram_graph *g, const char *what, size_t max_bytes) {
    if (max_bytes >= 1 && max_bytes <= TRAM_MAX_BYTES)
        return true;
    tram__graph_mistake(g, TRAM_ERR_INVALID, "the limit of %s is %zu bytes; it can be 1 to %llu", what,
                        max_bytes, (unsigned long long)TRAM_MAX_BYTES);
    return false;
}

struct tram_node tram_graph_input(struct tram_graph *g, size_t max_bytes) {
    for (uint32_t i = 0; i < g->node_count; i++)
        if (g->nodes[i].kind == TRAM__NODE_INPUT)
            return tram__graph_mistake(g, TRAM_ERR_UNSUPPORTED, "a second input; a graph has one");
    if (!limit_fits(g, "the input", max_bytes))
        return (struct tram_node){g, NO_NODE};
    return add(g, &(struct tram__node){.kind = TRAM__NODE_INPUT, .limit = max_bytes});
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

struct tram_node tram__graph_add_task(struct tram_graph *g, const struct tram__node *like, size_t count,
                                      const struct tram_node *args) {
    char what[160];
    struct tram__node n = *like;
    n.kind = TRAM__NODE_TASK;
    if (count == 0)
        return tram__graph_mistake(g, TRAM_ERR_UNSUPPORTED, "%s.%s has no argument; a task needs one",
                                   n.actor_name, n.method);
    if (count > TRAM__MAX_ARGS)
        return tram__graph_mistake(g, TRAM_ERR_TOO_LARGE, "%s.%s has %zu arguments; the limit is %d",
                                   n.actor_name, n.method, count, (int)TRAM__MAX_ARGS);
    for (size_t i = 0; i < count; i++) {
        snprintf(what, sizeof what, "argument %zu of %s.%s", i, n.actor_name, n.method);
        if (!ours(g, args[i], what))
            return (struct tram_node){g, NO_NODE};
    }
    n.args = malloc(count * sizeof *n.args);
    n.actor_name = strdup(like->actor_name);
    n.method = strdup(like->method);
    n.arg_count = (uint32_t)count;
    for (size_t i = 0; n.args && i < count; i++)
        n.args[i] = args[i].index;
    struct tram_node node = {g, NO_NODE};
    if (n.args && n.actor_name && n.method)
        node = add(g, &n);
    else
        tram__graph_mistake(g, TRAM_ERR_NO_MEMORY, "a task of %zu arguments", count);
    if (node.index == NO_NODE) {
        free(n.args);
        free(n.actor_name);
        free(n.method);
    }
    return node;
}

void tram_graph_limit(struct tram_graph *g, struct tram_node node, size_t max_bytes) {
    if (!ours(g, node, "the node of a limit") || !limit_fits(g, "a result", max_bytes))
        return;
    g->nodes[node.index].limit = max_bytes;
}

void tram_graph_output(struct tram_graph *g, struct tram_node node) {
    char name[160];
    if (!ours(g, node, "an output"))
        return;
    tram__graph_name(g, node.index, name, sizeof name);
    if (g->nodes[node.index].kind == TRAM__NODE_INPUT) {
        tram__graph_mistake(g, TRAM_ERR_INVALID, "the input is an output: no task lies between");
        return;
    }
    for (uint32_t i = 0; i < g->output_count; i++) {
        if (g->outputs[i] == node.index) {
            tram__graph_mistake(g, TRAM_ERR_INVALID, "%s is an output twice", name);
            return;
        }
    }
    if (g->output_count == g->output_capacity &&
        !grow((void **)&g->outputs, &g->output_capacity, sizeof *g->outputs)) {
        tram__graph_mistake(g, TRAM_ERR_NO_MEMORY, "an output");
        return;
    }
    g->outputs[g->output_count++] = node.index;
}

int tram__graph_check(struct tram_graph *g) {
    if (g->status)
        return tram__fail(g->status, "%s", g->text);
    if (!g->output_count)
        return tram__fail(TRAM_ERR_INVALID, "the graph has no output");
    for (uint32_t i = 0; i < g->node_count; i++) {
        struct tram__node *n = &g->nodes[i];
        if (!n->limit) {
            uint64_t largest = 0;
            for (uint32_t j = 0; j < n->arg_count; j++)
                if (g->nodes[n->args[j]].limit > largest)
                    largest = g->nodes[n->args[j]].limit;
            n->limit = largest;
        }
    }
    return TRAM_OK;
}
