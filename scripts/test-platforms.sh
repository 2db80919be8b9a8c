#!/usr/bin/env bash
# Runs the tests of C, Go and the installed files with the libraries of other platforms (scripts/platforms.txt), as
# far as this machine can run them, against the sandbox of this machine. Writes what ran into docs/platforms.md.
#
#     scripts/test-platforms.sh [NAME...]
#
# arm64 runs under qemu's user mode, musl by its own loader, and Windows under wine (scripts/test-windows.sh). The
# libraries are built as those that are shipped, but faster: for the same compilers, linkers and C libraries, less
# optimised. RELEASE=1 tests what `make dist` builds, and BUILT=1 takes what is there, without a build.
#
# macOS and linux-armv7 are compiled, and not linked. linux-i686 runs the unit tests of the core. For these two
# platforms of 32 bits nothing is packaged.
#
# The tests are those of the host, with the compilers of the platform on the PATH: scripts/sanitize.sh does the same for
# instrumented libraries.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh
. scripts/toolchains.sh
. scripts/platforms.sh

readonly targets=(c_programs error_table hostile threads fleet install conformance)
readonly results=$target/platforms/results
build_options=(--test)
built=$target/platforms/test
if [ -n "${RELEASE:-}" ]; then
    build_options=()
    built=$target/platforms
fi

# Tests that say nothing about a platform.
common_skips=(
    # They count and look with valgrind and callgrind, which run on the host's platform only.
    instructions_of_observe
    # They compile the header alone, or read what rustc and the Makefile say about the host.
    header_compiles compiles_alone static_libraries_are_those cmake_finds libraries_are_installed_into
    program_starts_after_root documented_table
    # The second Rust library and libcrypto.a that it is linked with are of the host.
    static_library_works_beside
    # conformance: the cases of other languages, and the table.
    cpp_passes python_passes go_passes dotnet_passes deviations_from
    # C++: its header is the host's affair, and building a standard library of C++ takes longer than all tests in C.
    destructors_of_static callback_that_throws
)
skips_of_qemu=(
    # A child that is forked beside busy threads hangs in qemu's own locks.
    forked_ copy_linked_statically
    # qemu has threads of its own.
    client_has_no_thread
    # They expect a response within two seconds, for which an emulated TLS handshake is too slow on a busy machine.
    no_thread_can_be_started redis_with_tls
)
skips_of_musl=(
    # Its program measures with mallinfo2 of glibc.
    thousand_clients_leave_nothing
)

# wrap TOOL COMMAND...: a program of this name that runs a command.
wrap() {
    local tool=$1
    shift
    printf '#!/bin/sh\nexec %s "$@"\n' "$*" >"$tools/$tool"
    chmod +x "$tools/$tool"
}

# Sets `tools`, a directory with the compilers of the platform under the names of the host's, `runner`, `skips` and
# `how`, which says how its programs run.
prepare() {
    local tool
    tools=$built/$platform/tools
    runner=
    skips=("${common_skips[@]}")
    how="this machine"
    rm -rf "$tools"
    mkdir -p "$tools"
    case $platform in
    linux-arm64)
        need aarch64-linux-gnu-g++=g++-aarch64-linux-gnu qemu-aarch64-static=qemu-user-static
        runner="qemu-aarch64-static -L /usr/aarch64-linux-gnu"
        for tool in cc gcc; do wrap $tool aarch64-linux-gnu-gcc; done
        for tool in c++ g++; do wrap $tool aarch64-linux-gnu-g++; done
        ;;
    linux-musl-*)
        need_cargo_zigbuild
        skips+=("${skips_of_musl[@]}")
        # zig's run-time for its sanitizer, which is on by default, needs a later musl than Debian 12 has.
        local options=(-target "${triple%%-*}-linux-musl" -dynamic -fno-sanitize=undefined)
        for tool in cc gcc; do wrap $tool "$(zig_program)" cc "${options[@]}"; done
        for tool in c++ g++; do wrap $tool "$(zig_program)" c++ "${options[@]}"; done
        how="musl's loader"
        ;;
    esac
    case $platform in
    linux-musl-x64) need /lib/ld-musl-x86_64.so.1=musl ;;
    linux-musl-arm64)
        need qemu-aarch64-static=qemu-user-static
        need_musl_arm64
        runner="qemu-aarch64-static -L $musl_arm64"
        ;;
    esac
    if [ -n "$runner" ]; then
        how="qemu"
        skips+=("${skips_of_qemu[@]}")
    fi
}

# Sets `musl_arm64` to a root with Debian's musl for arm64.
need_musl_arm64() {
    local state=$target/platforms/apt-arm64
    musl_arm64=$target/platforms/musl-arm64
    [ -e "$musl_arm64/lib/ld-musl-aarch64.so.1" ] && return
    mkdir -p "$state/lists/partial" "$state/cache/archives/partial" "$musl_arm64"
    # apt keeps its lists for arm64 in a place of their own, so that this machine's packages stay as they are.
    local apt=(apt-get --option "Dir::State=$state" --option "Dir::State::Lists=$state/lists"
        --option "Dir::Cache=$state/cache" --option APT::Architecture=arm64 --option APT::Architectures::=arm64)
    (cd "$state" && "${apt[@]}" update >/dev/null && "${apt[@]}" download musl >/dev/null)
    dpkg-deb --extract "$state"/musl_*_arm64.deb "$musl_arm64"
}

build_tests() {
    need_compiler
    cargo test --workspace --no-run "${targets[@]/#/--test=}" --message-format=json-render-diagnostics >"$results/tests.json"
}

# Runs the tests of C and C++, and adds their number to `passed`.
run_programs() {
    local name log
    for name in "${targets[@]}"; do
        log=$results/$platform-$name.log
        PATH=$tools:$PATH TEST_PLATFORM=$platform TEST_PLATFORM_RUNNER=$runner INSTALLED_PREFIX=$prefix \
            timeout 900 "$(test_executable "$results/tests.json" "$name")" "${skips[@]/#/--skip=}" >"$log" 2>&1 || {
            cat "$log"
            failed+=("$name for $platform")
        }
        echo "$name: $(sed -n 's/^test result: //p' "$log")"
        passed=$((passed + $(sed -n 's/^test result: [a-zA-Z]*. \([0-9]*\) passed.*/\1/p' "$log")))
    done
}

# Runs the tests of Go, without cgo, and adds their number to `passed`. Those of the package `native` are about the
# files of the host.
run_go() {
    local options=(-count=1 -v) flags='' skipped=() log=$results/$platform-go.log
    if [ "$libc" = musl ]; then
        # A program of Go without cgo starts by the loader of glibc unless it is told otherwise. In the environment,
        # for the programs that the tests build.
        flags="-tags=musl '-ldflags=-I /lib/ld-musl-${triple%%-*}.so.1'"
        # It measures with mallinfo2 of glibc.
        skipped+=(LeakNothing)
    fi
    if [ -n "$runner" ]; then
        options+=(-exec "$runner")
        # They start programs of the platform, which the system cannot do without qemu; measure; or stop in qemu.
        skipped+=(Children ExampleProgram LibraryIsFound LeakNothing TenThousand)
    fi
    [ ${#skipped[@]} = 0 ] || options+=(-skip "$(IFS='|' && echo "${skipped[*]}")")
    (
        cd bindings/go
        GOFLAGS=$flags GOARCH=$goarch CGO_ENABLED=0 TANGO_TOKEN_LIBRARY=$prefix/lib/$shared \
            timeout 600 go test "${options[@]}" . ./tangooauth2
    ) >"$log" 2>&1 || {
        cat "$log"
        failed+=("Go for $platform")
    }
    echo "Go: $(grep --count '^--- PASS' "$log") passed"
    passed=$((passed + $(grep --count '^--- PASS' "$log")))
}

# A program that contains all that it needs, musl too: it runs on each Linux of its processor.
run_static_program() {
    local program=$results/$platform-static-program output
    # shellcheck disable=SC2086 # several options
    "$(zig_program)" cc -target "${triple%%-*}-linux-musl" -static -fno-sanitize=undefined -D_POSIX_C_SOURCE=200809L \
        -I "$prefix/include" examples/c/acquire.c "$prefix/lib/$static" $static_libraries -o "$program"
    ! readelf --program-headers --wide "$program" | grep INTERP || fail "$program is not linked statically"
    # shellcheck disable=SC2086 # a command with options
    output=$("$TANGO_SANDBOX" run --log-file /dev/null -- $runner "$program" 2>&1) || fail "$program: $output"
    grep --quiet "^1. Bearer token" <<<"$output" || fail "$program: $output"
    echo "a fully static program got a token"
    passed=$((passed + 1))
}

test_windows() {
    local log=$results/$platform.log
    step "$platform"
    scripts/test-windows.sh 2>&1 | tee "$log"
    passed=$(sed -nE 's/^test result: ok\. ([0-9]+) passed.*/\1/p; s/.*: ([0-9]+) tests passed$/\1/p' "$log" |
        awk '{ sum += $1 } END { print sum }')
    scripts/platform_table.py "$platform" built=yes "run by=wine" "tests passed=$passed"
}

# cargo_for TRIPLE COMMAND...: zig compiles the C code of aws-lc, and links.
cargo_for() {
    local triple=$1
    shift
    need_compiler
    need_python
    need_cargo_zigbuild
    need_rust_target "$triple"
    CARGO_PROFILE_DEV_DEBUG=0 cargo-zigbuild "$@" --package tango-token --lib --target "$triple"
}

compile() {
    step "$1: compiles"
    cargo_for "$2" check
    scripts/platform_table.py "$1" built=compiles
}

test_core() {
    local log=$results/$1.log
    step "$1: unit tests of the core"
    cargo_for "$2" test | tee "$log"
    scripts/platform_table.py "$1" built=compiles "run by=this machine" \
        "tests passed=$(sed -nE 's/^test result: ok\. ([0-9]+) passed.*/\1/p' "$log")"
}

# What all platforms need whose programs run, once.
tests_are_ready=
need_tests() {
    [ -z "$tests_are_ready" ] || return 0
    tests_are_ready=yes
    need_go
    need readelf=binutils openssl=openssl redis-server=redis-server pkg-config=pkg-config cmake=cmake
    step "tests and sandbox of this machine"
    build_tests
    TANGO_SANDBOX=${TANGO_SANDBOX:-$target/release/tango-sandbox}
    [ -e "$TANGO_SANDBOX" ] || make --no-print-directory sandbox
    export TANGO_SANDBOX
}

[ $# -gt 0 ] || set -- linux-x64 linux-arm64 linux-musl-x64 linux-musl-arm64 win-x64 osx-arm64 osx-x64 \
    linux-armv7 linux-i686
failed=()
mkdir -p "$results"
for name in "$@"; do
    case $name in
    osx-*)
        platform "$name"
        compile "$name" "$triple"
        continue
        ;;
    linux-armv7)
        compile "$name" armv7-unknown-linux-gnueabihf
        continue
        ;;
    linux-i686)
        test_core "$name" i686-unknown-linux-musl
        continue
        ;;
    esac
    platform "$name"
    need_tests
    if [ "$goos" = windows ]; then
        test_windows
        continue
    fi
    step "$name: build"
    [ -n "${BUILT:-}" ] || scripts/build-platform.sh "$name" "${build_options[@]}" shared static
    step "$name: tests"
    prepare
    prefix=$built/$platform/prefix
    rm -rf "$prefix"
    install_platform "$built/$platform/$shared" "$built/$platform/$static" "$TANGO_SANDBOX" PREFIX="$prefix" >/dev/null
    passed=0
    run_programs
    [ "$libc" != musl ] || run_static_program
    run_go
    echo "$name: $passed tests passed, run by $how"
    [ ${#failed[@]} = 0 ] || fail "these failed: ${failed[*]}"
    scripts/platform_table.py "$name" built=yes "run by=$how" "tests passed=$passed"
done
