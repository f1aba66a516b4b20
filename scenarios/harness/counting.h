/* SPDX-License-Identifier: Apache-2.0
 *
 * How many allocations, system calls and futex calls an execution makes, exactly. System calls of the threads that take
 * part: the driver's, and those that run methods. Counted in trials of their own, into which a module is loaded before all else (counting_module.c); what
 * is timed has nothing of it.
 */
#ifndef TRAM_HARNESS_COUNTING_H
#define TRAM_HARNESS_COUNTING_H

#include <stdbool.h>
#include <stdint.h>

#include "tramline/tramline.h"

/* Sums over all processes of a trial, in memory that they share. */
struct tram_counts {
    uint64_t allocations; /* calls of malloc and its kin, in all of these processes; free is not among them */
    uint64_t syscalls, futexes;
};

/* Whether there is a module. */
bool tram_counting_possible(void);
/* In the process that is to become a trial: has the module loaded into it and all that it starts. False: there is none. */
bool tram_counting_prepare(void);

/* In such a trial, and its actors. */
bool tram_counting_here(void);
/* The same classes, of whose methods each has its thread counted from its first call on. */
const struct tram_class *tram_counting_classes(const struct tram_class *classes);
/* Counts the calling thread as well: 0, or -1 when the kernel cannot. */
int tram_counting_join(void);
/* From `begin` to `end` calls are counted. */
void tram_counting_begin(void);
void tram_counting_end(struct tram_counts *out);

/* The last three of the module itself, which is not there otherwise. */
int tram_counting_module_join(void);
void tram_counting_module_begin(void);
void tram_counting_module_end(struct tram_counts *out);

#endif
