/* SPDX-License-Identifier: Apache-2.0
 *
 * One actor returns the payload.
 */
#include "harness/echo.h"

static void build(struct tram_graph *g, struct tram_actor **actors, const struct tram_shape *shape) {
    struct tram_node in = tram_graph_input(g, shape->bytes);
    tram_graph_output(g, tram_graph_bind(g, actors[0], tram_echo_method(shape), in));
}

static int call(struct tram_actor **actors, const struct tram_shape *shape, const struct tram_value *parts,
                struct tram_ref *refs) {
    struct tram_call_params p = {.value_count = 1, .values = parts};
    return tram_call_with(actors[0], tram_echo_method(shape), &p, refs);
}

int main(int argc, char **argv) {
    static const struct tram_scenario roundtrip = {
        .name = "roundtrip",
        .summary = "one actor returns the payload",
        .examples = "  ./scenarios/roundtrip                                  every mode, 1 B\n"
                    "  ./scenarios/roundtrip --mode=compiled --inflight=32    pipelined rate\n"
                    "  ./scenarios/roundtrip --size=1:64M:x8 --json=out.json  a sweep of sizes, kept\n"
                    "  ./scenarios/roundtrip --size=1M,64M --loan             without copies\n"
                    "  ./scenarios/roundtrip --wait=block --cpus=0,1          asleep between messages\n",
        .classes = tram_echo_classes,
        .class_name = "Echo",
        .pattern = TRAM_PATTERN_CHAIN,
        .build = build,
        .call = call,
    };
    return tram_scenario_main(argc, argv, &roundtrip);
}
