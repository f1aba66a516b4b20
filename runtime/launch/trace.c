/* SPDX-License-Identifier: Apache-2.0 */
#include "launch/trace.h"

#include "base/error.h"
#include "base/options.h"
#include "probe/probe.h"
#include "probe/writer.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int tram_trace_open(struct tram *t, const char *path, const struct tram_trace_options *options) {
    static const struct tram_trace_options none;
    const struct tram_trace_options *o = options ? options : &none;
    char folder[4096], whole[4096] = "";
    if (*path != '/' && getcwd(whole, sizeof whole)) { /* the program may go elsewhere */
        size_t n = strlen(whole);
        snprintf(whole + n, sizeof whole - n, "/%s", path);
        path = whole;
    }
    if (t->trace)
        return tram__fail(TRAM_ERR_INVALID, "%s: a trace is being made already, for %s", path, t->trace);
    if (t->next_index)
        return tram__fail(TRAM_ERR_INVALID, "%s: a trace begins before the first actor is created", path);
    if (strlen(path) + sizeof ".rings" > sizeof folder)
        return tram__fail(TRAM_ERR_INVALID, "a name of %zu bytes for a trace", strlen(path));
    snprintf(folder, sizeof folder, "%s.rings", path);
    bool made = false;
    int status = tram__writer_find() ? tram__writer_check(path, &made) : tram_last_error()->status;
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

/* Whether the run that writes there is alive: then this program was started by it, and has inherited its environment. */
static bool others_trace(const char *path) {
    char file[4200];
    struct tram__control c;
    snprintf(file, sizeof file, "%s.rings/control", path);
    FILE *f = fopen(file, "re");
    bool read = f && fread(&c, sizeof c, 1, f) == 1 && c.magic == TRAM__CONTROL_MAGIC;
    if (f)
        fclose(f);
    return read && c.driver_pid > 1 && (kill(c.driver_pid, 0) == 0 || errno == EPERM);
}

/* TRAM_TRACE=FILE, TRAM_TRACE_RING=BYTES, TRAM_TRACE_WINDOW=START:COUNT. One trace a process: another runtime in it has none, be
 * it at the same time or, lest it take the first one's place, later. */
int tram__trace_init(struct tram *t) {
    static _Atomic(bool) had_one;
    const char *path = getenv("TRAM_TRACE"), *ring = getenv("TRAM_TRACE_RING"),
               *window = getenv("TRAM_TRACE_WINDOW");
    struct tram_trace_options o = {0};
    unsigned long long bytes = 0;
    char rest;
    if (!path || !*path || tram__probe_folder())
        return TRAM_OK;
    if (had_one) {
        fprintf(stderr,
                "tramline: %s has the trace of this program's first runtime; another one is not traced\n",
                path);
        return TRAM_OK;
    }
    if (others_trace(path)) {
        fprintf(stderr,
                "tramline: %s is being written by the program that started this one, which is not traced\n",
                path);
        return TRAM_OK;
    }
    /* With a width no number overflows; a sign or a blank is none of these characters. */
    if (ring && (ring[strspn(ring, "0123456789")] || sscanf(ring, "%18llu%c", &bytes, &rest) != 1 || !bytes))
        return tram__fail(TRAM_ERR_INVALID, "TRAM_TRACE_RING=%s: a number of bytes is wanted", ring);
    if (window && !tram__window_parse(window, &o.first, &o.count))
        return tram__fail(TRAM_ERR_INVALID,
                          "TRAM_TRACE_WINDOW=%s: START:COUNT is wanted, two whole numbers from 1", window);
    if (ring)
        o.ring_bytes = bytes;
    int status = tram_trace_open(t, path, &o);
    had_one = status == TRAM_OK;
    return status;
}

void tram__trace_fini(struct tram *t) {
    char why[512] = "", folder[4096];
    if (!t->trace)
        return;
    snprintf(folder, sizeof folder, "%s", tram__probe_folder());
    tram__probe_close();
    tram__trace_write_fn *write = tram__writer_find();
    if (!write || write(folder, t->trace, why, sizeof why))
        fprintf(stderr, "tramline: %s: %s; what was recorded stays in %s\n", t->trace,
                write ? why : tram_last_error()->text, folder);
    free(t->trace);
    t->trace = NULL;
}
