/* SPDX-License-Identifier: Apache-2.0 */
#include "plots/command.h"

#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "plots/stop.h"
#include "results/environment.h"
#include "results/plain.h"

void tram__command_line(FILE *to, const char *format, ...) {
    char text[PATH_MAX + TRAM__WHY];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fprintf(to, "%s\n", tram__plain(text));
}

/* --kind=LIST: names from tram__kind_names with commas between them. */
static int take_kinds(struct tram__command *c, const char *list) {
    memset(c->kinds, 0, sizeof c->kinds);
    for (const char *p = list;; p++) {
        size_t n = strcspn(p, ",");
        int found = -1;
        for (int k = 0; k < TRAM__KINDS; k++)
            if (strlen(tram__kind_names[k]) == n && strncmp(p, tram__kind_names[k], n) == 0)
                found = k;
        if (found < 0) {
            char names[TRAM__TITLE];
            for (size_t k = 0, used = 0; k < TRAM__KINDS && used < sizeof names; k++)
                used += (size_t)snprintf(names + used, sizeof names - used, "%s %s", k ? "," : "",
                                         tram__kind_names[k]);
            tram__command_line(stderr, "%s: --kind=%s: '%.*s' is none of%s", c->program, list, (int)n, p,
                               names);
            return -1;
        }
        c->kinds[found] = true;
        p += n;
        if (!*p)
            return 0;
    }
}

static int refuse(const struct tram__command *c, const char *what, const char *why) {
    tram__command_line(stderr, "%s: %s: %s", c->program, what, why);
    return -1;
}

static int printed(const struct tram__command *c, const char *what) {
    return fflush(stdout) == 0 && !ferror(stdout) ? 1 : refuse(c, what, "it could not be written");
}

enum { KIND = 256, TRACE, VERSION, HELP }; /* options with no letter */

/* What getopt_long stopped at, by its letter or as it stands: arguments before it may have been moved. */
static int refuse_option(const struct tram__command *c, char **argv, const char *why) {
    char letter[] = {'-', (char)optopt, '\0'};
    return refuse(c, optopt > 0 && optopt < KIND ? letter : argv[optind - 1], why);
}

static int take_options(struct tram__command *c, int argc, char **argv) {
    static const char none[] = "there is no such option, or it takes no value (see --help)";
    static const struct option longs[] = {{"kind", required_argument, NULL, KIND},
                                          {"trace", required_argument, NULL, TRACE},
                                          {"version", no_argument, NULL, VERSION},
                                          {"help", no_argument, NULL, HELP},
                                          {0}};
    opterr = 0;
    for (;;) {
        optopt = 0;
        switch (getopt_long(argc, argv, ":o:h", longs, NULL)) {
        case -1:
            return 0;
        case 'o':
            c->folder = optarg;
            break;
        case KIND:
            if (take_kinds(c, optarg))
                return -1;
            break;
        case TRACE:
            if (!c->traces_allowed)
                return refuse(c, "--trace", none);
            if (c->trace_count == TRAM__MAX_INPUTS)
                return refuse(c, "--trace", "more than 64 traces");
            c->traces[c->trace_count++] = optarg;
            break;
        case VERSION:
            printf("%s of tramline %s\n", c->program, tram_build()->version);
            return printed(c, "--version");
        case 'h':
        case HELP:
            fputs(c->help, stdout);
            return printed(c, "--help");
        case ':':
            return refuse_option(c, argv, "a value is missing");
        default:
            return refuse_option(c, argv, none);
        }
    }
}

/* The same run twice would stand for two. */
static int take_input(struct tram__command *c, const char *path) {
    char why[TRAM__WHY];
    struct tram__input *in = &c->inputs[c->input_count];
    if (tram__input_read(path, in, why)) {
        tram__command_line(stderr, "%s: %s", c->program, why);
        return -1;
    }
    c->input_count++;
    for (unsigned i = 0; i + 1 < c->input_count; i++)
        if (json_equal(c->inputs[i].json, in->json)) {
            tram__command_line(stderr, "%s: %s: the same as %s", c->program, path, c->inputs[i].path);
            return -1;
        }
    return 0;
}

static void say_late(const struct tram__command *c) {
    for (unsigned i = 0; i < c->input_count; i++)
        for (uint32_t k = 0; k < c->inputs[i].late_count; k++)
            tram__command_line(
                stderr, "%s: %s: %s: it could not keep up with its rate in %u of %u repetitions, %s left out",
                c->program, c->inputs[i].path, c->inputs[i].late[k].name, c->inputs[i].late[k].repetitions,
                c->inputs[i].late[k].of, c->inputs[i].late[k].left_out ? "and is" : "which are");
}

int tram__command_begin(struct tram__command *c, int argc, char **argv, int *status) {
    for (int k = 0; k < TRAM__KINDS; k++)
        c->kinds[k] = true;
    int taken = take_options(c, argc, argv);
    *status = taken < 0 ? 2 : 0;
    if (taken)
        return -1;
    *status = 2;
    if (optind == argc)
        return refuse(c, "a result file is missing", "see --help");
    if (argc - optind > TRAM__MAX_INPUTS)
        return refuse(c, argv[optind + TRAM__MAX_INPUTS], "more than 64 files");
    for (int i = optind; i < argc; i++)
        if (take_input(c, argv[i])) {
            tram__command_end(c);
            return -1;
        }
    tram__inputs_name(c->inputs, c->input_count);
    say_late(c);
    return 0;
}

void tram__command_end(struct tram__command *c) {
    while (c->input_count)
        tram__input_close(&c->inputs[--c->input_count]);
}

static bool same_file(const char *path, const struct stat *other) {
    struct stat st;
    return stat(path, &st) == 0 && st.st_dev == other->st_dev && st.st_ino == other->st_ino;
}

int tram__command_spare(const struct tram__command *c, const char *name, const char *const *endings,
                        char *why) {
    char path[PATH_MAX];
    struct stat st;
    for (; *endings; endings++) {
        const char *read = NULL;
        if (snprintf(path, sizeof path, "%s/%s%s", c->folder, name, *endings) >= (int)sizeof path ||
            stat(path, &st) != 0)
            continue; /* what is wrong with it is told when it is written */
        for (unsigned i = 0; i < c->input_count; i++)
            read = same_file(c->inputs[i].path, &st) ? c->inputs[i].path : read;
        for (unsigned i = 0; i < c->trace_count; i++)
            read = same_file(c->traces[i], &st) ? c->traces[i] : read;
        if (read)
            return tram__fail(why, "-o %.100s: %s%s in it would be written over %.300s, which is read",
                              c->folder, name, *endings, read);
    }
    return 0;
}

int tram__command_finish(struct tram__command *c, int status) {
    tram__command_end(c);
    if (tram__stop_signal())
        return 128 + tram__stop_signal();
    return status || printed(c, "what it says") > 0 ? status : 2;
}
