/* SPDX-License-Identifier: Apache-2.0 */
#include "actor/roster.h"

#include "base/error.h"
#include "base/region.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

int tram__roster_map(int fd, const struct tram__roster **out) {
    struct tram__region region;
    int status = tram__region_map(fd, sizeof(struct tram__roster), &region);
    if (status)
        return status;
    const struct tram__roster *r = region.base;
    if (r->magic != TRAM__ROSTER_MAGIC || r->version != TRAM__ROSTER_VERSION) {
        status = tram__fail(TRAM_ERR_PROTOCOL, "the supervisor's roster has magic %#x and version %u",
                            r->magic, r->version);
        tram__region_close(&region);
        return status;
    }
    *out = r;
    return TRAM_OK;
}

void tram__roster_unmap(const struct tram__roster *r) {
    struct tram__region region = {(void *)(uintptr_t)r, sizeof *r};
    tram__region_close(&region);
}

void tram__roster_how(const struct tram__roster *r, uint32_t index, char *out, size_t size) {
    int how = (int)tram__load32_relaxed(&r->actors[index].wait_status);
    if (!tram__roster_gone(r, index))
        snprintf(out, size, "closed its connection");
    else if (tram__load32_relaxed(&r->actors[index].life) == TRAM__LIFE_ENDED)
        snprintf(out, size, "was ended by tram_actor_destroy");
    else if (WIFSIGNALED(how))
        snprintf(out, size, "was killed by signal %d (%s)", WTERMSIG(how), strsignal(WTERMSIG(how)));
    else
        snprintf(out, size, "exited with status %d", WEXITSTATUS(how));
}
