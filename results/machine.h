/* SPDX-License-Identifier: Apache-2.0
 *
 * What kind of machine this is: read from /proc and /sys, each figure on its own, null where it cannot be
 * read.
 */
#ifndef TRAM_RESULTS_MACHINE_H
#define TRAM_RESULTS_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TRAM__MAX_CACHES = 16 };

struct tram__cache {
    char type[16]; /* Data, Instruction or Unified */
    int level;
    int64_t bytes;
    int sharing; /* CPUs that share it */
};

/* Absent: an empty string, or a negative number. */
struct tram__machine {
    char cpu_model[128];
    int cpus; /* online */
    double mhz;
    int scaling; /* 1: some CPU's frequency is not pinned by the performance governor; 0: all are; -1: unknown
                  */
    struct tram__cache cache[TRAM__MAX_CACHES];
    unsigned caches;
    int numa_nodes;
    int64_t ram_bytes;
    char kernel[256];
    char glibc[32];
    char host[256];
    int hypervisor; /* 1: the CPU says that it is virtual; 0: it says not; -1: it cannot say */
    char hypervisor_name[16];
    char dmi_vendor[128], dmi_product[128];
    double quota_cpus; /* CPUs that the cgroup pays for; negative: unlimited or unknown */
    bool quota_known;  /* with a negative quota_cpus: unlimited */
    char clocksource[32];
    char governor[32];
    double governor_mhz; /* the frequency that cpu0's driver reports now */
    char huge_pages[32]; /* transparent huge pages: always, madvise or never */
    char shmem_huge_pages[32];
};

void tram__machine_read(struct tram__machine *out);

/* The value of a line "key value" of a file of this process's control group, by version 2 or by a controller of version 1; false
 * when there is none. */
bool tram__cgroup_field(const char *controller, const char *file, const char *key, char *out, size_t size);

/* The first line of a file without its newline; false, and an empty string, when it cannot be read. */
bool tram__read_line(const char *path, char *out, size_t size);

#endif
