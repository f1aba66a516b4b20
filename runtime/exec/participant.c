/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/participant.h"

#include "base/error.h"
#include "exec/edge.h"
#include "exec/pin.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static int no_memory(void) {
    return tram__fail(TRAM_ERR_NO_MEMORY, "the endpoints of a graph");
}

/* Position of participant `id` in the plan, or -1. */
static int position(const struct tram__participant *p, uint32_t id) {
    for (size_t i = 0; i < p->plan->n_participants; i++)
        if (p->plan->participants[i]->id == id)
            return (int)i;
    return -1;
}

/* `bytes` at `offset` of a participant's region, or NULL when they do not lie within it. */
static void *at(const struct tram__participant *p, uint32_t id, uint64_t offset, uint64_t bytes) {
    int i = position(p, id);
    if (i < 0)
        return NULL;
    struct tram__region r = id == p->plan->self ? p->region : p->peers[i];
    if (!r.base || offset > r.size || bytes > r.size - offset || offset % TRAM__LINE)
        return NULL;
    return (unsigned char *)r.base + offset;
}

const struct tram__region_head *tram__participant_head(const struct tram__participant *p, uint32_t id) {
    return at(p, id, 0, sizeof(struct tram__region_head));
}

int tram__participant_allocate(struct tram__participant *p, Tram__Wire__Prepare *plan, struct tram__device *d,
                               const struct tram_transport_ops *transports) {
    *p = (struct tram__participant){.plan = plan, .region_fd = -1, .transports = transports};
    int self = position(p, plan->self);
    p->ops = tram__channel_backend(plan->backend);
    if (!p->ops)
        return tram_last_error()->status;
    if (self < 0 || plan->participants[self]->bytes < sizeof(struct tram__region_head))
        return tram__fail(TRAM_ERR_PROTOCOL, "a plan that leaves out its own participant");
    p->peers = calloc(plan->n_participants, sizeof *p->peers);
    p->bells = calloc(plan->n_participants, sizeof *p->bells);
    if (!p->peers || !p->bells)
        return no_memory();
    for (size_t i = 0; i < plan->n_participants; i++)
        p->bells[i] = -1;
    int status =
        tram__region_create("tramline-graph", plan->participants[self]->bytes, &p->region, &p->region_fd);
    if (status)
        return status;
    p->head = p->region.base;
    p->head->magic = TRAM__REGION_MAGIC;
    p->head->version = TRAM__REGION_VERSION;
    p->head->graph = plan->graph;
    p->head->bytes = p->region.size;
    p->head->participant = plan->self;
    p->waiter.sleeping = &p->head->sleeping;
    p->waiter.counts = &p->head->waits;
    return tram__edges_allocate(p, d);
}

int tram__participant_map(struct tram__participant *p, uint32_t id, int fd) {
    int i = position(p, id);
    if (i < 0 || id == p->plan->self || p->peers[i].base)
        return tram__fail(TRAM_ERR_PROTOCOL, "a region of participant %u was not expected", id);
    int status = tram__region_map(fd, p->plan->participants[i]->bytes, &p->peers[i]);
    if (status)
        return status;
    const struct tram__region_head *h = p->peers[i].base;
    if (h->magic != TRAM__REGION_MAGIC || h->version != TRAM__REGION_VERSION || h->graph != p->plan->graph ||
        h->participant != id)
        return tram__fail(TRAM_ERR_PROTOCOL, "the region of participant %u is of another graph or version",
                          id);
    return TRAM_OK;
}

int tram__participant_bell(struct tram__participant *p, uint32_t id, int fd) {
    int i = position(p, id);
    if (i < 0 || id == p->plan->self || p->bells[i] >= 0)
        return tram__fail(TRAM_ERR_PROTOCOL, "a bell of participant %u was not expected", id);
    p->bells[i] = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    return p->bells[i] < 0 ? tram__fail_errno("keeping a bell") : TRAM_OK;
}

/* Who may sleep on a word of ours called `name`: participant `id`, a peer that is mapped. */
static int open_sleeper(const struct tram__participant *p, uint32_t id, uint32_t name,
                        struct tram__sleeper *out) {
    const struct tram__region_head *h = tram__participant_head(p, id);
    if (!h)
        return tram__fail(TRAM_ERR_PROTOCOL, "participant %u is not among those of the plan", id);
    *out = (struct tram__sleeper){&h->sleeping, name, p->bells[position(p, id)]};
    return TRAM_OK;
}

const Tram__Wire__Channel *tram__participant_channel(const struct tram__participant *p, uint32_t id) {
    size_t low = 0, high = p->plan->n_channels;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (p->plan->channels[middle]->id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < p->plan->n_channels && p->plan->channels[low]->id == id ? p->plan->channels[low] : NULL;
}

/* ---- endpoints ---- */

static int out_of_bounds(uint32_t channel) {
    return tram__fail(TRAM_ERR_PROTOCOL, "channel %u lies outside its region", channel);
}

/* Adds the acks of the readers of `c` to those that bound the window of `w`; but the driver's, which holds
 * executions back instead (execute.c). */
static int add_acks(struct tram__participant *p, struct tram__writer *w, const Tram__Wire__Channel *c) {
    size_t count = w->ack_count + c->n_readers;
    const tram__word64 **acks = realloc(w->acks, count * sizeof *acks);
    if (!acks)
        return no_memory();
    w->acks = acks;
    for (size_t i = 0; i < c->n_readers; i++) {
        const void *ack = at(p, c->readers[i], c->acks[i], sizeof(tram__word64));
        if (!c->readers[i])
            continue;
        if (!ack)
            return out_of_bounds(c->id);
        w->acks[w->ack_count++] = ack;
    }
    return TRAM_OK;
}

static int open_writer(struct tram__participant *p, const Tram__Wire__Channel *c) {
    struct tram__writer *w = &p->writers[p->writer_count++];
    struct tram__channel_need need;
    *w = (struct tram__writer){
        .ops = p->ops, .id = c->id, .shape = {c->capacity, p->plan->slots}, .waiter = &p->waiter};
    p->ops->measure(&w->shape, &need);
    w->lines = at(p, p->plan->self, c->lines, need.writer_lines);
    w->extent = need.writer_extent ? at(p, p->plan->self, c->extent, need.writer_extent) : NULL;
    if (!w->lines || (need.writer_extent && !w->extent))
        return out_of_bounds(c->id);
    w->readers = calloc(c->n_readers, sizeof *w->readers);
    if (!w->readers)
        return no_memory();
    int status = TRAM_OK;
    for (size_t i = 0; !status && i < c->n_readers; i++)
        status = open_sleeper(p, c->readers[i], tram__name_of_message(c->id), &w->readers[w->reader_count++]);
    if (!status)
        status = add_acks(p, w, c);
    for (size_t i = 0; !status && i < c->n_carriers; i++) {
        const Tram__Wire__Channel *carrier = tram__participant_channel(p, c->carriers[i]);
        status = carrier ? add_acks(p, w, carrier) : out_of_bounds(c->carriers[i]);
    }
    return status;
}

static bool carries(const Tram__Wire__Channel *c, uint32_t carrier) {
    for (size_t i = 0; i < c->n_carriers; i++)
        if (c->carriers[i] == carrier)
            return true;
    return false;
}

/* The writers that may wait for our ack of `c`: its own, and those whose payloads it may carry. The latter's
 * slots are also where payloads that come by reference lie. */
static int open_origins(struct tram__participant *p, struct tram__reader *r, const Tram__Wire__Channel *c) {
    size_t most = p->carried_count + 1;
    r->writers = calloc(most, sizeof *r->writers);
    r->origins = calloc(most, sizeof *r->origins);
    if (!r->writers || !r->origins)
        return no_memory();
    for (size_t i = 0; i < most; i++) {
        const Tram__Wire__Channel *o = i ? p->carried[i - 1] : c;
        if (i && (o == c || !carries(o, c->id)))
            continue;
        struct tram__sleeper *s = &r->writers[r->writer_count++];
        int status = open_sleeper(p, o->writer, tram__name_of_ack(o->id), s);
        if (status)
            return status;
        if (!o->writer)
            s->bell =
                -1; /* where the driver waits for acks, it sleeps on the futex: its bell is for results */
        struct tram__channel_shape shape = {o->capacity, p->plan->slots};
        struct tram__channel_need need;
        p->ops->measure(&shape, &need);
        const void *extent = need.writer_extent ? at(p, o->writer, o->extent, need.writer_extent) : NULL;
        if (need.writer_extent && !extent)
            return out_of_bounds(o->id);
        if (o == c)
            r->extent = extent;
        else if (extent)
            r->origins[r->origin_count++] = (struct tram__origin){o->id, shape, extent};
    }
    return TRAM_OK;
}

static int open_reader(struct tram__participant *p, const Tram__Wire__Channel *c, uint64_t ack) {
    struct tram__reader *r = &p->readers[p->reader_count++];
    struct tram__channel_need need;
    *r = (struct tram__reader){
        .ops = p->ops, .id = c->id, .shape = {c->capacity, p->plan->slots}, .waiter = &p->waiter};
    p->ops->measure(&r->shape, &need);
    r->lines = at(p, c->writer, c->lines, need.writer_lines);
    r->ack = at(p, p->plan->self, ack, need.reader_lines);
    if (!r->lines || !r->ack)
        return out_of_bounds(c->id);
    return open_origins(p, r, c);
}

int tram__participant_open(struct tram__participant *p) {
    const Tram__Wire__Prepare *plan = p->plan;
    int edges = tram__edges_check(p);
    if (edges)
        return edges;
    p->writers = calloc(plan->n_channels + 1, sizeof *p->writers);
    p->readers = calloc(plan->n_channels + 1, sizeof *p->readers);
    p->carried = malloc((plan->n_channels + 1) * sizeof(Tram__Wire__Channel *));
    if (!p->writers || !p->readers || !p->carried)
        return no_memory();
    for (size_t i = 0; i < plan->n_channels; i++) {
        if (i && plan->channels[i - 1]->id >= plan->channels[i]->id)
            return tram__fail(TRAM_ERR_PROTOCOL, "a plan whose channels are not in order");
        if (plan->channels[i]->n_carriers)
            p->carried[p->carried_count++] = plan->channels[i];
    }
    for (size_t i = 0; i < plan->n_channels; i++) {
        const Tram__Wire__Channel *c = plan->channels[i];
        int status = TRAM_OK;
        if (c->n_acks != c->n_readers || !plan->slots)
            return out_of_bounds(c->id);
        if (c->writer == plan->self)
            status = open_writer(p, c);
        for (size_t k = 0; !status && k < c->n_readers; k++)
            if (c->readers[k] == plan->self)
                status = open_reader(p, c, c->acks[k]);
        if (status)
            return status;
    }
    return TRAM_OK;
}

/* Position of `id` among `count` that grow, the first at `ids`, `stride` bytes apart; `count`: it is not there. Writers and
 * readers are in the order of the plan's channels. */
static size_t find_id(const uint32_t *ids, size_t count, size_t stride, uint32_t id) {
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        uint32_t here = *(const uint32_t *)((const char *)ids + middle * stride);
        if (here == id)
            return middle;
        if (here < id)
            low = middle + 1;
        else
            high = middle;
    }
    return count;
}

struct tram__writer *tram__participant_writer(const struct tram__participant *p, uint32_t channel) {
    size_t i = p->writer_count ? find_id(&p->writers->id, p->writer_count, sizeof *p->writers, channel) : 0;
    return i < p->writer_count ? &p->writers[i] : NULL;
}

struct tram__reader *tram__participant_reader(const struct tram__participant *p, uint32_t channel) {
    size_t i = p->reader_count ? find_id(&p->readers->id, p->reader_count, sizeof *p->readers, channel) : 0;
    return i < p->reader_count ? &p->readers[i] : NULL;
}

void tram__participant_close(struct tram__participant *p) {
    tram__edges_close(p);
    tram__pins_close(p);
    for (uint32_t i = 0; i < p->writer_count; i++) {
        free(p->writers[i].acks);
        free(p->writers[i].readers);
    }
    for (uint32_t i = 0; i < p->reader_count; i++) {
        free(p->readers[i].writers);
        free(p->readers[i].origins);
    }
    free(p->writers);
    free(p->readers);
    free(p->carried);
    for (size_t i = 0; p->peers && i < p->plan->n_participants; i++)
        tram__region_close(&p->peers[i]);
    for (size_t i = 0; p->bells && i < p->plan->n_participants; i++)
        if (p->bells[i] >= 0)
            close(p->bells[i]);
    free(p->peers);
    free(p->bells);
    tram__region_close(&p->region);
    if (p->region_fd >= 0)
        close(p->region_fd);
    if (p->plan)
        tram__wire__prepare__free_unpacked(p->plan, NULL);
    *p = (struct tram__participant){.region_fd = -1};
}
