/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"
#include "channel/channel.h"

#include <string.h>

const struct tram__channel_ops *const tram__channel_backends[] = {&tram__channel_shm, &tram__channel_fault,
                                                                  NULL};

static const char *missing_hook(const struct tram__channel_ops *ops) {
#define NEED(hook)  \
    if (!ops->hook) \
    return #hook
    NEED(most_readers);
    NEED(measure);
    NEED(loan);
    NEED(room);
    NEED(publish);
    NEED(wake_readers);
    NEED(read);
    NEED(expect);
    NEED(release);
    NEED(wake_writers);
#undef NEED
    return NULL;
}

const struct tram__channel_ops *tram__channel_backend(const char *name) {
    for (size_t i = 0; tram__channel_backends[i]; i++) {
        const struct tram__channel_ops *ops = tram__channel_backends[i];
        if (strcmp(ops->name, name) != 0)
            continue;
        const char *hook = missing_hook(ops);
        if (!hook)
            return ops;
        tram__fail(TRAM_ERR_UNSUPPORTED, "channel backend %s has no %s hook", name, hook);
        return NULL;
    }
    tram__fail(TRAM_ERR_INVALID, "there is no channel backend '%s'", name);
    return NULL;
}
