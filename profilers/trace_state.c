/* SPDX-License-Identifier: Apache-2.0 */
#include "profilers/trace_state.h"

#include "profilers/run.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { MOST_SEQUENCES = 1 << 20, MOST_STRINGS = 1 << 21, FIRST_SIZE = 1024 };

void tram__trace_wrong(struct tram__trace_reader *r, const char *format, ...) {
    size_t most = sizeof r->report->lines / sizeof *r->report->lines;
    if (r->report->errors < most) {
        char *line = r->report->lines[r->report->errors];
        size_t size = sizeof r->report->lines[0];
        int n = snprintf(line, size, "packet at byte %zu%s: ", (size_t)(r->packet - r->begin),
                         r->squeezed ? ", squeezed" : "");
        va_list args;
        va_start(args, format);
        vsnprintf(line + n, size - (size_t)n, format, args);
        va_end(args);
    }
    r->report->errors++;
}

static uint64_t mix(uint64_t v) {
    v = (v ^ v >> 32) * UINT64_C(0x9E3779B97F4A7C15);
    return v ^ v >> 29;
}

struct tram__trace_sequence *tram__trace_sequence_of(struct tram__trace_reader *r, uint64_t id, bool make) {
    if (id < r->sequence_count && r->sequences[id])
        return r->sequences[id];
    if (!make || !id || id >= MOST_SEQUENCES)
        return NULL;
    if (id >= r->sequence_count) {
        size_t count = (size_t)id * 2 + 16;
        struct tram__trace_sequence **s =
            realloc(r->sequences, count * sizeof(struct tram__trace_sequence *));
        if (!s)
            return NULL;
        memset(s + r->sequence_count, 0, (count - r->sequence_count) * sizeof(struct tram__trace_sequence *));
        r->sequences = s;
        r->sequence_count = count;
    }
    r->sequences[id] = calloc(1, sizeof *r->sequences[id]);
    r->report->sequences += r->sequences[id] != NULL;
    return r->sequences[id];
}

static size_t track_place(struct tram__trace_track **tracks, size_t size, uint64_t uuid) {
    size_t at = mix(uuid) & (size - 1);
    while (tracks[at] && tracks[at]->uuid != uuid)
        at = (at + 1) & (size - 1);
    return at;
}

static bool widen_tracks(struct tram__trace_reader *r) {
    size_t size = r->track_size ? 2 * r->track_size : FIRST_SIZE;
    struct tram__trace_track **tracks = calloc(size, sizeof(struct tram__trace_track *));
    for (size_t i = 0; tracks && i < r->track_size; i++)
        if (r->tracks[i])
            tracks[track_place(tracks, size, r->tracks[i]->uuid)] = r->tracks[i];
    if (!tracks)
        return false;
    free(r->tracks);
    r->tracks = tracks;
    r->track_size = size;
    return true;
}

struct tram__trace_track *tram__trace_track_of(struct tram__trace_reader *r, uint64_t uuid, bool make) {
    if (make && r->track_count * 2 >= r->track_size && !widen_tracks(r))
        return NULL;
    size_t at = r->track_size ? track_place(r->tracks, r->track_size, uuid) : 0;
    if (!r->track_size || r->tracks[at] || !make)
        return r->track_size ? r->tracks[at] : NULL;
    struct tram__trace_track *t = calloc(1, sizeof *t);
    if (t) {
        t->uuid = uuid;
        r->tracks[at] = t;
        r->track_count++;
    }
    return t;
}

void tram__trace_set_string(struct tram__trace_reader *r, struct tram__trace_strings *s, uint64_t iid,
                            const struct tram__field *text) {
    if (!iid || iid >= MOST_STRINGS || !text->data) {
        tram__trace_wrong(r, "a name with the number %llu", (unsigned long long)iid);
        return;
    }
    if (iid >= s->size) {
        size_t size = (size_t)iid * 2 + 8;
        char **texts = realloc(s->texts, size * sizeof *texts);
        if (!texts) {
            r->no_memory = true;
            return;
        }
        memset(texts + s->size, 0, (size - s->size) * sizeof *texts);
        s->texts = texts;
        s->size = size;
    }
    if (s->texts[iid])
        tram__trace_wrong(r, "name %llu is given twice", (unsigned long long)iid);
    else if (!(s->texts[iid] = malloc(text->value + 1)))
        r->no_memory = true;
    else
        tram__run_text(s->texts[iid], text->value + 1, (const char *)text->data, text->value);
}

const char *tram__trace_string(const struct tram__trace_strings *s, uint64_t iid) {
    return iid < s->size ? s->texts[iid] : NULL;
}

static size_t flow_place(const struct tram__trace_flow *flows, size_t size, uint64_t id) {
    size_t at = mix(id) & (size - 1);
    while (flows[at].seen && flows[at].id != id)
        at = (at + 1) & (size - 1);
    return at;
}

static bool widen_flows(struct tram__trace_reader *r) {
    size_t size = r->flow_size ? 2 * r->flow_size : FIRST_SIZE;
    struct tram__trace_flow *flows = calloc(size, sizeof *flows);
    for (size_t i = 0; flows && i < r->flow_size; i++)
        if (r->flows[i].seen)
            flows[flow_place(flows, size, r->flows[i].id)] = r->flows[i];
    if (!flows)
        return false;
    free(r->flows);
    r->flows = flows;
    r->flow_size = size;
    return true;
}

void tram__trace_add_flow(struct tram__trace_reader *r, uint64_t id, bool ends, uint64_t ns) {
    uint8_t bit = ends ? 2 : 1;
    if (r->flow_count * 2 >= r->flow_size && !widen_flows(r)) {
        r->no_memory = true;
        return;
    }
    struct tram__trace_flow *f = &r->flows[flow_place(r->flows, r->flow_size, id)];
    if (!f->seen) {
        *f = (struct tram__trace_flow){id, ns, bit};
        r->flow_count++;
    } else if (f->seen & bit) {
        tram__trace_wrong(r, "flow %llx %s twice", (unsigned long long)id, ends ? "ends" : "begins");
    } else {
        f->seen |= bit;
        r->report->flows++;
        uint64_t begin = ends ? f->ns : ns, end = ends ? ns : f->ns;
        if (begin > end) {
            r->report->backward++;
            if (begin - end > r->report->most_backward_ns)
                r->report->most_backward_ns = begin - end;
        }
    }
}

void tram__trace_finish(struct tram__trace_reader *r) {
    for (size_t i = 0; i < r->flow_size; i++)
        if (r->flows[i].seen == 1 || r->flows[i].seen == 2)
            tram__trace_wrong(r, "flow %llx has no %s", (unsigned long long)r->flows[i].id,
                              r->flows[i].seen == 1 ? "end" : "beginning");
    for (size_t i = 0; i < r->track_size; i++)
        if (r->tracks[i] && r->tracks[i]->open_count)
            tram__trace_wrong(r, "%u slices of track \"%s\" have no end", r->tracks[i]->open_count,
                              r->tracks[i]->name ? r->tracks[i]->name : "");
    r->report->tracks = r->track_count;
}

static void free_strings(struct tram__trace_strings *s) {
    for (size_t i = 0; i < s->size; i++)
        free(s->texts[i]);
    free(s->texts);
}

void tram__trace_free(struct tram__trace_reader *r) {
    for (size_t i = 0; i < r->sequence_count; i++) {
        if (!r->sequences[i])
            continue;
        free_strings(&r->sequences[i]->names);
        free_strings(&r->sequences[i]->annotations);
        free_strings(&r->sequences[i]->categories);
        free(r->sequences[i]);
    }
    for (size_t i = 0; i < r->track_size; i++) {
        if (!r->tracks[i])
            continue;
        free(r->tracks[i]->name);
        free(r->tracks[i]->process);
        free(r->tracks[i]->open);
        free(r->tracks[i]);
    }
    free(r->sequences);
    free(r->tracks);
    free(r->flows);
}
