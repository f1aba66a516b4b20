/* SPDX-License-Identifier: Apache-2.0 */
#include "actor/runtime.h"
#include "actor/wire.pb-c.h"
#include "base/error.h"
#include "probe/probe.h"
#include "probe/sink.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ARGS_MAX = 64 * 1024, DEATH_MS = 50, END_MS = 2000, LOST_NS = 1000000000 };
#define CREATE_S 10.0

const char *tram_actor_name(const struct tram_actor *a) {
    return a->name;
}

int tram_actor_pid(const struct tram_actor *a) {
    return a->pid;
}

const struct tram__method_info *tram__actor_method(const struct tram_actor *a, const char *method) {
    for (size_t i = 0; i < a->method_count; i++)
        if (strcmp(a->methods[i].name, method) == 0)
            return &a->methods[i];
    return NULL;
}

/* The link's end is seen at once, the supervisor's word a moment later: wait for it, for the cause of death.
 */
static void await_obituary(struct tram_actor *a) {
    const struct tram__roster *r = a->t->roster;
    uint64_t until = tram__now_ns() + DEATH_MS * 1000000u;
    while (!tram__roster_gone(r, a->index) && tram__now_ns() < until) {
        struct tram__watch watch = {&r->epoch, tram__load32_acquire(&r->epoch)};
        if (!tram__roster_gone(r, a->index))
            tram__futex_wait(&watch, 1, until);
    }
}

int tram__actor_dead(struct tram_actor *a) {
    char how[96];
    await_obituary(a);
    tram__roster_how(a->t->roster, a->index, how, sizeof how);
    tram__fail(TRAM_ERR_PEER_DEAD, "actor %s (pid %d) %s", a->name, a->pid, how);
    snprintf(tram__error()->actor, sizeof tram__error()->actor, "%s", a->name);
    return TRAM_ERR_PEER_DEAD;
}

/* Its link ended. */
static int lose(struct tram_actor *a) {
    a->gone = true;
    tram__link_break(&a->link);
    if (a->t->on_gone)
        a->t->on_gone(a);
    return tram__actor_dead(a);
}

/* Its link cannot be understood any more, nor it: it has to go. */
static int give_up_on(struct tram_actor *a) {
    fprintf(stderr, "tramline: the link to actor %s broke, so it is killed: %s\n", a->name,
            tram_last_error()->text);
    tram__host_kill(a->t, a->index);
    return lose(a);
}

int tram__actor_pump(struct tram_actor *a) {
    if (a->gone)
        return tram__actor_dead(a);
    struct tram__frame f;
    int got;
    while ((got = tram__link_poll(&a->link, &f)) == 1) {
        if (!a->t->on_frame[f.type]) {
            got = tram__fail(TRAM_ERR_PROTOCOL, "actor %s sent a frame of type %d", a->name, (int)f.type);
            break;
        }
        a->t->on_frame[f.type](a, &f);
        if (!tram__link_pending(&a->link))
            return TRAM_OK; /* do not ask the kernel for more than was waited for */
    }
    return got == 0 ? TRAM_OK : got == TRAM_ERR_PEER_DEAD ? lose(a) : give_up_on(a);
}

bool tram__actor_lost(struct tram_actor *a) {
    const struct tram__roster *r = a->t->roster;
    struct pollfd p = {.fd = a->link.fd, .events = POLLIN};
    if (a->gone || !tram__roster_gone(r, a->index))
        return a->gone;
    /* It is all here: a frame that it did not finish may stay, if another process keeps the socket open. */
    uint64_t until = tram__now_ns() + LOST_NS;
    while (!a->gone && (tram__link_pending(&a->link) || poll(&p, 1, 0) > 0) && tram__now_ns() < until)
        tram__actor_pump(a);
    if (!a->gone)
        lose(a);
    return true;
}

void tram__actors_pump(struct tram *t, const struct tram_actor *but) {
    for (struct tram_actor *a = t->actors; a; a = a->next)
        if (a != but && !a->gone)
            tram__actor_pump(a);
}

/* The actor is about to be gone: takes in what it had sent before, and what those send whom it may wait for. */
static void drain(struct tram_actor *a, uint64_t until_ns) {
    while (!tram__actor_lost(a) && tram__actor_pump(a) == TRAM_OK && tram__now_ns() < until_ns) {
        tram__actors_pump(a->t, a);
        if (!tram__link_pending(&a->link))
            tram__link_wait(&a->link, false, 1);
    }
}

bool tram__actors_arm(struct tram *t) {
    bool may_sleep = true;
    for (struct tram_actor *a = t->actors; t->bell >= 0 && a; a = a->next)
        if (!a->gone)
            may_sleep &= tram__link_arm(&a->link, true, false);
    return may_sleep;
}

void tram__actors_disarm(struct tram *t) {
    for (struct tram_actor *a = t->actors; t->bell >= 0 && a; a = a->next)
        if (!a->gone)
            tram__link_disarm(&a->link);
    if (t->bell >= 0)
        tram__ring_heard(t->bell);
}

/* Sleeps until some actor has sent something, or `a` takes more if `writable`. */
static void sleep_on_links(struct tram_actor *a, bool writable, int timeout_ms) {
    struct tram *t = a->t;
    nfds_t n = 0;
    if (t->poll_capacity < t->live + 2) {
        struct pollfd *polls = realloc(t->polls, (t->live + 2) * sizeof *polls);
        if (!polls) {
            tram__link_wait(&a->link, writable, timeout_ms);
            return;
        }
        t->polls = polls;
        t->poll_capacity = t->live + 2;
    }
    t->polls[n++] = (struct pollfd){.fd = t->bell, .events = POLLIN}; /* -1 is passed over */
    bool by_socket = writable && !a->link.full_box;
    t->polls[n++] = (struct pollfd){.fd = a->link.fd, .events = (short)(POLLIN | (by_socket ? POLLOUT : 0))};
    for (struct tram_actor *other = t->actors; other && n < t->poll_capacity; other = other->next)
        if (other != a && !other->gone)
            t->polls[n++] = (struct pollfd){.fd = other->link.fd, .events = POLLIN};
    bool may_sleep = tram__actors_arm(t);
    /* Again, for room; and an actor in creation is not among the others yet. */
    may_sleep &= tram__link_arm(&a->link, true, writable);
    if (may_sleep)
        poll(t->polls, n, timeout_ms);
    tram__link_disarm(&a->link);
    tram__actors_disarm(t);
}

/* Milliseconds until `deadline_ns` for poll, at least 1, at most a second: then the roster is looked at. */
static int poll_ms(uint64_t deadline_ns, uint64_t now_ns) {
    uint64_t ms = deadline_ns == UINT64_MAX ? 1000 : (deadline_ns - now_ns) / 1000000 + 1;
    return ms > 1000 ? 1000 : (int)ms;
}

int tram__actor_await(struct tram_actor *a, const bool *done, double timeout_s) {
    struct tram__spin spin;
    uint64_t deadline = 0;
    bool slept = false;
    int status;
    tram__spin_begin(&spin, &a->t->plan, &a->site, !tram__link_is_memory(&a->link));
    while (!*done) {
        if ((status = tram__actor_pump(a)))
            return *done ? TRAM_OK : status;
        if (*done)
            break;
        bool more = tram__spin_more(&spin);
        if (more && spin.polls % 64 && timeout_s != 0)
            continue;
        tram__actors_pump(a->t, a);
        if (!*done && tram__actor_lost(a) && !*done)
            return tram__actor_dead(a);
        if (*done)
            break;
        uint64_t now = tram__now_ns();
        if (!deadline)
            deadline = tram__deadline_ns(timeout_s);
        if (now >= deadline)
            return TRAM_ERR_TIMED_OUT;
        if (more)
            continue;
        slept = true;
        sleep_on_links(a, false, poll_ms(deadline, now));
    }
    tram__spin_end(&spin, slept);
    return TRAM_OK;
}

struct stall {
    struct tram_actor *actor;
    uint64_t deadline_ns;
};

static int stalled(void *arg) {
    struct stall *stall = arg;
    int status = tram__actor_pump(stall->actor);
    if (status)
        return status;
    tram__actors_pump(stall->actor->t, stall->actor);
    if (tram__actor_lost(stall->actor))
        return TRAM_ERR_PEER_DEAD;
    uint64_t now = tram__now_ns();
    if (now >= stall->deadline_ns)
        now = stall->deadline_ns - 1; /* a frame that is half sent has to be waited for */
    sleep_on_links(stall->actor, true, poll_ms(stall->deadline_ns, now));
    return tram__now_ns() < stall->deadline_ns ? TRAM_OK : TRAM_ERR_TIMED_OUT;
}

int tram__actor_send_until(struct tram_actor *a, struct tram__send *s, uint64_t deadline_ns) {
    if (a->gone)
        return tram__actor_dead(a);
    struct stall stall = {a, deadline_ns};
    s->stalled = stalled;
    s->arg = &stall;
    /* A mailbox takes frames for the dead as well, and so does a socket that a child of theirs still holds. */
    bool dead = tram__roster_gone(a->t->roster, a->index);
    int status = dead ? TRAM_ERR_PEER_DEAD : tram__link_send(&a->link, s);
    if (status == TRAM_ERR_PEER_DEAD) {
        drain(a, tram__now_ns() + DEATH_MS * UINT64_C(1000000));
        return a->gone ? tram__actor_dead(a) : lose(a);
    }
    return status;
}

int tram__actor_send(struct tram_actor *a, struct tram__send *s) {
    return tram__actor_send_until(a, s, UINT64_MAX);
}

/* ---- creation ---- */

static void keep_ties(struct tram__ties *t, const Tram__Wire__Ties *m) {
    *t = (struct tram__ties){
        .identity = m->identity, .lends = m->lends, .pins = m->pins, .pins_read_only = m->pins_read_only};
    snprintf(t->why_not, sizeof t->why_not, "%s", m->why_not);
    for (size_t i = 0; i < m->n_reaches && i < TRAM__MOST_REACHES; i++)
        t->reaches[t->reach_count++] = m->reaches[i];
}

static void keep_info(struct tram_device_info *d, const Tram__Wire__Ties *m) {
    *d = (struct tram_device_info){.bytes = m->bytes, .available = m->available};
    snprintf(d->name, sizeof d->name, "%s", m->name);
    snprintf(d->versions, sizeof d->versions, "%s", m->versions);
}

int tram_actor_device(const struct tram_actor *a, struct tram_device_info *out) {
    if (!a->device)
        return tram__fail(TRAM_ERR_NOT_FOUND, "actor %s has no device", a->name);
    *out = a->device_info;
    return TRAM_OK;
}

static void name_ranges(const struct tram_actor *a, struct tram__method_info *info) {
    char text[200];
    if (!tram__probe_sink)
        return;
    snprintf(text, sizeof text, "call %s.%s", a->name, info->name);
    info->call_name = tram__probe_sink->name(text);
    snprintf(text, sizeof text, "get %s.%s", a->name, info->name);
    info->get_name = tram__probe_sink->name(text);
}

static void on_hello(struct tram_actor *a, const struct tram__frame *f) {
    Tram__Wire__Hello *m = tram__wire__hello__unpack(NULL, f->spec_size, f->spec);
    a->answered = true;
    if (!m) {
        a->answer_status = TRAM_ERR_PROTOCOL;
        snprintf(a->answer_text, sizeof a->answer_text, "actor %s said hello in another tongue", a->name);
        return;
    }
    a->answer_status = m->status;
    snprintf(a->answer_text, sizeof a->answer_text, "%s", m->text);
    a->methods = calloc(m->n_methods + 1, sizeof *a->methods);
    for (size_t i = 0; a->methods && i < m->n_methods; i++) {
        if (m->methods[i]->results < 1 || m->methods[i]->results > TRAM_MAX_RESULTS) {
            a->answer_status = TRAM_ERR_PROTOCOL;
            snprintf(a->answer_text, sizeof a->answer_text, "actor %s has a method with %u results", a->name,
                     m->methods[i]->results);
            break;
        }
        a->methods[i] = (struct tram__method_info){.name = strdup(m->methods[i]->name),
                                                   .forwards = m->methods[i]->forwards,
                                                   .results = m->methods[i]->results,
                                                   .traced = tram__probe_name(m->methods[i]->name)};
        name_ranges(a, &a->methods[i]);
        a->method_count = i + 1;
    }
    if (m->ties) {
        keep_ties(&a->ties, m->ties);
        keep_info(&a->device_info, m->ties);
    }
    tram__wire__hello__free_unpacked(m, NULL);
}

void tram__lent_free(struct tram__lent *list, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        if (list[i].fd >= 0)
            close(list[i].fd);
        free(list[i].handle);
    }
    free(list);
}

void tram__unpinned_free(struct tram__unpinned *list, uint32_t count) {
    for (uint32_t i = 0; i < count; i++)
        free(list[i].text);
    free(list);
}

static void free_actor(struct tram_actor *a) {
    if (a->answer_fd >= 0)
        close(a->answer_fd);
    if (a->answer_bell >= 0)
        close(a->answer_bell);
    tram__link_close(&a->link);
    for (size_t i = 0; i < a->method_count; i++)
        free(a->methods[i].name);
    free(a->methods);
    free(a->name);
    free(a->class_name);
    free(a->device);
    tram__lent_free(a->answer_lent, a->answer_lent_count);
    tram__unpinned_free(a->answer_unpinned, a->answer_unpinned_count);
    free(a);
}

/* The CPU of actor `index`: neighbours alternate, the first next to the driver's. */
static int place(const struct tram *t, uint32_t index) {
    return t->cpus.cpu[(index + 1) % t->cpus.count];
}

static void renew_plan(struct tram *t) {
    t->plan = tram__wait_plan(t->wait, t->live + 1, t->cpus.usable, t->block_ns);
}

static int check_options(struct tram *t, const char *class_name, const struct tram_actor_options *o) {
    if (t->next_index == TRAM__MAX_ACTORS)
        return tram__fail(TRAM_ERR_FULL, "more than %d actors in one run", (int)TRAM__MAX_ACTORS);
    if (o->args_size > ARGS_MAX)
        return tram__fail(TRAM_ERR_TOO_LARGE, "class %s: %zu bytes of arguments, the limit is %d", class_name,
                          o->args_size, (int)ARGS_MAX);
    for (unsigned i = 0; o->cpu && i < t->cpus.count; i++)
        if (t->cpus.cpu[i] == o->cpu - 1)
            return TRAM_OK;
    if (o->cpu)
        return tram__fail(TRAM_ERR_INVALID, "class %s: CPU %d is not there", class_name, o->cpu - 1);
    return TRAM_OK;
}

static int handshake(struct tram_actor *a, const struct tram_actor_options *o) {
    Tram__Wire__Create m = TRAM__WIRE__CREATE__INIT;
    m.class_name = a->class_name;
    m.name = a->name;
    m.index = a->index;
    m.wait = (uint32_t)a->t->wait;
    m.block_ns = a->t->block_ns;
    m.cpus = a->t->cpus.usable;
    m.store_bytes = a->t->store_bytes;
    m.mailbox = a->t->bell >= 0;
    m.device = (char *)(uintptr_t)(o->device ? o->device : "");
    m.trace = (char *)(uintptr_t)(a->t->trace && tram__probe_folder() ? tram__probe_folder() : "");
    struct tram__send send = {
        .type = TRAM__FRAME_CREATE, .spec = &m.base, .payload = o->args, .payload_size = o->args_size};
    int status = tram__actor_send(a, &send);
    if (!status && a->t->bell >= 0)
        status = tram__link_offer(&a->link, a->t->bell);
    if (status || (status = tram__actor_await(a, &a->answered, CREATE_S))) {
        if (status == TRAM_ERR_TIMED_OUT)
            return tram__fail(status, "actor %s did not start within %g s", a->name, CREATE_S);
        return status;
    }
    if (a->answer_status)
        return tram__fail(a->answer_status, "%s", a->answer_text);
    return TRAM_OK;
}

int tram_actor_create(struct tram *t, const char *class_name, const struct tram_actor_options *options,
                      struct tram_actor **out) {
    static const struct tram_actor_options none;
    const struct tram_actor_options *o = options ? options : &none;
    int status = check_options(t, class_name, o), pair[2];
    if (status || (status = tram__host_start(t)))
        return status;
    struct tram_actor *a = calloc(1, sizeof *a);
    if (!a)
        return tram__fail(TRAM_ERR_NO_MEMORY, "an actor");
    char name[64];
    snprintf(name, sizeof name, "%s#%u", class_name, t->next_index);
    *a = (struct tram_actor){
        .t = t, .index = t->next_index, .link = {.fd = -1}, .answer_fd = -1, .answer_bell = -1};
    a->name = strdup(o->name ? o->name : name);
    a->class_name = strdup(class_name);
    a->device = o->device ? strdup(o->device) : NULL;
    a->pinned = o->cpu != 0;
    a->cpu = o->cpu ? o->cpu - 1 : place(t, a->index);
    if (!a->name || !a->class_name || (o->device && !a->device)) {
        status = tram__fail(TRAM_ERR_NO_MEMORY, "an actor");
        goto err_free;
    }
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
        status = tram__fail_errno("a socket pair for actor %s", a->name);
        goto err_free;
    }
    tram__link_open(&a->link, pair[0]);
    t->next_index++; /* in any case: it may be spawned after we gave up waiting for that */
    status = tram__host_spawn(t, a->index, pair[1], a->cpu, &a->pid);
    close(pair[1]);
    if (status)
        goto err_free;
    t->on_frame[TRAM__FRAME_HELLO] = on_hello;
    if ((status = handshake(a, o)))
        goto err_kill;
    a->next = t->actors;
    t->actors = a;
    t->live++;
    renew_plan(t);
    *out = a;
    return TRAM_OK;
err_kill:
    tram__host_expect_end(t, a->index);
    tram__host_kill(t, a->index);
err_free:
    free_actor(a);
    return status;
}

/* ---- the end ---- */

static void ask_to_end(struct tram_actor *a, uint64_t until_ns) {
    struct tram__send send = {.type = TRAM__FRAME_EXIT};
    tram__host_expect_end(a->t, a->index);
    if (!a->gone)
        tram__actor_send_until(a, &send, until_ns);
}

/* Waits until the actor is gone or `until_ns`; then has it killed. */
static void see_off(struct tram_actor *a, uint64_t until_ns) {
    const struct tram__roster *r = a->t->roster;
    while (!tram__roster_gone(r, a->index) && tram__now_ns() < until_ns &&
           tram__host_check(a->t) == TRAM_OK) {
        struct tram__watch watch = {&r->epoch, tram__load32_acquire(&r->epoch)};
        if (!tram__roster_gone(r, a->index))
            tram__futex_wait(&watch, 1, until_ns);
    }
    if (!tram__roster_gone(r, a->index))
        tram__host_kill(a->t, a->index);
}

/* The struct stays until tram_fini: graphs and references may still name it. */
void tram_actor_destroy(struct tram_actor *a) {
    if (!a || a->ended)
        return;
    uint64_t until = tram__now_ns() + END_MS * UINT64_C(1000000);
    ask_to_end(a, until);
    drain(a, until); /* it ends when it has got rid of its replies */
    see_off(a, until);
    drain(a, tram__now_ns() + DEATH_MS * UINT64_C(1000000));
    if (!a->gone)
        lose(a);
    tram__link_close(&a->link);
    a->ended = true;
    a->t->live--;
    renew_plan(a->t);
}

void tram__actors_fini(struct tram *t) {
    uint64_t until = tram__now_ns() + END_MS * UINT64_C(1000000);
    for (struct tram_actor *a = t->actors; a; a = a->next)
        if (!a->ended)
            ask_to_end(a, until);
    for (struct tram_actor *a = t->actors; a; a = a->next)
        if (!a->ended)
            drain(a, until); /* it ends when it has got rid of its replies */
    while (t->actors) {
        struct tram_actor *a = t->actors;
        if (!a->ended)
            see_off(a, until);
        t->actors = a->next;
        free_actor(a);
    }
}
