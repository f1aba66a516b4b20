/* SPDX-License-Identifier: Apache-2.0 */
#include "profilers/command.h"
#include "profilers/summary.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int wrong(const char *what, const char *why) {
    fprintf(stderr, "tram-trace summary: %s%s%s\n", what, why ? ": " : "", why ? why : "");
    return 2;
}

static int write_dot(const struct tram__summary *s, const char *path) {
    FILE *f = fopen(path, "we");
    if (!f)
        return wrong(path, strerror(errno));
    tram__summary_dot(s, f);
    int error = ferror(f) ? EIO : 0;
    if (fclose(f))
        error = errno;
    return error ? wrong(path, strerror(error)) : 0;
}

static bool has_execution(const struct tram__summary *s) {
    for (uint32_t i = 0; i < s->graph_count; i++)
        if (s->graphs[i].looked_at)
            return true;
    return false;
}

int tram__command_summary(int argc, char **argv) {
    const char *dot = NULL, *execution = NULL;
    char *end, why[TRAM__RUN_WHY];
    bool json = false;
    const struct tram__flag flags[] = {
        {"--json", NULL, &json}, {"--dot", &dot, NULL}, {"--execution", &execution, NULL}, {0}};
    int files = tram__flags("summary", argc, argv, flags);
    if (files < 0)
        return 2;
    if (files != 1)
        return wrong("one folder or trace is wanted", NULL);
    uint64_t only = execution ? strtoull(execution, &end, 10) : 0;
    if (execution && (*end || !only || execution[0] == '-'))
        return wrong("--execution", "a whole number from 1 is wanted");
    struct tram__source *source = malloc(sizeof *source);
    struct tram__summary s;
    if (!source || tram__source_open(source, argv[0], why, sizeof why)) {
        free(source);
        return wrong(source ? why : "out of memory", NULL);
    }
    int status = 0;
    if (tram__summary_make(&s, source, only, why, sizeof why))
        status = wrong(why, NULL);
    else {
        if (only && !has_execution(&s))
            status = wrong("--execution", "that execution was not recorded");
        else if (json)
            status = tram__summary_json(&s, stdout) ? wrong("out of memory", NULL) : 0;
        else
            tram__summary_table(&s, stdout);
        if (!status && dot)
            status = write_dot(&s, dot);
        tram__summary_free(&s);
    }
    tram__source_close(source);
    free(source);
    return status;
}
