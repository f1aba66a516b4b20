/* SPDX-License-Identifier: Apache-2.0
 *
 * What the limit of a transfer does on a GPU: bare calls, one each, behind a table that a module brings (limit_cuda.c), so
 * that a build with it runs without one. It shares nothing with the runtime's device backends.
 */
#ifndef TRAM_HARNESS_LIMIT_GPU_H
#define TRAM_HARNESS_LIMIT_GPU_H

#include <stdbool.h>
#include <stddef.h>

enum { LIMIT_GPU_HANDLE = 64, LIMIT_GPU_VERSION = 1 };

struct limit_gpu; /* one device, with one stream */

/* Each returns 0, or -1 with one line in `why` of this size. */
enum { LIMIT_GPU_WHY = 256 };
struct limit_gpu_ops {
    unsigned version;
    int (*open)(int ordinal, struct limit_gpu **out, char *why);
    /* Zeroed memory of the device; with a handle, others can import it. */
    int (*memory)(struct limit_gpu *g, size_t bytes, void **out, unsigned char *handle, char *why);
    int (*import)(struct limit_gpu *g, const unsigned char *handle, void **out, char *why);
    /* *event: made here, with its handle, or imported by it. */
    int (*event)(struct limit_gpu *g, void **event, unsigned char *handle, bool imports, char *why);
    /* Host memory that exists. */
    int (*pin)(struct limit_gpu *g, void *host, size_t bytes, char *why);
    /* Given to the stream. */
    int (*copy)(struct limit_gpu *g, void *to, const void *from, size_t bytes, char *why);
    int (*record)(struct limit_gpu *g, void *event, char *why);
    int (*await)(struct limit_gpu *g, void *event, char *why);
    /* Until the stream is done. */
    int (*wait)(struct limit_gpu *g, char *why);
};

#define LIMIT_GPU_SYMBOL "tram_limit_gpu_enter"
typedef const struct limit_gpu_ops *limit_gpu_enter(void);

#endif
