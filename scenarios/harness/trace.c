/* SPDX-License-Identifier: Apache-2.0
 *
 * Traced trials: every case once more, after all that is timed, so that no figure has a trace in it.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "harness/report_figures.h"
#include "probe/writer.h"

enum { MOST_EXECUTIONS = 1000, LEAST_EXECUTIONS = 10, MOST_UNTRACED = 1000000 };
#define TRACED_NS 0.3e9 /* of executions; each pass has as many */

static size_t count_cases(const struct tram_settings *s) {
    size_t modes = 0;
    for (int m = 0; m < TRAM_MODES; m++)
        modes += m != TRAM_MODE_LIMIT && s->modes[m];
    return modes * s->point_count;
}

/* FILE, or of several cases FILE with what tells them apart before its ending: "t.compiled.64.2.1.pftrace". */
static void name_file(const struct tram_run *r, size_t point, int mode, char *out) {
    const struct tram_settings *s = r->settings;
    const struct tram_point *p = &s->points[point];
    const char *slash = strrchr(s->trace, '/'), *dot = strrchr(s->trace, '.');
    size_t stem = dot && (!slash || dot > slash) ? (size_t)(dot - s->trace) : strlen(s->trace);
    if (count_cases(s) == 1)
        snprintf(out, TRAM_MAX_PATH, "%s", s->trace);
    else if (s->point_count == 1)
        snprintf(out, TRAM_MAX_PATH, "%.*s.%s%s", (int)stem, s->trace, tram_mode_names[mode],
                 s->trace + stem);
    else
        snprintf(out, TRAM_MAX_PATH, "%.*s.%s.%zu.%u.%u%s", (int)stem, s->trace, tram_mode_names[mode],
                 tram_point_bytes(p), tram_actors_shown(p), p->inflight, s->trace + stem);
}

int tram_run_try_trace(const struct tram_run *r) {
    const struct tram_settings *s = r->settings;
    char file[TRAM_MAX_PATH];
    for (size_t point = 0; point < s->point_count; point++)
        for (int m = 0; m < TRAM_MODES; m++)
            if (s->modes[m] && m != TRAM_MODE_LIMIT) {
                name_file(r, point, m, file);
                const char *same = tram_output_same(s, file);
                if (same)
                    return tram__fail(TRAM_ERR_INVALID, "%s: --%s has the same file", file, same);
                if (tram__writer_try(file))
                    return -1;
            }
    return 0;
}

/* What was recorded stays, in a folder beside it, only where a trace could not be written of it. */
static bool was_written(const char *trace) {
    char folder[TRAM_MAX_PATH + sizeof ".rings"];
    snprintf(folder, sizeof folder, "%s.rings", trace);
    return access(folder, F_OK) != 0;
}

static int run_one(struct tram_run *r, size_t point, int mode, char *program, char *why) {
    const struct tram_settings *s = r->settings;
    struct tram_trial *t = &r->traced[point * TRAM_MODES + (size_t)mode];
    *t = tram_run_request(r, point, mode, s->repetitions);
    t->idle = false;
    t->window = s->window;
    t->untraced_p50_ns = TRAM_FIGURE(r, point, mode, p50_ns);
    double fit = TRACED_NS / fmax(t->untraced_p50_ns, 1);
    uint64_t executions = fit > MOST_EXECUTIONS    ? MOST_EXECUTIONS
                          : fit < LEAST_EXECUTIONS ? LEAST_EXECUTIONS
                                                   : (uint64_t)fit;
    t->warmup = s->warmup ? s->warmup : executions / 10 + 1;
    t->iters = s->iters ? s->iters : executions;
    uint64_t last = t->window.first + t->window.count;
    if (!s->iters && last > t->iters) /* so that the window is met, if that is not too far */
        t->iters = last < MOST_UNTRACED ? last : MOST_UNTRACED;
    name_file(r, point, mode, t->trace);
    bool failed = tram_trial_run(t, program), written = was_written(t->trace);
    if (tram_trial_interrupted() && written) /* it has been told */
        *why = '\0';
    else if (tram_trial_interrupted())
        snprintf(why, TRAM_WHY, "what was recorded until then is in %.400s.rings: tram-trace recover",
                 t->trace);
    else if (failed)
        snprintf(why, TRAM_WHY, "%s: %.400s", tram_mode_names[mode], t->why);
    else if (!written) /* the trial has said why */
        snprintf(why, TRAM_WHY, "%.400s could not be written", t->trace);
    return failed || !written ? -1 : 0;
}

int tram_run_traced(struct tram_run *r, char *program, char *why) {
    const struct tram_settings *s = r->settings;
    r->traced = calloc(s->point_count * TRAM_MODES, sizeof *r->traced);
    if (!r->traced) {
        snprintf(why, TRAM_WHY, "out of memory");
        return -1;
    }
    int status = 0;
    for (size_t point = 0; point < s->point_count; point++)
        for (int m = 0; m < TRAM_MODES; m++)
            if (!status && s->modes[m] && m != TRAM_MODE_LIMIT && !tram_run_failed(r, point, m))
                status = run_one(r, point, m, program, why);
    return status;
}
