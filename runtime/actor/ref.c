/* SPDX-License-Identifier: Apache-2.0 */
#include "actor/ref.h"

#include "base/copy.h"
#include "base/error.h"
#include "base/wait.h"
#include "probe/probe.h"

#include <math.h>
#include <poll.h>
#include <stdlib.h>

static int consumed(void) {
    return tram__fail(TRAM_ERR_CONSUMED, "the reference is empty: never set, or already fetched or released");
}

/* Outcomes after which the reference can be used again. */
static int stays(int status) {
    return status == TRAM_OK || status == TRAM_ERR_TIMED_OUT;
}

int tram_get_borrow(struct tram_ref *r, struct tram_bytes *out, double timeout_s) {
    if (!r->source)
        return consumed();
    if (__builtin_expect(isnan(timeout_s), 0))
        timeout_s = r->source->get_timeout_s;
    int status = r->source->ops->borrow(r->source, r, out, timeout_s);
    if (__builtin_expect(!stays(status), 0))
        r->source = NULL;
    return status;
}

int tram_release(struct tram_ref *r) {
    if (!r->source)
        return consumed();
    struct tram__source *s = r->source;
    r->source = NULL;
    return s->ops->release(s, r);
}

int tram_get(struct tram_ref *r, void *buffer, size_t capacity, size_t *size, double timeout_s) {
    struct tram_bytes got;
    int status = tram_get_borrow(r, &got, timeout_s);
    if (status)
        return status;
    if (got.size > capacity && r->source->ops->unborrow)
        r->source->ops->unborrow(r->source, r);
    if (got.size > capacity)
        return tram__fail(TRAM_ERR_TOO_LARGE, "the result has %zu bytes, the buffer %zu", got.size, capacity);
    tram__copy(buffer, got.data, got.size);
    if (r->source->ops->copied)
        r->source->ops->copied(r->source, r, got.size);
    if (size)
        *size = got.size;
    return tram_release(r);
}

/* ---- any of several ---- */

enum { YIELD_NS = 50 * 1000 }; /* before sleeping: about what a sleep costs */

int tram_ready(const struct tram_ref *r) {
    return r->source ? r->source->ops->ready(r->source, r) : consumed();
}

/* The first reference that is ready: 1 with *index, 0, or ERR_CONSUMED when no reference stands for anything. */
static int look(const struct tram_ref *refs, size_t count, size_t *index) {
    bool any = false, torn = false;
    for (size_t i = 0; i < count; i++) {
        int ready = tram_ready(&refs[i]);
        if (ready == 1) {
            *index = i;
            return 1;
        }
        any |= ready == 0;
        torn |= ready == TRAM_ERR_TORN_DOWN;
    }
    return any ? 0 : torn ? tram__fail(TRAM_ERR_TORN_DOWN, "the graph was torn down") : consumed();
}

/* Sleeps until a reference may have become ready, `until_ns` at the latest; not at all when one is already. */
static void sleep_for_any(const struct tram_ref *refs, size_t count, struct pollfd *polls,
                          uint64_t until_ns) {
    nfds_t used = 0;
    bool ready = false;
    for (size_t i = 0; i < count && !ready; i++) {
        int fd = -1;
        int armed =
            refs[i].source ? refs[i].source->ops->arm(refs[i].source, &refs[i], &fd) : TRAM_ERR_CONSUMED;
        ready = armed == 1;
        bool known = ready || armed < 0; /* consumed: not among those waited for */
        for (nfds_t k = 0; k < used && !known; k++)
            known = polls[k].fd == fd;
        if (!known)
            polls[used++] = (struct pollfd){.fd = fd, .events = POLLIN};
    }
    double left_s = tram__left_s(until_ns);
    int ms = left_s < 0 || left_s > 1 ? 1000 : (int)(left_s * 1000) + 1; /* and look again once a second */
    if (!ready)
        poll(polls, used, ms);
    for (size_t i = 0; i < count; i++)
        if (refs[i].source && refs[i].source->ops->disarm)
            refs[i].source->ops->disarm(refs[i].source);
}

/* Tells of the wait, and of the sleeps in it: of what the thread is at, if that is wanted. */
static struct tram__ring *told(void) {
    return tram__probe && !tram__probe->quiet ? tram__probe : NULL;
}

static void trace(struct tram__ring *r, enum tram__event_kind kind, uint64_t begin) {
    if (r)
        tram__probe_slice(r, kind, 0, 0, 0, begin, tram__probe_now(r));
}

int tram_wait_any(const struct tram_ref *refs, size_t count, double timeout_s, size_t *index) {
    static _Thread_local struct tram__site site;
    double seconds = isnan(timeout_s) ? 10 : timeout_s;
    for (size_t i = 0; isnan(timeout_s) && i < count; i++)
        if (refs[i].source) {
            seconds = refs[i].source->get_timeout_s;
            break;
        }
    int ready = look(refs, count, index);
    if (ready || seconds == 0)
        return ready == 1 ? TRAM_OK
               : ready    ? ready
                          : tram__fail(TRAM_ERR_TIMED_OUT, "none of %zu results is ready", count);
    uint64_t until_ns = tram__deadline_ns(seconds);
    struct tram__ring *ring = told();
    uint64_t begin = ring ? tram__probe_now(ring) : 0;
    /* References may belong to graphs that wait in different ways: yield, which suits with and without a CPU to spare. */
    struct tram__wait_plan plan = tram__wait_plan(TRAM_WAIT_AUTO, 2, 1, YIELD_NS);
    struct tram__spin spin;
    bool slept = false;
    tram__spin_begin(&spin, &plan, &site, true);
    struct pollfd *polls = NULL;
    while ((ready = look(refs, count, index)) == 0) {
        if (tram__spin_more(&spin))
            continue;
        if (tram__now_ns() >= until_ns)
            break;
        if (!polls && !(polls = calloc(count, sizeof *polls)))
            return tram__fail(TRAM_ERR_NO_MEMORY, "waiting for any of %zu results", count);
        slept = true;
        uint64_t fell_asleep = ring ? tram__probe_now(ring) : 0;
        sleep_for_any(refs, count, polls, until_ns);
        trace(ring, TRAM__EVENT_SLEEP, fell_asleep);
    }
    tram__spin_end(&spin, slept);
    trace(ring, TRAM__EVENT_ANY, begin);
    free(polls);
    if (ready == 0)
        return tram__fail(TRAM_ERR_TIMED_OUT, "none of %zu results was ready within %g s", count, seconds);
    return ready == 1 ? TRAM_OK : ready;
}
