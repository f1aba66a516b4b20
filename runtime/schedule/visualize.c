/* SPDX-License-Identifier: Apache-2.0
 *
 * A graph and its schedule as pictures: Graphviz text of our own, drawn by Graphviz's `dot` where a picture is asked for.
 */
#include "schedule/schedule.h"

#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { NAME = 200, COLOURS = 12 };

/* Brewer's set3: light enough for black text. */
static const char *const palette[COLOURS] = {"#8dd3c7", "#ffffb3", "#bebada", "#fb8072",
                                             "#80b1d3", "#fdb462", "#b3de69", "#fccde5",
                                             "#d9d9d9", "#bc80bd", "#ccebc5", "#ffed6f"};

static const char *colour_of(uint32_t participant) {
    return palette[(participant - 1) % COLOURS];
}

/* Text within quotes, with what Graphviz would take for its own escaped. */
static void print_quoted(const char *text, FILE *out) {
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            fputc('\\', out);
        fputc(*text, out);
    }
}

static void print_name(const struct tram_graph *g, uint32_t node, FILE *out) {
    char name[NAME];
    tram__graph_name(g, node, name, sizeof name);
    print_quoted(name, out);
}

/* ---- the graph ---- */

/* By task node: the participant it runs on, from the schedule. */
static uint32_t *participants_of(const struct tram__schedule *s) {
    uint32_t *of = calloc(s->graph->node_count, sizeof *of);
    for (uint32_t p = 1; of && p < s->participant_count; p++)
        for (uint32_t i = 0; i < s->participants[p].task_count; i++)
            of[s->participants[p].tasks[i].node] = p;
    return of;
}

static void print_node(const struct tram__schedule *s, const uint32_t *of, uint32_t i, FILE *out) {
    const struct tram__node *n = &s->graph->nodes[i];
    switch (n->kind) {
    case TRAM__NODE_INPUT:
        fprintf(out, "  n%u [label=\"", i);
        print_name(s->graph, i, out);
        fprintf(out, "\", shape=box, style=\"rounded,bold\"];\n");
        break;
    case TRAM__NODE_CONSTANT:
        fprintf(out, "  n%u [label=\"constant\\n%llu B\", shape=note];\n", i, (unsigned long long)n->bytes);
        break;
    case TRAM__NODE_TASK:
        fprintf(out, "  n%u [label=\"", i);
        print_name(s->graph, i, out);
        fprintf(out, "\", shape=box, style=filled, fillcolor=\"%s\"];\n", colour_of(of[i]));
        break;
    case TRAM__NODE_RESULT:
    case TRAM__NODE_LIST:
        break;
    }
}

/* How the value of a node reaches participant `to`, which does not make it. */
static void print_transport(const struct tram__schedule *s, uint32_t node, uint32_t to, FILE *out) {
    const struct tram__channel_plan *c = NULL;
    for (uint32_t i = 0; i < s->channel_count; i++)
        if (s->channels[i].kind == TRAM__CHANNEL_VALUE && s->channels[i].node == node &&
            s->channels[i].transport)
            c = &s->channels[i];
    char way[NAME];
    tram__schedule_transport_name(s, node, c ? c->transport : TRAM_TRANSPORT_SHM, way, sizeof way);
    print_quoted(way, out);
    if (c && tram__channel_copied(s, c, to))
        fputs(", copied", out);
}

/* How the value of `from` reaches participant `to`, and its size. */
static void print_label(const struct tram__schedule *s, const uint32_t *of, uint32_t from, uint32_t to,
                        FILE *out) {
    const struct tram__node *n = &s->graph->nodes[from];
    uint32_t task = tram__graph_task(s->graph, from);
    bool local = s->graph->nodes[task].kind == TRAM__NODE_TASK && of[task] == to;
    if (n->kind == TRAM__NODE_CONSTANT)
        return;
    fprintf(out, " [label=\"");
    if (n->kind == TRAM__NODE_RESULT)
        fprintf(out, "[%u] ", n->part);
    fprintf(out, "%llu B, ", (unsigned long long)n->bytes);
    if (local)
        fputs("local", out);
    else
        print_transport(s, from, to, out);
    fputs(local ? "\", style=dashed]" : "\"]", out);
}

static void print_edges(const struct tram__schedule *s, const uint32_t *of, uint32_t i, bool sizes,
                        FILE *out) {
    const struct tram__node *n = &s->graph->nodes[i];
    for (uint32_t k = 0; k < n->arg_count && n->kind == TRAM__NODE_TASK; k++) {
        fprintf(out, "  n%u -> n%u", tram__graph_task(s->graph, n->args[k]), i);
        if (sizes)
            print_label(s, of, n->args[k], of[i], out);
        fprintf(out, ";\n");
    }
    for (uint32_t k = 0; k < n->after_count; k++)
        fprintf(out, "  n%u -> n%u [style=dotted, arrowhead=empty];\n", n->after[k], i);
}

static void print_units(const struct tram_graph *g, FILE *out) {
    for (uint32_t u = 0; u < g->unit_count; u++) {
        fprintf(out, "  subgraph cluster_unit%u { label=\"unit %u\"; style=dashed;", u, u);
        for (uint32_t i = 0; i < g->units[u].count; i++)
            fprintf(out, " n%u;", g->units[u].tasks[i]);
        fprintf(out, " }\n");
    }
}

static bool print_graph(const struct tram__schedule *s, bool sizes, FILE *out) {
    uint32_t *of = participants_of(s);
    if (!of)
        return false;
    fprintf(out, "digraph tramline {\n  rankdir=TB;\n  node [fontname=\"sans-serif\"];\n"
                 "  edge [fontname=\"sans-serif\", fontsize=10];\n");
    for (uint32_t i = 0; i < s->graph->node_count; i++)
        print_node(s, of, i, out);
    for (uint32_t i = 0; i < s->graph->node_count; i++)
        print_edges(s, of, i, sizes, out);
    print_units(s->graph, out);
    for (uint32_t i = 0; i < s->output_count; i++) {
        uint32_t node = s->graph->outputs[i];
        fprintf(out, "  out%u [label=\"output%s", i, s->output_count > 1 ? " " : "");
        if (s->output_count > 1)
            fprintf(out, "%u", i);
        fprintf(out, "\", shape=box, style=\"rounded,bold\"];\n  n%u -> out%u",
                tram__graph_task(s->graph, node), i);
        if (sizes)
            print_label(s, of, node, 0, out);
        fprintf(out, ";\n");
    }
    fprintf(out, "}\n");
    free(of);
    return true;
}

/* ---- the schedule ---- */

static void print_op(const struct tram__schedule *s, uint32_t p, uint32_t i, FILE *out) {
    static const char *const verbs[] = {"READ", "COMPUTE", "WRITE"};
    const struct tram__participant_plan *part = &s->participants[p];
    const struct tram__op *op = &part->ops[i];
    char name[NAME];
    if (op->kind == TRAM__OP_COMPUTE)
        tram__graph_name(s->graph, part->tasks[op->index].node, name, sizeof name);
    else
        tram__schedule_channel_name(s, op->index, name, sizeof name);
    fprintf(out, "    p%u_%u [label=\"%s\\n", p, i, verbs[op->kind]);
    print_quoted(name, out);
    if (op->kind == TRAM__OP_WRITE && s->channels[op->index].transport) {
        const struct tram__channel_plan *c = &s->channels[op->index];
        tram__schedule_transport_name(s, c->node, c->transport, name, sizeof name);
        fputs("\\nby ", out);
        print_quoted(name, out);
    }
    if (op->kind == TRAM__OP_COMPUTE && p)
        fprintf(out, "\", style=filled, fillcolor=\"%s\"];\n", colour_of(p));
    else
        fprintf(out, "\"];\n");
}

/* One cluster per participant, its operations in a column; an arrow from each WRITE to the READs of the same channel. */
static void print_schedule(const struct tram__schedule *s, FILE *out) {
    fprintf(out, "digraph schedule {\n  node [shape=box, fontname=\"sans-serif\", fontsize=10];\n");
    for (uint32_t p = 0; p < s->participant_count; p++) {
        const struct tram__participant_plan *part = &s->participants[p];
        fprintf(out, "  subgraph cluster_p%u {\n    label=\"", p);
        print_quoted(part->name, out);
        fprintf(out, "\";\n");
        for (uint32_t i = 0; i < part->op_count; i++)
            print_op(s, p, i, out);
        for (uint32_t i = 1; i < part->op_count; i++)
            fprintf(out, "    p%u_%u -> p%u_%u [style=bold%s];\n", p, i - 1, p, i,
                    p ? "" : ", constraint=false");
        fprintf(out, "  }\n");
    }
    for (uint32_t p = 0; p < s->participant_count; p++)
        for (uint32_t i = 0; i < s->participants[p].op_count; i++) {
            if (s->participants[p].ops[i].kind != TRAM__OP_WRITE)
                continue;
            for (uint32_t q = 0; q < s->participant_count; q++)
                for (uint32_t k = 0; k < s->participants[q].op_count; k++)
                    if (s->participants[q].ops[k].kind == TRAM__OP_READ &&
                        s->participants[q].ops[k].index == s->participants[p].ops[i].index)
                        fprintf(out, "  p%u_%u -> p%u_%u [color=\"#4477aa\"];\n", p, i, q, k);
        }
    fprintf(out, "}\n");
}

/* ---- files ---- */

static int print_text(const struct tram__schedule *s, unsigned show, bool text, FILE *out) {
    if (text)
        tram__schedule_print(s, out);
    else if (show & TRAM_SHOW_SCHEDULE)
        print_schedule(s, out);
    else if (!print_graph(s, show & TRAM_SHOW_SIZES, out))
        return tram__fail(TRAM_ERR_NO_MEMORY, "a picture");
    return TRAM_OK;
}

static bool put_all(int fd, const char *text, size_t size) {
    while (size) {
        ssize_t n = write(fd, text, size);
        if (n < 0 && errno != EINTR)
            return false;
        if (n > 0)
            text += n, size -= (size_t)n;
    }
    return true;
}

static int write_file(const char *path, const char *text, size_t size) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0)
        return tram__fail_errno("%s", path);
    int status = put_all(fd, text, size) ? TRAM_OK : tram__fail_errno("%s", path);
    if (close(fd) != 0 && !status)
        status = tram__fail_errno("%s", path);
    return status;
}

/* Runs `dot` from one descriptor to another: 0, or an error number. */
static int start_dot(const char *format, int from, int to, pid_t *pid) {
    char as[16];
    snprintf(as, sizeof as, "-T%s", format);
    char *argv[] = {(char *)"dot", as, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, from, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, to, STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    int error = posix_spawnp(pid, "dot", &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

/* All that comes through a pipe, until its end. */
static void collect(int fd, FILE *out) {
    char part[4096];
    for (ssize_t n; (n = read(fd, part, sizeof part)) > 0 || (n < 0 && errno == EINTR);)
        if (n > 0)
            fwrite(part, 1, (size_t)n, out);
}

/* What `dot` makes of the text in `from`, through a pipe: of a file that it cannot fill it says nothing. */
static int draw(int from, const char *format, const char *path, FILE *out) {
    int way[2], how = 0;
    pid_t pid;
    if (pipe2(way, O_CLOEXEC) != 0)
        return tram__fail_errno("%s: a pipe from dot", path);
    int error = start_dot(format, from, way[1], &pid);
    close(way[1]);
    if (!error)
        collect(way[0], out);
    close(way[0]);
    if (error == ENOENT)
        return tram__fail(TRAM_ERR_UNSUPPORTED,
                          "%s: Graphviz's dot is not installed; a .dot or .txt file needs none", path);
    if (error)
        return tram__fail(TRAM_ERR_SYSTEM, "%s: starting dot: %s", path, strerror(error));
    while (waitpid(pid, &how, 0) < 0 && errno == EINTR)
        ;
    if (how)
        return tram__fail(TRAM_ERR_SYSTEM, "%s: dot failed (%s %d)", path,
                          WIFSIGNALED(how) ? "signal" : "exit status",
                          WIFSIGNALED(how) ? WTERMSIG(how) : WEXITSTATUS(how));
    return TRAM_OK;
}

/* The picture in place of the text that it is made of; the caller frees both. */
static int make_picture(const char *text, size_t size, const char *format, const char *path, char **picture,
                        size_t *picture_size) {
    int from = memfd_create("tramline-graph", MFD_CLOEXEC);
    FILE *out = open_memstream(picture, picture_size);
    int status = TRAM_OK;
    if (from < 0 || !out || !put_all(from, text, size) || lseek(from, 0, SEEK_SET) != 0)
        status = tram__fail(TRAM_ERR_NO_MEMORY, "a picture");
    else
        status = draw(from, format, path, out);
    if (out && fclose(out) != 0 && !status)
        status = tram__fail(TRAM_ERR_NO_MEMORY, "a picture");
    if (!status && !*picture_size)
        status = tram__fail(TRAM_ERR_SYSTEM, "%s: dot drew nothing", path);
    if (from >= 0)
        close(from);
    return status;
}

static int save(const struct tram__schedule *s, const char *path, const char *format, unsigned show) {
    char *text = NULL, *picture = NULL;
    size_t size = 0, picture_size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return tram__fail(TRAM_ERR_NO_MEMORY, "a picture");
    int status = print_text(s, show, strcmp(format, "txt") == 0, out);
    if (fclose(out) != 0 && !status)
        status = tram__fail(TRAM_ERR_NO_MEMORY, "a picture");
    bool drawn = strcmp(format, "svg") == 0 || strcmp(format, "png") == 0;
    if (!status && drawn)
        status = make_picture(text, size, format, path, &picture, &picture_size);
    if (!status)
        status = drawn ? write_file(path, picture, picture_size) : write_file(path, text, size);
    free(picture);
    free(text);
    return status;
}

int tram_graph_visualize(struct tram_graph *g, const char *path, unsigned show) {
    const char *dot = strrchr(path, '.'), *format = dot ? dot + 1 : "";
    if (strcmp(format, "svg") && strcmp(format, "png") && strcmp(format, "dot") && strcmp(format, "txt"))
        return tram__fail(TRAM_ERR_INVALID, "%s: a name that ends in .svg, .png, .dot or .txt is wanted",
                          path);
    struct tram__schedule *s;
    int status = tram__graph_check(g);
    if (status || (status = tram__schedule_create(g, &s)))
        return status;
    status = save(s, path, format, show);
    tram__schedule_destroy(s);
    return status;
}
