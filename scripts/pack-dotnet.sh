#!/usr/bin/env bash
# Makes the NuGet packages, into target/nuget/packages: TangoToken with its native libraries,
# TangoToken.Extensions.DependencyInjection and TangoToken.Testing. The same commit makes the same bytes, in any
# directory.
#
#     scripts/pack-dotnet.sh [--library FILE] [PLATFORM...]
#
# Without a name the package is for linux-x64 alone; a release names all platforms of scripts/platforms.txt. Their
# libraries are those in target/platforms; what is missing there is built. --library takes another one for linux-x64,
# which then decides where the package runs.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh
. scripts/toolchains.sh
. scripts/platforms.sh

readonly runtimes=$target/nuget/runtimes
readonly made=$target/nuget/packages

library=
if [ "${1-}" = --library ]; then
    library=$(realpath "$2")
    shift 2
fi
[ $# -gt 0 ] || set -- linux-x64
need_python
need git=git
need_dotnet || fail "The NuGet packages need the .NET SDK $oldest_dotnet or later"

runtime_names=$*
step "NuGet: native libraries for $runtime_names"
rm -rf "$runtimes"
for name in "$@"; do
    platform "$name"
    file=$target/platforms/$platform/$shared
    if [ "$platform" = linux-x64 ] && [ -n "$library" ]; then
        file=$library
    elif [ ! -s "$file" ]; then
        scripts/build-platform.sh "$platform" shared
    fi
    install -D --mode 644 "$file" "$runtimes/$platform/native/$shared"
done
ls -l "$runtimes"/*/native/*

step "NuGet: packages"
scripts/licenses.py --check dotnet
rm -rf "$made"
# A copy has no repository, so its caller says which commit it is.
revision=${SOURCE_REVISION:-$(git rev-parse HEAD)}
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH
for project in TangoToken TangoToken.Extensions.DependencyInjection TangoToken.Testing; do
    dotnet pack "bindings/dotnet/src/$project" --configuration Release --output "$made" --verbosity quiet --nologo \
        -property:SourceRevisionId="$revision" -property:NativeLibraryDirectory="$runtimes/" \
        -property:NativeRuntimes="${runtime_names// /+}"
done
ls -l "$made"
