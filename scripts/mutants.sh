#!/usr/bin/env bash
# Changes one thing at a time in the modules that decide, and finds out whether a test fails: each change that no test
# notices is a line on stdout. `.cargo/mutants.toml` explains those that make no difference.
#
#   scripts/mutants.sh             all modules
#   scripts/mutants.sh --short     when a token is served, refreshed or requested again
#   scripts/mutants.sh FILE...     these files
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh
. scripts/toolchains.sh
need_compiler
need_cargo_mutants

readonly work=$target/mutants

# Modules without I/O, which are built as a small crate (see scripts/mutants/pure.rs), and the tests that are run.
pure() {
    mutate pure "policy lifetime" src/policy.rs 'src/policy/*.rs'
    mutate pure retry src/retry.rs
    mutate pure "challenge origin" src/api/challenge.rs 'src/api/challenge/*.rs' src/api/origin.rs
    mutate pure "htu nonce server_clock" src/dpop/htu.rs src/dpop/nonce.rs src/dpop/server_clock.rs
    mutate pure "daily_limit lifetime" src/endpoint/daily_limit.rs src/endpoint/lifetime.rs
    mutate pure "secret visible" src/secret.rs 'src/secret/*.rs' src/visible.rs
}

# Modules that need the rest of the library.
library() {
    mutate library "client::plan seal" src/client/plan.rs src/store/seal.rs
}

# mutate CRATE TESTS FILE...: FILE is a pattern.
mutate() {
    local crate=$1 tests=$2 file files=()
    shift 2
    # shellcheck disable=SC2068 # patterns
    for file in $@; do
        is_selected "$file" && files+=(--file "$file")
    done
    [ ${#files[@]} -gt 0 ] || return 0
    step "mutants of $*"
    copy_"$crate"
    local status=0
    # shellcheck disable=SC2086 # several words
    (cd "$work/$crate" && CARGO_INCREMENTAL=1 CARGO_TARGET_DIR=$work/target cargo mutants --in-place --no-times \
        --output "$work" "${files[@]}" --cargo-arg=--lib --cargo-arg=--config=profile.dev.debug=0 -- -- $tests) ||
        status=$?
    # 2 and 3: mutants were missed, or exceeded the time limit.
    case $status in 0 | 2 | 3) ;; *) fail "cargo mutants ended with $status" ;; esac
    local outcome
    for outcome in caught missed timeout unviable; do
        printf -v "$outcome" %d $((${!outcome} + $(wc -l <"$work/mutants.out/$outcome.txt")))
    done
}

is_selected() {
    [ ${#selected[@]} = 0 ] || [[ " ${selected[*]} " == *" $1 "* ]]
}

# Mutants are made in a copy, so that the sources stay as they are. Its files get new times: cargo would otherwise take
# the last mutant of a run that was interrupted for the copy.
copy_library() {
    copy library Cargo.toml Cargo.lock build.rs .cargo include src tests/support benches bindings/python examples \
        sandbox
}

copy_pure() {
    copy pure Cargo.lock .cargo src tests/support/spellings.rs
    cp scripts/mutants/Cargo.toml "$work/pure/"
    cp scripts/mutants/pure.rs "$work/pure/src/"
}

copy() {
    local crate=$work/$1
    shift
    rm -rf "$crate"
    mkdir -p "$crate"
    cp --recursive --parents "$@" "$crate"
}

caught=0 missed=0 timeout=0 unviable=0
case ${1:-} in
--short) selected=(src/policy.rs src/policy/lifetime.rs src/retry.rs) ;;
*) selected=("$@") ;;
esac
pure
library
end_step
number=$((caught + missed + timeout + unviable))
[ $number -gt 0 ] || fail "no mutants: ${selected[*]}"
trap - EXIT
echo "$number mutants, $((caught + timeout)) caught, $missed missed, $unviable do not compile"
[ "$missed" = 0 ]
