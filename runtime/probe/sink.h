/* SPDX-License-Identifier: Apache-2.0
 *
 * A second place that threads tell what they do, beside their rings: ranges, for a profiler of somebody else's that watches this
 * process. The sink is a module (base/module.h) that TRAM_NVTX of the environment asks for: `on`; `off`; or `auto`, which
 * is what nothing means: when a profiler is there. Actors inherit the environment, and so do as their driver does.
 *
 * Rings and sink need nothing of each other. Whoever has ranges asks for both with one branch (exec/trace.h).
 */
#ifndef TRAM_PROBE_SINK_H
#define TRAM_PROBE_SINK_H

#include <stdbool.h>
#include <stdint.h>

/* What a range is about. */
enum tram__range {
    TRAM__RANGE_READ = 1, /* waiting for a message */
    TRAM__RANGE_COMPUTE,  /* the method */
    TRAM__RANGE_WRITE,    /* copying into a channel, publishing, waking */
    TRAM__RANGE_COLLECTIVE,
    TRAM__RANGE_EAGER, /* of a call */
    TRAM__RANGES
};

#define TRAM__SINK_VERSION 1u
#define TRAM__SINK_MODULE  "nvtx"
#define TRAM__SINK_SYMBOL  "tram__probe_sink_enter"

struct tram__probe_sink {
    /* Whether somebody listens. Else the sink is left out: what is not installed costs no call. */
    bool (*heard)(void);
    /* What stands for a name in `begin`, for as long as the process lives; the same name has one. May be NULL. Any thread; not
     * for hot paths. */
    void *(*name)(const char *text);
    /* The calling thread is known by this. */
    void (*thread)(const char *name);
    /* A range of the calling thread. They nest: `end` ends the one that began last there. number: the execution, from 1. */
    void (*begin)(enum tram__range what, void *name, uint64_t number);
    void (*end)(void);
    /* The part of the program that is measured begins, or ends; on whatever thread. */
    void (*measure)(bool begin);
};

/* The module's only symbol: its table, or NULL when it does not know this version. */
typedef const struct tram__probe_sink *tram__probe_sink_module(uint32_t version);

/* NULL: there is none. Set before the process has a second thread. */
extern const struct tram__probe_sink *tram__probe_sink;

/* Installs the sink if the environment wants it, and names the calling thread, the main one of this process. A profiler without
 * its sink is a pity and no error: the driver (`tells`) says so in one line. ERR_INVALID: TRAM_NVTX has no such value. */
int tram__probe_sink_open(const char *process, bool tells);
/* Names the calling thread to the sink, if there is one. */
void tram__probe_sink_thread(const char *name);
/* Whether the environment was made by a profiler of somebody else's. */
bool tram__probe_watched(void);
/* What the program measures begins, or ends: the one range `measure`, which a profiler's capture can be tied to. */
void tram__probe_measure(bool begin);

#endif
