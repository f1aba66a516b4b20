/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of this room share: a folder of their own, chance that can be repeated (TRAM_TEST_SEED, TRAM_TEST_ROUNDS), and
 * files that are spoilt by it.
 */
#ifndef TRAM_RESULTS_TESTING_H
#define TRAM_RESULTS_TESTING_H

#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Makes a folder, whose name goes into `out` of 64 bytes; removes one with all that is in it, but what is in folders there. 0, or
 * -1. */
static inline int test_folder_make(char *out) {
    strcpy(out, "/tmp/tram-results-XXXXXX");
    return mkdtemp(out) ? 0 : -1;
}
static inline int test_folder_remove(const char *folder) {
    DIR *dir = opendir(folder);
    for (struct dirent *e; dir && (e = readdir(dir));)
        unlinkat(dirfd(dir), e->d_name, e->d_type == DT_DIR ? AT_REMOVEDIR : 0);
    closedir(dir);
    return rmdir(folder);
}

static uint64_t test_random_state;

/* Starts the sequence; returns how many rounds are wanted. */
static inline unsigned test_random_begin(unsigned rounds) {
    const char *seed = getenv("TRAM_TEST_SEED"), *given = getenv("TRAM_TEST_ROUNDS");
    test_random_state = seed ? strtoull(seed, NULL, 0) | 1 : 88172645463325252;
    return given ? (unsigned)strtoul(given, NULL, 0) : rounds;
}

static inline uint64_t test_random(void) {
    test_random_state ^= test_random_state << 13;
    test_random_state ^= test_random_state >> 7;
    test_random_state ^= test_random_state << 17;
    return test_random_state;
}

static inline uint64_t test_draw(uint64_t below) {
    return test_random() % below;
}

/* Cuts, other bytes and pieces of JSON anywhere; returns the new size, at most `room`. */
static inline size_t test_spoil(char *text, size_t size, size_t room) {
    static const char *const pieces[] = {"null",
                                         "-1",
                                         "0",
                                         "1e300",
                                         "1e400",
                                         "NaN",
                                         "{}",
                                         "[",
                                         "]",
                                         "}",
                                         "{",
                                         "\"",
                                         ":",
                                         ",",
                                         "1",
                                         "\n",
                                         "\\u0000",
                                         "\x80",
                                         "9223372036854775807",
                                         "1e-320"};
    if (test_draw(8) == 0)
        size = test_draw(size + 1);
    for (uint64_t n = test_draw(4); n && size; n--) {
        size_t at = test_draw(size), out = test_draw(2) ? test_draw(8) : 0;
        const char *piece = pieces[test_draw(sizeof pieces / sizeof *pieces)];
        size_t in = test_draw(3) ? strlen(piece) : 0;
        out = out < size - at ? out : size - at;
        if (size - out + in > room)
            continue;
        memmove(text + at + in, text + at + out, size - at - out);
        memcpy(text + at, piece, in);
        size += in - out;
        if (size && test_draw(3) == 0)
            text[test_draw(size)] = (char)test_draw(256);
    }
    return size;
}

#endif
