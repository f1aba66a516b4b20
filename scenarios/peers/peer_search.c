/* SPDX-License-Identifier: Apache-2.0
 *
 * The processes of a peer, and the search for the best of its ways.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/try.h"
#include "peers/peer.h"
#include "results/result.h"

/* ---- processes ---- */

int peer_pids(void *state, pid_t *out) {
    const struct peer_team *t = state;
    memcpy(out, t->pid, t->pids * sizeof *out);
    return (int)t->pids;
}

void peer_counters(void *state, struct tram_mode_counters *out) {
    const struct peer_team *t = state;
    *out = (struct tram_mode_counters){.copies = -1,
                                       .copied_bytes = -1,
                                       .sleeps = -1,
                                       .maps = -1,
                                       .compile_ns = TRAM_ABSENT,
                                       .channel_bytes = TRAM_ABSENT,
                                       .note = t->note};
}

void *peer_share(size_t bytes, char *why) {
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (p != MAP_FAILED)
        return p;
    snprintf(why, TRAM_WHY, "%zu bytes of shared memory: %s", bytes, strerror(errno));
    return NULL;
}

int peer_fork(struct peer_team *t, void (*serve)(void *state, unsigned k), void *state, char *why) {
    unsigned k = t->pids + 1;
    pid_t parent = getpid(), pid = fork();
    if (pid < 0) {
        snprintf(why, TRAM_WHY, "fork: %s", strerror(errno));
        return -1;
    }
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(1);
        tram__cpus_bind(t->c->placement.cpu[k % t->c->placement.count]);
        serve(state, k);
        _exit(1);
    }
    t->pid[t->pids++] = pid;
    return 0;
}

void peer_kill(struct peer_team *t) {
    for (uint32_t i = 0; i < t->pids; i++) {
        kill(t->pid[i], SIGKILL);
        waitpid(t->pid[i], NULL, 0);
    }
    t->pids = 0;
}

/* ---- the search ---- */

enum { TRY_BATCH = 20, TRY_BYTES = 256 * 1024 };

struct tries {
    const struct peer_search *s;
    struct tram_batch batch;
    uint32_t best_way;
    enum tram_placement best_placement;
    double best_ns;
    char *why;
};

/* By one execution the old way. */
static int adopt(struct tries *h, uint32_t way, enum tram_placement p) {
    struct peer_team *t = h->s->team;
    struct tram_batch one = h->batch;
    one.count = 1;
    atomic_store_explicit(&t->turn->next, (t->done + 1) << 8 | way, memory_order_release);
    tram_place(t->pid, t->pids, &t->c->placement, p);
    return h->s->ops->run(t, &one, h->why);
}

/* Keeps the candidate if it is the best yet. */
static int try(struct tries *h, uint32_t way, enum tram_placement p) {
    if (adopt(h, way, p))
        return -1;
    double ns = tram_try(h->s->ops->run, h->s->team, &h->batch, h->why);
    if (ns < 0)
        return -1;
    if (ns < h->best_ns) {
        h->best_ns = ns;
        h->best_way = way;
        h->best_placement = p;
    }
    return 0;
}

static int try_all(struct tries *h) {
    const struct peer_search *s = h->s;
    const struct tram_case *c = s->team->c;
    int most = peer_crowded(c) && c->placement.count > 1 ? TRAM_PLACEMENTS : 1;
    for (uint32_t way = 0; s->ways[way]; way++)
        for (int p = 0; (!s->fits || s->fits(c, way)) && p < most; p++)
            if (try(h, way, (enum tram_placement)p))
                return -1;
    return adopt(h, h->best_way, h->best_placement);
}

int peer_choose(const struct peer_search *s, char *why) {
    struct peer_team *t = s->team;
    size_t stride = t->c->input.stride, to_stride = tram_layout_stride(tram_case_reply(t->c));
    size_t results = tram_case_results(t->c);
    uint32_t count = stride * TRY_BATCH > TRY_BYTES ? 1 : TRY_BATCH;
    unsigned char *from = tram_layout_alloc(stride * count);
    unsigned char *to = tram_layout_alloc(to_stride * results * count);
    struct tries h = {.s = s, .best_ns = 1e300, .why = why};
    h.batch = (struct tram_batch){.first = 1, .count = count, .from = from, .to = to, .to_stride = to_stride};
    int status = -1;
    if (!from || !to)
        snprintf(why, TRAM_WHY, "out of memory");
    else
        status = try_all(&h);
    bool crowded = peer_crowded(t->c);
    snprintf(t->note, sizeof t->note, "%s%s%s", s->ways[h.best_way], crowded ? ", " : "",
             crowded ? tram_placement_names[h.best_placement] : "");
    free(from);
    free(to);
    return status;
}

void peer_stop(struct peer_team *t, const struct tram_mode_ops *ops) {
    char why[TRAM_WHY];
    size_t stride = tram_layout_stride(tram_case_reply(t->c));
    struct tram_batch one = {.first = 1, .count = 1, .to_stride = stride};
    one.from = tram_layout_alloc(t->c->input.stride);
    one.to = tram_layout_alloc(stride * tram_case_results(t->c));
    atomic_store_explicit(&t->turn->next, (t->done + 1) << 8 | PEER_STOP, memory_order_release);
    if (one.from && one.to)
        ops->run(t, &one, why);
    free((void *)one.from);
    free(one.to);
}
