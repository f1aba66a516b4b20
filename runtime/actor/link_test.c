/* SPDX-License-Identifier: Apache-2.0
 *
 * Two ends of a link with mailboxes in one process, of which one dies at a chosen place.
 */
#include "actor/link.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <tramline/tramline.h>
#include <unistd.h>

#include <cmocka.h>

enum { LOOKS = 10000 };

struct ends {
    struct tram__link us, them;
    int our_bell, their_bell;
};
static struct ends ends;

static int poll_for_long(struct tram__link *l, struct tram__frame *f) {
    int got = 0;
    for (int i = 0; i < LOOKS && !got; i++)
        got = tram__link_poll(l, f);
    return got;
}

static void sends(struct tram__link *from, const void *data, size_t size) {
    struct tram__send s = {.type = TRAM__FRAME_REPLY, .payload = data, .payload_size = size};
    assert_int_equal(tram__link_send(from, &s), TRAM_OK);
}

static void arrives(struct tram__link *to, const void *data, size_t size) {
    struct tram__frame f;
    assert_int_equal(poll_for_long(to, &f), 1);
    assert_int_equal(f.type, TRAM__FRAME_REPLY);
    assert_int_equal(f.payload_size, size);
    assert_memory_equal(f.payload, data, size);
}

static void passes(struct tram__link *from, struct tram__link *to, const void *data, size_t size) {
    sends(from, data, size);
    arrives(to, data, size);
}

static int set_up(void **state) {
    int fds[2];
    struct tram__frame f;
    *state = &ends;
    ends.our_bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    ends.their_bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
        return -1;
    tram__link_open(&ends.us, fds[0]);
    tram__link_open(&ends.them, fds[1]);
    if (tram__link_offer(&ends.us, ends.our_bell) || tram__link_offer(&ends.them, ends.their_bell) ||
        tram__link_poll(&ends.us, &f) || tram__link_poll(&ends.them, &f))
        return -1;
    passes(&ends.us, &ends.them, "one way", 7);
    passes(&ends.them, &ends.us, "and back", 8);
    return tram__link_is_memory(&ends.us) && tram__link_is_memory(&ends.them) ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    tram__link_close(&ends.us);
    tram__link_close(&ends.them);
    return close(ends.our_bell) || close(ends.their_bell);
}

static void ended(void) {
    struct tram__frame f;
    assert_int_equal(poll_for_long(&ends.us, &f), TRAM_ERR_PEER_DEAD);
}

/* What was published before the end is taken, then the end is told. */
static void ends_after_a_frame(void **state) {
    (void)state;
    struct tram__frame f;
    passes(&ends.them, &ends.us, "first", 5);
    sends(&ends.them, "last", 4);
    tram__link_close(&ends.them);
    assert_int_equal(tram__link_poll(&ends.us, &f), 1);
    assert_memory_equal(f.payload, "last", 4);
    ended();
}

/* The same of a frame that is too large for the mailbox: it lies in the socket, and its marker was published. */
static void ends_after_a_large_frame(void **state) {
    (void)state;
    static char large[100 * 1000];
    memset(large, 7, sizeof large);
    sends(&ends.them, large, sizeof large);
    tram__link_close(&ends.them);
    arrives(&ends.us, large, sizeof large);
    ended();
}

/* Its last frame lies in the socket, whole or in part, but what announces it in the mailbox was never published. */
static void ends_before_the_marker(void **state) {
    (void)state;
    char frame[100] = {0};
    struct tram__frame f;
    assert_int_equal(write(ends.them.fd, frame, sizeof frame), sizeof frame);
    assert_int_equal(poll_for_long(&ends.us, &f), 0); /* the marker may be on its way */
    tram__link_close(&ends.them);
    ended();
}

static int give_up(void *arg) {
    (void)arg;
    return TRAM_ERR_SYSTEM;
}

/* The marker is there and half of the frame. */
static void ends_within_a_frame(void **state) {
    (void)state;
    static char large[128 * TRAM__RING];
    struct tram__send s = {
        .type = TRAM__FRAME_REPLY, .payload = large, .payload_size = sizeof large, .stalled = give_up};
    struct tram__frame f;
    assert_int_equal(tram__link_send(&ends.them, &s), TRAM_ERR_SYSTEM); /* the socket is full */
    assert_int_equal(tram__link_poll(&ends.us, &f), 0);
    tram__link_close(&ends.them);
    ended();
}

int main(void) {
#define WITH_ENDS(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_ENDS(ends_after_a_frame),
        WITH_ENDS(ends_after_a_large_frame),
        WITH_ENDS(ends_before_the_marker),
        WITH_ENDS(ends_within_a_frame),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
