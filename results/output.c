/* SPDX-License-Identifier: Apache-2.0
 *
 * A regular file is replaced: temporary file in the same directory, fsync, rename, fsync of the directory.
 * After a crash at any point the path holds either the old text or the new.
 *
 * What the shell redirected (/dev/stdout is then often a regular file) must not be renamed over: the
 * descriptor would go on pointing at the old one. So a path that is the same file as descriptor 1 or 2 is
 * written there.
 */
#include "results/output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TRIES = 100 };

struct target {
    int direct;   /* descriptor 1 or 2, or -1 */
    bool special; /* not a regular file: open and write */
    bool exists;  /* a regular file is there, of this mode */
    mode_t mode;
    char path[PATH_MAX]; /* of a regular file, links resolved */
};

static int fail(char *why, size_t size, int error, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
static int fail(char *why, size_t size, int error, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int used = vsnprintf(why, size, format, args);
    va_end(args);
    if (error && used >= 0 && (size_t)used < size)
        snprintf(why + used, size - (size_t)used, ": %s", strerror(error));
    return -1;
}

static int same_as_standard(const struct stat *st) {
    struct stat std;
    for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++)
        if (fstat(fd, &std) == 0 && std.st_dev == st->st_dev && std.st_ino == st->st_ino)
            return fd;
    return -1;
}

static int find_target(const char *path, struct target *t, char *why, size_t size) {
    struct stat st;
    *t = (struct target){.direct = -1};
    if (!*path)
        return fail(why, size, 0, "the path of the result file is empty");
    if (stat(path, &st) != 0) {
        if (errno != ENOENT)
            return fail(why, size, errno, "cannot write %s", path);
        if (lstat(path, &st) == 0)
            return fail(why, size, 0, "cannot write %s: it is a link to nothing", path);
        if (strlen(path) >= sizeof t->path)
            return fail(why, size, ENAMETOOLONG, "cannot write %s", path);
        strcpy(t->path, path);
        return 0;
    }
    t->direct = same_as_standard(&st);
    if (t->direct >= 0)
        return 0;
    if (S_ISDIR(st.st_mode))
        return fail(why, size, EISDIR, "cannot write %s", path);
    t->special = !S_ISREG(st.st_mode);
    t->exists = !t->special;
    /* A pipe that is reached through /dev/fd has no path of its own. */
    if (faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) != 0 || (t->exists && !realpath(path, t->path)))
        return fail(why, size, errno, "cannot write %s", path);
    t->mode = st.st_mode & 07777;
    return 0;
}

/* A name taken by the remains of a crashed process with our number is passed over. */
static int open_temporary(const struct target *t, char *name, size_t size) {
    for (int i = 0; i < TRIES; i++) {
        if (snprintf(name, size, "%s.%ld-%d.tmp", t->path, (long)getpid(), i) >= (int)size) {
            errno = ENAMETOOLONG;
            return -1;
        }
        int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd >= 0 || errno != EEXIST)
            return fd;
    }
    return -1;
}

static int write_all(int fd, const char *text, size_t size) {
    while (size) {
        ssize_t n = write(fd, text, size);
        if (n < 0 && errno != EINTR)
            return -1;
        if (n > 0)
            text += n, size -= (size_t)n;
    }
    return 0;
}

/* The folder of a path, in `name` or ".". */
static const char *folder_of(const char *path, char name[PATH_MAX]) {
    snprintf(name, PATH_MAX, "%s", path);
    char *slash = strrchr(name, '/');
    if (slash)
        slash[slash == name] = '\0';
    return slash ? name : ".";
}

static void sync_directory(const char *path) {
    char name[PATH_MAX];
    int fd = open(folder_of(path, name), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return; /* the file is whole and in place; only its name may not survive a power cut */
    fsync(fd);
    close(fd);
}

static int replace(const struct target *t, const char *text, size_t size) {
    char temporary[PATH_MAX + 32];
    int fd = open_temporary(t, temporary, sizeof temporary), error;
    if (fd < 0)
        return -1;
    if ((t->exists && fchmod(fd, t->mode) != 0) || write_all(fd, text, size) != 0 || fsync(fd) != 0)
        goto err_close;
    if (close(fd) != 0 || rename(temporary, t->path) != 0)
        goto err_unlink;
    sync_directory(t->path);
    return 0;

err_close:
    error = errno;
    close(fd);
    errno = error;
err_unlink:
    error = errno;
    unlink(temporary);
    errno = error;
    return -1;
}

static int write_directly(const struct target *t, const char *path, const char *text, size_t size) {
    if (t->direct >= 0) {
        fflush(t->direct == STDOUT_FILENO ? stdout : stderr); /* what was printed before stays before */
        return write_all(t->direct, text, size);
    }
    int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return -1;
    int result = write_all(fd, text, size), error = errno;
    if (close(fd) != 0 && result == 0)
        return -1;
    errno = error;
    return result;
}

int tram__output_write(const char *path, const char *text, size_t size, char *why, size_t why_size) {
    struct target t;
    if (find_target(path, &t, why, why_size) != 0)
        return -1;
    int result = t.direct >= 0 || t.special ? write_directly(&t, path, text, size) : replace(&t, text, size);
    return result == 0 ? 0 : fail(why, why_size, errno, "cannot write %s", path);
}

int tram__output_check(const char *path, char *why, size_t why_size) {
    struct target t;
    char temporary[PATH_MAX + 32];
    if (find_target(path, &t, why, why_size) != 0)
        return -1;
    if (t.direct >= 0 || t.special)
        return 0;
    int fd = open_temporary(&t, temporary, sizeof temporary);
    if (fd < 0)
        return fail(why, why_size, errno, "cannot write %s", path);
    close(fd);
    unlink(temporary);
    return 0;
}

int tram__stdout_check(char *why, size_t why_size) {
    errno = 0;
    if (fcntl(STDOUT_FILENO, F_GETFD) >= 0 && fflush(stdout) == 0 && !ferror(stdout))
        return 0;
    return fail(why, why_size, errno ? errno : EIO, "standard output");
}

/* ---- Files that must not be one ---- */

bool tram__output_same(const char *a, const char *b) {
    char folder[PATH_MAX];
    const char *name = strrchr(a, '/'), *other = strrchr(b, '/');
    struct stat x, y;
    bool there = stat(a, &x) == 0;
    if (there != (stat(b, &y) == 0))
        return false;
    if (there && !S_ISREG(x.st_mode))
        return false;
    if (!there && (strcmp(name ? name + 1 : a, other ? other + 1 : b) != 0 ||
                   stat(folder_of(a, folder), &x) != 0 || stat(folder_of(b, folder), &y) != 0))
        return false;
    return x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* What is written directly may be named twice: nothing of it is replaced. */
static bool is_standard(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && same_as_standard(&st) >= 0;
}

int tram__outputs_apart(const struct tram__file_name *names, size_t count, char *why, size_t why_size) {
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; names[i].option && names[i].path && k < count; k++) {
            const struct tram__file_name *a = &names[i], *b = &names[k];
            if (k == i || !b->path || !tram__output_same(a->path, b->path) || is_standard(a->path))
                continue;
            if (!b->option)
                return fail(why, why_size, 0, "--%s=%s: %s is read, and would be written over", a->option,
                            a->path, b->path);
            return fail(why, why_size, 0, "--%s=%s: --%s=%s is the same file", b->option, b->path, a->option,
                        a->path);
        }
    return 0;
}
