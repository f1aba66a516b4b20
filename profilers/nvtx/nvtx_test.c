/* SPDX-License-Identifier: Apache-2.0
 *
 * What a profiler sees of a run through NVTX: every range of every execution, once, under its name and its thread's. The
 * profiler is tool_test.c; with TRAM_NVTX=off it must see nothing. In actors there is a stand-in for what watches a GPU
 * (probe/watch.h) besides, which has to be told of every task while it runs.
 */
#include "testing.h"

#include "probe/gpu.h"
#include "probe/sink.h"
#include "probe/watch.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EXECUTIONS = 60, LONGEST = 400, MOST_ROWS = 1000, MOST_THREADS = 32 };

static char path[64];

/* ---- what the profiler wrote ---- */

struct seen_thread {
    int tid, open, deepest;
    char name[80];
};

/* The ranges of one name on one thread. */
struct row {
    char thread[80], name[80];
    unsigned category, strings, tasks;
    unsigned long long count, sum; /* sum: of the payloads */
};

static struct {
    struct seen_thread threads[MOST_THREADS];
    struct row rows[MOST_ROWS];
    size_t thread_count, row_count;
    unsigned domains, strays, measures, measures_ended, categories;
} seen;

static struct seen_thread *thread_of(int tid) {
    for (size_t i = 0; i < seen.thread_count; i++)
        if (seen.threads[i].tid == tid)
            return &seen.threads[i];
    assert_true(seen.thread_count < MOST_THREADS);
    struct seen_thread *t = &seen.threads[seen.thread_count++];
    t->tid = tid;
    return t;
}

static struct row *row_of(const char *thread, const char *name) {
    for (size_t i = 0; i < seen.row_count; i++)
        if (strcmp(seen.rows[i].thread, thread) == 0 && strcmp(seen.rows[i].name, name) == 0)
            return &seen.rows[i];
    assert_true(seen.row_count < MOST_ROWS);
    struct row *r = &seen.rows[seen.row_count++];
    snprintf(r->thread, sizeof r->thread, "%s", thread);
    snprintf(r->name, sizeof r->name, "%s", name);
    return r;
}

static void see_push(struct seen_thread *t, unsigned category, unsigned long long number, const char *name) {
    struct row *r = row_of(t->name, name);
    r->category = category;
    r->count++;
    r->sum += number;
    if (++t->open > t->deepest)
        t->deepest = t->open;
}

/* The watch is told within the range, which stands on the top. */
static void see_task(const struct seen_thread *t, unsigned long long task) {
    struct row *r = row_of(t->name, "task");
    assert_int_equal(t->open, 1);
    assert_true(task >> 48 >= 1 && task >> 48 <= 3);
    assert_int_equal(task >> 16 & 0xFFFFFFFF, ++r->tasks); /* one for each execution, in order */
}

static void see(const char *line) {
    static const char *const categories[] = {"", "read", "compute", "write", "collective", "eager"};
    int pid, tid, named, at = 0;
    unsigned category;
    unsigned long long number;
    char name[80];
    assert_int_equal(sscanf(line, "%d %d %n", &pid, &tid, &at), 2);
    line += at;
    struct seen_thread *t = thread_of(tid);
    if (sscanf(line, "push %u %llu %79[^\n]", &category, &number, name) == 3) {
        see_push(t, category, number, name);
    } else if (sscanf(line, "thread %d %79[^\n]", &named, name) == 2) {
        assert_int_equal(named, tid);
        snprintf(t->name, sizeof t->name, "%s", name);
    } else if (sscanf(line, "category %u %s", &category, name) == 2) {
        assert_true(category >= 1 && category <= 5);
        assert_string_equal(name, categories[category]);
        seen.categories++;
    } else if (sscanf(line, "task %llu", &number) == 1) {
        see_task(t, number);
    } else if (strcmp(line, "pop\n") == 0) {
        assert_true(t->open-- > 0);
    } else if (strcmp(line, "domain tramline\n") == 0) {
        seen.domains++;
    } else if (strcmp(line, "start measure\n") == 0) {
        seen.measures++;
    } else if (strcmp(line, "end\n") == 0) {
        assert_true(++seen.measures_ended <= seen.measures);
    } else if (sscanf(line, "string %79[^\n]", name) == 1) {
        char process[16];
        snprintf(process, sizeof process, "%d", pid);
        assert_int_equal(row_of(process, name)->strings++, 0); /* registered once */
    } else {
        print_error("the profiler says: %s", line);
        seen.strays++;
    }
}

static void read_all(void) {
    char line[LONGEST];
    FILE *f = fopen(path, "re");
    assert_non_null(f);
    while (fgets(line, sizeof line, f))
        see(line);
    fclose(f);
}

/* ---- checks ---- */

/* This thread had `count` ranges of this name, one for each execution from 1; `unfinished`: and began one for the next. */
static void expect(const char *thread, enum tram__range category, const char *name, unsigned count,
                   bool unfinished) {
    const struct row *r = row_of(thread, name);
    unsigned all = count + unfinished;
    if (r->count != all)
        print_error("%s: %s\n", thread, name);
    assert_int_equal(r->count, all);
    assert_int_equal(r->sum, (unsigned long long)all * (all + 1) / 2);
    assert_int_equal(r->category, (unsigned)category);
}

/* a -> b, on threads of their own: at the end each waits for one execution more. */
static void chain(void **state) {
    (void)state;
    expect("ann: graph 1", TRAM__RANGE_READ, "READ c0 input", EXECUTIONS, true);
    expect("ann: graph 1", TRAM__RANGE_COMPUTE, "COMPUTE ann.echo", EXECUTIONS, false);
    expect("ann: graph 1", TRAM__RANGE_WRITE, "WRITE c1 ann.echo", EXECUTIONS, false);
    expect("bob: graph 1", TRAM__RANGE_READ, "READ c1 ann.echo", EXECUTIONS, true);
    expect("bob: graph 1", TRAM__RANGE_COMPUTE, "COMPUTE bob.obey", EXECUTIONS, false);
    expect("bob: graph 1", TRAM__RANGE_WRITE, "WRITE c2 bob.obey", EXECUTIONS, false);
    expect("driver: main", TRAM__RANGE_READ, "READ c2 bob.obey", EXECUTIONS, false);
}

/* Two parts of input, one value for two, two outputs. */
static void diamond(void **state) {
    (void)state;
    expect("cat: graph 2", TRAM__RANGE_READ, "READ c0 input 0", EXECUTIONS, true);
    expect("cat: graph 2", TRAM__RANGE_READ, "READ c1 input 1", EXECUTIONS, false);
    expect("cat: graph 2", TRAM__RANGE_COMPUTE, "COMPUTE cat.join", EXECUTIONS, false);
    expect("cat: graph 2", TRAM__RANGE_WRITE, "WRITE c2 cat.join", EXECUTIONS, false);
    expect("dan: graph 2", TRAM__RANGE_READ, "READ c2 cat.join", EXECUTIONS, true);
    expect("dan: graph 2", TRAM__RANGE_COMPUTE, "COMPUTE dan.echo", EXECUTIONS, false);
    expect("dan: graph 2", TRAM__RANGE_WRITE, "WRITE c3 dan.echo", EXECUTIONS, false);
    expect("driver: main", TRAM__RANGE_WRITE, "WRITE c0 input 0", EXECUTIONS, false);
    expect("driver: main", TRAM__RANGE_WRITE, "WRITE c1 input 1", EXECUTIONS, false);
    expect("driver: main", TRAM__RANGE_READ, "READ c2 cat.join", EXECUTIONS, false);
    expect("driver: main", TRAM__RANGE_READ, "READ c3 dan.echo", EXECUTIONS, false);
}

/* A node is told from another, and an actor from another. */
static void tasks(void **state) {
    (void)state;
    static const char *const threads[] = {"ann: graph 1", "bob: graph 1", "cat: graph 2", "dan: graph 2",
                                          "eve: main"};
    for (size_t i = 0; i < sizeof threads / sizeof threads[0]; i++)
        assert_int_equal(row_of(threads[i], "task")->tasks, EXECUTIONS);
    assert_int_equal(row_of("driver: main", "task")->tasks, 0);
}

/* In turns there is no waiting to tell of. */
static void main_thread(void **state) {
    (void)state;
    expect("eve: main", TRAM__RANGE_READ, "READ c0 input", EXECUTIONS, false);
    expect("eve: main", TRAM__RANGE_COMPUTE, "COMPUTE eve.tag", EXECUTIONS, false);
    expect("eve: main", TRAM__RANGE_WRITE, "WRITE c1 eve.tag", EXECUTIONS, false);
    expect("driver: main", TRAM__RANGE_READ, "READ c1 eve.tag", EXECUTIONS, false);
}

/* Of the graphs whose input has one part; the second was filled in place. */
static void inputs(void **state) {
    (void)state;
    const struct row *r = row_of("driver: main", "WRITE c0 input");
    assert_int_equal(r->count, 2 * EXECUTIONS);
    assert_int_equal(r->sum, EXECUTIONS * (EXECUTIONS + 1));
}

/* An eager call: its submission, the wait for it, and its method. */
static void eager(void **state) {
    (void)state;
    expect("driver: main", TRAM__RANGE_EAGER, "call ann.echo", 1, false);
    expect("driver: main", TRAM__RANGE_EAGER, "get ann.echo", 1, false);
    expect("ann: main", TRAM__RANGE_EAGER, "RUN ann.echo", 1, false);
}

static void whole(void **state) {
    (void)state;
    unsigned long long count = 0;
    for (size_t i = 0; i < seen.thread_count; i++) {
        assert_int_equal(seen.threads[i].open, 0);
        assert_true(seen.threads[i].deepest <= 1);
    }
    for (size_t i = 0; i < seen.row_count; i++)
        count += seen.rows[i].count;
    /* chain: 3 + 3, diamond: 4 + 3, in turns: 3; the driver: 2 + 4 + 2; the threads that wait for more: 4; one call */
    assert_int_equal(count, EXECUTIONS * (6 + 7 + 3 + 8) + 4 + 3);
    assert_int_equal(seen.strays, 0);
    assert_int_equal(seen.domains, 6); /* a process each */
    assert_int_equal(seen.categories, 6 * 5);
    assert_int_equal(seen.measures, 1);
    assert_int_equal(seen.measures_ended, 1);
}

static void off(void **state) {
    (void)state;
    assert_true(access(path, F_OK) != 0);
    assert_null(tram__probe_sink);
}

/* ---- the run ---- */

static void finish(struct tram_ref *r) {
    char back[128];
    size_t size;
    int status = tram_get(r, back, sizeof back, &size, 20);
    assert_true(status == TRAM_OK || status == TRAM_ERR_TASK);
}

/* One execution in four fails in the second actor: its ranges end all the same. */
static void run_chain(void) {
    struct tram_actor *ann = test_actor("ann"), *bob = test_actor("bob");
    struct tram_graph *g;
    struct tram_compiled *x;
    struct tram_ref r;
    OK(tram_graph_create(test_runtime, &g));
    struct tram_node node = tram_graph_bind(g, ann, "echo", tram_graph_input(g, 64));
    tram_graph_output(g, tram_graph_bind(g, bob, "obey", node));
    OK(tram_graph_compile(g, NULL, &x));
    for (int i = 0; i < EXECUTIONS; i++) {
        OK(tram_execute(x, i % 4 ? "n" : "f", 1, &r));
        finish(&r);
    }
    test_echo_call(ann, "echo", 10, 1);
    OK(tram_teardown(x));
    tram_graph_destroy(g);
}

static void run_diamond(void) {
    struct tram_actor *cat = test_actor("cat"), *dan = test_actor("dan");
    struct tram_graph *g;
    struct tram_compiled *x;
    struct tram_ref r[2];
    OK(tram_graph_create(test_runtime, &g));
    struct tram_node parts[2] = {tram_graph_input(g, 8), tram_graph_input(g, 8)};
    struct tram_node joined = tram_graph_bind_args(g, cat, "join", 2, parts);
    tram_graph_output(g, joined);
    tram_graph_output(g, tram_graph_bind(g, dan, "echo", joined));
    OK(tram_graph_compile(g, NULL, &x));
    for (int i = 0; i < EXECUTIONS; i++) {
        OK(tram_execute_parts(x, 2, (struct tram_bytes[]){{"ab", 2}, {"cd", 2}}, r));
        finish(&r[0]);
        finish(&r[1]);
    }
    OK(tram_teardown(x));
    tram_graph_destroy(g);
}

static void run_turns(void) {
    struct tram_actor *eve = test_actor("eve");
    struct tram_ref r;
    struct tram_compiled *x =
        test_chain(64, &(struct tram_compile_options){.thread = TRAM_THREAD_MAIN}, "tag", 1, &eve);
    for (int i = 0; i < EXECUTIONS; i++) {
        void *room;
        OK(tram_execute_loan(x, 1, &room));
        *(char *)room = 'x';
        OK(tram_execute_commit(x, 1, &r));
        finish(&r);
    }
    OK(tram_teardown(x));
}

static void run(void **state) {
    (void)state;
    tram__probe_measure(true);
    tram__probe_measure(true); /* it has begun */
    run_chain();
    run_diamond();
    run_turns();
    tram__probe_measure(false);
    tram__probe_measure(false);
    tram_fini(test_runtime);
}

/* ---- what watches ---- */

static void watch_tell(uint64_t task) {
    char line[80];
    FILE *f = fopen(getenv("TRAM_TEST_NVTX"), "ae");
    snprintf(line, sizeof line, "%d %d task %llu\n", (int)getpid(), (int)gettid(), (unsigned long long)task);
    if (!f || fputs(line, f) < 0 || fclose(f))
        abort();
}

static void watch_end(void) {
}

static const struct tram__probe_watch watch = {watch_tell, watch_end, watch_end};

static int prepare(int *argc, char ***argv) {
    const char *how = getenv("TRAM_NVTX");
    snprintf(path, sizeof path, "/tmp/tramline_nvtx_%d", (int)getpid());
    if (!getenv("TRAM_TEST_NVTX")) { /* the driver, for all */
        unlink(path);
        setenv("TRAM_TEST_NVTX", path, 1);
        setenv("TRAM_NVTX", "maybe", 1);
        if (tram_init(argc, argv, test_classes, &test_runtime) != TRAM_ERR_INVALID)
            return 1;
        setenv("TRAM_NVTX", how ? how : "", 1);
    } else if (!how || strcmp(how, "off") != 0) {
        tram__probe_watch = &watch;
    }
    return tram_init(argc, argv, test_classes, &test_runtime);
}

int main(int argc, char **argv) {
    if (!getenv("NVTX_INJECTION64_PATH")) {
        printf("nvtx_test: skipped, NVTX was not there to build with\n");
        return 77;
    }
    if (prepare(&argc, &argv))
        return 1;
    bool is_off = getenv("TRAM_NVTX") && strcmp(getenv("TRAM_NVTX"), "off") == 0;
    const struct CMUnitTest runs[] = {cmocka_unit_test(run)}, offs[] = {cmocka_unit_test(off)};
    const struct CMUnitTest checks[] = {cmocka_unit_test(chain),       cmocka_unit_test(diamond),
                                        cmocka_unit_test(main_thread), cmocka_unit_test(inputs),
                                        cmocka_unit_test(eager),       cmocka_unit_test(tasks),
                                        cmocka_unit_test(whole)};
    int failed = cmocka_run_group_tests(runs, NULL, NULL);
    if (is_off)
        return failed + cmocka_run_group_tests(offs, NULL, NULL);
    read_all();
    failed += cmocka_run_group_tests(checks, NULL, NULL);
    if (!failed)
        unlink(path);
    return failed;
}
