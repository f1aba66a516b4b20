/* SPDX-License-Identifier: Apache-2.0
 *
 * The answer at the head of the page. It is of one machine: where files are of several, each set speaks for itself.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "plots/page.h"
#include "results/statistics.h"

/* ---- the headline ---- */

/* The first case, by loan or not, of the first set that has both; false when no set has. */
static bool first_fact(const struct tram__page *p, bool loan, uint32_t *set, uint32_t *fact) {
    for (uint32_t i = 0; i < p->sets->count; i++)
        for (uint32_t k = 0; p->sets->at[i].loan == loan && k < p->facts[i].count; k++)
            if (!isnan(p->facts[i].at[k].gain.mid)) {
                *set = i;
                *fact = k;
                return true;
            }
    return false;
}

/* Where there is no case to tell: the only comparison, or what is here. */
static void put_title(const struct tram__page *p, unsigned machines) {
    const struct tram__input *compared = NULL;
    unsigned comparisons = 0;
    for (unsigned i = 0; i < p->input_count; i++)
        if (p->inputs[i].kind == TRAM__INPUT_COMPARISON) {
            compared = &p->inputs[i];
            comparisons++;
        }
    fputs("<h1>", p->out);
    if (comparisons == 1 && !p->sets->count)
        tram__page_verdicts(p, compared);
    else
        fputs(comparisons && !p->sets->count ? "What was compared" : "What was measured", p->out);
    if (machines > 1)
        fprintf(p->out, " on %u machines", machines);
    fputs("</h1>\n", p->out);
    if (machines > 1)
        fputs("<p class=\"lede\">Figures of different machines are not held against each other: each line "
              "below is of "
              "one file.</p>\n",
              p->out);
}

static void put_headline(const struct tram__page *p) {
    FILE *o = p->out;
    uint32_t set, fact;
    char a[TRAM__CELL], b[TRAM__CELL];
    unsigned machines = tram__page_machines(p, NULL);
    if (machines > 1 || (!first_fact(p, false, &set, &fact) && !first_fact(p, true, &set, &fact))) {
        put_title(p, machines);
        return;
    }
    const struct tram__set *s = &p->sets->at[set];
    const struct tram__fact *f = &p->facts[set].at[fact];
    fprintf(o, "<h1>Compiled, %s", s->loan ? "by loan, " : "");
    tram__html(o, s->scenario);
    fputs(" (", o);
    tram__page_point(o, s, &f->at);
    fprintf(o, ") takes %s: ", tram__print_ns(f->compiled_ns, a));
    if (f->gain.mid >= 1)
        fprintf(o, "%s as fast as the fastest eager call", tram__print_ratio(f->gain.mid, a));
    else
        fprintf(o, "%s the fastest eager call’s time", tram__print_ratio(1 / f->gain.mid, a));
    fputs(" (", o);
    tram__html(o, s->modes[f->eager].name);
    fputs(tram__told(&f->gain) ? ")" : ", from which no difference can be told)", o);
    if (!isnan(f->over_limit))
        fprintf(o, ", %s the limit’s time", tram__print_ratio(f->over_limit, b));
    fprintf(o, "%s.</h1>\n", tram__by_rate(s, &f->at) ? ", by rate" : "");
    if (f->over_limit < TRAM__BELOW_LIMIT)
        fputs("<p class=\"warn\">Less than the limit’s time: the limit was disturbed, or none of its "
              "candidates was the "
              "best way there.</p>\n",
              o);
}

/* Of the sets by loan, or of the others: what a graph by loan does not copy, calls do. */
struct range {
    double near, far, least, most; /* of the limit's time; of gains, those that can be told */
    double *gains;
    uint32_t cases, slower, untold, shm; /* shm: cases where eager-shm is the fastest eager mode */
};

static void add_fact(struct range *r, const struct tram__set *s, const struct tram__fact *f) {
    r->near = fmin(r->near, f->over_limit);
    r->far = fmax(r->far, f->over_limit);
    r->slower += f->gain.high < 1;
    if (isnan(f->gain.mid))
        return;
    r->gains[r->cases++] = f->gain.mid;
    r->shm += strcmp(s->modes[f->eager].name, "eager-shm") == 0;
    if (!tram__told(&f->gain)) {
        r->untold++;
        return;
    }
    r->least = fmin(r->least, f->gain.mid);
    r->most = fmax(r->most, f->gain.mid);
}

static void put_range_words(FILE *o, struct range *r, bool loan, const char *others) {
    char a[TRAM__CELL], b[TRAM__CELL], c[TRAM__CELL];
    fprintf(o, "<p class=\"lede\">%sver all %u cases %s, compiled graphs are ", loan ? "By loan, o" : "O",
            r->cases, others);
    if (r->untold + 1 == r->cases)
        fprintf(o, "in the one that can be told %s", tram__print_ratio(r->most, a));
    else if (r->untold < r->cases)
        fprintf(o, "%s to %s", tram__print_ratio(r->least, a), tram__print_ratio(r->most, b));
    else
        fputs("about", o);
    fputs(" as fast as the fastest eager mode", o);
    if (r->shm && r->shm < r->cases)
        fprintf(o, " (eager-shm in %u of them)", r->shm);
    else
        fputs(r->shm ? " (eager-shm)" : " (never eager-shm)", o);
    fprintf(o, ", %s in the median", tram__print_ratio(tram_percentile_sorted(r->gains, r->cases, 0.5), c));
    if (r->untold)
        fprintf(o, ", without a difference that can be told in %u", r->untold);
    if (r->slower)
        fprintf(o, ", and slower, with the whole interval below 1, in %u", r->slower);
    if (!isnan(r->near))
        fprintf(o, "; they take %s to %s the time of the bare pattern, the limit",
                tram__print_ratio(r->near, a), tram__print_ratio(r->far, b));
    if (r->near < TRAM__BELOW_LIMIT)
        fputs(" (below 1 the limit was disturbed, or none of its candidates was the best way)", o);
    fputs(".</p>\n", o);
}

static void put_range(const struct tram__page *p, bool loan) {
    struct range r = {.near = NAN, .far = NAN, .least = NAN, .most = NAN};
    uint32_t all = 0;
    bool others = false;
    for (uint32_t i = 0; i < p->sets->count; i++) {
        all += p->facts[i].count;
        others |= p->sets->at[i].loan != loan;
    }
    r.gains = tram__needed(malloc((all + 1) * sizeof *r.gains));
    for (uint32_t i = 0; i < p->sets->count; i++)
        for (uint32_t k = 0; p->sets->at[i].loan == loan && k < p->facts[i].count; k++)
            add_fact(&r, &p->sets->at[i], &p->facts[i].at[k]);
    tram_sort(r.gains, r.cases);
    if (r.cases > 1 && tram__page_machines(p, NULL) == 1)
        put_range_words(p->out, &r, loan, others && !loan ? "that copy" : "here");
    free(r.gains);
}

/* Without it the fastest eager call may be one over sockets, which much is faster than. */
static void put_missing(const struct tram__page *p) {
    FILE *o = p->out;
    char name[TRAM__TITLE];
    unsigned count = 0;
    for (uint32_t i = 0; i < p->sets->count; i++) {
        const struct tram__set *s = &p->sets->at[i];
        bool there = tram__mode_of(s, TRAM__ROLE_EAGER) < 0;
        for (unsigned m = 0; m < s->mode_count; m++)
            there |= strcmp(s->modes[m].name, "eager-shm") == 0;
        if (there)
            continue;
        fputs(count++ ? ", " : "<p class=\"warn\"><b>eager-shm was not run</b>: ", o);
        tram__html(o, tram__set_name(s, name, sizeof name));
    }
    fputs(count ? ". The fastest eager call there goes over sockets.</p>\n" : "", o);
}

static void put_extreme(const struct tram__page *p, uint32_t set, uint32_t fact, bool gain) {
    FILE *o = p->out;
    char a[TRAM__CELL];
    const struct tram__fact *f = &p->facts[set].at[fact];
    fprintf(o, "<td><b>%s</b> <span class=\"soft\">",
            tram__print_ratio(gain ? f->gain.mid : f->over_limit, a));
    tram__page_point(o, &p->sets->at[set], &f->at);
    fprintf(o, "%s</span></td>", gain && !tram__told(&f->gain) ? ", no difference can be told" : "");
}

/* At best and at worst; the only case is both, and told once. */
static void put_extremes(const struct tram__page *p, uint32_t set, uint32_t count, uint32_t best,
                         uint32_t worst, bool gain) {
    if (count)
        put_extreme(p, set, best, gain);
    else
        fputs("<td>-</td>", p->out);
    if (count > 1)
        put_extreme(p, set, worst, gain);
    else
        fputs("<td></td>", p->out);
}

static void put_lines(const struct tram__page *p) {
    FILE *o = p->out;
    char name[TRAM__TITLE];
    if (!p->sets->count)
        return;
    fputs("<div class=\"scroll\"><table class=\"answer\"><thead><tr><th>compiled</th><th>over the fastest "
          "eager, at "
          "best</th><th>at worst</th><th>of the limit’s time, at best</th><th>at "
          "worst</th></tr></thead><tbody>\n",
          o);
    for (uint32_t i = 0; i < p->sets->count; i++) {
        const struct tram__facts *f = &p->facts[i];
        fprintf(o, "<tr><th scope=\"row\"><a href=\"#s%u\">", i);
        tram__html(o, tram__set_name(&p->sets->at[i], name, sizeof name));
        fputs("</a></th>", o);
        put_extremes(p, i, f->gains, f->best, f->worst, true);
        put_extremes(p, i, f->limits, f->nearest, f->farthest, false);
        fputs("</tr>\n", o);
    }
    fputs("</tbody></table></div>\n", o);
}

/* One kind of noise of all runs that had it: "Load when they began: a.json 1.92, b.json 2.03." */
static bool put_noise_of(const struct tram__page *p, bool stolen, bool begun) {
    double v[2];
    bool first = true;
    for (unsigned i = 0; i < p->input_count; i++) {
        if (p->inputs[i].kind != TRAM__INPUT_RESULT)
            continue;
        tram__page_noise(&p->inputs[i], &v[0], &v[1]);
        if (isnan(v[stolen]))
            continue;
        if (first)
            fprintf(p->out, "%s%s", begun ? "" : "<p class=\"warn\"><b>Not a quiet machine.</b>",
                    stolen ? " CPU seconds that the host took: " : " Load when the runs began: ");
        fputs(first ? "" : ", ", p->out);
        tram__html(p->out, p->inputs[i].shown);
        fprintf(p->out, " %.2f", v[stolen]);
        first = false;
    }
    if (!first)
        fputc('.', p->out);
    return begun || !first;
}

static void put_noise(const struct tram__page *p) {
    bool begun = put_noise_of(p, false, false);
    begun = put_noise_of(p, true, begun);
    if (begun)
        fputs(" Ratios within one run, whose modes ran interleaved, hold better than times.</p>\n", p->out);
}

/* Those that the title does not tell. */
static void put_comparisons(const struct tram__page *p) {
    unsigned comparisons = 0;
    for (unsigned i = 0; i < p->input_count; i++)
        comparisons += p->inputs[i].kind == TRAM__INPUT_COMPARISON;
    for (unsigned i = 0; i < p->input_count && (comparisons > 1 || p->sets->count); i++) {
        if (p->inputs[i].kind != TRAM__INPUT_COMPARISON)
            continue;
        fprintf(p->out, "<p class=\"lede\"><a href=\"#c%u\">", i);
        tram__html(p->out, p->inputs[i].shown);
        fputs("</a>: ", p->out);
        tram__page_verdicts(p, &p->inputs[i]);
        fputs("</p>\n", p->out);
    }
}

/* Cases that are left out, or those of which some repetitions are. */
static void put_late(const struct tram__page *p, bool left_out) {
    enum { MOST = 12 };
    FILE *o = p->out;
    unsigned put = 0, late = 0;
    for (unsigned i = 0; i < p->input_count; i++)
        for (uint32_t k = 0; k < p->inputs[i].late_count; k++) {
            const struct tram__late *l = &p->inputs[i].late[k];
            if (l->left_out != left_out || late++ >= MOST)
                continue;
            fputs(put++       ? "; "
                  : !left_out ? "<p class=\"warn\"><b>Could not keep up</b> in some repetitions: "
                              : "<p class=\"warn\"><b>Could not keep up</b> with the rate asked for, so that "
                                "there are no times: ",
                  o);
            tram__html(o, l->name);
            fputs(" in ", o);
            tram__html(o, p->inputs[i].shown);
            fprintf(o, ", %u of %u repetition%s", l->repetitions, l->of, l->of == 1 ? "" : "s");
        }
    if (late > put)
        fprintf(o, "; and %u more", late - put);
    if (put)
        fputs(left_out ? ". They are left out.</p>\n" : ". Figures are of the others.</p>\n", o);
}

void tram__page_summary(const struct tram__page *p) {
    put_headline(p);
    put_range(p, false);
    put_range(p, true);
    put_missing(p);
    put_comparisons(p);
    put_late(p, true);
    put_late(p, false);
    put_noise(p);
    put_lines(p);
}
