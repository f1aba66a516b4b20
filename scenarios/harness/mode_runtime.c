/* SPDX-License-Identifier: Apache-2.0
 *
 * The modes on the runtime: compiled executions, eager calls over either transport, and the graph through eager calls. They
 * differ in how one execution is submitted.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/seam.h"
#include "harness/mode.h"
#include "harness/pace.h"

enum { MAX_ACTORS = TRAM_MAX_PIDS };

struct tram *tram_harness_runtime;

struct state {
    const struct tram_case *c;
    struct tram_actor *actors[MAX_ACTORS];
    struct tram_graph *graph;
    struct tram_compiled *compiled;
    uint32_t results;
    size_t reply; /* bytes of each result */
    struct tram_shape shape;
    struct tram_ref *refs; /* in flight, `results` for each execution */
    bool by_graph;         /* eager: the graph, not the scenario's calls */
    unsigned char *buffer; /* eager, by loan: parts that are not put into the store */
    struct tram_ref puts[TRAM_MAX_PARTS];
};

static int fail(char *why) {
    snprintf(why, TRAM_WHY, "%s", tram_last_error()->text);
    return -1;
}

static void close_state(void *state) {
    struct state *s = state;
    if (s->compiled)
        tram_teardown(s->compiled);
    tram_graph_destroy(s->graph);
    for (unsigned i = 0; i < s->c->actors; i++)
        tram_actor_destroy(s->actors[i]);
    free(s->refs);
    free(s->buffer);
    free(s);
}

static int open_actors(const struct tram_case *c, struct state **out, char *why) {
    struct state *s = calloc(1, sizeof *s);
    uint32_t results = tram_case_results(c);
    if (!s || !(s->refs = calloc((size_t)c->inflight * results, sizeof *s->refs))) {
        free(s);
        snprintf(why, TRAM_WHY, "out of memory");
        return -1;
    }
    s->c = c;
    s->results = results;
    s->reply = tram_case_reply(c);
    s->shape = tram_case_shape(c);
    for (unsigned i = 0; i < c->actors; i++) {
        struct tram_actor_options o = {.cpu = 0, /* the runtime's choice */
                                       .device = tram_device_of(&c->devices, i)};
        if (tram_actor_create(tram_harness_runtime, c->scenario->class_name, &o, &s->actors[i])) {
            fail(why);
            close_state(s);
            return -1;
        }
    }
    tram__cpus_bind(c->placement.cpu[0]);
    *out = s;
    return 0;
}

static int open_eager(const struct tram_case *c, void **state, char *why) {
    struct state *s;
    if (open_actors(c, &s, why))
        return -1;
    s->by_graph = c->mode == TRAM_MODE_GRAPH_EAGER;
    if (s->by_graph) {
        if (tram_graph_create(tram_harness_runtime, &s->graph)) {
            fail(why);
            close_state(s);
            return -1;
        }
        c->scenario->build(s->graph, s->actors, &s->shape);
    }
    if (c->loan && !(s->buffer = calloc(1, c->input.stride))) {
        snprintf(why, TRAM_WHY, "out of memory");
        close_state(s);
        return -1;
    }
    *state = s;
    return 0;
}

static int open_compiled(const struct tram_case *c, void **state, char *why) {
    struct state *s;
    if (open_actors(c, &s, why))
        return -1;
    struct tram_compile_options o = {.inflight = c->inflight,
                                     .submit_timeout_s = c->timeout_s,
                                     .thread = c->main_thread ? TRAM_THREAD_MAIN : TRAM_THREAD_OWN};
    if (tram_graph_create(tram_harness_runtime, &s->graph))
        goto err;
    c->scenario->build(s->graph, s->actors, &s->shape);
    if (tram_graph_compile(s->graph, &o, &s->compiled))
        goto err;
    *state = s;
    return 0;
err:
    fail(why);
    close_state(s);
    return -1;
}

static void release_puts(struct state *s) {
    for (size_t i = 0; i < TRAM_MAX_PARTS; i++)
        if (s->puts[i].source)
            tram_release(&s->puts[i]);
}

/* The scenario's calls. A part that was put already is taken from there. */
static int submit_calls(struct state *s, const struct tram_bytes *parts, struct tram_ref *refs) {
    struct tram_value values[TRAM_MAX_PARTS];
    bool many = s->c->scenario->pattern == TRAM_PATTERN_SCATTER && s->c->actors > 1;
    int status = 0;
    for (size_t i = 0; !status && i < s->shape.part_count; i++) {
        if (many && parts[i].size >= TRAM_PUT_FROM && !s->puts[i].source)
            status = tram_put(tram_harness_runtime, parts[i].data, parts[i].size, &s->puts[i]);
        values[i] = s->puts[i].source ? (struct tram_value){.kind = TRAM_REF, .ref = &s->puts[i]}
                                      : (struct tram_value){.data = parts[i].data, .size = parts[i].size};
    }
    if (!status)
        status = s->c->scenario->call(s->actors, &s->shape, values, refs);
    release_puts(s);
    return status;
}

static inline int submit(struct state *s, const unsigned char *data, struct tram_ref *refs) {
    const struct tram_layout *input = &s->c->input;
    struct tram_bytes parts[TRAM_MAX_PARTS];
    tram_layout_parts(input, data, parts);
    if (s->compiled)
        return tram_execute_parts(s->compiled, input->count, parts, refs);
    if (s->by_graph)
        return tram_graph_run_parts(s->graph, input->count, parts, refs);
    return submit_calls(s, parts, refs);
}

/* Fetches every result of the batch's execution number `got`. */
static int fetch(struct state *s, struct tram_batch *b, uint32_t got, struct tram_ref *refs, char *why) {
    const struct tram_case *c = s->c;
    unsigned char *to = b->to + (size_t)got * s->results * b->to_stride;
    for (uint32_t k = 0; k < s->results; k++) {
        size_t size;
        if (tram_get(&refs[k], to + k * b->to_stride, s->reply, &size, c->timeout_s))
            return fail(why);
        if (size != s->reply) {
            snprintf(why, TRAM_WHY, "execution %llu returned %zu bytes", (unsigned long long)(b->first + got),
                     size);
            return -1;
        }
    }
    return 0;
}

/* Whether all results of one execution are there. */
static bool is_ready(const struct state *s, const struct tram_ref *refs) {
    for (uint32_t k = 0; k < s->results; k++)
        if (tram_ready(&refs[k]) == 0)
            return false;
    return true;
}

/* An open loop: submits what is due if there is room, takes what is ready, and waits for what has to come first. */
static int run_paced(struct state *s, struct tram_batch *b, char *why) {
    const struct tram_case *c = s->c;
    bool crowded = c->actors >= c->placement.count;
    uint64_t begin = tram__now_ns();
    for (uint32_t sent = 0, got = 0; got < b->count;) {
        uint64_t due = tram_batch_due(b, begin, sent), now = tram__now_ns();
        bool room = sent < b->count && sent - got < c->inflight;
        struct tram_ref *oldest = &s->refs[(size_t)(got % c->inflight) * s->results];
        if (room && now >= due) {
            b->missed += now >= due + b->period_ns;
            if (submit(s, b->from + sent * c->input.stride,
                       &s->refs[(size_t)(sent % c->inflight) * s->results]))
                return fail(why);
            sent++;
        } else if (room && sent == got) {
            tram_pace_until(due, crowded);
        } else if (!room || is_ready(s, oldest)) {
            if (fetch(s, b, got, oldest, why))
                return -1;
            b->took_ns[got] = tram__now_ns() - tram_batch_due(b, begin, got);
            got++;
        } else {
            tram_pace(crowded);
        }
    }
    tram_batch_end(b, begin, tram__now_ns());
    return 0;
}

/* By copy. The references at `head` of the ring are the oldest in flight. */
static int run(void *state, struct tram_batch *b, char *why) {
    struct state *s = state;
    const struct tram_case *c = s->c;
    if (b->period_ns)
        return run_paced(s, b, why);
    uint32_t head = 0, tail = 0, inflight = c->inflight;
    for (uint32_t sent = 0, got = 0; got < b->count;) {
        while (sent < b->count && sent - got < inflight) {
            if (b->took_ns)
                b->took_ns[sent] = tram__now_ns();
            if (submit(s, b->from + sent * c->input.stride, &s->refs[(size_t)tail * s->results]))
                return fail(why);
            sent++;
            tail = tail + 1 == inflight ? 0 : tail + 1;
        }
        if (fetch(s, b, got, &s->refs[(size_t)head * s->results], why))
            return -1;
        if (b->took_ns)
            b->took_ns[got] = tram__now_ns() - b->took_ns[got];
        got++;
        head = head + 1 == inflight ? 0 : head + 1;
    }
    return 0;
}

static int loan(void *state, void **buffers, char *why) {
    struct state *s = state;
    const struct tram_layout *input = &s->c->input;
    if (s->compiled)
        return tram_execute_loan_parts(s->compiled, input->count, input->size, buffers) ? fail(why) : 0;
    for (size_t i = 0; i < input->count; i++) {
        buffers[i] = s->buffer + input->offset[i]; /* small: sent from there */
        if (!s->by_graph && input->size[i] >= TRAM_PUT_FROM &&
            tram_put_loan(tram_harness_runtime, input->size[i], &buffers[i], &s->puts[i]))
            return fail(why);
    }
    return 0;
}

static int exchange(void *state, struct tram_bytes *results, char *why) {
    struct state *s = state;
    const struct tram_layout *input = &s->c->input;
    if (s->compiled ? tram_execute_commit_parts(s->compiled, input->count, input->size, s->refs)
                    : submit(s, s->buffer, s->refs))
        return fail(why);
    for (uint32_t k = 0; k < s->results; k++)
        if (tram_get_borrow(&s->refs[k], &results[k], s->c->timeout_s))
            return fail(why);
    return 0;
}

static int release(void *state, char *why) {
    struct state *s = state;
    for (uint32_t k = 0; k < s->results; k++)
        if (tram_release(&s->refs[k]))
            return fail(why);
    return 0;
}

static void counters(void *state, struct tram_mode_counters *out) {
    struct state *s = state;
    struct tram_stats stats;
    *out = (struct tram_mode_counters){-1, -1, -1, -1, -1, -1, NULL};
    if (!s->compiled || tram_compiled_stats(s->compiled, &stats))
        return;
    out->copies = (double)stats.copies;
    out->copied_bytes = (double)stats.copied_bytes;
    out->sleeps = (double)stats.sleeps;
    out->maps = (double)stats.maps;
    out->compile_ns = (int64_t)stats.compile_ns;
    out->channel_bytes = (int64_t)stats.channel_bytes;
}

static int pids(void *state, pid_t *out) {
    struct state *s = state;
    for (unsigned i = 0; i < s->c->actors; i++)
        out[i] = tram_actor_pid(s->actors[i]);
    return (int)s->c->actors;
}

#define OPS(mode, opens)                                                                            \
    {                                                                                               \
        .name = mode, .paces = true, .open = opens, .run = run, .loan = loan, .exchange = exchange, \
        .release = release, .counters = counters, .pids = pids, .close = close_state                \
    }
const struct tram_mode_ops tram_mode_compiled = OPS("compiled", open_compiled);
const struct tram_mode_ops tram_mode_eager_shm = OPS("eager-shm", open_eager);
const struct tram_mode_ops tram_mode_eager = OPS("eager", open_eager);
const struct tram_mode_ops tram_mode_graph_eager = OPS("graph-eager", open_eager);
