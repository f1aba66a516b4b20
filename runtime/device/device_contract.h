/* SPDX-License-Identifier: Apache-2.0
 *
 * What every device backend has to do.
 */
#ifndef TRAM_DEVICE_DEVICE_CONTRACT_H
#define TRAM_DEVICE_DEVICE_CONTRACT_H

#include "base/test_support.h"

/* Runs the tests on a device that is there; the number that failed. Threads: memory is imported by the process that owns it,
 * which not every backend allows. */
int tram__device_contract(const char *device, enum tram__test_mode mode);

#endif
