/* SPDX-License-Identifier: Apache-2.0 */
#include "plots/traces.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/append.h"

/* From a folder to a file, both absolute and without links. The caller's to free. */
static char *link_from(const char *folder, const char *file) {
    struct tram__memory m;
    size_t same = 0;
    for (size_t i = 0; folder[i] == file[i] || (!folder[i] && file[i] == '/'); i++) {
        if (file[i] == '/')
            same = i;
        if (!folder[i])
            break;
    }
    tram__memory_open(&m);
    for (const char *p = folder + same; *p; p++)
        if (*p == '/' && p[1])
            fputs("../", m.f);
    for (const char *p = file + same + 1; *p; p++)
        if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/", *p))
            putc(*p, m.f);
        else
            fprintf(m.f, "%%%02X", (unsigned char)*p);
    tram__memory_close(&m);
    return m.text;
}

static int add(struct tram__traces *t, const char *folder, const char *path, char *why) {
    char real_folder[PATH_MAX], real_file[PATH_MAX];
    struct stat st;
    if (!realpath(folder, real_folder) || !realpath(path, real_file) || stat(real_file, &st) != 0) {
        snprintf(why, TRAM__WHY, "--trace=%.300s: %s", path, strerror(errno));
        return -1;
    }
    if (!S_ISREG(st.st_mode)) {
        snprintf(why, TRAM__WHY, "--trace=%.300s: not a file", path);
        return -1;
    }
    struct tram__trace one = {tram__needed(strdup(path)), link_from(real_folder, real_file)};
    for (uint32_t i = 0; i < t->count; i++)
        if (strcmp(t->at[i].link, one.link) == 0) { /* named, and found too */
            free((char *)(uintptr_t)one.path);
            free(one.link);
            return 0;
        }
    if (!tram__append(&t->at, &t->count, sizeof one, &one))
        tram__needed(NULL);
    return 0;
}

static bool ends(const char *name, const char *with) {
    size_t n = strlen(name), k = strlen(with);
    return n >= k && strcmp(name + n - k, with) == 0;
}

/* Those beside one result file, in the order of their names. What vanishes meanwhile is passed over. */
static void find_beside(struct tram__traces *t, const char *folder, const char *result) {
    char where[PATH_MAX], stem[NAME_MAX + 1], path[PATH_MAX + NAME_MAX + 2], why[TRAM__WHY];
    const char *base = tram__base_name(result);
    struct dirent **names;
    snprintf(where, sizeof where, "%.*s", base == result ? 1 : (int)(base - result),
             base == result ? "." : result);
    snprintf(stem, sizeof stem, "%s", base);
    if (ends(stem, ".json"))
        stem[strlen(stem) - strlen(".json")] = '\0';
    int count = *stem ? scandir(where, &names, NULL, alphasort) : -1;
    for (int i = 0; i < count; i++) {
        size_t n = strlen(stem);
        if (strncmp(names[i]->d_name, stem, n) == 0 && names[i]->d_name[n] == '.' &&
            ends(names[i]->d_name, ".pftrace")) {
            snprintf(path, sizeof path, "%s%s%s", where, where[strlen(where) - 1] == '/' ? "" : "/",
                     names[i]->d_name);
            (void)add(t, folder, path, why);
        }
        free(names[i]);
    }
    if (count >= 0)
        free(names);
}

int tram__traces_find(const char *const *named, unsigned named_count, const struct tram__input *inputs,
                      unsigned input_count, const char *folder, struct tram__traces *out, char *why) {
    *out = (struct tram__traces){0};
    for (unsigned i = 0; i < named_count; i++)
        if (add(out, folder, named[i], why)) {
            tram__traces_free(out);
            return -1;
        }
    for (unsigned i = 0; i < input_count; i++)
        if (inputs[i].kind == TRAM__INPUT_RESULT)
            find_beside(out, folder, inputs[i].path);
    return 0;
}

void tram__traces_free(struct tram__traces *t) {
    for (uint32_t i = 0; i < t->count; i++) {
        free((char *)(uintptr_t)t->at[i].path);
        free(t->at[i].link);
    }
    free(t->at);
    *t = (struct tram__traces){0};
}
