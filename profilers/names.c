/* SPDX-License-Identifier: Apache-2.0 */
#include "profilers/names.h"

static const struct tram__kind kinds[TRAM__EVENT_KINDS] = {
    [TRAM__EVENT_READ_WAIT] = {TRAM__CATEGORY_READ, TRAM__PLACE_THREAD, true, "READ "},
    [TRAM__EVENT_READ_COPY] = {TRAM__CATEGORY_READ, TRAM__PLACE_THREAD, true, "copy "},
    [TRAM__EVENT_COMPUTE] = {TRAM__CATEGORY_COMPUTE, TRAM__PLACE_THREAD, true, ""},
    [TRAM__EVENT_WRITE_WAIT] = {TRAM__CATEGORY_WAIT, TRAM__PLACE_THREAD, true, "wait for a slot of "},
    [TRAM__EVENT_WRITE_COPY] = {TRAM__CATEGORY_WRITE, TRAM__PLACE_THREAD, true, "copy into "},
    [TRAM__EVENT_WRITE] = {TRAM__CATEGORY_WRITE, TRAM__PLACE_THREAD, true, "WRITE "},
    [TRAM__EVENT_EXECUTION] = {TRAM__CATEGORY_PROGRAM, TRAM__PLACE_SLOT, true, "execution"},
    [TRAM__EVENT_ENCODE] = {TRAM__CATEGORY_EAGER, TRAM__PLACE_THREAD, false, "encode "},
    [TRAM__EVENT_SEND] = {TRAM__CATEGORY_EAGER, TRAM__PLACE_THREAD, false, "send "},
    [TRAM__EVENT_DECODE] = {TRAM__CATEGORY_EAGER, TRAM__PLACE_THREAD, false, "decode "},
    [TRAM__EVENT_QUEUE] = {TRAM__CATEGORY_EAGER, TRAM__PLACE_QUEUE, false, "queued "},
    [TRAM__EVENT_RESOLVE] = {TRAM__CATEGORY_EAGER, TRAM__PLACE_THREAD, false, "arguments of "},
    [TRAM__EVENT_RUN] = {TRAM__CATEGORY_EAGER, TRAM__PLACE_THREAD, false, "run "},
    [TRAM__EVENT_REPLY] = {TRAM__CATEGORY_EAGER, TRAM__PLACE_THREAD, false, "reply "},
    [TRAM__EVENT_AWAIT] = {TRAM__CATEGORY_EAGER, TRAM__PLACE_THREAD, false, "await "},
    [TRAM__EVENT_FETCH] = {TRAM__CATEGORY_EAGER, TRAM__PLACE_THREAD, false, "fetch "},
    [TRAM__EVENT_HAND] = {TRAM__CATEGORY_EAGER, TRAM__PLACE_THREAD, false, "hand on"},
    [TRAM__EVENT_ANY] = {TRAM__CATEGORY_WAIT, TRAM__PLACE_THREAD, false, "wait for any"},
    [TRAM__EVENT_BYTES] = {TRAM__CATEGORY_WRITE, TRAM__PLACE_BYTES, true, ""},
    [TRAM__EVENT_TIMED_OUT] = {TRAM__CATEGORY_WAIT, TRAM__PLACE_THREAD, true, "timed out waiting for "},
    [TRAM__EVENT_BETWEEN] = {TRAM__CATEGORY_WAIT, TRAM__PLACE_THREAD, true, "between turns, "},
    [TRAM__EVENT_SLEEP] = {TRAM__CATEGORY_WAIT, TRAM__PLACE_SLEEP, false, "sleep"},
    [TRAM__EVENT_MARK] = {TRAM__CATEGORY_PROGRAM, TRAM__PLACE_PROGRAM, false, ""},
    [TRAM__EVENT_COUNTER] = {TRAM__CATEGORY_PROGRAM, TRAM__PLACE_COUNTER, false, ""},
};

const struct tram__kind *tram__kind(unsigned kind) {
    return &kinds[kind < TRAM__EVENT_KINDS ? kind : TRAM__EVENT_NONE];
}

const char *tram__category_text(unsigned category) {
    static const char *const texts[TRAM__CATEGORIES] = {
        [TRAM__CATEGORY_READ] = "read",   [TRAM__CATEGORY_COMPUTE] = "compute",
        [TRAM__CATEGORY_WRITE] = "write", [TRAM__CATEGORY_EAGER] = "eager",
        [TRAM__CATEGORY_WAIT] = "wait",   [TRAM__CATEGORY_PROGRAM] = "program",
        [TRAM__CATEGORY_GPU] = "gpu",     [TRAM__CATEGORY_COLLECTIVE] = "collective",
    };
    return category && category < TRAM__CATEGORIES ? texts[category] : "";
}

void tram__event_text(const struct tram__run_process *p, const struct tram__run_graph *graph,
                      const struct tram__event *e, char *out, size_t size) {
    enum tram__event_kind kind = tram__event_kind(e);
    const struct tram__kind *k = tram__kind(kind);
    const char *name = NULL;
    if (tram__event_nameless(kind))
        name = "";
    else if (kind == TRAM__EVENT_COMPUTE) {
        const struct tram__run_task *t = graph ? tram__run_graph_task(graph, e->name) : NULL;
        name = t ? t->name : NULL;
    } else if (k->graph)
        name = graph && e->name < graph->channel_count ? graph->channels[e->name].name : NULL;
    else
        name = tram__run_string(p, e->name);
    if (name)
        snprintf(out, size, "%s%s", k->prefix, name);
    else if (kind == TRAM__EVENT_COMPUTE)
        snprintf(out, size, "node %u", e->name);
    else
        snprintf(out, size, k->graph ? "%sc%u" : "%s#%u", k->prefix, e->name);
}
