/* SPDX-License-Identifier: Apache-2.0 */
#include "launch/trace.h"

#include "base/error.h"
#include "base/module.h"
#include "probe/probe.h"
#include "probe/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The library that writes traces; NULL: the error is set. */
static tram__trace_write_fn *find_writer(void) {
    char why[512];
    tram__trace_module *enter = NULL;
    *(void **)&enter = tram__module_symbol("trace", TRAM__TRACE_MODULE_SYMBOL, why, sizeof why);
    tram__trace_write_fn *write = enter ? enter(TRAM__TRACE_MODULE_VERSION) : NULL;
    if (!enter)
        tram__fail(TRAM_ERR_NOT_FOUND, "the trace library could not be loaded: %s", why);
    else if (!write)
        tram__fail(TRAM_ERR_NOT_FOUND, "the trace library is of another version");
    return write;
}

/* Whether the file can be written is known before anything is measured. It is there then, if nowhere before. */
static int check_path(const char *path, bool *made) {
    *made = access(path, F_OK) != 0;
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0)
        return tram__fail(TRAM_ERR_SYSTEM, "%s: %s", path, strerror(errno));
    close(fd);
    return TRAM_OK;
}

int tram_trace_open(struct tram *t, const char *path, const struct tram_trace_options *options) {
    static const struct tram_trace_options none;
    const struct tram_trace_options *o = options ? options : &none;
    char folder[4096];
    if (t->trace)
        return tram__fail(TRAM_ERR_INVALID, "%s: a trace is being made already, for %s", path, t->trace);
    if (t->next_index)
        return tram__fail(TRAM_ERR_INVALID, "%s: a trace begins before the first actor is created", path);
    if (strlen(path) + sizeof ".rings" > sizeof folder)
        return tram__fail(TRAM_ERR_INVALID, "a name of %zu bytes for a trace", strlen(path));
    snprintf(folder, sizeof folder, "%s.rings", path);
    bool made = false;
    int status = find_writer() ? check_path(path, &made) : tram_last_error()->status;
    char *copy = status ? NULL : strdup(path);
    if (!status && !copy)
        status = tram__fail(TRAM_ERR_NO_MEMORY, "a trace");
    struct tram__probe_params p = {.folder = folder,
                                   .process = "driver",
                                   .create = true,
                                   .ring_bytes = o->ring_bytes,
                                   .window_first = o->first ? o->first : 1,
                                   .window_count = o->count};
    if (!status)
        status = tram__probe_open(&p);
    if (!status && (status = tram__probe_thread("main")))
        tram__probe_close();
    if (status) {
        if (made)
            unlink(path);
        free(copy);
        return status;
    }
    t->trace = copy;
    return TRAM_OK;
}

int tram__trace_init(struct tram *t) {
    const char *path = getenv("TRAM_TRACE");
    return path && *path ? tram_trace_open(t, path, NULL) : TRAM_OK;
}

void tram__trace_fini(struct tram *t) {
    char why[512] = "", folder[4096];
    if (!t->trace)
        return;
    snprintf(folder, sizeof folder, "%s", tram__probe_folder());
    tram__probe_close();
    tram__trace_write_fn *write = find_writer();
    if (!write || write(folder, t->trace, why, sizeof why))
        fprintf(stderr, "tramline: %s: %s; what was recorded stays in %s\n", t->trace,
                write ? why : tram_last_error()->text, folder);
    free(t->trace);
    t->trace = NULL;
}
