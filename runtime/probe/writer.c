/* SPDX-License-Identifier: Apache-2.0 */
#include "probe/writer.h"

#include "base/error.h"
#include "base/module.h"
#include "probe/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

tram__trace_write_fn *tram__writer_find(void) {
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

int tram__writer_check(const char *path, bool *made) {
    struct stat st;
    *made = stat(path, &st) != 0;
    if (!*made && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) /* opening a pipe would wait */
        return tram__fail(TRAM_ERR_INVALID, "%s: it is there, and no regular file", path);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0)
        return tram__fail(TRAM_ERR_SYSTEM, "%s: %s", path, strerror(errno));
    close(fd);
    return TRAM_OK;
}

int tram__writer_try(const char *path) {
    char folder[4096];
    bool made = false;
    int status = tram__writer_find() ? tram__writer_check(path, &made) : tram_last_error()->status;
    if (made)
        unlink(path);
    snprintf(folder, sizeof folder, "%s.rings", path);
    return status ? status : tram__probe_vacant(folder);
}
