/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cpus.h"

#include "base/error.h"

#include <ctype.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The process's folder below a cgroup mount: v2 has the empty controller list, v1 names `controller`. */
static int cgroup_path(const char *controller, char *out, size_t size) {
    FILE *f = fopen("/proc/self/cgroup", "re");
    if (!f)
        return -1;
    char line[512];
    int found = -1;
    while (found && fgets(line, sizeof line, f)) {
        char *list = strchr(line, ':');
        char *path = list ? strchr(list + 1, ':') : NULL;
        if (!path)
            continue;
        *path++ = '\0';
        list++;
        path[strcspn(path, "\n")] = '\0';
        if (strcmp(list, controller) == 0) {
            snprintf(out, size, "%s", path);
            found = 0;
        }
    }
    fclose(f);
    return found;
}

static int read_two(const char *path, long *a, long *b) {
    FILE *f = fopen(path, "re");
    if (!f)
        return 0;
    int n = fscanf(f, "%ld %ld", a, b);
    fclose(f);
    return n;
}

/* Whole CPUs that the quota of one group pays for, or 0 when it has none. */
static unsigned quota_of(const char *group, bool v2) {
    char path[640];
    long quota = 0, period = 0, ignored;
    if (v2) {
        snprintf(path, sizeof path, "/sys/fs/cgroup%s/cpu.max", group);
        if (read_two(path, &quota, &period) != 2)
            return 0;
    } else {
        snprintf(path, sizeof path, "/sys/fs/cgroup/cpu%s/cpu.cfs_quota_us", group);
        if (read_two(path, &quota, &ignored) < 1)
            return 0;
        snprintf(path, sizeof path, "/sys/fs/cgroup/cpu%s/cpu.cfs_period_us", group);
        if (read_two(path, &period, &ignored) < 1)
            return 0;
    }
    return quota > 0 && period > 0 ? (unsigned)((quota + period - 1) / period) : 0;
}

/* The least of a group's quota and its ancestors', or 0 when there is none. */
static unsigned quota_above(char *group, bool v2) {
    for (unsigned least = 0;;) {
        unsigned cpus = quota_of(group, v2);
        if (cpus && (!least || cpus < least))
            least = cpus;
        char *slash = strrchr(group, '/');
        if (!slash)
            return least;
        *slash = '\0';
    }
}

static unsigned quota_cpus(void) {
    char group[512];
    unsigned cpus = cgroup_path("", group, sizeof group) == 0 ? quota_above(group, true) : 0;
    if (!cpus && (cgroup_path("cpu,cpuacct", group, sizeof group) == 0 ||
                  cgroup_path("cpu", group, sizeof group) == 0))
        cpus = quota_above(group, false);
    return cpus;
}

static void from_set(const cpu_set_t *set, struct tram__cpus *out) {
    out->count = 0;
    for (int i = 0; i < TRAM__MAX_CPUS && i < CPU_SETSIZE; i++)
        if (CPU_ISSET(i, set))
            out->cpu[out->count++] = i;
    out->usable = out->count;
}

void tram__cpus_usable(struct tram__cpus *out) {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) != 0)
        CPU_SET(0, &set);
    from_set(&set, out);
    unsigned quota = quota_cpus();
    if (quota && quota < out->usable)
        out->usable = quota;
}

int tram__cpus_bind(int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    return sched_setaffinity(0, sizeof set, &set);
}

static int not_a_list(const char *list) {
    return tram__fail(TRAM_ERR_INVALID, "'%s' is not a list of CPUs such as 0,2-5", list);
}

int tram__cpus_parse(const char *list, struct tram__cpus *out) {
    struct tram__cpus there;
    cpu_set_t have, set;
    tram__cpus_usable(&there);
    CPU_ZERO(&have);
    CPU_ZERO(&set);
    for (unsigned i = 0; i < there.count; i++)
        CPU_SET(there.cpu[i], &have);
    for (const char *p = list;; p++) { /* past the comma */
        char *end;
        if (!isdigit((unsigned char)*p)) /* strtol would take blanks and signs as well */
            return not_a_list(list);
        long first = strtol(p, &end, 10), last = first;
        if (*end == '-') {
            p = end + 1;
            if (!isdigit((unsigned char)*p))
                return not_a_list(list);
            last = strtol(p, &end, 10);
        }
        if (last < first || (*end != '\0' && *end != ','))
            return not_a_list(list);
        for (long i = first; i <= last; i++) {
            if (i >= CPU_SETSIZE || !CPU_ISSET((size_t)i, &have))
                return tram__fail(TRAM_ERR_INVALID, "CPU %ld is not there (usable: %d of them, %d to %d)", i,
                                  (int)there.count, there.cpu[0], there.cpu[there.count - 1]);
            CPU_SET((size_t)i, &set);
        }
        p = end;
        if (!*p)
            break;
    }
    from_set(&set, out);
    if (there.usable < out->usable)
        out->usable = there.usable;
    return TRAM_OK;
}
