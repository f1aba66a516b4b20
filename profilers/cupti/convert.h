/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TRAM_PROFILERS_CUPTI_CONVERT_H
#define TRAM_PROFILERS_CUPTI_CONVERT_H

#include "profilers/gpu/file.h"

/* Writes what an activity record of CUPTI tells: CUpti_Activity, of the newest kind that its header knows. Asks CUPTI for nothing but
 * the names of calls. What is of no kind that is kept is left out. */
void tram__cupti_record(struct tram__gpu_file *f, const void *activity);

#endif
