/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/limit.h"

#include "base/region.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Copying to the same place every time can be slower than taking turns among a few. What fits a slot takes turns in any
 * case: how far a cache line is from a core depends on its address. */
enum { MOST_TURNS = 64, TURN_BYTES = 512 * 1024, POLLS_PER_CLOCK = 1 << 16, DEADLINE_EVERY = 16 };

const struct limit_strategy limit_strategies[LIMIT_STRATEGIES] = {
    [LIMIT_SPIN] = {"spin", UINT32_MAX, 0, false}, [LIMIT_YIELD] = {"yield", 0, UINT32_MAX, false},
    [LIMIT_SLEEP] = {"futex", 0, 0, true},         [LIMIT_FIRST_MIXED] = {"20 yields, futex", 0, 20, true},
    {"100 yields, futex", 0, 100, true},           {"64 polls, 20 yields, futex", 64, 20, true},
};

/* Where message n on a hop has part `part` of the input, or what was made of it. */
static unsigned char *room(const struct limit *s, unsigned hop, uint32_t n, size_t part) {
    const struct limit_place *at = &s->place[part];
    if (at->inside)
        return limit_slot_at(s, hop, n)->payload + at->offset;
    size_t stride = hop ? s->stride_on : s->stride;
    size_t first = hop ? s->most * (s->stride + (hop - 1) * s->stride_on) : 0;
    return s->extents + first + limit_position(s, n) * stride + at->offset;
}

/* Where message n on a hop to the driver has its result. By loan the payload stays where the driver put it. */
static unsigned char *result_room(const struct limit *s, unsigned hop, uint32_t n) {
    if (s->digests || s->c->tensor)
        return limit_slot_at(s, hop, n)->payload;
    return room(s, s->c->loan ? 0 : hop, n, 0);
}

/* The hop that process k reads, and of the driver's results that of `result`. */
static unsigned hop_into(const struct limit *s, unsigned k) {
    switch (s->c->scenario->pattern) {
    case TRAM_PATTERN_SCATTER:
        return 0;
    case TRAM_PATTERN_TRANSFER:
        return k > 1;
    default:
        return k - 1;
    }
}

static unsigned hop_of_result(const struct limit *s, unsigned result) {
    switch (s->c->scenario->pattern) {
    case TRAM_PATTERN_SCATTER:
        return result + 1;
    case TRAM_PATTERN_TRANSFER:
        return result + 2;
    default:
        return s->peers;
    }
}

/* ---- hand-over ---- */

/* Waits for message n: false when `deadline_ns` passed. */
static bool await(const struct limit *s, unsigned hop, uint32_t n, uint64_t deadline_ns) {
    for (uint32_t polls = 1;; polls++) {
        struct limit_slot *slot = limit_slot_at(s, hop, n);
        uint32_t seq = atomic_load_explicit(&slot->seq, memory_order_acquire);
        if (seq == n)
            return true;
        const struct limit_strategy *how =
            &limit_strategies[atomic_load_explicit(&s->control->strategy, memory_order_relaxed)];
        if (polls > how->polls) {
            if (polls - how->polls <= how->yields) {
                sched_yield();
            } else if (how->sleeps) {
                atomic_fetch_add(&slot->asleep, 1);
                if (atomic_load(&slot->seq) == seq)
                    syscall(SYS_futex, &slot->seq, FUTEX_WAIT, seq, &(struct timespec){.tv_sec = 1}, NULL, 0);
                atomic_fetch_sub(&slot->asleep,
                                 1); /* by who slept: a late poster must not put out the next one's */
            }
        }
        if ((how->sleeps ? polls > how->polls + how->yields : polls % POLLS_PER_CLOCK == 0) &&
            tram__now_ns() > deadline_ns)
            return false;
    }
}

static void post(const struct limit *s, unsigned hop, uint32_t n) {
    struct limit_slot *slot = limit_slot_at(s, hop, n);
    if (!limit_strategies[atomic_load_explicit(&s->control->strategy, memory_order_relaxed)].sleeps) {
        atomic_store_explicit(&slot->seq, n, memory_order_release);
        return;
    }
    atomic_store(&slot->seq, n);
    if (atomic_load(&slot->asleep)) /* seq_cst like the store before it: a sleeper sees seq, or is seen */
        syscall(SYS_futex, &slot->seq, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

/* ---- payloads on their way ---- */

enum { NO_HOP = UINT32_MAX };

/* Changes only while nothing is in flight: all processes agree about a message. */
static bool in_fragments(const struct limit *s) {
    return atomic_load_explicit(&s->control->fragment, memory_order_relaxed) != LIMIT_WHOLE;
}

static struct limit_ready *ready_at(const struct limit *s, unsigned hop, uint32_t n) {
    return &s->ready[(size_t)hop * s->most + limit_position(s, n)];
}

/* Waits until `wanted` bytes of message n, which has been posted, are there. Its writer is at work on them, so nobody sleeps. */
static bool await_bytes(const struct limit *s, unsigned hop, uint32_t n, size_t wanted,
                        uint64_t deadline_ns) {
    const struct limit_ready *ready = ready_at(s, hop, n);
    bool spins = atomic_load_explicit(&s->control->strategy, memory_order_relaxed) == LIMIT_SPIN;
    for (uint32_t polls = 1; atomic_load_explicit(&ready->bytes, memory_order_acquire) < wanted; polls++) {
        if (!spins)
            sched_yield();
        if (polls % POLLS_PER_CLOCK == 0 && tram__now_ns() > deadline_ns)
            return false;
    }
    return true;
}

static void post_bytes(const struct limit *s, unsigned hop, uint32_t n, size_t bytes, bool first) {
    atomic_store_explicit(&ready_at(s, hop, n)->bytes, bytes, memory_order_release);
    if (first)
        post(s, hop, n);
}

/* Copies the only part of message n on as it comes: it came by hop `in`, where it has been posted, and goes on by hop `out`. Either
 * may be NO_HOP. False when `deadline_ns` passed. */
static bool pass_on(const struct limit *s, unsigned in, unsigned out, uint32_t n, unsigned char *to,
                    const unsigned char *from, uint64_t deadline_ns) {
    size_t size = s->c->input.size[0],
           fragment = atomic_load_explicit(&s->control->fragment, memory_order_relaxed);
    for (size_t at = 0; at < size;) {
        size_t now = size - at < fragment ? size - at : fragment;
        if (in != NO_HOP && !await_bytes(s, in, n, at + now, deadline_ns))
            return false;
        limit_copy(s, to + at, from + at, now);
        at += now;
        if (out != NO_HOP)
            post_bytes(s, out, n, at, at == now);
    }
    return true;
}

/* ---- the other processes ---- */

/* What process k does with message n: by loan it passes the flag on, and the payload stays where it is. */
static void work(const struct limit *s, unsigned k, unsigned in, uint32_t n) {
    const struct tram_layout *input = &s->c->input;
    if (s->c->tensor && k == 1) {
        limit_tensor_make(s, n);
    } else if (s->c->tensor) {
        limit_tensor_take(s, k, (struct tram_receipt *)(void *)result_room(s, k, n), n);
    } else if (s->digests) {
        struct tram_bytes parts[TRAM_MAX_PARTS];
        for (size_t i = 0; i < input->count; i++)
            parts[i] = (struct tram_bytes){room(s, in, n, i), input->size[i]};
        tram_digest_make(parts, input->count, (struct tram_digest *)(void *)result_room(s, k, n));
    } else if (!s->c->loan) {
        limit_copy(s, room(s, k, n, 0), room(s, in, n, 0), input->total);
    }
}

static void peer(const struct limit *s, unsigned k, pid_t parent) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    tram__cpus_bind(s->c->placement.cpu[k % s->c->placement.count]);
    if (s->board)
        limit_gpu_start(s, k);
    unsigned in = hop_into(s, k);
    for (uint32_t n = 1;; n++) {
        if (!await(s, in, n, UINT64_MAX))
            _exit(1);
        if (in_fragments(s)) {
            pass_on(s, in, k, n, room(s, k, n, 0), room(s, in, n, 0), UINT64_MAX);
            continue;
        }
        work(s, k, in, n);
        post(s, k, n);
    }
}

static void limit_close(void *state) {
    struct limit *s = state;
    for (unsigned i = 0; i < s->peers; i++) {
        kill(s->pid[i], SIGKILL);
        waitpid(s->pid[i], NULL, 0);
    }
    if (s->control)
        munmap(s->control, s->bytes);
    free(s);
}

/* ---- batches ---- */

static int late(const struct limit *s, uint64_t n, char *why) {
    if (s->board && limit_gpu_failed(s, why))
        return -1;
    snprintf(why, TRAM_WHY, "limit: execution %llu was not finished within %g s", (unsigned long long)n,
             s->c->timeout_s);
    return -1;
}

static void put(const struct limit *s, uint32_t n, const unsigned char *from) {
    const struct tram_layout *input = &s->c->input;
    if (in_fragments(s)) {
        pass_on(s, NO_HOP, 0, n, room(s, 0, n, 0), from, UINT64_MAX);
        return;
    }
    for (size_t i = 0; i < input->count; i++)
        limit_copy(s, room(s, 0, n, i), from + input->offset[i], input->size[i]);
    post(s, 0, n);
}

static int limit_run(void *state, struct tram_batch *b, char *why) {
    struct limit *s = state;
    uint32_t inflight = s->c->inflight, first = s->sent + 1;
    uint64_t each = (uint64_t)(s->c->timeout_s * 1e9), deadline = 0;
    for (uint32_t sent = 0, got = 0; got < b->count;) {
        while (sent < b->count && sent - got < inflight) {
            if (b->took_ns)
                b->took_ns[sent] = tram__now_ns();
            put(s, first + sent, b->from + sent * s->c->input.stride);
            sent++;
        }
        if (got % DEADLINE_EVERY == 0) /* the clock is not read for each */
            deadline = tram__now_ns() + each * (inflight + DEADLINE_EVERY);
        for (unsigned k = 0; k < s->results; k++) {
            unsigned hop = hop_of_result(s, k);
            if (!await(s, hop, first + got, deadline))
                return late(s, b->first + got, why);
            unsigned char *to = b->to + ((size_t)got * s->results + k) * b->to_stride;
            const unsigned char *from = result_room(s, hop, first + got);
            if (!in_fragments(s))
                limit_copy(s, to, from, s->reply);
            else if (!pass_on(s, hop, NO_HOP, first + got, to, from, deadline))
                return late(s, b->first + got, why);
        }
        if (b->took_ns)
            b->took_ns[got] = tram__now_ns() - b->took_ns[got];
        got++;
    }
    s->sent += b->count;
    return 0;
}

static int limit_loan(void *state, void **buffers, char *why) {
    struct limit *s = state;
    (void)why;
    for (size_t i = 0; i < s->c->input.count; i++)
        buffers[i] = room(s, 0, s->sent + 1, i);
    return 0;
}

static int limit_exchange(void *state, struct tram_bytes *results, char *why) {
    struct limit *s = state;
    uint32_t n = ++s->sent;
    post(s, 0, n);
    for (unsigned k = 0; k < s->results; k++) {
        unsigned hop = hop_of_result(s, k);
        if (!await(s, hop, n, tram__now_ns() + (uint64_t)(s->c->timeout_s * 1e9)))
            return late(s, n, why);
        results[k] = (struct tram_bytes){result_room(s, hop, n), s->reply};
    }
    return 0;
}

static int limit_release(void *state, char *why) {
    (void)state;
    (void)why;
    return 0;
}

/* ---- opening ---- */

/* Beside the flag what fits there; the rest, each part on a page of its own, in the extent. */
static void place_parts(struct limit *s) {
    const struct tram_layout *input = &s->c->input;
    size_t used = 0;
    for (size_t i = 0; i < input->count; i++) {
        s->place[i].inside = input->size[i] <= LIMIT_IN_SLOT - used;
        s->place[i].offset = s->place[i].inside ? used : s->stride;
        if (s->place[i].inside)
            used += input->size[i];
        else
            s->stride += (input->size[i] + 4095) / 4096 * 4096;
    }
    s->stride_on = s->digests || s->c->loan ? 0 : s->stride;
}

static int map_shared(struct limit *s, char *why) {
    const struct tram_case *c = s->c;
    unsigned hops = c->actors + 1;
    size_t largest = s->stride > s->tensor_stride ? s->stride : s->tensor_stride;
    size_t turns = !largest ? MOST_TURNS : c->loan ? 1 : TURN_BYTES / largest;
    for (s->most = 1; s->most < c->inflight || (s->most < MOST_TURNS && 2 * s->most <= turns);)
        s->most *= 2;
    size_t slots = (size_t)hops * s->most;
    size_t extents = s->most * (s->stride + c->actors * s->stride_on), tensors = s->most * s->tensor_stride;
    /* One part that is copied whole wherever it goes may go in fragments. */
    bool fragments = extents && !c->loan && !s->digests && !c->tensor && c->input.count == 1 &&
                     c->input.size[0] >= 2 * (size_t)LIMIT_LEAST_FRAGMENT;
    size_t flags = sizeof(struct limit_slot) + (fragments ? sizeof(struct limit_ready) : 0);
    size_t head = (sizeof(struct limit_control) + slots * flags + 4095) / 4096 * 4096;
    size_t board = limit_gpu_any(s) ? limit_gpu_board_bytes(s) : 0;
    s->bytes = head + extents + tensors + board;
    if (s->bytes > tram__memory_available()) {
        snprintf(why, TRAM_WHY, "limit: %zu bytes of shared memory are wanted, %llu are available", s->bytes,
                 (unsigned long long)tram__memory_available());
        return -1;
    }
    void *shared =
        mmap(NULL, s->bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (shared == MAP_FAILED) {
        snprintf(why, TRAM_WHY, "limit: %zu bytes of shared memory: %s", s->bytes, strerror(errno));
        return -1;
    }
    s->control = shared;
    uint32_t used = 1;
    while (used < c->inflight)
        used *= 2;
    s->control->mask = used - 1;
    s->control->stream_from = LIMIT_NEVER;
    s->control->fragment = LIMIT_WHOLE;
    s->slots = (struct limit_slot *)(s->control + 1);
    s->ready = fragments ? (struct limit_ready *)(s->slots + slots) : NULL;
    s->extents = extents ? (unsigned char *)shared + head : NULL;
    s->tensors = tensors ? (unsigned char *)shared + head + extents : NULL;
    s->board =
        board ? (struct limit_board *)(void *)((unsigned char *)shared + head + extents + tensors) : NULL;
    return 0;
}

static int limit_open(const struct tram_case *c, void **state, char *why) {
    struct limit *s = calloc(1, sizeof *s);
    if (!s) {
        snprintf(why, TRAM_WHY, "out of memory");
        return -1;
    }
    s->c = c;
    s->results = tram_case_results(c);
    s->reply = tram_case_reply(c);
    s->digests = tram_case_digests(c);
    place_parts(s);
    if (c->tensor)
        limit_tensor_plan(s);
    if (map_shared(s, why)) {
        free(s);
        return -1;
    }
    pid_t self = getpid();
    for (unsigned k = 1; k <= c->actors; k++) {
        pid_t pid = fork();
        if (pid == 0)
            peer(s, k, self);
        if (pid < 0) {
            snprintf(why, TRAM_WHY, "limit: fork: %s", strerror(errno));
            limit_close(s);
            return -1;
        }
        s->pid[s->peers++] = pid;
    }
    tram__cpus_bind(c->placement.cpu[0]);
    if ((s->board && limit_gpu_await(s, why)) || limit_choose(s, limit_run, why)) {
        limit_close(s);
        return -1;
    }
    *state = s;
    return 0;
}

static void limit_counters(void *state, struct tram_mode_counters *out) {
    struct limit *s = state;
    *out = (struct tram_mode_counters){-1, -1, -1, -1, -1, (int64_t)s->bytes, s->note};
}

static int limit_pids(void *state, pid_t *out) {
    struct limit *s = state;
    memcpy(out, s->pid, s->peers * sizeof *out);
    return (int)s->peers;
}

const struct tram_mode_ops tram_mode_limit = {.name = "limit",
                                              .open = limit_open,
                                              .run = limit_run,
                                              .loan = limit_loan,
                                              .exchange = limit_exchange,
                                              .release = limit_release,
                                              .counters = limit_counters,
                                              .pids = limit_pids,
                                              .close = limit_close};
