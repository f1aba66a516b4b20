#!/bin/sh
# Pictures and pages, of a made-up file, of a hostile one and of one that a scenario has just written: they are there, each
# script draws by hand, and the same files give the same bytes. Usage: draw_test.sh PLOT REPORT SAMPLE_PROGRAM SCENARIO
set -u
plot=$1
report=$2
sample=$3
scenario=$4
if ! command -v gnuplot >/dev/null; then
    echo "skipped: gnuplot is not installed (package gnuplot-nox)"
    exit 77
fi
failed=0
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
mkdir scratch
export TMPDIR="$dir/scratch"

complain() {
    failed=$((failed + 1))
    echo "$*"
}

"$sample" a.json && "$sample" bad.json hostile || exit 1
"$scenario" --actors=2,4 -n 60 -w 5 --repetitions=2 --json=real.json >/dev/null 2>&1 || complain "the scenario failed"
cat >compare.json <<EOT
{"tramline_comparison_version": 1, "verdict": "<b>\$(touch pwned)", "delta": 0.05, "gates": false,
 "environment": ["<b>'\`touch pwned\`'"], "advice": ["not interleaved"], "missing": ["</ul>"], "more": [], "cases": [
  {"name": "a/size:1", "p50": {"ratio": 1.01, "low": 0.98, "high": 1.04}, "delta": 0.15, "verdict": "OK"},
  {"name": "a/size:2", "p50": {"ratio": 1.2, "low": 1.1, "high": 1.3}, "delta": 0.05, "verdict": "REGRESSED"},
  {"name": "<b>'\`touch pwned\`'", "p50": {"ratio": 0.9, "low": null, "high": null}, "verdict": "\$(touch pwned)"}]}
EOT
cat >summary.json <<EOT
{"p50_traced_ns": 3000.0, "p50_untraced_ns": 2000.0, "graphs": [{"graph": 1, "executions": 100, "looked_at": 100,
  "mean_ns": 3000, "edges": [{"reads": 100, "latency_mean_ns": 2000.0}, {"reads": 100, "latency_mean_ns": 2000.0}],
  "overlap": {"compute_sum_ns": 100000, "compute_union_ns": 100000}}]}
EOT
files='a.json bad.json real.json compare.json summary.json'

for out in one two; do
    "$plot" $files -o $out >$out.log 2>&1 || complain "plot: $(tail -n 2 $out.log)"
    "$report" $files -o page-$out >$out.log 2>&1 || complain "report: $(tail -n 2 $out.log)"
done
diff -r one two >diff.log || complain "not the same bytes again: $(head -n 5 diff.log)"
cmp page-one/index.html page-two/index.html || complain "not the same page again"
for name in roundtrip-ladder roundtrip-latency chain-scaling-i1 chain-throughput-a4 roundtrip-speedup roundtrip-order \
    roundtrip-percentiles-b1 scatter-gather-ladder scatter-gather-scaling forest overlap-trace; do
    for ending in tsv gp svg png; do
        [ -s one/$name.$ending ] || complain "no $name.$ending"
    done
done
[ -z "$(find . -name 'pwned*')" ] || complain "a text of a file was run as a command"
[ "$(head -c 4 one/forest.png | od -An -tx1 | tr -d ' ')" = 89504e47 ] || complain "forest.png is no PNG"

# By hand, in a folder with nothing else, and from a start-up file that would spoil it.
mkdir hand home
cp one/chain-scaling-i1.tsv one/chain-scaling-i1.gp hand
(cd hand && HOME="$dir/home" gnuplot chain-scaling-i1.gp) || complain "chain-scaling-i1.gp does not draw by hand"
cmp one/chain-scaling-i1.svg hand/chain-scaling-i1.svg || complain "drawn by hand it is another picture"
echo 'set title "mine"; set terminal dumb' >home/.gnuplot
HOME="$dir/home" "$plot" $files -o three --kind=scaling >three.log 2>&1
cmp one/chain-scaling-i1.svg three/chain-scaling-i1.svg || complain "a start-up file changes the picture"

# Overlap: 3000 ns in all, 1000 of computing, 4000 of communication alone: half is hidden.
grep -q "^0	graph 1	1000	4000	3000	50	" one/overlap-trace.tsv || complain "overlap: $(cat one/overlap-trace.tsv)"

[ -z "$(ls scratch)" ] || complain "a report left its folder: $(ls scratch)"
[ "$failed" = 0 ] && echo "1 passed, 0 failed"
[ "$failed" = 0 ]
