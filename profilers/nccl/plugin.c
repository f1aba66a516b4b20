/* SPDX-License-Identifier: Apache-2.0
 *
 * A profiler plugin for NCCL: what it does goes into the file nccl-PID (probe/gpu.h) of the folder that TRAM_NCCL_TRACE names,
 * or of the run that TRAM_TRACE traces; TRAM_NCCL_RECORDS is how many records it has room for. NCCL is told of it by NCCL_PROFILER_PLUGIN=.../libtramline_nccl_profiler.so.
 *
 * An event is a record of the file from its start on: its address is what NCCL knows it by, and stays good for as long as the
 * file is open. No record is used twice, so that an event which outlives its parent, as the parts of a collective outlive its
 * enqueuing, can still name it. Starting one is an atomic addition, a look at names that mostly are there, and a clock reading;
 * without room there is no event, which NCCL knows as NULL. Nothing here can fail as far as NCCL sees.
 */
#include "profilers/gpu/file.h"
#include "profilers/nccl/interface.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    MOST = 1 << 18,
    WANTED = NCCL_EVENT_COLLECTIVE | NCCL_EVENT_P2P | NCCL_EVENT_PROXY_OP | NCCL_EVENT_KERNEL_CHANNEL |
             NCCL_EVENT_GROUP_CALL | NCCL_EVENT_COLLECTIVE_CALL | NCCL_EVENT_P2P_CALL | NCCL_EVENT_LAUNCH
};

/* One communicator. */
struct context {
    uint32_t number;
    struct tram__gpu_record *record; /* NULL: there was no room */
};

/* Of the process; the file is open while there are communicators. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct tram__gpu_file file;
static uint32_t users, last_number;
static bool given_up;

static uint32_t thread_id(void) {
    static _Thread_local uint32_t tid;
    if (!tid)
        tid = (uint32_t)syscall(SYS_gettid);
    return tid;
}

/* ---- the file ---- */

static bool find_folder(char *out, size_t size) {
    const char *folder = getenv("TRAM_NCCL_TRACE"), *trace = getenv("TRAM_TRACE");
    if (folder && *folder)
        return snprintf(out, size, "%s", folder) < (int)size;
    return trace && *trace && snprintf(out, size, "%s.rings", trace) < (int)size;
}

/* With the lock. */
static bool open_file(void) {
    char folder[4096], why[4400];
    const char *given = getenv("TRAM_NCCL_RECORDS");
    uint64_t most = given ? strtoull(given, NULL, 10) : 0;
    if (file.head || given_up)
        return !given_up;
    given_up = true;
    if (!find_folder(folder, sizeof folder))
        return false;
    if (tram__gpu_file_open(&file, folder, "nccl", most && most < UINT32_MAX ? most : MOST, why,
                            sizeof why)) {
        fprintf(stderr, "tramline: no trace of NCCL: %s\n", why);
        return false;
    }
    given_up = false;
    return true;
}

/* ---- events ---- */

static uint64_t bytes_of(size_t count, const char *datatype) {
    static const struct {
        const char *name;
        unsigned bytes;
    } sizes[] = {{"ncclInt8", 1},       {"ncclUint8", 1},   {"ncclChar", 1},   {"ncclFloat8e4m3", 1},
                 {"ncclFloat8e5m2", 1}, {"ncclFloat16", 2}, {"ncclHalf", 2},   {"ncclBfloat16", 2},
                 {"ncclInt32", 4},      {"ncclUint32", 4},  {"ncclInt", 4},    {"ncclFloat32", 4},
                 {"ncclFloat", 4},      {"ncclInt64", 8},   {"ncclUint64", 8}, {"ncclFloat64", 8},
                 {"ncclDouble", 8}};
    for (size_t i = 0; datatype && i < sizeof sizes / sizeof sizes[0]; i++)
        if (strcmp(sizes[i].name, datatype) == 0)
            return (uint64_t)count * sizes[i].bytes;
    return count;
}

static uint32_t operation_name(const char *function, const char *datatype, const char *algorithm,
                               const char *protocol) {
    char text[200];
    snprintf(text, sizeof text, "%s%s%s%s%s%s%s", function ? function : "?", datatype ? " " : "",
             datatype ? datatype : "", algorithm ? " " : "", algorithm ? algorithm : "", protocol ? " " : "",
             protocol ? protocol : "");
    return tram__gpu_name(&file, text);
}

/* A CUDA stream is known by its address alone. */
static uint64_t address(const void *p) {
    return (uint64_t)(uintptr_t)p;
}

/* Calls of the program's. */
static enum tram__gpu_kind describe_call(struct tram__gpu_record *r, const struct nccl_event_descriptor *d) {
    switch (d->type) {
    case NCCL_EVENT_GROUP_CALL:
        r->detail = (uint32_t)d->group_call.depth;
        return TRAM__GPU_GROUP_CALL;
    case NCCL_EVENT_COLLECTIVE_CALL:
        r->name = operation_name(d->collective_call.function, d->collective_call.datatype, NULL, NULL);
        r->bytes = bytes_of(d->collective_call.count, d->collective_call.datatype);
        r->detail = (uint32_t)d->collective_call.root;
        r->id = address(d->collective_call.stream);
        return TRAM__GPU_COLLECTIVE_CALL;
    case NCCL_EVENT_P2P_CALL:
        r->name = operation_name(d->p2p_call.function, d->p2p_call.datatype, NULL, NULL);
        r->bytes = bytes_of(d->p2p_call.count, d->p2p_call.datatype);
        r->id = address(d->p2p_call.stream);
        return TRAM__GPU_P2P_CALL;
    case NCCL_EVENT_LAUNCH:
        r->id = address(d->launch.stream);
        return TRAM__GPU_LAUNCH;
    }
    return TRAM__GPU_NONE;
}

/* What NCCL makes of them. NONE: an event that was not asked for. */
static enum tram__gpu_kind describe(struct tram__gpu_record *r, const struct nccl_event_descriptor *d) {
    switch (d->type) {
    case NCCL_EVENT_COLLECTIVE:
        r->name = operation_name(d->collective.function, d->collective.datatype, d->collective.algorithm,
                                 d->collective.protocol);
        r->bytes = bytes_of(d->collective.count, d->collective.datatype);
        r->number = d->collective.sequence;
        r->detail = d->collective.channels;
        return TRAM__GPU_COLLECTIVE;
    case NCCL_EVENT_P2P:
        r->name = operation_name(d->p2p.function, d->p2p.datatype, NULL, NULL);
        r->bytes = bytes_of(d->p2p.count, d->p2p.datatype);
        r->detail = 1 + (uint32_t)d->p2p.peer;
        return TRAM__GPU_P2P;
    case NCCL_EVENT_PROXY_OP:
        r->name = tram__gpu_name(&file, d->proxy_op.sends ? "send" : "receive");
        r->bytes = (uint64_t)d->proxy_op.step_bytes;
        r->number = (uint64_t)d->proxy_op.steps;
        r->detail = 1 + (uint32_t)d->proxy_op.peer;
        r->id = d->proxy_op.channel;
        return TRAM__GPU_PROXY;
    case NCCL_EVENT_KERNEL_CHANNEL:
        r->detail = d->kernel_channel.channel;
        r->number = d->kernel_channel.gpu_time;
        return TRAM__GPU_CHANNEL;
    }
    return describe_call(r, d);
}

static int start(void *context, void **event, struct nccl_event_descriptor *d) {
    const struct context *c = context;
    *event = NULL;
    if (!c || !(d->type & WANTED))
        return 0;
    uint64_t begin = tram__gpu_now_ns();
    struct tram__gpu_record *r = tram__gpu_claim(&file);
    if (!r)
        return 0;
    enum tram__gpu_kind kind = describe(r, d);
    bool foreign = d->type == NCCL_EVENT_PROXY_OP && d->proxy_op.pid != getpid();
    r->device = (uint32_t)d->rank;
    r->stream = c->number;
    r->parent = foreign ? 0 : tram__gpu_place(&file, d->parent);
    r->thread = thread_id();
    r->begin_ns = begin;
    tram__gpu_publish(r, kind);
    *event = r;
    return 0;
}

static int stop(void *event) {
    struct tram__gpu_record *r = event;
    if (r)
        r->end_ns = tram__gpu_now_ns();
    return 0;
}

static int state(void *event, int reached, union nccl_state_arguments *arguments) {
    struct tram__gpu_record *r = event;
    if (r && arguments && reached == NCCL_STATE_KERNEL_CHANNEL_STOP &&
        tram__load32_relaxed(&r->kind) == TRAM__GPU_CHANNEL)
        r->id = arguments->gpu_time;
    return 0;
}

/* ---- communicators ---- */

static void describe_communicator(struct context *c, uint64_t id, const char *name, int nodes, int ranks,
                                  int rank) {
    struct tram__gpu_record *r = c->record = tram__gpu_claim(&file);
    if (!r)
        return;
    r->name = tram__gpu_name(&file, name);
    r->device = (uint32_t)rank;
    r->stream = c->number;
    r->id = id;
    r->number = (uint64_t)nodes;
    r->detail = (uint32_t)ranks;
    r->thread = thread_id();
    r->begin_ns = tram__gpu_now_ns();
    tram__gpu_publish(r, TRAM__GPU_COMMUNICATOR);
}

static int init(void **context, uint64_t id, int *mask, const char *name, int nodes, int ranks, int rank,
                nccl_log *log) {
    (void)log;
    *context = NULL;
    struct context *c = malloc(sizeof *c);
    pthread_mutex_lock(&lock);
    if (c && open_file()) {
        users++;
        c->number = ++last_number;
        describe_communicator(c, id, name, nodes, ranks, rank);
        *context = c;
        *mask = WANTED;
        c = NULL;
    } else {
        *mask = 0;
    }
    pthread_mutex_unlock(&lock);
    free(c);
    return 0;
}

static int finalize(void *context) {
    struct context *c = context;
    if (!c)
        return 0;
    pthread_mutex_lock(&lock);
    if (c->record)
        c->record->end_ns = tram__gpu_now_ns();
    if (--users == 0) /* NCCL may unload the plugin now; the next communicator gets a file of its own */
        tram__gpu_file_close(&file);
    pthread_mutex_unlock(&lock);
    free(c);
    return 0;
}

__attribute__((visibility("default"))) extern const struct nccl_profiler ncclProfiler_v5;
const struct nccl_profiler ncclProfiler_v5 = {"Tramline", init, start, stop, state, finalize};
