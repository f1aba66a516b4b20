/* SPDX-License-Identifier: Apache-2.0
 *
 * Which outputs tell the driver that the slots it wrote are free, so that it need not fetch the readers' acks.
 *
 * Operations are ordered by each participant's list and by WRITE before READ of the same message. An output
 * covers the input when every COMPUTE that releases what the driver wrote (or a carrier of it) is so ordered before the
 * driver's READ of that output: the ack's store happened before, and whoever acquired the output need not look
 * at it.
 */
#include "schedule/schedule.h"

#include <stdlib.h>

struct order {
    const struct tram__schedule *s;
    uint32_t *written; /* by channel: 1 + position of its WRITE in the writer's list */
    uint32_t
        *before; /* by participant: its operations at positions below this come before the output's READ */
    uint32_t *followed; /* by participant: of those, how many were followed to what comes before them */
};

/* Takes in one operation of participant p; true when it moved another participant's mark. */
static bool follow(struct order *o, const struct tram__op *op) {
    if (op->kind != TRAM__OP_READ)
        return false;
    uint32_t writer = o->s->channels[op->index].writer, mark = o->written[op->index];
    if (!writer || o->before[writer] >= mark)
        return false;
    o->before[writer] = mark;
    return true;
}

static void mark_before(struct order *o, uint32_t channel) {
    const struct tram__schedule *s = o->s;
    for (uint32_t p = 0; p < s->participant_count; p++)
        o->before[p] = o->followed[p] = 0;
    o->before[s->channels[channel].writer] = o->written[channel];
    for (bool moved = true; moved;) {
        moved = false;
        for (uint32_t p = 1; p < s->participant_count; p++)
            while (o->followed[p] < o->before[p])
                moved |= follow(o, &s->participants[p].ops[o->followed[p]++]);
    }
}

/* Every COMPUTE of participant p that releases `channel` comes before the output's READ. */
static bool released(const struct order *o, uint32_t p, uint32_t channel) {
    const struct tram__participant_plan *part = &o->s->participants[p];
    for (uint32_t i = o->before[p]; i < part->op_count; i++) {
        if (part->ops[i].kind != TRAM__OP_COMPUTE)
            continue;
        const struct tram__task_plan *t = &part->tasks[part->ops[i].index];
        for (uint32_t k = 0; k < t->release_count; k++)
            if (t->releases[k] == channel)
                return false;
    }
    return true;
}

static bool released_by_all(const struct order *o, uint32_t channel) {
    const struct tram__channel_plan *c = &o->s->channels[channel];
    for (uint32_t i = 0; i < c->reader_count; i++)
        if (c->readers[i] && !released(o, c->readers[i], channel))
            return false;
    return true;
}

/* The same for all that the driver writes, and what carries it. */
static bool covered(const struct order *o) {
    const struct tram__participant_plan *driver = &o->s->participants[0];
    for (uint32_t i = 0; i < driver->op_count; i++) {
        if (driver->ops[i].kind != TRAM__OP_WRITE)
            continue;
        const struct tram__channel_plan *c = &o->s->channels[driver->ops[i].index];
        if (!released_by_all(o, driver->ops[i].index))
            return false;
        for (uint32_t k = 0; k < c->carrier_count; k++)
            if (!released_by_all(o, c->carriers[k]))
                return false;
    }
    return true;
}

bool tram__schedule_covers(struct tram__schedule *s) {
    struct order o = {.s = s,
                      .written = calloc(s->channel_count, sizeof *o.written),
                      .before = calloc(s->participant_count, sizeof *o.before),
                      .followed = calloc(s->participant_count, sizeof *o.followed)};
    s->covers = calloc(s->output_count, sizeof *s->covers);
    bool ok = o.written && o.before && o.followed && s->covers;
    for (uint32_t p = 0; ok && p < s->participant_count; p++)
        for (uint32_t i = 0; i < s->participants[p].op_count; i++)
            if (s->participants[p].ops[i].kind == TRAM__OP_WRITE)
                o.written[s->participants[p].ops[i].index] = i + 1;
    for (uint32_t i = 0; ok && i < s->output_count; i++) {
        mark_before(&o, s->outputs[i]);
        s->covers[i] = covered(&o);
    }
    free(o.written);
    free(o.before);
    free(o.followed);
    return ok;
}
