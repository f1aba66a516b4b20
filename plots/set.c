/* SPDX-License-Identifier: Apache-2.0 */
#include "plots/set.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/append.h"

/* ---- modes ---- */

/* Colours are podo's, which people with any colour vision tell apart; dashes and points tell them apart in grey. */
static const struct tram__mode known[] = {
    {"limit", TRAM__ROLE_LIMIT, 0, 1, 3, 4},        {"compiled", TRAM__ROLE_COMPILED, 1, 6, 1, 7},
    {"eager-shm", TRAM__ROLE_EAGER, 2, 4, 2, 5},    {"eager", TRAM__ROLE_EAGER, 3, 7, 4, 9},
    {"graph-eager", TRAM__ROLE_EAGER, 4, 8, 5, 11},
};
enum { KNOWN = sizeof known / sizeof *known };

/* Of modes that are not known, in the order of their appearance: as many as ci/peers has. */
static const struct tram__mode others[] = {
    {NULL, TRAM__ROLE_OTHER, 0, 2, 1, 13}, {NULL, TRAM__ROLE_OTHER, 0, 3, 2, 6},
    {NULL, TRAM__ROLE_OTHER, 0, 5, 1, 8},  {NULL, TRAM__ROLE_OTHER, 0, 2, 3, 10},
    {NULL, TRAM__ROLE_OTHER, 0, 3, 4, 12}, {NULL, TRAM__ROLE_OTHER, 0, 5, 5, 14},
    {NULL, TRAM__ROLE_OTHER, 0, 2, 5, 1},  {NULL, TRAM__ROLE_OTHER, 0, 3, 5, 2},
};
enum { OTHERS = sizeof others / sizeof *others };

static int find_mode(const struct tram__set *s, const char *name) {
    for (unsigned i = 0; i < s->mode_count; i++)
        if (strcmp(s->modes[i].name, name) == 0)
            return (int)i;
    return -1;
}

static int by_rank(const void *a, const void *b) {
    const struct tram__mode *x = a, *y = b;
    return x->rank < y->rank ? -1 : x->rank > y->rank;
}

static void add_mode(struct tram__set *s, const char *name) {
    if (find_mode(s, name) >= 0)
        return;
    struct tram__mode m = {0};
    unsigned seen = 0;
    for (unsigned i = 0; i < s->mode_count; i++)
        seen += s->modes[i].role == TRAM__ROLE_OTHER;
    for (unsigned i = 0; i < KNOWN; i++)
        if (strcmp(known[i].name, name) == 0)
            m = known[i];
    if (!m.name && seen < OTHERS) {
        m = others[seen];
        m.rank = KNOWN + seen;
    }
    if (!m.colour || s->mode_count == TRAM__MAX_MODES) {
        s->more_modes++;
        return;
    }
    m.name = name;
    s->modes[s->mode_count++] = m;
}

int tram__mode_of(const struct tram__set *s, enum tram__role role) {
    for (unsigned i = 0; i < s->mode_count; i++)
        if (s->modes[i].role == role)
            return (int)i;
    return -1;
}

/* ---- what a case's name says beside its figures ---- */

/* Whether a part of a case's name ("size:1") is told by the row's own fields, or varies by mode. */
static bool told_elsewhere(const char *part, size_t n) {
    static const char *const keys[] = {"mode:", "size:", "actors:", "receivers:", "inflight:", "thread:"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (n >= strlen(keys[i]) && strncmp(part, keys[i], strlen(keys[i])) == 0)
            return true;
    return (n == 14 && strncmp(part, "transport:auto", 14) == 0) || memchr(part, ':', n) == NULL;
}

/* "loan, device host" of "transfer/mode:limit/size:1/receivers:1/loan:1/device:host/transport:auto". */
static void read_variant(const char *name, char *out, size_t size) {
    size_t used = 0;
    out[0] = '\0';
    for (const char *part = strchr(name, '/'); part && used + 1 < size; part = strchr(part + 1, '/')) {
        size_t n = strcspn(part + 1, "/");
        if (told_elsewhere(part + 1, n))
            continue;
        bool flag = n > 2 && strncmp(part + 1 + n - 2, ":1", 2) == 0 && strncmp(part + 1, "parts", 5) != 0;
        used += (size_t)snprintf(out + used, size - used, "%s%.*s", used ? ", " : "", (int)(flag ? n - 2 : n),
                                 part + 1);
    }
    for (char *p = out; *p; p++)
        *p = *p == ':' ? ' ' : *p;
}

/* ---- making sets ---- */

static struct tram__set *set_for(struct tram__sets *all, const struct tram__input *in,
                                 const struct tram__row *r) {
    char variant[TRAM__NAME], plain[TRAM__NAME];
    read_variant(r->name, variant, sizeof variant);
    tram__plot_text(variant, plain, sizeof plain);
    for (uint32_t i = 0; i < all->count; i++)
        if (all->at[i].input == in && strcmp(all->at[i].scenario, r->scenario) == 0 &&
            strcmp(all->at[i].variant, plain) == 0 && all->at[i].open == r->open)
            return &all->at[i];
    struct tram__set s = {.input = in, .scenario = r->scenario, .actors_word = "actors", .open = r->open};
    memcpy(s.variant, plain, sizeof s.variant);
    if (!tram__append(&all->at, &all->count, sizeof s, &s))
        tram__needed(NULL);
    return &all->at[all->count - 1];
}

static void add_value(struct tram__set *s, enum tram__axis axis, uint64_t value) {
    for (uint32_t i = 0; i < s->value_count[axis]; i++)
        if (s->values[axis][i] == value)
            return;
    if (!tram__append(&s->values[axis], &s->value_count[axis], sizeof value, &value))
        tram__needed(NULL);
}

const struct tram__cell *tram__cell_at(const struct tram__set *s, unsigned mode, const struct tram__at *at) {
    for (uint32_t i = 0; i < s->cell_count; i++)
        if (s->cells[i].mode == mode && memcmp(&s->cells[i].at, at, sizeof *at) == 0)
            return &s->cells[i];
    return NULL;
}

static void add_row(struct tram__set *s, const struct tram__row *r) {
    int mode = find_mode(s, r->mode);
    struct tram__at at = {{r->bytes, r->actors, r->inflight}};
    if (mode < 0)
        return;
    struct tram__cell *c = (struct tram__cell *)(uintptr_t)tram__cell_at(s, (unsigned)mode, &at);
    if (!c) {
        struct tram__cell fresh = {.mode = (unsigned)mode, .at = at};
        if (!tram__append(&s->cells, &s->cell_count, sizeof fresh, &fresh))
            tram__needed(NULL);
        c = &s->cells[s->cell_count - 1];
        for (int a = 0; a < TRAM__AXES; a++)
            add_value(s, (enum tram__axis)a, at.v[a]);
    }
    if (!tram__append(&c->rows, &c->count, sizeof(void *), &(const struct tram__row *){r}))
        tram__needed(NULL);
}

static int by_value(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static int by_repetition(const void *a, const void *b) {
    const struct tram__row *x = *(const struct tram__row *const *)a, *y = *(const struct tram__row *const *)b;
    return x->repetition < y->repetition ? -1 : x->repetition > y->repetition;
}

static void fill(struct tram__sets *all, const struct tram__input *in) {
    for (uint32_t i = 0; i < in->row_count; i++) { /* all modes first: a cell names its mode by their order */
        struct tram__set *s = set_for(all, in, &in->rows[i]);
        add_mode(s, in->rows[i].mode);
        if (strstr(in->rows[i].name, "/receivers:"))
            s->actors_word = "receivers";
        s->missed |= !isnan(in->rows[i].missed_share);
        if (strstr(in->rows[i].name, "/loan:1"))
            s->loan = true;
        if (strstr(in->rows[i].name, "/device:"))
            s->tensors = true;
        if (strstr(in->rows[i].name, "/thread:main"))
            s->main_thread = true;
    }
    for (uint32_t i = 0; i < all->count; i++)
        if (all->at[i].input == in)
            qsort(all->at[i].modes, all->at[i].mode_count, sizeof *all->at[i].modes, by_rank);
    for (uint32_t i = 0; i < in->row_count; i++)
        add_row(set_for(all, in, &in->rows[i]), &in->rows[i]);
}

static unsigned scenario_rank(const struct tram__set *s) {
    static const char *const order[] = {"roundtrip", "chain", "scatter_gather", "multi_args", "transfer"};
    enum { ORDER = sizeof order / sizeof *order };
    for (unsigned i = 0; i < ORDER; i++)
        if (strcmp(order[i], s->scenario) == 0)
            return i;
    return ORDER;
}

/* Stable: sets of one scenario stay in the order of the files. */
static void sort_sets(struct tram__sets *all) {
    for (uint32_t i = 1; i < all->count; i++)
        for (uint32_t k = i; k && scenario_rank(&all->at[k]) < scenario_rank(&all->at[k - 1]); k--) {
            struct tram__set s = all->at[k];
            all->at[k] = all->at[k - 1];
            all->at[k - 1] = s;
        }
}

static bool slug_taken(const struct tram__sets *all, uint32_t before, const char *slug) {
    for (uint32_t i = 0; i < before; i++)
        if (strcmp(all->at[i].slug, slug) == 0)
            return true;
    return false;
}

static void name_sets(struct tram__sets *all) {
    for (uint32_t i = 0; i < all->count; i++) {
        struct tram__set *s = &all->at[i];
        char name[TRAM__TITLE], slug[TRAM__NAME - 12];
        if (!*tram__slug(tram__set_name(s, name, sizeof name), slug, sizeof slug))
            strcpy(slug, "results");
        snprintf(s->slug, sizeof s->slug, "%s", slug);
        for (unsigned k = 2; slug_taken(all, i, s->slug); k++)
            snprintf(s->slug, sizeof s->slug, "%s-%u", slug, k);
    }
}

/* After the slugs, which stay short: those of one name are numbered. */
static void name_sources(struct tram__sets *all) {
    for (uint32_t i = 0; i < all->count; i++)
        for (uint32_t k = 0; k < i; k++) {
            struct tram__set *s = &all->at[i], *t = &all->at[k];
            bool alike = strcmp(s->scenario, t->scenario) == 0 && strcmp(s->variant, t->variant) == 0;
            if (s->input == t->input || (!alike && tram__same_machine(s->input, t->input)))
                continue;
            s->source = s->input->shown;
            t->source = t->input->shown;
        }
}

void tram__sets_make(const struct tram__input *inputs, uint32_t input_count, struct tram__sets *out) {
    *out = (struct tram__sets){0};
    for (uint32_t i = 0; i < input_count; i++)
        fill(out, &inputs[i]);
    for (uint32_t i = 0; i < out->count; i++) {
        struct tram__set *s = &out->at[i];
        for (int a = 0; a < TRAM__AXES; a++)
            if (s->value_count[a])
                qsort(s->values[a], s->value_count[a], sizeof *s->values[a], by_value);
        for (uint32_t c = 0; c < s->cell_count; c++)
            qsort(s->cells[c].rows, s->cells[c].count, sizeof(void *), by_repetition);
    }
    sort_sets(out);
    name_sets(out);
    name_sources(out);
}

void tram__sets_free(struct tram__sets *all) {
    for (uint32_t i = 0; i < all->count; i++) {
        struct tram__set *s = &all->at[i];
        for (uint32_t c = 0; c < s->cell_count; c++)
            free(s->cells[c].rows);
        for (int a = 0; a < TRAM__AXES; a++)
            free(s->values[a]);
        free(s->cells);
    }
    free(all->at);
    *all = (struct tram__sets){0};
}
