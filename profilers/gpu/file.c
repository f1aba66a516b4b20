/* SPDX-License-Identifier: Apache-2.0 */
#include "profilers/gpu/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { NAMES_AT = 4096, NAMES_BYTES = 256 * 1024, LONGEST = 200, MOST_FILES = 1000 };
_Static_assert(sizeof(struct tram__gpu_head) <= NAMES_AT, "the head fits its page");

int tram__gpu_file_open(struct tram__gpu_file *f, const char *folder, const char *stem, uint64_t capacity,
                        char *why, size_t size) {
    char path[4200];
    int fd = -1;
    uint64_t bytes = NAMES_AT + NAMES_BYTES + capacity * sizeof(struct tram__gpu_record);
    for (int k = 1; fd < 0 && k <= MOST_FILES && (k == 1 || errno == EEXIST); k++) {
        snprintf(path, sizeof path, k == 1 ? "%s/%s-%d" : "%s/%s-%d-%d", folder, stem, (int)getpid(), k);
        fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    }
    int error = fd < 0 ? errno : posix_fallocate(fd, 0, (off_t)bytes);
    void *at =
        error ? MAP_FAILED : mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
    if (at == MAP_FAILED) {
        snprintf(why, size, "%s: %s", path, strerror(error ? error : errno));
        if (fd >= 0) {
            close(fd);
            unlink(path);
        }
        return -1;
    }
    *f = (struct tram__gpu_file){.head = at,
                                 .names = (char *)at + NAMES_AT,
                                 .records =
                                     (struct tram__gpu_record *)(void *)((char *)at + NAMES_AT + NAMES_BYTES),
                                 .bytes = bytes,
                                 .fd = fd,
                                 .lock = PTHREAD_MUTEX_INITIALIZER};
    f->head->version = TRAM__GPU_VERSION;
    f->head->record_bytes = sizeof(struct tram__gpu_record);
    f->head->names_at = NAMES_AT;
    f->head->names_bytes = NAMES_BYTES;
    f->head->records_at = NAMES_AT + NAMES_BYTES;
    f->head->capacity = capacity;
    f->head->pid = getpid();
    f->head->magic = TRAM__GPU_MAGIC;
    return 0;
}

void tram__gpu_file_close(struct tram__gpu_file *f) {
    if (!f->head)
        return;
    uint64_t used = tram__load_relaxed(&f->head->claimed);
    if (used > f->head->capacity)
        used = f->head->capacity;
    uint64_t end = f->head->records_at + used * sizeof(struct tram__gpu_record);
    munmap(f->head, f->bytes);
    if (ftruncate(f->fd, (off_t)end))
        (void)errno; /* it stays larger than it need be */
    close(f->fd);
    f->head = NULL;
}

struct tram__gpu_record *tram__gpu_claim(struct tram__gpu_file *f) {
    uint64_t place = atomic_fetch_add_explicit(&f->head->claimed, 1, memory_order_relaxed);
    return place < f->head->capacity ? &f->records[place] : NULL;
}

uint64_t tram__gpu_place(const struct tram__gpu_file *f, const void *record) {
    uintptr_t first = (uintptr_t)f->records, at = (uintptr_t)record;
    if (at < first || at >= first + f->head->capacity * sizeof *f->records ||
        (at - first) % sizeof *f->records)
        return 0;
    return 1 + (at - first) / sizeof *f->records;
}

/* The number of the name among those in the first `used` bytes, which change no more; 0, and how many there are. */
static uint32_t find(const char *names, uint64_t used, const char *text, uint16_t size, uint32_t *count) {
    uint16_t length;
    *count = 0;
    for (uint64_t at = 0; at < used; at += sizeof length + length) {
        memcpy(&length, names + at, sizeof length);
        ++*count;
        if (length == size && memcmp(names + at + sizeof length, text, size) == 0)
            return *count;
    }
    return 0;
}

uint32_t tram__gpu_name(struct tram__gpu_file *f, const char *text) {
    size_t all = text ? strlen(text) : 0;
    uint16_t size = (uint16_t)(all < LONGEST ? all : LONGEST);
    uint32_t count, number;
    if (!size)
        return 0;
    number = find(f->names, tram__load_acquire(&f->head->names_used), text, size, &count); /* A1 */
    if (number)
        return number;
    pthread_mutex_lock(&f->lock);
    uint64_t used = tram__load_relaxed(&f->head->names_used);
    number = find(f->names, used, text, size, &count);
    if (!number && used + sizeof size + size <= NAMES_BYTES) {
        memcpy(f->names + used, &size, sizeof size);
        memcpy(f->names + used + sizeof size, text, size);
        tram__store_release(&f->head->names_used, used + sizeof size + size); /* R1: the name's bytes */
        number = count + 1;
    }
    pthread_mutex_unlock(&f->lock);
    return number;
}

uint64_t tram__gpu_now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}
