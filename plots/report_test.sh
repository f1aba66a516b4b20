#!/bin/sh
# What a report says of runs that are not the usual ones: open loops, loans, runs that could not keep up, several machines,
# a limit that was beaten. Usage: report_test.sh PLOT REPORT SAMPLE_PROGRAM
set -u
plot=$1
report=$2
sample=$3
passed=0
failed=0
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
"$sample" a.json || exit 1

nbsp=$(printf '\302\240')

# show FILE...: the page of them, without pictures, in plain spaces; what it prints on standard error is in the file err.
show() {
    what="$*"
    env PATH=/nonexistent "$report" "$@" -o out >log 2>err || { failed=$((failed + 1)) && echo "report $what: $(cat err)"; }
    sed "s/$nbsp/ /g" out/index.html >page
}

# has TEXT [FILE]; lacks TEXT [FILE]: the page, or another file.
has() {
    if grep -qF -- "$1" "${2:-page}"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "${2:-the page} of $what has no '$1'"
    fi
}

lacks() {
    if grep -qF -- "$1" "${2:-page}"; then
        failed=$((failed + 1))
        echo "${2:-the page} of $what has '$1'"
    else
        passed=$((passed + 1))
    fi
}

show a.json
has "takes 126 ns: 3.20 × as fast as the fastest eager call (eager-shm), 1.25 × the limit’s time.</h1>"
has "p50: of batches, the service time of a closed loop; p99: timed singly; with more in flight, p50 and p99: from submission"
has "p50 is the median of batches, the service time of a closed loop. With more than one in flight"
lacks "open loop"
lacks ">missed<"
lacks "was disturbed"
has "Over all 7 cases here, compiled graphs are 1.00 × to 3.20 × as fast as the fastest eager mode (eager-shm), 3.20 ×"
lacks "By loan"
lacks "was not run"

sed 's/"inflight": 1,/"inflight": 2,/' a.json >deep.json
show deep.json
has "1.25 × the limit’s time, by rate.</h1>"
has ", by rate, against eager-shm"
has "; both by rate.</p>"
lacks "closed loop"

# Timed singly, the median too.
sed 's,/inflight:[0-9]*",&/loan:1",; s,""*/loan:1",/loan:1",' a.json >loan.json
show loan.json
has "p50: timed singly, the service time of a closed loop"
has "<h1>Compiled, by loan, roundtrip"
has "By loan, over all 7 cases here, compiled"
lacks "<p class=\"lede\">Over all"
has "Here, by loan, p50 is the service time of a closed loop, timed singly."
lacks "of batches"
show loan.json a.json # what calls copy and graphs do not is told apart
has "<h1>Compiled, roundtrip"
has "Over all 7 cases that copy, compiled graphs are"
has "By loan, over all 7 cases here, compiled graphs are"

# One repetition of compiled that was disturbed: no difference can be told there, and it is not what gains most.
awk '/"repetition_index"/ { n = $2 + 0 } /"mode": / { m = $2 } /"payload_bytes"/ { b = $2 + 0 }
    /"p50_ns"/ && b == 1 && n == 2 && m ~ /compiled/ { sub(/: .*,/, ": 90000.0,") } { print }' a.json >told.json
show told.json
has "Compiled gains most over the fastest eager mode at 1 KiB:"
has "(eager-shm, from which no difference can be told), 1.25 ×"
has "without a difference that can be told in 3;"
has " No difference can be told in 1 of 3 cases."
sed 's/"mode": "eager-shm"/"mode": "other"/; s/"mode": "graph-eager"/"mode": "more"/' a.json >noshm.json
show noshm.json
has "as fast as the fastest eager call (eager), 1.25 ×"
has "as fast as the fastest eager mode (never eager-shm), 8.00 × in"
has "<b>eager-shm was not run</b>: roundtrip, chain. The fastest eager call there goes over sockets."

# As many modes as ci/peers has, with their versions.
awk '/^    [{]/ { row = "" } { row = row $0 "\n" } /^    [}]/ || !/^    / {
    n = row ~ /graph-eager/ ? split("mpi mpi-ucx raw-futex raw-pipe raw-unix ray-compiled ray-eager ucx", peers, " ") : 0
    if (n && row !~ /[}],\n$/) sub(/\n$/, ",\n", row)
    for (i = 1; i <= n; i++) { one = row; gsub(/graph-eager/, peers[i], one); all = all one }
    if (!n) all = all row
    row = "" } END { sub(/,\n  \]/, "\n  ]", all); printf "%s", all }' a.json |
    sed 's/"context": {/&"peers": {"versions": {"ucx": "UCX 1.13.1", "ray-eager": "Ray 2.60.0"}, "skipped": ["mpi: not here", "x: y"]},/' >peers.json
show peers.json
lacks "There are more modes"
for peer in mpi mpi-ucx raw-futex raw-pipe raw-unix ray-compiled ray-eager ucx; do
    has "</i>$peer</th>"
done
has '<th scope="row">peers</th><td>ucx: UCX 1.13.1; ray-eager: Ray 2.60.0</td>'
has '<th scope="row">peers skipped</th><td>mpi: not here; x: y</td>'

# The schedule sets the rate, which is the same for all: modes differ by their times.
sed 's,/inflight:[0-9]*",&/rate:5000",; s,""*/rate:5000",/rate:5000",
    s/"execs_per_s": [^,]*/"execs_per_s": 5000.0/
    s/"note": "made up"/&, "loop": "open", "missed_share": 0.25/' deep.json >open.json
show open.json
has "chain, rate 5000"
has "takes 126 ns: 3.20 × as fast as the fastest eager call (eager-shm), 1.25 × the limit’s time.</h1>"
lacks "1.00 × </b>"
lacks "by rate"
lacks "of batches"
lacks "closed loop"
has "p50 and p99: from when an execution was due to its result"
has '<th class="n">missed</th>'
has '<td class="n">25.0&nbsp;%</td>'
has "<b>Begun a period late or more</b>, in the median repetition: limit, 1 B"
"$plot" open.json -o figures --kind=ladder,throughput,speedup >log 2>&1
lacks ladder log
lacks throughput log
has "	3.2	3.2	3.2" figures/chain-rate-5000-speedup-i4.tsv

# Times that climbed or fell: of most repetitions, or it is no mark.
awk '/"repetition_index"/ { n = $2 + 0 } /"mode": "eager"/ { on = 1 } on && /"note":/ {
    sub(/"note"/, "\"steady\": \"" (n < 2 ? "no" : "yes") "\", &"); on = 0 } { print }' a.json >unsteady.json
show unsteady.json
has ' µs&nbsp;~</td>'
has "~ not steady: over the pass it climbed or fell by more than 5&nbsp;% in most repetitions."
has "Not steady, over the pass climbing or falling by more than 5 % in most repetitions: eager at 1 B"
sed 's/"steady": "no"/"steady": "unknown"/' unsteady.json >steady.json
show steady.json
lacks "&nbsp;~"
lacks "ot steady"

# A floor that was disturbed is none: no figure has it, and where it is listed that is said.
lacks "was disturbed"
lacks "disturbed: "
sed 's/"cacheline_rtt_ns": 100.0/"cacheline_rtt_ns": 478000.0/' a.json >floor.json
show floor.json
has '478 µs <span class="soft">disturbed: 4728 × the least p50 of limit</span>'
has "The floor cache line was disturbed, and is not drawn: 478 µs, 4728 × the least p50 of limit."
"$plot" floor.json -o figures --kind=latency,percentiles >log 2>&1
cat figures/roundtrip-latency.gp figures/roundtrip-percentiles-b1048576.gp >gp
lacks "cache line" gp
"$plot" a.json -o figures --kind=latency >log 2>&1
has "cache line 100" figures/roundtrip-latency.gp

# Not fast enough for the rate: no times, and no error.
sed '/"mode": "graph-eager"/,/"p50_ns"/ s/"p50_ns": .*,/"p50_ns": null, "kept_up": "no",/' open.json >late.json
show late.json
has "late.json: roundtrip/mode:graph-eager/size:1/actors:1/inflight:1/rate:5000: it could not keep up" err
has "<b>Could not keep up</b> with the rate asked for, so that there are no times: roundtrip/mode:graph-eager/size:1/actors:1"
has "in late.json, 3 of 3 repetitions; roundtrip/mode:graph-eager/size:1024"
lacks "</i>graph-eager"
sed 's/"p50_ns": .*,/"p50_ns": null, "kept_up": "no",/' open.json >none.json
show none.json
has "<h1>What was measured</h1>"
has "in none.json, 3 of 3 repetitions"
# By the rule of the programs' tables: a case goes when most repetitions could not, whole, and from every figure.
awk '/"repetition_index"/ { n = $2 + 0 } /"mode"/ { on = /"graph-eager"/ && n < 2 } on && /"p50_ns"/ {
    sub(/: .*/, ": null, \"kept_up\": \"no\",") } { print }' open.json >most.json
show most.json
has "in 2 of 3 repetitions, and is left out" err
has "in most.json, 2 of 3 repetitions; roundtrip/mode:graph-eager/size:1024"
lacks "</i>graph-eager"
rm -rf figures
"$plot" most.json -o figures >log 2>&1
grep -rl graph-eager figures >left
lacks figures left
sed '/"repetition_index": 1,/,/"p50_ns"/ s/"p50_ns": null, "kept_up": "no"/"p50_ns": 5.0/' most.json >some.json
show some.json
has "in 1 of 3 repetitions, which are left out" err
has "<b>Could not keep up</b> in some repetitions: roundtrip/mode:graph-eager/size:1/"
has "</i>graph-eager"

# Several machines: no answer for all of them, and every line says whose it is.
mkdir x
sed 's/Example CPU/Other CPU/; s/2026-01-02/2026-01-05/' a.json >x/a.json
show a.json x/a.json
has "2 machines: Example CPU, 2 CPUs; Other CPU, 2 CPUs · 2026-01-02 to 2026-01-05</p>"
has "<h1>What was measured on 2 machines</h1>"
has ">chain (a.json)</a>"
has ">chain (x/a.json)</a>"
has "<h2>roundtrip (x/a.json)</h2>"
has "<h3>Scaling: chain (x/a.json)</h3>"
lacks "Over all"
# Two runs of one machine have an answer, and names of their own.
sed 's/2026-01-02/2026-01-05/' a.json >later.json
show a.json later.json
has "Tramline report · Example CPU, 2 CPUs · 2026-01-02 to 2026-01-05"
has "takes 126 ns: 3.20 ×"
has ">chain (later.json)</a>"

# How many CPUs there are may not be known.
sed 's/"num_cpus": 2/"num_cpus": null/' a.json >cpus.json
show cpus.json
has "Tramline report · Example CPU, an unknown number of CPUs · 2026-01-02</p>"
lacks "nan CPUs"

# A limit that was beaten.
sed 's/"mode": "limit"/"mode": "other"/; s/"mode": "compiled"/"mode": "limit"/; s/"mode": "other"/"mode": "compiled"/' \
    a.json >beaten.json
show beaten.json
has "<p class=\"warn\">Less than the limit’s time: the limit was disturbed, or none of its candidates was the best way there.</p>"
has "At 1 B it takes <b>0.80 ×</b> the limit’s time: below 1 the limit was disturbed"
lacks "It comes nearest to the limit at 1 B"

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
