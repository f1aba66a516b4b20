/* SPDX-License-Identifier: Apache-2.0
 *
 * Per-call dispatch. Each call builds a task spec, serialises it with its payload, sends it to the actor's
 * queue, is looked up and run there, and comes back as a reply that completes a future.
 */
#ifndef TRAM_EAGER_EAGER_H
#define TRAM_EAGER_EAGER_H

#include "actor/runtime.h"
#include "actor/serve.h"

/* Driver: registers for replies. Fails only for lack of memory. */
int tram__eager_init(struct tram *t);
void tram__eager_fini(struct tram *t);

/* Actor: registers for calls. */
void tram__eager_serve_init(struct tram__serve *s);
void tram__eager_serve_fini(struct tram__serve *s);

#endif
