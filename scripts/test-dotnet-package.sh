#!/usr/bin/env bash
# Tests the NuGet packages as a user meets them: builds programs from them, in projects that know nothing of this
# repository, and runs them against the sandbox: framework-dependent, as a single file, trimmed and NativeAOT.
#
#     scripts/test-dotnet-package.sh [--library FILE] [PLATFORM...]
#
# The arguments are those of scripts/pack-dotnet.sh. With win-x64 among them, a program for Windows runs under
# Wine, in the prefix of scripts/test-windows.sh.
# TANGO_SANDBOX can name a sandbox; otherwise it is built here.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh
. scripts/toolchains.sh
. scripts/platforms.sh

need_compiler
need_python
need git=git clang=clang /usr/include/zlib.h=zlib1g-dev
need_dotnet || fail "The NuGet packages need the .NET SDK $oldest_dotnet or later"
[ -n "${TANGO_SANDBOX:-}" ] || make --no-print-directory sandbox
TANGO_SANDBOX=$(realpath "${TANGO_SANDBOX:-$target/release/tango-sandbox}")
export TANGO_SANDBOX # for the samples that start one themselves

revision=$(git rev-parse HEAD)
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_REVISION=$revision SOURCE_DATE_EPOCH
scripts/pack-dotnet.sh "$@"
[ "${1-}" != --library ] || shift 2
[ $# -gt 0 ] || set -- linux-x64
runtimes=$*
made=$target/nuget/packages
native=$target/nuget/runtimes

step "NuGet: what is in the packages"
python3 - "$made" "$version" "$revision" "$runtimes" <<'PYTHON'
import sys, zipfile, zlib
directory, version, revision, runtimes = sys.argv[1:]
def library(runtime):
    return {"w": "tango_token.dll", "o": "libtango_token.dylib"}.get(runtime[0], "libtango_token.so")
frameworks = ("net8.0", "net10.0")
common = {"LICENSE-MIT", "LICENSE-APACHE", "README.md"}
expected = {
    "TangoToken": common | {
        "THIRD-PARTY-NOTICES.txt", "buildTransitive/TangoToken.props", "buildTransitive/TangoToken.targets",
        *(f"runtimes/{one}/native/{library(one)}" for one in runtimes.split())},
    "TangoToken.Extensions.DependencyInjection": common,
    "TangoToken.Testing": common,
}
for name, files in expected.items():
    package = zipfile.ZipFile(f"{directory}/{name}.{version}.nupkg")
    files = files | {f"lib/{one}/{name}.{end}" for one in frameworks for end in ("dll", "xml")}
    found = {one for one in package.namelist() if not one.startswith(("_rels", "package", "[", name + ".nuspec"))}
    if found != files:
        sys.exit(f"{name}: wrong files: {sorted(found ^ files)}")
    nuspec = package.read(f"{name}.nuspec").decode()
    for part in ("<readme>README.md", "MIT OR Apache-2.0", "<releaseNotes>https://", f'commit="{revision}"'):
        if part not in nuspec:
            sys.exit(f"{name}: {part} is not in the nuspec")
    for framework in frameworks:
        assembly = package.read(f"lib/{framework}/{name}.dll")
        # The symbols are in the assembly, compressed after this mark, with the address of the source.
        symbols = zlib.decompress(assembly[assembly.index(b"MPDB") + 8:], -15)
        if f"https://raw.githubusercontent.com/tango-token/tango-token/{revision}/*".encode() not in symbols:
            sys.exit(f"{name}, {framework}: no SourceLink")
    print(f"{name}: {len(found)} files, with symbols and SourceLink")
PYTHON

step "NuGet: a missing library is named"
if output=$(dotnet pack bindings/dotnet/src/TangoToken --configuration Release --no-build --nologo \
    --output "$target/nuget/none" -property:NativeLibraryDirectory="$target/nowhere/" 2>&1); then
    fail "a package without its library was made"
fi
expected="The native library for linux-x64 is missing: $target/nowhere/linux-x64/native/libtango_token.so"
grep --quiet --fixed-strings "$expected" <<<"$output" ||
    fail "the missing library is not named: $output"

step "NuGet: the same bytes from another directory"
again=$target/nuget/source\ of\ another
rm -rf "$again"
mkdir -p "$again"
git ls-files -z --cached --others --exclude-standard -- bindings/dotnet LICENSE-MIT LICENSE-APACHE |
    tar --create --null --files-from=- | tar --extract --directory "$again"
for project in TangoToken TangoToken.Extensions.DependencyInjection TangoToken.Testing; do
    (cd "$again" && dotnet pack \
        "bindings/dotnet/src/$project" --configuration Release --output packages --verbosity quiet --nologo \
        -property:SourceRevisionId="$revision" -property:NativeLibraryDirectory="$native/" \
        -property:NativeRuntimes="${runtimes// /+}")
    cmp "$made/$project.$version.nupkg" "$again/packages/$project.$version.nupkg"
    sha256sum "$made/$project.$version.nupkg" | sed 's|  .*/|  |'
done
rm -rf "$again"

# Copies outside of bindings/dotnet, whose settings a user does not have; and packages from here and nuget.org alone, or
# those that the caller has already.
consumers=$target/nuget/consumers
rm -rf "$consumers"
mkdir -p "$consumers"
export RestoreFallbackFolders=${NUGET_PACKAGES:-} NUGET_PACKAGES=$consumers/packages
export TangoTokenVersion=$version TangoTokenPackages=$made
unset TANGO_TOKEN_LIBRARY

# publish PROJECT NAME PROPERTY...: sets `program` to what was published; no warning is allowed.
publish() {
    local project=$1 name=$2
    shift 2
    cp -R "bindings/dotnet/tests/consumers/$project" "$consumers/$name"
    dotnet publish "$consumers/$name" --configuration Release --output "$consumers/$name/out" --verbosity quiet \
        --nologo -warnaserror "${@/#/-property:}"
    program=$consumers/$name/out/$project
}

# expect OUTPUT COMMAND...: runs a program beside a sandbox, and compares a line of its output.
expect() {
    local line=$1 output
    shift
    output=$("$TANGO_SANDBOX" run --log-file /dev/null -- "$@" 2>&1) || fail "$1: $output"
    # A program for Windows ends lines as Windows does.
    output=${output//$'\r'/}
    grep --quiet --fixed-strings --line-regexp "$line" <<<"$output" || fail "$1: expected \"$line\": $output"
    printf '%s: %s\n' "$name" "$line"
}

step "NuGet: console programs"
readonly console="200 with a token of type Bearer"
name=framework-dependent
publish Console $name
expect "$console" "$program"
expect "200 with a token of type DPoP" env TANGO_DPOP=required "$program"
name=net8.0
publish Console $name ConsumerFramework=net8.0 RollForward=Major
expect "$console" "$program"
self_contained=(RuntimeIdentifier=linux-x64 SelfContained=true)
name=single-file
publish Console $name "${self_contained[@]}" PublishSingleFile=true IncludeNativeLibrariesForSelfExtract=true
[ "$(find "$consumers/$name/out" -name '*.so')" = "" ] || fail "the library is beside the single file"
expect "$console" "$program"
name=trimmed
publish Console $name "${self_contained[@]}" PublishTrimmed=true
expect "$console" "$program"
name=aot
publish Console $name RuntimeIdentifier=linux-x64 PublishAot=true
expect "$console" "$program"

if [[ " $runtimes " = *" win-x64 "* ]]; then
    step "NuGet: a console program for Windows, under wine"
    need wine=wine
    # Wine lacks a DLL that Rust needs; scripts/test-windows.sh puts it there.
    export WINEPREFIX=${WINEPREFIX:-$toolchains/wine}
    name=windows
    publish Console $name RuntimeIdentifier=win-x64 SelfContained=true
    [ -f "$consumers/$name/out/tango_token.dll" ] || fail "the program has no tango_token.dll"
    expect "$console" env WINEDEBUG=-all wine "$program.exe"
fi

step "NuGet: ASP.NET Core"
name=aspnetcore
publish AspNetCore $name
expect "ready" "$program"

step "NuGet: two accounts, framework-dependent and NativeAOT"
cat >"$consumers/rename.sh" <<'SH'
# Keeps the variables of the sandbox under another prefix: rename.sh PREFIX COMMAND...
prefix=$1
shift
for name in TOKEN_URL API_URL CA_FILE CLIENT_ID CLIENT_SECRET USERNAME PASSWORD; do
    eval "export ${prefix}_TANGO_$name=\$TANGO_$name; unset TANGO_$name"
done
exec "$@"
SH
two_accounts() {
    expect "Promotions: DPoP" sh "$consumers/rename.sh" REWARDS \
        "$TANGO_SANDBOX" run --log-file /dev/null -- sh "$consumers/rename.sh" PROMOTIONS "$program"
}
name=two-accounts
publish TwoAccounts $name
two_accounts
name=two-accounts-aot
publish TwoAccounts $name RuntimeIdentifier=linux-x64 PublishAot=true
two_accounts

step "NuGet: the C# samples of the documents"
mapfile -t documents < <(git grep --files-with-matches '^```csharp$' -- '*.md')
cp -R bindings/dotnet/tests/consumers/Samples "$consumers/samples"
mapfile -t samples < <(python3 bindings/dotnet/tests/consumers/samples.py "$consumers/samples" "${documents[@]}")
dotnet publish "$consumers/samples" --configuration Release --output "$consumers/samples/out" --verbosity quiet --nologo
cat >"$consumers/sample.sh" <<'SH'
# Runs a sample: sample.sh PROGRAM NAME. One that is a server is called until it responds, and then stopped.
export SSL_CERT_FILE=$TANGO_CA_FILE ASPNETCORE_URLS=http://127.0.0.1:$PORT Logging__LogLevel__Default=Warning
for name in TokenUrl:TOKEN_URL ApiUrl:API_URL CaFile:CA_FILE Proxy:PROXY ClientId:CLIENT_ID ClientSecret:CLIENT_SECRET \
    Username:USERNAME Password:PASSWORD; do
    eval "export Tango__${name%:*}=\$TANGO_${name#*:}"
done
"$@" &
pid=$!
if [ -n "$IS_SERVER" ]; then
    call="import urllib.request; print(urllib.request.urlopen('$ASPNETCORE_URLS/accounts').read()[:40])"
    until python3 -c "$call" 2>/dev/null; do
        kill -0 $pid || break
        sleep 0.2
    done
    kill -TERM $pid
fi
wait $pid
SH
PORT=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
for sample in "${samples[@]}"; do
    mode=
    grep --quiet 'application.Run();' "$consumers/samples/$sample.cs" && mode=server
    dpop=
    grep --quiet 'DpopKey' "$consumers/samples/$sample.cs" && dpop=required
    PORT=$PORT IS_SERVER=$mode TANGO_DPOP=$dpop timeout --kill-after 5 60 \
        "$TANGO_SANDBOX" run --quota-window-seconds 0 --log-file /dev/null -- \
        sh "$consumers/sample.sh" "$consumers/samples/out/Samples" "$sample" \
        >"$consumers/$sample.log" 2>&1 ||
        fail "sample $sample: $(cat "$consumers/$sample.log" "$consumers/samples/$sample.cs")"
done
echo "${#samples[@]} samples of ${documents[*]}"

step "NuGet: a build for a system without a library warns"
# warnings NAME PROPERTY...: builds one of the programs above for another system, and prints the warnings.
warnings() {
    local name=$1
    shift
    dotnet build "$consumers/$name" --verbosity quiet --nologo -property:UseAppHost=false \
        -property:SelfContained=false "${@/#/-property:}" 2>&1 |
        grep --only-matching 'warning TANGO0001: .*' | sort --unique
}
for system in win-x86 linux-musl-arm; do
    warnings two-accounts RuntimeIdentifier=$system |
        grep --fixed-strings "has no native library for $system, only for ${runtimes// /;}." ||
        fail "a build for $system does not warn"
done
[ -z "$(warnings two-accounts RuntimeIdentifier=win-x86 NoWarn=TANGO0001)" ] || fail "NoWarn has no effect"
[ -z "$(warnings framework-dependent OutputType=Library RuntimeIdentifier=win-x86)" ] ||
    fail "a build of a library warns"
