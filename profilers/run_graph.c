/* SPDX-License-Identifier: Apache-2.0 */
#include "profilers/run.h"

#include <stdlib.h>
#include <string.h>

enum { MOST = 1 << 20 }; /* of anything in a graph */

/* Room for one more in an array that doubles. */
static bool grow(void **array, uint32_t count, size_t each) {
    if (count & (count - 1) || count == UINT32_C(1) << 31)
        return true;
    void *p = realloc(*array, (count ? 2 * (size_t)count : 1) * each);
    if (p)
        *array = p;
    return p != NULL;
}

/* The rest of a line, with bytes that are text only. */
static char *rest(const char *line) {
    size_t size = strlen(line) + 1;
    char *copy = malloc(size);
    if (copy)
        tram__run_text(copy, size, line, size - 1);
    return copy;
}

static bool add_participant(struct tram__run_graph *g, const char *line) {
    unsigned id, actor;
    int at = 0;
    if (sscanf(line, "participant %u %u %n", &id, &actor, &at) != 2 || !at || id != g->participant_count ||
        id >= MOST)
        return false;
    void *p = g->participants;
    if (!grow(&p, id, sizeof *g->participants))
        return false;
    g->participants = p;
    g->participants[id] = (struct tram__run_participant){.actor = actor, .name = rest(line + at)};
    g->participant_count++;
    return g->participants[id].name != NULL;
}

static bool add_channel(struct tram__run_graph *g, const char *line) {
    unsigned id, kind, writer;
    unsigned long long bytes;
    int at = 0;
    if (sscanf(line, "channel %u %u %u %llu %n", &id, &kind, &writer, &bytes, &at) != 4 || !at ||
        id != g->channel_count || id >= MOST || writer >= g->participant_count)
        return false;
    void *p = g->channels;
    if (!grow(&p, id, sizeof *g->channels))
        return false;
    g->channels = p;
    g->channels[id] =
        (struct tram__run_channel){.kind = kind, .writer = writer, .bytes = bytes, .name = rest(line + at)};
    g->channel_count++;
    return g->channels[id].name != NULL;
}

static bool add_reader(struct tram__run_graph *g, const char *line) {
    unsigned channel, participant;
    if (sscanf(line, "reader %u %u", &channel, &participant) != 2 || channel >= g->channel_count ||
        participant >= g->participant_count)
        return false;
    struct tram__run_channel *c = &g->channels[channel];
    for (uint32_t i = 0; i < c->reader_count; i++)
        if (c->readers[i] == participant)
            return false;
    void *p = c->readers;
    if (!grow(&p, c->reader_count, sizeof *c->readers))
        return false;
    c->readers = p;
    c->readers[c->reader_count++] = participant;
    return true;
}

static bool add_task(struct tram__run_graph *g, const char *line) {
    unsigned node, participant;
    int at = 0;
    if (sscanf(line, "task %u %u %n", &node, &participant, &at) != 2 || !at ||
        participant >= g->participant_count || g->task_count >= MOST)
        return false;
    void *p = g->tasks;
    if (!grow(&p, g->task_count, sizeof *g->tasks))
        return false;
    g->tasks = p;
    g->tasks[g->task_count] =
        (struct tram__run_task){.node = node, .participant = participant, .name = rest(line + at)};
    return g->tasks[g->task_count++].name != NULL;
}

static bool add(struct tram__run_graph *g, const char *line) {
    static const struct {
        const char *word;
        bool (*add)(struct tram__run_graph *, const char *);
    } words[] = {{"participant ", add_participant},
                 {"channel ", add_channel},
                 {"reader ", add_reader},
                 {"task ", add_task}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strncmp(line, words[i].word, strlen(words[i].word)) == 0)
            return words[i].add(g, line);
    return false;
}

static int by_node(const void *a, const void *b) {
    const struct tram__run_task *x = a, *y = b;
    return (x->node > y->node) - (x->node < y->node);
}

/* The lines after the first two, up to the schedule: true when it was reached. */
static bool parse_lines(struct tram__run_graph *g, size_t at) {
    while (at < g->text_size) {
        char *line = g->text + at, *end = memchr(line, '\n', g->text_size - at);
        if (!end)
            return false;
        *end = '\0';
        bool schedule = strcmp(line, "schedule") == 0, good = schedule || add(g, line);
        *end = '\n';
        at = (size_t)(end - g->text) + 1;
        if (schedule)
            g->schedule = g->text + at;
        if (!good || schedule)
            return good;
    }
    return false;
}

struct tram__run_graph *tram__run_graph_parse(const char *text, size_t size, bool *cut, char *why,
                                              size_t why_size) {
    unsigned version, id;
    int at = 0;
    struct tram__run_graph *g = calloc(1, sizeof *g);
    if (!g || !(g->text = malloc(size + 1))) {
        snprintf(why, why_size, "out of memory");
        free(g);
        return NULL;
    }
    tram__run_text(g->text, size + 1, text, size);
    g->text_size = strlen(g->text);
    if (sscanf(g->text, "tramline graph %u\ngraph %u\n%n", &version, &id, &at) != 2 || !at ||
        version != TRAM__RING_VERSION) {
        snprintf(why, why_size, "not a graph of this version");
        tram__run_graph_free(g);
        return NULL;
    }
    g->id = id;
    *cut = !parse_lines(g, (size_t)at);
    if (g->task_count)
        qsort(g->tasks, g->task_count, sizeof *g->tasks, by_node);
    return g;
}

void tram__run_graph_free(struct tram__run_graph *g) {
    if (!g)
        return;
    for (uint32_t i = 0; i < g->participant_count; i++)
        free(g->participants[i].name);
    for (uint32_t i = 0; i < g->channel_count; i++) {
        free(g->channels[i].name);
        free(g->channels[i].readers);
    }
    for (uint32_t i = 0; i < g->task_count; i++)
        free(g->tasks[i].name);
    free(g->participants);
    free(g->channels);
    free(g->tasks);
    free(g->text);
    free(g);
}

const struct tram__run_task *tram__run_graph_task(const struct tram__run_graph *g, uint32_t node) {
    struct tram__run_task key = {.node = node};
    return g->task_count ? bsearch(&key, g->tasks, g->task_count, sizeof key, by_node) : NULL;
}
