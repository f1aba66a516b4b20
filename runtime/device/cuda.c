/* SPDX-License-Identifier: Apache-2.0
 *
 * CUDA devices, by the CUDA Runtime and cuBLAS: a module (module.h). Memory comes from cudaMalloc, its events are
 * interprocess events; both are lent by CUDA IPC handles, which need no descriptor. An event of CUDA carries no number: it
 * stands for the last time that it was recorded, and a signal is given before its await is, so the number is not needed.
 *
 * One GPU serves several processes in turns, each within its own time slice, unless MPS runs; events order them all the same.
 */
#include "device/module.h"
#include "tramline/tramline.h"

#include <cublas_v2.h>
#include <cuda_runtime_api.h>
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct tram__device_services *services;
extern const struct tram__device_ops tram__device_cuda;

struct cuda_device {
    struct tram__device base;
    struct cudaDeviceProp properties;
    struct tram__ties ties; /* as they were when it was opened */
    bool
        stuck; /* a stream was given up that may wait for a process that is dead: freeing memory would wait with it */
};

struct tram__stream {
    struct cuda_device *d;
    cudaStream_t stream;
    cublasHandle_t blas;
    bool
        awaits; /* something of others, maybe: it was given an await since it was last seen to have done everything */
};

/* Memory that others import has its blocks to itself: what the driver cuts from one block is lent as a whole. */
enum { BLOCK = 2 << 20 };

/* What others need to import a memory; the handles of its events follow. */
struct blob {
    uint64_t size;
    uint32_t events, reserved;
    cudaIpcMemHandle_t memory;
};

struct mapped {
    cudaEvent_t *events;
    struct blob *blob; /* OWN */
};

static int failed(int status, const struct cuda_device *d, const char *doing, cudaError_t error) {
    cudaGetLastError(); /* it is told: the next call starts afresh */
    if (error == cudaErrorMemoryAllocation)
        status = TRAM_ERR_NO_MEMORY;
    return services->fail(status, "cuda:%d: %s: %s (%s)", d->base.ordinal, doing, cudaGetErrorString(error),
                          cudaGetErrorName(error));
}

#define TRY(call, doing)                                      \
    do {                                                      \
        cudaError_t error_ = (call);                          \
        if (error_ != cudaSuccess)                            \
            return failed(TRAM_ERR_SYSTEM, d, doing, error_); \
    } while (0)

static struct cuda_device *of(struct tram__device *d) {
    return (struct cuda_device *)d;
}

/* ---- memory ---- */

static int make_events(struct cuda_device *d, struct tram__memory *m, struct mapped *own) {
    cudaIpcEventHandle_t *handles = (cudaIpcEventHandle_t *)(own->blob + 1);
    for (uint32_t i = 0; i < m->events; i++) {
        TRY(cudaEventCreateWithFlags(&own->events[i], cudaEventDisableTiming | cudaEventInterprocess),
            "an event");
        if (m->handle.size)
            TRY(cudaIpcGetEventHandle(&handles[i], own->events[i]), "a handle of an event");
    }
    return TRAM_OK;
}

/* On a stream of its own: others may be waiting for work of other processes. */
static int zero(struct cuda_device *d, void *data, size_t size) {
    cudaStream_t stream;
    TRY(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "a stream");
    cudaError_t error = cudaMemsetAsync(data, 0, size, stream);
    if (error == cudaSuccess)
        error = cudaStreamSynchronize(stream);
    cudaStreamDestroy(stream);
    TRY(error, "zeroing memory");
    return TRAM_OK;
}

static int allocate(struct cuda_device *d, struct tram__memory *m, struct mapped *own) {
    size_t bytes = sizeof *own->blob + m->events * sizeof(cudaIpcEventHandle_t), size = m->size, left, all;
    own->blob = calloc(1, bytes);
    if (!own->blob)
        return services->fail(TRAM_ERR_NO_MEMORY, "cuda:%d: a handle", d->base.ordinal);
    own->blob->size = m->size;
    own->blob->events = m->events;
    m->handle =
        (struct tram__memory_handle){.fd = -1, .bytes = (unsigned char *)own->blob, .size = (uint32_t)bytes};
    if (!size) /* events alone, which also those import that could not reach the memory */
        return make_events(d, m, own);
    TRY(cudaMemGetInfo(&left, &all), "asking for its memory");
    if (size > left)
        return services->fail(TRAM_ERR_NO_MEMORY, "cuda:%d: %zu bytes are wanted, %zu of %zu are available",
                              d->base.ordinal, size, left, all);
    TRY(cudaMalloc(&m->data, m->events ? (size + BLOCK - 1) / BLOCK * BLOCK : size), "allocating memory");
    int status = zero(d, m->data, size);
    if (status)
        return status;
    if (cudaIpcGetMemHandle(&own->blob->memory, m->data) != cudaSuccess) {
        cudaGetLastError();
        m->handle.size = 0; /* it serves this process all the same; facts say that it cannot be lent */
    }
    return make_events(d, m, own);
}

static int import(struct cuda_device *d, struct tram__memory *m, struct mapped *own) {
    struct blob b;
    if (m->handle.size < sizeof b)
        return services->fail(TRAM_ERR_PROTOCOL, "cuda:%d: a handle of %u bytes", d->base.ordinal,
                              m->handle.size);
    memcpy(&b, m->handle.bytes, sizeof b);
    if (b.size != m->size || b.events != m->events ||
        m->handle.size != sizeof b + (uint64_t)b.events * sizeof(cudaIpcEventHandle_t))
        return services->fail(TRAM_ERR_PROTOCOL,
                              "cuda:%d: a handle of %llu bytes and %u events, where %llu and %u are expected",
                              d->base.ordinal, (unsigned long long)b.size, b.events,
                              (unsigned long long)m->size, m->events);
    if (b.size)
        TRY(cudaIpcOpenMemHandle(&m->data, b.memory, cudaIpcMemLazyEnablePeerAccess),
            "opening the memory of another process");
    for (uint32_t i = 0; i < m->events; i++) {
        cudaIpcEventHandle_t handle;
        memcpy(&handle, m->handle.bytes + sizeof b + i * sizeof handle, sizeof handle);
        TRY(cudaIpcOpenEventHandle(&own->events[i], handle), "opening an event of another process");
    }
    return TRAM_OK;
}

static int pin(struct cuda_device *d, const struct tram__memory *m) {
    unsigned flags = cudaHostRegisterPortable | (m->read_only ? cudaHostRegisterReadOnly : 0);
    TRY(cudaHostRegister(m->data, m->size, flags), "pinning host memory");
    return TRAM_OK;
}

static void unmap(struct cuda_device *d, struct tram__memory *m) {
    struct mapped *own = m->own;
    cudaSetDevice(d->base.ordinal);
    for (uint32_t i = 0; own && !d->stuck && i < m->events; i++)
        if (own->events[i])
            cudaEventDestroy(own->events[i]);
    if (d->stuck)
        ;
    else if (m->kind == TRAM__MEMORY_OWN && m->data)
        cudaFree(m->data);
    else if (m->kind == TRAM__MEMORY_IMPORTED && m->data)
        cudaIpcCloseMemHandle(m->data);
    else if (m->kind == TRAM__MEMORY_PINNED)
        cudaHostUnregister(m->data);
    cudaGetLastError();
    if (own) {
        free(own->events);
        free(own->blob);
    }
    free(own);
    *m = (struct tram__memory){.handle.fd = -1};
}

static int cuda_map(struct tram__device *device, struct tram__memory *m) {
    struct cuda_device *d = of(device);
    TRY(cudaSetDevice(d->base.ordinal), "using it");
    if (m->kind == TRAM__MEMORY_PINNED) {
        int status = pin(d, m);
        if (!status)
            tram__device_mapped(device);
        return status;
    }
    struct tram__memory_handle given = m->handle;
    struct mapped *own = calloc(1, sizeof *own);
    m->data = NULL;
    if (own)
        own->events = calloc(m->events + 1, sizeof(cudaEvent_t));
    if (!own || !own->events) {
        free(own);
        return services->fail(TRAM_ERR_NO_MEMORY, "cuda:%d: a memory", d->base.ordinal);
    }
    m->own = own;
    int status = m->kind == TRAM__MEMORY_OWN ? allocate(d, m, own) : import(d, m, own);
    if (!status)
        tram__device_mapped(device);
    if (status) {
        unmap(d, m);
        m->handle = given;
    }
    return status;
}

static void cuda_unmap(struct tram__device *device, struct tram__memory *m) {
    tram__device_mapped(device);
    unmap(of(device), m);
}

/* ---- streams ---- */

static int cuda_stream(struct tram__device *device, struct tram__stream **out) {
    struct cuda_device *d = of(device);
    TRY(cudaSetDevice(d->base.ordinal), "using it");
    struct tram__stream *s = calloc(1, sizeof *s);
    if (!s)
        return services->fail(TRAM_ERR_NO_MEMORY, "cuda:%d: a stream", d->base.ordinal);
    s->d = d;
    cudaError_t error = cudaStreamCreateWithFlags(&s->stream, cudaStreamNonBlocking);
    if (error != cudaSuccess) {
        free(s);
        return failed(TRAM_ERR_SYSTEM, d, "a stream", error);
    }
    *out = s;
    return TRAM_OK;
}

/* What was given to a stream cannot be taken back: it is waited for, but not for ever, as it may wait for a process that is
 * dead. Then it is left to the end of this one, and so is all memory. */
#define DROP_S 2.0

static int cuda_wait(struct tram__stream *s, double timeout_s);

static void cuda_drop(struct tram__stream *s) {
    cudaSetDevice(s->d->base.ordinal);
    if (cuda_wait(s, DROP_S) == TRAM_ERR_TIMED_OUT) {
        s->d->stuck = true;
    } else {
        if (s->blas)
            cublasDestroy(s->blas);
        cudaStreamDestroy(s->stream);
    }
    cudaGetLastError();
    free(s);
}

/* For so long a wait polls; then it looks again after naps, which cost a long one little. */
#define POLL_S 200e-6
static const struct timespec nap = {.tv_nsec = 50000};

/* Looks until the stream has done everything: 0, or ERR_TIMED_OUT, or what went wrong. */
static int poll_done(struct tram__stream *s, double timeout_s) {
    struct cuda_device *d = s->d;
    struct timespec begin, now;
    cudaError_t error;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    while ((error = cudaStreamQuery(s->stream)) == cudaErrorNotReady) {
        clock_gettime(CLOCK_MONOTONIC, &now);
        double took = (double)(now.tv_sec - begin.tv_sec) + 1e-9 * (double)(now.tv_nsec - begin.tv_nsec);
        if (took >= timeout_s)
            return TRAM_ERR_TIMED_OUT;
        if (took < POLL_S)
            sched_yield();
        else
            nanosleep(&nap, NULL);
    }
    TRY(error, "its work");
    s->awaits = false;
    return TRAM_OK;
}

/* Before a call of CUDA's that blocks until the stream has done what it has, be it the work of a peer that died. */
static int before_blocking(struct tram__stream *s) {
    int status = s->awaits ? poll_done(s, TRAM__ROOM_S) : TRAM_OK;
    return status == TRAM_ERR_TIMED_OUT ? TRAM_ERR_FULL : status;
}

/* Copies from and to such memory block. */
static bool pageable(const void *p) {
    struct cudaPointerAttributes a;
    bool known = cudaPointerGetAttributes(&a, p) == cudaSuccess;
    if (!known)
        cudaGetLastError();
    return !known || a.type == cudaMemoryTypeUnregistered;
}

static int cuda_copy(struct tram__stream *s, void *to, const void *from, uint64_t size) {
    struct cuda_device *d = s->d;
    TRY(cudaSetDevice(d->base.ordinal), "using it");
    int status = s->awaits && size && (pageable(to) || pageable(from)) ? before_blocking(s) : TRAM_OK;
    if (status)
        return status;
    if (size)
        TRY(cudaMemcpyAsync(to, from, size, cudaMemcpyDefault, s->stream), "a copy");
    return TRAM_OK;
}

static int cuda_signal(struct tram__stream *s, struct tram__memory *m, uint32_t event, uint64_t n) {
    struct cuda_device *d = s->d;
    const struct mapped *own = m->own;
    (void)n;
    TRY(cudaSetDevice(d->base.ordinal), "using it");
    TRY(cudaEventRecord(own->events[event], s->stream), "recording an event");
    return TRAM_OK;
}

static int cuda_await(struct tram__stream *s, const struct tram__memory *m, uint32_t event, uint64_t n) {
    struct cuda_device *d = s->d;
    const struct mapped *own = m->own;
    TRY(cudaSetDevice(d->base.ordinal), "using it");
    if (!n)
        return TRAM_OK;
    TRY(cudaStreamWaitEvent(s->stream, own->events[event], 0), "waiting for an event");
    s->awaits = true;
    return TRAM_OK;
}

static int cuda_wait(struct tram__stream *s, double timeout_s) {
    struct cuda_device *d = s->d;
    TRY(cudaSetDevice(d->base.ordinal), "using it");
    if (timeout_s >= 0)
        return poll_done(s, timeout_s);
    TRY(cudaStreamSynchronize(s->stream), "its work");
    s->awaits = false;
    return TRAM_OK;
}

/* ---- work ---- */

static int blas_failed(const struct cuda_device *d, cublasStatus_t status) {
    return services->fail(TRAM_ERR_SYSTEM, "cuda:%d: cuBLAS: %s", d->base.ordinal,
                          cublasGetStatusString(status));
}

/* Row-major a b is column-major b' a'. */
static cublasStatus_t product(struct tram__stream *s, const struct tram__work *w) {
    static const float one = 1, zero = 0;
    int of_a = w->k ? (int)w->k : 1; /* without a sum: zeros */
    if (!w->m || !w->n)
        return CUBLAS_STATUS_SUCCESS;
    return cublasSgemm(s->blas, CUBLAS_OP_N, CUBLAS_OP_N, (int)w->n, (int)w->m, (int)w->k, &one, w->b,
                       (int)w->n, w->a, of_a, &zero, w->c, (int)w->n);
}

/* Blocks: the place of the largest difference is the host's to know. */
static int differ(struct tram__stream *s, const struct tram__work *w) {
    static const float minus = -1;
    struct cuda_device *d = s->d;
    float *difference, sum = 0;
    int place = 1;
    *w->largest = 0;
    if (!w->n)
        return TRAM_OK;
    TRY(cudaMallocAsync((void **)&difference, w->n * sizeof *difference, s->stream), "room for differences");
    cudaError_t error =
        cudaMemcpyAsync(difference, w->a, w->n * sizeof *difference, cudaMemcpyDeviceToDevice, s->stream);
    cublasStatus_t status = cublasSaxpy(s->blas, (int)w->n, &minus, w->b, 1, difference, 1);
    if (status == CUBLAS_STATUS_SUCCESS)
        status = cublasSasum(s->blas, (int)w->n, difference, 1, &sum);
    if (status == CUBLAS_STATUS_SUCCESS)
        status = cublasIsamax(s->blas, (int)w->n, difference, 1, &place);
    if (error == cudaSuccess && status == CUBLAS_STATUS_SUCCESS)
        error = cudaMemcpyAsync(w->largest, difference + place - 1, sizeof *difference,
                                cudaMemcpyDeviceToHost, s->stream);
    cudaFreeAsync(difference, s->stream);
    if (error == cudaSuccess)
        error = cudaStreamSynchronize(s->stream);
    *w->largest = isnan(sum) ? sum : fabsf(*w->largest);
    TRY(error, "differences");
    return status == CUBLAS_STATUS_SUCCESS ? TRAM_OK : blas_failed(d, status);
}

static int cuda_compute(struct tram__stream *s, const struct tram__work *w) {
    cudaSetDevice(s->d->base.ordinal);
    cublasStatus_t status = s->blas ? CUBLAS_STATUS_SUCCESS : cublasCreate(&s->blas);
    if (status == CUBLAS_STATUS_SUCCESS)
        status = cublasSetStream(s->blas, s->stream);
    if (status == CUBLAS_STATUS_SUCCESS && w->kind == TRAM__WORK_DIFFER) {
        int busy = before_blocking(s);
        return busy ? busy : differ(s, w);
    }
    if (status == CUBLAS_STATUS_SUCCESS)
        status = product(s, w);
    return status == CUBLAS_STATUS_SUCCESS ? TRAM_OK : blas_failed(s->d, status);
}

/* ---- the device ---- */

static int cuda_facts(struct tram__device *device, struct tram__device_facts *out) {
    struct cuda_device *d = of(device);
    const struct cudaDeviceProp *p = &d->properties;
    int driver = 0, runtime = 0;
    size_t left, all;
    TRY(cudaSetDevice(d->base.ordinal), "using it");
    TRY(cudaMemGetInfo(&left, &all), "asking for its memory");
    cudaDriverGetVersion(&driver);
    cudaRuntimeGetVersion(&runtime);
    *out = (struct tram__device_facts){.bytes = all, .available = left, .computes = true, .ties = d->ties};
    snprintf(out->name, sizeof out->name, "%.127s", p->name);
    snprintf(out->versions, sizeof out->versions,
             "CUDA driver %d.%d, runtime %d.%d, compute capability %d.%d", driver / 1000, driver % 1000 / 10,
             runtime / 1000, runtime % 1000 / 10, p->major, p->minor);
    return TRAM_OK;
}

static uint64_t identity_of(const struct cudaDeviceProp *p) {
    uint64_t identity = 0;
    for (size_t i = 0; i < sizeof p->uuid.bytes; i++)
        identity = identity * 31 + (unsigned char)p->uuid.bytes[i];
    return identity;
}

/* Tries it: a driver that can does not say whether a container lets it. */
static cudaError_t try_to_lend(void) {
    cudaIpcMemHandle_t memory_handle;
    cudaIpcEventHandle_t event_handle;
    cudaEvent_t event;
    void *memory;
    cudaError_t error = cudaMalloc(&memory, 1);
    if (error != cudaSuccess)
        return error;
    error = cudaIpcGetMemHandle(&memory_handle, memory);
    cudaFree(memory);
    if (error != cudaSuccess)
        return error;
    error = cudaEventCreateWithFlags(&event, cudaEventDisableTiming | cudaEventInterprocess);
    if (error != cudaSuccess)
        return error;
    error = cudaIpcGetEventHandle(&event_handle, event);
    cudaEventDestroy(event);
    return error;
}

/* The device is the one in use. */
static void find_ties(struct cuda_device *d, int count) {
    struct tram__ties *ties = &d->ties;
    cudaError_t error = try_to_lend();
    ties->identity = identity_of(&d->properties);
    ties->pins = true;
    ties->pins_read_only = d->properties.hostRegisterReadOnlySupported;
    ties->lends = error == cudaSuccess;
    if (!ties->lends)
        snprintf(ties->why_not, sizeof ties->why_not, "CUDA IPC is not to be had here: %s",
                 cudaGetErrorName(error));
    for (int i = 0; i < count && ties->reach_count < TRAM__MOST_REACHES; i++) {
        struct cudaDeviceProp other;
        int can = 0;
        if (i != d->base.ordinal && cudaDeviceCanAccessPeer(&can, d->base.ordinal, i) == cudaSuccess && can &&
            cudaGetDeviceProperties(&other, i) == cudaSuccess)
            ties->reaches[ties->reach_count++] = identity_of(&other);
    }
    cudaGetLastError(); /* what could not be asked is not there */
}

static int cuda_open(int ordinal, struct tram__device **out) {
    int count = 0, driver = 0;
    cudaDriverGetVersion(&driver);
    cudaError_t error = cudaGetDeviceCount(&count);
    if (error == cudaErrorInsufficientDriver && !driver)
        return services->fail(TRAM_ERR_NOT_FOUND, "cuda:%d: there is no CUDA driver", ordinal);
    if (error == cudaErrorInsufficientDriver)
        return services->fail(
            TRAM_ERR_NOT_FOUND, "cuda:%d: the driver is too old: it knows CUDA %d.%d, this build needs %d.%d",
            ordinal, driver / 1000, driver % 1000 / 10, CUDART_VERSION / 1000, CUDART_VERSION % 1000 / 10);
    if (error != cudaSuccess)
        return services->fail(TRAM_ERR_NOT_FOUND, "cuda:%d: %s (%s)", ordinal, cudaGetErrorString(error),
                              cudaGetErrorName(error));
    if (ordinal >= count)
        return services->fail(TRAM_ERR_NOT_FOUND, "cuda:%d is not there: this machine has %d", ordinal,
                              count);
    struct cuda_device *d = calloc(1, sizeof *d);
    if (!d)
        return services->fail(TRAM_ERR_NO_MEMORY, "cuda:%d", ordinal);
    d->base = (struct tram__device){.ops = &tram__device_cuda, .ordinal = ordinal};
    error = cudaGetDeviceProperties(&d->properties, ordinal);
    if (error == cudaSuccess)
        error = cudaSetDevice(ordinal);
    if (error != cudaSuccess) {
        int status = failed(TRAM_ERR_NOT_FOUND, d, "using it", error);
        free(d);
        return status;
    }
    find_ties(d, count);
    *out = &d->base;
    return TRAM_OK;
}

static void cuda_close(struct tram__device *d) {
    free(d);
}

const struct tram__device_ops tram__device_cuda = {
    .name = "cuda",
    .open = cuda_open,
    .close = cuda_close,
    .facts = cuda_facts,
    .map = cuda_map,
    .unmap = cuda_unmap,
    .stream = cuda_stream,
    .drop = cuda_drop,
    .copy = cuda_copy,
    .compute = cuda_compute,
    .signal = cuda_signal,
    .await = cuda_await,
    .wait = cuda_wait,
};

tram__device_module tram__device_module_enter;

__attribute__((visibility("default"))) const struct tram__device_ops *
tram__device_module_enter(const struct tram__device_services *given) {
    if (given->version != TRAM__DEVICE_MODULE_VERSION)
        return NULL;
    services = given;
    return &tram__device_cuda;
}
