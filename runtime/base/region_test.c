/* SPDX-License-Identifier: Apache-2.0 */
#include "base/region.h"

#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { SIZE = 3 * 4096 };

/* What the state points to: our region and a peer's view of it. */
struct pair {
    struct tram__region own, peer;
    int fd;
};
static struct pair pair;

static int set_up(void **state) {
    *state = &pair;
    return tram__region_create("region_test", SIZE, &pair.own, &pair.fd) ||
           tram__region_map(pair.fd, SIZE, &pair.peer);
}

static int tear_down(void **state) {
    (void)state;
    tram__region_close(&pair.peer);
    tram__region_close(&pair.own);
    return close(pair.fd);
}

static void what_the_owner_writes_the_peer_reads(void **state) {
    struct pair *p = *state;
    const char *seen = p->peer.base;
    assert_int_equal(p->own.size, SIZE);
    assert_int_equal(p->peer.size, SIZE);
    assert_ptr_not_equal(p->own.base, p->peer.base);
    for (size_t i = 0; i < SIZE; i++)
        assert_int_equal(seen[i], 0);
    strcpy((char *)p->own.base + SIZE - 100, "hello");
    assert_string_equal(seen + SIZE - 100, "hello");
    assert_int_equal(fcntl(p->fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}

static void the_peer_cannot_make_its_mapping_writable(void **state) {
    struct pair *p = *state;
    assert_int_equal(mprotect(p->peer.base, SIZE, PROT_READ | PROT_WRITE), -1);
    assert_int_equal(errno, EACCES);
    assert_int_equal(mprotect(p->peer.base, SIZE, PROT_WRITE), -1);
}

/* Every way to a writable mapping or a write through a descriptor. */
static void refuse_writes(int fd) {
    assert_true(mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
    assert_int_equal(errno, EPERM);
    assert_true(mmap(NULL, SIZE, PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
    assert_int_equal(write(fd, "x", 1), -1);
    assert_int_equal(errno, EPERM);
    assert_int_equal(pwrite(fd, "x", 1, 4096), -1);
    assert_int_equal(ftruncate(fd, SIZE - 4096), -1);
    assert_int_equal(errno, EPERM);
    assert_int_equal(ftruncate(fd, SIZE + 4096), -1);
    assert_int_equal(ftruncate(fd, 0), -1);
    assert_int_equal(fallocate(fd, 0, SIZE, 4096), -1);
    assert_int_equal(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096), -1);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
    assert_int_equal(errno, EPERM);
}

static void the_descriptor_gives_no_way_to_write(void **state) {
    struct pair *p = *state;
    char path[64];
    memset(p->own.base, 7, SIZE);
    refuse_writes(p->fd);
    snprintf(path, sizeof path, "/proc/self/fd/%d", p->fd);
    int again = open(path, O_RDWR | O_CLOEXEC); /* a descriptor of its own */
    assert_true(again >= 0);
    refuse_writes(again);
    close(again);
    struct stat st;
    assert_int_equal(fstat(p->fd, &st), 0);
    assert_int_equal(st.st_size, SIZE);
    for (size_t i = 0; i < SIZE; i++)
        assert_int_equal(((const char *)p->peer.base)[i], 7);
    memset(p->own.base, 8, SIZE); /* the owner still can */
    assert_int_equal(((const char *)p->peer.base)[SIZE - 1], 8);
}

static void a_wrong_size_is_refused(void **state) {
    struct pair *p = *state;
    struct tram__region r = {NULL, 42};
    assert_int_equal(tram__region_map(p->fd, SIZE - 4096, &r), TRAM_ERR_PROTOCOL);
    assert_string_equal(tram_last_error()->text, "a peer's region has 12288 bytes instead of 8192");
    assert_int_equal(tram__region_map(p->fd, SIZE + 1, &r), TRAM_ERR_PROTOCOL);
    assert_int_equal(tram__region_map(-1, SIZE, &r), TRAM_ERR_SYSTEM);
    assert_int_equal(r.size, 42); /* outputs are set only on success */
}

static void what_is_not_sealed_is_refused(void **state) {
    (void)state;
    const int all[] = {F_SEAL_SHRINK, F_SEAL_GROW, 0x0010 /* FUTURE_WRITE */, F_SEAL_SEAL};
    struct tram__region r;
    for (int missing = -1; missing < 4; missing++) { /* -1: every seal */
        int fd = memfd_create("unsealed", MFD_CLOEXEC | MFD_ALLOW_SEALING), seals = 0;
        assert_int_equal(ftruncate(fd, SIZE), 0);
        for (int i = 0; missing >= 0 && i < 4; i++)
            seals |= i == missing ? 0 : all[i];
        assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
        assert_int_equal(tram__region_map(fd, SIZE, &r), TRAM_ERR_PROTOCOL);
        assert_non_null(strstr(tram_last_error()->text, "a peer's region is not sealed"));
        close(fd);
    }
    FILE *file = tmpfile(); /* seals do not apply to it */
    assert_non_null(file);
    assert_int_equal(ftruncate(fileno(file), SIZE), 0);
    assert_int_equal(tram__region_map(fileno(file), SIZE, &r), TRAM_ERR_PROTOCOL);
    fclose(file);
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(tram__region_map(ends[0], 0, &r), TRAM_ERR_PROTOCOL);
    close(ends[0]);
    close(ends[1]);
}

static void what_cannot_be_made_leaves_nothing(void **state) {
    (void)state;
    struct tram__region r = {0};
    int fd = -1, before = dup(0);
    assert_int_equal(tram__region_create("nothing", 0, &r, &fd), TRAM_ERR_SYSTEM);
    assert_int_equal(tram__region_create("too much", SIZE_MAX, &r, &fd), TRAM_ERR_SYSTEM);
    assert_int_equal(tram__region_create("too much", (size_t)1 << 60, &r, &fd), TRAM_ERR_SYSTEM);
    assert_null(r.base);
    assert_int_equal(fd, -1);
    int after = dup(0);
    assert_int_equal(after, before + 1); /* no descriptor was leaked */
    close(before);
    close(after);
    tram__region_close(&r);
    tram__region_close(&r);
}

static void available_memory_is_plausible(void **state) {
    (void)state;
    uint64_t bytes = tram__memory_available();
    uint64_t all = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    assert_in_range(bytes, 1, all);
}

static uint64_t resident_kib(const struct tram__region *r) {
    static unsigned char in_core[4096];
    uint64_t pages = 0;
    for (uint64_t at = 0; at < r->size; at += sizeof in_core * 4096) {
        uint64_t part = r->size - at < sizeof in_core * 4096 ? r->size - at : sizeof in_core * 4096;
        assert_int_equal(mincore((char *)r->base + at, part, in_core), 0);
        for (uint64_t i = 0; i < part / 4096; i++)
            pages += in_core[i] & 1;
    }
    return pages * 4;
}

/* Addresses without memory: only what is prefaulted takes any, and a reader sees it. */
static void reserved_regions_take_what_is_prefaulted(void **state) {
    (void)state;
    enum { MIB = 1 << 20 };
    const uint64_t size = 512 * (uint64_t)MIB;
    struct tram__region mine, theirs;
    int fd;
    assert_int_equal(tram__region_reserve("test", size, &mine, &fd), TRAM_OK);
    assert_int_equal(resident_kib(&mine), 0);
    assert_int_equal(tram__region_prefault(&mine, 0, 4 * MIB), TRAM_OK);
    assert_int_equal(tram__region_prefault(&mine, 4 * MIB, 6 * MIB), TRAM_OK);
    assert_int_equal(resident_kib(&mine), 6 * 1024);
    memset((char *)mine.base + 5 * MIB, 7, 100);
    assert_int_equal(tram__region_map_reserved(fd, size, &theirs), TRAM_OK);
    tram__region_prefault_read(&theirs, 0, 6 * MIB);
    assert_int_equal(((const char *)theirs.base)[5 * MIB + 99], 7);
    assert_int_equal(resident_kib(&theirs), 6 * 1024);
    tram__region_close(&theirs);
    assert_int_not_equal(tram__region_map_reserved(fd, size + 4096, &theirs), TRAM_OK);
    tram__region_close(&mine);
    close(fd);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_the_owner_writes_the_peer_reads, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_peer_cannot_make_its_mapping_writable, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_descriptor_gives_no_way_to_write, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_wrong_size_is_refused, set_up, tear_down),
        cmocka_unit_test(reserved_regions_take_what_is_prefaulted),
        cmocka_unit_test(what_is_not_sealed_is_refused),
        cmocka_unit_test(what_cannot_be_made_leaves_nothing),
        cmocka_unit_test(available_memory_is_plausible),
    };
    return cmocka_run_group_tests_name("region", tests, NULL, NULL);
}
