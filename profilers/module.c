/* SPDX-License-Identifier: Apache-2.0
 *
 * The library that the runtime loads to have its trace written (probe/writer.h).
 */
#include "probe/writer.h"

#include "profilers/write.h"

#include <stdio.h>

static int write_trace(const char *folder, const char *path, char *why, size_t why_size) {
    struct tram__run run;
    struct tram__counts counts;
    if (tram__run_open(&run, folder, why, why_size))
        return -1;
    int status = tram__trace_write(&run, path, false, &counts, why, why_size);
    for (uint32_t i = 0; i < run.note_count && i < TRAM__RUN_NOTES; i++)
        fprintf(stderr, "tramline: %s\n", run.notes[i]);
    if (!status && run.dropped)
        fprintf(stderr, "tramline: %s: %llu of %llu events found no room and were dropped\n", path,
                (unsigned long long)run.dropped, (unsigned long long)(run.dropped + run.events));
    tram__run_close(&run);
    return status ? status : tram__trace_remove(folder, why, why_size);
}

__attribute__((visibility("default"))) tram__trace_write_fn *tram__trace_module_enter(unsigned version);
tram__trace_write_fn *tram__trace_module_enter(unsigned version) {
    return version == TRAM__TRACE_MODULE_VERSION ? write_trace : NULL;
}
