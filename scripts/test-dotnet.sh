#!/usr/bin/env bash
# Compiles the .NET binding with Mono's compiler, warnings as errors, and runs its tests on Mono and on CoreCLR 3.1 and 8.0.
#
#     scripts/test-dotnet.sh [part of the names of the tests to run]
#
# TANGO_TOKEN_LIBRARY (a libtango_token.so) and TANGO_SANDBOX (a tango-sandbox) name what was built already; what they do not name
# is built here. Mono comes from Debian, CoreCLR from PyPI. The programs are left in target/dotnet/netstandard and
# target/dotnet/netcore.
set -euo pipefail
cd "$(dirname "$0")/.."

step() { printf '== .NET: %s\n' "$*"; }
fail() {
    echo "$*" >&2
    exit 1
}
target=$(realpath --canonicalize-missing "${CARGO_TARGET_DIR:-target}")
out=$target/dotnet
source=bindings/dotnet

declare -A package=([mcs]=mono-mcs [mono]=mono-runtime [cc]=gcc [openssl]=openssl [python3]=python3)
lacking=()
for tool in "${!package[@]}"; do
    command -v "$tool" >/dev/null || lacking+=("${package[$tool]}")
done
[ -f /usr/lib/mono/4.5/System.Net.Http.dll ] || lacking+=(libmono-system-net-http4.0-cil)
[ -f /usr/include/stdint.h ] || lacking+=(libc6-dev)
python3 -c 'import venv, ensurepip' 2>/dev/null || lacking+=(python3-venv)
if [ ${#lacking[@]} -gt 0 ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing ${lacking[*]}"
    { apt-get update && apt-get install --yes --no-install-recommends "${lacking[@]}"; } >/dev/null
    lacking=()
fi
if [ ${#lacking[@]} -gt 0 ]; then
    fail "The tests of .NET need what this machine lacks: ${lacking[*]}"
fi
runtimes=$source/tests/runtimes.txt
coreclr3=$out/python/dotnetcore2/bin
coreclr8=$out/python/dnv/net/runtime/.net
if ! cmp --quiet "$runtimes" "$out/python/runtimes.txt"; then
    rm -rf "$out/python"
    python3 -m venv --clear "$out/venv"
    "$out/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement "$runtimes" \
        --target "$out/python"
    chmod +x "$coreclr3/dotnet" "$coreclr8/dotnet"
    cp "$runtimes" "$out/python/runtimes.txt"
fi
if [ -z "${TANGO_TOKEN_LIBRARY:-}" ]; then
    make --no-print-directory install PREFIX="$target/installed"
    TANGO_TOKEN_LIBRARY=$target/installed/lib/libtango_token.so
fi
if [ -z "${TANGO_SANDBOX:-}" ]; then
    make --no-print-directory sandbox
    TANGO_SANDBOX=$target/release/tango-sandbox
fi

step "version"
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
grep --quiet "<Version>$version</Version>" $source/Directory.Build.props || fail "Directory.Build.props is not of version $version"

# Without what an SDK leaves in obj/.
sources() { find "$1" -name '*.cs' -not -path '*/obj/*' -not -path '*/bin/*'; }

# compile FOLDER OPTION...: the library, its documentation, and each program.
compile() {
    local folder=$1 mcs=(mcs -langversion:6 -warn:4 -warnaserror+ "${@:2}")
    mkdir -p "$folder"
    "${mcs[@]}" -target:library -doc:"$folder/TangoToken.xml" $(sources $source/TangoToken) -out:"$folder/TangoToken.dll"
    mcs+=(-target:exe -r:"$folder/TangoToken.dll")
    "${mcs[@]}" $(sources $source/tests/TangoToken.Tests) -out:"$folder/TangoToken.Tests.dll"
    "${mcs[@]}" $source/tests/Conformance/Program.cs -out:"$folder/Conformance.dll"
    "${mcs[@]}" examples/dotnet/Program.cs -out:"$folder/Example.dll"
    for program in TangoToken.Tests Conformance Example; do
        cat >"$folder/$program.runtimeconfig.json" <<'JSON'
{"runtimeOptions": {"tfm": "netcoreapp3.1", "framework": {"name": "Microsoft.NETCore.App", "version": "3.1.0"},
                    "rollForward": "Major", "configProperties": {"System.Globalization.Invariant": true}}}
JSON
    done
}

# The build for netstandard2.0, which runs everywhere, and that for current .NET, as far as CoreCLR 3.1 has it: Mono's compiler
# does not read the assemblies of 8.0.
step "compile"
framework=$(echo "$coreclr3"/shared/Microsoft.NETCore.App/*)
references=()
for name in Private.CoreLib Private.Uri Runtime Runtime.Extensions Runtime.InteropServices Console Collections Linq Net.Http \
    Net.Primitives Net.Sockets Threading Threading.Tasks Threading.Tasks.Parallel Threading.Thread Threading.ThreadPool \
    Diagnostics.Process ComponentModel.Primitives IO.FileSystem Text.RegularExpressions Text.Encoding.Extensions \
    Collections.Specialized Collections.Concurrent; do
    references+=(-r:"$framework/System.$name.dll")
done
compile "$out/netstandard" -r:System.Net.Http.dll
compile "$out/netcore" -nostdlib -noconfig -nowarn:1701,1702 -d:NETCOREAPP3_0_OR_GREATER "${references[@]}"
mkdir -p "$out/other-abi"
cc -shared -fPIC $source/tests/TangoToken.Tests/other_abi.c -o "$out/other-abi/libtango_token.so"

# One file of the plain name, as the runtimes look for it.
mkdir -p "$out/native"
cp -f "$TANGO_TOKEN_LIBRARY" "$out/native/libtango_token.so"
export TANGO_SANDBOX TANGO_OTHER_ABI_LIBRARY=$out/other-abi/libtango_token.so
unset TANGO_TOKEN_LIBRARY

tests() {
    local runtime=$1 folder=$2
    shift 2
    timeout --kill-after 5 300 "$runtime" "$out/$folder/TangoToken.Tests.dll" "$@"
}
step "Mono, netstandard build"
LD_LIBRARY_PATH=$out/native tests mono netstandard "$@"
step "CoreCLR 3.1, netstandard build"
LD_LIBRARY_PATH=$out/native tests "$coreclr3/dotnet" netstandard "$@"
for runtime in "$coreclr3" "$coreclr8"; do
    step "CoreCLR $(basename "$runtime"/shared/Microsoft.NETCore.App/*), build for current .NET"
    TANGO_TOKEN_LIBRARY=$out/native/libtango_token.so tests "$runtime/dotnet" netcore "$@"
done
