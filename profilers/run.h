/* SPDX-License-Identifier: Apache-2.0
 *
 * What a traced run left in its folder (probe/ring.h), for reading. Nothing in it is believed: what is cut or torn is read as
 * far as it is whole, what makes no sense is left out, and both are said in notes. Rings are mapped and never copied.
 */
#ifndef TRAM_PROFILERS_RUN_H
#define TRAM_PROFILERS_RUN_H

#include "probe/ring.h"

#include <stdarg.h>
#include <stdio.h>

enum { TRAM__RUN_NOTES = 20, TRAM__RUN_WHY = 512 };

/* ---- graphs (run_graph.c) ---- */

struct tram__run_participant {
    uint32_t actor; /* 1 + its number; 0: the driver */
    char *name;
};
struct tram__run_channel {
    uint32_t kind, writer; /* participant */
    uint64_t bytes;
    char *name;        /* "c1 Party#0.make" */
    uint32_t *readers; /* participants */
    uint32_t reader_count;
    uint32_t first_edge; /* of the run: one edge for each reader */
};
struct tram__run_task {
    uint32_t node, participant;
    char *name;
};
struct tram__run_graph {
    uint32_t id;
    char *text; /* the file, whole; schedule: inside it */
    size_t text_size;
    const char *schedule;
    struct tram__run_participant *participants;
    struct tram__run_channel *channels;
    struct tram__run_task *tasks; /* by ascending node */
    uint32_t participant_count, channel_count, task_count;
};

/* Reads a graph from a copy of its text. NULL, with one line: it is none. Only its beginning may be whole: *cut. */
struct tram__run_graph *tram__run_graph_parse(const char *text, size_t size, bool *cut, char *why,
                                              size_t why_size);
void tram__run_graph_free(struct tram__run_graph *g);
const struct tram__run_task *tram__run_graph_task(const struct tram__run_graph *g, uint32_t node);

/* ---- the run ---- */

/* Numbers of processes and threads are given again: of the k-th process of a number, it and those of its threads have
 * k * TRAM__RUN_LIFE added, which is more than a number can be. */
enum { TRAM__RUN_LIFE = 1 << 22, TRAM__RUN_LIVES = 256 };
struct tram__run_process {
    int32_t pid;
    uint32_t life;
    uint32_t actor;
    char name[64];
    char *strings; /* of its names file, each ends with a 0 */
    uint32_t *string_at;
    uint32_t string_count;
};
struct tram__run_thread {
    void *map;
    size_t map_bytes;
    const struct tram__ring_head *head; /* numbers in it are the writer's: not to be trusted */
    const struct tram__event *events;
    uint64_t count, dropped; /* events that are there; that found no room */
    uint32_t process;        /* index */
    int32_t tid;
    enum tram__clock clock;
    char name[32], file[48];
    bool closed;                       /* in good order */
    struct tram__event open;           /* what was under way when the thread died; kind NONE: nothing */
    struct tram__snapshot first, last; /* last.ns 0: there is none */
};
struct tram__run {
    char *folder;
    int32_t driver_pid;
    uint64_t window_first, window_count;
    struct tram__run_process *processes;
    struct tram__run_thread *threads; /* by process: the driver's, then the actors' in their order */
    struct tram__run_graph **graphs;  /* by ascending id */
    uint32_t process_count, thread_count, graph_count, edge_count;
    /* ns = base_ns + (ticks - base_ticks) * rate / 2^60, of all threads with TSC: what was exact between them stays so. */
    uint64_t base_ticks, base_ns, rate;
    uint64_t error_ns; /* the most by which a time may differ from CLOCK_MONOTONIC; UINT64_MAX: not known */
    uint64_t begin_ns, end_ns; /* of all events */
    uint64_t events, dropped;
    char *about; /* the notes that the run itself left: lines of a key and a value; NULL: none */
    char notes[TRAM__RUN_NOTES][256]; /* one line each */
    uint32_t note_count;              /* may be more than there is room for */
};

/* Opens a folder. -1, with one line naming the file and what is wrong with it, when nothing can be made of it. */
int tram__run_open(struct tram__run *r, const char *folder, char *why, size_t why_size);
void tram__run_close(struct tram__run *r);
void tram__run_note(struct tram__run *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Opens one ring (run_ring.c); a ring that cannot be read is a note. False: memory. */
bool tram__run_add_ring(struct tram__run *r, const char *file);
/* Of all threads together, once all are open (run_clock.c). */
void tram__run_set_clock(struct tram__run *r);
/* Adds a graph, which is the run's from then on: freed when there is no memory (false). Then gives each edge its place among
 * those of all graphs. */
bool tram__run_insert_graph(struct tram__run *r, struct tram__run_graph *g);
void tram__run_number_edges(struct tram__run *r);
/* The graph of this number, or NULL. */
const struct tram__run_graph *tram__run_graph_find(const struct tram__run *r, uint32_t id);
/* String `number` of a process; NULL: it has none. */
const char *tram__run_string(const struct tram__run_process *p, uint32_t number);
/* Bytes that are text, from a field that may have no end; others become '?'. */
void tram__run_text(char *to, size_t size, const char *from, size_t most);

static inline uint64_t tram__run_ns(const struct tram__run *r, const struct tram__run_thread *t,
                                    uint64_t ticks) {
    enum { MOST_BITS = 62 };
    __extension__ typedef __int128 wide;
    uint64_t most = (UINT64_C(1) << MOST_BITS) - 1;
    if (t->clock == TRAM__CLOCK_MONOTONIC)
        return ticks < most ? ticks : most;
    wide ns = (wide)r->base_ns + ((((wide)ticks - (wide)r->base_ticks) * (wide)r->rate) >> 60);
    return ns < 0 ? 0 : ns > (wide)most ? most : (uint64_t)ns;
}
/* Of a slice; never before its beginning. */
static inline void tram__run_span(const struct tram__run *r, const struct tram__run_thread *t,
                                  const struct tram__event *e, uint64_t *begin, uint64_t *end) {
    uint64_t stop = e->time + tram__event_length(e);
    *begin = tram__run_ns(r, t, e->time);
    *end = stop < e->time ? *begin : tram__run_ns(r, t, stop);
}

#endif
