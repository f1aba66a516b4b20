/* SPDX-License-Identifier: Apache-2.0
 *
 * The fault-injecting backend: the shared-memory channel, stalled at random before each operation and broken
 * at will.
 */
#include "base/error.h"
#include "channel/channel.h"

#include <time.h>

static struct tram__fault fault;
static _Thread_local uint64_t state;

void tram__channel_fault_set(const struct tram__fault *f) {
    fault = *f;
}

static uint64_t random64(void) {
    if (!state)
        state = (fault.seed + 1) * 0x9E3779B97F4A7C15u ^ (uintptr_t)&state;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static void stall(void) {
    if (!fault.stall_one_in || random64() % fault.stall_one_in)
        return;
    uint64_t r = random64();
    if (r % 16 == 0) {
        struct timespec t = {.tv_nsec = (long)(r >> 8) % 200000};
        nanosleep(&t, NULL);
    } else {
        for (uint64_t i = 0; i < (r >> 8) % 500; i++)
            tram__pause();
    }
}

static void fault_measure(const struct tram__channel_shape *shape, struct tram__channel_need *need) {
    tram__channel_shm.measure(shape, need);
}

static int fault_loan(struct tram__writer *w, uint64_t n, uint32_t slot, double timeout_s) {
    stall();
    return tram__channel_shm.loan(w, n, slot, timeout_s);
}

static void *fault_room(struct tram__writer *w, uint32_t slot, uint64_t size) {
    return tram__channel_shm.room(w, slot, size);
}

static void fault_publish(struct tram__writer *w, uint64_t n, uint32_t slot, const struct tram__message *m) {
    stall();
    tram__channel_shm.publish(w, n, slot, m);
    stall();
}

static void fault_wake_readers(struct tram__writer *w, uint32_t slot) {
    tram__channel_shm.wake_readers(w, slot);
}

static int fault_read(struct tram__reader *r, uint64_t n, uint32_t slot, double timeout_s,
                      struct tram__message *out) {
    stall();
    if (fault.break_at && n == fault.break_at)
        return tram__fail(TRAM_ERR_PROTOCOL, "channel %u: broken on purpose at message %llu", r->id,
                          (unsigned long long)n);
    return tram__channel_shm.read(r, n, slot, timeout_s, out);
}

static void fault_expect(const struct tram__reader *r, uint32_t slot) {
    tram__channel_shm.expect(r, slot);
}

static void fault_release(struct tram__reader *r, uint64_t n) {
    stall();
    tram__channel_shm.release(r, n);
}

static void fault_wake_writers(struct tram__reader *r) {
    stall();
    tram__channel_shm.wake_writers(r);
}

const struct tram__channel_ops tram__channel_fault = {
    .name = "fault",
    .most_readers = 16,
    .measure = fault_measure,
    .loan = fault_loan,
    .room = fault_room,
    .publish = fault_publish,
    .wake_readers = fault_wake_readers,
    .read = fault_read,
    .expect = fault_expect,
    .release = fault_release,
    .wake_writers = fault_wake_writers,
};
