/* SPDX-License-Identifier: Apache-2.0
 *
 * Binding a method of a live actor: what graph/ may not know, it is told here.
 */
#include "exec/exec.h"

struct tram_node tram_graph_bind_args(struct tram_graph *g, struct tram_actor *a, const char *method,
                                      size_t count, const struct tram_node *args) {
    if (a->t != g->t)
        return tram__graph_mistake(g, TRAM_ERR_INVALID, "actor %s is of another runtime", a->name);
    const struct tram__method_info *m = tram__actor_method(a, method);
    if (!m)
        return tram__graph_mistake(g, TRAM_ERR_NOT_FOUND, "class %s of actor %s has no method '%s'",
                                   a->class_name, a->name, method);
    struct tram__node like = {.actor = a,
                              .actor_index = a->index,
                              .actor_name = a->name,
                              .method = m->name,
                              .device = a->device,
                              .ties = a->device ? &a->ties : NULL,
                              .results = m->results,
                              .forwards = m->forwards};
    return tram__graph_add_task(g, &like, count, args);
}
