#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Google Benchmark's own compare.py reads two of our result files, and what our compare makes of them.
# Usage: compare_py_test.sh SAMPLE_PROGRAM COMPARE_PROGRAM
set -eu
sample=$1
ours=$2

compare=$(dpkg -L libbenchmark-tools 2>/dev/null | grep '/compare\.py$' | head -n 1) || true
if [ -z "$compare" ]; then
    echo "skipped: compare.py is not installed (package libbenchmark-tools)"
    exit 77
fi
# The package depends on Debian's python and its numpy and scipy, not on whichever python3 comes first.
python=/usr/bin/python3
if ! "$python" -c 'import numpy, scipy.stats' 2>/dev/null; then
    echo "skipped: $python has no numpy or scipy, which compare.py needs"
    exit 77
fi

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$sample" "$folder/base.json" 1
"$sample" "$folder/head.json" 1.25

if ! "$python" "$compare" --no-color benchmarks "$folder/base.json" "$folder/head.json" >"$folder/out" 2>&1; then
    cat "$folder/out"
    echo "failed: compare.py does not accept the result files"
    exit 1
fi
cat "$folder/out"
for want in 'sample/mode:compiled/size:1' 'sample/mode:eager/size:1' '_pvalue' '+0\.2'; do
    if ! grep -q -- "$want" "$folder/out"; then
        echo "failed: compare.py printed no '$want'"
        exit 1
    fi
done

"$ours" --gbench="$folder/base1.json" "$folder/head.json" "$folder/base.json" >/dev/null
"$ours" --gbench="$folder/head1.json" "$folder/base.json" "$folder/head.json" >/dev/null || [ $? = 1 ]
if ! "$python" "$compare" --no-color benchmarks "$folder/base1.json" "$folder/head1.json" >"$folder/out" 2>&1; then
    cat "$folder/out"
    echo "failed: compare.py does not accept the export"
    exit 1
fi
cat "$folder/out"
for want in 'sample/mode:compiled/size:1  *+0\.2' 'sample/mode:eager/size:1  *+0\.2498'; do
    if ! grep -q -- "$want" "$folder/out"; then
        echo "failed: compare.py printed no '$want' of the export"
        exit 1
    fi
done
