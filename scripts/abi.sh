#!/usr/bin/env bash
# Compares the C interface with that of the last release, abi/tango_token.h, as a program sees it that was linked then.
#
#     scripts/abi.sh           fails if something was removed or changed, unless TANGO_ABI_VERSION has grown
#     scripts/abi.sh record    makes the current interface the one to compare with: a step of each release
#
# abidiff compares what the compiler says about the two headers: the library's own debugging information has Rust's
# types. tests/c_programs.rs shows that the library exports what the header declares.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh
trap - EXIT # the last line is the result, not a time
need_compiler
need gcc=gcc abidw=abigail-tools

readonly released=abi/tango_token.h
work=$target/abi

# The header without its comments.
header() {
    gcc -fpreprocessed -dD -E -P "$1"
}

# describe HEADER NAME: writes NAME.so, in which each function of the header has a body, its description NAME.xml, and
# NAME.constants.
describe() {
    local functions='s/^ *([a-z][a-z0-9_ ]* \*?tango_[a-z0-9_]+\([^()]*\)) *;/\1 { __builtin_trap(); }/p'
    {
        printf '#include "%s"\n' "$(realpath "$1")"
        header "$1" | grep --invert-match '^#' | tr '\n' ' ' | sed 's/[;{}]/&\n/g' | sed -nE "$functions"
    } >"$work/$2.c"
    gcc -std=c11 -g -fPIC -shared "$work/$2.c" -o "$work/$2.so"
    abidw --no-corpus-path --no-comp-dir-path --no-show-locs "$work/$2.so" >"$work/$2.xml"
    header "$1" | sed -nE 's/^ *(TANGO_[A-Z0-9_]+) = (-?[0-9]+),?$/\1 \2/p' | sort >"$work/$2.constants"
}

abi_version() {
    sed -n 's/^#define TANGO_ABI_VERSION //p' "$1"
}

functions() {
    grep --count __builtin_trap "$work/$1.c"
}

if [ "${1-}" = record ]; then
    mkdir -p abi
    header include/tango_token.h >$released
    exit
fi

mkdir -p "$work"
describe $released released
describe include/tango_token.h now
# A function that the pattern above does not see would be compared with nothing.
declared=$(grep --invert-match '^typedef' include/tango_token.h |
    grep --count --extended-regexp '^[a-z].* \*?tango_[a-z0-9_]+\(')
[ "$(functions now)" = "$declared" ] ||
    fail "scripts/abi.sh does not read every function of the header"

types=$(abidiff --no-added-syms "$work/released.xml" "$work/now.xml") && types=
constants=$(comm -23 "$work/released.constants" "$work/now.constants")
differences=$types${constants:+$'\n'Changed or removed: ${constants//$'\n'/, }}
if [ -n "$differences" ] && [ "$(abi_version include/tango_token.h)" = "$(abi_version $released)" ]; then
    printf '%s\n' "$differences" >&2
    fail "A program that was linked with the last release would break: docs/abi.md says what has to grow"
fi
printf '%s' "${differences:+$differences$'\n'}"
echo "$(functions now) functions and $(wc -l <"$work/now.constants") constants:" \
    "$(functions released) and $(wc -l <"$work/released.constants") of the last release," \
    "$([ -n "$differences" ] && echo "with the differences above, under a new ABI version" || echo "all unchanged")"
