/* SPDX-License-Identifier: Apache-2.0
 *
 * The roster: the supervisor's page, read-only to everyone else. It says which actors of this host live and
 * how the others ended. `epoch` changes, and is woken as a futex, after every unexpected death; every wait of
 * the data plane watches it (base/wait.h), so a death needs no other message.
 *
 *   supervisor: entry = DEAD (relaxed); epoch + 1 (release, R3); futex_wake(epoch)
 *   everyone:   epoch (acquire, A3); then the entries
 */
#ifndef TRAM_ACTOR_ROSTER_H
#define TRAM_ACTOR_ROSTER_H

#include "base/seam.h"

enum { TRAM__MAX_ACTORS = 1024 };
#define TRAM__ROSTER_MAGIC   0x524F5354u
#define TRAM__ROSTER_VERSION 1u

enum tram__life { TRAM__LIFE_NONE, TRAM__LIFE_ALIVE, TRAM__LIFE_ENDED, TRAM__LIFE_DEAD };

struct tram__roster_entry {
    tram__word32 life;        /* enum tram__life; ENDED: on request, DEAD: not */
    tram__word32 wait_status; /* as of waitpid, when not alive */
    tram__word32 pid;
    tram__word32 reserved;
};

struct tram__roster {
    uint32_t magic, version;
    uint32_t supervisor_pid, driver_pid;
    _Alignas(TRAM__LINE) tram__word32 epoch;
    tram__word32 alive; /* actors */
    _Alignas(TRAM__LINE) struct tram__roster_entry actors[TRAM__MAX_ACTORS];
};
_Static_assert(offsetof(struct tram__roster, epoch) == TRAM__LINE, "the shared layout is fixed");
_Static_assert(sizeof(struct tram__roster_entry) == 16, "the shared layout is fixed");

/* True when actor `index` has died or was ended; the acquire of `epoch` or of the entry itself orders it. */
static inline bool tram__roster_gone(const struct tram__roster *r, uint32_t index) {
    uint32_t life = tram__load32_acquire(&r->actors[index].life);
    return life == TRAM__LIFE_DEAD || life == TRAM__LIFE_ENDED;
}

/* Maps the roster behind `fd` and checks it. */
int tram__roster_map(int fd, const struct tram__roster **out);
void tram__roster_unmap(const struct tram__roster *r);

/* "was killed by signal 9 (Killed)" or "exited with status 3" into `out`. */
void tram__roster_how(const struct tram__roster *r, uint32_t index, char *out, size_t size);

#endif
