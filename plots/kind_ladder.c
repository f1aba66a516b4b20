/* SPDX-License-Identifier: Apache-2.0
 *
 * The ladder: of the slowest mode's time, what each step from the bare pattern upwards takes. The rungs of a case
 * are drawn in the order of their times, each up to where its own p50 lies: in the usual order what compiled has
 * over limit is the runtime (references, liveness, deadlines, another way of waiting), what eager-shm has over
 * compiled the per-call work, with the copies that a loan or a tensor on its device is spared, and the rest the
 * transport. The words below say which of these there are, and where the order is another.
 */
#include "plots/figure.h"

#include <math.h>
#include <string.h>

enum { MAX_BARS = 16 };

struct rung {
    unsigned mode;
    double ns;
};

/* graph-eager stands beside the ladder, and other modes are no part of it. */
static bool is_rung(const struct tram__mode *m) {
    return m->role != TRAM__ROLE_OTHER && strcmp(m->name, "graph-eager") != 0;
}

/* The rungs of a case, from the fastest. */
static unsigned rungs_of(const struct tram__set *s, const struct tram__at *at,
                         struct rung out[TRAM__MAX_MODES]) {
    unsigned n = 0;
    for (unsigned m = 0; m < s->mode_count; m++) {
        double ns = TRAM__RANGE(tram__cell_at(s, m, at), p50_ns).mid;
        if (!is_rung(&s->modes[m]) || isnan(ns))
            continue;
        unsigned k = n++;
        for (; k && out[k - 1].ns > ns; k--)
            out[k] = out[k - 1];
        out[k] = (struct rung){m, ns};
    }
    return n;
}

/* Cases with one execution in flight and two rungs at least; as many as have room, evenly taken. */
static unsigned cases_of(const struct tram__set *s, struct tram__at out[MAX_BARS]) {
    struct rung rungs[TRAM__MAX_MODES];
    unsigned all = 0, taken = 0;
    for (int pass = 0; pass < 2; pass++) {
        unsigned at_case = 0;
        for (uint32_t a = 0; a < s->value_count[TRAM__AXIS_ACTORS]; a++)
            for (uint32_t b = 0; b < s->value_count[TRAM__AXIS_BYTES]; b++) {
                struct tram__at at = {{s->values[TRAM__AXIS_BYTES][b], s->values[TRAM__AXIS_ACTORS][a], 1}};
                if (rungs_of(s, &at, rungs) < 2)
                    continue;
                if (pass == 0)
                    all++;
                else if (all <= MAX_BARS || at_case * MAX_BARS / all == taken)
                    out[taken++] = at;
                at_case++;
            }
    }
    return taken;
}

static void put_table(struct tram__draw *d, const struct tram__set *s, const struct tram__at *cases,
                      unsigned count) {
    char name[TRAM__TITLE], mode[TRAM__NAME];
    fprintf(d->table.f, "row\tcase\tmode\tp50_ns\tfrom_percent\tto_percent\tof_ns\n");
    for (unsigned i = 0; i < count; i++) {
        struct rung r[TRAM__MAX_MODES];
        unsigned n = rungs_of(s, &cases[i], r);
        double below = 0, all = r[n - 1].ns;
        for (unsigned k = 0; k < n; k++) {
            fprintf(d->table.f, "%u\t%s\t%s\t%.6g\t%.4g\t%.4g\t%.6g\n", i,
                    tram__point_name(s, &cases[i], name, sizeof name),
                    tram__plot_text(s->modes[r[k].mode].name, mode, sizeof mode), r[k].ns, 100 * below / all,
                    100 * r[k].ns / all, all);
            below = r[k].ns;
        }
    }
}

static void put_script(struct tram__draw *d, const struct tram__set *s, const struct tram__at *cases,
                       unsigned count) {
    FILE *o = d->script.f;
    char name[TRAM__TITLE], a[TRAM__CELL], mode[TRAM__NAME];
    const char *file = d->figure.name, *separator = "";
    fprintf(o,
            "set style fill solid 0.85 border rgb 'white'\nset grid noytics xtics back\n"
            "set xrange [0:100]\n"
            "set yrange [%g:-0.6]\nset ytics (",
            count - 0.4);
    for (unsigned i = 0; i < count; i++)
        fprintf(o, "%s'%s' %u", i ? ", " : "", tram__point_name(s, &cases[i], name, sizeof name), i);
    fprintf(o, ")\nunset border\nset tics scale 0\nset rmargin 11\nset key width 1\n");
    for (unsigned i = 0; i < count; i++) {
        struct rung r[TRAM__MAX_MODES];
        unsigned n = rungs_of(s, &cases[i], r);
        fprintf(o,
                "set label '%s' at graph 1, first %u left offset 0.7,0 font ',12' textcolor rgb '#606060'\n",
                tram__print_ns(r[n - 1].ns, a), i);
    }
    fprintf(o, "plot ");
    for (unsigned m = 0; m < s->mode_count; m++) {
        if (!is_rung(&s->modes[m]))
            continue;
        tram__plot_text(s->modes[m].name, mode, sizeof mode);
        fprintf(o,
                "%s'%s.tsv' using 5:(strcol(3) eq '%s' ? $1 : NaN):5:6:($1-0.36):($1+0.36) \\\n"
                "    with boxxyerror lc %u title '%s'",
                separator, file, mode, s->modes[m].colour, mode);
        separator = ", \\\n  ";
    }
    fprintf(o, "\n");
}

/* Between the modes that there are: where one is missing, two steps are one. */
static void put_steps(FILE *w, const struct tram__set *s) {
    bool copies = s->loan || s->tensors; /* calls copy what the graph leaves where it is */
    const char *const steps[] = {"the pattern", "the runtime",
                                 copies ? "the copies and the per-call work" : "the per-call work",
                                 "the transport"};
    const struct tram__mode *below = NULL;
    bool begun = false;
    for (unsigned m = 0; m < s->mode_count; m++) {
        const struct tram__mode *at = &s->modes[m];
        if (!is_rung(at))
            continue;
        if (below) {
            fprintf(w, "%s%s to %s %s", begun ? ", from " : " From ", begun ? "there" : below->name, at->name,
                    begun ? "" : "is ");
            begun = true;
            for (unsigned k = below->rank + 1; k <= at->rank; k++)
                fprintf(w, "%s%s", k > below->rank + 1 ? " and " : "", steps[k]);
        }
        below = at;
    }
    fputs(begun ? "." : "", w);
}

/* A mode that is faster than the one it is built on has no step, and what lies between is another. */
static void put_reversed(FILE *w, const struct tram__set *s, const struct tram__at *cases, unsigned count) {
    enum { MOST = 6 };
    char name[TRAM__TITLE];
    unsigned found = 0;
    for (unsigned i = 0; i < count; i++) {
        struct rung r[TRAM__MAX_MODES];
        unsigned n = rungs_of(s, &cases[i], r), k = 1;
        while (k < n && s->modes[r[k - 1].mode].rank < s->modes[r[k].mode].rank)
            k++;
        if (k >= n || found++ >= MOST)
            continue;
        fprintf(w, "%s%s (%s took less than %s)",
                found > 1 ? ", " : " Not so where the order is another: at ",
                tram__point_name(s, &cases[i], name, sizeof name), s->modes[r[k - 1].mode].name,
                s->modes[r[k].mode].name);
    }
    if (found > MOST)
        fprintf(w, " and %u more", found - MOST);
    fputs(found ? "; a step back cannot be shown." : "", w);
}

static void put_words(FILE *w, const struct tram__set *s, const struct tram__at *cases, unsigned count) {
    fputs("Each bar is the slowest mode’s p50, with one execution in flight; each colour ends where that "
          "mode’s p50 lies.",
          w);
    put_steps(w, s);
    put_reversed(w, s, cases, count);
}

void tram__make_ladder(struct tram__figures *all, const struct tram__set *whole) {
    struct tram__set single = *whole; /* one in flight, which the names of cases need not say */
    const struct tram__set *s = &single;
    struct tram__at cases[MAX_BARS];
    struct tram__draw d;
    char name[TRAM__TITLE];
    single.value_count[TRAM__AXIS_INFLIGHT] = 1;
    unsigned count =
        whole->open ? 0 : cases_of(s, cases); /* of times that waiting is in there are no shares */
    if (!count)
        return;
    tram__draw_begin(&d, all, TRAM__KIND_LADDER, whole, "");
    snprintf(d.figure.title, sizeof d.figure.title, "Where the time of a call goes: %s",
             tram__set_name(s, name, sizeof name));
    snprintf(d.figure.subtitle, sizeof d.figure.subtitle,
             "each colour ends where that mode’s p50 lies; at the right the slowest");
    d.figure.height = 160 + 28 * count;
    tram__draw_script(&d, "share of the slowest p50, per cent", 4);
    put_table(&d, s, cases, count);
    put_script(&d, s, cases, count);
    put_words(d.words.f, s, cases, count);
    tram__words_unsteady(d.words.f, s, NULL);
    tram__draw_end(&d);
}
