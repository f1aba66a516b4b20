#!/bin/sh
# A peer's every mode, with a few executions of each pattern, all payloads checked: smoke_test.sh PROGRAM MODE... The program
# may be several words. 77, with the reason, when it says that it cannot run here.
set -u
program=$1
shift
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
passed=0
failed=0

# check STATUS WANTED OPTION...: WANTED is a part of what it prints.
check() {
    status=$1
    wanted=$2
    shift 2
    $program "$@" >"$dir/out" 2>&1 </dev/null
    got=$?
    if [ $got = 77 ]; then
        cat "$dir/out"
        exit 77
    fi
    if [ $got = "$status" ] && grep -qF -- "$wanted" "$dir/out"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "$*: status $got, wanted $status and '$wanted', got: $(cat "$dir/out")"
    fi
}

for mode; do
    run="--mode=$mode -n 50 -w 10 --json=$dir/$mode.json"
    check 0 "roundtrip/mode:$mode/size:1/actors:1/inflight:1: p50 " $run
    check 0 "roundtrip/mode:$mode/size:1048576/" $run --size=1M
    check 0 "chain/mode:$mode/size:9/actors:3/" $run --scenario=chain --actors=3 --size=9
    check 0 "scatter_gather/mode:$mode/size:65536/actors:3/" $run --scenario=scatter_gather --actors=3 --size=64k
    if ! grep -q '"version": "' "$dir/$mode.json" || ! grep -q '"real_time": [0-9]' "$dir/$mode.json"; then
        failed=$((failed + 1))
        echo "$mode: the result file has no version or no time: $(cat "$dir/$mode.json")"
    fi
done
# Bad usage and what cannot be written, the result file before anything is measured: a line and exit status 2.
refuse() { # WANTED OPTION...
    wanted=$1
    shift
    $program "$@" >"$dir/out" 2>"$dir/err" </dev/null
    got=$?
    if [ $got = 2 ] && [ "$(wc -l <"$dir/err")" = 1 ] && [ ! -s "$dir/out" ] && grep -qF -- "$wanted" "$dir/err"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "refuse $*: status $got, wanted '$wanted', got: $(cat "$dir/out" "$dir/err")"
    fi
}
refuse "--json=/nonexistent/x: cannot write /nonexistent/x: No such" -n 50 -w 10 --json=/nonexistent/x
refuse "--repetition=5: a number below" --repetition=5
refuse "--js=x: there is no such option" --js=x
for option in --help --version; do
    $program $option >/dev/full 2>"$dir/err"
    if [ "$? $(grep -c 'standard output: No space left' "$dir/err")" != "2 1" ]; then
        failed=$((failed + 1))
        echo "$option on a full disk: $(cat "$dir/err")"
    fi
done
echo "$passed passed, $failed failed"
[ $failed = 0 ]
