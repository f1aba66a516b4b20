/* SPDX-License-Identifier: Apache-2.0
 *
 * The graph builder under programs of random bytes: good and bad nodes, limits, lists, edges and units in any order.
 * Whatever comes, the builder answers with a graph that can be scheduled, or with one message. The sanitizers watch.
 */
#include "schedule/schedule.h"

#include "base/error.h"
#include "base/test_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ACTORS = 4, MOST_BYTES = 400, PROGRAMS = TRAM__TEST_SANITIZED ? 4000 : 40000 };

static const char actors[ACTORS]; /* only their addresses count */

struct program {
    const unsigned char *at, *end;
    struct tram_graph *g, *other;
};

static uint32_t next(struct program *p) {
    return p->at < p->end ? *p->at++ : 0;
}

/* Mostly a node that is there; now and then one that is not, or of another graph. */
static struct tram_node node(struct program *p) {
    uint32_t b = next(p);
    if (b == 255)
        return (struct tram_node){p->g, UINT32_MAX};
    if (b == 254)
        return (struct tram_node){p->other, 0};
    if (b == 253)
        return (struct tram_node){NULL, 0};
    return (struct tram_node){p->g, p->g->node_count ? b % p->g->node_count : 0};
}

static size_t nodes(struct program *p, struct tram_node *out) {
    size_t count = next(p) % 5;
    for (size_t i = 0; i < count; i++)
        out[i] = node(p);
    return count;
}

static size_t bytes(struct program *p) {
    static const size_t some[] = {1, 8, 64, 105, 5000, 0, SIZE_MAX, 64};
    uint32_t b = next(p);
    return b < 250 ? 1 + b : some[b % 8];
}

static void task(struct program *p) {
    struct tram_node args[5];
    uint32_t b = next(p);
    struct tram__node like = {.actor = (struct tram_actor *)(uintptr_t)&actors[b % ACTORS],
                              .actor_index = b % ACTORS,
                              .actor_name = (char *)(uintptr_t) "actor",
                              .method = (char *)(uintptr_t) "method",
                              .results = b / 16 % 4,
                              .forwards = b / 64 % 2};
    size_t count = nodes(p, args);
    struct tram_node made = tram__graph_add_task(p->g, &like, count, args);
    for (uint32_t i = 0; made.index != UINT32_MAX && i < p->g->nodes[made.index].results && (b % 3 || !count);
         i++)
        tram_graph_limit(p->g, tram_graph_result(p->g, made, i), 64);
}

static void one_step(struct program *p) {
    struct tram_node some[5], a, b;
    size_t count;
    switch (next(p) % 12) {
    case 0:
        tram_graph_input(p->g, bytes(p));
        break;
    case 1:
        tram_graph_constant(p->g, "0123456789", next(p) % 11);
        break;
    case 2:
        count = nodes(p, some);
        tram_graph_list_nodes(p->g, count, some);
        break;
    case 3:
        a = node(p);
        tram_graph_result(p->g, a, next(p) % 5);
        break;
    case 4:
        a = node(p);
        tram_graph_limit(p->g, a, bytes(p));
        break;
    case 5:
        a = node(p);
        b = node(p);
        tram_graph_after(p->g, a, b);
        break;
    case 6:
        count = nodes(p, some);
        tram_graph_unit(p->g, count, some);
        break;
    case 7:
        tram_graph_output(p->g, node(p));
        break;
    default:
        task(p);
        break;
    }
    if (p->g->status && next(p) % 64) { /* mostly, go on as if the mistake had not been made */
        p->g->status = 0;
        p->g->text[0] = '\0';
    }
}

struct tally {
    unsigned good, refused, impossible;
};

static void finish(struct program *p, struct tally *t) {
    struct tram__schedule *s;
    int status = tram__graph_check(p->g);
    if (status) {
        assert_true(strlen(tram_last_error()->text) > 0);
        t->refused++;
        return;
    }
    status = tram__schedule_create(p->g, &s);
    if (status) {
        assert_int_equal(status, TRAM_ERR_INVALID);
        assert_int_equal(strncmp(tram_last_error()->text, "deadlock: ", 10), 0);
        t->impossible++;
        return;
    }
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    tram__schedule_print(s, out);
    fclose(out);
    assert_true(size > 0);
    free(text);
    tram__schedule_destroy(s);
    t->good++;
}

static void any_program_is_answered(void **state) {
    (void)state;
    uint64_t seed = tram__test_seed(), random = seed;
    struct tally t = {0};
    for (int i = 0; i < PROGRAMS; i++) {
        unsigned char code[MOST_BYTES];
        size_t size = 8 + tram__test_random(&random) % (MOST_BYTES - 8);
        for (size_t k = 0; k < size; k++)
            code[k] = (unsigned char)(tram__test_random(&random) >> 32);
        struct program p = {.at = code, .end = code + size};
        assert_int_equal(tram_graph_create(NULL, &p.g), TRAM_OK);
        assert_int_equal(tram_graph_create(NULL, &p.other), TRAM_OK);
        tram_graph_input(p.other, 8);
        while (p.at < p.end)
            one_step(&p);
        for (uint32_t k = 0; k < p.g->node_count && !p.g->output_count; k++)
            if (p.g->nodes[k].kind == TRAM__NODE_TASK)
                tram_graph_output(p.g, (struct tram_node){p.g, k});
        finish(&p, &t);
        tram_graph_destroy(p.g);
        tram_graph_destroy(p.other);
    }
    printf("TRAM_TEST_SEED=%llu: %u scheduled, %u refused, %u impossible\n", (unsigned long long)seed, t.good,
           t.refused, t.impossible);
    assert_true(t.good > 0 && t.refused > 0 && t.impossible > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(any_program_is_answered)};
    return cmocka_run_group_tests_name("builder_fuzz", tests, NULL, NULL);
}
