#!/usr/bin/env bash
# Tests the library for Windows under Wine: the unit tests, programs in C and C++ against a sandbox, Go and .NET.
#
#     scripts/test-windows.sh [PART...]
#
# The parts are unit, c, go and dotnet; without names all of them. docs/windows.md says what Wine cannot show.
# TANGO_WINDOWS can name a directory with tango_token.dll and tango-sandbox.exe; otherwise they are built here.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh
. scripts/toolchains.sh
. scripts/platforms.sh

platform win-x64
readonly work=$target/windows
mkdir -p "$work"

step "tools"
need_compiler
need_python
need x86_64-w64-mingw32-g++-posix=g++-mingw-w64-x86-64 mount=mount
need_wine
need_cargo_zigbuild
need_rust_target "$triple"

step "library"
if [ -z "${TANGO_WINDOWS:-}" ]; then
    scripts/build-platform.sh win-x64 --test shared sandbox
    TANGO_WINDOWS=$target/platforms/test/win-x64
fi
TANGO_WINDOWS=$(realpath "$TANGO_WINDOWS")
export TANGO_WINDOWS
scripts/import_libraries.sh "$TANGO_WINDOWS"

# Tests that Wine cannot run are left out: docs/windows.md has the reasons.
test_unit() {
    CARGO_TARGET_X86_64_PC_WINDOWS_GNU_LINKER=x86_64-w64-mingw32-gcc-posix \
        CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUNNER="wine" \
        cargo test --package tango-token --lib --target "$triple" --profile platform-test -- \
        --skip store::redis::tls_tests --skip junction_in_place_of_the_directory
}

test_c() {
    cargo test --workspace --test windows
}

# run_example PROGRAM: runs it against a sandbox of this machine; it has to list the accounts with DPoP.
run_example() {
    # shellcheck disable=SC2016 # the sandbox sets these variables
    "$sandbox" run -- bash -c '
        TANGO_CA_FILE="Z:${TANGO_CA_FILE//\//\\}" TANGO_DPOP=required TANGO_TOKEN_LIBRARY=$2 \
            timeout --kill-after=5 120 wine "$1" "$TANGO_API_URL/accounts"
    ' bash "$1" "$(windows_path "$TANGO_WINDOWS/tango_token.dll")" | tee "$work/example.log"
    echo
    grep --quiet '"accountIdentifier":"sandbox-account"' "$work/example.log"
}

# The tests of the Go package are a program for Windows, and so is the sandbox that they start. docs/windows.md says why
# some tests are left out.
test_go() {
    local log=$work/go.log
    local without=(
        TestDirectoryIsSharedByTwoClients TestPrintedAndLoggedValuesContainNoSecret
        TestKeyIsReadFromPEMAndFileAndWrongKeysAreRefused
        TestChildrenStartedDuringCallsInheritNothingOfTheLibrary TestChildrenStartedDuringCallsUseTheLibrary
        TestExampleProgramListsAccountsOrExplainsTheError
        TestLibraryIsFoundByVariableOrBesideTheExecutableOrOnTheSystemsPath
    )
    need_go
    (cd examples/go && GOOS=windows CGO_ENABLED=0 go build -o "$work/go-example.exe" .)
    run_example "$work/go-example.exe"
    (cd bindings/go && GOOS=windows CGO_ENABLED=0 go test -c -o "$work/go-tests.exe" .)
    (
        cd bindings/go
        TANGO_TOKEN_LIBRARY=$(windows_path "$TANGO_WINDOWS/tango_token.dll") \
            TANGO_SANDBOX=$(windows_path "$TANGO_WINDOWS/tango-sandbox.exe") \
            timeout --kill-after=5 900 wine "$work/go-tests.exe" -test.v \
            -test.skip "^($(IFS='|' && echo "${without[*]}"))\$" </dev/null >"$log" 2>&1
    ) || { tail -n 60 "$log" && fail "a test of Go failed"; }
    printf 'Go, without %s that Wine cannot run: %s tests passed\n' "${#without[@]}" \
        "$(grep --count '^--- PASS' "$log")"
}

# .NET for Windows comes as a package of the SDK.
test_dotnet() {
    if ! need_dotnet; then
        dotnet_is_not_tested
        return
    fi
    export MSBUILDDISABLENODEREUSE=1 DOTNET_CLI_USE_MSBUILD_SERVER=0
    (cd tests/windows/dotnet && dotnet build --configuration Release --nologo --verbosity quiet \
        --artifacts-path "$work/dotnet" --output "$work/dotnet/out")
    run_example "$work/dotnet/out/Example.exe"
}

[ $# -gt 0 ] || set -- unit c go dotnet
if [ -z "${TANGO_SANDBOX:-}" ]; then
    make --no-print-directory sandbox
    TANGO_SANDBOX=$target/release/tango-sandbox
fi
sandbox=$(realpath "$TANGO_SANDBOX")
export TANGO_SANDBOX=$sandbox
for part in "$@"; do
    step "$part, under Wine"
    "test_$part"
done
