/* SPDX-License-Identifier: Apache-2.0
 *
 * A set: the cases of one result file that may be compared with each other, of one scenario run in one way (by
 * loan, to one device). Modes, sizes and numbers of actors vary inside it. Cases of different files are never
 * compared: on a shared machine only figures of one run are.
 */
#ifndef TRAM_PLOTS_SET_H
#define TRAM_PLOTS_SET_H

#include <stdbool.h>

#include "plots/rows.h"
#include "plots/text.h"

enum { TRAM__MAX_MODES = 12 };

/* What a mode is to the comparison. */
enum tram__role { TRAM__ROLE_LIMIT, TRAM__ROLE_COMPILED, TRAM__ROLE_EAGER, TRAM__ROLE_OTHER };

struct tram__mode {
    const char *name; /* borrowed from the input */
    enum tram__role role;
    unsigned rank;                /* from the limit upwards; others after them */
    unsigned colour, dash, point; /* gnuplot's lc (of podo), dt and pt */
};

enum tram__axis { TRAM__AXIS_BYTES, TRAM__AXIS_ACTORS, TRAM__AXIS_INFLIGHT, TRAM__AXES };

/* Where a case lies. */
struct tram__at {
    uint64_t v[TRAM__AXES];
};

struct tram__cell {
    unsigned mode; /* index in the set */
    struct tram__at at;
    const struct tram__row **rows; /* its repetitions, by their index */
    uint32_t count;
};

struct tram__set {
    const struct tram__input *input;
    const char *scenario;     /* borrowed from the input */
    char variant[TRAM__NAME]; /* "loan, device host"; "" mostly */
    char slug[TRAM__NAME];    /* for names of files; no other set has it */
    const char *source;       /* the file, where the name alone does not tell the set from others; or NULL */
    const char *actors_word;  /* "actors" or "receivers" */
    bool open;                /* an open loop: the rate is the schedule's, times are from when one was due */
    bool missed;              /* rows tell how many executions began late */
    bool loan;                /* each execution is timed singly, the median too */
    bool tensors;             /* payloads are tensors on a device */
    bool main_thread;         /* compiled graphs ran on main threads */
    struct tram__mode modes[TRAM__MAX_MODES];
    unsigned mode_count, more_modes; /* more: left out */
    struct tram__cell *cells;
    uint32_t cell_count;
    uint64_t *values[TRAM__AXES]; /* that there are, ascending */
    uint32_t value_count[TRAM__AXES];
};

struct tram__sets {
    struct tram__set *at;
    uint32_t count;
};

/* Of all result files, in an order of their scenarios that leads from simple to composed ones. */
void tram__sets_make(const struct tram__input *inputs, uint32_t input_count, struct tram__sets *out);
void tram__sets_free(struct tram__sets *s);

/* NULL when the case was not measured. */
const struct tram__cell *tram__cell_at(const struct tram__set *s, unsigned mode, const struct tram__at *at);
/* The first mode of a role, or -1. */
int tram__mode_of(const struct tram__set *s, enum tram__role role);

/* ---- figures over the repetitions; NaN where there is none ---- */

struct tram__range {
    double low, mid, high; /* smallest, median, largest */
    uint32_t count;
};
struct tram__range tram__range_of(const struct tram__cell *c, size_t offset);
#define TRAM__RANGE(cell, field) tram__range_of((cell), offsetof(struct tram__row, field))

/* Whether most repetitions climbed or fell: the case is marked with a ~ and not hidden. */
bool tram__unsteady(const struct tram__cell *c);

/* Whether modes are held against each other by rate: where executions overlap, unless the schedule sets the rate. */
bool tram__by_rate(const struct tram__set *s, const struct tram__at *at);
/* How many times faster `mode` is than `base` at a point: by latency, or by rate when that is so. `mid`
 * is the ratio of the medians; low and high bound the median of the ratios of paired repetitions. */
struct tram__range tram__gain(const struct tram__set *s, unsigned mode, unsigned base,
                              const struct tram__at *at);
/* The eager mode that is fastest at a point, or -1. */
int tram__fastest_eager(const struct tram__set *s, const struct tram__at *at);
/* How surely the interval of `n` paired repetitions has their true median in it, in per cent. */
double tram__coverage(uint32_t n);

/* "4 KiB, 2 actors, 8 in flight" less what does not vary in the set. */
const char *tram__point_name(const struct tram__set *s, const struct tram__at *at, char *out, size_t size);
/* "roundtrip, loan", or "roundtrip, loan (a.json)": what a set is called. */
const char *tram__set_name(const struct tram__set *s, char *out, size_t size);

#endif
