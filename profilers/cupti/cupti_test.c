/* SPDX-License-Identifier: Apache-2.0
 *
 * Records of every kind, as CUPTI's header lays them out, and what is kept of them. The module itself is entered as well: it
 * begins to record, or says in a line why it cannot, and in either case leaves the process as it was.
 */
#include "probe/watch.h"
#include "profilers/cupti/convert.h"
#include "profilers/gpu/testing.h"

#include <cupti.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

tram__probe_watch_module tram__probe_watch_enter; /* linked in here */

static char folder[64];
static struct tram__gpu_file file;

static const char *name_of(uint32_t number) {
    static char out[256];
    return gpu_name_of(file.head, file.names, number, out);
}

static void open_file(uint64_t capacity) {
    char why[4400];
    if (tram__gpu_file_open(&file, folder, "test", capacity, why, sizeof why))
        fail_msg("%s", why);
}

static int setup(void **state) {
    (void)state;
    open_file(64);
    return 0;
}

static int teardown(void **state) {
    char path[128];
    struct stat st;
    (void)state;
    uint64_t used = file.head->claimed < file.head->capacity ? file.head->claimed : file.head->capacity;
    uint64_t end = file.head->records_at + used * sizeof(struct tram__gpu_record);
    tram__gpu_file_close(&file);
    snprintf(path, sizeof path, "%s/test-%d", folder, (int)getpid());
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, end); /* cut to what it holds */
    return unlink(path);
}

/* The one record that `activity` becomes. */
static const struct tram__gpu_record *keep(const void *activity, enum tram__gpu_kind kind) {
    uint64_t before = file.head->claimed;
    tram__cupti_record(&file, activity);
    assert_int_equal(file.head->claimed, before + 1);
    const struct tram__gpu_record *r = &file.records[before];
    assert_int_equal(r->kind, kind);
    return r;
}

static void kernels(void **state) {
    (void)state;
    CUpti_ActivityKernel10 k = {.kind = CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL,
                                .start = 1000,
                                .end = 2500,
                                .deviceId = 1,
                                .streamId = 13,
                                .gridX = 4,
                                .gridY = 3,
                                .gridZ = 2,
                                .blockX = 32,
                                .blockY = 8,
                                .blockZ = 1,
                                .correlationId = 99,
                                .name = "_Z4gemmPf"};
    const struct tram__gpu_record *r = keep(&k, TRAM__GPU_KERNEL);
    assert_true(r->begin_ns == 1000 && r->end_ns == 2500 && r->device == 1 && r->stream == 13);
    assert_true(r->detail == 24 && r->number == 256 && r->id == 99 && !r->parent && !r->bytes);
    assert_string_equal(name_of(r->name), "_Z4gemmPf");
    uint32_t first = r->name;
    assert_int_equal(keep(&k, TRAM__GPU_KERNEL)->name, first);
    k.name = NULL; /* and more blocks than its detail can say */
    k.gridX = k.gridY = k.gridZ = INT32_MAX;
    r = keep(&k, TRAM__GPU_KERNEL);
    assert_int_equal(r->name, 0);
    assert_int_equal(r->detail, UINT32_MAX);
}

static void copies(void **state) {
    (void)state;
    static const struct {
        uint8_t kind;
        enum tram__gpu_way way;
    } ways[] = {{CUPTI_ACTIVITY_MEMCPY_KIND_HTOD, TRAM__GPU_TO_DEVICE},
                {CUPTI_ACTIVITY_MEMCPY_KIND_DTOH, TRAM__GPU_TO_HOST},
                {CUPTI_ACTIVITY_MEMCPY_KIND_DTOD, TRAM__GPU_ON_DEVICE},
                {CUPTI_ACTIVITY_MEMCPY_KIND_HTOH, TRAM__GPU_ON_HOST},
                {CUPTI_ACTIVITY_MEMCPY_KIND_PTOP, TRAM__GPU_BETWEEN_DEVICES},
                {CUPTI_ACTIVITY_MEMCPY_KIND_UNKNOWN, TRAM__GPU_UNKNOWN},
                {200, TRAM__GPU_UNKNOWN}};
    CUpti_ActivityMemcpy6 c = {.kind = CUPTI_ACTIVITY_KIND_MEMCPY,
                               .bytes = UINT64_C(1) << 33,
                               .start = 5,
                               .end = 8,
                               .deviceId = 2,
                               .streamId = 7,
                               .correlationId = 3};
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        c.copyKind = ways[i].kind;
        const struct tram__gpu_record *r = keep(&c, TRAM__GPU_COPY);
        assert_int_equal(r->detail, ways[i].way);
        assert_true(r->begin_ns == 5 && r->end_ns == 8 && r->bytes == UINT64_C(1) << 33 && r->id == 3);
        assert_true(r->device == 2 && r->stream == 7 && !r->number);
    }
    CUpti_ActivityMemcpyPtoP4 p = {.kind = CUPTI_ACTIVITY_KIND_MEMCPY2,
                                   .bytes = 64,
                                   .start = 9,
                                   .end = 10,
                                   .deviceId = 0,
                                   .streamId = 1,
                                   .srcDeviceId = 0,
                                   .dstDeviceId = 3,
                                   .correlationId = 4};
    const struct tram__gpu_record *r = keep(&p, TRAM__GPU_COPY);
    assert_true(r->detail == TRAM__GPU_BETWEEN_DEVICES && r->number == 4 && r->bytes == 64 && r->id == 4);
    p.srcDeviceId = 5;
    p.dstDeviceId = 0;
    assert_int_equal(keep(&p, TRAM__GPU_COPY)->number, 6);
}

static void others(void **state) {
    (void)state;
    CUpti_ActivityMemset4 m = {.kind = CUPTI_ACTIVITY_KIND_MEMSET,
                               .bytes = 4096,
                               .start = 20,
                               .end = 21,
                               .deviceId = 1,
                               .streamId = 2,
                               .correlationId = 8};
    const struct tram__gpu_record *r = keep(&m, TRAM__GPU_FILL);
    assert_true(r->bytes == 4096 && r->begin_ns == 20 && r->end_ns == 21 && r->device == 1 && r->id == 8);
    CUpti_ActivityAPI a = {.kind = CUPTI_ACTIVITY_KIND_RUNTIME,
                           .cbid = 211,
                           .start = 30,
                           .end = 40,
                           .threadId = 1234,
                           .correlationId = 99};
    r = keep(&a, TRAM__GPU_CALL);
    assert_true(r->begin_ns == 30 && r->end_ns == 40 && r->thread == 1234 && r->id == 99 && r->detail == 211);
    assert_non_null(strstr(name_of(r->name), "cudaLaunchKernel"));
    a.cbid = 1 << 30;
    assert_int_equal(keep(&a, TRAM__GPU_CALL)->name, 0);
    CUpti_ActivitySynchronization2 s = {.kind = CUPTI_ACTIVITY_KIND_SYNCHRONIZATION,
                                        .type = CUPTI_ACTIVITY_SYNCHRONIZATION_TYPE_STREAM_SYNCHRONIZE,
                                        .start = 50,
                                        .end = 60,
                                        .streamId = 7,
                                        .correlationId = 100};
    r = keep(&s, TRAM__GPU_SYNC);
    assert_true(r->begin_ns == 50 && r->end_ns == 60 && r->stream == 7 && r->id == 100);
    assert_string_equal(name_of(r->name), "stream synchronize");
    s.type = CUPTI_ACTIVITY_SYNCHRONIZATION_TYPE_FORCE_INT;
    assert_int_equal(keep(&s, TRAM__GPU_SYNC)->name, 0);
    CUpti_ActivityOverhead3 o = {.kind = CUPTI_ACTIVITY_KIND_OVERHEAD,
                                 .overheadKind = CUPTI_ACTIVITY_OVERHEAD_LAZY_FUNCTION_LOADING,
                                 .objectKind = CUPTI_ACTIVITY_OBJECT_THREAD,
                                 .objectId = {.pt = {.processId = 1, .threadId = 77}},
                                 .start = 70,
                                 .end = 71,
                                 .correlationId = 5};
    r = keep(&o, TRAM__GPU_OVERHEAD);
    assert_true(r->begin_ns == 70 && r->end_ns == 71 && r->thread == 77 && r->id == 5);
    assert_string_equal(name_of(r->name), "loading of code");
}

/* The task goes through in one number, and comes out again. */
static void links(void **state) {
    (void)state;
    uint64_t task = tram__gpu_task(3, 1000000, 12);
    CUpti_ActivityExternalCorrelation e = {.kind = CUPTI_ACTIVITY_KIND_EXTERNAL_CORRELATION,
                                           .externalKind = CUPTI_EXTERNAL_CORRELATION_KIND_CUSTOM0,
                                           .externalId = task,
                                           .correlationId = 99};
    const struct tram__gpu_record *r = keep(&e, TRAM__GPU_LINK);
    assert_true(r->parent == task && r->id == 99 && !r->begin_ns && !r->end_ns);
    assert_true(r->parent >> 48 == 3 && (r->parent >> 16 & 0xFFFFFFFF) == 1000000 &&
                (r->parent & 0xFFFF) == 12);
    e.externalKind = CUPTI_EXTERNAL_CORRELATION_KIND_OPENACC; /* somebody else's */
    tram__cupti_record(&file, &e);
    CUpti_Activity unknown = {.kind = CUPTI_ACTIVITY_KIND_DEVICE};
    tram__cupti_record(&file, &unknown);
    assert_int_equal(file.head->claimed, 1);
}

static void full(void **state) {
    (void)state;
    CUpti_ActivityMemset4 m = {.kind = CUPTI_ACTIVITY_KIND_MEMSET, .start = 1, .end = 2};
    for (int i = 0; i < 100; i++)
        tram__cupti_record(&file, &m);
    assert_int_equal(file.head->capacity, 64);
    assert_int_equal(file.head->claimed, 100);
    assert_int_equal(file.records[63].kind, TRAM__GPU_FILL);
}

static void module(void **state) {
    char why[512] = "", path[128];
    (void)state;
    assert_null(tram__probe_watch_enter(TRAM__WATCH_VERSION + 1, folder, why, sizeof why));
    assert_non_null(strstr(why, "version"));
    why[0] = '\0';
    const struct tram__probe_watch *w = tram__probe_watch_enter(TRAM__WATCH_VERSION, folder, why, sizeof why);
    print_message("%s\n", w ? "recording" : why);
    assert_true(w || (*why && !strchr(why, '\n')));
    if (w) {
        w->begin(tram__gpu_task(1, 1, 1));
        w->end();
        w->close();
    }
    snprintf(path, sizeof path, "%s/gpu-%d", folder, (int)getpid());
    unlink(path);
}

int main(void) {
    snprintf(folder, sizeof folder, "/tmp/tramline_cupti_%d", (int)getpid());
    if (mkdir(folder, 0755))
        return 1;
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(kernels, setup, teardown),
                                       cmocka_unit_test_setup_teardown(copies, setup, teardown),
                                       cmocka_unit_test_setup_teardown(others, setup, teardown),
                                       cmocka_unit_test_setup_teardown(links, setup, teardown),
                                       cmocka_unit_test_setup_teardown(full, setup, teardown),
                                       cmocka_unit_test(module)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    rmdir(folder);
    return failed;
}
