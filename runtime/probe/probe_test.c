/* SPDX-License-Identifier: Apache-2.0
 *
 * What is recorded is what lies in the folder: exactly, in order, however the process ends.
 */
#include "probe/probe.h"

#include "base/test_support.h"
#include "tramline/tramline.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64];

static int set_up(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/tram-probe-%d", (int)getpid());
    return 0;
}

static int clean(void **state) {
    char command[128];
    (void)state;
    tram__probe_close();
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

static void open_folder(uint64_t ring_bytes, uint64_t first, uint64_t count) {
    struct tram__probe_params p = {.folder = folder,
                                   .process = "driver",
                                   .create = true,
                                   .ring_bytes = ring_bytes,
                                   .window_first = first,
                                   .window_count = count};
    assert_int_equal(tram__probe_open(&p), TRAM_OK);
}

/* A file of the folder, mapped; *bytes: its size. */
static const void *look(const char *name, size_t *bytes) {
    char path[256];
    struct stat s;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &s), 0);
    const void *p = mmap(NULL, (size_t)s.st_size, PROT_READ, MAP_SHARED, fd, 0);
    assert_true(p != MAP_FAILED);
    close(fd);
    *bytes = (size_t)s.st_size;
    return p;
}

static const struct tram__ring_head *look_at_ring(int pid, int number, const struct tram__event **events) {
    char name[64];
    size_t bytes;
    snprintf(name, sizeof name, "ring-%d-%d", pid, number);
    const struct tram__ring_head *h = look(name, &bytes);
    assert_true(h->magic == TRAM__RING_MAGIC);
    assert_int_equal(h->version, TRAM__RING_VERSION);
    assert_int_equal(bytes, TRAM__RING_EVENTS_AT + h->capacity * sizeof **events);
    *events = (const void *)((const char *)h + TRAM__RING_EVENTS_AT);
    return h;
}

static void events_lie_in_order(void **state) {
    const struct tram__event *e;
    (void)state;
    open_folder(0, 1, 0);
    assert_int_equal(tram__probe_thread("main"), TRAM_OK);
    struct tram__ring *r = tram__probe;
    assert_non_null(r);
    for (uint64_t i = 0; i < 1000; i++)
        tram__probe_slice(r, TRAM__EVENT_COMPUTE, (uint32_t)i, 7, i * 3, 100 + i, 100 + 2 * i);
    const struct tram__ring_head *h = look_at_ring(getpid(), 1, &e);
    assert_int_equal(h->written, 1000);
    assert_int_equal(h->dropped, 0);
    assert_int_equal(h->pid, getpid());
    assert_string_equal(h->process, "driver");
    assert_string_equal(h->thread, "main");
    assert_true(h->first.ns > 0 && h->last.ns == 0);
    for (uint64_t i = 0; i < 1000; i++) {
        assert_int_equal(tram__event_kind(&e[i]), TRAM__EVENT_COMPUTE);
        assert_int_equal(tram__event_length(&e[i]), i);
        assert_int_equal(e[i].time, 100 + i);
        assert_int_equal(e[i].name, i);
        assert_int_equal(e[i].group, 7);
        assert_int_equal(e[i].number, i * 3);
    }
    tram__probe_thread_end();
    assert_null(tram__probe);
    assert_true(h->last.ns > h->first.ns && h->last.ticks > h->first.ticks);
}

static void a_full_ring_drops(void **state) {
    const struct tram__event *e;
    (void)state;
    open_folder(1, 1, 0); /* the least there is */
    assert_int_equal(tram__probe_thread("main"), TRAM_OK);
    uint64_t capacity = tram__probe->capacity;
    for (uint64_t i = 0; i < capacity + 100; i++)
        tram__probe_slice(tram__probe, TRAM__EVENT_RUN, 1, 1, i, i, i + 1);
    const struct tram__ring_head *h = look_at_ring(getpid(), 1, &e);
    assert_int_equal(h->written, capacity);
    assert_int_equal(h->dropped, 100);
    assert_int_equal(e[capacity - 1].number, capacity - 1); /* the first stay */
}

static void names_have_one_number(void **state) {
    char text[TRAM__NAME_MOST + 50];
    (void)state;
    assert_int_equal(tram__probe_name("before"), 0);
    open_folder(0, 1, 0);
    assert_int_equal(tram__probe_name("echo"), 1);
    assert_int_equal(tram__probe_name("forward"), 2);
    assert_int_equal(tram__probe_name("echo"), 1);
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    assert_int_equal(tram__probe_name(text), 3);
    text[TRAM__NAME_MOST] = '\0'; /* the same, as far as it is kept */
    assert_int_equal(tram__probe_name(text), 3);
    uint32_t last = 3;
    for (int i = 0; i < 8000 && last; i++) { /* until there is no more room */
        snprintf(text, sizeof text, "%0190d", i);
        last = tram__probe_name(text);
    }
    assert_int_equal(last, 0);
    assert_int_equal(tram__probe_name("forward"), 2);
}

static void windows(void **state) {
    (void)state;
    open_folder(0, 10, 5);
    assert_int_equal(tram__probe_thread("main"), TRAM_OK);
    for (uint64_t n = 0; n < 30; n++)
        assert_int_equal(tram__probe_wants(tram__probe, n), n >= 10 && n < 15);
    assert_true(tram__probe_on(tram__probe));
    tram__probe_switch(false);
    assert_false(tram__probe_on(tram__probe));
}

static void *record(void *arg) {
    (void)arg;
    if (tram__probe_thread("other"))
        return arg;
    for (uint64_t i = 0; i < 20000; i++)
        tram__probe_slice(tram__probe, TRAM__EVENT_SLEEP, tram__probe_name("a"), 0, i, i, i);
    tram__probe_thread_end();
    return NULL;
}

static void threads_have_rings_of_their_own(void **state) {
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    const struct tram__event *e;
    (void)state;
    open_folder(0, 1, 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, record, &threads), 0);
    for (int i = 0; i < THREADS; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    for (int i = 1; i <= THREADS; i++) {
        assert_int_equal(look_at_ring(getpid(), i, &e)->written, 20000);
        assert_int_equal(e[19999].number, 19999);
    }
}

/* What a process had recorded when it was killed is all there, and what it was doing. */
static void killed(void **state) {
    const struct tram__event *e;
    int how, pipes[2];
    char go;
    (void)state;
    open_folder(0, 1, 0);
    assert_int_equal(pipe(pipes), 0);
    pid_t pid = fork();
    if (!pid) {
        tram__probe_close(); /* the parent's */
        struct tram__probe_params p = {.folder = folder, .process = "Echo#0", .actor = 1};
        if (tram__probe_open(&p) || tram__probe_thread("main"))
            _exit(1);
        for (uint64_t i = 0; i < 5000; i++)
            tram__probe_slice(tram__probe, TRAM__EVENT_READ_WAIT, 3, 1, i, i, i + 1);
        tram__probe_begin(tram__probe, TRAM__EVENT_COMPUTE, 9, 1, 5000, 12345);
        if (write(pipes[1], "x", 1) != 1)
            _exit(1);
        pause();
    }
    assert_int_equal(read(pipes[0], &go, 1), 1);
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, &how, 0), pid);
    close(pipes[0]);
    close(pipes[1]);
    const struct tram__ring_head *h = look_at_ring(pid, 1, &e);
    assert_int_equal(h->actor, 1);
    assert_int_equal(h->written, 5000);
    assert_int_equal(h->open_time, 12345);
    assert_int_equal(h->open_kind, TRAM__EVENT_COMPUTE);
    assert_int_equal(h->open_name, UINT64_C(1) << 32 | 9);
    assert_int_equal(h->last.ns, 0);
}

/* The second process of a run with one number leaves alone what the first recorded. */
static void a_number_given_again(void **state) {
    char name[80];
    size_t bytes;
    (void)state;
    open_folder(0, 1, 0);
    assert_int_equal(tram__probe_thread("main"), TRAM_OK);
    tram__probe_thread_end();
    tram__probe_close();
    struct tram__probe_params again = {.folder = folder, .process = "another", .actor = 3};
    assert_int_equal(tram__probe_open(&again), TRAM_OK);
    assert_int_equal(tram__probe_thread("main"), TRAM_OK);
    tram__probe_thread_end();
    snprintf(name, sizeof name, "ring-%d.2-1", (int)getpid());
    const struct tram__ring_head *second = look(name, &bytes);
    assert_string_equal(second->process, "another");
    snprintf(name, sizeof name, "names-%d.2", (int)getpid());
    look(name, &bytes);
    const struct tram__event *e;
    assert_string_equal(look_at_ring(getpid(), 1, &e)->process, "driver");
}

static void refused(void **state) {
    struct tram__probe_params p = {.folder = folder, .process = "driver", .create = true};
    (void)state;
    open_folder(0, 1, 0);
    assert_int_equal(tram__probe_open(&p), TRAM_ERR_INVALID); /* already */
    tram__probe_close();
    assert_int_equal(tram__probe_open(&p), TRAM_ERR_INVALID);
    assert_non_null(strstr(tram_last_error()->text, "left behind by a run that did not end"));
    p.folder = "/nonexistent/x";
    assert_int_equal(tram__probe_open(&p), TRAM_ERR_SYSTEM);
    p.create = false;
    assert_int_equal(tram__probe_open(&p), TRAM_ERR_SYSTEM);
    assert_null(tram__probe_folder());
    assert_int_equal(tram__probe_thread("main"), TRAM_OK); /* not traced, and no error */
    assert_null(tram__probe);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(events_lie_in_order, clean),
        cmocka_unit_test_teardown(a_full_ring_drops, clean),
        cmocka_unit_test_teardown(names_have_one_number, clean),
        cmocka_unit_test_teardown(windows, clean),
        cmocka_unit_test_teardown(threads_have_rings_of_their_own, clean),
        cmocka_unit_test_teardown(killed, clean),
        cmocka_unit_test_teardown(a_number_given_again, clean),
        cmocka_unit_test_teardown(refused, clean),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
