/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/edge.h"

#include "base/error.h"
#include "base/transport.h"

#include <stdlib.h>
#include <string.h>

struct tram__edge *tram__edge_find(const struct tram__participant *p, uint32_t channel) {
    for (uint32_t i = 0; i < p->edge_count; i++)
        if (p->edges[i].channel == channel)
            return &p->edges[i];
    return NULL;
}

static bool reads(const Tram__Wire__Channel *c, uint32_t participant) {
    for (size_t i = 0; i < c->n_readers; i++)
        if (c->readers[i] == participant)
            return true;
    return false;
}

/* Opens the end of a writer, which is counted: it is closed with the others. */
static int open_custom(struct tram__edge *e, uint32_t slots, size_t readers) {
    size_t size = TRAM_MAX_ADDRESS;
    e->address.bytes = calloc(1, size);
    if (!e->address.bytes)
        return tram__fail(TRAM_ERR_NO_MEMORY, "an address");
    const struct tram_transport_ops *o = e->custom.ops;
    tram__transport_begin();
    int code = o->open(slots, e->stride, readers, e->address.bytes, &size, &e->custom.end);
    if (code)
        return tram__transport_failed(o, "open", code);
    e->custom.open = true;
    if (size > TRAM_MAX_ADDRESS)
        return tram__fail(TRAM_ERR_TOO_LARGE, "transport %s: an address of %zu bytes; it can have %d",
                          o->name, size, TRAM_MAX_ADDRESS);
    e->address.size = (uint32_t)size;
    return TRAM_OK;
}

/* Memory for one value at either end; what a writer lends besides. */
static int allocate_custom(struct tram__participant *p, const Tram__Wire__Channel *c) {
    struct tram__edge *e = &p->edges[p->edge_count];
    *e = (struct tram__edge){.channel = c->id,
                             .writes = c->writer == p->plan->self,
                             .stride = c->device_bytes,
                             .own = {.kind = TRAM__MEMORY_OWN, .size = c->device_bytes, .handle.fd = -1},
                             .address.fd = -1};
    e->custom.ops = tram__transport_find(p->transports, c->custom);
    if (!e->custom.ops)
        return tram_last_error()->status;
    int status = p->device->ops->map(p->device, &e->own);
    if (status)
        return status;
    p->edge_count++;
    return e->writes ? open_custom(e, p->plan->slots, c->n_readers) : TRAM_OK;
}

static int allocate(struct tram__participant *p, const Tram__Wire__Channel *c) {
    struct tram__edge *e = &p->edges[p->edge_count];
    uint32_t slots = p->plan->slots;
    bool writes = c->writer == p->plan->self;
    *e = (struct tram__edge){
        .channel = c->id, .writes = writes, .copied = c->copied, .stride = c->device_bytes};
    e->peers = calloc(writes ? c->n_readers + 1 : 1, sizeof *e->peers);
    if (!e->peers)
        return tram__fail(TRAM_ERR_NO_MEMORY, "an edge on the device");
    for (size_t i = 0; i < (writes ? c->n_readers : 1); i++)
        e->peers[e->peer_count++] = (struct tram__edge_peer){
            .participant = writes ? c->readers[i] : c->writer, .memory.handle.fd = -1};
    e->own = (struct tram__memory){.kind = TRAM__MEMORY_OWN,
                                   .size = writes ? slots * c->device_bytes : 0,
                                   .events = slots,
                                   .handle.fd = -1};
    int status = p->device->ops->map(p->device, &e->own);
    if (status) {
        free(e->peers);
        return tram__fail(status, "%u slots of %llu bytes for a tensor: %s", slots,
                          (unsigned long long)c->device_bytes, tram_last_error()->text);
    }
    p->edge_count++;
    return TRAM_OK;
}

int tram__edges_allocate(struct tram__participant *p, struct tram__device *d) {
    p->device = d;
    p->edges = calloc(p->plan->n_channels + 1, sizeof *p->edges);
    if (!p->edges)
        return tram__fail(TRAM_ERR_NO_MEMORY, "edges on the device");
    for (size_t i = 0; i < p->plan->n_channels; i++) {
        const Tram__Wire__Channel *c = p->plan->channels[i];
        if (!c->device_bytes || (c->writer != p->plan->self && !reads(c, p->plan->self)))
            continue;
        if (!d)
            return tram__fail(TRAM_ERR_PROTOCOL, "channel %u is for a device, and there is none", c->id);
        int status = *c->custom ? allocate_custom(p, c) : allocate(p, c);
        if (status)
            return status;
    }
    return TRAM_OK;
}

const struct tram__memory_handle *tram__edge_lends(const struct tram__edge *e) {
    if (!e->custom.ops)
        return &e->own.handle;
    return e->writes ? &e->address : NULL;
}

static int connect_custom(struct tram__edge *e, uint32_t slots, const void *address, size_t size) {
    const struct tram_transport_ops *o = e->custom.ops;
    tram__transport_begin();
    int code = o->connect(address, size, slots, e->stride, &e->custom.end);
    if (code)
        return tram__transport_failed(o, "connect", code);
    e->custom.open = true;
    return TRAM_OK;
}

int tram__edge_import(struct tram__participant *p, uint32_t channel, uint32_t from, const void *handle,
                      size_t size, int fd) {
    struct tram__edge *e = tram__edge_find(p, channel);
    if (e && e->custom.ops && !e->custom.open)
        return connect_custom(e, p->plan->slots, handle, size);
    for (uint32_t i = 0; e && i < e->peer_count; i++) {
        struct tram__memory *m = &e->peers[i].memory;
        if (e->peers[i].participant != from || m->own)
            continue;
        *m = (struct tram__memory){.kind = TRAM__MEMORY_IMPORTED,
                                   .size = e->writes ? 0 : p->plan->slots * e->stride,
                                   .events = p->plan->slots,
                                   .handle = {fd, (uint32_t)size, (unsigned char *)(uintptr_t)handle}};
        int status = p->device->ops->map(p->device, m);
        m->handle = (struct tram__memory_handle){.fd = -1};
        if (!status)
            return TRAM_OK;
        m->own = NULL;
        if (status == TRAM_ERR_SYSTEM ||
            status == TRAM_ERR_UNSUPPORTED) /* there may be another way: compile.c */
            return tram__fail(TRAM_ERR_UNSUPPORTED,
                              "a tensor of another actor cannot be reached here by ipc: %s",
                              tram_last_error()->text);
        return status;
    }
    return tram__fail(TRAM_ERR_PROTOCOL, "device memory of participant %u for channel %u was not expected",
                      from, channel);
}

int tram__edges_check(const struct tram__participant *p) {
    for (uint32_t i = 0; i < p->edge_count; i++) {
        const struct tram__edge *e = &p->edges[i];
        if (e->custom.ops && !e->custom.open)
            return tram__fail(TRAM_ERR_PROTOCOL, "the address of channel %u did not come", e->channel);
        for (uint32_t k = 0; k < e->peer_count; k++)
            if (!e->peers[k].memory.own)
                return tram__fail(TRAM_ERR_PROTOCOL,
                                  "the device memory of participant %u for channel %u did not come",
                                  e->peers[k].participant, e->channel);
    }
    return TRAM_OK;
}

static void close_custom(struct tram__edge *e) {
    if (e->custom.open)
        e->custom.ops->close(e->custom.end);
    e->custom.open = false;
}

void tram__edges_leave(struct tram__participant *p) {
    for (uint32_t i = 0; i < p->edge_count; i++) {
        struct tram__edge *e = &p->edges[i];
        if (!e->writes)
            close_custom(e);
        for (uint32_t k = 0; k < e->peer_count; k++)
            if (e->peers[k].memory.own)
                p->device->ops->unmap(p->device, &e->peers[k].memory); /* own: NULL after */
    }
}

void tram__edges_close(struct tram__participant *p) {
    tram__edges_leave(p);
    for (uint32_t i = 0; i < p->edge_count; i++) {
        close_custom(&p->edges[i]);
        p->device->ops->unmap(p->device, &p->edges[i].own);
        free(p->edges[i].address.bytes);
        free(p->edges[i].peers);
    }
    free(p->edges);
    p->edges = NULL;
    p->edge_count = 0;
}
