/* SPDX-License-Identifier: Apache-2.0 */
#include "channel/channel_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PAGE = 4096 };

struct rig {
    const struct tram__rig_plan *plan;
    enum tram__test_mode mode;
    int (*role)(struct tram__rig_view *v);
    void *arg;
    struct tram__channel_shape shapes[TRAM__RIG_MAX];
    struct tram__channel_need needs[TRAM__RIG_MAX];
    uint64_t lines[TRAM__RIG_MAX], extents[TRAM__RIG_MAX]; /* offsets in the writer's region, by channel */
    uint64_t acks[TRAM__RIG_MAX][TRAM__RIG_MAX];           /* in the reader's, by channel and reader */
    uint64_t bytes[TRAM__RIG_MAX];
    struct tram__region regions[TRAM__RIG_MAX];
    int fds[TRAM__RIG_MAX];
};

static void lay_out(struct rig *g) {
    const struct tram__rig_plan *plan = g->plan;
    for (uint32_t p = 0; p < plan->participants; p++)
        g->bytes[p] = (sizeof(struct tram__rig_head) + TRAM__LINE - 1) / TRAM__LINE * TRAM__LINE;
    for (uint32_t c = 0; c < plan->channel_count; c++) {
        const struct tram__rig_channel *ch = &plan->channels[c];
        g->shapes[c] = (struct tram__channel_shape){ch->capacity, plan->slots};
        plan->ops->measure(&g->shapes[c], &g->needs[c]);
        g->lines[c] = g->bytes[ch->writer];
        g->bytes[ch->writer] += g->needs[c].writer_lines;
        for (uint32_t i = 0; i < ch->reader_count; i++) {
            g->acks[c][i] = g->bytes[ch->readers[i]];
            g->bytes[ch->readers[i]] += g->needs[c].reader_lines;
        }
    }
    for (uint32_t p = 0; p < plan->participants; p++)
        g->bytes[p] = (g->bytes[p] + PAGE - 1) / PAGE * PAGE;
    for (uint32_t c = 0; c < plan->channel_count; c++) {
        g->extents[c] = g->bytes[plan->channels[c].writer];
        g->bytes[plan->channels[c].writer] += g->needs[c].writer_extent;
    }
}

/* ---- one participant's view ---- */

static void *at(const struct tram__rig_view *v, uint32_t participant, uint64_t offset) {
    return (unsigned char *)v->heads[participant] + offset;
}

static void *extent_of(const struct rig *g, const struct tram__rig_view *v, uint32_t c) {
    return g->needs[c].writer_extent ? at(v, g->plan->channels[c].writer, g->extents[c]) : NULL;
}

static void add_acks(const struct rig *g, struct tram__rig_view *v, uint32_t c, struct tram__writer *w) {
    for (uint32_t i = 0; i < g->plan->channels[c].reader_count; i++)
        w->acks[w->ack_count++] = at(v, g->plan->channels[c].readers[i], g->acks[c][i]);
}

static void open_writer(const struct rig *g, struct tram__rig_view *v, uint32_t c) {
    const struct tram__rig_channel *ch = &g->plan->channels[c];
    struct tram__writer *w = &v->writers[c];
    *w = (struct tram__writer){.ops = g->plan->ops,
                               .id = c,
                               .shape = g->shapes[c],
                               .lines = at(v, v->self, g->lines[c]),
                               .extent = extent_of(g, v, c),
                               .acks = v->acks[c],
                               .readers = v->readers_of[c],
                               .waiter = &v->waiter};
    for (uint32_t i = 0; i < ch->reader_count; i++)
        w->readers[w->reader_count++] =
            (struct tram__sleeper){&v->heads[ch->readers[i]]->sleeping, tram__name_of_message(c), -1};
    add_acks(g, v, c, w);
    for (uint32_t i = 0; i < ch->carrier_count; i++)
        add_acks(g, v, ch->carriers[i], w);
}

static bool carries(const struct tram__rig_channel *c, uint32_t carrier) {
    for (uint32_t i = 0; i < c->carrier_count; i++)
        if (c->carriers[i] == carrier)
            return true;
    return false;
}

static void open_reader(const struct rig *g, struct tram__rig_view *v, uint32_t c, uint64_t ack) {
    struct tram__reader *r = &v->readers[c];
    *r = (struct tram__reader){.ops = g->plan->ops,
                               .id = c,
                               .shape = g->shapes[c],
                               .lines = at(v, g->plan->channels[c].writer, g->lines[c]),
                               .extent = extent_of(g, v, c),
                               .ack = at(v, v->self, ack),
                               .writers = v->writers_of[c],
                               .origins = v->origins[c],
                               .waiter = &v->waiter};
    for (uint32_t o = 0; o < g->plan->channel_count; o++) {
        const struct tram__rig_channel *origin = &g->plan->channels[o];
        if (o != c && !carries(origin, c))
            continue;
        r->writers[r->writer_count++] =
            (struct tram__sleeper){&v->heads[origin->writer]->sleeping, tram__name_of_ack(o), -1};
        if (o != c && g->needs[o].writer_extent)
            r->origins[r->origin_count++] = (struct tram__origin){o, g->shapes[o], extent_of(g, v, o)};
    }
}

static int interrupted(void *arg) {
    const struct tram__rig_view *v = arg;
    return tram__load32_acquire(&v->heads[0]->epoch) ? TRAM_ERR_PEER_DEAD : TRAM_OK;
}

static int map_peers(struct rig *g, struct tram__rig_view *v) {
    for (uint32_t p = 0; p < g->plan->participants; p++) {
        struct tram__region *r = &g->regions[p];
        if (g->mode == TRAM__TEST_PROCESSES && p != v->self) {
            tram__region_close(r);
            if (tram__region_map(g->fds[p], g->bytes[p], r) != TRAM_OK) {
                fprintf(stderr, "%s\n", tram_last_error()->text);
                return 1;
            }
        }
        v->heads[p] = r->base;
    }
    return 0;
}

static int run_role(void *arg, unsigned self) {
    struct rig *g = arg;
    struct tram__rig_view *v = calloc(1, sizeof *v);
    v->plan = g->plan;
    v->self = self;
    v->arg = g->arg;
    CHECK(map_peers(g, v) == 0);
    v->waiter = (struct tram__waiter){.plan = g->plan->wait,
                                      .sleeping = &v->heads[self]->sleeping,
                                      .epoch = &v->heads[0]->epoch,
                                      .interrupted = interrupted,
                                      .arg = v,
                                      .counts = &v->heads[self]->counts};
    for (uint32_t c = 0; c < g->plan->channel_count; c++) {
        const struct tram__rig_channel *ch = &g->plan->channels[c];
        if (ch->writer == self)
            open_writer(g, v, c);
        for (uint32_t i = 0; i < ch->reader_count; i++)
            if (ch->readers[i] == self)
                open_reader(g, v, c, g->acks[c][i]);
    }
    int failed = g->role(v);
    free(v);
    return failed;
}

unsigned tram__rig_run(const struct tram__rig_plan *plan, enum tram__test_mode mode,
                       int (*role)(struct tram__rig_view *v), void *arg) {
    struct rig g = {.plan = plan, .mode = mode, .role = role, .arg = arg};
    lay_out(&g);
    for (uint32_t p = 0; p < plan->participants; p++) {
        if (tram__region_create("rig", g.bytes[p], &g.regions[p], &g.fds[p]) != TRAM_OK) {
            fprintf(stderr, "%s\n", tram_last_error()->text);
            abort();
        }
    }
    unsigned failed = tram__test_run(mode, plan->participants, run_role, &g);
    for (uint32_t p = 0; p < plan->participants; p++) {
        tram__region_close(&g.regions[p]);
        close(g.fds[p]);
    }
    return failed;
}

/* ---- steps and operations ---- */

void tram__rig_step(struct tram__rig_view *v, uint64_t step) {
    tram__store_release(&v->heads[v->self]->step, step);
}

int tram__rig_await(struct tram__rig_view *v, uint32_t who, uint64_t step) {
    uint64_t until = tram__deadline_ns(2 * TRAM__TEST_LONG_S);
    while (tram__load_acquire(&v->heads[who]->step) < step) {
        tram__test_sleep_us(20);
        CHECK(tram__now_ns() < until);
    }
    return 0;
}

int tram__rig_await_sleep(struct tram__rig_view *v, uint32_t who, uint32_t name) {
    uint64_t until = tram__deadline_ns(2 * TRAM__TEST_LONG_S);
    while (tram__load32_relaxed(&v->heads[who]->sleeping) != name) {
        tram__test_sleep_us(20);
        CHECK(tram__now_ns() < until);
    }
    tram__test_sleep_us(2000); /* so that it most likely got into the kernel; either way must work */
    return 0;
}

static uint32_t slot_of(const struct tram__rig_view *v, uint64_t n) {
    return (uint32_t)(n % v->plan->slots);
}

void tram__rig_publish(struct tram__rig_view *v, uint32_t channel, uint64_t n,
                       const struct tram__message *m) {
    v->plan->ops->publish(&v->writers[channel], n, slot_of(v, n), m);
    tram__fence_seq_cst();
    v->plan->ops->wake_readers(&v->writers[channel], slot_of(v, n));
}

void tram__rig_release(struct tram__rig_view *v, uint32_t channel, uint64_t n) {
    v->plan->ops->release(&v->readers[channel], n);
    tram__fence_seq_cst();
    v->plan->ops->wake_writers(&v->readers[channel]);
}

int tram__rig_loan(struct tram__rig_view *v, uint32_t channel, uint64_t n, double timeout_s) {
    return v->plan->ops->loan(&v->writers[channel], n, slot_of(v, n), timeout_s);
}

int tram__rig_read(struct tram__rig_view *v, uint32_t channel, uint64_t n, double timeout_s,
                   struct tram__message *out) {
    return v->plan->ops->read(&v->readers[channel], n, slot_of(v, n), timeout_s, out);
}

int tram__rig_send(struct tram__rig_view *v, uint32_t channel, uint64_t n, uint64_t size, uint64_t seed) {
    CHECK(tram__rig_loan(v, channel, n, 2 * TRAM__TEST_LONG_S) == TRAM_OK);
    void *room = v->plan->ops->room(&v->writers[channel], slot_of(v, n), size);
    tram__test_fill(room, size, seed, n);
    tram__rig_publish(v, channel, n, &(struct tram__message){.data = room, .size = size});
    return 0;
}
