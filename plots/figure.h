/* SPDX-License-Identifier: Apache-2.0
 *
 * Figures: each is a table of data, a gnuplot script that draws it, and words about it. A script stands alone:
 * whoever has it and its table runs `gnuplot NAME.gp` beside them.
 */
#ifndef TRAM_PLOTS_FIGURE_H
#define TRAM_PLOTS_FIGURE_H

#include <math.h>

#include "plots/set.h"

enum tram__kind {
    TRAM__KIND_LADDER,
    TRAM__KIND_LATENCY,
    TRAM__KIND_SPEEDUP,
    TRAM__KIND_SCALING,
    TRAM__KIND_THROUGHPUT,
    TRAM__KIND_PERCENTILES,
    TRAM__KIND_OVERLAP,
    TRAM__KIND_ORDER,
    TRAM__KIND_FOREST,
    TRAM__KINDS,
};
extern const char *const tram__kind_names[TRAM__KINDS];

struct tram__figure {
    enum tram__kind kind;
    const struct tram__set *set;     /* NULL: made from another kind of input */
    const struct tram__input *input; /* what it was made from */
    char name[TRAM__NAME + 64];      /* of its files; no other figure has it */
    char title[TRAM__TITLE], subtitle[TRAM__TITLE];
    unsigned width, height;
    char *table, *script;
    char *words; /* what is drawn and how to read it, in sentences; plain text */
    bool drawn;  /* its picture is there: see gnuplot.h */
};

struct tram__figures {
    struct tram__figure *at;
    uint32_t count;
};

/* Adds every figure of the kinds asked for that the inputs have data for, the sets' in their order. */
void tram__figures_make(const struct tram__input *inputs, uint32_t input_count, const struct tram__sets *sets,
                        const bool kinds[TRAM__KINDS], struct tram__figures *out);
void tram__figures_free(struct tram__figures *f);

/* ---- for the files that make one kind each ---- */

/* A figure in the making. Its table begins with a line of names; its script, after what all have in common, sets
 * what is its own and ends in the plot command. */
struct tram__draw {
    struct tram__figures *all;
    struct tram__figure figure;
    struct tram__memory table, script, words;
    double bottom, top; /* of the frame, where tram__draw_log made the vertical axis */
};

enum { TRAM__WIDTH = 720, TRAM__HEIGHT = 420 };

/* `suffix`: after the set's name and the kind's in the figure's; "" for none. The figure's title, subtitle and
 * size may be set until tram__draw_script. */
void tram__draw_begin(struct tram__draw *d, struct tram__figures *all, enum tram__kind kind,
                      const struct tram__set *set, const char *suffix);
/* Begins the script: `across` names the horizontal axis, the key will have so many entries. */
void tram__draw_script(struct tram__draw *d, const char *across, unsigned entries);
void tram__draw_end(struct tram__draw *d);
void tram__draw_drop(struct tram__draw *d); /* there was nothing to draw */

/* A name of a column: "eager-shm_p50_ns". Into `out`, of TRAM__NAME bytes, which they return. */
const char *tram__column(const struct tram__mode *m, const char *what, char *out);

/* How a mode is drawn: "lc 6 dt 1 pt 7 lw 2 ps 0.9", the same everywhere. */
void tram__draw_style(FILE *f, const struct tram__mode *m);

/* What a logarithmic axis has to show: all medians, and of the ranges around them what does not press those
 * together. One repetition that was disturbed may be a thousand times off. */
struct tram__span {
    double low, high;         /* of the medians; NaN: of none */
    double farthest, nearest; /* of the ranges */
};
static const struct tram__span TRAM__SPAN_EMPTY = {NAN, NAN, NAN, NAN};
void tram__span_add(struct tram__span *s, const struct tram__range *r);
/* Cuts the ranges: low and high become what is shown. True when something is left out. */
bool tram__span_cut(struct tram__span *s);

/* A logarithmic axis ('x' or 'y') over these values with some room beside them, its marks named in `unit` ("ns":
 * as times; values in the table are in nanoseconds). */
void tram__draw_log(struct tram__draw *d, char axis, double low, double high, const char *unit);
/* Of a plot command, with what separates it from those before: an open triangle at the frame, in the mode's colour,
 * where the figures of the columns `below` and `above` are beyond it. `across`: gnuplot's expression for where. */
void tram__draw_edges(struct tram__draw *d, const struct tram__mode *m, const char *across, unsigned below,
                      unsigned above);
/* Marks at these values of an axis, as many as have room. */
void tram__draw_marks(struct tram__draw *d, enum tram__axis axis, const struct tram__set *s);

/* Floors of the run as labelled lines, those that lie between `low` and `high` and were not disturbed. */
void tram__draw_floors(struct tram__draw *d, const struct tram__set *s, double low, double high);
/* How many times the least p50 of a mode, into `mode`, a floor ("context/floor/cacheline_rtt_ns") took that each
 * execution of this mode has in it, where that is more than twice: then the floor was disturbed. NaN: it was not. */
double tram__floor_disturbed(const struct tram__set *s, const char *key, const char **mode);
/* Names the floors that were disturbed, a sentence each; none: nothing. */
void tram__words_floors(FILE *w, const struct tram__set *s);

/* A slice: the cases along one axis, the others fixed. */
struct tram__slice {
    enum tram__axis axis;
    struct tram__at at; /* the value on the axis itself is what the caller makes of it */
};
/* Slices of a set along an axis that has `least` values or more; of those the other two axes give, the
 * outermost. Returns how many, at most TRAM__MAX_SLICES. */
enum { TRAM__MAX_SLICES = 4 };
unsigned tram__slices(const struct tram__set *s, enum tram__axis axis, unsigned least,
                      struct tram__slice out[TRAM__MAX_SLICES]);
/* "2 actors, 1 in flight": what is fixed; and for names of files, "" when nothing else varies. */
const char *tram__slice_name(const struct tram__set *s, const struct tram__slice *l, char *out, size_t size);
const char *tram__slice_suffix(const struct tram__set *s, const struct tram__slice *l, char *out,
                               size_t size);
const char *tram__axis_title(const struct tram__set *s, enum tram__axis axis);

/* Names the cases of a slice, or, where it is NULL, of one execution in flight, that were not steady, as one sentence more; none: nothing. */
void tram__words_unsteady(FILE *w, const struct tram__set *s, const struct tram__slice *l);

/* Each kind. */
void tram__make_ladder(struct tram__figures *all, const struct tram__set *s);
void tram__make_latency(struct tram__figures *all, const struct tram__set *s);
void tram__make_speedup(struct tram__figures *all, const struct tram__set *s);
void tram__make_scaling(struct tram__figures *all, const struct tram__set *s);
void tram__make_throughput(struct tram__figures *all, const struct tram__set *s);
void tram__make_percentiles(struct tram__figures *all, const struct tram__set *s);
void tram__make_overlap(struct tram__figures *all, const struct tram__set *s);
void tram__make_order(struct tram__figures *all, const struct tram__set *s);
void tram__make_trace_overlap(struct tram__figures *all, const struct tram__input *in);
void tram__make_forest(struct tram__figures *all, const struct tram__input *in);

#endif
