/* SPDX-License-Identifier: Apache-2.0
 *
 * What a GPU and its libraries did, in the folder of a traced run (ring.h): files of fixed records, that profiling modules write
 * and whoever makes the trace reads.
 *
 *   gpu-PID    what CUPTI tells of the GPUs that one process uses
 *   nccl-PID   what NCCL tells of its collectives there
 *
 * A process that opens one again has it under the same name with -2, -3 and so on behind it.
 * A head, names (each a length of 16 bits, and so many bytes; numbered from 1), records. Times are CLOCK_MONOTONIC, in ns.
 * Readers believe nothing: the file may be cut, and of what its writer died over `end_ns` is 0.
 */
#ifndef TRAM_PROBE_GPU_H
#define TRAM_PROBE_GPU_H

#include "base/seam.h"

#define TRAM__GPU_MAGIC   UINT64_C(0x5550474D41525420) /* " TRAMGPU" */
#define TRAM__GPU_VERSION 1u

enum tram__gpu_kind {
    TRAM__GPU_NONE, /* not written, or not whole */
    /* Of CUPTI. `id` is CUPTI's correlation: what a call of the runtime has the GPU do bears the id of the call. */
    TRAM__GPU_KERNEL,   /* detail: its grid's blocks, number: threads of a block */
    TRAM__GPU_COPY,     /* bytes; detail: enum tram__gpu_way; number: 1 + the other device, between two */
    TRAM__GPU_FILL,     /* bytes */
    TRAM__GPU_CALL,     /* of the CUDA runtime, on a thread of the host; detail: CUPTI's number of it */
    TRAM__GPU_SYNC,     /* waiting for an event, a stream or the device */
    TRAM__GPU_OVERHEAD, /* the time that recording itself took */
    TRAM__GPU_LINK, /* the call `id` was made in the task `parent`, see tram__gpu_task; it lasts no time */
    /* Of NCCL. device: the rank; stream: the number of the communicator here, from 1. parent: 1 + the place in the file of the
     * record that had this one made, 0: none. */
    TRAM__GPU_COMMUNICATOR,    /* it lives; id: the same for all ranks, detail: ranks, number: nodes */
    TRAM__GPU_GROUP_CALL,      /* detail: its depth */
    TRAM__GPU_COLLECTIVE_CALL, /* bytes; detail: the root */
    TRAM__GPU_P2P_CALL,        /* bytes */
    TRAM__GPU_LAUNCH,
    /* Until it was enqueued; when it is done its parts end. number: its order, from NCCL; detail: channels */
    TRAM__GPU_COLLECTIVE,
    TRAM__GPU_P2P, /* the same; detail: 1 + the peer */
    TRAM__GPU_PROXY, /* a transfer through the network; bytes: of one step, number: steps, detail: 1 + the peer */
    TRAM__GPU_CHANNEL, /* a kernel's share of it; detail: the channel. number, id: begin and end by the GPU's own clock */
    TRAM__GPU_KINDS
};

enum tram__gpu_way {
    TRAM__GPU_UNKNOWN,
    TRAM__GPU_TO_DEVICE,
    TRAM__GPU_TO_HOST,
    TRAM__GPU_ON_DEVICE,
    TRAM__GPU_ON_HOST,
    TRAM__GPU_BETWEEN_DEVICES
};

struct tram__gpu_record {
    tram__word32 kind; /* stored last (release) */
    uint32_t name;     /* 0: none */
    uint32_t device, stream;
    uint64_t begin_ns, end_ns; /* 0: it has not ended */
    uint64_t bytes;
    uint64_t id, parent, number;
    uint32_t thread; /* of the host, where it means something */
    uint32_t detail;
};
_Static_assert(sizeof(struct tram__gpu_record) == 72, "the shared layout is fixed");

struct tram__gpu_head {
    uint64_t magic;
    uint32_t version, record_bytes;
    uint64_t names_at, names_bytes; /* in the file */
    uint64_t records_at, capacity;  /* in the file; records */
    int32_t pid, reserved;
    tram__word64 names_used; /* bytes, of whole names (release) */
    tram__word64 claimed; /* records, the last maybe not whole; more than the capacity: these were dropped */
    tram__word64 lost;    /* that never came here, by the library's own count */
};

/* The task under way, in one number: the graph's lower 16 bits, the execution's lower 32, the node's lower 16. 0 is none. */
static inline uint64_t tram__gpu_task(uint64_t graph, uint64_t execution, uint32_t node) {
    return (graph & 0xFFFF) << 48 | (execution & 0xFFFFFFFF) << 16 | (node & 0xFFFF);
}

#endif
