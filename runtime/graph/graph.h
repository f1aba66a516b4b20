/* SPDX-License-Identifier: Apache-2.0
 *
 * A graph as the user builds it: nodes in bind order, which is a topological order by construction. No I/O,
 * no processes: actors are known by what the builder told about them.
 */
#ifndef TRAM_GRAPH_GRAPH_H
#define TRAM_GRAPH_GRAPH_H

#include "tramline/tramline.h"

#include <stdbool.h>

enum tram__node_kind { TRAM__NODE_INPUT, TRAM__NODE_TASK };

struct tram__node {
    enum tram__node_kind kind;
    struct tram_actor *actor; /* TASK: only its identity counts here */
    uint32_t actor_index;
    char *actor_name, *method;
    bool forwards;  /* the method may forward an argument */
    uint64_t limit; /* bytes of its value; 0: not set, see tram__graph_limits */
    uint32_t *args; /* nodes, all smaller than this one */
    uint32_t arg_count;
};

struct tram_graph {
    struct tram *t; /* whose graph it is; opaque here */
    struct tram__node *nodes;
    uint32_t node_count, node_capacity;
    uint32_t *outputs; /* nodes */
    uint32_t output_count, output_capacity;
    int status; /* of the first mistake, with its text; 0: none */
    char text[512];
};

enum { TRAM__MAX_ARGS = 64, TRAM__MAX_NODES = 1 << 20 };

/* Adds a task; what binding needs to know of the actor comes from the caller. */
struct tram_node tram__graph_add_task(struct tram_graph *g, const struct tram__node *like, size_t count,
                                      const struct tram_node *args);
/* Keeps the first mistake. Returns the node that stands for none. */
struct tram_node tram__graph_mistake(struct tram_graph *g, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* "input", or "Echo#0.echo" (node 3 when unnamed), into `out`. */
void tram__graph_name(const struct tram_graph *g, uint32_t node, char *out, size_t size);
/* Whole-graph checks and the limits that were left open. 0, or the first mistake as the thread's last error.
 */
int tram__graph_check(struct tram_graph *g);

#endif
