/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

const char *const tram_mode_names[TRAM_MODES] = {"limit", "compiled", "eager-shm", "eager", "graph-eager"};
static const char *const wait_names[] = {"auto", "block", "spin"};

const char *tram_wait_text(enum tram_wait wait) {
    return wait_names[wait];
}

struct raw {
    struct tram_settings *s;
    const struct tram_scenario *scenario;
    const char *mode, *wait, *size, *parts, *inflight, *actors, *trace_window, *trace_ring;
    char actors_help[80], parts_help[80];
};

enum { TABLE_SIZE = 40 };

static bool transfers(const struct tram_scenario *s) {
    return s->pattern == TRAM_PATTERN_TRANSFER;
}

static void make_table(struct raw *r, struct tram__option *table) {
    struct tram_settings *s = r->s;
    const struct tram__option options[] = {
        {"mode", 0, TRAM__OPTION_TEXT, "LIST",
         "limit, compiled, eager-shm, eager, graph-eager, or all (default)", &r->mode, 0, 0},
        {"wait", 0, TRAM__OPTION_TEXT, "HOW",
         "auto (default; the limit picks), block or spin, for every mode", &r->wait, 0, 0},
        {"size", 0, TRAM__OPTION_TEXT, "SIZES",
         "payload bytes: LIST or MIN:MAX:xFACTOR, with k, M, G (default 1)", &r->size, 0, 0},
        {"inflight", 0, TRAM__OPTION_TEXT, "COUNTS", "executions in flight, listed as sizes are (default 1)",
         &r->inflight, 0, 0},
        {"main-thread", 0, TRAM__OPTION_FLAG, NULL,
         "compiled: tasks take turns with calls on each actor's main thread", &s->main_thread, 0, 0},
        {"loan", 0, TRAM__OPTION_FLAG, NULL, "no copies: fill in place, forward, borrow; with one in flight",
         &s->loan, 0, 0},
        {"iters", 'n', TRAM__OPTION_NUMBER, "N", "executions per timing pass (default: 0.3 s worth)",
         &s->iters, 1, 1000000000},
        {"rate", 0, TRAM__OPTION_NUMBER, "N",
         "an open loop: N executions a second are due, and each is timed from when it was", &s->rate, 1,
         10000000},
        {"warmup", 'w', TRAM__OPTION_NUMBER, "N", "executions before timing (default: 0.1 s worth)",
         &s->warmup, 1, 1000000000},
        {"repetitions", 0, TRAM__OPTION_NUMBER, "N", "fresh processes per case (default 5)", &s->repetitions,
         1, 1000},
        {"seed", 0, TRAM__OPTION_NUMBER, "N", "of payloads and order (default 1)", &s->seed, 0, UINT64_MAX},
        {"cpus", 0, TRAM__OPTION_TEXT, "LIST", "CPUs to use, the driver on the first (default: all usable)",
         &s->cpus, 0, 0},
        {"timeout", 0, TRAM__OPTION_SECONDS, "SECONDS",
         "for one execution (default 10, and 1 more for each 32 MiB of it)", &s->timeout_s, 0, 3600},
        {"json", 0, TRAM__OPTION_TEXT, "FILE", "write results (Google Benchmark's shape)", &s->json, 0, 0},
        {"csv", 0, TRAM__OPTION_TEXT, "FILE", "the same rows as comma-separated values", &s->csv, 0, 0},
        {"markdown", 0, TRAM__OPTION_TEXT, "FILE", "the table, for a page or a comment", &s->markdown, 0, 0},
        {"samples", 0, TRAM__OPTION_TEXT, "FILE",
         "every sample, in ns, as taken, as text and gzip; its first line names the columns", &s->samples, 0,
         0},
        {"block", 0, TRAM__OPTION_NUMBER, "N",
         "of runs that are interleaved with others: rows carry it, to be paired by", &s->block, 1, 1000000},
        {"brief", 0, TRAM__OPTION_FLAG, NULL,
         "for a comparison of many runs: short passes, no floors but the timer's, no idle figures", &s->brief,
         0, 0},
        {"graph", 0, TRAM__OPTION_TEXT, "FILE", "draw the graph first: .svg, .png, .dot or .txt", &s->graph,
         0, 0},
        {"schedule", 0, TRAM__OPTION_TEXT, "FILE", "the same for what each actor does", &s->schedule, 0, 0},
        {"trace", 0, TRAM__OPTION_TEXT, "FILE",
         "run each case once more, after the others, and write its trace: .pftrace or .json", &s->trace, 0,
         0},
        {"trace-window", 0, TRAM__OPTION_TEXT, "START:COUNT", "trace these executions only, from 1",
         &r->trace_window, 0, 0},
        {"trace-ring", 0, TRAM__OPTION_TEXT, "SIZE", "room for what one thread records (default 16M)",
         &r->trace_ring, 0, 0},
        {"nvtx", 0, TRAM__OPTION_TEXT, "HOW",
         "ranges for Nsight: on, off or auto (default: with a tool there)", &s->nvtx, 0, 0},
        {"no-check", 0, TRAM__OPTION_FLAG, NULL, "do not fill and check payloads", &s->no_check, 0, 0},
        {"quiet", 0, TRAM__OPTION_FLAG, NULL,
         "the table only: no floors, and no line when others used the CPUs", &s->quiet, 0, 0},
        {"verbose", 'v', TRAM__OPTION_FLAG, NULL, "every repetition, with its tails and counters",
         &s->verbose, 0, 0},
        {"list", 0, TRAM__OPTION_FLAG, NULL, "name the cases that would run, and end", &s->list, 0, 0},
        {"version", 0, TRAM__OPTION_FLAG, NULL, "print the version, and end", &s->version, 0, 0},
        {"help", 'h', TRAM__OPTION_FLAG, NULL, "print this, and end", &s->help, 0, 0},
        {0},
    };
    _Static_assert(sizeof options / sizeof options[0] < TABLE_SIZE, "the table fits, with one more");
    memcpy(table, options, sizeof options);
    size_t count = sizeof options / sizeof options[0];
    if (transfers(r->scenario)) {
        const struct tram__option more[] = {
            {"receivers", 0, TRAM__OPTION_TEXT, "COUNTS", r->actors_help, &r->actors, 0, 0},
            {"device", 0, TRAM__OPTION_TEXT, "LIST",
             "of the maker and, after it, of the receivers: cpu, host, cuda, cuda:1 (default host)",
             &s->device, 0, 0},
            {"transport", 0, TRAM__OPTION_TEXT, "HOW",
             "of the compiled edge: auto (default), shm, staged, pinned or ipc", &s->how, 0, 0},
            {"check", 0, TRAM__OPTION_FLAG, NULL,
             "make and compare whole tensors in every execution: the times are those of that, too", &s->check,
             0, 0},
        };
        enum { MORE = sizeof more / sizeof more[0] };
        _Static_assert(sizeof options / sizeof options[0] + MORE <= TABLE_SIZE, "the table fits");
        table[2].help = "bytes of the tensor: LIST or MIN:MAX:xFACTOR, with k, M, G (default 40000000)";
        snprintf(r->actors_help, sizeof r->actors_help,
                 "actors that take the tensor, listed as sizes are (default %s)", r->scenario->actors);
        memmove(&table[1 + MORE], &table[1], (count - 1) * sizeof *table); /* after the mode */
        memcpy(&table[1], more, sizeof more);
        return;
    }
    if (r->scenario->parts) { /* in place of the size */
        snprintf(r->parts_help, sizeof r->parts_help, "bytes of each part of the payload (default %s)",
                 r->scenario->parts);
        table[2] =
            (struct tram__option){"parts", 0, TRAM__OPTION_TEXT, "LIST", r->parts_help, &r->parts, 0, 0};
    }
    if (!r->scenario->actors)
        return;
    snprintf(r->actors_help, sizeof r->actors_help, "actors, listed as sizes are (default %s)",
             r->scenario->actors);
    memmove(&table[1], table, count * sizeof *table); /* after the mode */
    table[0] = table[1];
    table[1] =
        (struct tram__option){"actors", 0, TRAM__OPTION_TEXT, "COUNTS", r->actors_help, &r->actors, 0, 0};
}

static int parse_modes(const char *text, bool *modes) {
    const char *p = text;
    do {
        size_t n = strcspn(p, ",");
        bool all = n == 3 && strncmp(p, "all", n) == 0, known = all;
        for (int m = 0; m < TRAM_MODES; m++) {
            bool this = strlen(tram_mode_names[m]) == n && strncmp(p, tram_mode_names[m], n) == 0;
            if ((all || this) && modes[m])
                return tram__fail(TRAM_ERR_INVALID, "--mode=%s: '%s' is listed twice", text,
                                  tram_mode_names[m]);
            modes[m] |= all || this;
            known |= this;
        }
        if (!known)
            return tram__fail(
                TRAM_ERR_INVALID,
                "--mode=%s: '%.*s' is not limit, compiled, eager-shm, eager, graph-eager or all", text,
                (int)n, p);
        p += n + (p[n] == ',');
        if (p[-1] == ',' && !*p)
            return tram__fail(TRAM_ERR_INVALID, "--mode=%s: a mode is missing", text);
    } while (*p);
    return TRAM_OK;
}

static int parse_wait(const char *text, enum tram_wait *out) {
    for (int i = 0; i <= TRAM_WAIT_SPIN; i++) {
        if (strcmp(text, wait_names[i]) == 0) {
            *out = (enum tram_wait)i;
            return TRAM_OK;
        }
    }
    return tram__fail(TRAM_ERR_INVALID, "--wait=%s: auto, block or spin is wanted", text);
}

/* Puts "--option=" before the message of the thread's last error. */
static int about(const char *option, const char *value) {
    char text[512];
    snprintf(text, sizeof text, "%s", tram_last_error()->text);
    return tram__fail(TRAM_ERR_INVALID, "--%s=%s: %s", option, value, text);
}

/* What is listed twice would be measured twice, and be one case all the same. */
static int refuse_twice(const char *option, const char *text, const uint64_t *list, size_t count) {
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < i; k++)
            if (list[i] == list[k])
                return tram__fail(TRAM_ERR_INVALID, "--%s=%s: %llu is listed twice", option, text,
                                  (unsigned long long)list[i]);
    return TRAM_OK;
}

/* A list of counts, written as one of sizes. */
static int parse_counts(const char *option, const char *text, uint64_t max, uint64_t *out, size_t *count) {
    if (tram__sizes_parse(text, max, out, count))
        return tram__fail(TRAM_ERR_INVALID,
                          "--%s=%s: whole numbers from 1 to %llu are wanted: LIST or MIN:MAX:xFACTOR", option,
                          text, (unsigned long long)max);
    return refuse_twice(option, text, out, *count);
}

/* One input, of as many parts as are listed. */
static int parse_parts(const char *text, struct tram_layout *out) {
    uint64_t sizes[TRAM__MAX_SIZES], total = 0;
    size_t count;
    if (tram__sizes_parse(text, TRAM_MAX_SIZE, sizes, &count))
        return about("parts", text);
    if (count > TRAM_MAX_PARTS)
        return tram__fail(TRAM_ERR_INVALID, "--parts=%s: %zu parts, at most %d are possible", text, count,
                          (int)TRAM_MAX_PARTS);
    for (size_t i = 0; i < count; i++)
        total += sizes[i];
    if (total > TRAM_MAX_SIZE)
        return tram__fail(TRAM_ERR_INVALID, "--parts=%s: %llu bytes together, at most %llu are possible",
                          text, (unsigned long long)total, (unsigned long long)TRAM_MAX_SIZE);
    tram_layout_make(sizes, count, out);
    return TRAM_OK;
}

/* Inputs of one part, one for each size. */
static int parse_sizes(const char *text, struct tram_layout *out, size_t *count) {
    uint64_t sizes[TRAM__MAX_SIZES];
    if (tram__sizes_parse(text, TRAM_MAX_SIZE, sizes, count))
        return about("size", text);
    for (size_t i = 0; i < *count; i++)
        tram_layout_make(&sizes[i], 1, &out[i]);
    return refuse_twice("size", text, sizes, *count);
}

/* Tensors of these sizes, each with an order as its input. */
static int parse_tensors(const char *text, struct tram_layout *out, size_t *tensors, size_t *count) {
    struct tram_layout sizes[TRAM__MAX_SIZES];
    int status = parse_sizes(text, sizes, count);
    for (size_t i = 0; !status && i < *count; i++) {
        tensors[i] = sizes[i].total;
        tram_layout_make((const uint64_t[]){sizeof(struct tram_order)}, 1, &out[i]);
    }
    return status;
}

static int parse_devices(const char *text, struct tram_devices *out) {
    *out = (struct tram_devices){.count = 0};
    for (const char *p = text;; p++) {
        size_t n = strcspn(p, ",");
        if (!n || n >= TRAM_DEVICE_NAME || out->count == TRAM_MAX_DEVICES)
            return tram__fail(TRAM_ERR_INVALID,
                              "--device=%s: cpu, host, host:N, cuda or cuda:N is wanted, at most %d of them",
                              text, (int)TRAM_MAX_DEVICES);
        size_t kind = strcspn(p, ":,");
        if (!(kind == 3 && n == 3 && memcmp(p, "cpu", 3) == 0) &&
            !(kind == 4 && (memcmp(p, "host", 4) == 0 || memcmp(p, "cuda", 4) == 0)))
            return tram__fail(TRAM_ERR_INVALID,
                              "--device=%s: '%.*s': cpu, host, host:N, cuda or cuda:N is wanted", text,
                              (int)n, p);
        memcpy(out->name[out->count++], p, n);
        p += n;
        if (!*p)
            return TRAM_OK;
    }
}

static int parse_transfer(struct tram_settings *out) {
    if (tram_transport_parse(out->how, &out->transport))
        return tram__fail(TRAM_ERR_INVALID,
                          "--transport=%s: transport '%s': one of auto, shm, staged, pinned, ipc is wanted",
                          out->how, out->how);
    if (out->transport == TRAM_TRANSPORT_CUSTOM)
        return tram__fail(TRAM_ERR_INVALID, "--transport=custom: this program brings none along");
    if (out->check && out->no_check)
        return tram__fail(TRAM_ERR_INVALID, "--check: --no-check was given as well");
    return parse_devices(out->device, &out->devices);
}

static int make_points(const struct raw *raw, struct tram_settings *out) {
    struct tram_layout inputs[TRAM__MAX_SIZES];
    size_t tensors[TRAM__MAX_SIZES] = {0};
    bool transfer = transfers(raw->scenario);
    uint64_t inflight[TRAM__MAX_SIZES], actors[TRAM__MAX_SIZES];
    size_t size_count = 1, inflight_count, actor_count;
    if (transfer               ? parse_tensors(raw->size, inputs, tensors, &size_count)
        : raw->scenario->parts ? parse_parts(raw->parts, inputs)
                               : parse_sizes(raw->size, inputs, &size_count))
        return TRAM_ERR_INVALID;
    if (parse_counts("inflight", raw->inflight, TRAM_MAX_INFLIGHT, inflight, &inflight_count) ||
        parse_counts(transfer ? "receivers" : "actors", raw->actors, TRAM_MAX_ACTORS - transfer, actors,
                     &actor_count))
        return TRAM_ERR_INVALID;
    out->points = calloc(size_count * inflight_count * actor_count, sizeof *out->points);
    if (!out->points)
        return tram__fail(TRAM_ERR_NO_MEMORY, "the cases of a run");
    for (size_t a = 0; a < actor_count; a++)
        for (size_t f = 0; f < inflight_count; f++)
            for (size_t s = 0; s < size_count; s++)
                out->points[out->point_count++] = (struct tram_point){
                    inputs[s], (uint32_t)actors[a] + transfer, (uint32_t)inflight[f], tensors[s]};
    out->inflight = raw->inflight;
    out->show_actors = raw->scenario->actors != NULL;
    out->show_inflight = inflight_count > 1;
    if (out->loan && (inflight_count > 1 || inflight[0] > 1))
        return tram__fail(TRAM_ERR_INVALID, "--inflight=%s: --loan is timed with one execution in flight",
                          raw->inflight);
    if (out->rate && out->loan)
        return tram__fail(TRAM_ERR_INVALID, "--rate=%llu: --loan is timed in a closed loop",
                          (unsigned long long)out->rate);
    if (out->rate && out->modes[TRAM_MODE_LIMIT] && (inflight_count > 1 || inflight[0] > 1))
        return tram__fail(TRAM_ERR_INVALID,
                          "--inflight=%s: with --rate the limit has one in flight; leave it out with --mode",
                          raw->inflight);
    return TRAM_OK;
}

static int parse_window(const char *text, struct tram_trace_options *out) {
    if (!tram__window_parse(text, &out->first, &out->count))
        return tram__fail(TRAM_ERR_INVALID,
                          "--trace-window=%s: START:COUNT is wanted, two whole numbers from 1", text);
    return TRAM_OK;
}

static int parse_trace(const struct raw *raw) {
    struct tram_settings *s = raw->s;
    uint64_t bytes;
    size_t count;
    bool runtime = false;
    for (int m = 0; m < TRAM_MODES; m++)
        runtime |= m != TRAM_MODE_LIMIT && s->modes[m];
    if (s->trace && !runtime)
        return tram__fail(TRAM_ERR_INVALID,
                          "--trace=%s: the limit alone has no trace: it shares nothing with the runtime",
                          s->trace);
    if (s->trace && (!*s->trace || strlen(s->trace) > TRAM_MAX_PATH / 2))
        return tram__fail(TRAM_ERR_INVALID, "--trace=%s: the name of a file is wanted", s->trace);
    if (!s->trace && (raw->trace_window || raw->trace_ring))
        return tram__fail(TRAM_ERR_INVALID, "--trace-%s: --trace=FILE is missing",
                          raw->trace_window ? "window" : "ring");
    if (raw->trace_window && parse_window(raw->trace_window, &s->window))
        return TRAM_ERR_INVALID;
    if (raw->trace_ring && (tram__sizes_parse(raw->trace_ring, TRAM_MAX_SIZE, &bytes, &count) || count != 1))
        return tram__fail(TRAM_ERR_INVALID, "--trace-ring=%s: a size up to 1G is wanted", raw->trace_ring);
    if (raw->trace_ring)
        s->window.ring_bytes = bytes;
    if (s->nvtx && strcmp(s->nvtx, "on") != 0 && strcmp(s->nvtx, "off") != 0 && strcmp(s->nvtx, "auto") != 0)
        return tram__fail(TRAM_ERR_INVALID, "--nvtx=%s: on, off or auto is wanted", s->nvtx);
    if (s->nvtx)
        setenv("TRAM_NVTX", s->nvtx, 1); /* for all processes of the run */
    return TRAM_OK;
}

int tram_settings_parse(int argc, char **argv, const struct tram_scenario *scenario,
                        struct tram_settings *out) {
    struct tram__option table[TABLE_SIZE];
    struct raw raw = {.s = out,
                      .scenario = scenario,
                      .mode = "all",
                      .wait = "auto",
                      .size = "1",
                      .inflight = "1",
                      .actors = "1"};
    *out = (struct tram_settings){
        .repetitions = 5, .seed = 1, .timeout_s = -1, .how = "auto", .trace = out->trace};
    if (transfers(scenario)) {
        raw.size = "40000000";
        out->device = "host";
    }
    if (scenario->actors)
        raw.actors = scenario->actors;
    raw.parts = scenario->parts;
    make_table(&raw, table);
    int status = tram__options_parse(argc, argv, table);
    if (status || out->help || out->version)
        return status;
    if ((status = parse_modes(raw.mode, out->modes)) || (status = parse_wait(raw.wait, &out->wait)) ||
        (status = parse_trace(&raw)))
        return status;
    if (out->cpus && tram__cpus_parse(out->cpus, &out->placement))
        return about("cpus", out->cpus);
    if (!out->cpus)
        tram__cpus_usable(&out->placement);
    if (transfers(scenario) && (status = parse_transfer(out)))
        return status;
    return make_points(&raw, out);
}

/* The examples, which have "./scenarios/NAME" for the program. */
static void print_examples(const struct tram_scenario *s, const char *program) {
    char own[64];
    snprintf(own, sizeof own, "./scenarios/%s", s->name);
    for (const char *p = s->examples, *at; *p; p = at) {
        at = strstr(p, own);
        printf("%.*s%s", (int)(at ? (size_t)(at - p) : strlen(p)), p, at ? program : "");
        at = at ? at + strlen(own) : p + strlen(p);
    }
}

void tram_settings_help(const struct tram_scenario *s, const char *program) {
    struct tram__option table[TABLE_SIZE];
    struct tram_settings unused;
    struct raw raw = {.s = &unused, .scenario = s};
    make_table(&raw, table);
    printf("%s: %s\n\nUsage: %s [options]\n\n", s->name, s->summary, program);
    tram__options_help(table);
    printf("\nModes\n"
           "  limit        the bare pattern with no runtime: raw flags, rings and copies between processes\n"
           "  compiled     the graph, compiled once and executed again and again\n"
           "  eager-shm    per-call dispatch (spec, queue, look-up, reply, future) over shared-memory "
           "mailboxes\n"
           "  eager        the same over AF_UNIX sockets, polled before they block\n"
           "  graph-eager  the graph uncompiled, a call for each task, over the same sockets\n"
           "\nExamples\n");
    print_examples(s, program);
}
