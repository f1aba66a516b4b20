/* SPDX-License-Identifier: Apache-2.0
 *
 * Traced runs of whole processes, and what their traces have: exactly the slices and flows of every execution. Each run is a
 * process of its own, "trace_test drive ...", so that it can be killed; traces are read by tram-trace, which TRAM_TRACE_TOOL
 * names.
 */
#include "probe/ring.h"
#include "testing.h"

#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* The graph: input -> ann; ann -> bob, cat and dan; these -> ann, which joins them; cat -> the driver as well. */
enum {
    EDGES = 1 + 3 + 1 + 2 + 1 + 1,
    READS = EDGES + 2, /* and what the driver copies out */
    COMPUTES = 5,
    WRITES = 6 + 1, /* and what it copies in */
    PROCESSES = 5,
    MOST_INFLIGHT = 4
};

/* ---- the run ---- */

struct drive {
    char path[64];
    unsigned env, inflight, main,
        executions;    /* executions 0: until it is killed; env: TRAM_TRACE in place of a call */
    unsigned hang;     /* the method that joins never returns from this execution */
    unsigned troubles; /* in place of all that: what goes wrong, and waits of other kinds */
    struct tram_trace_options options;
};

static struct tram_compiled *compile(const struct drive *d) {
    struct tram_actor *ann = test_actor("ann"), *bob = test_actor("bob"), *cat = test_actor("cat"),
                      *dan = test_actor("dan");
    struct tram_compile_options o = {.inflight = d->inflight,
                                     .thread = d->main ? TRAM_THREAD_MAIN : TRAM_THREAD_OWN};
    struct tram_graph *g;
    struct tram_compiled *x;
    OK(tram_graph_create(test_runtime, &g));
    struct tram_node first = tram_graph_bind(g, ann, "echo", tram_graph_input(g, 64));
    struct tram_node three[] = {tram_graph_bind(g, bob, "echo", first),
                                tram_graph_bind(g, cat, "echo", first),
                                tram_graph_bind(g, dan, "obey", first)};
    struct tram_node joined = tram_graph_bind_args(g, ann, "join", 3, three);
    tram_graph_limit(g, joined, 192);
    tram_graph_output(g, joined);
    tram_graph_output(g, three[1]);
    OK(tram_graph_compile(g, &o, &x));
    tram_graph_destroy(g);
    return x;
}

static void fetch(struct tram_ref *refs) {
    char data[192];
    size_t size;
    OK(tram_get(&refs[0], data, sizeof data, &size, 30));
    assert_int_equal(size, 3 * 16);
    OK(tram_get(&refs[1], data, sizeof data, &size, 30));
    assert_int_equal(size, 16);
}

static void run(const struct drive *d) {
    struct tram_ref refs[MOST_INFLIGHT][2];
    char data[16] = "n";
    struct tram_compiled *x = compile(d);
    for (unsigned i = 0; !d->executions || i < d->executions; i++) {
        if (i >= d->inflight)
            fetch(refs[i % d->inflight]);
        if (i + 1 == d->hang)
            *data = DO_HANG;
        OK(tram_execute(x, data, sizeof data, refs[i % d->inflight]));
    }
    for (unsigned i = d->executions > d->inflight ? d->executions - d->inflight : 0; i < d->executions; i++)
        fetch(refs[i % d->inflight]);
    OK(tram_teardown(x));
}

/* A call whose argument failed, and never ran. */
static void failing_calls(struct tram_actor *a) {
    char data[64];
    struct tram_ref fails, never;
    OK(tram_call(a, "obey", "f", 1, &fails));
    const struct tram_value of = {.kind = TRAM_REF, .ref = &fails};
    OK(tram_call_with(a, "echo", &(struct tram_call_params){.value_count = 1, .values = &of}, &never));
    FAILS(tram_get(&never, data, sizeof data, NULL, 30), TRAM_ERR_TASK);
    FAILS(tram_get(&fails, data, sizeof data, NULL, 30), TRAM_ERR_TASK);
}

/* One execution that ends, after a wait in vain and one for any of several results; then one that is lost. */
static void troubles(const struct drive *d) {
    char data[64];
    size_t index;
    struct tram_actor *a = test_actor("ann");
    struct tram_compile_options o = {.inflight = 2, .thread = d->main ? TRAM_THREAD_MAIN : TRAM_THREAD_OWN};
    struct test_order_bytes order = {.order = DO_SLEEP, .ms = 300};
    struct tram_ref r[2];
    struct tram_graph *g;
    struct tram_compiled *x;
    failing_calls(a);
    OK(tram_graph_create(test_runtime, &g));
    tram_graph_output(g, tram_graph_bind(g, a, "obey", tram_graph_input(g, 64)));
    OK(tram_graph_compile(g, &o, &x));
    tram_graph_destroy(g);
    test_pause_ms(20); /* on a main thread, between turns */
    OK(tram_execute(x, &order, sizeof order, &r[0]));
    FAILS(tram_get(&r[0], data, sizeof data, NULL, 0.01), TRAM_ERR_TIMED_OUT);
    order.order = DO_EXIT;
    OK(tram_execute(x, &order, sizeof order, &r[1]));
    OK(tram_wait_any(r, 1, 30, &index));
    OK(tram_get(&r[0], data, sizeof data, NULL, 30));
    FAILS(tram_get(&r[1], data, sizeof data, NULL, 30), TRAM_ERR_PEER_DEAD);
    tram_teardown(x);
}

static void drive_it(void **state) {
    const struct drive *d = *state;
    if (!d->env)
        OK(tram_trace_open(test_runtime, d->path, &d->options));
    if (d->troubles)
        troubles(d);
    else
        run(d);
    tram_fini(test_runtime);
    if (d->env) { /* another runtime does not take the place of the first one's trace */
        char name[] = "trace_test", *args[] = {name, NULL}, **argv = args;
        int argc = 1;
        OK(tram_init(&argc, &argv, test_classes, &test_runtime));
        tram_fini(test_runtime);
    }
}

static int drive(int argc, char **argv) {
    struct drive d = {0};
    unsigned long long first, count, bytes;
    if (argc < 10 || argc > 11)
        return 2;
    snprintf(d.path, sizeof d.path, "%s", argv[2]);
    d.env = (unsigned)atoi(argv[3]);
    d.inflight = (unsigned)atoi(argv[4]);
    d.main = (unsigned)atoi(argv[5]);
    d.executions = (unsigned)atoi(argv[6]);
    d.hang = (unsigned)atoi(argv[7]);
    if (sscanf(argv[8], "%llu,%llu", &first, &count) != 2 || sscanf(argv[9], "%llu", &bytes) != 1)
        return 2;
    d.options = (struct tram_trace_options){first, count, bytes};
    d.troubles = argc > 10 && atoi(argv[10]);
    if (d.env)
        setenv("TRAM_TRACE", d.path, 1);
    if (tram_init(&argc, &argv, test_classes, &test_runtime))
        return 2;
    const struct CMUnitTest tests[] = {cmocka_unit_test_prestate(drive_it, &d)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* ---- around it ---- */

static char path[64], folder[80];

static pid_t start(const struct drive *d) {
    char text[7][40], window[80];
    const unsigned numbers[] = {d->env, d->inflight, d->main, d->executions, d->hang, 0, d->troubles};
    for (int i = 0; i < 7; i++)
        snprintf(text[i], sizeof text[i], "%u", numbers[i]);
    snprintf(window, sizeof window, "%llu,%llu", (unsigned long long)d->options.first,
             (unsigned long long)d->options.count);
    snprintf(text[5], sizeof text[5], "%zu", d->options.ring_bytes);
    pid_t pid = fork();
    if (pid == 0) {
        if (!freopen("/dev/null", "w", stderr) || !freopen("/dev/null", "w", stdout))
            _exit(3);
        execl("/proc/self/exe", "trace_test", "drive", path, text[0], text[1], text[2], text[3], text[4],
              window, text[5], text[6], (char *)NULL);
        _exit(3);
    }
    assert_true(pid > 0);
    return pid;
}

static void run_to_its_end(const struct drive *d) {
    int status;
    pid_t pid = start(d);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_int_not_equal(access(folder, F_OK), 0); /* what it was made of is gone */
}

struct found {
    unsigned long long slices, flows, processes, errors, dropped, samples, reads, computes, writes,
        executions;
};

static FILE *tool(const char *arguments) {
    char command[512];
    const char *program = getenv("TRAM_TRACE_TOOL");
    snprintf(command, sizeof command, "'%s' %s", program, arguments);
    FILE *f = popen(command, "r");
    assert_non_null(f);
    return f;
}

static struct found check(void) {
    struct found r = {.errors = 99};
    char arguments[128], name[64];
    unsigned long long value;
    const struct {
        const char *name;
        unsigned long long *to;
    } rows[] = {{"slices", &r.slices},       {"flows", &r.flows},
                {"processes", &r.processes}, {"errors", &r.errors},
                {"dropped", &r.dropped},     {"samples", &r.samples},
                {"slices.read", &r.reads},   {"slices.compute", &r.computes},
                {"slices.write", &r.writes}, {"slices.program", &r.executions}};
    snprintf(arguments, sizeof arguments, "check %s", path);
    FILE *f = tool(arguments);
    while (fscanf(f, "%63s %llu", name, &value) == 2)
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
            if (strcmp(name, rows[i].name) == 0)
                *rows[i].to = value;
    assert_int_equal(pclose(f), 0);
    assert_int_equal(r.errors, 0);
    return r;
}

static void recover(void) {
    char arguments[256];
    snprintf(arguments, sizeof arguments, "recover %s -o %s", folder, path);
    FILE *f = tool(arguments);
    while (fgetc(f) != EOF)
        ;
    assert_int_equal(pclose(f), 0);
    assert_int_equal(access(folder, F_OK), 0);
}

static bool trace_says(const char *text) {
    FILE *f = fopen(path, "re");
    assert_non_null(f);
    char *data = malloc(64 << 20);
    size_t n = data ? fread(data, 1, 64 << 20, f) : 0;
    fclose(f);
    bool found = memmem(data, n, text, strlen(text)) != NULL;
    free(data);
    return found;
}

static void has(const struct found *f, unsigned executions) {
    assert_int_equal(f->processes, PROCESSES);
    assert_int_equal(f->flows, executions * EDGES);
    assert_int_equal(f->reads, executions * READS);
    assert_int_equal(f->computes, executions * COMPUTES);
    assert_int_equal(f->writes, executions * WRITES);
    assert_int_equal(f->executions, executions);
    assert_int_equal(f->samples,
                     executions * (2 + 2 * EDGES)); /* in flight: executions, and what is on each edge */
}

static void every_execution(void **state) {
    (void)state;
    enum { EXECUTIONS = 300 };
    for (unsigned i = 0; i < 8; i++) {
        struct drive d = {
            .env = i & 1, .inflight = i & 2 ? MOST_INFLIGHT : 1, .main = i >> 2, .executions = EXECUTIONS};
        run_to_its_end(&d);
        struct found f = check();
        has(&f, EXECUTIONS);
        assert_int_equal(f.dropped, 0);
    }
}

static void a_window(void **state) {
    (void)state;
    for (unsigned main = 0; main < 2; main++) {
        struct drive d = {
            .inflight = MOST_INFLIGHT, .main = main, .executions = 100, .options = {.first = 11, .count = 7}};
        run_to_its_end(&d);
        struct found f = check();
        has(&f, 7);
        d.options.count = 0;
        run_to_its_end(&d);
        f = check();
        has(&f, 90);
    }
}

static void full_rings(void **state) {
    (void)state;
    struct drive d = {.inflight = 1, .executions = 2000, .options = {.ring_bytes = 8192}};
    run_to_its_end(&d);
    struct found f = check();
    assert_true(f.dropped > 2000 && f.computes > 100 && f.computes < 2000);
    assert_true(f.samples >= 2 * PROCESSES);
    assert_true(trace_says("dropped events"));
}

/* Every process of the run, by the names of their files. */
static void kill_all(pid_t driver) {
    struct dirent *e;
    DIR *d = opendir(folder);
    assert_non_null(d);
    while ((e = readdir(d))) {
        int pid = 0;
        if (sscanf(e->d_name, "names-%d", &pid) == 1 && pid > 1)
            kill(pid, SIGKILL);
    }
    closedir(d);
    assert_int_equal(waitpid(driver, NULL, 0), driver);
}

static void remove_folder(void) {
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
}

static unsigned rings(void) {
    unsigned n = 0;
    struct dirent *e;
    DIR *d = opendir(folder);
    while (d && (e = readdir(d)))
        n += strncmp(e->d_name, "ring-", 5) == 0;
    if (d)
        closedir(d);
    return n;
}

/* Events that all threads have recorded by now. */
static uint64_t recorded(void) {
    uint64_t sum = 0;
    struct dirent *e;
    DIR *d = opendir(folder);
    while (d && (e = readdir(d))) {
        struct tram__ring_head head;
        char file[400];
        snprintf(file, sizeof file, "%s/%s", folder, e->d_name);
        FILE *f = strncmp(e->d_name, "ring-", 5) == 0 ? fopen(file, "re") : NULL;
        if (f && fread(&head, sizeof head, 1, f) == 1)
            sum += tram__load_relaxed(&head.written);
        if (f)
            fclose(f);
    }
    if (d)
        closedir(d);
    return sum;
}

/* Until the run has got on well, or, if it is to hang, until it does. */
static void let_it_run(bool hangs) {
    uint64_t before = 0, now = 0;
    for (int ms = 0; hangs ? now < 1000 || now != before : now < 5000; ms += 300) {
        assert_true(ms < 60000);
        before = now;
        test_pause_ms(300);
        now = recorded();
    }
}

static void killed(void **state) {
    (void)state;
    for (unsigned i = 0; i < 3; i++) { /* on threads of their own, on the main ones; inside a method */
        struct drive d = {.inflight = MOST_INFLIGHT, .main = i == 1, .hang = i == 2 ? 200 : 0};
        pid_t pid = start(&d);
        unsigned expected = i == 1 ? PROCESSES : 2 * PROCESSES - 1;
        for (int ms = 0; rings() < expected; ms++) {
            assert_true(ms < 20000);
            test_pause_ms(1);
        }
        let_it_run(i == 2);
        kill_all(pid);
        recover();
        struct found f = check();
        assert_int_equal(f.processes, PROCESSES);
        assert_true(f.flows > 100 && f.computes > 100);
        assert_int_equal(trace_says("dan.obey, died here"), i == 2);
        remove_folder();
    }
}

static void what_goes_wrong(void **state) {
    (void)state;
    for (unsigned main = 0; main < 2; main++) {
        struct drive d = {.main = main, .troubles = 1};
        run_to_its_end(&d);
        struct found f = check();
        assert_int_equal(f.executions, 1); /* the one that ended */
        assert_true(trace_says("run obey"));
        assert_false(trace_says("run echo"));
        assert_true(trace_says("timed out waiting for c1"));
        assert_true(trace_says("wait for any"));
        assert_int_equal(trace_says("between turns, c0"), main);
    }
}

static void bad_input(void **state) {
    (void)state;
    static const char *const bad[] = {
        "check",      "check /nowhere/at/all", "recover /nowhere -o /tmp/x", "recover /tmp", "sing",
        "recover -o", "check --loud x"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char arguments[128], line[512] = "";
        snprintf(arguments, sizeof arguments, "%s 2>&1", bad[i]);
        FILE *f = tool(arguments);
        assert_non_null(fgets(line, sizeof line, f));
        assert_non_null(strstr(line, "tram-trace"));
        assert_null(fgets(line, sizeof line, f));
        assert_int_equal(WEXITSTATUS(pclose(f)), 2);
    }
}

static int leave(void **state) {
    (void)state;
    unlink(path);
    return 0;
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "drive") == 0)
        return drive(argc, argv);
    if (argc > 1) /* an actor */
        return tram_init(&argc, &argv, test_classes, &test_runtime) ? 2 : 3;
    if (!getenv("TRAM_TRACE_TOOL")) {
        printf("trace_test: skipped, TRAM_TRACE_TOOL does not name tram-trace\n");
        return 77;
    }
    snprintf(path, sizeof path, "/tmp/tramline_trace_%d.pftrace", (int)getpid());
    snprintf(folder, sizeof folder, "%s.rings", path);
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_execution), cmocka_unit_test(a_window),
                                       cmocka_unit_test(full_rings),      cmocka_unit_test(killed),
                                       cmocka_unit_test(what_goes_wrong), cmocka_unit_test(bad_input)};
    return cmocka_run_group_tests(tests, NULL, leave);
}
