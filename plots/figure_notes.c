/* SPDX-License-Identifier: Apache-2.0
 *
 * What stands beside the figures of several kinds: floors of the run, and cases that were not steady.
 */
#include "plots/figure.h"

#include <math.h>
#include <string.h>

/* ---- floors ---- */

/* `under`: the mode whose every execution needs that and more; NULL: none does. */
static const struct floor {
    const char *key, *name, *under;
} floors[] = {{"context/floor/cacheline_rtt_ns", "cache line", "limit"},
              {"context/floor/unix_poll_rtt_ns", "polled socket", "eager"},
              {"context/floor/futex_rtt_ns", "futex", NULL}};
enum { FLOORS = sizeof floors / sizeof *floors };

/* The least p50 of a mode in a set; NaN: it was not measured. */
static double least_of(const struct tram__set *s, const char *mode) {
    double least = NAN;
    for (uint32_t i = 0; i < s->cell_count; i++)
        if (strcmp(s->modes[s->cells[i].mode].name, mode) == 0)
            least = fmin(least, TRAM__RANGE(&s->cells[i], p50_ns).mid);
    return least;
}

double tram__floor_disturbed(const struct tram__set *s, const char *key, const char **mode) {
    enum { MOST = 2 };
    for (unsigned i = 0; i < FLOORS; i++) {
        if (strcmp(floors[i].key, key) != 0 || !floors[i].under)
            continue;
        double times = tram__json_number(s->input->json, key) / least_of(s, floors[i].under);
        *mode = floors[i].under;
        return times > MOST ? times : NAN;
    }
    return NAN;
}

void tram__draw_floors(struct tram__draw *d, const struct tram__set *s, double low, double high) {
    char cell[TRAM__CELL];
    const char *mode;
    double last = NAN;
    for (unsigned i = 0; i < FLOORS; i++) {
        double ns = tram__json_number(s->input->json, floors[i].key);
        if (!(ns >= low && ns <= high) || (!isnan(last) && fabs(log(ns / last)) < 0.06 * log(high / low)) ||
            !isnan(tram__floor_disturbed(s, floors[i].key, &mode)))
            continue;
        if (isnan(last))
            fprintf(d->script.f, "set rmargin 17\n");
        last = ns;
        fprintf(d->script.f,
                "set arrow from graph 0, first %.6g to graph 1, first %.6g nohead back lt 1 dt 3 lc rgb "
                "'#909090'\nset label '%s %s' at graph 1, first %.6g left offset 0.6,0 font ',12' "
                "textcolor rgb '#606060' noenhanced\n",
                ns, ns, floors[i].name, tram__print_ns(ns, cell), ns);
    }
}

void tram__words_floors(FILE *w, const struct tram__set *s) {
    char cell[TRAM__CELL], ratio[TRAM__CELL];
    const char *mode;
    for (unsigned i = 0; i < FLOORS; i++) {
        double times = tram__floor_disturbed(s, floors[i].key, &mode);
        if (!isnan(times))
            fprintf(w, " The floor %s was disturbed, and is not drawn: %s, %s the least p50 of %s.",
                    floors[i].name, tram__print_ns(tram__json_number(s->input->json, floors[i].key), cell),
                    tram__print_ratio(times, ratio), mode);
    }
}

/* ---- what leaves the frame ---- */

void tram__draw_edges(struct tram__draw *d, const struct tram__mode *m, const char *across, unsigned below,
                      unsigned above) {
    double inside = pow(d->top / d->bottom, 0.012); /* a mark on the frame itself may be cut */
    const char *form =
        ", \\\n  '%s.tsv' using (%s):($%u %c %.6g ? %.6g : NaN) with points lc %u pt %u ps 1 lw 1.5 "
        "notitle";
    fprintf(d->script.f, form, d->figure.name, across, above, '>', d->top, d->top / inside, m->colour, 8);
    fprintf(d->script.f, form, d->figure.name, across, below, '<', d->bottom, d->bottom * inside, m->colour,
            10);
}

/* ---- cases that were not steady ---- */

static bool is_in(const struct tram__slice *l, const struct tram__at *at) {
    if (!l)
        return at->v[TRAM__AXIS_INFLIGHT] == 1;
    for (int a = 0; a < TRAM__AXES; a++)
        if ((enum tram__axis)a != l->axis && l->at.v[a] != at->v[a])
            return false;
    return true;
}

void tram__words_unsteady(FILE *w, const struct tram__set *s, const struct tram__slice *l) {
    enum { MOST = 6 };
    char mode[TRAM__NAME], point[TRAM__TITLE];
    unsigned count = 0;
    for (uint32_t i = 0; i < s->cell_count; i++) {
        const struct tram__cell *c = &s->cells[i];
        if (!is_in(l, &c->at) || !tram__unsteady(c) || count++ >= MOST)
            continue;
        fprintf(w, "%s%s at %s",
                count > 1
                    ? ", "
                    : " Not steady, over the pass climbing or falling by more than 5 % in most repetitions: ",
                tram__plot_text(s->modes[c->mode].name, mode, sizeof mode),
                tram__point_name(s, &c->at, point, sizeof point));
    }
    if (count > MOST)
        fprintf(w, " and %u more", count - MOST);
    fputs(count ? "." : "", w);
}
