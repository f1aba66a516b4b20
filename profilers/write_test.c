/* SPDX-License-Identifier: Apache-2.0
 *
 * Traces of made-up runs, with exact counts of what is in them.
 */
#include "profilers/command.h"
#include "profilers/decode.h"
#include "profilers/testing.h"

#include <jansson.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAIN_PID = 77 };

static void numbers_and_texts(void **state) {
    (void)state;
    static const uint64_t values[] = {0, 1, 127, 128, 300, UINT64_C(1) << 32, UINT64_MAX};
    unsigned char bytes[512], *p = bytes, *inside;
    struct tram__field f;
    for (size_t i = 0; i < 7; i++) {
        p = tram__put_uint(p, 1 + (unsigned)i, values[i]);
        p = tram__put_fixed64(p, 40 + (unsigned)i, values[i]);
    }
    p = inside = tram__put_open(p, 99);
    p = tram__put_text(p, 5, "text");
    tram__put_close(inside, p);
    struct tram__cursor c = {.at = bytes, .end = p};
    for (size_t i = 0; i < 7; i++) {
        assert_true(tram__take_field(&c, &f) && f.number == 1 + i && f.wire == TRAM__VARINT &&
                    f.value == values[i]);
        assert_true(tram__take_field(&c, &f) && f.number == 40 + i && f.wire == TRAM__FIXED64 &&
                    f.value == values[i]);
    }
    assert_true(tram__take_field(&c, &f) && f.number == 99 && f.wire == TRAM__BYTES);
    struct tram__cursor inner = tram__inside(&f);
    assert_true(tram__take_field(&inner, &f) && f.number == 5 && f.value == 4);
    assert_memory_equal(f.data, "text", 4);
    assert_false(tram__take_field(&inner, &f) || inner.bad || tram__take_field(&c, &f) || c.bad);
    for (const unsigned char *end = bytes; end < p; end++) { /* cut anywhere */
        c = (struct tram__cursor){.at = bytes, .end = end};
        while (tram__take_field(&c, &f))
            assert_true(c.at <= end);
    }
}

static void a_chain(void **state) {
    (void)state;
    enum { ACTORS = 3, EXECUTIONS = 20000 };
    struct tram__counts c;
    for (int clock = 0; clock < 2; clock++)
        for (int deflate = 0; deflate < 2; deflate++) {
            synthetic_chain(folder, ACTORS, EXECUTIONS, clock ? TRAM__CLOCK_TSC : TRAM__CLOCK_MONOTONIC);
            struct tram__trace_report r = test_round(deflate, &c, NULL);
            assert_int_equal(r.slices, EXECUTIONS * (5 + 3 * ACTORS));
            assert_int_equal(r.flows, EXECUTIONS * (ACTORS + 1));
            assert_int_equal(r.samples, 2 * EXECUTIONS + 2 * EXECUTIONS * (ACTORS + 1)); /* in flight */
            assert_int_equal(r.processes, ACTORS + 1);
            assert_int_equal(r.threads, ACTORS + 1);
            assert_int_equal(r.backward, 0);
            assert_int_equal(c.clipped, 0);
            assert_int_equal(c.unknown, 0);
        }
}

/* ---- what is told, and where ---- */

struct seen {
    const char *name, *track;
    uint64_t begin, end;
    unsigned count;
};
static struct seen expected[16];

static void look(void *arg, const struct tram__trace_event *e) {
    (void)arg;
    for (struct seen *s = expected; s->name; s++)
        if (e->slice && strcmp(s->name, e->name) == 0 && e->begin == s->begin && e->end == s->end &&
            strcmp(s->track, e->track->name) == 0)
            s->count++;
}
static const struct tram__trace_handler looks = {.event = look};

static void all_seen_once(void) {
    for (struct seen *s = expected; s->name; s++) {
        if (s->count != 1)
            print_error("%s on %s: %u times\n", s->name, s->track, s->count);
        assert_int_equal(s->count, 1);
    }
}

/* One thread with these events, which begin at SYNTHETIC_BEGIN. */
static struct synthetic_ring one_ring(struct tram__event *events, uint64_t count) {
    for (uint64_t i = 0; i < count; i++)
        events[i].time += SYNTHETIC_BEGIN;
    return (struct synthetic_ring){.folder = folder,
                                   .process = "driver",
                                   .thread = "main",
                                   .pid = MAIN_PID,
                                   .tid = MAIN_PID,
                                   .number = 1,
                                   .first = {SYNTHETIC_BEGIN, SYNTHETIC_BEGIN, 0},
                                   .last = {SYNTHETIC_BEGIN + 100000, SYNTHETIC_BEGIN + 100000, 0},
                                   .events = events,
                                   .count = count};
}

static void sleeps_lie_inside_waits(void **state) {
    (void)state;
    struct tram__counts c;
    struct tram__event e[] = {
        synthetic_event(TRAM__EVENT_SLEEP, 0, 0, 0, 200, 300),
        synthetic_event(TRAM__EVENT_SLEEP, 0, 0, 0, 400, 500),
        synthetic_event(TRAM__EVENT_READ_WAIT, 0, 1, 1, 100, 600),
        synthetic_event(TRAM__EVENT_COMPUTE, 1, 1, 1, 600, 700),
        synthetic_event(TRAM__EVENT_DECODE, 1, 1, 1, 710, 720), /* inside the next */
        synthetic_event(TRAM__EVENT_SLEEP, 0, 0, 0, 730, 740),
        synthetic_event(TRAM__EVENT_AWAIT, 1, 1, 1, 705, 790),
        synthetic_event(TRAM__EVENT_MARK, 2, 0, 0, 650, 660), /* of the program, around what is around it */
        synthetic_event(TRAM__EVENT_MARK, 1, 0, 0, 0, 800),
    };
    struct synthetic_ring r = one_ring(e, 9);
    static const char *const names[] = {"work", "inner", NULL};
    synthetic_write(&r);
    synthetic_names(folder, MAIN_PID, names);
    const uint64_t at = SYNTHETIC_BEGIN;
    memcpy(expected,
           (struct seen[]){{"sleep", "main", at + 200, at + 300, 0},
                           {"sleep", "main", at + 400, at + 500, 0},
                           {"READ c0", "main", at + 100, at + 600, 0},
                           {"node 1", "main", at + 600, at + 700, 0},
                           {"decode work", "main", at + 710, at + 720, 0},
                           {"sleep", "main", at + 730, at + 740, 0},
                           {"await work", "main", at + 705, at + 790, 0},
                           {"inner", "program", at + 650, at + 660, 0},
                           {"work", "program", at, at + 800, 0},
                           {0}},
           10 * sizeof(struct seen));
    assert_int_equal(test_round(false, &c, &looks).slices, 9);
    assert_int_equal(c.clipped, 0);
    all_seen_once();
}

/* Published together, told one after the other. */
static void results_of_one_task(void **state) {
    (void)state;
    struct tram__counts c;
    struct tram__event e[] = {synthetic_event(TRAM__EVENT_WRITE, 0, 1, 1, 100, 600),
                              synthetic_event(TRAM__EVENT_WRITE, 1, 1, 1, 600, 610),
                              synthetic_event(TRAM__EVENT_WRITE, 2, 1, 1, 610, 620),
                              synthetic_event(TRAM__EVENT_WRITE, 0, 1, 2, 620, 700)};
    struct synthetic_ring r = one_ring(e, 4);
    synthetic_write(&r);
    const uint64_t at = SYNTHETIC_BEGIN;
    memcpy(expected,
           (struct seen[]){{"WRITE c0", "main", at + 100, at + 600, 0},
                           {"WRITE c1", "main", at + 100, at + 610, 0},
                           {"WRITE c2", "main", at + 100, at + 620, 0},
                           {"WRITE c0", "main", at + 620, at + 700, 0},
                           {0}},
           5 * sizeof(struct seen));
    test_round(false, &c, &looks);
    assert_int_equal(c.clipped, 0);
    all_seen_once();
}

static void queued_side_by_side(void **state) {
    (void)state;
    struct tram__counts c;
    struct tram__event e[30];
    for (uint64_t i = 0; i < 30; i++)
        e[i] = i % 2 ? synthetic_event(TRAM__EVENT_RUN, 1, 1, i / 2, 1000 + i * 100, 1100 + i * 100)
                     : synthetic_event(TRAM__EVENT_QUEUE, 1, 1, i / 2, i * 10, 1100 + i * 100);
    struct synthetic_ring r = one_ring(e, 30);
    synthetic_write(&r);
    struct tram__trace_report report = test_round(false, &c, NULL);
    assert_int_equal(report.slices, 30);
    assert_int_equal(c.clipped, 0);
}

/* Chains of calls: a flow there for each, one back for the last. */
static void calls_flow(void **state) {
    (void)state;
    enum { CALLS = 500 };
    struct tram__counts c;
    static struct tram__event driver[3 * CALLS], actor[4 * CALLS];
    for (uint64_t i = 0; i < CALLS; i++) {
        uint64_t at = i * 1000, n = i + 1;
        driver[3 * i] = synthetic_event(TRAM__EVENT_ENCODE, 1, 1, n, at, at + 100);
        driver[3 * i + 1] = synthetic_event(TRAM__EVENT_SEND, 1, 1, n, at + 100, at + 200);
        driver[3 * i + 2] = synthetic_event(TRAM__EVENT_DECODE, 1, 1, n, at + 800, at + 900);
        actor[4 * i] = synthetic_event(TRAM__EVENT_DECODE, 1, 1, n, at + 300, at + 350);
        actor[4 * i + 1] = synthetic_event(TRAM__EVENT_RESOLVE, 1, 1, n, at + 350, at + 400);
        actor[4 * i + 2] = synthetic_event(TRAM__EVENT_RUN, 1, 1, n, at + 400, at + 600);
        actor[4 * i + 3] = synthetic_event(TRAM__EVENT_REPLY, 1, 1, n, at + 600, at + 700);
    }
    struct synthetic_ring r = one_ring(driver, 3 * CALLS);
    synthetic_write(&r);
    r = one_ring(actor, 4 * CALLS);
    r.actor = 1;
    r.process = "worker";
    r.pid = r.tid = MAIN_PID + 1;
    synthetic_write(&r);
    struct tram__trace_report report = test_round(false, &c, NULL);
    assert_int_equal(report.slices, 7 * CALLS);
    assert_int_equal(report.flows, 2 * CALLS);
}

/* Results that go from actor to actor: two arguments of each call, one of which never arrives for the last. */
static void results_are_handed_on(void **state) {
    (void)state;
    enum { CALLS = 300 };
    struct tram__counts c;
    static struct tram__event maker[3 * CALLS], taker[CALLS];
    for (uint64_t i = 0; i < CALLS; i++) {
        uint64_t at = i * 1000, n = i + 1;
        maker[3 * i] = synthetic_event(TRAM__EVENT_HAND, 0, 2, n, at + 100, at + 200);
        maker[3 * i + 1] =
            synthetic_event(TRAM__EVENT_HAND, 3, 2, i + 1 < CALLS ? n : n + 7, at + 200, at + 250);
        maker[3 * i + 2] = synthetic_event(TRAM__EVENT_REPLY, 1, 1, n, at + 90, at + 300);
        taker[i] = synthetic_event(TRAM__EVENT_RUN, 1, 2, n, at + 400, at + 600);
    }
    struct synthetic_ring r = one_ring(maker, 3 * CALLS);
    r.actor = 1;
    synthetic_write(&r);
    r = one_ring(taker, CALLS);
    r.actor = 2;
    r.process = "taker";
    r.pid = r.tid = MAIN_PID + 1;
    synthetic_write(&r);
    struct tram__trace_report report = test_round(false, &c, NULL);
    assert_int_equal(report.slices, 4 * CALLS);
    assert_int_equal(report.flows, 2 * CALLS - 1);
}

/* A reader that read twice, a writer that is not there, a reader that did not come to it. */
static void flows_have_both_ends(void **state) {
    (void)state;
    struct tram__counts c;
    synthetic_chain(folder, 2, 10, TRAM__CLOCK_MONOTONIC);
    struct tram__event e[10];
    for (uint64_t i = 0; i < 10;
         i++) /* Stage#1 read executions 1 to 4, the first twice, and one that never was */
        e[i] = synthetic_event(TRAM__EVENT_READ_WAIT, 1, 1,
                               i < 4    ? i + 1
                               : i == 5 ? 1
                                        : 100 + i,
                               50000 * i, 50000 * i + 40000);
    struct synthetic_ring r = one_ring(e, 10);
    r.actor = 2;
    r.process = "Stage#1";
    r.pid = 4244;
    r.tid = 5244;
    synthetic_write(&r);
    for (uint64_t i = 0; i < 10; i++) /* it is late: written before it is read */
        e[i].time += 1000000;
    synthetic_write(&r);
    struct tram__trace_report report = test_round(false, &c, NULL);
    assert_int_equal(report.flows, 10 + 4); /* c0; c1 */
}

/* Two processes, one after the other, that had one number; each has its own names. */
static void a_number_given_again(void **state) {
    (void)state;
    static const char *const first[] = {"early", NULL}, *const second[] = {"late", NULL};
    char from[200], to[200];
    struct tram__counts c;
    struct tram__event e[] = {synthetic_event(TRAM__EVENT_RUN, 1, 1, 1, 100, 200)};
    struct synthetic_ring r = one_ring(e, 1);
    synthetic_write(&r);
    synthetic_names(folder, MAIN_PID, second);
    const char *const files[][2] = {{"ring-%d-1", "ring-%d.2-1"}, {"names-%d", "names-%d.2"}};
    for (int i = 0; i < 2; i++) {
        size_t n = (size_t)snprintf(from, sizeof from, "%s/", folder);
        snprintf(from + n, sizeof from - n, files[i][0], MAIN_PID);
        snprintf(to, sizeof to, "%s/", folder);
        snprintf(to + n, sizeof to - n, files[i][1], MAIN_PID);
        assert_int_equal(rename(from, to), 0);
    }
    r.process = "before it";
    synthetic_write(&r);
    synthetic_names(folder, MAIN_PID, first);
    const uint64_t at = SYNTHETIC_BEGIN;
    memcpy(expected,
           (struct seen[]){{"run early", "main", at + 100, at + 200, 0},
                           {"run late", "main", at + 100, at + 200, 0},
                           {0}},
           3 * sizeof(struct seen));
    struct tram__trace_report report = test_round(false, &c, &looks);
    assert_int_equal(report.processes, 2);
    assert_int_equal(report.threads, 2);
    all_seen_once();
}

static void died_in_a_method(void **state) {
    (void)state;
    struct tram__counts c;
    struct tram__event e[] = {synthetic_event(TRAM__EVENT_READ_WAIT, 0, 1, 1, 100, 600)};
    struct synthetic_ring r = one_ring(e, 1);
    r.open_end = true;
    r.under_way = synthetic_event(TRAM__EVENT_COMPUTE, 3, 1, 1, SYNTHETIC_BEGIN + 600, SYNTHETIC_BEGIN + 600);
    r.dropped = 7;
    synthetic_write(&r);
    const uint64_t at = SYNTHETIC_BEGIN;
    memcpy(expected, (struct seen[]){{"node 3, died here", "main", at + 600, at + 600, 0}, {0}},
           2 * sizeof(struct seen));
    struct tram__trace_report report = test_round(false, &c, &looks);
    assert_int_equal(report.slices, 2);
    assert_int_equal(report.samples, 2); /* of what was dropped */
    all_seen_once();
    r.under_way.time = at + 100; /* it had been recorded, as the first event */
    r.under_way.kind_length = (uint64_t)TRAM__EVENT_READ_WAIT << 56;
    synthetic_write(&r);
    assert_int_equal(test_round(false, &c, NULL).slices, 1);
}

/* ---- files ---- */

static void a_full_disk(void **state) {
    (void)state;
    char why[TRAM__RUN_WHY] = "";
    struct tram__run run;
    struct tram__counts c;
    struct stat st;
    struct rlimit whole, small;
    synthetic_chain(folder, 2, 40000, TRAM__CLOCK_MONOTONIC);
    GOOD(tram__run_open(&run, folder, why, sizeof why), why);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &whole), 0);
    small = whole;
    small.rlim_cur = 3 << 20;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    int status = tram__trace_write(&run, path, false, &c, why, sizeof why);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &whole), 0);
    assert_int_equal(status, 1);
    assert_non_null(strstr(why, path));
    assert_non_null(strstr(why, "cut"));
    assert_int_equal(stat(path, &st), 0);
    assert_true(st.st_size > 1 << 20 && st.st_size <= 3 << 20);
    static struct tram__trace_report report; /* whole packets; what has no end is all that is wrong */
    const struct tram__trace_handler none = {0};
    GOOD(tram__trace_read(path, &none, &report, why, sizeof why), why);
    assert_true(report.packets > 10000);
    assert_null(strstr(report.lines[0], "cut"));
    tram__run_close(&run);
}

static void the_place_of_the_file(void **state) {
    (void)state;
    char why[TRAM__RUN_WHY] = "", link[100], nowhere[100];
    struct tram__counts c;
    struct tram__run run;
    struct stat st;
    synthetic_chain(folder, 1, 10, TRAM__CLOCK_MONOTONIC);
    GOOD(tram__run_open(&run, folder, why, sizeof why), why);
    snprintf(link, sizeof link, "%s.link", folder);
    assert_int_equal(symlink(path, link), 0);
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    fclose(f);
    assert_int_equal(chmod(path, 0640), 0);
    GOOD(tram__trace_write(&run, link, false, &c, why, sizeof why), why);
    assert_true(lstat(link, &st) == 0 && S_ISLNK(st.st_mode));
    assert_true(stat(path, &st) == 0 && st.st_size > 100 && (st.st_mode & 0777) == 0640);
    unlink(link);
    GOOD(tram__trace_write(&run, "/dev/null", false, &c, why, sizeof why), why);
    assert_true(stat("/dev/null", &st) == 0 && S_ISCHR(st.st_mode));
    snprintf(nowhere, sizeof nowhere, "%s.not/there", folder);
    assert_int_equal(tram__trace_write(&run, nowhere, false, &c, why, sizeof why), -1);
    assert_non_null(strstr(why, nowhere));
    tram__run_close(&run);
}

static void the_folder_goes(void **state) {
    (void)state;
    char why[TRAM__RUN_WHY] = "";
    synthetic_chain(folder, 1, 10, TRAM__CLOCK_MONOTONIC);
    synthetic_file(folder, "notes", "a b\n", 4);
    synthetic_file(folder, "ring-mine", "", 0);
    assert_int_equal(tram__trace_remove(folder, why, sizeof why), -1); /* somebody else's file stays */
    assert_non_null(strstr(why, folder));
    char other[100];
    snprintf(other, sizeof other, "%s/ring-mine", folder);
    assert_int_equal(unlink(other), 0);
    GOOD(tram__trace_remove(folder, why, sizeof why), why);
    assert_int_not_equal(access(folder, F_OK), 0);
}

static void as_json(void **state) {
    (void)state;
    enum { ACTORS = 2, EXECUTIONS = 50 };
    char why[TRAM__RUN_WHY] = "", name[100];
    struct tram__counts c;
    struct tram__run run;
    size_t i, slices = 0, begins = 0, ends = 0, samples = 0;
    json_t *e;
    synthetic_chain(folder, ACTORS, EXECUTIONS, TRAM__CLOCK_TSC);
    snprintf(name, sizeof name, "%s.json", folder);
    GOOD(tram__run_open(&run, folder, why, sizeof why), why);
    GOOD(tram__trace_write(&run, name, false, &c, why, sizeof why), why);
    tram__run_close(&run);
    json_t *j = json_load_file(name, 0, NULL), *events = json_object_get(j, "traceEvents");
    assert_non_null(j);
    json_array_foreach(events, i, e) {
        const char *ph = json_string_value(json_object_get(e, "ph"));
        slices += *ph == 'X';
        begins += *ph == 's';
        ends += *ph == 'f';
        samples += *ph == 'C';
    }
    assert_int_equal(samples, 2 * EXECUTIONS * (ACTORS + 1));
    assert_int_equal(slices, EXECUTIONS * (5 + 3 * ACTORS));
    assert_int_equal(begins, EXECUTIONS * (ACTORS + 1));
    assert_int_equal(ends, begins);
    json_decref(j);
    unlink(name);
}

/* Two runs side by side; the same one twice is refused. */
static void merged(void **state) {
    (void)state;
    struct tram__counts c;
    static struct tram__trace_report one, both;
    const struct tram__trace_handler none = {0};
    char why[512], other[100], out[100];
    snprintf(other, sizeof other, "%s.other", path);
    snprintf(out, sizeof out, "%s.both", path);
    synthetic_chain(folder, 2, 200, TRAM__CLOCK_TSC);
    one = test_round(true, &c, NULL);
    synthetic_chain(folder, 3, 100, TRAM__CLOCK_MONOTONIC);
    struct tram__trace_report two = test_round_to(other, false, &c, NULL);
    char to[] = "-o", *good[] = {path, other, to, out}, *bad[] = {path, path, to, out};
    assert_int_equal(tram__command_merge(4, good), 0);
    GOOD(tram__trace_read(out, &none, &both, why, sizeof why), why);
    assert_int_equal(both.errors, 0);
    assert_int_equal(both.slices, one.slices + two.slices);
    assert_int_equal(both.flows, one.flows + two.flows);
    assert_int_equal(both.sequences, one.sequences + two.sequences);
    assert_int_equal(both.packets, one.packets + two.packets);
    assert_int_equal(unlink(out), 0);
    assert_int_equal(tram__command_merge(4, bad), 2);
    assert_int_not_equal(access(out, F_OK), 0);
    unlink(other);
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, enter, leave)
    const struct CMUnitTest tests[] = {TEST(numbers_and_texts),
                                       TEST(a_chain),
                                       TEST(sleeps_lie_inside_waits),
                                       TEST(results_of_one_task),
                                       TEST(queued_side_by_side),
                                       TEST(calls_flow),
                                       TEST(results_are_handed_on),
                                       TEST(flows_have_both_ends),
                                       TEST(a_number_given_again),
                                       TEST(died_in_a_method),
                                       TEST(a_full_disk),
                                       TEST(the_place_of_the_file),
                                       TEST(the_folder_goes),
                                       TEST(merged),
                                       TEST(as_json)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
