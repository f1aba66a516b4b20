/* SPDX-License-Identifier: Apache-2.0
 *
 * Who answers for references: eager calls and compiled graphs each put a source behind theirs.
 */
#ifndef TRAM_ACTOR_REF_H
#define TRAM_ACTOR_REF_H

#include "tramline/tramline.h"

struct tram__source {
    const struct tram__source_ops *ops;
    double get_timeout_s; /* for TRAM_DEFAULT_TIMEOUT */
};

struct tram__source_ops {
    /* Waits for the result and lends it; statuses as of tram_get_borrow. May be repeated for the same
     * reference. */
    int (*borrow)(struct tram__source *s, const struct tram_ref *r, struct tram_bytes *out, double timeout_s);
    /* The borrow that has just succeeded was for nothing, and does not count; may be NULL. */
    void (*unborrow)(struct tram__source *s, const struct tram_ref *r);
    /* Gives the result up, whether it was borrowed, is ready, or is still to come. */
    int (*release)(struct tram__source *s, const struct tram_ref *r);
    /* As tram_ready. */
    int (*ready)(struct tram__source *s, const struct tram_ref *r);
    /* Before a sleep on a descriptor that then becomes readable when the reference may have become ready: 0 with *fd, 1
     * when it is ready already, or a status. */
    int (*arm)(struct tram__source *s, const struct tram_ref *r, int *fd);
    /* After the sleep; may be NULL. */
    void (*disarm)(struct tram__source *s);
    /* Counts a copy that tram_get made; may be NULL. */
    void (*copied)(struct tram__source *s, const struct tram_ref *r, uint64_t bytes);
};

#endif
