/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads back Perfetto traces as perfetto.c writes them; what else the format has is an error. Nothing in a file is believed.
 */
#ifndef TRAM_PROFILERS_TRACE_READ_H
#define TRAM_PROFILERS_TRACE_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tram__trace_track {
    uint64_t uuid;
    char *name, *process; /* process: the name of the one that it is in; NULL: none */
    int32_t pid, tid;     /* 0: in no process, in no thread */
    bool counter;
    struct tram__trace_open *open; /* slices that have begun, the innermost last */
    uint32_t open_count, open_most;
    uint64_t last_ns; /* of its last event */
    uint64_t scratch; /* the handler's; 0 at first */
};
/* A slice, or with begin = end and no `slice` a moment. */
struct tram__trace_event {
    const struct tram__trace_track *track;
    const char *name;
    unsigned category; /* enum tram__category; 0: none */
    uint64_t begin, end;
    uint64_t number, graph; /* execution or call; graph 0: not said */
    uint32_t node;          /* 1 + the task's; 0: not said */
    bool slice, has_number;
    uint64_t *scratch; /* of the track */
};
struct tram__trace_handler {
    void *arg;
    /* A slice that has ended, or a moment. May be NULL. */
    void (*event)(void *arg, const struct tram__trace_event *e);
    /* A fact of the moment that follows: its name, and a text or (text NULL) a number. May be NULL. */
    void (*fact)(void *arg, const char *name, const char *text, size_t size, uint64_t value);
};
struct tram__trace_report {
    uint64_t packets, slices, moments, samples, flows, processes, threads, tracks, sequences;
    /* Flows that end before they begin: a run's times made no sense, but the trace is whole. */
    uint64_t backward, most_backward_ns;
    uint64_t by_category[12]; /* slices, by enum tram__category */
    uint64_t errors;
    char lines[20][256]; /* of the first errors */
};

/* Reads a whole file. -1, with one line: it cannot be read. What is wrong in it is in the report. */
int tram__trace_read(const char *path, const struct tram__trace_handler *h, struct tram__trace_report *out,
                     char *why, size_t why_size);
/* A file, mapped for reading; NULL, with one line: it cannot be. An empty one has no bytes. */
const unsigned char *tram__map_file(const char *path, size_t *size, char *why, size_t why_size);
void tram__unmap_file(const unsigned char *data, size_t size);
/* Bytes that were squeezed (compressed_packets), in memory to be freed; NULL: they are not. */
unsigned char *tram__unsqueeze(const unsigned char *data, size_t size, size_t *out);

#endif
