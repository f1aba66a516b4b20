/* SPDX-License-Identifier: Apache-2.0
 *
 * Bare CUDA for the limit of a transfer: a module (limit_gpu.h).
 */
#include "harness/limit_gpu.h"

#include <cuda_runtime_api.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(cudaIpcMemHandle_t) <= LIMIT_GPU_HANDLE &&
                   sizeof(cudaIpcEventHandle_t) <= LIMIT_GPU_HANDLE,
               "handles fit");

struct limit_gpu {
    int ordinal;
    cudaStream_t stream;
};

static int failed(int ordinal, const char *doing, cudaError_t error, char *why) {
    snprintf(why, LIMIT_GPU_WHY, "cuda:%d: %s: %s", ordinal, doing, cudaGetErrorString(error));
    return -1;
}

#define TRY(call, doing)                                   \
    do {                                                   \
        cudaError_t error_ = (call);                       \
        if (error_ != cudaSuccess)                         \
            return failed(g->ordinal, doing, error_, why); \
    } while (0)

static int gpu_open(int ordinal, struct limit_gpu **out, char *why) {
    struct limit_gpu *g = calloc(1, sizeof *g);
    if (!g) {
        snprintf(why, LIMIT_GPU_WHY, "out of memory");
        return -1;
    }
    g->ordinal = ordinal;
    *out = g; /* it ends with the process */
    TRY(cudaSetDevice(ordinal), "using it");
    TRY(cudaStreamCreateWithFlags(&g->stream, cudaStreamNonBlocking), "a stream");
    return 0;
}

static int gpu_memory(struct limit_gpu *g, size_t bytes, void **out, unsigned char *handle, char *why) {
    cudaIpcMemHandle_t h;
    TRY(cudaMalloc(out, bytes), "allocating memory");
    TRY(cudaMemsetAsync(*out, 0, bytes, g->stream), "zeroing memory");
    TRY(cudaStreamSynchronize(g->stream), "zeroing memory");
    if (handle) {
        TRY(cudaIpcGetMemHandle(&h, *out), "lending memory");
        memcpy(handle, &h, sizeof h);
    }
    return 0;
}

static int gpu_import(struct limit_gpu *g, const unsigned char *handle, void **out, char *why) {
    cudaIpcMemHandle_t h;
    memcpy(&h, handle, sizeof h);
    TRY(cudaIpcOpenMemHandle(out, h, cudaIpcMemLazyEnablePeerAccess), "opening memory of another process");
    return 0;
}

static int gpu_event(struct limit_gpu *g, void **event, unsigned char *handle, bool imports, char *why) {
    cudaIpcEventHandle_t h;
    cudaEvent_t e;
    if (imports) {
        memcpy(&h, handle, sizeof h);
        TRY(cudaIpcOpenEventHandle(&e, h), "opening an event of another process");
    } else {
        TRY(cudaEventCreateWithFlags(&e, cudaEventDisableTiming | cudaEventInterprocess), "an event");
        TRY(cudaIpcGetEventHandle(&h, e), "lending an event");
        memcpy(handle, &h, sizeof h);
    }
    *event = e;
    return 0;
}

/* As readers may be of other processes, whose maps of it are their own: portable, and no more. */
static int gpu_pin(struct limit_gpu *g, void *host, size_t bytes, char *why) {
    TRY(cudaHostRegister(host, bytes, cudaHostRegisterPortable), "pinning host memory");
    return 0;
}

static int gpu_copy(struct limit_gpu *g, void *to, const void *from, size_t bytes, char *why) {
    if (bytes)
        TRY(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, g->stream), "a copy");
    return 0;
}

static int gpu_record(struct limit_gpu *g, void *event, char *why) {
    TRY(cudaEventRecord(event, g->stream), "recording an event");
    return 0;
}

static int gpu_await(struct limit_gpu *g, void *event, char *why) {
    TRY(cudaStreamWaitEvent(g->stream, event, 0), "waiting for an event");
    return 0;
}

static int gpu_wait(struct limit_gpu *g, char *why) {
    TRY(cudaStreamSynchronize(g->stream), "its work");
    return 0;
}

static const struct limit_gpu_ops ops = {
    .version = LIMIT_GPU_VERSION,
    .open = gpu_open,
    .memory = gpu_memory,
    .import = gpu_import,
    .event = gpu_event,
    .pin = gpu_pin,
    .copy = gpu_copy,
    .record = gpu_record,
    .await = gpu_await,
    .wait = gpu_wait,
};

limit_gpu_enter tram_limit_gpu_enter;

__attribute__((visibility("default"))) const struct limit_gpu_ops *tram_limit_gpu_enter(void) {
    return &ops;
}
