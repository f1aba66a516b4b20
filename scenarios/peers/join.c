/* SPDX-License-Identifier: Apache-2.0
 *
 * Joins the result files of a run of ci/peers into one, and prints its table: peers_join OUT [--skipped=TEXT]... FOLDER...
 * Each folder is a round, with a file for each program and case that ran in it; the number of the round becomes the
 * repetition of its rows. Ratios are taken within a round, whose launches ran within minutes of each other: the table has
 * their median, and the lowest and the highest. Exit status 1 when a file is no result file, 2 for bad usage.
 */
#include <dirent.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/options.h"
#include "harness/report_figures.h"
#include "results/json_file.h"
#include "results/output.h"
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

static double number_of(const json_t *row, const char *key) {
    const json_t *value = json_object_get(row, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

static int add_row(struct join *j, json_t *row, size_t round) {
    if (json_array_append(j->rows, row)) /* first: names are borrowed from it */
        return -1;
    size_t mode = mode_index(j, text_of(row, "mode"));
    struct one_case *c = case_of(j, row);
    if (!c || mode == MOST_MODES || !text_of(row, "mode")[0])
        return -1;
    c->mode[mode].p50[round] = number_of(row, "p50_ns");
    c->mode[mode].p99[round] = number_of(row, "p99_ns");
    json_object_set_new(row, "repetition_index", json_integer((json_int_t)round));
    json_object_set_new(row, "repetitions", json_integer((json_int_t)j->rounds));
    json_object_set_new(row, "family_index",
                        json_integer((json_int_t)rank_in(scenarios, 3, text_of(row, "scenario"))));
    json_object_set_new(row, "per_family_instance_index", json_integer(c - j->cases));
    if (text_of(row, "version")[0])
        json_object_set(j->versions, text_of(row, "mode"), json_object_get(row, "version"));
    return 0;
}

/* The machine is told by the first file that tells of one, the end of the run by that which ended last: of times in ISO
 * 8601 the later one is the greater text. */
static void keep_context(struct join *j, json_t *context) {
    json_t *run = json_object_get(context, "run"), *ours = json_object_get(j->context, "run");
    if (!json_object_get(context, "machine"))
        return;
    if (!j->context) {
        j->context = json_deep_copy(context);
        return;
    }
    if (strcmp(text_of(run, "end_utc"), text_of(ours, "end_utc")) <= 0)
        return;
    json_object_set(ours, "end_utc", json_object_get(run, "end_utc"));
    json_t *after = json_object_get(json_object_get(run, "noise"), "after");
    json_object_set(json_object_get(ours, "noise"), "after", after);
}

static int add_file(struct join *j, const char *path, size_t round) {
    enum { MOST_BYTES = 64 << 20 };
    char why[TRAM_WHY];
    json_t *file, *row;
    size_t i;
    if (tram__json_read(path, MOST_BYTES, &file, why, sizeof why)) {
        fprintf(stderr, "peers_join: %s\n", why);
        return -1;
    }
    json_t *rows = json_object_get(file, "benchmarks");
    int status = json_is_array(rows) ? 0 : -1;
    json_array_foreach(rows, i, row) {
        if (!status)
            status = add_row(j, row, round);
    }
    if (status)
        fprintf(stderr, "peers_join: %s: not a result file of a scenario or a peer, or too many cases\n",
                path);
    keep_context(j, json_object_get(file, "context"));
    json_decref(file); /* the rows live on */
    return status;
}

static int is_result(const struct dirent *e) {
    size_t length = strlen(e->d_name);
    return length > 5 && strcmp(e->d_name + length - 5, ".json") == 0;
}

static int add_round(struct join *j, const char *folder, size_t round) {
    struct dirent **entries;
    int count = scandir(folder, &entries, is_result, alphasort), status = 0;
    if (count < 0) {
        perror(folder);
        return -1;
    }
    for (int i = 0; i < count; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
        status |= add_file(j, path, round);
        free(entries[i]);
    }
    free(entries);
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

static int write_all(const struct join *j, const char *path) {
    char why[512] = "out of memory";
    json_t *context = j->context ? json_incref(j->context) : json_object();
    json_object_set_new(context, "peers",
                        json_pack("{s:O, s:O}", "versions", j->versions, "skipped", j->skipped));
    json_t *file = json_pack("{s:O, s:O}", "context", context, "benchmarks", j->rows);
    char *text = file ? json_dumps(file, JSON_INDENT(2)) : NULL;
    int status = text ? tram__output_write(path, text, strlen(text), why, sizeof why) : -1;
    if (status)
        fprintf(stderr, "peers_join: %s\n", why);
    free(text);
    json_decref(file);
    json_decref(context);
    return status;
}

static void release(struct join *j) {
    json_decref(j->rows);
    json_decref(j->context);
    json_decref(j->versions);
    json_decref(j->skipped);
    free(j->cases);
}

static int usage(struct join *j) {
    release(j);
    fprintf(stderr, "usage: peers_join OUT [--skipped=TEXT]... FOLDER...\n");
    return 2;
}

int main(int argc, char **argv) {
    static const struct option options[] = {{"skipped", required_argument, NULL, 's'}, {0}};
    struct join j = {.rows = json_array(), .versions = json_object(), .skipped = json_array()};
    int status = 0, c;
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c != 's')
            return usage(&j);
        json_array_append_new(j.skipped, json_string(optarg));
    }
    j.rounds = (size_t)(argc - optind - 1);
    j.cases = calloc(MOST_CASES, sizeof *j.cases);
    if (argc - optind < 2 || j.rounds > MOST_ROUNDS || !j.cases)
        return usage(&j);
    for (size_t i = 0; i < j.rounds; i++)
        status |= add_round(&j, argv[optind + 1 + (int)i], i);
    if (!j.case_count) {
        fprintf(stderr, "peers_join: there are no results\n");
        status = 1;
    } else {
        print_table(&j);
        status |= write_all(&j, argv[optind]);
    }
    release(&j);
    return status ? 1 : 0;
}
