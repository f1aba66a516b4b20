#!/bin/sh
# peers_join on files that are made up: join_test.sh PROGRAM.
set -u
program=$1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
failed=0

row() { # ROUND MODE P50 [MORE [P99]]: a result file with one row, that ended in second $ended
    mkdir -p "$dir/$1"
    cat >"$dir/$1/$2.json" <<EOT
{"context": {"machine": {"cpu_model": "made up"}, "run": {"end_utc": "2026-01-01T00:00:$ended.000Z", "noise": {"after": $ended}}}, "benchmarks": [
  {"name": "roundtrip/mode:$2/size:1/actors:1/inflight:1", "run_type": "iteration", "repetition_index": 0, "repetitions": 1,
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

ended=10
row 0 limit 100
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
expect '"repetition_index": 2' "$dir/out.json"
expect '"repetitions": 3' "$dir/out.json"
[ "$(grep -c '"run_type"' "$dir/out.json")" = 13 ] || { failed=1; echo "not all rows are in the file"; }

echo '{' >"$dir/2/broken.json"
"$program" "$dir/out2.json" "$dir/0" "$dir/2" >"$dir/table" 2>"$dir/err"
[ $? = 1 ] || { failed=1; echo "a broken file is no error"; }
expect "broken.json" "$dir/err"
"$program" "$dir/out.json" 2>"$dir/err"
[ $? = 2 ] || { failed=1; echo "no folder is no error"; }
"$program" "$dir/out.json" "$dir/none" 2>"$dir/err"
[ $? = 1 ] || { failed=1; echo "a folder that is not there is no error"; }
exit $failed
