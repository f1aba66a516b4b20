/* SPDX-License-Identifier: Apache-2.0
 *
 * Makes a page of result files: what they say in words, figures, tables, and the machine they come from.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plots/command.h"
#include "plots/gnuplot.h"
#include "plots/traces.h"
#include "results/output.h"

static const char help[] =
    "report RESULT... -o DIR [--kind=LIST] [--trace=FILE]...\n"
    "\n"
    "RESULT: what a scenario or compare wrote with --json=FILE, or what tram-trace summary --json printed.\n"
    "DIR/index.html (out, when left out) is one page that loads nothing: a summary, figures, tables, the "
    "floors and the\n"
    "noise of the machine. The same files give the same bytes. Without gnuplot the figures are tables.\n"
    "\n"
    "  -o DIR         the folder to write to; made when it is missing\n"
    "      --kind     figures of these kinds only, see plot --help\n"
    "      --trace    a trace to link to; those beside a RESULT that begin with its name are found\n"
    "      --version  print the version, and end\n"
    "      --help     this\n"
    "\n"
    "Exit status: 0, or 2 for bad input and for what cannot be written, after one line that says so.\n";

/* ---- pictures, in a folder that goes when the page is made ---- */

static void remove_figures(const struct tram__figures *f, const char *folder) {
    static const char *const endings[] = {"tsv", "gp", "svg"};
    char path[PATH_MAX];
    for (uint32_t i = 0; i < f->count; i++)
        for (size_t k = 0; k < sizeof endings / sizeof *endings; k++)
            if (snprintf(path, sizeof path, "%s/%s.%s", folder, f->at[i].name, endings[k]) < (int)sizeof path)
                unlink(path);
    rmdir(folder);
}

static enum tram__drawn draw_all(const struct tram__figures *f, const char *folder, char *why) {
    for (uint32_t i = 0; i < f->count; i++) {
        if (tram__figure_write(&f->at[i], folder, why))
            return TRAM__NOT_DRAWN;
        enum tram__drawn drawn = tram__figure_draw(&f->at[i], folder, true, why);
        if (drawn != TRAM__DRAWN)
            return drawn;
    }
    return TRAM__DRAWN;
}

static int write_page(struct tram__page *p, const char *folder, char *why) {
    char path[PATH_MAX];
    struct tram__memory m;
    if (snprintf(path, sizeof path, "%s/index.html", folder) >= (int)sizeof path) {
        snprintf(why, TRAM__WHY, "the folder's name is too long");
        return -1;
    }
    tram__memory_open(&m);
    p->out = m.f;
    tram__page_write(p);
    tram__memory_close(&m);
    int status = tram__output_write(path, m.text, m.size, why, TRAM__WHY);
    free(m.text);
    if (!status)
        tram__command_line(stdout, "%s", path);
    return status;
}

static int make(const struct tram__command *c, struct tram__page *p, char *why) {
    const char *within = getenv("TMPDIR");
    char scratch[PATH_MAX];
    if (snprintf(scratch, sizeof scratch, "%s/tram-report-XXXXXX", within && *within ? within : "/tmp") >=
            (int)sizeof scratch ||
        !mkdtemp(scratch)) {
        snprintf(why, TRAM__WHY, "no folder for the figures can be made in %.200s",
                 within && *within ? within : "/tmp");
        return -1;
    }
    enum tram__drawn drawn = draw_all(p->figures, scratch, why);
    p->folder = drawn == TRAM__DRAWN ? scratch : NULL;
    int status = drawn == TRAM__NOT_DRAWN ? -1 : write_page(p, c->folder, why);
    if (drawn == TRAM__NO_GNUPLOT && status == 0)
        fprintf(stderr, "report: gnuplot is not installed: figures are tables\n");
    remove_figures(p->figures, scratch);
    return status;
}

static int run(const struct tram__command *c) {
    struct tram__sets sets;
    struct tram__figures figures;
    struct tram__traces traces;
    char why[TRAM__WHY];
    if (tram__folder_make(c->folder, why) ||
        tram__traces_find(c->traces, c->trace_count, c->inputs, c->input_count, c->folder, &traces, why)) {
        tram__command_line(stderr, "report: %s", why);
        return 2;
    }
    tram__sets_make(c->inputs, c->input_count, &sets);
    tram__figures_make(c->inputs, c->input_count, &sets, c->kinds, &figures);
    struct tram__facts *facts = tram__needed(calloc(sets.count + 1, sizeof *facts));
    for (uint32_t i = 0; i < sets.count; i++)
        tram__facts_make(&sets.at[i], &facts[i]);
    struct tram__page page = {.inputs = c->inputs,
                              .input_count = c->input_count,
                              .sets = &sets,
                              .facts = facts,
                              .figures = &figures,
                              .traces = traces.at,
                              .trace_count = traces.count};
    int status = make(c, &page, why) ? 2 : 0;
    if (status)
        tram__command_line(stderr, "report: %s", why);
    for (uint32_t i = 0; i < sets.count; i++)
        tram__facts_free(&facts[i]);
    free(facts);
    tram__figures_free(&figures);
    tram__sets_free(&sets);
    tram__traces_free(&traces);
    return status;
}

int main(int argc, char **argv) {
    static struct tram__command c = {
        .program = "report", .help = help, .traces_allowed = true, .folder = "out"};
    int status;
    if (tram__command_begin(&c, argc, argv, &status))
        return status;
    status = run(&c);
    tram__command_end(&c);
    if (fflush(stdout) != 0 && !status) {
        fprintf(stderr, "report: what it says could not be written\n");
        status = 2;
    }
    return status;
}
