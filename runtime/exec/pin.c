/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/pin.h"

#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>

void tram__pin_failed(struct tram__participant *p, uint32_t channel) {
    for (uint32_t i = 0; i < p->pin_count; i++) {
        struct tram__pin *pin = &p->pins[i];
        if (pin->channel != channel || pin->status)
            continue;
        pin->status = tram_last_error()->status;
        snprintf(pin->why, sizeof pin->why, "%.199s", tram_last_error()->text);
    }
}

static void map(struct tram__participant *p, uint32_t channel, const void *extent, uint64_t size,
                bool read_only) {
    struct tram__pin *pin = &p->pins[p->pin_count++];
    *pin = (struct tram__pin){.channel = channel};
    if (!extent || !size) /* all of it fits the slots */
        return;
    pin->memory = (struct tram__memory){
        .kind = TRAM__MEMORY_PINNED, .data = (void *)(uintptr_t)extent, .size = size, .read_only = read_only};
    if (p->device->ops->map(p->device, &pin->memory)) {
        pin->memory.size = 0;
        tram__pin_failed(p, channel);
    }
}

int tram__pins_map(struct tram__participant *p) {
    p->pins = p->device ? calloc(p->plan->n_channels + 1, sizeof *p->pins) : NULL;
    if (!p->pins)
        return p->device ? tram__fail(TRAM_ERR_NO_MEMORY, "pinned edges") : TRAM_OK;
    for (size_t i = 0; i < p->plan->n_channels; i++) {
        const Tram__Wire__Channel *c = p->plan->channels[i];
        const struct tram__writer *w = tram__participant_writer(p, c->id);
        const struct tram__reader *r = tram__participant_reader(p, c->id);
        struct tram__channel_shape shape = {c->capacity, p->plan->slots};
        struct tram__channel_need need;
        p->ops->measure(&shape, &need);
        if (c->pinned && w)
            map(p, c->id, w->extent, need.writer_extent, false);
        else if (c->pinned && r)
            map(p, c->id, c->copied ? NULL : r->extent, need.writer_extent, true);
    }
    return TRAM_OK;
}

void tram__pins_close(struct tram__participant *p) {
    for (uint32_t i = 0; i < p->pin_count; i++)
        if (p->pins[i].memory.size)
            p->device->ops->unmap(p->device, &p->pins[i].memory);
    free(p->pins);
    p->pins = NULL;
    p->pin_count = 0;
}
