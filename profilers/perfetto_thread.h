/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TRAM_PROFILERS_PERFETTO_THREAD_H
#define TRAM_PROFILERS_PERFETTO_THREAD_H

#include "profilers/lane.h"

/* Writes what one ring holds onto the tracks of its thread and process. False: memory. */
bool tram__perfetto_thread(struct tram__writer *w, const struct tram__run_thread *t, uint64_t process_track,
                           uint64_t thread_track);

#endif
