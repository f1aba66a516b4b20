/* SPDX-License-Identifier: Apache-2.0
 *
 * What stands beside the figures of several kinds: floors of the run, and cases that were not steady.
 */
#include "plots/figure.h"

#include <math.h>

/* ---- floors ---- */

void tram__draw_floors(struct tram__draw *d, const struct tram__input *in, double low, double high) {
    static const struct {
        const char *key, *name;
    } floors[] = {{"context/floor/cacheline_rtt_ns", "cache line"},
                  {"context/floor/unix_poll_rtt_ns", "polled socket"},
                  {"context/floor/futex_rtt_ns", "futex"}};
    char cell[TRAM__CELL];
    double last = NAN;
    for (unsigned i = 0; i < sizeof floors / sizeof *floors; i++) {
        double ns = tram__json_number(in->json, floors[i].key);
        if (!(ns >= low && ns <= high) || (!isnan(last) && fabs(log(ns / last)) < 0.06 * log(high / low)))
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
                tram__plain(s->modes[c->mode].name, mode, sizeof mode),
                tram__point_name(s, &c->at, point, sizeof point));
    }
    if (count > MOST)
        fprintf(w, " and %u more", count - MOST);
    fputs(count ? "." : "", w);
}
