/* SPDX-License-Identifier: Apache-2.0
 *
 * Every sample behind the figures of a run, beside its result file: gzip, text, one line for each pass of each repetition,
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

struct tram_samples;
/* The file is written under another name and takes its own in the end. -1 with one line in `why`. */
int tram_samples_open(const char *path, struct tram_samples **out, char *why, size_t why_size);
/* A memory file for a trial; -1: none can be had. */
int tram_samples_file(void);
/* What a trial left in such a file, which it closes. */
int tram_samples_add(struct tram_samples *s, int fd, const char *name, uint64_t repetition, char *why,
                     size_t why_size);
/* keep false: the run failed, and there is no file. 0, or -1 with `why`. NULL is fine. */
int tram_samples_close(struct tram_samples *s, int keep, char *why, size_t why_size);

#endif
