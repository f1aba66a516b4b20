/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether two sets were measured alike: on the same machine, with the same options. Where they were not, what is said of
 * them is advice. How the programs were built may differ: that is what is compared.
 */
#include "results/compare_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *path, *name;
    bool note; /* to be known, and no reason for advice */
} facts[] = {
    {"machine.cpu_model", "CPU model", false},
    {"num_cpus", "number of CPUs", false},
    {"machine.kernel", "kernel", false},
    {"machine.virtualisation.hypervisor_name", "hypervisor", false},
    {"machine.clocksource", "clock source", false},
    {"machine.governor", "governor", false},
    {"machine.cgroup_quota_cpus", "CPU quota", false},
    {"machine.transparent_huge_pages", "huge pages", false},
    {"machine.transparent_huge_pages_shmem", "huge pages of shared memory", false},
    {"run.affinity.got", "CPUs that may be used", false},
    {"machine.glibc", "glibc", true},
    {"tool.compiler", "compiler", true},
    {"tool.compiler_flags", "compiler flags", true},
    {"run.pass_ms", "length of passes in ms", true}, /* a version's own; the options say what was asked for */
};

/* Options that do not change what is measured; those with a value may have it in the next argument. */
static const struct {
    const char *name;
    bool value;
} idle_options[] = {
    {"json", true},  {"csv", true},   {"markdown", true},     {"samples", true},    {"graph", true},
    {"trace", true}, {"nvtx", true},  {"trace-window", true}, {"trace-ring", true}, {"schedule", true},
    {"seed", true},  {"block", true}, {"repetitions", true},  {"quiet", false},     {"verbose", false},
};

/* How many arguments from here on are such an option. */
static size_t idle_at(const char *argument) {
    if (strcmp(argument, "-v") == 0)
        return 1;
    if (strncmp(argument, "--", 2) != 0)
        return 0;
    size_t n = strcspn(argument + 2, "=");
    for (size_t i = 0; i < sizeof idle_options / sizeof *idle_options; i++)
        if (strlen(idle_options[i].name) == n && strncmp(idle_options[i].name, argument + 2, n) == 0)
            return idle_options[i].value && !argument[2 + n] ? 2 : 1;
    return 0;
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* "roundtrip --size=8 --wait=spin": the program, and its options that matter, in the order of the alphabet. */
static char *command_of(const struct tram_result_file *f) {
    const json_t *argv = tram_result_context(f, "run.argv");
    size_t count = json_array_size(argv), used = 0, room = 2;
    const char **words = calloc(count + 1, sizeof *words);
    for (size_t i = 1; words && i < count;) {
        const char *word = json_string_value(json_array_get(argv, i));
        size_t idle = word ? idle_at(word) : 1;
        if (!idle)
            words[used++] = word, room += strlen(word) + 1;
        i += idle ? idle : 1;
    }
    const char *program = json_string_value(json_array_get(argv, 0)),
               *slash = program ? strrchr(program, '/') : NULL;
    program = slash ? slash + 1 : program ? program : "?";
    char *text = words ? malloc(room + strlen(program)) : NULL, *end = text;
    if (text) {
        qsort(words, used, sizeof *words, by_text);
        end = stpcpy(end, program);
        for (size_t i = 0; i < used; i++)
            *end++ = ' ', end = stpcpy(end, words[i]);
    }
    free(words);
    return text;
}

static char *fact_of(const struct tram_result_file *f, const char *path) {
    const json_t *v = tram_result_context(f, path);
    const char *text = json_string_value(v);
    return !v ? strdup("unknown") : text ? strdup(text) : json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
}

/* The distinct values of a set's files, with ", " between them; path NULL: of their commands. NULL: memory. */
static char *values_of(const struct tram_result_set *s, const char *path, size_t *distinct) {
    char **values = calloc(s->file_count + 1, sizeof *values), *all = NULL, *end;
    size_t count = 0, room = 1;
    bool failed = !values;
    for (size_t i = 0; i < s->file_count && !failed; i++) {
        values[i] = path ? fact_of(&s->files[i], path) : command_of(&s->files[i]);
        count += values[i] != NULL;
        failed = !values[i];
        room += values[i] ? strlen(values[i]) + 2 : 0;
    }
    if (!failed)
        qsort(values, count, sizeof *values, by_text);
    end = all = failed ? NULL : calloc(1, room);
    *distinct = 0;
    for (size_t i = 0; i < count && all; i++)
        if (!i || strcmp(values[i], values[i - 1]) != 0)
            end = stpcpy(stpcpy(end, (*distinct)++ ? ", " : ""), values[i]);
    for (size_t i = 0; i < count; i++)
        free(values[i]);
    free(values);
    return all;
}

static int compare_fact(const struct tram_result_set *base, const struct tram_result_set *head,
                        const char *head_name, const char *path, const char *name, struct tram_lines *lines) {
    size_t in_base, in_head;
    char *a = values_of(base, path, &in_base), *b = values_of(head, path, &in_head);
    int status = a && b ? 0 : -1;
    if (!status && strcmp(a, b) != 0)
        status =
            tram__line(lines, "different %s: %.200s in the base, %.200s in the %s", name, a, b, head_name);
    else if (!status && path && in_base > 1) /* several commands are a suite; several machines are none */
        status = tram__line(lines, "the files of each arm have different %s: %.400s", name, a);
    free(a);
    free(b);
    return status;
}

int tram__compare_context(const struct tram_result_set *base, const struct tram_result_set *head,
                          const char *head_name, struct tram_lines *advice, struct tram_lines *notes) {
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++)
        if (compare_fact(base, head, head_name, facts[i].path, facts[i].name, facts[i].note ? notes : advice))
            return -1;
    return compare_fact(base, head, head_name, NULL, "options", advice);
}
