/* SPDX-License-Identifier: Apache-2.0
 *
 * The driver's hot path. execute: loan a slot, copy, publish, wake. get: wait for the output's message, copy,
 * release.
 *
 * Neither end fetches an ack in a round trip.
 *
 * No actor waits for the driver's. Execution n is submitted only after every output of n - inflight was given up, and
 * inflight <= slots. The driver's last look at those outputs precedes its publication of message n of the input (R1),
 * and whatever an actor does in execution n it does after acquiring, perhaps through other actors, that message (A1).
 * So when an actor overwrites slot n mod slots, the driver's use of it happened before.
 *
 * The driver waits for an actor's only when it has to. An output that covers the input (schedule/covers.c) is published
 * after every actor's ack of that input: once the driver acquired output n, message n + slots of its inputs may be written. Only when
 * outputs were given up unread does the window look full, and then the acks are read.
 */
#include "base/copy.h"
#include "base/error.h"
#include "exec/exec.h"

#include <stdio.h>
#include <string.h>

/* ---- failure ---- */

static int torn(void) {
    return tram__fail(TRAM_ERR_TORN_DOWN, "the graph was torn down");
}

static void blame(struct tram_actor *a, uint64_t n) {
    struct tram_error *e = tram__error();
    e->execution = n;
    if (a)
        snprintf(e->actor, sizeof e->actor, "%s", a->name);
}

/* The error of a graph that lost an actor; n: the execution that is lost with it, 0: none. */
static int lost(struct tram_compiled *x, uint64_t n) {
    int status = x->dead;
    if (status == TRAM_ERR_PROTOCOL)
        tram__fail(status, "actor %s stopped its part of the graph: a peer broke the protocol", x->who->name);
    else if (x->who)
        tram__actor_dead(x->who);
    else
        tram__fail(status, "the supervisor is gone, and its actors with it");
    char *text = tram__error()->text;
    size_t used = strlen(text);
    if (n)
        snprintf(text + used, sizeof tram__error()->text - used, "; execution %llu is lost",
                 (unsigned long long)n);
    blame(x->who, n);
    return status;
}

/* Looks whether an actor of this graph has died or stopped: 0 or the status, without a message. */
static int look_for_dead(struct tram_compiled *x) {
    for (uint32_t i = 0; i < x->actor_count && !x->dead; i++) {
        if (tram__roster_gone(x->t->roster, x->actors[i]->index)) {
            x->dead = TRAM_ERR_PEER_DEAD;
            x->who = x->actors[i];
        }
    }
    for (uint32_t i = 0; i < x->actor_count && !x->dead; i++) {
        const struct tram__region_head *h = tram__participant_head(&x->participant, i + 1);
        if (h && tram__load32_acquire(&h->stopped)) {
            x->dead = TRAM_ERR_PROTOCOL;
            x->who = x->actors[i];
        }
    }
    return x->dead;
}

static int interrupted(void *arg) {
    struct tram_compiled *x = arg;
    if (look_for_dead(x))
        return x->dead;
    if (tram__host_check(x->t))
        x->dead = TRAM_ERR_PEER_DEAD;
    return x->dead;
}

/* A wait shorter than a second asks for neither the supervisor nor a stopped actor by itself: after one that timed out,
 * looks, ten times a second at most. 0 or why the graph can run no more. */
static int look_after_timeout(struct tram_compiled *x) {
    uint64_t now = tram__now_ns();
    if (!x->dead && now - x->looked_ns >= 100000000u) {
        x->looked_ns = now;
        interrupted(x);
    }
    return x->dead;
}

/* The actor that has finished the fewest executions, the first of them in bind order: where things stand
 * still. */
static int no_progress(struct tram_compiled *x, uint64_t n, double timeout_s) {
    struct tram_actor *slowest = NULL;
    uint64_t least = UINT64_MAX;
    for (uint32_t i = 0; i < x->actor_count; i++) {
        const struct tram__region_head *h = tram__participant_head(&x->participant, i + 1);
        uint64_t done = h ? tram__load_relaxed(&h->done) : UINT64_MAX;
        if (done < least) {
            least = done;
            slowest = x->actors[i];
        }
    }
    tram__fail(TRAM_ERR_TIMED_OUT,
               "execution %llu was not finished within %g s; actor %s is making no progress after %llu",
               (unsigned long long)n, timeout_s, slowest ? slowest->name : "?", (unsigned long long)least);
    blame(slowest, n);
    return TRAM_ERR_TIMED_OUT;
}

static int task_failed(struct tram_compiled *x, uint64_t n, const struct tram__message *m) {
    const struct tram__node_name *name = m->origin < x->node_count ? &x->names[m->origin] : NULL;
    const char *actor = name && name->actor ? name->actor->name : "?";
    const char *method = name && name->method ? name->method : "?";
    char text[128];
    snprintf(text, sizeof text, "%.*s", (int)(m->size < sizeof text ? m->size : sizeof text - 1),
             (const char *)m->data);
    tram__fail(TRAM_ERR_TASK, "%s.%s failed in execution %llu with code %d: %s", actor, method,
               (unsigned long long)n, m->status, text);
    blame(name ? name->actor : NULL, n);
    struct tram_error *e = tram__error();
    e->code = m->status;
    snprintf(e->method, sizeof e->method, "%s", method);
    return TRAM_ERR_TASK;
}

/* ---- submitting ---- */

static int refuse(struct tram_compiled *x) {
    if (x->closing)
        return torn();
    if (x->dead || look_for_dead(x))
        return lost(x, 0);
    return TRAM_OK;
}

/* Waits until a writer of ours may write the next execution's message. */
static int loan_slot(struct tram_compiled *x, struct tram__writer *w) {
    int status = w->ops->loan(w, x->next, x->next_slot, x->submit_timeout_s);
    if (__builtin_expect(status == TRAM_ERR_TIMED_OUT, 0) && !look_after_timeout(x))
        return no_progress(x, x->next, x->submit_timeout_s);
    if (__builtin_expect(x->dead, 0))
        return lost(x, 0);
    return status;
}

/* Whether another execution, of `count` parts, may begin now. */
static int admit(struct tram_compiled *x, size_t count) {
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
    if (__builtin_expect(x->next - x->oldest == x->inflight, 0))
        return tram__fail(TRAM_ERR_FULL,
                          "%u executions are in flight, which is the limit; execution %llu is not released",
                          x->inflight, (unsigned long long)x->oldest);
    return TRAM_OK;
}

/* Finds room for part `i` in its next slot. */
static int loan_part(struct tram_compiled *x, size_t i, size_t size) {
    struct tram__input *in = &x->inputs[i];
    if (__builtin_expect(size > in->limit, 0)) {
        if (x->input_count == 1)
            return tram__fail(TRAM_ERR_TOO_LARGE, "an input of %zu bytes exceeds the limit of %llu", size,
                              (unsigned long long)in->limit);
        return tram__fail(TRAM_ERR_TOO_LARGE, "part %zu of the input: %zu bytes exceed the limit of %llu", i,
                          size, (unsigned long long)in->limit);
    }
    int status = in->writer ? loan_slot(x, in->writer) : TRAM_OK;
    if (__builtin_expect(status, 0))
        return status;
    in->message.size = size;
    in->message.data = in->writer ? in->writer->ops->room(in->writer, x->next_slot, size) : NULL;
    return TRAM_OK;
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
    x->loaned = false;
    x->left[x->next_slot] = x->output_count;
    for (uint32_t i = 0; i < x->output_count; i++) {
        x->given_up[(size_t)x->next_slot * x->output_count + i] = 0;
        refs[i] = (struct tram_ref){.source = &x->source, .id = x->next, .output = i};
    }
    x->next++;
    if (++x->next_slot == x->slots)
        x->next_slot = 0;
}

static void count_copy(struct tram__source *s, uint64_t bytes) {
    struct tram_compiled *x = (struct tram_compiled *)s;
    tram__count(&x->participant.head->copies, 1);
    tram__count(&x->participant.head->copied_bytes, bytes);
}

int tram_execute_parts(struct tram_compiled *x, size_t count, const struct tram_bytes *parts,
                       struct tram_ref *refs) {
    int status = admit(x, count);
    if (!status && x->start)
        status = loan_slot(x, x->start);
    for (size_t i = 0; !status && i < count; i++)
        status = loan_part(x, i, parts[i].size);
    if (__builtin_expect(status, 0))
        return status;
    for (size_t i = 0; i < count; i++) {
        if (!x->inputs[i].writer)
            continue;
        tram__copy((void *)(uintptr_t)x->inputs[i].message.data, parts[i].data, parts[i].size);
        count_copy(&x->source, parts[i].size);
    }
    submit(x, refs);
    return TRAM_OK;
}

int tram_execute(struct tram_compiled *x, const void *data, size_t size, struct tram_ref *refs) {
    size_t count = x->input_count || size ? 1 : 0; /* nothing is all that a graph without input takes */
    return tram_execute_parts(x, count, &(struct tram_bytes){data, size}, refs);
}

int tram_execute_loan_parts(struct tram_compiled *x, size_t count, const size_t *sizes, void **buffers) {
    int status = admit(x, count);
    if (!status && x->start)
        status = loan_slot(x, x->start);
    for (size_t i = 0; !status && i < count; i++)
        status = loan_part(x, i, sizes[i]);
    if (status)
        return status;
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
    for (size_t i = 0; i < count; i++)
        x->inputs[i].message.size = sizes[i];
    submit(x, refs);
    return TRAM_OK;
}

int tram_execute_commit(struct tram_compiled *x, size_t size, struct tram_ref *refs) {
    return tram_execute_commit_parts(x, 1, &size, refs);
}

/* ---- results ---- */

/* Slot of execution n, which is in flight. */
static uint32_t slot_of(const struct tram_compiled *x, uint64_t n) {
    uint64_t slot = x->oldest_slot + (n - x->oldest);
    return (uint32_t)(slot < x->slots ? slot : slot - x->slots);
}

/* Checks that the reference still stands for something. */
static int find(struct tram_compiled *x, const struct tram_ref *r, uint32_t *slot) {
    if (__builtin_expect(x->torn, 0))
        return torn();
    if (__builtin_expect(r->id >= x->oldest && r->id < x->next && r->output < x->output_count, 1)) {
        *slot = slot_of(x, r->id);
        if (!x->given_up[(size_t)*slot * x->output_count + r->output])
            return TRAM_OK;
    }
    return tram__fail(TRAM_ERR_CONSUMED, "output %u of execution %llu was already fetched or released",
                      r->output, (unsigned long long)r->id);
}

/* The output of n is given up. Slots go back in order: what is older and still held holds the window. */
static void give_up(struct tram_compiled *x, uint32_t slot, uint32_t output) {
    x->given_up[(size_t)slot * x->output_count + output] = 1;
    x->left[slot]--;
    while (x->oldest < x->next && x->left[x->oldest_slot] == 0) {
        x->oldest++;
        if (++x->oldest_slot == x->slots)
            x->oldest_slot = 0;
    }
}

/* Everything that we wrote for executions up to n was given back. */
static void all_acked(struct tram_compiled *x, uint64_t n) {
    uint64_t writable = n + x->slots;
    for (uint32_t i = 0; i < x->input_count; i++)
        if (x->inputs[i].writer && x->inputs[i].writer->writable < writable)
            x->inputs[i].writer->writable = writable;
    if (x->start && x->start->writable < writable)
        x->start->writable = writable;
}

static int compiled_borrow(struct tram__source *s, const struct tram_ref *r, struct tram_bytes *out,
                           double timeout_s) {
    struct tram_compiled *x = (struct tram_compiled *)s;
    uint32_t slot = 0;
    int status = find(x, r, &slot);
    if (__builtin_expect(status, 0))
        return status;
    struct tram__message m;
    struct tram__reader *reader = x->outputs[r->output];
    if (r->output + 1 < x->output_count) /* results are mostly fetched in order */
        reader->ops->expect(x->outputs[r->output + 1], slot);
    status = x->dead ? x->dead : reader->ops->read(reader, r->id, slot, timeout_s, &m);
    /* What was published in full before a death is still good, also when the death was noticed between the wait's
     * last look at the message and its look at the epoch; nothing else is waited for. */
    if (__builtin_expect(status == TRAM_ERR_TIMED_OUT, 0))
        look_after_timeout(x);
    if (__builtin_expect(status && x->dead, 0))
        status = reader->ops->read(reader, r->id, slot, 0, &m);
    if (status == TRAM_OK && x->covers[r->output])
        all_acked(x, r->id);
    if (__builtin_expect(status == TRAM_OK && m.status == 0, 1)) {
        *out = (struct tram_bytes){m.data, m.size};
        return TRAM_OK;
    }
    if (status == TRAM_OK)
        status = task_failed(x, r->id, &m);
    else if (x->dead)
        status = lost(x, r->id);
    else if (status == TRAM_ERR_TIMED_OUT)
        return no_progress(x, r->id, timeout_s);
    struct tram_error why = *tram_last_error();
    give_up(x, slot, r->output);
    *tram__error() = why;
    return status;
}

static int compiled_release(struct tram__source *s, const struct tram_ref *r) {
    struct tram_compiled *x = (struct tram_compiled *)s;
    uint32_t slot = 0;
    int status = find(x, r, &slot);
    if (__builtin_expect(status, 0))
        return status;
    give_up(x, slot, r->output);
    return TRAM_OK;
}

static const struct tram__source_ops source_ops = {
    .borrow = compiled_borrow, .release = compiled_release, .copied = count_copy};

void tram__exec_arm(struct tram_compiled *x) {
    struct tram__participant *p = &x->participant;
    x->source.ops = &source_ops;
    x->next = x->oldest = 1;
    x->next_slot = x->oldest_slot = 1 % x->slots;
    p->waiter.plan =
        tram__wait_plan((enum tram_wait)p->plan->wait, p->plan->threads, p->plan->cpus, p->plan->block_ns);
    p->waiter.epoch = &x->t->roster->epoch;
    p->waiter.epoch_seen = tram__load32_acquire(p->waiter.epoch) - 1; /* looks once, for who died meanwhile */
    p->waiter.interrupted = interrupted;
    p->waiter.arg = x;
}

int tram_compiled_stats(const struct tram_compiled *x, struct tram_stats *out) {
    if (x->torn)
        return torn();
    struct tram_stats s = {
        .executions = x->next - 1, .channel_bytes = x->channel_bytes, .compile_ns = x->compile_ns};
    for (uint32_t i = 0; i <= x->actor_count; i++) {
        const struct tram__region_head *h = tram__participant_head(&x->participant, i);
        if (!h)
            continue;
        s.copies += tram__load_relaxed(&h->copies);
        s.copied_bytes += tram__load_relaxed(&h->copied_bytes);
        s.sleeps += tram__load_relaxed(&h->waits.sleeps);
        s.wakes += tram__load_relaxed(&h->waits.wakes);
        s.yields += tram__load_relaxed(&h->waits.yields);
    }
    *out = s;
    return TRAM_OK;
}
