/* SPDX-License-Identifier: Apache-2.0 */
#include "eager/queue.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_CAPACITY = 64, MOST_AHEAD = 1 << 22, MOST_FREE = 256, KEPT_BUFFER = 4096 };

void tram__entry_free_inputs(struct tram__entry *n) {
    while (n->inputs) {
        struct tram__input *in = n->inputs;
        n->inputs = in->next;
        free(in->data);
        free(in->failure);
        free(in);
    }
}

struct tram__input *tram__entry_input(const struct tram__entry *n, uint32_t argument) {
    struct tram__input *in = n->inputs;
    while (in && in->argument != argument)
        in = in->next;
    return in;
}

bool tram__entry_outcomes(struct tram__entry *n, uint32_t count) {
    n->outcomes = &n->one;
    n->outcome_count = count;
    if (count > 1 && !(n->outcomes = calloc(count, sizeof *n->outcomes))) {
        n->outcomes = &n->one;
        n->outcome_count = 0;
        return false;
    }
    return true;
}

bool tram__entry_stores(const struct tram__entry *n) {
    bool stored = false;
    for (uint32_t i = 0; !n->failure && i < n->outcome_count; i++)
        stored |= n->outcomes[i].kind == TRAM__STORED;
    return stored;
}

/* All but the one buffer that the next use will want. */
static void empty(struct tram__entry *n) {
    tram__entry_free_inputs(n);
    while (n->targets) {
        struct tram__target *t = n->targets;
        n->targets = t->next;
        free(t);
    }
    free(n->frame);
    free(n->failure);
    for (uint32_t i = 0; n->outcomes && n->outcomes != &n->one && i < n->outcome_count; i++)
        tram__buffer_free(&n->outcomes[i].buffer);
    if (n->outcomes != &n->one)
        free(n->outcomes);
    struct tram__buffer kept = n->one.buffer;
    if (kept.capacity > KEPT_BUFFER)
        tram__buffer_free(&kept);
    *n = (struct tram__entry){.one.buffer = kept};
}

static void destroy(struct tram__entry *n) {
    empty(n);
    tram__buffer_free(&n->one.buffer);
    free(n);
}

struct tram__entry *tram__queue_find(const struct tram__queue *q, uint64_t call) {
    return call >= q->first && call <= q->last && q->capacity ? q->at[call & (q->capacity - 1)] : NULL;
}

static bool reach(struct tram__queue *q, uint64_t call) {
    uint32_t capacity = q->capacity ? q->capacity : FIRST_CAPACITY;
    while (call - q->first >= capacity)
        capacity *= 2;
    if (capacity == q->capacity)
        return true;
    struct tram__entry **at = calloc(capacity, sizeof *at);
    if (!at)
        return false;
    for (uint64_t n = q->first; q->capacity && n <= q->last; n++)
        at[n & (capacity - 1)] = q->at[n & (q->capacity - 1)];
    free(q->at);
    q->at = at;
    q->capacity = capacity;
    return true;
}

struct tram__entry *tram__queue_make(struct tram__queue *q, uint64_t call) {
    struct tram__entry *n = tram__queue_find(q, call);
    if (n || call < q->first || call - q->first > MOST_AHEAD || !reach(q, call))
        return n;
    n = q->free;
    if (n) {
        q->free = n->next_free;
        q->free_count--;
        n->next_free = NULL;
    } else if (!(n = calloc(1, sizeof *n))) {
        return NULL;
    }
    q->at[call & (q->capacity - 1)] = n;
    if (call > q->last)
        q->last = call;
    return n;
}

void tram__queue_retire(struct tram__queue *q, uint64_t call) {
    for (; q->first <= call && q->first <= q->run; q->first++) {
        struct tram__entry **at = &q->at[q->first & (q->capacity - 1)], *n = *at;
        *at = NULL;
        if (!n)
            continue;
        if (q->free_count == MOST_FREE) {
            destroy(n);
            continue;
        }
        empty(n);
        n->next_free = q->free;
        q->free = n;
        q->free_count++;
    }
}

void tram__queue_free(struct tram__queue *q) {
    for (uint64_t n = q->first; q->capacity && n <= q->last; n++)
        if (q->at[n & (q->capacity - 1)])
            destroy(q->at[n & (q->capacity - 1)]);
    while (q->free) {
        struct tram__entry *n = q->free;
        q->free = n->next_free;
        destroy(n);
    }
    free(q->at);
}
