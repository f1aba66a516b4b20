#!/bin/sh
# What a scenario says to bad input: one line on standard error that names the option and the value, exit status 2,
# and no process left. Usage: cli_test.sh PROGRAM [patterns|parts|tensors]; with these, what is special to the programs of N
# actors instead, to those whose payloads have parts, or to those that make tensors.
set -u
program=$1
what=${2:-all}
passed=0
failed=0
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# refuse WANTED ARGUMENT...: WANTED is a part of the message.
refuse() {
    wanted=$1
    shift
    "$program" "$@" >"$dir/out" 2>"$dir/err" </dev/null
    status=$?
    lines=$(wc -l <"$dir/err")
    if [ "$status" = 2 ] && [ "$lines" = 1 ] && [ ! -s "$dir/out" ] && grep -qF -- "$wanted" "$dir/err"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "refuse $*: status $status, $lines lines, wanted '$wanted', got: $(cat "$dir/err")"
    fi
}

# accept WANTED ARGUMENT...: exit status 0 and WANTED on standard output.
accept() {
    wanted=$1
    shift
    if "$program" "$@" >"$dir/out" 2>"$dir/err" </dev/null && grep -qF -- "$wanted" "$dir/out" && [ ! -s "$dir/err" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "accept $*: wanted '$wanted', got: $(cat "$dir/out" "$dir/err")"
    fi
}

if [ "$what" = patterns ]; then
    refuse "--actors=0: whole numbers from 1 to 512" --actors=0
    refuse "--actors=513: whole numbers" --actors=513
    refuse "--actors=two" --actors=two
    refuse "--actors=2,4,2: 2 is listed twice" --actors=2,4,2
    accept "actors:3/inflight:2" --list --actors=3 --inflight=1,2
    accept "limit" -n 50 -w 5 --repetitions=1 --actors=1,3 --inflight=1,3 --size=1,200,9k
    accept "compiled" -n 20 -w 2 --repetitions=1 --actors=4 --size=64,100k --loan
    accept "compiled" -n 20 -w 2 --repetitions=1 --actors=40 --mode=compiled,limit -v
    accept "compiled" -n 20 -w 2 --repetitions=1 --actors=3 --wait=block --json="$dir/p.json"
    accept "compiled on main threads" -n 20 -w 2 --repetitions=1 --actors=3 --inflight=1,4 --mode=compiled --main-thread
    accept "inflight:1/thread:main" --list --main-thread
    refuse "--parts" --parts=1
    accept "  4 actors, 1 B, of " -n 20 -w 2 --repetitions=1 --actors=2,4 --mode=compiled,limit -v
    for wait in auto block spin; do
        accept "eager          2        2     100 B" -n 20 -w 2 --repetitions=1 --actors=1,2 --inflight=1,2 --size=1,100 --mode=eager \
            --wait=$wait --json="$dir/p.json"
        # A ratio, or, when others were in the way, what was disturbed: for each number of actors.
        floors=$(grep -cE '^(eager, [12] actors?, is |raw socket [a-z]+, [12] actors?: .* disturbed; )' "$dir/out")
        if ! grep -qF '"socket_patterns": [' "$dir/p.json" || [ "$floors" != 2 ]; then
            failed=$((failed + 1))
            echo "--wait=$wait: no floor of raw sockets: $(cat "$dir/out")"
        fi
    done
elif [ "$what" = tensors ]; then
    refuse "--actors" --actors=2
    refuse "--parts" --parts=1
    refuse "--receivers=0: whole numbers from 1 to 511" --receivers=0
    refuse "--receivers=512: whole numbers" --receivers=512
    refuse "--transport=fast: transport 'fast': one of auto" --transport=fast
    refuse "--device=: cpu, host" --device=
    refuse "--device=host,,cpu: cpu, host" --device=host,,cpu
    refuse "--transport=fast: transport 'fast': one of auto, shm, staged, pinned, ipc is wanted" --transport=fast
    refuse "--device=abacus: 'abacus': cpu, host, host:N, cuda or cuda:N is wanted" --device=abacus
    refuse "--device=host,cpux: 'cpux': cpu, host, host:N, cuda or cuda:N is wanted" --device=host,cpux
    refuse "--device=cpu:1: 'cpu:1': cpu, host, host:N, cuda or cuda:N is wanted" --device=cpu:1
    refuse "--device=host:x: actor Party#0: device 'host:x': a number" --device=host:x
    refuse "--device=cpu,host:9999: actor Party#1: device 'host:9999'" --device=cpu,host:9999
    refuse "--device=host:77: actor Party#0: host:77: there are" --device=host:77
    refuse "--device=cpu,host --transport=ipc: the tensor of Party#0.make cannot travel by ipc: actor Party#0 has no" \
        --device=cpu,host --transport=ipc
    refuse "--check: --no-check was given" --check --no-check
    refuse "--inflight=2: --loan" --loan --inflight=2
    refuse "--size=2G: '2G'" --size=2G
    accept "/size:40000000/receivers:1/inflight:1/device:host/transport:auto" --list
    accept "/size:8/receivers:3/inflight:2/device:cpu/transport:shm/check:1" --list --size=8 --receivers=3 \
        --inflight=2 --device=cpu --transport=shm --check
    accept "host, copied once by who makes it; compiled: ipc (picked)" -n 10 -w 2 --repetitions=1 --size=1,7,8,9,100k,1M \
        --check --receivers=1,3
    accept "made in place; compiled: ipc" -n 20 -w 2 --repetitions=1 --size=3,64,300k --loan --json="$dir/t.json" -v
    accept "compiled: staged" -n 10 -w 2 --repetitions=1 --size=64,300k --transport=staged --check --inflight=1,3
    accept "compiled: shm" -n 10 -w 2 --repetitions=1 --size=64,300k --device=cpu --check --receivers=2
    accept "compiled: ipc" -n 10 -w 2 --repetitions=1 --size=64,300k --device=host:0,host:1,host:0 --check --receivers=2
    for devices in cpu,host host,cpu,host; do
        accept "limit" -n 10 -w 2 --repetitions=1 --size=8,300k --device=$devices --check --receivers=2
    done
    for want in '"device": "host"' '"transport": "ipc"' '"payload_bytes": 307200' 'receivers:1/inflight:1/loan:1/device:host'; do
        if ! grep -qF "$want" "$dir/t.json"; then
            failed=$((failed + 1))
            echo "the result file has no $want"
        fi
    done
elif [ "$what" = parts ]; then
    refuse "--size" --size=1
    refuse "--parts=: ''" --parts=
    refuse "--parts=0: '0'" --parts=0
    refuse "--parts=x: 'x'" --parts=x
    refuse "--parts=1,,2: ',2'" --parts=1,,2
    refuse "--parts=1,2,: ''" --parts=1,2,
    refuse "--parts=1,2G: '2G'" --parts=1,2G
    refuse "--parts=1,2,3,4,5,6,7,8,9: 9 parts, at most 8" --parts=1,2,3,4,5,6,7,8,9
    refuse "--parts=1G,1: 1073741825 bytes together" --parts=1G,1
    refuse "--actors=0" --actors=0
    refuse "--inflight=2: --loan" --loan --inflight=2
    accept "/size:11534337/parts:1,1048576,10485760/actors:8/inflight:1" --list
    accept "/size:3/parts:2,1/actors:3/inflight:2" --list --parts=2,1 --actors=3 --inflight=1,2
    accept "parts of 1 B, 1 MiB, 10 MiB; results of 24 B" -n 5 -w 1 --repetitions=1
    accept "compiled" -n 50 -w 5 --repetitions=1 --actors=1,3 --inflight=1,3 --parts=1,119,121,5k,300k
    accept "compiled" -n 20 -w 2 --repetitions=1 --actors=2 --parts=1,2,3,4,5,6,7,8 --wait=block -v
    accept "graph-eager takes no loan" -n 10 -w 2 --repetitions=1 --actors=4 --parts=8,300k --loan
    accept "limit" -n 10 -w 2 --repetitions=1 --actors=4 --parts=8,300 --loan
    ! grep -q "takes no loan" "$dir/out" || { failed=$((failed + 1)); echo "small parts are not copied in by one mode alone"; }
    accept "compiled" -n 10 -w 2 --repetitions=1 --actors=3 --parts=2,1 --json="$dir/parts.json" --graph="$dir/g.dot"
    for want in '"parts": "2,1"' '"payload_bytes": 3' 'parts:2,1/actors:3'; do
        if ! grep -qF "$want" "$dir/parts.json"; then
            failed=$((failed + 1))
            echo "the result file has no $want"
        fi
    done
else
refuse "--mode=quick: 'quick'" --mode=quick
refuse "--mode=limit,: a mode is missing" --mode=limit,
refuse "--mode=: ''" --mode=
refuse "--wait=nap: auto, block or spin" --wait=nap
refuse "--bogus" --bogus
refuse "--quiet=3" --quiet=3
refuse "-x" -x
refuse "stray" stray
refuse "--size" --size
refuse "--size=0: '0'" --size=0
refuse "--size=-4: '-4'" --size=-4
refuse "--size=many: 'many'" --size=many
refuse "--size=2G: '2G'" --size=2G
refuse "--size=1kk" --size=1kk
refuse "--size=1," --size=1,
refuse "--size=99999999999999999999" --size=99999999999999999999
refuse "--size=4:1:x2: '4:1:x2' ends below" --size=4:1:x2
refuse "--size=1:4:x1: '1'" --size=1:4:x1
refuse "--size=1:4" --size=1:4
refuse "--size=1k,4,1024: 1024 is listed twice" --size=1k,4,1024
refuse "--inflight=2,2: 2 is listed twice" --inflight=2,2
refuse "--mode=limit,eager,limit: 'limit' is listed twice" --mode=limit,eager,limit
refuse "--mode=eager,all: 'eager' is listed twice" --mode=eager,all
refuse "--js=x: there is no such option" --js=x
refuse "--repe: there is no such option" --repe 3
refuse "--lis: there is no such option" --lis
refuse "--inflight=0: whole numbers from 1 to 4096" --inflight=0
refuse "--inflight=5000: whole numbers from 1 to 4096" --inflight=5000
refuse "--inflight=2: --loan" --loan --inflight=2
refuse "--inflight=1,x" --inflight=1,x
refuse "--iters=0" --iters=0
refuse "--iters=1e3" -n 1e3
refuse "--warmup=-1" -w -1
refuse "--repetitions=0" --repetitions=0
refuse "--seed=x" --seed=x
refuse "--timeout=-1" --timeout=-1
refuse "--timeout=nan" --timeout=nan
refuse "--cpus=4096" --cpus=4096
refuse "--cpus=a" --cpus=a
refuse "--cpus=0-" --cpus=0-
refuse "--json=/nonexistent/x.json" --json=/nonexistent/x.json
refuse "--json=$dir" --json="$dir"
refuse "--csv=/nonexistent/x.csv" --csv=/nonexistent/x.csv
refuse "--markdown=$dir" --markdown="$dir"
refuse "--block=0" --block=0
refuse "--samples=/nonexistent/x.gz" --samples=/nonexistent/x.gz
refuse "--brief=1" --brief=1
# Two files that are one, by whatever names, before anything is drawn or measured; and those that cannot hold a trace.
ln -s same.json "$dir/link.json"
: >"$dir/there.json"
ln -s there.json "$dir/other.json"
refuse "--csv=$dir/same: --json has the same file" --json="$dir/same" --csv="$dir/same" --graph="$dir/early.dot"
refuse "--samples=$dir/./same: --json has" --json="$dir/same" --samples="$dir/./same"
refuse "--markdown=$dir/other.json: --csv has" --csv="$dir/there.json" --markdown="$dir/other.json"
refuse "--schedule=$dir/g.dot: --graph has" --graph="$dir/g.dot" --schedule="$dir/g.dot"
refuse "--trace=$dir/t.json: $dir/t.compiled.json: --json has" --trace="$dir/t.json" --json="$dir/t.compiled.json"
refuse "--json=$dir/link.json: cannot write $dir/link.json: it is a link to nothing" --json="$dir/link.json"
refuse "--trace=/dev/full: /dev/full: it is there, and no regular file" --mode=compiled --trace=/dev/full
mkfifo "$dir/pipe"
refuse "--trace=$dir/pipe: $dir/pipe: it is there, and no" --mode=compiled --trace="$dir/pipe"
if [ -e "$dir/early.dot" ] || [ -e "$dir/same" ] || [ -e /dev/full.rings ] || [ -e "$dir/same.json" ]; then
    failed=$((failed + 1))
    echo "a run that was refused left $(ls "$dir")"
fi
# lost WANTED ARGUMENT...: standard output is full, then closed: exit status 2 and a line that names it.
lost() {
    "$program" "$@" >/dev/full 2>"$dir/err" </dev/null
    full=$?
    "$program" "$@" >&- 2>"$dir/err2" </dev/null
    closed=$?
    if [ "$full $closed" = "2 2" ] && [ "$(wc -l <"$dir/err")" = 1 ] && [ "$(wc -l <"$dir/err2")" = 1 ] &&
        grep -q "standard output: No space" "$dir/err" && grep -q "standard output: Bad file" "$dir/err2"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "$*: with standard output lost: status $full and $closed, $(cat "$dir/err" "$dir/err2")"
    fi
}
lost --help
lost --list
lost --version
lost --mode=limit --brief -n 20 -w 2 --repetitions=1
lost --mode=limit --brief -n 20 -w 2 --repetitions=1 --quiet
accept "Brief: no floors, no idle figures" --brief -n 50 -w 5 --repetitions=2 --mode=limit,compiled,eager --json="$dir/b.json"
if ! grep -q '"timer_step_ns": [0-9]' "$dir/b.json" || ! grep -q '"futex_rtt_ns": null' "$dir/b.json" ||
    ! grep -q '"wake_ns": null' "$dir/b.json"; then
    failed=$((failed + 1))
    echo "a brief run has the timer's step, and neither floors nor idle figures"
fi
refuse "--rate=0" --rate=0
refuse "--rate=5: --loan" --rate=5 --loan
refuse "--inflight=1,4: with --rate the limit" --rate=5 --inflight=1,4
accept "An open loop: 5000 executions a second" --rate=5000 -n 100 -w 5 --repetitions=2 --samples="$dir/s.gz" --json="$dir/s.json"
accept "compiled" --rate=5000 -n 100 -w 5 --repetitions=1 --inflight=4 --mode=compiled,eager,eager-shm,graph-eager
accept "compiled" -n 100 -w 5 --repetitions=1 --mode=compiled --samples="$dir/c.gz"
accept "cannot keep up" --rate=10000000 -n 20000 -w 5 --repetitions=1 --mode=compiled,eager --markdown="$dir/behind.md"
if ! grep -q "cannot keep up" "$dir/behind.md" || ! grep -q "^| compiled | 1 B | - | - |" "$dir/behind.md"; then
    failed=$((failed + 1))
    echo "a loop that ran away is told as one that did not"
fi
# A link stays one, and what it leads to gets the samples; few executions, many in flight, have a median all the same.
touch "$dir/there.gz"
ln -s there.gz "$dir/link.gz"
accept "compiled" --mode=compiled -n 10 -w 2 --inflight=8 --repetitions=1 --samples="$dir/link.gz" --json="$dir/deep.json"
if [ ! -L "$dir/link.gz" ] || ! gzip -dc "$dir/there.gz" | grep -q single || ls "$dir"/*.part >/dev/null 2>&1 ||
    grep -q '"real_time": null' "$dir/deep.json"; then
    failed=$((failed + 1))
    echo "samples through a link, or the median of few executions"
fi
# Every sample of every repetition is there: 100 of each mode's; of a closed loop those of both passes.
if [ "$(gzip -dc "$dir/s.gz" | awk -F'\t' '$3 == "open" && NF == 104' | wc -l)" != 10 ] ||
    ! grep -q '"missed_share": [0-9]' "$dir/s.json" || ! grep -q '"loop": "open"' "$dir/s.json" ||
    ! gzip -dc "$dir/c.gz" | head -n 1 | grep -q '^# case.repetition.pass.executions.ns' ||
    [ "$(gzip -dc "$dir/c.gz" | awk -F'\t' '$3 == "single" && NF == 104 || $3 == "batch" && NF > 4' | wc -l)" != 2 ]; then
    failed=$((failed + 1))
    echo "the samples of an open and of a closed loop are not all there"
fi

refuse "--trace=/nonexistent/x.pftrace: /nonexistent/x.compiled.pftrace: No such" --trace=/nonexistent/x.pftrace
refuse "--trace=$dir/t.pftrace: the limit alone has no trace" --mode=limit --trace="$dir/t.pftrace"
refuse "--trace-window: --trace=FILE is missing" --trace-window=1:2
refuse "--trace-window=0:2: START:COUNT" --trace=x --trace-window=0:2
refuse "--trace-window=5: START:COUNT" --trace=x --trace-window=5
refuse "--trace-window=5:-1: START:COUNT" --trace=x --trace-window=5:-1
refuse "--trace-window=5:18446744073709551615: START:COUNT" --trace=x --trace-window=5:18446744073709551615
refuse "--trace-ring=2G" --trace=x --trace-ring=2G
refuse "--nvtx=maybe: on, off or auto" --nvtx=maybe
mkdir "$dir/left.compiled.pftrace.rings"
echo kept > "$dir/t.pftrace"
refuse "left behind by a run that did not end" --trace="$dir/left.pftrace"
! ls "$dir" | grep -q '^left.*[.]pftrace$' || { failed=$((failed + 1)); echo "a trace that was refused left a file"; }

# A trace for which there is no room does not take the figures with it.
(
    ulimit -c 0
    ulimit -f 65536 # 512 bytes each
    exec "$program" --brief --mode=compiled -n 20 -w 2 --repetitions=1 --trace="$dir/room.json" --trace-ring=64M
) >"$dir/out" 2>"$dir/err" </dev/null
status=$?
if [ $status != 2 ] || [ "$(wc -l <"$dir/err")" != 1 ] || ! grep -qF -- "--trace=$dir/room.json: compiled: " "$dir/err" ||
    ! grep -q "^compiled  *1 B  *[0-9]" "$dir/out"; then
    failed=$((failed + 1))
    echo "a trace without room: status $status, $(cat "$dir/out" "$dir/err")"
fi
rm -rf "$dir"/room.json*
accept "tramline" --version
accept "traced, " --mode=compiled,eager -n 20 -w 2 --repetitions=1 --trace="$dir/t.pftrace" --nvtx=off
if [ ! -s "$dir/t.compiled.pftrace" ] || [ ! -s "$dir/t.eager.pftrace" ] || [ "$(cat "$dir/t.pftrace")" != kept ] ||
    ls "$dir" | grep -q try ||
    ls -d "$dir"/*.rings 2>/dev/null | grep -qv left; then
    failed=$((failed + 1))
    echo "the traces are not there, or more than they: $(ls "$dir")"
fi
accept "Usage: $program [options]" --help
accept "  $program --mode=compiled" --help
if grep '^.\{121\}' "$dir/out" | grep -vF "$program" >"$dir/wide"; then
    failed=$((failed + 1))
    echo "a line of the help is too wide: $(cat "$dir/wide")"
fi
accept "One in flight: service time of a closed loop" --mode=compiled -n 20 -w 2 --repetitions=1 --inflight=1,2
grep -q "^More than one in flight: p50 and p99: from submission" "$dir/out" ||
    { failed=$((failed + 1)); echo "which rows a legend is of: $(cat "$dir/out")"; }
accept "/mode:compiled/size:1048576/" --list --mode=compiled --size=1M
accept "compiled" --mode=compiled --iters=100 --warmup=10 --repetitions=1 --json="$dir/a.json" --csv="$dir/a.csv" \
    --markdown="$dir/a.md" --block=7
if ! grep -qF '"block": 7' "$dir/a.json" || [ "$(wc -l <"$dir/a.csv")" != 2 ] || ! grep -q '^| compiled | 1 B |' "$dir/a.md"; then
    failed=$((failed + 1))
    echo "the block, or the tables of the run as CSV and Markdown, are not there"
fi
# What cannot be written, as on a full disk, does not take the rest with it.
"$program" --quiet --mode=compiled -n 20 -w 2 --repetitions=1 --json=/dev/full --csv="$dir/full.csv" --markdown=/dev/full \
    --samples="$dir/full.gz" >"$dir/out" 2>"$dir/err"
status=$?
if [ $status != 2 ] || [ "$(grep -c ': --[a-z]*=/dev/full: cannot write /dev/full: No space' "$dir/err")" != 2 ] || [ ! -s "$dir/full.csv" ] ||
    [ ! -s "$dir/full.gz" ]; then
    failed=$((failed + 1))
    echo "with a full disk: status $status, $(cat "$dir/err"), $(ls "$dir")"
fi
# Exact counts, where the module that takes them was built (a sanitizer's programs have none).
module=$(dirname "$program")/../modules/libtramline_counting.so
if [ -e "$module" ] && [ "$(uname -m)" = x86_64 ] && ! grep -qF '"allocations_per_exec": 0.0' "$dir/a.json"; then
    failed=$((failed + 1))
    echo "compiled: $(grep allocations_per_exec "$dir/a.json") is not none"
fi
if [ ! -e "$module" ] && ! grep -qF '"allocations_per_exec": null' "$dir/a.json"; then
    failed=$((failed + 1))
    echo "allocations were counted without the module that counts them"
fi
if [ ! -s "$dir/a.json" ]; then
    failed=$((failed + 1))
    echo "no result file was written"
fi
accept "limit" --quiet --iters=20 --warmup=2 --repetitions=2 --size=1,104,105,4k --seed=7
accept "eager" --quiet --iters=20 --warmup=2 --repetitions=1 --size=100k --inflight=3 --no-check
accept "compiled" --quiet --iters=20 --warmup=2 --repetitions=1 --size=1,100k --loan --wait=spin
accept "compiled" --quiet --iters=20 --warmup=2 --repetitions=1 --wait=block -v
# Of the limit, too, an execution that never ends is told: its other process is gone.
"$program" --mode=limit --brief --repetitions=1 -n 1000000000 --timeout=1 >"$dir/out" 2>"$dir/err" </dev/null &
run=$!
peer=
while [ -z "$peer" ] && kill -0 $run; do
    sleep 0.2
    peer=$(ps -eo pid=,ppid=,args= | grep -F -- "$program --tramline-trial" | grep -v grep |
        awk '{ parent[$1] = $2 } END { for (p in parent) if (parent[p] in parent) print p }' | head -n 1)
done
[ -z "$peer" ] || kill -KILL "$peer"
wait $run
status=$?
if [ $status = 1 ] && grep -q "limit: execution .* was not finished within 1 s" "$dir/err"; then
    passed=$((passed + 1))
else
    failed=$((failed + 1))
    echo "the limit without its peer: status $status, $(cat "$dir/out" "$dir/err")"
fi
# A case that fails, here for want of shared memory, does not take the others with it, and is not tried again.
(
    ulimit -c 0
    ulimit -f 65536 # 512 bytes each
    exec "$program" --brief --mode=limit,compiled --size=1,100M --repetitions=2 -n 3 -w 1 --json="$dir/some.json" --markdown="$dir/some.md"
) >"$dir/out" 2>"$dir/err" </dev/null
status=$?
if [ $status = 1 ] && [ "$(wc -l <"$dir/err")" = 1 ] && [ "$(grep -c '"run_type"' "$dir/some.json")" = 6 ] &&
    grep -q "^limit  *100 MiB  *[0-9]" "$dir/out" && grep -q "^compiled  *100 MiB  *-  *- " "$dir/out" &&
    grep -q "^failed: roundtrip/mode:compiled/size:104857600/.*, of which 0 of 2 repetitions" "$dir/out" &&
    grep -q "^failed: roundtrip/mode:compiled/size:104857600/" "$dir/some.md"; then
    passed=$((passed + 1))
else
    failed=$((failed + 1))
    echo "with a case that fails: status $status, $(cat "$dir/out" "$dir/err" "$dir/some.md")"
fi
# An interrupted run says so, and writes what was measured whole; of nothing it writes nothing.
# interrupt SIGNAL TRIALS ARGUMENT...: sends it when so many trials were seen.
interrupt() {
    signal=$1
    wanted=$2
    shift 2
    "$program" "$@" >"$dir/out" 2>"$dir/err" </dev/null &
    run=$!
    seen=
    while [ "$(echo $seen | wc -w)" -lt "$wanted" ] && kill -0 $run; do
        trial=$(ps -eo pid=,ppid=,args= | grep -F -- "--tramline-trial" | awk -v run=$run '$2 == run { print $1 }' | head -n 1)
        case " $seen " in *" $trial "*) ;; *) seen="$seen $trial" ;; esac
        sleep 0.05
    done
    kill -s "$signal" $run
    wait $run
    status=$?
}
interrupt TERM 3 --brief --mode=limit,compiled -n 50 -w 5 --repetitions=1000 --json="$dir/cut.json" --csv="$dir/cut.csv" \
    --samples="$dir/cut.gz"
rows=$(grep -c '"run_type"' "$dir/cut.json")
if [ $status = 143 ] && [ "$(wc -l <"$dir/err")" = 1 ] && [ "$rows" -ge 2 ] && grep -q "^limit  *1 B " "$dir/out" &&
    grep -q "interrupted (Terminated): $rows of 2000 trials were measured" "$dir/err" &&
    [ "$(wc -l <"$dir/cut.csv")" = $((rows + 1)) ] && [ "$(gzip -dc "$dir/cut.gz" | wc -l)" = $((2 * rows + 1)) ]; then
    passed=$((passed + 1))
else
    failed=$((failed + 1))
    echo "interrupted: status $status, $rows rows, $(cat "$dir/out" "$dir/err")"
fi
# The thread sanitizer keeps signals back while the program waits for a trial.
case ${TRAM_SANITIZED:-} in
thread) echo "skipped: interrupts at once, and of traced trials" ;;
*)
    interrupt HUP 1 --brief --mode=compiled,limit -n 1000000000 --repetitions=2 --json="$dir/nothing.json"
    if [ $status = 129 ] && [ "$(wc -l <"$dir/err")" = 1 ] && [ ! -e "$dir/nothing.json" ] &&
        grep -q "interrupted (Hangup): 0 of 4 trials were measured" "$dir/err"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "interrupted at once: status $status, $(cat "$dir/out" "$dir/err")"
    fi
    # An interrupt of a traced trial says where what it recorded is.
    "$program" --quiet --brief --mode=compiled -n 1000000 -w 1 --repetitions=1 --trace="$dir/cut.pftrace" --json="$dir/traced.json" \
        >"$dir/out" 2>"$dir/err" </dev/null &
    run=$!
    until [ -e "$dir/cut.pftrace.rings/control" ] || ! kill -0 $run; do sleep 0.01; done
    kill -s TERM $run
    wait $run
    status=$?
    if [ $status = 143 ] && grep -q "interrupted (Terminated): 1 of 1 trials were measured" "$dir/err" && [ -s "$dir/traced.json" ] &&
        grep -q "what was recorded until then is in $dir/cut.pftrace.rings: tram-trace recover" "$dir/err"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "interrupted while it was traced: status $status, $(cat "$dir/out" "$dir/err")"
    fi
    ;;
esac
# Who reads no more than the first line of the table has the files all the same.
"$program" --brief --mode=limit -n 20 -w 2 --repetitions=1 --json="$dir/head.json" 2>"$dir/err" | head -n 1 >"$dir/out"
if [ -s "$dir/head.json" ] && [ "$(wc -l <"$dir/out")" = 1 ]; then
    passed=$((passed + 1))
else
    failed=$((failed + 1))
    echo "into head: $(cat "$dir/out")"
fi
accept "the runtime (compiled - limit)" -n 20 -w 2 --repetitions=1 -v
refuse "--graph=x.pdf: a name that ends in" --graph=x.pdf
refuse "--graph=/nonexistent/x.dot: No such" --graph=/nonexistent/x.dot
refuse "--schedule=x: a name" --schedule=x
# A picture comes through a pipe from dot, here one that is made up: what cannot be written is told.
mkdir "$dir/bin"
printf '#!/bin/sh\n[ "$#" = 1 ] && exec cat\n' >"$dir/bin/dot"
chmod +x "$dir/bin/dot"
ln -s /dev/full "$dir/full.svg"
path=$PATH
PATH=$dir/bin:$path
refuse "--graph=$dir/full.svg: No space" --graph="$dir/full.svg"
accept "limit" --mode=limit --brief -n 5 -w 2 --repetitions=1 --graph="$dir/drawn.svg"
grep -q '^}' "$dir/drawn.svg" || { failed=$((failed + 1)); echo "what dot drew is not there"; }
printf '#!/bin/sh\n' >"$dir/bin/dot"
refuse "--graph=$dir/none.svg: dot drew nothing" --graph="$dir/none.svg"
printf '#!/bin/sh\nexit 3\n' >"$dir/bin/dot"
refuse "--graph=$dir/none.svg: dot failed (exit status 3)" --graph="$dir/none.svg"
PATH=$path
accept "compiled" -n 5 -w 2 --repetitions=1 --graph="$dir/g.dot" --schedule="$dir/s.txt"
if ! grep -q 'label="Echo#0.echo", shape=box' "$dir/g.dot" || ! grep -q 'COMPUTE Echo#0.echo(c0)' "$dir/s.txt"; then
    failed=$((failed + 1))
    echo "the drawings are not there: $(cat "$dir/g.dot" "$dir/s.txt")"
fi

fi

left=$(ps -eo args | grep -F -- "--tramline-" | grep -F "$program" | grep -v grep)
if [ -n "$left" ]; then
    failed=$((failed + 1))
    echo "left behind: $left"
fi
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
