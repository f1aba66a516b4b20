/* SPDX-License-Identifier: Apache-2.0
 *
 * What a GPU does for an actor that is traced is recorded by a module (base/module.h), which has the vendor's own means for it,
 * into a file of the run's folder (gpu.h). It is loaded where such a device is open, and never beside a profiler of somebody
 * else's, as there can be one only. Without it a trace lacks the GPU, and is a trace all the same.
 */
#ifndef TRAM_PROBE_WATCH_H
#define TRAM_PROBE_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRAM__WATCH_VERSION 1u
#define TRAM__WATCH_MODULE  "cupti"
#define TRAM__WATCH_SYMBOL  "tram__probe_watch_enter"

struct tram__probe_watch {
    /* What the calling thread gives to the device from now on it gives for this (tram__gpu_task); and no more. They nest. */
    void (*begin)(uint64_t task);
    void (*end)(void);
    /* The device has done everything: writes what is left. Nothing is called any more. */
    void (*close)(void);
};

/* The module's only symbol: begins to record into the folder. NULL, and one line in `why`, when it cannot. */
typedef const struct tram__probe_watch *tram__probe_watch_module(uint32_t version, const char *folder,
                                                                 char *why, size_t size);

/* NULL: nothing is recorded. Set before the process has a second thread. */
extern const struct tram__probe_watch *tram__probe_watch;

/* If this process is traced. When it cannot be, one line of the log says so. */
void tram__probe_watch_open(const char *process);
void tram__probe_watch_close(void);

#endif
