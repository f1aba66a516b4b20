/* SPDX-License-Identifier: Apache-2.0
 *
 * Edges whose elements stay on the device. The writer has memory there for each slot, which its readers import: no element
 * is copied, and none passes through the host; a reader on another device of the kind copies them to its own. The message in the channel (channel.h) is the head and the CPU part; it is
 * published as soon as the work that makes the elements is given to a stream, and given back as soon as the work that reads
 * them is. What the devices still have to do is ordered by events, one line for each slot:
 *
 *   writer's stream:  await (reader's event, n - K) of each reader; makes the elements of n; signals its event, n
 *   reader's stream:  await (writer's event, n); reads them; signals its own event, n
 *
 * An await is given after the news that its signal was: the reader has message n, the writer has every ack of n - K.
 *
 * Or they go by a transport of the program's own, by which each end has memory for one value: the writer's is made there and
 * then put, a reader's is fetched to there (actor/tensor.c). The message is published once the put is done, and given back
 * once the get is and all that uses what it brought: there are no events. The writer lends its address, a reader nothing.
 */
#ifndef TRAM_EXEC_EDGE_H
#define TRAM_EXEC_EDGE_H

#include "actor/tensor.h"
#include "device/device.h"
#include "exec/participant.h"

struct tram__edge_peer {
    uint32_t participant;
    struct tram__memory memory; /* imported; data NULL and own NULL before */
};

/* One participant's end. */
struct tram__edge {
    uint32_t channel;
    bool writes;
    bool copied;             /* a reader's, whose device is another than the writer's: it works on a copy */
    uint64_t stride;         /* bytes of the elements in one slot */
    struct tram__memory own; /* the writer's slots and events; a reader's events; custom: one value */
    struct tram__edge_peer *peers; /* the writer's: all readers; a reader's: the writer; custom: none */
    uint32_t peer_count;
    struct tram__custom_end custom;
    struct tram__memory_handle address; /* of the writer's end of that */
};

/* Allocates what this participant lends; the plan is there. */
int tram__edges_allocate(struct tram__participant *p, struct tram__device *d);
/* What the end lends, or NULL. */
const struct tram__memory_handle *tram__edge_lends(const struct tram__edge *e);
/* Imports what participant `from` lends for a channel. Borrows the descriptor. */
int tram__edge_import(struct tram__participant *p, uint32_t channel, uint32_t from, const void *handle,
                      size_t size, int fd);
/* 0 when nothing is missing. */
int tram__edges_check(const struct tram__participant *p);
/* Lets go of what others lend; nothing that uses it is under way. */
void tram__edges_leave(struct tram__participant *p);
/* The same, then frees what this participant lends. Others have let go of it before, or end. */
void tram__edges_close(struct tram__participant *p);
/* The end of a channel here, or NULL: its elements travel through the host. */
struct tram__edge *tram__edge_find(const struct tram__participant *p, uint32_t channel);

#endif
