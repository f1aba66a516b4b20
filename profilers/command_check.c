/* SPDX-License-Identifier: Apache-2.0 */
#include "profilers/command.h"
#include "profilers/names.h"
#include "profilers/trace_read.h"

#include <stdio.h>
#include <string.h>

/* Of the moment that says what the run was. */
static void find_dropped(void *arg, const char *name, const char *text, size_t size, uint64_t value) {
    (void)text;
    (void)size;
    if (strcmp(name, "dropped") == 0)
        *(uint64_t *)arg = value;
}

int tram__command_check(int argc, char **argv) {
    const struct tram__flag flags[] = {{0}};
    uint64_t dropped = 0;
    const struct tram__trace_handler handler = {.arg = &dropped, .fact = find_dropped};
    static struct tram__trace_report r;
    char why[512];
    int files = tram__flags("check", argc, argv, flags);
    if (files != 1) {
        if (files >= 0)
            fprintf(stderr, "tram-trace check: one file is wanted\n");
        return 2;
    }
    if (tram__trace_read(argv[0], &handler, &r, why, sizeof why)) {
        fprintf(stderr, "tram-trace check: %s\n", why);
        return 2;
    }
    size_t most = sizeof r.lines / sizeof *r.lines;
    for (uint64_t i = 0; i < r.errors && i < most; i++)
        fprintf(stderr, "tram-trace check: %s: %s\n", argv[0], r.lines[i]);
    if (r.errors > most)
        fprintf(stderr, "tram-trace check: %s: and %llu more\n", argv[0],
                (unsigned long long)(r.errors - most));
    if (r.backward)
        fprintf(stderr, "tram-trace check: %s: %llu flows end before they begin, by up to %llu ns\n", argv[0],
                (unsigned long long)r.backward, (unsigned long long)r.most_backward_ns);
    const struct {
        const char *name;
        uint64_t count;
    } rows[] = {{"packets", r.packets},   {"processes", r.processes}, {"threads", r.threads},
                {"tracks", r.tracks},     {"sequences", r.sequences}, {"slices", r.slices},
                {"moments", r.moments},   {"samples", r.samples},     {"flows", r.flows},
                {"backward", r.backward}, {"errors", r.errors}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        printf("%s %llu\n", rows[i].name, (unsigned long long)rows[i].count);
    printf("dropped %llu\n", (unsigned long long)dropped);
    for (unsigned i = 1; i < TRAM__CATEGORIES; i++)
        printf("slices.%s %llu\n", tram__category_text(i), (unsigned long long)r.by_category[i]);
    return r.errors || r.backward ? 1 : 0;
}
