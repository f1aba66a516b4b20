/* SPDX-License-Identifier: Apache-2.0
 *
 * What NCCL and a profiler plugin of the fifth version agree on, as far as the plugin here needs it: the memory layout is NCCL's,
 * the names are our own. NCCL looks for the symbol `ncclProfiler_v5` in the library that NCCL_PROFILER_PLUGIN names. The toolkit
 * brings no header for it.
 */
#ifndef TRAM_PROFILERS_NCCL_INTERFACE_H
#define TRAM_PROFILERS_NCCL_INTERFACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Kinds of events, a bit each: a plugin's init says which it wants. */
enum nccl_event {
    NCCL_EVENT_COLLECTIVE = 1 << 1,
    NCCL_EVENT_P2P = 1 << 2,
    NCCL_EVENT_PROXY_OP = 1 << 3,
    NCCL_EVENT_KERNEL_CHANNEL = 1 << 6,
    NCCL_EVENT_GROUP_CALL = 1 << 8,
    NCCL_EVENT_COLLECTIVE_CALL = 1 << 9,
    NCCL_EVENT_P2P_CALL = 1 << 10,
    NCCL_EVENT_LAUNCH = 1 << 11,
};

/* Of the states that an event can go through, what is used: `gpu_time` comes with it. */
enum { NCCL_STATE_KERNEL_CHANNEL_STOP = 22 };

struct nccl_event_descriptor {
    uint64_t type; /* enum nccl_event */
    void *parent;  /* what start gave for it, in this process or another */
    int rank;
    union {
        struct {
            bool captured;
            int depth;
        } group_call;
        struct {
            const char *function;
            size_t count;
            const char *datatype;
            int root;
            void *stream;
            bool captured;
        } collective_call;
        struct {
            const char *function;
            size_t count;
            const char *datatype;
            void *stream;
            bool captured;
        } p2p_call;
        struct {
            void *stream;
        } launch;
        struct {
            uint64_t sequence;
            const char *function;
            const void *send;
            void *receive;
            size_t count;
            int root;
            const char *datatype;
            uint8_t channels, warps;
            const char *algorithm, *protocol;
            void *group;
        } collective;
        struct {
            const char *function;
            void *buffer;
            const char *datatype;
            size_t count;
            int peer;
            uint8_t channels;
            void *group;
        } p2p;
        struct {
            pid_t pid; /* whose the parent is */
            uint8_t channel;
            int peer, steps, step_bytes, sends;
        } proxy_op;
        struct {
            uint8_t channel;
            uint64_t gpu_time; /* of its begin */
        } kernel_channel;
    };
};
_Static_assert(offsetof(struct nccl_event_descriptor, group_call) == 24, "as NCCL lays it out");
_Static_assert(offsetof(struct nccl_event_descriptor, collective.group) == 24 + 80, "as NCCL lays it out");
_Static_assert(sizeof(struct nccl_event_descriptor) == 24 + 88, "as NCCL lays it out");

union nccl_state_arguments {
    size_t step_bytes;
    int appended;
    void *data;
    uint64_t gpu_time;
};

typedef void nccl_log(int level, unsigned long flags, const char *file, int line, const char *format, ...);

/* Each returns 0, whatever happens: another value would end the communicator, or the profile. */
struct nccl_profiler {
    const char *name;
    /* For each communicator. *mask: the events that are wanted. */
    int (*init)(void **context, uint64_t id, int *mask, const char *name, int nodes, int ranks, int rank,
                nccl_log *log);
    /* From any thread; *event goes into the others, and as a parent into descriptors. */
    int (*start)(void *context, void **event, struct nccl_event_descriptor *d);
    int (*stop)(void *event);
    int (*state)(void *event, int state, union nccl_state_arguments *arguments);
    int (*finalize)(void *context);
};

#endif
