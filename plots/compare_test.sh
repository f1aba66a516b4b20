#!/bin/sh
# What compare writes is what plot and report read: each verdict, cases that one side lacks, intervals that are not known.
# Usage: compare_test.sh PLOT REPORT COMPARE COMPARE_SAMPLE
set -u
plot=$1
report=$2
compare=$3
sample=$4
passed=0
failed=0
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1

# make NAME SETTING...: NAME.json
make() {
    name=$1
    shift
    "$sample" "$name.json" "$@" || exit 1
}

# show ARGUMENT...: what compare writes of it, as a page without pictures, and as a figure.
show() {
    what="$*"
    "$compare" --json=c.json "$@" >table
    for program in "$plot" "$report"; do
        if env PATH=/nonexistent "$program" c.json -o out >log 2>&1; then
            passed=$((passed + 1))
        else
            failed=$((failed + 1))
            echo "$program of $what: $(cat log)"
        fi
    done
}

# has TEXT [FILE]; lacks TEXT [FILE]: the page, or another file of the last show.
has() {
    if grep -qF -- "$1" "out/${2:-index.html}"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "${2:-the page} of $what has no '$1'"
    fi
}

lacks() {
    if grep -qF -- "$1" "out/${2:-index.html}"; then
        failed=$((failed + 1))
        echo "${2:-the page} of $what has '$1'"
    else
        passed=$((passed + 1))
    fi
}

make a
make b seed=2 compiled=1.08 eager=0.9
show a.json b.json
has "<h1>REGRESSED: of 2 cases, head against base, 1 REGRESSED, 1 IMPROVED.</h1>"
has "<h2>Comparison: REGRESSED</h2>"
has '>1.081</td><td class="n">1.068 to 1.094</td><td>REGRESSED</td>'
has "<li><b>note</b>: whether the arms were loaded alike cannot be told"
has "sample/mode:compiled/size:1	1.08" forest.tsv
lacks NaN forest.tsv
lacks "missing"

make one cases=1
show a.json one.json
has "<h1>REGRESSED: of 1 case, head against base, 1 OK; 1 missing in the head.</h1>"
has "<li><b>missing in the head</b>: sample/mode:eager/size:1</li>"
make three cases=3
show a.json three.json
has "OK: of 2 cases, head against base, 2 OK; 1 new in the head."
has "<li><b>new in the head</b>: sample/mode:new|one/size:1</li>"

# Too few repetitions for an interval: none is drawn.
make two blocks=0 repetitions=2
make two2 blocks=0 repetitions=2 seed=2 "cpu=<b>"
show two.json two2.json
has "<h2>Comparison: AMBIGUOUS</h2>"
has "; it cannot gate.</h1>"
has '</td><td class="n">-</td><td>AMBIGUOUS</td>'
has "<li><b>not gated</b>: 2 of 2 cases have too few repetitions"
has "<li><b>advice only</b>: different CPU model: Test CPU in the base, &lt;b&gt; in the head</li>"
has "	NaN	NaN	AMBIGUOUS" forest.tsv

make again seed=3 eager=1.2
show --again=again.json a.json b.json
has "<h1>ENVIRONMENT: base and head cannot be compared, 2 cases.</h1>"
has "<li><b>environment</b>: the base differs from its own copy: sample/mode:eager/size:1"

make copies seed=2 copies=2.5
show a.json copies.json
has "copies_per_exec: 2, and 2.5 in the head"
make some seed=2 extra=7
show a.json some.json
has "copies_per_exec: 2, and 3 in 7 of 20 rows of the head"
make coarse batch=1
make coarse2 batch=1 seed=2 compiled=1.08
show coarse.json coarse2.json
has "% is no change here: twice the timer’s step"
has "set object 2 rectangle from 0.89" forest.gp

# Names that are too long keep the program's, and what differs.
for name in a b; do
    sed 's,sample/mode:compiled/size:1,scatter_gather/mode:compiled/size:1048576/actors:8/inflight:1/device:host,
        s,sample/mode:eager/size:1,scatter_gather_more/mode:compiled/size:1048576/actors:8/inflight:1/device:host,' \
        $name.json >long-$name.json
done
show long-a.json long-b.json
has "set ytics noenhanced ('scatter_gather/mode:compiled' 0, 'scatter_gather_more/mode:compiled' 1)" forest.gp
has "what all cases have is left out"

# A case that is new beside none that both have: a page, and no forest.
make other cases=1
sed 's,sample/mode:compiled,sample/mode:other,' other.json >renamed.json
"$compare" --json=c.json other.json renamed.json >table
env PATH=/nonexistent "$report" c.json -o out >log 2>&1 || { failed=$((failed + 1)) && cat log; }
what="no case in common"
has "; 1 missing in the head; 1 new in the head."

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
