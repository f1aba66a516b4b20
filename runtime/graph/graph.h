/* SPDX-License-Identifier: Apache-2.0
 *
 * A graph as the user builds it: nodes in bind order. Arguments are always bound before the task that takes them;
 * control edges and units may ask for any other order, and schedule/ finds out whether there is one. No I/O, no
 * processes: actors are known by what the builder told about them.
 */
#ifndef TRAM_GRAPH_GRAPH_H
#define TRAM_GRAPH_GRAPH_H

#include "base/ties.h"
#include "tramline/tensor.h"

#include <stdbool.h>

enum tram__node_kind {
    TRAM__NODE_INPUT,    /* a part of the input of an execution */
    TRAM__NODE_TASK,     /* a task, and its result 0 */
    TRAM__NODE_RESULT,   /* result 1 or higher of a task: these follow it directly */
    TRAM__NODE_CONSTANT, /* bytes that never change */
    TRAM__NODE_LIST,     /* an arrangement of other nodes; no value of its own */
};

struct tram__node {
    enum tram__node_kind kind;
    uint32_t part; /* INPUT: which; RESULT: which, of the task `of` */
    uint32_t of;
    struct tram_actor *actor; /* TASK: only its identity counts here */
    uint32_t actor_index;
    char *actor_name, *method, *device; /* device: the actor's, NULL: none */
    const struct tram__ties *ties;      /* of the device; the actor's, which outlives its graphs */
    uint32_t results;                   /* TASK: how many, at least 1 */
    bool forwards;                      /* the method may forward an argument */
    uint32_t unit;                      /* TASK: 1 + the unit it is in, 0: none */
    uint64_t limit;                     /* bytes of its value as set; 0: not set */
    uint64_t bytes;                     /* bytes of its value, once checked */
    /* TASK, LIST: the arguments, lists taken apart; all smaller than this node. */
    uint32_t *args;
    uint32_t arg_count;
    /* How they were arranged, in preorder: 0 for an argument, 1 + n for a list, whose n elements follow. NULL: there is
     * no list among them. */
    uint32_t *shape;
    uint32_t shape_count;
    uint32_t *after; /* TASK: tasks that must have run before; any node but itself */
    uint32_t after_count;
    void *data;                      /* CONSTANT: `limit` bytes */
    struct tram_tensor_hint *tensor; /* INPUT, TASK, RESULT: what was announced, its name its own; or NULL */
};

/* Tasks that run together: none begins before all can. */
struct tram__unit {
    uint32_t *tasks;
    uint32_t count;
};

struct tram_graph {
    bool
        no_ipc; /* it was tried, and something stood in the way that nobody could know: not for who leaves the choice to us */
    struct tram *t; /* whose graph it is; opaque here */
    struct tram__node *nodes;
    uint32_t node_count, node_capacity;
    uint32_t *outputs; /* nodes */
    uint32_t output_count;
    uint32_t *inputs; /* nodes, by part */
    uint32_t input_count;
    struct tram__unit *units;
    uint32_t unit_count;
    bool frozen;      /* compiled */
    uint64_t changes; /* so far */
    void *run;        /* of exec/run.c */
    void (*free_run)(void *run);
    int status; /* of the first mistake, with its text; 0: none */
    char text[512];
};

enum { TRAM__MAX_ARGS = 1024, TRAM__MAX_NODES = 1 << 20, TRAM__MAX_DEPTH = 64 };

/* Adds a task; what binding needs to know of the actor comes from the caller. */
struct tram_node tram__graph_add_task(struct tram_graph *g, const struct tram__node *like, size_t count,
                                      const struct tram_node *args);
/* Keeps the first mistake. Returns the node that stands for none. */
struct tram_node tram__graph_mistake(struct tram_graph *g, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* "input", "input 2", "Echo#0.echo", "Echo#0.split[1]" or "constant", into `out`. */
void tram__graph_name(const struct tram_graph *g, uint32_t node, char *out, size_t size);
/* The task whose result a TASK or RESULT node is. */
uint32_t tram__graph_task(const struct tram_graph *g, uint32_t node);
/* Whole-graph checks, and the limits that were left open. 0, or the first mistake as the thread's last error. */
int tram__graph_check(struct tram_graph *g);

#endif
