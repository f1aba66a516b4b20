/* SPDX-License-Identifier: Apache-2.0
 *
 * One input of several parts, small and large, to N actors: each part is written once, whatever N is. Every actor takes
 * all of them and answers with their digest, so that moving the arguments is what is measured.
 */
#include "harness/harness.h"
#include "harness/payload.h"

static int digest(void *self, struct tram_call *c) {
    (void)self;
    struct tram_bytes parts[TRAM_MAX_PARTS];
    size_t count = tram_arg_count(c);
    if (count > TRAM_MAX_PARTS)
        return tram_fail(c, 1, "%zu parts, at most %d are possible", count, (int)TRAM_MAX_PARTS);
    for (size_t i = 0; i < count; i++)
        parts[i] = tram_arg(c, i);
    struct tram_digest *out = tram_result_reserve(c, 0, count * sizeof *out);
    if (!out)
        return 1;
    tram_digest_make(parts, count, out);
    return 0;
}

static void build(struct tram_graph *g, struct tram_actor **actors, const struct tram_shape *shape) {
    struct tram_node parts[TRAM_MAX_PARTS];
    for (size_t i = 0; i < shape->part_count; i++)
        parts[i] = tram_graph_input(g, shape->parts[i]);
    for (unsigned k = 0; k < shape->actors; k++) {
        struct tram_node reply = tram_graph_bind_args(g, actors[k], "digest", shape->part_count, parts);
        tram_graph_limit(g, reply, shape->part_count * sizeof(struct tram_digest));
        tram_graph_output(g, reply);
    }
}

static int call(struct tram_actor **actors, const struct tram_shape *shape, const struct tram_value *parts,
                struct tram_ref *refs) {
    struct tram_call_params p = {.value_count = shape->part_count, .values = parts};
    for (unsigned k = 0; k < shape->actors; k++) {
        int status = tram_call_with(actors[k], "digest", &p, &refs[k]);
        if (status)
            return status;
    }
    return 0;
}

int main(int argc, char **argv) {
    static const struct tram_method methods[] = {{.name = "digest", .fn = digest}, {0}};
    static const struct tram_class classes[] = {{.name = "Reader", .methods = methods}, {0}};
    static const struct tram_scenario multi_args = {
        .name = "multi_args",
        .summary = "N actors take one input of several parts and answer with a few bytes",
        .examples =
            "  ./scenarios/multi_args                                 1 B, 1 MiB and 10 MiB to 8 actors\n"
            "  ./scenarios/multi_args --loan                          the same, filled in and read in place\n"
            "  ./scenarios/multi_args --actors=1:32:x2                whether the cost grows with the "
            "actors\n"
            "  ./scenarios/multi_args --parts=8,8,8,8 --inflight=32   small ones, pipelined\n",
        .classes = classes,
        .class_name = "Reader",
        .pattern = TRAM_PATTERN_SCATTER,
        .actors = "8",
        .parts = "1,1M,10M",
        .build = build,
        .call = call,
    };
    return tram_scenario_main(argc, argv, &multi_args);
}
