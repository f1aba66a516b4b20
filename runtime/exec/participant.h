/* SPDX-License-Identifier: Apache-2.0
 *
 * One participant of a compiled graph: its region, its view of its peers' regions, and its channel endpoints.
 * The driver and the actors open theirs from the same kind of plan.
 */
#ifndef TRAM_EXEC_PARTICIPANT_H
#define TRAM_EXEC_PARTICIPANT_H

#include "base/region.h"
#include "exec/layout.h"

struct tram__device;
struct tram__edge;
struct tram__pin;

struct tram__participant {
    Tram__Wire__Prepare *plan; /* owned */
    const struct tram__channel_ops *ops;
    struct tram__region region; /* our own, writable */
    int region_fd;              /* until it was handed out; -1 after */
    struct tram__region_head *head;
    struct tram__region *peers; /* by position in plan->participants; our own stays empty there */
    int *bells;                 /* by the same, of our peers; -1: none came */
    struct tram__waiter waiter;
    struct tram__writer *writers;
    uint32_t writer_count;
    struct tram__reader *readers;
    uint32_t reader_count;
    const Tram__Wire__Channel **carried; /* of the plan: those whose payloads others may carry */
    size_t carried_count;
    struct tram__device *device;                 /* borrowed; NULL: none */
    const struct tram_transport_ops *transports; /* the program's own; NULL: none */
    struct tram__edge *edges;                    /* edge.h */
    uint32_t edge_count;
    struct tram__pin *pins; /* pin.h */
    uint32_t pin_count;
};

/* Allocates, prefaults and seals our region, and what lies on the device (NULL: there is none); opens our ends of the program's
 * own transports. Takes the plan in any case. */
int tram__participant_allocate(struct tram__participant *p, Tram__Wire__Prepare *plan, struct tram__device *d,
                               const struct tram_transport_ops *transports);
/* Maps the region of participant `id`. Borrows the descriptor. */
int tram__participant_map(struct tram__participant *p, uint32_t id, int fd);
/* Keeps the bell of participant `id`. Borrows the descriptor. */
int tram__participant_bell(struct tram__participant *p, uint32_t id, int fd);
/* With every peer mapped: opens the endpoints. The caller has set p->waiter's plan, epoch, control,
 * interrupted. */
int tram__participant_open(struct tram__participant *p);
void tram__participant_close(struct tram__participant *p);

/* The mapped head of a peer (or our own), NULL when it is not among them. */
const struct tram__region_head *tram__participant_head(const struct tram__participant *p, uint32_t id);
struct tram__writer *tram__participant_writer(const struct tram__participant *p, uint32_t channel);
/* What the plan says of a channel; NULL: nothing. */
const Tram__Wire__Channel *tram__participant_channel(const struct tram__participant *p, uint32_t id);
struct tram__reader *tram__participant_reader(const struct tram__participant *p, uint32_t channel);

#endif
