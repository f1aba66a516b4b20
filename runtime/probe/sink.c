/* SPDX-License-Identifier: Apache-2.0 */
#include "probe/sink.h"

#include "base/error.h"
#include "base/module.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct tram__probe_sink *tram__probe_sink;

static char process_name[64];

bool tram__probe_watched(void) {
    /* NVTX's own variable; what Nsight Systems, old and new, and Nsight Compute leave in what they start. */
    static const char *const signs[] = {"NVTX_INJECTION64_PATH", "NSYS_PROFILING_SESSION_ID",
                                        "QUADD_INJECTION_PROXY", "NV_NSIGHT_INJECTION_TRANSPORT_TYPE"};
    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++) {
        const char *value = getenv(signs[i]);
        if (value && *value)
            return true;
    }
    return false;
}

static const struct tram__probe_sink *load(char *why, size_t size) {
    tram__probe_sink_module *enter = NULL;
    *(void **)&enter = tram__module_symbol(TRAM__SINK_MODULE, TRAM__SINK_SYMBOL, why, size);
    const struct tram__probe_sink *sink = enter ? enter(TRAM__SINK_VERSION) : NULL;
    if (enter && !sink)
        snprintf(why, size, "the module is of another version");
    return sink;
}

int tram__probe_sink_open(const char *process, bool tells) {
    const char *how = getenv("TRAM_NVTX");
    char why[512] = "";
    if (!how || !*how)
        how = "auto";
    bool on = strcmp(how, "on") == 0, automatic = strcmp(how, "auto") == 0;
    if (!on && !automatic && strcmp(how, "off") != 0)
        return tram__fail(TRAM_ERR_INVALID, "TRAM_NVTX=%s: on, off or auto is wanted", how);
    if (!on && !(automatic && tram__probe_watched()))
        return TRAM_OK;
    snprintf(process_name, sizeof process_name, "%s", process);
    if (!tram__probe_sink) { /* else a process that was forked has it from its parent */
        const struct tram__probe_sink *sink = load(why, sizeof why);
        if (!sink && tells)
            fprintf(stderr, "tramline: no NVTX ranges: %s\n", why);
        tram__probe_sink = sink && sink->heard() ? sink : NULL;
    }
    tram__probe_sink_thread("main");
    return TRAM_OK;
}

void tram__probe_sink_thread(const char *name) {
    char text[128];
    if (!tram__probe_sink)
        return;
    snprintf(text, sizeof text, "%s: %s", process_name, name);
    tram__probe_sink->thread(text);
}

void tram__probe_measure(bool begin) {
    if (tram__probe_sink)
        tram__probe_sink->measure(begin);
}
