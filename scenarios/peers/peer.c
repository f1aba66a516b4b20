/* SPDX-License-Identifier: Apache-2.0
 *
 * The command line of a peer, and its results.
 */
#include "peers/peer.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/options.h"
#include "harness/report_figures.h"
#include "results/environment.h"
#include "results/result.h"

/* ---- the command line ---- */

static const struct tram_scenario scenarios[] = {
    {.name = "roundtrip", .pattern = TRAM_PATTERN_CHAIN},
    {.name = "chain", .pattern = TRAM_PATTERN_CHAIN, .actors = "2,4,8"},
    {.name = "scatter_gather", .pattern = TRAM_PATTERN_SCATTER, .actors = "2,4,8"},
    {0},
};

static void make_table(struct peer_options *o, struct tram__option *table) {
    const struct tram__option options[] = {
        {"mode", 0, TRAM__OPTION_TEXT, "NAME", "which of this program's ways to talk", &o->mode, 0, 0},
        {"scenario", 0, TRAM__OPTION_TEXT, "NAME", "roundtrip (default), chain or scatter_gather",
         &o->scenario, 0, 0},
        {"actors", 0, TRAM__OPTION_NUMBER, "N", "processes besides the driver (default 1)", &o->actors, 1,
         PEER_MAX_ACTORS},
        {"size", 0, TRAM__OPTION_TEXT, "SIZE", "payload bytes, with k, M, G (default 1)", &o->size, 0, 0},
        {"iters", 'n', TRAM__OPTION_NUMBER, "N", "executions per timing pass (default: 0.3 s worth)",
         &o->iters, 1, 1000000000},
        {"warmup", 'w', TRAM__OPTION_NUMBER, "N", "executions before timing (default: 0.1 s worth)",
         &o->warmup, 1, 1000000000},
        {"repetition", 0, TRAM__OPTION_NUMBER, "N", "the number of this launch, from 0", &o->repetition, 0,
         999},
        {"repetitions", 0, TRAM__OPTION_NUMBER, "N", "of how many (default 1)", &o->repetitions, 1, 1000},
        {"seed", 0, TRAM__OPTION_NUMBER, "N", "of payloads (default 1)", &o->seed, 0, UINT64_MAX},
        {"cpus", 0, TRAM__OPTION_TEXT, "LIST", "CPUs to use, the driver on the first (default: all usable)",
         &o->cpus, 0, 0},
        {"timeout", 0, TRAM__OPTION_NUMBER, "SECONDS", "for the whole launch (default 120)", &o->timeout_s, 1,
         3600},
        {"json", 0, TRAM__OPTION_TEXT, "FILE", "write results (Google Benchmark's shape)", &o->json, 0, 0},
        {"no-check", 0, TRAM__OPTION_FLAG, NULL, "do not fill and check payloads", &o->no_check, 0, 0},
        {"version", 0, TRAM__OPTION_FLAG, NULL, "print the peer's version, and end", &o->print_version, 0, 0},
        {"help", 'h', TRAM__OPTION_FLAG, NULL, "print this, and end", &o->help, 0, 0},
        {0},
    };
    memcpy(table, options, sizeof options);
}

static int refuse(const struct peer *peer, const char *option, const char *value, const char *wanted) {
    fprintf(stderr, "%s: --%s=%s: %s\n", peer->program, option, value, wanted);
    return 2;
}

static int help(const struct peer *peer, const struct tram__option *table) {
    printf("%s: %s\n\n", peer->program, peer->summary);
    tram__options_help(table);
    printf("\nModes:");
    for (const struct peer_mode *m = peer->modes; m->name; m++)
        printf(" %s", m->name);
    printf("\n");
    return tram_stdout_status(peer->program, 0);
}

/* From what was given to the request of a trial. */
static int resolve(struct peer_case *p) {
    struct peer_options *o = &p->options;
    struct tram_case *c = &p->trial.c;
    uint64_t size = 1;
    const char *end = "";
    char why[TRAM_WHY] = "";
    for (p->mode = p->peer->modes; o->mode && p->mode->name && strcmp(o->mode, p->mode->name) != 0;)
        p->mode++;
    if (!p->mode->name)
        return refuse(p->peer, "mode", o->mode, "there is no such mode (see --help)");
    for (c->scenario = scenarios;
         o->scenario && c->scenario->name && strcmp(o->scenario, c->scenario->name) != 0;)
        c->scenario++;
    if (!c->scenario->name)
        return refuse(p->peer, "scenario", o->scenario, "roundtrip, chain or scatter_gather is wanted");
    if (!c->scenario->actors && o->actors != 1)
        return refuse(p->peer, "scenario", c->scenario->name, "it has one actor");
    if (o->repetition >= o->repetitions) {
        snprintf(why, sizeof why, "%llu", (unsigned long long)o->repetition);
        return refuse(p->peer, "repetition", why, "a number below that of --repetitions is wanted");
    }
    if (o->json && tram_results_check_path(o->json, why, sizeof why))
        return refuse(p->peer, "json", o->json, why);
    if (o->size && (!tram__size_parse(o->size, TRAM_MAX_SIZE, &end, &size) || *end))
        return refuse(p->peer, "size", o->size, "a size from 1 to 1G is wanted");
    if (!o->cpus) {
        tram__cpus_usable(&c->placement);
    } else if (tram__cpus_parse(o->cpus, &c->placement)) {
        return refuse(p->peer, "cpus", o->cpus, tram_last_error()->text);
    }
    tram_layout_make(&size, 1, &c->input);
    c->actors = (uint32_t)o->actors;
    c->inflight = 1;
    c->check = !o->no_check;
    c->seed = o->seed + o->repetition;
    p->trial.iters = o->iters;
    p->trial.warmup = o->warmup;
    return -1;
}

int peer_parse(int argc, char **argv, const struct peer *peer, struct peer_case *out) {
    struct peer_options *o = &out->options;
    struct tram__option table[20];
    *out = (struct peer_case){.peer = peer, .argc = argc, .argv = argv};
    *o = (struct peer_options){.actors = 1, .repetitions = 1, .seed = 1, .timeout_s = 120};
    make_table(o, table);
    if (tram_stdout_status(peer->program, 0))
        return 2;
    if (tram__options_parse(argc, argv, table)) {
        fprintf(stderr, "%s: %s\n", peer->program, tram_last_error()->text);
        return 2;
    }
    if (o->help)
        return help(peer, table);
    if (o->print_version) {
        char version[PEER_VERSION];
        peer->version(version, sizeof version);
        printf("%s\n", version);
        return tram_stdout_status(peer->program, 0);
    }
    alarm((unsigned)o->timeout_s);
    return resolve(out);
}

/* ---- results ---- */

static int write_results(const struct peer_case *p, struct tram_environment *e, const char *name, char *why) {
    const struct tram_trial *t = &p->trial;
    char version[PEER_VERSION];
    p->peer->version(version, sizeof version);
    const struct tram_counter counters[] = {{"tail_p50_ns", t->tail_p50_ns}, {"batch", (double)t->batch}};
    const struct tram_label labels[] = {{"version", version}, {"note", t->note}};
    struct tram_row row = tram_trial_row(t);
    row.name = name;
    row.repetition_index = (uint32_t)p->options.repetition;
    row.repetitions = (uint32_t)p->options.repetitions;
    row.scenario = t->c.scenario->name;
    row.mode = p->mode->name;
    row.counters = counters;
    row.counter_count = sizeof counters / sizeof counters[0];
    row.labels = labels;
    row.label_count = sizeof labels / sizeof labels[0];
    snprintf(why, TRAM_WHY, "out of memory");
    struct tram_results *results = tram_results_create(tram_environment_json(e));
    int status = results ? tram_results_add(results, &row) : -1;
    if (!status)
        status = tram_results_write(results, p->options.json, why, TRAM_WHY);
    tram_results_destroy(results);
    return status;
}

int peer_measure(struct peer_case *p) {
    struct tram_trial *t = &p->trial;
    const struct peer_options *o = &p->options;
    struct tram_environment e;
    char name[256], p50[TRAM_CELL], p99[TRAM_CELL], why[TRAM_WHY] = "";
    snprintf(name, sizeof name, "%s/mode:%s/size:%zu/actors:%u/inflight:1", t->c.scenario->name,
             p->mode->name, t->c.input.total, t->c.actors);
    tram_environment_begin(
        &(struct tram_environment_params){
            .argc = p->argc, .argv = p->argv, .seed = o->seed, .affinity_asked = o->cpus},
        &e);
    tram__cpus_bind(t->c.placement.cpu[0]);
    if (tram_trial_measure(t, p->mode->ops)) {
        fprintf(stderr, "%s: %s: %s\n", p->peer->program, name, t->why);
        return 1;
    }
    tram_environment_end(&e);
    printf("%s: p50 %s, p99 %s (%s)\n", name, tram_print_ns(t->p50_ns, p50), tram_print_ns(t->p99_ns, p99),
           t->note);
    if (o->json && write_results(p, &e, name, why)) {
        fprintf(stderr, "%s: --json=%s: %s\n", p->peer->program, o->json, why);
        return 2;
    }
    return tram_stdout_status(p->peer->program, 0);
}
