/* SPDX-License-Identifier: Apache-2.0 */
#include "profilers/command.h"

#include "profilers/write.h"

#include <stdio.h>
#include <string.h>

/* 0: not this flag; 1, 2: so many arguments were taken; -1: it is wrong. */
static int take(const char *command, int left, char **argv, const struct tram__flag *f) {
    size_t n = strlen(f->name);
    if (strncmp(argv[0], f->name, n) != 0 || (argv[0][n] && argv[0][n] != '='))
        return 0;
    if (f->given)
        *f->given = true;
    if (!f->value && !argv[0][n])
        return 1;
    if (f->value && argv[0][n] && argv[0][n + 1]) {
        *f->value = argv[0] + n + 1;
        return 1;
    }
    if (f->value && !argv[0][n] && left > 1) {
        *f->value = argv[1];
        return 2;
    }
    fprintf(stderr, "tram-trace %s: %s: %s\n", command, argv[0],
            f->value ? "a value is wanted" : "takes no value");
    return -1;
}

int tram__flags(const char *command, int argc, char **argv, const struct tram__flag *flags) {
    int files = 0;
    for (int i = 0; i < argc;) {
        int taken = 0;
        for (const struct tram__flag *f = flags; f->name && !taken; f++)
            taken = take(command, argc - i, argv + i, f);
        if (taken < 0)
            return -1;
        if (!taken && argv[i][0] == '-' && argv[i][1]) {
            fprintf(stderr, "tram-trace %s: %s: no such option\n", command, argv[i]);
            return -1;
        }
        if (!taken)
            argv[files++] = argv[i++];
        i += taken;
    }
    return files;
}

static void print_notes(const struct tram__run *r) {
    for (uint32_t i = 0; i < r->note_count && i < TRAM__RUN_NOTES; i++)
        fprintf(stderr, "tram-trace: %s\n", r->notes[i]);
    if (r->note_count > TRAM__RUN_NOTES)
        fprintf(stderr, "tram-trace: %s: and %u more\n", r->folder, r->note_count - TRAM__RUN_NOTES);
}

static void print_made(const struct tram__run *r, const char *out, const struct tram__counts *c) {
    printf("%s: %llu slices and %llu flows of %u threads", out, (unsigned long long)c->slices,
           (unsigned long long)c->flows, r->thread_count);
    if (r->dropped)
        printf("; %llu events were dropped", (unsigned long long)r->dropped);
    if (c->unknown)
        printf("; %llu made no sense", (unsigned long long)c->unknown);
    if (c->clipped)
        printf("; %llu slices were shortened, for they overlapped", (unsigned long long)c->clipped);
    if (r->error_ns == UINT64_MAX)
        printf("; its clock is not known\n");
    else
        printf("; times within %llu ns of CLOCK_MONOTONIC\n", (unsigned long long)r->error_ns);
}

int tram__command_recover(int argc, char **argv) {
    const char *out = NULL;
    bool deflate = false;
    char why[TRAM__RUN_WHY];
    struct tram__run run;
    struct tram__counts c;
    const struct tram__flag flags[] = {{"-o", &out, NULL}, {"--deflate", NULL, &deflate}, {0}};
    int files = tram__flags("recover", argc, argv, flags);
    if (files < 0)
        return 2;
    if (files != 1 || !out) {
        fprintf(stderr, "tram-trace recover: one folder and -o FILE are wanted\n");
        return 2;
    }
    if (tram__run_open(&run, argv[0], why, sizeof why)) {
        fprintf(stderr, "tram-trace recover: %s\n", why);
        return 2;
    }
    print_notes(&run);
    int status = tram__trace_write(&run, out, deflate, &c, why, sizeof why);
    if (status)
        fprintf(stderr, "tram-trace recover: %s\n", why);
    else
        print_made(&run, out, &c);
    tram__run_close(&run);
    return status ? 2 : 0;
}
