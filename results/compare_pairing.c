/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether two arms can be paired: they have the same blocks, and, as numbers are easily the same, those of a number ran
 * together. A file knows when its run began and ended; it may hold one block or all of them.
 */
#include "results/compare_parts.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* ---- Which blocks there are ---- */

/* The first block that only one of them has, or TRAM_ABSENT; *count: blocks. Rows are sorted by block. */
static int64_t odd_block(const struct tram__pair *p, bool *in_base, size_t *count) {
    const struct tram__rows *a = p->base, *b = p->head;
    size_t i = 0, k = 0;
    *count = 0;
    while (i < a->count || k < b->count) {
        int64_t x = i < a->count ? a->at[i]->block : INT64_MAX,
                y = k < b->count ? b->at[k]->block : INT64_MAX;
        if (x != y) {
            *in_base = x < y;
            return x < y ? x : y;
        }
        while (i < a->count && a->at[i]->block == x)
            i++;
        while (k < b->count && b->at[k]->block == y)
            k++;
        ++*count;
    }
    return TRAM_ABSENT;
}

/* ---- When they ran ---- */

/* From when to when, in seconds. NaN: a file does not say. */
struct span {
    double start, end;
};

struct block {
    int64_t number;
    struct span spans[2]; /* of base and head */
};

/* Of the block whose rows begin at *i, and may lie in several files; leaves it. */
static struct span take_span(const struct tram_result_set *s, const struct tram__rows *r, size_t *i) {
    struct span all = {INFINITY, -INFINITY};
    for (int64_t block = r->at[*i]->block; *i < r->count && r->at[*i]->block == block; ++*i) {
        const struct tram_result_file *f = &s->files[r->at[*i]->file];
        if (isnan(f->start_s) || isnan(f->end_s))
            all.start = all.end = NAN;
        all.start = f->start_s < all.start ? f->start_s : all.start; /* what is NaN stays so */
        all.end = f->end_s > all.end ? f->end_s : all.end;
    }
    return all;
}

static int by_start(const void *a, const void *b) {
    double x = ((const struct block *)a)->spans[0].start, y = ((const struct block *)b)->spans[0].start;
    return (x > y) - (x < y);
}

/* For at least half of the shorter one: files that hold all blocks do. */
static bool overlap(const struct span *a, const struct span *b) {
    double both = fmin(a->end, b->end) - fmax(a->start, b->start);
    return both >= 0 && both >= fmin(a->end - a->start, b->end - b->start) / 2;
}

/* A block whose second arm did not start between the starts before and after that of the first, nor ran with it. */
static const struct block *find_apart(struct block *blocks, size_t count) {
    qsort(blocks, count, sizeof *blocks, by_start);
    double before = -INFINITY;
    for (size_t i = 0, end; i < count; i = end) {
        double start = blocks[i].spans[0].start, after = INFINITY;
        for (end = i; end < count && blocks[end].spans[0].start <= start;)
            end++;
        if (end < count)
            after = blocks[end].spans[0].start;
        bool alone = isinf(before) && isinf(after);
        for (size_t k = i; k < end; k++) {
            const struct span *first = &blocks[k].spans[0], *second = &blocks[k].spans[1];
            if ((alone || second->start < before || second->start > after) && !overlap(first, second))
                return &blocks[k];
        }
        before = start;
    }
    return NULL;
}

static void swap_arms(struct block *blocks, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct span first = blocks[i].spans[0];
        blocks[i].spans[0] = blocks[i].spans[1];
        blocks[i].spans[1] = first;
    }
}

static const char *utc_text(double s, char *out, size_t size) {
    time_t whole = (time_t)s;
    struct tm t;
    if (!gmtime_r(&whole, &t) || !strftime(out, size, "%Y-%m-%dT%H:%M:%SZ", &t))
        snprintf(out, size, "?");
    return out;
}

/* Says in `apart` why a case is not interleaved, if it is not. */
static int look_at_times(struct tram_arms *a, const struct tram__pair *p) {
    struct block *blocks = calloc(p->base->count + 1, sizeof *blocks);
    size_t count = 0;
    char x[40], y[40];
    if (!blocks)
        return -1;
    for (size_t i = 0, k = 0; i < p->base->count && k < p->head->count; count++) {
        struct block *b = &blocks[count];
        b->number = p->base->at[i]->block;
        b->spans[0] = take_span(a->base, p->base, &i);
        b->spans[1] = take_span(a->head, p->head, &k);
        if (isnan(b->spans[0].start) || isnan(b->spans[1].start))
            snprintf(a->apart, sizeof a->apart, "%s does not say when block %lld ran",
                     isnan(b->spans[0].start) ? a->base->path : a->head->path, (long long)b->number);
    }
    bool swapped = false;
    const struct block *b = NULL;
    if (!a->apart[0] && count > 1) {
        b = find_apart(blocks, count);
        if (!b) {
            swap_arms(blocks, count);
            swapped = true;
            b = find_apart(blocks, count);
        }
    }
    if (b)
        snprintf(a->apart, sizeof a->apart, "block %lld ran at %s in the one and at %s in the other: %s",
                 (long long)b->number, utc_text(b->spans[swapped].start, x, sizeof x),
                 utc_text(b->spans[!swapped].start, y, sizeof y), p->base->name);
    free(blocks);
    return 0;
}

int tram__find_pairing(struct tram_arms *a, const struct tram__pair *pairs) {
    bool in_base;
    a->paired = a->base->blocks && a->head->blocks;
    if (!a->paired) {
        const char *without = a->base->blocks ? a->head->path : a->base->path;
        snprintf(a->apart, sizeof a->apart, "%s has no blocks", without);
        return 0;
    }
    for (size_t i = 0; i < a->case_count; i++) {
        size_t blocks;
        int64_t odd = odd_block(&pairs[i], &in_base, &blocks);
        a->blocks = blocks > a->blocks ? blocks : a->blocks;
        if (odd == TRAM_ABSENT)
            continue;
        snprintf(a->apart, sizeof a->apart, "only %s has block %lld of %s",
                 in_base ? a->base->path : a->head->path, (long long)odd, pairs[i].base->name);
        a->paired = false;
        a->blocks = 0;
        return 0;
    }
    for (size_t i = 0; i < a->case_count && !a->apart[0]; i++)
        if (look_at_times(a, &pairs[i]))
            return -1;
    return 0;
}
