/* SPDX-License-Identifier: Apache-2.0
 *
 * The sink of probe/sink.h, by NVTX: a module. One domain, `tramline`; every name is a string registered there, once; a range
 * has a category and the execution as its payload. `measure` is a registered string as well, for only such can start a
 * capture: nsys profile --capture-range=nvtx --nvtx-capture=measure@tramline.
 *
 * The profiler's library is loaded by NVTX at the first call. Where there is none, there is no domain either.
 */
#include "probe/sink.h"

#include <nvtx3/nvToolsExt.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static nvtxDomainHandle_t domain;
static nvtxStringHandle_t measured;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of what follows */
static struct known {
    struct known *next;
    nvtxStringHandle_t string;
    char text[];
} * known;
static nvtxRangeId_t measuring;
static bool is_measuring;

static const char *const categories[TRAM__RANGES] = {
    [TRAM__RANGE_READ] = "read",   [TRAM__RANGE_COMPUTE] = "compute",
    [TRAM__RANGE_WRITE] = "write", [TRAM__RANGE_COLLECTIVE] = "collective",
    [TRAM__RANGE_EAGER] = "eager",
};

static bool heard(void) {
    return domain != NULL;
}

/* Registered once, whoever asks how often: the profiler keeps every string that it is given. */
static void *name(const char *text) {
    void *string = NULL;
    pthread_mutex_lock(&lock);
    struct known *k = known;
    while (k && strcmp(k->text, text) != 0)
        k = k->next;
    if (!k && (k = malloc(sizeof *k + strlen(text) + 1))) {
        strcpy(k->text, text);
        k->string = nvtxDomainRegisterStringA(domain, text);
        k->next = known;
        known = k;
    }
    if (k)
        string = k->string;
    pthread_mutex_unlock(&lock);
    return string;
}

static void thread(const char *text) {
    nvtxNameOsThreadA((uint32_t)syscall(SYS_gettid), text);
}

static void begin(enum tram__range what, void *string, uint64_t number) {
    nvtxEventAttributes_t a = {
        .version = NVTX_VERSION,
        .size = NVTX_EVENT_ATTRIB_STRUCT_SIZE,
        .category = (uint32_t)what,
        .payloadType = NVTX_PAYLOAD_TYPE_UNSIGNED_INT64,
        .payload.ullValue = number,
        .messageType = NVTX_MESSAGE_TYPE_REGISTERED,
        .message.registered = string,
    };
    nvtxDomainRangePushEx(domain, &a);
}

static void end(void) {
    nvtxDomainRangePop(domain);
}

static void measure(bool begins) {
    nvtxEventAttributes_t a = {
        .version = NVTX_VERSION,
        .size = NVTX_EVENT_ATTRIB_STRUCT_SIZE,
        .messageType = NVTX_MESSAGE_TYPE_REGISTERED,
        .message.registered = measured,
    };
    pthread_mutex_lock(&lock);
    if (begins && !is_measuring)
        measuring = nvtxDomainRangeStartEx(domain, &a);
    else if (!begins && is_measuring)
        nvtxDomainRangeEnd(domain, measuring);
    is_measuring = begins;
    pthread_mutex_unlock(&lock);
}

static const struct tram__probe_sink sink = {heard, name, thread, begin, end, measure};

__attribute__((visibility("default"))) tram__probe_sink_module tram__probe_sink_enter;

const struct tram__probe_sink *tram__probe_sink_enter(uint32_t version) {
    if (version != TRAM__SINK_VERSION)
        return NULL;
    domain = nvtxDomainCreateA("tramline");
    measured = name("measure");
    for (uint32_t i = 1; i < TRAM__RANGES; i++)
        nvtxDomainNameCategoryA(domain, i, categories[i]);
    return &sink;
}
