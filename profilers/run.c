/* SPDX-License-Identifier: Apache-2.0 */
#include "profilers/run.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_GRAPH_BYTES = 64 << 20, MOST_ABOUT_BYTES = 1 << 18, MOST_FILES = 1 << 16 };

void tram__run_note(struct tram__run *r, const char *format, ...) {
    va_list args;
    va_start(args, format);
    if (r->note_count < TRAM__RUN_NOTES)
        vsnprintf(r->notes[r->note_count], sizeof r->notes[0], format, args);
    r->note_count++;
    va_end(args);
}

/* The bytes of one character of UTF-8, 0: it is none. */
static size_t character(const unsigned char *p, size_t left) {
    size_t n = *p < 0x80                 ? 1
               : *p >= 0xC2 && *p < 0xE0 ? 2
               : *p >= 0xE0 && *p < 0xF0 ? 3
               : *p >= 0xF0 && *p < 0xF5 ? 4
                                         : 0;
    if (n > left)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xC0) != 0x80)
            return 0;
    if ((*p == 0xE0 && p[1] < 0xA0) || (*p == 0xED && p[1] > 0x9F) || (*p == 0xF0 && p[1] < 0x90) ||
        (*p == 0xF4 && p[1] > 0x8F))
        return 0;
    return n;
}

void tram__run_text(char *to, size_t size, const char *from, size_t most) {
    size_t used = 0;
    for (size_t at = 0; at < most && from[at];) {
        size_t n = character((const unsigned char *)from + at, most - at);
        bool control = n == 1 && ((unsigned char)from[at] < 0x20 || from[at] == 0x7F) && from[at] != '\n';
        if (used + (n ? n : 1) >= size)
            break;
        if (!n || control)
            to[used++] = '?';
        else
            memcpy(to + used, from + at, n), used += n;
        at += n ? n : 1;
    }
    to[used] = '\0';
}

/* A whole file of the folder, at most so many bytes; NULL with the reason. */
static char *load(const struct tram__run *r, const char *file, size_t most, size_t *size, const char **why) {
    char path[4200];
    struct stat st;
    char *data = NULL;
    snprintf(path, sizeof path, "%s/%s", r->folder, file);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    *why = NULL;
    if (fd < 0 || fstat(fd, &st))
        *why = strerror(errno);
    else if (!S_ISREG(st.st_mode))
        *why = "not a regular file";
    else if ((size_t)st.st_size > most)
        *why = "too large";
    else if (!(data = malloc((size_t)st.st_size + 1)))
        *why = "out of memory";
    for (*size = 0; data && *size < (size_t)st.st_size;) {
        ssize_t n = read(fd, data + *size, (size_t)st.st_size - *size);
        if (n <= 0)
            break;
        *size += (size_t)n;
    }
    if (fd >= 0)
        close(fd);
    return data;
}

static int open_control(struct tram__run *r, char *why, size_t why_size) {
    const char *reason;
    size_t size = 0;
    struct tram__control c;
    char *data = load(r, "control", 1 << 20, &size, &reason);
    if (data && size < sizeof c)
        reason = "cut: shorter than it has to be";
    else if (data) {
        memcpy(&c, data, sizeof c);
        reason = c.magic != TRAM__CONTROL_MAGIC    ? "not the control file of a traced run"
                 : c.version != TRAM__RING_VERSION ? "of another version"
                                                   : NULL;
    }
    free(data);
    if (reason) {
        snprintf(why, why_size, "%s/control: %s", r->folder, reason);
        return -1;
    }
    r->driver_pid = c.driver_pid;
    r->window_first = c.window_first;
    r->window_count = c.window_count;
    return 0;
}

/* The strings behind the head, each with a 0 in place of the next one's length. */
static void split_names(struct tram__run_process *p, const char *data, size_t size) {
    uint16_t length;
    size_t used = 0;
    p->strings = malloc(size + size / 2 + 1);
    p->string_at = malloc((size / sizeof length + 1) * sizeof *p->string_at);
    if (!p->strings || !p->string_at)
        return;
    for (size_t at = 0; at + sizeof length <= size; at += length) {
        memcpy(&length, data + at, sizeof length);
        at += sizeof length;
        if (length > size - at || length > TRAM__NAME_MOST)
            break;
        p->string_at[p->string_count++] = (uint32_t)used;
        tram__run_text(p->strings + used, (size_t)length + 1, data + at, length);
        used += strlen(p->strings + used) + 1;
    }
}

static void open_names(struct tram__run *r, struct tram__run_process *p) {
    char file[48];
    const char *reason;
    size_t size = 0;
    struct tram__names_head h;
    snprintf(file, sizeof file, p->life ? "names-%d.%u" : "names-%d",
             (int)(p->life ? p->pid % TRAM__RUN_LIFE : p->pid), p->life + 1);
    char *data = load(r, file, TRAM__NAMES_BYTES, &size, &reason);
    if (data && size < sizeof h)
        reason = "cut: shorter than its head";
    else if (data) {
        memcpy(&h, data, sizeof h);
        if (h.magic != TRAM__NAMES_MAGIC || h.version != TRAM__RING_VERSION)
            reason = "not the names of this version";
    }
    if (reason) {
        tram__run_note(r, "%s/%s: %s", r->folder, file, reason);
    } else {
        uint64_t used = tram__load_relaxed(&h.used), there = size - sizeof h;
        if (used > there)
            tram__run_note(r, "%s/%s: torn: %llu bytes of names, %llu are there", r->folder, file,
                           (unsigned long long)used, (unsigned long long)there);
        split_names(p, data + sizeof h, used < there ? used : there);
    }
    free(data);
}

static bool add_graph(struct tram__run *r, const char *file) {
    const char *reason;
    char why[128];
    size_t size = 0;
    bool cut = false;
    char *text = load(r, file, MOST_GRAPH_BYTES, &size, &reason);
    struct tram__run_graph *g = text ? tram__run_graph_parse(text, size, &cut, why, sizeof why) : NULL;
    free(text);
    if (!g || tram__run_graph_find(r, g->id)) {
        tram__run_note(r, "%s/%s: %s", r->folder, file,
                       g        ? "a graph that is there already"
                       : reason ? reason
                                : why);
        tram__run_graph_free(g);
        return true;
    }
    if (cut)
        tram__run_note(r, "%s/%s: cut, or not understood from some line on", r->folder, file);
    return tram__run_insert_graph(r, g);
}

bool tram__run_insert_graph(struct tram__run *r, struct tram__run_graph *g) {
    struct tram__run_graph **graphs = realloc(r->graphs, (r->graph_count + 1) * sizeof *graphs);
    if (!graphs) {
        tram__run_graph_free(g);
        return false;
    }
    r->graphs = graphs;
    uint32_t at = r->graph_count++;
    for (; at > 0 && graphs[at - 1]->id > g->id; at--)
        graphs[at] = graphs[at - 1];
    graphs[at] = g;
    return true;
}

void tram__run_number_edges(struct tram__run *r) {
    for (uint32_t g = 0; g < r->graph_count; g++)
        for (uint32_t c = 0; c < r->graphs[g]->channel_count; c++) {
            r->graphs[g]->channels[c].first_edge = r->edge_count;
            r->edge_count += r->graphs[g]->channels[c].reader_count;
        }
}

const struct tram__run_graph *tram__run_graph_find(const struct tram__run *r, uint32_t id) {
    uint32_t low = 0, high = r->graph_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (r->graphs[middle]->id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < r->graph_count && r->graphs[low]->id == id ? r->graphs[low] : NULL;
}

const char *tram__run_string(const struct tram__run_process *p, uint32_t number) {
    return number && number <= p->string_count ? p->strings + p->string_at[number - 1] : NULL;
}

static int by_process(const void *a, const void *b) {
    const struct tram__run_thread *x = a, *y = b;
    if (x->head->actor != y->head->actor)
        return x->head->actor < y->head->actor ? -1 : 1;
    if (x->head->pid != y->head->pid)
        return x->head->pid < y->head->pid ? -1 : 1;
    return x->first.ticks < y->first.ticks ? -1 : x->first.ticks > y->first.ticks;
}

static bool add_about(struct tram__run *r) {
    const char *reason;
    size_t size = 0;
    char *data = load(r, "notes", MOST_ABOUT_BYTES, &size, &reason);
    if (reason)
        tram__run_note(r, "%s/notes: %s", r->folder, reason);
    else if ((r->about = malloc(size + 1)))
        tram__run_text(r->about, size + 1, data, size);
    free(data);
    return true;
}

static bool add_file(struct tram__run *r, const char *name) {
    if (strncmp(name, "ring-", 5) == 0)
        return tram__run_add_ring(r, name);
    if (strncmp(name, "graph-", 6) == 0)
        return add_graph(r, name);
    if (strcmp(name, "notes") == 0)
        return add_about(r);
    return true;
}

static int add_files(struct tram__run *r, char *why, size_t why_size) {
    DIR *d = opendir(r->folder);
    if (!d) {
        snprintf(why, why_size, "%s: %s", r->folder, strerror(errno));
        return -1;
    }
    bool good = true;
    struct dirent *e;
    for (uint32_t files = 0; good && files < MOST_FILES && (e = readdir(d)); files++)
        good = add_file(r, e->d_name);
    closedir(d);
    if (!good)
        snprintf(why, why_size, "%s: out of memory", r->folder);
    else if (!r->thread_count)
        snprintf(why, why_size, "%s", r->note_count ? r->notes[0] : "no thread recorded anything");
    return good && r->thread_count ? 0 : -1;
}

/* From when to when. */
static void sum_up(struct tram__run *r) {
    r->begin_ns = UINT64_MAX;
    for (uint32_t i = 0; i < r->thread_count; i++) {
        const struct tram__run_thread *t = &r->threads[i];
        uint64_t first = t->first.ns, last = t->last.ns;
        if (t->count) {
            const struct tram__event *e = &t->events[t->count - 1];
            uint64_t begin;
            tram__run_span(r, t, e, &begin, &last);
        }
        if (first && first < r->begin_ns)
            r->begin_ns = first;
        if (last > r->end_ns)
            r->end_ns = last;
        r->events += t->count;
        r->dropped += t->dropped;
    }
    if (r->begin_ns > r->end_ns)
        r->begin_ns = r->end_ns;
}

int tram__run_open(struct tram__run *r, const char *folder, char *why, size_t why_size) {
    memset(r, 0, sizeof *r);
    r->folder = strdup(folder);
    if (!r->folder) {
        snprintf(why, why_size, "%s: out of memory", folder);
        return -1;
    }
    if (open_control(r, why, why_size) || add_files(r, why, why_size)) {
        tram__run_close(r);
        return -1;
    }
    qsort(r->threads, r->thread_count, sizeof *r->threads, by_process);
    for (uint32_t i = 0; i < r->process_count; i++)
        open_names(r, &r->processes[i]);
    tram__run_set_clock(r);
    tram__run_number_edges(r);
    sum_up(r);
    return 0;
}

void tram__run_close(struct tram__run *r) {
    for (uint32_t i = 0; i < r->thread_count; i++)
        munmap(r->threads[i].map, r->threads[i].map_bytes);
    for (uint32_t i = 0; i < r->process_count; i++) {
        free(r->processes[i].strings);
        free(r->processes[i].string_at);
    }
    for (uint32_t i = 0; i < r->graph_count; i++)
        tram__run_graph_free(r->graphs[i]);
    free(r->threads);
    free(r->processes);
    free(r->graphs);
    free(r->about);
    free(r->folder);
    memset(r, 0, sizeof *r);
}
