/* SPDX-License-Identifier: Apache-2.0
 *
 * The files that a run is asked for, and standard output: whether they can be written is known before anything is
 * measured, and what was not written is told.
 */
#include <stdio.h>
#include <string.h>

#include "harness/report.h"
#include "results/output.h"

enum { RESULTS = 4, FILES = 6 };

struct output {
    const char *option, *path; /* path NULL: not asked for */
};

/* Those of results first. */
static void list(const struct tram_settings *s, struct output *out) {
    const struct output files[FILES] = {{"json", s->json},         {"csv", s->csv},
                                        {"markdown", s->markdown}, {"samples", s->samples},
                                        {"graph", s->graph},       {"schedule", s->schedule}};
    memcpy(out, files, sizeof files);
}

/* The first of `count` that is the same file, or NULL. Of pipes and devices, two get what is written, one after the other. */
static const struct output *same_as(const struct output *files, size_t count, const char *path) {
    for (size_t i = 0; i < count; i++)
        if (files[i].path && tram__output_same(files[i].path, path))
            return &files[i];
    return NULL;
}

const char *tram_output_same(const struct tram_settings *s, const char *path) {
    struct output files[FILES];
    list(s, files);
    const struct output *same = same_as(files, FILES, path);
    return same ? same->option : NULL;
}

static int told(const struct tram_run *r, const struct output *o, int status, const char *why) {
    if (status)
        fprintf(stderr, "%s: --%s=%s: %s\n", r->scenario->name, o->option, o->path, why);
    return status ? 2 : 0;
}

int tram_outputs_try(const struct tram_run *r) {
    struct output files[FILES];
    char why[TRAM_WHY] = "";
    list(r->settings, files);
    for (size_t i = 0; i < FILES; i++) {
        const struct output *o = &files[i], *same = o->path ? same_as(files, i, o->path) : NULL;
        if (same) {
            snprintf(why, sizeof why, "--%s has the same file", same->option);
            return told(r, o, -1, why);
        }
        if (i < RESULTS && o->path && tram_results_check_path(o->path, why, sizeof why))
            return told(r, o, -1, why);
    }
    return 0;
}

int tram_outputs_write(const struct tram_run *r) {
    struct output o[FILES];
    char why[TRAM_WHY] = "";
    int status = 0;
    list(r->settings, o);
    if (o[0].path)
        status |= told(r, &o[0], tram_report_rows(r, o[0].path, NULL, why, sizeof why), why);
    if (o[1].path)
        status |= told(r, &o[1], tram_report_rows(r, NULL, o[1].path, why, sizeof why), why);
    if (o[2].path)
        status |= told(r, &o[2], tram_report_markdown(r, o[2].path, why, sizeof why), why);
    if (o[3].path)
        status |= told(r, &o[3], tram_samples_write(r->samples, o[3].path, why, sizeof why), why);
    return status;
}

int tram_stdout_status(const char *program, int status) {
    char why[TRAM_WHY];
    if (tram__stdout_check(why, sizeof why) == 0)
        return status;
    fprintf(stderr, "%s: %s\n", program, why);
    return 2;
}
