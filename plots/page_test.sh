#!/bin/sh
# What others read in a report: well-formed pages and pictures that load nothing and run nothing, with words for every picture.
# Usage: page_test.sh PLOT REPORT SAMPLE_PROGRAM
set -u
plot=$1
report=$2
sample=$3
python=/usr/bin/python3
if ! command -v gnuplot >/dev/null || [ ! -x "$python" ]; then
    echo "skipped: gnuplot or $python is not installed"
    exit 77
fi
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"$sample" "$dir/a.json" && "$sample" "$dir/bad.json" hostile || exit 1
"$report" "$dir/a.json" "$dir/bad.json" -o "$dir/page" >/dev/null || exit 1
"$plot" "$dir/a.json" "$dir/bad.json" -o "$dir/plots" >/dev/null || exit 1
here=$(cd "$(dirname "$0")" && pwd)
"$python" "$here/page_check.py" "$dir/page/index.html" "$dir"/plots/*.svg || exit 1

# The sample is what its files give; by another gnuplot the pictures differ.
files="$here/sample/roundtrip.json $here/sample/chain.json $here/sample/scatter_gather.json $here/sample/transfer.json"
"$report" $files -o "$dir/sample" >/dev/null || exit 1
"$python" "$here/page_check.py" "$dir/sample/index.html" || exit 1
if [ "$(gnuplot --version)" = "gnuplot 5.4 patchlevel 4" ] && ! cmp "$dir/sample/index.html" "$here/sample/index.html"; then
    echo "failed: plots/sample/make --draw makes another page of the sample"
    exit 1
fi
