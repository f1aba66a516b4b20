/* SPDX-License-Identifier: Apache-2.0
 *
 * Draws result files: a table, a gnuplot script and pictures for every figure that they have data for.
 */
#include "plots/command.h"
#include "plots/gnuplot.h"
#include "plots/stop.h"

static const char help[] =
    "plot RESULT... [-o DIR] [--kind=LIST]\n"
    "\n"
    "RESULT: what a scenario or compare wrote with --json=FILE, or what tram-trace summary --json printed.\n"
    "For each figure DIR (out, when left out) gets NAME.tsv, the data, NAME.gp, a script that gnuplot draws "
    "it by,\n"
    "NAME.svg and NAME.png. The same files give the same bytes. Without gnuplot there are no pictures.\n"
    "\n"
    "  -o, --output   the folder to write to; made when it is missing\n"
    "      --kind     of these, with commas between them; all when left out:\n"
    "                   ladder       what each step from limit over compiled to eager takes\n"
    "                   latency      p50 against the payload\n"
    "                   speedup      how many times faster than the fastest eager mode\n"
    "                   scaling      p50 against the number of actors\n"
    "                   throughput   rate against the executions in flight\n"
    "                   percentiles  latency against how rarely it is exceeded\n"
    "                   overlap      communication that is hidden behind computing\n"
    "                   order        repetitions in their order, to see drift\n"
    "                   forest       the cases of a comparison with their intervals\n"
    "      --version  print the version, and end\n"
    "      --help     this\n"
    "\n"
    "Exit status: 0, or 2 for bad input and for what cannot be written, or drawn by the gnuplot that there "
    "is, after one\n"
    "line that says so. What can be written is.\n";

static int draw_all(const struct tram__command *c, struct tram__figures *f) {
    char why[TRAM__WHY];
    tram__stop_watch();
    if (tram__figures_write(f, c->folder, why)) {
        tram__command_line(stderr, "plot: %s", why);
        return 2;
    }
    enum tram__drawn drawn = tram__figures_draw(f, c->folder, false, why);
    if (tram__stop_signal())
        return 0; /* see tram__command_finish */
    for (uint32_t i = 0; i < f->count; i++)
        tram__command_line(stdout, "%s/%s.%s  %s", c->folder, f->at[i].name, f->at[i].drawn ? "svg" : "gp",
                           f->at[i].title);
    if (drawn != TRAM__DRAWN)
        tram__command_line(stderr, "plot: %s%s", drawn == TRAM__NO_GNUPLOT ? "gnuplot is not installed" : why,
                           ": tables and scripts are written, pictures are not");
    return drawn == TRAM__NOT_DRAWN ? 2 : 0;
}

/* No figure's file is one of the inputs. */
static int spare_all(const struct tram__command *c, const struct tram__figures *f, char *why) {
    static const char *const endings[] = {".tsv", ".gp", ".svg", ".png", NULL};
    for (uint32_t i = 0; i < f->count; i++)
        if (tram__command_spare(c, f->at[i].name, endings, why))
            return -1;
    return 0;
}

int main(int argc, char **argv) {
    static struct tram__command c = {.program = "plot", .help = help, .folder = "out"};
    struct tram__sets sets;
    struct tram__figures figures;
    char why[TRAM__WHY];
    int status;
    if (tram__command_begin(&c, argc, argv, &status))
        return status;
    tram__sets_make(c.inputs, c.input_count, &sets);
    tram__figures_make(c.inputs, c.input_count, &sets, c.kinds, &figures);
    status = 2;
    if (!figures.count)
        tram__command_line(stderr, "plot: %s: no figure of the kinds asked for can be made of it%s",
                           c.inputs[0].path, c.input_count > 1 ? " and the others" : "");
    else if (spare_all(&c, &figures, why) || tram__folder_make(c.folder, why))
        tram__command_line(stderr, "plot: %s", why);
    else
        status = draw_all(&c, &figures);
    tram__figures_free(&figures);
    tram__sets_free(&sets);
    return tram__command_finish(&c, status);
}
