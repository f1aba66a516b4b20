/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"
#include "base/test_support.h"
#include "device/device.h"
#include "device/device_contract.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void refused(const char *name, int status, const char *says) {
    struct tram__device *d;
    assert_int_equal(tram__device_open(name, &d), status);
    assert_int_equal(tram_last_error()->status, status);
    if (!strstr(tram_last_error()->text, says))
        fail_msg("'%s' does not say '%s'", tram_last_error()->text, says);
}

static void names(void **state) {
    static const char *const bad[] = {
        "", "gpu", "hos", "hostess", "host:", "host:x", "host:1x", "host:-1", "host:99999", ":0"};
    struct tram__device *d;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        refused(bad[i], TRAM_ERR_INVALID, bad[i]);
    refused("host:8", TRAM_ERR_NOT_FOUND, "host:7");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(tram__device_open(i ? "host:3" : "host", &d), TRAM_OK);
        assert_int_equal(d->ordinal, i ? 3 : 0);
        tram__device_close(d);
    }
    tram__device_close(NULL);
}

static void no_module(void **state) {
    (void)state;
    setenv("TRAM_MODULE_DIR", "/nonexistent", 1);
    refused("cuda", TRAM_ERR_NOT_FOUND, "/nonexistent/libtramline_device_cuda.so");
    unsetenv("TRAM_MODULE_DIR");
}

static void maps_fail_on_purpose(void **state) {
    struct tram__device *d;
    struct tram__memory m[3];
    (void)state;
    tram__device_fault_set(&(struct tram__device_faults){.fail_map = 2});
    assert_int_equal(tram__device_open("fault", &d), TRAM_OK);
    for (int i = 0; i < 3; i++) {
        m[i] = (struct tram__memory){.kind = TRAM__MEMORY_OWN, .size = 100};
        assert_int_equal(d->ops->map(d, &m[i]), i == 1 ? TRAM_ERR_NO_MEMORY : TRAM_OK);
    }
    d->ops->unmap(d, &m[0]);
    d->ops->unmap(d, &m[2]);
    tram__device_close(d);
    tram__device_fault_set(&(struct tram__device_faults){0});
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(no_module),
        cmocka_unit_test(maps_fail_on_purpose),
    };
    int failed = cmocka_run_group_tests_name("devices", tests, NULL, NULL);
    static const enum tram__test_mode modes[] = {TRAM__TEST_PROCESSES, TRAM__TEST_THREADS};
    for (int i = 0; i < 2; i++) {
        if (modes[i] == TRAM__TEST_PROCESSES && TRAM__TEST_TSAN)
            continue; /* it does not follow a fork of a program that has threads */
        failed += tram__device_contract("host", modes[i]);
        failed += tram__device_contract("host:1", modes[i]);
        tram__device_fault_set(&(struct tram__device_faults){.seed = tram__test_seed(), .stall_one_in = 5});
        failed += tram__device_contract("fault", modes[i]);
        tram__device_fault_set(&(struct tram__device_faults){0});
    }
    return failed + (int)tram__test_lost_wakes();
}
