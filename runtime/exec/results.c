/* SPDX-License-Identifier: Apache-2.0
 *
 * The driver's hot path, second half. get: wait for the output's message, copy, release. Results that were kept aside
 * (TRAM_FULL_WAITS) are handed out from their copies.
 */
#include "base/copy.h"
#include "base/error.h"
#include "exec/exec.h"

#include <stdlib.h>

/* ---- in flight ---- */

static uint8_t *state_of(const struct tram_compiled *x, uint32_t slot, uint32_t output) {
    return &x->state[(size_t)slot * x->output_count + output];
}

/* The row of execution n among those kept aside, mostly the first that is looked at; 0: one that is free. */
static struct tram__kept *kept_row(const struct tram_compiled *x, uint64_t n, uint64_t whose) {
    for (uint32_t i = 0; i < x->most_kept; i++) {
        size_t row = (n + i) % x->most_kept;
        if (x->kept_rows[row] == whose)
            return &x->kept[row * x->output_count];
    }
    return NULL;
}

/* Moves past executions of which nothing is left. Slots go back in order: what is older and still held holds the
 * window. */
static void advance(struct tram_compiled *x) {
    while (x->oldest < x->next && x->left[x->oldest_slot] == 0) {
        x->oldest++;
        if (++x->oldest_slot == x->slots)
            x->oldest_slot = 0;
    }
}

/* Of an execution of which nothing is left. */
static void trace_execution(struct tram_compiled *x, uint32_t slot, uint64_t n) {
    struct tram__ring *r = tram__probe;
    if (r && x->submitted[slot])
        tram__probe_slice(r, TRAM__EVENT_EXECUTION, slot, x->tracer.graph, n, x->submitted[slot],
                          tram__probe_now(r));
    x->submitted[slot] = 0;
}

static void give_up(struct tram_compiled *x, uint32_t slot, uint32_t output, uint64_t n) {
    *state_of(x, slot, output) = TRAM__GIVEN_UP;
    x->left[slot]--;
    if (__builtin_expect(x->submitted != NULL, 0) && !x->left[slot])
        trace_execution(x, slot, n);
    advance(x);
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

/* A result is in flight, in its slot, or kept aside (*kept), or gone: an error. */
static int find(struct tram_compiled *x, const struct tram_ref *r, uint32_t *slot, struct tram__kept **kept) {
    *kept = NULL;
    if (__builtin_expect(x->torn, 0))
        return tram__exec_torn();
    if (__builtin_expect(r->id >= x->oldest && r->id < x->next && r->output < x->output_count, 1)) {
        *slot = tram__exec_slot(x, r->id);
        if (*state_of(x, *slot, r->output) != TRAM__GIVEN_UP)
            return TRAM_OK;
    } else if (x->kept && r->id && r->id < x->oldest && r->output < x->output_count) {
        struct tram__kept *row = kept_row(x, r->id, r->id);
        if (row && row[r->output].live) {
            *kept = &row[r->output];
            return TRAM_OK;
        }
    }
    return tram__fail(TRAM_ERR_CONSUMED, "output %u of execution %llu was already fetched or released",
                      r->output, (unsigned long long)r->id);
}

/* Waits for message n of an output. What was published in full before a death is still good, also when the death was
 * noticed between the wait's last look at the message and its look at the epoch; nothing else is waited for. */
static int receive(struct tram_compiled *x, uint32_t output, uint64_t n, uint32_t slot, double timeout_s,
                   struct tram__message *m) {
    struct tram__reader *reader = x->outputs[output];
    int status = x->dead ? x->dead : reader->ops->read(reader, n, slot, timeout_s, m);
    if (__builtin_expect(status == TRAM_ERR_TIMED_OUT, 0))
        tram__exec_look_after_timeout(x);
    if (__builtin_expect(status && x->dead, 0))
        status = reader->ops->read(reader, n, slot, 0, m);
    if (status == TRAM_OK && x->covers[output])
        all_acked(x, n);
    return status;
}

/* The same of a result that was not fetched before, told. */
static int receive_told(struct tram_compiled *x, uint32_t output, uint64_t n, uint32_t slot, double timeout_s,
                        struct tram__message *m) {
    const struct tram__reader *reader = x->outputs[output];
    tram__trace_push(&x->tracer, TRAM__RANGE_READ, x->tracer.reads, (size_t)(reader - x->participant.readers),
                     n);
    int status = receive(x, output, n, slot, timeout_s, m);
    tram__trace_pop(&x->tracer);
    if (!status)
        tram__trace(&x->tracer, TRAM__EVENT_READ_WAIT, reader->id, n);
    else if (status == TRAM_ERR_TIMED_OUT)
        tram__trace_wait(&x->tracer, TRAM__EVENT_TIMED_OUT, reader->id, n);
    return status;
}

static int fetch(struct tram_compiled *x, uint32_t output, uint64_t n, uint32_t slot, double timeout_s,
                 struct tram__message *m) {
    if (__builtin_expect(x->tracer.on, 0) && *state_of(x, slot, output) != TRAM__LENT)
        return receive_told(x, output, n, slot, timeout_s, m);
    return receive(x, output, n, slot, timeout_s, m);
}

/* An execution that never ended is not told as one that did. */
static int lost(struct tram_compiled *x, uint32_t slot, uint64_t n) {
    if (x->submitted)
        x->submitted[slot] = 0;
    return tram__exec_lost(x, n);
}

/* ---- kept aside ---- */

static int keep(struct tram__kept *k, const struct tram__message *m) {
    if (m->size > k->capacity) {
        void *data = realloc(k->data, m->size);
        if (!data)
            return tram__fail(TRAM_ERR_NO_MEMORY, "a result of %llu bytes, kept aside",
                              (unsigned long long)m->size);
        k->data = data;
        k->capacity = m->size;
    }
    tram__copy(k->data, m->data, m->size);
    k->message = *m;
    k->message.data = k->data;
    return TRAM_OK;
}

static int too_many_kept(const struct tram_compiled *x) {
    uint64_t first = UINT64_MAX;
    for (uint32_t i = 0; i < x->most_kept; i++)
        first = x->kept_rows[i] < first ? x->kept_rows[i] : first;
    return tram__fail(TRAM_ERR_FULL,
                      "results of %u executions are kept aside, which is the limit; execution %llu "
                      "is not fetched",
                      x->most_kept, (unsigned long long)first);
}

int tram__exec_keep_oldest(struct tram_compiled *x, double timeout_s) {
    uint32_t slot = x->oldest_slot;
    struct tram__message m;
    uint64_t until_ns = tram__deadline_ns(timeout_s);
    struct tram__kept *row = kept_row(x, x->oldest, 0);
    if (!row)
        return too_many_kept(x);
    for (uint32_t i = 0; i < x->output_count; i++) {
        if (*state_of(x, slot, i) == TRAM__LENT)
            return tram__fail(TRAM_ERR_FULL,
                              "%u executions are in flight, which is the limit; output %u of execution "
                              "%llu is lent out",
                              x->inflight, i, (unsigned long long)x->oldest);
        if (*state_of(x, slot, i) != TRAM__PENDING)
            continue;
        tram__trace_begin(&x->tracer, x->oldest);
        int status = fetch(x, i, x->oldest, slot, i ? tram__left_s(until_ns) : timeout_s, &m);
        if (status)
            return x->dead                        ? lost(x, slot, x->oldest)
                   : status == TRAM_ERR_TIMED_OUT ? tram__exec_no_progress(x, x->oldest, timeout_s)
                                                  : status;
        if ((status = keep(&row[i], &m)))
            return status;
        tram__trace(&x->tracer, TRAM__EVENT_READ_COPY, x->outputs[i]->id, x->oldest);
    }
    for (uint32_t i = 0; i < x->output_count; i++) { /* all or nothing */
        row[i].live = *state_of(x, slot, i) == TRAM__PENDING;
        if (row[i].live)
            x->kept_rows[(size_t)(row - x->kept) / x->output_count] = x->oldest;
        x->kept_unseen |= row[i].live && x->arrived[i] < x->oldest;
        *state_of(x, slot, i) = TRAM__GIVEN_UP;
    }
    x->left[slot] = 0;
    if (x->submitted)
        trace_execution(x, slot, x->oldest);
    advance(x);
    return TRAM_OK;
}

/* ---- references ---- */

static void release_kept(struct tram_compiled *x, struct tram__kept *k) {
    size_t row = (size_t)(k - x->kept) / x->output_count;
    k->live = false;
    for (uint32_t i = 0; i < x->output_count; i++)
        if (x->kept[row * x->output_count + i].live)
            return;
    x->kept_rows[row] = 0;
}

static int borrow_kept(struct tram_compiled *x, const struct tram_ref *r, struct tram__kept *k,
                       struct tram_bytes *out) {
    const struct tram__message *m = &k->message;
    if (m->status) {
        int status = tram__exec_task_failed(x, r->id, m);
        release_kept(x, k);
        return status;
    }
    *out = (struct tram_bytes){m->data, m->size};
    return TRAM_OK;
}

static int borrow(struct tram__source *s, const struct tram_ref *r, struct tram_bytes *out,
                  double timeout_s) {
    struct tram_compiled *x = (struct tram_compiled *)s;
    uint32_t slot = 0;
    struct tram__kept *kept = NULL;
    tram__trace_begin(&x->tracer, r->id);
    int status = find(x, r, &slot, &kept);
    if (__builtin_expect(status, 0))
        return status;
    if (__builtin_expect(kept != NULL, 0))
        return borrow_kept(x, r, kept, out);
    struct tram__message m;
    if (r->output + 1 < x->output_count) { /* results are mostly fetched in order */
        const struct tram__reader *next = x->outputs[r->output + 1];
        next->ops->expect(next, slot);
    }
    status = fetch(x, r->output, r->id, slot, timeout_s, &m);
    if (__builtin_expect(status == TRAM_OK && m.status == 0, 1)) {
        x->lent_by_borrow = *state_of(x, slot, r->output) != TRAM__LENT;
        *state_of(x, slot, r->output) = TRAM__LENT;
        *out = (struct tram_bytes){m.data, m.size};
        return TRAM_OK;
    }
    if (status == TRAM_OK)
        status = tram__exec_task_failed(x, r->id, &m);
    else if (x->dead)
        status = lost(x, slot, r->id);
    else if (status == TRAM_ERR_TIMED_OUT)
        return tram__exec_no_progress(x, r->id, timeout_s);
    struct tram_error why = *tram_last_error();
    give_up(x, slot, r->output, r->id);
    *tram__error() = why;
    return status;
}

static int release(struct tram__source *s, const struct tram_ref *r) {
    struct tram_compiled *x = (struct tram_compiled *)s;
    uint32_t slot = 0;
    struct tram__kept *kept = NULL;
    int status = find(x, r, &slot, &kept);
    if (__builtin_expect(status, 0))
        return status;
    if (__builtin_expect(kept != NULL, 0))
        release_kept(x, kept);
    else
        give_up(x, slot, r->output, r->id);
    return TRAM_OK;
}

static void unborrow(struct tram__source *s, const struct tram_ref *r) {
    struct tram_compiled *x = (struct tram_compiled *)s;
    uint32_t slot = 0;
    struct tram__kept *kept = NULL;
    if (find(x, r, &slot, &kept) == TRAM_OK && !kept && x->lent_by_borrow)
        *state_of(x, slot, r->output) = TRAM__PENDING;
}

static int ready(struct tram__source *s, const struct tram_ref *r) {
    struct tram_compiled *x = (struct tram_compiled *)s;
    uint32_t slot = 0;
    struct tram__kept *kept = NULL;
    struct tram__message m;
    int status = find(x, r, &slot, &kept);
    if (status)
        return status;
    return kept || receive(x, r->output, r->id, slot, 0, &m) != TRAM_ERR_TIMED_OUT || x->dead;
}

void tram__exec_count_copy(struct tram__source *s, uint64_t bytes) {
    struct tram_compiled *x = (struct tram_compiled *)s;
    tram__count(&x->participant.head->copies, 1);
    tram__count(&x->participant.head->copied_bytes, bytes);
}

/* Of the result that was borrowed last. */
static void copied(struct tram__source *s, const struct tram_ref *r, uint64_t bytes) {
    struct tram_compiled *x = (struct tram_compiled *)s;
    tram__exec_count_copy(s, bytes);
    tram__trace(&x->tracer, TRAM__EVENT_READ_COPY, x->outputs[r->output]->id, r->id);
}

const struct tram__source_ops tram__exec_source_ops = {.borrow = borrow,
                                                       .unborrow = unborrow,
                                                       .release = release,
                                                       .ready = ready,
                                                       .arm = tram__exec_arm_ref,
                                                       .disarm = tram__exec_disarm,
                                                       .copied = copied};
