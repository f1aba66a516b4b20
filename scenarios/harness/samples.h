/* SPDX-License-Identifier: Apache-2.0
 *
 * Every sample behind the figures of a run, beside its result file: gzip, text, a first line that
 * names the columns, and one line for each pass of each repetition,
 *
 *   case <tab> repetition <tab> pass <tab> executions <tab> ns <tab> ns ...
 *
 * in the order in which they were taken. pass: "batch" (each sample is the mean of that many executions), "single", or "open" (from
 * when an execution was due).
 */
#ifndef TRAM_HARNESS_SAMPLES_H
#define TRAM_HARNESS_SAMPLES_H

#include <stddef.h>
#include <stdint.h>

/* In a trial: adds samples to a file that the harness reads afterwards. What cannot be written is missing there. */
void tram_samples_put(int fd, const char *pass, uint32_t executions, const double *ns, size_t count);

/* What the harness gathers, compressed, in memory. */
struct tram_samples;
int tram_samples_open(struct tram_samples **out, char *why, size_t why_size);
/* A memory file for a trial; 0: none can be had, which tram_samples_write tells. */
int tram_samples_file(struct tram_samples *s);
/* What a trial left in such a file, which it closes. What is not whole tram_samples_write tells. */
void tram_samples_add(struct tram_samples *s, int fd, const char *name, uint64_t repetition);
/* Writes all of it, as results/output.h does, and frees it. 0, or -1 with `why`: it could not be written, or something is
 * missing in it. */
int tram_samples_write(struct tram_samples *s, const char *path, char *why, size_t why_size);
void tram_samples_forget(struct tram_samples *s); /* NULL is fine */

#endif
