/* SPDX-License-Identifier: Apache-2.0
 *
 * The fault-injecting device: the host's, stalled at random before each operation, and out of memory at will.
 */
#include "base/error.h"
#include "base/seam.h"
#include "device/device.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static struct tram__device_faults faults;
static _Thread_local uint64_t state;
static tram__word64 maps;

void tram__device_fault_set(const struct tram__device_faults *f) {
    faults = *f;
    tram__store_relaxed(&maps, 0);
}

static void stall(void) {
    if (!state)
        state = (faults.seed + 1) * 0x9E3779B97F4A7C15u ^ (uintptr_t)&state;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    if (!faults.stall_one_in || state % faults.stall_one_in)
        return;
    struct timespec t = {.tv_nsec = (long)(state >> 8) % 300000};
    nanosleep(&t, NULL);
}

static int fault_open(int ordinal, struct tram__device **out) {
    const char *text = getenv("TRAM_FAULT_STALLS"); /* for whole programs, whose actors inherit it */
    if (text && !faults.stall_one_in)
        faults =
            (struct tram__device_faults){.seed = (uint64_t)getpid(), .stall_one_in = (uint32_t)atoi(text)};
    int status = tram__device_host.open(ordinal, out);
    if (!status)
        (*out)->ops = &tram__device_fault;
    return status;
}

static void fault_close(struct tram__device *d) {
    tram__device_host.close(d);
}

static int fault_facts(struct tram__device *d, struct tram__device_facts *out) {
    int status = tram__device_host.facts(d, out);
    struct tram__ties *ties = &out->ties;
    ties->pins = d->ordinal == TRAM__FAULT_PINS_WRITABLE || d->ordinal == TRAM__FAULT_PINS_NOTHING;
    ties->pins_read_only = d->ordinal != TRAM__FAULT_PINS_WRITABLE;
    ties->lends = d->ordinal != TRAM__FAULT_KEEPS;
    if (!ties->lends)
        snprintf(ties->why_not, sizeof ties->why_not, "refused on purpose");
    if (d->ordinal == TRAM__FAULT_ALONE)
        ties->reach_count = 0;
    return status;
}

static int fault_map(struct tram__device *d, struct tram__memory *m) {
    uint64_t n = atomic_fetch_add_explicit(&maps, 1, memory_order_relaxed) + 1;
    bool pins = m->kind == TRAM__MEMORY_PINNED;
    if (n == faults.fail_map || (pins && d->ordinal == TRAM__FAULT_PINS_NOTHING))
        return tram__fail(TRAM_ERR_NO_MEMORY, "fault: %llu bytes are refused on purpose",
                          (unsigned long long)m->size);
    if (m->kind == TRAM__MEMORY_IMPORTED && d->ordinal == TRAM__FAULT_IMPORTS_NOTHING)
        return tram__fail(TRAM_ERR_SYSTEM, "fault: memory of others is refused on purpose");
    if (pins && m->read_only && d->ordinal == TRAM__FAULT_PINS_WRITABLE)
        return tram__fail(TRAM_ERR_UNSUPPORTED, "fault: memory that is only read is refused on purpose");
    return tram__device_host.map(d, m);
}

static void fault_unmap(struct tram__device *d, struct tram__memory *m) {
    tram__device_host.unmap(d, m);
}

static int fault_stream(struct tram__device *d, struct tram__stream **out) {
    return tram__device_host.stream(d, out);
}

static void fault_drop(struct tram__stream *s) {
    stall();
    tram__device_host.drop(s);
}

static int fault_copy(struct tram__stream *s, void *to, const void *from, uint64_t size) {
    stall();
    return tram__device_host.copy(s, to, from, size);
}

static int fault_compute(struct tram__stream *s, const struct tram__work *w) {
    stall();
    return tram__device_host.compute(s, w);
}

static int fault_signal(struct tram__stream *s, struct tram__memory *m, uint32_t event, uint64_t n) {
    stall();
    return tram__device_host.signal(s, m, event, n);
}

static int fault_await(struct tram__stream *s, const struct tram__memory *m, uint32_t event, uint64_t n) {
    stall();
    return tram__device_host.await(s, m, event, n);
}

static int fault_wait(struct tram__stream *s, double timeout_s) {
    stall();
    return tram__device_host.wait(s, timeout_s);
}

const struct tram__device_ops tram__device_fault = {
    .name = "fault",
    .open = fault_open,
    .close = fault_close,
    .facts = fault_facts,
    .map = fault_map,
    .unmap = fault_unmap,
    .stream = fault_stream,
    .drop = fault_drop,
    .copy = fault_copy,
    .compute = fault_compute,
    .signal = fault_signal,
    .await = fault_await,
    .wait = fault_wait,
};
