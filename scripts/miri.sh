#!/usr/bin/env bash
# Runs unit tests in Miri, an interpreter that finds undefined behaviour: uses of freed memory, invalid references,
# violations of the aliasing rules, reads of uninitialised memory, data races.
#
#     scripts/miri.sh
#
# Miri runs no code in C. The tests of `rust` use none. Those of `mixed` also need a digest or a random number of aws-lc,
# or functions of the C library: Miri lends such a call its memory, and checks everything around it. Tests that need a
# socket, a file, a key or another process run under the sanitizers instead (scripts/sanitize.sh), which see leaks too:
# some tests play a forked child, which leaves the state of its parent behind.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh

readonly host=x86_64-unknown-linux-gnu
readonly built=$target/miri

# Beginnings of the names of tests.
readonly rust=(
    client::single_flight:: process::tests:: process::gate:: process::id:: process::section::tests::sections_
    deadline::tests::work_that_is_done
)
readonly mixed=(ffi::tests:: ffi::callback:: token::tests:: random:: process::section::tests::trial_)

need_miri() {
    cargo +nightly miri --version >/dev/null 2>&1 && return
    command -v rustup >/dev/null || fail "$0 needs Miri, which rustup installs"
    # Takes the newest nightly that has Miri: some have not.
    rustup toolchain install nightly --profile minimal --component miri,rust-src --no-self-update ||
        fail "$0 needs Miri: rustup toolchain install nightly --component miri"
}

miri_test() {
    CARGO_INCREMENTAL=0 cargo +nightly miri test --target-dir "$built" --package tango-token --lib "$@"
}

# Makes a library of aws-lc, as cargo has built it, and of what Miri lacks of the C library.
native_library() {
    local archive
    archive=$(find "$built/miri/$host/debug/build" -name 'libaws_lc_*_crypto.a' -printf '%T@ %p\n' | sort -n | tail -n 1)
    archive=${archive#* }
    cc -shared -fPIC -o "$built/native.so" scripts/miri/native.c -Wl,--whole-archive "$archive" -Wl,--no-whole-archive
}

# run FLAGS NAME...: runs these tests, and adds their count to `passed`.
run() {
    local flags=$1
    shift
    MIRIFLAGS="-Zmiri-disable-isolation -Zmiri-ignore-leaks $flags" miri_test -- "$@" 2>&1 | tee "$built/log"
    passed=$((passed + $(sed -n 's/^test result: ok. \([0-9]*\) passed.*/\1/p' "$built/log")))
    local name
    for name in "$@"; do
        grep -q "^test .*$name" "$built/log" || fail "no test matches $name"
    done
}

need_compiler
need_miri
mkdir -p "$built"
passed=0
# The last line on stdout is the result.
trap 'print_times >&2' EXIT

step "build for Miri"
miri_test --no-run
native_library

step "tests without code in C"
run "-Zmiri-strict-provenance" "${rust[@]}"
without=$passed

step "tests with code in C"
# Miri cannot print a backtrace when it lends memory.
run "-Zmiri-permissive-provenance -Zmiri-native-lib=$built/native.so -Zmiri-env-set=RUST_BACKTRACE=0" "${mixed[@]}"
echo "$passed tests, $without of them with strict provenance; no undefined behaviour"
