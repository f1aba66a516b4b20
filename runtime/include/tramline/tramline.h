/* SPDX-License-Identifier: Apache-2.0
 *
 * Tramline: a static graph of actor tasks, compiled once into per-actor schedules and preallocated channels.
 *
 * Conventions. Functions return TRAM_OK (0) or a negative enum tram_status, and set their outputs, which come
 * last, only on success. tram_last_error() holds the exact cause for the calling thread. Timeouts are
 * seconds: 0 tries once, a negative value waits for ever. Sizes are bytes. Strings and payloads passed in are
 * copied unless said otherwise.
 *
 * Threads. A struct tram with its actors, graphs and eager references belongs to one thread at a time. A
 * compiled graph with its references belongs to one thread at a time too, not necessarily the same: different
 * compiled graphs may run on different threads at once. Compile and teardown talk to the actors: these belong to the
 * thread of the struct tram. In an actor, ordinary calls run on the main thread, and
 * the tasks of a compiled graph where enum tram_thread says: by default on a thread of their own, so that methods
 * used both ways guard the state that they share.
 */
#ifndef TRAMLINE_TRAMLINE_H
#define TRAMLINE_TRAMLINE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TRAM_VERSION "0.1.0"

/* name, value, text */
#define TRAM_STATUS_MAP(X)                          \
    X(OK, 0, "ok")                                  \
    X(ERR_INVALID, -1, "invalid argument")          \
    X(ERR_NO_MEMORY, -2, "out of memory")           \
    X(ERR_SYSTEM, -3, "system call failed")         \
    X(ERR_NOT_FOUND, -4, "not found")               \
    X(ERR_TOO_LARGE, -5, "too large")               \
    X(ERR_FULL, -6, "in-flight limit reached")      \
    X(ERR_TIMED_OUT, -7, "timed out")               \
    X(ERR_PEER_DEAD, -8, "actor died")              \
    X(ERR_TORN_DOWN, -9, "graph was torn down")     \
    X(ERR_TASK, -10, "task failed")                 \
    X(ERR_PROTOCOL, -11, "peer broke the protocol") \
    X(ERR_UNSUPPORTED, -12, "not supported")        \
    X(ERR_CONSUMED, -13, "reference was already fetched or released")

enum tram_status {
#define TRAM_STATUS_ENUM(name, value, text) TRAM_##name = value,
    TRAM_STATUS_MAP(TRAM_STATUS_ENUM)
#undef TRAM_STATUS_ENUM
};

/* Static text of a status; never NULL. */
const char *tram_status_text(int status);

/* What went wrong last on the calling thread. Valid until the thread's next failing call. */
struct tram_error {
    int status;
    int code;           /* ERR_TASK: what the method returned or gave to tram_fail */
    uint64_t execution; /* ERR_TASK, ERR_PEER_DEAD, ERR_TIMED_OUT of a compiled graph: from 1; else 0 */
    char actor[64];     /* the actor to blame, or empty */
    char method[64];    /* the method to blame, or empty */
    char text[512];     /* one line, without a newline */
};
const struct tram_error *tram_last_error(void);

/* ---- Actors: classes are static tables, known alike to the driver and to every actor process ---- */

struct tram;          /* the runtime of one driver process */
struct tram_actor;    /* one actor process */
struct tram_graph;    /* a graph being built */
struct tram_compiled; /* a graph compiled over its actors */
struct tram_call;     /* one invocation of a method, inside the actor */

struct tram_bytes {
    const void *data;
    size_t size;
};

/* self: the actor's state. Returns 0, or a nonzero code of the method's own, best by way of tram_fail. */
typedef int tram_method_fn(void *self, struct tram_call *call);

struct tram_method {
    const char *name;
    tram_method_fn *fn;
    int forwards; /* nonzero: may call tram_forward; compile then maps the producers' pages to the readers */
    int results;  /* how many; 0: one. At most TRAM_MAX_RESULTS */
};

#define TRAM_MAX_RESULTS 64

struct tram_class {
    const char *name;
    const struct tram_method *methods; /* ends with a NULL name */
    /* Optional. Runs in the actor before its first call; *self is handed to every method. Nonzero: no actor.
     */
    int (*create)(const void *args, size_t size, void **self);
    void (*destroy)(void *self); /* optional; runs when the actor is ended in good order */
};

enum tram_wait {
    TRAM_WAIT_AUTO,  /* poll, spin within a learnt budget, then sleep; yields when there are more threads than
                        CPUs */
    TRAM_WAIT_BLOCK, /* sleep at once */
    TRAM_WAIT_SPIN,  /* never sleep */
};

/* How eager calls travel between the processes of a host. */
enum tram_eager_transport {
    TRAM_EAGER_SOCKET,  /* AF_UNIX, polled within the spin budget before it blocks */
    TRAM_EAGER_MAILBOX, /* a ring in shared memory in each direction; the socket carries descriptors */
};

struct tram_transport_ops;
struct tram_options {
    enum tram_eager_transport eager;
    const char *worker;  /* executable that serves the actors; NULL: this program, executed again */
    enum tram_wait wait; /* for eager calls, and the default for compiled graphs */
    size_t
        store_bytes; /* most that the object store of one process may take; 0: a quarter of the memory available. It is
                            taken as it is needed, prefaulted and kept */
    const struct tram_transport_ops *
        transports; /* the program's own (tensor.h), borrowed until tram_fini; ends with a NULL name. NULL: none */
};

/* The first call in main. Removes the arguments that are its own from argc and argv. In an actor process it
 * serves the actor and never returns. Starts no process: the first actor does. `options` may be NULL;
 * `classes` is borrowed until tram_fini. */
int tram_init_with(int *argc, char ***argv, const struct tram_class *classes,
                   const struct tram_options *options, struct tram **out);
int tram_init(int *argc, char ***argv, const struct tram_class *classes, struct tram **out);

/* Ends every actor (bounded: 2 s for good order, then they are killed), frees every compiled graph. Graphs that were built
 * are their owner's to destroy. NULL is fine. */
void tram_fini(struct tram *t);

struct tram_actor_options {
    const char *name; /* for messages; NULL: "Class#index" */
    const void *args; /* given to the class's create, copied */
    size_t args_size; /* at most 64 KiB */
    int cpu; /* CPU number + 1 to run on; 0: the runtime places actors in turn over the usable CPUs */
    const char *
        device; /* where its methods find and make tensors (tensor.h): "host", "cuda", "cuda:1"; NULL: on the CPU */
};

/* Starts an actor process and waits until its `create` has run (at most 10 s). `options` may be NULL. The
 * actor belongs to `t`; tram_actor_destroy ends it earlier (compiled graphs over it then report it dead). */
int tram_actor_create(struct tram *t, const char *class_name, const struct tram_actor_options *options,
                      struct tram_actor **out);
void tram_actor_destroy(struct tram_actor *a);
const char *tram_actor_name(const struct tram_actor *a);
int tram_actor_pid(const struct tram_actor *a);

/* Inside a method. Arguments are borrowed until the method returns. */
size_t tram_arg_count(const struct tram_call *c);
struct tram_bytes tram_arg(const struct tram_call *c, size_t index); /* no data: a list, or there is none */
/* Arguments that were bound as lists (tram_graph_list): all of them as one list, the number of a list's elements, and
 * its element `index` as bytes or as a list of its own. Of the wrong kind or out of range: empty. */
struct tram_list {
    const struct tram_call *call;
    uint32_t first, count; /* private */
};
struct tram_list tram_args(const struct tram_call *c);
size_t tram_list_count(struct tram_list l);
struct tram_bytes tram_list_bytes(struct tram_list l, size_t index);
struct tram_list tram_list_at(struct tram_list l, size_t index);
/* Room for result `index`, in place in the outgoing slot; NULL, with the call failed, when `size` is above the edge's
 * limit. Writing all of it is the method's duty. Reserving again replaces the first. A result that is never reserved
 * is empty. */
void *tram_result_reserve(struct tram_call *c, size_t index, size_t size);
/* Reserve and copy in one. Uses the kernel that is fastest for the size. Returns 0 or the code to return. */
int tram_result_copy(struct tram_call *c, size_t index, const void *data, size_t size);
/* Makes result `index` be argument `arg`, without a copy: the producer's slot stays held until every reader
 * of the result has released it. The method must be declared `.forwards = 1`. Returns 0 or the code to
 * return. */
int tram_forward(struct tram_call *c, size_t index, size_t arg);
/* Records why the call fails, in up to 255 bytes, of which a compiled graph passes on the first 104; returns `code` (1 if it
 * is 0), for the method to return. */
int tram_fail(struct tram_call *c, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* ---- References: results to come, of an eager call or of an execution ---- */

/* A small value, owned by the caller and free to copy; the result behind it is fetched once. Treat the fields
 * as private. After the teardown of its graph a reference is refused; after tram_fini it must not be used. */
struct tram_ref {
    struct tram__source *source;
    uint64_t id;
    uint32_t generation;
    uint32_t output;
};

/* In place of seconds: the get timeout of the graph (struct tram_compile_options); for an eager call TRAM_GET_TIMEOUT of
 * the environment at tram_init, else 10 s. */
#define TRAM_DEFAULT_TIMEOUT (__builtin_nan(""))

/* Waits for the result and copies it: *size is its length. ERR_TOO_LARGE when it exceeds `capacity`; the
 * reference then stays good. ERR_TIMED_OUT leaves it good as well; any other outcome consumes it. */
int tram_get(struct tram_ref *r, void *buffer, size_t capacity, size_t *size, double timeout_s);
/* Waits for the result and lends it in place until tram_release. A result that is kept holds its slot, and
 * with it the in-flight window of its graph. */
int tram_get_borrow(struct tram_ref *r, struct tram_bytes *out, double timeout_s);
/* Gives a borrowed result back, or gives up a result that was never fetched. */
int tram_release(struct tram_ref *r);

/* 1: a get would not wait (for a result, or for what went wrong); 0: it would; ERR_CONSUMED and ERR_TORN_DOWN. Never
 * blocks. */
int tram_ready(const struct tram_ref *r);
/* Waits until any of the references is ready, be they of calls or of executions, of one graph or of several; *index is
 * the first that is. References that are empty or consumed are passed over; ERR_CONSUMED when all are. */
int tram_wait_any(const struct tram_ref *refs, size_t count, double timeout_s, size_t *index);

/* ---- Eager calls ---- */

/* Sends one call to an actor, with these bytes as its argument, and returns at once; `refs` takes one reference for each
 * result of the method (NULL: nobody wants them, nor to know of a failure). Calls on one actor run in the order of
 * submission. Blocks only while the actor's queue is full or, for a call that takes the result of another actor
 * (tram_call_with), while that actor's is. What has become of earlier calls is heard in tram_get, tram_ready and
 * tram_wait_any, and every 256 calls: a program that submits many calls with large results looks there now and then, lest
 * actors run out of room for them. */
int tram_call(struct tram_actor *a, const char *method, const void *data, size_t size, struct tram_ref *refs);

/* An argument. Large bytes are copied into the driver's object store, where the actor reads them in place. */
enum tram_value_kind {
    TRAM_BYTES, /* data, size */
    TRAM_REF, /* the result behind *ref, which need not be there yet: the call waits for it. It goes from the actor that
                   makes it to the one that takes it. A failure there is a failure of this call. *ref stays good. */
    TRAM_MOVE, /* the same, and *ref is given up, as by tram_release: a result that only calls take is not sent to the
                   driver at all */
    TRAM_AFTER, /* the call waits for that result, which is no argument; that it failed does not matter */
    TRAM_LIST,  /* values as one argument (tram_args): data points to `size` of them */
};
struct tram_value {
    enum tram_value_kind kind;
    const void *data;
    size_t size;
    struct tram_ref *ref;
    int where; /* a tensor: where the method finds it if it does not say, enum tram_where (tensor.h) */
};
struct tram_tensor_hint;
struct tram_call_params {
    size_t value_count;
    const struct tram_value *values; /* at most 2048, those in lists included; these at most 64 deep */
    const size_t *limits;            /* of each result, in bytes; NULL: none */
    const struct tram_tensor_hint *const
        *tensors; /* of each result, NULL for one that is none; NULL: none (tensor.h) */
    int onward; /* nonzero: the results are for other calls. Fetching one may then take a few microseconds longer, and one
                   that is moved in time is not sent to the driver first */
};
/* The same with any arguments. ERR_CONSUMED and ERR_INVALID for a reference that cannot be one, ERR_FULL when the store has
 * no room: nothing was sent then. */
int tram_call_with(struct tram_actor *a, const char *method, const struct tram_call_params *params,
                   struct tram_ref *refs);

/* Puts bytes into the driver's object store: once, however many calls take the reference. ERR_FULL when the store is full
 * and, should calls be under way, nothing has been heard of them for 20 ms; ERR_TOO_LARGE when it can never hold them. The second lends the room, to be filled in before any call takes it. */
int tram_put(struct tram *t, const void *data, size_t size, struct tram_ref *ref);
int tram_put_loan(struct tram *t, size_t size, void **buffer, struct tram_ref *ref);

/* Of one runtime's eager calls. */
struct tram_eager_stats {
    uint64_t calls;
    uint64_t stored,
        stored_bytes; /* objects in all stores that somebody still needs, as far as is known here */
    uint64_t stored_ever, stored_bytes_ever; /* since tram_init */
    uint64_t outstanding;                    /* calls and puts with a reference or a result to come */
    uint64_t outstanding_bytes; /* memory set aside for them in the driver, small results included */
};
int tram_eager_stats(const struct tram *t, struct tram_eager_stats *out);

/* ---- Traces ---- */

struct tram_trace_options {
    uint64_t first,
        count; /* executions of compiled graphs, from 1, that are recorded; count 0: all from `first` on */
    size_t ring_bytes; /* for what one thread records; 0: 16 MiB. What does not fit is dropped, and counted */
};
/* Records from now on what the driver and its actors do, and has tram_fini write it to `path`: ".json", or else Perfetto's own
 * format. Before the first actor is created. Until then it lies in the folder PATH.rings, from which `tram-trace recover` makes
 * a trace should the run die. ERR_NOT_FOUND when the trace library is not there, ERR_SYSTEM for a file that cannot be written,
 * ERR_INVALID for a folder that is there already. TRAM_TRACE=PATH in the environment does the same to any program, in
 * its first tram_init; TRAM_TRACE_RING=BYTES and TRAM_TRACE_WINDOW=START:COUNT are its options. One trace a process. */
int tram_trace_open(struct tram *t, const char *path, const struct tram_trace_options *options);

/* ---- Graphs ---- */

/* A value in the making: a part of the input, a constant, a list of nodes, or a result of a task. */
struct tram_node {
    struct tram_graph *graph;
    uint32_t index;
};

int tram_graph_create(struct tram *t, struct tram_graph **out);
void tram_graph_destroy(struct tram_graph *g); /* compiled graphs made from it live on */

/* Builders return a node; a mistake is kept with the graph, its message exact, and returned by compile. A compiled
 * graph takes no more changes: they are refused, with an error, and it stays as it is. */

/* Adds a part to the input: every execution brings one value for each, of at most `max_bytes`. A task takes the parts
 * that it names, and only those travel to it. A graph may have none: it then runs when it is executed with nothing. */
struct tram_node tram_graph_input(struct tram_graph *g, size_t max_bytes);
/* A value that is the same in every execution; copied now, and sent to its readers by compile. */
struct tram_node tram_graph_constant(struct tram_graph *g, const void *data, size_t size);
/* Nodes taken together as one argument; lists may contain lists. Has no value of its own: it is no output. */
struct tram_node tram_graph_list_nodes(struct tram_graph *g, size_t count, const struct tram_node *nodes);
#define tram_graph_list(g, ...)                                                                      \
    tram_graph_list_nodes((g), sizeof((struct tram_node[]){__VA_ARGS__}) / sizeof(struct tram_node), \
                          (struct tram_node[]){__VA_ARGS__})
/* Adds a task: `method` of the actor, on these arguments (none: it runs once in every execution). Returns its result 0.
 * The tasks of one actor run in the order in which they were bound, all for one execution before any of the next. A
 * value that several tasks of an actor take is received once; between tasks of one actor it never leaves the process.
 */
struct tram_node tram_graph_bind_args(struct tram_graph *g, struct tram_actor *a, const char *method,
                                      size_t count, const struct tram_node *args);
#define tram_graph_bind(g, a, method, ...)                                                     \
    tram_graph_bind_args((g), (a), (method),                                                   \
                         sizeof((struct tram_node[]){__VA_ARGS__}) / sizeof(struct tram_node), \
                         (struct tram_node[]){__VA_ARGS__})
/* Result `index` of the task whose result `node` is. */
struct tram_node tram_graph_result(struct tram_graph *g, struct tram_node node, size_t index);
/* A control edge: the task of `node` runs after the task of `before`, in every execution, whichever was bound first.
 * Only the order is passed on: a failure is not. */
void tram_graph_after(struct tram_graph *g, struct tram_node node, struct tram_node before);
/* These tasks, of different actors, run together: each begins when all of them can. */
void tram_graph_unit(struct tram_graph *g, size_t count, const struct tram_node *nodes);
/* Limit of a task's result; without it, the largest limit among its arguments. */
void tram_graph_limit(struct tram_graph *g, struct tram_node node, size_t max_bytes);
/* Adds an output; executions hand out one reference for each, in this order. */
void tram_graph_output(struct tram_graph *g, struct tram_node node);

/* Draws the graph as it is now into a file whose name ends in .svg, .png (by Graphviz's `dot`, which must be installed),
 * .dot, or .txt (the schedule as text). One colour per actor; inputs and outputs are rounded; dotted arrows are control
 * edges; with sizes, dashed ones never leave their actor. */
enum tram_show {
    TRAM_SHOW_SIZES = 1,    /* each edge's limit, and how it travels */
    TRAM_SHOW_SCHEDULE = 2, /* each participant's list of READ, COMPUTE and WRITE in place of the graph */
};
int tram_graph_visualize(struct tram_graph *g, const char *path, unsigned show);

/* Runs the graph once without compiling it: one eager call for each task, all submitted before any result is awaited. The
 * same values, failures and order as of a compiled graph; its references are those of eager calls. A graph may be run before
 * it is compiled and after. When a call cannot be made (an actor is dead, the store is full) the ones before it run on, and
 * nothing is handed out. The second is for graphs with any number of input parts. */
int tram_graph_run(struct tram_graph *g, const void *data, size_t size, struct tram_ref *refs);
int tram_graph_run_parts(struct tram_graph *g, size_t count, const struct tram_bytes *parts,
                         struct tram_ref *refs);

/* What execute does when as many executions are in flight as may be. */
enum tram_full {
    TRAM_FULL_FAILS, /* ERR_FULL, at once */
    TRAM_FULL_WAITS, /* waits, up to the submit timeout, until the oldest execution is finished, and keeps its results
                        aside (a copy each) for when they are fetched */
};

/* Where each actor of a graph runs the graph's tasks, and in which order with all else that the actor does.
 *
 * In both cases the tasks of one graph run in bind order, all of an execution before any of the next, and executions in
 * the order in which they were submitted.
 *
 * OWN: on a thread of the graph's own in each actor. Graphs, and the ordinary calls on the main thread, run side by side,
 * with no order among them: methods guard the state that they share.
 *
 * MAIN: on the actor's main thread, one thing at a time with ordinary calls and with every other MAIN graph: state that
 * only these use needs no guard. The main thread works in rounds. In each, first, one ordinary call runs, if one has been
 * noticed; then each MAIN graph, in the order in which they were compiled, has one turn: its tasks run from where its
 * last turn ended until one would have to wait (for an argument, or for room for its result), or the execution is
 * finished. A call is noticed at once while others came before it, else at most 5 us and 4 rounds after it has come. A
 * turn never waits, so graphs that share actors cannot hold each other up, in whatever order they are executed and
 * fetched; but a method that takes long holds up everything on its actor. When nothing can run, the main thread waits as
 * the most eager of its MAIN graphs does.
 *
 * Graphs of both kinds may use one actor: its OWN graphs then run beside the main thread. */
enum tram_thread { TRAM_THREAD_OWN, TRAM_THREAD_MAIN };

/* Everything zero or NULL means its default. */
struct tram_compile_options {
    uint32_t inflight;   /* executions submitted and not yet released; 0: 10; at most TRAM_MAX_INFLIGHT */
    enum tram_wait wait; /* AUTO: as the runtime */
    enum tram_thread thread;
    enum tram_full full;
    uint32_t kept; /* FULL_WAITS: executions whose results are kept aside at most; 0: 1000 */
    /* Seconds: to find room for an execution (default TRAM_SUBMIT_TIMEOUT of the environment, else 10), to wait for a
     * result where the call says TRAM_DEFAULT_TIMEOUT (TRAM_GET_TIMEOUT, 10) and to tear down (TRAM_TEARDOWN_TIMEOUT,
     * 30). Negative waits for ever; TRAM_TRY_ONCE does not wait. Read by compile, and kept with the graph. */
    double submit_timeout_s, get_timeout_s, teardown_timeout_s;
    const char *channel; /* backend; NULL: "shm" */
};
#define TRAM_MAX_INFLIGHT 4096u
#define TRAM_MAX_READERS  512u /* actors that take one value ("shm"); ERR_TOO_LARGE at compile */
#define TRAM_TRY_ONCE     1e-9
#define TRAM_MAX_BYTES    (UINT64_C(1) << 32) /* largest limit of one edge */

/* Freezes the graph, allocates, prefaults and maps every channel, and has every actor begin (OWN: starts a thread in
 * each). Fails, saying what each edge asked for, when memory would not do, and with the cycle when the order asked for
 * is impossible. Blocks until every actor is ready (at most 10 s, and 1 s more to take everything back). `options` may be NULL. A graph is compiled once. */
int tram_graph_compile(struct tram_graph *g, const struct tram_compile_options *options,
                       struct tram_compiled **out);

/* Runs the graph once on a copy of the input. `refs` takes one reference per output. When the in-flight limit is
 * reached: as `full` says; ERR_FULL also when results that are lent out or kept aside leave no room. No allocation, no
 * lock, and no system call while no peer sleeps; but to keep results aside takes memory for each. */
int tram_execute(struct tram_compiled *x, const void *data, size_t size, struct tram_ref *refs);
/* The same without the copy: *buffer has room for `size` bytes, and not for more; fill it, then commit as many of them
 * as there are. A loan that is not committed is taken back by the next. */
int tram_execute_loan(struct tram_compiled *x, size_t size, void **buffer);
int tram_execute_commit(struct tram_compiled *x, size_t size, struct tram_ref *refs);
/* The same for any number of parts, in the order of tram_graph_input: sizes and buffers are arrays of `count`. The
 * functions above are for graphs with one part; of these, count 0 is for graphs with none. */
int tram_execute_parts(struct tram_compiled *x, size_t count, const struct tram_bytes *parts,
                       struct tram_ref *refs);
/* With a submit timeout of its own. */
int tram_execute_within(struct tram_compiled *x, size_t count, const struct tram_bytes *parts,
                        double timeout_s, struct tram_ref *refs);
int tram_execute_loan_parts(struct tram_compiled *x, size_t count, const size_t *sizes, void **buffers);
int tram_execute_commit_parts(struct tram_compiled *x, size_t count, const size_t *sizes,
                              struct tram_ref *refs);

/* Stops the graph in its actors and frees its memory, within `timeout_s`; its actors live on and may be compiled
 * again. Idempotent. ERR_TIMED_OUT names the actor that is still inside a method, and the call may be
 * repeated; executions are refused from its beginning. `x` stays readable until tram_fini. */
int tram_teardown_within(struct tram_compiled *x, double timeout_s);
int tram_teardown(struct tram_compiled *x); /* within the graph's own teardown timeout */

/* ---- Event loops ---- */

/* A descriptor for poll and epoll, owned by `x` until teardown: readable when results may have arrived, or an actor died,
 * since tram_compiled_arm returned 0. Created by the first call; -1 with an error when it cannot be. */
int tram_compiled_fd(struct tram_compiled *x);
/* To be called before each sleep on the descriptor: 1, some result has arrived that was not there at the last call, or the
 * graph is lost: look with tram_ready, do not sleep; 0: none has, and the descriptor tells of the next. Any other call
 * that waits for `x` disarms it. */
int tram_compiled_arm(struct tram_compiled *x);

/* Exact counters, summed over the driver and all actors of the graph. */
struct tram_stats {
    uint64_t executions; /* submitted by the driver */
    uint64_t copies;     /* payloads copied by the runtime */
    uint64_t copied_bytes;
    uint64_t sleeps; /* a main thread's count for each MAIN graph that it then waits for */
    uint64_t wakes;  /* of a thread that sleeps, or seemed to */
    uint64_t yields; /* those of main threads apart */
    uint64_t maps;   /* device memory that was allocated while it ran, for tensors that no edge announced */
    uint64_t channel_bytes; /* memory of all channels, shared and on devices */
    uint64_t compile_ns;
};
int tram_compiled_stats(const struct tram_compiled *x, struct tram_stats *out);

#ifdef __cplusplus
}
#endif
#endif
