/* SPDX-License-Identifier: Apache-2.0 */
#include "probe/watch.h"

#include "base/module.h"
#include "probe/probe.h"
#include "probe/sink.h"

#include <stdio.h>
#include <stdlib.h>

const struct tram__probe_watch *tram__probe_watch;

static const struct tram__probe_watch *load(char *why, size_t size) {
    tram__probe_watch_module *enter = NULL;
    const char *injected = getenv("CUDA_INJECTION64_PATH"); /* of tools for CUDA alone */
    if (tram__probe_watched() || (injected && *injected)) {
        snprintf(why, size, "another profiler watches this process");
        return NULL;
    }
    *(void **)&enter = tram__module_symbol(TRAM__WATCH_MODULE, TRAM__WATCH_SYMBOL, why, size);
    return enter ? enter(TRAM__WATCH_VERSION, tram__probe_folder(), why, size) : NULL;
}

void tram__probe_watch_open(const char *process) {
    char why[512] = "";
    if (!tram__probe_folder() || tram__probe_watch)
        return;
    tram__probe_watch = load(why, sizeof why);
    if (!tram__probe_watch)
        fprintf(stderr, "tramline: actor %s: no GPU trace: %s\n", process, why);
}

void tram__probe_watch_close(void) {
    if (tram__probe_watch)
        tram__probe_watch->close();
    tram__probe_watch = NULL;
}
