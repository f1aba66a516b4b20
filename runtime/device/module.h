/* SPDX-License-Identifier: Apache-2.0
 *
 * Between the library and a device backend that is a module of its own.
 */
#ifndef TRAM_DEVICE_MODULE_H
#define TRAM_DEVICE_MODULE_H

#include "device/device.h"

#define TRAM__DEVICE_MODULE_VERSION 2u
#define TRAM__DEVICE_MODULE_SYMBOL  "tram__device_module_enter"

/* What a module may call. */
struct tram__device_services {
    uint32_t version;
    int (*fail)(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));
};

/* The module's only symbol: its table, or NULL when it does not know this version. The services live as long as the process. */
typedef const struct tram__device_ops *tram__device_module(const struct tram__device_services *services);

#endif
