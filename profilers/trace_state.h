/* SPDX-License-Identifier: Apache-2.0
 *
 * What trace_read.c knows while it reads.
 */
#ifndef TRAM_PROFILERS_TRACE_STATE_H
#define TRAM_PROFILERS_TRACE_STATE_H

#include "profilers/decode.h"
#include "profilers/trace_read.h"

struct tram__trace_open {
    const char *name;
    unsigned category;
    uint64_t begin, number, graph;
    bool has_number;
    uint32_t node; /* 1 + the task's */
};
/* Strings by number, from 1. */
struct tram__trace_strings {
    char **texts;
    size_t size;
};
struct tram__trace_sequence {
    bool cleared, deltas; /* deltas: its own clock was set */
    uint64_t clock_ns, default_clock, default_track;
    struct tram__trace_strings names, annotations, categories;
};
struct tram__trace_flow {
    uint64_t id, ns;
    uint8_t seen; /* 1: its beginning, 2: its end */
};
struct tram__trace_reader {
    const struct tram__trace_handler *handler;
    struct tram__trace_report *report;
    const unsigned char *begin, *packet; /* of the file; the packet at hand, for errors */
    struct tram__trace_sequence **sequences;
    size_t sequence_count;
    struct tram__trace_track **tracks; /* by place of their uuid */
    size_t track_size, track_count;
    struct tram__trace_flow *flows; /* by place of their id */
    size_t flow_size, flow_count;
    bool squeezed, no_memory;
};

void tram__trace_wrong(struct tram__trace_reader *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* NULL: there is none; make: then it is made (NULL: memory, or a number that makes no sense). */
struct tram__trace_sequence *tram__trace_sequence_of(struct tram__trace_reader *r, uint64_t id, bool make);
struct tram__trace_track *tram__trace_track_of(struct tram__trace_reader *r, uint64_t uuid, bool make);
void tram__trace_set_string(struct tram__trace_reader *r, struct tram__trace_strings *s, uint64_t iid,
                            const struct tram__field *text);
const char *tram__trace_string(const struct tram__trace_strings *s, uint64_t iid);
/* One end of a flow. */
void tram__trace_add_flow(struct tram__trace_reader *r, uint64_t id, bool ends, uint64_t ns);
/* Once all is read: what was left open. */
void tram__trace_finish(struct tram__trace_reader *r);
void tram__trace_free(struct tram__trace_reader *r);
/* A TrackEvent of a sequence at a time (trace_event.c). */
void tram__trace_take_event(struct tram__trace_reader *r, struct tram__trace_sequence *s,
                            struct tram__cursor c, uint64_t ns);

#endif
