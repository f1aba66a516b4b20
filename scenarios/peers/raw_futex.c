/* SPDX-License-Identifier: Apache-2.0
 *
 * Raw C over shared memory: a word and a payload on each hop; whoever waits sleeps on the word. What only polls the word is
 * the limit, and no peer: this one sleeps, at once or after yielding for a while. A thousand yields last longer than a wake-up:
 * with fewer, two that once slept can go on sleeping, each before the other is awake.
 */
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "peers/raw.h"

static const char *const ways[] = {"asleep", "20 yields, then asleep", "100 yields, then asleep",
                                   "1000 yields, then asleep", NULL};
static const uint32_t yields[] = {0, 20, 100, 1000};

struct cell {
    _Alignas(128) _Atomic uint32_t seq;
    _Atomic uint32_t sleepers;
};

/* Hop 0 is the driver's, hop k process k's; in a scatter all read hop 0. */
struct state {
    struct peer_team team;
    size_t bytes; /* shared, from team.turn on */
    struct cell *cell;
    unsigned char *payload; /* [hop], `stride` bytes each */
    size_t stride;
};

static unsigned char *room(const struct state *s, unsigned hop) {
    return s->payload + hop * s->stride;
}

/* Waits for message n. R1 reads what S1 publishes. A sleeper counts itself (S2) before it looks at the word again (R1), and
 * whoever posts stores the word (S1) before looking at the count (R2); all four are seq_cst, so that one sees the other. Only
 * the sleeper takes itself off the count: a late poster that did would take off the sleeper of the next message. */
static void await(const struct state *s, unsigned hop, uint32_t n) {
    struct cell *c = &s->cell[hop];
    for (uint32_t tries = 0;; tries++) {
        uint32_t seq = atomic_load(&c->seq); /* R1 */
        if (seq == n)
            return;
        if (tries < yields[s->team.way]) {
            sched_yield();
            continue;
        }
        atomic_fetch_add(&c->sleepers, 1); /* S2 */
        if (atomic_load(&c->seq) == seq)   /* R1 */
            syscall(SYS_futex, &c->seq, FUTEX_WAIT, seq, NULL, NULL, 0);
        atomic_fetch_sub(&c->sleepers, 1);
    }
}

static void post(const struct state *s, unsigned hop, uint32_t n) {
    struct cell *c = &s->cell[hop];
    atomic_store(&c->seq, n);          /* S1 */
    if (atomic_load(&c->sleepers) > 0) /* R2 */
        syscall(SYS_futex, &c->seq, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

static void serve(void *state, unsigned k) {
    struct state *s = state;
    unsigned in = peer_scatters(s->team.c) ? 0 : k - 1;
    for (;;) {
        uint32_t n = (uint32_t)s->team.done + 1;
        await(s, in, n);
        memcpy(room(s, k), room(s, in), s->team.c->input.total);
        post(s, k, n);
        peer_done(&s->team);
    }
}

static int exchange(struct peer_team *t, const unsigned char *from, unsigned char *to, size_t stride,
                    char *why) {
    struct state *s = (struct state *)t;
    uint32_t n = (uint32_t)t->done + 1, results = tram_case_results(t->c);
    (void)why;
    memcpy(room(s, 0), from, t->c->input.total);
    post(s, 0, n);
    for (unsigned k = 0; k < results; k++) {
        unsigned hop = t->c->actors - results + 1 + k;
        await(s, hop, n);
        memcpy(to + k * stride, room(s, hop), t->c->input.total);
    }
    return 0;
}

static int futex_run(void *state, struct tram_batch *b, char *why) {
    return peer_run(state, b, exchange, why);
}

static void futex_close(void *state) {
    struct state *s = state;
    peer_kill(&s->team);
    if (s->team.turn)
        munmap(s->team.turn, s->bytes);
    free(s);
}

static int futex_open(const struct tram_case *c, void **state, char *why) {
    struct state *s = calloc(1, sizeof *s);
    if (!s) {
        snprintf(why, TRAM_WHY, "out of memory");
        return -1;
    }
    size_t head = sizeof *s->team.turn + (c->actors + 1) * sizeof *s->cell;
    head = (head + 4095) / 4096 * 4096;
    s->team.c = c;
    s->stride = (c->input.stride + 127) / 128 * 128;
    s->bytes = head + (c->actors + 1) * s->stride;
    s->team.turn = peer_share(s->bytes, why);
    int status = s->team.turn ? 0 : -1;
    if (!status) {
        s->cell = (struct cell *)(s->team.turn + 1);
        s->payload = (unsigned char *)s->team.turn + head;
    }
    for (unsigned k = 1; !status && k <= c->actors; k++)
        status = peer_fork(&s->team, serve, s, why);
    struct peer_search search = {.team = &s->team, .ops = &peer_raw_futex, .ways = ways};
    if (status || peer_choose(&search, why)) {
        futex_close(s);
        return -1;
    }
    *state = s;
    return 0;
}

const struct tram_mode_ops peer_raw_futex = {.name = "raw-futex",
                                             .open = futex_open,
                                             .run = futex_run,
                                             .counters = peer_counters,
                                             .pids = peer_pids,
                                             .close = futex_close};
