/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/runner.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/seam.h"
#include "harness/pace.h"
#include "harness/payload.h"
#include "probe/probe.h"

uint64_t tram_runner_cpu_ns(const struct tram_runner *r) {
    struct timespec ts;
    uint64_t sum = 0;
    if (!r->t->period_ns &&
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts) == 0) /* of an open loop it is mostly pacing */
        sum = (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
    for (int i = 0; i < r->pid_count; i++) {
        clockid_t clock;
        if (clock_getcpuclockid(r->pids[i], &clock) == 0 && clock_gettime(clock, &ts) == 0)
            sum += (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
    }
    return sum;
}

/* The order of execution n. */
static struct tram_order order_of(const struct tram_runner *r, uint64_t n) {
    const struct tram_case *c = &r->t->c;
    return tram_order_make(c->seed, n, c->tensor, c->check_all || r->verifies);
}

/* One part of the input of execution n. Without checks it may be anything, but an order has to say what to make. */
static void fill_part(const struct tram_runner *r, void *to, size_t part, uint64_t n) {
    const struct tram_case *c = &r->t->c;
    struct tram_order order;
    if (c->tensor) {
        order = order_of(r, n);
        memcpy(to, &order, sizeof order);
    } else if (c->check) {
        tram_payload_fill(to, c->input.size[part], &(struct tram_payload){c->seed, n, part});
    }
}

static void fill(struct tram_runner *r, uint32_t count) {
    const struct tram_layout *input = &r->t->c.input;
    uint64_t start = tram__now_ns();
    for (uint32_t i = 0; i < count; i++)
        for (size_t part = 0; part < input->count; part++)
            fill_part(r, r->from + i * input->stride + input->offset[part], part, r->next + i);
    r->fill_ns += tram__now_ns() - start;
}

/* 0, or -1 with what is wrong with result k of execution n. */
static int check_result(struct tram_runner *r, const void *result, uint32_t k, uint64_t n) {
    const struct tram_case *c = &r->t->c;
    char why[64];
    size_t at = 0;
    if (c->tensor) {
        struct tram_order order = order_of(r, n);
        if (tram_order_met(result, &order, why, sizeof why))
            return 0;
        snprintf(r->t->why, sizeof r->t->why, "execution %llu: receiver %u got %s", (unsigned long long)n,
                 k + 1, why);
        return -1;
    }
    at = tram_case_digests(c)
             ? tram_digest_check(result, &c->input, c->seed, n)
             : tram_payload_check(result, c->input.total, &(struct tram_payload){c->seed, n, 0});
    if (at == tram_case_reply(c))
        return 0;
    snprintf(r->t->why, sizeof r->t->why, "execution %llu returned a wrong byte at offset %zu of result %u",
             (unsigned long long)n, at, k);
    return -1;
}

static int check(struct tram_runner *r, uint32_t count) {
    const struct tram_case *c = &r->t->c;
    uint64_t start = tram__now_ns();
    for (uint32_t i = 0; c->check && i < count * r->results; i++)
        if (check_result(r, r->to + i * r->to_stride, i % r->results, r->next + i / r->results))
            return -1;
    r->check_ns += tram__now_ns() - start;
    return 0;
}

/* One execution by loan, of which only the exchange is timed. */
static int run_loan(struct tram_runner *r, uint64_t *elapsed_ns, uint64_t *cpu) {
    const struct tram_case *c = &r->t->c;
    void *buffers[TRAM_MAX_PARTS];
    char *why = r->t->why;
    uint64_t begin = tram__now_ns();
    if (r->ops->loan(r->state, buffers, why))
        return -1;
    for (size_t part = 0; part < c->input.count; part++)
        fill_part(r, buffers[part], part, r->next);
    uint64_t cpu_start = cpu ? tram_runner_cpu_ns(r) : 0, start = tram__now_ns();
    if (r->ops->exchange(r->state, r->lent, why))
        return -1;
    uint64_t end = tram__now_ns();
    if (cpu)
        *cpu += tram_runner_cpu_ns(r) - cpu_start;
    for (uint32_t k = 0; k < r->results; k++) {
        if (r->lent[k].size != tram_case_reply(c)) {
            snprintf(why, TRAM_WHY, "execution %llu returned %zu bytes as result %u",
                     (unsigned long long)r->next, r->lent[k].size, k);
            return -1;
        }
        if (c->check && check_result(r, r->lent[k].data, k, r->next))
            return -1;
    }
    r->fill_ns += start - begin;
    r->check_ns += tram__now_ns() - end;
    r->took[0] = *elapsed_ns = end - start;
    r->filled++;
    r->next++;
    return r->ops->release(r->state, why);
}

/* Eager calls know no executions: they are recorded while a batch has any of those that are wanted. */
static void watch_window(const struct tram_runner *r, uint32_t count) {
    const struct tram_trace_options *w = &r->t->window;
    if (r->t->trace[0] && w->first && r->t->c.mode != TRAM_MODE_COMPILED)
        tram__probe_switch(r->next + count > w->first && r->next < w->first + w->count);
}

/* An open loop with one execution in flight, of a mode that knows of none. */
static int run_paced(struct tram_runner *r, struct tram_batch *b) {
    const struct tram_case *c = &r->t->c;
    bool crowded = c->actors >= c->placement.count;
    uint64_t begin = tram__now_ns();
    for (uint32_t i = 0; i < b->count; i++) {
        uint64_t due = tram_batch_due(b, begin, i);
        struct tram_batch one = {.first = b->first + i,
                                 .count = 1,
                                 .from = b->from + i * c->input.stride,
                                 .to = b->to + (size_t)i * r->results * b->to_stride,
                                 .to_stride = b->to_stride};
        tram_pace_until(due, crowded);
        b->missed += tram__now_ns() >= due + b->period_ns;
        if (r->ops->run(r->state, &one, r->t->why))
            return -1;
        b->took_ns[i] = tram__now_ns() - due;
    }
    tram_batch_end(b, begin, tram__now_ns());
    return 0;
}

int tram_runner_batch(struct tram_runner *r, uint32_t count, bool each, uint64_t *elapsed_ns, uint64_t *cpu) {
    watch_window(r, r->t->c.loan ? 1 : count);
    if (r->t->c.loan)
        return run_loan(r, elapsed_ns, cpu);
    struct tram_batch b = {
        .first = r->next, .count = count, .from = r->from, .to = r->to, .to_stride = r->to_stride};
    b.took_ns = each ? r->took : NULL;
    b.period_ns = each ? r->t->period_ns : 0;
    b.behind_ns = r->behind_ns;
    fill(r, count);
    uint64_t cpu_start = cpu ? tram_runner_cpu_ns(r) : 0, start = tram__now_ns();
    if (b.period_ns && !r->ops->paces ? run_paced(r, &b) : r->ops->run(r->state, &b, r->t->why))
        return -1;
    r->missed += b.missed;
    r->behind_ns = b.period_ns ? b.behind_ns : 0;
    *elapsed_ns = tram__now_ns() - start;
    if (cpu)
        *cpu += tram_runner_cpu_ns(r) - cpu_start;
    if (check(r, count))
        return -1;
    r->filled += count;
    r->next += count;
    return 0;
}
