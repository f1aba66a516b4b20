/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of this room share.
 */
#ifndef TRAM_PROFILERS_TESTING_H
#define TRAM_PROFILERS_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "profilers/synthetic.h"
#include "profilers/trace_read.h"
#include "profilers/write.h"

/* The folder of a run, and the file for its trace: made before each test, and gone after it. */
static char folder[64], path[80];
static inline int enter(void **state) {
    (void)state;
    synthetic_folder(folder);
    snprintf(path, sizeof path, "%s.pftrace", folder);
    return 0;
}
static inline int leave(void **state) {
    (void)state;
    synthetic_remove(folder);
    unlink(path);
    return 0;
}

/* Fails with the line that an operation gave. */
#define GOOD(status, why)                                    \
    do {                                                     \
        int got_ = (status);                                 \
        if (got_)                                            \
            print_error("%s: %d: %s\n", #status, got_, why); \
        assert_int_equal(got_, 0);                           \
    } while (0)

/* Writes the trace of the folder into a file and reads it back: there must be nothing wrong with it. */
static inline struct tram__trace_report test_round_to(const char *to, bool deflate, struct tram__counts *c,
                                                      const struct tram__trace_handler *h) {
    static struct tram__trace_report report;
    const struct tram__trace_handler none = {0};
    char why[TRAM__RUN_WHY] = "";
    struct tram__run run;
    GOOD(tram__run_open(&run, folder, why, sizeof why), why);
    GOOD(tram__trace_write(&run, to, deflate, c, why, sizeof why), why);
    tram__run_close(&run);
    GOOD(tram__trace_read(to, h ? h : &none, &report, why, sizeof why), why);
    for (uint64_t i = 0; i < report.errors && i < 20; i++)
        print_error("%s\n", report.lines[i]);
    assert_int_equal(report.errors, 0);
    assert_int_equal(report.slices, c->slices);
    assert_int_equal(report.flows, c->flows);
    assert_int_equal(report.samples, c->samples);
    assert_int_equal(report.moments, c->instants);
    return report;
}
static inline struct tram__trace_report test_round(bool deflate, struct tram__counts *c,
                                                   const struct tram__trace_handler *h) {
    return test_round_to(path, deflate, c, h);
}

#endif
