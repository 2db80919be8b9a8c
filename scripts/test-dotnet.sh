#!/usr/bin/env bash
# Tests the .NET binding: compiles it with Mono's compiler, warnings as errors, and runs its tests on Mono and on
# CoreCLR 3.1 and 8.0.
#
#     scripts/test-dotnet.sh [PART OF A TEST'S NAME...]
#
# TANGO_TOKEN_LIBRARY and TANGO_SANDBOX can name a library and a sandbox; those that they do not name are built here.
# Mono comes from Debian, CoreCLR from PyPI. The programs stay in target/dotnet/netstandard and target/dotnet/netcore.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh

out=$target/dotnet
source=bindings/dotnet

need_compiler
need_python
need mcs=mono-mcs mono=mono-runtime openssl=openssl /usr/lib/mono/4.5/System.Net.Http.dll=libmono-system-net-http4.0-cil
step ".NET: build, and the runtimes"
need_library_and_sandbox
runtimes=$source/tests/runtimes.txt
coreclr3=$out/python/dotnetcore2/bin
coreclr8=$out/python/dnv/net/runtime/.net
if ! cmp --quiet "$runtimes" "$out/python/runtimes.txt"; then
    rm -rf "$out/python"
    python3 -m venv --clear "$out/venv"
    "$out/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --require-hashes --target "$out/python" \
        --requirement "$runtimes"
    chmod +x "$coreclr3/dotnet" "$coreclr8/dotnet"
    cp "$runtimes" "$out/python/runtimes.txt"
fi
step ".NET: version"
grep --quiet "<Version>$version</Version>" $source/Directory.Build.props ||
    fail "bindings/dotnet/Directory.Build.props has another version than Cargo.toml, which says $version"

# Prints the C# files of a directory, without those that an SDK wrote.
find_sources() { find "$1" -name '*.cs' -not -path '*/obj/*' -not -path '*/bin/*'; }
mapfile -t library_sources < <(find_sources $source/TangoToken)
mapfile -t test_sources < <(find_sources $source/tests/TangoToken.Tests)

# compile DIRECTORY OPTION...: compiles the library, its documentation and each program.
compile() {
    local directory=$1 mcs=(mcs -langversion:6 -warn:4 -warnaserror+ "${@:2}")
    mkdir -p "$directory"
    "${mcs[@]}" -target:library -doc:"$directory/TangoToken.xml" -out:"$directory/TangoToken.dll" \
        "${library_sources[@]}"
    mcs+=(-target:exe -r:"$directory/TangoToken.dll")
    "${mcs[@]}" "${test_sources[@]}" -out:"$directory/TangoToken.Tests.dll"
    "${mcs[@]}" $source/tests/Conformance/Program.cs -out:"$directory/Conformance.dll"
    "${mcs[@]}" examples/dotnet/Program.cs -out:"$directory/Example.dll"
    for program in TangoToken.Tests Conformance Example; do
        cat >"$directory/$program.runtimeconfig.json" <<'JSON'
{"runtimeOptions": {"tfm": "netcoreapp3.1", "framework": {"name": "Microsoft.NETCore.App", "version": "3.1.0"},
                    "rollForward": "Major", "configProperties": {"System.Globalization.Invariant": true}}}
JSON
    done
}

# Two builds: one for netstandard2.0, which runs everywhere, and one for current .NET against the assemblies of CoreCLR
# 3.1, because Mono's compiler cannot read those of 8.0.
step ".NET: compile"
framework=$(echo "$coreclr3"/shared/Microsoft.NETCore.App/*)
references=()
for name in Private.CoreLib Private.Uri Runtime Runtime.Extensions Runtime.InteropServices Console \
    Collections Collections.Concurrent Collections.Specialized Linq Net.Http Net.Primitives Net.Sockets \
    Threading Threading.Tasks Threading.Tasks.Parallel Threading.Thread Threading.ThreadPool \
    Diagnostics.Process ComponentModel.Primitives IO.FileSystem Text.RegularExpressions Text.Encoding.Extensions; do
    references+=(-r:"$framework/System.$name.dll")
done
compile "$out/netstandard" -r:System.Net.Http.dll
compile "$out/netcore" -nostdlib -noconfig -nowarn:1701,1702 -d:NETCOREAPP3_0_OR_GREATER "${references[@]}"
mkdir -p "$out/other-abi"
cc -shared -fPIC $source/tests/TangoToken.Tests/other_abi.c -o "$out/other-abi/libtango_token.so"

# The runtimes look for a file of this name.
mkdir -p "$out/native"
cp -f "$TANGO_TOKEN_LIBRARY" "$out/native/libtango_token.so"
export TANGO_SANDBOX TANGO_OTHER_ABI_LIBRARY=$out/other-abi/libtango_token.so
unset TANGO_TOKEN_LIBRARY

run_tests() {
    local runtime=$1 directory=$2
    shift 2
    timeout --kill-after 5 300 "$runtime" "$out/$directory/TangoToken.Tests.dll" "$@"
}
step ".NET: Mono, netstandard build"
LD_LIBRARY_PATH=$out/native run_tests mono netstandard "$@"
step ".NET: CoreCLR 3.1, netstandard build"
LD_LIBRARY_PATH=$out/native run_tests "$coreclr3/dotnet" netstandard "$@"
for runtime in "$coreclr3" "$coreclr8"; do
    step ".NET: CoreCLR $(basename "$runtime"/shared/Microsoft.NETCore.App/*), build for current .NET"
    TANGO_TOKEN_LIBRARY=$out/native/libtango_token.so run_tests "$runtime/dotnet" netcore "$@"
done
