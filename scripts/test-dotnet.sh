#!/usr/bin/env bash
# Tests the .NET binding: builds it, warnings as errors, and runs its tests on .NET 10 and on .NET 8.
#
#     scripts/test-dotnet.sh [PART OF A TEST'S NAME...]
#
# It takes the `dotnet` on the PATH, or installs the SDK by Microsoft's script. Where that is not possible, it says that
# .NET was not tested, or fails if REQUIRE_DOTNET is set. .NET 8 comes from PyPI. TANGO_TOKEN_LIBRARY and TANGO_SANDBOX
# can name a library and a sandbox; those that they do not name are built here. Without names of tests it also makes the
# NuGet packages and tests them (scripts/test-dotnet-package.sh).
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh
. scripts/toolchains.sh

readonly source=bindings/dotnet
readonly projects=(TangoToken.Tests TangoToken.Extensions.DependencyInjection.Tests TangoToken.Testing.Tests)
readonly out=$target/dotnet

step ".NET: SDK"
need_compiler
need_python
need openssl=openssl curl=curl
if ! need_dotnet; then
    dotnet_is_not_tested
    exit
fi
echo "SDK $(dotnet --version)"
need_coreclr8
need_library_and_sandbox

step ".NET: version"
grep --quiet "<Version>$version</Version>" $source/Directory.Build.props ||
    fail "bindings/dotnet/Directory.Build.props has another version than Cargo.toml, which says $version"

# All of the solution, and the example beside the tests. A server of MSBuild that stays would keep the files open.
step ".NET: build"
export MSBUILDDISABLENODEREUSE=1 DOTNET_CLI_USE_MSBUILD_SERVER=0
(cd $source && dotnet build TangoToken.slnx --nologo --verbosity quiet -maxCpuCount:2)
mkdir -p "$out/other-abi"
cc -shared -fPIC $source/tests/other_abi.c -o "$out/other-abi/libtango_token.so"
export TANGO_OTHER_ABI_LIBRARY=$out/other-abi/libtango_token.so

# Prints the last number after a word in the log of run_tests, 0 if there is none.
figure() {
    { grep --only-matching "$1: [0-9]*" "$log" || echo 0; } | tail -n 1 | grep --only-matching '[0-9]*$'
}

all_passed=0 all_failed=0
# run_tests PROJECT FRAMEWORK DOTNET NAME...: runs the tests whose names contain one of the parts, all without any.
run_tests() {
    local project=$1 framework=$2 runtime=$3 status=0 log filters=() part total bad
    shift 3
    for part in "$@"; do filters+=(-method "*$part*"); done
    log=$out/$project-$framework.log
    DOTNET_ROOT=$(dirname "$runtime") timeout --kill-after 5 900 "$runtime" \
        "$source/tests/$project/bin/Debug/$framework/$project.dll" -noColor -noLogo "${filters[@]}" \
        >"$log" 2>&1 || status=$?
    cat "$log"
    # Its last line reads: Total: 187, Errors: 0, Failed: 0, Skipped: 0, Not Run: 0, Time: 30.1s
    total=$(figure Total) bad=0
    # Whatever did not pass counts as failed: there is no reason to skip a test.
    for part in Errors Failed Skipped "Not Run"; do
        bad=$((bad + $(figure "$part")))
    done
    grep --quiet "Total: [0-9]" "$log" || fail "$project on $framework ended without a summary, with status $status"
    # Parts of names can choose no test of one project.
    [ "$status" = 0 ] || [ "$total" = 0 ] || [ "$bad" != 0 ] || fail "$project on $framework ended with status $status"
    all_passed=$((all_passed + total - bad)) all_failed=$((all_failed + bad))
}

for project in "${projects[@]}"; do
    step ".NET 10: $project"
    run_tests "$project" net10.0 "$(command -v dotnet)" "$@"
    step ".NET 8: $project"
    run_tests "$project" net8.0 "$coreclr8" "$@"
done
end_step
if [ "$all_failed" != 0 ]; then
    echo "$all_passed passed, $all_failed failed"
    exit 1
fi
[ "$all_passed" != 0 ] || fail "no test has such a name: $*"

# Names have selected tests, and nothing else is checked.
if [ $# = 0 ]; then
    step ".NET: the fake client without the native library"
    TANGO_TOKEN_LIBRARY=/not/there TANGO_SANDBOX=/not/there dotnet \
        "$source/tests/TangoToken.Testing.Tests/bin/Debug/net10.0/TangoToken.Testing.Tests.dll" \
        -noColor -noLogo -class '*.FakeClientTests' | tee "$out/fake.log"
    # Without a single test the summary has no such part.
    grep --quiet "Failed: 0" "$out/fake.log"
    step ".NET: packages"
    scripts/test-dotnet-package.sh
fi
end_step
echo "$all_passed passed, $all_failed failed"
