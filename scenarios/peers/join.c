/* SPDX-License-Identifier: Apache-2.0
 *
 * Joins the result files of a run of ci/peers into one, and prints its table: see --help. Each folder is a round, with a file
 * for each program and case that ran in it; the number of the round becomes the repetition of its rows. Ratios are taken
 * within a round, whose launches ran within minutes of each other: the table has their median, and the lowest and the
 * highest.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <jansson.h>

#include "base/options.h"
#include "harness/report_figures.h"
#include "results/output.h"
#include "results/plain.h"
#include "results/read_row.h"
#include "results/statistics.h"

enum { MOST_ROUNDS = 64, MOST_CASES = 64, MOST_MODES = 16, CASE_NAME = 96 };

/* In the order of the table; what is not among them comes last, as it comes. */
static const char *const order[] = {"limit",    "compiled", "eager-shm",    "eager",
                                    "ucx",      "mpi",      "mpi-ucx",      "raw-futex",
                                    "raw-pipe", "raw-unix", "ray-compiled", "ray-eager"};
static const char *const scenarios[] = {"roundtrip", "scatter_gather", "chain"};

struct figures {
    double p50[MOST_ROUNDS], p99[MOST_ROUNDS]; /* NaN: did not run in that round */
};

struct one_case {
    const char *scenario; /* borrowed from a row */
    json_int_t actors, bytes;
    struct figures mode[MOST_MODES];
};

struct join {
    json_t *rows, *context, *versions, *skipped;
    const char *modes[MOST_MODES]; /* borrowed from rows */
    size_t mode_count, case_count, rounds;
    struct one_case *cases; /* MOST_CASES */
    struct stat folder[MOST_ROUNDS];
    char why[1024]; /* one line */
};

/* ---- reading ---- */

static const char *text_of(const json_t *row, const char *key) {
    const char *text = json_string_value(json_object_get(row, key));
    return text ? text : "";
}

static size_t rank_in(const char *const *list, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(list[i], name) == 0)
            return i;
    return count;
}

static size_t mode_index(struct join *j, const char *mode) {
    size_t i = rank_in(j->modes, j->mode_count, mode);
    if (i == j->mode_count && i < MOST_MODES)
        j->modes[j->mode_count++] = mode;
    return i;
}

static struct one_case *case_of(struct join *j, const json_t *row) {
    json_int_t actors = json_integer_value(json_object_get(row, "actors"));
    json_int_t bytes = json_integer_value(json_object_get(row, "payload_bytes"));
    for (size_t i = 0; i < j->case_count; i++) {
        struct one_case *c = &j->cases[i];
        if (c->actors == actors && c->bytes == bytes && strcmp(c->scenario, text_of(row, "scenario")) == 0)
            return c;
    }
    if (j->case_count == MOST_CASES)
        return NULL;
    struct one_case *c = &j->cases[j->case_count++];
    *c = (struct one_case){.scenario = text_of(row, "scenario"), .actors = actors, .bytes = bytes};
    for (size_t m = 0; m < MOST_MODES; m++)
        for (size_t i = 0; i < MOST_ROUNDS; i++)
            c->mode[m].p50[i] = c->mode[m].p99[i] = NAN;
    return c;
}

/* What the reader of result files leaves open, and is used here: 0, or -1 with j->why. */
static int check_row(struct join *j, const char *path, const struct tram_result_row *row) {
    static const struct {
        const char *key;
        bool text, optional;
    } fields[] = {{"scenario", true, false},
                  {"mode", true, false},
                  {"version", true, true},
                  {"actors", false, false},
                  {"payload_bytes", false, false}};
    const struct tram__read_error e = {j->why, sizeof j->why};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        const json_t *value = json_object_get(row->json, fields[i].key);
        const char *text = json_string_value(value);
        bool good = fields[i].text ? text && *text && tram__is_plain(text) : json_integer_value(value) > 0;
        char field[400];
        if (good || (fields[i].optional && !value))
            continue;
        snprintf(field, sizeof field, "%s: %s", row->name, fields[i].key);
        return tram__read_value(&e, path, field, value,
                                fields[i].text ? "plain text" : "a whole number from 1");
    }
    return 0;
}

static int add_row(struct join *j, const char *path, const struct tram_result_row *from, size_t round) {
    const struct tram__read_error e = {j->why, sizeof j->why};
    json_t *row = json_deep_copy(from->json);
    if (!row || json_array_append_new(j->rows, row)) /* first: names are borrowed from it */
        return tram__read_fail(&e, "%s: out of memory", path);
    size_t mode = mode_index(j, text_of(row, "mode"));
    struct one_case *c = case_of(j, row);
    if (!c || mode == MOST_MODES)
        return tram__read_fail(&e, "%s: %s: there are more than %d cases or %d modes", path, from->name,
                               (int)MOST_CASES, (int)MOST_MODES);
    if (!isnan(c->mode[mode].p50[round]))
        return tram__read_fail(&e, "%s: %s: it has a second row in this round", path, from->name);
    c->mode[mode].p50[round] = from->p50_ns;
    c->mode[mode].p99[round] = tram_result_number(from, "p99_ns");
    json_object_set_new(row, "repetition_index", json_integer((json_int_t)round));
    json_object_set_new(row, "repetitions", json_integer((json_int_t)j->rounds));
    json_object_set_new(row, "family_index",
                        json_integer((json_int_t)rank_in(scenarios, 3, text_of(row, "scenario"))));
    json_object_set_new(row, "per_family_instance_index", json_integer(c - j->cases));
    if (text_of(row, "version")[0])
        json_object_set(j->versions, text_of(row, "mode"), json_object_get(row, "version"));
    return 0;
}

/* One end of the run, and the noise there, by the file whose end it is: of times in ISO 8601 the later one is the greater text. */
static void keep_end(json_t *ours, const json_t *run, const char *when, const char *noise, bool earliest) {
    const char *theirs = text_of(run, when), *kept = text_of(ours, when);
    if (!*theirs || (*kept && (earliest ? strcmp(theirs, kept) >= 0 : strcmp(theirs, kept) <= 0)))
        return;
    json_object_set(ours, when, json_object_get(run, when));
    json_object_set(json_object_get(ours, "noise"), noise,
                    json_object_get(json_object_get(run, "noise"), noise));
}

/* The machine is told by the first file that tells of one, the beginning and the end of the run by those that began first and
 * ended last. */
static void keep_context(struct join *j, const json_t *context) {
    json_t *run = json_object_get(context, "run"), *ours = json_object_get(j->context, "run");
    if (!json_object_get(context, "machine"))
        return;
    if (!j->context) {
        j->context = json_deep_copy(context);
        return;
    }
    keep_end(ours, run, "start_utc", "before", true);
    keep_end(ours, run, "end_utc", "after", false);
}

static int add_round(struct join *j, const char *folder, size_t round) {
    const struct tram__read_error e = {j->why, sizeof j->why};
    struct stat *st = &j->folder[round];
    struct tram_result_set set;
    if (stat(folder, st) != 0)
        return tram__read_fail(&e, "%s: %s", folder, strerror(errno));
    if (!S_ISDIR(st->st_mode))
        return tram__read_fail(&e, "%s: a folder is wanted", folder);
    for (size_t i = 0; i < round; i++)
        if (j->folder[i].st_dev == st->st_dev && j->folder[i].st_ino == st->st_ino)
            return tram__read_fail(&e, "%s: this folder was given before, as round %zu", folder, i + 1);
    if (tram_result_set_read(folder, &set, j->why, sizeof j->why))
        return -1;
    int status = 0;
    for (size_t i = 0; !status && i < set.row_count; i++) {
        const char *path = set.files[set.rows[i].file].path;
        status = check_row(j, path, &set.rows[i]) || add_row(j, path, &set.rows[i], round) ? -1 : 0;
    }
    for (size_t i = 0; !status && i < set.file_count; i++)
        keep_context(j, set.files[i].context);
    tram_result_set_free(&set);
    return status;
}

/* ---- figures ---- */

/* Of the rounds that have a figure. */
static double median_of(const double *values, size_t rounds) {
    double have[MOST_ROUNDS];
    size_t count = 0;
    for (size_t i = 0; i < rounds; i++)
        if (!isnan(values[i]))
            have[count++] = values[i];
    return tram_median(have, count);
}

/* NaN unless every round in which the mode ran has a p99: those that do are the faster ones. */
static double tail_of(const struct figures *f, size_t rounds) {
    for (size_t i = 0; i < rounds; i++)
        if (!isnan(f->p50[i]) && isnan(f->p99[i]))
            return NAN;
    return median_of(f->p99, rounds);
}

struct ratio {
    double median, lowest, highest;
};

/* How many times slower `mode` is than `base`, of the rounds that have both. */
static struct ratio ratio_of(const struct join *j, const struct one_case *c, size_t mode, const char *base) {
    size_t b = rank_in(j->modes, j->mode_count, base);
    struct ratio r = {NAN, NAN, NAN};
    double each[MOST_ROUNDS];
    if (b == j->mode_count)
        return r;
    for (size_t i = 0; i < j->rounds; i++) {
        each[i] = c->mode[mode].p50[i] / c->mode[b].p50[i];
        r.lowest = fmin(r.lowest, each[i]); /* passes over NaN */
        r.highest = fmax(r.highest, each[i]);
    }
    r.median = median_of(each, j->rounds);
    return r;
}

/* ---- the table ---- */

static int by_case(const void *a, const void *b) {
    const struct one_case *x = a, *y = b;
    size_t sx = rank_in(scenarios, 3, x->scenario), sy = rank_in(scenarios, 3, y->scenario);
    if (sx != sy)
        return sx < sy ? -1 : 1;
    if (x->actors != y->actors)
        return x->actors < y->actors ? -1 : 1;
    return x->bytes < y->bytes ? -1 : x->bytes > y->bytes;
}

static void print_row(const struct join *j, const struct one_case *c, size_t mode) {
    char p50[TRAM_CELL], p99[TRAM_CELL], limit[TRAM_CELL], compiled[TRAM_CELL], low[TRAM_CELL],
        high[TRAM_CELL];
    char size[32];
    double median = median_of(c->mode[mode].p50, j->rounds);
    struct ratio to = ratio_of(j, c, mode, "compiled");
    if (isnan(median))
        return;
    tram__size_print((uint64_t)c->bytes, size, sizeof size);
    printf("%-15s %6lld %9s  %-13s %9s %9s %9s %10s   %s - %s\n", c->scenario, (long long)c->actors, size,
           j->modes[mode], tram_print_ns(median, p50), tram_print_ns(tail_of(&c->mode[mode], j->rounds), p99),
           tram_print_ratio(ratio_of(j, c, mode, "limit").median, limit),
           tram_print_ratio(to.median, compiled), tram_print_ratio(to.lowest, low),
           tram_print_ratio(to.highest, high));
}

static void print_case(const struct join *j, const struct one_case *c) {
    size_t known = sizeof order / sizeof order[0];
    for (size_t i = 0; i < known; i++) {
        size_t mode = rank_in(j->modes, j->mode_count, order[i]);
        if (mode < j->mode_count)
            print_row(j, c, mode);
    }
    for (size_t mode = 0; mode < j->mode_count; mode++)
        if (rank_in(order, known, j->modes[mode]) == known)
            print_row(j, c, mode);
}

static void print_table(struct join *j) {
    const char *key;
    json_t *value;
    size_t i;
    qsort(j->cases, j->case_count, sizeof *j->cases, by_case);
    printf("%-15s %6s %9s  %-13s %9s %9s %9s %10s   %s\n", "scenario", "actors", "size", "mode", "p50", "p99",
           "x limit", "x compiled", "of the rounds");
    for (i = 0; i < j->case_count; i++)
        print_case(j, &j->cases[i]);
    printf("\n%zu rounds, each program and case once in a fresh process in each, in random order. p50, p99: "
           "medians\n"
           "of the rounds; ratios of p50 within a round: their median, lowest and highest.\n",
           j->rounds);
    json_object_foreach(j->versions, key, value) {
        printf("%s: %s\n", key, json_string_value(value));
    }
    json_array_foreach(j->skipped, i, value) {
        printf("skipped: %s\n", json_string_value(value));
    }
}

/* ---- the file ---- */

static int write_all(struct join *j, const char *path) {
    json_t *context = j->context ? json_incref(j->context) : json_object();
    json_object_set_new(context, "peers",
                        json_pack("{s:O, s:O}", "versions", j->versions, "skipped", j->skipped));
    json_t *file = json_pack("{s:O, s:O}", "context", context, "benchmarks", j->rows);
    char *text = file ? json_dumps(file, JSON_INDENT(2)) : NULL;
    snprintf(j->why, sizeof j->why, "cannot write %s: out of memory", path);
    int status = text ? tram__output_write(path, text, strlen(text), j->why, sizeof j->why) : -1;
    free(text);
    json_decref(file);
    json_decref(context);
    return status;
}

/* ---- the command line ---- */

static const char help[] =
    "usage: peers_join OUT [--skipped=TEXT]... FOLDER...\n"
    "Joins the result files of a run of ci/peers into the file OUT, and prints its table. Each FOLDER, 64 at "
    "most,\n"
    "is a round, with a result file (*.json) for each program and case that ran in it.\n\n"
    "  --skipped=TEXT  what did not run, and why: a line below the table\n"
    "  -h, --help      print this, and end\n\n"
    "Exit status: 0 ok, 2 usage, input or output.\n";

struct arguments {
    const char *out, *folder[MOST_ROUNDS];
    size_t count; /* of folders */
    bool help;
};

/* Another program's words, as they may stand in a table. */
static int add_skipped(struct join *j, const char *text) {
    char *copy = strdup(text);
    int status = copy ? json_array_append_new(j->skipped, json_string(tram__plain(copy))) : -1;
    free(copy);
    return status;
}

static int take_argument(struct join *j, const char *arg, struct arguments *a) {
    static const char skipped[] = "--skipped=";
    size_t n = sizeof skipped - 1;
    int status = 0;
    if (strncmp(arg, skipped, n) == 0)
        status = add_skipped(j, arg + n);
    else if (strcmp(arg, "-h") == 0 || strcmp(arg, "--help") == 0)
        a->help = true;
    else if (*arg == '-')
        status = snprintf(j->why, sizeof j->why, "%s: there is no such option (see --help)", arg);
    else if (!a->out)
        a->out = arg;
    else if (a->count == MOST_ROUNDS)
        status = snprintf(j->why, sizeof j->why, "%s: there are more than %d folders", arg, (int)MOST_ROUNDS);
    else
        a->folder[a->count++] = arg;
    return status ? -1 : 0;
}

static int parse(struct join *j, int argc, char **argv, struct arguments *a) {
    for (int i = 1; i < argc; i++)
        if (take_argument(j, argv[i], a))
            return -1;
    if (a->help || a->count)
        return 0;
    snprintf(j->why, sizeof j->why, "a file and folders are wanted: OUT FOLDER... (see --help)");
    return -1;
}

static int run(struct join *j, const struct arguments *a) {
    int status = tram__output_check(a->out, j->why, sizeof j->why);
    j->rounds = a->count;
    for (size_t i = 0; !status && i < a->count; i++)
        status = add_round(j, a->folder[i], i);
    if (status)
        return -1;
    print_table(j);
    return write_all(j, a->out);
}

int main(int argc, char **argv) {
    static struct join j = {.why = "out of memory"};
    struct arguments a = {0};
    j.rows = json_array();
    j.versions = json_object();
    j.skipped = json_array();
    j.cases = calloc(MOST_CASES, sizeof *j.cases);
    int status = tram_stdout_status("peers_join", 0);
    if (!status && (!j.cases || parse(&j, argc, argv, &a) || (!a.help && run(&j, &a)))) {
        fprintf(stderr, "peers_join: %s\n", tram__plain(j.why));
        status = 2;
    } else if (a.help) {
        fputs(help, stdout);
    }
    status = tram_stdout_status("peers_join", status);
    json_decref(j.rows);
    json_decref(j.context);
    json_decref(j.versions);
    json_decref(j.skipped);
    free(j.cases);
    return status;
}
