/* SPDX-License-Identifier: Apache-2.0
 *
 * Before a run: all that can be refused is, before anything is measured.
 */
#include <stdio.h>
#include <string.h>

#include "base/region.h"
#include "harness/report.h"

static int draw(const struct tram_scenario *scenario, struct tram_graph *g, const char *option,
                const char *path, unsigned show) {
    if (!path || tram_graph_visualize(g, path, show) == 0)
        return 0;
    fprintf(stderr, "%s: --%s=%s\n", scenario->name, option,
            tram_last_error()->text); /* which begins with the path */
    return 2;
}

/* Actors, of which there is room for TRAM_MAX_ACTORS, and the graph of one case. 0, or an exit status. */
static int build(struct tram *t, const struct tram_scenario *scenario, const struct tram_settings *s,
                 const struct tram_point *point, struct tram_actor **actors, struct tram_node *edge,
                 struct tram_graph **out) {
    struct tram_case c = {.scenario = scenario,
                          .input = point->input,
                          .tensor = point->tensor,
                          .transport = s->transport,
                          .actors = point->actors,
                          .loan = s->loan};
    struct tram_shape shape = tram_case_shape(&c);
    int status = 0;
    shape.edge = edge;
    for (unsigned i = 0; !status && i < shape.actors; i++) {
        struct tram_actor_options o = {.device = tram_device_of(&s->devices, i)};
        status = tram_actor_create(t, scenario->class_name, &o, &actors[i]);
        if (status && o.device) {
            fprintf(stderr, "%s: --device=%s: %s\n", scenario->name, s->device, tram_last_error()->text);
            return 2;
        }
    }
    if (status || (status = tram_graph_create(t, out))) {
        fprintf(stderr, "%s: %s\n", scenario->name, tram_last_error()->text);
        return 1;
    }
    scenario->build(*out, actors, &shape);
    return 0;
}

/* Whether the traces can be written is known before anything is measured. */
static int try_trace(const struct tram_run *r) {
    if (tram_run_try_trace(r) == 0)
        return 0;
    fprintf(stderr, "%s: --trace=%s: %s\n", r->scenario->name, r->settings->trace, tram_last_error()->text);
    return 2;
}

/* Draws the graph of the first case: it takes actors to bind to, but runs nothing. */
static int draw_all(struct tram *t, const struct tram_scenario *scenario, const struct tram_settings *s) {
    struct tram_actor *actors[TRAM_MAX_ACTORS];
    struct tram_graph *g = NULL;
    if (!s->graph && !s->schedule)
        return 0;
    int status = build(t, scenario, s, &s->points[0], actors, NULL, &g);
    if (!status)
        status = draw(scenario, g, "graph", s->graph, TRAM_SHOW_SIZES);
    if (!status)
        status = draw(scenario, g, "schedule", s->schedule, TRAM_SHOW_SCHEDULE);
    tram_graph_destroy(g);
    return status;
}

/* What the devices of the actors are, each once. */
static void list_devices(struct tram_run *r, struct tram_actor **actors, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        const char *name = tram_device_of(&r->settings->devices, i);
        struct tram_run_device *d = &r->devices[r->device_count];
        bool seen = !name;
        for (unsigned k = 0; name && k < r->device_count; k++)
            seen |= strcmp(r->devices[k].name, name) == 0;
        if (seen || r->device_count == TRAM_MAX_DEVICES || tram_actor_device(actors[i], &d->info))
            continue;
        d->name = name;
        r->device_count++;
    }
}

/* What the processes of a transfer take of this machine's memory in the worst of the modes: slots, the object store, and what
 * each makes its tensors from, or compares them with. */
static int check_memory(const struct tram_run *r, const struct tram_point *p) {
    uint64_t each = p->tensor, wanted = each * (3 * (uint64_t)p->inflight + 4 * (uint64_t)p->actors),
             available = tram__memory_available();
    if (wanted <= available)
        return 0;
    fprintf(stderr,
            "%s: --size=%zu --inflight=%u --receivers=%u: about %llu bytes are needed, %llu are available\n",
            r->scenario->name, p->tensor, p->inflight, p->actors - 1, (unsigned long long)wanted,
            (unsigned long long)available);
    return 2;
}

/* Whether the devices are there, and can have the largest tensors on an edge as asked for: compiled once before anything is
 * measured. */
static int try_transfer(struct tram *t, struct tram_run *r) {
    const struct tram_settings *s = r->settings;
    struct tram_actor *actors[TRAM_MAX_ACTORS];
    const struct tram_point *largest = &s->points[0];
    struct tram_graph *g = NULL;
    struct tram_compiled *x;
    struct tram_node edge;
    for (size_t i = 1; i < s->point_count; i++)
        if (s->points[i].tensor * s->points[i].inflight * s->points[i].actors >
            largest->tensor * largest->inflight * largest->actors)
            largest = &s->points[i];
    r->picked = s->transport;
    if (!largest->tensor)
        return 0;
    int status = check_memory(r, largest);
    if (!status)
        status = build(t, r->scenario, s, largest, actors, &edge, &g);
    if (!status)
        list_devices(r, actors, largest->actors);
    struct tram_compile_options o = {.inflight = largest->inflight};
    if (status) {
        tram_graph_destroy(g);
        return status;
    }
    if (tram_graph_compile(g, &o, &x) == 0) {
        tram_compiled_transport(x, edge, &r->picked);
        tram_teardown(x);
    } else {
        fprintf(stderr, "%s: --device=%s --transport=%s: %s\n", r->scenario->name, s->device, s->how,
                tram_last_error()->text);
        status = 2;
    }
    tram_graph_destroy(g);
    return status;
}

int tram_run_prepare(struct tram *t, struct tram_run *r) {
    int status = tram_outputs_try(r);
    if (!status && r->settings->trace)
        status = try_trace(r);
    if (!status)
        status = draw_all(t, r->scenario, r->settings);
    return status ? status : try_transfer(t, r);
}
