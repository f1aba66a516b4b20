/* SPDX-License-Identifier: Apache-2.0
 *
 * Sleeping without losing a wake (store buffering, Dekker's pair):
 *
 *   waiter:  sleeping = name; F1 fence(seq_cst); re-check word; futex_wait(word, value re-checked)
 *   waker:   word = n (release); F2 fence(seq_cst); if sleeping == name: futex_wake(word)
 *
 * The two fences are totally ordered. If F1 comes first, the waker's load after F2 sees `sleeping` and wakes;
 * if F2 comes first, the waiter's re-check after F1 sees the word and does not sleep. Between the re-check
 * and the sleep the kernel compares the word itself, so a change there ends futex_wait at once. `sleeping` is
 * written by its waiter alone; a waker that reads a stale non-zero value makes a useless wake, never a missed
 * one.
 *
 * Death and stop orders need no fence: futex_waitv compares `epoch` and `control` atomically with the word,
 * so a change before the sleep is seen by the kernel and a change after it is followed by a wake on that very
 * word.
 */
#include "base/wait.h"

/* Polls without a pause: a pause lasts 140 cycles on recent processors, as long as the round trip itself. */
enum { FREE_POLLS = 256, CROWDED_POLLS = 1, POLLS_PER_CLOCK = 8, YIELDS = 20, ASK_POLLS = 1 << 20 };

/* A sleep costs block_ns more than spinning would have: past this multiple of it, that is under 5% of the
 * wait. */
enum { SPIN_BLOCKS = 20 };
#define MIN_BUDGET_US 2
#define TICK_NS       1000000000u

/* Who yields to a program that never waits has the CPU back after that one's slice, of milliseconds; who sleeps is woken in its
 * place. One wait in LOOK_EVERY is timed, and those after one in which a yield lasted longer than LONG_BLOCKS sleeps: one such
 * may be an accident, after a second the next waits of the site are slept through at once, and four times as many when the
 * yield that is tried then is long again. */
enum { LOOK_EVERY = 16, LEAST_NAPS = 16, MOST_NAPS = 1024, LONG_BLOCKS = 8 };

struct tram__wait_plan tram__wait_plan(enum tram_wait policy, unsigned threads, unsigned cpus,
                                       uint64_t block_ns) {
    struct tram__wait_plan p = {.policy = policy};
    if (policy == TRAM_WAIT_AUTO && threads > cpus)
        p.yields = YIELDS;
    p.block_ticks = block_ns * tram__ticks_per_us() / 1000;
    p.cap_ticks = p.block_ticks * SPIN_BLOCKS;
    return p;
}

uint64_t tram__deadline_ns(double timeout_s) {
    if (!(timeout_s >= 0) || timeout_s > 1e9)
        return UINT64_MAX;
    return tram__now_ns() + (uint64_t)(timeout_s * 1e9);
}

double tram__left_s(uint64_t deadline_ns) {
    if (deadline_ns == UINT64_MAX)
        return -1;
    uint64_t now = tram__now_ns();
    return now < deadline_ns ? (double)(deadline_ns - now) / 1e9 : 0;
}

static bool was_long(const struct tram__spin *s, uint64_t now) {
    return s->yielded && now - s->yielded > LONG_BLOCKS * s->plan->block_ticks;
}

static bool yield_more(struct tram__spin *s) {
    const struct tram__wait_plan *p = s->plan;
    struct tram__site *site = s->site;
    if (site->naps)
        return false;
    bool timed = s->yields ? s->yielded : site->dozed || site->waits++ % LOOK_EVERY == 0;
    if (timed) {
        uint64_t now = tram__ticks();
        if (was_long(s, now)) {
            s->pushed_out = true;
            return false;
        }
        s->yielded = now;
    }
    if (s->yields >= p->yields && tram__ticks() - s->start > p->block_ticks)
        return false;
    if (s->yields == 1) /* the first is often enough, and then the clock is not worth reading */
        s->start = tram__ticks();
    s->yields++;
    tram__yield();
    return true;
}

/* Whether the next waits of the site are slept through. */
static void learn_naps(struct tram__spin *s, bool slept) {
    struct tram__site *site = s->site;
    if (site->naps) {
        site->naps--;
    } else if (s->pushed_out || (!slept && was_long(s, tram__ticks()))) {
        unsigned most = site->dozed < MOST_NAPS / 4 ? site->dozed * 4u : MOST_NAPS;
        site->dozed = (uint16_t)(!site->dozed ? 1 : most > LEAST_NAPS ? most : LEAST_NAPS);
        site->naps = site->dozed > 1 ? site->dozed : 0;
    } else if (s->yielded) {
        site->dozed /= 2;
    }
}

bool tram__spin_more(struct tram__spin *s) {
    const struct tram__wait_plan *p = s->plan;
    if (p->policy == TRAM_WAIT_BLOCK)
        return false;
    uint32_t free_polls = s->calls ? 0 : p->yields ? CROWDED_POLLS : FREE_POLLS;
    if (++s->polls <= free_polls)
        return true;
    if (p->yields)
        return yield_more(s);
    if (!s->calls)
        tram__pause();
    if (p->policy == TRAM_WAIT_SPIN || (!s->calls && s->polls % POLLS_PER_CLOCK))
        return true;
    uint64_t now = tram__ticks();
    if (!s->start) {
        s->start = now;
        s->budget = s->site->budget_ticks ? s->site->budget_ticks : p->cap_ticks;
    }
    return now - s->start < s->budget;
}

/* Twice the longest wait seen lately, and at least what a sleep costs: a spin that fails then doubles the cost
 * of the wait at worst. Only waits too long to be worth any spinning lead towards nothing, and the first short
 * one leads back, though it was slept through. */
void tram__spin_end(struct tram__spin *s, bool slept) {
    const struct tram__wait_plan *p = s->plan;
    if (p->yields) { /* without a budget */
        learn_naps(s, slept);
        return;
    }
    if (!s->start)
        return;
    uint64_t took = tram__ticks() - s->start;
    uint64_t least = MIN_BUDGET_US * tram__ticks_per_us();
    if (slept)
        took = took > p->block_ticks ? took - p->block_ticks : 0;
    uint64_t budget = s->budget / 2;
    if (took <= p->cap_ticks) {
        least = p->block_ticks;
        budget = s->budget - s->budget / 16;
        if (2 * took > budget)
            budget = 2 * took;
    }
    if (budget < least)
        budget = least;
    s->site->budget_ticks = budget < p->cap_ticks ? budget : p->cap_ticks;
}

/* 0, or why the thread must stop waiting. */
static int interruption(struct tram__waiter *w) {
    uint32_t epoch = w->epoch ? tram__load32_acquire(w->epoch) : 0;
    uint32_t control = w->control ? tram__load32_acquire(w->control) : 0;
    if (epoch == w->epoch_seen && control == w->control_seen)
        return 0;
    w->epoch_seen = epoch;
    w->control_seen = control;
    return w->interrupted(w->arg);
}

static void sleep_on(struct tram__waiter *w, const tram__word64 *word, uint64_t target, uint32_t name,
                     uint64_t until_ns) {
    tram__store32_relaxed(w->sleeping, name);
    tram__fence_seq_cst(); /* F1 */
    uint64_t seen = tram__load_acquire(word);
    if (seen < target) {
        struct tram__watch watch[3] = {{tram__low_half(word), (uint32_t)seen}};
        unsigned count = 1;
        if (w->epoch)
            watch[count++] = (struct tram__watch){w->epoch, w->epoch_seen};
        if (w->control)
            watch[count++] = (struct tram__watch){w->control, w->control_seen};
        tram__count(&w->counts->sleeps, 1);
        if (w->on_sleep)
            w->on_sleep(false);
        tram__futex_wait(watch, count, until_ns);
        if (w->on_sleep)
            w->on_sleep(true);
    }
    tram__store32_relaxed(w->sleeping, 0);
}

int tram__wait_slow(struct tram__waiter *w, struct tram__site *site, const tram__word64 *word,
                    uint64_t target, uint32_t name, double timeout_s) {
    struct tram__spin spin;
    tram__spin_begin(&spin, &w->plan, site, false);
    uint64_t deadline_ns = 0; /* 0: not known yet */
    bool slept = false;
    int status;
    if (timeout_s == 0) {
        status = interruption(w);
        return status ? status : TRAM_ERR_TIMED_OUT;
    }
    for (;;) {
        while (tram__spin_more(&spin)) {
            if (tram__load_acquire(word) >= target)
                goto arrived;
            if (spin.polls % 64)
                continue;
            if ((status = interruption(w)))
                return status;
            if (spin.polls % ASK_POLLS == 0 && (status = w->interrupted(w->arg))) /* never asleep */
                return status;
            if (timeout_s >= 0 && spin.polls >= FREE_POLLS) {
                if (!deadline_ns)
                    deadline_ns = tram__deadline_ns(timeout_s);
                else if (spin.polls % 1024 == 0 && tram__now_ns() >= deadline_ns)
                    return tram__load_acquire(word) >= target ? 0 : TRAM_ERR_TIMED_OUT;
            }
        }
        if (!deadline_ns)
            deadline_ns = tram__deadline_ns(timeout_s);
        if (tram__load_acquire(word) >= target)
            goto arrived;
        if ((status = interruption(w)))
            return status;
        uint64_t now = tram__now_ns();
        if (now >= deadline_ns)
            return TRAM_ERR_TIMED_OUT;
        uint64_t tick = now + TICK_NS;
        slept = true;
        sleep_on(w, word, target, name, tick < deadline_ns ? tick : deadline_ns);
        if (tram__load_acquire(word) >= target)
            goto arrived;
        /* Only a second asleep, or a change of epoch or control, is worth asking about. */
        if (tram__now_ns() >= tick && (status = w->interrupted(w->arg)))
            return status;
    }
arrived:
    if (spin.yields)
        tram__count(&w->counts->yields, spin.yields);
    tram__spin_end(&spin, slept);
    return 0;
}
