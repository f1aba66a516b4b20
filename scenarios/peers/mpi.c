/* SPDX-License-Identifier: Apache-2.0
 *
 * Open MPI over shared memory. Rank 0 is the driver. The program starts itself again under mpirun, with the settings that
 * its manual gives for one host and that measured best; what the environment has (OMPI_MCA_...) goes before them. An MPI
 * call that fails ends the run with MPI's own message.
 */
#include <mpi.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "peers/peer.h"

enum { SEND, POSTED, GATHER, GATHERV, LARGE = 256 * 1024 };
static const char *const ways[] = {"send and receive", "receives posted first", "broadcast and gather",
                                   "broadcast and gatherv", NULL};

struct mpi {
    struct peer_team team;
    int rank, size;        /* size: of the payload */
    unsigned char *buffer; /* a payload; of the driver, for gather, one for each rank */
    int count[PEER_MAX_ACTORS + 1], offset[PEER_MAX_ACTORS + 1]; /* of the driver, for gatherv */
    MPI_Request request[2 * PEER_MAX_ACTORS];
    MPI_Win window; /* the turn is in it */
};

static struct mpi self; /* one case in a process */

/* Gatherv's offsets are ints. */
static bool fits(const struct tram_case *c, uint32_t way) {
    size_t last = (c->actors - 1) * tram_layout_stride(tram_case_reply(c));
    return way < GATHER || (peer_scatters(c) && (way != GATHERV || last <= INT_MAX));
}

/* ---- the other ranks ---- */

static void serve(struct mpi *m) {
    const struct tram_case *c = m->team.c;
    bool scatters = peer_scatters(c);
    int from = scatters ? 0 : m->rank - 1;
    int to = scatters || m->rank == (int)c->actors ? 0 : m->rank + 1;
    for (; m->team.way != PEER_STOP; peer_done(&m->team)) {
        if (m->team.way < GATHER) {
            MPI_Recv(m->buffer, m->size, MPI_BYTE, from, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
            MPI_Send(m->buffer, m->size, MPI_BYTE, to, 0, MPI_COMM_WORLD);
            continue;
        }
        MPI_Bcast(m->buffer, m->size, MPI_BYTE, 0, MPI_COMM_WORLD);
        if (m->team.way == GATHER)
            MPI_Gather(m->buffer, m->size, MPI_BYTE, NULL, 0, MPI_BYTE, 0, MPI_COMM_WORLD);
        else
            MPI_Gatherv(m->buffer, m->size, MPI_BYTE, NULL, NULL, NULL, MPI_BYTE, 0, MPI_COMM_WORLD);
    }
}

/* ---- the driver ---- */

static void gather(struct mpi *m, const unsigned char *from, unsigned char *to, size_t stride) {
    int n = (int)m->team.c->actors;
    MPI_Bcast((void *)(uintptr_t)from, m->size, MPI_BYTE, 0, MPI_COMM_WORLD);
    if (m->team.way == GATHERV) {
        for (int k = 1; k <= n; k++) {
            m->count[k] = m->size;
            m->offset[k] = (k - 1) * (int)stride;
        }
        MPI_Gatherv(MPI_IN_PLACE, 0, MPI_BYTE, to, m->count, m->offset, MPI_BYTE, 0, MPI_COMM_WORLD);
        return;
    }
    size_t size = (size_t)m->size;
    MPI_Gather(MPI_IN_PLACE, m->size, MPI_BYTE, m->buffer, m->size, MPI_BYTE, 0, MPI_COMM_WORLD);
    for (int k = 0; k < n; k++)
        memcpy(to + (size_t)k * stride, m->buffer + (size_t)(k + 1) * size, size);
}

static void post_and_wait(struct mpi *m, const unsigned char *from, unsigned char *to, size_t stride,
                          int outs, int ins) {
    int first = (int)m->team.c->actors - ins + 1;
    for (int i = 0; i < ins; i++)
        MPI_Irecv(to + (size_t)i * stride, m->size, MPI_BYTE, first + i, 0, MPI_COMM_WORLD, &m->request[i]);
    for (int i = 0; i < outs; i++)
        MPI_Isend(from, m->size, MPI_BYTE, 1 + i, 0, MPI_COMM_WORLD, &m->request[ins + i]);
    MPI_Waitall(ins + outs, m->request, MPI_STATUSES_IGNORE);
}

static int exchange(struct peer_team *t, const unsigned char *from, unsigned char *to, size_t stride,
                    char *why) {
    struct mpi *m = (struct mpi *)t;
    int n = (int)t->c->actors, ins = (int)tram_case_results(t->c), outs = peer_scatters(t->c) ? n : 1;
    (void)why;
    if (t->way >= GATHER) {
        gather(m, from, to, stride);
    } else if (t->way == POSTED) {
        post_and_wait(m, from, to, stride, outs, ins);
    } else {
        for (int i = 0; i < outs; i++)
            MPI_Send(from, m->size, MPI_BYTE, 1 + i, 0, MPI_COMM_WORLD);
        for (int i = 0; i < ins; i++)
            MPI_Recv(to + (size_t)i * stride, m->size, MPI_BYTE, n - ins + 1 + i, 0, MPI_COMM_WORLD,
                     MPI_STATUS_IGNORE);
    }
    return 0;
}

static int mpi_run(void *state, struct tram_batch *b, char *why) {
    return peer_run(state, b, exchange, why);
}

static const struct tram_mode_ops mpi_ops;

static void mpi_close(void *state) {
    struct mpi *m = state;
    peer_stop(&m->team, &mpi_ops);
}

static int mpi_open(const struct tram_case *c, void **state, char *why) {
    struct peer_search s = {.team = &self.team, .ops = &mpi_ops, .ways = ways, .fits = fits};
    self.team.c = c;
    *state = &self;
    if (peer_choose(&s, why) == 0)
        return 0;
    mpi_close(&self);
    return -1;
}

static const struct tram_mode_ops mpi_ops = {.name = "mpi",
                                             .open = mpi_open,
                                             .run = mpi_run,
                                             .counters = peer_counters,
                                             .pids = peer_pids,
                                             .close = mpi_close};

/* ---- every rank ---- */

/* The turn on a line of its own, in memory of rank 0; and everyone's process. */
static void share(struct mpi *m) {
    void *base;
    MPI_Aint size;
    size_t line = sizeof *m->team.turn;
    int unit, pid = (int)getpid(), pids[PEER_MAX_ACTORS + 1];
    MPI_Win_allocate_shared(m->rank ? 0 : (MPI_Aint)(2 * line), 1, MPI_INFO_NULL, MPI_COMM_WORLD, &base,
                            &m->window);
    MPI_Win_shared_query(m->window, 0, &size, &unit, &base);
    m->team.turn = (struct peer_turn *)(((uintptr_t)base + line - 1) & ~(uintptr_t)(line - 1));
    if (m->rank == 0)
        atomic_store(&m->team.turn->next, 0);
    MPI_Barrier(MPI_COMM_WORLD);
    MPI_Gather(&pid, 1, MPI_INT, pids, 1, MPI_INT, 0, MPI_COMM_WORLD);
    for (unsigned k = 0; m->rank == 0 && k < m->team.c->actors; k++)
        m->team.pid[m->team.pids++] = pids[k + 1];
}

static int run_rank(struct peer_case *p) {
    const struct tram_case *c = &p->trial.c;
    int ranks, status = 0;
    MPI_Init(NULL, NULL);
    MPI_Comm_rank(MPI_COMM_WORLD, &self.rank);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    self.team.c = c;
    self.size = (int)c->input.total;
    self.buffer = tram_layout_alloc(c->input.total * (self.rank ? 1 : c->actors + 1));
    if (!self.buffer || ranks != (int)c->actors + 1) {
        fprintf(stderr, "peer_mpi: rank %d: %s\n", self.rank,
                self.buffer ? "the number of ranks is not that of --actors and one" : "out of memory");
        MPI_Abort(MPI_COMM_WORLD, 1);
    }
    tram__cpus_bind(c->placement.cpu[(unsigned)self.rank % c->placement.count]);
    share(&self);
    if (self.rank)
        serve(&self);
    else
        status = peer_measure(p);
    MPI_Win_free(&self.window);
    MPI_Finalize();
    free(self.buffer);
    return status;
}

/* ---- under mpirun ---- */

/* Settings. Of the two ways through shared memory each is a mode: Open MPI's own transport (btl vader under pml ob1), and UCX
 * (pml ucx, told that any device will do: for want of a network card it would stand aside). Ranks are placed by the driver, so
 * mpirun binds none; ranks that share a CPU have to yield when idle ("degraded mode" in the manual), which those with one of
 * their own must not. Large messages go through shared segments in fragments of 128 KiB, both ways: one copy by
 * process_vm_readv, the default, was slower (1 MiB there and back: 206 us against 158 us; by UCX 202 us against 160 us). An
 * eager limit of 64 KiB, fast boxes for every size and the collective component for shared memory (coll_sm) changed nothing.
 */
static int launch(const struct peer_case *p) {
    char ranks[16], timeout[16];
    const char *command[64] = {"mpirun", "--allow-run-as-root", "--oversubscribe", "--bind-to",
                               "none",   "--timeout",           timeout,           "-n",
                               ranks};
    int used = 9;
    char program[1024];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    program[length > 0 ? length : 0] = 0;
    snprintf(ranks, sizeof ranks, "%u", p->trial.c.actors + 1);
    snprintf(timeout, sizeof timeout, "%llu", (unsigned long long)p->options.timeout_s);
    bool ucx = strcmp(p->mode->name, "mpi-ucx") == 0;
    setenv("OMPI_MCA_pml", ucx ? "ucx" : "ob1", 0);
    setenv("OMPI_MCA_btl", "self,vader", 0);
    if (p->trial.c.input.total >= LARGE) {
        setenv("OMPI_MCA_btl_vader_single_copy_mechanism", "none", 0);
        setenv("OMPI_MCA_btl_vader_max_send_size", "131072", 0);
    }
    setenv("UCX_RNDV_THRESH", "inf", 0);
    setenv("OMPI_MCA_pml_ucx_tls", "any", 0);
    setenv("OMPI_MCA_pml_ucx_devices", "any", 0);
    setenv("OMPI_MCA_mpi_yield_when_idle", peer_crowded(&p->trial.c) ? "1" : "0", 0);
    command[used++] = program;
    for (int i = 1; i < p->argc && used < 63; i++)
        command[used++] = p->argv[i];
    alarm(0); /* mpirun has a timeout of its own, by which it ends the ranks too */
    execvp(command[0], (char *const *)command);
    fprintf(stderr, "peer_mpi: mpirun cannot be started: %s\n", strerror(errno));
    return errno == ENOENT ? 77 : 1;
}

static void version(char *out, size_t size) {
    char text[MPI_MAX_LIBRARY_VERSION_STRING];
    int length;
    MPI_Get_library_version(text, &length);
    snprintf(out, size, "%.*s", (int)strcspn(text, ","), text);
}

int main(int argc, char **argv) {
    static const struct peer_mode modes[] = {{"mpi", &mpi_ops}, {"mpi-ucx", &mpi_ops}, {0}};
    static const struct peer mpi = {.program = "peer_mpi",
                                    .summary = "the patterns over Open MPI's shared memory",
                                    .modes = modes,
                                    .version = version};
    struct peer_case p;
    int status = peer_parse(argc, argv, &mpi, &p);
    if (status >= 0)
        return status;
    return getenv("OMPI_COMM_WORLD_SIZE") ? run_rank(&p) : launch(&p);
}
