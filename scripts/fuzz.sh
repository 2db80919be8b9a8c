#!/usr/bin/env bash
# Fuzzes what the library reads from outside (fuzz/README.md), and ends with a line that sums it up. It fails if a
# target finds something, and names the input.
#
#     scripts/fuzz.sh [SECONDS] [TARGET...]   runs each target, or all, for so many seconds (60)
#     scripts/fuzz.sh merge [TARGET...]       adds what runs on this machine have found to fuzz/corpus, minimised
#
# FUZZ_JOBS targets run at the same time: 2, or as many as it says.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh
. scripts/toolchains.sh

readonly jobs=${FUZZ_JOBS:-2}
readonly build=$target/fuzz
readonly found=$build/corpus findings=$build/findings logs=$build/logs
# Longer inputs than a server or a person would send reach no other code.
readonly longest=16384

# No process outlives this script.
stop() {
    local running
    mapfile -t running < <(jobs -pr)
    [ ${#running[@]} = 0 ] || kill "${running[@]}" 2>/dev/null || true
    wait
}
trap stop EXIT
trap 'exit 130' INT TERM

all_targets() {
    sed -n '/^\[\[bin\]\]/{n;s/^name = "\(.*\)"/\1/p}' fuzz/Cargo.toml
}

# build [TARGET]: compiles everything with AddressSanitizer, the C code of aws-lc included, whose build takes CFLAGS.
build() {
    need_compiler
    need c++=g++ # for libFuzzer
    need_cargo_fuzz
    # The stable compiler with the options of the nightly one, so that all developers have the same.
    CFLAGS="${CFLAGS:+$CFLAGS }-fsanitize=address" RUSTC_BOOTSTRAP=1 cargo fuzz build --target-dir "$build" "$@" >&2
}

binary() {
    find "$build" -path "*/release/$1" -type f -executable
}

# start TARGET SECONDS: its own environment alone configures a target.
start() {
    local leaks=1
    local options=(-max_total_time="$2" -max_len="$longest" -timeout=30 -rss_limit_mb=3072 -print_final_stats=1)
    options+=(-artifact_prefix="$findings/$1-")
    [ ! -e "fuzz/dictionaries/$1.txt" ] || options+=(-dict="fuzz/dictionaries/$1.txt")
    # Threads of the library outlive an input and hold memory. The target itself counts what has to be released.
    [ "$1" != c_calls ] || leaks=0
    mkdir -p "$found/$1" "$findings" "$logs"
    exec env -i PATH="$PATH" TMPDIR="${TMPDIR:-/tmp}" ASAN_OPTIONS=detect_leaks=$leaks RUST_BACKTRACE=1 \
        "$(binary "$1")" "${options[@]}" "$found/$1" "fuzz/corpus/$1" >"$logs/$1.txt" 2>&1
}

stat_of() {
    sed -n "s/^stat::$2: *//p" "$logs/$1.txt" | tail -n 1
}

# The input of the finding in the log; none for a leak that only the end of the process shows.
input_of() {
    sed -n 's/.*Test unit written to //p' "$logs/$1.txt" | tail -n 1
}

# report TARGET CODE
report() {
    local log=$logs/$1.txt executions seconds coverage inputs
    executions=$(stat_of "$1" number_of_executed_units)
    seconds=$(sed -n 's/^Done .* in \([0-9]*\) second.*/\1/p' "$log" | tail -n 1)
    coverage=$(grep -o 'cov: [0-9]*' "$log" | tail -n 1 | grep -o '[0-9]*' || true)
    inputs=$(grep -o 'corp: [0-9]*' "$log" | tail -n 1 | grep -o '[0-9]*' || true)
    if [ "$2" != 0 ]; then
        failed+=("$1")
        grep -aE -A 3 'panicked at|ERROR: |SUMMARY: |^Base64: ' "$log" | head -n 30 | cut -c 1-500
        echo "$1: a finding. Its log is $log. Repeat it with: $(binary "$1") $(input_of "$1")"
        return
    fi
    total=$((total + executions))
    printf '%-15s %10d executions %5d s %6d edges %5d inputs\n' \
        "$1" "$executions" "${seconds:-0}" "${coverage:-0}" "${inputs:-0}"
}

# wait_for_one: reports a target that has ended.
wait_for_one() {
    local pid code=0
    wait -n -p pid || code=$?
    report "${target_of[$pid]}" $code
    unset "target_of[$pid]"
}

run() {
    local seconds=$1 name
    shift
    declare -gA target_of=()
    failed=() total=0
    for name in "$@"; do
        [ ${#target_of[@]} -lt "$jobs" ] || wait_for_one
        start "$name" "$seconds" &
        target_of[$!]=$name
    done
    while [ ${#target_of[@]} -gt 0 ]; do wait_for_one; done
    if [ ${#failed[@]} -gt 0 ]; then
        echo "${#failed[@]} of $# targets found something: ${failed[*]}"
        return 1
    fi
    echo "$# targets, $seconds s each, $(millions $total) executions, no finding"
}

# 1234567 is 1.2 million.
millions() {
    if [ "$1" -lt 1000000 ]; then echo "$1"; else echo "$(($1 / 1000000)).$(($1 / 100000 % 10)) million"; fi
}

# merge TARGET...: of inputs that reach the same edges of the code, the smallest are kept.
merge() {
    local name
    for name in "$@"; do
        rm -rf "$build/merged"
        mkdir -p "$build/merged" "$found/$name" "fuzz/corpus/$name"
        env -i PATH="$PATH" TMPDIR="${TMPDIR:-/tmp}" ASAN_OPTIONS=detect_leaks=0 "$(binary "$name")" \
            -set_cover_merge=1 -use_counters=0 -max_len=$longest -timeout=30 -rss_limit_mb=3072 \
            "$build/merged" "fuzz/corpus/$name" "$found/$name" >"$build/merge.txt" 2>&1 ||
            fail "$name: $(tail -n 5 "$build/merge.txt")"
        rm -rf "fuzz/corpus/$name"
        mv "$build/merged" "fuzz/corpus/$name"
        printf '%-15s %4d inputs %4d KiB\n' "$name" "$(find "fuzz/corpus/$name" -type f | wc -l)" \
            "$(($(cat "fuzz/corpus/$name/"* | wc -c) / 1024))"
    done
}

action=run seconds=60
case ${1:-} in
merge) action=merge && shift ;;
[0-9]*) seconds=$1 && shift ;;
esac
if [ $# = 0 ]; then mapfile -t targets < <(all_targets); else targets=("$@"); fi
for name in "${targets[@]}"; do
    all_targets | grep -qxF "$name" || fail "there is no target $name"
done
if [ ${#targets[@]} = 1 ]; then build "${targets[@]}"; else build; fi
if [ $action = merge ]; then merge "${targets[@]}"; else run "$seconds" "${targets[@]}"; fi
