/* SPDX-License-Identifier: Apache-2.0 */
#include "profilers/write.h"

#include "profilers/json.h"
#include "profilers/perfetto.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool ends_with(const char *path, const char *end) {
    size_t n = strlen(path), m = strlen(end);
    return n >= m && strcmp(path + n - m, end) == 0;
}

int tram__trace_write(const struct tram__run *r, const char *path, bool deflate, struct tram__counts *counts,
                      char *why, size_t why_size) {
    struct tram__sink sink;
    bool json = ends_with(path, ".json");
    if (tram__sink_open(&sink, path, deflate && !json, why, why_size))
        return -1;
    int status = json ? tram__json_write(r, &sink, counts) : tram__perfetto_write(r, &sink, counts);
    if (!status)
        return tram__sink_close(&sink, why, why_size);
    tram__sink_abandon(&sink);
    snprintf(why, why_size, "%s: out of memory", path);
    return -1;
}

/* "ring-12-3" and the like: a word, then so many numbers, or more where a file is one of several. */
static bool is_ours(const char *name) {
    static const struct {
        const char *word;
        int numbers;
    } kinds[] = {{"ring", 2}, {"names", 1}, {"graph", 1}, {"gpu", 1}, {"nccl", 1}};
    if (strcmp(name, "control") == 0 || strcmp(name, "notes") == 0)
        return true;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        size_t n = strlen(kinds[i].word);
        const char *p = name + n;
        int left = kinds[i].numbers;
        if (strncmp(name, kinds[i].word, n) != 0)
            continue;
        for (; p[0] == '-' && isdigit((unsigned char)p[1]); left--)
            for (p++; isdigit((unsigned char)*p);)
                p++;
        if (left <= 0 && !*p)
            return true;
    }
    return false;
}

int tram__trace_remove(const char *folder, char *why, size_t why_size) {
    DIR *d = opendir(folder);
    int error = d ? 0 : errno;
    struct dirent *e;
    while (d && (e = readdir(d)))
        if (is_ours(e->d_name) && unlinkat(dirfd(d), e->d_name, 0) && !error)
            error = errno;
    if (d)
        closedir(d);
    if (!error && rmdir(folder))
        error = errno;
    if (error)
        snprintf(why, why_size, "%s: %s", folder, strerror(error));
    return error ? -1 : 0;
}
