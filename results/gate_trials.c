/* SPDX-License-Identifier: Apache-2.0
 *
 * What the gate would have said: gate_trials BASE COPY HEAD takes results of three builds of the same code, interleaved by
 * block, and makes runs of them. A run draws blocks with replacement, all cases and builds of a block together, and which
 * of the builds is called base, copy and head; the head's times are multiplied by what it is to be slower. Then it is
 * looked at as ci/gate looks: at a quarter of the blocks, at half of them when that was AMBIGUOUS, then at all, each with a third of
 * alpha.
 * Noise is that which was recorded, with its load and its drift from block to block; a slow stretch of several
 * blocks is broken up, which real runs are not. All runs are of one recording: their number makes its shares exact, and
 * says nothing of another day's noise.
 */
#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/options.h"
#include "results/compare.h"
#include "results/environment.h"
#include "results/output.h"
#include "results/power.h"

enum { BAD = 2, BUILDS = 3, LOOKS = 3, VERDICTS = TRAM_VERDICT_ENVIRONMENT + 1 };
static const double slowdowns[] = {0, 0.02, 0.05, 0.08, 0.10, 0.15, 0.20};
enum { SLOWDOWNS = sizeof slowdowns / sizeof *slowdowns };

struct settings {
    struct tram_decide_options decide;
    uint64_t runs, blocks, seed;
    bool each, once, help, version;
};

/* The rows of one block in one build, by block: row i of block k is rows[starts[k] + i]. */
struct recording {
    struct tram_result_set set;
    size_t *starts; /* one more than there are blocks */
};

struct trials {
    const struct settings *s;
    struct recording builds[BUILDS];
    size_t block_count, longest; /* rows of the block that has most */
    struct tram_result_set arms[BUILDS];
    struct tram_result_file
        file;         /* of every arm: all were recorded alike, and blocks that were drawn are pairs */
    size_t *drawn;    /* most_blocks() */
    const char *only; /* the case that is slower; NULL: all are */
    uint64_t random;
    size_t verdicts[VERDICTS], looks[LOOKS]; /* of so many runs; that got so far */
};

static unsigned looks_of(const struct settings *s) {
    return s->once ? 1 : LOOKS;
}
static size_t most_blocks(const struct settings *s) {
    return s->blocks << (looks_of(s) - 1);
}
static double look_alpha(const struct settings *s) {
    return s->decide.alpha / looks_of(s);
}

static int wrong(const char *why) {
    fprintf(stderr, "gate_trials: %s\n", why);
    return BAD;
}

static uint64_t next_random(uint64_t *state) {
    uint64_t z = (*state += 0x9E3779B97F4A7C15u);
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

/* ---- Reading ---- */

static int by_block(const void *a, const void *b) {
    const struct tram_result_row *x = a, *y = b;
    if (x->block != y->block)
        return x->block < y->block ? -1 : 1;
    return strcmp(x->name, y->name);
}

static int read_build(const char *path, struct recording *r, size_t *blocks, char *why, size_t why_size) {
    if (tram_result_set_read(path, &r->set, why, why_size))
        return -1;
    struct tram_result_set *s = &r->set;
    r->starts = calloc(s->row_count + 1, sizeof *r->starts);
    if (!s->blocks || !r->starts) {
        snprintf(why, why_size, s->blocks ? "out of memory" : "%s has no blocks", path);
        return -1;
    }
    qsort(s->rows, s->row_count, sizeof *s->rows, by_block);
    *blocks = 0;
    for (size_t i = 0; i < s->row_count; i++)
        if (!i || s->rows[i].block != s->rows[i - 1].block)
            r->starts[(*blocks)++] = i;
    r->starts[*blocks] = s->row_count;
    return 0;
}

static int read_all(struct trials *t, char **paths, char *why, size_t why_size) {
    for (size_t i = 0; i < BUILDS; i++) {
        size_t blocks;
        if (read_build(paths[i], &t->builds[i], &blocks, why, why_size))
            return -1;
        bool same = !i || t->builds[i].set.row_count == t->builds[0].set.row_count;
        for (size_t k = 0; same && i && k < t->builds[0].set.row_count; k++)
            same = by_block(&t->builds[0].set.rows[k], &t->builds[i].set.rows[k]) == 0;
        if (!same) {
            snprintf(why, why_size, "%s and %s have different blocks or cases", paths[0], paths[i]);
            return -1;
        }
        t->block_count = blocks;
    }
    for (size_t k = 0; k < t->block_count; k++) {
        size_t rows = t->builds[0].starts[k + 1] - t->builds[0].starts[k];
        t->longest = rows > t->longest ? rows : t->longest;
    }
    return 0;
}

/* ---- Runs ---- */

/* The arm's rows in the first `count` blocks that were drawn, numbered anew. */
static void fill_arm(struct trials *t, const struct recording *from, size_t count, double factor,
                     struct tram_result_set *arm) {
    arm->path = from->set.path;
    arm->files = &t->file;
    arm->file_count = 1;
    arm->blocks = true;
    arm->row_count = 0;
    for (size_t b = 0; b < count; b++) {
        size_t k = t->drawn[b];
        for (size_t i = from->starts[k]; i < from->starts[k + 1]; i++) {
            struct tram_result_row *row = &arm->rows[arm->row_count++];
            *row = from->set.rows[i];
            row->block = (int64_t)b + 1;
            row->file = 0;
            if (!t->only || strcmp(row->name, t->only) == 0)
                row->p50_ns *= factor;
        }
    }
}

/* 0 when what was compared may gate. */
static int may_gate(const struct tram_comparison *c, char *why, size_t why_size) {
    if (!c->refusals.count && !c->advice.count)
        return 0;
    snprintf(why, why_size, "this cannot gate: %s", c->refusals.count ? c->refusals.at[0] : c->advice.at[0]);
    return -1;
}

static int look(struct trials *t, const size_t *build, size_t count, double slowdown, double alpha,
                enum tram_verdict *out, char *why, size_t why_size) {
    struct tram_decide_options o = {.delta = t->s->decide.delta, .alpha = alpha};
    struct tram_comparison c;
    for (size_t i = 0; i < BUILDS; i++)
        fill_arm(t, &t->builds[build[i]], count, i == 2 ? 1 + slowdown : 1, &t->arms[i]);
    if (tram_compare(&t->arms[0], &t->arms[2], &t->arms[1], &o, &c, why, why_size))
        return -1;
    int status = may_gate(&c, why, why_size);
    *out = c.verdict;
    tram_comparison_free(&c);
    return status;
}

static int run_once(struct trials *t, double slowdown, char *why, size_t why_size) {
    size_t build[BUILDS] = {0, 1, 2};
    enum tram_verdict verdict = TRAM_VERDICT_AMBIGUOUS;
    for (size_t i = BUILDS; i > 1; i--) {
        size_t k = next_random(&t->random) % i, swap = build[i - 1];
        build[i - 1] = build[k];
        build[k] = swap;
    }
    for (size_t i = 0; i < most_blocks(t->s); i++)
        t->drawn[i] = next_random(&t->random) % t->block_count;
    for (unsigned i = 0; i < looks_of(t->s) && verdict == TRAM_VERDICT_AMBIGUOUS; i++) {
        t->looks[i]++;
        if (look(t, build, t->s->blocks << i, slowdown, look_alpha(t->s), &verdict, why, why_size))
            return -1;
    }
    t->verdicts[verdict]++;
    return 0;
}

/* ---- What came of it ---- */

/* Of all runs that can be drawn the share is, at a confidence of 95%, not above this, or not below: Clopper and Pearson,
 * Biometrika 26 (1934) 404. */
static double most(size_t k, size_t n) {
    return k < n ? gsl_cdf_beta_Pinv(0.95, (double)k + 1, (double)(n - k)) : 1;
}
static double least(size_t k, size_t n) {
    return k ? gsl_cdf_beta_Pinv(0.05, (double)k, (double)(n - k) + 1) : 0;
}

static int run_many(struct trials *t, double slowdown, char *why, size_t why_size) {
    memset(t->verdicts, 0, sizeof t->verdicts);
    memset(t->looks, 0, sizeof t->looks);
    for (uint64_t run = 0; run < t->s->runs; run++)
        if (run_once(t, slowdown, why, why_size))
            return -1;
    return 0;
}

/* One case after the other slower, alone: which of them can show what. */
static int run_each(struct trials *t, const struct tram_comparison *recorded, char *why, size_t why_size) {
    const struct settings *s = t->s;
    const struct tram_arms *a = &recorded->arms;
    printf("\nEach case slower alone: the share of the runs that are REGRESSED. sd: of the recording, of its "
           "head and base. sees: the smallest ratio that is REGRESSED in 90%% of runs of %zu blocks, by that "
           "sd.\n\n| case | sd per block | sees |",
           most_blocks(s));
    for (size_t i = 1; i < SLOWDOWNS; i++)
        printf(" %.0f%% |", 100 * slowdowns[i]);
    printf("\n|:--|--:|--:|--:|--:|--:|--:|--:|--:|\n");
    int status = 0;
    for (size_t k = 0; k < a->case_count && !status; k++) {
        const struct tram_decision *d = &a->cases[k].time;
        const struct tram_design design = {most_blocks(s), 0, look_alpha(s) / (double)a->case_count};
        printf("| %s | %.1f%% | %.3f |", a->cases[k].name, 100 * d->sd,
               (1 + d->delta) * exp(tram_power_effect(&design, TRAM_DECIDE_POWER, d->sd)));
        t->only = a->cases[k].name;
        for (size_t i = 1; i < SLOWDOWNS && !status; i++) {
            status = run_many(t, slowdowns[i], why, why_size);
            printf(" %.1f%% |", 100 * (double)t->verdicts[TRAM_VERDICT_REGRESSED] / (double)s->runs);
            fflush(stdout);
        }
        printf("\n");
    }
    return status;
}

static int run_all(struct trials *t, char *why, size_t why_size) {
    const struct settings *s = t->s;
    printf(
        "%llu runs each, of %llu blocks%s, drawn from %zu recorded ones with %zu cases; delta %.3g%%, alpha "
        "%.3g%%, seed %llu. They are drawn with replacement from one recording, and tell of its noise "
        "only.\n\n"
        "All cases slower:\n\n"
        "| slower by | REGRESSED | OK | IMPROVED | AMBIGUOUS | ENVIRONMENT | second looks | third looks | "
        "REGRESSED of all "
        "draws of this recording, 95%% one-sided |\n|--:|--:|--:|--:|--:|--:|--:|--:|:--|\n",
        (unsigned long long)s->runs, (unsigned long long)s->blocks,
        s->once ? "" : ", of twice and of four times as many when AMBIGUOUS", t->block_count, t->longest,
        100 * s->decide.delta, 100 * s->decide.alpha, (unsigned long long)s->seed);
    for (size_t i = 0; i < SLOWDOWNS; i++) {
        if (run_many(t, slowdowns[i], why, why_size))
            return -1;
        size_t red = t->verdicts[TRAM_VERDICT_REGRESSED], n = s->runs;
        printf("| %.0f%% | %zu | %zu | %zu | %zu | %zu | %zu | %zu | %s %.2f%% |\n", 100 * slowdowns[i], red,
               t->verdicts[TRAM_VERDICT_OK], t->verdicts[TRAM_VERDICT_IMPROVED],
               t->verdicts[TRAM_VERDICT_AMBIGUOUS], t->verdicts[TRAM_VERDICT_ENVIRONMENT], t->looks[1],
               t->looks[2], 2 * red > n ? "at least" : "at most",
               100 * (2 * red > n ? least(red, n) : most(red, n)));
        fflush(stdout);
    }
    return 0;
}

/* The recording as it is, whose blocks are pairs; then what runs of it say. */
static int try_recording(struct trials *t, char *why, size_t why_size) {
    struct tram_comparison recorded;
    t->file = t->builds[0].set.files[0];
    t->file.inode = 0; /* arms that are drawn are no file twice */
    if (tram_compare(&t->builds[0].set, &t->builds[2].set, &t->builds[1].set, &t->s->decide, &recorded, why,
                     why_size))
        return -1;
    int status = may_gate(&recorded, why, why_size);
    if (!status)
        status = run_all(t, why, why_size);
    if (!status && t->s->each)
        status = run_each(t, &recorded, why, why_size);
    tram_comparison_free(&recorded);
    return status;
}

static int make_trials(const struct settings *s, char **paths) {
    struct trials t = {.s = s, .random = s->seed};
    char why[1024] = "out of memory";
    int status = read_all(&t, paths, why, sizeof why);
    t.drawn = calloc(most_blocks(s), sizeof *t.drawn);
    for (size_t i = 0; i < BUILDS && !status; i++) {
        t.arms[i].rows = calloc(most_blocks(s) * t.longest, sizeof *t.arms[i].rows);
        status = t.arms[i].rows && t.drawn ? 0 : -1;
    }
    if (!status)
        status = try_recording(&t, why, sizeof why);
    for (size_t i = 0; i < BUILDS; i++) {
        free(t.arms[i].rows);
        free(t.builds[i].starts);
        tram_result_set_free(&t.builds[i].set);
    }
    free(t.drawn);
    return status || tram__stdout_check(why, sizeof why) ? wrong(why) : 0;
}

int main(int argc, char **argv) {
    struct settings s = {.decide = {.delta = 0.05, .alpha = 0.01}, .runs = 299, .blocks = 80, .seed = 1};
    const struct tram__option table[] = {
        {"runs", 0, TRAM__OPTION_NUMBER, "N", "of each slowdown (default 299)", &s.runs, 1, 1000000},
        {"blocks", 0, TRAM__OPTION_NUMBER, "N", "before the first look (default 80)", &s.blocks, 1, 500},
        {"each", 0, TRAM__OPTION_FLAG, NULL,
         "a table of each case slower alone, too: what it is REGRESSED in, and the smallest ratio it sees",
         &s.each, 0, 0},
        {"once", 0, TRAM__OPTION_FLAG, NULL, "one look only, with all of alpha", &s.once, 0, 0},
        {"delta", 0, TRAM__OPTION_PERCENT, "PERCENT", "as of compare (default 5%)", &s.decide.delta, 0, 100},
        {"alpha", 0, TRAM__OPTION_PERCENT, "PERCENT", "of all looks (default 1%)", &s.decide.alpha, 0, 50},
        {"seed", 0, TRAM__OPTION_NUMBER, "N", "of the draws (default 1)", &s.seed, 0, UINT64_MAX},
        {"version", 0, TRAM__OPTION_FLAG, NULL, "print the version, and end", &s.version, 0, 0},
        {"help", 'h', TRAM__OPTION_FLAG, NULL, "print this, and end", &s.help, 0, 0},
        {0},
    };
    char why[1024];
    int rest;
    if (tram__options_parse_rest(argc, argv, table, &rest))
        return wrong(tram_last_error()->text);
    if (s.help) {
        printf("gate_trials [options] BASE COPY HEAD\n"
               "What the gate would have said of runs made of these: three builds of the same code, "
               "interleaved.\nRuns are drawn with replacement from one recording, and tell of its noise "
               "only.\n\n");
        tram__options_help(table);
    } else if (s.version) {
        printf("gate_trials of tramline %s\n", tram_build()->version);
    }
    if (s.help || s.version)
        return tram__stdout_check(why, sizeof why) ? wrong(why) : 0;
    if (argc - rest != BUILDS)
        return wrong("three result files or folders are wanted: BASE COPY HEAD (see --help)");
    return make_trials(&s, argv + rest);
}
