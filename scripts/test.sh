#!/usr/bin/env bash
# Runs parts of the tests, one after the other, and ends with a table of their times. What a part needs beyond Rust is
# installed where that is possible (Debian, as root), else named.
#
#     scripts/test.sh PART...
#
# The Makefile lists the parts. Tests that no other part names belong to `core`.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh
. scripts/toolchains.sh

readonly c=(c_programs cpp_programs error_table hostile install log_to_stderr)
readonly fleet=(cache_damage fleet fleet_kills fleet_outages secrets_in_memory)
readonly interop=(cache_format dpop oidc_provider)
readonly conformance=(conformance)
# scripts/test-windows.sh runs it.
readonly windows=(windows)

# cargo_test TARGET...: always in the whole workspace, because for one package cargo would build the dependencies again.
cargo_test() {
    local options=() name
    for name in "$@"; do options+=(--test "$name"); done
    cargo test --workspace "${options[@]}"
}

other_targets() {
    local file
    for file in tests/*.rs cli/tests/*.rs sandbox/tests/*.rs; do
        basename "$file" .rs
    done | grep -vxF "$(printf '%s\n' "${c[@]}" "${fleet[@]}" "${interop[@]}" "${conformance[@]}" "${windows[@]}")"
}

test_core() {
    local targets
    need_compiler
    # openssl and ssh-keygen are for tests/key_formats.rs, which makes keys of every kind, curl and script for cli/tests.
    need openssl=openssl ssh-keygen=openssh-client redis-server=redis-server valgrind=valgrind unshare=util-linux \
        curl=curl script=bsdutils
    mapfile -t targets < <(other_targets)
    cargo test --workspace --lib --bins "${targets[@]/#/--test=}"
    cargo test --workspace --doc
}

need_c_tools() {
    need_compiler
    # libcurl is for examples/cpp, libcrypto for the key in tests/cpp/dpop.cpp that stays in OpenSSL.
    need c++=g++ clang++=clang nm=binutils valgrind=valgrind pkg-config=pkg-config cmake=cmake \
        pkg-config:libcurl=libcurl4-openssl-dev pkg-config:libcrypto=libssl-dev
}

test_c() {
    need_c_tools
    cargo_test "${c[@]}"
}

test_fleet() {
    need_compiler
    need redis-server=redis-server unshare=util-linux mount=mount
    cargo_test "${fleet[@]}"
}

test_interop() {
    need_c_tools
    need_python
    need_node
    cargo_test "${interop[@]}"
}

test_go() {
    scripts/test-go.sh
}

test_dotnet() {
    scripts/test-dotnet.sh
}

test_python() {
    scripts/test-python.sh
}

test_inspector() {
    scripts/test-inspector.sh
}

# After `dotnet`, which installs the CoreCLR 8 that this part uses too where it is there.
test_conformance() {
    need_c_tools
    need_python
    need_go
    need_dotnet || dotnet_is_not_tested
    cargo_test "${conformance[@]}"
}

test_operations() {
    scripts/test-operations.sh
}

# After `python`, `go` and `dotnet`, which have built the wheel and installed the tools that this part uses too.
test_recipes() {
    scripts/try-recipes.sh
}

[ $# -gt 0 ] || fail "usage: scripts/test.sh PART..."
for part in "$@"; do
    declare -F "test_$part" >/dev/null || fail "there is no part $part"
done

step "release build"
need_compiler
make --no-print-directory sandbox
[ "$*" = core ] || make --no-print-directory lib
for part in "$@"; do
    step "make test-$part"
    "test_$part"
done
