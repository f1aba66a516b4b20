/* SPDX-License-Identifier: Apache-2.0
 *
 * Between the runtime and the library that turns what was recorded into a trace, a module (base/module.h).
 */
#ifndef TRAM_PROBE_WRITER_H
#define TRAM_PROBE_WRITER_H

#include <stdbool.h>
#include <stddef.h>

#define TRAM__TRACE_MODULE_VERSION 1u
#define TRAM__TRACE_MODULE_SYMBOL  "tram__trace_module_enter"

/* Writes the trace of a folder (ring.h) whose run has ended into `path`, by its ending: ".json", else Perfetto's own format. 0:
 * the folder was removed. Else it stays, and `why` has one line; 1: the file is there, but cut. */
typedef int tram__trace_write_fn(const char *folder, const char *path, char *why, size_t why_size);
/* The module's only symbol: NULL when it does not know this version. */
typedef tram__trace_write_fn *tram__trace_module(unsigned version);

/* The library's; NULL: the error is set. */
tram__trace_write_fn *tram__writer_find(void);
/* Whether the file can be written is known before anything is measured. It is there then; made: if nowhere before. */
int tram__writer_check(const char *path, bool *made);
/* Whether a trace can be written to `path`, as tram_trace_open would find it: its errors. Nothing is left of this, and what the
 * file has stays. */
int tram__writer_try(const char *path);

#endif
