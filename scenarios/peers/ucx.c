/* SPDX-License-Identifier: Apache-2.0
 *
 * UCX between processes of one host: tag matching or active messages of its protocol layer (UCP), over its shared-memory
 * transports. What the environment has (UCX_...) goes before the settings here.
 *
 * Settings: transports "shm" (posix and sysv segments were equally fast), one thread, and no rendezvous protocol: what it
 * saves in copies, process_vm_readv took back (64 KiB: 18.8 us against 14.7 us there and back; 1 MiB: 182 us against 149 us).
 * Larger segments and the newer protocols (PROTO_ENABLE) changed nothing.
 */
#include <ucp/api/ucp.h>

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "peers/peer.h"

enum { TAG, TAG_YIELD, AM, AM_YIELD };
static const char *const ways[] = {"tags, polled", "tags, yielding", "active messages, polled",
                                   "active messages, yielding", NULL};

enum { MAX_ADDRESS = 4096 - 8 };

/* A process's address, for the others to connect to. */
struct card {
    _Atomic uint32_t size;
    unsigned char address[MAX_ADDRESS];
};

/* Of the active messages of one sender: where the next is to go, and whether it has come; a large one comes as a
 * description by which its data are fetched. */
struct inbox {
    unsigned char *to;
    bool here;
    void *large;
    size_t large_bytes;
};

struct ucx {
    struct peer_team team;
    size_t shared; /* bytes, from team.turn on */
    struct card *card;
    size_t size; /* of the payload */
    unsigned char *buffer;
    ucp_context_h context;
    ucp_worker_h worker;
    ucp_ep_h to[PEER_MAX_ACTORS]; /* where this process sends */
    struct inbox inbox[PEER_MAX_ACTORS + 1];
    void *receiving[PEER_MAX_ACTORS], *sending[PEER_MAX_ACTORS];
};

/* Alone on its CPU a process polls; with others on it, it yields. */
static bool fits(const struct tram_case *c, uint32_t way) {
    return (way == TAG_YIELD || way == AM_YIELD) == peer_crowded(c);
}

/* ---- messages ---- */

static void fail(const char *what, ucs_status_t status) {
    fprintf(stderr, "peer_ucx: %s: %s\n", what, ucs_status_string(status));
    _exit(1);
}

static void progress(struct ucx *u) {
    if (!ucp_worker_progress(u->worker) && (u->team.way == TAG_YIELD || u->team.way == AM_YIELD))
        sched_yield();
}

/* Until the operation behind a request has ended; NULL: it has. */
static void complete(struct ucx *u, void *request) {
    ucs_status_t status = UCS_OK;
    if (UCS_PTR_IS_ERR(request))
        fail("an operation", UCS_PTR_STATUS(request));
    if (!request)
        return;
    while ((status = ucp_request_check_status(request)) == UCS_INPROGRESS)
        progress(u);
    ucp_request_free(request);
    if (status != UCS_OK)
        fail("an operation", status);
}

static ucs_status_t arrived(void *arg, const void *header, size_t header_length, void *data, size_t length,
                            const ucp_am_recv_param_t *param) {
    struct inbox *in = arg;
    (void)header;
    (void)header_length;
    in->here = true;
    if (param->recv_attr & UCP_AM_RECV_ATTR_FLAG_RNDV) {
        in->large = data;
        in->large_bytes = length;
        return UCS_INPROGRESS; /* it is kept until the data are fetched */
    }
    memcpy(in->to, data, length);
    return UCS_OK;
}

/* Announces where the message of process `from` is to go, as the i-th that this one waits for. */
static void expect(struct ucx *u, unsigned from, unsigned i, unsigned char *to) {
    static const ucp_request_param_t plain;
    if (u->team.way <= TAG_YIELD)
        u->receiving[i] = ucp_tag_recv_nbx(u->worker, to, u->size, from, UINT64_MAX, &plain);
    else
        u->inbox[from].to = to;
}

static void await(struct ucx *u, unsigned from, unsigned i) {
    static const ucp_request_param_t plain;
    struct inbox *in = &u->inbox[from];
    if (u->team.way <= TAG_YIELD) {
        complete(u, u->receiving[i]);
        return;
    }
    while (!in->here)
        progress(u);
    in->here = false;
    if (in->large)
        complete(u, ucp_am_recv_data_nbx(u->worker, in->large, in->to, in->large_bytes, &plain));
    in->large = NULL;
}

/* Begins to send as process k; the i-th of what is to be completed. */
static void start(struct ucx *u, unsigned k, unsigned i, const unsigned char *from) {
    static const ucp_request_param_t plain;
    u->sending[i] = u->team.way <= TAG_YIELD ? ucp_tag_send_nbx(u->to[i], from, u->size, k, &plain)
                                             : ucp_am_send_nbx(u->to[i], k, NULL, 0, from, u->size, &plain);
}

/* ---- processes ---- */

static bool set_up(struct ucx *u, unsigned k) {
    ucp_config_t *config;
    ucp_params_t params = {.field_mask = UCP_PARAM_FIELD_FEATURES,
                           .features = UCP_FEATURE_TAG | UCP_FEATURE_AM};
    ucp_worker_params_t single = {.field_mask = UCP_WORKER_PARAM_FIELD_THREAD_MODE,
                                  .thread_mode = UCS_THREAD_MODE_SINGLE};
    if (ucp_config_read(NULL, NULL, &config) != UCS_OK)
        return false;
    if (!getenv("UCX_TLS"))
        ucp_config_modify(config, "TLS", "shm,self");
    if (!getenv("UCX_RNDV_THRESH"))
        ucp_config_modify(config, "RNDV_THRESH", "inf");
    ucs_status_t status = ucp_init(&params, config, &u->context);
    ucp_config_release(config);
    if (status != UCS_OK || ucp_worker_create(u->context, &single, &u->worker) != UCS_OK)
        return false;
    for (unsigned from = 0; from <= u->team.c->actors; from++) {
        ucp_am_handler_param_t handler = {.field_mask = UCP_AM_HANDLER_PARAM_FIELD_ID |
                                                        UCP_AM_HANDLER_PARAM_FIELD_CB |
                                                        UCP_AM_HANDLER_PARAM_FIELD_ARG,
                                          .id = from,
                                          .cb = arrived,
                                          .arg = &u->inbox[from]};
        if (ucp_worker_set_am_recv_handler(u->worker, &handler) != UCS_OK)
            return false;
    }
    ucp_address_t *address;
    size_t size;
    if (ucp_worker_get_address(u->worker, &address, &size) != UCS_OK || size > MAX_ADDRESS)
        return false;
    memcpy(u->card[k].address, address, size);
    ucp_worker_release_address(u->worker, address);
    atomic_store(&u->card[k].size, (uint32_t)size);
    return true;
}

static bool join(struct ucx *u, unsigned k, ucp_ep_h *out) {
    while (!atomic_load(&u->card[k].size)) /* the alarm ends a wait for one that never comes */
        sched_yield();
    ucp_ep_params_t params = {.field_mask = UCP_EP_PARAM_FIELD_REMOTE_ADDRESS,
                              .address = (const ucp_address_t *)(const void *)u->card[k].address};
    return ucp_ep_create(u->worker, &params, out) == UCS_OK;
}

static void tear_down(struct ucx *u) {
    if (u->worker)
        ucp_worker_destroy(u->worker);
    if (u->context)
        ucp_cleanup(u->context);
}

static void serve(void *state, unsigned k) {
    struct ucx *u = state;
    const struct tram_case *c = u->team.c;
    unsigned from = peer_scatters(c) ? 0 : k - 1, to = peer_scatters(c) || k == c->actors ? 0 : k + 1;
    u->team.way = peer_crowded(c) ? TAG_YIELD : TAG;
    if (!set_up(u, k) || !join(u, to, &u->to[0]))
        fail("the set-up", UCS_ERR_NO_RESOURCE);
    u->inbox[from].to = u->buffer; /* the first may come while the last tagged send is completed */
    for (;; peer_done(&u->team)) {
        expect(u, from, 0, u->buffer);
        await(u, from, 0);
        start(u, k, 0, u->buffer);
        complete(u, u->sending[0]);
    }
}

static int exchange(struct peer_team *t, const unsigned char *from, unsigned char *to, size_t stride,
                    char *why) {
    struct ucx *u = (struct ucx *)t;
    unsigned ins = tram_case_results(t->c), outs = peer_scatters(t->c) ? t->c->actors : 1;
    unsigned first = t->c->actors - ins + 1;
    (void)why;
    for (unsigned i = 0; i < ins; i++)
        expect(u, first + i, i, to + i * stride);
    for (unsigned i = 0; i < outs; i++)
        start(u, 0, i, from);
    for (unsigned i = 0; i < ins; i++)
        await(u, first + i, i);
    for (unsigned i = 0; i < outs; i++)
        complete(u, u->sending[i]);
    return 0;
}

static int ucx_run(void *state, struct tram_batch *b, char *why) {
    return peer_run(state, b, exchange, why);
}

static const struct tram_mode_ops ucx_ops;

static void ucx_close(void *state) {
    struct ucx *u = state;
    peer_kill(&u->team);
    tear_down(u);
    if (u->team.turn)
        munmap(u->team.turn, u->shared);
    free(u->buffer);
    free(u);
}

static int connect_all(struct ucx *u, char *why) {
    const struct tram_case *c = u->team.c;
    for (unsigned k = 1; k <= c->actors; k++)
        if (peer_fork(&u->team, serve, u, why))
            return -1;
    u->team.way = peer_crowded(c) ? TAG_YIELD : TAG;
    bool ok = set_up(u, 0);
    for (unsigned i = 0; ok && i < (peer_scatters(c) ? c->actors : 1); i++)
        ok = join(u, i + 1, &u->to[i]);
    if (!ok) {
        snprintf(why, TRAM_WHY, "UCX cannot be set up over shared memory");
        return -1;
    }
    struct peer_search s = {.team = &u->team, .ops = &ucx_ops, .ways = ways, .fits = fits};
    return peer_choose(&s, why);
}

static int ucx_open(const struct tram_case *c, void **state, char *why) {
    struct ucx *u = calloc(1, sizeof *u);
    if (u) {
        u->team.c = c;
        u->size = c->input.total;
        u->buffer = tram_layout_alloc(c->input.stride);
        u->shared = 4096 + (c->actors + 1) * sizeof *u->card;
        u->team.turn = peer_share(u->shared, why);
    }
    if (!u || !u->buffer)
        snprintf(why, TRAM_WHY, "out of memory");
    if (u && u->buffer && u->team.turn) {
        u->card = (struct card *)(void *)((unsigned char *)u->team.turn + 4096);
        if (connect_all(u, why) == 0) {
            *state = u;
            return 0;
        }
    }
    if (u)
        ucx_close(u);
    return -1;
}

static const struct tram_mode_ops ucx_ops = {.name = "ucx",
                                             .open = ucx_open,
                                             .run = ucx_run,
                                             .counters = peer_counters,
                                             .pids = peer_pids,
                                             .close = ucx_close};

static void version(char *out, size_t size) {
    snprintf(out, size, "UCX %s", ucp_get_version_string());
}

int main(int argc, char **argv) {
    static const struct peer_mode modes[] = {{"ucx", &ucx_ops}, {0}};
    static const struct peer ucx = {.program = "peer_ucx",
                                    .summary = "the patterns over UCX's shared memory",
                                    .modes = modes,
                                    .version = version};
    struct peer_case p;
    int status = peer_parse(argc, argv, &ucx, &p);
    return status >= 0 ? status : peer_measure(&p);
}
