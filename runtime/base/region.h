/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory that one process writes and others read, enforced by the kernel: an anonymous memfd, mapped writable
 * by its owner and then sealed against resizing, further seals and any further writable mapping.
 */
#ifndef TRAM_BASE_REGION_H
#define TRAM_BASE_REGION_H

#include <stddef.h>
#include <stdint.h>

struct tram__region {
    void *base;
    size_t size;
};

/* Creates, prefaults and seals a zeroed region; *fd is the caller's, for handing to readers. */
int tram__region_create(const char *name, size_t size, struct tram__region *out, int *fd);
/* Maps a peer's region read-only after checking its size and seals. Borrows the fd. */
int tram__region_map(int fd, size_t size, struct tram__region *out);

/* The same two for one that takes memory only where it is prefaulted: addresses for `size` bytes, and no more. */
int tram__region_reserve(const char *name, size_t size, struct tram__region *out, int *fd);
int tram__region_map_reserved(int fd, size_t size, struct tram__region *out);
/* Makes [from, to) of such a region resident: for writing by its owner (0 or a status), for reading by others (as far as
 * the kernel can). Multiples of the page. */
int tram__region_prefault(const struct tram__region *r, uint64_t from, uint64_t to);
void tram__region_prefault_read(const struct tram__region *r, uint64_t from, uint64_t to);
void tram__region_close(struct tram__region *r); /* a zeroed one is fine */

/* Bytes that can still be allocated here: the least of MemAvailable and what the cgroup's limits leave. */
uint64_t tram__memory_available(void);

#endif
