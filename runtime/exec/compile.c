/* SPDX-License-Identifier: Apache-2.0
 *
 * Compile: schedule, lay out, have every participant allocate its region (PREPARE), hand the regions round
 * (CONNECT), start. Teardown goes the other way, in two steps where devices lend memory. Every step that can fail leaves the
 * actors as they were. connect.c has the steps in the middle, order.c how an actor is told of one.
 */
#include "base/error.h"
#include "base/transport.h"
#include "exec/connect.h"
#include "exec/order.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

enum { DEFAULT_INFLIGHT = 10, DEFAULT_KEPT = 1000 };
#define COMPILE_S   10.0
#define ALLOCATED_S 1e-8 /* for each byte: memory is made resident, by every process its own */
#define CLEAN_UP_S  1.0  /* after a failure; an actor that is busy for longer obeys when it can */

static int check_actors(const struct tram_graph *g) {
    for (uint32_t i = 0; i < g->node_count; i++)
        if (g->nodes[i].actor &&
            (g->nodes[i].actor->gone || tram__roster_gone(g->t->roster, g->nodes[i].actor->index)))
            return tram__actor_dead(g->nodes[i].actor);
    return TRAM_OK;
}

/* What edges ask for, as text; truncated when it is long. */
struct request {
    char text[256];
    size_t used;
};

static void add_request(struct request *r, const char *name, uint32_t slots, uint64_t bytes) {
    if (r->used < sizeof r->text)
        r->used += (size_t)snprintf(r->text + r->used, sizeof r->text - r->used, "%s%s %u x %llu",
                                    r->used ? ", " : "", name, slots, (unsigned long long)bytes);
}

static void add_local_requests(struct request *r, const struct tram__schedule *s,
                               const struct tram__participant_plan *p) {
    char name[160];
    for (uint32_t i = 0; i < p->task_count; i++) {
        for (uint32_t k = 0; k < p->tasks[i].result_count; k++) {
            const struct tram__result_plan *result = &p->tasks[i].results[k];
            if (result->channel >= 0)
                continue;
            tram__graph_name(s->graph, result->node, name, sizeof name);
            add_request(r, name, 1, result->capacity);
        }
    }
}

/* Bytes of elements that stay on devices; of host memory: on those that have no memory of their own. */
static uint64_t device_bytes(const struct tram__layout *l, bool of_host_memory) {
    const struct tram__schedule *s = l->schedule;
    uint64_t bytes = 0;
    for (uint32_t c = 0; c < s->channel_count; c++) {
        const struct tram__channel_plan *plan = &s->channels[c];
        const char *device =
            plan->device_bytes ? s->graph->nodes[s->participants[plan->writer].tasks[0].node].device : NULL;
        if (device && (!of_host_memory || strncmp(device, "cuda", 4) != 0))
            bytes += l->slots * plan->device_bytes;
    }
    return bytes;
}

/* Before anything is allocated: crossing a limit while prefaulting kills instead of failing. */
static int check_memory(const struct tram__layout *l) {
    uint64_t available = tram__memory_available(), wanted = l->total + l->local + device_bytes(l, true);
    if (wanted <= available)
        return TRAM_OK;
    struct request r = {.used = 0};
    const struct tram__schedule *s = l->schedule;
    char name[200];
    for (uint32_t c = 0; c < s->channel_count; c++) {
        tram__schedule_channel_name(s, c, name, sizeof name);
        add_request(&r, strchr(name, ' ') + 1, l->slots,
                    s->channels[c].capacity + s->channels[c].device_bytes);
    }
    for (uint32_t p = 0; p < s->participant_count; p++)
        add_local_requests(&r, s, &s->participants[p]);
    return tram__fail(TRAM_ERR_NO_MEMORY, "the edges need %llu bytes, %llu are available; slots x bytes: %s",
                      (unsigned long long)wanted, (unsigned long long)available, r.text);
}

static int keep_names(struct tram_compiled *x, const struct tram__schedule *s) {
    const struct tram_graph *g = s->graph;
    x->names = calloc(g->node_count, sizeof *x->names);
    x->actors = calloc(s->participant_count, sizeof *x->actors);
    if (!x->names || !x->actors)
        return tram__fail(TRAM_ERR_NO_MEMORY, "a compiled graph");
    for (uint32_t i = 0; i < g->node_count; i++) {
        x->node_count = i + 1;
        const struct tram__node *task = &g->nodes[tram__graph_task(g, i)];
        x->names[i].actor = task->actor;
        if (task->method && !(x->names[i].method = strdup(task->method)))
            return tram__fail(TRAM_ERR_NO_MEMORY, "a compiled graph");
    }
    for (uint32_t c = 0; c < s->channel_count; c++) {
        x->lends |= s->channels[c].device_bytes != 0;
        if (s->channels[c].transport)
            x->names[s->channels[c].node].transport = s->channels[c].transport;
    }
    for (uint32_t p = 1; p < s->participant_count; p++)
        x->actors[x->actor_count++] = s->participants[p].actor;
    return TRAM_OK;
}

/* With many more threads than CPUs, yielding passes the CPU to every other waiting thread in turn before it comes to the
 * one that can go on: about half the threads of a CPU, at 0.9 us each, where a sleep and a wake on one CPU take 2.7 us
 * altogether (and 40 us and more between CPUs, one of which has halted). */
enum { CROWDED = 5 };

/* True when the graph is best run on one CPU, asleep between messages: it is far larger than the machine, its tasks run
 * one after the other anyway, and nobody said otherwise. Main threads stay where they are: they have more to do than
 * one graph. */
static bool one_at_a_time(const struct tram_compiled *x, const struct tram__schedule *s) {
    for (uint32_t i = 0; i < x->actor_count; i++)
        if (x->actors[i]->pinned)
            return false;
    return x->thread == TRAM_THREAD_OWN && x->wait == TRAM_WAIT_AUTO &&
           s->participant_count > CROWDED * x->t->cpus.usable && s->task_count < 2 * s->longest;
}

static int find_endpoints(struct tram_compiled *x, const struct tram__schedule *s) {
    size_t states = (size_t)x->slots * s->output_count;
    x->outputs = calloc(s->output_count, sizeof(struct tram__reader *));
    x->state = calloc(states, sizeof *x->state);
    x->left = calloc(x->slots, sizeof *x->left);
    x->covers = malloc(s->output_count * sizeof *x->covers);
    x->inputs = calloc(s->input_count + 1, sizeof *x->inputs);
    if (!x->outputs || !x->state || !x->left || !x->covers || !x->inputs)
        return tram__fail(TRAM_ERR_NO_MEMORY, "a compiled graph");
    for (uint32_t i = 0; i < s->output_count; i++)
        x->outputs[x->output_count++] = tram__participant_reader(&x->participant, s->outputs[i]);
    int named = tram__trace_open(&x->tracer, &x->participant, "driver");
    if (named)
        return named;
    if ((x->t->trace || x->tracer.sink) && !(x->submitted = calloc(x->slots, sizeof *x->submitted)))
        return tram__fail(TRAM_ERR_NO_MEMORY, "a compiled graph");
    x->arrived = calloc(s->output_count, sizeof *x->arrived);
    x->process_fds = malloc((x->actor_count + 1) * sizeof *x->process_fds);
    if (!x->arrived || !x->process_fds)
        return tram__fail(TRAM_ERR_NO_MEMORY, "a compiled graph");
    if (x->most_kept) {
        x->kept = calloc((size_t)x->most_kept * s->output_count, sizeof *x->kept);
        x->kept_rows = calloc(x->most_kept, sizeof *x->kept_rows);
        if (!x->kept || !x->kept_rows)
            return tram__fail(TRAM_ERR_NO_MEMORY, "a graph that keeps the results of %u executions aside",
                              x->most_kept);
    }
    for (uint32_t i = 0; i < x->actor_count; i++)
        x->process_fds[i] = -1;
    memcpy(x->covers, s->covers, s->output_count * sizeof *x->covers);
    for (uint32_t i = 0; i < s->input_count; i++) {
        struct tram__input *in = &x->inputs[x->input_count++];
        in->limit = s->graph->nodes[s->graph->inputs[i]].bytes;
        const struct tram_tensor_hint *tensor = s->graph->nodes[s->graph->inputs[i]].tensor;
        if (tensor && !(in->tensor = malloc(sizeof *tensor)))
            return tram__fail(TRAM_ERR_NO_MEMORY, "a compiled graph");
        if (tensor) {
            *in->tensor = *tensor;
            in->tensor->custom = NULL; /* the graph's */
        }
        if (s->inputs[i] < 0 && !(in->unread = malloc(in->limit)))
            return tram__fail(TRAM_ERR_NO_MEMORY, "part %u of the input, which no task takes", i);
        in->writer =
            s->inputs[i] < 0 ? NULL : tram__participant_writer(&x->participant, (uint32_t)s->inputs[i]);
    }
    x->start = s->start < 0 ? NULL : tram__participant_writer(&x->participant, (uint32_t)s->start);
    return TRAM_OK;
}

static void free_inside(struct tram_compiled *x) {
    tram__exec_close_events(x);
    tram__trace_close(&x->tracer);
    tram__participant_close(&x->participant);
    for (uint32_t i = 0; i < x->node_count; i++)
        free(x->names[i].method);
    free(x->names);
    free(x->actors);
    free(x->outputs);
    free(x->covers);
    for (uint32_t i = 0; x->inputs && i < x->input_count; i++) {
        free(x->inputs[i].unread);
        free(x->inputs[i].tensor);
    }
    free(x->inputs);
    free(x->state);
    for (size_t i = 0; x->kept && i < (size_t)x->most_kept * x->output_count; i++)
        free(x->kept[i].data);
    free(x->kept);
    free(x->kept_rows);
    free(x->arrived);
    free(x->process_fds);
    free(x->left);
    free(x->submitted);
    x->names = NULL;
    x->actors = NULL;
    x->outputs = NULL;
    x->covers = NULL;
    x->inputs = NULL;
    x->state = NULL;
    x->kept = NULL;
    x->kept_rows = NULL;
    x->arrived = NULL;
    x->process_fds = NULL;
    x->left = NULL;
    x->submitted = NULL;
    x->actor_count = x->node_count = x->output_count = x->input_count = 0;
}

static int check_readers(const struct tram__schedule *s, const struct tram__channel_ops *ops) {
    for (uint32_t c = 0; c < s->channel_count; c++) {
        char name[160];
        if (s->channels[c].reader_count <= ops->most_readers)
            continue;
        tram__schedule_channel_name(s, c, name, sizeof name);
        return tram__fail(TRAM_ERR_TOO_LARGE, "%s is read by %u actors; a channel (%s) takes %u readers",
                          strchr(name, ' ') + 1, s->channels[c].reader_count, ops->name, ops->most_readers);
    }
    return TRAM_OK;
}

/* What the edges name is among the program's own transports, as far as this process knows: each actor looks for itself. */
static int check_transports(const struct tram__schedule *s, const struct tram_transport_ops *table) {
    for (uint32_t c = 0; c < s->channel_count; c++) {
        uint32_t node = s->channels[c].node;
        if (s->channels[c].transport != TRAM_TRANSPORT_CUSTOM ||
            tram__transport_find(table, s->graph->nodes[node].tensor->custom))
            continue;
        return tram__schedule_refuse(s, node, TRAM_TRANSPORT_CUSTOM, tram_last_error()->status, "%s",
                                     tram_last_error()->text);
    }
    return TRAM_OK;
}

static int compile(struct tram_compiled *x, const struct tram_graph *g,
                   const struct tram_compile_options *o) {
    struct tram__schedule *s;
    struct tram__layout layout = {0};
    const struct tram__channel_ops *ops = tram__channel_backend(o->channel ? o->channel : "shm");
    if (!ops)
        return tram_last_error()->status;
    int status = tram__schedule_create(g, &s);
    if (status)
        return status;
    x->inflight = o->inflight ? o->inflight : DEFAULT_INFLIGHT;
    x->slots = tram__layout_slots(s, x->inflight);
    status = tram__layout_create(s, ops, x->slots, &layout);
    if (!status)
        status = check_readers(s, ops);
    if (!status)
        status = check_transports(s, x->t->transports);
    if (!status)
        status = check_memory(&layout);
    if (!status)
        status = keep_names(x, s);
    x->channel_bytes = status ? 0 : layout.total + device_bytes(&layout, false);
    uint64_t deadline_ns =
        tram__deadline_ns(COMPILE_S + ALLOCATED_S * (double)(x->channel_bytes + layout.local));
    x->wait = o->wait ? o->wait : x->t->wait;
    x->thread = o->thread;
    x->cpu = -1;
    if (!status && one_at_a_time(x, s)) {
        x->wait = TRAM_WAIT_BLOCK;
        x->cpu = sched_getcpu();
    }
    if (!status && (status = tram__connect(x, &layout, o, deadline_ns)) == TRAM_OK)
        status = find_endpoints(x, s);
    if (!status)
        status = x->t->trace ? tram__trace_graph(s, x->id) : TRAM_OK;
    if (status && x->actor_count) { /* whatever was begun at the actors ends there */
        struct tram_error why = *tram_last_error();
        if (tram__order_stop(x, tram__deadline_ns(CLEAN_UP_S)) && !x->halted)
            tram__order_end(x, false,
                            tram__now_ns()); /* who is too busy to answer has not opened anything yet */
        *tram__error() = why;
    }
    tram__layout_destroy(&layout);
    tram__schedule_destroy(s);
    return status;
}

/* One try. */
static int try_compile(struct tram_graph *g, const struct tram_compile_options *o,
                       struct tram_compiled **out) {
    static tram__word64 last_id; /* several runtimes may live on threads of their own */
    struct tram_compiled *x = calloc(1, sizeof *x);
    if (!x)
        return tram__fail(TRAM_ERR_NO_MEMORY, "a compiled graph");
    x->t = g->t;
    x->id = 1 + atomic_fetch_add_explicit(&last_id, 1, memory_order_relaxed);
    x->participant.region_fd = -1;
    x->events_fd = -1;
    x->bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    x->most_kept = o->full == TRAM_FULL_WAITS ? o->kept ? o->kept : DEFAULT_KEPT : 0;
    x->t->on_frame[TRAM__FRAME_ANSWER] = tram__order_answered;
    int status = x->bell < 0 ? tram__fail_errno("an event descriptor") : tram__timeouts_find(o, &x->timeouts);
    if (!status)
        status = compile(x, g, o);
    if (!status) {
        *out = x;
        return TRAM_OK;
    }
    struct tram_error why = *tram_last_error();
    free_inside(x);
    free(x);
    *tram__error() = why;
    return status;
}

int tram_graph_compile(struct tram_graph *g, const struct tram_compile_options *options,
                       struct tram_compiled **out) {
    static const struct tram_compile_options none;
    const struct tram_compile_options *o = options ? options : &none;
    uint64_t start = tram__now_ns();
    if (o->inflight > TRAM_MAX_INFLIGHT)
        return tram__fail(TRAM_ERR_INVALID, "%u in flight; the limit is %u", o->inflight, TRAM_MAX_INFLIGHT);
    if (o->wait > TRAM_WAIT_SPIN)
        return tram__fail(TRAM_ERR_INVALID, "%d is no way to wait", (int)o->wait);
    if (o->thread > TRAM_THREAD_MAIN)
        return tram__fail(TRAM_ERR_INVALID, "%d is no thread", (int)o->thread);
    if (g->frozen)
        return tram__fail(TRAM_ERR_INVALID, "the graph was compiled already");
    if (o->full > TRAM_FULL_WAITS)
        return tram__fail(TRAM_ERR_INVALID, "%d is no policy for a full graph", (int)o->full);
    int status = tram__graph_check(g);
    if (status || (status = check_actors(g)))
        return status;
    struct tram_compiled *x;
    if (g->t->trace)
        tram__probe_thread("thread"); /* that it gets no ring of its own is no reason to fail */
    status = try_compile(g, o, &x);
    if (status == TRAM_ERR_UNSUPPORTED &&
        !g->no_ipc) { /* whether memory can be imported is known once it is tried */
        g->no_ipc = true;
        status = try_compile(g, o, &x);
    }
    if (status)
        return status;
    tram__exec_arm(x);
    g->frozen = true;
    x->compile_ns = tram__now_ns() - start;
    x->next_of_runtime = x->t->exec;
    x->t->exec = x;
    *out = x;
    return TRAM_OK;
}

/* ---- teardown ---- */

int tram_teardown_within(struct tram_compiled *x, double timeout_s) {
    if (x->torn)
        return TRAM_OK;
    x->closing = true;
    int status = tram__order_stop(x, tram__deadline_ns(timeout_s));
    if (status)
        return status;
    x->torn = true;
    free_inside(x);
    return TRAM_OK;
}

int tram_teardown(struct tram_compiled *x) {
    return tram_teardown_within(x, x->timeouts.teardown_s);
}

int tram__exec_init(struct tram *t) {
    t->exec = NULL;
    return TRAM_OK;
}

void tram__exec_fini(struct tram *t) {
    while (t->exec) {
        struct tram_compiled *x = t->exec;
        t->exec = x->next_of_runtime;
        if (!x->torn)
            free_inside(x);
        free(x);
    }
}
