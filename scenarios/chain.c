/* SPDX-License-Identifier: Apache-2.0
 *
 * The payload passes through N actors in a row and comes back.
 */
#include "harness/echo.h"

static void build(struct tram_graph *g, struct tram_actor **actors, const struct tram_shape *shape) {
    struct tram_node node = tram_graph_input(g, shape->bytes);
    for (unsigned i = 0; i < shape->actors; i++)
        node = tram_graph_bind(g, actors[i], tram_echo_method(shape), node);
    tram_graph_output(g, node);
}

/* All calls are submitted at once; each takes over the reference of the one before it, so that only the last result comes
 * back. */
static int call(struct tram_actor **actors, const struct tram_shape *shape, const struct tram_value *parts,
                struct tram_ref *refs) {
    struct tram_value value = parts[0];
    struct tram_ref between[2];
    for (unsigned i = 0; i < shape->actors; i++) {
        struct tram_ref *out = i + 1 < shape->actors ? &between[i % 2] : refs;
        struct tram_call_params p = {.value_count = 1, .values = &value, .onward = i + 1 < shape->actors};
        int status = tram_call_with(actors[i], tram_echo_method(shape), &p, out);
        if (status) {
            if (value.kind == TRAM_MOVE)
                tram_release(value.ref);
            return status;
        }
        value = (struct tram_value){.kind = TRAM_MOVE, .ref = out};
    }
    return 0;
}

int main(int argc, char **argv) {
    static const struct tram_scenario chain = {
        .name = "chain",
        .summary = "the payload passes through N actors in a row",
        .examples = "  ./scenarios/chain                                      2, 4 and 8 actors, 1 B\n"
                    "  ./scenarios/chain --actors=2 --inflight=32             pipelined rate\n"
                    "  ./scenarios/chain --actors=1:32:x2 --json=out.json     more actors than CPUs, kept\n"
                    "  ./scenarios/chain --actors=8 --size=1M --loan          passed on by reference\n",
        .classes = tram_echo_classes,
        .class_name = "Echo",
        .pattern = TRAM_PATTERN_CHAIN,
        .actors = "2,4,8",
        .build = build,
        .call = call,
    };
    return tram_scenario_main(argc, argv, &chain);
}
