#!/usr/bin/env bash
# Makes the NuGet packages, into target/nuget/packages: TangoToken with its native library, and
# TangoToken.Extensions.DependencyInjection. The same commit makes the same bytes, in any directory.
#
#     scripts/pack-dotnet.sh [--library FILE]
#
# The native library is built for glibc 2.17, as the Python wheel is: the oldest that the systems have which .NET 8
# supports. --library takes another one instead, which then decides where the package runs.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh
. scripts/toolchains.sh

readonly triple=x86_64-unknown-linux-gnu
readonly glibc=2.17
readonly native=$target/nuget/runtimes/linux-x64/native/libtango_token.so
readonly made=$target/nuget/packages

library=
if [ "${1-}" = --library ]; then
    library=$(realpath "$2")
fi
need_python
need git=git readelf=binutils
need_dotnet || fail "The NuGet packages need the .NET SDK $oldest_dotnet or later"

build_library() {
    local flags newest
    need_compiler
    need_cargo_zigbuild
    flags=$(scripts/release_flags.sh)
    CARGO_ENCODED_RUSTFLAGS=$flags cargo-zigbuild rustc --release --package tango-token --lib --crate-type cdylib \
        --features zeroizing-allocator --target $triple.$glibc
    library=$target/$triple/release/libtango_token.so
    newest=$(readelf --dyn-syms --wide "$library" | grep --only-matching 'GLIBC_[0-9.]*' |
        sort --version-sort --unique | tail -n 1)
    [ "$(printf '%s\n' "GLIBC_$glibc" "$newest" | sort --version-sort | tail -n 1)" = "GLIBC_$glibc" ] ||
        fail "the library needs $newest, and must run with $glibc"
    if grep --text --only-matching --fixed-strings --regexp="$HOME/" --regexp="$PWD" "$library"; then
        fail "the library contains paths of this machine"
    fi
}

if [ -z "$library" ]; then
    step "NuGet: native library for glibc $glibc"
    build_library
fi
install -D --mode 644 "$library" "$native"

step "NuGet: packages"
scripts/licenses.py --check dotnet
rm -rf "$made"
# A copy has no repository, so its caller says which commit it is.
revision=${SOURCE_REVISION:-$(git rev-parse HEAD)}
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH
for project in TangoToken TangoToken.Extensions.DependencyInjection; do
    dotnet pack "bindings/dotnet/src/$project" --configuration Release --output "$made" --verbosity quiet --nologo \
        -property:SourceRevisionId="$revision" -property:NativeLibraryDirectory="$target/nuget/runtimes/"
done
ls -l "$made"
