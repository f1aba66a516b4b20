/* SPDX-License-Identifier: Apache-2.0 */
#include "peers/peer.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/options.h"
#include "harness/report_figures.h"
#include "results/environment.h"
#include "results/result.h"

/* ---- processes ---- */

int peer_pids(void *state, pid_t *out) {
    const struct peer_team *t = state;
    memcpy(out, t->pid, t->pids * sizeof *out);
    return (int)t->pids;
}

void peer_counters(void *state, struct tram_mode_counters *out) {
    const struct peer_team *t = state;
    *out = (struct tram_mode_counters){.copies = -1,
                                       .copied_bytes = -1,
                                       .sleeps = -1,
                                       .maps = -1,
                                       .compile_ns = TRAM_ABSENT,
                                       .channel_bytes = TRAM_ABSENT,
                                       .note = t->note};
}

void *peer_share(size_t bytes, char *why) {
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (p != MAP_FAILED)
        return p;
    snprintf(why, TRAM_WHY, "%zu bytes of shared memory: %s", bytes, strerror(errno));
    return NULL;
}

int peer_fork(struct peer_team *t, void (*serve)(void *state, unsigned k), void *state, char *why) {
    unsigned k = t->pids + 1;
    pid_t parent = getpid(), pid = fork();
    if (pid < 0) {
        snprintf(why, TRAM_WHY, "fork: %s", strerror(errno));
        return -1;
    }
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(1);
        tram__cpus_bind(t->c->placement.cpu[k % t->c->placement.count]);
        serve(state, k);
        _exit(1);
    }
    t->pid[t->pids++] = pid;
    return 0;
}

void peer_kill(struct peer_team *t) {
    for (uint32_t i = 0; i < t->pids; i++) {
        kill(t->pid[i], SIGKILL);
        waitpid(t->pid[i], NULL, 0);
    }
    t->pids = 0;
}

/* ---- the search ---- */

/* Where process k of n runs, the driver being process 0 on the first of the CPUs. */
enum placement { IN_TURN, IN_BLOCKS, ON_ONE, PLACEMENTS };
static const char *const placements[PLACEMENTS] = {"CPUs in turn", "CPUs in blocks", "one CPU"};
#define TRY_NS 15000000u /* for one candidate */
enum { LEAST_TRIES = 4, MOST_TRIES_NS = 20 * TRY_NS, TRY_BATCH = 20, TRY_BYTES = 256 * 1024 };

static void place(const struct peer_team *t, enum placement p) {
    const struct tram__cpus *cpus = &t->c->placement;
    for (unsigned k = 1; k <= t->pids; k++) {
        unsigned at = p == IN_TURN ? k % cpus->count : p == IN_BLOCKS ? k * cpus->count / (t->pids + 1) : 0;
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET((size_t)cpus->cpu[at], &set);
        sched_setaffinity(t->pid[k - 1], sizeof set, &set);
    }
}

struct tries {
    const struct peer_search *s;
    struct tram_batch batch;
    uint32_t best_way;
    enum placement best_placement;
    double best_ns;
    char *why;
};

/* By one execution the old way. */
static int adopt(struct tries *h, uint32_t way, enum placement p) {
    struct peer_team *t = h->s->team;
    struct tram_batch one = h->batch;
    one.count = 1;
    atomic_store_explicit(&t->turn->next, (t->done + 1) << 8 | way, memory_order_release);
    place(t, p);
    return h->s->ops->run(t, &one, h->why);
}

/* Times one candidate by its best batch, after one to settle. */
static int try(struct tries *h, uint32_t way, enum placement p) {
    double best = 1e300;
    if (adopt(h, way, p))
        return -1;
    uint64_t start = tram__now_ns(), now = start;
    for (int i = 0; (i < LEAST_TRIES || now - start < TRY_NS) && (i < 2 || now - start < MOST_TRIES_NS);
         i++) {
        uint64_t before = tram__now_ns();
        if (h->s->ops->run(h->s->team, &h->batch, h->why))
            return -1;
        now = tram__now_ns();
        if (i && (double)(now - before) < best)
            best = (double)(now - before);
    }
    if (best < h->best_ns) {
        h->best_ns = best;
        h->best_way = way;
        h->best_placement = p;
    }
    return 0;
}

static int try_all(struct tries *h) {
    const struct peer_search *s = h->s;
    const struct tram_case *c = s->team->c;
    int most = peer_crowded(c) && c->placement.count > 1 ? PLACEMENTS : 1;
    for (uint32_t way = 0; s->ways[way]; way++)
        for (int p = 0; (!s->fits || s->fits(c, way)) && p < most; p++)
            if (try(h, way, (enum placement)p))
                return -1;
    return adopt(h, h->best_way, h->best_placement);
}

int peer_choose(const struct peer_search *s, char *why) {
    struct peer_team *t = s->team;
    size_t stride = t->c->input.stride, to_stride = tram_layout_stride(tram_case_reply(t->c));
    size_t results = tram_case_results(t->c);
    uint32_t count = stride * TRY_BATCH > TRY_BYTES ? 1 : TRY_BATCH;
    unsigned char *from = tram_layout_alloc(stride * count);
    unsigned char *to = tram_layout_alloc(to_stride * results * count);
    struct tries h = {.s = s, .best_ns = 1e300, .why = why};
    h.batch = (struct tram_batch){.first = 1, .count = count, .from = from, .to = to, .to_stride = to_stride};
    int status = -1;
    if (!from || !to)
        snprintf(why, TRAM_WHY, "out of memory");
    else
        status = try_all(&h);
    bool crowded = peer_crowded(t->c);
    snprintf(t->note, sizeof t->note, "%s%s%s", s->ways[h.best_way], crowded ? ", " : "",
             crowded ? placements[h.best_placement] : "");
    free(from);
    free(to);
    return status;
}

void peer_stop(struct peer_team *t, const struct tram_mode_ops *ops) {
    char why[TRAM_WHY];
    size_t stride = tram_layout_stride(tram_case_reply(t->c));
    struct tram_batch one = {.first = 1, .count = 1, .to_stride = stride};
    one.from = tram_layout_alloc(t->c->input.stride);
    one.to = tram_layout_alloc(stride * tram_case_results(t->c));
    atomic_store_explicit(&t->turn->next, (t->done + 1) << 8 | PEER_STOP, memory_order_release);
    if (one.from && one.to)
        ops->run(t, &one, why);
    free((void *)one.from);
    free(one.to);
}

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
    return 0;
}

/* From what was given to the request of a trial. */
static int resolve(struct peer_case *p) {
    struct peer_options *o = &p->options;
    struct tram_case *c = &p->trial.c;
    uint64_t size = 1;
    const char *end = "";
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
        return 0;
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
    const struct tram_row row = {
        .name = name,
        .repetition_index = (uint32_t)p->options.repetition,
        .repetitions = (uint32_t)p->options.repetitions,
        .iterations = t->iterations,
        .scenario = t->c.scenario->name,
        .mode = p->mode->name,
        .payload_bytes = t->c.input.total,
        .actors = t->c.actors,
        .inflight = t->c.inflight,
        .p50_ns = t->p50_ns,
        .p90_ns = t->p90_ns,
        .p99_ns = t->p99_ns,
        .p999_ns = t->p999_ns,
        .execs_per_s = t->execs_per_s,
        .cpu_ns_per_exec = t->cpu_ns_per_exec,
        .samples = (int64_t)t->samples,
        .compile_ns = t->compile_ns,
        .channel_bytes = t->channel_bytes,
        .fill_ns = t->fill_ns,
        .check_ns = t->check_ns,
        .counters = counters,
        .counter_count = sizeof counters / sizeof counters[0],
        .labels = labels,
        .label_count = sizeof labels / sizeof labels[0],
    };
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
        return 1;
    }
    return 0;
}
