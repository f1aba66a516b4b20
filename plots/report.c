/* SPDX-License-Identifier: Apache-2.0
 *
 * Makes a page of result files: what they say in words, figures, tables, and the machine they come from.
 */
#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plots/command.h"
#include "plots/gnuplot.h"
#include "plots/stop.h"
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
    "  -o, --output   the folder to write to; made when it is missing\n"
    "      --kind     figures of these kinds only, see plot --help\n"
    "      --trace    a trace to link to; those beside a RESULT that begin with its name are found\n"
    "      --version  print the version, and end\n"
    "      --help     this\n"
    "\n"
    "Exit status: 0, or 2 for bad input and for what cannot be written, or drawn by the gnuplot that there "
    "is (the page is\n"
    "written all the same), after one line that says so.\n";

/* ---- pictures, in a folder that goes when the page is made ---- */

/* Whatever is in it: a gnuplot that fails may leave more than was asked for. */
static void remove_folder(const char *folder) {
    DIR *d = opendir(folder);
    for (struct dirent *e; d && (e = readdir(d)) != NULL;)
        unlinkat(dirfd(d), e->d_name, 0);
    if (d)
        closedir(d);
    rmdir(folder);
}

/* Into a folder of its own, `scratch`, of PATH_MAX bytes; "" when there is none to remove. */
static enum tram__drawn draw_all(struct tram__figures *f, char *scratch, char *why) {
    const char *within = getenv("TMPDIR");
    within = within && *within ? within : "/tmp";
    if (snprintf(scratch, PATH_MAX, "%s/tram-report-XXXXXX", within) >= PATH_MAX || !mkdtemp(scratch)) {
        *scratch = '\0';
        snprintf(why, TRAM__WHY, "no folder for the figures can be made in %.200s", within);
        return TRAM__NOT_DRAWN;
    }
    return tram__figures_write(f, scratch, why) ? TRAM__NOT_DRAWN : tram__figures_draw(f, scratch, true, why);
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

/* Of pictures that the page lacks, the exit status. */
static int tell(enum tram__drawn drawn, const char *why) {
    if (drawn == TRAM__NO_GNUPLOT)
        tram__command_line(stderr, "report: gnuplot is not installed: figures are tables");
    else if (drawn == TRAM__NOT_DRAWN)
        tram__command_line(stderr, "report: %s: they are tables", why);
    return drawn == TRAM__NOT_DRAWN ? 2 : 0;
}

static int make(const struct tram__command *c, struct tram__page *p, struct tram__figures *f) {
    char scratch[PATH_MAX], why[TRAM__WHY], page_why[TRAM__WHY];
    tram__stop_watch();
    enum tram__drawn drawn = draw_all(f, scratch, why);
    p->folder = scratch;
    int status = 2; /* stopped: see tram__command_finish */
    if (!tram__stop_signal() && write_page(p, c->folder, page_why) == 0)
        status = tell(drawn, why);
    else if (!tram__stop_signal())
        tram__command_line(stderr, "report: %s", page_why);
    if (*scratch)
        remove_folder(scratch);
    return status;
}

static int run(const struct tram__command *c) {
    struct tram__sets sets;
    struct tram__figures figures;
    struct tram__traces traces;
    char why[TRAM__WHY];
    if (tram__command_spare(c, "index.html", (const char *const[]){"", NULL}, why) ||
        tram__folder_make(c->folder, why) ||
        tram__traces_find(c->traces.at, c->traces.count, c->inputs, c->input_count, c->folder, &traces,
                          why)) {
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
    int status = make(c, &page, &figures);
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
    return tram__command_finish(&c, status);
}
