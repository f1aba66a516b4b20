#!/bin/sh
# What plot and report say to bad input: one line on standard error that names it, and exit status 2; and what they do
# where there is no gnuplot. Usage: cli_test.sh PLOT REPORT SAMPLE_PROGRAM
set -u
plot=$1
report=$2
sample=$3
passed=0
failed=0
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"$sample" "$dir/a.json" || exit 1
printf '{"benchmarks": [' >"$dir/cut.json"
printf '{"benchmarks": []}' >"$dir/foreign.json"
: >"$dir/empty.json"
: >"$dir/file"
cp "$dir/a.json" "$dir/copy.json"
steer=$(printf 'X\302\233\342\200\256Y') # U+009B is ESC [ to a terminal, U+202E turns what follows round
sed 's/"note":/"missed_share": 1.5, "note":/' "$dir/a.json" >"$dir/share.json"
sed 's/"p50_ns": 100.*,/"p50_ns": null,/' "$dir/a.json" >"$dir/null.json"

# refuse WANTED PROGRAM ARGUMENT...: WANTED is a part of the message.
refuse() {
    wanted=$1
    program=$2
    shift 2
    "$program" "$@" >"$dir/out" 2>"$dir/err" </dev/null
    status=$?
    lines=$(wc -l <"$dir/err")
    if [ "$status" = 2 ] && [ "$lines" = 1 ] && [ ! -s "$dir/out" ] && grep -qF -- "$wanted" "$dir/err"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "refuse $program $*: status $status, $lines lines, wanted '$wanted', got: $(cat "$dir/err")"
    fi
}

# check WHAT COMMAND...: the command succeeds.
check() {
    what=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "$what: $(cat "$dir/out" "$dir/err")"
    fi
}

for program in "$plot" "$report"; do
    refuse "a result file is missing" "$program"
    refuse "--bogus: there is no such option" "$program" --bogus
    refuse "-x: there is no such option" "$program" -x
    refuse "-o: a value is missing" "$program" "$dir/a.json" -o
    refuse "--kind: a value is missing" "$program" "$dir/a.json" --kind
    refuse "--help=3: there is no such option" "$program" "$dir/a.json" --help=3
    refuse "--kind=ladder,pie: 'pie' is none of ladder, latency" "$program" "$dir/a.json" --kind=ladder,pie
    refuse "--kind=: a value is missing" "$program" "$dir/a.json" --kind=
    refuse "--kin=ladder: there is no such option" "$program" "$dir/a.json" --kin=ladder
    refuse "--outp: there is no such option" "$program" "$dir/a.json" --outp "$dir/o"
    refuse "--kind=?[31mx: '?[31mx' is none of" "$program" "$dir/a.json" "--kind=$(printf '\033[31mx')"
    refuse "--bo gus: there is no such option" "$program" "--bo
gus"
    refuse "/X??Y.json: No such file" "$program" "$dir/$steer.json"
    refuse "cannot write into the folder $dir/file/X??Y: Not a directory" "$program" "$dir/a.json" -o "$dir/file/$steer"
    refuse "/nonexistent.json: No such file or directory" "$program" /nonexistent.json
    refuse "$dir: Is a directory" "$program" "$dir"
    refuse "cut.json: no JSON, or cut: line 1" "$program" "$dir/cut.json"
    refuse "empty.json: it is empty" "$program" "$dir/a.json" "$dir/empty.json"
    refuse "foreign.json: context.tramline_schema_version is missing" "$program" "$dir/foreign.json"
    refuse "null.json: benchmarks[0].p50_ns: a number above 0 is wanted, not null" "$program" "$dir/null.json"
    refuse "./a.json: the same as $dir/a.json" "$program" "$dir/a.json" "$dir/./a.json"
    refuse "copy.json: the same as $dir/a.json" "$program" "$dir/a.json" "$dir/copy.json"
    refuse "share.json: benchmarks[0].missed_share: a number from 0 to 1 is wanted, not 1.5" "$program" "$dir/share.json"
    refuse "cannot write into the folder $dir/file/x: Not a directory" "$program" "$dir/a.json" -o "$dir/file/x"
    refuse "cannot write into the folder /proc/x" "$program" "$dir/a.json" -o /proc/x
    refuse "--output=: a value is missing" "$program" "$dir/a.json" -o ""
    "$program" --help >"$dir/out" 2>"$dir/err"
    check "$program --help" grep -q "Exit status" "$dir/out"
    : >"$dir/err"
    "$program" --version >"$dir/out" 2>"$dir/err"
    check "$program --version fails" [ $? = 0 ]
    for option in --help --version; do
        "$program" $option >/dev/full 2>"$dir/err"
        check "$program $option into a full disk" [ $? = 2 ]
        check "$program $option says so" grep -qE "^(plot|report): standard output: No space left on device$" "$dir/err"
    done
    "$program" --version >"$dir/out" 2>"$dir/err"
    check "$program --version" grep -qxE "(plot|report) of tramline [0-9.]+" "$dir/out"
done
# Fields that are not drawn, or are only counted, are read as compare reads them.
for change in 's/"real_time": [0-9.]*/"real_time": null/=real_time: a time from 0.001 to 1e19 ns is wanted, not null' \
    's/"cpu_time": [0-9.]*/"cpu_time": -1/=cpu_time: a time from 0 to 1e19 ns is wanted, not -1' \
    's/"iterations": [0-9]*/"iterations": "many"/=iterations: a whole number from 1 is wanted, not "many"' \
    's/"repetitions": [0-9]*/"repetitions": 0/=repetitions: a whole number from 1 is wanted, not 0' \
    's/"time_unit": "ns"/"time_unit": "ms"/=time_unit: "ns" is wanted, not "ms"' \
    's,"run_name": "[a-z]*,&\\n,=run_name: a name of at most 300 characters, none of them a control is wanted, not'; do
    sed "${change%%=*}" "$dir/a.json" >"$dir/odd.json"
    for program in "$plot" "$report"; do
        refuse "$dir/odd.json: benchmarks[0].${change#*=}" "$program" "$dir/odd.json"
    done
done
refuse "--trace=$dir/none.pftrace: No such file" "$report" "$dir/a.json" -o "$dir/r" --trace="$dir/none.pftrace"
refuse "--trace=$dir: not a file" "$report" "$dir/a.json" -o "$dir/r" --trace="$dir"
refuse "--trace=x: there is no such option" "$plot" "$dir/a.json" --trace=x
refuse "a.json: no figure of the kinds asked for" "$plot" "$dir/a.json" --kind=forest,overlap -o "$dir/o"
check "a run without figures left a folder" [ ! -e "$dir/o" ]

# Without gnuplot: tables and scripts, and one line that says so.
env PATH=/nonexistent "$plot" "$dir/a.json" -o "$dir/deep/bare" >"$dir/out" 2>"$dir/err"
check "plot without gnuplot fails" [ $? = 0 ]
check "plot does not say that gnuplot is missing" grep -qx "plot: gnuplot is not installed: .*" "$dir/err"
check "plot says more than that" [ "$(wc -l <"$dir/err")" = 1 ]
check "no table" [ -s "$dir/deep/bare/roundtrip-ladder.tsv" ]
check "no script" [ -s "$dir/deep/bare/roundtrip-ladder.gp" ]
check "a picture without gnuplot" [ ! -e "$dir/deep/bare/roundtrip-ladder.svg" ]
env PATH=/nonexistent "$report" "$dir/a.json" -o "$dir/page" >"$dir/out" 2>"$dir/err"
check "report without gnuplot fails" [ $? = 0 ]
check "report does not say that gnuplot is missing" grep -qx "report: gnuplot is not installed: .*" "$dir/err"
check "a picture without gnuplot" sh -c '! grep -q "<svg" "$1"' - "$dir/page/index.html"
check "a data table is not there" grep -q "fastest_eager	limit_speedup" "$dir/page/index.html"

# What is read is not written over, by whatever name.
for program in "$plot roundtrip-ladder.tsv" "$plot roundtrip-ladder.svg" "$report index.html"; do
    name=${program#* }
    program=${program% *}
    for link in cp "ln -s" ln; do
        rm -rf "$dir/over"
        mkdir "$dir/over"
        $link "$dir/a.json" "$dir/over/$name"
        refuse "-o $dir/over: $name in it would be written over $dir/over/$name, which is read" \
            "$program" "$dir/over/$name" -o "$dir/over"
        check "$program writes over $name" cmp "$dir/a.json" "$dir/over/$name"
        check "$program writes more" [ "$(ls "$dir/over" | wc -l)" = 1 ]
    done
done
refuse "index.html in it would be written over $dir/a.json, which is read" "$report" "$dir/a.json" -o "$dir/over"
rm "$dir/over/index.html" # a link of a.json
echo trace >"$dir/over/index.html"
refuse "would be written over $dir/over/index.html, which is read" \
    "$report" "$dir/a.json" -o "$dir/over" --trace="$dir/over/index.html"

# What steers a terminal, or a reader's view of a page, is in neither.
sed "s/\"chain\"/\"$steer\"/; s/\"graph-eager\"/\"$steer\"/" "$dir/a.json" >"$dir/steer.json"
env PATH=/nonexistent "$plot" "$dir/steer.json" -o "$dir/$steer" >"$dir/out" 2>"$dir/err"
check "plot lists no figure of it" grep -q "X??Y/x-y-scaling-i1.gp  Scaling: X??Y$" "$dir/out"
env PATH=/nonexistent "$report" "$dir/steer.json" -o "$dir/$steer" >>"$dir/out" 2>>"$dir/err"
check "a text of a file is gone from the page" grep -qF "X??Y" "$dir/$steer/index.html"
for bytes in '\302\233' '\342\200\256'; do
    check "what steers stands in it" sh -c '! cat "$2"/* "$3" "$4" | grep -qF "$(printf "$1")"' \
        - "$bytes" "$dir/$steer" "$dir/out" "$dir/err"
done

# A gnuplot that fails, and one that says nothing.
mkdir "$dir/bin"
printf '#!/bin/sh\necho "line 3: no such terminal" >&2\nexit 1\n' >"$dir/bin/gnuplot"
chmod +x "$dir/bin/gnuplot"
env PATH="$dir/bin:$PATH" "$plot" "$dir/a.json" -o "$dir/bare" --kind=ladder >"$dir/out" 2>"$dir/err"
check "a failing gnuplot is success" [ $? = 2 ]
check "its words are lost" grep -qx \
    "plot: gnuplot roundtrip-ladder.gp: line 3: no such terminal; 2 of 2 figures are not drawn: .*" "$dir/err"
check "a figure is lost with it" [ -s "$dir/bare/chain-ladder.tsv" -a -s "$dir/bare/chain-ladder.gp" ]
for does in 'exit 1' 'kill -9 $$' 'exit 0' 'echo "<g id=\"gnuplot_canvas\">" >roundtrip-ladder.svg; exit 1'; do
    printf '#!/bin/sh\n%s\n' "$does" >"$dir/bin/gnuplot"
    for program in "$plot" "$report"; do
        rm -rf "$dir/bare"
        mkdir "$dir/bare" "$dir/bare/tmp"
        echo old >"$dir/bare/chain-ladder.svg" # of a run before
        env PATH="$dir/bin:$PATH" TMPDIR="$dir/bare/tmp" "$program" "$dir/a.json" -o "$dir/bare" >"$dir/out" 2>"$dir/err"
        check "$program with '$does' is success" [ $? = 2 ]
        check "$program tells '$does' in other words" \
            grep -q ": gnuplot roundtrip-ladder.gp: .*; 20 of 20 figures are not drawn: " "$dir/err"
        check "$program tells '$does' in more than a line" [ "$(wc -l <"$dir/err")" = 1 ]
        check "$program leaves its folder" [ -z "$(ls "$dir/bare/tmp")" ]
    done
    check "a picture that was not drawn is on the page" sh -c '! grep -q "<svg" "$1"' - "$dir/bare/index.html"
    check "the page has no data" grep -q "fastest_eager	limit_speedup" "$dir/bare/index.html"
    check "the page does not say that pictures are missing" grep -q "No picture: gnuplot did not draw it" "$dir/bare/index.html"
done
env TMPDIR=/nonexistent "$report" "$dir/a.json" -o "$dir/bare/tmp" >"$dir/out" 2>"$dir/err"
check "report without a folder for figures is success" [ $? = 2 ]
check "it does not say why" grep -qx "report: no folder for the figures can be made in /nonexistent: they are tables" "$dir/err"
check "there is no page" grep -q "fastest_eager	limit_speedup" "$dir/bare/tmp/index.html"

# Told to stop, by a signal that gnuplot does not see: no folder is left, nor a file half written, and gnuplot is gone.
printf '#!/bin/sh\necho $$ >"%s"\nexec sleep 60\n' "$dir/pid.new" >"$dir/bin/gnuplot"
for program in "$plot" "$report"; do
    for signal in INT:130 TERM:143 HUP:129; do
        rm -rf "$dir/bare" "$dir/pid"*
        mkdir "$dir/bare" "$dir/bare/tmp"
        # What a shell starts in the background ignores SIGINT.
        env --default-signal=INT PATH="$dir/bin:$PATH" TMPDIR="$dir/bare/tmp" "$program" "$dir/a.json" -o "$dir/bare" \
            >"$dir/out" 2>"$dir/err" &
        pid=$!
        for _ in $(seq 300); do
            [ -s "$dir/pid.new" ] && break
            sleep 0.1
        done
        kill -"${signal%:*}" $pid
        wait $pid
        check "$program at SIG${signal%:*} ends with $?" [ $? = "${signal#*:}" ]
        check "$program says more" [ ! -s "$dir/err" ]
        check "$program leaves its folder" [ -z "$(ls "$dir/bare/tmp")" ]
        check "$program leaves a file half written" [ -z "$(find "$dir/bare" -name '*.tmp')" ]
        check "$program leaves gnuplot running" sh -c '! kill -0 "$(cat "$1")" 2>/dev/null' - "$dir/pid.new"
    done
done

# Traces are linked from where the page lies.
mkdir "$dir/runs"
cp "$dir/a.json" "$dir/runs/a.json"
: >"$dir/runs/a.pftrace"
: >"$dir/runs/a.eager.pftrace"
: >"$dir/runs/ab.pftrace"
: >"$dir/odd &\"name.pftrace"
env PATH=/nonexistent "$report" "$dir/runs/a.json" -o "$dir/page/deep" --trace="$dir/odd &\"name.pftrace" >"$dir/out" 2>"$dir/err"
for link in '"../../runs/a.pftrace">a.pftrace<' '"../../runs/a.eager.pftrace"' \
    '"../../odd%20%26%22name.pftrace">odd &amp;&quot;name.pftrace<'; do
    check "no link $link" grep -qF -- "$link" "$dir/page/deep/index.html"
done
check "another file's trace is linked" sh -c '! grep -q "ab.pftrace" "$1"' - "$dir/page/deep/index.html"

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
