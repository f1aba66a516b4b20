/* SPDX-License-Identifier: Apache-2.0
 *
 * The driver's hot path. execute: loan a slot, copy, publish, wake (results.c: get: wait for the output's message,
 * copy, release).
 *
 * Neither end fetches an ack in a round trip.
 *
 * No actor waits for the driver's. Execution n is submitted only after every output of n - inflight was given up, and
 * inflight <= slots. The driver's last look at those outputs precedes its publication of message n of the input (R1),
 * and whatever an actor does in execution n it does after acquiring, perhaps through other actors, that message (A1).
 * So when an actor overwrites slot n mod slots, the driver's use of it happened before.
 *
 * The driver waits for an actor's only when it has to. An output that covers the input (schedule/covers.c) is published
 * after every actor's ack of that input: once the driver acquired output n, message n + slots of its inputs may be
 * written. Only when outputs were given up unread does the window look full, and then the acks are read.
 */
#include "base/copy.h"
#include "base/error.h"
#include "exec/exec.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- submitting ---- */

static int refuse(struct tram_compiled *x) {
    if (x->closing)
        return tram__exec_torn();
    if (x->dead || tram__exec_look(x))
        return tram__exec_lost(x, 0);
    return TRAM_OK;
}

/* Waits until a writer of ours may write the next execution's message. */
static int loan_slot(struct tram_compiled *x, struct tram__writer *w, double timeout_s) {
    int status = w->ops->loan(w, x->next, x->next_slot, timeout_s);
    if (__builtin_expect(status == TRAM_ERR_TIMED_OUT, 0) && !tram__exec_look_after_timeout(x))
        return tram__exec_no_progress(x, x->next, timeout_s);
    if (__builtin_expect(x->dead, 0))
        return tram__exec_lost(x, 0);
    return status;
}

/* Whether another execution, of `count` parts, may begin now. */
static int admit(struct tram_compiled *x, size_t count, double timeout_s) {
    if (__builtin_expect(x->closing || x->dead, 0))
        return refuse(x);
    if (__builtin_expect(
            tram__load32_acquire(x->participant.waiter.epoch) != x->participant.waiter.epoch_seen, 0)) {
        x->participant.waiter.epoch_seen = tram__load32_acquire(x->participant.waiter.epoch);
        if (refuse(x))
            return x->dead;
    }
    if (__builtin_expect(count != x->input_count, 0))
        return tram__fail(TRAM_ERR_INVALID, "an input of %zu part%s; the graph takes %u", count,
                          count == 1 ? "" : "s", x->input_count);
    if (__builtin_expect(x->next - x->oldest == x->inflight, 0)) {
        if (x->kept)
            return tram__exec_keep_oldest(x, timeout_s);
        return tram__fail(TRAM_ERR_FULL,
                          "%u executions are in flight, which is the limit; execution %llu is not released",
                          x->inflight, (unsigned long long)x->oldest);
    }
    return TRAM_OK;
}

/* Finds room for part `i` in its next slot. */
static int loan_part(struct tram_compiled *x, size_t i, size_t size, double timeout_s) {
    struct tram__input *in = &x->inputs[i];
    if (__builtin_expect(size > in->limit, 0)) {
        if (x->input_count == 1)
            return tram__fail(TRAM_ERR_TOO_LARGE, "an input of %zu bytes exceeds the limit of %llu", size,
                              (unsigned long long)in->limit);
        return tram__fail(TRAM_ERR_TOO_LARGE, "part %zu of the input: %zu bytes exceed the limit of %llu", i,
                          size, (unsigned long long)in->limit);
    }
    int status = in->writer ? loan_slot(x, in->writer, timeout_s) : TRAM_OK;
    if (__builtin_expect(status, 0))
        return status;
    in->message.size = size;
    in->message.data = in->writer ? in->writer->ops->room(in->writer, x->next_slot, size) : in->unread;
    return TRAM_OK;
}

/* The part is the tensor that was announced. */
static int check_input(const struct tram_compiled *x, size_t i, const struct tram_bytes *part) {
    return tram__tensor_check(x->inputs[i].tensor, part->data, part->size)
               ? tram__exec_input_wrong(x->input_count, i)
               : TRAM_OK;
}

/* The driver waited for room in its first input. */
static void trace_loaned(struct tram_compiled *x) {
    const struct tram__writer *w = x->start;
    for (uint32_t i = 0; i < x->input_count && !w; i++)
        w = x->inputs[i].writer;
    x->submitted[x->next_slot] = x->tracer.ring ? x->tracer.mark : 0;
    if (w)
        tram__trace_wait(&x->tracer, TRAM__EVENT_WRITE_WAIT, w->id, x->next);
}

static void push_write(const struct tram_compiled *x, const struct tram__writer *w) {
    tram__trace_push(&x->tracer, TRAM__RANGE_WRITE, x->tracer.writes, (size_t)(w - x->participant.writers),
                     x->next);
}

/* The first message begins to be written. trace_submitted ends it. */
static void trace_writing(const struct tram_compiled *x) {
    const struct tram__writer *w = NULL;
    for (uint32_t i = 0; i < x->input_count && !w; i++)
        w = x->inputs[i].writer;
    if (w || x->start)
        push_write(x, w ? w : x->start);
}

static void trace_written(struct tram_compiled *x, const struct tram__writer *w, uint64_t bytes,
                          bool *first) {
    if (!*first)
        push_write(x, w);
    *first = false;
    tram__trace_pop(&x->tracer);
    tram__trace_write(&x->tracer, (uint32_t)(w - x->participant.writers), w->id, bytes, x->next);
}

/* Published: the first message took the time of all. */
static void trace_submitted(struct tram_compiled *x) {
    bool first = true;
    if (!x->tracer.ring)
        x->submitted[x->next_slot] = 0;
    if (!x->tracer.on)
        return;
    for (uint32_t i = 0; i < x->input_count; i++)
        if (x->inputs[i].writer)
            trace_written(x, x->inputs[i].writer, x->inputs[i].message.size, &first);
    if (x->start)
        trace_written(x, x->start, 0, &first);
}

/* Every slot is loaned and filled: publishes them, wakes who sleeps, hands out the references. */
static void submit(struct tram_compiled *x, struct tram_ref *refs) {
    struct tram__message start = {.data = NULL};
    for (uint32_t i = 0; i < x->input_count; i++)
        if (x->inputs[i].writer)
            x->inputs[i].writer->ops->publish(x->inputs[i].writer, x->next, x->next_slot,
                                              &x->inputs[i].message);
    if (x->start)
        x->start->ops->publish(x->start, x->next, x->next_slot, &start);
    tram__fence_seq_cst(); /* F2 of base/wait.c */
    for (uint32_t i = 0; i < x->input_count; i++)
        if (x->inputs[i].writer)
            x->inputs[i].writer->ops->wake_readers(x->inputs[i].writer, x->next_slot);
    if (x->start)
        x->start->ops->wake_readers(x->start, x->next_slot);
    if (__builtin_expect(x->submitted != NULL, 0))
        trace_submitted(x);
    x->loaned = false;
    x->left[x->next_slot] = x->output_count;
    for (uint32_t i = 0; i < x->output_count; i++) {
        x->state[(size_t)x->next_slot * x->output_count + i] = TRAM__PENDING;
        refs[i] = (struct tram_ref){.source = &x->source, .id = x->next, .output = i};
    }
    x->next++;
    if (++x->next_slot == x->slots)
        x->next_slot = 0;
}

static int execute(struct tram_compiled *x, size_t count, const struct tram_bytes *parts, double timeout_s,
                   struct tram_ref *refs) {
    int status = admit(x, count, timeout_s);
    tram__trace_begin(&x->tracer, x->next); /* what admit moved aside is told by itself */
    if (!status && x->start)
        status = loan_slot(x, x->start, timeout_s);
    for (size_t i = 0; !status && i < count; i++)
        status = loan_part(x, i, parts[i].size, timeout_s);
    if (__builtin_expect(status, 0))
        return status;
    for (size_t i = 0; i < count; i++)
        if (__builtin_expect(x->inputs[i].tensor != NULL, 0) && (status = check_input(x, i, &parts[i])))
            return status;
    if (__builtin_expect(x->tracer.on, 0)) {
        trace_loaned(x);
        trace_writing(x);
    }
    for (size_t i = 0; i < count; i++) {
        if (!x->inputs[i].writer)
            continue;
        tram__copy((void *)(uintptr_t)x->inputs[i].message.data, parts[i].data, parts[i].size);
        tram__exec_count_copy(&x->source, parts[i].size);
        tram__trace(&x->tracer, TRAM__EVENT_WRITE_COPY, x->inputs[i].writer->id, x->next);
    }
    submit(x, refs);
    return TRAM_OK;
}

int tram_execute_within(struct tram_compiled *x, size_t count, const struct tram_bytes *parts,
                        double timeout_s, struct tram_ref *refs) {
    return execute(x, count, parts, isnan(timeout_s) ? x->timeouts.submit_s : timeout_s, refs);
}

int tram_execute_parts(struct tram_compiled *x, size_t count, const struct tram_bytes *parts,
                       struct tram_ref *refs) {
    return execute(x, count, parts, x->timeouts.submit_s, refs);
}

int tram_execute(struct tram_compiled *x, const void *data, size_t size, struct tram_ref *refs) {
    size_t count = x->input_count || size ? 1 : 0; /* nothing is all that a graph without input takes */
    return execute(x, count, &(struct tram_bytes){data, size}, x->timeouts.submit_s, refs);
}

int tram_execute_loan_parts(struct tram_compiled *x, size_t count, const size_t *sizes, void **buffers) {
    double timeout_s = x->timeouts.submit_s;
    int status = admit(x, count, timeout_s);
    tram__trace_begin(&x->tracer, x->next);
    if (!status && x->start)
        status = loan_slot(x, x->start, timeout_s);
    for (size_t i = 0; !status && i < count; i++)
        status = loan_part(x, i, sizes[i], timeout_s);
    if (status)
        return status;
    if (__builtin_expect(x->tracer.on, 0))
        trace_loaned(x);
    for (size_t i = 0; i < count; i++)
        buffers[i] = (void *)(uintptr_t)x->inputs[i].message.data;
    x->loaned = true;
    return TRAM_OK;
}

int tram_execute_loan(struct tram_compiled *x, size_t size, void **buffer) {
    return tram_execute_loan_parts(x, 1, &size, buffer);
}

int tram_execute_commit_parts(struct tram_compiled *x, size_t count, const size_t *sizes,
                              struct tram_ref *refs) {
    if (x->closing || x->dead)
        return refuse(x);
    if (!x->loaned)
        return tram__fail(TRAM_ERR_INVALID, "a commit without a loan");
    if (count != x->input_count)
        return tram__fail(TRAM_ERR_INVALID, "a commit of %zu parts of a loan of %u", count, x->input_count);
    for (size_t i = 0; i < count; i++)
        if (sizes[i] > x->inputs[i].message.size)
            return tram__fail(TRAM_ERR_TOO_LARGE, "a commit of %zu bytes of a loan of %llu", sizes[i],
                              (unsigned long long)x->inputs[i].message.size);
    for (size_t i = 0; i < count; i++) {
        const struct tram__input *in = &x->inputs[i];
        int status =
            in->tensor ? check_input(x, i, &(struct tram_bytes){in->message.data, sizes[i]}) : TRAM_OK;
        if (status)
            return status; /* the loan stays */
    }
    for (size_t i = 0; i < count; i++)
        x->inputs[i].message.size = sizes[i];
    tram__trace_begin(&x->tracer, x->next); /* filling the loan is the program's own time */
    if (__builtin_expect(x->tracer.on, 0))
        trace_writing(x);
    submit(x, refs);
    return TRAM_OK;
}

int tram_execute_commit(struct tram_compiled *x, size_t size, struct tram_ref *refs) {
    return tram_execute_commit_parts(x, 1, &size, refs);
}

void tram__exec_arm(struct tram_compiled *x) {
    struct tram__participant *p = &x->participant;
    x->source.ops = &tram__exec_source_ops;
    x->source.get_timeout_s = x->timeouts.get_s;
    x->next = x->oldest = 1;
    x->next_slot = x->oldest_slot = 1 % x->slots;
    p->waiter.plan =
        tram__wait_plan((enum tram_wait)p->plan->wait, p->plan->threads, p->plan->cpus, p->plan->block_ns);
    p->waiter.epoch = &x->t->roster->epoch;
    p->waiter.epoch_seen = tram__load32_acquire(p->waiter.epoch) - 1; /* looks once, for who died meanwhile */
    p->waiter.interrupted = tram__exec_interrupted;
    p->waiter.arg = x;
    p->waiter.on_sleep = tram__trace_sleep;
    x->tracer.graph = (uint32_t)x->id;
    x->tracer.mute = !x->t->trace;
}

int tram_compiled_stats(const struct tram_compiled *x, struct tram_stats *out) {
    if (x->torn)
        return tram__exec_torn();
    struct tram_stats s = {
        .executions = x->next - 1, .channel_bytes = x->channel_bytes, .compile_ns = x->compile_ns};
    for (uint32_t i = 0; i <= x->actor_count; i++) {
        const struct tram__region_head *h = tram__participant_head(&x->participant, i);
        if (!h)
            continue;
        s.copies += tram__load_relaxed(&h->copies);
        s.copied_bytes += tram__load_relaxed(&h->copied_bytes);
        s.maps += tram__load_relaxed(&h->maps);
        s.sleeps += tram__load_relaxed(&h->waits.sleeps);
        s.wakes += tram__load_relaxed(&h->waits.wakes);
        s.yields += tram__load_relaxed(&h->waits.yields);
    }
    *out = s;
    return TRAM_OK;
}

int tram_compiled_transport(const struct tram_compiled *x, struct tram_node node, enum tram_transport *out) {
    if (x->torn)
        return tram__exec_torn();
    if (node.index >= x->node_count || !x->names[node.index].transport)
        return tram__fail(TRAM_ERR_INVALID, "node %u is no announced tensor that travels", node.index);
    *out = x->names[node.index].transport;
    return TRAM_OK;
}
