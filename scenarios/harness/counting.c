/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/counting.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#pragma weak tram_counting_module_join
#pragma weak tram_counting_module_begin
#pragma weak tram_counting_module_end

bool tram_counting_here(void) {
    return &tram_counting_module_join != NULL;
}
int tram_counting_join(void) {
    return tram_counting_module_join ? tram_counting_module_join() : -1;
}
void tram_counting_begin(void) {
    if (tram_counting_module_begin)
        tram_counting_module_begin();
}
void tram_counting_end(struct tram_counts *out) {
    *out = (struct tram_counts){0};
    if (tram_counting_module_end)
        tram_counting_module_end(out);
}

static bool find_module(char *out, size_t size) {
    const char *given = getenv("TRAM_MODULE_DIR");
    snprintf(out, size, "%s/libtramline_counting.so", given ? given : TRAM_MODULE_DIR_BUILT);
    if (!given && access(out, R_OK))
        snprintf(out, size, "%s/libtramline_counting.so", TRAM_MODULE_DIR_INSTALLED);
    return access(out, R_OK) == 0;
}

bool tram_counting_possible(void) {
    char module[512];
    return find_module(module, sizeof module);
}

bool tram_counting_prepare(void) {
    char module[512], shared[64];
    int fd = find_module(module, sizeof module) ? memfd_create("tramline-counts", 0)
                                                : -1; /* it stays open in the trial, by its path: */
    if (fd < 0)
        return false;
    snprintf(shared, sizeof shared, "/proc/%d/fd/%d", (int)getpid(), fd);
    return ftruncate(fd, 4096) == 0 && setenv("LD_PRELOAD", module, 1) == 0 &&
           setenv("TRAM_COUNTING", shared, 1) == 0;
}

/* ---- methods ---- */

enum { MOST_CLASSES = 4, MOST_METHODS = 8 };

static tram_method_fn *original[MOST_CLASSES][MOST_METHODS];

/* A method does not know which it is: one function for each. */
/* clang-format off */
#define METHOD(c, m)                                                  \
    static int method_##c##_##m(void *self, struct tram_call *call) { \
        tram_counting_join();                                         \
        return original[c][m](self, call);                            \
    }
#define METHODS(c) METHOD(c, 0) METHOD(c, 1) METHOD(c, 2) METHOD(c, 3) METHOD(c, 4) METHOD(c, 5) METHOD(c, 6) METHOD(c, 7)
#define NAME(c, m) method_##c##_##m
#define NAMES(c) {NAME(c, 0), NAME(c, 1), NAME(c, 2), NAME(c, 3), NAME(c, 4), NAME(c, 5), NAME(c, 6), NAME(c, 7)}
METHODS(0)
METHODS(1)
METHODS(2)
METHODS(3)
static tram_method_fn *const counted[MOST_CLASSES][MOST_METHODS] = {NAMES(0), NAMES(1), NAMES(2), NAMES(3)};
/* clang-format on */

const struct tram_class *tram_counting_classes(const struct tram_class *classes) {
    static struct tram_class all[MOST_CLASSES + 1];
    static struct tram_method methods[MOST_CLASSES][MOST_METHODS + 1];
    for (size_t c = 0; c < MOST_CLASSES && classes[c].name; c++) {
        all[c] = classes[c];
        all[c].methods = methods[c];
        for (size_t m = 0; m < MOST_METHODS && classes[c].methods && classes[c].methods[m].name; m++) {
            methods[c][m] = classes[c].methods[m];
            original[c][m] = classes[c].methods[m].fn;
            methods[c][m].fn = counted[c][m];
        }
    }
    return all;
}
