/* SPDX-License-Identifier: Apache-2.0
 *
 * compare A B: what two result files, or folders of them, say of each other. See --help.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/options.h"
#include "results/compare_write.h"
#include "results/environment.h"
#include "results/output.h"
#include "results/plain.h"

enum { BAD = 2, FORMS = 6, SETS = 3 };

struct settings {
    struct tram_decide_options decide;
    const char *again, *paths[FORMS];
    bool gate, help, version;
};

static int (*const forms[FORMS])(const struct tram_comparison *, FILE *) = {
    tram_comparison_json, tram_comparison_markdown, tram_comparison_junit,
    tram_comparison_csv,  tram_comparison_gbench,   tram_comparison_bencher,
};

static const char usage[] =
    "compare [options] BASE HEAD\n"
    "Compares the results of HEAD with those of BASE, case by case: files, or folders of them (*.json).\n\n";

/* clang-format off */
static const char explanation[] =
    "\n"
    "Results of interleaved runs carry the block that they are of. Where both sides have the same blocks,\n"
    "each block is a pair, and what is tested is r = ln(head / base) of p50. A case is\n"
    "  REGRESSED    when the ratio is shown to be above 1 + delta, or when a counter went up: copies, bytes\n"
    "               copied, device maps, allocations, system calls, futex calls, by its exact median, or in\n"
    "               more of HEAD's rows than chance would put above all of BASE's\n"
    "  OK           when the ratio is shown to be below 1 + delta\n"
    "  IMPROVED     when it is shown to be below 1 - delta\n"
    "  AMBIGUOUS    when none of this is shown, or when such a counter has a figure on one side only, or is\n"
    "               larger in two or more of HEAD's rows where those of BASE are all alike\n"
    "  ENVIRONMENT  when the base differs from its own copy (--again), or the sides were loaded, or waited,\n"
    "               differently: by others, or as HEAD blocks where BASE spins, which cannot be told apart;\n"
    "               nothing else counts then. A little more of waiting for a CPU or of involuntary switches\n"
    "               is let pass; of cases whose actors and driver outnumber the CPUs (\"crowded\"), which wait\n"
    "               for each other, twice as much by the second or by the execution\n"
    "Without blocks, where those of one number ran at different times, or with machines or options that\n"
    "differ, that is advice, and the table says why.\n"
    "Delta is at least twice the step of the base's timer, over the executions that one reading times; where\n"
    "that is more than four times the delta asked for, no case is OK. Who looks several times, as at 80\n"
    "blocks and, while that is AMBIGUOUS, at 160 and at 320, gives each look its share of alpha.\n"
    "\n"
    "What is no regular file, as a pipe on standard input, is not read. No output may be an input.\n"
    "\n"
    "Exit status: 0 ok, 1 regression or missing case, 2 usage, input or output, 3 ambiguous, 4 environment.\n";
/* clang-format on */

static int wrong(const char *why) {
    char text[1024];
    snprintf(text, sizeof text, "%s", why); /* it may quote a file, or an argument */
    fprintf(stderr, "compare: %s\n", tram__plain(text));
    return BAD;
}

static void print_help(const struct tram__option *table) {
    fputs(usage, stdout);
    tram__options_help(table);
    fputs(explanation, stdout);
}

/* ---- Writing ---- */

static int write_form(const struct tram_comparison *c, size_t form, const char *path) {
    char *text = NULL, why[512];
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    int status = f ? forms[form](c, f) : -1;
    if (f && (ferror(f) || fclose(f) != 0))
        status = -1;
    snprintf(why, sizeof why, "cannot write %s: out of memory", path);
    if (!status)
        status = tram__output_write(path, text, size, why, sizeof why);
    free(text);
    return status ? wrong(why) : 0;
}

/* All that can be written is, also when another cannot. The JSON goes first. */
static int write_all(const struct tram_comparison *c, const struct settings *s) {
    char why[1024];
    int status = 0;
    for (size_t i = 0; i < FORMS; i++)
        if (s->paths[i] && write_form(c, i, s->paths[i]))
            status = BAD;
    if (tram_comparison_table(c, stdout))
        status = wrong("the table could not be written");
    else if (tram__stdout_check(why, sizeof why))
        status = wrong(why);
    return status;
}

static int finish(const struct tram_comparison *c, const struct settings *s) {
    char why[1024];
    int status = write_all(c, s);
    const struct tram_lines *l = c->refusals.count ? &c->refusals : &c->advice;
    if (!status && s->gate && l->count) {
        snprintf(why, sizeof why, "--gate: this cannot gate: %s", l->at[0]);
        return wrong(why);
    }
    return status ? status : c->exit_status;
}

/* ---- Reading ---- */

/* No output is a file of the sets, or another output. */
static int check_outputs(const struct settings *s, const struct tram_result_set *const sets[SETS], char *why,
                         size_t why_size) {
    static const char *const options[FORMS] = {"json", "markdown", "junit", "csv", "gbench", "bencher"};
    size_t count = FORMS;
    for (size_t i = 0; i < SETS; i++)
        count += sets[i]->file_count;
    struct tram__file_name *names = calloc(count, sizeof *names), *next = names;
    if (!names) {
        snprintf(why, why_size, "out of memory");
        return -1;
    }
    for (size_t i = 0; i < FORMS; i++)
        *next++ = (struct tram__file_name){options[i], s->paths[i]};
    for (size_t i = 0; i < SETS; i++)
        for (size_t k = 0; k < sets[i]->file_count; k++)
            *next++ = (struct tram__file_name){NULL, sets[i]->files[k].path};
    int status = tram__outputs_apart(names, count, why, why_size);
    free(names);
    return status;
}

static int compare_sets(const struct settings *s, const char *base_path, const char *head_path) {
    struct tram_result_set base = {0}, head = {0}, again = {0};
    const struct tram_result_set *const sets[SETS] = {&base, &head, &again};
    struct tram_comparison c;
    char why[1024];
    int status = tram_result_set_read(base_path, &base, why, sizeof why) ||
                         tram_result_set_read(head_path, &head, why, sizeof why) ||
                         (s->again && tram_result_set_read(s->again, &again, why, sizeof why)) ||
                         check_outputs(s, sets, why, sizeof why) ||
                         tram_compare(&base, &head, s->again ? &again : NULL, &s->decide, &c, why, sizeof why)
                     ? wrong(why)
                     : 0;
    if (!status) {
        status = finish(&c, s);
        tram_comparison_free(&c);
    }
    tram_result_set_free(&base);
    tram_result_set_free(&head);
    tram_result_set_free(&again);
    return status;
}

int main(int argc, char **argv) {
    struct settings s = {.decide = {.delta = 0.05, .alpha = 0.01}};
    const struct tram__option table[] = {
        {"delta", 0, TRAM__OPTION_PERCENT, "PERCENT", "what a p50 may be off (default 5%)", &s.decide.delta,
         0, 100},
        {"alpha", 0, TRAM__OPTION_PERCENT, "PERCENT",
         "the chance of any false verdict of a kind (default 1%)", &s.decide.alpha, 0, 50},
        {"again", 0, TRAM__OPTION_TEXT, "SET", "results of a second build of the base, of the same blocks",
         &s.again, 1, 0},
        {"gate", 0, TRAM__OPTION_FLAG, NULL, "fail, with status 2, where there could only be advice", &s.gate,
         0, 0},
        {"json", 0, TRAM__OPTION_TEXT, "FILE", "write everything, for scripts", &s.paths[0], 1, 0},
        {"markdown", 0, TRAM__OPTION_TEXT, "FILE", "write the table for a page", &s.paths[1], 1, 0},
        {"junit", 0, TRAM__OPTION_TEXT, "FILE", "write a test for each case, for CI", &s.paths[2], 1, 0},
        {"csv", 0, TRAM__OPTION_TEXT, "FILE", "write a line for each case", &s.paths[3], 1, 0},
        {"gbench", 0, TRAM__OPTION_TEXT, "FILE", "write HEAD as Google Benchmark would, a row for each case",
         &s.paths[4], 1, 0},
        {"bencher", 0, TRAM__OPTION_TEXT, "FILE", "the same in Bencher's metric format", &s.paths[5], 1, 0},
        {"version", 0, TRAM__OPTION_FLAG, NULL, "print the version, and end", &s.version, 0, 0},
        {"help", 'h', TRAM__OPTION_FLAG, NULL, "print this, and end", &s.help, 0, 0},
        {0},
    };
    char why[1024];
    int rest;
    if (tram__options_parse_rest(argc, argv, table, &rest))
        return wrong(tram_last_error()->text);
    if (s.help)
        print_help(table);
    if (s.version && !s.help)
        printf("compare of tramline %s\n", tram_build()->version);
    if (s.help || s.version)
        return tram__stdout_check(why, sizeof why) ? wrong(why) : 0;
    if (argc - rest != 2)
        return wrong("two result files or folders are wanted: BASE HEAD (see --help)");
    return compare_sets(&s, argv[rest], argv[rest + 1]);
}
