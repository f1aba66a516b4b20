/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "harness/report_figures.h"

/* From the bare pattern upwards. `step` says what a rung has over the one below it here; where rungs between were not
 * measured, the step is theirs too. A rung `beside` is no part of the whole: what it adds is told last. */
static const struct rung {
    enum tram_mode mode;
    const char *step;
    bool beside;
} rungs[] = {
    {TRAM_MODE_LIMIT, "the pattern", false},       {TRAM_MODE_COMPILED, "the runtime", false},
    {TRAM_MODE_EAGER_SHM, "per-call work", false}, {TRAM_MODE_EAGER, "transport", false},
    {TRAM_MODE_GRAPH_EAGER, NULL, true},
};
enum { RUNGS = sizeof rungs / sizeof rungs[0] };

/* Text that grows in a buffer; what does not fit is left off. */
struct text {
    char *out;
    size_t size, used;
    bool tensors;
};

static void add(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(struct text *t, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int n = vsnprintf(t->out + t->used, t->size - t->used, format, args);
    va_end(args);
    t->used += n > 0 ? (size_t)n : 0;
    if (t->used >= t->size)
        t->used = t->size - 1;
}

/* The step from rung `below` to rung `at`, by the names of all between. */
static void add_step(struct text *t, size_t below, size_t at, double share) {
    const char *between = "";
    if (rungs[at].beside) {
        add(t, "; %s adds %.0f %%", tram_mode_names[rungs[at].mode], share);
        return;
    }
    add(t, ", ");
    for (size_t i = below + 1; i <= at; i++, between = " + ")
        if (!rungs[i].beside)
            add(t, "%s%s%s", between, rungs[i].step,
                t->tensors && rungs[i].mode == TRAM_MODE_EAGER_SHM ? " and its copies" : "");
    add(t, " (%s - %s) %.0f %%", tram_mode_names[rungs[at].mode], tram_mode_names[rungs[below].mode], share);
}

/* In per cent, and without a sign when it comes to nothing. */
static double share_of(double ns, double all) {
    return round(100 * ns / all) + 0.0;
}

bool tram_ladder(const double p50_ns[TRAM_MODES], bool tensors, char *out, size_t size) {
    struct text t = {.out = out, .size = size, .tensors = tensors};
    size_t measured = 0, slowest = RUNGS, below = RUNGS;
    char whole[TRAM_CELL];
    for (size_t i = 0; i < RUNGS; i++) {
        double ns = p50_ns[rungs[i].mode];
        measured += !isnan(ns);
        if (!rungs[i].beside && !isnan(ns) && (slowest == RUNGS || ns > p50_ns[rungs[slowest].mode]))
            slowest = i;
    }
    if (measured < 2 || slowest == RUNGS)
        return false;
    double all = p50_ns[rungs[slowest].mode];
    const char *name = tram_mode_names[rungs[slowest].mode];
    add(&t, "of %s's %s: ", name, tram_print_ns(all, whole));
    for (size_t i = 0; i < RUNGS; i++) {
        double ns = p50_ns[rungs[i].mode];
        if (isnan(ns))
            continue;
        if (below == RUNGS)
            add(&t, "%s %.0f %%", tram_mode_names[rungs[i].mode], share_of(ns, all));
        else
            add_step(&t, below, i, share_of(ns - p50_ns[rungs[below].mode], all));
        below = i;
    }
    return true;
}
