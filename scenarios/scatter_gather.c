/* SPDX-License-Identifier: Apache-2.0
 *
 * The driver sends one payload to N actors and gathers what each returns. The payload is written once, whatever N is.
 */
#include "harness/echo.h"

static void build(struct tram_graph *g, struct tram_actor **actors, const struct tram_shape *shape) {
    struct tram_node in = tram_graph_input(g, shape->bytes);
    for (unsigned i = 0; i < shape->actors; i++)
        tram_graph_output(g, tram_graph_bind(g, actors[i], tram_echo_method(shape), in));
}

static int call(struct tram_actor **actors, const struct tram_shape *shape, const struct tram_value *parts,
                struct tram_ref *refs) {
    struct tram_call_params p = {.value_count = 1, .values = parts};
    for (unsigned i = 0; i < shape->actors; i++) {
        int status = tram_call_with(actors[i], tram_echo_method(shape), &p, &refs[i]);
        if (status)
            return status;
    }
    return 0;
}

int main(int argc, char **argv) {
    static const struct tram_scenario scatter_gather = {
        .name = "scatter_gather",
        .summary = "the driver sends one payload to N actors and gathers N results",
        .examples = "  ./scenarios/scatter_gather                             2, 4 and 8 actors, 1 B\n"
                    "  ./scenarios/scatter_gather --actors=1:32:x2            more actors than CPUs\n"
                    "  ./scenarios/scatter_gather --actors=32 --size=10M --loan   one payload, read in place "
                    "by all\n",
        .classes = tram_echo_classes,
        .class_name = "Echo",
        .pattern = TRAM_PATTERN_SCATTER,
        .actors = "2,4,8",
        .build = build,
        .call = call,
    };
    return tram_scenario_main(argc, argv, &scatter_gather);
}
