#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What compare says, and its exit status, of made-up results: each verdict, each reason for advice, each error.
# Usage: compare_test.sh COMPARE COMPARE_SAMPLE GATE_TRIALS
set -u
compare=$1
sample=$2
trials=$3
passed=0
failed=0
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1

# says STATUS WANTED ARGUMENT...: WANTED is a part of the table, or, with status 2, of one line of error.
says() {
    wanted_status=$1
    wanted=$2
    shift 2
    "$compare" "$@" >out 2>err </dev/null
    status=$?
    problem=
    [ "$status" = "$wanted_status" ] || problem="status $status"
    if [ "$wanted_status" = 2 ]; then
        [ "$(wc -l <err)" = 1 ] || problem="$problem, $(wc -l <err) lines of error"
        grep -qF -- "$wanted" err || problem="$problem, '$wanted' is not in the error"
    else
        [ -s err ] && problem="$problem, errors"
        grep -qF -- "$wanted" out || problem="$problem, '$wanted' is not in the table"
        awk 'length > 120 { exit 1 }' out || problem="$problem, a line of more than 120 columns"
    fi
    if [ -z "$problem" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "compare $*: wanted $wanted_status: $problem"
        cat out err
    fi
}

# lacks TEXT: the table just printed has no such thing.
lacks() {
    if grep -qF -- "$1" out; then
        failed=$((failed + 1))
        echo "there should be no '$1' in:"
        cat out
    else
        passed=$((passed + 1))
    fi
}

# make NAME SETTING...: NAME.json
make() {
    name=$1
    shift
    "$sample" "$name.json" "$@" || exit 1
}

make a
make a2 seed=3
make same seed=2

# ---- The whole table ----
make b seed=2 compiled=1.08 eager=0.9 p99=1.5
"$compare" --again=a2.json a.json b.json >out 2>err
cat >golden <<'EOF'
base: a.json, 1 file, tramline 0.1.0
head: b.json, 1 file, tramline 0.1.0
copy of the base: a2.json, 1 file, tramline 0.1.0
20 blocks

case                            base     head  ratio  interval           sd   sees  verdict
sample/mode:compiled/size:1   394 ns   425 ns  1.081  1.068 to 1.094   1.6%  1.067  REGRESSED
sample/mode:eager/size:1     5.10 us  4.60 us  0.893  0.881 to 0.905   1.8%  1.069  IMPROVED

p99, advisory: head over base, of no verdict
sample/mode:compiled/size:1                    1.621  1.602 to 1.640
sample/mode:eager/size:1                       1.339  1.322 to 1.357

ratio: head over base, Hodges-Lehmann. interval: 99% for all cases together, both ways (Bonferroni); the tests go one
  way, step by step, and may show what it does not. sd: of r = ln(head / base) per block, what lies far off as the
  tests count it. sees: the smallest ratio that is REGRESSED in 90% of runs like this one. Verdicts: exact signed-rank
  tests, Holm-adjusted, family alpha 1%.
Largest standard deviation of r = ln(head / base) per block: 1.8% (sample/mode:eager/size:1). It shows a ratio of
  1.069 in 90% of runs. To show 8% in 90% it must be at most 2.9%, with 20 blocks and 2 cases.
the base against its copy: the copy is shown to be at most delta (5%) slower in 2 of 2 cases
note: whether the arms were loaded alike cannot be told: run_delay_share, involuntary_switches_per_s and steal_share
  were not recorded
note: not compared, for neither side has enough figures: syscalls_per_exec in 2 of 2 cases
REGRESSED: of 2 cases, 1 IMPROVED, 1 REGRESSED
EOF
if cmp -s golden out; then
    passed=$((passed + 1))
else
    failed=$((failed + 1))
    echo "the table has changed:"
    diff golden out
fi

# ---- Paired verdicts ----
says 0 "OK: of 2 cases, 2 OK" a.json same.json
lacks "advice"
says 0 "OK: of 2 cases, 2 OK" a.json a.json
make many blocks=600
says 0 "by the normal approximation, Holm-adjusted" many.json many.json
says 1 "REGRESSED: of 2 cases, 1 IMPROVED, 1 REGRESSED" a.json b.json
says 0 "OK: of 2 cases, 2 OK" --delta=15% a.json b.json
make faster seed=2 compiled=0.8
says 0 "OK: of 2 cases, 1 OK, 1 IMPROVED" a.json faster.json
make near seed=2 compiled=1.05
says 3 "AMBIGUOUS: of 2 cases, 1 OK, 1 AMBIGUOUS" a.json near.json
make noisy seed=2 noise=0.2
says 3 "AMBIGUOUS: of 2 cases, 2 AMBIGUOUS" a.json noisy.json
make one cases=1
make three cases=3
says 1 "missing in the head: sample/mode:eager/size:1" a.json one.json
says 1 "REGRESSED: of 1 cases, 1 OK; 1 missing" a.json one.json
says 0 "new in the head: sample/mode:new|one/size:1" a.json three.json
make reps repetitions=3
make reps2 repetitions=3 seed=2
says 0 "20 blocks" reps.json reps2.json

# ---- Few blocks ----
make few blocks=7
make few2 blocks=7 seed=2 compiled=2
says 3 "not gated: 2 of 2 cases have too few blocks to be significant: at most 7, 8 are needed" few.json few2.json
says 2 "8 are needed (run ci/gate with --blocks=8 or more)" --gate few.json few2.json
says 2 "--gate: this cannot gate: 2 of 2 cases have too few blocks" --gate few.json few2.json
make one7 blocks=7 cases=1
make two7 blocks=7 cases=1 seed=2 compiled=2
says 1 "REGRESSED: of 1 cases, 1 REGRESSED" one7.json two7.json
says 0 "2 OK" --gate a.json same.json

# ---- Counters ----
make copies seed=2 copies=2.5
says 1 "copies_per_exec went up from 2 to 2.5" a.json copies.json
says 0 "copies_per_exec went down from 2.5 to 2" copies.json a.json
make calls seed=2 syscalls=4
says 3 "syscalls_per_exec is 4 in the head, and not counted in the other" a.json calls.json
says 3 "syscalls_per_exec is 4 in the base, and not counted in the other" --gate calls.json a.json
says 3 "AMBIGUOUS: of 2 cases, 2 AMBIGUOUS" calls.json a.json
make none syscalls=0
make half seed=2 syscalls=0 counted=10
make most seed=2 syscalls=0 counted=11
make fewer seed=2 syscalls=0 counted=9
make fewer2 counted=0 syscalls=0
make chance counted=2 syscalls=4
make chance2 seed=2 counted=3 syscalls=5
says 0 "note: not compared, for neither side has enough figures: syscalls_per_exec in 2 of 2 cases" --gate chance.json chance2.json
says 3 "syscalls_per_exec is 0 in the base, and not counted in the other" --gate none.json half.json
says 0 "2 OK" --gate none.json most.json
lacks "not compared"
says 0 "note: not compared, for neither side has enough figures: syscalls_per_exec in 2 of 2 cases" fewer.json fewer2.json
lacks "allocations_per_exec"
says 0 "2 OK" --markdown=m.md --json=m.json fewer.json fewer2.json
cat m.md m.json >out
[ "$(grep -c 'not compared, for' out)" = 2 ] || says 0 "the note is in all forms"
says 0 "2 OK" --gate fewer.json most.json
says 0 "2 OK" --gate fewer.json a2.json
says 3 "syscalls_per_exec is 0 in the base, and not counted in the other" --gate most.json a2.json
make forty blocks=40 syscalls=4
make forty2 blocks=40 syscalls=4 seed=2
says 0 "2 OK" --gate forty.json forty2.json
make some blocks=40 syscalls=4 seed=2 extra=19
says 1 "copies_per_exec went up from 2 to 3 in 19 of 40 rows" --gate forty.json some.json
says 1 "syscalls_per_exec went up from 4 to 5 in 19 of 40 rows" --gate forty.json some.json
says 0 "2 OK" --gate some.json forty2.json
says 4 "the base differs from its own copy: sample/mode:compiled/size:1, copies_per_exec is 2 and, in 19 of 40" \
    --again=some.json forty.json forty2.json
make some2 blocks=40 syscalls=4 extra=15
says 0 "2 OK" --gate some.json some2.json
make rare blocks=40 syscalls=4 seed=2 extra=2
says 3 "copies_per_exec went up from 2 to 3 in 2 of 40 rows" --gate forty.json rare.json
make once blocks=40 syscalls=4 seed=2 extra=1
says 0 "2 OK" --gate forty.json once.json
make varies blocks=40 syscalls=4 extra=3 more=0.5
says 0 "2 OK" --gate varies.json rare.json
make mixed blocks=40 syscalls=4 extra=12 more=0.5
says 1 "went up from 2.5 to 3 in 19 of 40 rows" --gate mixed.json some.json
make slow seed=2 compiled=1.3
says 1 "REGRESSED: of 2 cases, 1 AMBIGUOUS, 1 REGRESSED" calls.json slow.json

# ---- The timer's step ----
make coarse batch=1
make coarse2 batch=1 seed=2 compiled=1.08
says 0 "delta is 10.1% here: twice the timer's step" coarse.json coarse2.json
make stepping seed=2 compiled=1000 step=1e12
says 1 "REGRESSED: of 2 cases, 1 OK, 1 REGRESSED" --gate a.json stepping.json
make crude batch=1 step=41
make crude2 batch=1 step=41 seed=2
says 3 "not gated: 1 of 2 cases are too short for the timer: twice its step is 0.208 times the p50" crude.json crude2.json
says 3 "AMBIGUOUS: of 2 cases, 1 OK, 1 AMBIGUOUS" crude.json crude2.json
says 2 "--gate: this cannot gate: 1 of 2 cases are too short for the timer" --gate crude.json crude2.json
make never compiled=1e18
says 2 "real_time: a time from 0.001 to 1e19 ns is wanted" a.json never.json

# ---- Environment ----
make again seed=3 eager=1.2
says 4 "environment: the base differs from its own copy: sample/mode:eager/size:1, ratio 1.1" --again=again.json a.json b.json
says 4 "ENVIRONMENT: the arms cannot be compared, 2 cases" --again=again.json a.json same.json
make again seed=3 copies=3
says 4 "sample/mode:compiled/size:1, copies_per_exec is 2 and 3" --again=again.json a.json same.json
make counted seed=3 syscalls=50
says 0 "syscalls_per_exec is 50 in the base's copy, and not counted in the base" --gate --again=counted.json a.json same.json
make counted2 seed=2 syscalls=50
says 0 "syscalls_per_exec is 50 in the base, and not counted in the base's copy" --again=a2.json counted.json counted2.json
lacks nan
says 0 "the base against its copy: the copy is shown to be at most delta (5%) slower in 2 of 2 cases" --again=a2.json a.json same.json
make again seed=3 noise=0.2
says 0 "the base against its copy: the copy is shown to be at most delta (5%) slower in 0 of 2 cases" --again=again.json a.json same.json
for load in delay=0.01:0.4:run_delay_share switches=5:300:involuntary_switches_per_s steal=0:0.2:steal_share; do
    counter=${load##*:}
    values=${load%:*}
    make quiet "${values%:*}"
    make quiet2 seed=2 compiled=1.3 "${values%:*}"
    make busy seed=2 compiled=1.3 "${load%%=*}=${values##*:}"
    says 4 "environment: arms loaded, or waiting, differently: $counter is" quiet.json busy.json
    says 4 "arms loaded, or waiting, differently: $counter" busy.json quiet2.json
    says 1 "REGRESSED: of 2 cases, 1 OK, 1 REGRESSED" quiet.json quiet2.json
    says 4 "in the copy" --again=busy.json quiet.json quiet2.json
done
make loaded seed=2 delay=0.5 compiled=1.3
says 2 "--gate: this cannot gate: run_delay_share was recorded in the head only, not in the base" --gate a.json loaded.json
says 1 "advice only: run_delay_share was recorded in the head only, not in the base" a.json loaded.json
says 2 "this cannot gate: run_delay_share was recorded in the base only, not in the head" --gate loaded.json a.json
says 2 "run_delay_share was recorded in the copy only, not in the base" --gate --again=loaded.json a.json same.json
make busy delay=0.4
make busy2 delay=0.4 seed=2
says 0 "run_delay_share: 0.4 in the base, 0.4 in the head, not shown to be off by more than 0.01" busy.json busy2.json

# ---- Load of cases that have more actors than there are CPUs ----
crowd() { # NAME SETTING...
    crowd=$1
    shift
    make "$crowd" actors=8 "$@"
}
crowd yields delay=0.6 switches=700000
crowd yields2 seed=2 compiled=1.2 delay=0.59 switches=583333
says 1 "REGRESSED: of 2 cases, 1 OK, 1 REGRESSED" --gate yields.json yields2.json
says 1 "switches_per_s, crowded: 700000 in the base, 583333 in the head, not shown to be off by more than factor 2" yields.json yields2.json
lacks "environment"
crowd slow3 seed=2 compiled=3 eager=3 delay=0.6 switches=700000
says 1 "2 REGRESSED" --gate yields.json slow3.json
says 0 "2 IMPROVED" --gate slow3.json yields.json
crowd fast3 seed=2 compiled=0.33 eager=0.33 delay=0.9 switches=2100000
says 0 "2 IMPROVED" --gate yields.json fast3.json
says 1 "2 REGRESSED" --gate fast3.json yields.json
crowd still
says 2 "run_delay_share, of crowded cases, was recorded in the base only, not in the head" --gate yields.json still.json
crowd left delay=0 switches=0.1
crowd left2 seed=2 delay=0.008 switches=9
says 0 "2 OK" --gate left.json left2.json
for load in delay=0.05:0.6:run_delay_share switches=100:5000:involuntary_switches_per_s; do
    values=${load%:*}
    counter=${load##*:}
    crowd packed "${values%:*}"
    crowd packed2 seed=2 compiled=1.3 eager=1.3 "${load%%=*}=${values##*:}"
    says 4 "environment: arms loaded, or waiting, differently: $counter, of crowded cases, is" packed.json packed2.json
    says 4 "arms loaded, or waiting, differently: $counter, of crowded cases" packed2.json packed.json
done
crowd stolen steal=0
crowd stolen2 seed=2 steal=0.2
says 4 "arms loaded, or waiting, differently: steal_share is" stolen.json stolen2.json
make roomy actors=8 affinity=0-6,9,11 switches=5
make roomy2 actors=8 affinity=0-6,9,11 switches=300 seed=2
says 4 "arms loaded, or waiting, differently: involuntary_switches_per_s is" roomy.json roomy2.json
for list in asked=0 affinity=1 quota=0.5 quota=1; do
    make tight $list switches=300
    make tight2 $list switches=400 seed=2
    says 0 "2 OK" --gate tight.json tight2.json
done

make paid quota=1.5 switches=5 # for two CPUs, of which there is one for the driver
make paid2 quota=1.5 switches=300 seed=2
says 4 "involuntary_switches_per_s is" paid.json paid2.json

# ---- Advice ----
make unknown step=-
says 0 "note: the timer's step was not recorded" unknown.json unknown.json
says 0 "note: whether the arms were loaded alike cannot be told: run_delay_share," a.json same.json
says 0 "2 OK" busy.json busy2.json
lacks "cannot be told"
make flat blocks=0 repetitions=10
make flat2 blocks=0 repetitions=10 seed=2
make flat3 blocks=0 repetitions=10 seed=2 compiled=1.3
make flat4 blocks=0 repetitions=2 seed=2
make flat5 blocks=0 repetitions=3 seed=2
says 0 "advice only: not interleaved; drift not excluded (flat.json has no blocks)" flat.json flat2.json
says 1 "REGRESSED: of 2 cases, 1 OK, 1 REGRESSED" flat.json flat3.json
says 0 "2 OK" flat.json flat5.json
says 3 "too few repetitions to be significant: at most 2, 5 are needed" flat.json flat4.json
says 2 "5 are needed (run both with --repetitions=5 or more, or use ci/gate)" --gate flat.json flat4.json
says 2 "--gate: this cannot gate: not interleaved" --gate flat.json flat2.json
says 0 "not interleaved; drift not excluded (flat.json has no blocks)" a.json flat.json
make later first=2 seed=2
says 0 "drift not excluded (only a.json has block 1 of sample/mode:compiled/size:1)" a.json later.json
says 0 "advice only: the copy of the base: not interleaved" --again=later.json a.json same.json
make before start=-86400 seed=2
make untimed start=- seed=2
make during start=500 seed=2
make partly start=900 seed=2
says 0 "advice only: not interleaved; drift not excluded (block 1 ran at 2026-06-21T00:01:00Z in the one and" a.json before.json
says 0 "2026-06-20T00:01:00Z in the other: sample/mode:compiled/size:1)" a.json before.json
says 0 "20 blocks" a.json before.json
says 2 "--gate: this cannot gate: not interleaved" --gate before.json a.json
says 2 "--gate: this cannot gate: not interleaved" --gate a.json partly.json
says 2 "--gate: this cannot gate: the copy of the base: not interleaved" --gate --again=before.json a.json same.json
says 0 "2 OK" --gate a.json during.json
says 0 "drift not excluded (untimed.json does not say when block" a.json untimed.json
make other seed=2 "cpu=Another CPU" "kernel=Linux 7" option=--size=8 "compiler=GNU 13"
says 0 "advice only: different CPU model: Test CPU in the base, Another CPU in the head" a.json other.json
says 0 "advice only: different kernel: Linux 6.1 in the base, Linux 7 in the head" a.json other.json
says 0 "advice only: different options: sample --size=1 in the base, sample --size=8 in the head" a.json other.json
says 0 "note: different compiler: GNU 12 in the base, GNU 13 in the head" a.json other.json
make longer pass=300
says 0 "note: different length of passes in ms: 50 in the base, 300 in the head" a.json longer.json
steer=$(printf 'X\302\2332J\342\200\256Y') # U+009B is ESC [ to a terminal, U+202E turns what follows round
make steer seed=2 "cpu=$steer" "version=$steer"
says 0 "different CPU model: Test CPU in the base, X?2J?Y in the head" a.json steer.json
says 0 "tramline X?2J?Y" a.json steer.json
lacks "$steer"
says 2 "--gate: this cannot gate: different CPU model" --gate a.json other.json
make seeds seed=2 option=--seed=9
make seeds2 option=--repetitions=2
says 0 "2 OK" --gate seeds.json seeds2.json
for idle in --samples=s.gz --markdown=m.md --nvtx=off --csv=c.csv --schedule=s.svg; do
    make idle seed=2 option=$idle
    says 0 "2 OK" --gate seeds.json idle.json
done
make brief seed=2 option=--brief
says 2 "--gate: this cannot gate: different options" --gate seeds.json brief.json

make below seed=2 compiled=1.3 delay=-5
says 2 "below.json: benchmarks[0].run_delay_share: a share from 0 to 1e6 or null is wanted, not -5" quiet.json below.json
make below seed=2 copies=-1
says 2 "below.json: benchmarks[0].copies_per_exec: a number from 0 to 1e19 or null is wanted, not -1" a.json below.json

# ---- Folders ----
mkdir A B C D E
for block in 1 2 3 4 5 6 7 8 9; do
    for set in A:0 B:30 C:-30 D:540 E:-86400; do # in turns, in turns, all after A, and a day before
        "$sample" ${set%:*}/$block.json blocks=1 first=$block seed=${#set} start=${set#*:} || exit 1
    done
done
says 0 "base: A, 9 files" A B
says 0 "9 blocks" --gate A B/
says 0 "9 blocks" --gate --again=C A B
for other in D E; do
    says 2 "--gate: this cannot gate: not interleaved; drift not excluded (block" --gate A $other
    says 2 "--gate: this cannot gate: not interleaved; drift not excluded (block" --gate $other A
done
"$sample" E/1.json blocks=1 first=1 seed=2 start=30 || exit 1
says 2 "not interleaved; drift not excluded (block 2 ran at" --gate A E
make nine blocks=9 seed=2
says 0 "9 blocks" --gate A nine.json
make nine blocks=9 seed=2 start=3600
says 2 "not interleaved" --gate A nine.json
"$sample" B/9.json blocks=1 first=9 seed=4 start=30 kernel=other
says 0 "different kernel: Linux 6.1 in the base, Linux 6.1, other in the head" A B
rm B/9.json
says 3 "only A has block 9" A B
mkdir none
says 2 "none: there is no *.json in it" A none
echo '{' >B/9.json
says 2 "B/9.json: no JSON, or cut" A B

# ---- The same file twice ----
ln -s same.json link.json
ln same.json hard.json
says 2 "--gate: this cannot gate: same.json of the base and same.json of the head are the same file" --gate same.json same.json
says 2 "same.json of the base and link.json of the head are the same file" --gate same.json link.json
says 2 "hard.json of the base and same.json of the head are the same file" --gate hard.json same.json
says 2 "A/1.json of the base and A/1.json of the head are the same file" --gate A A
says 2 "a.json of the base and a.json of the copy are the same file" --gate --again=a.json a.json same.json
says 2 "same.json of the head and same.json of the copy are the same file" --gate --again=same.json a.json same.json
says 0 "advice only: same.json of the base and same.json of the head are the same file" same.json same.json
cp same.json copied.json
says 2 "--gate: this cannot gate: same.json of the base and copied.json of the head are the same run" --gate same.json copied.json

# gate_trials reads as compare does.
compare=$trials
says 2 "a.json of the base and a.json of the head are the same file" a.json same.json a.json
says 2 "same.json of the head and same.json of the copy are the same file" a.json same.json same.json
says 2 "below.json: benchmarks[0].copies_per_exec: a number from 0" a.json below.json same.json
says 2 "this cannot gate: run_delay_share was recorded in the head only" a.json a2.json loaded.json
says 2 "--delta=0x5: per cent" --delta=0x5 a.json a2.json same.json
mkfifo pipe
says 2 "pipe: it is no regular file" pipe a.json same.json
compare=$1

# ---- Errors ----
make newer schema=2
says 2 "newer.json: context.tramline_schema_version: 1 is wanted, not 2" a.json newer.json
says 2 "newer.json: context.tramline_schema_version" newer.json a.json
says 2 "nothing.json: No such file" a.json nothing.json
says 2 "one.json: sample/mode:eager/size:1 is missing, which the base has" --again=one.json a.json same.json
says 2 "compare: two result files or folders are wanted"
says 2 "two result files or folders are wanted" a.json
says 2 "two result files or folders are wanted" a.json b.json same.json
says 2 "--delta=0: per cent above 0 and below 100 are wanted" --delta=0 a.json b.json
says 2 "--delta=5x: per cent" --delta=5x a.json b.json
says 2 "--alpha=50%: per cent above 0 and below 50" --alpha=50% a.json b.json
says 2 "--alpha=nan: per cent" --alpha=nan a.json b.json
for bad in " 5" 0x5 1e-300 5e0 +5 -5 . .. 5.5.5 inf ""; do
    says 2 "--delta=$bad: per cent above 0" "--delta=$bad" a.json same.json
    says 2 "--alpha=$bad: per cent above 0" "--alpha=$bad" a.json same.json
done
for good in 5 5. 5.0 05% .5%; do
    says 0 "2 OK" --alpha=$good a.json same.json
done
for option in json markdown junit csv gbench bencher again; do
    says 2 "--$option=: a value is missing" --$option= a.json same.json
done
says 2 "pipe: it is no regular file" pipe a.json
says 2 "pipe: it is no regular file" a.json --again=pipe same.json
says 2 "/dev/zero: it is no regular file" a.json /dev/zero
mkdir piped
mkfifo piped/a.json
says 2 "piped/a.json: it is no regular file" a.json piped
says 2 "--wrong: there is no such option" --wrong a.json b.json
says 2 "--json: a value is missing" a.json b.json --json
says 2 "cannot write none/x/y: No such file" --json=none/x/y a.json b.json
says 2 "cannot write A: Is a directory" --markdown=A --json=kept.json a.json same.json
[ -s kept.json ] || says 0 "kept.json is there"
[ "$(wc -l <out)" -gt 5 ] || says 0 "the table is there all the same"
cp a.json kept
for option in json markdown junit csv gbench bencher; do
    says 2 "--$option=./a.json: a.json is read, and would be written over" --$option=./a.json a.json same.json
    says 2 "is read" --$option=a.json same.json a.json
    says 2 "is read" --$option=a.json --again=a.json same.json a2.json
done
cmp -s a.json kept || says 0 "a.json is as it was"
says 2 "--csv=new: --json=new is the same file" --json=new --csv=new a.json same.json
says 2 "--csv=$dir/new: --json=new is the same file" --json=new --csv="$dir/new" a.json same.json
[ ! -e new ] || says 0 "there is no new"
says 2 "--json=A/../A/1.json: A/1.json is read" --json=A/../A/1.json A nine.json
says 0 "Exit status: 0 ok" --help
says 0 "compare of tramline" --version
"$compare" a.json same.json >/dev/full 2>err
[ $? = 2 ] && [ "$(wc -l <err)" = 1 ] || says 0 "a table that cannot be written is an error"
make long "option=--x=$(printf %0500d 1)"
says 0 "advice only: different options" a.json long.json

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
