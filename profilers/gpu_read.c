/* SPDX-License-Identifier: Apache-2.0 */
#include "profilers/gpu_tracks.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_SOURCES = 4096 };

/* ---- files ---- */

/* What the head says is in the file. */
static const char *check(const struct tram__gpu_head *h, size_t bytes) {
    if (bytes < sizeof *h || h->magic != TRAM__GPU_MAGIC)
        return "not a file of a GPU's records";
    if (h->version != TRAM__GPU_VERSION || h->record_bytes != sizeof(struct tram__gpu_record))
        return "of another version";
    if (h->names_at > bytes || h->names_bytes > bytes - h->names_at || h->records_at > bytes ||
        h->records_at % 8 || h->names_at < sizeof *h || h->records_at < sizeof *h)
        return "its parts lie outside of it";
    return NULL;
}

static bool add(struct tram__gpu_set *s, struct tram__run *r, const char *file, void *map, size_t bytes) {
    const struct tram__gpu_head *h = map;
    const char *wrong = check(h, bytes);
    if (wrong) {
        tram__run_note(r, "%s/%s: %s", r->folder, file, wrong);
        munmap(map, bytes);
        return true;
    }
    struct tram__gpu_source *more = realloc(s->sources, (s->count + 1) * sizeof *more);
    if (!more) {
        munmap(map, bytes);
        return false;
    }
    s->sources = more;
    uint64_t claimed = tram__load_acquire((tram__word64 *)(uintptr_t)&h->claimed),
             room = (bytes - h->records_at) / sizeof(struct tram__gpu_record),
             names = tram__load_acquire((tram__word64 *)(uintptr_t)&h->names_used);
    uint64_t count = claimed < h->capacity ? claimed : h->capacity;
    s->sources[s->count++] = (struct tram__gpu_source){
        .map = map,
        .bytes = bytes,
        .records = (const struct tram__gpu_record *)(const void *)((const char *)map + h->records_at),
        .names = (const char *)map + h->names_at,
        .count = count < room ? count : room,
        .names_bytes = names < h->names_bytes ? names : h->names_bytes,
        .dropped = (claimed > h->capacity ? claimed - h->capacity : 0) +
                   tram__load_relaxed((tram__word64 *)(uintptr_t)&h->lost),
        .pid = h->pid,
        .nccl = strncmp(file, "nccl-", 5) == 0};
    if (count > room)
        tram__run_note(r, "%s/%s: cut, %llu of %llu records are there", r->folder, file,
                       (unsigned long long)room, (unsigned long long)count);
    if (s->sources[s->count - 1].dropped)
        tram__run_note(r, "%s/%s: %llu records were dropped", r->folder, file,
                       (unsigned long long)s->sources[s->count - 1].dropped);
    return true;
}

static bool open_file(struct tram__gpu_set *s, struct tram__run *r, const char *file) {
    char path[4600];
    struct stat st;
    snprintf(path, sizeof path, "%s/%s", r->folder, file);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool regular = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0;
    void *map = regular ? mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0) : MAP_FAILED;
    if (fd >= 0)
        close(fd);
    if (map == MAP_FAILED) {
        tram__run_note(r, "%s: cannot be read", path);
        return true;
    }
    return add(s, r, file, map, (size_t)st.st_size);
}

/* ---- tasks and their work ---- */

struct made {
    uint64_t call, task;
};

static int by_call(const void *a, const void *b) {
    const struct made *x = a, *y = b;
    return x->call < y->call ? -1 : x->call > y->call;
}

static int by_task(const void *a, const void *b) {
    const struct tram__gpu_link *x = a, *y = b;
    if (x->task != y->task)
        return x->task < y->task ? -1 : 1;
    return x->flow < y->flow ? -1 : x->flow > y->flow;
}

static bool is_work(uint32_t kind) {
    return kind == TRAM__GPU_KERNEL || kind == TRAM__GPU_COPY || kind == TRAM__GPU_FILL;
}

static uint32_t kind_of(const struct tram__gpu_record *r) {
    return tram__load32_acquire((tram__word32 *)(uintptr_t)&r->kind);
}

/* The task in which each call was made: LINKs, by the calls' numbers. */
static struct made *find_made(const struct tram__gpu_source *src, size_t *count) {
    struct made *made = malloc((src->count + 1) * sizeof *made);
    *count = 0;
    for (uint64_t i = 0; made && i < src->count; i++)
        if (kind_of(&src->records[i]) == TRAM__GPU_LINK && src->records[i].parent)
            made[(*count)++] = (struct made){src->records[i].id, src->records[i].parent};
    if (made)
        qsort(made, *count, sizeof *made, by_call);
    return made;
}

static bool link_source(struct tram__gpu_set *s, uint32_t source, uint64_t salt) {
    const struct tram__gpu_source *src = &s->sources[source];
    size_t count;
    struct made *made = find_made(src, &count);
    struct tram__gpu_link *links =
        made ? realloc(s->links, (s->link_count + src->count + 1) * sizeof *links) : NULL;
    if (!links) {
        free(made);
        return false;
    }
    s->links = links;
    for (uint64_t i = 0; i < src->count; i++) {
        const struct tram__gpu_record *r = &src->records[i];
        const struct made key = {.call = r->id}, *at = is_work(kind_of(r))
                                                           ? bsearch(&key, made, count, sizeof *made, by_call)
                                                           : NULL;
        if (!at)
            continue;
        uint64_t flow = (((uint64_t)source + 1) << 40 ^ i ^ ~salt) * UINT64_C(0xD6E8FEB86659FD93);
        s->links[s->link_count++] =
            (struct tram__gpu_link){.task = at->task, .flow = flow ? flow : 1, .source = source, .record = i};
    }
    free(made);
    return true;
}

static bool is_one(const char *name) {
    size_t n = strncmp(name, "gpu-", 4) == 0 ? 4 : strncmp(name, "nccl-", 5) == 0 ? 5 : 0;
    return n && isdigit((unsigned char)name[n]);
}

bool tram__gpu_open(struct tram__gpu_set *s, struct tram__run *r, uint64_t salt) {
    *s = (struct tram__gpu_set){.count = 0};
    DIR *d = opendir(r->folder);
    struct dirent *e;
    bool good = true;
    while (good && d && (e = readdir(d)) && s->count < MOST_SOURCES)
        if (is_one(e->d_name))
            good = open_file(s, r, e->d_name);
    if (d)
        closedir(d);
    for (uint32_t i = 0; good && i < s->count; i++)
        good = link_source(s, i, salt);
    if (good && s->link_count)
        qsort(s->links, s->link_count, sizeof *s->links, by_task);
    return good;
}

void tram__gpu_close(struct tram__gpu_set *s) {
    for (uint32_t i = 0; i < s->count; i++)
        munmap(s->sources[i].map, s->sources[i].bytes);
    free(s->sources);
    free(s->links);
    *s = (struct tram__gpu_set){.count = 0};
}

uint32_t tram__gpu_flows(struct tram__gpu_set *s, uint64_t task, uint64_t *flows, uint32_t most) {
    size_t low = 0, high = s->link_count;
    uint32_t count = 0;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (s->links[middle].task < task)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < s->link_count && s->links[low].task == task && count < most; low++) {
        if (s->links[low].begun)
            continue;
        s->links[low].begun = true;
        flows[count++] = s->links[low].flow;
    }
    return count;
}
