/* SPDX-License-Identifier: Apache-2.0 */
#include "profilers/synthetic.h"

#include <dirent.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { PID = 4242 };

static void must(bool good, const char *what) {
    if (good)
        return;
    perror(what);
    abort();
}

uint64_t synthetic_random(uint64_t *state) {
    uint64_t v = *state += UINT64_C(0x9E3779B97F4A7C15);
    v = (v ^ v >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    v = (v ^ v >> 27) * UINT64_C(0x94D049BB133111EB);
    return v ^ v >> 31;
}

uint64_t synthetic_now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void synthetic_file(const char *folder, const char *name, const void *data, size_t size) {
    char path[400];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "we");
    must(f != NULL, path);
    must(!size || fwrite(data, size, 1, f) == 1, path);
    must(fclose(f) == 0, path);
}

void synthetic_folder(char *folder) {
    strcpy(folder, "/tmp/tramline-synthetic-XXXXXX");
    must(mkdtemp(folder) != NULL, folder);
    struct tram__control c = {
        .magic = TRAM__CONTROL_MAGIC, .version = TRAM__RING_VERSION, .driver_pid = PID, .window_first = 1};
    synthetic_file(folder, "control", &c, sizeof c);
}

void synthetic_remove(const char *folder) {
    char path[400];
    DIR *d = opendir(folder);
    struct dirent *e;
    while (d && (e = readdir(d))) {
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        unlink(path);
    }
    if (d)
        closedir(d);
    rmdir(folder);
}

void synthetic_write(const struct synthetic_ring *r) {
    static union {
        struct tram__ring_head head;
        char page[TRAM__RING_EVENTS_AT];
    } h;
    char path[400];
    memset(&h, 0, sizeof h);
    h.head.magic = TRAM__RING_MAGIC;
    h.head.version = TRAM__RING_VERSION;
    h.head.event_bytes = sizeof(struct tram__event);
    h.head.capacity = r->count;
    h.head.clock = r->clock;
    h.head.actor = r->actor;
    h.head.pid = r->pid;
    h.head.tid = r->tid;
    snprintf(h.head.process, sizeof h.head.process, "%s", r->process);
    snprintf(h.head.thread, sizeof h.head.thread, "%s", r->thread);
    h.head.first = r->first;
    if (!r->open_end)
        h.head.last = r->last;
    h.head.written = r->written ? r->written : r->count;
    h.head.dropped = r->dropped;
    h.head.open_time = r->under_way.time;
    h.head.open_kind = r->under_way.kind_length >> 56;
    h.head.open_name = (uint64_t)r->under_way.group << 32 | r->under_way.name;
    h.head.open_number = r->under_way.number;
    snprintf(path, sizeof path, "%s/ring-%d-%d", r->folder, r->pid, r->number);
    FILE *f = fopen(path, "we");
    must(f != NULL, path);
    must(fwrite(&h, sizeof h, 1, f) == 1, path);
    must(!r->count || fwrite(r->events, sizeof *r->events, r->count, f) == r->count, path);
    must(fclose(f) == 0, path);
}

void synthetic_names(const char *folder, int pid, const char *const *strings) {
    static union {
        struct tram__names_head head;
        char bytes[TRAM__NAMES_BYTES];
    } n;
    char file[32];
    size_t used = 0;
    memset(&n, 0, sizeof n);
    n.head.magic = TRAM__NAMES_MAGIC;
    n.head.version = TRAM__RING_VERSION;
    for (; *strings; strings++) {
        uint16_t length = (uint16_t)strlen(*strings);
        memcpy(n.bytes + sizeof n.head + used, &length, sizeof length);
        memcpy(n.bytes + sizeof n.head + used + sizeof length, *strings, length);
        used += sizeof length + length;
    }
    n.head.used = used;
    snprintf(file, sizeof file, "names-%d", pid);
    synthetic_file(folder, file, &n, sizeof n);
}

struct tram__event synthetic_event(enum tram__event_kind kind, uint32_t name, uint32_t group, uint64_t number,
                                   uint64_t begin, uint64_t end) {
    return (struct tram__event){.time = begin,
                                .kind_length = (uint64_t)kind << 56 | (end - begin),
                                .name = name,
                                .group = group,
                                .number = number};
}

/* ---- a chain ---- */

static void chain_graph(const char *folder, unsigned actors) {
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    must(f != NULL, "memory");
    fprintf(f, "tramline graph 1\ngraph 1\nparticipant 0 0 driver\n");
    for (unsigned a = 1; a <= actors; a++)
        fprintf(f, "participant %u %u Stage#%u\n", a, a, a - 1);
    for (unsigned c = 0; c <= actors; c++) {
        fprintf(f, "channel %u 0 %u 64 c%u ", c, c, c);
        fprintf(f, c ? "Stage#%u.step\n" : "input\n", c - 1);
        fprintf(f, "reader %u %u\n", c, c < actors ? c + 1 : 0);
    }
    for (unsigned a = 1; a <= actors; a++)
        fprintf(f, "task %u %u Stage#%u.step\n", a, a, a - 1);
    fprintf(f, "schedule\ndriver\n  WRITE   c0 input\n");
    must(fclose(f) == 0, "memory");
    synthetic_file(folder, "graph-1", text, size);
    free(text);
}

static void chain_driver(struct tram__event *e, unsigned actors, uint64_t n, uint64_t ns) {
    uint64_t last = ns + 1000 + (uint64_t)actors * 500;
    e[0] = synthetic_event(TRAM__EVENT_WRITE_COPY, 0, 1, n, ns, ns + 100);
    e[1] = synthetic_event(TRAM__EVENT_WRITE, 0, 1, n, ns + 100, ns + 300);
    e[2] = synthetic_event(TRAM__EVENT_READ_WAIT, actors, 1, n, ns + 300, last);
    e[3] = synthetic_event(TRAM__EVENT_READ_COPY, actors, 1, n, last, last + 50);
    e[4] = synthetic_event(TRAM__EVENT_EXECUTION, (uint32_t)(n % 2), 1, n, ns, last + 80);
}

static void chain_actor(struct tram__event *e, unsigned actor, uint64_t n, uint64_t ns) {
    uint64_t come = ns + 500 * (uint64_t)actor;
    e[0] = synthetic_event(TRAM__EVENT_READ_WAIT, actor - 1, 1, n,
                           n > 1 ? come - SYNTHETIC_STEP_NS + 400 : ns, come);
    e[1] = synthetic_event(TRAM__EVENT_COMPUTE, actor, 1, n, come, come + 250);
    e[2] = synthetic_event(TRAM__EVENT_WRITE, actor, 1, n, come + 250, come + 400);
}

void synthetic_chain(const char *folder, unsigned actors, uint64_t executions, uint32_t clock) {
    chain_graph(folder, actors);
    for (unsigned a = 0; a <= actors; a++) {
        unsigned each = a ? 3 : 5;
        char name[32];
        snprintf(name, sizeof name, a ? "Stage#%u" : "driver", a - 1);
        uint64_t scale = clock == TRAM__CLOCK_TSC ? 2 : 1, begin = SYNTHETIC_BEGIN - 1000 + 10 * a,
                 end = SYNTHETIC_BEGIN + (executions + 2) * SYNTHETIC_STEP_NS;
        struct synthetic_ring r = {.folder = folder,
                                   .process = name,
                                   .thread = a ? "graph 1" : "main",
                                   .actor = a,
                                   .clock = clock,
                                   .pid = PID + (int)a,
                                   .tid = PID + (int)a + (a ? 1000 : 0),
                                   .number = 1,
                                   .first = {begin * scale, begin, 20},
                                   .last = {end * scale, end, 20},
                                   .count = executions * each + 1};
        r.events = malloc(r.count * sizeof *r.events);
        must(r.events != NULL, "memory");
        r.events[0] = synthetic_event(TRAM__EVENT_BYTES, a, 1, SYNTHETIC_BYTES, begin * scale, begin * scale);
        for (uint64_t n = 1; n <= executions; n++) {
            struct tram__event *e = r.events + (n - 1) * each + 1;
            uint64_t ns = SYNTHETIC_BEGIN + n * SYNTHETIC_STEP_NS;
            if (a)
                chain_actor(e, a, n, ns);
            else
                chain_driver(e, actors, n, ns);
            for (unsigned k = 0; k < each; k++) {
                e[k].time *= scale;
                e[k].kind_length = e[k].kind_length >> 56 << 56 | tram__event_length(&e[k]) * scale;
            }
        }
        synthetic_write(&r);
        free(r.events);
    }
}
