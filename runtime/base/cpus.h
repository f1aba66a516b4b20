/* SPDX-License-Identifier: Apache-2.0
 *
 * The CPUs this process may use, and who runs where.
 */
#ifndef TRAM_BASE_CPUS_H
#define TRAM_BASE_CPUS_H

enum { TRAM__MAX_CPUS = 1024 };

struct tram__cpus {
    unsigned count;  /* CPUs that threads may run on: at least 1 */
    unsigned usable; /* the same, but no more than the cgroup's quota pays for; at least 1 */
    int cpu[TRAM__MAX_CPUS];
};

/* Affinity of the calling thread, and the CPU quota of its cgroup (v1 or v2). */
void tram__cpus_usable(struct tram__cpus *out);
/* Binds the calling thread; returns 0 or -1 with errno. */
int tram__cpus_bind(int cpu);
/* Parses "0,2-5" against the CPUs that are there: 0, or TRAM_ERR_INVALID with a message naming the bad part.
 */
int tram__cpus_parse(const char *list, struct tram__cpus *out);

#endif
