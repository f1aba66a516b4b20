/* SPDX-License-Identifier: Apache-2.0
 *
 * Traces of Tramline runs: make one from what a dead run left behind, put several together, check one, and say where the time
 * went.
 */
#include "profilers/command.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tramline/tramline.h"

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
} commands[] = {{"recover", tram__command_recover},
                {"merge", tram__command_merge},
                {"check", tram__command_check},
                {"summary", tram__command_summary}};

static const char help[] =
    "tram-trace recover FOLDER -o FILE [--deflate]\n"
    "    Makes a trace of what a run left in FOLDER (PATH.rings) when it died. The folder stays.\n"
    "    FILE: ending in .json, else Perfetto's own format; --deflate: squeezed, as Perfetto reads it too.\n"
    "tram-trace merge FILE... -o FILE [--deflate]\n"
    "    Puts Perfetto traces of several runs on one machine into one file, on one time line.\n"
    "tram-trace check FILE\n"
    "    Reads every packet of a trace that Tramline wrote and prints exactly what it has. Exit status 1 "
    "when\n"
    "    anything is wrong: unknown fields, slices without an end, flows that do not begin and end once, "
    "times\n"
    "    that go back.\n"
    "tram-trace summary FOLDER|FILE [--json] [--dot=FILE] [--execution=N]\n"
    "    Where the time of a run went, from the folder of a dead run or from a trace: what each task, edge "
    "and\n"
    "    wait took on the critical path of its executions. --dot: the graph with these times, for Graphviz;\n"
    "    --execution: one execution, step by step.\n"
    "tram-trace --version, --help\n"
    "    Print the version, or this.\n";

int main(int argc, char **argv) {
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        fputs(help, argc < 2 ? stderr : stdout);
        return argc < 2 ? 2 : 0;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("tramline %s\n", TRAM_VERSION);
        return 0;
    }
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(argv[1], commands[i].name) == 0) {
            for (int k = 2; k < argc; k++)
                if (strcmp(argv[k], "--help") == 0) {
                    fputs(help, stdout);
                    return 0;
                }
            int status = commands[i].run(argc - 2, argv + 2);
            if (fflush(stdout) == 0 && !ferror(stdout))
                return status;
            fprintf(stderr, "tram-trace %s: what it says could not be written: %s\n", argv[1],
                    strerror(errno));
            return status ? status : 2;
        }
    fprintf(stderr, "tram-trace: %s: no such command; see tram-trace --help\n", argv[1]);
    return 2;
}
