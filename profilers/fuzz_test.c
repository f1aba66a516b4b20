/* SPDX-License-Identifier: Apache-2.0
 *
 * Folders and traces that are cut, torn or hostile: what is read of them is bounded, and every trace that is written of such a
 * folder is a right one. TRAM_TEST_SECONDS: how long each goes on (3).
 */
#include "profilers/summary.h"
#include "profilers/testing.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static char copy[90];
static uint64_t seed, random_state;

static uint64_t draw(uint64_t below) {
    return synthetic_random(&random_state) % below;
}
static uint64_t until_ns(void) {
    const char *seconds = getenv("TRAM_TEST_SECONDS");
    return synthetic_now_ns() + (uint64_t)((seconds ? atof(seconds) : 3) * 1e9);
}

static int enter_at_random(void **state) {
    enter(state);
    snprintf(copy, sizeof copy, "%s.copy", path);
    const char *given = getenv("TRAM_TEST_SEED");
    random_state = seed = given ? strtoull(given, NULL, 0) : synthetic_now_ns();
    print_message("seed %llu\n", (unsigned long long)seed);
    return 0;
}
static int leave_copy(void **state) {
    unlink(copy);
    return leave(state);
}

static struct tram__event random_event(bool wild, uint64_t at) {
    uint64_t begin =
                 wild ? synthetic_random(&random_state) >> draw(64) : SYNTHETIC_BEGIN + at * 50 + draw(100),
             length = wild ? synthetic_random(&random_state) >> draw(64) : draw(draw(20) ? 60 : 100000);
    return (struct tram__event){.time = begin,
                                .kind_length =
                                    draw(TRAM__EVENT_KINDS + wild) << 56 | (length & (UINT64_MAX >> 8)),
                                .name = (uint32_t)(draw(50) ? draw(4) : synthetic_random(&random_state)),
                                .group = (uint32_t)(draw(50) ? draw(3) : synthetic_random(&random_state)),
                                .number = draw(10) ? draw(1 + at) : synthetic_random(&random_state)};
}

/* Slices in any order, over one another, and some that are none: the trace is right all the same, and has every one. */
static void random_events(void **state) {
    (void)state;
    enum { EVENTS = 60000 };
    struct tram__counts c;
    struct tram__event *events = malloc(EVENTS * sizeof *events);
    uint64_t begin = synthetic_now_ns();
    synthetic_chain(folder, 2, 100, TRAM__CLOCK_TSC);
    for (uint32_t k = 0; k < 3; k++) {
        uint64_t slices = 0;
        for (uint64_t i = 0; i < EVENTS; i++) {
            events[i] = random_event(k == 2, i);
            slices += tram__event_kind(&events[i]) != TRAM__EVENT_COUNTER;
        }
        struct synthetic_ring r = {.folder = folder,
                                   .process = "wild \xff\n one",
                                   .thread = "main",
                                   .actor = k,
                                   .clock = k % 2,
                                   .pid = 100 + (int)k,
                                   .tid = 100 + (int)k,
                                   .number = 1,
                                   .first = {SYNTHETIC_BEGIN, SYNTHETIC_BEGIN, 0},
                                   .open_end = true,
                                   .events = events,
                                   .count = EVENTS,
                                   .under_way = random_event(true, 5)};
        synthetic_write(&r);
    }
    free(events);
    struct tram__trace_report r = test_round(false, &c, NULL);
    assert_true(c.slices + c.unknown + r.samples >= 3 * EVENTS - c.samples);
    assert_true(synthetic_now_ns() - begin < UINT64_C(60000000000));
}

/* Changes a file: cuts it, or writes something over it, numbers that matter for choice. */
static void spoil(const char *file) {
    static const uint64_t numbers[] = {0, 1, UINT64_MAX, UINT64_MAX / 2, 1 << 20, UINT32_MAX};
    struct stat st;
    int fd = open(file, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0 && fstat(fd, &st) == 0);
    uint64_t size = (uint64_t)st.st_size;
    if (draw(4) == 0)
        assert_int_equal(ftruncate(fd, (off_t)draw(size + 1)), 0);
    for (uint64_t n = draw(20); n && size; n--) {
        uint64_t front = size < 1024 || draw(2) ? size : 1024, at = draw(front);
        uint64_t value = draw(2) ? numbers[draw(6)] : synthetic_random(&random_state);
        assert_true(pwrite(fd, &value, 1 + draw(8), (off_t)(draw(2) ? at : at / 8 * 8)) > 0);
    }
    close(fd);
}

static void one_spoilt_folder(void) {
    char why[TRAM__RUN_WHY] = "", file[400];
    struct tram__run run;
    struct tram__counts c;
    const struct tram__trace_handler none = {0};
    static struct tram__trace_report report;
    DIR *d = opendir(folder);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));) {
        snprintf(file, sizeof file, "%s/%s", folder, e->d_name);
        if (e->d_name[0] != '.' && draw(strcmp(e->d_name, "control") == 0 ? 20 : 2) == 0)
            spoil(file);
    }
    closedir(d);
    if (tram__run_open(&run, folder, why, sizeof why)) {
        assert_true(why[0] && !strchr(why, '\n'));
        return;
    }
    GOOD(tram__trace_write(&run, path, draw(4) == 0, &c, why, sizeof why), why);
    tram__run_close(&run);
    GOOD(tram__trace_read(path, &none, &report, why, sizeof why), why);
    for (uint64_t i = 0; i < report.errors && i < 20; i++)
        print_error("%s\n", report.lines[i]);
    assert_int_equal(report.errors, 0);
    assert_int_equal(report.slices, c.slices);
}

/* It ends, and says in a line why it could not be done. */
static void summarise(const char *what) {
    char why[TRAM__RUN_WHY] = "";
    static struct tram__source source;
    struct tram__summary summary;
    if (tram__source_open(&source, what, why, sizeof why)) {
        assert_true(why[0] && !strchr(why, '\n'));
        return;
    }
    if (tram__summary_make(&summary, &source, draw(2) * (1 + draw(50)), why, sizeof why) == 0) {
        FILE *f = fopen("/dev/null", "we");
        assert_non_null(f);
        tram__summary_table(&summary, f);
        tram__summary_dot(&summary, f);
        assert_int_equal(tram__summary_json(&summary, f), 0);
        fclose(f);
        tram__summary_free(&summary);
    }
    tram__source_close(&source);
}

static void spoilt_folders(void **state) {
    (void)state;
    uint64_t until = until_ns(), rounds = 0;
    static const char *const names[] = {"one", "two", "three", NULL};
    for (; synthetic_now_ns() < until; rounds++) {
        synthetic_chain(folder, 1 + (unsigned)draw(3), 1 + draw(200), (uint32_t)draw(2));
        synthetic_names(folder, 4242, names);
        synthetic_file(folder, "notes", "key value\nother\n", 16);
        one_spoilt_folder();
        summarise(folder);
        synthetic_remove(folder);
        synthetic_folder(folder);
    }
    print_message("%llu folders\n", (unsigned long long)rounds);
}

static void take(void *arg, const struct tram__trace_event *e) {
    uint64_t *sum = arg;
    *sum += strlen(e->name) + e->begin + (e->track->name ? strlen(e->track->name) : 0);
}

static void spoilt_traces(void **state) {
    (void)state;
    struct tram__counts c;
    char why[TRAM__RUN_WHY];
    uint64_t sum = 0, rounds = 0, size = 0;
    const struct tram__trace_handler h = {.arg = &sum, .event = take};
    static struct tram__trace_report report;
    static unsigned char data[1 << 20];
    for (int deflate = 0; deflate < 2; deflate++) {
        synthetic_chain(folder, 2, 30, TRAM__CLOCK_TSC);
        test_round(deflate, &c, NULL);
        FILE *f = fopen(path, "re");
        assert_non_null(f);
        size = fread(data, 1, sizeof data, f);
        fclose(f);
        for (uint64_t until = until_ns(); synthetic_now_ns() < until; rounds++) {
            f = fopen(copy, "we");
            assert_non_null(f);
            assert_int_equal(fwrite(data, 1, size, f), size);
            fclose(f);
            spoil(copy);
            GOOD(tram__trace_read(copy, &h, &report, why, sizeof why), why);
            summarise(copy);
        }
    }
    print_message("%llu traces\n", (unsigned long long)rounds);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(random_events, enter_at_random, leave_copy),
        cmocka_unit_test_setup_teardown(spoilt_folders, enter_at_random, leave_copy),
        cmocka_unit_test_setup_teardown(spoilt_traces, enter_at_random, leave_copy)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
