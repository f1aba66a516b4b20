/* SPDX-License-Identifier: Apache-2.0
 *
 * The limit: the bare pattern with no runtime. Processes hand a payload on through raw flags and slots in shared memory.
 * It shares placement and the clock with the runtime and nothing else. One in flight between two CPUs it is a cache-line
 * round trip; deeper, a ring of that depth. Where there is a choice (how to wait and where to run with more processes
 * than CPUs, which copy kernel, how many slots, payloads whole or in fragments) it tries the candidates first, keeps the best and names it.
 *
 * Hop k is written by process k, the driver being 0, and hop 0 by the driver. In a chain process k reads hop k - 1 and
 * the driver the last; in a scatter every process reads hop 0 and the driver all others; in a transfer process 1 reads hop 0,
 * the others what it makes on hop 1 (limit_tensor.c), and the driver theirs. The parts of an input travel under one flag.
 */
#ifndef TRAM_HARNESS_LIMIT_H
#define TRAM_HARNESS_LIMIT_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/seam.h"
#include "harness/mode.h"
#include "harness/try.h"

enum { LIMIT_IN_SLOT = 120 };

struct limit_slot {
    _Alignas(128) _Atomic uint32_t seq;
    _Atomic uint32_t asleep; /* how many sleep on seq */
    unsigned char payload[LIMIT_IN_SLOT];
};
_Static_assert(sizeof(struct limit_slot) == 128, "flag and small payload are one transfer");

/* How to wait: poll so often, then yield so often, then poll for ever or sleep. */
struct limit_strategy {
    const char *name;
    uint32_t polls, yields;
    bool sleeps;
};
extern const struct limit_strategy limit_strategies[];
enum limit_strategy_id { LIMIT_SPIN, LIMIT_YIELD, LIMIT_SLEEP, LIMIT_FIRST_MIXED, LIMIT_STRATEGIES = 6 };

#define LIMIT_NEVER SIZE_MAX /* of streaming stores */
#define LIMIT_WHOLE SIZE_MAX /* of fragments */
enum { LIMIT_LEAST_FRAGMENT = 16 * 1024, LIMIT_LARGEST_FRAGMENT = 1024 * 1024 };

/* What all processes obey; changed only while nothing is in flight. */
struct limit_control {
    _Alignas(128) _Atomic uint32_t strategy;
    _Atomic uint32_t
        mask; /* slots of each hop in use, a power of two and at least those in flight, less one */
    _Atomic size_t stream_from; /* what is this large is copied by streaming stores, the rest by memcpy */
    _Atomic size_t fragment;    /* a payload is copied and handed on in pieces of so many bytes */
};

/* How much of a slot's payload is there, where payloads go in fragments. Whoever writes the slot sets it before it posts the
 * message, so that a reader of the message never sees the last one's, and then again with each fragment. */
struct limit_ready {
    _Alignas(128) _Atomic size_t bytes;
};

/* Where a part of the input is: in the slot beside the flag as long as there is room, else in the slot's extent. */
struct limit_place {
    bool inside;
    size_t offset;
};

struct limit {
    const struct tram_case *c;
    struct limit_control *control;
    uint32_t most;             /* slots of each hop there are */
    struct limit_slot *slots;  /* [hop][most] */
    struct limit_ready *ready; /* [hop][most]; NULL: payloads are always whole */
    /* [hop][most], on hop 0 `stride` bytes each and on the others `stride_on`; NULL when payloads fit the slots */
    unsigned char *extents;
    size_t stride, stride_on;
    struct limit_place place[TRAM_MAX_PARTS]; /* a digest is in its slot in any case */
    size_t bytes;                             /* shared */
    size_t reply;                             /* bytes of each result */
    bool digests;
    unsigned char *tensors; /* [most], `tensor_stride` bytes each; 0: beside the flag */
    size_t tensor_stride;
    bool stays;                /* the elements are used where they are made */
    bool stages_out;           /* they are made in the maker's own memory */
    struct limit_board *board; /* where GPUs take part (limit_gpu.c); or NULL */
    unsigned peers, results;
    pid_t pid[TRAM_MAX_PIDS];
    uint32_t sent; /* executions so far */
    char note[TRAM_NOTE];
};
_Static_assert(TRAM_MAX_PARTS * sizeof(struct tram_digest) <= LIMIT_IN_SLOT, "a digest fits a slot");

/* The mask only changes while nothing is in flight, and n is never used twice. */
static inline size_t limit_position(const struct limit *s, uint32_t n) {
    return n & atomic_load_explicit(&s->control->mask, memory_order_relaxed);
}

static inline struct limit_slot *limit_slot_at(const struct limit *s, unsigned hop, uint32_t n) {
    return &s->slots[(size_t)hop * s->most + limit_position(s, n)];
}

/* Sizes of what is copied from the driver on. */
static inline size_t limit_copied(const struct limit *s, const size_t **sizes) {
    *sizes = s->c->tensor ? &s->c->tensor : s->c->input.size;
    return s->c->tensor ? 1 : s->c->input.count;
}

/* Of a transfer (limit_tensor.c): what is done where, and whether anything is copied; then what the maker and process k, a
 * receiver, do with message n. */
void limit_tensor_plan(struct limit *s);
bool limit_tensor_copies(const struct limit *s);
void limit_tensor_make(const struct limit *s, uint32_t n);
void limit_tensor_take(const struct limit *s, unsigned k, struct tram_receipt *r, uint32_t n);

/* Of GPUs (limit_gpu.c): whether any takes part; what the board needs; what process k does first; the driver's wait for all
 * of them: 0, or -1 with `why`. The last two, as make and take above, are false when this process has none. */
bool limit_gpu_any(const struct limit *s);
size_t limit_gpu_board_bytes(const struct limit *s);
void limit_gpu_start(const struct limit *s, unsigned k);
int limit_gpu_await(const struct limit *s, char *why);
bool limit_gpu_failed(const struct limit *s,
                      char *why); /* some process of the limit has ended, or says why it cannot go on */
bool limit_gpu_makes(const struct limit *s, const struct tram_order *o, unsigned char *shared, size_t slot);
bool limit_gpu_takes(const struct limit *s, const struct tram_order *o, const unsigned char *shared,
                     size_t slot, struct tram_receipt *r);

/* Copies with the kernel chosen for the size (limit_copy.c). */
void limit_copy(const struct limit *s, unsigned char *to, const unsigned char *from, size_t size);
/* Tries the candidates, sets the best, and says so in s->note (limit_choose.c). 0 or -1 with `why`. */
int limit_choose(struct limit *s, tram_run_fn *run, char *why);

#endif
