/* SPDX-License-Identifier: Apache-2.0
 *
 * Recording what a thread does, into a ring of its own (ring.h). A thread that is not traced has no ring: whoever records asks
 * for that, and nothing else happens. Recording allocates nothing, takes no lock and calls nothing: a full ring drops, and
 * counts what it drops.
 */
#ifndef TRAM_PROBE_PROBE_H
#define TRAM_PROBE_PROBE_H

#include "probe/ring.h"

#include <time.h>

/* One thread's. It stays for as long as the process lives, as threads may still point to it when its trace is long written. */
struct tram__ring {
    struct tram__ring_head *head; /* mapped */
    struct tram__event *events;
    uint64_t next, capacity;
    uint64_t dropped;
    const struct tram__control *control;
    size_t bytes;
    enum tram__clock clock;
    bool retired; /* nothing is recorded any more */
    bool quiet;   /* what the thread is at is not wanted */
    struct tram__ring *next_of_process;
    char file[48];
};

/* The calling thread's; NULL: it is not traced. */
extern _Thread_local struct tram__ring *tram__probe;

/* Begins to trace this process into a folder: the driver makes it (`create`), actors find it. ERR_INVALID when the driver finds
 * one that a dead run left behind. ring_bytes, window: of the driver. */
struct tram__probe_params {
    const char *folder;
    const char *process; /* its name */
    uint32_t actor;      /* 1 + its number, 0: the driver */
    bool create;
    uint64_t ring_bytes;
    uint64_t window_first, window_count;
};
int tram__probe_open(const struct tram__probe_params *p);
/* Whether such a folder can be made: ERR_INVALID when it is there already. */
int tram__probe_vacant(const char *folder);
/* The folder of this process, or NULL. */
const char *tram__probe_folder(void);
/* Gives the calling thread a ring, if the process is traced: 0 also when it is not. It stays until the process closes. The name
 * is told to the sink as well (sink.h). */
int tram__probe_thread(const char *name);
/* The thread will record nothing more: its file is cut to what it holds. */
void tram__probe_thread_end(void);
/* Every thread has ended its recording: closes the files, which stay. */
void tram__probe_close(void);
/* Number of a string, from 1; the same string has one number. 0 when there is no room, or no trace. Takes a lock. */
uint32_t tram__probe_name(const char *text);
/* Adds a line to the folder's notes, if the process is traced; what cannot be written is left out. Blocks. */
void tram__probe_note(const char *key, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Whether eager calls are recorded now (driver). */
void tram__probe_switch(bool on);

static inline uint64_t tram__probe_now(const struct tram__ring *r) {
    struct timespec t;
    if (r->clock == TRAM__CLOCK_TSC)
        return tram__ticks();
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Whether execution n is one of those asked for. */
static inline bool tram__probe_wants(const struct tram__ring *r, uint64_t n) {
    const struct tram__control *c = r->control;
    return n >= c->window_first && (!c->window_count || n - c->window_first < c->window_count);
}
static inline bool tram__probe_on(const struct tram__ring *r) {
    return tram__load32_relaxed(&r->control->on) != 0;
}

/* A slice that has ended, or with end = begin a mark. */
static inline void tram__probe_slice(struct tram__ring *r, enum tram__event_kind kind, uint32_t name,
                                     uint32_t group, uint64_t number, uint64_t begin, uint64_t end) {
    uint64_t at = r->next;
    if (__builtin_expect(at >= r->capacity, 0)) {
        tram__store_relaxed(&r->head->dropped, ++r->dropped);
        return;
    }
    r->events[at] = (struct tram__event){.time = begin,
                                         .kind_length = (uint64_t)kind << 56 | (end - begin),
                                         .name = name,
                                         .group = group,
                                         .number = number};
    r->next = at + 1;
    tram__store_release(&r->head->written,
                        at + 1); /* whole before it is counted: a reader of a dead run relies on it */
}

/* What begins now, should the thread not live to see its end. */
static inline void tram__probe_begin(struct tram__ring *r, enum tram__event_kind kind, uint32_t name,
                                     uint32_t group, uint64_t number, uint64_t begin) {
    tram__store_relaxed(&r->head->open_kind, kind);
    tram__store_relaxed(&r->head->open_name, (uint64_t)group << 32 | name);
    tram__store_relaxed(&r->head->open_number, number);
    tram__store_release(&r->head->open_time, begin);
}
static inline void tram__probe_end(struct tram__ring *r) {
    tram__store_relaxed(&r->head->open_time, 0);
}

#endif
