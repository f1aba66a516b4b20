#!/bin/sh
# Ray, eager and compiled, with a few executions of a pattern each, all payloads checked: ray_test.sh FOLDER, of the virtual
# environment. 77, with the reason, where Ray cannot run. It takes a while: Ray's processes start anew for each.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
python=$1/bin/python
[ -x "$python" ] || { echo "skipped: there is no $1 (ci/peers --install makes it)"; exit 77; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
run() { # WANTED OPTION...
    wanted=$1
    shift
    status=0
    "$python" "$here/ray_peer.py" -n 20 -w 5 --json="$dir/r.json" "$@" >"$dir/out" 2>&1 || status=$?
    if [ $status != 0 ] || ! grep -qF "$wanted" "$dir/out" || ! grep -q '"real_time": [0-9]' "$dir/r.json"; then
        cat "$dir/out"
        [ $status = 77 ] && exit 77
        exit 1
    fi
}
run "chain/mode:ray-eager/size:9/actors:2/inflight:1: p50 " --mode=ray-eager --scenario=chain --actors=2 --size=9
run "scatter_gather/mode:ray-compiled/size:65536/actors:2/inflight:1: p50 " --mode=ray-compiled \
    --scenario=scatter_gather --actors=2 --size=64k
