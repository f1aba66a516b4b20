/* SPDX-License-Identifier: Apache-2.0
 *
 * What GPUs did in a traced run (probe/gpu.h), as tracks of its trace: under each process a track for each GPU with one for each
 * of its streams, calls of the CUDA runtime by thread, and NCCL's work by communicator. A flow leads from a task to each kernel
 * and copy that it had the GPU do.
 */
#ifndef TRAM_PROFILERS_GPU_TRACKS_H
#define TRAM_PROFILERS_GPU_TRACKS_H

#include "probe/gpu.h"
#include "profilers/run.h"

struct tram__writer;

/* A task, and the flow to one piece of its work. */
struct tram__gpu_link {
    uint64_t task, flow; /* tram__gpu_task */
    uint32_t source;     /* where the piece is */
    uint64_t record;
    bool begun; /* the task's slice is in the trace, and begins the flow */
};
struct tram__gpu_source {
    void *map;
    size_t bytes;
    const struct tram__gpu_record *records;
    const char *names;
    uint64_t count, names_bytes, dropped; /* records that are there; that found no room, or never came */
    int32_t pid;
    bool nccl;
};
struct tram__gpu_set {
    struct tram__gpu_source *sources;
    uint32_t count;
    struct tram__gpu_link *links; /* by ascending task; after tram__gpu_write by source and record */
    size_t link_count;
};

/* Opens what a run's folder has of this; a file that makes no sense is a note of the run, and one that is cut is read as far as
 * it is whole. False: memory. */
bool tram__gpu_open(struct tram__gpu_set *s, struct tram__run *r, uint64_t salt);
void tram__gpu_close(struct tram__gpu_set *s);
/* The flows that the slice of this task begins: at most `most`, into `flows`; how many. */
uint32_t tram__gpu_flows(struct tram__gpu_set *s, uint64_t task, uint64_t *flows, uint32_t most);
/* ---- piece by piece (gpu_pieces.c) ---- */

enum { TRAM__GPU_WAYS = 8, TRAM__GPU_LANES = 64, TRAM__GPU_NAME = 201 };

struct tram__gpu_slice {
    uint32_t source, lane;            /* lane: of those of its group, side by side */
    uint64_t group, begin, end, flow; /* flow: that ends here, 0: none */
    bool new_lane;                    /* the first on it: inner is its name, outer that of what it lies in */
    char outer[64], inner[96];
    const struct tram__gpu_record *record;
    uint32_t kind;
    unsigned category;
};
typedef void tram__gpu_fn(void *arg, const struct tram__gpu_slice *s);
/* Tells all, after all slices of tasks: source by source, group by group, by their beginnings. False: memory. */
bool tram__gpu_tell(struct tram__writer *w, struct tram__gpu_set *s, tram__gpu_fn *fn, void *arg);
/* What a kind of record is called, a copy with its way (other kinds: 0); NULL: there is no such thing. */
const char *tram__gpu_text(uint32_t kind, uint32_t way);
/* The name at *at, from 0, among those of a source, which records count from 1; moves on. NULL: no more. */
const char *tram__gpu_next_name(const struct tram__gpu_source *src, uint64_t *at, char *out, size_t size);

/* Writes the tracks, after all slices of tasks. process_tracks: by process of the run. False: memory. */
bool tram__gpu_write(struct tram__writer *w, struct tram__gpu_set *s, const uint64_t *process_tracks);

#endif
