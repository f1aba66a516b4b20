/* SPDX-License-Identifier: Apache-2.0 */
#include "profilers/flows.h"

#include <stdlib.h>

enum { PAGE_BITS = 12, WORDS = (1 << PAGE_BITS) / 64, MOST_PAGES = 1 << 16, NUMBER_BITS = 40 };

struct tram__flow_page {
    uint64_t key; /* edge and number of the page */
    uint64_t bits[2][WORDS];
};

static uint64_t mix(uint64_t v) {
    v = (v ^ v >> 31) * UINT64_C(0x7FB5D329728EA185);
    v = (v ^ v >> 27) * UINT64_C(0x81DADEF4BC2DD44D);
    return v ^ v >> 33;
}

bool tram__flows_init(struct tram__flows *f, uint32_t graph_edges, uint64_t salt) {
    *f = (struct tram__flows){.table_size = 1024,
                              .graph_edges = graph_edges,
                              .group_count = TRAM__FLOW_GROUPS,
                              .edge_count = graph_edges + TRAM__FLOW_WAYS * TRAM__FLOW_GROUPS,
                              .salt = salt};
    f->table = calloc(f->table_size, sizeof(struct tram__flow_page *));
    f->recent = calloc(f->edge_count, sizeof *f->recent);
    if (f->table && f->recent)
        return true;
    tram__flows_free(f);
    return false;
}

void tram__flows_free(struct tram__flows *f) {
    for (uint64_t i = 0; f->table && i < f->table_size; i++)
        free(f->table[i]);
    free(f->table);
    free(f->recent);
    f->table = NULL;
    f->recent = NULL;
}

/* Where the page of this key is, or would be. */
static uint64_t place(const struct tram__flows *f, uint64_t key) {
    uint64_t at = mix(key) & (f->table_size - 1);
    while (f->table[at] && f->table[at]->key != key)
        at = (at + 1) & (f->table_size - 1);
    return at;
}

static bool widen(struct tram__flows *f) {
    struct tram__flow_page **old = f->table;
    uint64_t size = f->table_size;
    struct tram__flow_page **table = calloc(2 * size, sizeof(struct tram__flow_page *));
    if (!table)
        return false;
    f->table = table;
    f->table_size = 2 * size;
    for (uint64_t i = 0; i < size; i++)
        if (old[i])
            table[place(f, old[i]->key)] = old[i];
    free(old);
    return true;
}

static struct tram__flow_page *find(struct tram__flows *f, uint32_t edge, uint64_t n, bool make) {
    uint64_t number = n >> PAGE_BITS, key = (uint64_t)edge << (NUMBER_BITS - PAGE_BITS) | number;
    struct tram__flow_recent *recent = &f->recent[edge];
    if (__builtin_expect(recent->page && recent->number == number, 1))
        return recent->page;
    if (n >> NUMBER_BITS || edge >> (64 - NUMBER_BITS))
        return NULL;
    uint64_t at = place(f, key);
    if (!f->table[at]) {
        if (!make || f->page_count >= MOST_PAGES || (f->page_count * 2 >= f->table_size && !widen(f)))
            return NULL;
        at = place(f, key);
        if (!(f->table[at] = calloc(1, sizeof *f->table[at])))
            return NULL;
        f->table[at]->key = key;
        f->page_count++;
    }
    *recent = (struct tram__flow_recent){number, f->table[at]};
    return recent->page;
}

void tram__flow_seen(struct tram__flows *f, uint32_t edge, uint64_t n, bool read) {
    struct tram__flow_page *p = find(f, edge, n, true);
    if (p)
        p->bits[read][n / 64 % WORDS] |= UINT64_C(1) << n % 64;
    else
        f->left_out++;
}

void tram__flows_match(struct tram__flows *f) {
    for (uint64_t i = 0; i < f->table_size; i++)
        for (int w = 0; f->table[i] && w < WORDS; w++)
            f->table[i]->bits[0][w] = f->table[i]->bits[1][w] &= f->table[i]->bits[0][w];
}

uint64_t tram__flow_take(struct tram__flows *f, uint32_t edge, uint64_t n, bool read) {
    struct tram__flow_page *p = find(f, edge, n, false);
    uint64_t bit = UINT64_C(1) << n % 64;
    if (!p || !(p->bits[read][n / 64 % WORDS] & bit))
        return 0;
    p->bits[read][n / 64 % WORDS] &= ~bit;
    /* Another id for each within a run, and hardly ever one that another run has: traces may be put together. */
    uint64_t id = (((uint64_t)edge << NUMBER_BITS | n) ^ f->salt) * UINT64_C(0x9E3779B97F4A7C15);
    return id ? id : 1;
}
