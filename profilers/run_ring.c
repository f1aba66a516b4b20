/* SPDX-License-Identifier: Apache-2.0 */
#include "profilers/run.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Maps a file of the folder; NULL with the reason. */
static void *map(const struct tram__run *r, const char *file, size_t *bytes, const char **why) {
    char path[4200];
    struct stat st;
    snprintf(path, sizeof path, "%s/%s", r->folder, file);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    void *p = MAP_FAILED;
    if (fd < 0 || fstat(fd, &st))
        *why = strerror(errno);
    else if (!S_ISREG(st.st_mode))
        *why = "not a regular file";
    else if ((size_t)st.st_size < TRAM__RING_EVENTS_AT)
        *why = "cut: shorter than its head";
    else if ((p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0)) == MAP_FAILED)
        *why = strerror(errno);
    else
        *bytes = (size_t)st.st_size;
    if (fd >= 0)
        close(fd);
    return p == MAP_FAILED ? NULL : p;
}

static const char *check(const struct tram__ring_head *h) {
    if (h->magic == 0)
        return "no ring yet: its thread died while it made it";
    if (h->magic != TRAM__RING_MAGIC)
        return "not a ring";
    if (h->version != TRAM__RING_VERSION || h->event_bytes != sizeof(struct tram__event))
        return "a ring of another version";
    if (h->clock != TRAM__CLOCK_MONOTONIC && h->clock != TRAM__CLOCK_TSC)
        return "a ring with a clock that is not known";
    return NULL;
}

/* What was under way, unless it is among the last events: it had just been recorded then. */
static void find_open(struct tram__run_thread *t) {
    struct tram__event e = {.time = tram__load_acquire(&t->head->open_time)};
    uint64_t kind = tram__load_relaxed(&t->head->open_kind), name = tram__load_relaxed(&t->head->open_name);
    if (t->closed || !e.time || kind == TRAM__EVENT_NONE || kind >= TRAM__EVENT_KINDS)
        return;
    e.kind_length = kind << 56;
    e.name = (uint32_t)name;
    e.group = (uint32_t)(name >> 32);
    e.number = tram__load_relaxed(&t->head->open_number);
    for (uint64_t i = t->count; i > 0 && t->count - i < 64; i--)
        if (t->events[i - 1].time == e.time &&
            tram__event_kind(&t->events[i - 1]) == (enum tram__event_kind)kind)
            return;
    t->open = e;
}

/* Which process of its number a ring is of, from its file's name: "ring-PID.K-N", from 0. */
static uint32_t life_of(const char *file) {
    unsigned k = 1;
    return sscanf(file, "ring-%*d.%u-", &k) == 1 && k && k <= TRAM__RUN_LIVES ? k - 1 : 0;
}

static int32_t of_life(int32_t number, uint32_t life) {
    return number > 0 && number < TRAM__RUN_LIFE ? number + (int32_t)life * TRAM__RUN_LIFE : number;
}

static bool find_process(struct tram__run *r, const struct tram__ring_head *h, uint32_t life, uint32_t *out) {
    int32_t pid = of_life(h->pid, life);
    for (*out = 0; *out < r->process_count; ++*out)
        if (r->processes[*out].pid == pid)
            return true;
    struct tram__run_process *p = realloc(r->processes, (r->process_count + 1) * sizeof *p);
    if (!p)
        return false;
    r->processes = p;
    p[*out] = (struct tram__run_process){.pid = pid, .life = life, .actor = h->actor};
    tram__run_text(p[*out].name, sizeof p[*out].name, h->process, sizeof h->process);
    r->process_count++;
    return true;
}

bool tram__run_add_ring(struct tram__run *r, const char *file) {
    const char *why = NULL;
    struct tram__run_thread t = {.map = NULL};
    t.map = map(r, file, &t.map_bytes, &why);
    if (t.map)
        why = check(t.map);
    if (why) {
        tram__run_note(r, "%s/%s: %s", r->folder, file, why);
        if (t.map)
            munmap(t.map, t.map_bytes);
        return true;
    }
    t.head = t.map;
    t.events = (const struct tram__event *)(const void *)((const char *)t.map + TRAM__RING_EVENTS_AT);
    uint64_t there = (t.map_bytes - TRAM__RING_EVENTS_AT) / sizeof(struct tram__event);
    uint64_t written = tram__load_acquire(&t.head->written);
    t.count = written < there ? written : there;
    if (written > there)
        tram__run_note(r, "%s/%s: torn: %llu events were written, %llu are there", r->folder, file,
                       (unsigned long long)written, (unsigned long long)there);
    t.dropped = tram__load_relaxed(&t.head->dropped);
    t.clock = (enum tram__clock)t.head->clock;
    uint32_t life = life_of(file);
    t.tid = of_life(t.head->tid, life);
    t.first = t.head->first;
    t.last = t.head->last;
    t.closed = t.last.ns != 0;
    if (t.first.ns >> 62)
        t.first.ns = 0;
    if (t.last.ns >> 62)
        t.last.ns = 0;
    tram__run_text(t.name, sizeof t.name, t.head->thread, sizeof t.head->thread);
    snprintf(t.file, sizeof t.file, "%s", file);
    find_open(&t);
    struct tram__run_thread *threads = realloc(r->threads, (r->thread_count + 1) * sizeof *threads);
    if (threads)
        r->threads = threads;
    if (!threads || !find_process(r, t.head, life, &t.process)) {
        munmap(t.map, t.map_bytes);
        return false;
    }
    threads[r->thread_count++] = t;
    return true;
}
