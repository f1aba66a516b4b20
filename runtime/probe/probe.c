/* SPDX-License-Identifier: Apache-2.0 */
#include "probe/probe.h"

#include "base/error.h"
#include "probe/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LEAST_RING   4096u
#define DEFAULT_RING (UINT64_C(16) << 20)

_Thread_local struct tram__ring *tram__probe;

/* What rings lead to when their trace is over. */
static struct tram__ring_head nowhere;
static const struct tram__control nothing = {.window_first = UINT64_MAX};
static struct tram__ring *retired;

/* Of this process. */
static struct {
    char *folder, *process;
    char id[24];
    uint32_t actor;
    struct tram__control *control;
    struct tram__names_head *names;
    uint32_t ring_count;
    struct tram__ring *rings;
    enum tram__clock clock;
} self;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* ---- the clock ---- */

/* The time stamp counter, where the kernel itself trusts it. */
static enum tram__clock choose_clock(void) {
    char text[32] = "";
    FILE *f = fopen("/sys/devices/system/clocksource/clocksource0/current_clocksource", "re");
    if (f && !fgets(text, sizeof text, f))
        text[0] = '\0';
    if (f)
        fclose(f);
#if defined(__x86_64__)
    return strcmp(text, "tsc\n") == 0 ? TRAM__CLOCK_TSC : TRAM__CLOCK_MONOTONIC;
#else
    return TRAM__CLOCK_MONOTONIC;
#endif
}

/* The reading of CLOCK_MONOTONIC between the two closest readings of the ticks, of a few tries. */
static struct tram__snapshot snapshot(enum tram__clock clock) {
    struct tram__snapshot best = {.error_ns = UINT64_MAX};
    uint64_t closest = UINT64_MAX;
    if (clock == TRAM__CLOCK_MONOTONIC) {
        uint64_t now = tram__now_ns();
        return (struct tram__snapshot){now, now, 0};
    }
    for (int i = 0; i < 20; i++) {
        uint64_t before = tram__ticks(), ns = tram__now_ns(), after = tram__ticks();
        if (after - before >= closest)
            continue;
        closest = after - before;
        best = (struct tram__snapshot){before + closest / 2, ns, closest * 500 / tram__ticks_per_us()};
    }
    return best;
}

/* ---- files ---- */

static int failed(const char *path, const char *doing) {
    int error = errno;
    return tram__fail(TRAM_ERR_SYSTEM, "%s: %s: %s", path, doing, strerror(error));
}

/* A file of so many bytes in the folder, resident and mapped for writing; made, or found. */
static int map_file(const char *name, size_t bytes, bool create, void **out) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", self.folder, name);
    int fd = open(path, O_RDWR | O_CLOEXEC | (create ? O_CREAT | O_EXCL : 0), 0644);
    if (fd < 0)
        return failed(path, "opening it");
    int error = create ? posix_fallocate(fd, 0, (off_t)bytes) : 0;
    if (error) {
        close(fd);
        unlink(path);
        errno = error;
        return failed(path, "making room for a trace");
    }
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
    int status = p == MAP_FAILED ? failed(path, "mapping it") : TRAM_OK;
    close(fd);
    if (status && create)
        unlink(path);
    if (!status)
        *out = p;
    return status;
}

static int open_control(const struct tram__probe_params *p) {
    void *at;
    int status = map_file("control", sizeof *self.control, p->create, &at);
    if (status)
        return status;
    self.control = at;
    if (p->create) {
        uint64_t bytes = p->ring_bytes ? p->ring_bytes : DEFAULT_RING;
        *self.control = (struct tram__control){.magic = TRAM__CONTROL_MAGIC,
                                               .version = TRAM__RING_VERSION,
                                               .driver_pid = getpid(),
                                               .ring_events = (bytes < LEAST_RING ? LEAST_RING : bytes) /
                                                              sizeof(struct tram__event),
                                               .window_first = p->window_first,
                                               .window_count = p->window_count};
        tram__store32_relaxed(&self.control->on, 1);
    }
    if (self.control->magic == TRAM__CONTROL_MAGIC && self.control->version == TRAM__RING_VERSION)
        return TRAM_OK;
    return tram__fail(TRAM_ERR_INVALID, "%s: not the trace of this version", p->folder);
}

/* What files of this process are known by: its number, and which of those it is that had it in this run. */
static int choose_id(void) {
    enum { MOST = 1000 };
    char path[4096];
    for (unsigned k = 1; k < MOST; k++) {
        snprintf(self.id, sizeof self.id, k == 1 ? "%d" : "%d.%u", (int)getpid(), k);
        snprintf(path, sizeof path, "%s/names-%s", self.folder, self.id);
        if (access(path, F_OK) != 0)
            return TRAM_OK;
    }
    return tram__fail(TRAM_ERR_SYSTEM, "%s: too many processes had the number %d", self.folder,
                      (int)getpid());
}

static int open_names(void) {
    char name[48];
    void *at;
    int status = choose_id();
    snprintf(name, sizeof name, "names-%s", self.id);
    if (!status)
        status = map_file(name, TRAM__NAMES_BYTES, true, &at);
    if (status)
        return status;
    self.names = at;
    self.names->version = TRAM__RING_VERSION;
    self.names->magic = TRAM__NAMES_MAGIC;
    return TRAM_OK;
}

static void forget(void) {
    if (self.control)
        munmap(self.control, sizeof *self.control);
    if (self.names)
        munmap(self.names, TRAM__NAMES_BYTES);
    free(self.folder);
    free(self.process);
    memset(&self, 0, sizeof self);
}

/* A child records nothing: what it has of the trace is its parent's. */
static void after_fork(void) {
    memset(&self, 0, sizeof self);
    tram__probe = NULL;
}

int tram__probe_vacant(const char *folder) {
    if (access(folder, F_OK) != 0)
        return TRAM_OK;
    return tram__fail(TRAM_ERR_INVALID,
                      "%s: left behind by a run that did not end: recover its trace, or remove it", folder);
}

int tram__probe_open(const struct tram__probe_params *p) {
    static bool watches;
    if (!watches)
        pthread_atfork(NULL, NULL, after_fork);
    watches = true;
    if (self.folder)
        return tram__fail(TRAM_ERR_INVALID, "%s: the process is traced already, into %s", p->folder,
                          self.folder);
    if (p->create && mkdir(p->folder, 0755)) {
        int status = errno == EEXIST ? tram__probe_vacant(p->folder) : TRAM_OK;
        return status ? status : failed(p->folder, "making it");
    }
    self.folder = strdup(p->folder);
    self.process = strdup(p->process);
    self.actor = p->actor;
    self.clock = choose_clock();
    int status = self.folder && self.process ? TRAM_OK : tram__fail(TRAM_ERR_NO_MEMORY, "a trace");
    if (!status)
        status = open_control(p);
    if (!status)
        status = open_names();
    if (!status)
        return TRAM_OK;
    if (p->create && self.folder) {
        char path[4096];
        snprintf(path, sizeof path, "%s/control", p->folder);
        unlink(path);
        rmdir(p->folder);
    }
    forget();
    return status;
}

const char *tram__probe_folder(void) {
    return self.folder;
}

/* The file has what was recorded, and the ring leads nowhere. fd: the file's, or -1. */
static void retire(struct tram__ring *r, int fd) {
    uint64_t bytes = TRAM__RING_EVENTS_AT + r->next * sizeof(struct tram__event), capacity = r->capacity;
    r->head->last = snapshot(r->clock);
    r->head->capacity = r->next;
    if (fd < 0 || ftruncate(fd, (off_t)bytes))
        r->head->capacity = capacity;
    munmap(r->head, r->bytes);
    r->head = &nowhere;
    r->events = NULL;
    r->control = &nothing;
    r->next = r->capacity = 0;
    r->retired = r->quiet = true;
}

static void end(struct tram__ring *r) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", self.folder, r->file);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    retire(r, fd);
    if (fd >= 0)
        close(fd);
}

int tram__probe_thread(const char *name) {
    tram__probe_sink_thread(name);
    if (!self.folder || (tram__probe && !tram__probe->retired))
        return TRAM_OK;
    struct tram__ring *r = calloc(1, sizeof *r);
    char file[48];
    void *at;
    if (!r)
        return tram__fail(TRAM_ERR_NO_MEMORY, "a trace");
    pthread_mutex_lock(&lock);
    snprintf(file, sizeof file, "ring-%s-%u", self.id, ++self.ring_count);
    pthread_mutex_unlock(&lock);
    r->capacity = self.control->ring_events;
    r->bytes = TRAM__RING_EVENTS_AT + r->capacity * sizeof(struct tram__event);
    int status = map_file(file, r->bytes, true, &at);
    if (status) {
        free(r);
        return status;
    }
    snprintf(r->file, sizeof r->file, "%s", file);
    r->head = at;
    r->events = (struct tram__event *)(void *)((char *)at + TRAM__RING_EVENTS_AT);
    r->control = self.control;
    r->clock = self.clock;
    r->head->version = TRAM__RING_VERSION;
    r->head->event_bytes = sizeof(struct tram__event);
    r->head->capacity = r->capacity;
    r->head->clock = self.clock;
    r->head->actor = self.actor;
    r->head->pid = getpid();
    r->head->tid = (int32_t)syscall(SYS_gettid);
    snprintf(r->head->process, sizeof r->head->process, "%s", self.process);
    snprintf(r->head->thread, sizeof r->head->thread, "%s", name);
    r->head->first = snapshot(self.clock);
    r->head->magic = TRAM__RING_MAGIC;
    pthread_mutex_lock(&lock);
    r->next_of_process = self.rings;
    self.rings = r;
    pthread_mutex_unlock(&lock);
    tram__probe = r;
    return TRAM_OK;
}

void tram__probe_thread_end(void) {
    struct tram__ring *r = tram__probe;
    tram__probe = NULL;
    if (r && !r->retired && self.folder)
        end(r);
}

void tram__probe_close(void) {
    tram__probe_thread_end();
    while (self.rings) {
        struct tram__ring *r = self.rings;
        self.rings = r->next_of_process;
        if (!r->retired)
            end(r);
        r->next_of_process = retired;
        retired = r;
    }
    forget();
}

uint32_t tram__probe_name(const char *text) {
    size_t size = strlen(text), at = 0;
    uint32_t number = 0, found = 0;
    uint16_t length;
    if (!self.names)
        return 0;
    if (size > TRAM__NAME_MOST)
        size = TRAM__NAME_MOST;
    pthread_mutex_lock(&lock);
    char *strings = (char *)(self.names + 1);
    uint64_t used = tram__load_relaxed(&self.names->used);
    for (; !found && at < used; at += sizeof length + length) {
        memcpy(&length, strings + at, sizeof length);
        number++;
        if (length == size && memcmp(strings + at + sizeof length, text, size) == 0)
            found = number;
    }
    if (!found && sizeof *self.names + used + sizeof length + size <= TRAM__NAMES_BYTES) {
        length = (uint16_t)size;
        memcpy(strings + used, &length, sizeof length);
        memcpy(strings + used + sizeof length, text, size);
        tram__store_release(&self.names->used, used + sizeof length + size);
        found = number + 1;
    }
    pthread_mutex_unlock(&lock);
    return found;
}

void tram__probe_note(const char *key, const char *format, ...) {
    char path[4096];
    va_list args;
    if (!self.folder)
        return;
    snprintf(path, sizeof path, "%s/notes", self.folder);
    FILE *f = fopen(path, "ae");
    if (!f)
        return;
    fprintf(f, "%s ", key);
    va_start(args, format);
    vfprintf(f, format, args);
    va_end(args);
    fputc('\n', f);
    fclose(f);
}

void tram__probe_switch(bool on) {
    if (self.control)
        tram__store32_relaxed(&self.control->on, on);
}
