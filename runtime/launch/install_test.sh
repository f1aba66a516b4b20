#!/bin/sh
# Installs into a folder of its own, builds a short program against that by CMake and by pkg-config, runs it, and traces it: by
# TRAM_TRACE, which needs nothing of the program, and by tram_trace_open. Usage: install_test.sh BUILD_FOLDER COMPILER
set -eu
build=$1
cc=$2
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cmake --install "$build" --prefix "$dir/there" >/dev/null
cat >"$dir/main.c" <<'END'
#include <stdio.h>
#include <string.h>
#include <tramline/tramline.h>

static int echo(void *self, struct tram_call *c) {
    struct tram_bytes in = tram_arg(c, 0);
    (void)self;
    return tram_result_copy(c, 0, in.data, in.size);
}
static const struct tram_method methods[] = {{.name = "echo", .fn = echo}, {0}};
static const struct tram_class classes[] = {{.name = "Echo", .methods = methods}, {0}};

int main(int argc, char **argv) {
    struct tram *t; struct tram_actor *a; struct tram_graph *g; struct tram_compiled *x; struct tram_ref r;
    char buf[64]; size_t n;
    if (tram_init(&argc, &argv, classes, &t) || (argc > 1 && tram_trace_open(t, argv[1], NULL))) {
        fprintf(stderr, "%s\n", tram_last_error()->text);
        return 2;
    }
    int bad = tram_actor_create(t, "Echo", NULL, &a) || tram_call(a, "echo", "hi", 2, &r) ||
              tram_get(&r, buf, sizeof buf, &n, 10.0) || tram_graph_create(t, &g);
    tram_graph_output(g, tram_graph_bind(g, a, "echo", tram_graph_input(g, 64)));
    bad = bad || tram_graph_compile(g, NULL, &x) || tram_execute(x, "hi", 2, &r) ||
          tram_get(&r, buf, sizeof buf, &n, 10.0) || tram_teardown(x);
    printf("%.*s\n", (int)n, buf);
    tram_graph_destroy(g);
    tram_fini(t);
    return bad || n != 2 || memcmp(buf, "hi", 2) != 0;
}
END
cat >"$dir/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.25)
project(other LANGUAGES C)
find_package(tramline 0.1 REQUIRED)
add_executable(other main.c)
target_link_libraries(other PRIVATE tramline::tramline)
END
cmake -S "$dir" -B "$dir/b" -DCMAKE_PREFIX_PATH="$dir/there" -DCMAKE_C_COMPILER="$cc" >/dev/null
cmake --build "$dir/b" >/dev/null
# shellcheck disable=SC2046 # flags are words
PKG_CONFIG_PATH=$dir/there/lib/pkgconfig "$cc" "$dir/main.c" -o "$dir/other" \
    $(PKG_CONFIG_PATH=$dir/there/lib/pkgconfig pkg-config --cflags --libs tramline)

# A host program with children, signals and threads of its own.
# shellcheck disable=SC2046
PKG_CONFIG_PATH=$dir/there/lib/pkgconfig "$cc" -D_GNU_SOURCE "$(dirname "$0")/embed_host.c" -o "$dir/embed_host" -pthread \
    $(PKG_CONFIG_PATH=$dir/there/lib/pkgconfig pkg-config --cflags --libs tramline)
[ "$("$dir/embed_host")" = embedded ]

[ "$("$dir/there/bin/tram-trace" --version)" = "$("$dir/there/bin/tramline-roundtrip" --version)" ]
"$dir/there/bin/tramline-roundtrip" --help >"$dir/help"
grep -qF "Usage: $dir/there/bin/tramline-roundtrip [options]" "$dir/help"
! grep -qF ./scenarios "$dir/help"

TRAM_MODULE_DIR=$dir/there/lib/tramline
export TRAM_MODULE_DIR
for program in "$dir/b/other" "$dir/other"; do
    [ "$("$program")" = hi ]
    TRAM_TRACE=$dir/env.pftrace "$program" >/dev/null
    "$program" "$dir/open.pftrace" >/dev/null
    for trace in env open; do
        "$dir/there/bin/tram-trace" check "$dir/$trace.pftrace" >"$dir/said" || { cat "$dir/said"; exit 1; }
        rm "$dir/$trace.pftrace"
        [ ! -e "$dir/$trace.pftrace.rings" ]
    done
done
# What is measured and compared with goes along.
"$dir/there/bin/tramline-roundtrip" --mode=limit,compiled,eager -n 50 -w 5 --repetitions=1 --quiet --json="$dir/one.json" >/dev/null
grep -q '"allocations_per_exec": 0.0' "$dir/one.json"
"$dir/there/bin/tramline-plot" "$dir/one.json" -o "$dir/figures" >/dev/null
for program in chain scatter_gather multi_args transfer compare report; do
    "$dir/there/bin/tramline-$program" --help >/dev/null
done
# Without the library there is a program, but no trace.
if TRAM_MODULE_DIR=/nonexistent "$dir/other" "$dir/no.pftrace" 2>"$dir/said"; then
    echo "a trace without its library"
    exit 1
fi
grep -q 'the trace library could not be loaded' "$dir/said"
[ ! -e "$dir/no.pftrace" ]
echo "install_test: passed"
