/* SPDX-License-Identifier: Apache-2.0
 *
 * Round trip: one actor returns the payload.
 */
#include "harness/harness.h"

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
static const struct tram_class classes[] = {{.name = "Echo", .methods = methods}, {0}};

static void build(struct tram_graph *g, struct tram_actor **actors, size_t bytes, bool loan) {
    struct tram_node in = tram_graph_input(g, bytes);
    tram_graph_output(g, tram_graph_bind(g, actors[0], loan ? "forward" : "echo", in));
}

static int call(struct tram_actor **actors, const void *data, size_t size, bool loan, struct tram_ref *ref) {
    return tram_call(actors[0], loan ? "forward" : "echo", data, size, ref);
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
        .classes = classes,
        .class_name = "Echo",
        .actors = 1,
        .build = build,
        .call = call,
    };
    return tram_scenario_main(argc, argv, &roundtrip);
}
