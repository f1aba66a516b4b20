/* SPDX-License-Identifier: Apache-2.0
 *
 * malloc and its kin in place of the C library's, which they call: for tests and for counted runs, that count them. Included by one
 * file of a program, or of a module that is loaded before all else. Not beside a sanitizer, which has its own.
 */
#ifndef TRAM_BASE_MALLOC_TRAP_H
#define TRAM_BASE_MALLOC_TRAP_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

/* For every call, and with `freed` for every free of something: it must not allocate. */
static void tram__malloc_seen(bool freed);

void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);
void __libc_free(void *);

#define TRAM__MALLOC_EXPORT __attribute__((visibility("default")))

TRAM__MALLOC_EXPORT void *malloc(size_t n) {
    tram__malloc_seen(false);
    return __libc_malloc(n);
}

TRAM__MALLOC_EXPORT void *calloc(size_t n, size_t size) {
    tram__malloc_seen(false);
    return __libc_calloc(n, size);
}

TRAM__MALLOC_EXPORT void *realloc(void *p, size_t n) {
    tram__malloc_seen(false);
    return __libc_realloc(p, n);
}

TRAM__MALLOC_EXPORT void *aligned_alloc(size_t alignment, size_t n) {
    tram__malloc_seen(false);
    return __libc_memalign(alignment, n);
}

TRAM__MALLOC_EXPORT int posix_memalign(void **out, size_t alignment, size_t n) {
    tram__malloc_seen(false);
    void *p = __libc_memalign(alignment, n);
    if (p)
        *out = p;
    return p ? 0 : ENOMEM;
}

TRAM__MALLOC_EXPORT void free(void *p) {
    if (p)
        tram__malloc_seen(true);
    __libc_free(p);
}

#endif
