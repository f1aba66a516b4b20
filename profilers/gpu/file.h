/* SPDX-License-Identifier: Apache-2.0
 *
 * Writing a file of probe/gpu.h. Its size is settled when it is opened: what does not fit is dropped, and counted. Any thread may
 * write; nobody waits for another but for the first use of a name.
 */
#ifndef TRAM_PROFILERS_GPU_FILE_H
#define TRAM_PROFILERS_GPU_FILE_H

#include "probe/gpu.h"

#include <pthread.h>

struct tram__gpu_file {
    struct tram__gpu_head *head; /* mapped; NULL: closed */
    struct tram__gpu_record *records;
    char *names;
    uint64_t bytes;
    int fd;
    pthread_mutex_t lock; /* of names that are new */
};

/* Makes FOLDER/STEM-PID, or STEM-PID-2 and so on where that is there already, with room for so many records.
 * 0, or -1 with one line in `why`. */
int tram__gpu_file_open(struct tram__gpu_file *f, const char *folder, const char *stem, uint64_t capacity,
                        char *why, size_t size);
/* Nobody writes any more. The file is cut to what it holds. */
void tram__gpu_file_close(struct tram__gpu_file *f);
/* A record, zeroed, whose kind is to be stored last; NULL: there is no room, which is counted. */
struct tram__gpu_record *tram__gpu_claim(struct tram__gpu_file *f);
/* The number of a name; 0: of none, or there is no room. */
uint32_t tram__gpu_name(struct tram__gpu_file *f, const char *text);
/* 1 + the place of a record; 0: it is none of this file's. */
uint64_t tram__gpu_place(const struct tram__gpu_file *f, const void *record);
/* The clock of its times. */
uint64_t tram__gpu_now_ns(void);

static inline void tram__gpu_publish(struct tram__gpu_record *r, enum tram__gpu_kind kind) {
    tram__store32_release(&r->kind, (uint32_t)kind);
}

#endif
