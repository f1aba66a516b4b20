/* SPDX-License-Identifier: Apache-2.0
 *
 * The limit of a transfer where GPUs take part: the bare calls of limit_gpu.h, in the processes of the limit. What is copied
 * is what a compiled graph would copy: by ipc the elements stay in the maker's memory, which the receivers import, ordered by
 * an event for each slot, and a receiver on another GPU copies them over; else they pass through the host's slots.
 */
#include "harness/limit_gpu.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "harness/limit.h"

#define READY_S 60 /* to start a GPU's driver takes seconds */

/* How the processes find each other, in their shared memory. */
struct limit_board {
    _Atomic uint32_t lent, ready, failed;
    char why[LIMIT_GPU_WHY];
    unsigned char memory[LIMIT_GPU_HANDLE];
    unsigned char events[][LIMIT_GPU_HANDLE]; /* by slot */
};

/* Of this process. */
static struct {
    const struct limit_gpu_ops *ops;
    struct limit_gpu *gpu;
    unsigned char *slots, *own, *staged; /* own: what is copied from, or to */
    void **events;
    unsigned char *host; /* whole tensors, to check */
    char why[LIMIT_GPU_WHY];
} me;

static const char *gpu_of(const struct limit *s, unsigned k) {
    const char *name = tram_device_of(&s->c->devices, k - 1);
    return name && strncmp(name, "cuda", 4) == 0 ? name : NULL;
}

static bool stays(const struct limit *s) {
    return s->c->picked == TRAM_TRANSPORT_IPC;
}

bool limit_gpu_any(const struct limit *s) {
    for (unsigned k = 1; k <= s->c->actors; k++)
        if (gpu_of(s, k))
            return true;
    return false;
}

size_t limit_gpu_board_bytes(const struct limit *s) {
    return (sizeof(struct limit_board) + s->most * LIMIT_GPU_HANDLE + 4095) / 4096 * 4096;
}

static size_t stride(const struct limit *s) {
    return (s->c->tensor + 255) / 256 * 256;
}

/* ---- starting ---- */

static void give_up(const struct limit *s) {
    snprintf(s->board->why, sizeof s->board->why, "%s", me.why);
    atomic_store(&s->board->failed, 1);
    _exit(1);
}

/* Each call of the table ends the process when it fails: the driver says why. */
#define DO(call)          \
    do {                  \
        if (me.ops->call) \
            give_up(s);   \
    } while (0)

static void load(const struct limit *s) {
    const char *given = getenv("TRAM_MODULE_DIR");
    char path[400];
    snprintf(path, sizeof path, "%s/libtramline_limit_cuda.so", given ? given : TRAM_LIMIT_MODULE_DIR);
    void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    limit_gpu_enter *enter = NULL;
    if (module)
        *(void **)&enter = dlsym(module, LIMIT_GPU_SYMBOL);
    me.ops = enter ? enter() : NULL;
    if (me.ops && me.ops->version == LIMIT_GPU_VERSION)
        return;
    snprintf(me.why, sizeof me.why, "%.250s",
             module ? "the limit's module is of another version" : dlerror());
    give_up(s);
}

static unsigned char *room(const struct limit *s, size_t bytes, unsigned char *handle) {
    void *p;
    DO(memory(me.gpu, bytes, &p, handle, me.why));
    return p;
}

/* The maker lends its slots. */
static void lend(const struct limit *s) {
    me.slots = room(s, s->most * stride(s), s->board->memory);
    for (size_t i = 0; i < s->most; i++)
        DO(event(me.gpu, &me.events[i], s->board->events[i], false, me.why));
    atomic_store(&s->board->lent, 1);
}

static void import(const struct limit *s, bool same_gpu) {
    void *p;
    while (!atomic_load(&s->board->lent))
        usleep(1000);
    DO(import(me.gpu, s->board->memory, &p, me.why));
    me.slots = p;
    for (size_t i = 0; i < s->most; i++)
        DO(event(me.gpu, &me.events[i], s->board->events[i], true, me.why));
    if (!same_gpu)
        me.own = room(s, s->c->tensor, NULL);
}

void limit_gpu_start(const struct limit *s, unsigned k) {
    const char *name = gpu_of(s, k), *maker = gpu_of(s, 1);
    bool pins = s->c->picked == TRAM_TRANSPORT_PINNED;
    if (!name)
        return;
    load(s);
    DO(open(name[4] == ':' ? atoi(name + 5) : 0, &me.gpu, me.why));
    me.host = tram_layout_alloc(s->c->tensor);
    me.events = calloc(s->most, sizeof *me.events);
    if (!me.host || !me.events) {
        snprintf(me.why, sizeof me.why, "out of memory");
        give_up(s);
    }
    if (stays(s) && k > 1)
        import(s, tram_same_device(name, maker));
    else if (stays(s))
        lend(s);
    else if (s->tensors && pins)
        DO(pin(me.gpu, s->tensors, s->most * s->tensor_stride, me.why));
    if (k == 1 ? !s->c->loan : !stays(s))
        me.own = room(s, s->c->tensor, NULL);
    if (k == 1 && !stays(s))
        me.staged = room(s, s->c->tensor, NULL);
    atomic_fetch_add(&s->board->ready, 1);
}

bool limit_gpu_failed(const struct limit *s, char *why) {
    siginfo_t end = {.si_pid = 0};
    bool dead = waitid(P_ALL, 0, &end, WEXITED | WNOHANG | WNOWAIT) == 0 && end.si_pid != 0;
    if (!atomic_load(&s->board->failed) && !dead)
        return false;
    snprintf(why, TRAM_WHY, "limit: %s",
             atomic_load(&s->board->failed) ? s->board->why : "one of its processes died");
    return true;
}

int limit_gpu_await(const struct limit *s, char *why) {
    uint32_t wanted = 0;
    time_t start = time(NULL);
    for (unsigned k = 1; k <= s->c->actors; k++)
        wanted += gpu_of(s, k) != NULL;
    while (atomic_load(&s->board->ready) < wanted) {
        if (limit_gpu_failed(s, why))
            return -1;
        if (time(NULL) - start > READY_S) {
            snprintf(why, TRAM_WHY, "limit: a GPU took too long to start");
            return -1;
        }
        usleep(1000);
    }
    return 0;
}

/* ---- at work ---- */

bool limit_gpu_makes(const struct limit *s, const struct tram_order *o, unsigned char *shared, size_t slot) {
    if (!me.gpu)
        return false;
    size_t bytes = s->c->tensor, end = tram_order_stamp_at(bytes);
    unsigned char *to = stays(s) ? me.slots + slot * stride(s) : me.staged;
    if (o->check) {
        tram_order_fill(me.host, bytes, o->stamp);
        DO(copy(me.gpu, to, me.host, bytes, me.why));
        DO(wait(me.gpu, me.why));
    } else if (!s->c->loan) {
        DO(copy(me.gpu, to, me.own, bytes, me.why));
    }
    DO(copy(me.gpu, to + end, &o->stamp, bytes - end, me.why));
    if (stays(s)) {
        DO(record(me.gpu, me.events[slot], me.why));
    } else {
        DO(copy(me.gpu, shared, to, bytes, me.why));
        DO(wait(me.gpu, me.why));
    }
    return true;
}

bool limit_gpu_takes(const struct limit *s, const struct tram_order *o, const unsigned char *shared,
                     size_t slot, struct tram_receipt *r) {
    if (!me.gpu)
        return false;
    size_t bytes = s->c->tensor, end = tram_order_stamp_at(bytes);
    const unsigned char *at = stays(s) ? me.slots + slot * stride(s) : shared;
    if (stays(s))
        DO(await(me.gpu, me.events[slot], me.why));
    if (me.own) {
        DO(copy(me.gpu, me.own, at, bytes, me.why));
        at = me.own;
    }
    *r = (struct tram_receipt){.part = o->stamp};
    DO(copy(me.gpu, &r->stamp, at + end, bytes - end, me.why));
    DO(wait(me.gpu, me.why));
    if (!o->check)
        return true;
    static unsigned char *wanted;
    if (!wanted && !(wanted = tram_layout_alloc(bytes))) {
        snprintf(me.why, sizeof me.why, "out of memory");
        give_up(s);
    }
    DO(copy(me.gpu, me.host, at, bytes, me.why));
    DO(wait(me.gpu, me.why));
    tram_order_fill(wanted, bytes, o->stamp);
    r->wrong = memcmp(me.host, wanted, bytes) != 0;
    return true;
}
