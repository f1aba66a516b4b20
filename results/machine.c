/* SPDX-License-Identifier: Apache-2.0 */
#include "results/machine.h"

#include <ctype.h>
#include <dirent.h>
#include <gnu/libc-version.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

bool tram__read_line(const char *path, char *out, size_t size) {
    out[0] = '\0';
    FILE *f = fopen(path, "re");
    if (!f)
        return false;
    bool ok = fgets(out, (int)size, f) != NULL;
    fclose(f);
    if (!ok)
        out[0] = '\0';
    out[strcspn(out, "\n")] = '\0';
    return ok;
}

static bool read_number(const char *path, double *out) {
    char line[64], *end;
    if (!tram__read_line(path, line, sizeof line))
        return false;
    *out = strtod(line, &end);
    return end != line;
}

/* The value of the first line "key : value" of a file such as /proc/cpuinfo. */
static bool read_field(const char *path, const char *key, char *out, size_t size) {
    out[0] = '\0';
    FILE *f = fopen(path, "re");
    if (!f)
        return false;
    char *line = NULL;
    size_t room = 0, length = strlen(key);
    bool found = false;
    while (!found && getline(&line, &room, f) > 0) {
        const char *colon = strchr(line, ':');
        if (!colon || strncmp(line, key, length) != 0 || !strchr(" \t:", line[length]))
            continue;
        line[strcspn(line, "\n")] = '\0';
        for (colon++; isspace((unsigned char)*colon); colon++)
            ;
        found = snprintf(out, size, "%s", colon) > 0;
    }
    free(line);
    fclose(f);
    return found;
}

/* The choice in brackets: "always [madvise] never". */
static void read_choice(const char *path, char *out, size_t size) {
    char line[128];
    out[0] = '\0';
    if (!tram__read_line(path, line, sizeof line))
        return;
    char *from = strchr(line, '['), *to = from ? strchr(from, ']') : NULL;
    if (to) {
        *to = '\0';
        snprintf(out, size, "%s", from + 1);
    }
}

static int bits_in_mask(const char *mask) {
    int bits = 0;
    for (; *mask; mask++)
        if (isxdigit((unsigned char)*mask)) {
            char digit[2] = {*mask, '\0'};
            bits += __builtin_popcountl(strtoul(digit, NULL, 16));
        }
    return bits;
}

static bool read_cache(int index, struct tram__cache *c) {
    char path[128], line[512], *unit;
    double level;
    memset(c, 0, sizeof *c);
#define AT(name) \
    (snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%d/" name, index), path)
    if (!tram__read_line(AT("type"), c->type, sizeof c->type) || !read_number(AT("level"), &level) ||
        !tram__read_line(AT("size"), line, sizeof line))
        return false;
    c->level = (int)level;
    c->bytes = strtoll(line, &unit, 10);
    c->bytes <<= *unit == 'K' ? 10 : *unit == 'M' ? 20 : 0;
    c->sharing = tram__read_line(AT("shared_cpu_map"), line, sizeof line) ? bits_in_mask(line) : -1;
#undef AT
    return true;
}

static int count_nodes(void) {
    DIR *dir = opendir("/sys/devices/system/node");
    if (!dir)
        return -1;
    int nodes = 0;
    for (struct dirent *e; (e = readdir(dir));)
        nodes += strncmp(e->d_name, "node", 4) == 0 && isdigit((unsigned char)e->d_name[4]);
    closedir(dir);
    return nodes;
}

/* The process's folder below the mount of a cgroup controller; "" names version 2. */
static bool find_group(const char *controller, char *out, size_t size) {
    FILE *f = fopen("/proc/self/cgroup", "re");
    if (!f)
        return false;
    char line[1024];
    bool found = false;
    while (!found && fgets(line, sizeof line, f)) {
        char *save, *list = strchr(line, ':'), *path = list ? strchr(list + 1, ':') : NULL;
        if (!path)
            continue;
        *path++ = '\0';
        path[strcspn(path, "\n")] = '\0';
        found = !*controller && !list[1];
        for (char *one = strtok_r(list + 1, ",", &save); one && !found; one = strtok_r(NULL, ",", &save))
            found = strcmp(one, controller) == 0;
        if (found)
            snprintf(out, size, "%s", path);
    }
    fclose(f);
    return found;
}

bool tram__cgroup_field(const char *controller, const char *file, const char *key, char *out, size_t size) {
    char group[512] = "", path[700], line[256], name[64];
    if (find_group("", group, sizeof group))
        snprintf(path, sizeof path, "/sys/fs/cgroup%s/%s", group, file);
    else if (find_group(controller, group, sizeof group))
        snprintf(path, sizeof path, "/sys/fs/cgroup/%s%s/%s", controller, group, file);
    else
        return false;
    FILE *f = fopen(path, "re");
    bool found = false;
    while (f && !found && fgets(line, sizeof line, f)) {
        int at = 0;
        found = sscanf(line, "%63s %n", name, &at) == 1 && at && strcmp(name, key) == 0;
        line[strcspn(line, "\n")] = '\0';
        if (found)
            snprintf(out, size, "%s", line + at);
    }
    if (f)
        fclose(f);
    return found;
}

static void read_quota(struct tram__machine *m) {
    char group[512] = "", path[640], line[64];
    double quota, period;
    m->quota_cpus = -1;
    if (find_group("", group, sizeof group)) {
        snprintf(path, sizeof path, "/sys/fs/cgroup%s/cpu.max", group);
        if (tram__read_line(path, line, sizeof line)) {
            m->quota_known = true;
            if (sscanf(line, "%lf %lf", &quota, &period) == 2 && period > 0)
                m->quota_cpus = quota / period;
            return;
        }
    }
    if (!find_group("cpu", group, sizeof group))
        return;
    snprintf(path, sizeof path, "/sys/fs/cgroup/cpu%s/cpu.cfs_quota_us", group);
    m->quota_known = read_number(path, &quota);
    snprintf(path, sizeof path, "/sys/fs/cgroup/cpu%s/cpu.cfs_period_us", group);
    if (m->quota_known && quota > 0 && read_number(path, &period) && period > 0)
        m->quota_cpus = quota / period;
}

static void read_hypervisor(struct tram__machine *m) {
    m->hypervisor = -1;
#if defined(__x86_64__)
    unsigned a, b, c, d;
    if (__get_cpuid(1, &a, &b, &c, &d))
        m->hypervisor = c >> 31;
    if (m->hypervisor == 1) {
        unsigned name[3];
        __cpuid(0x40000000, a, name[0], name[1], name[2]);
        memcpy(m->hypervisor_name, name, sizeof name);
        for (char *p = m->hypervisor_name; *p; p++)
            if (!isprint((unsigned char)*p))
                *p = '?';
    }
#endif
    tram__read_line("/sys/class/dmi/id/sys_vendor", m->dmi_vendor, sizeof m->dmi_vendor);
    tram__read_line("/sys/class/dmi/id/product_name", m->dmi_product, sizeof m->dmi_product);
}

static void read_frequency(struct tram__machine *m) {
    char path[96], line[64];
    double khz;
    m->mhz = m->governor_mhz = m->scaling = -1;
    if (read_number("/sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq", &khz))
        m->mhz = khz / 1000;
    else if (read_field("/proc/cpuinfo", "cpu MHz", line, sizeof line))
        m->mhz = strtod(line, NULL);
    if (read_number("/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", &khz))
        m->governor_mhz = khz / 1000;
    tram__read_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", m->governor, sizeof m->governor);
    for (int i = 0; i < m->cpus; i++) {
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/cpufreq/scaling_governor", i);
        if (!tram__read_line(path, line, sizeof line))
            continue;
        if (m->scaling < 1)
            m->scaling = strcmp(line, "performance") != 0;
    }
}

static void read_kernel(struct tram__machine *m) {
    struct utsname u;
    if (uname(&u) == 0) {
        snprintf(m->kernel, sizeof m->kernel, "%s %s %s", u.sysname, u.release, u.machine);
        snprintf(m->host, sizeof m->host, "%s", u.nodename);
    }
    snprintf(m->glibc, sizeof m->glibc, "%s", gnu_get_libc_version());
    tram__read_line("/sys/devices/system/clocksource/clocksource0/current_clocksource", m->clocksource,
                    sizeof m->clocksource);
    read_choice("/sys/kernel/mm/transparent_hugepage/enabled", m->huge_pages, sizeof m->huge_pages);
    read_choice("/sys/kernel/mm/transparent_hugepage/shmem_enabled", m->shmem_huge_pages,
                sizeof m->shmem_huge_pages);
}

void tram__machine_read(struct tram__machine *out) {
    memset(out, 0, sizeof *out);
    out->cpus = (int)sysconf(_SC_NPROCESSORS_ONLN);
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    out->ram_bytes = pages > 0 && page > 0 ? (int64_t)pages * page : -1;
    out->numa_nodes = count_nodes();
    read_field("/proc/cpuinfo", "model name", out->cpu_model, sizeof out->cpu_model);
    while (out->caches < TRAM__MAX_CACHES && read_cache((int)out->caches, &out->cache[out->caches]))
        out->caches++;
    read_kernel(out);
    read_hypervisor(out);
    read_frequency(out);
    read_quota(out);
}
