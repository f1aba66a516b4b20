/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a process learns what it is: the driver, or a supervisor or actor that was started by one.
 */
#include "actor/runtime.h"
#include "actor/serve.h"
#include "actor/supervisor.h"
#include "base/error.h"
#include "eager/eager.h"
#include "exec/exec.h"
#include "exec/loop.h"
#include "launch/trace.h"
#include "probe/probe.h"
#include "probe/sink.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

static int serve_actor(const struct tram_class *classes, const struct tram_transport_ops *transports) {
    struct tram__serve s = {.classes = classes, .transports = transports};
    tram__eager_serve_init(&s);
    tram__exec_serve_init(&s);
    int status = tram__serve_run(&s);
    tram__exec_serve_fini(&s);
    if (!s.exec && s.orderly && s.class && s.class->destroy)
        s.class->destroy(s.self);
    tram__eager_serve_fini(&s);
    if (!s.exec) { /* else a thread of a graph is still inside a method */
        tram__serve_close_device(&s);
        tram__probe_close();
    }
    return status;
}

/* Serves and never returns if this process was started by the runtime. */
static void serve_if_asked(int argc, char **argv, const struct tram_class *classes,
                           const struct tram_transport_ops *transports) {
    size_t prefix = strlen(TRAM__SERVE_OPTION);
    if (argc < 2 || strncmp(argv[1], TRAM__SERVE_OPTION, prefix) != 0)
        return;
    const char *role = argv[1] + prefix;
    int type;
    socklen_t size = sizeof type;
    if (getsockopt(TRAM__FD_LINK, SOL_SOCKET, SO_TYPE, &type, &size) != 0 ||
        fcntl(TRAM__FD_OTHER, F_GETFD) < 0) {
        fprintf(stderr, "tramline: %s is for the runtime's own use\n", argv[1]);
        exit(2);
    }
    fcntl(TRAM__FD_LINK, F_SETFD, FD_CLOEXEC);
    fcntl(TRAM__FD_OTHER, F_SETFD, FD_CLOEXEC);
    if (strcmp(role, "supervisor") == 0)
        exit(tram__supervisor_serve(argv[0]));
    if (strcmp(role, "actor") == 0)
        exit(serve_actor(classes, transports));
    fprintf(stderr, "tramline: unknown role in %s\n", argv[1]);
    exit(2);
}

static int check_classes(const struct tram_class *classes) {
    for (const struct tram_class *c = classes; c && c->name; c++) {
        for (const struct tram_method *m = c->methods; m && m->name; m++) {
            if (!m->fn)
                return tram__fail(TRAM_ERR_INVALID, "method %s of class %s has no function", m->name,
                                  c->name);
            if (m->results < 0 || m->results > TRAM_MAX_RESULTS)
                return tram__fail(TRAM_ERR_INVALID,
                                  "method %s of class %s has %d results; it can have 1 to %d", m->name,
                                  c->name, m->results, TRAM_MAX_RESULTS);
        }
    }
    return TRAM_OK;
}

int tram_init_with(int *argc, char ***argv, const struct tram_class *classes,
                   const struct tram_options *options, struct tram **out) {
    static const struct tram_options none;
    const struct tram_options *o = options ? options : &none;
    if (argc && argv)
        serve_if_asked(*argc, *argv, classes, o->transports);
    int status = check_classes(classes);
    if (status)
        return status;
    if ((unsigned)o->wait > TRAM_WAIT_SPIN)
        return tram__fail(TRAM_ERR_INVALID, "wait policy %d", (int)o->wait);
    if ((unsigned)o->eager > TRAM_EAGER_MAILBOX)
        return tram__fail(TRAM_ERR_INVALID, "transport %d of eager calls", (int)o->eager);
    if (o->worker && access(o->worker, X_OK) != 0)
        return tram__fail_errno("the worker executable %s", o->worker);
    struct tram *t = calloc(1, sizeof *t);
    if (!t)
        return tram__fail(TRAM_ERR_NO_MEMORY, "a runtime");
    t->classes = classes;
    t->transports = o->transports;
    t->wait = o->wait;
    t->store_bytes = o->store_bytes;
    t->supervisor = t->supervisor_pidfd = t->bell = -1;
    t->worker = o->worker ? strdup(o->worker) : NULL;
    t->program = strdup(argc && argv && *argc > 0 ? (*argv)[0] : "tramline");
    tram__cpus_usable(&t->cpus);
    if (!t->program || (o->worker && !t->worker)) {
        status = tram__fail(TRAM_ERR_NO_MEMORY, "a runtime");
        goto err_free;
    }
    if (o->eager == TRAM_EAGER_MAILBOX) {
        t->bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        if (t->bell < 0) {
            status = tram__fail_errno("an event descriptor");
            goto err_free;
        }
    }
    if ((status = tram__probe_sink_open("driver", true)) || (status = tram__eager_init(t)))
        goto err_free;
    if ((status = tram__exec_init(t)))
        goto err_eager;
    if ((status = tram__trace_init(t)))
        goto err_exec;
    *out = t;
    return TRAM_OK;
err_exec:
    tram__exec_fini(t);
err_eager:
    tram__eager_fini(t);
err_free:
    if (t->bell >= 0)
        close(t->bell);
    free(t->worker);
    free(t->program);
    free(t);
    return status;
}

int tram_init(int *argc, char ***argv, const struct tram_class *classes, struct tram **out) {
    return tram_init_with(argc, argv, classes, NULL, out);
}

void tram_fini(struct tram *t) {
    if (!t)
        return;
    tram__actors_fini(t);
    tram__host_stop(t);
    tram__exec_fini(t);
    tram__eager_fini(t);
    tram__trace_fini(t);
    free(t->polls);
    if (t->bell >= 0)
        close(t->bell);
    if (t->roster)
        tram__roster_unmap(t->roster);
    free(t->worker);
    free(t->program);
    free(t);
}
