/* SPDX-License-Identifier: Apache-2.0 */
#include "plots/command.h"

#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "plots/stop.h"
#include "results/environment.h"
#include "results/output.h"
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

static int printed(const struct tram__command *c) {
    char why[TRAM__WHY];
    if (tram__stdout_check(why, sizeof why) == 0)
        return 1;
    tram__command_line(stderr, "%s: %s", c->program, why);
    return -1;
}

static int take_options(struct tram__command *c, int argc, char **argv, int *rest) {
    const char *kinds = NULL;
    bool help = false, version = false;
    struct tram__option table[] = {
        {"output", 'o', TRAM__OPTION_TEXT, "DIR", "", &c->folder, 1, 0},
        {"kind", 0, TRAM__OPTION_TEXT, "LIST", "", &kinds, 1, 0},
        {"version", 0, TRAM__OPTION_FLAG, NULL, "", &version, 0, 0},
        {"help", 'h', TRAM__OPTION_FLAG, NULL, "", &help, 0, 0},
        {c->traces_allowed ? "trace" : NULL, 0, TRAM__OPTION_EACH, "FILE", "", &c->traces, 1, 0},
        {0}};
    if (tram__options_parse_rest(argc, argv, table, rest)) {
        tram__command_line(stderr, "%s: %s", c->program, tram_last_error()->text);
        return -1;
    }
    if (kinds && take_kinds(c, kinds))
        return -1;
    if (version)
        printf("%s of tramline %s\n", c->program, tram_build()->version);
    else if (help)
        fputs(c->help, stdout);
    return version || help ? printed(c) : 0;
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
    int rest, taken = take_options(c, argc, argv, &rest);
    *status = taken < 0 ? 2 : 0;
    if (taken)
        return -1;
    *status = 2;
    if (rest == argc)
        return refuse(c, "a result file is missing", "see --help");
    if (argc - rest > TRAM__MAX_INPUTS)
        return refuse(c, argv[rest + TRAM__MAX_INPUTS], "more than 64 files");
    for (int i = rest; i < argc; i++)
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

int tram__command_spare(const struct tram__command *c, const char *name, const char *const *endings,
                        char *why) {
    char path[PATH_MAX];
    for (; *endings; endings++) {
        const char *read = NULL;
        if (snprintf(path, sizeof path, "%s/%s%s", c->folder, name, *endings) >= (int)sizeof path)
            continue; /* which is told when it is written */
        for (unsigned i = 0; i < c->input_count; i++)
            read = tram__output_same(c->inputs[i].path, path) ? c->inputs[i].path : read;
        for (unsigned i = 0; i < c->traces.count; i++)
            read = tram__output_same(c->traces.at[i], path) ? c->traces.at[i] : read;
        if (read)
            return tram__plots_fail(why, "-o %.100s: %s%s in it would be written over %.300s, which is read",
                                    c->folder, name, *endings, read);
    }
    return 0;
}

int tram__command_finish(struct tram__command *c, int status) {
    tram__command_end(c);
    if (tram__stop_signal())
        return 128 + tram__stop_signal();
    return status || printed(c) > 0 ? status : 2;
}
