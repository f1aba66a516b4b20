/* SPDX-License-Identifier: Apache-2.0
 *
 * The plugin, loaded and called as NCCL does, from several threads; its file is then checked record by record.
 */
#include "profilers/gpu/file.h"
#include "profilers/gpu/testing.h"
#include "profilers/nccl/interface.h"

#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { THREADS = 4, ROUNDS = 300, PER_ROUND = 10, RANKS = 2 };

static const struct nccl_profiler *plugin;
static char folder[64];

/* ---- reading ---- */

struct seen {
    char *bytes;
    const struct tram__gpu_head *head;
    const struct tram__gpu_record *records;
    uint64_t count;
};

static struct seen read_file(const char *path) {
    struct stat st;
    struct seen s = {0};
    FILE *f = fopen(path, "re");
    assert_non_null(f);
    assert_int_equal(fstat(fileno(f), &st), 0);
    s.bytes = malloc((size_t)st.st_size);
    assert_int_equal(fread(s.bytes, 1, (size_t)st.st_size, f), st.st_size);
    fclose(f);
    unlink(path);
    s.head = (const void *)s.bytes;
    assert_true(s.head->magic == TRAM__GPU_MAGIC && s.head->version == TRAM__GPU_VERSION);
    assert_int_equal(s.head->record_bytes, sizeof(struct tram__gpu_record));
    s.records = (const void *)(s.bytes + s.head->records_at);
    s.count = s.head->claimed < s.head->capacity ? s.head->claimed : s.head->capacity;
    assert_true(s.head->records_at + s.count * sizeof *s.records <= (uint64_t)st.st_size);
    return s;
}

static struct seen read_ours(int pid, int k) {
    char path[128];
    snprintf(path, sizeof path, k == 1 ? "%s/nccl-%d" : "%s/nccl-%d-%d", folder, pid, k);
    return read_file(path);
}

/* ---- as NCCL calls ---- */

static void *begin(void *context, struct nccl_event_descriptor d) {
    void *event = NULL;
    assert_int_equal(plugin->start(context, &event, &d), 0);
    return event;
}

static void end(void *event) {
    assert_int_equal(plugin->stop(event), 0);
}

/* The kernel's share of a collective, by the GPU's clock from `at` to at + 7. */
static void run_channel(void *context, void *parent, int rank, uint8_t channel, uint64_t at) {
    void *e = begin(context, (struct nccl_event_descriptor){.type = NCCL_EVENT_KERNEL_CHANNEL,
                                                            .parent = parent,
                                                            .rank = rank,
                                                            .kernel_channel = {channel, at}});
    union nccl_state_arguments a = {.gpu_time = at + 7};
    assert_int_equal(plugin->state(e, NCCL_STATE_KERNEL_CHANNEL_STOP, &a), 0);
    assert_int_equal(plugin->state(e, 19, NULL), 0); /* one that is not looked at */
    end(e);
}

static void run_proxy(void *context, void *parent, int rank, pid_t pid, int sends) {
    end(begin(context, (struct nccl_event_descriptor){.type = NCCL_EVENT_PROXY_OP,
                                                      .parent = parent,
                                                      .rank = rank,
                                                      .proxy_op = {pid, 3, 1 - rank, 8, 4096, sends}}));
}

static void run_p2p(void *context, int rank) {
    void *call =
        begin(context, (struct nccl_event_descriptor){.type = NCCL_EVENT_P2P_CALL,
                                                      .rank = rank,
                                                      .p2p_call = {"Send", 10, "ncclInt64", NULL, false}});
    void *e = begin(context,
                    (struct nccl_event_descriptor){
                        .type = NCCL_EVENT_P2P,
                        .parent = call,
                        .rank = rank,
                        .p2p = {.function = "Send", .count = 10, .datatype = "ncclInt64", .peer = 1 - rank}});
    end(e);
    end(call);
}

/* Ten events: a collective within its call, whose parts go on after it was enqueued, and a send. */
static void run_round(void *context, int rank, uint64_t round) {
    void *group = begin(context, (struct nccl_event_descriptor){
                                     .type = NCCL_EVENT_GROUP_CALL, .rank = rank, .group_call = {false, 2}});
    void *call = begin(context, (struct nccl_event_descriptor){
                                    .type = NCCL_EVENT_COLLECTIVE_CALL,
                                    .parent = group,
                                    .rank = rank,
                                    .collective_call = {"AllReduce", 1000, "ncclFloat32", 1, NULL, false}});
    void *c = begin(context, (struct nccl_event_descriptor){.type = NCCL_EVENT_COLLECTIVE,
                                                            .parent = call,
                                                            .rank = rank,
                                                            .collective = {.sequence = round,
                                                                           .function = "AllReduce",
                                                                           .count = 1000,
                                                                           .datatype = "ncclFloat32",
                                                                           .channels = 2,
                                                                           .algorithm = "RING",
                                                                           .protocol = "LL"}});
    end(begin(context, (struct nccl_event_descriptor){
                           .type = NCCL_EVENT_LAUNCH, .parent = group, .rank = rank, .launch = {NULL}}));
    end(c);
    end(call);
    end(group);
    run_proxy(context, c, rank, getpid(), 1);
    run_proxy(context, c, rank, getpid() + 1, 0); /* on behalf of another process, whose parent it names */
    run_channel(context, c, rank, 0, round);
    run_channel(context, c, rank, 1, round);
    run_p2p(context, rank);
    void *not_wanted = begin(context, (struct nccl_event_descriptor){.type = 1 << 5, .rank = rank});
    assert_null(not_wanted);
    end(not_wanted);
}

struct worker {
    pthread_t thread;
    void *context;
    int rank;
};

static void *work(void *arg) {
    const struct worker *w = arg;
    for (uint64_t i = 1; i <= ROUNDS; i++)
        run_round(w->context, w->rank, i);
    return NULL;
}

static void run_threads(void *const *contexts) {
    struct worker w[THREADS];
    for (int i = 0; i < THREADS; i++) {
        w[i] = (struct worker){.context = contexts[i % RANKS], .rank = i % RANKS};
        assert_int_equal(pthread_create(&w[i].thread, NULL, work, &w[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(w[i].thread, NULL);
}

static void *open_context(int rank, int expected_mask) {
    void *context = (void *)1;
    int mask = -1;
    assert_int_equal(plugin->init(&context, 77, &mask, rank ? NULL : "world", 1, RANKS, rank, NULL), 0);
    assert_int_equal(mask, expected_mask);
    return context;
}

enum { ALL = 1 << 1 | 1 << 2 | 1 << 3 | 1 << 6 | 1 << 8 | 1 << 9 | 1 << 10 | 1 << 11 };

/* ---- checks ---- */

static enum tram__gpu_kind parent_kind(enum tram__gpu_kind kind) {
    switch (kind) {
    case TRAM__GPU_COLLECTIVE_CALL:
    case TRAM__GPU_LAUNCH:
        return TRAM__GPU_GROUP_CALL;
    case TRAM__GPU_COLLECTIVE:
        return TRAM__GPU_COLLECTIVE_CALL;
    case TRAM__GPU_P2P:
        return TRAM__GPU_P2P_CALL;
    case TRAM__GPU_PROXY:
    case TRAM__GPU_CHANNEL:
        return TRAM__GPU_COLLECTIVE;
    default:
        return TRAM__GPU_NONE;
    }
}

static void check_parent(const struct seen *s, const struct tram__gpu_record *r, bool foreign) {
    enum tram__gpu_kind wanted = foreign ? TRAM__GPU_NONE : parent_kind((enum tram__gpu_kind)r->kind);
    if (!wanted) {
        assert_int_equal(r->parent, 0);
        return;
    }
    assert_in_range(r->parent, 1, s->count);
    const struct tram__gpu_record *p = &s->records[r->parent - 1];
    assert_int_equal(p->kind, wanted);
    assert_int_equal(p->thread, r->thread);
    assert_int_equal(p->stream, r->stream);
    assert_true(p->begin_ns <= r->begin_ns);
    if (r->kind == TRAM__GPU_CHANNEL) { /* of the same round */
        assert_int_equal(r->number, p->number);
        assert_int_equal(r->id, p->number + 7);
        assert_true(r->detail < 2);
    }
}

static void check_record(const struct seen *s, const struct tram__gpu_record *r) {
    char name[256];
    gpu_name_of(s->head, s->bytes + s->head->names_at, r->name, name);
    assert_in_range(r->kind, TRAM__GPU_COMMUNICATOR, TRAM__GPU_CHANNEL);
    assert_true(r->begin_ns && r->begin_ns <= r->end_ns);
    assert_in_range(r->stream, 1, RANKS);
    assert_int_equal(r->device, r->stream - 1);
    check_parent(s, r, r->kind == TRAM__GPU_PROXY && strcmp(name, "receive") == 0);
    switch (r->kind) {
    case TRAM__GPU_COMMUNICATOR:
        assert_string_equal(name, r->device ? "" : "world");
        assert_true(r->id == 77 && r->detail == RANKS && r->number == 1);
        break;
    case TRAM__GPU_GROUP_CALL:
        assert_int_equal(r->detail, 2);
        break;
    case TRAM__GPU_COLLECTIVE_CALL:
        assert_string_equal(name, "AllReduce ncclFloat32");
        assert_true(r->bytes == 4000 && r->detail == 1);
        break;
    case TRAM__GPU_COLLECTIVE:
        assert_string_equal(name, "AllReduce ncclFloat32 RING LL");
        assert_true(r->bytes == 4000 && r->detail == 2 && r->number >= 1 && r->number <= ROUNDS);
        break;
    case TRAM__GPU_P2P:
    case TRAM__GPU_P2P_CALL:
        assert_string_equal(name, "Send ncclInt64");
        assert_int_equal(r->bytes, 80);
        break;
    case TRAM__GPU_PROXY:
        assert_true(r->bytes == 4096 && r->number == 8 && r->id == 3 && r->detail == 2 - r->device);
        break;
    }
}

/* Two communicators, two threads each. */
static void from_threads(void **state) {
    (void)state;
    static const unsigned wanted[TRAM__GPU_KINDS] = {
        [TRAM__GPU_GROUP_CALL] = 1, [TRAM__GPU_COLLECTIVE_CALL] = 1,
        [TRAM__GPU_LAUNCH] = 1,     [TRAM__GPU_COLLECTIVE] = 1,
        [TRAM__GPU_PROXY] = 2,      [TRAM__GPU_CHANNEL] = 2,
        [TRAM__GPU_P2P_CALL] = 1,   [TRAM__GPU_P2P] = 1};
    uint64_t counts[TRAM__GPU_KINDS] = {0};
    void *contexts[RANKS];
    for (int i = 0; i < RANKS; i++)
        contexts[i] = open_context(i, ALL);
    run_threads(contexts);
    for (int i = 0; i < RANKS; i++)
        assert_int_equal(plugin->finalize(contexts[i]), 0);
    struct seen s = read_ours(getpid(), 1);
    assert_int_equal(s.count, RANKS + THREADS * ROUNDS * PER_ROUND);
    for (uint64_t i = 0; i < s.count; i++) {
        check_record(&s, &s.records[i]);
        counts[s.records[i].kind]++;
    }
    assert_int_equal(counts[TRAM__GPU_COMMUNICATOR], RANKS);
    for (int k = TRAM__GPU_COMMUNICATOR + 1; k < TRAM__GPU_KINDS; k++)
        assert_int_equal(counts[k], (uint64_t)wanted[k] * THREADS * ROUNDS);
    free(s.bytes);
}

/* What does not fit is counted, and is no event. The process has had a communicator before, and gets another after. */
static void full(void **state) {
    (void)state;
    enum { ROOM = 100 };
    setenv("TRAM_NCCL_RECORDS", "100", 1);
    for (int k = 1; k <= 2; k++) {
        void *contexts[RANKS] = {open_context(0, ALL), NULL};
        contexts[1] = contexts[0];
        run_threads(contexts);
        assert_int_equal(plugin->finalize(contexts[0]), 0);
    }
    unsetenv("TRAM_NCCL_RECORDS");
    for (int k = 1; k <= 2; k++) {
        struct seen s = read_ours(getpid(), k);
        assert_int_equal(s.head->capacity, ROOM);
        assert_int_equal(s.head->claimed, 1 + THREADS * ROUNDS * PER_ROUND);
        assert_int_equal(s.count, ROOM);
        for (uint64_t i = 0; i < s.count; i++)
            assert_true(s.records[i].kind && s.records[i].begin_ns);
        free(s.bytes);
    }
}

/* A process that dies leaves what it had recorded, and what was under way. */
static void killed(void **state) {
    (void)state;
    int status;
    pid_t child = fork();
    if (child == 0) {
        void *context = NULL, *event = NULL;
        int mask;
        plugin->init(&context, 5, &mask, "short", 1, 1, 0, NULL);
        struct nccl_event_descriptor d = {.type = NCCL_EVENT_COLLECTIVE,
                                          .collective = {.function = "Broadcast", .sequence = 9}};
        plugin->start(context, &event, &d);
        abort();
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    struct seen s = read_ours(child, 1);
    assert_int_equal(s.count, 2);
    assert_int_equal(s.records[0].kind, TRAM__GPU_COMMUNICATOR);
    assert_int_equal(s.records[1].kind, TRAM__GPU_COLLECTIVE);
    assert_int_equal(s.records[1].number, 9);
    assert_int_equal(s.records[1].end_ns, 0);
    free(s.bytes);
}

/* Nobody asked, or there is nowhere to write: NCCL goes on, and asks for nothing more. */
static void not_asked(void **state) {
    (void)state;
    for (int i = 0; i < 2; i++) {
        int status;
        pid_t child = fork(); /* it is looked at once in a process */
        if (child == 0) {
            void *context = (void *)1, *event = (void *)1;
            int mask = -1;
            if (i)
                setenv("TRAM_NCCL_TRACE", "/nowhere/at/all", 1);
            else
                unsetenv("TRAM_NCCL_TRACE");
            if (i && !freopen("/dev/null", "w", stderr))
                _exit(9);
            int failed = plugin->init(&context, 5, &mask, "short", 1, 1, 0, NULL);
            struct nccl_event_descriptor d = {.type = NCCL_EVENT_LAUNCH};
            failed |= plugin->start(context, &event, &d) | plugin->stop(event) |
                      plugin->state(event, 22, NULL) | plugin->finalize(context);
            _exit(failed || context || event || mask);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
    }
}

int main(void) {
    void *library = dlopen(TRAM_NCCL_PLUGIN, RTLD_NOW | RTLD_LOCAL);
    plugin = library ? dlsym(library, "ncclProfiler_v5") : NULL;
    if (!plugin) {
        fprintf(stderr, "%s\n", dlerror());
        return 1;
    }
    snprintf(folder, sizeof folder, "/tmp/tramline_nccl_%d", (int)getpid());
    if (mkdir(folder, 0755))
        return 1;
    unsetenv("TRAM_TRACE");
    setenv("TRAM_NCCL_TRACE", folder, 1);
    const struct CMUnitTest tests[] = {cmocka_unit_test(not_asked), cmocka_unit_test(from_threads),
                                       cmocka_unit_test(full), cmocka_unit_test(killed)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    rmdir(folder);
    return failed;
}
