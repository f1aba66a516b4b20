/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "plots/page.h"
#include "results/result.h"

/* ---- the cases of a set ---- */

static void put_titles(FILE *o, const struct tram__set *s) {
    fputs("<thead><tr><th>mode</th>", o);
    if (s->value_count[TRAM__AXIS_ACTORS] > 1)
        fprintf(o, "<th class=\"n\">%s</th>", s->actors_word);
    if (s->value_count[TRAM__AXIS_INFLIGHT] > 1)
        fputs("<th class=\"n\">in flight</th>", o);
    for (size_t i = 0; i < 7; i++)
        fprintf(o, "<th class=\"n\">%s</th>",
                ((const char *const[]){"size", "p50", "p99", "rate", "CPU", "of limit", "vs eager"})[i]);
    if (s->missed)
        fputs("<th class=\"n\">missed</th>", o);
    fputs("</tr></thead><tbody>\n", o);
}

static void put_cell(FILE *o, const char *text) {
    fprintf(o, "<td class=\"n\">%s</td>", text);
}

static void put_case(FILE *o, const struct tram__set *s, const struct tram__at *at, unsigned m, bool first) {
    const struct tram__cell *c = tram__cell_at(s, m, at);
    char a[TRAM__CELL], low[TRAM__CELL], high[TRAM__CELL];
    int limit = tram__mode_of(s, TRAM__ROLE_LIMIT), eager = tram__fastest_eager(s, at);
    if (!c)
        return;
    fprintf(o, "<tr%s><th scope=\"row\"><i class=\"m%u\"></i>", first ? " class=\"first\"" : "",
            s->modes[m].colour);
    tram__html(o, s->modes[m].name);
    fputs("</th>", o);
    for (int x = TRAM__AXIS_ACTORS; x <= TRAM__AXIS_INFLIGHT; x++)
        if (s->value_count[x] > 1)
            fprintf(o, "<td class=\"n\">%llu</td>", (unsigned long long)at->v[x]);
    put_cell(o, tram__print_bytes(at->v[TRAM__AXIS_BYTES], a));
    fprintf(o, "<td class=\"n\">%s%s</td>", tram__print_ns(TRAM__RANGE(c, p50_ns).mid, a),
            tram__unsteady(c) ? "&nbsp;~" : "");
    struct tram__range p99 = TRAM__RANGE(c, p99_ns);
    put_cell(o, tram__print_ns(p99.count == c->count ? p99.mid : NAN, a));
    put_cell(o, tram__print_rate(TRAM__RANGE(c, execs_per_s).mid, a));
    put_cell(o, tram__print_ns(TRAM__RANGE(c, cpu_ns).mid, a));
    put_cell(o, tram__print_ratio(limit < 0 ? NAN : tram__gain(s, (unsigned)limit, m, at).mid, a));
    struct tram__range g = {NAN, NAN, NAN, 0};
    if (eager >= 0)
        g = tram__gain(s, m, (unsigned)eager, at);
    fprintf(o, "<td class=\"n\">%s", tram__print_ratio(g.mid, a));
    if (g.count > 1 && (int)m != eager)
        fprintf(o, " <span class=\"soft\">(%s to %s)</span>", tram__print_ratio(g.low, low),
                tram__print_ratio(g.high, high));
    fputs("</td>", o);
    double missed = TRAM__RANGE(c, missed_share).mid;
    if (!isnan(missed))
        fprintf(o, "<td class=\"n\">%.1f&nbsp;%%</td>", 100 * missed);
    else if (s->missed)
        put_cell(o, "-");
    fputs("</tr>\n", o);
}

/* What the columns are, which is not the same for every way to time. */
static void put_legend(FILE *o, const struct tram__set *s) {
    bool deep = s->value_count[TRAM__AXIS_INFLIGHT] > 0 &&
                s->values[TRAM__AXIS_INFLIGHT][s->value_count[TRAM__AXIS_INFLIGHT] - 1] > 1;
    bool single = s->value_count[TRAM__AXIS_INFLIGHT] > 0 && s->values[TRAM__AXIS_INFLIGHT][0] == 1;
    bool unsteady = false;
    for (uint32_t i = 0; i < s->cell_count; i++)
        unsteady |= tram__unsteady(&s->cells[i]);
    if (unsteady)
        fputs("<p class=\"soft\">~ not steady: over the pass it climbed or fell by more than 5&nbsp;% in "
              "most repetitions.</p>\n",
              o);
    fputs("<p class=\"soft\">Medians over the repetitions. ", o);
    if (s->open)
        fputs("p50 and p99: from when an execution was due to its result, timed singly, in an open loop; ",
              o);
    else if (single)
        fprintf(o, "p50: %s, the service time of a closed loop; p99: timed singly; ",
                s->loan ? "timed singly" : "of batches");
    if (deep && !s->open)
        fprintf(o, "%sp50 and p99: from submission to result, timed singly; ",
                single ? "with more in flight, " : "");
    fputs("p99 is there where all repetitions have it. CPU: of all processes, an execution. of limit: time "
          "over the "
          "limit’s; vs eager: the fastest eager mode’s time over this one’s",
          o);
    if (deep && !s->open)
        fprintf(o, "; %s by rate", single ? "with more in flight," : "both");
    if (s->missed)
        fputs(". missed: executions that began a period late or more", o);
    fputs(".</p>", o);
}

void tram__page_set_table(const struct tram__page *p, uint32_t set) {
    enum { MOST = 400 };
    const struct tram__set *s = &p->sets->at[set];
    FILE *o = p->out;
    uint32_t count;
    struct tram__at *at = tram__cases(s, &count);
    fprintf(o, "<details%s><summary>All numbers</summary><div class=\"scroll\"><table>",
            count <= 2 ? " open" : "");
    put_titles(o, s);
    for (uint32_t i = 0; i < count && i < MOST; i++)
        for (unsigned m = 0, first = 1; m < s->mode_count; m++)
            if (tram__cell_at(s, m, &at[i])) {
                put_case(o, s, &at[i], m, first);
                first = 0;
            }
    fputs("</tbody></table></div>", o);
    if (count > MOST)
        fprintf(o, "<p class=\"soft\">The first %d of %u cases.</p>", MOST, count);
    put_legend(o, s);
    fputs("</details>\n", o);
    free(at);
}

/* ---- floors ---- */

static void put_files(const struct tram__page *p, const char *first) {
    fprintf(p->out, "<div class=\"scroll\"><table><thead><tr><th>%s</th>", first);
    for (unsigned i = 0; i < p->input_count; i++) {
        if (p->inputs[i].kind != TRAM__INPUT_RESULT)
            continue;
        fputs("<th class=\"n\">", p->out);
        tram__html(p->out, p->inputs[i].shown);
        fputs("</th>", p->out);
    }
    fputs("</tr></thead><tbody>\n", p->out);
}

/* Of the sets of a file the first that says so is told. */
static void put_disturbed(const struct tram__page *p, const struct tram__input *in, const char *key) {
    char cell[TRAM__CELL];
    const char *mode;
    for (uint32_t i = 0; i < p->sets->count; i++) {
        double times = p->sets->at[i].input == in ? tram__floor_disturbed(&p->sets->at[i], key, &mode) : NAN;
        if (isnan(times))
            continue;
        fprintf(p->out, " <span class=\"soft\">disturbed: %s the least p50 of %s</span>",
                tram__print_ratio(times, cell), mode);
        return;
    }
}

static void put_floor(const struct tram__page *p, const char *name, const char *key) {
    char cell[TRAM__CELL];
    fprintf(p->out, "<tr><th scope=\"row\">%s</th>", name);
    for (unsigned i = 0; i < p->input_count; i++)
        if (p->inputs[i].kind == TRAM__INPUT_RESULT) {
            double ns = tram__json_number(p->inputs[i].json, key);
            fprintf(p->out, "<td class=\"n\">%s", tram__print_ns(ns > 0 ? ns : NAN, cell));
            put_disturbed(p, &p->inputs[i], key);
            fputs("</td>", p->out);
        }
    fputs("</tr>\n", p->out);
}

static void put_copies(const struct tram__page *p, const struct tram__input *in) {
    const json_t *all = tram__json_at(in->json, "context/floor/copy_bytes_per_s");
    char cell[TRAM__CELL];
    bool begun = false;
    for (size_t i = 0; i < json_array_size(all); i++) {
        const json_t *one = json_array_get(all, i);
        double bytes = tram__json_number(one, "bytes"), local = tram__json_number(one, "local");
        double cross = tram__json_number(one, "cross_core");
        if (!(bytes >= TRAM_FLOOR_COPY_SHOWN && bytes < 1e18) || isnan(local) || isnan(cross))
            continue;
        if (!begun) {
            fputs("<p>Copying, ", p->out);
            tram__html(p->out, in->shown);
            fputs(" (on one core, and from another): ", p->out);
        }
        fprintf(p->out, "%s%s %.3g and %.3g GB/s", begun ? "; " : "",
                tram__print_bytes((uint64_t)bytes, cell), local / 1e9, cross / 1e9);
        begun = true;
    }
    if (begun)
        fputs(".</p>\n", p->out);
}

void tram__page_floors(const struct tram__page *p) {
    static const char *const floors[][2] = {
        {"cache line, there and back", "context/floor/cacheline_rtt_ns"},
        {"futex, both asleep", "context/floor/futex_rtt_ns"},
        {"futex, from idle", "context/floor/futex_idle_rtt_ns"},
        {"AF_UNIX socket", "context/floor/unix_rtt_ns"},
        {"AF_UNIX socket, polled", "context/floor/unix_poll_rtt_ns"},
        {"one reading of the clock", "context/floor/timer_ns"},
        {"the clock’s step", "context/floor/timer_step_ns"},
    };
    if (!p->sets->count)
        return;
    fputs("<section id=\"floors\"><h2>Floors</h2>\n<p>What this machine does with no runtime at all, "
          "measured in the same "
          "runs. A figure says little without them.</p>\n",
          p->out);
    put_files(p, "round trip");
    for (size_t i = 0; i < sizeof floors / sizeof *floors; i++)
        put_floor(p, floors[i][0], floors[i][1]);
    fputs("</tbody></table></div>\n", p->out);
    for (unsigned i = 0; i < p->input_count; i++)
        if (p->inputs[i].kind == TRAM__INPUT_RESULT)
            put_copies(p, &p->inputs[i]);
    fputs("</section>\n", p->out);
}
