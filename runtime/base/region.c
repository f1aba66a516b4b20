/* SPDX-License-Identifier: Apache-2.0 */
#include "base/region.h"

#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ  22
#define MADV_POPULATE_WRITE 23
#endif
#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL)

static int create(const char *name, size_t size, int map, struct tram__region *out, int *out_fd) {
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return tram__fail_errno("memfd_create for %s", name);
    int status;
    if (ftruncate(fd, (off_t)size) != 0) {
        status = tram__fail_errno("sizing %s to %zu bytes", name, size);
        goto err_close;
    }
    void *base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | map, fd, 0);
    if (base == MAP_FAILED) {
        status = tram__fail_errno("mapping %zu bytes of %s", size, name);
        goto err_close;
    }
    if (fcntl(fd, F_ADD_SEALS, SEALS) != 0) {
        status = tram__fail_errno("sealing %s", name);
        goto err_unmap;
    }
    *out = (struct tram__region){base, size};
    *out_fd = fd;
    return TRAM_OK;
err_unmap:
    munmap(base, size);
err_close:
    close(fd);
    return status;
}

static int map_peer(int fd, size_t size, int map, struct tram__region *out) {
    struct stat st;
    if (fstat(fd, &st) != 0)
        return tram__fail_errno("fstat of a peer's region");
    if ((uint64_t)st.st_size != size)
        return tram__fail(TRAM_ERR_PROTOCOL, "a peer's region has %lld bytes instead of %zu",
                          (long long)st.st_size, size);
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0 || (seals & SEALS) != SEALS)
        return tram__fail(TRAM_ERR_PROTOCOL, "a peer's region is not sealed (seals %#x)", (unsigned)seals);
    void *base = mmap(NULL, size, PROT_READ, MAP_SHARED | map, fd, 0);
    if (base == MAP_FAILED)
        return tram__fail_errno("mapping %zu bytes of a peer's region", size);
    *out = (struct tram__region){base, size};
    return TRAM_OK;
}

int tram__region_create(const char *name, size_t size, struct tram__region *out, int *fd) {
    return create(name, size, MAP_POPULATE, out, fd);
}

int tram__region_map(int fd, size_t size, struct tram__region *out) {
    return map_peer(fd, size, MAP_POPULATE, out);
}

int tram__region_reserve(const char *name, size_t size, struct tram__region *out, int *fd) {
    return create(name, size, MAP_NORESERVE, out, fd);
}

int tram__region_map_reserved(int fd, size_t size, struct tram__region *out) {
    return map_peer(fd, size, MAP_NORESERVE, out);
}

int tram__region_prefault(const struct tram__region *r, uint64_t from, uint64_t to) {
    char *base = r->base;
    if (madvise(base + from, to - from, MADV_POPULATE_WRITE) == 0)
        return TRAM_OK;
    if (errno != EINVAL)
        return tram__fail_errno("prefaulting %llu bytes", (unsigned long long)(to - from));
    for (uint64_t at = from; at < to; at += 4096) /* before Linux 5.14 */
        memset(base + at, 0, 1);
    return TRAM_OK;
}

void tram__region_prefault_read(const struct tram__region *r, uint64_t from, uint64_t to) {
    madvise((char *)r->base + from, to - from, MADV_POPULATE_READ);
}

void tram__region_close(struct tram__region *r) {
    if (r->base)
        munmap(r->base, r->size);
    *r = (struct tram__region){0};
}

static int read_number(const char *path, uint64_t *out) {
    FILE *f = fopen(path, "re");
    if (!f)
        return -1;
    unsigned long long v;
    int n = fscanf(f, "%llu", &v);
    fclose(f);
    if (n != 1)
        return -1;
    *out = v;
    return 0;
}

/* Lowers *least by what the limits at one cgroup folder, and at every folder above it, leave. */
static void under_limits(const char *mount, char *group, const char *limit, const char *usage,
                         uint64_t *least) {
    char path[768];
    for (;;) {
        uint64_t max, used;
        snprintf(path, sizeof path, "%s%s/%s", mount, group, limit);
        int have = read_number(path, &max);
        snprintf(path, sizeof path, "%s%s/%s", mount, group, usage);
        if (have == 0 && read_number(path, &used) == 0) {
            uint64_t left = max > used ? max - used : 0;
            if (left < *least)
                *least = left;
        }
        char *slash = strrchr(group, '/');
        if (!slash)
            return;
        *slash = '\0';
    }
}

uint64_t tram__memory_available(void) {
    uint64_t least = UINT64_MAX;
    char line[512];
    FILE *f = fopen("/proc/meminfo", "re");
    if (f) {
        unsigned long long kib;
        while (fgets(line, sizeof line, f))
            if (sscanf(line, "MemAvailable: %llu kB", &kib) == 1)
                least = (uint64_t)kib * 1024;
        fclose(f);
    }
    f = fopen("/proc/self/cgroup", "re");
    if (!f)
        return least;
    while (fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = '\0';
        char *list = strchr(line, ':');
        char *path = list ? strchr(list + 1, ':') : NULL;
        if (!path)
            continue;
        *path++ = '\0';
        list++;
        if (strcmp(list, "") == 0)
            under_limits("/sys/fs/cgroup", path, "memory.max", "memory.current", &least);
        else if (strcmp(list, "memory") == 0)
            under_limits("/sys/fs/cgroup/memory", path, "memory.limit_in_bytes", "memory.usage_in_bytes",
                         &least);
    }
    fclose(f);
    return least;
}
