/* SPDX-License-Identifier: Apache-2.0
 *
 * Tensors whose transport is pinned: each participant with a device registers with it the payload extents that it writes, and
 * those that it reads, as they are mapped here, read-only. Then one copy brings elements from the device into a slot, and one
 * from there to each reader's device. A device that cannot register what the host may only read has elements copied into
 * pinned memory of its own first, which is reserved with the task's other room (actor/tensor.h).
 *
 * What cannot be registered is used as it is. The driver is told, and decides whether that will do.
 */
#ifndef TRAM_EXEC_PIN_H
#define TRAM_EXEC_PIN_H

#include "device/device.h"
#include "exec/participant.h"

struct tram__pin {
    uint32_t channel;
    struct tram__memory memory; /* size 0: none */
    int status;                 /* not 0: it could not be done, */
    char why[200];              /* for this reason */
};

/* Registers all that the plan asks for; the participant is open. 0, or ERR_NO_MEMORY for the list itself. */
int tram__pins_map(struct tram__participant *p);
/* Pinned memory of a task could not be had: the thread's last error says why. */
void tram__pin_failed(struct tram__participant *p, uint32_t channel);
/* Before the regions are unmapped, and after the stream is done. */
void tram__pins_close(struct tram__participant *p);

#endif
