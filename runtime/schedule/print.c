/* SPDX-License-Identifier: Apache-2.0 */
#include "schedule/schedule.h"

static void print_value(const struct tram__schedule *s, uint32_t channel, FILE *out) {
    char name[160];
    tram__graph_name(s->graph, s->channels[channel].node, name, sizeof name);
    fprintf(out, "c%u %s", channel, name);
}

static void print_compute(const struct tram__schedule *s, const struct tram__participant_plan *p,
                          const struct tram__task_plan *t, FILE *out) {
    char name[160];
    tram__graph_name(s->graph, t->node, name, sizeof name);
    fprintf(out, "  COMPUTE %s(", name);
    for (uint32_t k = 0; k < t->arg_count; k++) {
        if (t->args[k].kind == TRAM__FROM_CHANNEL) {
            fprintf(out, "%sc%u", k ? ", " : "", t->args[k].index);
        } else {
            tram__graph_name(s->graph, p->tasks[t->args[k].index].node, name, sizeof name);
            fprintf(out, "%s%s", k ? ", " : "", name);
        }
    }
    fprintf(out, ")");
    for (uint32_t k = 0; k < t->release_count; k++)
        fprintf(out, "%sc%u", k ? ", " : " then releases ", t->releases[k]);
    fprintf(out, "\n");
}

static void print_write(const struct tram__schedule *s, uint32_t channel, FILE *out) {
    const struct tram__channel_plan *c = &s->channels[channel];
    fprintf(out, "  WRITE   ");
    print_value(s, channel, out);
    for (uint32_t i = 0; i < c->reader_count; i++)
        fprintf(out, "%s%s", i ? ", " : " -> ", s->participants[c->readers[i]].name);
    fprintf(out, ", %llu B", (unsigned long long)c->capacity);
    for (uint32_t i = 0; i < c->carrier_count; i++)
        fprintf(out, "%sc%u", i ? ", " : ", held by ", c->carriers[i]);
    fprintf(out, "\n");
}

void tram__schedule_print(const struct tram__schedule *s, FILE *out) {
    for (uint32_t p = 0; p < s->participant_count; p++) {
        const struct tram__participant_plan *part = &s->participants[p];
        fprintf(out, "%s\n", part->name);
        for (uint32_t i = 0; i < part->op_count; i++) {
            const struct tram__op *op = &part->ops[i];
            switch (op->kind) {
            case TRAM__OP_READ:
                fprintf(out, "  READ    ");
                print_value(s, op->index, out);
                fprintf(out, "\n");
                break;
            case TRAM__OP_COMPUTE:
                print_compute(s, part, &part->tasks[op->index], out);
                break;
            case TRAM__OP_WRITE:
                print_write(s, op->index, out);
                break;
            }
        }
    }
}
