/* SPDX-License-Identifier: Apache-2.0
 *
 * What the GPU does, by CUPTI: a module (probe/watch.h). CUPTI fills buffers, which it gives back on a thread of its own; there
 * each of their records becomes one of probe/gpu.h. Its clock is ours, CLOCK_MONOTONIC, into which it converts the GPU's times.
 *
 * Every call of the CUDA runtime has a correlation, which what it has the GPU do bears as well. Around a task the calling thread
 * has an external correlation, the task; CUPTI links the two. TRAM_GPU_RECORDS of the environment is how many records the file
 * has room for.
 */
#include "probe/watch.h"
#include "profilers/cupti/convert.h"

#include <cupti.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUFFER_BYTES = 4 << 20, MOST_BUFFERS = 16, ALIGNMENT = 8, RECORDS = 1 << 18 };

static const CUpti_ActivityKind kinds[] = {
    CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL, CUPTI_ACTIVITY_KIND_MEMCPY,
    CUPTI_ACTIVITY_KIND_MEMCPY2,           CUPTI_ACTIVITY_KIND_MEMSET,
    CUPTI_ACTIVITY_KIND_RUNTIME,           CUPTI_ACTIVITY_KIND_EXTERNAL_CORRELATION,
    CUPTI_ACTIVITY_KIND_SYNCHRONIZATION,   CUPTI_ACTIVITY_KIND_OVERHEAD};

static struct tram__gpu_file file;
static CUpti_SubscriberHandle subscriber;
static _Atomic int buffers;  /* that CUPTI has */
static _Atomic bool is_open; /* the file takes records */

/* ---- records ---- */

static enum tram__gpu_way way_of(uint8_t kind) {
    switch (kind) {
    case CUPTI_ACTIVITY_MEMCPY_KIND_HTOD:
    case CUPTI_ACTIVITY_MEMCPY_KIND_HTOA:
        return TRAM__GPU_TO_DEVICE;
    case CUPTI_ACTIVITY_MEMCPY_KIND_DTOH:
    case CUPTI_ACTIVITY_MEMCPY_KIND_ATOH:
        return TRAM__GPU_TO_HOST;
    case CUPTI_ACTIVITY_MEMCPY_KIND_ATOA:
    case CUPTI_ACTIVITY_MEMCPY_KIND_ATOD:
    case CUPTI_ACTIVITY_MEMCPY_KIND_DTOA:
    case CUPTI_ACTIVITY_MEMCPY_KIND_DTOD:
        return TRAM__GPU_ON_DEVICE;
    case CUPTI_ACTIVITY_MEMCPY_KIND_HTOH:
        return TRAM__GPU_ON_HOST;
    case CUPTI_ACTIVITY_MEMCPY_KIND_PTOP:
        return TRAM__GPU_BETWEEN_DEVICES;
    }
    return TRAM__GPU_UNKNOWN;
}

static struct tram__gpu_record *claim(struct tram__gpu_file *f, uint64_t begin, uint64_t end, uint32_t id) {
    struct tram__gpu_record *r = tram__gpu_claim(f);
    if (!r)
        return NULL;
    r->begin_ns = begin;
    r->end_ns = end;
    r->id = id;
    return r;
}

static uint32_t product(int32_t x, int32_t y, int32_t z) {
    uint64_t all = (uint64_t)(uint32_t)x * (uint32_t)y;
    all = all > UINT32_MAX ? UINT32_MAX : all * (uint32_t)z;
    return all > UINT32_MAX ? UINT32_MAX : (uint32_t)all;
}

static void keep_kernel(struct tram__gpu_file *f, const CUpti_ActivityKernel10 *k) {
    struct tram__gpu_record *r = claim(f, k->start, k->end, k->correlationId);
    if (!r)
        return;
    r->name = tram__gpu_name(f, k->name);
    r->device = k->deviceId;
    r->stream = k->streamId;
    r->detail = product(k->gridX, k->gridY, k->gridZ);
    r->number = product(k->blockX, k->blockY, k->blockZ);
    tram__gpu_publish(r, TRAM__GPU_KERNEL);
}

static void keep_copy(struct tram__gpu_file *f, const CUpti_ActivityMemcpy6 *c) {
    struct tram__gpu_record *r = claim(f, c->start, c->end, c->correlationId);
    if (!r)
        return;
    r->device = c->deviceId;
    r->stream = c->streamId;
    r->bytes = c->bytes;
    r->detail = way_of(c->copyKind);
    tram__gpu_publish(r, TRAM__GPU_COPY);
}

static void keep_peer_copy(struct tram__gpu_file *f, const CUpti_ActivityMemcpyPtoP4 *c) {
    struct tram__gpu_record *r = claim(f, c->start, c->end, c->correlationId);
    if (!r)
        return;
    r->device = c->deviceId;
    r->stream = c->streamId;
    r->bytes = c->bytes;
    r->detail = TRAM__GPU_BETWEEN_DEVICES;
    r->number = 1 + (uint64_t)(c->srcDeviceId == c->deviceId ? c->dstDeviceId : c->srcDeviceId);
    tram__gpu_publish(r, TRAM__GPU_COPY);
}

static void keep_fill(struct tram__gpu_file *f, const CUpti_ActivityMemset4 *m) {
    struct tram__gpu_record *r = claim(f, m->start, m->end, m->correlationId);
    if (!r)
        return;
    r->device = m->deviceId;
    r->stream = m->streamId;
    r->bytes = m->bytes;
    tram__gpu_publish(r, TRAM__GPU_FILL);
}

static void keep_call(struct tram__gpu_file *f, const CUpti_ActivityAPI *a) {
    struct tram__gpu_record *r = claim(f, a->start, a->end, a->correlationId);
    const char *name = NULL;
    if (!r)
        return;
    if (cuptiGetCallbackName(CUPTI_CB_DOMAIN_RUNTIME_API, a->cbid, &name) == CUPTI_SUCCESS)
        r->name = tram__gpu_name(f, name);
    r->detail = a->cbid;
    r->thread = a->threadId;
    tram__gpu_publish(r, TRAM__GPU_CALL);
}

static void keep_wait(struct tram__gpu_file *f, const CUpti_ActivitySynchronization2 *s) {
    static const char *const names[] = {"", "event synchronize", "stream wait event", "stream synchronize",
                                        "context synchronize"};
    struct tram__gpu_record *r = claim(f, s->start, s->end, s->correlationId);
    if (!r)
        return;
    if ((size_t)s->type < sizeof names / sizeof names[0])
        r->name = tram__gpu_name(f, names[s->type]);
    r->stream = s->streamId;
    tram__gpu_publish(r, TRAM__GPU_SYNC);
}

static const char *overhead_name(CUpti_ActivityOverheadKind kind) {
    switch (kind) {
    case CUPTI_ACTIVITY_OVERHEAD_DRIVER_COMPILER:
        return "driver compiler";
    case CUPTI_ACTIVITY_OVERHEAD_CUPTI_BUFFER_FLUSH:
        return "flushing buffers";
    case CUPTI_ACTIVITY_OVERHEAD_CUPTI_INSTRUMENTATION:
        return "instrumentation";
    case CUPTI_ACTIVITY_OVERHEAD_CUPTI_RESOURCE:
        return "resources of the profiler";
    case CUPTI_ACTIVITY_OVERHEAD_RUNTIME_TRIGGERED_MODULE_LOADING:
    case CUPTI_ACTIVITY_OVERHEAD_LAZY_FUNCTION_LOADING:
        return "loading of code";
    case CUPTI_ACTIVITY_OVERHEAD_COMMAND_BUFFER_FULL:
        return "command buffer full";
    default:
        return "other overhead";
    }
}

static void keep_overhead(struct tram__gpu_file *f, const CUpti_ActivityOverhead3 *o) {
    struct tram__gpu_record *r = claim(f, o->start, o->end, o->correlationId);
    if (!r)
        return;
    r->name = tram__gpu_name(f, overhead_name(o->overheadKind));
    if (o->objectKind == CUPTI_ACTIVITY_OBJECT_THREAD)
        r->thread = o->objectId.pt.threadId;
    tram__gpu_publish(r, TRAM__GPU_OVERHEAD);
}

static void keep_link(struct tram__gpu_file *f, const CUpti_ActivityExternalCorrelation *e) {
    struct tram__gpu_record *r =
        e->externalKind == CUPTI_EXTERNAL_CORRELATION_KIND_CUSTOM0 ? claim(f, 0, 0, e->correlationId) : NULL;
    if (!r)
        return;
    r->parent = e->externalId;
    tram__gpu_publish(r, TRAM__GPU_LINK);
}

void tram__cupti_record(struct tram__gpu_file *f, const void *activity) {
    switch (((const CUpti_Activity *)activity)->kind) {
    case CUPTI_ACTIVITY_KIND_KERNEL:
    case CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL:
        keep_kernel(f, activity);
        break;
    case CUPTI_ACTIVITY_KIND_MEMCPY:
        keep_copy(f, activity);
        break;
    case CUPTI_ACTIVITY_KIND_MEMCPY2:
        keep_peer_copy(f, activity);
        break;
    case CUPTI_ACTIVITY_KIND_MEMSET:
        keep_fill(f, activity);
        break;
    case CUPTI_ACTIVITY_KIND_RUNTIME:
        keep_call(f, activity);
        break;
    case CUPTI_ACTIVITY_KIND_SYNCHRONIZATION:
        keep_wait(f, activity);
        break;
    case CUPTI_ACTIVITY_KIND_OVERHEAD:
        keep_overhead(f, activity);
        break;
    case CUPTI_ACTIVITY_KIND_EXTERNAL_CORRELATION:
        keep_link(f, activity);
        break;
    default:
        break;
    }
}

/* ---- what CUPTI calls ---- */

/* Without a buffer CUPTI drops, and counts. */
static void CUPTIAPI give_buffer(uint8_t **buffer, size_t *size, size_t *most_records) {
    bool one_more = atomic_fetch_add_explicit(&buffers, 1, memory_order_relaxed) < MOST_BUFFERS;
    *buffer = one_more ? aligned_alloc(ALIGNMENT, BUFFER_BYTES) : NULL;
    *size = *buffer ? BUFFER_BYTES : 0;
    *most_records = 0;
    if (!*buffer)
        atomic_fetch_sub_explicit(&buffers, 1, memory_order_relaxed);
}

static void CUPTIAPI take_buffer(CUcontext context, uint32_t stream, uint8_t *buffer, size_t size,
                                 size_t valid) {
    CUpti_Activity *record = NULL;
    size_t lost = 0;
    (void)size;
    bool takes =
        atomic_load_explicit(&is_open, memory_order_acquire); /* a straggler may come after the end */
    while (takes && valid && cuptiActivityGetNextRecord(buffer, valid, &record) == CUPTI_SUCCESS)
        tram__cupti_record(&file, record);
    if (takes && cuptiActivityGetNumDroppedRecords(context, stream, &lost) == CUPTI_SUCCESS && lost)
        atomic_fetch_add_explicit(&file.head->lost, lost, memory_order_relaxed);
    if (buffer)
        atomic_fetch_sub_explicit(&buffers, 1, memory_order_relaxed);
    free(buffer);
}

static void CUPTIAPI ignore(void *own, CUpti_CallbackDomain domain, CUpti_CallbackId id, const void *data) {
    (void)own;
    (void)domain;
    (void)id;
    (void)data;
}

/* ---- the module ---- */

static void begin(uint64_t task) {
    cuptiActivityPushExternalCorrelationId(CUPTI_EXTERNAL_CORRELATION_KIND_CUSTOM0, task);
}

static void end(void) {
    uint64_t last;
    cuptiActivityPopExternalCorrelationId(CUPTI_EXTERNAL_CORRELATION_KIND_CUSTOM0, &last);
}

/* What is not finished is forced out at last: the device has done everything, whatever CUPTI still makes of it. */
static void close_all(void) {
    cuptiActivityFlushAll(0);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        cuptiActivityDisable(kinds[i]);
    cuptiActivityFlushAll(CUPTI_ACTIVITY_FLAG_FLUSH_FORCED);
    cuptiUnsubscribe(subscriber);
    atomic_store_explicit(&is_open, false, memory_order_release);
    tram__gpu_file_close(&file);
}

static bool failed(CUptiResult result, const char *doing, char *why, size_t size) {
    const char *text = "?";
    if (result == CUPTI_SUCCESS)
        return false;
    cuptiGetResultString(result, &text);
    snprintf(why, size, "CUPTI: %s: %s", doing, text);
    return true;
}

static bool subscribe(char *why, size_t size) {
    char owner[256] = "";
    uint32_t version = 0;
    CUpti_SubscriberParams params = {.structSize = CUpti_SubscriberParams_STRUCT_SIZE,
                                     .subscriberName = "tramline",
                                     .oldSubscriberName = owner,
                                     .oldSubscriberSize = sizeof owner};
    if (failed(cuptiGetVersion(&version), "its version", why, size))
        return false;
    if (version / 10000 != CUPTI_API_VERSION / 10000) { /* its records would not be what they are taken for */
        snprintf(why, size, "CUPTI is of version %u, and %u is expected", version, CUPTI_API_VERSION);
        return false;
    }
    CUptiResult result = cuptiSubscribe_v2(&subscriber, ignore, NULL, &params);
    if (result == CUPTI_ERROR_MULTIPLE_SUBSCRIBERS_NOT_SUPPORTED) {
        snprintf(why, size, "another profiler owns the device%s%s", *owner ? ": " : "", owner);
        return false;
    }
    return !failed(result, "subscribing", why, size);
}

/* The clock comes before any kind, as the first enabling fixes it. */
static bool enable(char *why, size_t size) {
    if (failed(cuptiActivityRegisterTimestampCallback(tram__gpu_now_ns), "its clock", why, size) ||
        failed(cuptiActivityRegisterCallbacks(give_buffer, take_buffer), "its buffers", why, size))
        return false;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (failed(cuptiActivityEnable(kinds[i]), "recording", why, size))
            return false;
    return true;
}

static const struct tram__probe_watch watch = {begin, end, close_all};

__attribute__((visibility("default"))) tram__probe_watch_module tram__probe_watch_enter;

const struct tram__probe_watch *tram__probe_watch_enter(uint32_t version, const char *folder, char *why,
                                                        size_t size) {
    const char *given = getenv("TRAM_GPU_RECORDS");
    uint64_t most = given ? strtoull(given, NULL, 10) : 0;
    if (version != TRAM__WATCH_VERSION) {
        snprintf(why, size, "the module is of another version");
        return NULL;
    }
    if (!subscribe(why, size))
        return NULL;
    if (tram__gpu_file_open(&file, folder, "gpu", most && most < UINT32_MAX ? most : RECORDS, why, size)) {
        cuptiUnsubscribe(subscriber);
        return NULL;
    }
    atomic_store_explicit(&is_open, true, memory_order_release);
    if (enable(why, size))
        return &watch;
    close_all();
    return NULL;
}
