/* SPDX-License-Identifier: Apache-2.0
 *
 * Graphs that run on the actor's main thread. Between two looks at its links that thread gives each of them, in the order
 * in which they were compiled, a turn: the steps that can run without waiting, to the end of the execution under way at
 * most. A step that would have to wait ends the turn and is the first of the next. So no graph waits inside a turn, and
 * none can hold up another but for as long as its methods run.
 *
 * Sleeping. The main thread sleeps in poll(2), on its links and on one bell, an eventfd that every peer of these graphs
 * holds. It is the protocol of base/wait.c with a bell in the futex's place and several words at once:
 *
 *   main thread:  for each graph: sleeping = RINGS_FOR(name of the word that its next step waits for)
 *                 F1 fence(seq_cst); look at each of these words again; poll(bell)
 *   peer:         word = n (release); F2 fence(seq_cst); if sleeping == RINGS_FOR(name): ring
 *
 * For any graph take F1 and the F2 of whoever moves its word. If F1 comes first, the peer's load after F2 sees `sleeping`
 * (the store precedes F1, and `sleeping` is written by the main thread alone) and rings; if F2 comes first, the look after
 * F1 sees the word, and the main thread does not sleep. One F1 serves all graphs: the argument holds for each by itself.
 * A step may wait for several acks, one after the other; should the look find it waiting for another word than the one
 * that `sleeping` names, that too keeps the main thread awake.
 *
 * A ring is heard (the eventfd read) only after poll(2) said that there is one, and each time a turn follows, then a look
 * after another F1. The write to the eventfd comes after the word's store, and the read after the write: so what a heard
 * ring announced is seen by that turn. A ring that comes late, for a sleep that has ended, cuts the next one short.
 *
 * A stop or a death needs nothing: both reach an actor through its links, and are handled between turns.
 */
#include "exec/loop.h"

/* True while the main thread gives it turns. */
static bool has_turns(const struct tram__loop *l) {
    return l->started && l->on_main && !l->over;
}

/* True when a step went through. */
static bool one_turn(struct tram__loop *l) {
    size_t before = l->at;
    int status = tram__loop_run(l, 0);
    if (status == TRAM_ERR_TIMED_OUT)
        return l->at != before;
    if (status) {
        if (status != TRAM_ERR_TORN_DOWN) /* else it was lost with a peer */
            tram__loop_give_up(l, status);
        l->over = true;
    }
    return true;
}

static bool turn(struct tram__serve *s) {
    bool ran = false;
    for (struct tram__loop *l = s->exec; l; l = l->next)
        if (has_turns(l))
            ran |= one_turn(l);
    return ran;
}

/* From here on, who publishes or gives back what a graph waits for rings. True: there was no need to. */
static bool arm(struct tram__serve *s) {
    for (struct tram__loop *l = s->exec; l; l = l->next) {
        if (!has_turns(l))
            continue;
        l->waits_for = tram__loop_waits_for(l);
        if (!l->waits_for)
            return true;
        tram__store32_relaxed(l->participant.waiter.sleeping, TRAM__RINGS_FOR(l->waits_for));
    }
    tram__fence_seq_cst(); /* F1 */
    for (struct tram__loop *l = s->exec; l; l = l->next)
        if (has_turns(l) && tram__loop_waits_for(l) != l->waits_for)
            return true;
    for (struct tram__loop *l = s->exec; l; l = l->next)
        if (has_turns(l))
            tram__count(&l->participant.waiter.counts->sleeps, 1);
    return false;
}

static void disarm(struct tram__serve *s) {
    for (struct tram__loop *l = s->exec; l; l = l->next)
        if (has_turns(l))
            tram__store32_relaxed(l->participant.waiter.sleeping, 0);
}

/* Of two ways to wait, the one that wakes sooner. */
static enum tram_wait sooner(enum tram_wait a, enum tram_wait b) {
    if (a == TRAM_WAIT_SPIN || b == TRAM_WAIT_SPIN)
        return TRAM_WAIT_SPIN;
    return a == TRAM_WAIT_AUTO || b == TRAM_WAIT_AUTO ? TRAM_WAIT_AUTO : TRAM_WAIT_BLOCK;
}

/* The main thread waits as the most eager of its graphs does, beside as many threads as the largest has and those that
 * other graphs have here. */
void tram__turns_renew(struct tram__serve *s) {
    enum tram_wait wait = TRAM_WAIT_BLOCK;
    uint32_t largest = 0, threads = 0, cpus = 1;
    uint64_t block_ns = 0;
    for (const struct tram__loop *l = s->exec; l; l = l->next) {
        const Tram__Wire__Prepare *plan = l->participant.plan;
        threads += l->started && !l->on_main;
        if (!has_turns(l))
            continue;
        wait = sooner(wait, (enum tram_wait)plan->wait);
        largest = plan->threads > largest ? plan->threads : largest;
        cpus = plan->cpus;
        block_ns = plan->block_ns;
    }
    s->turn_plan = tram__wait_plan(wait, threads + largest, cpus, block_ns);
    s->turn = largest ? turn : NULL;
    s->arm = arm;
    s->disarm = disarm;
}
