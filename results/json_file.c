/* SPDX-License-Identifier: Apache-2.0 */
#include "results/json_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STEP = 65536 };

/* All of it, and a '\0' after it, onto *text and *size, which are NULL and 0: 0, or what went wrong as an errno. */
static int load(FILE *f, size_t most, char **text, size_t *size) {
    for (size_t room = 0;;) {
        if (*size == room) {
            room += room ? room : STEP;
            char *more = realloc(*text, room + 1);
            if (!more)
                return ENOMEM;
            *text = more;
        }
        size_t n = fread(*text + *size, 1, room - *size, f);
        *size += n;
        (*text)[*size] = '\0';
        if (*size > most)
            return EFBIG;
        if (!n)
            return ferror(f) ? errno : 0;
    }
}

/* NULL, with what went wrong in *why. A folder is opened, too: reading it says what it is. */
static FILE *open_regular(const char *path, const char **why) {
    struct stat st;
    int fd = open(path,
                  O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK); /* which does not wait for a pipe's writer */
    bool regular = fd >= 0 && fstat(fd, &st) == 0 && (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode));
    FILE *f = regular ? fdopen(fd, "r") : NULL;
    *why = fd < 0 || regular ? strerror(errno) : "it is no regular file; a pipe or a device is not read";
    if (!f && fd >= 0)
        close(fd);
    return f;
}

int tram__json_read(const char *path, size_t most, json_t **out, char *why, size_t why_size) {
    const char *problem;
    FILE *f = open_regular(path, &problem);
    char *text = NULL;
    size_t size = 0;
    json_error_t error;
    *out = NULL;
    if (!f) {
        snprintf(why, why_size, "%s: %s", path, problem);
        return -1;
    }
    int failed = load(f, most, &text, &size);
    fclose(f);
    if (failed == EFBIG)
        snprintf(why, why_size, "%s: it has more than %zu MiB", path, most >> 20);
    else if (failed)
        snprintf(why, why_size, "%s: %s", path, strerror(failed));
    else if (strspn(text, " \t\r\n") == size)
        snprintf(why, why_size, "%s: it is empty", path);
    else if (!(*out = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error)))
        snprintf(why, why_size, "%s: no JSON, or cut: line %d, column %d: %s", path, error.line, error.column,
                 error.text);
    free(text);
    return *out ? 0 : -1;
}
