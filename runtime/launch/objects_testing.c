/* SPDX-License-Identifier: Apache-2.0 */
#include "objects_testing.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- the actors' side ------------------------------------------------------------------------------------ */

struct memory {
    size_t size;
    char notes[1 << 20];
};

uint64_t digest_start(void) {
    return UINT64_C(0xCBF29CE484222325);
}

uint64_t digest_bytes(uint64_t h, const void *data, size_t size) {
    const unsigned char *p = data;
    size_t i = 0;
    for (; i + 8 <= size; i += 8) {
        uint64_t v;
        memcpy(&v, p + i, 8);
        h = (h ^ v) * 0x100000001B3u;
        h ^= h >> 29;
    }
    for (; i < size; i++)
        h = (h ^ p[i]) * 0x100000001B3u;
    return (h ^ size << 20) * 0x9E3779B97F4A7C15u;
}

uint64_t digest_open(uint64_t h) {
    return h * 3 + 1;
}

uint64_t digest_close(uint64_t h) {
    return h * 5 + 2;
}

uint64_t digest_grown(uint64_t h, size_t size, uint64_t seed) {
    void *data = malloc(size + 8);
    if (!data)
        return 0;
    test_fill(data, size, seed);
    h = digest_bytes(h, data, size);
    free(data);
    return h;
}

static uint64_t digest_list(uint64_t h, struct tram_list l) {
    for (size_t i = 0; i < tram_list_count(l); i++) {
        struct tram_bytes b = tram_list_bytes(l, i);
        h = b.data ? digest_bytes(h, b.data, b.size)
                   : digest_close(digest_list(digest_open(h), tram_list_at(l, i)));
    }
    return h;
}

static int digest(void *self, struct tram_call *c) {
    (void)self;
    uint64_t h = digest_list(digest_start(), tram_args(c));
    return tram_result_copy(c, 0, &h, sizeof h);
}

static int echo(void *self, struct tram_call *c) {
    (void)self;
    struct tram_bytes in = tram_arg(c, 0);
    return tram_result_copy(c, 0, in.data, in.size);
}

static int pass(void *self, struct tram_call *c) {
    (void)self;
    return tram_forward(c, 0, 0);
}

static int swap(void *self, struct tram_call *c) {
    (void)self;
    int code = tram_forward(c, 0, 1);
    return code ? code : tram_forward(c, 1, 0);
}

static int make(struct tram_call *c, size_t result, struct making m) {
    void *out = tram_result_reserve(c, result, m.size);
    if (out)
        test_fill(out, m.size, m.seed);
    return 0; /* if there is no room the call has failed */
}

static int grow(void *self, struct tram_call *c) {
    (void)self;
    struct making m;
    memcpy(&m, tram_arg(c, 0).data, sizeof m);
    return make(c, 0, m);
}

static int grow3(void *self, struct tram_call *c) {
    (void)self;
    struct making m[3];
    memcpy(m, tram_arg(c, 0).data, sizeof m);
    for (size_t i = 0; i < 3; i++)
        make(c, i, m[i]);
    return 0;
}

static int stuff(void *self, struct tram_call *c) {
    (void)self;
    struct making m;
    memcpy(&m, tram_arg(c, 0).data, sizeof m);
    make(c, 0, m);
    m.size *= 2;
    make(c, 0, m);
    return 5;
}

static int many(void *self, struct tram_call *c) {
    (void)self;
    uint64_t n;
    memcpy(&n, tram_arg(c, 0).data, sizeof n);
    for (size_t i = 0; i < TRAM_MAX_RESULTS; i++, n++)
        tram_result_copy(c, i, &n, sizeof n);
    return 0;
}

static int join(void *self, struct tram_call *c) {
    (void)self;
    size_t total = 0;
    for (size_t i = 0; i < tram_arg_count(c); i++)
        total += tram_arg(c, i).size;
    char *out = tram_result_reserve(c, 0, total);
    for (size_t i = 0; out && i < tram_arg_count(c); i++) {
        struct tram_bytes in = tram_arg(c, i);
        memcpy(out, in.data, in.size);
        out += in.size;
    }
    return 0;
}

static int fail_with(void *self, struct tram_call *c) {
    (void)self;
    uint32_t code;
    memcpy(&code, tram_arg(c, 0).data, sizeof code);
    return tram_fail(c, (int)code, "no luck");
}

static int nap(void *self, struct tram_call *c) {
    uint32_t ms;
    (void)self;
    memcpy(&ms, tram_arg(c, 0).data, sizeof ms);
    test_pause_ms(ms);
    struct tram_bytes in = tram_arg(c, 1);
    return tram_result_copy(c, 0, in.data, in.size);
}

static int note(void *self, struct tram_call *c) {
    struct memory *m = self;
    struct tram_bytes in = tram_arg(c, 0);
    if (in.size > sizeof m->notes - m->size)
        return 1;
    memcpy(m->notes + m->size, in.data, in.size);
    m->size += in.size;
    return tram_result_copy(c, 0, in.data, in.size);
}

static int notes(void *self, struct tram_call *c) {
    const struct memory *m = self;
    return tram_result_copy(c, 0, m->notes, m->size);
}

static int create(const void *args, size_t size, void **self) {
    (void)args;
    (void)size;
    *self = calloc(1, sizeof(struct memory));
    return *self ? 0 : 1;
}

static const struct tram_method maker_methods[] = {{.name = "echo", .fn = echo},
                                                   {.name = "pass", .fn = pass, .forwards = 1},
                                                   {.name = "swap", .fn = swap, .forwards = 1, .results = 2},
                                                   {.name = "grow", .fn = grow},
                                                   {.name = "grow3", .fn = grow3, .results = 3},
                                                   {.name = "many", .fn = many, .results = TRAM_MAX_RESULTS},
                                                   {.name = "digest", .fn = digest},
                                                   {.name = "join", .fn = join},
                                                   {.name = "fail", .fn = fail_with},
                                                   {.name = "nap", .fn = nap},
                                                   {.name = "note", .fn = note},
                                                   {.name = "notes", .fn = notes},
                                                   {.name = "stuff", .fn = stuff},
                                                   {0}};

const struct tram_class maker_classes[] = {
    {.name = "Maker", .methods = maker_methods, .create = create, .destroy = free}, {0}};

/* ---- the driver's side ----------------------------------------------------------------------------------- */

struct tram_actor *maker_of(struct tram *t, const char *name) {
    struct tram_actor *a = NULL;
    OK(tram_actor_create(t, "Maker", &(struct tram_actor_options){.name = name}, &a));
    return a;
}

struct tram_actor *maker(const char *name) {
    return maker_of(test_runtime, name);
}

int try_call(struct tram_actor *a, const char *method, struct tram_ref *refs, const struct tram_value *values,
             size_t count) {
    return tram_call_with(a, method, &(struct tram_call_params){.value_count = count, .values = values},
                          refs);
}

void grow_call(struct tram_actor *a, size_t size, uint64_t seed, struct tram_ref *ref) {
    struct making m = {size, seed};
    OK(tram_call(a, "grow", &m, sizeof m, ref));
}

static struct tram_bytes borrow(struct tram_ref *r, const char *file, int line) {
    struct tram_bytes got = {0};
    test_ok(tram_get_borrow(r, &got, 30), "tram_get_borrow", file, line);
    return got;
}

void is_grown(struct tram_ref *r, size_t size, uint64_t seed, const char *file, int line) {
    struct tram_bytes got = borrow(r, file, line);
    if (got.size != size || !test_filled(got.data, size, seed)) {
        print_error("%s:%d: %zu bytes instead of %zu, or the wrong ones\n", file, line, got.size, size);
        _fail(file, line);
    }
    test_ok(tram_release(r), "tram_release", file, line);
}

void is_number(struct tram_ref *r, uint64_t n, const char *file, int line) {
    struct tram_bytes got = borrow(r, file, line);
    uint64_t v = 0;
    if (got.size == sizeof v)
        memcpy(&v, got.data, sizeof v);
    if (got.size != sizeof v || v != n) {
        print_error("%s:%d: %zu bytes, %llx instead of %llx\n", file, line, got.size, (unsigned long long)v,
                    (unsigned long long)n);
        _fail(file, line);
    }
    test_ok(tram_release(r), "tram_release", file, line);
}

void is_text(struct tram_ref *r, const char *text, const char *file, int line) {
    struct tram_bytes got = borrow(r, file, line);
    if (got.size != strlen(text) || memcmp(got.data, text, got.size) != 0) {
        print_error("%s:%d: \"%.*s\" instead of \"%s\"\n", file, line, (int)got.size, (const char *)got.data,
                    text);
        _fail(file, line);
    }
    test_ok(tram_release(r), "tram_release", file, line);
}

void all_quiet(struct tram *t, struct tram_actor *const *actors, size_t count, const char *file, int line) {
    struct tram_eager_stats s;
    for (size_t i = 0; i < count; i++) {
        struct tram_ref r;
        test_ok(tram_call(actors[i], "echo", "last", 4, &r), "tram_call", file, line);
        is_text(&r, "last", file, line);
    }
    tram_eager_stats(t, &s);
    if (s.stored || s.stored_bytes || s.outstanding) {
        print_error("%s:%d: %llu objects of %llu bytes are still stored, %llu calls outstanding\n", file,
                    line, (unsigned long long)s.stored, (unsigned long long)s.stored_bytes,
                    (unsigned long long)s.outstanding);
        _fail(file, line);
    }
}

uint64_t resident_bytes(int pid) {
    char path[64];
    unsigned long long size, resident = 0;
    if (pid)
        snprintf(path, sizeof path, "/proc/%d/statm", pid);
    else
        snprintf(path, sizeof path, "/proc/self/statm");
    FILE *f = fopen(path, "re");
    if (f) {
        if (fscanf(f, "%llu %llu", &size, &resident) != 2)
            resident = 0;
        fclose(f);
    }
    return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void *send_signal(void *arg) {
    const struct later *l = arg;
    test_pause_ms(l->ms);
    kill(l->pid, l->signal);
    return NULL;
}

void signal_later(struct later *l, int pid, int number, unsigned ms) {
    pthread_t thread;
    *l = (struct later){.pid = pid, .signal = number, .ms = ms};
    assert_int_equal(pthread_create(&thread, NULL, send_signal, l), 0);
    l->thread = thread;
}

void finish_later(struct later *l) {
    pthread_join(l->thread, NULL);
}

void kill_now(int pid) {
    kill(pid, SIGKILL);
    for (int ms = 0; ms < 10000 && (kill(pid, 0) == 0 || errno != ESRCH); ms++)
        test_pause_ms(1);
    assert_int_not_equal(kill(pid, 0), 0);
}
