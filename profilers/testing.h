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

#include <cmocka.h>

#include "profilers/synthetic.h"
#include "profilers/trace_read.h"
#include "profilers/write.h"

/* Fails with the line that an operation gave. */
#define GOOD(status, why)                                    \
    do {                                                     \
        int got_ = (status);                                 \
        if (got_)                                            \
            print_error("%s: %d: %s\n", #status, got_, why); \
        assert_int_equal(got_, 0);                           \
    } while (0)

/* Writes the trace of a folder and reads it back: there must be nothing wrong with it. */
static inline struct tram__trace_report test_round(const char *folder, const char *path, bool deflate,
                                                   struct tram__counts *c,
                                                   const struct tram__trace_handler *h) {
    static struct tram__trace_report report;
    const struct tram__trace_handler none = {0};
    char why[TRAM__RUN_WHY] = "";
    struct tram__run run;
    GOOD(tram__run_open(&run, folder, why, sizeof why), why);
    GOOD(tram__trace_write(&run, path, deflate, c, why, sizeof why), why);
    tram__run_close(&run);
    GOOD(tram__trace_read(path, h ? h : &none, &report, why, sizeof why), why);
    for (uint64_t i = 0; i < report.errors && i < 20; i++)
        print_error("%s\n", report.lines[i]);
    assert_int_equal(report.errors, 0);
    assert_int_equal(report.slices, c->slices);
    assert_int_equal(report.flows, c->flows);
    assert_int_equal(report.samples, c->samples);
    assert_int_equal(report.moments, c->instants);
    return report;
}

#endif
