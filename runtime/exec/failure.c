/* SPDX-License-Identifier: Apache-2.0
 *
 * What the driver says when an execution cannot end well.
 */
#include "base/error.h"
#include "exec/exec.h"

#include <stdio.h>
#include <string.h>

int tram__exec_torn(void) {
    return tram__fail(TRAM_ERR_TORN_DOWN, "the graph was torn down");
}

int tram__exec_input_wrong(size_t count, size_t i) {
    const struct tram_error *why = tram_last_error();
    if (count == 1)
        return tram__fail(why->status, "the input: %s", why->text);
    return tram__fail(why->status, "part %zu of the input: %s", i, why->text);
}

static void blame(struct tram_actor *a, uint64_t n) {
    struct tram_error *e = tram__error();
    e->execution = n;
    if (a)
        snprintf(e->actor, sizeof e->actor, "%s", a->name);
}

/* The error of a graph that lost an actor; n: the execution that is lost with it, 0: none. */
int tram__exec_lost(struct tram_compiled *x, uint64_t n) {
    int status = x->dead;
    if (status == TRAM_ERR_PROTOCOL)
        tram__fail(status, "actor %s stopped its part of the graph: a peer broke the protocol", x->who->name);
    else if (x->who)
        tram__actor_dead(x->who);
    else
        tram__fail(status, "the supervisor is gone, and its actors with it");
    char *text = tram__error()->text;
    size_t used = strlen(text);
    if (n)
        snprintf(text + used, sizeof tram__error()->text - used, "; execution %llu is lost",
                 (unsigned long long)n);
    blame(x->who, n);
    return status;
}

/* Looks whether an actor of this graph has died or stopped: 0 or the status, without a message. */
int tram__exec_look(struct tram_compiled *x) {
    for (uint32_t i = 0; i < x->actor_count && !x->dead; i++) {
        if (tram__roster_gone(x->t->roster, x->actors[i]->index)) {
            x->dead = TRAM_ERR_PEER_DEAD;
            x->who = x->actors[i];
        }
    }
    for (uint32_t i = 0; i < x->actor_count && !x->dead; i++) {
        const struct tram__region_head *h = tram__participant_head(&x->participant, i + 1);
        if (h && tram__load32_acquire(&h->stopped)) {
            x->dead = TRAM_ERR_PROTOCOL;
            x->who = x->actors[i];
        }
    }
    return x->dead;
}

int tram__exec_interrupted(void *arg) {
    struct tram_compiled *x = arg;
    if (tram__exec_look(x))
        return x->dead;
    if (tram__host_check(x->t))
        x->dead = TRAM_ERR_PEER_DEAD;
    return x->dead;
}

/* A wait shorter than a second asks for neither the supervisor nor a stopped actor by itself: after one that timed out,
 * looks, ten times a second at most. 0 or why the graph can run no more. */
int tram__exec_look_after_timeout(struct tram_compiled *x) {
    uint64_t now = tram__now_ns();
    if (!x->dead && now - x->looked_ns >= 100000000u) {
        x->looked_ns = now;
        tram__exec_interrupted(x);
    }
    return x->dead;
}

/* The actor that has finished the fewest executions, the first of them in bind order: where things stand
 * still. */
int tram__exec_no_progress(struct tram_compiled *x, uint64_t n, double timeout_s) {
    struct tram_actor *slowest = NULL;
    uint64_t least = UINT64_MAX;
    for (uint32_t i = 0; i < x->actor_count; i++) {
        const struct tram__region_head *h = tram__participant_head(&x->participant, i + 1);
        uint64_t done = h ? tram__load_relaxed(&h->done) : UINT64_MAX;
        if (done < least) {
            least = done;
            slowest = x->actors[i];
        }
    }
    tram__fail(TRAM_ERR_TIMED_OUT,
               "execution %llu was not finished within %g s; actor %s is making no progress after %llu",
               (unsigned long long)n, timeout_s, slowest ? slowest->name : "?", (unsigned long long)least);
    blame(slowest, n);
    return TRAM_ERR_TIMED_OUT;
}

int tram__exec_task_failed(struct tram_compiled *x, uint64_t n, const struct tram__message *m) {
    const struct tram__node_name *name = m->origin < x->node_count ? &x->names[m->origin] : NULL;
    const char *actor = name && name->actor ? name->actor->name : "?";
    const char *method = name && name->method ? name->method : "?";
    char text[128];
    snprintf(text, sizeof text, "%.*s", (int)(m->size < sizeof text ? m->size : sizeof text - 1),
             (const char *)m->data);
    tram__fail(TRAM_ERR_TASK, "%s.%s failed in execution %llu with code %d: %s", actor, method,
               (unsigned long long)n, m->status, text);
    blame(name ? name->actor : NULL, n);
    struct tram_error *e = tram__error();
    e->code = m->status;
    snprintf(e->method, sizeof e->method, "%s", method);
    return TRAM_ERR_TASK;
}
