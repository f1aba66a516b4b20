/* SPDX-License-Identifier: Apache-2.0 */
#include "schedule/schedule.h"

#include "base/tensor.h"

enum { NAME = 200 };

void tram__schedule_channel_name(const struct tram__schedule *s, uint32_t channel, char *out, size_t size) {
    const struct tram__channel_plan *c = &s->channels[channel];
    char name[160];
    switch (c->kind) {
    case TRAM__CHANNEL_VALUE:
        tram__graph_name(s->graph, c->node, name, sizeof name);
        snprintf(out, size, "c%u %s", channel, name);
        break;
    case TRAM__CHANNEL_START:
        snprintf(out, size, "c%u start", channel);
        break;
    case TRAM__CHANNEL_TOKEN:
        tram__graph_name(s->graph, c->node, name, sizeof name);
        snprintf(out, size, "c%u token of %s", channel, name);
        break;
    }
}

void tram__schedule_transport_name(const struct tram__schedule *s, uint32_t node, enum tram_transport t,
                                   char *out, size_t size) {
    bool custom = t == TRAM_TRANSPORT_CUSTOM;
    snprintf(out, size, "%s%s%s", tram_transport_text(t), custom ? " " : "",
             custom ? s->graph->nodes[node].tensor->custom : "");
}

static void print_value(const struct tram__schedule *s, uint32_t channel, FILE *out) {
    char name[NAME];
    tram__schedule_channel_name(s, channel, name, sizeof name);
    fputs(name, out);
}

static void print_arg(const struct tram__schedule *s, const struct tram__participant_plan *p,
                      const struct tram__arg_plan *a, FILE *out) {
    char name[160];
    switch (a->kind) {
    case TRAM__FROM_CHANNEL:
        fprintf(out, "c%u", a->index);
        break;
    case TRAM__FROM_TASK:
        tram__graph_name(s->graph, p->tasks[a->index].results[a->result].node, name, sizeof name);
        fputs(name, out);
        break;
    case TRAM__FROM_CONSTANT:
        fprintf(out, "constant of %llu B", (unsigned long long)s->graph->nodes[p->constants[a->index]].bytes);
        break;
    }
}

/* The arguments from *arg on that one element of a shape stands for, with brackets around lists; returns the position
 * after it. */
static uint32_t print_shaped(const struct tram__schedule *s, const struct tram__participant_plan *p,
                             const struct tram__task_plan *t, uint32_t at, uint32_t *arg, FILE *out) {
    uint32_t code = s->graph->nodes[t->node].shape[at++];
    if (code == 0) {
        print_arg(s, p, &t->args[(*arg)++], out);
        return at;
    }
    fputc('[', out);
    for (uint32_t i = 1; i < code; i++) {
        fputs(i > 1 ? ", " : "", out);
        at = print_shaped(s, p, t, at, arg, out);
    }
    fputc(']', out);
    return at;
}

static void print_compute(const struct tram__schedule *s, const struct tram__participant_plan *p,
                          const struct tram__task_plan *t, FILE *out) {
    char name[160];
    const struct tram__node *n = &s->graph->nodes[t->node];
    tram__graph_name(s->graph, t->node, name, sizeof name);
    fprintf(out, "  COMPUTE %s(", name);
    for (uint32_t k = 0; !n->shape && k < t->arg_count; k++) {
        fputs(k ? ", " : "", out);
        print_arg(s, p, &t->args[k], out);
    }
    for (uint32_t at = 0, arg = 0; at < n->shape_count;) {
        fputs(at ? ", " : "", out);
        at = print_shaped(s, p, t, at, &arg, out);
    }
    fprintf(out, ")");
    for (uint32_t k = 0; k < t->release_count; k++)
        fprintf(out, "%sc%u", k ? ", " : " then releases ", t->releases[k]);
    fprintf(out, "\n");
}

/* How a tensor travels, and who of its readers works on a copy. */
static void print_transport(const struct tram__schedule *s, const struct tram__channel_plan *c, FILE *out) {
    bool any = false;
    char way[NAME];
    tram__schedule_transport_name(s, c->node, c->transport, way, sizeof way);
    fprintf(out, " by %s", way);
    for (uint32_t i = 0; i < c->reader_count; i++) {
        if (!tram__channel_copied(s, c, c->readers[i]))
            continue;
        fprintf(out, "%s%s", any ? " and " : ", copied by ", s->participants[c->readers[i]].name);
        any = true;
    }
}

static void print_write(const struct tram__schedule *s, uint32_t channel, FILE *out) {
    const struct tram__channel_plan *c = &s->channels[channel];
    fprintf(out, "  WRITE   ");
    print_value(s, channel, out);
    for (uint32_t i = 0; i < c->reader_count; i++)
        fprintf(out, "%s%s", i ? ", " : " -> ", s->participants[c->readers[i]].name);
    if (c->kind == TRAM__CHANNEL_VALUE)
        fprintf(out, ", %llu B", (unsigned long long)c->capacity);
    if (c->kind == TRAM__CHANNEL_VALUE && s->graph->nodes[c->node].tensor) {
        char tensor[NAME];
        tram__tensor_describe(s->graph->nodes[c->node].tensor, tensor, sizeof tensor);
        fprintf(out, ", %s", tensor);
        print_transport(s, c, out);
    }
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
