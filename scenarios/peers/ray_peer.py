# SPDX-License-Identifier: Apache-2.0
#
# Ray, eager (actor calls) and compiled (ray.dag's Compiled Graphs), in the scenarios' patterns, by the loops of Ray's own
# microbenchmarks: `ray.get` of an actor's method or of a compiled graph's execution, after a second of warming up. Payloads
# are filled and checked as everywhere in the suite, outside of what is timed, and the result file has the same shape.
#
# As the other peers do, it tries what may matter first, and keeps the best: values as bytes or as numpy arrays (which Ray
# reads in place), processes where the kernel puts them, on the CPUs in turn, or all on one; of eager calls whether the value
# is put into the object store first. One launch is one case. Exit status 77, with the reason, where Ray cannot run.
import argparse
import json
import os
import shutil
import signal
import statistics
import sys
import tempfile
import time

OBJECT_STORE = 256 << 20  # bytes of /dev/shm; with less than that free Ray would put it on a disk
BATCH_NS = 200e3  # the clock costs nothing beside it, and on a busy machine most are undisturbed
BATCH_BYTES = 256 * 1024
WARMUP_S, PASS_S, LONG_PASS_S, TRY_S, SETTLE_S = 1.0, 1.0, 2.0, 0.15, 10.0
P99_SAMPLES, MOST_SAMPLES = 1000, 100000


def arguments():
    p = argparse.ArgumentParser(prog="ray_peer", allow_abbrev=False)
    p.add_argument("--mode", choices=["ray-eager", "ray-compiled"], default="ray-compiled")
    p.add_argument("--scenario", choices=["roundtrip", "chain", "scatter_gather"], default="roundtrip")
    p.add_argument("--actors", type=int, default=1)
    p.add_argument("--size", default="1", help="payload bytes, with k, M")
    p.add_argument("-n", "--iters", type=int, default=0)
    p.add_argument("-w", "--warmup", type=int, default=0)
    p.add_argument("--repetition", type=int, default=0)
    p.add_argument("--repetitions", type=int, default=1)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--timeout", type=int, default=120)
    p.add_argument("--json")
    p.add_argument("--no-check", action="store_true")
    p.add_argument("--version", action="store_true")
    a = p.parse_args()
    factor = {"k": 1024, "M": 1024**2}.get(a.size[-1], 1)
    a.bytes = int(a.size.rstrip("kM")) * factor
    if a.scenario == "roundtrip" and a.actors != 1:
        p.error("--scenario=roundtrip: it has one actor")
    if a.json:
        there = os.path.exists(a.json)
        try:
            open(a.json, "a").close()
        except OSError as e:
            p.error(f"--json={a.json}: {e.strerror}")
        if not there:
            os.unlink(a.json)
    return a


def skip(why):
    print(f"skipped: {why}")
    sys.exit(77)


try:
    os.environ.update(RAY_USAGE_STATS_ENABLED="0", RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO="0")
    import numpy as np
    import ray
    from ray.dag import InputNode, MultiOutputNode
except ImportError as e:
    skip(f"Ray is not installed ({e})")


# ---- payloads: the contents of harness/payload.c ----

MASK = (1 << 64) - 1


def fill(seed, execution, size):
    x = (seed * 0xBF58476D1CE4E5B9 + execution + 1) & MASK
    x ^= x >> 30
    x = x * 0x94D049BB133111EB & MASK
    key = np.uint64(x ^ x >> 31)
    with np.errstate(over="ignore"):
        words = (key + np.arange((size + 7) // 8, dtype=np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
    words ^= words >> np.uint64(32)
    return words.view(np.uint8)[:size]


# ---- processes ----


def descendants():
    children = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat") as f:
                fields = f.read().rpartition(")")[2].split()
        except OSError:
            continue
        children.setdefault(int(fields[1]), []).append((int(name), int(fields[11]) + int(fields[12])))
    found, todo = {}, [os.getpid()]
    while todo:
        for pid, ticks in children.get(todo.pop(), []):
            found[pid] = ticks
            todo.append(pid)
    return found


def cpu_s():
    ticks = sum(descendants().values())
    return ticks / os.sysconf("SC_CLK_TCK") + time.process_time()


def remove_semaphores(pids):
    """Ray leaves the named semaphores of its compiled graphs' channels behind."""
    for name in os.listdir("/dev/shm"):
        prefix, _, rest = name.partition("-")
        if rest.isdigit() and prefix[:7] in ("sem.hdr", "sem.obj") and prefix[7:].isdigit() and int(prefix[7:]) in pids:
            os.unlink(f"/dev/shm/{name}")


def settle():
    """Ray's helpers are busy for some seconds after it starts; its own benchmarks sleep ten for that."""
    start = time.monotonic()
    while time.monotonic() - start < SETTLE_S:
        before = cpu_s()
        time.sleep(0.5)
        if cpu_s() - before < 0.05:
            return


def place(pids, cpus):
    """The driver and each actor, all threads, on these CPUs in turn; None: wherever the kernel likes."""
    for k, pid in enumerate([os.getpid()] + pids):
        where = CPUS if cpus is None else [cpus[k % len(cpus)]]
        for thread in os.listdir(f"/proc/{pid}/task"):
            try:
                os.sched_setaffinity(int(thread), where)
            except OSError:
                pass  # it has ended


CPUS = sorted(os.sched_getaffinity(0))


# ---- the patterns ----


@ray.remote(num_cpus=0)
class Echo:
    def echo(self, x):
        return x

    def pid(self):
        return os.getpid()


class Eager:
    def __init__(self, a, actors):
        self.ways = ["calls", "calls, put first"] if a.scenario == "scatter_gather" else ["calls"]
        self.actors = actors
        self.scatters = a.scenario == "scatter_gather"

    def runner(self, way):
        actors = self.actors
        if self.scatters and way == "calls, put first":

            def run(x):
                ref = ray.put(x)
                return ray.get([a.echo.remote(ref) for a in actors])
        elif self.scatters:

            def run(x):
                return ray.get([a.echo.remote(x) for a in actors])
        elif len(actors) == 1:
            echo = actors[0].echo

            def run(x):
                return [ray.get(echo.remote(x))]
        else:

            def run(x):
                for a in actors:
                    x = a.echo.remote(x)
                return [ray.get(x)]

        return run

    def close(self):
        pass


class Compiled:
    def __init__(self, a, actors):
        self.ways = ["compiled graph"]
        self.scatters = a.scenario == "scatter_gather"
        with InputNode() as node:
            if self.scatters:
                dag = MultiOutputNode([actor.echo.bind(node) for actor in actors])
            else:
                dag = node
                for actor in actors:
                    dag = actor.echo.bind(dag)
        start = time.monotonic_ns()
        self.dag = dag.experimental_compile(_buffer_size_bytes=max(1000000, 2 * a.bytes))
        self.compile_ns = time.monotonic_ns() - start

    def runner(self, way):
        execute = self.dag.execute
        if self.scatters:
            return lambda x: ray.get(execute(x))
        return lambda x: [ray.get(execute(x))]

    def close(self):
        self.dag.teardown()


# ---- timing: as harness/trial.c does, in Python's terms ----


class Trial:
    def __init__(self, a, actors, pids):
        self.a, self.pids = a, pids
        self.talk = (Eager if a.mode == "ray-eager" else Compiled)(a, actors)
        self.next = 1
        self.most = max(1, BATCH_BYTES // a.bytes)
        self.fill_ns = self.check_ns = self.done = 0

    def batch(self, count, each=None):
        """Runs `count` executions, returns what they took in ns; results are checked after."""
        a, run, arrays = self.a, self.run, self.arrays
        seed = a.seed + a.repetition
        start = time.perf_counter_ns()
        values = [fill(seed, self.next + i, a.bytes) for i in range(count)]
        inputs = values if arrays else [v.tobytes() for v in values]
        # One at a time is read where it lies. More are copied out: what is held would hold up the next execution.
        copy = arrays and count > 1
        results = [None] * count
        self.fill_ns += time.perf_counter_ns() - start
        clock = time.perf_counter_ns
        start = clock()
        for i in range(count):
            before = clock() if each is not None else 0
            got = run(inputs[i])
            results[i] = [r.copy() for r in got] if copy else got
            if each is not None:
                each.append(clock() - before)
        took = clock() - start
        self.check(values, results)
        self.next += count
        self.done += count
        return took

    def check(self, values, results):
        start = time.perf_counter_ns()
        wanted = self.a.actors if self.a.scenario == "scatter_gather" else 1
        for i, (value, got) in enumerate(zip(values, results)):
            if len(got) != wanted:
                sys.exit(f"ray_peer: execution {self.next + i} returned {len(got)} results")
            for k, one in enumerate(got):
                if not self.a.no_check and not np.array_equal(np.frombuffer(one, np.uint8), value):
                    sys.exit(f"ray_peer: execution {self.next + i} returned a wrong byte in result {k}")
        self.check_ns += time.perf_counter_ns() - start

    def time_one(self, seconds):
        """The best of batches for a while, in ns: one disturbance must not decide."""
        each = [self.batch(1), self.batch(1)]
        count = int(min(self.most, max(1, BATCH_NS // min(each))))
        start, each = time.monotonic(), []
        while time.monotonic() - start < seconds or len(each) < 3:
            each.append(self.batch(count) / count)
        return min(each)

    def choose(self):
        best = None
        placements = [("unpinned", None), ("CPUs in turn", CPUS), ("one CPU", CPUS[:1])]
        for way in self.talk.ways:
            self.run = self.talk.runner(way)
            for self.arrays in (False, True):
                for where, cpus in placements if len(CPUS) > 1 else placements[:1]:
                    place(self.pids, cpus)
                    took = self.time_one(TRY_S)
                    if best is None or took < best[0]:
                        best = (took, way, self.arrays, where, cpus)
        _, way, self.arrays, where, cpus = best
        self.run = self.talk.runner(way)
        place(self.pids, cpus)
        return f"{way}, {'numpy arrays' if self.arrays else 'bytes'}, {where}"

    def measure(self):
        a = self.a
        self.note = self.choose()
        self.done = 0  # what was tried is no warm-up
        start, took, count = time.monotonic(), [], 1
        while self.done < a.warmup if a.warmup else time.monotonic() - start < WARMUP_S:
            took.append(self.batch(count) / count)
            count = int(min(self.most, max(1, BATCH_NS // min(took))))
        self.count, self.fill_ns, self.check_ns, self.done = count, 0, 0, 0
        batches, timed, cpu, start = [], 0, cpu_s(), time.monotonic()
        while self.done < a.iters if a.iters else time.monotonic() - start < PASS_S:
            took = self.batch(count)
            batches.append(took / count)
            timed += took
        # The ticks of /proc cannot leave filling and checking out, which are the driver's.
        busy = cpu_s() - cpu - (self.fill_ns + self.check_ns) / 1e9
        self.iterations = self.done
        self.p50, self.rate, self.cpu = statistics.median(batches), self.done * 1e9 / timed, busy * 1e9 / self.done
        each, start = [], time.monotonic()
        while len(each) < MOST_SAMPLES:
            elapsed = time.monotonic() - start
            if len(each) >= a.iters if a.iters else elapsed > (LONG_PASS_S if len(each) < P99_SAMPLES else PASS_S):
                break
            self.batch(count, each)
        self.each = sorted(each)

    def percentile(self, p):
        if len(self.each) < 10 / min(p, 1 - p):
            return None
        return float(np.percentile(self.each, p * 100))


def row(t, name):
    a = t.a
    return {
        "name": name,
        "run_name": name,
        "run_type": "iteration",
        "repetitions": a.repetitions,
        "repetition_index": a.repetition,
        "threads": 1,
        "iterations": t.iterations,
        "real_time": t.p50,
        "cpu_time": t.cpu,
        "time_unit": "ns",
        "scenario": a.scenario,
        "mode": a.mode,
        "payload_bytes": a.bytes,
        "actors": a.actors,
        "inflight": 1,
        "p50_ns": t.p50,
        "p5_ns": t.percentile(0.05),
        "p90_ns": t.percentile(0.9),
        "p95_ns": t.percentile(0.95),
        "p99_ns": t.percentile(0.99),
        "p999_ns": t.percentile(0.999),
        "execs_per_s": t.rate,
        "cpu_ns_per_exec": t.cpu,
        "samples": len(t.each),
        "compile_ns": getattr(t.talk, "compile_ns", None),
        "channel_bytes": None,
        "fill_ns": t.fill_ns / t.done,
        "check_ns": t.check_ns / t.done,
        "tail_p50_ns": t.percentile(0.5),
        "batch": t.count,
        "version": version(),
        "note": t.note,
    }


def version():
    return f"Ray {ray.__version__}, Python {sys.version.split()[0]}, numpy {np.__version__}"


def write(a, r):
    context = {
        "date": time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime()),
        "host_name": os.uname().nodename,
        "executable": sys.argv[0],
        "num_cpus": os.cpu_count(),
        "mhz_per_cpu": -1,
        "cpu_scaling_enabled": False,
        "caches": [],
        "load_avg": list(os.getloadavg()),
        "library_build_type": "release",
        "json_schema_version": 1,
        "tramline_schema_version": 1,
        "run": {"argv": sys.argv, "seed": a.seed},
    }
    with open(a.json, "w") as f:
        json.dump({"context": context, "benchmarks": [r]}, f, indent=2)


def main():
    a = arguments()
    if a.version:
        print(version())
        return
    free = shutil.disk_usage("/dev/shm").free
    if free < OBJECT_STORE * 1.1:
        skip(f"Ray's object store is to have {OBJECT_STORE >> 20} MiB of /dev/shm, {free >> 20} MiB are free")
    for number in (signal.SIGALRM, signal.SIGTERM):  # Ray's processes are ended in any case
        signal.signal(number, lambda n, _: sys.exit(f"ray_peer: ended by {signal.Signals(n).name}"))
    signal.alarm(a.timeout)
    folder = tempfile.mkdtemp(prefix="ray-")
    name = f"{a.scenario}/mode:{a.mode}/size:{a.bytes}/actors:{a.actors}/inflight:1"
    try:
        ray.init(num_cpus=a.actors + 1, include_dashboard=False, _node_ip_address="127.0.0.1", log_to_driver=False,
                 logging_level="ERROR", object_store_memory=OBJECT_STORE, _temp_dir=folder)
        actors = [Echo.remote() for _ in range(a.actors)]
        pids = ray.get([actor.pid.remote() for actor in actors])
        settle()
        t = Trial(a, actors, pids)
        t.measure()
        t.talk.close()
    finally:
        pids = {os.getpid(), *descendants()}
        ray.shutdown()
        remove_semaphores(pids)
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{name}: p50 {t.p50 / 1e3:.1f} us, p99 {(t.percentile(0.99) or float('nan')) / 1e3:.1f} us ({t.note})")
    if a.json:
        write(a, row(t, name))


main()
