/* SPDX-License-Identifier: Apache-2.0
 *
 * Which messages were both written and read, as far as both are recorded: only those get a flow, each one. Two bits a message,
 * in pages, so that memory follows what there is.
 *
 * Edges are numbered: those of graphs (run.h), then those of each group of eager calls.
 */
#ifndef TRAM_PROFILERS_FLOWS_H
#define TRAM_PROFILERS_FLOWS_H

#include "profilers/run.h"

struct tram__flow_page;
struct tram__flow_recent {
    uint64_t number;
    struct tram__flow_page *page;
};
struct tram__flows {
    struct tram__flow_page **table;
    uint64_t table_size, page_count;
    struct tram__flow_recent *recent; /* by edge: the page that was asked for last */
    uint32_t edge_count, graph_edges, group_count;
    uint64_t salt;
    bool hands;        /* some result went from actor to actor */
    uint64_t left_out; /* messages that there was no room for */
};

/* Ways of a group: calls to the actor, its replies, and results that others hand to calls on it: for those, a call's number has
 * TRAM__FLOW_HANDS numbers, one for each argument. */
enum {
    TRAM__FLOW_CALL,
    TRAM__FLOW_REPLY,
    TRAM__FLOW_HAND,
    TRAM__FLOW_WAYS,
    TRAM__FLOW_GROUPS = 4096,
    TRAM__FLOW_HANDS = 8
};

bool tram__flows_init(struct tram__flows *f, uint32_t graph_edges, uint64_t salt);
void tram__flows_free(struct tram__flows *f);
/* The edge of a group of calls; false: the group makes no sense. */
static inline bool tram__flow_of_calls(const struct tram__flows *f, uint32_t group, unsigned way,
                                       uint32_t *edge) {
    *edge = f->graph_edges + TRAM__FLOW_WAYS * group + way;
    return group < f->group_count;
}
/* Message n of the edge was written, or read. */
void tram__flow_seen(struct tram__flows *f, uint32_t edge, uint64_t n, bool read);
/* All that were seen were: leaves those that have both. */
void tram__flows_match(struct tram__flows *f);
/* The id of the flow that begins (read: ends) here; 0: none, or it has been given out. */
uint64_t tram__flow_take(struct tram__flows *f, uint32_t edge, uint64_t n, bool read);

#endif
