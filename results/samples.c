/* SPDX-License-Identifier: Apache-2.0 */
#include "results/samples.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "results/read_row.h"
#include "results/statistics.h"

int tram__index_make(const struct tram_result_set *s, struct tram__index *out) {
    struct tram__index x = {.rows = calloc(s->row_count + 1, sizeof *x.rows),
                            .cases = calloc(s->row_count + 1, sizeof *x.cases)};
    if (!x.rows || !x.cases) {
        tram__index_free(&x);
        return -1;
    }
    for (size_t i = 0; i < s->row_count; i++)
        x.rows[i] = &s->rows[i];
    qsort(x.rows, s->row_count, sizeof *x.rows, tram__by_case);
    for (size_t i = 0; i < s->row_count; i++) {
        const struct tram_result_row *row = x.rows[i];
        if (!i || strcmp(row->name, x.rows[i - 1]->name) != 0)
            x.cases[x.case_count++] = (struct tram__rows){row->name, &x.rows[i], row, 0};
        struct tram__rows *r = &x.cases[x.case_count - 1];
        r->count++;
        r->first = row < r->first ? row : r->first;
    }
    *out = x;
    return 0;
}

void tram__index_free(struct tram__index *x) {
    free(x->rows);
    free(x->cases);
    *x = (struct tram__index){0};
}

static int by_name(const void *name, const void *rows) {
    return strcmp(name, ((const struct tram__rows *)rows)->name);
}

const struct tram__rows *tram__index_find(const struct tram__index *x, const char *name) {
    return bsearch(name, x->cases, x->case_count, sizeof *x->cases, by_name);
}

size_t tram__samples(const struct tram__rows *r, bool by_block, const char *counter, double *out,
                     int64_t *blocks) {
    size_t count = 0;
    for (size_t i = 0; i < r->count;) {
        size_t end = i, n = 0;
        int64_t block = r->at[i]->block;
        do {
            double v = counter ? tram_result_number(r->at[end], counter) : r->at[end]->p50_ns;
            if (isfinite(v))
                out[i + n++] = v; /* behind the samples that are done */
        } while (++end < r->count && by_block && r->at[end]->block == block);
        if (blocks)
            blocks[count] = block;
        out[count++] = tram_median(out + i, n);
        i = end;
    }
    return count;
}
