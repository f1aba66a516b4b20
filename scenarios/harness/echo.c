/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/echo.h"

static int echo(void *self, struct tram_call *c) {
    (void)self;
    struct tram_bytes in = tram_arg(c, 0);
    return tram_result_copy(c, 0, in.data, in.size);
}

static int forward(void *self, struct tram_call *c) {
    (void)self;
    return tram_forward(c, 0, 0);
}

static const struct tram_method methods[] = {
    {.name = "echo", .fn = echo}, {.name = "forward", .fn = forward, .forwards = 1}, {0}};
const struct tram_class tram_echo_classes[] = {{.name = "Echo", .methods = methods}, {0}};
