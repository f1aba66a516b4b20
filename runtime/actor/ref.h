/* SPDX-License-Identifier: Apache-2.0
 *
 * Who answers for references: eager calls and compiled graphs each put a source behind theirs.
 */
#ifndef TRAM_ACTOR_REF_H
#define TRAM_ACTOR_REF_H

#include "tramline/tramline.h"

struct tram__source {
    const struct tram__source_ops *ops;
};

struct tram__source_ops {
    /* Waits for the result and lends it; statuses as of tram_get_borrow. May be repeated for the same
     * reference. */
    int (*borrow)(struct tram__source *s, const struct tram_ref *r, struct tram_bytes *out, double timeout_s);
    /* Gives the result up, whether it was borrowed, is ready, or is still to come. */
    int (*release)(struct tram__source *s, const struct tram_ref *r);
    /* Counts a copy that tram_get made; may be NULL. */
    void (*copied)(struct tram__source *s, uint64_t bytes);
};

#endif
