/* SPDX-License-Identifier: Apache-2.0
 *
 * From ticks to CLOCK_MONOTONIC: one line for all threads of a run. Every thread read the same counter, so what came first by
 * it came first, and a line of its own for each thread would spoil that by the errors of its snapshots. The line goes through
 * the two snapshots that lie farthest apart; the others say how far from it a time may be.
 */
#include "profilers/run.h"

#include <time.h>

enum { SHORT_NS = 1000000, SHIFT = 60 };

static struct tram__snapshot look(void) {
    struct timespec t;
    uint64_t before = tram__ticks();
    clock_gettime(CLOCK_MONOTONIC, &t);
    uint64_t after = tram__ticks();
    return (struct tram__snapshot){.ticks = before + (after - before) / 2,
                                   .ns = (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec,
                                   .error_ns = 100};
}

/* Ticks per ns between two moments; 0: they make no sense together. */
static double speed(const struct tram__snapshot *a, const struct tram__snapshot *b) {
    if (b->ns <= a->ns || b->ticks <= a->ticks)
        return 0;
    double s = (double)(b->ticks - a->ticks) / (double)(b->ns - a->ns);
    return s > 0.1 && s < 1000 ? s : 0;
}

/* A run that was killed early has little to go by. Where it ran on this machine since it was started, the counter has gone on
 * counting since: believed when the speed since then is the speed now. */
static bool still_counts(const struct tram__snapshot *first, struct tram__snapshot *now) {
    struct tram__snapshot a = look();
    struct timespec pause = {0, 20000000};
    nanosleep(&pause, NULL);
    *now = look();
    double here = speed(&a, now), since = speed(first, now);
    return here > 0 && since > 0 && since / here > 0.999 && since / here < 1.001;
}

static void farthest(const struct tram__run *r, struct tram__snapshot *first, struct tram__snapshot *last) {
    for (uint32_t i = 0; i < r->thread_count; i++) {
        const struct tram__run_thread *t = &r->threads[i];
        const struct tram__snapshot *const both[] = {&t->first, &t->last};
        for (int k = 0; k < 2 && t->clock == TRAM__CLOCK_TSC; k++) {
            if (!both[k]->ns)
                continue;
            if (!first->ns || both[k]->ns < first->ns)
                *first = *both[k];
            if (both[k]->ns > last->ns)
                *last = *both[k];
        }
    }
}

/* How far the snapshots are from the line. */
static void set_error(struct tram__run *r) {
    for (uint32_t i = 0; i < r->thread_count; i++) {
        const struct tram__run_thread *t = &r->threads[i];
        const struct tram__snapshot *const both[] = {&t->first, &t->last};
        for (int k = 0; k < 2 && t->clock == TRAM__CLOCK_TSC; k++) {
            uint64_t ns = both[k]->ns, line = tram__run_ns(r, t, both[k]->ticks);
            uint64_t off = (ns > line ? ns - line : line - ns) + both[k]->error_ns;
            if (ns && off > r->error_ns)
                r->error_ns = off;
        }
    }
}

void tram__run_set_clock(struct tram__run *r) {
    struct tram__snapshot first = {0}, last = {0}, now;
    farthest(r, &first, &last);
    if (!first.ns)
        return; /* every thread has CLOCK_MONOTONIC itself */
    double s = speed(&first, &last);
    bool vague = s == 0 || last.ns - first.ns < SHORT_NS;
    if (vague && still_counts(&first, &now)) {
        last = now;
        s = speed(&first, &last);
        vague = false;
    }
    r->base_ticks = first.ticks;
    r->base_ns = first.ns;
    r->rate = (uint64_t)((double)(UINT64_C(1) << SHIFT) / (s > 0 ? s : 1));
    set_error(r);
    if (s == 0) {
        r->error_ns = UINT64_MAX;
        tram__run_note(r, "%s: how fast its clock ran is not known: times are ticks", r->folder);
    } else if (vague)
        tram__run_note(r, "%s: times are uncertain, for the run was killed within a millisecond", r->folder);
}
