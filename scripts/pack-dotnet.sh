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

readonly native=$target/nuget/runtimes/linux-x64/native/libtango_token.so
readonly made=$target/nuget/packages

library=
if [ "${1-}" = --library ]; then
    library=$(realpath "$2")
fi
need_python
need git=git
need_dotnet || fail "The NuGet packages need the .NET SDK $oldest_dotnet or later"

if [ -z "$library" ]; then
    step "NuGet: native library"
    scripts/build-platform.sh linux-x64 shared
    library=$target/platforms/linux-x64/libtango_token.so
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
