#!/bin/sh
# What ci/gate says and its exit status, with made-up programs in place of what is built: each verdict, further looks, cases that
# are missing, bad usage, and being interrupted. Usage: gate_test.sh COMPARE COMPARE_SAMPLE GATE_TRIALS
set -u
compare=$1
sample=$2
trials=$3
ci=$(cd "$(dirname "$0")" && pwd)
passed=0
failed=0
for tool in git setsid; do
    command -v $tool >/dev/null || { echo "there is no $tool"; exit 77; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset GITHUB_ACTIONS GITHUB_STEP_SUMMARY TRAM_TRACE

# A checkout of its own, with two commits.
git init -q "$dir/repo"
cd "$dir/repo" || exit 1
mkdir ci
cp "$ci/gate" "$ci/gate_build" ci/
printf 'build/\nout/\n' >.gitignore
commit() {
    git add -A && git -c user.name=test -c user.email=test@localhost commit -qm "$1"
}
commit one
echo two >two
commit two

# In place of a build: programs that write one made-up case, with the figures that the file of their arm asks for.
cat >"$dir/build" <<EOT
#!/bin/sh
folder=\$1
shift 3
mkdir -p "\$folder/build/release/scenarios"
for program; do
    cat >"\$folder/build/release/scenarios/\$program" <<'EOS'
#!/bin/sh
case \$0 in *-a/build/*) arm=base ;; *-b/build/*) arm=copy ;; *) arm=head ;; esac
block=1 file= list= cases=1
for option; do
    case \$option in
    --block=*) block=\${option#*=} ;;
    --json=*) file=\${option#*=} ;;
    --list) list=1 ;;
    --two) cases=2 ;;
    --odd) grep -q odd "$dir/\$arm" || { echo "--odd: there is no such option"; exit 2; } ;;
    esac
done
[ -z "\$list" ] || exit 0
set -- \$(grep -v '^[a-z]*\$' "$dir/\$arm")
if grep -q hang "$dir/\$arm"; then sleep 86399 & wait; fi
if grep -q crash "$dir/\$arm" && [ "\$block" = 3 ]; then echo "it broke"; exit 1; fi
if grep -q late "$dir/\$arm" && [ "\$block" = 21 ]; then echo "it broke late"; exit 1; fi
"$sample" "\$file" blocks=1 first=\$block cases=\$cases batch=100 "\$@" || exit 1
sed -i "s=sample/mode=\$(basename "\$0")/mode=" "\$file"
EOS
    chmod +x "\$folder/build/release/scenarios/\$program"
done
EOT
chmod +x "$dir/build"

# arms BASE COPY HEAD: what each is made up of
arms() {
    printf '%s\n' $1 >"$dir/base"
    printf '%s\n' $2 >"$dir/copy"
    printf '%s\n' $3 >"$dir/head"
}
problem() {
    failed=$((failed + 1))
    echo "$1"
    cat "$dir/out" "$dir/err"
}
# says STATUS WANTED OPTION...: WANTED is a part of what it prints, with status 2 of its only line of error.
says() {
    wanted_status=$1 wanted=$2 where=out
    shift 2
    rm -rf "$dir/run"
    ci/gate --build-command="$dir/build" --compare="$compare" --output="$dir/run" "$@" >"$dir/out" 2>"$dir/err" </dev/null
    status=$?
    [ "$wanted_status" != 2 ] || where=err
    if [ $status != "$wanted_status" ]; then
        problem "ci/gate $*: status $status, not $wanted_status"
    elif ! grep -qF -- "$wanted" "$dir/$where"; then
        problem "ci/gate $*: no '$wanted'"
    elif [ "$(wc -l <"$dir/err")" != "$([ "$wanted_status" = 2 ] && echo 1 || echo 0)" ]; then
        problem "ci/gate $*: lines of error"
    else
        passed=$((passed + 1))
    fi
}
has() { # FILE TEXT: of the folder of the last run
    if grep -qF -- "$2" "$dir/run/$1"; then
        passed=$((passed + 1))
    else
        problem "$1 has no '$2': $(cat "$dir/run/$1")"
    fi
}
same() { # WHAT WANTED GOT
    if [ "$2" = "$3" ]; then
        passed=$((passed + 1))
    else
        problem "$1: '$3', not '$2'"
    fi
}

# ---- Usage ----
arms seed=1 seed=2 seed=3
says 2 "--base=nonsense: there is no such revision here" --base=nonsense
says 2 "--head=nonsense: there is no such revision here" --base=HEAD --head nonsense
says 2 "--blocks=0: a whole number from 1 to 500" --blocks=0
says 2 "--blocks=many: a whole number" --blocks many
says 2 "--blocks=8: too few to show anything: with 5 cases and an alpha of 0.333% a look, 11 are needed" --blocks=8
says 2 "--delta=0: per cent" --delta=0
says 2 "--alpha=50: per cent above 0 and below 50" --alpha=50
says 2 "--seed=-1: a whole number" --seed=-1
says 2 "--seed=08: a whole number" --seed=08
says 2 "--blocks=010: a whole number" --blocks=010
says 2 "--case: there are no cases" --case=' # nothing'
printf '# nothing\n\n  # nothing\n' >"$dir/comments"
says 2 "--cases=$dir/comments: there are no cases in it" --cases="$dir/comments"
says 2 "--cases=$dir: there are no cases in it" --cases="$dir"
says 2 "--bogus: there is no such option" --bogus
says 2 "--bogus: there is no such option, or it takes no value" --bogus=1
says 2 "--once: there is no such option, or it takes no value" --once=1
says 2 "stray: there is no such option" stray
says 2 "--base: a value is missing" --base
says 2 "--head: a value is missing" --head=
says 2 "--case: a value is missing" --case --once
says 2 "--case: 'roundtrip --size=1' is given twice" --case='roundtrip --size=1' --case='chain --one' --case=' roundtrip --size=1'
says 2 "--output=/proc/x: it cannot be written" --output=/proc/x
says 2 "--cases=nothing: it cannot be read" --cases=nothing
says 2 "--case: '../x' is not the name of a program" --case='../x --y'
says 2 "nothing: it cannot be run" --compare=nothing
says 2 "the base could not be built" --build-command=false
says 2 "the base knows none of the cases: --odd: there is" --case='roundtrip --odd'
mkdir "$dir/full" && : >"$dir/full/file"
says 2 "--output=$dir/full: there is something in it" --output="$dir/full"
mkdir -p "$dir/plain/ci" && cp ci/gate "$dir/plain/ci/"
"$dir/plain/ci/gate" >"$dir/out" 2>"$dir/err"
same "outside of a checkout" "2 1" "$? $(grep -c 'is no git checkout$' "$dir/err")"
says 0 "Exit status" --help
ci/gate --blocks=12 >&- 2>"$dir/err"
same "without an output" "2 1" "$? $(grep -c 'the standard output is closed$' "$dir/err")"
ci/gate --blocks=12 >/dev/full 2>"$dir/err"
same "with a full output" "2 1 1" "$? $(grep -c 'the standard output cannot be written$' "$dir/err") $(wc -l <"$dir/err")"
cp -r "$dir/repo" "$dir/a repo"
cp "$dir/build" "$dir/a repo/ci/gate_build"
"$dir/a repo/ci/gate" --base=HEAD --head=HEAD --case=roundtrip --blocks=12 --seed=0 --compare="$compare" -o "$dir/a run" \
    >"$dir/out" 2>"$dir/err"
same "in a checkout whose path has a space" "0 1" "$? $(grep -c '^OK: of 1 cases' "$dir/out")"

# ---- Verdicts ----
one=--case='roundtrip --size=1'
usual=--blocks=20
says 0 "OK: of 1 cases, 1 OK" "$one" "$usual"
same "runs" "20 20 20" "$(for arm in base copy head; do ls "$dir/run/$arm" | wc -l; done | xargs)"
same "orders" "6" "$(awk '{ a[$1] = a[$1] $3 } END { for (b in a) s[a[b]]; for (o in s) n++; print n }' "$dir/run/order.txt")"
has comparison.json '"alpha": 0.0033'
has comparison.json '"gates": true'
has summary.md "### ci/gate: OK: of 1 cases, 1 OK"
has junit.xml 'failures="0"'
arms seed=1 seed=2 "seed=3 compiled=1.1"
export GITHUB_ACTIONS=true GITHUB_STEP_SUMMARY="$dir/step"
says 1 "::error title=ci/gate::roundtrip/mode:compiled/size:1: 1.1" "$one" "$usual"
unset GITHUB_ACTIONS GITHUB_STEP_SUMMARY
same "appended to the step's summary" 1 "$(grep -c '^### ci/gate: REGRESSED' "$dir/step")"
has junit.xml 'type="REGRESSED"'
says 0 "1 OK" "$one" --delta=20% "$usual"
arms seed=1 seed=2 "seed=3 compiled=0.8"
says 0 "1 IMPROVED" "$one" --blocks=12
arms seed=1 seed=2 "seed=3 copies=3"
says 1 "copies_per_exec went up from 2 to 3" "$one" --blocks=12
arms seed=1 "seed=2 compiled=1.2" "seed=3 compiled=1.3"
says 4 "environment: the base differs from its own copy" "$one" --blocks=12
arms "seed=1 delay=0.01" "seed=2 delay=0.01" "seed=3 delay=0.5 compiled=1.3"
says 4 "arms loaded, or waiting, differently: run_delay_share" "$one" --blocks=12

# ---- More looks ----
arms seed=1 seed=2 "seed=3 compiled=1.05"
says 3 "AMBIGUOUS with 20 blocks: as many again" "$one" "$usual"
same "looks that led to another" 2 "$(grep -c 'as many again' "$dir/out")"
same "runs after all looks" 80 "$(ls "$dir/run/head" | wc -l)"
has summary.md "80 blocks of 1 cases, look 3 with an alpha of 0.333%"
says 0 "AMBIGUOUS: of 1 cases" "$one" --blocks=12 --once --only-regressed
says 1 "copies_per_exec went up from 2 to 3" "$one" --blocks=12 --once --only-regressed --base="$(arms seed=1 seed=2 "seed=3 copies=3"; echo HEAD)"
arms "seed=1 noise=0.02" "seed=2 noise=0.02" "seed=3 noise=0.02 compiled=1.064"
says 1 "AMBIGUOUS with 20 blocks: as many again" "$one" "$usual"
says 1 "REGRESSED: of 1 cases" "$one" --once "$usual"
has comparison.json '"alpha": 0.01'
same "runs of one look" 20 "$(ls "$dir/run/head" | wc -l)"

# ---- Cases that are missing ----
arms seed=1 seed=2 "seed=3 crash"
says 1 "the head failed in block 3: roundtrip --two: it broke" --case='roundtrip --two' --blocks=12
has summary.md "REGRESSED: the head runs none of the cases"
has comparison.json '"missing": ["roundtrip --two"]'
has junit.xml '<testcase name="roundtrip --two"><failure message="missing in the head"/></testcase>'
says 1 "left out, for the base does not know it: chain --odd" --case='chain --odd' --case='roundtrip --two' --blocks=12
has comparison.json '"missing": ["roundtrip --two"]'
has junit.xml 'tests="1" failures="1"'
arms seed=1 seed=2 "seed=3 compiled=1.05 late"
says 1 "the head failed in block 21: roundtrip --size=1: it broke late" "$one" "$usual"
has summary.md "40 blocks of 1 cases, look 2"
same "of the first look" "0 0" "$(grep -c AMBIGUOUS "$dir/run/summary.md") $(find "$dir/run" -name 'comparison.[mc]*' | wc -l)"
arms "seed=1 odd" "seed=2 odd" seed=3
says 1 "the head does not know chain --two --odd" "$one" --case='chain --two --odd' --blocks=12
has comparison.txt "missing in the head: chain/mode:eager/size:1"
arms seed=1 seed=2 "seed=3 odd"
says 0 "left out, for the base does not know it: chain --odd" "$one" --case='chain --odd' --blocks=12
arms "seed=1 crash" seed=2 seed=3
says 2 "the base failed in block 3: roundtrip --size=1: it broke" "$one" "$usual"

# ---- Revisions, and being interrupted ----
arms seed=1 seed=2 seed=3
says 0 "ci/gate: base $(git rev-parse HEAD~1 | cut -c1-12), head the working tree, $(git rev-parse HEAD | cut -c1-12) as it is" "$one" --blocks=12
echo new >three
says 0 "ci/gate: base $(git rev-parse HEAD | cut -c1-12), head the working tree, $(git rev-parse HEAD | cut -c1-12) with changes" "$one" --blocks=12
same "what git knows of the new file" '?? three' "$(git status --porcelain)"
printf 'roundtrip --size=1\n# nothing\n\n' >"$dir/cases"
says 0 "base $(git rev-parse HEAD~1 | cut -c1-12) (HEAD~1), head $(git rev-parse HEAD | cut -c1-12) (HEAD)" --base HEAD~1 \
    --head HEAD --cases "$dir/cases" --blocks=12 --beside-head='sleep 86398'
arms seed=1 seed=2 "seed=3 hang"
rm -rf "$dir/run"
ci/gate --build-command="$dir/build" --compare="$compare" --output="$dir/run" "$one" --beside-head='sleep 86398' >"$dir/out" \
    2>"$dir/err" </dev/null &
gate=$!
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    sleep 0.5
    pgrep -f "block=1 .*$dir/run/head" >/dev/null && break
done
kill -TERM $gate
wait $gate
same "status of a run that was ended" 143 $?
same "what it says then" 1 "$(grep -c "interrupted: $dir/run has no whole block" "$dir/err")"
sleep 0.2
same "processes left" 0 "$(pgrep -f '^sleep 8639[89]$' | wc -l)"
wait_for() { # COMMAND...: ten seconds at most
    for i in $(seq 100); do
        "$@" >/dev/null 2>&1 && return
        sleep 0.1
    done
}
# In a look: what compare ends with does not count then.
arms seed=1 seed=2 seed=3
printf '#!/bin/sh\n: >"%s"\nsleep 0.5\n' "$dir/looks" >"$dir/slow_compare"
chmod +x "$dir/slow_compare"
rm -rf "$dir/run"
ci/gate --build-command="$dir/build" --compare="$dir/slow_compare" --output="$dir/run" "$one" --blocks=12 >"$dir/out" 2>"$dir/err" \
    </dev/null &
gate=$!
wait_for [ -f "$dir/looks" ]
kill -TERM $gate
wait $gate
same "ended in a look" "143 1 12" "$? $(grep -c 'has 12 whole blocks' "$dir/err") $(ls "$dir/run/head" | wc -l)"
# What was started has no session yet. --foreground: timeout itself signals nothing but the gate.
mkdir "$dir/bin"
printf '#!/bin/sh\n: >"%s"\nsleep 3\nexec %s "$@"\n' "$dir/starts" "$(command -v setsid)" >"$dir/bin/setsid"
printf 'exec sleep 86397\n' >"$dir/hang"
chmod +x "$dir/bin/setsid"
rm -rf "$dir/run"
PATH="$dir/bin:$PATH" timeout --foreground -s KILL 20 ci/gate --build-command="sh $dir/hang" --compare="$compare" \
    --output="$dir/run" "$one" >"$dir/out" 2>"$dir/err" </dev/null &
gate=$!
wait_for [ -f "$dir/starts" ]
kill -TERM $gate
wait $gate
same "ended before there is a session" 143 $?
same "processes left of that" 0 "$(pgrep -f '^sleep 86397$' | wc -l)"

# ---- What travels ----
cp "$ci/gate_baseline" ci/
mkdir "$dir/programs"
cat >"$dir/programs/roundtrip" <<EOT
#!/bin/sh
for option; do
    case \$option in --csv=*) file=\${option#*=} ;; esac
done
name=\$(basename "\$0")
{
    echo "name,p50_ns,copies_per_exec,syscalls_per_exec"
    for p50 in 110 \$(cat "$dir/p50") 90; do
        calls=7
        [ \$p50 != 90 ] || [ ! -f "$dir/varies" ] || calls=
        echo "\$name/mode:compiled/size:1,\$p50,\$(cat "$dir/copies"),\$calls"
    done
    echo "\$name/mode:limit/size:1,80,,"
    [ "\$name" = chain ] && [ -f "$dir/gone" ] || echo "\$name/mode:eager/size:1,1000,,"
} >"\$file"
EOT
chmod +x "$dir/programs/roundtrip"
cp "$dir/programs/roundtrip" "$dir/programs/chain"
cp "$dir/programs/roundtrip" "$dir/programs/scatter_gather"
echo 100 >"$dir/p50"
echo 2 >"$dir/copies"
# travels STATUS WANTED ARGUMENT...
travels() {
    wanted_status=$1 wanted=$2
    shift 2
    ci/gate_baseline --programs="$dir/programs" "$@" >"$dir/out" 2>"$dir/err"
    same "ci/gate_baseline $*" "$wanted_status, 1 line" "$?, $(cat "$dir/out" "$dir/err" | grep -cF -- "$wanted") line"
}
travels 0 "ci/gate_baseline: $dir/base.tsv" --write "$dir/base.tsv"
same "a ratio, and no time" "3 0" "$(grep -c '^ratio.*over limit.1.250$' "$dir/base.tsv") $(grep -c _ns "$dir/base.tsv")"
travels 0 "OK: 12 counters and ratios" "$dir/base.tsv"
: >"$dir/varies"
travels 0 "notice: chain/mode:compiled/size:1 syscalls_per_exec varies now: not compared" "$dir/base.tsv"
travels 0 "ci/gate_baseline: $dir/varies.tsv" --write "$dir/varies.tsv"
same "what varies" 3 "$(grep -c '^counter.*syscalls_per_exec.varies$' "$dir/varies.tsv")"
rm "$dir/varies"
travels 0 "notice: chain/mode:compiled/size:1 syscalls_per_exec varies in the baseline: not compared" "$dir/varies.tsv"
without() { # PATTERN: the file without such figures
    grep -v "$1" "$dir/base.tsv" | awk -F'\t' -v OFS='\t' '$1 == "end" { $2 = n } $1 == "counter" || $1 == "ratio" { n++ } { print }'
}
without syscalls >"$dir/uncounted.tsv"
: >"$dir/varies"
travels 0 "OK: 9 counters and ratios" "$dir/uncounted.tsv"
rm "$dir/varies"
sed '/copies/s/2$/1/' "$dir/base.tsv" >"$dir/less.tsv"
travels 1 "error: chain/mode:compiled/size:1 copies_per_exec went up from 1 to 2" "$dir/less.tsv"
travels 0 "notice: chain/mode:compiled/size:1 copies_per_exec went down from 3 to 2" "$(sed '/copies/s/2$/3/' "$dir/base.tsv" >"$dir/more.tsv" && echo "$dir/more.tsv")"
sed 's/^machine.*/machine\tanother/' "$dir/less.tsv" >"$dir/other.tsv"
travels 0 "advice only: the baseline is of another; this is" "$dir/other.tsv"
same "the same as advice" 3 "$(grep -c '^warning: .* went up' "$dir/out")"
without 'chain.*copies_per_exec' >"$dir/lacks.tsv"
travels 3 "warning: chain/mode:compiled/size:1 copies_per_exec is 2 and not in the baseline" "$dir/lacks.tsv"
same "the verdict then" 1 "$(grep -c '^AMBIGUOUS, 1 counter is not in the baseline: 11 counters and ratios' "$dir/out")"
sed '/copies/s/2$/1/' "$dir/lacks.tsv" >"$dir/worse.tsv"
travels 1 "REGRESSED, 1 counter is not in the baseline" "$dir/worse.tsv"
sed 's/^machine.*/machine\tanother/' "$dir/lacks.tsv" >"$dir/other.tsv"
travels 0 "OK, 1 counter is not in the baseline" "$dir/other.tsv"
sed 's/0.100$/0.050/' "$dir/base.tsv" >"$dir/ratio.tsv"
travels 0 "warning: chain/mode:compiled/size:1 over eager is 0.100, more than 25% above 0.050: advice" "$dir/ratio.tsv"
: >"$dir/gone"
travels 1 "error: chain/mode:compiled/size:1 over eager is missing" "$dir/base.tsv"
# wrong SED WANTED: the file with such a change is refused
wrong() {
    sed "$1" "$dir/base.tsv" >"$dir/wrong.tsv"
    travels 2 "$dir/wrong.tsv: $2" "$dir/wrong.tsv"
}
wrong '/copies/s/2$/nan/' "line 4: chain/mode:compiled/size:1 copies_per_exec is nan"
wrong '/copies/s/2$/-1/' "line 4: chain/mode:compiled/size:1 copies_per_exec is -1"
wrong '/copies/s/2$//' "line 4: chain/mode:compiled/size:1 copies_per_exec is empty"
wrong '/over eager/s/[0-9.]*$/0/' "line 10: chain/mode:compiled/size:1 over eager is 0"
wrong '/copies/p' "line 5: chain/mode:compiled/size:1 copies_per_exec is there twice"
wrong '$d' "it has no end, and may have been cut"
wrong '/copies/d' "line 13: the end is of 12 figures, and there are 9"
wrong '8,$d' "it has no end, and may have been cut"
wrong "s/\$/$(printf '\r')/" "line 1: there is a control character"
wrong '/^commit/s/.*/nonsense/' "line 3: it is no counter and no ratio"
travels 2 "--margin=99999999999999999999: a whole number" --margin=99999999999999999999 "$dir/base.tsv"
travels 2 "nothing.tsv: it cannot be read, or is no baseline" nothing.tsv
travels 2 "a file is wanted"
travels 2 "--margin: there is no such option" --margin
says 2 "ci/gate_baseline: nothing.tsv: it cannot be read" --baseline=nothing.tsv
says 2 "it is compared with the working tree" --baseline=nothing.tsv --base=HEAD

# ---- Runs made of recorded blocks, and what tries the gate ----
for seed in 1 2 3; do
    "$sample" "$dir/$seed.json" seed=$seed blocks=40 || exit 1
done
"$trials" --runs=20 --each "$dir/1.json" "$dir/2.json" "$dir/3.json" >"$dir/out" 2>"$dir/err"
same "runs made of recorded blocks" "1 1" "$(grep -c '^| 0% | 0 | 20 | 0 | 0 | 0 | 0 |' "$dir/out") $(grep -c '^| 20% | 20 | 0 ' "$dir/out")"
same "each case alone" 2 "$(grep -cE '^\| sample/mode:[a-z]*/size:1 \| [0-9.]*% \| 1\.[0-9]* \| 0\.0% \|.* 100\.0% \| 100\.0% \|$' "$dir/out")"
same "lines of 0%" 1 "$(awk -F'|' '$2 == " 0% "' "$dir/out" | wc -l)"
refused() { # WANTED COMMAND...
    wanted=$1
    shift
    "$@" >"$dir/out" 2>"$dir/err"
    same "$*" "2 1 1" "$? $(wc -l <"$dir/err") $(grep -cF -- "$wanted" "$dir/err")"
}
# As ci/gate leaves them: a file for each block and arm, one after the other.
for arm in 1 2 3; do
    mkdir "$dir/recorded-$arm"
    for block in 1 2 3 4 5 6 7 8 9 10 11 12; do
        "$sample" "$dir/recorded-$arm/$block.json" blocks=1 first=$block start=$arm took=0.5 seed=$arm || exit 1
    done
done
"$trials" --runs=20 --blocks=12 --once "$dir/recorded-1" "$dir/recorded-2" "$dir/recorded-3" >"$dir/out" 2>"$dir/err"
same "runs made of files of single blocks" "0 1" "$? $(grep -c '^| 0% | 0 | ' "$dir/out")"
"$sample" "$dir/few.json" blocks=39
refused "have different blocks or cases" "$trials" "$dir/1.json" "$dir/2.json" "$dir/few.json"
refused "three result files" "$trials" "$dir/1.json"
refused "this cannot gate: 2 of 2 cases have too few blocks" "$trials" --blocks=4 "$dir/1.json" "$dir/2.json" "$dir/3.json"
refused "a part is wanted" "$ci/gate_check"
refused "most: there is no such option or part" "$ci/gate_check" most
refused "--runs=0: a whole number from 1" "$ci/gate_check" aa --runs=0

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
