/* SPDX-License-Identifier: Apache-2.0 */
#include "plots/figure.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/append.h"

const char *const tram__kind_names[TRAM__KINDS] = {
    "ladder", "latency", "speedup", "scaling", "throughput", "percentiles", "overlap", "order", "forest"};

/* ---- all of them ---- */

void tram__figures_make(const struct tram__input *inputs, uint32_t input_count, const struct tram__sets *sets,
                        const bool kinds[TRAM__KINDS], struct tram__figures *out) {
    static void (*const make[TRAM__KINDS])(struct tram__figures *, const struct tram__set *) = {
        [TRAM__KIND_LADDER] = tram__make_ladder,         [TRAM__KIND_LATENCY] = tram__make_latency,
        [TRAM__KIND_SPEEDUP] = tram__make_speedup,       [TRAM__KIND_SCALING] = tram__make_scaling,
        [TRAM__KIND_THROUGHPUT] = tram__make_throughput, [TRAM__KIND_PERCENTILES] = tram__make_percentiles,
        [TRAM__KIND_OVERLAP] = tram__make_overlap,       [TRAM__KIND_ORDER] = tram__make_order,
    };
    *out = (struct tram__figures){0};
    for (uint32_t i = 0; i < sets->count; i++)
        for (int k = 0; k < TRAM__KINDS; k++)
            if (kinds[k] && make[k])
                make[k](out, &sets->at[i]);
    for (uint32_t i = 0; i < input_count; i++) {
        if (kinds[TRAM__KIND_OVERLAP] && inputs[i].kind == TRAM__INPUT_SUMMARY)
            tram__make_trace_overlap(out, &inputs[i]);
        if (kinds[TRAM__KIND_FOREST] && inputs[i].kind == TRAM__INPUT_COMPARISON)
            tram__make_forest(out, &inputs[i]);
    }
}

void tram__figures_free(struct tram__figures *f) {
    for (uint32_t i = 0; i < f->count; i++) {
        free(f->at[i].table);
        free(f->at[i].script);
        free(f->at[i].words);
    }
    free(f->at);
    *f = (struct tram__figures){0};
}

/* ---- one ---- */

static bool name_taken(const struct tram__figures *all, const char *name) {
    for (uint32_t i = 0; i < all->count; i++)
        if (strcmp(all->at[i].name, name) == 0)
            return true;
    return false;
}

void tram__draw_begin(struct tram__draw *d, struct tram__figures *all, enum tram__kind kind,
                      const struct tram__set *set, const char *suffix) {
    char name[TRAM__NAME + 48];
    *d = (struct tram__draw){.all = all};
    struct tram__figure *f = &d->figure;
    f->kind = kind;
    f->set = set;
    f->input = set ? set->input : NULL;
    f->width = TRAM__WIDTH;
    f->height = TRAM__HEIGHT;
    snprintf(name, sizeof name, "%s%s%s%s%s", set ? set->slug : "", set ? "-" : "", tram__kind_names[kind],
             *suffix ? "-" : "", suffix);
    snprintf(f->name, sizeof f->name, "%s", name);
    for (unsigned k = 2; name_taken(all, f->name); k++)
        snprintf(f->name, sizeof f->name, "%s-%u", name, k);
    tram__memory_open(&d->table);
    tram__memory_open(&d->script);
    tram__memory_open(&d->words);
}

void tram__draw_script(struct tram__draw *d, const char *across, unsigned entries) {
    struct tram__figure *f = &d->figure;
    FILE *o = d->script.f;
    unsigned rows = entries > 8 ? (entries + 2) / 3 : entries > 4 ? 2 : 1; /* more columns do not fit */
    f->height += rows > 2 ? 20 * (rows - 2) : 0;
    double bottom = 78 + 20 * rows;
    double high = f->height; /* margins in pixels: a line's height is not the same in both formats */
    fprintf(
        o,
        "# %s\n# gnuplot %s.gp, in the folder of %s.tsv, writes %s.svg and %s.png.\n"
        "reset\nset encoding utf8\nset datafile separator tab\nset datafile columnheaders\n"
        "set colorsequence podo\n"
        "set border 3 lc rgb '#808080'\nset tics nomirror out textcolor rgb '#404040'\nset format '%%g'\n"
        "set grid back lt 1 lc rgb '#d9d9d9' lw 0.6\n"
        "set key at screen 0.5, screen %.4f center bottom vertical maxrows %u "
        "reverse Left noenhanced samplen 3.5 width 0\n"
        "set bars 0.5\nset style fill transparent solid 0.15 noborder\n"
        "# bare: for a page that has its own title\n"
        "if (exists('bare')) {\n    set tmargin at screen %.4f\n} else {\n    set tmargin at screen %.4f\n"
        "    set label 1 '%s' at screen 0.02, screen %.4f left font ',17' noenhanced\n"
        "    set label 2 '%s' at screen 0.02, screen %.4f left textcolor rgb '#606060' noenhanced\n"
        "}\nset bmargin at screen %.4f\n"
        "set label 3 '%s' at graph 0.5, screen %.4f center noenhanced\n",
        f->title, f->name, f->name, f->name, f->name, 8 / high, rows, 1 - 12 / high, 1 - 66 / high, f->title,
        1 - 22 / high, f->subtitle, 1 - 46 / high, bottom / high, across, (bottom - 53) / high);
}

/* The plot command is the script's last; it is drawn again for the second format. */
static void finish_script(struct tram__draw *d) {
    struct tram__figure *f = &d->figure;
    struct tram__memory whole;
    char *plot = strstr(f->script, "\nplot ");
    if (!plot)
        return;
    tram__memory_open(&whole);
    fprintf(
        whole.f,
        "%.*s\n"
        "set terminal svg size %u,%u dynamic font 'Arial,14' background rgb 'white'\nset output '%s.svg'%s"
        "if (exists('bare')) exit\n"
        "set terminal pngcairo size %u,%u fontscale 1.5 linewidth 2 pointscale 2.2 dashlength 1.4 font "
        "'DejaVu Sans,14' "
        "background rgb 'white'\nset output '%s.png'\nreplot\n",
        (int)(plot - f->script), f->script, f->width, f->height, f->name, plot, 2 * f->width, 2 * f->height,
        f->name);
    tram__memory_close(&whole);
    free(f->script);
    f->script = whole.text;
}

/* What printf makes of a figure that is not there, "nan" or "-nan", becomes what gnuplot and others call it, in
 * place. */
static void name_absent(char *table) {
    char *to = table;
    for (const char *from = table; *from;) {
        size_t n = strcspn(from, "\t\n");
        bool absent = (n == 3 && strncmp(from, "nan", n) == 0) || (n == 4 && strncmp(from, "-nan", n) == 0);
        memmove(to, absent ? "NaN" : from, absent ? 3 : n);
        to += absent ? 3 : n;
        from += n;
        if (*from)
            *to++ = *from++;
    }
    *to = '\0';
}

static void close_memory(struct tram__draw *d) {
    tram__memory_close(&d->table);
    tram__memory_close(&d->script);
    tram__memory_close(&d->words);
    d->figure.table = d->table.text;
    name_absent(d->figure.table);
    d->figure.script = d->script.text;
    d->figure.words = d->words.text;
}

void tram__draw_end(struct tram__draw *d) {
    close_memory(d);
    finish_script(d);
    if (!tram__append(&d->all->at, &d->all->count, sizeof d->figure, &d->figure))
        tram__needed(NULL);
}

void tram__draw_drop(struct tram__draw *d) {
    close_memory(d);
    free(d->figure.table);
    free(d->figure.script);
    free(d->figure.words);
}

const char *tram__column(const struct tram__mode *m, const char *what, char *out) {
    char name[TRAM__NAME / 2];
    snprintf(out, TRAM__NAME, "%s_%s", tram__plot_text(m->name, name, sizeof name), what);
    return out;
}

void tram__draw_style(FILE *f, const struct tram__mode *m) {
    fprintf(f, "lc %u dt %u pt %u lw 2 ps 0.8", m->colour, m->dash, m->point);
}

/* ---- axes ---- */

void tram__span_add(struct tram__span *s, const struct tram__range *r) {
    s->low = fmin(s->low, r->mid); /* passes over NaN */
    s->high = fmax(s->high, r->mid);
    s->nearest = fmin(s->nearest, r->low);
    s->farthest = fmax(s->farthest, r->high);
}

bool tram__span_cut(struct tram__span *s) {
    static const double most = 3; /* times beyond the medians */
    double low = fmax(s->nearest, s->low / most), high = fmin(s->farthest, s->high * most);
    s->low = fmin(s->low, low);
    s->high = fmax(s->high, high);
    return s->nearest < s->low || s->farthest > s->high;
}

/* 1, 10, 100 over many decades, with 2 and 5 between them over few, and more over one; a whole line of gnuplot. */
static void put_log_marks(FILE *o, char axis, double low, double high, const char *unit) {
    static const double few[] = {1, 2, 5}, more[] = {1, 1.5, 2, 3, 5, 7};
    double decades = log10(high / low);
    const double *steps = decades < 1 ? more : few;
    int count = decades < 1 ? 6 : decades < 2.6 ? 3 : 1;
    int every = decades > 8 ? 2 : 1;
    bool begun = false;
    char cell[TRAM__CELL];
    fprintf(o, "set %ctics (", axis);
    for (int e = (int)floor(log10(low)); e <= (int)ceil(log10(high)); e += every)
        for (int i = 0; i < count; i++) {
            double v = steps[i] * pow(10, e);
            if (v < low * 0.999 || v > high * 1.001)
                continue;
            fprintf(o, "%s'%s' %.6g", begun ? ", " : "", tram__print_tick(v, unit, cell), v);
            begun = true;
        }
    fprintf(o, ")\n");
}

void tram__draw_log(struct tram__draw *d, char axis, double low, double high, const char *unit) {
    FILE *o = d->script.f;
    double room = fmax(1.25, pow(high / low, 0.06));
    low /= room;
    high *= room;
    if (axis == 'y') {
        d->bottom = low;
        d->top = high;
    }
    fprintf(o, "set logscale %c\nset %crange [%.6g:%.6g]\n", axis, axis, low, high);
    put_log_marks(o, axis, low, high, unit);
}

void tram__draw_marks(struct tram__draw *d, enum tram__axis axis, const struct tram__set *s) {
    enum { ROOM = 9 };
    uint32_t n = s->value_count[axis], every = (n + ROOM - 1) / ROOM;
    const uint64_t *v = s->values[axis];
    char cell[TRAM__CELL];
    double low = v[0] ? (double)v[0] : 0.5, high = n > 1 ? (double)v[n - 1] : low;
    double room = n > 1 ? fmax(1.15, pow(high / low, 0.05)) : 2;
    fprintf(d->script.f, "set logscale x\nset xrange [%.6g:%.6g]\nset xtics (", low / room, high * room);
    for (uint32_t i = 0; i < n; i += every) {
        if (axis == TRAM__AXIS_BYTES)
            tram__print_bytes(v[i], cell);
        else
            snprintf(cell, sizeof cell, "%llu", (unsigned long long)v[i]);
        fprintf(d->script.f, "%s'%s' %llu", i ? ", " : "", cell, (unsigned long long)v[i]);
    }
    fprintf(d->script.f, ")\n");
}

/* ---- slices ---- */

unsigned tram__slices(const struct tram__set *s, enum tram__axis axis, unsigned least,
                      struct tram__slice out[TRAM__MAX_SLICES]) {
    enum tram__axis b = (axis + 1) % TRAM__AXES, c = (axis + 2) % TRAM__AXES;
    unsigned count = 0;
    if (s->value_count[axis] < least)
        return 0;
    for (unsigned i = 0; i < (s->value_count[b] > 1 ? 2u : 1u); i++)
        for (unsigned k = 0; k < (s->value_count[c] > 1 ? 2u : 1u); k++) {
            struct tram__slice *l = &out[count++];
            *l = (struct tram__slice){.axis = axis};
            l->at.v[b] = s->values[b][i ? s->value_count[b] - 1 : 0];
            l->at.v[c] = s->values[c][k ? s->value_count[c] - 1 : 0];
        }
    return count;
}

const char *tram__slice_name(const struct tram__set *s, const struct tram__slice *l, char *out, size_t size) {
    char bytes[TRAM__CELL];
    unsigned long long actors = l->at.v[TRAM__AXIS_ACTORS];
    size_t used = 0;
    out[0] = '\0';
    if (l->axis != TRAM__AXIS_BYTES)
        used += (size_t)snprintf(out, size, "%s, ", tram__print_bytes(l->at.v[TRAM__AXIS_BYTES], bytes));
    if (l->axis != TRAM__AXIS_ACTORS && used < size)
        used += (size_t)snprintf(out + used, size - used, "%llu %.*s%s%s", actors,
                                 (int)strlen(s->actors_word) - 1, s->actors_word, actors == 1 ? "" : "s",
                                 l->axis != TRAM__AXIS_INFLIGHT ? ", " : "");
    if (l->axis != TRAM__AXIS_INFLIGHT && used < size)
        snprintf(out + used, size - used, "%llu in flight", (unsigned long long)l->at.v[TRAM__AXIS_INFLIGHT]);
    return out;
}

const char *tram__slice_suffix(const struct tram__set *s, const struct tram__slice *l, char *out,
                               size_t size) {
    static const char letters[TRAM__AXES] = {'b', 'a', 'i'};
    size_t used = 0;
    out[0] = '\0';
    for (int a = 0; a < TRAM__AXES; a++)
        if ((enum tram__axis)a != l->axis && s->value_count[a] > 1 && used < size)
            used += (size_t)snprintf(out + used, size - used, "%s%c%llu", used ? "-" : "", letters[a],
                                     (unsigned long long)l->at.v[a]);
    return out;
}

const char *tram__axis_title(const struct tram__set *s, enum tram__axis axis) {
    return axis == TRAM__AXIS_BYTES    ? "payload"
           : axis == TRAM__AXIS_ACTORS ? s->actors_word
                                       : "executions in flight";
}
