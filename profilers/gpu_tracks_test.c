/* SPDX-License-Identifier: Apache-2.0
 *
 * Made-up records of GPUs beside made-up runs: the trace has each of them once, on the track where it belongs, and a flow from
 * the task that it was made in.
 */
#include "profilers/gpu/file.h"
#include "profilers/gpu_tracks.h"
#include "profilers/synthetic.h"
#include "profilers/trace_read.h"
#include "profilers/write.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { EXECUTIONS = 500, KERNELS = 3, STEP_NS = 10000 };

static char folder[64], path[80];

static const char *keep; /* a folder that takes the traces, for others to look at; on the same file system */

static int set_up(void **state) {
    (void)state;
    synthetic_folder(folder);
    snprintf(path, sizeof path, "%s.pftrace", folder);
    return 0;
}

static int clean(void **state) {
    static int count;
    char kept[4200];
    (void)state;
    snprintf(kept, sizeof kept, "%s/gpu%d.pftrace", keep ? keep : "", ++count);
    if (!keep || rename(path, kept))
        unlink(path);
    synthetic_remove(folder);
    return 0;
}

/* What the reader finds, by track. */
static struct { unsigned kernels, copies, calls, waits, collectives, called_mul, outside; } seen;

static void see(void *arg, const struct tram__trace_event *e) {
    (void)arg;
    if (!e->slice || !e->track->name)
        return;
    bool gpu = strcmp(tram__category_text(e->category), "gpu") == 0;
    bool on_stream = strncmp(e->track->name, "stream 7", 8) == 0;
    seen.kernels += gpu && on_stream && strcmp(e->name, "mul") == 0;
    seen.copies += gpu && on_stream && strcmp(e->name, "copy to the device") == 0;
    seen.calls += strncmp(e->track->name, "call, thread 77", 15) == 0;
    seen.waits += strcmp(e->name, "synchronise") == 0;
    seen.collectives += strcmp(tram__category_text(e->category), "collective") == 0;
    seen.outside += gpu && on_stream && (!e->track->process || strcmp(e->track->process, "Stage#0") != 0);
}

/* One more record. */
static void put(struct tram__gpu_file *f, enum tram__gpu_kind kind, const struct tram__gpu_record *with) {
    struct tram__gpu_record *r = tram__gpu_claim(f);
    if (!r)
        return;
    tram__word32 none = 0;
    *r = *with;
    atomic_store(&r->kind, none);
    tram__gpu_publish(r, kind);
}

/* In each execution the first stage has its GPU copy, and run three kernels, of which the last is still at work when the task is
 * done; and waits. pid: whose file it is. */
static void write_gpu(int pid, uint64_t capacity) {
    struct tram__gpu_file f;
    char why[256];
    assert_int_equal(tram__gpu_file_open(&f, folder, "gpu", capacity, why, sizeof why), 0);
    f.head->pid = pid;
    uint32_t mul = tram__gpu_name(&f, "mul"), launch = tram__gpu_name(&f, "cudaLaunchKernel");
    for (uint64_t n = 1; n <= EXECUTIONS; n++) {
        uint64_t at = SYNTHETIC_BEGIN + n * STEP_NS + 500;
        for (uint64_t k = 0; k <= KERNELS; k++) {
            uint64_t id = n * 10 + k, begin = at + 20 * k;
            put(&f, TRAM__GPU_LINK, &(struct tram__gpu_record){.id = id, .parent = tram__gpu_task(1, n, 1)});
            put(&f, TRAM__GPU_CALL,
                &(struct tram__gpu_record){
                    .id = id, .name = launch, .thread = 77, .begin_ns = begin, .end_ns = begin + 10});
            put(&f, k ? TRAM__GPU_KERNEL : TRAM__GPU_COPY,
                &(struct tram__gpu_record){.id = id,
                                           .name = k ? mul : 0,
                                           .stream = 7,
                                           .detail = k ? 1 : TRAM__GPU_TO_DEVICE,
                                           .bytes = k ? 0 : 4096,
                                           .begin_ns = begin + 15,
                                           .end_ns = k == KERNELS ? at + 900 : begin + 30});
        }
        put(&f, TRAM__GPU_SYNC,
            &(struct tram__gpu_record){.thread = 77, .begin_ns = at + 100, .end_ns = at + 200});
    }
    tram__gpu_file_close(&f);
}

/* An actor of the run in the folder. */
static int pid_of(uint32_t actor) {
    struct tram__run r;
    char why[512];
    int pid = 0;
    assert_int_equal(tram__run_open(&r, folder, why, sizeof why), 0);
    for (uint32_t i = 0; i < r.process_count; i++)
        if (r.processes[i].actor == actor)
            pid = r.processes[i].pid;
    tram__run_close(&r);
    return pid;
}

/* As JSON there is the same: as many slices, and flows with both ends. */
static void same_as_json(const struct tram__run *r, const struct tram__counts *c) {
    char file[100], why[512];
    struct tram__counts also;
    size_t i, slices = 0, begins = 0, ends = 0;
    json_t *e;
    snprintf(file, sizeof file, "%s.json", folder);
    assert_int_equal(tram__trace_write(r, file, false, &also, why, sizeof why), 0);
    assert_int_equal(also.slices, c->slices);
    assert_int_equal(also.flows, c->flows);
    json_t *j = json_load_file(file, 0, NULL), *events = json_object_get(j, "traceEvents");
    assert_non_null(j);
    json_array_foreach(events, i, e) {
        const char *ph = json_string_value(json_object_get(e, "ph"));
        slices += *ph == 'X';
        begins += *ph == 's';
        ends += *ph == 'f';
    }
    assert_int_equal(slices, c->slices);
    assert_int_equal(begins, c->flows);
    assert_int_equal(ends, c->flows);
    json_decref(j);
    unlink(file);
}

static unsigned traces;

static struct tram__trace_report written(struct tram__counts *c, uint32_t *notes) {
    static const struct tram__trace_handler handler = {.event = see};
    struct tram__trace_report report;
    struct tram__run r;
    char why[512];
    memset(&seen, 0, sizeof seen);
    assert_int_equal(tram__run_open(&r, folder, why, sizeof why), 0);
    assert_int_equal(tram__trace_write(&r, path, false, c, why, sizeof why), 0);
    if (notes)
        *notes = r.note_count;
    if (traces++ < 8 || traces % 64 == 0) /* it is slow */
        same_as_json(&r, c);
    tram__run_close(&r);
    assert_int_equal(tram__trace_read(path, &handler, &report, why, sizeof why), 0);
    for (uint64_t i = 0; i < report.errors && i < 3; i++)
        print_error("%s\n", report.lines[i]);
    assert_int_equal(report.errors, 0);
    return report;
}

static void kernels_belong_to_tasks(void **state) {
    struct tram__counts c;
    uint32_t before, notes;
    (void)state;
    synthetic_chain(folder, 2, EXECUTIONS, TRAM__CLOCK_MONOTONIC);
    struct tram__trace_report without = written(&c, &before);
    write_gpu(pid_of(1), 100000);
    struct tram__trace_report r = written(&c, &notes);
    assert_int_equal(notes, before);
    assert_int_equal(r.slices - without.slices, EXECUTIONS * (2 * (KERNELS + 1) + 1));
    assert_int_equal(r.flows - without.flows, EXECUTIONS * (KERNELS + 1));
    assert_int_equal(seen.kernels, EXECUTIONS * KERNELS);
    assert_int_equal(seen.copies, EXECUTIONS);
    assert_int_equal(seen.calls, EXECUTIONS * (KERNELS + 1));
    assert_int_equal(seen.waits, EXECUTIONS);
    assert_int_equal(seen.outside, 0);
    assert_int_equal(c.clipped, 0);
}

static void what_found_no_room_is_told(void **state) {
    struct tram__counts c;
    uint32_t before, notes;
    (void)state;
    synthetic_chain(folder, 1, EXECUTIONS, TRAM__CLOCK_MONOTONIC);
    written(&c, &before);
    write_gpu(pid_of(1), 1000);
    written(&c, &notes);
    assert_int_equal(notes, before + 1);
}

static void collectives(void **state) {
    struct tram__counts c;
    struct tram__gpu_file f;
    char why[256];
    (void)state;
    synthetic_chain(folder, 2, EXECUTIONS, TRAM__CLOCK_MONOTONIC);
    assert_int_equal(tram__gpu_file_open(&f, folder, "nccl", 1000, why, sizeof why), 0);
    f.head->pid = pid_of(2);
    for (uint64_t n = 0; n < 100; n++) /* four at a time, side by side */
        put(&f, TRAM__GPU_PROXY,
            &(struct tram__gpu_record){.device = 3,
                                       .stream = 1,
                                       .bytes = 10,
                                       .begin_ns = SYNTHETIC_BEGIN + n * 1000,
                                       .end_ns = SYNTHETIC_BEGIN + n * 1000 + 3500});
    put(&f, TRAM__GPU_COLLECTIVE, &(struct tram__gpu_record){.begin_ns = SYNTHETIC_BEGIN}); /* not ended */
    tram__gpu_file_close(&f);
    written(&c, NULL);
    assert_int_equal(seen.collectives, 101);
    assert_int_equal(c.clipped, 0);
}

/* Cut anywhere, or any byte changed: the trace is whole all the same. */
static void cut_or_hostile(void **state) {
    struct tram__counts c;
    uint64_t random = 7;
    char name[64], file[200];
    static unsigned char bytes[1 << 20], changed[1 << 20];
    (void)state;
    synthetic_chain(folder, 1, 20, TRAM__CLOCK_MONOTONIC);
    int pid = pid_of(1);
    struct tram__gpu_file f;
    char why[256];
    assert_int_equal(tram__gpu_file_open(&f, folder, "gpu", 500, why, sizeof why), 0);
    f.head->pid = pid;
    for (uint64_t i = 0; i < 300; i++)
        put(&f, (enum tram__gpu_kind)(1 + i % (TRAM__GPU_KINDS - 1)),
            &(struct tram__gpu_record){.id = i,
                                       .parent = tram__gpu_task(1, i % 20, 1),
                                       .name = tram__gpu_name(&f, i % 2 ? "one" : "other"),
                                       .begin_ns = SYNTHETIC_BEGIN + i * 100,
                                       .end_ns = SYNTHETIC_BEGIN + i * 130});
    tram__gpu_file_close(&f);
    snprintf(name, sizeof name, "gpu-%d", (int)getpid());
    snprintf(file, sizeof file, "%s/%s", folder, name);
    FILE *in = fopen(file, "re");
    assert_non_null(in);
    size_t size = fread(bytes, 1, sizeof bytes, in);
    fclose(in);
    assert_true(size > 4096 && size < sizeof bytes);
    written(&c, NULL);
    for (int i = 0; i < 300; i++) {
        size_t length = i % 3 ? size : synthetic_random(&random) % size;
        memcpy(changed, bytes, size);
        for (int k = 0; i % 3 && k < 8; k++) {
            size_t part = k % 2 ? 200 : size, at = synthetic_random(&random) % part;
            changed[at] = (unsigned char)synthetic_random(&random);
        }
        unlink(file);
        synthetic_file(folder, name, changed, length);
        written(&c, NULL);
    }
}

int main(int argc, char **argv) {
    keep = argc > 1 ? argv[1] : NULL;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(kernels_belong_to_tasks, set_up, clean),
        cmocka_unit_test_setup_teardown(what_found_no_room_is_told, set_up, clean),
        cmocka_unit_test_setup_teardown(collectives, set_up, clean),
        cmocka_unit_test_setup_teardown(cut_or_hostile, set_up, clean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
