#!/bin/sh
# peers_join on files that are made up: join_test.sh PROGRAM.
set -u
program=$1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
failed=0

row() { # ROUND MODE P50 [MORE [P99]]: a result file with one row, that began in second $began and ended in second $ended
    mkdir -p "$dir/$1"
    cat >"$dir/$1/$2.json" <<EOT
{"context": {"tramline_schema_version": 1, "machine": {"cpu_model": "made up"}, "run": {"start_utc": "2026-01-01T00:00:$began.000Z",
  "end_utc": "2026-01-01T00:00:$ended.000Z", "noise": {"before": $began, "after": $ended}}}, "benchmarks": [
  {"name": "n", "run_name": "roundtrip/mode:$2/size:1/actors:1/inflight:1", "run_type": "iteration", "repetition_index": 0, "repetitions": 1,
   "iterations": 1, "real_time": $3, "cpu_time": 1, "time_unit": "ns", "scenario": "roundtrip", "mode": "$2",
   "payload_bytes": 1, "actors": 1, "inflight": 1, "p50_ns": $3, "p99_ns": ${5:-null}${4:-}}]}
EOT
}
expect() { # WANTED FILE
    if ! grep -qE "$1" "$2"; then
        failed=1
        echo "wanted '$1' in: $(cat "$2")"
    fi
}

ended=10 began=11
row 0 limit 100 # not the first by name
began=13
row 0 compiled 200
row 0 mpi 400 ', "version": "MPI 9"'
row 1 limit 1000 # a slow round: the ratios stay
row 1 compiled 2000
row 0 raw-pipe 150 '' 190
row 1 raw-pipe 1500 '' 1900
row 0 raw-unix 300 '' 390
row 1 raw-unix 3000 # too few samples
row 1 mpi 6000
row 2 limit 100
ended=30
row 2 compiled 200
ended=20
row 2 last 300 # by name, not by time
echo "not for us" >"$dir/2/log.txt"
"$program" "$dir/out.json" --skipped="ucx: not there" "$dir/0" "$dir/1" "$dir/2" >"$dir/table" || failed=1
expect '^roundtrip +1 +1 B +limit +100 ns +- +1.00 x +0.50 x +0.50 x - 0.50 x$' "$dir/table"
expect '^roundtrip +1 +1 B +compiled +200 ns +- +2.00 x +1.00 x' "$dir/table"
expect '^roundtrip +1 +1 B +mpi +3.20 us +- +5.00 x +2.50 x +2.00 x - 3.00 x$' "$dir/table"
expect '^roundtrip +1 +1 B +raw-pipe +825 ns +1.04 us' "$dir/table"
expect '^roundtrip +1 +1 B +raw-unix +1.65 us +- ' "$dir/table"
expect '^3 rounds' "$dir/table"
expect '^mpi: MPI 9$' "$dir/table"
expect '^skipped: ucx: not there$' "$dir/table"
expect '"cpu_model": "made up"' "$dir/out.json"
expect '"end_utc": "2026-01-01T00:00:30.000Z"' "$dir/out.json"
expect '"after": 30' "$dir/out.json"
expect '"start_utc": "2026-01-01T00:00:11.000Z"' "$dir/out.json"
expect '"before": 11' "$dir/out.json"
expect '"repetition_index": 2' "$dir/out.json"
expect '"repetitions": 3' "$dir/out.json"
[ "$(grep -c '"run_type"' "$dir/out.json")" = 13 ] || { failed=1; echo "not all rows are in the file"; }

# refuse WANTED ARGUMENT...: a line that has it, status 2, and nothing written.
refuse() {
    wanted=$1
    shift
    "$program" "$@" >"$dir/table" 2>"$dir/err"
    status=$?
    if [ $status != 2 ] || [ "$(wc -l <"$dir/err")" != 1 ] || [ -s "$dir/table" ] || [ -e "$dir/none.json" ] ||
        ! grep -qF -- "$wanted" "$dir/err" || grep -q "$(printf '\033')" "$dir/err"; then
        failed=1
        echo "refuse $*: status $status, wanted '$wanted', got: $(cat "$dir/table" "$dir/err")"
    fi
}
none=$dir/none.json
bad() { # WANTED CHANGE: what the change, one of sed's, makes of a file is refused
    rm -rf "$dir/bad"
    mkdir "$dir/bad"
    sed "$2" "$dir/0/limit.json" >"$dir/bad/limit.json"
    refuse "$dir/bad/limit.json: $1" "$none" "$dir/0" "$dir/bad"
}
refuse "OUT FOLDER... (see --help)"
refuse "OUT FOLDER... (see --help)" "$none"
refuse "--bogus: there is no such option" --bogus "$none" "$dir/0"
refuse "--skip=x: there is no such option" "$none" --skip=x "$dir/0"
refuse "$dir/missing: No such file" "$none" "$dir/missing" "$dir/0"
mkdir "$dir/empty"
refuse "$dir/empty: there is no *.json in it" "$none" "$dir/0" "$dir/empty"
refuse "$dir/0/mpi.json: a folder is wanted" "$none" "$dir/0/mpi.json"
refuse "$dir/./0: this folder was given before, as round 1" "$none" "$dir/0" "$dir/1" "$dir/./0"
refuse "cannot write /nonexistent/x.json: No such" /nonexistent/x.json "$dir/0"
case="roundtrip/mode:limit/size:1/actors:1/inflight:1"
bad "context.tramline_schema_version: 1 is wanted, not 7" 's/schema_version": 1/schema_version": 7/'
bad "benchmarks[0].real_time: a time from 0.001" 's/"real_time": 100/"real_time": -5/'
bad "benchmarks[0].real_time: a time from 0.001" 's/"real_time": 100/"real_time": 0/'
bad "benchmarks[0].actors: a whole number from 1 is wanted, not 0" 's/"actors": 1/"actors": 0/'
bad "$case: payload_bytes: it is missing" 's/"payload_bytes": 1,//'
bad "$case: mode: plain text is wanted" 's/"mode": "limit"/"mode": "\\u001b[31m"/'
bad "$case: version: plain text is wanted" 's/"mode": "limit"/&, "version": "a\\u001b[31m"/'
cp "$dir/0/limit.json" "$dir/2/second.json"
refuse "$dir/2/second.json: roundtrip/mode:limit/size:1/actors:1/inflight:1: it has a second row in this round" "$none" "$dir/2"
rm "$dir/2/second.json"
echo '{' >"$dir/2/broken.json"
refuse "$dir/2/broken.json:" "$none" "$dir/0" "$dir/2"
"$program" /dev/full "$dir/0" >"$dir/table" 2>"$dir/err"
[ "$? $(grep -c 'cannot write /dev/full: No space' "$dir/err")" = "2 1" ] || { failed=1; echo "a full disk is no error"; }
"$program" "$none" "$dir/0" >/dev/full 2>"$dir/err"
[ "$? $(grep -c 'standard output: No space' "$dir/err")" = "2 1" ] || { failed=1; echo "a table that is lost is no error"; }
"$program" --help >"$dir/table" 2>"$dir/err" || failed=1
expect '^usage: peers_join OUT' "$dir/table"
"$program" --help >/dev/full 2>"$dir/err"
[ $? = 2 ] || { failed=1; echo "help that is lost is no error"; }
exit $failed
