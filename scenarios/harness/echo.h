/* SPDX-License-Identifier: Apache-2.0
 *
 * The actor of the plain patterns: class Echo, whose methods return their argument, "echo" as a copy and "forward" by
 * reference.
 */
#ifndef TRAM_HARNESS_ECHO_H
#define TRAM_HARNESS_ECHO_H

#include "harness/harness.h"

extern const struct tram_class tram_echo_classes[];

/* The method that returns its argument as the shape asks for. */
static inline const char *tram_echo_method(const struct tram_shape *shape) {
    return shape->loan ? "forward" : "echo";
}

#endif
