#!/bin/sh
# What ci/peers runs, refuses, and leaves when it is interrupted, with made-up programs. Usage: peers_test.sh
set -u
ci=$(cd "$(dirname "$0")" && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
failed=0
problem() {
    failed=1
    echo "$1"
    cat "$dir/out" "$dir/err"
}

# A tree with no peers but one, and nothing to build.
bin=$dir/tree/build/release/scenarios
mkdir -p "$dir/tree/ci" "$bin/peers" "$dir/bin"
cp "$ci/peers" "$dir/tree/ci/"
cd "$dir/tree" || exit 1
cat >"$bin/roundtrip" <<EOT
#!/bin/sh
case \$* in *--version) exit 1 ;; esac
echo "\$*" >>"$dir/ran"
[ ! -f "$dir/breaks" ] || exit 1
[ ! -f "$dir/hangs" ] || exec sleep 86396
EOT
printf '#!/bin/sh\n' >"$dir/bin/cmake"
printf '#!/bin/sh\nexit 1\n' >"$dir/bin/mpirun"
chmod +x "$bin/roundtrip" "$dir/bin/cmake" "$dir/bin/mpirun"
for program in chain scatter_gather peers/peer_raw peers/peer_mpi peers/peer_ucx peers/peers_join; do
    cp "$bin/roundtrip" "$bin/$program"
done
PATH=$dir/bin:$PATH

refused() { # WANTED OPTION
    # shellcheck disable=SC2086  # an option, or one with its value
    ci/peers $2 >"$dir/out" 2>"$dir/err"
    status=$?
    [ "$status $(wc -l <"$dir/err") $(grep -cF -- "$1" "$dir/err")" = "2 1 1" ] || problem "$2: status $status"
}
refused "--rounds=65: a whole number from 1 to 64" --rounds=65
refused "--rounds=0: a whole number from 1" --rounds=0
refused "--rounds=: a whole number from 1" --rounds=
refused "--seed=08: a whole number" --seed=08
refused "--bogus: there is no such option" --bogus
refused "-o: a folder is wanted" -o
refused "-o $dir: there is something in it" "-o $dir"
refused "-o /proc/x: it cannot be written" "-o /proc/x"
for option in -h --help; do
    ci/peers $option >"$dir/out" 2>"$dir/err" || problem "$option: status $?"
    grep -q -- '--rounds=N' "$dir/out" && [ ! -s "$dir/err" ] || problem "$option"
done
[ ! -f "$dir/ran" ] || problem "help runs something"

ci/peers --quick -o "$dir/run" >"$dir/out" 2>"$dir/err" || problem "status $?"
modes=$(sed -n 's/.*--mode=\([a-z-]*\) .*/\1/p' "$dir/ran" | sort | uniq -c | xargs)
[ "$modes" = "6 compiled 6 eager 6 eager-shm 6 limit 6 raw-futex 6 raw-pipe 6 raw-unix" ] || problem "what ran: $modes"
: >"$dir/breaks"
ci/peers --quick --rounds=1 -o "$dir/broken" >"$dir/out" 2>"$dir/err"
[ "$? $(grep -c 'failed with status 1, see' "$dir/out")" = "1 21" ] || problem "launches that fail"
rm "$dir/breaks" "$dir/ran"

: >"$dir/hangs"
ci/peers --quick -o "$dir/hung" >"$dir/out" 2>"$dir/err" &
peers=$!
for i in $(seq 100); do
    [ ! -f "$dir/ran" ] || break
    sleep 0.1
done
kill -TERM $peers
wait $peers
[ "$? $(grep -c '^ci/peers: interrupted' "$dir/err")" = "143 1" ] || problem "being interrupted"
[ -z "$(pgrep -f '^sleep 86396$')" ] || problem "a launch goes on"
exit $failed
