/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of references and of the object store share: a class, values in short, and checks of what is left.
 */
#ifndef TRAM_LAUNCH_OBJECTS_TESTING_H
#define TRAM_LAUNCH_OBJECTS_TESTING_H

#include "testing.h"

#include <string.h>

/* Class "Maker". Its methods:
 *
 *   echo    copies argument 0              pass    forwards it
 *   swap    forwards arguments 1 and 0 to results 0 and 1
 *   grow    takes a struct making: as many bytes, with that pattern
 *   grow3   takes three of them, in one argument: three results
 *   many    takes a u64: TRAM_MAX_RESULTS results, each that number plus its index, as u64
 *   digest  a hash of all arguments and their arrangement, as a u64
 *   join    all plain arguments, one after another
 *   fail    with the code in the u32 of argument 0 and the text "no luck"
 *   nap     sleeps for the ms in the u32 of argument 0, then copies argument 1 if there is one
 *   note    appends argument 0 to what the actor remembers, and copies it
 *   notes   all that it remembers
 *   stuff   takes a struct making: reserves twice that much, then returns code 5
 */
extern const struct tram_class maker_classes[];

struct making {
    uint64_t size, seed;
};

/* Starts one in the runtime, or in test_runtime. */
struct tram_actor *maker_of(struct tram *t, const char *name);
struct tram_actor *maker(const char *name);

static inline struct tram_value v_bytes(const void *data, size_t size) {
    return (struct tram_value){.kind = TRAM_BYTES, .data = data, .size = size};
}
static inline struct tram_value v_text(const char *text) {
    return v_bytes(text, strlen(text));
}
static inline struct tram_value v_ref(struct tram_ref *r) {
    return (struct tram_value){.kind = TRAM_REF, .ref = r};
}
static inline struct tram_value v_move(struct tram_ref *r) {
    return (struct tram_value){.kind = TRAM_MOVE, .ref = r};
}
static inline struct tram_value v_after(struct tram_ref *r) {
    return (struct tram_value){.kind = TRAM_AFTER, .ref = r};
}
static inline struct tram_value v_list(const struct tram_value *values, size_t count) {
    return (struct tram_value){.kind = TRAM_LIST, .data = values, .size = count};
}
#define V(...)                                  \
    ((const struct tram_value[]){__VA_ARGS__}), \
        sizeof((const struct tram_value[]){__VA_ARGS__}) / sizeof(struct tram_value)

/* A call; its status is returned. */
int try_call(struct tram_actor *a, const char *method, struct tram_ref *refs, const struct tram_value *values,
             size_t count);
/* A call of method grow. */
void grow_call(struct tram_actor *a, size_t size, uint64_t seed, struct tram_ref *ref);

/* Fetches a result, by borrow and release: it is `size` bytes of the pattern; it is this u64; it is this text. */
#define IS_GROWN(r, size, seed) is_grown((r), (size), (seed), __FILE__, __LINE__)
void is_grown(struct tram_ref *r, size_t size, uint64_t seed, const char *file, int line);
#define IS_NUMBER(r, n) is_number((r), (n), __FILE__, __LINE__)
void is_number(struct tram_ref *r, uint64_t n, const char *file, int line);
#define IS_TEXT(r, text) is_text((r), (text), __FILE__, __LINE__)
void is_text(struct tram_ref *r, const char *text, const char *file, int line);

/* The same hash as method digest's, of plain arguments. */
uint64_t digest_start(void);
uint64_t digest_bytes(uint64_t h, const void *data, size_t size);
uint64_t digest_open(uint64_t h); /* a list begins */
uint64_t digest_close(uint64_t h);
uint64_t digest_grown(uint64_t h, size_t size, uint64_t seed);

/* After a call and its result on each of the actors, nothing is stored and nothing outstanding any more. */
#define ALL_QUIET(t, actors, count) all_quiet((t), (actors), (count), __FILE__, __LINE__)
void all_quiet(struct tram *t, struct tram_actor *const *actors, size_t count, const char *file, int line);

uint64_t resident_bytes(int pid); /* 0: this process */

/* Does something to a process in `ms`, from another thread; join with finish_later. */
struct later {
    int pid, signal;
    unsigned ms;
    unsigned long thread;
};
void signal_later(struct later *l, int pid, int signal, unsigned ms);
void finish_later(struct later *l);
/* Kills it and waits until it is reaped. */
void kill_now(int pid);

#endif
