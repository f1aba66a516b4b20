/* SPDX-License-Identifier: Apache-2.0 */
#include "plots/gnuplot.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "plots/stop.h"
#include "results/output.h"

enum { PATIENCE_S = 60, SLICE_MS = 100 };

/* ---- folders and files ---- */

static int make_one(const char *path) {
    struct stat st;
    if (mkdir(path, 0777) == 0)
        return 0;
    int error = errno;
    if (stat(path, &st) == 0 && (error = ENOTDIR, S_ISDIR(st.st_mode)))
        return 0;
    errno = error;
    return -1;
}

int tram__folder_make(const char *path, char *why) {
    char part[PATH_MAX];
    size_t n = strlen(path);
    int status = 0;
    if (!n || n >= sizeof part) {
        snprintf(why, TRAM__WHY, "-o %.60s: %s", path, n ? "the name is too long" : "a folder is wanted");
        return -1;
    }
    memcpy(part, path, n + 1);
    for (size_t i = 1; i <= n && status == 0; i++)
        if ((part[i] == '/' || !part[i]) && part[i - 1] != '/') {
            part[i] = '\0';
            status = make_one(part);
            part[i] = path[i];
        }
    if (status == 0 && access(path, W_OK | X_OK) == 0)
        return 0;
    snprintf(why, TRAM__WHY, "cannot write into the folder %.200s: %s", path, strerror(errno));
    return -1;
}

static int write_one(const char *folder, const char *name, const char *ending, const char *text, char *why) {
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/%s%s", folder, name, ending) >= (int)sizeof path) {
        snprintf(why, TRAM__WHY, "the folder's name is too long");
        return -1;
    }
    return tram__output_write(path, text, strlen(text), why, TRAM__WHY);
}

int tram__figures_write(const struct tram__figures *f, const char *folder, char *why) {
    for (uint32_t i = 0; i < f->count && !tram__stop_signal(); i++)
        if (write_one(folder, f->at[i].name, ".tsv", f->at[i].table, why) ||
            write_one(folder, f->at[i].name, ".gp", f->at[i].script, why))
            return -1;
    return 0;
}

/* ---- gnuplot ---- */

/* Its settings are the script's own: no start-up file, no locale of whoever draws. */
static int start(const char *script, const char *folder, bool bare, int output, pid_t *pid) {
    extern char **environ;
    const char *argv[] = {"gnuplot", "-d", "-e", bare ? "bare=1" : "full=1", script, NULL};
    posix_spawn_file_actions_t actions;
    setenv("LC_ALL", "C.UTF-8", 1);
    if (posix_spawn_file_actions_init(&actions) != 0)
        return ENOMEM;
    int error = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (!error)
        error = posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    if (!error)
        error = posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO);
    if (!error)
        error = posix_spawn_file_actions_addchdir_np(&actions, folder);
    if (!error)
        error = posix_spawnp(pid, argv[0], &actions, NULL, (char *const *)(uintptr_t)argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* What it says until it ends; false when it does not within its time, or the program is to stop: a signal that comes
 * just before the poll is seen after a slice. */
static bool listen(int from, char *said, size_t size) {
    double end = now_s() + PATIENCE_S;
    size_t used = 0;
    char more[512];
    while (now_s() < end && !tram__stop_signal()) {
        struct pollfd p = {.fd = from, .events = POLLIN};
        int ready = poll(&p, 1, SLICE_MS);
        ssize_t n = ready > 0 ? read(from, more, sizeof more) : ready;
        if (ready == 0 || (n < 0 && errno == EINTR))
            continue;
        for (ssize_t i = 0; i < n && used + 1 < size; i++)
            said[used++] = more[i];
        said[used] = '\0';
        if (n <= 0)
            return true;
    }
    return false;
}

/* gnuplot shows the line, marks the place, and then says what is wrong: the last line with a word in it. */
static const char *last_line(char *said) {
    const char *last = "it said nothing";
    for (char *line = strtok(said, "\n"); line; line = strtok(NULL, "\n"))
        if (strspn(line, " ^\t") < strlen(line))
            last = line + strspn(line, " \t");
    return last;
}

/* When a picture was written; all zero: there is none. One of a run before is no picture of this one. */
static struct timespec written(const char *folder, const char *name, const char *ending) {
    char path[PATH_MAX];
    struct stat st;
    bool there = snprintf(path, sizeof path, "%s/%s%s", folder, name, ending) < (int)sizeof path &&
                 stat(path, &st) == 0 && st.st_size > 0;
    return there ? st.st_mtim : (struct timespec){0};
}

static bool is_new(const char *folder, const char *name, const char *ending, struct timespec before) {
    struct timespec now = written(folder, name, ending);
    return (now.tv_sec || now.tv_nsec) && (now.tv_sec != before.tv_sec || now.tv_nsec != before.tv_nsec);
}

static enum tram__drawn draw(const struct tram__figure *f, const char *folder, bool bare, bool *ended,
                             char *why) {
    char script[sizeof f->name + 4], said[2048];
    struct timespec svg = written(folder, f->name, ".svg"), png = written(folder, f->name, ".png");
    int ends[2], status;
    pid_t pid;
    snprintf(script, sizeof script, "%s.gp", f->name);
    if (pipe2(ends, O_CLOEXEC) != 0) {
        snprintf(why, TRAM__WHY, "gnuplot: %s", strerror(errno));
        return TRAM__NOT_DRAWN;
    }
    int error = start(script, folder, bare, ends[1], &pid);
    close(ends[1]);
    if (error) {
        close(ends[0]);
        snprintf(why, TRAM__WHY, "gnuplot: %s", strerror(error));
        return error == ENOENT ? TRAM__NO_GNUPLOT : TRAM__NOT_DRAWN;
    }
    *ended = listen(ends[0], said, sizeof said);
    close(ends[0]);
    if (!*ended)
        kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        kill(pid, SIGKILL); /* it was to be stopped */
    if (*ended && status == 0 && is_new(folder, f->name, ".svg", svg) &&
        (bare || is_new(folder, f->name, ".png", png)))
        return TRAM__DRAWN;
    snprintf(why, TRAM__WHY, "gnuplot %s: %.200s", script, *ended ? last_line(said) : "does not end");
    return TRAM__NOT_DRAWN;
}

enum tram__drawn tram__figures_draw(struct tram__figures *f, const char *folder, bool bare, char *why) {
    char one[TRAM__WHY], first[TRAM__WHY] = "";
    uint32_t drawn = 0;
    bool ended = true;
    for (uint32_t i = 0; i < f->count && ended && !tram__stop_signal(); i++) {
        enum tram__drawn result = draw(&f->at[i], folder, bare, &ended, one);
        if (result == TRAM__NO_GNUPLOT)
            return result;
        f->at[i].drawn = result == TRAM__DRAWN;
        drawn += f->at[i].drawn;
        if (!f->at[i].drawn && !*first)
            memcpy(first, one, sizeof first);
    }
    if (drawn == f->count)
        return TRAM__DRAWN;
    snprintf(why, TRAM__WHY, "%.400s; %u of %u figures are not drawn", first, f->count - drawn, f->count);
    return TRAM__NOT_DRAWN;
}
