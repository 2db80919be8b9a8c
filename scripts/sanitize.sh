#!/usr/bin/env bash
# Runs the unit tests and the C and C++ programs with a library that rustc has instrumented for a sanitizer, and fails
# on the first report, of whichever process.
#
#     scripts/sanitize.sh address|thread [--short]
#
# `address` finds accesses to freed or foreign memory, and leaks; `thread` finds data races. --short runs the
# hostile programs, those in C, and the unit tests of pointers, locks and atomics.
#
# The tests themselves compile the programs for the same sanitizer (tests/support/programs.rs). aws-lc is instrumented
# as well, except for its assembly.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh

sanitizer=${1:-}
form=${2:-}
case $sanitizer,$form in
address, | address,--short | thread, | thread,--short) ;;
*) fail "usage: scripts/sanitize.sh address|thread [--short]" ;;
esac

readonly host=x86_64-unknown-linux-gnu
readonly built=$target/sanitize-$sanitizer
readonly reports=$built/reports
readonly prefix=$built/prefix

# The test targets with C and C++ programs, and of `conformance` the cases in these two languages. All unit tests, or
# those whose names contain one of these.
targets=(c_programs cpp_programs error_table hostile threads dpop conformance)
unit_tests=()
if [ "$form" = --short ]; then
    targets=(c_programs hostile threads)
    unit_tests=(ffi:: process:: single_flight:: token::)
fi

# Names of tests that are left out.
skipped=(
    # Verified by programs in Node.js and Python, which read what an ordinary program printed.
    verified_by
    # Counts what callgrind counts.
    instructions_of_observe
    # Its program replaces pthread_create, as the sanitizer does.
    no_thread_can_be_started
    # Its program counts its pages, and those of the sanitizer with them.
    cancelled_requests_leave_nothing
    # Its program looks at all signal handlers, of which the sanitizer has some.
    signals_neither_interrupt
    # Its program holds three copies of the library, and the sanitizer expects one.
    copy_linked_statically
    # The sanitizer's own functions would be exported beside the library's.
    exported_symbols
)
if [ "$sanitizer" = thread ]; then
    skipped+=(
        # The sanitizer has a thread of its own.
        client_has_no_thread
        # It closes the files that the sanitizer has open.
        program_closed_descriptors
        # It replaces `operator delete`, of which gcc 12 then warns wherever the sanitizer keeps it from being inlined.
        cached_acquire_allocates_nothing
    )
fi

build() {
    need_compiler
    need python3=python3 llvm-symbolizer=llvm
    local options=()
    # Cargo passes flags of a target to no build script. In the environment they would reach `make sandbox`, too.
    options+=(--config "target.$host.rustflags=[\"-Zsanitizer=$sanitizer\"]" --target "$host" --target-dir "$built")
    options+=(--config 'profile.dev.opt-level=1' --config 'profile.dev.debug="line-tables-only"')
    if [ "$sanitizer" = thread ]; then
        # Without the standard library's own code, its locks would be invisible and everything a race. For `address`
        # that code adds nothing: the sanitizer sees it allocate and free, and its generic parts are compiled here.
        options+=(-Zbuild-std)
        rustup component add rust-src 2>/dev/null || fail "$0 needs the sources of the standard library (rust-src)"
        # For `address`, the build script of aws-lc does this by itself. Not for the tests, which build the sandbox.
        local -x CFLAGS_x86_64_unknown_linux_gnu=-fsanitize=thread
    fi
    CARGO_INCREMENTAL=0 RUSTC_BOOTSTRAP=1 cargo test "${options[@]}" --package tango-token --features zeroizing-allocator \
        --no-run --lib "${targets[@]/#/--test=}" --message-format=json-render-diagnostics >"$built.json"
}

# Installs the library in a prefix of its own, where the tests find it.
install_library() {
    local stage=$built/stage/release libraries=$built/$host/debug/deps
    rm -rf "$built/stage"
    mkdir -p "$stage/static"
    ln -s "$libraries/libtango_token.so" "$target/release/tango-sandbox" "$stage/"
    ln -s "$libraries/libtango_token.a" "$stage/static/"
    make --no-print-directory install CARGO=none TARGET="$built/stage" PREFIX="$prefix" >/dev/null
}

# run NAME [ARGUMENT...]: runs a test, and adds its count to `passed`.
run() {
    local name=$1
    shift
    local log=$built/$name.log
    "$(test_executable "$built.json" "$name")" "$@" "${skipped[@]/#/--skip=}" >"$log" 2>&1 || {
        cat "$log"
        fail_on_reports
        fail "$name failed under the $sanitizer sanitizer"
    }
    fail_on_reports
    passed=$((passed + $(sed -n 's/^test result: ok. \([0-9]*\) passed.*/\1/p' "$log")))
}

fail_on_reports() {
    local report
    for report in "$reports"/*; do
        [ -e "$report" ] || continue
        cat "$report"
        found=1
    done
    [ -z "${found:-}" ] || fail "the $sanitizer sanitizer has reported something"
}

# The last line on stdout is the result.
trap 'print_times >&2' EXIT

step "build for the $sanitizer sanitizer"
mkdir -p "$built"
make --no-print-directory sandbox
build
install_library

runtime=$(echo "$(rustc --print sysroot)/lib/rustlib/$host/lib/librustc"-*"_rt.${sanitizer:0:1}san.a")
export SANITIZER=$sanitizer SANITIZER_RUNTIME=$runtime INSTALLED_PREFIX=$prefix
rm -rf "$reports"
mkdir -p "$reports"
# Whatever process reports something, a forked child too, writes a file. Its own exit status tells its test.
common=log_path=$reports/report:exitcode=99:external_symbolizer_path=$(command -v llvm-symbolizer)
export ASAN_OPTIONS=$common:detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1:check_initialization_order=1
export LSAN_OPTIONS=suppressions=$PWD/scripts/sanitize/leaks.supp:print_suppressions=0
# `die_after_fork=0`: children of a process with threads start threads, which is what they are tested for.
export TSAN_OPTIONS=$common:halt_on_error=0:second_deadlock_stack=1:die_after_fork=0

passed=0
step "unit tests"
run tango_token "${unit_tests[@]}"
unit=$passed
passed=0
for name in "${targets[@]}"; do
    step "$name"
    case $name in
    conformance) run conformance c_ cpp_ ;;
    *) run "$name" ;;
    esac
done
echo "$unit unit tests and $passed tests of programs, nothing reported"
